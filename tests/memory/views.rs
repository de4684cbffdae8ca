//! The views of a mapping: bytes, values and shared objects; what is outside,
//! misaligned or not allowed is refused.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;
use crate::{memfd_of, private, shared};

use core::ops::{Bound, Range, RangeFull};
use core::sync::atomic::{
    AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32,
    AtomicU64, AtomicUsize, Ordering,
};
use std::os::fd::AsRawFd;

use rawipc::Errno;
use rawipc::memory::{AccessError, MapOptions, Mapping, Protection, Shared};
use static_assertions::{assert_impl_all, assert_not_impl_any};

use support::{LeakCheck, Peer, PeerArgs, page, pattern};

assert_impl_all!(Mapping: Send, Sync);
assert_not_impl_any!(Mapping: Clone);
assert_impl_all!([[AtomicU64; 3]; 2]: Shared);
assert_not_impl_any!(u64: Shared);
assert_not_impl_any!(core::sync::atomic::AtomicBool: Shared);
assert_not_impl_any!(core::sync::atomic::AtomicPtr<u8>: Shared);

const READ_WRITE: Protection = Protection::READ.union(Protection::WRITE);

/// All offsets and lengths that are, and are not, within 100 bytes.
fn inside_and_outside() -> impl Iterator<Item = (usize, usize)> {
    let numbers = [
        0,
        1,
        50,
        99,
        100,
        101,
        4096,
        1 << 40,
        usize::MAX - 1,
        usize::MAX,
    ];
    numbers
        .into_iter()
        .flat_map(move |offset| numbers.into_iter().map(move |len| (offset, len)))
}

#[test]
fn access_outside_mapping_is_refused() {
    let _check = LeakCheck::begin();
    let outside = Err(AccessError::OutOfBounds);
    let mapping = shared(100);
    let mut buffer = vec![1; 5000];
    for (offset, len) in inside_and_outside() {
        let is_inside = offset.checked_add(len).is_some_and(|end| end <= 100);
        let expected = if is_inside { Ok(()) } else { outside };
        let text = format!("{len} bytes at {offset}");
        if let Some(bytes) = buffer.get_mut(..len) {
            assert_eq!(mapping.write_at(offset, bytes), expected, "{text}");
            assert_eq!(mapping.read_at(offset, bytes), expected, "{text}");
        }
        let objects = mapping.objects::<AtomicU8>(offset, len);
        assert_eq!(objects.map(<[_]>::len), expected.map(|()| len), "{text}");
        if let Some(end) = offset.checked_add(len) {
            assert_eq!(mapping.fill(offset..end, 3), expected, "{text}");
            let unlocked = if is_inside { Ok(()) } else { Err(Errno::RANGE) };
            assert_eq!(mapping.unlock(offset..end), unlocked, "{text}");
        }
        if len > 0 {
            let filled = mapping.fill(offset..=offset.saturating_add(len - 1), 3);
            assert_eq!(filled, expected, "{text}");
        }
    }
    assert_eq!(mapping.read::<u64>(92), Ok(0x0303_0303_0303_0303));
    assert_eq!(mapping.read::<u64>(93), Err(AccessError::OutOfBounds));
    assert_eq!(mapping.write(93, &0_u64), outside);
    // Where no bytes were handed out.
    let mapping = private(100);
    assert!(mapping.object::<AtomicU32>(96).is_ok());
    for offset in [97, 100, usize::MAX, usize::MAX - 3] {
        let object = mapping.object::<AtomicU32>(offset);
        assert_eq!(object.unwrap_err(), AccessError::OutOfBounds);
    }
    let many = mapping.objects::<AtomicU64>(0, usize::MAX / 8 + 2);
    assert_eq!(many.unwrap_err(), AccessError::OutOfBounds);
    let before = mapping.fill((Bound::Excluded(usize::MAX), ..).pair(), 0);
    assert_eq!(before, outside);
    #[expect(clippy::reversed_empty_ranges, reason = "what shall be refused")]
    let reversed = mapping.fill(50..40, 0);
    assert_eq!(reversed, outside);
}

/// A range whose beginning is excluded.
trait Pair {
    fn pair(self) -> (Bound<usize>, Bound<usize>);
}

impl Pair for (Bound<usize>, RangeFull) {
    fn pair(self) -> (Bound<usize>, Bound<usize>) {
        (self.0, Bound::Unbounded)
    }
}

#[test]
fn access_against_protection_is_refused() {
    let _check = LeakCheck::begin();
    let refused = AccessError::Protected;
    let mut mapping = private(page());
    mapping.write(0, &7_u8).unwrap();

    mapping.protect(Protection::READ).unwrap();
    assert_eq!(mapping.protection(), Protection::READ);
    assert_eq!(mapping.read::<u8>(0), Ok(7));
    assert_eq!(mapping.write_at(0, b"x"), Err(refused));
    assert_eq!(mapping.write(0, &1_u32), Err(refused));
    assert_eq!(mapping.fill(.., 1), Err(refused));
    assert_eq!(mapping.object::<AtomicU32>(0).unwrap_err(), refused);
    assert_eq!(mapping.objects::<AtomicU32>(0, 2).unwrap_err(), refused);
    // SAFETY: nobody else has this mapping.
    assert_eq!(unsafe { mapping.as_mut_slice() }.unwrap_err(), refused);
    // SAFETY: nobody else has this mapping.
    assert_eq!(unsafe { mapping.as_slice() }.unwrap()[..2], [7, 0]);

    mapping.protect(Protection::WRITE).unwrap();
    mapping.write(0, &8_u8).unwrap();
    mapping.fill(1..2, 9).unwrap();
    assert_eq!(mapping.read::<u8>(0), Err(refused));
    assert_eq!(mapping.read_at(0, &mut [0]), Err(refused));
    assert_eq!(mapping.object::<AtomicU32>(0).unwrap_err(), refused);
    // SAFETY: nobody else has this mapping.
    assert_eq!(unsafe { mapping.as_slice() }.unwrap_err(), refused);

    mapping.protect(Protection::empty()).unwrap();
    assert_eq!(mapping.read::<u8>(0), Err(refused));
    assert_eq!(mapping.write(0, &8_u8), Err(refused));

    mapping.protect(READ_WRITE).unwrap();
    assert_eq!(mapping.read::<[u8; 2]>(0), Ok([8, 9]));
    // SAFETY: nobody else has this mapping.
    unsafe { mapping.as_mut_slice() }.unwrap()[1] = 10;
    assert_eq!(mapping.read::<[u8; 2]>(0), Ok([8, 10]));

    for flags in [Protection::empty(), Protection::READ, Protection::WRITE] {
        let options = MapOptions::shared(page()).protection(flags);
        let mapping = options.map_anonymous().unwrap();
        let reads = mapping.read::<u8>(0).is_ok();
        assert_eq!(reads, flags.contains(Protection::READ));
        let writes = mapping.write(0, &0_u8).is_ok();
        assert_eq!(writes, flags.contains(Protection::WRITE));
    }
}

#[test]
fn copies_are_exact_at_every_length_and_alignment() {
    let _check = LeakCheck::begin();
    const LEN: usize = 6000;
    let mapping = shared(LEN);
    let bytes = pattern(LEN, 4);
    for len in (0..300).chain([511, 512, 513, 2047, 4096, 5000]) {
        for offset in 0..10 {
            mapping.fill(.., 0xee).unwrap();
            mapping.write_at(offset, &bytes[..len]).unwrap();
            let mut whole = vec![0; LEN];
            mapping.read_at(0, &mut whole).unwrap();
            assert!(whole[..offset].iter().all(|&byte| byte == 0xee));
            assert_eq!(whole[offset..offset + len], bytes[..len]);
            assert!(whole[offset + len..].iter().all(|&byte| byte == 0xee));
            let mut part = vec![0; len];
            mapping.read_at(offset, &mut part).unwrap();
            assert_eq!(part, bytes[..len]);
        }
    }
}

#[test]
fn fill_fills_its_range_alone() {
    let _check = LeakCheck::begin();
    const LEN: usize = 1000;
    let mapping = shared(LEN);
    let expect = |range: Range<usize>| {
        let mut bytes = vec![0; LEN];
        mapping.read_at(0, &mut bytes).unwrap();
        for (at, &byte) in bytes.iter().enumerate() {
            assert_eq!(byte == 0xaa, range.contains(&at), "at {at}");
        }
        mapping.fill(.., 0).unwrap();
    };
    for len in [0, 1, 255, 256, 257, 512, 700] {
        for start in [0, 1, 7, 300] {
            mapping.fill(start..start + len, 0xaa).unwrap();
            expect(start..start + len);
        }
    }
    mapping.fill(600.., 0xaa).unwrap();
    expect(600..LEN);
    mapping.fill(..=600, 0xaa).unwrap();
    expect(0..601);
    mapping.fill((Bound::Excluded(5), ..).pair(), 0xaa).unwrap();
    expect(6..LEN);
}

#[test]
fn values_are_copied_at_any_alignment() {
    let _check = LeakCheck::begin();
    let mapping = shared(page());
    for offset in [0, 1, 3, 8, 13] {
        mapping.write(offset, &0x0102_0304_0506_0708_u64).unwrap();
        assert_eq!(mapping.read::<u64>(offset), Ok(0x0102_0304_0506_0708));
        mapping.write(offset, &1.5_f64).unwrap();
        assert_eq!(mapping.read::<f64>(offset), Ok(1.5));
        mapping.write(offset, &[1_u16, 2, 3]).unwrap();
        assert_eq!(mapping.read::<[u16; 3]>(offset), Ok([1, 2, 3]));
        let large: [u32; 100] = core::array::from_fn(|i| i as u32 * 77);
        mapping.write(offset, &large).unwrap();
        assert_eq!(mapping.read::<[u32; 100]>(offset), Ok(large));
        mapping.write(offset, &()).unwrap();
        assert_eq!(mapping.read::<()>(page()), Ok(()));
    }
}

#[test]
fn objects_of_all_sizes_are_shared_and_aligned() {
    let _check = LeakCheck::begin();
    let memfd = memfd_of(page());
    let [a, b] = [(); 2].map(|()| MapOptions::shared(page()).map(&memfd).unwrap());
    macro_rules! each {
        ($($atomic:ty: $number:ty),*) => {$({
            let size = size_of::<$atomic>();
            let object = a.object::<$atomic>(8 * size).unwrap();
            object.store(<$number>::MAX, Ordering::Relaxed);
            assert_eq!(b.read::<$number>(8 * size), Ok(<$number>::MAX));
            let other = b.object::<$atomic>(8 * size).unwrap();
            assert_eq!(other.swap(1, Ordering::Relaxed), <$number>::MAX);
            assert_eq!(object.load(Ordering::Relaxed), 1);
            for offset in 1..size {
                let object = a.object::<$atomic>(offset);
                assert_eq!(object.unwrap_err(), AccessError::Misaligned);
                let objects = a.objects::<$atomic>(offset, 1);
                assert_eq!(objects.unwrap_err(), AccessError::Misaligned);
            }
        })*};
    }
    each!(
        AtomicU8: u8, AtomicU16: u16, AtomicU32: u32, AtomicU64: u64, AtomicUsize: usize,
        AtomicI8: i8, AtomicI16: i16, AtomicI32: i32, AtomicI64: i64, AtomicIsize: isize
    );
    let table = a.object::<[[AtomicU16; 4]; 3]>(512).unwrap();
    table[2][3].store(0xabcd, Ordering::Relaxed);
    assert_eq!(b.read::<u16>(512 + 22), Ok(0xabcd));
    let row = b.objects::<AtomicU16>(512, 12).unwrap();
    assert_eq!(row[11].load(Ordering::Relaxed), 0xabcd);
    assert!(a.objects::<AtomicU64>(page(), 0).unwrap().is_empty());
    assert_eq!(a.object::<[AtomicU64; 0]>(page()).unwrap().len(), 0);
}

/// A structure that says no sizes, and one that does.
#[repr(C)]
struct Silent(AtomicU64, [AtomicU32; 2]);
// SAFETY: nothing but atomics.
unsafe impl Shared for Silent {}
#[repr(C)]
struct Telling(AtomicU64, [AtomicU32; 2]);
// SAFETY: nothing but atomics.
unsafe impl Shared for Telling {
    const SIZES: &'static [u8] = &[8, 4];
}

#[test]
fn object_where_another_size_was_handed_out_is_refused() {
    let _check = LeakCheck::begin();
    let memory = memfd_of(3 * page());
    let map = || MapOptions::shared(3 * page()).map(&memory).unwrap();
    let mut mapping = map();
    let mixed = |said: Result<(), AccessError>| said == Err(AccessError::MixedSizes);

    // Eight bytes each have one size, whichever part of them was asked for.
    mapping.object::<AtomicU32>(4).unwrap();
    assert!(mapping.object::<AtomicU32>(0).is_ok());
    for (offset, allowed) in [(0, false), (8, true)] {
        assert_eq!(mapping.object::<AtomicU64>(offset).is_ok(), allowed);
        assert_eq!(mapping.object::<AtomicU64>(offset).is_ok(), allowed);
    }
    assert!(mixed(mapping.object::<AtomicU8>(3).map(drop)));
    assert!(mixed(mapping.object::<AtomicU16>(2).map(drop)));
    assert!(mixed(mapping.object::<AtomicU32>(12).map(drop)));
    assert!(mixed(mapping.objects::<AtomicU64>(0, 2).map(drop)));
    assert!(mixed(mapping.object::<[AtomicU32; 4]>(0).map(drop)));

    // What is refused in part is refused whole: the rest stays free.
    assert!(mixed(
        mapping.objects::<AtomicU8>(0, mapping.len()).map(drop)
    ));
    assert!(mapping.objects::<AtomicU16>(16, 4).is_ok());
    let rest = mapping.len() - page();
    assert_eq!(
        mapping.objects::<AtomicU8>(page(), rest).unwrap().len(),
        rest
    );
    for offset in [page(), page() + 136, mapping.len() - 8] {
        assert!(
            mixed(mapping.object::<AtomicU64>(offset).map(drop)),
            "{offset}"
        );
    }

    // Structures that say no sizes are with each other only.
    mapping.object::<Silent>(64).unwrap();
    assert!(mapping.object::<[Silent; 2]>(64).is_ok());
    assert!(mixed(mapping.object::<AtomicU64>(64).map(drop)));
    assert!(mixed(mapping.object::<Silent>(0).map(drop)));
    mapping.object::<[Telling; 3]>(128).unwrap();
    assert!(mapping.object::<AtomicU64>(128 + 16).is_ok());
    assert!(mapping.object::<AtomicU32>(128 + 24).is_ok());
    assert!(mixed(mapping.object::<AtomicU32>(128 + 32).map(drop)));

    // Another mapping has its own account, and a new length a new one.
    assert!(map().object::<AtomicU64>(0).is_ok());
    mapping.resize(mapping.len()).unwrap();
    assert!(mapping.object::<AtomicU64>(0).is_ok());
    assert_eq!(
        AccessError::MixedSizes.to_string(),
        "handed out as atomics of another size"
    );
}

#[test]
fn threads_that_ask_for_different_sizes_do_not_both_get_them() {
    let mapping = MapOptions::shared(1 << 21).map_anonymous().unwrap();
    let begin = std::sync::Barrier::new(2);
    let places = || (0..mapping.len()).step_by(8);
    let ask = |small: bool| -> Vec<bool> {
        begin.wait();
        let asked = places().map(|offset| match small {
            true => mapping.object::<AtomicU32>(offset).is_ok(),
            false => mapping.object::<AtomicU64>(offset).is_ok(),
        });
        asked.collect()
    };
    let (small, large) = std::thread::scope(|scope| {
        let small = scope.spawn(|| ask(true));
        (ask(false), small.join().unwrap())
    });
    assert!(
        small
            .iter()
            .zip(&large)
            .all(|(small, large)| small != large)
    );
}

#[test]
fn threads_and_processes_share_counter() {
    const EACH: u32 = 20_000;
    let count = |mapping: &Mapping| {
        let counter = mapping.object::<AtomicU32>(64).unwrap();
        for _ in 0..EACH {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    };
    if let Some(mut half) = PeerArgs::role("counts") {
        let memfd = half.descriptor(0);
        let mapping = MapOptions::shared(page()).map(&memfd).unwrap();
        half.channel.say("ready");
        count(&mapping);
        return;
    }
    let _check = LeakCheck::begin();
    let memfd = memfd_of(page());
    let mapping = MapOptions::shared(page()).map(&memfd).unwrap();
    let mut peer = Peer::start(test_name!(), "counts", &[memfd.as_raw_fd()]);
    peer.expect("ready");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| count(&mapping));
        }
    });
    peer.finish();
    assert_eq!(mapping.read::<u32>(64), Ok(3 * EACH));
}

#[test]
fn errors_say_what_is_wrong() {
    for (error, text) in [
        (AccessError::OutOfBounds, "outside the mapping"),
        (
            AccessError::Protected,
            "the mapping's protection forbids it",
        ),
        (AccessError::Misaligned, "not aligned"),
    ] {
        assert_eq!(error.to_string(), text);
        let _: Box<dyn core::error::Error> = error.into();
    }
}
