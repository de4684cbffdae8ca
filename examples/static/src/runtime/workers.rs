//! [`Workers`]: threads for what would keep the executor from its tasks.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use rawipc::Result;
use rawipc::start::Start;
use rawipc::sync::Semaphore;
use rawipc::thread::{Builder, JoinHandle};

use crate::answer::{self, Answer};
use crate::lock::Lock;

type Job = Box<dyn FnOnce() + Send>;

struct Jobs {
    queue: Lock<VecDeque<Job>>,
    /// A unit for each job, and at the end one for each thread.
    some: Semaphore,
}

/// Threads that take jobs from one queue. Dropping it waits until all jobs are done.
pub(crate) struct Workers {
    jobs: Arc<Jobs>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    pub(crate) fn new(start: Start, count: usize) -> Result<Self> {
        let mut workers = Self {
            jobs: Arc::new(Jobs {
                queue: Lock::new(VecDeque::new()),
                some: Semaphore::new(0),
            }),
            threads: Vec::new(),
        };
        for _ in 0..count {
            let jobs = workers.jobs.clone();
            let thread = Builder::new(start)
                .name("worker")
                .spawn(move || work(&jobs))?;
            workers.threads.push(thread);
        }
        Ok(workers)
    }

    /// Has a thread run the job; its result can be awaited.
    pub(crate) fn run<T>(&self, job: impl FnOnce() -> T + Send + 'static) -> Answer<T>
    where
        T: Send + 'static,
    {
        let (giver, answer) = answer::channel();
        let job = Box::new(move || giver.give(job()));
        self.jobs.queue.with(|queue| queue.push_back(job));
        self.jobs.some.post().expect("fewer jobs than units");
        answer
    }
}

/// Until there is a unit for no job: all others have been taken then.
fn work(jobs: &Jobs) {
    loop {
        jobs.some.wait().expect("a kernel that lets it sleep");
        match jobs.queue.with(VecDeque::pop_front) {
            Some(job) => job(),
            None => return,
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for _ in &self.threads {
            let _ = self.jobs.some.post();
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
