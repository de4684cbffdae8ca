//! The programs without std and without libc, `examples/static`: what they are made of,
//! what they do, and how large they are.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod documented;
mod heap;
mod init;
mod runtime;
mod threads;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::OnceLock;
use std::time::Instant;

use rustix::process::{Pid, WaitOptions};
use support::{LIMIT, LeakCheck, pattern};

/// The programs, and how many bytes the whole file may have. Where all instructions are
/// of one width it has more.
const PROGRAMS: [(&str, usize); 8] = if cfg!(target_arch = "x86_64") {
    [
        ("relay", 8 << 10),
        ("trace", 16 << 10),
        ("share", 12 << 10),
        ("heir", 8 << 10),
        ("init", 72 << 10),
        ("threads", 96 << 10),
        ("runtime", 96 << 10),
        ("heap", 64 << 10),
    ]
} else {
    [
        ("relay", 10 << 10),
        ("trace", 16 << 10),
        ("share", 16 << 10),
        ("heir", 10 << 10),
        ("init", 160 << 10),
        ("threads", 256 << 10),
        ("runtime", 256 << 10),
        ("heap", 256 << 10),
    ]
};

const PACKAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/static");

/// Cargo in the folder of the example, with nothing that is meant for this build.
fn cargo(args: &[&str], last: &[&str]) -> Output {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(args)
        // The same versions as here, which are therefore there.
        .args(["--locked", "--offline"])
        .args(last)
        .current_dir(PACKAGE)
        .env("CARGO_TARGET_DIR", folder())
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo starts");
    assert!(
        output.status.success(),
        "cargo {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A published package does not carry other packages.
fn is_there() -> bool {
    let is_there = Path::new(PACKAGE).join("Cargo.toml").exists();
    if !is_there {
        skipped!("there is no examples/static here");
    }
    is_there
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("static")
}

/// A program as it is shipped, and the same before its symbols are stripped.
struct Built {
    shipped: PathBuf,
    with_symbols: PathBuf,
}

/// In the order of [`PROGRAMS`].
fn built() -> &'static [Built; PROGRAMS.len()] {
    static BUILT: OnceLock<[Built; PROGRAMS.len()]> = OnceLock::new();
    BUILT.get_or_init(|| {
        let keep = |name: &str, what: &str| {
            let kept = folder().join(format!("{name}-{what}"));
            // Not over one that may be running.
            let _ = fs::remove_file(&kept);
            fs::copy(folder().join("release").join(name), &kept).expect("the program");
            kept
        };
        cargo(&["build", "--release"], &[]);
        let shipped = PROGRAMS.map(|(name, _)| keep(name, "shipped"));
        let with_symbols = PROGRAMS.map(|(name, _)| {
            // The last word on stripping wins.
            let bin = format!("--bin={name}");
            cargo(&["rustc", "--release", &bin], &["--", "-C", "strip=none"]);
            keep(name, "with-symbols")
        });
        let mut with_symbols = with_symbols.into_iter();
        shipped.map(|shipped| Built {
            shipped,
            with_symbols: with_symbols.next().expect("as many"),
        })
    })
}

/// The program of this name, as it is shipped.
fn shipped(name: &str) -> &'static Path {
    let mut all = PROGRAMS.iter().zip(built());
    let found = all.find(|(program, _)| program.0 == name);
    &found.expect("one of the programs").1.shipped
}

/// How much a file of the sources has.
#[derive(Default)]
struct Counted {
    /// But for empty ones and comments.
    lines: usize,
    /// Lines with an `unsafe` block, function or `impl`.
    unsafes: usize,
}

fn count(path: &Path) -> Counted {
    let text = fs::read_to_string(path).expect("the source");
    let mut counted = Counted::default();
    for line in text.lines().map(str::trim) {
        if !line.is_empty() && !line.starts_with("//") {
            counted.lines += 1;
            counted.unsafes += usize::from(line.contains("unsafe "));
        }
    }
    counted
}

fn path_of_relay() -> &'static Path {
    shipped("relay")
}

fn relay(args: &[&Path]) -> Output {
    Command::new(path_of_relay())
        .args(args)
        .output()
        .expect("the program starts")
}

fn trace(args: &[&str]) -> Output {
    Command::new(shipped("trace"))
        .args(args)
        .output()
        .expect("the program starts")
}

/// What an ELF file of 64 bits in little-endian order says of itself.
#[derive(Debug)]
struct Elf {
    segments: Vec<u32>,
    sections: Vec<u32>,
    defined: Vec<String>,
    undefined: Vec<String>,
}

const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const SHT_SYMTAB: u32 = 2;
const SHT_DYNAMIC: u32 = 6;
const SHT_DYNSYM: u32 = 11;

impl Elf {
    fn read(path: &Path) -> Self {
        let file = fs::read(path).expect("the file");
        assert_eq!(file[..6], *b"\x7fELF\x02\x01", "64 bits, little-endian");
        let number = |at: usize, len: usize| -> usize {
            let mut bytes = [0; 8];
            bytes[..len].copy_from_slice(&file[at..at + len]);
            usize::from_le_bytes(bytes)
        };
        // (offset, size of one, how many) of a table.
        let entries = |at: usize, size: usize, count: usize| (0..count).map(move |n| at + n * size);
        let segments = entries(number(0x20, 8), number(0x36, 2), number(0x38, 2))
            .map(|at| number(at, 4) as u32)
            .collect();
        // (type, offset, size, link)
        let sections: Vec<_> = entries(number(0x28, 8), number(0x3a, 2), number(0x3c, 2))
            .map(|at| {
                (
                    number(at + 4, 4) as u32,
                    number(at + 0x18, 8),
                    number(at + 0x20, 8),
                    number(at + 0x28, 4),
                )
            })
            .collect();
        let (mut defined, mut undefined) = (Vec::new(), Vec::new());
        for &(kind, offset, size, link) in &sections {
            if kind != SHT_SYMTAB && kind != SHT_DYNSYM {
                continue;
            }
            // The first symbol of a table is none.
            for at in entries(offset, 24, size / 24).skip(1) {
                let name = &file[sections[link].1 + number(at, 4)..];
                let len = name.iter().position(|&byte| byte == 0).expect("an end");
                let name = String::from_utf8_lossy(&name[..len]).into_owned();
                let is_undefined = number(at + 6, 2) == 0;
                if is_undefined {
                    &mut undefined
                } else {
                    &mut defined
                }
                .push(name);
            }
        }
        Self {
            segments,
            sections: sections.iter().map(|section| section.0).collect(),
            defined,
            undefined,
        }
    }

    fn is_dynamic(&self) -> bool {
        self.segments
            .iter()
            .any(|kind| [PT_DYNAMIC, PT_INTERP].contains(kind))
            || self
                .sections
                .iter()
                .any(|kind| [SHT_DYNAMIC, SHT_DYNSYM].contains(kind))
    }
}

#[test]
fn programs_have_no_loader_and_no_library() {
    if !is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    for program in built() {
        let shipped = Elf::read(&program.shipped);
        assert!(!shipped.is_dynamic(), "{shipped:?}");
        assert_eq!(shipped.undefined, [""; 0]);

        let with_symbols = Elf::read(&program.with_symbols);
        assert!(!with_symbols.is_dynamic(), "{with_symbols:?}");
        assert_eq!(with_symbols.undefined, [""; 0]);
        // The table is there, and is its own.
        let defined = &with_symbols.defined;
        assert!(defined.iter().any(|name| name == "_start"));
        assert!(defined.iter().any(|name| name.contains("rawipc")));
    }
}

#[test]
fn traces_of_library_are_noticed() {
    let _check = LeakCheck::begin();
    let this = Elf::read(&std::env::current_exe().expect("this test"));
    assert!(this.is_dynamic());
    assert!(
        this.undefined.iter().any(|name| name.starts_with("fork")),
        "{:?}",
        this.undefined
    );
}

#[test]
fn programs_are_small() {
    if !is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    for (program, (name, limit)) in built().iter().zip(PROGRAMS) {
        let size = fs::metadata(&program.shipped).expect("the program").len() as usize;
        println!("{name}: {size} bytes, of at most {limit}");
        assert!(size <= limit, "{name}: {size} bytes");
    }
}

/// How much all files of a program have that it does not share.
fn count_program(name: &str) -> Counted {
    let src = Path::new(PACKAGE).join("src");
    let file = src.join(format!("{name}.rs"));
    if file.exists() {
        return count(&file);
    }
    let mut all = Counted::default();
    for file in fs::read_dir(src.join(name)).expect("the program's folder") {
        let counted = count(&file.expect("a file").path());
        all.lines += counted.lines;
        all.unsafes += counted.unsafes;
    }
    all
}

/// A program may be a quarter larger or smaller, as compilers differ; what was written is counted.
#[test]
fn table_of_the_guide_says_what_is_built() {
    if !is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/programs.md");
    let guide = fs::read_to_string(guide).expect("the guide");
    for (name, limit) in PROGRAMS {
        let row = guide
            .lines()
            .find(|row| row.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("{name} is not in the table"));
        let cells: Vec<_> = row
            .split('|')
            .map(|cell| cell.trim().replace(',', ""))
            .collect();
        let number = |cell: usize| cells[cell].parse::<usize>().expect("a number");
        let counted = count_program(name);
        let written = (number(5), number(6));
        assert_eq!(written, (counted.lines, counted.unsafes), "{name}");
        if cfg!(target_arch = "x86_64") {
            let built = fs::metadata(shipped(name)).expect("the program").len() as usize;
            let said = number(3);
            assert!(said <= limit, "{name}: {said} bytes");
            assert!(
                said.abs_diff(built) <= said / 4,
                "{name}: {built}, not {said}"
            );
        }
    }
}

#[test]
fn programs_link_no_libc() {
    if !is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let tree = cargo(&["tree", "--edges=normal", "--prefix=none"], &[]).stdout;
    let tree = String::from_utf8(tree).expect("names");
    let crates: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(crates.contains(&"rustix"), "{crates:?}");
    assert!(
        !crates.iter().any(|name| name.contains("libc")),
        "{crates:?}"
    );
}

/// (name, version) to the rest of what a Cargo.lock says of a package.
fn locked(path: &Path) -> BTreeMap<(String, String), String> {
    let lock = fs::read_to_string(path).expect("a lock file");
    lock.split("[[package]]")
        .skip(1)
        .filter_map(|package| {
            let field = |name: &str| {
                let line = package.lines().find_map(|line| line.strip_prefix(name))?;
                Some(line.trim_matches([' ', '=', '"']).to_owned())
            };
            // Ours have no checksum.
            Some(((field("name")?, field("version")?), field("checksum")?))
        })
        .collect()
}

#[test]
fn programs_are_built_of_tested_versions() {
    if !is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let here = locked(Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/Cargo.lock"
    )));
    let there = locked(&Path::new(PACKAGE).join("Cargo.lock"));
    assert!(there.keys().any(|(name, _)| name == "rustix"));
    for (package, checksum) in there {
        assert_eq!(here.get(&package), Some(&checksum), "{package:?}");
    }
}

/// A file with this content, removed when dropped.
struct File(PathBuf);

impl File {
    fn new(name: &str, content: &[u8]) -> Self {
        let name = format!("rawipc-test-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, content).expect("a file");
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[track_caller]
fn assert_output(output: &Output, status: i32, stdout: &str, stderr: &str) {
    assert_eq!(String::from_utf8_lossy(&output.stdout), stdout);
    assert_eq!(String::from_utf8_lossy(&output.stderr), stderr);
    assert_eq!(output.status.code(), Some(status), "{:?}", output.status);
}

#[test]
fn file_arrives_each_way() {
    if !is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    // Around the ends of pieces, and enough for every ring and pipe to wrap.
    for len in [0, 1, 2047, 2048, 2049, 4096, 1_000_003] {
        let file = File::new(&format!("relay-{len}"), &pattern(len, 7));
        let expected =
            format!("pipe {len} bytes ok\nring {len} bytes ok\nsemaphore {len} bytes ok\n");
        assert_output(&relay(&[&file.0]), 0, &expected, "");
    }
    assert_eq!(relay(&[path_of_relay()]).status.code(), Some(0));
}

fn share(args: &[&Path]) -> Output {
    Command::new(shipped("share"))
        .args(args)
        .output()
        .expect("the program starts")
}

#[test]
fn file_arrives_shared_by_two_and_two() {
    if !is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    // Around the ends of pieces, and enough for the ring to wrap.
    for len in [0, 1, 2047, 2048, 2049, 4096, 1_000_003] {
        let file = File::new(&format!("share-{len}"), &pattern(len, 7));
        assert_output(&share(&[&file.0]), 0, &format!("{len} bytes ok\n"), "");
    }
    let usage = "share: usage: share FILE\n";
    assert_output(&share(&[]), 2, "", usage);
    let complaint = "share: /nonexistent/file: cannot be read\n";
    assert_output(&share(&[Path::new("/nonexistent/file")]), 2, "", complaint);
}

fn heir(args: &[&str]) -> Output {
    Command::new(shipped("heir"))
        .args(args)
        .output()
        .expect("the program starts")
}

#[test]
fn lock_is_inherited_from_each_who_is_killed_with_it() {
    if !is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    for count in [0, 1, 2, 100] {
        let expected = format!("{count} locks inherited ok\n");
        assert_output(&heir(&[&count.to_string()]), 0, &expected, "");
    }
    for wrong in [
        &[][..],
        &[""],
        &["x"],
        &["-1"],
        &["1000000000"],
        &["1", "2"],
    ] {
        assert_output(&heir(wrong), 2, "", "heir: usage: heir COUNT\n");
    }
}

#[test]
fn wrong_shared_copy_is_noticed() {
    if !is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    // Another one each time it is read.
    let changing = Path::new("/proc/sys/kernel/random/uuid");
    if !changing.exists() {
        skipped!("there is no {}", changing.display());
        return;
    }
    assert_output(&share(&[changing]), 1, "37 bytes FAILED\n", "");
}

#[test]
fn wrong_copy_is_noticed() {
    if !is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    // Another one each time it is read.
    let changing = Path::new("/proc/sys/kernel/random/uuid");
    if !changing.exists() {
        skipped!("there is no {}", changing.display());
        return;
    }
    assert_output(
        &relay(&[changing]),
        1,
        "pipe 37 bytes FAILED\nring 37 bytes FAILED\nsemaphore 37 bytes FAILED\n",
        "",
    );
}

#[test]
fn unreadable_file_is_named() {
    if !is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    for path in ["/nonexistent/file", "/", ""] {
        let complaint = format!("relay: {path}: cannot be read\n");
        assert_output(&relay(&[Path::new(path)]), 2, "", &complaint);
    }
    let usage = "relay: usage: relay FILE\n";
    assert_output(&relay(&[]), 2, "", usage);
    let two = [Path::new("/dev/null"), Path::new("/dev/null")];
    assert_output(&relay(&two), 2, "", usage);
}

/// The lines that the tracer writes of a call.
fn call(number: libc::c_long, made: u32, failed: u32) -> String {
    format!("call {number}: {made}, failed {failed}\n")
}

#[test]
fn calls_of_traced_program_are_counted() {
    if !is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let relay = path_of_relay().to_str().expect("UTF-8");
    let exit = call(libc::SYS_exit_group, 1, 0);
    let said = "relay: usage: relay FILE\n";
    let calls = call(libc::SYS_writev, 1, 0);
    let expected = format!("{said}{calls}{exit}exited with 2\n");
    assert_output(&trace(&[relay]), 2, "", &expected);

    // What fails, too; and the arguments arrive. Which call opens a file differs.
    let output = trace(&[relay, "/nonexistent/file"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let said = "relay: /nonexistent/file: cannot be read\n";
    assert!(stderr.starts_with(said), "{stderr}");
    assert_eq!(stderr.matches("call ").count(), 3, "{stderr}");
    assert_eq!(stderr.matches(": 1, failed 1\n").count(), 1, "{stderr}");
    assert!(
        stderr.contains(&calls) && stderr.contains(&exit),
        "{stderr}"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn signals_of_traced_program_are_reported_and_delivered() {
    if !is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let output = trace(&["/bin/sh", "-c", "kill -USR1 $$; exit 3"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("signal 10\n"), "{stderr}");
    assert!(stderr.ends_with("killed by signal 10\n"), "{stderr}");
    assert_eq!(output.status.code(), Some(128 + 10));

    let output = trace(&["/bin/sh", "-c", "trap 'exit 5' USR1; kill -USR1 $$; exit 3"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("signal 10\n"), "{stderr}");
    assert!(stderr.ends_with("exited with 5\n"), "{stderr}");
    assert_eq!(output.status.code(), Some(5));
}

#[test]
fn untraceable_program_is_named() {
    if !is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let complaint = "trace: /nonexistent/file: cannot be run\n";
    let output = trace(&["/nonexistent/file"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with(complaint), "{stderr}");
    assert_eq!(output.status.code(), Some(127));
    let usage = "trace: usage: trace PROGRAM [ARGUMENT]...\n";
    assert_output(&trace(&[]), 125, "", usage);
    let many = ["/bin/true"; 65];
    assert_output(&trace(&many), 125, "", "trace: too many arguments\n");
}

/// A process that is killed when dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn traced_program_dies_with_its_tracer() {
    if !is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    // What the tracer leaves becomes a child of this process.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("a subreaper");
    let tracer = Command::new(shipped("trace"))
        .args(["/bin/sleep", "1000"])
        .spawn()
        .expect("the program starts");
    let mut tracer = Killed(tracer);
    let id = tracer.0.id();
    let begin = Instant::now();
    let traced = loop {
        let children =
            fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let stat = fs::read_to_string(format!("/proc/{}/stat", children.trim()));
        // It has gone past its first stop, where the tracer has said what it wants.
        if stat.is_ok_and(|stat| stat.contains("(sleep) S")) {
            break children.trim().parse().expect("a number");
        }
        assert!(begin.elapsed() < LIMIT, "it does not fall asleep");
        std::thread::yield_now();
    };
    tracer.0.kill().expect("kill");
    tracer.0.wait().expect("wait");
    let end = rustix::process::waitpid(Pid::from_raw(traced), WaitOptions::empty());
    let (_, status) = end.expect("a child").expect("its end");
    assert_eq!(status.terminating_signal(), Some(libc::SIGKILL));
}
