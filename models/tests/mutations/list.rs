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
const PROGRESS: &str = "src/ring/progress.rs";
const ENDPOINT: &str = "src/ring/spsc/endpoint.rs";
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
        file: SEMAPHORE,
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
        file: SEMAPHORE,
        from: "                self.word
                    .add_and_wake_all((step * UNIT) as u16)
",
        to: "                if let Err(now) =
                    self.word.compare_exchange(seen, step * UNIT, Release, Relaxed)
                {
                    seen = now;
                    continue;
                }
                self.word
                    .add_and_wake_all(0)
",
        model: "semaphore::killed_poster_leaves_no_sleeper_beside_a_unit",
        why: "a poster killed between the steps strands a sleeper",
    },
    Mutation {
        name: "a unit lost per 1,023",
        file: SEMAPHORE,
        from: "add_and_wake_all((step * UNIT) as u16)",
        to: "add_and_wake_all(((step - step / WAKE_OP_UNITS) * UNIT) as u16)",
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
        from: "compare_exchange(0, SLEEPERS, Relaxed, Relaxed) {
                Ok(_) | Err(SLEEPERS) => self.word.sleep(SLEEPERS, deadline)?,",
        to: "compare_exchange(0, 0, Relaxed, Relaxed) {
                Ok(_) | Err(SLEEPERS) => self.word.sleep(0, deadline)?,",
        model: "semaphore::unit_hands_over_what_was_written_before_it",
        why: "no post knows of the sleeper",
    },
    Mutation {
        name: "sleeper clears its bit at a time-out (semaphore)",
        file: SEMAPHORE,
        from: "self.word.sleep(SLEEPERS, deadline)?,",
        to: "if let Err(errno) = self.word.sleep(SLEEPERS, deadline) {
                    let _ = self.word.compare_exchange(SLEEPERS, 0, Relaxed, Relaxed);
                    return Err(errno);
                },",
        model: "semaphore::sleep_that_ends_early_loses_neither_unit_nor_wake",
        why: "it was the bit of another sleeper, too",
    },
    Mutation {
        name: "woken sleeper takes nothing",
        file: SEMAPHORE,
        from: "Err(_) => {}
            }
            if self.try_wait() {",
        to: "Err(_) => {}
            }
            if self.value() > 0 {",
        model: "semaphore::competing_posters_and_takers_lose_no_unit",
        why: "a unit lets two go",
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
        file: PROGRESS,
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
        from: "word.sleep_once(seen | SLEEPING, deadline)",
        to: "word.sleep_once(seen | SLEEPING, deadline).inspect_err(|_| {
            let _ = word.compare_exchange(seen | SLEEPING, seen, Relaxed, Relaxed);
        })",
        model: "ring::items_arrive_although_sleeps_end_early",
        why: "the other side adds one to a word whose bit it has seen",
    },
    Mutation {
        name: "sleep without a bit (ring)",
        file: PROGRESS,
        from: "let word = self.word.word();
        match word.compare_exchange(seen, seen | SLEEPING, Relaxed, Relaxed) {",
        to: "let word = self.word.word();
        if word.load(Relaxed) == seen {
            return word.sleep(seen, deadline);
        }
        match word.compare_exchange(seen, seen | SLEEPING, Relaxed, Relaxed) {",
        model: "ring::items_arrive_in_order_where_sides_sleep",
        why: "no advance knows of the sleeper",
    },
    // --- A ring's ends ---
    Mutation {
        name: "one item too many fits",
        file: ENDPOINT,
        from: "Self::Producer => peer.wrapping_add(capacity),",
        to: "Self::Producer => peer.wrapping_add(capacity + GRAIN),",
        model: "ring::full_ring_overwrites_nothing",
        why: "an unread item is overwritten, or the ring called corrupt",
    },
    Mutation {
        name: "close seen without acquire, polling",
        file: ENDPOINT,
        from: "if self.theirs(which).closed.load(Acquire) == 0 {",
        to: "if self.theirs(which).closed.load(Relaxed) == 0 {",
        model: "ring::polling_consumer_has_everything_when_told_of_the_close",
        why: "told of the close although an item is there",
    },
    Mutation {
        name: "no second look when closed, polling",
        file: ENDPOINT,
        from: "return Err(Halt::WouldBlock);
        }
        self.refresh::<W>(which)?;",
        to: "return Err(Halt::WouldBlock);
        }",
        model: "ring::polling_consumer_has_everything_when_told_of_the_close",
        why: "told of the close although an item is there",
    },
    Mutation {
        name: "close seen without acquire, waiting",
        file: ENDPOINT,
        from: "closed = self.theirs(which).closed.load(Acquire) != 0;",
        to: "closed = self.theirs(which).closed.load(Relaxed) != 0;",
        model: "ring::waiting_consumer_has_everything_when_told_of_the_close",
        why: "told of the close although an item is there",
    },
    Mutation {
        name: "no second look when closed, waiting",
        file: ENDPOINT,
        from: "closed = self.theirs(which).closed.load(Acquire) != 0;",
        to: "if self.theirs(which).closed.load(Acquire) != 0 {
                return Err(Halt::Closed);
            }",
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
        file: ENDPOINT,
        from: "if owner != 0 && owner != me && self.place.alive(owner) {",
        to: "if owner != 0 && owner != me && !self.place.alive(owner) {",
        model: "succession::living_end_is_occupied",
        why: "two producers at once",
    },
    Mutation {
        name: "the dead not succeeded",
        file: ENDPOINT,
        from: "if owner != 0 && owner != me && self.place.alive(owner) {",
        to: "if owner != 0 && owner != me {",
        model: "succession::producer_killed_anywhere_is_succeeded",
        why: "a dead process holds its end for ever",
    },
    Mutation {
        name: "told of a death, and not of what came before",
        file: ENDPOINT,
        from: "waited = self.wait_for_change::<W>(which, deadline);",
        to: "waited = Ok(self.wait_for_change::<W>(which, deadline)?);",
        model: "ring::survivor_receives_what_was_committed_and_is_told_of_the_death",
        why: "an item that was committed before the death comes after it, or never",
    },
    Mutation {
        name: "nobody asks who lives",
        file: ENDPOINT,
        from: "if self.peer_died(which) {
                return",
        to: "if false {
                return",
        model: "ring::survivor_receives_what_was_committed_and_is_told_of_the_death",
        why: "a death changes no word: nobody else wakes the survivor",
    },
    // --- What the algorithms stand on: a model that bears this shows nothing ---
    Mutation {
        name: "kernel adds and wakes nobody",
        file: SEAM,
        from: "self.0.add_and_wake(amount, ALL);",
        to: "self.0.fetch_add(amount.into(), Ordering::Relaxed);",
        model: "semaphore::two_sleepers_are_both_let_go",
        why: "a sleeper beside a unit",
    },
    Mutation {
        name: "kernel wakes one",
        file: SEAM,
        from: "self.0.add_and_wake(amount, ALL);",
        to: "self.0.add_and_wake(amount, 1);",
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
