//! The broadcast ring: a writer that dies or stops anywhere delays nobody, tears nothing and costs
//! at most its own position; a reader costs nothing.

use core::cell::{Cell, RefCell};
use core::marker::PhantomData;
use core::time::Duration;

use core::sync::atomic::{AtomicU64, Ordering};

use rawipc::memory::{MapOptions, Mapping};
use rawipc::ring::broadcast::{self, RecvError, items};
use rawipc::ring::{AttachError, Error, Spin, SpinThenFutex, Waiting};
use rawipc::{AsFd, Deadline};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, run as run_case};
use crate::support::{LIMIT, limit};

const CAPACITY: usize = 8;

/// What a survivor sends at last.
const LAST: u64 = 1 << 40;
/// What the victim sends.
const VICTIMS: u64 = 1 << 20;

/// How many are sent past a writer that is stopped: they come to its slot again.
const PAST: u64 = CAPACITY as u64 + 1;

/// Messages with a number each, as records or as items.
trait Kind {
    type Ring: AsFd;
    type Writer;
    type Reader;
    fn create() -> Self::Ring;
    fn writer(ring: &Self::Ring) -> Result<Self::Writer, AttachError>;
    fn sole_writer(ring: &Self::Ring) -> Result<Self::Writer, AttachError>;
    fn reader(ring: &Self::Ring) -> Result<Self::Reader, AttachError>;
    fn oldest(ring: &Self::Ring) -> Result<Self::Reader, AttachError>;
    fn send(writer: &mut Self::Writer, number: u64) -> Result<(), Error>;
    fn detach(writer: Self::Writer);
    /// How many were sent, as the writers count.
    fn sent(writer: &Self::Writer) -> u64;
    fn position(reader: &Self::Reader) -> u64;
    /// `None`: something that nobody sent.
    fn recv(reader: &mut Self::Reader, at: Deadline) -> Result<Option<u64>, RecvError>;
}

struct Items<W>(PhantomData<W>);

/// An item that would show if it were torn.
fn whole(number: u64) -> [u64; 3] {
    [number, !number, number.rotate_left(9)]
}

impl<W: Waiting> Kind for Items<W> {
    type Ring = items::Ring<[u64; 3], W>;
    type Writer = items::Writer<[u64; 3], W>;
    type Reader = items::Reader<[u64; 3], W>;
    fn create() -> Self::Ring {
        items::Ring::create(CAPACITY).unwrap()
    }
    fn writer(ring: &Self::Ring) -> Result<Self::Writer, AttachError> {
        ring.writer()
    }
    fn sole_writer(ring: &Self::Ring) -> Result<Self::Writer, AttachError> {
        ring.sole_writer()
    }
    fn reader(ring: &Self::Ring) -> Result<Self::Reader, AttachError> {
        ring.reader()
    }
    fn oldest(ring: &Self::Ring) -> Result<Self::Reader, AttachError> {
        ring.reader_from_oldest()
    }
    fn send(writer: &mut Self::Writer, number: u64) -> Result<(), Error> {
        writer.push(&whole(number))
    }
    fn detach(writer: Self::Writer) {
        writer.detach();
    }
    fn sent(writer: &Self::Writer) -> u64 {
        writer.statistics().sent
    }
    fn position(reader: &Self::Reader) -> u64 {
        reader.position()
    }
    fn recv(reader: &mut Self::Reader, at: Deadline) -> Result<Option<u64>, RecvError> {
        let item = reader.pop_until(at)?;
        Ok((item == whole(item[0])).then_some(item[0]))
    }
}

struct Records<W>(PhantomData<W>);

/// A record's bytes: its number over and over, inverted; of a length of its own.
fn record(number: u64) -> ([u8; RECORD], usize) {
    let mut bytes = [0; RECORD];
    for word in bytes.as_chunks_mut().0 {
        *word = (!number).to_ne_bytes();
    }
    (bytes, 8 + (number % 16) as usize)
}

const RECORD: usize = 24;

impl<W: Waiting> Kind for Records<W> {
    type Ring = broadcast::Ring<W>;
    type Writer = broadcast::Writer<W>;
    type Reader = broadcast::Reader<W>;
    fn create() -> Self::Ring {
        broadcast::Ring::create(CAPACITY, RECORD).unwrap()
    }
    fn writer(ring: &Self::Ring) -> Result<Self::Writer, AttachError> {
        ring.writer()
    }
    fn sole_writer(ring: &Self::Ring) -> Result<Self::Writer, AttachError> {
        ring.sole_writer()
    }
    fn reader(ring: &Self::Ring) -> Result<Self::Reader, AttachError> {
        ring.reader()
    }
    fn oldest(ring: &Self::Ring) -> Result<Self::Reader, AttachError> {
        ring.reader_from_oldest()
    }
    fn send(writer: &mut Self::Writer, number: u64) -> Result<(), Error> {
        let (bytes, len) = record(number);
        writer.send(&bytes[..len])
    }
    fn detach(writer: Self::Writer) {
        writer.detach();
    }
    fn sent(writer: &Self::Writer) -> u64 {
        writer.statistics().sent
    }
    fn position(reader: &Self::Reader) -> u64 {
        reader.position()
    }
    fn recv(reader: &mut Self::Reader, at: Deadline) -> Result<Option<u64>, RecvError> {
        let mut buffer = [0; RECORD];
        let received = reader.recv_until(&mut buffer, at)?;
        let number = !u64::from_ne_bytes(*buffer.first_chunk().unwrap());
        let (bytes, len) = record(number);
        Ok((len == received && bytes[..len] == buffer[..len]).then_some(number))
    }
}

/// What is in the ring when the operation begins.
#[derive(Clone, Copy, PartialEq)]
enum Start {
    /// So many messages.
    Sent(u64),
    /// As many as fit but one: the first position is a claim of one who has died.
    DeadWriter,
    /// As many as fit but one: in the first position one writes who lives, and is stopped.
    StoppedWriter,
}

/// What a survivor does, and which writers there may be.
#[derive(Clone, Copy, PartialEq)]
enum Company {
    Awake,
    /// A survivor sleeps, which has received all there is.
    Asleep,
    /// Whoever writes writes alone.
    Alone,
}

struct World<K: Kind> {
    ring: K::Ring,
    reader: RefCell<K::Reader>,
    first: u64,
    /// How many were sent before.
    before: u64,
    /// How many others have sent meanwhile.
    others: Cell<u64>,
    /// One that writes, for the others.
    stopped: Option<K::Writer>,
    /// How many positions somebody had claimed before, of which no message comes.
    held: u64,
    sleeper: Option<Survivor>,
    company: Company,
}

/// A number that no member has.
const NOBODY: u64 = 4_000_000;

fn memory(ring: impl AsFd) -> Mapping {
    MapOptions::shared(1 << 13).map(ring.as_fd()).unwrap()
}

/// Writes the word of the first slot: a claim of its first position by the member of this number.
fn claim(memory: &Mapping, number: u64) {
    // How long the head is stands in it.
    let head: u64 = memory.read(24).unwrap();
    let word: &AtomicU64 = memory.object(head as usize).unwrap();
    word.store(number << 42 | 1 << 30 | 1, Ordering::Release);
}

impl<K: Kind> World<K> {
    fn new(start: Start, company: Company) -> Self {
        let ring = K::create();
        let reader = K::reader(&ring).unwrap();
        let first = K::position(&reader);
        let mut stopped = None;
        let mut writer = K::writer(&ring).unwrap();
        let before = match start {
            Start::Sent(count) => count,
            Start::DeadWriter => {
                claim(&memory(&ring), NOBODY);
                CAPACITY as u64 - 1
            }
            Start::StoppedWriter => {
                stopped = K::writer(&ring).ok();
                let memory = memory(&ring);
                // The number that was given out last.
                claim(&memory, memory.read::<u32>(64).unwrap().into());
                CAPACITY as u64 - 1
            }
        };
        let mut world = Self {
            reader: reader.into(),
            ring,
            first,
            before: 0,
            others: Cell::new(0),
            stopped,
            held: u64::from(!matches!(start, Start::Sent(_))),
            sleeper: None,
            company,
        };
        if company == Company::Asleep && world.stopped.is_some() {
            // For the end of what is stopped.
            world.has_sleeper();
        }
        for number in 0..before {
            K::send(&mut writer, number).unwrap();
        }
        world.before = before;
        K::detach(writer);
        if company == Company::Asleep && world.sleeper.is_none() {
            world.has_sleeper();
        }
        world
    }

    fn has_sleeper(&mut self) {
        let sleeper = Survivor::fork(|| self.receive_to_the_last());
        sleeper.await_sleep();
        self.sleeper = Some(sleeper);
    }

    fn writer(&self) -> Result<K::Writer, AttachError> {
        match self.company {
            Company::Alone => K::sole_writer(&self.ring),
            _ => K::writer(&self.ring),
        }
    }

    fn receive_to_the_last(&self) -> i32 {
        // A copy of the parent's is none of this process's.
        let Ok(mut reader) = K::oldest(&self.ring) else {
            return 1;
        };
        loop {
            match K::recv(&mut reader, limit()) {
                Ok(Some(LAST)) => return 0,
                Ok(Some(_)) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Ring(Error::PeerDied | Error::Closed)) => {
                    std::thread::yield_now();
                }
                Err(RecvError::Ring(Error::TimedOut)) => return HUNG,
                _ => return TORN,
            }
        }
    }

    /// Others send past one who is stopped: round the ring, and past its slot.
    fn go_past(&self) -> Result<(), Violation> {
        let mut writer = match K::writer(&self.ring) {
            Ok(writer) => writer,
            Err(AttachError::Occupied) if self.company == Company::Alone => return Ok(()),
            Err(_) => return Err(Violation::Unusable),
        };
        for _ in 0..PAST {
            let number = self.before + self.others.get();
            K::send(&mut writer, number).map_err(|_| Violation::Unusable)?;
            self.others.set(self.others.get() + 1);
        }
        K::detach(writer);
        Ok(())
    }
}

const HUNG: i32 = 2;
const TORN: i32 = 3;

/// Others go on without the victim, which was to send `count` messages, one or none.
fn check<K: Kind>(world: World<K>, fate: &Fate, count: u64) -> Result<&'static str, Violation> {
    let mut writer = world.writer().map_err(|_| Violation::Unusable)?;
    K::send(&mut writer, LAST).map_err(|_| Violation::Unusable)?;
    let mut reader = world.reader.borrow_mut();
    let (mut items, mut missed) = (Vec::new(), 0);
    let moment = limit();
    while items.last() != Some(&LAST) {
        match K::recv(&mut reader, moment) {
            Ok(Some(item)) => items.push(item),
            Err(RecvError::Lagged(count)) => missed += count,
            Err(RecvError::Ring(Error::TimedOut)) => return Err(Violation::Hang),
            _ => return Err(Violation::Torn),
        }
    }
    if let Some(sleeper) = &world.sleeper {
        match sleeper.end(2 * LIMIT)? {
            0 => {}
            HUNG => return Err(Violation::Hang),
            _ => return Err(Violation::Torn),
        }
    }
    let positions = K::position(&reader) - world.first;
    if items.len() as u64 + missed != positions {
        return Err(Violation::Lost);
    }
    let arrived = items.iter().filter(|&&item| item == VICTIMS).count() as u64;
    items.retain(|&item| item < VICTIMS);
    // Of what others sent the oldest may be overwritten.
    let others = world.before + world.others.get();
    if !(others - items.len() as u64..others).eq(items) {
        return Err(Violation::Torn);
    }
    if arrived > count {
        return Err(Violation::Repeated);
    }
    // The first position, where one has died or is stopped, and what is claimed.
    let forged = u64::from(world.stopped.is_some());
    let expected = others + 1 + count + forged;
    if fate.ended && (K::sent(&writer) != expected || arrived < count && world.others.get() == 0) {
        return Err(Violation::Lost);
    }
    Ok(match arrived {
        0 if fate.ended => "done",
        0 if positions == others + 1 + world.held => "nothing",
        0 => "void positions",
        _ => "sent",
    })
}

struct Table<'a> {
    extent: Extent,
    tallies: &'a mut Vec<Tally>,
}

impl Table<'_> {
    fn writing<K: Kind>(&mut self, name: &'static str, start: Start, company: Company) {
        let case = Case {
            name,
            set_up: &|| World::<K>::new(start, company),
            victim: &|world, marks| {
                let mut writer = world.writer().ok()?;
                marks.begin();
                let done = K::send(&mut writer, VICTIMS);
                marks.end();
                K::detach(writer);
                done.ok()
            },
            unblock: &|_| {},
            while_stopped: &World::go_past,
            check: &|world, fate| check(world, fate, 1),
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    /// Attaching and leaving, which closes and wakes.
    fn coming_and_going<K: Kind>(&mut self, name: &'static str, company: Company) {
        let case = Case {
            name,
            set_up: &|| World::<K>::new(Start::Sent(1), company),
            victim: &|world, marks| {
                marks.begin();
                let attached = world.writer().map(drop);
                marks.end();
                attached.ok()
            },
            unblock: &|_| {},
            while_stopped: &|_| Ok(()),
            check: &|world, fate| check(world, fate, 0),
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    fn reading<K: Kind>(&mut self, name: &'static str, start: Start, extent: Extent) {
        let case = Case {
            name,
            set_up: &|| World::<K>::new(Start::Sent(0), Company::Awake),
            victim: &|world, marks| {
                let mut reader = K::reader(&world.ring).ok()?;
                // Spinning does not help: a thousand instructions less.
                for _ in 0..10 {
                    let soon = Deadline::after(Duration::from_micros(1));
                    let _ = K::recv(&mut reader, soon);
                }
                let mut writer = K::writer(&world.ring).ok()?;
                let Start::Sent(count) = start else {
                    return None;
                };
                for number in 0..count {
                    K::send(&mut writer, number).ok()?;
                }
                K::detach(writer);
                marks.begin();
                let done = K::recv(&mut reader, Deadline::Never);
                marks.end();
                match done {
                    Ok(Some(_)) | Err(RecvError::Lagged(_)) => Some(()),
                    _ => None,
                }
            },
            unblock: &|world| {
                let mut writer = K::writer(&world.ring).unwrap();
                K::send(&mut writer, 0).unwrap();
                K::detach(writer);
                world.others.set(1);
            },
            while_stopped: &|_| Ok(()),
            check: &|mut world, fate| {
                let Start::Sent(count) = start else {
                    return Err(Violation::Unusable);
                };
                world.before = count;
                check(world, fate, 0)
            },
        };
        self.tallies.push(run_case(&case, extent));
    }
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    type Sleeping = Items<SpinThenFutex>;
    type Spinning = Items<Spin>;
    let mut table = Table { extent, tallies };
    let overwriting = Start::Sent(CAPACITY as u64 + 1);
    let few = Start::Sent(1);
    table.writing::<Sleeping>("broadcast push, reader asleep", few, Company::Asleep);
    table.writing::<Records<SpinThenFutex>>("broadcast send", overwriting, Company::Awake);
    table.writing::<Spinning>("spinning broadcast push, alone", overwriting, Company::Alone);
    table.writing::<Sleeping>(
        "broadcast push past a stopped writer, asleep",
        Start::StoppedWriter,
        Company::Asleep,
    );
    // Unoptimized these have tens of thousands of instructions.
    if cfg!(debug_assertions) {
        return;
    }
    table.writing::<Sleeping>("broadcast push", few, Company::Awake);
    table.writing::<Sleeping>("broadcast push, overwriting", overwriting, Company::Awake);
    table.writing::<Spinning>("spinning broadcast push", overwriting, Company::Awake);
    table.writing::<Sleeping>(
        "broadcast push behind a dead writer",
        Start::DeadWriter,
        Company::Awake,
    );
    table.reading::<Sleeping>("broadcast pop", few, extent);
    table.reading::<Sleeping>("broadcast pop, overtaken", overwriting, extent);
    
    table.reading::<Sleeping>("broadcast pop, empty, asleep", Start::Sent(0), extent);
    table.coming_and_going::<Sleeping>("broadcast writer comes and goes", Company::Asleep);
    table.coming_and_going::<Spinning>("sole broadcast writer comes and goes", Company::Alone);
}
