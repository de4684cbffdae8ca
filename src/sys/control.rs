//! Control messages, `cmsg(3)`: writing them and reading them, on bytes alone.

use core::mem::{MaybeUninit, offset_of, size_of};

use linux_raw_sys::net::{SCM_CREDENTIALS, SCM_RIGHTS, SCM_SECURITY, SOL_SOCKET, cmsghdr, ucred};
use rustix::fd::{AsRawFd, BorrowedFd, RawFd};
use rustix::process::{Gid, Uid};
use static_assertions::const_assert_eq;

use super::pid::number_or_zero;
use crate::{Errno, Pid, Result};

const_assert_eq!(size_of::<cmsghdr>(), 16);
const_assert_eq!(offset_of!(cmsghdr, cmsg_len), 0);
const_assert_eq!(offset_of!(cmsghdr, cmsg_level), 8);
const_assert_eq!(offset_of!(cmsghdr, cmsg_type), 12);
const_assert_eq!(size_of::<ucred>(), 12);
const_assert_eq!(offset_of!(ucred, uid), 4);
const_assert_eq!(offset_of!(ucred, gid), 8);

/// Not in the kernel headers that linux-raw-sys is made from.
pub(crate) const SCM_PIDFD: u32 = 4;

/// The length of a control message's header.
const HEADER: usize = size_of::<cmsghdr>();

/// The maximum number of descriptors in one message: the kernel's `SCM_MAX_FD`.
pub const MAX_DESCRIPTORS: usize = 253;

/// Words of one `SCM_RIGHTS` and one `SCM_CREDENTIALS` message, the longest that
/// is ever written.
const WORDS: usize = (2 + MAX_DESCRIPTORS.div_ceil(2)) + (2 + 2);

/// The credentials of a process that sent a message or made a connection: `SCM_CREDENTIALS` and
/// `SO_PEERCRED` of `unix(7)`.
///
/// # Examples
///
/// ```
/// use rawipc::socket::message::Credentials;
/// use rawipc::socket::{UnixAddress, option, stream};
///
/// let listener = stream::listen(&UnixAddress::UNNAMED)?;
/// let _client = stream::connect(&listener.address()?)?;
/// let (server, _) = listener.accept()?;
/// let peer = option::peer_credentials(&server)?;
/// if peer.uid != Credentials::own().uid {
///     return Err("another user's process".into());
/// }
/// println!("process {:?} has connected", peer.pid);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The process; `None` if it is not visible in this PID namespace.
    pub pid: Option<Pid>,
    /// The user.
    pub uid: Uid,
    /// The group.
    pub gid: Gid,
}

impl Credentials {
    /// Returns those of the calling process: its number, and its *real* user and group.
    #[must_use]
    pub fn own() -> Self {
        Self {
            pid: Some(rustix::process::getpid()),
            uid: rustix::process::getuid(),
            gid: rustix::process::getgid(),
        }
    }

    pub(crate) fn from_raw([pid, uid, gid]: [u32; 3]) -> Self {
        Self {
            // A number below 1 names no process.
            pid: i32::try_from(pid).ok().and_then(Pid::from_raw),
            uid: Uid::from_raw_unchecked(uid),
            gid: Gid::from_raw_unchecked(gid),
        }
    }

    fn to_raw(self) -> Result<[u32; 3]> {
        let pid = number_or_zero(self.pid)?;
        Ok([pid.cast_unsigned(), self.uid.as_raw(), self.gid.as_raw()])
    }
}

/// Control messages encoded as the kernel reads them: the bytes for `msg_control`.
///
/// Made by [`Outgoing::encode`](crate::socket::message::Outgoing::encode), for
/// programs that make the system call themselves, through `io_uring` for example.
///
/// # Examples
///
/// ```
/// use rawipc::AsFd;
/// use rawipc::socket::message::{Messages, Outgoing};
///
/// let stdin = std::io::stdin();
/// let descriptors = [stdin.as_fd()];
/// let encoded = Outgoing::new().descriptors(&descriptors).encode()?;
/// let control = encoded.as_bytes(); // for `msg_control` and `msg_controllen`
/// assert_eq!(Messages::new(control).count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Encoded {
    words: [MaybeUninit<u64>; WORDS],
    /// How many of the words are written.
    written: usize,
}

impl Encoded {
    pub(crate) fn new(
        descriptors: &[BorrowedFd<'_>],
        credentials: Option<Credentials>,
    ) -> Result<Self> {
        let mut encoded = Self {
            words: [MaybeUninit::uninit(); WORDS],
            written: 0,
        };
        if descriptors.len() > MAX_DESCRIPTORS {
            // What the kernel would say.
            return Err(Errno::INVAL);
        }
        if let Some(credentials) = credentials {
            encoded.push(SCM_CREDENTIALS, credentials.to_raw()?.into_iter());
        }
        if !descriptors.is_empty() {
            let numbers = descriptors.iter().map(|fd| fd.as_raw_fd().cast_unsigned());
            encoded.push(SCM_RIGHTS, numbers);
        }
        Ok(encoded)
    }

    /// Appends a message of 32-bit numbers, which all kinds that can be sent are.
    fn push(&mut self, kind: u32, mut numbers: impl ExactSizeIterator<Item = u32>) {
        self.word((HEADER + 4 * numbers.len()) as u64);
        self.word(pair(SOL_SOCKET, kind));
        while let Some(first) = numbers.next() {
            self.word(pair(first, numbers.next().unwrap_or(0)));
        }
    }

    fn word(&mut self, word: u64) {
        // There is room for the longest of each kind, each pushed once.
        if let Some(slot) = self.words.get_mut(self.written) {
            slot.write(word);
            self.written += 1;
        }
    }

    /// Returns the bytes, aligned as the kernel wants them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        let first = self.words.as_ptr().cast::<u8>();
        // SAFETY: the first `written` of the words, which are in bounds, are
        // initialized: `word` counts one after it wrote it. Words have no padding.
        unsafe { core::slice::from_raw_parts(first, self.written * size_of::<u64>()) }
    }
}

impl core::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list()
            .entries(Messages::new(self.as_bytes()))
            .finish()
    }
}

/// Two 32-bit numbers as they follow each other in memory.
fn pair(first: u32, second: u32) -> u64 {
    let [a, b, c, d] = first.to_ne_bytes();
    let [e, f, g, h] = second.to_ne_bytes();
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

/// An iterator over the control messages in the bytes of `msg_control`.
///
/// Safe on any bytes: a message that is not wholly there ends the list. It only
/// tells what the bytes say: the numbers of descriptors are numbers here, and
/// whether they are descriptors, and whose, is for the caller to know.
///
/// ```
/// use rawipc::socket::message::{Content, Messages, Outgoing};
/// use rawipc::AsFd;
///
/// let stdin = std::io::stdin();
/// let descriptors = [stdin.as_fd()];
/// let encoded = Outgoing::new().descriptors(&descriptors).encode()?;
/// let mut messages = Messages::new(encoded.as_bytes());
/// let Some(Content::Descriptors(mut numbers)) = messages.next().map(|m| m.content()) else {
///     panic!("descriptors were encoded");
/// };
/// assert_eq!(numbers.next(), Some(0));
/// assert_eq!(messages.next(), None);
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
}

/// One control message.
///
/// # Examples
///
/// ```
/// use rawipc::socket::message::{Credentials, Messages, Outgoing};
///
/// // What a program has received by a call of its own.
/// let control = Outgoing::new().credentials(Credentials::own()).encode()?;
/// for message in Messages::new(control.as_bytes()) {
///     println!("level {}, type {}: {} bytes", message.level, message.kind, message.body.len());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The protocol it belongs to, such as `SOL_SOCKET`.
    pub level: u32,
    /// Its type in that protocol.
    pub kind: u32,
    /// Its body.
    pub body: &'a [u8],
}

/// The content of a control message of a UNIX socket.
///
/// # Examples
///
/// ```
/// use rawipc::socket::message::{Content, Credentials, Messages, Outgoing};
///
/// let control = Outgoing::new().credentials(Credentials::own()).encode()?;
/// for message in Messages::new(control.as_bytes()) {
///     match message.content() {
///         Content::Credentials(sender) => assert_eq!(sender, Credentials::own()),
///         Content::Descriptors(numbers) => println!("{} descriptors", numbers.len()),
///         other => println!("{other:?}"),
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Content<'a> {
    /// `SCM_RIGHTS`: the numbers that passed descriptors have in this process.
    Descriptors(Numbers<'a>),
    /// `SCM_CREDENTIALS`: the credentials of the sender, checked by the kernel.
    Credentials(Credentials),
    /// `SCM_PIDFD`: the number of a pidfd of the sender, or why the kernel could not make one.
    Pidfd(Result<RawFd>),
    /// `SCM_SECURITY`: the security label of the sender.
    Label(&'a [u8]),
    /// Anything else, or one of these with a malformed body.
    Other,
}

/// An iterator over the numbers in the body of a control message.
///
/// # Examples
///
/// ```
/// use rawipc::socket::message::{Content, Messages, Outgoing};
/// use rawipc::{AsFd, AsRawFd};
///
/// let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
/// let descriptors = [stdin.as_fd(), stdout.as_fd()];
/// let control = Outgoing::new().descriptors(&descriptors).encode()?;
/// let first = Messages::new(control.as_bytes()).next().ok_or("nothing was encoded")?;
/// let Content::Descriptors(numbers) = first.content() else { return Err("others".into()) };
/// assert!(numbers.eq([stdin.as_raw_fd(), stdout.as_raw_fd()]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Numbers<'a> {
    rest: core::slice::Iter<'a, [u8; 4]>,
}

impl<'a> Messages<'a> {
    /// Creates an iterator over the messages in `bytes`, of which the caller passes as many as
    /// the kernel wrote.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        // Whatever is left when a message is not wholly there is no message.
        let rest = core::mem::take(&mut self.rest);
        let (len, level, kind) = header(rest)?;
        let body = rest.get(HEADER..len)?;
        // The last message need not be padded. Each step takes a header at
        // least, so that there is an end.
        let next = len.checked_next_multiple_of(size_of::<usize>());
        self.rest = next.and_then(|next| rest.get(next..)).unwrap_or_default();
        Some(Message { level, kind, body })
    }
}

fn header(bytes: &[u8]) -> Option<(usize, u32, u32)> {
    let (len, bytes) = bytes.split_first_chunk()?;
    let (level, bytes) = bytes.split_first_chunk()?;
    let (kind, _) = bytes.split_first_chunk()?;
    Some((
        usize::from_ne_bytes(*len),
        u32::from_ne_bytes(*level),
        u32::from_ne_bytes(*kind),
    ))
}

impl<'a> Message<'a> {
    /// Returns the content of the message, if it is one of a UNIX socket's.
    #[must_use]
    pub fn content(&self) -> Content<'a> {
        let mut numbers = Numbers::new(self.body);
        match (self.level, self.kind) {
            (SOL_SOCKET, SCM_RIGHTS) => Content::Descriptors(numbers),
            (SOL_SOCKET, SCM_CREDENTIALS) => {
                match (numbers.unsigned(), numbers.unsigned(), numbers.unsigned()) {
                    (Some(pid), Some(uid), Some(gid)) => {
                        Content::Credentials(Credentials::from_raw([pid, uid, gid]))
                    }
                    _ => Content::Other,
                }
            }
            (SOL_SOCKET, SCM_PIDFD) => match numbers.next() {
                Some(number @ 0..) => Content::Pidfd(Ok(number)),
                // Anything below the error numbers is none of the kernel's.
                Some(errno @ -4095..) => {
                    Content::Pidfd(Err(Errno::from_raw_os_error(errno.wrapping_neg())))
                }
                _ => Content::Other,
            },
            (SOL_SOCKET, SCM_SECURITY) => Content::Label(self.body),
            _ => Content::Other,
        }
    }
}

impl<'a> Numbers<'a> {
    fn new(body: &'a [u8]) -> Self {
        // Bytes at the end that are no whole number are none.
        Self {
            rest: body.as_chunks().0.iter(),
        }
    }

    fn unsigned(&mut self) -> Option<u32> {
        self.rest.next().map(|bytes| u32::from_ne_bytes(*bytes))
    }
}

impl Iterator for Numbers<'_> {
    type Item = i32;

    fn next(&mut self) -> Option<i32> {
        self.unsigned().map(u32::cast_signed)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rest.size_hint()
    }
}

impl ExactSizeIterator for Numbers<'_> {}
