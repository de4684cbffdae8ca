//! Mutations of the ring for many producers and many consumers, and of its slots' word.

use crate::list::Mutation;

const QUEUE: &str = "src/ring/mpmc/queue.rs";
const LAP: &str = "src/ring/mpmc/lap.rs";
const ENDPOINT: &str = "src/ring/mpmc/endpoint.rs";
const SLOT: &str = "src/ring/slot.rs";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "mpmc: a batch is given back from its beginning",
        file: QUEUE,
        from: "for covered in (1..count).rev() {",
        to: "for covered in 1..count {",
        model: "mpmc::consumer_that_is_behind_claims_nothing_of_a_batch",
        why: "one that comes to its middle receives the rest of it, too",
    },
    Mutation {
        name: "mpmc: a batch is published from its beginning",
        file: QUEUE,
        from: "for covered in (1..count).rev() {",
        to: "for covered in 1..count {",
        model: "mpmc::producer_that_is_behind_claims_nothing_of_a_batch",
        why: "one that comes to its middle writes over the rest of it",
    },
    Mutation {
        name: "claim of a slot is no release",
        file: SLOT,
        from: "match self.0.compare_exchange(seen.0, to.0, AcqRel, Acquire) {
            Ok(_) => Ok(to),",
        to: "match self.0.compare_exchange(seen.0, to.0, Acquire, Acquire) {
            Ok(_) => Ok(to),",
        model: "mpmc::producer_that_is_behind_finds_no_slot_further_back",
        why: "who learns from a claim how far others are finds a slot two laps back: corrupt",
    },
    Mutation {
        name: "slot of any lap is claimed at once",
        file: SLOT,
        from: "(self.0 ^ Self::new(state, lap, 0, 0).0) & STEP == 0",
        to: "(self.0 ^ Self::new(state, lap, 0, 0).0) & (3 << STATE_BIT) == 0",
        model: "mpmc::producer_that_is_behind_finds_no_slot_further_back",
        why: "a producer that is behind writes an old lap where a later one is free",
    },
    Mutation {
        name: "finish of a slot is no release",
        file: SLOT,
        from: "compare_exchange(mine.0, mine.next().0, Release, Relaxed)",
        to: "compare_exchange(mine.0, mine.next().0, Relaxed, Relaxed)",
        model: "mpmc::items_cross_through_one_slot_in_order",
        why: "the item is read while it is written",
    },
    Mutation {
        name: "finish of a slot publishes, then wakes",
        file: SLOT,
        from: "if self.0.add_bit_and_wake_all(S_BIT as u16).is_ok() {",
        to: "if seen.0 == 0 {",
        model: "mpmc::killed_producer_leaves_no_sleeper_beside_an_item",
        why: "a producer killed between the two strands a sleeper beside its item",
    },
    Mutation {
        name: "slot is finished by a store where nobody sleeps, which is no release",
        file: SLOT,
        from: "self.0.store(to.0, Release);",
        to: "self.0.store(to.0, Relaxed);",
        model: "mpmc::items_cross_through_one_slot_without_sleeping",
        why: "the item is read while it is written",
    },
    Mutation {
        name: "slots of a batch are not looked at",
        file: QUEUE,
        from: "if self.laps.ahead(which, seen, next) != 0 || seen.is_awaited() {",
        to: "if seen.is_awaited() {",
        model: "mpmc::batches_cross_whole_and_in_order",
        why: "slots are claimed in which there is still an item",
    },
    Mutation {
        name: "first slot of a batch is finished first",
        file: QUEUE,
        from: "        if claim.count > 1 {
            self.finish_covered(slots, which.finished(), claim.position, claim.count);
        }
        let word = &slots.cell(claim.position).0;
        if W::SLEEPS {
            word.finish(claim.mine)?;
        } else {",
        to: "        let word = &slots.cell(claim.position).0;
        if W::SLEEPS {
            word.finish(claim.mine)?;
            self.finish_covered(slots, which.finished(), claim.position, claim.count);
        } else {",
        model: "mpmc::batch_that_is_received_in_part_keeps_its_rest",
        why: "the rest of the batch seems free, and another claims it",
    },
    Mutation {
        name: "batch of a dead one is recovered as one slot",
        file: QUEUE,
        from: "let count = seen.count().clamp(1, COUNT_MAX.min(self.capacity() as u32));",
        to: "let count = 1;",
        model: "mpmc::producer_killed_in_a_batch_leaves_void_positions",
        why: "half of a batch that was never sent arrives, or slots are lost",
    },
    Mutation {
        name: "living claimant is taken for dead",
        file: QUEUE,
        from: "owner == self.member.number() || !self.member.alive(owner)",
        to: "owner != self.member.number() || !self.member.alive(owner)",
        model: "mpmc::claim_of_the_living_is_never_taken",
        why: "who is slow is robbed of its slot",
    },
    Mutation {
        name: "dead claim is waited for for ever",
        file: QUEUE,
        from: "owner == self.member.number() || !self.member.alive(owner)",
        to: "owner == self.member.number()",
        model: "mpmc::producer_killed_anywhere_leaves_a_void_position",
        why: "nobody gets past the dead one's slot",
    },
    Mutation {
        name: "who leaves wakes nobody",
        file: ENDPOINT,
        from: "            self.queue.rouse(which);",
        to: "",
        model: "mpmc::producer_that_closes_wakes_a_sleeper",
        why: "a consumer sleeps on where no producer is left",
    },
    Mutation {
        name: "who leaves may look for sleepers before (mpmc)",
        file: QUEUE,
        from: "        // SeqCst: as in `SlotWord::rouse`, for the way there.
        fence(SeqCst);
",
        to: "",
        model: "mpmc::last_producer_that_closes_wakes_a_sleeper_further_on",
        why: "it does not see how far others have gone, and where the sleeper is",
    },
    Mutation {
        name: "sleeper does not look once more whether the other side is closed",
        file: ENDPOINT,
        from: "&& !state.is_closed(self.which)",
        to: "",
        model: "mpmc::producer_that_closes_wakes_a_sleeper",
        why: "a consumer falls asleep just after the last producer has left",
    },
    Mutation {
        name: "jump goes behind the first slot of a batch",
        file: LAP,
        from: "let count = u64::from(seen.count()).max(1);",
        to: "let count = 1;",
        model: "mpmc::batches_for_two_consumers_do_not_overlap",
        why: "the rest of the batch seems to be there, and another claims it",
    },
    Mutation {
        name: "jump goes further than a batch",
        file: LAP,
        from: "let count = u64::from(seen.count()).max(1);",
        to: "let count = u64::from(seen.count()).max(1) + u64::from(seen.count() > 1);",
        model: "mpmc::batch_claimed_by_another_hides_nothing_behind_it",
        why: "what comes behind a batch is passed over",
    },
];
