//! Those of the pool.

use super::list::Mutation;

const CHUNK: &str = "src/ring/pool/chunk.rs";
const END: &str = "src/ring/pool/end.rs";
const LOANS: &str = "src/ring/pool/loans.rs";
const SWEEP: &str = "src/ring/pool/sweep.rs";
const RECEIPTS: &str = "src/ring/pool/receipts.rs";
const BELL: &str = "src/ring/bell.rs";
const ROUND: &str = "src/ring/pool/round.rs";
const WAITING: &str = "src/ring/pool/waiting.rs";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "taking a chunk is no acquire",
        file: CHUNK,
        from: "compare_exchange(FREE, owned(me), Acquire, Relaxed)",
        to: "compare_exchange(FREE, owned(me), Relaxed, Relaxed)",
        model: "pool::messages_arrive_in_order_where_sides_sleep",
        why: "the next message is written while the last is read",
    },
    Mutation {
        name: "giving a chunk back is no release",
        file: CHUNK,
        from: "            // Release [R1]: pairs with [A1]: the next one's accesses come after ours.
            self.word.store(FREE, Release);",
        to: "            self.word.store(FREE, Relaxed);",
        model: "pool::messages_arrive_in_order_where_sides_sleep",
        why: "the next message is written while the last is read",
    },
    Mutation {
        name: "a chunk of the dead freed by a store",
        file: CHUNK,
        from: "        self.word
            .compare_exchange(owned(dead), FREE, Release, Relaxed)
            .is_ok()",
        to: "        self.word.store(FREE, Release);
        true",
        model: "pool::two_who_find_the_chunk_of_a_dead_one_get_it_one_after_the_other",
        why: "it is somebody else's already",
    },
    Mutation {
        name: "a chunk of the living taken",
        file: SWEEP,
        from: "(number, !self.asker.alive(number))",
        to: "(number, self.asker.alive(number) || number > 0)",
        model: "pool::two_who_find_the_chunk_of_a_dead_one_get_it_one_after_the_other",
        why: "a message is overwritten while it is read",
    },
    Mutation {
        name: "a search that is not finished has found nothing",
        file: SWEEP,
        from: "(false, 0) => Swept::Nothing,",
        to: "(false, _) => Swept::Nothing,",
        model: "pool::chunks_of_the_dead_are_all_found_in_parts_before_the_end_is_told",
        why: "the end is told beside chunks of the dead",
    },
    Mutation {
        name: "a search begins anew each time",
        file: SWEEP,
        from: "round.leave(next, if found",
        to: "round.leave(0, if found",
        model: "pool::chunks_of_the_dead_are_all_found_in_parts_before_the_end_is_told",
        why: "what is further back is never found",
    },
    Mutation {
        name: "one answer for all owners",
        file: SWEEP,
        from: ".find(|(known, _)| *known == number)",
        to: ".find(|(known, _)| *known > 0)",
        model: "pool::chunks_of_the_dead_are_all_found_in_parts_before_the_end_is_told",
        why: "chunks of the dead are taken for those of the living",
    },
    Mutation {
        name: "slot released before the chunk is taken",
        file: RECEIPTS,
        from: "        let accepted = self.accept_chunk(claim, index, len);
        // The slot last: until then it names who is responsible. And also if it names no chunk.
        claim.finish::<W>()?;
        accepted",
        to: "        claim.finish::<W>()?;
        self.accept_chunk(claim, index, len)",
        model: "pool::consumer_goes_on_behind_what_a_dead_one_had",
        why: "who dies in between leaves a chunk of nobody's",
    },
    Mutation {
        name: "chunk in the ring before its handle is",
        file: LOANS,
        from: "        claim.slot.write(held.index, held.len);
        self.chunk(held.index)?.put(claim.ticket);",
        to: "        self.chunk(held.index)?.put(claim.ticket);
        claim.slot.write(held.index, held.len);",
        model: "pool::chunk_of_killed_producer_is_reclaimed_once",
        why: "who resolves the slot does not find the chunk",
    },
    Mutation {
        name: "slot resolved without its chunk",
        file: END,
        from: "            && chunk.free_from_ring(claim.ticket)
        {",
        to: "            && chunk.is_owned(self.me())
        {",
        model: "pool::chunk_of_killed_producer_is_reclaimed_once",
        why: "the chunk is nobody's for ever",
    },
    Mutation {
        name: "bell looked at before the chunk is free",
        file: BELL,
        from: "        // SeqCst [S2]: with [S1].
        fence(SeqCst);",
        to: "",
        model: "pool::who_waits_is_woken",
        why: "who arms the bell in between sleeps beside a free chunk",
    },
    Mutation {
        name: "no look for a chunk behind the arming of the bell",
        file: WAITING,
        from: "        self.found = self.end.take(self.class, u32::MAX).unwrap_or(None);
        if self.found.is_some()",
        to: "        if self.found.is_some()",
        model: "pool::who_waits_is_woken",
        why: "a chunk that was freed before rang no bell",
    },
    Mutation {
        name: "the last to close wakes nobody",
        file: END,
        from: "        if W::SLEEPS && self.closes {",
        to: "        if W::SLEEPS && self.closes && self.seat > 100 {",
        model: "pool::sleeper_is_told_of_the_close",
        why: "who sleeps for a message sleeps on",
    },
    Mutation {
        name: "search goes on that began before a death",
        file: ROUND,
        from: "        if over && !self.over.replace(over) {",
        to: "        if over && self.left.get() > 100 {",
        model: "pool::search_begun_before_a_death_finds_what_the_dead_one_had",
        why: "it has passed chunks that the dead one had",
    },
    Mutation {
        name: "death looked for behind the search",
        file: WAITING,
        from: "        let died = self.end.theirs().state(self.end.member()) == Peer::Dead;
        self.sweep(died) == Swept::Nothing && died",
        to: "        self.sweep(true) == Swept::Nothing
            && self.end.theirs().state(self.end.member()) == Peer::Dead",
        model: "pool::search_begun_before_a_death_finds_what_the_dead_one_had",
        why: "it has seen who lived, then",
    },
    Mutation {
        name: "who leaves may look for sleepers before (pool)",
        file: END,
        from: "        // SeqCst: as in `SlotWord::rouse`, for the way there.
        fence(SeqCst);
",
        to: "",
        model: "pool::sleeper_is_told_of_the_close_by_one_who_was_behind",
        why: "it does not see how far others have gone, and where the sleeper is",
    },
];
