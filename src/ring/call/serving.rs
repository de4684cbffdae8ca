//! What servers alone do: find a request, answer it.

use super::end::End;
use super::slot::Call;
use crate::Deadline;
use crate::region::Peer;
use crate::ring::waiting::{self, Awaited};
use crate::ring::{Error, Halt};

/// The next request, as [`wait`](waiting::wait) sees it.
struct Next<'a> {
    end: &'a End,
    found: Option<Call<'a>>,
    /// How often the bell had been rung before the last look.
    rung: u32,
}

impl<'a> Next<'a> {
    fn new(end: &'a End) -> Self {
        Self {
            end,
            found: None,
            rung: 0,
        }
    }
}

impl Awaited for Next<'_> {
    fn look(&mut self) -> Result<bool, Halt> {
        if self.found.is_none() {
            self.rung = self.end.lines().requests.0.rung();
            self.found = self.end.serve()?;
        }
        Ok(self.found.is_some())
    }

    fn is_closed(&self) -> bool {
        self.end.theirs().is_closed()
    }

    fn has_died(&self) -> bool {
        self.end.peer() == Peer::Dead
    }

    fn spin(&mut self) -> bool {
        self.end.spin(|| self.look().unwrap_or(true))
    }

    fn sleep(&mut self, deadline: Deadline, longest: u32) -> crate::Result<()> {
        let end = self.end;
        if !end.sleeps {
            return end.spin_on(deadline, || self.look().unwrap_or(true));
        }
        let bell = &self.end.lines().requests.0;
        bell.arm(self.rung);
        self.found = self.end.serve().unwrap_or(None);
        if self.found.is_some() || self.end.theirs().is_closed() {
            return waiting::in_time(deadline);
        }
        bell.sleep(self.rung, deadline, longest)
    }
}

impl End {
    /// Takes a request, if there is one.
    #[inline(always)]
    fn serve(&self) -> Result<Option<Call<'_>>, Halt> {
        let me = self.me();
        let call = (self.slots_in_turn()?).find_map(|(index, slot)| Call::serve(slot, index, me));
        if let Some(call) = call {
            // The next one's turn: nobody waits for ever.
            self.rotor.set(call.index + 1);
        }
        Ok(call)
    }

    #[inline(always)]
    pub(super) fn try_recv(&self) -> Result<(Call<'_>, usize), Halt> {
        self.attached()?;
        let mut next = Next::new(self);
        self.attempt(&mut next)?;
        self.received(next.found)
    }

    #[inline(always)]
    pub(super) fn recv_until(&self, deadline: Deadline) -> Result<(Call<'_>, usize), Halt> {
        self.attached()?;
        let mut next = Next::new(self);
        waiting::wait(&mut next, deadline)?;
        self.received(next.found)
    }

    /// The request that was found, and its length.
    #[inline(always)]
    fn received<'a>(&'a self, found: Option<Call<'a>>) -> Result<(Call<'a>, usize), Halt> {
        let call = found.ok_or(Halt::Corrupt)?;
        let len = call.request();
        if len > self.shape.request {
            // No such request was made.
            self.answer(call, None)?;
            return Err(Halt::Corrupt);
        }
        Ok((call, len))
    }

    /// Answers a call with a response of so many bytes, which is written, or with none.
    #[inline(always)]
    pub(super) fn answer(&self, call: Call<'_>, len: Option<usize>) -> Result<(), Halt> {
        if call.answer(self.me(), len)? {
            self.lines().room.0.ring();
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn respond(&self, call: Call<'_>, response: &[u8]) -> Result<(), Error> {
        let (len, limit) = (response.len(), self.shape.response);
        if len > limit {
            return Err(Error::TooLong { len, limit });
        }
        let at = self.shape.response_at(call.index);
        self.data().write(at, response).ok_or(Error::Corrupt)
    }
}
