//! Tests the table of edges in docs/services.md: which descriptors tell again of what was left unread.
#![allow(clippy::unwrap_used, reason = "what fails in a test fails it")]

use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rawipc::event::eventfd::{self, EventFdFlags};
use rawipc::event::timerfd::{self, Clock, Expiry, Schedule, TimerFdFlags};
use rawipc::posix::{Name, message};
use rawipc::process::pidfd;
use rawipc::rendezvous::{Listener, Options};
use rawipc::ring::doorbell::{Bells, Duplex, Ring};
use rawipc::signal::{self, fd::SignalFdFlags};
use rawipc::socket::seqpacket;
use rawipc::{AsFd, Pid, Signal};

/// Watches one descriptor.
struct Watch {
    poll: Poll,
    events: Events,
}

impl Watch {
    fn new(fd: &impl AsFd) -> Self {
        let poll = Poll::new().unwrap();
        let fd = fd.as_fd().as_raw_fd();
        let mut source = SourceFd(&fd);
        let registry = poll.registry();
        registry
            .register(&mut source, Token(0), Interest::READABLE)
            .unwrap();
        let events = Events::with_capacity(4);
        Self { poll, events }
    }

    /// Returns whether the loop has reported an event since the last call.
    fn is_told(&mut self) -> bool {
        self.poll
            .poll(&mut self.events, Some(Duration::ZERO))
            .unwrap();
        !self.events.is_empty()
    }

    fn wait(&mut self) {
        self.poll.poll(&mut self.events, None).unwrap();
    }
}

#[test]
fn eventfd_tells_of_each_addition() {
    let counter = eventfd::create(0, EventFdFlags::empty()).unwrap();
    let mut watch = Watch::new(&counter);
    assert!(!watch.is_told());
    for _ in 0..2 {
        counter.add(1).unwrap();
        assert!(watch.is_told());
        assert!(!watch.is_told());
    }
    // Once for all, and for one of those that are taken singly.
    counter.try_wait().unwrap();
    counter.try_wait().unwrap_err();
    let units = eventfd::create(2, EventFdFlags::SEMAPHORE).unwrap();
    let mut watch = Watch::new(&units);
    assert!(watch.is_told());
    units.try_wait().unwrap();
    assert!(!watch.is_told());
    units.try_wait().unwrap();
}

#[test]
fn timer_with_an_interval_stands_still_until_it_is_read() {
    let timer = timerfd::create(Clock::Monotonic, TimerFdFlags::empty()).unwrap();
    let mut watch = Watch::new(&timer);
    let millisecond = Duration::from_millis(1);
    timer.set(Schedule::every(millisecond)).unwrap();
    watch.wait();
    // Another one, of the same clock, which has gone on meanwhile.
    let other = timerfd::create(Clock::Monotonic, TimerFdFlags::empty()).unwrap();
    other.set(Schedule::every(millisecond)).unwrap();
    for _ in 0..3 {
        other.wait().unwrap();
    }
    assert!(!watch.is_told());
    let Ok(Expiry::Ticks(ticks)) = timer.try_wait() else {
        panic!("it has expired");
    };
    assert!(ticks >= 3, "{ticks}");
    watch.wait();
}

#[test]
fn signal_that_is_pending_is_not_told_again() {
    // Of this thread alone: it is sent there.
    signal::block(Signal::USR1).unwrap();
    let signals = signal::fd::create(Signal::USR1, SignalFdFlags::empty()).unwrap();
    let mut watch = Watch::new(&signals);
    signal::raise(Signal::USR1).unwrap();
    assert!(watch.is_told());
    signal::raise(Signal::USR1).unwrap();
    assert!(!watch.is_told());
    signals.try_wait().unwrap();
    signals.try_wait().unwrap_err();
    signal::raise(Signal::USR1).unwrap();
    assert!(watch.is_told());
    signals.try_wait().unwrap();
}

#[test]
fn end_of_a_process_is_told_once_and_stays() {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let process = pidfd::open(Pid::from_child(&child)).unwrap();
    let mut watch = Watch::new(&process);
    watch.wait();
    assert!(!watch.is_told());
    assert!(process.has_exited().unwrap());
    // Who comes later is told as well.
    assert!(Watch::new(&process).is_told());
    child.wait().unwrap();
}

#[test]
fn posix_queue_tells_of_each_message_but_not_again_of_what_was_left() {
    let name = Name::new(format!("/edges-{}", std::process::id())).unwrap();
    let queue = message::CreateOptions::new().create(&name).unwrap();
    message::unlink(&name).unwrap();
    let mut watch = Watch::new(&queue);
    for _ in 0..2 {
        queue.send(b"message", 0).unwrap();
        assert!(watch.is_told());
        assert!(!watch.is_told());
    }
}

#[test]
fn socket_does_not_tell_again_of_what_was_left() {
    let (socket, theirs) = seqpacket::pair().unwrap();
    let mut watch = Watch::new(&socket);
    theirs.send(b"one").unwrap();
    theirs.send(b"two").unwrap();
    assert!(watch.is_told());
    socket.try_recv(&mut [0; 8]).unwrap();
    assert!(!watch.is_told());
    drop(theirs);
    assert!(watch.is_told());
}

#[test]
fn listener_tells_of_who_connects_and_connection_of_the_end() {
    let path = std::env::temp_dir().join(format!("edges-{}", std::process::id()));
    let listener = Listener::bind(&path).unwrap();
    let mut watch = Watch::new(&listener);
    let connect = || {
        let path = path.clone();
        std::thread::spawn(move || Options::new().connect::<Duplex>(&path).unwrap())
    };
    let accept = || {
        let duplex = Duplex::create(4096, Bells::Timer).unwrap();
        loop {
            match listener.try_accept(&duplex) {
                Ok(client) => break client,
                Err(_) => std::thread::yield_now(),
            }
        }
    };
    let clients = [connect(), connect()];
    watch.wait();
    let first = accept();
    let second = accept();
    let _ = watch.is_told();
    let [one, other] = clients.map(|client| client.join().unwrap());
    let mut watches = [Watch::new(&first), Watch::new(&second)];
    assert!(watches.iter_mut().all(|watch| !watch.is_told()));
    drop((one, other));
    assert!(watches.iter_mut().all(Watch::is_told));
    assert!(!watch.is_told());
}

#[test]
fn bell_rings_only_for_who_has_armed_it() {
    let ring = Ring::create(4096, Bells::Timer).unwrap();
    let mut producer = ring.producer().unwrap();
    let mut consumer = ring.consumer().unwrap();
    let mut watch = Watch::new(&consumer);
    producer.send(b"one").unwrap();
    assert!(!watch.is_told());
    assert_eq!(consumer.try_recv(&mut [0; 8]), Ok(3));
    assert_eq!(consumer.arm(), Ok(true));
    producer.send(b"two").unwrap();
    watch.wait();
    // Whoever drops the future of that wait finds it all the same.
    assert_eq!(consumer.try_recv(&mut [0; 8]), Ok(3));
    assert_eq!(consumer.arm(), Ok(true));
    assert!(!watch.is_told());
}
