//! Advice to other processes and about many parts at once; what is in memory, and kept
//! there.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::private;
use crate::support;

use std::fs::File;

use rawipc::memory::{
    self, Address, AddressRange, Advice, Lock, LockAllFlags, RemoteAdvice, advise_process,
};
use rawipc::process::{Pidfd, pidfd};
use rawipc::{Errno, Pid};

use support::filter::{Refusal, refuse};
use support::{Child, End, LeakCheck, Peer, PeerArgs, page, pattern};

fn process(id: u32) -> Pidfd {
    pidfd::open(Pid::from_raw(id as i32).unwrap()).unwrap()
}

fn this_process() -> Pidfd {
    process(std::process::id())
}

#[test]
fn advice_reaches_another_process() {
    if let Some(mut half) = PeerArgs::role("advised") {
        let mapping = private(64 * page());
        let content = pattern(mapping.len(), 3);
        mapping.write_at(0, &content).unwrap();
        half.channel.say(&mapping.as_ptr().addr().to_string());
        half.channel.expect("advised");
        // Whatever was advised, contents are what they were.
        let mut found = vec![0; content.len()];
        mapping.read_at(0, &mut found).unwrap();
        assert!(found == content);
        half.channel.say("same");
        return;
    }
    let _check = LeakCheck::begin();
    let mut peer = Peer::start(test_name!(), "advised", &[]);
    let address: usize = peer.channel().hear().parse().unwrap();
    let process = process(peer.id());
    let len = 32 * page();
    let ranges = [0, len].map(|offset| AddressRange::new(Address::new(address + offset), len));
    for advice in [
        RemoteAdvice::Cold,
        RemoteAdvice::PageOut,
        RemoteAdvice::WillNeed,
        RemoteAdvice::Collapse,
    ] {
        match advise_process(&process, &ranges, advice) {
            Ok(bytes) => assert_eq!(bytes, 2 * len, "{advice:?}"),
            Err(errno @ (Errno::NOSYS | Errno::PERM | Errno::ACCESS)) => {
                skipped!("no {advice:?} here: {errno}");
            }
            // Too little for a huge page, or no such pages.
            Err(errno) => assert_eq!(advice, RemoteAdvice::Collapse, "{errno}"),
        }
    }
    peer.say("advised");
    peer.expect("same");
    peer.finish();
    // It has ended and been waited for.
    match advise_process(&process, &ranges, RemoteAdvice::Cold) {
        Err(Errno::NOSYS | Errno::PERM) => {}
        result => assert_eq!(result, Err(Errno::SRCH)),
    }
}

#[test]
fn advice_to_other_without_privilege_is_refused() {
    let _check = LeakCheck::begin();
    let mapping = private(page());
    let whole = mapping.address_range(..).unwrap();
    let parent = this_process();
    let mut child = Child::fork(|| {
        let is_root = rustix::process::getuid().is_root();
        // SAFETY: no memory is involved.
        if is_root && unsafe { libc::setresuid(65534, 65534, 65534) } != 0 {
            return 2;
        }
        match advise_process(&parent, &[whole], RemoteAdvice::Cold) {
            Err(Errno::PERM | Errno::ACCESS | Errno::NOSYS) => 0,
            _ => 1,
        }
    });
    match child.wait() {
        End::Exited(2) => skipped!("privileges cannot be dropped"),
        end => assert_eq!(end, End::Exited(0)),
    }
}

#[test]
fn impossible_advice_is_refused() {
    let _check = LeakCheck::begin();
    let process = this_process();
    let mapping = private(4 * page());
    let whole = mapping.address_range(..).unwrap();
    let cold = |ranges: &[AddressRange]| advise_process(&process, ranges, RemoteAdvice::Cold);
    if let Err(errno @ (Errno::NOSYS | Errno::PERM)) = cold(&[whole]) {
        skipped!("no advice to processes here: {errno}");
        return;
    }
    assert_eq!(cold(&[]), Ok(0));
    let within = AddressRange::new(whole.address.wrapping_add(1), page());
    assert_eq!(cold(&[within]), Err(Errno::INVAL));
    // What is not mapped stops it, after what is.
    let hole = AddressRange::new(Address::new(page()), page());
    assert_eq!(cold(&[hole]), Err(Errno::NOMEM));
    assert_eq!(cold(&[whole, hole, whole]), Ok(whole.len));
    let beyond = AddressRange::new(Address::new(usize::MAX & !(page() - 1)), page());
    assert!(cold(&[beyond]).is_err());
    assert_eq!(cold(&vec![whole; 1025]), Err(Errno::INVAL));
    let none = File::open("/").unwrap();
    let result = advise_process(&none, &[whole], RemoteAdvice::Cold);
    assert_eq!(result, Err(Errno::BADF));
}

#[test]
fn advice_covers_many_parts_at_once() {
    let _check = LeakCheck::begin();
    advise_about_many();
    // As in kernels that do it for other processes only, or not at all.
    for errno in [libc::EBADF, libc::ENOSYS] {
        let without = move || {
            let refused = Refusal {
                number: libc::SYS_process_madvise,
                argument: 0,
                mask: 0,
                value: 0,
                errno,
            };
            if !refuse(&[refused]) {
                skipped!("no filters of system calls here");
            }
            advise_about_many();
        };
        std::thread::spawn(without).join().unwrap();
    }
}

fn advise_about_many() {
    // More than go in one call, and every other page.
    let mapping = private(400 * page());
    mapping.advise(.., Advice::NoHugePage).unwrap();
    let odd: Vec<_> = (0..200)
        .map(|n| (2 * n + 1) * page()..(2 * n + 2) * page())
        .collect();
    mapping.fill(.., 1).unwrap();
    mapping.advise_each(&odd, Advice::DontNeed).unwrap();
    for index in 0..400 {
        let expected = u8::from(index % 2 == 0);
        assert_eq!(mapping.read(index * page()), Ok(expected), "{index}");
    }
    mapping
        .advise_each::<core::ops::RangeFull>(&[], Advice::DontNeed)
        .unwrap();
    mapping
        .advise_each(&[..page(), ..2 * page()], Advice::DontNeed)
        .unwrap();
    assert_eq!(mapping.read::<u8>(0), Ok(0));
    mapping.advise_each(&[..], Advice::WillNeed).unwrap();

    // One that lies outside, and nothing is done.
    mapping.fill(.., 2).unwrap();
    let outside = [0..page(), 400 * page()..401 * page()];
    let refused = mapping.advise_each(&outside, Advice::DontNeed);
    assert_eq!(refused, Err(Errno::RANGE));
    assert_eq!(mapping.read::<u8>(0), Ok(2));
    // One that is refused, and those before it are done.
    let within = [0..page(), page() + 1..2 * page(), 2 * page()..3 * page()];
    let refused = mapping.advise_each(&within, Advice::DontNeed);
    assert_eq!(refused, Err(Errno::INVAL));
    let found = [0, 1, 2].map(|index| mapping.read::<u8>(index * page()).unwrap());
    assert_eq!(found, [0, 2, 2]);
    let refused = mapping.advise_each(&within[1..], Advice::DontNeed);
    assert_eq!(refused, Err(Errno::INVAL));
    assert_eq!(mapping.read::<u8>(2 * page()), Ok(2));
}

#[test]
fn guards_are_installed_in_many_places_at_once() {
    let _check = LeakCheck::begin();
    let mapping = private(200 * page());
    let guards: Vec<_> = (0..100)
        .map(|n| 2 * n * page()..(2 * n + 1) * page())
        .collect();
    match mapping.advise_each(&guards, Advice::GuardInstall) {
        Err(Errno::INVAL) => {
            skipped!("no guards in this kernel");
            return;
        }
        result => result.unwrap(),
    }
    for index in [0, 62, 64, 128, 198] {
        mapping.write((index + 1) * page(), &1_u8).unwrap();
        let mut child = Child::fork(|| {
            let limit = libc::rlimit {
                rlim_cur: 0,
                rlim_max: 0,
            };
            // SAFETY: the structure is borrowed for the call.
            unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) };
            // SAFETY: a handler of this executable's runtime is not for this.
            unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
            i32::from(mapping.read::<u8>(index * page()).is_ok())
        });
        assert_eq!(child.wait(), End::Killed(libc::SIGSEGV), "{index}");
    }
    mapping.advise_each(&guards, Advice::GuardRemove).unwrap();
    mapping.fill(.., 3).unwrap();
}

#[test]
fn residency_of_pages_is_reported() {
    let _check = LeakCheck::begin();
    let mapping = private(10 * page());
    mapping.advise(.., Advice::NoHugePage).unwrap();
    for index in [0, 3, 9] {
        mapping.write(index * page(), &1_u8).unwrap();
    }
    let mut buffer = vec![7; 10 * page() / 4096 + 5];
    let told = |range: core::ops::Range<usize>, buffer: &mut [u8]| {
        mapping.resident(range, buffer).map(<[u8]>::to_vec)
    };
    let all = told(0..10 * page(), &mut buffer).unwrap();
    assert_eq!(all, [1, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
    assert_eq!(
        told(2 * page()..5 * page(), &mut buffer).unwrap(),
        [0, 1, 0]
    );
    // A part of a page counts.
    assert_eq!(told(3 * page()..3 * page() + 1, &mut buffer).unwrap(), [1]);
    assert_eq!(told(0..0, &mut buffer).unwrap(), [0_u8; 0]);
    assert_eq!(told(1..page(), &mut buffer), Err(Errno::INVAL));
    assert_eq!(told(0..11 * page(), &mut buffer), Err(Errno::RANGE));
    assert_eq!(told(0..page(), &mut []), Err(Errno::RANGE));
    let short = page() / 4096 * 10 - 1;
    let refused = told(0..10 * page(), &mut buffer[..short]);
    assert_eq!(refused, Err(Errno::RANGE));

    // Locked it is, all of it.
    if mapping.lock(.., Lock::Now).is_err() {
        skipped!("the limit of locked memory is low");
        return;
    }
    assert_eq!(told(0..10 * page(), &mut buffer).unwrap(), [1; 10]);
    mapping.unlock(..).unwrap();
    mapping.advise(.., Advice::DontNeed).unwrap();
    assert_eq!(told(0..10 * page(), &mut buffer).unwrap(), [0; 10]);
}

#[test]
fn lock_all_locks_whole_process() {
    // It is about all of a process.
    if let Some(mut half) = PeerArgs::role("locks") {
        let unknown = LockAllFlags::from_bits_retain(1 << 20);
        assert_eq!(memory::lock_all(LockAllFlags::empty()), Err(Errno::INVAL));
        assert_eq!(memory::lock_all(LockAllFlags::ON_FAULT), Err(Errno::INVAL));
        assert_eq!(memory::lock_all(unknown), Err(Errno::INVAL));
        let on_fault = LockAllFlags::FUTURE | LockAllFlags::ON_FAULT;
        if let Err(errno @ (Errno::NOMEM | Errno::PERM)) = memory::lock_all(on_fault) {
            skipped!("the limit of locked memory is low: {errno}");
            return half.channel.say("skip");
        }
        let mut buffer = vec![0; 4 * page() / 4096];
        let mapping = private(4 * page());
        assert_eq!(mapping.resident(.., &mut buffer).unwrap(), [0; 4]);
        memory::lock_all(LockAllFlags::FUTURE).unwrap();
        let mapping = private(4 * page());
        assert_eq!(mapping.resident(.., &mut buffer).unwrap(), [1; 4]);
        memory::unlock_all().unwrap();
        let mapping = private(4 * page());
        assert_eq!(mapping.resident(.., &mut buffer).unwrap(), [0; 4]);
        half.channel.say("done");
        return;
    }
    let _check = LeakCheck::begin();
    let mut peer = Peer::start(test_name!(), "locks", &[]);
    let word = peer.channel().hear();
    assert!(word == "done" || word == "skip", "{word}");
    peer.finish();
}
