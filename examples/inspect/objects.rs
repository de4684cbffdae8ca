//! Objects that stay until somebody removes them: those of System V and of POSIX.

use std::fmt;
use std::path::{Path, PathBuf};

use rawipc::posix::{self, Name};
use rawipc::rendezvous;
use rawipc::sysv;
use rawipc::{Errno, Pid, Result};

use crate::processes::{File, Machine, is_alive, point_at, status};

/// One of them.
#[derive(Clone, Debug)]
pub(crate) enum Object {
    Segment(sysv::memory::Segment, sysv::memory::Status),
    Queue(sysv::message::Queue, sysv::message::Status),
    Set(sysv::semaphore::Set, sysv::semaphore::Status),
    Memory(Name),
    Semaphore(Name),
    MessageQueue(Name),
}

/// What is known of one.
pub(crate) struct State {
    pub(crate) text: String,
    /// Whether no living process is known to use it, and all that could are known.
    pub(crate) is_stale: bool,
}

/// Everything that is there.
pub(crate) fn all() -> Vec<Object> {
    let mut all = Vec::new();
    all.extend(each(sysv::memory::list()).map(|(id, status)| Object::Segment(id, status)));
    all.extend(each(sysv::message::list()).map(|(id, status)| Object::Queue(id, status)));
    all.extend(each(sysv::semaphore::list()).map(|(id, status)| Object::Set(id, status)));
    all.extend(each(posix::memory::list()).map(Object::Memory));
    all.extend(each(posix::semaphore::list()).map(Object::Semaphore));
    all.extend(each(posix::message::list()).map(Object::MessageQueue));
    all
}

/// What a list has. A kernel without these objects has none.
fn each<T>(list: Result<impl Iterator<Item = Result<T>>>) -> impl Iterator<Item = T> {
    list.into_iter().flatten().flatten()
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |name: &Name| {
            String::from_utf8_lossy(name.as_bytes())
                .escape_debug()
                .to_string()
        };
        match self {
            Self::Segment(segment, _) => write!(f, "System V memory {}", segment.id()),
            Self::Queue(queue, _) => write!(f, "System V queue {}", queue.id()),
            Self::Set(set, _) => write!(f, "System V semaphores {}", set.id()),
            Self::Memory(of) => write!(f, "POSIX memory {}", name(of)),
            Self::Semaphore(of) => write!(f, "POSIX semaphore {}", name(of)),
            Self::MessageQueue(of) => write!(f, "POSIX queue {}", name(of)),
        }
    }
}

impl Object {
    /// The file that it is.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        use std::os::unix::ffi::OsStrExt;
        let (folder, prefix, name) = match self {
            Self::Memory(name) => ("/dev/shm", "", name),
            Self::Semaphore(name) => ("/dev/shm", "sem.", name),
            Self::MessageQueue(name) => ("/dev/mqueue", "", name),
            _ => return None,
        };
        let bare = name.as_bytes().strip_prefix(b"/").unwrap_or_default();
        let mut file = std::ffi::OsString::from(prefix);
        file.push(std::ffi::OsStr::from_bytes(bare));
        Some(Path::new(folder).join(file))
    }

    /// Which file it is now.
    pub(crate) fn file(&self) -> Option<File> {
        let pointer = point_at(&self.path()?)?;
        status(&pointer).map(|statx| File::from(&statx))
    }

    /// What is known of it.
    pub(crate) fn state(&self, machine: &Machine) -> State {
        match self {
            Self::Segment(_, status) => segment(status, machine),
            Self::Queue(_, status) => queue(status, machine),
            Self::Set(set, status) => semaphores(*set, status, machine),
            _ => self.file_state(machine),
        }
    }

    /// What is known of a file: who has it open or mapped.
    fn file_state(&self, machine: &Machine) -> State {
        let Some(path) = self.path() else {
            return gone();
        };
        let Some(statx) = point_at(&path).and_then(|pointer| status(&pointer)) else {
            return gone();
        };
        let users: Vec<String> = machine
            .users(File::from(&statx))
            .map(|(pid, _)| machine.name(pid))
            .collect();
        let used = match users.as_slice() {
            [] => "nobody has it".to_owned(),
            users => format!("used by {}", users.join(", ")),
        };
        let (size, user, mode) = (statx.stx_size, statx.stx_uid, statx.stx_mode & 0o7777);
        let is_private = mode & 0o77 == 0 && user == rustix::process::geteuid().as_raw();
        State {
            text: format!("{size} bytes, user {user}, mode {mode:o}, {used}"),
            // Those that were not seen may have it, unless it is private to this user.
            is_stale: users.is_empty() && (machine.unseen == 0 || is_private),
        }
    }

    /// Removes it, unless it has been used or exchanged since.
    pub(crate) fn remove(&self) -> Result<()> {
        match self {
            Self::Segment(segment, _) => segment.remove(),
            Self::Queue(queue, _) => queue.remove(),
            Self::Set(set, _) => set.remove(),
            Self::Memory(name) => match self.path().map(rendezvous::remove_stale) {
                Some(Err(rendezvous::Error::NotRegion)) | None => posix::memory::unlink(name),
                Some(removed) => removed.map_err(|error| match error {
                    rendezvous::Error::Kernel(errno) => errno,
                    _ => Errno::BUSY,
                }),
            },
            Self::Semaphore(name) => posix::semaphore::unlink(name),
            Self::MessageQueue(name) => posix::message::unlink(name),
        }
    }

    /// Whether it is the same still, in the state in which it was listed.
    pub(crate) fn is_unchanged(&self, listed: Option<File>) -> bool {
        match self {
            Self::Segment(segment, status) => segment.status().as_ref() == Ok(status),
            Self::Queue(queue, status) => queue.status().as_ref() == Ok(status),
            Self::Set(set, status) => set.status().as_ref() == Ok(status),
            _ => self.file() == listed,
        }
    }
}

fn gone() -> State {
    State {
        text: "gone".to_owned(),
        is_stale: false,
    }
}

/// What is said of the processes that used something, and whether all of them are dead.
fn users(said: &[(&str, Option<Pid>)], machine: &Machine) -> (String, bool) {
    let mut text = String::new();
    let mut all_dead = false;
    for &(role, process) in said {
        let Some(process) = process else { continue };
        text += &format!(", {role} {}", machine.name(process.as_raw_nonzero().get()));
        if is_alive(process) {
            return (text, false);
        }
        all_dead = true;
    }
    (text, all_dead)
}

fn key(key: sysv::Key, access: sysv::Access) -> String {
    let mode = access.mode.bits();
    format!(
        "key {:#010x}, user {}, mode {mode:o}",
        key.as_raw(),
        access.owner
    )
}

fn segment(status: &sysv::memory::Status, machine: &Machine) -> State {
    let said = [
        ("created by", status.creator),
        ("last used by", status.last_process),
    ];
    let (by, all_dead) = users(&said, machine);
    let key = key(status.permissions.key, status.permissions.access);
    let (size, attached) = (status.size, status.attached);
    State {
        text: format!("{key}, {size} bytes, attached {attached} times{by}"),
        is_stale: attached == 0 && all_dead,
    }
}

fn queue(status: &sysv::message::Status, machine: &Machine) -> State {
    let said = [
        ("last sender", status.last_sender),
        ("last receiver", status.last_receiver),
    ];
    let (by, all_dead) = users(&said, machine);
    let key = key(status.permissions.key, status.permissions.access);
    let (messages, bytes) = (status.messages, status.bytes);
    State {
        text: format!("{key}, {messages} messages of {bytes} bytes{by}"),
        is_stale: all_dead,
    }
}

fn semaphores(
    set: sysv::semaphore::Set,
    status: &sysv::semaphore::Status,
    machine: &Machine,
) -> State {
    let count = u16::try_from(status.count).unwrap_or(u16::MAX);
    let last = |index| set.last_process(index).ok().flatten();
    let said: Vec<_> = (0..count)
        .map(|index| ("last used by", last(index)))
        .collect();
    let (by, all_dead) = users(&said, machine);
    let key = key(status.permissions.key, status.permissions.access);
    State {
        text: format!("{key}, {count} of them{by}"),
        is_stale: all_dead,
    }
}
