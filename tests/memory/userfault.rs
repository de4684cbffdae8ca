//! Page faults as messages: every operation, flag, event and error; handlers in this
//! process and in another, and what the death of either does.
//!
//! Whoever waits for a fault that nobody serves waits for ever, the harness with it: so
//! each test is a process of its own, which ends however the test does.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::ops::RangeBounds;
use core::time::Duration;
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread::scope;

use rawipc::event::eventfd::{self, EventFdFlags};
use rawipc::event::poller::{self, Interest, PollerFlags};
use rawipc::memory::memfd::{self, Memfd, MemfdFlags};
use rawipc::memory::userfault::{
    self, Event, Fault, Features, Mode, Operations, Place, Userfault, UserfaultFlags,
};
use rawipc::memory::{Address, AddressRange, Advice, MapOptions, Mapping, Protection};
use rawipc::process::{self, Fork, State, WaitFlags};
use rawipc::{Deadline, Errno};
use rustix::fs::OFlags;
use rustix::io::FdFlags;

use support::{Child, End, LeakCheck, Peer, PeerArgs, limit, page, pattern};

const READY: Place = Place::empty();

fn private(pages: usize) -> Mapping {
    MapOptions::private(pages * page()).map_anonymous().unwrap()
}

fn memfd_of(pages: usize) -> Memfd {
    let memfd = memfd::create("rawipc-test", MemfdFlags::empty()).unwrap();
    memfd.set_size((pages * page()) as u64).unwrap();
    memfd
}

/// The beginning of the `index`th page.
fn at(mapping: &Mapping, index: usize) -> Address {
    Address::new(mapping.as_ptr().addr() + index * page())
}

/// Runs `body` in a process of its own.
fn apart(test: &str, body: fn()) {
    if PeerArgs::role("apart").is_some() {
        let _check = LeakCheck::begin();
        body();
        return;
    }
    let _check = LeakCheck::begin();
    Peer::start(test, "apart", &[]).finish();
}

/// One for this process, or none where the kernel gives none.
fn faults_with(flags: UserfaultFlags, features: Features) -> Option<Userfault> {
    match userfault::create(flags, features) {
        Err(errno @ (Errno::NOSYS | Errno::PERM)) => {
            skipped!("no such page faults as messages here: {errno}");
            None
        }
        Err(Errno::INVAL) if userfault::features().is_ok_and(|all| !all.contains(features)) => {
            skipped!("this kernel has not all of {features:?}");
            None
        }
        result => Some(result.unwrap()),
    }
}

fn faults(features: Features) -> Option<Userfault> {
    faults_with(UserfaultFlags::USER_MODE_ONLY, features)
}

#[track_caller]
fn fault(faults: &Userfault) -> Fault {
    match faults.read_until(limit()).unwrap() {
        Event::Fault(fault) => fault,
        event => panic!("{event:?}"),
    }
}

#[track_caller]
fn register(faults: &Userfault, mapping: &Mapping, mode: Mode) -> Operations {
    faults.register(mapping, .., mode).unwrap()
}

/// Puts a page of zeros there.
#[track_caller]
fn put_zeros(faults: &Userfault, mapping: &Mapping, range: impl RangeBounds<usize>) {
    let range = mapping.address_range(range).unwrap();
    assert_eq!(faults.zero(range, READY), Ok(range.len));
}

#[test]
fn flags_have_their_effects() {
    let _check = LeakCheck::begin();
    let Some(plain) = faults(Features::empty()) else {
        return;
    };
    assert_eq!(rustix::io::fcntl_getfd(&plain).unwrap(), FdFlags::CLOEXEC);
    let flags = rustix::fs::fcntl_getfl(&plain).unwrap();
    assert!(flags.contains(OFlags::NONBLOCK));
    let inherited = UserfaultFlags::USER_MODE_ONLY | UserfaultFlags::INHERITED;
    let inherited = userfault::create(inherited, Features::empty()).unwrap();
    assert_eq!(
        rustix::io::fcntl_getfd(&inherited).unwrap(),
        FdFlags::empty()
    );
    // The unprivileged may not have any without this one.
    let unknown = UserfaultFlags::USER_MODE_ONLY | UserfaultFlags::from_bits_retain(1 << 30);
    let refused = userfault::create(unknown, Features::empty());
    assert_eq!(refused.unwrap_err(), Errno::INVAL);
    let unknown = Features::from_bits_retain(1 << 60);
    let refused = userfault::create(UserfaultFlags::USER_MODE_ONLY, unknown);
    assert_eq!(refused.unwrap_err(), Errno::INVAL);
    assert!(userfault::features().unwrap().contains(Features::SHARED));
    // Nothing happens.
    assert!(matches!(plain.try_read(), Err(Errno::AGAIN)));
    let late = plain.read_until(Deadline::after(Duration::from_millis(20)));
    assert!(matches!(late, Err(Errno::TIMEDOUT)));
    let fd: OwnedFd = plain.into();
    assert!(Userfault::from_fd(fd).is_ok());
}

#[test]
fn userfault_device_creates_descriptors_too() {
    let _check = LeakCheck::begin();
    let device = match userfault::open_device() {
        Err(errno @ (Errno::NOENT | Errno::ACCESS | Errno::PERM)) => {
            skipped!("no {:?} here: {errno}", userfault::DEVICE);
            return;
        }
        result => result.unwrap(),
    };
    assert_eq!(rustix::io::fcntl_getfd(&device).unwrap(), FdFlags::CLOEXEC);
    let create = |flags, features| userfault::create_by(&device, flags, features);
    let faults = create(UserfaultFlags::empty(), Features::SHARED).unwrap();
    assert_eq!(rustix::io::fcntl_getfd(&faults).unwrap(), FdFlags::CLOEXEC);
    let mapping = private(2);
    assert!(register(&faults, &mapping, Mode::MISSING).contains(Operations::COPY));
    put_zeros(&faults, &mapping, ..);
    assert_eq!(mapping.read::<u8>(page()), Ok(0));
    let unknown = UserfaultFlags::from_bits_retain(1 << 30);
    let refused = create(unknown, Features::empty());
    assert_eq!(refused.unwrap_err(), Errno::INVAL);
    let null = File::open("/dev/null").unwrap();
    let refused = userfault::create_by(null, UserfaultFlags::empty(), Features::empty());
    assert_eq!(refused.unwrap_err(), Errno::NOTTY);
}

#[test]
fn other_descriptor_is_no_userfault() {
    let _check = LeakCheck::begin();
    let (socket, _other) = UnixStream::pair().unwrap();
    let (pipe, _writer) = rustix::pipe::pipe().unwrap();
    let counter = eventfd::create(0, EventFdFlags::empty()).unwrap();
    let poller = poller::create(PollerFlags::empty()).unwrap();
    let others: [OwnedFd; 6] = [
        socket.into(),
        pipe,
        counter.into(),
        poller.into(),
        memfd_of(1).into(),
        File::open("/dev/null").unwrap().into(),
    ];
    for fd in others {
        let shown = format!("{fd:?}");
        assert_eq!(Userfault::from_fd(fd).unwrap_err(), Errno::NOTTY, "{shown}");
    }
    // One that nobody has asked for features yet, and then one that blocks.
    let flags = libc::O_CLOEXEC | 1;
    for ask in [false, true] {
        // SAFETY: makes a descriptor or fails.
        let fd = unsafe { libc::syscall(libc::SYS_userfaultfd, flags) } as i32;
        if fd < 0 {
            skipped!("no page faults as messages here");
            return;
        }
        // SAFETY: just made.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        if !ask {
            assert_eq!(Userfault::from_fd(fd).unwrap_err(), Errno::NOTTY);
            continue;
        }
        // UFFDIO_API.
        let mut api = [0xaa_u64, 0, 0];
        // SAFETY: the kernel reads and writes three words, borrowed for the call.
        let asked = unsafe { libc::ioctl(fd.as_raw_fd(), 0xc018_aa3f, api.as_mut_ptr()) };
        assert_eq!(asked, 0);
        let faults = Userfault::from_fd(fd).unwrap();
        let flags = rustix::fs::fcntl_getfl(&faults).unwrap();
        assert!(flags.contains(OFlags::NONBLOCK));
        assert!(matches!(faults.try_read(), Err(Errno::AGAIN)));
    }
}

#[test]
fn missing_pages_are_filled_by_handler() {
    apart(test_name!(), || {
        let features = Features::SHARED | Features::THREAD | Features::EXACT;
        let Some(faults) = faults(features) else {
            return;
        };
        for mapping in [
            private(8),
            MapOptions::shared(8 * page()).map_anonymous().unwrap(),
            MapOptions::shared(8 * page()).map(memfd_of(8)).unwrap(),
        ] {
            serve_missing(&faults, &mapping);
        }
    });
}

fn serve_missing(faults: &Userfault, mapping: &Mapping) {
    let operations = register(faults, mapping, Mode::MISSING);
    let wanted = Operations::COPY | Operations::ZERO | Operations::WAKE;
    assert!(operations.contains(wanted), "{operations:?}");
    scope(|scope| {
        // Read, served by a copy.
        let reader = scope.spawn(|| (rustix::thread::gettid(), mapping.read::<u8>(page() + 5)));
        let told = fault(faults);
        assert_eq!(mapping.offset_of(told.address), Some(page() + 5));
        assert!(!told.write && !told.protected && !told.minor);
        let bytes = pattern(2 * page(), 7);
        let copied = faults.copy(at(mapping, 1), &bytes, READY);
        assert_eq!(copied, Ok(2 * page()));
        let (thread, byte) = reader.join().unwrap();
        assert_eq!(byte, Ok(bytes[5]));
        assert_eq!(told.thread, thread.as_raw_nonzero().get() as u32);
        // The second page came with it.
        assert_eq!(mapping.read::<u8>(2 * page() + 9), Ok(bytes[page() + 9]));
        assert!(matches!(faults.try_read(), Err(Errno::AGAIN)));

        // Written, served by zeros, and woken apart.
        let writer = scope.spawn(|| mapping.write(4 * page(), &1_u8));
        assert!(fault(faults).write);
        let zeros = mapping.address_range(4 * page()..5 * page()).unwrap();
        assert_eq!(faults.zero(zeros, Place::ASLEEP), Ok(page()));
        faults.wake(zeros).unwrap();
        assert_eq!(writer.join().unwrap(), Ok(()));
        assert_eq!(mapping.read::<[u8; 2]>(4 * page()), Ok([1, 0]));

        // What is there is not put there again.
        let result = faults.copy(at(mapping, 1), &bytes[..page()], READY);
        assert_eq!(result, Err(Errno::EXIST));
        assert_eq!(faults.zero(zeros, READY), Err(Errno::EXIST));
        // And what is before it is, up to there.
        assert_eq!(faults.copy(at(mapping, 0), &bytes, READY), Ok(page()));
        let two = mapping.address_range(3 * page()..5 * page()).unwrap();
        assert_eq!(faults.zero(two, READY), Ok(page()));

        // Nobody serves any more.
        let reader = scope.spawn(|| mapping.read::<u8>(6 * page()));
        fault(faults);
        faults
            .unregister(mapping.address_range(..).unwrap())
            .unwrap();
        assert_eq!(reader.join().unwrap(), Ok(0));
    });
    assert_eq!(
        mapping.offset_of(Address::new(at(mapping, 0).get() - 1)),
        None
    );
    assert_eq!(mapping.offset_of(at(mapping, 8)), None);
    mapping.fill(.., 0).unwrap();
}

#[test]
fn invalid_arguments_are_refused() {
    let _check = LeakCheck::begin();
    let Some(faults) = faults(Features::empty()) else {
        return;
    };
    let mapping = private(4);
    let one = mapping.address_range(..page()).unwrap();
    let [mut within, mut short, mut none, mut nowhere] = [one; 4];
    within.address = within.address.wrapping_add(1);
    short.len = 1;
    none.len = 0;
    nowhere.address = Address::new(usize::MAX & !(page() - 1));
    let unknown = Mode::from_bits_retain(1 << 20);
    let register = |range: core::ops::Range<usize>, mode| {
        let result = faults.register(&mapping, range, mode);
        result.unwrap_err()
    };
    assert_eq!(register(0..5 * page(), Mode::MISSING), Errno::RANGE);
    assert_eq!(register(1..page(), Mode::MISSING), Errno::INVAL);
    assert_eq!(register(0..1, Mode::MISSING), Errno::INVAL);
    assert_eq!(register(0..page(), Mode::empty()), Errno::INVAL);
    assert_eq!(register(0..page(), unknown), Errno::INVAL);
    for range in [within, short, none, nowhere] {
        assert_eq!(faults.wake(range), Err(Errno::INVAL), "{range:?}");
        assert_eq!(faults.unregister(range), Err(Errno::INVAL), "{range:?}");
        assert_eq!(faults.zero(range, READY), Err(Errno::INVAL), "{range:?}");
        assert_eq!(faults.continue_fault(range, READY), Err(Errno::INVAL));
        assert_eq!(faults.protect(range), Err(Errno::INVAL), "{range:?}");
    }
    let bytes = vec![1; page()];
    let copy = |address, bytes| faults.copy(address, bytes, READY);
    assert_eq!(copy(one.address, &bytes), Err(Errno::NOENT));
    assert_eq!(faults.zero(one, READY), Err(Errno::NOENT));
    faults.register(&mapping, .., Mode::MISSING).unwrap();
    assert_eq!(copy(within.address, &bytes), Err(Errno::INVAL));
    assert_eq!(copy(one.address, &bytes[1..]), Err(Errno::INVAL));
    assert_eq!(copy(one.address, &[]), Err(Errno::INVAL));
    assert_eq!(copy(nowhere.address, &bytes), Err(Errno::INVAL));
    assert_eq!(faults.zero(one, Place::PROTECTED), Err(Errno::INVAL));
    let unknown = Place::from_bits_retain(1 << 40);
    let refused = faults.copy(one.address, &bytes, unknown);
    assert_eq!(refused, Err(Errno::INVAL));
    // Only registered so can it be protected.
    assert_eq!(faults.protect(one), Err(Errno::NOENT));
    let other = self::faults(Features::empty()).unwrap();
    let busy = other.register(&mapping, .., Mode::MISSING);
    assert_eq!(busy, Err(Errno::BUSY));
    // A file of a file system, and shared memory that may not be written.
    let file = File::open(std::env::current_exe().unwrap()).unwrap();
    let file = MapOptions::private(page()).map(file).unwrap();
    let refused = other.register(&file, .., Mode::MISSING);
    assert_eq!(refused, Err(Errno::INVAL));
    let memfd = memfd_of(1);
    let path = format!("/proc/self/fd/{}", memfd.as_raw_fd());
    let readable = MapOptions::shared(page()).protection(Protection::READ);
    let readable = readable.map(File::open(path).unwrap()).unwrap();
    let refused = other.register(&readable, .., Mode::MISSING);
    assert_eq!(refused, Err(Errno::PERM));
}

#[test]
fn writes_to_protected_pages_are_reported_and_continued() {
    apart(test_name!(), || {
        let Some(faults) = faults(Features::WRITE_PROTECT) else {
            return;
        };
        let mapping = private(4);
        mapping.fill(..3 * page(), 3).unwrap();
        let operations = register(&faults, &mapping, Mode::WRITE_PROTECT | Mode::MISSING);
        assert!(operations.contains(Operations::PROTECT), "{operations:?}");
        let first = mapping.address_range(..page()).unwrap();
        faults.protect(first).unwrap();
        assert_eq!(mapping.read::<u8>(0), Ok(3));
        mapping.write(page(), &4_u8).unwrap();
        scope(|scope| {
            let writer = scope.spawn(|| mapping.write(8, &5_u8));
            let told = fault(&faults);
            assert!(told.write && told.protected && !told.minor);
            assert_eq!(mapping.offset_of(told.address), Some(0));
            // It is what it was until it is let through.
            assert_eq!(mapping.read::<u8>(8), Ok(3));
            faults.unprotect(first).unwrap();
            assert_eq!(writer.join().unwrap(), Ok(()));
            assert_eq!(mapping.read::<u8>(8), Ok(5));

            // Put there protected.
            let copied = faults.copy(at(&mapping, 3), &vec![9; page()], Place::PROTECTED);
            assert_eq!(copied, Ok(page()));
            let writer = scope.spawn(|| mapping.write(3 * page(), &6_u8));
            assert!(fault(&faults).protected);
            assert_eq!(mapping.read::<u8>(3 * page()), Ok(9));
            let whole = mapping.address_range(..).unwrap();
            faults.unprotect(whole).unwrap();
            assert_eq!(writer.join().unwrap(), Ok(()));
        });
        assert_eq!(mapping.read::<u8>(3 * page()), Ok(6));
    });
}

#[test]
fn minor_faults_of_memfd_are_continued() {
    apart(test_name!(), || {
        let Some(faults) = faults(Features::SHARED | Features::MINOR_SHARED) else {
            return;
        };
        let memfd = memfd_of(2);
        let ours = MapOptions::shared(2 * page()).map(&memfd).unwrap();
        let theirs = MapOptions::shared(2 * page()).map(&memfd).unwrap();
        ours.fill(..page(), 1).unwrap();
        let operations = register(&faults, &theirs, Mode::MINOR);
        assert!(operations.contains(Operations::CONTINUE), "{operations:?}");
        let first = theirs.address_range(..page()).unwrap();
        scope(|scope| {
            let reader = scope.spawn(|| theirs.read::<u8>(7));
            let told = fault(&faults);
            assert!(told.minor && !told.protected);
            assert_eq!(theirs.offset_of(told.address), Some(0));
            // Changed while nobody looks.
            ours.write(7, &2_u8).unwrap();
            assert_eq!(faults.continue_fault(first, READY), Ok(page()));
            assert_eq!(reader.join().unwrap(), Ok(2));
        });
        assert_eq!(faults.continue_fault(first, READY), Err(Errno::EXIST));
        // What the memfd does not have.
        let second = theirs.address_range(page()..).unwrap();
        assert_eq!(faults.continue_fault(second, READY), Err(Errno::FAULT));
    });
}

#[test]
fn poisoned_page_kills_who_touches_it() {
    apart(test_name!(), || {
        let Some(faults) = faults(Features::POISON) else {
            return;
        };
        let mapping = private(2);
        let operations = register(&faults, &mapping, Mode::MISSING);
        assert!(operations.contains(Operations::POISON), "{operations:?}");
        let first = mapping.address_range(..page()).unwrap();
        assert_eq!(faults.poison(first, Place::PROTECTED), Err(Errno::INVAL));
        assert_eq!(faults.poison(first, READY), Ok(page()));
        assert_eq!(faults.poison(first, READY), Err(Errno::EXIST));
        // A system call says so.
        let (_reader, writer) = rustix::pipe::pipe().unwrap();
        // SAFETY: the call is given an address, and reads or fails.
        let written = unsafe { libc::write(writer.as_raw_fd(), mapping.as_ptr().cast(), 1) };
        assert_eq!(written, -1);
        // An access ends the process.
        let mut child = Child::fork(|| {
            no_core();
            i32::from(mapping.read::<u8>(0).is_ok())
        });
        assert_eq!(child.wait(), End::Killed(libc::SIGBUS));
        put_zeros(&faults, &mapping, page()..);
        assert_eq!(mapping.read::<u8>(page()), Ok(0));
    });
}

/// Of a process that shall crash.
fn no_core() {
    let limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the structure is borrowed for the call.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) };
    // SAFETY: a handler of this executable's runtime is not for this.
    unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
}

#[test]
fn pages_are_moved_from_elsewhere() {
    apart(test_name!(), || {
        let Some(faults) = faults(Features::MOVE) else {
            return;
        };
        let mapping = private(4);
        let operations = register(&faults, &mapping, Mode::MISSING);
        assert!(operations.contains(Operations::MOVE), "{operations:?}");
        let source = private(4);
        // Pages of their own, not a huge one.
        source.advise(.., Advice::NoHugePage).unwrap();
        source.fill(..2 * page(), 8).unwrap();
        let take = |to, range: core::ops::Range<usize>, place| {
            faults.move_pages(at(&mapping, to), &source, range, place)
        };
        assert_eq!(take(0, 0..5 * page(), READY), Err(Errno::RANGE));
        assert_eq!(take(0, 0..1, READY), Err(Errno::INVAL));
        assert_eq!(take(0, 0..page(), Place::PROTECTED), Err(Errno::INVAL));
        assert_eq!(take(0, 2 * page()..3 * page(), READY), Err(Errno::NOENT));
        scope(|scope| {
            let reader = scope.spawn(|| mapping.read::<u8>(page()));
            fault(&faults);
            assert_eq!(take(1, 0..page(), READY), Ok(page()));
            assert_eq!(reader.join().unwrap(), Ok(8));
        });
        assert_eq!(source.read::<u8>(0), Ok(0));
        assert_eq!(take(1, page()..2 * page(), READY), Err(Errno::EXIST));
        // The page that is missing there stops it.
        assert_eq!(take(2, page()..3 * page(), READY), Ok(page()));
        assert_eq!(mapping.read::<u8>(2 * page()), Ok(8));
    });
}

#[test]
fn discarded_moved_and_unmapped_pages_are_reported() {
    apart(test_name!(), || {
        let features = Features::REMOVED | Features::UNMAPPED | Features::MOVED;
        let Some(faults) = faults(features) else {
            return;
        };
        let mut mapping = private(4);
        mapping.fill(.., 1).unwrap();
        register(&faults, &mapping, Mode::MISSING);
        let begin = at(&mapping, 0);
        let second = mapping.address_range(page()..2 * page()).unwrap();
        // Who does it sleeps until it is read.
        scope(|scope| {
            let advised = scope.spawn(|| mapping.advise(page()..2 * page(), Advice::DontNeed));
            match faults.read_until(limit()).unwrap() {
                Event::Removed(range) => assert_eq!(range, second),
                event => panic!("{event:?}"),
            }
            assert_eq!(advised.join().unwrap(), Ok(()));
            // Missing again.
            let reader = scope.spawn(|| mapping.read::<u8>(page()));
            assert_eq!(mapping.offset_of(fault(&faults).address), Some(page()));
            put_zeros(&faults, &mapping, page()..2 * page());
            assert_eq!(reader.join().unwrap(), Ok(0));
        });
        // By `take` it moves for certain; and stays registered here, where all is missing.
        let taken = scope(|scope| {
            let taken = scope.spawn(|| mapping.move_out().unwrap());
            let told = faults.read_until(limit()).unwrap();
            match told {
                Event::Moved { from, to, len } => {
                    assert_eq!((from, len), (begin, 4 * page()));
                    assert_ne!(from, to);
                }
                event => panic!("{event:?}"),
            }
            taken.join().unwrap()
        });
        assert_eq!(taken.read::<u8>(0), Ok(1));
        let whole = mapping.address_range(..).unwrap();
        let moved = taken.address_range(..).unwrap();
        scope(|scope| {
            for (mapping, range) in [(mapping, whole), (taken, moved)] {
                // Registered both here and there.
                scope.spawn(move || drop(mapping));
                match faults.read_until(limit()).unwrap() {
                    Event::Unmapped(told) => assert_eq!(told, range),
                    event => panic!("{event:?}"),
                }
            }
        });
    });
}

#[test]
fn fork_is_reported_with_faults_of_child() {
    // Every fork in this process sleeps until it is told.
    apart(test_name!(), || {
        let Some(faults) = faults(Features::FORK) else {
            return;
        };
        let mapping = private(2);
        register(&faults, &mapping, Mode::MISSING);
        let bytes = vec![9; page()];
        let ready = std::sync::Barrier::new(2);
        let theirs = scope(|scope| {
            let handler = scope.spawn(|| {
                ready.wait();
                let Event::Fork(theirs) = faults.read_until(limit()).unwrap() else {
                    panic!("not a fork");
                };
                let flags = rustix::io::fcntl_getfd(&theirs).unwrap();
                assert_eq!(flags, FdFlags::CLOEXEC);
                let told = fault(&theirs);
                assert_eq!(mapping.offset_of(told.address), Some(page()));
                assert_eq!(theirs.copy(told.address, &bytes, READY), Ok(page()));
                theirs
            });
            ready.wait();
            // Not libc's fork, which would keep the allocator locked meanwhile.
            // SAFETY: the child only reads and exits.
            let child = match unsafe { process::fork() }.unwrap() {
                Fork::Child => {
                    let found = mapping.read::<u8>(page() + 1);
                    process::exit(i32::from(found != Ok(9)))
                }
                Fork::Parent(child) => child,
            };
            let theirs = handler.join().unwrap();
            let change = process::wait(child, WaitFlags::EXITED).unwrap();
            assert_eq!(change.state, State::Exited(0));
            theirs
        });
        // The child's memory is gone, and ours is still missing.
        let gone = theirs.copy(at(&mapping, 0), &bytes, READY);
        assert_eq!(gone, Err(Errno::SRCH));
        put_zeros(&faults, &mapping, ..);
    });
}

#[test]
fn fork_without_event_is_not_registered() {
    apart(test_name!(), || {
        let Some(faults) = faults(Features::empty()) else {
            return;
        };
        let mapping = private(1);
        register(&faults, &mapping, Mode::MISSING);
        let mut child = Child::fork(|| i32::from(mapping.read::<u8>(0) != Ok(0)));
        assert_eq!(child.wait(), End::Exited(0));
        assert!(matches!(faults.try_read(), Err(Errno::AGAIN)));
        put_zeros(&faults, &mapping, ..);
    });
}

#[test]
fn fault_without_messages_is_sigbus() {
    apart(test_name!(), || {
        if faults(Features::SIGBUS).is_none() {
            return;
        }
        // A child's memory is not registered: it registers for itself.
        let mut child = Child::fork(|| {
            no_core();
            let flags = UserfaultFlags::USER_MODE_ONLY;
            let Ok(faults) = userfault::create(flags, Features::SIGBUS) else {
                return 1;
            };
            let Ok(mapping) = MapOptions::private(page()).map_anonymous() else {
                return 2;
            };
            if faults.register(&mapping, .., Mode::MISSING).is_err() {
                return 3;
            }
            i32::from(mapping.read::<u8>(0).is_ok()) + 4
        });
        assert_eq!(child.wait(), End::Killed(libc::SIGBUS));
    });
}

#[test]
fn faults_in_kernel_are_served_or_fail() {
    apart(test_name!(), || {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let write = |mapping: &Mapping| {
            let (fd, from) = (writer.as_raw_fd(), mapping.as_ptr().cast());
            // SAFETY: the call is given an address, and reads or fails.
            unsafe { libc::write(fd, from, 1) }
        };
        let Some(only_user) = faults(Features::empty()) else {
            return;
        };
        let mapping = private(1);
        register(&only_user, &mapping, Mode::MISSING);
        assert_eq!(write(&mapping), -1);
        let error = std::io::Error::last_os_error().raw_os_error();
        assert_eq!(error, Some(libc::EFAULT));

        let Some(all) = faults_with(UserfaultFlags::empty(), Features::empty()) else {
            return;
        };
        let mapping = private(1);
        register(&all, &mapping, Mode::MISSING);
        scope(|scope| {
            let written = scope.spawn(|| write(&mapping));
            let told = fault(&all);
            let bytes = vec![b'!'; page()];
            assert_eq!(all.copy(told.address, &bytes, READY), Ok(page()));
            assert_eq!(written.join().unwrap(), 1);
        });
        let mut byte = [0];
        assert_eq!(rustix::io::read(&reader, &mut byte), Ok(1));
        assert_eq!(&byte, b"!");
    });
}

#[test]
fn userfault_is_polled_beside_others() {
    apart(test_name!(), || {
        let Some(faults) = faults(Features::empty()) else {
            return;
        };
        let mapping = private(1);
        register(&faults, &mapping, Mode::MISSING);
        let poller = poller::create(PollerFlags::empty()).unwrap();
        poller.add(&faults, 5, Interest::IN).unwrap();
        scope(|scope| {
            let reader = scope.spawn(|| mapping.read::<u8>(0));
            let mut events = [poller::Event::EMPTY; 2];
            let events = poller.wait_until(&mut events, limit()).unwrap();
            assert_eq!(events.first().map(poller::Event::token), Some(5));
            assert!(matches!(faults.try_read(), Ok(Event::Fault(_))));
            put_zeros(&faults, &mapping, ..);
            assert_eq!(reader.join().unwrap(), Ok(0));
        });
    });
}

/// In the process that handles the faults of another: serves one page of a pattern, and
/// then hears of a second.
fn serve_one(half: &mut PeerArgs) {
    let faults = Userfault::from_fd(half.descriptor(0)).unwrap();
    let told = fault(&faults);
    let bytes = pattern(page(), 11);
    assert_eq!(faults.copy(told.address, &bytes, READY), Ok(page()));
    fault(&faults);
    half.channel.say("told");
    half.channel.hear();
    unreachable!("killed before");
}

#[test]
fn death_of_only_handler_ends_registration() {
    if let Some(mut half) = PeerArgs::role("handler") {
        return serve_one(&mut half);
    }
    if PeerArgs::role("apart").is_none() {
        return apart(test_name!(), || ());
    }
    let _check = LeakCheck::begin();
    let Some(faults) = faults(Features::empty()) else {
        return;
    };
    let mapping = private(2);
    register(&faults, &mapping, Mode::MISSING);
    let mut peer = Peer::start(test_name!(), "handler", &[faults.as_raw_fd()]);
    drop(faults);
    scope(|scope| {
        let first = scope.spawn(|| mapping.read::<u8>(3));
        assert_eq!(first.join().unwrap(), Ok(pattern(page(), 11)[3]));
        let second = scope.spawn(|| mapping.read::<u8>(page()));
        peer.expect("told");
        peer.kill();
        assert_eq!(second.join().unwrap(), Ok(0));
    });
}

#[test]
fn other_handler_takes_over_from_dead_one() {
    if let Some(mut half) = PeerArgs::role("handler") {
        return serve_one(&mut half);
    }
    if PeerArgs::role("apart").is_none() {
        return apart(test_name!(), || ());
    }
    let _check = LeakCheck::begin();
    let Some(faults) = faults(Features::empty()) else {
        return;
    };
    let mapping = private(2);
    register(&faults, &mapping, Mode::MISSING);
    let mut peer = Peer::start(test_name!(), "handler", &[faults.as_raw_fd()]);
    scope(|scope| {
        let first = scope.spawn(|| mapping.read::<u8>(3));
        assert_eq!(first.join().unwrap(), Ok(pattern(page(), 11)[3]));
        let second = scope.spawn(|| mapping.read::<u8>(page()));
        peer.expect("told");
        peer.kill();
        // The dead one has the message: nobody else hears of it, and it sleeps on.
        assert!(matches!(faults.try_read(), Err(Errno::AGAIN)));
        assert!(!second.is_finished());
        // Woken, it asks again.
        faults.wake(mapping.address_range(..).unwrap()).unwrap();
        assert_eq!(mapping.offset_of(fault(&faults).address), Some(page()));
        put_zeros(&faults, &mapping, page()..);
        assert_eq!(second.join().unwrap(), Ok(0));
    });
}

#[test]
fn death_of_process_ends_its_messages() {
    if let Some(mut half) = PeerArgs::role("touches") {
        let Some(faults) = faults(Features::empty()) else {
            return half.channel.say("skip");
        };
        let mapping = private(2);
        register(&faults, &mapping, Mode::MISSING);
        half.channel.say(&faults.as_raw_fd().to_string());
        half.channel.expect("taken");
        drop(faults);
        assert_eq!(mapping.read::<u8>(0), Ok(4));
        half.channel.say(&at(&mapping, 0).get().to_string());
        let _ = mapping.read::<u8>(page());
        unreachable!("killed before");
    }
    if PeerArgs::role("apart").is_none() {
        return apart(test_name!(), || ());
    }
    let _check = LeakCheck::begin();
    let mut peer = Peer::start(test_name!(), "touches", &[]);
    let Ok(number) = peer.channel().hear().parse::<i32>() else {
        return peer.finish();
    };
    // As if it had been sent.
    let pid = rustix::process::Pid::from_raw(peer.id() as i32).unwrap();
    let process = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty());
    let fd = rustix::process::pidfd_getfd(
        process.unwrap(),
        number,
        rustix::process::PidfdGetfdFlags::empty(),
    );
    let faults = match fd {
        Err(errno @ (Errno::PERM | Errno::NOSYS)) => {
            skipped!("descriptors cannot be taken here: {errno}");
            return;
        }
        result => Userfault::from_fd(result.unwrap()).unwrap(),
    };
    peer.say("taken");
    let bytes = vec![4; page()];
    let first = fault(&faults).address;
    assert_eq!(faults.copy(first, &bytes, READY), Ok(page()));
    assert_eq!(peer.channel().hear().parse(), Ok(first.get()));
    let second = fault(&faults).address;
    peer.kill();
    assert_eq!(faults.copy(second, &bytes, READY), Err(Errno::SRCH));
    let range = AddressRange::new(second, page());
    assert_eq!(faults.zero(range, READY), Err(Errno::SRCH));
    assert!(matches!(faults.try_read(), Err(Errno::AGAIN)));
    assert_eq!(faults.wake(range), Ok(()));
}
