//! Memory that the halves share.

use std::os::fd::OwnedFd;

use rawipc::AsFd;
use rawipc::memory::memfd::{self, Memfd, MemfdFlags, Seals};
use rawipc::memory::secret::{self, Secret, SecretFlags};
use rawipc::memory::userfault::{self, Features, Mode, Place, Userfault, UserfaultFlags};
use rawipc::memory::{Address, Advice, MapOptions, Mapping, Protection, Shared};
use rawipc::process::{self, Fork, State, WaitFlags};
use rawipc::sync::Semaphore;

use core::sync::atomic::{AtomicU64, Ordering};

use super::{PIECE, absent};
use crate::half::{Failure, Half, Outcome, Receiver, Sender};

/// Of memory in which faults are served.
const SERVED: usize = 1 << 20;
/// The size of memory for [`fill`] and [`empty`].
pub(super) const WINDOWS: usize = 2 * PIECE;
const SEALS: Seals = Seals::SHRINK.union(Seals::GROW).union(Seals::WRITE);

/// FILE goes in sealed pieces of memory, each handed over as a descriptor.
pub(crate) fn memfd(half: &mut Half) -> Outcome {
    /// Sent and not yet received.
    const AHEAD: u64 = 2;
    match half {
        Half::Sender(sender) => {
            let mut buffer = vec![0; PIECE];
            let mut sent = 0;
            loop {
                let len = sender.read(&mut buffer)?;
                sender.link.say(len as u64)?;
                if len == 0 {
                    return Ok(());
                }
                let piece = memfd::create("piece of FILE", MemfdFlags::empty())?;
                piece.set_size(len as u64)?;
                MapOptions::shared(len)
                    .map(&piece)?
                    .write_at(0, &buffer[..len])?;
                piece.seal(SEALS)?;
                sender.link.give(&[piece.as_fd()])?;
                sent += 1;
                if sent > AHEAD {
                    sender.link.hear()?;
                }
            }
        }
        Half::Receiver(receiver) => {
            let mut buffer = vec![0; PIECE];
            loop {
                let len = usize::try_from(receiver.link.hear()?)?;
                if len == 0 {
                    return Ok(());
                }
                let buffer = buffer
                    .get_mut(..len)
                    .ok_or_else(|| Failure::of("a long piece"))?;
                let [piece] = receiver.link.take()?;
                let memory = MapOptions::shared(len)
                    .protection(Protection::READ)
                    .map_sealed(&Memfd::from(piece), SEALS)?;
                memory.read_at(0, buffer)?;
                receiver.message(buffer)?;
                receiver.link.say(0)?;
            }
        }
    }
}

/// The receiver maps FILE: the page cache is the memory that is shared.
pub(crate) fn file(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            sender.link.say(sender.size())?;
            // The receiver may have read it all before this process goes on.
            sender.begin();
            sender.link.give(&[sender.file()])?;
            sender.everything()
        }
        Half::Receiver(receiver) => {
            let size = receiver.link.hear()?;
            let [file] = receiver.link.take()?;
            let mut buffer = vec![0; PIECE];
            for offset in (0..size).step_by(PIECE) {
                let len = PIECE.min(usize::try_from(size - offset).unwrap_or(PIECE));
                let memory = MapOptions::shared(len)
                    .protection(Protection::READ)
                    .offset(offset)
                    .map(&file)?;
                memory.read_at(0, &mut buffer[..len])?;
                receiver.bytes(&buffer[..len])?;
            }
            Ok(())
        }
    }
}

/// Memory without a name, handed over as a descriptor.
pub(crate) fn shared(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let memory = common(WINDOWS)?;
            sender.link.give(&[memory.as_fd()])?;
            fill(sender, &MapOptions::shared(WINDOWS).map(&memory)?)
        }
        Half::Receiver(receiver) => {
            let [memory] = receiver.link.take()?;
            let memory = Memfd::from(memory);
            let memory = MapOptions::shared(WINDOWS).map_sealed(&memory, Seals::empty())?;
            empty(receiver, &memory)
        }
    }
}

/// Sends FILE through two windows of one memory, filled in turn; the link says when.
pub(super) fn fill(sender: &mut Sender, memory: &Mapping) -> Outcome {
    let mut buffer = vec![0; PIECE];
    for window in [0, PIECE].into_iter().cycle() {
        // Wait until the receiver is done with it.
        sender.link.hear()?;
        let len = sender.read(&mut buffer)?;
        memory.write_at(window, &buffer[..len])?;
        sender.link.say(len as u64)?;
        if len == 0 {
            break;
        }
    }
    Ok(())
}

/// Receives FILE as [`fill`] sends it.
pub(super) fn empty(receiver: &mut Receiver, memory: &Mapping) -> Outcome {
    let mut buffer = vec![0; PIECE];
    receiver.link.say(0)?;
    receiver.link.say(0)?;
    for window in [0, PIECE].into_iter().cycle() {
        let len = usize::try_from(receiver.link.hear()?)?;
        if len == 0 {
            break;
        }
        let buffer = buffer
            .get_mut(..len)
            .ok_or_else(|| Failure::of("a long piece"))?;
        memory.read_at(window, buffer)?;
        receiver.message(buffer)?;
        receiver.link.say(0)?;
    }
    Ok(())
}

/// Memory that only those reach who have it mapped.
pub(crate) fn secret(half: &mut Half) -> Outcome {
    let options = MapOptions::shared(WINDOWS);
    match half {
        Half::Sender(sender) => {
            let memory = secret::create(SecretFlags::empty())?;
            memory.set_size(WINDOWS as u64)?;
            sender.link.give(&[memory.as_fd()])?;
            fill(sender, &options.map(&memory)?)
        }
        Half::Receiver(receiver) => {
            let [memory] = receiver.link.take()?;
            empty(receiver, &options.map(Secret::from(memory))?)
        }
    }
}

pub(crate) fn has_secret() -> Result<(), String> {
    absent(secret::create(SecretFlags::empty()).and_then(|memory| {
        memory.set_size(WINDOWS as u64)?;
        // As much as is locked in memory may be too much.
        MapOptions::shared(WINDOWS).map(&memory).map(drop)
    }))
}

/// The receiver reads memory in which nothing is; each page that it touches is a fault,
/// which the sender serves with what FILE has there.
pub(crate) fn faults(half: &mut Half) -> Outcome {
    let page = rustix::param::page_size();
    match half {
        Half::Sender(sender) => {
            let size = sender.size();
            sender.link.say(size)?;
            let begin = Address::new(usize::try_from(sender.link.hear()?)?);
            let [faults] = sender.link.take()?;
            let faults = Userfault::from_fd(faults)?;
            let mut buffer = vec![0; page];
            for number in 0..usize::try_from(size.div_ceil(page as u64))? {
                let expected = begin.wrapping_add(number % (SERVED / page) * page);
                match faults.read()? {
                    userfault::Event::Fault(fault) if fault.address == expected => {}
                    other => {
                        return Err(Failure::of(&format!("{other:?} and not {expected}")));
                    }
                }
                let len = sender.read(&mut buffer)?;
                buffer[len..].fill(0);
                faults.copy(expected, &buffer, Place::empty())?;
            }
            Ok(())
        }
        Half::Receiver(receiver) => {
            let mut left = usize::try_from(receiver.link.hear()?)?;
            let memory = MapOptions::private(SERVED).map_anonymous()?;
            let faults = userfault::create(UserfaultFlags::USER_MODE_ONLY, Features::empty())?;
            faults.register(&memory, .., Mode::MISSING)?;
            let begin = memory.address_range(..)?.address;
            receiver.link.say(begin.get() as u64)?;
            receiver.link.give(&[faults.as_fd()])?;
            // If the sender dies nobody has it, and what is missing is zeros.
            drop(faults);
            let mut buffer = vec![0; page];
            while left > 0 {
                for offset in (0..SERVED.min(left)).step_by(page) {
                    let piece = &mut buffer[..page.min(left)];
                    memory.read_at(offset, piece)?;
                    receiver.message(piece)?;
                    left -= piece.len();
                }
                // Missing again.
                memory.advise(.., Advice::DontNeed)?;
            }
            Ok(())
        }
    }
}

pub(crate) fn has_faults() -> Result<(), String> {
    absent(userfault::features().map(drop))
}

/// What is at the beginning of memory that a process shares with its child.
#[repr(C)]
struct Turns {
    filled: Semaphore,
    free: Semaphore,
    len: AtomicU64,
}

// SAFETY: atomics, and semaphores, which are made of one: any bytes are a value.
unsafe impl Shared for Turns {}

/// The receiver's child copies FILE into memory that is in no file; only a fork
/// shares it.
pub(crate) fn anonymous(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            sender.link.say(sender.size())?;
            // The receiver may have read it all before this process goes on.
            sender.begin();
            sender.link.give(&[sender.file()])?;
            sender.everything()
        }
        Half::Receiver(receiver) => {
            let size = receiver.link.hear()?;
            let [file] = receiver.link.take()?;
            let memory = MapOptions::shared(2 * PIECE).map_anonymous()?;
            // SAFETY: this process has one thread; the child uses nothing that it
            // could have locked, and exits.
            match unsafe { process::fork()? } {
                Fork::Child => process::exit(match copy(&memory, &file, size) {
                    Ok(()) => 0,
                    Err(_) => 1,
                }),
                Fork::Parent(child) => {
                    take(receiver, &memory, size)?;
                    match process::wait(child, WaitFlags::EXITED)?.state {
                        State::Exited(0) => Ok(()),
                        state => Err(Failure::of(&format!("the child: {state:?}"))),
                    }
                }
            }
        }
    }
}

/// The child's part, without an allocation.
fn copy(memory: &Mapping, file: &OwnedFd, size: u64) -> Outcome {
    let turns = memory.object::<Turns>(0)?;
    let mut buffer = [0; PIECE];
    let mut offset = 0;
    while offset < size {
        let mut len = 0;
        while len < PIECE {
            match rustix::io::pread(file, &mut buffer, offset + len as u64)? {
                0 => break,
                count => {
                    let count = count.min(PIECE - len);
                    memory.write_at(PIECE + len, &buffer[..count])?;
                    len += count;
                }
            }
        }
        turns.len.store(len as u64, Ordering::Relaxed);
        turns.filled.post()?;
        turns.free.wait()?;
        if len == 0 {
            break;
        }
        offset += len as u64;
    }
    Ok(())
}

fn take(receiver: &mut Receiver, memory: &Mapping, size: u64) -> Outcome {
    let turns = memory.object::<Turns>(0)?;
    let mut buffer = vec![0; PIECE];
    let mut taken = 0;
    while taken < size {
        turns.filled.wait()?;
        let len = usize::try_from(turns.len.load(Ordering::Relaxed))?.min(PIECE);
        memory.read_at(PIECE, &mut buffer[..len])?;
        turns.free.post()?;
        if len == 0 {
            break;
        }
        receiver.bytes(&buffer[..len])?;
        taken += len as u64;
    }
    Ok(())
}

/// Memory that can be given to the other half, which will see that it cannot shrink.
pub(super) fn common(len: usize) -> Outcome<Memfd> {
    let memory = memfd::create("shared by the halves", MemfdFlags::empty())?;
    memory.set_size(len as u64)?;
    memory.seal(Seals::SHRINK | Seals::GROW)?;
    Ok(memory)
}

/// Memory of one page, shared by the halves: made by the sender, taken by the receiver.
pub(super) fn page(half: &Half) -> Outcome<Mapping> {
    const LEN: usize = 4096;
    match half {
        Half::Sender(sender) => {
            let memory = common(LEN)?;
            sender.link.give(&[memory.as_fd()])?;
            Ok(MapOptions::shared(LEN).map(&memory)?)
        }
        Half::Receiver(receiver) => {
            let [memory] = receiver.link.take()?;
            let memory = Memfd::from(memory);
            Ok(MapOptions::shared(LEN).map_sealed(&memory, Seals::empty())?)
        }
    }
}
