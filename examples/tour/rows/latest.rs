//! The latest value, which a reader gets whole, however large it is.

use rawipc::AsFd;
use rawipc::ring::Error;
use rawipc::ring::latest::bytes::Value;

use super::PIECE;
use crate::half::{Half, Outcome};

/// Each piece of FILE is the value until the reader has it: a writer that went on would have some
/// missed.
pub(crate) fn value(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let value = Value::create(1, PIECE)?;
            let mut writer = value.writer()?;
            sender.link.give(&[value.as_fd()])?;
            let mut buffer = vec![0; PIECE];
            loop {
                let len = sender.read(&mut buffer)?;
                if len == 0 {
                    return Ok(());
                }
                writer.write(&buffer[..len])?;
                sender.link.hear()?;
            }
        }
        Half::Receiver(receiver) => {
            let [fd] = receiver.link.take()?;
            let mut reader = Value::open(fd)?.reader()?;
            let mut buffer = vec![0; PIECE];
            loop {
                match reader.read_newer(&mut buffer) {
                    Ok(len) => receiver.message(&buffer[..len])?,
                    Err(Error::Closed) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
                receiver.link.say(0)?;
            }
        }
    }
}
