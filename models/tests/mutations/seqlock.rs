//! Mutations of the value that is read without waiting.

use crate::list::Mutation;

const SEQLOCK: &str = "src/sync/seqlock/mod.rs";
const GUARD: &str = "src/sync/seqlock/guard.rs";

const WHOLE: &str = "seqlock::reader_has_the_whole_of_one_value";
const BESIDE_TWO: &str = "seqlock::reader_beside_two_writers_has_the_whole_of_one_value";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "seqlock: no fence before a value is written",
        file: SEQLOCK,
        from: "fence(Release);",
        to: "",
        model: WHOLE,
        why: "who reads what is written over does not see that it is",
    },
    Mutation {
        name: "seqlock: no fence before the second look",
        file: SEQLOCK,
        from: "        fence(Acquire);\n",
        to: "",
        model: WHOLE,
        why: "the second look is one from before the copy",
    },
    Mutation {
        name: "seqlock: publishing is no release",
        file: SEQLOCK,
        from: "self.published.store(published, Release);",
        to: "self.published.store(published, Relaxed);",
        model: WHOLE,
        why: "the value that is said to be there is not yet",
    },
    Mutation {
        name: "seqlock: the first look is no acquire",
        file: SEQLOCK,
        from: "let published = self.published.load(Acquire);",
        to: "let published = self.published.load(Relaxed);",
        model: WHOLE,
        why: "the value that is said to be there is not yet",
    },
    Mutation {
        name: "seqlock: published before it is written",
        file: SEQLOCK,
        from: "        self.value(published).write(value);\n        // Release [R5]: pairs with [A5] in `look`.\n        self.published.store(published, Release);",
        to: "        self.published.store(published, Release);\n        self.value(published).write(value);",
        model: WHOLE,
        why: "readers read what is being written",
    },
    Mutation {
        name: "seqlock: the current value is written over",
        file: SEQLOCK,
        from: "self.value(published).write(value);",
        to: "self.value(published.wrapping_sub(1)).write(value);",
        model: WHOLE,
        why: "a reader has half of each, and the next one the value before",
    },
    Mutation {
        name: "seqlock: no second look",
        file: SEQLOCK,
        from: "(self.published.load(Relaxed) == published).then_some(value)",
        to: "Some(value)",
        model: WHOLE,
        why: "half of one value, half of that which was written over it",
    },
    Mutation {
        name: "seqlock: the second look is content with any value of that place",
        file: SEQLOCK,
        from: "(self.published.load(Relaxed) == published)",
        to: "((self.published.load(Relaxed) ^ published) & 1 == 0)",
        model: WHOLE,
        why: "what was there has been written over",
    },
    Mutation {
        name: "seqlock: writing takes no turns",
        file: SEQLOCK,
        from: "        match self.lock.lock(me, deadline) {",
        to: "        match Ok::<_, super::lock::Halt>(deadline == Deadline::NOW) {",
        model: BESIDE_TWO,
        why: "two write the same place",
    },
    Mutation {
        name: "seqlock: the turn is never over",
        file: GUARD,
        from: "            self.lock.lock.unlock(self.me, Left::Consistent);\n",
        to: "",
        model: "seqlock::turn_of_a_dead_writer_is_taken_by_one",
        why: "all other writers wait for ever",
    },
    Mutation {
        name: "seqlock: a child writes in its parent's turn",
        file: GUARD,
        from: "        if !self.me.is_copy() {\n            self.lock.publish(value);",
        to: "        if true {\n            self.lock.publish(value);",
        model: "seqlock::child_changes_nothing",
        why: "two write at a time",
    },
    Mutation {
        name: "seqlock: a child ends its parent's turn",
        file: GUARD,
        from: "        if !self.me.is_copy() {\n            self.lock.lock.unlock(",
        to: "        if true {\n            self.lock.lock.unlock(",
        model: "seqlock::child_changes_nothing",
        why: "two have their turn",
    },
    Mutation {
        name: "seqlock: the guard reads the other value",
        file: GUARD,
        from: "self.lock.value(self.lock.published.load(Relaxed)).read()",
        to: "self.lock.value(self.lock.published.load(Relaxed) + 1).read()",
        model: BESIDE_TWO,
        why: "what was written last is lost",
    },
];
