//! Process events reported by the kernel: the process-event connector, `<linux/cn_proc.h>`.
//!
//! A [`Monitor`] receives the events of all threads and processes of the system: forks, execs,
//! exits, new users, groups, sessions and names, tracers. Events do not delay the processes
//! that they concern, and are lost if they come faster than they are received: then receiving
//! fails with [`Errno::NOBUFS`].
//!
//! The kernel reports only to processes in the initial PID and user namespaces, and before
//! Linux 6.6 only to those with `CAP_NET_ADMIN`. Others do not even get [`What::Listening`];
//! they receive what another process has subscribed to, as long as that one listens, with the
//! numbers of the initial namespace.
//!
//! To wait for the end of one process, a pidfd is better: it works everywhere, and
//! nothing is lost.

use core::time::Duration;

use bitflags::bitflags;

use super::super::address;
use super::super::message::{Gid, Uid};
use super::message::{Content, Fields, Flags, Messages, write};
use super::{NetlinkAddress, Protocol, Socket};
use crate::guard::maker::Maker;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::{AsFd, BorrowedFd, Deadline, Errno, Pid, Result};

/// The connector's number of process events: `CN_IDX_PROC`, `CN_VAL_PROC`.
const PROCESSES: [u32; 2] = [1, 1];

/// `PROC_CN_MCAST_LISTEN` and `PROC_CN_MCAST_IGNORE`.
const LISTEN: u32 = 1;
const IGNORE: u32 = 2;

/// `NLMSG_DONE`, which is how the connector marks its messages.
const DONE: u16 = 3;

bitflags! {
    /// The kinds of process events that a [`Monitor`] receives.
    ///
    /// # Examples
    ///
    /// With privilege, in the initial namespaces:
    ///
    /// ```no_run
    /// use rawipc::socket::netlink::process::{Kinds, Monitor};
    ///
    /// let monitor = Monitor::open_for(Kinds::EXEC | Kinds::EXIT)?;
    /// println!("{:?}", monitor.next()?.what);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Kinds: u32 {
        /// [`What::Fork`].
        const FORK = 0x1;
        /// [`What::Exec`].
        const EXEC = 0x2;
        /// [`What::User`].
        const USER = 0x4;
        /// [`What::Group`].
        const GROUP = 0x40;
        /// [`What::Session`].
        const SESSION = 0x80;
        /// [`What::Trace`].
        const TRACE = 0x100;
        /// [`What::Name`].
        const NAME = 0x200;
        /// [`What::Exit`] with a status other than 0, if [`EXIT`](Self::EXIT) is not requested.
        /// Linux 6.6.
        const FAILURE = 0x2000_0000;
        /// [`What::CoreDump`].
        const CORE_DUMP = 0x4000_0000;
        /// [`What::Exit`].
        const EXIT = 0x8000_0000;
        const _ = !0;
    }
}

/// A thread that an event names; 0 where there is none.
///
/// # Examples
///
/// ```
/// use rawipc::socket::netlink::process::Thread;
///
/// let main = Thread { thread: 100, process: 100 };
/// let another = Thread { thread: 101, process: 100 };
/// assert!(main.is_first() && !another.is_first());
/// assert_eq!(main.pid(), another.pid());
/// assert_eq!(Thread::default().pid(), None); // there is none
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Thread {
    /// The number of the thread.
    pub thread: u32,
    /// The number of its process, which is also that of the process's first thread.
    pub process: u32,
}

impl Thread {
    /// Returns whether it is the first thread of its process.
    #[must_use]
    pub fn is_first(self) -> bool {
        self.thread == self.process
    }

    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            thread: fields.u32()?,
            process: fields.u32()?,
        })
    }

    /// Returns the number of its process.
    #[must_use]
    pub fn pid(self) -> Option<Pid> {
        i32::try_from(self.process).ok().and_then(Pid::from_raw)
    }
}

/// A process event: something that a process or thread did.
///
/// # Examples
///
/// With privilege, in the initial namespaces:
///
/// ```no_run
/// use rawipc::socket::netlink::process::{Event, Monitor};
///
/// let monitor = Monitor::open()?;
/// let Event { cpu, time, what } = monitor.next()?;
/// println!("{time:?} on processor {cpu}: {what:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The processor that it happened on.
    pub cpu: u32,
    /// The time of the event, on `CLOCK_MONOTONIC`.
    pub time: Duration,
    /// What happened.
    pub what: What,
}

/// The content of a process event.
///
/// # Examples
///
/// With privilege, in the initial namespaces:
///
/// ```no_run
/// use rawipc::socket::netlink::process::{Monitor, What};
///
/// let monitor = Monitor::open()?;
/// loop {
///     match monitor.next()?.what {
///         What::Listening(result) => result?,
///         What::Exec { by } => println!("process {} executes another program", by.process),
///         What::Exit { .. } => break,
///         _ => {}
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// The outcome of a request to listen or to stop, of this or another monitor.
    Listening(Result<()>),
    /// A thread or process was created.
    Fork {
        /// Its creator; for a thread, the parent of its process.
        parent: Thread,
        /// The new thread or process.
        child: Thread,
    },
    /// A process executed another program.
    Exec {
        /// The thread.
        by: Thread,
    },
    /// A thread changed its user.
    User {
        /// The thread.
        by: Thread,
        /// The new real user.
        real: Uid,
        /// The new effective user.
        effective: Uid,
    },
    /// A thread changed its group.
    Group {
        /// The thread.
        by: Thread,
        /// The new real group.
        real: Gid,
        /// The new effective group.
        effective: Gid,
    },
    /// A process started a session.
    Session {
        /// The thread.
        by: Thread,
    },
    /// A tracer attached to a thread, or detached from it.
    Trace {
        /// The traced thread.
        of: Thread,
        /// The tracer; `None` if it detached.
        by: Option<Thread>,
    },
    /// A thread changed its name.
    Name {
        /// The thread.
        by: Thread,
        /// Its new name, padded with NULs.
        name: [u8; 16],
    },
    /// A process dumps its core.
    CoreDump {
        /// The thread.
        by: Thread,
        /// Its parent.
        parent: Thread,
    },
    /// A thread terminated.
    Exit {
        /// The thread.
        by: Thread,
        /// Its status, as `wait(2)` encodes it.
        status: u32,
        /// The signal that its parent gets; `u32::MAX` for a thread.
        signal: u32,
        /// Its parent.
        parent: Thread,
    },
    /// An event unknown to this crate, by its number.
    Other(u32),
}

impl Event {
    /// Parses `body`, the body of a netlink message of the connector; `None` if it is not a
    /// complete event. Safe on any bytes.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        Self::parse_acknowledging(body).map(|(event, _)| event)
    }

    /// The event, and what it acknowledges, if it is [`What::Listening`].
    fn parse_acknowledging(body: &[u8]) -> Option<(Self, u32)> {
        let mut fields = Fields(body);
        if [fields.u32()?, fields.u32()?] != PROCESSES {
            return None;
        }
        let (_sequence, acknowledgement) = (fields.u32()?, fields.u32()?);
        let len = usize::from(fields.u16()?);
        let _flags = fields.u16()?;
        let mut fields = Fields(fields.0.get(..len)?);
        let kind = fields.u32()?;
        let cpu = fields.u32()?;
        let time = Duration::from_nanos(fields.u64()?);
        let what = What::parse(kind, fields)?;
        Some((Self { cpu, time, what }, acknowledgement))
    }
}

impl What {
    fn parse(kind: u32, mut fields: Fields<'_>) -> Option<Self> {
        if kind == 0 {
            return Some(Self::Listening(match fields.u32()? {
                0 => Ok(()),
                errno @ 1..=4095 => Err(Errno::from_raw_os_error(errno.cast_signed())),
                _ => return None,
            }));
        }
        let fields = &mut fields;
        let kind = Kinds::from_bits_retain(kind);
        Some(match kind {
            Kinds::FORK => Self::Fork {
                parent: Thread::parse(fields)?,
                child: Thread::parse(fields)?,
            },
            Kinds::EXEC => Self::Exec {
                by: Thread::parse(fields)?,
            },
            Kinds::USER => Self::User {
                by: Thread::parse(fields)?,
                real: Uid::from_raw_unchecked(fields.u32()?),
                effective: Uid::from_raw_unchecked(fields.u32()?),
            },
            Kinds::GROUP => Self::Group {
                by: Thread::parse(fields)?,
                real: Gid::from_raw_unchecked(fields.u32()?),
                effective: Gid::from_raw_unchecked(fields.u32()?),
            },
            Kinds::SESSION => Self::Session {
                by: Thread::parse(fields)?,
            },
            Kinds::TRACE => {
                let (of, by) = (Thread::parse(fields)?, Thread::parse(fields)?);
                let by = (by != Thread::default()).then_some(by);
                Self::Trace { of, by }
            }
            Kinds::NAME => Self::Name {
                by: Thread::parse(fields)?,
                name: fields.bytes()?,
            },
            Kinds::CORE_DUMP => Self::CoreDump {
                by: Thread::parse(fields)?,
                parent: Thread::parse(fields)?,
            },
            Kinds::EXIT => {
                let by = Thread::parse(fields)?;
                let (status, signal) = (fields.u32()?, fields.u32()?);
                // Kernels before 4.18 do not say.
                let parent = Thread::parse(fields).unwrap_or_default();
                Self::Exit {
                    by,
                    status,
                    signal,
                    parent,
                }
            }
            other => Self::Other(other.bits()),
        })
    }
}

/// A subscription to process events. Dropping it ends the subscription; dropping the copy of a
/// forked child does not.
///
/// # Examples
///
/// ```no_run
/// use rawipc::socket::netlink::process::{Monitor, What};
///
/// let monitor = Monitor::open()?;
/// loop {
///     if let What::Exec { by } = monitor.next()?.what {
///         println!("process {} executes another program", by.process);
///     }
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Debug)]
pub struct Monitor {
    socket: Socket,
    /// What this one's requests are marked with: its port. The kernel tells everybody who
    /// listens that a request was heeded, with this and one more as its acknowledgement.
    mark: u32,
    maker: Maker,
}

impl Monitor {
    /// Subscribes to all events.
    ///
    /// Whether the kernel accepts the subscription is reported by an event:
    /// [`What::Listening`].
    ///
    /// # Errors
    ///
    /// [`Errno::PERM`]: that needs `CAP_NET_ADMIN` before Linux 6.6.
    ///
    /// [`Errno::PROTONOSUPPORT`], [`Errno::CONNREFUSED`]: the kernel has no connector,
    /// or not in this network namespace.
    ///
    /// [`Errno::MFILE`], [`Errno::NFILE`]: no descriptor left.
    pub fn open() -> Result<Self> {
        let monitor = Self::silent()?;
        // First, to hear whether the request is heeded.
        monitor.join()?;
        monitor.request(&LISTEN.to_ne_bytes())?;
        Ok(monitor)
    }

    /// Subscribes to the events of `kinds`, which never include [`What::Listening`]. Linux 6.6;
    /// an older kernel reports nothing at all.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub fn open_for(kinds: Kinds) -> Result<Self> {
        let monitor = Self::silent()?;
        let [a, b, c, d] = LISTEN.to_ne_bytes();
        let [e, f, g, h] = kinds.bits().to_ne_bytes();
        monitor.request(&[a, b, c, d, e, f, g, h])?;
        // Before the request it would hear what others have asked for.
        monitor.join()?;
        Ok(monitor)
    }

    fn silent() -> Result<Self> {
        let socket = Socket::open(Protocol::CONNECTOR)?;
        socket.bind(NetlinkAddress::default())?;
        let NetlinkAddress { port: mark, .. } = address::local(&socket)?;
        Ok(Self {
            socket,
            mark,
            maker: Maker::current(),
        })
    }

    fn join(&self) -> Result<()> {
        let [group, _] = PROCESSES;
        self.socket.join(group)
    }

    fn request(&self, operation: &[u8]) -> Result<()> {
        let [index, value] = PROCESSES;
        let len = operation.len() as u16;
        let parts: [&[u8]; 7] = [
            &index.to_ne_bytes(),
            &value.to_ne_bytes(),
            // The sequence, in the place of which the kernel answers with its own.
            &[0; 4],
            &self.mark.to_ne_bytes(),
            &len.to_ne_bytes(),
            // Flags.
            &[0; 2],
            operation,
        ];
        let mut body = [0; 28];
        let mut used = 0;
        for (slot, byte) in body.iter_mut().zip(parts.into_iter().flatten()) {
            *slot = *byte;
            used += 1;
        }
        let mut buffer = [0; 64];
        let body = body.get(..used).unwrap_or(&body);
        let request = write(&mut buffer, DONE, Flags::empty(), 0, body)?;
        self.socket.send_to(request, NetlinkAddress::KERNEL)
    }

    /// Returns the next event. Blocks while there is none.
    ///
    /// # Errors
    ///
    /// [`Errno::NOBUFS`]: events were lost; said once.
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions) before there was one.
    pub fn next(&self) -> Result<Event> {
        self.next_with(Blocking)
    }

    /// Like [`next`](Self::next), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next), and [`Errno::AGAIN`]: there is none.
    pub fn try_next(&self) -> Result<Event> {
        self.next_with(Try)
    }

    /// Like [`next`](Self::next), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next), and [`Errno::TIMEDOUT`].
    pub fn next_until(&self, deadline: Deadline) -> Result<Event> {
        self.next_with(Until(deadline))
    }

    fn next_with(&self, patience: Patience) -> Result<Event> {
        loop {
            // One event is a datagram.
            let mut buffer = [0; 128];
            let datagram = self.socket.recv_from_kernel(&mut buffer, patience)?;
            let event = Messages::new(datagram).find_map(|message| match message.content() {
                Content::Done(_) | Content::Data(_) => Event::parse_acknowledging(message.body),
                _ => None,
            });
            let Some((event, acknowledgement)) = event else {
                continue;
            };
            let of_another = acknowledgement != self.mark.wrapping_add(1);
            if !(of_another && matches!(event.what, What::Listening(_))) {
                return Ok(event);
            }
        }
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

crate::sys::fd_number::number!(Monitor);

impl Drop for Monitor {
    fn drop(&mut self) {
        // A forked child shares the socket, and what was asked for through it.
        if self.maker.is_current() {
            // The kernel counts who listens, and spares itself the work for nobody.
            let _ = self.request(&IGNORE.to_ne_bytes());
        }
    }
}
