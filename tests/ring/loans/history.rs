//! Recorded runs of writers and readers that are killed and stopped: whole messages, in order, counts
//! that are exact, and every chunk can be lent at last.

use rawipc::Deadline;
use rawipc::ring::broadcast::RecvError;
use rawipc::ring::broadcast::loans::{Reader, Ring, Writer};
use rawipc::ring::{Error, SpinThenFutex, Waiting};

use super::{class, spare};
use crate::broadcast::history::judge;
use crate::support::LeakCheck;
use crate::support::history::{Plan, Subject, Told, Verdict, run};

/// The words of a message, each of which is its number.
const WORDS: usize = 16;

struct Loans<W: Waiting>(Ring<W>);

/// A reader that counts.
struct Counting<W: Waiting> {
    reader: Reader<W>,
    first: u64,
    delivered: u64,
    missed: u64,
}

impl<W: Waiting> Subject for Loans<W> {
    type Sender = Writer<W>;
    type Receiver = Counting<W>;
    const BATCH: usize = 1;

    fn sender(&self) -> Option<Writer<W>> {
        // The dead ones' places are taken.
        self.0.writer().ok()
    }

    fn receiver(&self) -> Option<Counting<W>> {
        let reader = self.0.reader_from_oldest().ok()?;
        Some(Counting {
            first: reader.position(),
            reader,
            delivered: 0,
            missed: 0,
        })
    }

    fn send(
        &self,
        writer: &mut Writer<W>,
        messages: &[u64],
        _deadline: Deadline,
    ) -> Result<usize, Told> {
        let mut loan = match writer.try_loan(8 * WORDS) {
            Ok(loan) => loan,
            // Not now: readers have them, or the dead, or it looked where one has just been.
            Err(Error::WouldBlock) => return Err(Told::Ended),
            Err(_) => return Err(Told::Wrong),
        };
        let bytes = messages[0].to_ne_bytes().repeat(WORDS);
        loan.write_at(0, &bytes).map_err(|_| Told::Wrong)?;
        match loan.send() {
            Ok(()) => Ok(1),
            Err(unsent) if unsent.error == Error::WouldBlock => Err(Told::Ended),
            Err(_) => Err(Told::Wrong),
        }
    }

    fn recv(
        &self,
        receiver: &mut Counting<W>,
        messages: &mut [u64],
        deadline: Deadline,
    ) -> Result<usize, Told> {
        let told = match receiver.reader.recv_until(deadline) {
            Ok(message) => {
                let mut words = [[0; 8]; WORDS];
                let copied = message.copy_to(words.as_flattened_mut());
                // Once more, as it must not change while it is held.
                let mut again = [0; 8];
                let read = message.read_at(8 * (WORDS - 1), &mut again);
                let is_whole = words.iter().all(|word| *word == again);
                if copied != Ok(8 * WORDS) || read.is_err() || !is_whole {
                    return Err(Told::Wrong);
                }
                messages[0] = u64::from_ne_bytes(again);
                receiver.delivered += 1;
                Ok(1)
            }
            Err(RecvError::Lagged(count)) => {
                receiver.missed += count;
                Err(Told::Missed(count))
            }
            Err(RecvError::Ring(Error::TimedOut)) => Err(Told::Nothing),
            Err(RecvError::Ring(Error::Closed | Error::PeerDied)) => Err(Told::Ended),
            _ => return Err(Told::Wrong),
        };
        // Received and missed is all that it passed.
        let passed = receiver.reader.position() - receiver.first;
        if receiver.delivered + receiver.missed != passed {
            return Err(Told::Wrong);
        }
        told
    }
}

fn history<W: Waiting>(name: &str, capacity: usize, plan: Plan, messages: u64) {
    // In each hand one, and two to spare.
    let chunks = capacity + plan.senders + plan.receivers + 2;
    let mut sum = Verdict::default();
    while sum.sent < messages && sum.violations() == 0 {
        let seed = plan.seed + 100 * sum.rounds;
        let ring = Ring::<W>::create(&[class(8 * WORDS, chunks)], capacity).unwrap();
        let loans = Loans(ring);
        sum += judge(&run(&loans, Plan { seed, ..plan }));
        assert_eq!(
            spare(&loans.0, chunks),
            chunks - capacity,
            "chunks are lost"
        );
    }
    sum.holds(name);
}

const PLAN: Plan = Plan {
    senders: 2,
    receivers: 2,
    messages: 4_000,
    kills: 12,
    stops: 12,
    seed: 1,
};

#[test]
fn killed_and_stopped_processes_leave_exact_counts() {
    let _check = LeakCheck::begin();
    history::<SpinThenFutex>("loans, 2 and 2, 4 slots", 4, PLAN, 4_000);
    let plan = Plan {
        senders: 1,
        receivers: 3,
        seed: 2,
        ..PLAN
    };
    history::<SpinThenFutex>("loans, 1 and 3, 64 slots", 64, plan, 4_000);
}

#[test]
#[ignore = "10^7 messages"]
fn ten_million_messages_leave_exact_counts() {
    let _check = LeakCheck::begin();
    let plan = Plan {
        senders: 3,
        receivers: 3,
        messages: 200_000,
        kills: 200,
        stops: 200,
        seed: 3,
    };
    history::<SpinThenFutex>("loans, 3 and 3, 8 slots", 8, plan, 5_000_000);
    let plan = Plan {
        senders: 4,
        receivers: 4,
        seed: 4,
        ..plan
    };
    history::<SpinThenFutex>("loans, 4 and 4, 256 slots", 256, plan, 5_000_000);
}
