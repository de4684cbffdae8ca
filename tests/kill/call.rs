//! Calls: each is executed once or not, its client knows, and every slot can be had again.

use core::cell::RefCell;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use rawipc::{AsFd, Deadline};
use rawipc::memory::{MapOptions, Mapping};
use rawipc::ring::Error;
use rawipc::ring::call::{CallError, Client, Server, Service};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, run as run_case};
use crate::messages::tire;
use crate::support::LIMIT;

/// Nothing but a hang takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

fn limit() -> Deadline {
    Deadline::after(PATIENCE)
}

/// The number of the request that the victim makes, of the one that survivors make meanwhile, and of
/// the last one.
const VICTIMS: u64 = 1;
const MEANWHILE: u64 = 2;
const LAST: u64 = 3;

/// The number of a member that is not there.
const NOBODY: u64 = 1 << 20;

/// What a survivor's end says.
const HUNG: i32 = 2;
const TORN: i32 = 3;
const NOT_EXECUTED: i32 = 4;
const PERHAPS: i32 = 5;
const UNANSWERED: i32 = 6;

/// Requests and responses have four words, all alike.
const WORDS: usize = 4;

fn bytes(number: u64) -> [u8; 8 * WORDS] {
    let mut bytes = [0; 8 * WORDS];
    for word in bytes.as_chunks_mut::<8>().0 {
        *word = (!number).to_ne_bytes();
    }
    bytes
}

/// The number that these bytes are, if they are whole.
fn number(bytes: &[u8; 8 * WORDS]) -> Option<u64> {
    let words = bytes.as_chunks::<8>().0;
    let is_whole = words.iter().all(|word| *word == words[0]);
    is_whole.then_some(!u64::from_ne_bytes(words[0]))
}

/// Calls with this number; the response must be twice that.
fn call(client: &Client, asked: u64, at: Deadline) -> Result<bool, CallError> {
    let mut response = [0; 8 * WORDS];
    client.call_until(&bytes(asked), &mut response, at)?;
    Ok(number(&response) == Some(2 * asked))
}

struct World {
    service: Service,
    client: Client,
    /// One that lives and serves nothing: nobody is told that there is no server.
    _server: Server,
    /// Who serves, or calls, while the victim does the other.
    survivor: RefCell<Option<Survivor>>,
    /// How often each number was executed.
    executed: Mapping,
}

impl World {
    fn new() -> Self {
        // One slot: what the dead have is in everybody's way.
        let service = Service::create(1, 8 * WORDS, 8 * WORDS).unwrap();
        Self {
            client: service.client().unwrap(),
            _server: service.server().unwrap(),
            service,
            survivor: RefCell::default(),
            executed: MapOptions::shared(4096).map_anonymous().unwrap(),
        }
    }

    fn executed(&self, number: u64) -> &AtomicU64 {
        self.executed.object(8 * number as usize).unwrap()
    }

    /// `None`: what nobody asked.
    fn serve(&self, server: &Server, at: Deadline) -> Result<Option<u64>, Error> {
        let request = server.recv_until(at)?;
        let mut buffer = [0; 8 * WORDS];
        request.copy_to(&mut buffer)?;
        let Some(number) = number(&buffer).filter(|number| *number <= LAST) else {
            return Ok(None);
        };
        self.executed(number).fetch_add(1, Ordering::AcqRel);
        request.respond(&bytes(2 * number))?;
        Ok(Some(number))
    }

    /// Serves until the last request.
    fn serve_all(&self) -> i32 {
        let Ok(server) = self.service.server() else {
            return 1;
        };
        let limit = limit();
        loop {
            match self.serve(&server, limit) {
                Ok(Some(LAST)) => return 0,
                Ok(Some(_)) => {}
                Err(Error::TimedOut) => return HUNG,
                Ok(None) | Err(_) => return TORN,
            }
        }
    }

    fn call_once(&self) -> i32 {
        let Ok(client) = self.service.client() else {
            return 1;
        };
        match call(&client, MEANWHILE, limit()) {
            Ok(true) => 0,
            Err(CallError::NotExecuted(Error::TimedOut)) => HUNG,
            Err(CallError::PerhapsExecuted(Error::TimedOut)) => HUNG,
            Err(CallError::NotExecuted(_)) => NOT_EXECUTED,
            Err(CallError::PerhapsExecuted(Error::PeerDied)) => PERHAPS,
            Err(CallError::Unanswered) => UNANSWERED,
            Ok(false) | Err(_) => TORN,
        }
    }

    /// With a survivor that serves, asleep.
    fn served() -> Self {
        let world = Self::new();
        let survivor = Survivor::fork(|| world.serve_all());
        survivor.await_sleep();
        world.survivor.replace(Some(survivor));
        world
    }

    /// With a survivor that calls, asleep.
    fn called() -> Self {
        let world = Self::new();
        world.is_called();
        world.survivor.borrow().as_ref().unwrap().await_sleep();
        world
    }

    /// Has a survivor call, if none does.
    fn is_called(&self) {
        let mut survivor = self.survivor.borrow_mut();
        survivor.get_or_insert_with(|| Survivor::fork(|| self.call_once()));
    }

    /// Leaves the slot in the hands of a client that died as it wrote its request.
    fn dies_in_the_slot(&self) -> Option<()> {
        let memory = MapOptions::shared(1 << 13).map(self.service.as_fd()).ok()?;
        // How long the head is stands in it.
        let head: u64 = memory.read(24).ok()?;
        let word: &AtomicU64 = memory.object(head as usize).ok()?;
        // Once nobody has it: what is put upon another one's claim is nobody's.
        let begin = std::time::Instant::now();
        while begin.elapsed() < LIMIT {
            let seen = word.load(Ordering::Acquire);
            let claimed = seen | NOBODY << 42 | 1 << 38;
            if seen >> 38 == 0
                && (word.compare_exchange(seen, claimed, Ordering::AcqRel, Ordering::Relaxed)).is_ok()
            {
                return Some(());
            }
        }
        None
    }

    /// A last call is served.
    fn ends_well(&self) -> Result<(), Violation> {
        match call(&self.client, LAST, limit()) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Violation::Torn),
            Err(error) if error.error() == Some(Error::TimedOut) => Err(Violation::Hang),
            Err(_) => Err(Violation::Unusable),
        }
    }

    /// Each of them once at most.
    fn counts(&self) -> Result<(), Violation> {
        let counts = [VICTIMS, MEANWHILE, LAST].map(|it| self.executed(it).load(Ordering::Acquire));
        match counts.iter().all(|count| *count <= 1) {
            true => Ok(()),
            false => Err(Violation::Repeated),
        }
    }

    /// A client died, and a survivor serves.
    fn judge_client(self, calls: bool, fate: &Fate) -> Result<&'static str, Violation> {
        self.ends_well()?;
        match self.survivor.borrow().as_ref().unwrap().end(2 * PATIENCE)? {
            0 => {}
            HUNG => return Err(Violation::Hang),
            _ => return Err(Violation::Torn),
        }
        self.counts()?;
        match self.executed(VICTIMS).load(Ordering::Acquire) {
            0 if calls && fate.ended => Err(Violation::Lost),
            0 => Ok("not executed"),
            _ => Ok("executed"),
        }
    }

    /// A server died, and a survivor has called.
    fn judge_server(self, fate: &Fate) -> Result<&'static str, Violation> {
        self.is_called();
        // Whatever it was told: another server is there now.
        let successor = Survivor::fork(|| self.serve_all());
        let told = self.survivor.borrow().as_ref().unwrap().end(2 * PATIENCE)?;
        self.ends_well()?;
        match successor.end(2 * PATIENCE)? {
            0 => {}
            HUNG => return Err(Violation::Hang),
            _ => return Err(Violation::Torn),
        }
        self.counts()?;
        match (told, self.executed(MEANWHILE).load(Ordering::Acquire)) {
            (0, 1) => Ok("responded"),
            (PERHAPS, _) if !fate.ended => Ok("perhaps executed"),
            (NOT_EXECUTED, 0) => Ok("not executed"),
            (UNANSWERED, 0) => Ok("dropped"),
            (HUNG, _) => Err(Violation::Hang),
            (0 | PERHAPS, _) => Err(Violation::Lost),
            _ => Err(Violation::Torn),
        }
    }
}

struct Table<'a> {
    extent: Extent,
    tallies: &'a mut Vec<Tally>,
}

impl Table<'_> {
    /// The victim calls, as `prepare` makes it ready to.
    fn calling(
        &mut self,
        name: &'static str,
        prepare: fn(&World, &Client) -> Option<()>,
        operation: fn(&Client) -> Option<()>,
        calls: bool,
    ) {
        let case = Case {
            name,
            set_up: &World::served,
            victim: &|world: &World, marks| {
                let client = world.service.client().ok()?;
                prepare(world, &client)?;
                marks.begin();
                let done = operation(&client);
                marks.end();
                done
            },
            // The survivor serves.
            unblock: &|_| {},
            while_stopped: &|_| Ok(()),
            check: &|world, fate| world.judge_client(calls, fate),
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    /// The victim serves a survivor that calls, or will when the victim sleeps.
    fn serving(
        &mut self,
        name: &'static str,
        set_up: fn() -> World,
        operation: fn(&World, &Server) -> Option<()>,
    ) {
        let case = Case {
            name,
            set_up: &set_up,
            victim: &|world, marks| {
                let server = world.service.server().ok()?;
                if world.survivor.borrow().is_none() {
                    tire(|soon| server.recv_until(soon).is_ok());
                }
                marks.begin();
                let done = operation(world, &server);
                marks.end();
                done
            },
            unblock: &World::is_called,
            while_stopped: &|_| Ok(()),
            check: &World::judge_server,
        };
        self.tallies.push(run_case(&case, self.extent));
    }

    /// The victim comes and goes, beside a survivor at the other end.
    fn coming_and_going(
        &mut self,
        name: &'static str,
        set_up: fn() -> World,
        attach: fn(&World) -> Option<()>,
        check: fn(World, &Fate) -> Result<&'static str, Violation>,
    ) {
        let case = Case {
            name,
            set_up: &set_up,
            victim: &|world, marks| {
                marks.begin();
                let done = attach(world);
                marks.end();
                done
            },
            unblock: &|_| {},
            while_stopped: &|_| Ok(()),
            check: &check,
        };
        self.tallies.push(run_case(&case, self.extent));
    }
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    let mut table = Table { extent, tallies };
    let at_once = |_: &World, _: &Client| Some(());
    let once = |client: &Client| call(client, VICTIMS, limit()).ok()?.then_some(());
    table.calling("call, server asleep", at_once, once, true);
    table.calling(
        "call until a moment",
        at_once,
        |client| {
            let _ = call(client, VICTIMS, Deadline::NOW);
            Some(())
        },
        false,
    );
    table.serving("serve, client asleep", World::called, |world, server| {
        world.serve(server, limit()).ok()?.map(drop)
    });
    table.serving("receive and drop", World::called, |_, server| {
        drop(server.recv_until(limit()).ok()?);
        Some(())
    });
    // Unoptimized these have tens of thousands of instructions.
    if cfg!(debug_assertions) {
        return;
    }
    table.coming_and_going(
        "client of calls comes and goes",
        World::served,
        |world| world.service.client().ok().map(drop),
        |world, fate| world.judge_client(false, fate),
    );
    table.coming_and_going(
        "server of calls comes and goes",
        World::called,
        |world| world.service.server().ok().map(drop),
        World::judge_server,
    );
    // Each of these sleeps for milliseconds.
    if let Extent::Every = extent {
        table.extent = Extent::Some(300);
    }
    table.calling(
        "call, the slot is a dead one's",
        |world, client| {
            tire(|soon| call(client, 0, soon).is_ok());
            // When the server has done with all of these.
            call(client, 0, limit()).ok()?.then_some(())?;
            world.dies_in_the_slot()
        },
        once,
        true,
    );
    table.serving("serve, asleep", World::new, |world, server| {
        world.serve(server, limit()).ok()?.map(drop)
    });
}
