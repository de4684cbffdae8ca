//! System V IPC. The link passes the identifier of an object.

use core::sync::atomic::{AtomicU64, Ordering};

use rawipc::sysv::memory::{AttachFlags, Segment, SegmentFlags};
use rawipc::sysv::message::{Message, Queue, ReceiveFlags, Select};
use rawipc::sysv::semaphore::{Operation, Set};
use rawipc::sysv::{self, Create, Key};
use rawipc::{Errno, process};

use super::memory as common;
use crate::half::{Failure, Half, Outcome};
use crate::left::Object;

/// As much as a message may have, unless the system's limit was changed.
pub(super) const MESSAGE: usize = 8192;
const TURNS: u64 = 20_000;
const LOCKINGS: u64 = 20_000;

/// The kinds of messages.
const DATA: i64 = 1;
const END: i64 = 2;

/// Messages, and one of another kind that says that there are no more.
pub(crate) fn messages(half: &mut Half) -> Outcome {
    let mut message = Message::<[u8; MESSAGE]>::empty();
    match half {
        Half::Sender(sender) => {
            let key = own_key()?;
            sender.made(Object::Queue(key))?;
            let queue = sysv::message::create(key, Create::NEW)?;
            sender.link.say(queue.id() as u64)?;
            message.set_message_type(DATA);
            sender.pieces(MESSAGE, |piece| {
                message.set_bytes(piece)?;
                Ok(queue.send(&message)?)
            })?;
            message.set_message_type(END);
            message.set_bytes(&[])?;
            Ok(queue.send(&message)?)
        }
        Half::Receiver(receiver) => {
            let queue = Queue::from_id(identifier(receiver.link.hear()?)?);
            loop {
                queue.receive(Select::Any, &mut message, ReceiveFlags::empty())?;
                match message.message_type() {
                    DATA => receiver.message(message.bytes())?,
                    _ => return Ok(queue.remove()?),
                }
            }
        }
    }
}

/// A segment, which is removed as soon as both have attached it: it goes with them.
pub(crate) fn memory(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let flags = SegmentFlags::empty();
            let size = common::WINDOWS;
            let key = own_key()?;
            sender.made(Object::Segment(key))?;
            let segment = sysv::memory::create(key, size, flags, Create::NEW)?;
            sender.link.say(segment.id() as u64)?;
            let memory = segment.attach(AttachFlags::empty())?;
            sender.link.hear()?;
            segment.remove()?;
            common::fill(sender, &memory)
        }
        Half::Receiver(receiver) => {
            let segment = Segment::from_id(identifier(receiver.link.hear()?)?);
            let memory = segment.attach(AttachFlags::READ_ONLY)?;
            receiver.link.say(0)?;
            common::empty(receiver, &memory)
        }
    }
}

/// Two semaphores: the sender gives to the one what the receiver takes, and takes from
/// the other what it gives back, so that neither runs ahead.
pub(crate) fn semaphores(half: &mut Half) -> Outcome {
    const FULL: u16 = 0;
    const ROOM: u16 = 1;
    const AHEAD: u16 = 100;
    let set = set(half, &[0, AHEAD])?;
    let turn = match half {
        Half::Sender(_) => [Operation::decrement(ROOM), Operation::increment(FULL)],
        Half::Receiver(_) => [Operation::decrement(FULL), Operation::increment(ROOM)],
    };
    for _ in 0..TURNS {
        // Both or none.
        set.operate(&turn)?;
        half.events(1)?;
    }
    let Half::Receiver(_) = half else {
        return Ok(());
    };
    let mut values = [0; 2];
    match *set.values(&mut values)? {
        [0, AHEAD] => Ok(set.remove()?),
        ref values => Err(Failure::of(&format!("the values are {values:?}"))),
    }
}

/// A semaphore that the kernel gives back for who dies guards a number that both
/// halves count up in two steps.
pub(crate) fn lock(half: &mut Half) -> Outcome {
    let memory = common::page(half)?;
    let guarded = memory.object::<AtomicU64>(0)?;
    let set = set(half, &[1])?;
    for _ in 0..LOCKINGS {
        set.operate(&[Operation::decrement(0).undo()])?;
        let number = guarded.load(Ordering::Relaxed);
        guarded.store(number + 1, Ordering::Relaxed);
        set.operate(&[Operation::increment(0).undo()])?;
        half.events(1)?;
    }
    match half {
        Half::Sender(sender) => sender.link.say(0),
        Half::Receiver(receiver) => {
            receiver.link.hear()?;
            set.remove()?;
            match guarded.load(Ordering::Relaxed) {
                number if number == 2 * LOCKINGS => Ok(()),
                number => Err(Failure::of(&format!("counted to {number}"))),
            }
        }
    }
}

/// A set with these values, shared by the halves: made by the sender.
fn set(half: &Half, values: &[u16]) -> Outcome<Set> {
    match half {
        Half::Sender(sender) => {
            let key = own_key()?;
            sender.made(Object::Set(key))?;
            let set = sysv::semaphore::create(key, values.len(), Create::NEW)?;
            set.initialize(values)?;
            sender.link.say(set.id() as u64)?;
            Ok(set)
        }
        Half::Receiver(receiver) => Ok(Set::from_id(identifier(receiver.link.hear()?)?)),
    }
}

/// A key that nobody has, so that an object can be removed by it even if its maker was
/// killed before it could say what it had made.
fn own_key() -> Outcome<Key> {
    let begin = process::id().as_raw_pid() << 8;
    (begin..begin + 256)
        .map(Key::from_raw)
        .find(|&key| {
            let taken = [
                sysv::message::open(key).map(drop),
                sysv::semaphore::open(key).map(drop),
                sysv::memory::open(key).map(drop),
            ];
            key != Key::PRIVATE && taken.iter().all(|taken| *taken == Err(Errno::NOENT))
        })
        .ok_or_else(|| Failure::of("no key is free"))
}

fn identifier(number: u64) -> Outcome<i32> {
    Ok(i32::try_from(number)?)
}
