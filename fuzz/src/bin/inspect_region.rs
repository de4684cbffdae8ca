//! Arbitrary bytes as a region of any kind, looked at, and shortened meanwhile: facts, and nothing
//! else.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::inspect;
use rawipc::memory::memfd::{self, MemfdFlags};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// Whether it begins as a region does, so that the rest is reached.
    genuine: bool,
    kind: u8,
    /// How many pages the file has.
    pages: u16,
    /// The structure's own words, each made of a number and how far it is shifted.
    words: [(u8, u8); 4],
    head: &'a [u8],
    data: &'a [u8],
    /// To what it is shortened between two looks.
    left: u16,
}

const PAGE: usize = 4096;

/// More kinds than there are.
const KINDS: u8 = 16;

fuzz_target!(|input: Input<'_>| {
    let memfd = memfd::create("fuzz", MemfdFlags::empty()).expect("a memfd");
    let write = |at: usize, bytes: &[u8]| {
        memfd.write_at(at as u64, bytes).expect("written");
    };
    if input.genuine {
        write(0, b"rawipcR\n");
        write(8, &1_u64.to_ne_bytes());
        write(16, &u64::from(input.kind % KINDS).to_ne_bytes());
        write(24, &(PAGE as u64).to_ne_bytes());
        for (index, (number, shift)) in input.words.into_iter().enumerate() {
            let word = u64::from(number) << (shift % 64);
            write(32 + 8 * index, &word.to_ne_bytes());
        }
        write(64, &input.head[..input.head.len().min(PAGE - 64)]);
    } else {
        write(0, &input.head[..input.head.len().min(PAGE)]);
    }
    let pages = usize::from(input.pages) % 1024;
    if pages > 0 {
        write(PAGE, &input.data[..input.data.len().min(pages * PAGE)]);
    }
    memfd.set_size((pages * PAGE) as u64).expect("a size");
    let Ok(region) = inspect::look(&memfd) else {
        return;
    };
    assert!(region.to_string().len() < 1 << 20);
    memfd.set_size(input.left.into()).expect("a size");
    assert!(region.to_string().len() < 1 << 20);
});
