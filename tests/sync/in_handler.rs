//! A signal handler that does what is allowed in one after each single instruction of a call.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use core::arch::asm;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32};

use rawipc::sync::{AutoResetEvent, HandOverSemaphore, Latch, ManualResetEvent, Semaphore};
use rawipc::{Deadline, Errno, Result as Outcome};

use crate::shared_memory;
use crate::support::LIMIT;
use crate::support::alone::alone;

/// Runs `body` with a `SIGTRAP` after each of its instructions: the processor's trap flag.
pub(crate) fn stepped<T>(body: impl FnOnce() -> T) -> T {
    // SAFETY: sets a flag that makes a signal after each instruction, for which there is a handler.
    unsafe { asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
    let result = body();
    // SAFETY: clears it again.
    unsafe { asm!("pushfq", "and qword ptr [rsp], -0x101", "popfq") };
    result
}

/// What a processor reads that is about to call the kernel.
const SYSTEM_CALL: [u8; 2] = [0x0f, 0x05];

/// About how many instructions of a call the handler comes after, besides the first and the last ones.
const POINTS: u32 = 40;

/// What the handler does, `Act` by its address.
type Act = fn();
static ACT: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());
/// The object of the test.
static OBJECT: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());
/// After how many instructions the handler is to do it, and how many there have been.
static AT: AtomicU32 = AtomicU32::new(0);
static STEPS: AtomicU32 = AtomicU32::new(0);
/// It has done it; and it does it at the latest before a system call.
static HAS_ACTED: AtomicBool = AtomicBool::new(false);
static BEFORE_CALL: AtomicBool = AtomicBool::new(false);

extern "C" fn handler(_: i32, _: &libc::siginfo_t, context: &libc::ucontext_t) {
    let step = STEPS.fetch_add(1, Relaxed);
    let next = context.uc_mcontext.gregs[libc::REG_RIP as usize] as usize;
    // SAFETY: it is about to execute what is there.
    let next = unsafe { core::ptr::with_exposed_provenance::<[u8; 2]>(next).read() };
    let at_last = BEFORE_CALL.load(Relaxed) && next == SYSTEM_CALL;
    if (step == AT.load(Relaxed) || at_last) && !HAS_ACTED.swap(true, Relaxed) {
        // SAFETY: set before, from a function.
        let act = unsafe { core::mem::transmute::<*mut (), Act>(ACT.load(Relaxed)) };
        act();
    }
}

/// The object, for the handler.
fn object<T>() -> &'static T {
    // SAFETY: it stays while instructions are stepped over, and `begin` was given this type.
    unsafe { &*OBJECT.load(Relaxed).cast::<T>() }
}

/// Lets the handler do `act` to `object` while instructions are stepped over.
fn prepare<T: Sync>(object: &T, act: Act) {
    OBJECT.store((&raw const *object).cast_mut().cast(), Relaxed);
    ACT.store(act as *mut (), Relaxed);
    let handler = handler as extern "C" fn(i32, &libc::siginfo_t, &libc::ucontext_t);
    // SAFETY: all zeros are a value.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: a handler that does what is allowed in one.
    unsafe { libc::sigaction(libc::SIGTRAP, &raw const action, core::ptr::null_mut()) };
}

/// Calls with the handler's act after the `at`th instruction; returns whether it did it.
fn interrupted_at<T, R>(object: &T, at: u32, call: impl FnOnce(&T) -> R) -> (bool, R) {
    AT.store(at, Relaxed);
    STEPS.store(0, Relaxed);
    HAS_ACTED.store(false, Relaxed);
    let result = stepped(|| call(object));
    (HAS_ACTED.load(Relaxed), result)
}

/// Of so many instructions, those after which to come.
fn points(steps: u32) -> impl Iterator<Item = u32> {
    let stride = steps / POINTS + 1;
    (0..steps).filter(move |at| *at < POINTS || steps - at < POINTS || at % stride == 0)
}

/// Calls again and again, each time with the handler doing `act` after another instruction, and once
/// without. `check` is told whether it did, and what the call returned.
fn interrupted<T: Sync, R>(
    object: &T,
    act: Act,
    call: impl Fn(&T) -> R,
    mut check: impl FnMut(bool, R),
) {
    prepare(object, act);
    BEFORE_CALL.store(false, Relaxed);
    let (_, result) = interrupted_at(object, u32::MAX, &call);
    let steps = STEPS.load(Relaxed);
    check(false, result);
    for at in points(steps) {
        let (has_acted, result) = interrupted_at(object, at, &call);
        check(has_acted, result);
    }
    assert!(steps > 10, "it has {steps} instructions");
}

/// Waits again and again, each time with the handler doing `act` after another instruction, at the latest
/// directly before the call that would sleep.
fn interrupted_wait<T: Sync>(
    object: &T,
    act: Act,
    wait: impl Fn(&T, Deadline) -> Outcome<()>,
    check: impl Fn(),
) {
    prepare(object, act);
    BEFORE_CALL.store(true, Relaxed);
    let wait = |at| {
        let limit = Deadline::after(LIMIT);
        let (has_acted, passed) = interrupted_at(object, at, |object| wait(object, limit));
        assert_eq!(
            (has_acted, passed),
            (true, Ok(())),
            "after {at} instructions"
        );
        check();
    };
    wait(u32::MAX);
    let steps = STEPS.load(Relaxed);
    assert!(steps > 10, "it has {steps} instructions");
    points(steps).for_each(wait);
}

#[test]
fn semaphore_posted_in_handler_has_all_units() {
    alone(test_name!(), || {
        let memory = shared_memory();
        let units: &Semaphore = memory.object(0).unwrap();
        let post = || object::<Semaphore>().post().unwrap();
        let expect = |left: u32, acted: bool| {
            let expected = left + u32::from(acted);
            assert_eq!(units.value(), expected);
            (0..expected).for_each(|_| units.try_wait().unwrap());
        };
        interrupted(units, post, Semaphore::post, |acted, done| {
            done.unwrap();
            expect(1, acted);
        });
        interrupted(
            units,
            post,
            |units| units.post_many(3),
            |acted, done| {
                done.unwrap();
                expect(3, acted);
            },
        );
        interrupted(units, post, Semaphore::try_wait, |acted, taken| {
            assert!(acted || taken == Err(Errno::AGAIN));
            expect(0, acted && taken.is_err());
        });
        // It sleeps, if at all, beside no unit.
        interrupted_wait(units, post, Semaphore::wait_until, || expect(0, false));
    });
}

#[test]
fn hand_over_semaphore_posted_in_handler_has_all_units() {
    alone(test_name!(), || {
        let memory = shared_memory();
        let units: &HandOverSemaphore = memory.object(0).unwrap();
        let post = || object::<HandOverSemaphore>().post().unwrap();
        let expect = |left: u32, acted: bool| {
            let expected = left + u32::from(acted);
            assert_eq!(units.value(), expected);
            (0..expected).for_each(|_| units.try_wait().unwrap());
        };
        interrupted(units, post, HandOverSemaphore::post, |acted, done| {
            done.unwrap();
            expect(1, acted);
        });
        interrupted(units, post, HandOverSemaphore::try_wait, |acted, taken| {
            assert!(acted || taken == Err(Errno::AGAIN));
            expect(0, acted && taken.is_err());
        });
        interrupted_wait(units, post, HandOverSemaphore::wait_until, || {
            expect(0, false)
        });
    });
}

#[test]
fn latch_counted_down_in_handler_opens() {
    alone(test_name!(), || {
        let memory = shared_memory();
        let latch: &Latch = memory.object(0).unwrap();
        let count_down = || {
            object::<Latch>().count_down();
        };
        latch.add(2).unwrap();
        interrupted(latch, count_down, Latch::count_down, |acted, opened| {
            assert_eq!(latch.is_open(), acted);
            assert!(acted || !opened);
            latch.add(if acted { 2 } else { 1 }).unwrap();
        });
        latch.count_down();
        assert_eq!(latch.count(), 1);
        interrupted_wait(latch, count_down, Latch::wait_until, || {
            latch.add(1).unwrap()
        });
    });
}

#[test]
fn event_set_in_handler_lets_who_waits_go() {
    alone(test_name!(), || {
        let memory = shared_memory();
        let auto: &AutoResetEvent = memory.object(0).unwrap();
        let set = || object::<AutoResetEvent>().set();
        interrupted(auto, set, AutoResetEvent::set, |_, ()| {
            assert_eq!(auto.try_wait(), Ok(()));
            assert_eq!(auto.try_wait(), Err(Errno::AGAIN));
        });
        interrupted_wait(auto, set, AutoResetEvent::wait_until, || {
            assert!(!auto.is_set())
        });
        let manual: &ManualResetEvent = memory.object(64).unwrap();
        let set = || object::<ManualResetEvent>().set();
        interrupted_wait(manual, set, ManualResetEvent::wait_until, || {
            assert!(manual.reset())
        });
        interrupted(manual, set, ManualResetEvent::reset, |_, _| {
            manual.reset();
        });
        assert!(!manual.is_set());
    });
}
