//! What clients alone do: find a slot, ask, wait, give up.

use super::CallError;
use super::end::End;
use super::slot::{ANSWERED, ASKED, Call, SERVED};
use crate::Deadline;
use crate::region::Peer;
use crate::ring::slot::Seen;
use crate::ring::waiting::{self, Awaited};
use crate::ring::{Error, Halt};
use crate::sync::owner::Owner;

/// How often one tries to give up a call that changes meanwhile, and how often one waits on: it
/// changes twice.
const ATTEMPTS: u32 = 8;

/// A free slot, as [`wait`](waiting::wait) sees it.
struct Room<'a> {
    end: &'a End,
    found: Option<Call<'a>>,
    /// How often the bell had been rung before the last look.
    rung: u32,
}

impl Awaited for Room<'_> {
    fn look(&mut self) -> Result<bool, Halt> {
        if self.found.is_none() {
            self.rung = self.end.lines().room.0.rung();
            self.found = self.end.begin()?;
        }
        Ok(self.found.is_some())
    }

    /// What the dead have is free before.
    fn is_closed(&self) -> bool {
        self.end.theirs().is_closed() && !self.end.sweep()
    }

    fn has_died(&self) -> bool {
        !self.end.sweep() && self.end.peer() == Peer::Dead
    }

    fn spin(&mut self) -> bool {
        self.end.spin(|| self.look().unwrap_or(true))
    }

    fn sleep(&mut self, deadline: Deadline, longest: u32) -> crate::Result<()> {
        let end = self.end;
        if !end.sleeps {
            return end.spin_on(deadline, || self.look().unwrap_or(true));
        }
        let bell = &self.end.lines().room.0;
        bell.arm(self.rung);
        self.found = self.end.begin().unwrap_or(None);
        if self.found.is_some() || self.end.theirs().is_closed() {
            return waiting::in_time(deadline);
        }
        bell.sleep(self.rung, deadline, longest)
    }
}

/// The response to a call, likewise.
struct Response<'a> {
    end: &'a End,
    call: Call<'a>,
    seen: Seen,
}

impl Response<'_> {
    /// Whether no server has the request.
    fn is_untaken(&self) -> bool {
        self.seen.state() == ASKED
    }
}

impl Awaited for Response<'_> {
    #[inline(always)]
    fn look(&mut self) -> Result<bool, Halt> {
        self.seen = self.call.look()?;
        Ok(self.seen.state() == ANSWERED)
    }

    fn is_closed(&self) -> bool {
        self.is_untaken() && self.end.theirs().is_closed()
    }

    /// The one that serves it; while none does, all of them.
    fn has_died(&self) -> bool {
        match self.seen.state() {
            SERVED => !self.end.member().alive(self.seen.owner()),
            _ => self.end.peer() == Peer::Dead,
        }
    }

    fn spin(&mut self) -> bool {
        self.end.spin(|| self.look().unwrap_or(true))
    }

    fn sleep(&mut self, deadline: Deadline, longest: u32) -> crate::Result<()> {
        let end = self.end;
        if !end.sleeps {
            return end.spin_on(deadline, || self.look().unwrap_or(true));
        }
        match self.call.slot.word.arm(self.seen) {
            Some(armed) if !self.is_closed() => self.call.slot.word.sleep(armed, deadline, longest),
            _ => waiting::in_time(deadline),
        }
    }
}

impl End {
    /// Takes a free slot, if there is one.
    #[inline(always)]
    fn begin(&self) -> Result<Option<Call<'_>>, Halt> {
        let me = self.me();
        let call = (self.slots_in_turn()?).find_map(|(index, slot)| Call::begin(slot, index, me));
        if let Some(call) = call {
            // The same one the next time: it is in this processor's cache.
            self.rotor.set(call.index);
        }
        Ok(call)
    }

    /// Frees the slots that only the dead could go on with; returns whether there were any.
    #[cold]
    fn sweep(&self) -> bool {
        let slots = self.slots().unwrap_or_default().iter().enumerate();
        let swept = slots.filter(|&(index, slot)| Call::sweep(slot, index, self.member()));
        let any = swept.count() > 0;
        if any {
            // Others wait, too.
            self.lines().room.0.ring();
        }
        any
    }

    #[cold]
    fn wait_for_room(&self, deadline: Deadline) -> Result<Call<'_>, Halt> {
        let mut room = Room {
            end: self,
            found: None,
            rung: 0,
        };
        waiting::wait(&mut room, deadline)?;
        room.found.ok_or(Halt::Corrupt)
    }

    /// Sends a request, and waits for the response.
    #[inline(always)]
    pub(super) fn call(
        &self,
        request: &[u8],
        response: &mut [u8],
        deadline: Deadline,
    ) -> Result<usize, CallError> {
        let call = self
            .ask(request, deadline)
            .map_err(CallError::NotExecuted)?;
        let mut awaited = Response {
            end: self,
            call,
            seen: call.slot.word.load(),
        };
        for _ in 0..ATTEMPTS {
            match waiting::wait(&mut awaited, deadline) {
                Ok(()) => return self.take(call, response),
                Err(halt) => {
                    if let Some(error) = self.give_up(call, halt) {
                        return Err(error);
                    }
                }
            }
        }
        Err(CallError::PerhapsExecuted(Error::Corrupt))
    }

    #[inline(always)]
    fn ask(&self, request: &[u8], deadline: Deadline) -> Result<Call<'_>, Error> {
        self.attached()?;
        let (len, limit) = (request.len(), self.shape.request);
        if len > limit {
            return Err(Error::TooLong { len, limit });
        }
        let call = match self.begin()? {
            Some(call) => call,
            None => self.wait_for_room(deadline)?,
        };
        let at = self.shape.request_at(call.index);
        // It is within the data: the region was made, or opened, with this shape.
        self.data().write(at, request).ok_or(Error::Corrupt)?;
        call.ask(self.me(), len);
        self.lines().requests.0.ring();
        Ok(call)
    }

    /// Takes the response, and ends the call.
    #[inline(always)]
    fn take(&self, call: Call<'_>, response: &mut [u8]) -> Result<usize, CallError> {
        let result = self.read(call, response);
        call.end();
        self.lines().room.0.ring();
        result
    }

    #[inline(always)]
    fn read(&self, call: Call<'_>, response: &mut [u8]) -> Result<usize, CallError> {
        let len = call.response().ok_or(CallError::Unanswered)?;
        if len > self.shape.response {
            return Err(CallError::Executed(Error::Corrupt));
        }
        let limit = response.len();
        let too_long = CallError::Executed(Error::TooLong { len, limit });
        let response = response.get_mut(..len).ok_or(too_long)?;
        let at = self.shape.response_at(call.index);
        let read = self.data().read(at, response);
        read.ok_or(CallError::Executed(Error::Corrupt))?;
        Ok(len)
    }

    /// Waits no longer, for that reason; `None`: it is no reason any more.
    #[cold]
    fn give_up(&self, call: Call<'_>, halt: Halt) -> Option<CallError> {
        for _ in 0..ATTEMPTS {
            let Ok(seen) = call.look() else {
                return Some(CallError::PerhapsExecuted(Error::Corrupt));
            };
            match seen.state() {
                ASKED => {
                    if call.end_if_still(seen) {
                        self.lines().room.0.ring();
                        return Some(CallError::NotExecuted(halt.into()));
                    }
                }
                SERVED if !self.member().alive(seen.owner()) => {
                    // It may have answered before its end.
                    if call.end_if_still(seen) {
                        self.lines().room.0.ring();
                        return Some(CallError::PerhapsExecuted(Error::PeerDied));
                    }
                }
                // There was no server, and has come.
                SERVED if matches!(halt, Halt::Closed | Halt::PeerDied) => return None,
                SERVED => {
                    if call.abandon(seen) {
                        return Some(CallError::PerhapsExecuted(halt.into()));
                    }
                }
                // The response has come.
                _ => return None,
            }
        }
        Some(CallError::PerhapsExecuted(Error::Corrupt))
    }
}
