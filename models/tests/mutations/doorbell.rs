//! Mutations of the ring with bells.

use crate::list::Mutation;

const PROGRESS: &str = "src/ring/doorbell/progress.rs";
const ENDPOINT: &str = "src/ring/doorbell/endpoint.rs";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "publish, then ring (doorbell)",
        file: PROGRESS,
        from: "            if seen & ARM != 0 {
                bell.ring().map_err(Halt::Kernel)?;
            }
            // Release [R2]: pairs with [A1] in `read`.
            match self.word.compare_exchange(seen, to, Release, Relaxed) {
                Ok(_) => return Ok(()),",
        to: "            match self.word.compare_exchange(seen, to, Release, Relaxed) {
                Ok(_) => {
                    if seen & ARM != 0 {
                        bell.ring().map_err(Halt::Kernel)?;
                    }
                    return Ok(());
                }",
        model: "doorbell::successor_of_a_killed_producer_rings_the_sleeper",
        why: "a producer killed in between strands the sleeper beside its record",
    },
    Mutation {
        name: "no second ring (doorbell)",
        file: PROGRESS,
        from: "        let mut seen = seen;
        for _ in 0..ATTEMPTS {",
        to: "        let mut seen = seen;
        let first = seen;
        for _ in 0..ATTEMPTS {
            if seen != first {
                match self.word.compare_exchange(seen, to, Release, Relaxed) {
                    Ok(_) => return Ok(()),
                    Err(now) => seen = now,
                }
                continue;
            }",
        model: "doorbell::records_arrive_in_order",
        why: "the sleeper has emptied its bell and armed again before the record was published",
    },
    Mutation {
        name: "the arm that stands is taken whatever was rung (doorbell)",
        file: PROGRESS,
        from: "if !is_rung && arm != 0 && arm == *armed {",
        to: "if arm != 0 {",
        model: "doorbell::records_arrive_in_order",
        why: "the producer has rung for that arm, and publishes without a second ring",
    },
    Mutation {
        name: "the same arm again (doorbell)",
        file: PROGRESS,
        from: "let next = (arm + 1) & ARM as u32;",
        to: "let next = arm;",
        model: "doorbell::records_arrive_in_order",
        why: "the producer cannot tell that the sleeper has emptied its bell",
    },
    Mutation {
        name: "the first arm is none (doorbell)",
        file: PROGRESS,
        from: "let next = next.max(1);",
        to: "",
        model: "doorbell::records_arrive_in_order",
        why: "who arms by 0 is not rung",
    },
    Mutation {
        name: "armed, then emptied (doorbell)",
        file: ENDPOINT,
        from: "        Ok(watched.arm(seen, &mut self.armed, is_rung))",
        to: "        let armed = watched.arm(seen, &mut self.armed, true);
        let _ = self.ours.empty();
        Ok(armed)",
        model: "doorbell::records_arrive_in_order",
        why: "what was rung for the arm is emptied",
    },
    Mutation {
        name: "armed at whatever the word is (doorbell)",
        file: PROGRESS,
        from: "            if now & !ARM != seen {
                return false;
            }",
        to: "",
        model: "doorbell::records_arrive_in_order",
        why: "a record published since the last look is taken back, or slept beside",
    },
    Mutation {
        name: "publish is no release (doorbell)",
        file: PROGRESS,
        from: "self.word.compare_exchange(own.0, to.0, Release, Relaxed)",
        to: "self.word.compare_exchange(own.0, to.0, Relaxed, Relaxed)",
        model: "doorbell::full_ring_overwrites_nothing",
        why: "the consumer does not see the record's bytes",
    },
    Mutation {
        name: "publish after a ring is no release (doorbell)",
        file: PROGRESS,
        from: "self.word.compare_exchange(seen, to, Release, Relaxed)",
        to: "self.word.compare_exchange(seen, to, Relaxed, Relaxed)",
        model: "doorbell::full_ring_overwrites_nothing",
        why: "the consumer does not see the record's bytes",
    },
    Mutation {
        name: "look is no acquire (doorbell)",
        file: PROGRESS,
        from: "Reading(self.word.load(Acquire) & !ARM)",
        to: "Reading(self.word.load(Relaxed) & !ARM)",
        model: "doorbell::full_ring_overwrites_nothing",
        why: "the consumer does not see the record's bytes",
    },
    Mutation {
        name: "closed without a ring (doorbell)",
        file: ENDPOINT,
        from: "let _ = self.publish(self.own.closed());",
        to: "self.own = self.own.closed();",
        model: "doorbell::records_arrive_in_order",
        why: "the consumer is not told that nothing more will come",
    },
    Mutation {
        name: "an arm of the last sleep is taken for one of this (doorbell)",
        file: PROGRESS,
        from: "arm == *armed {",
        to: "(arm == *armed || *armed == 0) {",
        model: "doorbell::successor_of_a_killed_consumer_is_rung",
        why: "its bell was emptied by the successor",
    },
    Mutation {
        name: "leaving is no release (doorbell)",
        file: ENDPOINT,
        from: "mine.owner.compare_exchange(me, 0, Release, Relaxed)",
        to: "mine.owner.compare_exchange(me, 0, Relaxed, Relaxed)",
        model: "doorbell::successor_sees_all_that_the_predecessor_did",
        why: "the successor continues where the predecessor was before",
    },
];
