//! A program in C, `port.c` beside this, ported: a boss hands out words by a POSIX message queue, workers
//! answer each with the sum of its bytes by a System V message queue, add it up in POSIX shared memory
//! under a named semaphore, and count it in a System V semaphore, for which the boss waits. Workers count
//! themselves there first. They come when the boss has created everything.
//!
//! The names, the key and the formats are the same, so that workers in C and in Python (`port.py`) serve
//! this boss, and those here a boss in C:
//! `cargo run --example port -- boss /NAME FILE WORKERS`, and `-- worker /NAME FILE` so many times.
#![forbid(unsafe_code)]

use core::error::Error;
use core::num::NonZero;

use rawipc::ErrorContext;
use rawipc::memory::{MapOptions, Mapping};
use rawipc::posix::message::{self, Access, Capacity, QueueFlags};
use rawipc::posix::{Name, memory, semaphore};
use rawipc::sysv::message::{Message, ReceiveFlags, Select};
use rawipc::sysv::semaphore::Operation;
use rawipc::sysv::{self, Create, Key};

type Result<T> = core::result::Result<T, Box<dyn Error>>;

const WORDS: NonZero<i16> = NonZero::new(100).expect("not zero");
const WORD_MAX: usize = 32;
const RESULT: i64 = 1;

struct All {
    words: message::Queue,
    turn: semaphore::Named,
    total: Mapping,
    results: sysv::message::Queue,
    done: sysv::semaphore::Set,
}

impl All {
    fn create(name: &Name, file: &str) -> Result<Self> {
        let key = Key::from_path(file, b'p').for_name("a key of", file)?;
        let capacity = Capacity {
            messages: 8,
            message_size: WORD_MAX,
        };
        let memory = memory::CreateOptions::new().size(8).create(name)?;
        let done = sysv::semaphore::create(key, 1, Create::NEW)?;
        done.initialize(&[0])?;
        Ok(Self {
            words: message::CreateOptions::new()
                .capacity(capacity)
                .create(name)?,
            turn: semaphore::CreateOptions::new().create(name, 1)?,
            total: MapOptions::shared(8).map(&memory)?,
            results: sysv::message::create(key, Create::NEW)?,
            done,
        })
    }

    fn open(name: &Name, file: &str) -> Result<Self> {
        let key = Key::from_path(file, b'p').for_name("a key of", file)?;
        let memory = memory::open(
            name,
            memory::Access::ReadWrite,
            memory::MemoryFlags::empty(),
        )?;
        Ok(Self {
            words: message::open(name, Access::Both, QueueFlags::empty())?,
            turn: semaphore::open(name)?,
            total: MapOptions::shared(8).map(&memory)?,
            results: sysv::message::open(key)?,
            done: sysv::semaphore::open(key)?,
        })
    }

    fn remove(self, name: &Name) -> Result<()> {
        message::unlink(name)?;
        semaphore::unlink(name)?;
        memory::unlink(name)?;
        self.results.remove()?;
        Ok(self.done.remove()?)
    }
}

fn boss(name: &Name, file: &str, workers: NonZero<i16>) -> Result<()> {
    let all = All::create(name, file)?;
    all.done.operate(&[Operation::change(0, -workers)])?;
    for number in 0..WORDS.get() {
        all.words.send(format!("word {number}").as_bytes(), 1)?;
    }
    for _ in 0..workers.get() {
        all.words.send(b"", 0)?;
    }
    all.done.operate(&[Operation::change(0, -WORDS)])?;
    let (mut sum, mut result) = (0, Message::<u64>::empty());
    for _ in 0..WORDS.get() {
        let select = Select::Type(RESULT);
        all.results
            .try_receive(select, &mut result, ReceiveFlags::empty())?;
        sum += result.body().ok_or("a result of another size")?;
    }
    let total: u64 = all.total.read(0)?;
    println!("{sum} {total}");
    all.remove(name)?;
    if sum == total {
        Ok(())
    } else {
        Err("the sums differ".into())
    }
}

fn worker(name: &Name, file: &str) -> Result<()> {
    let all = All::open(name, file)?;
    all.done.operate(&[Operation::increment(0)])?;
    let mut word = [0; WORD_MAX];
    loop {
        let len = all.words.receive(&mut word)?.len;
        if len == 0 {
            return Ok(());
        }
        let sum: u64 = word[..len].iter().map(|&byte| u64::from(byte)).sum();
        all.turn.wait()?;
        all.total.write(0, &(all.total.read::<u64>(0)? + sum))?;
        all.turn.post()?;
        all.results.send(&Message::new(RESULT, sum))?;
        all.done.operate(&[Operation::increment(0)])?;
    }
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["boss", name, file, workers] => boss(&Name::new(name)?, file, workers.parse()?),
        ["worker", name, file] => worker(&Name::new(name)?, file),
        _ => Err("usage: port boss NAME FILE WORKERS | port worker NAME FILE".into()),
    }
}
