//! POSIX shared memory and names: every operation, flag and error, and libc's on
//! the other end.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::collections::BTreeSet;
use std::fs;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;

use rawipc::memory::{MapOptions, Protection};
use rawipc::posix::memory::{self, Access, CreateOptions, Memory, MemoryFlags};
use rawipc::posix::{NAME_MAX, Name};
use rawipc::{Errno, Mode};
use rustix::io::FdFlags;

use support::child::become_nobody;
use support::filter::{NO_UNNAMED_FILES, Refusal, refuse};
use support::{Child, End, LeakCheck, Peer, PeerArgs, pattern};

/// A name of this test process; unlinked when dropped.
struct Own(Name);

impl Own {
    fn new(label: &str) -> Self {
        let name = format!("/rawipc-test-{}-{label}", std::process::id());
        Self(Name::new(name).unwrap())
    }

    /// Its file.
    fn path(&self) -> String {
        format!("/dev/shm{}", self.0)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = memory::unlink(&self.0);
    }
}

impl core::ops::Deref for Own {
    type Target = Name;

    fn deref(&self) -> &Name {
        &self.0
    }
}

fn create(name: &Name, size: u64) -> Memory {
    CreateOptions::new().size(size).create(name).unwrap()
}

fn open(name: &Name, access: Access) -> Memory {
    memory::open(name, access, MemoryFlags::empty()).unwrap()
}

/// `shm_open` of libc.
fn libc_open(name: &CStr, flags: libc::c_int) -> Option<OwnedFd> {
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::shm_open(name.as_ptr(), flags, 0o600) };
    // SAFETY: a new descriptor, nobody else's.
    (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) })
}

#[test]
fn names_are_validated_as_posix_says() {
    for good in ["/a", "a", "///a"] {
        assert_eq!(Name::new(good).unwrap().as_bytes(), b"/a");
        assert_eq!(good.parse::<Name>(), Name::try_from(good));
        assert_eq!(Name::new(good), Name::try_from(good.as_bytes()));
    }
    for good in [
        "/...", "/.a", "/a.", "/-", "/ ", "/\u{fc}", "/a\\b", "/sem.a",
    ] {
        assert_eq!(Name::new(good).unwrap().as_bytes(), good.as_bytes());
    }
    let wrong = [
        "", "/", "//", ".", "/.", "//..", "..", "/a/", "/a/b", "a/", "a//b", "\0", "/a\0", "/a\0b",
    ];
    for wrong in wrong {
        assert_eq!(Name::new(wrong), Err(Errno::INVAL), "{wrong:?}");
    }
    let longest = Name::new([b'n'; NAME_MAX]).unwrap();
    assert_eq!(longest.as_c_str().to_bytes().len(), 1 + NAME_MAX);
    assert_eq!(Name::try_from(longest.as_c_str()), Ok(longest.clone()));
    for len in [NAME_MAX + 1, NAME_MAX + 2, 4096, 1 << 20] {
        assert_eq!(Name::new(vec![b'n'; len]), Err(Errno::NAMETOOLONG));
    }
    // However many slashes.
    let slashes = [[b'/'; 1000].as_slice(), &[b'n'; NAME_MAX]].concat();
    assert_eq!(Name::new(slashes), Ok(longest));

    let name = Name::new(b"/a\xffb").unwrap();
    assert_eq!(name.to_string(), "/a\u{fffd}b");
    assert_eq!(format!("{name:?}"), r#""/a\xffb""#);
    assert_eq!(Name::new("/b").unwrap().to_string(), "/b");
    assert!(Name::new("/a").unwrap() < Name::new("/b").unwrap());
    let set: std::collections::HashSet<Name> =
        [Name::new("a"), Name::new("/a")].map(Result::unwrap).into();
    assert_eq!(set.len(), 1);
}

#[test]
fn object_is_private_and_exclusive_unless_requested_otherwise() {
    let _check = LeakCheck::begin();
    let name = Own::new("new");
    let plain = CreateOptions::default().create(&name).unwrap();
    assert_eq!(plain.size(), Ok(0));
    assert_eq!(plain.mode(), Ok(Mode::RUSR | Mode::WUSR));
    assert_eq!(rustix::io::fcntl_getfd(&plain).unwrap(), FdFlags::CLOEXEC);
    let again = CreateOptions::new().size(10).create(&name);
    assert_eq!(again.unwrap_err(), Errno::EXIST);
    assert_eq!(plain.size(), Ok(0));
    plain.set_size(5).unwrap();

    let existing = CreateOptions::new().size(10).open_existing();
    let other = existing
        .mode(Mode::RUSR | Mode::WUSR | Mode::RGRP)
        .flags(MemoryFlags::INHERITED);
    let opened = other.create(&name).unwrap();
    assert_eq!((opened.size(), opened.mode()), (Ok(5), plain.mode()));
    assert_eq!(rustix::io::fcntl_getfd(&opened).unwrap(), FdFlags::empty());

    memory::unlink(&name).unwrap();
    let created = other.create(&name).unwrap();
    assert_eq!(created.size(), Ok(10));
    assert_eq!(created.mode(), Ok(Mode::RUSR | Mode::WUSR | Mode::RGRP));
    assert_eq!(rustix::io::fcntl_getfd(&created).unwrap(), FdFlags::empty());
    created.set_mode(Mode::RUSR).unwrap();
    let mode = fs::metadata(name.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o400);
    // The one that had the name before is another.
    assert_eq!(plain.size(), Ok(5));

    let inherited = memory::open(&name, Access::ReadOnly, MemoryFlags::INHERITED).unwrap();
    assert_eq!(
        rustix::io::fcntl_getfd(&inherited).unwrap(),
        FdFlags::empty()
    );
    let opened = open(&name, Access::ReadOnly);
    assert_eq!(rustix::io::fcntl_getfd(&opened).unwrap(), FdFlags::CLOEXEC);
}

#[test]
fn shared_memory_has_the_size_requested() {
    let _check = LeakCheck::begin();
    let name = Own::new("sizes");
    for size in [0, 1, 4095, 4096, 1 << 40] {
        assert_eq!(create(&name, size).size(), Ok(size));
        memory::unlink(&name).unwrap();
    }
    for size in [i64::MAX as u64 + 1, u64::MAX] {
        let refused = CreateOptions::new().size(size).create(&name);
        assert_eq!(refused.unwrap_err(), Errno::FBIG);
    }
    assert_eq!(
        memory::open(&name, Access::ReadOnly, MemoryFlags::empty()).unwrap_err(),
        Errno::NOENT
    );
    let memory = create(&name, 10);
    memory.write_at(0, b"0123456789").unwrap();
    memory.set_size(3).unwrap();
    memory.set_size(5).unwrap();
    let mut bytes = [1; 10];
    assert_eq!(memory.read_at(0, &mut bytes), Ok(5));
    assert_eq!(&bytes[..5], b"012\0\0");
    assert_eq!(memory.read_at(5, &mut bytes), Ok(0));
    assert_eq!(memory.set_size(u64::MAX), Err(Errno::FBIG));

    memory.allocate(4096, 4096).unwrap();
    assert_eq!(memory.size(), Ok(8192));
    assert_eq!(memory.allocate(0, 0), Err(Errno::INVAL));
    let room = rustix::fs::fstatvfs(&memory).unwrap();
    let too_much = room.f_frsize * (room.f_blocks + 1);
    assert_eq!(memory.allocate(0, too_much), Err(Errno::NOSPC));
    assert_eq!(memory.size(), Ok(8192));

    // To empty it when it is opened.
    let other = memory::open(&name, Access::ReadOnly, MemoryFlags::TRUNCATE).unwrap();
    assert_eq!(other.size(), Ok(8192));
    let other = memory::open(&name, Access::ReadWrite, MemoryFlags::TRUNCATE).unwrap();
    assert_eq!((other.size(), memory.size()), (Ok(0), Ok(0)));
    // What are no flags of an object is left out: here O_APPEND and O_CREAT.
    let bits = (libc::O_APPEND | libc::O_CREAT) as u32;
    let unknown = MemoryFlags::from_bits_retain(bits);
    let other = memory::open(&name, Access::ReadWrite, unknown).unwrap();
    let flags = rustix::fs::fcntl_getfl(&other).unwrap();
    assert!(!flags.contains(rustix::fs::OFlags::APPEND));
    memory::unlink(&name).unwrap();
    let refused = memory::open(&name, Access::ReadWrite, unknown);
    assert_eq!(refused.unwrap_err(), Errno::NOENT);
}

#[test]
fn read_only_memory_cannot_be_written() {
    let _check = LeakCheck::begin();
    let name = Own::new("readonly");
    let ours = create(&name, 4096);
    ours.write_at(10, b"word").unwrap();
    let theirs = open(&name, Access::ReadOnly);
    let mut word = [0; 4];
    assert_eq!(theirs.read_at(10, &mut word), Ok(4));
    assert_eq!(&word, b"word");
    assert_eq!(theirs.write_at(10, &word), Err(Errno::BADF));
    assert_eq!(theirs.set_size(0), Err(Errno::INVAL));
    assert_eq!(theirs.allocate(0, 1), Err(Errno::BADF));
    let refused = MapOptions::shared(4096).map(&theirs);
    assert_eq!(refused.unwrap_err(), Errno::ACCESS);
    let options = MapOptions::shared(4096).protection(Protection::READ);
    let mapping = options.map(&theirs).unwrap();
    ours.write_at(10, b"more").unwrap();
    mapping.read_at(10, &mut word).unwrap();
    assert_eq!(&word, b"more");
}

#[test]
fn other_file_is_not_opened_as_memory() {
    let _check = LeakCheck::begin();
    let name = Own::new("other");
    let opened = |access| memory::open(&name, access, MemoryFlags::empty()).map(drop);
    let both = || {
        let result = opened(Access::ReadOnly);
        assert_eq!(opened(Access::ReadWrite), result);
        let existing = CreateOptions::new().open_existing().create(&name);
        assert_eq!(existing.map(drop), result);
        let refused = CreateOptions::new().create(&name);
        assert_eq!(refused.unwrap_err(), Errno::EXIST);
        result
    };
    assert_eq!(opened(Access::ReadOnly), Err(Errno::NOENT));
    assert_eq!(memory::unlink(&name), Err(Errno::NOENT));

    fs::create_dir(name.path()).unwrap();
    assert_eq!(both(), Err(Errno::INVAL));
    assert_eq!(memory::unlink(&name), Err(Errno::ISDIR));
    let listed = |name: &Name| {
        memory::list()
            .unwrap()
            .any(|other| other.as_ref() == Ok(name))
    };
    assert!(!listed(&name));
    fs::remove_dir(name.path()).unwrap();

    std::os::unix::fs::symlink("/dev/zero", name.path()).unwrap();
    assert_eq!(both(), Err(Errno::LOOP));
    memory::unlink(&name).unwrap();

    let fifo = rustix::fs::FileType::Fifo;
    let mode = Mode::RUSR | Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, name.path(), fifo, mode, 0).unwrap();
    // Neither does it block.
    assert_eq!(both(), Err(Errno::INVAL));
    fs::remove_file(name.path()).unwrap();

    let socket = std::os::unix::net::UnixListener::bind(name.path()).unwrap();
    assert_eq!(both(), Err(Errno::INVAL));
    drop(socket);
}

#[test]
fn memory_is_shared_with_libc() {
    let _check = LeakCheck::begin();
    let name = Own::new("libc");
    let ours = create(&name, 4096);
    let theirs = libc_open(name.as_c_str(), libc::O_RDWR).unwrap();
    assert_eq!(rustix::fs::fstat(&theirs).unwrap().st_size, 4096);
    let mapping = MapOptions::shared(4096).map(&theirs).unwrap();
    mapping.write_at(7, b"theirs").unwrap();
    let mut word = [0; 6];
    ours.read_at(7, &mut word).unwrap();
    assert_eq!(&word, b"theirs");
    memory::unlink(&name).unwrap();
    assert!(libc_open(name.as_c_str(), libc::O_RDWR).is_none());

    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
    let theirs = libc_open(name.as_c_str(), flags).unwrap();
    rustix::fs::ftruncate(&theirs, 100).unwrap();
    let ours = open(&name, Access::ReadWrite);
    assert_eq!(ours.size(), Ok(100));
    // SAFETY: the name is a C string.
    assert_eq!(unsafe { libc::shm_unlink(name.as_c_str().as_ptr()) }, 0);
    assert_eq!(memory::unlink(&name), Err(Errno::NOENT));
}

#[test]
fn memory_is_shared_by_processes_past_a_death() {
    if let Some(mut half) = PeerArgs::role("half") {
        let name = Name::new(half.channel.hear()).unwrap();
        let theirs = open(&name, Access::ReadWrite);
        let size = theirs.size().unwrap() as usize;
        let mapping = MapOptions::shared(size).map(&theirs).unwrap();
        let mut bytes = vec![0; size];
        mapping.read_at(0, &mut bytes).unwrap();
        assert!(bytes == pattern(size, 3));
        mapping.write_at(0, &pattern(size, 5)).unwrap();
        memory::unlink(&name).unwrap();
        half.channel.say("written");
        loop {
            std::thread::park();
        }
    }
    const SIZE: usize = 1 << 20;
    let _check = LeakCheck::begin();
    let name = Own::new("two");
    let ours = create(&name, SIZE as u64);
    let mapping = MapOptions::shared(SIZE).map(&ours).unwrap();
    mapping.write_at(0, &pattern(SIZE, 3)).unwrap();
    let mut peer = Peer::start(test_name!(), "half", &[]);
    peer.say(&name.to_string());
    peer.expect("written");
    peer.kill();
    let mut bytes = vec![0; SIZE];
    mapping.read_at(0, &mut bytes).unwrap();
    assert!(bytes == pattern(SIZE, 5));
    // The name is free at once.
    assert_eq!(create(&name, 1).size(), Ok(1));
    assert_eq!(ours.size(), Ok(SIZE as u64));
}

#[test]
fn memory_being_created_is_never_seen_too_short() {
    let _check = LeakCheck::begin();
    let name = Own::new("short");
    let done = AtomicBool::new(false);
    let seen = AtomicU32::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                match memory::open(&name, Access::ReadOnly, MemoryFlags::empty()) {
                    Err(Errno::NOENT) => continue,
                    memory => {
                        seen.fetch_add(1, Ordering::Relaxed);
                        assert_eq!(memory.unwrap().size(), Ok(4096));
                    }
                }
            }
        });
        let mut rounds = 0;
        while rounds < 1_000 || seen.load(Ordering::Relaxed) == 0 {
            drop(create(&name, 4096));
            memory::unlink(&name).unwrap();
            rounds += 1;
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn create_without_unnamed_files_or_links_succeeds() {
    if let Some(mut half) = PeerArgs::role("without") {
        let name = Name::new(half.channel.hear()).unwrap();
        if !refuse(NO_UNNAMED_FILES) {
            skipped!("no filters of system calls here");
        }
        assert_eq!(create(&name, 77).size(), Ok(77));
        let refused = CreateOptions::new().create(&name);
        assert_eq!(refused.unwrap_err(), Errno::EXIST);
        // The contents are refused: nothing is left.
        let other = Name::new(format!("{name}-huge")).unwrap();
        let no_size = Refusal {
            number: libc::SYS_ftruncate,
            argument: 1,
            mask: u32::MAX,
            value: 78,
            errno: libc::ENOSPC,
        };
        if refuse(&[no_size]) {
            let refused = CreateOptions::new().size(78).create(&other);
            assert_eq!(refused.unwrap_err(), Errno::NOSPC);
        }
        // Nor is a descriptor.
        let temporary = format!("/.rawipc-{}-", std::process::id());
        for name in memory::list().unwrap() {
            assert!(!name.unwrap().to_string().starts_with(&temporary));
        }
        return;
    }
    let _check = LeakCheck::begin();
    let name = Own::new("without");
    let mut peer = Peer::start(test_name!(), "without", &[]);
    peer.say(&name.to_string());
    peer.finish();
    assert_eq!(open(&name, Access::ReadOnly).size(), Ok(77));
}

#[test]
fn create_without_descriptors_left_is_refused() {
    let _check = LeakCheck::begin();
    let name = Own::new("descriptors");
    drop(create(&name, 1));
    let other = Own::new("descriptors-other");
    let mut child = Child::fork(|| {
        let none = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: the limit is borrowed for the call.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const none) };
        let opened = memory::open(&name, Access::ReadOnly, MemoryFlags::empty());
        if opened.err() != Some(Errno::MFILE) {
            return 1;
        }
        if CreateOptions::new().create(&other).err() != Some(Errno::MFILE) {
            return 2;
        }
        i32::from(memory::list().err() != Some(Errno::MFILE))
    });
    assert_eq!(child.wait(), End::Exited(0));
}

#[test]
fn mode_decides_about_other_users() {
    let _check = LeakCheck::begin();
    if !support::needs::root() {
        return;
    }
    let name = Own::new("mode");
    let ours = create(&name, 1);
    let as_nobody = |body: &dyn Fn() -> i32| {
        Child::fork(|| {
            // By system call, as libc would ask the other threads that it knows of.
            // SAFETY: no memory is involved, as there are no groups.
            let no_groups = unsafe { libc::syscall(libc::SYS_setgroups, 0, 0) };
            let ids = [libc::SYS_setresgid, libc::SYS_setresuid].map(|number| {
                // SAFETY: no memory is involved.
                unsafe { libc::syscall(number, 65_534, 65_534, 65_534) }
            });
            if no_groups != 0 || ids != [0; 2] {
                return 100;
            }
            body()
        })
        .wait()
    };
    let access = |access| memory::open(&name, access, MemoryFlags::empty()).err();
    let existing = CreateOptions::new().open_existing();
    let none = as_nobody(&|| {
        let refused = access(Access::ReadOnly) == Some(Errno::ACCESS)
            && existing.create(&name).err() == Some(Errno::ACCESS)
            && ours.set_mode(Mode::RWXU) == Err(Errno::PERM)
            && memory::unlink(&name) == Err(Errno::ACCESS);
        i32::from(!refused)
    });
    assert_eq!(none, End::Exited(0));
    ours.set_mode(Mode::RUSR | Mode::ROTH).unwrap();
    let read = as_nobody(&|| {
        let read =
            access(Access::ReadOnly).is_none() && access(Access::ReadWrite) == Some(Errno::ACCESS);
        i32::from(!read)
    });
    assert_eq!(read, End::Exited(0));
    // Whatever fs.protected_regular says.
    ours.set_mode(Mode::RUSR | Mode::ROTH | Mode::WOTH).unwrap();
    let write = as_nobody(&|| i32::from(existing.create(&name).is_err()));
    assert_eq!(write, End::Exited(0));
}

#[test]
fn created_memory_is_open_whatever_its_mode() {
    let _check = LeakCheck::begin();
    let (plain, renamed) = (Own::new("to-read"), Own::new("to-read-renamed"));
    let opens = |name: &Name, mode: Mode| {
        let options = CreateOptions::new().mode(mode).access(Access::ReadOnly);
        let ours = options.size(100).create(name)?;
        let as_asked = ours.size() == Ok(100)
            && ours.mode() == Ok(mode)
            && ours.read_at(0, &mut [1; 200]) == Ok(100)
            && ours.write_at(0, &[1]) == Err(Errno::BADF)
            && rustix::io::fcntl_getfd(&ours).is_ok_and(|flags| flags == FdFlags::CLOEXEC);
        // Whoever comes later is asked for the mode.
        let later = options.open_existing().create(name).err();
        let privileged = rustix::process::geteuid().is_root();
        let refused = privileged || mode.contains(Mode::RUSR) || later == Some(Errno::ACCESS);
        memory::unlink(name)?;
        Ok::<_, Errno>(as_asked && refused)
    };
    let all = |name: &Name| {
        [Mode::empty(), Mode::WUSR, Mode::RUSR]
            .into_iter()
            .all(|mode| opens(name, mode) == Ok(true))
    };
    assert!(all(&plain));
    let nobody = Child::fork(|| match become_nobody() {
        true => i32::from(!all(&plain)),
        false => 0,
    });
    assert_eq!({ nobody }.wait(), End::Exited(0));
    let by_name = Child::fork(|| match refuse(NO_UNNAMED_FILES) && become_nobody() {
        true => i32::from(!all(&renamed)),
        false => 0,
    });
    assert_eq!({ by_name }.wait(), End::Exited(0));
}

#[test]
fn list_names_every_object_once() {
    let _check = LeakCheck::begin();
    // More than one reading of the directory, names of many lengths among them.
    let names: Vec<Own> = (0..60)
        .map(|n| Own::new(&format!("list-{n}-{}", "x".repeat(3 * n))))
        .collect();
    for name in &names {
        drop(create(name, 0));
    }
    let semaphore = Own::new("unused");
    let semaphore = format!("/sem.{}", &semaphore.to_string()[1..]);
    let semaphore = Own(Name::new(semaphore).unwrap());
    drop(create(&semaphore, 0));

    let begin = format!("/rawipc-test-{}-list-", std::process::id());
    let mut listed = BTreeSet::new();
    for name in memory::list().unwrap() {
        let name = name.unwrap();
        assert_ne!(name, *semaphore);
        if name.as_bytes().starts_with(begin.as_bytes()) {
            assert!(listed.insert(name), "twice");
        }
    }
    assert_eq!(listed, names.iter().map(|name| name.0.clone()).collect());
    let mut all = memory::list().unwrap();
    // Others make and remove theirs meanwhile.
    assert!(all.by_ref().count() >= names.len());
    assert!(all.next().is_none());
}

#[test]
fn memory_converts_to_descriptor_and_file() {
    let _check = LeakCheck::begin();
    let name = Own::new("file");
    let memory = create(&name, 0);
    assert_eq!(memory.as_fd().as_raw_fd(), memory.as_raw_fd());
    let mut file = File::from(memory);
    file.write_all(b"text").unwrap();
    let memory = Memory::from(OwnedFd::from(Memory::from(file)));
    assert_eq!(memory.size(), Ok(4));
    // SAFETY: just given up.
    let fd = unsafe { OwnedFd::from_raw_fd(memory.into_raw_fd()) };
    drop(fd);
    let mut text = String::new();
    File::from(open(&name, Access::ReadOnly))
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "text");
}
