//! rawipc beside its peers, on two pinned processors, in turn: medians, and ratios to the best peer.
//!
//! `cargo run --release [-- [WORDS] [--json FILE] [--svg FILE] [--rounds N]]`, in this folder.
//!
//! Queues between threads are among the peers: what they do not do, to be between processes, to
//! survive a death and to mistrust the other side, costs them nothing.

mod contest;
#[path = "../../locks/glibc.rs"]
mod glibc;
mod iceoryx;
mod kernel;
mod locks;
mod many;
mod others;
mod ours;
mod report;
#[path = "../../support/mod.rs"]
mod support;
mod threads;
mod way;

use std::fs::OpenOptions;
use std::io::Write;

use contest::{Contest, contest, own, peer};
use rawipc::ring::{Spin, SpinThenFutex};
use way::Who::{Processes, Threads};
use way::{Fan, round_trip, stream};

/// Room for so many items in every queue.
const ROOM: usize = 1024;

/// How many messages that are lent can be under way.
const LOANS: usize = 8;

struct Options {
    words: Option<String>,
    json: Option<String>,
    svg: Option<String>,
    rounds: usize,
}

fn options() -> Options {
    let mut options = Options {
        words: None,
        json: None,
        svg: None,
        rounds: 11,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("a value behind the option");
        match argument.as_str() {
            "--json" => options.json = Some(value()),
            "--svg" => options.svg = Some(value()),
            "--rounds" => options.rounds = value().parse().expect("a number"),
            _ => options.words = Some(argument),
        }
    }
    options
}

const STREAM: &str = "one way";
const ROUND_TRIP: &str = "there and back";

/// Items of `N` words one way.
fn stream_of_items<const N: usize>(rounds: usize, count: u64) -> Contest {
    // Those that take longer need fewer to be typical.
    let (slower, slow) = (count / 4, count / 40);
    let size = 8 * N;
    contest(
        STREAM,
        size,
        rounds,
        vec![
            own("spsc items, spinning", || {
                stream(Processes, &ours::spsc_items::<Spin, N>(ROOM), count)
            }),
            own("spsc items, may sleep", || {
                stream(
                    Processes,
                    &ours::spsc_items::<SpinThenFutex, N>(ROOM),
                    count,
                )
            }),
            own("spsc items, may sleep, popped into place", || {
                stream(Processes, &ours::in_place::<SpinThenFutex, N>(ROOM), count)
            }),
            own("spsc records, may sleep", || {
                let ring = ours::spsc_records::<SpinThenFutex>(size, ROOM * size.max(16));
                stream(Processes, &ring, count)
            }),
            own("mpmc items, spinning", || {
                stream(Processes, &ours::mpmc_items::<Spin, N>(ROOM), count)
            }),
            own("mpmc items, may sleep", || {
                stream(
                    Processes,
                    &ours::mpmc_items::<SpinThenFutex, N>(ROOM),
                    count,
                )
            }),
            peer("rtrb (threads)", || {
                stream(Threads, &threads::rtrb::<N>(ROOM), count)
            }),
            peer("ArrayQueue (threads)", || {
                stream(Threads, &threads::array_queue::<N>(ROOM), count)
            }),
            peer("crossbeam channel (threads)", || {
                stream(Threads, &threads::channel::<N>(ROOM), count)
            }),
            peer("std mpsc (threads)", || {
                stream(Threads, &threads::std_mpsc::<N>(ROOM), count)
            }),
            peer("iceoryx2", || {
                stream(Processes, &iceoryx::service(size, ROOM, true, 1), slower)
            }),
            peer("shmem-ipc", || {
                stream(Processes, &others::shmem_ipc::<N>(ROOM), slow)
            }),
            peer("ipc-channel", || {
                stream(Processes, &others::ipc_channel(size), slow)
            }),
            peer("pipe", || stream(Processes, &kernel::pipe(size), slow)),
            peer("UNIX socket", || {
                stream(Processes, &kernel::socket(size), slow)
            }),
            peer("POSIX message queue", || {
                stream(Processes, &kernel::queue(size), slow)
            }),
        ],
    )
}

/// Items of `N` words there and back.
fn round_trip_of_items<const N: usize>(rounds: usize, count: u64) -> Contest {
    macro_rules! both {
        ($who:ident, $way:expr, $count:expr) => {
            || round_trip($who, &$way, &$way, $count)
        };
    }
    let slow = count / 10;
    let size = 8 * N;
    let room = ROOM * size.max(16);
    contest(
        ROUND_TRIP,
        size,
        rounds,
        vec![
            own(
                "spsc items, spinning",
                both!(Processes, ours::spsc_items::<Spin, N>(ROOM), count),
            ),
            own(
                "spsc items, may sleep",
                both!(Processes, ours::spsc_items::<SpinThenFutex, N>(ROOM), count),
            ),
            own(
                "spsc records, may sleep",
                both!(
                    Processes,
                    ours::spsc_records::<SpinThenFutex>(size, room),
                    count
                ),
            ),
            own(
                "mpmc items, spinning",
                both!(Processes, ours::mpmc_items::<Spin, N>(ROOM), count),
            ),
            own(
                "mpmc items, may sleep",
                both!(Processes, ours::mpmc_items::<SpinThenFutex, N>(ROOM), count),
            ),
            peer(
                "rtrb (threads)",
                both!(Threads, threads::rtrb::<N>(ROOM), count),
            ),
            peer(
                "ArrayQueue (threads)",
                both!(Threads, threads::array_queue::<N>(ROOM), count),
            ),
            peer(
                "iceoryx2",
                both!(Processes, iceoryx::service(size, 8, true, 1), count),
            ),
            peer(
                "ipc-channel",
                both!(Processes, others::ipc_channel(size), slow),
            ),
            peer("pipe", both!(Processes, kernel::pipe(size), slow)),
            peer("UNIX socket", both!(Processes, kernel::socket(size), slow)),
        ],
    )
}

/// Long messages, which are copied in and out.
fn stream_of_bytes(rounds: usize, size: usize, count: u64) -> Contest {
    let room = 4 * size;
    contest(
        STREAM,
        size,
        rounds,
        vec![
            own("spsc records, spinning", || {
                stream(Processes, &ours::spsc_records::<Spin>(size, room), count)
            }),
            own("spsc records, may sleep", || {
                stream(
                    Processes,
                    &ours::spsc_records::<SpinThenFutex>(size, room),
                    count,
                )
            }),
            peer("rtrb (threads)", || {
                stream(Threads, &threads::chunks(size, room), count)
            }),
            peer("iceoryx2", || {
                stream(Processes, &iceoryx::service(size, 4, true, 1), count)
            }),
            peer("ipc-channel", || {
                stream(Processes, &others::ipc_channel(size), count)
            }),
            peer("pipe", || stream(Processes, &kernel::pipe(size), count)),
            peer("UNIX socket", || {
                stream(Processes, &kernel::socket(size), count)
            }),
        ],
    )
}

/// Messages that are lent, and that nobody looks at.
fn stream_of_loans(rounds: usize, size: usize, count: u64) -> Contest {
    contest(
        "loans one way",
        size,
        rounds,
        vec![
            own("loans of a pool, spinning", || {
                stream(Processes, &ours::loans::<Spin>(size, LOANS), count)
            }),
            own("loans of a pool, may sleep", || {
                stream(Processes, &ours::loans::<SpinThenFutex>(size, LOANS), count)
            }),
            peer("iceoryx2", || {
                let service = iceoryx::service(size, LOANS, false, 1);
                stream(Processes, &service, count)
            }),
        ],
    )
}

/// The same there and back.
fn round_trip_of_loans(rounds: usize, size: usize, count: u64) -> Contest {
    macro_rules! both {
        ($way:expr) => {
            || round_trip(Processes, &$way, &$way, count)
        };
    }
    contest(
        "loans there and back",
        size,
        rounds,
        vec![
            own(
                "loans of a pool, spinning",
                both!(ours::loans::<Spin>(size, LOANS)),
            ),
            own(
                "loans of a pool, may sleep",
                both!(ours::loans::<SpinThenFutex>(size, LOANS)),
            ),
            peer("iceoryx2", both!(iceoryx::service(size, LOANS, false, 1))),
        ],
    )
}

/// Items of `N` words to three readers, which one process takes in turn.
fn broadcast_of_items<const N: usize>(rounds: usize, count: u64) -> Contest {
    let size = 8 * N;
    contest(
        "to three readers",
        size,
        rounds,
        vec![
            own("broadcast items, spinning", || {
                let ring = ours::broadcast_items::<Spin, N>(ROOM);
                stream(Processes, &Fan::<_, { ours::READERS }>(ring), count)
            }),
            own("broadcast items, may sleep", || {
                let ring = ours::broadcast_items::<SpinThenFutex, N>(ROOM);
                stream(Processes, &Fan::<_, { ours::READERS }>(ring), count)
            }),
            peer("iceoryx2", || {
                let service = iceoryx::service(size, ROOM, true, ours::READERS);
                stream(Processes, &Fan::<_, { ours::READERS }>(service), count)
            }),
        ],
    )
}

/// Four who send and four who receive.
fn four_by_four(rounds: usize) -> Contest {
    contest(
        "four to four",
        8,
        rounds,
        vec![
            own("mpmc items, may sleep", || {
                many::mpmc_items::<SpinThenFutex>(4, ROOM, 4_000_000)
            }),
            own("mpmc items, spinning", || {
                many::mpmc_items::<Spin>(4, ROOM, 4_000_000)
            }),
            peer("ArrayQueue (threads)", || {
                many::array_queue(4, ROOM, 4_000_000)
            }),
        ],
    )
}

fn nanoseconds(count: u64, mut run: impl FnMut()) -> f64 {
    let begin = std::time::Instant::now();
    for _ in 0..count {
        run();
    }
    begin.elapsed().as_secs_f64() * 1e9 / count as f64
}

fn set_up(rounds: usize) -> Contest {
    contest(
        "create, hand over, attach, tear down",
        0,
        rounds,
        vec![
            own("spsc items", || {
                nanoseconds(200, ours::set_up_and_tear_down)
            }),
            peer("iceoryx2", || {
                nanoseconds(20, iceoryx::set_up_and_tear_down)
            }),
        ],
    )
}

fn main() {
    let options = options();
    let rounds = options.rounds;
    type Run = Box<dyn Fn() -> Contest>;
    let all: Vec<(&str, Run)> = vec![
        (
            "one way 8",
            Box::new(move || stream_of_items::<1>(rounds, 2_000_000)),
        ),
        (
            "one way 64",
            Box::new(move || stream_of_items::<8>(rounds, 2_000_000)),
        ),
        (
            "one way 1024",
            Box::new(move || stream_of_items::<128>(rounds, 500_000)),
        ),
        (
            "one way 65536",
            Box::new(move || stream_of_bytes(rounds, 64 << 10, 2_000)),
        ),
        (
            "one way 1048576",
            Box::new(move || stream_of_bytes(rounds, 1 << 20, 200)),
        ),
        (
            "there and back 8",
            Box::new(move || round_trip_of_items::<1>(rounds, 50_000)),
        ),
        (
            "there and back 64",
            Box::new(move || round_trip_of_items::<8>(rounds, 50_000)),
        ),
        (
            "there and back 1024",
            Box::new(move || round_trip_of_items::<128>(rounds, 20_000)),
        ),
        (
            "loans one way 8",
            Box::new(move || stream_of_loans(rounds, 8, 500_000)),
        ),
        (
            "loans one way 1048576",
            Box::new(move || stream_of_loans(rounds, 1 << 20, 500_000)),
        ),
        (
            "loans there and back 8",
            Box::new(move || round_trip_of_loans(rounds, 8, 50_000)),
        ),
        (
            "loans there and back 1048576",
            Box::new(move || round_trip_of_loans(rounds, 1 << 20, 50_000)),
        ),
        (
            "to three readers 8",
            Box::new(move || broadcast_of_items::<1>(rounds, 300_000)),
        ),
        (
            "to three readers 64",
            Box::new(move || broadcast_of_items::<8>(rounds, 100_000)),
        ),
        (
            "to three readers 1024",
            Box::new(move || broadcast_of_items::<128>(rounds, 20_000)),
        ),
        ("four to four", Box::new(move || four_by_four(rounds))),
        ("set up", Box::new(move || set_up(rounds))),
        (
            "locks: mutex alone",
            Box::new(move || locks::mutex_alone(rounds)),
        ),
        (
            "locks: mutex of two",
            Box::new(move || locks::mutex_of_two(rounds)),
        ),
        (
            "locks: rwlock alone",
            Box::new(move || locks::rwlock_alone(rounds)),
        ),
        (
            "locks: rwlock of four",
            Box::new(move || locks::rwlock_of_four(rounds)),
        ),
        ("locks: notify", Box::new(move || locks::notify(rounds))),
        (
            "locks: semaphore",
            Box::new(move || locks::semaphore_alone(rounds)),
        ),
        ("locks: wake", Box::new(move || locks::wake(rounds))),
    ];
    let mut contests = Vec::new();
    for (name, run) in all {
        if options
            .words
            .as_ref()
            .is_some_and(|words| !name.contains(words.as_str()))
        {
            continue;
        }
        let contest = run();
        print!("{}", report::markdown(&contest));
        if let Some(file) = &options.json {
            let mut file = OpenOptions::new()
                .append(true)
                .create(true)
                .open(file)
                .expect("a file");
            file.write_all(report::json(&contest).as_bytes())
                .expect("written");
        }
        contests.push(contest);
    }
    if let Some(file) = &options.svg {
        std::fs::write(file, report::svg(&contests, &[ROUND_TRIP, STREAM])).expect("written");
    }
}
