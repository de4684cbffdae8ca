//! Pipes, sockets and message queues of the kernel, through libc.

use std::ffi::CString;
use std::hint::black_box;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;

use crate::way::{Receiver, Sender, Way};

/// Two ends of a stream, or of messages, and the size of what is sent.
pub struct Fds {
    to: Arc<OwnedFd>,
    from: Arc<OwnedFd>,
    size: usize,
}

pub struct Tx(Arc<OwnedFd>, Vec<u8>);
pub struct Rx(Arc<OwnedFd>, Vec<u8>);

impl Way for Fds {
    type Sender = Tx;
    type Receiver = Rx;

    fn sender(&self) -> Tx {
        Tx(self.to.clone(), vec![0; self.size])
    }

    fn receiver(&self) -> Rx {
        Rx(self.from.clone(), vec![0; self.size])
    }
}

impl Sender for Tx {
    fn send(&mut self, number: u64) {
        self.1[..8].copy_from_slice(&number.to_ne_bytes());
        let mut rest = black_box(&self.1[..]);
        while !rest.is_empty() {
            // SAFETY: as many bytes as are borrowed.
            let sent = unsafe { libc::write(self.0.as_raw_fd(), rest.as_ptr().cast(), rest.len()) };
            assert!(sent > 0, "{}", std::io::Error::last_os_error());
            rest = &rest[sent as usize..];
        }
    }
}

impl Receiver for Rx {
    fn recv(&mut self) -> u64 {
        let mut done = 0;
        while done < self.1.len() {
            let rest = &mut self.1[done..];
            // SAFETY: as many bytes as are borrowed.
            let came =
                unsafe { libc::read(self.0.as_raw_fd(), rest.as_mut_ptr().cast(), rest.len()) };
            assert!(came > 0, "{}", std::io::Error::last_os_error());
            done += came as usize;
        }
        u64::from_ne_bytes(black_box(&self.1)[..8].try_into().expect("eight"))
    }
}

fn owned([from, to]: [i32; 2], size: usize) -> Fds {
    // SAFETY: both were just made, and are nobody else's.
    let [from, to] = [from, to].map(|fd| Arc::new(unsafe { OwnedFd::from_raw_fd(fd) }));
    Fds { to, from, size }
}

pub fn pipe(size: usize) -> Fds {
    let mut fds = [0; 2];
    // SAFETY: room for two.
    let made = unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) };
    assert_eq!(made, 0, "a pipe");
    owned(fds, size)
}

pub fn socket(size: usize) -> Fds {
    let mut fds = [0; 2];
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    // SAFETY: room for two.
    let made = unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()) };
    assert_eq!(made, 0, "a pair of sockets");
    owned(fds, size)
}

/// A POSIX message queue without a name any more.
pub struct Queue(Arc<OwnedFd>, usize);
pub struct QueueTx(Arc<OwnedFd>, Vec<u8>);
pub struct QueueRx(Arc<OwnedFd>, Vec<u8>);

pub fn queue(size: usize) -> Queue {
    let name = CString::new(format!("/rawipc-peers-{}", std::process::id())).expect("a name");
    // SAFETY: any bytes are one.
    let mut limits: libc::mq_attr = unsafe { std::mem::zeroed() };
    limits.mq_maxmsg = 10;
    limits.mq_msgsize = size as i64;
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
    // SAFETY: a name and limits that live longer than the call.
    let fd = unsafe { libc::mq_open(name.as_ptr(), flags, 0o600, &raw const limits) };
    assert!(fd >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the same name.
    unsafe { libc::mq_unlink(name.as_ptr()) };
    // SAFETY: just made.
    Queue(Arc::new(unsafe { OwnedFd::from_raw_fd(fd) }), size)
}

impl Way for Queue {
    type Sender = QueueTx;
    type Receiver = QueueRx;

    fn sender(&self) -> QueueTx {
        QueueTx(self.0.clone(), vec![0; self.1])
    }

    fn receiver(&self) -> QueueRx {
        QueueRx(self.0.clone(), vec![0; self.1])
    }
}

impl Sender for QueueTx {
    fn send(&mut self, number: u64) {
        self.1[..8].copy_from_slice(&number.to_ne_bytes());
        let message = black_box(&self.1);
        let fd = self.0.as_raw_fd();
        // SAFETY: as many bytes as are borrowed.
        let sent = unsafe { libc::mq_send(fd, message.as_ptr().cast(), message.len(), 0) };
        assert_eq!(sent, 0, "{}", std::io::Error::last_os_error());
    }
}

impl Receiver for QueueRx {
    fn recv(&mut self) -> u64 {
        let (fd, to) = (self.0.as_raw_fd(), &mut self.1);
        let mut priority = 0;
        // SAFETY: as many bytes as are borrowed.
        let came =
            unsafe { libc::mq_receive(fd, to.as_mut_ptr().cast(), to.len(), &raw mut priority) };
        assert!(came > 0, "{}", std::io::Error::last_os_error());
        u64::from_ne_bytes(black_box(to)[..8].try_into().expect("eight"))
    }
}
