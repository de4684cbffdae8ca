//! What the halves make that outlives processes, and the one that watches removes.

use core::fmt;
use std::path::PathBuf;

use rawipc::posix::{self, Name};
use rawipc::sysv::{self, Key};

use crate::control::Word;

/// An object that stays in the kernel until it is removed.
pub(crate) enum Object {
    /// A System V message queue, by its key: also before it is made, for nobody else
    /// has the key.
    Queue(Key),
    /// A System V semaphore set, likewise.
    Set(Key),
    /// A System V shared memory segment, likewise.
    Segment(Key),
    /// A POSIX message queue, by its name: likewise.
    PosixQueue(Name),
    /// POSIX shared memory, likewise.
    PosixMemory(Name),
    /// A POSIX semaphore, likewise.
    PosixSemaphore(Name),
}

/// What is left of a row.
pub(crate) struct Left {
    /// The folder that the halves may make for files with names.
    scratch: PathBuf,
    scratch_made: bool,
    objects: Vec<Object>,
}

impl Left {
    pub(crate) fn new(scratch: PathBuf) -> Self {
        Self {
            scratch,
            scratch_made: false,
            objects: Vec::new(),
        }
    }

    /// Takes note of what a half has made.
    pub(crate) fn note(&mut self, word: Word) {
        match word {
            Word::Scratch => self.scratch_made = true,
            Word::Made(object) => self.objects.push(*object),
            Word::Progress(_) | Word::Done(_) | Word::Failed(_) => {}
        }
    }

    /// Removes what is still there, when the halves have ended.
    pub(crate) fn remove(&mut self) {
        for object in self.objects.drain(..) {
            // As a rule the half has done so.
            let _ = object.remove();
        }
        if self.scratch_made {
            let _ = std::fs::remove_dir_all(&self.scratch);
        }
    }
}

impl Object {
    fn remove(&self) -> rawipc::Result<()> {
        match self {
            Self::Queue(key) => sysv::message::open(*key)?.remove(),
            Self::Set(key) => sysv::semaphore::open(*key)?.remove(),
            Self::Segment(key) => sysv::memory::open(*key)?.remove(),
            Self::PosixQueue(name) => posix::message::unlink(name),
            Self::PosixMemory(name) => posix::memory::unlink(name),
            Self::PosixSemaphore(name) => posix::semaphore::unlink(name),
        }
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let (kind, which) = text.split_once(' ')?;
        Some(match kind {
            "queue" => Self::Queue(Key::from_raw(which.parse().ok()?)),
            "set" => Self::Set(Key::from_raw(which.parse().ok()?)),
            "segment" => Self::Segment(Key::from_raw(which.parse().ok()?)),
            "posix-queue" => Self::PosixQueue(which.parse().ok()?),
            "posix-memory" => Self::PosixMemory(which.parse().ok()?),
            "posix-semaphore" => Self::PosixSemaphore(which.parse().ok()?),
            _ => return None,
        })
    }
}

/// As [`Object::from_text`] reads it.
impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(key) => write!(f, "queue {}", key.as_raw()),
            Self::Set(key) => write!(f, "set {}", key.as_raw()),
            Self::Segment(key) => write!(f, "segment {}", key.as_raw()),
            Self::PosixQueue(name) => write!(f, "posix-queue {name}"),
            Self::PosixMemory(name) => write!(f, "posix-memory {name}"),
            Self::PosixSemaphore(name) => write!(f, "posix-semaphore {name}"),
        }
    }
}
