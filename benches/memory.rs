//! The memory functions of `rawipc::start` beside libc's, in nanoseconds a call, medians.
//!
//! `cargo bench --features start --bench memory`. At an offset of 0 both places are aligned; of 1, the target
//! is one byte and the source three bytes beyond.

use core::hint::black_box;
use std::time::Instant;

use rawipc::start::machinery as ours;

const SIZES: [usize; 11] = [1, 8, 16, 32, 64, 128, 256, 1024, 4096, 65_536, 1 << 20];
const SAMPLES: usize = 15;
/// How long a sample takes, about.
const SAMPLE_NS: f64 = 150_000.0;

/// Two places and a length, of which functions use what they need.
type Call = unsafe fn(*mut u8, *const u8, usize) -> usize;

/// One function as both have it.
struct Pair {
    name: &'static str,
    ours: Call,
    theirs: Call,
    /// How far the target lies behind the source, if both are of one block.
    overlap: Option<isize>,
}

/// A function as a [`Call`], whatever it takes and returns.
macro_rules! call {
    (|$to:ident, $from:ident, $len:ident| $body:expr) => {{
        unsafe fn call($to: *mut u8, $from: *const u8, $len: usize) -> usize {
            // SAFETY: both places are there, of this length and one byte more, which is zero.
            unsafe { $body }
        }
        call
    }};
}

fn pairs() -> [Pair; 7] {
    let memmove: (Call, Call) = (
        call!(|to, from, len| ours::memmove(to, from, len).addr()),
        call!(|to, from, len| libc::memmove(to.cast(), from.cast(), len).addr()),
    );
    let pair = |name, (ours, theirs), overlap| Pair {
        name,
        ours,
        theirs,
        overlap,
    };
    [
        pair(
            "memcpy",
            (
                call!(|to, from, len| ours::memcpy(to, from, len).addr()),
                call!(|to, from, len| libc::memcpy(to.cast(), from.cast(), len).addr()),
            ),
            None,
        ),
        pair("memmove", memmove, None),
        pair("memmove down", memmove, Some(-24)),
        pair("memmove up", memmove, Some(24)),
        pair(
            "memset",
            (
                call!(|to, _from, len| ours::memset(to, 0x5a, len).addr()),
                call!(|to, _from, len| libc::memset(to.cast(), 0x5a, len).addr()),
            ),
            None,
        ),
        pair(
            "memcmp",
            (
                call!(|to, from, len| ours::memcmp(to, from, len) as usize),
                call!(|to, from, len| libc::memcmp(to.cast(), from.cast(), len) as usize),
            ),
            None,
        ),
        pair(
            "strlen",
            (
                call!(|_to, from, _len| ours::strlen(from)),
                call!(|_to, from, _len| libc::strlen(from.cast())),
            ),
            None,
        ),
    ]
}

/// Nanoseconds a call.
fn time(call: Call, to: *mut u8, from: *const u8, len: usize, count: usize) -> f64 {
    let call = black_box(call);
    let begin = Instant::now();
    for _ in 0..count {
        // SAFETY: both are there, as `measure` makes them.
        black_box(unsafe { call(black_box(to), black_box(from), black_box(len)) });
    }
    begin.elapsed().as_nanos() as f64 / count as f64
}

fn median(mut times: [f64; SAMPLES]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[SAMPLES / 2]
}

/// Of ours and theirs.
fn measure(pair: &Pair, len: usize, offset: usize) -> [f64; 2] {
    let block = || {
        let mut block = vec![1_u8; len + 4096 + 256];
        let skipped = block.as_ptr().align_offset(4096);
        block.truncate(skipped + len + 128);
        (block, skipped)
    };
    let (mut source, in_source) = block();
    let (mut target, in_target) = block();
    let from = in_source + 32 + 3 * offset;
    // The ends of strings.
    source[from + len] = 0;
    let (to, from) = match pair.overlap {
        None => {
            let to = target.as_mut_ptr().wrapping_add(in_target + 32 + offset);
            (to, source.as_ptr().wrapping_add(from))
        }
        Some(distance) => {
            let base = source.as_mut_ptr();
            let to = base.wrapping_add(from.wrapping_add_signed(distance));
            (to, base.wrapping_add(from).cast_const())
        }
    };
    let calls = [pair.ours, pair.theirs];
    let count = (SAMPLE_NS / (time(pair.theirs, to, from, len, 100) + 1.0)) as usize + 1;
    let mut times = [[0.0; SAMPLES]; 2];
    for sample in 0..SAMPLES {
        for (times, call) in times.iter_mut().zip(calls) {
            times[sample] = time(call, to, from, len, count);
        }
    }
    times.map(median)
}

fn main() {
    println!("ours / libc's in ns (ratio), aligned; then not\n");
    print!("| bytes |");
    let pairs = pairs();
    for pair in &pairs {
        print!(" {} |", pair.name);
    }
    println!("\n|---|{}", "---|".repeat(pairs.len()));
    for len in SIZES {
        print!("| {len} |");
        for pair in &pairs {
            let cells = [0, 1].map(|offset| {
                let [ours, theirs] = measure(pair, len, offset);
                format!("{ours:.1} / {theirs:.1} ({:.2})", ours / theirs)
            });
            print!(" {} |", cells.join("; "));
        }
        println!();
    }
}
