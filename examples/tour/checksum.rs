//! A checksum that notices changed, missing, repeated and reordered bytes, at
//! the speed of memory: XXH64, the one that `xxhsum -H1` prints.

const PRIMES: [u64; 5] = [
    0x9E37_79B1_85EB_CA87,
    0xC2B2_AE3D_27D4_EB4F,
    0x1656_67B1_9E37_79F9,
    0x85EB_CA77_C2B2_AE63,
    0x27D4_EB2F_1656_67C5,
];

/// Four words at a time, one for each lane.
const STRIPE: usize = 32;

/// The checksum of the bytes given so far.
#[derive(Clone)]
pub(crate) struct Checksum {
    lanes: [u64; 4],
    /// The bytes of a stripe that is not full yet.
    rest: [u8; STRIPE],
    rest_len: usize,
    total: u64,
}

impl Checksum {
    pub(crate) fn new() -> Self {
        let [one, two, ..] = PRIMES;
        Self {
            lanes: [one.wrapping_add(two), two, 0, 0u64.wrapping_sub(one)],
            rest: [0; STRIPE],
            rest_len: 0,
            total: 0,
        }
    }

    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        self.total += bytes.len() as u64;
        if self.rest_len > 0 {
            let missing = (STRIPE - self.rest_len).min(bytes.len());
            let (head, tail) = bytes.split_at(missing);
            self.rest[self.rest_len..][..missing].copy_from_slice(head);
            self.rest_len += missing;
            bytes = tail;
            if self.rest_len < STRIPE {
                return;
            }
            self.lanes = stripe(self.lanes, &self.rest);
            self.rest_len = 0;
        }
        let (stripes, rest) = bytes.as_chunks::<STRIPE>();
        self.lanes = stripes.iter().fold(self.lanes, stripe);
        self.rest[..rest.len()].copy_from_slice(rest);
        self.rest_len = rest.len();
    }

    pub(crate) fn value(&self) -> u64 {
        let [one, two, three, four, five] = PRIMES;
        let mut hash = if self.total >= STRIPE as u64 {
            let [a, b, c, d] = self.lanes;
            let sum = a
                .rotate_left(1)
                .wrapping_add(b.rotate_left(7))
                .wrapping_add(c.rotate_left(12))
                .wrapping_add(d.rotate_left(18));
            self.lanes.iter().fold(sum, |hash, &lane| {
                (hash ^ round(0, lane)).wrapping_mul(one).wrapping_add(four)
            })
        } else {
            five
        };
        hash = hash.wrapping_add(self.total);
        let (words, rest) = self.rest[..self.rest_len].as_chunks::<8>();
        for &word in words {
            hash ^= round(0, u64::from_le_bytes(word));
            hash = hash.rotate_left(27).wrapping_mul(one).wrapping_add(four);
        }
        let (halves, rest) = rest.as_chunks::<4>();
        for &half in halves {
            hash ^= u64::from(u32::from_le_bytes(half)).wrapping_mul(one);
            hash = hash.rotate_left(23).wrapping_mul(two).wrapping_add(three);
        }
        for &byte in rest {
            hash ^= u64::from(byte).wrapping_mul(five);
            hash = hash.rotate_left(11).wrapping_mul(one);
        }
        hash = (hash ^ (hash >> 33)).wrapping_mul(two);
        hash = (hash ^ (hash >> 29)).wrapping_mul(three);
        hash ^ (hash >> 32)
    }
}

fn stripe(lanes: [u64; 4], bytes: &[u8; STRIPE]) -> [u64; 4] {
    let (words, _) = bytes.as_chunks::<8>();
    [
        round(lanes[0], u64::from_le_bytes(words[0])),
        round(lanes[1], u64::from_le_bytes(words[1])),
        round(lanes[2], u64::from_le_bytes(words[2])),
        round(lanes[3], u64::from_le_bytes(words[3])),
    ]
}

fn round(lane: u64, word: u64) -> u64 {
    let [one, two, ..] = PRIMES;
    lane.wrapping_add(word.wrapping_mul(two))
        .rotate_left(31)
        .wrapping_mul(one)
}
