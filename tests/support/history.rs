//! Recorded runs of several processes that are killed and stopped at random, and what must
//! hold of the records.
//!
//! A structure is a [`Subject`]: how its ends are attached, and how messages are sent and
//! received by them. [`rounds`] has processes do that, each the successor of a dead one; each
//! notes in memory that all of them share, before a call and after it, what it is about to do
//! and what it has done. So of a process that was killed it is known which messages its last
//! call was about, and nothing else is excused.

use core::fmt;
use core::ops::AddAssign;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::time::Instant;

use rawipc::Deadline;
use rawipc::ring::Error;
use rustix::mm::{MapFlags, ProtFlags};

use super::child::{Child, End};
use super::{Choices, LIMIT};

/// What is sent: who sends, and which of its messages it is.
///
/// A subject's message is a `u64` made of this, or holds it in a way that would show if it were
/// torn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Message {
    /// Which of the sending processes, counted from 0.
    pub(crate) sender: u32,
    /// Which of its messages, counted from 0.
    pub(crate) number: u64,
}

/// Bits of a message's number, and of the count of messages that are missed.
const NUMBER_BITS: u32 = 40;
const NUMBERS: u64 = (1 << NUMBER_BITS) - 1;

/// In a word of the records: not a message, but what is in the other bits.
const MISSED: u64 = 1 << 63;
const BEGAN: u64 = 1 << 62;

/// How many processes send in one round: those that are there at first and their successors.
const SENDERS_MAX: usize = 1 << 12;

impl Message {
    pub(crate) fn encode(self) -> u64 {
        u64::from(self.sender) << NUMBER_BITS | self.number
    }

    /// The message that `word` is, if there can be such a one.
    pub(crate) fn decode(word: u64) -> Option<Self> {
        let sender = word >> NUMBER_BITS;
        (sender < SENDERS_MAX as u64).then_some(Self {
            sender: sender as u32,
            number: word & NUMBERS,
        })
    }
}

/// What a call may say instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The deadline passed.
    Nothing,
    /// Nobody is on the other side: closed, or dead.
    Ended,
    /// So many messages passed by unseen (receiving only).
    Missed(u64),
    /// What must not be: a torn message, a corrupt structure.
    Wrong,
}

impl From<Error> for Told {
    fn from(error: Error) -> Self {
        match error {
            Error::TimedOut => Self::Nothing,
            Error::Closed | Error::PeerDied => Self::Ended,
            _ => Self::Wrong,
        }
    }
}

/// How long the longest [`record`] is.
pub(crate) const RECORD_MAX: usize = 64;

/// Writes a record that would show if it were torn: the message over and over, one to eight times,
/// as the message says.
pub(crate) fn record(message: u64, buffer: &mut [u8; RECORD_MAX]) -> &[u8] {
    for word in buffer.as_chunks_mut().0 {
        *word = message.to_ne_bytes();
    }
    &buffer[..8 * (1 + message as usize % 8)]
}

/// The message of such a record, if it is one.
pub(crate) fn message_of(bytes: &[u8]) -> Option<u64> {
    let message = u64::from_ne_bytes(*bytes.first_chunk()?);
    (record(message, &mut [0; RECORD_MAX]) == bytes).then_some(message)
}

/// A structure, from which ends are attached.
///
/// All of this is called in forked children, which may not allocate.
pub(crate) trait Subject {
    type Sender;
    type Receiver;

    /// The most messages in one call, at most [`BATCH_MAX`].
    const BATCH: usize;

    /// Attaches, in the place of a dead predecessor if only one can have this end.
    fn sender(&self) -> Option<Self::Sender>;

    /// Attaches, in the place of a dead predecessor if only one can have this end.
    fn receiver(&self) -> Option<Self::Receiver>;

    /// Sends the first of these messages, at least one; returns how many.
    fn send(
        &self,
        sender: &mut Self::Sender,
        messages: &[u64],
        deadline: Deadline,
    ) -> Result<usize, Told>;

    /// Receives at least one message and at most `messages.len()`; returns how many.
    fn recv(
        &self,
        receiver: &mut Self::Receiver,
        messages: &mut [u64],
        deadline: Deadline,
    ) -> Result<usize, Told>;
}

/// The most messages that a call can have.
pub(crate) const BATCH_MAX: usize = 15;

/// What is to be done in one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// How many processes send at a time.
    pub(crate) senders: usize,
    /// How many processes receive at a time.
    pub(crate) receivers: usize,
    /// How many messages are sent.
    pub(crate) messages: u64,
    /// How many processes are killed, at most: fewer if all has been sent and received before.
    pub(crate) kills: usize,
    /// How many are stopped for a while, at most.
    pub(crate) stops: usize,
    /// Where the choices begin.
    pub(crate) seed: u64,
}

/// What a receiving process noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A process began, the first one or the successor of one that was killed.
    Began,
    Received(Message),
    /// It was told that so many messages had passed by.
    Missed(u64),
}

/// What one sending process noted: it has sent all its messages before the first number; those
/// from there up to the second one it was sending when it was killed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) done: u64,
    pub(crate) begun: u64,
}

/// The records of a round.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// By the number of the sending process.
    pub(crate) sent: Vec<Sent>,
    /// A row for each place in which processes received, one after the other.
    pub(crate) received: Vec<Vec<Entry>>,
    /// What was still there when all of them had gone.
    pub(crate) rest: Vec<Entry>,
    /// The most messages that receivers had taken when they were killed, and not yet noted.
    pub(crate) excusable: u64,
    /// Who said in its status that something was wrong.
    pub(crate) wrong: u64,
    /// Whose call did not return.
    pub(crate) hung: u64,
    pub(crate) kills: u64,
    pub(crate) stops: u64,
}

/// What came of one round or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) rounds: u64,
    pub(crate) kills: u64,
    pub(crate) stops: u64,
    /// Messages whose sending was over.
    pub(crate) sent: u64,
    /// Messages that were being sent when their senders were killed.
    pub(crate) unknown: u64,
    pub(crate) received: u64,
    /// Messages that were sent and never received, and how many may be, as they were with
    /// receivers that were killed.
    pub(crate) lost: u64,
    pub(crate) excusable: u64,
    /// Rounds in which more were lost than may be.
    pub(crate) losses: u64,
    pub(crate) repeated: u64,
    pub(crate) disordered: u64,
    /// Messages that nobody had begun to send.
    pub(crate) invented: u64,
    pub(crate) wrong: u64,
    pub(crate) hung: u64,
}

impl Verdict {
    pub(crate) fn violations(&self) -> u64 {
        self.losses + self.repeated + self.disordered + self.invented + self.wrong + self.hung
    }

    /// Prints it, and asserts that each message was received once.
    #[track_caller]
    pub(crate) fn holds(self, name: &str) {
        println!("{name}: {self}");
        assert_eq!(self.violations(), 0, "{name}: {self}");
    }
}

impl AddAssign for Verdict {
    fn add_assign(&mut self, other: Self) {
        self.rounds += other.rounds;
        self.kills += other.kills;
        self.stops += other.stops;
        self.sent += other.sent;
        self.unknown += other.unknown;
        self.received += other.received;
        self.lost += other.lost;
        self.excusable += other.excusable;
        self.losses += other.losses;
        self.repeated += other.repeated;
        self.disordered += other.disordered;
        self.invented += other.invented;
        self.wrong += other.wrong;
        self.hung += other.hung;
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} rounds, {} kills, {} stops: {} sent (and {} perhaps), {} received, {} lost with \
             the dead of at most {}; violations: {} losses, {} repeats, {} out of order, {} never \
             sent, {} wrong, {} hangs",
            self.rounds,
            self.kills,
            self.stops,
            self.sent,
            self.unknown,
            self.received,
            self.lost,
            self.excusable,
            self.losses,
            self.repeated,
            self.disordered,
            self.invented,
            self.wrong,
            self.hung,
        )
    }
}

impl Records {
    /// Whether each message was received once, and those of each sender in their order: in each
    /// place, and what was left at last after all.
    pub(crate) fn exactly_once(&self) -> Verdict {
        let mut verdict = Verdict {
            rounds: 1,
            kills: self.kills,
            stops: self.stops,
            excusable: self.excusable,
            wrong: self.wrong,
            hung: self.hung,
            ..Verdict::default()
        };
        let mut seen: Vec<Vec<bool>> = Vec::new();
        for &Sent { done, begun } in &self.sent {
            verdict.sent += done;
            verdict.unknown += begun - done;
            seen.push(vec![false; begun as usize]);
        }
        // The next number of each sender that may be left at last.
        let mut floor = BTreeMap::new();
        for place in &self.received {
            let mut next = BTreeMap::new();
            verdict.take(place, &mut seen, &mut next);
            for (sender, number) in next {
                let floor = floor.entry(sender).or_insert(0);
                *floor = number.max(*floor);
            }
        }
        verdict.take(&self.rest, &mut seen, &mut floor);
        for (sent, seen) in self.sent.iter().zip(&seen) {
            let received = seen[..sent.done as usize].iter();
            verdict.lost += received.filter(|&&seen| !seen).count() as u64;
        }
        verdict.losses = u64::from(verdict.lost > verdict.excusable);
        verdict
    }
}

impl Verdict {
    /// Counts what was received in one place; `next` is what may come of each sender.
    fn take(&mut self, place: &[Entry], seen: &mut [Vec<bool>], next: &mut BTreeMap<u32, u64>) {
        for entry in place {
            let Entry::Received(Message { sender, number }) = *entry else {
                continue;
            };
            self.received += 1;
            let seen = seen.get_mut(sender as usize);
            let Some(seen) = seen.and_then(|seen| seen.get_mut(number as usize)) else {
                self.invented += 1;
                continue;
            };
            self.repeated += u64::from(*seen);
            *seen = true;
            let next = next.entry(sender).or_insert(0);
            self.disordered += u64::from(number < *next);
            *next = number + 1;
        }
    }
}

/// Has so many messages sent, in rounds as `plan` says from a structure that `make` makes for
/// each, and returns what `check` says of all records.
pub(crate) fn rounds<S: Subject>(
    plan: Plan,
    messages: u64,
    mut make: impl FnMut(u64) -> S,
    check: impl Fn(&Records) -> Verdict,
) -> Verdict {
    let mut sum = Verdict::default();
    while sum.sent < messages && sum.violations() == 0 {
        let seed = plan.seed + 1000 * sum.rounds;
        let subject = make(sum.rounds);
        sum += check(&run(&subject, Plan { seed, ..plan }));
    }
    sum
}

/// Has processes send and receive, kills and stops them, and returns their records.
pub(crate) fn run<S: Subject>(subject: &S, plan: Plan) -> Records {
    assert!(S::BATCH <= BATCH_MAX);
    let log = Log::new(plan);
    let mut round = Round {
        subject,
        plan,
        log: &log,
        choices: Choices::new(plan.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        senders: 0,
        places: Vec::new(),
        records: Records::default(),
    };
    round.conduct();
    round.read_log();
    round.drain();
    round.records
}

/// What a child ends with.
const OVER: i32 = 0;
const HUNG: i32 = 2;
const WRONG: i32 = 3;

/// A place in which one process is at a time.
struct Place {
    kind: Kind,
    child: Child,
    /// Until when it is stopped.
    stopped: Option<Instant>,
    over: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Of which senders it has been in this place, and how many messages are left to it.
    Sends { sender: usize, quota: u64 },
    /// In which place for receivers.
    Receives { place: usize },
}

/// Who starts, kills and stops.
struct Round<'a, S> {
    subject: &'a S,
    plan: Plan,
    log: &'a Log,
    choices: Choices,
    /// How many processes have begun to send.
    senders: usize,
    places: Vec<Place>,
    records: Records,
}

impl<S: Subject> Round<'_, S> {
    fn conduct(&mut self) {
        let begin = Instant::now();
        for _ in 0..self.plan.senders {
            let quota = self.plan.messages / self.plan.senders as u64;
            let place = self.begin(Kind::Sends { sender: 0, quota });
            self.places.push(place);
        }
        for place in 0..self.plan.receivers {
            let place = self.begin(Kind::Receives { place });
            self.places.push(place);
        }
        while self.places.iter().any(|place| !place.over) {
            self.look();
            let sends = |place: &Place| matches!(place.kind, Kind::Sends { .. }) && !place.over;
            if !self.places.iter().any(sends) {
                self.log.senders_are_gone().store(1, Ordering::Release);
            }
            self.disturb();
            if begin.elapsed() > LIMIT {
                let left = self.places.iter().filter(|place| !place.over);
                self.records.hung += left.count() as u64;
                break;
            }
            // Nobody is waited for: it is how long they are left alone.
            let rest = self.choices.below(100);
            std::thread::sleep(Duration::from_micros(rest));
        }
        // Those that hang are killed.
        self.places.clear();
    }

    /// Starts a process.
    fn begin(&mut self, kind: Kind) -> Place {
        let (subject, log, seed) = (self.subject, self.log, self.choices.below(1 << 40));
        let (kind, child) = match kind {
            Kind::Sends { quota, .. } => {
                let sender = self.senders;
                self.senders += 1;
                assert!(sender < SENDERS_MAX, "too many kills for one round");
                let child = Child::fork(|| send_all(subject, log, sender, quota, seed));
                (Kind::Sends { sender, quota }, child)
            }
            Kind::Receives { place } => {
                (kind, Child::fork(|| receive_all(subject, log, place, seed)))
            }
        };
        Place {
            kind,
            child,
            stopped: None,
            over: false,
        }
    }

    /// Looks who has ended, and lets those go on whose time has come.
    fn look(&mut self) {
        let mut ended = Vec::new();
        for place in self.places.iter_mut().filter(|place| !place.over) {
            if let Some(end) = place.child.try_wait() {
                place.over = true;
                ended.push(end);
            } else if place.stopped.is_some_and(|until| Instant::now() >= until) {
                place.child.signal(libc::SIGCONT);
                place.stopped = None;
            }
        }
        for end in ended {
            match end {
                End::Exited(OVER) => {}
                End::Exited(HUNG) => self.records.hung += 1,
                _ => self.records.wrong += 1,
            }
        }
    }

    /// Kills or stops somebody, or nobody.
    fn disturb(&mut self) {
        let index = self.choices.below(self.places.len() as u64) as usize;
        let place = &mut self.places[index];
        if place.over {
            return;
        }
        let (kills, stops) = (self.plan.kills as u64, self.plan.stops as u64);
        match self.choices.below(4) {
            0 if self.records.stops < stops && place.stopped.is_none() => {
                place.child.signal(libc::SIGSTOP);
                let time = Duration::from_micros(self.choices.below(5000));
                place.stopped = Some(Instant::now() + time);
                self.records.stops += 1;
            }
            1 | 2 if self.records.kills < kills => {
                place.child.kill();
                match place.child.wait() {
                    End::Killed(_) => self.succeed(index),
                    end => {
                        // It ended just before.
                        place.over = true;
                        self.records.wrong += u64::from(end != End::Exited(OVER));
                    }
                }
            }
            _ => {}
        }
    }

    /// Starts a process in the place of one that was killed.
    fn succeed(&mut self, index: usize) {
        self.records.kills += 1;
        let kind = match self.places[index].kind {
            Kind::Sends { sender, quota } => {
                let quota = quota - self.log.sent(sender).begun;
                if quota == 0 {
                    self.places[index].over = true;
                    return;
                }
                Kind::Sends { sender, quota }
            }
            Kind::Receives { place } => {
                self.records.excusable += self.log.pending(place);
                Kind::Receives { place }
            }
        };
        self.places[index] = self.begin(kind);
    }

    fn read_log(&mut self) {
        self.records.sent = (0..self.senders)
            .map(|sender| self.log.sent(sender))
            .collect();
        self.records.received = (0..self.plan.receivers)
            .map(|place| self.log.entries(place).collect())
            .collect();
    }

    /// Receives what is left, by an end that nobody has any more.
    fn drain(&mut self) {
        let Some(mut receiver) = self.subject.receiver() else {
            self.records.wrong += 1;
            return;
        };
        let mut messages = [0; BATCH_MAX];
        loop {
            let soon = Deadline::after(Duration::from_millis(200));
            match self.subject.recv(&mut receiver, &mut messages, soon) {
                Ok(count) => {
                    for &word in &messages[..count] {
                        self.records.rest.push(entry(word));
                    }
                }
                Err(Told::Missed(count)) => self.records.rest.push(Entry::Missed(count)),
                Err(Told::Nothing | Told::Ended) => return,
                Err(Told::Wrong) => {
                    self.records.wrong += 1;
                    return;
                }
            }
        }
    }
}

/// The life of a process that sends `quota` messages.
fn send_all<S: Subject>(subject: &S, log: &Log, sender: usize, quota: u64, seed: u64) -> i32 {
    let (limit, mut choices) = (Deadline::after(LIMIT), Choices::new(seed));
    let Some(mut end) = subject.sender() else {
        return WRONG;
    };
    let (mut number, mut messages) = (0, [0; BATCH_MAX]);
    while number < quota {
        let most = (S::BATCH as u64).min(quota - number);
        let count = 1 + choices.below(most);
        for index in 0..count {
            let message = Message {
                sender: sender as u32,
                number: number + index,
            };
            messages[index as usize] = message.encode();
        }
        log.sends(sender, number, count);
        match subject.send(&mut end, &messages[..count as usize], limit) {
            Ok(sent) if 0 < sent && sent as u64 <= count => number += sent as u64,
            Err(Told::Ended) if !limit.has_passed() => std::thread::yield_now(),
            Err(Told::Nothing | Told::Ended) => return HUNG,
            _ => return WRONG,
        }
        log.sends(sender, number, 0);
    }
    drop(end);
    OVER
}

/// The life of a process that receives until nothing more can come.
fn receive_all<S: Subject>(subject: &S, log: &Log, place: usize, seed: u64) -> i32 {
    let (limit, mut choices) = (Deadline::after(LIMIT), Choices::new(seed));
    let Some(mut end) = subject.receiver() else {
        return WRONG;
    };
    let mut messages = [0; BATCH_MAX];
    if !log.adds(place, &[BEGAN], 0) {
        return WRONG;
    }
    loop {
        let count = 1 + choices.below(S::BATCH as u64);
        // Before the look: what was sent before they had gone is found.
        let gone = log.senders_are_gone().load(Ordering::Acquire) != 0;
        log.receives(place, count);
        let noted = match subject.recv(&mut end, &mut messages[..count as usize], limit) {
            Ok(received) if 0 < received && received as u64 <= count => {
                log.adds(place, &messages[..received], 0)
            }
            Err(Told::Missed(count)) => log.adds(place, &[MISSED | count], 0),
            Err(Told::Ended | Told::Nothing) if gone => {
                log.receives(place, 0);
                drop(end);
                return OVER;
            }
            Err(Told::Ended) if !limit.has_passed() => {
                log.receives(place, 0);
                std::thread::yield_now();
                true
            }
            Err(Told::Nothing | Told::Ended) => return HUNG,
            _ => false,
        };
        if !noted {
            return WRONG;
        }
    }
}

/// What `word` of the records says. A message that cannot be is one that nobody sent.
fn entry(word: u64) -> Entry {
    if word & MISSED != 0 {
        Entry::Missed(word & !MISSED)
    } else if word & BEGAN != 0 {
        Entry::Began
    } else {
        Entry::Received(Message::decode(word).unwrap_or(Message {
            sender: u32::MAX,
            number: word,
        }))
    }
}

/// Memory that all processes of a round share: a word that says that nobody will send any more, a
/// word for each sender, and for each place in which is received a word and the entries.
///
/// Each of these words is changed by one store, so that a death leaves none half changed.
struct Log {
    words: NonNull<AtomicU64>,
    len: usize,
    entries: usize,
}

/// In a word: how many messages a call is about that has begun, below how many are over.
const CALL_BITS: u32 = 8;
const CALL: u64 = (1 << CALL_BITS) - 1;

impl Log {
    fn new(plan: Plan) -> Self {
        // Each receiver may get all, and note once that it began and what it missed.
        let entries = 2 * plan.messages as usize + plan.kills + 16;
        let len = 1 + SENDERS_MAX + plan.receivers * (1 + entries);
        let (rights, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        let bytes = len * size_of::<AtomicU64>();
        // SAFETY: fresh memory at an address of the kernel's choice.
        let words =
            unsafe { rustix::mm::mmap_anonymous(core::ptr::null_mut(), bytes, rights, flags) };
        let words = NonNull::new(words.expect("memory").cast()).expect("an address");
        Self {
            words,
            len,
            entries,
        }
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < self.len);
        let word = self.words.as_ptr().wrapping_add(index);
        // SAFETY: within what is mapped for as long as this, zero at first, and only ever
        // accessed as such words.
        unsafe { &*word }
    }

    fn senders_are_gone(&self) -> &AtomicU64 {
        self.word(0)
    }

    fn sender(&self, sender: usize) -> &AtomicU64 {
        self.word(1 + sender)
    }

    /// Where a place's word is, which its entries follow.
    fn place(&self, place: usize) -> usize {
        1 + SENDERS_MAX + place * (1 + self.entries)
    }

    /// Notes that `done` messages have been sent and a call for `count` more begins.
    fn sends(&self, sender: usize, done: u64, count: u64) {
        let word = done << CALL_BITS | count;
        self.sender(sender).store(word, Ordering::Release);
    }

    fn sent(&self, sender: usize) -> Sent {
        let word = self.sender(sender).load(Ordering::Acquire);
        let done = word >> CALL_BITS;
        let begun = done + (word & CALL);
        Sent { done, begun }
    }

    /// Notes that a call for `count` messages begins.
    fn receives(&self, place: usize, count: u64) {
        let word = self.word(self.place(place));
        let len = word.load(Ordering::Relaxed) & !CALL;
        word.store(len | count, Ordering::Release);
    }

    /// Notes what a call has received, and that it is over; `false` if that is too much.
    fn adds(&self, place: usize, words: &[u64], count: u64) -> bool {
        let at = self.place(place);
        let len = (self.word(at).load(Ordering::Relaxed) >> CALL_BITS) as usize;
        if len + words.len() > self.entries {
            return false;
        }
        for (index, &word) in words.iter().enumerate() {
            self.word(at + 1 + len + index)
                .store(word, Ordering::Relaxed);
        }
        let len = (len + words.len()) as u64;
        self.word(at)
            .store(len << CALL_BITS | count, Ordering::Release);
        true
    }

    /// The most that the last process in this place had received and not noted.
    fn pending(&self, place: usize) -> u64 {
        self.word(self.place(place)).load(Ordering::Acquire) & CALL
    }

    fn entries(&self, place: usize) -> impl Iterator<Item = Entry> {
        let at = self.place(place);
        let len = (self.word(at).load(Ordering::Acquire) >> CALL_BITS) as usize;
        (1..=len).map(move |index| entry(self.word(at + index).load(Ordering::Relaxed)))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let bytes = self.len * size_of::<AtomicU64>();
        // SAFETY: mapped in `new`, and nothing borrows from it any more.
        let _ = unsafe { rustix::mm::munmap(self.words.as_ptr().cast(), bytes) };
    }
}
