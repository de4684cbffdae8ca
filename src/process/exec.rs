//! Replacing this process's program by another: `execve(2)`, `execveat(2)`.
//!
//! A successful call does not return, so that what returns is an [`Errno`]. The
//! process keeps its number, its parent, its working directory, its blocked and
//! its ignored signals; it loses its memory, its handlers, its other threads and
//! every descriptor that is close-on-exec, as all are that this crate makes. A
//! Rust program with std ignores `SIGPIPE`, and so does what it executes unless it
//! resets it.
//!
//! Arguments and environment are lists of C strings that end with a null pointer.
//! [`List`] is one with storage of its own, and [`Strings`] a reference to any.

use core::ffi::{CStr, c_char};
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use static_assertions::assert_eq_size;

use crate::{AsFd, Errno, sys};

/// A reference to one C string, as wide as a pointer: the element of a [`Strings`].
///
/// `Option<StringRef>` is the element of a null-terminated list, with `None` for
/// the null.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct StringRef<'s>(NonNull<c_char>, PhantomData<&'s CStr>);

// SAFETY: it is a `&CStr` without the length, and that is Send.
unsafe impl Send for StringRef<'_> {}
// SAFETY: as above, and Sync.
unsafe impl Sync for StringRef<'_> {}

impl<'s> StringRef<'s> {
    /// Creates a reference to `string`.
    #[must_use]
    pub const fn new(string: &'s CStr) -> Self {
        // SAFETY: derived from a reference, hence not null.
        let first = unsafe { NonNull::new_unchecked(string.as_ptr().cast_mut()) };
        Self(first, PhantomData)
    }

    /// Returns the string with its length, which is counted now.
    #[must_use]
    pub fn to_c_str(self) -> &'s CStr {
        // SAFETY: made of a `&'s CStr`, or vouched for where `Strings` was made.
        unsafe { CStr::from_ptr(self.0.as_ptr()) }
    }
}

impl<'s> From<&'s CStr> for StringRef<'s> {
    fn from(string: &'s CStr) -> Self {
        Self::new(string)
    }
}

impl fmt::Debug for StringRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_c_str().fmt(f)
    }
}

assert_eq_size!(Option<StringRef<'_>>, *const c_char);

/// A null-terminated list of C strings, in the form in which the kernel takes
/// arguments and environment and in which it gives them to a new process.
///
/// # Examples
///
/// The caller's storage, filled as far as there are strings:
///
/// ```
/// use rawipc::process::exec::{StringRef, Strings};
///
/// let mut storage = [None; 16];
/// for (place, word) in storage.iter_mut().zip([c"sort", c"-n"]) {
///     *place = Some(StringRef::new(word));
/// }
/// let args = Strings::new(&storage).unwrap();
/// assert!(args.iter().eq([c"sort", c"-n"]));
///
/// // Without a null pointer in it, it is no list.
/// assert!(Strings::new(&[Some(StringRef::new(c"sort"))]).is_none());
/// ```
#[derive(Clone, Copy)]
pub struct Strings<'a> {
    /// Points to elements up to a `None`, all valid for `'a`.
    next: NonNull<Option<StringRef<'a>>>,
    borrowed: PhantomData<&'a [Option<StringRef<'a>>]>,
}

// SAFETY: it is a shared reference to elements that are Sync.
unsafe impl Send for Strings<'_> {}
// SAFETY: as above.
unsafe impl Sync for Strings<'_> {}

impl<'a> Strings<'a> {
    /// The empty list.
    pub const EMPTY: Strings<'static> = {
        const NULL: &Option<StringRef<'static>> = &None;
        // SAFETY: derived from a reference, hence not null.
        let next = unsafe { NonNull::new_unchecked(core::ptr::from_ref(NULL).cast_mut()) };
        Strings {
            next,
            borrowed: PhantomData,
        }
    };

    /// Creates the list of the strings before the first `None`. Returns `None` if there is no
    /// such end.
    #[must_use]
    pub fn new(elements: &'a [Option<StringRef<'a>>]) -> Option<Self> {
        elements.iter().any(Option::is_none).then_some(Self {
            next: NonNull::from(elements).cast(),
            borrowed: PhantomData,
        })
    }

    /// Refers to the list at `first`, such as a libc's `environ` or what the kernel put on the
    /// first stack of a process.
    ///
    /// # Safety
    ///
    /// `first` must point to pointers of which each is a C string and the one
    /// after the last is null, all of them valid and unchanged for `'a`.
    #[must_use]
    pub const unsafe fn from_ptr(first: NonNull<*const c_char>) -> Self {
        Self {
            next: first.cast(),
            borrowed: PhantomData,
        }
    }

    /// Returns an iterator over the strings.
    #[must_use]
    pub const fn iter(self) -> Iter<'a> {
        Iter(self)
    }

    fn as_ptr(self) -> *const *const c_char {
        // Option<StringRef> is a pointer, and None the null pointer.
        self.next.as_ptr().cast_const().cast()
    }
}

impl<'a> IntoIterator for Strings<'a> {
    type Item = &'a CStr;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// An iterator over the strings of a [`Strings`].
#[derive(Clone, Debug)]
pub struct Iter<'a>(Strings<'a>);

impl<'a> Iterator for Iter<'a> {
    type Item = &'a CStr;

    fn next(&mut self) -> Option<&'a CStr> {
        // SAFETY: the null pointer has not been passed, so this is an element.
        let string = unsafe { self.0.next.read() }?;
        // SAFETY: not the null pointer, so one more element follows.
        self.0.next = unsafe { self.0.next.add(1) };
        Some(string.to_c_str())
    }
}

impl core::iter::FusedIterator for Iter<'_> {}

impl fmt::Debug for Strings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A [`Strings`] with its own storage, for up to `N` C strings.
///
/// # Examples
///
/// ```
/// use rawipc::process::exec::List;
///
/// static ALWAYS: List<'_, 2> = List::of([c"ls", c"-l"]);
///
/// let mut sometimes = List::<8>::new();
/// for word in ALWAYS.strings() {
///     sometimes.push(word).unwrap();
/// }
/// sometimes.push(c"--color").unwrap();
/// assert!(sometimes.strings().iter().eq([c"ls", c"-l", c"--color"]));
/// ```
#[derive(Clone, Copy)]
#[repr(C)]
pub struct List<'s, const N: usize> {
    /// Filled from the front, `None` behind.
    strings: [Option<StringRef<'s>>; N],
    /// The null pointer after a full list: always `None`.
    end: Option<StringRef<'s>>,
}

/// An error of [`List::push`]: the list is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no place left for another string")
    }
}

impl core::error::Error for Full {}

impl<'s, const N: usize> List<'s, N> {
    /// Creates an empty list with room for `N` strings.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            strings: [None; N],
            end: None,
        }
    }

    /// Creates the list of these strings.
    #[must_use]
    pub const fn of(strings: [&'s CStr; N]) -> Self {
        let mut list = Self::new();
        let mut at = 0;
        while at < N {
            list.strings[at] = Some(StringRef::new(strings[at]));
            at += 1;
        }
        list
    }

    /// Appends `string`.
    ///
    /// # Errors
    ///
    /// [`Full`]: there are `N` strings already.
    pub fn push(&mut self, string: &'s CStr) -> Result<(), Full> {
        match self.strings.iter_mut().find(|place| place.is_none()) {
            Some(place) => {
                *place = Some(StringRef::new(string));
                Ok(())
            }
            None => Err(Full),
        }
    }

    /// Returns the list in the form that [`path`] and [`descriptor`] take.
    #[must_use]
    pub fn strings(&self) -> Strings<'_> {
        Strings {
            // With `repr(C)` the strings are followed by the `None` at their end,
            // and the pointer is to all of it.
            next: NonNull::from(self).cast(),
            borrowed: PhantomData,
        }
    }
}

impl<const N: usize> Default for List<'_, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Debug for List<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.strings().fmt(f)
    }
}

impl<'a, const N: usize> From<&'a List<'_, N>> for Strings<'a> {
    fn from(list: &'a List<'_, N>) -> Self {
        list.strings()
    }
}

/// Replaces this process's program by the file `path`: `execve(2)`. Returns only if that fails,
/// with the error.
///
/// `path` is relative to the working directory, and `PATH` is not searched. The
/// new program gets exactly `args`, whose first is by custom its own name, and
/// exactly `env` (`NAME=value` each). A file that begins with `#!` runs its
/// interpreter.
///
/// In a process with several threads the others end at once, and the program goes
/// on under the number of the first.
///
/// # Errors
///
/// [`Errno::NOENT`]: no such file, or its interpreter is missing.
/// [`Errno::ACCESS`]: not a file with permission to execute, or on a file system
/// mounted `noexec`. [`Errno::NOEXEC`]: of no known format; a shell would now
/// take it for a script. [`Errno::TOOBIG`]: arguments and environment exceed a
/// quarter of the stack limit, or one of them 128 KiB.
/// [`Errno::TXTBSY`]: somebody has it open for writing.
/// [`Errno::NOTDIR`], [`Errno::LOOP`], [`Errno::NAMETOOLONG`]: the path leads nowhere.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, exec, Fork, State, WaitFlags};
///
/// let args = exec::List::of([c"sh", c"-c", c"exit $code"]);
/// let env = exec::List::of([c"code=7"]);
/// // SAFETY: the child only uses this crate, then executes or exits.
/// match unsafe { process::fork()? } {
///     Fork::Child => {
///         let _why = exec::path(c"/bin/sh", &args, &env);
///         process::exit(127)
///     }
///     Fork::Parent(child) => {
///         let change = process::wait(child, WaitFlags::EXITED)?;
///         assert_eq!(change.state, State::Exited(7));
///     }
/// }
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "execve")]
pub fn path<'a>(path: &CStr, args: impl Into<Strings<'a>>, env: impl Into<Strings<'a>>) -> Errno {
    // SAFETY: a `Strings` is such a list.
    unsafe { sys::process::execve(path, args.into().as_ptr(), env.into().as_ptr()) }
}

/// Replaces this process's program by the file `path`, relative to `directory`: `execveat(2)`.
/// Returns only if that fails, with the error.
///
/// An absolute `path` ignores `directory`, and an empty one is [`Errno::NOENT`]. Otherwise like
/// [`path`](path()). A script is opened again by its interpreter, as `/dev/fd/N/PATH`, which is
/// gone by then if the directory is close-on-exec.
///
/// # Errors
///
/// Those of [`path`](path()), and [`Errno::NOTDIR`]: `directory` is none; [`Errno::NOENT`] also for a
/// script whose directory is close-on-exec.
///
/// # Examples
///
/// ```
/// use rawipc::process::exec;
/// use rawipc::Errno;
///
/// # #[cfg(feature = "std")] {
/// let folder = std::fs::File::open("/bin").unwrap();
/// let args = exec::List::of([c"nothing"]);
/// let why = exec::at(&folder, c"nothing of this name", &args, exec::Strings::EMPTY);
/// assert_eq!(why, Errno::NOENT);
/// # }
/// ```
#[doc(alias = "execveat")]
pub fn at<'a>(
    directory: impl AsFd,
    path: &CStr,
    args: impl Into<Strings<'a>>,
    env: impl Into<Strings<'a>>,
) -> Errno {
    let (args, env) = (args.into().as_ptr(), env.into().as_ptr());
    // SAFETY: a `Strings` is such a list.
    unsafe { sys::process::execveat(directory.as_fd(), path, args, env) }
}

/// Replaces this process's program by the open file `fd`: `execveat(2)` with `AT_EMPTY_PATH`,
/// `fexecve(3)`. Returns only if that fails, with the error.
///
/// The file may have no name any more, or never have had one (a memfd). It must have permission
/// to execute; the descriptor may be of any kind, `O_PATH` too. Otherwise like [`path`].
///
/// A script is opened again by its interpreter, as `/dev/fd/N`: for a descriptor
/// that is close-on-exec that file is gone by then.
///
/// # Errors
///
/// Those of [`path`], and [`Errno::NOENT`] for a script whose descriptor is
/// close-on-exec.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, exec, Fork, State, WaitFlags};
///
/// # #[cfg(feature = "std")] {
/// let program = std::fs::File::open("/bin/sh").unwrap();
/// let args = exec::List::of([c"sh", c"-c", c"exit 9"]);
/// // SAFETY: the child only uses this crate, then executes or exits.
/// match unsafe { process::fork()? } {
///     Fork::Child => {
///         let _why = exec::descriptor(&program, &args, exec::Strings::EMPTY);
///         process::exit(127)
///     }
///     Fork::Parent(child) => {
///         let change = process::wait(child, WaitFlags::EXITED)?;
///         assert_eq!(change.state, State::Exited(9));
///     }
/// }
/// # }
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "execveat")]
#[doc(alias = "fexecve")]
pub fn descriptor<'a>(
    fd: impl AsFd,
    args: impl Into<Strings<'a>>,
    env: impl Into<Strings<'a>>,
) -> Errno {
    // SAFETY: a `Strings` is such a list.
    unsafe { sys::process::fexecve(fd.as_fd(), args.into().as_ptr(), env.into().as_ptr()) }
}
