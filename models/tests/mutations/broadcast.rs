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
        from: "        fence(Acquire);\n",
        to: "",
        model: "broadcast::overtaken_reader_takes_nothing_torn",
        why: "the second look may be older than the copy",
    },
    Mutation {
        name: "no fence between mark and message (broadcast)",
        file: WRITING,
        from: "        fence(Release);\n        Ok(begun)",
        to: "        Ok(begun)",
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
    Mutation {
        name: "the end of a passed-over turn is not looked at again (broadcast)",
        file: WRITING,
        from: "Err(seen) => give_up(word, mine, seen),",
        to: "Err(_) => Ok(false),",
        model: "broadcast::slow_writer_is_passed_over_and_robbed_of_nothing",
        why: "the slot stays the slow writer's, and each lap passes it over",
    },
    Mutation {
        name: "who is passed over twice gives up once (broadcast)",
        file: WRITING,
        from: "    // They may do so again, a lap later.
    for _ in 0..ATTEMPTS {",
        to: "    for _ in 0..1 {",
        model: "broadcast::slow_writer_is_passed_over_twice",
        why: "a lap later the word is another one",
    },
    Mutation {
        name: "who passes over wakes nobody (broadcast)",
        file: WRITING,
        from: "                word.wake_all();\n",
        to: "",
        model: "broadcast::sleeper_beside_stopped_writer_is_woken_by_who_passes_it_over",
        why: "a reader sleeps beside messages until the stopped writer goes on",
    },
    Mutation {
        name: "message that was passed over as its readers were woken counts as sent (broadcast)",
        file: WRITING,
        from: "Ok(true) => Ok(!was_passed_over(word, mine)),",
        to: "Ok(true) => Ok(true),",
        model: "broadcast::sleeper_beside_stopped_writer_is_woken_by_who_passes_it_over",
        why: "readers that keep up never receive it",
    },
    Mutation {
        name: "who passes over takes the slot (broadcast)",
        file: WRITING,
        from: "Seen::new(BLOCKED, slots.lap(position), seen.owner(), 0);",
        to: "Seen::new(BLOCKED, slots.lap(position), self.member.number(), 0);",
        model: "broadcast::writer_killed_as_it_passes_over_strands_nobody",
        why: "the slow writer is robbed, and finds a word that is not its own",
    },
];
