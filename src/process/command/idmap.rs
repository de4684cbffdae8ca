//! [`IdMap`]: the ids of a new user namespace, inside and outside: `user_namespaces(7)`.

use rustix::fs::OFlags;
use rustix::path::DecInt;

use super::step::{SpawnError, Step};
use crate::process::process_ref::ProcessRef;
use crate::{BorrowedFd, Errno, Result, procfs};

/// A range of user or group ids, inside and outside of a new user namespace:
/// [`Command::uid_map`](crate::process::Command::uid_map).
///
/// # Examples
///
/// A program that is root in a user namespace of its own, and nobody else outside:
///
/// ```
/// use rawipc::process::{self, CloneFlags, Command, IdMap, WaitFlags, exec};
///
/// let users = [IdMap::one(0, rustix::process::getuid().as_raw())];
/// let groups = [IdMap::one(0, rustix::process::getgid().as_raw())];
/// let args = exec::List::of([c"sh", c"-c", c"test $(id -u) = 0"]);
/// let env = exec::List::of([c"PATH=/usr/bin:/bin"]);
/// let command = Command::path(c"/bin/sh", &args, &env)
///     .namespaces(CloneFlags::NEWUSER)
///     .uid_map(&users)
///     .gid_map(&groups);
/// match command.spawn() {
///     Ok(child) => assert!(process::wait(&child, WaitFlags::EXITED)?.state.is_success()),
///     Err(error) => println!("no user namespaces on this system: {error}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "uid_map")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdMap {
    /// The first id, as the program sees it.
    pub inside: u32,
    /// The id that it is in the caller's namespace.
    pub outside: u32,
    /// The number of consecutive ids, the first included.
    pub count: u32,
}

impl IdMap {
    /// Maps one id.
    #[must_use]
    pub const fn one(inside: u32, outside: u32) -> Self {
        Self {
            inside,
            outside,
            count: 1,
        }
    }
}

/// What the kernel takes: less than a page, of the smallest there are.
const MOST: usize = 4095;

/// The lines of a map.
struct Text {
    bytes: [u8; MOST],
    len: usize,
}

impl Text {
    /// # Errors
    ///
    /// [`Errno::INVAL`]: they are more than the kernel takes.
    fn of(map: &[IdMap]) -> Result<Self> {
        let mut text = Self {
            bytes: [0; MOST],
            len: 0,
        };
        for range in map {
            for (number, end) in [
                (range.inside, b" "),
                (range.outside, b" "),
                (range.count, b"\n"),
            ] {
                text.push(DecInt::new(number).as_bytes())?;
                text.push(end)?;
            }
        }
        Ok(text)
    }

    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let end = self.len + bytes.len();
        let place = self.bytes.get_mut(self.len..end).ok_or(Errno::INVAL)?;
        place.copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }

    fn written(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Writes the maps of a child, which waits for them. It is given as a pidfd, as its number
/// is another process's where `/proc` is of another namespace of process numbers.
pub(super) fn write(
    child: BorrowedFd<'_>,
    users: Option<&[IdMap]>,
    groups: Option<&[IdMap]>,
) -> Result<(), SpawnError> {
    if let Some(map) = users {
        let text = Text::of(map).map_err(Step::UidMap.because())?;
        put(child, b"/uid_map", text.written()).map_err(Step::UidMap.because())?;
    }
    if let Some(map) = groups {
        let text = Text::of(map).map_err(Step::GidMap.because())?;
        let put_map = || put(child, b"/gid_map", text.written());
        let done = put_map().or_else(|errno| match errno {
            // Whoever has no privileges may map a group only where nobody can leave one.
            Errno::PERM => put(child, b"/setgroups", b"deny").and_then(|()| put_map()),
            errno => Err(errno),
        });
        done.map_err(Step::GidMap.because())?;
    }
    Ok(())
}

fn put(child: BorrowedFd<'_>, name: &[u8], text: &[u8]) -> Result<()> {
    let open = |pid| procfs::process::open(pid, name, OFlags::WRONLY);
    let file = ProcessRef::Pidfd(child).with_number(open)?;
    // All of it or an error.
    rustix::io::write(&file, text).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_is_written_as_lines_of_three_numbers() {
        let map = [
            IdMap::one(0, 1000),
            IdMap {
                inside: 1,
                outside: 100_000,
                count: 65_536,
            },
        ];
        let text = Text::of(&map).expect("short");
        assert_eq!(text.written(), b"0 1000 1\n1 100000 65536\n");
    }

    #[test]
    fn map_beyond_a_page_is_refused() {
        let long = [IdMap {
            inside: u32::MAX,
            outside: u32::MAX,
            count: u32::MAX,
        }; 200];
        assert_eq!(Text::of(&long).map(drop), Err(Errno::INVAL));
        assert!(Text::of(&long[..124]).is_ok());
    }
}
