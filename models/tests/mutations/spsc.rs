//! The ring for one producer and one consumer.

use crate::list::Mutation;

const WAITING: &str = "src/ring/waiting.rs";
const PROGRESS: &str = "src/ring/spsc/progress.rs";
const ENDPOINT: &str = "src/ring/spsc/endpoint.rs";
const SIDE: &str = "src/ring/spsc/side.rs";
const PAIR: &str = "models/runtime/src/pair.rs";

pub const MUTATIONS: &[Mutation] = &[
    // --- How far a side has come, and who sleeps ---
    Mutation {
        name: "advance is no release",
        file: PROGRESS,
        from: "self.word.store_alone(reading.0, Release);",
        to: "self.word.store_alone(reading.0, Relaxed);",
        model: "ring::long_items_arrive_where_sides_spin",
        why: "a race for the item",
    },
    Mutation {
        name: "word read without acquire",
        file: PROGRESS,
        from: "Reading(self.word.load(Acquire))",
        to: "Reading(self.word.load(Relaxed))",
        model: "ring::long_items_arrive_where_sides_spin",
        why: "a race for the item",
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
        from: "(self.word.load(Relaxed) == word).then_some(item)",
        to: "(word | 1 != 0).then_some(item)",
        model: "ring::items_arrive_in_order_where_sides_spin",
        why: "the item is a later one",
    },
    Mutation {
        name: "advance wakes nobody",
        file: PROGRESS,
        from: "            self.wake();
",
        to: "",
        model: "ring::items_arrive_in_order_where_sides_sleep",
        why: "a sleeper beside an item",
    },
    Mutation {
        name: "no barrier between the store and the look",
        file: PROGRESS,
        from: "        barrier::light();
",
        to: "",
        model: "ring::items_arrive_in_order_where_sides_sleep",
        why: "the look is done before the store: each side misses the other",
    },
    Mutation {
        name: "sleep without the other side's barrier",
        file: PROGRESS,
        from: "                barrier::heavy();
",
        to: "",
        model: "ring::items_arrive_in_order_where_sides_sleep",
        why: "each side misses the other",
    },
    Mutation {
        name: "barrier before the arm",
        file: PROGRESS,
        from: "            self.arm.word.store(*armed, Relaxed);
            if self.unregistered.load(Relaxed) == 0 {
                barrier::heavy();
            }
",
        to: "            if self.unregistered.load(Relaxed) == 0 {
                barrier::heavy();
            }
            self.arm.word.store(*armed, Relaxed);
",
        model: "ring::items_arrive_in_order_where_sides_sleep",
        why: "each side misses the other",
    },
    Mutation {
        name: "end that nobody has yet counts as unregistered",
        file: PROGRESS,
        from: "if self.unregistered.load(Relaxed) == 0 {",
        to: "if self.unregistered.load(Relaxed) == 0 && self.owner.load(Relaxed) != 0 {",
        model: "succession::successor_continues_where_the_predecessor_left",
        why: "who attaches then is registered, and misses the arm",
    },
    Mutation {
        name: "sleep without an arm",
        file: PROGRESS,
        from: "            self.arm.word.store(*armed, Relaxed);
",
        to: "",
        model: "ring::items_arrive_in_order_where_sides_sleep",
        why: "no advance knows of the sleeper",
    },
    Mutation {
        name: "arm not renewed",
        file: PROGRESS,
        from: "if *armed != seen.arm() {",
        to: "if *armed == 0 {",
        model: "ring::items_arrive_although_sleeps_end_early",
        why: "the arm that stands has been answered",
    },
    Mutation {
        name: "arm by what the kernel does not compare",
        file: PROGRESS,
        from: "self.0 << 1 | 1",
        to: "self.0.rotate_left(1) ^ 1 << 62",
        model: "succession::successor_of_a_killed_producer_wakes_the_sleeper",
        why: "answered before it sleeps, and the half that it sleeps on has not changed",
    },
    Mutation {
        name: "who sleeps at the word just stored counts as answered",
        file: PROGRESS,
        from: "        if arm != *answered && arm != stored.arm() {",
        to: "        if arm == stored.arm() {
            *answered = arm;
        }
        if arm != *answered {",
        model: "ring::items_arrive_in_order_where_sides_sleep",
        why: "the next advance does not wake it",
    },
    Mutation {
        name: "standing arm taken for answered by a successor",
        file: PROGRESS,
        from: "        self.publish_reading(Reading(word), answered);
",
        to: "        if !closed {
            *answered = self.arm.word.load(Relaxed);
        }
        self.publish_reading(Reading(word), answered);
",
        model: "succession::successor_of_a_killed_producer_wakes_the_sleeper",
        why: "its predecessor was killed before the wake",
    },
    Mutation {
        name: "wake before the store",
        file: PROGRESS,
        from: "        self.word.store_alone(reading.0, Release);
        self.answer(reading, answered);
",
        to: "        self.answer(reading, answered);
        self.word.store_alone(reading.0, Release);
",
        model: "ring::records_arrive_whole",
        why: "who is woken finds nothing, and sleeps again beside the record",
    },
    Mutation {
        name: "arm cleared by who answers",
        file: PROGRESS,
        from: "            self.wake();
",
        to: "            self.arm.word.store(0, Relaxed);
            self.wake();
",
        model: "ring::ends_that_answer_and_arm_again_wake",
        why: "the arm for the next word is cleared with it",
    },
    Mutation {
        name: "close wakes nobody",
        file: PROGRESS,
        from: "        self.publish_reading(Reading(word), answered);
",
        to: "        if closed {
            self.word.store_alone(word, Release);
        } else {
            self.publish_reading(Reading(word), answered);
        }
",
        model: "ring::waiting_producer_is_told_of_the_close",
        why: "a sleeper who is never told",
    },
    // --- A ring's ends ---
    Mutation {
        name: "attached and still closed",
        file: ENDPOINT,
        from: "        mine.announce(self.position, false, &mut self.answered);
",
        to: "",
        model: "succession::successor_of_a_closed_end_opens_it_again",
        why: "the other side is told of a close, and the end is open",
    },
    Mutation {
        name: "polling, told of a death, and not of what came before",
        file: WAITING,
        from: "if awaited.look()? { Ok(()) } else { Err(end) }",
        to: "Err(end)",
        model: "ring::polling_survivor_is_told_of_the_death",
        why: "an item that was committed before the death comes after it, or never",
    },
    Mutation {
        name: "machine stores word and item in two steps",
        file: PAIR,
        from: "            stored.push((word, beside));
        }
        self.word.store(word, Ordering::Release);
",
        to: "            let last = stored.last_mut().expect(\"the first one\");
            last.1 = beside;
            stored.push((word, beside));
        }
        self.word.store(word, Ordering::Release);
",
        model: "ring::items_arrive_in_order_where_sides_spin",
        why: "the item is a later one",
    },
    Mutation {
        name: "one item too many fits",
        file: SIDE,
        from: "Self::Producer => peer.wrapping_add(capacity),",
        to: "Self::Producer => peer.wrapping_add(capacity + GRAIN),",
        model: "ring::full_ring_overwrites_nothing",
        why: "an unread item is overwritten, or the ring called corrupt",
    },
    Mutation {
        name: "end left without release",
        file: ENDPOINT,
        from: "mine.owner.store(0, Release);",
        to: "mine.owner.store(0, core::sync::atomic::Ordering::Relaxed);",
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
        name: "end free before it is closed",
        file: ENDPOINT,
        from: "if self.drop == OnDrop::Close {",
        to: "mine.owner.store(0, Release);
        if self.drop == OnDrop::Close {",
        model: "succession::predecessor_closes_nothing_of_its_successor",
        why: "the successor's end is closed by its predecessor",
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
        name: "closed is looked at once",
        file: WAITING,
        from: "        if awaited.is_closed() {
            end",
        to: "        if interval == 0 && awaited.is_closed() {
            end",
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
        file: WAITING,
        from: "self.0 < FAILURES_PER_LOOK",
        to: "self.0 < u32::MAX",
        model: "ring::polling_survivor_is_told_of_the_death",
        why: "a death changes no word: it would try for ever",
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
];
