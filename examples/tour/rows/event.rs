//! Events that are descriptors.

use rawipc::AsFd;
use rawipc::event::eventfd::{self, EventFd, EventFdFlags};

use crate::half::{Failure, Half, Outcome};

const COUNTED: u64 = 200_000;
const SINGLE: u64 = 50_000;

/// The sender counts up; what the receiver takes at once may be several events.
pub(crate) fn counter(half: &mut Half) -> Outcome {
    count(half, EventFdFlags::empty(), COUNTED)
}

/// As a semaphore: the receiver takes one event at a time.
pub(crate) fn semaphore(half: &mut Half) -> Outcome {
    count(half, EventFdFlags::SEMAPHORE, SINGLE)
}

fn count(half: &mut Half, flags: EventFdFlags, total: u64) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let counter = eventfd::create(0, flags)?;
            sender.link.give(&[counter.as_fd()])?;
            for _ in 0..total {
                counter.add(1)?;
                sender.events(1)?;
            }
            Ok(())
        }
        Half::Receiver(receiver) => {
            let [fd] = receiver.link.take()?;
            let counter = EventFd::from(fd);
            let mut seen = 0;
            while seen < total {
                let events = counter.wait()?;
                if flags.contains(EventFdFlags::SEMAPHORE) && events != 1 {
                    return Err(Failure::of(&format!("{events} events at once")));
                }
                seen += events;
                receiver.events(events)?;
            }
            Ok(())
        }
    }
}
