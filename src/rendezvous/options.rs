//! [`Options`]: who may meet, and how a name is taken.
#![forbid(unsafe_code)]

use rustix::process::geteuid;

use super::Error;
use crate::Mode;
use crate::process::Uid;

/// For this user only.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// The users whose files are opened and whose processes are met.
///
/// Root's always are: who distrusts root cannot help it.
///
/// # Examples
///
/// ```
/// use rawipc::process::Uid;
/// use rawipc::rendezvous::{Options, Users};
///
/// let ours_and_that_of_a_service = Users::And(Uid::from_raw(33));
/// # let unique = format!("rawipc-doc-users-{}", std::process::id());
/// # let path = std::env::temp_dir().join(unique);
/// let listener = Options::new().users(ours_and_that_of_a_service).listen(&path)?;
/// # drop(listener);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Users {
    /// Those of this process's effective user.
    #[default]
    Own,
    /// Those, and this user's.
    And(Uid),
    /// Anybody's.
    Any,
}

impl Users {
    /// Makes sure that it is one of these.
    pub(super) fn check(self, user: Uid) -> Result<(), Error> {
        let is_one = match self {
            Self::Any => true,
            Self::And(other) => user == other,
            Self::Own => false,
        };
        if is_one || user.is_root() || user == geteuid() {
            Ok(())
        } else {
            Err(Error::Foreign { user })
        }
    }
}

/// Options to meet other processes: a builder. Unless asked otherwise, by this user's processes
/// alone.
///
/// # Examples
///
/// ```
/// use rawipc::Mode;
/// use rawipc::rendezvous::{Options, Users};
///
/// // A socket at which every user of the machine gets a ring.
/// let path = std::env::temp_dir().join(format!("rawipc-doc-options-{}", std::process::id()));
/// let everybody = Mode::from_raw_mode(0o666);
/// let listener = Options::new().mode(everybody).users(Users::Any).listen(&path)?;
/// # drop(listener);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is done until one of the last calls"]
pub struct Options {
    pub(super) mode: Mode,
    pub(super) users: Users,
    pub(super) replace_stale: bool,
    pub(super) limit: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Creates the default options: mode 0600, [`Users::Own`], and what is stale stays.
    pub const fn new() -> Self {
        Self {
            mode: PRIVATE,
            users: Users::Own,
            replace_stale: false,
            limit: None,
        }
    }

    /// Sets the mode of the region's file, or of the socket's: who may write to it may use it, or
    /// connect. The process's umask is subtracted from it. An existing file that lets others in is
    /// refused with [`Error::WrongMode`].
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets whose files are opened, and whose processes are met. Others are refused with
    /// [`Error::Foreign`].
    pub const fn users(mut self, users: Users) -> Self {
        self.users = users;
        self
    }

    /// Sets whether [`open_or_create`](Self::open_or_create) removes a region that no process has,
    /// whatever it holds and of whichever parameters it is, and begins with a new one. Unless it
    /// does, what dead processes left in a region is there for their successors.
    pub const fn replace_stale(mut self, replace: bool) -> Self {
        self.replace_stale = replace;
        self
    }

    /// Sets how large a region is accepted from another process, as `open_at_most` of its type
    /// takes it.
    pub const fn limit(mut self, capacity: usize) -> Self {
        self.limit = Some(capacity);
        self
    }
}
