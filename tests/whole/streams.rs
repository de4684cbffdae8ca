//! `io::Read`, `io::Write` and `io::Seek` of memory that is a file, and what becomes a standard stream.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::io::{Error, ErrorKind, Read, Seek, SeekFrom, Write};
use std::process::{Command, Stdio};

use rawipc::memory::memfd::{self, MemfdFlags};
use rawipc::posix::{Name, memory};
use rawipc::socket::{datagram, seqpacket, stream};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::support::{Child, End, LeakCheck};

/// Writes, goes back and forth and reads; `file` has nothing in it.
fn is_a_file(mut file: impl Read + Write + Seek) {
    file.write_all(b"one two three").unwrap();
    assert_eq!(file.stream_position().unwrap(), 13);
    assert_eq!(file.seek(SeekFrom::Start(4)).unwrap(), 4);
    let mut word = [0; 3];
    file.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"two");
    assert_eq!(file.seek(SeekFrom::End(-5)).unwrap(), 8);
    let mut rest = String::new();
    file.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "three");
    assert_eq!(file.seek(SeekFrom::Current(-9)).unwrap(), 4);
    file.write_all(b"2").unwrap();
    file.rewind().unwrap();
    file.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "threeone 2wo three");
    let before = file.seek(SeekFrom::Current(-100)).unwrap_err();
    assert_eq!(before.kind(), ErrorKind::InvalidInput);
}

#[test]
fn memory_is_read_written_and_sought_as_a_file() {
    let _check = LeakCheck::begin();
    is_a_file(memfd::create("streams", MemfdFlags::empty()).unwrap());
    is_a_file(&memfd::create("streams", MemfdFlags::empty()).unwrap());
    let name = format!("/rawipc-test-{}-streams", std::process::id());
    let name = Name::new(name).unwrap();
    let object = memory::CreateOptions::new().create(&name).unwrap();
    memory::unlink(&name).unwrap();
    is_a_file(&object);
}

#[test]
fn memory_written_beyond_file_limit_is_refused_without_signal() {
    let _check = LeakCheck::begin();
    let mut memory = memfd::create("streams", MemfdFlags::empty()).unwrap();
    let mut child = Child::fork(|| {
        let limit = Some(16);
        let limit = Rlimit {
            current: limit,
            maximum: limit,
        };
        if setrlimit(Resource::Fsize, limit).is_err() {
            return 2;
        }
        let written = memory.write(&[1; 20]);
        if !matches!(written, Ok(16)) {
            return 3;
        }
        let refused = memory.write(&[1; 20]);
        i32::from(refused.err().map(|error: Error| error.kind()) != Some(ErrorKind::FileTooLarge))
    });
    assert_eq!(child.wait(), End::Exited(0));
}

#[test]
fn sockets_and_memory_become_standard_streams() {
    let _check = LeakCheck::begin();
    let echo = |to: Stdio| {
        let status = Command::new("/bin/echo").arg("hello").stdout(to).status();
        assert!(status.unwrap().success());
    };
    let mut buffer = [0; 16];
    let (ours, theirs) = stream::pair().unwrap();
    echo(theirs.into());
    assert_eq!(ours.recv(&mut buffer), Ok(6));
    let (ours, theirs) = seqpacket::pair().unwrap();
    echo(theirs.into());
    assert_eq!(ours.recv(&mut buffer), Ok(Some(6)));
    let (ours, theirs) = datagram::pair().unwrap();
    echo(theirs.into());
    assert_eq!(ours.recv(&mut buffer), Ok(6));
    let name = format!("/rawipc-test-{}-standard", std::process::id());
    let name = Name::new(name).unwrap();
    let object = memory::CreateOptions::new().create(&name).unwrap();
    let same = memory::open(
        &name,
        memory::Access::ReadOnly,
        memory::MemoryFlags::empty(),
    );
    memory::unlink(&name).unwrap();
    echo(object.into());
    assert_eq!(same.unwrap().read_at(0, &mut buffer), Ok(6));
}
