//! `server CONTROL STATUS`: server.c without libc. `server --shared-words`: the fork server of the
//! example. No std either: what runs is this and rawipc.
#![no_std]
#![no_main]

#[path = "../../examples/forkserver/memory.rs"]
#[allow(dead_code, reason = "the example uses more of it")]
mod memory;
#[path = "../../examples/forkserver/server.rs"]
mod server;

use core::ffi::CStr;
use core::hint::black_box;

use rawipc::memory::memfd::Memfd;
use rawipc::pipe::{Reader, Writer};
use rawipc::process::exec::Strings;
use rawipc::process::{self, Fork, State, WaitFlags};
use rawipc::start::Start;
use rawipc::{AsRawFd, FromRawFd, OwnedFd, RawFd};

rawipc::entry!(main);
rawipc::panic_handler!(silent);
rawipc::memory_functions!();

fn main(start: Start) -> i32 {
    let mut args = start.args().iter().skip(1);
    let served = match (args.next(), args.next()) {
        (Some(control), Some(status)) => pipes(control, status),
        _ => shared_words(start.env().strings()),
    };
    i32::from(served.is_none())
}

/// The target.
#[inline(never)]
fn empty() {
    black_box(());
}

/// A descriptor that this program was started with.
fn descriptor(number: &[u8]) -> Option<OwnedFd> {
    let number: RawFd = core::str::from_utf8(number).ok()?.parse().ok()?;
    // SAFETY: it is for this program, which takes each once.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}

fn shared_words(env: Strings<'static>) -> Option<()> {
    let value = |variable: &'static CStr| {
        let rest = variable
            .to_bytes()
            .strip_prefix(memory::VARIABLE.as_bytes())?;
        rest.strip_prefix(b"=")
    };
    let number = env.iter().find_map(value)?;
    let memory = server::open(Memfd::from(descriptor(number)?)).ok()?;
    server::Link::new(&memory).ok()?.serve(|_| {
        empty();
        0
    })
}

fn pipes(control: &CStr, status: &CStr) -> Option<()> {
    let control = Reader::from(descriptor(control.to_bytes())?);
    let status = Writer::from(descriptor(status.to_bytes())?);
    let say = |word: i32| status.write_all(&word.to_ne_bytes()).ok();
    say(0)?;
    while control.read(&mut [0; 4]) == Ok(4) {
        // SAFETY: this program has one thread, and the child exits.
        match unsafe { process::fork() }.ok()? {
            Fork::Child => {
                // SAFETY: this process leaves without using them again.
                unsafe { rustix::io::close(control.as_raw_fd()) };
                // SAFETY: as above.
                unsafe { rustix::io::close(status.as_raw_fd()) };
                empty();
                process::exit(0)
            }
            Fork::Parent(child) => {
                say(child.as_raw_pid())?;
                let change = process::wait(child, WaitFlags::EXITED).ok()?;
                say(i32::from(change.state != State::Exited(0)))?;
            }
        }
    }
    Some(())
}
