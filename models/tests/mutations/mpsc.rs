//! Those of the ring of many producers.

use super::list::Mutation;

const LANE: &str = "src/ring/mpsc/lane.rs";
const SENDING: &str = "src/ring/mpsc/sending.rs";
const RECEIVING: &str = "src/ring/mpsc/receiving.rs";
const REST: &str = "src/ring/mpsc/rest.rs";
const PROGRESS: &str = "src/ring/progress.rs";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "lane taken in silence (mpsc)",
        file: SENDING,
        from: "        lanes.words().announce::<W>();
        Some((index, positions))",
        to: "        Some((index, positions))",
        model: "mpsc::record_of_one_who_joins_wakes_the_sleeper",
        why: "the consumer sleeps on the lanes that it knows",
    },
    Mutation {
        name: "wake before the change that it is for (mpsc)",
        file: LANE,
        from: "        self.changes.fetch_add(1, Release);
        if W::SLEEPS {",
        to: "        if W::SLEEPS {
            self.changes.wake_all();
        }
        self.changes.fetch_add(1, Release);
        if false {",
        model: "mpsc::record_of_one_who_joins_wakes_the_sleeper",
        why: "the consumer sleeps again before the change",
    },
    Mutation {
        name: "who comes is not slept on (mpsc)",
        file: REST,
        from: "let mut fit = all.add(words.bell(), changes);",
        to: "let mut fit = Some(());",
        model: "mpsc::record_of_one_who_joins_wakes_the_sleeper",
        why: "a lane that was not in use when it fell asleep",
    },
    Mutation {
        name: "sleep without a bit (mpsc)",
        file: PROGRESS,
        from: "        let _ = word.compare_exchange(seen, armed, Relaxed, Relaxed);
        words.add(word, armed)",
        to: "        let _ = armed;
        words.add(word, seen)",
        model: "mpsc::record_of_one_who_joins_wakes_the_sleeper",
        why: "no producer knows of the sleeper",
    },
    Mutation {
        name: "end told before the records (mpsc)",
        file: RECEIVING,
        from: "if published.position != own.position {",
        to: "if published.position != own.position && !holder.has_ended() {",
        model: "mpsc::records_of_two_producers_arrive_where_sides_sleep",
        why: "what was sent before the close is lost",
    },
    Mutation {
        name: "look at the holder is no acquire (mpsc)",
        file: LANE,
        from: "Holder::of(self.published.owner.load(Acquire))",
        to: "Holder::of(self.published.owner.load(Relaxed))",
        model: "mpsc::records_of_two_producers_arrive_where_sides_spin",
        why: "the close is seen, and not what was sent before it",
    },
    Mutation {
        name: "close in silence (mpsc)",
        file: SENDING,
        from: "        let _ = self.lane().change(Holder::Held(me), Holder::Closed(me));
        self.words().announce::<W>();",
        to: "        let _ = self.lane().change(Holder::Held(me), Holder::Closed(me));",
        model: "mpsc::records_of_two_producers_arrive_where_sides_sleep",
        why: "the sleeper is never told that all are gone",
    },
    Mutation {
        name: "lane freed in silence (mpsc)",
        file: RECEIVING,
        from: "        if lane.change(holder, Holder::Free) {
            self.lanes.words().announce::<W>();
        }",
        to: "        let _ = lane.change(holder, Holder::Free);",
        model: "mpsc::lane_goes_on_to_the_next_when_its_end_has_been_received",
        why: "who waits for a lane sleeps beside a free one",
    },
    Mutation {
        name: "consumer leaves in silence (mpsc)",
        file: RECEIVING,
        from: "        words.consumer.store(0, Release);
        // Who waits for a lane need not leave one to it any more.
        words.announce::<W>();",
        to: "        words.consumer.store(0, Release);",
        model: "mpsc::empty_lane_is_taken_while_there_is_no_consumer",
        why: "who waits for a lane sleeps beside an empty one",
    },
    Mutation {
        name: "lane taken with records in it (mpsc)",
        file: SENDING,
        from: "Fault::None && lane.is_empty::<W>();",
        to: "Fault::None;",
        model: "mpsc::empty_lane_is_taken_while_there_is_no_consumer",
        why: "what one has sent comes as another one's",
    },
    Mutation {
        name: "consumer looked for before what is in the lane (mpsc)",
        file: SENDING,
        from: "        let is_over =",
        to: "        if !lanes.words().is_without_consumer(lanes) {
            continue;
        }
        let is_over = holder.has_ended() && lane.fault() == Fault::None && lane.is_empty::<W>();
        if is_over && let Some(taken) = take(index, holder) {
            return Ok(taken);
        }
        let is_over =",
        model: "mpsc::end_is_told_of_one_whose_record_was_received_although_another_comes",
        why: "a consumer that comes in between is not told of an end",
    },
    Mutation {
        name: "who comes before the sleep is not seen (mpsc)",
        file: REST,
        from: "                _ if self.of_producers => return Ok(()),
",
        to: "",
        model: "mpsc::one_who_joins_wakes_who_waits_for_a_producer",
        why: "a consumer that waits for a producer sleeps beside one",
    },
];
