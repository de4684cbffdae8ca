//! The errors that the documentation of calls names.

use std::os::fd::OwnedFd;

use rawipc::Deadline;
use rawipc::ring::Error;
use rawipc::ring::call::{CallError, Service};

use super::{PAGE, call_until, memory, small};
use crate::support::documented::{List, Table, hold, without_room};
use crate::support::{Child, End, limit};

/// Which are not provoked, and why.
#[rustfmt::skip]
const EXCUSED: List = &[];

/// Which errors a test file shows beside something else.
#[rustfmt::skip]
const ELSEWHERE: List = &[
    ("ring::call", &["NoProc"], "whole/first_thread.rs"),
    ("ring::call", &["Leased"], "ring/spsc.rs"),
    ("ring::call::create", &["FBIG"], "whole/filesize.rs"),
    ("ring::call::client", &["Corrupt"], "ring/attach.rs"),
    ("ring::call::server", &["Corrupt"], "ring/attach.rs"),
    ("ring::call::client_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
    ("ring::call::server_by", &["Kernel", "BADF", "Corrupt"], "rendezvous/seat.rs"),
];

#[test]
fn every_documented_error_is_provoked_or_excused() {
    hold(test_name!(), "ring::call", rows, EXCUSED, ELSEWHERE);
}

fn rows(table: &mut Table) {
    creations(table);
    calls(table);
    requests(table);
}

#[rustfmt::skip]
fn creations(table: &mut Table) {
    for refused in [Service::create(0, 1, 1), Service::create(65, 1, 1), Service::create(1, (1 << 30) + 1, 1)] {
        row!(table, "ring::call::create", INVAL, "no such service", refused);
    }
    let fd = OwnedFd::from(small(4));
    own_row!(table, "ring::call::open_at_most", TooLarge, "larger", Service::open_at_most(fd, 1));
    let service = small(1);
    let all: Vec<_> = (0..128).map(|_| service.client().unwrap()).collect();
    own_row!(table, "ring::call::client", Occupied, "128 attached", service.client());
    drop(all);
    let all: Vec<_> = (0..128).map(|_| service.server().unwrap()).collect();
    own_row!(table, "ring::call::server", Occupied, "128 attached", service.server());
    drop(all);
    without_room(|| {
        own_row!(table, "ring::call::client", Kernel, "no descriptor left", service.client());
        own_row!(table, "ring::call::server", Kernel, "no descriptor left", service.server());
    });
}

/// The ring's error that a call failed with.
fn error<T>(result: Result<T, CallError>) -> Result<T, Error> {
    result.map_err(|error| error.error().unwrap())
}

/// A server in a child that takes a request and does this with it.
fn with_server<T>(
    service: &Service,
    then: impl FnOnce(rawipc::ring::call::Request<'_>),
    call: impl FnOnce() -> T,
) -> T {
    let mut child = Child::fork(|| {
        let Ok(server) = service.server() else {
            return 1;
        };
        let request = server.recv_until(limit()).ok();
        i32::from(request.map(then).is_none())
    });
    let result = call();
    assert_eq!(child.wait(), End::Exited(0));
    result
}

#[rustfmt::skip]
fn calls(table: &mut Table) {
    const CALL: &str = "ring::call::client::call";
    const UNTIL: &str = "ring::call::client::call_until";
    let service = small(1);
    let client = service.client().unwrap();
    let too_long = || client.call(&[0; 9], &mut [0; 8]);
    own_row!(table, CALL, NotExecuted, "nine into eight", too_long());
    own_row!(table, CALL, TooLong, "nine into eight", error(too_long()));
    let late = || call_until(&client, 1, Deadline::NOW);
    own_row!(table, UNTIL, NotExecuted, "nobody there", late());
    own_row!(table, UNTIL, TimedOut, "nobody there", error(late()));
    let dropped = with_server(&service, |request| drop(request), || client.call(&[1; 8], &mut [0; 8]));
    own_row!(table, CALL, Unanswered, "dropped", dropped);
    let closed = client.call(&[1; 8], &mut [0; 8]);
    own_row!(table, CALL, Closed, "no server", error(closed));
    let respond = |request: rawipc::ring::call::Request<'_>| {
        let _ = request.respond(&[1; 8]);
    };
    service.server().unwrap().detach();
    let short = with_server(&service, respond, || client.call(&[1; 8], &mut [0; 7]));
    own_row!(table, CALL, Executed, "eight into seven", short);
    service.server().unwrap().detach();
    // The process ends without a response, and without closing.
    let died = with_server(&service, |request| {
        core::mem::forget(request);
        // SAFETY: the process ends here.
        unsafe { libc::_exit(0) }
    }, || client.call(&[1; 8], &mut [0; 8]));
    own_row!(table, CALL, PerhapsExecuted, "a death", died);
    let dead = client.call(&[1; 8], &mut [0; 8]);
    own_row!(table, CALL, PeerDied, "a death before", error(dead));
    let service = small(1);
    let client = service.client().unwrap();
    let abandoned = with_server(&service, |request| {
        while !request.is_abandoned() {
            core::hint::spin_loop();
        }
    }, || loop {
        let at = Deadline::after(core::time::Duration::from_millis(20));
        match call_until(&client, 1, at) {
            Err(CallError::NotExecuted(Error::TimedOut)) => {}
            other => return other,
        }
    });
    own_row!(table, UNTIL, PerhapsExecuted, "it takes long", abandoned);
}

#[rustfmt::skip]
fn requests(table: &mut Table) {
    const SERVER: &str = "ring::call::server";
    let of = |name: &str| format!("{SERVER}::{name}");
    let service = small(1);
    let server = service.server().unwrap();
    own_row!(table, &of("try_recv"), WouldBlock, "nothing", server.try_recv());
    own_row!(table, &of("recv_until"), TimedOut, "nothing", server.recv_until(Deadline::NOW));
    let mut calling = [(); 3].map(|()| Child::fork(|| {
        let client = service.client().ok();
        i32::from(client.is_none_or(|client| client.call(&[1; 8], &mut [0; 8]).is_ok()))
    }));
    // Else the first could have come and gone before the others come.
    calling.iter().for_each(Child::await_sleep);
    let request = server.recv_until(limit()).unwrap();
    own_row!(table, &of("copy_to"), TooLong, "eight into seven", request.copy_to(&mut [0; 7]));
    own_row!(table, &of("read_at"), TooLong, "beyond", request.read_at(1, &mut [0; 8]));
    own_row!(table, &of("respond"), TooLong, "nine into eight", request.respond(&[0; 9]));
    let memory = memory(&service);
    let request = server.recv_until(limit()).unwrap();
    let word: u64 = memory.read(PAGE).unwrap();
    // One that is answered already.
    memory.write(PAGE, &(word & !(1 << 29) | 3 << 30)).unwrap();
    own_row!(table, &of("respond"), Corrupt, "not its own", request.respond(&[0; 9][..8]));
    // It takes a response of eight bytes for that, or none, or is served yet.
    for child in &calling {
        child.kill();
    }
    for child in &mut calling {
        child.wait();
    }
    memory.write(PAGE, &(1_u64 << 30)).unwrap();
    memory.write(PAGE + 12, &9_u32).unwrap();
    own_row!(table, &of("recv"), Corrupt, "a long request", server.recv());
    memory.write(PAGE, &0_u64).unwrap();
    own_row!(table, &of("recv"), PeerDied, "a death", server.recv());
    let service = small(1);
    let server = service.server().unwrap();
    drop(service.client().unwrap());
    own_row!(table, &of("recv"), Closed, "no client", server.recv());
}
