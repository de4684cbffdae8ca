//! Mutations of the broadcast ring.

use crate::list::Mutation;

const READING: &str = "src/ring/broadcast/reading.rs";
const WRITING: &str = "src/ring/broadcast/writing.rs";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "no second look after the copy (broadcast)",
        file: READING,
        from: "now.unawaited() == self.seen.unawaited()",
        to: "now.state() < 4",
        model: "broadcast::overtaken_reader_takes_nothing_torn",
        why: "a reader that was overtaken takes what is half another message",
    },
    Mutation {
        name: "no fence between copy and second look (broadcast)",
        file: READING,
        from: "            fence(Acquire);\n",
        to: "",
        model: "broadcast::overtaken_reader_takes_nothing_torn",
        why: "the second look may be older than the copy",
    },
    Mutation {
        name: "no fence between mark and message (broadcast)",
        file: WRITING,
        from: "            fence(Release);\n            let slots = self.slots()?;",
        to: "            let slots = self.slots()?;",
        model: "broadcast::overtaken_reader_takes_nothing_torn",
        why: "a reader copies the next message and does not see that it is written",
    },
    Mutation {
        name: "sole writer does not mark what it writes (broadcast)",
        file: WRITING,
        from: "        word.store(mine);\n",
        to: "",
        model: "broadcast::sole_writer_that_stores_tears_nothing",
        why: "a reader does not see that its message is overwritten",
    },
    Mutation {
        name: "closing writer wakes nobody (broadcast)",
        file: WRITING,
        from: "slots.word(tail).rouse(is_claimed);",
        to: "let _ = (tail, is_claimed);",
        model: "broadcast::sleeper_is_woken_by_message_and_close",
        why: "a reader sleeps although no message will come",
    },
];
