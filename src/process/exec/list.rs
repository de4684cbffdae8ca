//! [`List`]: a list of C strings with its own storage.

use core::ffi::CStr;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use super::strings::{StringRef, Strings};

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
///
/// # Examples
///
/// ```
/// use rawipc::process::exec::{Full, List};
///
/// let mut args = List::<2>::new();
/// args.push(c"ls")?;
/// args.push(c"-l")?;
/// assert_eq!(args.push(c"-a"), Err(Full));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

    /// Returns the list in the form that [`path`](super::path()) and [`descriptor`](super::descriptor()) take.
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
