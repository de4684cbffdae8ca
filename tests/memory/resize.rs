//! Mappings that become longer and shorter, move, become two, and are sealed.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;
use crate::{memfd_of, private, shared};

use rawipc::Errno;
use rawipc::memory::{AccessError, Advice, Lock, MapOptions, Protection};
use rawipc::sysv::memory::{self as segment, AttachFlags, SegmentFlags};
use rawipc::sysv::{Create, Key};

use support::system_v::Temporary;
use support::{Child, End, LeakCheck, Peer, PeerArgs, page, pattern};

fn segment_of(size: usize) -> Temporary<segment::Segment> {
    let made = segment::create(Key::PRIVATE, size, SegmentFlags::empty(), Create::NEW);
    Temporary(made.unwrap())
}

/// Whether anything is mapped at the address. Of a test that has its process for itself:
/// else another may map what this one has unmapped.
pub(crate) fn is_mapped(address: usize) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().any(|line| {
        let (range, _) = line.split_once(' ').unwrap();
        let (begin, end) = range.split_once('-').unwrap();
        let number = |text| usize::from_str_radix(text, 16).unwrap();
        (number(begin)..number(end)).contains(&address)
    })
}

#[test]
fn resized_mapping_keeps_its_contents() {
    if PeerArgs::role("resizes").is_none() {
        let _check = LeakCheck::begin();
        return Peer::start(test_name!(), "resizes", &[]).finish();
    }
    let mut mapping = private(3 * page());
    let content = pattern(3 * page(), 5);
    mapping.write_at(0, &content).unwrap();
    for len in [200 * page(), 3 * page(), 3 * page() + 1, 1000 * page() - 7] {
        mapping.resize(len).unwrap();
        assert_eq!(mapping.len(), len);
        let mut found = vec![0; 3 * page()];
        mapping.read_at(0, &mut found).unwrap();
        assert!(found == content);
        if len > content.len() {
            mapping.write(len - 1, &9_u8).unwrap();
        }
        assert_eq!(mapping.read::<u8>(len), Err(AccessError::OutOfBounds));
    }
    assert_eq!(mapping.read::<u8>(500 * page()), Ok(0));
    // All that is unmapped is unmapped.
    let far = 999 * page();
    assert!(is_mapped(mapping.as_ptr().addr() + far));
    mapping.resize(1).unwrap();
    let address = mapping.as_ptr().addr();
    assert!(!is_mapped(address + far) && !is_mapped(address + page()));
    drop(mapping);
    assert!(!is_mapped(address));
}

#[test]
fn grown_mapping_of_memfd_has_what_follows() {
    let _check = LeakCheck::begin();
    let memfd = memfd_of(8 * page());
    memfd.write_at(6 * page() as u64, b"further").unwrap();
    let options = MapOptions::shared(page()).offset(2 * page() as u64);
    let mut mapping = options.map(&memfd).unwrap();
    mapping.resize(6 * page()).unwrap();
    assert_eq!(mapping.offset(), 2 * page() as u64);
    assert_eq!(mapping.read::<[u8; 7]>(4 * page()), Ok(*b"further"));
    mapping.write_at(5 * page(), b"x").unwrap();
    let mut byte = [0];
    memfd.read_at(7 * page() as u64, &mut byte).unwrap();
    assert_eq!(&byte, b"x");
    // As the memfd grows, so can what is mapped of it.
    memfd.set_size(100 * page() as u64).unwrap();
    mapping.resize(98 * page()).unwrap();
    mapping.write(98 * page() - 1, &1_u8).unwrap();
}

#[test]
fn shared_anonymous_memory_does_not_grow_with_mapping() {
    let _check = LeakCheck::begin();
    let mut mapping = shared(page());
    mapping.resize(4 * page()).unwrap();
    mapping.write(page() - 1, &1_u8).unwrap();
    let mut child = Child::fork(|| {
        let limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: the structure is borrowed for the call.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) };
        // SAFETY: a handler of this executable's runtime is not for this.
        unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
        i32::from(mapping.write(page(), &1_u8).is_ok())
    });
    assert_eq!(child.wait(), End::Killed(libc::SIGBUS));
}

#[test]
fn refused_resize_changes_nothing() {
    let _check = LeakCheck::begin();
    let mut mapping = private(4 * page());
    mapping.write_at(0, b"here").unwrap();
    for len in [0, 1 << 62, usize::MAX & !(page() - 1), usize::MAX] {
        let errno = mapping.resize(len).unwrap_err();
        assert!(
            matches!(errno, Errno::INVAL | Errno::NOMEM),
            "{len:#x}: {errno}"
        );
        assert_eq!(mapping.len(), 4 * page());
        assert_eq!(mapping.read::<[u8; 4]>(0), Ok(*b"here"));
    }
    // Parts that differ.
    let part = page()..2 * page();
    mapping.advise(part, Advice::DontDump).unwrap();
    assert_eq!(mapping.resize(100 * page()), Err(Errno::FAULT));
    assert_eq!(mapping.len(), 4 * page());
    mapping.advise(.., Advice::DoDump).unwrap();
    mapping.resize(100 * page()).unwrap();
    assert_eq!(mapping.read::<[u8; 4]>(0), Ok(*b"here"));
}

#[test]
fn resize_of_segment_is_refused() {
    // What another test forks has attached for a moment what this one counts.
    if PeerArgs::role("counts").is_none() {
        let _check = LeakCheck::begin();
        return Peer::start(test_name!(), "counts", &[]).finish();
    }
    let segment = segment_of(4 * page());
    let mut mapping = segment.attach(AttachFlags::empty()).unwrap();
    for len in [page(), 4 * page(), 8 * page()] {
        assert_eq!(mapping.resize(len), Err(Errno::INVAL));
    }
    assert_eq!(mapping.move_out().unwrap_err(), Errno::INVAL);
    assert_eq!(mapping.len(), 4 * page());
    // Attached once more, and detached on drop.
    let twin = mapping.duplicate().unwrap();
    twin.write(3 * page(), &6_u8).unwrap();
    assert_eq!(mapping.read::<u8>(3 * page()), Ok(6));
    assert_eq!(segment.status().unwrap().attached, 2);
    drop(mapping);
    assert_eq!(segment.status().unwrap().attached, 1);
    assert_eq!(twin.read::<u8>(3 * page()), Ok(6));
    drop(twin);
    assert_eq!(segment.status().unwrap().attached, 0);
}

#[test]
fn growth_beyond_limit_of_locked_memory_is_refused() {
    if let Some(mut half) = PeerArgs::role("limited") {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let most = Some(8 * page() as u64);
        let limit = Rlimit {
            current: most,
            maximum: most,
        };
        setrlimit(Resource::Memlock, limit).unwrap();
        let is_root = rustix::process::getuid().is_root();
        // SAFETY: no memory is involved.
        if is_root && unsafe { libc::setresuid(65534, 65534, 65534) } != 0 {
            return half.channel.say("skip");
        }
        let mut mapping = private(4 * page());
        mapping.lock(.., Lock::Now).unwrap();
        assert_eq!(mapping.resize(100 * page()), Err(Errno::AGAIN));
        assert_eq!(mapping.len(), 4 * page());
        mapping.resize(6 * page()).unwrap();
        half.channel.say("done");
        return;
    }
    let _check = LeakCheck::begin();
    let mut peer = Peer::start(test_name!(), "limited", &[]);
    if peer.channel().hear() == "skip" {
        skipped!("privileges cannot be dropped");
    }
    peer.finish();
}

#[test]
fn move_out_takes_contents_without_copy() {
    let _check = LeakCheck::begin();
    let mut mapping = private(2 * page());
    mapping.write_at(0, b"contents").unwrap();
    mapping.write(page(), &7_u8).unwrap();
    mapping.protect(Protection::READ).unwrap();
    let taken = mapping.move_out().unwrap();
    assert_ne!(taken.as_ptr(), mapping.as_ptr());
    assert_eq!(
        (taken.len(), taken.protection()),
        (2 * page(), Protection::READ)
    );
    assert_eq!(taken.read::<[u8; 8]>(0), Ok(*b"contents"));
    assert_eq!(taken.read::<u8>(page()), Ok(7));
    assert_eq!(mapping.read::<[u8; 8]>(0), Ok([0; 8]));
    mapping
        .protect(Protection::READ | Protection::WRITE)
        .unwrap();
    mapping.write(0, &1_u8).unwrap();
    drop(mapping);
    assert_eq!(taken.read::<u8>(page()), Ok(7));

    // What is shared still is.
    let memfd = memfd_of(page());
    memfd.write_at(0, b"both").unwrap();
    let mut mapping = MapOptions::shared(page()).map(&memfd).unwrap();
    let taken = mapping.move_out().unwrap();
    taken.write_at(1, b"oot").unwrap();
    assert_eq!(mapping.read::<[u8; 4]>(0), Ok(*b"boot"));
}

#[test]
fn duplicate_maps_shared_memory_twice() {
    let _check = LeakCheck::begin();
    let mapping = shared(3 * page());
    let twin = mapping.duplicate().unwrap();
    assert_ne!(twin.as_ptr(), mapping.as_ptr());
    assert_eq!(twin.len(), 3 * page());
    twin.write_at(2 * page(), b"one").unwrap();
    assert_eq!(mapping.read::<[u8; 3]>(2 * page()), Ok(*b"one"));
    // A child has both, and they are still one.
    let mut child = Child::fork(|| match mapping.write_at(page(), b"child") {
        Ok(()) => 0,
        Err(_) => 1,
    });
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!(twin.read::<[u8; 5]>(page()), Ok(*b"child"));
    drop(mapping);
    assert_eq!(twin.read::<[u8; 3]>(2 * page()), Ok(*b"one"));

    let memfd = memfd_of(4 * page());
    let options = MapOptions::shared(page()).offset(3 * page() as u64);
    let last = options.map(&memfd).unwrap().duplicate().unwrap();
    last.write_at(0, b"end").unwrap();
    let mut bytes = [0; 3];
    memfd.read_at(3 * page() as u64, &mut bytes).unwrap();
    assert_eq!((&bytes, last.offset()), (b"end", 3 * page() as u64));

    assert_eq!(private(page()).duplicate().unwrap_err(), Errno::INVAL);
}

#[test]
fn sealed_mapping_stays_mapped() {
    // What is sealed stays until the process ends.
    if let Some(mut half) = PeerArgs::role("seals") {
        let mut mapping = private(2 * page());
        mapping.write_at(0, b"kept").unwrap();
        assert!(!mapping.is_sealed());
        match mapping.seal() {
            // Not in this kernel, or in this container.
            Err(Errno::NOSYS | Errno::PERM) => return half.channel.say("skip"),
            result => result.unwrap(),
        }
        assert!(mapping.is_sealed());
        assert_eq!(mapping.seal(), Ok(()));
        let before = mapping.protection();
        assert_eq!(mapping.protect(Protection::READ), Err(Errno::PERM));
        assert_eq!(mapping.protection(), before);
        assert_eq!(mapping.resize(page()), Err(Errno::PERM));
        assert_eq!(mapping.resize(8 * page()), Err(Errno::PERM));
        assert_eq!(mapping.move_out().unwrap_err(), Errno::PERM);
        assert_eq!(mapping.duplicate().unwrap_err(), Errno::PERM);
        assert_eq!(mapping.len(), 2 * page());
        let address = mapping.as_ptr();
        // The kernel says so too, whoever asks.
        // SAFETY: refused, and else nobody uses it any more.
        assert_eq!(unsafe { libc::munmap(address.cast(), 2 * page()) }, -1);
        // SAFETY: as above.
        let protected = unsafe { libc::mprotect(address.cast(), page(), libc::PROT_NONE) };
        assert_eq!(protected, -1);
        mapping.write_at(4, b"!").unwrap();
        assert_eq!(mapping.read::<[u8; 5]>(0), Ok(*b"kept!"));
        drop(mapping);
        assert!(is_mapped(address.addr()));

        // What is only readable cannot be discarded either.
        let mut constant = private(page());
        constant.protect(Protection::READ).unwrap();
        constant.seal().unwrap();
        assert_eq!(constant.advise(.., Advice::DontNeed), Err(Errno::PERM));
        half.channel.say("done");
        return;
    }
    let _check = LeakCheck::begin();
    let mut peer = Peer::start(test_name!(), "seals", &[]);
    if peer.channel().hear() == "skip" {
        skipped!("no mseal here");
    }
    peer.finish();
}
