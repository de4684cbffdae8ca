//! The assertion that a test leaves nothing behind.

use core::panic::Location;
use core::time::Duration;
use std::collections::BTreeSet;
use std::fs;
use std::sync::{Condvar, Mutex};
use std::time::Instant;

/// Everything a test could leave: descriptors of this process, its children, and
/// objects that outlive it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Inventory {
    descriptors: BTreeSet<String>,
    children: BTreeSet<String>,
    objects: BTreeSet<String>,
    system_v: BTreeSet<SystemV>,
}

/// How long an object of System V that may be another test's may stay.
const PATIENCE: Duration = Duration::from_secs(3);

/// A queue, set or segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SystemV {
    kind: &'static str,
    id: i32,
}

/// Whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Ours,
    /// A living process other than this one has used it.
    Another,
    /// Nobody has used it, or only processes that are dead, this one's peers perhaps.
    Unknown,
}

struct State {
    live: usize,
    /// The file whose tests run.
    file: &'static str,
    before: Inventory,
}

/// Told when no check is live any more.
static NONE_IS_LIVE: Condvar = Condvar::new();

static STATE: Mutex<State> = Mutex::new(State {
    live: 0,
    file: "",
    before: Inventory {
        descriptors: BTreeSet::new(),
        children: BTreeSet::new(),
        objects: BTreeSet::new(),
        system_v: BTreeSet::new(),
    },
});

/// Held by a test while it runs.
///
/// The harness runs tests of one process in parallel, so that descriptors cannot
/// be told apart while several run: what is there before the first check begins
/// is compared with what is there after the last one ends, which happens at least
/// once for each file of tests: those of one file run beside each other, and those of
/// another wait until they have ended, so that they neither see each other's children and
/// descriptors nor have copies of them in theirs.
#[must_use = "the check happens when it is dropped"]
pub(crate) struct LeakCheck(());

impl LeakCheck {
    #[track_caller]
    pub(crate) fn begin() -> Self {
        let file = Location::caller().file();
        let mut state = STATE.lock().unwrap_or_else(|e| e.into_inner());
        while state.live > 0 && state.file != file {
            state = NONE_IS_LIVE.wait(state).unwrap_or_else(|e| e.into_inner());
        }
        if state.live == 0 {
            state.file = file;
            state.before = Inventory::take();
        }
        state.live += 1;
        Self(())
    }
}

impl Drop for LeakCheck {
    fn drop(&mut self) {
        let mut state = STATE.lock().unwrap_or_else(|e| e.into_inner());
        state.live -= 1;
        if state.live > 0 {
            return;
        }
        // Before the lock is given up: who waits looks after this has looked.
        NONE_IS_LIVE.notify_all();
        if std::thread::panicking() {
            return;
        }
        let left = left_since(&state.before);
        assert!(left.is_empty(), "left behind: {left:#?}");
    }
}

/// What is there and was not `before`. A test that makes no check may be running
/// beside this one: what it holds is gone soon, and only what stays is left.
fn left_since(before: &Inventory) -> Vec<String> {
    let left = |before: &BTreeSet<String>, after: &BTreeSet<String>| -> Vec<String> {
        after.difference(before).cloned().collect()
    };
    let begin = Instant::now();
    loop {
        let after = Inventory::take();
        let left = [
            left(&before.descriptors, &after.descriptors),
            left(&before.children, &after.children),
            left(&before.objects, &after.objects),
            left_of_system_v(&before.system_v, after.system_v),
        ]
        .concat();
        if left.is_empty() || begin.elapsed() > PATIENCE {
            return left;
        }
        std::thread::yield_now();
    }
}

impl Inventory {
    fn take() -> Self {
        Self {
            descriptors: descriptors(),
            children: children(),
            objects: objects(),
            system_v: system_v(),
        }
    }
}

fn descriptors() -> BTreeSet<String> {
    let Ok(listing) = fs::read_dir("/proc/self/fd") else {
        return BTreeSet::new();
    };
    listing
        .flatten()
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            let target = target.to_string_lossy().into_owned();
            // The directory that is being listed is not a leak.
            (!target.starts_with("/proc/")).then(|| {
                format!(
                    "descriptor {} -> {target}",
                    entry.file_name().to_string_lossy()
                )
            })
        })
        .collect()
}

/// Children of this process, dead and unwaited ones among them.
fn children() -> BTreeSet<String> {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else {
        return BTreeSet::new();
    };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace()
                .map(|pid| format!("child {pid}"))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Files that outlive their processes: /dev/shm and /dev/mqueue.
///
/// Only those whose name says that a test of ours made them, as other programs
/// (and other test processes) make theirs meanwhile.
fn objects() -> BTreeSet<String> {
    let mine = format!("rawipc-test-{}", std::process::id());
    ["/dev/shm", "/dev/mqueue"]
        .into_iter()
        .flat_map(|folder| {
            fs::read_dir(folder)
                .into_iter()
                .flatten()
                .flatten()
                .map(move |entry| format!("{folder}/{}", entry.file_name().to_string_lossy()))
        })
        .filter(|name| name.contains(&mine))
        .collect()
}

/// All objects of System V there are.
fn system_v() -> BTreeSet<SystemV> {
    ["msg", "sem", "shm"]
        .into_iter()
        .flat_map(|kind| {
            rows(kind).into_iter().filter_map(move |row| {
                Some(SystemV {
                    kind,
                    id: row.get(1)?.parse().ok()?,
                })
            })
        })
        .collect()
}

/// The kernel's table of one kind: the columns of each row.
fn rows(kind: &str) -> Vec<Vec<String>> {
    let table = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
    table
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect()
}

/// What is new and this process's: at once if it has used it, after some time if nobody
/// is known to have: another test process removes its own until then.
fn left_of_system_v(before: &BTreeSet<SystemV>, after: BTreeSet<SystemV>) -> Vec<String> {
    let begin = Instant::now();
    let mut left: Vec<SystemV> = after.difference(before).copied().collect();
    loop {
        let now = system_v();
        left.retain(|object| now.contains(object) && object.whose() != Whose::Another);
        let is_sure = left.iter().any(|object| object.whose() == Whose::Ours);
        if is_sure || left.is_empty() || begin.elapsed() > PATIENCE {
            break;
        }
        std::thread::yield_now();
    }
    left.iter().map(|object| format!("{object:?}")).collect()
}

impl SystemV {
    fn whose(&self) -> Whose {
        let row = rows(self.kind)
            .into_iter()
            .find(|row| row.get(1).and_then(|id| id.parse().ok()) == Some(self.id));
        let number = |column: usize| -> u32 {
            let row = row.as_ref();
            row.and_then(|row| row.get(column)?.parse().ok())
                .unwrap_or(0)
        };
        let users: Vec<u32> = match self.kind {
            // The last sender and the last receiver.
            "msg" => vec![number(5), number(6)],
            // The creator and the last who attached or detached.
            "shm" => vec![number(4), number(5)],
            // The table has none; the kernel remembers each semaphore's last.
            _ => (0..number(3))
                .map(|semaphore| {
                    // SAFETY: a command that takes no further argument.
                    let pid = unsafe { libc::semctl(self.id, semaphore as i32, libc::GETPID) };
                    pid.max(0).unsigned_abs()
                })
                .collect(),
        };
        if users.contains(&std::process::id()) {
            Whose::Ours
        } else if users.iter().any(|&pid| pid != 0 && is_alive(pid)) {
            Whose::Another
        } else {
            Whose::Unknown
        }
    }
}

fn is_alive(pid: u32) -> bool {
    fs::exists(format!("/proc/{pid}")).unwrap_or(false)
}
