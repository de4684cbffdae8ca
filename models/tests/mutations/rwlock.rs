//! Mutations of the lock for readers and writers.

use crate::list::Mutation;

const LOCK: &str = "src/sync/lock.rs";
const RWLOCK: &str = "src/sync/rwlock/mod.rs";
const SLOT: &str = "src/sync/slot.rs";
const GUARD: &str = "src/sync/rwlock/guard.rs";

const EXCLUDE: &str = "rwlock::reader_and_writer_exclude_and_see_each_other";
const PREFERRED: &str = "rwlock::reader_that_is_preferred_and_writer_exclude_and_see_each_other";
const DEAD_READER: &str = "rwlock::killed_reader_keeps_no_writer_out";
const DEAD_WRITER: &str = "rwlock::death_of_a_writer_is_told";
const NO_WAKE: &str = "rwlock::lock_given_back_without_a_wake_is_found";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "rwlock: the reader looks before it is seen",
        file: RWLOCK,
        from: "        fence_behind_change();\n        let looked",
        to: "        let looked",
        model: EXCLUDE,
        why: "neither sees the other",
    },
    Mutation {
        name: "rwlock: the writer looks before it is seen",
        file: RWLOCK,
        from: "        fence_behind_change();\n        for slot",
        to: "        for slot",
        model: EXCLUDE,
        why: "neither sees the other",
    },
    Mutation {
        name: "rwlock: the writer that gives way looks before it is seen",
        file: RWLOCK,
        from: "            fence_behind_change();\n            if",
        to: "            if",
        model: PREFERRED,
        why: "neither sees the other",
    },
    Mutation {
        name: "rwlock: readers who are there are not waited for",
        file: RWLOCK,
        from: "if let Err(halt) = slot.await_idle(me, deadline) {",
        to: "if let Err(halt) = Ok(slot.is_idle()).map(drop) {",
        model: EXCLUDE,
        why: "it writes what they read",
    },
    Mutation {
        name: "rwlock: who came meanwhile is overlooked",
        file: RWLOCK,
        from: "if self.slots_in_use().iter().all(Slot::is_idle) {",
        to: "if true {",
        model: PREFERRED,
        why: "it writes what that one reads",
    },
    Mutation {
        name: "rwlock: a slot that nobody knows of",
        file: SLOT,
        from: "if self.used.load(Relaxed) as usize <= place {",
        to: "if false {",
        model: EXCLUDE,
        why: "writers do not look there",
    },
    Mutation {
        name: "rwlock: the reader does not give way",
        file: RWLOCK,
        from: "if looked.is_err() {",
        to: "if false {",
        model: EXCLUDE,
        why: "reader and writer wait for each other",
    },
    Mutation {
        name: "rwlock: who gives up keeps the lock",
        file: RWLOCK,
        from: "                self.lock.unlock_for_all(left);\n                return",
        to: "                return",
        model: "rwlock::writer_that_gives_up_keeps_nobody_out",
        why: "the others wait for who does not want it any more",
    },
    Mutation {
        name: "rwlock: who gives way keeps the lock",
        file: RWLOCK,
        from: "            self.lock.unlock_for_all(left);\n            passes",
        to: "            passes",
        model: PREFERRED,
        why: "it waits for itself",
    },
    Mutation {
        name: "rwlock: leaving is no release",
        file: SLOT,
        from: "false => self.0.swap(0, Release)",
        to: "false => self.0.swap(0, Relaxed)",
        model: EXCLUDE,
        why: "the writer writes what is still being read",
    },
    Mutation {
        name: "rwlock: finding nobody is no acquire",
        file: SLOT,
        from: "self.0.load(Acquire) & MEMBER == 0",
        to: "self.0.load(Relaxed) & MEMBER == 0",
        model: EXCLUDE,
        why: "the writer writes what is still being read",
    },
    Mutation {
        name: "rwlock: leaving wakes nobody",
        file: SLOT,
        from: "if was & WAITERS != 0 {",
        to: "if was & 0 != 0 {",
        model: EXCLUDE,
        why: "the writer sleeps on",
    },
    Mutation {
        name: "rwlock: leaving wakes one",
        file: SLOT,
        from: "if was & WAITERS != 0 {\n            self.0.wake_all();",
        to: "if was & WAITERS != 0 {\n            self.0.wake_one();",
        model: "rwlock::two_writers_asleep_beside_a_preferred_reader_both_get_in",
        why: "the other writer sleeps on",
    },
    Mutation {
        name: "rwlock: dead readers are waited for",
        file: SLOT,
        from: "} else if !me.alive(member) {",
        to: "} else if false {",
        model: DEAD_READER,
        why: "they never leave",
    },
    Mutation {
        name: "rwlock: living readers are taken for dead",
        file: SLOT,
        from: "} else if !me.alive(member) {",
        to: "} else if me.alive(member) {",
        model: EXCLUDE,
        why: "it writes what they read",
    },
    Mutation {
        name: "rwlock: who takes over a slot forgets the writer",
        file: SLOT,
        from: "let taken = seen & WAITERS | Self::after_death(seen) | number;",
        to: "let taken = number;",
        model: "rwlock::successor_on_the_slot_of_the_dead_wakes_its_writer",
        why: "leaving, it does not know that one sleeps",
    },
    Mutation {
        name: "rwlock: no second look (writer)",
        file: SLOT,
        from: "deadline, RECHECK.subsec_nanos()",
        to: "deadline, u32::MAX",
        model: NO_WAKE,
        why: "a wake that does not come was the last",
    },
    Mutation {
        name: "rwlock: no second look (reader)",
        file: LOCK,
        from: "sleep(announced, deadline, RECHECK.subsec_nanos())",
        to: "sleep(announced, deadline, u32::MAX)",
        model: NO_WAKE,
        why: "a wake that does not come was the last",
    },
    Mutation {
        name: "rwlock: finding it free is no acquire",
        file: LOCK,
        from: "match self.0.load(Acquire) {",
        to: "match self.0.load(Relaxed) {",
        model: EXCLUDE,
        why: "the value is read as it was before the last writer",
    },
    Mutation {
        name: "rwlock: the dead writer's lock is freed as if nothing had happened",
        file: LOCK,
        from: "compare_exchange(seen, INCONSISTENT, AcqRel, Relaxed)",
        to: "compare_exchange(seen, 0, AcqRel, Relaxed)",
        model: DEAD_WRITER,
        why: "what is half done is taken for whole",
    },
    Mutation {
        name: "rwlock: who frees it wakes nobody",
        file: LOCK,
        from: "if freed.is_ok() && seen & SLEEPERS != 0 {",
        to: "if false {",
        model: "rwlock::sleeper_is_woken_by_who_frees_the_lock_of_the_dead",
        why: "who has slept since before the death sleeps on",
    },
    Mutation {
        name: "rwlock: readers wait for the dead",
        file: LOCK,
        from: "        if !me.alive(owner) {\n            // Release",
        to: "        if false {\n            // Release",
        model: DEAD_WRITER,
        why: "nobody gives back what the dead one holds",
    },
    Mutation {
        name: "rwlock: given back to one",
        file: GUARD,
        from: "self.lock.unlock_for_all(self.left);",
        to: "self.lock.unlock(self.left);",
        model: "rwlock::two_sleeping_readers_both_get_in",
        why: "who reads wakes nobody else",
    },
    Mutation {
        name: "rwlock: a child leaves in its parent's name",
        file: GUARD,
        from: "if self.me.is_copy() {",
        to: "if false {",
        model: "rwlock::child_changes_nothing",
        why: "the writer writes what the parent reads",
    },
];
