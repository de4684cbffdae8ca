//! Why a process may not be inspected or traced: what is behind an
//! [`Errno::PERM`](crate::Errno::PERM) from [`memory`](super::memory), [`maps`](super::maps),
//! [`compare`](super::compare), [`Pidfd::get_fd`](super::Pidfd::get_fd) and tracing.
//!
//! All of them ask the same question ("Ptrace access mode checking" of `ptrace(2)`), and
//! the kernel's answer is only no. [`explain`] looks at what the answer is made of, as far
//! as the caller may see that.
#![forbid(unsafe_code)]

use core::fmt;

use bitflags::bitflags;
use rustix::fs::{OFlags, fstat};
use rustix::process::{PTracer, getgid, getuid, set_ptracer};

use super::ProcessRef;
use crate::procfs::{self, each_line, number};
use crate::{Errno, OwnedFd, Pid, Result};

/// `CAP_SYS_PTRACE`, as a bit.
const CAP_SYS_PTRACE: u64 = 1 << 19;

/// How far up the ancestors of a process are looked at.
const ANCESTORS: usize = 256;

bitflags! {
    /// Reasons for which the caller may not access a process.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::process::{self, permission::{self, Reasons}};
    ///
    /// let explanation = permission::explain(process::id())?; // usually of another process
    /// if explanation.reasons().contains(Reasons::YAMA) {
    ///     println!("ptrace_scope is {:?}", explanation.yama());
    /// }
    /// assert!(!explanation.reasons().contains(Reasons::OTHER_USER));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Reasons: u32 {
        /// One of its users or groups (real, effective and saved) is not the caller's
        /// real one, and the caller has no `CAP_SYS_PTRACE`.
        const OTHER_USER = 1;
        /// It is not dumpable, and the caller has no `CAP_SYS_PTRACE`: it ran with more rights
        /// than its user's, its executable may not be read, or it said so itself
        /// (`PR_SET_DUMPABLE`). This cannot be detected for a process of root.
        const UNDUMPABLE = 2;
        /// It has permitted capabilities that the caller lacks, and the caller has no
        /// `CAP_SYS_PTRACE`.
        const MORE_CAPABILITIES = 4;
        /// Yama forbids it: [`Explanation::yama`]. It applies to changing and taking, not to
        /// reading maps and comparing. Whether the process has [allowed](allow) the caller
        /// cannot be detected.
        const YAMA = 8;
        /// It is traced already, by [`Explanation::tracer`]: a reason only against tracing.
        const TRACED = 16;
        const _ = !0;
    }
}

/// The result of [`explain`]: its `Display` writes one reason per line.
///
/// # Examples
///
/// ```
/// use rawipc::process::permission;
/// use rawipc::{Errno, Pid};
///
/// match permission::explain(Pid::INIT) {
///     Ok(explanation) => println!("{explanation}"), // a reason per line
///     Err(Errno::SRCH) => println!("this user does not see process 1"),
///     Err(errno) => return Err(errno.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    reasons: Reasons,
    yama: Option<u8>,
    tracer: Option<Pid>,
    privileged: bool,
}

/// The processes that may trace this one under Yama, besides its ancestors: [`allow`].
///
/// # Examples
///
/// ```
/// use rawipc::process::permission::{self, Allowed};
/// use rawipc::{Errno, process};
///
/// let debugger = process::parent_id().ok_or("the parent is in another namespace")?;
/// match permission::allow(Allowed::Process(debugger)) {
///     Ok(()) => permission::allow(Allowed::None)?, // no longer
///     Err(Errno::INVAL) => println!("there is no Yama"),
///     Err(errno) => return Err(errno.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Allowed {
    /// This process and its descendants.
    Process(Pid),
    /// Every process.
    All,
    /// No other process.
    None,
}

/// Allows another process to trace this one and access its memory, where Yama allows only
/// ancestors: `PR_SET_PTRACER` of `prctl(2)`. The last call counts; all other conditions stay.
///
/// # Errors
///
/// [`Errno::INVAL`]: there is no Yama, whose permission nobody needs then; or no such
/// process.
///
/// # Examples
///
/// ```
/// use rawipc::process::permission::{self, Allowed};
/// use rawipc::{Errno, Pid};
///
/// let debugger = Pid::INIT;
/// match permission::allow(Allowed::Process(debugger)) {
///     Ok(()) | Err(Errno::INVAL) => {}
///     Err(errno) => panic!("{errno}"),
/// }
/// ```
#[doc(alias = "PR_SET_PTRACER")]
pub fn allow(who: Allowed) -> Result<()> {
    set_ptracer(match who {
        Allowed::Process(pid) => PTracer::ProcessID(pid),
        Allowed::All => PTracer::Any,
        Allowed::None => PTracer::None,
    })
}

/// Looks for the reasons why the caller may not access a process.
///
/// It reads files in `/proc` to explain a refusal; only the call itself can tell whether
/// something is allowed.
///
/// # Errors
///
/// [`Errno::SRCH`]: no such process, or none that the caller may see (`hidepid`), or
/// `/proc` is not mounted.
///
/// # Examples
///
/// ```
/// use rawipc::process::{memory::{self, Address}, permission};
/// use rawipc::{Errno, Pid};
///
/// let word = memory::of(Pid::INIT).read_value::<u32>(Address::new(0x400000));
/// if word.is_err_and(|stopped| stopped.error == Errno::PERM) {
///     println!("{}", permission::explain(Pid::INIT)?);
/// }
/// // Nothing keeps a process from itself.
/// let own = permission::explain(rustix::process::getpid())?;
/// assert!(!own.reasons().contains(permission::Reasons::OTHER_USER));
/// # Ok::<(), rawipc::Errno>(())
/// ```
pub fn explain<'fd>(process: impl Into<ProcessRef<'fd>>) -> Result<Explanation> {
    let theirs = Status::of(process.into())?;
    let ours = Status::own()?;
    let privileged = ours.effective & CAP_SYS_PTRACE != 0;
    let mut reasons = Reasons::empty();
    if !privileged {
        let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
        let same = theirs.uids.iter().all(|&theirs| theirs == uid)
            && theirs.gids.iter().all(|&theirs| theirs == gid);
        reasons.set(Reasons::OTHER_USER, !same);
        reasons.set(Reasons::UNDUMPABLE, theirs.is_undumpable());
        let more = theirs.permitted & !ours.permitted != 0;
        reasons.set(Reasons::MORE_CAPABILITIES, more);
    }
    let yama = yama();
    let refuses = match yama {
        None | Some(0) => false,
        Some(1) => !privileged && !is_descendant(&theirs, ours.process),
        Some(2) => !privileged,
        Some(_) => true,
    };
    reasons.set(Reasons::YAMA, refuses);
    let tracer = theirs.tracer;
    reasons.set(Reasons::TRACED, tracer.is_some());
    Ok(Explanation {
        reasons,
        yama,
        tracer,
        privileged,
    })
}

impl Explanation {
    /// Returns the reasons that were found. None means that another security module, a filter
    /// of the caller's (`seccomp(2)`) or another user namespace may be the reason; or that it
    /// is allowed.
    #[must_use]
    pub fn reasons(&self) -> Reasons {
        self.reasons
    }

    /// Returns `/proc/sys/kernel/yama/ptrace_scope`; `None` without Yama. 1: descendants and
    /// those that have allowed it; 2: with `CAP_SYS_PTRACE`; 3: none.
    #[must_use]
    pub fn yama(&self) -> Option<u8> {
        self.yama
    }

    /// Returns the process that traces it.
    #[must_use]
    pub fn tracer(&self) -> Option<Pid> {
        self.tracer
    }

    /// Returns whether the caller has `CAP_SYS_PTRACE`, in its own user namespace.
    #[must_use]
    pub fn is_privileged(&self) -> bool {
        self.privileged
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        let mut line = |f: &mut fmt::Formatter<'_>| {
            let newline = if first { "" } else { "\n" };
            first = false;
            f.write_str(newline)
        };
        for (reason, text) in [
            (
                Reasons::OTHER_USER,
                "another user's or group's (CAP_SYS_PTRACE may)",
            ),
            (Reasons::UNDUMPABLE, "not dumpable (CAP_SYS_PTRACE may)"),
            (
                Reasons::MORE_CAPABILITIES,
                "it has capabilities that the caller lacks (CAP_SYS_PTRACE may)",
            ),
        ] {
            if self.reasons.contains(reason) {
                line(f)?;
                f.write_str(text)?;
            }
        }
        if let (true, Some(scope)) = (self.reasons.contains(Reasons::YAMA), self.yama) {
            line(f)?;
            let who = match scope {
                1 => "only descendants, or who has allowed it",
                2 => "only with CAP_SYS_PTRACE",
                _ => "none",
            };
            write!(f, "kernel.yama.ptrace_scope is {scope}: {who}")?;
        }
        if let Some(tracer) = self.tracer {
            line(f)?;
            write!(f, "traced already, by {}", tracer.as_raw_nonzero())?;
        }
        if first {
            f.write_str("no reason found: another security module, filter or user namespace?")?;
        }
        Ok(())
    }
}

/// What `/proc/PID/status` says.
#[derive(Default)]
struct Status {
    process: Option<Pid>,
    parent: Option<Pid>,
    tracer: Option<Pid>,
    /// Real, effective and saved.
    uids: [u32; 3],
    gids: [u32; 3],
    permitted: u64,
    effective: u64,
    /// The owner of the file: the effective user of a dumpable process, else root.
    owner: u32,
    /// Whether it is that of a thread that has ended, whose files are root's too.
    ended: bool,
}

impl Status {
    fn of(process: ProcessRef<'_>) -> Result<Self> {
        let status = |number| {
            procfs::process::open(number, b"/status", OFlags::RDONLY)
                .and_then(|file| Self::read(&file))
        };
        process.with_number(|number| {
            let first = status(number)?;
            if !first.ended {
                return Ok(first);
            }
            let living = procfs::process::any_thread(number, |thread| {
                status(thread).and_then(|status| match status.ended {
                    false => Ok(status),
                    true => Err(Errno::SRCH),
                })
            });
            living.or(Ok(first))
        })
    }

    fn own() -> Result<Self> {
        let file = procfs::open(procfs::STATUS, OFlags::RDONLY);
        let file = file.map_err(|errno| match errno {
            Errno::NOENT => Errno::SRCH,
            other => other,
        });
        Self::read(&file?)
    }

    fn read(file: &OwnedFd) -> Result<Self> {
        let mut status = Self {
            owner: fstat(file)?.st_uid,
            ..Self::default()
        };
        each_line(file, |line| status.see(line))?;
        Ok(status)
    }

    fn see(&mut self, line: &[u8]) {
        let mut parts = line.splitn(2, |&byte| byte == b':');
        let (name, rest) = (parts.next(), parts.next().unwrap_or_default());
        let mut words = rest
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let mut decimal = || number(words.next().unwrap_or_default(), 10).unwrap_or(0);
        let pid = |number: u64| i32::try_from(number).ok().and_then(Pid::from_raw);
        match name.unwrap_or_default() {
            b"Tgid" => self.process = pid(decimal()),
            b"State" => self.ended = procfs::process::is_end(rest),
            b"PPid" => self.parent = pid(decimal()),
            b"TracerPid" => self.tracer = pid(decimal()),
            b"Uid" => self.uids = [(); 3].map(|()| decimal() as u32),
            b"Gid" => self.gids = [(); 3].map(|()| decimal() as u32),
            b"CapPrm" => self.permitted = number(rest.trim_ascii(), 16).unwrap_or(0),
            b"CapEff" => self.effective = number(rest.trim_ascii(), 16).unwrap_or(0),
            _ => {}
        }
    }

    fn is_undumpable(&self) -> bool {
        let [_, effective, _] = self.uids;
        self.owner != effective
    }
}

/// Whether a process comes from `ancestor`, as Yama looks at it: it or one of its parents.
fn is_descendant(process: &Status, ancestor: Option<Pid>) -> bool {
    let mut next = process.parent;
    if process.process == ancestor {
        return true;
    }
    for _ in 0..ANCESTORS {
        let Some(parent) = next else { return false };
        if Some(parent) == ancestor {
            return true;
        }
        next = Status::of(parent.into())
            .ok()
            .and_then(|status| status.parent);
    }
    false
}

fn yama() -> Option<u8> {
    let scope = procfs::words::number(c"/proc/sys/kernel/yama/ptrace_scope", 0).ok()?;
    u8::try_from(scope).ok()
}
