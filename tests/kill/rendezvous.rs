//! Meeting at a ring: whoever dies on the way, the name leads to a complete region or to none,
//! nobody's is taken away, and others meet as before.

use core::cell::RefCell;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};

use rawipc::Deadline;
use rawipc::rendezvous::{self, Error, Listener, Options};
use rawipc::ring::spsc;

use crate::harness::{
    Case, Extent, Fate, Survivor, Tally, Violation, comes_true, run_at_calls as run_case,
};

/// Nothing but a hang takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

fn limit() -> Deadline {
    Deadline::after(PATIENCE)
}

type Ring = spsc::Ring;

fn create() -> rawipc::Result<Ring> {
    Ring::create(1)
}

/// A folder in `/dev/shm` in which nothing is but what the operation leaves.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rawipc-test-{}-{number}", std::process::id());
        let path = Path::new("/dev/shm").join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// How many files there are.
    fn count(&self) -> usize {
        fs::read_dir(&self.0).unwrap().count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct World {
    folder: Folder,
    /// The name in it.
    name: PathBuf,
    /// Which the test has.
    ring: RefCell<Option<Ring>>,
}

/// What is there when the operation begins.
#[derive(Clone, Copy, PartialEq)]
enum Start {
    Nothing,
    /// A region that nobody has.
    Stale,
    /// One that the test has.
    Used,
}

impl World {
    fn new(start: Start) -> Self {
        let folder = Folder::new();
        let name = folder.0.join("ring");
        let ring = match start {
            Start::Nothing => None,
            _ => Some(Ring::open_or_create(&name, create).unwrap()),
        };
        let ring = ring.filter(|_| start == Start::Used);
        let ring = RefCell::new(ring);
        Self { folder, name, ring }
    }

    fn inode(&self) -> Option<u64> {
        rustix::fs::stat(&self.name).ok().map(|stat| stat.st_ino)
    }

    /// The test's is still that of the name.
    fn is_kept(&self) -> bool {
        self.ring.borrow().as_ref().is_none_or(|ring| {
            let stat = rustix::fs::fstat(ring).unwrap();
            self.inode() == Some(stat.st_ino)
        })
    }
}

/// After a death there is one file at most, complete, and it can be met at and buried.
fn check(world: World, fate: &Fate, is_there: impl Fn(bool) -> bool) -> Result<&'static str, Violation> {
    let count = world.folder.count();
    let there = world.inode().is_some();
    if count > 1 || there != (count == 1) {
        return Err(Violation::Repeated);
    }
    if !world.is_kept() {
        return Err(Violation::Lost);
    }
    if fate.ended && !is_there(there) {
        return Err(Violation::Lost);
    }
    if there && Ring::open_named(&world.name).is_err() {
        return Err(Violation::Torn);
    }
    let ring = Options::new()
        .open_or_create_until::<Ring>(&world.name, create, limit())
        .map_err(|_| Violation::Unusable)?;
    let (producer, consumer) = (ring.producer(), ring.consumer());
    let (Ok(mut producer), Ok(mut consumer)) = (producer, consumer) else {
        return Err(Violation::Unusable);
    };
    if producer.try_send(b"on").is_err() || consumer.try_recv(&mut [0; 8]) != Ok(2) {
        return Err(Violation::Unusable);
    }
    drop((producer, consumer, ring));
    drop(world.ring.take());
    // The dead's memory is gone in a moment.
    comes_true(PATIENCE, || rendezvous::remove_stale(&world.name) == Ok(()))?;
    match world.folder.count() {
        0 if there => Ok("there"),
        0 => Ok("absent"),
        _ => Err(Violation::Repeated),
    }
}

/// The living's may neither be buried nor be lost while it stands still.
fn while_stopped(world: &World) -> Result<(), Violation> {
    if !world.is_kept() {
        return Err(Violation::Unusable);
    }
    Ok(())
}

struct Row {
    name: &'static str,
    start: Start,
    operation: fn(&Path) -> bool,
    /// Whether the name may be there, or not, when it is over.
    is_there: fn(bool) -> bool,
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { name: "rendezvous: open_or_create, of a new name", start: Start::Nothing,
        operation: |name| Ring::open_or_create(name, create).is_ok(), is_there: |there| there },
    Row { name: "rendezvous: open_or_create, of one in use", start: Start::Used,
        operation: |name| Ring::open_or_create(name, create).is_ok(), is_there: |there| there },
    Row { name: "rendezvous: open_or_create, the stale replaced", start: Start::Stale,
        operation: |name| Options::new().replace_stale(true).open_or_create::<Ring>(name, create).is_ok(),
        is_there: |there| there },
    Row { name: "rendezvous: remove_stale, of a stale one", start: Start::Stale,
        operation: |name| rendezvous::remove_stale(name).is_ok(), is_there: |there| !there },
    Row { name: "rendezvous: remove_stale, of one in use", start: Start::Used,
        operation: |name| rendezvous::remove_stale(name) == Err(Error::InUse), is_there: |there| there },
    Row { name: "rendezvous: remove, of a stale one", start: Start::Stale,
        operation: |name| rendezvous::remove(name).is_ok(), is_there: |there| !there },
];

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    for row in ROWS {
        let case = Case {
            name: row.name,
            set_up: &|| World::new(row.start),
            victim: &|world: &World, marks| {
                marks.begin();
                let done = (row.operation)(&world.name);
                marks.end();
                done.then_some(())
            },
            unblock: &|_| {},
            while_stopped: &while_stopped,
            check: &|world, fate| check(world, fate, row.is_there),
        };
        tallies.push(run_case(&case, extent));
    }
    tallies.push(run_case(&connecting(), extent));
    tallies.push(run_case(&accepting(), extent));
}

/// A listener, in this process or another, and who connects.
struct Meeting {
    folder: Folder,
    listener: Option<Listener>,
    other: Option<Survivor>,
    ring: Ring,
}

impl Meeting {
    fn path(&self) -> PathBuf {
        self.folder.0.join("socket")
    }
}

/// The client dies: the listener hands over to the next.
fn connecting() -> Case<'static, Meeting> {
    Case {
        name: "rendezvous: connect",
        set_up: &|| {
            let folder = Folder::new();
            let listener = Some(Listener::bind(folder.0.join("socket")).unwrap());
            let ring = create().unwrap();
            Meeting { folder, listener, other: None, ring }
        },
        victim: &|meeting, marks| {
            let path = meeting.path();
            marks.begin();
            let ring = Ring::connect_until(&path, limit());
            marks.end();
            ring.ok().map(drop)
        },
        unblock: &|meeting| {
            let _ = meeting.listener.as_ref().unwrap().try_accept(&meeting.ring);
        },
        while_stopped: &|_| Ok(()),
        check: &|meeting, _| {
            let listener = meeting.listener.as_ref().unwrap();
            // Whatever the dead one left of itself in the queue.
            while listener.try_accept(&meeting.ring).is_ok() {}
            let _ = listener.try_accept(&meeting.ring);
            let path = meeting.path();
            let next = Survivor::fork(|| i32::from(Ring::connect_until(&path, limit()).is_err()));
            listener.accept_until(&meeting.ring, limit()).map_err(|_| Violation::Unusable)?;
            match next.end(PATIENCE)? {
                0 => Ok("next served"),
                _ => Err(Violation::Unusable),
            }
        },
    }
}

/// The listener dies: a client is told, or has the region; another listens at the path.
fn accepting() -> Case<'static, Meeting> {
    Case {
        name: "rendezvous: bind and accept",
        set_up: &|| {
            let (folder, ring) = (Folder::new(), create().unwrap());
            let path = folder.0.join("socket");
            let client = Survivor::fork(|| {
                // Until somebody listens who does not die.
                loop {
                    match Ring::connect_until(&path, limit()) {
                        Ok(_) => return 0,
                        Err(Error::NotListener) => {}
                        Err(_) => return 1,
                    }
                }
            });
            Meeting { folder, listener: None, other: Some(client), ring }
        },
        victim: &|meeting, marks| {
            let path = meeting.path();
            marks.begin();
            let listener = Listener::bind(&path);
            let accepted = listener.map(|it| it.accept_until(&meeting.ring, limit()).is_ok());
            marks.end();
            (accepted == Ok(true)).then_some(())
        },
        unblock: &|_| {},
        while_stopped: &|_| Ok(()),
        check: &|meeting, _| {
            let listener = Listener::bind(meeting.path()).map_err(|_| Violation::Unusable)?;
            let client = meeting.other.as_ref().unwrap();
            comes_true(PATIENCE, || {
                let _ = listener.try_accept(&meeting.ring);
                client.has_exited()
            })?;
            drop(listener);
            match (client.end(PATIENCE)?, meeting.folder.count()) {
                (0, 0) => Ok("next listens"),
                (0, _) => Err(Violation::Repeated),
                _ => Err(Violation::Unusable),
            }
        },
    }
}
