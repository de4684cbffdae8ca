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
const WAITING: &str = "src/ring/waiting.rs";
const PROGRESS: &str = "src/ring/progress.rs";
const ENDPOINT: &str = "src/ring/spsc/endpoint.rs";
const SIDE: &str = "src/ring/spsc/side.rs";
const MEMBER: &str = "src/region/member.rs";
const SEAM: &str = "src/primitive/model/word.rs";
const WORD: &str = "models/runtime/src/word.rs";
const PAIR: &str = "models/runtime/src/pair.rs";

pub const MUTATIONS: &[Mutation] = &[
    // --- The semaphore ---
    Mutation {
        name: "post is no release",
        file: SEMAPHORE,
        from: "compare_exchange(seen, seen + left * UNIT, Release, Relaxed)",
        to: "compare_exchange(seen, seen + left * UNIT, Relaxed, Relaxed)",
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
        from: "            let _ = self.word.compare_exchange(0, SLEEPERS, Relaxed, Relaxed);
            let longest = Self::RECHECK.subsec_nanos();
            let slept = self.word.sleep(SLEEPERS, deadline, longest);",
        to: "            let _ = self.word.load(Relaxed);
            let longest = Self::RECHECK.subsec_nanos();
            let slept = self.word.sleep(0, deadline, longest);",
        model: "semaphore::unit_hands_over_what_was_written_before_it",
        why: "no post knows of the sleeper",
    },
    Mutation {
        name: "sleeper clears its bit at a time-out (semaphore)",
        file: SEMAPHORE,
        from: "let slept = self.word.sleep(SLEEPERS, deadline, longest);",
        to: "let slept = self.word.sleep(SLEEPERS, deadline, longest);
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
        from: "self.data.wake_all(self.scope());",
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
        to: "",
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
    // --- The progress of a ring's side ---
    Mutation {
        name: "position taken without looking at the count again",
        file: PROGRESS,
        from: "if now.wrapping_sub(count) / ONE < CELLS - 1 {",
        to: "if now | count | 1 != 0 {",
        model: "succession::overtaken_reader_takes_nothing_that_is_not_published",
        why: "the cell may be that of a later advance, which is never published",
    },
    Mutation {
        name: "overtaken by one advance too many",
        file: PROGRESS,
        from: "/ ONE < CELLS - 1 {",
        to: "/ ONE < CELLS {",
        model: "succession::overtaken_reader_takes_nothing_that_is_not_published",
        why: "the cell may be that of a later advance, which is never published",
    },
    Mutation {
        name: "position is no release",
        file: PROGRESS,
        from: "self.cell(next).store(position, Release);",
        to: "self.cell(next).store(position, Relaxed);",
        model: "succession::overtaken_reader_takes_nothing_that_is_not_published",
        why: "who reads a later position sees neither its items nor that the count has moved on",
    },
    Mutation {
        name: "position read without acquire",
        file: PROGRESS,
        from: "self.cell(count).load(Acquire)",
        to: "self.cell(count).load(Relaxed)",
        model: "succession::overtaken_reader_takes_nothing_that_is_not_published",
        why: "who reads a later position sees neither its items nor that the count has moved on",
    },
    Mutation {
        name: "advance is no release",
        file: PROGRESS,
        from: "compare_exchange(own.count, next, Release, Relaxed)",
        to: "compare_exchange(own.count, next, Relaxed, Relaxed)",
        model: "ring::items_arrive_in_order_where_sides_sleep",
        why: "the position of a new count may be an old one: an item that is there is waited for",
    },
    Mutation {
        name: "count read without acquire",
        file: PROGRESS,
        from: "self.word.word().load(Acquire)",
        to: "self.word.word().load(Relaxed)",
        model: "ring::items_arrive_in_order_where_sides_sleep",
        why: "the position of a new count may be an old one: an item that is there is waited for",
    },
    Mutation {
        name: "advance is no release, where sides spin",
        file: PROGRESS,
        from: "self.word.store_alone(plain(position), Release);",
        to: "self.word.store_alone(plain(position), Relaxed);",
        model: "ring::long_items_arrive_where_sides_spin",
        why: "a race for the item",
    },
    Mutation {
        name: "count read without acquire, where sides spin",
        file: PROGRESS,
        from: "self.word.load(Acquire)",
        to: "self.word.load(Relaxed)",
        model: "ring::long_items_arrive_where_sides_spin",
        why: "a race for the item",
    },
    Mutation {
        name: "no fence before the kernel's addition (ring)",
        file: WAKE,
        from: "fence(Release);",
        to: "",
        model: "ring::items_arrive_in_order_where_sides_sleep",
        why: "the kernel's addition orders nothing for a reader that has not slept",
    },
    Mutation {
        name: "advance wakes nobody",
        file: PROGRESS,
        from: "self.advance_and_wake(own.count, seen)?;",
        to: "let _ = word.compare_exchange(seen, next, Release, Relaxed);",
        model: "ring::items_arrive_in_order_where_sides_sleep",
        why: "a sleeper beside an item",
    },
    Mutation {
        name: "item beside the word read without acquire",
        file: PROGRESS,
        from: "self.word.beside(Acquire)",
        to: "self.word.beside(Relaxed)",
        model: "ring::items_arrive_in_order_where_sides_spin",
        why: "the word may be looked at before: the item is a later one",
    },
    Mutation {
        name: "item beside the word taken without looking again",
        file: PROGRESS,
        from: "(self.word.load(Relaxed) == reading.count).then_some(item)",
        to: "(reading.count | 1 != 0).then_some(item)",
        model: "ring::items_arrive_in_order_where_sides_spin",
        why: "the item is a later one",
    },
    Mutation {
        name: "sleeper clears its bit at a time-out (ring)",
        file: PROGRESS,
        from: "word.sleep(seen | SLEEPING, deadline, longest)",
        to: "let slept = word.sleep(seen | SLEEPING, deadline, longest);
        let _ = word.compare_exchange(seen | SLEEPING, seen, Relaxed, Relaxed);
        slept",
        model: "ring::items_arrive_although_sleeps_end_early",
        why: "the other side adds one to a word whose bit it has seen",
    },
    Mutation {
        name: "sleep without a bit (ring)",
        file: PROGRESS,
        from: "let _ = word.compare_exchange(seen, seen | SLEEPING, Relaxed, Relaxed);",
        to: "if word.load(Relaxed) == seen {
            return word.sleep(seen, deadline, longest);
        }",
        model: "ring::items_arrive_in_order_where_sides_sleep",
        why: "no advance knows of the sleeper",
    },
    // --- A ring's ends ---
    Mutation {
        name: "one item too many fits",
        file: SIDE,
        from: "Self::Producer => peer.wrapping_add(capacity),",
        to: "Self::Producer => peer.wrapping_add(capacity + GRAIN),",
        model: "ring::full_ring_overwrites_nothing",
        why: "an unread item is overwritten, or the ring called corrupt",
    },
    Mutation {
        name: "close seen without acquire, polling",
        file: ENDPOINT,
        from: "self.theirs(which).closed.load(Acquire) != 0
",
        to: "self.theirs(which).closed.load(Relaxed) != 0
",
        model: "ring::polling_consumer_has_everything_when_told_of_the_close",
        why: "told of the close although an item is there",
    },
    Mutation {
        name: "no second look when closed, polling",
        file: ENDPOINT,
        from: "self.refresh::<W>(which)?;
        if self.usable() >= need {
            Ok(())",
        to: "if self.usable() >= need {
            Ok(())",
        model: "ring::polling_consumer_has_everything_when_told_of_the_close",
        why: "told of the close although an item is there",
    },
    Mutation {
        name: "close seen without acquire, waiting",
        file: ENDPOINT,
        from: "self.theirs(which).closed.load(Acquire) != 0
",
        to: "self.theirs(which).closed.load(Relaxed) != 0
",
        model: "ring::waiting_consumer_has_everything_when_told_of_the_close",
        why: "told of the close although an item is there",
    },
    Mutation {
        name: "no second look when closed, waiting",
        file: WAITING,
        from: "end = Some(Halt::Closed);",
        to: "return Err(Halt::Closed);",
        model: "ring::waiting_consumer_has_everything_when_told_of_the_close",
        why: "told of the close although an item is there",
    },
    Mutation {
        name: "close is no release",
        file: ENDPOINT,
        from: "self.mine(which).closed.store(1, Release);",
        to: "self.mine(which).closed.store(1, Relaxed);",
        model: "ring::polling_consumer_has_everything_when_told_of_the_close",
        why: "told of the close although an item is there",
    },
    Mutation {
        name: "close wakes nobody",
        file: ENDPOINT,
        from: "let _ = self.advance::<W>(which, 0);",
        to: "",
        model: "ring::waiting_producer_is_told_of_the_close",
        why: "a sleeper who is never told",
    },
    Mutation {
        name: "close wakes, then says so",
        file: ENDPOINT,
        from: "self.mine(which).closed.store(1, Release);",
        to: "let _ = self.advance::<W>(which, 0);
            self.mine(which).closed.store(1, Release);
            self.own.count = self.own.count.wrapping_sub(2);",
        model: "ring::waiting_producer_is_told_of_the_close",
        why: "a sleeper looks before the close is said, and sleeps again",
    },
    Mutation {
        name: "end left without release",
        file: ENDPOINT,
        from: "self.mine(which).owner.store(0, Release);",
        to: "self.mine(which).owner.store(0, Relaxed);",
        model: "succession::successor_sees_all_that_the_predecessor_did",
        why: "a successor that has not seen all that its predecessor did",
    },
    Mutation {
        name: "end taken without acquire",
        file: ENDPOINT,
        from: "mine.owner.compare_exchange(owner, me, AcqRel, Acquire)",
        to: "mine.owner.compare_exchange(owner, me, Release, Acquire)",
        model: "succession::successor_sees_all_that_the_predecessor_did",
        why: "the owner looked at may be an old one: only the exchange sees the newest",
    },
    Mutation {
        name: "attached and still closed",
        file: ENDPOINT,
        from: "mine.closed.store(0, Release);",
        to: "",
        model: "succession::successor_of_a_closed_end_opens_it_again",
        why: "the other side is told of a close, and the end is open",
    },
    Mutation {
        name: "end free before it is closed",
        file: ENDPOINT,
        from: "if self.drop == OnDrop::Close {",
        to: "self.mine(which).owner.store(0, Release);
        if self.drop == OnDrop::Close {",
        model: "succession::predecessor_closes_nothing_of_its_successor",
        why: "the successor's end is closed by its predecessor",
    },
    Mutation {
        name: "the living robbed",
        file: MEMBER,
        from: "if owner != 0 && file.is_locked(owner) {",
        to: "if owner != 0 && !file.is_locked(owner) {",
        model: "membership::end_wanted_by_two_is_held_by_one",
        why: "two producers at once",
    },
    Mutation {
        name: "told of a death, and not of what came before",
        file: WAITING,
        from: "end = Some(Halt::PeerDied);",
        to: "return Err(Halt::PeerDied);",
        model: "ring::survivor_receives_what_was_committed_and_is_told_of_the_death",
        why: "an item that was committed before the death comes after it, or never",
    },
    Mutation {
        name: "nobody asks who lives",
        file: WAITING,
        from: "interval > 0 && awaited.has_died()",
        to: "interval == u32::MAX && awaited.has_died()",
        model: "ring::survivor_receives_what_was_committed_and_is_told_of_the_death",
        why: "a death changes no word: nobody else wakes the survivor",
    },
    Mutation {
        name: "the second step before the first (ring)",
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
        model: "ring::items_published_in_two_steps_wake",
        why: "who is woken finds nothing, and sleeps again beside the item",
    },
    Mutation {
        name: "closed is looked at once",
        file: WAITING,
        from: "if awaited.is_closed() {",
        to: "if interval == 0 && awaited.is_closed() {",
        model: "ring::waiting_producer_is_told_of_the_close",
        why: "a sleeper who is never told",
    },
    Mutation {
        name: "a sleeper looks for death alone",
        file: WAITING,
        from: "        if awaited.look()? {
            return Ok(());
        }
        if let",
        to: "        if interval < 2 * FIRST_INTERVAL.subsec_nanos() && awaited.look()? {
            return Ok(());
        }
        if let",
        model: "ring::items_arrive_once_although_wakes_are_hindered",
        why: "what is there is not found",
    },
    Mutation {
        name: "who does not wait never asks who lives",
        file: ENDPOINT,
        from: "if self.failures < FAILURES_PER_LOOK {",
        to: "if self.failures < u32::MAX {",
        model: "ring::polling_survivor_is_told_of_the_death",
        why: "a death changes no word: it would try for ever",
    },
    Mutation {
        name: "polling, told of a death, and not of what came before",
        file: ENDPOINT,
        from: "        } else if self.fails_and_finds_dead(which) {
            Halt::PeerDied",
        to: "        } else if self.fails_and_finds_dead(which) {
            return Err(Halt::PeerDied);",
        model: "ring::polling_survivor_is_told_of_the_death",
        why: "an item that was committed before the death comes after it, or never",
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
    Mutation {
        name: "forked child's copy goes on",
        file: ENDPOINT,
        from: "if self.member.is_copy() {
            return Err(",
        to: "if false {
            return Err(",
        model: "membership::child_changes_nothing_where_sides_sleep",
        why: "two processes are one end",
    },
    Mutation {
        name: "forked child's copy leaves",
        file: ENDPOINT,
        from: "if self.member.is_copy() {
            return;",
        to: "if false {
            return;",
        model: "membership::child_changes_nothing_where_sides_sleep",
        why: "the parent's end is closed by its child",
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
        from: "if word.newest() != *expected {",
        to: "if word.newest() != *expected && index > 0 {",
        model: "ring::records_arrive_whole",
        why: "a wake between the look and the sleep is lost",
    },
    Mutation {
        name: "machine stores word and item in two steps",
        file: PAIR,
        from: "self.both.store(both, Ordering::Release);",
        to: "let before = self.both.load(Relaxed) & u64::from(u32::MAX);
        self.both.store(number << 32 | before, Ordering::Release);
        self.both.store(both, Ordering::Release);",
        model: "ring::items_arrive_in_order_where_sides_spin",
        why: "the item is a later one",
    },
];
