//! The library's calls, each compiled into a function of a program with the same
//! interface as the one in assembly: what the library returns is looked at there.

use core::sync::atomic::{AtomicU32, Ordering};

use rawipc::event::eventfd::EventFd;
use rawipc::pipe::{Reader, Writer};
use rawipc::posix;
use rawipc::socket::Stream;
use rawipc::sync::futex::Scope;
use rawipc::sync::{Semaphore, futex};
use rawipc::sysv::message::{Message, ReceiveFlags, Select};
use rawipc::sysv::semaphore::Operation;
use rawipc::sysv::{message, semaphore};
use rawipc::{Deadline, Errno, Result, process};

use super::assembly::{ERRNO, Got};

/// What is sent.
pub(crate) type Body = [u8; 64];

/// Defines functions under the names by which the counter finds them.
macro_rules! calls {
    ($($name:ident($($argument:ident: $Type:ty),*) $call:expr)*) => {$(
        #[inline(never)]
        #[unsafe(no_mangle)]
        pub(crate) fn $name($($argument: $Type),*) -> isize {
            $call
        }
    )*};
}

calls! {
    ours_getppid() process::parent_id().map_or(0, |pid| pid.as_raw_pid() as isize)
    ours_pipe_write(writer: &Writer, bytes: &[u8]) len(writer.write(bytes))
    ours_pipe_read(reader: &Reader, buffer: &mut [u8]) len(reader.read(buffer))
    ours_msgsnd(queue: message::Queue, message: &Message<Body>) done(queue.send(message))
    ours_msgrcv(queue: message::Queue, message: &mut Message<Body>, kind: i64) {
        let received = queue.receive(Select::Type(kind), message, ReceiveFlags::empty());
        len(received.map(|()| message.len()))
    }
    ours_semop(set: semaphore::Set, operations: &[Operation]) done(set.operate(operations))
    ours_mq_send(queue: &posix::message::Queue, bytes: &[u8], priority: u32) {
        done(queue.send(bytes, priority))
    }
    ours_mq_timedsend(
        queue: &posix::message::Queue, bytes: &[u8], priority: u32, deadline: &Deadline
    ) {
        done(queue.send_until(bytes, priority, *deadline))
    }
    ours_send(socket: &Stream, bytes: &[u8]) len(socket.send(bytes))
    ours_recv(socket: &Stream, buffer: &mut [u8]) len(socket.recv(buffer))
    ours_eventfd_write(counter: &EventFd, amount: u64) done(counter.add(amount))
    ours_futex_wake(word: &AtomicU32, count: u32) len(futex::wake(word, count, Scope::Shared))
    ours_semaphore_post(semaphore: &Semaphore) if semaphore.post().is_ok() { 0 } else { -1 }
    ours_semaphore_try_wait(semaphore: &Semaphore) semaphore.try_wait().is_ok() as isize
    ours_semaphore_wait(semaphore: &Semaphore) done(semaphore.wait())
}

#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn ours_mq_receive(queue: &posix::message::Queue, buffer: &mut Body) -> Got {
    match queue.receive(buffer) {
        Ok(received) => Got {
            len: received.len as isize,
            priority: received.priority.into(),
        },
        Err(errno) => Got {
            len: failed(errno),
            priority: 0,
        },
    }
}

/// Returns as libc does.
#[inline]
fn len(result: Result<usize>) -> isize {
    match result {
        Ok(len) => len as isize,
        Err(errno) => failed(errno),
    }
}

#[inline]
fn done(result: Result<()>) -> isize {
    match result {
        Ok(()) => 0,
        Err(errno) => failed(errno),
    }
}

#[inline]
fn failed(errno: Errno) -> isize {
    ERRNO.store(errno.raw_os_error() as u32, Ordering::Relaxed);
    -1
}
