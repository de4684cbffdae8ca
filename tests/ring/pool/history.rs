//! Pools under random deaths and stops: every message once and in order, every chunk free at last.

use rawipc::Deadline;
use rawipc::ring::pool::{Consumer, Pool, Producer};
use rawipc::ring::{Spin, SpinThenFutex, Waiting};

use super::class;
use crate::support::history::{Plan, Records, Subject, Told, Verdict, run};
use crate::support::{LeakCheck, limit};

/// How many chunks the pool has, of both sizes each.
const CHUNKS: usize = 12;

/// Of every so many messages, one is a long one.
const PER_LONG: u64 = 5;

/// The lengths of messages, in words.
const SHORT: usize = 8;
const LONG: usize = 40;

struct Loans<W: Waiting>(Pool<W>);

impl<W: Waiting> Loans<W> {
    fn new(capacity: usize) -> Self {
        let classes = [class(8 * SHORT, CHUNKS), class(8 * LONG, CHUNKS)];
        Self(Pool::create(&classes, capacity).unwrap())
    }

    /// Whether each chunk can be had, by one who takes those of the dead.
    fn is_whole(&self) -> bool {
        let producer = self.0.producer().unwrap();
        let all = |len| {
            let loan = |_| producer.loan_until(len, limit());
            (0..CHUNKS).map(loan).collect::<Result<Vec<_>, _>>()
        };
        let (short, long) = (all(8 * SHORT), all(8 * LONG));
        short.is_ok() && long.is_ok()
    }
}

impl<W: Waiting> Subject for Loans<W> {
    type Sender = Producer<W>;
    type Receiver = Consumer<W>;
    const BATCH: usize = 1;

    fn sender(&self) -> Option<Producer<W>> {
        self.0.producer().ok()
    }

    fn receiver(&self) -> Option<Consumer<W>> {
        self.0.consumer().ok()
    }

    fn send(
        &self,
        producer: &mut Producer<W>,
        messages: &[u64],
        deadline: Deadline,
    ) -> Result<usize, Told> {
        let message = messages[0];
        let len = if message.is_multiple_of(PER_LONG) {
            LONG
        } else {
            SHORT
        };
        let mut loan = producer.loan_until(8 * len, deadline).map_err(Told::from)?;
        for word in 0..len {
            loan.write_at(8 * word, &message.to_ne_bytes())
                .map_err(Told::from)?;
        }
        let sent = loan.send_until(deadline);
        sent.map_err(|unsent| Told::from(unsent.error))?;
        Ok(1)
    }

    fn recv(
        &self,
        consumer: &mut Consumer<W>,
        messages: &mut [u64],
        deadline: Deadline,
    ) -> Result<usize, Told> {
        let received = consumer.recv_until(deadline).map_err(Told::from)?;
        let mut words = [[0; 8]; LONG];
        let len = received
            .copy_to(words.as_flattened_mut())
            .map_err(Told::from)?;
        let words = &words[..len / 8];
        if words.iter().any(|word| *word != words[0]) {
            return Err(Told::Wrong);
        }
        messages[0] = u64::from_ne_bytes(words[0]);
        Ok(1)
    }
}

/// Has about so many messages sent and received by 2 to 8 processes.
fn history<W: Waiting>(messages: u64, per_round: u64) -> Verdict {
    let mut sum = Verdict::default();
    while sum.sent < messages && sum.violations() == 0 {
        let (round, loans) = (
            sum.rounds,
            Loans::<W>::new([1, 4, 16][sum.rounds as usize % 3]),
        );
        let records = run(
            &loans,
            Plan {
                senders: 1 + round as usize % 4,
                receivers: 1 + round as usize / 2 % 4,
                messages: per_round,
                kills: 60,
                stops: 20,
                seed: 7 * round + 1,
            },
        );
        sum += Records::exactly_once(&records);
        assert!(loans.is_whole(), "chunks are lost");
    }
    sum
}

#[test]
fn messages_of_processes_killed_at_random_arrive_once_and_no_chunk_is_lost() {
    let _check = LeakCheck::begin();
    history::<SpinThenFutex>(12_000, 4_000).holds("pool");
    history::<Spin>(4_000, 4_000).holds("spinning pool");
}

#[test]
#[ignore = "ten million messages"]
fn ten_million_messages_arrive_once_and_no_chunk_is_lost() {
    let _check = LeakCheck::begin();
    history::<SpinThenFutex>(9_000_000, 100_000).holds("pool");
    history::<Spin>(1_000_000, 50_000).holds("spinning pool");
}
