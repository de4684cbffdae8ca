//! Measures fairness: the share of each of several processes that want a lock or a unit all the time, and
//! the longest wait.

use core::hint::black_box;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use std::time::Instant;

use rawipc::members::{Member, Region};
use rawipc::sync::robust::{self, PiMutex, Thread};
use rawipc::sync::{
    HandOverSemaphore, Mutex, PreferReaders, PreferWriters, Preference, RwLock, Semaphore,
};

use crate::glibc::{self, Kind, glibc};
use crate::{each_of, memory, wait};

/// How long each contest takes.
const TIME: Duration = Duration::from_millis(900);

/// For how long a lock or a unit is kept where it is kept for long.
const LONG: Duration = Duration::from_micros(20);

/// The numbers of one process: how often it had its turn, the longest wait in nanoseconds, how often
/// it slept.
const NUMBERS: usize = 3;

/// Words of two lines, for nobody else's.
const STRIDE: usize = 16;

/// One process's turn, again and again: returns when it had what it waited for.
type Turn<'a> = Box<dyn FnMut() -> Instant + 'a>;

/// A turn: takes, keeps it for so long, gives back.
fn turn<'a, T>(
    work: Duration,
    mut take: impl FnMut() -> T + 'a,
    mut give: impl FnMut(T) + 'a,
) -> Turn<'a> {
    Box::new(move || {
        let taken = take();
        let now = Instant::now();
        while now.elapsed() < work {
            core::hint::spin_loop();
        }
        give(taken);
        now
    })
}

/// How often this process has slept.
fn sleeps() -> u64 {
    // SAFETY: all zeros are a value.
    let mut usage: libc::rusage = unsafe { core::mem::zeroed() };
    // SAFETY: it is borrowed for the call.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    usage.ru_nvcsw.cast_unsigned()
}

/// Prints how processes share what they want all the time. Each of the groups says how many processes,
/// and what they are called.
fn share<'a>(name: &str, groups: &[(usize, &str)], turn_of: impl Fn(usize) -> Turn<'a>) {
    let count = groups.iter().map(|(count, _)| count).sum();
    let memory = memory();
    let [ready, go, over]: [&AtomicU32; 3] =
        [0, 128, 256].map(|at| memory.object(at).expect("a word"));
    let words: &[AtomicU64] = memory.objects(1024, STRIDE * count).expect("words");
    let numbers = |index: usize| &words[STRIDE * index..][..NUMBERS];
    let children = each_of(count, |index| {
        let mut turn = turn_of(index);
        ready.fetch_add(1, Ordering::AcqRel);
        while go.load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
        let (mut times, mut longest, before) = (0_u64, Duration::ZERO, sleeps());
        while over.load(Ordering::Relaxed) == 0 {
            let begin = Instant::now();
            longest = longest.max(turn() - begin);
            times += 1;
        }
        let all = [times, longest.as_nanos() as u64, sleeps() - before];
        for (word, number) in numbers(index).iter().zip(all) {
            word.store(number, Ordering::Relaxed);
        }
    });
    while (ready.load(Ordering::Acquire) as usize) < count {
        std::thread::yield_now();
    }
    go.store(1, Ordering::Release);
    std::thread::sleep(TIME);
    over.store(1, Ordering::Relaxed);
    wait(&children);

    let number = |index: usize, which: usize| numbers(index)[which].load(Ordering::Relaxed);
    let sum = |which| (0..count).map(|index| number(index, which)).sum::<u64>();
    let all = sum(0).max(1) as f64;
    let slept = sum(2) as f64 / all;
    println!(
        "  {name}: {:.0} k/s, {slept:.2} sleeps a turn",
        all / TIME.as_secs_f64() / 1e3
    );
    let mut first = 0;
    for &(size, who) in groups {
        let each = |which| (first..first + size).map(move |index| number(index, which));
        let percent = |times: Option<u64>| times.unwrap_or(0) as f64 / all * 100.0;
        println!(
            "    {size:>2} {who:<10} share of each {:>6.2} % to {:>6.2} %, longest wait {:>9.1?}",
            percent(each(0).min()),
            percent(each(0).max()),
            Duration::from_nanos(each(1).max().unwrap_or(0)),
        );
        first += size;
    }
}

fn mutexes(work: Duration, how: &str) {
    const GROUPS: &[(usize, &str)] = &[(4, "processes")];
    let (memory, region) = (memory(), Region::create(0).expect("a region"));
    let mutex: &Mutex<u64> = memory.object(0).expect("a mutex");
    share(&format!("mutex by member, {how}"), GROUPS, |_| {
        let me = region.join().expect("a member");
        Box::new(move || held(work, || mutex.lock(&me).expect("the lock")))
    });
    let mutex: &robust::Mutex<u64> = memory.object(512).expect("a mutex");
    share(&format!("mutex by thread, {how}"), GROUPS, |_| {
        // SAFETY: libc has the list; only these processes have the memory, which stays.
        let me = unsafe { Thread::with_libc() }.expect("a list");
        Box::new(move || held(work, || mutex.lock(&me).expect("the lock")))
    });
    let mutex: &PiMutex<u64> = memory.object(1024).expect("a mutex");
    share(
        &format!("mutex with priority inheritance, {how}"),
        GROUPS,
        |_| {
            // SAFETY: as above.
            let me = unsafe { Thread::with_libc() }.expect("a list");
            Box::new(move || held(work, || mutex.lock(&me).expect("the lock")))
        },
    );
    let theirs = glibc::mutex(Kind::Plain);
    share(&format!("glibc's mutex, {how}"), GROUPS, |_| {
        turn(
            work,
            || glibc!(pthread_mutex_lock(theirs)),
            |()| glibc!(pthread_mutex_unlock(theirs)),
        )
    });
}

/// A turn with a guard.
fn held<G>(work: Duration, lock: impl FnOnce() -> G) -> Instant {
    let guard = lock();
    let now = Instant::now();
    while now.elapsed() < work {
        core::hint::spin_loop();
    }
    drop(black_box(guard));
    now
}

fn semaphores(processes: usize, units: u32, work: Duration, how: &str) {
    let groups = [(processes, "processes")];
    let memory = memory();
    let semaphore: &Semaphore = memory.object(0).expect("a semaphore");
    semaphore.post_many(units).expect("room");
    share(&format!("Semaphore, {how}"), &groups, |_| {
        turn(
            work,
            || semaphore.wait().expect("a unit"),
            |()| semaphore.post().expect("room"),
        )
    });
    let semaphore: &HandOverSemaphore = memory.object(512).expect("a semaphore");
    semaphore.post_many(units).expect("room");
    share(&format!("HandOverSemaphore, {how}"), &groups, |_| {
        turn(
            work,
            || semaphore.wait().expect("a unit"),
            |()| semaphore.post().expect("room"),
        )
    });
    let theirs = glibc::semaphore();
    (0..units).for_each(|_| glibc!(sem_post(theirs)));
    share(&format!("glibc's semaphore, {how}"), &groups, |_| {
        turn(
            work,
            || glibc!(sem_wait(theirs)),
            |()| glibc!(sem_post(theirs)),
        )
    });
}

fn rwlocks<P: Preference>(who: &str, readers: usize, writers: usize, work: Duration, how: &str) {
    let groups = [(readers, "readers"), (writers, "writers")];
    let (memory, region) = (memory(), Region::create(0).expect("a region"));
    let lock: &RwLock<u64, P> = memory.object(0).expect("a lock");
    share(&format!("{who} preferred, {how}"), &groups, |index| {
        let me: Member = region.join().expect("a member");
        match index < readers {
            true => Box::new(move || held(work, || lock.read(&me).expect("the lock"))),
            false => Box::new(move || held(work, || lock.write(&me).expect("the lock"))),
        }
    });
}

pub(crate) fn run() {
    println!("\nfairness: processes on two processors that want it all the time");
    mutexes(Duration::ZERO, "given back at once");
    mutexes(LONG, "kept for 20 us");
    for (readers, writers) in [(3, 1), (1, 3)] {
        for (work, how) in [(Duration::ZERO, "at once"), (LONG, "20 us")] {
            rwlocks::<PreferWriters>("writers", readers, writers, work, how);
            rwlocks::<PreferReaders>("readers", readers, writers, work, how);
        }
    }
    semaphores(4, 1, Duration::ZERO, "one unit, given back at once");
    semaphores(4, 1, LONG, "one unit, kept for 20 us");
    semaphores(16, 1, LONG, "one unit for sixteen, kept for 20 us");
}
