//! System V semaphore sets: every operation, flag and refusal, alone, raced for and
//! past the death of those who hold them.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::num::NonZero;
use core::time::Duration;
use std::time::Instant;

use rawipc::sysv::semaphore::{self, MAX, Operation, OperationFlags, Set};
use rawipc::sysv::{Access, Create, Key};
use rawipc::{Deadline, Errno, Mode};

use support::system_v::{Temporary, as_another_user, fresh_key, kernel_number};
use support::{Child, Choices, End, LIMIT, LeakCheck, Peer, PeerArgs, limit, storm};

/// Long enough to see that something blocks.
const SHORT: Duration = Duration::from_millis(100);

fn set_of(values: &[u16]) -> Temporary<Set> {
    let set = Temporary(semaphore::create(Key::PRIVATE, values.len(), Create::NEW).unwrap());
    set.set_values(values).unwrap();
    set
}

fn change(semaphore: u16, by: i16) -> Operation {
    Operation::change(semaphore, NonZero::new(by).unwrap())
}

fn values(set: &Set) -> Vec<u16> {
    set.values(&mut [0; 600]).unwrap().to_vec()
}

/// An exit status.
fn code(result: rawipc::Result<()>) -> i32 {
    result.map_or_else(|errno| errno.raw_os_error(), |()| 0)
}

fn failed(errno: Errno) -> End {
    End::Exited(errno.raw_os_error())
}

/// Waits until so many threads wait for the semaphore: for more, and for zero.
fn await_waiters(set: &Set, semaphore: u16, more: u32, zero: u32) {
    let begin = Instant::now();
    let waiters = || {
        (
            set.increase_waiters(semaphore).unwrap(),
            set.zero_waiters(semaphore).unwrap(),
        )
    };
    while waiters() != (more, zero) {
        assert!(begin.elapsed() < LIMIT, "{:?} wait", waiters());
        std::thread::yield_now();
    }
}

#[test]
fn operations_are_performed_all_or_none() {
    let _check = LeakCheck::begin();
    let set = set_of(&[2, 0, 5]);
    set.operate(&[
        Operation::decrement(0),
        Operation::increment(1),
        change(2, -5),
    ])
    .unwrap();
    assert_eq!(values(&set), [1, 1, 0]);

    let too_much = [
        Operation::increment(0),
        Operation::decrement(1),
        Operation::decrement(2),
    ];
    assert_eq!(set.try_operate(&too_much), Err(Errno::AGAIN));
    assert_eq!(
        set.operate_until(&too_much, Deadline::NOW),
        Err(Errno::TIMEDOUT)
    );
    assert_eq!(values(&set), [1, 1, 0]);

    // In order: what one gives the next may take, on the same semaphore too.
    set.operate(&[
        change(2, 7),
        change(2, -7),
        Operation::wait_zero(2),
        Operation::increment(2),
    ])
    .unwrap();
    set.try_operate(&[Operation::decrement(2), Operation::wait_zero(2)])
        .unwrap();
    assert_eq!(
        set.try_operate(&[Operation::wait_zero(1)]),
        Err(Errno::AGAIN)
    );
    assert_eq!(
        set.try_operate(&[Operation::wait_zero(0), Operation::decrement(0)]),
        Err(Errno::AGAIN)
    );
    assert_eq!(values(&set), [1, 1, 0]);
    assert_eq!(
        format!("{:?}", change(3, -2).undo()),
        "Operation { semaphore: 3, change: -2, flags: OperationFlags(UNDO) }"
    );
}

#[test]
fn operations_beyond_system_limit_are_refused() {
    let _check = LeakCheck::begin();
    let most = semaphore::limits().unwrap().operations;
    let set = set_of(&vec![1; most]);
    let all: Vec<_> = (0..most as u16).map(Operation::decrement).collect();
    for count in [1, 31, 32, 33, most] {
        set.try_operate(&all[..count]).unwrap();
        assert_eq!(set.try_operate(&all[..count]), Err(Errno::AGAIN), "{count}");
        assert_eq!(
            set.operate_until(&all[..count], Deadline::NOW),
            Err(Errno::TIMEDOUT)
        );
        let taken = values(&set);
        assert!(
            taken
                .iter()
                .enumerate()
                .all(|(at, &value)| value == u16::from(at >= count))
        );
        set.set_values(&vec![1; most]).unwrap();
    }
    let too_many = vec![Operation::increment(0); most + 1];
    assert_eq!(set.operate(&too_many), Err(Errno::TOOBIG));
    assert_eq!(set.try_operate(&too_many), Err(Errno::TOOBIG));
    assert_eq!(set.operate_until(&too_many, limit()), Err(Errno::TOOBIG));
    assert_eq!(set.operate(&[]), Err(Errno::INVAL));
    assert_eq!(set.try_operate(&[]), Err(Errno::INVAL));
    assert_eq!(set.operate_until(&[], limit()), Err(Errno::INVAL));
}

#[test]
fn bad_operations_are_refused() {
    let _check = LeakCheck::begin();
    let set = set_of(&[0, MAX]);
    for number in [2, u16::MAX] {
        let operations = [Operation::increment(0), Operation::increment(number)];
        assert_eq!(set.operate(&operations), Err(Errno::FBIG));
        assert_eq!(set.try_operate(&operations), Err(Errno::FBIG));
        assert_eq!(set.operate_until(&operations, limit()), Err(Errno::FBIG));
        assert_eq!(set.value(number), Err(Errno::INVAL));
        assert_eq!(set.set_value(number, 1), Err(Errno::INVAL));
        assert_eq!(set.last_process(number), Err(Errno::INVAL));
        assert_eq!(set.increase_waiters(number), Err(Errno::INVAL));
        assert_eq!(set.zero_waiters(number), Err(Errno::INVAL));
    }
    let operations = [Operation::increment(0), Operation::increment(1)];
    assert_eq!(set.operate(&operations), Err(Errno::RANGE));
    assert_eq!(set.try_operate(&operations), Err(Errno::RANGE));
    assert_eq!(set.operate(&[change(1, i16::MAX)]), Err(Errno::RANGE));
    assert_eq!(set.try_operate(&[change(1, i16::MIN)]), Err(Errno::AGAIN));
    assert_eq!(values(&set), [0, MAX]);

    assert_eq!(set.set_value(0, MAX + 1), Err(Errno::RANGE));
    assert_eq!(set.set_value(0, u16::MAX), Err(Errno::RANGE));
    assert_eq!(set.set_values(&[1, MAX + 1]), Err(Errno::RANGE));
    assert_eq!(set.set_values(&[1]), Err(Errno::INVAL));
    assert_eq!(set.set_values(&[1; 3]), Err(Errno::INVAL));
    assert_eq!(set.set_values(&[]), Err(Errno::INVAL));
    assert_eq!(set.values(&mut [0]), Err(Errno::TOOBIG));
    assert_eq!(set.values(&mut []), Err(Errno::TOOBIG));
    assert_eq!(values(&set), [0, MAX]);
}

#[test]
fn set_beyond_system_limit_is_refused() {
    let _check = LeakCheck::begin();
    let limits = semaphore::limits().unwrap();
    let new = |count| semaphore::create(Key::PRIVATE, count, Create::NEW);
    for count in [0, limits.per_set + 1, i32::MAX as usize + 1, usize::MAX] {
        assert_eq!(new(count), Err(Errno::INVAL), "{count}");
    }
    // Whole pages of values, and one beside.
    for count in [1, 2, 2047, 2048, 2049, limits.per_set] {
        let set = Temporary(new(count).unwrap());
        assert_eq!(set.status().unwrap().count, count);
        let written: Vec<u16> = (0..count).map(|at| at as u16 & MAX).collect();
        set.set_values(&written).unwrap();
        let mut buffer = vec![0xFFFF; count + 3];
        assert!(*set.values(&mut buffer).unwrap() == written[..]);
        assert_eq!(buffer[count..], [0xFFFF; 3]);
    }
}

#[test]
fn wait_ends_by_value_or_deadline() {
    let _check = LeakCheck::begin();
    let set = set_of(&[0, 3]);
    let begin = Instant::now();
    let take = [Operation::decrement(0)];
    assert_eq!(
        set.operate_until(&take, Deadline::after(SHORT)),
        Err(Errno::TIMEDOUT)
    );
    assert_eq!(
        set.operate_until(&[Operation::wait_zero(1)], Deadline::after(SHORT)),
        Err(Errno::TIMEDOUT)
    );
    assert!(begin.elapsed() >= 2 * SHORT);

    let id = *set;
    let mut more = [
        Child::fork(|| code(id.operate(&take))),
        Child::fork(|| code(id.operate_until(&take, limit()))),
        Child::fork(|| code(id.operate_until(&take, Deadline::Never))),
    ];
    let mut zero = [
        Child::fork(|| code(id.operate(&[Operation::wait_zero(1)]))),
        Child::fork(|| code(id.operate_until(&[Operation::wait_zero(1)], limit()))),
    ];
    await_waiters(&set, 0, 3, 0);
    await_waiters(&set, 1, 0, 2);
    // One unit is one's; the last of them brings zero.
    set.operate(&[Operation::increment(0)]).unwrap();
    await_waiters(&set, 0, 2, 0);
    set.set_value(0, 2).unwrap();
    set.operate(&[change(1, -2)]).unwrap();
    await_waiters(&set, 1, 0, 2);
    set.operate(&[Operation::decrement(1)]).unwrap();
    for child in more.iter_mut().chain(&mut zero) {
        assert_eq!(child.wait(), End::Exited(0));
    }
    assert_eq!(values(&set), [0, 0]);
}

#[test]
fn nowait_counts_for_its_operation_alone() {
    let _check = LeakCheck::begin();
    let set = set_of(&[0, 0]);
    let nowait = Operation::decrement(1).flags(OperationFlags::NOWAIT);
    let both = [Operation::decrement(0), nowait];
    assert_eq!(set.operate(&[nowait]), Err(Errno::AGAIN));
    assert_eq!(set.operate_until(&[nowait], limit()), Err(Errno::AGAIN));
    assert_eq!(
        set.operate_until(&both, Deadline::after(SHORT)),
        Err(Errno::TIMEDOUT)
    );

    // It waits for the first; then the second cannot.
    let id = *set;
    let mut waits = Child::fork(|| code(id.operate(&both)));
    await_waiters(&set, 0, 1, 0);
    set.operate(&[Operation::increment(0)]).unwrap();
    assert_eq!(waits.wait(), failed(Errno::AGAIN));
    assert_eq!(values(&set), [1, 0]);
    set.operate(&[Operation::increment(1)]).unwrap();
    set.operate(&both).unwrap();
    assert_eq!(values(&set), [0, 0]);
}

#[test]
fn undo_returns_what_killed_process_took() {
    if let Some(mut half) = PeerArgs::role("takes") {
        let set = Set::from_id(half.channel.hear().parse().unwrap());
        set.operate(&[
            change(0, -3).undo(),
            Operation::increment(1).undo(),
            Operation::decrement(2),
        ])
        .unwrap();
        set.operate(&[Operation::increment(0).undo()]).unwrap();
        half.channel.say("taken");
        half.channel.hear();
        return;
    }
    let _check = LeakCheck::begin();
    for kill in [true, false] {
        let set = set_of(&[3, 0, 3]);
        let mut peer = Peer::start(test_name!(), "takes", &[]);
        peer.say(&set.id().to_string());
        peer.expect("taken");
        assert_eq!(values(&set), [1, 1, 2]);
        let mut waits = Child::fork(|| code(set.operate(&[change(0, -3)])));
        await_waiters(&set, 0, 1, 0);
        if kill {
            peer.kill();
        } else {
            peer.say("go");
            peer.wait();
        }
        // The third was without undo, and the waiting one has gone on.
        assert_eq!(waits.wait(), End::Exited(0));
        assert_eq!(values(&set), [0, 0, 2]);
        // The kernel says who: the one that has ended.
        let last = set.last_process(1).unwrap();
        assert_eq!(last.map(|pid| pid.as_raw_pid()), Some(peer.id() as i32));
    }
}

#[test]
fn lock_with_undo_is_free_after_kill() {
    let _check = LeakCheck::begin();
    let set = set_of(&[1, 0]);
    let id = *set;
    let mut choices = Choices::new(5);
    let (mut held, begin) = (0, Instant::now());
    for _ in 0..300 {
        let mut child = Child::fork(|| {
            loop {
                // The second counts who is inside.
                let enter = [
                    Operation::decrement(0).undo(),
                    Operation::increment(1).undo(),
                ];
                let leave = [
                    Operation::increment(0).undo(),
                    Operation::decrement(1).undo(),
                ];
                if id.operate(&enter).is_err() || id.operate(&leave).is_err() {
                    return 1;
                }
            }
        });
        while set.last_process(1).unwrap().map(|pid| pid.as_raw_pid()) != Some(child.id()) {
            assert!(begin.elapsed() < LIMIT, "it does not begin");
            std::thread::yield_now();
        }
        for _ in 0..choices.below(1000) {
            core::hint::spin_loop();
        }
        child.kill();
        // While it dies it holds the lock or has given it back.
        let now = values(&set);
        assert!(now == [0, 1] || now == [1, 0], "{now:?}");
        held += u32::from(now == [0, 1]);
        set.operate_until(&[Operation::decrement(0), Operation::wait_zero(1)], limit())
            .unwrap();
        assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
        set.operate(&[Operation::increment(0)]).unwrap();
        assert_eq!(values(&set), [1, 0]);
    }
    println!("{held} of 300 were seen to hold it when they were killed");
}

#[test]
fn undo_beyond_limit_is_refused() {
    let _check = LeakCheck::begin();
    let set = set_of(&[5, 5, 0]);
    let id = *set;
    // The end does not wait: a value goes to 0 and no further.
    let mut gives = Child::fork(|| code(id.operate(&[change(2, 4).undo()])));
    assert_eq!(gives.wait(), End::Exited(0));
    assert_eq!(set.value(2), Ok(0));
    let mut gives = Child::fork(|| {
        let given = id.operate(&[change(2, 4).undo()]);
        code(given.and_then(|()| id.operate(&[change(2, -3)])))
    });
    assert_eq!(gives.wait(), End::Exited(0));
    assert_eq!(set.value(2), Ok(0));

    // Who sets a value makes all forget.
    let mut takes = Child::fork(|| {
        let taken = id.operate(&[change(0, -2).undo(), change(1, -2).undo()]);
        code(taken.and_then(|()| id.set_value(0, 1)))
    });
    assert_eq!(takes.wait(), End::Exited(0));
    assert_eq!(values(&set), [1, 5, 0]);
    let mut takes = Child::fork(|| {
        let taken = id.operate(&[change(1, -2).undo()]);
        code(taken.and_then(|()| id.set_values(&[4, 4, 4])))
    });
    assert_eq!(takes.wait(), End::Exited(0));
    assert_eq!(values(&set), [4, 4, 4]);

    // A child undoes nothing of its parent's.
    let parent = || {
        let taken = id.operate(&[Operation::decrement(0).undo()]);
        let child = Child::fork(|| 0).wait();
        let status = if child == End::Exited(0) && id.value(0) == Ok(3) {
            0
        } else {
            1
        };
        taken.map_or(2, |()| status)
    };
    assert_eq!(Child::fork(parent).wait(), End::Exited(0));
    assert_eq!(set.value(0), Ok(4));

    // Nor does a try that failed leave anything to undo.
    let mut tries = Child::fork(|| code(id.try_operate(&[change(0, -9).undo()])));
    assert_eq!(tries.wait(), failed(Errno::AGAIN));
    assert_eq!(values(&set), [4, 4, 4]);
}

#[test]
fn set_is_not_seen_before_initialization() {
    let _check = LeakCheck::begin();
    const VALUES: [u16; 5] = [7, 0, 1, MAX, 3];
    let gate = set_of(&[0, 1]);
    let gate = *gate;
    for round in 0..100 {
        let key = fresh_key();
        // The gate opens when all are there.
        let mut racing: Vec<Child> = (0..4)
            .map(|_| {
                Child::fork(|| {
                    let gone = gate.operate(&[Operation::increment(0), Operation::wait_zero(1)]);
                    let set = semaphore::open_or_create(key, &VALUES, Create::NEW, limit());
                    let (Ok(()), Ok(set)) = (gone, set) else {
                        return 1;
                    };
                    match set.values(&mut [0; 8]) {
                        Ok(values) if *values == VALUES => 0,
                        _ => 2,
                    }
                })
            })
            .collect();
        // None has given before all can: an operation is all or none.
        await_waiters(&gate, 1, 0, 4);
        gate.set_value(1, 0).unwrap();
        for child in &mut racing {
            assert_eq!(child.wait(), End::Exited(0), "round {round}");
        }
        assert_eq!(gate.value(0), Ok(4));
        gate.set_values(&[0, 1]).unwrap();
        let set = Temporary(semaphore::open(key).unwrap());
        assert_eq!(values(&set), VALUES);
        assert_eq!(
            semaphore::open_or_create(key, &[1], Create::NEW, limit()),
            Ok(*set)
        );
        assert_eq!(
            semaphore::open_or_create(key, &[1; 6], Create::NEW, limit()),
            Err(Errno::INVAL)
        );
    }
}

#[test]
fn opener_waits_for_initialization() {
    let _check = LeakCheck::begin();
    for values in [[0, 4], [MAX, 4], [1, 4]] {
        let key = fresh_key();
        // Somebody was killed after creating it.
        let mut dies = Child::fork(|| code(semaphore::create(key, 2, Create::NEW).map(drop)));
        assert_eq!(dies.wait(), End::Exited(0));
        let set = Temporary(semaphore::open(key).unwrap());
        assert_eq!(set.wait_initialized(Deadline::NOW), Err(Errno::TIMEDOUT));
        let begin = Instant::now();
        assert_eq!(
            semaphore::open_or_create(key, &values, Create::NEW, Deadline::after(SHORT)),
            Err(Errno::TIMEDOUT)
        );
        assert!(begin.elapsed() >= SHORT);
        // Values alone do not make it ready.
        set.set_values(&[9, 9]).unwrap();
        assert_eq!(set.wait_initialized(Deadline::NOW), Err(Errno::TIMEDOUT));

        let id = *set;
        let mut waits = Child::fork(|| code(id.wait_initialized(limit())));
        let mut opens =
            Child::fork(
                || match semaphore::open_or_create(key, &values, Create::NEW, limit()) {
                    Ok(found) if found == id => 0,
                    _ => 1,
                },
            );
        waits.await_sleep();
        opens.await_sleep();
        set.initialize(&values).unwrap();
        assert_eq!(waits.wait(), End::Exited(0));
        assert_eq!(opens.wait(), End::Exited(0));
        assert_eq!(self::values(&set), values);
        set.wait_initialized(Deadline::NOW).unwrap();
    }

    // Who decides that the creator is dead begins again; who waits is told, or finds it.
    let key = fresh_key();
    let abandoned = semaphore::create(key, 1, Create::NEW).unwrap();
    let mut waits = Child::fork(|| code(abandoned.wait_initialized(limit())));
    let mut opens =
        Child::fork(|| code(semaphore::open_or_create(key, &[6], Create::NEW, limit()).map(drop)));
    waits.await_sleep();
    opens.await_sleep();
    abandoned.remove().unwrap();
    assert_eq!(opens.wait(), End::Exited(0));
    let set = Temporary(semaphore::open(key).unwrap());
    assert_eq!(values(&set), [6]);
    // Interrupted neither: the old one is gone.
    assert_eq!(waits.wait(), failed(Errno::IDRM));

    // What cannot be given values is not left behind.
    let key = fresh_key();
    let bad = semaphore::open_or_create(key, &[1, MAX + 1], Create::NEW, limit());
    assert_eq!(bad, Err(Errno::RANGE));
    assert_eq!(
        semaphore::open_or_create(key, &[], Create::NEW, limit()),
        Err(Errno::INVAL)
    );
    assert_eq!(semaphore::open(key), Err(Errno::NOENT));
    let private = semaphore::open_or_create(Key::PRIVATE, &[8], Create::NEW.or_open(), limit());
    assert_eq!(values(&Temporary(private.unwrap())), [8]);
}

#[test]
fn initialize_does_not_wait_for_first_taker() {
    let _check = LeakCheck::begin();
    let set = Temporary(semaphore::create(Key::PRIVATE, 1, Create::NEW).unwrap());
    let id = *set;
    // Whoever does not wait for the values has its unit as soon as there is one.
    for (first, left) in [(1, 0), (MAX, MAX - 1)] {
        set.set_values(&[0]).unwrap();
        let mut takes = Child::fork(|| code(id.operate_until(&[Operation::decrement(0)], limit())));
        await_waiters(&set, 0, 1, 0);
        set.initialize(&[first]).unwrap();
        assert_eq!(takes.wait(), End::Exited(0));
        assert_eq!(values(&set), [left]);
    }
    for all in [0, 1, MAX] {
        set.initialize(&[all]).unwrap();
        assert_eq!(values(&set), [all]);
    }
}

#[test]
fn objects_are_opened_by_key() {
    let _check = LeakCheck::begin();
    let key = fresh_key();
    assert_eq!(semaphore::open(key), Err(Errno::NOENT));
    assert_eq!(semaphore::open(Key::PRIVATE), Err(Errno::NOENT));
    let set = Temporary(semaphore::create(key, 2, Create::NEW).unwrap());
    assert_eq!(semaphore::create(key, 2, Create::NEW), Err(Errno::EXIST));
    let or_open = Create::NEW.or_open();
    assert_eq!(semaphore::create(key, 1, or_open), Ok(*set));
    assert_eq!(semaphore::create(key, 3, or_open), Err(Errno::INVAL));
    assert_eq!(semaphore::open(key), Ok(*set));
    assert_eq!(Set::from_id(set.id()), *set);
    // New ones are zero.
    assert_eq!(values(&set), [0, 0]);
}

#[test]
fn operations_on_missing_object_are_refused() {
    let _check = LeakCheck::begin();
    let removed = set_of(&[1]);
    removed.remove().unwrap();
    let give = [Operation::increment(0)];
    let access = Access {
        owner: 0,
        group: 0,
        mode: Mode::RUSR,
    };
    for set in [*removed, Set::from_id(-1), Set::from_id(i32::MAX)] {
        let results = [
            set.operate(&give),
            set.try_operate(&give),
            set.operate_until(&give, limit()),
            set.value(0).map(drop),
            set.set_value(0, 1),
            set.values(&mut [0]).map(drop),
            set.set_values(&[0]),
            set.initialize(&[0]),
            set.wait_initialized(limit()),
            set.last_process(0).map(drop),
            set.increase_waiters(0).map(drop),
            set.zero_waiters(0).map(drop),
            set.status().map(drop),
            set.set(access),
            set.remove(),
        ];
        for (index, result) in results.into_iter().enumerate() {
            assert!(
                matches!(result, Err(Errno::INVAL | Errno::IDRM)),
                "{set:?}, {index}: {result:?}"
            );
        }
    }
}

#[test]
fn removal_and_signals_end_waits() {
    let _check = LeakCheck::begin();
    storm::handle(libc::SIGUSR1);
    let set = set_of(&[0, 1]);
    let id = *set;
    let wait = |how: usize| {
        let (take, zero) = ([Operation::decrement(0)], [Operation::wait_zero(1)]);
        match how {
            0 => id.operate(&take),
            1 => id.operate_until(&take, limit()),
            2 => id.operate(&zero),
            _ => id.operate_until(&zero, limit()),
        }
    };
    // Those with a deadline are ended by no signal: they are only removed.
    for (errno, ways) in [(Errno::INTR, &[0, 2][..]), (Errno::IDRM, &[0, 1, 2, 3])] {
        let fork = |&how| Child::fork(|| code(wait(how)));
        let mut waiting: Vec<Child> = ways.iter().map(fork).collect();
        let each = ways.len() as u32 / 2;
        await_waiters(&set, 0, each, 0);
        await_waiters(&set, 1, 0, each);
        if errno == Errno::INTR {
            waiting.iter().for_each(|child| child.signal(libc::SIGUSR1));
        } else {
            set.remove().unwrap();
        }
        for child in &mut waiting {
            assert_eq!(child.wait(), failed(errno));
        }
    }
}

#[test]
fn mode_decides_about_others() {
    if !support::needs::root() {
        return;
    }
    let _check = LeakCheck::begin();
    let key = fresh_key();
    let set = Temporary(semaphore::create(key, 2, Create::NEW).unwrap());
    set.initialize(&[1, 0]).unwrap();
    let permissions = set.status().unwrap().permissions;
    assert_eq!(permissions.access.mode.as_raw_mode(), 0o600);
    let refused = || {
        assert_eq!(set.operate(&[Operation::increment(0)]), Err(Errno::ACCESS));
        assert_eq!(
            set.try_operate(&[Operation::increment(0)]),
            Err(Errno::ACCESS)
        );
        assert_eq!(set.set_value(0, 1), Err(Errno::ACCESS));
        assert_eq!(set.set_values(&[1, 1]), Err(Errno::ACCESS));
        assert_eq!(set.set(permissions.access), Err(Errno::PERM));
        assert_eq!(set.remove(), Err(Errno::PERM));
    };
    as_another_user(|| {
        refused();
        assert_eq!(set.value(0), Err(Errno::ACCESS));
        assert_eq!(set.values(&mut [0; 2]), Err(Errno::ACCESS));
        assert_eq!(set.operate(&[Operation::wait_zero(1)]), Err(Errno::ACCESS));
        assert_eq!(set.status().map(drop), Err(Errno::ACCESS));
        assert_eq!(set.wait_initialized(limit()), Err(Errno::ACCESS));
        let (new, or_open) = (Create::NEW, Create::NEW.or_open());
        assert_eq!(semaphore::create(key, 1, or_open), Err(Errno::ACCESS));
        assert_eq!(
            semaphore::open_or_create(key, &[1], new, limit()),
            Err(Errno::ACCESS)
        );
        let found = semaphore::list()
            .unwrap()
            .flatten()
            .find(|(it, _)| it == &*set);
        assert_eq!(found.unwrap().1.count, 2);
    });
    let access = |mode| Access {
        mode: Mode::from_bits_retain(mode),
        ..permissions.access
    };
    set.set(access(0o604)).unwrap();
    as_another_user(|| {
        refused();
        assert_eq!(values(&set), [1, 0]);
        set.operate(&[Operation::wait_zero(1)]).unwrap();
    });
    set.set(access(0o602)).unwrap();
    as_another_user(|| {
        set.operate(&[Operation::increment(0)]).unwrap();
        set.set_value(1, 5).unwrap();
        assert_eq!(set.value(0), Err(Errno::ACCESS));
    });
    assert_eq!(values(&set), [2, 5]);
}

#[test]
fn status_reports_what_kernel_knows() {
    let _check = LeakCheck::begin();
    let mode = Mode::from_bits_retain(0o642);
    let key = fresh_key();
    let set = Temporary(semaphore::create(key, 3, Create::NEW.mode(mode)).unwrap());
    let new = set.status().unwrap();
    assert_eq!(
        (new.permissions.key, new.permissions.access.mode),
        (key, mode)
    );
    assert_eq!(new.permissions.creator, rustix::process::geteuid().as_raw());
    assert_eq!(new.permissions.sequence, (set.id() >> 15) as u16);
    assert_eq!((new.count, new.last_operation), (3, None));
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64;
    // The kernel's own seconds begin a tick later.
    assert!((now - 5..=now).contains(&new.changed));
    assert_eq!(set.last_process(0), Ok(None));
    let me = Some(rustix::process::getpid());
    set.set_value(2, 1).unwrap();
    assert_eq!(set.last_process(2), Ok(me));
    assert_eq!(set.status().unwrap().last_operation, None);
    set.operate(&[Operation::wait_zero(0)]).unwrap();
    assert_eq!(
        (set.last_process(0), set.last_process(1)),
        (Ok(me), Ok(None))
    );
    assert!(set.status().unwrap().last_operation >= Some(now - 1));

    let limits = semaphore::limits().unwrap();
    assert_eq!(limits.per_set, kernel_number("sem", 0));
    assert_eq!(limits.semaphores, kernel_number("sem", 1));
    assert_eq!(limits.operations, kernel_number("sem", 2));
    assert_eq!(limits.sets, kernel_number("sem", 3));
    assert_eq!(limits.value, MAX);
    let usage = semaphore::usage().unwrap();
    assert!(usage.sets >= 1 && usage.semaphores >= 3);

    let more: Vec<_> = (1..20).map(|count| set_of(&vec![1; count])).collect();
    let listed: Vec<_> = semaphore::list().unwrap().map(Result::unwrap).collect();
    for set in more.iter().chain([&set]) {
        let found: Vec<_> = listed.iter().filter(|(found, _)| found == &**set).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1, set.status().unwrap());
    }
}

#[test]
fn objects_are_shared_with_libc() {
    let _check = LeakCheck::begin();
    let key = fresh_key();
    let set = Temporary(semaphore::create(key, 2, Create::NEW).unwrap());
    // SAFETY: no memory is involved.
    assert_eq!(unsafe { libc::semget(key.as_raw(), 2, 0) }, set.id());
    let mut theirs = [libc::sembuf {
        sem_num: 1,
        sem_op: 5,
        sem_flg: libc::SEM_UNDO as i16,
    }];
    // SAFETY: one operation.
    assert_eq!(unsafe { libc::semop(set.id(), theirs.as_mut_ptr(), 1) }, 0);
    assert_eq!(values(&set), [0, 5]);
    set.operate(&[change(1, -3)]).unwrap();
    // SAFETY: a command without an argument.
    assert_eq!(unsafe { libc::semctl(set.id(), 1, libc::GETVAL) }, 2);
    // SAFETY: all zero is a value of it.
    let mut status: libc::semid_ds = unsafe { core::mem::zeroed() };
    // SAFETY: the structure is borrowed.
    let result = unsafe { libc::semctl(set.id(), 0, libc::IPC_STAT, &raw mut status) };
    assert_eq!(result, 0);
    let ours = set.status().unwrap();
    assert_eq!(status.sem_nsems as usize, ours.count);
    assert_eq!(Some(status.sem_otime), ours.last_operation);
    assert_eq!(status.sem_ctime, ours.changed);
}

/// Has a process open or create a set, and removes the set that has the key before the nth of
/// its calls of `semctl(2)` or `semop(2)` with the other.
fn open_or_create_robbed_at(nth: usize, exists: bool) -> End {
    use rawipc::process::State;
    use rawipc::trace::{Options, Phase, Report, Stop};
    use support::tracee::seized;
    let key = fresh_key();
    if exists {
        semaphore::open_or_create(key, &[6, 6], Create::NEW, limit()).unwrap();
    }
    let (_child, mut stopped) = seized(Options::empty(), || {
        code(semaphore::open_or_create(key, &[6, 7], Create::NEW, limit()).map(drop))
    });
    let mut seen = 0;
    let state = loop {
        stopped = match stopped.syscall(None).unwrap().wait().unwrap() {
            Report::Stopped(stopped) => stopped,
            Report::Ended(ended) => break ended.state,
        };
        let Stop::Syscall(syscall) = stopped.stop() else {
            continue;
        };
        let uses = [libc::SYS_semctl, libc::SYS_semop, libc::SYS_semtimedop];
        let call = syscall.call().map(|call| call.number as libc::c_long);
        if matches!(syscall.phase, Phase::Entry(_)) && call.is_some_and(|n| uses.contains(&n)) {
            if seen == nth {
                semaphore::open(key).unwrap().remove().unwrap();
            }
            seen += 1;
        }
    };
    assert!(seen > nth, "only {seen} calls");
    let set = Temporary(semaphore::open(key).unwrap());
    assert_eq!(values(&set), [6, 7]);
    match state {
        State::Exited(status) => End::Exited(status.into()),
        state => panic!("{state:?}"),
    }
}

#[test]
fn open_or_create_of_set_removed_between_lookup_and_use_begins_again() {
    let _check = LeakCheck::begin();
    // Found by its key, and gone when it is looked at.
    assert_eq!(open_or_create_robbed_at(0, true), End::Exited(0));
    // Created, and gone before it has its values (after the look at its size, with them,
    // with the first operation).
    for nth in 0..3 {
        assert_eq!(
            open_or_create_robbed_at(nth, false),
            End::Exited(0),
            "{nth}"
        );
    }
}
