//! The streams of `embedded-io`: pipes, stream sockets and the byte views of rings.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::time::Instant;

use rawipc::Errno;
use rawipc::adapters::embedded_io::api::{Error, ErrorKind, Read, Write};
use rawipc::errno::Described;
use rawipc::pipe::{self, PipeFlags};
use rawipc::ring::spsc;
use rawipc::socket::stream;

use crate::support::{Child, End, LIMIT, LeakCheck, Storm, pattern};

/// More than any of them holds.
const LEN: usize = 1 << 20;

/// Sends a pattern, in parts that do not fit its other end's.
fn sends(mut to: impl Write) {
    for part in pattern(LEN, 7).chunks(5000) {
        to.write_all(part).unwrap();
    }
    to.flush().unwrap();
}

fn receives(mut from: impl Read) {
    let (mut all, mut part) = (Vec::new(), [0; 3000]);
    loop {
        match from.read(&mut part).unwrap() {
            0 => break,
            len => all.extend_from_slice(&part[..len]),
        }
    }
    assert!(all == pattern(LEN, 7), "{} bytes", all.len());
}

#[test]
fn streams_bring_everything_and_then_their_end() {
    let _check = LeakCheck::begin();
    let (reader, writer) = pipe::create(PipeFlags::empty()).unwrap();
    let (ours, theirs) = stream::pair().unwrap();
    let ring: spsc::Ring = spsc::Ring::create(4096).unwrap();
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| sends(writer));
        scope.spawn(|| sends(theirs));
        scope.spawn(move || sends(producer.as_bytes()));
        receives(&reader);
        receives(&ours);
        receives(consumer.as_bytes());
    });
}

/// How often the process has gone to sleep.
fn sleeps(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let mut lines = status.lines();
    let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.unwrap().trim().parse().unwrap()
}

/// The traits have no way to say that there was an interruption, as most of their users go on by
/// themselves after none.
#[test]
fn stream_that_is_interrupted_goes_on() {
    let _check = LeakCheck::begin();
    let (reader, writer) = pipe::create(PipeFlags::empty()).unwrap();
    let mut child = Child::fork(|| {
        let storm = Storm::begin();
        let read = Read::read(&mut &reader, &mut [0; 8]);
        i32::from(!matches!(read, Ok(4)) || storm.handled() == 0)
    });
    let (before, begin) = (sleeps(&child), Instant::now());
    while child.try_wait().is_none() && sleeps(&child) < before + 5 {
        assert!(begin.elapsed() < LIMIT, "it sleeps on");
        std::thread::yield_now();
    }
    writer.write_all(b"late").unwrap();
    assert_eq!(child.wait(), End::Exited(0));
}

#[test]
fn errors_are_of_the_kinds_that_there_are() {
    let _check = LeakCheck::begin();
    let (reader, mut writer) = pipe::create(PipeFlags::empty()).unwrap();
    drop(reader);
    let refused = Write::write(&mut writer, b"x").unwrap_err();
    assert_eq!(refused, Described(Errno::PIPE));
    assert_eq!(refused.kind(), ErrorKind::BrokenPipe);
    assert_eq!(Described(Errno::AGAIN).kind(), ErrorKind::Other);
    assert_eq!(rawipc::ring::Error::Corrupt.kind(), ErrorKind::InvalidData);
}
