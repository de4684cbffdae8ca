//! Requests that each get a response.

use rawipc::AsFd;
use rawipc::ring::Error;
use rawipc::ring::call::{CallError, Service};

use super::PIECE;
use crate::half::{Half, Outcome};

/// FILE is requests, each of which gets an empty response.
pub(crate) fn calls(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let service = Service::create(1, PIECE, 0)?;
            let client = service.client()?;
            sender.link.give(&[service.as_fd()])?;
            sender.pieces(PIECE, |piece| {
                let called = client.call(piece, &mut []);
                called.map_err(|failed: CallError| failed.error().unwrap_or(Error::Corrupt))?;
                Ok(())
            })
        }
        Half::Receiver(receiver) => {
            let [fd] = receiver.link.take()?;
            let server = Service::open(fd)?.server()?;
            let mut buffer = vec![0; PIECE];
            loop {
                match server.recv() {
                    Ok(request) => {
                        let len = request.copy_to(&mut buffer)?;
                        receiver.message(&buffer[..len])?;
                        request.respond(&[])?;
                    }
                    Err(Error::Closed) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}
