//! The kinds of memory that a mapping can be of: one `Mapping` for all, shared with a
//! second process; secret and droppable memory, checked flags, sizes of huge pages.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::memfd_of;
use crate::support;

use core::sync::atomic::{AtomicU32, Ordering};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rawipc::memory::memfd::{self, MemfdFlags};
use rawipc::memory::secret::{self, Secret, SecretFlags};
use rawipc::memory::{AccessError, Advice, MapFlags, MapOptions, Mapping, Protection, SyncMode};
use rawipc::posix::Name;
use rawipc::posix::memory::{self as posix, Access, MemoryFlags};
use rawipc::sysv::memory::{self as segment, AttachFlags, Segment, SegmentFlags};
use rawipc::sysv::{Create, Key};
use rawipc::{BorrowedFd, Errno};
use rustix::io::FdFlags;

use support::system_v::Temporary;
use support::{Child, End, LeakCheck, Peer, PeerArgs, page};

fn secret() -> Option<Secret> {
    match secret::create(SecretFlags::empty()) {
        Err(errno @ (Errno::NOSYS | Errno::PERM)) => {
            skipped!("secret memory is not enabled here: {errno}");
            None
        }
        result => Some(result.unwrap()),
    }
}

/// Unlinked when dropped.
struct Named(Name);

impl Drop for Named {
    fn drop(&mut self) {
        let _ = posix::unlink(&self.0);
    }
}

fn map(fd: impl AsFd) -> Mapping {
    MapOptions::shared(2 * page()).map(fd).unwrap()
}

/// The same, whatever the memory is: as the process that comes second sees it.
fn answer(mapping: &Mapping) {
    assert_eq!(mapping.len(), 2 * page());
    assert_eq!(mapping.read::<[u8; 5]>(page() - 2), Ok(*b"first"));
    let count = mapping.object::<AtomicU32>(64).unwrap();
    assert_eq!(count.fetch_add(1, Ordering::Relaxed), 41);
    mapping.write_at(page() - 2, b"again").unwrap();
    let beyond = mapping.read::<u8>(2 * page());
    assert_eq!(beyond, Err(AccessError::OutOfBounds));
}

#[test]
fn mapping_of_any_source_is_shared_by_two_processes() {
    if let Some(mut half) = PeerArgs::role("second") {
        for index in 0..2 {
            answer(&map(half.descriptor(index)));
            half.channel.say("done");
        }
        let word = half.channel.hear();
        let name = Name::new(word.as_bytes()).unwrap();
        answer(&map(posix::open(
            &name,
            Access::ReadWrite,
            MemoryFlags::empty(),
        )
        .unwrap()));
        half.channel.say("done");
        let id = half.channel.hear().parse().unwrap();
        let segment = Segment::from_id(id);
        answer(&segment.attach(AttachFlags::empty()).unwrap());
        half.channel.say("done");
        return;
    }
    let _check = LeakCheck::begin();
    let (first, file) = (memfd_of(2 * page()), memfd_of(2 * page()));
    // As a file of a file system is: by a descriptor of its own.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let file = File::options().read(true).write(true).open(path).unwrap();
    let name = format!("/rawipc-test-{}-kinds", std::process::id());
    let name = Named(Name::new(name).unwrap());
    let named = posix::CreateOptions::new().size(2 * page() as u64);
    let named = named.create(&name.0).unwrap();
    let made = segment::create(Key::PRIVATE, 2 * page(), SegmentFlags::empty(), Create::NEW);
    let segment = Temporary(made.unwrap());
    let mappings: [(Mapping, Option<String>); 4] = [
        (map(&first), None),
        (map(&file), None),
        (map(&named), Some(name.0.to_string())),
        (
            segment.attach(AttachFlags::empty()).unwrap(),
            Some(segment.id().to_string()),
        ),
    ];
    for (mapping, _) in &mappings {
        mapping.write_at(page() - 2, b"first").unwrap();
        let count = mapping.object::<AtomicU32>(64).unwrap();
        count.store(41, Ordering::Relaxed);
    }
    let fds: [BorrowedFd<'_>; 2] = [first.as_fd(), file.as_fd()];
    let mut peer = Peer::start(test_name!(), "second", &fds.map(|fd| fd.as_raw_fd()));
    for (mut mapping, word) in mappings {
        if let Some(word) = word {
            peer.say(&word);
        }
        peer.expect("done");
        assert_eq!(mapping.read::<[u8; 5]>(page() - 2), Ok(*b"again"));
        assert_eq!(mapping.read::<u32>(64), Ok(42));
        // Everything that can be done to one can be done to all.
        mapping.sync(.., SyncMode::Wait).unwrap();
        mapping.advise(.., Advice::WillNeed).unwrap();
        mapping.fill(.., 5).unwrap();
        let twin = mapping.duplicate().unwrap();
        mapping.protect(Protection::READ).unwrap();
        assert_eq!(mapping.write(0, &1_u8), Err(AccessError::Protected));
        twin.write(0, &6_u8).unwrap();
        assert_eq!(mapping.read::<u8>(0), Ok(6));
    }
    peer.finish();
}

#[test]
fn secret_memory_is_seen_by_its_mapper_alone() {
    let _check = LeakCheck::begin();
    let Some(secret) = secret() else { return };
    assert_eq!(rustix::io::fcntl_getfd(&secret).unwrap(), FdFlags::CLOEXEC);
    let inherited = secret::create(SecretFlags::INHERITED).unwrap();
    assert_eq!(
        rustix::io::fcntl_getfd(&inherited).unwrap(),
        FdFlags::empty()
    );
    let unknown = SecretFlags::from_bits_retain(1 << 30);
    assert_eq!(secret::create(unknown).unwrap_err(), Errno::INVAL);

    let size = page() as u64;
    assert_eq!(secret.size(), Ok(0));
    assert_eq!(secret.set_size(u64::MAX), Err(Errno::FBIG));
    secret.set_size(size).unwrap();
    assert_eq!(secret.size(), Ok(size));
    // Once.
    assert_eq!(secret.set_size(2 * size), Err(Errno::INVAL));
    assert_eq!(secret.set_size(0), Err(Errno::INVAL));

    let options = MapOptions::shared(page());
    let mapping = options.map(&secret).unwrap();
    let other = options.map(&secret).unwrap();
    mapping.write_at(10, b"hidden").unwrap();
    assert_eq!(other.read::<[u8; 6]>(10), Ok(*b"hidden"));
    let refused = MapOptions::private(page()).map(&secret);
    assert_eq!(refused.unwrap_err(), Errno::INVAL);

    // The kernel does not read it otherwise, not even for this process.
    let mut bytes = [0_u8; 6];
    let local = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: 6,
    };
    let remote = libc::iovec {
        iov_base: mapping.as_ptr().wrapping_add(10).cast(),
        iov_len: 6,
    };
    let this = std::process::id() as i32;
    // SAFETY: both places are there for the call.
    let read =
        unsafe { libc::process_vm_readv(this, &raw const local, 1, &raw const remote, 1, 0) };
    assert_eq!((read, bytes), (-1, [0; 6]));
    let address = mapping.as_ptr().addr() as u64;
    let memory = File::open("/proc/self/mem").unwrap();
    assert!(memory.read_exact_at(&mut bytes, address + 10).is_err());
    let plain = MapOptions::private(page()).map_anonymous().unwrap();
    let address = plain.as_ptr().addr() as u64;
    memory.read_exact_at(&mut bytes, address + 10).unwrap();
    // Nor by the descriptor.
    assert!(rustix::io::read(&secret, &mut bytes).is_err());
}

#[test]
fn secret_memory_is_shared_by_its_descriptor() {
    if let Some(mut half) = PeerArgs::role("maps") {
        let secret = Secret::from(half.descriptor(0));
        let mapping = MapOptions::shared(page()).map(&secret).unwrap();
        assert_eq!(mapping.read::<[u8; 5]>(0), Ok(*b"there"));
        mapping.write_at(0, b"again").unwrap();
        half.channel.say("written");
        half.channel.hear();
        unreachable!("killed before");
    }
    let _check = LeakCheck::begin();
    let Some(secret) = secret() else { return };
    secret.set_size(page() as u64).unwrap();
    let mapping = MapOptions::shared(page()).map(&secret).unwrap();
    mapping.write_at(0, b"there").unwrap();
    let mut peer = Peer::start(test_name!(), "maps", &[secret.as_raw_fd()]);
    peer.expect("written");
    peer.kill();
    // What a dead process wrote is there.
    assert_eq!(mapping.read::<[u8; 5]>(0), Ok(*b"again"));
    let fd: OwnedFd = secret.into();
    assert_eq!(Secret::from(fd).size(), Ok(page() as u64));
}

#[test]
fn droppable_memory_is_private_to_process() {
    let _check = LeakCheck::begin();
    let options = MapOptions::droppable(4 * page());
    let mapping = match options.map_anonymous() {
        Err(errno @ (Errno::INVAL | Errno::OPNOTSUPP)) => {
            skipped!("no droppable memory in this kernel: {errno}");
            return;
        }
        result => result.unwrap(),
    };
    mapping.write_at(0, b"random").unwrap();
    // There, or dropped meanwhile.
    let found = mapping.read::<[u8; 6]>(0).unwrap();
    assert!([*b"random", [0; 6]].contains(&found), "{found:?}");
    let mut child = Child::fork(|| i32::from(mapping.read::<[u8; 6]>(0) != Ok([0; 6])));
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!(mapping.duplicate().unwrap_err(), Errno::INVAL);
    let refused = options.map(memfd_of(4 * page())).unwrap_err();
    assert!(matches!(refused, Errno::INVAL | Errno::OPNOTSUPP));
}

#[test]
fn unknown_flags_are_refused() {
    let _check = LeakCheck::begin();
    let memfd = memfd_of(page());
    let unknown = MapFlags::from_bits_retain(1 << 25);
    let ignored = MapOptions::shared(page()).flags(unknown).map(&memfd);
    assert!(ignored.is_ok());
    let options = MapOptions::shared_validated(page());
    let refused = options.flags(unknown).map(&memfd);
    assert_eq!(refused.unwrap_err(), Errno::OPNOTSUPP);
    // No file here is on persistent memory; that flag is never ignored.
    for options in [options, MapOptions::shared(page())] {
        let refused = options.flags(MapFlags::SYNC).map(&memfd);
        assert_eq!(refused.unwrap_err(), Errno::OPNOTSUPP);
    }
    let mapping = options.flags(MapFlags::POPULATE).map(&memfd).unwrap();
    let other = MapOptions::shared(page()).map(&memfd).unwrap();
    mapping.write_at(0, b"seen").unwrap();
    assert_eq!(other.read::<[u8; 4]>(0), Ok(*b"seen"));
    let refused = options.map_anonymous().unwrap_err();
    assert!(matches!(refused, Errno::INVAL | Errno::OPNOTSUPP));
    let stack = MapOptions::private(page()).flags(MapFlags::STACK);
    assert!(stack.map_anonymous().is_ok());
}

#[test]
fn huge_page_sizes_are_powers_of_two() {
    let _check = LeakCheck::begin();
    for (size, flags) in [
        (64 << 10, MapFlags::HUGE_64KIB),
        (2 << 20, MapFlags::HUGE_2MIB),
        (32 << 20, MapFlags::HUGE_32MIB),
        (1 << 30, MapFlags::HUGE_1GIB),
    ] {
        assert_eq!(MapFlags::huge(size), Some(flags));
        assert!(flags.contains(MapFlags::HUGE));
        let memfd = MemfdFlags::huge(size).unwrap();
        assert_eq!(memfd.bits() >> 26, flags.bits() >> 26);
        assert!(memfd.contains(MemfdFlags::HUGE));
    }
    for size in [0, 3, (2 << 20) + 1, usize::MAX] {
        assert_eq!(MapFlags::huge(size), None);
        assert_eq!(MemfdFlags::huge(size), None);
    }
    // What no machine has.
    let none = MapFlags::huge(1 << 13).unwrap();
    let refused = MapOptions::private(page()).flags(none).map_anonymous();
    assert_eq!(refused.unwrap_err(), Errno::INVAL);
    let none = MemfdFlags::huge(1 << 13).unwrap();
    assert!(memfd::create("rawipc-test", none).is_err());
}
