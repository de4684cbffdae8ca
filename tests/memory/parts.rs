//! Parts of mappings: protected, split off, leaked and taken over.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64};

use rawipc::Errno;
use rawipc::memory::{AccessError, MapOptions, Mapping, Protection};

use crate::resize::is_mapped;
use crate::support::{Child, End, LeakCheck, page};
use crate::{memfd_of, private, shared};

const READ_WRITE: Protection = Protection::READ.union(Protection::WRITE);

/// How a child ends that makes this access.
fn end_of(access: impl FnOnce() -> Result<(), AccessError>) -> End {
    let mut child = Child::fork(|| {
        // SAFETY: a number, in a child that ends.
        unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
        access().is_err().into()
    });
    child.wait()
}

#[test]
fn protected_part_kills_who_touches_it_until_unprotected() {
    let _check = LeakCheck::begin();
    for mut mapping in [private(4 * page()), shared(4 * page())] {
        mapping.fill(.., 7).unwrap();
        let part = page()..2 * page() + 1;
        mapping
            .protect_range(part.clone(), Protection::empty())
            .unwrap();
        assert_eq!(mapping.protection(), READ_WRITE);
        let killed = End::Killed(libc::SIGSEGV);
        for (offset, end) in [
            (page() - 1, End::Exited(0)),
            (page(), killed),
            (3 * page() - 1, killed),
            (3 * page(), End::Exited(0)),
        ] {
            assert_eq!(end_of(|| mapping.write(offset, &1_u8)), end, "{offset}");
            assert_eq!(
                end_of(|| mapping.read::<u8>(offset).map(drop)),
                end,
                "{offset}"
            );
        }
        mapping
            .protect_range(part.clone(), Protection::READ)
            .unwrap();
        assert_eq!(mapping.read::<u8>(page()), Ok(7));
        assert_eq!(end_of(|| mapping.write(page(), &1_u8)), killed);
        // One page of two.
        mapping.unprotect_range(page()..2 * page()).unwrap();
        mapping.write(page(), &1_u8).unwrap();
        assert_eq!(end_of(|| mapping.write(2 * page(), &1_u8)), killed);
        // All of it at once.
        mapping.protect(READ_WRITE).unwrap();
        mapping.fill(.., 1).unwrap();
    }
}

#[test]
fn part_is_given_no_more_than_mapping_has() {
    let _check = LeakCheck::begin();
    let mut mapping = private(2 * page());
    mapping.protect(Protection::READ).unwrap();
    for more in [READ_WRITE, Protection::WRITE, Protection::EXECUTE] {
        assert_eq!(mapping.protect_range(.., more), Err(Errno::INVAL));
    }
    assert_eq!(
        mapping.protect_range(1.., Protection::READ),
        Err(Errno::INVAL)
    );
    let none = Protection::empty();
    assert_eq!(mapping.protect_range(..3 * page(), none), Err(Errno::RANGE));
    assert_eq!(mapping.unprotect_range(..3 * page()), Err(Errno::RANGE));
    assert_eq!(mapping.protect_range(page()..page(), none), Ok(()));
    assert_eq!(mapping.protection(), Protection::READ);
    assert_eq!(mapping.write(0, &1_u8), Err(AccessError::Protected));
    assert_eq!(mapping.read::<u8>(2 * page() - 1), Ok(0));
}

#[test]
fn duplicate_of_mapping_with_protected_part_has_none() {
    let _check = LeakCheck::begin();
    let mut mapping = shared(3 * page());
    for part in 0..3 {
        let part = part * page()..(part + 1) * page();
        mapping
            .protect_range(part.clone(), Protection::empty())
            .unwrap();
        let twin = mapping.duplicate().unwrap();
        assert_eq!(end_of(|| twin.fill(.., 1)), End::Exited(0));
        mapping.unprotect_range(part).unwrap();
    }
    // What the kernel cannot move stays as it is.
    mapping
        .protect_range(page().., Protection::empty())
        .unwrap();
    assert_eq!(mapping.resize(6 * page()), Err(Errno::FAULT));
    mapping.resize(page()).unwrap();
    mapping.fill(.., 2).unwrap();
}

#[test]
fn split_mapping_is_two_that_live_by_themselves() {
    let _check = LeakCheck::begin();
    let memfd = memfd_of(4 * page());
    for keep_first in [true, false] {
        let options = MapOptions::shared(3 * page() - 10).offset(page() as u64);
        let mut first = options.map(&memfd).unwrap();
        first.write(2 * page() - 1, &1_u8).unwrap();
        first.write(2 * page(), &2_u8).unwrap();
        let address = first.as_ptr();
        let mut rest = first.split_off(2 * page()).unwrap();
        assert_eq!((first.len(), first.offset()), (2 * page(), page() as u64));
        assert_eq!(
            (rest.len(), rest.offset()),
            (page() - 10, 3 * page() as u64)
        );
        assert_eq!(rest.as_ptr(), address.wrapping_add(2 * page()));
        assert_eq!(first.read::<u8>(2 * page() - 1), Ok(1));
        assert_eq!(first.read::<u8>(2 * page()), Err(AccessError::OutOfBounds));
        assert_eq!(rest.read::<u8>(0), Ok(2));
        assert_eq!(rest.read::<u8>(page() - 10), Err(AccessError::OutOfBounds));

        rest.protect(Protection::READ).unwrap();
        first.fill(.., 3).unwrap();
        assert_eq!(rest.write(0, &1_u8), Err(AccessError::Protected));
        rest.protect(READ_WRITE).unwrap();
        let ends = [first.as_ptr().addr(), rest.as_ptr().addr()];
        let kept = if keep_first {
            drop(rest);
            first
        } else {
            drop(first);
            rest
        };
        assert_eq!(ends.map(is_mapped), [keep_first, !keep_first]);
        kept.fill(.., 4).unwrap();
    }
}

#[test]
fn split_where_no_page_begins_is_refused() {
    let _check = LeakCheck::begin();
    let mut mapping = private(2 * page() + 1);
    for (at, why) in [
        (0, Errno::RANGE),
        (1, Errno::INVAL),
        (page() - 1, Errno::INVAL),
        (page() + 8, Errno::INVAL),
        (2 * page() + 1, Errno::RANGE),
        (3 * page(), Errno::RANGE),
        (usize::MAX, Errno::RANGE),
    ] {
        assert_eq!(mapping.split_off(at).unwrap_err(), why, "{at}");
    }
    assert_eq!(mapping.len(), 2 * page() + 1);
    assert_eq!(mapping.split_off(2 * page()).unwrap().len(), 1);
}

/// The bytes that are mapped in this process.
fn mapped() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').next().unwrap().parse::<usize>().unwrap() * page()
}

#[test]
fn split_mapping_keeps_no_account_of_what_it_was() {
    let _check = LeakCheck::begin();
    // The account of each has pages of its own.
    let len = 1 << 24;
    let mut first = private(len);
    first.objects::<AtomicU32>(0, len / 4).unwrap();
    let mut rest = first.split_off(len / 2).unwrap();
    assert!(first.objects::<AtomicU64>(0, len / 16).is_ok());
    assert!(rest.objects::<AtomicU64>(0, len / 16).is_ok());
    let mixed = Some(AccessError::MixedSizes);
    assert_eq!(rest.object::<AtomicU32>(len / 2 - 8).err(), mixed);
    assert_eq!(first.object::<AtomicU32>(0).err(), mixed);
    rest.resize(page()).unwrap();
    assert!(rest.object::<AtomicU32>(page() - 4).is_ok());
    assert!(first.object::<AtomicU64>(0).is_ok());
}

#[test]
fn account_of_mapping_that_is_split_or_leaked_is_unmapped() {
    // Alone in its process: others map memory too.
    let mut child = Child::fork(|| {
        let len = 1 << 26;
        let claimed = || {
            let mapping = private(len);
            mapping.object::<AtomicU32>(0).unwrap();
            mapping
        };
        drop(claimed());
        let before = mapped();
        for _ in 0..4 {
            let mut mapping = claimed();
            drop(mapping.split_off(page()).unwrap());
            drop(mapping);
            let protection = READ_WRITE;
            // SAFETY: of a mapping that was leaked, and used by nobody else.
            drop(unsafe { Mapping::from_raw(claimed().leak(), protection) }.unwrap());
        }
        // An account of it is half a mebibyte.
        i32::from(mapped() >= before + len / 128)
    });
    assert_eq!(child.wait(), End::Exited(0));
}

#[test]
fn leaked_memory_stays_until_it_is_taken_over() {
    let _check = LeakCheck::begin();
    let mapping = shared(2 * page() - 8);
    mapping.write_at(page(), b"kept").unwrap();
    let address = mapping.as_ptr();
    let memory = mapping.leak();
    assert_eq!(memory.len(), 2 * page() - 8);
    assert_eq!(memory.cast::<u8>().as_ptr(), address);
    assert!(is_mapped(address.addr()));
    // SAFETY: of a mapping that was leaked, and used by nobody else.
    let mut mapping = unsafe { Mapping::from_raw(memory, READ_WRITE) }.unwrap();
    assert_eq!(mapping.read::<[u8; 4]>(page()), Ok(*b"kept"));
    assert_eq!((mapping.len(), mapping.offset()), (2 * page() - 8, 0));
    mapping.resize(4 * page()).unwrap();
    let address = mapping.as_ptr().addr();
    drop(mapping);
    assert!(!is_mapped(address) && !is_mapped(address + page()));

    let nothing = NonNull::slice_from_raw_parts(NonNull::<u8>::dangling(), 0);
    // SAFETY: refused.
    let refused = unsafe { Mapping::from_raw(nothing, READ_WRITE) };
    assert_eq!(refused.unwrap_err(), Errno::INVAL);
}
