//! The points that the program shows, a function each.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::sync::atomic::{AtomicU8, Ordering::SeqCst};

use rawipc::println;
use rawipc::start::Start;
use rawipc::thread::Builder;
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::block::Block;
use crate::lock::Lock;

const THREADS: u8 = 4;
const ROUNDS: usize = 5_000;
const HURRIED: usize = 500_000;
/// How many blocks a thread has at a time.
const KEPT: usize = 64;

/// Sizes on both sides of every class, and some that have mappings of their own.
const LARGEST_SIZE: u32 = 17;
const LARGEST_ALIGN: u32 = 17;

pub(crate) fn all(start: Start) {
    sizes();
    println!("sizes ok");
    zeros();
    println!("zeros ok");
    threads(start);
    println!("threads ok");
    reuse(start);
    println!("reuse ok");
    collections();
    println!("collections ok");
    refused();
    println!("refused ok");
}

/// Blocks of all sizes and alignments, all there at once, overlap nowhere.
fn sizes() {
    let mut blocks = Vec::new();
    for bits in 0..=LARGEST_SIZE {
        for size in [(1 << bits) - 1, 1 << bits, (1 << bits) + 1] {
            for align in 0..=LARGEST_ALIGN {
                if size > 0 {
                    blocks.push(Block::new(size, 1 << align, align as u8).expect("a block"));
                }
            }
        }
    }
    let mut ranges: Vec<_> = blocks.iter().map(Block::range).collect();
    ranges.sort_by_key(|range| range.start);
    for pair in ranges.windows(2) {
        assert!(pair[0].end <= pair[1].start, "{pair:x?}");
    }
}

/// Memory that was full of something is zero when that is asked for.
fn zeros() {
    for bits in 0..=LARGEST_SIZE {
        let size = 1 << bits;
        drop(Block::new(size, 1, 0xff).expect("a block"));
        let mut zeros = Block::zeroed(size, 1).expect("a block");
        assert!(zeros.is_intact(), "{size} bytes");
    }
}

/// Blocks that one thread has allocated and another will free.
static PASSED: Lock<Vec<Block>> = Lock::new(Vec::new());

fn threads(start: Start) {
    let threads: Vec<_> = (1..=THREADS)
        .map(|number| {
            Builder::new(start).spawn(move || {
                churn(number);
                hurry(number);
            })
        })
        .collect();
    for thread in threads {
        thread.expect("a thread").join().expect("its end");
    }
    drop(PASSED.with(mem::take));
}

/// Allocates, resizes, passes on and frees by chance.
fn churn(number: u8) {
    let mut chance = u64::from(number);
    let mut next = |below: usize| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        (chance >> 16) as usize % below
    };
    let mut kept: Vec<Option<Block>> = (0..KEPT).map(|_| None).collect();
    for _ in 0..ROUNDS {
        let size = |bits: usize, low: usize| (1 << bits) + low % (1 << bits);
        let wanted = size(next(LARGEST_SIZE as usize), next(1 << LARGEST_SIZE));
        let place = &mut kept[next(KEPT)];
        match (next(4), place.as_mut()) {
            (0, Some(block)) => assert!(block.resize(wanted)),
            (1, Some(_)) => PASSED.with(|passed| passed.extend(place.take())),
            (2, Some(_)) => *place = None,
            (3, Some(_)) => drop(PASSED.with(Vec::pop)),
            // Mostly small, as the others' alignments are rare.
            (kind, _) => {
                let align = next(if kind == 0 { LARGEST_ALIGN as usize } else { 6 });
                *place = Some(Block::new(wanted, 1 << align, number).expect("a block"));
            }
        }
    }
}

/// Takes and gives back the same few blocks as the others, with hardly anything in between.
fn hurry(number: u8) {
    static THERE: AtomicU8 = AtomicU8::new(0);
    THERE.fetch_add(1, SeqCst);
    while THERE.load(SeqCst) < THREADS {
        rustix::thread::sched_yield();
    }
    for _ in 0..HURRIED {
        let _blocks = [(); 3].map(|()| Block::new(16, 16, number).expect("a block"));
    }
}

/// Freed memory is used again: a second round of the same blocks needs no new addresses.
fn reuse(start: Start) {
    for size in [1, 16, 17, 4096, 30_000] {
        let first = Block::new(size, 1, 1).expect("a block");
        let place = first.range();
        drop(first);
        assert_eq!(Block::new(size, 1, 2).expect("a block").range(), place);
    }
    let run = || {
        Builder::new(start)
            .spawn(|| churn(9))
            .and_then(|thread| thread.join())
    };
    run().expect("a thread");
    drop(PASSED.with(mem::take));
    let before = mapped_pages();
    for _ in 0..3 {
        run().expect("a thread");
        drop(PASSED.with(mem::take));
    }
    assert_eq!(mapped_pages(), before);
}

/// How many pages of addresses the process has.
fn mapped_pages() -> u64 {
    let file = rustix::fs::open(
        c"/proc/self/statm",
        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    );
    let mut text = [0; 64];
    let len = rustix::io::read(file.expect("the file"), &mut text).expect("its text");
    let text = core::str::from_utf8(&text[..len]).expect("numbers");
    let first = text.split(' ').next().expect("a number");
    first.parse().expect("a number")
}

/// Collections of `alloc` work on the allocator.
fn collections() {
    let mut text = String::new();
    let mut map = BTreeMap::new();
    for number in 0..3000_u32 {
        text += &format!("{number} ");
        map.insert(number.wrapping_mul(0x9e37_79b9), number);
    }
    let numbers = text.split_terminator(' ').map(|word| word.parse::<u32>());
    assert!(numbers.eq((0..3000).map(Ok)));
    assert!(
        map.iter()
            .all(|(&key, &number)| key == number.wrapping_mul(0x9e37_79b9))
    );
}

/// Where the kernel maps no more there is no block, and those that are there stay; later there is one again.
fn refused() {
    let mut kept = Block::new(1000, 8, 3).expect("a block");
    let before = getrlimit(Resource::As);
    let mut none = before;
    none.current = Some(0);
    setrlimit(Resource::As, none).expect("a limit");
    assert!(Block::new(1 << 20, 8, 4).is_none());
    assert!(Block::new(1 << 20, 1 << 20, 4).is_none());
    assert!(Block::zeroed(1 << 20, 8).is_none());
    assert!(!kept.resize(1 << 20));
    assert!(Vec::<u8>::new().try_reserve(1 << 20).is_err());
    for size in [16, 1000, 30_000] {
        // Until all that was mapped is used.
        while let Some(block) = Block::new(size, 1, 5) {
            mem::forget(block);
        }
    }
    setrlimit(Resource::As, before).expect("a limit");
    assert!(kept.is_intact());
    assert!(Block::new(1 << 20, 8, 6).is_some());
    assert!(Block::new(16, 8, 6).is_some());
}
