//! [`Runtime`]: runs futures on one thread, and sleeps in a poller while none can go on.

use alloc::boxed::Box;
use alloc::collections::btree_map::BTreeMap;
use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::future::{Future, poll_fn};
use core::mem;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};

use rawipc::event::eventfd::{self, EventFd, EventFdFlags};
use rawipc::event::poller::{self, Event, Interest, Poller, PollerFlags};
use rawipc::{AsFd, Errno, Result};

use crate::answer::{self, Answer};
use crate::lock::Lock;

/// The number of the future that `block_on` runs, and in the poller that of the bell.
const FIRST: u64 = 0;

/// Tasks that can go on. Any thread may add one.
struct Ready {
    tasks: Lock<Vec<u64>>,
    /// Ends the executor's sleep.
    bell: EventFd,
}

impl Ready {
    fn add(&self, id: u64) {
        let first = self.tasks.with(|tasks| {
            tasks.push(id);
            tasks.len() == 1
        });
        // It rings until the executor has looked, so once is enough; one unit always has room.
        if first {
            self.bell.add(1).expect("a bell that rings");
        }
    }
}

/// What the waker of a task does.
struct TaskWaker {
    id: u64,
    is_ready: AtomicBool,
    ready: Arc<Ready>,
}

impl TaskWaker {
    fn new(id: u64, ready: &Arc<Ready>) -> Arc<Self> {
        let waker = Arc::new(Self {
            id,
            is_ready: AtomicBool::new(false),
            ready: ready.clone(),
        });
        Waker::from(waker.clone()).wake(); // to be polled a first time
        waker
    }

    fn poll<F: Future + ?Sized>(self: &Arc<Self>, task: Pin<&mut F>) -> Poll<F::Output> {
        // Before it looks for what it waits for: what comes afterwards is told again. AcqRel: what the
        // waking thread has written is there.
        self.is_ready.swap(false, Ordering::AcqRel);
        task.poll(&mut Context::from_waker(&self.clone().into()))
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if !self.is_ready.swap(true, Ordering::AcqRel) {
            self.ready.add(self.id);
        }
    }
}

type Task = (Pin<Box<dyn Future<Output = ()>>>, Arc<TaskWaker>);

/// Runs futures. A copy is the same runtime.
#[derive(Clone)]
pub(crate) struct Runtime(Rc<Inner>);

struct Inner {
    tasks: RefCell<BTreeMap<u64, Task>>,
    /// Who waits for a descriptor, by its number in the poller.
    waiting: RefCell<BTreeMap<u64, Waker>>,
    /// The last number of a task or a descriptor.
    last: Cell<u64>,
    ready: Arc<Ready>,
    poller: Poller,
}

impl Runtime {
    pub(crate) fn new() -> Result<Self> {
        let bell = eventfd::create(0, EventFdFlags::empty())?;
        let poller = poller::create(PollerFlags::empty())?;
        poller.add(&bell, FIRST, Interest::IN)?;
        let tasks = Lock::new(Vec::new());
        Ok(Self(Rc::new(Inner {
            tasks: RefCell::default(),
            waiting: RefCell::default(),
            last: Cell::new(FIRST),
            ready: Arc::new(Ready { tasks, bell }),
            poller,
        })))
    }

    fn number(&self) -> u64 {
        self.0.last.set(self.0.last.get() + 1);
        self.0.last.get()
    }

    /// Runs a future beside the others; its result can be awaited.
    pub(crate) fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Answer<T> {
        let (giver, answer) = answer::channel();
        let id = self.number();
        let task = Box::pin(async { giver.give(future.await) });
        let task: Task = (task, TaskWaker::new(id, &self.0.ready));
        self.0.tasks.borrow_mut().insert(id, task);
        answer
    }

    /// Runs a future to its end, and the spawned ones meanwhile; those that have not ended are dropped.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> Result<T> {
        let mut first = pin!(future);
        let waker = TaskWaker::new(FIRST, &self.0.ready);
        loop {
            for id in self.0.ready.tasks.with(mem::take) {
                if id != FIRST {
                    self.poll(id);
                } else if let Poll::Ready(result) = waker.poll(first.as_mut()) {
                    drop(self.0.tasks.take());
                    return Ok(result);
                }
            }
            if let Err(errno) = self.sleep() {
                // They hold the executor that holds them.
                drop(self.0.tasks.take());
                return Err(errno);
            }
        }
    }

    fn poll(&self, id: u64) {
        // Taken out, as it may spawn others. Who has ended may be woken still.
        let task = self.0.tasks.borrow_mut().remove(&id);
        if let Some((mut future, waker)) = task
            && waker.poll(future.as_mut()).is_pending()
        {
            self.0.tasks.borrow_mut().insert(id, (future, waker));
        }
    }

    /// Sleeps until the bell rings or a descriptor is ready, and wakes who waits for it.
    fn sleep(&self) -> Result<()> {
        let mut events = [Event::EMPTY; 16];
        let events = match self.0.poller.wait(&mut events) {
            Err(Errno::INTR) => return Ok(()),
            events => events?,
        };
        for event in events {
            let waiting = self.0.waiting.borrow_mut().remove(&event.token());
            if event.token() == FIRST {
                self.0.ready.bell.try_wait()?;
            } else if let Some(waker) = waiting {
                waker.wake();
            }
        }
        Ok(())
    }
}

/// A descriptor whose readiness one future at a time awaits.
pub(crate) struct Source<T: AsFd> {
    fd: T,
    token: u64,
    runtime: Runtime,
}

impl<T: AsFd> Source<T> {
    pub(crate) fn new(runtime: &Runtime, fd: T) -> Result<Self> {
        let (token, runtime) = (runtime.number(), runtime.clone());
        let poller = &runtime.0.poller;
        poller.add(&fd, token, Interest::IN | Interest::EDGE)?;
        Ok(Self { fd, token, runtime })
    }

    pub(crate) fn get(&self) -> &T {
        &self.fd
    }

    /// Tries until the result is other than [`Errno::AGAIN`], each time that something can be read.
    pub(crate) async fn when_readable<R>(
        &self,
        mut attempt: impl FnMut(&T) -> Result<R>,
    ) -> Result<R> {
        poll_fn(|context| match attempt(&self.fd) {
            Err(Errno::AGAIN) => {
                let waker = context.waker().clone();
                self.runtime
                    .0
                    .waiting
                    .borrow_mut()
                    .insert(self.token, waker);
                Poll::Pending
            }
            result => Poll::Ready(result),
        })
        .await
    }
}

impl<T: AsFd> Drop for Source<T> {
    fn drop(&mut self) {
        let _ = self.runtime.0.poller.remove(&self.fd);
        self.runtime.0.waiting.borrow_mut().remove(&self.token);
    }
}
