//! Locks and their kin of glibc, set up for several processes, in memory that they share.

#![allow(dead_code, reason = "each benchmark uses its part of this module")]

use core::mem::MaybeUninit;

use rawipc::memory::{MapOptions, Mapping};

/// Memory that stays until the program ends.
pub(crate) fn memory() -> *mut u8 {
    let memory = MapOptions::shared(4096).map_anonymous().expect("memory");
    core::mem::ManuallyDrop::<Mapping>::new(memory).as_ptr()
}

/// Calls functions of glibc, each of which succeeds.
macro_rules! glibc {
    ($($call:ident($($argument:expr),*));+) => {
        // SAFETY: each is given what it is for, which lies in memory that stays.
        unsafe { $(assert_eq!(libc::$call($($argument),*), 0, stringify!($call));)+ }
    };
}
pub(crate) use glibc;

/// The kinds of mutex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Robust,
    PriorityInheritance,
}

pub(crate) fn mutex(kind: Kind) -> *mut libc::pthread_mutex_t {
    let (mutex, mut how) = (memory().cast(), MaybeUninit::uninit());
    glibc! {
        pthread_mutexattr_init(how.as_mut_ptr());
        pthread_mutexattr_setpshared(how.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED)
    }
    match kind {
        Kind::Plain => {}
        Kind::Robust => glibc!(pthread_mutexattr_setrobust(
            how.as_mut_ptr(),
            libc::PTHREAD_MUTEX_ROBUST
        )),
        Kind::PriorityInheritance => glibc!(pthread_mutexattr_setprotocol(
            how.as_mut_ptr(),
            libc::PTHREAD_PRIO_INHERIT
        )),
    }
    glibc!(pthread_mutex_init(mutex, how.as_ptr()));
    mutex
}

pub(crate) fn rwlock() -> *mut libc::pthread_rwlock_t {
    let (lock, mut how) = (memory().cast(), MaybeUninit::uninit());
    glibc! {
        pthread_rwlockattr_init(how.as_mut_ptr());
        pthread_rwlockattr_setpshared(how.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED);
        pthread_rwlock_init(lock, how.as_ptr())
    }
    lock
}

pub(crate) fn condvar() -> *mut libc::pthread_cond_t {
    let (condvar, mut how) = (memory().cast(), MaybeUninit::uninit());
    glibc! {
        pthread_condattr_init(how.as_mut_ptr());
        pthread_condattr_setpshared(how.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED);
        pthread_cond_init(condvar, how.as_ptr())
    }
    condvar
}

pub(crate) fn semaphore() -> *mut libc::sem_t {
    let semaphore = memory().cast();
    glibc!(sem_init(semaphore, 1, 0));
    semaphore
}

pub(crate) fn barrier(parties: u32) -> *mut libc::pthread_barrier_t {
    let (barrier, mut how) = (memory().cast(), MaybeUninit::uninit());
    glibc! {
        pthread_barrierattr_init(how.as_mut_ptr());
        pthread_barrierattr_setpshared(how.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED);
        pthread_barrier_init(barrier, how.as_ptr(), parties)
    }
    barrier
}
