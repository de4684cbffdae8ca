//! Regions that have a name: found, made, removed.
//!
//! A file gets its name when it is complete, by a link that one of all who try makes. Nobody
//! gives a name another file, and nothing is renamed. Who opens a file locks it, shared, and
//! looks then whether the name still leads to it; who buries one locks it for himself alone.
#![forbid(unsafe_code)]

use core::time::Duration;

use super::Error;
use super::options::Options;
use super::place::Place;
use super::region::Region;
use crate::region::{Found, backing, presence};
use crate::wait::backoff::Backoff;
use crate::{Arg, AsFd, Deadline, Errno, Result};

/// How long the first pause is before it is looked again whether another process has done what
/// keeps from going on, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_micros(100), Duration::from_millis(20));

fn pauses(deadline: Deadline) -> Backoff {
    Backoff::new(PAUSES.0, PAUSES.1, deadline)
}

impl Options {
    /// Opens the region of this name.
    ///
    /// # Errors
    ///
    /// [`Error::NotRegion`], [`Error::Foreign`], [`Error::WrongMode`]: what has the name is not
    /// opened. [`Error::Refused`]: it is another region than wanted, or none.
    /// [`Error::Kernel`]: [`Errno::NOENT`]: nothing has the name, or there is no such directory;
    /// [`Errno::INVAL`]: the path ends with a slash, `.` or `..`; [`Errno::ACCESS`].
    pub fn open<R: Region>(&self, path: impl Arg) -> Result<R, Error> {
        self.open_until(path, Deadline::Never)
    }

    /// Like [`open`](Self::open), but gives up at `deadline` with [`Errno::TIMEDOUT`], should a
    /// process that removes the name be stopped in the midst of it.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open), and [`Errno::TIMEDOUT`].
    pub fn open_until<R: Region>(&self, path: impl Arg, deadline: Deadline) -> Result<R, Error> {
        Place::with(path, |place| {
            find(self, place, &mut pauses(deadline))?.ok_or(Error::Kernel(Errno::NOENT))
        })
    }

    /// Opens the region of this name, or else gives the name to one that is made as `create` makes
    /// one. Of several processes that do so at once, one creates it. It never exists half-made, and
    /// a process that is killed at any moment leaves nothing but a complete region or none.
    ///
    /// The memory is taken at once, so that touching it never fails: all of the capacity.
    ///
    /// # Errors
    ///
    /// [`Error::Different`]: it exists, with other parameters than `create` gives one.
    /// [`Error::NotRegion`], [`Error::Foreign`], [`Error::WrongMode`], [`Error::Refused`]: as
    /// [`open`](Self::open) has them. [`Error::Kernel`]: what `create` said;
    /// [`Errno::NOENT`]: no such directory; [`Errno::OPNOTSUPP`]: its file system cannot have files
    /// without a name (`O_TMPFILE`), or cannot reserve their memory; [`Errno::NOSPC`]: it has no room;
    /// [`Errno::FBIG`]: as `create` has it; [`Errno::ACCESS`], [`Errno::INVAL`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::rendezvous::{self, Options};
    /// use rawipc::ring::spsc;
    ///
    /// # let path = format!("/dev/shm/rawipc-doc-named-{}", std::process::id());
    /// # const _: &str = stringify!(
    /// let path = "/dev/shm/jobs";
    /// # );
    /// let create = || spsc::Ring::create(1 << 16);
    /// let ring: spsc::Ring = Options::new().open_or_create(&path, create)?;
    /// let same: spsc::Ring = Options::new().open_or_create(&path, create)?; // in another process
    ///
    /// ring.producer()?.send(b"hello")?;
    /// let mut buffer = [0; 8];
    /// assert_eq!(same.consumer()?.recv(&mut buffer), Ok(5));
    /// # drop((ring, same));
    /// rendezvous::remove(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_or_create<R: Region>(
        &self,
        path: impl Arg,
        create: impl FnOnce() -> Result<R>,
    ) -> Result<R, Error> {
        self.open_or_create_until(path, create, Deadline::Never)
    }

    /// Like [`open_or_create`](Self::open_or_create), but gives up at `deadline` with
    /// [`Errno::TIMEDOUT`], should a process that removes the name be stopped in the midst of it.
    ///
    /// # Errors
    ///
    /// Those of [`open_or_create`](Self::open_or_create), and [`Errno::TIMEDOUT`].
    pub fn open_or_create_until<R: Region>(
        &self,
        path: impl Arg,
        create: impl FnOnce() -> Result<R>,
        deadline: Deadline,
    ) -> Result<R, Error> {
        let pattern = create()?;
        Place::with(path, |place| {
            if self.replace_stale {
                match bury(self, place) {
                    Ok(()) | Err(Error::InUse | Error::Kernel(Errno::NOENT)) => {}
                    Err(error) => return Err(error),
                }
            }
            let pauses = &mut pauses(deadline);
            loop {
                if let Some(region) = find::<R>(self, place, pauses)? {
                    return match backing::are_alike(region.as_fd(), pattern.as_fd())? {
                        true => Ok(region),
                        false => Err(Error::Different),
                    };
                }
                match make(self, place, &pattern) {
                    // Another was first.
                    Err(Error::Kernel(Errno::EXIST)) if !deadline.has_passed() => {}
                    Err(Error::Kernel(Errno::EXIST)) => return Err(Errno::TIMEDOUT.into()),
                    result => return result,
                }
            }
        })
    }

    /// Gives the name to a new region, made as `create` makes one.
    ///
    /// # Errors
    ///
    /// [`Error::Kernel`]: [`Errno::EXIST`]: something has the name; else as
    /// [`open_or_create`](Self::open_or_create) has them.
    pub fn create<R: Region>(
        &self,
        path: impl Arg,
        create: impl FnOnce() -> Result<R>,
    ) -> Result<R, Error> {
        let pattern = create()?;
        Place::with(path, |place| make(self, place, &pattern))
    }
}

/// Takes a region's name away, whoever has it: they keep it, and others who ask for the name find
/// nothing or a new one. What is no region of this user's stays.
///
/// # Errors
///
/// [`Error::NotRegion`], [`Error::Foreign`]: it stays. [`Error::InUse`]: another process is
/// removing it at this moment. [`Error::Kernel`]: [`Errno::NOENT`]: nothing has the name, or there
/// is no such directory; [`Errno::INVAL`], [`Errno::ACCESS`].
pub fn remove(path: impl Arg) -> Result<(), Error> {
    Place::with(path, |place| take_away(&LENIENT, place, true))
}

/// Takes the name of a region away that no process has any more: none that has it open or attached
/// lives.
///
/// # Errors
///
/// [`Error::InUse`]: a process has it, and it stays. Else as [`remove`].
pub fn remove_stale(path: impl Arg) -> Result<(), Error> {
    Place::with(path, |place| bury(&LENIENT, place))
}

/// Whose mode does not matter, as it is to go.
const LENIENT: Options = Options::new().mode(crate::Mode::all());

/// Opens the region that has the name, if there is one.
fn find<R: Region>(
    options: &Options,
    place: &Place<'_>,
    pauses: &mut Backoff,
) -> Result<Option<R>, Error> {
    loop {
        let file = match place.open(options) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(None),
            // Somebody has a lease on it.
            Err(Error::Kernel(Errno::AGAIN)) => {
                pauses.pause()?;
                continue;
            }
            Err(error) => return Err(error),
        };
        match presence::enter(file.as_fd()) {
            Ok(()) => {}
            // Being buried, or not: it is decided in a moment.
            Err(Errno::AGAIN) => {
                pauses.pause()?;
                continue;
            }
            Err(errno) => return Err(errno.into()),
        }
        // Who looked before would have what is buried meanwhile.
        if place.leads_to(file.as_fd())? {
            return Ok(Some(R::accept(Found::by_name(file), Some(usize::MAX))?));
        }
        pauses.pause()?;
    }
}

/// Gives the name to a region like `pattern`.
fn make<R: Region>(options: &Options, place: &Place<'_>, pattern: &R) -> Result<R, Error> {
    let file = place.create(options.mode)?;
    backing::copy(pattern.as_fd(), file.as_fd())?;
    // Before it has a name: who has it is never without.
    presence::enter(file.as_fd())?;
    let region = R::accept(Found::by_name(file), Some(usize::MAX))?;
    place.link(region.as_fd())?;
    Ok(region)
}

/// Takes the name of a region away that nobody has.
fn bury(options: &Options, place: &Place<'_>) -> Result<(), Error> {
    take_away(options, place, false)
}

fn take_away(options: &Options, place: &Place<'_>, in_use_too: bool) -> Result<(), Error> {
    let in_use = |errno| match errno {
        Errno::AGAIN => Error::InUse,
        errno => Error::Kernel(errno),
    };
    loop {
        let file = place.open(options).map_err(|error| match error {
            Error::Kernel(errno) => in_use(errno),
            error => error,
        })?;
        let Some(file) = file else {
            return Err(Errno::NOENT.into());
        };
        let file = file.as_fd();
        if !backing::is_region(file)? {
            return Err(Error::NotRegion);
        }
        presence::begin_removal(file).map_err(in_use)?;
        if !in_use_too {
            presence::exclude(file).map_err(in_use)?;
        }
        // Else another has done it, and something new may have the name.
        if place.leads_to(file)? {
            return Ok(place.unlink()?);
        }
    }
}
