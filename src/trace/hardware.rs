//! Breakpoints and watchpoints of the processor: the debug registers of x86_64.
#![forbid(unsafe_code)]

use super::error::Error;
use super::tracee::Stopped;
use crate::arch::trace::DEBUG_REGISTERS;
use crate::sys::trace as sys;
use crate::{Errno, Result};

/// The number of hardware breakpoints and watchpoints that a thread can have.
pub const HARDWARE_SLOTS: usize = 4;

/// The kind of access for which a [`Watch`] stops the thread.
///
/// # Examples
///
/// ```
/// use rawipc::trace::{Access, Length, Watch};
///
/// let variable = 0x5000;
/// assert_eq!(Watch::write(variable, Length::Four).access, Access::Write);
/// assert_eq!(Watch::read_write(variable, Length::Four).access, Access::ReadWrite);
/// assert_eq!(Watch::execute(0x1000).access, Access::Execute);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Before the instruction there is executed. The length is [`Length::One`].
    Execute,
    /// After an instruction has written there, even the same value.
    Write,
    /// After an instruction has read or written there. There is none for reading alone.
    ReadWrite,
}

/// The number of bytes that a [`Watch`] covers, of which the address must be a multiple.
///
/// # Examples
///
/// ```
/// use rawipc::trace::{Length, Watch};
///
/// /// Watches writes to a field of this size, if that is one that can be watched.
/// fn watch_field(address: usize, size: usize) -> Option<Watch> {
///     let length = match size {
///         1 => Length::One,
///         2 => Length::Two,
///         4 => Length::Four,
///         8 => Length::Eight,
///         _ => return None,
///     };
///     (address % size == 0).then_some(Watch::write(address, length))
/// }
/// assert!(watch_field(0x5004, 4).is_some());
/// assert!(watch_field(0x5004, 8).is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// 1 byte.
    One,
    /// 2 bytes.
    Two,
    /// 4 bytes.
    Four,
    /// 8 bytes.
    Eight,
}

/// A hardware breakpoint or watchpoint.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::process::{Command, exec};
/// use rawipc::trace::{self, Error, Length, Options, Report, Watch};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let running = trace::adopt(child.pid, Options::KILL_ON_EXIT);
/// let Report::Stopped(stopped) = running.wait()? else { return Err("it has ended".into()) };
/// let watch = Watch::write(0x5000, Length::Eight);
/// match stopped.set_watch(0, Some(watch)) {
///     Ok(()) => assert_eq!(stopped.watch(0)?, Some(watch)),
///     Err(Error::Errno(Errno::OPNOTSUPP)) => println!("not on this machine"),
///     Err(Error::Errno(Errno::NOSPC)) => println!("others have all of them"),
///     Err(error) => return Err(error.into()),
/// }
/// stopped.kill().wait_end()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// The address.
    pub address: usize,
    /// The access for which the thread stops.
    pub access: Access,
    /// The number of bytes.
    pub length: Length,
}

/// The hardware breakpoints and watchpoints that were hit: `DR6`.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::process::{Command, exec};
/// use rawipc::trace::{self, Error, Options, Report};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let running = trace::adopt(child.pid, Options::KILL_ON_EXIT);
/// let Report::Stopped(stopped) = running.wait()? else { return Err("it has ended".into()) };
/// match stopped.hits() {
///     Ok(hits) if hits.slot(0) => println!("the first watch was hit"),
///     Ok(hits) => println!("none was hit; a step was made: {}", hits.step()),
///     Err(Error::Errno(Errno::OPNOTSUPP)) => println!("not on this machine"),
///     Err(error) => return Err(error.into()),
/// }
/// stopped.kill().wait_end()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hits(usize);

impl Hits {
    /// Returns whether the watch in this slot was hit.
    #[must_use]
    pub fn slot(self, slot: usize) -> bool {
        slot < HARDWARE_SLOTS && self.0 & (1 << slot) != 0
    }

    /// Returns whether the processor says that a single step was made.
    ///
    /// In a virtual machine it can say so without one, where the host has not kept what the
    /// kernel wrote after another program's step.
    #[must_use]
    pub fn step(self) -> bool {
        self.0 & STEP != 0
    }

    /// Returns whether nothing was hit and no step was made.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 & (STEP | SLOTS) == 0
    }
}

/// The registers that say what was seen and what is on.
const STATUS: usize = 6;
const CONTROL: usize = 7;

/// In the status: a single step, and the slots that were hit.
const STEP: usize = 1 << 14;
const SLOTS: usize = (1 << HARDWARE_SLOTS) - 1;

/// Where a slot has its bits in the control register: on, and what for.
const fn on_shift(slot: usize) -> usize {
    slot * 2
}
const fn kind_shift(slot: usize) -> usize {
    16 + slot * 4
}

const fn slot_mask(slot: usize) -> usize {
    0b11 << on_shift(slot) | 0b1111 << kind_shift(slot)
}

impl Watch {
    /// Creates a breakpoint before the instruction at `address`, which is not changed.
    #[must_use]
    pub const fn execute(address: usize) -> Self {
        Self {
            address,
            access: Access::Execute,
            length: Length::One,
        }
    }

    /// Creates a watchpoint after writes to any of `length` bytes at `address`.
    #[must_use]
    pub const fn write(address: usize, length: Length) -> Self {
        Self {
            address,
            access: Access::Write,
            length,
        }
    }

    /// Creates a watchpoint after reads of or writes to any of `length` bytes at `address`.
    #[must_use]
    pub const fn read_write(address: usize, length: Length) -> Self {
        Self {
            address,
            access: Access::ReadWrite,
            length,
        }
    }

    /// The four bits of the control register.
    const fn kind(self) -> usize {
        let access = match self.access {
            Access::Execute => 0b00,
            Access::Write => 0b01,
            Access::ReadWrite => 0b11,
        };
        let length = match self.length {
            Length::One => 0b00,
            Length::Two => 0b01,
            Length::Four => 0b11,
            Length::Eight => 0b10,
        };
        length << 2 | access
    }

    fn decode(address: usize, kind: usize) -> Option<Self> {
        Some(Self {
            address,
            access: match kind & 0b11 {
                0b00 => Access::Execute,
                0b01 => Access::Write,
                0b11 => Access::ReadWrite,
                // Ports of a device, which no program may watch.
                _ => return None,
            },
            length: match kind >> 2 & 0b11 {
                0b00 => Length::One,
                0b01 => Length::Two,
                0b11 => Length::Four,
                _ => Length::Eight,
            },
        })
    }
}

/// For threads: a child, a new thread and a new program have none of them.
impl Stopped {
    /// Sets the hardware breakpoint or watchpoint of a slot, of which there are
    /// [`HARDWARE_SLOTS`], from 0; `None` removes it: `PTRACE_POKEUSER` of the debug registers.
    /// The address 0 cannot be watched.
    ///
    /// That it is hit is a [`Stop::Trap`](super::Stop::Trap), of which
    /// [`trap`](Self::trap) says [`Trap::Hardware`](super::Trap::Hardware), and
    /// [`hits`](Self::hits) which it was: of [`Access::Execute`] before the
    /// instruction, which is executed when the tracee is resumed; of the others after it.
    /// What the kernel reads or writes in a system call is not seen.
    ///
    /// # Errors
    ///
    /// What was in the slot before stays in it. [`Error::Gone`]. [`Errno::INVAL`]: no such
    /// slot, an address that is no multiple of
    /// the length or is the kernel's, or a length that does not go with
    /// [`Access::Execute`]. [`Errno::NOSPC`]: others have all of the processor's
    /// (`perf_event_open(2)`). [`Errno::OPNOTSUPP`]: not on this machine; on aarch64
    /// [`RegisterSet::ARM_HARDWARE_BREAKPOINTS`](super::RegisterSet) has them.
    #[doc(alias = "PTRACE_POKEUSER")]
    pub fn set_watch(&self, slot: usize, watch: Option<Watch>) -> Result<(), Error> {
        let control = self.control()?;
        if slot >= HARDWARE_SLOTS {
            return Err(Error::Errno(Errno::INVAL));
        }
        let off = control & !slot_mask(slot);
        let before = self.debug(slot)?;
        // Off first, for the kernel checks each register as it is written.
        self.set_debug(CONTROL, off)?;
        let Some(watch) = watch else { return Ok(()) };
        let on = 1 << on_shift(slot) | watch.kind() << kind_shift(slot);
        let set = self
            .set_debug(slot, watch.address)
            .and_then(|()| self.set_debug(CONTROL, off | on));
        if set.is_err() && control != off {
            // What was there has been accepted once.
            self.set_debug(slot, before)?;
            self.set_debug(CONTROL, control)?;
        }
        set
    }

    /// Returns the hardware breakpoint or watchpoint of a slot.
    ///
    /// # Errors
    ///
    /// Those of [`set_watch`](Self::set_watch).
    #[doc(alias = "PTRACE_PEEKUSER")]
    pub fn watch(&self, slot: usize) -> Result<Option<Watch>, Error> {
        let control = self.control()?;
        if slot >= HARDWARE_SLOTS {
            return Err(Error::Errno(Errno::INVAL));
        }
        if control >> on_shift(slot) & 0b11 == 0 {
            return Ok(None);
        }
        Ok(Watch::decode(
            self.debug(slot)?,
            control >> kind_shift(slot),
        ))
    }

    /// Returns which watches were hit when the tracee stopped, and clears that.
    ///
    /// A virtual machine may lose it at times (one of 100,000 hits where this was tried, while
    /// others were stepped): the stop is there, and this is empty.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::OPNOTSUPP`]: not on this machine.
    pub fn hits(&self) -> Result<Hits, Error> {
        let status = self.debug(STATUS)?;
        self.set_debug(STATUS, 0)?;
        Ok(Hits(status))
    }

    /// Whether the last trap of the processor was a hit, whatever else it was; not forgotten
    /// by that.
    pub(super) fn is_hit(&self) -> Result<bool, Error> {
        match self.debug(STATUS) {
            Ok(status) => Ok(status & SLOTS != 0),
            Err(Error::Errno(Errno::OPNOTSUPP)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What is on. A child's control register still says what its parent's did, of slots
    /// whose addresses it has not: to write that back would watch the address 0.
    fn control(&self) -> Result<usize, Error> {
        let mut control = self.debug(CONTROL)?;
        for slot in 0..HARDWARE_SLOTS {
            if control & slot_mask(slot) != 0 && self.debug(slot)? == 0 {
                control &= !slot_mask(slot);
            }
        }
        Ok(control)
    }

    fn debug(&self, register: usize) -> Result<usize, Error> {
        Ok(sys::peekuser(self.tid(), place(register)?)?)
    }

    fn set_debug(&self, register: usize, value: usize) -> Result<(), Error> {
        Ok(sys::pokeuser(self.tid(), place(register)?, value)?)
    }
}

fn place(register: usize) -> Result<usize> {
    let first = DEBUG_REGISTERS.ok_or(Errno::OPNOTSUPP)?;
    Ok(first + register * size_of::<usize>())
}
