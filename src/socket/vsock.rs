//! Addresses of sockets between virtual machines and their host: `vsock(7)`.
//!
//! A machine is named by its context identifier, and a socket in it by its port.
//! Streams and, where the transport has them, seqpackets work as those of other
//! families; there is nothing beside the bytes, and no mode: any process of the two
//! machines may connect, and ports below 1024 need privilege to listen on.
//!
//! Both ends in one machine need the module `vsock_loopback`: else listening at
//! [`LOCAL`](VsockAddress::LOCAL) fails with
//! [`Errno::ADDRNOTAVAIL`](crate::Errno::ADDRNOTAVAIL), and connecting to it asks the
//! host, or fails with [`Errno::NODEV`](crate::Errno::NODEV) where there is none.
//!
//! The options of the address family `AF_VSOCK` are left out: they set the sizes of
//! buffers, which the transports choose well, and a time limit for connecting, which a
//! deadline does better.
//!
//! ```no_run
//! use rawipc::socket::{stream, vsock::VsockAddress};
//!
//! let host = stream::connect(&VsockAddress::new(VsockAddress::HOST, 1234))?;
//! host.send_all(b"hello")?;
//! # Ok::<(), rawipc::Errno>(())
//! ```

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::address::{self, Address, Family, Raw};
use crate::sys::socket::vsock_local_cid;
use crate::{AsFd, Result};

/// The number of the family: `AF_VSOCK`.
const AF_VSOCK: Family = Family::from_raw(40);

/// The address of a socket in a virtual machine or its host: `vsock(7)`.
///
/// # Examples
///
/// Needs a host, or a guest:
///
/// ```no_run
/// use rawipc::socket::{stream, vsock::VsockAddress};
///
/// // In a guest: any machine may connect.
/// let listener = stream::listen(&VsockAddress::new(VsockAddress::ANY, 1234))?;
/// let (connection, peer) = listener.accept()?;
/// println!("port {} of machine {}", peer.port, peer.cid);
/// connection.send_all(b"hello")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "sockaddr_vm")]
pub struct VsockAddress {
    /// The context identifier, which names the machine.
    pub cid: u32,
    /// The port.
    pub port: u32,
    /// `svm_flags`: with 1, the machine is looked for on the host's side even if a guest of
    /// this machine has its identifier.
    pub flags: u8,
}

impl VsockAddress {
    /// For listening: all identifiers of this machine.
    #[doc(alias = "VMADDR_CID_ANY")]
    pub const ANY: u32 = u32::MAX;
    /// The hypervisor.
    #[doc(alias = "VMADDR_CID_HYPERVISOR")]
    pub const HYPERVISOR: u32 = 0;
    /// This machine itself.
    #[doc(alias = "VMADDR_CID_LOCAL")]
    pub const LOCAL: u32 = 1;
    /// The host of this machine.
    #[doc(alias = "VMADDR_CID_HOST")]
    pub const HOST: u32 = 2;
    /// For binding: any free port, which the kernel chooses.
    #[doc(alias = "VMADDR_PORT_ANY")]
    pub const ANY_PORT: u32 = u32::MAX;

    /// Creates the address of port `port` on the machine `cid`.
    #[must_use]
    pub const fn new(cid: u32, port: u32) -> Self {
        Self {
            cid,
            port,
            flags: 0,
        }
    }
}

/// The layout: family, two reserved bytes, port, machine, flags, three zeros.
impl Address for VsockAddress {
    fn to_raw(&self) -> Raw {
        let parts: [&[u8]; 4] = [
            &[0, 0],
            &self.port.to_ne_bytes(),
            &self.cid.to_ne_bytes(),
            &[self.flags, 0, 0, 0],
        ];
        let mut body = [0; 14];
        let bytes = parts.into_iter().flatten();
        for (slot, byte) in body.iter_mut().zip(bytes) {
            *slot = *byte;
        }
        address::raw(AF_VSOCK, &body)
    }

    fn from_raw(raw: &Raw) -> Result<Self> {
        address::check(raw, AF_VSOCK)?;
        let mut body = raw.body();
        let [_, _] = address::take(&mut body)?;
        let port = u32::from_ne_bytes(address::take(&mut body)?);
        let cid = u32::from_ne_bytes(address::take(&mut body)?);
        let [flags] = address::take(&mut body)?;
        Ok(Self { cid, port, flags })
    }
}

/// Returns the context identifier of this machine: `IOCTL_VM_SOCKETS_GET_LOCAL_CID` of
/// `vsock(7)`.
///
/// [`VsockAddress::ANY`] where no transport has given it one.
///
/// # Errors
///
/// [`Errno::NOENT`](crate::Errno::NOENT): the system has no `/dev/vsock`.
/// [`Errno::ACCESS`](crate::Errno::ACCESS): this process may not open it.
#[doc(alias = "IOCTL_VM_SOCKETS_GET_LOCAL_CID")]
pub fn local_cid() -> Result<u32> {
    let device = openat(
        CWD,
        c"/dev/vsock",
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    vsock_local_cid(device.as_fd())
}
