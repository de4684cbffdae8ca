//! Netlink messages, on bytes alone: `netlink(7)`, `netlink(3)`.
//!
//! Reading is safe on any bytes: a message or attribute that is not wholly there ends
//! the list.

use bitflags::bitflags;

use crate::{Errno, Result};

/// The length of the header of a message.
pub const HEADER: usize = 16;

/// What the length of each message and attribute is rounded up to.
const ALIGN: usize = 4;

/// A refusal, or that there is none.
const ERROR: u16 = 2;
/// The end of an answer in several messages.
const DONE: u16 = 3;
/// Data was lost.
const OVERRUN: u16 = 4;

bitflags! {
    /// Flags of a netlink message: `nlmsg_flags` of `netlink(7)`.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::socket::netlink::message::{self, Flags, Messages};
    ///
    /// let mut buffer = [0; 64];
    /// let request = message::write(&mut buffer, 20, Flags::REQUEST | Flags::DUMP, 1, b"body")?;
    /// let message = Messages::new(request).next().ok_or("it was written")?;
    /// assert!(message.flags.contains(Flags::DUMP));
    /// assert!(!message.flags.contains(Flags::ACK));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Flags: u16 {
        /// The message is a request.
        const REQUEST = 0x1;
        /// The message is one of several, which [`Content::Done`] ends.
        const MULTI = 0x2;
        /// The request is to be acknowledged.
        const ACK = 0x4;
        /// The request is to be echoed.
        const ECHO = 0x8;
        /// The answer may be inconsistent, as what it lists changed meanwhile.
        const DUMP_INTERRUPTED = 0x10;
        /// The answer was filtered as the request asked.
        const DUMP_FILTERED = 0x20;
        /// The request asks for all entries.
        const DUMP = 0x300;
        const _ = !0;
    }
}

/// Writes a message at the beginning of `buffer`, and returns its bytes including the padding:
/// `nlmsghdr`.
///
/// # Errors
///
/// [`Errno::MSGSIZE`]: `buffer` is shorter.
///
/// # Examples
///
/// ```
/// use rawipc::socket::netlink::message::{self, Flags, Messages};
///
/// let mut buffer = [0; 64];
/// let written = message::write(&mut buffer, 20, Flags::REQUEST, 1, b"hello")?;
/// assert_eq!(written.len(), 16 + 8);
/// let message = Messages::new(written).next().unwrap();
/// assert_eq!((message.kind, message.body), (20, &b"hello"[..]));
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "nlmsghdr")]
pub fn write<'a>(
    buffer: &'a mut [u8],
    kind: u16,
    flags: Flags,
    sequence: u32,
    body: &[u8],
) -> Result<&'a [u8]> {
    let len = HEADER + body.len();
    let buffer = buffer
        .get_mut(..len.next_multiple_of(ALIGN))
        .ok_or(Errno::MSGSIZE)?;
    let number = u32::try_from(len).map_err(|_| Errno::MSGSIZE)?;
    let parts: [&[u8]; 6] = [
        &number.to_ne_bytes(),
        &kind.to_ne_bytes(),
        &flags.bits().to_ne_bytes(),
        &sequence.to_ne_bytes(),
        // The kernel knows who sends.
        &[0; 4],
        body,
    ];
    let bytes = parts.into_iter().flatten().chain(&[0; ALIGN]);
    for (slot, byte) in buffer.iter_mut().zip(bytes) {
        *slot = *byte;
    }
    Ok(buffer)
}

/// An iterator over the netlink messages in a datagram.
///
/// # Examples
///
/// ```
/// use rawipc::socket::netlink::message::{self, Flags, Messages};
///
/// let mut buffer = [0; 64];
/// let first = message::write(&mut buffer, 20, Flags::REQUEST, 1, b"one")?.len();
/// let second = message::write(&mut buffer[first..], 20, Flags::REQUEST, 2, b"two")?.len();
/// let sequences = Messages::new(&buffer[..first + second]).map(|message| message.sequence);
/// assert!(sequences.eq([1, 2]));
/// assert_eq!(Messages::new(b"nonsense").next(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
}

/// One netlink message.
///
/// # Examples
///
/// ```
/// use rawipc::socket::netlink::message::{self, Flags, Messages};
///
/// let mut buffer = [0; 64];
/// let bytes = message::write(&mut buffer, 20, Flags::REQUEST, 7, b"body")?;
/// let message = Messages::new(bytes).next().ok_or("it was written")?;
/// assert_eq!((message.kind, message.sequence, message.body), (20, 7, &b"body"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The type of the message: below 16 common to all protocols (see
    /// [`content`](Self::content)), else specific to the protocol.
    pub kind: u16,
    /// The flags of the message.
    pub flags: Flags,
    /// The sequence number of the request, which its answers repeat.
    pub sequence: u32,
    /// The port of the sender or the receiver, as the sender wrote it.
    pub port: u32,
    /// What follows the header.
    pub body: &'a [u8],
}

/// The content of a netlink message.
///
/// # Examples
///
/// ```
/// use rawipc::socket::netlink::message::{self, Content, Flags, Messages};
///
/// let mut buffer = [0; 64];
/// let bytes = message::write(&mut buffer, 20, Flags::MULTI, 7, b"body")?; // an answer
/// for message in Messages::new(bytes) {
///     match message.content() {
///         Content::Data(body) => assert_eq!(body, b"body"),
///         Content::Done(result) | Content::Acknowledged(result) => result?,
///         Content::Overrun => println!("something is lost: ask again"),
///         _ => {}
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content<'a> {
    /// `NLMSG_ERROR`: a request succeeded or failed. [`Errno::BADMSG`] if the message is
    /// truncated, or its number is not that of an error.
    Acknowledged(Result<()>),
    /// `NLMSG_DONE`: the end of an answer in several messages, or the error that ended it
    /// early.
    Done(Result<()>),
    /// `NLMSG_OVERRUN`: data was lost.
    Overrun,
    /// The body of a message of the protocol.
    Data(&'a [u8]),
    /// A message that means nothing, such as `NLMSG_NOOP`.
    Other,
}

impl<'a> Messages<'a> {
    /// Creates an iterator over the messages in `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The bytes that are not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        // Whatever is left when a message is not wholly there is no message.
        let rest = core::mem::take(&mut self.rest);
        let mut header = Fields(rest);
        let len = header.u32()? as usize;
        let message = Message {
            kind: header.u16()?,
            flags: Flags::from_bits_retain(header.u16()?),
            sequence: header.u32()?,
            port: header.u32()?,
            body: rest.get(HEADER..len)?,
        };
        self.rest = after(rest, len);
        Some(message)
    }
}

impl<'a> Message<'a> {
    /// Returns the content of the message.
    #[must_use]
    pub fn content(&self) -> Content<'a> {
        match self.kind {
            ERROR => Content::Acknowledged(match Fields(self.body).u32() {
                Some(number) => outcome(number),
                None => Err(Errno::BADMSG),
            }),
            // Not all say how it ended.
            DONE => Content::Done(Fields(self.body).u32().map_or(Ok(()), outcome)),
            OVERRUN => Content::Overrun,
            16.. => Content::Data(self.body),
            _ => Content::Other,
        }
    }
}

/// What a number says that is 0, the length of an answer, or an error's negative.
fn outcome(number: u32) -> Result<()> {
    match number.cast_signed() {
        0.. => Ok(()),
        errno @ -4095.. => Err(Errno::from_raw_os_error(errno.wrapping_neg())),
        _ => Err(Errno::BADMSG),
    }
}

/// An iterator over attributes: the type and the body of each.
///
/// ```
/// use rawipc::socket::netlink::message::Attributes;
///
/// let mut bytes = [0; 12];
/// bytes[..2].copy_from_slice(&5_u16.to_ne_bytes());
/// bytes[2..4].copy_from_slice(&2_u16.to_ne_bytes());
/// bytes[4] = b'x';
/// let mut attributes = Attributes::new(&bytes);
/// assert_eq!(attributes.next(), Some((2, &b"x"[..])));
/// // What is left has length 0 and cannot be one.
/// assert_eq!(attributes.next(), None);
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "nlattr")]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// Creates an iterator over the attributes in `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        /// Nested, or in the order of networks: not a part of the kind.
        const FLAGS: u16 = 0xc000;
        let rest = core::mem::take(&mut self.rest);
        let mut header = Fields(rest);
        let len = usize::from(header.u16()?);
        let kind = header.u16()? & !FLAGS;
        let body = rest.get(4..len)?;
        self.rest = after(rest, len);
        Some((kind, body))
    }
}

/// What is in `bytes` behind a thing of `len` bytes and its padding. The thing has a
/// header at least, so that there is an end.
fn after(bytes: &[u8], len: usize) -> &[u8] {
    let next = len.checked_next_multiple_of(ALIGN);
    next.and_then(|next| bytes.get(next..)).unwrap_or_default()
}

/// Numbers that stand one behind another.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_ne_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_ne_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_ne_bytes)
    }
}
