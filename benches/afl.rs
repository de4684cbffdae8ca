//! The example `forkserver --afl` with `target.h` against afl-fuzz with the fork server that
//! afl-clang-fast builds in: executions of the same C target.
//!
//! Nobody is asked how fast it is: the target counts its executions in a file, and what is taken is
//! how much that grows in a time. All fuzzers run from the start, so that starting and calibrating
//! do not count, and are stopped but for the one whose turn it is. As fuzzers do, everything is bound
//! to one processor.
//!
//! ```text
//! cargo build --release --example forkserver && cargo bench --bench afl
//! ```

mod support;

use core::time::Duration;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use support::{Demand, contest, contestant, pin};

/// How long a run is measured.
const RUN: Duration = Duration::from_millis(120);
/// How many executions until a fuzzer is past what it does first.
const BEGUN: u64 = 2000;
/// How long that may take.
const LIMIT: Duration = Duration::from_secs(20);

/// How the target takes its inputs: the title, and the compiler's arguments.
const MODES: [(&str, &[&str]); 3] = [
    ("fork server: a process for each input", &[]),
    ("persistent mode: 1000 inputs a process", &["-DROUNDS=1000"]),
    (
        "persistent mode, inputs in shared memory",
        &["-DROUNDS=1000", "-DSHARED"],
    ),
];

fn main() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/forkserver/target.c");
    let built = std::env::current_exe().expect("this executable");
    let built = built.parent().and_then(Path::parent);
    let ours = built.expect("target folder").join("examples/forkserver");
    let skipped = if !source.exists() {
        Some(format!("there is no {}", source.display()))
    } else if !ours.exists() {
        Some("first `cargo build --release --example forkserver`".to_owned())
    } else if !has("afl-fuzz") || !has("afl-clang-fast") || !has("clang") {
        Some("afl-fuzz, afl-clang-fast and clang are wanted (Debian: afl++)".to_owned())
    } else {
        None
    };
    if let Some(why) = skipped {
        println!("skipped: {why}");
        return;
    }
    pin(0);
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let mut met = true;
    for (number, (title, flags)) in MODES.into_iter().enumerate() {
        // No fuzzer is started for a contest that was not chosen.
        if wanted.as_ref().is_some_and(|words| !title.contains(words)) {
            continue;
        }
        let program = |name: &str| {
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("afl-bench-{name}-{number}"))
        };
        let (with_theirs, with_ours) = (program("theirs"), program("ours"));
        compile("afl-clang-fast", flags, &source, &with_theirs);
        let own = [
            &[
                "-fsanitize-coverage=trace-pc-guard",
                "-fno-sanitize-link-runtime",
            ],
            flags,
        ];
        compile("clang", &own.concat(), &source, &with_ours);
        let all = [
            Fuzzer::afl(&with_theirs),
            Fuzzer::ours(&ours, &with_ours),
            Fuzzer::afl(&with_ours),
            Fuzzer::ours(&ours, &with_theirs),
        ];
        let names = [
            "afl-fuzz, AFL++'s fork server",
            "forkserver --afl, target.h",
            "afl-fuzz, target.h",
            "forkserver --afl, AFL++'s",
        ];
        let contestants = all.iter().zip(names);
        let contestants = contestants.map(|(one, name)| contestant(name, || one.run()));
        met &= contest(title, &Demand::AtLeast(1.0), contestants.collect());
    }
    println!(
        "\n{}",
        if met {
            "all demands met"
        } else {
            "some demands MISSED"
        }
    );
}

fn has(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

fn compile(compiler: &str, flags: &[&str], source: &Path, program: &Path) {
    let status = Command::new(compiler)
        .env("AFL_QUIET", "1")
        .args(["-O2", "-Wall", "-Wextra"])
        .args(flags)
        .arg("-o")
        .arg(program)
        .arg(source)
        .status()
        .expect("a compiler");
    assert!(status.success(), "{compiler}: {status}");
}

/// A fuzzer that runs, and is stopped where nothing else is said.
struct Fuzzer {
    child: Child,
    /// Where the target counts.
    executions: File,
    folder: PathBuf,
}

impl Fuzzer {
    /// As its own documentation has it fast: without what looks after machine and terminal, and with
    /// its files in memory.
    fn afl(target: &Path) -> Self {
        Self::start(|folder| {
            let mut command = Command::new("afl-fuzz");
            let inputs = folder.join("in");
            fs::create_dir(&inputs).expect("a folder");
            fs::write(inputs.join("seed"), "....").expect("a seed");
            command.args(["-t", "10000", "-i"]).arg(inputs).arg("-o");
            command.arg(folder.join("out")).arg("--").arg(target);
            for variable in [
                "AFL_NO_UI",
                "AFL_SKIP_CPUFREQ",
                "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES",
                // It is bound already.
                "AFL_NO_AFFINITY",
            ] {
                command.env(variable, "1");
            }
            command.env("AFL_FORKSRV_INIT_TMOUT", "20000");
            command.env("AFL_TMPDIR", folder);
            command
        })
    }

    fn ours(forkserver: &Path, target: &Path) -> Self {
        Self::start(|_| {
            let mut command = Command::new(forkserver);
            command.args(["--afl", "--limit", "10000", "--executions"]);
            command.args(["1000000000000", "--"]).arg(target);
            command
        })
    }

    fn start(command: impl FnOnce(&Path) -> Command) -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        // As many as there are: a number of its own for each.
        let mut numbers = 0..;
        let folder = loop {
            let number: u32 = numbers.next().expect("a number");
            let name = format!("rawipc-afl-bench-{}-{number}", std::process::id());
            let folder = folder.join(name);
            if fs::create_dir(&folder).is_ok() {
                break folder;
            }
            assert!(number < 100, "{}: cannot be made", folder.display());
        };
        let count = folder.join("executions");
        fs::write(&count, [0; 8]).expect("a file");
        let said = File::create(folder.join("said")).expect("a file");
        let child = command(&folder)
            .env("EXECUTIONS", &count)
            .stdin(Stdio::null())
            .stdout(said.try_clone().expect("a descriptor"))
            .stderr(said)
            .spawn()
            .expect("a fuzzer");
        let fuzzer = Self {
            child,
            executions: File::open(&count).expect("the file"),
            folder,
        };
        fuzzer.wait_for(BEGUN);
        fuzzer.send(Signal::STOP);
        fuzzer
    }

    fn send(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).expect("not 0");
        kill_process(pid, signal).expect("a fuzzer");
    }

    fn executions(&self) -> u64 {
        let mut count = [0; 8];
        let read = self.executions.read_exact_at(&mut count, 0);
        read.expect("the target's file");
        u64::from_ne_bytes(count)
    }

    fn wait_for(&self, executions: u64) {
        let begin = Instant::now();
        while self.executions() < executions {
            let said = || fs::read_to_string(self.folder.join("said")).unwrap_or_default();
            assert!(begin.elapsed() < LIMIT, "it does not begin: {}", said());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets it run; nanoseconds that one execution takes.
    fn run(&self) -> f64 {
        let before = self.executions();
        self.send(Signal::CONT);
        self.wait_for(before + 1);
        let (first, begin) = (self.executions(), Instant::now());
        std::thread::sleep(RUN);
        let (last, time) = (self.executions(), begin.elapsed());
        self.send(Signal::STOP);
        time.as_secs_f64() * 1e9 / (last - first) as f64
    }
}

impl Drop for Fuzzer {
    fn drop(&mut self) {
        // Asked, so that each ends its fork server, and that its stopped child.
        self.send(Signal::TERM);
        self.send(Signal::CONT);
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
