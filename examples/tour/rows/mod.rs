//! The rows: what each mechanism does in either half.

mod call;
mod event;
mod latest;
mod lock;
mod meeting;
mod memory;
mod pipe;
mod pool;
mod posix;
mod process;
mod ring;
mod seccomp;
mod signal;
mod socket;
mod sync;
mod sysv;
mod trace;

use rawipc::Errno;
use rawipc::errno::Described;

use crate::half::{Half, Outcome};

/// One row of the tour.
pub(crate) struct Mechanism {
    pub(crate) name: &'static str,
    pub(crate) purpose: Purpose,
    pub(crate) measure: Measure,
    /// Plays the half that it is given, to its end. What the two need in common
    /// goes from one to the other over the half's link.
    pub(crate) row: fn(&mut Half) -> Outcome,
    /// How much of FILE goes at a time.
    pub(crate) piece: Piece,
    /// Whether this system has the mechanism for this user; if not, why.
    pub(crate) there: fn() -> Result<(), String>,
}

/// What a mechanism of inter-process communication is for.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Move,
    Share,
    Notify,
    Lock,
    Control,
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// FILE goes from the sender to the receiver, which checks it.
    Bytes,
    /// Events happen, a known number of times.
    Events,
}

/// How much of FILE goes at a time: [`PIECE`], so that rows can be compared, where the
/// mechanism allows as much.
#[derive(Clone, Copy)]
pub(crate) enum Piece {
    Bytes(usize),
    /// As the machine has them.
    Page,
    /// There is nothing to be divided.
    None,
}

/// As much as the rows send at a time, hand over, or map: a multiple of every page size, as
/// much as a pipe holds, and no more than a datagram between processes may have.
pub(crate) const PIECE: usize = 1 << 16;

use Purpose::{Control, Lock, Move, Notify, Share};

pub(crate) const TABLE: &[Mechanism] = &[
    moves("pipe", Move, pipe::stream),
    moves("packet pipe", Move, pipe::packets).in_pieces_of(pipe::PACKET),
    moves("splice", Move, pipe::splice),
    moves("vmsplice", Move, pipe::vmsplice),
    moves("tee", Move, pipe::tee),
    moves("fifo", Move, pipe::fifo),
    moves("stream socket", Move, socket::stream),
    moves("datagram socket", Move, socket::datagram),
    moves("seqpacket socket", Move, socket::seqpacket),
    moves("descriptor passing", Move, socket::descriptor).undivided(),
    moves("socket with a path", Move, socket::path),
    moves("abstract socket", Move, socket::abstract_name),
    moves("TCP", Move, socket::tcp),
    moves("TCP of IPv6", Move, socket::tcp_v6).where_there(socket::has_v6),
    moves("UDP", Move, socket::udp).in_pieces_of(socket::UDP_DATAGRAM),
    moves("datagrams at once", Move, socket::several),
    moves("vsock", Move, socket::vsock).where_there(socket::has_vsock),
    moves("spsc ring", Move, ring::records),
    moves("spsc ring, in place", Move, ring::in_place),
    moves("spsc ring, spinning", Move, ring::spinning),
    moves("spsc ring, items", Move, ring::items),
    moves("spsc ring, by name", Move, meeting::by_name),
    moves("spsc ring, by a socket", Move, meeting::by_socket),
    moves("mpmc ring", Move, ring::of_many),
    moves("doorbell ring", Move, ring::doorbell),
    moves("mpsc ring", Move, ring::lanes),
    moves("calls", Move, call::calls),
    moves("spsc ring, long", Move, ring::long_records).in_pieces_of(pool::LONG),
    moves("broadcast ring", Move, ring::broadcast),
    moves("broadcast ring of loans", Move, ring::loans_to_all).in_pieces_of(pool::LONG),
    moves("pool of chunks", Move, pool::loans),
    moves("pool of chunks, long", Move, pool::long_loans).in_pieces_of(pool::LONG),
    moves("System V message queue", Move, sysv::messages).in_pieces_of(sysv::MESSAGE),
    moves("POSIX message queue", Move, posix::messages).in_pieces_of(posix::MESSAGE),
    moves("process memory", Move, process::memory),
    moves("memfd", Share, memory::memfd),
    moves("file mapping", Share, memory::file),
    moves("shared mapping", Share, memory::shared),
    moves("anonymous mapping", Share, memory::anonymous),
    moves("System V shared memory", Share, sysv::memory),
    moves("POSIX shared memory", Share, posix::memory),
    moves("secret memory", Share, memory::secret).where_there(memory::has_secret),
    moves("latest value", Share, latest::value),
    moves("userfaultfd", Share, memory::faults)
        .in_pages()
        .where_there(memory::has_faults),
    counts("eventfd", Notify, event::counter),
    counts("eventfd semaphore", Notify, event::semaphore),
    counts("timerfd", Notify, event::timer),
    counts("epoll", Notify, event::poller),
    counts("poll", Notify, event::poll),
    counts("inotify", Notify, event::names),
    counts("futex", Notify, sync::futex),
    counts("condition variable", Notify, sync::condition),
    counts("event", Notify, sync::events),
    counts("latch", Notify, sync::latch),
    counts("first of several", Notify, sync::first),
    counts("wait group", Notify, sync::group),
    counts("barrier", Notify, sync::barrier),
    counts("semaphore", Notify, sync::semaphore),
    counts("semaphore that hands over", Notify, sync::hand_over),
    counts("System V semaphores", Notify, sysv::semaphores),
    counts("POSIX semaphore", Notify, posix::semaphore),
    counts("POSIX semaphore, named", Notify, posix::named),
    counts("message notification", Notify, posix::notification),
    counts("queued signal", Notify, signal::queued),
    counts("signal handler", Notify, signal::handler),
    counts("signalfd", Notify, signal::descriptor),
    counts("signal timer", Notify, signal::timer),
    counts("signalling descriptor", Notify, signal::readiness),
    counts("credentials", Notify, socket::credentials),
    counts("list of sockets", Notify, socket::list).where_there(socket::has_list),
    counts("process events", Notify, process::events).where_there(process::has_events),
    counts("mutex", Lock, sync::mutex),
    counts("mutex by thread", Lock, sync::mutex_by_thread),
    counts("mutex with inheritance", Lock, sync::mutex_with_inheritance),
    counts("lock for readers", Lock, sync::readers),
    counts("value made once", Lock, sync::once),
    counts("value read without waiting", Lock, sync::seqlock),
    counts("semaphore as a lock", Lock, sync::lock),
    counts("System V lock", Lock, sysv::lock),
    counts("flock", Lock, lock::flock),
    counts("record lock", Lock, lock::record),
    counts("record lock, POSIX", Lock, lock::of_process),
    counts("lease", Lock, lock::lease).where_there(lock::has_leases),
    counts("fork", Control, process::fork),
    counts("exec", Control, process::execute),
    counts("pidfd", Control, process::pidfd),
    counts("ptrace", Control, trace::calls),
    counts("seccomp notification", Control, seccomp::notification),
];

/// A row in which FILE goes to the receiver.
const fn moves(name: &'static str, purpose: Purpose, row: fn(&mut Half) -> Outcome) -> Mechanism {
    Mechanism {
        name,
        purpose,
        measure: Measure::Bytes,
        piece: Piece::Bytes(PIECE),
        row,
        there: everywhere,
    }
}

/// A row of counted events.
const fn counts(name: &'static str, purpose: Purpose, row: fn(&mut Half) -> Outcome) -> Mechanism {
    Mechanism {
        name,
        purpose,
        measure: Measure::Events,
        piece: Piece::None,
        row,
        there: everywhere,
    }
}

impl Mechanism {
    /// Where the mechanism does not take as much as others.
    const fn in_pieces_of(mut self, bytes: usize) -> Self {
        self.piece = Piece::Bytes(bytes);
        self
    }

    /// Where FILE goes as a whole.
    const fn undivided(mut self) -> Self {
        self.piece = Piece::None;
        self
    }

    const fn in_pages(mut self) -> Self {
        self.piece = Piece::Page;
        self
    }

    const fn where_there(mut self, there: fn() -> Result<(), String>) -> Self {
        self.there = there;
        self
    }
}

fn everywhere() -> Result<(), String> {
    Ok(())
}

/// Whether a refusal says that the mechanism is not there. Any other is for the row to
/// fail with.
fn absent(attempt: rawipc::Result<()>) -> Result<(), String> {
    match attempt {
        Err(
            errno @ (Errno::NOSYS
            | Errno::PERM
            | Errno::ACCESS
            | Errno::AFNOSUPPORT
            | Errno::SOCKTNOSUPPORT
            | Errno::PROTONOSUPPORT
            | Errno::ADDRNOTAVAIL
            | Errno::CONNREFUSED
            | Errno::TIMEDOUT
            | Errno::AGAIN),
        ) => Err(Described(errno).to_string()),
        _ => Ok(()),
    }
}

impl Piece {
    pub(crate) fn bytes(self) -> Option<usize> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Page => Some(rustix::param::page_size()),
            Self::None => None,
        }
    }
}

impl Purpose {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Move => "move data",
            Self::Share => "share data",
            Self::Notify => "notify of an event",
            Self::Lock => "share a resource",
            Self::Control => "control a process",
        }
    }
}
