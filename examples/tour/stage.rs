//! The stage: a row's two processes are started, watched, and judged.

use core::time::Duration;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::actor::{Actor, State};
use crate::control::{Control, Report, Word};
use crate::half::Failure;
use crate::interrupt::Interrupt;
use crate::left::Left;
use crate::link::Link;
use crate::options::{Part, Role};
use crate::report::Row;
use crate::rows::{Measure, Mechanism};
use crate::source::Source;

/// How long the other half may go on when one has failed, so that it can say why.
const GRACE: Duration = Duration::from_secs(1);
/// After this long, and as often, a row says on a terminal how far it is.
const PATIENCE: Duration = Duration::from_millis(500);

/// Has `mechanism` played by two processes.
///
/// # Errors
///
/// What is wrong with FILE.
pub(crate) fn perform(
    mechanism: &'static Mechanism,
    source: &Source,
    limit: Duration,
) -> Result<Row, String> {
    let mut row = Row {
        mechanism,
        bytes: 0,
        messages: 0,
        time: Duration::ZERO,
        verdict: Ok(()),
    };
    match Stage::set(mechanism, source) {
        Ok(mut stage) => {
            stage.watch(limit);
            stage.judge(&mut row)?;
        }
        Err(error) => row.verdict = Err(format!("does not start: {error}")),
    }
    // Whatever the halves noticed of it.
    source.check()?;
    Ok(row)
}

struct Stage {
    mechanism: &'static Mechanism,
    size: u64,
    actors: [Actor; 2],
    left: Left,
    /// The last to be dropped: a signal ends the tour when nothing is left of the row.
    interrupt: Interrupt,
}

/// The line about a row that takes long, on a terminal.
struct Progress {
    name: &'static str,
    total: Option<u64>,
    begin: Instant,
    amount: u64,
    shown: bool,
}

impl Stage {
    fn set(mechanism: &'static Mechanism, source: &Source) -> io::Result<Self> {
        let scratch = std::env::temp_dir().join(format!("rawipc-tour-{}", std::process::id()));
        let start = |role, link: &Link| {
            let (ours, theirs) = Control::pair()?;
            let part = Part {
                role,
                mechanism,
                control: theirs.as_fd().as_raw_fd(),
                link: link.as_fd().as_raw_fd(),
                file: source.file.as_raw_fd(),
                size: source.size,
                scratch: scratch.clone(),
            };
            Actor::start(&part, ours, [part.control, part.link, part.file])
        };
        let (sender_link, receiver_link) = Link::pair()?;
        // Before there is anything to be left.
        let interrupt = Interrupt::new()?;
        Ok(Self {
            mechanism,
            size: source.size,
            actors: [
                start(Role::Sender, &sender_link)?,
                start(Role::Receiver, &receiver_link)?,
            ],
            left: Left::new(scratch),
            interrupt,
        })
    }

    /// Listens to both halves until they have ended, or until they need no longer
    /// be waited for.
    fn watch(&mut self, limit: Duration) {
        let mut progress = Progress::new(self.mechanism, self.size);
        let mut until = Instant::now() + limit;
        while self.actors.iter().any(|actor| !actor.gone) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.stop(limit);
                return;
            }
            let failed = self.failed();
            let (interrupted, ready) = self.ready(left.min(PATIENCE));
            if interrupted {
                return;
            }
            for index in ready {
                match self.actors[index].listen() {
                    Some(Word::Progress(amount)) => {
                        progress.amount(amount);
                        if !failed {
                            until = Instant::now() + limit;
                        }
                    }
                    Some(word) => self.left.note(word),
                    None => {}
                }
            }
            if self.unusable().is_some() {
                return;
            }
            if self.failed() && !failed {
                until = Instant::now() + GRACE.min(limit);
            }
            progress.show();
        }
    }

    /// What a half has found wrong with FILE.
    fn unusable(&self) -> Option<&str> {
        self.actors.iter().find_map(|actor| match &actor.state {
            State::Failed(Failure::File(text)) => Some(text.as_str()),
            _ => None,
        })
    }

    fn failed(&self) -> bool {
        self.actors
            .iter()
            .any(|actor| matches!(actor.state, State::Failed(_)))
    }

    /// Whether a signal has arrived, and the halves that have something to say.
    fn ready(&self, timeout: Duration) -> (bool, Vec<usize>) {
        let speaking: Vec<usize> = (0..self.actors.len())
            .filter(|&index| !self.actors[index].gone)
            .collect();
        let mut fds: Vec<PollFd<'_>> = speaking
            .iter()
            .map(|&index| PollFd::new(&self.actors[index].control, PollFlags::IN))
            .collect();
        fds.push(PollFd::new(&self.interrupt, PollFlags::IN));
        match poll(&mut fds, timeout.try_into().ok().as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            // Then let recv say what is wrong.
            Err(_) => return (false, speaking),
        }
        let interrupted = fds.pop().is_some_and(|fd| !fd.revents().is_empty());
        let ready = speaking.into_iter().zip(&fds);
        let ready = ready.filter_map(|(index, fd)| (!fd.revents().is_empty()).then_some(index));
        (interrupted, ready.collect())
    }

    /// The time is over: whoever still plays is at fault, or held up by the one
    /// who failed.
    fn stop(&mut self, limit: Duration) {
        let failed = self.failed();
        let playing = |actor: &&mut Actor| matches!(actor.state, State::Playing);
        for actor in self.actors.iter_mut().filter(playing) {
            actor.state = if failed {
                State::Stopped
            } else {
                let text = format!("nothing moved for {} s", limit.as_secs());
                State::Failed(Failure::Mechanism(text))
            };
        }
    }

    /// Fills in the row.
    ///
    /// # Errors
    ///
    /// What is wrong with FILE.
    fn judge(&self, row: &mut Row) -> Result<(), String> {
        if let [State::Done(sent), State::Done(arrived)] = self.actors.each_ref().map(|a| &a.state)
        {
            row.bytes = sent.bytes;
            row.messages = sent.messages.unwrap_or(0);
            row.time = Duration::from_nanos(sent.end.max(arrived.end).saturating_sub(sent.begin));
            row.verdict = self.compare(sent, arrived);
            return Ok(());
        }
        if let Some(text) = self.unusable() {
            return Err(text.into());
        }
        let reasons: Vec<String> = self
            .actors
            .iter()
            .filter_map(|actor| match &actor.state {
                State::Failed(failure) => Some(format!("{}: {failure}", actor.role.name())),
                State::Playing | State::Done(_) | State::Stopped => None,
            })
            .collect();
        row.verdict = Err(reasons.join("; "));
        Ok(())
    }

    /// Whether what arrived is what was sent, and is all.
    fn compare(&self, sent: &Report, arrived: &Report) -> Result<(), String> {
        let messages = sent.messages.unwrap_or(0);
        if self.mechanism.measure == Measure::Bytes && sent.bytes != self.size {
            return Err(format!("only {} bytes were sent", sent.bytes));
        }
        if self.mechanism.measure == Measure::Events && messages == 0 {
            return Err("nothing happened".into());
        }
        if arrived.bytes != sent.bytes {
            return Err(format!("{} bytes arrived", arrived.bytes));
        }
        if arrived.messages.is_some_and(|count| count != messages) {
            return Err(format!("{} arrived", arrived.messages.unwrap_or(0)));
        }
        if arrived.checksum != sent.checksum {
            return Err(format!(
                "checksum {:016x} was sent, {:016x} arrived",
                sent.checksum, arrived.checksum
            ));
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for actor in &mut self.actors {
            actor.end_now();
            // What they have said, and nobody has listened to.
            while let Ok(Some(word)) = actor.control.hear() {
                self.left.note(word);
            }
        }
        self.left.remove();
    }
}

impl Progress {
    fn new(mechanism: &Mechanism, size: u64) -> Self {
        Self {
            name: mechanism.name,
            total: (mechanism.measure == Measure::Bytes && size > 0).then_some(size),
            begin: Instant::now(),
            amount: 0,
            shown: false,
        }
    }

    fn amount(&mut self, amount: u64) {
        self.amount = self.amount.max(amount);
    }

    fn show(&mut self) {
        let mut stderr = io::stderr().lock();
        if self.begin.elapsed() < PATIENCE || !stderr.is_terminal() {
            return;
        }
        let far = match self.total {
            Some(total) => format!(
                "{} %",
                (self.amount.min(total) as f64 / total as f64 * 100.0) as u64
            ),
            None => format!("{} s", self.begin.elapsed().as_secs()),
        };
        self.shown = write!(stderr, "\r{}: {far}\x1b[K", self.name).is_ok();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}
