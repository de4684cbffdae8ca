//! Calls: what they carry, what they refuse, and what is known of one when a peer dies, leaves, is
//! stopped or lies.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod conversions;
mod errors;
mod history;
mod storm;
mod uncontended;

use crate::support;

use core::time::Duration;
use std::os::fd::AsRawFd;

use rawipc::memory::{MapOptions, Mapping};
use rawipc::ring::call::{CallError, Client, FAILURES_PER_LOOK, OPEN_LIMIT, Server, Service};
use rawipc::ring::{AttachError, Error, Peer, Spin, spsc};
use rawipc::{AsFd, Deadline, OwnedFd};
use support::{Child, End, LeakCheck, filter, limit, pattern};

/// The largest page that the machine may have: how long a service's head is, and of what its sections
/// are multiples.
const PAGE: usize = if cfg!(target_arch = "aarch64") {
    65536
} else {
    4096
};

/// A service with requests and responses of eight bytes.
fn small(slots: usize) -> Service {
    Service::create(slots, 8, 8).unwrap()
}

/// A descriptor of the same service, as a peer would have it.
fn copy(service: impl AsFd) -> OwnedFd {
    rustix::io::fcntl_dupfd_cloexec(service.as_fd(), 0).unwrap()
}

/// The service's memory, for a peer that keeps no rule.
fn memory(service: impl AsFd) -> Mapping {
    let size = rustix::fs::fstat(service.as_fd()).unwrap().st_size as usize;
    MapOptions::shared(size).map(service.as_fd()).unwrap()
}

fn call_until(client: &Client, number: u64, deadline: Deadline) -> Result<u64, CallError> {
    let mut response = [0; 8];
    client.call_until(&number.to_ne_bytes(), &mut response, deadline)?;
    Ok(u64::from_ne_bytes(response))
}

/// Serves a request; returns its number.
fn serve(server: &Server, deadline: Deadline) -> Result<u64, Error> {
    let request = server.recv_until(deadline)?;
    let mut bytes = [0; 8];
    request.copy_to(&mut bytes)?;
    let number = u64::from_ne_bytes(bytes);
    request.respond(&(!number).to_ne_bytes())?;
    Ok(number)
}

/// A child that serves until there are no clients.
fn serving(service: &Service) -> Child {
    Child::fork(|| {
        let Ok(server) = service.server() else {
            return 1;
        };
        loop {
            match serve(&server, limit()) {
                Ok(_) => {}
                Err(Error::Closed | Error::PeerDied) => return 0,
                Err(_) => return 2,
            }
        }
    })
}

/// Calls with a short deadline until a server has taken one of the requests.
fn abandon(client: &Client) {
    let result = loop {
        let result = call_until(client, 1, Deadline::after(Duration::from_millis(20)));
        if result != Err(CallError::NotExecuted(Error::TimedOut)) {
            break result;
        }
    };
    assert_eq!(result, Err(CallError::PerhapsExecuted(Error::TimedOut)));
}

// --- What it carries ---

#[test]
fn calls_of_every_length_get_their_responses() {
    let _check = LeakCheck::begin();
    let service = Service::create(2, 5000, 300).unwrap();
    assert_eq!(
        (
            service.slots(),
            service.request_size(),
            service.response_size()
        ),
        (2, 5000, 300)
    );
    let client = service.client().unwrap();
    assert_eq!((client.request_size(), client.response_size()), (5000, 300));
    let mut child = Child::fork(|| {
        let Ok(server) = service.server() else {
            return 1;
        };
        let mut buffer = [0; 5000];
        loop {
            let Ok(request) = server.recv_until(limit()) else {
                return 0;
            };
            let Ok(len) = request.copy_to(&mut buffer) else {
                return 2;
            };
            if request.is_empty() != (len == 0) || request.len() != len {
                return 3;
            }
            buffer[..len].reverse();
            if request.respond(&buffer[..len.min(300)]).is_err() {
                return 4;
            }
        }
    });
    let data = pattern(5000, 1);
    let mut response = [0; 300];
    for len in (0..200).chain([299, 300, 301, 4095, 4096, 4097, 5000]) {
        let got = client.call_until(&data[..len], &mut response, limit());
        assert_eq!(got, Ok(len.min(300)));
        let expected = data[..len].iter().rev().take(300);
        assert!(response[..len.min(300)].iter().eq(expected), "{len}");
    }
    drop(client);
    assert_eq!(child.wait(), End::Exited(0));
}

#[test]
fn requests_of_many_clients_are_executed_once_by_many_servers() {
    const EACH: u64 = 1_000;
    let _check = LeakCheck::begin();
    // Fewer slots than clients.
    let service = small(2);
    let total = core::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        let clients = [(); 3].map(|()| service.client().unwrap());
        let servers = [(); 2].map(|()| service.server().unwrap());
        for server in servers {
            let total = &total;
            scope.spawn(move || {
                let end = loop {
                    match serve(&server, limit()) {
                        Ok(number) => {
                            total.fetch_add(number, core::sync::atomic::Ordering::Relaxed);
                        }
                        Err(end) => break end,
                    }
                };
                assert_eq!(end, Error::Closed);
            });
        }
        for (index, client) in (1..).zip(clients) {
            scope.spawn(move || {
                for number in 0..EACH {
                    let number = index * EACH + number;
                    assert_eq!(call_until(&client, number, limit()), Ok(!number));
                }
            });
        }
    });
    let last = 4 * EACH - 1;
    let expected = (EACH..=last).sum();
    assert_eq!(total.into_inner(), expected);
}

#[test]
fn server_has_several_requests_and_answers_in_any_order() {
    let _check = LeakCheck::begin();
    let service = small(2);
    let server = service.server().unwrap();
    let mut children = [1_u64, 2].map(|number| {
        let service = &service;
        Child::fork(move || {
            let client = service.client().ok();
            let result = client.map(|client| call_until(&client, number, limit()));
            i32::from(result != Some(Ok(number + 10)))
        })
    });
    let requests = [
        server.recv_until(limit()).unwrap(),
        server.recv_until(limit()).unwrap(),
    ];
    for request in requests.into_iter().rev() {
        let mut bytes = [0; 8];
        request.read_at(0, &mut bytes).unwrap();
        let response = u64::from_ne_bytes(bytes) + 10;
        request.respond(&response.to_ne_bytes()).unwrap();
    }
    for child in &mut children {
        assert_eq!(child.wait(), End::Exited(0));
    }
}

#[test]
fn dropped_request_is_told_to_its_client() {
    let _check = LeakCheck::begin();
    let service = small(1);
    let client = service.client().unwrap();
    let mut child = Child::fork(|| {
        let Ok(server) = service.server() else {
            return 1;
        };
        let Ok(request) = server.recv_until(limit()) else {
            return 2;
        };
        drop(request);
        // And one whose response is too long.
        let Ok(request) = server.recv_until(limit()) else {
            return 3;
        };
        i32::from(request.respond(&[0; 9]) != Err(Error::TooLong { len: 9, limit: 8 }))
    });
    assert_eq!(call_until(&client, 1, limit()), Err(CallError::Unanswered));
    assert_eq!(CallError::Unanswered.error(), None);
    assert_eq!(call_until(&client, 2, limit()), Err(CallError::Unanswered));
    assert_eq!(child.wait(), End::Exited(0));
}

// --- Deadlines ---

#[test]
fn withdrawn_request_is_never_executed() {
    let _check = LeakCheck::begin();
    let service = small(1);
    let (client, server) = (service.client().unwrap(), service.server().unwrap());
    let timed_out = CallError::NotExecuted(Error::TimedOut);
    for number in 0..10 {
        assert_eq!(call_until(&client, number, Deadline::NOW), Err(timed_out));
        assert_eq!(server.try_recv().err(), Some(Error::WouldBlock));
    }
    assert_eq!(
        call_until(&client, 1, Deadline::after(Duration::from_millis(20))),
        Err(timed_out)
    );
    assert_eq!(
        server.recv_until(Deadline::NOW).err(),
        Some(Error::TimedOut)
    );
}

#[test]
fn abandoned_request_is_perhaps_executed_and_its_slot_free_afterwards() {
    let _check = LeakCheck::begin();
    let service = small(1);
    let client = service.client().unwrap();
    let mut child = Child::fork(|| {
        let Ok(server) = service.server() else {
            return 1;
        };
        let Ok(request) = server.recv_until(limit()) else {
            return 2;
        };
        while !request.is_abandoned() {
            core::hint::spin_loop();
        }
        if request.respond(&[1; 8]).is_err() {
            return 3;
        }
        i32::from(serve(&server, limit()) != Ok(2))
    });
    abandon(&client);
    assert_eq!(call_until(&client, 2, limit()), Ok(!2));
    assert_eq!(child.wait(), End::Exited(0));
}

#[test]
fn slot_of_a_stopped_server_is_not_taken() {
    let _check = LeakCheck::begin();
    let service = small(1);
    let client = service.client().unwrap();
    let mut child = Child::fork(|| {
        let Ok(server) = service.server() else {
            return 1;
        };
        let Ok(request) = server.recv_until(limit()) else {
            return 2;
        };
        // SAFETY: no memory is involved.
        unsafe { libc::raise(libc::SIGSTOP) };
        if request.respond(&[1; 8]).is_err() {
            return 3;
        }
        i32::from(serve(&server, limit()) != Ok(2))
    });
    abandon(&client);
    while child.state() != Some('T') {
        std::thread::yield_now();
    }
    let timed_out = CallError::NotExecuted(Error::TimedOut);
    let at = Deadline::after(Duration::from_millis(20));
    assert_eq!(call_until(&client, 2, at), Err(timed_out));
    child.signal(libc::SIGCONT);
    assert_eq!(call_until(&client, 2, limit()), Ok(!2));
    assert_eq!(child.wait(), End::Exited(0));
}

// --- Who leaves ---

#[test]
fn those_who_wait_are_told_when_the_last_of_the_other_side_closes() {
    let _check = LeakCheck::begin();
    let service = small(1);
    let (client, server) = (service.client().unwrap(), service.server().unwrap());
    assert_eq!(
        (client.peer(), server.peer()),
        (Peer::Attached, Peer::Attached)
    );
    let mut child = Child::fork(|| {
        let client = service.client().ok();
        let result = client.map(|client| call_until(&client, 1, limit()));
        i32::from(result != Some(Err(CallError::NotExecuted(Error::Closed))))
    });
    child.await_sleep();
    drop(server);
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!(client.peer(), Peer::Closed);
    let closed = CallError::NotExecuted(Error::Closed);
    assert_eq!(call_until(&client, 1, limit()), Err(closed));
    assert_eq!(closed.error(), Some(Error::Closed));

    let mut child = Child::fork(|| {
        let server = service.server().ok();
        let result = server.map(|server| serve(&server, limit()));
        i32::from(result != Some(Err(Error::Closed)))
    });
    child.await_sleep();
    drop(client);
    assert_eq!(child.wait(), End::Exited(0));
    // One that leaves without closing is waited for.
    let server = service.server().unwrap();
    service.client().unwrap().detach();
    assert_eq!(server.peer(), Peer::Absent);
    assert_eq!(server.try_recv().err(), Some(Error::WouldBlock));
    let client = service.client().unwrap();
    server.detach();
    assert_eq!(client.peer(), Peer::Absent);
}

// --- Who dies ---

#[test]
fn client_is_told_of_the_death_of_the_server_that_had_its_request() {
    let _check = LeakCheck::begin();
    let service = small(1);
    let client = service.client().unwrap();
    // Another server lives, and has nothing to do with it.
    let _other = service.server().unwrap();
    let mut child = Child::fork(|| {
        let server = service.server().ok();
        let request = server
            .as_ref()
            .and_then(|server| server.recv_until(limit()).ok());
        // SAFETY: no memory is involved.
        unsafe { libc::raise(libc::SIGKILL) };
        i32::from(request.is_some())
    });
    let died = CallError::PerhapsExecuted(Error::PeerDied);
    assert_eq!(call_until(&client, 1, limit()), Err(died));
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    // The slot is free again.
    let mut child = serving(&service);
    assert_eq!(call_until(&client, 2, limit()), Ok(!2));
    drop(client);
    assert_eq!(child.wait(), End::Exited(0));
}

#[test]
fn client_is_told_when_all_servers_died_before_they_had_its_request() {
    let _check = LeakCheck::begin();
    let service = small(1);
    let client = service.client().unwrap();
    let mut child = Child::fork(|| {
        core::mem::forget(service.server());
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!(client.peer(), Peer::Dead);
    let died = CallError::NotExecuted(Error::PeerDied);
    assert_eq!(call_until(&client, 1, limit()), Err(died));
}

#[test]
fn slot_of_a_killed_client_is_free_again() {
    let _check = LeakCheck::begin();
    let service = small(1);
    let client = service.client().unwrap();
    let mut child = Child::fork(|| {
        let client = service.client().ok();
        client.map_or(1, |client| {
            i32::from(call_until(&client, 1, limit()).is_ok())
        })
    });
    child.await_sleep();
    child.kill();
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    // Nobody serves what it asked, and its slot is the only one.
    let timed_out = CallError::NotExecuted(Error::TimedOut);
    let at = Deadline::after(Duration::from_millis(20));
    assert_eq!(call_until(&client, 2, at), Err(timed_out));
    let server = service.server().unwrap();
    assert_eq!(server.try_recv().err(), Some(Error::WouldBlock));
}

#[test]
fn server_is_told_of_the_death_of_all_clients() {
    let _check = LeakCheck::begin();
    let service = small(1);
    let server = service.server().unwrap();
    let mut child = Child::fork(|| {
        core::mem::forget(service.client());
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!(server.recv_until(limit()).err(), Some(Error::PeerDied));
    // What was asked before is received before.
    let mut child = Child::fork(|| {
        let client = service.client().ok();
        client.map_or(1, |client| {
            i32::from(call_until(&client, 1, limit()).is_ok())
        })
    });
    child.await_sleep();
    child.kill();
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    drop(server.recv_until(limit()).unwrap());
    assert_eq!(server.recv_until(limit()).err(), Some(Error::PeerDied));
    let mut failures = 0;
    while server.try_recv().err() == Some(Error::WouldBlock) {
        failures += 1;
        assert!(failures <= FAILURES_PER_LOOK);
    }
    assert_eq!(server.try_recv().err(), Some(Error::PeerDied));
}

// --- Who is forked ---

#[test]
fn inherited_ends_used_in_child_are_refused_and_touch_nothing() {
    let _check = LeakCheck::begin();
    let service = small(1);
    let server = service.server().unwrap();
    let idle = service.client().unwrap();
    let mut calling = Child::fork(|| {
        let client = service.client().ok();
        let result = client.map(|client| call_until(&client, 1, limit()));
        i32::from(result != Some(Ok(7)))
    });
    let mut request = Some(server.recv_until(limit()).unwrap());
    let mut child = Child::fork(|| {
        let Some(request) = request.take() else {
            return 2;
        };
        let forked = [
            server.try_recv().err(),
            server.recv().err(),
            request.read_at(0, &mut [0]).err(),
            request.respond(&[0; 8]).err(),
            call_until(&idle, 1, limit())
                .err()
                .and_then(CallError::error),
        ];
        i32::from(forked != [Some(Error::Forked); 5])
    });
    assert_eq!(child.wait(), End::Exited(0));
    let request = request.take().unwrap();
    request.respond(&7_u64.to_ne_bytes()).unwrap();
    assert_eq!(calling.wait(), End::Exited(0));
}

// --- Who lies ---

/// A client's call in a child, of which `lie` is told where the slot is, before anybody serves it.
fn lied_to(lie: impl FnOnce(&Service, &Mapping), told: Result<u64, CallError>) {
    let service = small(1);
    let memory = memory(&service);
    // So that the client waits.
    let _server = service.server().unwrap();
    let mut child = Child::fork(|| {
        let client = service.client().ok();
        let result = client.map(|client| call_until(&client, 1, limit()));
        i32::from(result != Some(told))
    });
    child.await_sleep();
    lie(&service, &memory);
    assert_eq!(child.wait(), End::Exited(0));
}

#[test]
fn lengths_and_words_that_cannot_be_are_corrupt() {
    let _check = LeakCheck::begin();
    // A request that is longer than any.
    lied_to(
        |service, memory| {
            memory.write(PAGE + 12, &9_u32).unwrap();
            let server = service.server().unwrap();
            assert_eq!(server.recv_until(limit()).err(), Some(Error::Corrupt));
        },
        Err(CallError::Unanswered),
    );
    let rewrite = |memory: &Mapping, change: fn(u64) -> u64| {
        let word: u64 = memory.read(PAGE).unwrap();
        memory.write(PAGE, &change(word)).unwrap();
    };
    // A response that is longer than any.
    lied_to(
        |_, memory| {
            memory.write(PAGE + 16, &9_u32).unwrap();
            rewrite(memory, |word| word & !(1 << 29) | 3 << 30);
        },
        Err(CallError::Executed(Error::Corrupt)),
    );
    // Another call's slot, or nobody's.
    lied_to(
        |_, memory| rewrite(memory, |word| word + 1),
        Err(CallError::PerhapsExecuted(Error::Corrupt)),
    );
    lied_to(
        |_, memory| rewrite(memory, |_| 0),
        Err(CallError::PerhapsExecuted(Error::Corrupt)),
    );
}

#[test]
fn open_of_what_is_not_this_service_says_why() {
    let _check = LeakCheck::begin();
    let service = small(4);
    assert_eq!(service.as_raw_fd(), service.as_fd().as_raw_fd());
    let again = Service::open(copy(&service)).unwrap();
    assert_eq!((again.slots(), again.request_size()), (4, 8));
    let other = OwnedFd::from(spsc::Ring::<rawipc::ring::Spin>::create(1).unwrap());
    assert_eq!(Service::open(other).err(), Some(AttachError::WrongKind));
    let large = Service::create(1, OPEN_LIMIT, 1).unwrap();
    let refused = Service::open(copy(&large)).err();
    assert!(
        matches!(refused, Some(AttachError::TooLarge { .. })),
        "{refused:?}"
    );
    Service::open_at_most(copy(&large), 2 * OPEN_LIMIT).unwrap();
    // Words that no service has.
    let memory = memory(&service);
    for at in [32, 40, 48, 56] {
        let word: u64 = memory.read(at).unwrap();
        for forged in [!0, 1 << 31, 1 << 20] {
            memory.write(at, &forged).unwrap();
            let refused = Service::open(copy(&service)).err();
            let expected = matches!(
                refused,
                Some(AttachError::Corrupt | AttachError::WrongSize { .. })
            );
            assert!(expected, "{forged:#x} at {at}: {refused:?}");
        }
        memory.write(at, &word).unwrap();
    }
    Service::open(copy(&service)).unwrap();
}

#[test]
fn more_ends_than_there_are_seats_are_refused() {
    let _check = LeakCheck::begin();
    let service = small(1);
    let clients: Vec<_> = (0..128).map(|_| service.client().unwrap()).collect();
    assert_eq!(service.client().err(), Some(AttachError::Occupied));
    drop(clients);
    service.client().unwrap();
}

// --- Spinning ---

/// Runs `half` in a child, in which whoever would sleep is refused that.
fn sleepless(half: impl FnOnce() -> bool) -> Child {
    Child::fork(|| {
        let refused = filter::refuse(&[filter::Refusal {
            number: libc::SYS_futex,
            argument: 0,
            mask: 0,
            value: 0,
            errno: libc::EPERM,
        }]);
        i32::from(!refused || !half())
    })
}

#[test]
fn spinning_ends_never_sleep_and_are_told_of_ends() {
    let _check = LeakCheck::begin();
    let service = small(2).wait_by::<Spin>();
    let mut serving = sleepless(|| {
        let server = service.server();
        server.is_ok_and(|server| {
            loop {
                match serve(&server, limit()) {
                    Ok(_) => {}
                    Err(end) => break end == Error::Closed,
                }
            }
        })
    });
    let mut calling = sleepless(|| {
        let client = service.client();
        client.is_ok_and(|client| (0..2000).all(|n| call_until(&client, n, limit()) == Ok(!n)))
    });
    assert_eq!(calling.wait(), End::Exited(0));
    assert_eq!(serving.wait(), End::Exited(0));
    // A deadline that passes, and a death.
    let service = small(1).wait_by::<Spin>();
    let client = service.client().unwrap();
    let timed_out = CallError::NotExecuted(Error::TimedOut);
    assert_eq!(call_until(&client, 1, support::soon()), Err(timed_out));
    let mut child = Child::fork(|| {
        let server = service.server().ok();
        let request = server
            .as_ref()
            .and_then(|server| server.recv_until(limit()).ok());
        // SAFETY: no memory is involved.
        unsafe { libc::raise(libc::SIGKILL) };
        i32::from(request.is_some())
    });
    let died = CallError::PerhapsExecuted(Error::PeerDied);
    assert_eq!(call_until(&client, 1, limit()), Err(died));
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
}

#[test]
fn ends_that_wait_in_different_ways_understand_each_other() {
    let _check = LeakCheck::begin();
    for client_spins in [true, false] {
        let service = small(1);
        let spinning = Service::open(copy(&service)).unwrap().wait_by::<Spin>();
        let (ours, theirs) = match client_spins {
            true => (&spinning, &service),
            false => (&service, &spinning),
        };
        let client = ours.client().unwrap();
        let mut child = serving(theirs);
        for number in 0..200 {
            assert_eq!(call_until(&client, number, limit()), Ok(!number));
            if number % 50 == 0 && client_spins {
                child.await_sleep();
            }
        }
        drop(client);
        assert_eq!(child.wait(), End::Exited(0));
    }
}
