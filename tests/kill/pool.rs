//! Pools: what was sent arrives once and whole, and every chunk of the dead can be had again.

use core::cell::{Cell, RefCell};
use core::time::Duration;

use rawipc::{AsFd, Deadline};
use rawipc::memory::MapOptions;
use rawipc::ring::pool::{Class, Consumer, Pool, Producer};
use rawipc::ring::{Error, Spin, SpinThenFutex, Waiting};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, run as run_case};
use crate::messages::{HUNG, LAST, Ledger, TORN, ends, limit, tire};

const CHUNKS: usize = 5;
const SLOTS: usize = 2;

/// A message's words, all of them its number, inverted: memory that nobody wrote to is no message.
const WORDS: usize = 5;

fn send<W: Waiting>(producer: &Producer<W>, number: u64, at: Deadline) -> Result<(), Error> {
    let mut loan = producer.loan_until(8 * WORDS, at)?;
    for word in 0..WORDS {
        loan.write_at(8 * word, &(!number).to_ne_bytes())?;
    }
    Ok(loan.send_until(at)?)
}

/// `None`: something that nobody sent.
fn recv<W: Waiting>(consumer: &Consumer<W>, at: Deadline) -> Result<Option<u64>, Error> {
    let message = consumer.recv_until(at)?;
    let mut words = [[0; 8]; WORDS];
    message.copy_to(words.as_flattened_mut())?;
    message.release()?;
    let number = !u64::from_ne_bytes(words[0]);
    let is_whole = words.iter().all(|word| *word == words[0]);
    Ok(is_whole.then_some(number))
}

/// Who dies, and what the pool is like before.
#[derive(Clone, Copy, PartialEq)]
enum Start {
    Empty,
    /// With a message in it.
    Some,
    /// The next message has no slot.
    Full,
    /// Nothing but the slot of one who died while it sent, with its chunk.
    DeadSender,
    /// As `Full`, and the first message was being received by one who died.
    DeadReceiver,
    /// As `Full`, and one who died has the other chunks.
    DeadHolder,
}

impl Start {
    fn is_full(self) -> bool {
        matches!(self, Self::Full | Self::DeadReceiver | Self::DeadHolder)
    }
}

struct World<W: Waiting> {
    pool: Pool<W>,
    producer: Producer<W>,
    /// Unless a survivor receives.
    consumer: Option<Consumer<W>>,
    survivor: Option<Survivor>,
    /// What the survivor has received.
    ledger: Ledger,
    received: RefCell<Vec<u64>>,
    /// The numbers that are in the ring.
    numbers: Cell<(u64, u64)>,
    start: Start,
}

/// A number that no member has.
const NOBODY: u64 = 4_000_000;

/// A slot's word in its first lap, when one who died has claimed it.
fn claimed(state: u64) -> u64 {
    NOBODY << 42 | 1 << 38 | state << 30 | 1
}

/// A chunk's word when one who died has it.
const OWNED: u64 = 1 << 62 | NOBODY;

/// A chunk's word when it is in the first slot, in its first lap.
const IN_FIRST_SLOT: u64 = 2 << 62 | 1 << 24;

impl<W: Waiting> World<W> {
    fn new(start: Start) -> Self {
        let class = Class {
            size: 64,
            count: CHUNKS,
        };
        let pool = Pool::<W>::create(&[class], SLOTS).unwrap();
        let world = Self {
            producer: pool.producer().unwrap(),
            consumer: Some(pool.consumer().unwrap()),
            pool,
            survivor: None,
            ledger: Ledger::new(),
            received: RefCell::default(),
            numbers: Cell::new((0, 0)),
            start,
        };
        let messages = match start {
            Start::Some => 1,
            start if start.is_full() => SLOTS as u64,
            _ => 0,
        };
        for number in 0..messages {
            send(&world.producer, number, Deadline::NOW).unwrap();
        }
        // One that a dead one was receiving goes with it.
        let first = u64::from(start == Start::DeadReceiver);
        world.numbers.set((first, messages));
        world
    }

    /// Has it look as if somebody had died in the midst of a call.
    fn bury(&self) -> Option<()> {
        let size = rustix::fs::fstat(&self.pool).ok()?.st_size as usize;
        let memory = MapOptions::shared(size).map(self.pool.as_fd()).ok()?;
        // The head, and three sections, each of a page: the slots, the chunks' words, the chunks.
        let (slot, chunks) = (size / 4, size / 2);
        match self.start {
            Start::Empty | Start::Some | Start::Full => {}
            Start::DeadSender => {
                memory.write(chunks, &IN_FIRST_SLOT).ok()?;
                // Chunk 0, with eight words.
                memory.write(slot + 8, &(64_u64 << 24)).ok()?;
                memory.write(slot, &claimed(1)).ok()?;
            }
            Start::DeadReceiver => memory.write(slot, &claimed(3)).ok()?,
            Start::DeadHolder => {
                for chunk in SLOTS..CHUNKS {
                    memory.write(chunks + 64 * chunk, &OWNED).ok()?;
                }
            }
        }
        Some(())
    }

    /// With a survivor that sleeps until there is a message.
    fn asleep(start: Start) -> Self {
        let mut world = Self::new(start);
        world.consumer = None;
        let survivor = Survivor::fork(|| world.receive_all());
        survivor.await_sleep();
        world.survivor = Some(survivor);
        world
    }

    fn receive_all(&self) -> i32 {
        let (Ok(consumer), limit) = (self.pool.consumer(), limit()) else {
            return 1;
        };
        loop {
            match recv(&consumer, limit) {
                Ok(Some(number)) => {
                    self.ledger.enter(number);
                    if number == LAST {
                        return 0;
                    }
                }
                Err(Error::PeerDied | Error::Closed) if !limit.has_passed() => {}
                Err(Error::TimedOut | Error::PeerDied | Error::Closed) => return HUNG,
                Ok(None) | Err(_) => return TORN,
            }
        }
    }

    /// Those who are left go on: a last message is sent, and all are received until then.
    fn go_on(&self) -> Result<(), Violation> {
        if let Some(survivor) = &self.survivor {
            send(&self.producer, LAST, limit()).map_err(|_| Violation::Unusable)?;
            ends(Some(survivor))?;
            self.received.borrow_mut().extend(self.ledger.numbers());
            return Ok(());
        }
        let own = self.pool.consumer();
        let consumer = self.consumer.as_ref().or(own.as_ref().ok());
        let consumer = consumer.ok_or(Violation::Unusable)?;
        // The ring may be full, or what a dead one has claimed is in the way.
        let (mut is_sent, mut patience) = (false, Duration::ZERO);
        let limit = limit();
        loop {
            if !is_sent {
                let loan = self.producer.loan_until(8 * WORDS, limit);
                let mut loan = loan.map_err(|_| Violation::Unusable)?;
                for word in 0..WORDS {
                    let _ = loan.write_at(8 * word, &(!LAST).to_ne_bytes());
                }
                is_sent = loan.send_until(Deadline::after(patience)).is_ok();
                patience = Duration::from_millis(5);
            }
            match recv(consumer, if is_sent { limit } else { Deadline::after(patience) }) {
                Ok(Some(LAST)) => break,
                Ok(Some(number)) => self.received.borrow_mut().push(number),
                Ok(None) => return Err(Violation::Torn),
                Err(Error::TimedOut) if !is_sent && !limit.has_passed() => {}
                Err(Error::TimedOut) => return Err(Violation::Hang),
                Err(_) => return Err(Violation::Torn),
            }
        }
        self.received.borrow_mut().push(LAST);
        Ok(())
    }

    /// Each chunk can be had.
    fn is_whole(&self) -> Result<(), Violation> {
        let (limit, mut loans) = (limit(), Vec::new());
        // Without sleeping: what the dead have is looked for now and then.
        while loans.len() < CHUNKS && !limit.has_passed() {
            loans.extend(self.producer.try_loan(1));
        }
        let all = loans.len() == CHUNKS;
        let more = self.producer.try_loan(1).is_ok();
        if all && !more { Ok(()) } else { Err(Violation::Unusable) }
    }

    /// What must have arrived: what was in the ring, but for `taken` of it that the dead one may
    /// have had; of what it sent all or nothing; and the last one.
    fn judge(&self, taken: bool, sent: bool, fate: &Fate) -> Result<&'static str, Violation> {
        self.go_on()?;
        self.is_whole()?;
        let received = self.received.borrow();
        let (first, next) = self.numbers.get();
        let is = |first: u64, next: u64| (first..next).chain([LAST]).eq(received.iter().copied());
        if sent && is(first, next + 1) {
            return Ok("sent");
        }
        if taken && first < next && is(first + 1, next) {
            return Ok("received");
        }
        if is(first, next) && !(fate.ended && (sent || taken && first < next)) {
            return Ok("nothing");
        }
        let mut sorted = received.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let is_known = |number: &u64| *number == LAST || (first..=next).contains(number);
        Err(if sorted.len() < received.len() {
            Violation::Repeated
        } else if !received.iter().all(is_known) {
            Violation::Torn
        } else {
            Violation::Lost
        })
    }

    /// While it stands still: nobody takes what it has.
    fn look_for_chunks(&self) -> Result<(), Violation> {
        let soon = Deadline::after(Duration::from_millis(3));
        let mut loans = Vec::new();
        for _ in 0..CHUNKS {
            match self.producer.loan_until(1, soon) {
                Ok(loan) => loans.push(loan),
                Err(Error::TimedOut) => return Ok(()),
                Err(_) => return Err(Violation::Unusable),
            }
        }
        Ok(())
    }
}

struct Table<'a> {
    extent: Extent,
    tallies: &'a mut Vec<Tally>,
}

impl Table<'_> {
    /// A producer dies; `sends` says whether it was to send the next message.
    fn producing<W: Waiting>(
        &mut self,
        name: &'static str,
        set_up: &dyn Fn() -> World<W>,
        operation: fn(&Producer<W>, u64) -> Option<()>,
        sends: bool,
    ) {
        let case = Case {
            name,
            set_up,
            victim: &|world, marks| {
                let producer = world.pool.producer().ok()?;
                let (_, next) = world.numbers.get();
                if world.start.is_full() {
                    tire(|at| send(&producer, next, at).is_ok());
                }
                world.bury()?;
                marks.begin();
                let done = operation(&producer, next);
                marks.end();
                done
            },
            unblock: &|world| {
                // Room: a slot, and a chunk. For what a dead one has it does not sleep for long.
                if world.start == Start::Full {
                    let consumer = world.consumer.as_ref().unwrap();
                    let number = recv(consumer, limit()).unwrap();
                    world.received.borrow_mut().extend(number);
                }
            },
            while_stopped: &World::look_for_chunks,
            check: &|world, fate| world.judge(false, sends, fate),
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    /// A consumer dies.
    fn consuming<W: Waiting>(
        &mut self,
        name: &'static str,
        start: Start,
        operation: fn(&Consumer<W>) -> Option<()>,
    ) {
        let case = Case {
            name,
            set_up: &|| {
                let mut world = World::<W>::new(start);
                world.consumer.take().unwrap().detach();
                world
            },
            victim: &|world, marks| {
                let consumer = world.pool.consumer().ok()?;
                if matches!(start, Start::Empty | Start::DeadSender) {
                    tire(|at| recv(&consumer, at).is_ok());
                }
                world.bury()?;
                marks.begin();
                let done = operation(&consumer);
                marks.end();
                done
            },
            unblock: &|world| {
                let (first, next) = world.numbers.get();
                send(&world.producer, next, limit()).unwrap();
                world.numbers.set((first, next + 1));
            },
            while_stopped: &World::look_for_chunks,
            check: &|world, fate| world.judge(true, false, fate),
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    fn attaching(&mut self) {
        let case = Case {
            name: "pool attach producer",
            set_up: &|| World::<SpinThenFutex>::new(Start::Some),
            victim: &|world, marks| {
                marks.begin();
                let attached = world.pool.producer();
                marks.end();
                attached.ok().map(drop)
            },
            unblock: &|_| {},
            while_stopped: &|_| Ok(()),
            check: &|world, fate| world.judge(false, false, &Fate { ended: false, ..*fate }),
        };
        self.tallies.push(run_case(&case, self.extent));
        let case = Case {
            name: "pool attach consumer",
            victim: &|world: &World<SpinThenFutex>, marks| {
                marks.begin();
                let attached = world.pool.consumer();
                marks.end();
                attached.ok().map(drop)
            },
            ..case
        };
        self.tallies.push(run_case(&case, self.extent));
    }
}

fn send_one<W: Waiting>(producer: &Producer<W>, number: u64) -> Option<()> {
    send(producer, number, Deadline::Never).ok()
}

fn loan_one<W: Waiting>(producer: &Producer<W>, _: u64) -> Option<()> {
    producer.loan(1).ok()?.release().ok()
}

fn recv_one<W: Waiting>(consumer: &Consumer<W>) -> Option<()> {
    recv(consumer, Deadline::Never).ok()?.map(drop)
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    let mut table = Table { extent, tallies };
    let new = |start| move || World::<SpinThenFutex>::new(start);
    table.producing("pool send, empty", &new(Start::Empty), send_one, true);
    table.producing("pool send, some", &new(Start::Some), send_one, true);
    let asleep = || World::<SpinThenFutex>::asleep(Start::Empty);
    table.producing("pool send, consumer asleep", &asleep, send_one, true);
    table.producing("pool loan and release", &new(Start::Some), loan_one, false);
    table.producing("pool send, full, asleep", &new(Start::Full), send_one, true);
    table.producing("pool send behind a dead receiver", &new(Start::DeadReceiver), send_one, true);
    table.producing("pool loan of a dead one's chunk", &new(Start::DeadHolder), loan_one, false);
    table.consuming::<SpinThenFutex>("pool recv", Start::Some, recv_one);
    table.consuming::<SpinThenFutex>("pool recv, full", Start::Full, recv_one);
    table.consuming::<SpinThenFutex>("pool recv, empty, asleep", Start::Empty, recv_one);
    table.consuming::<SpinThenFutex>("pool recv behind a dead sender", Start::DeadSender, recv_one);
    table.attaching();
    let new = |start| move || World::<Spin>::new(start);
    table.producing("spinning pool send", &new(Start::Some), send_one, true);
    table.consuming::<Spin>("spinning pool recv", Start::Some, recv_one);
}
