//! What checks the records of runs with random deaths notices what must not be.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use rawipc::Deadline;
use rawipc::ring::spsc::items;
use support::history::{Plan, Records, Subject, Told, Verdict, rounds};
use support::{LIMIT, LeakCheck};

/// What a receiver does wrong with each hundredth message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    Loses,
    Repeats,
    Swaps,
    Invents,
}

struct Planted {
    ring: items::Ring<u64>,
    bug: Bug,
}

/// A receiver, how many messages it has received, and one that it holds back.
struct Receiver {
    consumer: items::Consumer<u64>,
    count: u64,
    held: Option<u64>,
}

impl Subject for Planted {
    type Sender = items::Producer<u64>;
    type Receiver = Receiver;
    const BATCH: usize = 1;

    fn sender(&self) -> Option<Self::Sender> {
        self.ring.producer_until(Deadline::after(LIMIT)).ok()
    }

    fn receiver(&self) -> Option<Receiver> {
        Some(Receiver {
            consumer: self.ring.consumer_until(Deadline::after(LIMIT)).ok()?,
            count: 0,
            held: None,
        })
    }

    fn send(
        &self,
        sender: &mut Self::Sender,
        messages: &[u64],
        deadline: Deadline,
    ) -> Result<usize, Told> {
        sender
            .push_slice_until(messages, deadline)
            .map_err(Told::from)
    }

    fn recv(
        &self,
        receiver: &mut Receiver,
        messages: &mut [u64],
        deadline: Deadline,
    ) -> Result<usize, Told> {
        if let Some(held) = receiver.held.take() {
            messages[0] = held;
            return Ok(1);
        }
        let mut pop = || receiver.consumer.pop_until(deadline).map_err(Told::from);
        let first = pop()?;
        messages[0] = first;
        receiver.count += 1;
        if receiver.count.is_multiple_of(100) {
            match self.bug {
                Bug::None => {}
                Bug::Loses => messages[0] = pop()?,
                Bug::Repeats => receiver.held = Some(first),
                Bug::Swaps => {
                    messages[0] = pop()?;
                    receiver.held = Some(first);
                }
                Bug::Invents => messages[0] += 1 << 30,
            }
        }
        Ok(1)
    }
}

fn verdict(bug: Bug) -> Verdict {
    let plan = Plan {
        senders: 1,
        receivers: 1,
        messages: 20_000,
        kills: 20,
        stops: 5,
        seed: 1,
    };
    let make = |_| Planted {
        ring: items::Ring::create(64).unwrap(),
        bug,
    };
    rounds(plan, 60_000, make, Records::exactly_once)
}

#[test]
fn records_of_a_ring_hold_and_those_of_a_wrong_one_do_not() {
    let _check = LeakCheck::begin();
    verdict(Bug::None).holds("spsc");
    assert!(verdict(Bug::Loses).losses > 0);
    assert!(verdict(Bug::Repeats).repeated > 0);
    assert!(verdict(Bug::Swaps).disordered > 0);
    assert!(verdict(Bug::Invents).invented > 0);
}
