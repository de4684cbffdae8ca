//! Descriptors from who started the program.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, RawFd};

use rawipc::Errno;
use rawipc::pipe::{self, PipeFlags};
use rawipc::process::inherited;

use crate::support::{LeakCheck, Peer, PeerArgs};

/// Whether the number is that of a descriptor that is kept on exec; `None` if of none.
fn is_kept(number: RawFd) -> Option<bool> {
    // SAFETY: no memory is involved.
    match unsafe { libc::fcntl(number, libc::F_GETFD) } {
        -1 => None,
        flags => Some(flags & libc::FD_CLOEXEC == 0),
    }
}

#[test]
fn inherited_descriptor_is_taken_once_and_kept_from_further_programs() {
    if let Some(mut args) = PeerArgs::role("child") {
        let number: RawFd = args.channel.hear().parse().unwrap();
        let own = File::open("/dev/null").unwrap();
        for not_given in [own.as_raw_fd(), 1 << 20, -1] {
            assert_eq!(inherited(not_given).err(), Some(Errno::BADF));
        }
        assert_eq!(is_kept(own.as_raw_fd()), Some(false));
        for standard in 0..=2 {
            assert_eq!(inherited(standard).err(), Some(Errno::INVAL));
            assert_eq!(is_kept(standard), Some(true));
        }
        let writer = pipe::Writer::from(inherited(number).unwrap());
        assert_eq!(inherited(number).err(), Some(Errno::BADF));
        for one in [number, writer.as_raw_fd()] {
            assert_eq!(is_kept(one), Some(false));
        }
        writer.write_all(b"inherited").unwrap();
        return;
    }
    let _check = LeakCheck::begin();
    let (mut reader, writer) = pipe::create(PipeFlags::empty()).unwrap();
    let number = writer.as_raw_fd();
    let mut peer = Peer::start(test_name!(), "child", &[number]);
    drop(writer);
    peer.say(&number.to_string());
    let mut all = Vec::new();
    reader.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"inherited");
    peer.finish();
}
