//! Every call that can wait, in a storm of signals: one every 100 microseconds to the
//! thread that waits. The plain thin calls say so and have done nothing; those with a
//! deadline, and all of whole messages, of `sync` and of `ring`, go on until their
//! deadline. What does not wait never says it. Nothing is lost, and nothing succeeds that
//! did not happen.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::fmt::Debug;
use core::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::thread;

use rawipc::{Deadline, Errno, IoSlice, IoSliceMut, Short};
use support::interrupted::When::{GoesOn, Returns};
use support::interrupted::*;
use support::{Child, End, Folder, LIMIT, LeakCheck, Storm, source};

fn file_in(folder: &Folder) -> File {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    options.open(folder.at("file")).unwrap()
}

// --- That none is left out ---

/// Calls with a deadline that are not tried, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "socket::netlink::process::next",
        "what happens on the whole machine comes at any time; it waits as socket::netlink::recv",
    ),
    (
        "thread::handle::wait",
        "threads are for programs without libc; it waits as sync::futex::wait",
    ),
];

/// Every public function that takes a deadline stands in some `storm.rs` of tests/ by its name, as
/// that of a file, without `_until`: `pipe::reader::read` for `read_until` of src/pipe/reader.rs.
#[test]
fn every_call_with_a_deadline_is_tried() {
    let mut calls = Vec::new();
    for (file, text) in source::files() {
        with_deadline(&source::module(&file), &text, &mut calls);
    }
    assert!(calls.len() > 80, "only {} were found", calls.len());
    let storms = source::tests_named("storm");
    calls.retain(|call| !storms.contains(&format!("\"{call}\"")));
    assert!(calls.is_empty(), "not tried in a storm: {calls:#?}");
    for (call, _why) in LEFT_OUT {
        let said = storms.matches(&format!("\"{call}\"")).count();
        assert_eq!(said, 1, "{call} is tried after all");
    }
}

/// Adds the calls of a file, which is the module `module`.
fn with_deadline(module: &str, text: &str, calls: &mut Vec<String>) {
    for definition in text.split("pub ").skip(1) {
        let definition = definition.strip_prefix("unsafe ").unwrap_or(definition);
        let Some(definition) = definition.strip_prefix("fn ") else {
            continue;
        };
        let signature = definition.split(['{', ';']).next().unwrap_or_default();
        if signature.contains(": Deadline") {
            let name = signature.split(['(', '<']).next().unwrap_or_default();
            let name = name.strip_suffix("_until").unwrap_or(name);
            calls.push(format!("{module}{name}"));
        }
    }
}

// --- The calls ---

mod pipes {
    use super::*;
    use rawipc::memory::memfd::{self, MemfdFlags};
    use rawipc::pipe::{self, PipeFlags, Reader, SpliceFlags, VmspliceFlags, WriteFlags, Writer};

    fn create() -> (Reader, Writer) {
        pipe::create(PipeFlags::empty()).unwrap()
    }

    fn file() -> File {
        let fd = memfd::create("storm", MemfdFlags::empty()).unwrap();
        let mut file = File::from(std::os::fd::OwnedFd::from(fd));
        file.write_all(&[1; 64]).unwrap();
        file
    }

    #[test]
    fn reading() {
        let _check = LeakCheck::begin();
        let (reader, _writer) = create();
        let (_copies, to) = create();
        let (file, none) = (file(), SpliceFlags::empty());
        thin(
            "pipe::reader::read",
            || reader.read(&mut [0; 8]),
            |deadline| reader.read_until(&mut [0; 8], deadline),
        );
        thin(
            "pipe::reader::readv",
            || reader.readv(&mut [IoSliceMut::new(&mut [0; 8])]),
            |deadline| reader.readv_until(&mut [IoSliceMut::new(&mut [0; 8])], deadline),
        );
        keeps_its_deadline("pipe::reader::read_full", GoesOn, |deadline| {
            reader.read_full_until(&mut [0; 8], deadline)
        });
        thin(
            "pipe::splice::splice_to",
            || reader.splice_to(&file, None, 8, none),
            |deadline| reader.splice_to_until(&file, None, 8, none, deadline),
        );
        thin(
            "pipe::splice::tee",
            || reader.tee(&to, 8),
            |deadline| reader.tee_until(&to, 8, deadline),
        );
        thin(
            "pipe::vmsplice::vmsplice",
            || reader.vmsplice(&mut [IoSliceMut::new(&mut [0; 8])]),
            |deadline| reader.vmsplice_until(&mut [IoSliceMut::new(&mut [0; 8])], deadline),
        );
        is_not_interrupted("pipe::splice::try_splice_to", Errno::AGAIN, || {
            reader.try_splice_to(&file, None, 8, none)
        });
        is_not_interrupted("pipe::splice::try_tee", Errno::AGAIN, || {
            reader.try_tee(&to, 8)
        });
        is_not_interrupted("pipe::vmsplice::try_vmsplice", Errno::AGAIN, || {
            reader.try_vmsplice(&mut [IoSliceMut::new(&mut [0; 8])])
        });
        is_not_interrupted("pipe::reader::try_read", Errno::AGAIN, || {
            reader.try_read(&mut [0; 8])
        });
        assert_eq!(reader.bytes_waiting(), Ok(0));
    }

    #[test]
    fn writing() {
        let _check = LeakCheck::begin();
        let (reader, writer) = create();
        let (source, to_source) = create();
        to_source.write(&[2; 8]).unwrap();
        let (file, none) = (file(), SpliceFlags::empty());
        let full = writer.capacity().unwrap();
        writer.write_all(&vec![0; full]).unwrap();
        let more = [IoSlice::new(b"more")];
        let (no_flags, gift) = (WriteFlags::empty(), VmspliceFlags::empty());
        thin(
            "pipe::writer::write",
            || writer.write(b"more"),
            |deadline| writer.write_until(b"more", deadline),
        );
        thin(
            "pipe::writer::writev",
            || writer.writev(&more, no_flags),
            |deadline| writer.writev_until(&more, no_flags, deadline),
        );
        keeps_its_deadline("pipe::writer::write_all", GoesOn, |deadline| {
            writer.write_all_until(b"more", deadline)
        });
        thin(
            "pipe::splice::splice_from",
            || writer.splice_from(&file, Some(&mut 0), 8, none),
            |deadline| writer.splice_from_until(&file, Some(&mut 0), 8, none, deadline),
        );
        thin(
            "pipe::splice::tee",
            || source.tee(&writer, 8),
            |deadline| source.tee_until(&writer, 8, deadline),
        );
        thin(
            "pipe::vmsplice::vmsplice_static",
            || writer.vmsplice_static(b"more"),
            |deadline| writer.vmsplice_static_until(b"more", deadline),
        );
        thin(
            "pipe::vmsplice::vmsplice",
            // SAFETY: a constant does not change.
            || unsafe { writer.vmsplice(&more, gift) },
            // SAFETY: as above.
            |deadline| unsafe { writer.vmsplice_until(&more, gift, deadline) },
        );
        assert_eq!(reader.bytes_waiting(), Ok(full));
        assert_eq!(source.bytes_waiting(), Ok(8));
    }

    #[test]
    fn both() {
        let _check = LeakCheck::begin();
        let (reader, writer) = create();
        // Room for one page: each number takes a page.
        writer.set_capacity(4096).unwrap();
        let page = |number: u32| {
            let mut page = [0; 4096];
            page[..4].copy_from_slice(&number.to_ne_bytes());
            page
        };
        let number = |page: &[u8; 4096]| decode(*page.first_chunk().unwrap());
        all_arrive(
            "pipe::writer::write and pipe::reader::read",
            Returns,
            |n| {
                let page = page(n);
                let len = in_turn!(n, || writer.write(&page), |d| writer.write_until(&page, d))?;
                assert_eq!(len, page.len());
                Ok::<_, Errno>(())
            },
            |n| {
                let mut page = [0; 4096];
                let len = in_turn!(n, || reader.read(&mut page), |d| reader
                    .read_until(&mut page, d),);
                len.map(|len| assert_eq!(len, 4096))?;
                Ok::<_, Errno>(number(&page))
            },
        );
        all_arrive(
            "pipe::writer::write_all and pipe::reader::read_full",
            GoesOn,
            |n| {
                let pages = [page(n), page(n)].concat();
                in_turn!(n, || writer.write_all(&pages), |d| writer
                    .write_all_until(&pages, d),)
            },
            |n| {
                let mut pages = [[0; 4096]; 2];
                let all = pages.as_flattened_mut();
                let len = in_turn!(n, || reader.read_full(all), |d| reader
                    .read_full_until(all, d),)?;
                assert_eq!((len, pages[0]), (8192, pages[1]));
                Ok::<_, Short>(number(&pages[0]))
            },
        );
        assert_eq!(reader.bytes_waiting(), Ok(0));
    }

    #[test]
    fn fifos() {
        use rawipc::pipe::fifo::{self, OpenFlags};
        let _check = LeakCheck::begin();
        let folder = Folder::new("storm-fifo");
        let path = folder.at("fifo");
        fifo::create(&path).unwrap();
        thin(
            "pipe::fifo::open::open_reader",
            || fifo::open_reader(&path),
            |deadline| fifo::open_reader_until(&path, deadline),
        );
        thin(
            "pipe::fifo::open::open_writer",
            || fifo::open_writer(&path),
            |deadline| fifo::open_writer_until(&path, deadline),
        );
        let (here, none) = (rustix::fs::CWD, OpenFlags::empty());
        keeps_its_deadline("pipe::fifo::open::open_reader_at", GoesOn, |deadline| {
            fifo::open_reader_at(here, &path, none, deadline)
        });
        keeps_its_deadline("pipe::fifo::open::open_writer_at", GoesOn, |deadline| {
            fifo::open_writer_at(here, &path, none, deadline)
        });
        // Nobody is left in it.
        assert_eq!(fifo::try_open_writer(&path).unwrap_err(), Errno::AGAIN);
    }
}

mod sockets {
    use super::*;
    use rawipc::socket::many::Slot;
    use rawipc::socket::message::{Incoming, Outgoing};
    use rawipc::socket::netlink::{self, Protocol};
    use rawipc::socket::{BindOptions, UnixAddress, datagram, option, seqpacket, stream};

    /// The smallest buffer that the kernel allows, so that few messages fill it.
    fn narrow(socket: impl AsFd) {
        option::set_send_buffer(socket, 1).unwrap();
    }

    #[test]
    fn streams() {
        let _check = LeakCheck::begin();
        let (one, other) = stream::pair().unwrap();
        narrow(&one);
        narrow(&other);
        let mut incoming = Incoming::<1>::new();
        let buffer = &mut [0; 8];
        thin(
            "socket::stream::recv",
            || one.recv(&mut [0; 8]),
            |deadline| one.recv_until(&mut [0; 8], deadline),
        );
        is_not_interrupted("socket::stream::try_recv", Errno::AGAIN, || {
            one.try_recv(&mut [0; 8])
        });
        thin(
            "socket::stream::peek",
            || one.peek(&mut [0; 8]),
            |deadline| one.peek_until(&mut [0; 8], deadline),
        );
        is_interrupted("socket::stream::message::recv_message", || {
            one.recv_message(&mut [IoSliceMut::new(buffer)], &mut incoming)
        });
        keeps_its_deadline(
            "socket::stream::message::recv_message",
            GoesOn,
            |deadline| {
                one.recv_message_until(&mut [IoSliceMut::new(buffer)], &mut incoming, deadline)
            },
        );
        keeps_its_deadline("socket::stream::whole::recv_exact", GoesOn, |deadline| {
            one.recv_exact_until(&mut [0; 8], deadline)
        });

        let page = [7; 1024];
        let mut sent = 0;
        exhaust(|| one.try_send(&page).inspect(|len| sent += len));
        exhaust(|| one.try_send(b"x").inspect(|len| sent += len));
        let (more, nothing) = ([IoSlice::new(b"more")], Outgoing::new());
        thin(
            "socket::stream::send",
            || one.send(b"more"),
            |deadline| one.send_until(b"more", deadline),
        );
        thin(
            "socket::stream::message::send_message",
            || one.send_message(&more, &nothing),
            |deadline| one.send_message_until(&more, &nothing, deadline),
        );
        thin(
            "socket::stream::oob::send_oob",
            || one.send_oob(1),
            |deadline| one.send_oob_until(1, deadline),
        );
        keeps_its_deadline("socket::stream::whole::send_all", GoesOn, |deadline| {
            one.send_all_until(b"more", deadline)
        });
        let mut came = 0;
        exhaust(|| other.try_recv(&mut [0; 4096]).inspect(|len| came += len));
        assert_eq!(came, sent);

        all_arrive(
            "socket::stream::send and recv",
            Returns,
            |n| {
                let bytes = n.to_ne_bytes();
                let len = in_turn!(n, || one.send(&bytes), |d| one.send_until(&bytes, d))?;
                assert_eq!(len, 4);
                Ok::<_, Errno>(())
            },
            |n| {
                let mut bytes = [0; 4];
                let len = in_turn!(n, || other.recv(&mut bytes), |d| other
                    .recv_until(&mut bytes, d),)?;
                assert_eq!(len, 4);
                Ok::<_, Errno>(decode(bytes))
            },
        );
        all_arrive(
            "socket::stream::whole::send_all and recv_exact",
            GoesOn,
            |n| {
                let bytes = n.to_ne_bytes().repeat(8192);
                in_turn!(n, || one.send_all(&bytes), |d| one
                    .send_all_until(&bytes, d),)
            },
            |n| {
                let mut bytes = [[0; 4]; 8192];
                let all = bytes.as_flattened_mut();
                in_turn!(n, || other.recv_exact(all), |d| other
                    .recv_exact_until(all, d),)?;
                assert!(bytes.iter().all(|number| *number == bytes[0]));
                Ok::<_, Short>(decode(bytes[0]))
            },
        );
    }

    #[test]
    fn datagrams() {
        let _check = LeakCheck::begin();
        let name = format!("rawipc-test-{}-storm", std::process::id());
        let at = UnixAddress::abstract_name(name.as_bytes()).unwrap();
        let receiver = datagram::bind(&at).unwrap();
        let sender = datagram::connect(&at).unwrap();
        let mut incoming = Incoming::<1>::new();
        let buffer = &mut [0; 8];
        thin(
            "socket::datagram::recv",
            || receiver.recv(&mut [0; 8]),
            |deadline| receiver.recv_until(&mut [0; 8], deadline),
        );
        thin(
            "socket::datagram::peek",
            || receiver.peek(&mut [0; 8]),
            |deadline| receiver.peek_until(&mut [0; 8], deadline),
        );
        thin(
            "socket::datagram::next_len",
            || receiver.next_len(),
            |deadline| receiver.next_len_until(deadline),
        );
        thin(
            "socket::datagram::addressed::recv_from",
            || receiver.recv_from::<UnixAddress>(&mut [0; 8]),
            |deadline| receiver.recv_from_until::<UnixAddress>(&mut [0; 8], deadline),
        );
        is_interrupted("socket::datagram::message::recv_message", || {
            receiver.recv_message(&mut [IoSliceMut::new(buffer)], &mut incoming)
        });
        keeps_its_deadline(
            "socket::datagram::message::recv_message",
            GoesOn,
            |deadline| {
                receiver.recv_message_until(&mut [IoSliceMut::new(buffer)], &mut incoming, deadline)
            },
        );
        is_interrupted("socket::datagram::addressed::recv_message_from", || {
            let bytes = &mut [IoSliceMut::new(buffer)];
            receiver.recv_message_from::<UnixAddress, 1, 0>(bytes, &mut incoming)
        });
        keeps_its_deadline(
            "socket::datagram::addressed::recv_message_from",
            GoesOn,
            |deadline| {
                let bytes = &mut [IoSliceMut::new(buffer)];
                receiver.recv_message_from_until::<UnixAddress, 1, 0>(
                    bytes,
                    &mut incoming,
                    deadline,
                )
            },
        );
        thin(
            "socket::datagram::many::recv_many",
            || receiver.recv_many(&mut [Slot::new(&mut [0; 8])]),
            |deadline| receiver.recv_many_until(&mut [Slot::new(&mut [0; 8])], deadline),
        );

        let full = exhaust(|| sender.try_send(b"full"));
        let (more, nothing) = ([IoSlice::new(b"more")], Outgoing::new());
        thin(
            "socket::datagram::send",
            || sender.send(b"more"),
            |deadline| sender.send_until(b"more", deadline),
        );
        thin(
            "socket::datagram::addressed::send_to",
            || sender.send_to(b"more", &at),
            |deadline| sender.send_to_until(b"more", &at, deadline),
        );
        thin(
            "socket::sending::send_message",
            || sender.send_message(&more, &nothing),
            |deadline| sender.send_message_until(&more, &nothing, deadline),
        );
        thin(
            "socket::datagram::addressed::send_message_to",
            || sender.send_message_to(&more, &nothing, &at),
            |deadline| sender.send_message_to_until(&more, &nothing, &at, deadline),
        );
        thin(
            "socket::sending::send_many",
            || sender.send_many(&more),
            |deadline| sender.send_many_until(&more, deadline),
        );
        thin(
            "socket::datagram::addressed::send_many_to",
            || sender.send_many_to(&more, &at),
            |deadline| sender.send_many_to_until(&more, &at, deadline),
        );
        let came = exhaust(|| match receiver.try_recv(&mut [0; 8]) {
            Ok(len) => {
                assert_eq!(len, 4);
                Ok(())
            }
            Err(error) => Err(error.errno().unwrap()),
        });
        assert_eq!(came, full);

        all_arrive(
            "socket::datagram::send and recv",
            Returns,
            |n| {
                let bytes = n.to_ne_bytes();
                in_turn!(n, || sender.send(&bytes), |d| sender.send_until(&bytes, d))
            },
            |n| {
                let mut bytes = [0; 4];
                let len = in_turn!(n, || receiver.recv(&mut bytes), |d| receiver
                    .recv_until(&mut bytes, d),);
                len.map(|len| assert_eq!(len, 4))?;
                Ok::<_, rawipc::socket::RecvError>(decode(bytes))
            },
        );
    }

    #[test]
    fn seqpackets() {
        let _check = LeakCheck::begin();
        let (one, other) = seqpacket::pair().unwrap();
        narrow(&one);
        let mut incoming = Incoming::<1>::new();
        let buffer = &mut [0; 8];
        thin(
            "socket::seqpacket::recv",
            || other.recv(&mut [0; 8]),
            |deadline| other.recv_until(&mut [0; 8], deadline),
        );
        thin(
            "socket::seqpacket::peek",
            || other.peek(&mut [0; 8]),
            |deadline| other.peek_until(&mut [0; 8], deadline),
        );
        thin(
            "socket::seqpacket::next_len",
            || other.next_len(),
            |deadline| other.next_len_until(deadline),
        );
        is_interrupted("socket::seqpacket::message::recv_message", || {
            other.recv_message(&mut [IoSliceMut::new(buffer)], &mut incoming)
        });
        keeps_its_deadline(
            "socket::seqpacket::message::recv_message",
            GoesOn,
            |deadline| {
                other.recv_message_until(&mut [IoSliceMut::new(buffer)], &mut incoming, deadline)
            },
        );
        thin(
            "socket::seqpacket::many::recv_many",
            || other.recv_many(&mut [Slot::new(&mut [0; 8])]),
            |deadline| other.recv_many_until(&mut [Slot::new(&mut [0; 8])], deadline),
        );

        let full = exhaust(|| one.try_send(b"full"));
        let (more, nothing) = ([IoSlice::new(b"more")], Outgoing::new());
        thin(
            "socket::seqpacket::send",
            || one.send(b"more"),
            |deadline| one.send_until(b"more", deadline),
        );
        thin(
            "socket::sending::send_message",
            || one.send_message(&more, &nothing),
            |deadline| one.send_message_until(&more, &nothing, deadline),
        );
        thin(
            "socket::sending::send_many",
            || one.send_many(&more),
            |deadline| one.send_many_until(&more, deadline),
        );
        let came = exhaust(|| match other.try_recv(&mut [0; 8]) {
            Ok(len) => {
                assert_eq!(len, Some(4));
                Ok(())
            }
            Err(error) => Err(error.errno().unwrap()),
        });
        assert_eq!(came, full);

        all_arrive(
            "socket::seqpacket::send and recv",
            Returns,
            |n| {
                let bytes = n.to_ne_bytes();
                in_turn!(n, || one.send(&bytes), |d| one.send_until(&bytes, d))
            },
            |n| {
                let mut bytes = [0; 4];
                let len = in_turn!(n, || other.recv(&mut bytes), |d| other
                    .recv_until(&mut bytes, d),);
                len.map(|len| assert_eq!(len, Some(4)))?;
                Ok::<_, rawipc::socket::RecvError>(decode(bytes))
            },
        );
    }

    #[test]
    fn connections() {
        let _check = LeakCheck::begin();
        let own = UnixAddress::UNNAMED;
        let options = BindOptions::new().backlog(0);

        let listener = options.listen_stream(&own).unwrap();
        let at = listener.address().unwrap();
        thin(
            "socket::listener::accept",
            || listener.accept(),
            |deadline| listener.accept_until(deadline),
        );
        let first = stream::connect(&at).unwrap();
        thin(
            "socket::stream::connect",
            || stream::connect(&at),
            |deadline| stream::connect_until(&at, deadline),
        );
        keeps_its_deadline("socket::stream::connect_from", GoesOn, |deadline| {
            stream::connect_from(&own, &at, deadline)
        });
        // Those who gave up are not there.
        let (second, _) = listener.accept().unwrap();
        assert_eq!(listener.try_accept().unwrap_err(), Errno::AGAIN);
        first.send(b"x").unwrap();
        assert_eq!(second.recv(&mut [0; 8]), Ok(1));

        let listener = options.listen_seqpacket(&own).unwrap();
        let at = listener.address().unwrap();
        let _first = seqpacket::connect(&at).unwrap();
        thin(
            "socket::seqpacket::connect",
            || seqpacket::connect(&at),
            |deadline| seqpacket::connect_until(&at, deadline),
        );
        keeps_its_deadline("socket::seqpacket::connect_from", GoesOn, |deadline| {
            seqpacket::connect_from(&own, &at, deadline)
        });
        let _second = listener.accept().unwrap();
        assert_eq!(listener.try_accept().unwrap_err(), Errno::AGAIN);
    }

    #[test]
    fn netlink() {
        let _check = LeakCheck::begin();
        let socket = netlink::Socket::open(Protocol::ROUTE).unwrap();
        thin(
            "socket::netlink::recv",
            || socket.recv(&mut [0; 64]),
            |deadline| socket.recv_until(&mut [0; 64], deadline),
        );
    }
}

mod posix {
    use super::*;
    use rawipc::posix::Name;
    use rawipc::posix::message::{self, Capacity, CreateOptions};
    use rawipc::posix::semaphore::{Scope, Semaphore};

    #[test]
    fn messages() {
        let _check = LeakCheck::begin();
        let name = format!("/rawipc-test-{}-storm", std::process::id());
        let name = Name::new(name).unwrap();
        let capacity = Capacity {
            messages: 1,
            message_size: 8,
        };
        let queue = CreateOptions::new().capacity(capacity).create(&name);
        message::unlink(&name).unwrap();
        let queue = queue.unwrap();
        thin(
            "posix::message::queue::receive",
            || queue.receive(&mut [0; 8]),
            |deadline| queue.receive_until(&mut [0; 8], deadline),
        );
        queue.send(b"full", 0).unwrap();
        thin(
            "posix::message::queue::send",
            || queue.send(b"more", 1),
            |deadline| queue.send_until(b"more", 1, deadline),
        );
        let mut buffer = [0; 8];
        assert_eq!(queue.try_receive(&mut buffer).unwrap().len, 4);
        assert_eq!(&buffer[..4], b"full");
        assert_eq!(queue.try_receive(&mut buffer), Err(Errno::AGAIN));

        all_arrive(
            "posix::message::send and receive",
            Returns,
            |n| {
                let bytes = n.to_ne_bytes();
                in_turn!(n, || queue.send(&bytes, 0), |d| queue
                    .send_until(&bytes, 0, d),)
            },
            |n| {
                let mut bytes = [0; 8];
                let came = in_turn!(n, || queue.receive(&mut bytes), |d| queue
                    .receive_until(&mut bytes, d),)?;
                assert_eq!(came.len, 4);
                Ok::<_, Errno>(decode(*bytes.first_chunk().unwrap()))
            },
        );

        let notifier = message::notifier().unwrap();
        queue
            .notify(message::Notification::Descriptor {
                notifier: &notifier,
                token: 7,
            })
            .unwrap();
        thin(
            "posix::message::notify::wait",
            || notifier.wait(),
            |deadline| notifier.wait_until(deadline),
        );
        // It is still told, once.
        queue.send(b"news", 0).unwrap();
        let storm = Storm::begin();
        insist("posix::message::notify::wait", Returns, || notifier.wait());
        drop(storm);
        assert_eq!(notifier.try_wait(), Err(Errno::AGAIN));
    }

    #[test]
    fn semaphores() {
        let _check = LeakCheck::begin();
        let semaphore = Semaphore::new(0, Scope::Threads);
        thin(
            "posix::semaphore::wait",
            || semaphore.wait(),
            |deadline| semaphore.wait_until(deadline),
        );
        assert_eq!((semaphore.value(), semaphore.sleepers()), (0, 0));
        all_arrive(
            "posix::semaphore::post and wait",
            Returns,
            |_| semaphore.post(),
            |n| in_turn!(n, || semaphore.wait(), |d| semaphore.wait_until(d)).map(|()| n),
        );
        assert_eq!((semaphore.value(), semaphore.sleepers()), (0, 0));
    }
}

mod system_v {
    use super::*;
    use rawipc::sysv::message::{self, Message, ReceiveFlags, Select};
    use rawipc::sysv::semaphore::{self, Operation};
    use rawipc::sysv::{Create, Key};
    use support::system_v::{Temporary, fresh_key};

    #[test]
    fn messages() {
        let _check = LeakCheck::begin();
        let queue = Temporary(message::create(Key::PRIVATE, Create::NEW).unwrap());
        let mut room = Message::<[u8; 4]>::empty();
        let none = ReceiveFlags::empty();
        is_interrupted("sysv::message::queue::receive", || {
            queue.receive(Select::Any, &mut room, none)
        });
        keeps_its_deadline("sysv::message::queue::receive", GoesOn, |deadline| {
            queue.receive_until(Select::Any, &mut room, none, deadline)
        });
        let big = Message::new(1, [1_u8; 1024]);
        let full = exhaust(|| queue.try_send(&big));
        thin(
            "sysv::message::queue::send",
            || queue.send(&big),
            |deadline| queue.send_until(&big, deadline),
        );
        assert_eq!(queue.status().unwrap().messages, full);
        let mut room = Message::<[u8; 1024]>::empty();
        for _ in 0..full {
            queue.try_receive(Select::Any, &mut room, none).unwrap();
        }
        all_arrive(
            "sysv::message::send and receive",
            Returns,
            |n| {
                let message = Message::new(1, n.to_ne_bytes());
                in_turn!(n, || queue.send(&message), |d| queue
                    .send_until(&message, d),)
            },
            |n| {
                let mut message = Message::<[u8; 4]>::empty();
                in_turn!(
                    n,
                    || queue.receive(Select::Any, &mut message, none),
                    // By asking again and again, which is slow and not what is tried here.
                    |d| queue.receive_until(Select::Any, &mut message, none, d),
                )?;
                Ok::<_, Errno>(decode(*message.body().unwrap()))
            },
        );
    }

    #[test]
    fn semaphores() {
        let _check = LeakCheck::begin();
        let key = fresh_key();
        let set = Temporary(semaphore::create(key, 1, Create::NEW).unwrap());
        keeps_its_deadline(
            "sysv::semaphore::initialize::wait_initialized",
            GoesOn,
            |deadline| set.wait_initialized(deadline),
        );
        keeps_its_deadline(
            "sysv::semaphore::initialize::open_or_create",
            GoesOn,
            |deadline| semaphore::open_or_create(key, &[1], Create::NEW, deadline),
        );
        let take = [Operation::decrement(0)];
        thin(
            "sysv::semaphore::set::operate",
            || set.operate(&take),
            |deadline| set.operate_until(&take, deadline),
        );
        assert_eq!((set.value(0), set.increase_waiters(0)), (Ok(0), Ok(0)));
        all_arrive(
            "sysv::semaphore::set::operate",
            Returns,
            |_| set.operate(&[Operation::increment(0)]),
            |n| in_turn!(n, || set.operate(&take), |d| set.operate_until(&take, d)).map(|()| n),
        );
        assert_eq!(set.value(0), Ok(0));
    }
}

mod events {
    use super::*;
    use rawipc::event::Readiness;
    use rawipc::event::eventfd::{self, EventFdFlags};
    use rawipc::event::inotify::{self, InotifyFlags};
    use rawipc::event::poll::{self, PollFd};
    use rawipc::event::poller::{self, Event, PollerFlags};
    use rawipc::event::timerfd::{self, Clock, TimerFdFlags};
    use rawipc::signal::Set;

    #[test]
    fn counters() {
        let _check = LeakCheck::begin();
        let counter = eventfd::create(0, EventFdFlags::SEMAPHORE).unwrap();
        thin(
            "event::eventfd::wait",
            || counter.wait(),
            |deadline| counter.wait_until(deadline),
        );
        all_arrive(
            "event::eventfd::add and wait",
            Returns,
            |_| counter.add(1),
            |n| {
                let taken = in_turn!(n, || counter.wait(), |d| counter.wait_until(d));
                taken.map(|taken| n + taken as u32 - 1)
            },
        );
        let full = eventfd::create(0, EventFdFlags::empty()).unwrap();
        full.add(eventfd::MAX).unwrap();
        thin(
            "event::eventfd::add",
            || full.add(1),
            |deadline| full.add_until(1, deadline),
        );
        is_not_interrupted("event::eventfd::try_add", Errno::AGAIN, || full.try_add(1));
        assert_eq!(full.try_wait(), Ok(eventfd::MAX));
        is_not_interrupted("event::eventfd::try_wait", Errno::AGAIN, || full.try_wait());
    }

    #[test]
    fn timers_and_directories() {
        let _check = LeakCheck::begin();
        let timer = timerfd::create(Clock::Monotonic, TimerFdFlags::empty()).unwrap();
        thin(
            "event::timerfd::wait",
            || timer.wait(),
            |deadline| timer.wait_until(deadline),
        );
        let inotify = inotify::create(InotifyFlags::empty()).unwrap();
        let mut buffer = [0; 4096];
        is_interrupted("event::inotify::read", || {
            inotify.read(&mut buffer).map(drop)
        });
        keeps_its_deadline("event::inotify::read", GoesOn, |deadline| {
            inotify.read_until(&mut buffer, deadline).map(drop)
        });
    }

    #[test]
    fn pollers() {
        let _check = LeakCheck::begin();
        let counter = eventfd::create(0, EventFdFlags::empty()).unwrap();
        let poller = poller::create(PollerFlags::empty()).unwrap();
        poller.add(&counter, 7, poller::Interest::IN).unwrap();
        let mut events = [Event::EMPTY; 4];
        is_interrupted("event::poller::wait", || {
            poller.wait(&mut events).map(<[_]>::len)
        });
        keeps_its_deadline("event::poller::wait", GoesOn, |deadline| {
            poller.wait_until(&mut events, deadline).map(<[_]>::len)
        });
        keeps_its_deadline("event::poller::wait_masked", Returns, |deadline| {
            let events = poller.wait_masked(&mut events, deadline, Set::EMPTY);
            events.map(<[_]>::len)
        });
        let fds = &mut [PollFd::new(&counter, Readiness::IN)];
        is_interrupted("event::poll::wait", || poll::wait(fds));
        keeps_its_deadline("event::poll::wait", GoesOn, |deadline| {
            poll::wait_until(fds, deadline)
        });
        keeps_its_deadline("event::poll::wait_masked", Returns, |deadline| {
            poll::wait_masked(fds, deadline, Set::EMPTY)
        });
        is_not_interrupted("event::poll::try_wait", Errno::AGAIN, || {
            poll::try_wait(fds)
        });
        is_not_interrupted("event::poller::try_wait", Errno::AGAIN, || {
            poller.try_wait(&mut events).map(<[_]>::len)
        });
        // Masked, the storm passes by.
        keeps_its_deadline_unseen(|deadline| poll::wait_masked(fds, deadline, Set::ALL));
        keeps_its_deadline_unseen(|deadline| {
            let events = poller.wait_masked(&mut events, deadline, Set::ALL);
            events.map(<[_]>::len)
        });
        all_arrive(
            "event::poller::wait",
            Returns,
            |_| counter.add(1).map(|()| while counter_is_set(&counter) {}),
            |n| {
                let mut events = [Event::EMPTY; 4];
                let told = in_turn!(n, || poller.wait(&mut events).map(<[_]>::len), |d| poller
                    .wait_until(&mut [Event::EMPTY; 4], d)
                    .map(<[_]>::len),)?;
                assert_eq!((told, counter.try_wait()), (1, Ok(1)));
                Ok::<_, Errno>(n)
            },
        );
    }

    fn counter_is_set(counter: &eventfd::EventFd) -> bool {
        thread::yield_now();
        poll::try_wait(&mut [PollFd::new(counter, Readiness::IN)]).is_ok()
    }

    /// A call during which no handler runs.
    fn keeps_its_deadline_unseen<T: Debug>(until: impl FnOnce(Deadline) -> Result<T, Errno>) {
        let _storm = Storm::begin();
        let deadline = Deadline::after(PATIENCE);
        assert_eq!(until(deadline).map(drop), Err(Errno::TIMEDOUT));
        assert!(deadline.has_passed());
    }
}

mod locks {
    use super::*;
    use rawipc::lock::Kind::{Exclusive, Shared};
    use rawipc::lock::{flock, ofd, process};

    #[test]
    fn of_files() {
        let _check = LeakCheck::begin();
        let folder = Folder::new("storm-flock");
        let (theirs, ours) = (file_in(&folder), file_in(&folder));
        let held = flock::lock(&theirs, Exclusive).unwrap();
        thin(
            "lock::flock::lock",
            || flock::lock(&ours, Shared),
            |deadline| flock::lock_until(&ours, Shared, deadline),
        );
        drop(held);
        let held = flock::lock(&theirs, Shared).unwrap();
        thin(
            "lock::flock::convert",
            || flock::try_lock(&ours, Shared).unwrap().convert(Exclusive),
            |deadline| {
                let shared = flock::try_lock(&ours, Shared).unwrap();
                shared.convert_until(Exclusive, deadline)
            },
        );
        drop(held);
        // Nobody who gave up has it.
        drop(flock::try_lock(&theirs, Exclusive).unwrap());
    }

    #[test]
    fn of_ranges() {
        let _check = LeakCheck::begin();
        let folder = Folder::new("storm-record");
        let (theirs, ours) = (file_in(&folder), file_in(&folder));
        let held = ofd::lock(&theirs, .., Exclusive).unwrap();
        thin(
            "lock::ofd::lock",
            || ofd::lock(&ours, 8..16, Shared),
            |deadline| ofd::lock_until(&ours, 8..16, Shared, deadline),
        );
        drop(held);
        let held = ofd::lock(&theirs, .., Shared).unwrap();
        let mut guard = ofd::lock(&ours, 8..16, Shared).unwrap();
        is_interrupted("lock::range::convert", || guard.convert(Exclusive));
        keeps_its_deadline("lock::range::convert", GoesOn, |deadline| {
            guard.convert_until(Exclusive, deadline)
        });
        drop((held, guard));
        drop(ofd::try_lock(&theirs, .., Exclusive).unwrap());
    }

    #[test]
    fn of_processes() {
        let _check = LeakCheck::begin();
        let folder = Folder::new("storm-posix");
        let file = file_in(&folder);
        let (ready, to_ready) = rawipc::pipe::create(rawipc::pipe::PipeFlags::empty()).unwrap();
        let holder = Child::fork(|| {
            let Ok(_held) = process::lock(&file, .., Exclusive) else {
                return 1;
            };
            let _ = to_ready.write(b"x");
            loop {
                let _ = rawipc::event::poll::wait(&mut []);
            }
        });
        assert_eq!(ready.read(&mut [0; 8]), Ok(1));
        thin(
            "lock::process::lock",
            || process::lock(&file, 8..16, Shared),
            |deadline| process::lock_until(&file, 8..16, Shared, deadline),
        );
        drop(holder);
        drop(process::try_lock(&file, .., Exclusive).unwrap());
    }
}

mod signals {
    use super::*;
    use rawipc::Signal;
    use rawipc::signal::fd::{self, Record, SignalFdFlags};
    use rawipc::signal::{self, Recipient, Set};

    #[test]
    fn waiting() {
        let _check = LeakCheck::begin();
        // Of this thread alone, which ends with the test.
        let before = signal::block(Signal::USR2).unwrap();
        thin(
            "signal::wait::wait",
            || signal::wait(Signal::USR2),
            |deadline| signal::wait_until(Signal::USR2, deadline),
        );
        let descriptor = fd::create(Set::of([Signal::USR2]), SignalFdFlags::empty()).unwrap();
        thin(
            "signal::fd::wait",
            || descriptor.wait(),
            |deadline| descriptor.wait_until(deadline),
        );
        let records = &mut [Record::EMPTY; 2];
        is_interrupted("signal::fd::read", || descriptor.read(records));
        keeps_its_deadline("signal::fd::read", GoesOn, |deadline| {
            descriptor.read_until(records, deadline)
        });
        // One that does come is told, in the middle of the others.
        let here = Recipient::Thread {
            process: rawipc::process::id(),
            thread: rawipc::process::thread_id(),
        };
        let send = || signal::send(here, Signal::USR2).unwrap();
        let storm = Storm::begin();
        send();
        let info = insist("signal::wait::wait", Returns, || signal::wait(Signal::USR2));
        assert_eq!(info.signal(), Some(Signal::USR2));
        send();
        let record = insist("signal::fd::wait", Returns, || descriptor.wait());
        assert_eq!(record.signal(), Some(Signal::USR2));
        drop(storm);
        signal::set_mask(before).unwrap();
    }

    #[test]
    fn suspending() {
        let _check = LeakCheck::begin();
        let _watch = Watch::begin("signal::wait::suspend");
        let before = signal::block(Signal::ALARM).unwrap();
        // Until a handler has run is what they wait for.
        let storm = Storm::begin();
        for round in 1..20 {
            signal::suspend(before).unwrap();
            assert!(storm.handled() >= round);
        }
        signal::suspend_until(before, Deadline::after(LIMIT)).unwrap();
        assert!(storm.handled() >= 20);
        // Masked, none runs.
        let handled = storm.handled();
        let late = signal::suspend_until(Set::of([Signal::ALARM]), Deadline::after(PATIENCE));
        assert_eq!((late, storm.handled()), (Err(Errno::TIMEDOUT), handled));
        drop(storm);
        signal::set_mask(before).unwrap();
    }
}

mod processes {
    use super::*;
    use rawipc::Pid;
    use rawipc::process::{self, State, WaitFlags, pidfd};

    #[test]
    fn ending() {
        let _check = LeakCheck::begin();
        let (hold, held) = rawipc::pipe::create(rawipc::pipe::PipeFlags::empty()).unwrap();
        let child = Child::fork(|| {
            let _ = rustix::io::read(&hold, &mut [0; 1]);
            7
        });
        let pid = Pid::from_raw(child.id()).unwrap();
        let by_descriptor = pidfd::open(pid).unwrap();
        thin(
            "process::wait::wait",
            || process::wait(pid, WaitFlags::EXITED),
            |deadline| process::wait_until(pid, deadline),
        );
        thin(
            "process::wait::wait",
            || process::wait(&by_descriptor, WaitFlags::EXITED),
            |deadline| process::wait_until(&by_descriptor, deadline),
        );
        thin(
            "process::pidfd::wait_exit",
            || by_descriptor.wait_exit(),
            |deadline| by_descriptor.wait_exit_until(deadline),
        );
        let _watch = Watch::begin("a child that ends");
        let storm = Storm::begin();
        held.write(b"x").unwrap();
        insist("process::pidfd::wait_exit", Returns, || {
            by_descriptor.wait_exit()
        });
        let peek = WaitFlags::EXITED | WaitFlags::PEEK;
        let change = insist("process::wait::wait", Returns, || process::wait(pid, peek));
        assert_eq!(change.state, State::Exited(7));
        drop(storm);
        let mut child = child;
        assert_eq!(child.wait(), End::Exited(7));
    }
}

mod supervision {
    use super::*;
    use rawipc::memory::userfault::{self, Features, UserfaultFlags};
    use rawipc::seccomp::{self, Action, Filter, InstallFlags};

    #[test]
    fn system_calls() {
        let _check = LeakCheck::begin();
        // A thread of its own: it is under the filter for the rest of its life, and
        // makes no such call.
        let supervised = || {
            let mut filter = Filter::<32>::new(Action::Allow);
            filter
                .call(libc::SYS_getppid as u32, Action::Notify)
                .unwrap();
            seccomp::set_no_new_privs().unwrap();
            // SAFETY: nobody here needs that call.
            let listener =
                match unsafe { seccomp::install_with_listener(&filter, InstallFlags::empty()) } {
                    Ok(listener) => listener,
                    Err(errno) => return skipped!("no seccomp listener: {errno}"),
                };
            thin(
                "seccomp::notify::listener::receive",
                || listener.receive(),
                |deadline| listener.receive_until(deadline),
            );
        };
        thread::scope(|scope| scope.spawn(supervised).join()).unwrap();
    }

    #[test]
    fn page_faults() {
        let _check = LeakCheck::begin();
        let user_mode = UserfaultFlags::USER_MODE_ONLY;
        let faults = match userfault::create(user_mode, Features::empty()) {
            Ok(faults) => faults,
            Err(errno) => return skipped!("no userfaultfd: {errno}"),
        };
        thin(
            "memory::userfault::event::read",
            || faults.read(),
            |deadline| faults.read_until(deadline),
        );
        is_not_interrupted("memory::userfault::event::try_read", Errno::AGAIN, || {
            faults.try_read()
        });
    }
}

mod synchronization {
    use super::*;
    use rawipc::memory::MapOptions;
    use rawipc::sync::Semaphore;
    use rawipc::sync::futex::{self, ANY, Scope, Watched, pi, wait_any};

    #[test]
    fn words() {
        let _check = LeakCheck::begin();
        let word = AtomicU32::new(1);
        for scope in [Scope::Private, Scope::Shared] {
            thin(
                "sync::futex::wait",
                || futex::wait(&word, 1, scope),
                |deadline| futex::wait_until(&word, 1, scope, deadline),
            );
            keeps_its_deadline("sync::futex::wait_bitset", GoesOn, |deadline| {
                futex::wait_bitset(&word, 1, ANY, scope, deadline)
            });
            keeps_its_deadline("sync::futex::pi::wait_requeue", GoesOn, |deadline| {
                pi::wait_requeue_until(&word, 1, &AtomicU32::new(0), scope, deadline)
            });
            let watched = [Watched {
                word: &word,
                expected: 1,
                scope,
            }];
            if wait_any(&watched, Deadline::NOW) != Err(Errno::NOSYS) {
                keeps_its_deadline("sync::futex::wait_any", GoesOn, |deadline| {
                    wait_any(&watched, deadline)
                });
            }
        }
    }

    #[test]
    fn locks() {
        let _check = LeakCheck::begin();
        let memory = MapOptions::shared(4096).map_anonymous().unwrap();
        let word: &AtomicU32 = memory.object(0).unwrap();
        let _holder = Child::fork(|| {
            let _ = pi::lock(word, Scope::Shared);
            loop {
                let _ = rawipc::event::poll::wait(&mut []);
            }
        });
        while word.load(SeqCst) == 0 {
            thread::yield_now();
        }
        if pi::lock_until(word, Scope::Shared, Deadline::NOW) != Err(Errno::NOSYS) {
            keeps_its_deadline("sync::futex::pi::lock", GoesOn, |deadline| {
                pi::lock_until(word, Scope::Shared, deadline)
            });
        }
    }

    #[test]
    fn semaphores() {
        let _check = LeakCheck::begin();
        let semaphore = Semaphore::new(0);
        keeps_its_deadline("sync::semaphore::wait", GoesOn, |deadline| {
            semaphore.wait_until(deadline)
        });
        assert_eq!(semaphore.value(), 0);
        all_arrive(
            "sync::semaphore::post and wait",
            GoesOn,
            |_| semaphore.post().map_err(|_| Errno::OVERFLOW),
            |n| in_turn!(n, || semaphore.wait(), |d| semaphore.wait_until(d)).map(|()| n),
        );
        assert_eq!(semaphore.value(), 0);
    }
}
