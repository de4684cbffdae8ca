//! Starts the process that the event loops talk to: it sends back what it receives.
//!
//! It gets numbers by a ring and sends each back by another one, so that a loop waits for data and
//! for room. The rings are small: both happens often.

use std::error::Error;
use std::io;

use rawipc::process::{self, Command, FdMapping, Spawned, State, WaitFlags, exec};
use rawipc::ring;
use rawipc::ring::doorbell::{Bells, Consumer, Producer, Ring};

/// How many numbers are sent there and back.
pub const COUNT: u64 = 20_000;

/// The room of each ring, in bytes.
const CAPACITY: usize = 4096;

/// The other process, and the loop's ends of the two rings to and from it.
pub struct Other {
    pub there: Producer,
    pub back: Consumer,
    pub process: Spawned,
}

impl Other {
    /// Starts this program again as the other process.
    pub fn start() -> Result<Self, Box<dyn Error>> {
        let there = Ring::create(CAPACITY, Bells::Timer)?;
        let back = Ring::create(CAPACITY, Bells::Timer)?;
        let args = exec::List::of([c"echo", c"echo"]);
        let [a, b, c] = there.descriptors();
        let [d, e, f] = back.descriptors();
        let given = [(a, 3), (b, 4), (c, 5), (d, 6), (e, 7), (f, 8)];
        let process = Command::path(c"/proc/self/exe", &args, exec::Strings::EMPTY)
            .inherit(
                &given
                    .each_ref()
                    .map(|(fd, number)| FdMapping::new(fd, *number)),
            )
            .spawn()?;
        Ok(Self {
            there: there.producer()?,
            back: back.consumer()?,
            process,
        })
    }

    /// Closes the rings, and waits for the other process, which then ends.
    pub fn end(self) -> Result<(), Box<dyn Error>> {
        drop((self.there, self.back));
        let change = process::wait(&self.process, WaitFlags::EXITED)?;
        match change.state {
            State::Exited(0) => Ok(()),
            state => Err(format!("the other process: {state:?}").into()),
        }
    }
}

/// If this is the other process: sends back what comes, until the loop closes its end, and returns
/// `true`.
pub fn is_other() -> Result<bool, Box<dyn Error>> {
    if std::env::args().nth(1).as_deref() != Some("echo") {
        return Ok(false);
    }
    let mut from = Ring::from_inherited([3, 4, 5])?.consumer()?;
    let mut to = Ring::from_inherited([6, 7, 8])?.producer()?;
    let mut record = [0; 8];
    loop {
        match from.recv(&mut record) {
            Ok(len) => to.send(&record[..len])?,
            Err(ring::Error::Closed) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Returns the number in a record, if it is the one that comes next.
pub fn expect(record: &[u8], next: u64) -> io::Result<u64> {
    if record == next.to_ne_bytes() {
        Ok(next)
    } else {
        Err(io::Error::other(format!(
            "{record:?} where {next} comes next"
        )))
    }
}
