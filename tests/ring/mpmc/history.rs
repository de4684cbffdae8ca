//! Runs of two to eight processes that are killed and stopped at random: each message is received
//! once, and those of each producer in their order.

use rawipc::Deadline;
use rawipc::ring::mpmc::{self, items};
use rawipc::ring::{Spin, SpinThenFutex, Waiting};

use crate::support::LeakCheck;
use crate::support::history::{
    Plan, RECORD_MAX, Records, Subject, Told, Verdict, message_of, record, rounds,
};

/// Items, up to fifteen in one claim.
struct Items<W: Waiting>(items::Ring<u64, W>);

impl<W: Waiting> Subject for Items<W> {
    type Sender = items::Producer<u64, W>;
    type Receiver = items::Consumer<u64, W>;
    const BATCH: usize = 15;

    fn sender(&self) -> Option<Self::Sender> {
        self.0.producer().ok()
    }

    fn receiver(&self) -> Option<Self::Receiver> {
        self.0.consumer().ok()
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
        receiver: &mut Self::Receiver,
        messages: &mut [u64],
        deadline: Deadline,
    ) -> Result<usize, Told> {
        receiver
            .pop_slice_until(messages, deadline)
            .map_err(Told::from)
    }
}

/// Records of some lengths, each the message over and over.
struct Records64<W: Waiting>(mpmc::Ring<W>);

impl<W: Waiting> Subject for Records64<W> {
    type Sender = mpmc::Producer<W>;
    type Receiver = mpmc::Consumer<W>;
    const BATCH: usize = 1;

    fn sender(&self) -> Option<Self::Sender> {
        self.0.producer().ok()
    }

    fn receiver(&self) -> Option<Self::Receiver> {
        self.0.consumer().ok()
    }

    fn send(
        &self,
        sender: &mut Self::Sender,
        messages: &[u64],
        deadline: Deadline,
    ) -> Result<usize, Told> {
        let mut buffer = [0; RECORD_MAX];
        sender.send_until(record(messages[0], &mut buffer), deadline)?;
        Ok(1)
    }

    fn recv(
        &self,
        receiver: &mut Self::Receiver,
        messages: &mut [u64],
        deadline: Deadline,
    ) -> Result<usize, Told> {
        let mut buffer = [0; RECORD_MAX];
        let len = receiver.recv_until(&mut buffer, deadline)?;
        messages[0] = message_of(&buffer[..len]).ok_or(Told::Wrong)?;
        Ok(1)
    }
}

/// Every kind of ring in turn, with capacities and numbers of processes that differ.
fn all(messages: u64, per_round: u64, kills: usize, seed: u64) {
    let _check = LeakCheck::begin();
    let each = messages / 4;
    let plan = |round: u64| Plan {
        senders: 1 + round as usize % 4,
        receivers: 1 + round as usize / 2 % 4,
        messages: per_round,
        kills,
        stops: kills / 4,
        seed: seed + round,
    };
    let capacity = |round: u64| [64, 1, 8, 2, 1024][round as usize % 5];
    let sum = |name: &str, run: &dyn Fn(u64) -> Verdict| {
        let mut sum = Verdict::default();
        while sum.sent < each && sum.violations() == 0 {
            sum += run(sum.rounds);
        }
        sum.holds(name);
    };
    sum("items, may sleep", &|round| {
        let make = |_| Items::<SpinThenFutex>(items::Ring::create(capacity(round)).unwrap());
        rounds(plan(round), 1, make, Records::exactly_once)
    });
    sum("items, spinning", &|round| {
        let make = |_| Items::<Spin>(items::Ring::create(capacity(round)).unwrap());
        rounds(plan(round), 1, make, Records::exactly_once)
    });
    sum("records, may sleep", &|round| {
        let make = |_| {
            Records64::<SpinThenFutex>(mpmc::Ring::create(capacity(round), RECORD_MAX).unwrap())
        };
        rounds(plan(round), 1, make, Records::exactly_once)
    });
    sum("records, spinning", &|round| {
        let make = |_| Records64::<Spin>(mpmc::Ring::create(capacity(round), RECORD_MAX).unwrap());
        rounds(plan(round), 1, make, Records::exactly_once)
    });
}

#[test]
fn messages_of_killed_and_stopped_processes_arrive_once_and_in_order() {
    all(40_000, 5_000, 8, 1);
}

#[test]
#[ignore = "ten million messages"]
fn ten_million_messages_of_killed_and_stopped_processes_arrive_once_and_in_order() {
    all(10_000_000, 100_000, 40, 1000);
}
