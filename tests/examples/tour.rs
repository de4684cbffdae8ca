//! The main job, run as its user runs it: the tour over files of every kind, its
//! table and its JSON, and what it says and leaves behind when FILE or a half fails.

use crate::support;
use crate::text;

#[path = "../../examples/tour/checksum.rs"]
mod checksum;

use core::time::Duration;
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::Instant;

use checksum::Checksum;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use serde_json::Value;
use support::program::{self, started};
use support::{LIMIT, LeakCheck, pattern};

/// So many rows the tour has at least, wherever it is.
const ROWS: usize = 50;

/// Mechanisms that not every system has, or not for every user.
const SOMEWHERE: [&str; 4] = ["vsock", "secret memory", "userfaultfd", "process events"];

const PURPOSES: [&str; 5] = [
    "move data",
    "share data",
    "notify of an event",
    "share a resource",
    "control a process",
];

/// A FILE without blocks that takes minutes to read: no row is through with it
/// before the test has done what it wants to do meanwhile.
const ENDLESS: u64 = 1 << 40;

/// So many bytes have demonstrably gone through a mechanism.
const SOME: u64 = 1 << 24;

/// A folder for one run: its FILE, and what it takes for the system's folder for
/// temporary files. Removed when dropped.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let unique = format!("tour-{name}-{}", std::process::id());
        let place = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique));
        fs::create_dir_all(place.temporary()).expect("a folder");
        place
    }

    fn temporary(&self) -> PathBuf {
        self.0.join("temporary")
    }

    fn file(&self, contents: &[u8]) -> PathBuf {
        let path = self.0.join("FILE");
        fs::write(&path, contents).expect("FILE is written");
        path
    }

    fn endless(&self) -> PathBuf {
        let path = self.file(&[]);
        resize(&path, ENDLESS);
        path
    }

    fn tour(&self) -> Command {
        let mut command = started(&executable());
        command.env("TMPDIR", self.temporary());
        command
    }

    /// Waits for the end of a run, and looks what it left.
    fn end(&self, run: Child) -> Output {
        let output = run.wait_with_output().expect("the tour ends");
        let left: Vec<_> = fs::read_dir(self.temporary())
            .expect("still there")
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        output
    }

    fn run(&self, args: &[&str], file: Option<&Path>) -> Output {
        let run = self.tour().args(args).args(file).spawn();
        self.end(run.expect("the tour starts"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Where `cargo test` puts the example.
fn executable() -> PathBuf {
    let test = std::env::current_exe().expect("this executable");
    let built = test.parent().and_then(Path::parent).expect("target folder");
    let tour = built.join("examples/tour");
    assert!(
        tour.exists(),
        "run `cargo test` as a whole, or first `cargo build --example tour`: no {tour:?}"
    );
    tour
}

fn resize(path: &Path, size: u64) {
    let file = OpenOptions::new().write(true).open(path);
    file.and_then(|file| file.set_len(size)).expect("resized");
}

/// The rows of a run with `--json`, each a JSON object on a line of its own.
fn objects(output: &Output) -> Vec<Value> {
    text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

/// The names of the mechanisms that FILE goes through.
fn moving() -> Vec<String> {
    let place = Place::new("names");
    let output = place.run(&["--json"], Some(&place.file(b"")));
    objects(&output)
        .iter()
        .filter(|row| row["unit"] == "MB/s")
        .map(|row| row["name"].as_str().expect("a name").to_owned())
        .collect()
}

/// Asserts that the run was a full and good one over a FILE of `size` bytes.
#[track_caller]
fn assert_good(output: &Output, size: u64) {
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{}: {stdout}", output.status);
    assert_only_absences(text(&output.stderr));
    let lines: Vec<&str> = stdout.lines().collect();
    let [_head, rows @ .., last] = lines.as_slice() else {
        panic!("no table: {stdout}");
    };
    assert!(rows.len() >= ROWS, "{stdout}");
    assert_eq!(*last, format!("{0} mechanisms, {0} ok", rows.len()));
    for row in rows {
        assert!(row.ends_with("  ok"), "{row}");
        let whole = row.contains(&format!(" {size} ")) && row.contains("MB/s");
        assert!(whole || row.contains("events/s"), "{row}");
    }
}

/// Asserts that nothing went wrong, and nothing is said to be missing that is everywhere.
#[track_caller]
fn assert_only_absences(stderr: &str) {
    for line in stderr.lines() {
        let absent = |name| line.starts_with(&format!("tour: no {name} here: "));
        assert!(SOMEWHERE.into_iter().any(absent), "{stderr}");
    }
}

/// Asserts that the run ended with status 2 and one line that names `file`.
#[track_caller]
fn assert_unusable(output: &Output, file: &Path, why: &str) {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let name = file.to_str().expect("UTF-8");
    assert!(stderr.contains(name) && stderr.contains(why), "{stderr}");
}

#[test]
fn own_executable_arrives_whole() {
    let _check = LeakCheck::begin();
    let size = fs::metadata(executable()).unwrap().len();
    assert_good(&Place::new("own").run(&[], None), size);
}

#[test]
fn empty_file_arrives_whole() {
    let _check = LeakCheck::begin();
    let place = Place::new("empty");
    assert_good(&place.run(&[], Some(&place.file(b""))), 0);
}

#[test]
fn file_ending_within_piece_arrives_whole() {
    let _check = LeakCheck::begin();
    let place = Place::new("odd");
    let contents = pattern((3 << 20) + 1, 7);
    let output = place.run(&[], Some(&place.file(&contents)));
    assert_good(&output, contents.len() as u64);
}

#[test]
fn json_has_an_object_for_each_row() {
    let _check = LeakCheck::begin();
    let place = Place::new("json");
    let size = 100_000;
    let file = place.file(&pattern(size, 11));
    let output = place.run(&["--json"], Some(&file));
    assert!(output.status.success());
    let rows = objects(&output);
    assert!(rows.len() >= ROWS);
    let mut names = BTreeSet::new();
    let mut purposes = BTreeSet::new();
    for row in &rows {
        assert_eq!(row["result"], "ok", "{row}");
        assert!(names.insert(row["name"].as_str().unwrap()), "twice: {row}");
        purposes.insert(row["purpose"].as_str().unwrap());
        assert!(row["seconds"].as_f64().unwrap() > 0.0, "{row}");
        assert!(row["rate"].as_f64().unwrap() > 0.0, "{row}");
        assert!(row["messages"].as_u64().unwrap() > 0, "{row}");
        let bytes = match row["unit"].as_str().unwrap() {
            "MB/s" => size,
            "events/s" => 0,
            unit => panic!("{unit}"),
        };
        assert_eq!(row["bytes"], bytes, "{row}");
    }
    assert_eq!(purposes, BTreeSet::from(PURPOSES));
}

/// Rates are of the same work, or the row says of which.
#[test]
fn pieces_are_equal_in_all_rows_whose_mechanism_takes_them() {
    const PIECE: u64 = 1 << 16;
    // What the kernel makes of it: as much as it moves at once, or nothing to be divided.
    const UNCOUNTED: [&str; 3] = ["splice", "file mapping", "anonymous mapping"];
    // To be compared with each other, and with the short ones of their kinds.
    const LONGER: [&str; 3] = [
        "pool of chunks, long",
        "broadcast ring of loans",
        "spsc ring, long",
    ];

    let _check = LeakCheck::begin();
    let place = Place::new("pieces");
    let size = 40 * PIECE as usize + 1;
    let output = place.run(&["--json"], Some(&place.file(&pattern(size, 13))));
    assert!(output.status.success());
    let mut shorter = BTreeSet::new();
    for row in objects(&output) {
        let name = row["name"].as_str().unwrap();
        let Some(piece) = row["piece"].as_u64() else {
            assert!(
                row["unit"] == "events/s" || name == "descriptor passing",
                "{row}"
            );
            continue;
        };
        assert_eq!(row["unit"], "MB/s", "{row}");
        if piece != PIECE {
            assert!(piece < PIECE || LONGER.contains(&name), "{row}");
            if piece < PIECE {
                shorter.insert(name.to_owned());
            }
        }
        if !UNCOUNTED.contains(&name) {
            let pieces = (size as u64).div_ceil(piece);
            assert_eq!(row["messages"], pieces, "{row}");
        }
    }
    // Which has no place everywhere, nor the same pages.
    shorter.remove("userfaultfd");
    let expected = [
        "POSIX message queue",
        "System V message queue",
        "UDP",
        "packet pipe",
    ];
    assert_eq!(shorter, BTreeSet::from(expected.map(str::to_owned)));
}

#[test]
fn unreadable_file_is_named() {
    let _check = LeakCheck::begin();
    let place = Place::new("unusable");
    let missing = place.0.join("missing");
    let fifo = place.0.join("fifo");
    rawipc::pipe::fifo::create(&fifo).unwrap();
    for (file, why) in [
        (&missing, "No such file"),
        (&place.temporary(), "is a directory"),
        (&fifo, "is not a regular file"),
    ] {
        for args in [&[][..], &["--json"]] {
            let output = place.run(args, Some(file));
            assert_unusable(&output, file, why);
            assert_eq!(text(&output.stdout), "");
        }
    }
}

#[test]
fn unknown_arguments_are_refused() {
    let _check = LeakCheck::begin();
    let place = Place::new("arguments");
    let file = place.file(b"x");
    for args in [
        &["--no-such-option"][..],
        &["--only", "no such mechanism"],
        &["--only"],
        &["--limit", "soon"],
        &["--half", "sender", "pipe", "-1"],
        &["one file", "--"],
    ] {
        let output = place.run(args, Some(&file));
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(text(&output.stderr).lines().count(), 1, "{args:?}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
    }
}

#[test]
fn file_that_shrinks_meanwhile_is_named() {
    let _check = LeakCheck::begin();
    let place = Place::new("shrinks");
    for name in moving() {
        let file = place.endless();
        let run = place.tour().args(["--only", &name]).arg(&file).spawn();
        let run = run.unwrap();
        await_work(run.id(), SOME);
        resize(&file, 1 << 20);
        let output = place.end(run);
        assert_unusable(&output, &file, "shrank");
        // The head of the table, and no row.
        assert_eq!(text(&output.stdout).lines().count(), 1, "{name}");
    }
}

#[test]
fn file_that_grows_between_rows_is_named() {
    let _check = LeakCheck::begin();
    let place = Place::new("grows");
    let file = place.file(b"short");
    // Room for one line: the tour waits with the first row until the head is read.
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::DIRECT).unwrap();
    rustix::pipe::fcntl_setpipe_size(&reader, 4096).unwrap();
    let run = place.tour().arg(&file).stdout(writer).spawn().unwrap();
    rustix::event::poll(
        &mut [rustix::event::PollFd::new(
            &reader,
            rustix::event::PollFlags::IN,
        )],
        None,
    )
    .unwrap();
    let mut growing = OpenOptions::new().append(true).open(&file).unwrap();
    growing.write_all(b"er").unwrap();
    let mut stdout = String::new();
    File::from(reader).read_to_string(&mut stdout).unwrap();
    let output = place.end(run);
    assert_unusable(&output, &file, "grew from 5 to 7 bytes");
    assert!(stdout.lines().count() <= 2, "{stdout}");
}

#[test]
fn hanging_row_fails_and_others_continue() {
    let _check = LeakCheck::begin();
    let place = Place::new("hangs");
    let file = place.endless();
    let args = ["--only", "pipe", "--only", "eventfd", "--limit", "3"];
    let run = place.tour().args(args).arg(&file).spawn().unwrap();
    await_work(run.id(), SOME);
    signal(half(run.id(), "receiver"), Signal::STOP);
    assert_one_failed(&place.end(run), "nothing moved for 3 s");
}

#[test]
fn killed_half_fails_its_row_and_others_continue() {
    let _check = LeakCheck::begin();
    let place = Place::new("killed");
    let file = place.endless();
    // Those that have more than descriptors.
    for name in [
        "fifo",
        "socket with a path",
        "System V message queue",
        "POSIX message queue",
        "System V shared memory",
        "POSIX shared memory",
    ] {
        for (role, why) in [
            ("sender", "sender: killed by signal 9"),
            ("receiver", "receiver: killed by signal 9"),
        ] {
            let args = ["--only", name, "--only", "eventfd"];
            let run = place.tour().args(args).arg(&file).spawn().unwrap();
            await_work(run.id(), SOME);
            signal(half(run.id(), role), Signal::KILL);
            assert_one_failed(&place.end(run), why);
        }
    }
}

#[test]
fn half_killed_at_any_moment_leaves_nothing() {
    let _check = LeakCheck::begin();
    let place = Place::new("moments");
    let file = place.file(&pattern(1 << 20, 5));
    for name in [
        "inotify",
        "flock",
        "System V semaphores",
        "System V lock",
        "POSIX semaphore, named",
        "message notification",
    ] {
        for moment in [0, 2, 4, 8] {
            let args = ["--only", name, "--limit", "1"];
            let mut run = place.tour().args(args).arg(&file).spawn().unwrap();
            let Some(sender) = await_half(&mut run, "sender") else {
                // All is over already: this machine was busy with something else.
                place.end(run);
                continue;
            };
            // How far it is then is left to chance; that is the point.
            await_run(
                sender.as_raw_nonzero().get() as u32,
                Duration::from_millis(moment),
            );
            // It may have ended.
            let _ = kill_process(sender, Signal::KILL);
            place.end(run);
        }
    }
}

#[test]
fn killed_tour_leaves_no_process() {
    let _check = LeakCheck::begin();
    let place = Place::new("leaderless");
    let file = place.endless();
    let args = ["--only", "pipe"];
    let mut run = place.tour().args(args).arg(&file).spawn().unwrap();
    await_work(run.id(), SOME);
    let [sender, receiver] = ["sender", "receiver"].map(|role| half(run.id(), role));
    // The receiver now waits for bytes that will never come.
    signal(sender, Signal::STOP);
    run.kill().unwrap();
    run.wait().unwrap();
    // They are children of this process now.
    let begin = Instant::now();
    for half in [sender, receiver] {
        let pid = Pid::from_raw(half as i32);
        while waitpid(pid, WaitOptions::NOHANG).unwrap().is_none() {
            if begin.elapsed() > LIMIT {
                signal(half, Signal::KILL);
                panic!("still there");
            }
            std::thread::yield_now();
        }
    }
}

#[test]
fn interrupted_tour_leaves_nothing() {
    let _check = LeakCheck::begin();
    let place = Place::new("interrupted");
    let file = place.endless();
    for (name, interruption) in [
        ("fifo", Signal::INT),
        ("socket with a path", Signal::TERM),
        ("System V message queue", Signal::INT),
        ("POSIX message queue", Signal::HUP),
        ("System V shared memory", Signal::TERM),
        ("POSIX shared memory", Signal::INT),
        ("anonymous mapping", Signal::INT),
    ] {
        let args = ["--only", name, "--only", "eventfd"];
        let run = place.tour().args(args).arg(&file).spawn().unwrap();
        await_work(run.id(), SOME);
        let halves = ["sender", "receiver"].map(|role| half(run.id(), role));
        signal(run.id(), interruption);
        let output = place.end(run);
        let killed_by = output.status.signal();
        assert_eq!(killed_by, Some(interruption.as_raw()), "{name}");
        // The head, and no row.
        assert_eq!(text(&output.stdout).lines().count(), 1, "{name}");
        for half in halves {
            assert!(!Path::new(&format!("/proc/{half}")).exists(), "{name}");
        }
    }
}

#[test]
fn tour_interrupted_at_any_moment_leaves_nothing() {
    let _check = LeakCheck::begin();
    let place = Place::new("interruptions");
    let file = place.file(&pattern(1 << 20, 5));
    for name in ["System V semaphores", "POSIX semaphore, named", "flock"] {
        for moment in [0, 1, 2, 4, 8, 16, 32] {
            let args = ["--only", name];
            let run = place.tour().args(args).arg(&file).spawn().unwrap();
            // How far it comes is left to chance; that is the point.
            await_run(run.id(), Duration::from_millis(moment));
            signal(run.id(), Signal::INT);
            place.end(run);
        }
    }
}

#[test]
fn ignored_signal_does_not_end_tour() {
    let _check = LeakCheck::begin();
    let place = Place::new("ignored");
    let file = place.endless();
    let mut tour = place.tour();
    let ignore = || {
        // SAFETY: no handler is involved.
        match unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) } {
            libc::SIG_ERR => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // SAFETY: between fork and exec the closure only makes a system call.
    unsafe { tour.pre_exec(ignore) };
    let args = ["--only", "pipe", "--limit", "2"];
    let run = tour.args(args).arg(&file).spawn().unwrap();
    await_work(run.id(), SOME);
    signal(run.id(), Signal::HUP);
    await_work(run.id(), 2 * SOME);
    // It plays on, until something else ends it.
    signal(half(run.id(), "receiver"), Signal::KILL);
    let output = place.end(run);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("killed by signal 9"));
}

#[test]
fn checksum_is_xxh64() {
    let known = [
        (&b""[..], 0xef46_db37_51d8_e999),
        (b"a", 0xd24e_c4f1_a98c_6e5b),
        (b"abc", 0x44bc_2cf5_ad77_0999),
        (
            b"Nobody inspects the spammish repetition",
            0xfbce_a83c_8a37_8bf1,
        ),
    ];
    for (bytes, value) in known {
        let mut checksum = Checksum::new();
        checksum.update(bytes);
        assert_eq!(checksum.value(), value, "{bytes:?}");
    }
}

#[test]
fn checksum_does_not_depend_on_pieces() {
    let bytes = pattern(1000, 3);
    let mut whole = Checksum::new();
    whole.update(&bytes);
    for len in 1..bytes.len() {
        let mut pieces = Checksum::new();
        bytes.chunks(len).for_each(|piece| pieces.update(piece));
        assert_eq!(pieces.value(), whole.value(), "pieces of {len}");
    }
    let mut swapped = bytes.clone();
    swapped.swap(10, 500);
    let mut other = Checksum::new();
    other.update(&swapped);
    assert_ne!(other.value(), whole.value());
}

#[track_caller]
fn assert_one_failed(output: &Output, why: &str) {
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert!(stdout.ends_with("2 mechanisms, 1 ok\n"), "{stdout}");
    let row = stdout.lines().nth(1).unwrap_or_default();
    assert!(row.contains(why), "{stdout}");
}

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid as i32).expect("a process");
    kill_process(pid, signal).expect("it still is");
}

/// Waits until the processes below `tour` have read or touched `amount` bytes.
fn await_work(tour: u32, amount: u64) {
    let begin = Instant::now();
    while descendants(tour).iter().map(|&pid| work(pid)).sum::<u64>() < amount {
        assert!(begin.elapsed() < LIMIT, "nothing is read");
        std::thread::yield_now();
    }
}

/// The process that plays `role` for `tour`.
fn half(tour: u32, role: &str) -> u32 {
    find_half(tour, role).expect("is playing")
}

/// As soon as there is one; `None` if the tour has ended.
fn await_half(tour: &mut Child, role: &str) -> Option<Pid> {
    let begin = Instant::now();
    loop {
        if let Some(half) = find_half(tour.id(), role) {
            return Pid::from_raw(half as i32);
        }
        if tour.try_wait().expect("it is a child").is_some() {
            return None;
        }
        assert!(begin.elapsed() < LIMIT, "nobody plays");
        std::thread::yield_now();
    }
}

/// Waits until the process, with those below it, has had the processor for so long, or
/// has ended.
fn await_run(pid: u32, duration: Duration) {
    let begin = Instant::now();
    loop {
        let all = [vec![pid], descendants(pid)].concat();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let has_exited = stat
            .rsplit_once(") ")
            .is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']));
        if has_exited || all.into_iter().map(run_time).sum::<Duration>() >= duration {
            return;
        }
        assert!(begin.elapsed() < LIMIT, "it neither runs nor ends");
        std::thread::yield_now();
    }
}

/// For how long a process has had the processor; of kernels that do not tell, none.
fn run_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let time = stat.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(time.unwrap_or(0))
}

fn find_half(tour: u32, role: &str) -> Option<u32> {
    descendants(tour).into_iter().find(|pid| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command.split(|&byte| byte == 0).nth(2) == Some(role.as_bytes())
    })
}

fn descendants(pid: u32) -> Vec<u32> {
    let all = program::descendants(pid);
    all.iter().map(|pid| pid.as_raw_pid() as u32).collect()
}

/// The bytes that a process has read, and the memory that it has touched for the
/// first time.
fn work(pid: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let read = io
        .lines()
        .find_map(|line| line.strip_prefix("rchar: ")?.parse::<u64>().ok());
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // After the name, which may hold anything: the eighth word is minflt.
    let faults = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.split_whitespace().nth(7)?.parse::<u64>().ok());
    read.unwrap_or(0) + faults.unwrap_or(0) * 4096
}
