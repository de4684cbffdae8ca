//! Semaphores in glibc's format, unnamed and with a name: `sem_overview(7)`.
//!
//! A program that uses glibc's `sem_open("/x")`, or has a `sem_t` in shared memory,
//! and one that uses this module work on the same semaphore, those who sleep
//! included. The format is that of glibc 2.21 and later on 64-bit machines: 32 bytes,
//! a named one in the file `/dev/shm/sem.x`. (musl's is another.) Between programs
//! that all use this crate, [`sync::Semaphore`](crate::sync::Semaphore) promises more
//! and costs less.
//!
//! # When a process is killed
//!
//! A unit that the dead process had taken is gone with it, as with every semaphore.
//! Beyond that:
//!
//! - **A post of this module strands nobody.** With sleepers it adds the unit and
//!   wakes *all* of them in one system call, so that there is no moment between
//!   the two at which it could die, and no one sleeper whose death could swallow the
//!   wake: whoever is left and looks first has the unit. The price is the herd. Where a
//!   filter of system calls refuses that one, it adds and wakes in two, as glibc's does.
//! - **A post of glibc's can.** It adds, and then wakes *one*. Killed in between it has
//!   added a unit beside which others sleep; and a sleeper that has been killed, but
//!   has not noticed yet, can be the one that it wakes. Glibc's sleepers then sleep
//!   until the next post, for ever if there is none.
//! - **A sleeper of this module with a deadline** ([`wait_until`](Semaphore::wait_until))
//!   looks again every 100 ms ([`RECHECK`]), so that it finds such a unit. One without
//!   ([`wait`](Semaphore::wait)) sleeps until it is woken or interrupted, as glibc's do: a
//!   look every 100 ms would lose the signals that come just then. Beside posts of glibc's,
//!   by processes that may be killed, wait with a deadline, again and again.
//! - A sleeper of this module that is killed can be the one that swallows a wake of
//!   glibc's, and those who sleep without a deadline are stranded.
//! - The number of sleepers in the semaphore still counts one that was killed. From
//!   then on every post makes a system call, needed or not; nothing else comes of it.
//!
//! # Used as a lock
//!
//! a semaphore does **not** survive the death of who holds it: a process that is killed
//! between wait and post never posts, and all others wait for ever. Nobody can tell them,
//! as a unit has no owner. What is released by the death of its holder: a
//! [file lock](crate::lock) of an open file description, a
//! [System V semaphore](crate::sysv::semaphore) with
//! [`UNDO`](crate::sysv::semaphore::OperationFlags::UNDO), and between threads a
//! [futex with an owner](crate::sync::futex::pi), whose next holder is told of it.
//!
//! # Priorities
//!
//! A unit belongs to no sleeper: all are woken, the most urgent first, and the first to
//! have a processor takes it. On a machine with several processors that can be a less
//! urgent one, and one that comes just then and never slept. To wake the most urgent
//! alone, as glibc does, would let the unit be lost with it if it is killed. Where
//! priorities count, use a [futex with priority inheritance](crate::sync::futex::pi),
//! which the kernel hands to the most urgent.
//!
//! # A hostile peer
//!
//! can take and post units as it likes, keep sleepers from being woken (those of
//! this module with a deadline then look every 100 ms; a post is done once, whatever it
//! does), and **make the file of a named semaphore
//! shorter**, upon which an access ends the process with SIGBUS. Who may do so is what
//! the mode says.

use core::ffi::c_void;
use core::fmt;
use core::mem::size_of;
use core::ops::Deref;
use core::ptr::NonNull;
use core::time::Duration;

use rustix::fs::OFlags;
use rustix::mm::{self, MapFlags, ProtFlags};
use static_assertions::assert_impl_all;

use super::create::create_options;
use super::file::{self, Created, Path};
use super::list::{Names, Which};
use super::name::{self, Name};
use crate::guard::filesize;
use crate::primitive::{Shared, const_constructor};
use crate::sync::glibc_semaphore::{self, GlibcSemaphore, SHARED};
use crate::{BorrowedFd, Deadline, Errno, Mode, OwnedFd, Result};

/// The largest value of a semaphore: `SEM_VALUE_MAX`.
pub const VALUE_MAX: u32 = glibc_semaphore::VALUE_MAX;

/// The largest length of the name of a semaphore after its slash, in bytes.
pub const NAME_MAX: usize = name::NAME_MAX - file::SEMAPHORE.len();

/// How often a sleeper with a deadline checks for a unit that it was not woken for: the
/// poster died first, or may not wake, or a hostile process prevented it.
pub const RECHECK: Duration = glibc_semaphore::RECHECK;

/// A semaphore in memory in glibc's format: `sem_t` of 64-bit machines.
///
/// In memory that processes share, found by
/// [`Mapping::object`](crate::memory::Mapping::object) and begun by
/// [`initialize`](Self::initialize); or in a `static` for the threads of one process.
/// There is nothing to destroy.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::memory::MapOptions;
/// use rawipc::posix::semaphore::{Scope, Semaphore};
///
/// let mapping = MapOptions::shared(4096).map_anonymous()?;
/// let semaphore = mapping.object::<Semaphore>(0).unwrap();
/// semaphore.initialize(1, Scope::Processes)?;
///
/// semaphore.wait()?;
/// assert_eq!(semaphore.try_wait(), Err(Errno::AGAIN));
/// semaphore.post()?;
/// assert_eq!(semaphore.value(), 1);
/// # Ok::<(), Errno>(())
/// ```
#[doc(alias = "sem_t")]
#[repr(transparent)]
pub struct Semaphore(GlibcSemaphore);

// SAFETY: atomic integers, any value of which its methods take.
unsafe impl Shared for Semaphore {
    const SIZES: &'static [u8] = &[8, 4, 4, 4];
}

/// The users of a semaphore in memory: processes, or only the threads of one.
///
/// # Examples
///
/// ```
/// use rawipc::posix::semaphore::{Scope, Semaphore};
///
/// // For the threads of this process; memory that is shared takes Scope::Processes.
/// let semaphore = Semaphore::new(0, Scope::Threads);
/// std::thread::scope(|threads| {
///     threads.spawn(|| semaphore.post());
///     semaphore.wait()
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Processes that share the memory: `pshared` is not 0.
    Processes,
    /// Threads of one process only, which is a little faster.
    Threads,
}

impl Scope {
    const fn private(self) -> u32 {
        match self {
            Self::Processes => SHARED,
            Self::Threads => 0,
        }
    }
}

impl Semaphore {
    const_constructor! {
        /// Creates a semaphore with `value` units.
        ///
        /// # Panics
        ///
        /// If `value` exceeds [`VALUE_MAX`].
        #[must_use]
        pub fn new(value: u32, scope: Scope) -> Self {
            assert!(
                value <= VALUE_MAX,
                "a semaphore's value is at most 2^31 - 1"
            );
            Self(GlibcSemaphore::new(value, scope.private()))
        }
    }

    /// Initializes a semaphore with `value` units in place: `sem_init(3)`.
    ///
    /// Once, before anybody else uses it; zeroed memory is a semaphore of
    /// [`Scope::Threads`] only. Who sleeps at it already may sleep on.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: `value` exceeds [`VALUE_MAX`].
    #[doc(alias = "sem_init")]
    pub fn initialize(&self, value: u32, scope: Scope) -> Result<()> {
        if value > VALUE_MAX {
            return Err(Errno::INVAL);
        }
        self.0.initialize(value, scope.private());
        Ok(())
    }

    /// Returns the number of units, never negative: `sem_getvalue(3)`. It may have changed
    /// when it is read.
    #[doc(alias = "sem_getvalue")]
    #[must_use]
    pub fn value(&self) -> u32 {
        self.0.value()
    }

    /// Returns the number of sleepers as the semaphore counts them, including those that
    /// were killed while asleep.
    #[must_use]
    pub fn sleepers(&self) -> u32 {
        self.0.sleepers()
    }

    /// Adds one unit and wakes whoever sleeps: `sem_post(3)`.
    ///
    /// It makes no system call while nobody sleeps, and may be called in a signal handler.
    ///
    /// # Errors
    ///
    /// [`Errno::OVERFLOW`]: the value is [`VALUE_MAX`].
    #[doc(alias = "sem_post")]
    pub fn post(&self) -> Result<()> {
        self.0.post()
    }

    /// Like [`wait`](Self::wait), but returns [`Errno::AGAIN`] instead of blocking:
    /// `sem_trywait(3)`.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: there is none, or others were faster thousands of times on end.
    #[doc(alias = "sem_trywait")]
    pub fn try_wait(&self) -> Result<()> {
        if self.0.try_wait() {
            Ok(())
        } else {
            Err(Errno::AGAIN)
        }
    }

    /// Takes a unit, blocking until there is one: `sem_wait(3)`.
    ///
    /// It sleeps until it is woken, and does not look again meanwhile: see
    /// [the module](self#when-a-process-is-killed).
    ///
    /// # Errors
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions) while it slept, one without
    /// [`RESTART`](crate::signal::action::ActionFlags::RESTART); no unit was taken.
    #[doc(alias = "sem_wait")]
    pub fn wait(&self) -> Result<()> {
        self.wait_until(Deadline::Never)
    }

    /// Like [`wait`](Self::wait), but gives up at `deadline` with [`Errno::TIMEDOUT`]:
    /// `sem_clockwait(3)`.
    ///
    /// It looks again every 100 ms, and goes on when it is interrupted; with
    /// [`Deadline::Never`] it is [`wait`](Self::wait).
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed; no unit was taken.
    #[doc(alias = "sem_timedwait")]
    #[doc(alias = "sem_clockwait")]
    pub fn wait_until(&self, deadline: Deadline) -> Result<()> {
        self.0.wait_until(deadline)
    }

    /// The bytes of a named semaphore with `value` units.
    fn image(value: u32) -> [u8; size_of::<Self>()] {
        let mut image = [0; size_of::<Self>()];
        let data = u64::from(value).to_ne_bytes();
        let private = SHARED.to_ne_bytes();
        for (to, from) in image.iter_mut().zip(data.into_iter().chain(private)) {
            *to = from;
        }
        image
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("value", &self.value())
            .field("sleepers", &self.sleepers())
            .finish()
    }
}

/// A semaphore opened by its name, mapped until it is dropped.
///
/// Dropping it is `sem_close(3)`. Every open maps it anew: unlike libc this module
/// keeps no table of what is open.
///
/// # Examples
///
/// ```
/// use rawipc::posix::{Name, semaphore};
///
/// let name = Name::new(format!("/rawipc-doc-named-{}", std::process::id()))?;
/// let ours = semaphore::CreateOptions::new().create(&name, 0)?;
/// let theirs = semaphore::open(&name)?; // in another process, usually
/// theirs.post()?;
/// ours.wait()?;
/// semaphore::unlink(&name)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Named(NonNull<Semaphore>);

// SAFETY: the mapping belongs to the process, and a Semaphore is for sharing.
unsafe impl Send for Named {}
// SAFETY: all that `&Named` gives is `&Semaphore`.
unsafe impl Sync for Named {}

assert_impl_all!(Semaphore: Send, Sync);

/// Opens a named semaphore: `sem_open(3)`.
///
/// # Errors
///
/// [`Errno::NOENT`]: there is none of this name. [`Errno::ACCESS`]: its mode forbids to
/// read or to write it. [`Errno::INVAL`]: what has this name is too short for a
/// semaphore, or no file. [`Errno::NAMETOOLONG`]: more than [`NAME_MAX`] bytes.
/// [`Errno::LOOP`]: it is a symbolic link. [`Errno::MFILE`], [`Errno::NFILE`],
/// [`Errno::NOMEM`]: no descriptor or memory left.
#[doc(alias = "sem_open")]
pub fn open(name: &Name) -> Result<Named> {
    map(&file::open(&Path::new(file::SEMAPHORE, name)?, FLAGS)?)
}

/// Removes a name: `sem_unlink(3)`. The semaphore goes when nobody has it open any more; the
/// name can be used again at once.
///
/// # Errors
///
/// [`Errno::NOENT`]: there is none. [`Errno::ACCESS`]: another user's.
/// [`Errno::NAMETOOLONG`]: more than [`NAME_MAX`] bytes.
#[doc(alias = "sem_unlink")]
pub fn unlink(name: &Name) -> Result<()> {
    Path::new(file::SEMAPHORE, name)?.unlink()
}

/// Returns an iterator over the names of all semaphores, by their files in `/dev/shm`.
///
/// A glibc that creates one at this moment has it there under another, temporary name.
///
/// # Errors
///
/// [`Errno::NOENT`]: there is no `/dev/shm`; [`Errno::MFILE`], [`Errno::NFILE`].
pub fn list() -> Result<Names> {
    file::list(Which::With(file::SEMAPHORE))
}

const FLAGS: OFlags = OFlags::RDWR.union(OFlags::CLOEXEC);

fn map(file: &OwnedFd) -> Result<Named> {
    let len = size_of::<Semaphore>();
    if (rustix::fs::fstat(file)?.st_size as u64) < len as u64 {
        return Err(Errno::INVAL);
    }
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    let place = core::ptr::null_mut();
    // SAFETY: without an address and without MAP_FIXED the kernel takes a place that
    // is free, so that no memory in use changes.
    let address = unsafe { mm::mmap(place, len, protection, MapFlags::SHARED, file, 0) }?;
    // The kernel maps nothing at address 0 that was not asked for there.
    NonNull::new(address.cast()).map(Named).ok_or(Errno::FAULT)
}

/// Options to create a named semaphore: exclusively and with mode 0600, unless asked
/// otherwise.
///
/// # Examples
///
/// ```
/// use rawipc::posix::{Name, semaphore};
///
/// # let unique = format!("/rawipc-doc-semaphore-{}", std::process::id());
/// # const _: &str = stringify!(
/// let name = Name::new("/printer")?;
/// # );
/// # let name = Name::new(unique)?;
/// let printer = semaphore::CreateOptions::new().create(&name, 1)?;
/// let theirs = semaphore::open(&name)?;
/// semaphore::unlink(&name)?;
///
/// theirs.wait()?;
/// assert_eq!(printer.value(), 0);
/// theirs.post()?;
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is created until `create` is called"]
pub struct CreateOptions {
    mode: Mode,
    existing: bool,
}

create_options!(CreateOptions);

impl CreateOptions {
    /// Creates options for a semaphore that only its user may open.
    pub const fn new() -> Self {
        Self {
            mode: Mode::RUSR.union(Mode::WUSR),
            existing: false,
        }
    }

    /// Creates the semaphore with `value` units: `sem_open(3)` with `O_CREAT`.
    ///
    /// It has its value from the moment that it has its name; nobody, glibc
    /// included, can open it half-made. Killed while it creates one, a process leaves
    /// nothing. (Where files without names are not to be had, as on a `/dev/shm` that
    /// is no tmpfs, or where Linux is older than 6.10 and `/proc` is not mounted, it can
    /// leave a file `.rawipc-…` that nobody uses.)
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: `value` exceeds [`VALUE_MAX`]. [`Errno::EXIST`]: there is one of
    /// this name, and [`open_existing`] was not asked for. [`Errno::NAMETOOLONG`]: more
    /// than [`NAME_MAX`] bytes. [`Errno::NOSPC`]: no room in `/dev/shm`.
    /// [`Errno::FBIG`]: this process may not write a file (`RLIMIT_FSIZE`); there is no
    /// SIGXFSZ. [`Errno::NOENT`], [`Errno::ACCESS`]: there is no `/dev/shm`, or nothing may be
    /// created there. [`Errno::MFILE`], [`Errno::NFILE`], [`Errno::NOMEM`]: no
    /// descriptor or memory left; then it may have been created. With
    /// [`open_existing`] also as [`open`].
    ///
    /// [`open_existing`]: Self::open_existing
    #[doc(alias = "sem_open")]
    pub fn create(&self, name: &Name, value: u32) -> Result<Named> {
        let path = Path::new(file::SEMAPHORE, name)?;
        if value > VALUE_MAX {
            return Err(Errno::INVAL);
        }
        let image = Semaphore::image(value);
        let fill = |file: BorrowedFd<'_>| filesize::write_all_at(file, &image, 0);
        let file = if self.existing {
            file::create_or_open(&path, FLAGS, self.mode, Created::ToReadAndWrite, fill)?
        } else {
            file::create(&path, self.mode, Created::ToReadAndWrite, fill)?
        };
        map(&file)
    }
}

impl Deref for Named {
    type Target = Semaphore;

    fn deref(&self) -> &Semaphore {
        // SAFETY: mapped until it is dropped, aligned as a page is, and any bytes are a
        // Semaphore.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let address: *mut c_void = self.0.as_ptr().cast();
        // Cannot fail: this very page was mapped.
        // SAFETY: nothing borrowed from it is left.
        let _ = unsafe { mm::munmap(address, size_of::<Semaphore>()) };
    }
}
