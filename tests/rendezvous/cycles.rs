//! Processes that meet by a name, are killed and begin again: nothing grows.

use core::time::Duration;
use std::fs;
use std::time::Instant;

use rawipc::rendezvous::{self, Error, Options};
use rawipc::{Deadline, Errno};

use super::{Name, Ring, create};
use crate::support::alone::alone;
use crate::support::{Child, Choices, End, LIMIT, LeakCheck};

/// What this process and the machine have: descriptors, mappings, regions.
fn inventory(name: &Name) -> [usize; 3] {
    let names = fs::read_dir("/dev/shm").unwrap().flatten();
    let own = name.file_name().unwrap();
    [
        fs::read_dir("/proc/self/fd").unwrap().count(),
        fs::read_to_string("/proc/self/maps")
            .unwrap()
            .lines()
            .count(),
        names.filter(|it| it.file_name() != own).count(),
    ]
}

/// Kills one of two processes that talk by a region, again and again, and lets another begin in
/// its place; now and then both, and with a fresh region.
fn kill_and_restart(cycles: u32) {
    let name = Name::new("cycles");
    let mut choices = Choices::new(0x7e57);
    let producer = || {
        Child::fork(|| {
            let fresh = Options::new().replace_stale(true);
            let Ok(ring) = fresh.open_or_create::<Ring>(&*name, create) else {
                return 1;
            };
            let Ok(mut end) = ring.producer_until(Deadline::after(LIMIT)) else {
                return 2;
            };
            let mut number = 0_u64;
            loop {
                let sent = end.send_until(&number.to_ne_bytes(), Deadline::after(LIMIT));
                // Another consumer comes.
                if sent.is_ok() {
                    number += 1;
                }
            }
        })
    };
    let (mut made, mut received, mut kills) = (0, 0, 0);
    let mut before = None;
    for cycle in 0..cycles {
        // Ours is the other end: opened anew, and left to a successor.
        let mut child = producer();
        let ring = loop {
            match Ring::open_named(&*name) {
                Err(Error::Kernel(Errno::NOENT)) => std::thread::yield_now(),
                ring => break ring.unwrap(),
            }
        };
        let wanted = choices.below(20);
        let limit = Deadline::after(LIMIT);
        let mut consumer = ring.consumer_until(limit).unwrap();
        for _ in 0..wanted {
            match consumer.recv_until(&mut [0; 8], limit) {
                Ok(8) => received += 1,
                // The one before it was killed.
                Err(rawipc::ring::Error::PeerDied) => {}
                other => panic!("{other:?}"),
            }
        }
        consumer.detach();
        let begin = Instant::now();
        let pause = Duration::from_micros(choices.below(300));
        while begin.elapsed() < pause {
            core::hint::spin_loop();
        }
        child.kill();
        kills += 1;
        drop(ring);
        assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
        if choices.below(4) == 0 {
            // All are dead: it can be buried as soon as the last one's memory is gone.
            while rendezvous::remove_stale(&*name) == Err(Error::InUse) {
                assert!(begin.elapsed() < LIMIT, "nobody has it");
            }
            made += 1;
        }
        let now = inventory(&name);
        if cycle == 10 {
            before = Some(now);
        }
        if let Some(before) = before {
            assert!(
                now.iter().zip(before).all(|(now, before)| *now <= before),
                "{before:?} {now:?}"
            );
        }
    }
    println!("{kills} kills, {made} regions buried, {received} messages, {before:?}");
}

#[test]
fn killed_and_restarted_processes_leave_nothing_that_grows() {
    alone(test_name!(), || kill_and_restart(40));
}

#[test]
#[ignore = "a thousand kills"]
fn thousand_killed_and_restarted_processes_leave_nothing_that_grows() {
    let _check = LeakCheck::begin();
    kill_and_restart(1000);
}

/// Many that create, open, bury and die at any moment: whoever has a region has the one that the
/// name leads to, and nobody ever takes that away.
#[test]
fn name_of_who_has_a_region_leads_to_it() {
    alone(test_name!(), || storm(60));
}

#[test]
#[ignore = "thousands of kills"]
fn name_of_who_has_a_region_leads_to_it_in_thousands_of_kills() {
    let _check = LeakCheck::begin();
    storm(3000);
}

fn storm(kills: u32) {
    const WRONG: i32 = 77;
    let name = Name::new("storm");
    let body = |seed: u64| {
        let mut choices = Choices::new(seed);
        loop {
            if choices.below(3) == 0 {
                match rendezvous::remove_stale(&*name) {
                    Ok(()) | Err(Error::InUse | Error::Kernel(Errno::NOENT)) => continue,
                    Err(_) => return 1,
                }
            }
            let fresh = Options::new().replace_stale(choices.below(2) == 0);
            let Ok(ring) = fresh.open_or_create::<Ring>(&*name, create) else {
                return 2;
            };
            let end = ring.producer();
            for _ in 0..choices.below(4) {
                let (Ok(ours), Ok(named)) = (rustix::fs::fstat(&ring), rustix::fs::stat(&*name))
                else {
                    return WRONG;
                };
                if ours.st_ino != named.st_ino {
                    return WRONG;
                }
            }
            drop(end);
        }
    };
    let mut choices = Choices::new(0x57_0a11);
    let mut seed = 1;
    let mut start = || {
        seed += 1;
        Child::fork(|| body(seed * 0x9e37_79b9))
    };
    let mut children: Vec<Child> = (0..5).map(|_| start()).collect();
    for _ in 0..kills {
        let begin = Instant::now();
        let pause = Duration::from_micros(choices.below(2000));
        while begin.elapsed() < pause {
            std::thread::yield_now();
        }
        let index = choices.below(children.len() as u64) as usize;
        children[index].kill();
        assert_eq!(children[index].wait(), End::Killed(libc::SIGKILL));
        children[index] = start();
        for child in &mut children {
            assert_eq!(child.try_wait(), None);
        }
    }
    for mut child in children {
        child.kill();
        assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    }
}
