//! The errors that documentation names, function by function: each is provoked here, or
//! stands in a list with the reason why it is not. What `# Errors` of a public function says
//! and nothing here shows, fails the test, as does what is shown and not said.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::fmt::Debug;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::num::NonZero;
use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rawipc::{Deadline, Errno, IoSlice, IoSliceMut, Mode, Pid};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::alone::alone;
use support::documented::{List, Table, is_of, without_room};
use support::system_v::{Temporary, as_another_user, fresh_key};
use support::{Child, End, Folder, LeakCheck, source};

/// Which errors are not provoked: of the functions whose names begin so, and why.
#[rustfmt::skip]
const EXCUSED: List = &[
    ("", &["NFILE"], "the limit is the whole system's"),
    ("", &["NOMEM"], "the memory is the whole system's"),
    ("", &["NOSYS"], "of kernels that are older, or built without it"),
    ("", &["NOBUFS"], "the memory is the whole system's, or data must be lost"),
    ("sysv", &["NOSPC"], "the limit is the whole system's"),
    ("posix::message::open::create", &["NOSPC"], "the limit is of all users"),
    ("posix::memory", &["NOSPC"], "/dev/shm is shared with other programs"),
    ("posix::semaphore::create", &["NOSPC", "NOENT", "ACCESS"], "/dev/shm would have to be full, or gone"),
    ("posix::memory::create", &["NOENT", "ACCESS"], "/dev/shm would have to be gone"),
    ("posix::memory::list", &["NOENT"], "/dev/shm would have to be gone"),
    ("posix::semaphore::list", &["NOENT"], "/dev/shm would have to be gone"),
    ("posix::message::open::list", &["NOENT"], "the file system of queues would have to be gone"),
    ("posix::message::notify::notifier", &["AFNOSUPPORT", "PERM", "ACCESS"], "of kernels without netlink, and of sandboxes"),
    ("posix::memory::unlink", &["PERM"], "of its mode and the folder's, ACCESS is shown"),
    ("posix::message::open::unlink", &["PERM"], "of its mode and the folder's, ACCESS is shown"),
    ("posix::semaphore::unlink", &["PERM"], "of its mode and the folder's, ACCESS is shown"),
    ("posix::message::notify::notify", &["INVAL"], "there is no such signal in safe code"),
    ("sysv::key::from_path", &["INVAL"], "needs a file with a certain number"),
    ("sysv::message::queue::peek_head", &["TOOBIG"], "which it never says"),
    ("socket::netlink::diag::list", &["BUSY"], "needs more sockets than one answer holds"),
    ("socket::netlink::diag::get", &["INTR"], "the kernel answers at once"),
    ("socket::netlink::send_to", &["INTR"], "only a process without room is waited for"),
    ("sysv::memory::segment::create", &["PERM"], "needs huge pages"),
    ("sysv::message::queue::peek", &["INVAL"], "beyond a removed queue it needs another limit of the system"),
    ("socket::stream::connect", &["NETUNREACH", "HOSTUNREACH", "NODEV", "ADDRNOTAVAIL", "CONNRESET"], "of networks, and of virtual machines"),
    ("socket::stream::listen_stream", &["ROFS"], "needs a file system that cannot be written"),
    ("socket::datagram::unbound", &["SOCKTNOSUPPORT"], "every family that is always there has datagrams"),
    ("socket::listener::accept", &["CONNABORTED"], "of networks"),
    ("socket::stream::oob::recv_oob", &["AGAIN"], "of networks"),
    ("socket::option::peer::peer_label", &["NOPROTOOPT", "RANGE"], "depends on the security module"),
    ("socket::option::peer::set_pass_label", &["NOPROTOOPT"], "of kernels without security modules"),
    ("socket::option::peer::set_pass", &["NOPROTOOPT"], "of kernels that are older"),
    ("socket::option::set_reuse_port", &["OPNOTSUPP"], "since Linux 6.12"),
    ("socket::option::peer::peer_pidfd", &["NOPROTOOPT", "SRCH"], "of kernels that are older"),
    ("socket::option::peer::peer_groups", &["NOPROTOOPT"], "of kernels that are older"),
    ("socket::option::tcp::no_delay", &["NOPROTOOPT"], "of IPv6, which may be absent"),
    ("socket::option::tcp::keep_alive_timing", &["NOPROTOOPT"], "of IPv6, which may be absent"),
    ("socket::option::tcp::user_timeout", &["NOPROTOOPT"], "of IPv6, which may be absent"),
    ("socket::option::only_v6", &["NOPROTOOPT"], "which of the two depends on the kernel"),
    ("socket::netlink::open", &["AFNOSUPPORT"], "of kernels without netlink"),
    ("socket::netlink::set_strict", &["NOPROTOOPT"], "of kernels that are older"),
    ("socket::netlink::process::open", &["PROTONOSUPPORT", "CONNREFUSED"], "of kernels without the connector"),
    ("socket::netlink::diag::open", &["PROTONOSUPPORT"], "of kernels without it"),
    ("socket::netlink::diag::get", &["BADMSG"], "the kernel answers"),
    ("socket::vsock::local_cid", &["NOENT", "ACCESS"], "depends on the system"),
    ("socket", &["TOOMANYREFS"], "the limit is the user's, and of other programs of the user"),
    ("pipe::create", &["INVAL"], "of kernels that are older"),
    ("pipe::vmsplice::vmsplice", &["INVAL"], "of kernels that are older"),
    ("pipe::fifo", &["ROFS", "PERM"], "needs another file system"),
    ("pipe::end::set_capacity", &["INVAL"], "as root, of kernels without so much memory"),
    ("event::eventfd::create", &["INVAL"], "of kernels that are older"),
    ("event::inotify::create", &["INVAL"], "of kernels that are older"),
    ("event::poller::create", &["INVAL"], "of kernels that are older"),
    ("event::timerfd::create", &["INVAL"], "of kernels that are older"),
    ("signal::fd::create", &["INVAL"], "of kernels that are older"),
    ("event::inotify::watch", &["NOSPC"], "the limit is the user's, and of other programs of the user"),
    ("event::poller::add", &["NOSPC"], "the limit is the user's, and of other programs of the user"),
    ("event::timerfd::create", &["OPNOTSUPP"], "depends on the machine"),
    ("event::timerfd::set_ticks", &["CANCELED"], "somebody would have to set the clock"),
    ("event::timerfd::set_ticks", &["NOTTY"], "of kernels that cannot"),
    ("signal::send", &["AGAIN"], "the limit is the user's, and of other programs of the user"),
    ("signal::send::send", &["INVAL"], "of kernels that are older, and of other namespaces"),
    ("process::compare::resource", &["OPNOTSUPP"], "no kernel says it"),
    ("process::descriptors::close_range", &["MFILE"], "needs a table of its own"),
    ("process::parent", &["RANGE"], "somebody would have to choose a reserved signal"),
    ("process::parent", &["INVAL"], "there is no such signal in safe code"),
    ("process::memory", &["INVAL"], "no slice is so long"),
    ("lock", &["NOLCK"], "the memory is the whole system's"),
    ("process::tree::kill_tree", &["ACCESS", "OPNOTSUPP"], "needs a control group of its own"),
    ("process::pidfd::open_thread", &["INVAL"], "before Linux 6.9"),
    ("process::pidfd::open", &["INVAL"], "before Linux 6.16"),
    ("signal::timer::create", &["OPNOTSUPP", "PERM"], "which of the two depends on the machine"),
    ("signal::io", &["INVAL"], "of drivers for some devices"),
    ("trace::hardware", &["OPNOTSUPP"], "not of every machine"),
    ("trace::hardware::set_watch", &["NOSPC"], "others would have to have them all"),
    ("trace::registers::registers", &["NOEXEC"], "needs a program of 32 bits"),
    ("trace::registers::register_set", &["NODEV"], "of processors without such a set"),
    ("trace::resume", &["IO"], "of kernels that are older, and of machines and processors that cannot"),
    ("trace::registers", &["IO"], "of kernels that are older, and of machines and processors that cannot"),
    ("trace::calls", &["IO"], "of kernels that are older, and of machines and processors that cannot"),
    ("trace::registered", &["IO"], "of kernels that are older, and of machines and processors that cannot"),
    ("trace::hidden", &["IO"], "of kernels that are older, and of machines and processors that cannot"),
    ("trace::wait", &["PERM"], "of kernels that can let filters rest"),
    ("trace::tracee::set_options", &["PERM"], "of kernels that can let filters rest"),
    ("trace::wait::wait_end", &["INTR"], "which it never says"),
    ("trace::hidden::step_hidden", &["INTR"], "which it never says"),
    ("trace::hidden::step_hidden", &["CHILD"], "another thread would have to take its end"),
    ("process::clone", &["ACCESS", "OPNOTSUPP", "BUSY"], "needs a control group of its own"),
    ("process::clone", &["TOOBIG", "USERS"], "of kernels that are older"),
    ("process::clone", &["NOSPC"], "needs dozens of namespaces in each other, or the limit is the whole system's"),
    ("process::command::spawn::spawn", &["SRCH"], "nobody is left who reads it"),
    ("process::command::spawn::spawn", &["AGAIN"], "of who can become another user, which only root is sure to"),
    ("process::info", &["SRCH", "INVAL"], "of kernels that are older"),
    ("process::info", &["REMOTE"], "of who can make a namespace of numbers, which only root is sure to"),
    ("seccomp::action::is_available", &["INVAL"], "of kernels that are older"),
    ("seccomp::install::is_filtered", &["INVAL"], "of kernels without it"),
    ("seccomp::install::install_with_listener", &["OVERFLOW"], "no kernel says it"),
    ("seccomp::notify::descriptor::respond_with_descriptor", &["BUSY"], "of two who add at one moment"),
    ("memory::memfd::create", &["ACCESS"], "the administrator would have to forbid it"),
    ("memory::memfd::allocate", &["NOSPC"], "needs huge pages"),
    ("memory::userfault", &["PERM"], "of sandboxes"),
    ("memory::userfault::open::open_device", &["NOENT", "ACCESS"], "depends on the system"),
    ("memory::userfault::event::read", &["MFILE"], "needs a fork that waits for who has no descriptor left"),
    ("memory::userfault", &["NOSPC"], "the memory is the whole system's"),
    ("memory::mapping::object", &["OutOfMemory"], "the memory is the whole system's"),
    ("memory::mapping::pages::resident", &["AGAIN"], "the memory is the whole system's"),
    ("memory::mapping::pages::lock", &["AGAIN"], "the memory is the whole system's"),
    ("memory::mapping::pages::sync", &["IO"], "needs a disk that fails"),
];

/// Which errors the test file shows beside something else.
#[rustfmt::skip]
const ELSEWHERE: List = &[
    ("socket::stream::listen_stream", &["BUSY", "PROTOTYPE"], "socket/address.rs"),
    ("socket::netlink::diag::get", &["NOENT", "STALE", "MSGSIZE"], "socket/netlink.rs"),
    ("socket::netlink", &["PERM", "AGAIN"], "socket/netlink.rs"),
    ("sysv::semaphore", &["IDRM"], "sysv/semaphore.rs"),
    ("event::timerfd::set", &["INVAL"], "event/timerfd.rs"),
    ("signal::send::forward", &["PERM", "INVAL"], "signal/delivery.rs"),
    ("lock::process::lock", &["DEADLK"], "lock/locks.rs"),
    ("process::exec::program::at", &["NOENT"], "process/start.rs"),
    ("process::maps::list::find", &["SRCH", "NAMETOOLONG", "INVAL"], "process/maps.rs"),
    ("process::exec::program::descriptor", &["NOENT"], "process/start.rs"),
    ("lock::process::try_lock", &["AGAIN"], "lock/locks.rs"),
    ("lock::lease", &["AGAIN", "ACCESS", "INVAL"], "lock/lease.rs"),
    ("pipe::splice", &["FBIG"], "whole/filesize.rs"),
    ("posix::memory", &["FBIG"], "whole/filesize.rs"),
    ("posix::semaphore::create", &["FBIG"], "whole/filesize.rs"),
    ("sync::futex::pi::lock", &["PERM"], "sync/pi.rs"),
    ("signal::stack", &["PERM"], "signal/delivery.rs"),
    ("memory::mapping::resize::move_out", &["INVAL"], "memory/resize.rs"),
    ("seccomp::install", &["SRCH", "NOMEM"], "process/seccomp.rs"),
    ("trace::start::traceme", &["DEADLK"], "process/command.rs"),
    ("trace::hardware::set_watch", &["INVAL"], "trace/steps.rs"),
    ("trace::resume", &["IO"], "trace/stops.rs"),
    ("trace::registers", &["IO", "INVAL"], "trace/stops.rs"),
    ("trace::calls", &["IO", "INVAL"], "trace/stops.rs"),
    ("trace::signals", &["INVAL"], "trace/stops.rs"),
    ("process::clone", &["EXIST"], "process/start.rs"),
    ("seccomp::notify", &["INPROGRESS", "NOTTY", "INVAL"], "process/seccomp.rs"),
    ("limits::table::read", &["NOENT"], "process/limits.rs"),
    ("memory::userfault", &["SRCH", "AGAIN", "BUSY", "RANGE"], "memory/userfault.rs"),
    ("memory::mapping", &["OutOfBounds", "Misaligned", "Protected", "MixedSizes"], "memory/views.rs"),
    ("memory::options::map_sealed", &["Refused"], "memory/memfd.rs"),
    ("seccomp", &["Gone", "Thread"], "process/seccomp.rs"),
    ("socket", &["Truncated", "ControlTruncated", "DescriptorRefused"], "socket/transfer.rs"),
    ("socket::stream::message::recv_message", &["Refused"], "socket/received.rs"),
    ("sync::semaphore", &["AGAIN", "Overflow"], "sync/semaphore.rs"),
    ("trace", &["Gone"], "trace/stops.rs"),
    ("thread", &["AGAIN", "INVAL", "PERM", "OWNERDEAD", "DEADLK", "SRCH", "TIMEDOUT"], "static_programs/threads.rs"),
];

#[test]
fn every_documented_error_is_provoked_or_excused() {
    // Rows lower the limits of their process.
    alone(test_name!(), hold_every_documented_error);
}

fn hold_every_documented_error() {
    let _check = LeakCheck::begin();
    let mut table = Table::default();
    sockets::rows(&mut table);
    sysv::rows(&mut table);
    posix::rows(&mut table);
    processes::rows(&mut table);
    programs::rows(&mut table);
    pipes::rows(&mut table);
    events::rows(&mut table);
    signals::rows(&mut table);
    locks::rows(&mut table);
    words::rows(&mut table);
    memories::rows(&mut table);
    faults::rows(&mut table);
    filters::rows(&mut table);
    starts::rows(&mut table);
    tracees::rows(&mut table);
    without_descriptors(&mut table);
    let others = others();
    let covers = |function: &str| !others.iter().any(|module| is_of(function, module));
    let documented = table.judge(covers, EXCUSED, ELSEWHERE);
    assert!(documented > 300, "only {documented} were found");
}

/// The modules that have an `errors.rs` of their own, which calls [`hold`] of them.
fn others() -> Vec<String> {
    let text = source::tests_named("errors");
    // Not that of the text beside this.
    let calls = text.split(concat!("hold", "(test_name!(), \"")).skip(1);
    let names = calls.filter_map(|rest| rest.split('"').next());
    names.map(str::to_owned).collect()
}

/// Runs `body` without privileges: as this user, or as another if this is root.
fn without_privileges(body: impl FnOnce() + Send) {
    if rustix::process::geteuid().is_root() {
        as_another_user(body);
    } else {
        body();
    }
}

/// Calls `call` in a forked child, and returns the error that it had there.
fn forked<T, E: Into<Errno>>(call: impl FnOnce() -> Result<T, E>) -> Result<(), Errno> {
    let mut child = Child::fork(|| call().map_or_else(|error| error.into().raw_os_error(), |_| 0));
    match child.wait() {
        End::Exited(0) => Ok(()),
        End::Exited(errno) => Err(Errno::from_raw_os_error(errno)),
        end @ End::Killed(_) => panic!("{end:?}"),
    }
}

/// Calls that need a descriptor of which none is left.
#[rustfmt::skip]
fn without_descriptors(table: &mut Table) {
    use rawipc::event::poll::{self as event_poll, PollFd};
    use rawipc::event::{eventfd, inotify, poller, timerfd};
    use rawipc::memory::userfault;
    use rawipc::posix::{memory, message, semaphore};
    use rawipc::process::{self as wait, pidfd};
    use rawipc::event::Readiness;
    use rawipc::socket::{UnixAddress, datagram, netlink, seqpacket, stream};
    let how = "no descriptor left";
    let name = rawipc::posix::Name::new("/rawipc-errors-full").unwrap();
    let listener = stream::listen(&UnixAddress::UNNAMED).unwrap();
    let at = listener.address().unwrap();
    let _client = stream::connect(&at).unwrap();
    let child = Child::fork(|| support::alone::sleep_for_ever());
    let pid = Pid::from_raw(child.id()).unwrap();
    let own = pidfd::open(rustix::process::getpid()).unwrap();
    let own_folder = File::open("/dev").unwrap();
    let receiver = datagram::bind(&UnixAddress::UNNAMED).unwrap();
    let to: UnixAddress = rawipc::socket::address::local(&receiver).unwrap();
    let sender = datagram::unbound(rawipc::socket::address::Family::UNIX).unwrap();
    while sender.try_send_to(b"x", &to).is_ok() {}
    let (reader, _writer) = rawipc::pipe::create(rawipc::pipe::PipeFlags::empty()).unwrap();
    let folder = Folder::new("errors-full");
    let fifo = folder.at("fifo");
    rawipc::pipe::fifo::create(&fifo).unwrap();
    let full = eventfd::create(0, eventfd::EventFdFlags::empty()).unwrap();
    full.add(u64::MAX - 1).unwrap();
    let mut two = [PollFd::new(&reader, Readiness::IN), PollFd::new(&full, Readiness::IN)];
    without_room(|| {
        let flags = rawipc::pipe::PipeFlags::empty();
        row!(table, "pipe::create", MFILE, how, rawipc::pipe::create(flags));
        row!(table, "pipe::end::duplicate", MFILE, how, reader.duplicate());
        let flags = rawipc::pipe::fifo::OpenFlags::empty();
        let here = rustix::fs::CWD;
        let open = "pipe::fifo::open::open_reader_at";
        row!(table, open, MFILE, how, rawipc::pipe::fifo::open_reader_at(here, &fifo, flags, Deadline::NOW));
        let open = "pipe::fifo::open::open_writer_at";
        row!(table, open, MFILE, how, rawipc::pipe::fifo::open_writer_at(here, &fifo, flags, Deadline::NOW));
        row!(table, "event::eventfd::create", MFILE, how, eventfd::create(0, eventfd::EventFdFlags::empty()));
        row!(table, "event::eventfd::add_until", MFILE, how, full.add_until(1, Deadline::NOW));
        row!(table, "event::inotify::create", MFILE, how, inotify::create(inotify::InotifyFlags::empty()));
        row!(table, "event::poller::create", MFILE, how, poller::create(poller::PollerFlags::empty()));
        row!(table, "event::timerfd::create", MFILE, how,
            timerfd::create(timerfd::Clock::Monotonic, timerfd::TimerFdFlags::empty()));
        row!(table, "event::poll::wait", INVAL, "too many", event_poll::wait(&mut two));
        row!(table, "event::poll::try_wait", INVAL, "too many", event_poll::try_wait(&mut two));
        row!(table, "event::poll::wait_until", INVAL, "too many", event_poll::wait_until(&mut two, Deadline::NOW));
        row!(table, "signal::fd::create", MFILE, how,
            rawipc::signal::fd::create(rawipc::Signal::USR1, rawipc::signal::fd::SignalFdFlags::empty()));
        row!(table, "socket::stream::pair", MFILE, how, stream::pair());
        row!(table, "socket::seqpacket::pair", MFILE, how, seqpacket::pair());
        row!(table, "socket::datagram::pair", MFILE, how, datagram::pair());
        row!(table, "socket::datagram::unbound", MFILE, how,
            datagram::unbound(rawipc::socket::address::Family::UNIX));
        row!(table, "socket::stream::connect", MFILE, how, stream::connect(&at));
        row!(table, "socket::stream::listen_stream", MFILE, how, stream::listen(&UnixAddress::UNNAMED));
        row!(table, "socket::listener::accept", MFILE, how, listener.accept());
        row!(table, "socket::datagram::addressed::send_to_until", MFILE, how,
            sender.send_to_until(b"x", &to, Deadline::Never));
        row!(table, "socket::netlink::open", MFILE, how, netlink::Socket::open(netlink::Protocol::SOCK_DIAG));
        row!(table, "socket::netlink::diag::open", MFILE, how, netlink::diag::Diag::open());
        row!(table, "socket::netlink::process::open", MFILE, how, netlink::process::Monitor::open());
        row!(table, "posix::memory::open", MFILE, how,
            memory::open(&name, memory::Access::ReadOnly, memory::MemoryFlags::empty() ));
        row!(table, "posix::memory::create", MFILE, how, memory::CreateOptions::new().create(&name));
        row!(table, "posix::memory::list", MFILE, how, memory::list().map(drop));
        row!(table, "posix::message::open::open", MFILE, how,
            message::open(&name, message::Access::Both, message::QueueFlags::empty()));
        row!(table, "posix::message::open::create", MFILE, how, message::CreateOptions::new().create(&name));
        row!(table, "posix::message::notify::notifier", MFILE, how, message::notifier());
        row!(table, "posix::semaphore::open", MFILE, how, semaphore::open(&name).map(drop));
        row!(table, "posix::semaphore::create", MFILE, how,
            semaphore::CreateOptions::new().create(&name, 0).map(drop));
        row!(table, "posix::semaphore::list", MFILE, how, semaphore::list().map(drop));
        row!(table, "process::pidfd::open", MFILE, how, pidfd::open(pid));
        let memfd = rawipc::memory::memfd::create("x", rawipc::memory::memfd::MemfdFlags::empty());
        row!(table, "memory::memfd::create", MFILE, how, memfd);
        let flags = rawipc::memory::secret::SecretFlags::empty();
        match rawipc::memory::secret::create(flags) {
            Err(errno @ Errno::NOSYS) => table.is_absent("memory::secret", errno),
            said => row!(table, "memory::secret::create", MFILE, how, said),
        }
        let flags = userfault::UserfaultFlags::USER_MODE_ONLY;
        match userfault::create(flags, userfault::Features::empty()) {
            Err(errno @ (Errno::NOSYS | Errno::PERM)) => table.is_absent("memory::userfault", errno),
            said => {
                row!(table, "memory::userfault::open::create", MFILE, how, said);
                row!(table, "memory::userfault::open::features", MFILE, how, userfault::features());
            }
        }
        row!(table, "process::maps::list::open", MFILE, how, rawipc::process::maps::open(pid).map(drop));
        let access = rawipc::process::memory::Access::Read;
        row!(table, "process::memory::remote::open", MFILE, how, rawipc::process::memory::open(pid, access).map(drop));
        row!(table, "process::pidfd::get_fd", MFILE, how, own.get_fd(0));
        row!(table, "process::tree::kill_tree", MFILE, how, wait::kill_tree(wait::Tree::ControlGroup(own_folder.as_fd())));
        row!(table, "process::wait::wait_until", MFILE, how, wait::wait_until(pid, Deadline::NOW));
    });
}

mod sockets {
    use super::*;
    use rawipc::socket::address::{Address, Family, Raw};
    use rawipc::socket::many::Slot;
    use rawipc::socket::message::{Credentials, Gid, Incoming, Outgoing, Uid};
    use rawipc::socket::netlink::{self, NetlinkAddress, Protocol};
    use rawipc::socket::{
        BindOptions, Datagram, Listener, Seqpacket, Shutdown, Stream, UnixAddress, address,
        datagram, option, seqpacket, stream,
    };
    use rustix::net::{AddressFamily, SocketType, socket};

    /// An address of a family that no kernel has.
    #[derive(Debug)]
    struct Foreign;

    impl Address for Foreign {
        fn to_raw(&self) -> Raw {
            Raw::new(&[255, 0, 0, 0]).unwrap()
        }

        fn from_raw(_: &Raw) -> rawipc::Result<Self> {
            Err(Errno::AFNOSUPPORT)
        }
    }

    fn path(folder: &Folder, name: &str) -> UnixAddress {
        UnixAddress::pathname(folder.at(name)).unwrap()
    }

    fn local() -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)
    }

    fn unconnected(kind: SocketType) -> OwnedFd {
        socket(AddressFamily::UNIX, kind, None).unwrap()
    }

    pub(super) fn rows(table: &mut Table) {
        let long = rawipc::socket::address::Raw::new(&[0; 129]);
        row!(table, "sys::address::new", INVAL, "too long", long);
        let folder = Folder::new("errors-sockets");
        folder.file("file", "");
        std::os::unix::fs::symlink(folder.at("loop"), folder.at("loop")).unwrap();
        meeting(table, &folder);
        transfer(table);
        datagrams(table, &folder);
        options(table);
        others(table, &folder);
        as_somebody_else(table, &folder);
    }

    #[rustfmt::skip]
    fn meeting(table: &mut Table, folder: &Folder) {
        let listener = stream::listen(&UnixAddress::UNNAMED).unwrap();
        let here = path(folder, "file");
        let looping = path(folder, "loop/socket");
        let connect = "socket::stream::connect";
        row!(table, connect, CONNREFUSED, "no socket", stream::connect(&here));
        row!(table, connect, NOENT, "no file", stream::connect(&path(folder, "none")));
        row!(table, connect, NOTDIR, "a file on the way", stream::connect(&path(folder, "file/x")));
        row!(table, connect, LOOP, "links in a circle", stream::connect(&looping));
        let bound = stream::listen(&path(folder, "listening")).unwrap();
        row!(table, connect, PROTOTYPE, "another kind", seqpacket::connect(&bound.address().unwrap()));
        row!(table, connect, INVAL, "no name", stream::connect(&UnixAddress::UNNAMED));
        row!(table, connect, AFNOSUPPORT, "no such family", stream::connect(&Foreign));
        row!(table, connect, SOCKTNOSUPPORT, "no such kind", seqpacket::connect(&local()));
        let narrow = BindOptions::new()
            .backlog(0)
            .listen_stream(&UnixAddress::UNNAMED)
            .unwrap();
        let at = narrow.address().unwrap();
        let mut waiting = Vec::new();
        let full = loop {
            match stream::try_connect(&at) {
                Ok(client) => waiting.push(client),
                Err(errno) => break Err::<(), _>(errno),
            }
        };
        row!(table, "socket::stream::try_connect", AGAIN, "a full backlog", full);

        let listen = "socket::stream::listen_stream";
        let elsewhere = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 0);
        row!(table, listen, ADDRINUSE, "taken", stream::listen(&listener.address().unwrap()));
        row!(table, listen, ADDRINUSE, "a file", stream::listen(&here));
        row!(table, listen, ADDRNOTAVAIL, "not here", stream::listen(&elsewhere));
        row!(table, listen, NOENT, "no folder", stream::listen(&path(folder, "none/x")));
        row!(table, listen, NOTDIR, "no folder", stream::listen(&path(folder, "file/x")));
        row!(table, listen, LOOP, "links in a circle", stream::listen(&looping));
        let replace = BindOptions::new().replace_stale(true);
        row!(table, listen, NOTSOCK, "a file", replace.listen_stream(&here));
        row!(table, listen, AFNOSUPPORT, "no such family", stream::listen(&Foreign));
        row!(table, listen, SOCKTNOSUPPORT, "no such kind", seqpacket::listen(&local()));

        let foreign = OwnedFd::from(stream::listen(&UnixAddress::UNNAMED).unwrap());
        let at: UnixAddress = address::local(&foreign).unwrap();
        let _client = stream::connect(&at).unwrap();
        let foreign = Listener::<SocketAddrV4, Stream>::from(foreign);
        let accept = "socket::listener::accept";
        row!(table, accept, AFNOSUPPORT, "another type", foreign.accept());
        row!(table, accept, INVAL, "it does not listen",
            Listener::<UnixAddress, Stream>::from(unconnected(SocketType::STREAM)).accept());
        row!(table, accept, OPNOTSUPP, "of datagrams",
            Listener::<UnixAddress, Stream>::from(unconnected(SocketType::DGRAM)).accept());
        row!(table, "socket::listener::try_accept", AGAIN, "nobody", listener.try_accept());
        row!(table, "socket::listener::address", AFNOSUPPORT, "another type", foreign.address());
    }

    /// What streams, datagrams and seqpackets have in common.
    #[rustfmt::skip]
    fn transfer(table: &mut Table) {
        let stdin = File::open("/dev/null").unwrap();
        let descriptors = vec![stdin.as_fd(); 254];
        let outgoing = Outgoing::new().descriptors(&descriptors);
        let byte = [IoSlice::new(b"x")];
        macro_rules! check {
            ($module:literal, $sending:literal, $pair:expr, $fill:expr, $leave:expr) => {
                let sending = |name| format!("socket::{}::{name}", $sending);
                let name = |name| format!("socket::{}::{name}", $module);
                let (one, other) = $pair.unwrap();
                let mut buffer = [0; 8];
                let none = &mut Incoming::<0>::new();
                row!(table, &name("try_recv"), AGAIN, "nothing", other.try_recv(&mut buffer));
                let room = &mut [IoSliceMut::new(&mut buffer)];
                let nothing = other.try_recv_message(room, none);
                row!(table, &name("message::try_recv_message"), AGAIN, "nothing", nothing);
                let many = one.send_message(&byte, &outgoing);
                row!(table, &sending("send_message"), INVAL, "too many descriptors", many);
                #[allow(clippy::redundant_closure_call, reason = "it differs by kind")]
                $fill(&one);
                row!(table, &name("try_send"), AGAIN, "full", one.try_send(b"x"));
                let full = one.try_send_message(&byte, &Outgoing::new());
                row!(table, &sending("try_send_message"), AGAIN, "full", full);
                let (one, other) = $pair.unwrap();
                one.send(b"unread").unwrap();
                #[allow(clippy::redundant_closure_call, reason = "it differs by kind")]
                $leave(other);
                let reset = one.try_recv(&mut buffer);
                row!(table, &name("recv"), CONNRESET, "unread", reset);
                let (one, other) = $pair.unwrap();
                other.shutdown(Shutdown::Read).unwrap();
                row!(table, &name("send"), PIPE, "shut down", one.send(b"x"));
            };
        }
        check!("stream", "stream::message", stream::pair(), |one: &Stream| {
            while one.try_send(&[0; 4096]).is_ok() {}
        }, drop);
        check!("datagram", "sending", datagram::pair(), |one: &Datagram| {
            while one.try_send(b"x").is_ok() {}
        }, |other: Datagram| other.disconnect().unwrap());
        check!("seqpacket", "sending", seqpacket::pair(), |one: &Seqpacket| {
            while one.try_send(b"x").is_ok() {}
        }, drop);

        macro_rules! messages {
            ($module:literal, $pair:expr) => {
                let name = |name| format!("socket::{}::{name}", $module);
                let (one, other) = $pair.unwrap();
                let mut slots = [Slot::new(&mut [])];
                row!(table, &name("try_next_len"), AGAIN, "nothing", other.try_next_len());
                row!(table, &name("many::try_recv_many"), AGAIN, "nothing", other.try_recv_many(&mut slots));
                option::set_send_buffer(&one, 1).unwrap();
                row!(table, &name("send"), MSGSIZE, "too long", one.send(&[0; 100_000]));
                let slices = vec![IoSlice::new(b"x"); 1025];
                let long = one.send_message(&slices, &Outgoing::new());
                row!(table, "socket::sending::send_message", MSGSIZE, "too many slices", long);
                let mut buffers = vec![[0]; 1025];
                let mut room: Vec<_> = buffers.iter_mut().map(|it| IoSliceMut::new(it)).collect();
                let long = other.try_recv_message(&mut room, &mut Incoming::<0>::new());
                row!(table, &name("message::recv_message"), MSGSIZE, "too many slices", long);
                while one.try_send(b"x").is_ok() {}
                let full = one.try_send_many(&byte);
                row!(table, "socket::sending::try_send_many", AGAIN, "full", full);
            };
        }
        messages!("datagram", datagram::pair());
        messages!("seqpacket", seqpacket::pair());

        let (one, other) = stream::pair().unwrap();
        while one.try_send(&[0; 4096]).is_ok() {}
        row!(table, "socket::stream::oob::try_send_oob", AGAIN, "full", one.try_send_oob(b'!'));
        row!(table, "socket::stream::oob::recv_oob", INVAL, "there is none", one.recv_oob());
        drop(other);
        let (one, other) = stream::pair().unwrap();
        drop(other);
        row!(table, "socket::stream::whole::recv_exact", PIPE, "the end", one.recv_exact(&mut [0]));
        let (one, _other) = stream::pair().unwrap();
        let few = Outgoing::new().descriptors(&descriptors[..1]);
        row!(table, "socket::stream::message::send_message", INVAL, "no byte", one.send_message(&[], &few));
        let (one, _other) = seqpacket::pair().unwrap();
        let wrong = Stream::from(OwnedFd::from(one));
        row!(table, "socket::stream::oob::send_oob", OPNOTSUPP, "no stream", wrong.send_oob(b'!'));
        let (read, _write) = rustix::pipe::pipe().unwrap();
        let wrong = Stream::from(read);
        row!(table, "socket::stream::oob::at_oob_mark", NOTTY, "no socket", wrong.at_oob_mark());
        let tcp = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        let lonely = Stream::from(tcp);
        row!(table, "socket::stream::shutdown", NOTCONN, "TCP, not connected", lonely.shutdown(Shutdown::Both));
    }

    #[rustfmt::skip]
    fn datagrams(table: &mut Table, folder: &Folder) {
        let unbound = || datagram::unbound(Family::UNIX).unwrap();
        row!(table, "socket::datagram::unbound", AFNOSUPPORT, "no such family",
            datagram::unbound(AddressFamily::from_raw(255)));
        let (one, other) = datagram::pair().unwrap();
        drop(other);
        row!(table, "socket::datagram::send", CONNREFUSED, "the peer is gone", one.send(b"x"));
        row!(table, "socket::datagram::send", NOTCONN, "as before", one.send(b"x"));
        let udp = datagram::bind(&local()).unwrap();
        row!(table, "socket::datagram::send", DESTADDRREQ, "UDP, not connected", udp.send(b"x"));
        row!(table, "socket::datagram::shutdown", NOTCONN, "UDP, not connected",
            udp.shutdown(Shutdown::Both));

        let receiver = datagram::bind(&UnixAddress::UNNAMED).unwrap();
        let at: UnixAddress = address::local(&receiver).unwrap();
        let connected = datagram::bind(&UnixAddress::UNNAMED).unwrap();
        connected.connect(&at).unwrap();
        let taken: UnixAddress = address::local(&connected).unwrap();
        let listener = stream::listen(&path(folder, "other")).unwrap();
        let connect = "socket::datagram::addressed::connect";
        row!(table, connect, CONNREFUSED, "no socket", unbound().connect(&path(folder, "file")));
        row!(table, connect, NOENT, "no file", unbound().connect(&path(folder, "none")));
        row!(table, connect, NOTDIR, "no folder", unbound().connect(&path(folder, "file/x")));
        row!(table, connect, LOOP, "links in a circle", unbound().connect(&path(folder, "loop/x")));
        row!(table, connect, PROTOTYPE, "another kind", unbound().connect(&listener.address().unwrap()));
        row!(table, connect, PERM, "another's", unbound().connect(&taken));
        row!(table, connect, INVAL, "another family", unbound().connect(&local()));
        let long = UnixAddress::abstract_name(b"no shorter than an address of IP").unwrap();
        row!(table, connect, AFNOSUPPORT, "another family", udp.connect(&long));

        let sender = datagram::bind(&UnixAddress::UNNAMED).unwrap();
        sender.send_to(b"x", &at).unwrap();
        let wrong = receiver.recv_from::<SocketAddrV4>(&mut [0]);
        row!(table, "socket::datagram::addressed::recv_from", AFNOSUPPORT, "another family", wrong);
        sender.send_many_to(&[IoSlice::new(b"x")], &at).unwrap();
        let mut buffer = [0];
        let mut slots = [Slot::new(&mut buffer)];
        receiver.recv_many(&mut slots).unwrap();
        let wrong = slots[0].sender::<SocketAddrV4>();
        row!(table, "socket::many::sender", AFNOSUPPORT, "another family", wrong);
        let nothing = receiver.try_recv_from::<UnixAddress>(&mut []);
        row!(table, "socket::datagram::addressed::try_recv_from", AGAIN, "nothing", nothing);
        let nothing =
            receiver.try_recv_message_from::<UnixAddress, 0, 0>(&mut [], &mut Incoming::new());
        row!(table, "socket::datagram::addressed::try_recv_message_from", AGAIN, "nothing", nothing);
        while sender.try_send_to(b"x", &at).is_ok() {}
        row!(table, "socket::datagram::addressed::try_send_to", AGAIN, "full", sender.try_send_to(b"x", &at));
        let full = sender.try_send_message_to(&[], &Outgoing::new(), &at);
        row!(table, "socket::datagram::addressed::try_send_message_to", AGAIN, "full", full);
    }

    #[rustfmt::skip]
    fn options(table: &mut Table) {
        let (one, _other) = stream::pair().unwrap();
        let tcp = stream::listen(&local()).unwrap();
        let udp = datagram::bind(&local()).unwrap();
        let lonely = unconnected(SocketType::STREAM);
        let netlink = netlink::Socket::open(Protocol::SOCK_DIAG).unwrap();
        let (file, _write) = rustix::pipe::pipe().unwrap();
        let how = "no socket";
        row!(table, "socket::option::family", NOTSOCK, how, option::family(&file));
        row!(table, "socket::option::kind", NOTSOCK, how, option::kind(&file));
        row!(table, "socket::option::protocol", NOTSOCK, how, option::protocol(&file));
        row!(table, "socket::option::is_listening", NOTSOCK, how, option::is_listening(&file));
        row!(table, "socket::option::cookie", NOTSOCK, how, option::cookie(&file));
        row!(table, "socket::option::take_error", NOTSOCK, how, option::take_error(&file));
        row!(table, "socket::address::local", NOTSOCK, how, address::local::<UnixAddress>(&file));
        row!(table, "socket::address::peer", NOTSOCK, how, address::peer::<UnixAddress>(&file));
        row!(table, "socket::address::local", AFNOSUPPORT, "another", address::local::<SocketAddrV4>(&one));
        row!(table, "socket::address::peer", AFNOSUPPORT, "another",
            address::peer::<SocketAddrV4>(&udp_pair().0).and(address::peer::<UnixAddress>(&udp_pair().0)));
        row!(table, "socket::address::peer", NOTCONN, "none", address::peer::<UnixAddress>(&lonely));
        row!(table, "socket::option::peer::peer_pidfd", NODATA, "no peer", option::peer_pidfd(&lonely));
        let groups = option::peer_groups(&lonely, &mut []);
        row!(table, "socket::option::peer::peer_groups", NODATA, "no peer", groups);
        row!(table, "socket::option::peer::set_pass_label", OPNOTSUPP, "TCP", option::set_pass_label(&tcp, true));
        row!(table, "socket::option::peer::set_pass_credentials", OPNOTSUPP, "TCP",
            option::set_pass_credentials(&tcp, true));
        row!(table, "socket::option::peer::set_pass_pidfd", OPNOTSUPP, "TCP", option::set_pass_pidfd(&tcp, true));
        row!(table, "socket::option::peer::set_pass_rights", OPNOTSUPP, "TCP", option::set_pass_rights(&tcp, true));
        row!(table, "socket::option::peek_offset", OPNOTSUPP, "netlink", option::peek_offset(&netlink));
        row!(table, "socket::option::set_peek_offset", OPNOTSUPP, "netlink",
            option::set_peek_offset(&netlink, Some(0)));
        row!(table, "socket::option::set_peek_offset", INVAL, "too far",
            option::set_peek_offset(&one, Some(u32::MAX)));
        row!(table, "socket::option::only_v6", OPNOTSUPP, "UNIX", option::only_v6(&one));
        let timing = option::KeepAlive {
            idle: 1,
            interval: 1,
            count: 1,
        };
        row!(table, "socket::option::tcp::set_keep_alive_timing", INVAL, "too long",
            option::set_keep_alive_timing(&tcp, option::KeepAlive { idle: 100_000,..timing } ));
        row!(table, "socket::option::tcp::no_delay", OPNOTSUPP, "UNIX", option::no_delay(&one));
        row!(table, "socket::option::tcp::set_no_delay", OPNOTSUPP, "UNIX", option::set_no_delay(&one, true));
        row!(table, "socket::option::tcp::set_no_delay", NOPROTOOPT, "UDP", option::set_no_delay(&udp, true));
        row!(table, "socket::option::tcp::keep_alive_timing", OPNOTSUPP, "UNIX", option::keep_alive_timing(&one));
        row!(table, "socket::option::tcp::set_keep_alive_timing", OPNOTSUPP, "UNIX",
            option::set_keep_alive_timing(&one, timing));
        row!(table, "socket::option::tcp::set_keep_alive_timing", NOPROTOOPT, "UDP",
            option::set_keep_alive_timing(&udp, timing));
        row!(table, "socket::option::tcp::user_timeout", OPNOTSUPP, "UNIX", option::user_timeout(&one));
        row!(table, "socket::option::tcp::set_user_timeout", OPNOTSUPP, "UNIX",
            option::set_user_timeout(&one, None));
        row!(table, "socket::option::tcp::set_user_timeout", NOPROTOOPT, "UDP",
            option::set_user_timeout(&udp, None));
    }

    fn udp_pair() -> (Datagram, Datagram) {
        let other = datagram::bind(&local()).unwrap();
        let one = datagram::connect(&address::local::<SocketAddrV4>(&other).unwrap()).unwrap();
        (one, other)
    }

    #[rustfmt::skip]
    fn others(table: &mut Table, folder: &Folder) {
        let name = |name: &str| UnixAddress::pathname(name);
        let pathname = "socket::address::unix::pathname";
        row!(table, pathname, NOENT, "empty", name(""));
        row!(table, pathname, INVAL, "a NUL", name("a\0b"));
        row!(table, pathname, NAMETOOLONG, "109 bytes", name(&"x".repeat(109)));
        let long = UnixAddress::abstract_name(&[b'x'; 108]);
        row!(table, "socket::address::unix::abstract_name", NAMETOOLONG, "108 bytes", long);
        let guard = |at: &UnixAddress| address::RemoveOnDrop::new(at).map(drop);
        row!(table, "socket::address::remove::new", INVAL, "no pathname", guard(&UnixAddress::UNNAMED));
        row!(table, "socket::address::remove::new", NOTSOCK, "no socket", guard(&path(folder, "file")));
        row!(table, "socket::address::remove::new", NOENT, "no file", guard(&path(folder, "none")));
        let stdin = File::open("/dev/null").unwrap();
        let descriptors = vec![stdin.as_fd(); 254];
        let many = Outgoing::new().descriptors(&descriptors).encode().map(drop);
        row!(table, "socket::message::encode", INVAL, "too many", many);

        let open = || netlink::Socket::open(Protocol::SOCK_DIAG).unwrap();
        let one = open();
        row!(table, "socket::netlink::open", PROTONOSUPPORT, "no such protocol",
            netlink::Socket::open(Protocol(1000)));
        let own: NetlinkAddress = address::local(&one).unwrap();
        one.bind(NetlinkAddress::new(0, 0)).unwrap();
        let own = if own.port == 0 {
            address::local(&one).unwrap()
        } else {
            own
        };
        row!(table, "socket::netlink::bind", ADDRINUSE, "taken", open().bind(own));
        row!(table, "socket::netlink::join", INVAL, "no such group", one.join(1_000_000));
        row!(table, "socket::netlink::send_to", MSGSIZE, "too long",
            one.send_to(&vec![0; 1 << 22], NetlinkAddress::KERNEL));
        let user = netlink::Socket::open(Protocol::USERSOCK).unwrap();
        let nobody = NetlinkAddress::new(4_000_000_000, 0);
        row!(table, "socket::netlink::send_to", CONNREFUSED, "nobody", user.send_to(b"x", nobody));
        row!(table, "socket::netlink::try_recv", AGAIN, "nothing", open().try_recv(&mut [0]));
        row!(table, "socket::netlink::message::write", MSGSIZE, "no room",
            netlink::message::write(&mut [], 1, netlink::message::Flags::empty(), 0, b"").map(drop));
    }

    #[rustfmt::skip]
    fn as_somebody_else(table: &mut Table, folder: &Folder) {
        let closed = folder.at("closed");
        fs::create_dir(&closed).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(&closed, mode).unwrap();
        let at = UnixAddress::pathname(closed.join("socket")).unwrap();
        let listener = stream::listen(&at).unwrap();
        let (one, _other) = stream::pair().unwrap();
        let (two, _other) = datagram::pair().unwrap();
        let (three, _other) = seqpacket::pair().unwrap();
        as_another_user(|| {
            let how = "another user";
            row!(table, "socket::stream::connect", ACCESS, how, stream::connect(&at));
            let unbound = datagram::unbound(Family::UNIX).unwrap();
            row!(table, "socket::datagram::addressed::connect", ACCESS, how, unbound.connect(&at));
            row!(table, "socket::stream::listen_stream", ACCESS, how, stream::listen(&at));
            let guard = address::RemoveOnDrop::new(&at).map(drop);
            row!(table, "socket::address::remove::new", ACCESS, how, guard);
            let force = "socket::option::force_send_buffer";
            row!(table, force, PERM, how, option::force_send_buffer(&one, 1));
            let force = "socket::option::force_receive_buffer";
            row!(table, force, PERM, how, option::force_receive_buffer(&one, 1));
            let root = Credentials {
                uid: Uid::ROOT,
                gid: Gid::ROOT,
                ..Credentials::own()
            };
            let forged = Outgoing::new().credentials(root);
            let byte = [IoSlice::new(b"x")];
            row!(table, "socket::stream::message::send_message", PERM, how, one.send_message(&byte, &forged));
            row!(table, "socket::sending::send_message", PERM, how, two.send_message(&byte, &forged));
            row!(table, "socket::sending::send_message", PERM, how, three.send_message(&byte, &forged));
        });
        drop(listener);
    }
}

mod sysv {
    use super::*;
    use rawipc::sysv::memory::{self, AttachFlags, SegmentFlags};
    use rawipc::sysv::message::{self, Message, ReceiveFlags, Select};
    use rawipc::sysv::semaphore::{self, MAX, Operation, OperationFlags};
    use rawipc::sysv::{Access, Create, Key};

    const OWN: Access = Access {
        owner: 0,
        group: 0,
        mode: Mode::RUSR.union(Mode::WUSR),
    };

    #[rustfmt::skip]
    pub(super) fn rows(table: &mut Table) {
        let folder = Folder::new("errors-sysv");
        let missing = Key::from_path(folder.at("none"), 1);
        row!(table, "sysv::key::from_path", NOENT, "no file", missing);
        let closed = folder.at("closed");
        fs::create_dir(&closed).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(&closed, mode).unwrap();
        as_another_user(|| {
            let hidden = Key::from_path(closed.join("file"), 1);
            row!(table, "sysv::key::from_path", ACCESS, "another user's", hidden);
        });
        semaphores(table);
        messages(table);
        segments(table);
    }

    #[rustfmt::skip]
    fn semaphores(table: &mut Table) {
        let name = |name| source::function("sysv::semaphore", name);
        let key = fresh_key();
        let set = Temporary(semaphore::create(key, 2, Create::NEW).unwrap());
        let shared = Create::NEW.or_open();
        row!(table, &name("create"), EXIST, "taken", semaphore::create(key, 1, Create::NEW));
        row!(table, &name("create"), INVAL, "none", semaphore::create(Key::PRIVATE, 0, Create::NEW));
        row!(table, &name("create"), INVAL, "too few", semaphore::create(key, 3, shared));
        row!(table, &name("open"), NOENT, "none", semaphore::open(fresh_key()));
        row!(table, &name("open_or_create"), INVAL, "none",
            semaphore::open_or_create(fresh_key(), &[], Create::NEW, Deadline::NOW));
        row!(table, &name("open_or_create"), RANGE, "too high",
            semaphore::open_or_create(fresh_key(), &[u16::MAX], Create::NEW, Deadline::NOW));

        set.set_values(&[0, 1]).unwrap();
        let now = OperationFlags::NOWAIT;
        let raise = |by| Operation::change(1, NonZero::new(by).unwrap());
        let operate = name("operate");
        row!(table, &operate, AGAIN, "not possible", set.operate(&[Operation::decrement(0).flags(now)]));
        row!(table, &operate, FBIG, "no such number", set.operate(&[Operation::increment(2)]));
        row!(table, &operate, RANGE, "too high", set.operate(&[raise(i16::MAX)]));
        let far = i16::MAX - 1;
        set.operate(&[raise(far).undo()]).unwrap();
        set.operate(&[raise(-far)]).unwrap();
        row!(table, &operate, RANGE, "too much to undo", set.operate(&[raise(far).undo()]));
        set.operate(&[raise(far)]).unwrap();
        set.operate(&[raise(-far).undo()]).unwrap();
        row!(table, &operate, TOOBIG, "too many", set.operate(&[Operation::increment(0); 2000]));
        row!(table, &operate, INVAL, "none", set.operate(&[]));
        row!(table, &name("try_operate"), AGAIN, "not possible", set.try_operate(&[Operation::decrement(0)]));
        row!(table, &name("value"), INVAL, "no such number", set.value(2));
        row!(table, &name("set_value"), RANGE, "too high", set.set_value(0, MAX + 1));
        row!(table, &name("values"), TOOBIG, "no room", set.values(&mut [0]));
        row!(table, &name("set_values"), INVAL, "another number", set.set_values(&[0]));
        row!(table, &name("set_values"), RANGE, "too high", set.set_values(&[0, u16::MAX]));
        as_another_user(|| {
            let how = "another user's";
            row!(table, &name("create"), ACCESS, how, semaphore::create(key, 1, shared));
            row!(table, &name("open_or_create"), ACCESS, how,
                semaphore::open_or_create(key, &[0], shared, Deadline::NOW));
            row!(table, &name("wait_initialized"), ACCESS, how, set.wait_initialized(Deadline::NOW));
            row!(table, &operate, ACCESS, how, set.operate(&[Operation::increment(0)]));
            row!(table, &name("value"), ACCESS, how, set.value(0));
            row!(table, &name("values"), ACCESS, how, set.values(&mut [0; 2]));
            row!(table, &name("set_values"), ACCESS, how, set.set_values(&[0, 0]));
            row!(table, &name("status"), ACCESS, how, set.status());
            row!(table, &name("set"), PERM, how, set.set(OWN));
            row!(table, &name("remove"), PERM, how, set.remove());
        });
        let wrong = Access {
            owner: u32::MAX,
            ..OWN
        };
        row!(table, &name("set"), INVAL, "no such user", set.set(wrong));
        // The place of another, that is taken again: the number is of a former object.
        set.remove().unwrap();
        let how = "removed";
        let again = Temporary(semaphore::create(Key::PRIVATE, 1, Create::NEW).unwrap());
        row!(table, &operate, INVAL, how, set.operate(&[Operation::increment(0)]));
        let gone = [
            ("status", set.status().map(drop)),
            ("set", set.set(OWN)),
            ("remove", set.remove()),
            ("value", set.value(0).map(drop)),
            ("values", set.values(&mut [0; 2]).map(drop)),
            ("set_values", set.set_values(&[0, 0])),
        ];
        vanished(table, "semaphore", gone);
        drop(again);
    }

    /// What functions say of an object that is no more: either number, as the kernel has
    /// given its place away or not.
    #[rustfmt::skip]
    fn vanished<const N: usize>(
        table: &mut Table,
        module: &str,
        said: [(&str, rawipc::Result<()>); N],
    ) {
        for (function, said) in said {
            let function = source::function(&format!("sysv::{module}"), function);
            let said = match said {
                Err(Errno::IDRM) => Err(Errno::INVAL),
                said => said,
            };
            row!(table, &function, INVAL, "removed", said);
            table.shown.insert((function, "IDRM"));
        }
    }

    #[rustfmt::skip]
    fn messages(table: &mut Table) {
        let name = |name| source::function("sysv::message", name);
        let key = fresh_key();
        let queue = Temporary(message::create(key, Create::NEW).unwrap());
        let shared = Create::NEW.or_open();
        let flags = ReceiveFlags::empty();
        let long = Message::new(1, [0_u8; 1 << 16]);
        let mut four = Message::new(1, *b"four");
        let mut one = Message::new(1, [0_u8]);
        row!(table, &name("set_bytes"), TOOBIG, "no room", one.set_bytes(b"four"));
        row!(table, &name("create"), EXIST, "taken", message::create(key, Create::NEW));
        row!(table, &name("open"), NOENT, "none", message::open(fresh_key()));
        row!(table, &name("send"), INVAL, "too long", queue.send(&long));
        row!(table, &name("send"), INVAL, "no kind", queue.send(&Message::new(0, *b"four")));
        row!(table, &name("try_receive"), AGAIN, "none", queue.try_receive(Select::Any, &mut four, flags));
        row!(table, &name("peek"), NOMSG, "none", queue.peek(0, &mut four));
        queue.send(&four).unwrap();
        row!(table, &name("receive"), TOOBIG, "no room", queue.receive(Select::Any, &mut one, flags));
        row!(table, &name("receive"), INVAL, "no kind", queue.receive(Select::Type(0), &mut four, flags));
        row!(table, &name("peek"), TOOBIG, "no room", queue.peek(0, &mut one));
        while queue.try_send(&four).is_ok() {}
        row!(table, &name("try_send"), AGAIN, "full", queue.try_send(&four));
        as_another_user(|| {
            let how = "another user's";
            row!(table, &name("create"), ACCESS, how, message::create(key, shared));
            row!(table, &name("send"), ACCESS, how, queue.send(&Message::new(1, *b"four")));
            let mut room = Message::new(1, *b"four");
            row!(table, &name("receive"), ACCESS, how, queue.receive(Select::Any, &mut room, flags));
            row!(table, &name("peek"), ACCESS, how, queue.peek(0, &mut room));
            row!(table, &name("status"), ACCESS, how, queue.status());
            row!(table, &name("set"), PERM, how, queue.set(OWN, 1));
            row!(table, &name("remove"), PERM, how, queue.remove());
        });
        let wrong = Access {
            owner: u32::MAX,
            ..OWN
        };
        row!(table, &name("set"), INVAL, "no such user", queue.set(wrong, 1));
        queue.remove().unwrap();
        let again = Temporary(message::create(Key::PRIVATE, Create::NEW).unwrap());
        let gone = [
            ("send", queue.send(&four)),
            ("receive", queue.receive(Select::Any, &mut four, flags)),
            ("status", queue.status().map(drop)),
            ("set", queue.set(OWN, 1)),
            ("remove", queue.remove()),
        ];
        vanished(table, "message", gone);
        drop(again);
    }

    #[rustfmt::skip]
    fn segments(table: &mut Table) {
        let name = |name| source::function("sysv::memory", name);
        let key = fresh_key();
        let none = SegmentFlags::empty();
        let shared = Create::NEW.or_open();
        let segment = Temporary(memory::create(key, 4096, none, Create::NEW).unwrap());
        row!(table, &name("create"), EXIST, "taken", memory::create(key, 1, none, Create::NEW));
        row!(table, &name("create"), INVAL, "nothing", memory::create(Key::PRIVATE, 0, none, Create::NEW));
        row!(table, &name("create"), INVAL, "too short", memory::create(key, 8192, none, shared));
        row!(table, &name("open"), NOENT, "none", memory::open(fresh_key()));
        let odd = NonZero::new(1).unwrap();
        let attach = segment.attach_at(odd, AttachFlags::empty()).map(drop);
        row!(table, &name("attach_at"), INVAL, "no page's address", attach);
        as_another_user(|| {
            let how = "another user's";
            row!(table, &name("create"), ACCESS, how, memory::create(key, 1, none, shared));
            let attach = segment.attach(AttachFlags::empty()).map(drop);
            row!(table, &name("attach"), ACCESS, how, attach);
            row!(table, &name("status"), ACCESS, how, segment.status());
            row!(table, &name("lock"), PERM, how, segment.lock());
            row!(table, &name("set"), PERM, how, segment.set(OWN));
            row!(table, &name("remove"), PERM, how, segment.remove());
        });
        let wrong = Access {
            owner: u32::MAX,
            ..OWN
        };
        row!(table, &name("set"), INVAL, "no such user", segment.set(wrong));
        segment.remove().unwrap();
        let again = Temporary(memory::create(Key::PRIVATE, 1, none, Create::NEW).unwrap());
        let gone = [
            ("attach", segment.attach(AttachFlags::empty()).map(drop)),
            ("lock", segment.lock()),
            ("status", segment.status().map(drop)),
            ("set", segment.set(OWN)),
            ("remove", segment.remove()),
        ];
        vanished(table, "memory", gone);
        drop(again);
    }
}

mod posix {
    use super::*;
    use rawipc::posix::{Name, memory, message, semaphore};

    fn fresh(what: &str) -> Name {
        Name::new(format!("/rawipc-errors-{what}-{}", std::process::id())).unwrap()
    }

    /// A name that is removed in any case.
    struct Removed(Name, fn(&Name) -> rawipc::Result<()>);

    impl Drop for Removed {
        fn drop(&mut self) {
            let _ = (self.1)(&self.0);
        }
    }

    #[rustfmt::skip]
    pub(super) fn rows(table: &mut Table) {
        row!(table, "posix::name::new", INVAL, "nothing", Name::new("/").map(drop));
        row!(table, "posix::name::new", INVAL, "a slash", Name::new("/a/b").map(drop));
        row!(table, "posix::name::new", NAMETOOLONG, "256 bytes", Name::new("x".repeat(256)).map(drop));
        objects(table);
        semaphores(table);
        queues(table);
    }

    #[rustfmt::skip]
    fn objects(table: &mut Table) {
        use memory::{Access, CreateOptions, MemoryFlags};
        let name = |name| source::function("posix::memory", name);
        let none = MemoryFlags::empty();
        let object = Removed(fresh("memory"), memory::unlink);
        let here = &object.0;
        let made = CreateOptions::new().size(4096).create(here).unwrap();
        row!(table, &name("create"), EXIST, "taken", CreateOptions::new().create(here));
        let missing = fresh("none");
        row!(table, &name("open"), NOENT, "none", memory::open(&missing, Access::ReadOnly, none));
        row!(table, &name("unlink"), NOENT, "none", memory::unlink(&missing));
        let huge = CreateOptions::new()
            .size(u64::MAX)
            .create(&missing)
            .map(drop);
        let _ = memory::unlink(&missing);
        row!(table, &name("create"), FBIG, "too large", huge);
        let reader = memory::open(here, Access::ReadOnly, none).unwrap();
        row!(table, &name("set_size"), INVAL, "to read only", reader.set_size(1));
        row!(table, &name("set_size"), FBIG, "too large", made.set_size(u64::MAX));
        row!(table, &name("allocate"), INVAL, "nothing", made.allocate(0, 0));
        row!(table, &name("allocate"), BADF, "to read only", reader.allocate(0, 1));
        row!(table, &name("read_at"), INVAL, "too far", made.read_at(u64::MAX, &mut [0]));
        row!(table, &name("write_at"), INVAL, "too far", made.write_at(u64::MAX, &[0]));
        row!(table, &name("write_at"), BADF, "to read only", reader.write_at(0, &[0]));
        as_another_user(|| {
            let how = "another user's";
            row!(table, &name("open"), ACCESS, how, memory::open(here, Access::ReadOnly, none));
            row!(table, &name("set_mode"), PERM, how, made.set_mode(Mode::RUSR));
            row!(table, &name("unlink"), ACCESS, how, either(memory::unlink(here)));
        });
        let folder = Removed(fresh("folder"), |name| {
            fs::remove_dir(in_shm(name)).map_err(|_| Errno::IO)
        });
        fs::create_dir(in_shm(&folder.0)).unwrap();
        row!(table, &name("open"), INVAL, "a folder", memory::open(&folder.0, Access::ReadOnly, none));
        row!(table, &name("unlink"), ISDIR, "a folder", memory::unlink(&folder.0));
        let link = Removed(fresh("link"), memory::unlink);
        std::os::unix::fs::symlink(in_shm(here), in_shm(&link.0)).unwrap();
        row!(table, &name("open"), LOOP, "a link", memory::open(&link.0, Access::ReadOnly, none));
    }

    /// Of a folder where everybody removes their own only, it is either number.
    fn either(said: rawipc::Result<()>) -> rawipc::Result<()> {
        said.map_err(|errno| match errno {
            Errno::PERM => Errno::ACCESS,
            errno => errno,
        })
    }

    fn in_shm(name: &Name) -> std::path::PathBuf {
        let name = core::str::from_utf8(name.as_bytes()).unwrap();
        Path::new("/dev/shm").join(name.trim_start_matches('/'))
    }

    #[rustfmt::skip]
    fn semaphores(table: &mut Table) {
        use semaphore::{CreateOptions, Scope, Semaphore, VALUE_MAX};
        let name = |name| source::function("posix::semaphore", name);
        let single = Semaphore::new(VALUE_MAX, Scope::Processes);
        row!(table, &name("initialize"), INVAL, "too high", single.initialize(u32::MAX, Scope::Processes));
        row!(table, &name("post"), OVERFLOW, "too high", single.post());
        let empty = Semaphore::new(0, Scope::Processes);
        row!(table, &name("try_wait"), AGAIN, "none", empty.try_wait());
        let object = Removed(fresh("semaphore"), semaphore::unlink);
        let here = &object.0;
        let _made = CreateOptions::new().create(here, 0).unwrap();
        let long = Name::new("x".repeat(252)).unwrap();
        row!(table, &name("create"), EXIST, "taken", CreateOptions::new().create(here, 0).map(drop));
        row!(table, &name("create"), INVAL, "too high",
            CreateOptions::new().create(&fresh("none"), u32::MAX).map(drop));
        row!(table, &name("create"), NAMETOOLONG, "252 bytes",
            CreateOptions::new().create(&long, 0).map(drop));
        row!(table, &name("open"), NOENT, "none", semaphore::open(&fresh("none")).map(drop));
        row!(table, &name("open"), NAMETOOLONG, "252 bytes", semaphore::open(&long).map(drop));
        row!(table, &name("unlink"), NOENT, "none", semaphore::unlink(&fresh("none")));
        row!(table, &name("unlink"), NAMETOOLONG, "252 bytes", semaphore::unlink(&long));
        as_another_user(|| {
            row!(table, &name("open"), ACCESS, "another user's", semaphore::open(here).map(drop));
            row!(table, &name("unlink"), ACCESS, "another user's", either(semaphore::unlink(here)));
        });
        let at = |name: &Name| {
            let name = core::str::from_utf8(name.as_bytes()).unwrap();
            Path::new("/dev/shm").join(format!("sem.{}", name.trim_start_matches('/')))
        };
        let short = Removed(fresh("short"), semaphore::unlink);
        File::create(at(&short.0)).unwrap();
        row!(table, &name("open"), INVAL, "too short", semaphore::open(&short.0).map(drop));
        let link = Removed(fresh("link"), semaphore::unlink);
        std::os::unix::fs::symlink(at(here), at(&link.0)).unwrap();
        row!(table, &name("open"), LOOP, "a link", semaphore::open(&link.0).map(drop));
    }

    #[rustfmt::skip]
    fn queues(table: &mut Table) {
        use message::{Access, Capacity, CreateOptions, Notification, Queue, QueueFlags};
        let name = |name| source::function("posix::message", name);
        let none = QueueFlags::empty();
        let object = Removed(fresh("queue"), message::unlink);
        let here = &object.0;
        let options = CreateOptions::new().capacity(Capacity {
            messages: 1,
            message_size: 8,
        });
        let queue = options.create(here).unwrap();
        let missing = fresh("none");
        row!(table, &name("create"), EXIST, "taken", options.create(here));
        let nothing = Capacity {
            messages: 0,
            message_size: 8,
        };
        row!(table, &name("create"), INVAL, "no capacity",
            CreateOptions::new().capacity(nothing).create(&missing));
        row!(table, &name("open"), NOENT, "none", message::open(&missing, Access::Both, none));
        row!(table, &name("unlink"), NOENT, "none", message::unlink(&missing));
        let (long, mut short) = ([0; 9], [0; 7]);
        row!(table, &name("send"), MSGSIZE, "too long", queue.send(&long, 0));
        row!(table, &name("try_send"), MSGSIZE, "too long", queue.try_send(&long, 0));
        row!(table, &name("send"), INVAL, "too urgent", queue.send(b"", u32::MAX));
        row!(table, &name("try_send"), INVAL, "too urgent", queue.try_send(b"", u32::MAX));
        row!(table, &name("try_receive"), AGAIN, "nothing", queue.try_receive(&mut [0; 8]));
        queue.send(b"", 0).unwrap();
        row!(table, &name("try_send"), AGAIN, "full", queue.try_send(b"", 0));
        row!(table, &name("receive"), MSGSIZE, "short, or empty", queue.receive(&mut short));
        row!(table, &name("receive"), MSGSIZE, "short, or empty", queue.receive(&mut []));
        row!(table, &name("try_receive"), MSGSIZE, "short", queue.try_receive(&mut short));
        let sender = message::open(here, Access::Send, none).unwrap();
        let receiver = message::open(here, Access::Receive, none).unwrap();
        row!(table, &name("send"), BADF, "to receive", receiver.send(b"", 0));
        row!(table, &name("try_send"), BADF, "to receive", receiver.try_send(b"", 0));
        row!(table, &name("receive"), BADF, "to send", sender.receive(&mut [0; 8]));
        row!(table, &name("try_receive"), BADF, "to send", sender.try_receive(&mut [0; 8]));
        row!(table, &name("status"), BADF, "to send", sender.status());
        let other = Queue::from(OwnedFd::from(File::open("/dev/null").unwrap()));
        row!(table, &name("attributes"), BADF, "no queue", other.attributes());
        row!(table, &name("status"), INVAL, "no queue", other.status());
        row!(table, &name("set_nonblocking"), BADF, "no queue", other.set_nonblocking(true));
        row!(table, &name("notify"), BADF, "no queue", other.notify(Notification::Nothing));
        row!(table, &name("cancel_notify"), BADF, "no queue", other.cancel_notify());
        queue.notify(Notification::Nothing).unwrap();
        row!(table, &name("notify"), BUSY, "taken", queue.notify(Notification::Nothing));
        let notifier = message::notifier().unwrap();
        row!(table, &name("try_wait"), AGAIN, "nothing", notifier.try_wait().map(drop));
        as_another_user(|| {
            let how = "another user's";
            row!(table, &name("open"), ACCESS, how, message::open(here, Access::Both, none));
            row!(table, &name("create"), ACCESS, how, options.open_existing().create(here));
            row!(table, &name("set_mode"), PERM, how, queue.set_mode(Mode::RUSR));
            row!(table, &name("unlink"), ACCESS, how, either(message::unlink(here)));
        });
    }
}

mod processes {
    use super::*;
    use rawipc::process::pidfd;
    use rawipc::process::{self as wait, Children, Tree, WaitFlags};
    use support::alone::sleep_for_ever;

    #[rustfmt::skip]
    pub(super) fn rows(table: &mut Table) {
        let name = |name| format!("process::pidfd::{name}");
        // A child that was waited for.
        let mut gone = Child::fork(|| 0);
        let pid = Pid::from_raw(gone.id()).unwrap();
        let ended = pidfd::open(pid).unwrap();
        gone.wait();
        row!(table, &name("open"), SRCH, "waited for", pidfd::open(pid));
        row!(table, &name("send_signal"), SRCH, "waited for", ended.send_signal(rawipc::Signal::TERM));
        row!(table, &name("get_fd"), SRCH, "waited for", ended.get_fd(0));
        row!(table, "process::tree::kill_tree", SRCH, "waited for", wait::kill_tree(Tree::Namespace(&ended)));
        row!(table, "process::tree::kill_tree", SRCH, "no group", wait::kill_tree(Tree::Group(pid)));
        for (path, errno) in [("/dev/null", Errno::NOTDIR), ("/dev", Errno::NOENT)] {
            let file = File::open(path).unwrap();
            let said = wait::kill_tree(Tree::ControlGroup(file.as_fd()));
            match errno {
                Errno::NOENT => row!(table, "process::tree::kill_tree", NOENT, path, said),
                _ => row!(table, "process::tree::kill_tree", NOTDIR, path, said),
            }
        }
        std::thread::scope(|scope| {
            let (tell, told) = std::sync::mpsc::channel();
            let (end, ending) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || {
                tell.send(rustix::thread::gettid()).unwrap();
                let _ = ending.recv();
            });
            let thread = told.recv().unwrap();
            // Linux says so since 6.16, and INVAL before.
            let said = match pidfd::open(thread) {
                Err(Errno::INVAL) => Err(Errno::NOENT),
                said => said,
            };
            row!(table, &name("open"), NOENT, "a thread", said);
            drop(end);
        });
        let child = Child::fork(|| sleep_for_ever());
        let pid = Pid::from_raw(child.id()).unwrap();
        let living = pidfd::open(pid).unwrap();
        row!(table, &name("get_fd"), BADF, "nothing open", living.get_fd(1_000_000));
        as_another_user(|| {
            let how = "another user's";
            row!(table, &name("send_signal"), PERM, how, living.send_signal(rawipc::Signal::TERM));
            row!(table, "process::tree::kill_tree", PERM, how, wait::kill_tree(Tree::Namespace(&living)));
            row!(table, &name("get_fd"), PERM, how, living.get_fd(0));
        });

        let own = rustix::process::getpid();
        let none = WaitFlags::empty();
        row!(table, "process::wait::wait", CHILD, "no child", wait::wait(own, WaitFlags::EXITED));
        row!(table, "process::wait::wait", INVAL, "no change", wait::wait(Children::Any, none));
        row!(table, "process::wait::try_wait", CHILD, "no child", wait::try_wait(own, WaitFlags::EXITED));
        row!(table, "process::wait::try_wait", AGAIN, "it lives", wait::try_wait(pid, WaitFlags::EXITED));
        row!(table, "process::wait::try_wait", INVAL, "no change", wait::try_wait(Children::Any, none));
        row!(table, "process::wait::wait_until", CHILD, "no child", wait::wait_until(own, Deadline::NOW));
        let far = Pid::from_raw(i32::MAX).unwrap();
        row!(table, "process::wait::wait_until", SRCH, "no process", wait::wait_until(far, Deadline::NOW));
    }
}

mod programs {
    use super::*;
    use core::ffi::CStr;
    use rawipc::process::compare::{self, SharedResource, Watched};
    use rawipc::process::memory::{self, Access, Address};
    use rawipc::process::{self, exec, maps};
    use support::alone::sleep_for_ever;

    #[rustfmt::skip]
    pub(super) fn rows(table: &mut Table) {
        programs(table);
        let mut gone = Child::fork(|| 0);
        let ended = Pid::from_raw(gone.id()).unwrap();
        gone.wait();
        let own = rustix::process::getpid();
        let child = Child::fork(|| sleep_for_ever());
        let other = Pid::from_raw(child.id()).unwrap();
        let what = SharedResource::Memory;
        row!(table, "process::compare::resource", SRCH, "waited for", compare::resource(own, ended, what));
        let wrong = compare::descriptors((own, 0), (own, 1_000_000));
        row!(table, "process::compare::descriptors", BADF, "nothing open", wrong);
        let poller = rawipc::event::poller::create(rawipc::event::poller::PollerFlags::empty()).unwrap();
        let watched = |epoll, number| Watched { epoll, number, nth: 0 };
        let number = std::os::fd::AsRawFd::as_raw_fd(&poller.as_fd());
        let name = "process::compare::watched";
        row!(table, name, BADF, "nothing open", compare::watched((own, 1_000_000), (own, watched(number, 0))));
        row!(table, name, NOENT, "not watched", compare::watched((own, 0), (own, watched(number, 0))));
        row!(table, name, INVAL, "no poller", compare::watched((own, 0), (own, watched(1, 0))));

        let none = process::CloseFlags::empty();
        // SAFETY: it closes nothing.
        let said = unsafe { process::close_range(9..9, none) };
        row!(table, "process::descriptors::close_range", INVAL, "empty", said);
        row!(table, "process::descriptors::close_range_on_exec", INVAL, "empty", process::close_range_on_exec(9..9));
        row!(table, "process::descriptors::inherited", INVAL, "standard output", process::inherited(1));
        row!(table, "process::descriptors::inherited", BADF, "nothing open", process::inherited(1_000_000));
        let given = rustix::io::dup(File::open("/dev/null").unwrap()).unwrap();
        let at = std::os::fd::AsRawFd::as_raw_fd(&given);
        without_room(|| {
            row!(table, "process::descriptors::inherited", MFILE, "no descriptor left", process::inherited(at));
        });

        row!(table, "process::maps::list::open", SRCH, "waited for", maps::open(ended).map(drop));
        row!(table, "process::memory::remote::open", SRCH, "waited for", memory::open(ended, Access::Read).map(drop));
        let (value, mut byte) = (7_u8, [0]);
        let nowhere = Address::new(8);
        row!(table, "process::memory::remote::read", FAULT, "nothing there", memory::of(own).read(nowhere, &mut byte));
        row!(table, "process::memory::remote::write", FAULT, "nothing there", memory::of(own).write(nowhere, &byte));
        let at = Address::of(&value);
        row!(table, "process::memory::remote::read", SRCH, "waited for", memory::of(ended).read(at, &mut byte));
        let reader = memory::open(own, Access::Read).unwrap();
        row!(table, "process::memory::remote::write", BADF, "to be read", reader.write(at, &[8]));
        as_another_user(|| {
            let how = "another user's";
            row!(table, "process::compare::resource", PERM, how, compare::resource(own, other, what));
            row!(table, "process::maps::list::open", PERM, how, maps::open(other).map(drop));
            row!(table, "process::memory::remote::open", PERM, how, memory::open(other, Access::Read).map(drop));
            let mut byte = [0];
            row!(table, "process::memory::remote::read", PERM, how, memory::of(other).read(at, &mut byte));
        });
    }

    #[rustfmt::skip]
    fn programs(table: &mut Table) {
        let folder = Folder::new("errors-programs");
        std::os::unix::fs::symlink(folder.at("loop"), folder.at("loop")).unwrap();
        folder.file("file", "");
        let nonsense = folder.program("nonsense", 0o755, b"nonsense");
        let busy = folder.program("busy", 0o755, b"#!/bin/true");
        let _writer = File::options().append(true).open(folder.at("busy")).unwrap();
        let path = |name: &str| std::ffi::CString::new(folder.at(name).to_str().unwrap()).unwrap();
        // None succeeds, or this process would be no more.
        let run = |path: &CStr| {
            let args = exec::List::of([c"nothing"]);
            Err::<(), _>(exec::path(path, &args, exec::Strings::EMPTY))
        };
        let name = "process::exec::program::path";
        row!(table, name, NOENT, "no file", run(&path("none")));
        row!(table, name, ACCESS, "not to be executed", run(&path("file")));
        row!(table, name, NOTDIR, "a file on the way", run(&path("file/x")));
        row!(table, name, LOOP, "links in a circle", run(&path("loop")));
        row!(table, name, NAMETOOLONG, "256 bytes", run(&path(&"x".repeat(256))));
        row!(table, name, NOEXEC, "no known format", run(&nonsense));
        row!(table, name, TXTBSY, "open for writing", run(&busy));
        let long = std::ffi::CString::new(vec![b'x'; 1 << 18]).unwrap();
        let args = exec::List::of([long.as_c_str()]);
        let said = Err::<(), _>(exec::path(&nonsense, &args, exec::Strings::EMPTY));
        row!(table, name, TOOBIG, "a long argument", said);
        let args = exec::List::of([c"nothing"]);
        let file = File::open(folder.at("file")).unwrap();
        let said = Err::<(), _>(exec::at(&file, c"x", &args, exec::Strings::EMPTY));
        row!(table, "process::exec::program::at", NOTDIR, "a file", said);
    }
}

mod pipes {
    use super::*;
    use rawipc::pipe::fifo::{self, OpenFlags};
    use rawipc::pipe::{self, PipeFlags, Reader, SpliceFlags, WriteFlags, Writer};

    #[rustfmt::skip]
    pub(super) fn rows(table: &mut Table) {
        let none = PipeFlags::empty();
        let other = || OwnedFd::from(File::options().read(true).write(true).open("/dev/null").unwrap());
        let (reader, writer) = pipe::create(none).unwrap();
        let wrong = Reader::from(other());
        row!(table, "pipe::end::capacity", BADF, "no pipe", wrong.capacity());
        row!(table, "pipe::end::set_capacity", BADF, "no pipe", wrong.set_capacity(4096));
        row!(table, "pipe::end::bytes_waiting", NOTTY, "no pipe", wrong.bytes_waiting());
        row!(table, "pipe::end::set_packet", INVAL, "no pipe", wrong.set_packet(true));
        writer.write(&[0; 16384]).unwrap();
        row!(table, "pipe::end::set_capacity", BUSY, "too full", writer.set_capacity(4096));
        as_another_user(|| {
            row!(table, "pipe::end::set_capacity", PERM, "beyond the limit", writer.set_capacity(1 << 30));
        });
        while writer.try_write(&[0; 4096]).is_ok() {}
        row!(table, "pipe::writer::try_write", AGAIN, "full", writer.try_write(b"x"));
        let (empty, to_empty) = pipe::create(none).unwrap();
        row!(table, "pipe::reader::try_read", AGAIN, "empty", empty.try_read(&mut [0]));
        splices(table, &reader, &writer, &empty, &to_empty);
        writer.set_nonblocking(true).unwrap();
        row!(table, "pipe::writer::write", AGAIN, "full", writer.write(b"x"));
        empty.set_nonblocking(true).unwrap();
        row!(table, "pipe::reader::read", AGAIN, "empty", empty.read(&mut [0]));

        let x = [IoSlice::new(b"x")];
        let unknown = WriteFlags::from_bits_retain(1 << 30);
        row!(table, "pipe::writer::writev", OPNOTSUPP, "unknown", to_empty.writev(&x, unknown));
        row!(table, "pipe::writer::try_writev", OPNOTSUPP, "unknown", to_empty.try_writev(&x, unknown));
        row!(table, "pipe::writer::writev_until", OPNOTSUPP, "unknown",
            to_empty.writev_until(&x, unknown, Deadline::NOW));
        drop(empty);
        let how = "nobody reads";
        row!(table, "pipe::writer::write", PIPE, how, to_empty.write(b"x"));
        row!(table, "pipe::writer::try_write", PIPE, how, to_empty.try_write(b"x"));
        row!(table, "pipe::writer::write_until", PIPE, how, to_empty.write_until(b"x", Deadline::NOW));
        row!(table, "pipe::writer::write_all", PIPE, how, to_empty.write_all(b"x"));
        row!(table, "pipe::writer::write_all_until", PIPE, how, to_empty.write_all_until(b"x", Deadline::NOW));
        fifos(table);
    }

    #[rustfmt::skip]
    fn splices(table: &mut Table, full: &Reader, to_full: &Writer, empty: &Reader, to_empty: &Writer) {
        let none = SpliceFlags::empty();
        let folder = Folder::new("errors-pipes");
        let path = folder.file("file", "content");
        let read = File::open(&path).unwrap();
        let other = File::create(folder.at("other")).unwrap();
        let append = File::options().append(true).open(&path).unwrap();
        let (lone, to_lone) = pipe::create(PipeFlags::empty()).unwrap();
        drop(lone);
        let to = "pipe::splice::splice_to";
        row!(table, to, INVAL, "appending", full.splice_to(&append, None, 1, none));
        row!(table, to, SPIPE, "an offset", full.splice_to(to_empty, Some(&mut 0), 1, none));
        row!(table, to, BADF, "read only", full.splice_to(&read, None, 1, none));
        row!(table, to, PIPE, "nobody reads", full.splice_to(&to_lone, None, 1, none));
        row!(table, "pipe::splice::try_splice_to", AGAIN, "empty", empty.try_splice_to(&other, None, 1, none));
        let from = "pipe::splice::splice_from";
        row!(table, from, INVAL, "this pipe", to_full.splice_from(full, None, 1, none));
        row!(table, from, SPIPE, "an offset", to_empty.splice_from(full, Some(&mut 0), 1, none));
        row!(table, from, BADF, "write only", to_empty.splice_from(&append, None, 1, none));
        row!(table, from, PIPE, "nobody reads", to_lone.splice_from(&read, None, 1, none));
        row!(table, "pipe::splice::try_splice_from", AGAIN, "full", to_full.try_splice_from(&read, None, 1, none));
        row!(table, "pipe::splice::tee", INVAL, "this pipe", full.tee(to_full, 1));
        row!(table, "pipe::splice::tee", PIPE, "nobody reads", full.tee(&to_lone, 1));
        row!(table, "pipe::splice::try_tee", AGAIN, "empty", empty.try_tee(to_full, 1));
        let wrong = Reader::from(OwnedFd::from(read));
        let mut byte = [0];
        let room = &mut [IoSliceMut::new(&mut byte)];
        row!(table, "pipe::vmsplice::vmsplice", BADF, "no pipe", wrong.vmsplice(room));
        let mut byte = [0];
        let room = &mut [IoSliceMut::new(&mut byte)];
        row!(table, "pipe::vmsplice::try_vmsplice", AGAIN, "empty", empty.try_vmsplice(room));
        row!(table, "pipe::vmsplice::vmsplice", PIPE, "nobody reads", to_lone.vmsplice_static(b"x"));
        row!(table, "pipe::vmsplice::try_vmsplice_static", AGAIN, "full", to_full.try_vmsplice_static(b"x"));
    }

    #[rustfmt::skip]
    fn fifos(table: &mut Table) {
        let folder = Folder::new("errors-fifos");
        let (here, none, now) = (rustix::fs::CWD, OpenFlags::empty(), Deadline::NOW);
        let at = |name: &str| folder.at(name);
        std::os::unix::fs::symlink(at("loop"), at("loop")).unwrap();
        folder.file("file", "");
        fifo::create(at("fifo")).unwrap();
        let closed = folder.at("closed");
        fs::create_dir(&closed).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(&closed, mode).unwrap();
        let create = |path: &Path| fifo::create(path);
        let remove = |path: &Path| fifo::remove(path);
        let read = |path: &Path| fifo::open_reader_at(here, path, none, now).map(drop);
        let write = |path: &Path| fifo::open_writer_at(here, path, none, now).map(drop);
        type Call<'a> = &'a (dyn Fn(&Path) -> rawipc::Result<()> + Sync);
        let calls: [(&str, Call<'_>); 4] = [
            ("pipe::fifo::create_at", &create),
            ("pipe::fifo::remove_at", &remove),
            ("pipe::fifo::open::open_reader_at", &read),
            ("pipe::fifo::open::open_writer_at", &write),
        ];
        row!(table, "pipe::fifo::create_at", EXIST, "taken", fifo::create(at("fifo")));
        for (name, call) in calls {
            row!(table, name, NOENT, "empty", call(Path::new("")));
            row!(table, name, NOENT, "no folder", call(&at("none/x")));
            row!(table, name, NOTDIR, "no folder", call(&at("file/x")));
            row!(table, name, LOOP, "links in a circle", call(&at("loop/x")));
            row!(table, name, INVAL, "a NUL", call(Path::new("a\0b")));
            row!(table, name, NAMETOOLONG, "256 bytes", call(&at(&"x".repeat(256))));
        }
        as_another_user(|| {
            for (name, call) in calls {
                row!(table, name, ACCESS, "another user's", call(&closed.join("x")));
            }
        });
        let write = fifo::try_open_writer(at("fifo"));
        row!(table, "pipe::fifo::open::try_open_writer", AGAIN, "nobody reads", write);
        let write = fifo::try_open_writer_at(here, at("fifo"), none);
        row!(table, "pipe::fifo::open::try_open_writer_at", AGAIN, "nobody reads", write);
    }
}

mod events {
    use super::*;
    use rawipc::event::Readiness;
    use rawipc::event::eventfd::{self, EventFdFlags};
    use rawipc::event::inotify::{self, InotifyFlags, WatchFlags};
    use rawipc::event::poll::{self, PollFd};
    use rawipc::event::poller::{self, Interest, PollerFlags};
    use rawipc::event::timerfd::{self, Clock, TimerFdFlags};

    #[rustfmt::skip]
    pub(super) fn rows(table: &mut Table) {
        let name = |name| format!("event::eventfd::{name}");
        let counter = eventfd::create(0, EventFdFlags::empty()).unwrap();
        row!(table, &name("try_wait"), AGAIN, "zero", counter.try_wait());
        row!(table, &name("add"), INVAL, "too much", counter.add(u64::MAX));
        row!(table, &name("try_add"), INVAL, "too much", counter.try_add(u64::MAX));
        row!(table, &name("add_until"), INVAL, "too much", counter.add_until(u64::MAX, Deadline::NOW));
        let mut fds = [PollFd::new(&counter, Readiness::IN)];
        row!(table, "event::poll::try_wait", AGAIN, "none", poll::try_wait(&mut fds));
        counter.add(u64::MAX - 1).unwrap();
        row!(table, &name("try_add"), AGAIN, "full", counter.try_add(1));

        let timer = timerfd::create(Clock::Monotonic, TimerFdFlags::empty()).unwrap();
        row!(table, "event::timerfd::try_wait", AGAIN, "not yet", timer.try_wait());
        row!(table, "event::timerfd::set_ticks", INVAL, "none", timer.set_ticks(0));
        as_another_user(|| {
            let alarm = timerfd::create(Clock::BoottimeAlarm, TimerFdFlags::empty());
            row!(table, "event::timerfd::create", PERM, "another user", alarm);
        });
        watches(table);
        pollers(table);
    }

    #[rustfmt::skip]
    fn watches(table: &mut Table) {
        let folder = Folder::new("errors-watches");
        let file = folder.file("file", "");
        std::os::unix::fs::symlink(folder.at("loop"), folder.at("loop")).unwrap();
        let closed = folder.file("closed", "");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&closed, mode).unwrap();
        let inotify = inotify::create(InotifyFlags::empty()).unwrap();
        let all = WatchFlags::ALL;
        let watch = "event::inotify::watch";
        row!(table, watch, NOENT, "none", inotify.watch(folder.at("none"), all));
        row!(table, watch, NOTDIR, "a file", inotify.watch(&file, all | WatchFlags::ONLY_DIRECTORY));
        row!(table, watch, LOOP, "links in a circle", inotify.watch(folder.at("loop"), all));
        row!(table, watch, NAMETOOLONG, "256 bytes", inotify.watch("x".repeat(256), all));
        row!(table, watch, INVAL, "nothing", inotify.watch(&file, WatchFlags::empty()));
        let watched = inotify.watch(&file, all).unwrap();
        row!(table, watch, EXIST, "watched", inotify.watch(&file, all | WatchFlags::MASK_CREATE));
        as_another_user(|| {
            row!(table, watch, ACCESS, "another user's", inotify.watch(&closed, all));
        });
        let mut room = [0; 4096];
        row!(table, "event::inotify::try_read", AGAIN, "none", inotify.try_read(&mut room).map(drop));
        fs::write(&file, "x").unwrap();
        row!(table, "event::inotify::read", INVAL, "no room", inotify.read(&mut [0; 8]).map(drop));
        row!(table, "event::inotify::read", INVAL, "no room at all", inotify.read(&mut []).map(drop));
        row!(table, "event::inotify::try_read", INVAL, "no room", inotify.try_read(&mut [0; 8]).map(drop));
        row!(table, "event::inotify::read_until", INVAL, "no room",
            inotify.read_until(&mut [0; 8], Deadline::NOW).map(drop));
        inotify.remove(watched).unwrap();
        row!(table, "event::inotify::remove", INVAL, "removed", inotify.remove(watched));
    }

    #[rustfmt::skip]
    fn pollers(table: &mut Table) {
        let name = |name| format!("event::poller::{name}");
        let (one, two) = (
            poller::create(PollerFlags::empty()).unwrap(),
            poller::create(PollerFlags::empty()).unwrap(),
        );
        let (read, _write) = rustix::pipe::pipe().unwrap();
        let folder = Folder::new("errors-pollers");
        let file = File::open(folder.file("file", "")).unwrap();
        one.add(&read, 0, Interest::IN).unwrap();
        row!(table, &name("add"), EXIST, "registered", one.add(&read, 0, Interest::IN));
        row!(table, &name("add"), PERM, "a file", one.add(&file, 0, Interest::IN));
        row!(table, &name("add"), INVAL, "itself", one.add(&one, 0, Interest::IN));
        two.add(&one, 0, Interest::IN).unwrap();
        row!(table, &name("add"), LOOP, "each other", one.add(&two, 0, Interest::IN));
        row!(table, &name("modify"), NOENT, "not registered", two.modify(&read, 0, Interest::IN));
        let exclusive = Interest::IN | Interest::EXCLUSIVE;
        row!(table, &name("modify"), INVAL, "exclusive", one.modify(&read, 0, exclusive));
        row!(table, &name("remove"), NOENT, "not registered", two.remove(&read));
        row!(table, &name("wait"), INVAL, "no room", one.wait(&mut []).map(drop));
        row!(table, &name("try_wait"), INVAL, "no room", one.try_wait(&mut []).map(drop));
        row!(table, &name("wait_until"), INVAL, "no room", one.wait_until(&mut [], Deadline::NOW).map(drop));
        let mut events = [poller::Event::default()];
        row!(table, &name("try_wait"), AGAIN, "none", one.try_wait(&mut events).map(drop));
    }
}

mod signals {
    use super::*;
    use core::ptr::NonNull;
    use rawipc::Signal;
    use rawipc::signal::action::{self, Action};
    use rawipc::signal::fd::{self, SignalFd, SignalFdFlags};
    use rawipc::signal::io::{self, Owner};
    use rawipc::signal::stack::{self, StackFlags};
    use rawipc::signal::timer::{self, Clock, Notify, Schedule, Start};
    use rawipc::signal::{self, Payload, Set};
    use std::os::fd::AsRawFd;

    #[rustfmt::skip]
    pub(super) fn rows(table: &mut Table) {
        let name = |name| format!("signal::fd::{name}");
        let signals = fd::create(Signal::USR1, SignalFdFlags::empty()).unwrap();
        row!(table, &name("try_wait"), AGAIN, "none", signals.try_wait());
        row!(table, &name("try_read"), AGAIN, "none", signals.try_read(&mut [fd::Record::EMPTY]));
        row!(table, &name("read"), INVAL, "no room", signals.read(&mut []));
        row!(table, &name("try_read"), INVAL, "no room", signals.try_read(&mut []));
        row!(table, &name("read_until"), INVAL, "no room", signals.read_until(&mut [], Deadline::NOW));
        let wrong = SignalFd::from(OwnedFd::from(File::open("/dev/null").unwrap()));
        row!(table, &name("set_signals"), INVAL, "none for signals", wrong.set_signals(Signal::USR1));
        row!(table, "signal::wait::try_wait", AGAIN, "none", signal::try_wait(Signal::USR1));
        row!(table, "signal::wait::try_suspend", AGAIN, "none", signal::try_suspend(Set::EMPTY));

        let name = |name| format!("signal::send::{name}");
        let mut gone = Child::fork(|| 0);
        let ended = Pid::from_raw(gone.id()).unwrap();
        gone.wait();
        row!(table, &name("send"), SRCH, "waited for", signal::send(ended, Signal::TERM));
        row!(table, &name("probe"), SRCH, "waited for", signal::probe(ended));
        let file = File::open("/dev/null").unwrap();
        row!(table, &name("send"), BADF, "no pidfd", signal::send(&file, Signal::TERM));
        row!(table, &name("probe"), BADF, "no pidfd", signal::probe(&file));
        let child = Child::fork(|| support::alone::sleep_for_ever());
        let pid = Pid::from_raw(child.id()).unwrap();
        as_another_user(|| {
            row!(table, &name("send"), PERM, "another user's", signal::send(pid, Signal::TERM));
            row!(table, &name("probe"), PERM, "another user's", signal::probe(pid));
        });
        actions(table);
        timers(table, ended);
        ready_files(table, ended);
    }

    #[rustfmt::skip]
    fn actions(table: &mut Table) {
        for signal in [Signal::KILL, Signal::STOP] {
            row!(table, "signal::action::set", INVAL, "the kernel's", action::set(signal, Action::IGNORE));
            let found = action::get(signal).unwrap();
            // SAFETY: it has no handler.
            let said = unsafe { found.restore() };
            row!(table, "signal::action::restore", INVAL, "the kernel's", said);
        }
        let mut small = [0; 64];
        let memory = NonNull::from(small.as_mut_slice());
        let unknown = StackFlags::from_bits_retain(1 << 8);
        // SAFETY: it is refused.
        let said = unsafe { stack::set(memory, StackFlags::empty()) };
        row!(table, "signal::stack::set", NOMEM, "too small", said);
        // SAFETY: it is refused.
        let said = unsafe { stack::set(memory, unknown) };
        row!(table, "signal::stack::set", INVAL, "unknown", said);
        let said = stack::Mapped::new(stack::SIZE, unknown).map(drop);
        row!(table, "signal::stack::new", INVAL, "unknown", said);
    }

    #[rustfmt::skip]
    fn timers(table: &mut Table, ended: Pid) {
        let name = |name| format!("signal::timer::{name}");
        let create = |clock| timer::create(clock, Notify::Nobody).map(drop);
        let timer = timer::create(Clock::Monotonic, Notify::Nobody).unwrap();
        row!(table, &name("create"), INVAL, "waited for", create(Clock::ProcessTime(Some(ended))));
        row!(table, &name("create"), INVAL, "waited for", create(Clock::ThreadTime(Some(ended))));
        let elsewhere = Notify::Thread(ended, Signal::USR1, Payload::default());
        let said = timer::create(Clock::Monotonic, elsewhere);
        row!(table, &name("create"), INVAL, "no thread of ours", said);
        let before = getrlimit(Resource::Sigpending);
        setrlimit(Resource::Sigpending, Rlimit { current: Some(0), ..before }).unwrap();
        let said = create(Clock::Monotonic);
        setrlimit(Resource::Sigpending, before).unwrap();
        row!(table, &name("create"), AGAIN, "the limit", said);
        as_another_user(|| match create(Clock::BoottimeAlarm) {
            Err(Errno::OPNOTSUPP) => {}
            said => row!(table, &name("create"), PERM, "another user", said),
        });
        let hour = Schedule::every(core::time::Duration::from_secs(3600));
        let zero = Schedule { interval: Some(core::time::Duration::ZERO), ..hour };
        row!(table, &name("set"), INVAL, "an interval of zero", timer.set(zero));
        let at = |tv_sec, tv_nsec| {
            Schedule::once(Start::At(rawipc::Timespec { tv_sec, tv_nsec }))
        };
        row!(table, &name("set"), INVAL, "before zero", timer.set(at(-1, 0)));
        row!(table, &name("set"), INVAL, "a second more", timer.set(at(1, 1_000_000_000)));
        row!(table, &name("set"), INVAL, "forked", forked(|| timer.set(hour)));
        row!(table, &name("disarm"), INVAL, "forked", forked(|| timer.disarm()));
        row!(table, &name("remaining"), INVAL, "forked", forked(|| timer.remaining()));
        row!(table, &name("overrun"), INVAL, "forked", forked(|| timer.overrun()));
    }

    /// As `asm-generic/fcntl.h` has it.
    const F_SETSIG: i32 = 10;

    #[rustfmt::skip]
    fn ready_files(table: &mut Table, ended: Pid) {
        let (reader, _writer) = rustix::pipe::pipe().unwrap();
        for owner in [Owner::Process(ended), Owner::Thread(ended), Owner::Group(ended)] {
            row!(table, "signal::io::start", SRCH, "waited for", io::start(&reader, owner, None));
            row!(table, "signal::io::set_owner", SRCH, "waited for", io::set_owner(&reader, Some(owner)));
        }
        // SAFETY: the call only takes numbers.
        let set = unsafe { libc::fcntl(reader.as_raw_fd(), F_SETSIG, 33) };
        assert_eq!(set, 0);
        row!(table, "signal::io::signal", RANGE, "reserved", io::signal(&reader));
    }
}

mod locks {
    use super::*;
    use rawipc::lock::{Kind, flock, ofd, process};

    #[rustfmt::skip]
    pub(super) fn rows(table: &mut Table) {
        let folder = Folder::new("errors-locks");
        let path = folder.file("file", "content");
        let open = || File::options().read(true).write(true).open(&path).unwrap();
        let (one, two, read) = (open(), open(), File::open(&path).unwrap());
        let far = i64::MAX as u64 + 1..;
        let _held = flock::lock(&one, Kind::Exclusive).unwrap();
        row!(table, "lock::flock::try_lock", AGAIN, "held", flock::try_lock(&two, Kind::Exclusive));
        let _held = ofd::lock(&one, 0..1, Kind::Exclusive).unwrap();
        row!(table, "lock::ofd::try_lock", AGAIN, "held", ofd::try_lock(&two, 0..1, Kind::Shared));
        macro_rules! both {
            ($module:ident) => {
                let name = |name| format!("lock::{}::{name}", stringify!($module));
                let kind = Kind::Exclusive;
                row!(table, &name("lock"), BADF, "read only", $module::lock(&read, 4..5, kind));
                row!(table, &name("try_lock"), BADF, "read only", $module::try_lock(&read, 4..5, kind));
                row!(table, &name("lock"), INVAL, "empty", $module::lock(&two, 4..4, kind));
                row!(table, &name("try_lock"), INVAL, "empty", $module::try_lock(&two, 4..4, kind));
                row!(table, &name("unlock"), INVAL, "empty", $module::unlock(&two, 4..4));
                row!(table, &name("holder"), INVAL, "empty", $module::holder(&two, 4..4, kind));
                row!(table, &name("lock"), OVERFLOW, "too far", $module::lock(&two, far.clone(), kind));
                row!(table, &name("try_lock"), OVERFLOW, "too far", $module::try_lock(&two, far.clone(), kind));
                row!(table, &name("unlock"), OVERFLOW, "too far", $module::unlock(&two, far.clone()));
                row!(table, &name("holder"), OVERFLOW, "too far", $module::holder(&two, far.clone(), kind));
            };
        }
        both!(process);
        both!(ofd);
    }
}

mod words {
    use super::*;
    use core::ptr::with_exposed_provenance;
    use core::sync::atomic::{AtomicU32, Ordering::SeqCst};
    use rawipc::memory::{MapOptions, Protection};
    use rawipc::process;
    use rawipc::sync::futex::{
        self, Operation, Scope, WAIT_ANY_MAX, WakeOp, WakeOpCmp, Watched, pi,
    };

    const SHARED: Scope = Scope::Shared;

    #[rustfmt::skip]
    pub(super) fn rows(table: &mut Table) {
        let name = |name| format!("sync::futex::{name}");
        let (word, other) = (AtomicU32::new(7), AtomicU32::new(0));
        let how = "another value";
        row!(table, &name("wait"), AGAIN, how, futex::wait(&word, 8, SHARED));
        row!(table, &name("requeue"), AGAIN, how, futex::requeue(&word, 8, 1, &other, 1, SHARED));
        let watched = Watched { word: &word, expected: 8, scope: SHARED };
        row!(table, &name("wait_any"), AGAIN, how, futex::wait_any(&[watched], Deadline::Never));
        row!(table, &name("wait_any"), INVAL, "none", futex::wait_any(&[], Deadline::Never));
        let many = [watched; WAIT_ANY_MAX + 1];
        row!(table, &name("wait_any"), INVAL, "too many", futex::wait_any(&many, Deadline::Never));
        let operation = |change_by, compare_with| Operation {
            change: WakeOp::Add,
            change_by,
            compare: WakeOpCmp::Eq,
            compare_with,
        };
        let wake = |changed, operation| futex::wake_op(&word, 1, changed, 1, operation, SHARED);
        row!(table, &name("wake_op"), INVAL, "13 bits", wake(&other, operation(1 << 12, 0)));
        row!(table, &name("wake_op"), INVAL, "13 bits", wake(&other, operation(0, 1 << 12)));
        let page = MapOptions::private(4096).protection(Protection::READ).map_anonymous().unwrap();
        // SAFETY: the page is mapped as long as this is used, aligned, and nobody's. Only the
        // kernel tries to write to it.
        let read_only: &AtomicU32 = unsafe { &*with_exposed_provenance(page.as_ptr().expose_provenance()) };
        row!(table, &name("wake_op"), FAULT, "read only", wake(read_only, operation(0, 0)));
        locks(table);
    }

    #[rustfmt::skip]
    fn locks(table: &mut Table) {
        let name = |name| format!("sync::futex::pi::{name}");
        let me = process::thread_id().as_raw_pid() as u32;
        let held = AtomicU32::new(0);
        pi::lock(&held, SHARED).unwrap();
        row!(table, &name("lock"), DEADLK, "held by this thread", pi::lock(&held, SHARED));
        pi::unlock(&held, SHARED).unwrap();
        row!(table, &name("unlock"), PERM, "held by nobody", pi::unlock(&held, SHARED));
        let nobody = AtomicU32::new(pi::TID_MASK);
        row!(table, &name("lock"), SRCH, "no such thread", pi::lock(&nobody, SHARED));
        let child = Child::fork(|| support::alone::sleep_for_ever());
        let another = AtomicU32::new(child.id() as u32);
        row!(table, &name("try_lock"), AGAIN, "held by another", pi::try_lock(&another, SHARED));

        let (word, free) = (AtomicU32::new(7), AtomicU32::new(0));
        row!(table, &name("wait_requeue"), AGAIN, "another value", pi::wait_requeue(&word, 8, &free, SHARED));
        row!(table, &name("wait_requeue"), INVAL, "the same", pi::wait_requeue(&word, 7, &word, SHARED));
        row!(table, &name("requeue"), AGAIN, "another value", pi::requeue(&word, 8, &free, 1, SHARED));

        // One who waits as if it were no lock.
        let memory = MapOptions::shared(4096).map_anonymous().unwrap();
        let word: &AtomicU32 = memory.object(0).unwrap();
        let how = "somebody waits otherwise";
        let plain = Child::fork(|| loop {
            let _ = futex::wait(word, 0, SHARED);
        });
        plain.await_sleep();
        row!(table, &name("lock"), INVAL, how, pi::lock(word, SHARED));
        row!(table, &name("requeue"), INVAL, how, pi::requeue(word, 0, &free, 1, SHARED));
        word.store(me, SeqCst);
        row!(table, &name("unlock"), INVAL, how, pi::unlock(word, SHARED));
    }
}

mod memories {
    use super::*;
    use rawipc::memory::memfd::{self, Memfd, MemfdFlags, Seals};
    use rawipc::memory::secret::{self, SecretFlags};
    use rawipc::memory::{
        self, Address, AddressRange, Advice, Lock, LockAllFlags, MapFlags, MapOptions, Protection,
        RemoteAdvice, SyncMode, advise_process,
    };
    use rawipc::process::pidfd;

    const READ: Protection = Protection::READ;

    fn page() -> usize {
        rustix::param::page_size()
    }

    /// The same memfd, opened to be read only.
    fn read_only(memfd: &Memfd) -> File {
        let number = std::os::fd::AsRawFd::as_raw_fd(&memfd.as_fd());
        File::open(format!("/proc/self/fd/{number}")).unwrap()
    }

    fn memfd_of(size: usize) -> Memfd {
        let memfd = memfd::create("rawipc-errors", MemfdFlags::empty()).unwrap();
        memfd.set_size(size as u64).unwrap();
        memfd
    }

    /// Makes calls while this process may lock so much memory.
    fn locking(most: u64, calls: impl FnOnce()) {
        let before = getrlimit(Resource::Memlock);
        let narrow = Rlimit {
            current: Some(most),
            ..before
        };
        setrlimit(Resource::Memlock, narrow).unwrap();
        calls();
        setrlimit(Resource::Memlock, before).unwrap();
    }

    pub(super) fn rows(table: &mut Table) {
        memfds(table);
        secrets(table);
        maps(table);
        mappings(table);
        resized(table);
        locked(table);
        advised(table);
    }

    #[rustfmt::skip]
    fn memfds(table: &mut Table) {
        let name = |name| format!("memory::memfd::{name}");
        let none = MemfdFlags::empty();
        let create = |flags| memfd::create("x", flags);
        row!(table, &name("create"), INVAL, "a long name", memfd::create("x".repeat(250), none));
        row!(table, &name("create"), INVAL, "a longer name", memfd::create("x".repeat(10_000), none));
        row!(table, &name("create"), INVAL, "a NUL", memfd::create("a\0b", none));
        row!(table, &name("create"), INVAL, "unknown", create(MemfdFlags::from_bits_retain(1 << 20)));
        let both = MemfdFlags::EXECUTABLE | MemfdFlags::NOEXEC_SEAL;
        row!(table, &name("create"), INVAL, "a program and none", create(both));
        let memfd = memfd_of(page());
        let read = Memfd::from(OwnedFd::from(read_only(&memfd)));
        row!(table, &name("set_size"), INVAL, "read only", read.set_size(1));
        row!(table, &name("set_size"), FBIG, "too long", memfd.set_size(u64::MAX));
        row!(table, &name("allocate"), INVAL, "nothing", memfd.allocate(0, 0));
        row!(table, &name("allocate"), FBIG, "too far", memfd.allocate(i64::MAX as u64, 1));
        row!(table, &name("read_at"), INVAL, "too far", memfd.read_at(u64::MAX, &mut [0]));
        row!(table, &name("write_at"), INVAL, "too far", memfd.write_at(u64::MAX, b"x"));
        let before = getrlimit(Resource::Fsize);
        setrlimit(Resource::Fsize, Rlimit { current: Some(1), ..before }).unwrap();
        let said = memfd.write_at(1, b"x");
        setrlimit(Resource::Fsize, before).unwrap();
        row!(table, &name("write_at"), FBIG, "the limit", said);
        row!(table, &name("seal"), PERM, "read only", read.seal(Seals::GROW));
        row!(table, &name("seal"), INVAL, "unknown", memfd.seal(Seals::from_bits_retain(1 << 20)));
        let writable = MapOptions::shared(page()).map(&memfd).unwrap();
        row!(table, &name("seal"), BUSY, "mapped", memfd.seal(Seals::WRITE));
        drop(writable);
        let unsealable = create(MemfdFlags::UNSEALABLE).unwrap();
        row!(table, &name("seal"), PERM, "sealed against it", unsealable.seal(Seals::GROW));
        memfd.seal(Seals::GROW | Seals::SHRINK | Seals::WRITE).unwrap();
        row!(table, &name("set_size"), PERM, "sealed", memfd.set_size(1));
        row!(table, &name("allocate"), PERM, "sealed", memfd.allocate(0, 1 << 20));
        row!(table, &name("write_at"), PERM, "sealed", memfd.write_at(0, b"x"));
        let other = File::options().read(true).write(true).open("/dev/null").unwrap();
        let other = Memfd::from(OwnedFd::from(other));
        row!(table, &name("seal"), INVAL, "no memfd", other.seal(Seals::GROW));
        row!(table, &name("seals"), INVAL, "no memfd", other.seals());
        if memfd.seals().unwrap().contains(Seals::EXEC) {
            row!(table, &name("set_mode"), PERM, "sealed", memfd.set_mode(Mode::RWXU));
        }
        as_another_user(|| {
            row!(table, &name("set_mode"), PERM, "another user's", memfd.set_mode(Mode::RUSR));
        });
    }

    #[rustfmt::skip]
    fn secrets(table: &mut Table) {
        let Ok(secret) = secret::create(SecretFlags::empty()) else { return };
        let unknown = SecretFlags::from_bits_retain(1 << 20);
        row!(table, "memory::secret::create", INVAL, "unknown", secret::create(unknown));
        row!(table, "memory::secret::set_size", FBIG, "too long", secret.set_size(u64::MAX));
        secret.set_size(1).unwrap();
        row!(table, "memory::secret::set_size", INVAL, "it has one", secret.set_size(2));
    }

    #[rustfmt::skip]
    fn maps(table: &mut Table) {
        let map = "memory::options::map";
        let memfd = memfd_of(2 * page());
        let read = read_only(&memfd);
        let shared = MapOptions::shared;
        row!(table, map, INVAL, "nothing", shared(0).map(&memfd));
        row!(table, map, INVAL, "within a page", shared(1).offset(1).map(&memfd));
        row!(table, map, INVAL, "no huge pages", shared(1).flags(MapFlags::HUGE).map(&memfd));
        let far = u64::MAX - (page() as u64 - 1);
        row!(table, map, OVERFLOW, "too far", shared(2 * page()).offset(far).map(&memfd));
        row!(table, map, ACCESS, "read only", shared(1).map(&read));
        let (pipe, _writer) = rustix::pipe::pipe().unwrap();
        row!(table, map, NODEV, "a pipe", shared(1).protection(READ).map(&pipe));
        let sealed = memfd_of(page());
        sealed.seal(Seals::WRITE).unwrap();
        row!(table, map, PERM, "sealed", shared(1).map(&sealed));
        let anonymous = "memory::options::map_anonymous";
        row!(table, anonymous, INVAL, "nothing", shared(0).map_anonymous());
    }

    #[rustfmt::skip]
    fn mappings(table: &mut Table) {
        let name = |name| source::function("memory::mapping", name);
        let memfd = memfd_of(page());
        let private = |protection| {
            let options = MapOptions::private(2 * page()).protection(protection);
            options.map_anonymous().unwrap()
        };
        let mut shared = MapOptions::shared(1).protection(READ).map(read_only(&memfd)).unwrap();
        row!(table, &name("protect"), ACCESS, "read only", shared.protect(READ | Protection::WRITE));
        let sealed = memfd_of(page());
        sealed.seal(Seals::FUTURE_WRITE).unwrap();
        let mut shared = MapOptions::shared(1).protection(READ).map(&sealed).unwrap();
        row!(table, &name("protect"), ACCESS, "sealed against it", shared.protect(READ | Protection::WRITE));
        let how = "outside";
        let mut it = private(READ | Protection::WRITE);
        let out = ..3 * page();
        row!(table, &name("protect_range"), RANGE, how, it.protect_range(out, READ));
        row!(table, &name("unprotect_range"), RANGE, how, it.unprotect_range(out));
        row!(table, &name("split_off"), RANGE, how, it.split_off(2 * page()));
        row!(table, &name("protect_range"), INVAL, "within a page", it.protect_range(1.., READ));
        row!(table, &name("protect_range"), INVAL, "more", it.protect_range(.., Protection::EXECUTE));
        row!(table, &name("unprotect_range"), INVAL, "within a page", it.unprotect_range(1..));
        row!(table, &name("split_off"), INVAL, "within a page", it.split_off(1));
        let nothing = core::ptr::NonNull::slice_from_raw_parts(core::ptr::NonNull::<u8>::dangling(), 0);
        // SAFETY: refused.
        let nothing = unsafe { memory::Mapping::from_raw(nothing, READ) };
        row!(table, &name("from_raw"), INVAL, "nothing", nothing);
        row!(table, &name("advise"), RANGE, how, it.advise(out, Advice::Normal));
        row!(table, &name("advise_each"), RANGE, how, it.advise_each(&[out], Advice::Normal));
        row!(table, &name("resident"), RANGE, how, it.resident(out, &mut [0; 64]));
        row!(table, &name("resident"), RANGE, "no room", it.resident(.., &mut []));
        row!(table, &name("address_range"), RANGE, how, it.address_range(out));
        row!(table, &name("sync"), RANGE, how, it.sync(out, SyncMode::Wait));
        row!(table, &name("lock"), RANGE, how, it.lock(out, Lock::Now));
        row!(table, &name("unlock"), RANGE, how, it.unlock(out));
        let how = "within a page";
        row!(table, &name("advise"), INVAL, how, it.advise(1.., Advice::Normal));
        row!(table, &name("resident"), INVAL, how, it.resident(1.., &mut [0; 64]));
        row!(table, &name("sync"), INVAL, how, it.sync(1.., SyncMode::Wait));
        row!(table, &name("advise"), INVAL, "no file", it.advise(.., Advice::Remove));
        let copied = MapOptions::private(page()).map(&memfd).unwrap();
        row!(table, &name("advise"), ACCESS, "not shared", copied.advise(.., Advice::Remove));
        let beyond = MapOptions::shared(2 * page()).map(&memfd).unwrap();
        match beyond.advise(.., Advice::PopulateRead) {
            Err(Errno::INVAL) => skipped!("no populating here"),
            said => row!(table, &name("advise"), FAULT, "beyond the end", said),
        }
        as_another_user(|| match it.advise(.., Advice::SoftOffline) {
            Err(Errno::INVAL) => {}
            said => row!(table, &name("advise"), PERM, "another user", said),
        });
        // Sealed mappings stay: only a child has these.
        let mut sealed = private(READ);
        let how = "sealed";
        if forked(|| sealed.seal()) == Err(Errno::NOSYS) {
            return table.is_absent("memory::mapping::pages::seal", Errno::NOSYS);
        }
        row!(table, &name("protect"), PERM, how, forked(|| {
            sealed.seal().and_then(|()| sealed.protect(READ))
        }));
        row!(table, &name("protect_range"), PERM, how, forked(|| {
            sealed.seal().and_then(|()| sealed.protect_range(.., READ))
        }));
        row!(table, &name("unprotect_range"), PERM, how, forked(|| {
            sealed.seal().and_then(|()| sealed.unprotect_range(..))
        }));
        row!(table, &name("advise"), PERM, how, forked(|| {
            sealed.seal().and_then(|()| sealed.advise(.., Advice::DontNeed))
        }));
        row!(table, &name("resize"), PERM, how, forked(|| {
            sealed.seal().and_then(|()| sealed.resize(page()))
        }));
        row!(table, &name("move_out"), PERM, how, forked(|| {
            sealed.seal().and_then(|()| sealed.move_out().map(drop))
        }));
        row!(table, &name("duplicate"), PERM, how, forked(|| {
            sealed.seal().and_then(|()| sealed.duplicate().map(drop))
        }));
    }

    #[rustfmt::skip]
    fn resized(table: &mut Table) {
        let name = |name| format!("memory::mapping::resize::{name}");
        let mut private = MapOptions::private(2 * page()).map_anonymous().unwrap();
        row!(table, &name("resize"), INVAL, "nothing", private.resize(0));
        row!(table, &name("duplicate"), INVAL, "not shared", private.duplicate());
        private.advise(..page(), Advice::DontFork).unwrap();
        row!(table, &name("resize"), FAULT, "parts differ", private.resize(4 * page()));
    }

    #[rustfmt::skip]
    fn locked(table: &mut Table) {
        let lock_all = "memory::all::lock_all";
        row!(table, lock_all, INVAL, "nothing", memory::lock_all(LockAllFlags::empty()));
        row!(table, lock_all, INVAL, "only how", memory::lock_all(LockAllFlags::ON_FAULT));
        row!(table, lock_all, INVAL, "unknown", memory::lock_all(LockAllFlags::from_bits_retain(1 << 20)));
        let mut it = MapOptions::private(page()).map_anonymous().unwrap();
        let options = MapOptions::private(1 << 24).flags(MapFlags::LOCKED);
        let memfd = memfd_of(1 << 24);
        it.lock(.., Lock::OnFault).unwrap();
        row!(table, "memory::mapping::pages::sync", BUSY, "locked", it.sync(.., SyncMode::Invalidate));
        locking(1 << 16, || without_privileges(|| {
            let how = "beyond the limit";
            row!(table, "memory::options::map_anonymous", AGAIN, how, options.map_anonymous());
            row!(table, "memory::options::map", AGAIN, how, options.map(&memfd));
            row!(table, "memory::mapping::resize::resize", AGAIN, how, it.resize(1 << 24));
        }));
        locking(0, || without_privileges(|| {
            let all = LockAllFlags::FUTURE | LockAllFlags::ON_FAULT;
            row!(table, lock_all, PERM, "the limit is 0", memory::lock_all(all));
            row!(table, "memory::mapping::pages::lock", PERM, "the limit is 0", it.lock(.., Lock::Now));
            row!(table, "memory::options::map_anonymous", PERM, "the limit is 0", options.map_anonymous());
            row!(table, "memory::options::map", PERM, "the limit is 0", options.map(&memfd));
        }));
    }

    #[rustfmt::skip]
    fn advised(table: &mut Table) {
        let name = "memory::remote::advise_process";
        let mut gone = Child::fork(|| 0);
        let ended = pidfd::open(Pid::from_raw(gone.id()).unwrap()).unwrap();
        gone.wait();
        let own = pidfd::open(rustix::process::getpid()).unwrap();
        let it = MapOptions::private(page()).map_anonymous().unwrap();
        let whole = it.address_range(..).unwrap();
        let cold = |ranges: &[AddressRange]| advise_process(&own, ranges, RemoteAdvice::Cold);
        if let Err(errno @ (Errno::NOSYS | Errno::PERM)) = cold(&[whole]) {
            return table.is_absent(name, errno);
        }
        row!(table, name, SRCH, "waited for", advise_process(&ended, &[whole], RemoteAdvice::Cold));
        let within = AddressRange::new(whole.address.wrapping_add(1), page());
        row!(table, name, INVAL, "within a page", cold(&[within]));
        row!(table, name, INVAL, "too many", cold(&[whole; 1025]));
        let hole = AddressRange::new(Address::new(page()), page());
        row!(table, name, NOMEM, "nothing there", cold(&[hole]));
        let kernel = AddressRange::new(Address::new(usize::MAX & !(page() - 1)), page());
        row!(table, name, FAULT, "the kernel's", cold(&[kernel]));
        let file = File::open("/dev/null").unwrap();
        row!(table, name, BADF, "no pidfd", advise_process(&file, &[whole], RemoteAdvice::Cold));
        let child = Child::fork(|| support::alone::sleep_for_ever());
        let other = pidfd::open(Pid::from_raw(child.id()).unwrap()).unwrap();
        as_another_user(|| {
            row!(table, name, ACCESS, "another user's", advise_process(&other, &[whole], RemoteAdvice::Cold));
            // Whoever becomes another user cannot be looked into, unless it says so.
            let child = Child::fork(|| {
                // SAFETY: the call only takes numbers.
                unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1) };
                support::alone::sleep_for_ever()
            });
            child.await_sleep();
            let own = pidfd::open(Pid::from_raw(child.id()).unwrap()).unwrap();
            row!(table, name, PERM, "without privileges", advise_process(&own, &[whole], RemoteAdvice::Cold));
        });
    }
}

mod faults {
    use super::*;
    use rawipc::memory::memfd::{self, MemfdFlags};
    use rawipc::memory::userfault::{self, Features, Mode, Place, Userfault, UserfaultFlags};
    use rawipc::memory::{Address, AddressRange, MapOptions, Protection};

    const READY: Place = Place::empty();

    #[rustfmt::skip]
    pub(super) fn rows(table: &mut Table) {
        let name = |name| source::function("memory::userfault", name);
        let page = rustix::param::page_size();
        let create = |features| userfault::create(UserfaultFlags::USER_MODE_ONLY, features);
        let Ok(all) = userfault::features() else { return };
        let wanted = Features::MINOR_SHARED | Features::SHARED | Features::WRITE_PROTECT;
        let faults = create(all & wanted).unwrap();
        row!(table, &name("create"), INVAL, "unknown", create(Features::from_bits_retain(1 << 60)));
        let unknown = UserfaultFlags::USER_MODE_ONLY | UserfaultFlags::from_bits_retain(1 << 30);
        row!(table, &name("create"), INVAL, "unknown", userfault::create(unknown, Features::empty()));
        as_another_user(|| {
            row!(table, &name("create"), PERM, "another user", create(Features::FORK));
        });
        let file = || File::open("/dev/null").unwrap();
        let made = userfault::create_by(file(), UserfaultFlags::USER_MODE_ONLY, Features::empty());
        row!(table, &name("create_by"), NOTTY, "another device", made);
        row!(table, &name("from_fd"), NOTTY, "none", Userfault::from_fd(file().into()));

        let memfd = memfd::create("rawipc-errors", MemfdFlags::empty()).unwrap();
        memfd.set_size(page as u64).unwrap();
        let it = MapOptions::private(4 * page).map_anonymous().unwrap();
        let other = MapOptions::private(page).map_anonymous().unwrap();
        let whole = it.address_range(..).unwrap();
        let part = |index: usize| AddressRange::new(whole.address.wrapping_add(index * page), page);
        let within = AddressRange::new(whole.address.wrapping_add(1), page);
        let bytes = vec![0; page];
        let register = |mapping, mode| faults.register(mapping, .., mode);
        row!(table, &name("register"), RANGE, "outside", faults.register(&it, ..5 * page, Mode::MISSING));
        row!(table, &name("register"), INVAL, "no mode", register(&it, Mode::empty()));
        row!(table, &name("register"), INVAL, "within a page", faults.register(&it, 1.., Mode::MISSING));
        let number = std::os::fd::AsRawFd::as_raw_fd(&memfd.as_fd());
        let read = File::open(format!("/proc/self/fd/{number}")).unwrap();
        let read = MapOptions::shared(page).protection(Protection::READ).map(&read).unwrap();
        if all.contains(Features::SHARED) {
            row!(table, &name("register"), PERM, "read only", register(&read, Mode::MISSING));
        }
        register(&it, Mode::MISSING).unwrap();
        let second = create(Features::empty()).unwrap();
        row!(table, &name("register"), BUSY, "registered", second.register(&it, .., Mode::MISSING));

        row!(table, &name("try_read"), AGAIN, "nothing", faults.try_read());
        row!(table, &name("copy"), INVAL, "within a page", faults.copy(within.address, &bytes, READY));
        faults.copy(part(0).address, &bytes, READY).unwrap();
        row!(table, &name("copy"), EXIST, "it is there", faults.copy(part(0).address, &bytes, READY));
        let elsewhere = Address::of(&other.as_ptr());
        let elsewhere = Address::new(elsewhere.get() & !(page - 1));
        row!(table, &name("copy"), NOENT, "not registered", faults.copy(elsewhere, &bytes, READY));
        row!(table, &name("zero"), INVAL, "protected", faults.zero(part(1), Place::PROTECTED));
        row!(table, &name("wake"), INVAL, "within a page", faults.wake(within));
        row!(table, &name("wake"), INVAL, "nothing", faults.wake(AddressRange::new(whole.address, 0)));
        row!(table, &name("protect"), INVAL, "within a page", faults.protect(within));
        row!(table, &name("protect"), NOENT, "not registered so", faults.protect(part(0)));
        row!(table, &name("unregister"), INVAL, "within a page", faults.unregister(within));
        row!(table, &name("continue_fault"), INVAL, "not registered so", faults.continue_fault(part(1), READY));
        if all.contains(Features::POISON) {
            row!(table, &name("poison"), INVAL, "protected", faults.poison(part(1), Place::PROTECTED));
        }
        if all.contains(Features::MOVE) {
            let to = part(1).address;
            row!(table, &name("move_pages"), RANGE, "outside", faults.move_pages(to, &other, ..2 * page, READY));
            row!(table, &name("move_pages"), NOENT, "missing", faults.move_pages(to, &other, .., READY));
            row!(table, &name("move_pages"), INVAL, "a file's", faults.move_pages(to, &read, .., READY));
        }
        if !all.contains(Features::MINOR_SHARED) {
            skipped!("no minor faults of shared memory");
            return table.absent.push("memory::userfault::pages::continue_fault");
        }
        memfd.write_at(0, b"x").unwrap();
        memfd.set_size(2 * page as u64).unwrap();
        let shared = MapOptions::shared(3 * page).map(&memfd).unwrap();
        register(&shared, Mode::MINOR | Mode::MISSING).unwrap();
        let end = shared.address_range(2 * page..).unwrap();
        let hole = shared.address_range(page..2 * page).unwrap();
        row!(table, &name("copy"), FAULT, "beyond the end", faults.copy(end.address, &bytes, READY));
        row!(table, &name("continue_fault"), INVAL, "beyond the end", faults.continue_fault(end, READY));
        row!(table, &name("continue_fault"), FAULT, "a hole", faults.continue_fault(hole, READY));
        let begin = shared.address_range(..page).unwrap();
        faults.continue_fault(begin, READY).unwrap();
        row!(table, &name("continue_fault"), EXIST, "mapped", faults.continue_fault(begin, READY));
    }
}

mod filters {
    use super::*;
    use rawipc::seccomp::notify::{AddFlags, Listener, ListenerFlags};
    use rawipc::seccomp::{self, Action, Filter, InstallFlags, Instruction};

    /// A call without arguments that nothing else here makes.
    const ASK: u32 = libc::SYS_getppid as u32;

    #[rustfmt::skip]
    pub(super) fn rows(table: &mut Table) {
        if let Err(errno) = Action::Notify.is_available() {
            return table.is_absent("seccomp", errno);
        }
        let install = "seccomp::install::install";
        let mut filter = Filter::<32>::new(Action::Allow);
        filter.call(ASK, Action::Notify).unwrap();
        let none = InstallFlags::empty();
        let unknown = InstallFlags::from_bits_retain(1 << 30);
        // SAFETY: it is refused.
        row!(table, install, INVAL, "unknown", unsafe { seccomp::install(&filter, unknown) });
        let nothing: &[Instruction] = &[];
        // SAFETY: it is refused.
        row!(table, install, INVAL, "nothing", unsafe { seccomp::install(nothing, none) });
        as_another_user(|| {
            if seccomp::no_new_privs() != Ok(true) {
                // SAFETY: only this thread is under it, if it is not refused.
                let said = unsafe { seccomp::install(&filter, none) };
                row!(table, install, ACCESS, "with privileges", said);
            }
        });
        let other = File::open("/dev/null").unwrap();
        let wrong = Listener::from(OwnedFd::from(other));
        row!(table, "seccomp::notify::listener::receive", NOTTY, "no listener", wrong.receive());
        under(table, &filter);
    }

    /// What needs a filter, which ends with the thread that is under it.
    #[rustfmt::skip]
    fn under(table: &mut Table, filter: &Filter<32>) {
        let with_listener = "seccomp::install::install_with_listener";
        let none = InstallFlags::empty();
        let (give, given) = std::sync::mpsc::channel();
        let (go_on, wait_here) = std::sync::mpsc::channel::<()>();
        let mut inside = Table::default();
        std::thread::scope(|scope| {
            let inside = &mut inside;
            let asker = scope.spawn(move || {
                seccomp::set_no_new_privs().unwrap();
                // SAFETY: the call has no other users in this thread.
                let listener = unsafe { seccomp::install_with_listener(filter, none) }.unwrap();
                // SAFETY: it is refused.
                let again = unsafe { seccomp::install_with_listener(filter, none) };
                row!(inside, with_listener, BUSY, "it has one", again);
                // SAFETY: it is refused.
                let strict = unsafe { seccomp::set_strict_mode() };
                row!(inside, "seccomp::install::set_strict_mode", INVAL, "under a filter", strict);
                give.send(listener).unwrap();
                let _ = wait_here.recv();
                let _ = rustix::process::getppid();
            });
            let listener = given.recv().unwrap();
            let (row, file) = ("seccomp::notify::listener::try_receive", File::open("/dev/null").unwrap());
            row!(table, row, AGAIN, "nothing", listener.try_receive());
            let unknown = ListenerFlags::from_bits_retain(1 << 40);
            row!(table, "seccomp::notify::listener::set_flags", INVAL, "unknown", listener.set_flags(unknown));
            drop(go_on);
            let cookie = listener.receive().unwrap().cookie;
            let flags = AddFlags::empty();
            without_room(|| {
                let said = listener.add_descriptor(cookie, &file, flags);
                row!(table, "seccomp::notify::descriptor::add_descriptor", MFILE, "no descriptor left", said);
                // SAFETY: it is refused.
                let said = unsafe { listener.add_descriptor_at(cookie, &file, 1000, flags) };
                row!(table, "seccomp::notify::descriptor::add_descriptor_at", BADF, "beyond the limit", said);
                // SAFETY: it is refused.
                let said = unsafe { listener.respond_with_descriptor_at(cookie, &file, 1000, flags) };
                row!(table, "seccomp::notify::descriptor::respond_with_descriptor_at", BADF, "beyond the limit", said);
            });
            listener.respond(cookie, 1).unwrap();
            asker.join().unwrap();
        });
        without_room(|| std::thread::scope(|scope| {
            let said = scope.spawn(|| {
                seccomp::set_no_new_privs().unwrap();
                // SAFETY: it is refused.
                unsafe { seccomp::install_with_listener(filter, none) }
            });
            row!(inside, with_listener, MFILE, "no descriptor left", said.join().unwrap());
        }));
        table.shown.append(&mut inside.shown);
        table.wrong.append(&mut inside.wrong);
    }
}

mod starts {
    use super::*;
    use core::mem::MaybeUninit;
    use rawipc::process::exec::{List, Strings};
    use rawipc::process::permission::{self, Allowed};
    use rawipc::process::{
        self, CloneFlags, CloneOptions, Cloned, Command, FdMapping, Fork, Pidfd, State, Uid,
        WaitFlags, pidfd,
    };

    /// The limit of processes of a user, none.
    const NO_PROCESS: Rlimit = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };

    #[rustfmt::skip]
    pub(super) fn rows(table: &mut Table) {
        clones(table);
        commands(table);
        let other = || OwnedFd::from(File::open("/dev/null").unwrap());
        row!(table, "process::info::info", NOTTY, "no pidfd", Pidfd::from(other()).info());
        let mut gone = Child::fork(|| 0);
        let ended = Pid::from_raw(gone.id()).unwrap();
        gone.wait();
        let how = "waited for";
        row!(table, "process::permission::allow", INVAL, how, permission::allow(Allowed::Process(ended)));
        row!(table, "process::permission::explain", SRCH, how, permission::explain(ended));

        let own = pidfd::open(rustix::process::getpid()).unwrap();
        let options = CloneOptions::new().flags(CloneFlags::NEWPID);
        match cloned(options, || own.info().map_or_else(Errno::raw_os_error, |_| 0)) {
            Ok(errno) => match Errno::from_raw_os_error(errno) {
                // Of older kernels.
                Errno::NOTTY | Errno::INVAL | Errno::SRCH => {}
                errno => row!(table, "process::info::info", REMOTE, "outside", Err::<(), _>(errno)),
            },
            Err(errno) => skipped!("no namespace of numbers: {errno}"),
        }
    }

    /// Runs `body` in a child that is made so, and returns what it exits with.
    fn cloned(options: CloneOptions<'_>, body: impl FnOnce() -> i32) -> rawipc::Result<i32> {
        // SAFETY: the child only makes system calls and exits.
        match unsafe { options.fork() }? {
            Cloned::Child => process::exit(body()),
            Cloned::Parent { pid, .. } => match process::wait(pid, WaitFlags::EXITED)?.state {
                State::Exited(code) => Ok(code.into()),
                state => panic!("{state:?}"),
            },
        }
    }

    #[rustfmt::skip]
    fn clones(table: &mut Table) {
        let clone = "process::clone::options::fork";
        let none = || 0;
        let with = |flags| cloned(CloneOptions::new().flags(flags), none);
        row!(table, clone, INVAL, "they contradict", with(CloneFlags::FS | CloneFlags::NEWNS));
        let file = File::open("/dev/null").unwrap();
        match cloned(CloneOptions::new().cgroup(&file), none) {
            Err(Errno::NOSYS | Errno::PERM | Errno::TOOBIG) => skipped!("no clone3 here"),
            said => row!(table, clone, BADF, "no directory", said),
        }
        as_another_user(|| {
            row!(table, clone, PERM, "another user", with(CloneFlags::NEWIPC));
        });
        let mut small = [MaybeUninit::uninit(); 1000];
        // SAFETY: it is refused.
        let said = unsafe { CloneOptions::new().vfork(&mut small, none) };
        row!(table, "process::clone::options::vfork", INVAL, "a small stack", said);
        let before = getrlimit(Resource::Nproc);
        without_privileges(|| {
            setrlimit(Resource::Nproc, Rlimit { current: Some(0), ..before }).unwrap();
            let cloned = cloned(CloneOptions::new(), none);
            // SAFETY: the child exits.
            let forked = unsafe { process::fork() }.map(|fork| match fork {
                Fork::Child => process::exit(0),
                Fork::Parent(pid) => process::wait(pid, WaitFlags::EXITED),
            });
            setrlimit(Resource::Nproc, before).unwrap();
            row!(table, clone, AGAIN, "the limit", cloned);
            row!(table, "process::fork::fork", AGAIN, "the limit", forked);
        });
    }

    #[rustfmt::skip]
    fn commands(table: &mut Table) {
        let args = List::of([c"true"]);
        let command = || Command::path(c"/bin/true", &args, Strings::EMPTY);
        let spawn = "process::command::spawn::spawn";
        let file = File::open("/dev/null").unwrap();
        let inherit = |number| command().inherit(&[FdMapping::new(&file, number)]).spawn();
        row!(table, spawn, INVAL, "a negative number", inherit(-1));
        row!(table, spawn, BADF, "beyond the limit", inherit(i32::MAX));
        let mut small = [MaybeUninit::uninit(); 1000];
        // SAFETY: it is refused.
        let said = unsafe { command().spawn_on(&mut small) };
        row!(table, "process::command::spawn::spawn_on", INVAL, "a small stack", said);
        if rustix::process::geteuid().is_root() {
            // The kernel compares with how many there are before it is one of them.
            let nobody = Child::fork(|| match support::child::become_nobody() {
                true => support::alone::sleep_for_ever(),
                false => 1,
            });
            nobody.await_sleep();
            let limits = [(Resource::Nproc, NO_PROCESS)];
            let said = command().limits(&limits).user(Uid::from_raw(65534)).spawn();
            let said = said.map(|spawned| process::wait(&spawned, WaitFlags::EXITED));
            row!(table, spawn, AGAIN, "too many processes", said);
        }
    }
}

mod tracees {
    use super::*;
    use rawipc::memory::{MapOptions, Protection};
    use rawipc::signal::action;
    use rawipc::trace::{
        self, Breakpoint, Call, HARDWARE_SLOTS, Options, Phase, RegisterSet, Report, Running, Slot,
        Stop, Stopped, Syscall, Tracer,
    };
    use rawipc::{Signal, signal};
    use support::Storm;
    use support::alone::sleep_for_ever;
    use support::tracee::{child, next, seized};

    /// An option that no kernel has.
    const UNKNOWN: Options = Options::from_bits_retain(1 << 12);

    #[rustfmt::skip]
    pub(super) fn rows(table: &mut Table) {
        starts(table);
        waits(table);
        stopped(table);
        calls(table);
        breakpoints(table);
    }

    #[rustfmt::skip]
    fn starts(table: &mut Table) {
        let said = forked(|| trace::traceme().and_then(|()| trace::traceme()));
        row!(table, "trace::start::traceme", PERM, "traced already", said);
        let mut gone = Child::fork(|| 0);
        let ended = Pid::from_raw(gone.id()).unwrap();
        gone.wait();
        let seize = "trace::start::seize";
        row!(table, seize, SRCH, "waited for", trace::seize(ended, Options::empty()));
        row!(table, seize, PERM, "itself", trace::seize(rustix::process::getpid(), Options::empty()));
        let guard = child(|| sleep_for_ever());
        row!(table, seize, IO, "an unknown option", trace::seize(guard.pid, UNKNOWN));
        let wait = "trace::wait::wait";
        row!(table, wait, CHILD, "waited for", trace::adopt(ended, Options::empty()).wait());
    }

    /// A child that lets itself be traced, and stops.
    fn willing() -> support::tracee::Guard {
        child(
            || match trace::traceme().and_then(|()| signal::raise(Signal::STOP)) {
                Ok(()) => sleep_for_ever(),
                Err(_) => 1,
            },
        )
    }

    fn seized_child(guard: &support::tracee::Guard) -> Running {
        trace::seize(guard.pid, Options::KILL_ON_EXIT).unwrap()
    }

    #[rustfmt::skip]
    fn waits(table: &mut Table) {
        let wait = "trace::wait::wait";
        let guard = willing();
        row!(table, wait, INVAL, "an unknown option", trace::adopt(guard.pid, UNKNOWN).wait());
        let resting = Options::SUSPEND_SECCOMP;
        without_privileges(|| {
            let guard = willing();
            match trace::adopt(guard.pid, resting).wait() {
                Err(refused) if refused.errno == Errno::INVAL => {}
                said => row!(table, wait, PERM, "without privileges", said),
            }
            let guard = willing();
            let at = next(trace::adopt(guard.pid, Options::empty()));
            match at.set_options(resting) {
                Err(trace::Error::Errno(Errno::INVAL)) => {}
                said => row!(table, "trace::tracee::set_options", PERM, "without privileges", said),
            }
        });

        let guard = child(|| sleep_for_ever());
        let running = seized_child(&guard);
        let before = action::get(Signal::ALARM).unwrap();
        let storm = Storm::begin();
        let interrupted = running.wait();
        drop(storm);
        let (interrupted, running) = match interrupted {
            Ok(report) => panic!("{report:?}"),
            Err(refused) => (Err::<(), _>(refused.errno), refused.tracee),
        };
        row!(table, wait, INTR, "a storm", interrupted);
        let said = running.try_wait();
        row!(table, "trace::wait::try_wait", AGAIN, "nothing", said);

        let other = child(|| sleep_for_ever());
        let mut slots = [Slot::EMPTY];
        let mut tracer = Tracer::new(&mut slots);
        tracer.add(seized_child(&other)).unwrap();
        row!(table, "trace::tracer::try_wait", AGAIN, "nothing", tracer.try_wait());
        let storm = Storm::begin();
        let interrupted = tracer.wait();
        drop(storm);
        row!(table, "trace::tracer::wait", INTR, "a storm", interrupted);
        let third = child(|| sleep_for_ever());
        row!(table, "trace::tracer::add", NOSPC, "no slot", tracer.add(seized_child(&third)));
        // SAFETY: it is what was there.
        unsafe { before.restore() }.unwrap();

        let attached = child(|| sleep_for_ever());
        let running = trace::attach(attached.pid, Options::KILL_ON_EXIT).unwrap();
        row!(table, "trace::wait::interrupt", IO, "not seized", running.interrupt());
        let at = next(next(running).cont(Some(Signal::STOP)).unwrap());
        assert_eq!(at.stop(), Stop::Group(Signal::STOP));
        row!(table, "trace::signals::info", INVAL, "not seized, and no signal", at.info());
    }

    #[rustfmt::skip]
    fn stopped(table: &mut Table) {
        let (guard, at) = seized(Options::empty(), || sleep_for_ever());
        row!(table, "trace::memory::peek", IO, "nothing there", at.peek(8));
        row!(table, "trace::memory::read", IO, "nothing there", at.read(8, &mut [0]));
        row!(table, "trace::breakpoint::insert", IO, "nothing there", Breakpoint::insert(&at, 8));
        if at.watch(0).is_ok() {
            let slot = HARDWARE_SLOTS;
            row!(table, "trace::hardware::set_watch", INVAL, "no such slot", at.set_watch(slot, None));
        }
        let mut bytes = [0; 4096];
        let none = RegisterSet(0x7fff);
        row!(table, "trace::registers::register_set", INVAL, "none", at.register_set(none, &mut bytes));
        let general = RegisterSet::GENERAL;
        row!(table, "trace::registers::register_set", INVAL, "a part", at.register_set(general, &mut bytes[..3]));
        row!(table, "trace::registers::set_register_set", INVAL, "a part", at.set_register_set(general, &bytes[..3]));
        row!(table, "trace::tracee::set_options", INVAL, "unknown", at.set_options(UNKNOWN));
        guard.kill();
        row!(table, "trace::resume::detach", SRCH, "killed", at.detach(None));
        let (_guard, at) = seized(Options::empty(), || sleep_for_ever());
        row!(table, "trace::resume::listen", IO, "another stop", at.listen());
    }

    #[rustfmt::skip]
    fn calls(table: &mut Table) {
        let set = "trace::calls::set_syscall_info";
        let (_guard, at) = seized(Options::empty(), || sleep_for_ever());
        let at = next(at.syscall(None).unwrap());
        let Ok(entry) = at.syscall_info() else { return };
        let Phase::Entry(call) = entry.phase else { panic!("{entry:?}") };
        let with = |phase| at.set_syscall_info(&Syscall { phase, ..entry });
        match with(entry.phase) {
            Err(trace::Error::Errno(Errno::IO)) => {
                skipped!("no setting of calls here");
                return table.absent.push("trace::calls::set_syscall_info");
            }
            said => said.unwrap(),
        }
        row!(table, set, INVAL, "another phase", with(Phase::Exit(Ok(0))));
        let far = Call { number: u64::MAX >> 1, ..call };
        row!(table, set, RANGE, "no such number", with(Phase::Entry(far)));
    }

    /// Breakpoints in memory that is no more.
    #[rustfmt::skip]
    fn breakpoints(table: &mut Table) {
        let len = 1 << 16;
        let memory = MapOptions::private(len).protection(Protection::all()).map_anonymous().unwrap();
        let address = memory.as_ptr().addr();
        let (_guard, at) = seized(Options::empty(), || {
            // SAFETY: the child's own copy, which nothing there uses.
            unsafe { libc::munmap(memory.as_ptr().cast(), len) };
            let _ = signal::raise(Signal::STOP);
            sleep_for_ever()
        });
        let breakpoint = Breakpoint::insert(&at, address).unwrap();
        let at: Stopped = next(at.cont(None).unwrap());
        row!(table, "trace::breakpoint::remove", IO, "unmapped", breakpoint.remove(&at));
        let said = breakpoint.step_over(at).map(|report: Report| report.tid());
        row!(table, "trace::breakpoint::step_over", IO, "unmapped", said);
    }
}
