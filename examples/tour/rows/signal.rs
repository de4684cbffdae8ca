//! Signals: sent with a payload, read from a descriptor, from a timer.

use core::time::Duration;

use rawipc::signal::fd::{self, SignalFdFlags};
use rawipc::signal::timer::{self, Clock, First, Notify};
use rawipc::signal::{self, Cause, Payload};
use rawipc::{Pid, Signal};
use rustix::process::getpid;

use crate::half::{Failure, Half, Outcome, Receiver, Sender};

const QUEUED: u64 = 20_000;
/// Sent and not yet taken: far from any limit of queued signals.
const AHEAD: u64 = 50;
const TICKS: u64 = 200;
const TICK: Duration = Duration::from_millis(1);

/// Real-time signals arrive as often as they were sent, in order.
pub(crate) fn queued(half: &mut Half) -> Outcome {
    let number = real_time()?;
    match half {
        Half::Sender(sender) => queue(sender, number),
        Half::Receiver(receiver) => {
            signal::block(number)?;
            let sender = introduce(receiver)?;
            for expected in 0..QUEUED {
                check(signal::wait(number)?.cause(), sender, expected)?;
                took(receiver, expected)?;
            }
            Ok(())
        }
    }
}

/// The same, read from a descriptor, several at once.
pub(crate) fn descriptor(half: &mut Half) -> Outcome {
    let number = real_time()?;
    match half {
        Half::Sender(sender) => queue(sender, number),
        Half::Receiver(receiver) => {
            signal::block(number)?;
            let signals = fd::create(number, SignalFdFlags::empty())?;
            let sender = introduce(receiver)?;
            let mut records = [fd::Record::EMPTY; 16];
            let mut expected = 0;
            while expected < QUEUED {
                let count = signals.read(&mut records)?;
                for record in &records[..count] {
                    check(record.cause(), sender, expected)?;
                    took(receiver, expected)?;
                    expected += 1;
                }
            }
            Ok(())
        }
    }
}

/// A timer signals its own process; what it was late to take is counted by the kernel.
pub(crate) fn timer(half: &mut Half) -> Outcome {
    let Half::Sender(sender) = half else {
        return Ok(());
    };
    let number = real_time()?;
    signal::block(number)?;
    let payload = Payload::from_int(5);
    let timer = timer::create(Clock::Monotonic, Notify::Process(number, payload))?;
    sender.begin();
    timer.set(First::After(TICK), Some(TICK))?;
    let mut ticks = 0;
    while ticks < TICKS {
        match signal::wait(number)?.cause() {
            Cause::Timer {
                id,
                overrun,
                payload: ours,
            } if id == timer.id() && ours == payload => {
                let count = 1 + u64::from(overrun);
                ticks += count;
                sender.events(count)?;
            }
            other => return Err(Failure::of(&format!("{other:?} and not the timer"))),
        }
    }
    Ok(())
}

/// Sends numbered signals to the receiver, as fast as it takes them.
fn queue(sender: &mut Sender, number: Signal) -> Outcome {
    sender.link.say(getpid().as_raw_pid() as u64)?;
    let receiver = process(sender.link.hear()?)?;
    for sent in 0..QUEUED {
        if sent >= AHEAD && sent.is_multiple_of(AHEAD) {
            sender.link.hear()?;
        }
        signal::queue(receiver, number, Payload::from_word(sent))?;
        sender.events(1)?;
    }
    Ok(())
}

/// Says who the receiver is, now that it can take signals, and hears who the sender is.
fn introduce(receiver: &Receiver) -> Outcome<Pid> {
    receiver.link.say(getpid().as_raw_pid() as u64)?;
    process(receiver.link.hear()?)
}

/// Counts a signal, and lets the sender go on.
fn took(receiver: &mut Receiver, number: u64) -> Outcome {
    receiver.events(1)?;
    if (number + 1).is_multiple_of(AHEAD) && number + 1 < QUEUED {
        receiver.link.say(0)?;
    }
    Ok(())
}

fn check(cause: Cause, from: Pid, expected: u64) -> Outcome {
    match cause {
        Cause::Queue { sender, payload }
            if sender.pid == Some(from) && payload.word() == expected =>
        {
            Ok(())
        }
        other => Err(Failure::of(&format!("{other:?} and not {expected}"))),
    }
}

fn process(number: u64) -> Outcome<Pid> {
    Pid::from_raw(i32::try_from(number)?).ok_or_else(|| Failure::of("no process"))
}

fn real_time() -> Outcome<Signal> {
    signal::real_time(1).ok_or_else(|| Failure::of("no real-time signal"))
}
