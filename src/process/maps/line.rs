//! [`parse`]: a line of `/proc/PID/maps`.
#![forbid(unsafe_code)]

use core::fmt;

use super::name::Name;
use super::region::{Device, Permissions, Region};
use crate::sys::remote::Address;
use crate::{Errno, Result};

/// An error of [`parse`]: the text is not a line of `/proc/PID/maps`.
///
/// # Examples
///
/// ```
/// use rawipc::process::maps::{self, Malformed};
///
/// assert_eq!(maps::parse(b"neither addresses nor anything else"), Err(Malformed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl From<Malformed> for Errno {
    fn from(_: Malformed) -> Self {
        Self::BADMSG
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a line of /proc/PID/maps")
    }
}

impl core::error::Error for Malformed {}

/// Parses one line of `/proc/PID/maps`, with or without its newline.
///
/// # Errors
///
/// [`Malformed`]: it is not one.
///
/// # Examples
///
/// ```
/// use rawipc::process::maps::{self, Name, Permissions};
///
/// let line = b"00e03000-00e24000 rw-p 00000000 00:00 0           [heap]\n";
/// let region = maps::parse(line).unwrap();
/// assert_eq!((region.start.get(), region.len()), (0xe03000, 0x21000));
/// assert_eq!(region.permissions, Permissions::READ | Permissions::WRITE);
/// assert_eq!(region.name, Name::Heap);
/// assert!(maps::parse(b"00e03000-").is_err());
/// ```
pub fn parse(line: &[u8]) -> Result<Region<'_>, Malformed> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let mut fields = Fields(line);
    let start = fields.address(b'-')?;
    let end = fields.address(b' ')?;
    if end < start {
        return Err(Malformed);
    }
    let permissions = fields.permissions()?;
    let offset = fields.number(16, b' ')?;
    let device = Device {
        major: fields.small(16, b':')?,
        minor: fields.small(16, b' ')?,
    };
    let inode = fields.last_number()?;
    Ok(Region {
        start,
        end,
        permissions,
        offset,
        device,
        inode,
        name: Name::classify(fields.0.trim_ascii_start(), true),
        cut: false,
    })
}

/// The rest of a line.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// Digits to this base, as many as there are, at least one.
    fn digits(&mut self, base: u32) -> Result<u64, Malformed> {
        let mut number = None;
        while let Some((&first, rest)) = self.0.split_first() {
            let Some(digit) = char::from(first).to_digit(base) else {
                break;
            };
            let more = number.unwrap_or(0_u64).checked_mul(base.into());
            number = more.and_then(|more| more.checked_add(digit.into()));
            if number.is_none() {
                return Err(Malformed);
            }
            self.0 = rest;
        }
        number.ok_or(Malformed)
    }

    fn number(&mut self, base: u32, end: u8) -> Result<u64, Malformed> {
        let number = self.digits(base)?;
        self.0 = self.0.strip_prefix(&[end]).ok_or(Malformed)?;
        Ok(number)
    }

    fn small(&mut self, base: u32, end: u8) -> Result<u32, Malformed> {
        u32::try_from(self.number(base, end)?).map_err(|_| Malformed)
    }

    fn address(&mut self, end: u8) -> Result<Address, Malformed> {
        let address = usize::try_from(self.number(16, end)?).map_err(|_| Malformed)?;
        Ok(Address::new(address))
    }

    /// A decimal number before a space or the end.
    fn last_number(&mut self) -> Result<u64, Malformed> {
        let number = self.digits(10)?;
        match self.0.first() {
            None | Some(b' ') => Ok(number),
            Some(_) => Err(Malformed),
        }
    }

    fn permissions(&mut self) -> Result<Permissions, Malformed> {
        let [read, write, execute, shared, b' ', rest @ ..] = self.0 else {
            return Err(Malformed);
        };
        self.0 = rest;
        let mut permissions = Permissions::empty();
        for (&letter, (yes, no), flag) in [
            (read, (b'r', b'-'), Permissions::READ),
            (write, (b'w', b'-'), Permissions::WRITE),
            (execute, (b'x', b'-'), Permissions::EXECUTE),
            (shared, (b's', b'p'), Permissions::SHARED),
        ] {
            if letter == yes {
                permissions |= flag;
            } else if letter != no {
                return Err(Malformed);
            }
        }
        Ok(permissions)
    }
}
