//! Locks in a storm of signals.

use rawipc::members::Region;
use rawipc::sync::Mutex;

use crate::support::LeakCheck;
use crate::support::interrupted::When::GoesOn;
use crate::support::interrupted::keeps_its_deadline;

#[test]
fn of_mutexes() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).expect("a region");
    let [one, two] = [(); 2].map(|()| region.join().expect("a member"));
    let mutex = Mutex::new(0_u32);
    let guard = mutex.lock(&one).expect("free");
    keeps_its_deadline("sync::mutex::lock", GoesOn, |deadline| {
        mutex
            .lock_until(&two, deadline)
            .map(drop)
            .map_err(rawipc::Errno::from)
    });
    drop(guard);
}
