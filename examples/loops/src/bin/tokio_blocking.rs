//! In tokio, what has no descriptor: System V queues, and semaphores in shared memory.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rawipc::memory::MapOptions;
use rawipc::sync::Semaphore;
use rawipc::sysv::message::{self, Message, ReceiveFlags, Select};
use rawipc::sysv::{Create, Key};
use rawipc::{Deadline, Errno};
use tokio::task::spawn_blocking;

/// How long a thread waits before it looks whether anybody still wants the result.
const SLICE: Duration = Duration::from_millis(100);

/// Set when the future is dropped, which ends no thread by itself.
struct Cancelled(Arc<AtomicBool>);

impl Drop for Cancelled {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits in a thread of the runtime's pool, by calls that each end at a deadline. `None` if the
/// future was dropped meanwhile: `wait` is not called any more then.
async fn wait<T: Send + 'static>(
    mut wait: impl FnMut(Deadline) -> rawipc::Result<T> + Send + 'static,
) -> Result<T, Box<dyn Error>> {
    let cancelled = Cancelled(Arc::default());
    let is_cancelled = cancelled.0.clone();
    let result = spawn_blocking(move || {
        loop {
            match wait(SLICE.into()) {
                Err(Errno::TIMEDOUT) if !is_cancelled.load(Ordering::Relaxed) => {}
                result => break result,
            }
        }
    });
    Ok(result.await??)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let queue = message::create(Key::PRIVATE, Create::NEW)?;
    let received = wait(move |deadline| {
        let mut message = Message::<[u8; 5]>::empty();
        queue.receive_until(Select::Any, &mut message, ReceiveFlags::empty(), deadline)?;
        Ok(message)
    });
    // There is room: this does not wait.
    queue.try_send(&Message::new(1, *b"hello"))?;
    let received = received.await;
    queue.remove()?;
    assert_eq!(received?.bytes(), b"hello");

    let memory = Arc::new(MapOptions::shared(4096).map_anonymous()?);
    let wait_for_unit = {
        let memory = memory.clone();
        move |deadline| match memory.object::<Semaphore>(0) {
            Ok(semaphore) => semaphore.wait_until(deadline),
            Err(_) => Err(Errno::FAULT),
        }
    };
    let unit = wait(wait_for_unit.clone());
    memory.object::<Semaphore>(0)?.post()?; // another process, usually
    unit.await?;

    // Nobody posts: who gives up, as here, has the runtime end all the same.
    let never = wait(wait_for_unit);
    let late = tokio::time::timeout(Duration::from_millis(1), never).await;
    assert!(late.is_err());
    Ok(())
}
