//! Mutations of the latest value.

use crate::list::Mutation;

const LINE: &str = "src/ring/latest/line.rs";
const SEAT: &str = "src/ring/latest/seat.rs";
const FORM: &str = "src/ring/latest/form.rs";
const WRITING: &str = "src/ring/latest/writing.rs";
const READING: &str = "src/ring/latest/reading.rs";

const WHOLE: &str = "latest::value_read_while_it_is_written_is_whole_and_not_older";
const UNSEATED: &str = "latest::reader_without_a_seat_returns_whole_values_in_order";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "latest: the writer helps nobody",
        file: SEAT,
        from: "if what(seen) != WANTS {",
        to: "if what(seen) <= WANTS {",
        model: WHOLE,
        why: "a reader that has looked and not claimed yet reads a buffer that is written",
    },
    Mutation {
        name: "latest: no fence between wanting and looking",
        file: READING,
        from: "fence(SeqCst);",
        to: "",
        model: WHOLE,
        why: "the reader sees an old value, and the writer not that it is wanted",
    },
    Mutation {
        name: "latest: no fence between publishing and helping",
        file: WRITING,
        from: "fence(SeqCst);",
        to: "",
        model: WHOLE,
        why: "the reader sees an old value, and the writer not that it is wanted",
    },
    Mutation {
        name: "latest: a buffer too few",
        file: FORM,
        from: "const BESIDE: usize = 2;",
        to: "const BESIDE: usize = 1;",
        model: WHOLE,
        why: "the only free buffer is one that is held",
    },
    Mutation {
        name: "latest: letting go is no release",
        file: SEAT,
        from: "self.word.store(word(me, WANTS), Release);",
        to: "self.word.store(word(me, WANTS), Relaxed);",
        model: WHOLE,
        why: "the next value is written while the reader still copies",
    },
    Mutation {
        name: "latest: looking at a seat is no acquire",
        file: SEAT,
        from: "let seen = self.word.load(Acquire);",
        to: "let seen = self.word.load(Relaxed);",
        model: WHOLE,
        why: "the next value is written while the reader still copies",
    },
    Mutation {
        name: "latest: publishing is no release",
        file: LINE,
        from: "compare_exchange(own.0, next.0, Release, Relaxed)",
        to: "compare_exchange(own.0, next.0, Relaxed, Relaxed)",
        model: WHOLE,
        why: "a reader copies what is not written yet",
    },
    Mutation {
        name: "latest: the reader's look is no acquire",
        file: LINE,
        from: "Seen::in_word(self.word.load(Acquire))",
        to: "Seen::in_word(self.word.load(Relaxed))",
        model: WHOLE,
        why: "a reader copies what is not written yet",
    },
    Mutation {
        name: "latest: being helped is no acquire",
        file: SEAT,
        from: "compare_exchange(word(me, WANTS), mine, Relaxed, Acquire)",
        to: "compare_exchange(word(me, WANTS), mine, Relaxed, Relaxed)",
        model: WHOLE,
        why: "a reader copies what it was given, which it does not see written",
    },
    Mutation {
        name: "latest: publishes, then wakes",
        file: LINE,
        from: "add_and_wake_all(&self.word, seen, by) {",
        to: "by > 0 && self.word.compare_exchange(seen, next.0, Release, Relaxed).is_ok() {
            self.word.wake_all();",
        model: "latest::sleeper_beside_a_killed_writer_is_woken",
        why: "a writer killed between the steps strands a sleeper",
    },
    Mutation {
        name: "latest: a dead one's seat is taken at the first try or never",
        file: SEAT,
        from: "const TAKES: u32 = 3;",
        to: "const TAKES: u32 = 1;",
        model: "latest::seat_of_the_dead_is_taken_beside_a_writer",
        why: "the writer gives something to the dead meanwhile, and no seat is found",
    },
    Mutation {
        name: "latest: a sleeper goes to sleep unsaid",
        file: LINE,
        from: ".compare_exchange(seen.0, asleep, Relaxed, Relaxed);",
        to: ".compare_exchange(asleep, asleep, Relaxed, Relaxed);",
        model: "latest::reader_that_waits_is_told_of_a_death",
        why: "it sleeps on what the word is not, and never does",
    },
    Mutation {
        name: "latest: a copy is not looked at again",
        file: FORM,
        from: "stamp.is_some_and(|stamp| stamp.version.load(Relaxed) == version)",
        to: "stamp.is_some_and(|stamp| stamp.version.load(Relaxed) > 0 && version > 0)",
        model: UNSEATED,
        why: "a value that was written over meanwhile is torn",
    },
    Mutation {
        name: "latest: a copy and the second look are not ordered",
        file: FORM,
        from: "fence(Acquire);",
        to: "",
        model: UNSEATED,
        why: "a value that was written over meanwhile is torn",
    },
    Mutation {
        name: "latest: the beginning of a value is not ordered before it",
        file: FORM,
        from: "fence(Release);",
        to: "",
        model: UNSEATED,
        why: "a value that was written over meanwhile is torn",
    },
    Mutation {
        name: "latest: a value without a seat may be another than the latest",
        file: READING,
        from: "version.filter(|&version| seen.can_be(version))",
        to: "version.filter(|&version| seen.can_be(version) || version > 0)",
        model: UNSEATED,
        why: "one that is not published yet is followed by an earlier one",
    },
];
