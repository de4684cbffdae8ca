//! Calls under random deaths and stops of clients and servers: what each client was told is what
//! happened.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use rawipc::Deadline;
use rawipc::memory::{MapOptions, Mapping};
use rawipc::ring::Error;
use rawipc::ring::call::{CallError, Client, Service};

use super::small;
use crate::support::{Child, Choices, End, LIMIT, LeakCheck, let_go_on};

const CLIENTS: usize = 3;
const SERVERS: usize = 2;

/// What a client notes of a call before it, and after it.
const ASKING: u64 = 1;
const ANSWERED: u64 = 2;
const NOT_EXECUTED: u64 = 3;
const PERHAPS: u64 = 4;
const WRONG: u64 = 5;

/// For each call what its client was told, and how often it was executed.
struct Ledger {
    notes: Mapping,
    calls: u64,
}

impl Ledger {
    fn new(calls: u64) -> Self {
        let size = 16 * (CLIENTS as u64 * calls + CLIENTS as u64);
        let notes = MapOptions::shared(size as usize).map_anonymous().unwrap();
        Self { notes, calls }
    }

    fn word(&self, index: u64) -> &AtomicU64 {
        self.notes.object(8 * index as usize).unwrap()
    }

    /// The next call of a client.
    fn next(&self, client: usize) -> &AtomicU64 {
        self.word(2 * CLIENTS as u64 * self.calls + client as u64)
    }

    fn told(&self, call: u64) -> &AtomicU64 {
        self.word(2 * call)
    }

    fn executed(&self, call: u64) -> &AtomicU64 {
        self.word(2 * call + 1)
    }

    fn judge(&self, call: u64) -> Option<String> {
        let told = self.told(call).load(Ordering::Relaxed);
        let executed = self.executed(call).load(Ordering::Relaxed);
        let is_so = match told {
            ANSWERED => executed == 1,
            // Also if its client was killed before it noted that it asks.
            0 | NOT_EXECUTED => executed == 0,
            ASKING | PERHAPS => executed <= 1,
            _ => false,
        };
        (!is_so).then(|| format!("call {call}: told {told}, executed {executed}"))
    }
}

/// What the response to a call is.
fn answer(call: u64) -> u64 {
    call.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 1
}

fn one_call(client: &Client, call: u64, deadline: Deadline) -> u64 {
    let mut response = [0; 8];
    match client.call_until(&call.to_ne_bytes(), &mut response, deadline) {
        Ok(8) if u64::from_ne_bytes(response) == answer(call) => ANSWERED,
        Err(CallError::NotExecuted(Error::TimedOut | Error::PeerDied)) => NOT_EXECUTED,
        Err(CallError::PerhapsExecuted(Error::TimedOut | Error::PeerDied)) => PERHAPS,
        _ => WRONG,
    }
}

fn calling(service: &Service, ledger: &Ledger, index: usize) -> Child {
    Child::fork(|| {
        let Ok(client) = service.client() else {
            return 1;
        };
        loop {
            let nth = ledger.next(index).fetch_add(1, Ordering::AcqRel);
            if nth >= ledger.calls {
                return 0;
            }
            let call = index as u64 * ledger.calls + nth;
            ledger.told(call).store(ASKING, Ordering::Release);
            // Now and then too short a time.
            let time = if call.is_multiple_of(64) {
                Duration::from_micros(20)
            } else {
                LIMIT
            };
            let told = one_call(&client, call, Deadline::after(time));
            ledger.told(call).store(told, Ordering::Release);
        }
    })
}

fn serving(service: &Service, ledger: &Ledger) -> Child {
    Child::fork(|| {
        let Ok(server) = service.server() else {
            return 1;
        };
        loop {
            let request = match server.recv_until(Deadline::after(LIMIT)) {
                Ok(request) => request,
                Err(Error::PeerDied | Error::Closed) => continue,
                Err(_) => return 2,
            };
            let mut bytes = [0; 8];
            if request.copy_to(&mut bytes) != Ok(8) {
                return 3;
            }
            let call = u64::from_ne_bytes(bytes);
            ledger.executed(call).fetch_add(1, Ordering::AcqRel);
            if request.respond(&answer(call).to_ne_bytes()).is_err() {
                return 4;
            }
        }
    })
}

/// Returns how many were killed, and how many stopped.
fn history(calls: u64, slots: usize, faults: u64, seed: u64) -> (u64, u64) {
    let (service, ledger) = (small(slots), Ledger::new(calls));
    // So that nobody is told of a close.
    let keeper = (service.client().unwrap(), service.server().unwrap());
    let mut clients: Vec<_> = (0..CLIENTS)
        .map(|index| calling(&service, &ledger, index))
        .collect();
    let mut servers: Vec<_> = (0..SERVERS).map(|_| serving(&service, &ledger)).collect();
    let mut choices = Choices::new(seed);
    let (mut kills, mut stops) = (0, 0);
    let mut ended = [false; CLIENTS];
    let begun = || {
        let each = (0..CLIENTS).map(|client| ledger.next(client).load(Ordering::Relaxed));
        each.sum::<u64>()
    };
    // Starting processes takes about as long again.
    let steps = CLIENTS as u64 * calls / (2 * faults);
    while ended.contains(&false) {
        let_go_on(begun, choices.below(steps));
        let victim = choices.below((CLIENTS + SERVERS) as u64) as usize;
        let (child, is_client) = match victim.checked_sub(CLIENTS) {
            None => (&mut clients[victim], true),
            Some(server) => (&mut servers[server], false),
        };
        if is_client
            && !ended[victim]
            && let Some(end) = child.try_wait()
        {
            assert_eq!(end, End::Exited(0));
            ended[victim] = true;
        }
        if is_client && ended[victim] || kills + stops >= faults {
            continue;
        }
        if choices.below(4) == 0 {
            stops += 1;
            child.signal(libc::SIGSTOP);
            let_go_on(begun, choices.below(steps));
            child.signal(libc::SIGCONT);
            continue;
        }
        child.kill();
        match child.wait() {
            End::Killed(libc::SIGKILL) => kills += 1,
            End::Exited(0) if is_client => {
                ended[victim] = true;
                continue;
            }
            other => panic!("{other:?}"),
        }
        *child = match is_client {
            true => calling(&service, &ledger, victim),
            false => serving(&service, &ledger),
        };
    }
    for child in &mut servers {
        child.kill();
        assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    }
    drop(keeper);
    let wrong: Vec<_> = (0..CLIENTS as u64 * calls)
        .filter_map(|call| ledger.judge(call))
        .collect();
    assert!(wrong.is_empty(), "{:?}", &wrong[..wrong.len().min(9)]);
    (kills, stops)
}

#[test]
fn what_clients_are_told_is_what_happened_whoever_is_killed() {
    let _check = LeakCheck::begin();
    let (mut kills, mut stops) = (0, 0);
    for (seed, slots) in [(1, 1), (2, 2), (3, 4)] {
        let (killed, stopped) = history(2_000, slots, 60, seed);
        kills += killed;
        stops += stopped;
    }
    println!("{kills} kills, {stops} stops");
}

#[test]
#[ignore = "10^7 calls"]
fn what_clients_are_told_in_ten_million_calls_is_what_happened() {
    let _check = LeakCheck::begin();
    let (mut calls, mut kills, mut stops) = (0, 0, 0);
    for seed in 0.. {
        let (killed, stopped) = history(100_000, 1 + seed as usize % 5, 200, seed);
        kills += killed;
        stops += stopped;
        calls += CLIENTS as u64 * 100_000;
        if calls >= 10_000_000 {
            break;
        }
    }
    println!("{calls} calls, {kills} kills, {stops} stops");
}
