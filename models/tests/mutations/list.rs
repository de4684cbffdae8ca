//! The mutations: changes of the shipped code, and of what it stands on, that a model notices.

/// A change that breaks something.
pub struct Mutation {
    pub name: &'static str,
    /// From the project's root.
    pub file: &'static str,
    /// What is replaced: occurs once in the file.
    pub from: &'static str,
    pub to: &'static str,
    /// The model that notices.
    pub model: &'static str,
    /// What goes wrong.
    pub why: &'static str,
}

const SEMAPHORE: &str = "src/sync/semaphore.rs";
const WAKE: &str = "src/sync/wake.rs";
const GLIBC: &str = "src/sync/glibc_semaphore.rs";
const MEMBER: &str = "src/region/member.rs";
const SEAM: &str = "src/primitive/model/word.rs";
const WORD: &str = "models/runtime/src/word.rs";

pub const MUTATIONS: &[Mutation] = &[
    // --- The semaphore ---
    Mutation {
        name: "post is no release",
        file: SEMAPHORE,
        from: "compare_exchange(seen, seen + units * UNIT, Release, Relaxed)",
        to: "compare_exchange(seen, seen + units * UNIT, Relaxed, Relaxed)",
        model: "semaphore::unit_hands_over_what_was_written_before_it",
        why: "the taker does not see what was written before the post",
    },
    Mutation {
        name: "take is no acquire",
        file: SEMAPHORE,
        from: "compare_exchange(seen, taken, Acquire, Relaxed)",
        to: "compare_exchange(seen, taken, Relaxed, Relaxed)",
        model: "semaphore::unit_hands_over_what_was_written_before_it",
        why: "the taker does not see what was written before the post",
    },
    Mutation {
        name: "take by a guess is no acquire",
        file: SEMAPHORE,
        from: "compare_exchange(UNIT, 0, Acquire, Relaxed)",
        to: "compare_exchange(UNIT, 0, Relaxed, Relaxed)",
        model: "semaphore::unit_hands_over_what_was_written_before_it",
        why: "the taker does not see what was written before the post",
    },
    Mutation {
        name: "semaphore: taking has no end",
        file: SEMAPHORE,
        from: "for _ in 0..TRIES_MAX {\n            if seen < UNIT {",
        to: "loop {\n            if seen < UNIT {",
        model: "semaphore::calls_end_beside_a_scribbler",
        why: "a hostile peer keeps it for ever",
    },
    Mutation {
        name: "semaphore: posting has no end",
        file: SEMAPHORE,
        from: "for _ in 0..TRIES_MAX {\n            if left == 0 {",
        to: "loop {\n            if left == 0 {",
        model: "semaphore::calls_end_beside_a_scribbler",
        why: "a hostile peer keeps it for ever",
    },
    Mutation {
        name: "semaphore: the post that ended adds nothing",
        file: SEMAPHORE,
        from: "        self.post_unseen(left);\n",
        to: "",
        model: "semaphore::calls_end_beside_a_scribbler",
        why: "a unit that never comes",
    },
    Mutation {
        name: "no fence before the kernel's addition (semaphore)",
        file: WAKE,
        from: "fence(Release);",
        to: "",
        model: "semaphore::unit_hands_over_what_was_written_before_it",
        why: "the kernel's addition orders nothing for a taker that has not slept",
    },
    Mutation {
        name: "post wakes nobody",
        file: SEMAPHORE,
        from: "if seen == SLEEPERS {",
        to: "if seen == SLEEPERS && left == 0 {",
        model: "semaphore::two_sleepers_are_both_let_go",
        why: "a sleeper beside a unit",
    },
    Mutation {
        name: "post adds, then wakes",
        file: WAKE,
        from: "if word.add_and_wake_all(by as u16).is_ok() {",
        to: "if by == 0 {",
        model: "semaphore::killed_poster_leaves_no_sleeper_beside_a_unit",
        why: "a poster killed between the steps strands a sleeper",
    },
    Mutation {
        name: "a unit lost per 1,023",
        file: SEMAPHORE,
        from: "if add_and_wake_all(&self.word, seen, step * UNIT) {",
        to: "if add_and_wake_all(&self.word, seen, (step - step / WAKE_OP_UNITS) * UNIT) {",
        model: "semaphore::many_units_posted_to_a_sleeper_all_arrive",
        why: "fewer units arrive than were posted",
    },
    Mutation {
        name: "more units than an operand holds",
        file: SEMAPHORE,
        from: "const WAKE_OP_UNITS: u32 = 1023;",
        to: "const WAKE_OP_UNITS: u32 = 1024;",
        model: "semaphore::many_units_posted_to_a_sleeper_all_arrive",
        why: "the kernel takes 2048 for -2048",
    },
    Mutation {
        name: "units beyond one call forgotten",
        file: SEMAPHORE,
        from: "left -= step;",
        to: "left = 0;",
        model: "semaphore::many_units_posted_to_a_sleeper_all_arrive",
        why: "fewer units arrive than were posted",
    },
    Mutation {
        name: "sleep without a bit (semaphore)",
        file: SEMAPHORE,
        from: "let _ = self.word.compare_exchange(0, SLEEPERS, Relaxed, Relaxed);\n        SLEEPERS",
        to: "0",
        model: "semaphore::unit_hands_over_what_was_written_before_it",
        why: "no post knows of the sleeper",
    },
    Mutation {
        name: "sleeper clears its bit at a time-out (semaphore)",
        file: SEMAPHORE,
        from: "let slept = self.word.sleep(announced, deadline, longest);",
        to: "let slept = self.word.sleep(announced, deadline, longest);
            if slept.is_err() {
                let _ = self.word.compare_exchange(SLEEPERS, 0, Relaxed, Relaxed);
            }",
        model: "semaphore::sleep_that_ends_early_loses_neither_unit_nor_wake",
        why: "it was the bit of another sleeper, too",
    },
    Mutation {
        name: "woken sleeper takes nothing",
        file: SEMAPHORE,
        from: "// However late it is.
            if self.takes() {",
        to: "// However late it is.
            if self.value() > 0 {",
        model: "semaphore::competing_posters_and_takers_lose_no_unit",
        why: "a unit lets two go",
    },
    Mutation {
        name: "no other way where the one step is refused",
        file: WAKE,
        from: "if word.add_and_wake_all(by as u16).is_ok() {",
        to: "if word.add_and_wake_all(by as u16).is_ok() || by > 0 {",
        model: "semaphore::hindered_post_posts_once_and_is_found",
        why: "a unit that never comes",
    },
    Mutation {
        name: "the second step before the first (semaphore)",
        file: WAKE,
        from:
            "    let added = word.compare_exchange(seen, seen.wrapping_add(by), Relaxed, Relaxed);
    if added.is_ok() {
        word.wake_all();
    }
",
        to: "    word.wake_all();
    let added = word.compare_exchange(seen, seen.wrapping_add(by), Relaxed, Relaxed);
",
        model: "semaphore::post_in_two_steps_wakes_everyone",
        why: "who is woken finds nothing, and sleeps again beside the unit",
    },
    Mutation {
        name: "no second step",
        file: WAKE,
        from: "        word.wake_all();
",
        to: "",
        model: "semaphore::post_in_two_steps_wakes_everyone",
        why: "a sleeper beside a unit",
    },
    Mutation {
        name: "sleeper never looks again (semaphore)",
        file: SEMAPHORE,
        from: "let longest = Self::RECHECK.subsec_nanos();",
        to: "let longest = u32::MAX;",
        model: "semaphore::hindered_post_posts_once_and_is_found",
        why: "a sleeper beside a unit, where nobody may wake it",
    },
    // --- The semaphore in glibc's format ---
    Mutation {
        name: "glibc's: taking has no end",
        file: GLIBC,
        from: "for _ in 0..TRIES_MAX {\n            if seen as u32 == 0 {",
        to: "loop {\n            if seen as u32 == 0 {",
        model: "glibc_semaphore::calls_end_beside_a_scribbler",
        why: "a hostile peer keeps it for ever",
    },
    Mutation {
        name: "glibc's: posting has no end",
        file: GLIBC,
        from: "for _ in 0..TRIES_MAX {\n            let value = seen as u32;",
        to: "loop {\n            let value = seen as u32;",
        model: "glibc_semaphore::calls_end_beside_a_scribbler",
        why: "a hostile peer keeps it for ever",
    },
    Mutation {
        name: "post is no release (glibc)",
        file: GLIBC,
        from: "compare_exchange(seen, seen + 1, Release, Relaxed)",
        to: "compare_exchange(seen, seen + 1, Relaxed, Relaxed)",
        model: "glibc_semaphore::unit_taken_at_once_hands_over_what_was_written_before_it",
        why: "the taker does not see what was written before the post",
    },
    Mutation {
        name: "no fence before the kernel's addition (glibc)",
        file: GLIBC,
        from: "fence(Release);",
        to: "",
        model: "glibc_semaphore::unit_hands_over_what_was_written_before_it",
        why: "the kernel's addition orders nothing for a taker that has not slept",
    },
    Mutation {
        name: "take is no acquire (glibc)",
        file: GLIBC,
        from: "compare_exchange(seen, seen - 1, Acquire, Relaxed)",
        to: "compare_exchange(seen, seen - 1, Relaxed, Relaxed)",
        model: "glibc_semaphore::unit_taken_at_once_hands_over_what_was_written_before_it",
        why: "the taker does not see what was written before the post",
    },
    Mutation {
        name: "sleeper's take is no acquire (glibc)",
        file: GLIBC,
        from: "compare_exchange(seen, taken, Acquire, Relaxed)",
        to: "compare_exchange(seen, taken, Relaxed, Relaxed)",
        model: "glibc_semaphore::unit_hands_over_what_was_written_before_it",
        why: "the taker does not see what was written before the post",
    },
    Mutation {
        name: "beginning is no release (glibc)",
        file: GLIBC,
        from: "self.data.store(value.into(), Release);",
        to: "self.data.store(value.into(), Relaxed);",
        model: "glibc_semaphore::first_units_hand_over_what_was_written_before_them",
        why: "the taker does not see what was written before",
    },
    Mutation {
        name: "post adds, then wakes (glibc)",
        file: GLIBC,
        from: "&& self.add_and_wake_all().is_ok()",
        to: "&& seen == u64::MAX",
        model: "glibc_semaphore::killed_poster_leaves_no_sleeper_beside_a_unit",
        why: "a poster killed between the steps strands a sleeper",
    },
    Mutation {
        name: "no second step (glibc)",
        file: GLIBC,
        from: "whatever comes of this.\n                        self.data.wake_all(self.scope());",
        to: "",
        model: "glibc_semaphore::unit_hands_over_what_was_written_before_it",
        why: "a sleeper beside a unit",
    },
    Mutation {
        name: "the one step woke nobody, and one more unit (glibc)",
        file: SEAM,
        from: "pub(crate) fn add_and_wake_all(&self, amount: u16, _scope: Scope) -> Result<()> {
        added(self.0.add_and_wake(amount, ALL))",
        to: "pub(crate) fn add_and_wake_all(&self, amount: u16, _scope: Scope) -> Result<()> {
        self.0.add_and_wake(amount, ALL).map(drop).map_err(|_| Errno::INVAL)",
        model: "glibc_semaphore::hindered_post_posts_once_and_is_found",
        why: "what was done before the error is done twice",
    },
    Mutation {
        name: "kernel wakes one (glibc)",
        file: SEAM,
        from: "pub(crate) fn add_and_wake_all(&self, amount: u16, _scope: Scope) -> Result<()> {
        added(self.0.add_and_wake(amount, ALL))",
        to: "pub(crate) fn add_and_wake_all(&self, amount: u16, _scope: Scope) -> Result<()> {
        added(self.0.add_and_wake(amount, 1))",
        model: "glibc_semaphore::killed_sleeper_takes_no_wake_of_ours_along",
        why: "a sleeper beside a unit",
    },
    Mutation {
        name: "who gives up is still counted (glibc)",
        file: GLIBC,
        from: "self.data.fetch_sub(WAITER, Relaxed);",
        to: "self.data.load(Relaxed);",
        model: "glibc_semaphore::sleep_that_ends_early_loses_neither_unit_nor_wake",
        why: "each post makes a system call from then on",
    },
    Mutation {
        name: "who has taken is still counted (glibc)",
        file: GLIBC,
        from: "seen.wrapping_sub(WAITER + 1)",
        to: "seen.wrapping_sub(1)",
        model: "glibc_semaphore::unit_hands_over_what_was_written_before_it",
        why: "each post makes a system call from then on",
    },
    Mutation {
        name: "time over, and no last look (glibc)",
        file: GLIBC,
        from: "slept = self.sleep(deadline);",
        to: "slept = self.sleep(deadline);
            if let Err(errno) = slept {
                self.data.fetch_sub(WAITER, Relaxed);
                return Err(errno);
            }",
        model: "glibc_semaphore::hindered_post_posts_once_and_is_found",
        why: "a unit of which no wake told is not found",
    },
    Mutation {
        name: "the living robbed",
        file: MEMBER,
        from: "if owner != 0 && file.is_locked(owner) {",
        to: "if owner != 0 && !file.is_locked(owner) {",
        model: "membership::end_wanted_by_two_is_held_by_one",
        why: "two producers at once",
    },
    // --- Membership ---
    Mutation {
        name: "dead owner looked at for a living one",
        file: MEMBER,
        from: "if owner != 0 && file.is_locked(owner) {",
        to: "if owner != 0 {",
        model: "succession::producer_killed_anywhere_is_succeeded",
        why: "a dead process holds its end for ever",
    },
    Mutation {
        name: "number of nobody given out",
        file: MEMBER,
        from: "if number == 0 {",
        to: "if number == 1 {",
        model: "membership::numbers_that_wrap_around_are_somebodys",
        why: "an end that is held looks free",
    },
    Mutation {
        name: "number given out and not locked",
        file: MEMBER,
        from: "match own.lock(number) {",
        to: "match Ok::<(), Errno>(()) {",
        model: "succession::living_end_is_occupied",
        why: "a living member passes for dead",
    },
    // --- What the algorithms stand on: a model that bears this shows nothing ---
    Mutation {
        name: "kernel adds and wakes nobody",
        file: SEAM,
        from: "pub(crate) fn add_and_wake_all(&self, amount: u16) -> Result<()> {
        added(self.0.add_and_wake(amount, ALL))",
        to: "pub(crate) fn add_and_wake_all(&self, amount: u16) -> Result<()> {
        self.0.fetch_add(amount.into(), Ordering::Relaxed);
        Ok(())",
        model: "semaphore::two_sleepers_are_both_let_go",
        why: "a sleeper beside a unit",
    },
    Mutation {
        name: "kernel wakes one",
        file: SEAM,
        from: "pub(crate) fn add_and_wake_all(&self, amount: u16) -> Result<()> {
        added(self.0.add_and_wake(amount, ALL))",
        to: "pub(crate) fn add_and_wake_all(&self, amount: u16) -> Result<()> {
        added(self.0.add_and_wake(amount, 1))",
        model: "semaphore::killed_sleeper_takes_no_wake_from_another",
        why: "a sleeper beside a unit",
    },
    Mutation {
        name: "kernel lets sleep without looking",
        file: WORD,
        from: "if word.queue_and_look(&sleeper, index) != *expected {",
        to: "if word.queue_and_look(&sleeper, index) != *expected && index > 0 {",
        model: "ring::records_arrive_whole",
        why: "a wake between the look and the sleep is lost",
    },
];
