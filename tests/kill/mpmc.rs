//! The MPMC ring: what was sent arrives once, whole and in order; a dead one's claim costs what it
//! was about, and all slots can be used again.

use core::cell::{Cell, RefCell};
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use rawipc::memory::MapOptions;
use rawipc::ring::mpmc::{self, items};
use rawipc::ring::{AttachError, Error, Spin, SpinThenFutex, Waiting};
use rawipc::{AsFd, Deadline};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, run as run_case};
use crate::messages::{CHECK, HUNG, LAST, Ledger, RECORD, TORN, ends, judge, limit, number_of, record, tire, whole};

/// How many messages fit.
const CAPACITY: usize = 8;

/// Messages with a number each, through records or items.
trait Kind {
    type Ring: AsFd;
    type Producer;
    type Consumer;
    fn create() -> Self::Ring;
    fn producer(ring: &Self::Ring) -> Result<Self::Producer, AttachError>;
    fn consumer(ring: &Self::Ring) -> Result<Self::Consumer, AttachError>;
    fn send(producer: &mut Self::Producer, number: u64, at: Deadline) -> Result<(), Error>;
    /// `None`: something that nobody sent.
    fn recv(consumer: &mut Self::Consumer, at: Deadline) -> Result<Option<u64>, Error>;
}

struct Records<W>(PhantomData<W>);

impl<W: Waiting> Kind for Records<W> {
    type Ring = mpmc::Ring<W>;
    type Producer = mpmc::Producer<W>;
    type Consumer = mpmc::Consumer<W>;
    fn create() -> Self::Ring {
        mpmc::Ring::create(CAPACITY, RECORD).unwrap()
    }
    fn producer(ring: &Self::Ring) -> Result<Self::Producer, AttachError> {
        ring.producer()
    }
    fn consumer(ring: &Self::Ring) -> Result<Self::Consumer, AttachError> {
        ring.consumer()
    }
    fn send(producer: &mut Self::Producer, number: u64, at: Deadline) -> Result<(), Error> {
        producer.send_until(&record(number), at)
    }
    fn recv(consumer: &mut Self::Consumer, at: Deadline) -> Result<Option<u64>, Error> {
        let mut bytes = [0; RECORD];
        let len = consumer.recv_until(&mut bytes, at)?;
        Ok(number_of(&bytes[..len]))
    }
}

struct Items<W>(PhantomData<W>);

impl<W: Waiting> Kind for Items<W> {
    type Ring = items::Ring<u64, W>;
    type Producer = items::Producer<u64, W>;
    type Consumer = items::Consumer<u64, W>;
    fn create() -> Self::Ring {
        items::Ring::create(CAPACITY).unwrap()
    }
    fn producer(ring: &Self::Ring) -> Result<Self::Producer, AttachError> {
        ring.producer()
    }
    fn consumer(ring: &Self::Ring) -> Result<Self::Consumer, AttachError> {
        ring.consumer()
    }
    fn send(producer: &mut Self::Producer, number: u64, at: Deadline) -> Result<(), Error> {
        producer.push_until(&whole(number), at)
    }
    fn recv(consumer: &mut Self::Consumer, at: Deadline) -> Result<Option<u64>, Error> {
        let item = consumer.pop_until(at)?;
        let number = item & !CHECK;
        Ok((whole(number) == item).then_some(number))
    }
}

/// What is in the ring when the operation begins.
#[derive(Clone, Copy, PartialEq)]
enum Start {
    Empty,
    /// Some messages.
    Some,
    /// Some messages, and what comes next is in the next lap.
    Wrapping,
    /// As many as fit.
    Full,
    /// Nothing but a claim of one who died while it wrote two messages.
    DeadWriter,
    /// As many as fit, the first two of which one claimed who died.
    DeadReader,
}

/// Whether somebody sleeps.
#[derive(Clone, Copy, PartialEq)]
enum Other {
    Awake,
    /// A survivor that receives all, and sleeps.
    Receiver,
    /// A survivor that sends two messages and the last one, and sleeps.
    Sender,
}

struct World<K: Kind> {
    ring: K::Ring,
    /// The ends that the test has.
    producer: RefCell<K::Producer>,
    consumer: RefCell<K::Consumer>,
    survivor: Option<(Survivor, Other)>,
    /// What a surviving receiver has received.
    ledger: Ledger,
    /// What the test has received.
    received: RefCell<Vec<u64>>,
    /// The first number that is in the ring when the operation begins, and the first
    /// that is not.
    first: u64,
    next: Cell<u64>,
}

/// A number that no member has.
const NOBODY: u64 = 4_000_000;

/// Writes the word of the first slot: a claim of two slots in the first lap, by one who has died.
fn claim(ring: impl AsFd, start: Start) -> Option<()> {
    let state = match start {
        Start::DeadWriter => 1,
        Start::DeadReader => 3,
        _ => return Some(()),
    };
    let memory = MapOptions::shared(1 << 13).map(ring.as_fd()).ok()?;
    // How long the head is stands in it.
    let head: u64 = memory.read(24).ok()?;
    let word: &AtomicU64 = memory.object(head as usize).ok()?;
    word.store(NOBODY << 42 | 2 << 38 | state << 30 | 1, Ordering::Release);
    Some(())
}

impl<K: Kind> World<K> {
    fn new(start: Start, other: Other) -> Self {
        let ring = K::create();
        let mut producer = K::producer(&ring).unwrap();
        let mut consumer = K::consumer(&ring).unwrap();
        let (mut first, mut next) = (0, 0);
        let mut send = |number| K::send(&mut producer, number, Deadline::NOW);
        match start {
            Start::Empty | Start::DeadWriter => {}
            Start::Some => {
                while next < 3 {
                    send(next).unwrap();
                    next += 1;
                }
            }
            Start::Wrapping => {
                while first < CAPACITY as u64 - 1 {
                    send(first).unwrap();
                    K::recv(&mut consumer, Deadline::NOW).unwrap();
                    first += 1;
                }
                send(first).unwrap();
                next = first + 1;
            }
            Start::Full | Start::DeadReader => {
                while send(next).is_ok() {
                    next += 1;
                }
            }
        }
        // These go with the dead one.
        if start == Start::DeadReader {
            first = 2;
        }
        let mut world = Self {
            ring,
            producer: producer.into(),
            consumer: consumer.into(),
            survivor: None,
            ledger: Ledger::new(),
            received: RefCell::default(),
            first,
            next: next.into(),
        };
        if other != Other::Awake {
            let survivor = Survivor::fork(|| match other {
                Other::Receiver => world.receive_all(),
                _ => world.send_from(next),
            });
            survivor.await_sleep();
            world.survivor = Some((survivor, other));
        }
        world
    }

    /// A surviving consumer's life.
    fn receive_all(&self) -> i32 {
        let Ok(mut consumer) = K::consumer(&self.ring) else {
            return 1;
        };
        let limit = limit();
        loop {
            match K::recv(&mut consumer, limit) {
                Ok(Some(number)) => {
                    self.ledger.enter(number);
                    if number == LAST {
                        return 0;
                    }
                }
                Err(Error::TimedOut) => return HUNG,
                Ok(None) | Err(_) => return TORN,
            }
        }
    }

    /// A surviving producer's life.
    fn send_from(&self, from: u64) -> i32 {
        let Ok(mut producer) = K::producer(&self.ring) else {
            return 1;
        };
        let limit = limit();
        for number in [from, from + 1, LAST] {
            match K::send(&mut producer, number, limit) {
                Ok(()) => {}
                Err(Error::TimedOut) => return HUNG,
                Err(_) => return TORN,
            }
        }
        0
    }

    /// Receives until the last message.
    fn drain(&self) -> Result<(), Violation> {
        let mut consumer = self.consumer.borrow_mut();
        loop {
            match K::recv(&mut consumer, limit()) {
                Ok(Some(number)) => {
                    self.received.borrow_mut().push(number);
                    if number == LAST {
                        return Ok(());
                    }
                }
                Err(Error::TimedOut) => return Err(Violation::Hang),
                Ok(None) | Err(_) => return Err(Violation::Torn),
            }
        }
    }

    /// The survivors go on without the dead one: the last message is sent, and all received.
    fn go_on(&self) -> Result<(), Violation> {
        let other = self.survivor.as_ref().map(|(_, other)| *other);
        if other == Some(Other::Sender) {
            self.drain()?;
            self.next.set(self.next.get() + 2);
        } else {
            let mut producer = self.producer.borrow_mut();
            // There may be no room yet.
            while let Err(error) = K::send(&mut producer, LAST, Deadline::NOW) {
                if error != Error::TimedOut {
                    return Err(Violation::Unusable);
                }
                if other.is_none()
                    && let Some(number) = K::recv(&mut self.consumer.borrow_mut(), limit())
                        .map_err(|_| Violation::Hang)?
                {
                    self.received.borrow_mut().push(number);
                }
            }
            drop(producer);
            if other.is_none() {
                self.drain()?;
            }
        }
        ends(self.survivor.as_ref().map(|(survivor, _)| survivor))?;
        if other == Some(Other::Receiver) {
            self.received.borrow_mut().extend(self.ledger.numbers());
        }
        Ok(())
    }

    /// All slots can be used, and no more.
    fn is_whole(&self) -> Result<(), Violation> {
        let (mut producer, mut consumer) = (self.producer.borrow_mut(), self.consumer.borrow_mut());
        for number in 0..CAPACITY as u64 {
            K::send(&mut producer, number, limit()).map_err(|_| Violation::Unusable)?;
        }
        if K::send(&mut producer, 0, Deadline::NOW).is_ok() {
            return Err(Violation::Unusable);
        }
        for number in 0..CAPACITY as u64 {
            if K::recv(&mut consumer, limit()) != Ok(Some(number)) {
                return Err(Violation::Unusable);
            }
        }
        Ok(())
    }
}

/// The survivors go on without the dead producer, which was to send `count` messages: all of them
/// arrive, or none.
fn check_producer<K: Kind>(
    world: World<K>,
    fate: &Fate,
    count: u64,
) -> Result<&'static str, Violation> {
    world.go_on()?;
    world.is_whole()?;
    let received = world.received.borrow();
    let before: Vec<u64> = (world.first..world.next.get()).collect();
    let sent = world.next.get()..world.next.get() + count;
    let with: Vec<u64> = before.iter().copied().chain(sent).chain([LAST]).collect();
    let without: Vec<u64> = before.into_iter().chain([LAST]).collect();
    if *received == with {
        Ok("sent")
    } else if *received == without && !fate.ended {
        Ok("nothing")
    } else {
        Err(judge(&received, &with))
    }
}

/// The survivors go on without the dead consumer, which was to receive `count` messages: those are
/// gone, or all are there.
fn check_consumer<K: Kind>(
    world: World<K>,
    fate: &Fate,
    count: u64,
) -> Result<&'static str, Violation> {
    world.go_on()?;
    world.is_whole()?;
    let received = world.received.borrow();
    let all: Vec<u64> = (world.first..world.next.get()).chain([LAST]).collect();
    let rest = &all[count as usize..];
    if *received == rest {
        Ok("received")
    } else if *received == all && !fate.ended {
        Ok("nothing")
    } else {
        Err(judge(&received, &all))
    }
}

/// Waits for the one that is stopped, long enough to ask whether it lives; what comes is what came
/// before.
fn nobody_robs<K: Kind>(world: &World<K>) -> Result<(), Violation> {
    if world.survivor.is_some() {
        return Ok(());
    }
    let statistics = Deadline::after(Duration::from_millis(6));
    match K::recv(&mut world.consumer.borrow_mut(), statistics) {
        Ok(Some(number)) => world.received.borrow_mut().push(number),
        Err(Error::TimedOut) => {}
        Ok(None) | Err(_) => return Err(Violation::Torn),
    }
    Ok(())
}

/// A producer's operation on messages from a number on; `None` if it failed.
type Send<K> = fn(&mut <K as Kind>::Producer, u64) -> Option<()>;
/// A consumer's operation.
type Receive<K> = fn(&mut <K as Kind>::Consumer) -> Option<()>;

struct Table<'a> {
    extent: Extent,
    tallies: &'a mut Vec<Tally>,
}

impl Table<'_> {
    fn producing<K: Kind>(
        &mut self,
        name: &'static str,
        (start, other): (Start, Other),
        count: u64,
        send: Send<K>,
    ) {
        let case = Case {
            name,
            set_up: &|| World::<K>::new(start, other),
            victim: &|world, marks| {
                let mut producer = K::producer(&world.ring).ok()?;
                let next = world.next.get();
                if start == Start::Full || start == Start::DeadReader {
                    tire(|at| K::send(&mut producer, next, at).is_ok());
                }
                claim(&world.ring, start)?;
                marks.begin();
                let done = send(&mut producer, next);
                marks.end();
                // Its side stays open.
                core::mem::forget(producer);
                done
            },
            unblock: &|world| {
                // That sleep ends by itself.
                if start != Start::DeadReader {
                    let mut consumer = world.consumer.borrow_mut();
                    let received = K::recv(&mut consumer, limit()).unwrap();
                    world.received.borrow_mut().extend(received);
                }
            },
            while_stopped: &nobody_robs,
            check: &|world, fate| check_producer(world, fate, count),
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    fn consuming<K: Kind>(
        &mut self,
        name: &'static str,
        (start, other): (Start, Other),
        count: u64,
        receive: Receive<K>,
    ) {
        let case = Case {
            name,
            set_up: &|| World::<K>::new(start, other),
            victim: &|world, marks| {
                let mut consumer = K::consumer(&world.ring).ok()?;
                if start == Start::Empty || start == Start::DeadWriter {
                    tire(|at| K::recv(&mut consumer, at).is_ok());
                }
                claim(&world.ring, start)?;
                marks.begin();
                let done = receive(&mut consumer);
                marks.end();
                core::mem::forget(consumer);
                done
            },
            unblock: &|world| {
                let number = world.next.get();
                K::send(&mut world.producer.borrow_mut(), number, limit()).unwrap();
                world.next.set(number + 1);
            },
            while_stopped: &|_| Ok(()),
            check: &|world, fate| check_consumer(world, fate, count),
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    /// Attaching and leaving, closing too.
    fn coming_and_going<K: Kind>(&mut self, producer: &'static str, consumer: &'static str) {
        let case = Case {
            name: producer,
            set_up: &|| World::<K>::new(Start::Some, Other::Awake),
            victim: &|world, marks| {
                marks.begin();
                let attached = K::producer(&world.ring).map(drop);
                marks.end();
                attached.ok()
            },
            unblock: &|_| {},
            while_stopped: &nobody_robs,
            check: &|world, fate| check_producer(world, fate, 0),
        };
        self.tallies.push(run_case(&case, self.extent));
        let case = Case {
            name: consumer,
            set_up: &|| World::<K>::new(Start::Some, Other::Awake),
            victim: &|world, marks| {
                marks.begin();
                let attached = K::consumer(&world.ring).map(drop);
                marks.end();
                attached.ok()
            },
            unblock: &|_| {},
            while_stopped: &nobody_robs,
            check: &|world, fate| check_consumer(world, fate, 0),
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    fn records<W: Waiting>(&mut self, names: [&'static str; 2]) {
        let [send, recv] = names;
        self.producing::<Records<W>>(send, (Start::Some, Other::Awake), 1, |producer, number| {
            producer.send(&record(number)).ok()
        });
        self.consuming::<Records<W>>(recv, (Start::Some, Other::Awake), 1, |consumer| {
            let len = consumer.recv(&mut [0; RECORD]).ok()?;
            (len == RECORD).then_some(())
        });
    }

    fn items<W: Waiting>(&mut self, names: [&'static str; 4]) {
        let [push, three, pop, two] = names;
        self.producing::<Items<W>>(push, (Start::Wrapping, Other::Awake), 1, |end, number| {
            end.push(&whole(number)).ok()
        });
        self.producing::<Items<W>>(three, (Start::Wrapping, Other::Awake), 3, push_three);
        self.consuming::<Items<W>>(pop, (Start::Some, Other::Awake), 1, |end| {
            end.pop().ok().map(drop)
        });
        self.consuming::<Items<W>>(two, (Start::Some, Other::Awake), 2, pop_two);
    }

    /// With somebody asleep, or to be slept for.
    fn sleepers(&mut self) {
        type Of = Items<SpinThenFutex>;
        let push: Send<Of> = |producer, number| producer.push(&whole(number)).ok();
        let pop: Receive<Of> = |consumer| consumer.pop().ok().map(drop);
        let names = [
            "mpmc push, consumer asleep",
            "mpmc push of three, consumer asleep",
            "mpmc push, full, asleep",
            "mpmc pop, full, producer asleep",
            "mpmc pop of two, full, producer asleep",
            "mpmc pop, empty, asleep",
        ];
        let [one, three, full, popping, two, empty] = names;
        self.producing::<Of>(one, (Start::Empty, Other::Receiver), 1, push);
        self.producing::<Of>(three, (Start::Empty, Other::Receiver), 3, push_three);
        self.producing::<Of>(full, (Start::Full, Other::Awake), 1, push);
        self.consuming::<Of>(popping, (Start::Full, Other::Sender), 1, pop);
        self.consuming::<Of>(two, (Start::Full, Other::Sender), 2, pop_two);
        self.consuming::<Of>(empty, (Start::Empty, Other::Awake), 1, pop);
    }

    /// Finding what another has left that died in the midst of a call.
    fn recoveries(&mut self) {
        type Of = Items<SpinThenFutex>;
        self.consuming::<Of>(
            "mpmc pop behind a dead writer",
            (Start::DeadWriter, Other::Awake),
            1,
            |end| end.pop().ok().map(drop),
        );
        self.producing::<Of>(
            "mpmc push behind a dead reader",
            (Start::DeadReader, Other::Awake),
            1,
            |end, number| end.push(&whole(number)).ok(),
        );
    }
}

fn push_three<W: Waiting>(producer: &mut items::Producer<u64, W>, number: u64) -> Option<()> {
    let items = [whole(number), whole(number + 1), whole(number + 2)];
    (producer.push_slice(&items) == Ok(3)).then_some(())
}

fn pop_two<W: Waiting>(consumer: &mut items::Consumer<u64, W>) -> Option<()> {
    (consumer.pop_slice(&mut [0; 2]) == Ok(2)).then_some(())
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    let mut table = Table { extent, tallies };
    table.records::<SpinThenFutex>(["mpmc send", "mpmc recv"]);
    table.records::<Spin>(["spinning mpmc send", "spinning mpmc recv"]);
    table.items::<SpinThenFutex>([
        "mpmc push",
        "mpmc push of three",
        "mpmc pop",
        "mpmc pop of two",
    ]);
    table.items::<Spin>([
        "spinning mpmc push",
        "spinning mpmc push of three",
        "spinning mpmc pop",
        "spinning mpmc pop of two",
    ]);
    table.coming_and_going::<Items<SpinThenFutex>>(
        "mpmc producer comes and goes",
        "mpmc consumer comes and goes",
    );
    table.sleepers();
    table.recoveries();
}
