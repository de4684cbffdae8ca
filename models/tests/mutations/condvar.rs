//! Mutations of the condition variable.

use crate::list::Mutation;

const CONDVAR: &str = "src/sync/condvar.rs";

const ONE: &str = "condvar::taker_is_notified_of_a_unit";
const PASSED_ON: &str = "condvar::notification_of_who_gives_up_is_another_ones";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "condvar: registering after the mutex is let go",
        file: CONDVAR,
        from: "        let expected = self.register();\n        let mutex = guard.parts();\n        drop(guard);\n",
        to: "        let mutex = guard.parts();\n        drop(guard);\n        let expected = self.register();\n",
        model: ONE,
        why: "what was put meanwhile was notified of to nobody",
    },
    Mutation {
        name: "condvar: nobody says that it sleeps",
        file: CONDVAR,
        from: "let set = seen | SLEEPERS;",
        to: "let set = seen;",
        model: ONE,
        why: "the notifier sees nobody",
    },
    Mutation {
        name: "condvar: the bit is cleared and nobody woken",
        file: CONDVAR,
        from: "        self.word.wake_all();\n",
        to: "",
        model: "condvar::two_takers_are_notified_at_once",
        why: "they sleep, and no notifier sees them",
    },
    Mutation {
        name: "condvar: one is woken where all are to be",
        file: CONDVAR,
        from: "        self.word.wake_all();\n",
        to: "        self.word.wake_one();\n",
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
        file: CONDVAR,
        from: "if !self.word.wake_one() {",
        to: "if false {",
        model: ONE,
        why: "the sleeper sleeps on",
    },
    Mutation {
        name: "condvar: a notification is no new number",
        file: CONDVAR,
        from: "        self.word.fetch_add(NOTIFICATION, Relaxed);\n",
        to: "",
        model: PASSED_ON,
        why: "who was notified and gives up does not know that it was",
    },
    Mutation {
        name: "condvar: who gives up keeps its notification",
        file: CONDVAR,
        from: "            self.word.wake_one();\n",
        to: "",
        model: PASSED_ON,
        why: "another one sleeps beside the unit",
    },
    Mutation {
        name: "condvar: the bit is cleared with the number that it had",
        file: CONDVAR,
        from: "let cleared = seen.wrapping_add(SLEEPERS);",
        to: "let cleared = seen - SLEEPERS;",
        model: "condvar::taker_beside_one_who_waits_for_more_is_notified",
        why: "who is about to sleep does, once another one has set the bit again",
    },
];
