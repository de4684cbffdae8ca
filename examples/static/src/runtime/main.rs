//! `runtime PROGRAM [ARGUMENT]...`: an executor for futures, shown by a service that has a timer tick, has
//! threads compute, and runs a program; `SIGTERM` ends that program, and then the service.
//!
//! No std and no libc; `alloc` with an allocator of its own. The executor and the service have no `unsafe`.
#![no_std]
#![no_main]

extern crate alloc;

#[path = "../allocator/mod.rs"]
mod allocator;
mod answer;
mod executor;
#[path = "../lock.rs"]
mod lock;
mod time;
mod workers;

use alloc::vec::Vec;
use core::ffi::CStr;
use core::time::Duration;

use rawipc::errno::Described;
use rawipc::process::exec::List;
use rawipc::process::{self, Command, Spawned, State, WaitFlags};
use rawipc::signal::fd::{self, SignalFd, SignalFdFlags};
use rawipc::signal::{self, Set};
use rawipc::start::Start;
use rawipc::{Errno, Result, Signal, println};

use executor::{Runtime, Source};
use time::{First, first, sleep};
use workers::Workers;

const THREADS: usize = 2;
const JOBS: u64 = 100;
const TICKS: usize = 3;
/// How long the program may take to end before it is killed.
const PATIENCE: Duration = Duration::from_secs(1);

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator::new();

rawipc::entry!(main);
rawipc::panic_handler!();
rawipc::memory_functions!();

fn main(start: Start) -> i32 {
    let args: Vec<&CStr> = start.args().iter().skip(1).collect();
    if args.is_empty() {
        rawipc::eprintln!("runtime: usage: runtime PROGRAM [ARGUMENT]...");
        return 2;
    }
    let served =
        Runtime::new().and_then(|runtime| runtime.block_on(serve(&runtime, start, &args))?);
    match served {
        Ok(()) => println!("done"),
        Err(errno) => {
            rawipc::eprintln!("runtime: {}", Described(errno));
            return 1;
        }
    }
    0
}

async fn serve(runtime: &Runtime, start: Start, args: &[&CStr]) -> Result<()> {
    // Blocked in all threads, as they are made later: it waits for the descriptor.
    let stopping = Set::of([Signal::TERM]);
    signal::block(stopping)?;
    let signals = fd::create(stopping, SignalFdFlags::empty())?;
    let signals = Source::new(runtime, signals)?;

    let workers = Workers::new(start, THREADS)?;
    let ticks = runtime.spawn(tick(runtime.clone()));
    // All are queued before the first is awaited.
    let squares: Vec<_> = (1..=JOBS).map(|n| workers.run(move || n * n)).collect();
    let mut sum = 0;
    for square in squares {
        sum += square.await;
    }
    println!("threads: the sum of {JOBS} squares is {sum}");
    println!("timer: {} ticks", ticks.await?);

    println!("starts the program");
    let mut program = List::<16>::new();
    for arg in args {
        program.push(arg).map_err(|_| Errno::TOOBIG)?;
    }
    let command = Command::path(args[0], &program, start.env().strings()).reset_signals();
    // It does not outlive this one, however that ends.
    let spawned = command.parent_death_signal(Signal::KILL).spawn()?;
    let program = Source::new(runtime, spawned)?;
    match first(end(&program), signals.when_readable(SignalFd::try_wait)).await {
        First::One(state) => {
            println!("program: {:?}", state?);
            signals.when_readable(SignalFd::try_wait).await?;
        }
        First::Other(_) => {
            let pidfd = &program.get().pidfd;
            pidfd.send_signal(Signal::TERM)?;
            let state = match first(end(&program), sleep(runtime, PATIENCE)).await {
                First::One(state) => state,
                First::Other(_) => {
                    pidfd.send_signal(Signal::KILL)?;
                    end(&program).await
                }
            };
            println!("program: {:?}", state?);
        }
    }
    Ok(())
}

async fn tick(runtime: Runtime) -> Result<usize> {
    for _ in 0..TICKS {
        sleep(&runtime, Duration::from_millis(10)).await?;
    }
    Ok(TICKS)
}

/// How the program has ended; it is reaped.
async fn end(program: &Source<Spawned>) -> Result<State> {
    let try_wait = |child: &Spawned| process::try_wait(child, WaitFlags::EXITED);
    Ok(program.when_readable(try_wait).await?.state)
}
