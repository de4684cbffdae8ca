//! Recorded runs of writers and readers that are killed and stopped: whole messages, in order, and
//! counts that are exact.

use std::collections::BTreeMap;

use rawipc::Deadline;
use rawipc::ring::broadcast::{RecvError, items};
use rawipc::ring::{Error, SpinThenFutex, Waiting};

use super::support::history::{Entry, Message, Plan, Records, Subject, Told, Verdict, rounds};
use super::support::{LIMIT, LeakCheck};

/// A message that would show if it were torn.
type Item = [u64; 4];

struct Broadcast<W: Waiting>(items::Ring<Item, W>);

/// A reader that counts.
struct Reader<W: Waiting> {
    reader: items::Reader<Item, W>,
    first: u64,
    delivered: u64,
    missed: u64,
}

fn whole(word: u64) -> Item {
    [word, !word, word.rotate_left(17), word ^ 0x5555]
}

impl<W: Waiting> Subject for Broadcast<W> {
    type Sender = items::Writer<Item, W>;
    type Receiver = Reader<W>;
    const BATCH: usize = 1;

    fn sender(&self) -> Option<Self::Sender> {
        self.0.writer_until(Deadline::after(LIMIT)).ok()
    }

    fn receiver(&self) -> Option<Reader<W>> {
        let reader = self.0.reader_from_oldest().ok()?;
        Some(Reader {
            first: reader.position(),
            reader,
            delivered: 0,
            missed: 0,
        })
    }

    fn send(
        &self,
        writer: &mut Self::Sender,
        messages: &[u64],
        _deadline: Deadline,
    ) -> Result<usize, Told> {
        match writer.push(&whole(messages[0])) {
            Ok(()) => Ok(1),
            Err(Error::WouldBlock) => Err(Told::Ended),
            Err(_) => Err(Told::Wrong),
        }
    }

    fn recv(
        &self,
        receiver: &mut Reader<W>,
        messages: &mut [u64],
        deadline: Deadline,
    ) -> Result<usize, Told> {
        let told = match receiver.reader.pop_until(deadline) {
            Ok(item) if item == whole(item[0]) => {
                messages[0] = item[0];
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

/// What the lives of readers say: in each the messages of a sender in order and none twice, none
/// that nobody began to send.
pub(crate) fn judge(records: &Records) -> Verdict {
    let mut verdict = Verdict {
        rounds: 1,
        kills: records.kills,
        stops: records.stops,
        wrong: records.wrong,
        hung: records.hung,
        ..Verdict::default()
    };
    for sent in &records.sent {
        verdict.sent += sent.done;
        verdict.unknown += sent.begun - sent.done;
    }
    let mut missed = 0;
    for place in records.received.iter().chain([&records.rest]) {
        let mut next: BTreeMap<u32, u64> = BTreeMap::new();
        for entry in place {
            let Message { sender, number } = match *entry {
                // It begins with what is still there.
                Entry::Began => {
                    next.clear();
                    continue;
                }
                Entry::Missed(count) => {
                    missed += count;
                    continue;
                }
                Entry::Received(message) => message,
            };
            verdict.received += 1;
            let sent = records.sent.get(sender as usize);
            if sent.is_none_or(|sent| number >= sent.begun) {
                verdict.invented += 1;
                continue;
            }
            let next = next.entry(sender).or_insert(0);
            verdict.repeated += u64::from(number + 1 == *next);
            verdict.disordered += u64::from(number + 1 < *next);
            *next = number + 1;
        }
    }
    println!("{} received, {missed} missed", verdict.received);
    verdict
}

fn history<W: Waiting>(name: &str, capacity: usize, plan: Plan, messages: u64) {
    let make = |_| Broadcast(items::Ring::<Item, W>::create(capacity).unwrap());
    rounds(plan, messages, make, judge).holds(name);
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
    history::<SpinThenFutex>("broadcast, 2 and 2, 4 slots", 4, PLAN, 4_000);
    let plan = Plan {
        senders: 1,
        receivers: 3,
        seed: 2,
        ..PLAN
    };
    history::<SpinThenFutex>("broadcast, 1 and 3, 64 slots", 64, plan, 4_000);
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
    history::<SpinThenFutex>("broadcast, 3 and 3, 8 slots", 8, plan, 5_000_000);
    let plan = Plan {
        senders: 4,
        receivers: 4,
        seed: 4,
        ..plan
    };
    history::<SpinThenFutex>("broadcast, 4 and 4, 256 slots", 256, plan, 5_000_000);
}
