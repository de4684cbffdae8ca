//! Every type that has a descriptor converts as std's own do, and every error of the crate
//! becomes one of `std::io`. The types are those that the source has: one that is new and
//! not listed here fails.

use crate::support;

use std::collections::BTreeSet;
use std::io;

use rawipc::socket::{self, UnixAddress, netlink};
use rawipc::{event, members, memory, pipe, posix, process, ring, seccomp, signal, sync, trace};
use support::source;

listed! { whole:
    "event/eventfd.rs" event::eventfd::EventFd,
    "event/inotify.rs" event::inotify::Inotify,
    "event/poller.rs" event::poller::Poller,
    "event/timerfd.rs" event::timerfd::TimerFd,
    "members/region.rs" members::Region,
    "memory/memfd.rs" memory::memfd::Memfd,
    "memory/secret.rs" memory::secret::Secret,
    "memory/userfault/descriptor.rs" memory::userfault::Userfault,
    "pipe/reader.rs" pipe::Reader,
    "pipe/writer.rs" pipe::Writer,
    "posix/memory.rs" posix::memory::Memory,
    "posix/message/queue.rs" posix::message::Queue,
    "process/maps/list.rs" process::maps::Maps,
    "process/pidfd.rs" process::Pidfd,
    "seccomp/notify/listener.rs" seccomp::notify::Listener,
    "signal/fd.rs" signal::fd::SignalFd,
    "socket/datagram/mod.rs" socket::Datagram,
    "socket/listener.rs" socket::Listener<UnixAddress, socket::Stream>,
    "socket/netlink/mod.rs" netlink::Socket,
    "socket/seqpacket/mod.rs" socket::Seqpacket,
    "socket/stream/mod.rs" socket::Stream,
}

listed! { given_up:
    "posix/message/notify.rs" posix::message::Notifier,
}

listed! { lent:
    "process/command/spawned.rs" process::Spawned,
    "socket/netlink/diag.rs" netlink::diag::Diag,
    "socket/netlink/process.rs" netlink::process::Monitor,
}

listed! { perhaps:
    "process/memory/remote.rs" process::memory::Remote,
}

/// What has descriptors and stands for none of them: of a folder that it goes through, or of
/// a message, from which they are taken one by one; or what nobody outside can name, or can own.
const HIDDEN: &[(&str, &str)] = &[
    ("region/accept.rs", "Found"),
    ("rendezvous/list.rs", "Entries"),
    ("posix/list.rs", "Names"),
    ("socket/message.rs", "Descriptors"),
    ("socket/message.rs", "Incoming"),
    ("start/stdio.rs", "Stream"),
];

listed! { becomes_std:
    "errno/mod.rs" rawipc::errno::Described,
    "memory/mapping/error.rs" memory::AccessError,
    "memory/memfd.rs" memory::memfd::VerifyError,
    "process/command/step.rs" process::SpawnError,
    "process/exec/list.rs" process::exec::Full,
    "process/maps/line.rs" process::maps::Malformed,
    "process/memory/error.rs" process::memory::StringError,
    "process/memory/error.rs" process::memory::TransferError,
    "region/error.rs" ring::AttachError,
    "ring/call/error.rs" ring::call::CallError,
    "ring/broadcast/error.rs" ring::broadcast::RecvError,
    "ring/mod.rs" ring::Error,
    "seccomp/filter.rs" seccomp::Full,
    "seccomp/install.rs" seccomp::InstallError,
    "seccomp/notify/error.rs" seccomp::notify::Error,
    "socket/error.rs" socket::RecvError,
    "sync/error.rs" sync::LockError<()>,
    "sync/semaphore.rs" sync::PostError,
    "sync/waitgroup.rs" sync::WaitGroupError,
    "trace/error.rs" trace::Error,
    "trace/error.rs" trace::Refused<trace::Stopped>,
    "wait/short.rs" rawipc::Short,
}

/// `a::b::Type<c::P>` is `Type`.
fn name(path: &str) -> String {
    let path = path.split(['<', ' ']).next().unwrap_or(path);
    path.rsplit("::").next().unwrap_or(path).to_owned()
}

type Types = BTreeSet<(String, String)>;

/// Files of `src/` and the types in them that stand in some `conversions.rs` of tests/, of errors or
/// of the others.
fn listed(of_errors: bool) -> Types {
    let text = source::tests_named("conversions");
    let blocks = text.split("\nlisted! { ").skip(1);
    let blocks = blocks.filter(|block| block.starts_with("becomes_std:") == of_errors);
    let lines = blocks.flat_map(|block| {
        block
            .lines()
            .skip(1)
            .map_while(|it| it.strip_prefix("    \""))
    });
    let entry = |line: &str| {
        let (file, path) = line.split_once("\" ").expect("a file and a type");
        (file.to_owned(), name(path.trim_end_matches(',')))
    };
    lines.map(entry).collect()
}

/// The types that `find` finds in the text of a source file, in every file.
fn in_source(find: impl Fn(&str) -> Vec<String>) -> Types {
    let mut files = source::files();
    // Private: what is behind other types.
    files.retain(|(file, _)| !file.starts_with("primitive") && !file.starts_with("sys/"));
    let found = files.into_iter().flat_map(|(file, text)| {
        let names = find(&text).into_iter();
        names.map(move |name| (file.clone(), name))
    });
    found.collect()
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

/// A struct or an enum.
struct Definition {
    name: String,
    public: bool,
    /// Names in it, but of what it borrows.
    names: BTreeSet<String>,
}

/// The structs and enums that a file defines, those of macros left out.
fn definitions(text: &str) -> Vec<Definition> {
    let mut found = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let (seen, rest) = match line.strip_prefix("pub") {
            Some(rest) => rest.split_once(' ').unwrap_or_default(),
            None => ("private", line),
        };
        let rest = (rest.strip_prefix("struct ")).or_else(|| rest.strip_prefix("enum "));
        let Some(rest) = rest.filter(|rest| !rest.starts_with('$')) else {
            continue;
        };
        let (mut definition, mut depth) = (String::new(), 0);
        for line in core::iter::once(rest).chain(lines.by_ref()) {
            if line.starts_with("//") {
                continue;
            }
            definition.push_str(line);
            depth += line.matches(['(', '{']).count();
            depth -= line.matches([')', '}']).count();
            if depth == 0 && line.ends_with([';', '}']) {
                break;
            }
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = definition.split(|c| !is_name(c)).next();
        let owned = definition.split([',', '(', '{']);
        let owned = owned.filter(|field| !field.contains('&'));
        let names = owned.flat_map(|field| field.split(|c| !is_name(c)));
        found.push(Definition {
            name: name.unwrap_or_default().to_owned(),
            public: seen.is_empty(),
            names: names.map(str::to_owned).collect(),
        });
    }
    found
}

/// The public types that have a descriptor, in a field of theirs or in one of another type of
/// the same file.
fn holders(text: &str) -> Vec<String> {
    let definitions = definitions(text);
    let mut having = BTreeSet::from(["OwnedFd".to_owned()]);
    loop {
        let has = |it: &&Definition| !it.names.is_disjoint(&having);
        let found: Vec<_> = definitions.iter().filter(has).collect();
        let names = found.iter().map(|it| it.name.clone()).collect();
        if having.is_superset(&names) {
            let public = found.into_iter().filter(|it| it.public);
            return public.map(|it| it.name.clone()).collect();
        }
        having.extend(names);
    }
}

#[test]
fn types_with_descriptors_are_found_in_every_form() {
    let text = "
        pub struct Tuple(OwnedFd);
        pub struct Named<'a, T> {
            /// Not of `Borrowed`.
            name: &'a str,
            fd: Option<OwnedFd>,
        }
        pub enum Choice {
            Number(u32),
            File(OwnedFd),
        }
        pub struct Behind(Private);
        struct Private {
            one: Choice,
        }
        pub(crate) struct Inner(OwnedFd);
        pub struct Borrowed<'a>(&'a OwnedFd);
        pub struct $Macro(OwnedFd);
        pub struct Empty;
    ";
    let found: BTreeSet<String> = holders(text).into_iter().collect();
    let expected = ["Behind", "Choice", "Named", "Tuple"].map(str::to_owned);
    assert_eq!(found, BTreeSet::from(expected));
}

#[test]
fn every_type_with_a_descriptor_is_held_to_the_conversions() {
    let found = in_source(|text| {
        let lends = text.lines().filter_map(|line| {
            implementer(line, " AsFd for ")
                .or_else(|| given_to(line, "descriptor"))
                .or_else(|| given_to(line, "crate::sys::fd_number::number"))
                .or_else(|| given_to(line, "crate::sys::fd_number::numbers"))
        });
        lends.chain(holders(text)).collect()
    });
    let mut listed = listed(false);
    listed.extend(
        HIDDEN
            .iter()
            .map(|(file, name)| ((*file).to_owned(), (*name).to_owned())),
    );
    // A macro's, which the search does not read.
    listed.retain(|(file, _)| !file.starts_with("pipe/"));
    assert_eq!(found, listed);
}

#[test]
fn every_error_is_held_to_the_conversion_to_std() {
    let found = in_source(|text| {
        let errors = text.lines();
        errors
            .filter_map(|line| implementer(line, " core::error::Error for "))
            .collect()
    });
    assert_eq!(found, listed(true));
}

#[test]
fn kernel_error_converted_to_std_keeps_its_number() {
    use rawipc::Errno;
    let numbers = [
        io::Error::from(trace::Error::Gone),
        io::Error::from(ring::AttachError::Kernel(Errno::SRCH)),
        io::Error::from(memory::memfd::VerifyError::Refused(Errno::SRCH)),
        io::Error::from(seccomp::InstallError::Errno(Errno::SRCH)),
    ];
    for error in numbers {
        assert_eq!(error.raw_os_error(), Some(Errno::SRCH.raw_os_error()));
    }
}

/// What the number does not tell is in the words, and the crate's own error within.
#[test]
fn own_error_converted_to_std_keeps_its_words() {
    use rawipc::{Errno, Pid};
    let occupied = io::Error::from(ring::AttachError::Occupied);
    assert_eq!(occupied.kind(), io::ErrorKind::ResourceBusy);
    let leased = io::Error::from(ring::AttachError::Leased);
    assert_eq!(leased.kind(), io::ErrorKind::ResourceBusy);
    assert!(
        occupied.to_string().contains("holds this end"),
        "{occupied}"
    );

    fn held<T: core::error::Error + Copy + PartialEq + Send + Sync + 'static>(own: T) -> io::Error
    where
        io::Error: From<T>,
    {
        let error = io::Error::from(own);
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        assert_eq!(inner, Some(&own));
        assert_eq!(error.to_string(), own.to_string());
        error
    }
    let (step, errno) = (process::Step::Directory, Errno::NOENT);
    let failed = held(process::SpawnError { step, errno });
    assert_eq!(failed.kind(), io::ErrorKind::NotFound);
    assert!(failed.to_string().contains("directory"), "{failed}");
    held(process::memory::StringError::TooLong);
    held(seccomp::InstallError::Thread(Pid::INIT));
}
