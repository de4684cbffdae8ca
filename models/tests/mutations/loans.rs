//! Mutations of the broadcast ring of loans.

use crate::list::Mutation;

const CHUNK: &str = "src/ring/pool/chunk.rs";
const SENDING: &str = "src/ring/broadcast/loans/sending.rs";
const RECEIVING: &str = "src/ring/broadcast/loans/receiving.rs";
const ROSTER: &str = "src/region/roster.rs";

const OVERTAKEN: &str = "loans::overtaken_reader_has_what_nobody_is_lent";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "no fence between pin and second look (loans)",
        file: CHUNK,
        from: "        // SeqCst [F2]: with [F1] in `lend`.\n        fence(SeqCst);\n",
        to: "",
        model: OVERTAKEN,
        why: "the slot is seen as it was, and the pin is not yet seen",
    },
    Mutation {
        name: "no fence between loan and look at the pins (loans)",
        file: CHUNK,
        from: "        fence(SeqCst);\n        // Acquire [A2]",
        to: "        // Acquire [A2]",
        model: OVERTAKEN,
        why: "the pins are seen as they were, and the claim is not yet seen",
    },
    Mutation {
        name: "pins are not looked at (loans)",
        file: CHUNK,
        from: "self.pins.load(Acquire) == 0;",
        to: "self.pins.load(Acquire) < u64::MAX;",
        model: OVERTAKEN,
        why: "a chunk is lent that a reader has",
    },
    Mutation {
        name: "look at the pins is no acquire (loans)",
        file: CHUNK,
        from: "self.pins.load(Acquire) == 0;",
        to: "self.pins.load(Relaxed) == 0;",
        model: OVERTAKEN,
        why: "what is written races with what a reader has read",
    },
    Mutation {
        name: "giving back is no release (loans)",
        file: CHUNK,
        from: "self.pins.fetch_and(!(1 << place), Release);",
        to: "self.pins.fetch_and(!(1 << place), Relaxed);",
        model: OVERTAKEN,
        why: "what is written races with what a reader has read",
    },
    Mutation {
        name: "pin without a second look at the slot (loans)",
        file: RECEIVING,
        from: "if reading.is_still()? {",
        to: "if reading.is_still()? || is_pinned {",
        model: OVERTAKEN,
        why: "the chunk may have been lent before it was pinned",
    },
    Mutation {
        name: "pin of what has gone is not taken back (loans)",
        file: RECEIVING,
        from: "                chunk.unpin(self.place);\n            }\n        }",
        to: "                let _ = chunk;\n            }\n        }",
        model: OVERTAKEN,
        why: "the chunk is never lent again",
    },
    Mutation {
        name: "place is taken with what a dead reader had (loans)",
        file: RECEIVING,
        from: "        if succeeds {\n            unpin_all(chunks, place);\n        }\n        let layout",
        to: "        let _ = chunks;\n        let layout",
        model: "loans::successor_of_a_dead_reader_begins_with_nothing",
        why: "the chunk is never lent again, as its reader lives",
    },
    Mutation {
        name: "place is given back before what a dead reader had (loans)",
        file: ROSTER,
        from: "                clear(seat);\n                self.give_back(seat);",
        to: "                self.give_back(seat);\n                clear(seat);",
        model: "loans::successor_of_a_dead_reader_begins_with_nothing",
        why: "what is given back is the successor's",
    },
    Mutation {
        name: "place of a dead reader counts as free while it is cleared (loans)",
        file: ROSTER,
        from: "                    .compare_exchange(number, me.number(), AcqRel, Relaxed)
                    .is_ok()
            {
                clear",
        to: "                    .compare_exchange(number, 0, AcqRel, Relaxed)
                    .is_ok()
            {
                clear",
        model: "loans::death_while_a_dead_reader_is_buried_loses_nothing",
        why: "who dies meanwhile leaves chunks that nobody has",
    },
    Mutation {
        name: "dead readers are not looked for (loans)",
        file: SENDING,
        from: "            unpin_all(chunks, place);\n",
        to: "            let _ = (place, unpin_all);\n",
        model: "loans::reader_killed_anywhere_keeps_no_chunk",
        why: "what the dead had is never lent again",
    },
    Mutation {
        name: "what a slot has named is not freed (loans)",
        file: SENDING,
        from: "                old.retire(slot);\n",
        to: "                let _ = old;\n",
        model: OVERTAKEN,
        why: "each message takes a chunk for ever",
    },
    Mutation {
        name: "chunk of a dead claimant is not freed (loans)",
        file: CHUNK,
        from: "            && ticket.slot() == slot\n",
        to: "            && ticket.slot() == slot && ticket.0 & 1 << Ticket::SLOT_BITS == 0\n",
        model: OVERTAKEN,
        why: "what was put there in every other lap stays",
    },
    Mutation {
        name: "who was passed over does not take its chunk back (loans)",
        file: SENDING,
        from: "if writing.publish(begun)? || !chunk.take_back(ticket, me) {",
        to: "if writing.publish(begun)? || me > 0 {",
        model: "loans::slow_writer_is_passed_over_and_its_chunk_is_its_own",
        why: "its message is lost",
    },
    Mutation {
        name: "who was passed over takes a chunk that is another's (loans)",
        file: CHUNK,
        from: ".compare_exchange(in_ring(ticket), owned(me), AcqRel, Relaxed)\n            .is_ok()",
        to: ".swap(owned(me), AcqRel) > ticket.0.min(0)",
        model: "loans::slow_writer_takes_back_no_chunk_of_others",
        why: "two have it, or one that is in the ring is lent",
    },
];
