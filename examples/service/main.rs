//! A service: `cargo run --example service -- PATH` listens there, `-- PATH WORD` has it say the word in
//! capitals. Each client has a ring each way of its own, and a thread that serves it.
//!
//! Clients of other users are turned away. One that is killed, at any moment, takes along what was its
//! own and nothing else; one that does not fetch its responses, or sends nonsense, harms nobody else. The
//! path of a service that was killed is used again.
#![forbid(unsafe_code)]

use core::error::Error;
use core::time::Duration;
use std::thread;

use rawipc::event::Readiness;
use rawipc::rendezvous::{Connection, Listener, Options};
use rawipc::ring::doorbell::{Bells, Duplex, Ends};
use rawipc::ring::{self, Choice, select};
use rawipc::sync::Semaphore;
use rawipc::{AsFd, Deadline};

/// How many clients are served at a time: others wait until one has gone.
static PLACES: Semaphore = Semaphore::new(64);

/// Waits for a ring, and returns whether it is ready: else the client has gone.
fn goes_on(ring: Choice<'_>, client: &Connection) -> Result<bool, ring::Error> {
    let gone = Choice::Descriptor(client.as_fd(), Readiness::IN);
    Ok(select(&mut [ring, gone], Deadline::Never)? == 0)
}

/// Answers each request until the client has gone.
fn serve(client: &Connection, mut ends: Ends) -> Result<(), ring::Error> {
    let mut buffer = [0; 4096];
    while goes_on(Choice::Recv(&mut ends.consumer), client)? {
        let len = ends.consumer.try_recv(&mut buffer)?;
        buffer[..len].make_ascii_uppercase();
        while let Err(error) = ends.producer.try_send(&buffer[..len]) {
            let is_full = error == ring::Error::WouldBlock;
            if !is_full || !goes_on(Choice::Send(&mut ends.producer), client)? {
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Hands rings to the next client, and has it served.
fn accept(listener: &Listener) -> Result<(), Box<dyn Error>> {
    let mut duplex = Duplex::create(1 << 16, Bells::Timer)?;
    let client = listener.accept(&duplex)?;
    let ends = duplex.attach()?;
    PLACES.wait()?;
    thread::spawn(move || {
        println!("{:?}: {:?}", client.peer(), serve(&client, ends));
        PLACES.post()
    });
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("usage: service PATH [WORD]")?;
    if let Some(word) = args.next() {
        let mut service = Options::new().connect::<Duplex>(path)?;
        let mut ends = service.region.attach()?;
        ends.producer.send(word.as_bytes())?;
        let mut buffer = [0; 4096];
        let deadline = Duration::from_secs(10).into();
        let len = ends.consumer.recv_until(&mut buffer, deadline)?;
        println!("{}", String::from_utf8_lossy(&buffer[..len]));
        return Ok(());
    }
    let listener = Listener::bind(path)?;
    loop {
        accept(&listener).unwrap_or_else(|error| eprintln!("turned away: {error}"));
    }
}
