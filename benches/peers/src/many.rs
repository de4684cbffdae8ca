//! Several who send and several who receive, on as many processors as there are.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use crossbeam::queue::ArrayQueue;
use crossbeam::utils::Backoff;
use rawipc::memory::MapOptions;
use rawipc::ring::{Waiting, mpmc};

use crate::support::fork;

/// Starts `count` children that each do `each(index)` after all are there, and returns nanoseconds
/// until all have ended.
pub fn processes(count: usize, each: impl Fn(usize, &dyn Fn())) -> f64 {
    let memory = MapOptions::shared(4096).map_anonymous().expect("memory");
    let here: &AtomicU32 = memory.object(0).expect("a word");
    let go: &AtomicU32 = memory.object(128).expect("a word");
    let meet = || {
        here.fetch_add(1, Ordering::AcqRel);
        while go.load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
    };
    let children: Vec<_> = (0..count)
        .map(|index| {
            // SAFETY: this program has one thread when it forks, and the child leaves by `_exit`.
            let pid = unsafe { fork() };
            if pid == 0 {
                each(index, &meet);
                // SAFETY: ends the process.
                unsafe { libc::_exit(0) };
            }
            pid
        })
        .collect();
    while here.load(Ordering::Acquire) < count as u32 {
        std::thread::yield_now();
    }
    let begin = Instant::now();
    go.store(1, Ordering::Release);
    for pid in children {
        let mut status = 0;
        // SAFETY: our child, once.
        unsafe { libc::waitpid(pid, &raw mut status, 0) };
        assert_eq!(status, 0, "a process failed");
    }
    begin.elapsed().as_secs_f64() * 1e9
}

/// Nanoseconds a message: `sides` producers and as many consumers, each a process.
pub fn mpmc_items<W: Waiting>(sides: usize, room: usize, count: u64) -> f64 {
    let ring = mpmc::items::Ring::<u64, W>::create(room).expect("a ring");
    let share = count / sides as u64;
    let time = processes(2 * sides, |index, meet| {
        if index < sides {
            let mut producer = ring.producer().expect("a producer");
            meet();
            for number in 0..share {
                producer.push(&number).expect("room");
            }
        } else {
            let mut consumer = ring.consumer().expect("a consumer");
            meet();
            for _ in 0..share {
                consumer.pop().expect("an item");
            }
        }
    });
    time / (share * sides as u64) as f64
}

/// The same by threads, through crossbeam's `ArrayQueue`, with its own way to wait.
pub fn array_queue(sides: usize, room: usize, count: u64) -> f64 {
    let queue = ArrayQueue::new(room);
    let (here, go) = (AtomicU32::new(0), AtomicU32::new(0));
    let share = count / sides as u64;
    let meet = || {
        here.fetch_add(1, Ordering::AcqRel);
        while go.load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
    };
    std::thread::scope(|scope| {
        let mut all = Vec::new();
        for _ in 0..sides {
            all.push(scope.spawn(|| {
                meet();
                for number in 0..share {
                    let backoff = Backoff::new();
                    while queue.push(number).is_err() {
                        backoff.snooze();
                    }
                }
            }));
            all.push(scope.spawn(|| {
                meet();
                for _ in 0..share {
                    let backoff = Backoff::new();
                    while queue.pop().is_none() {
                        backoff.snooze();
                    }
                }
            }));
        }
        while here.load(Ordering::Acquire) < 2 * sides as u32 {
            std::thread::yield_now();
        }
        let begin = Instant::now();
        go.store(1, Ordering::Release);
        for one in all {
            one.join().expect("a thread");
        }
        begin.elapsed().as_secs_f64() * 1e9 / (share * sides as u64) as f64
    })
}
