//! Information about a process by its descriptor: `PIDFD_GET_INFO`.
#![forbid(unsafe_code)]

use rustix::process::{Gid, Uid};

use super::{Pidfd, State};
use crate::signal::number;
use crate::sys::pidfd_info::{
    self as raw, PIDFD_INFO_CGROUPID, PIDFD_INFO_COREDUMP, PIDFD_INFO_COREDUMP_SIGNAL,
    PIDFD_INFO_CREDS, PIDFD_INFO_EXIT, PIDFD_INFO_PID,
};
use crate::{AsFd, Pid, Result, Signal};

/// Information about a process, taken at one moment: [`Pidfd::info`].
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Command, WaitFlags, exec};
///
/// let args = exec::List::of([c"false"]);
/// let child = Command::path(c"/bin/false", &args, exec::Strings::EMPTY).spawn()?;
/// process::wait(&child, WaitFlags::EXITED)?;
/// match child.pidfd.info() {
///     // Every holder of the pidfd learns how it ended, not only the parent.
///     Ok(info) => println!("ended: {:?}, control group {:?}", info.end, info.cgroup),
///     Err(errno) => println!("this kernel does not say: {errno}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// The process's numbers, until it has been reaped.
    pub numbers: Option<Numbers>,
    /// The process's credentials, until it has been reaped.
    pub credentials: Option<Credentials>,
    /// The id of its control group (of the second version, the inode of its directory), where
    /// there are such groups.
    pub cgroup: Option<u64>,
    /// How it ended, once it has been reaped; known to every holder of a pidfd, not only to its
    /// parent. Linux 6.15.
    pub end: Option<State>,
    /// Its core dump, for a process whose memory could be dumped or has been. Linux 6.16.
    pub core: Option<Core>,
}

/// The numbers of a process, in the caller's PID namespace.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, pidfd};
///
/// match pidfd::open(process::id())?.info() {
///     Ok(info) => {
///         let numbers = info.numbers.ok_or("it has been reaped")?;
///         assert_eq!((numbers.pid, numbers.process), (process::id(), process::id()));
///         assert_eq!(numbers.parent, process::parent_id());
///     }
///     Err(errno) => println!("this kernel does not say: {errno}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// The number of the process; for a pidfd of a thread, that of the thread.
    pub pid: Pid,
    /// The number of the process.
    #[doc(alias = "tgid")]
    pub process: Pid,
    /// The number of its parent, unless that is outside of the namespace.
    #[doc(alias = "ppid")]
    pub parent: Option<Pid>,
}

/// The users and groups of a process, in the caller's user namespace: `credentials(7)`.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, pidfd};
///
/// match pidfd::open(process::id())?.info() {
///     Ok(info) => {
///         let credentials = info.credentials.ok_or("it has been reaped")?;
///         assert_eq!(credentials.effective_user, rustix::process::geteuid());
///         assert_eq!(credentials.real_group, rustix::process::getgid());
///     }
///     Err(errno) => println!("this kernel does not say: {errno}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The real user.
    pub real_user: Uid,
    /// The real group.
    pub real_group: Gid,
    /// The effective user, which decides most permissions.
    pub effective_user: Uid,
    /// The effective group.
    pub effective_group: Gid,
    /// The saved user.
    pub saved_user: Uid,
    /// The saved group.
    pub saved_group: Gid,
    /// The file system user.
    pub file_user: Uid,
    /// The file system group.
    pub file_group: Gid,
}

/// The core dump of a process: `core(5)`.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, pidfd};
///
/// // Of a program that crashed, usually.
/// match pidfd::open(process::id())?.info() {
///     Ok(info) => match info.core {
///         Some(core) => println!("{:?}, ended by {:?}", core.flags, core.signal),
///         None => println!("it cannot be dumped, or this kernel does not say"),
///     },
///     Err(errno) => println!("this kernel does not say: {errno}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Core {
    /// Whether the process was dumped, and who would own the file.
    pub flags: CoreFlags,
    /// The signal that terminated it, once it has. Linux 6.19.
    pub signal: Option<Signal>,
}

bitflags::bitflags! {
    /// The state of a process's core dump.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::process::{Core, CoreFlags};
    ///
    /// /// Tells whether there is a core dump that the user may read.
    /// fn is_readable(core: &Core) -> bool {
    ///     core.flags.contains(CoreFlags::DUMPED | CoreFlags::USER)
    /// }
    /// let crashed = Core { flags: CoreFlags::DUMPED | CoreFlags::ROOT, signal: None };
    /// assert!(!is_readable(&crashed));
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct CoreFlags: u32 {
        /// The process crashed and was dumped.
        #[doc(alias = "PIDFD_COREDUMPED")]
        const DUMPED = 1 << 0;
        /// The process crashed and was not dumped.
        #[doc(alias = "PIDFD_COREDUMP_SKIP")]
        const SKIPPED = 1 << 1;
        /// The file belongs, or would belong, to the user.
        #[doc(alias = "PIDFD_COREDUMP_USER")]
        const USER = 1 << 2;
        /// The file belongs, or would belong, to root: it may contain what the user may not
        /// see.
        #[doc(alias = "PIDFD_COREDUMP_ROOT")]
        const ROOT = 1 << 3;
        const _ = !0;
    }
}

impl Pidfd {
    /// Returns information about the process: `ioctl(2)` with `PIDFD_GET_INFO`.
    ///
    /// It need not be a child of the caller, nor of the same user. It is about the process of
    /// the descriptor, even if its number has been reused.
    ///
    /// # Errors
    ///
    /// [`Errno::SRCH`](crate::Errno::SRCH): it has been reaped, and the kernel is
    /// older than 6.15. [`Errno::NOTTY`](crate::Errno::NOTTY) or
    /// [`Errno::INVAL`](crate::Errno::INVAL): the kernel is older than 6.13, or the
    /// descriptor is of something else. [`Errno::REMOTE`](crate::Errno::REMOTE): it is
    /// outside of the caller's namespace of numbers.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::process::{self, CloneFlags, CloneOptions, Cloned, State, WaitFlags};
    /// use rawipc::Errno;
    ///
    /// let options = CloneOptions::new().flags(CloneFlags::PIDFD);
    /// // SAFETY: the child only exits.
    /// let Cloned::Parent { pid, pidfd: Some(child) } = (unsafe { options.fork()? }) else {
    ///     process::exit(6)
    /// };
    /// match child.info() {
    ///     Ok(info) => assert_eq!(info.numbers.unwrap().pid, pid),
    ///     Err(Errno::NOTTY | Errno::INVAL) => {} // before Linux 6.13
    ///     Err(errno) => return Err(errno),
    /// }
    /// process::wait(&child, WaitFlags::EXITED)?;
    /// // Reaped, and yet known, from Linux 6.15 on.
    /// if let Ok(info) = child.info() {
    ///     assert_eq!((info.end, info.numbers), (Some(State::Exited(6)), None));
    /// }
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "PIDFD_GET_INFO")]
    pub fn info(&self) -> Result<Info> {
        // The kernel passes over what it does not know.
        let asked = PIDFD_INFO_EXIT | PIDFD_INFO_COREDUMP;
        raw::pidfd_get_info(self.as_fd(), asked).map(|info| decode(&info))
    }
}

fn decode(info: &raw::PidfdInfo) -> Info {
    let has = |what| info.mask & what != 0;
    let pid = |number: u32| Pid::from_raw(i32::try_from(number).unwrap_or(0));
    let numbers = || {
        Some(Numbers {
            pid: pid(info.pid)?,
            process: pid(info.tgid)?,
            parent: pid(info.ppid),
        })
    };
    let credentials = || Credentials {
        real_user: Uid::from_raw_unchecked(info.ruid),
        real_group: Gid::from_raw_unchecked(info.rgid),
        effective_user: Uid::from_raw_unchecked(info.euid),
        effective_group: Gid::from_raw_unchecked(info.egid),
        saved_user: Uid::from_raw_unchecked(info.suid),
        saved_group: Gid::from_raw_unchecked(info.sgid),
        file_user: Uid::from_raw_unchecked(info.fsuid),
        file_group: Gid::from_raw_unchecked(info.fsgid),
    };
    // The kernel says all of this of a reaped process too, as zeros.
    let alive = has(PIDFD_INFO_PID) && info.pid != 0;
    Info {
        numbers: alive.then(numbers).flatten(),
        credentials: (alive && has(PIDFD_INFO_CREDS)).then(credentials),
        cgroup: has(PIDFD_INFO_CGROUPID).then_some(info.cgroupid),
        end: has(PIDFD_INFO_EXIT)
            .then(|| State::of_status(info.exit_code))
            .flatten(),
        // Some kernels say that they say nothing.
        core: (has(PIDFD_INFO_COREDUMP) && info.coredump_mask != 0).then(|| Core {
            flags: CoreFlags::from_bits_retain(info.coredump_mask),
            signal: has(PIDFD_INFO_COREDUMP_SIGNAL)
                .then(|| number::from_number(info.coredump_signal as i32))
                .flatten(),
        }),
    }
}
