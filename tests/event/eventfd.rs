//! Eventfds: every operation, flag and limit, alone and between two processes.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::time::Duration;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use rawipc::event::eventfd::{self, EventFd, EventFdFlags};
use rawipc::{Deadline, Errno};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use rustix::io::FdFlags;
use rustix::time::{ClockId, Timespec, clock_gettime};

use support::{LeakCheck, Peer, PeerArgs, limit};

/// Long enough to see that something blocks.
const SHORT: Duration = Duration::from_millis(200);

fn create(initial: u32, flags: EventFdFlags) -> EventFd {
    eventfd::create(initial, flags).unwrap()
}

/// Blocking and non-blocking descriptions, to which every function is indifferent.
fn both(initial: u32, flags: EventFdFlags) -> [EventFd; 2] {
    [flags, flags | EventFdFlags::NONBLOCK].map(|flags| create(initial, flags))
}

fn readiness(event: &EventFd) -> PollFlags {
    let mut fds = [PollFd::new(event, PollFlags::IN | PollFlags::OUT)];
    poll(&mut fds, Some(&Timespec::default())).unwrap();
    fds[0].revents()
}

#[test]
fn eventfd_flags_are_as_requested() {
    let _check = LeakCheck::begin();
    let plain = create(0, EventFdFlags::empty());
    assert_eq!(rustix::io::fcntl_getfd(&plain).unwrap(), FdFlags::CLOEXEC);
    let is_nonblocking = |event: &EventFd| {
        rustix::fs::fcntl_getfl(event)
            .unwrap()
            .contains(OFlags::NONBLOCK)
    };
    assert!(!is_nonblocking(&plain));

    let inherited = create(0, EventFdFlags::INHERITED);
    assert_eq!(
        rustix::io::fcntl_getfd(&inherited).unwrap(),
        FdFlags::empty()
    );
    assert!(is_nonblocking(&create(0, EventFdFlags::NONBLOCK)));

    let unknown = EventFdFlags::from_bits_retain(1 << 30);
    assert_eq!(eventfd::create(0, unknown).unwrap_err(), Errno::INVAL);
}

#[test]
fn counter_is_taken_whole() {
    let _check = LeakCheck::begin();
    for event in both(0, EventFdFlags::empty()) {
        assert_eq!(readiness(&event), PollFlags::OUT);
        assert_eq!(event.try_wait(), Err(Errno::AGAIN));
        event.add(2).unwrap();
        event.try_add(3).unwrap();
        event.add_until(4, Deadline::NOW).unwrap();
        assert_eq!(readiness(&event), PollFlags::IN | PollFlags::OUT);
        assert_eq!(event.wait(), Ok(9));
        event.add(1).unwrap();
        assert_eq!(event.try_wait(), Ok(1));
        event.add(0).unwrap();
        assert_eq!(event.try_wait(), Err(Errno::AGAIN));
        event.add(7).unwrap();
        assert_eq!(event.wait_until(Deadline::NOW), Ok(7));
    }
    assert_eq!(
        create(u32::MAX, EventFdFlags::empty()).wait(),
        Ok(0xffff_ffff)
    );
}

#[test]
fn semaphore_is_taken_one_by_one() {
    let _check = LeakCheck::begin();
    for event in both(1, EventFdFlags::SEMAPHORE) {
        event.add(3).unwrap();
        assert_eq!(event.wait(), Ok(1));
        assert_eq!(event.try_wait(), Ok(1));
        assert_eq!(event.wait_until(limit()), Ok(1));
        assert_eq!(event.try_wait(), Ok(1));
        assert_eq!(event.try_wait(), Err(Errno::AGAIN));
    }
}

#[test]
fn eventfd_wait_ends_at_deadline() {
    let _check = LeakCheck::begin();
    for event in both(0, EventFdFlags::empty()) {
        assert_eq!(event.wait_until(Deadline::NOW), Err(Errno::TIMEDOUT));
        let begin = Instant::now();
        assert_eq!(
            event.wait_until(Deadline::after(SHORT)),
            Err(Errno::TIMEDOUT)
        );
        assert!(begin.elapsed() >= SHORT);
    }
}

#[test]
fn add_beyond_maximum_waits() {
    let _check = LeakCheck::begin();
    for event in both(0, EventFdFlags::empty()) {
        for add in [EventFd::add, EventFd::try_add] {
            assert_eq!(add(&event, u64::MAX), Err(Errno::INVAL));
        }
        assert_eq!(event.add_until(u64::MAX, limit()), Err(Errno::INVAL));

        event.try_add(eventfd::MAX).unwrap();
        assert_eq!(readiness(&event), PollFlags::IN);
        assert_eq!(event.try_add(1), Err(Errno::AGAIN));
        assert_eq!(event.try_add(eventfd::MAX), Err(Errno::AGAIN));
        assert_eq!(event.add_until(1, Deadline::NOW), Err(Errno::TIMEDOUT));
        event.try_add(0).unwrap();
        assert_eq!(event.wait(), Ok(eventfd::MAX));

        // Room, but not enough: the descriptor counts as writable.
        event.add(eventfd::MAX - 5).unwrap();
        assert!(readiness(&event).contains(PollFlags::OUT));
        assert_eq!(event.try_add(6), Err(Errno::AGAIN));
        assert_eq!(event.add_until(6, Deadline::NOW), Err(Errno::TIMEDOUT));
        event.try_add(5).unwrap();
        assert_eq!(event.wait(), Ok(eventfd::MAX));
    }
}

#[test]
fn add_until_there_is_room_sleeps() {
    let _check = LeakCheck::begin();
    let consumed = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    for event in both(0, EventFdFlags::empty()) {
        event.add(eventfd::MAX - 5).unwrap();
        let (begin, before) = (Instant::now(), consumed());
        assert_eq!(
            event.add_until(6, Deadline::after(SHORT)),
            Err(Errno::TIMEDOUT)
        );
        assert!(begin.elapsed() >= SHORT);
        assert!(consumed() - before < SHORT / 2);
    }
}

/// How often one process is to block before the other wakes it, as only chance
/// makes it so.
const ROUNDS: u64 = 50;

#[test]
fn wait_ends_by_add_in_other_process() {
    if let Some(mut half) = PeerArgs::role("waits") {
        for index in 0..2 {
            let event = EventFd::from(half.descriptor(index));
            for round in 1..=ROUNDS {
                half.channel.say("waiting");
                assert_eq!(event.wait(), Ok(round));
                half.channel.say("waiting");
                assert_eq!(event.wait_until(limit()), Ok(2 * round));
            }
        }
        return;
    }
    let _check = LeakCheck::begin();
    let events = both(0, EventFdFlags::empty());
    let raw = events.each_ref().map(AsRawFd::as_raw_fd);
    let mut peer = Peer::start(test_name!(), "waits", &raw);
    for event in &events {
        for round in 1..=ROUNDS {
            peer.expect("waiting");
            event.add(round).unwrap();
            peer.expect("waiting");
            event.add(2 * round).unwrap();
        }
    }
    peer.finish();
}

#[test]
fn add_at_maximum_ends_by_wait_in_other_process() {
    const AMOUNTS: [u64; 3] = [1, 6, eventfd::MAX];
    type Add = fn(&EventFd, u64) -> rawipc::Result<()>;
    const ADDS: [Add; 2] = [EventFd::add, |event, amount| {
        event.add_until(amount, limit())
    }];
    if let Some(mut half) = PeerArgs::role("adds") {
        for index in 0..2 {
            let event = EventFd::from(half.descriptor(index));
            for (amount, add) in AMOUNTS.iter().flat_map(|a| ADDS.map(|add| (*a, add))) {
                for _ in 0..ROUNDS {
                    half.channel.expect("full");
                    assert_eq!(event.try_add(amount), Err(Errno::AGAIN));
                    half.channel.say("adding");
                    add(&event, amount).unwrap();
                    half.channel.say("added");
                }
            }
        }
        return;
    }
    let _check = LeakCheck::begin();
    let events = both(0, EventFdFlags::empty());
    let raw = events.each_ref().map(AsRawFd::as_raw_fd);
    let mut peer = Peer::start(test_name!(), "adds", &raw);
    for event in &events {
        for amount in AMOUNTS {
            for _ in 0..ROUNDS * ADDS.len() as u64 {
                // One short of room.
                let full = eventfd::MAX - amount + 1;
                event.add(full).unwrap();
                peer.say("full");
                peer.expect("adding");
                assert_eq!(event.wait(), Ok(full));
                peer.expect("added");
                assert_eq!(event.wait(), Ok(amount));
            }
        }
    }
    peer.finish();
}

#[test]
fn every_unit_goes_to_one_process() {
    const EACH: u64 = 2000;
    if let Some(mut half) = PeerArgs::role("takes") {
        let event = EventFd::from(half.descriptor(0));
        let end = EventFd::from(half.descriptor(1));
        let mut taken = 0;
        let mut ended = false;
        loop {
            match event.try_wait() {
                Ok(count) => taken += count,
                Err(Errno::AGAIN) if ended => break,
                Err(Errno::AGAIN) => {
                    let both = &mut [
                        PollFd::new(&event, PollFlags::IN),
                        PollFd::new(&end, PollFlags::IN),
                    ];
                    poll(both, None).unwrap();
                    // What was added before the end is still to be taken.
                    ended = end.try_wait().is_ok();
                }
                Err(errno) => panic!("{errno}"),
            }
        }
        half.channel.say(&taken.to_string());
        return;
    }
    let _check = LeakCheck::begin();
    let event = create(0, EventFdFlags::SEMAPHORE);
    let end = create(0, EventFdFlags::SEMAPHORE);
    let raw = [event.as_raw_fd(), end.as_raw_fd()];
    let test = test_name!();
    let mut peers = [0; 2].map(|_| Peer::start(test, "takes", &raw));
    for _ in 0..EACH {
        event.add(2).unwrap();
    }
    end.add(2).unwrap();
    let taken: u64 = peers
        .each_mut()
        .map(|peer| peer.channel().hear().parse::<u64>().unwrap())
        .iter()
        .sum();
    assert_eq!(taken, 2 * EACH);
    peers.into_iter().for_each(Peer::finish);
}

#[test]
fn killed_process_leaves_what_it_added_and_takes_nothing() {
    if let Some(mut half) = PeerArgs::role("dies") {
        let event = EventFd::from(half.descriptor(0));
        event.add(3).unwrap();
        half.channel.say("added");
        half.channel.expect("wait");
        half.channel.say("waiting");
        event.wait().unwrap();
        unreachable!("killed before");
    }
    let _check = LeakCheck::begin();
    let event = create(0, EventFdFlags::empty());
    let mut peer = Peer::start(test_name!(), "dies", &[event.as_raw_fd()]);
    peer.expect("added");
    assert_eq!(event.try_wait(), Ok(3));
    peer.say("wait");
    peer.expect("waiting");
    peer.kill();
    event.add(4).unwrap();
    assert_eq!(event.try_wait(), Ok(4));
}

#[test]
fn kernel_without_nowait_is_polled_first() {
    if let Some(mut half) = PeerArgs::role("old") {
        let event = EventFd::from(half.descriptor(0));
        for errno in [Errno::OPNOTSUPP, Errno::NOSYS] {
            if !refuse_preadv2(errno) {
                half.channel.say("skip");
                return;
            }
            assert_eq!(event.try_wait(), Err(Errno::AGAIN));
            assert_eq!(event.wait_until(Deadline::NOW), Err(Errno::TIMEDOUT));
            event.add(3).unwrap();
            assert_eq!(event.try_wait(), Ok(3));
            event.add(4).unwrap();
            assert_eq!(event.wait_until(limit()), Ok(4));
        }
        half.channel.say("done");
        return;
    }
    let _check = LeakCheck::begin();
    let event = create(0, EventFdFlags::empty());
    let mut peer = Peer::start(test_name!(), "old", &[event.as_raw_fd()]);
    if peer.channel().hear() == "skip" {
        skipped!("seccomp filters are not to be had here");
    }
    peer.finish();
}

/// Makes `preadv2` fail in this process from now on.
fn refuse_preadv2(errno: Errno) -> bool {
    #[repr(C)]
    struct Instruction(u16, u8, u8, u32);
    #[repr(C)]
    struct Program(u16, *const Instruction);
    unsafe extern "C" {
        fn prctl(option: i32, ...) -> i32;
    }
    const PR_SET_NO_NEW_PRIVS: i32 = 38;
    const PR_SET_SECCOMP: i32 = 22;
    const SECCOMP_MODE_FILTER: usize = 2;
    const SECCOMP_RET_ERRNO: u32 = 0x0005_0000;
    const SECCOMP_RET_ALLOW: u32 = 0x7fff_0000;
    let preadv2 = if cfg!(target_arch = "x86_64") {
        327
    } else {
        286
    };
    let filter = [
        // Load the number of the call; if it is this one, refuse.
        Instruction(0x20, 0, 0, 0),
        Instruction(0x15, 0, 1, preadv2),
        Instruction(0x06, 0, 0, SECCOMP_RET_ERRNO | errno.raw_os_error() as u32),
        Instruction(0x06, 0, 0, SECCOMP_RET_ALLOW),
    ];
    let program = Program(filter.len() as u16, filter.as_ptr());
    // SAFETY: only sets a flag of this process.
    let flagged = unsafe { prctl(PR_SET_NO_NEW_PRIVS, 1_usize, 0_usize, 0_usize, 0_usize) };
    // SAFETY: the program is borrowed and correct in length.
    let filtered = unsafe { prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &raw const program) };
    flagged == 0 && filtered == 0
}

#[test]
fn eventfd_converts_to_std_descriptors() {
    let _check = LeakCheck::begin();
    let event = create(4, EventFdFlags::SEMAPHORE);
    let copy = event.as_fd().try_clone_to_owned().unwrap();
    let copy = EventFd::from(copy);
    assert_eq!(copy.wait(), Ok(1));
    let owned: OwnedFd = copy.into();
    let copy = EventFd::from(owned);
    assert_eq!(copy.as_raw_fd(), copy.as_fd().as_raw_fd());
    // SAFETY: just given up.
    let copy = EventFd::from(unsafe { OwnedFd::from_raw_fd(copy.into_raw_fd()) });
    assert_eq!(copy.wait(), Ok(1));

    // A child reads it as its standard input.
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--list"])
        .stdin(Stdio::from(event))
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.into_raw(), 0);
}

#[test]
fn other_descriptor_as_eventfd_fails_when_used() {
    let _check = LeakCheck::begin();
    let null = std::fs::File::open("/").unwrap();
    let event = EventFd::from(OwnedFd::from(null));
    assert_eq!(event.wait(), Err(Errno::ISDIR));
    assert_eq!(event.add(1), Err(Errno::BADF));
}
