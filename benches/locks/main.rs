//! Measures locks and their kin beside those of glibc that processes share, and how long one can wait
//! at them.
//!
//! `cargo bench --bench locks`; with words behind `--`, the contests that have them in their titles, or
//! `starve`, `fairness` or `recovery`.

mod fairness;
mod glibc;
mod recovery;
#[path = "../support/mod.rs"]
mod support;

use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::time::Instant;

use glibc::{Kind, glibc};
use rawipc::members::{Member, Region};
use rawipc::memory::{MapOptions, Mapping};
use rawipc::sync::futex::{self, Scope};
use rawipc::sync::{
    AutoResetEvent, Condvar, HandOverSemaphore, Mutex, OnceCell, PreferReaders, PreferWriters,
    Preference, RwLock, Semaphore, SeqLock,
};
use support::{Demand, contest, contestant, fork, pin, two_processes};

/// How often in one run.
const COUNT: u64 = 1_000_000;
const ROUND_TRIPS: u64 = 3_000;

fn memory() -> Mapping {
    MapOptions::shared(8192).map_anonymous().expect("memory")
}

/// The time of each call, in nanoseconds.
fn each(mut call: impl FnMut()) -> f64 {
    let begin = Instant::now();
    for _ in 0..COUNT {
        call();
    }
    begin.elapsed().as_secs_f64() * 1e9 / COUNT as f64
}

/// Nobody else is there.
fn alone() -> bool {
    pin(0);
    let (memory, region) = (memory(), Region::create(0).expect("a region"));
    let me = region.join().expect("a member");
    let mut met = true;

    let (plain, robust) = (glibc::mutex(Kind::Plain), glibc::mutex(Kind::Robust));
    let mutex: &Mutex<u64> = memory.object(0).expect("a mutex");
    met &= contest(
        "mutex: lock and unlock",
        &Demand::AtMost(0.7),
        vec![
            contestant("glibc", || {
                each(|| glibc!(pthread_mutex_lock(plain); pthread_mutex_unlock(plain)))
            }),
            contestant("rawipc", || {
                each(|| drop(mutex.lock(&me).expect("the lock")))
            }),
        ],
    );
    let by_thread: &rawipc::sync::robust::Mutex<u64> = memory.object(1024).expect("a mutex");
    // SAFETY: libc has the list; only this process has the memory, which stays.
    let thread = unsafe { rawipc::sync::robust::Thread::with_libc() }.expect("a list");
    met &= contest(
        "mutex of which the kernel knows: lock and unlock",
        &Demand::AtMost(0.6),
        vec![
            contestant("glibc, robust", || {
                each(|| glibc!(pthread_mutex_lock(robust); pthread_mutex_unlock(robust)))
            }),
            contestant("rawipc", || {
                each(|| drop(by_thread.lock(&thread).expect("the lock")))
            }),
        ],
    );

    let inheriting = glibc::mutex(Kind::PriorityInheritance);
    let with_inheritance: &rawipc::sync::robust::PiMutex<u64> =
        memory.object(1152).expect("a mutex");
    met &= contest(
        "mutex with priority inheritance: lock and unlock",
        &Demand::None,
        vec![
            contestant("glibc, priority inheritance", || {
                each(|| glibc!(pthread_mutex_lock(inheriting); pthread_mutex_unlock(inheriting)))
            }),
            contestant("rawipc", || {
                each(|| drop(with_inheritance.lock(&thread).expect("the lock")))
            }),
        ],
    );

    let theirs = glibc::rwlock();
    let lock: &RwLock<u64> = memory.object(4096).expect("a lock");
    met &= contest(
        "rwlock: read and release",
        &Demand::AtMost(0.8),
        vec![
            contestant("glibc", || {
                each(|| glibc!(pthread_rwlock_rdlock(theirs); pthread_rwlock_unlock(theirs)))
            }),
            contestant("rawipc", || {
                each(|| drop(lock.read(&me).expect("the lock")))
            }),
        ],
    );
    met &= contest(
        "rwlock: write and release",
        &Demand::None,
        vec![
            contestant("glibc", || {
                each(|| glibc!(pthread_rwlock_wrlock(theirs); pthread_rwlock_unlock(theirs)))
            }),
            contestant("rawipc", || {
                each(|| drop(lock.write(&me).expect("the lock")))
            }),
        ],
    );

    let seqlock: &SeqLock<u64> = memory.object(384).expect("a value");
    met &= contest(
        "seqlock: read, beside reading under a lock",
        &Demand::None,
        vec![
            contestant("glibc, rwlock", || {
                each(|| glibc!(pthread_rwlock_rdlock(theirs); pthread_rwlock_unlock(theirs)))
            }),
            contestant("rawipc", || {
                each(|| assert_eq!(black_box(seqlock).read(), 0))
            }),
            contestant("rawipc, rwlock", || {
                each(|| assert_eq!(lock.read(&me).expect("the lock").get(), 0))
            }),
        ],
    );

    let theirs = glibc::condvar();
    let condvar: &Condvar = memory.object(128).expect("a condition variable");
    met &= contest(
        "condition variable: notify where nobody waits",
        &Demand::AtMost(0.3),
        vec![
            contestant("glibc", || each(|| glibc!(pthread_cond_signal(theirs)))),
            contestant("rawipc", || each(|| black_box(condvar).notify_one())),
        ],
    );

    let theirs = glibc::semaphore();
    let semaphore: &Semaphore = memory.object(192).expect("a semaphore");
    let handing: &HandOverSemaphore = memory.object(2048).expect("a semaphore");
    let event: &AutoResetEvent = memory.object(256).expect("an event");
    met &= contest(
        "semaphore: post and wait",
        &Demand::AtMost(1.0),
        vec![
            contestant("glibc", || {
                each(|| glibc!(sem_post(theirs); sem_wait(theirs)))
            }),
            contestant("rawipc", || {
                each(|| {
                    semaphore.post().expect("room");
                    semaphore.wait().expect("a unit");
                })
            }),
            contestant("rawipc, handing over", || {
                each(|| {
                    handing.post().expect("room");
                    handing.wait().expect("a unit");
                })
            }),
            contestant("rawipc, event: set and wait", || {
                each(|| {
                    event.set();
                    event.wait().expect("a set");
                })
            }),
        ],
    );

    let cell: &OnceCell<u64> = memory.object(320).expect("a cell");
    cell.set(&me, &7).expect("none there");
    let there = std::sync::OnceLock::from(7_u64);
    met &= contest(
        "once: get what is there",
        &Demand::None,
        vec![
            contestant("std, one process", || {
                each(|| assert_eq!(black_box(&there).get(), Some(&7)))
            }),
            contestant("rawipc", || {
                each(|| assert_eq!(black_box(cell).get(), Some(7)))
            }),
        ],
    );
    met
}

/// Processes that all begin together; nanoseconds until the last one has ended, per operation of
/// `count` each.
fn processes(count: u64, number: usize, body: impl Fn()) -> f64 {
    let memory = memory();
    let [ready, go]: [&AtomicU32; 2] = [0, 128].map(|at| memory.object(at).expect("a word"));
    let begin_together = || {
        ready.fetch_add(1, Ordering::AcqRel);
        while go.load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
    };
    let children = each_of(number, |_| {
        begin_together();
        body();
    });
    while (ready.load(Ordering::Acquire) as usize) < number {
        std::thread::yield_now();
    }
    let begin = Instant::now();
    go.store(1, Ordering::Release);
    wait(&children);
    begin.elapsed().as_secs_f64() * 1e9 / (count * number as u64) as f64
}

/// How many processors there are for this program.
fn processors() -> usize {
    static COUNT: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    let count = || std::thread::available_parallelism().map_or(1, |count| count.get());
    *COUNT.get_or_init(count)
}

/// Processes, each bound to a processor.
fn each_of(number: usize, body: impl Fn(usize)) -> Vec<i32> {
    let processors = processors();
    let mut children = Vec::new();
    for index in 0..number {
        // SAFETY: this program has one thread, and the child leaves by `_exit`.
        let pid = unsafe { fork() };
        if pid == 0 {
            pin(index % processors);
            body(index);
            // SAFETY: ends the process.
            unsafe { libc::_exit(0) };
        }
        children.push(pid);
    }
    children
}

fn wait(children: &[i32]) {
    for &pid in children {
        let mut status = 0;
        // SAFETY: our child, once.
        unsafe { libc::waitpid(pid, &raw mut status, 0) };
        assert_eq!(status, 0, "a process failed");
    }
}

fn together() -> bool {
    let (memory, region) = (memory(), Region::create(0).expect("a region"));
    let theirs = glibc::rwlock();
    let lock: &RwLock<u64> = memory.object(4096).expect("a lock");
    let mut met = contest(
        "rwlock: four processes read",
        &Demand::AtLeast(2.0),
        vec![
            contestant("glibc", || {
                processes(COUNT / 4, 4, || {
                    for _ in 0..COUNT / 4 {
                        glibc!(pthread_rwlock_rdlock(theirs); pthread_rwlock_unlock(theirs));
                    }
                })
            }),
            contestant("rawipc", || {
                processes(COUNT / 4, 4, || {
                    let me = region.join().expect("a member");
                    for _ in 0..COUNT / 4 {
                        drop(lock.read(&me).expect("the lock"));
                    }
                })
            }),
        ],
    );

    let words = self::memory();
    let [one, two]: [&AtomicU32; 2] = [0, 128].map(|at| words.object(at).expect("a word"));
    let [first, second]: [&AutoResetEvent; 2] =
        [256, 384].map(|at| words.object(at).expect("an event"));
    met &= contest(
        "event: there and back, both sleep",
        &Demand::AtMost(1.05),
        vec![
            contestant("futex", || {
                let take = |word: &AtomicU32| {
                    while word.swap(0, Ordering::Acquire) == 0 {
                        let _ = futex::wait(word, 0, Scope::Shared);
                    }
                };
                let give = |word: &AtomicU32| {
                    word.store(1, Ordering::Release);
                    let _ = futex::wake(word, 1, Scope::Shared);
                };
                round_trips(|| (take(one), give(two)), || (give(one), take(two)))
            }),
            contestant("rawipc", || {
                let take = |event: &AutoResetEvent| event.wait().expect("a set");
                round_trips(
                    || (take(first), second.set()),
                    || (first.set(), take(second)),
                )
            }),
        ],
    );
    met
}

fn round_trips<T>(theirs: impl Fn() -> T, ours: impl Fn() -> T) -> f64 {
    two_processes(
        ROUND_TRIPS,
        || (0..ROUND_TRIPS).for_each(|_| drop(theirs())),
        || (0..ROUND_TRIPS).for_each(|_| drop(ours())),
    )
}

/// How long one waits for the lock among three who take it again and again.
fn waits(name: &str, crowd: impl Fn(&Member), one: impl Fn(&Member)) {
    const CROWD: usize = 3;
    let (memory, region) = (memory(), Region::create(0).expect("a region"));
    let [ready, over]: [&AtomicU32; 2] = [0, 128].map(|at| memory.object(at).expect("a word"));
    let children = each_of(CROWD, |_| {
        let me = region.join().expect("a member");
        ready.fetch_add(1, Ordering::AcqRel);
        while over.load(Ordering::Relaxed) == 0 {
            crowd(&me);
        }
    });
    pin(0);
    let me = region.join().expect("a member");
    while (ready.load(Ordering::Acquire) as usize) < CROWD {
        std::thread::yield_now();
    }
    let mut times = Vec::new();
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        let begin = Instant::now();
        one(&me);
        times.push(begin.elapsed());
    }
    over.store(1, Ordering::Relaxed);
    wait(&children);
    times.sort();
    let of = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "  {name:<44} {:>8} times: half within {:>9.1?}, 99 % {:>9.1?}, all {:>9.1?}",
        times.len(),
        of(0.5),
        of(0.99),
        of(1.0),
    );
}

fn starve<P: Preference>(who: &str) {
    let memory = memory();
    let lock: &RwLock<u64, P> = memory.object(0).expect("a lock");
    let read = |me: &Member| {
        black_box(lock.read(me).expect("the lock").get());
    };
    let write = |me: &Member| {
        let mut guard = lock.write(me).expect("the lock");
        guard.update(|value| *value += 1);
    };
    waits(&format!("{who}: a writer among readers"), read, write);
    waits(&format!("{who}: a reader among writers"), write, read);
}

fn main() {
    // Before this process is bound to one of them.
    processors();
    let mut met = alone() & together();
    let starved = std::env::args().any(|word| "starve".contains(&word) && word.len() > 4);
    if starved || std::env::args().skip(1).all(|word| word.starts_with('-')) {
        println!("\nstarve: how long one waits among three who take the lock again and again");
        starve::<PreferWriters>("writers preferred");
        starve::<PreferReaders>("readers preferred");
        let memory = memory();
        let mutex: &Mutex<u64> = memory.object(0).expect("a mutex");
        let lock = |me: &Member| {
            mutex
                .lock(me)
                .expect("the lock")
                .update(|value| *value += 1)
        };
        waits("mutex: one among three", lock, lock);
    }
    if std::env::args().any(|word| word == "fairness") {
        fairness::run();
    }
    if std::env::args().any(|word| word == "recovery") {
        met &= recovery::run();
    }
    std::process::exit(i32::from(!met));
}
