//! The writer, whatever the values are.

use core::mem::offset_of;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Release, SeqCst};

use super::form::{Form, Lines, Memory, Parts};
use super::line::Seen;
use crate::primitive::fence;
use crate::region::{Flat, Head, Member, Refusal, Seat};
use crate::ring::Halt;
use crate::sync::owner::Owner;

/// Where in the memory it says who writes.
pub(super) const WRITER_AT: usize = offset_of!(Head<Lines>, words.latest) + super::line::WRITER_AT;

/// The attached writer.
#[derive(Debug)]
pub(super) struct Writing {
    parts: Parts,
    /// The line's word. Kept privately: what stands in shared memory is compared with it, not
    /// believed.
    own: Seen,
    /// The version of the latest value.
    version: u64,
    /// The buffer of the value before, which readers without a seat may be copying still.
    before: usize,
    /// Whether it closes its end when it is dropped.
    closes: bool,
}

impl Writing {
    /// Attaches as the writer, in the place of a dead one if there is one.
    pub(super) fn attach(memory: &Memory, is_late: impl Fn() -> bool) -> Result<Self, Refusal> {
        let attached = memory.source.attach(WRITER_AT, is_late)?;
        Self::of(attached, memory.form)
    }

    /// As [`attach`](Self::attach), by a seat at the memory.
    pub(super) fn attach_by(memory: &Memory, by: Seat) -> Result<Self, Refusal> {
        let attached = memory.source.attach_by(WRITER_AT, by)?;
        Self::of(attached, memory.form)
    }

    /// That of a member who claims the end in the place of `owner`.
    fn of((member, owner): (Member<Lines, 3>, u32), form: Form) -> Result<Self, Refusal> {
        let parts = Parts::new(member, form);
        let (line, me) = (parts.line(), parts.member.number());
        // Acquire [A6]: pairs with [R6] in `drop`: the predecessor's last words are seen. A dead
        // one's are, as it is dead.
        let claimed = line.writer.compare_exchange(owner, me, AcqRel, Acquire);
        if claimed.is_err() {
            // Another successor was first.
            return Err(Refusal::OCCUPIED);
        }
        let seen = line.load();
        let version = parts
            .version(seen.buffer())
            .filter(|&version| seen.buffer() < form.buffers() && seen.can_be(version));
        let Some(version) = version else {
            // Readers are told of the predecessor's end as if nobody had tried.
            line.writer.store(owner, Release);
            return Err(Refusal::CORRUPT);
        };
        let own = line.reopen();
        Ok(Self {
            own,
            version,
            before: own.buffer(),
            closes: true,
            parts,
        })
    }

    #[inline(always)]
    pub(super) fn form(&self) -> Form {
        self.parts.form
    }

    /// The version of the latest value.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn detach(mut self) {
        self.closes = false;
    }

    /// Makes sure that this is no forked child's copy.
    #[inline(always)]
    pub(super) fn attached(&self) -> Result<(), Halt> {
        if self.parts.member.is_copy() {
            return Err(Halt::Forked);
        }
        Ok(())
    }

    /// Begins to write a value: where, and to which buffer. It is published by
    /// [`publish`](Self::publish), or never.
    #[inline(always)]
    pub(super) fn begin(&self) -> Result<usize, Halt> {
        self.attached()?;
        let buffer = self.choose();
        self.parts.begin(buffer);
        Ok(buffer)
    }

    /// Where the buffer begins, and the memory in which it does.
    #[inline(always)]
    pub(super) fn data(&self, buffer: usize) -> (Flat<'_>, usize) {
        (self.parts.data(), self.parts.place(buffer))
    }

    /// Makes what was written to `buffer` the latest value.
    #[inline(always)]
    pub(super) fn publish(&mut self, buffer: usize) -> Result<(), Halt> {
        // Not the stamp of one that is written.
        let version = (self.version + 1) % u64::MAX;
        self.parts.finish(buffer, version);
        let before = self.own.buffer();
        self.parts.line().publish(&mut self.own, buffer)?;
        self.version = version;
        self.before = before;
        Ok(())
    }

    /// Chooses a buffer that has not the latest value, and that no reader holds or can come to
    /// hold before the next value is published.
    #[inline(always)]
    fn choose(&self) -> usize {
        let latest = self.own.buffer();
        // SeqCst [F2], with [F1] in `Reading::pin_another`: after the last value was published, and
        // before readers are looked at. Either this sees that the reader wants one, or the reader
        // sees which is the latest. And with [A3] in `Seat::hold`: who is given the last value sees
        // it.
        fence(SeqCst);
        let all = u64::MAX >> (u64::BITS as usize - self.parts.form.buffers());
        let mut free = all & !(1 << latest);
        for seat in self.parts.seats() {
            if let Some(held) = seat.help(latest) {
                free &= !1_u64.unbounded_shl(held as u32);
            }
        }
        // That of the value before last, if there is a choice, and the lower ones, so that no more
        // memory is used than is needed. Each reader holds one at most, so that there is one.
        let rested = free & !(1 << self.before);
        let choice = if rested != 0 { rested } else { free };
        choice.trailing_zeros() as usize
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        // The parent has not left, and its memory is not a forked child's.
        if self.parts.member.is_copy() {
            return;
        }
        let line = self.parts.line();
        if self.closes {
            // In a corrupt region there is nobody to tell.
            let _ = line.close(&mut self.own);
        }
        // Release [R6]: pairs with [A6] in `attach`.
        line.writer.store(0, Release);
    }
}
