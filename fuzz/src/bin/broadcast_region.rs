//! Arbitrary bytes as a broadcast ring's memory: opened, attached and used, they cause errors and
//! nothing else.
#![no_main]

use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::MapOptions;
use rawipc::ring::broadcast::Ring;
use rawipc::ring::{Spin, SpinThenFutex, Waiting};
use rawipc::{AsFd, Deadline, OwnedFd};

#[derive(Arbitrary, Debug)]
struct Input {
    spin: bool,
    /// The words to write, and their places in the head and over the slots.
    writes: Vec<(u16, u64)>,
}

const PAGE: usize = 4096;

fuzz_target!(|input: Input| {
    if input.spin {
        run::<Spin>(&input);
    } else {
        run::<SpinThenFutex>(&input);
    }
});

fn run<W: Waiting>(input: &Input) {
    let ring = Ring::<W>::create(8, 64).expect("a ring");
    let memory = MapOptions::shared(3 * PAGE)
        .map(ring.as_fd())
        .expect("mapped");
    for &(at, value) in &input.writes {
        let at = usize::from(at) % (3 * PAGE - 8);
        memory.write(at, &value).expect("in the memory");
    }
    let fd = ring.as_fd().try_clone_to_owned().expect("a copy");
    let Ok(ring) = Ring::<W>::open(OwnedFd::from(fd)) else {
        return;
    };
    let moment = Deadline::after(Duration::from_micros(50));
    let mut buffer = [0; 64];
    for reader in [ring.reader(), ring.reader_from_oldest()] {
        let Ok(mut reader) = reader else { continue };
        for _ in 0..16 {
            let _ = reader.try_recv(&mut buffer);
        }
        let _ = reader.recv_until(&mut buffer[..7], moment);
        let _ = (reader.peer(), reader.position(), reader.statistics());
    }
    for writer in [ring.writer(), ring.sole_writer()] {
        let Ok(mut writer) = writer else { continue };
        for len in [0, 1, 8, 63, 64, 65] {
            let _ = writer.send(&[1; 65][..len]);
        }
        let _ = writer.statistics();
    }
}
