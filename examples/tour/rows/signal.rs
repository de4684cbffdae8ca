//! Signals: sent with a payload, read from a descriptor, from a timer.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use rawipc::pipe::{Reader, Writer};
use rawipc::signal::action::{self, Action, Context};
use rawipc::signal::fd::{self, SignalFdFlags};
use rawipc::signal::io::{self, Owner};
use rawipc::signal::timer::{self, Clock, Notify, Schedule};
use rawipc::signal::{self, Cause, Info, IoEvent, Payload};
use rawipc::{AsFd, AsRawFd, Pid, Signal, pipe};
use rustix::process::getpid;

use crate::half::{Failure, Half, Outcome, Receiver, Sender};

const QUEUED: u64 = 20_000;
/// Sent and not yet taken: far from any limit of queued signals.
const AHEAD: u64 = 50;
const READY: u64 = 5_000;
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

/// How many signals the handler has taken, and how many of them in order.
static TAKEN: AtomicU64 = AtomicU64::new(0);
static IN_ORDER: AtomicU64 = AtomicU64::new(0);

extern "C" fn take(_: Signal, info: &Info, _: Context<'_>) {
    let taken = TAKEN.fetch_add(1, Ordering::Relaxed);
    if matches!(info.cause(), Cause::Queue { payload, .. } if payload.word() == taken) {
        IN_ORDER.fetch_add(1, Ordering::Relaxed);
    }
}

/// The same, each taken by a handler that interrupts what the receiver does: waiting.
pub(crate) fn handler(half: &mut Half) -> Outcome {
    let number = real_time()?;
    match half {
        Half::Sender(sender) => queue(sender, number),
        Half::Receiver(receiver) => {
            // It comes only while this half waits for it.
            let mask = signal::block(number)?;
            // SAFETY: the handler only counts.
            action::set(number, unsafe { Action::info_handler(take) })?;
            introduce(receiver)?;
            let mut seen = 0;
            while seen < QUEUED {
                signal::suspend(mask)?;
                // Several may have come at once.
                let taken = TAKEN.load(Ordering::Relaxed);
                for number in seen..taken {
                    took(receiver, number)?;
                }
                seen = taken;
            }
            match IN_ORDER.load(Ordering::Relaxed) {
                QUEUED => Ok(()),
                count => Err(Failure::of(&format!("only {count} in order"))),
            }
        }
    }
}

/// A pipe signals the receiver whenever the sender has written.
pub(crate) fn readiness(half: &mut Half) -> Outcome {
    let number = real_time()?;
    match half {
        Half::Sender(sender) => {
            let [writer] = sender.link.take()?;
            let writer = Writer::from(writer);
            for _ in 0..READY {
                sender.link.hear()?;
                writer.write_all(&[0])?;
                sender.events(1)?;
            }
        }
        Half::Receiver(receiver) => {
            signal::block(number)?;
            let (reader, writer): (Reader, Writer) = pipe::create(pipe::PipeFlags::empty())?;
            io::start(&reader, Owner::Process(getpid()), Some(number))?;
            receiver.link.give(&[writer.as_fd()])?;
            for _ in 0..READY {
                receiver.link.say(0)?;
                match signal::wait(number)?.cause() {
                    Cause::Io {
                        fd,
                        event: IoEvent::In,
                        ..
                    } if fd == reader.as_raw_fd() => {}
                    other => return Err(Failure::of(&format!("{other:?} and not the pipe"))),
                }
                reader.read_full(&mut [0])?;
                receiver.events(1)?;
            }
        }
    }
    Ok(())
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
    timer.set(Schedule::every(TICK))?;
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

pub(super) fn real_time() -> Outcome<Signal> {
    signal::real_time(1).ok_or_else(|| Failure::of("no real-time signal"))
}
