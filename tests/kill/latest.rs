//! The latest value: what was published is whole and is read by everybody; the dead one's end, or
//! seat, is a successor's.

use core::cell::RefCell;

use rawipc::ring::latest::{Reader, Value, Writer};
use rawipc::ring::{AttachError, Error};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, run as run_case};
use crate::messages::{HUNG, PATIENCE, TORN, ends, limit, tire};

/// Long enough to be torn: its number, over and over, inverted: memory that nobody wrote to is no
/// value.
const LEN: usize = 5;
type Long = [u64; LEN];

fn long(number: u64) -> Long {
    [!number; LEN]
}

fn number_of(long: Long) -> Result<u64, Violation> {
    if long.iter().any(|word| *word != long[0]) {
        return Err(Violation::Torn);
    }
    Ok(!long[0])
}

/// What the victim writes, and what its successor does at last.
const NEXT: u64 = 3;
const LAST: u64 = 9;

struct World {
    value: Value<Long>,
    /// The ends that the test has.
    writer: RefCell<Option<Writer<Long>>>,
    reader: RefCell<Reader<Long>>,
    survivor: Option<Survivor>,
}

/// Who there is beside the victim.
#[derive(Clone, Copy, PartialEq)]
enum Beside {
    Nobody,
    /// A reader that waits for a newer value, with a seat.
    Sleeper,
    /// The seat of a reader that died is all that is free.
    DeadSeat,
}

impl World {
    /// The values 1 and 2 have been written; one reader is the test's.
    fn new(beside: Beside) -> Self {
        let value = Value::create(2).unwrap();
        let mut writer = value.writer().unwrap();
        writer.write(&long(1)).unwrap();
        let mut reader = value.reader().unwrap();
        assert_eq!(reader.read(), Ok(long(1)));
        writer.write(&long(2)).unwrap();
        let mut survivor = None;
        match beside {
            Beside::Nobody => {}
            Beside::DeadSeat => {
                let mut child = crate::support::Child::fork(|| {
                    let Ok(mut reader) = value.reader() else {
                        return 1;
                    };
                    let read = reader.read();
                    core::mem::forget(reader);
                    i32::from(read != Ok(long(2)))
                });
                assert_eq!(child.wait(), crate::support::End::Exited(0));
            }
            Beside::Sleeper => {
                let sleeper = Survivor::fork(|| wait_for_last(&value));
                sleeper.await_sleep();
                survivor = Some(sleeper);
            }
        }
        Self {
            value,
            writer: Some(writer).into(),
            reader: reader.into(),
            survivor,
        }
    }

    fn without_writer(beside: Beside) -> Self {
        let world = Self::new(beside);
        world.writer.take().unwrap().detach();
        world
    }
}

/// A sleeper ends with it that has seen a value twice.
const REPEATED: i32 = 4;

/// A sleeper's life: each value that it is woken by is newer.
fn wait_for_last(value: &Value<Long>) -> i32 {
    let Ok(mut reader) = value.reader() else {
        return 1;
    };
    let (limit, mut last) = (limit(), 0);
    loop {
        match reader.read_newer_until(limit).map(number_of) {
            Ok(Ok(number)) if number <= last => return REPEATED,
            Ok(Ok(LAST)) => return 0,
            Ok(Ok(number)) => last = number,
            // One that leaves without a last value is to have a successor too.
            Err(Error::PeerDied | Error::Closed) if !limit.has_passed() => {}
            Err(Error::PeerDied | Error::Closed | Error::TimedOut) => return HUNG,
            Ok(Err(_)) | Err(_) => return TORN,
        }
    }
}

fn survivor_ends(world: &World) -> Result<(), Violation> {
    match &world.survivor {
        Some(survivor) if survivor.end(2 * PATIENCE)? == REPEATED => Err(Violation::Repeated),
        survivor => ends(survivor.as_ref()),
    }
}

fn read(world: &World) -> Result<u64, Violation> {
    let long = world.reader.borrow_mut().read();
    number_of(long.map_err(|_| Violation::Unusable)?)
}

/// The readers, and a successor, go on without the dead writer.
fn check_writer(world: World, fate: &Fate) -> Result<&'static str, Violation> {
    let outcome = match read(&world)? {
        2 if fate.ended => return Err(Violation::Lost),
        2 => "nothing",
        NEXT => "written",
        _ => return Err(Violation::Torn),
    };
    let Ok(mut writer) = world.value.writer_until(limit()) else {
        return Err(Violation::Unusable);
    };
    // Each buffer is written again.
    for number in [5, 6, 7, 8, LAST] {
        writer
            .write(&long(number))
            .map_err(|_| Violation::Unusable)?;
        if read(&world)? != number {
            return Err(Violation::Lost);
        }
    }
    survivor_ends(&world)?;
    Ok(outcome)
}

/// The writer, another reader, and a successor in its seat go on without the dead reader.
fn check_reader(world: World, fate: &Fate) -> Result<&'static str, Violation> {
    let mut writer = world.writer.borrow_mut();
    let writer = writer.as_mut().unwrap();
    let begin = std::time::Instant::now();
    // A lock outlives its process by some milliseconds.
    let mut successor = loop {
        let Ok(reader) = world.value.reader() else {
            return Err(Violation::Unusable);
        };
        if reader.has_seat() {
            break reader;
        }
        if begin.elapsed() > PATIENCE {
            return Err(Violation::Hang);
        }
    };
    for number in [5, 6, 7, 8, LAST] {
        writer
            .write(&long(number))
            .map_err(|_| Violation::Unusable)?;
        let theirs = successor.read().map_err(|_| Violation::Unusable)?;
        if read(&world)? != number || number_of(theirs)? != number {
            return Err(Violation::Lost);
        }
    }
    Ok(if fate.ended { "read" } else { "begun" })
}

fn nobody_takes_the_writer(world: &World) -> Result<(), Violation> {
    let number = read(world)?;
    if !matches!(world.value.writer().err(), Some(AttachError::Occupied)) {
        return Err(Violation::Unusable);
    }
    if number == 2 || number == NEXT {
        Ok(())
    } else {
        Err(Violation::Torn)
    }
}

/// The writer does not wait for a reader that stands still, and does not write over what it holds.
fn writer_goes_on(world: &World) -> Result<(), Violation> {
    let mut writer = world.writer.borrow_mut();
    for number in 10..20 {
        let written = writer.as_mut().unwrap().write(&long(number));
        written.map_err(|_| Violation::Unusable)?;
        if read(world)? != number {
            return Err(Violation::Lost);
        }
    }
    Ok(())
}

struct Table<'a> {
    extent: Extent,
    tallies: &'a mut Vec<Tally>,
}

impl Table<'_> {
    fn writing(
        &mut self,
        name: &'static str,
        beside: Beside,
        operation: fn(&mut Option<Writer<Long>>, &Value<Long>) -> Option<()>,
        attaches: bool,
    ) {
        let case = Case {
            name,
            set_up: &|| World::without_writer(beside),
            victim: &|world, marks| {
                let mut writer = None;
                if !attaches {
                    writer = Some(world.value.writer().ok()?);
                }
                marks.begin();
                let done = operation(&mut writer, &world.value);
                marks.end();
                // It ends as it is.
                core::mem::forget(writer);
                done
            },
            unblock: &|_| {},
            while_stopped: &|_| Ok(()),
            check: &check_writer,
        };
        let case = if attaches {
            case
        } else {
            Case {
                while_stopped: &nobody_takes_the_writer,
                ..case
            }
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    fn reading(
        &mut self,
        name: &'static str,
        beside: Beside,
        operation: fn(&mut Option<Reader<Long>>, &Value<Long>) -> Option<()>,
        attaches: bool,
    ) {
        let case = Case {
            name,
            set_up: &|| World::new(beside),
            victim: &|world, marks| {
                let mut reader = None;
                if !attaches {
                    reader = Some(world.value.reader().ok()?);
                }
                if let (Some(reader), true) = (&mut reader, name.ends_with("asleep")) {
                    reader.read().ok()?;
                    tire(|at| reader.read_newer_until(at).is_ok());
                }
                marks.begin();
                let done = operation(&mut reader, &world.value);
                marks.end();
                core::mem::forget(reader);
                done
            },
            unblock: &|world| {
                let mut writer = world.writer.borrow_mut();
                writer.as_mut().unwrap().write(&long(4)).unwrap();
            },
            while_stopped: &writer_goes_on,
            check: &check_reader,
        };
        self.tallies.push(run_case(&case, self.extent));
    }
}

fn is_value(read: Result<Long, Error>) -> Option<()> {
    number_of(read.ok()?).ok().map(drop)
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    let mut table = Table { extent, tallies };
    let write = |writer: &mut Option<Writer<Long>>, _: &Value<Long>| {
        writer.as_mut()?.write(&long(NEXT)).ok()
    };
    table.writing("latest write", Beside::Nobody, write, false);
    table.writing("latest write, a reader sleeps", Beside::Sleeper, write, false);
    table.writing("latest write, a dead one's seat", Beside::DeadSeat, write, false);
    table.writing(
        "latest writer attached, writes, closes",
        Beside::Sleeper,
        |_, value| {
            let mut writer = value.writer().ok()?;
            writer.write(&long(NEXT)).ok()
        },
        true,
    );
    let read = |reader: &mut Option<Reader<Long>>, _: &Value<Long>| {
        is_value(reader.as_mut()?.read())
    };
    table.reading("latest read", Beside::Nobody, read, false);
    table.reading(
        "latest read again",
        Beside::Nobody,
        |reader, _| {
            let reader = reader.as_mut()?;
            is_value(reader.read())?;
            is_value(reader.read())
        },
        false,
    );
    table.reading(
        "latest read_newer, asleep",
        Beside::Nobody,
        |reader, _| is_value(reader.as_mut()?.read_newer_until(limit())),
        false,
    );
    table.reading(
        "latest reader attached in a dead one's seat, leaves",
        Beside::DeadSeat,
        |_, value| is_value(value.reader().ok()?.read()),
        true,
    );
}
