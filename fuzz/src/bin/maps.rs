//! Arbitrary text as `/proc/PID/maps`, through a buffer of any size: regions, errors and an
//! end, and what is read is the same whatever the buffer.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::memfd::{self, MemfdFlags};
use rawipc::process::maps::{self, Maps};
use rawipc::process::memory::Address;
use rawipc::{Errno, OwnedFd};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    buffer: u16,
    address: usize,
    text: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let memfd = memfd::create("fuzz", MemfdFlags::empty()).expect("a memfd");
    memfd.set_size(input.text.len() as u64).expect("a size");
    memfd.write_at(0, input.text).expect("written");
    let mut maps = Maps::from(OwnedFd::from(memfd));
    let mut buffer = vec![0; input.buffer.into()];

    let mut lines = input.text.split(|&byte| byte == b'\n');
    let mut regions = maps.regions(&mut buffer);
    while let Some(region) = regions.next() {
        let line = lines.next();
        match region {
            Ok(region) => {
                let line = line.expect("a line for each region");
                let text = region.to_string();
                let (start, end) = (region.start, region.end);
                assert!(start <= end);
                if !region.cut {
                    let same = maps::parse(line).expect("the same");
                    assert_eq!(same, region);
                    assert_eq!(same.to_string(), text);
                }
                if let maps::Name::File(path) = region.name {
                    assert!(path.unescaped().count() <= path.bytes().len());
                }
            }
            // A buffer that is too small, a process without regions, a line.
            Err(errno) => {
                assert!(matches!(errno, Errno::INVAL | Errno::SRCH | Errno::BADMSG));
            }
        }
    }
    let _ = maps.find(Address::new(input.address), &mut buffer);
});
