//! Events that are descriptors.

use core::time::Duration;
use std::fs::File;
use std::os::fd::OwnedFd;

use rawipc::event::Readiness;
use rawipc::event::eventfd::{self, EventFd, EventFdFlags};
use rawipc::event::inotify::{self, EventMask, InotifyFlags, WatchFlags};
use rawipc::event::poll::{self, PollFd};
use rawipc::event::poller::{self, Event, Interest, PollerFlags};
use rawipc::event::timerfd::{self, Clock, Expiry, Schedule, TimerFd, TimerFdFlags};
use rawipc::{AsFd, AsRawFd};

use crate::half::{Failure, Half, Outcome, Sender};

const COUNTED: u64 = 100_000;
const SINGLE: u64 = 50_000;
const POLLED: u64 = 20_000;
/// So many are polled at once.
const FDS: usize = 8;
const TICKS: u64 = 200;
const TICK: Duration = Duration::from_millis(1);
/// Each is made and removed. Far less than the kernel keeps unread.
const FILES: u64 = 2_000;

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

/// The sender sets a timer that the halves share, the receiver counts how often it
/// expires.
pub(crate) fn timer(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let timer = timerfd::create(Clock::Monotonic, TimerFdFlags::empty())?;
            sender.link.give(&[timer.as_fd()])?;
            sender.begin();
            timer.set(Schedule::every(TICK))?;
            // It may expire once more before it is read.
            let ticks = sender.link.hear()?;
            sender.events(ticks)
        }
        Half::Receiver(receiver) => {
            let [fd] = receiver.link.take()?;
            let timer = TimerFd::from(fd);
            let mut seen = 0;
            while seen < TICKS {
                let Expiry::Ticks(ticks) = timer.wait()? else {
                    return Err(Failure::of("nobody can set this clock"));
                };
                seen += ticks;
                receiver.events(ticks)?;
            }
            receiver.link.say(seen)
        }
    }
}

/// The receiver waits for many descriptors at once, of which the sender makes one
/// after the other ready.
pub(crate) fn poller(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => make_ready(sender)?,
        Half::Receiver(receiver) => {
            let fds: [OwnedFd; FDS] = receiver.link.take()?;
            let counters = fds.map(EventFd::from);
            let poller = poller::create(PollerFlags::empty())?;
            for (token, counter) in (0..).zip(&counters) {
                poller.add(counter, token, Interest::IN)?;
            }
            let mut seen = 0;
            while seen < POLLED {
                for event in poller.wait(&mut [Event::EMPTY; FDS])? {
                    let counter = counters.get(usize::try_from(event.token())?);
                    let counter = counter.ok_or_else(|| Failure::of("a strange token"))?;
                    let events = counter.try_wait()?;
                    seen += events;
                    receiver.events(events)?;
                }
            }
        }
    }
    Ok(())
}

/// The same without an object that remembers for which descriptors it waits.
pub(crate) fn poll(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => make_ready(sender)?,
        Half::Receiver(receiver) => {
            let fds: [OwnedFd; FDS] = receiver.link.take()?;
            let counters = fds.map(EventFd::from);
            let mut fds = counters
                .each_ref()
                .map(|counter| PollFd::new(counter, Readiness::IN));
            let mut seen = 0;
            while seen < POLLED {
                let count = poll::wait(&mut fds)?;
                let ready = |(fd, _): &(&PollFd<'_>, _)| fd.readiness() == Readiness::IN;
                let ready: Vec<_> = fds.iter().zip(&counters).filter(ready).collect();
                if ready.len() != count {
                    return Err(Failure::of(&format!("{count} ready: {fds:?}")));
                }
                for (_, counter) in ready {
                    let events = counter.try_wait()?;
                    seen += events;
                    receiver.events(events)?;
                }
            }
        }
    }
    Ok(())
}

/// Gives several counters to the receiver, and counts one after the other up.
fn make_ready(sender: &mut Sender) -> Outcome {
    let counters: Vec<EventFd> = (0..FDS)
        .map(|_| eventfd::create(0, EventFdFlags::empty()))
        .collect::<rawipc::Result<_>>()?;
    let fds: Vec<_> = counters.iter().map(AsFd::as_fd).collect();
    sender.link.give(&fds)?;
    for counter in counters.iter().cycle().take(POLLED as usize) {
        counter.add(1)?;
        sender.events(1)?;
    }
    Ok(())
}

/// The sender makes and removes files, the receiver is told of each.
pub(crate) fn names(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let path = sender.scratch()?.to_owned();
            sender.link.give(&[File::open(&path)?.as_fd()])?;
            sender.link.hear()?;
            for number in 0..FILES {
                let path = path.join(number.to_string());
                File::create_new(&path)?;
                sender.events(1)?;
                std::fs::remove_file(&path)?;
                sender.events(1)?;
            }
        }
        Half::Receiver(receiver) => {
            let [folder] = receiver.link.take()?;
            let inotify = inotify::create(InotifyFlags::empty())?;
            let path = format!("/proc/self/fd/{}", folder.as_raw_fd());
            inotify.watch(path, WatchFlags::CREATE | WatchFlags::DELETE)?;
            receiver.link.say(0)?;
            let mut buffer = [0; 4096];
            let mut seen = 0;
            while seen < 2 * FILES {
                for record in inotify.read(&mut buffer)? {
                    let what = match seen % 2 {
                        0 => EventMask::CREATE,
                        _ => EventMask::DELETE,
                    };
                    let name = (seen / 2).to_string();
                    if record.mask() != what || record.name() != Some(name.as_bytes()) {
                        return Err(Failure::of(&format!("{record:?} and not {what:?} {name}")));
                    }
                    seen += 1;
                    receiver.events(1)?;
                }
            }
        }
    }
    Ok(())
}
