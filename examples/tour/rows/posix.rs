//! POSIX IPC. An object has the row's name, until both halves have it open.

use rawipc::memory::{MapOptions, Protection};
use rawipc::posix;
use rawipc::posix::memory::{Memory, MemoryFlags};
use rawipc::posix::message::{Access, Capacity, Notice, Notification, Queue, QueueFlags};
use rawipc::posix::semaphore::{Scope, Semaphore};

use super::memory as common;
use crate::half::{Failure, Half, Outcome};
use crate::left::Object;

/// What queues are for unless the system's limits were changed.
const CAPACITY: Capacity = Capacity {
    messages: 10,
    message_size: MESSAGE,
};
pub(super) const MESSAGE: usize = 8192;
const UNITS: u64 = 50_000;
const NOTICES: u64 = 2_000;

/// Messages, the last one empty.
pub(crate) fn messages(half: &mut Half) -> Outcome {
    let queue = queue(half)?;
    match half {
        Half::Sender(sender) => {
            sender.pieces(CAPACITY.message_size, |piece| Ok(queue.send(piece, 1)?))?;
            Ok(queue.send(&[], 0)?)
        }
        Half::Receiver(receiver) => {
            let mut buffer = vec![0; CAPACITY.message_size];
            loop {
                match queue.receive(&mut buffer)?.len {
                    0 => return Ok(()),
                    len => receiver.message(&buffer[..len])?,
                }
            }
        }
    }
}

/// A descriptor says that a message has come to an empty queue.
pub(crate) fn notification(half: &mut Half) -> Outcome {
    let queue = queue(half)?;
    match half {
        Half::Sender(sender) => {
            for number in 0..NOTICES {
                sender.link.hear()?;
                queue.send(&number.to_ne_bytes(), 0)?;
                sender.events(1)?;
            }
        }
        Half::Receiver(receiver) => {
            let notifier = posix::message::notifier()?;
            let mut buffer = vec![0; CAPACITY.message_size];
            for number in 0..NOTICES {
                queue.notify(Notification::Descriptor {
                    notifier: &notifier,
                    token: number,
                })?;
                receiver.link.say(0)?;
                let notice = notifier.wait()?;
                let len = queue.receive(&mut buffer)?.len;
                if notice != Notice::Arrived(number) || buffer[..len] != number.to_ne_bytes() {
                    return Err(Failure::of(&format!("{notice:?} and not {number}")));
                }
                receiver.events(1)?;
            }
        }
    }
    Ok(())
}

/// Memory that both map by its name.
pub(crate) fn memory(half: &mut Half) -> Outcome {
    let options = MapOptions::shared(common::WINDOWS);
    match half {
        Half::Sender(sender) => {
            let name = sender.name(Object::PosixMemory)?;
            let memory: Memory = posix::memory::CreateOptions::new()
                .size(common::WINDOWS as u64)
                .create(&name)?;
            sender.link.say(0)?;
            sender.link.hear()?;
            posix::memory::unlink(&name)?;
            common::fill(sender, &options.map(&memory)?)
        }
        Half::Receiver(receiver) => {
            receiver.link.hear()?;
            let name = receiver.name()?;
            let access = posix::memory::Access::ReadOnly;
            let memory = posix::memory::open(&name, access, MemoryFlags::empty())?;
            receiver.link.say(0)?;
            let memory = options.protection(Protection::READ).map(&memory)?;
            common::empty(receiver, &memory)
        }
    }
}

/// A semaphore in memory that the halves share, as a libc's.
pub(crate) fn semaphore(half: &mut Half) -> Outcome {
    let memory = common::page(half)?;
    let semaphore = memory.object::<Semaphore>(0)?;
    match half {
        Half::Sender(sender) => {
            semaphore.initialize(0, Scope::Processes)?;
            sender.link.say(0)?;
        }
        Half::Receiver(receiver) => {
            receiver.link.hear()?;
        }
    }
    count(half, semaphore)
}

/// A semaphore that both find by its name.
pub(crate) fn named(half: &mut Half) -> Outcome {
    let semaphore = match half {
        Half::Sender(sender) => {
            let name = sender.name(Object::PosixSemaphore)?;
            let semaphore = posix::semaphore::CreateOptions::new().create(&name, 0)?;
            sender.link.say(0)?;
            sender.link.hear()?;
            posix::semaphore::unlink(&name)?;
            semaphore
        }
        Half::Receiver(receiver) => {
            receiver.link.hear()?;
            let semaphore = posix::semaphore::open(&receiver.name()?)?;
            receiver.link.say(0)?;
            semaphore
        }
    };
    count(half, &semaphore)
}

/// The sender posts units, the receiver takes as many.
fn count(half: &mut Half, semaphore: &Semaphore) -> Outcome {
    for _ in 0..UNITS {
        match half {
            Half::Sender(_) => semaphore.post()?,
            Half::Receiver(_) => semaphore.wait()?,
        }
        half.events(1)?;
    }
    match half {
        Half::Receiver(_) if semaphore.value() > 0 => Err(Failure::of("a unit too many")),
        _ => Ok(()),
    }
}

/// A queue that both have open, and nobody else can open any more.
fn queue(half: &Half) -> Outcome<Queue> {
    match half {
        Half::Sender(sender) => {
            let name = sender.name(Object::PosixQueue)?;
            let queue = posix::message::CreateOptions::new()
                .access(Access::Send)
                .capacity(CAPACITY)
                .create(&name)?;
            sender.link.say(0)?;
            sender.link.hear()?;
            posix::message::unlink(&name)?;
            Ok(queue)
        }
        Half::Receiver(receiver) => {
            receiver.link.hear()?;
            let name = receiver.name()?;
            let queue = posix::message::open(&name, Access::Receive, QueueFlags::empty())?;
            receiver.link.say(0)?;
            Ok(queue)
        }
    }
}
