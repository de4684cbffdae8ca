//! [`FdMapping`]: giving a program descriptors under chosen numbers.

use crate::{AsFd, AsRawFd, BorrowedFd, Errno, RawFd, sys};

/// A descriptor of this process and the number that it has in a started program:
/// [`Command::inherit`](crate::process::Command::inherit).
///
/// # Examples
///
/// ```
/// use rawipc::pipe::{self, PipeFlags};
/// use rawipc::process::{self, Command, FdMapping, WaitFlags, exec};
///
/// let (reader, writer) = pipe::create(PipeFlags::empty())?;
/// let args = exec::List::of([c"echo", c"hello"]);
/// let child = Command::path(c"/bin/echo", &args, exec::Strings::EMPTY)
///     .inherit(&[FdMapping::new(&writer, 1)]) // the pipe is its standard output
///     .spawn()?;
/// process::wait(&child, WaitFlags::EXITED)?;
/// let mut buffer = [0; 16];
/// let len = reader.read(&mut buffer)?;
/// assert_eq!(&buffer[..len], b"hello\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FdMapping<'fd> {
    fd: BorrowedFd<'fd>,
    number: RawFd,
}

impl<'fd> FdMapping<'fd> {
    /// Gives `fd` the number `number` in the program.
    #[must_use]
    pub fn new(fd: &'fd impl AsFd, number: RawFd) -> Self {
        let fd = fd.as_fd();
        Self { fd, number }
    }

    /// Gives `fd` the same number in the program as here.
    #[must_use]
    pub fn same(fd: &'fd impl AsFd) -> Self {
        let fd = fd.as_fd();
        Self {
            fd,
            number: fd.as_raw_fd(),
        }
    }
}

/// The first number that cannot be, or is there twice; the 129th of too many.
pub(super) fn impossible(list: &[FdMapping<'_>]) -> Option<RawFd> {
    let before = |at| list.get(..at).unwrap_or_default();
    let mut all = list.iter().enumerate();
    all.find_map(|(at, one)| {
        let wrong = one.number < 0
            || at >= u128::BITS as usize
            || before(at).iter().any(|other| other.number == one.number);
        wrong.then_some(one.number)
    })
}

/// In a child: gives all of `list` its numbers, at once as it were, and moves
/// `program` out of the way if it has one of these. The list must not be
/// [`impossible`].
///
/// # Errors
///
/// The number for which it could not be done.
///
/// # Safety
///
/// Nobody in this process may own a descriptor that has one of the numbers and is
/// not in the list, nor use it any more.
pub(super) unsafe fn arrange(
    list: &[FdMapping<'_>],
    program: &mut RawFd,
) -> Result<(), (RawFd, Errno)> {
    let mut moves = Moves {
        list,
        pending: 0,
        aside: None,
    };
    for (at, one) in list.iter().enumerate() {
        if one.fd.as_raw_fd() == one.number {
            sys::descriptor::keep_on_exec(one.number).map_err(|errno| (one.number, errno))?;
        } else {
            moves.pending |= bit(at);
        }
    }
    while moves.pending != 0 {
        // SAFETY: the caller's promise.
        if !unsafe { moves.advance(*program) }? {
            moves.give_way(program)?;
        }
    }
    Ok(())
}

struct Moves<'l> {
    list: &'l [FdMapping<'l>],
    /// Those still to be done, as bits.
    pending: u128,
    /// The one that breaks a circle, and where its descriptor has been put meanwhile.
    aside: Option<(usize, RawFd)>,
}

const fn bit(at: usize) -> u128 {
    1_u128.wrapping_shl(at as u32)
}

impl Moves<'_> {
    fn is_pending(&self, at: usize) -> bool {
        self.pending & bit(at) != 0
    }

    fn source(&self, at: usize, one: &FdMapping<'_>) -> RawFd {
        match self.aside {
            Some((moved, fd)) if moved == at => fd,
            _ => one.fd.as_raw_fd(),
        }
    }

    /// Whether `number` is the source of another that is pending.
    fn is_needed(&self, number: RawFd, by_other_than: usize) -> bool {
        let mut all = self.list.iter().enumerate();
        all.any(|(at, one)| {
            at != by_other_than && self.is_pending(at) && self.source(at, one) == number
        })
    }

    /// Does those whose number nothing needs any more, and returns whether there were
    /// any.
    ///
    /// # Safety
    ///
    /// The same as for [`arrange`].
    unsafe fn advance(&mut self, program: RawFd) -> Result<bool, (RawFd, Errno)> {
        let mut advanced = false;
        for (at, one) in self.list.iter().enumerate() {
            let number = one.number;
            if !self.is_pending(at) || number == program || self.is_needed(number, at) {
                continue;
            }
            // SAFETY: what has this number is needed no more: not by the others of the
            // list, and not by anybody else, as the caller promises.
            unsafe { sys::descriptor::dup3(self.source(at, one), number) }
                .map_err(|errno| (number, errno))?;
            self.pending &= !bit(at);
            advanced = true;
            if let Some((_, fd)) = self.aside.take_if(|(moved, _)| *moved == at) {
                // SAFETY: made here, and of no use any more.
                unsafe { sys::descriptor::close(fd) };
            }
        }
        Ok(advanced)
    }

    /// When each pending number is needed by another: moves one descriptor to a number
    /// that nobody wants. The lowest that is free is one, as all that are pending are
    /// open.
    fn give_way(&mut self, program: &mut RawFd) -> Result<(), (RawFd, Errno)> {
        let mut all = self.list.iter().enumerate();
        let in_way = |number| move |errno| (number, errno);
        let Some((at, one)) = all.find(|(at, _)| self.is_pending(*at)) else {
            return Ok(());
        };
        let mut numbers = self.list.iter().enumerate();
        if numbers.any(|(at, one)| self.is_pending(at) && one.number == *program) {
            *program = sys::descriptor::dup_cloexec(*program).map_err(in_way(*program))?;
            return Ok(());
        }
        // Nothing but circles is left now, and one at a time is broken.
        let source = self.source(at, one);
        let fd = sys::descriptor::dup_cloexec(source).map_err(in_way(one.number))?;
        self.aside = Some((at, fd));
        Ok(())
    }
}
