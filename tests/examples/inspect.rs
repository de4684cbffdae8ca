//! The example `inspect`, run as its user runs it.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;
use crate::text;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use rawipc::AsFd;
use rawipc::ring::spsc;
use rawipc::sysv::memory::{self, SegmentFlags};
use rawipc::sysv::{Create, Key};
use support::program::started;
use support::{Child, End, LeakCheck};

/// Where `cargo test` puts the example.
fn executable() -> PathBuf {
    let test = std::env::current_exe().expect("this executable");
    let built = test.parent().and_then(Path::parent);
    let example = built.expect("target folder").join("examples/inspect");
    assert!(
        example.exists(),
        "run `cargo test` as a whole, or first `cargo build --example inspect`"
    );
    example
}

/// Runs it, with these answers on its standard input.
fn inspect(arguments: &[&str], answers: &str) -> Output {
    let mut command = started(&executable());
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut input = child.stdin.take().expect("a pipe");
    // It need not read them.
    let _ = input.write_all(answers.as_bytes());
    drop(input);
    child.wait_with_output().expect("its end")
}

/// The lines about what begins with `first`, which is not indented.
fn block<'t>(text: &'t str, first: &str) -> Vec<&'t str> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(first));
    let head = lines.next().into_iter();
    head.chain(lines.take_while(|line| line.starts_with(' ')))
        .collect()
}

#[test]
fn ring_of_another_process_is_listed_with_its_members() {
    let _check = LeakCheck::begin();
    let ring: spsc::Ring = spsc::Ring::create(4096).unwrap();
    let _producer = ring.producer().unwrap();
    let mut child = Child::fork(|| {
        core::mem::forget(ring.consumer());
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
    let number = ring.as_fd().as_raw_fd();
    let own = std::process::id();
    let inode = std::os::unix::fs::MetadataExt::ino(
        &fs::metadata(format!("/proc/thread-self/fd/{number}")).unwrap(),
    );
    let everything = inspect(&[], "");
    assert_eq!(everything.status.code(), Some(0));
    let of_this = inspect(&[&own.to_string()], "");
    assert_eq!(of_this.status.code(), Some(0));
    for output in [everything, of_this] {
        let all = text(&output.stdout);
        let first = all
            .lines()
            .find(|line| line.ends_with(&format!("(inode {inode})")));
        let first = first.unwrap_or_else(|| panic!("no inode {inode}:\n{all}"));
        assert!(first.starts_with("/memfd:rawipc-ring"), "{first}");
        let lines = block(all, first);
        for part in [
            "spsc records, version 1",
            "producer: member 1, alive",
            "living members: 1",
            &format!("process {own} ("),
            "a member, descriptor ",
        ] {
            let found = lines.iter().any(|line| line.contains(part));
            assert!(found, "no {part:?}:\n{}", lines.join("\n"));
        }
    }
}

/// A file of `/dev/shm`. Removed when dropped.
struct Named(String);

impl Named {
    fn new(kind: &str) -> Self {
        let named = Self(format!("rawipc-inspect-{kind}-{}", std::process::id()));
        let mut options = File::options();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options
            .write(true)
            .create_new(true)
            .open(named.path())
            .unwrap();
        file.write_all(b"what the dead have left").unwrap();
        named
    }

    fn path(&self) -> PathBuf {
        Path::new("/dev/shm").join(&self.0)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path());
    }
}

#[test]
fn stale_name_is_removed_if_somebody_says_so() {
    let _check = LeakCheck::begin();
    let named = Named::new("stale");
    let remove = |answers| inspect(&[&named.0, "--remove"], answers);
    let nobody = remove("");
    assert_eq!(nobody.status.code(), Some(1));
    let said = text(&nobody.stdout);
    assert!(
        said.contains(&format!("POSIX memory /{}: 23 bytes", named.0)),
        "{said}"
    );
    assert!(said.contains("nobody has it, stale"), "{said}");
    assert!(
        said.contains("nobody answers: nothing is removed"),
        "{said}"
    );
    assert_eq!(remove("n\n").status.code(), Some(0));
    assert_eq!(remove("\n").status.code(), Some(0));
    assert!(named.path().exists());
    assert_eq!(remove("y\n").status.code(), Some(0));
    assert!(!named.path().exists());
    assert_eq!(
        remove("y\n").status.code(),
        Some(1),
        "there is none any more"
    );
}

#[test]
fn name_that_a_process_has_is_not_stale() {
    let _check = LeakCheck::begin();
    let named = Named::new("used");
    let _file = File::open(named.path()).unwrap();
    let output = inspect(&[&format!("/{}", named.0), "--remove"], "y\n");
    let said = text(&output.stdout);
    assert!(
        said.contains(&format!("used by {} (", std::process::id())),
        "{said}"
    );
    assert!(
        !said.contains("stale") && !said.contains("remove"),
        "{said}"
    );
    assert!(named.path().exists());
}

/// A region under a name is told of by its locks.
#[test]
fn named_region_is_told_of_by_its_name() {
    let _check = LeakCheck::begin();
    let named = Named::new("region");
    let ring: spsc::Ring = spsc::Ring::create(4096).unwrap();
    let number = ring.as_fd().as_raw_fd();
    fs::write(
        named.path(),
        fs::read(format!("/proc/thread-self/fd/{number}")).unwrap(),
    )
    .unwrap();
    let output = inspect(&[&named.0], "");
    let said = text(&output.stdout);
    for part in ["    spsc records, version 1", "    consumer: nobody"] {
        assert!(said.contains(part), "no {part:?}:\n{said}");
    }
    assert!(!said.contains("sealed"), "{said}");
}

/// Only that of this test, whatever else is stale.
#[test]
fn segment_of_the_dead_is_removed_if_somebody_says_so() {
    let _check = LeakCheck::begin();
    let mut channel = std::io::pipe().unwrap();
    let mut child = Child::fork(|| {
        let segment = memory::create(Key::PRIVATE, 100, SegmentFlags::empty(), Create::NEW);
        let Ok(segment) = segment else { return 1 };
        match channel.1.write_all(&segment.id().to_ne_bytes()) {
            Ok(()) => 0,
            Err(_) => 2,
        }
    });
    assert_eq!(child.wait(), End::Exited(0));
    let mut id = [0; 4];
    channel.0.read_exact(&mut id).unwrap();
    let segment = memory::Segment::from_id(i32::from_ne_bytes(id));
    let question = format!("remove System V memory {}? [y/N] ", segment.id());

    let mut command = started(&executable());
    command.arg("--remove").stdin(Stdio::piped());
    let mut program = command.spawn().unwrap();
    let mut input = program.stdin.take().unwrap();
    let mut output = program.stdout.take().unwrap();
    let (mut said, mut asked) = (Vec::new(), 0);
    let mut byte = [0];
    while output.read(&mut byte).unwrap() == 1 {
        said.push(byte[0]);
        if said.ends_with(b"[y/N] ") {
            let is_ours = said.ends_with(question.as_bytes());
            asked += usize::from(is_ours);
            // It may end before it reads the last answer.
            let _ = input.write_all(if is_ours { b"y\n" } else { b"n\n" });
        }
    }
    assert!(program.wait().unwrap().success());
    let said = text(&said);
    assert_eq!(asked, 1, "{said}");
    assert!(
        said.contains("created by") && said.contains("(dead), stale"),
        "{said}"
    );
    assert!(segment.status().is_err(), "it is still there");
}

#[test]
fn arguments_that_mean_nothing_are_refused() {
    let _check = LeakCheck::begin();
    for wrong in [
        &["--what"][..],
        &["1", "2"],
        &["1", "--remove"],
        &["-1"],
        &["0"],
    ] {
        let output = inspect(wrong, "");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(output.stderr.starts_with(b"inspect: "), "{wrong:?}");
    }
    assert_eq!(inspect(&["--help"], "").status.code(), Some(0));
    assert_eq!(
        inspect(&["4194304"], "").status.code(),
        Some(1),
        "no process"
    );
    assert_eq!(inspect(&["/no/such/file"], "").status.code(), Some(1));
}
