//! The SPSC ring: what was committed arrives once, whole and in order, and the dead one's
//! end can be taken by a successor.

use core::cell::{Cell, RefCell};
use core::marker::PhantomData;

use rawipc::Deadline;
use rawipc::ring::spsc::{self, Peer, items};
use rawipc::ring::{AttachError, Error, Spin, SpinThenFutex, Waiting};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, run as run_case};
use crate::messages::{CHECK, HUNG, LAST, Ledger, RECORD, TORN, ends, judge, limit, number_of, record, tire, whole};

/// Messages with a number each, through records or items.
trait Kind {
    type Ring;
    type Producer;
    type Consumer;
    fn create() -> Self::Ring;
    fn producer(ring: &Self::Ring) -> Result<Self::Producer, AttachError>;
    fn producer_until(ring: &Self::Ring, at: Deadline) -> Result<Self::Producer, AttachError>;
    fn consumer(ring: &Self::Ring) -> Result<Self::Consumer, AttachError>;
    fn consumer_until(ring: &Self::Ring, at: Deadline) -> Result<Self::Consumer, AttachError>;
    fn leave_producer(producer: Self::Producer);
    fn leave_consumer(consumer: Self::Consumer);
    fn send(producer: &mut Self::Producer, number: u64, at: Deadline) -> Result<(), Error>;
    /// `None`: something that nobody sent.
    fn recv(consumer: &mut Self::Consumer, at: Deadline) -> Result<Option<u64>, Error>;
    fn peer_of_producer(producer: &Self::Producer) -> Peer;
    fn peer_of_consumer(consumer: &Self::Consumer) -> Peer;
}

/// What rings of records and of items call alike.
macro_rules! same_of_both {
    () => {
        fn producer(ring: &Self::Ring) -> Result<Self::Producer, AttachError> {
            ring.producer()
        }
        fn producer_until(ring: &Self::Ring, at: Deadline) -> Result<Self::Producer, AttachError> {
            ring.producer_until(at)
        }
        fn consumer(ring: &Self::Ring) -> Result<Self::Consumer, AttachError> {
            ring.consumer()
        }
        fn consumer_until(ring: &Self::Ring, at: Deadline) -> Result<Self::Consumer, AttachError> {
            ring.consumer_until(at)
        }
        fn leave_producer(producer: Self::Producer) {
            producer.detach();
        }
        fn leave_consumer(consumer: Self::Consumer) {
            consumer.detach();
        }
        fn peer_of_producer(producer: &Self::Producer) -> Peer {
            producer.peer()
        }
        fn peer_of_consumer(consumer: &Self::Consumer) -> Peer {
            consumer.peer()
        }
    };
}

struct Records<W>(PhantomData<W>);

impl<W: Waiting> Kind for Records<W> {
    type Ring = spsc::Ring<W>;
    type Producer = spsc::Producer<W>;
    type Consumer = spsc::Consumer<W>;
    fn create() -> Self::Ring {
        spsc::Ring::create(1).unwrap()
    }
    fn send(producer: &mut Self::Producer, number: u64, at: Deadline) -> Result<(), Error> {
        producer.send_until(&record(number), at)
    }
    fn recv(consumer: &mut Self::Consumer, at: Deadline) -> Result<Option<u64>, Error> {
        let mut bytes = [0; RECORD];
        let len = consumer.recv_until(&mut bytes, at)?;
        Ok(number_of(&bytes[..len]))
    }
    same_of_both!();
}

struct Items<W>(PhantomData<W>);

impl<W: Waiting> Kind for Items<W> {
    type Ring = items::Ring<u64, W>;
    type Producer = items::Producer<u64, W>;
    type Consumer = items::Consumer<u64, W>;
    fn create() -> Self::Ring {
        items::Ring::create(1).unwrap()
    }
    fn send(producer: &mut Self::Producer, number: u64, at: Deadline) -> Result<(), Error> {
        producer.push_until(&whole(number), at)
    }
    fn recv(consumer: &mut Self::Consumer, at: Deadline) -> Result<Option<u64>, Error> {
        let item = consumer.pop_until(at)?;
        let number = item & !CHECK;
        Ok((whole(number) == item).then_some(number))
    }
    same_of_both!();
}

/// How full the ring is when the operation begins.
#[derive(Clone, Copy, PartialEq)]
enum Start {
    Empty,
    /// With some messages in it.
    Some,
    /// The next message lies across the end of the data.
    Wrapping,
    /// The next message does not fit.
    Full,
}

/// What the other end does.
#[derive(Clone, Copy, PartialEq)]
enum Other {
    /// It is attached; the test has it.
    Awake,
    /// A survivor has it, and sleeps.
    Asleep,
}

struct World<K: Kind> {
    ring: K::Ring,
    /// The ends that the test has.
    producer: RefCell<Option<K::Producer>>,
    consumer: RefCell<Option<K::Consumer>>,
    survivor: Option<Survivor>,
    /// What a surviving consumer has received.
    ledger: Ledger,
    /// What the test has received.
    received: RefCell<Vec<u64>>,
    /// The first number that is in the ring when the operation begins, and the first
    /// that is not.
    first: u64,
    next: Cell<u64>,
}

impl<K: Kind> World<K> {
    fn new(start: Start) -> Self {
        let ring = K::create();
        let mut producer = K::producer(&ring).unwrap();
        let mut consumer = K::consumer(&ring).unwrap();
        let (mut first, mut next) = (0, 0);
        let mut send = |number| K::send(&mut producer, number, Deadline::NOW);
        match start {
            Start::Empty => {}
            Start::Some => {
                while next < 3 {
                    send(next).unwrap();
                    next += 1;
                }
            }
            Start::Wrapping => {
                // The data are a page; a record takes 8 bytes more than it has.
                while (first + 1) * (RECORD as u64 + 8) <= 4096 {
                    send(first).unwrap();
                    K::recv(&mut consumer, Deadline::NOW).unwrap();
                    first += 1;
                }
                next = first;
            }
            Start::Full => {
                while send(next).is_ok() {
                    next += 1;
                }
            }
        }
        Self {
            ring,
            producer: Some(producer).into(),
            consumer: Some(consumer).into(),
            survivor: None,
            ledger: Ledger::new(),
            received: RefCell::default(),
            first,
            next: next.into(),
        }
    }

    /// What is there for a victim that will be the producer.
    fn without_producer(start: Start, other: Other) -> Self {
        let mut world = Self::new(start);
        K::leave_producer(world.producer.take().unwrap());
        if other == Other::Asleep {
            K::leave_consumer(world.consumer.take().unwrap());
            let survivor = Survivor::fork(|| world.receive_all());
            survivor.await_sleep();
            world.survivor = Some(survivor);
        }
        world
    }

    /// What is there for a victim that will be the consumer.
    fn without_consumer(start: Start, other: Other) -> Self {
        let mut world = Self::new(start);
        K::leave_consumer(world.consumer.take().unwrap());
        if other == Other::Asleep {
            K::leave_producer(world.producer.take().unwrap());
            let from = world.next.get();
            let survivor = Survivor::fork(|| world.send_from(from));
            survivor.await_sleep();
            world.survivor = Some(survivor);
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
                // One that leaves without a last message is to have a successor too.
                Err(Error::PeerDied | Error::Closed) => {
                    if limit.has_passed() {
                        return HUNG;
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
            while let Err(error) = K::send(&mut producer, number, limit) {
                if error != Error::PeerDied && error != Error::Closed {
                    return TORN;
                }
                if limit.has_passed() {
                    return HUNG;
                }
            }
        }
        0
    }

    /// Receives with the test's own consumer until `at`, a last message or an end.
    fn drain(&self, consumer: &mut K::Consumer, at: Deadline) -> Result<(), Violation> {
        loop {
            match K::recv(consumer, at) {
                Ok(Some(number)) => {
                    self.received.borrow_mut().push(number);
                    if number == LAST {
                        return Ok(());
                    }
                }
                Err(Error::PeerDied | Error::Closed) => return Ok(()),
                Err(Error::TimedOut) if at == Deadline::NOW => return Ok(()),
                Err(Error::TimedOut) => return Err(Violation::Hang),
                Ok(None) | Err(_) => return Err(Violation::Torn),
            }
        }
    }

    /// What arrived must be `first..next`, then all or nothing of `count` more that the
    /// victim sent, and then the last message.
    fn arrived(&self, count: u64, fate: &Fate) -> Result<&'static str, Violation> {
        let received = self.received.borrow();
        let mut expected: Vec<u64> = (self.first..self.next.get()).collect();
        let without: Vec<u64> = expected.iter().copied().chain([LAST]).collect();
        expected.extend(self.next.get()..self.next.get() + count);
        expected.push(LAST);
        if *received == expected {
            Ok("sent")
        } else if *received == without && !fate.ended {
            Ok("nothing")
        } else {
            Err(judge(&received, &expected))
        }
    }
}

/// The survivors and a successor go on without the dead producer, which was to send
/// `count` messages.
fn check_producer<K: Kind>(
    world: World<K>,
    fate: &Fate,
    count: u64,
) -> Result<&'static str, Violation> {
    let mut consumer = world.consumer.take();
    if let Some(consumer) = &mut consumer {
        // Of one that has not come yet nobody can say that it died.
        let is_absent = K::peer_of_consumer(consumer) == Peer::Absent;
        world.drain(consumer, if is_absent { Deadline::NOW } else { limit() })?;
    }
    let Ok(mut successor) = K::producer_until(&world.ring, limit()) else {
        return Err(Violation::Unusable);
    };
    if K::send(&mut successor, LAST, limit()).is_err() {
        return Err(Violation::Unusable);
    }
    if let Some(consumer) = &mut consumer {
        world.drain(consumer, limit())?;
    } else {
        ends(world.survivor.as_ref())?;
        world.received.borrow_mut().extend(world.ledger.numbers());
    }
    world.arrived(count, fate)
}

/// The survivors and a successor go on without the dead consumer, which was to receive
/// `count` messages.
fn check_consumer<K: Kind>(
    mut world: World<K>,
    fate: &Fate,
    count: u64,
) -> Result<&'static str, Violation> {
    let Ok(mut successor) = K::consumer_until(&world.ring, limit()) else {
        return Err(Violation::Unusable);
    };
    if let Some(mut producer) = world.producer.take() {
        world.drain(&mut successor, Deadline::NOW)?;
        if K::send(&mut producer, LAST, limit()).is_err() {
            return Err(Violation::Unusable);
        }
        drop(producer);
        world.drain(&mut successor, limit())?;
    } else {
        world.drain(&mut successor, limit())?;
        ends(world.survivor.as_ref())?;
        // It has sent two before the last one.
        world.next.set(world.next.get() + 2);
    }
    let released = world.received.borrow().first() != Some(&world.first);
    if released {
        world.first += count;
    } else if fate.ended && count > 0 {
        return Err(Violation::Repeated);
    }
    world.arrived(0, fate)?;
    Ok(if released { "received" } else { "nothing" })
}

fn nobody_takes_the_producer<K: Kind>(world: &World<K>) -> Result<(), Violation> {
    let taken = !matches!(K::producer(&world.ring), Err(AttachError::Occupied));
    let consumer = world.consumer.borrow();
    let dead = consumer.as_ref().map(K::peer_of_consumer) == Some(Peer::Dead);
    if taken || dead {
        Err(Violation::Unusable)
    } else {
        Ok(())
    }
}

fn nobody_takes_the_consumer<K: Kind>(world: &World<K>) -> Result<(), Violation> {
    let taken = !matches!(K::consumer(&world.ring), Err(AttachError::Occupied));
    let producer = world.producer.borrow();
    let dead = producer.as_ref().map(K::peer_of_producer) == Some(Peer::Dead);
    if taken || dead {
        Err(Violation::Unusable)
    } else {
        Ok(())
    }
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
            set_up: &|| World::<K>::without_producer(start, other),
            victim: &|world, marks| {
                let mut producer = K::producer(&world.ring).ok()?;
                let next = world.next.get();
                if start == Start::Full {
                    tire(|at| K::send(&mut producer, next, at).is_ok());
                }
                marks.begin();
                let done = send(&mut producer, next);
                marks.end();
                done
            },
            unblock: &|world| {
                let mut consumer = world.consumer.borrow_mut();
                let received = K::recv(consumer.as_mut().unwrap(), limit()).unwrap();
                world.received.borrow_mut().extend(received);
            },
            while_stopped: &nobody_takes_the_producer,
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
            set_up: &|| {
                let world = World::<K>::without_consumer(start, other);
                if start == Start::Wrapping {
                    let mut producer = world.producer.borrow_mut();
                    let number = world.next.get();
                    K::send(producer.as_mut().unwrap(), number, Deadline::NOW).unwrap();
                    world.next.set(number + 1);
                }
                world
            },
            victim: &|world, marks| {
                let mut consumer = K::consumer(&world.ring).ok()?;
                if start == Start::Empty {
                    tire(|at| K::recv(&mut consumer, at).is_ok());
                }
                marks.begin();
                let done = receive(&mut consumer);
                marks.end();
                done
            },
            unblock: &|world| {
                let mut producer = world.producer.borrow_mut();
                let number = world.next.get();
                K::send(producer.as_mut().unwrap(), number, limit()).unwrap();
                world.next.set(number + 1);
            },
            while_stopped: &nobody_takes_the_consumer,
            check: &|world, fate| check_consumer(world, fate, count),
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    fn attaching<K: Kind>(&mut self, producer: &'static str, consumer: &'static str) {
        let case = Case {
            name: producer,
            set_up: &|| World::<K>::without_producer(Start::Some, Other::Awake),
            victim: &|world, marks| {
                marks.begin();
                let attached = K::producer(&world.ring);
                marks.end();
                attached.ok().map(drop)
            },
            unblock: &|_| {},
            // Whoever comes first has it.
            while_stopped: &|_| Ok(()),
            check: &|world, fate| check_producer(world, fate, 0),
        };
        self.tallies.push(run_case(&case, self.extent));
        let case = Case {
            name: consumer,
            set_up: &|| World::<K>::without_consumer(Start::Some, Other::Awake),
            victim: &|world, marks| {
                marks.begin();
                let attached = K::consumer(&world.ring);
                marks.end();
                attached.ok().map(drop)
            },
            unblock: &|_| {},
            while_stopped: &|_| Ok(()),
            check: &|world, fate| check_consumer(world, fate, 0),
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    fn records<W: Waiting>(&mut self) {
        let table = self;
        let send: Send<Records<W>> = |producer, number| producer.send(&record(number)).ok();
        let commit: Send<Records<W>> = |producer, number| {
            let mut place = producer.reserve(RECORD).ok()?;
            place.write(&record(number)).ok()?;
            place.commit().ok()
        };
        let recv: Receive<Records<W>> = |consumer| {
            let len = consumer.recv(&mut [0; RECORD]).ok()?;
            (len == RECORD).then_some(())
        };
        let release: Receive<Records<W>> = |consumer| {
            let record = consumer.peek().ok()?;
            let mut bytes = [0; RECORD];
            record.copy_to(&mut bytes).ok()?;
            record.release().ok()
        };
        use Other::{Asleep, Awake};
        let sleeps = W::default();
        let name = |sleeping, spinning| if is_spin(sleeps) { spinning } else { sleeping };
        table.producing::<Records<W>>(
            name("ring send, empty", "spinning ring send, empty"),
            (Start::Empty, Awake),
            1,
            send,
        );
        table.producing::<Records<W>>(
            name("ring send, wrapping", "spinning ring send, wrapping"),
            (Start::Wrapping, Awake),
            1,
            send,
        );
        table.producing::<Records<W>>(
            name(
                "ring reserve and commit",
                "spinning ring reserve and commit",
            ),
            (Start::Wrapping, Awake),
            1,
            commit,
        );
        table.consuming::<Records<W>>(
            name("ring recv", "spinning ring recv"),
            (Start::Some, Awake),
            1,
            recv,
        );
        table.consuming::<Records<W>>(
            name("ring recv, wrapping", "spinning ring recv, wrapping"),
            (Start::Wrapping, Awake),
            1,
            recv,
        );
        table.consuming::<Records<W>>(
            name("ring peek and release", "spinning ring peek and release"),
            (Start::Some, Awake),
            1,
            release,
        );
        table.attaching::<Records<W>>(
            name("ring attach producer", "spinning ring attach producer"),
            name("ring attach consumer", "spinning ring attach consumer"),
        );
        if is_spin(sleeps) {
            return;
        }
        table.producing::<Records<W>>(
            "ring send, consumer asleep",
            (Start::Empty, Asleep),
            1,
            send,
        );
        table.producing::<Records<W>>(
            "ring commit, consumer asleep",
            (Start::Empty, Asleep),
            1,
            commit,
        );
        table.producing::<Records<W>>("ring send, full, asleep", (Start::Full, Awake), 1, send);
        table.consuming::<Records<W>>(
            "ring recv, full, producer asleep",
            (Start::Full, Asleep),
            1,
            recv,
        );
        table.consuming::<Records<W>>(
            "ring release, full, producer asleep",
            (Start::Full, Asleep),
            1,
            release,
        );
        table.consuming::<Records<W>>("ring recv, empty, asleep", (Start::Empty, Awake), 1, recv);
    }

    fn items<W: Waiting>(&mut self) {
        let table = self;
        let push: Send<Items<W>> = |producer, number| producer.push(&whole(number)).ok();
        let push_slice: Send<Items<W>> = |producer, number| {
            let items = [whole(number), whole(number + 1), whole(number + 2)];
            (producer.push_slice(&items) == Ok(3)).then_some(())
        };
        let pop: Receive<Items<W>> = |consumer| consumer.pop().ok().map(drop);
        let pop_slice: Receive<Items<W>> =
            |consumer| (consumer.pop_slice(&mut [0; 2]) == Ok(2)).then_some(());
        use Other::{Asleep, Awake};
        let sleeps = W::default();
        let name = |sleeping, spinning| if is_spin(sleeps) { spinning } else { sleeping };
        table.producing::<Items<W>>(
            name("ring push", "spinning ring push"),
            (Start::Some, Awake),
            1,
            push,
        );
        table.producing::<Items<W>>(
            name("ring push, empty", "spinning ring push, empty"),
            (Start::Empty, Awake),
            1,
            push,
        );
        table.producing::<Items<W>>(
            name("ring push of three", "spinning ring push of three"),
            (Start::Some, Awake),
            3,
            push_slice,
        );
        table.consuming::<Items<W>>(
            name("ring pop", "spinning ring pop"),
            (Start::Some, Awake),
            1,
            pop,
        );
        table.consuming::<Items<W>>(
            name("ring pop of two", "spinning ring pop of two"),
            (Start::Some, Awake),
            2,
            pop_slice,
        );
        if is_spin(sleeps) {
            return;
        }
        table.producing::<Items<W>>(
            "ring push, consumer asleep",
            (Start::Empty, Asleep),
            1,
            push,
        );
        table.producing::<Items<W>>("ring push, full, asleep", (Start::Full, Awake), 1, push);
        table.consuming::<Items<W>>(
            "ring pop, full, producer asleep",
            (Start::Full, Asleep),
            1,
            pop,
        );
        table.consuming::<Items<W>>("ring pop, empty, asleep", (Start::Empty, Awake), 1, pop);
    }
}

fn is_spin<W: Waiting>(_: W) -> bool {
    core::any::TypeId::of::<W>() == core::any::TypeId::of::<Spin>()
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    let mut table = Table { extent, tallies };
    table.records::<SpinThenFutex>();
    table.items::<SpinThenFutex>();
    table.records::<Spin>();
    table.items::<Spin>();
}
