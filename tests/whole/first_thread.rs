//! A process is more than its first thread: what the crate asks of `/proc`, and does with
//! the memory of a process, where that thread has ended or has other descriptors.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::mpsc;

use rawipc::event::eventfd::{self, EventFdFlags};
use rawipc::limits::Limit;
use rawipc::memory::MapOptions;
use rawipc::posix::{self, Name, memory as shm};
use rawipc::process::memory::{self, Access, Address, AddressRange};
use rawipc::process::pidfd::{self, Pidfd};
use rawipc::process::{maps, permission};
use rawipc::ring::spsc::{self, items};
use rawipc::ring::{AttachError, SpinThenFutex};
use rawipc::{AsFd, Deadline, Errno, IoSlice, IoSliceMut, Pid};
use support::threads::{own_descriptors, without_first_thread};
use support::{LIMIT, LeakCheck, Peer, PeerArgs, pattern};

type Ring = spsc::Ring<SpinThenFutex>;

const PAGE: usize = 4096;
const SEED: u64 = 5;

/// Runs `half` in a process of its own that has lost its first thread.
#[track_caller]
fn headless(test: &str, half: impl FnOnce()) {
    if PeerArgs::role("headless").is_some() {
        without_first_thread(half);
    }
    let _check = LeakCheck::begin();
    Peer::start(test, "headless", &[]).finish();
}

/// Runs `half` in a process of its own, in a thread that may have its own descriptors.
#[track_caller]
fn apart(test: &str, half: impl FnOnce()) {
    if PeerArgs::role("apart").is_some() {
        return half();
    }
    let _check = LeakCheck::begin();
    Peer::start(test, "apart", &[]).finish();
}

#[test]
fn ring_attach_without_first_thread_succeeds() {
    headless(test_name!(), || {
        let ring = Ring::create(PAGE).unwrap();
        let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
        producer.send(b"here").unwrap();
        let mut record = [0; 8];
        assert_eq!(consumer.recv(&mut record), Ok(4));
        assert_eq!(&record[..4], b"here");
        let items = items::Ring::<u32>::create(8).unwrap();
        let mut producer = items.producer().unwrap();
        producer.push(&7).unwrap();
        assert_eq!(items.consumer().unwrap().pop(), Ok(7));
    });
}

#[test]
fn ring_attach_in_thread_with_own_descriptors_attaches_the_ring_checked() {
    apart(test_name!(), || {
        let (tell, told) = mpsc::channel();
        let (go, gone) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            own_descriptors();
            tell.send(()).unwrap();
            gone.recv().unwrap();
            // By now the first thread has other rings under the numbers of this one.
            let ring = Ring::create(PAGE).unwrap();
            let mut producer = ring.producer().unwrap();
            producer.send(b"for this ring").unwrap();
            let mut consumer = ring.consumer().unwrap();
            let mut record = [0; 32];
            assert_eq!(consumer.try_recv(&mut record), Ok(13));
        });
        told.recv().unwrap();
        let others: Vec<Ring> = (0..8).map(|_| Ring::create(PAGE).unwrap()).collect();
        go.send(()).unwrap();
        thread.join().unwrap();
        for ring in &others {
            let refused = ring.consumer().unwrap().try_recv(&mut [0; 32]);
            assert!(refused.is_err(), "{refused:?}");
        }
    });
}

#[test]
fn ring_attach_of_another_file_under_its_number_is_refused() {
    apart(test_name!(), || {
        let (tell, told) = mpsc::channel();
        let (give, given) = mpsc::channel::<Ring>();
        let thread = std::thread::spawn(move || {
            own_descriptors();
            // The numbers that the other thread is about to use.
            let mine: Vec<Ring> = (0..8).map(|_| Ring::create(PAGE).unwrap()).collect();
            tell.send(()).unwrap();
            let theirs = given.recv().unwrap();
            let number = theirs.as_fd().as_raw_fd();
            assert!(mine.iter().any(|ring| ring.as_fd().as_raw_fd() == number));
            let refused = theirs.producer().err();
            assert_eq!(refused, Some(AttachError::Kernel(Errno::BADF)));
            // It is not this thread's to close.
            core::mem::forget(theirs);
        });
        told.recv().unwrap();
        let ring = Ring::create(PAGE).unwrap();
        // The descriptor stays open here.
        let _kept = rustix::io::dup(ring.as_fd()).unwrap();
        give.send(ring).unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn ring_peer_asked_under_another_number_is_not_declared_dead() {
    apart(test_name!(), || {
        let (tell, told) = mpsc::channel();
        let (give, given) = mpsc::channel::<spsc::Consumer<SpinThenFutex>>();
        let thread = std::thread::spawn(move || {
            own_descriptors();
            // Other files under all numbers that the consumer can have.
            let files: Vec<File> = (0..32).map(|_| File::open("/dev/null").unwrap()).collect();
            tell.send(()).unwrap();
            let consumer = given.recv().unwrap();
            let peer = consumer.peer();
            core::mem::forget(consumer);
            drop(files);
            assert_eq!(peer, spsc::Peer::Attached);
        });
        told.recv().unwrap();
        let ring = Ring::create(PAGE).unwrap();
        let _producer = ring.producer().unwrap();
        give.send(ring.consumer().unwrap()).unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn ring_attach_without_proc_says_so() {
    apart(test_name!(), || {
        let ring = Ring::create(PAGE).unwrap();
        let mut producer = ring.producer().unwrap();
        // In a mount namespace of its own, something else is mounted there.
        // SAFETY: no memory is involved.
        let alone = unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0
            // SAFETY: strings of this program, and no data.
            && unsafe {
                let (none, flags) = (core::ptr::null(), libc::MS_PRIVATE | libc::MS_REC);
                libc::mount(none, c"/".as_ptr(), none, flags, core::ptr::null())
            } == 0
            // SAFETY: as above.
            && unsafe {
                let kind = c"tmpfs".as_ptr();
                libc::mount(kind, c"/proc".as_ptr(), kind, 0, core::ptr::null())
            } == 0;
        if !alone {
            skipped!("this user has no mount namespaces");
            return;
        }
        assert_eq!(ring.consumer().err(), Some(AttachError::NoProc));
        let refused = ring.consumer_until(Deadline::after(LIMIT)).err();
        assert_eq!(refused, Some(AttachError::NoProc));
        // What is attached goes on.
        producer.send(b"still").unwrap();
        assert_eq!(producer.peer(), spsc::Peer::Absent);
        let own = rustix::process::getpid();
        assert_eq!(maps::open(own).err(), Some(Errno::SRCH));
        assert_eq!(memory::of(own).read(Address::of(&own), &mut [0]), Ok(1));
    });
}

#[test]
fn limits_in_use_without_first_thread_are_counted() {
    headless(test_name!(), || {
        let in_use = |limit: Limit| limit.read().unwrap().in_use.unwrap();
        let before = in_use(Limit::Descriptors);
        assert!(before >= 3, "{before}");
        let files = [0; 3].map(|_| File::open("/").unwrap());
        assert_eq!(in_use(Limit::Descriptors), before + 3);
        drop(files);
        assert!(in_use(Limit::Mappings) > 3);
        let before = in_use(Limit::AddressSpace);
        let _large = MapOptions::private(1 << 30).map_anonymous().unwrap();
        assert!(in_use(Limit::AddressSpace) >= before + (1 << 30));
        assert!(Limit::LockedBytes.read().unwrap().in_use.is_some());
        assert!(Limit::QueuedSignals.read().unwrap().in_use.is_some());
        if std::fs::exists("/proc/sysvipc/shm").unwrap() {
            assert!(Limit::SegmentPages.read().unwrap().in_use.is_some());
        }
    });
}

#[test]
fn limits_in_use_of_thread_with_own_descriptors_are_its_own() {
    apart(test_name!(), || {
        std::thread::spawn(|| {
            own_descriptors();
            let in_use = || Limit::Descriptors.read().unwrap().in_use.unwrap();
            let before = in_use();
            let _files = [0; 5].map(|_| File::open("/").unwrap());
            assert_eq!(in_use(), before + 5);
        })
        .join()
        .unwrap();
    });
}

#[test]
fn objects_made_without_first_thread_are_named_and_counted() {
    headless(test_name!(), || {
        let name = format!("/rawipc-test-{}-first", std::process::id());
        let name = Name::new(name).unwrap();
        // As an ordinary user this needs the path of a descriptor, before Linux 6.10.
        let made = shm::CreateOptions::new().size(4096).create(&name);
        posix::memory::unlink(&name).unwrap();
        assert_eq!(made.unwrap().size(), Ok(4096));
        // Blocking, and neither empty nor full: how much there is is told by /proc.
        let counter = eventfd::create(5, EventFdFlags::empty()).unwrap();
        assert_eq!(counter.try_add(u64::MAX - 10), Ok(()));
        assert_eq!(counter.try_add(7), Err(Errno::AGAIN));
        assert_eq!(counter.try_add(4), Ok(()));
    });
}

#[test]
fn own_memory_without_first_thread_is_there() {
    headless(test_name!(), || {
        let own = rustix::process::getpid();
        let word = 0x1234_5678_u32;
        assert_eq!(memory::of(own).read_value(Address::of(&word)), Ok(word));
        let mut maps = maps::open(own).unwrap();
        let mut buffer = [0; maps::BUFFER];
        assert!(
            maps.find(Address::of(&word), &mut buffer)
                .unwrap()
                .is_some()
        );
        let reasons = permission::explain(own).unwrap().reasons();
        assert!(!reasons.contains(permission::Reasons::UNDUMPABLE));
    });
}

/// The peer's half: a process without its first thread that holds memory until it is told
/// to end.
fn hold_headless() {
    let Some(mut args) = PeerArgs::role("holder") else {
        return;
    };
    without_first_thread(move || {
        let held = pattern(3 * PAGE, SEED).into_boxed_slice();
        let at = held.as_ptr().expose_provenance();
        args.channel.say(&at.to_string());
        args.channel.expect("changed");
        // SAFETY: they are this process's, which another has written to.
        let first = unsafe { core::ptr::from_ref(&held[0]).read_volatile() };
        assert_eq!(first, 99);
        args.channel.say("seen");
        args.channel.expect("end");
        core::hint::black_box(&held);
    });
}

/// A process that [`hold_headless`] makes: its memory is at the address.
struct Holder {
    peer: Peer,
    at: Address,
    pid: Pid,
    descriptor: Pidfd,
}

impl Holder {
    #[track_caller]
    fn start(test: &str) -> Self {
        let mut peer = Peer::start(test, "holder", &[]);
        let at = Address::new(peer.channel().hear().parse().unwrap());
        let pid = Pid::from_raw(peer.id() as i32).unwrap();
        let descriptor = pidfd::open(pid).unwrap();
        Self {
            peer,
            at,
            pid,
            descriptor,
        }
    }
}

#[test]
fn memory_of_process_without_first_thread_is_read_and_written() {
    hold_headless();
    let _check = LeakCheck::begin();
    let Holder {
        mut peer,
        at,
        pid,
        descriptor,
    } = Holder::start(test_name!());
    assert_eq!(descriptor.has_exited(), Ok(false));
    let there = pattern(3 * PAGE, SEED);
    for remote in [
        memory::of(pid),
        memory::open(pid, Access::ReadWrite).unwrap(),
        memory::open(&descriptor, Access::ReadWrite).unwrap(),
    ] {
        let mut here = vec![0; there.len()];
        assert_eq!(remote.read(at, &mut here), Ok(here.len()));
        assert!(here == there);
        here.fill(0);
        remote.read_exact(at, &mut here).unwrap();
        assert!(here == there);
        let mut uninit = vec![core::mem::MaybeUninit::uninit(); there.len()];
        assert!(remote.read_uninit(at, &mut uninit).unwrap() == there);
        here.fill(0);
        let pieces = [
            AddressRange::new(at, PAGE),
            AddressRange::new(at.wrapping_add(PAGE), 2 * PAGE),
        ];
        let read = remote.readv_exact(&pieces, &mut [IoSliceMut::new(&mut here)]);
        assert_eq!(read, Ok(there.len()));
        assert!(here == there);
        assert_eq!(remote.write(at, &there), Ok(there.len()));
        let written = remote.writev(&pieces, &[IoSlice::new(&there)]);
        assert_eq!(written, Ok(there.len()));
        assert_eq!(remote.read(Address::new(1), &mut here), Err(Errno::FAULT));
    }
    memory::of(pid).write_value(at, &99_u8).unwrap();
    peer.say("changed");
    peer.expect("seen");
    peer.say("end");
    peer.wait();
    assert_eq!(memory::of(pid).read(at, &mut [0]), Err(Errno::SRCH));
}

#[test]
fn maps_of_process_without_first_thread_are_listed() {
    hold_headless();
    let _check = LeakCheck::begin();
    let Holder {
        peer: _peer,
        at,
        pid,
        descriptor,
    } = Holder::start(test_name!());
    for mut maps in [maps::open(pid).unwrap(), maps::open(&descriptor).unwrap()] {
        let mut buffer = [0; maps::BUFFER];
        let mut regions = maps.regions(&mut buffer);
        let (mut count, mut found) = (0, false);
        while let Some(region) = regions.next() {
            found |= region.unwrap().contains(at);
            count += 1;
        }
        assert!(found && count > 3, "{count} regions");
        assert!(maps.find(at, &mut buffer).unwrap().is_some());
    }
    let explained = permission::explain(&descriptor).unwrap();
    let wrong = permission::Reasons::UNDUMPABLE | permission::Reasons::OTHER_USER;
    assert!(!explained.reasons().intersects(wrong), "{explained}");
}

#[test]
fn memory_of_process_all_of_whose_threads_ended_is_gone() {
    if PeerArgs::role("ends").is_some() {
        without_first_thread(|| ());
    }
    let _check = LeakCheck::begin();
    let peer = Peer::start(test_name!(), "ends", &[]);
    let pid = Pid::from_raw(peer.id() as i32).unwrap();
    let descriptor = pidfd::open(pid).unwrap();
    descriptor.wait_exit().unwrap();
    // Not yet waited for.
    let remote = memory::of(pid);
    assert_eq!(remote.read(Address::of(&pid), &mut [0]), Err(Errno::SRCH));
    assert_eq!(remote.write(Address::of(&pid), &[0]), Err(Errno::SRCH));
    assert_eq!(memory::open(pid, Access::Read).err(), Some(Errno::SRCH));
    assert_eq!(maps::open(pid).err(), Some(Errno::SRCH));
    assert_eq!(maps::open(&descriptor).err(), Some(Errno::SRCH));
    peer.finish();
    assert_eq!(remote.read(Address::of(&pid), &mut [0]), Err(Errno::SRCH));
    assert_eq!(maps::open(pid).err(), Some(Errno::SRCH));
}
