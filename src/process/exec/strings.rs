//! [`Strings`]: lists of C strings as the kernel takes them.

use core::ffi::{CStr, c_char};
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use static_assertions::assert_eq_size;

/// A reference to one C string, as wide as a pointer: the element of a [`Strings`].
///
/// `Option<StringRef>` is the element of a null-terminated list, with `None` for
/// the null.
///
/// # Examples
///
/// ```
/// use rawipc::process::exec::{StringRef, Strings};
///
/// let storage = [Some(StringRef::new(c"ls")), Some(StringRef::new(c"-l")), None];
/// let args = Strings::new(&storage).ok_or("no end")?;
/// assert_eq!(args.iter().last(), Some(c"-l"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    pub(super) next: NonNull<Option<StringRef<'a>>>,
    pub(super) borrowed: PhantomData<&'a [Option<StringRef<'a>>]>,
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

    pub(super) fn as_ptr(self) -> *const *const c_char {
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
///
/// # Examples
///
/// ```
/// use rawipc::process::exec::List;
///
/// let env = List::of([c"HOME=/root", c"LANG=C"]);
/// let language = env.strings().iter().find(|entry| entry.to_bytes().starts_with(b"LANG="));
/// assert_eq!(language, Some(c"LANG=C"));
/// ```
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
