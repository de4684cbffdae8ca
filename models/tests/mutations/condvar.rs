//! Mutations of the condition variable.

use crate::list::Mutation;

const CONDVAR: &str = "src/sync/condvar.rs";

const SLEEPERS: &str = "src/sync/sleepers.rs";

const ONE: &str = "condvar::taker_is_notified_of_a_unit";
const PASSED_ON: &str = "condvar::notification_of_who_gives_up_is_another_ones";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "condvar: registering after the mutex is let go",
        file: CONDVAR,
        from: "        let announced = self.sleepers.announce();\n        let mutex = guard.parts();\n        drop(guard);\n",
        to: "        let mutex = guard.parts();\n        drop(guard);\n        let announced = self.sleepers.announce();\n",
        model: ONE,
        why: "what was put meanwhile was notified of to nobody",
    },
    Mutation {
        name: "condvar: nobody says that it sleeps",
        file: SLEEPERS,
        from: "self.0.fetch_or(SLEEPING, Relaxed) | SLEEPING",
        to: "self.0.load(Relaxed)",
        model: ONE,
        why: "the notifier sees nobody",
    },
    Mutation {
        name: "condvar: the bit is cleared and nobody woken",
        file: SLEEPERS,
        from: "Relaxed)?;\n        self.0.wake_all();\n",
        to: "Relaxed)?;\n",
        model: "condvar::two_takers_are_notified_at_once",
        why: "they sleep, and no notifier sees them",
    },
    Mutation {
        name: "condvar: one is woken where all are to be",
        file: SLEEPERS,
        from: "Relaxed)?;\n        self.0.wake_all();\n",
        to: "Relaxed)?;\n        self.0.wake_one();\n",
        model: "condvar::two_takers_are_notified_at_once",
        why: "the other one sleeps on",
    },
    Mutation {
        name: "condvar: no second look",
        file: CONDVAR,
        from: "deadline, RECHECK.subsec_nanos()",
        to: "deadline, u32::MAX",
        model: "condvar::unit_of_a_notifier_that_was_killed_is_found",
        why: "who died before it notified leaves a sleeper beside a unit",
    },
    Mutation {
        name: "condvar: nobody is woken",
        file: SLEEPERS,
        from: "if !self.0.wake_one() && counted & SLEEPING != 0 {",
        to: "if false {",
        model: ONE,
        why: "the sleeper sleeps on",
    },
    Mutation {
        name: "condvar: a notification is no new number",
        file: SLEEPERS,
        from: "self.0.fetch_add(WAKE, Relaxed).wrapping_add(WAKE)",
        to: "self.0.load(Relaxed)",
        model: PASSED_ON,
        why: "who was notified and gives up does not know that it was",
    },
    Mutation {
        name: "condvar: who gives up keeps its notification",
        file: CONDVAR,
        from: "            self.sleepers.word().wake_one();\n",
        to: "",
        model: PASSED_ON,
        why: "another one sleeps beside the unit",
    },
    Mutation {
        name: "condvar: the bit is cleared with the number that it had",
        file: SLEEPERS,
        from: "let cleared = seen.wrapping_add(SLEEPING);",
        to: "let cleared = seen - SLEEPING;",
        model: "condvar::taker_beside_one_who_waits_for_more_is_notified",
        why: "who is about to sleep does, once another one has set the bit again",
    },
];
