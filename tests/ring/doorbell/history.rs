//! Recorded runs with random deaths and stops, in event loops that only look when they are rung.

use rawipc::Deadline;
use rawipc::event::Readiness;
use rawipc::event::poll::{self, PollFd};
use rawipc::ring::Error;
use rawipc::ring::doorbell::{Bells, Consumer, Producer, Ring};

use crate::support::history::{Plan, Records, Subject, Told, Verdict, rounds};
use crate::support::{LIMIT, LeakCheck};

struct Rung(Ring);

/// Sleeps until the bell rings.
fn sleep(bell: &impl std::os::fd::AsFd, deadline: Deadline) -> Result<(), Told> {
    match poll::wait_until(&mut [PollFd::new(bell, Readiness::IN)], deadline) {
        Ok(_) => Ok(()),
        Err(rawipc::Errno::TIMEDOUT) => Err(Told::Nothing),
        Err(_) => Err(Told::Wrong),
    }
}

impl Subject for Rung {
    type Sender = Producer;
    type Receiver = Consumer;
    const BATCH: usize = 1;

    fn sender(&self) -> Option<Producer> {
        self.0.producer_until(Deadline::after(LIMIT)).ok()
    }

    fn receiver(&self) -> Option<Consumer> {
        self.0.consumer_until(Deadline::after(LIMIT)).ok()
    }

    fn send(
        &self,
        sender: &mut Producer,
        messages: &[u64],
        deadline: Deadline,
    ) -> Result<usize, Told> {
        let [message, ..] = messages else {
            return Err(Told::Wrong);
        };
        loop {
            match sender.try_send(&message.to_ne_bytes()) {
                Ok(()) => return Ok(1),
                Err(Error::WouldBlock) => {
                    if sender.arm().map_err(Told::from)? {
                        sleep(sender, deadline)?;
                    }
                }
                Err(error) => return Err(Told::from(error)),
            }
        }
    }

    fn recv(
        &self,
        receiver: &mut Consumer,
        messages: &mut [u64],
        deadline: Deadline,
    ) -> Result<usize, Told> {
        let mut bytes = [0; 8];
        loop {
            match receiver.try_recv(&mut bytes) {
                Ok(8) => {
                    messages[0] = u64::from_ne_bytes(bytes);
                    return Ok(1);
                }
                Ok(_) => return Err(Told::Wrong),
                Err(Error::WouldBlock) => {
                    if receiver.arm().map_err(Told::from)? {
                        sleep(receiver, deadline)?;
                    }
                }
                Err(error) => return Err(Told::from(error)),
            }
        }
    }
}

fn verdict(messages: u64) -> Verdict {
    let plan = Plan {
        senders: 1,
        receivers: 1,
        messages: 50_000,
        kills: 20,
        stops: 10,
        seed: 1,
    };
    let bells = |round: u64| match round % 2 {
        0 => Bells::Timer,
        _ => Bells::Event,
    };
    let make = |round| Rung(Ring::create(1, bells(round)).unwrap());
    rounds(plan, messages, make, Records::exactly_once)
}

#[test]
fn each_record_is_received_once_whoever_dies() {
    let _check = LeakCheck::begin();
    verdict(100_000).holds("doorbell");
}

#[test]
#[ignore = "ten million records"]
fn each_of_ten_million_records_is_received_once_whoever_dies() {
    let _check = LeakCheck::begin();
    verdict(10_000_000).holds("doorbell");
}
