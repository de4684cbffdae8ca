//! Which mutations may stand in one build: building the crate takes most of the time, and a
//! structure's models do not see what is changed in another.

use std::collections::BTreeMap;
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

/// Files, by how they begin, and the place in which they are: nothing else that is modelled stands
/// on them.
const APART: &[(&str, &str)] = &[
    ("src/sync/semaphore.rs", "src/sync/semaphore.rs"),
    ("src/sync/glibc_semaphore.rs", "src/sync/glibc_semaphore.rs"),
    ("src/sync/mutex/", "src/sync/mutex"),
    ("src/sync/lock.rs", "src/sync/mutex"),
    ("src/sync/condvar.rs", "src/sync/mutex"),
    ("src/sync/barrier.rs", "src/sync/barrier.rs"),
    ("src/sync/rwlock/", "src/sync/mutex"),
    ("src/sync/slot.rs", "src/sync/mutex"),
    ("src/sync/waitgroup.rs", "src/sync/mutex"),
    ("src/sync/latch.rs", "src/sync/latch.rs"),
    ("src/sync/once/", "src/sync/mutex"),
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
    let mut realms = BTreeMap::new();
    let mut builds: Vec<Vec<&'static Mutation>> = Vec::new();
    for mutation in mutations {
        realms.insert(mutation.name, Realm::of(mutation));
        let realm = &realms[mutation.name];
        let fits = |build: &Vec<&Mutation>| build.iter().all(|m| !realms[m.name].meets(realm));
        match builds.iter().position(fits) {
            Some(place) => builds[place].push(mutation),
            None => builds.push(vec![*mutation]),
        }
    }
    builds
}
