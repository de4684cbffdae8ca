//! Waiting for many descriptors: the poller and poll, every flag and error, signal
//! masks, and several processes.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::time::Duration;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use rawipc::event::Readiness;
use rawipc::event::eventfd::{self, EventFd, EventFdFlags};
use rawipc::event::poll::{self, PollFd};
use rawipc::event::poller::{self, Event, Interest, Poller, PollerFlags};
use rawipc::event::timerfd::{self, Clock, Schedule, Start, TimerFdFlags};
use rawipc::memory::memfd::{self, MemfdFlags};
use rawipc::process::{self, Fork, State, WaitFlags, pidfd};
use rawipc::signal::Set;
use rawipc::{Deadline, Errno, Pid, Signal};
use rustix::io::FdFlags;

use support::{Child, End, LeakCheck, Peer, PeerArgs, limit};

const SHORT: Duration = Duration::from_millis(50);

fn create() -> Poller {
    poller::create(PollerFlags::empty()).unwrap()
}

fn counter(initial: u32) -> EventFd {
    eventfd::create(initial, EventFdFlags::empty()).unwrap()
}

/// What is ready now, as (token, readiness), in the order of tokens.
fn now(poller: &Poller) -> Vec<(u64, Readiness)> {
    let mut events = [Event::EMPTY; 16];
    match poller.try_wait(&mut events) {
        Ok(events) => {
            let mut told: Vec<_> = events
                .iter()
                .map(|event| (event.token(), event.readiness()))
                .collect();
            told.sort_by_key(|event| event.0);
            told
        }
        Err(Errno::AGAIN) => Vec::new(),
        Err(errno) => panic!("{errno}"),
    }
}

#[test]
fn poller_flags_are_as_requested() {
    let _check = LeakCheck::begin();
    let plain = create();
    assert_eq!(rustix::io::fcntl_getfd(&plain).unwrap(), FdFlags::CLOEXEC);
    let inherited = poller::create(PollerFlags::INHERITED).unwrap();
    assert_eq!(
        rustix::io::fcntl_getfd(&inherited).unwrap(),
        FdFlags::empty()
    );
    let unknown = PollerFlags::from_bits_retain(1 << 30);
    assert_eq!(poller::create(unknown).unwrap_err(), Errno::INVAL);
}

#[test]
fn level_is_reported_while_it_holds() {
    let _check = LeakCheck::begin();
    let (poller, event) = (create(), counter(0));
    poller.add(&event, u64::MAX, Interest::IN).unwrap();
    assert_eq!(now(&poller), []);
    event.add(1).unwrap();
    for _ in 0..3 {
        assert_eq!(now(&poller), [(u64::MAX, Readiness::IN)]);
    }
    event.wait().unwrap();
    assert_eq!(now(&poller), []);

    let both = Interest::IN | Interest::OUT;
    poller.modify(&event, 5, both).unwrap();
    assert_eq!(now(&poller), [(5, Readiness::OUT)]);
    event.add(1).unwrap();
    assert_eq!(now(&poller), [(5, Readiness::IN | Readiness::OUT)]);
    poller.remove(&event).unwrap();
    assert_eq!(now(&poller), []);
}

#[test]
fn edge_is_reported_once() {
    let _check = LeakCheck::begin();
    let (poller, event) = (create(), counter(1));
    let edge = Interest::IN | Interest::EDGE;
    // What is ready already is an edge.
    poller.add(&event, 1, edge).unwrap();
    assert_eq!(now(&poller), [(1, Readiness::IN)]);
    assert_eq!(now(&poller), []);
    event.add(1).unwrap();
    assert_eq!(now(&poller), [(1, Readiness::IN)]);
    assert_eq!(now(&poller), []);
    poller.modify(&event, 2, edge).unwrap();
    assert_eq!(now(&poller), [(2, Readiness::IN)]);
    assert_eq!(now(&poller), []);
}

#[test]
fn one_shot_is_reported_once_until_rearmed() {
    let _check = LeakCheck::begin();
    let (poller, event) = (create(), counter(1));
    let once = Interest::IN | Interest::ONE_SHOT;
    poller.add(&event, 1, once).unwrap();
    for token in 1..5 {
        assert_eq!(now(&poller), [(token, Readiness::IN)]);
        event.add(1).unwrap();
        assert_eq!(now(&poller), []);
        poller.modify(&event, token + 1, once).unwrap();
    }
}

#[test]
fn every_kind_of_readiness_is_reported() {
    let _check = LeakCheck::begin();
    let poller = create();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let all = Interest::IN
        | Interest::OUT
        | Interest::PRI
        | Interest::RDHUP
        | Interest::RDNORM
        | Interest::RDBAND
        | Interest::WRNORM
        | Interest::WRBAND;
    poller.add(&ours, 1, all).unwrap();
    let writable = Readiness::OUT | Readiness::WRNORM | Readiness::WRBAND;
    let readable = Readiness::IN | Readiness::RDNORM;
    assert_eq!(now(&poller), [(1, writable)]);
    theirs.write_all(b"x").unwrap();
    assert_eq!(now(&poller), [(1, writable | readable)]);
    theirs.shutdown(std::net::Shutdown::Write).unwrap();
    let closing = writable | readable | Readiness::RDHUP;
    assert_eq!(now(&poller), [(1, closing)]);
    // Unread data of theirs is lost, which is an error here.
    (&ours).write_all(b"unread").unwrap();
    drop(theirs);
    let told = now(&poller)[0].1;
    assert!(told.contains(closing | Readiness::HUP), "{told:?}");
    // Unasked too.
    poller.modify(&ours, 1, Interest::empty()).unwrap();
    assert!(now(&poller)[0].1.contains(Readiness::HUP));
    poller.remove(&ours).unwrap();

    // The writing end of a pipe that nobody reads.
    let (reader, writer) = std::io::pipe().unwrap();
    poller.add(&writer, 2, Interest::empty()).unwrap();
    assert_eq!(now(&poller), []);
    drop(reader);
    assert_eq!(now(&poller), [(2, Readiness::ERR)]);
    poller.remove(&writer).unwrap();

    // Urgent data of TCP.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let sender = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (receiver, _) = listener.accept().unwrap();
    poller.add(&receiver, 3, Interest::PRI).unwrap();
    rustix::net::send(&sender, b"!", rustix::net::SendFlags::OOB).unwrap();
    let mut events = [Event::EMPTY; 1];
    let told = poller.wait_until(&mut events, limit()).unwrap();
    assert_eq!(told[0].readiness(), Readiness::PRI);
    assert_eq!(told[0].token(), 3);
    let text = format!("{:?}", told[0]);
    assert!(text.contains('3') && text.contains("PRI"), "{text}");
    assert_eq!(Interest::from(Readiness::PRI), Interest::PRI);
    assert_eq!(Event::default(), Event::EMPTY);
}

#[test]
fn many_ready_are_reported_in_turn() {
    let _check = LeakCheck::begin();
    const MANY: u64 = 100;
    let poller = create();
    let events: Vec<_> = (0..MANY).map(|_| counter(1)).collect();
    for (token, event) in (0..).zip(&events) {
        poller.add(event, token, Interest::IN).unwrap();
    }
    // More than one wait has room for: none starves.
    let mut told = [0; MANY as usize];
    for _ in 0..MANY / 10 * 3 {
        let mut room = [Event::EMPTY; 10];
        for event in poller.wait(&mut room).unwrap() {
            told[event.token() as usize] += 1;
        }
    }
    assert_eq!(told, [3; MANY as usize]);
}

#[test]
fn add_of_unsuitable_descriptor_is_refused() {
    let _check = LeakCheck::begin();
    let (poller, event) = (create(), counter(0));
    let add = |fd: BorrowedFd<'_>| poller.add(fd, 0, Interest::IN);

    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    let folder = std::fs::File::open("/").unwrap();
    let memfd = memfd::create("rawipc-test", MemfdFlags::empty()).unwrap();
    assert_eq!(add(file.as_fd()), Err(Errno::PERM));
    assert_eq!(add(folder.as_fd()), Err(Errno::PERM));
    assert_eq!(add(memfd.as_fd()), Err(Errno::PERM));
    assert_eq!(add(poller.as_fd()), Err(Errno::INVAL));

    assert_eq!(poller.modify(&event, 0, Interest::IN), Err(Errno::NOENT));
    assert_eq!(poller.remove(&event), Err(Errno::NOENT));
    add(event.as_fd()).unwrap();
    assert_eq!(add(event.as_fd()), Err(Errno::EXIST));
    // Another number for it is another registration.
    let copy = event.as_fd().try_clone_to_owned().unwrap();
    add(copy.as_fd()).unwrap();
    poller.remove(&copy).unwrap();

    // Pollers that watch each other, and chains of them.
    let other = create();
    other.add(&poller, 0, Interest::IN).unwrap();
    assert_eq!(poller.add(&other, 0, Interest::IN), Err(Errno::LOOP));
    let mut chain = vec![other];
    let error = loop {
        let next = create();
        if let Err(errno) = next.add(chain.last().unwrap(), 0, Interest::IN) {
            break errno;
        }
        chain.push(next);
        assert!(chain.len() < 10);
    };
    assert_eq!(error, Errno::LOOP);

    assert_eq!(poller.wait(&mut []), Err(Errno::INVAL));
    assert_eq!(poller.try_wait(&mut []), Err(Errno::INVAL));
    assert_eq!(poller.wait_until(&mut [], limit()), Err(Errno::INVAL));
    let none = Poller::from(OwnedFd::from(folder));
    assert_eq!(none.add(&event, 0, Interest::IN), Err(Errno::INVAL));
    let mut room = [Event::EMPTY; 1];
    assert_eq!(none.try_wait(&mut room), Err(Errno::INVAL));
}

#[test]
fn exclusive_in_other_uses_is_refused() {
    let _check = LeakCheck::begin();
    let (poller, event) = (create(), counter(1));
    let exclusive = Interest::IN | Interest::EXCLUSIVE;
    let once = exclusive | Interest::ONE_SHOT;
    assert_eq!(poller.add(&event, 0, once), Err(Errno::INVAL));
    assert_eq!(poller.add(create(), 0, exclusive), Err(Errno::INVAL));
    let all = exclusive | Interest::OUT | Interest::WAKEUP | Interest::EDGE;
    poller.add(&event, 0, all).unwrap();
    assert_eq!(poller.modify(&event, 0, Interest::IN), Err(Errno::INVAL));
    assert_eq!(now(&poller), [(0, Readiness::IN | Readiness::OUT)]);
    poller.remove(&event).unwrap();
    poller.add(&event, 0, Interest::IN).unwrap();
    assert_eq!(poller.modify(&event, 0, exclusive), Err(Errno::INVAL));
    let wakeup = Interest::IN | Interest::WAKEUP;
    poller.modify(&event, 9, wakeup).unwrap();
    assert_eq!(now(&poller), [(9, Readiness::IN)]);
}

#[test]
fn exclusive_waiters_are_not_all_woken() {
    let _check = LeakCheck::begin();
    const WAITERS: usize = 4;
    for (interest, woken) in [
        (Interest::IN | Interest::EXCLUSIVE, 1),
        (Interest::IN, WAITERS),
    ] {
        let event = counter(0);
        let told = counter(0);
        let mut children: Vec<_> = (0..WAITERS)
            .map(|_| {
                Child::fork(|| {
                    let Ok(poller) = poller::create(PollerFlags::empty()) else {
                        return 1;
                    };
                    if poller.add(&event, 0, interest).is_err() {
                        return 2;
                    }
                    let mut room = [Event::EMPTY; 1];
                    if poller.wait(&mut room).is_err() {
                        return 3;
                    }
                    i32::from(told.add(1).is_err())
                })
            })
            .collect();
        children.iter().for_each(Child::await_sleep);
        event.add(1).unwrap();
        let mut sum = 0;
        while sum < woken as u64 {
            sum += told.wait_until(limit()).unwrap();
        }
        let ended = |child: &mut Child| {
            // One that was woken is not asleep for long.
            let begin = Instant::now();
            loop {
                if let Some(end) = child.try_wait() {
                    assert_eq!(end, End::Exited(0));
                    return true;
                }
                if child.sleeps() && begin.elapsed() > SHORT {
                    return false;
                }
                std::thread::yield_now();
            }
        };
        let count = children
            .iter_mut()
            .filter_map(|c| ended(c).then_some(()))
            .count();
        assert_eq!(count, woken, "{interest:?}");
    }
}

#[test]
fn poller_wait_ends_at_deadline_to_nanosecond() {
    let _check = LeakCheck::begin();
    let poller = create();
    let mut room = [Event::EMPTY; 1];
    assert_eq!(
        poller.wait_until(&mut room, Deadline::NOW),
        Err(Errno::TIMEDOUT)
    );
    assert_eq!(poller.try_wait(&mut room), Err(Errno::AGAIN));
    let begin = Instant::now();
    let deadline = Deadline::after(SHORT);
    assert_eq!(poller.wait_until(&mut room, deadline), Err(Errno::TIMEDOUT));
    assert!(begin.elapsed() >= SHORT && deadline.has_passed());

    // Of many waits for 100 µs the shortest is far below a millisecond.
    let tiny = Duration::from_micros(100);
    let shortest = (0..200)
        .map(|_| {
            let begin = Instant::now();
            let result = poller.wait_until(&mut room, Deadline::after(tiny));
            assert_eq!(result, Err(Errno::TIMEDOUT));
            begin.elapsed()
        })
        .min()
        .unwrap();
    assert!(shortest >= tiny, "{shortest:?}");
    assert!(shortest < Duration::from_micros(900), "{shortest:?}");
}

#[test]
fn kernel_without_nanoseconds_keeps_deadlines() {
    if let Some(mut half) = PeerArgs::role("old") {
        if !refuse_epoll_pwait2() {
            half.channel.say("skip");
            return;
        }
        let (poller, event) = (create(), counter(0));
        poller.add(&event, 3, Interest::IN).unwrap();
        let mut room = [Event::EMPTY; 1];
        for wait in [Duration::from_micros(100), SHORT] {
            let deadline = Deadline::after(wait);
            assert_eq!(poller.wait_until(&mut room, deadline), Err(Errno::TIMEDOUT));
            assert!(deadline.has_passed());
        }
        event.add(1).unwrap();
        assert_eq!(poller.wait_until(&mut room, limit()).unwrap()[0].token(), 3);
        half.channel.say("done");
        return;
    }
    let _check = LeakCheck::begin();
    let mut peer = Peer::start(test_name!(), "old", &[]);
    if peer.channel().hear() == "skip" {
        skipped!("seccomp filters are not to be had here");
    }
    peer.finish();
}

/// Makes `epoll_pwait2` fail with `ENOSYS` in this process from now on.
fn refuse_epoll_pwait2() -> bool {
    let load = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    let equal = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    let answer = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut filter = [
        step(load, 0, 0, 0),
        step(equal, 0, 1, libc::SYS_epoll_pwait2 as u32),
        step(answer, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
        step(answer, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: only sets a flag of this process.
    let flagged = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: the program is borrowed and correct in length.
    let filtered = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) };
    flagged == 0 && filtered == 0
}

#[test]
fn registration_outlives_its_number() {
    let _check = LeakCheck::begin();
    let (poller, event) = (create(), counter(0));
    let copy = EventFd::from(event.as_fd().try_clone_to_owned().unwrap());
    poller.add(&event, 1, Interest::IN).unwrap();
    drop(event);
    copy.add(1).unwrap();
    // Still told, and by no number to be removed.
    assert_eq!(now(&poller), [(1, Readiness::IN)]);
    assert_eq!(poller.remove(&copy), Err(Errno::NOENT));
    // With the last number of the description it ends.
    drop(copy);
    assert_eq!(now(&poller), []);
}

#[test]
fn registration_lives_on_in_other_process() {
    if let Some(mut half) = PeerArgs::role("keeps") {
        let event = EventFd::from(half.descriptor(0));
        half.channel.say("has it");
        half.channel.expect("closed");
        event.add(1).unwrap();
        half.channel.say("added");
        half.channel.hear();
        unreachable!("killed before");
    }
    let _check = LeakCheck::begin();
    let (poller, event) = (create(), counter(0));
    poller.add(&event, 1, Interest::IN).unwrap();
    let mut peer = Peer::start(test_name!(), "keeps", &[event.as_raw_fd()]);
    peer.expect("has it");
    drop(event);
    peer.say("closed");
    peer.expect("added");
    assert_eq!(now(&poller), [(1, Readiness::IN)]);
    peer.kill();
    assert_eq!(now(&poller), []);
}

#[test]
fn poller_is_watched_by_poller() {
    let _check = LeakCheck::begin();
    let (outer, inner, event) = (create(), create(), counter(0));
    inner.add(&event, 1, Interest::IN).unwrap();
    outer.add(&inner, 2, Interest::IN).unwrap();
    assert_eq!(now(&outer), []);
    event.add(1).unwrap();
    assert_eq!(now(&outer), [(2, Readiness::IN)]);
    event.wait().unwrap();
    assert_eq!(now(&outer), []);
}

#[test]
fn poller_converts_to_descriptor_and_back() {
    let _check = LeakCheck::begin();
    let (poller, event) = (create(), counter(1));
    poller.add(&event, 7, Interest::IN).unwrap();
    assert_eq!(poller.as_raw_fd(), poller.as_fd().as_raw_fd());
    let poller = Poller::from(OwnedFd::from(poller));
    // SAFETY: just given up.
    let poller = Poller::from(unsafe { OwnedFd::from_raw_fd(poller.into_raw_fd()) });
    assert_eq!(now(&poller), [(7, Readiness::IN)]);
}

#[test]
fn two_processes_share_a_poller() {
    if let Some(mut half) = PeerArgs::role("waits") {
        let poller = Poller::from(half.descriptor(0));
        half.channel.say("waiting");
        let mut room = [Event::EMPTY; 4];
        let told = poller.wait_until(&mut room, limit()).unwrap();
        let token = told[0].token().to_string();
        half.channel.say(&token);
        return;
    }
    let _check = LeakCheck::begin();
    let (poller, event) = (create(), counter(0));
    let mut peer = Peer::start(test_name!(), "waits", &[poller.as_raw_fd()]);
    peer.expect("waiting");
    // Registered while the other waits.
    poller.add(&event, 77, Interest::IN).unwrap();
    event.add(1).unwrap();
    peer.expect("77");
    peer.finish();
}

#[test]
fn end_of_process_is_event() {
    let _check = LeakCheck::begin();
    let poller = create();
    let mut children = Vec::new();
    for status in 0..5_u64 {
        let (reader, writer) = std::io::pipe().unwrap();
        // SAFETY: the child only reads and exits.
        let child = match unsafe { process::fork() }.unwrap() {
            Fork::Child => {
                drop(writer);
                let _ = rustix::io::read(&reader, &mut [0; 1]);
                process::exit(status as i32)
            }
            Fork::Parent(child) => child,
        };
        let fd = pidfd::open(child).unwrap();
        poller.add(&fd, status, Interest::IN).unwrap();
        children.push((fd, Some(writer)));
    }
    // A sibling inherited the writing ends of those before it: the last goes first.
    for status in (0..5_u64).rev() {
        assert_eq!(now(&poller), []);
        let (fd, writer) = &mut children[status as usize];
        drop(writer.take());
        let mut room = [Event::EMPTY; 8];
        let told = poller.wait_until(&mut room, limit()).unwrap();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].token(), status);
        assert!(told[0].readiness().contains(Readiness::IN));
        // Ended, and not reaped by having been told.
        assert!(fd.has_exited().unwrap());
        let change = process::wait(&*fd, WaitFlags::EXITED).unwrap();
        assert_eq!(change.state, State::Exited(status as u8));
        poller.remove(&*fd).unwrap();
    }
}

#[test]
fn timers_sockets_and_pipes_are_told_apart() {
    let _check = LeakCheck::begin();
    let poller = create();
    let timer = timerfd::create(Clock::Monotonic, TimerFdFlags::empty()).unwrap();
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    poller.add(&timer, 1, Interest::IN).unwrap();
    poller.add(&reader, 2, Interest::IN).unwrap();
    timer
        .set(Schedule::once(Start::After(Duration::ZERO)))
        .unwrap();
    let mut room = [Event::EMPTY; 2];
    assert_eq!(poller.wait(&mut room).unwrap()[0].token(), 1);
    timer.wait().unwrap();
    writer.write_all(b"x").unwrap();
    assert_eq!(now(&poller), [(2, Readiness::IN)]);
    reader.read_exact(&mut [0]).unwrap();
    drop(writer);
    assert_eq!(now(&poller), [(2, Readiness::HUP)]);
}

#[test]
fn poll_reports_which_of_list() {
    let _check = LeakCheck::begin();
    let (quiet, counted) = (counter(0), counter(1));
    let both = Readiness::IN | Readiness::OUT;
    let mut fds = [
        PollFd::new(&quiet, Readiness::IN),
        PollFd::VACANT,
        PollFd::new(&counted, both),
    ];
    assert_eq!(poll::wait(&mut fds), Ok(1));
    assert_eq!(poll::try_wait(&mut fds), Ok(1));
    assert_eq!(poll::wait_until(&mut fds, Deadline::NOW), Ok(1));
    let told = fds.map(|fd| fd.readiness());
    assert_eq!(told, [Readiness::empty(), Readiness::empty(), both]);
    counted.wait().unwrap();
    fds[2] = PollFd::new(&counted, Readiness::IN);
    assert_eq!(poll::try_wait(&mut fds), Err(Errno::AGAIN));
    assert_eq!(fds[2].readiness(), Readiness::empty());
    let begin = Instant::now();
    let result = poll::wait_until(&mut fds, Deadline::after(SHORT));
    assert_eq!(result, Err(Errno::TIMEDOUT));
    assert!(begin.elapsed() >= SHORT);
    let empty = poll::wait_until(&mut [], Deadline::after(SHORT));
    assert_eq!(empty, Err(Errno::TIMEDOUT));
    assert_eq!(poll::try_wait(&mut []), Err(Errno::AGAIN));

    // Files are always ready, and a number that is not open is told.
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    assert_eq!(poll::wait(&mut [PollFd::new(&file, both)]), Ok(1));
    // SAFETY: nothing is done with the number but to ask for it.
    let closed = unsafe { BorrowedFd::borrow_raw(1 << 20) };
    let mut fds = [PollFd::new(&closed, Readiness::IN)];
    assert_eq!(poll::wait(&mut fds), Ok(1));
    assert_eq!(fds[0].readiness(), Readiness::NVAL);
    let text = format!("{:?}", fds[0]);
    assert!(text.contains("NVAL") && text.contains("1048576"), "{text}");

    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut fds = [PollFd::new(&writer, Readiness::empty())];
    assert_eq!(poll::wait(&mut fds), Ok(1));
    assert_eq!(fds[0].readiness(), Readiness::ERR);
}

#[test]
fn poll_of_more_than_process_may_have_is_refused() {
    if let Some(mut half) = PeerArgs::role("limited") {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let limit = Rlimit {
            current: Some(16),
            maximum: Some(16),
        };
        setrlimit(Resource::Nofile, limit).unwrap();
        let mut fds = [PollFd::VACANT; 17];
        assert_eq!(poll::try_wait(&mut fds), Err(Errno::INVAL));
        assert_eq!(poll::try_wait(&mut fds[..16]), Err(Errno::AGAIN));
        half.channel.say("done");
        return;
    }
    let _check = LeakCheck::begin();
    let mut peer = Peer::start(test_name!(), "limited", &[]);
    peer.expect("done");
    peer.finish();
}

/// How often the handler ran.
static HANDLED: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(0);

extern "C" fn handle(_: i32) {
    HANDLED.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
}

/// Counts `SIGUSR1` from now on, and blocks it in this thread.
#[allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "libc's calls in a row, each on borrowed places"
)]
fn count_and_block() {
    let handler = handle as extern "C" fn(i32);
    // SAFETY: the handler only counts; no flag, so that calls are interrupted.
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        libc::sigaction(libc::SIGUSR1, &raw const action, core::ptr::null_mut());
        let mut set: libc::sigset_t = core::mem::zeroed();
        libc::sigaddset(&raw mut set, libc::SIGUSR1);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, core::ptr::null_mut());
    }
}

fn raise() {
    // SAFETY: sends a signal that is handled to this very thread.
    unsafe { libc::raise(libc::SIGUSR1) };
}

#[test]
fn mask_lets_signal_through_in_wait_alone() {
    if let Some(mut half) = PeerArgs::role("masks") {
        let handled = || HANDLED.swap(0, core::sync::atomic::Ordering::Relaxed);
        count_and_block();
        let (poller, event) = (create(), counter(0));
        poller.add(&event, 0, Interest::IN).unwrap();
        let mut room = [Event::EMPTY; 1];
        let through = Set::ALL - Signal::USR1;
        for mask in [through, Set::EMPTY] {
            // A signal from before ends the wait.
            raise();
            assert_eq!(handled(), 0);
            let result = poller.wait_masked(&mut room, limit(), mask);
            assert_eq!((result, handled()), (Err(Errno::INTR), 1));
            raise();
            let result = poller.wait_masked(&mut room, Deadline::Never, mask);
            assert_eq!((result, handled()), (Err(Errno::INTR), 1));
            raise();
            let mut fds = [PollFd::new(&event, Readiness::IN)];
            let result = poll::wait_masked(&mut fds, limit(), mask);
            assert_eq!((result, handled()), (Err(Errno::INTR), 1));
        }
        // Blocked by the mask it stays for later.
        raise();
        let soon = || Deadline::after(SHORT);
        for mask in [Set::ALL, Set::from(Signal::USR1)] {
            let result = poller.wait_masked(&mut room, soon(), mask);
            assert_eq!((result, handled()), (Err(Errno::TIMEDOUT), 0));
            let result = poll::wait_masked(&mut [], soon(), mask);
            assert_eq!((result, handled()), (Err(Errno::TIMEDOUT), 0));
        }
        // And the thread's own mask holds without one.
        assert_eq!(poller.wait_until(&mut room, soon()), Err(Errno::TIMEDOUT));
        assert_eq!(handled(), 0);
        assert_eq!(
            poll::wait_masked(&mut [], soon(), through),
            Err(Errno::INTR)
        );
        assert_eq!(handled(), 1);

        // What is ready is told, whatever signals wait.
        event.add(1).unwrap();
        assert!(poller.wait_masked(&mut room, limit(), through).is_ok());
        let mut fds = [PollFd::new(&event, Readiness::IN)];
        assert_eq!(poll::wait_masked(&mut fds, limit(), through), Ok(1));

        // A signal from another process, while it waits.
        event.wait().unwrap();
        let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
        half.channel.say(&thread);
        let result = poller.wait_masked(&mut room, limit(), through);
        assert_eq!((result, handled()), (Err(Errno::INTR), 1));
        half.channel.say("done");
        return;
    }
    let _check = LeakCheck::begin();
    let mut peer = Peer::start(test_name!(), "masks", &[]);
    // To the thread that lets it through: the harness has another.
    let thread: i32 = peer.channel().hear().parse().unwrap();
    // SAFETY: a child that has not been reaped; no memory is involved.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, peer.id(), thread, libc::SIGUSR1) };
    assert_eq!(sent, 0);
    peer.expect("done");
    peer.finish();
}

/// What the thread `tid` of this process blocks now.
fn blocked_by(tid: Pid) -> u64 {
    let path = format!("/proc/self/task/{}/status", tid.as_raw_pid());
    let status = std::fs::read_to_string(path).expect("its state");
    let bits = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    u64::from_str_radix(bits.expect("its mask").trim(), 16).expect("a number")
}

#[test]
fn masked_wait_for_all_signals_leaves_those_of_a_libc() {
    const RESERVED: u64 = 3 << 31;
    let _check = LeakCheck::begin();
    let (poller, event) = (create(), counter(0));
    poller.add(&event, 0, Interest::IN).unwrap();
    let by_poller = |mask: Set| {
        let mut room = [Event::EMPTY; 1];
        poller.wait_masked(&mut room, limit(), mask).map(drop)
    };
    let by_poll = |mask: Set| {
        let fds = &mut [PollFd::new(&event, Readiness::IN)];
        poll::wait_masked(fds, limit(), mask).map(drop)
    };
    let waits: [&(dyn Fn(Set) -> rawipc::Result<()> + Sync); 2] = [&by_poller, &by_poll];
    for wait in waits {
        for mask in [Set::ALL, !Set::EMPTY, Set::from_bits(!0)] {
            std::thread::scope(|scope| {
                let (tell, told) = std::sync::mpsc::channel();
                let waiter = scope.spawn(move || {
                    tell.send(rustix::thread::gettid()).expect("who listens");
                    wait(mask)
                });
                let tid = told.recv().expect("its number");
                let deadline = limit();
                let blocks = |signal: Signal| blocked_by(tid) >> (signal.as_raw() - 1) & 1 == 1;
                while !blocks(Signal::TERM) {
                    assert!(!deadline.has_passed(), "it does not wait");
                    std::thread::yield_now();
                }
                let blocked = blocked_by(tid);
                // A libc has every thread take its part in this, by one of those signals.
                // SAFETY: nothing changes.
                let set = unsafe { libc::setuid(rustix::process::getuid().as_raw()) };
                event.add(1).unwrap();
                // The libc's own handler may have interrupted it.
                let waited = waiter.join().expect("no panic");
                assert!(matches!(waited, Ok(()) | Err(Errno::INTR)), "{waited:?}");
                event.wait().unwrap();
                assert_eq!((blocked & RESERVED, set), (0, 0), "{mask:?}");
            });
        }
    }
}
