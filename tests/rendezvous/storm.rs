//! The calls that wait, in a storm of signals.

use std::fs::File;

use rawipc::lock::{Kind, ofd};
use rawipc::rendezvous::{Listener, Options};
use rawipc::ring::spsc;

use super::{Name, Ring, create};
use crate::support::interrupted::When::GoesOn;
use crate::support::interrupted::keeps_its_deadline;
use crate::support::{Folder, LeakCheck};

#[test]
fn of_names() {
    let _check = LeakCheck::begin();
    let name = Name::new("storm-named");
    drop(Ring::open_or_create(&*name, create).unwrap());
    // As who is about to bury it, and is stopped.
    let file = File::options().read(true).write(true).open(&*name).unwrap();
    let _lock = ofd::try_lock(&file, 1 << 62..=1 << 62, Kind::Exclusive).unwrap();
    let options = Options::new();
    keeps_its_deadline("rendezvous::named::open", GoesOn, |deadline| {
        options.open_until::<Ring>(&*name, deadline)
    });
    keeps_its_deadline("rendezvous::named::open_or_create", GoesOn, |deadline| {
        options.open_or_create_until::<Ring>(&*name, create, deadline)
    });
}

#[test]
fn of_sockets() {
    let _check = LeakCheck::begin();
    let folder = Folder::new("storm");
    let nobody = folder.at("nobody");
    let options = Options::new();
    keeps_its_deadline("rendezvous::connect::connect", GoesOn, |deadline| {
        options.connect_until::<Ring>(&nobody, deadline).map(drop)
    });
    keeps_its_deadline("rendezvous::structures::connect", GoesOn, |deadline| {
        spsc::Ring::<rawipc::ring::Spin>::connect_until(&nobody, deadline)
    });
    let listener = Listener::bind(folder.at("socket")).unwrap();
    let ring = create().unwrap();
    keeps_its_deadline("rendezvous::listener::accept", GoesOn, |deadline| {
        listener.accept_until(&ring, deadline).map(drop)
    });
    // Somebody listens and accepts nobody.
    keeps_its_deadline(
        "rendezvous::connect::connect, accepted",
        GoesOn,
        |deadline| {
            options
                .connect_until::<Ring>(folder.at("socket"), deadline)
                .map(drop)
        },
    );
}
