//! The ring with bells: what was published has been rung for, so that a survivor that only looks
//! when it is rung finds it, whoever died or stands still.

use core::cell::{Cell, RefCell};

use rawipc::event::Readiness;
use rawipc::event::poll::{self, PollFd};
use rawipc::inspect::{self, Fact};
use rawipc::ring::doorbell::{Bells, Consumer, Producer, Ring};
use rawipc::ring::{AttachError, Error, Peer};
use rawipc::{AsFd, Deadline};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, comes_true, run as run_case};
use crate::messages::{HUNG, LAST, Ledger, PATIENCE, RECORD, TORN, ends, limit, number_of, record, tire};

/// Sleeps until the bell rings. A sleep that ends without is a hang.
fn sleep(bell: &impl AsFd) -> bool {
    poll::wait_until(&mut [PollFd::new(bell, Readiness::IN)], limit()).is_ok()
}

struct World {
    ring: Ring,
    /// The ends that the test has.
    producer: RefCell<Option<Producer>>,
    consumer: RefCell<Option<Consumer>>,
    survivor: Option<Survivor>,
    /// What a surviving consumer has received.
    ledger: Ledger,
    /// What the test has received.
    received: RefCell<Vec<u64>>,
    /// The first number that is not in the ring when the operation begins.
    next: Cell<u64>,
}

impl World {
    /// Some records that were not received, or as many as fit.
    fn new(fill: Option<u64>) -> Self {
        let ring = Ring::create(1, Bells::Timer).unwrap();
        let (mut producer, consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
        let mut next = 0;
        while Some(next) != fill && producer.try_send(&record(next)).is_ok() {
            next += 1;
        }
        Self {
            ring,
            producer: Some(producer).into(),
            consumer: Some(consumer).into(),
            survivor: None,
            ledger: Ledger::new(),
            received: RefCell::default(),
            next: next.into(),
        }
    }

    /// What is there for a victim that will be the producer; a survivor consumes if it `sleeps`.
    fn without_producer(fill: Option<u64>, sleeps: bool) -> Self {
        let mut world = Self::new(fill);
        world.producer.take().unwrap().detach();
        if sleeps {
            world.consumer.take().unwrap().detach();
            let survivor = Survivor::fork(|| world.receive_all());
            survivor.await_sleep();
            world.survivor = Some(survivor);
        }
        world
    }

    /// What is there for a victim that will be the consumer; a survivor sends if it `sleeps`.
    fn without_consumer(fill: Option<u64>, sleeps: bool) -> Self {
        let mut world = Self::new(fill);
        world.consumer.take().unwrap().detach();
        if sleeps {
            world.producer.take().unwrap().detach();
            let from = world.next.get();
            let survivor = Survivor::fork(|| world.send_from(from));
            survivor.await_sleep();
            world.survivor = Some(survivor);
        }
        world
    }

    /// A surviving consumer's life: it looks when it is rung, and else never.
    fn receive_all(&self) -> i32 {
        let Ok(mut consumer) = self.ring.consumer() else {
            return 1;
        };
        let mut bytes = [0; RECORD];
        loop {
            match consumer.try_recv(&mut bytes) {
                Ok(len) => {
                    let Some(number) = number_of(&bytes[..len]) else {
                        return TORN;
                    };
                    self.ledger.enter(number);
                    if number == LAST {
                        return 0;
                    }
                }
                Err(Error::WouldBlock) => match consumer.arm() {
                    Ok(false) => {}
                    Ok(true) if sleep(&consumer) => {}
                    Ok(true) => return HUNG,
                    Err(_) => return TORN,
                },
                // It has a successor too.
                Err(Error::Closed | Error::PeerDied) => core::hint::spin_loop(),
                Err(_) => return TORN,
            }
        }
    }

    /// A surviving producer's life.
    fn send_from(&self, from: u64) -> i32 {
        let Ok(mut producer) = self.ring.producer() else {
            return 1;
        };
        for number in [from, from + 1, LAST] {
            loop {
                match producer.try_send(&record(number)) {
                    Ok(()) => break,
                    Err(Error::WouldBlock) => match producer.arm() {
                        Ok(false) => {}
                        Ok(true) if sleep(&producer) => {}
                        Ok(true) => return HUNG,
                        Err(_) => return TORN,
                    },
                    Err(Error::Closed | Error::PeerDied) => core::hint::spin_loop(),
                    Err(_) => return TORN,
                }
            }
        }
        0
    }

    /// How far a side has come, as the memory says.
    fn counted(&self, sought: &str) -> u64 {
        let [memory, ..] = self.ring.descriptors();
        let mut found = None;
        inspect::look(&memory).unwrap().facts(|fact| {
            if let Fact::Counter { name, value } = fact
                && name == sought
            {
                found = Some(value);
            }
        });
        found.unwrap()
    }

    /// Receives with the test's own consumer until `at`, a last record or an end.
    fn drain(&self, consumer: &mut Consumer, at: Deadline) -> Result<(), Violation> {
        let mut bytes = [0; RECORD];
        loop {
            match consumer.recv_until(&mut bytes, at) {
                Ok(len) => {
                    let number = number_of(&bytes[..len]).ok_or(Violation::Torn)?;
                    self.received.borrow_mut().push(number);
                    if number == LAST {
                        return Ok(());
                    }
                }
                Err(Error::PeerDied | Error::Closed) => return Ok(()),
                Err(Error::TimedOut) if at == Deadline::NOW => return Ok(()),
                Err(Error::TimedOut) => return Err(Violation::Hang),
                Err(_) => return Err(Violation::Torn),
            }
        }
    }

    /// What arrived must be all that was there, then all or nothing of one more, which the victim
    /// sent, and then the last record.
    fn arrived(&self, fate: &Fate) -> Result<&'static str, Violation> {
        let received = self.received.borrow();
        let sent: Vec<u64> = (0..=self.next.get()).chain([LAST]).collect();
        let without: Vec<u64> = (0..self.next.get()).chain([LAST]).collect();
        if *received == sent {
            return Ok("sent");
        }
        if *received == without && !fate.ended {
            return Ok("nothing");
        }
        let mut seen = Vec::new();
        for number in &*received {
            if seen.contains(number) {
                return Err(Violation::Repeated);
            }
            if !sent.contains(number) {
                return Err(Violation::Torn);
            }
            seen.push(*number);
        }
        Err(Violation::Lost)
    }
}

/// What the dead producer published, a sleeper has been rung for; a successor goes on.
fn check_producer(world: World, fate: &Fate) -> Result<&'static str, Violation> {
    let mut consumer = world.consumer.take();
    if world.survivor.is_some() {
        let published = world.counted("bytes published");
        // Nobody else rings now.
        comes_true(PATIENCE, || world.counted("bytes consumed") == published)?;
    }
    if let Some(consumer) = &mut consumer {
        // Of one that has not come yet nobody can say that it died.
        let is_absent = consumer.peer() == Peer::Absent;
        world.drain(consumer, if is_absent { Deadline::NOW } else { limit() })?;
    }
    let Ok(mut successor) = world.ring.producer_until(limit()) else {
        return Err(Violation::Unusable);
    };
    if successor.send_until(&record(LAST), limit()).is_err() {
        return Err(Violation::Unusable);
    }
    if let Some(consumer) = &mut consumer {
        world.drain(consumer, limit())?;
    } else {
        ends(world.survivor.as_ref())?;
        world.received.borrow_mut().extend(world.ledger.numbers());
    }
    world.arrived(fate)
}

/// The first record that is still there is 0, or 1 if the victim has released that.
fn check_consumer(world: World, fate: &Fate) -> Result<&'static str, Violation> {
    let Ok(mut successor) = world.ring.consumer_until(limit()) else {
        return Err(Violation::Unusable);
    };
    let mut expected: Vec<u64> = (0..world.next.get()).collect();
    if let Some(mut producer) = world.producer.take() {
        // It waits for the successor, in an event loop: whoever armed before is dead.
        for number in [world.next.get(), LAST] {
            while producer.try_send(&record(number)).is_err() {
                let mut bytes = [0; RECORD];
                let len = successor.recv_until(&mut bytes, limit()).map_err(|_| Violation::Hang)?;
                let number = number_of(&bytes[..len]).ok_or(Violation::Torn)?;
                world.received.borrow_mut().push(number);
            }
        }
        expected.extend([world.next.get(), LAST]);
        world.drain(&mut successor, limit())?;
    } else {
        world.drain(&mut successor, limit())?;
        ends(world.survivor.as_ref())?;
        expected.extend([world.next.get(), world.next.get() + 1, LAST]);
    }
    let received = world.received.borrow();
    if *received == expected && !(fate.ended && world.next.get() > 0) {
        return Ok("nothing");
    }
    match *received == expected[1..] {
        true => Ok("received"),
        false => Err(Violation::Lost),
    }
}

/// A sleeper of whom nobody knows which one it is: its successor is rung all the same.
fn check_sleeper(world: World, _: &Fate) -> Result<&'static str, Violation> {
    let mut world = world;
    let survivor = Survivor::fork(|| {
        // As `receive_all`, in the dead one's place.
        let attached = world.ring.consumer_until(limit());
        if let Ok(consumer) = attached {
            consumer.detach();
        }
        world.receive_all()
    });
    survivor.await_sleep();
    world.survivor = Some(survivor);
    let mut producer = world.producer.take().unwrap();
    let number = world.next.get();
    producer
        .send_until(&record(number), limit())
        .map_err(|_| Violation::Unusable)?;
    let published = world.counted("bytes published");
    comes_true(PATIENCE, || world.counted("bytes consumed") == published)?;
    producer
        .send_until(&record(LAST), limit())
        .map_err(|_| Violation::Unusable)?;
    ends(world.survivor.as_ref())?;
    Ok("rung")
}

fn nobody_takes_the_producer(world: &World) -> Result<(), Violation> {
    let taken = !matches!(world.ring.producer(), Err(AttachError::Occupied));
    let consumer = world.consumer.borrow();
    let dead = consumer.as_ref().map(Consumer::peer) == Some(Peer::Dead);
    // Stopped, it has rung for what it published.
    if world.survivor.is_some() {
        let published = world.counted("bytes published");
        comes_true(PATIENCE, || world.counted("bytes consumed") == published)?;
    }
    match taken || dead {
        true => Err(Violation::Unusable),
        false => Ok(()),
    }
}

fn nobody_takes_the_consumer(world: &World) -> Result<(), Violation> {
    match world.ring.consumer() {
        Err(AttachError::Occupied) => Ok(()),
        _ => Err(Violation::Unusable),
    }
}

/// Rings for nothing.
fn ring_the_consumer(ring: &Ring) -> Option<()> {
    let nanoseconds = |tv_nsec| rawipc::Timespec { tv_sec: 0, tv_nsec };
    let once = rustix::time::Itimerspec {
        it_interval: nanoseconds(0),
        it_value: nanoseconds(1),
    };
    let [_, data, _] = ring.descriptors();
    let flags = rustix::time::TimerfdTimerFlags::empty();
    rustix::time::timerfd_settime(data, flags, &once).ok().map(drop)
}

/// Whether single steps from a ring to the publishing take longer than whoever was rung rests at
/// most before it arms again: then it is rung again and again.
fn is_too_slow(name: &str) -> bool {
    if cfg!(debug_assertions) {
        println!("skipped: {name}: unoptimized, it rings for as long as it is stepped");
    }
    cfg!(debug_assertions)
}

struct Table<'a> {
    extent: Extent,
    tallies: &'a mut Vec<Tally>,
}

impl Table<'_> {
    fn sending(&mut self, name: &'static str, fill: Option<u64>, sleeps: bool) {
        if sleeps && is_too_slow(name) {
            return;
        }
        let case = Case {
            name,
            set_up: &|| World::without_producer(fill, sleeps),
            victim: &|world, marks| {
                let mut producer = world.ring.producer().ok()?;
                let next = record(world.next.get());
                marks.begin();
                let sent = producer.try_send(&next);
                marks.end();
                sent.ok()
            },
            unblock: &|_| {},
            while_stopped: &nobody_takes_the_producer,
            check: &check_producer,
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    fn receiving(&mut self, name: &'static str, fill: Option<u64>, sleeps: bool) {
        if sleeps && is_too_slow(name) {
            return;
        }
        let case = Case {
            name,
            set_up: &|| World::without_consumer(fill, sleeps),
            victim: &|world, marks| {
                let mut consumer = world.ring.consumer().ok()?;
                marks.begin();
                let received = consumer.try_recv(&mut [0; RECORD]);
                marks.end();
                received.ok().map(drop)
            },
            unblock: &|_| {},
            while_stopped: &nobody_takes_the_consumer,
            check: &check_consumer,
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    /// A consumer that arms, and one whose bell has rung for nothing before.
    fn arming(&mut self, name: &'static str, rung: bool) {
        let case = Case {
            name,
            set_up: &|| World::without_consumer(Some(0), false),
            victim: &|world, marks| {
                let mut consumer = world.ring.consumer().ok()?;
                tire(|at| consumer.recv_until(&mut [0; 8], at).is_ok());
                if rung {
                    ring_the_consumer(&world.ring)?;
                }
                marks.begin();
                let armed = consumer.arm();
                marks.end();
                (armed == Ok(true)).then_some(())
            },
            unblock: &|_| {},
            while_stopped: &nobody_takes_the_consumer,
            check: &check_sleeper,
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    fn attaching(&mut self) {
        let case = Case {
            name: "doorbell attach and detach producer",
            set_up: &|| World::without_producer(Some(2), false),
            victim: &|world, marks| {
                marks.begin();
                let producer = world.ring.producer();
                let attached = producer.map(Producer::detach);
                marks.end();
                attached.ok()
            },
            unblock: &|_| {},
            while_stopped: &|_| Ok(()),
            check: &|world, _| match check_producer(world, &Fate::default())? {
                "nothing" => Ok("attached or not"),
                _ => Err(Violation::Torn),
            },
        };
        self.tallies.push(run_case(&case, self.extent));
        let name = "doorbell close producer, consumer asleep";
        if is_too_slow(name) {
            return;
        }
        let case = Case {
            name,
            set_up: &|| World::without_producer(Some(2), true),
            victim: &|world, marks| {
                let producer = world.ring.producer().ok()?;
                marks.begin();
                drop(producer);
                marks.end();
                Some(())
            },
            unblock: &|_| {},
            while_stopped: &|_| Ok(()),
            check: &|world, _| match check_producer(world, &Fate::default())? {
                "nothing" => Ok("closed or not"),
                _ => Err(Violation::Torn),
            },
        };
        self.tallies.push(run_case(&case, self.extent));
    }
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    let mut table = Table { extent, tallies };
    table.sending("doorbell send", Some(3), false);
    table.sending("doorbell send, empty", Some(0), false);
    table.sending("doorbell send, consumer asleep", Some(0), true);
    table.receiving("doorbell recv", Some(3), false);
    table.receiving("doorbell recv, full, producer asleep", None, true);
    table.arming("doorbell arm", false);
    table.arming("doorbell arm, rung for nothing", true);
    table.attaching();
}
