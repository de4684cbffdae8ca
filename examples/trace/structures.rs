//! Structures in the memory of a tracee. `None`: they are not there to be read.

use core::mem::offset_of;

use linux_raw_sys::general as raw;
use linux_raw_sys::net;
use rawipc::trace::Stopped;

use crate::{flags, signals};

/// The longest path, as the kernel has it.
const PATH_MAX: usize = 4096;
/// Lists are cut after so many elements.
const ELEMENTS: usize = 32;
/// A page: what is mapped is so whole.
const PAGE: usize = 4096;
const WORD: u64 = size_of::<u64>() as u64;

pub(crate) fn address(value: u64) -> String {
    if value == 0 {
        "NULL".to_owned()
    } else {
        format!("{value:#x}")
    }
}

// --- Bytes ---

pub(crate) struct Memory<'s>(pub(crate) &'s Stopped);

impl Memory<'_> {
    /// So many bytes.
    pub(crate) fn bytes(&self, from: u64, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        // A tracee that was killed has no memory to look at.
        let count = self.0.read(from as usize, &mut bytes).ok()?;
        (from != 0 && count == length).then_some(bytes)
    }

    /// The bytes before the next zero, at most so many, and whether that was seen.
    fn until_zero(&self, from: u64, most: usize) -> Option<(Vec<u8>, bool)> {
        let mut bytes = Vec::new();
        while bytes.len() <= most {
            let next = from as usize + bytes.len();
            // Up to the end of the page: the next may not be there.
            let mut chunk = [0; 256];
            let length = (PAGE - next % PAGE).min(chunk.len());
            let count = self.0.read(next, &mut chunk[..length]).ok()?;
            if let Some(end) = chunk[..count].iter().position(|byte| *byte == 0) {
                bytes.extend(&chunk[..end]);
                let ends = bytes.len() <= most;
                bytes.truncate(most);
                return Some((bytes, ends));
            }
            bytes.extend(&chunk[..count]);
            if count < length {
                return None;
            }
        }
        bytes.truncate(most);
        Some((bytes, false))
    }

    fn word(&self, from: u64) -> Option<u64> {
        let bytes = self.bytes(from, 8)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    }

    pub(crate) fn half(&self, from: u64) -> Option<u32> {
        let bytes = self.bytes(from, 4)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?))
    }

    fn quarter(&self, from: u64) -> Option<u16> {
        let bytes = self.bytes(from, 2)?;
        Some(u16::from_ne_bytes(bytes.try_into().ok()?))
    }
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Quoting {
    /// What can be printed as it is, the rest octal.
    Plain,
    /// All of it hexadecimal.
    Hex,
}

/// Bytes in quotes, and dots if there are more.
pub(crate) fn quote(bytes: &[u8], more: bool, quoting: Quoting) -> String {
    let mut text = String::from("\"");
    for (index, byte) in bytes.iter().enumerate() {
        if quoting == Quoting::Hex {
            text.push_str(&format!("\\x{byte:02x}"));
            continue;
        }
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b'\r' => text.push_str("\\r"),
            0x0b => text.push_str("\\v"),
            0x0c => text.push_str("\\f"),
            b' '..=b'~' => text.push((*byte).into()),
            byte => {
                // Short, unless a digit follows.
                let digit_follows = bytes.get(index + 1).is_some_and(u8::is_ascii_digit);
                if digit_follows {
                    text.push_str(&format!("\\{byte:03o}"));
                } else {
                    text.push_str(&format!("\\{byte:o}"));
                }
            }
        }
    }
    text.push('"');
    if more {
        text.push_str("...");
    }
    text
}

pub(crate) fn path(memory: &Memory<'_>, from: u64) -> Option<String> {
    string(memory, from, PATH_MAX)
}

pub(crate) fn string(memory: &Memory<'_>, from: u64, most: usize) -> Option<String> {
    if from == 0 {
        return None;
    }
    let (bytes, ends) = memory.until_zero(from, most)?;
    Some(quote(&bytes, !ends, Quoting::Plain))
}

// --- Lists ---

/// The words of a program's arguments.
pub(crate) fn strings(memory: &Memory<'_>, from: u64, most: usize) -> Option<String> {
    if from == 0 {
        return None;
    }
    let mut shown = Vec::new();
    let mut next = from;
    loop {
        let word = memory.word(next)?;
        if word == 0 {
            break;
        }
        if shown.len() == ELEMENTS {
            shown.push("...".to_owned());
            break;
        }
        shown.push(string(memory, word, most).unwrap_or_else(|| address(word)));
        next += WORD;
    }
    Some(format!("[{}]", shown.join(", ")))
}

/// How many variables there are.
pub(crate) fn environment(memory: &Memory<'_>, from: u64) -> String {
    let mut count = 0;
    while let Some(1..) = memory.word(from + count * WORD) {
        count += 1;
    }
    match (from, count) {
        (0, _) => address(from),
        (_, 1) => format!("{from:#x} /* 1 var */"),
        _ => format!("{from:#x} /* {count} vars */"),
    }
}

/// Parts of memory, and what is in them.
pub(crate) fn vector(memory: &Memory<'_>, from: u64, count: u64, most: usize) -> Option<String> {
    parts(memory, from, count, u64::MAX, most)
}

/// The same, of which so many bytes were filled.
pub(crate) fn filled(
    memory: &Memory<'_>,
    from: u64,
    count: u64,
    bytes: u64,
    most: usize,
) -> Option<String> {
    parts(memory, from, count, bytes, most)
}

fn parts(memory: &Memory<'_>, from: u64, count: u64, mut rest: u64, most: usize) -> Option<String> {
    if from == 0 || count == 0 {
        return (count == 0).then(|| "[]".to_owned());
    }
    let mut shown = Vec::new();
    for index in 0..count {
        if shown.len() == ELEMENTS {
            shown.push("...".to_owned());
            break;
        }
        let base = memory.word(from + index * 2 * WORD)?;
        let length = memory.word(from + (index * 2 + 1) * WORD)?;
        let there = length.min(rest);
        rest -= there;
        let cut = usize::try_from(there).ok()?.min(most);
        let bytes = match memory.bytes(base, cut) {
            Some(bytes) => quote(&bytes, there > cut as u64, Quoting::Plain),
            None => address(base),
        };
        shown.push(format!("{{iov_base={bytes}, iov_len={length}}}"));
    }
    Some(format!("[{}]", shown.join(", ")))
}

pub(crate) fn pair(memory: &Memory<'_>, from: u64) -> Option<String> {
    let (one, other) = (memory.half(from)?, memory.half(from + 4)?);
    Some(format!("[{}, {}]", one as i32, other as i32))
}

pub(crate) fn number(memory: &Memory<'_>, from: u64) -> Option<String> {
    Some(format!("[{}]", memory.half(from)? as i32))
}

pub(crate) fn offset(memory: &Memory<'_>, from: u64) -> Option<String> {
    Some(format!("[{}]", memory.word(from)?.cast_signed()))
}

/// Of a folder: how many entries there are.
pub(crate) fn entries(memory: &Memory<'_>, from: u64, length: u64) -> Option<String> {
    /// Where in an entry its length is.
    const LENGTH: usize = 16;
    let bytes = memory.bytes(from, usize::try_from(length).ok()?);
    let bytes = if length == 0 { Vec::new() } else { bytes? };
    let (mut count, mut rest) = (0, bytes.as_slice());
    while let Some(&[low, high]) = rest.get(LENGTH..LENGTH + 2) {
        let length = u16::from_ne_bytes([low, high]).into();
        count += 1;
        rest = rest.get(length..)?;
        if length == 0 {
            return None;
        }
    }
    Some(format!("{from:#x} /* {count} entries */"))
}

// --- Signals ---

pub(crate) fn set(memory: &Memory<'_>, from: u64) -> Option<String> {
    Some(signals::set(memory.word(from)?))
}

pub(crate) fn action(memory: &Memory<'_>, from: u64) -> Option<String> {
    let field = |offset: usize| memory.word(from + offset as u64);
    let handler = match field(offset_of!(raw::kernel_sigaction, sa_handler_kernel))? {
        0 => "SIG_DFL".to_owned(),
        1 => "SIG_IGN".to_owned(),
        handler => address(handler),
    };
    let mask = set(
        memory,
        from + offset_of!(raw::kernel_sigaction, sa_mask) as u64,
    )?;
    let bits = field(offset_of!(raw::kernel_sigaction, sa_flags))?;
    let mut text = format!(
        "{{sa_handler={handler}, sa_mask={mask}, sa_flags={}",
        flags::SA.flags(bits)
    );
    #[cfg(not(target_arch = "riscv64"))]
    if bits & u64::from(raw::SA_RESTORER) != 0 {
        let restorer = field(offset_of!(raw::kernel_sigaction, sa_restorer))?;
        text.push_str(&format!(", sa_restorer={}", address(restorer)));
    }
    text.push('}');
    Some(text)
}

pub(crate) fn stack(memory: &Memory<'_>, from: u64) -> Option<String> {
    let base = memory.word(from + offset_of!(raw::sigaltstack, ss_sp) as u64)?;
    let bits = memory.half(from + offset_of!(raw::sigaltstack, ss_flags) as u64)?;
    let size = memory.word(from + offset_of!(raw::sigaltstack, ss_size) as u64)?;
    Some(format!(
        "{{ss_sp={}, ss_flags={}, ss_size={size}}}",
        address(base),
        flags::SS.flags(bits.into())
    ))
}

// --- Time and limits ---

pub(crate) fn timespec(memory: &Memory<'_>, from: u64) -> Option<String> {
    let seconds = memory.word(from)?.cast_signed();
    let nanoseconds = memory.word(from + WORD)?.cast_signed();
    Some(format!("{{tv_sec={seconds}, tv_nsec={nanoseconds}}}"))
}

pub(crate) fn limit(memory: &Memory<'_>, from: u64) -> Option<String> {
    let limit = |value: u64| match value {
        u64::MAX => "RLIM64_INFINITY".to_owned(),
        value if value > 1024 && value % 1024 == 0 => format!("{}*1024", value / 1024),
        value => value.to_string(),
    };
    let (soft, hard) = (memory.word(from)?, memory.word(from + WORD)?);
    Some(format!(
        "{{rlim_cur={}, rlim_max={}}}",
        limit(soft),
        limit(hard)
    ))
}

// --- Files ---

pub(crate) fn stat(memory: &Memory<'_>, from: u64) -> Option<String> {
    let mode = memory.half(from + offset_of!(raw::stat, st_mode) as u64)?;
    let size = memory.word(from + offset_of!(raw::stat, st_size) as u64)?;
    let device = memory.word(from + offset_of!(raw::stat, st_rdev) as u64)?;
    let what = match mode & raw::S_IFMT {
        raw::S_IFCHR | raw::S_IFBLK => {
            let major = device >> 8 & 0xfff | device >> 32 & 0xffff_f000;
            let minor = device & 0xff | device >> 12 & 0xffff_ff00;
            format!(
                "st_rdev=makedev({}, {})",
                flags::hex(major),
                flags::hex(minor)
            )
        }
        _ => format!("st_size={size}"),
    };
    Some(format!(
        "{{st_mode={}, {what}, ...}}",
        flags::file_mode(mode.into())
    ))
}

pub(crate) fn statx(memory: &Memory<'_>, from: u64) -> Option<String> {
    let mask = memory.half(from + offset_of!(raw::statx, stx_mask) as u64)?;
    let attributes = memory.word(from + offset_of!(raw::statx, stx_attributes) as u64)?;
    let mode = memory.quarter(from + offset_of!(raw::statx, stx_mode) as u64)?;
    let size = memory.word(from + offset_of!(raw::statx, stx_size) as u64)?;
    Some(format!(
        "{{stx_mask={}, stx_attributes={}, stx_mode={}, stx_size={size}, ...}}",
        flags::STATX.flags(mask.into()),
        flags::hex(attributes),
        flags::file_mode(mode.into())
    ))
}

// --- Processes ---

pub(crate) fn wait_status(memory: &Memory<'_>, from: u64) -> Option<String> {
    let status = memory.half(from)?;
    let (signal, number) = (status & 0x7f, (status >> 8 & 0xff) as i32);
    let text = match signal {
        0 => format!("WIFEXITED(s) && WEXITSTATUS(s) == {number}"),
        0x7f if status == 0xffff => "WIFCONTINUED(s)".to_owned(),
        0x7f => format!("WIFSTOPPED(s) && WSTOPSIG(s) == {}", signals::name(number)),
        signal => {
            let core = if status & 0x80 == 0 {
                ""
            } else {
                " && WCOREDUMP(s)"
            };
            let name = signals::name(signal as i32);
            format!("WIFSIGNALED(s) && WTERMSIG(s) == {name}{core}")
        }
    };
    Some(format!("[{{{text}}}]"))
}

/// The arguments of `clone`, in this machine's order.
pub(crate) fn clone(values: &[u64; 6]) -> String {
    let [bits, stack, parent, fourth, fifth, _] = *values;
    let (child, tls) = if cfg!(target_arch = "x86_64") {
        (fourth, fifth)
    } else {
        (fifth, fourth)
    };
    let mut text = format!(
        "child_stack={}, flags={}",
        address(stack),
        flags::clone(bits)
    );
    let has = |flags: u32| bits & u64::from(flags) != 0;
    if has(raw::CLONE_PARENT_SETTID | raw::CLONE_PIDFD) {
        text.push_str(&format!(", parent_tid={}", address(parent)));
    }
    if has(raw::CLONE_SETTLS) {
        text.push_str(&format!(", tls={}", address(tls)));
    }
    if has(raw::CLONE_CHILD_SETTID | raw::CLONE_CHILD_CLEARTID) {
        text.push_str(&format!(", child_tidptr={}", address(child)));
    }
    text
}

/// The arguments of `clone3`, and what it has written, if it has.
pub(crate) fn clone3(memory: &Memory<'_>, from: u64, done: bool) -> Option<String> {
    let field = |offset: usize| memory.word(from + offset as u64);
    let bits = field(offset_of!(raw::clone_args, flags))?;
    let signal = field(offset_of!(raw::clone_args, exit_signal))?;
    let has = |flags: u32| bits & u64::from(flags) != 0;
    let mut text = format!("{{flags={}", flags::CLONE.flags(bits));
    for (name, offset, shown) in [
        (
            "pidfd",
            offset_of!(raw::clone_args, pidfd),
            has(raw::CLONE_PIDFD),
        ),
        (
            "child_tid",
            offset_of!(raw::clone_args, child_tid),
            has(raw::CLONE_CHILD_SETTID | raw::CLONE_CHILD_CLEARTID),
        ),
        (
            "parent_tid",
            offset_of!(raw::clone_args, parent_tid),
            has(raw::CLONE_PARENT_SETTID),
        ),
    ] {
        if shown {
            text.push_str(&format!(", {name}={}", address(field(offset)?)));
        }
    }
    let signal = match signal {
        0 => "0".to_owned(),
        signal => signals::name(signal as i32),
    };
    let stack = field(offset_of!(raw::clone_args, stack))?;
    let size = field(offset_of!(raw::clone_args, stack_size))?;
    text.push_str(&format!(
        ", exit_signal={signal}, stack={}, stack_size={}",
        address(stack),
        flags::hex(size)
    ));
    if has(raw::CLONE_SETTLS) {
        let tls = field(offset_of!(raw::clone_args, tls))?;
        text.push_str(&format!(", tls={}", address(tls)));
    }
    text.push('}');
    if done && has(raw::CLONE_PARENT_SETTID) {
        let place = field(offset_of!(raw::clone_args, parent_tid))?;
        text.push_str(&format!(" => {{parent_tid={}}}", number(memory, place)?));
    }
    Some(text)
}

/// What `uname` says.
pub(crate) fn system_name(memory: &Memory<'_>, from: u64) -> Option<String> {
    const FIELD: u64 = 65;
    let (system, node) = (
        string(memory, from, FIELD as usize)?,
        string(memory, from + FIELD, FIELD as usize)?,
    );
    Some(format!("{{sysname={system}, nodename={node}, ...}}"))
}

// --- Descriptors ---

/// What is waited for.
pub(crate) fn polled(memory: &Memory<'_>, from: u64, count: u64) -> Option<String> {
    descriptors(memory, from, count, |fd, events, _| {
        Some(format!("{{fd={fd}, events={events}}}"))
    })
}

/// What has come.
pub(crate) fn ready(memory: &Memory<'_>, from: u64, count: u64) -> Option<String> {
    descriptors(memory, from, count, |fd, _, (bits, revents)| {
        (bits != 0).then(|| format!("{{fd={fd}, revents={revents}}}"))
    })
}

fn descriptors(
    memory: &Memory<'_>,
    from: u64,
    count: u64,
    show: impl Fn(i32, String, (u16, String)) -> Option<String>,
) -> Option<String> {
    let mut shown = Vec::new();
    for index in 0..count {
        if shown.len() == ELEMENTS {
            shown.push("...".to_owned());
            break;
        }
        let entry = from + index * size_of::<raw::pollfd>() as u64;
        let fd = memory.half(entry)? as i32;
        let events = memory.quarter(entry + 4)?;
        let revents = memory.quarter(entry + 6)?;
        let name = |bits: u16| flags::POLL.flags(bits.into());
        shown.extend(show(fd, name(events), (revents, name(revents))));
    }
    Some(format!("[{}]", shown.join(", ")))
}

pub(crate) fn epoll_event(memory: &Memory<'_>, from: u64) -> Option<String> {
    /// x86_64 has it without a gap.
    const DATA: u64 = if cfg!(target_arch = "x86_64") { 4 } else { 8 };
    let events = flags::EPOLL_EVENTS.flags(memory.half(from)?.into());
    let data = memory.word(from + DATA)?;
    let half = data as u32;
    Some(format!(
        "{{events={events}, data={{u32={half}, u64={data}}}}}"
    ))
}

/// What has come, so much of it.
pub(crate) fn epoll_events(memory: &Memory<'_>, from: u64, count: u64) -> Option<String> {
    const SIZE: u64 = if cfg!(target_arch = "x86_64") { 12 } else { 16 };
    let places = (0..count.min(ELEMENTS as u64)).map(|index| from + index * SIZE);
    let shown: Option<Vec<String>> = places.map(|place| epoll_event(memory, place)).collect();
    Some(format!("[{}]", shown?.join(", ")))
}

/// How long an address may be, and is.
pub(crate) fn length(memory: &Memory<'_>, from: u64, before: Option<u32>) -> Option<String> {
    let after = memory.half(from)?;
    Some(match before {
        Some(before) if before != after => format!("[{before} => {after}]"),
        _ => format!("[{after}]"),
    })
}

/// A path for UNIX sockets, address and port for those of IPv4, else the family.
pub(crate) fn socket_address(memory: &Memory<'_>, from: u64, length: u64) -> Option<String> {
    /// The longest of them.
    const MOST: usize = 128;
    let bytes = memory.bytes(from, usize::try_from(length).ok()?.min(MOST))?;
    let &[low, high, ref rest @ ..] = bytes.as_slice() else {
        return None;
    };
    let family = u16::from_ne_bytes([low, high]).into();
    let name = flags::AF.choice(u64::from(family));
    let what = match (family, rest) {
        (_, []) => String::new(),
        (net::AF_UNIX, [0, abstract_name @ ..]) => {
            let name = quote(abstract_name, false, Quoting::Plain);
            format!(", sun_path=@{name}")
        }
        (net::AF_UNIX, path) => {
            let end = path.iter().position(|byte| *byte == 0);
            let path = &path[..end.unwrap_or(path.len())];
            format!(", sun_path={}", quote(path, false, Quoting::Plain))
        }
        (net::AF_INET, &[high, low, a, b, c, d, ..]) => {
            let port = u16::from_be_bytes([high, low]);
            format!(", sin_port=htons({port}), sin_addr=inet_addr(\"{a}.{b}.{c}.{d}\")")
        }
        _ => ", ...".to_owned(),
    };
    Some(format!("{{sa_family={name}{what}}}"))
}
