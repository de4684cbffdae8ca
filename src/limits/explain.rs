//! [`explain`]: which limits a refusal can have been.
#![forbid(unsafe_code)]

use core::fmt;

use super::table::Limit;
use crate::Errno;
use crate::errno::Described;

/// A call that a limit can refuse: one that creates something, enlarges it, or queues.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::limits::{Call, explain};
/// use rawipc::pipe::{self, PipeFlags};
///
/// match pipe::create(PipeFlags::empty()) {
///     Ok(_ends) => {}
///     Err(errno) => eprintln!("no pipe: {}", explain(Call::Pipe, errno)),
/// }
/// // Calls without an entry of their own that return a descriptor:
/// println!("{}", explain(Call::Descriptor, Errno::MFILE));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// `msgget(2)`: a System V message queue.
    Msgget,
    /// `msgsnd(2)`: a message in one.
    Msgsnd,
    /// `msgctl(2)` with `IPC_SET`: how many bytes a queue holds.
    MsgctlSet,
    /// `semget(2)`: a System V semaphore set.
    Semget,
    /// `semop(2)`, `semtimedop(2)`.
    Semop,
    /// `semctl(2)` with `SETVAL` or `SETALL`.
    SemctlSet,
    /// `shmget(2)`: a System V segment.
    Shmget,
    /// `shmat(2)`: a segment in this process.
    Shmat,
    /// `shmctl(2)` with `SHM_LOCK`.
    ShmctlLock,
    /// `mq_open(3)`: a POSIX message queue.
    MqOpen,
    /// `mq_send(3)`.
    MqSend,
    /// `mq_notify(3)`.
    MqNotify,
    /// `pipe(2)`, and opening a FIFO.
    Pipe,
    /// `fcntl(2)` with `F_SETPIPE_SZ`: the capacity of a pipe.
    PipeCapacity,
    /// Any call that returns a descriptor and has no entry of its own: `open`, `socket`,
    /// `accept`, `eventfd`, `timerfd_create`, `memfd_create`, `dup` …
    Descriptor,
    /// Receiving descriptors over a UNIX socket: `recvmsg(2)` with `SCM_RIGHTS`.
    ReceiveDescriptors,
    /// Sending descriptors over a UNIX socket: `sendmsg(2)` with `SCM_RIGHTS`.
    SendDescriptors,
    /// Sending a datagram or a packet over a UNIX socket.
    SendDatagram,
    /// `connect(2)` to a UNIX socket.
    Connect,
    /// `inotify_init1(2)`.
    InotifyInit,
    /// `inotify_add_watch(2)`.
    InotifyAddWatch,
    /// `epoll_ctl(2)` with `EPOLL_CTL_ADD`.
    EpollAdd,
    /// `mmap(2)`.
    Mmap,
    /// `mremap(2)`.
    Mremap,
    /// `mlock(2)`, `mlock2(2)`, `mlockall(2)`.
    Mlock,
    /// `ftruncate(2)`, `fallocate(2)`, and writing beyond the end of a file.
    FileSize,
    /// `rt_sigqueueinfo(2)`: `sigqueue(3)`, and real-time signals by `kill(2)`.
    Sigqueue,
    /// `timer_create(2)`.
    TimerCreate,
    /// `fork(2)`, `clone(2)`, and threads.
    Fork,
    /// `setrlimit(2)`, `prlimit(2)`.
    Setrlimit,
}

/// The limits that can be the reason for a refusal. Its `Display` lists them with their current
/// values, one a line.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::limits::{Call, Limit, explain};
///
/// let explanation = explain(Call::MqOpen, Errno::MFILE);
/// assert_eq!((explanation.call(), explanation.errno()), (Call::MqOpen, Errno::MFILE));
/// assert!(explanation.limits().contains(&Limit::PosixQueueBytes));
/// eprintln!("{explanation}"); // each limit with its value and, where known, its use
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    call: Call,
    errno: Errno,
    limits: &'static [Limit],
    note: &'static str,
}

/// Returns the limits that can be the reason that `call` failed with `errno`.
///
/// That it names none means that no limit is the reason, as far as this crate knows;
/// [`Explanation::note`] then may say what is.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::limits::{Call, Limit, explain};
///
/// let explanation = explain(Call::MqOpen, Errno::MFILE);
/// assert_eq!(explanation.limits(), [Limit::PosixQueueBytes, Limit::Descriptors]);
/// for reading in explanation.limits().iter().filter_map(|limit| limit.read().ok()) {
///     println!("{}: {}", reading.limit, reading.value);
/// }
/// assert!(explain(Call::Semget, Errno::ACCESS).limits().is_empty());
/// ```
#[must_use]
pub fn explain(call: Call, errno: Errno) -> Explanation {
    let (limits, note) = reasons(call, errno);
    Explanation {
        call,
        errno,
        limits,
        note,
    }
}

impl Explanation {
    /// Returns the call that was refused.
    #[must_use]
    pub fn call(&self) -> Call {
        self.call
    }

    /// Returns the error that it was refused with.
    #[must_use]
    pub fn errno(&self) -> Errno {
        self.errno
    }

    /// Returns the limits that can be the reason, the likeliest first.
    #[must_use]
    pub fn limits(&self) -> &'static [Limit] {
        self.limits
    }

    /// Returns what else can be the reason; empty if nothing.
    #[must_use]
    pub fn note(&self) -> &'static str {
        self.note
    }
}

/// The table: what the kernel's code does, as its manual pages do not tell it all.
fn reasons(call: Call, errno: Errno) -> (&'static [Limit], &'static str) {
    use Limit as L;
    const NONE: &[Limit] = &[];
    const CONTROL_GROUP: &str = "or the control group's pids.max";
    const MEMORY: &str = "or there is no memory, for the system (vm.overcommit_memory) or the control group (memory.max)";
    match (call, errno) {
        (Call::Msgget, Errno::NOSPC) => (&[L::MessageQueues], ""),
        (Call::Msgsnd, Errno::INVAL) => (
            &[L::MessageBytes],
            "or the type is not positive, or there is no such queue",
        ),
        (Call::Msgsnd, Errno::AGAIN) => (
            &[L::MessageQueueBytes],
            "the queue is full; its own limit is what it was made with or set to, and counts messages as well as bytes",
        ),
        (Call::MsgctlSet, Errno::PERM) => (
            &[L::MessageQueueBytes],
            "above it for CAP_SYS_RESOURCE alone; or another user's queue",
        ),

        (Call::Semget, Errno::NOSPC) => (&[L::SemaphoreSets, L::Semaphores], ""),
        (Call::Semget, Errno::INVAL) => (
            &[L::SemaphoresPerSet],
            "or the set exists and has fewer, or none were asked for",
        ),
        (Call::Semop, Errno::TOOBIG) => (&[L::SemaphoreOperations], ""),
        (Call::Semop | Call::SemctlSet, Errno::RANGE) => {
            (NONE, "the value of a semaphore is at most 32767")
        }

        (Call::Shmget, Errno::NOSPC) => (&[L::Segments, L::SegmentPages], ""),
        (Call::Shmget, Errno::INVAL) => (
            &[L::SegmentBytes],
            "or the segment exists and is smaller, or 0 bytes were asked for",
        ),
        (Call::Shmget, Errno::NOMEM) => (&[L::HugePages], MEMORY),
        (Call::Shmget, Errno::NFILE) => (&[L::Files], ""),
        (Call::Shmget, Errno::PERM) => (
            NONE,
            "huge pages are for CAP_IPC_LOCK and for the group vm.hugetlb_shm_group",
        ),
        (Call::Shmat, Errno::NOMEM) => (&[L::Mappings, L::AddressSpace], MEMORY),
        (Call::ShmctlLock, Errno::NOMEM | Errno::PERM) => {
            (&[L::LockedBytes], "or another user's segment")
        }

        (Call::MqOpen, Errno::MFILE) => (&[L::PosixQueueBytes, L::Descriptors], ""),
        (Call::MqOpen, Errno::NOSPC) => (&[L::PosixQueues], ""),
        (Call::MqOpen, Errno::INVAL) => (
            &[L::PosixQueueMessages, L::PosixMessageBytes],
            "or a size of 0, or the name is not one",
        ),
        (Call::MqOpen, Errno::NOMEM) => (NONE, MEMORY),
        (Call::MqSend, Errno::MSGSIZE) => (
            NONE,
            "the queue's own size of messages, which it was made with",
        ),
        (Call::MqSend, Errno::AGAIN) => (
            NONE,
            "the queue is full: it has as many messages as it was made for",
        ),
        (Call::MqNotify, Errno::NOMEM) => (NONE, MEMORY),

        (Call::Pipe, Errno::NFILE) => (&[L::Files, L::PipePagesHard], ""),
        (Call::PipeCapacity, Errno::PERM) => (
            &[L::PipeBytes, L::PipePagesSoft, L::PipePagesHard],
            "above them for CAP_SYS_RESOURCE alone",
        ),
        (Call::PipeCapacity, Errno::BUSY) => (NONE, "the pipe holds more than that"),
        (Call::PipeCapacity, Errno::NOMEM) => (NONE, MEMORY),

        (Call::InotifyInit, Errno::MFILE) => (&[L::InotifyInstances, L::Descriptors], ""),
        (Call::InotifyAddWatch, Errno::NOSPC) => (&[L::InotifyWatches], ""),
        (Call::EpollAdd, Errno::NOSPC) => (&[L::EpollWatches], ""),

        (Call::ReceiveDescriptors, Errno::MFILE) => (
            &[L::Descriptors],
            "the kernel itself reports it as a truncated control message",
        ),
        (Call::SendDescriptors, Errno::TOOMANYREFS) => (
            &[L::Descriptors],
            "of this user's descriptors that are under way in messages; or they are nested too deep",
        ),
        (Call::SendDescriptors, Errno::INVAL) => {
            (NONE, "one message carries at most 253 descriptors")
        }
        (Call::SendDatagram, Errno::AGAIN) => (
            &[L::DatagramQueue, L::SendBufferDefault],
            "the receiver's queue or this socket's send buffer is full",
        ),
        (Call::SendDatagram, Errno::MSGSIZE) => (
            &[L::SendBufferDefault, L::SendBuffer],
            "a message must fit into this socket's send buffer",
        ),
        (Call::SendDatagram | Call::SendDescriptors, Errno::NOBUFS | Errno::NOMEM) => {
            (NONE, MEMORY)
        }
        (Call::Connect, Errno::AGAIN) => (
            &[L::Backlog],
            "or what the listener asked for, if that is less: as many wait to be accepted",
        ),

        (Call::Mmap, Errno::NOMEM) => (&[L::Mappings, L::AddressSpace, L::HugePages], MEMORY),
        (Call::Mmap | Call::Mremap, Errno::AGAIN) => (&[L::LockedBytes], ""),
        (Call::Mmap, Errno::PERM) => (&[L::LockedBytes], "or sealed, or not to be executed"),
        (Call::Mremap, Errno::NOMEM) => (&[L::Mappings, L::AddressSpace], MEMORY),
        (Call::Mlock, Errno::NOMEM) => (
            &[L::LockedBytes, L::Mappings],
            "or some of it is not mapped",
        ),
        (Call::Mlock, Errno::PERM) => (&[L::LockedBytes], "which is 0, without CAP_IPC_LOCK"),
        (Call::Mlock, Errno::AGAIN) => (&[L::LockedBytes], MEMORY),

        (Call::FileSize, Errno::FBIG) => (
            &[L::FileBytes],
            "or the largest file that the file system can have; SIGXFSZ comes with it",
        ),
        (Call::FileSize, Errno::NOSPC) => (
            &[L::HugePages],
            "or the file system is full: of /dev/shm that is its mount option size",
        ),

        (Call::Sigqueue | Call::TimerCreate, Errno::AGAIN) => (&[L::QueuedSignals], ""),
        (Call::Fork, Errno::AGAIN) => (
            &[L::Processes, L::Threads, L::ProcessNumbers],
            CONTROL_GROUP,
        ),
        (Call::Fork, Errno::NOMEM) => (NONE, MEMORY),
        (Call::Setrlimit, Errno::PERM) => (
            &[L::DescriptorsMost],
            "of descriptors; or raising a hard limit without CAP_SYS_RESOURCE",
        ),

        // What is the same of every call that makes a descriptor.
        (
            Call::Descriptor
            | Call::Pipe
            | Call::MqOpen
            | Call::InotifyInit
            | Call::ReceiveDescriptors,
            errno,
        ) => match errno {
            Errno::MFILE => (&[L::Descriptors], ""),
            Errno::NFILE => (&[L::Files], ""),
            Errno::NOMEM | Errno::NOBUFS => (NONE, MEMORY),
            _ => (NONE, ""),
        },
        (Call::InotifyAddWatch | Call::EpollAdd, Errno::NOMEM) => (NONE, MEMORY),
        (Call::Mmap, Errno::NFILE) => (&[L::Files], ""),
        _ => (NONE, ""),
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Msgget => "msgget",
            Self::Msgsnd => "msgsnd",
            Self::MsgctlSet => "msgctl(IPC_SET)",
            Self::Semget => "semget",
            Self::Semop => "semop",
            Self::SemctlSet => "semctl(SETVAL)",
            Self::Shmget => "shmget",
            Self::Shmat => "shmat",
            Self::ShmctlLock => "shmctl(SHM_LOCK)",
            Self::MqOpen => "mq_open",
            Self::MqSend => "mq_send",
            Self::MqNotify => "mq_notify",
            Self::Pipe => "pipe",
            Self::PipeCapacity => "fcntl(F_SETPIPE_SZ)",
            Self::Descriptor => "making a descriptor",
            Self::ReceiveDescriptors => "receiving descriptors",
            Self::SendDescriptors => "sending descriptors",
            Self::SendDatagram => "sending a datagram",
            Self::Connect => "connect",
            Self::InotifyInit => "inotify_init1",
            Self::InotifyAddWatch => "inotify_add_watch",
            Self::EpollAdd => "epoll_ctl(EPOLL_CTL_ADD)",
            Self::Mmap => "mmap",
            Self::Mremap => "mremap",
            Self::Mlock => "mlock",
            Self::FileSize => "making a file longer",
            Self::Sigqueue => "sigqueue",
            Self::TimerCreate => "timer_create",
            Self::Fork => "fork",
            Self::Setrlimit => "setrlimit",
        })
    }
}

/// The C name of an error that a limit can cause, or its number.
struct Name(Errno);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Errno::AGAIN => "EAGAIN",
            Errno::BUSY => "EBUSY",
            Errno::FBIG => "EFBIG",
            Errno::INVAL => "EINVAL",
            Errno::MFILE => "EMFILE",
            Errno::MSGSIZE => "EMSGSIZE",
            Errno::NFILE => "ENFILE",
            Errno::NOBUFS => "ENOBUFS",
            Errno::NOMEM => "ENOMEM",
            Errno::NOSPC => "ENOSPC",
            Errno::PERM => "EPERM",
            Errno::RANGE => "ERANGE",
            Errno::TOOBIG => "E2BIG",
            Errno::TOOMANYREFS => "ETOOMANYREFS",
            errno => return write!(f, "error {}", errno.raw_os_error()),
        })
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call, Name(self.errno))?;
        match (self.limits, self.note) {
            ([], "") => return f.write_str(" is no limit of the system"),
            ([], note) => return write!(f, ": {note}"),
            ([_], _) => f.write_str(" can be this limit:")?,
            _ => f.write_str(" can be one of these limits:")?,
        }
        for limit in self.limits {
            match limit.read() {
                Ok(reading) => write!(f, "\n  {reading}")?,
                Err(errno) => write!(f, "\n  {limit} (cannot be read: {})", Described(errno))?,
            }
        }
        if !self.note.is_empty() {
            write!(f, "\n  {}", self.note)?;
        }
        Ok(())
    }
}
