//! The ring of many producers: what was committed arrives once, whole and in its producer's order;
//! each end is told; the dead one's lane, or the consumer's end, can be taken by another.

use core::cell::{Cell, RefCell};

use rawipc::Deadline;
use rawipc::ring::mpsc::{self, Event, Next};
use rawipc::ring::{AttachError, Error, Spin, SpinThenFutex, Waiting};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, run as run_case};
use crate::messages::{HUNG, LAST, Ledger, RECORD, TORN, ends, limit, number_of, record, tire};
use crate::support::Child;

/// The lanes of a ring: for the victim, for one who lives, and for one more.
const LANES: usize = 3;

/// The first number of the victim's, and of another's.
const VICTIM: u64 = 1000;
const OTHER: u64 = 2000;

struct World<W: Waiting> {
    ring: mpsc::Ring<W>,
    consumer: RefCell<Option<mpsc::Consumer<W>>>,
    /// One who lives.
    living: RefCell<Option<mpsc::Producer<W>>>,
    survivor: Option<Survivor>,
    /// What a surviving consumer has received.
    ledger: Ledger,
    /// What the test has received: numbers, and how many are gone.
    received: RefCell<Vec<u64>>,
    gone: Cell<u64>,
    /// How many of its messages the victim sent before its operation.
    before: Cell<u64>,
}

impl<W: Waiting> World<W> {
    fn new() -> Self {
        let ring = mpsc::Ring::create(LANES, 1).unwrap();
        let consumer = ring.consumer().unwrap();
        let living = ring.producer().unwrap();
        Self {
            ring,
            consumer: Some(consumer).into(),
            living: Some(living).into(),
            survivor: None,
            ledger: Ledger::new(),
            received: RefCell::default(),
            gone: Cell::new(0),
            before: Cell::new(0),
        }
    }

    /// With a consumer that sleeps until something comes.
    fn with_sleeper() -> Self {
        let mut world = Self::new();
        world.consumer.take().unwrap().detach();
        let survivor = Survivor::fork(|| world.receive_all());
        survivor.await_sleep();
        world.survivor = Some(survivor);
        world
    }

    /// Without a consumer, and with these records of the one who lives.
    fn without_consumer(records: u64) -> Self {
        let world = Self::new();
        world.consumer.take().unwrap().detach();
        for number in 0..records {
            world.send(OTHER + number);
        }
        world
    }

    fn send(&self, number: u64) {
        let mut living = self.living.borrow_mut();
        let living = living.as_mut().unwrap();
        living.send_until(&record(number), limit()).unwrap();
    }

    /// A surviving consumer's life: until somebody is gone and the last message has come.
    fn receive_all(&self) -> i32 {
        let Ok(mut consumer) = self.ring.consumer() else {
            return 1;
        };
        let (limit, mut bytes) = (limit(), [0; RECORD]);
        let (mut gone, mut last) = (0, false);
        while gone == 0 || !last {
            match consumer.recv_until(&mut bytes, limit) {
                Ok(Event::Record { len, .. }) => {
                    let Some(number) = number_of(&bytes[..len]) else {
                        return TORN;
                    };
                    self.ledger.enter(number);
                    last |= number == LAST;
                }
                Ok(Event::Gone { .. }) => gone += 1,
                Err(Error::TimedOut) => return HUNG,
                Err(_) => return TORN,
            }
        }
        // Behind the records.
        self.ledger.enter(gone);
        0
    }

    /// Receives by the test's own consumer until it has had what `is_enough` says.
    fn drain(
        &self,
        consumer: &mut mpsc::Consumer<W>,
        at: Deadline,
        is_enough: impl Fn(&[u64], u64) -> bool,
    ) -> Result<(), Violation> {
        let mut bytes = [0; RECORD];
        while !is_enough(&self.received.borrow(), self.gone.get()) {
            match consumer.recv_until(&mut bytes, at) {
                Ok(Event::Record { len, .. }) => {
                    let number = number_of(&bytes[..len]).ok_or(Violation::Torn)?;
                    self.received.borrow_mut().push(number);
                }
                Ok(Event::Gone { .. }) => self.gone.set(self.gone.get() + 1),
                Err(Error::TimedOut) if at == Deadline::NOW => return Ok(()),
                Err(Error::Closed) => return Ok(()),
                Err(Error::TimedOut) => return Err(Violation::Hang),
                Err(_) => return Err(Violation::Torn),
            }
        }
        Ok(())
    }

    /// Everybody who comes finds a lane.
    fn lanes_are_free(&self, consumer: &mut mpsc::Consumer<W>) -> Result<(), Violation> {
        let mut comers = Vec::new();
        let limit = limit();
        while comers.len() < LANES - 1 {
            match self.ring.producer() {
                Ok(producer) => comers.push(producer),
                Err(AttachError::Occupied) if !limit.has_passed() => {
                    self.drain(consumer, Deadline::NOW, |_, _| false)?;
                }
                Err(_) => return Err(Violation::Unusable),
            }
        }
        Ok(())
    }

    /// Of the messages from `first` on, `count` have arrived before the operation's `more`, and these
    /// all or none, and all if it has ended.
    fn arrived(
        &self,
        first: u64,
        count: u64,
        more: u64,
        fate: &Fate,
    ) -> Result<&'static str, Violation> {
        let received = self.received.borrow();
        let own = received.iter().copied();
        let own: Vec<u64> = own.filter(|number| (first..first + 500).contains(number)).collect();
        let all: Vec<u64> = (first..first + count + more).collect();
        let without = &all[..count as usize];
        if own == all {
            Ok("sent")
        } else if own == without && !fate.ended {
            Ok("nothing")
        } else {
            let mut sorted = own.clone();
            sorted.dedup();
            Err(if sorted.len() < own.len() {
                Violation::Repeated
            } else if own.iter().all(|number| all.contains(number)) {
                Violation::Lost
            } else {
                Violation::Torn
            })
        }
    }
}

/// The others go on without the producer, which was to send `count` messages.
fn check_producer<W: Waiting>(
    world: World<W>,
    fate: &Fate,
    count: u64,
) -> Result<&'static str, Violation> {
    world.send(LAST);
    let mut consumer = match world.consumer.take() {
        Some(mut consumer) => {
            let both = |numbers: &[u64], gone| gone == 1 && numbers.contains(&LAST);
            world.drain(&mut consumer, limit(), both)?;
            consumer
        }
        None => {
            ends(world.survivor.as_ref())?;
            let mut received = world.received.borrow_mut();
            received.extend(world.ledger.numbers());
            world.gone.set(received.pop().unwrap_or(0));
            drop(received);
            world.ring.consumer_until(limit()).map_err(|_| Violation::Unusable)?
        }
    };
    world.lanes_are_free(&mut consumer)?;
    if world.gone.get() != 1 {
        return Err(Violation::Repeated);
    }
    world.arrived(VICTIM, world.before.get(), count, fate)
}

/// A successor goes on without the consumer, which was to receive `count` messages of the one who
/// lives, or that `ends` others are gone.
fn check_consumer<W: Waiting>(
    world: World<W>,
    fate: &Fate,
    (records, count): (u64, u64),
    ends: u64,
) -> Result<&'static str, Violation> {
    let Ok(mut successor) = world.ring.consumer_until(limit()) else {
        return Err(Violation::Unusable);
    };
    world.send(LAST);
    let last = |numbers: &[u64], _| numbers.contains(&LAST);
    world.drain(&mut successor, limit(), last)?;
    world.lanes_are_free(&mut successor)?;
    let received = world.received.borrow();
    let first = received.iter().copied().find(|&number| number != LAST);
    let released = first.map_or(records, |number| number - OTHER);
    let all = received.iter().copied().filter(|&number| number != LAST);
    if !all.eq(OTHER + released..OTHER + records) {
        return Err(Violation::Torn);
    }
    // What the operation has received.
    let told = ends.checked_sub(world.gone.get()).ok_or(Violation::Repeated)?;
    let most = ends.min(1);
    if released > count || told > most {
        return Err(Violation::Lost);
    }
    if fate.ended && (released != count || told != most) {
        return Err(Violation::Repeated);
    }
    Ok(if released > 0 || told > 0 {
        "received"
    } else {
        "nothing"
    })
}

/// What the victim holds is not taken while it stands.
fn nobody_takes_the_lane<W: Waiting>(world: &World<W>) -> Result<(), Violation> {
    let mut consumer = world.consumer.borrow_mut();
    let Some(consumer) = consumer.as_mut() else {
        return Ok(());
    };
    // Its own and that of the one who lives are held.
    let others: Vec<_> = (0..LANES).map_while(|_| world.ring.producer().ok()).collect();
    let is_left = others.len() == LANES - 2;
    // Their ends are not to be counted.
    drop(others);
    world.drain(consumer, Deadline::NOW, |_, _| false)?;
    world.gone.set(0);
    is_left.then_some(()).ok_or(Violation::Unusable)
}

fn nobody_takes_the_consumer<W: Waiting>(world: &World<W>) -> Result<(), Violation> {
    match world.ring.consumer() {
        Err(AttachError::Occupied) => Ok(()),
        _ => Err(Violation::Unusable),
    }
}

/// A producer that ends and leaves its lane as it is.
fn dies<W: Waiting>(ring: &mpsc::Ring<W>) {
    let mut child = Child::fork(|| match ring.producer() {
        Ok(producer) => {
            core::mem::forget(producer);
            0
        }
        Err(_) => 1,
    });
    child.wait();
}

type Send<W> = fn(&mut mpsc::Producer<W>, u64) -> Option<()>;
type Receive<W> = fn(&mut mpsc::Consumer<W>) -> Option<()>;

struct Table<'a> {
    extent: Extent,
    tallies: &'a mut Vec<Tally>,
}

impl Table<'_> {
    fn producing<W: Waiting>(
        &mut self,
        name: &'static str,
        set_up: fn() -> World<W>,
        is_full: bool,
        send: Send<W>,
    ) {
        /// So many fit.
        const FULL: u64 = (4096 / (RECORD + 8)) as u64;
        let before = if is_full { FULL } else { 0 };
        let case = Case {
            name,
            set_up: &|| {
                let world = set_up();
                world.before.set(before);
                world
            },
            victim: &|world, marks| {
                let mut producer = world.ring.producer().ok()?;
                for number in 0..before {
                    producer.try_send(&record(VICTIM + number)).ok()?;
                }
                if is_full {
                    tire(|at| producer.send_until(&record(0), at).is_ok());
                }
                marks.begin();
                let done = send(&mut producer, VICTIM + before);
                marks.end();
                core::mem::forget(producer);
                done
            },
            unblock: &|world| {
                let mut consumer = world.consumer.borrow_mut();
                let any = |numbers: &[u64], _| !numbers.is_empty();
                let received = world.drain(consumer.as_mut().unwrap(), limit(), any);
                assert_eq!(received, Ok(()));
            },
            while_stopped: &nobody_takes_the_lane,
            check: &|world, fate| check_producer(world, fate, 1),
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    fn consuming<W: Waiting>(
        &mut self,
        name: &'static str,
        set_up: fn() -> World<W>,
        (records, count, ends): (u64, u64, u64),
        receive: Receive<W>,
    ) {
        let is_empty = records == 0 && ends == 0;
        let case = Case {
            name,
            set_up: &set_up,
            victim: &|world, marks| {
                let mut consumer = world.ring.consumer().ok()?;
                if is_empty {
                    tire(|at| consumer.recv_until(&mut [0; RECORD], at).is_ok());
                }
                marks.begin();
                let done = receive(&mut consumer);
                marks.end();
                core::mem::forget(consumer);
                done
            },
            unblock: &|world| {
                if is_empty {
                    world.send(OTHER);
                }
            },
            while_stopped: &nobody_takes_the_consumer,
            check: &|world, fate| {
                let records = if is_empty && fate.unblocked { 1 } else { records };
                check_consumer(world, fate, (records, count), ends)
            },
        };
        // Interrupted in its sleep again and again, it goes thousands of instructions.
        let extent = match self.extent {
            Extent::Every if is_empty => Extent::Some(200),
            extent => extent,
        };
        self.tallies.push(run_case(&case, extent));
    }

    /// A producer that comes, and one that leaves.
    fn coming_and_leaving<W: Waiting>(&mut self, comes: &'static str, leaves: &'static str) {
        let check = |world: World<W>, fate: &Fate, has_come: bool| {
            let mut consumer = world.consumer.take().unwrap();
            world.send(LAST);
            let both = |numbers: &[u64], gone| (gone == 1 || !has_come) && numbers.contains(&LAST);
            world.drain(&mut consumer, limit(), both)?;
            world.lanes_are_free(&mut consumer)?;
            match world.gone.get() {
                0 if !has_come && !fate.ended => Ok("nothing"),
                1 => Ok("gone"),
                0 => Err(Violation::Lost),
                _ => Err(Violation::Repeated),
            }
        };
        let case = Case {
            name: comes,
            set_up: &World::<W>::new,
            victim: &|world, marks| {
                marks.begin();
                let attached = world.ring.producer();
                marks.end();
                attached.ok().map(drop)
            },
            unblock: &|_| {},
            while_stopped: &|_| Ok(()),
            check: &|world, fate| check(world, fate, false),
        };
        self.tallies.push(run_case(&case, self.extent));
        let case = Case {
            name: leaves,
            set_up: &World::<W>::new,
            victim: &|world, marks| {
                let producer = world.ring.producer().ok()?;
                marks.begin();
                drop(producer);
                marks.end();
                Some(())
            },
            unblock: &|_| {},
            while_stopped: &|_| Ok(()),
            check: &|world, fate| check(world, fate, true),
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    /// One that comes and finds out who has died.
    fn recovering(&mut self, name: &'static str) {
        let case = Case {
            name,
            set_up: &|| {
                let world = World::<SpinThenFutex>::with_sleeper();
                for _ in 1..LANES {
                    dies(&world.ring);
                }
                world
            },
            victim: &|world, marks| {
                marks.begin();
                let attached = world.ring.producer();
                marks.end();
                // It finds none free, or one that has just been freed.
                (!matches!(attached, Err(AttachError::Kernel(_)))).then_some(())
            },
            unblock: &|_| {},
            while_stopped: &|_| Ok(()),
            check: &|world, _| {
                world.send(LAST);
                ends(world.survivor.as_ref())?;
                let consumer = world.ring.consumer_until(limit());
                let mut consumer = consumer.map_err(|_| Violation::Unusable)?;
                world.lanes_are_free(&mut consumer)?;
                Ok("freed")
            },
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    fn attaching(&mut self, comes: &'static str, leaves: &'static str) {
        let case = Case {
            name: comes,
            set_up: &|| World::<SpinThenFutex>::without_consumer(3),
            victim: &|world, marks| {
                marks.begin();
                let attached = world.ring.consumer();
                marks.end();
                attached.ok().map(mpsc::Consumer::detach)
            },
            unblock: &|_| {},
            while_stopped: &|_| Ok(()),
            check: &|world, _| check_consumer(world, &Fate::default(), (3, 0), 0),
        };
        self.tallies.push(run_case(&case, self.extent));
        let case = Case {
            name: leaves,
            set_up: &|| {
                let mut world = World::<SpinThenFutex>::without_consumer(0);
                let sleeper = Survivor::fork(|| {
                    let Ok(mut producer) = world.ring.producer() else {
                        return 1;
                    };
                    while producer.try_send(&record(VICTIM)).is_ok() {}
                    // Until it is told that there will be no room, and then for a successor.
                    let limit = limit();
                    match producer.send_until(&record(VICTIM), limit) {
                        Ok(()) | Err(Error::Closed | Error::PeerDied) => 0,
                        Err(Error::TimedOut) => HUNG,
                        Err(_) => TORN,
                    }
                });
                sleeper.await_sleep();
                world.survivor = Some(sleeper);
                world
            },
            victim: &|world, marks| {
                let consumer = world.ring.consumer().ok()?;
                marks.begin();
                drop(consumer);
                marks.end();
                Some(())
            },
            unblock: &|_| {},
            while_stopped: &|_| Ok(()),
            check: &|world, fate| {
                ends(world.survivor.as_ref())?;
                let consumer = world.ring.consumer_until(limit());
                let mut consumer = consumer.map_err(|_| Violation::Unusable)?;
                let gone = |_: &[u64], gone| gone == 1;
                world.drain(&mut consumer, limit(), gone)?;
                world.lanes_are_free(&mut consumer)?;
                Ok(if fate.ended { "closed" } else { "told" })
            },
        };
        self.tallies.push(run_case(&case, self.extent));
    }
}

fn send<W: Waiting>(producer: &mut mpsc::Producer<W>, number: u64) -> Option<()> {
    producer.send(&record(number)).ok()
}

fn commit<W: Waiting>(producer: &mut mpsc::Producer<W>, number: u64) -> Option<()> {
    let mut place = producer.reserve(RECORD).ok()?;
    place.write(&record(number)).ok()?;
    place.commit().ok()
}

fn recv<W: Waiting>(consumer: &mut mpsc::Consumer<W>) -> Option<()> {
    consumer.recv(&mut [0; RECORD]).ok().map(|_| ())
}

fn release<W: Waiting>(consumer: &mut mpsc::Consumer<W>) -> Option<()> {
    match consumer.peek().ok()? {
        Next::Record(record) => record.release().ok(),
        Next::Gone(_) => None,
    }
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    let mut table = Table { extent, tallies };
    table.producing("mpsc send", World::<SpinThenFutex>::new, false, send);
    table.producing("mpsc commit", World::<SpinThenFutex>::new, false, commit);
    let asleep = World::<SpinThenFutex>::with_sleeper;
    table.producing("mpsc send, consumer asleep", asleep, false, send);
    table.producing("mpsc send, full, asleep", World::<SpinThenFutex>::new, true, send);
    table.producing("spinning mpsc send", World::<Spin>::new, false, send);
    table.coming_and_leaving::<SpinThenFutex>("mpsc attach producer", "mpsc drop producer");
    table.coming_and_leaving::<Spin>("spinning mpsc attach", "spinning mpsc drop");
    table.recovering("mpsc attach producer, others dead");
    table.attaching("mpsc attach consumer", "mpsc drop consumer, producer asleep");
    table.consuming(
        "mpsc recv",
        || World::<SpinThenFutex>::without_consumer(3),
        (3, 1, 0),
        recv,
    );
    table.consuming(
        "mpsc peek and release",
        || World::<SpinThenFutex>::without_consumer(3),
        (3, 1, 0),
        release,
    );
    table.consuming(
        "spinning mpsc recv",
        || World::<Spin>::without_consumer(3),
        (3, 1, 0),
        recv,
    );
    table.consuming(
        "mpsc recv, empty, asleep",
        || World::<SpinThenFutex>::without_consumer(0),
        (0, 1, 0),
        recv,
    );
    table.consuming(
        "mpsc recv, producer closed",
        || {
            let world = World::<SpinThenFutex>::without_consumer(0);
            drop(world.ring.producer().unwrap());
            world
        },
        (0, 0, 1),
        recv,
    );
    table.consuming(
        "mpsc recv, producer dead",
        || {
            let world = World::<SpinThenFutex>::new();
            dies(&world.ring);
            // Who finds no lane free finds out that it died.
            let third = world.ring.producer().unwrap();
            assert!(world.ring.producer().is_err());
            drop(third);
            world.consumer.take().unwrap().detach();
            world
        },
        (0, 0, 2),
        recv,
    );
}
