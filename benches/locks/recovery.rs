//! Measures how long those who sleep wait after a death before they go on.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use std::time::Instant;

use rawipc::members::{Member, Region};
use rawipc::memory::Mapping;
use rawipc::sync::robust::{self, Thread};
use rawipc::sync::{
    Barrier, Condvar, LockError, Mutex, Once, PreferReaders, RwLock, SeqLock, WaitGroup,
};
use rawipc::{Errno, Result};

use crate::glibc::{self, Kind, glibc};
use crate::{memory, pin};

/// How many deaths in a row.
const DEATHS: usize = 12;

/// The longest wait that is allowed where nothing else runs.
const DEMAND: Duration = Duration::from_millis(200);

/// For so long the survivor has slept when the other one is killed: little of what passes before it looks
/// again.
const ASLEEP: Duration = Duration::from_millis(5);

/// A child on this processor; it ends by `_exit`.
fn child(body: impl FnOnce() -> bool) -> i32 {
    // SAFETY: this program has one thread, and the child leaves by `_exit`.
    let pid = unsafe { crate::fork() };
    if pid == 0 {
        pin(1 % crate::processors());
        let failed = i32::from(!body());
        // SAFETY: ends the process.
        unsafe { libc::_exit(failed) };
    }
    pid
}

/// Waits for the end of a child, and returns its status.
fn end(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: our child, once.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    status
}

/// Nanoseconds of a clock that all processes see.
fn now() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: it is borrowed for the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// The memory and the region that the processes of one contest share.
struct World {
    memory: Mapping,
    region: Region,
}

impl World {
    fn me(&self) -> Member {
        self.region.join().expect("a member")
    }

    fn at<T: rawipc::memory::Shared>(&self, offset: usize) -> &T {
        self.memory.object(offset).expect("an object")
    }
}

/// Prints how long after the death of `victim`, which stays where it is, `survivor` goes on. It returns
/// whether it was told what it should be.
fn after_death<V>(
    name: &str,
    victim: impl Fn(&World, &dyn Fn()) -> V,
    survivor: impl Fn(&World) -> bool,
) -> bool {
    let mut times = Vec::new();
    for _ in 0..DEATHS {
        let world = World {
            memory: memory(),
            region: Region::create(0).expect("a region"),
        };
        let (ready, went_on): (&AtomicU32, &AtomicU64) = (world.at(4096), world.at(4224));
        let dying = child(|| {
            victim(&world, &|| {
                ready.store(1, Ordering::Release);
                loop {
                    // SAFETY: it only waits.
                    unsafe { libc::pause() };
                }
            });
            false
        });
        while ready.load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
        let living = child(|| {
            let told = survivor(&world);
            went_on.store(now(), Ordering::Release);
            told
        });
        let begin = Instant::now();
        while begin.elapsed() < ASLEEP {
            std::thread::sleep(Duration::from_millis(1));
        }
        let killed = now();
        // SAFETY: our own child.
        unsafe { libc::kill(dying, libc::SIGKILL) };
        end(dying);
        assert_eq!(end(living), 0, "{name}: not told as it should be");
        let after = went_on.load(Ordering::Acquire).saturating_sub(killed);
        times.push(Duration::from_nanos(after));
    }
    times.sort();
    let (half, all) = (times[times.len() / 2], times[times.len() - 1]);
    let met = all <= DEMAND;
    println!(
        "  {name:<46} half within {half:>8.1?}, all within {all:>8.1?}{}",
        if met { "" } else { ", MISSED" }
    );
    met
}

fn is_told<T>(how: core::result::Result<T, LockError<T>>) -> bool {
    matches!(how, Err(LockError::OwnerDied(_)))
}

/// Like [`is_told`], of what all are told as an error.
fn is_dead<T>(how: Result<T>) -> bool {
    matches!(how, Err(Errno::OWNERDEAD))
}

fn libc_thread() -> Thread {
    // SAFETY: libc has the list; only these processes have the memory, which stays.
    unsafe { Thread::with_libc() }.expect("a list")
}

pub(crate) fn run() -> bool {
    println!("\nrecovery: who sleeps when the other one is killed goes on (asked for: 200 ms)");
    let mut met = after_death(
        "mutex by member: its holder",
        |world, ready| {
            let me = world.me();
            let _guard = world.at::<Mutex<u64>>(0).lock(&me).expect("the lock");
            ready();
        },
        |world| is_told(world.at::<Mutex<u64>>(0).lock(&world.me())),
    );
    met &= after_death(
        "mutex by thread: its holder",
        |world, ready| {
            let me = libc_thread();
            let mutex = world.at::<robust::Mutex<u64>>(0);
            let _guard = mutex.lock(&me).expect("the lock");
            ready();
        },
        |world| is_told(world.at::<robust::Mutex<u64>>(0).lock(&libc_thread())),
    );
    met &= after_death(
        "mutex with priority inheritance: its holder",
        |world, ready| {
            let me = libc_thread();
            let mutex = world.at::<robust::PiMutex<u64>>(0);
            let _guard = mutex.lock(&me).expect("the lock");
            ready();
        },
        |world| is_told(world.at::<robust::PiMutex<u64>>(0).lock(&libc_thread())),
    );
    let theirs = glibc::mutex(Kind::Robust);
    met &= after_death(
        "glibc's robust mutex: its holder",
        |_, ready| {
            // SAFETY: a mutex in memory that stays.
            unsafe { libc::pthread_mutex_lock(theirs) };
            ready();
        },
        |_| {
            // SAFETY: as above.
            let told = unsafe { libc::pthread_mutex_lock(theirs) } == libc::EOWNERDEAD;
            // SAFETY: as above.
            unsafe { libc::pthread_mutex_consistent(theirs) };
            glibc!(pthread_mutex_unlock(theirs));
            told
        },
    );
    type Lock = RwLock<u64, PreferReaders>;
    met &= after_death(
        "lock for readers and a writer: its writer",
        |world, ready| {
            let me = world.me();
            let _guard = world.at::<Lock>(0).write(&me).expect("the lock");
            ready();
        },
        |world| world.at::<Lock>(0).read(&world.me()).is_err(),
    );
    met &= after_death(
        "lock for readers and a writer: a reader",
        |world, ready| {
            let me = world.me();
            let _guard = world.at::<Lock>(0).read(&me).expect("the lock");
            ready();
        },
        |world| world.at::<Lock>(0).write(&world.me()).is_ok(),
    );
    met &= after_death(
        "SeqLock: its writer",
        |world, ready| {
            let me = world.me();
            let _guard = world.at::<SeqLock<u64>>(0).write(&me).expect("the lock");
            ready();
        },
        |world| world.at::<SeqLock<u64>>(0).write(&world.me()).is_ok(),
    );
    met &= after_death(
        "Condvar: who was to notify",
        |_, ready| ready(),
        |world| {
            let me = world.me();
            let guard = world.at::<Mutex<u64>>(0).lock(&me).expect("the lock");
            world.at::<Condvar>(64).wait(guard).is_ok()
        },
    );
    met &= after_death(
        "Once: who had begun",
        |world, ready| {
            let me = world.me();
            let _run = world.at::<Once>(0).begin(&me).expect("the run");
            ready();
        },
        |world| {
            let me = world.me();
            let run = world.at::<Once>(0).begin(&me);
            matches!(run, Ok(Some(run)) if run.is_after_death())
        },
    );
    met &= after_death(
        "Barrier: one who has not come",
        |world, ready| {
            let me = world.me();
            let _seat = world.at::<Barrier<2>>(0).join(&me).expect("a seat");
            ready();
        },
        |world| {
            let me = world.me();
            let mut seat = world.at::<Barrier<2>>(0).join(&me).expect("a seat");
            is_dead(seat.wait())
        },
    );
    met &= after_death(
        "WaitGroup: one who was in it",
        |world, ready| {
            let me = world.me();
            let _entry = world.at::<WaitGroup<4>>(0).enter(&me).expect("a place");
            ready();
        },
        |world| world.at::<WaitGroup<4>>(0).wait(&world.me()).is_err(),
    );
    met
}
