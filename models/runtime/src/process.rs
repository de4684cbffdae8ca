//! Threads that stand for processes, and how they die.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::model;
use crate::region::Lock;

/// The process that a thread of the model stands for.
#[derive(Default)]
struct Me {
    /// The number that the model gave the process, unless it cannot die.
    process: Cell<Option<usize>>,
    steps: Cell<usize>,
    killed: Cell<bool>,
    /// Tells whether the process is a forked child of that which owns what it has copies of.
    child: Cell<bool>,
    /// How many of its sleeps have timed out because of a death or of a wake that was hindered.
    expired: Cell<usize>,
    /// The locks that show the process alive, released after its death.
    locks: RefCell<Vec<Lock>>,
}

loom::thread_local! {
    static ME: Me = Me::default();
}

/// What unwinds the stack of a killed process.
struct Killed;

/// Begins an atomic step; returns whether it is to be done.
///
/// It is not once the process has been killed, when the stack is unwound: destructors run,
/// as nothing else ends a modelled thread, and do nothing. That it is killed at this step
/// does not return at all.
#[must_use]
pub(crate) fn step() -> bool {
    ME.with(|me| {
        if me.killed.get() {
            return false;
        }
        let Some(process) = me.process.get() else {
            return true;
        };
        let step = me.steps.get() + 1;
        me.steps.set(step);
        if model::dies(process, step) {
            me.killed.set(true);
            model::trace(|| "killed".to_owned());
            // Not a panic: nobody is told.
            resume_unwind(Box::new(Killed));
        }
        true
    })
}

/// Whether this thread's process has been killed.
pub(crate) fn killed() -> bool {
    ME.with(|me| me.killed.get())
}

/// Returns whether a sleep of this thread is to time out because somebody has died, or was not woken.
pub(crate) fn expires() -> bool {
    ME.with(|me| {
        let due = me.expired.get() < model::patience();
        if due {
            me.expired.set(me.expired.get() + 1);
        }
        due
    })
}

/// Counts a sleep of this thread that timed out for that reason.
pub(crate) fn expired() {
    ME.with(|me| me.expired.set(me.expired.get() + 1));
}

/// Releases the lock of a dead process when its stack has been unwound.
pub(crate) fn bury(lock: Lock) {
    ME.with(|me| me.locks.borrow_mut().push(lock));
}

/// Runs `f` as a forked child does, which has copies of what its parent owns: bitwise ones, made
/// by `unsafe` code, that are no owners.
pub fn in_child<T>(f: impl FnOnce() -> T) -> T {
    ME.with(|me| me.child.set(true));
    let result = f();
    ME.with(|me| me.child.set(false));
    result
}

/// Returns whether this thread runs [`in_child`].
#[must_use]
pub fn is_child() -> bool {
    ME.with(|me| me.child.get())
}

/// Yields to other threads.
pub fn pause() {
    if !killed() {
        loom::thread::yield_now();
    }
}

/// A running process, to be joined.
pub struct Process<T> {
    thread: loom::thread::JoinHandle<Option<T>>,
}

impl<T> std::fmt::Debug for Process<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Process")
    }
}

impl<T> Process<T> {
    /// Waits until the process has ended; returns its result, or `None` if it was killed.
    pub fn join(self) -> Option<T> {
        match self.thread.join() {
            Ok(result) => result,
            Err(panic) => resume_unwind(panic),
        }
    }
}

/// Starts a process, a thread that [`Model::killing`](crate::Model::killing) can kill by its
/// number. What it owns dies with it.
pub fn process<T: 'static>(number: usize, f: impl FnOnce() -> T + 'static) -> Process<T> {
    let thread = loom::thread::spawn(move || {
        ME.with(|me| me.process.set(Some(number)));
        match catch_unwind(AssertUnwindSafe(f)) {
            Ok(value) => Some(value),
            Err(payload) => {
                end(payload);
                None
            }
        }
    });
    Process { thread }
}

/// The end of a process whose stack has been unwound.
fn end(payload: Box<dyn Any + Send>) {
    if !payload.is::<Killed>() {
        resume_unwind(payload);
    }
    for lock in ME.with(|me| me.locks.take()) {
        lock.release();
    }
    model::time_passes();
}
