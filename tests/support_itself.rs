//! The tests' own tools: a peer's failure fails, a leak is noticed.

mod support;

use support::{LeakCheck, Peer, PeerArgs};

#[test]
fn a_peer_meets_the_test_and_ends_well() {
    if let Some(mut half) = PeerArgs::role("half") {
        half.channel.say("here");
        half.channel.expect("go");
        return;
    }
    let _check = LeakCheck::begin();
    let mut peer = Peer::start(test_name!(), "half", &[]);
    peer.expect("here");
    peer.say("go");
    peer.finish();
}

#[test]
#[should_panic(expected = "the peer's half failed")]
fn a_failing_peer_fails_the_test() {
    if PeerArgs::role("half").is_some() {
        std::process::exit(3);
    }
    let _check = LeakCheck::begin();
    Peer::start(test_name!(), "half", &[]).finish();
}

/// The panics that a test expects are not printed, other ones are.
fn leave_out_what_is_noticed() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.to_string().contains("left behind") {
            print(panic);
        }
    }));
}

#[test]
fn a_leak_is_noticed() {
    if PeerArgs::role("leaks").is_some() {
        leave_out_what_is_noticed();
        let check = LeakCheck::begin();
        core::mem::forget(std::fs::File::open("/dev/null").unwrap());
        let noticed = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| drop(check)));
        assert!(noticed.is_err());
        return;
    }
    let _check = LeakCheck::begin();
    Peer::start(test_name!(), "leaks", &[]).finish();
}

/// Semaphores that nobody has used are nobody's, for all the kernel says.
#[test]
fn left_objects_of_system_v_are_noticed() {
    use rawipc::sysv::{Create, Key, memory, message, semaphore};

    if PeerArgs::role("leaks").is_some() {
        leave_out_what_is_noticed();
        let notices = |leave: &dyn Fn() -> Box<dyn FnOnce() -> rawipc::Result<()>>| {
            let check = LeakCheck::begin();
            let tidy_up = leave();
            let drop = core::panic::AssertUnwindSafe(|| drop(check));
            let noticed = std::panic::catch_unwind(drop).is_err();
            tidy_up().unwrap();
            noticed
        };
        let (key, new) = (Key::PRIVATE, Create::NEW);
        assert!(notices(&|| {
            let queue = message::create(key, new).unwrap();
            Box::new(move || queue.remove())
        }));
        assert!(notices(&|| {
            let set = semaphore::create(key, 3, new).unwrap();
            Box::new(move || set.remove())
        }));
        assert!(notices(&|| {
            let set = semaphore::create(key, 3, new).unwrap();
            set.set_value(2, 1).unwrap();
            Box::new(move || set.remove())
        }));
        assert!(notices(&|| {
            let flags = memory::SegmentFlags::empty();
            let segment = memory::create(key, 1, flags, new).unwrap();
            Box::new(move || segment.remove())
        }));
        return;
    }
    let _check = LeakCheck::begin();
    Peer::start(test_name!(), "leaks", &[]).finish();
}
