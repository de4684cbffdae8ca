//! What is printed.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rawipc::inspect;
use rawipc::ring::AttachError;
use rawipc::{Errno, Pid};
use rustix::fs::{CWD, Mode, OFlags};

use crate::objects::{self, Object};
use crate::processes::{File, Machine, Use, point_at, status};

/// Lines, some of them below others.
pub(crate) struct Printer<W>(W);

impl<W: Write> Printer<W> {
    pub(crate) fn new(to: W) -> Self {
        Self(to)
    }

    /// A line at this depth; or several, if the text has.
    pub(crate) fn line(&mut self, depth: usize, text: &str) -> io::Result<()> {
        for line in text.lines() {
            writeln!(self.0, "{:1$}{line}", "", 4 * depth)?;
        }
        Ok(())
    }

    /// A question, without the end of its line.
    pub(crate) fn ask(&mut self, text: &str) -> io::Result<()> {
        write!(self.0, "{text} ")?;
        self.0.flush()
    }
}

/// Opens for reading what `place` leads to, if it is `file`, which has been seen to be memory.
fn open(machine: &Machine, place: &Path, file: File) -> Result<OwnedFd, Errno> {
    let pointer = point_at(place).ok_or(Errno::NOENT)?;
    let found = status(&pointer).map(|statx| File::from(&statx));
    if found != Some(file) || !machine.is_memory(file) {
        return Err(Errno::NOENT);
    }
    reopen(&pointer)
}

/// Opens what was pointed at, for reading.
fn reopen(pointer: &OwnedFd) -> Result<OwnedFd, Errno> {
    use std::os::fd::AsRawFd;
    let link = format!("/proc/thread-self/fd/{}", pointer.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, link.as_str(), flags, Mode::empty())
}

/// Where a file can be opened that somebody has.
fn place(file: File, machine: &Machine) -> Option<String> {
    let mut users = machine.users(file);
    let opened = users.find_map(|(pid, used)| Some((pid, used.descriptor?)));
    opened.map(|(pid, number)| format!("/proc/{pid}/fd/{number}"))
}

fn use_of(used: &Use) -> String {
    let mut text = match (used.attachments, used.is_mapped) {
        (0, true) => "mapped".to_owned(),
        (0, false) => String::new(),
        (1, _) => "a member".to_owned(),
        (count, _) => format!("{count} members"),
    };
    if let Some(number) = used.descriptor {
        text += if text.is_empty() { "" } else { ", " };
        text += &format!("descriptor {number}");
    }
    text
}

/// Prints the region behind a descriptor and who has it; returns whether it is one.
fn region<W: Write>(
    machine: &Machine,
    label: &str,
    file: File,
    fd: &OwnedFd,
    to: &mut Printer<W>,
) -> io::Result<bool> {
    let found = match inspect::look(fd) {
        Ok(found) => found,
        Err(AttachError::WrongMagic | AttachError::WrongSize { .. }) => return Ok(false),
        Err(error) => {
            to.line(0, &format!("{}: {error}", label.escape_debug()))?;
            return Ok(true);
        }
    };
    to.line(
        0,
        &format!("{} (inode {})", label.escape_debug(), file.inode),
    )?;
    to.line(1, &found.to_string())?;
    for (pid, used) in machine.users(file) {
        to.line(
            1,
            &format!("process {}: {}", machine.name(pid), use_of(used)),
        )?;
    }
    Ok(true)
}

/// Prints all regions that are among the files that `is_wanted`, and says what else there is.
fn regions<W: Write>(
    machine: &Machine,
    is_wanted: impl Fn(File) -> bool,
    to: &mut Printer<W>,
) -> io::Result<usize> {
    let (mut count, mut others, mut refused) = (0, 0, 0);
    for (&file, shared) in &machine.files {
        if !machine.is_memory(file) || !is_wanted(file) {
            continue;
        }
        // Other memory of the kernel's: nobody has a descriptor of it.
        let Some(place) = place(file, machine) else {
            others += 1;
            continue;
        };
        match open(machine, Path::new(&place), file) {
            Ok(fd) if region(machine, &shared.label, file, &fd, to)? => count += 1,
            Ok(_) => others += 1,
            // It has been closed.
            Err(Errno::NOENT) => {}
            Err(_) => refused += 1,
        }
    }
    to.line(
        0,
        &format!("{count} regions, {others} other pieces of shared memory"),
    )?;
    if refused > 0 {
        to.line(0, &format!("{refused} that this user may not read"))?;
    }
    Ok(count)
}

/// Prints everything, and returns what nobody seems to use.
pub(crate) fn everything<W: Write>(
    machine: &Machine,
    to: &mut Printer<W>,
) -> io::Result<Vec<Object>> {
    regions(machine, |_| true, to)?;
    if machine.unseen > 0 {
        to.line(
            0,
            &format!(
                "{} processes of other users are not looked at",
                machine.unseen
            ),
        )?;
    }
    let mut stale = Vec::new();
    for object in objects::all() {
        if print(machine, &object, to)? {
            stale.push(object);
        }
    }
    Ok(stale)
}

/// Prints an object, and returns whether it is stale.
fn print<W: Write>(machine: &Machine, object: &Object, to: &mut Printer<W>) -> io::Result<bool> {
    let state = object.state(machine);
    let stale = if state.is_stale { ", stale" } else { "" };
    to.line(0, &format!("{object}: {}{stale}", state.text))?;
    if let Some((file, fd)) = object.path().and_then(|path| {
        let file = File::from(&status(&point_at(&path)?)?);
        Some((file, open(machine, &path, file).ok()?))
    }) && let Ok(found) = inspect::look(&fd)
    {
        to.line(1, &found.to_string())?;
        for (pid, used) in machine.users(file) {
            to.line(
                1,
                &format!("process {}: {}", machine.name(pid), use_of(used)),
            )?;
        }
    }
    Ok(state.is_stale)
}

/// Prints what a process has; returns whether there is such a process.
pub(crate) fn of_process<W: Write>(
    machine: &Machine,
    process: Pid,
    to: &mut Printer<W>,
) -> io::Result<bool> {
    let number = process.as_raw_nonzero().get();
    let Some(name) = machine.names.get(&number) else {
        to.line(0, &format!("no process {number}"))?;
        return Ok(false);
    };
    to.line(0, &format!("process {number} ({})", name.escape_debug()))?;
    let has = |file| machine.users(file).any(|(pid, _)| pid == number);
    regions(machine, has, to)?;
    Ok(true)
}

/// Prints what a file is, and returns it if it can be removed and nobody seems to use it.
pub(crate) fn of_file<W: Write>(
    machine: &Machine,
    path: &Path,
    to: &mut Printer<W>,
) -> io::Result<Option<Vec<Object>>> {
    let label = path.to_string_lossy();
    let objects: Vec<Object> = objects::all()
        .into_iter()
        .filter(|object| object.path().as_deref() == Some(path))
        .collect();
    if !objects.is_empty() {
        let mut stale = Vec::new();
        for object in objects {
            if print(machine, &object, to)? {
                stale.push(object);
            }
        }
        return Ok(Some(stale));
    }
    let Some(pointer) = point_at(path) else {
        to.line(0, &format!("{}: no such file", label.escape_debug()))?;
        return Ok(None);
    };
    let Some(file) = status(&pointer).map(|statx| File::from(&statx)) else {
        return Ok(None);
    };
    let opened = reopen(&pointer);
    let is_region = match opened {
        Ok(fd) => region(machine, &label, file, &fd, to)?,
        Err(_) => false,
    };
    if !is_region {
        to.line(0, &format!("{}: no region", label.escape_debug()))?;
    }
    Ok(is_region.then(Vec::new))
}
