//! Numbers in files of `/proc`, by the word and the line, read without an allocator.
#![forbid(unsafe_code)]

use core::ffi::CStr;

use rustix::fs::OFlags;

use super::{each_byte, open};
use crate::{Errno, Result};

/// Calls `see` with every word of the file: its line and its place in the line, from
/// 0, and the word. Of longer words than any number only an end.
fn words(path: &CStr, mut see: impl FnMut(usize, usize, &[u8])) -> Result<()> {
    let file = open(path, OFlags::RDONLY)?;
    let mut word = [0; 32];
    let (mut len, mut line, mut column) = (0, 0, 0);
    each_byte(&file, |byte| {
        if byte.is_ascii_whitespace() {
            if len > 0 {
                see(line, column, word.get(..len).unwrap_or_default());
                (len, column) = (0, column + 1);
            }
            if byte == b'\n' {
                (line, column) = (line + 1, 0);
            }
        } else {
            if len == word.len() {
                len = 0;
            }
            if let Some(place) = word.get_mut(len) {
                *place = byte;
                len += 1;
            }
        }
        Ok(())
    })?;
    if len > 0 {
        see(line, column, word.get(..len).unwrap_or_default());
    }
    Ok(())
}

/// A decimal number at the beginning of a word; what does not fit is the largest.
fn decimal(word: &[u8]) -> Option<u64> {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number: Option<u64>, &digit| {
        let number = number.unwrap_or(0).saturating_mul(10);
        Some(number.saturating_add(u64::from(digit - b'0')))
    })
}

/// The number that is the word `column`, from 0, of the first line.
pub(crate) fn number(path: &CStr, column: usize) -> Result<u64> {
    let mut found = None;
    words(path, |line, at, word| {
        if (line, at) == (0, column) {
            found = decimal(word);
        }
    })?;
    found.ok_or(Errno::INVAL)
}

/// The number that follows `name` on its line.
pub(crate) fn named(path: &CStr, name: &[u8]) -> Result<u64> {
    let (mut wanted, mut found) = (None, None);
    words(path, |line, at, word| {
        if at == 0 && word == name {
            wanted = Some(line);
        } else if at == 1 && wanted == Some(line) {
            found = decimal(word);
        }
    })?;
    found.ok_or(Errno::INVAL)
}

/// How many lines there are after a heading of `heading` lines.
pub(crate) fn lines(path: &CStr, heading: usize) -> Result<u64> {
    let mut count = 0;
    words(path, |line, at, _| {
        count += u64::from(line >= heading && at == 0);
    })?;
    Ok(count)
}

/// The sum of the words `column` of all lines after the first, each made `unit`s,
/// rounded up.
pub(crate) fn sum(path: &CStr, column: usize, unit: u64) -> Result<u64> {
    let mut sum = 0_u64;
    words(path, |line, at, word| {
        if line > 0 && at == column {
            let number = decimal(word).unwrap_or(0);
            sum = sum.saturating_add(number.div_ceil(unit.max(1)));
        }
    })?;
    Ok(sum)
}

/// How many names a directory has, without `.` and `..`.
pub(crate) fn names(path: &CStr) -> Result<u64> {
    let folder = open(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
    let mut space = [core::mem::MaybeUninit::uninit(); 512];
    let mut entries = rustix::fs::RawDir::new(&folder, &mut space);
    let mut count = 0_u64;
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        count += u64::from(name != b"." && name != b"..");
    }
    Ok(count)
}

/// The number after the slash in the first line: of `/proc/loadavg`, the threads.
pub(crate) fn after_slash(path: &CStr) -> Result<u64> {
    let mut found = None;
    words(path, |line, _, word| {
        let mut parts = word.split(|&byte| byte == b'/');
        if let (0, Some(_), Some(after)) = (line, parts.next(), parts.next()) {
            found = decimal(after);
        }
    })?;
    found.ok_or(Errno::INVAL)
}
