//! The peer's half of a test, in a process of its own: the test executable
//! started again, told by its environment to run that half.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::LIMIT;

const ROLE: &str = "RAWIPC_TEST_PEER";
const CHANNEL: &str = "RAWIPC_TEST_CHANNEL";
const DESCRIPTORS: &str = "RAWIPC_TEST_DESCRIPTORS";

/// Held by who starts a process, which has copies of all descriptors for a moment, and
/// by who must know that one that it closed is closed.
pub(crate) fn quiet() -> MutexGuard<'static, ()> {
    static STARTING: Mutex<()> = Mutex::new(());
    STARTING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// [`Peer::start`] while nobody needs it to be [`quiet`].
pub(crate) fn start_quietly(test: &str, role: &str) -> Peer {
    let _quiet = quiet();
    Peer::start(test, role, &[])
}

/// The other process of a test. Killed and reaped when dropped.
pub(crate) struct Peer {
    child: Child,
    channel: Channel,
    reaped: bool,
}

/// What the peer's half is given.
pub(crate) struct PeerArgs {
    /// To meet the test at checkpoints.
    pub channel: Channel,
    descriptors: Vec<RawFd>,
}

/// A line-wise channel between the two halves of a test.
pub(crate) struct Channel(BufReader<UnixStream>);

impl Peer {
    /// Starts the executable again to run the half `role` of the test `test`
    /// (see [`test_name!`](crate::test_name)), which must begin with
    /// [`PeerArgs::role`], with `descriptors` inherited in this order.
    #[track_caller]
    pub(crate) fn start(test: &str, role: &str, descriptors: &[RawFd]) -> Self {
        // Another name is perhaps that of no test, and a run of none succeeds.
        let thread = std::thread::current();
        if let Some(name) = thread.name().filter(|name| *name != "main") {
            assert_eq!(test, name, "a half of another test");
        }
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        let inherited: Vec<RawFd> = descriptors
            .iter()
            .copied()
            .chain([theirs.as_raw_fd()])
            .collect();
        let mut command = Command::new(std::env::current_exe().expect("this executable"));
        command
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(CHANNEL, theirs.as_raw_fd().to_string())
            .env(
                DESCRIPTORS,
                descriptors
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(","),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let prepare = move || {
            for &fd in &inherited {
                // SAFETY: the caller's descriptors are open while it starts a peer.
                let fd = unsafe { rustix::fd::BorrowedFd::borrow_raw(fd) };
                rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty())?;
            }
            // No orphan survives a test that is itself killed.
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
            Ok(())
        };
        // SAFETY: between fork and exec it only makes system calls on
        // descriptors and does not allocate.
        unsafe { command.pre_exec(prepare) };
        let child = command.spawn().expect("the test executable starts again");
        Self {
            child,
            channel: Channel::new(ours),
            reaped: false,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn channel(&mut self) -> &mut Channel {
        &mut self.channel
    }

    /// Waits until the peer says `word`.
    #[track_caller]
    pub(crate) fn expect(&mut self, word: &str) {
        self.channel.expect(word);
    }

    /// Says `word` to the peer.
    #[track_caller]
    pub(crate) fn say(&mut self, word: &str) {
        self.channel.say(word);
    }

    /// Sends SIGKILL; returns when the peer has been reaped.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("kill");
        self.wait();
    }

    /// Sends SIGKILL and does not wait.
    pub(crate) fn kill_only(&mut self) {
        self.child.kill().expect("kill");
    }

    /// Waits for the peer's end.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                self.reaped = true;
                return status;
            }
            assert!(begin.elapsed() < LIMIT, "the peer does not end");
            std::thread::yield_now();
        }
    }

    /// Waits for the peer's end and asserts that its half of the test held.
    #[track_caller]
    pub(crate) fn finish(mut self) {
        let status = self.wait();
        assert!(status.success(), "the peer's half failed: {status}");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl PeerArgs {
    /// In the process started for the half `role`: its arguments. In the test
    /// itself, and in other halves: `None`.
    pub(crate) fn role(role: &str) -> Option<Self> {
        if std::env::var(ROLE).ok()? != role {
            return None;
        }
        let channel: RawFd = std::env::var(CHANNEL)
            .expect("set")
            .parse()
            .expect("a number");
        let descriptors = std::env::var(DESCRIPTORS).expect("set");
        // SAFETY: the descriptor was made for this process and nobody else here
        // knows of it.
        let channel = unsafe { UnixStream::from_raw_fd(channel) };
        Some(Self {
            channel: Channel::new(channel),
            descriptors: descriptors
                .split(',')
                .filter(|word| !word.is_empty())
                .map(|word| word.parse().expect("a number"))
                .collect(),
        })
    }

    /// Takes the inherited descriptor `index`, counted as they were given; once.
    pub(crate) fn descriptor(&self, index: usize) -> OwnedFd {
        // SAFETY: inherited for this half of the test, and taken once.
        unsafe { OwnedFd::from_raw_fd(self.descriptors[index]) }
    }
}

impl Channel {
    pub(crate) fn new(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
        Self(BufReader::new(stream))
    }

    /// Sends one line.
    #[track_caller]
    pub(crate) fn say(&mut self, word: &str) {
        let line = format!("{word}\n");
        self.0
            .get_mut()
            .write_all(line.as_bytes())
            .expect("the other half listens");
    }

    /// Sends no more: the other half reads the end.
    pub(crate) fn end(&mut self) {
        let stream = self.0.get_mut();
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }

    /// Receives one line.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> String {
        let mut line = String::new();
        self.0
            .read_line(&mut line)
            .expect("a word within the limit");
        line.trim_end().to_owned()
    }

    /// Receives one line, which must be `word`.
    #[track_caller]
    pub(crate) fn expect(&mut self, word: &str) {
        assert_eq!(self.hear(), word);
    }

    /// Receives exactly `buffer.len()` bytes.
    #[track_caller]
    pub(crate) fn bytes(&mut self, buffer: &mut [u8]) {
        self.0.read_exact(buffer).expect("bytes within the limit");
    }
}
