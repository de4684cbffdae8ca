//! Meeting at a name: every order of the system calls of several processes that open, create, bury
//! and remove, each of which may die before any of them and begin again. It is no model of
//! memory: the kernel's calls take effect one after the other.
//!
//! Processes and files are few, and a file that nobody has is free to be another: so the states
//! are finite, and all of them are looked at.

use std::collections::HashSet;

/// What is left out or done in another order, to see that it is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    Nothing,
    /// Who opens does not look again whether the name leads to the file.
    OpenWithoutLook,
    /// Nor does who buries.
    BuryWithoutLook,
    /// Who buries does not exclude others.
    BuryWithoutExcluding,
    /// Who removes does not exclude others who do.
    RemoveWithoutExcluding,
    /// A file gets its name before its creator has it.
    NameBeforeEntering,
    /// A file gets its name before its head.
    NameBeforeHead,
}

const FILES: usize = 5;

/// A file that somebody has open, or that the name leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct File {
    is_complete: bool,
    /// Which processes have it open, have it as theirs, exclude others, are removing its name.
    open: u8,
    present: u8,
    excluding: u8,
    removing: u8,
    /// Somebody removed its name who did not ask who has it.
    is_forced: bool,
}

/// What a process does next, with the file that it has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// Nothing is begun.
    Idle,
    Find,
    Enter(usize),
    LookAgain(usize),
    Create,
    Fill(usize),
    EnterNew(usize),
    Link(usize),
    /// It has the region of the name.
    Has(usize),
    FillLate(usize),
    EnterLate(usize),
    Bury { by_force: bool },
    BeginRemoval(usize, bool),
    Exclude(usize),
    LookAtRemoval(usize, bool),
    Unlink(usize, bool),
}
use Step::{
    BeginRemoval, Bury, Create, Enter, EnterLate, EnterNew, Exclude, Fill, FillLate, Find, Has,
    Idle, Link, LookAgain, LookAtRemoval, Unlink,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct World<const PROCESSES: usize> {
    name: Option<usize>,
    files: [File; FILES],
    steps: [Step; PROCESSES],
}

impl<const PROCESSES: usize> World<PROCESSES> {
    fn new() -> Self {
        Self {
            name: None,
            files: [File::default(); FILES],
            steps: [Idle; PROCESSES],
        }
    }

    /// Closes all that the process has open.
    fn close(&mut self, process: usize) {
        for file in &mut self.files {
            for holders in [
                &mut file.open,
                &mut file.present,
                &mut file.excluding,
                &mut file.removing,
            ] {
                *holders &= !(1 << process);
            }
        }
        self.tidy();
    }

    /// A file that nobody has and no name leads to is gone, and its number free.
    fn tidy(&mut self) {
        for (number, file) in self.files.iter_mut().enumerate() {
            if file.open == 0 && self.name != Some(number) {
                *file = File::default();
            }
        }
    }

    /// A number that no file has.
    fn free(&self) -> usize {
        let free = |number: &usize| self.files[*number].open == 0 && self.name != Some(*number);
        (0..FILES).find(free).expect("fewer files than numbers")
    }

    /// What can come next, by whom.
    fn successors(&self, planted: Planted) -> Result<Vec<Self>, String> {
        let mut all = Vec::new();
        for process in 0..PROCESSES {
            // It dies, or lets go of what it has.
            let mut dead = *self;
            dead.steps[process] = Idle;
            dead.close(process);
            all.push(dead);
            if self.steps[process] == Idle {
                for begun in [Find, Bury { by_force: false }, Bury { by_force: true }] {
                    let mut next = *self;
                    next.steps[process] = begun;
                    all.push(next);
                }
            }
            all.extend(self.step(process, planted)?);
        }
        Ok(all)
    }

    /// The next system call of the process, if it makes one.
    fn step(&self, process: usize, planted: Planted) -> Result<Option<Self>, String> {
        let mut next = *self;
        let me = 1 << process;
        let others = !me;
        let go = match self.steps[process] {
            Idle | Has(_) => return Ok(None),
            Find => match self.name {
                None => Create,
                Some(file) => {
                    next.files[file].open |= me;
                    Enter(file)
                }
            },
            Enter(file) => {
                if self.files[file].excluding & others != 0 {
                    // It waits, and tries again.
                    return Ok(None);
                }
                next.files[file].present |= me;
                LookAgain(file)
            }
            LookAgain(file) => {
                if self.name == Some(file) || planted == Planted::OpenWithoutLook {
                    if !self.files[file].is_complete {
                        return Err("a half-made region is found".to_owned());
                    }
                    Has(file)
                } else {
                    next.close(process);
                    Find
                }
            }
            Create => {
                let file = self.free();
                next.files[file].open |= me;
                match planted {
                    Planted::NameBeforeHead => EnterNew(file),
                    _ => Fill(file),
                }
            }
            Fill(file) => {
                next.files[file].is_complete = true;
                match planted {
                    Planted::NameBeforeEntering => Link(file),
                    _ => EnterNew(file),
                }
            }
            EnterNew(file) => {
                next.files[file].present |= me;
                Link(file)
            }
            Link(file) => match self.name {
                None => {
                    next.name = Some(file);
                    match planted {
                        Planted::NameBeforeHead => FillLate(file),
                        Planted::NameBeforeEntering => EnterLate(file),
                        _ => Has(file),
                    }
                }
                Some(_) => {
                    next.close(process);
                    Find
                }
            },
            FillLate(file) => {
                next.files[file].is_complete = true;
                Has(file)
            }
            EnterLate(file) => {
                if self.files[file].excluding & others != 0 {
                    return Ok(None);
                }
                next.files[file].present |= me;
                Has(file)
            }
            Bury { by_force } => match self.name {
                None => Idle,
                Some(file) => {
                    next.files[file].open |= me;
                    BeginRemoval(file, by_force)
                }
            },
            BeginRemoval(file, by_force) => {
                let excludes = planted != Planted::RemoveWithoutExcluding;
                if excludes && self.files[file].removing & others != 0 {
                    next.close(process);
                    Idle
                } else {
                    next.files[file].removing |= me;
                    match by_force || planted == Planted::BuryWithoutExcluding {
                        true => LookAtRemoval(file, by_force),
                        false => Exclude(file),
                    }
                }
            }
            Exclude(file) => {
                let File {
                    present, excluding, ..
                } = self.files[file];
                if (present | excluding) & others != 0 {
                    next.close(process);
                    Idle
                } else {
                    next.files[file].excluding |= me;
                    LookAtRemoval(file, false)
                }
            }
            LookAtRemoval(file, by_force) => {
                if self.name == Some(file) || planted == Planted::BuryWithoutLook {
                    Unlink(file, by_force)
                } else {
                    next.close(process);
                    Bury { by_force }
                }
            }
            Unlink(file, by_force) => {
                // Whatever has the name now loses it.
                match self.name {
                    Some(named) if named != file => {
                        return Err("the name of another file is taken away".to_owned());
                    }
                    Some(_) if by_force => next.files[file].is_forced = true,
                    _ => {}
                }
                next.name = None;
                next.close(process);
                Idle
            }
        };
        next.steps[process] = go;
        next.tidy();
        Ok(Some(next))
    }

    /// Who has a region has that of the name, unless somebody removed that by force.
    fn check(&self) -> Result<(), String> {
        for step in self.steps {
            if let Has(file) = step
                && self.name != Some(file)
                && !self.files[file].is_forced
            {
                return Err("the name of who has a region leads elsewhere".to_owned());
            }
        }
        if let Some(file) = self.name
            && !self.files[file].is_complete
        {
            return Err("a half-made region has the name".to_owned());
        }
        Ok(())
    }
}

/// Looks at all states, and returns how many there are.
fn explore<const PROCESSES: usize>(planted: Planted) -> Result<usize, String> {
    let begin = World::<PROCESSES>::new();
    let mut seen = HashSet::from([begin]);
    let mut left = vec![begin];
    while let Some(world) = left.pop() {
        for next in world.successors(planted)? {
            if seen.insert(next) {
                next.check()?;
                left.push(next);
            }
        }
    }
    Ok(seen.len())
}

#[test]
fn name_of_who_has_a_region_leads_to_it_among_two() {
    let states = explore::<2>(Planted::Nothing);
    println!("{states:?} states");
    assert!(states.is_ok_and(|states| states > 100));
}

#[test]
fn name_of_who_has_a_region_leads_to_it_among_three() {
    let states = explore::<3>(Planted::Nothing);
    println!("{states:?} states");
    assert!(states.is_ok_and(|states| states > 1000));
}

/// What proves nothing if it cannot fail.
#[test]
fn name_that_is_handled_carelessly_is_noticed() {
    for planted in [
        Planted::OpenWithoutLook,
        Planted::BuryWithoutLook,
        Planted::BuryWithoutExcluding,
        Planted::RemoveWithoutExcluding,
        Planted::NameBeforeEntering,
        Planted::NameBeforeHead,
    ] {
        let found = explore::<3>(planted).expect_err("noticed");
        println!("{planted:?}: {found}");
    }
}
