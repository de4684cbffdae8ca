//! Who has what open or mapped: a look at every process.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

use rawipc::memory::memfd::{self, MemfdFlags};
use rawipc::process::maps::{self, Name, Permissions};
use rawipc::{Errno, Pid};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Statx, StatxFlags, statx};

/// Which file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct File {
    pub(crate) device: (u32, u32),
    pub(crate) inode: u64,
}

impl From<&Statx> for File {
    fn from(statx: &Statx) -> Self {
        Self {
            device: (statx.stx_dev_major, statx.stx_dev_minor),
            inode: statx.stx_ino,
        }
    }
}

/// What a process has of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Use {
    /// A descriptor of it.
    pub(crate) descriptor: Option<i32>,
    /// Whether it is mapped.
    pub(crate) is_mapped: bool,
    /// How many mappings show a member of a region: they can neither be read nor written.
    pub(crate) attachments: usize,
}

/// What is shared, and by whom.
pub(crate) struct Shared {
    /// The name that the kernel has for it.
    pub(crate) label: String,
    pub(crate) users: BTreeMap<i32, Use>,
}

/// All that was found.
pub(crate) struct Machine {
    pub(crate) files: BTreeMap<File, Shared>,
    /// What the processes are called.
    pub(crate) names: BTreeMap<i32, String>,
    /// How many processes could not be looked at: they are other users'.
    pub(crate) unseen: usize,
    devices: Devices,
}

/// The file systems on which processes share memory and queues: nothing else is touched, as the
/// server of a file system that is made of a process can keep who touches it waiting.
struct Devices {
    memfd: Option<(u32, u32)>,
    shm: Option<(u32, u32)>,
    mqueue: Option<(u32, u32)>,
}

/// What the kernel says of a file without asking its server.
pub(crate) fn status(fd: &OwnedFd) -> Option<Statx> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    statx(fd, c"", flags, StatxFlags::BASIC_STATS).ok()
}

fn device(fd: &OwnedFd) -> Option<(u32, u32)> {
    status(fd).map(|statx| File::from(&statx).device)
}

/// Opens a file without touching it.
pub(crate) fn point_at(path: &Path) -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, Mode::empty()).ok()
}

impl Devices {
    fn find() -> Self {
        let own = memfd::create("inspect", MemfdFlags::empty());
        let folder = |path: &str| device(&point_at(Path::new(path))?);
        Self {
            memfd: own.ok().and_then(|own| device(&OwnedFd::from(own))),
            shm: folder("/dev/shm"),
            mqueue: folder("/dev/mqueue"),
        }
    }

    fn has(&self, device: (u32, u32)) -> bool {
        [self.memfd, self.shm, self.mqueue].contains(&Some(device))
    }
}

impl Machine {
    pub(crate) fn look() -> Self {
        let mut machine = Self {
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            unseen: 0,
            devices: Devices::find(),
        };
        let Ok(entries) = fs::read_dir("/proc") else {
            machine.unseen = usize::MAX;
            return machine;
        };
        let own = std::process::id();
        for entry in entries.flatten() {
            let number = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            let Some(pid) = number.and_then(Pid::from_raw) else {
                continue;
            };
            if pid.as_raw_nonzero().get().cast_unsigned() != own {
                machine.look_at(pid, &entry.path());
            }
        }
        machine
    }

    fn look_at(&mut self, pid: Pid, folder: &Path) {
        let number = pid.as_raw_nonzero().get();
        let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
        self.names.insert(number, name.trim_end().to_owned());
        let open = self.look_at_descriptors(number, &folder.join("fd"));
        let mapped = self.look_at_maps(pid);
        if (open.is_none() || mapped.is_none()) && folder.exists() {
            self.unseen += 1;
        }
    }

    fn look_at_descriptors(&mut self, process: i32, folder: &Path) -> Option<()> {
        for entry in fs::read_dir(folder).ok()?.flatten() {
            let Ok(target) = fs::read_link(entry.path()) else {
                continue;
            };
            let label = target.to_string_lossy().into_owned();
            // A queue is in the root of its file system.
            let is_sought = label.starts_with("/memfd:")
                || label.starts_with("/dev/shm/")
                || label.rfind('/') == Some(0);
            if !is_sought {
                continue;
            }
            let Some(fd) = point_at(&entry.path()) else {
                continue;
            };
            let Some(file) = status(&fd).map(|statx| File::from(&statx)) else {
                continue;
            };
            let number = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            if let Some(used) = self.used(file, &label, process) {
                used.descriptor = used.descriptor.or(number);
            }
        }
        Some(())
    }

    fn look_at_maps(&mut self, process: Pid) -> Option<()> {
        let mut maps = match maps::open(process) {
            Ok(maps) => maps,
            // It has none: a part of the kernel, or one that has ended.
            Err(Errno::SRCH) => return Some(()),
            Err(_) => return None,
        };
        let mut buffer = vec![0; 64 << 10];
        let mut regions = maps.regions(&mut buffer);
        while let Some(region) = regions.next() {
            let region = region.ok()?;
            let Name::File(path) = region.name else {
                continue;
            };
            let file = File {
                device: (region.device.major, region.device.minor),
                inode: region.inode,
            };
            let label = String::from_utf8_lossy(path.bytes()).into_owned();
            let number = process.as_raw_nonzero().get();
            if let Some(used) = self.used(file, &label, number) {
                used.is_mapped = true;
                used.attachments += usize::from(region.permissions == Permissions::SHARED);
            }
        }
        Some(())
    }

    fn used(&mut self, file: File, label: &str, process: i32) -> Option<&mut Use> {
        if !self.devices.has(file.device) {
            return None;
        }
        let shared = self.files.entry(file).or_insert_with(|| Shared {
            label: label.to_owned(),
            users: BTreeMap::new(),
        });
        Some(shared.users.entry(process).or_default())
    }

    /// Who has a file.
    pub(crate) fn users(&self, file: File) -> impl Iterator<Item = (i32, &Use)> {
        let shared = self.files.get(&file);
        let users = shared.map(|shared| shared.users.iter());
        users.into_iter().flatten().map(|(&pid, used)| (pid, used))
    }

    /// Whether it is a memfd or a file of `/dev/shm`, which can be read and do not wait.
    pub(crate) fn is_memory(&self, file: File) -> bool {
        [self.devices.memfd, self.devices.shm].contains(&Some(file.device))
    }

    /// What a process is called, and that it is dead if it is.
    pub(crate) fn name(&self, process: i32) -> String {
        match self.names.get(&process) {
            Some(name) => format!("{process} ({})", name.escape_debug()),
            None if Pid::from_raw(process).is_some_and(is_alive) => format!("{process}"),
            None => format!("{process} (dead)"),
        }
    }
}

/// Whether a process has not ended.
pub(crate) fn is_alive(process: Pid) -> bool {
    let pidfd = rawipc::process::pidfd::open(process);
    pidfd.is_ok_and(|pidfd| pidfd.has_exited() == Ok(false))
}
