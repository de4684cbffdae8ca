//! [`Limit`]: every limit, where it stands, and what it limits.
#![forbid(unsafe_code)]

use core::ffi::CStr;
use core::fmt;

use rustix::process::{Resource, getrlimit};

use crate::Result;
use crate::procfs::{self, words};

/// Where a limit's value stands.
#[derive(Clone, Copy)]
enum Source {
    /// A word of the only line of a file.
    File(&'static CStr, usize),
    /// As `File`, and 0 means none.
    FileOrNone(&'static CStr),
    Resource(Resource),
}

/// Where it stands how much of it is in use.
#[derive(Clone, Copy)]
enum Use {
    Untold,
    /// Lines after the heading.
    Lines(&'static CStr, usize),
    /// The sum of a word of each line after the first.
    Sum(&'static CStr, usize),
    /// As `Sum`, of bytes each rounded up to pages.
    Pages(&'static CStr, usize),
    /// A word of the only line.
    Number(&'static CStr, usize),
    /// What follows a name, in units that are smaller by this.
    Named(&'static CStr, &'static [u8], u64),
    /// Names in a directory, without the one that it is looked at by.
    Names(&'static CStr),
    /// The maximum number of threads.
    Threads(&'static CStr),
}

struct Row {
    name: &'static str,
    source: Source,
    unit: &'static str,
    scope: &'static str,
    in_use: Use,
}

const IPC: &str = "in the IPC namespace";
const USER: &str = "of one user";
const PROCESS: &str = "of one process";
const SYSTEM: &str = "in the system";

macro_rules! limits {
    ($( $(#[$doc:meta])* $variant:ident: $name:literal, $source:expr, $unit:literal, $scope:expr, $in_use:expr; )*) => {
        /// A limit of the system on inter-process communication.
        ///
        /// # Examples
        ///
        /// ```
        /// use rawipc::limits::{Limit, Value};
        ///
        /// match Limit::Descriptors.read()?.value {
        ///     Value::Number(most) => println!("this process can have {most} descriptors"),
        ///     Value::Unlimited => println!("no limit but the memory"),
        /// }
        /// for limit in Limit::ALL {
        ///     println!("{}: {} {}", limit.name(), limit.unit(), limit.scope());
        /// }
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Limit {
            $( $(#[$doc])* $variant, )*
        }

        impl Limit {
            /// All limits.
            pub const ALL: &[Self] = &[$( Self::$variant, )*];

            fn row(self) -> &'static Row {
                match self {
                    $( Self::$variant => &const {
                        Row { name: $name, source: $source, unit: $unit, scope: $scope, in_use: $in_use }
                    }, )*
                }
            }
        }
    };
}

use Source::{File, FileOrNone, Resource as Rlimit};
use Use::{Lines, Named, Names, Number, Pages, Sum, Threads, Untold};

limits! {
    /// The maximum length of a message of a System V queue.
    #[doc(alias = "MSGMAX")]
    MessageBytes: "kernel.msgmax", File(c"/proc/sys/kernel/msgmax", 0), "bytes", "in one System V message", Untold;
    /// The capacity of a new System V queue in bytes.
    #[doc(alias = "MSGMNB")]
    MessageQueueBytes: "kernel.msgmnb", File(c"/proc/sys/kernel/msgmnb", 0), "bytes", "in a new System V queue", Untold;
    /// The maximum number of System V queues.
    #[doc(alias = "MSGMNI")]
    MessageQueues: "kernel.msgmni", File(c"/proc/sys/kernel/msgmni", 0), "message queues", IPC, Lines(c"/proc/sysvipc/msg", 1);

    /// The maximum number of semaphores in a set.
    #[doc(alias = "SEMMSL")]
    SemaphoresPerSet: "kernel.sem (1st)", File(c"/proc/sys/kernel/sem", 0), "semaphores", "in one set", Untold;
    /// The maximum number of System V semaphores.
    #[doc(alias = "SEMMNS")]
    Semaphores: "kernel.sem (2nd)", File(c"/proc/sys/kernel/sem", 1), "semaphores", "in all sets of the IPC namespace", Sum(c"/proc/sysvipc/sem", 3);
    /// The maximum number of operations in one `semop(2)`.
    #[doc(alias = "SEMOPM")]
    SemaphoreOperations: "kernel.sem (3rd)", File(c"/proc/sys/kernel/sem", 2), "operations", "in one call", Untold;
    /// The maximum number of semaphore sets.
    #[doc(alias = "SEMMNI")]
    SemaphoreSets: "kernel.sem (4th)", File(c"/proc/sys/kernel/sem", 3), "semaphore sets", IPC, Lines(c"/proc/sysvipc/sem", 1);

    /// The maximum size of a System V segment.
    #[doc(alias = "SHMMAX")]
    SegmentBytes: "kernel.shmmax", File(c"/proc/sys/kernel/shmmax", 0), "bytes", "in one segment", Untold;
    /// The maximum number of pages in all System V segments.
    #[doc(alias = "SHMALL")]
    SegmentPages: "kernel.shmall", File(c"/proc/sys/kernel/shmall", 0), "pages", "in all segments of the IPC namespace", Pages(c"/proc/sysvipc/shm", 3);
    /// The maximum number of System V segments.
    #[doc(alias = "SHMMNI")]
    Segments: "kernel.shmmni", File(c"/proc/sys/kernel/shmmni", 0), "segments", IPC, Lines(c"/proc/sysvipc/shm", 1);

    /// The maximum number of POSIX queues; `CAP_SYS_RESOURCE` exceeds it.
    PosixQueues: "fs.mqueue.queues_max", File(c"/proc/sys/fs/mqueue/queues_max", 0), "POSIX message queues", IPC, Untold;
    /// The maximum capacity of a POSIX queue in messages; `CAP_SYS_RESOURCE` exceeds it.
    PosixQueueMessages: "fs.mqueue.msg_max", File(c"/proc/sys/fs/mqueue/msg_max", 0), "messages", "in one POSIX queue", Untold;
    /// The maximum length of a message of a POSIX queue; `CAP_SYS_RESOURCE` exceeds it.
    PosixMessageBytes: "fs.mqueue.msgsize_max", File(c"/proc/sys/fs/mqueue/msgsize_max", 0), "bytes", "in one message of a POSIX queue", Untold;
    /// The default capacity of a POSIX queue in messages.
    PosixQueueMessagesDefault: "fs.mqueue.msg_default", File(c"/proc/sys/fs/mqueue/msg_default", 0), "messages", "in a POSIX queue that does not say", Untold;
    /// The default maximum length of a message of a POSIX queue.
    PosixMessageBytesDefault: "fs.mqueue.msgsize_default", File(c"/proc/sys/fs/mqueue/msgsize_default", 0), "bytes", "in one message of a POSIX queue that does not say", Untold;

    /// The maximum capacity of a pipe without `CAP_SYS_RESOURCE`.
    PipeBytes: "fs.pipe-max-size", File(c"/proc/sys/fs/pipe-max-size", 0), "bytes", "in one pipe", Untold;
    /// The number of pages in pipes beyond which a user gets only pipes of one or two pages.
    PipePagesSoft: "fs.pipe-user-pages-soft", FileOrNone(c"/proc/sys/fs/pipe-user-pages-soft"), "pages", "in all pipes of one user, above which new ones are small", Untold;
    /// The number of pages in pipes beyond which a user gets no more pipes.
    PipePagesHard: "fs.pipe-user-pages-hard", FileOrNone(c"/proc/sys/fs/pipe-user-pages-hard"), "pages", "in all pipes of one user", Untold;

    /// The maximum number of inotify descriptions of a user.
    InotifyInstances: "fs.inotify.max_user_instances", File(c"/proc/sys/fs/inotify/max_user_instances", 0), "inotify instances", USER, Untold;
    /// The maximum number of directories and files that a user watches.
    InotifyWatches: "fs.inotify.max_user_watches", File(c"/proc/sys/fs/inotify/max_user_watches", 0), "inotify watches", USER, Untold;
    /// The number of events that an inotify queue holds before it overflows.
    InotifyQueue: "fs.inotify.max_queued_events", File(c"/proc/sys/fs/inotify/max_queued_events", 0), "events", "in a queue of inotify", Untold;
    /// The maximum number of registrations in pollers of a user.
    EpollWatches: "fs.epoll.max_user_watches", File(c"/proc/sys/fs/epoll/max_user_watches", 0), "registrations with epoll", USER, Untold;

    /// The maximum number of open file descriptions; `CAP_SYS_ADMIN` exceeds it.
    Files: "fs.file-max", File(c"/proc/sys/fs/file-max", 0), "open file descriptions", SYSTEM, Number(c"/proc/sys/fs/file-nr", 0);
    /// The highest value that a process's limit of descriptors can be set to.
    DescriptorsMost: "fs.nr_open", File(c"/proc/sys/fs/nr_open", 0), "descriptors", "as the highest RLIMIT_NOFILE", Untold;
    /// The maximum number of descriptors of this process: new ones have smaller numbers.
    #[doc(alias = "RLIMIT_NOFILE")]
    Descriptors: "RLIMIT_NOFILE", Rlimit(Resource::Nofile), "descriptors", PROCESS, Names(procfs::DESCRIPTORS);
    /// The maximum number of bytes in POSIX queues of this user, including the kernel's
    /// overhead for each message.
    #[doc(alias = "RLIMIT_MSGQUEUE")]
    PosixQueueBytes: "RLIMIT_MSGQUEUE", Rlimit(Resource::Msgqueue), "bytes", "in all POSIX queues of one user", Untold;
    /// The maximum number of bytes that this process can lock in memory; `CAP_IPC_LOCK` exceeds
    /// it.
    #[doc(alias = "RLIMIT_MEMLOCK")]
    LockedBytes: "RLIMIT_MEMLOCK", Rlimit(Resource::Memlock), "bytes", "locked by one process", Named(procfs::STATUS, b"VmLck:", 1024);
    /// The maximum number of queued signals of this user, including those of timers.
    #[doc(alias = "RLIMIT_SIGPENDING")]
    QueuedSignals: "RLIMIT_SIGPENDING", Rlimit(Resource::Sigpending), "queued signals", USER, Named(procfs::STATUS, b"SigQ:", 1);
    /// The maximum number of threads of this user; `CAP_SYS_RESOURCE` and `CAP_SYS_ADMIN`
    /// exceed it.
    #[doc(alias = "RLIMIT_NPROC")]
    Processes: "RLIMIT_NPROC", Rlimit(Resource::Nproc), "processes and threads", USER, Untold;
    /// The maximum length to which this process can extend a file.
    #[doc(alias = "RLIMIT_FSIZE")]
    FileBytes: "RLIMIT_FSIZE", Rlimit(Resource::Fsize), "bytes", "in a file made longer by this process", Untold;
    /// The maximum number of bytes that this process can map.
    #[doc(alias = "RLIMIT_AS")]
    AddressSpace: "RLIMIT_AS", Rlimit(Resource::As), "bytes", "mapped by one process", Named(procfs::STATUS, b"VmSize:", 1024);

    /// The maximum number of mappings of a process.
    Mappings: "vm.max_map_count", File(c"/proc/sys/vm/max_map_count", 0), "mappings", PROCESS, Lines(procfs::MAPS, 0);
    /// The number of reserved huge pages of the default size.
    HugePages: "vm.nr_hugepages", File(c"/proc/sys/vm/nr_hugepages", 0), "huge pages", SYSTEM, Untold;
    /// The maximum number of threads.
    Threads: "kernel.threads-max", File(c"/proc/sys/kernel/threads-max", 0), "processes and threads", SYSTEM, Threads(c"/proc/loadavg");
    /// The number that process and thread numbers stay below.
    ProcessNumbers: "kernel.pid_max", File(c"/proc/sys/kernel/pid_max", 0), "numbers of processes and threads", "in the PID namespace", Threads(c"/proc/loadavg");

    /// The maximum number of messages queued in a UNIX datagram socket.
    DatagramQueue: "net.unix.max_dgram_qlen", File(c"/proc/sys/net/unix/max_dgram_qlen", 0), "datagrams", "waiting in one UNIX socket made from now on", Untold;
    /// The maximum number of connections that wait to be accepted.
    Backlog: "net.core.somaxconn", File(c"/proc/sys/net/core/somaxconn", 0), "connections", "waiting to be accepted", Untold;
    /// The default size of a send buffer.
    SendBufferDefault: "net.core.wmem_default", File(c"/proc/sys/net/core/wmem_default", 0), "bytes", "in the send buffer of a socket that does not say", Untold;
    /// The largest send buffer that can be requested without `CAP_NET_ADMIN`; twice that is
    /// granted.
    SendBuffer: "net.core.wmem_max", File(c"/proc/sys/net/core/wmem_max", 0), "bytes", "asked for as a send buffer", Untold;
    /// The largest receive buffer that can be requested without `CAP_NET_ADMIN`; twice that is
    /// granted.
    ReceiveBuffer: "net.core.rmem_max", File(c"/proc/sys/net/core/rmem_max", 0), "bytes", "asked for as a receive buffer", Untold;
}

/// The value of a [`Limit`].
///
/// # Examples
///
/// ```
/// use rawipc::limits::{Limit, Value};
///
/// let is_enough = match Limit::FileBytes.read()?.value {
///     Value::Number(bytes) => bytes >= 1 << 20,
///     Value::Unlimited => true,
/// };
/// println!("a file of 1 MiB is allowed: {is_enough}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// This many.
    Number(u64),
    /// No limit but the available memory.
    Unlimited,
}

/// A [`Limit`] with its value at one moment.
///
/// # Examples
///
/// ```
/// use rawipc::limits::Limit;
///
/// let reading = Limit::Descriptors.read()?;
/// assert_eq!(reading.limit, Limit::Descriptors);
/// println!("{reading}"); // name, value, use and scope in one line
/// if let Some(hard) = reading.hard {
///     println!("can be raised to {hard}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The limit.
    pub limit: Limit,
    /// Its value; for a resource limit the soft one, which applies.
    pub value: Value,
    /// The hard resource limit, to which this process can raise the soft one; `None` for other
    /// limits.
    pub hard: Option<Value>,
    /// How much is in use, if the kernel reports it.
    pub in_use: Option<u64>,
}

impl Limit {
    /// Returns the name of the limit: that of `sysctl(8)`, or the C name of a resource limit.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Returns what is counted: "bytes", "semaphore sets".
    #[must_use]
    pub fn unit(self) -> &'static str {
        self.row().unit
    }

    /// Returns in what it is counted: "in one message", "of one user".
    #[must_use]
    pub fn scope(self) -> &'static str {
        self.row().scope
    }

    /// Reads the current value.
    ///
    /// # Errors
    ///
    /// [`Errno::NOENT`](crate::Errno::NOENT): there is no `/proc`, or the kernel
    /// was built without this mechanism. What is in use is then unknown too.
    pub fn read(self) -> Result<Reading> {
        let (value, hard) = match self.row().source {
            File(path, column) => (Value::Number(words::number(path, column)?), None),
            FileOrNone(path) => match words::number(path, 0)? {
                0 => (Value::Unlimited, None),
                number => (Value::Number(number), None),
            },
            Rlimit(resource) => {
                let limit = getrlimit(resource);
                (limit.current.into(), Some(limit.maximum.into()))
            }
        };
        Ok(Reading {
            limit: self,
            value,
            hard,
            in_use: self.in_use(),
        })
    }

    fn in_use(self) -> Option<u64> {
        let result = match self.row().in_use {
            Untold => return None,
            Lines(path, heading) => words::lines(path, heading),
            Sum(path, column) => words::sum(path, column, 1),
            Pages(path, column) => words::named(procfs::SMAPS, b"KernelPageSize:")
                .and_then(|kib| words::sum(path, column, kib.saturating_mul(1024))),
            Number(path, column) => words::number(path, column),
            Named(path, name, unit) => {
                words::named(path, name).map(|number| number.saturating_mul(unit))
            }
            Names(path) => words::names(path).map(|count| count.saturating_sub(1)),
            Threads(path) => words::after_slash(path),
        };
        result.ok()
    }
}

impl From<Option<u64>> for Value {
    fn from(value: Option<u64>) -> Self {
        value.map_or(Self::Unlimited, Self::Number)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.limit.row();
        write!(f, "{} = {} {}", row.name, self.value, row.unit)?;
        if let Some(hard) = self.hard.filter(|hard| *hard != self.value) {
            write!(f, " (can be raised to {hard})")?;
        }
        if let Some(in_use) = self.in_use {
            write!(f, ", {in_use} in use")?;
        }
        write!(f, ": {}", row.scope)
    }
}
