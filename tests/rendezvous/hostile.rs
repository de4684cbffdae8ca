//! Files of this user's with arbitrary contents in the place of a region.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rawipc::Deadline;
use rawipc::rendezvous::{self, Error};

use super::{Name, Ring, create};
use crate::support::Choices;
use crate::support::alone::alone;

/// They are refused or used like regions: no panic, nothing without end.
#[test]
fn arbitrary_files_are_refused_or_used_like_regions() {
    alone(test_name!(), || {
        let name = Name::new("hostile");
        let mut choices = Choices::new(0x4057);
        let (mut opened, mut refused) = (0, 0);
        for _ in 0..500 {
            let genuine = Ring::open_or_create(&*name, create).unwrap();
            drop(genuine);
            let mut bytes = fs::read(&*name).unwrap();
            fs::remove_file(&*name).unwrap();
            let len = match choices.below(8) {
                0 => choices.below(200),
                1 => 4096,
                2 => 3 * 4096,
                _ => bytes.len() as u64,
            };
            bytes.resize(len as usize, 0);
            let limit = [64, 512, len][choices.below(3) as usize].min(len);
            for _ in 0..choices.below(6) {
                if limit > 0 {
                    bytes[choices.below(limit) as usize] = choices.below(256) as u8;
                }
            }
            fs::write(&*name, bytes).unwrap();
            fs::set_permissions(&*name, fs::Permissions::from_mode(0o600)).unwrap();
            let listed = rendezvous::list("/dev/shm").unwrap();
            assert!(listed.into_iter().all(|entry| entry.is_ok()));
            match Ring::open_or_create(&*name, create) {
                Ok(ring) => {
                    opened += 1;
                    let (producer, consumer) = (ring.producer(), ring.consumer());
                    let _ = producer.map(|mut end| end.send_until(b"x", Deadline::NOW));
                    let _ = consumer.map(|mut end| end.recv_until(&mut [0; 64], Deadline::NOW));
                }
                Err(Error::Different | Error::Refused(_)) => refused += 1,
                Err(error) => panic!("{error:?}"),
            }
            match rendezvous::remove_stale(&*name) {
                Ok(()) => {}
                Err(Error::NotRegion) => fs::remove_file(&*name).unwrap(),
                Err(error) => panic!("{error:?}"),
            }
        }
        println!("{opened} opened, {refused} refused");
    });
}
