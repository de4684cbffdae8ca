//! What every test with two processes needs: the peer's half in a process of its
//! own, checkpoints with a limit, and the assertion that nothing is left behind.
#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary uses its part of this module"
)]

#[cfg(not(feature = "std"))]
compile_error!("the tests of the packaged crate need `--features std`");

#[macro_use]
pub(crate) mod alone;
pub(crate) mod begin;
pub(crate) mod bpf;
pub(crate) mod child;
#[macro_use]
pub(crate) mod conversions;
pub(crate) mod deadline;
#[macro_use]
pub(crate) mod documented;
pub(crate) mod filter;
pub(crate) mod folder;
pub(crate) mod hinder;
pub(crate) mod history;
#[macro_use]
pub(crate) mod interrupted;
pub(crate) mod leak;
pub(crate) mod lease;
#[macro_use]
pub(crate) mod needs;
pub(crate) mod peer;
pub(crate) mod program;
pub(crate) mod rules;
pub(crate) mod source;
pub(crate) mod storm;
pub(crate) mod system_v;
pub(crate) mod threads;
pub(crate) mod tracee;
pub(crate) mod uncontended;

pub(crate) use child::{Child, End};
pub(crate) use folder::Folder;
pub(crate) use leak::LeakCheck;
pub(crate) use peer::{Channel, Peer, PeerArgs};
pub(crate) use storm::Storm;

use core::time::Duration;

use rawipc::Deadline;

/// How long a test waits before it calls a hang a failure: generous, because the
/// machines are shared; nothing but a hang takes this long.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The deadline of what is to happen.
pub(crate) fn limit() -> Deadline {
    Deadline::after(LIMIT)
}

/// The deadline of what is not to happen.
pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_millis(20))
}

/// How long the calling thread has run.
pub(crate) fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

pub(crate) fn page() -> usize {
    rustix::param::page_size()
}

/// The full name of the test function in which it stands, as the harness knows it.
#[macro_export]
macro_rules! test_name {
    () => {{
        fn here() {}
        let name = core::any::type_name_of_val(&here);
        let name = name.strip_suffix("::here").unwrap_or(name);
        // Without the crate's name, which the harness leaves out.
        name.split_once("::").map_or(name, |(_, rest)| rest)
    }};
}

/// Bytes that differ everywhere: a generator whose output is checked, not random.
pub(crate) fn pattern(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        })
        .collect()
}

/// A generator for choices that shall differ from one run of a loop to the next.
pub(crate) struct Choices(u64);

impl Choices {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

/// Leaves others alone until they have come `steps` further, as `progress` counts; or for a while, as
/// who is stopped may be the one for whom all of them wait.
pub(crate) fn let_go_on(progress: impl Fn() -> u64, steps: u64) {
    let begin = progress();
    for _ in 0..1 << 12 {
        if progress() - begin >= steps {
            break;
        }
        std::thread::yield_now();
    }
}
