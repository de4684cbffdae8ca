//! Runs of a producer and a consumer that are killed and stopped at random: each message is received
//! once, and in order.

use rawipc::Deadline;
use rawipc::ring::spsc::{self, items};
use rawipc::ring::{Spin, SpinThenFutex, Waiting};

use super::copy;
use crate::support::history::{
    Plan, RECORD_MAX, Records, Subject, Told, Verdict, message_of, record, rounds,
};
use crate::support::{LIMIT, LeakCheck};

/// Items, some in one call, where each end waits in its own way.
struct Items<P: Waiting, C: Waiting> {
    sending: items::Ring<u64, P>,
    receiving: items::Ring<u64, C>,
}

impl<P: Waiting, C: Waiting> Items<P, C> {
    fn new(capacity: usize) -> Self {
        let sending = items::Ring::create(capacity).unwrap();
        let receiving = items::Ring::open(copy(&sending)).unwrap();
        Self { sending, receiving }
    }
}

impl<P: Waiting, C: Waiting> Subject for Items<P, C> {
    type Sender = items::Producer<u64, P>;
    type Receiver = items::Consumer<u64, C>;
    const BATCH: usize = 15;

    fn sender(&self) -> Option<Self::Sender> {
        self.sending.producer_until(Deadline::after(LIMIT)).ok()
    }

    fn receiver(&self) -> Option<Self::Receiver> {
        self.receiving.consumer_until(Deadline::after(LIMIT)).ok()
    }

    fn send(
        &self,
        sender: &mut Self::Sender,
        messages: &[u64],
        deadline: Deadline,
    ) -> Result<usize, Told> {
        match messages {
            [message] => sender.push_until(message, deadline).map(|()| 1),
            messages => sender.push_slice_until(messages, deadline),
        }
        .map_err(Told::from)
    }

    fn recv(
        &self,
        receiver: &mut Self::Receiver,
        messages: &mut [u64],
        deadline: Deadline,
    ) -> Result<usize, Told> {
        match messages {
            [message] => receiver.pop_into_until(message, deadline).map(|()| 1),
            messages => receiver.pop_slice_until(messages, deadline),
        }
        .map_err(Told::from)
    }
}

/// Records of some lengths, each the message over and over.
struct Repeated<P: Waiting, C: Waiting> {
    sending: spsc::Ring<P>,
    receiving: spsc::Ring<C>,
}

impl<P: Waiting, C: Waiting> Repeated<P, C> {
    fn new(capacity: usize) -> Self {
        let sending = spsc::Ring::create(capacity).unwrap();
        let receiving = spsc::Ring::open(copy(&sending)).unwrap();
        Self { sending, receiving }
    }
}

impl<P: Waiting, C: Waiting> Subject for Repeated<P, C> {
    type Sender = spsc::Producer<P>;
    type Receiver = spsc::Consumer<C>;
    const BATCH: usize = 1;

    fn sender(&self) -> Option<Self::Sender> {
        self.sending.producer_until(Deadline::after(LIMIT)).ok()
    }

    fn receiver(&self) -> Option<Self::Receiver> {
        self.receiving.consumer_until(Deadline::after(LIMIT)).ok()
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

/// Records and items in turn, in each way to wait.
fn all(messages: u64, per_round: u64, kills: usize, seed: u64) {
    let _check = LeakCheck::begin();
    let each = messages / 6;
    let plan = Plan {
        senders: 1,
        receivers: 1,
        messages: per_round,
        kills,
        stops: kills / 4,
        seed,
    };
    // Rounded up to a page: often full, and hardly ever.
    let capacity = |round: u64| [4096, 1 << 16][round as usize % 2];
    let check: fn(&Records) -> Verdict = Records::exactly_once;
    macro_rules! holds {
        ($name:literal, $subject:ty, $room:expr) => {
            let make = |round| <$subject>::new(capacity(round) / $room);
            rounds(plan, each, make, check).holds($name);
        };
    }
    holds!("items, may sleep", Items::<SpinThenFutex, SpinThenFutex>, 8);
    holds!("items, spinning", Items::<Spin, Spin>, 8);
    holds!("items, one may sleep", Items::<Spin, SpinThenFutex>, 8);
    holds!(
        "records, may sleep",
        Repeated::<SpinThenFutex, SpinThenFutex>,
        1
    );
    holds!("records, spinning", Repeated::<Spin, Spin>, 1);
    holds!("records, one may sleep", Repeated::<SpinThenFutex, Spin>, 1);
}

#[test]
fn messages_of_killed_and_stopped_ends_arrive_once_and_in_order() {
    all(60_000, 10_000, 8, 1);
}

#[test]
#[ignore = "ten million messages"]
fn ten_million_messages_of_killed_and_stopped_ends_arrive_once_and_in_order() {
    all(10_000_000, 100_000, 40, 1000);
}
