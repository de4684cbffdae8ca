//! Calls: who executes what, who is told of which end, and whose slot it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rawipc::Deadline;
use rawipc::ring::{Error, Spin};
use rawipc::ring::call::{CallError, Client, Server, Service};
use rawipc_model::{Hindrance, Model, pause, process};

/// A request and its response, of eight bytes each.
const CALL: usize = 128;

/// A model with memory for so many calls.
fn model(preemptions: usize, slots: usize) -> Model {
    Model::new(preemptions).memory(CALL * slots)
}

fn service(slots: usize) -> Service {
    Service::create(slots, 8, 8).unwrap()
}

/// A deadline that passes when the model says so.
fn some_time() -> Deadline {
    Deadline::after(std::time::Duration::from_secs(1000))
}

fn call_until(client: &Client, number: u64, deadline: Deadline) -> Result<u64, CallError> {
    let mut response = [0; 8];
    let len = client.call_until(&number.to_ne_bytes(), &mut response, deadline)?;
    assert_eq!(len, 8);
    Ok(u64::from_ne_bytes(response))
}

fn call(client: &Client, number: u64) -> Result<u64, CallError> {
    call_until(client, number, Deadline::Never)
}

/// What a server answers.
const MORE: u64 = 1000;

/// Serves one request; `executed` says so from its beginning on.
fn serve(server: &Server, executed: &AtomicU64) -> Result<u64, Error> {
    let request = server.recv()?;
    let mut bytes = [0; 8];
    request.copy_to(&mut bytes)?;
    let number = u64::from_ne_bytes(bytes);
    executed.fetch_add(number, Relaxed);
    request.respond(&(number + MORE).to_ne_bytes())?;
    Ok(number)
}

/// Serves until there is nothing any more; returns why.
fn serve_all(server: &Server, executed: &AtomicU64) -> Error {
    loop {
        if let Err(end) = serve(server, executed) {
            return end;
        }
    }
}

fn counter() -> Arc<AtomicU64> {
    Arc::new(AtomicU64::new(0))
}

/// The slot can be had: who comes now is served, whatever the dead have left, and gets a response of
/// its own.
fn is_whole(service: &Service) {
    let (client, server) = (service.client().unwrap(), service.server().unwrap());
    let executed = counter();
    let serving = process(9, {
        let executed = executed.clone();
        move || serve_all(&server, &executed)
    });
    assert_eq!(call(&client, 100), Ok(100 + MORE));
    client.detach();
    drop(service.client().unwrap());
    assert_eq!(serving.join(), Some(Error::Closed));
    let executed = executed.load(Relaxed);
    // And what the dead had asked.
    assert!(matches!(executed, 100 | 101), "{executed}");
}

/// One calls the other so many times.
fn one_to_one(model: Model, calls: u64) {
    model.check(move || {
        let service = service(1);
        let (client, server) = (service.client().unwrap(), service.server().unwrap());
        let executed = counter();
        let serving = process(0, {
            let executed = executed.clone();
            move || serve_all(&server, &executed)
        });
        for number in 1..=calls {
            assert_eq!(call(&client, number), Ok(number + MORE));
        }
        drop(client);
        assert_eq!(serving.join(), Some(Error::Closed));
        assert_eq!(executed.load(Relaxed), calls * (calls + 1) / 2);
    });
}

#[test]
fn each_call_gets_its_own_response() {
    one_to_one(model(1, 1), 3);
    one_to_one(model(2, 1), 2);
}

#[test]
fn ends_that_spin_serve_those_that_sleep_and_the_other_way_round() {
    for spins in [true, false] {
        model(1, 1).check(move || {
            let service = service(1);
            let server = service.server().unwrap();
            let service = service.wait_by::<Spin>();
            let other = service.server().unwrap();
            let client = service.client().unwrap();
            let executed = counter();
            let server = if spins { drop(server); other } else { drop(other); server };
            let serving = process(0, move || serve(&server, &executed));
            assert_eq!(call(&client, 1), Ok(1 + MORE));
            assert_eq!(serving.join(), Some(Ok(1)));
        });
    }
}

#[test]
fn responses_arrive_although_sleeps_end_early() {
    one_to_one(model(1, 1).returning_early(), 2);
}

/// Nobody has to look again: each wake comes.
#[test]
fn who_waits_is_woken() {
    one_to_one(model(3, 1).without_rechecks(), 1);
    one_to_one(model(2, 1).without_rechecks(), 2);
}

#[test]
fn responses_arrive_although_wakes_are_hindered() {
    for hindrance in [Hindrance::NoWakeOp, Hindrance::NoWake, Hindrance::Stranger] {
        one_to_one(model(1, 1).hindered(hindrance), 2);
    }
}

/// Two call, of whom one waits for the other's slot if there is one alone.
fn two_clients(model: Model, slots: usize) {
    model.check(move || {
        let service = service(slots);
        let (one, two) = (service.client().unwrap(), service.client().unwrap());
        let server = service.server().unwrap();
        let executed = counter();
        let serving = process(0, {
            let executed = executed.clone();
            move || serve_all(&server, &executed)
        });
        let other = process(1, move || call(&one, 1));
        assert_eq!(call(&two, 2), Ok(2 + MORE));
        assert_eq!(other.join(), Some(Ok(1 + MORE)));
        drop(two);
        assert_eq!(serving.join(), Some(Error::Closed));
        assert_eq!(executed.load(Relaxed), 3);
    });
}

#[test]
fn two_clients_get_each_its_own_response() {
    two_clients(model(0, 1).without_rechecks(), 1);
    two_clients(model(0, 2).without_rechecks(), 2);
}

/// Two servers: who asks is served, also while the other one is busy with another.
#[test]
fn request_beside_a_busy_server_wakes_the_other_one() {
    model(0, 2).without_rechecks().check(|| {
        let service = service(2);
        let clients = [service.client().unwrap(), service.client().unwrap()];
        let servers = [service.server().unwrap(), service.server().unwrap()];
        // Each server has one request, and responds when both have one.
        let taken = counter();
        let mut number = 0;
        let serving = servers.map(|server| {
            let taken = taken.clone();
            number += 1;
            process(number - 1, move || {
                let request = server.recv().unwrap();
                taken.fetch_add(1, Relaxed);
                while taken.load(Relaxed) < 2 {
                    pause();
                }
                request.respond(&[0; 8]).unwrap();
            })
        });
        let [one, two] = clients;
        let other = process(2, move || call(&one, 1));
        assert_eq!(call(&two, 2), Ok(0));
        assert_eq!(other.join(), Some(Ok(0)));
        for server in serving {
            server.join();
        }
    });
}

/// Two servers and one request: one of them executes it.
#[test]
fn request_is_executed_once() {
    model(0, 1).check(|| {
        let service = service(1);
        let client = service.client().unwrap();
        let servers = [service.server().unwrap(), service.server().unwrap()];
        let executed = counter();
        let mut number = 0;
        let serving = servers.map(|server| {
            let executed = executed.clone();
            number += 1;
            process(number - 1, move || serve_all(&server, &executed))
        });
        assert_eq!(call(&client, 1), Ok(1 + MORE));
        drop(client);
        for server in serving {
            assert_eq!(server.join(), Some(Error::Closed));
        }
        assert_eq!(executed.load(Relaxed), 1);
    });
}

/// A server that dies at any step: the client is told, and of what.
#[test]
fn client_is_told_what_the_dead_server_may_have_done() {
    let round = |then: fn(&Service)| {
        let service = service(1);
        let (client, server) = (service.client().unwrap(), service.server().unwrap());
        let executed = counter();
        let serving = process(0, {
            let executed = executed.clone();
            move || serve(&server, &executed).map(|_| server.detach())
        });
        let result = call(&client, 5);
        let executed = executed.load(Relaxed);
        match result {
            Ok(response) => assert_eq!((response, executed), (5 + MORE, 5)),
            Err(CallError::NotExecuted(Error::PeerDied)) => assert_eq!(executed, 0),
            Err(CallError::PerhapsExecuted(Error::PeerDied)) => {}
            other => panic!("{other:?}"),
        }
        let ended = serving.join();
        assert!(ended.is_none() || result.is_ok(), "{result:?}");
        drop(client);
        then(&service);
    };
    model(1, 1).killing(0).check(move || round(|_| ()));
    model(0, 1).killing(0).check(move || round(is_whole));
}

/// Another server comes when the first one has died: it executes what that one had not begun.
#[test]
fn successor_serves_what_the_dead_server_had_not_taken() {
    model(0, 1).killing(0).check(|| {
        let service = service(1);
        let client = service.client().unwrap();
        let (dying, server) = (service.server().unwrap(), service.server().unwrap());
        let executed = counter();
        let first = process(0, {
            let executed = executed.clone();
            move || serve(&dying, &executed).map(|_| dying.detach())
        });
        let second = process(1, {
            let executed = executed.clone();
            move || serve_all(&server, &executed)
        });
        let result = call(&client, 5);
        match result {
            Ok(response) => assert_eq!((response, executed.load(Relaxed)), (5 + MORE, 5)),
            Err(CallError::PerhapsExecuted(Error::PeerDied)) => {
                assert!(executed.load(Relaxed) <= 5);
            }
            other => panic!("{other:?}"),
        }
        drop(client);
        first.join();
        let end = second.join();
        assert!(matches!(end, Some(Error::Closed)), "{end:?}");
        is_whole(&service);
    });
}

/// A client that dies at any step: its slot is another's, which is served.
#[test]
fn slot_of_killed_client_is_free_again() {
    model(0, 1).killing(0).check(|| {
        let service = service(1);
        let (dying, server) = (service.client().unwrap(), service.server().unwrap());
        let executed = counter();
        let calling = process(0, move || {
            let result = call(&dying, 1);
            dying.detach();
            result
        });
        let serving = process(1, {
            let executed = executed.clone();
            move || serve(&server, &executed).map(|_| server.detach())
        });
        let result = calling.join();
        assert!(matches!(result, None | Some(Ok(1001))), "{result:?}");
        let served = serving.join();
        match executed.load(Relaxed) {
            0 => assert_eq!(served, Some(Err(Error::PeerDied))),
            1 => assert_eq!(served, Some(Ok(()))),
            more => panic!("{more}"),
        }
        is_whole(&service);
    });
}

/// Two find what a dead client has, and neither waits: the slot is the one's, then the other's.
fn two_find(model: Model, then: fn(&Service)) {
    model.killing(0).check(move || {
        let service = service(1);
        let clients = [(); 3].map(|()| service.client().unwrap());
        let mut number = 0;
        let [dying, one, two] = clients.map(|client| {
            number += 1;
            move || {
                let result = call_until(&client, number, Deadline::NOW);
                client.detach();
                result
            }
        });
        let withdrawn = Err(CallError::NotExecuted(Error::TimedOut));
        let first = process(0, dying).join();
        assert!(first.is_none_or(|result| result == withdrawn));
        let other = process(1, one);
        assert_eq!(two(), withdrawn);
        assert_eq!(other.join(), Some(withdrawn));
        then(&service);
    });
}

#[test]
fn two_who_find_the_slot_of_a_dead_client_get_it_one_after_the_other() {
    two_find(model(2, 1), |_| ());
    two_find(model(0, 1), is_whole);
}

/// The deadline passes at any sleep: what is withdrawn is never executed, and the next call in the
/// slot gets its own response.
#[test]
fn withdrawn_request_is_not_executed() {
    model(1, 1).returning_early().check(|| {
        let service = service(1);
        let (client, server) = (service.client().unwrap(), service.server().unwrap());
        let executed = counter();
        let serving = process(0, {
            let executed = executed.clone();
            move || serve_all(&server, &executed)
        });
        let result = call_until(&client, 1, some_time());
        assert_eq!(call(&client, 4), Ok(4 + MORE));
        drop(client);
        assert_eq!(serving.join(), Some(Error::Closed));
        let executed = executed.load(Relaxed);
        match result {
            Ok(response) => assert_eq!((response, executed), (1 + MORE, 5)),
            Err(CallError::NotExecuted(Error::TimedOut)) => assert_eq!(executed, 4),
            Err(CallError::PerhapsExecuted(Error::TimedOut)) => assert_eq!(executed, 5),
            other => panic!("{other:?}"),
        }
    });
}

/// The deadline passes while the server has the request: the slot is free again when it has responded,
/// whichever of the two comes first.
#[test]
fn slot_abandoned_while_it_is_served_is_free_again() {
    model(2, 1).check(|| {
        let service = service(1);
        let (client, server) = (service.client().unwrap(), service.server().unwrap());
        let executed = counter();
        let serving = process(0, {
            let executed = executed.clone();
            move || serve_all(&server, &executed)
        });
        let result = call_until(&client, 1, Deadline::NOW);
        assert_eq!(call(&client, 4), Ok(4 + MORE));
        drop(client);
        assert_eq!(serving.join(), Some(Error::Closed));
        match (result, executed.load(Relaxed)) {
            (Ok(response), 5) => assert_eq!(response, 1 + MORE),
            (Err(CallError::NotExecuted(Error::TimedOut)), 4) => {}
            (Err(CallError::PerhapsExecuted(Error::TimedOut)), 5) => {}
            other => panic!("{other:?}"),
        }
    });
}

/// The deadline passes and the server dies: the slot is free again.
#[test]
fn abandoned_slot_of_killed_server_is_free_again() {
    model(0, 1).returning_early().killing(0).check(|| {
        let service = service(1);
        let (client, dying) = (service.client().unwrap(), service.server().unwrap());
        let executed = counter();
        let serving = process(0, {
            let executed = executed.clone();
            move || serve(&dying, &executed).map(|_| dying.detach())
        });
        let result = call_until(&client, 1, some_time());
        drop(client);
        serving.join();
        match result {
            Ok(response) => assert_eq!(response, 1 + MORE),
            Err(CallError::NotExecuted(Error::TimedOut | Error::PeerDied)) => {
                assert_eq!(executed.load(Relaxed), 0);
            }
            Err(CallError::PerhapsExecuted(Error::TimedOut | Error::PeerDied)) => {}
            other => panic!("{other:?}"),
        }
        is_whole(&service);
    });
}

/// Whoever sleeps when the last of the other side closes is told.
#[test]
fn sleeper_is_told_of_the_close() {
    // For a request.
    model(3, 1).without_rechecks().check(|| {
        let service = service(1);
        let (client, server) = (service.client().unwrap(), service.server().unwrap());
        let leaver = process(0, move || drop(client));
        assert_eq!(server.recv().err(), Some(Error::Closed));
        leaver.join();
    });
    // For a response.
    model(3, 1).without_rechecks().check(|| {
        let service = service(1);
        let (client, server) = (service.client().unwrap(), service.server().unwrap());
        let leaver = process(0, move || drop(server));
        let closed = CallError::NotExecuted(Error::Closed);
        assert_eq!(call(&client, 1), Err(closed));
        leaver.join();
    });
    // For a slot, too, that another has.
    model(1, 1).without_rechecks().check(|| {
        let service = service(1);
        let (one, two) = (service.client().unwrap(), service.client().unwrap());
        let server = service.server().unwrap();
        let leaver = process(0, move || drop(server));
        let other = process(1, move || call(&one, 1));
        let closed = CallError::NotExecuted(Error::Closed);
        assert_eq!(call(&two, 2), Err(closed));
        assert_eq!(other.join(), Some(Err(closed)));
        leaver.join();
    });
}

/// A request that is dropped.
#[test]
fn client_is_told_that_the_request_was_dropped() {
    model(2, 1).without_rechecks().check(|| {
        let service = service(1);
        let (client, server) = (service.client().unwrap(), service.server().unwrap());
        let serving = process(0, move || {
            drop(server.recv().unwrap());
            let request = server.recv().unwrap();
            request.respond(&[7; 8]).unwrap();
        });
        assert_eq!(call(&client, 1), Err(CallError::Unanswered));
        assert!(call(&client, 2).is_ok());
        serving.join();
    });
}

/// Those who never wait come to the same.
#[test]
fn polling_server_has_every_request_when_told_of_the_end() {
    model(1, 1).killing(0).check(|| {
        let service = service(1);
        let (client, server) = (service.client().unwrap(), service.server().unwrap());
        let calling = process(0, move || call(&client, 1));
        let mut received = 0;
        let end = loop {
            match server.try_recv() {
                Ok(request) => {
                    received += 1;
                    request.respond(&[0; 8]).unwrap();
                }
                Err(Error::WouldBlock) => pause(),
                Err(error) => break error,
            }
        };
        match calling.join() {
            Some(result) => assert_eq!((result, received, end), (Ok(0), 1, Error::Closed)),
            None => {
                let is_end = matches!(end, Error::PeerDied | Error::Closed);
                assert!(received <= 1 && is_end, "{end:?}");
            }
        }
    });
}
