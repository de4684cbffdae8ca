//! The broadcast ring of loans: whoever dies or stops anywhere, no reader has what is lent again, and
//! no chunk is lost.

use core::cell::Cell;

use rawipc::memory::{MapOptions, Mapping};
use rawipc::ring::broadcast::RecvError;
use rawipc::ring::broadcast::loans::{Class, FAILURES_PER_LOOK, Reader, Ring, Writer};
use rawipc::ring::{Error, Spin, SpinThenFutex, Waiting};
use rawipc::{AsFd, Deadline};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, run as run_case};
use crate::messages::{HUNG, LAST, RECORD, TORN, ends, limit, number_of, record, tire};

const SLOTS: usize = 4;

/// Beyond those in the ring: one each for the victim, two readers and two writers.
const CHUNKS: usize = SLOTS + 5;

/// What the victim sends.
const VICTIMS: u64 = 1 << 20;

/// How many are sent past one that is stopped: they come to its slot again, and to its chunk.
const PAST: u64 = 2 * CHUNKS as u64;

fn send<W: Waiting>(writer: &Writer<W>, number: u64) -> Result<(), Error> {
    let mut loan = writer.try_loan(RECORD)?;
    loan.write_at(0, &record(number))?;
    Ok(loan.send()?)
}

/// `None`: something that nobody sent, or that changed while it was held.
fn recv<W: Waiting>(reader: &Reader<W>, at: Deadline) -> Result<Option<u64>, RecvError> {
    let message = reader.recv_until(at)?;
    let [mut bytes, mut again] = [[0; RECORD]; 2];
    message.copy_to(&mut bytes)?;
    message.copy_to(&mut again)?;
    message.release()?;
    Ok(number_of(&bytes).filter(|_| bytes == again))
}

/// What the ring is like before.
#[derive(Clone, Copy, PartialEq)]
enum Start {
    /// With so many messages sent.
    Sent(u64),
    /// The next slot has been claimed by one who died, with a chunk that was already the slot's.
    DeadWriter,
    /// What is not in the ring the dead had been lent, and a dead reader has all chunks.
    AllDead,
}

struct World<W: Waiting> {
    ring: Ring<W>,
    /// One that receives, unless a survivor does.
    reader: Option<Reader<W>>,
    first: u64,
    survivor: Option<Survivor>,
    start: Start,
    /// How many have been sent by others than the victim.
    others: Cell<u64>,
}

/// A number that no member has.
const NOBODY: u64 = 4_000_000;

/// Where readers' places are in the head.
const READERS: usize = 896;

/// A chunk's word when one who died has it.
const OWNED: u64 = 1 << 62 | NOBODY;

fn memory(ring: impl AsFd) -> Option<(Mapping, usize)> {
    let size = rustix::fs::fstat(ring.as_fd()).ok()?.st_size as usize;
    let memory = MapOptions::shared(size).map(ring.as_fd()).ok()?;
    // How long the head is stands in it; the sections are a page each.
    let head = memory.read::<u64>(24).ok()?;
    Some((memory, head as usize))
}

impl<W: Waiting> World<W> {
    fn new(start: Start) -> Self {
        let class = Class {
            size: 64,
            count: CHUNKS,
        };
        let ring = Ring::<W>::create(&[class], SLOTS).unwrap();
        let reader = ring.reader().unwrap();
        let world = Self {
            first: reader.position(),
            reader: Some(reader),
            ring,
            survivor: None,
            start,
            others: Cell::new(0),
        };
        match start {
            Start::Sent(count) => world.send(count),
            Start::AllDead => world.send(SLOTS as u64),
            Start::DeadWriter => world.send(SLOTS as u64 - 1),
        }
        world
    }

    fn send(&self, count: u64) {
        let writer = self.ring.writer().unwrap();
        for _ in 0..count {
            send(&writer, self.others.get()).unwrap();
            self.others.set(self.others.get() + 1);
        }
        writer.detach();
    }

    /// Has it look as if somebody had died in the midst of a call.
    fn bury(&self) -> Option<()> {
        let (memory, head) = memory(&self.ring)?;
        let page = (memory.len() - head) / 4;
        let chunk = |chunk: usize| head + 2 * page + 64 * chunk;
        match self.start {
            Start::Sent(_) => {}
            Start::DeadWriter => {
                let slot = SLOTS - 1;
                // The chunk behind those that were sent, in the first lap.
                let in_slot = 2 << 62 | 1 << 24 | slot as u64;
                memory.write(head + page + 8 * slot, &(slot as u64)).ok()?;
                memory.write(chunk(slot), &in_slot).ok()?;
                let claimed = NOBODY << 42 | 1 << 30 | 1;
                memory.write(head + 8 * slot, &claimed).ok()?;
            }
            Start::AllDead => {
                // In the second place.
                memory.write(READERS + 4, &(NOBODY as u32)).ok()?;
                for index in 0..CHUNKS {
                    let pins: u64 = memory.read(chunk(index) + 8).ok()?;
                    memory.write(chunk(index) + 8, &(pins | 2)).ok()?;
                }
                for index in SLOTS..CHUNKS {
                    memory.write(chunk(index), &OWNED).ok()?;
                }
            }
        }
        Some(())
    }

    /// With a survivor that sleeps until there is a message.
    fn asleep(start: Start) -> Self {
        let mut world = Self::new(start);
        world.reader = None;
        let survivor = Survivor::fork(|| world.receive_to_the_last());
        survivor.await_sleep();
        world.survivor = Some(survivor);
        world
    }

    fn receive_to_the_last(&self) -> i32 {
        let (Ok(reader), limit) = (self.ring.reader_from_oldest(), limit()) else {
            return 1;
        };
        loop {
            match recv(&reader, limit) {
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

    /// Others send past one who is stopped: round the ring, and through all chunks.
    fn go_past(&self) -> Result<(), Violation> {
        let writer = self.ring.writer().map_err(|_| Violation::Unusable)?;
        for _ in 0..PAST {
            let number = self.others.get();
            let sent = (0..2 * FAILURES_PER_LOOK).any(|_| send(&writer, number).is_ok());
            if !sent {
                // It may stand still with all that a dead reader had, which is its own to give back.
                return match self.start {
                    Start::AllDead => Ok(()),
                    _ => Err(Violation::Unusable),
                };
            }
            self.others.set(number + 1);
        }
        writer.detach();
        Ok(())
    }

    /// Those who are left go on, and each chunk can be had. The victim was to send a message if
    /// `sends` says so.
    fn judge(self, sends: bool, fate: &Fate) -> Result<&'static str, Violation> {
        let writer = self.ring.writer().map_err(|_| Violation::Unusable)?;
        let is_sent = (0..2 * FAILURES_PER_LOOK).any(|_| send(&writer, LAST).is_ok());
        if !is_sent {
            return Err(Violation::Unusable);
        }
        ends(self.survivor.as_ref())?;
        let reader = self.reader.map_or_else(|| self.ring.reader_from_oldest(), Ok);
        let reader = reader.map_err(|_| Violation::Unusable)?;
        let from = match self.survivor {
            Some(_) => reader.position(),
            None => self.first,
        };
        let (mut numbers, mut missed, limit) = (Vec::new(), 0, limit());
        while numbers.last() != Some(&LAST) {
            match recv(&reader, limit) {
                Ok(Some(number)) => numbers.push(number),
                Err(RecvError::Lagged(count)) => missed += count,
                Err(RecvError::Ring(Error::TimedOut)) => return Err(Violation::Hang),
                _ => return Err(Violation::Torn),
            }
        }
        if numbers.len() as u64 + missed != reader.position() - from {
            return Err(Violation::Lost);
        }
        let arrived = numbers.iter().filter(|&&number| number == VICTIMS).count();
        numbers.retain(|&number| number < VICTIMS);
        // Of what others sent the oldest may be overwritten.
        let others = self.others.get();
        if !(others - numbers.len() as u64..others).eq(numbers) {
            return Err(Violation::Torn);
        }
        if arrived > usize::from(sends) {
            return Err(Violation::Repeated);
        }
        is_whole(&writer)?;
        match (arrived, sends, fate.ended) {
            (1, ..) => Ok("sent"),
            (_, true, true) if others < SLOTS as u64 => Err(Violation::Lost),
            (_, _, true) => Ok("done"),
            _ => Ok("nothing"),
        }
    }
}

/// Each chunk can be had, when each slot has been used again.
fn is_whole<W: Waiting>(writer: &Writer<W>) -> Result<(), Violation> {
    let loans = |writer: &Writer<W>, most: u32| {
        let mut loans = Vec::new();
        for _ in 0..most {
            loans.extend(writer.try_loan(1));
        }
        loans.len()
    };
    // By who looks for what the dead have.
    if loans(writer, 3 * FAILURES_PER_LOOK) < CHUNKS - SLOTS {
        return Err(Violation::Unusable);
    }
    for _ in 0..2 * SLOTS {
        send(writer, 0).map_err(|_| Violation::Unusable)?;
    }
    match loans(writer, CHUNKS as u32) == CHUNKS - SLOTS {
        true => Ok(()),
        false => Err(Violation::Unusable),
    }
}

struct Table<'a> {
    extent: Extent,
    tallies: &'a mut Vec<Tally>,
}

impl Table<'_> {
    /// A writer dies; `sends` says whether it was to send a message.
    fn writing<W: Waiting>(
        &mut self,
        name: &'static str,
        set_up: &dyn Fn() -> World<W>,
        operation: fn(&Writer<W>) -> Option<()>,
        sends: bool,
    ) {
        let case = Case {
            name,
            set_up,
            victim: &|world, marks| {
                let writer = world.ring.writer().ok()?;
                world.bury()?;
                if world.start == Start::AllDead {
                    // The next one looks for what the dead have.
                    (1..FAILURES_PER_LOOK).for_each(|_| drop(writer.try_loan(1)));
                }
                marks.begin();
                let done = operation(&writer);
                marks.end();
                writer.detach();
                done
            },
            unblock: &|_| {},
            while_stopped: &World::go_past,
            check: &|world, fate| world.judge(sends, fate),
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    /// A reader dies, which had attached before `after` more were sent.
    fn reading<W: Waiting>(&mut self, name: &'static str, before: u64, after: u64) {
        let case = Case {
            name,
            set_up: &|| World::<W>::new(Start::Sent(before)),
            victim: &|world, marks| {
                let reader = world.ring.reader_from_oldest().ok()?;
                if before + after == 0 {
                    tire(|at| recv(&reader, at).is_ok());
                }
                let writer = world.ring.writer().ok()?;
                for number in before..before + after {
                    send(&writer, number).ok()?;
                }
                writer.detach();
                marks.begin();
                let done = recv(&reader, Deadline::Never);
                marks.end();
                match done {
                    Ok(Some(_)) | Err(RecvError::Lagged(_)) => Some(()),
                    _ => None,
                }
            },
            unblock: &|world| world.send(1),
            while_stopped: &|world| {
                world.others.set(before + after);
                world.go_past()
            },
            check: &|world, fate| {
                world.others.set(world.others.get().max(before + after));
                world.judge(false, fate)
            },
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    /// A reader comes, in a dead one's place or in its own, and leaves with a message in hand.
    fn coming_and_going(&mut self, name: &'static str, start: Start) {
        let case = Case {
            name,
            set_up: &|| World::<SpinThenFutex>::new(start),
            victim: &|world, marks| {
                world.bury()?;
                marks.begin();
                let reader = world.ring.reader_from_oldest();
                if let Ok(reader) = &reader {
                    core::mem::forget(reader.try_recv());
                }
                let done = reader.map(drop);
                marks.end();
                done.ok()
            },
            unblock: &|_| {},
            while_stopped: &World::go_past,
            check: &|world, fate| world.judge(false, fate),
        };
        self.tallies.push(run_case(&case, self.extent));
    }
}

fn send_one<W: Waiting>(writer: &Writer<W>) -> Option<()> {
    send(writer, VICTIMS).ok()
}

fn lend_one<W: Waiting>(writer: &Writer<W>) -> Option<()> {
    writer.try_loan(1).ok()?.release().ok()
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    let mut table = Table { extent, tallies };
    let new = |start| move || World::<SpinThenFutex>::new(start);
    let overwriting = Start::Sent(SLOTS as u64 + 1);
    let asleep = || World::<SpinThenFutex>::asleep(Start::Sent(1));
    table.writing("loan sent to all, overwriting", &new(overwriting), send_one, true);
    table.writing("loan sent to all, reader asleep", &asleep, send_one, true);
    table.writing("loan with all that the dead have", &new(Start::AllDead), lend_one, false);
    table.reading::<SpinThenFutex>("loan received by all, overtaken", 1, 2 * SLOTS as u64);
    table.coming_and_going("reader of loans in a dead one's place", Start::AllDead);
    // Unoptimized these have tens of thousands of instructions.
    if cfg!(debug_assertions) {
        return;
    }
    table.writing("loan sent to all", &new(Start::Sent(1)), send_one, true);
    table.writing("loan to all and release", &new(overwriting), lend_one, false);
    table.writing("loan sent behind a dead writer", &new(Start::DeadWriter), send_one, true);
    table.reading::<SpinThenFutex>("loan received by all", 1, 0);
    table.reading::<SpinThenFutex>("loan received by all, empty, asleep", 0, 0);
    table.coming_and_going("reader of loans comes and goes", Start::Sent(1));
    let new = |start| move || World::<Spin>::new(start);
    table.writing("spinning loan sent to all", &new(overwriting), send_one, true);
    table.reading::<Spin>("spinning loan received by all", 1, 0);
}
