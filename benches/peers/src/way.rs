//! Measures how fast a channel carries messages from one to another.

use std::sync::Mutex;

use crate::support::{two_processes_prepared, two_threads_prepared};

/// A way from one to another, of which each end is made by who has it.
pub trait Way {
    type Sender: Sender;
    type Receiver: Receiver;

    fn sender(&self) -> Self::Sender;
    fn receiver(&self) -> Self::Receiver;
}

/// Sends messages, each with a number.
pub trait Sender {
    fn send(&mut self, number: u64);
}

/// Receives messages, and returns the number.
pub trait Receiver {
    fn recv(&mut self) -> u64;
}

/// Several that all receive everything, in turn.
impl<R: Receiver, const N: usize> Receiver for [R; N] {
    #[inline]
    fn recv(&mut self) -> u64 {
        let numbers = self.each_mut().map(R::recv);
        assert!(numbers.iter().all(|&number| number == numbers[0]));
        numbers[0]
    }
}

/// A way to several receivers in one process.
pub struct Fan<W, const N: usize>(pub W);

impl<W: Way, const N: usize> Way for Fan<W, N> {
    type Sender = W::Sender;
    type Receiver = [W::Receiver; N];

    fn sender(&self) -> W::Sender {
        self.0.sender()
    }

    fn receiver(&self) -> [W::Receiver; N] {
        [(); N].map(|()| self.0.receiver())
    }
}

/// Two ends that were made together.
pub struct Ends<S, R>(Mutex<Option<S>>, Mutex<Option<R>>);

impl<S, R> Ends<S, R> {
    pub fn new((sender, receiver): (S, R)) -> Self {
        Self(Mutex::new(Some(sender)), Mutex::new(Some(receiver)))
    }
}

impl<S: Sender, R: Receiver> Way for Ends<S, R> {
    type Sender = S;
    type Receiver = R;

    fn sender(&self) -> S {
        self.0.lock().expect("no panic").take().expect("once")
    }

    fn receiver(&self) -> R {
        self.1.lock().expect("no panic").take().expect("once")
    }
}

/// The kind of parties that send and receive: processes or threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Processes,
    Threads,
}

fn send_all(sender: &mut impl Sender, count: u64) {
    for number in 0..count {
        sender.send(number);
    }
}

fn receive_all(receiver: &mut impl Receiver, count: u64) {
    for number in 0..count {
        assert_eq!(receiver.recv(), number);
    }
}

/// Nanoseconds a message, one behind the other.
pub fn stream<W: Way + Sync>(who: Who, way: &W, count: u64) -> f64 {
    let theirs = || way.sender();
    let ours = || way.receiver();
    match who {
        Who::Processes => two_processes_prepared(
            count,
            theirs,
            |sender| send_all(sender, count),
            ours,
            |receiver| receive_all(receiver, count),
        ),
        Who::Threads => two_threads_prepared(
            count,
            theirs,
            |sender| send_all(sender, count),
            ours,
            |receiver| receive_all(receiver, count),
        ),
    }
}

fn answer((receiver, sender): &mut (impl Receiver, impl Sender), count: u64) {
    for _ in 0..count {
        let number = receiver.recv();
        sender.send(number);
    }
}

fn ask((sender, receiver): &mut (impl Sender, impl Receiver), count: u64) {
    for number in 0..count {
        sender.send(number);
        assert_eq!(receiver.recv(), number);
    }
}

/// Nanoseconds for a message and its answer.
pub fn round_trip<W: Way + Sync>(who: Who, there: &W, back: &W, count: u64) -> f64 {
    let theirs = || (there.receiver(), back.sender());
    let ours = || (there.sender(), back.receiver());
    match who {
        Who::Processes => two_processes_prepared(
            count,
            theirs,
            |ends| answer(ends, count),
            ours,
            |ends| ask(ends, count),
        ),
        Who::Threads => two_threads_prepared(
            count,
            theirs,
            |ends| answer(ends, count),
            ours,
            |ends| ask(ends, count),
        ),
    }
}
