//! Contests: contestants measured in turn, so that what disturbs the machine
//! disturbs all of them alike; medians, and ratios to the first.
//!
//! Criterion measures one function after the other in one process; here each run
//! takes two processes, and what counts is a ratio under the same disturbance.

#![allow(dead_code, reason = "each benchmark uses its part of this module")]

use core::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// How many runs of each contestant.
const ROUNDS: usize = 21;

/// A contestant: its name and one run, which returns nanoseconds per operation.
pub(crate) struct Contestant<'a> {
    pub name: &'a str,
    pub run: Box<dyn FnMut() -> f64 + 'a>,
}

pub(crate) fn contestant<'a>(name: &'a str, run: impl FnMut() -> f64 + 'a) -> Contestant<'a> {
    Contestant {
        name,
        run: Box::new(run),
    }
}

/// How many times faster than the first contestant the others must be.
pub(crate) enum Demand {
    /// The second reaches at least this share of the first one's speed.
    AtLeast(f64),
    /// The second takes at most this multiple of the first one's time.
    AtMost(f64),
    None,
}

/// Runs the contestants in turn and prints medians and ratios; whether the
/// demand is met.
pub(crate) fn contest(title: &str, demand: &Demand, mut contestants: Vec<Contestant<'_>>) -> bool {
    // `cargo bench -- WORDS` chooses by title.
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    if wanted.is_some_and(|words| !title.contains(&words)) {
        return true;
    }
    let mut times = vec![Vec::new(); contestants.len()];
    for round in 0..=ROUNDS {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            let time = (contestant.run)();
            // The first round warms up.
            if round > 0 {
                times.push(time);
            }
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    println!("\n{title}");
    for ((contestant, &time), times) in contestants.iter().zip(&medians).zip(&times) {
        println!(
            "  {:<34} {:>10.2} ns  ({:>8.2} to {:>8.2})  {:>9.2} M/s  {:>6.2} x",
            contestant.name,
            time,
            times[0],
            times[times.len() - 1],
            1000.0 / time,
            medians[0] / time,
        );
    }
    let Some(&second) = medians.get(1) else {
        return true;
    };
    let (met, text) = match demand {
        Demand::AtLeast(share) => {
            let reached = medians[0] / second;
            (
                reached >= *share,
                format!("{reached:.2} x the speed, at least {share} asked"),
            )
        }
        Demand::AtMost(multiple) => {
            let reached = second / medians[0];
            (
                reached <= *multiple,
                format!("{reached:.2} x the time, at most {multiple} asked"),
            )
        }
        Demand::None => return true,
    };
    println!("  {} {text}", if met { "met:" } else { "MISSED:" });
    met
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Binds this thread to a processor, counted among those it may use.
pub(crate) fn pin(index: usize) {
    let allowed = rustix::thread::sched_getaffinity(None).expect("affinity");
    let processors: Vec<usize> = (0..1024).filter(|&cpu| allowed.is_set(cpu)).collect();
    // A thread that is bound already may only go where it is.
    let Some(&cpu) = PROCESSORS.get_or_init(|| processors).get(index) else {
        return;
    };
    let mut set = rustix::thread::CpuSet::new();
    set.set(cpu);
    rustix::thread::sched_setaffinity(None, &set).expect("affinity");
}

static PROCESSORS: std::sync::OnceLock<Vec<usize>> = std::sync::OnceLock::new();

/// Forks; the child is killed when its parent ends, however that is: it would spin for ever.
///
/// # Safety
///
/// As for `fork(2)`: this program has one thread.
pub(crate) unsafe fn fork() -> i32 {
    // SAFETY: the caller's promise is the callee's.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork");
    if pid == 0 {
        // SAFETY: a call of the kernel's without a pointer.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    }
    pid
}

/// Runs `theirs` in a forked process on the second processor and `ours` here on
/// the first; both begin together. Nanoseconds per operation, of `count`, until
/// `ours` has ended.
pub(crate) fn two_processes(count: u64, theirs: impl FnOnce(), ours: impl FnOnce()) -> f64 {
    let ready = rawipc::memory::MapOptions::shared(4096)
        .map_anonymous()
        .expect("memory");
    let ready: &AtomicU32 = ready.object(0).expect("a word");
    // SAFETY: this program has one thread when it forks, and the child leaves by
    // `_exit`.
    let pid = unsafe { fork() };
    if pid == 0 {
        pin(1);
        meet(ready);
        theirs();
        // SAFETY: ends the process.
        unsafe { libc::_exit(0) };
    }
    pin(0);
    meet(ready);
    let begin = Instant::now();
    ours();
    let time = begin.elapsed();
    let mut status = 0;
    // SAFETY: our child, once.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(status, 0, "the other process failed");
    time.as_secs_f64() * 1e9 / count as f64
}

/// The same with two threads.
pub(crate) fn two_threads(count: u64, theirs: impl FnOnce() + Send, ours: impl FnOnce()) -> f64 {
    let ready = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            pin(1);
            meet(&ready);
            theirs();
        });
        pin(0);
        meet(&ready);
        let begin = Instant::now();
        ours();
        let time = begin.elapsed();
        other.join().expect("the other thread");
        time.as_secs_f64() * 1e9 / count as f64
    })
}

/// Like [`two_processes`], where each side first makes what it needs, for which no time is taken, and
/// theirs is taken down when ours has ended.
pub(crate) fn two_processes_prepared<T, O>(
    count: u64,
    their_preparation: impl FnOnce() -> T,
    theirs: impl FnOnce(&mut T),
    our_preparation: impl FnOnce() -> O,
    ours: impl FnOnce(&mut O),
) -> f64 {
    let words = rawipc::memory::MapOptions::shared(4096)
        .map_anonymous()
        .expect("memory");
    let ready: &AtomicU32 = words.object(0).expect("a word");
    let ended: &AtomicU32 = words.object(128).expect("a word");
    // SAFETY: this program has one thread when it forks, and the child leaves by
    // `_exit`.
    let pid = unsafe { fork() };
    if pid == 0 {
        pin(1);
        let mut prepared = their_preparation();
        meet(ready);
        theirs(&mut prepared);
        meet(ended);
        drop(prepared);
        // SAFETY: ends the process.
        unsafe { libc::_exit(0) };
    }
    pin(0);
    let mut prepared = our_preparation();
    meet(ready);
    let begin = Instant::now();
    ours(&mut prepared);
    let time = begin.elapsed();
    drop(prepared);
    meet(ended);
    let mut status = 0;
    // SAFETY: our child, once.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(status, 0, "the other process failed");
    time.as_secs_f64() * 1e9 / count as f64
}

/// The same with two threads.
pub(crate) fn two_threads_prepared<T, O>(
    count: u64,
    their_preparation: impl FnOnce() -> T + Send,
    theirs: impl FnOnce(&mut T) + Send,
    our_preparation: impl FnOnce() -> O,
    ours: impl FnOnce(&mut O),
) -> f64 {
    let (ready, ended) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            pin(1);
            let mut prepared = their_preparation();
            meet(&ready);
            theirs(&mut prepared);
            meet(&ended);
        });
        pin(0);
        let mut prepared = our_preparation();
        meet(&ready);
        let begin = Instant::now();
        ours(&mut prepared);
        let time = begin.elapsed();
        meet(&ended);
        other.join().expect("the other thread");
        time.as_secs_f64() * 1e9 / count as f64
    })
}

fn meet(ready: &AtomicU32) {
    ready.fetch_add(1, Ordering::AcqRel);
    while ready.load(Ordering::Acquire) < 2 {
        std::thread::yield_now();
    }
}
