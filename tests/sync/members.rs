//! `members`: regions and who has joined them.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use core::mem::forget;
use std::os::fd::OwnedFd;

use rawipc::members::{Member, Region};
use rawipc::memory::memfd;
use rawipc::ring::{AttachError, spsc};
use rawipc::sync::{Mutex, PreferReaders, RwLock};

use crate::support::{Child, End, LeakCheck};

#[test]
fn region_is_zero_and_the_same_by_any_descriptor() {
    let _check = LeakCheck::begin();
    let region = Region::create(100).unwrap();
    assert!(region.len() >= 4096);
    let memory = region.map().unwrap();
    assert_eq!(memory.len(), region.len());
    let mut bytes = vec![1; region.len()];
    memory.read_at(0, &mut bytes).unwrap();
    assert!(bytes.iter().all(|&byte| byte == 0));
    memory.write(region.len() - 8, &7_u64).unwrap();
    let copy = rustix::io::fcntl_dupfd_cloexec(&region, 0).unwrap();
    let same = Region::open_at_most(copy, 100).unwrap();
    let last = same.map().unwrap().read::<u64>(region.len() - 8);
    assert_eq!(last, Ok(7));
}

#[test]
fn members_know_of_each_other_until_they_leave_or_die() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).unwrap();
    let (one, two) = (region.join().unwrap(), region.join().unwrap());
    assert_ne!(one.number(), two.number());
    let number = two.number();
    assert!(one.is_alive(number) && one.is_alive(one.number()) && two.is_alive(one.number()));
    drop(two);
    assert!(!one.is_alive(number) && !one.is_alive(0) && !one.is_alive(u32::MAX));
    let mut child = Child::fork(|| {
        let member = region.join().unwrap();
        let number = member.number();
        forget(member);
        number as i32
    });
    let End::Exited(number) = child.wait() else {
        panic!("it joined");
    };
    assert!(number > 0 && !one.is_alive(number as u32));
}

/// More than there are places for, and all of them can lock.
#[test]
fn two_hundred_members_can_lock() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).unwrap();
    let members: Vec<Member> = (0..200).map(|_| region.join().unwrap()).collect();
    let mutex = Mutex::new(0_u32);
    for member in &members {
        mutex.lock(member).unwrap().update(|count| *count += 1);
    }
    assert_eq!(mutex.lock(&members[0]).unwrap().get(), 200);
}

/// By the lines of a lock, which are for the first members.
#[test]
fn first_place_where_nobody_lives_is_taken() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).unwrap();
    let lock = RwLock::<u32, PreferReaders, 2>::new(0);
    let first: Vec<Member> = (0..2).map(|_| region.join().unwrap()).collect();
    let mut dead = Child::fork(|| {
        forget(region.join().unwrap());
        0
    });
    assert_eq!(dead.wait(), End::Exited(0));
    drop(first);
    let two = [(); 2].map(|()| region.join().unwrap());
    let guards = two.each_ref().map(|me| lock.try_read(me).unwrap());
    assert!(guards.iter().all(|guard| guard.get() == 0));
}

#[test]
fn what_is_no_region_is_refused() {
    let _check = LeakCheck::begin();
    let ring: spsc::Ring = spsc::Ring::create(1 << 14).unwrap();
    let refused = Region::open(OwnedFd::from(ring)).map(drop);
    assert_eq!(refused, Err(AttachError::WrongKind));
    let memfd = memfd::create("none", memfd::MemfdFlags::empty()).unwrap();
    let refused = Region::open(OwnedFd::from(memfd)).map(drop);
    assert_eq!(refused, Err(AttachError::NotSealed));
}
