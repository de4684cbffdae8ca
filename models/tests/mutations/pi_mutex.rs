//! Mutations of the mutex with priority inheritance.

use crate::list::Mutation;

const WORD: &str = "src/sync/robust/pi_word.rs";

const TWO: &str = "pi_mutex::two_holders_exclude_and_see_each_other";
const PASSED: &str = "pi_mutex::lock_is_passed_on_to_each_who_waits";
const EXACTLY: &str = "pi_mutex::death_of_a_holder_is_told_exactly";
const ONCE: &str = "pi_mutex::death_that_is_repaired_is_told_once";
const TOLD: &str = "pi_mutex::death_is_told_until_one_has_repaired_the_value";
const LOST: &str = "pi_mutex::lost_value_is_refused_to_all";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "pi mutex: taken without acquire",
        file: WORD,
        from: "match self.word.compare_exchange(0, mine, Acquire, Relaxed) {",
        to: "match self.word.compare_exchange(0, mine, Relaxed, Relaxed) {",
        model: TWO,
        why: "what the former holder wrote is not seen",
    },
    Mutation {
        name: "pi mutex: taken by the kernel without acquire",
        file: WORD,
        from: "self.word.load(Acquire) & OWNER_DIED",
        to: "self.word.load(Relaxed) & OWNER_DIED",
        model: TWO,
        why: "what the former holder wrote is not seen",
    },
    Mutation {
        name: "pi mutex: given back without release",
        file: WORD,
        from: "self.word.compare_exchange(mine, 0, Release, Relaxed);",
        to: "self.word.compare_exchange(mine, 0, Relaxed, Relaxed);",
        model: TWO,
        why: "what the former holder wrote is not seen",
    },
    Mutation {
        name: "pi mutex: passed on without release",
        file: WORD,
        from: "fence(Release);",
        to: "let _ = fence;",
        model: PASSED,
        why: "what the former holder wrote is not seen by who is given the lock",
    },
    Mutation {
        name: "pi mutex: given back past the kernel",
        file: WORD,
        from: "self.pass_on();",
        to: "self.word.store(0, Release);",
        model: PASSED,
        why: "nobody gives the lock to who waits in the kernel",
    },
    Mutation {
        name: "pi mutex: the kernel's mark is not kept",
        file: WORD,
        from: "self.state.store(INCONSISTENT, Relaxed);",
        to: "",
        model: EXACTLY,
        why: "the next holder takes a value for whole that is half changed",
    },
    Mutation {
        name: "pi mutex: a repair is not kept",
        file: WORD,
        from: "if self.state.load(Relaxed) != state {",
        to: "if self.state.load(Relaxed) == state {",
        model: TOLD,
        why: "what was repaired is told for ever",
    },
    Mutation {
        name: "pi mutex: a repair is told after the lock is given back",
        file: WORD,
        from: "        if self.state.load(Relaxed) != state {
            self.state.store(state, Relaxed);
        }
        self.give_back(mine);",
        to: "        let told = self.state.load(Relaxed) == state;
        self.give_back(mine);
        if !told {
            self.state.store(state, Relaxed);
        }",
        model: ONCE,
        why: "the next holder is told of what is repaired",
    },
    Mutation {
        name: "pi mutex: lost after it is given back",
        file: WORD,
        from: "        self.state.store(NOT_RECOVERABLE, Relaxed);
        self.give_back(mine);",
        to: "        self.give_back(mine);
        self.state.store(NOT_RECOVERABLE, Relaxed);",
        model: LOST,
        why: "who comes between has what was declared lost",
    },
    Mutation {
        name: "pi mutex: a death forgives what is lost",
        file: WORD,
        from: " && self.state.load(Relaxed) == 0 {",
        to: " {",
        model: LOST,
        why: "who declared it lost can die before it has given the lock back",
    },
    Mutation {
        name: "pi mutex: what is lost is kept by who finds it",
        file: WORD,
        from: "                self.give_back(mine);
                Err(Halt::NotRecoverable)",
        to: "                Err(Halt::NotRecoverable)",
        model: LOST,
        why: "others wait for the lock in the kernel, and are told nothing",
    },
];
