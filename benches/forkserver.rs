//! The fork server of the example `forkserver` against one written in C with libc, by
//! AFL++'s protocol: executions of an empty target.
//!
//! As fuzzers do, everything is bound to one processor: what passes between the processes
//! does not wait until another one wakes up. The C program is started as AFL++ starts its
//! targets, with all functions bound.
//!
//! Most of an execution is the kernel's, and depends on how many mappings there are to be
//! copied: a program without libc has a third of them. Hence the pairs that have the
//! same: libc's fork and rawipc's in one program, and C linked statically.

mod support;

#[path = "../examples/forkserver/client.rs"]
#[allow(dead_code, reason = "the example uses more of it")]
mod client;
#[path = "../examples/forkserver/memory.rs"]
#[allow(dead_code, reason = "the example uses more of it")]
mod memory;
#[path = "../examples/forkserver/server.rs"]
mod server;

use core::cell::RefCell;
use core::hint::black_box;
use core::time::Duration;
use std::ffi::{CString, OsStr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Instant;

use rawipc::event::Readiness;
use rawipc::event::poll::{self, PollFd};
use rawipc::pipe::{self, PipeFlags, Reader, Writer};
use rawipc::process::{self, Fork, State, WaitFlags};
use rawipc::{AsRawFd, Deadline, FromRawFd, OwnedFd};

use client::{Client, Program};
use memory::Answer;
use support::{Demand, contest, contestant, pin};

/// Executions a run.
const EXECUTIONS: u64 = 300;
/// How long an execution may take.
const LIMIT: Duration = Duration::from_secs(60);
/// How many executions a second must be reached.
const DEMANDED: f64 = 3000.0;

/// How this executable is asked to be a fork server itself.
const SHARED_WORDS: &str = "--shared-words";
const PIPES: &str = "--pipes";
const PIPES_LIBC: &str = "--pipes-libc";

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some(SHARED_WORDS) => serve_shared(),
        Some(PIPES) => serve(&args[2..], one_by_rawipc),
        Some(PIPES_LIBC) => serve(&args[2..], one_by_libc),
        _ => measure(),
    }
}

/// The target.
#[inline(never)]
fn empty() {
    black_box(());
}

fn measure() {
    // A published package does not carry other packages.
    if !package().exists() {
        println!("skipped: there is no {}", package().display());
        return;
    }
    pin(0);
    let own = std::env::current_exe().expect("this executable");
    let bare = without_libc();
    let shared = Shared::start(&bare);
    let shared_std = Shared::start(&own);
    let Some(c) = compiled("forkserver-bench", &[]) else {
        println!("skipped: the comparison with C, as there is no cc");
        let alone = vec![
            contestant("rawipc, shared words", || shared.executions()),
            contestant("the same in a program with std", || shared_std.executions()),
        ];
        contest("an empty target", &Demand::None, alone);
        shared.report();
        return;
    };
    let c = Piped::start(&c, None);
    let c_static = compiled("forkserver-bench-static", &["-static"]);
    let c_static = c_static.map(|program| Piped::start(&program, None));
    let pipes = Piped::start(&bare, None);
    let pipes_std = Piped::start(&own, Some(PIPES));
    let pipes_libc = Piped::start(&own, Some(PIPES_LIBC));

    let mut contestants = vec![
        contestant("C with libc", || c.executions()),
        contestant("rawipc, no libc", || pipes.executions()),
        contestant("rawipc, in a program with std", || pipes_std.executions()),
        contestant("libc's fork, in the same program", || {
            pipes_libc.executions()
        }),
    ];
    if let Some(c_static) = &c_static {
        contestants.push(contestant("C with libc, linked statically", || {
            c_static.executions()
        }));
    }
    let mut met = contest(
        "an empty target, all by AFL++'s pipes",
        &Demand::AtLeast(1.0),
        contestants,
    );
    met &= contest(
        "an empty target, as the example does it",
        &Demand::AtLeast(1.0),
        vec![
            contestant("C with libc, AFL++'s pipes", || c.executions()),
            contestant("rawipc, shared words", || shared.executions()),
            contestant("rawipc, AFL++'s pipes", || pipes.executions()),
            contestant("rawipc, in a program with std", || shared_std.executions()),
        ],
    );
    met &= shared.report();
    println!(
        "\n{}",
        if met {
            "all demands met"
        } else {
            "some demands MISSED"
        }
    );
}

/// The fork server of the example.
struct Shared {
    client: Client,
    /// Nanoseconds an execution took, of each run.
    times: RefCell<Vec<f64>>,
}

impl Shared {
    fn start(own: &Path) -> Self {
        let word = |word: &OsStr| CString::new(word.as_encoded_bytes()).expect("no NUL");
        let program = Program {
            words: vec![word(own.as_os_str()), word(OsStr::new(SHARED_WORDS))],
            env: Vec::new(),
            memory: None,
        };
        Self {
            client: Client::start(&program).expect("a fork server"),
            times: RefCell::default(),
        }
    }

    fn executions(&self) -> f64 {
        let time = timed(|| {
            let answer = self.client.run(b"....", LIMIT).expect("an answer");
            assert_eq!(answer, Answer::Exited(0));
        });
        self.times.borrow_mut().push(time);
        time
    }

    /// Prints executions a second; whether they are enough.
    fn report(&self) -> bool {
        let mut times = self.times.borrow_mut();
        times.sort_by(f64::total_cmp);
        // None where another contest was chosen.
        let Some(median) = times.get(times.len() / 2) else {
            return true;
        };
        let speed = 1e9 / median;
        let met = speed >= DEMANDED;
        println!(
            "  {} {speed:.0} executions a second, at least {DEMANDED} asked",
            if met { "met:" } else { "MISSED:" }
        );
        met
    }
}

/// A fork server with AFL++'s protocol. Killed and reaped when dropped.
struct Piped {
    child: Child,
    control: Writer,
    status: Reader,
}

impl Piped {
    fn start(program: &Path, role: Option<&str>) -> Self {
        let (theirs, control) = pipe::create(PipeFlags::empty()).expect("a pipe");
        let (status, their_status) = pipe::create(PipeFlags::empty()).expect("a pipe");
        // Only what it is to have is left to it.
        let [theirs, their_status] =
            [OwnedFd::from(theirs), OwnedFd::from(their_status)].map(|end| {
                rustix::io::fcntl_setfd(&end, rustix::io::FdFlags::empty()).expect("its flags");
                end
            });
        let child = Command::new(program)
            .args(role)
            .arg(theirs.as_raw_fd().to_string())
            .arg(their_status.as_raw_fd().to_string())
            // As AFL++ does: else every child binds libc's functions anew.
            .env("LD_BIND_NOW", "1")
            .spawn()
            .expect("a fork server");
        drop((theirs, their_status));
        let piped = Self {
            child,
            control,
            status,
        };
        assert_eq!(piped.heard(), 0, "it is ready");
        piped
    }

    fn executions(&self) -> f64 {
        timed(|| {
            self.control.write_all(&[0; 4]).expect("a fork server");
            let pid = self.heard();
            let mut fds = [PollFd::new(&self.status, Readiness::IN)];
            poll::wait_until(&mut fds, Deadline::after(LIMIT)).expect("an answer");
            assert_eq!((pid > 0, self.heard()), (true, 0));
        })
    }

    fn heard(&self) -> i32 {
        let mut word = [0; 4];
        assert_eq!(self.status.read(&mut word), Ok(4), "a fork server");
        i32::from_ne_bytes(word)
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Nanoseconds that one execution takes.
fn timed(mut execute: impl FnMut()) -> f64 {
    let begin = Instant::now();
    for _ in 0..EXECUTIONS {
        execute();
    }
    begin.elapsed().as_secs_f64() * 1e9 / EXECUTIONS as f64
}

/// server.c in Rust: `execute` makes a child, says its number, and returns its status.
fn serve(fds: &[String], execute: fn(&Reader, &Writer) -> i32) {
    let [control, status] = [0, 1].map(|at| {
        let number = fds[at].parse().expect("a descriptor's number");
        // SAFETY: this program was started with it, and takes it once.
        unsafe { OwnedFd::from_raw_fd(number) }
    });
    let (control, status) = (Reader::from(control), Writer::from(status));
    say(&status, 0);
    let mut word = [0; 4];
    while control.read(&mut word) == Ok(4) {
        let how = execute(&control, &status);
        say(&status, how);
    }
}

fn say(status: &Writer, word: i32) {
    status.write_all(&word.to_ne_bytes()).expect("a driver");
}

/// The child, as in server.c.
fn target(control: &Reader, status: &Writer) {
    // SAFETY: this process leaves without using them again.
    unsafe { rustix::io::close(control.as_raw_fd()) };
    // SAFETY: as above.
    unsafe { rustix::io::close(status.as_raw_fd()) };
    empty();
}

fn one_by_rawipc(control: &Reader, status: &Writer) -> i32 {
    // SAFETY: this program has one thread, and the child exits.
    match unsafe { process::fork() }.expect("a child") {
        Fork::Child => {
            target(control, status);
            process::exit(0)
        }
        Fork::Parent(child) => {
            say(status, child.as_raw_pid());
            let change = process::wait(child, WaitFlags::EXITED).expect("its end");
            i32::from(change.state != State::Exited(0))
        }
    }
}

fn one_by_libc(control: &Reader, status: &Writer) -> i32 {
    // SAFETY: this program has one thread, and the child exits.
    match unsafe { libc::fork() } {
        0 => {
            target(control, status);
            // SAFETY: ends the process.
            unsafe { libc::_exit(0) }
        }
        child => {
            assert!(child > 0, "a child");
            say(status, child);
            let mut how = 0;
            // SAFETY: our child, once.
            unsafe { libc::waitpid(child, &raw mut how, 0) };
            how
        }
    }
}

/// The package with server.c, and the server without libc.
fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/forkserver")
}

/// server.c, compiled; `None` where there is no compiler, or no static libc.
fn compiled(name: &str, flags: &[&str]) -> Option<PathBuf> {
    let source = package().join("server.c");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut cc = Command::new("cc");
    cc.arg("-O2")
        .args(flags)
        .arg("-o")
        .arg(&program)
        .arg(source);
    match cc.status() {
        Ok(status) if status.success() => Some(program),
        Ok(status) => {
            println!("skipped: {name}, as cc says {status}");
            None
        }
        Err(_) => None,
    }
}

/// The package beside server.c, built.
fn without_libc() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("forkserver-bench-bare");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--locked", "--offline"])
        .current_dir(package())
        .env("CARGO_TARGET_DIR", &folder)
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .status()
        .expect("cargo starts");
    assert!(status.success(), "cargo: {status}");
    folder.join("release/server")
}

/// The example's fork server in this program.
fn serve_shared() {
    let number = std::env::var(memory::VARIABLE).expect("a fuzzer");
    let number = number.parse().expect("a descriptor's number");
    // SAFETY: this program was started with it, and takes it once.
    let memfd = unsafe { OwnedFd::from_raw_fd(number) };
    let memory = server::open(memfd.into()).expect("its memory");
    let link = server::Link::new(&memory).expect("signals");
    link.serve(|_| {
        empty();
        0
    })
}
