//! Mutations of the mutex by thread.

use crate::list::Mutation;

const LIST: &str = "src/sync/robust/list.rs";

const EXACTLY: &str = "robust::death_of_a_holder_is_told_exactly";
const BOTH: &str = "robust::death_with_two_locks_is_told_of_both";
const WAKES: &str = "robust::death_of_a_holder_wakes_the_next_at_once";
const STRANDS: &str = "robust::killed_holder_strands_nobody";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "robust: announced after it is taken",
        file: LIST,
        from: "let before = self.list.announce(lock);
        let taken = take(lock.word());",
        to: "let taken = take(lock.word());
        let before = self.list.announce(lock);",
        model: EXACTLY,
        why: "who dies between has a lock of which the kernel does not know",
    },
    Mutation {
        name: "robust: settled before it is entered",
        file: LIST,
        from: "        if taken.is_ok() {
            self.list.link(lock);
        }
        self.list.settle(before);",
        to: "        self.list.settle(before);
        if taken.is_ok() {
            self.list.link(lock);
        }",
        model: EXACTLY,
        why: "who dies between has a lock of which the kernel does not know",
    },
    Mutation {
        name: "robust: not entered",
        file: LIST,
        from: "self.list.link(lock);",
        to: "",
        model: EXACTLY,
        why: "who dies with the lock has one of which the kernel does not know",
    },
    Mutation {
        name: "robust: the first of two locks is not entered",
        file: LIST,
        from: "if taken.is_ok() {",
        to: "if taken.is_ok() && before != 0 {",
        model: BOTH,
        why: "what is announced for the second lock is no longer announced for the first",
    },
    Mutation {
        name: "robust: taken out before it is announced",
        file: LIST,
        from: "let before = self.list.announce(lock);
        self.list.unlink(lock);",
        to: "self.list.unlink(lock);
        let before = self.list.announce(lock);",
        model: EXACTLY,
        why: "who dies between has a lock of which the kernel does not know",
    },
    Mutation {
        name: "robust: settled before it is given back",
        file: LIST,
        from: "give_back(lock.word());
        self.list.settle(before);",
        to: "self.list.settle(before);
        give_back(lock.word());",
        model: STRANDS,
        why: "who dies between has a lock of which the kernel does not know",
    },
    Mutation {
        name: "robust: nobody sleeps where the kernel wakes",
        file: "src/sync/robust/thread.rs",
        from: "const MARK: u32 = WAITERS;",
        to: "const MARK: u32 = 0;",
        model: WAKES,
        why: "a death wakes nobody",
    },
    Mutation {
        name: "robust: the kernel is not told that somebody sleeps",
        file: "src/sync/lock.rs",
        from: "let mine = me.number() | H::MARK;",
        to: "let mine = me.number();",
        model: WAKES,
        why: "a death wakes nobody",
    },
];
