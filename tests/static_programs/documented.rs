//! The program in the documentation of `rawipc::start`, built from what stands there; and
//! another in its place, that says what the kernel gave it, or panics.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::support::{LIMIT, LeakCheck, page};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Says what the kernel gave it, or panics.
const PROBE: &str = r##"#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use rawipc::start::Start;

rawipc::entry!(main);
rawipc::panic_handler!();
rawipc::memory_functions!();

/// A kind of value that no kernel gives.
const UNKNOWN: u32 = 4093;

fn main(start: Start) -> i32 {
    let mut args = start.args().iter().skip(1);
    match args.next().map(|what| what.to_bytes()) {
        Some(b"env") => {
            let env = start.env();
            for name in args.filter_map(|name| name.to_str().ok()) {
                match env.get(name).map(|value| value.to_str()) {
                    Some(Ok(value)) => rawipc::println!("{name}: {value}"),
                    Some(Err(_)) => rawipc::println!("{name} unreadable"),
                    None => rawipc::println!("{name} unset"),
                }
            }
            let count = env.iter().count();
            rawipc::println!("{count} variables");
            count as i32
        }
        Some(b"auxv") => {
            let auxv = start.auxv();
            let executable = auxv.executable().and_then(|path| path.to_str().ok());
            rawipc::println!(
                "page {}, secure {}, executable {}, unknown {:?}, random {:x}",
                auxv.page_size(),
                auxv.is_secure(),
                executable.unwrap_or("none"),
                auxv.get(UNKNOWN),
                auxv.random().map_or(0, |bytes| u128::from_ne_bytes(*bytes)),
            );
            0
        }
        Some(b"lines") => {
            for arg in args.filter_map(|arg| arg.to_str().ok()) {
                rawipc::println!("{arg}, {} {} {}", arg.len(), 'x', arg);
            }
            0
        }
        Some(b"memory") => {
            let mut bytes = [0_u8; 1000];
            for len in [1, 7, 8, 9, 64, 500, 900] {
                let (low, high) = bytes.split_at_mut(len);
                low.fill(len as u8);
                high.fill(0xff);
                assert!(low.iter().all(|&byte| byte == len as u8));
                assert!(high.iter().all(|&byte| byte == 0xff));
                bytes.copy_within(..len, 1);
                assert!(bytes[..len] == bytes[1..len + 1]);
                assert!(bytes[..len + 1] != bytes[1..len + 2]);
                let copy = bytes;
                assert!(copy == bytes && copy >= bytes);
            }
            0
        }
        Some(b"panic") => panic!("on purpose: {}", 7),
        _ => 2,
    }
}
"##;

/// The code of the documentation that begins so, without what marks it as such.
fn documented(first: &str) -> String {
    let text = fs::read_to_string(Path::new(HERE).join("src/start/mod.rs")).expect("the source");
    let lines: Vec<&str> = text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    let code = lines.split(|line| line.starts_with("```"));
    let code = code
        .skip(1)
        .step_by(2)
        .find(|code| code.first().is_some_and(|line| line.starts_with(first)));
    code.expect("the code").join("\n")
}

/// A package of what is documented, with this program, as a newcomer makes it: built.
fn build(name: &str, program: &str, profile: &str) -> PathBuf {
    match try_build(name, program, profile) {
        Ok(built) => built,
        Err(said) => panic!("{name}, {profile}: {said}"),
    }
}

/// The same; or what the compiler says.
fn try_build(name: &str, program: &str, profile: &str) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documented");
    let package = folder.join(format!("{name}-{profile}"));
    fs::create_dir_all(package.join("src")).expect("a folder");
    let dependencies = documented("[dependencies]");
    let ours = dependencies.replace("version = \"0.1\"", &format!("path = {HERE:?}"));
    assert_ne!(ours, dependencies);
    let manifest = format!(
        "[package]\nname = \"{name}\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [[bin]]\nname = \"{name}\"\npath = \"src/main.rs\"\n\n{ours}"
    );
    let arguments = documented("// build.rs");
    let write = |file: &str, text: &str| fs::write(package.join(file), text).expect("a file");
    write("Cargo.toml", &manifest);
    write("build.rs", &format!("fn main() {{\n{arguments}\n}}\n"));
    write("src/main.rs", program);
    // The versions that are there.
    let lock = Path::new(super::PACKAGE).join("Cargo.lock");
    let lock = fs::read_to_string(lock).expect("a lock file");
    write("Cargo.lock", &lock.replace("rawipc-static", name));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--offline", "--profile", profile])
        .current_dir(&package)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo starts");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let built = folder.join("target").join(match profile {
        "dev" => "debug",
        other => other,
    });
    Ok(built.join(name))
}

fn run(command: &mut Command) -> (Output, String) {
    let output = command.output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, said)
}

#[test]
fn documented_program_builds_in_both_profiles_and_counts_arguments() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let program = documented("#![no_std]");
    for profile in ["dev", "release"] {
        let built = build("documented", &program, profile);
        let (output, said) = run(Command::new(&built).args(["one", "two"]));
        assert_eq!(said, "3 arguments\n");
        assert_eq!(output.status.code(), Some(0));
        let (_, said) = run(&mut Command::new(&built));
        assert_eq!(said, "1 arguments\n");
        let elf = super::Elf::read(&built);
        assert!(!elf.is_dynamic(), "{elf:?}");
        assert_eq!(elf.undefined, [""; 0]);
    }
}

/// What `entry!` defines is called by `_start` alone: a program that calls it by itself has to
/// write `unsafe`.
#[test]
fn beginning_called_by_safe_code_is_refused() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let program = |call: &str| {
        let safe = documented("#![no_std]").replace("#![forbid(unsafe_code)]", "");
        let begin = "fn main(start: Start) -> i32 {\n";
        assert!(safe.contains(begin));
        let guarded = format!("{begin}    if start.args().iter().count() == 1000 {{ {call} }}\n");
        safe.replace(begin, &guarded)
    };
    let call = "__rawipc_begin(core::ptr::NonNull::dangling())";
    let said = try_build("begins", &program(call), "dev").expect_err("it is safe");
    assert!(said.contains("E0133"), "{said}");
    // That is all that is wrong with it.
    build("begins", &program(&format!("unsafe {{ {call} }}")), "dev");
}

#[test]
fn environment_and_auxiliary_vector_are_those_of_exec() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let built = build("probe", PROBE, "release");
    let (output, said) = run(Command::new(&built)
        .args(["env", "NAME", "NAM", "NAMES", "EMPTY", "LAST", "EMPTY="])
        .env_clear()
        .envs([("NAME", "a=b"), ("NAMES", "c"), ("EMPTY", "")]));
    assert_eq!(
        said,
        "NAME: a=b\nNAM unset\nNAMES: c\nEMPTY: \nLAST unset\nEMPTY= unset\n3 variables\n"
    );
    assert_eq!(output.status.code(), Some(3));
    // None at all, which leaves two null pointers with nothing in between.
    let (_, said) = run(Command::new(&built).args(["env", "NAME"]).env_clear());
    assert_eq!(said, "NAME unset\n0 variables\n");

    let (_, said) = run(Command::new(&built).arg("auxv"));
    let random = said.rsplit_once(' ').expect("words").1.trim();
    let expected = format!(
        "page {}, secure false, executable {}, unknown None, random {random}\n",
        page(),
        built.display()
    );
    assert_eq!(said, expected);
    let (_, again) = run(Command::new(&built).arg("auxv"));
    assert_ne!(said, again, "not random");
}

#[test]
fn line_up_to_512_bytes_is_one_write() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let built = build("probe", PROBE, "release");
    // Each write is a message.
    let (ours, theirs) = rawipc::socket::seqpacket::pair().expect("sockets");
    // With its newline of 511, 512 and 513 bytes; and of more than two pieces.
    let args = [1, 251, 252, 600].map(|len| "a".repeat(len));
    let mut child = Command::new(&built)
        .arg("lines")
        .args(&args)
        .stdout(std::os::fd::OwnedFd::from(theirs))
        .spawn()
        .expect("the program starts");
    for arg in &args {
        let line = format!("{arg}, {} x {arg}\n", arg.len());
        for piece in line.as_bytes().chunks(512) {
            let mut message = [0; 1024];
            let deadline = rawipc::Deadline::after(LIMIT);
            let len = ours.recv_until(&mut message, deadline).expect("a message");
            let len = len.expect("no end");
            assert_eq!(message[..len], *piece, "{}", arg.len());
        }
    }
    assert!(child.wait().expect("its end").success());
}

/// Without optimisation, too, where a function that makes an array may call itself.
#[test]
fn memory_functions_of_both_profiles_do_what_slices_ask() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    for profile in ["dev", "release"] {
        let built = build("probe", PROBE, profile);
        let (output, _) = run(Command::new(&built).arg("memory"));
        super::assert_output(&output, 0, "", "");
    }
}

#[test]
fn panic_prints_its_message_and_aborts() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    for profile in ["dev", "release"] {
        let built = build("probe", PROBE, profile);
        let (output, said) = run(Command::new(&built).arg("panic"));
        assert_eq!(said, "");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("src/main.rs:"), "{error}");
        assert!(error.ends_with("\non purpose: 7\n"), "{error}");
        assert_eq!(output.status.signal(), Some(libc::SIGABRT));
    }
}
