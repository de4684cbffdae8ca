//! What the kinds of socket share: how long a call waits, and what is made of what
//! it received.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::BorrowedFd;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect};

use super::address::Raw;
use super::error::RecvError;
use super::message::{Incoming, MAX_DESCRIPTORS, Outgoing};
use super::open::open;
use super::option;
use crate::sys::socket::{
    Arrived, MessageFlags, Received, Slot, close_at_once, recvmmsg, recvmsg, recvmsg_control,
    sendmsg,
};
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::wait::ready;
use crate::{AsFd, Deadline, Errno, IoSlice, IoSliceMut, OwnedFd, Result, Timespec};

/// Makes the call `attempt` that sends.
#[inline]
pub(super) fn sending<T>(
    fd: BorrowedFd<'_>,
    patience: Patience,
    mut attempt: impl FnMut(SendFlags) -> Result<T>,
) -> Result<T> {
    const AT_ONCE: SendFlags = SendFlags::NOSIGNAL.union(SendFlags::DONTWAIT);
    ready::patiently(fd, PollFlags::OUT, patience, |may_block| match may_block {
        true => attempt(SendFlags::NOSIGNAL),
        false => attempt(AT_ONCE),
    })
}

/// Makes the call `attempt` that sends to the address `to`, where there is one.
pub(super) fn sending_to<T>(
    fd: BorrowedFd<'_>,
    to: Option<&Raw>,
    patience: Patience,
    mut attempt: impl FnMut(SendFlags) -> Result<T>,
) -> Result<T> {
    let (Some(to), Until(deadline)) = (to, patience) else {
        return sending(fd, patience, attempt);
    };
    loop {
        match sending(fd, Try, &mut attempt) {
            Err(Errno::AGAIN) => wait_for_room(fd, to, deadline)?,
            result => return result,
        }
    }
}

/// Waits until `fd` has room to send, and the UNIX socket at `to` room to receive.
fn wait_for_room(fd: BorrowedFd<'_>, to: &Raw, deadline: Deadline) -> Result<()> {
    ready::wait(fd, PollFlags::OUT, deadline)?;
    if to.family() != AddressFamily::UNIX {
        return Ok(());
    }
    // Of the other's room the kernel tells only who is connected with it.
    let probe = open(to.family(), SocketType::DGRAM, SocketFlags::empty())?;
    connect(&probe, to)?;
    ready::wait(probe.as_fd(), PollFlags::OUT, deadline)
}

/// Makes the call `attempt` that receives. `None` when a datagram socket is shut
/// down for receiving and empty, which for other kinds is a success of `attempt`.
#[inline]
pub(super) fn receiving<T>(
    fd: BorrowedFd<'_>,
    patience: Patience,
    mut attempt: impl FnMut(RecvFlags) -> Result<T>,
) -> Result<Option<T>> {
    let deadline = match patience {
        Blocking => return attempt(RecvFlags::empty()).map(Some),
        Try => return ready::uninterrupted(|| attempt(RecvFlags::DONTWAIT)).map(Some),
        Until(deadline) => deadline,
    };
    let mut shut = false;
    loop {
        match ready::until(deadline, || attempt(RecvFlags::DONTWAIT)) {
            // It would say so for ever, and be ready for ever.
            Err(Errno::AGAIN) if shut => return Ok(None),
            Err(Errno::AGAIN) => shut = wait(fd, deadline)?.contains(PollFlags::RDHUP),
            result => return result.map(Some),
        }
    }
}

/// Waits until there is something to receive, or nothing any more.
fn wait(fd: BorrowedFd<'_>, deadline: Deadline) -> Result<PollFlags> {
    let mut fds = [PollFd::from_borrowed_fd(
        fd,
        PollFlags::IN | PollFlags::RDHUP,
    )];
    match ready::until(deadline, || poll(&mut fds, deadline.timeout().as_ref()))? {
        0 => Err(Errno::TIMEDOUT),
        _ => Ok(fds[0].revents()),
    }
}

/// Whether the peer, or this side, has ended the direction to here.
pub(super) fn ended(fd: BorrowedFd<'_>) -> Result<bool> {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::RDHUP)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // What was received before this question must not be lost for an interruption.
    Ok(ready::uninterrupted(|| poll(&mut fds, Some(&at_once)))? != 0)
}

pub(super) fn send_message(
    fd: BorrowedFd<'_>,
    bytes: &[IoSlice<'_>],
    outgoing: &Outgoing<'_>,
    to: Option<&Raw>,
    patience: Patience,
) -> Result<usize> {
    let control = outgoing.encode()?;
    // Sockets of other families would take it and silently drop what is beside.
    if !outgoing.is_empty() && option::family(fd)? != AddressFamily::UNIX {
        return Err(Errno::OPNOTSUPP);
    }
    sending_to(fd, to, patience, |flags| {
        sendmsg(fd, bytes, &control, to, flags)
    })
}

/// Receives the bytes of a message, and nothing beside them but who sent it.
pub(super) fn recv(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    mut from: Option<&mut Raw>,
    how: RecvFlags,
    patience: Patience,
) -> Result<Option<Received>, RecvError> {
    let bytes = &mut [IoSliceMut::new(buffer)];
    let received = receiving(fd, patience, |flags| {
        recvmsg(fd, bytes, from.as_deref_mut(), flags | how)
    })?;
    check_len(received.as_ref())?;
    Ok(received)
}

/// Receives a message and what is beside it, and returns what `finish` makes of it and
/// of its sender. `how` has `MSG_TRUNC` for the kinds that keep messages apart.
///
/// Whatever fails, nothing is left in `incoming`.
pub(super) fn recv_message<T, const FDS: usize, const LABEL: usize>(
    fd: BorrowedFd<'_>,
    bytes: &mut [IoSliceMut<'_>],
    incoming: &mut Incoming<FDS, LABEL>,
    mut from: Option<&mut Raw>,
    how: RecvFlags,
    patience: Patience,
    finish: impl FnOnce(Option<Received>, &Raw) -> Result<T, RecvError>,
) -> Result<T, RecvError> {
    incoming.clear();
    let received = receiving(fd, patience, |flags| {
        recvmsg_control::<FDS, LABEL>(fd, bytes, from.as_deref_mut(), flags | how, |arrived| {
            incoming.put(arrived);
        })
    })?;
    let complete = received.map_or(Ok(()), |received| incoming.check(&received));
    let result = complete
        .and_then(|()| check_len(received.as_ref()))
        .and_then(|()| finish(received, from.as_deref().unwrap_or(&Raw::NONE)));
    if result.is_err() {
        incoming.clear();
    }
    result
}

fn check_len(received: Option<&Received>) -> Result<(), RecvError> {
    match received {
        Some(&Received { len, flags, .. }) if flags.contains(MessageFlags::TRUNCATED) => {
            Err(RecvError::Truncated { len })
        }
        _ => Ok(()),
    }
}

/// Receives a message of a process that is not trusted, and gives all descriptors that came with it
/// to `each`, however long the message is and however many they are: closing them does not wait
/// for what a socket among them has still to send.
pub(crate) fn recv_untrusted(
    fd: BorrowedFd<'_>,
    bytes: &mut [u8],
    deadline: Deadline,
    mut each: impl FnMut(OwnedFd),
) -> Result<Option<Received>> {
    let bytes = &mut [IoSliceMut::new(bytes)];
    receiving(fd, Until(deadline), |flags| {
        let flags = flags | RecvFlags::TRUNC;
        recvmsg_control::<MAX_DESCRIPTORS, 0>(fd, bytes, None, flags, |arrived| {
            if let Arrived::Descriptor(descriptor) = arrived {
                // Most are no sockets at all.
                let _ = close_at_once(descriptor.as_fd());
                each(descriptor);
            }
        })
    })
}

/// Receives several messages: waits for the first, if at all, and takes those that
/// are there. Slots without one are empty afterwards.
pub(super) fn recv_many(
    fd: BorrowedFd<'_>,
    slots: &mut [Slot<'_>],
    patience: Patience,
) -> Result<usize> {
    /// Waits for one at most; rustix has no name for it.
    const FOR_ONE: RecvFlags = RecvFlags::from_bits_retain(0x10000);
    let how = RecvFlags::TRUNC | FOR_ONE;
    for slot in slots.iter_mut() {
        slot.clear();
    }
    let came = receiving(fd, patience, |flags| recvmmsg(fd, slots, flags | how))?;
    Ok(came.unwrap_or(0))
}

/// The conversions of a kind of socket, which is a descriptor.
macro_rules! descriptor {
    ($kind:ident) => {
        impl $crate::AsFd for $kind {
            fn as_fd(&self) -> $crate::BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        $crate::sys::fd_number::numbers!($kind);

        /// Takes any descriptor: calls fail with [`Errno::NOTSOCK`](crate::Errno::NOTSOCK) if
        /// it is not a socket.
        impl From<$crate::OwnedFd> for $kind {
            fn from(fd: $crate::OwnedFd) -> Self {
                Self(fd)
            }
        }

        impl From<$kind> for $crate::OwnedFd {
            fn from(socket: $kind) -> Self {
                socket.0
            }
        }
    };
}
pub(super) use descriptor;
