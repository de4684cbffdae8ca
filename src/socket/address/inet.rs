//! The addresses of TCP and UDP, which are those of `core::net`: `ip(7)`, `ipv6(7)`.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use rustix::net::AddressFamily;

use super::{Address, Raw, check, raw, take};
use crate::Result;

impl Address for SocketAddrV4 {
    fn to_raw(&self) -> Raw {
        let mut body = [0; 14];
        let (port, rest) = body.split_at_mut(2);
        port.copy_from_slice(&self.port().to_be_bytes());
        for (slot, byte) in rest.iter_mut().zip(self.ip().octets()) {
            *slot = byte;
        }
        raw(AddressFamily::INET, &body)
    }

    fn from_raw(raw: &Raw) -> Result<Self> {
        check(raw, AddressFamily::INET)?;
        let mut body = raw.body();
        let port = u16::from_be_bytes(take(&mut body)?);
        let ip: [u8; 4] = take(&mut body)?;
        Ok(Self::new(Ipv4Addr::from(ip), port))
    }
}

impl Address for SocketAddrV6 {
    fn to_raw(&self) -> Raw {
        let parts: [&[u8]; 4] = [
            &self.port().to_be_bytes(),
            // What `core` calls the number of the flow is in the order of the wire.
            &self.flowinfo().to_be_bytes(),
            &self.ip().octets(),
            &self.scope_id().to_ne_bytes(),
        ];
        let mut body = [0; 26];
        let bytes = parts.into_iter().flatten();
        for (slot, byte) in body.iter_mut().zip(bytes) {
            *slot = *byte;
        }
        raw(AddressFamily::INET6, &body)
    }

    fn from_raw(raw: &Raw) -> Result<Self> {
        check(raw, AddressFamily::INET6)?;
        let mut body = raw.body();
        let port = u16::from_be_bytes(take(&mut body)?);
        let flow = u32::from_be_bytes(take(&mut body)?);
        let ip: [u8; 16] = take(&mut body)?;
        let scope = u32::from_ne_bytes(take(&mut body)?);
        Ok(Self::new(Ipv6Addr::from(ip), port, flow, scope))
    }
}

impl Address for SocketAddr {
    fn to_raw(&self) -> Raw {
        match self {
            Self::V4(address) => address.to_raw(),
            Self::V6(address) => address.to_raw(),
        }
    }

    fn from_raw(raw: &Raw) -> Result<Self> {
        if raw.family() == AddressFamily::INET6 {
            SocketAddrV6::from_raw(raw).map(Self::V6)
        } else {
            SocketAddrV4::from_raw(raw).map(Self::V4)
        }
    }
}
