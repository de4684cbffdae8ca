//! Which mutations may stand in one build: building the crate takes most of the time, and a
//! structure's models do not see what is changed in another.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::Mutation;
use super::root_of_project;

/// What a mutation changes, and all that its model reads besides what all share.
struct Realm {
    /// A folder of a structure, a file on which no other stands, or what they share.
    place: &'static str,
    /// The code of the place and of the model, without its comments.
    text: String,
}

/// Files, by how they begin, and the place in which they are: what stands on them names them.
const APART: &[(&str, &str)] = &[
    ("src/sync/semaphore.rs", "src/sync/semaphore.rs"),
    ("src/sync/glibc_semaphore.rs", "src/sync/glibc_semaphore.rs"),
    ("src/sync/lock.rs", "src/sync/lock.rs"),
    ("src/sync/slot.rs", "src/sync/slot.rs"),
    ("src/sync/sleepers.rs", "src/sync/sleepers.rs"),
    ("src/sync/mutex/", "src/sync/mutex"),
    ("src/sync/condvar.rs", "src/sync/condvar.rs"),
    ("src/sync/robust/", "src/sync/robust"),
    ("src/sync/rwlock/", "src/sync/rwlock"),
    ("src/sync/once/", "src/sync/once"),
    ("src/sync/waitgroup.rs", "src/sync/waitgroup.rs"),
    ("src/sync/barrier.rs", "src/sync/barrier.rs"),
    ("src/sync/latch.rs", "src/sync/latch.rs"),
    ("src/sync/any.rs", "src/sync/any.rs"),
    ("src/sync/handover.rs", "src/sync/handover.rs"),
    ("src/sync/event/", "src/sync/event"),
    ("src/sync/seqlock/", "src/sync/seqlock"),
];

fn place(mutation: &Mutation) -> &'static str {
    const RINGS: &str = "src/ring/";
    let file = mutation.file;
    let apart = APART.iter().find(|(begin, _)| file.starts_with(begin));
    if let Some((_, place)) = apart {
        return place;
    }
    let Some(rest) = file.strip_prefix(RINGS) else {
        return "";
    };
    // A file of no structure is one of all rings.
    let structure = rest.find('/').unwrap_or(0);
    &file[..RINGS.len() + structure]
}

impl Realm {
    fn of(mutation: &Mutation) -> Self {
        let place = place(mutation);
        let mut text = String::new();
        // Who stands beside nobody, or beside none of the rings, need not be read.
        if !place.is_empty() && !place.ends_with('/') {
            read(&root_of_project().join(place), &mut text);
        }
        let (model, _) = mutation.model.split_once("::").expect(mutation.model);
        let models = root_of_project().join("models/tests/models");
        read(&models.join(model).with_extension("rs"), &mut text);
        Self { place, text }
    }

    /// Whether a change here can be seen by the other's model, or there by this one's.
    fn meets(&self, other: &Self) -> bool {
        self.place.starts_with(other.place)
            || other.place.starts_with(self.place)
            || self.uses(other)
            || other.uses(self)
    }

    fn uses(&self, other: &Self) -> bool {
        let name = Path::new(other.place).file_stem();
        let name = name.and_then(|name| name.to_str()).unwrap_or_default();
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        self.text.match_indices(name).any(|(at, _)| {
            let (before, after) = (&self.text[..at], &self.text[at + name.len()..]);
            let whole = !before.ends_with(is_part) && !after.starts_with(is_part);
            whole && (before.ends_with("::") || after.starts_with("::"))
        })
    }
}

fn read(path: &Path, to: &mut String) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder of the project") {
            read(&entry.expect("an entry").path(), to);
        }
        return;
    }
    let text = fs::read_to_string(path).expect("a file of the project");
    for line in text.lines() {
        let code = line.split("//").next().unwrap_or_default();
        to.push_str(code);
        to.push('\n');
    }
}

/// Sorts mutations into builds, of which each one's model sees one mutation alone.
pub fn builds(mutations: &[&'static Mutation]) -> Vec<Vec<&'static Mutation>> {
    let realms: Vec<_> = mutations.iter().map(|m| Realm::of(m)).collect();
    let met: Vec<BTreeSet<usize>> = (realms.iter())
        .map(|one| {
            let others = realms.iter().enumerate();
            let meeting = others.filter(|(_, other)| one.meets(other));
            meeting.map(|(at, _)| at).collect()
        })
        .collect();
    // Those that may stand beside the fewest come first: fewer builds than in the list's order.
    let mut order: Vec<_> = (0..realms.len()).collect();
    order.sort_by_key(|&one| Reverse(met[one].len()));
    let mut builds: Vec<Vec<usize>> = Vec::new();
    for one in order {
        let fits = |build: &Vec<usize>| build.iter().all(|other| !met[one].contains(other));
        match builds.iter().position(fits) {
            Some(place) => builds[place].push(one),
            None => builds.push(vec![one]),
        }
    }
    let named = |build: Vec<usize>| build.into_iter().map(|one| mutations[one]).collect();
    builds.into_iter().map(named).collect()
}
