//! Nobody waits and nobody sleeps: then no system call is made.
//!
//! Shown by a filter (seccomp) under which a process dies of its first system call, but
//! for its exit.

use crate::support;

use core::mem::ManuallyDrop;

use rawipc::memory::MapOptions;
use rawipc::posix::semaphore::{Scope, Semaphore as Posix};
use rawipc::process::{self, State};
use rawipc::ring::{SpinThenFutex, spsc};
use rawipc::sync::Semaphore;
use rawipc::{Deadline, Signal};
use support::alone::alone;
use support::limit;
use support::uncontended::{TIMES, end, forbid_calls, holds};

#[test]
fn system_call_under_filter_is_noticed() {
    alone(test_name!(), || {
        let end = end(|| {
            get!(forbid_calls());
            let _ = process::parent_id();
            Ok(())
        });
        assert!(
            matches!(end, State::Signalled { signal, .. } if signal == Signal::SYS),
            "{end:?}"
        );
    });
}

/// Whether programs can read the clock without the kernel here: under a filter too, a libc
/// does.
fn clock_is_mapped() -> bool {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel, or the vDSO, writes one timespec.
    let mut look = || unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    look();
    let end = end(|| {
        get!(forbid_calls());
        hold!(look() == 0);
        Ok(())
    });
    end == State::Exited(0)
}

#[test]
fn deadlines_make_no_system_call() {
    alone(test_name!(), || {
        if !clock_is_mapped() {
            skipped!("this machine's clock can only be read by the kernel");
            return;
        }
        // The first of a process finds out how.
        let first = limit();
        holds(|| {
            get!(forbid_calls());
            for _ in 0..1_000_000 {
                let deadline = limit();
                hold!(!deadline.has_passed() && deadline.remaining().is_some());
                hold!(deadline.min(first) == first);
            }
            Ok(())
        });
    });
}

#[test]
fn waits_with_new_deadline_make_no_system_call() {
    alone(test_name!(), || {
        if !clock_is_mapped() {
            skipped!("this machine's clock can only be read by the kernel");
            return;
        }
        let memory = MapOptions::shared(4096).map_anonymous().expect("memory");
        let semaphore = memory.object::<Semaphore>(0).expect("room");
        let posix = memory.object::<Posix>(64).expect("room");
        posix.initialize(0, Scope::Processes).expect("a value");
        let ring = spsc::Ring::<SpinThenFutex>::create(1 << 16).expect("a ring");
        let _first = limit();
        holds(|| {
            let mut producer = ManuallyDrop::new(get!(ring.producer()));
            let mut consumer = ManuallyDrop::new(get!(ring.consumer()));
            get!(forbid_calls());
            for _ in 0..TIMES {
                get!(semaphore.post());
                get!(semaphore.wait_until(limit()));
                get!(posix.post());
                get!(posix.wait_until(limit()));
                get!(producer.send_until(b"record", limit()));
                hold!(get!(consumer.recv_until(&mut [0; 8], limit())) == 6);
            }
            Ok(())
        });
    });
}

#[test]
fn semaphores_make_no_system_call() {
    alone(test_name!(), || {
        let memory = MapOptions::shared(4096).map_anonymous().expect("memory");
        let semaphore = memory.object::<Semaphore>(0).expect("room");
        let deadline = limit();
        holds(|| {
            get!(forbid_calls());
            for _ in 0..TIMES {
                get!(semaphore.post());
                get!(semaphore.wait());
                get!(semaphore.post_many(3));
                get!(semaphore.try_wait());
                get!(semaphore.wait_until(deadline));
                get!(semaphore.wait_until(Deadline::NOW));
                hold!(semaphore.try_wait().is_err());
            }
            Ok(())
        });
    });
}

#[test]
fn posix_semaphores_make_no_system_call() {
    alone(test_name!(), || {
        let memory = MapOptions::shared(4096).map_anonymous().expect("memory");
        let semaphore = memory.object::<Posix>(0).expect("room");
        semaphore.initialize(0, Scope::Processes).expect("a value");
        let deadline = limit();
        holds(|| {
            get!(forbid_calls());
            for _ in 0..TIMES {
                get!(semaphore.post());
                get!(semaphore.wait());
                get!(semaphore.post());
                get!(semaphore.try_wait());
                get!(semaphore.post());
                get!(semaphore.wait_until(deadline));
                hold!(semaphore.try_wait().is_err());
            }
            Ok(())
        });
    });
}
