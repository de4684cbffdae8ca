//! Any bytes for whatever reads bytes from outside without a system call: no panic, no
//! endless list, and nothing is said to be where there are no bytes.
#![no_main]

use core::net::SocketAddr;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::Pid;
use rawipc::event::inotify::Events;
use rawipc::posix::Name;
use rawipc::signal::Info;
use rawipc::socket::address::{Address, Raw};
use rawipc::socket::message::{self, Content, Credentials, Gid, Outgoing, Uid};
use rawipc::socket::netlink::message::{self as netlink, Attributes, Flags};
use rawipc::socket::netlink::{NetlinkAddress, diag, process};
use rawipc::socket::vsock::VsockAddress;
use rawipc::socket::{UnixAddress, address};

#[derive(Arbitrary, Debug)]
enum Bytes<'a> {
    Control(&'a [u8]),
    Netlink(&'a [u8]),
    Attributes(&'a [u8]),
    Diag(&'a [u8]),
    Process(&'a [u8]),
    Inotify(&'a [u8]),
    Signal([u8; 128]),
    Address(&'a [u8]),
    Name(&'a [u8]),
    WrittenControl {
        pid: i32,
        uid: u32,
        gid: u32,
    },
    WrittenNetlink {
        kind: u16,
        flags: u16,
        sequence: u32,
        body: &'a [u8],
        room: u16,
    },
}

/// Panics unless `part` lies in `whole`.
fn within(part: &[u8], whole: &[u8]) {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    let nothing = part.start == part.end;
    assert!(nothing || whole.start <= part.start && part.end <= whole.end);
}

/// The items, which must end after as many as there are headers of `header` bytes.
fn counted<T>(items: impl Iterator<Item = T>, bytes: &[u8], header: usize) -> Vec<T> {
    let most = bytes.len() / header;
    let items: Vec<T> = items.take(most + 1).collect();
    assert!(items.len() <= most, "{} of {most}", items.len());
    items
}

fn control(bytes: &[u8]) {
    for message in counted(message::Messages::new(bytes), bytes, 16) {
        within(message.body, bytes);
        match message.content() {
            Content::Descriptors(numbers) => assert_eq!(numbers.count(), message.body.len() / 4),
            Content::Pidfd(Ok(number)) => assert!(number >= 0),
            Content::Label(label) => within(label, bytes),
            _ => {}
        }
    }
}

fn attributes(bytes: &[u8], depth: u32) {
    for (_, body) in counted(Attributes::new(bytes), bytes, 4) {
        within(body, bytes);
        if depth > 0 {
            attributes(body, depth - 1);
        }
    }
}

fn diag_record(body: &[u8]) {
    let Some(record) = diag::Record::parse(body) else {
        return;
    };
    assert!(body.len() >= 16);
    assert!(record.pending().count() <= body.len() / 4);
    let _ = (record.name(), record.file(), record.peer(), record.queue());
    let _ = (record.memory(), record.shutdown(), record.uid());
    let _ = format!("{record:?}");
}

fn netlink(bytes: &[u8]) {
    for message in counted(netlink::Messages::new(bytes), bytes, 16) {
        within(message.body, bytes);
        if let netlink::Content::Data(body) = message.content() {
            assert_eq!(body, message.body);
        }
        attributes(message.body, 2);
        diag_record(message.body);
        let _ = process::Event::parse(message.body);
    }
}

fn inotify(bytes: &[u8]) {
    for record in counted(Events::parse(bytes), bytes, 16) {
        if let Some(name) = record.name() {
            within(name, bytes);
            assert!(!name.is_empty() && !name.contains(&0));
        }
        assert!(record.watch().is_none_or(|watch| watch.number() >= 0));
        let _ = format!("{record:?}");
    }
}

/// An address that is read from the bytes and written again is the same.
fn socket_address(bytes: &[u8]) {
    fn again<A: Address + PartialEq + core::fmt::Debug>(raw: &Raw) {
        if let Ok(address) = A::from_raw(raw) {
            let _ = format!("{address:?}");
            assert_eq!(A::from_raw(&address.to_raw()), Ok(address));
        }
    }
    let Ok(raw) = Raw::new(bytes) else {
        assert!(bytes.len() > 128);
        return;
    };
    assert_eq!(raw.as_bytes(), bytes);
    again::<UnixAddress>(&raw);
    again::<NetlinkAddress>(&raw);
    again::<VsockAddress>(&raw);
    again::<SocketAddr>(&raw);
    if let Ok(unix) = UnixAddress::from_raw(&raw) {
        match unix.name() {
            address::Name::Pathname(path) => assert!(path.len() <= 108),
            address::Name::Abstract(name) => assert!(name.len() <= 107),
            _ => {}
        }
    }
}

fuzz_target!(|input: Bytes<'_>| {
    match input {
        Bytes::Control(bytes) => control(bytes),
        Bytes::Netlink(bytes) => netlink(bytes),
        Bytes::Attributes(bytes) => attributes(bytes, 4),
        Bytes::Diag(bytes) => diag_record(bytes),
        Bytes::Process(bytes) => {
            if let Some(event) = process::Event::parse(bytes) {
                let _ = format!("{event:?}");
            }
        }
        Bytes::Inotify(bytes) => inotify(bytes),
        Bytes::Signal(bytes) => {
            let info = Info::from_bytes(bytes);
            assert_eq!(info.to_bytes(), bytes);
            let _ = format!("{info:?}");
        }
        Bytes::Address(bytes) => socket_address(bytes),
        Bytes::Name(bytes) => {
            if let Ok(name) = Name::try_from(bytes) {
                let _ = format!("{name:?}");
            }
        }
        Bytes::WrittenControl { pid, uid, gid } => {
            let credentials = Credentials {
                pid: Pid::from_raw(pid.wrapping_abs().max(1)),
                uid: Uid::from_raw_unchecked(uid),
                gid: Gid::from_raw_unchecked(gid),
            };
            let outgoing = Outgoing::new().credentials(credentials);
            let encoded = outgoing.encode().expect("few enough");
            let mut read = message::Messages::new(encoded.as_bytes());
            let content = read.next().map(|message| message.content());
            assert!(matches!(content, Some(Content::Credentials(read)) if read == credentials));
            assert_eq!(read.next(), None);
        }
        Bytes::WrittenNetlink {
            kind,
            flags,
            sequence,
            body,
            room,
        } => {
            let mut buffer = vec![0xff; usize::from(room)];
            let flags = Flags::from_bits_retain(flags);
            let Ok(written) = netlink::write(&mut buffer, kind, flags, sequence, body) else {
                assert!(usize::from(room) < (16 + body.len()).next_multiple_of(4));
                return;
            };
            let mut read = netlink::Messages::new(written);
            let message = read.next().expect("what was written");
            assert_eq!((message.kind, message.flags), (kind, flags));
            assert_eq!((message.sequence, message.body), (sequence, body));
            assert_eq!(read.next(), None);
        }
    }
});
