//! Locks and their kin beside those of glibc that processes share, and those of `parking_lot` and `std`,
//! which are for one process.

use core::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use rawipc::members::{Member, Region};
use rawipc::memory::{MapOptions, Mapping};
use rawipc::sync::futex::{self, Scope};
use rawipc::sync::robust::{self, PiMutex, Thread};
use rawipc::sync::{AutoResetEvent, Barrier, Condvar, HandOverSemaphore, Mutex, RwLock, Semaphore};

use crate::contest::{Contest, contest, own, peer};
use crate::glibc::{self, Kind, glibc};
use crate::many::processes;
use crate::nanoseconds;
use crate::support::{pin, two_processes, two_threads};

/// How often in one run: where nobody else is there, where others are, and where all sleep.
const ALONE: u64 = 1_000_000;
const TOGETHER: u64 = 1_000_000;
const SLEEPS: u64 = 3_000;

fn memory() -> Mapping {
    MapOptions::shared(8192).map_anonymous().expect("memory")
}

/// The calling thread, of whose locks the kernel knows.
fn thread() -> Thread {
    // SAFETY: libc has the list; only these processes have the memory, which stays.
    unsafe { Thread::with_libc() }.expect("a list")
}

fn member(region: &Region) -> Member {
    region.join().expect("a member")
}

/// Runs `call` as often as asked, on the first processor.
fn alone(mut call: impl FnMut()) -> f64 {
    pin(0);
    nanoseconds(ALONE, &mut call)
}

/// Nanoseconds an operation, of two processes that begin together, each of which does what `user` makes.
fn two<F: FnMut()>(user: impl Fn() -> F) -> f64 {
    let run = || {
        let mut call = user();
        (0..TOGETHER / 2).for_each(|_| call());
    };
    // As many of theirs run beside ours.
    two_processes(TOGETHER, run, run)
}

/// The same with two threads.
fn two_of_threads<F: FnMut()>(user: impl Fn() -> F + Sync) -> f64 {
    let run = || {
        let mut call = user();
        (0..TOGETHER / 2).for_each(|_| call());
    };
    two_threads(TOGETHER, run, run)
}

/// Adds one to a counter that the lock guards.
fn count(counter: &AtomicU32) {
    // Not one step: the lock keeps others away.
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

macro_rules! of_glibc {
    ($mutex:expr) => {
        || glibc!(pthread_mutex_lock($mutex); pthread_mutex_unlock($mutex))
    };
}

pub fn mutex_alone(rounds: usize) -> Contest {
    let (memory, region) = (memory(), Region::create(0).expect("a region"));
    let mutex: &Mutex<u64> = memory.object(0).expect("a mutex");
    let by_thread: &robust::Mutex<u64> = memory.object(512).expect("a mutex");
    let with_inheritance: &PiMutex<u64> = memory.object(1024).expect("a mutex");
    let (me, me_too) = (member(&region), thread());
    let [plain, robust, inheriting] =
        [Kind::Plain, Kind::Robust, Kind::PriorityInheritance].map(glibc::mutex);
    let parking = parking_lot::Mutex::new(0_u64);
    let std = std::sync::Mutex::new(0_u64);
    contest(
        "mutex, nobody else",
        0,
        rounds,
        vec![
            own("by member", || {
                alone(|| drop(mutex.lock(&me).expect("the lock")))
            }),
            own("by thread", || {
                alone(|| drop(by_thread.lock(&me_too).expect("the lock")))
            }),
            own("priority inheritance", || {
                alone(|| drop(with_inheritance.lock(&me_too).expect("the lock")))
            }),
            peer("glibc, shared", || alone(of_glibc!(plain))),
            peer("glibc, robust", || alone(of_glibc!(robust))),
            peer("glibc, priority inheritance", || {
                alone(of_glibc!(inheriting))
            }),
            peer("parking_lot (threads)", || {
                alone(|| drop(black_box(&parking).lock()))
            }),
            peer("std (threads)", || {
                alone(|| drop(black_box(&std).lock().expect("the lock")))
            }),
        ],
    )
}

pub fn mutex_of_two(rounds: usize) -> Contest {
    let (memory, region) = (memory(), Region::create(0).expect("a region"));
    let mutex: &Mutex<u64> = memory.object(0).expect("a mutex");
    let by_thread: &robust::Mutex<u64> = memory.object(512).expect("a mutex");
    let with_inheritance: &PiMutex<u64> = memory.object(768).expect("a mutex");
    let counter: &AtomicU32 = memory.object(1024).expect("a counter");
    let [plain, robust, inheriting] = [Kind::Plain, Kind::Robust, Kind::PriorityInheritance]
        .map(|kind| glibc::mutex(kind).addr());
    let theirs = |mutex: usize| {
        two(|| {
            let mutex: *mut libc::pthread_mutex_t = core::ptr::with_exposed_provenance_mut(mutex);
            move || {
                glibc!(pthread_mutex_lock(mutex));
                count(counter);
                glibc!(pthread_mutex_unlock(mutex));
            }
        })
    };
    let parking = parking_lot::Mutex::new(());
    let std = std::sync::Mutex::new(());
    let before = counter.load(Ordering::Relaxed);
    let contest = contest(
        "mutex, two who want it all the time",
        0,
        rounds,
        vec![
            own("by member", || {
                two(|| {
                    let me = member(&region);
                    move || {
                        let guard = mutex.lock(&me).expect("the lock");
                        count(counter);
                        drop(guard);
                    }
                })
            }),
            own("by thread", || {
                two(|| {
                    let me = thread();
                    move || {
                        let guard = by_thread.lock(&me).expect("the lock");
                        count(counter);
                        drop(guard);
                    }
                })
            }),
            own("priority inheritance", || {
                two(|| {
                    let me = thread();
                    move || {
                        let guard = with_inheritance.lock(&me).expect("the lock");
                        count(counter);
                        drop(guard);
                    }
                })
            }),
            peer("glibc, shared", || theirs(plain)),
            peer("glibc, robust", || theirs(robust)),
            peer("glibc, priority inheritance", || theirs(inheriting)),
            peer("parking_lot (threads)", || {
                two_of_threads(|| {
                    || {
                        let guard = parking.lock();
                        count(counter);
                        drop(guard);
                    }
                })
            }),
            peer("std (threads)", || {
                two_of_threads(|| {
                    || {
                        let guard = std.lock().expect("the lock");
                        count(counter);
                        drop(guard);
                    }
                })
            }),
        ],
    );
    let all = 8 * (rounds as u32 + 1) * TOGETHER as u32;
    assert_eq!(counter.load(Ordering::Relaxed), before.wrapping_add(all));
    contest
}

pub fn rwlock_alone(rounds: usize) -> Contest {
    let (memory, region) = (memory(), Region::create(0).expect("a region"));
    let lock: &RwLock<u64> = memory.object(0).expect("a lock");
    let me = member(&region);
    let theirs = glibc::rwlock();
    let parking = parking_lot::RwLock::new(0_u64);
    let std = std::sync::RwLock::new(0_u64);
    contest(
        "rwlock, one who reads",
        0,
        rounds,
        vec![
            own("by member", || {
                alone(|| drop(lock.read(&me).expect("the lock")))
            }),
            peer("glibc, shared", || {
                alone(|| glibc!(pthread_rwlock_rdlock(theirs); pthread_rwlock_unlock(theirs)))
            }),
            peer("parking_lot (threads)", || {
                alone(|| drop(black_box(&parking).read()))
            }),
            peer("std (threads)", || {
                alone(|| drop(black_box(&std).read().expect("the lock")))
            }),
        ],
    )
}

/// Nanoseconds an operation of four processes, on as many processors as there are.
fn four(user: impl Fn(&dyn Fn())) -> f64 {
    processes(4, |index, meet| {
        pin(index % 2);
        user(meet);
    }) / TOGETHER as f64
}

pub fn rwlock_of_four(rounds: usize) -> Contest {
    let (memory, region) = (memory(), Region::create(0).expect("a region"));
    let lock: &RwLock<u64> = memory.object(0).expect("a lock");
    let theirs = glibc::rwlock();
    contest(
        "rwlock, four processes that read",
        0,
        rounds,
        vec![
            own("by member", || {
                four(|meet| {
                    let me = member(&region);
                    meet();
                    for _ in 0..TOGETHER / 4 {
                        drop(lock.read(&me).expect("the lock"));
                    }
                })
            }),
            peer("glibc, shared", || {
                four(|meet| {
                    meet();
                    for _ in 0..TOGETHER / 4 {
                        glibc!(pthread_rwlock_rdlock(theirs); pthread_rwlock_unlock(theirs));
                    }
                })
            }),
        ],
    )
}

pub fn notify(rounds: usize) -> Contest {
    let memory = memory();
    let condvar: &Condvar = memory.object(0).expect("a condition variable");
    let theirs = glibc::condvar();
    let parking = parking_lot::Condvar::new();
    let std = std::sync::Condvar::new();
    contest(
        "condition variable, notified where nobody waits",
        0,
        rounds,
        vec![
            own("condvar", || alone(|| black_box(condvar).notify_one())),
            peer("glibc, shared", || {
                alone(|| glibc!(pthread_cond_signal(theirs)))
            }),
            peer("parking_lot (threads)", || {
                alone(|| {
                    black_box(&parking).notify_one();
                })
            }),
            peer("std (threads)", || alone(|| black_box(&std).notify_one())),
        ],
    )
}

/// Nanoseconds there and back, of two processes that sleep by turns.
fn turns(theirs: impl Fn(), ours: impl Fn()) -> f64 {
    two_processes(
        SLEEPS,
        || (0..SLEEPS).for_each(|_| theirs()),
        || (0..SLEEPS).for_each(|_| ours()),
    )
}

pub fn wake(rounds: usize) -> Contest {
    let (memory, region) = (memory(), Region::create(0).expect("a region"));
    let [one, two]: [&AtomicU32; 2] = [0, 128].map(|at| memory.object(at).expect("a word"));
    let [first, second]: [&AutoResetEvent; 2] =
        [256, 384].map(|at| memory.object(at).expect("an event"));
    let [there, back]: [&Semaphore; 2] =
        [512, 640].map(|at| memory.object(at).expect("a semaphore"));
    let mutex: &Mutex<u32> = memory.object(768).expect("a mutex");
    let condvar: &Condvar = memory.object(896).expect("a condition variable");
    let barrier: &Barrier<2> = memory.object(1024).expect("a barrier");
    let (their_mutex, their_condvar) = (glibc::mutex(Kind::Plain), glibc::condvar());
    let [their_there, their_back] = [(); 2].map(|()| glibc::semaphore());
    let their_barrier = glibc::barrier(2);
    let their_turn: &AtomicU32 = memory.object(2048).expect("a word");
    contest(
        "two processes that wake each other",
        0,
        rounds,
        vec![
            peer("futex", || {
                let take = |word: &AtomicU32| {
                    while word.swap(0, Ordering::Acquire) == 0 {
                        let _ = futex::wait(word, 0, Scope::Shared);
                    }
                };
                let give = |word: &AtomicU32| {
                    word.store(1, Ordering::Release);
                    let _ = futex::wake(word, 1, Scope::Shared);
                };
                turns(
                    || {
                        take(one);
                        give(two);
                    },
                    || {
                        give(one);
                        take(two);
                    },
                )
            }),
            own("event", || {
                let take = |event: &AutoResetEvent| event.wait().expect("a set");
                turns(
                    || {
                        take(first);
                        second.set();
                    },
                    || {
                        first.set();
                        take(second);
                    },
                )
            }),
            own("semaphore", || {
                turns(
                    || {
                        there.wait().expect("a unit");
                        back.post().expect("room");
                    },
                    || {
                        there.post().expect("room");
                        back.wait().expect("a unit");
                    },
                )
            }),
            peer("glibc, semaphore", || {
                turns(
                    || glibc!(sem_wait(their_there); sem_post(their_back)),
                    || glibc!(sem_post(their_there); sem_wait(their_back)),
                )
            }),
            own("condition variable", || {
                let turn = |me: &Member, mine: u32| {
                    let guard = mutex.lock(me).expect("the lock");
                    let mut guard =
                        (condvar.wait_while(guard, |turn| *turn != mine)).expect("the lock");
                    guard.set(&(1 - mine));
                    drop(guard);
                    condvar.notify_one();
                };
                let me = std::cell::OnceCell::new();
                turns(
                    || turn(me.get_or_init(|| member(&region)), 1),
                    || turn(me.get_or_init(|| member(&region)), 0),
                )
            }),
            peer("glibc, condition variable", || {
                let turn = |mine: u32| {
                    glibc!(pthread_mutex_lock(their_mutex));
                    while their_turn.load(Ordering::Relaxed) != mine {
                        glibc!(pthread_cond_wait(their_condvar, their_mutex));
                    }
                    their_turn.store(1 - mine, Ordering::Relaxed);
                    glibc!(pthread_mutex_unlock(their_mutex); pthread_cond_signal(their_condvar));
                };
                turns(|| turn(1), || turn(0))
            }),
            own("barrier", || {
                two_processes(
                    SLEEPS,
                    || meet_at(barrier, &region),
                    || meet_at(barrier, &region),
                )
            }),
            peer("glibc, barrier", || {
                let arrive = || {
                    // SAFETY: a barrier, which stays; one of two is told that it was the last.
                    unsafe { libc::pthread_barrier_wait(their_barrier) };
                };
                turns(arrive, arrive)
            }),
        ],
    )
}

fn meet_at(barrier: &Barrier<2>, region: &Region) {
    let me = member(region);
    let mut seat = barrier.join(&me).expect("a seat");
    for _ in 0..SLEEPS {
        seat.wait().expect("the other one");
    }
}

pub fn semaphore_alone(rounds: usize) -> Contest {
    let memory = memory();
    let semaphore: &Semaphore = memory.object(0).expect("a semaphore");
    let handing: &HandOverSemaphore = memory.object(256).expect("a semaphore");
    let event: &AutoResetEvent = memory.object(128).expect("an event");
    let theirs = glibc::semaphore();
    contest(
        "semaphore, posted and taken",
        0,
        rounds,
        vec![
            own("semaphore", || {
                alone(|| {
                    semaphore.post().expect("room");
                    semaphore.wait().expect("a unit");
                })
            }),
            own("semaphore that hands over", || {
                alone(|| {
                    handing.post().expect("room");
                    handing.wait().expect("a unit");
                })
            }),
            own("event", || {
                alone(|| {
                    event.set();
                    event.wait().expect("a set");
                })
            }),
            peer("glibc, shared", || {
                alone(|| glibc!(sem_post(theirs); sem_wait(theirs)))
            }),
        ],
    )
}
