//! The memory of another process: whole and in pieces, with holes, of the dead and of the
//! forbidden, by the system calls and by `/proc/PID/mem`.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::pid;
use crate::support;

use core::ffi::CStr;
use core::mem::{MaybeUninit, offset_of};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Instant;

use rawipc::memory::{MapOptions, Mapping, Protection};
use rawipc::process::exec::{self, Strings};
use rawipc::process::memory::{
    self, Access, Address, AddressRange, Remote, StringError, TransferError,
};
use rawipc::process::permission::{self, Reasons};
use rawipc::process::pidfd::{self, Pidfd};
use rawipc::{AsFd, Errno, IoSlice, IoSliceMut, Pid, Short};
use support::child::become_nobody;
use support::filter::{Refusal, refuse};
use support::{Child, Choices, End, LIMIT, LeakCheck, Peer, PeerArgs, pattern};

const PAGE: usize = 4096;
const SEED: u64 = 11;

fn child_pid(child: &Child) -> Pid {
    Pid::from_raw(child.id()).unwrap()
}

/// Both ways to the memory of a process.
fn ways(pid: Pid) -> [(&'static str, Remote); 2] {
    [
        ("process_vm", memory::of(pid)),
        (
            "/proc/PID/mem",
            memory::open(pid, Access::ReadWrite).unwrap(),
        ),
    ]
}

fn address(peer: &mut Peer) -> Address {
    let said = peer.channel().hear();
    Address::new(said.parse().unwrap())
}

/// Memory of this process, with where it begins.
fn mapped(len: usize) -> (Mapping, usize) {
    let memory = MapOptions::private(len).map_anonymous().unwrap();
    // SAFETY: nobody else has it, and only the address is taken.
    let address = unsafe { memory.as_slice() }.unwrap().as_ptr();
    let address = address.expose_provenance();
    (memory, address)
}

/// A peer with `len` bytes of the pattern, and where it has them; it serves [`serve`].
fn peer_with(test: &str, len: usize) -> (Peer, Address) {
    let mut peer = Peer::start(test, "holder", &[]);
    peer.say(&len.to_string());
    let address = address(&mut peer);
    (peer, address)
}

/// The peer's half: holds memory, compares it when told, ends at "end".
fn hold() -> bool {
    let Some(mut args) = PeerArgs::role("holder") else {
        return false;
    };
    let len = args.channel.hear().parse().unwrap();
    let (mut memory, address) = mapped(len);
    memory.write_at(0, &pattern(len, SEED)).unwrap();
    args.channel.say(&address.to_string());
    loop {
        let said = args.channel.hear();
        let mut words = said.split(' ');
        let command = words.next().unwrap();
        let mut number = || words.next().unwrap().parse::<usize>().unwrap();
        match command {
            // The sum of so many bytes.
            "sum" => {
                let (at, count) = (number(), number());
                let mut bytes = vec![0; count];
                memory.read_at(at, &mut bytes).unwrap();
                args.channel.say(&sum(&bytes).to_string());
                continue;
            }
            "unmap" => {
                let at = core::ptr::with_exposed_provenance_mut(address + number());
                // SAFETY: pages of the mapping, of which no more is used but what is
                // asked for, and which is given back to the kernel by the end.
                unsafe { rustix::mm::munmap(at, number()) }.unwrap();
            }
            "protect" => memory.protect(Protection::READ).unwrap(),
            "end" => {
                core::mem::forget(memory);
                return true;
            }
            other => panic!("{other}"),
        }
        args.channel.say("ok");
    }
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(7, |sum: u64, &byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    })
}

fn ask(peer: &mut Peer, command: &str) {
    peer.say(command);
    peer.expect("ok");
}

fn sum_at(peer: &mut Peer, at: usize, len: usize) -> u64 {
    peer.say(&format!("sum {at} {len}"));
    peer.channel().hear().parse().unwrap()
}

fn end(mut peer: Peer) {
    peer.say("end");
    peer.finish();
}

#[test]
fn blocks_are_read_and_written() {
    if hold() {
        return;
    }
    let _check = LeakCheck::begin();
    const LEN: usize = 3 << 20;
    let (mut peer, at) = peer_with(test_name!(), LEN);
    for (name, remote) in ways(pid(&peer)) {
        let there = pattern(LEN, SEED);
        let mut here = vec![0; LEN];
        assert_eq!(remote.read(at, &mut here), Ok(LEN), "{name}");
        assert!(here == there, "{name}");
        here.fill(0);
        // At odd addresses too.
        let odd = at.checked_add(5).unwrap();
        remote.read_exact(odd, &mut here[..LEN - 9]).unwrap();
        assert!(here[..LEN - 9] == there[5..LEN - 4], "{name}");
        let mut uninit = vec![MaybeUninit::uninit(); LEN];
        assert!(remote.read_uninit(at, &mut uninit).unwrap() == there);

        let other = pattern(LEN, 77);
        assert_eq!(remote.write(at, &other), Ok(LEN), "{name}");
        assert_eq!(sum_at(&mut peer, 0, LEN), sum(&other), "{name}");
        remote.write_all(odd, &there[5..LEN - 4]).unwrap();
        remote.write_all(at, &there[..5]).unwrap();
        let end = at.checked_add(LEN - 4).unwrap();
        remote.write_all(end, &there[LEN - 4..]).unwrap();
        assert_eq!(sum_at(&mut peer, 0, LEN), sum(&there), "{name}");
    }
    end(peer);
}

#[test]
fn values_are_read_and_written() {
    if hold() {
        return;
    }
    let _check = LeakCheck::begin();
    let (peer, at) = peer_with(test_name!(), 2 * PAGE);
    let there = pattern(2 * PAGE, SEED);
    for (_, remote) in ways(pid(&peer)) {
        // Across the end of a page, unaligned.
        let across = at.checked_add(PAGE - 3).unwrap();
        let expected = u64::from_ne_bytes(there[PAGE - 3..PAGE + 5].try_into().unwrap());
        assert_eq!(remote.read_value(across), Ok(expected));
        assert_eq!(remote.read_value::<()>(Address::new(0)), Ok(()));
        // With bytes that belong to no field.
        type Padded = (u8, u64);
        let padded: Padded = remote.read_value(at).unwrap();
        let (small, large) = (offset_of!(Padded, 0), offset_of!(Padded, 1));
        assert_eq!(padded.0, there[small]);
        assert_eq!(padded.1.to_ne_bytes(), there[large..large + 8]);

        remote.write_value(across, &!expected).unwrap();
        assert_eq!(remote.read_value(across), Ok(!expected));
        remote.write_value(across, &expected).unwrap();
        remote.write_value(at, &there[..100]).unwrap();
        assert_eq!(remote.read_value(across), Ok(expected));
    }
    end(peer);
}

/// Lengths that sum up to `total`, some of them 0.
fn lengths(choices: &mut Choices, total: usize, most: u64) -> Vec<usize> {
    let mut left = total;
    let mut lengths = Vec::new();
    while left > 0 {
        let len = left.min(choices.below(most) as usize);
        lengths.push(len);
        left -= len;
    }
    lengths
}

/// Pieces of these lengths, with gaps between them, and what the pattern has there.
fn pieces(at: Address, lengths: &[usize], there: &[u8]) -> (Vec<AddressRange>, Vec<u8>) {
    let (mut offset, mut bytes) = (1, Vec::new());
    let pieces = lengths
        .iter()
        .map(|&len| {
            let piece = AddressRange::new(at.checked_add(offset).unwrap(), len);
            bytes.extend_from_slice(&there[offset..offset + len]);
            offset += len + 3;
            piece
        })
        .collect();
    (pieces, bytes)
}

fn split<'a>(mut bytes: &'a mut [u8], lengths: &[usize]) -> Vec<IoSliceMut<'a>> {
    lengths
        .iter()
        .map(|&len| {
            let (one, rest) = core::mem::take(&mut bytes).split_at_mut(len);
            bytes = rest;
            IoSliceMut::new(one)
        })
        .collect()
}

fn split_shared<'a>(mut bytes: &'a [u8], lengths: &[usize]) -> Vec<IoSlice<'a>> {
    lengths
        .iter()
        .map(|&len| {
            let (one, rest) = bytes.split_at(len);
            bytes = rest;
            IoSlice::new(one)
        })
        .collect()
}

/// Lists of every length, also of more than the kernel takes, whose elements end at
/// different places.
#[test]
fn lists_are_read_and_written() {
    if hold() {
        return;
    }
    let _check = LeakCheck::begin();
    const LEN: usize = 1 << 18;
    let (peer, at) = peer_with(test_name!(), LEN);
    let there = pattern(LEN, SEED);
    let mut choices = Choices::new(3);
    for (name, remote) in ways(pid(&peer)) {
        for (total, most) in [
            (1, 2),
            (100, 30),
            (5000, 2000),
            (9000, 8),
            (30_000, 17),
            (100_000, 4000),
        ] {
            let (theirs, ours) = (
                lengths(&mut choices, total, most),
                lengths(&mut choices, total, most),
            );
            let (from, expected) = pieces(at, &theirs, &there);
            let mut read = vec![0; total];
            // One call: the first 1024 of each, and of the buffers from the first that is
            // not empty.
            let theirs_first = theirs.iter().take(1024).sum::<usize>();
            let ours_first = ours.iter().skip_while(|&&len| len == 0).take(1024);
            let first = theirs_first.min(ours_first.sum::<usize>());
            let count = remote.readv(&from, &mut split(&mut read, &ours));
            assert_eq!(count, Ok(first), "{name}, {total} by {most}");
            assert!(read[..first] == expected[..first]);
            assert!(read[first..].iter().all(|&byte| byte == 0));

            read.fill(0);
            let count = remote.readv_exact(&from, &mut split(&mut read, &ours));
            assert_eq!(count, Ok(total), "{name}, {total} by {most}");
            assert!(read == expected, "{name}, {total} by {most}");

            let written = pattern(total, 99);
            let count = remote.writev(&from, &split_shared(&written, &ours));
            assert_eq!(count, Ok(first), "{name}, {total} by {most}");
            let count = remote.writev_all(&from, &split_shared(&written, &ours));
            assert_eq!(count, Ok(total), "{name}, {total} by {most}");
            let mut all = vec![0; LEN];
            remote.read_exact(at, &mut all).unwrap();
            let (_, found) = pieces(at, &theirs, &all);
            assert!(found == written, "{name}, {total} by {most}");
            // And nothing between the pieces.
            remote
                .writev_all(&from, &split_shared(&expected, &ours))
                .unwrap();
            remote.read_exact(at, &mut all).unwrap();
            assert!(all == there, "{name}, {total} by {most}");
        }
    }
    end(peer);
}

/// The shorter list decides, and nothing is nothing.
#[test]
fn lists_of_different_lengths_end_with_the_shorter() {
    if hold() {
        return;
    }
    let _check = LeakCheck::begin();
    let (peer, at) = peer_with(test_name!(), PAGE);
    let there = pattern(PAGE, SEED);
    for (name, remote) in ways(pid(&peer)) {
        let mut small = [0; 10];
        let from = [
            AddressRange::new(at, 4),
            AddressRange::new(at, 0),
            AddressRange::new(at, 100),
        ];
        let count = remote.readv_exact(&from, &mut [IoSliceMut::new(&mut small)]);
        assert_eq!(count, Ok(10), "{name}");
        assert_eq!(small[..4], there[..4]);
        assert_eq!(small[4..], there[..6]);
        let mut large = [0; 200];
        let count = remote.readv_exact(&from, &mut [IoSliceMut::new(&mut large)]);
        assert_eq!(count, Ok(104), "{name}");
        for (from, buffers) in [(&from[..0], 1), (&from[..], 0), (&from[1..2], 1)] {
            let mut buffer = [IoSliceMut::new(&mut small)];
            let buffers = &mut buffer[..buffers];
            assert_eq!(remote.readv(from, buffers), Ok(0), "{name}");
            assert_eq!(remote.readv_exact(from, buffers), Ok(0), "{name}");
        }
        assert_eq!(remote.read(Address::new(0), &mut []), Ok(0), "{name}");
        assert_eq!(remote.write(Address::new(0), &[]), Ok(0), "{name}");
        assert_eq!(
            remote.read_uninit(Address::new(0), &mut []),
            Ok(&mut [][..]),
            "{name}"
        );
        remote.read_exact(Address::new(0), &mut []).unwrap();
    }
    end(peer);
}

#[test]
fn transfer_into_a_hole_ends_at_its_beginning() {
    if hold() {
        return;
    }
    let _check = LeakCheck::begin();
    const PAGES: usize = 40;
    let (mut peer, at) = peer_with(test_name!(), PAGES * PAGE);
    let there = pattern(PAGES * PAGE, SEED);
    const HOLE: usize = 30 * PAGE;
    ask(&mut peer, &format!("unmap {HOLE} {PAGE}"));
    let hole = at.checked_add(HOLE).unwrap();
    for (name, remote) in ways(pid(&peer)) {
        let mut here = vec![0; PAGES * PAGE];
        let begin = at.checked_add(100).unwrap();
        assert_eq!(remote.read(begin, &mut here), Ok(HOLE - 100), "{name}");
        assert!(here[..HOLE - 100] == there[100..HOLE], "{name}");
        let mut uninit = vec![MaybeUninit::uninit(); PAGES * PAGE];
        let read = remote.read_uninit(begin, &mut uninit).unwrap();
        assert!(read == &there[100..HOLE], "{name}");
        assert_eq!(remote.read(hole, &mut here), Err(Errno::FAULT), "{name}");
        let refused = remote.read_uninit(hole, &mut uninit);
        assert_eq!(refused, Err(Errno::FAULT), "{name}");

        let stopped = TransferError {
            done: HOLE - 100,
            at: hole,
            error: Errno::FAULT,
        };
        assert_eq!(remote.read_exact(begin, &mut here), Err(stopped), "{name}");
        assert_eq!(remote.write(begin, &there[100..]), Ok(HOLE - 100), "{name}");
        let result = remote.write_all(begin, &there[100..]);
        assert_eq!(result, Err(stopped), "{name}");
        assert_eq!(remote.write(hole, &[1]), Err(Errno::FAULT), "{name}");
        let text = stopped.to_string();
        assert!(text.contains(&format!("{hole}")), "{text}");
        assert_eq!(Short::from(stopped).done, stopped.done);
        assert_eq!(
            remote.read_value::<u64>(hole.wrapping_add(usize::MAX - 3)),
            Err(TransferError { done: 4, ..stopped }),
            "{name}"
        );

        // In a list: exactly there, whatever came before and comes after.
        let before = AddressRange::new(at, 3 * PAGE + 7);
        let into = AddressRange::new(at.checked_add(HOLE - 50).unwrap(), PAGE);
        let list = [before, into, before];
        let done = before.len + 50;
        for window in [usize::MAX, 1000] {
            let lens = vec![window.min(here.len()); here.len() / window.min(here.len())];
            let mut buffers = split(&mut here, &lens);
            assert_eq!(remote.readv(&list, &mut buffers), Ok(done), "{name}");
            let stopped = TransferError { done, ..stopped };
            let result = remote.readv_exact(&list, &mut buffers);
            assert_eq!(result, Err(stopped), "{name}");
            let buffers = split_shared(&there, &lens);
            let result = remote.writev_all(&list, &buffers);
            assert_eq!(result, Err(stopped), "{name}");
            // As it was.
            remote.write_all(at, &there[..HOLE]).unwrap();
        }
        assert_eq!(
            remote.readv(
                &[AddressRange::new(hole, 1)],
                &mut [IoSliceMut::new(&mut here)]
            ),
            Err(Errno::FAULT),
            "{name}"
        );
    }
    // What is before the hole is as it was; what comes after is not touched.
    assert_eq!(sum_at(&mut peer, 0, HOLE), sum(&there[..HOLE]));
    let after = HOLE + PAGE;
    assert_eq!(
        sum_at(&mut peer, after, PAGES * PAGE - after),
        sum(&there[after..])
    );
    end(peer);
}

/// Addresses and lengths that no process has.
#[test]
fn invalid_addresses_are_refused() {
    if hold() {
        return;
    }
    let _check = LeakCheck::begin();
    let (peer, at) = peer_with(test_name!(), PAGE);
    let mut here = [0; 64];
    for (name, remote) in ways(pid(&peer)) {
        for address in [0, 1, usize::MAX - 8, usize::MAX, 1 << 63, (1 << 63) - 8] {
            let address = Address::new(address);
            assert_eq!(remote.read(address, &mut here), Err(Errno::FAULT), "{name}");
            assert_eq!(remote.write(address, &here), Err(Errno::FAULT), "{name}");
            let stopped = TransferError {
                done: 0,
                at: address,
                error: Errno::FAULT,
            };
            assert_eq!(
                remote.read_value::<u64>(address),
                Err(stopped),
                "{name} {address}"
            );
            assert_eq!(
                remote.read_c_string(address, &mut here),
                Err(StringError::Transfer(stopped)),
                "{name}"
            );
        }
        // More than a signed length has room for, alone and second.
        for list in [
            vec![AddressRange::new(at, usize::MAX)],
            vec![AddressRange::new(at, isize::MAX as usize + 1)],
            vec![AddressRange::new(at, 1), AddressRange::new(at, usize::MAX)],
        ] {
            let mut buffers = [IoSliceMut::new(&mut here)];
            let refused = remote.readv(&list, &mut buffers);
            assert_eq!(refused, Err(Errno::INVAL), "{name}");
            let stopped = remote.readv_exact(&list, &mut buffers).unwrap_err();
            assert_eq!((stopped.done, stopped.error), (0, Errno::INVAL), "{name}");
        }
        // Longer than there is memory, but the buffer is not; and sums that overflow.
        let long = [AddressRange::new(at, isize::MAX as usize); 3];
        let mut buffers = [IoSliceMut::new(&mut here)];
        assert_eq!(remote.readv(&long, &mut buffers), Ok(64), "{name}");
        assert_eq!(remote.readv_exact(&long, &mut buffers), Ok(64), "{name}");
    }
    end(peer);
}

#[test]
fn string_before_a_hole_is_read() {
    if hold() {
        return;
    }
    let _check = LeakCheck::begin();
    let (mut peer, at) = peer_with(test_name!(), 3 * PAGE);
    ask(&mut peer, &format!("unmap {} {PAGE}", 2 * PAGE));
    let hole = at.checked_add(2 * PAGE).unwrap();
    let mut here = [0xff; 3 * PAGE];
    for (name, remote) in ways(pid(&peer)) {
        let text: Vec<u8> = (0..PAGE + 99).map(|byte| 1 + (byte % 200) as u8).collect();
        let whole = [&text[..], b"\0"].concat();
        let begin = hole.wrapping_add(0_usize.wrapping_sub(whole.len()));
        remote.write_all(begin, &whole).unwrap();
        let expected = CStr::from_bytes_with_nul(&whole).unwrap();
        let read = remote.read_c_string(begin, &mut here);
        assert_eq!(read, Ok(expected), "{name}");
        // A buffer that just has room, and one that just has not.
        let read = remote.read_c_string(begin, &mut here[..whole.len()]);
        assert_eq!(read, Ok(expected), "{name}");
        let read = remote.read_c_string(begin, &mut here[..text.len()]);
        assert_eq!(read, Err(StringError::TooLong), "{name}");
        assert_eq!(Errno::from(StringError::TooLong), Errno::NAMETOOLONG);
        let read = remote.read_c_string(begin, &mut []);
        assert_eq!(read, Err(StringError::TooLong), "{name}");
        // Empty, at the last byte.
        let last = hole.wrapping_add(usize::MAX);
        assert_eq!(remote.read_c_string(last, &mut here), Ok(c""), "{name}");
        // Without an end: what there is, and where it ended.
        remote.write_value(last, &b'!').unwrap();
        here.fill(0);
        let stopped = TransferError {
            done: whole.len(),
            at: hole,
            error: Errno::FAULT,
        };
        let read = remote.read_c_string(begin, &mut here);
        assert_eq!(read, Err(StringError::Transfer(stopped)), "{name}");
        assert_eq!(here[..text.len()], text, "{name}");
    }
    end(peer);
}

/// Every call on a process that has ended.
fn assert_gone(name: &str, remote: &Remote, at: Address) {
    let stopped = TransferError {
        done: 0,
        at,
        error: Errno::SRCH,
    };
    let mut here = [0; 16];
    assert_eq!(remote.read(at, &mut here), Err(Errno::SRCH), "{name}");
    let refused = remote.write(at, &here);
    // Where it was opened to be read alone.
    let told = matches!(refused, Err(Errno::SRCH | Errno::BADF));
    assert!(told, "{name}: {refused:?}");
    if refused == Err(Errno::BADF) {
        return;
    }
    assert_eq!(remote.read_exact(at, &mut here), Err(stopped), "{name}");
    assert_eq!(remote.write_all(at, &here), Err(stopped), "{name}");
    assert_eq!(remote.read_value::<u32>(at), Err(stopped), "{name}");
    assert_eq!(remote.write_value(at, &1_u32), Err(stopped), "{name}");
    let read = remote.read_c_string(at, &mut here);
    assert_eq!(read, Err(StringError::Transfer(stopped)), "{name}");
    let mut uninit = [MaybeUninit::uninit(); 4];
    let read = remote.read_uninit(at, &mut uninit);
    assert_eq!(read, Err(Errno::SRCH), "{name}");
    let list = [AddressRange::new(at, 16)];
    let mut buffers = [IoSliceMut::new(&mut here)];
    assert_eq!(
        remote.readv(&list, &mut buffers),
        Err(Errno::SRCH),
        "{name}"
    );
    let read = remote.readv_exact(&list, &mut buffers);
    assert_eq!(read, Err(stopped), "{name}");
    let buffers = [IoSlice::new(&[1; 16])];
    assert_eq!(remote.writev(&list, &buffers), Err(Errno::SRCH), "{name}");
    let written = remote.writev_all(&list, &buffers);
    assert_eq!(written, Err(stopped), "{name}");
}

/// Waits until a process has ended, and does not reap it.
fn await_zombie(pid: Pid) {
    let pidfd = pidfd::open(pid).unwrap();
    pidfd
        .wait_exit_until(rawipc::Deadline::after(LIMIT))
        .unwrap();
}

#[test]
fn memory_of_ended_process_is_refused() {
    if hold() {
        return;
    }
    let _check = LeakCheck::begin();
    let (mut peer, at) = peer_with(test_name!(), PAGE);
    let pid = pid(&peer);
    let ways = ways(pid);
    let pidfd = pidfd::open(pid).unwrap();
    let opened = memory::open(&pidfd, Access::Read).unwrap();
    let there = pattern(PAGE, SEED);
    assert_eq!(opened.read_value::<u8>(at), Ok(there[0]));
    peer.kill_only();
    await_zombie(pid);
    assert_gone("by a descriptor, reading", &opened, at);
    let late = memory::open(&pidfd, Access::Read).map(drop);
    assert_eq!(late, Err(Errno::SRCH));
    for (name, remote) in &ways {
        assert_gone(name, remote, at);
    }
    // A file that was never opened: at once or with the first call, by kernel.
    match memory::open(pid, Access::Read) {
        Ok(remote) => assert_gone("opened late", &remote, at),
        Err(errno) => assert_eq!(errno, Errno::SRCH),
    }
    peer.wait();
    for (name, remote) in &ways {
        assert_gone(name, remote, at);
    }
    assert_eq!(memory::open(pid, Access::Read).map(drop), Err(Errno::SRCH));
    let late = memory::open(&pidfd, Access::Read).map(drop);
    assert_eq!(late, Err(Errno::SRCH));
    // What is no pidfd.
    let (reader, _writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let strange = memory::open(&Pidfd::from(reader), Access::Read).map(drop);
    assert_eq!(strange, Err(Errno::BADF));
}

/// Killed at any moment while it is read and written: all of it, or a prefix and ESRCH.
#[test]
fn death_during_a_transfer_is_reported() {
    let _check = LeakCheck::begin();
    const LEN: usize = 64 * PAGE;
    let (memory, address) = mapped(LEN);
    let there = pattern(LEN, SEED);
    memory.write_at(0, &there).unwrap();
    let at = Address::new(address);
    let list: Vec<AddressRange> = (0..LEN / 16)
        .map(|piece| AddressRange::new(at.checked_add(16 * piece).unwrap(), 16))
        .collect();
    let (mut ended, mut whole) = (0, 0);
    for round in 0..120_u32 {
        let mut child = Child::fork(|| {
            loop {
                std::thread::yield_now();
            }
        });
        let pid = child_pid(&child);
        let remote = if round % 2 == 0 {
            memory::of(pid)
        } else {
            memory::open(pid, Access::ReadWrite).unwrap()
        };
        let result = std::thread::scope(|scope| {
            let (sender, receiver) = std::sync::mpsc::channel();
            let reading = scope.spawn(|| {
                let sender = sender;
                let mut here = vec![0; LEN];
                sender.send(()).unwrap();
                loop {
                    here.fill(0);
                    let result = if round % 3 == 0 {
                        let done = remote.writev_all(&list, &[IoSlice::new(&there)]);
                        here.copy_from_slice(&there);
                        done
                    } else {
                        remote.readv_exact(&list, &mut [IoSliceMut::new(&mut here)])
                    };
                    let done = match result {
                        Ok(count) => count,
                        Err(stopped) => stopped.done,
                    };
                    assert!(here[..done] == there[..done]);
                    match result {
                        Ok(count) => assert_eq!(count, LEN),
                        Err(stopped) => return stopped,
                    }
                }
            });
            receiver.recv().unwrap();
            for _ in 0..round * 20 {
                core::hint::spin_loop();
            }
            child.kill();
            reading.join().unwrap()
        });
        assert_eq!(result.error, Errno::SRCH, "{result}");
        assert_eq!(result.at, at.checked_add(result.done).unwrap());
        if result.done == 0 {
            whole += 1
        } else {
            ended += 1
        }
        assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    }
    println!("{ended} ended within a transfer, {whole} between two");
}

/// The program that was opened is gone; the number now means another.
#[test]
fn open_memory_after_exec_is_gone() {
    let _check = LeakCheck::begin();
    let (memory, address) = mapped(PAGE);
    memory.write_at(0, &[7; PAGE]).unwrap();
    let at = Address::new(address);
    let (wait_here, go) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let (stdin, hold) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let mut child = Child::fork(|| {
        let _ = rustix::io::read(&wait_here, &mut [0; 1]);
        // SAFETY: standard input is nobody's here.
        let mut input = unsafe { core::mem::ManuallyDrop::new(OwnedFd::from_raw_fd(0)) };
        let _ = rustix::io::dup2(&stdin, &mut input);
        let args = exec::List::of([c"cat"]);
        let _why = exec::path(c"/bin/cat", &args, Strings::EMPTY);
        127
    });
    let pid = child_pid(&child);
    let file = memory::open(pid, Access::Read).unwrap();
    assert_eq!(file.read_value::<u8>(at), Ok(7));
    assert_eq!(rustix::io::write(&go, b"!"), Ok(1));
    let begin = Instant::now();
    while file.read_value::<u8>(at).is_ok() {
        assert!(begin.elapsed() < LIMIT, "no exec");
        std::thread::yield_now();
    }
    let gone = file.read_value::<u8>(at).unwrap_err();
    assert_eq!(gone.error, Errno::SRCH);
    // Opened now, it is the new program, which has nothing where ours has a page of 7s
    // but by chance.
    let opened = memory::open(pid, Access::Read).unwrap();
    assert_ne!(opened.read_value::<[u8; PAGE]>(at), Ok([7; PAGE]));
    // It has been waiting for input all the time.
    child.kill();
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    drop((stdin, hold));
}

#[test]
fn protected_pages_are_written_only_through_the_file() {
    if hold() {
        return;
    }
    let _check = LeakCheck::begin();
    let (mut peer, at) = peer_with(test_name!(), PAGE);
    ask(&mut peer, "protect");
    let pid = pid(&peer);
    assert_eq!(memory::of(pid).write(at, b"no"), Err(Errno::FAULT));
    let reading = memory::open(pid, Access::Read).unwrap();
    assert_eq!(reading.write(at, b"no"), Err(Errno::BADF));
    assert_eq!(reading.read(at, &mut [0; 2]), Ok(2));
    let writing = memory::open(pid, Access::ReadWrite).unwrap();
    match writing.write(at, b"yes") {
        Ok(3) => assert_eq!(sum_at(&mut peer, 0, 3), sum(b"yes")),
        Err(Errno::FAULT) => skipped!("this system lets no one write protected pages"),
        other => panic!("{other:?}"),
    }
    end(peer);
}

/// A sandbox that refuses the calls does not refuse the file.
#[test]
fn open_memory_under_a_filter_works() {
    if hold() {
        return;
    }
    let _check = LeakCheck::begin();
    let (peer, at) = peer_with(test_name!(), PAGE);
    let there = pattern(PAGE, SEED);
    let pid = pid(&peer);
    let refused = |number| Refusal {
        number,
        argument: 0,
        mask: 0,
        value: 0,
        errno: libc::ENOSYS,
    };
    // The filter stays with its thread.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            if !refuse(&[
                refused(libc::SYS_process_vm_readv),
                refused(libc::SYS_process_vm_writev),
            ]) {
                skipped!("this system has no filters");
                return;
            }
            let mut here = [0; 64];
            let calls = memory::of(pid);
            assert_eq!(calls.read(at, &mut here), Err(Errno::NOSYS));
            assert_eq!(calls.write(at, &here), Err(Errno::NOSYS));
            let stopped = calls.read_value::<u8>(at).unwrap_err();
            assert_eq!((stopped.done, stopped.error), (0, Errno::NOSYS));
            let file = memory::open(pid, Access::ReadWrite).unwrap();
            file.read_exact(at, &mut here).unwrap();
            assert_eq!(here, there[..64]);
            file.write_all(at, &here).unwrap();
        });
    });
    end(peer);
}

// --- Permission ---

/// Exits with the number of the first check that does not hold.
fn first_wrong(checks: &[bool]) -> i32 {
    let wrong = checks.iter().position(|&holds| !holds);
    wrong.map_or(0, |index| index as i32 + 1)
}

#[test]
fn another_user_is_refused() {
    let _check = LeakCheck::begin();
    if !support::needs::root() {
        return;
    }
    let word = 0x5555_u32;
    let at = Address::of(&word);
    let us = rustix::process::getpid();
    let passed = memory::open(us, Access::Read).unwrap();
    let mut child = Child::fork(|| {
        if !become_nobody() {
            return 99;
        }
        let mut here = [0; 4];
        let denied = TransferError {
            done: 0,
            at,
            error: Errno::PERM,
        };
        let theirs = memory::of(us);
        first_wrong(&[
            theirs.read(at, &mut here) == Err(Errno::PERM),
            theirs.write(at, &here) == Err(Errno::PERM),
            theirs.read_value::<u32>(at) == Err(denied),
            matches!(memory::open(us, Access::Read), Err(Errno::PERM)),
            matches!(memory::open(us, Access::ReadWrite), Err(Errno::PERM)),
            permission::explain(us).is_ok_and(|explanation| {
                let both = Reasons::OTHER_USER | Reasons::MORE_CAPABILITIES;
                !explanation.is_privileged() && explanation.reasons().contains(both)
            }),
            // What was opened by another has been allowed.
            passed.read_value::<u32>(at) == Ok(word),
        ])
    });
    assert_eq!(child.wait(), End::Exited(0));
}

/// The same user may, unless the process is not dumpable.
#[test]
fn undumpable_processes_are_refused() {
    let _check = LeakCheck::begin();
    if !support::needs::root() {
        return;
    }
    let yama = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
    if yama.is_ok_and(|scope| !matches!(scope.trim(), "0" | "1")) {
        skipped!("yama allows nobody");
        return;
    }
    let word = 0x5555_u32;
    let at = Address::of(&word);
    let (told, tell) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let mut outer = Child::fork(|| {
        if !become_nobody() {
            return 99;
        }
        let mut status = 0;
        for (dumpable, expected) in [(1, Ok(word)), (0, Err(Errno::PERM))] {
            let mut inner = Child::fork(|| {
                // SAFETY: no memory is involved.
                unsafe { libc::prctl(libc::PR_SET_DUMPABLE, dumpable) };
                let _ = rustix::io::write(&tell, b"!");
                loop {
                    std::thread::yield_now();
                }
            });
            if rustix::io::read(&told, &mut [0; 1]) != Ok(1) {
                return 98;
            }
            let pid = child_pid(&inner);
            let read = memory::of(pid).read_value(at);
            let opened = memory::open(pid, Access::Read).map(drop);
            let right =
                read.map_err(|stopped| stopped.error) == expected && opened == expected.map(drop);
            inner.kill();
            // What has ended is gone for everybody, and not a matter of permission.
            let ended = pidfd::open(pid).and_then(|pidfd| pidfd.wait_exit());
            let late = memory::open(pid, Access::Read).map(drop);
            let right = right && ended.is_ok() && late == Err(Errno::SRCH);
            status = 2 * status + i32::from(!right);
            inner.wait();
        }
        status
    });
    assert_eq!(outer.wait(), End::Exited(0));
}

#[test]
fn explain_writes_the_reasons() {
    let _check = LeakCheck::begin();
    let own = permission::explain(rustix::process::getpid()).unwrap();
    assert_eq!(
        own.tracer().is_some(),
        own.reasons().contains(Reasons::TRACED)
    );
    let strange = own.reasons() - Reasons::TRACED - Reasons::YAMA;
    assert!(strange.is_empty(), "{own}");
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok();
    let scope = scope.map(|scope| scope.trim().parse().unwrap());
    assert_eq!(own.yama(), scope);
    assert!(!own.to_string().is_empty());

    let child = Child::fork(|| {
        loop {
            std::thread::yield_now();
        }
    });
    let pid = child_pid(&child);
    // SAFETY: no memory is involved.
    let seized = unsafe { libc::ptrace(libc::PTRACE_SEIZE, child.id(), 0, 0) };
    if seized == 0 {
        let explanation = permission::explain(pid).unwrap();
        assert!(explanation.reasons().contains(Reasons::TRACED));
        assert_eq!(explanation.tracer(), Some(rustix::thread::gettid()));
        assert!(explanation.to_string().contains("traced"), "{explanation}");
    } else {
        skipped!("this system lets no one trace");
    }
    drop(child);
    assert_eq!(permission::explain(pid), Err(Errno::SRCH));
}

#[test]
fn open_memory_passed_on_works_without_permission() {
    if hold() {
        return;
    }
    let _check = LeakCheck::begin();
    let (peer, at) = peer_with(test_name!(), PAGE);
    let there = pattern(PAGE, SEED);
    let file = memory::open(pid(&peer), Access::Read).unwrap();
    let fd = file.descriptor().unwrap();
    let again = Remote::from(fd.try_clone_to_owned().unwrap());
    drop(file);
    assert_eq!(again.read_value::<u8>(at), Ok(there[0]));
    assert!(memory::of(pid(&peer)).descriptor().is_none());
    // A pipe is no memory.
    let (reader, _writer) = rustix::pipe::pipe().unwrap();
    let pipe = Remote::from(reader);
    assert_eq!(pipe.read(at, &mut [0]), Err(Errno::SPIPE));
    assert!(pipe.descriptor().unwrap().as_fd().as_raw_fd() >= 0);
    end(peer);
}
