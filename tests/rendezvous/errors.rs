//! The errors that the documentation of meeting names.

use std::fs;
use std::os::fd::AsFd;

use rawipc::Errno;
use rawipc::rendezvous::{self, Error, Listener, Options, Seat};

use super::{Name, Ring, create};
use crate::support::child::become_nobody;
use crate::support::documented::{List, Table, hold, without_room};
use crate::support::{Child, End, Folder, lease};

/// Which errors are not provoked, and why.
#[rustfmt::skip]
const EXCUSED: List = &[
    ("rendezvous", &["NFILE"], "the limit is the whole system's"),
    ("rendezvous::listener", &["TOOMANYREFS"], "the limit is the user's, and of other programs of the user"),
    ("rendezvous::named", &["NOSPC"], "the room is the whole system's"),
    ("rendezvous::named", &["OPNOTSUPP"], "of file systems that are mostly others"),
];

/// Which errors a test file shows beside something else.
#[rustfmt::skip]
const ELSEWHERE: List = &[
    ("rendezvous::named", &["NotRegion", "Foreign", "WrongMode", "Different", "InUse", "Refused", "Kernel", "NOENT", "INVAL", "EXIST"], "rendezvous/named.rs"),
    ("rendezvous::named", &["FBIG"], "whole/filesize.rs"),
    ("rendezvous::list", &["Kernel", "NOENT"], "rendezvous/named.rs"),
    ("rendezvous::listener", &["Foreign", "Kernel", "ADDRINUSE", "PIPE", "AGAIN"], "rendezvous/socket.rs"),
    ("rendezvous::listener", &["BUSY"], "socket/address.rs"),
    ("rendezvous::connect", &["Foreign", "NotListener", "Refused", "Kernel", "NOENT"], "rendezvous/socket.rs"),
    ("rendezvous::inherited", &["Kernel", "BADF"], "rendezvous/inherited.rs"),
    ("region::seat::new", &["NoProc"], "rendezvous/seat.rs"),
    ("region::seat::from_inherited", &["BADF"], "rendezvous/inherited.rs"),
];

#[test]
fn every_documented_error_is_provoked_or_excused() {
    hold(test_name!(), "rendezvous", rows, EXCUSED, ELSEWHERE);
}

#[test]
fn every_documented_error_of_seats_is_provoked_or_excused() {
    hold(test_name!(), "region", seats, &[], ELSEWHERE);
}

/// The kernel's.
fn number<T>(result: Result<T, Error>) -> Result<(), Errno> {
    match result {
        Ok(_) => Ok(()),
        Err(Error::Kernel(errno)) => Err(errno),
        Err(error) => panic!("{error:?}"),
    }
}

/// What `call` says in a process of an ordinary user's.
fn as_nobody(call: impl FnOnce() -> Result<(), Errno>) -> Result<(), Errno> {
    let mut child = Child::fork(|| match become_nobody() {
        true => call().map_or_else(Errno::raw_os_error, |()| 0),
        false => Errno::ACCESS.raw_os_error(),
    });
    match child.wait() {
        End::Exited(0) => Ok(()),
        End::Exited(errno) => Err(Errno::from_raw_os_error(errno)),
        end @ End::Killed(_) => panic!("{end:?}"),
    }
}

#[rustfmt::skip]
fn rows(table: &mut Table) {
    let folder = Folder::new("errors");
    let (file, socket) = (folder.file("file", ""), folder.at("socket"));
    let options = Options::new();
    row!(table, "rendezvous::list::list", NOTDIR, "a file", number(rendezvous::list(&file)));
    let long = folder.at(&"x".repeat(110));
    row!(table, "rendezvous::listener::listen", NAMETOOLONG, "too long", number(options.listen(&long)));
    row!(table, "rendezvous::listener::listen", NOENT, "no folder", number(options.listen(folder.at("none/socket"))));
    let address = |name: &str| rawipc::socket::UnixAddress::pathname(folder.at(name)).unwrap();
    drop(rawipc::socket::seqpacket::listen(&address("dead")).unwrap());
    row!(table, "rendezvous::connect::connect", CONNREFUSED, "nobody", number(options.connect::<Ring>(folder.at("dead"))));
    let listener = Listener::bind(&socket).unwrap();
    let _client = rawipc::socket::seqpacket::connect(&address("socket")).unwrap();
    let ring = create().unwrap();
    without_room(|| {
        row!(table, "rendezvous::listener::accept", MFILE, "no descriptor left", number(listener.accept(&ring)));
    });
    // Nobody may enter the folder.
    let closed = Name::new("errors-closed");
    fs::create_dir(&*closed).unwrap();
    fs::set_permissions(&*closed, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let at = closed.join("x");
    row!(table, "rendezvous::list::list", ACCESS, "a closed folder", as_nobody(|| number(rendezvous::list(&*closed))));
    row!(table, "rendezvous::named::open", ACCESS, "a closed folder", as_nobody(|| number(Ring::open_named(&at))));
    row!(table, "rendezvous::named::open_or_create", ACCESS, "a closed folder", as_nobody(|| number(Ring::open_or_create(&at, create))));
    row!(table, "rendezvous::named::remove", ACCESS, "a closed folder", as_nobody(|| number(rendezvous::remove(&at))));
    row!(table, "rendezvous::listener::listen", ACCESS, "a closed folder", as_nobody(|| number(options.listen(&at))));
    fs::remove_dir(&*closed).unwrap();
}

#[rustfmt::skip]
fn seats(table: &mut Table) {
    let ring = create().unwrap();
    without_room(|| {
        own_row!(table, "region::seat::new", Kernel, "no descriptor left", Seat::new(&ring));
    });
    let readable = fs::File::open("/dev/null").unwrap();
    own_row!(table, "region::seat::new", ReadOnly, "only to read", Seat::new(&readable));
    let refused = as_nobody(|| match Seat::new(&ring.as_fd()) {
        Ok(_) => Ok(()),
        Err(rawipc::ring::AttachError::Kernel(errno)) => Err(errno),
        Err(_) => Err(Errno::INVAL),
    });
    row!(table, "region::seat::new", ACCESS, "another user's", refused);
    let _lease = lease::take(&ring);
    own_row!(table, "region::seat::new", Leased, "a lease", Seat::new(&ring));
}
