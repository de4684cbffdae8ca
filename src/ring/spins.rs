//! How long an end spins before it sleeps, and what it learns from each wait.

use crate::primitive::{SPINS_MAX, SPINS_MIN};

/// How often an end spins where that has helped of late: as long as two wakes and some work between
/// them take, so that two which have fallen asleep in turn, each waiting for the other one's wake
/// too, come out of it.
const LONGEST: u32 = 8 * SPINS_MAX;

/// Of how many waits in a row in which spinning did not help one spins as long as ever: who spins
/// no more does not see that it would help again.
const WAITS_PER_TRIAL: u32 = 16;

/// How long spinning is worth while for an end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spins {
    now: u32,
    /// How often in a row it was in vain, since it was tried anew.
    vain: u32,
}

impl Spins {
    pub(super) const fn new() -> Self {
        Self {
            now: LONGEST,
            vain: 0,
        }
    }

    /// How often to spin in the next wait.
    #[inline(always)]
    pub(super) const fn now(self) -> u32 {
        self.now
    }

    /// Learns whether that has helped, and returns it. In vain: the next time less, down to a
    /// handful.
    #[inline(always)]
    pub(super) fn learn(&mut self, has_helped: bool) -> bool {
        let next = if has_helped {
            self.vain = 0;
            self.now * 2
        } else {
            self.vain = (self.vain + 1) % WAITS_PER_TRIAL;
            self.now / 2
        };
        self.now = if self.vain == WAITS_PER_TRIAL - 1 {
            LONGEST
        } else {
            next.clamp(SPINS_MIN, LONGEST)
        };
        has_helped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spins_in_vain_become_few_and_are_tried_anew() {
        let mut spins = Spins::new();
        for _ in 0..10 {
            spins.learn(false);
        }
        assert_eq!(spins.now(), SPINS_MIN);
        let waits = 100 * WAITS_PER_TRIAL;
        let trials = (0..waits).filter(|_| {
            let is_trial = spins.now() == LONGEST;
            spins.learn(false);
            is_trial
        });
        assert_eq!(trials.count(), 100);
    }

    #[test]
    fn spins_that_help_become_many() {
        let mut spins = Spins::new();
        for _ in 0..10 {
            spins.learn(false);
        }
        for _ in 0..10 {
            assert!(spins.learn(true));
        }
        assert_eq!(spins.now(), LONGEST);
    }
}
