//! What the tests of System V's three mechanisms share.

use core::ops::Deref;
use core::sync::atomic::{AtomicI32, Ordering};

use rawipc::sysv::{Key, memory::Segment, message::Queue, semaphore::Set};

/// A queue, set or segment that is removed in any case.
pub(crate) struct Temporary<T: Object>(pub(crate) T);

pub(crate) trait Object: Copy {
    fn remove(self) -> rawipc::Result<()>;
}

impl Object for Queue {
    fn remove(self) -> rawipc::Result<()> {
        Self::remove(self)
    }
}

impl Object for Set {
    fn remove(self) -> rawipc::Result<()> {
        Self::remove(self)
    }
}

impl Object for Segment {
    fn remove(self) -> rawipc::Result<()> {
        Self::remove(self)
    }
}

impl<T: Object> Deref for Temporary<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Object> Drop for Temporary<T> {
    fn drop(&mut self) {
        // The test has perhaps done so.
        let _ = self.0.remove();
    }
}

/// A key that no other test has, nor another test process.
pub(crate) fn fresh_key() -> Key {
    static NEXT: AtomicI32 = AtomicI32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id() as i32 & 0x3f_ffff;
    Key::from_raw((process << 9) | (number << 1) | 1)
}

/// Runs `body` in a thread that is another user's, without privileges; only root can.
pub(crate) fn as_another_user(body: impl FnOnce() + Send) {
    if !super::needs::root() {
        return;
    }
    let unprivileged = || {
        const NOBODY: u32 = 65534;
        let (uid, gid) = (
            rustix::process::Uid::from_raw(NOBODY),
            rustix::process::Gid::from_raw(NOBODY),
        );
        rustix::thread::set_thread_groups(&[]).expect("root may");
        rustix::thread::set_thread_res_gid(gid, gid, gid).expect("root may");
        rustix::thread::set_thread_res_uid(uid, uid, uid).expect("root may");
        body();
    };
    std::thread::scope(|scope| {
        let thread = scope.spawn(unprivileged);
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// A number in a file of `/proc/sys/kernel`, by its place.
pub(crate) fn kernel_number(name: &str, place: usize) -> usize {
    let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).expect("a limit");
    let word = text.split_whitespace().nth(place).expect("a number");
    word.parse().expect("a number")
}
