//! Threads that stand for processes, how they die, and how they are stopped.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::model;
use crate::region::Lock;
use crate::robust::RobustList;

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
    /// The lists of locks that the kernel looks through after its death.
    lists: RefCell<Vec<RobustList>>,
    stop: RefCell<Option<Arc<Stop>>>,
}

/// How a process is stopped, once, and goes on.
#[derive(Default)]
struct Stop(Mutex<Progress>);

#[derive(Default)]
struct Progress {
    /// Set by `go_on`: the process stops no more.
    goes_on: bool,
    /// Set when the process has stopped or ended.
    has_settled: bool,
    /// The threads to wake at a change: the stopped process, and those in `settle`.
    waiting: Vec<loom::thread::Thread>,
}

impl Stop {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().expect("nobody panics under this lock")
    }

    fn change(&self, f: impl FnOnce(&mut Progress)) {
        let mut progress = self.progress();
        f(&mut progress);
        for thread in progress.waiting.drain(..) {
            thread.unpark();
        }
    }

    fn wait(&self, until: impl Fn(&Progress) -> bool) {
        loop {
            // No other thread runs between the look and the wait.
            let mut progress = self.progress();
            if until(&progress) {
                return;
            }
            progress.waiting.push(loom::thread::current());
            drop(progress);
            loom::thread::park();
        }
    }
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
    if let Some(stop) = ME.with(stop_before_next) {
        stop.change(|progress| progress.has_settled = true);
        model::trace(|| "stopped".to_owned());
        stop.wait(|progress| progress.goes_on);
        model::trace(|| "goes on".to_owned());
    }
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

/// Returns the stop of this process, if it is to stop before its next step.
fn stop_before_next(me: &Me) -> Option<Arc<Stop>> {
    let process = me.process.get().filter(|_| !me.killed.get())?;
    model::stops(process, me.steps.get() + 1).then(|| me.stop.borrow().clone())?
}

/// The number that the model gave this process, unless this thread begins the model.
pub(crate) fn index() -> Option<usize> {
    ME.with(|me| me.process.get())
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

/// Has the kernel look through a list when this thread's process has died.
pub(crate) fn watch(list: RobustList) {
    ME.with(|me| me.lists.borrow_mut().push(list));
}

/// The number of this thread, of which its list knows.
pub(crate) fn number() -> u32 {
    ME.with(|me| me.lists.borrow().last().expect("a list").number())
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

/// Ends this [`process`] as a death at its next step would.
///
/// # Panics
///
/// Outside a process.
pub fn die() -> ! {
    ME.with(|me| {
        assert!(me.process.get().is_some(), "no process");
        me.killed.set(true);
    });
    resume_unwind(Box::new(Killed));
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
    stop: Arc<Stop>,
}

impl<T> std::fmt::Debug for Process<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Process")
    }
}

impl<T> Process<T> {
    /// Waits until the process has been stopped by [`Model::stopping`](crate::Model::stopping), or
    /// has ended.
    pub fn settle(&self) {
        self.stop.wait(|progress| progress.has_settled);
    }

    /// Lets the process go on if it has been stopped; it is not stopped any more.
    pub fn go_on(&self) {
        self.stop.change(|progress| progress.goes_on = true);
    }

    /// Lets the process go on, and waits until it has ended; returns its result, or `None` if it was
    /// killed.
    pub fn join(self) -> Option<T> {
        self.go_on();
        match self.thread.join() {
            Ok(result) => result,
            Err(panic) => resume_unwind(panic),
        }
    }
}

/// Starts a process, a thread that [`Model::killing`](crate::Model::killing) can kill by its
/// number, and [`Model::stopping`](crate::Model::stopping) stop. What it owns dies with it.
pub fn process<T: 'static>(number: usize, f: impl FnOnce() -> T + 'static) -> Process<T> {
    let stop = Arc::new(Stop::default());
    let thread = loom::thread::spawn({
        let stop = stop.clone();
        move || {
            ME.with(|me| {
                me.process.set(Some(number));
                me.stop.replace(Some(stop.clone()));
            });
            let result = match catch_unwind(AssertUnwindSafe(f)) {
                Ok(value) => Some(value),
                Err(payload) => {
                    end(payload);
                    None
                }
            };
            stop.change(|progress| progress.has_settled = true);
            result
        }
    });
    Process { thread, stop }
}

/// The end of a process whose stack has been unwound.
fn end(payload: Box<dyn Any + Send>) {
    if !payload.is::<Killed>() {
        resume_unwind(payload);
    }
    for list in ME.with(|me| me.lists.take()) {
        list.bury();
    }
    for lock in ME.with(|me| me.locks.take()) {
        lock.release();
    }
    model::time_passes();
}
