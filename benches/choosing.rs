//! Measures what `docs/choosing.md` says of each mechanism: the medians of some rounds, in turn.
//!
//! `cargo bench --bench choosing -- SECTION`, of `move`, `share`, `notify` and `resource`; all without.

mod support;

use core::cell::OnceCell as Lazy;
use core::cell::RefCell;
use core::hint::black_box;
use std::fs::File;
use std::time::Instant;

use rawipc::event::eventfd::{self, EventFdFlags};
use rawipc::lock::{Kind, flock, ofd};
use rawipc::members::{Member, Region};
use rawipc::memory::memfd::{self, MemfdFlags};
use rawipc::memory::{MapOptions, Mapping};
use rawipc::pipe::{self, PipeFlags};
use rawipc::posix::{Name, memory, message, semaphore};
use rawipc::process::memory::{self as remote, Address};
use rawipc::ring::{call, doorbell, latest, mpsc, pool};
use rawipc::signal::{self, fd::SignalFdFlags};
use rawipc::socket::{datagram, seqpacket, stream};
use rawipc::sync::robust::{self, PiMutex, Thread};
use rawipc::sync::{
    AutoResetEvent, Barrier, Condvar, HandOverSemaphore, Latch, ManualResetEvent, Mutex, OnceCell,
    RwLock, Semaphore, SeqLock, WaitGroup,
};
use rawipc::sysv::memory::{self as segment, AttachFlags, SegmentFlags};
use rawipc::sysv::message::{self as sysv_message, Message, ReceiveFlags, Select};
use rawipc::sysv::semaphore::{self as sysv_semaphore, Operation};
use rawipc::sysv::{Create, Key};
use rawipc::{Pid, Signal};
use support::{fork, pin, two_processes};

const ROUNDS: usize = 5;
const KIBIBYTE: usize = 1024;
const MEBIBYTE: usize = 1 << 20;

/// How many messages go one way, to be received by the kernel's or our means.
const OF_KERNEL: u64 = 50_000;
const OF_RINGS: u64 = 500_000;
/// How often something goes there and back between two who sleep, or may spin.
const SLEEPS: u64 = 2_000;
const SPINS: u64 = 50_000;
/// How often something is done alone; and by two at a time, who mostly sleep in the second case.
const ALONE: u64 = 200_000;
const TOGETHER: [u64; 2] = [200_000, 10_000];

/// Sends from a buffer and receives into one, each in a process of its own.
type Ends = (Box<dyn Fn(&[u8])>, Box<dyn Fn(&mut [u8])>);

/// A row of a table: its name, and for each column a run, which returns nanoseconds.
struct Row {
    name: &'static str,
    runs: Vec<Option<Box<dyn Fn() -> f64>>>,
}

fn row(name: &'static str) -> Row {
    let runs = Vec::new();
    Row { name, runs }
}

impl Row {
    fn run(mut self, run: impl Fn() -> f64 + 'static) -> Self {
        self.runs.push(Some(Box::new(run)));
        self
    }

    fn none(mut self) -> Self {
        self.runs.push(None);
        self
    }
}

fn print(section: &str, columns: &[&str], rows: Vec<Row>) {
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    if wanted.is_some_and(|wanted| wanted != section) {
        return;
    }
    let mut times: Vec<Vec<Vec<f64>>> = rows
        .iter()
        .map(|row| vec![Vec::new(); row.runs.len()])
        .collect();
    for _ in 0..ROUNDS {
        for (row, times) in rows.iter().zip(&mut times) {
            for (run, times) in row.runs.iter().zip(times) {
                times.extend(run.iter().map(|run| run()));
            }
        }
    }
    println!("\n| {section} | {} |", columns.join(" | "));
    println!("|---|{}", "---|".repeat(columns.len()));
    for (row, times) in rows.iter().zip(&mut times) {
        let medians = times.iter_mut().map(|times| {
            times.sort_by(f64::total_cmp);
            times
                .get(times.len() / 2)
                .map_or("–".to_owned(), |time| match time {
                    time if *time < 100.0 => format!("{time:.1}"),
                    time => format!("{time:.0}"),
                })
        });
        let medians: Vec<String> = medians.collect();
        println!("| {} | {} |", row.name, medians.join(" | "));
    }
}

fn each(count: u64, mut call: impl FnMut()) -> f64 {
    pin(0);
    let begin = Instant::now();
    for _ in 0..count {
        call();
    }
    begin.elapsed().as_secs_f64() * 1e9 / count as f64
}

fn alone(call: impl FnMut()) -> f64 {
    each(ALONE, call)
}

fn one_way(count: u64, size: usize, (send, recv): Ends) -> f64 {
    let (from, mut to) = (vec![7; size], vec![0; size]);
    two_processes(
        count,
        || (0..count).for_each(|_| send(black_box(&from))),
        || (0..count).for_each(|_| recv(black_box(&mut to))),
    )
}

fn there_and_back(count: u64, there: Ends, back: Ends) -> f64 {
    let (mut theirs, mut ours) = ([0; 8], [0; 8]);
    two_processes(
        count,
        || {
            for _ in 0..count {
                there.1(&mut theirs);
                back.0(&theirs);
            }
        },
        || {
            for _ in 0..count {
                there.0(&ours);
                back.1(&mut ours);
            }
        },
    )
}

/// Of messages of 8 bytes and of a kibibyte one way, and of 8 there and back.
fn moved(name: &'static str, [many, few]: [u64; 2], make: fn(usize) -> Ends) -> Row {
    row(name)
        .run(move || one_way(many, 8, make(8)))
        .run(move || one_way(many, KIBIBYTE, make(KIBIBYTE)))
        .run(move || there_and_back(few, make(8), make(8)))
}

fn of_pipe(_: usize) -> Ends {
    let (reader, writer) = pipe::create(PipeFlags::empty()).expect("a pipe");
    let read = move |to: &mut [u8]| assert_eq!(reader.read_full(to), Ok(to.len()));
    (
        Box::new(move |from| writer.write_all(from).expect("room")),
        Box::new(read),
    )
}

fn of_stream(_: usize) -> Ends {
    let (one, other) = stream::pair().expect("sockets");
    (
        Box::new(move |from| one.send_all(from).expect("room")),
        Box::new(move |to| other.recv_exact(to).expect("bytes")),
    )
}

fn of_seqpacket(_: usize) -> Ends {
    let (one, other) = seqpacket::pair().expect("sockets");
    (
        Box::new(move |from| one.send(from).expect("room")),
        Box::new(move |to| assert_eq!(other.recv(to), Ok(Some(to.len())))),
    )
}

fn of_datagram(_: usize) -> Ends {
    let (one, other) = datagram::pair().expect("sockets");
    (
        Box::new(move |from| one.send(from).expect("room")),
        Box::new(move |to| assert_eq!(other.recv(to), Ok(to.len()))),
    )
}

fn name() -> Name {
    Name::new(format!("/choosing-{}", std::process::id())).expect("a name")
}

fn of_posix_queue(size: usize) -> Ends {
    let capacity = message::Capacity {
        messages: 10,
        message_size: size,
    };
    let queue = message::CreateOptions::new().capacity(capacity);
    let queue = std::rc::Rc::new(queue.create(&name()).expect("a queue"));
    message::unlink(&name()).expect("its name");
    let other = queue.clone();
    (
        Box::new(move |from| queue.send(from, 0).expect("room")),
        Box::new(move |to| assert_eq!(other.receive(to).expect("a message").len, to.len())),
    )
}

/// A queue that goes when its receiver does.
struct SystemV(sysv_message::Queue);

impl SystemV {
    fn receive(&self, to: &mut [u8]) {
        let mut message = Message::<[u8; KIBIBYTE]>::empty();
        let received = self
            .0
            .receive(Select::Any, &mut message, ReceiveFlags::empty());
        received.expect("a message");
        to.copy_from_slice(message.bytes());
    }
}

impl Drop for SystemV {
    fn drop(&mut self) {
        self.0.remove().expect("it is removed once");
    }
}

fn of_sysv_queue(_: usize) -> Ends {
    let queue = sysv_message::create(Key::PRIVATE, Create::NEW).expect("a queue");
    let send = move |from: &[u8]| {
        let mut message = Message::<[u8; KIBIBYTE]>::empty();
        message.set_message_type(1);
        message.set_bytes(from).expect("room");
        queue.send(&message).expect("room");
    };
    let queue = SystemV(queue);
    let recv = move |to: &mut [u8]| queue.receive(to);
    (Box::new(send), Box::new(recv))
}

/// Two ends of a ring, each attached by who uses it first.
macro_rules! of_ring {
    ($ring:expr, $sender:ident, $receiver:ident, $send:expr, $recv:expr) => {{
        let ring = std::rc::Rc::new($ring);
        let other = ring.clone();
        let (to, from) = (Lazy::new(), Lazy::new());
        let send = move |bytes: &[u8]| {
            let to = to.get_or_init(|| RefCell::new(ring.$sender().expect("an end")));
            $send(&mut to.borrow_mut(), bytes);
        };
        let recv = move |bytes: &mut [u8]| {
            let from = from.get_or_init(|| RefCell::new(other.$receiver().expect("an end")));
            $recv(&mut from.borrow_mut(), bytes);
        };
        (Box::new(send), Box::new(recv))
    }};
}

fn of_doorbell(size: usize) -> Ends {
    of_ring!(
        doorbell::Ring::create(1024 * (size + 8), doorbell::Bells::Event).expect("a ring"),
        producer,
        consumer,
        |it: &mut doorbell::Producer, bytes: &[u8]| it.send(bytes).expect("room"),
        |it: &mut doorbell::Consumer, bytes: &mut [u8]| assert_eq!(it.recv(bytes), Ok(bytes.len()))
    )
}

fn of_mpsc(size: usize) -> Ends {
    let ring: mpsc::Ring = mpsc::Ring::create(1, 1024 * (size + 8)).expect("a ring");
    of_ring!(
        ring,
        producer,
        consumer,
        |it: &mut mpsc::Producer, bytes: &[u8]| it.send(bytes).expect("room"),
        |it: &mut mpsc::Consumer, bytes: &mut [u8]| {
            let event = it.recv(bytes).expect("an event");
            assert!(matches!(event, mpsc::Event::Record { len, .. } if len == bytes.len()));
        }
    )
}

fn of_pool(size: usize) -> Ends {
    let class = pool::Class { size, count: 2048 };
    let pool: pool::Pool = pool::Pool::create(&[class], 1024).expect("a pool");
    of_ring!(
        pool,
        producer,
        consumer,
        |it: &mut pool::Producer, bytes: &[u8]| {
            let mut loan = it.loan(bytes.len()).expect("a chunk");
            loan.write_at(0, bytes).expect("room");
            loan.send().expect("a slot");
        },
        |it: &mut pool::Consumer, bytes: &mut [u8]| {
            let message = it.recv().expect("a message");
            message.read_at(0, bytes).expect("its bytes");
        }
    )
}

fn calls(size: usize) -> f64 {
    let service = call::Service::create(1, size, size).expect("a service");
    let service: &call::Service = &service;
    let (mut theirs, mut ours) = (vec![0; size], vec![0; size]);
    let question = vec![7; size];
    two_processes(
        SPINS,
        || {
            let server = service.server().expect("an end");
            for _ in 0..SPINS {
                let request = server.recv().expect("a request");
                request.copy_to(&mut theirs).expect("its bytes");
                request.respond(&theirs).expect("room");
            }
        },
        || {
            let client = service.client().expect("an end");
            for _ in 0..SPINS {
                let len = client.call(&question, &mut ours).expect("a response");
                assert_eq!(len, size);
            }
        },
    )
}

/// Reads of another process's memory.
fn read_remote(size: usize, by_file: bool) -> f64 {
    let theirs = vec![7_u8; size];
    // SAFETY: this program has one thread, and the child is killed.
    let child = unsafe { fork() };
    if child == 0 {
        loop {
            std::thread::park();
        }
    }
    let pid = Pid::from_raw(child).expect("a process");
    let memory = match by_file {
        true => remote::open(pid, remote::Access::Read).expect("its memory"),
        false => remote::of(pid),
    };
    let mut ours = vec![0; size];
    let from = Address::from(theirs.as_ptr() as usize);
    let count = if size > KIBIBYTE { 200 } else { OF_KERNEL };
    let time = each(count, || {
        memory.read_exact(from, &mut ours).expect("its bytes");
    });
    signal::send(pid, Signal::KILL).expect("it lives");
    let mut status = 0;
    // SAFETY: our child, once.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    time
}

fn moves() -> Vec<Row> {
    let kernel = [OF_KERNEL, SLEEPS];
    let rings = [OF_RINGS, SPINS];
    vec![
        moved("pipe", kernel, of_pipe),
        moved("UNIX stream", kernel, of_stream),
        moved("UNIX seqpacket", kernel, of_seqpacket),
        moved("UNIX datagram", kernel, of_datagram),
        moved("posix::message", kernel, of_posix_queue),
        moved("sysv::message", kernel, of_sysv_queue),
        moved("ring::doorbell", rings, of_doorbell),
        moved("ring::mpsc", rings, of_mpsc),
        moved("ring::pool", rings, of_pool),
        row("ring::call (8 B; 1 KiB there and back)")
            .none()
            .run(|| calls(KIBIBYTE))
            .run(|| calls(8)),
        row("ring::latest, written (8 B, 1 KiB)")
            .run(|| {
                let value = latest::Value::<u64>::create(1).expect("a value");
                let mut writer = value.writer().expect("an end");
                alone(|| writer.write(&7).expect("written"))
            })
            .run(|| {
                let value = latest::Value::<[u64; 128]>::create(1).expect("a value");
                let mut writer = value.writer().expect("an end");
                alone(|| writer.write(black_box(&[7; 128])).expect("written"))
            })
            .none(),
    ]
}

fn shares() -> Vec<Row> {
    const LEN: usize = 4096;
    let used = |mapping: &Mapping| mapping.write(0, &7_u64).expect("room");
    let copied = |mapping: &Mapping| {
        let mut to = vec![0; MEBIBYTE];
        each(200, || mapping.read_at(0, &mut to).expect("its bytes"))
    };
    let file = || {
        let path = std::env::temp_dir().join(format!("choosing-{}", std::process::id()));
        let options = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path);
        (options.expect("a file"), path)
    };
    vec![
        row("memory::memfd")
            .run(move || {
                each(2_000, || {
                    let memfd = memfd::create("x", MemfdFlags::empty()).expect("a memfd");
                    memfd.set_size(LEN as u64).expect("its size");
                    used(&MapOptions::shared(LEN).map(&memfd).expect("a mapping"));
                })
            })
            .run(move || {
                let memfd = memfd::create("x", MemfdFlags::empty()).expect("a memfd");
                memfd.set_size(MEBIBYTE as u64).expect("its size");
                copied(&MapOptions::shared(MEBIBYTE).map(&memfd).expect("a mapping"))
            }),
        row("posix::memory")
            .run(move || {
                each(2_000, || {
                    let memory = memory::CreateOptions::new().size(LEN as u64);
                    let memory = memory.create(&name()).expect("an object");
                    memory::unlink(&name()).expect("its name");
                    used(&MapOptions::shared(LEN).map(&memory).expect("a mapping"));
                })
            })
            .run(move || {
                let memory = memory::CreateOptions::new().size(MEBIBYTE as u64);
                let memory = memory.create(&name()).expect("an object");
                memory::unlink(&name()).expect("its name");
                copied(
                    &MapOptions::shared(MEBIBYTE)
                        .map(&memory)
                        .expect("a mapping"),
                )
            }),
        row("sysv::memory")
            .run(move || {
                each(2_000, || {
                    let new =
                        segment::create(Key::PRIVATE, LEN, SegmentFlags::empty(), Create::NEW);
                    let segment = new.expect("a segment");
                    used(&segment.attach(AttachFlags::empty()).expect("a mapping"));
                    segment.remove().expect("it is removed");
                })
            })
            .run(move || {
                let new =
                    segment::create(Key::PRIVATE, MEBIBYTE, SegmentFlags::empty(), Create::NEW);
                let segment = new.expect("a segment");
                let mapping = segment.attach(AttachFlags::empty()).expect("a mapping");
                segment.remove().expect("it is removed");
                copied(&mapping)
            }),
        row("a mapped file")
            .run(move || {
                each(500, || {
                    let (file, path) = file();
                    file.set_len(LEN as u64).expect("its size");
                    used(&MapOptions::shared(LEN).map(&file).expect("a mapping"));
                    std::fs::remove_file(path).expect("its name");
                })
            })
            .run(move || {
                let (file, path) = file();
                std::fs::remove_file(path).expect("its name");
                file.set_len(MEBIBYTE as u64).expect("its size");
                copied(&MapOptions::shared(MEBIBYTE).map(&file).expect("a mapping"))
            }),
        row("process::memory::of (8 B; 1 MiB)")
            .run(|| read_remote(8, false))
            .run(|| read_remote(MEBIBYTE, false)),
        row("process::memory::open (8 B; 1 MiB)")
            .run(|| read_remote(8, true))
            .run(|| read_remote(MEBIBYTE, true)),
    ]
}

fn shared() -> &'static Mapping {
    Box::leak(Box::new(
        MapOptions::shared(16 << 10)
            .map_anonymous()
            .expect("memory"),
    ))
}

/// Two processes, each of which is told by the other and tells it.
fn told<T: 'static>(
    name: &'static str,
    make: impl Fn() -> T + 'static,
    tell: impl Fn(&T) + Copy + 'static,
    wait: impl Fn(&T) + Copy + 'static,
    undo: impl Fn(&T) + 'static,
) -> Row {
    let one = make();
    let both = move || {
        let (there, back) = (make(), make());
        two_processes(
            SLEEPS,
            || {
                for _ in 0..SLEEPS {
                    wait(&there);
                    tell(&back);
                }
            },
            || {
                for _ in 0..SLEEPS {
                    tell(&there);
                    wait(&back);
                }
            },
        )
    };
    row(name).run(both).run(move || {
        alone(|| {
            tell(&one);
            undo(&one);
        })
    })
}

fn signals() -> Row {
    // Blocked in both: the child inherits it.
    signal::block(Signal::USR1).expect("blocked");
    row("signal::wait")
        .run(|| {
            let parent = Pid::from_raw(std::process::id().cast_signed()).expect("a process");
            let child = shared();
            let child: &core::sync::atomic::AtomicU32 = child.object(0).expect("a word");
            let order = core::sync::atomic::Ordering::SeqCst;
            two_processes(
                SLEEPS,
                || {
                    child.store(std::process::id(), order);
                    for _ in 0..SLEEPS {
                        signal::wait(Signal::USR1).expect("a signal");
                        signal::send(parent, Signal::USR1).expect("sent");
                    }
                },
                || {
                    let child = loop {
                        match Pid::from_raw(child.load(order).cast_signed()) {
                            Some(child) => break child,
                            None => std::thread::yield_now(),
                        }
                    };
                    for _ in 0..SLEEPS {
                        signal::send(child, Signal::USR1).expect("sent");
                        signal::wait(Signal::USR1).expect("a signal");
                    }
                },
            )
        })
        .run(|| {
            let own = Pid::from_raw(std::process::id().cast_signed()).expect("a process");
            let fd =
                signal::fd::create(Signal::USR1, SignalFdFlags::empty()).expect("a descriptor");
            alone(|| {
                signal::send(own, Signal::USR1).expect("sent");
                fd.try_wait().expect("a signal");
            })
        })
}

fn member() -> &'static Member {
    let region = Box::leak(Box::new(Region::create(0).expect("a region")));
    Box::leak(Box::new(region.join().expect("a member")))
}

macro_rules! object {
    ($type:ty) => {
        || -> &'static $type { shared().object(0).expect("an object") }
    };
}

/// Two members at a barrier, again and again; half of it, as each round tells once.
fn barriers() -> f64 {
    let region = Region::create(0).expect("a region");
    let barrier: &Barrier<2> = shared().object(0).expect("a barrier");
    let wait = || {
        let me = region.join().expect("a member");
        let mut seat = barrier.join(&me).expect("a seat");
        for _ in 0..SLEEPS {
            seat.wait().expect("both");
        }
    };
    two_processes(SLEEPS, wait, wait)
}

/// Two who wait for each other's turn.
fn condvars() -> f64 {
    let region = Region::create(0).expect("a region");
    let memory = shared();
    let turn: &Mutex<u64> = memory.object(0).expect("a mutex");
    let changed: &Condvar = memory.object(1024).expect("a condition variable");
    let take_turns = |own: u64| {
        let me = region.join().expect("a member");
        for _ in 0..SLEEPS {
            let guard = turn.lock(&me).expect("the lock");
            let mut guard = changed
                .wait_while(guard, |turn| *turn != own)
                .expect("the lock");
            guard.set(&(1 - own));
            drop(guard);
            changed.notify_one();
        }
    };
    two_processes(SLEEPS, || take_turns(0), || take_turns(1))
}

fn notifies() -> Vec<Row> {
    vec![
        told(
            "event::eventfd",
            || eventfd::create(0, EventFdFlags::empty()).expect("an eventfd"),
            |it| it.add(1).expect("room"),
            |it| assert_eq!(it.wait(), Ok(1)),
            |it| assert_eq!(it.try_wait(), Ok(1)),
        ),
        signals(),
        told(
            "sync::AutoResetEvent",
            object!(AutoResetEvent),
            |it| it.set(),
            |it| it.wait().expect("a set"),
            |it| it.try_wait().expect("a set"),
        ),
        told(
            "sync::ManualResetEvent",
            object!(ManualResetEvent),
            |it| it.set(),
            |it| {
                it.wait().expect("a set");
                it.reset();
            },
            |it| assert!(it.reset()),
        ),
        told(
            "sync::Semaphore",
            object!(Semaphore),
            |it| it.post().expect("room"),
            |it| it.wait().expect("a unit"),
            |it| it.try_wait().expect("a unit"),
        ),
        told(
            "sync::HandOverSemaphore",
            object!(HandOverSemaphore),
            |it| it.post().expect("room"),
            |it| it.wait().expect("a unit"),
            |it| it.try_wait().expect("a unit"),
        ),
        row("sync::Condvar").run(condvars).run(|| {
            let condvar: &Condvar = shared().object(0).expect("a condition variable");
            alone(|| black_box(condvar).notify_one())
        }),
        row("sync::Barrier").run(barriers).none(),
        told(
            "sync::Latch",
            || -> &'static Latch {
                let latch: &Latch = shared().object(0).expect("a latch");
                latch.add(1).expect("room");
                latch
            },
            |it| {
                it.count_down();
            },
            |it| {
                it.wait().expect("it opens");
                it.add(1).expect("room");
            },
            |it| it.add(1).expect("room"),
        ),
        row("sync::WaitGroup").none().run(|| {
            let group: &WaitGroup = shared().object(0).expect("a group");
            let me = member();
            alone(|| drop(group.enter(me)))
        }),
    ]
}

/// Takes and gives back, alone, and of two processes at the same time.
fn held<F: FnMut()>(
    name: &'static str,
    together: u64,
    user: impl Fn() -> F + Clone + 'static,
) -> Row {
    let two = user.clone();
    row(name).run(move || alone(user())).run(move || {
        let run = || {
            let mut call = two();
            (0..together / 2).for_each(|_| call());
        };
        two_processes(together, run, run)
    })
}

fn thread() -> &'static Thread {
    // SAFETY: libc has the list; only these processes have the memory, which stays.
    Box::leak(Box::new(unsafe { Thread::with_libc() }.expect("a list")))
}

fn resources(set: sysv_semaphore::Set) -> Vec<Row> {
    let region: &Region = Box::leak(Box::new(Region::create(0).expect("a region")));
    let me = move || -> &'static Member { Box::leak(Box::new(region.join().expect("a member"))) };
    let memory = shared();
    let mutex: &Mutex<u64> = memory.object(0).expect("a mutex");
    let robust: &robust::Mutex<u64> = memory.object(1024).expect("a mutex");
    let inheriting: &PiMutex<u64> = memory.object(2048).expect("a mutex");
    let rwlock: &RwLock<u64> = memory.object(4096).expect("a lock");
    let seqlock: &SeqLock<u64> = memory.object(8192).expect("a value");
    let cell: &OnceCell<u64> = memory.object(9216).expect("a cell");
    cell.set(me(), &7).expect("none there");
    let units: &Semaphore = memory.object(10240).expect("a semaphore");
    units.post().expect("room");
    let handing: &HandOverSemaphore = memory.object(11264).expect("a semaphore");
    handing.post().expect("room");
    let posix: &semaphore::Semaphore = memory.object(15360).expect("a semaphore");
    posix
        .initialize(1, semaphore::Scope::Processes)
        .expect("a value");
    // Each process has a description of its own.
    let file: &memfd::Memfd = Box::leak(Box::new(
        memfd::create("x", MemfdFlags::empty()).expect("a memfd"),
    ));
    let number = std::process::id();
    let again = move || -> &'static File {
        let fd = std::os::fd::AsRawFd::as_raw_fd(file);
        let path = format!("/proc/{number}/fd/{fd}");
        let file = File::options().read(true).write(true).open(path);
        Box::leak(Box::new(file.expect("the same file")))
    };
    let [fast, slow] = TOGETHER;
    vec![
        held("sync::Mutex", fast, move || {
            let me = me();
            move || drop(mutex.lock(me).expect("the lock"))
        }),
        held("sync::robust::Mutex", fast, move || {
            let me = thread();
            move || drop(robust.lock(me).expect("the lock"))
        }),
        held("sync::robust::PiMutex", fast, move || {
            let me = thread();
            move || drop(inheriting.lock(me).expect("the lock"))
        }),
        held("sync::RwLock, read", fast, move || {
            let me = me();
            move || drop(rwlock.read(me).expect("the lock"))
        }),
        held("sync::RwLock, written", fast, move || {
            let me = me();
            move || drop(rwlock.write(me).expect("the lock"))
        }),
        held("sync::SeqLock, read", fast, move || {
            move || assert_eq!(black_box(seqlock).read(), 0)
        }),
        held("sync::SeqLock, written", fast, move || {
            let me = me();
            move || drop(seqlock.write(me).expect("the lock"))
        }),
        held("sync::OnceCell, read", fast, move || {
            move || assert_eq!(black_box(cell).get(), Some(7))
        }),
        held("sync::Semaphore", fast, move || {
            move || {
                units.wait().expect("a unit");
                units.post().expect("room");
            }
        }),
        held("sync::HandOverSemaphore", fast, move || {
            move || {
                handing.wait().expect("a unit");
                handing.post().expect("room");
            }
        }),
        held("posix::semaphore", fast, move || {
            move || {
                posix.wait().expect("a unit");
                posix.post().expect("room");
            }
        }),
        held("sysv::semaphore, with undo", slow, move || {
            move || {
                let [take, give] = [Operation::decrement(0), Operation::increment(0)];
                set.operate(&[take.undo()]).expect("a unit");
                set.operate(&[give.undo()]).expect("room");
            }
        }),
        held("lock::ofd", fast, move || {
            let file = again();
            move || drop(ofd::lock(file, .., Kind::Exclusive).expect("the lock"))
        }),
        held("lock::flock", fast, move || {
            let file = again();
            move || drop(flock::lock(file, Kind::Exclusive).expect("the lock"))
        }),
    ]
}

fn main() {
    let one_way = ["8 B one way", "1 KiB one way", "8 B there and back"];
    print("move", &one_way, moves());
    print("share", &["created and used", "1 MiB copied"], shares());
    print("notify", &["there and back", "nobody waits"], notifies());
    let set = sysv_semaphore::create(Key::PRIVATE, 1, Create::NEW).expect("a set");
    set.set_value(0, 1).expect("a value");
    print("resource", &["alone", "two at a time"], resources(set));
    set.remove().expect("it is removed once");
}
