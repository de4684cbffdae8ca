//! Memfds: every operation, flag, seal and error, alone and between two processes.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use rawipc::memory::memfd::{self, Memfd, MemfdFlags, NAME_MAX, Seals, VerifyError};
use rawipc::memory::{AccessError, MapOptions, Protection};
use rawipc::{Errno, Mode};
use rustix::fs::OFlags;
use rustix::io::FdFlags;
use rustix::process::{Resource, Rlimit, setrlimit};

use support::{LeakCheck, Peer, PeerArgs, pattern};

fn create(flags: MemfdFlags) -> Memfd {
    memfd::create("rawipc-test", flags).unwrap()
}

fn with_size(size: u64) -> Memfd {
    let memfd = create(MemfdFlags::empty());
    memfd.set_size(size).unwrap();
    memfd
}

fn sealed(size: u64, seals: Seals) -> Memfd {
    let memfd = with_size(size);
    memfd.seal(seals).unwrap();
    memfd
}

fn mode(memfd: &Memfd) -> u32 {
    rustix::fs::fstat(memfd).unwrap().st_mode & 0o7777
}

/// The same memfd, opened again.
fn reopen(memfd: &Memfd, flags: OFlags) -> Memfd {
    let path = format!("/proc/self/fd/{}", memfd.as_raw_fd());
    rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty())
        .unwrap()
        .into()
}

/// Whether the kernel knows a flag, of those that came late.
fn knows(flag: MemfdFlags) -> bool {
    match memfd::create("", flag) {
        Ok(_) => true,
        Err(Errno::INVAL) => {
            skipped!("this kernel does not know {flag:?}");
            false
        }
        Err(errno) => panic!("{errno}"),
    }
}

#[test]
fn memfd_is_private_unless_requested_otherwise() {
    let _check = LeakCheck::begin();
    let plain = create(MemfdFlags::empty());
    assert_eq!(rustix::io::fcntl_getfd(&plain).unwrap(), FdFlags::CLOEXEC);
    assert_eq!(mode(&plain), 0o600);
    assert_eq!(plain.size(), Ok(0));
    assert!(!plain.seals().unwrap().contains(Seals::SEAL));

    let inherited = create(MemfdFlags::INHERITED);
    assert_eq!(
        rustix::io::fcntl_getfd(&inherited).unwrap(),
        FdFlags::empty()
    );
    plain.set_mode(Mode::RUSR).unwrap();
    assert_eq!(mode(&plain), 0o400);
}

#[test]
fn memfd_name_is_visible_and_limited() {
    let _check = LeakCheck::begin();
    let named = memfd::create("rawipc, a test", MemfdFlags::empty()).unwrap();
    let link = std::fs::read_link(format!("/proc/self/fd/{}", named.as_raw_fd())).unwrap();
    assert_eq!(link.to_str(), Some("/memfd:rawipc, a test (deleted)"));

    let longest = "n".repeat(NAME_MAX);
    memfd::create(&*longest, MemfdFlags::empty()).unwrap();
    for len in [NAME_MAX + 1, 254, 255, 256, 257, 5000] {
        let name = "n".repeat(len);
        let refused = memfd::create(&*name, MemfdFlags::empty());
        // As memfd_create(2) has it.
        assert_eq!(refused.unwrap_err(), Errno::INVAL, "{len}");
    }
    let refused = memfd::create("zero\0byte", MemfdFlags::empty());
    assert_eq!(refused.unwrap_err(), Errno::INVAL);
    memfd::create(c"", MemfdFlags::empty()).unwrap();
}

#[test]
fn memfd_flags_of_later_kernels_are_refused() {
    let _check = LeakCheck::begin();
    let unknown = MemfdFlags::from_bits_retain(1 << 20);
    assert_eq!(memfd::create("", unknown).unwrap_err(), Errno::INVAL);
    let contrary = MemfdFlags::EXECUTABLE | MemfdFlags::NOEXEC_SEAL;
    assert_eq!(memfd::create("", contrary).unwrap_err(), Errno::INVAL);
    // A size that no machine has: 2^62.
    let huge = MemfdFlags::HUGE | MemfdFlags::from_bits_retain(62 << 26);
    assert!(memfd::create("", huge).is_err());
}

#[test]
fn memfd_is_executable_only_on_request() {
    let _check = LeakCheck::begin();
    let program = std::fs::read("/bin/true").unwrap();
    let run = |memfd: &Memfd| {
        assert_eq!(memfd.write_at(0, &program), Ok(program.len()));
        // Open for writing nothing can be executed; so open it anew.
        let again = reopen(memfd, OFlags::RDONLY);
        Command::new(format!("/proc/self/fd/{}", again.as_raw_fd())).status()
    };
    match run(&create(MemfdFlags::empty())) {
        Ok(status) => {
            // Where an emulated child cannot tell why.
            assert!(!status.success());
        }
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
    }

    if knows(MemfdFlags::EXECUTABLE) {
        let memfd = create(MemfdFlags::EXECUTABLE);
        assert_eq!(mode(&memfd), 0o700);
        memfd.write_at(0, &program).unwrap();
        let again = reopen(&memfd, OFlags::RDONLY);
        drop(memfd);
        let path = format!("/proc/self/fd/{}", again.as_raw_fd());
        assert!(Command::new(path).status().unwrap().success());
    }
    if knows(MemfdFlags::NOEXEC_SEAL) {
        let memfd = create(MemfdFlags::NOEXEC_SEAL);
        assert_eq!(mode(&memfd), 0o600);
        assert_eq!(memfd.seals(), Ok(Seals::EXEC));
        assert_eq!(memfd.set_mode(Mode::RWXU), Err(Errno::PERM));
        memfd.set_mode(Mode::RUSR).unwrap();
        memfd.seal(Seals::SHRINK).unwrap();
        let memfd = create(MemfdFlags::NOEXEC_SEAL | MemfdFlags::UNSEALABLE);
        assert_eq!(memfd.seal(Seals::SHRINK), Err(Errno::PERM));
        // Without being asked.
        let plain = create(MemfdFlags::empty());
        assert_eq!(plain.seals(), Ok(Seals::EXEC));
        assert_eq!(plain.set_mode(Mode::RWXU), Err(Errno::PERM));
    }
}

#[test]
fn memfd_of_kernel_without_noexec_seal_is_private_all_the_same() {
    use support::filter::{Refusal, refuse};
    use support::{Peer, PeerArgs};
    if PeerArgs::role("old").is_some() {
        let old = [libc::MFD_NOEXEC_SEAL, libc::MFD_EXEC].map(|flag| Refusal {
            number: libc::SYS_memfd_create,
            argument: 1,
            mask: flag,
            value: flag,
            errno: libc::EINVAL,
        });
        if !refuse(&old) {
            skipped!("no filters");
            return;
        }
        let plain = create(MemfdFlags::empty());
        assert_eq!(mode(&plain), 0o600);
        assert_eq!(plain.seals().unwrap(), Seals::empty());
        assert_eq!(mode(&create(MemfdFlags::EXECUTABLE)), 0o700);
        let unsealable = create(MemfdFlags::UNSEALABLE);
        assert_eq!(unsealable.seals(), Ok(Seals::SEAL));
        let refused = memfd::create("", MemfdFlags::NOEXEC_SEAL);
        assert_eq!(refused.unwrap_err(), Errno::INVAL);
        let ring = rawipc::ring::spsc::Ring::<rawipc::ring::Spin>::create(1).unwrap();
        ring.producer().unwrap();
        return;
    }
    let _check = LeakCheck::begin();
    Peer::start(test_name!(), "old", &[]).finish();
}

/// As the administrator can have it: only what can never be a program is created.
#[test]
fn memfd_is_created_with_noexec_seal_unless_requested_otherwise() {
    use support::filter::{Refusal, refuse};
    use support::{Peer, PeerArgs};
    if PeerArgs::role("strict").is_some() {
        let strict = Refusal {
            number: libc::SYS_memfd_create,
            argument: 1,
            mask: libc::MFD_NOEXEC_SEAL,
            value: 0,
            errno: libc::EACCES,
        };
        if !refuse(&[strict]) {
            skipped!("no filters");
            return;
        }
        create(MemfdFlags::empty());
        create(MemfdFlags::UNSEALABLE | MemfdFlags::INHERITED);
        let refused = memfd::create("", MemfdFlags::EXECUTABLE);
        assert_eq!(refused.unwrap_err(), Errno::ACCESS);
        let ring = rawipc::ring::spsc::Ring::<rawipc::ring::Spin>::create(1).unwrap();
        ring.producer().unwrap();
        // The size of huge pages is that of a memfd of them.
        let huge =
            rawipc::memory::MapOptions::private(1 << 21).flags(rawipc::memory::MapFlags::HUGE);
        assert_ne!(huge.map_anonymous().err(), Some(Errno::ACCESS));
        return;
    }
    let _check = LeakCheck::begin();
    Peer::start(test_name!(), "strict", &[]).finish();
}

#[test]
fn memfd_has_the_size_set() {
    let _check = LeakCheck::begin();
    let memfd = create(MemfdFlags::empty());
    memfd.set_size(10_000).unwrap();
    assert_eq!(memfd.size(), Ok(10_000));
    memfd.write_at(0, &[1; 10_000]).unwrap();
    memfd.set_size(100).unwrap();
    memfd.set_size(200).unwrap();
    let mut bytes = [9; 300];
    assert_eq!(memfd.read_at(0, &mut bytes), Ok(200));
    assert_eq!(bytes[..100], [1; 100]);
    assert_eq!(bytes[100..200], [0; 100]);
    assert_eq!(bytes[200..], [9; 100]);

    for size in [u64::MAX, 1 << 63] {
        assert_eq!(memfd.set_size(size), Err(Errno::FBIG));
    }
    assert_eq!(
        reopen(&memfd, OFlags::RDONLY).set_size(1),
        Err(Errno::INVAL)
    );
    assert_eq!(memfd.size(), Ok(200));
}

#[test]
fn allocate_takes_memory_at_once() {
    let _check = LeakCheck::begin();
    let memfd = create(MemfdFlags::empty());
    let blocks = || rustix::fs::fstat(&memfd).unwrap().st_blocks;
    memfd.set_size(1 << 20).unwrap();
    assert_eq!(blocks(), 0);
    memfd.allocate(1 << 20, 1 << 20).unwrap();
    assert_eq!(memfd.size(), Ok(2 << 20));
    assert_eq!(blocks(), (1 << 20) / 512);
    assert_eq!(memfd.allocate(0, 0), Err(Errno::INVAL));
    memfd.seal(Seals::GROW).unwrap();
    assert_eq!(memfd.allocate(2 << 20, 1), Err(Errno::PERM));
    memfd.allocate(0, 1).unwrap();
}

#[test]
fn memfd_is_read_and_written_at_offsets() {
    let _check = LeakCheck::begin();
    let memfd = create(MemfdFlags::empty());
    let bytes = pattern(10_000, 1);
    assert_eq!(memfd.write_at(5000, &bytes), Ok(bytes.len()));
    assert_eq!(memfd.size(), Ok(15_000));
    let mut read = vec![0; 10_000];
    assert_eq!(memfd.read_at(5000, &mut read), Ok(10_000));
    assert_eq!(read, bytes);
    assert_eq!(memfd.read_at(14_990, &mut read), Ok(10));
    assert_eq!(read[..10], bytes[9990..]);
    assert_eq!(memfd.read_at(15_000, &mut read), Ok(0));
    assert_eq!(memfd.read_at(1 << 63, &mut read), Err(Errno::INVAL));
    assert_eq!(memfd.write_at(1 << 63, &read), Err(Errno::INVAL));
}

#[test]
fn seal_forbids_its_operations_alone() {
    let _check = LeakCheck::begin();
    let check = |seal: Seals, shrink, grow, write, more| {
        let memfd = sealed(8192, seal);
        assert!(memfd.seals().unwrap().contains(seal));
        assert_eq!(memfd.write_at(0, &[1]), write, "{seal:?}");
        assert_eq!(memfd.set_size(4096), shrink, "{seal:?}");
        assert_eq!(memfd.set_size(12_288), grow, "{seal:?}");
        assert_eq!(memfd.seal(Seals::SHRINK), more, "{seal:?}");
    };
    let no = Err(Errno::PERM);
    let no_bytes = Err(Errno::PERM);
    check(Seals::empty(), Ok(()), Ok(()), Ok(1), Ok(()));
    check(Seals::SHRINK, no, Ok(()), Ok(1), Ok(()));
    check(Seals::GROW, Ok(()), no, Ok(1), Ok(()));
    check(Seals::WRITE, Ok(()), Ok(()), no_bytes, Ok(()));
    check(Seals::FUTURE_WRITE, Ok(()), Ok(()), no_bytes, Ok(()));
    check(Seals::SEAL, Ok(()), Ok(()), Ok(1), no);
    check(
        Seals::SHRINK | Seals::GROW | Seals::WRITE | Seals::SEAL,
        no,
        no,
        no_bytes,
        no,
    );

    if knows(MemfdFlags::EXECUTABLE) {
        let memfd = create(MemfdFlags::EXECUTABLE);
        memfd.seal(Seals::EXEC).unwrap();
        let refused = memfd.set_mode(Mode::RUSR | Mode::WUSR);
        assert_eq!(refused, Err(Errno::PERM));
    }

    let unsealable = create(MemfdFlags::UNSEALABLE);
    assert!(unsealable.seals().unwrap().contains(Seals::SEAL));
    assert_eq!(unsealable.seal(Seals::GROW), Err(Errno::PERM));
    let readonly = reopen(&create(MemfdFlags::empty()), OFlags::RDONLY);
    assert_eq!(readonly.seal(Seals::GROW), Err(Errno::PERM));
    let unknown = Seals::from_bits_retain(1 << 20);
    assert_eq!(with_size(1).seal(unknown), Err(Errno::INVAL));
}

#[test]
fn write_across_end_of_sealed_memfd_is_cut() {
    let _check = LeakCheck::begin();
    let memfd = sealed(4096, Seals::GROW);
    assert_eq!(memfd.write_at(4090, &[1; 10]), Ok(6));
    assert_eq!(memfd.write_at(4096, &[1; 10]), Err(Errno::PERM));
}

#[test]
fn seals_against_writing_and_mappings() {
    let _check = LeakCheck::begin();
    let options = MapOptions::shared(4096);
    let readable = options.protection(Protection::READ);

    let memfd = with_size(4096);
    let mapping = options.map(&memfd).unwrap();
    assert_eq!(memfd.seal(Seals::WRITE), Err(Errno::BUSY));
    memfd.seal(Seals::FUTURE_WRITE).unwrap();
    // Who has a mapping goes on; nobody gets another.
    mapping.write_at(0, b"still").unwrap();
    assert_eq!(options.map(&memfd).unwrap_err(), Errno::PERM);
    let theirs = readable.map(&memfd).unwrap();
    assert_eq!(theirs.read::<[u8; 5]>(0), Ok(*b"still"));
    drop((mapping, theirs));
    memfd.seal(Seals::WRITE).unwrap();

    let mut theirs = readable.map(&memfd).unwrap();
    assert_eq!(theirs.write(0, &0_u8), Err(AccessError::Protected));
    let writable = Protection::READ | Protection::WRITE;
    assert!(theirs.protect(writable).is_err());
    assert_eq!(theirs.protection(), Protection::READ);
    // A private copy is not the memfd's.
    let copy = MapOptions::private(4096).map(&memfd).unwrap();
    copy.write_at(0, b"mine!").unwrap();
    assert_eq!(theirs.read::<[u8; 5]>(0), Ok(*b"still"));
}

#[test]
fn verify_errors_tell_reasons_apart() {
    let _check = LeakCheck::begin();
    let wanted = Seals::SHRINK | Seals::GROW;
    let verify = |fd: OwnedFd, size| Memfd::from(fd).verify(wanted, size);

    let (pipe, _other) = rustix::pipe::pipe().unwrap();
    assert_eq!(verify(pipe, 0), Err(VerifyError::NotMemfd));
    let file = File::open("/proc/version").unwrap();
    assert_eq!(verify(file.into(), 0), Err(VerifyError::NotMemfd));
    let place = reopen(&with_size(1), OFlags::PATH);
    assert_eq!(
        place.verify(wanted, 0),
        Err(VerifyError::Refused(Errno::BADF))
    );

    let unsealed = with_size(100);
    assert_eq!(
        unsealed.verify(wanted, 0),
        Err(VerifyError::Unsealed(wanted))
    );
    let half = sealed(100, Seals::GROW | Seals::SEAL);
    assert_eq!(
        half.verify(wanted, 0),
        Err(VerifyError::Unsealed(Seals::SHRINK))
    );
    // What lacks both is told of the seals, as its size says nothing yet.
    assert_eq!(
        half.verify(wanted, 101),
        Err(VerifyError::Unsealed(Seals::SHRINK))
    );

    let good = sealed(100, wanted);
    assert_eq!(good.verify(wanted, 101), Err(VerifyError::TooSmall(100)));
    assert_eq!(
        good.verify(wanted, u64::MAX),
        Err(VerifyError::TooSmall(100))
    );
    assert_eq!(good.verify(wanted, 100), Ok(100));
    assert_eq!(good.verify(Seals::empty(), 0), Ok(100));

    for (unfit, text) in [
        (VerifyError::NotMemfd, "not a memfd"),
        (VerifyError::TooSmall(7), "memfd of only 7 bytes"),
        (VerifyError::Unsealed(wanted), "memfd without the seals"),
        (
            VerifyError::Refused(Errno::BADF),
            "EBADF: bad file descriptor",
        ),
    ] {
        assert!(unfit.to_string().starts_with(text), "{unfit}");
        let _: Box<dyn core::error::Error> = unfit.into();
    }
}

#[test]
fn map_sealed_takes_sealed_memfd_alone() {
    let _check = LeakCheck::begin();
    let options = MapOptions::shared(8192);
    let refused =
        |memfd: &Memfd, options: MapOptions, seals| options.map_sealed(memfd, seals).unwrap_err();
    let none = Seals::empty();
    let unsealed = with_size(8192);
    assert_eq!(
        refused(&unsealed, options, none),
        VerifyError::Unsealed(Seals::SHRINK)
    );
    let shrink = sealed(8192, Seals::SHRINK);
    assert_eq!(
        refused(&shrink, options, Seals::GROW | Seals::WRITE),
        VerifyError::Unsealed(Seals::GROW | Seals::WRITE)
    );
    assert_eq!(
        refused(&shrink, options.offset(4096), none),
        VerifyError::TooSmall(8192)
    );
    assert_eq!(
        refused(&shrink, options.offset(u64::MAX), none),
        VerifyError::TooSmall(8192)
    );
    assert_eq!(
        refused(&shrink, MapOptions::shared(0), none),
        VerifyError::Refused(Errno::INVAL)
    );
    let (pipe, _other) = rustix::pipe::pipe().unwrap();
    assert_eq!(refused(&pipe.into(), options, none), VerifyError::NotMemfd);

    let mapping = options.map_sealed(&shrink, none).unwrap();
    mapping.write(8191, &7_u8).unwrap();
    let mut byte = [0];
    shrink.read_at(8191, &mut byte).unwrap();
    assert_eq!(byte, [7]);
}

#[test]
fn inherited_memfd_is_shared_by_both() {
    if let Some(mut half) = PeerArgs::role("half") {
        let memfd = Memfd::from(half.descriptor(0));
        assert_eq!(memfd.size(), Ok(100_000));
        let mapping = MapOptions::shared(100_000).map(&memfd).unwrap();
        let mut bytes = vec![0; 50_000];
        mapping.read_at(0, &mut bytes).unwrap();
        assert_eq!(bytes, pattern(50_000, 2));
        mapping.write_at(50_000, &pattern(50_000, 3)).unwrap();
        half.channel.say("written");
        return;
    }
    let _check = LeakCheck::begin();
    let memfd = with_size(100_000);
    let mapping = MapOptions::shared(100_000).map(&memfd).unwrap();
    mapping.write_at(0, &pattern(50_000, 2)).unwrap();
    let mut peer = Peer::start(test_name!(), "half", &[memfd.as_raw_fd()]);
    peer.expect("written");
    let mut bytes = vec![0; 50_000];
    mapping.read_at(50_000, &mut bytes).unwrap();
    assert_eq!(bytes, pattern(50_000, 3));
    assert_eq!(memfd.read_at(50_000, &mut bytes), Ok(50_000));
    assert_eq!(bytes, pattern(50_000, 3));
    peer.finish();
}

#[test]
fn memfd_from_other_process_is_verified() {
    if let Some(mut half) = PeerArgs::role("judges") {
        let options = MapOptions::shared(4096);
        let [unsealed, small, good] = [0, 1, 2].map(|index| Memfd::from(half.descriptor(index)));
        let judge = |memfd| options.map_sealed(memfd, Seals::GROW);
        let wanted = Seals::SHRINK | Seals::GROW;
        assert_eq!(judge(&unsealed).unwrap_err(), VerifyError::Unsealed(wanted));
        assert_eq!(judge(&small).unwrap_err(), VerifyError::TooSmall(4095));
        let mapping = judge(&good).unwrap();
        half.channel.say("mapped");
        half.channel.expect("tried");
        assert_eq!(mapping.read::<[u8; 5]>(4091), Ok(*b"there"));
        return;
    }
    let _check = LeakCheck::begin();
    let wanted = Seals::SHRINK | Seals::GROW;
    let [unsealed, small, good] = [with_size(4096), sealed(4095, wanted), sealed(4096, wanted)];
    let raw = [&unsealed, &small, &good].map(|memfd| memfd.as_raw_fd());
    let mut peer = Peer::start(test_name!(), "judges", &raw);
    peer.expect("mapped");
    // The hostile side cannot take the ground away.
    assert_eq!(good.set_size(0), Err(Errno::PERM));
    good.write_at(4091, b"there").unwrap();
    peer.say("tried");
    peer.finish();
}

#[test]
fn unsealed_memfd_can_be_shortened_under_reader() {
    const SIGBUS: i32 = 7;
    if let Some(mut half) = PeerArgs::role("reads") {
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        setrlimit(Resource::Core, none).unwrap();
        let memfd = Memfd::from(half.descriptor(0));
        let mapping = MapOptions::shared(4096).map(&memfd).unwrap();
        assert_eq!(mapping.read::<u8>(0), Ok(1));
        half.channel.say("mapped");
        half.channel.expect("shortened");
        let _ = mapping.read::<u8>(0);
        unreachable!("the documented SIGBUS");
    }
    let _check = LeakCheck::begin();
    let memfd = with_size(4096);
    memfd.write_at(0, &[1]).unwrap();
    let mut peer = Peer::start(test_name!(), "reads", &[memfd.as_raw_fd()]);
    peer.expect("mapped");
    memfd.set_size(0).unwrap();
    peer.say("shortened");
    assert_eq!(peer.wait().signal(), Some(SIGBUS));
}

#[test]
fn memfd_converts_to_descriptor_and_std_file() {
    let _check = LeakCheck::begin();
    let memfd = create(MemfdFlags::empty());
    let copy: Memfd = memfd.as_fd().try_clone_to_owned().unwrap().into();
    copy.write_at(0, b"copy").unwrap();
    let owned: OwnedFd = copy.into();
    let copy = Memfd::from(owned);
    let raw = copy.into_raw_fd();
    // SAFETY: just given up.
    drop(unsafe { OwnedFd::from_raw_fd(raw) });

    let mut file = File::from(memfd);
    file.seek(std::io::SeekFrom::End(0)).unwrap();
    file.write_all(b" and file").unwrap();
    file.rewind().unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "copy and file");
    file.rewind().unwrap();

    let child = Command::new("/bin/cat")
        .stdin(Stdio::from(Memfd::from(file)))
        .output()
        .unwrap();
    assert_eq!(child.stdout, b"copy and file");
}
