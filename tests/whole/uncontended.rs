//! Nobody waits and nobody sleeps: then no system call is made.
//!
//! Shown by a filter (seccomp) under which a process dies of its first system call, but
//! for its exit.

use crate::support;

use core::mem::ManuallyDrop;

use rawipc::memory::MapOptions;
use rawipc::posix::semaphore::{Scope, Semaphore as Posix};
use rawipc::process::{self, State};
use rawipc::ring::spsc::{self, typed};
use rawipc::ring::{Spin, SpinThenFutex, Waiting};
use rawipc::seccomp::{self, Action, Filter, InstallFlags};
use rawipc::sync::Semaphore;
use rawipc::{Deadline, Signal};
use support::alone::{Half, alone, checked_child, end_of, leave_no_core};
use support::limit;

/// How often each is done: the rings are gone around many times.
const TIMES: u64 = 20_000;

/// From here on the thread may exit and say why, and nothing else.
fn forbid_calls() -> Half {
    let mut filter = Filter::<32>::new(Action::KillProcess);
    for allowed in [libc::SYS_exit_group, libc::SYS_write] {
        get!(filter.call(allowed as u32, Action::Allow));
    }
    get!(seccomp::set_no_new_privs());
    // SAFETY: what follows makes no call, or is to die of it.
    get!(unsafe { seccomp::install(&filter, InstallFlags::empty()) });
    Ok(())
}

/// How a child ends that runs `half`.
#[track_caller]
fn end(half: impl FnOnce() -> Half) -> State {
    end_of(checked_child(|| {
        leave_no_core();
        half()
    }))
}

#[track_caller]
fn holds(half: impl FnOnce() -> Half) {
    assert_eq!(end(half), State::Exited(0), "a signal: there was a call");
}

#[test]
fn who_makes_a_call_is_noticed() {
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
fn deadlines_make_none() {
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
fn waits_with_a_new_deadline_make_none() {
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
fn semaphores_make_none() {
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
                hold!(semaphore.try_wait());
                get!(semaphore.wait_until(deadline));
                get!(semaphore.wait_until(Deadline::NOW));
                hold!(!semaphore.try_wait());
            }
            Ok(())
        });
    });
}

#[test]
fn posix_semaphores_make_none() {
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

#[test]
fn records_make_none() {
    fn pass<W: Waiting>() {
        let ring = spsc::Ring::<W>::create(1 << 16).expect("a ring");
        let deadline = limit();
        holds(|| {
            // To be detached they would have to make calls.
            let mut producer = ManuallyDrop::new(get!(ring.producer()));
            let mut consumer = ManuallyDrop::new(get!(ring.consumer()));
            get!(forbid_calls());
            let mut buffer = [0; 256];
            for number in 0..TIMES {
                let record = &number.to_ne_bytes();
                get!(producer.send(record));
                get!(producer.try_send(record));
                get!(producer.send_until(&buffer, deadline));
                hold!(consumer.recv(&mut buffer) == Ok(8));
                hold!(consumer.try_recv(&mut buffer) == Ok(8));
                hold!(buffer[..8] == *record);
                hold!(consumer.recv_until(&mut buffer, deadline) == Ok(256));

                let mut reservation = get!(producer.reserve(8));
                get!(reservation.write(record));
                get!(reservation.commit());
                let record = get!(consumer.peek());
                get!(record.read_at(0, &mut buffer[..8]));
                get!(record.release());
                hold!(buffer[..8] == number.to_ne_bytes());
            }
            Ok(())
        });
        holds(|| {
            let mut producer = ManuallyDrop::new(get!(ring.producer()));
            let mut consumer = ManuallyDrop::new(get!(ring.consumer()));
            get!(forbid_calls());
            let mut buffer = [0; 256];
            for _ in 0..TIMES {
                let mut batch = producer.batch();
                get!(batch.send(b"one"));
                get!(batch.send(b"three"));
                get!(batch.commit());
                let mut batch = consumer.batch();
                hold!(batch.recv(&mut buffer) == Ok(3));
                hold!(batch.recv(&mut buffer) == Ok(5));
                get!(batch.release());

                hold!(producer.as_bytes().write(&buffer) == Ok(256));
                hold!(consumer.as_bytes().read(&mut buffer) == Ok(256));
            }
            Ok(())
        });
    }
    alone(test_name!(), || {
        pass::<Spin>();
        pass::<SpinThenFutex>();
    });
}

#[test]
fn items_make_none() {
    fn pass<const N: usize, W: Waiting>() {
        let ring = typed::Ring::<[u8; N], W>::create(512).expect("a ring");
        let deadline = limit();
        holds(|| {
            let mut producer = ManuallyDrop::new(get!(ring.producer()));
            let mut consumer = ManuallyDrop::new(get!(ring.consumer()));
            get!(forbid_calls());
            let mut items = [[0; N]; 3];
            for number in 0..TIMES {
                let item = [number as u8; N];
                get!(producer.push(&item));
                get!(producer.try_push(&item));
                get!(producer.push_until(&item, deadline));
                hold!(producer.push_slice(&items) == Ok(3));
                hold!(consumer.pop() == Ok(item));
                hold!(consumer.try_pop() == Ok(item));
                hold!(consumer.pop_until(deadline) == Ok(item));
                hold!(consumer.pop_slice(&mut items) == Ok(3));
            }
            Ok(())
        });
    }
    alone(test_name!(), || {
        // Beside the word, and not.
        pass::<8, Spin>();
        pass::<64, Spin>();
        pass::<8, SpinThenFutex>();
        pass::<64, SpinThenFutex>();
    });
}

#[test]
fn what_there_is_not_is_said_without_a_call() {
    alone(test_name!(), || {
        let ring = spsc::Ring::<SpinThenFutex>::create(4096).expect("a ring");
        holds(|| {
            let mut producer = ManuallyDrop::new(get!(ring.producer()));
            let mut consumer = ManuallyDrop::new(get!(ring.consumer()));
            get!(forbid_calls());
            let mut buffer = [0; 256];
            for _ in 0..1000 {
                hold!(consumer.try_recv(&mut buffer).is_err());
                while producer.try_send(&buffer).is_ok() {}
                while consumer.try_recv(&mut buffer).is_ok() {}
            }
            Ok(())
        });
    });
}
