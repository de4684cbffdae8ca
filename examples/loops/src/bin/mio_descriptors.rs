//! Descriptors of all kinds in mio, each read until it has nothing more.

use std::error::Error;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rawipc::event::eventfd::{self, EventFdFlags};
use rawipc::event::timerfd::{self, Clock, Schedule, Start, TimerFdFlags};
use rawipc::posix::{Name, message};
use rawipc::process::pidfd;
use rawipc::signal::{self, fd::SignalFdFlags};
use rawipc::socket::{RecvError, seqpacket};
use rawipc::{Errno, Pid, Signal};

const COUNTER: Token = Token(0);
const TIMER: Token = Token(1);
const SIGNALS: Token = Token(2);
const QUEUE: Token = Token(3);
const SOCKET: Token = Token(4);
const CHILD: Token = Token(5);

/// Calls `attempt` until it would have to wait, and returns how often it did not: mio tells of what
/// is new, and not again of what was left.
fn drain<T>(mut attempt: impl FnMut() -> rawipc::Result<T>) -> rawipc::Result<usize> {
    let mut count = 0;
    loop {
        match attempt() {
            Ok(_) => count += 1,
            Err(Errno::AGAIN) => return Ok(count),
            Err(error) => return Err(error),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // While there is one thread: those that are started later inherit it.
    signal::block(Signal::TERM)?;
    let counter = eventfd::create(0, EventFdFlags::empty())?;
    let timer = timerfd::create(Clock::Monotonic, TimerFdFlags::empty())?;
    let signals = signal::fd::create(Signal::TERM, SignalFdFlags::empty())?;
    let name = Name::new(format!("/recipe-mio-{}", std::process::id()))?;
    let queue = message::CreateOptions::new().create(&name)?;
    message::unlink(&name)?;
    let (socket, theirs) = seqpacket::pair()?;
    let mut child = Command::new("sleep").arg("1000").spawn()?;
    let process = pidfd::open(Pid::from_child(&child))?;

    let mut poll = Poll::new()?;
    for (fd, token) in [
        (counter.as_raw_fd(), COUNTER),
        (timer.as_raw_fd(), TIMER),
        (signals.as_raw_fd(), SIGNALS),
        (queue.as_raw_fd(), QUEUE),
        (socket.as_raw_fd(), SOCKET),
        (process.as_raw_fd(), CHILD),
    ] {
        let registry = poll.registry();
        registry.register(&mut SourceFd(&fd), token, Interest::READABLE)?;
    }

    counter.add(3)?;
    timer.set(Schedule::once(Start::After(Duration::from_millis(1))))?;
    let own = Pid::from_raw(std::process::id().cast_signed()).ok_or("a process")?;
    signal::send(own, Signal::TERM)?;
    queue.send(b"one", 0)?;
    queue.send(b"two", 0)?;
    theirs.send(b"one")?;
    theirs.send(b"two")?;
    drop(theirs);
    process.send_signal(Signal::KILL)?;

    let mut events = Events::with_capacity(8);
    let mut got = [0; 6];
    let mut buffer = vec![0; 8192];
    while got.contains(&0) {
        poll.poll(&mut events, None)?;
        for event in &events {
            got[event.token().0] += match event.token() {
                COUNTER => drain(|| counter.try_wait())?,
                TIMER => drain(|| timer.try_wait())?,
                SIGNALS => drain(|| signals.try_wait())?,
                QUEUE => drain(|| queue.try_receive(&mut buffer))?,
                // Who has come to the end reads no more, and there it stays.
                SOCKET => drain(|| match socket.try_recv(&mut buffer) {
                    Ok(Some(len)) => Ok(len),
                    Ok(None) => Err(Errno::AGAIN),
                    Err(RecvError::Refused(errno)) => Err(errno),
                    Err(_) => Err(Errno::MSGSIZE), // longer than the buffer
                })?,
                // Nothing to read, and no other event.
                CHILD => usize::from(process.has_exited()?),
                token => unreachable!("{token:?}"),
            };
        }
    }
    assert_eq!(got, [1, 1, 1, 2, 2, 1]);
    child.wait()?;
    Ok(())
}
