//! Pipes and FIFOs.

use core::mem::swap;
use std::fs::File;

use rawipc::pipe::fifo::{self, OpenFlags};
use rawipc::pipe::{self, PipeFlags, Reader, SpliceFlags, VmspliceFlags, Writer};
use rawipc::{AsFd, Deadline, IoSlice, Mode};

use super::PIECE;
use crate::half::{Failure, Half, Outcome, Receiver, Sender};

/// A packet is what goes whole in any case.
pub(super) const PACKET: usize = pipe::ATOMIC_SIZE;

/// Bytes are written at the one end and read from the other.
pub(crate) fn stream(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let writer = lend(sender, PipeFlags::empty())?;
            sender.pieces(PIECE, |piece| Ok(writer.write_all(piece)?))
        }
        Half::Receiver(receiver) => drain(receiver),
    }
}

/// Each write is one packet, each read takes one whole packet.
pub(crate) fn packets(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let writer = lend(sender, PipeFlags::PACKET)?;
            sender.pieces(PACKET, |piece| Ok(writer.write_all(piece)?))
        }
        Half::Receiver(receiver) => {
            let [reader] = receiver.link.take()?;
            let reader = Reader::from(reader);
            let mut packet = [0; PACKET];
            loop {
                match reader.read(&mut packet)? {
                    0 => return Ok(()),
                    len => receiver.message(&packet[..len])?,
                }
            }
        }
    }
}

/// The kernel moves the pages of FILE into the pipe: no byte passes the sender.
pub(crate) fn splice(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let writer = lend(sender, PipeFlags::empty())?;
            loop {
                let left = usize::try_from(sender.left()).unwrap_or(usize::MAX);
                if left == 0 {
                    return Ok(());
                }
                let mut offset = sender.position();
                let moved = writer.splice_from(
                    sender.file(),
                    Some(&mut offset),
                    left.min(PIECE),
                    SpliceFlags::empty(),
                )?;
                sender.advance(moved)?;
            }
        }
        Half::Receiver(receiver) => drain(receiver),
    }
}

/// The pipe holds the sender's memory itself, not a copy.
pub(crate) fn vmsplice(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let writer = lend(sender, PipeFlags::empty())?;
            // As soon as the pipe is full of the one buffer, the other has been read: it must
            // not hold more than one.
            if writer.set_capacity(PIECE)? > PIECE {
                return Err(Failure::of("the pipe holds too much"));
            }
            let mut lent = vec![0; PIECE];
            let mut free = vec![0; PIECE];
            loop {
                let len = sender.read(&mut free)?;
                if len == 0 {
                    break;
                }
                let mut done = 0;
                while done < len {
                    let rest = IoSlice::new(&free[done..len]);
                    // SAFETY: written to again only after as many bytes as the pipe
                    // holds were lent after it, and freed when all has been read.
                    done += unsafe { writer.vmsplice(&[rest], VmspliceFlags::empty())? };
                }
                swap(&mut lent, &mut free);
            }
            drop(writer);
            sender.link.hear()?;
            Ok(())
        }
        Half::Receiver(receiver) => {
            drain(receiver)?;
            receiver.link.say(0)
        }
    }
}

/// The receiver duplicates the pipe into another, and compares what both hold.
pub(crate) fn tee(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let writer = lend(sender, PipeFlags::empty())?;
            sender.pieces(PIECE, |piece| Ok(writer.write_all(piece)?))
        }
        Half::Receiver(receiver) => {
            let [reader] = receiver.link.take()?;
            let original = Reader::from(reader);
            let (duplicate, writer) = pipe::create(PipeFlags::empty())?;
            let mut one = vec![0; PIECE];
            let mut other = vec![0; PIECE];
            loop {
                let len = original.tee(&writer, PIECE)?;
                if len == 0 {
                    return Ok(());
                }
                original.read_full(&mut one[..len])?;
                duplicate.read_full(&mut other[..len])?;
                if one[..len] != other[..len] {
                    return Err(Failure::of("the duplicate differs"));
                }
                receiver.bytes(&other[..len])?;
            }
        }
    }
}

/// A pipe with a name, at which the halves meet.
pub(crate) fn fifo(half: &mut Half) -> Outcome {
    const NAME: &str = "fifo";
    match half {
        Half::Sender(sender) => {
            let folder = File::open(sender.scratch()?)?;
            fifo::create_at(&folder, NAME, Mode::RUSR | Mode::WUSR)?;
            sender.link.give(&[folder.as_fd()])?;
            let writer = fifo::open_writer_at(&folder, NAME, OpenFlags::empty(), Deadline::Never)?;
            fifo::remove_at(&folder, NAME)?;
            sender.pieces(PIECE, |piece| Ok(writer.write_all(piece)?))
        }
        Half::Receiver(receiver) => {
            let [folder] = receiver.link.take()?;
            let reader = fifo::open_reader_at(&folder, NAME, OpenFlags::empty(), Deadline::Never)?;
            read_all(receiver, &reader)
        }
    }
}

/// Makes a pipe and gives its read end to the other half.
fn lend(sender: &Sender, flags: PipeFlags) -> Outcome<Writer> {
    let (reader, writer) = pipe::create(flags)?;
    sender.link.give(&[reader.as_fd()])?;
    Ok(writer)
}

fn drain(receiver: &mut Receiver) -> Outcome {
    let [reader] = receiver.link.take()?;
    read_all(receiver, &Reader::from(reader))
}

fn read_all(receiver: &mut Receiver, reader: &Reader) -> Outcome {
    let mut buffer = vec![0; PIECE];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(()),
            len => receiver.bytes(&buffer[..len])?,
        }
    }
}
