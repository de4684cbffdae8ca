//! Several processes send, and one after the other receives; they are killed and stopped at random.

use rawipc::Deadline;
use rawipc::ring::mpsc::{self, Event};
use rawipc::ring::{AttachError, Error, Spin, SpinThenFutex, Waiting};

use crate::support::history::{Plan, Records, Subject, Told, Verdict, rounds};
use crate::support::{LIMIT, LeakCheck};

/// A ring whose records hold a message and its complement.
struct Ring<W: Waiting>(mpsc::Ring<W>);

fn told(error: Error) -> Told {
    match error {
        Error::WouldBlock | Error::TimedOut => Told::Nothing,
        Error::Closed | Error::PeerDied => Told::Ended,
        _ => Told::Wrong,
    }
}

impl<W: Waiting> Subject for Ring<W> {
    type Sender = mpsc::Producer<W>;
    type Receiver = mpsc::Consumer<W>;

    const BATCH: usize = 4;

    fn sender(&self) -> Option<Self::Sender> {
        self.0.producer_until(Deadline::after(LIMIT)).ok()
    }

    fn receiver(&self) -> Option<Self::Receiver> {
        match self.0.consumer_until(Deadline::after(LIMIT)) {
            Ok(consumer) => Some(consumer),
            Err(AttachError::Occupied) => None,
            Err(_) => None,
        }
    }

    fn send(
        &self,
        sender: &mut Self::Sender,
        messages: &[u64],
        deadline: Deadline,
    ) -> Result<usize, Told> {
        let [first, rest @ ..] = messages else {
            return Err(Told::Wrong);
        };
        sender.send_until(&record(*first), deadline).map_err(told)?;
        let mut sent = 1;
        let mut batch = sender.batch();
        for &message in rest {
            match batch.send(&record(message)) {
                Ok(()) => sent += 1,
                Err(Error::WouldBlock | Error::Closed | Error::PeerDied) => break,
                Err(_) => return Err(Told::Wrong),
            }
        }
        batch.commit().map_err(told)?;
        Ok(sent)
    }

    fn recv(
        &self,
        receiver: &mut Self::Receiver,
        messages: &mut [u64],
        deadline: Deadline,
    ) -> Result<usize, Told> {
        let mut bytes = [0; 24];
        // An end is no message.
        let mut len = loop {
            match receiver.recv_until(&mut bytes, deadline).map_err(told)? {
                Event::Record { len, .. } => break len,
                Event::Gone { .. } => {}
            }
        };
        let mut received = 0;
        let mut batch = receiver.batch();
        while let Some(message) = messages.get_mut(received) {
            *message = message_of(&bytes[..len]).ok_or(Told::Wrong)?;
            received += 1;
            if received == messages.len() {
                break;
            }
            match batch.recv(&mut bytes) {
                Ok(Event::Record { len: next, .. }) => len = next,
                Ok(Event::Gone { .. }) | Err(Error::WouldBlock | Error::Closed) => break,
                Err(_) => return Err(Told::Wrong),
            }
        }
        batch.release().map_err(told)?;
        Ok(received)
    }
}

/// The message, its complement, and the message again.
fn record(message: u64) -> [u8; 24] {
    let mut bytes = [0; 24];
    let words = [message, !message, message.swap_bytes()];
    for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *to = word.to_ne_bytes();
    }
    bytes
}

fn message_of(bytes: &[u8]) -> Option<u64> {
    let message = u64::from_ne_bytes(*bytes.first_chunk()?);
    (bytes == record(message)).then_some(message)
}

const PLAN: Plan = Plan {
    senders: 3,
    receivers: 1,
    messages: 3000,
    kills: 12,
    stops: 6,
    seed: 5,
};

fn run<W: Waiting>(plan: Plan, messages: u64) -> Verdict {
    let make = |_| Ring(mpsc::Ring::<W>::create(plan.senders, 4096).unwrap());
    rounds(plan, messages, make, Records::exactly_once)
}

#[test]
fn records_of_processes_killed_and_stopped_are_received_once() {
    let _check = LeakCheck::begin();
    run::<SpinThenFutex>(PLAN, 6000).holds("mpsc, asleep");
    run::<Spin>(PLAN, 3000).holds("mpsc, spinning");
}

#[test]
#[ignore = "takes minutes"]
fn ten_million_records_of_processes_killed_and_stopped_are_received_once() {
    let _check = LeakCheck::begin();
    let plan = Plan {
        messages: 100_000,
        kills: 60,
        stops: 30,
        ..PLAN
    };
    for (senders, seed) in [(2, 7), (4, 8), (7, 9)] {
        let plan = Plan {
            senders,
            seed,
            ..plan
        };
        run::<SpinThenFutex>(plan, 3_000_000).holds("mpsc, asleep");
    }
    run::<Spin>(plan, 1_000_000).holds("mpsc, spinning");
}
