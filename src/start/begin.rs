//! What the kernel gives a program: [`Start`].

use core::ffi::{CStr, c_char};
use core::fmt;
use core::ptr::NonNull;

use super::auxv::Auxv;
use super::tls;
use crate::process::exec::{Iter, Strings};
use crate::{Signal, process, sys};

/// What the kernel gives a program: arguments, environment and auxiliary vector. The function of
/// [`entry!`](crate::entry) gets it, and nobody else can make one: to have it is to know that no libc
/// runs in the program, as [threads](crate::thread) need to.
///
/// # Examples
///
/// ```
/// use rawipc::start::Start;
///
/// /// The function that `rawipc::entry!(begin)` names.
/// fn begin(start: Start) -> i32 {
///     let count = start.args().iter().count();
///     let home = start.env().get("HOME");
///     i32::from(count != 1 || home.is_none())
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Start {
    args: Args,
    env: Env,
    auxv: Auxv,
}

impl Start {
    /// Returns the arguments, the first of which is by custom the program's name.
    #[must_use]
    pub fn args(&self) -> Args {
        self.args
    }

    /// Returns the environment.
    #[must_use]
    pub fn env(&self) -> Env {
        self.env
    }

    /// Returns the auxiliary vector.
    #[must_use]
    pub fn auxv(&self) -> Auxv {
        self.auxv
    }
}

/// The arguments of a program.
///
/// # Examples
///
/// ```
/// use rawipc::start::Start;
///
/// fn begin(start: Start) -> i32 {
///     let mut args = start.args().iter().skip(1); // without the program's name
///     match args.next() {
///         Some(arg) if arg == c"--version" => 0,
///         Some(_) => 2,
///         None => 0,
///     }
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Args(Strings<'static>);

impl Args {
    /// Returns an iterator over the arguments, beginning with the program's name.
    #[must_use]
    pub fn iter(self) -> Iter<'static> {
        self.0.iter()
    }

    /// Returns the list in the form that [`exec`](process::exec) takes.
    #[must_use]
    pub fn strings(self) -> Strings<'static> {
        self.0
    }
}

impl IntoIterator for Args {
    type Item = &'static CStr;
    type IntoIter = Iter<'static>;

    fn into_iter(self) -> Iter<'static> {
        self.iter()
    }
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The environment of a program: `NAME=value` each. It never changes.
///
/// # Examples
///
/// Runs another program with the same environment:
///
/// ```
/// use rawipc::process::exec;
/// use rawipc::start::Start;
///
/// fn begin(start: Start) -> i32 {
///     if start.env().get("SHELL").is_none() {
///         return 1;
///     }
///     let args = exec::List::of([c"sh"]);
///     let errno = exec::path(c"/bin/sh", &args, start.env().strings());
///     errno.raw_os_error() // only if that failed
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Env(Strings<'static>);

impl Env {
    /// Returns the value of the first variable of this name.
    #[must_use]
    #[doc(alias = "getenv")]
    pub fn get(self, name: &str) -> Option<&'static CStr> {
        self.0.iter().find_map(|variable| {
            let text = variable.to_bytes_with_nul();
            let value = text.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
            CStr::from_bytes_with_nul(value).ok()
        })
    }

    /// Returns an iterator over the variables, `NAME=value` each.
    #[must_use]
    pub fn iter(self) -> Iter<'static> {
        self.0.iter()
    }

    /// Returns the list in the form that [`exec`](process::exec) takes.
    #[must_use]
    pub fn strings(self) -> Strings<'static> {
        self.0
    }
}

impl IntoIterator for Env {
    type Item = &'static CStr;
    type IntoIter = Iter<'static>;

    fn into_iter(self) -> Iter<'static> {
        self.iter()
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What lies at the first stack pointer: the number of arguments, the arguments and a null
/// pointer, the environment and a null pointer, and the auxiliary vector.
///
/// # Safety
///
/// `stack` must be what the kernel set the stack pointer to.
#[inline(always)]
unsafe fn read(stack: NonNull<usize>) -> Start {
    // SAFETY: the kernel put the number there.
    let count = unsafe { stack.read() };
    // SAFETY: the arguments begin after it.
    let args = unsafe { stack.add(1) };
    // SAFETY: `count` arguments and a null pointer are followed by the environment.
    let env = unsafe { args.add(count + 1) };
    let mut end = env;
    // SAFETY: the null pointer has not been passed.
    while unsafe { end.read() } != 0 {
        // SAFETY: so one more follows.
        end = unsafe { end.add(1) };
    }
    // SAFETY: the auxiliary vector follows the environment's null pointer.
    let auxv = unsafe { end.add(1) };
    // SAFETY: as the kernel wrote it; nobody changes it while the process lives.
    let args = unsafe { Strings::from_ptr(args.cast::<*const c_char>()) };
    // SAFETY: as above.
    let env = unsafe { Strings::from_ptr(env.cast::<*const c_char>()) };
    // SAFETY: as above.
    let auxv = unsafe { Auxv::from_ptr(auxv) };
    Start {
        args: Args(args),
        env: Env(env),
        auxv,
    }
}

/// Calls `main` with what lies at the first stack pointer, when the thread-local variables are
/// there.
///
/// # Safety
///
/// `stack` must be what the kernel set the stack pointer to, of a program in which no libc runs.
#[doc(hidden)]
#[inline(always)]
pub unsafe fn begin(stack: NonNull<usize>, main: fn(Start) -> i32) -> ! {
    // SAFETY: the caller's promise.
    let start = unsafe { read(stack) };
    // SAFETY: nothing has run before in this program.
    if unsafe { tls::begin(start.auxv) }.is_err() {
        unreachable()
    }
    process::exit(main(start))
}

/// Calls `main` like [`begin`], in a program without thread-local variables.
///
/// # Safety
///
/// As for [`begin`].
#[doc(hidden)]
#[inline(always)]
pub unsafe fn begin_small(stack: NonNull<usize>, main: fn(Start) -> i32) -> ! {
    // SAFETY: the caller's promise.
    let start = unsafe { read(stack) };
    process::exit(main(start))
}

/// The exit status of who cannot abort.
const UNUSABLE: i32 = 134;

/// Ends the process after a panic.
#[doc(hidden)]
pub fn panicked() -> ! {
    // The first process of a PID namespace is not killed by its own signals.
    let _ = sys::signal::kill_process(rustix::process::getpid(), Signal::ABORT);
    process::exit(UNUSABLE)
}

/// Ends the process where nobody comes without unwinding, and after a panic of which nothing is said.
#[doc(hidden)]
pub extern "C" fn unreachable() -> ! {
    process::exit(UNUSABLE)
}
