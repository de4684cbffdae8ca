//! A reader, whatever the values are.

use core::sync::atomic::Ordering::SeqCst;
use core::time::Duration;

use super::form::{Form, Memory, Parts};
use super::line::Seen;
use crate::primitive::{fence, pause, rest};
use crate::region::{self, Flat, Refusal};
use crate::ring::spins::Spins;
use crate::ring::waiting::{self, Awaited, Failures};
use crate::ring::{Error, Halt, Peer};
use crate::sync::owner::{Owner, is_held_by_the_dead};
use crate::{Deadline, Errno};

/// How often a reader without a seat copies a value again that was written over meanwhile.
const ATTEMPTS: usize = 1024;

/// How many bytes it copies so, at least one value: a hostile writer makes each copy a failure.
const ATTEMPTED_BYTES: usize = 1 << 22;

/// How often a reader looks that cannot say that it sleeps.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// An attached reader.
#[derive(Debug)]
pub(super) struct Reading {
    parts: Parts,
    /// The place of its seat.
    seat: Option<usize>,
    /// Whether it can say in the word that it sleeps.
    may_write: bool,
    /// The buffer that the seat holds: it has the value that was read last, still.
    held: Option<usize>,
    /// Without a seat: the version of the value that was read last.
    version: u64,
    /// Whether there has been a value.
    exists: bool,
    spins: Spins,
    failures: Failures,
}

impl Reading {
    pub(super) fn attach(memory: &Memory, is_late: impl Fn() -> bool) -> Result<Self, Refusal> {
        if !memory.is_writable {
            return Self::look_on(memory);
        }
        let member = memory.source.join(is_late)?;
        Ok(Self::of(Parts::new(member, memory.form)))
    }

    /// As [`attach`](Self::attach), by a seat at the memory.
    pub(super) fn attach_by(memory: &Memory, by: region::Seat) -> Result<Self, Refusal> {
        if !memory.is_writable {
            return Self::look_on(memory);
        }
        let member = memory.source.join_by(by)?;
        Ok(Self::of(Parts::new(member, memory.form)))
    }

    /// That of who can only read.
    fn look_on(memory: &Memory) -> Result<Self, Refusal> {
        let member = memory.source.observe(false)?;
        Ok(Self::new(Parts::new(member, memory.form), None, false))
    }

    /// That of a member, with a seat if there is one.
    fn of(parts: Parts) -> Self {
        let take = |bury| {
            let mut seats = parts.seats().iter();
            seats.position(|seat| seat.take(&parts.member, bury))
        };
        // Who lives is asked, by a system call each, only if all are somebody's.
        let seat = take(false).or_else(|| take(true));
        Self::new(parts, seat, true)
    }

    fn new(parts: Parts, seat: Option<usize>, may_write: bool) -> Self {
        Self {
            parts,
            seat,
            may_write,
            held: None,
            version: 0,
            exists: false,
            spins: Spins::new(),
            failures: Failures::default(),
        }
    }

    pub(super) fn has_seat(&self) -> bool {
        self.seat.is_some()
    }

    #[inline(always)]
    pub(super) fn form(&self) -> Form {
        self.parts.form
    }

    /// The version of the value that was read last: 0 if none was.
    pub(super) fn version(&self) -> u64 {
        match self.held {
            Some(held) => self.parts.version(held).unwrap_or(0),
            None => self.version,
        }
    }

    pub(super) fn peer(&self) -> Peer {
        let line = self.parts.line();
        Peer::of(&line.writer, &self.parts.member, line.load().is_closed())
    }

    /// Makes sure that this is no forked child's copy.
    #[inline(always)]
    fn attached(&self) -> Result<(), Halt> {
        if self.parts.member.is_copy() {
            return Err(Halt::Forked);
        }
        Ok(())
    }

    /// Has `copy` copy the latest value, which begins at that place of that memory. Without a
    /// seat it does so again if the value was written over meanwhile.
    #[inline(always)]
    pub(super) fn read<T>(
        &mut self,
        mut copy: impl FnMut(Flat<'_>, usize) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.seat.is_none() {
            return self.read_unheld(copy);
        }
        let place = self.pin()?;
        copy(self.parts.data(), place)
    }

    /// Holds the latest value, until the next call, and returns where it begins.
    #[inline(always)]
    pub(super) fn pin(&mut self) -> Result<usize, Halt> {
        self.attached()?;
        let latest = self.parts.line().load().buffer();
        // A buffer that is held is not written again: it can only be the latest value still.
        let held = if self.held == Some(latest) {
            latest
        } else {
            self.pin_another(latest)?
        };
        Ok(self.parts.place(held))
    }

    #[inline]
    fn pin_another(&mut self, latest: usize) -> Result<usize, Halt> {
        if !self.exists(latest)? {
            return Err(Halt::WouldBlock);
        }
        let me = self.parts.member.number();
        let seat = self.seat.and_then(|seat| self.parts.seats().get(seat));
        let seat = seat.ok_or(Halt::Corrupt)?;
        self.held = None;
        seat.want(me);
        // SeqCst [F1], with [F2] in `Writing::choose`: after it is wanted, and before it is looked
        // which is the latest. Either the writer sees that it is wanted, or this sees which was
        // the latest when the writer looked.
        fence(SeqCst);
        let latest = self.parts.line().load().buffer();
        let held = seat.hold(me, latest)?;
        if held >= self.parts.form.buffers() {
            return Err(Halt::Corrupt);
        }
        self.held = Some(held);
        Ok(held)
    }

    /// What is in the buffers.
    pub(super) fn data(&self) -> Flat<'_> {
        self.parts.data()
    }

    /// The bytes at `place`, for those who may look.
    pub(super) fn pointer(&self, place: usize, len: usize) -> Result<*const u8, Halt> {
        // A buffer is never shorter.
        let first = self.parts.data().pointer(place, len);
        Ok(first.ok_or(Halt::Corrupt)?.cast_const())
    }

    /// Whether there has been a value, where `latest` has the latest one if so.
    #[inline(always)]
    fn exists(&mut self, latest: usize) -> Result<bool, Halt> {
        if !self.exists {
            if latest >= self.parts.form.buffers() {
                return Err(Halt::Corrupt);
            }
            // None was ever begun there, and the word is as it was made.
            self.exists = self.parts.version(latest) != Some(0);
        }
        Ok(self.exists)
    }

    #[inline]
    fn read_unheld<T>(
        &mut self,
        mut copy: impl FnMut(Flat<'_>, usize) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.attached()?;
        let attempts = ATTEMPTED_BYTES / self.parts.form.size.max(1);
        for _ in 0..attempts.clamp(2, ATTEMPTS) {
            let seen = self.parts.line().load();
            let buffer = seen.buffer();
            if buffer >= self.parts.form.buffers() {
                return Err(Error::Corrupt);
            }
            if !self.exists(buffer)? {
                break;
            }
            // Another one is not published yet, and could be followed by an earlier one.
            let version = self.parts.version(buffer);
            if let Some(version) = version.filter(|&version| seen.can_be(version)) {
                let value = copy(self.parts.data(), self.parts.place(buffer));
                if self.parts.was_whole(buffer, version) {
                    self.version = version;
                    return value;
                }
            }
            pause();
        }
        Err(Error::WouldBlock)
    }

    /// Looks whether there is a newer value than the one that was read last; returns what the
    /// word said.
    #[inline(always)]
    fn look(&mut self) -> Result<(bool, Seen), Halt> {
        let seen = self.parts.line().load();
        let latest = seen.buffer();
        let differs = match self.seat {
            Some(_) => self.held != Some(latest),
            None => self.parts.version(latest) != Some(self.version),
        };
        Ok((differs && self.exists(latest)?, seen))
    }

    /// Makes sure, without waiting, that there is a newer value than the one that was read last.
    #[inline(always)]
    pub(super) fn ask(&mut self) -> Result<(), Halt> {
        self.attached()?;
        let (is_there, seen) = self.look()?;
        if is_there {
            self.failures = Failures::default();
            return Ok(());
        }
        let mut failures = self.failures;
        let found = failures.explain(&mut Newer {
            reading: self,
            seen,
        });
        self.failures = failures;
        found
    }

    fn has_died(&self) -> bool {
        is_held_by_the_dead(&self.parts.line().writer, &self.parts.member)
    }

    /// Makes sure that there is a newer value than the one that was read last, waiting until the
    /// deadline.
    #[inline(always)]
    pub(super) fn wait(&mut self, deadline: Deadline) -> Result<(), Halt> {
        self.attached()?;
        let (is_there, seen) = self.look()?;
        if is_there {
            return Ok(());
        }
        waiting::wait(
            &mut Newer {
                reading: self,
                seen,
            },
            deadline,
        )
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // The parent has not left, and its memory is not a forked child's.
        if self.parts.member.is_copy() {
            return;
        }
        if let Some(seat) = self.seat.and_then(|seat| self.parts.seats().get(seat)) {
            seat.leave();
        }
    }
}

/// A newer value, as [`waiting::wait`] sees it.
struct Newer<'a> {
    reading: &'a mut Reading,
    seen: Seen,
}

impl Awaited for Newer<'_> {
    fn look(&mut self) -> Result<bool, Halt> {
        let (is_there, seen) = self.reading.look()?;
        self.seen = seen;
        Ok(is_there)
    }

    fn is_closed(&self) -> bool {
        self.reading.parts.line().load().is_closed()
    }

    fn has_died(&self) -> bool {
        self.reading.has_died()
    }

    fn spin(&mut self) -> bool {
        let line = self.reading.parts.line();
        let changed = (0..self.reading.spins.now()).any(|_| {
            let differs = line.load() != self.seen;
            if !differs {
                pause();
            }
            differs
        });
        self.reading.spins.learn(changed)
    }

    fn sleep(&mut self, deadline: Deadline, longest: u32) -> crate::Result<()> {
        if !self.reading.may_write {
            // Nobody would wake it.
            if deadline.has_passed_by_call() {
                return Err(Errno::TIMEDOUT);
            }
            rest(POLL_INTERVAL);
            return Ok(());
        }
        let line = self.reading.parts.line();
        line.sleep(self.seen, deadline, longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many copies a reader without a seat makes of a value of `size` bytes that is written over
    /// during each of them.
    fn copies_in_vain(size: usize) -> usize {
        let form = Form {
            readers: 0,
            size,
            is_long: true,
        };
        let memory = form.create().unwrap();
        let mut writing = super::super::writing(&memory).unwrap();
        // Twice: the buffer of the latest value is written, too.
        let mut write_over = || {
            for _ in 0..2 {
                let buffer = writing.begin().unwrap();
                writing.publish(buffer).unwrap();
            }
        };
        write_over();
        let Ok(mut reading) = Reading::attach(&memory, || false) else {
            panic!("no reader");
        };
        assert!(!reading.has_seat());
        let mut copies = 0;
        let result = reading.read(|_, _| {
            copies += 1;
            write_over();
            Ok(())
        });
        assert_eq!(result, Err(Error::WouldBlock));
        copies
    }

    #[test]
    fn value_written_over_during_each_copy_is_copied_no_more_than_the_bound() {
        for size in [0, 1, 4096, 4097, 1 << 20, 1 << 21, 1 << 22, 30 << 20] {
            let copies = copies_in_vain(size);
            assert!((2..=ATTEMPTS).contains(&copies), "{size} bytes: {copies}");
            let is_within = copies * size <= ATTEMPTED_BYTES;
            assert!(is_within || copies == 2, "{size} bytes: {copies}");
        }
    }
}
