//! [`Tracer`]: following a whole tree of tracees in one loop.
#![forbid(unsafe_code)]

use core::marker::PhantomData;

use linux_raw_sys::general::WNOHANG;

use super::error::Refused;
use super::stop::{Event, Stop};
use super::tracee::{Begin, OfThread, Report, Running};
use super::wait::{report, waited};
use crate::sys::process::WaitId;
use crate::{Errno, Pid, Result, Signal};

/// Storage for what a [`Tracer`] remembers of one tracee.
///
/// # Examples
///
/// ```
/// use rawipc::process::{Command, exec};
/// use rawipc::trace::{self, Options, Slot, Tracer};
///
/// let args = exec::List::of([c"true"]);
/// let command = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).traced();
/// let mut slots = [Slot::EMPTY; 64]; // for so many tracees at a time
/// let mut tracer = Tracer::new(&mut slots);
/// for _ in 0..2 {
///     tracer.add(trace::adopt(command.spawn()?.pid, Options::KILL_ON_EXIT))?;
/// }
/// assert_eq!(tracer.tids().count(), 2);
/// tracer.kill_all()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Slot(pub(super) Option<Entry>);

impl Slot {
    /// An empty slot.
    pub const EMPTY: Self = Self(None);
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) tid: Pid,
    begin: Begin,
    /// It has not yet been seen at the stop that it begins with.
    is_new: bool,
}

/// Waits for all tracees of this thread and those that they create, in one loop.
///
/// It remembers their numbers in the given slots, to distinguish the first stop of a new one
/// ([`Stop::New`]) from others. With more tracees than slots the loop still works: the first
/// stops of those without a slot are reported as what they look like ([`Stop::New`] says what).
/// [`kill_all`](Self::kill_all) and [`detach_all`](Self::detach_all) ask the kernel whom this
/// thread traces, and need no slot.
///
/// What to make of the order in which things are reported:
///
/// - A new tracee's first stop can come before the event of the one that made it, and
///   even its end can.
/// - When a thread executes a program, the other threads' ends are reported, but for the
///   first thread's; then the process's first number reports the
///   [`Exec`](Event::Exec), whichever thread called it. The number that this had is
///   gone without a report: it is the event's `former`.
/// - Of a process with several traced threads, the first one's end comes last.
///
/// The thread should have no untraced children: the kernel's wait does not distinguish them, so
/// that the loop reports their ends too; and if another thread traces one, that thread loses
/// its stops.
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::process::{self, Fork, WaitFlags};
/// use rawipc::trace::{self, Event, Options, Report, Slot, Stop, Tracer};
///
/// // SAFETY: the child only uses this crate and exits.
/// let child = match unsafe { process::fork()? } {
///     Fork::Child => {
///         let traced = trace::traceme().and_then(|()| rawipc::signal::raise(Signal::STOP));
///         // SAFETY: as above.
///         match unsafe { process::fork() } {
///             Ok(Fork::Child) => process::exit(0),
///             Ok(Fork::Parent(grandchild)) => {
///                 let end = process::wait(grandchild, WaitFlags::EXITED);
///                 process::exit(if traced.and(end).is_ok() { 0 } else { 1 })
///             }
///             Err(_) => process::exit(1),
///         }
///     }
///     Fork::Parent(child) => child,
/// };
/// let mut slots = [Slot::EMPTY; 16];
/// let mut tracer = Tracer::new(&mut slots);
/// tracer.add(trace::adopt(child, Options::FOLLOW | Options::KILL_ON_EXIT))?;
/// let (mut made, mut new, mut ended) = (0, 0, 0);
/// while let Some(report) = tracer.wait()? {
///     let stopped = match report {
///         Report::Ended(_) => {
///             ended += 1;
///             continue;
///         }
///         Report::Stopped(stopped) => stopped,
///     };
///     let signal = match stopped.stop() {
///         Stop::Event(Event::Fork(_)) => { made += 1; None }
///         Stop::New => { new += 1; None }
///         // Its own, for us.
///         Stop::Signal(Signal::STOP) => None,
///         _ => stopped.signal(),
///     };
///     stopped.cont(signal)?;
/// }
/// assert_eq!((made, new, ended), (1, 1, 2));
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Debug)]
pub struct Tracer<'s> {
    pub(super) slots: &'s mut [Slot],
    /// There was no slot for a tracee.
    pub(super) without_slot: bool,
    thread: OfThread,
}

impl<'s> Tracer<'s> {
    /// Creates a tracer with room for so many tracees; the slots are cleared.
    #[must_use]
    pub fn new(slots: &'s mut [Slot]) -> Self {
        slots.fill(Slot::EMPTY);
        Self {
            slots,
            without_slot: false,
            thread: PhantomData,
        }
    }

    /// Follows this tracee, and what it creates as far as its options say
    /// ([`Options::FOLLOW`](super::Options::FOLLOW)).
    ///
    /// # Errors
    ///
    /// With the handle: [`Errno::NOSPC`]: there is no slot left.
    pub fn add(&mut self, running: Running) -> Result<(), Refused<Running>> {
        let entry = Entry {
            tid: running.tid(),
            begin: running.begin(),
            is_new: matches!(running.begin(), Begin::Attached(_)),
        };
        if self.remember(entry) {
            Ok(())
        } else {
            Err(Refused {
                tracee: running,
                errno: Errno::NOSPC,
            })
        }
    }

    /// Returns the numbers of the tracees that it remembers.
    pub fn tids(&self) -> impl Iterator<Item = Pid> {
        self.slots.iter().filter_map(|slot| Some(slot.0?.tid))
    }

    pub(super) fn slot(&mut self, tid: Pid) -> Option<&mut Slot> {
        self.slots
            .iter_mut()
            .find(|slot| slot.0.is_some_and(|entry| entry.tid == tid))
    }

    /// Whether there was room.
    fn remember(&mut self, entry: Entry) -> bool {
        let place = match self.slot(entry.tid) {
            Some(slot) => Some(slot),
            None => self.slots.iter_mut().find(|slot| slot.0.is_none()),
        };
        match place {
            Some(slot) => {
                slot.0 = Some(entry);
                true
            }
            None => {
                self.without_slot = true;
                false
            }
        }
    }

    /// Forgets a tracee that was detached, or whose end was reported by other means
    /// ([`Running::wait`]).
    pub fn forget(&mut self, tid: Pid) {
        if let Some(slot) = self.slot(tid) {
            *slot = Slot::EMPTY;
        }
    }

    /// Blocks until any tracee has stopped or ended: `waitid(2)`. Returns `None` once there is
    /// none.
    ///
    /// A stopped tracee stays so until it is resumed; the [`Running`] that this returns
    /// can be dropped, for here is where its next report comes.
    ///
    /// # Errors
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions). What setting an
    /// added tracee's options is
    /// refused by, as [`Running::wait`].
    #[doc(alias = "waitpid")]
    pub fn wait(&mut self) -> Result<Option<Report>> {
        self.wait_with(0)
    }

    /// Like [`wait`](Self::wait), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: nothing has happened.
    #[doc(alias = "WNOHANG")]
    pub fn try_wait(&mut self) -> Result<Option<Report>> {
        self.wait_with(WNOHANG)
    }

    fn wait_with(&mut self, how: u32) -> Result<Option<Report>> {
        loop {
            let (tid, state) = match waited(WaitId::All, how) {
                Ok(Some(change)) => change,
                Ok(None) => return Err(Errno::AGAIN),
                Err(Errno::CHILD) => {
                    self.slots.fill(Slot::EMPTY);
                    return Ok(None);
                }
                Err(errno) => return Err(errno),
            };
            let known = self.slot(tid).and_then(|slot| slot.0);
            let begin = known.map_or(Begin::Done, |entry| entry.begin);
            let Some(mut report) = report(tid, state, begin)? else {
                continue;
            };
            match &mut report {
                Report::Ended(_) => self.forget(tid),
                Report::Stopped(stopped) => {
                    let stop = self.seen(tid, known, stopped.stop());
                    stopped.now_at(stop);
                }
            }
            return Ok(Some(report));
        }
    }

    /// Takes note of a stop, and says what it is, knowing whether the tracee is new.
    fn seen(&mut self, tid: Pid, known: Option<Entry>, stop: Stop) -> Stop {
        let is_new = known.is_none_or(|entry| entry.is_new);
        // One that was seized begins by the first or, when its group is stopped, the
        // second; any other one by the third, perhaps after other signals.
        let begins = is_new
            && matches!(
                stop,
                Stop::Interrupt | Stop::Group(_) | Stop::Signal(Signal::STOP)
            );
        if let Stop::Event(Event::Exec { former }) = stop
            && former != tid
        {
            self.forget(former);
        }
        let entry = Entry {
            tid,
            begin: Begin::Done,
            is_new: is_new && !begins,
        };
        // Without room it is new each time. Of one that has had its first stop that would
        // be wrong.
        let has_room = self.remember(entry);
        match stop {
            Stop::Group(_) => stop,
            _ if begins && has_room => Stop::New,
            _ => stop,
        }
    }
}
