//! Arbitrary bytes as a service's memory: opened, attached and used, they cause errors and nothing
//! else.
#![no_main]

use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::memfd::{self, MemfdFlags, Seals};
use rawipc::ring::call::Service;
use rawipc::{AsFd, Deadline, OwnedFd};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// Keeps the head acceptable if set, so that the rest is reached.
    genuine: bool,
    /// The bytes to write over the service's words, and the slots.
    words: [u8; 512],
    slots: [[u64; 3]; 3],
    head: &'a [u8],
}

const PAGE: usize = 4096;
const WORDS_AT: u64 = 128;
const SLOT: u64 = 64;

fuzz_target!(|input: Input<'_>| {
    let genuine = Service::create(3, 100, 200).expect("a service");
    let mut head = [0; 128];
    pread(&genuine, &mut head);
    let memfd = memfd::create("fuzz", MemfdFlags::empty()).expect("a memfd");
    memfd.set_size(3 * PAGE as u64).expect("a size");
    let write = |at: u64, bytes: &[u8]| {
        memfd.write_at(at, bytes).expect("written");
    };
    if input.genuine {
        write(0, &head);
    } else {
        write(0, &input.head[..input.head.len().min(PAGE)]);
    }
    write(WORDS_AT, &input.words);
    for (index, slot) in (0..).zip(&input.slots) {
        for (word, at) in slot.iter().zip(0..) {
            write(PAGE as u64 + SLOT * index + 8 * at, &word.to_ne_bytes());
        }
    }
    memfd.seal(Seals::SHRINK).expect("sealed");
    let Ok(service) = Service::open(OwnedFd::from(memfd)) else {
        assert!(!input.genuine, "a genuine head is accepted");
        return;
    };
    let moment = || Deadline::after(Duration::from_micros(50));
    let mut buffer = [0; 256];
    if let Ok(server) = service.server() {
        for turn in 0..6 {
            if let Ok(request) = server.try_recv() {
                let _ = request.copy_to(&mut buffer);
                let _ = request.read_at(63, &mut buffer[..2]);
                let _ = request.is_abandoned();
                if turn % 2 == 0 {
                    let _ = request.respond(&buffer[..turn * 40]);
                }
            }
        }
        let _ = server.recv_until(moment());
        let _ = server.peer();
    }
    if let Ok(client) = service.client() {
        for len in [0, 1, 100, 101] {
            let mut response = [0; 200];
            let _ = client.call_until(&buffer[..len], &mut response[2 * len.min(99)..], moment());
        }
        let _ = client.peer();
    }
});

fn pread(service: &impl AsFd, head: &mut [u8]) {
    let file = std::fs::File::from(service.as_fd().try_clone_to_owned().expect("a copy"));
    std::os::unix::fs::FileExt::read_exact_at(&file, head, 0).expect("the head");
}
