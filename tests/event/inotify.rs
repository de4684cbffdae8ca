//! Inotify: every event and flag, names, overflow, unmounting, bytes from
//! elsewhere, and two processes that meet in a directory.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::time::Duration;
use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Instant;

use proptest::prelude::*;
use rawipc::event::inotify::{
    self, EVENT_MAX, EventMask, Events, Inotify, InotifyFlags, Watch, WatchFlags,
};
use rawipc::{Deadline, Errno};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::FdFlags;

use support::{Folder, LeakCheck, Peer, PeerArgs, limit};

const SHORT: Duration = Duration::from_millis(50);

fn create() -> Inotify {
    inotify::create(InotifyFlags::empty()).unwrap()
}

type Told = (i32, EventMask, Option<String>);

/// What is in the queue now.
fn now(inotify: &Inotify) -> Vec<Told> {
    let mut told = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match inotify.try_read(&mut buffer) {
            Ok(records) => told.extend(records.map(|record| {
                let name = record
                    .name()
                    .map(|name| String::from_utf8_lossy(name).into_owned());
                let watch = record.watch().map_or(-1, Watch::number);
                (watch, record.mask(), name)
            })),
            Err(Errno::AGAIN) => return told,
            Err(errno) => panic!("{errno}"),
        }
    }
}

/// What one watch, of `path` for all, tells of `act`.
fn told_of(path: &Path, act: impl FnOnce()) -> Vec<(EventMask, Option<String>)> {
    let inotify = create();
    inotify.watch(path, WatchFlags::ALL).unwrap();
    act();
    now(&inotify)
        .into_iter()
        .map(|(_, what, name)| (what, name))
        .collect()
}

fn named(what: EventMask, name: &str) -> (EventMask, Option<String>) {
    (what, Some(name.to_owned()))
}

#[test]
fn inotify_flags_are_as_requested() {
    let _check = LeakCheck::begin();
    let plain = create();
    assert_eq!(rustix::io::fcntl_getfd(&plain).unwrap(), FdFlags::CLOEXEC);
    let is_nonblocking = |inotify: &Inotify| {
        let flags = rustix::fs::fcntl_getfl(inotify).unwrap();
        flags.contains(OFlags::NONBLOCK)
    };
    assert!(is_nonblocking(&plain));
    let other = InotifyFlags::INHERITED | InotifyFlags::BLOCKING;
    let other = inotify::create(other).unwrap();
    assert_eq!(rustix::io::fcntl_getfd(&other).unwrap(), FdFlags::empty());
    assert!(!is_nonblocking(&other));
    let unknown = InotifyFlags::from_bits_retain(1 << 30);
    assert_eq!(inotify::create(unknown).unwrap_err(), Errno::INVAL);
}

#[test]
fn inotify_converts_to_descriptor_and_back() {
    let _check = LeakCheck::begin();
    let directory = Folder::new("descriptor");
    let inotify = create();
    inotify.watch(&*directory, WatchFlags::CREATE).unwrap();
    assert_eq!(inotify.as_raw_fd(), inotify.as_fd().as_raw_fd());
    let inotify = Inotify::from(OwnedFd::from(inotify));
    // SAFETY: just given up.
    let inotify = Inotify::from(unsafe { OwnedFd::from_raw_fd(inotify.into_raw_fd()) });
    File::create(directory.at("new")).unwrap();
    assert_eq!(now(&inotify).len(), 1);
}

#[test]
fn every_event_in_directory_is_reported() {
    let _check = LeakCheck::begin();
    let directory = Folder::new("every");
    let (inside, outside) = (Folder::new("inside"), Folder::new("outside"));
    let at = |name| directory.at(name);
    let told = |act: &dyn Fn()| told_of(&directory, act);

    let created = told(&|| drop(directory.file("a", "content")));
    let expected = [
        EventMask::CREATE,
        EventMask::OPEN,
        EventMask::MODIFY,
        EventMask::CLOSE_WRITE,
    ];
    assert_eq!(created, expected.map(|what| named(what, "a")));
    let read = told(&|| drop(fs::read(at("a")).unwrap()));
    let expected = [EventMask::OPEN, EventMask::ACCESS, EventMask::CLOSE_NOWRITE];
    assert_eq!(read, expected.map(|what| named(what, "a")));
    let changed =
        told(&|| fs::set_permissions(at("a"), fs::Permissions::from_mode(0o640)).unwrap());
    assert_eq!(changed, [named(EventMask::ATTRIB, "a")]);
    let deleted = told(&|| fs::remove_file(at("a")).unwrap());
    assert_eq!(deleted, [named(EventMask::DELETE, "a")]);
    let folder = told(&|| fs::create_dir(at("d")).unwrap());
    assert_eq!(
        folder,
        [named(EventMask::CREATE | EventMask::IS_DIRECTORY, "d")]
    );
    let folder = told(&|| fs::remove_dir(at("d")).unwrap());
    assert_eq!(
        folder,
        [named(EventMask::DELETE | EventMask::IS_DIRECTORY, "d")]
    );

    let fifo = told(&|| {
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(CWD, at("f"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    });
    assert_eq!(fifo, [named(EventMask::CREATE, "f")]);
    let socket = told(&|| drop(UnixListener::bind(at("s")).unwrap()));
    assert!(
        socket.contains(&named(EventMask::CREATE, "s")),
        "{socket:?}"
    );
    let link = told(&|| symlink("nowhere", at("l")).unwrap());
    assert_eq!(link, [named(EventMask::CREATE, "l")]);

    let from = outside.file("x", "");
    let came = told(&|| fs::rename(&from, at("y")).unwrap());
    assert_eq!(came, [named(EventMask::MOVED_TO, "y")]);
    let went = told(&|| fs::rename(at("y"), inside.at("z")).unwrap());
    assert_eq!(went, [named(EventMask::MOVED_FROM, "y")]);

    // The watched itself.
    let renamed = told_of(&inside, || {
        fs::rename(&*inside, outside.at("new")).unwrap();
    });
    assert_eq!(renamed, [(EventMask::MOVE_SELF, None)]);
    let removed = told_of(&outside.at("new"), || {
        fs::remove_file(outside.at("new/z")).unwrap();
        fs::remove_dir(outside.at("new")).unwrap();
    });
    assert_eq!(
        removed,
        [
            named(EventMask::DELETE, "z"),
            (EventMask::DELETE_SELF, None),
            (EventMask::IGNORED, None),
        ]
    );
}

#[test]
fn rename_is_two_events_of_one_cookie() {
    let _check = LeakCheck::begin();
    let directory = Folder::new("cookie");
    let inotify = create();
    directory.file("a", "");
    directory.file("b", "");
    inotify.watch(&*directory, WatchFlags::MOVE).unwrap();
    for (from, to) in [("a", "c"), ("b", "d")] {
        fs::rename(directory.at(from), directory.at(to)).unwrap();
    }
    let mut buffer = [0; 4096];
    let records: Vec<_> = inotify.read(&mut buffer).unwrap().collect();
    let [a, c, b, d] = records[..] else {
        panic!("{records:?}");
    };
    assert_eq!(
        (a.mask(), a.name()),
        (EventMask::MOVED_FROM, Some(&b"a"[..]))
    );
    assert_eq!((c.mask(), c.name()), (EventMask::MOVED_TO, Some(&b"c"[..])));
    assert_ne!(a.cookie(), 0);
    assert_eq!((a.cookie(), b.cookie()), (c.cookie(), d.cookie()));
    assert_ne!(a.cookie(), b.cookie());
    let text = format!("{a:?}");
    assert!(text.contains("MOVED_FROM") && text.contains('a'), "{text}");
}

#[test]
fn file_is_watched_by_inode() {
    let _check = LeakCheck::begin();
    let directory = Folder::new("inode");
    let inotify = create();
    let path = directory.file("a", "");
    fs::hard_link(&path, directory.at("b")).unwrap();
    let watch = inotify.watch(&path, WatchFlags::MODIFY).unwrap();
    let other = inotify
        .watch(directory.at("b"), WatchFlags::MODIFY)
        .unwrap();
    assert_eq!(watch, other);
    let mut file = OpenOptions::new()
        .append(true)
        .open(directory.at("b"))
        .unwrap();
    file.write_all(b"x").unwrap();
    assert_eq!(now(&inotify), [(watch.number(), EventMask::MODIFY, None)]);

    inotify.remove(watch).unwrap();
    assert_eq!(now(&inotify), [(watch.number(), EventMask::IGNORED, None)]);
    assert_eq!(inotify.remove(watch), Err(Errno::INVAL));
    file.write_all(b"x").unwrap();
    assert_eq!(now(&inotify), []);

    // Deleted with its last descriptor, not with its last name.
    let watch = inotify.watch(&path, WatchFlags::DELETE_SELF).unwrap();
    fs::remove_file(&path).unwrap();
    fs::remove_file(directory.at("b")).unwrap();
    assert_eq!(now(&inotify), []);
    drop(file);
    let number = watch.number();
    let expected = [
        (number, EventMask::DELETE_SELF, None),
        (number, EventMask::IGNORED, None),
    ];
    assert_eq!(now(&inotify), expected);
}

#[test]
fn watch_flags_are_as_requested() {
    let _check = LeakCheck::begin();
    let directory = Folder::new("flags");
    let path = directory.file("a", "");
    symlink(&path, directory.at("link")).unwrap();
    let append = || OpenOptions::new().append(true).open(&path).unwrap();
    let whats = |inotify: &Inotify| -> Vec<_> { now(inotify).iter().map(|told| told.1).collect() };

    // Replaced, added to, or refused.
    let inotify = create();
    inotify.watch(&path, WatchFlags::OPEN).unwrap();
    let watch = inotify.watch(&path, WatchFlags::CLOSE).unwrap();
    drop(append());
    assert_eq!(whats(&inotify), [EventMask::CLOSE_WRITE]);
    let added = WatchFlags::OPEN | WatchFlags::MASK_ADD;
    assert_eq!(inotify.watch(&path, added), Ok(watch));
    drop(append());
    assert_eq!(whats(&inotify), [EventMask::OPEN, EventMask::CLOSE_WRITE]);
    let created = WatchFlags::ALL | WatchFlags::MASK_CREATE;
    assert_eq!(inotify.watch(&path, created), Err(Errno::EXIST));
    let both = created | WatchFlags::MASK_ADD;
    assert_eq!(inotify.watch(&path, both), Err(Errno::INVAL));
    inotify.remove(watch).unwrap();
    assert!(inotify.watch(&path, created).is_ok());

    // One thing.
    let inotify = create();
    let once = WatchFlags::OPEN | WatchFlags::ONE_SHOT;
    inotify.watch(&path, once).unwrap();
    drop(append());
    drop(append());
    assert_eq!(whats(&inotify), [EventMask::OPEN, EventMask::IGNORED]);

    // Directories only; a link itself.
    let folders = WatchFlags::ALL | WatchFlags::ONLY_DIRECTORY;
    assert_eq!(inotify.watch(&path, folders), Err(Errno::NOTDIR));
    assert!(inotify.watch(&*directory, folders).is_ok());
    let inotify = create();
    let link = WatchFlags::ALL | WatchFlags::DONT_FOLLOW;
    let link = inotify.watch(directory.at("link"), link).unwrap();
    let followed = inotify
        .watch(directory.at("link"), WatchFlags::ALL)
        .unwrap();
    assert_ne!(link, followed);
    assert_eq!(inotify.watch(&path, WatchFlags::ALL), Ok(followed));

    // What has no name any more.
    for (flags, count) in [(WatchFlags::empty(), 1), (WatchFlags::EXCL_UNLINK, 0)] {
        let path = directory.file("unlinked", "");
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        let inotify = create();
        inotify
            .watch(&*directory, WatchFlags::MODIFY | flags)
            .unwrap();
        fs::remove_file(path).unwrap();
        file.write_all(b"x").unwrap();
        assert_eq!(now(&inotify).len(), count);
    }
}

#[test]
fn watch_of_unsuitable_path_is_refused() {
    if let Some(mut half) = PeerArgs::role("unprivileged") {
        let path = half.channel.hear();
        let user = rustix::process::Uid::from_raw(65534);
        rustix::thread::set_thread_uid(user).unwrap();
        let result = create().watch(path, WatchFlags::ALL);
        assert_eq!(result, Err(Errno::ACCESS));
        half.channel.say("done");
        return;
    }
    let _check = LeakCheck::begin();
    let directory = Folder::new("refused");
    let inotify = create();
    let missing = directory.at("missing");
    assert_eq!(inotify.watch(missing, WatchFlags::ALL), Err(Errno::NOENT));
    let nothing = WatchFlags::empty();
    assert_eq!(inotify.watch(&*directory, nothing), Err(Errno::INVAL));
    let long = "x/".repeat(3000);
    assert_eq!(
        inotify.watch(long, WatchFlags::ALL),
        Err(Errno::NAMETOOLONG)
    );
    let null = "a\0b";
    assert_eq!(inotify.watch(null, WatchFlags::ALL), Err(Errno::INVAL));
    let none = Inotify::from(OwnedFd::from(File::open("/dev/null").unwrap()));
    assert_eq!(none.watch(&*directory, WatchFlags::ALL), Err(Errno::INVAL));

    if !rustix::process::geteuid().is_root() {
        skipped!("only root can become somebody who may not read");
        return;
    }
    let path = directory.file("secret", "");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let mut peer = Peer::start(test_name!(), "unprivileged", &[]);
    peer.say(path.to_str().unwrap());
    peer.expect("done");
    peer.finish();
}

#[test]
fn read_without_room_is_refused() {
    let _check = LeakCheck::begin();
    let directory = Folder::new("room");
    let inotify = create();
    inotify.watch(&*directory, WatchFlags::CREATE).unwrap();
    let longest = "n".repeat(255);
    directory.file(&longest, "");
    for size in [0, 1, 15, 16, EVENT_MAX - 1] {
        let mut buffer = vec![0; size];
        assert_eq!(inotify.try_read(&mut buffer).err(), Some(Errno::INVAL));
        assert_eq!(inotify.read(&mut buffer).err(), Some(Errno::INVAL));
    }
    // It stayed, and fits at any address.
    let mut buffer = [0; EVENT_MAX + 1];
    let record = inotify.read(&mut buffer[1..]).unwrap().next().unwrap();
    assert_eq!(record.name(), Some(longest.as_bytes()));
    // Two that do not fit together come one after the other.
    directory.file(&"1".repeat(200), "");
    directory.file(&"2".repeat(200), "");
    for _ in 0..2 {
        assert_eq!(inotify.read(&mut buffer).unwrap().count(), 1);
    }
    assert_eq!(inotify.try_read(&mut buffer).err(), Some(Errno::AGAIN));
}

#[test]
fn inotify_read_ends_at_deadline() {
    let _check = LeakCheck::begin();
    let mut buffer = [0; EVENT_MAX];
    for flags in [InotifyFlags::empty(), InotifyFlags::BLOCKING] {
        let inotify = inotify::create(flags).unwrap();
        assert_eq!(inotify.try_read(&mut buffer).err(), Some(Errno::AGAIN));
        let begin = Instant::now();
        let result = inotify.read_until(&mut buffer, Deadline::after(SHORT));
        assert_eq!(result.err(), Some(Errno::TIMEDOUT));
        assert!(begin.elapsed() >= SHORT);
    }
}

#[test]
fn unread_queue_overflows() {
    let _check = LeakCheck::begin();
    let path = "/proc/sys/fs/inotify/max_queued_events";
    let most: usize = fs::read_to_string(path).unwrap().trim().parse().unwrap();
    if most > 1 << 18 {
        skipped!("it takes {most} events here");
        return;
    }
    let directory = Folder::new("overflow");
    let inotify = create();
    let watch = inotify.watch(&*directory, WatchFlags::ATTRIB).unwrap();
    let files = ["a", "b"].map(|name| File::open(directory.file(name, "")).unwrap());
    // One after the other, as equal ones are told once.
    for file in files.iter().cycle().take(most + 10) {
        rustix::fs::fchmod(file, Mode::RUSR).unwrap();
    }
    let mut buffer = vec![0; most * 32 + 4096];
    let records: Vec<_> = inotify.read(&mut buffer).unwrap().collect();
    assert_eq!(records.len(), most + 1);
    let (last, before) = records.split_last().unwrap();
    assert!(last.overflowed());
    assert_eq!((last.watch(), last.name()), (None, None));
    assert_eq!(last.mask(), EventMask::QUEUE_OVERFLOW);
    for record in before {
        assert_eq!((record.watch(), record.overflowed()), (Some(watch), false));
    }
    // It goes on.
    rustix::fs::fchmod(&files[0], Mode::RUSR).unwrap();
    assert_eq!(now(&inotify).len(), 1);
    rustix::fs::fchmod(&files[0], Mode::RUSR).unwrap();
    rustix::fs::fchmod(&files[0], Mode::RUSR).unwrap();
    assert_eq!(now(&inotify).len(), 1);
}

#[test]
fn unmount_is_reported() {
    if let Some(mut half) = PeerArgs::role("mounts") {
        let path = half.channel.hear();
        let target = CString::new(path.clone()).unwrap();
        let mount = |source: &core::ffi::CStr, target: &core::ffi::CStr, flags| {
            // SAFETY: all strings are C strings; only this process sees the mount.
            let result = unsafe {
                libc::mount(
                    source.as_ptr(),
                    target.as_ptr(),
                    source.as_ptr(),
                    flags,
                    core::ptr::null(),
                )
            };
            result == 0
        };
        // SAFETY: only this process's view of mounts.
        let apart = unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0
            && mount(c"none", c"/", libc::MS_REC | libc::MS_PRIVATE)
            && mount(c"tmpfs", &target, 0);
        if !apart {
            half.channel.say("skip");
            return;
        }
        let inotify = create();
        let watch = inotify.watch(&path, WatchFlags::CREATE).unwrap().number();
        // SAFETY: the string is a C string.
        assert_eq!(unsafe { libc::umount(target.as_ptr()) }, 0);
        let told = now(&inotify);
        assert_eq!(told.len(), 2);
        assert_eq!(
            (told[0].0, told[0].1 - EventMask::IS_DIRECTORY),
            (watch, EventMask::UNMOUNTED)
        );
        assert_eq!(told[1], (watch, EventMask::IGNORED, None));
        half.channel.say("done");
        return;
    }
    let _check = LeakCheck::begin();
    let directory = Folder::new("mount");
    let mut peer = Peer::start(test_name!(), "mounts", &[]);
    peer.say(directory.to_str().unwrap());
    if peer.channel().hear() == "skip" {
        skipped!("this user cannot mount");
    }
    peer.finish();
}

/// Waits until the directory has the name.
fn await_name(inotify: &Inotify, wanted: &Path) {
    let mut buffer = [0; 4096];
    while !wanted.exists() {
        inotify.read_until(&mut buffer, limit()).unwrap();
    }
}

#[test]
fn two_processes_meet_at_name() {
    if let Some(mut half) = PeerArgs::role("appears") {
        let path = PathBuf::from(half.channel.hear());
        for name in ["fifo", "socket"] {
            half.channel.expect("watching");
            let mode = Mode::RUSR | Mode::WUSR;
            if name == "fifo" {
                let kind = rustix::fs::FileType::Fifo;
                rustix::fs::mknodat(CWD, path.join(name), kind, mode, 0).unwrap();
                let mut fifo = OpenOptions::new()
                    .write(true)
                    .open(path.join(name))
                    .unwrap();
                fifo.write_all(b"fifo").unwrap();
            } else {
                // Bound elsewhere and renamed: who finds the name can connect.
                let listener = UnixListener::bind(path.join("hidden")).unwrap();
                fs::rename(path.join("hidden"), path.join(name)).unwrap();
                listener.accept().unwrap().0.write_all(b"socket").unwrap();
            }
        }
        return;
    }
    let _check = LeakCheck::begin();
    let directory = Folder::new("meet");
    let mut peer = Peer::start(test_name!(), "appears", &[]);
    peer.say(directory.to_str().unwrap());
    for name in ["fifo", "socket"] {
        let inotify = create();
        let flags = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ONLY_DIRECTORY;
        inotify.watch(&*directory, flags).unwrap();
        assert!(!directory.at(name).exists());
        peer.say("watching");
        await_name(&inotify, &directory.at(name));
        let mut text = String::new();
        if name == "fifo" {
            let mut fifo = OpenOptions::new();
            let mut fifo = fifo
                .read(true)
                .custom_flags(0)
                .open(directory.at(name))
                .unwrap();
            fifo.read_to_string(&mut text).unwrap();
        } else {
            let mut stream = UnixStream::connect(directory.at(name)).unwrap();
            stream.read_to_string(&mut text).unwrap();
        }
        assert_eq!(text, name);
    }
    peer.finish();
}

#[test]
fn watches_are_shared_with_descriptor() {
    if let Some(mut half) = PeerArgs::role("watches") {
        let inotify = Inotify::from(half.descriptor(0));
        let path = half.channel.hear();
        let watch = inotify.watch(path, WatchFlags::CREATE).unwrap();
        half.channel.say(&watch.number().to_string());
        half.channel.hear();
        unreachable!("killed before");
    }
    let _check = LeakCheck::begin();
    let directory = Folder::new("shared");
    let inotify = create();
    let mut peer = Peer::start(test_name!(), "watches", &[inotify.as_raw_fd()]);
    peer.say(directory.to_str().unwrap());
    let watch: i32 = peer.channel().hear().parse().unwrap();
    peer.kill();
    // The watch belongs to the description, not to who made it.
    directory.file("a", "");
    let expected = (watch, EventMask::CREATE, Some("a".to_owned()));
    assert_eq!(now(&inotify), [expected]);
}

proptest! {
    /// Records of any bytes end, and lie within them.
    #[test]
    fn any_bytes_can_be_parsed(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let count = Events::parse(&bytes)
            .inspect(|record| assert!(record.name().is_none_or(|name| name.len() <= bytes.len())))
            .count();
        prop_assert!(count <= bytes.len() / 16);
    }

    /// Whole records are read as they were written, and no more.
    #[test]
    fn whole_events_are_parsed(
        records in prop::collection::vec((any::<i32>(), any::<u32>(), any::<u32>(), "[a-z]{0,40}", 0..9_usize), 0..8),
        rest in 0..16_usize,
    ) {
        let mut bytes = Vec::new();
        for (watch, mask, cookie, name, padding) in &records {
            for word in [*watch as u32, *mask, *cookie, (name.len() + padding) as u32] {
                bytes.extend(word.to_ne_bytes());
            }
            bytes.extend(name.bytes().chain(core::iter::repeat_n(0, *padding)));
        }
        bytes.extend(core::iter::repeat_n(7, rest));
        let parsed = Events::parse(&bytes);
        let text = format!("{parsed:?}");
        prop_assert!(text.starts_with('['));
        let parsed: Vec<_> = parsed.collect();
        prop_assert_eq!(parsed.len(), records.len());
        for (record, (watch, mask, cookie, name, _)) in parsed.iter().zip(&records) {
            prop_assert_eq!(record.watch().map(Watch::number), (*watch >= 0).then_some(*watch));
            prop_assert_eq!(record.mask().bits(), *mask);
            prop_assert_eq!(record.cookie(), *cookie);
            prop_assert_eq!(record.name().unwrap_or_default(), name.as_bytes());
        }
    }
}
