//! FIFOs: names, creating, opening and removing; who waits for whom.

use crate::support;
use crate::{begin, takes_its_time};

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use rawipc::pipe::fifo::{self, CWD, NOT_A_FIFO, OpenFlags, PRIVATE};
use rawipc::pipe::{ATOMIC_SIZE, Reader, Writer};
use rawipc::{Deadline, Errno, IoSlice, IoSliceMut, Mode};
use rustix::io::{FdFlags, ReadWriteFlags, fcntl_getfd, preadv2, pwritev2};
use support::{Folder, LIMIT, Peer, PeerArgs, limit, pattern};

/// A folder to be emptied, with a FIFO in it.
fn with_fifo(test: &str) -> (Folder, PathBuf) {
    let folder = Folder::to_be_emptied(test);
    let path = folder.at("fifo");
    fifo::create(&path).expect("a FIFO");
    (folder, path)
}

/// Every function that takes a path, and what it says of `path`.
fn everything(path: &[u8]) -> Vec<(&'static str, Errno)> {
    fn refusal<T>(result: rawipc::Result<T>) -> Errno {
        result.err().unwrap_or(Errno::ALREADY)
    }
    let flags = OpenFlags::empty();
    let now = Deadline::NOW;
    vec![
        ("remove", refusal(fifo::remove(path))),
        ("remove_at", refusal(fifo::remove_at(CWD, path))),
        ("open_reader", refusal(fifo::open_reader(path))),
        ("try_open_reader", refusal(fifo::try_open_reader(path))),
        (
            "open_reader_until",
            refusal(fifo::open_reader_until(path, limit())),
        ),
        (
            "open_reader_at",
            refusal(fifo::open_reader_at(CWD, path, flags, now)),
        ),
        (
            "try_open_reader_at",
            refusal(fifo::try_open_reader_at(CWD, path, flags)),
        ),
        ("open_writer", refusal(fifo::open_writer(path))),
        ("try_open_writer", refusal(fifo::try_open_writer(path))),
        (
            "open_writer_until",
            refusal(fifo::open_writer_until(path, limit())),
        ),
        (
            "open_writer_at",
            refusal(fifo::open_writer_at(CWD, path, flags, now)),
        ),
        (
            "try_open_writer_at",
            refusal(fifo::try_open_writer_at(CWD, path, flags)),
        ),
        // Last, as these could make one.
        ("create", refusal(fifo::create(path))),
        ("create_at", refusal(fifo::create_at(CWD, path, PRIVATE))),
        ("ensure_at", refusal(fifo::ensure_at(CWD, path, PRIVATE))),
    ]
}

#[test]
fn new_fifo_is_private_and_exclusive() {
    let _check = begin();
    let (folder, path) = with_fifo("private");
    let metadata = fs::metadata(&path).unwrap();
    assert!(metadata.file_type().is_fifo());
    assert_eq!(metadata.mode() & 0o7777, 0o600);
    assert_eq!(fifo::create(&path), Err(Errno::EXIST));
    assert_eq!(fifo::create_at(CWD, &path, PRIVATE), Err(Errno::EXIST));
    // Whatever has the name.
    assert_eq!(fifo::create(&*folder), Err(Errno::EXIST));
    let dangling = folder.at("dangling");
    symlink("nowhere", &dangling).unwrap();
    assert_eq!(fifo::create(&dangling), Err(Errno::EXIST));
    fs::remove_file(&dangling).unwrap();
    fifo::remove(&path).unwrap();
    assert_eq!(fifo::remove(&path), Err(Errno::NOENT));
}

#[test]
fn create_with_mode_subtracts_umask() {
    if PeerArgs::role("masked").is_some() {
        rustix::process::umask(Mode::from_raw_mode(0o027));
        let folder = Folder::to_be_emptied("mode");
        let directory = fs::File::open(&folder).unwrap();
        let mode = Mode::from_raw_mode(0o666);
        fifo::create_at(&directory, "named", mode).unwrap();
        let mode = fs::metadata(folder.at("named")).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o640);
        // Relative to the directory, all of it.
        let flags = OpenFlags::empty();
        let reader = fifo::try_open_reader_at(&directory, "named", flags).unwrap();
        let writer = fifo::try_open_writer_at(&directory, "named", flags).unwrap();
        writer.write_all(b"x").unwrap();
        assert_eq!(reader.read(&mut [0]), Ok(1));
        let _again = fifo::open_reader_at(&directory, "named", flags, limit()).unwrap();
        let _again = fifo::open_writer_at(&directory, "named", flags, limit()).unwrap();
        fifo::remove_at(&directory, "named").unwrap();
        return;
    }
    let _check = begin();
    Peer::start(test_name!(), "masked", &[]).finish();
}

#[test]
fn ensure_existing_fifo_takes_it() {
    let _check = begin();
    let folder = Folder::to_be_emptied("ensure");
    let path = folder.at("fifo");
    assert_eq!(fifo::ensure_at(CWD, &path, PRIVATE), Ok(true));
    let before = fs::metadata(&path).unwrap().ino();
    let mode = Mode::from_raw_mode(0o666);
    assert_eq!(fifo::ensure_at(CWD, &path, mode), Ok(false));
    assert_eq!(fs::metadata(&path).unwrap().ino(), before);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    // Not through a link.
    let link = folder.at("link");
    symlink(&path, &link).unwrap();
    assert_eq!(fifo::ensure_at(CWD, &link, PRIVATE), Err(NOT_A_FIFO));
    fs::remove_file(&link).unwrap();
    fifo::remove(&path).unwrap();
}

#[test]
fn bad_names_are_refused() {
    let _check = begin();
    let folder = Folder::to_be_emptied("names");
    let base = folder.to_str().unwrap().to_owned();
    let file = folder.at("file");
    fs::write(&file, b"").unwrap();
    let long = |len: usize| format!("{base}/{}", "n".repeat(len));
    let deep = format!("{base}{}", "/n".repeat(2100));
    for (path, expected) in [
        (String::new(), Errno::NOENT),
        (format!("{base}/nul\0byte"), Errno::INVAL),
        (long(256), Errno::NAMETOOLONG),
        (deep, Errno::NAMETOOLONG),
        (format!("{base}/missing/fifo"), Errno::NOENT),
        (format!("{base}/file/fifo"), Errno::NOTDIR),
        (format!("{base}/fifo/"), Errno::NOENT),
    ] {
        for (function, errno) in everything(path.as_bytes()) {
            assert_eq!(errno, expected, "{function} {path:?}");
        }
    }
    // The longest name there is.
    assert_eq!(fifo::remove(long(255)), Err(Errno::NOENT));
    fifo::create(long(255)).unwrap();
    fifo::remove(long(255)).unwrap();
    fs::remove_file(&file).unwrap();
}

#[test]
fn other_file_is_neither_opened_nor_removed() {
    let _check = begin();
    let (folder, path) = with_fifo("others");
    let file = folder.at("file");
    fs::write(&file, b"content").unwrap();
    let directory = folder.at("directory");
    fs::create_dir(&directory).unwrap();
    let paths = [&*file, &*directory, Path::new("/dev/null")];
    for path in paths {
        use std::os::unix::ffi::OsStrExt;
        for (function, errno) in everything(path.as_os_str().as_bytes()) {
            match function {
                "create" | "create_at" => assert_eq!(errno, Errno::EXIST),
                _ => assert_eq!(errno, NOT_A_FIFO, "{function} {path:?}"),
            }
        }
        assert!(path.exists());
    }
    assert_eq!(fs::read(&file).unwrap(), b"content");

    // A link to a FIFO is followed, unless asked otherwise, and not removed.
    let link = folder.at("link");
    symlink("fifo", &link).unwrap();
    drop(fifo::try_open_reader(&link).unwrap());
    let flags = OpenFlags::NOFOLLOW;
    let refused = fifo::try_open_reader_at(CWD, &link, flags);
    assert_eq!(refused.unwrap_err(), NOT_A_FIFO);
    drop(fifo::try_open_reader_at(CWD, &path, flags).unwrap());
    assert_eq!(fifo::remove(&link), Err(NOT_A_FIFO));

    fs::remove_file(&link).unwrap();
    fs::remove_file(&file).unwrap();
    fs::remove_dir(&directory).unwrap();
    fifo::remove(&path).unwrap();
}

/// A name that changes hands all the time, also between looking at it and opening it.
#[test]
fn name_that_changes_opens_fifo_or_nothing() {
    let _check = begin();
    let (folder, path) = with_fifo("swapped");
    let file = folder.at("file");
    fs::write(&file, b"content").unwrap();
    let over = AtomicBool::new(false);
    let (opened, refused) = thread::scope(|scope| {
        scope.spawn(|| {
            let exchange = rustix::fs::RenameFlags::EXCHANGE;
            while !over.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(CWD, &path, CWD, &file, exchange).unwrap();
            }
        });
        let (mut opened, mut refused) = (0, 0);
        let mut wrong = None;
        let begin = Instant::now();
        while (opened < 5000 || refused < 5000) && begin.elapsed() < LIMIT && wrong.is_none() {
            match fifo::try_open_reader(&path) {
                Ok(reader) => {
                    opened += 1;
                    wrong = reader.capacity().err();
                }
                Err(NOT_A_FIFO) => refused += 1,
                Err(errno) => wrong = Some(errno),
            }
        }
        over.store(true, Ordering::Relaxed);
        assert_eq!(wrong, None);
        (opened, refused)
    });
    assert!(
        opened > 0 && refused > 0,
        "{opened} opened, {refused} refused"
    );
    // Whichever is which now.
    fs::remove_file(&file).unwrap();
    fs::remove_file(&path).unwrap();
}

#[test]
fn open_without_permission_is_refused() {
    if PeerArgs::role("nobody").is_some() {
        let folder = Folder::to_be_emptied("access");
        let path = folder.at("fifo");
        fifo::create_at(CWD, &path, Mode::empty()).unwrap();
        let everyone = fs::Permissions::from_mode(0o777);
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&folder, everyone).unwrap();
        let was = rustix::process::geteuid();
        let nobody = rustix::fs::Uid::from_raw(65534);
        if was.is_root() {
            // Of this thread alone.
            rustix::thread::set_thread_res_uid(was, nobody, was).unwrap();
        }
        assert_eq!(fifo::open_reader(&path).unwrap_err(), Errno::ACCESS);
        assert_eq!(fifo::try_open_writer(&path).unwrap_err(), Errno::ACCESS);
        assert_eq!(
            fifo::open_writer_until(&path, limit()).unwrap_err(),
            Errno::ACCESS
        );
        fifo::remove(&path).unwrap();
        if was.is_root() {
            rustix::thread::set_thread_res_uid(was, was, was).unwrap();
        }
        return;
    }
    let _check = begin();
    Peer::start(test_name!(), "nobody", &[]).finish();
}

#[test]
fn try_open_writer_without_reader_is_refused() {
    let _check = begin();
    let (_folder, path) = with_fifo("enxio");
    let flags = OpenFlags::empty();
    assert_eq!(fifo::try_open_writer(&path).unwrap_err(), Errno::AGAIN);
    assert_eq!(
        fifo::try_open_writer_at(CWD, &path, flags).unwrap_err(),
        Errno::AGAIN
    );
    takes_its_time(Some(Errno::TIMEDOUT), |deadline| {
        fifo::open_writer_until(&path, deadline).err()
    });
    let late = fifo::open_writer_at(CWD, &path, flags, Deadline::NOW);
    assert_eq!(late.unwrap_err(), Errno::TIMEDOUT);

    let reader = fifo::try_open_reader(&path).unwrap();
    assert_eq!(reader.is_nonblocking(), Ok(false));
    assert_eq!(reader.read(&mut [0]), Ok(0), "there was no writer yet");
    let writer = fifo::try_open_writer(&path).unwrap();
    assert_eq!(writer.is_nonblocking(), Ok(false));
    drop(fifo::open_writer_at(CWD, &path, flags, Deadline::NOW).unwrap());
    assert_eq!(reader.try_read(&mut [0]), Err(Errno::AGAIN));
    drop(reader);
    assert_eq!(writer.write(b"x"), Err(Errno::PIPE));
    // Gone again.
    assert_eq!(fifo::try_open_writer(&path).unwrap_err(), Errno::AGAIN);
    fifo::remove(&path).unwrap();
}

#[test]
fn open_reader_without_writer_waits() {
    let _check = begin();
    let (_folder, path) = with_fifo("alone");
    takes_its_time(Some(Errno::TIMEDOUT), |deadline| {
        fifo::open_reader_until(&path, deadline).err()
    });
    let flags = OpenFlags::empty();
    let late = fifo::open_reader_at(CWD, &path, flags, Deadline::NOW);
    assert_eq!(late.unwrap_err(), Errno::TIMEDOUT);
    // Another reader is none.
    let _reader = fifo::try_open_reader(&path).unwrap();
    takes_its_time(Some(Errno::TIMEDOUT), |deadline| {
        fifo::open_reader_until(&path, deadline).err()
    });
    fifo::remove(&path).unwrap();
}

/// Who comes first waits for the other process, by every way of waiting; nothing that
/// was written is lost.
#[test]
fn two_processes_meet() {
    if let Some(mut half) = PeerArgs::role("other") {
        loop {
            let command = half.channel.hear();
            let Some((word, path)) = command.split_once(' ') else {
                return;
            };
            match word {
                "read" => {
                    let reader = fifo::open_reader(path).unwrap();
                    let mut got = [0; 5];
                    assert_eq!(reader.read_full(&mut got), Ok(5));
                    assert_eq!(&got, b"hello");
                    half.channel.say("read");
                }
                "write" => {
                    let writer = fifo::open_writer(path).unwrap();
                    writer.write_all(b"hello").unwrap();
                    half.channel.say("written");
                }
                // Opens, writes nothing until it is told to: to be there is enough.
                "come" => {
                    let writer = fifo::open_writer(path).unwrap();
                    half.channel.expect("now");
                    writer.write_all(b"hello").unwrap();
                    half.channel.say("written");
                }
                // Comes and goes.
                "leave" => drop(fifo::open_writer(path).unwrap()),
                _ => unreachable!(),
            }
        }
    }
    let _check = begin();
    let (_folder, path) = with_fifo("meet");
    let name = path.to_str().unwrap();
    let mut peer = Peer::start(test_name!(), "other", &[]);
    let mut got = [0; 8];
    for turn in 0..20 {
        let deadline = if turn % 2 == 0 {
            Deadline::Never
        } else {
            limit()
        };
        peer.say(&format!("read {name}"));
        let writer = fifo::open_writer_until(&path, deadline).unwrap();
        assert_eq!(writer.is_nonblocking(), Ok(false));
        writer.write_all(b"hello").unwrap();
        peer.expect("read");
        drop(writer);

        peer.say(&format!("write {name}"));
        let reader = fifo::open_reader_until(&path, deadline).unwrap();
        assert_eq!(reader.is_nonblocking(), Ok(false));
        assert_eq!(reader.read_full(&mut got), Ok(5));
        assert_eq!(&got[..5], b"hello");
        peer.expect("written");
        drop(reader);

        peer.say(&format!("come {name}"));
        let reader = fifo::open_reader_until(&path, deadline).unwrap();
        assert_eq!(reader.try_read(&mut got), Err(Errno::AGAIN));
        peer.say("now");
        assert_eq!(reader.read_full(&mut got), Ok(5));
        peer.expect("written");
        drop(reader);

        peer.say(&format!("leave {name}"));
        let reader = fifo::open_reader_until(&path, deadline).unwrap();
        assert_eq!(reader.read(&mut got), Ok(0));
    }
    peer.say("end");
    peer.finish();
    fifo::remove(&path).unwrap();
}

#[test]
fn open_flags_are_as_requested() {
    let _check = begin();
    let (_folder, path) = with_fifo("flags");
    let closed = |fd: &dyn AsFd| fcntl_getfd(fd.as_fd()).unwrap().contains(FdFlags::CLOEXEC);
    use rawipc::AsFd;
    for bits in 0..4 {
        let mut flags = OpenFlags::empty();
        flags.set(OpenFlags::NONBLOCK, bits & 1 != 0);
        flags.set(OpenFlags::INHERITED, bits & 2 != 0);
        let nonblocking = flags.contains(OpenFlags::NONBLOCK);
        let inherited = flags.contains(OpenFlags::INHERITED);
        let reader = fifo::try_open_reader_at(CWD, &path, flags).unwrap();
        let writer = fifo::try_open_writer_at(CWD, &path, flags).unwrap();
        // Now that both sides are there, nothing waits.
        let waited_reader = fifo::open_reader_at(CWD, &path, flags, Deadline::Never).unwrap();
        let waited_writer = fifo::open_writer_at(CWD, &path, flags, Deadline::Never).unwrap();
        let until_reader = fifo::open_reader_at(CWD, &path, flags, Deadline::NOW).unwrap();
        let until_writer = fifo::open_writer_at(CWD, &path, flags, Deadline::NOW).unwrap();
        for reader in [&reader, &waited_reader, &until_reader] {
            assert_eq!(reader.is_nonblocking(), Ok(nonblocking));
            assert_eq!(closed(reader), !inherited);
            assert_eq!(
                Writer::from(reader_fd(reader)).write(b"x"),
                Err(Errno::BADF)
            );
        }
        for writer in [&writer, &waited_writer, &until_writer] {
            assert_eq!(writer.is_nonblocking(), Ok(nonblocking));
            assert_eq!(closed(writer), !inherited);
        }
    }
    fifo::remove(&path).unwrap();
}

fn reader_fd(reader: &Reader) -> OwnedFd {
    reader.duplicate().expect("a duplicate").into()
}

#[test]
fn fifo_open_for_both_never_hangs_up() {
    if let Some(mut half) = PeerArgs::role("client") {
        let path = half.channel.hear();
        let writer = fifo::try_open_writer(&*path).unwrap();
        writer.write_all(b"request").unwrap();
        return;
    }
    let _check = begin();
    let (_folder, path) = with_fifo("both");
    let both = OpenFlags::BOTH;
    // No form waits, though nobody is there.
    let reader = fifo::open_reader_at(CWD, &path, both, Deadline::Never).unwrap();
    drop(reader);
    let reader = fifo::open_reader_at(CWD, &path, both, limit()).unwrap();
    assert_eq!(reader.is_nonblocking(), Ok(false));
    assert_eq!(reader.try_read(&mut [0]), Err(Errno::AGAIN), "not the end");
    let mut got = [0; 7];
    for _ in 0..3 {
        let mut peer = Peer::start(test_name!(), "client", &[]);
        peer.say(path.to_str().unwrap());
        assert_eq!(reader.read_full(&mut got), Ok(7));
        peer.finish();
        assert_eq!(reader.try_read(&mut got), Err(Errno::AGAIN), "not the end");
        takes_its_time(Err(Errno::TIMEDOUT), |d| reader.read_until(&mut got, d));
    }
    // It can be written to, which must never happen by reading.
    let buffers = &mut [IoSliceMut::new(&mut got)];
    assert_eq!(reader.try_vmsplice(buffers), Err(Errno::BADF));
    assert_eq!(reader.bytes_waiting(), Ok(0));
    drop(reader);

    let writer = fifo::open_writer_at(CWD, &path, both, Deadline::Never).unwrap();
    assert_eq!(
        writer.write(b"kept"),
        Ok(4),
        "nobody reads, and yet no EPIPE"
    );
    assert_eq!(writer.try_write(b"!"), Ok(1));
    let reader = fifo::open_reader(&path).unwrap();
    assert_eq!(reader.try_read(&mut got), Ok(5));
    drop(reader);
    let full = vec![0; writer.capacity().unwrap()];
    assert!(writer.write_until(&full, limit()).unwrap() >= ATOMIC_SIZE);
    let flags = both | OpenFlags::NONBLOCK | OpenFlags::INHERITED;
    let writer = fifo::try_open_writer_at(CWD, &path, flags).unwrap();
    assert_eq!(writer.is_nonblocking(), Ok(true));
    assert!(!fcntl_getfd(&writer).unwrap().contains(FdFlags::CLOEXEC));
    fifo::remove(&path).unwrap();
}

#[test]
fn open_end_outlives_removed_name() {
    let _check = begin();
    let (_folder, path) = with_fifo("removed");
    let reader = fifo::try_open_reader(&path).unwrap();
    let writer = fifo::try_open_writer(&path).unwrap();
    fifo::remove(&path).unwrap();
    writer.write_all(b"still").unwrap();
    assert_eq!(reader.read(&mut [0; 8]), Ok(5));
    assert_eq!(fifo::try_open_writer(&path).unwrap_err(), Errno::NOENT);
    // A new one of the same name is another.
    fifo::create(&path).unwrap();
    assert_eq!(fifo::try_open_writer(&path).unwrap_err(), Errno::AGAIN);
    fifo::remove(&path).unwrap();
}

#[test]
fn killed_peer_is_end_or_epipe() {
    if let Some(mut half) = PeerArgs::role("peer") {
        let word = half.channel.hear();
        let path = half.channel.hear();
        let (reader, writer) = match &*word {
            "writer" => (None, Some(fifo::open_writer(&*path).unwrap())),
            _ => (Some(fifo::open_reader(&*path).unwrap()), None),
        };
        if let Some(writer) = &writer {
            writer.write_all(b"last words").unwrap();
        }
        half.channel.say("open");
        half.channel.hear();
        drop((reader, writer));
        unreachable!("killed");
    }
    let _check = begin();
    let (_folder, path) = with_fifo("killed");
    let mut peer = Peer::start(test_name!(), "peer", &[]);
    peer.say("writer");
    peer.say(path.to_str().unwrap());
    let reader = fifo::open_reader(&path).unwrap();
    peer.expect("open");
    peer.kill();
    let mut got = [0; 16];
    assert_eq!(reader.read_full_until(&mut got, limit()), Ok(10));
    assert_eq!(reader.try_read(&mut got), Ok(0));
    drop(reader);

    let mut peer = Peer::start(test_name!(), "peer", &[]);
    peer.say("reader");
    peer.say(path.to_str().unwrap());
    let writer = fifo::open_writer_until(&path, limit()).unwrap();
    peer.expect("open");
    let capacity = writer.capacity().unwrap();
    let message = pattern(2 * capacity, 21);
    let short = thread::scope(|scope| {
        let blocked = scope.spawn(|| writer.write_all_until(&message, limit()));
        while writer.bytes_waiting() != Ok(capacity) {
            thread::yield_now();
        }
        peer.kill();
        blocked.join().unwrap().unwrap_err()
    });
    assert_eq!((short.done, short.error), (capacity, Errno::PIPE));
    assert_eq!(writer.try_write(b"x"), Err(Errno::PIPE));
    fifo::remove(&path).unwrap();
}

#[test]
fn try_calls_on_blocking_fifo_do_not_wait() {
    let _check = begin();
    let (_folder, path) = with_fifo("try");
    let reader = fifo::try_open_reader(&path).unwrap();
    let writer = fifo::try_open_writer(&path).unwrap();
    let nowait = ReadWriteFlags::NOWAIT;
    let read = preadv2(&reader, &mut [IoSliceMut::new(&mut [0])], u64::MAX, nowait);
    let written = pwritev2(&writer, &[IoSlice::new(&[])], u64::MAX, nowait);
    if (read, written) != (Err(Errno::OPNOTSUPP), Err(Errno::OPNOTSUPP)) {
        println!("this kernel serves RWF_NOWAIT on FIFOs, which none was known to do");
    }
    assert_eq!(reader.try_read(&mut [0]), Err(Errno::AGAIN));
    takes_its_time(Err(Errno::TIMEDOUT), |d| reader.read_until(&mut [0], d));
    let capacity = writer.capacity().unwrap();
    let message = pattern(capacity + 9, 23);
    let mut done = 0;
    let refused = loop {
        match writer.try_write(&message[done..]) {
            Ok(more) => done += more,
            Err(errno) => break errno,
        }
    };
    assert_eq!((done, refused), (capacity, Errno::AGAIN));
    takes_its_time(Err(Errno::TIMEDOUT), |d| writer.write_until(b"x", d));
    let mut got = vec![0; capacity];
    assert_eq!(reader.try_read(&mut got), Ok(capacity));
    assert!(got == message[..capacity]);

    // Packets, where both ends know.
    writer.set_packet(true).unwrap();
    reader.set_packet(true).unwrap();
    assert_eq!(writer.try_write(b"one"), Ok(3));
    assert_eq!(writer.write_until(b"three", limit()), Ok(5));
    assert_eq!(reader.try_read(&mut got), Ok(3));
    assert_eq!(reader.read_until(&mut got, limit()), Ok(5));
    drop(writer);
    assert_eq!(reader.try_read(&mut got), Ok(0));
    fifo::remove(&path).unwrap();
}

/// As for pipes: readers that compete for single bytes never wait for one.
#[test]
fn competing_try_reads_on_fifo_do_not_wait() {
    const BYTES: usize = 20_000;
    let _check = begin();
    let (_folder, path) = with_fifo("compete");
    let readers = [(); 3].map(|()| fifo::try_open_reader(&path).unwrap());
    let writer = fifo::try_open_writer(&path).unwrap();
    let read = AtomicUsize::new(0);
    let ended = AtomicUsize::new(0);
    let hung = thread::scope(|scope| {
        for reader in readers {
            let (read, ended) = (&read, &ended);
            scope.spawn(move || {
                while read.load(Ordering::Relaxed) < BYTES {
                    match reader.try_read(&mut [0; 1]) {
                        Ok(more) => drop(read.fetch_add(more, Ordering::Relaxed)),
                        Err(errno) => assert_eq!(errno, Errno::AGAIN),
                    }
                }
                ended.fetch_add(1, Ordering::Relaxed);
            });
        }
        for _ in 0..BYTES {
            writer.write_all(b"x").unwrap();
        }
        let begin = Instant::now();
        while ended.load(Ordering::Relaxed) < 3 && begin.elapsed() < LIMIT {
            thread::yield_now();
        }
        let hung = 3 - ended.load(Ordering::Relaxed);
        // Who hangs nevertheless is woken by the end of the stream.
        drop(writer);
        hung
    });
    assert_eq!(hung, 0);
    fifo::remove(&path).unwrap();
}

#[test]
fn fifo_without_descriptors_left_leaks_nothing() {
    if PeerArgs::role("poor").is_some() {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let (_folder, path) = with_fifo("poor");
        let held = fifo::try_open_reader(&path).unwrap();
        let next = held.duplicate().unwrap();
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let last = next.as_raw_fd() as u64;
        drop(next);
        let allow = |more: u64| {
            let current = Some(last + more);
            setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
        };
        allow(0);
        assert_eq!(fifo::try_open_reader(&path).unwrap_err(), Errno::MFILE);
        assert_eq!(fifo::open_writer(&path).unwrap_err(), Errno::MFILE);
        // Waiting for a writer takes two more for a moment.
        for more in 1..3 {
            allow(more);
            let refused = fifo::open_reader_until(&path, limit());
            assert_eq!(refused.unwrap_err(), Errno::MFILE);
        }
        allow(3);
        let late = fifo::open_reader_until(&path, Deadline::NOW);
        assert_eq!(late.unwrap_err(), Errno::TIMEDOUT);
        fifo::remove(&path).unwrap();
        return;
    }
    let _check = begin();
    Peer::start(test_name!(), "poor", &[]).finish();
}
