//! Rings in mio: `SourceFd` takes the bells.

use std::error::Error;
use std::io;
use std::os::fd::AsRawFd as _;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rawipc::ring;
use rawipc_loops::{COUNT, Other, expect, is_other};

const ROOM: Token = Token(0);
const DATA: Token = Token(1);
/// A death rings nothing: the process has a descriptor as well.
const DEATH: Token = Token(2);

fn main() -> Result<(), Box<dyn Error>> {
    if is_other()? {
        return Ok(());
    }
    let mut other = Other::start()?;
    let mut poll = Poll::new()?;
    let sources = [
        (other.there.as_raw_fd(), ROOM),
        (other.back.as_raw_fd(), DATA),
        (other.process.as_raw_fd(), DEATH),
    ];
    for (fd, token) in sources {
        poll.registry()
            .register(&mut SourceFd(&fd), token, Interest::READABLE)?;
    }
    let mut events = Events::with_capacity(4);
    let (mut sent, mut received) = (0, 0);
    let mut record = [0; 8];
    while received < COUNT {
        // Whatever rang: go on with both until neither can, and both bells are armed.
        while sent < COUNT {
            match other.there.try_send(&u64::to_ne_bytes(sent)) {
                Ok(()) => sent += 1,
                Err(ring::Error::WouldBlock) if other.there.arm()? => break,
                Err(ring::Error::WouldBlock) => {}
                Err(error) => return Err(error.into()),
            }
        }
        while received < COUNT {
            match other.back.try_recv(&mut record) {
                Ok(len) => received = expect(&record[..len], received)? + 1,
                Err(ring::Error::WouldBlock) if other.back.arm()? => {
                    poll.poll(&mut events, None)?;
                    break;
                }
                Err(ring::Error::WouldBlock) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if events.iter().any(|event| event.token() == DEATH) {
            return Err(io::Error::other("the other process has ended").into());
        }
    }
    other.end()?;
    println!("mio: {COUNT} numbers there and back");
    Ok(())
}
