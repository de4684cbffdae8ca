//! Rings and descriptors by name, for programs that std's `Command` starts.

use std::io::{ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::process::Command;

use rawipc::adapters::command::{Inherit, inherited, inherited_fd};
use rawipc::memory::memfd::{self, Memfd, MemfdFlags};
use rawipc::pipe::{self, PipeFlags, Writer};
use rawipc::rendezvous::Seat;
use rawipc::ring::doorbell::{self, Bells};
use rawipc::ring::spsc;
use rawipc::{AsFd, Errno};

use crate::support::LeakCheck;

type Ring = spsc::Ring;

/// This executable, for this test alone, in a role.
fn again(test: &str, role: &str) -> Command {
    // It ends by itself, and this process, in which other tests' orphans would stay, adopts nobody.
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--test-threads=1", "--nocapture"]);
    command.env("RAWIPC_TEST_ROLE_BY_NAME", role);
    command.env("RAWIPC_TEST_BEGUN", "1");
    command
}

fn role() -> Option<String> {
    std::env::var("RAWIPC_TEST_ROLE_BY_NAME").ok()
}

#[track_caller]
fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

/// Whether the number is kept on exec; `None` if it is no descriptor.
fn is_kept(number: i32) -> Option<bool> {
    // SAFETY: no memory is involved.
    match unsafe { libc::fcntl(number, libc::F_GETFD) } {
        -1 => None,
        flags => Some(flags & libc::FD_CLOEXEC == 0),
    }
}

#[test]
fn rings_and_descriptors_are_taken_by_name() {
    if role().is_some() {
        let ring: Ring = inherited("ring").unwrap();
        let seat = Seat::from(inherited_fd("seat").unwrap());
        ring.producer_by(seat).unwrap().send(b"by name").unwrap();
        let bells: doorbell::Ring = inherited("with bells").unwrap();
        bells.producer().unwrap().send(b"rung").unwrap();
        let mut duplex: doorbell::Duplex = inherited("duplex").unwrap();
        duplex.attach().unwrap().producer.send(b"both").unwrap();
        let memory = Memfd::from(inherited_fd("memory").unwrap());
        memory.write_at(0, b"written").unwrap();
        let writer = Writer::from(inherited_fd("writer").unwrap());
        writer.write_all(b"piped").unwrap();
        return;
    }
    let _check = LeakCheck::begin();
    let ring = Ring::create(4096).unwrap();
    let seat = Seat::new(&ring).unwrap();
    let bells = doorbell::Ring::create(1, Bells::Event).unwrap();
    let mut duplex = doorbell::Duplex::create(1, Bells::Event).unwrap();
    let memory = memfd::create("handed", MemfdFlags::empty()).unwrap();
    let (mut reader, writer) = pipe::create(PipeFlags::empty()).unwrap();
    let mut command = again(test_name!(), "all");
    let given = |command: &mut Command| -> std::io::Result<()> {
        command.inherit("ring", &ring)?.inherit_fd("seat", seat)?;
        command
            .inherit("with bells", &bells)?
            .inherit("duplex", &duplex)?;
        command
            .inherit_fd("memory", &memory)?
            .inherit_fd("writer", writer)?;
        Ok(())
    };
    given(&mut command).unwrap();
    succeeds(&mut command);
    drop(command);
    assert_eq!(ring.consumer().unwrap().recv(&mut [0; 16]), Ok(7));
    assert_eq!(bells.consumer().unwrap().recv(&mut [0; 16]), Ok(4));
    assert_eq!(duplex.attach().unwrap().consumer.recv(&mut [0; 16]), Ok(4));
    let mut word = [0; 7];
    memory.read_at(0, &mut word).unwrap();
    assert_eq!(&word, b"written");
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    assert_eq!(said, "piped");
}

#[test]
fn what_is_taken_by_name_is_taken_once_and_checked() {
    if role().is_some() {
        let number: i32 = std::env::var("RAWIPC_FD_ring").unwrap().parse().unwrap();
        assert_eq!(is_kept(number), Some(true));
        let kind = |name: &str| inherited::<Ring>(name).err().map(|error| error.kind());
        assert_eq!(kind("memory"), Some(ErrorKind::InvalidData), "no ring");
        assert_eq!(
            kind("duplex"),
            Some(ErrorKind::InvalidData),
            "six descriptors"
        );
        assert_eq!(kind("nonsense"), Some(ErrorKind::InvalidData));
        assert_eq!(kind("absent"), Some(ErrorKind::NotFound));
        let several = inherited_fd("duplex").unwrap_err();
        assert_eq!(several.kind(), ErrorKind::InvalidData);
        let one = inherited::<doorbell::Duplex>("ring").unwrap_err();
        assert_eq!(one.kind(), ErrorKind::InvalidData);
        inherited::<Ring>("ring").unwrap();
        let again = inherited::<Ring>("ring").unwrap_err();
        assert_eq!(again.raw_os_error(), Some(Errno::BADF.raw_os_error()));
        assert_eq!(is_kept(number), Some(false));
        // As it would be in another program, which has not got them.
        let own = memfd::create("own", MemfdFlags::empty()).unwrap();
        let number = own.as_raw_fd().to_string();
        let shell = "test ! -e /proc/self/fd/$RAWIPC_FD_ring && test ! -e /proc/self/fd/$1";
        let status = Command::new("/bin/sh")
            .args(["-c", shell, "sh", &number])
            .status();
        assert!(status.unwrap().success());
        return;
    }
    let _check = LeakCheck::begin();
    let ring = Ring::create(4096).unwrap();
    let memory = memfd::create("no ring", MemfdFlags::empty()).unwrap();
    let duplex = doorbell::Duplex::create(1, Bells::Event).unwrap();
    let mut command = again(test_name!(), "once");
    command.env("RAWIPC_FD_nonsense", "3,x");
    command.inherit("ring", &ring).unwrap();
    command.inherit("duplex", &duplex).unwrap();
    command.inherit_fd("memory", &memory).unwrap();
    succeeds(&mut command);
    // Each time that it is started.
    succeeds(&mut command);
}

/// Neither programs that others start meanwhile nor names that the environment cannot have.
#[test]
fn what_is_given_to_one_program_is_given_to_no_other() {
    let _check = LeakCheck::begin();
    let memory = memfd::create("rawipc-test-given", MemfdFlags::empty()).unwrap();
    let list = |command: &mut Command| {
        let output = command
            .args(["-c", "ls -l /proc/self/fd"])
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).contains("rawipc-test-given")
    };
    let mut given = Command::new("/bin/sh");
    given.inherit_fd("memory", memory.as_fd()).unwrap();
    assert!(
        !list(&mut Command::new("/bin/sh")),
        "another program has it"
    );
    assert!(list(&mut given));
    for name in ["", "a=b", "a\0b", "memory"] {
        let refused = given.inherit_fd(name, &memory).err();
        let kind = refused.map(|error| error.kind());
        assert_eq!(kind, Some(ErrorKind::InvalidInput), "{name:?}");
    }
}
