//! The consumer's waiting: for something to receive in any lane, or for a producer.

use super::lane::{Fault, Holder};
use super::receiving::Receiving;
use crate::primitive::{self, Words};
use crate::ring::Halt;
use crate::ring::waiting::{self, Awaited, Waiting};
use crate::{Deadline, Errno, Result};

/// How long it sleeps where it cannot sleep on all lanes at once, in nanoseconds.
const SHORT: u32 = super::RECHECK_INTERVAL.subsec_nanos();

/// After so many short sleeps in a row it asks who lives.
const SHORT_PER_LOOK: u32 = 100;

/// So many lanes are looked at in the time of a spin.
const LANES_PER_SPIN: u32 = 4;

impl<W: Waiting> Receiving<W> {
    /// Waits until there is something to receive.
    ///
    /// # Errors
    ///
    /// [`Halt::Closed`] when there has been a producer and is none any more.
    #[cold]
    pub(super) fn wait(&mut self, deadline: Deadline) -> core::result::Result<(), Halt> {
        let mut something = Something::new(self, false);
        waiting::wait(&mut something, deadline)
    }

    /// Waits until there is a producer, or something to receive.
    pub(super) fn wait_for_producer(
        &mut self,
        deadline: Deadline,
    ) -> core::result::Result<(), Halt> {
        self.attached()?;
        let mut something = Something::new(self, true);
        waiting::wait(&mut something, deadline)
    }

    /// Looks again and again, at about so many lanes; returns whether there is something.
    fn spin(&mut self, mut lanes: u32) -> bool {
        loop {
            if lanes == 0 || self.find() {
                return lanes > 0;
            }
            lanes = lanes.saturating_sub(self.looked_at);
            primitive::pause();
        }
    }
}

/// Something to receive, or a producer, as [`waiting::wait`] sees it.
struct Something<'a, W: Waiting> {
    receiving: &'a mut Receiving<W>,
    /// Whether a producer is enough.
    of_producers: bool,
    /// Short sleeps in a row.
    short: u32,
}

impl<'a, W: Waiting> Something<'a, W> {
    fn new(receiving: &'a mut Receiving<W>, of_producers: bool) -> Self {
        receiving.asks_all = false;
        Self {
            receiving,
            of_producers,
            short: 0,
        }
    }

    /// Sleeps on all lanes at once, until one of them changes or changes hands.
    fn sleep_on_all(&mut self, deadline: Deadline, longest: u32) -> Result<()> {
        let receiving = &*self.receiving;
        let words = receiving.lanes().words();
        // Before the lanes: who takes one after it says so by another number, and publishes then.
        let changes = words.changes();
        let mut all = Words::new();
        let mut fit = all.add(words.bell(), changes);
        for lane in receiving.lanes().all() {
            let holder = lane.holder();
            match holder {
                Holder::Fresh => break,
                Holder::Free => continue,
                // It has come since the look.
                _ if self.of_producers => return Ok(()),
                _ => {}
            }
            match lane.fault() {
                // Until it has another holder.
                Fault::Told if !holder.has_ended() => continue,
                Fault::None if !holder.has_ended() => {}
                _ => return Ok(()),
            }
            match lane.sense::<W>(receiving.capacity()) {
                // As it was when it was empty: a change since keeps this from sleeping.
                Some((published, own)) if published.position == own.position => {
                    fit = fit.and_then(|()| lane.published.watch(published.count, &mut all));
                }
                _ => return Ok(()),
            }
        }
        if fit.is_some() && !receiving.sleeps_shortly {
            match all.sleep(deadline, longest) {
                // Signals may keep it from ever sleeping for long.
                Ok(is_in_vain) => {
                    self.receiving.asks_all |= is_in_vain;
                    return Ok(());
                }
                Err(Errno::TIMEDOUT) => return Err(Errno::TIMEDOUT),
                // The call is not there, or refused.
                Err(_) => {}
            }
        }
        words.bell().sleep(changes, deadline, longest.min(SHORT))?;
        self.receiving.sleeps_shortly |= fit.is_some();
        self.short += 1;
        self.receiving.asks_all |= self.short.is_multiple_of(SHORT_PER_LOOK);
        Ok(())
    }
}

impl<W: Waiting> Awaited for Something<'_, W> {
    fn look(&mut self) -> core::result::Result<bool, Halt> {
        let has_producer = self.of_producers && self.receiving.producers() > 0;
        Ok(has_producer || self.receiving.find())
    }

    fn is_closed(&self) -> bool {
        !self.of_producers && self.receiving.all_have_left()
    }

    /// A death is received like a record, and no end. Who has died is found by the next look.
    fn has_died(&self) -> bool {
        self.receiving.mark_the_dead();
        false
    }

    fn spin(&mut self) -> bool {
        let changed = self.receiving.spin(self.receiving.spins.now());
        self.receiving.spins.learn(changed)
    }

    fn sleep(&mut self, deadline: Deadline, longest: u32) -> Result<()> {
        // They have been asked.
        self.receiving.asks_all = false;
        if W::SLEEPS {
            return self.sleep_on_all(deadline, longest);
        }
        waiting::spin_on(deadline, |spins| {
            let changed = self.receiving.spin(LANES_PER_SPIN * spins);
            self.receiving.asks_all = !changed;
            changed
        })
    }
}
