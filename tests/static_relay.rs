//! The program without std and without libc, `examples/static`: what it is made of,
//! what it does, and how large it is.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use support::{LeakCheck, pattern};

/// How many bytes the whole file may have. Where all instructions are of one width
/// it has more.
const SIZE_LIMIT: usize = if cfg!(target_arch = "x86_64") {
    8 << 10
} else {
    10 << 10
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

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("static")
}

/// The program as it is shipped, and the same before its symbols are stripped.
struct Built {
    shipped: PathBuf,
    with_symbols: PathBuf,
}

fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        let relay = folder().join("release/relay");
        let keep = |name| {
            let kept = folder().join(name);
            // Not over one that may be running.
            let _ = fs::remove_file(&kept);
            fs::copy(&relay, &kept).expect("the program");
            kept
        };
        cargo(&["build", "--release"], &[]);
        let shipped = keep("shipped");
        // The last word on stripping wins.
        cargo(
            &["rustc", "--release", "--bin=relay"],
            &["--", "-C", "strip=none"],
        );
        let with_symbols = keep("with-symbols");
        Built {
            shipped,
            with_symbols,
        }
    })
}

fn relay(args: &[&Path]) -> Output {
    Command::new(&built().shipped)
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
fn it_is_whole_without_a_loader_or_a_library() {
    let _check = LeakCheck::begin();
    let shipped = Elf::read(&built().shipped);
    assert!(!shipped.is_dynamic(), "{shipped:?}");
    assert_eq!(shipped.undefined, [""; 0]);

    let with_symbols = Elf::read(&built().with_symbols);
    assert!(!with_symbols.is_dynamic(), "{with_symbols:?}");
    assert_eq!(with_symbols.undefined, [""; 0]);
    // The table is there, and is its own.
    assert!(with_symbols.defined.iter().any(|name| name == "_start"));
    assert!(
        with_symbols
            .defined
            .iter()
            .any(|name| name.contains("rawipc"))
    );
}

#[test]
fn what_a_library_would_leave_is_noticed() {
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
fn it_is_small() {
    let _check = LeakCheck::begin();
    let size = fs::metadata(&built().shipped).expect("the program").len() as usize;
    println!("relay: {size} bytes, of at most {SIZE_LIMIT}");
    assert!(size <= SIZE_LIMIT, "{size} bytes");
}

#[test]
fn it_links_no_libc() {
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
fn it_is_built_of_the_versions_that_are_tested() {
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
fn a_file_arrives_each_way() {
    let _check = LeakCheck::begin();
    // Around the ends of pieces, and enough for every ring and pipe to wrap.
    for len in [0, 1, 2047, 2048, 2049, 4096, 1_000_003] {
        let file = File::new(&format!("relay-{len}"), &pattern(len, 7));
        let expected =
            format!("pipe {len} bytes ok\nring {len} bytes ok\nsemaphore {len} bytes ok\n");
        assert_output(&relay(&[&file.0]), 0, &expected, "");
    }
    let itself = &built().shipped;
    assert_eq!(relay(&[itself]).status.code(), Some(0));
}

#[test]
fn what_arrives_is_compared() {
    let _check = LeakCheck::begin();
    // Another one each time it is read.
    let changing = Path::new("/proc/sys/kernel/random/uuid");
    if !changing.exists() {
        println!("skipped: there is no {}", changing.display());
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
fn a_file_that_cannot_be_read_is_named() {
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
