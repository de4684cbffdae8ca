//! Arbitrary bytes as the memory of a latest value: opened, attached and used, they cause errors
//! and nothing else.
#![no_main]

use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::memfd::{self, MemfdFlags, Seals};
use rawipc::ring::latest::{self, bytes};
use rawipc::{AsFd, Deadline, OwnedFd};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// Keeps the head acceptable if set, so that the rest is reached.
    genuine: bool,
    /// What is written over the line, the seats, the stamps, and the beginnings of the buffers.
    line: [u8; 8],
    seats: [u32; 3],
    stamps: [u64; 5],
    lens: [u64; 5],
    head: &'a [u8],
}

const PAGE: usize = 4096;
const SEATS: usize = 3;
const LIMIT: usize = 100;

fuzz_target!(|input: Input<'_>| {
    let genuine = bytes::Value::create(SEATS, LIMIT).expect("a value");
    let file = std::fs::File::from(genuine.as_fd().try_clone_to_owned().expect("a copy"));
    let size = file.metadata().expect("a size").len();
    let mut head = [0; 128];
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut head, 0).expect("the head");
    let memfd = memfd::create("fuzz", MemfdFlags::empty()).expect("a memfd");
    memfd.set_size(size).expect("a size");
    let write = |at: usize, bytes: &[u8]| {
        memfd.write_at(at as u64, bytes).expect("written");
    };
    if input.genuine {
        write(0, &head);
    } else {
        write(0, &input.head[..input.head.len().min(PAGE)]);
    }
    write(128, &input.line);
    for (index, seat) in input.seats.iter().enumerate() {
        write(PAGE + 128 * index, &seat.to_ne_bytes());
    }
    for (index, stamp) in input.stamps.iter().enumerate() {
        write(2 * PAGE + 64 * index, &stamp.to_ne_bytes());
    }
    for (index, len) in input.lens.iter().enumerate() {
        write(3 * PAGE + 128 * index, &len.to_ne_bytes());
    }
    memfd.seal(Seals::SHRINK).expect("sealed");
    let fd = OwnedFd::from(memfd);
    let other = latest::Value::<u64>::open(fd.try_clone().expect("a copy"));
    assert!(!input.genuine || other.is_err(), "of another kind");
    let Ok(value) = bytes::Value::open(fd) else {
        assert!(!input.genuine, "a genuine head is accepted");
        return;
    };
    let moment = Deadline::after(Duration::from_micros(50));
    let mut buffer = [0; 2 * LIMIT];
    let mut readers: Vec<_> = (0..4).filter_map(|_| value.reader().ok()).collect();
    for reader in &mut readers {
        let _ = reader.read(&mut buffer);
        let _ = reader.try_read_newer(&mut buffer);
        let _ = reader.read_newer_until(&mut buffer, moment);
        let _ = (reader.peer(), reader.version());
    }
    if let Ok(mut writer) = value.writer() {
        for len in [0, 1, 8, LIMIT, LIMIT + 1] {
            let _ = writer.write(&buffer[..len]);
        }
    }
    for reader in &mut readers {
        let _ = reader.read(&mut buffer);
        let _ = reader.read_newer_until(&mut buffer, moment);
    }
});
