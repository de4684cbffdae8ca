//! The peer of another language: a program that takes a command a line and answers each
//! by a line, see peer.c and peer.py.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::Instant;

use core::fmt::Display;

use super::support::{Channel, LIMIT};

/// In what the peer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    C,
    Python,
}

/// A running peer. Killed and reaped when dropped.
pub(crate) struct Foreign {
    child: Child,
    channel: Channel,
    reaped: bool,
}

impl Language {
    /// Whether there is what it needs; if not, why.
    pub(crate) fn available(self) -> Result<(), String> {
        static PYTHON: OnceLock<Result<(), String>> = OnceLock::new();
        match self {
            Self::C => compiled().clone().map(drop),
            Self::Python => PYTHON
                .get_or_init(|| Foreign::new(self, &[]).map(Foreign::finish))
                .clone(),
        }
    }

    /// Starts a peer that inherits `descriptors` under the numbers that they have here.
    #[track_caller]
    pub(crate) fn start(self, descriptors: &[&dyn AsRawFd]) -> Foreign {
        let descriptors: Vec<RawFd> = descriptors.iter().map(|fd| fd.as_raw_fd()).collect();
        Foreign::new(self, &descriptors).expect("it is available")
    }
}

/// Says that a tool is missing, which CI may not.
pub(crate) fn skip(why: impl Display) {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "on CI nothing is skipped: {why}"
    );
    crate::skipped!("{why}");
}

impl Foreign {
    fn new(language: Language, descriptors: &[RawFd]) -> Result<Self, String> {
        let mut command = match language {
            Language::C => Command::new(compiled().clone()?),
            Language::Python => {
                let mut command = Command::new("python3");
                // The standard library alone.
                command.args(["-E", "-s", "-S"]).arg(source("peer.py"));
                command
            }
        };
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        let theirs = OwnedFd::from(theirs);
        command
            .stdin(theirs.try_clone().expect("a descriptor"))
            .stdout(theirs);
        let inherited = descriptors.to_vec();
        let prepare = move || {
            for &fd in &inherited {
                // SAFETY: the caller's descriptors are open while it starts a peer.
                let fd = unsafe { BorrowedFd::borrow_raw(fd) };
                rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty())?;
            }
            // No orphan survives a test that is itself killed.
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
            Ok(())
        };
        // SAFETY: between fork and exec it only makes system calls on
        // descriptors and does not allocate.
        unsafe { command.pre_exec(prepare) };
        let child = command
            .spawn()
            .map_err(|error| format!("{language:?}: {error}"))?;
        // Its copies of the descriptors, without which its end would not show.
        drop(command);
        let mut peer = Self {
            child,
            channel: Channel::new(ours),
            reaped: false,
        };
        match peer.hear().as_str() {
            "ready" => Ok(peer),
            other => Err(format!("{language:?}: {other}")),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Says a command whose answer is heard later.
    #[track_caller]
    pub(crate) fn say(&mut self, command: impl Display) {
        self.channel.say(&command.to_string());
    }

    /// Hears an answer.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> String {
        let answer = self.channel.hear();
        assert!(!answer.starts_with("error"), "the peer: {answer}");
        answer
    }

    /// Hears an answer, which must be this.
    #[track_caller]
    pub(crate) fn expect(&mut self, answer: impl Display) {
        assert_eq!(self.hear(), answer.to_string());
    }

    /// Says a command and returns the answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, command: impl Display) -> String {
        self.say(command);
        self.hear()
    }

    /// Says a command and returns the answer, a number.
    #[track_caller]
    pub(crate) fn number(&mut self, command: impl Display) -> i32 {
        let answer = self.ask(command);
        answer.parse().expect(&answer)
    }

    /// Says a command and returns the answer, two numbers and perhaps a text.
    #[track_caller]
    pub(crate) fn pair(&mut self, command: impl Display) -> (i32, i32, String) {
        let answer = self.ask(command);
        let mut words = answer.splitn(3, ' ');
        let mut number = || words.next().and_then(|word| word.parse().ok());
        let (first, second) = (number().expect(&answer), number().expect(&answer));
        let rest = words.next().unwrap_or_default();
        (first, second, rest.to_owned())
    }

    /// Says a command that succeeds and has nothing to tell.
    #[track_caller]
    pub(crate) fn tell(&mut self, command: impl Display) {
        self.say(command);
        self.expect("ok");
    }

    /// Ends the peer by the end of its input, and waits for that.
    #[track_caller]
    pub(crate) fn finish(mut self) {
        self.channel.end();
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                break status;
            }
            assert!(begin.elapsed() < LIMIT, "the peer does not end");
            std::thread::yield_now();
        };
        self.reaped = true;
        assert!(status.success(), "the peer failed: {status}");
    }

    /// Sends SIGKILL; returns when the peer has been reaped.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
        self.reaped = true;
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/interop")
        .join(name)
}

/// peer.c, compiled once by each process of tests; or why not.
fn compiled() -> &'static Result<PathBuf, String> {
    static COMPILED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let program = folder.join("interop-peer");
        // Under a name of its own first: another process may run the one there is.
        let made = folder.join(format!("interop-peer-{}", std::process::id()));
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let mut words = compiler.split_whitespace();
        let output = Command::new(words.next().unwrap_or("cc"))
            .args(words)
            .args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-pthread", "-o"])
            .arg(&made)
            .arg(source("peer.c"))
            .arg("-lrt")
            .output()
            .map_err(|error| format!("{compiler}: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "peer.c does not compile: {said}");
        std::fs::rename(&made, &program).expect("the compiler made it");
        Ok(program)
    })
}
