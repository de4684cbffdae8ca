//! Options of connections of TCP: `tcp(7)`.

use core::time::Duration;

use linux_raw_sys::net::{
    IPPROTO_TCP, SO_KEEPALIVE, SO_LINGER, SOL_SOCKET, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL,
    TCP_NODELAY, TCP_USER_TIMEOUT,
};

use super::{is_on, number, switch};
use crate::sys::socket::{getsockopt, setsockopt};
use crate::{AsFd, Result};

#[cfg(doc)]
use crate::Errno;

/// Returns whether TCP sends small pieces at once, without waiting for more while earlier data
/// is unacknowledged: `TCP_NODELAY` of `tcp(7)`. Programs that send small requests and wait for
/// answers want it.
///
/// # Errors
///
/// [`Errno::OPNOTSUPP`], [`Errno::NOPROTOOPT`]: not TCP.
#[doc(alias = "TCP_NODELAY")]
pub fn no_delay(socket: impl AsFd) -> Result<bool> {
    number(socket, IPPROTO_TCP as u32, TCP_NODELAY).map(|number| number != 0)
}

/// Sets [`no_delay`].
///
/// # Errors
///
/// [`Errno::OPNOTSUPP`], [`Errno::NOPROTOOPT`]: not TCP.
///
/// # Examples
///
/// ```
/// use core::net::{Ipv4Addr, SocketAddrV4};
/// use rawipc::socket::{option, stream};
///
/// let listener = stream::listen(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
/// let client = stream::connect(&listener.address()?)?;
/// option::set_no_delay(&client, true)?;
/// assert!(option::no_delay(&client)?);
/// # Ok::<(), rawipc::Errno>(())
/// ```
pub fn set_no_delay(socket: impl AsFd, no_delay: bool) -> Result<()> {
    let no_delay = u32::from(no_delay);
    setsockopt(socket.as_fd(), IPPROTO_TCP as u32, TCP_NODELAY, &no_delay)
}

/// Returns whether TCP probes a silent peer from time to time: `SO_KEEPALIVE` of `socket(7)`.
/// Within one machine the end of a peer is reported without it.
///
/// # Errors
///
/// None that a program acts on.
#[doc(alias = "SO_KEEPALIVE")]
pub fn keep_alive(socket: impl AsFd) -> Result<bool> {
    is_on(socket, SO_KEEPALIVE)
}

/// Sets [`keep_alive`].
///
/// # Errors
///
/// None that a program acts on.
pub fn set_keep_alive(socket: impl AsFd, keep_alive: bool) -> Result<()> {
    switch(socket, SO_KEEPALIVE, keep_alive)
}

/// When and how often TCP probes a silent peer: `TCP_KEEPIDLE`, `TCP_KEEPINTVL` and
/// `TCP_KEEPCNT` of `tcp(7)`.
///
/// # Examples
///
/// ```
/// use core::net::{Ipv4Addr, SocketAddrV4};
/// use rawipc::socket::option::{self, KeepAlive};
/// use rawipc::socket::stream;
///
/// let listener = stream::listen(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
/// let client = stream::connect(&listener.address()?)?;
/// // A peer that is cut off is noticed after a minute of silence and 3 probes.
/// option::set_keep_alive(&client, true)?;
/// option::set_keep_alive_timing(&client, KeepAlive { idle: 60, interval: 5, count: 3 })?;
/// assert_eq!(option::keep_alive_timing(&client)?.idle, 60);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// The seconds of silence before the first probe, 1 to 32767.
    pub idle: u32,
    /// The seconds between one probe and the next, 1 to 32767.
    pub interval: u32,
    /// The number of unanswered probes after which the connection fails, 1 to 127.
    pub count: u32,
}

/// Returns when and how often TCP probes a silent peer if [`keep_alive`] is on.
///
/// # Errors
///
/// [`Errno::OPNOTSUPP`], [`Errno::NOPROTOOPT`]: not TCP.
#[doc(alias = "TCP_KEEPIDLE")]
#[doc(alias = "TCP_KEEPINTVL")]
#[doc(alias = "TCP_KEEPCNT")]
pub fn keep_alive_timing(socket: impl AsFd) -> Result<KeepAlive> {
    let get = |name| number(&socket, IPPROTO_TCP as u32, name);
    Ok(KeepAlive {
        idle: get(TCP_KEEPIDLE)?,
        interval: get(TCP_KEEPINTVL)?,
        count: get(TCP_KEEPCNT)?,
    })
}

/// Sets [`keep_alive_timing`].
///
/// # Errors
///
/// [`Errno::INVAL`]: a number out of its range; those before it are set.
/// [`Errno::OPNOTSUPP`], [`Errno::NOPROTOOPT`]: not TCP.
pub fn set_keep_alive_timing(socket: impl AsFd, timing: KeepAlive) -> Result<()> {
    let KeepAlive {
        idle,
        interval,
        count,
    } = timing;
    for (name, value) in [
        (TCP_KEEPIDLE, idle),
        (TCP_KEEPINTVL, interval),
        (TCP_KEEPCNT, count),
    ] {
        setsockopt(socket.as_fd(), IPPROTO_TCP as u32, name, &value)?;
    }
    Ok(())
}

/// Returns how long data sent by TCP may stay unacknowledged before the connection fails;
/// `None`: as the system's settings say: `TCP_USER_TIMEOUT` of `tcp(7)`.
///
/// # Errors
///
/// [`Errno::OPNOTSUPP`], [`Errno::NOPROTOOPT`]: not TCP.
#[doc(alias = "TCP_USER_TIMEOUT")]
pub fn user_timeout(socket: impl AsFd) -> Result<Option<Duration>> {
    Ok(
        match number(socket, IPPROTO_TCP as u32, TCP_USER_TIMEOUT)? {
            0 => None,
            milliseconds => Some(Duration::from_millis(milliseconds.into())),
        },
    )
}

/// Sets [`user_timeout`] in whole milliseconds, at least one.
///
/// # Errors
///
/// [`Errno::OPNOTSUPP`], [`Errno::NOPROTOOPT`]: not TCP.
pub fn set_user_timeout(socket: impl AsFd, timeout: Option<Duration>) -> Result<()> {
    let milliseconds = timeout.map_or(0, |timeout| {
        i32::try_from(timeout.as_millis())
            .unwrap_or(i32::MAX)
            .max(1)
    });
    setsockopt(
        socket.as_fd(),
        IPPROTO_TCP as u32,
        TCP_USER_TIMEOUT,
        &milliseconds,
    )
}

/// Returns how long closing waits for TCP to send what is left; `None`: not at all: `SO_LINGER`
/// of `socket(7)`.
///
/// # Errors
///
/// None that a program acts on.
#[doc(alias = "SO_LINGER")]
pub fn linger(socket: impl AsFd) -> Result<Option<Duration>> {
    let [on, seconds]: [u32; 2] = getsockopt(socket.as_fd(), SOL_SOCKET, SO_LINGER)?;
    Ok((on != 0).then(|| Duration::from_secs(seconds.into())))
}

/// Sets [`linger`] in whole seconds, rounded up.
///
/// `None`: closing returns at once, and the kernel goes on to send. Zero: closing
/// drops what was not sent, and the peer's next call fails with
/// [`Errno::CONNRESET`]. Otherwise closing blocks, also when this process ends.
///
/// # Errors
///
/// None that a program acts on.
pub fn set_linger(socket: impl AsFd, linger: Option<Duration>) -> Result<()> {
    let value = match linger {
        None => [0, 0],
        Some(linger) => {
            let seconds = linger.as_secs() + u64::from(linger.subsec_nanos() > 0);
            [1, i32::try_from(seconds).unwrap_or(i32::MAX)]
        }
    };
    setsockopt(socket.as_fd(), SOL_SOCKET, SO_LINGER, &value)
}
