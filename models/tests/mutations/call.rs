//! Those of calls.

use super::list::Mutation;

const SLOT: &str = "src/ring/call/slot.rs";
const CALLING: &str = "src/ring/call/calling.rs";
const SERVING: &str = "src/ring/call/serving.rs";
const END: &str = "src/ring/call/end.rs";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "a request left to nobody as its client lies down",
        file: SLOT,
        from: "                Err(now) => seen = now,",
        to: "                Err(_) => break,",
        model: "call::each_call_gets_its_own_response",
        why: "the server sleeps beside a request whose client sets S just then",
    },
    Mutation {
        name: "a request withdrawn by a store",
        file: SLOT,
        from: "        self.slot.word.replace(seen, over(self.lap)).is_ok()",
        to: "        let _ = seen;
        self.slot.word.store(over(self.lap));
        true",
        model: "call::withdrawn_request_is_not_executed",
        why: "a server has taken it, and executes it",
    },
    Mutation {
        name: "a slot that comes again in the same lap",
        file: SLOT,
        from: "    free(lap.wrapping_add(1) & LAP)",
        to: "    free(lap.wrapping_add(1))",
        model: "call::each_call_gets_its_own_response",
        why: "the lap's carry is in the count: the slot is never free again",
    },
    Mutation {
        name: "no bell for who waits for a request",
        file: CALLING,
        from: "        self.lines().requests.0.ring();
        Ok(call)",
        to: "        Ok(call)",
        model: "call::who_waits_is_woken",
        why: "the server sleeps on",
    },
    Mutation {
        name: "no bell for who waits for a slot",
        file: CALLING,
        from: "        call.end();
        self.lines().room.0.ring();",
        to: "        call.end();",
        model: "call::two_clients_get_each_its_own_response",
        why: "the second client sleeps beside a free slot",
    },
    Mutation {
        name: "no look for a request behind the arming of the bell",
        file: SERVING,
        from: "        self.found = self.end.serve().unwrap_or(None);
        if self.found.is_some()",
        to: "        if self.found.is_some()",
        model: "call::who_waits_is_woken",
        why: "what was asked before rang no bell",
    },
    Mutation {
        name: "the death of the server is not looked for",
        file: CALLING,
        from: "            SERVED => !self.end.member().alive(self.seen.owner()),",
        to: "            SERVED => false,",
        model: "call::client_is_told_what_the_dead_server_may_have_done",
        why: "the client waits for ever",
    },
    Mutation {
        name: "what the dead asked is not freed",
        file: CALLING,
        from: "        !self.end.sweep() && self.end.peer() == Peer::Dead",
        to: "        self.end.peer() == Peer::Dead",
        model: "call::slot_of_killed_client_is_free_again",
        why: "nobody gets the slot",
    },
    Mutation {
        name: "call: the last to close wakes nobody",
        file: END,
        from: "        if self.closes {",
        to: "        if self.closes && self.seat > 100 {",
        model: "call::sleeper_is_told_of_the_close",
        why: "who sleeps for a request sleeps on",
    },
    Mutation {
        name: "an abandoned slot stays its server's (call)",
        file: SLOT,
        from: "                match self.end_if_still(seen) {
                    true => Ok(true),
                    false => Err(Halt::Corrupt),
                }",
        to: "                Ok(true)",
        model: "call::slot_abandoned_while_it_is_served_is_free_again",
        why: "nobody gets the slot while the server lives",
    },
    Mutation {
        name: "a slot abandoned as it is answered is not freed (call)",
        file: SLOT,
        from: "Ok(true) => Ok(self.end_abandoned(self.slot.word.load())),",
        to: "Ok(true) => Ok(false),",
        model: "call::slot_abandoned_while_it_is_served_is_free_again",
        why: "who waits for the slot is not woken",
    },
    Mutation {
        name: "what the dead have is freed by a store (call)",
        file: SLOT,
        from: "is_over && call.end_if_still(seen)",
        to: "is_over && {
            call.slot.word.store(over(lap));
            true
        }",
        model: "call::two_who_find_the_slot_of_a_dead_client_get_it_one_after_the_other",
        why: "another one has freed it before, and has it",
    },
];
