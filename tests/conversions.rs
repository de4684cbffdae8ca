//! Every type that has a descriptor converts as std's own do, and every error of the crate
//! becomes one of `std::io`. The types are those that the source has: one that is new and
//! not listed here fails.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::{io, os::fd};

use rawipc::ring::{Spin, SpinThenFutex, spsc};
use rawipc::socket::{self, UnixAddress, netlink};
use rawipc::{event, memory, pipe, posix, process, ring, seccomp, signal, sync, trace};

/// Files of `src/` and the types in them, each held to the bounds by the compiler.
macro_rules! listed {
    ($LIST:ident, $check:ident: $($file:literal $Type:ty),* $(,)?) => {
        const $LIST: &[(&str, &str)] = &[$(($file, stringify!($Type))),*];
        const _: fn() = || { $($check::<$Type>();)* };
    };
}

/// std's types of descriptors are all of this; `TryFrom` where it looks what it is given.
fn whole<T>()
where
    T: fd::AsFd + fd::AsRawFd + fd::IntoRawFd + Into<fd::OwnedFd> + TryFrom<fd::OwnedFd>,
{
}

/// What comes with more than a descriptor, and cannot be made of one.
fn given_up<T: fd::AsFd + fd::AsRawFd + fd::IntoRawFd + Into<fd::OwnedFd>>() {}

/// What keeps its descriptor.
fn lent<T: fd::AsFd + fd::AsRawFd>() {}

listed! { WHOLE, whole:
    "event/eventfd.rs" event::eventfd::EventFd,
    "event/inotify.rs" event::inotify::Inotify,
    "event/poller.rs" event::poller::Poller,
    "event/timerfd.rs" event::timerfd::TimerFd,
    "memory/memfd.rs" memory::memfd::Memfd,
    "memory/secret.rs" memory::secret::Secret,
    "memory/userfault.rs" memory::userfault::Userfault,
    "pipe/reader.rs" pipe::Reader,
    "pipe/writer.rs" pipe::Writer,
    "posix/memory.rs" posix::memory::Memory,
    "posix/message.rs" posix::message::Queue,
    "process/maps.rs" process::maps::Maps,
    "process/pidfd.rs" process::Pidfd,
    "ring/spsc/mod.rs" spsc::Ring<SpinThenFutex>,
    "ring/spsc/mod.rs" spsc::Ring<Spin>,
    "ring/spsc/typed.rs" spsc::typed::Ring<u64>,
    "seccomp/notify.rs" seccomp::notify::Listener,
    "signal/fd.rs" signal::fd::SignalFd,
    "socket/datagram.rs" socket::Datagram,
    "socket/listener.rs" socket::Listener<UnixAddress, socket::Stream>,
    "socket/netlink/mod.rs" netlink::Socket,
    "socket/seqpacket.rs" socket::Seqpacket,
    "socket/stream.rs" socket::Stream,
}

listed! { GIVEN_UP, given_up:
    "posix/message.rs" posix::message::Notifier,
}

listed! { LENT, lent:
    "process/command.rs" process::Spawned,
    "socket/netlink/diag.rs" netlink::diag::Diag,
    "socket/netlink/process.rs" netlink::process::Monitor,
}

/// Have a descriptor perhaps, or for themselves.
const HIDDEN: &[(&str, &str)] = &[("posix/list.rs", "Names"), ("process/memory.rs", "Remote")];

fn becomes_std<T>()
where
    io::Error: From<T>,
{
}

listed! { ERRORS, becomes_std:
    "mapping/mod.rs" memory::AccessError,
    "memory/memfd.rs" memory::memfd::Unfit,
    "process/command.rs" process::SpawnError,
    "process/exec.rs" process::exec::Full,
    "process/maps/line.rs" process::maps::Malformed,
    "process/memory.rs" process::memory::NoString,
    "process/memory.rs" process::memory::Stopped,
    "ring/header.rs" ring::AttachError,
    "ring/mod.rs" ring::Error,
    "seccomp/filter.rs" seccomp::Full,
    "seccomp/install.rs" seccomp::InstallError,
    "seccomp/notify.rs" seccomp::notify::Error,
    "socket/mod.rs" socket::RecvError,
    "sync/semaphore.rs" sync::PostError,
    "trace/error.rs" trace::Error,
    "trace/error.rs" trace::Refused<trace::Stopped>,
    "whole.rs" rawipc::Short,
}

/// `a::b::Type<c::P>` is `Type`.
fn name(path: &str) -> String {
    let path = path.split(['<', ' ']).next().unwrap_or(path);
    path.rsplit("::").next().unwrap_or(path).to_owned()
}

type Types = BTreeSet<(String, String)>;

fn types(lists: &[&[(&str, &str)]]) -> Types {
    let all = lists.iter().copied().flatten();
    all.map(|(file, path)| ((*file).to_owned(), name(path)))
        .collect()
}

/// What `find` finds in the lines of a source file, in every file.
fn in_source(find: impl Fn(&str) -> Option<String>) -> Types {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![src.clone()];
    let mut found = Types::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of src") {
            let path = entry.expect("an entry of src").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let file = path.strip_prefix(&src).expect("below src");
            let file = file.to_str().expect("UTF-8").to_owned();
            // Private: what is behind other types.
            if file.starts_with("sync/seam") || file.starts_with("sys/") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a source file");
            let names = text.lines().filter_map(&find);
            found.extend(names.map(|name| (file.clone(), name)));
        }
    }
    found
}

/// `Type` of a line like `impl<T> Trait for Type<T> {`.
fn implementer(line: &str, of: &str) -> Option<String> {
    let (before, after) = line.split_once(of)?;
    let is_it = before.starts_with("impl") && !after.contains('$');
    is_it.then(|| name(after.trim_end_matches(" {}").trim_end_matches(" {")))
}

/// `Type` of a line like `descriptor!(Type);`.
fn given_to(line: &str, macro_name: &str) -> Option<String> {
    let argument = line.trim().strip_prefix(macro_name)?.strip_prefix("!(")?;
    let argument = argument.split([',', ')']).next()?;
    (!argument.starts_with('$')).then(|| name(argument))
}

/// `Type` of `pub struct Type(OwnedFd)`.
fn holder(line: &str) -> Option<String> {
    let (name, _) = line.strip_prefix("pub struct ")?.split_once("(OwnedFd)")?;
    Some(name.to_owned())
}

#[test]
fn every_type_with_a_descriptor_is_held_to_the_conversions() {
    let found = in_source(|line| {
        implementer(line, " AsFd for ")
            .or_else(|| given_to(line, "descriptor"))
            .or_else(|| given_to(line, "crate::descriptor::number"))
            .or_else(|| given_to(line, "crate::descriptor::numbers"))
            .or_else(|| holder(line))
    });
    let mut listed = types(&[WHOLE, GIVEN_UP, LENT, HIDDEN]);
    // A macro's, which the search does not read; and not found by any of its forms.
    listed.retain(|(file, _)| !file.starts_with("pipe/"));
    let found: Types = found.difference(&types(&[HIDDEN])).cloned().collect();
    let listed: Types = listed.difference(&types(&[HIDDEN])).cloned().collect();
    assert!(found.len() > 20, "{found:#?}");
    assert_eq!(found, listed);
}

#[test]
fn every_error_is_held_to_the_conversion_to_std() {
    let found = in_source(|line| implementer(line, " core::error::Error for "));
    // With parameters.
    let generic = in_source(|line| implementer(line, "core::error::Error for "));
    let found: Types = found.union(&generic).cloned().collect();
    assert_eq!(found, types(&[ERRORS]));
}

#[test]
fn an_error_of_the_kernel_keeps_its_number() {
    use rawipc::Errno;
    let numbers = [
        io::Error::from(trace::Error::Gone),
        io::Error::from(ring::AttachError::Kernel(Errno::SRCH)),
        io::Error::from(sync::PostError::Kernel(Errno::SRCH)),
        io::Error::from(memory::memfd::Unfit::Refused(Errno::SRCH)),
        io::Error::from(seccomp::InstallError::Errno(Errno::SRCH)),
    ];
    for error in numbers {
        assert_eq!(error.raw_os_error(), Some(Errno::SRCH.raw_os_error()));
    }
    let occupied = io::Error::from(ring::AttachError::Occupied);
    assert_eq!(occupied.kind(), io::ErrorKind::ResourceBusy);
    assert!(
        occupied.to_string().contains("holds this end"),
        "{occupied}"
    );
}
