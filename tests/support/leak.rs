//! The assertion that a test leaves nothing behind.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;

/// Everything a test could leave: descriptors of this process, its children, and
/// objects that outlive it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Inventory {
    descriptors: BTreeSet<String>,
    children: BTreeSet<String>,
    objects: BTreeSet<String>,
}

#[derive(Default)]
struct State {
    live: usize,
    before: Inventory,
}

static STATE: Mutex<State> = Mutex::new(State {
    live: 0,
    before: Inventory {
        descriptors: BTreeSet::new(),
        children: BTreeSet::new(),
        objects: BTreeSet::new(),
    },
});

/// Held by a test while it runs.
///
/// The harness runs tests of one process in parallel, so that descriptors cannot
/// be told apart while several run: what is there before the first check begins
/// is compared with what is there after the last one ends, which happens at least
/// once, at the end of the process.
#[must_use = "the check happens when it is dropped"]
pub(crate) struct LeakCheck(());

impl LeakCheck {
    pub(crate) fn begin() -> Self {
        let mut state = STATE.lock().unwrap_or_else(|e| e.into_inner());
        if state.live == 0 {
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
        if state.live > 0 || std::thread::panicking() {
            return;
        }
        let after = Inventory::take();
        let left = |before: &BTreeSet<String>, after: &BTreeSet<String>| -> Vec<String> {
            after.difference(before).cloned().collect()
        };
        let left = [
            left(&state.before.descriptors, &after.descriptors),
            left(&state.before.children, &after.children),
            left(&state.before.objects, &after.objects),
        ]
        .concat();
        assert!(left.is_empty(), "left behind: {left:#?}");
    }
}

impl Inventory {
    fn take() -> Self {
        Self {
            descriptors: descriptors(),
            children: children(),
            objects: objects(),
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

/// Objects with a life of their own: /dev/shm, /dev/mqueue and System V.
///
/// Only those whose name says that a test of ours made them, as other programs
/// (and other test processes) make theirs meanwhile.
fn objects() -> BTreeSet<String> {
    let mine = format!("rawipc-test-{}", std::process::id());
    let named = ["/dev/shm", "/dev/mqueue"].into_iter().flat_map(|folder| {
        fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(move |entry| format!("{folder}/{}", entry.file_name().to_string_lossy()))
    });
    let system_v = ["msg", "sem", "shm"].into_iter().flat_map(|kind| {
        let table = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
        let pid = std::process::id().to_string();
        table
            .lines()
            .skip(1)
            // Creator's process number for shm; last sender or receiver for msg.
            .filter(|line| line.split_whitespace().any(|word| word == pid))
            .map(|line| format!("System V {kind} {line}"))
            .collect::<Vec<_>>()
    });
    named
        .filter(|name| name.contains(&mine))
        .chain(system_v)
        .collect()
}
