//! Regions with a name: made once whoever races, never found half-made, buried when nobody has
//! them.
//!
//! Another test's children have copies of all descriptors, and so of those that keep a region from
//! being buried: what asks that is in a process of its own.

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};

use rawipc::members;
use rawipc::memory::MapOptions;
use rawipc::process::Uid;
use rawipc::rendezvous::{self, Error, Options, Users};
use rawipc::ring::{
    AttachError, Spin, SpinThenFutex, broadcast, call, latest, mpmc, mpsc, pool, spsc,
};
use rawipc::{Errno, Mode};

use super::{Name, Ring, create};
use crate::support::alone::alone;
use crate::support::{Child, End, Folder, LIMIT, LeakCheck};

/// The number of the file behind a ring.
fn inode(ring: &impl AsFd) -> u64 {
    let fd = ring.as_fd().try_clone_to_owned().unwrap();
    File::from(fd).metadata().unwrap().ino()
}

fn open(name: &Name) -> Result<Ring, Error> {
    Ring::open_named(&**name)
}

fn open_or_create(name: &Name) -> Result<Ring, Error> {
    Ring::open_or_create(&**name, create)
}

#[test]
fn region_created_by_one_is_opened_by_another() {
    let _check = LeakCheck::begin();
    let name = Name::new("two");
    assert_eq!(open(&name).err(), Some(Error::Kernel(Errno::NOENT)));
    let ring = open_or_create(&name).unwrap();
    let mut child = Child::fork(|| {
        let sent = open(&name).map(|ring| ring.producer().map(|mut end| end.send(b"by name")));
        i32::from(sent != Ok(Ok(Ok(()))))
    });
    let mut buffer = [0; 16];
    assert_eq!(ring.consumer().unwrap().recv(&mut buffer), Ok(7));
    assert_eq!(&buffer[..7], b"by name");
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!(inode(&open_or_create(&name).unwrap()), inode(&ring));
    assert_eq!(
        Options::new().create(&*name, create).err(),
        Some(Error::Kernel(Errno::EXIST))
    );
}

#[test]
fn region_in_any_folder_or_the_current_one_is_found() {
    let _check = LeakCheck::begin();
    let folder = Folder::new("rendezvous");
    match Ring::open_or_create(folder.at("ring"), create) {
        Err(Error::Kernel(Errno::OPNOTSUPP)) => {
            crate::skipped!("the folder for temporary files has none without a name");
            return;
        }
        ring => drop(ring.unwrap()),
    }
    assert!(Ring::open_named(folder.at("ring")).is_ok());
    assert!(Ring::open_named(folder.at(".//ring")).is_ok());
    rendezvous::remove(folder.at("ring")).unwrap();
    for wrong in ["ring/", ".", "..", ""] {
        let found = Ring::open_or_create(folder.at(wrong), create);
        assert_eq!(found.err(), Some(Error::Kernel(Errno::INVAL)), "{wrong}");
    }
    // Relative to the current folder: of a process of its own.
    let mut child = Child::fork(|| {
        let _ = std::env::set_current_dir(&*folder);
        let made = Ring::open_or_create("here", create).is_ok();
        i32::from(!made || rendezvous::remove("here").is_err())
    });
    assert_eq!(child.wait(), End::Exited(0));
}

/// All of a race find one region, and every time.
#[test]
fn region_created_by_several_at_once_is_one() {
    alone(test_name!(), || {
        let name = Name::new("race");
        let memory = MapOptions::shared(4096).map_anonymous().unwrap();
        let go = memory.object::<core::sync::atomic::AtomicU32>(0).unwrap();
        let found = memory
            .object::<[core::sync::atomic::AtomicU64; 4]>(64)
            .unwrap();
        use core::sync::atomic::Ordering::SeqCst;
        for _ in 0..50 {
            go.store(0, SeqCst);
            let children: Vec<Child> = (0..4)
                .map(|index| {
                    let name = &name;
                    Child::fork(move || {
                        while go.load(SeqCst) == 0 {
                            core::hint::spin_loop();
                        }
                        let Ok(ring) = open_or_create(name) else {
                            return 1;
                        };
                        let stat = rustix::fs::fstat(&ring);
                        found[index].store(stat.map_or(0, |stat| stat.st_ino), SeqCst);
                        0
                    })
                })
                .collect();
            go.store(1, SeqCst);
            for mut child in children {
                assert_eq!(child.wait(), End::Exited(0));
            }
            let ring = open(&name).unwrap();
            let all: Vec<u64> = found.iter().map(|it| it.load(SeqCst)).collect();
            assert_eq!(all, [inode(&ring); 4]);
            drop(ring);
            rendezvous::remove_stale(&*name).unwrap();
        }
    });
}

/// What a name leads to is complete whenever it is looked at, whatever becomes of who made it.
#[test]
fn region_is_never_found_half_made() {
    let _check = LeakCheck::begin();
    let name = Name::new("half");
    let mut looked = 0;
    let mut choices = crate::support::Choices::new(8);
    for _ in 0..200 {
        let mut child = Child::fork(|| {
            loop {
                let Ok(ring) = Options::new()
                    .replace_stale(true)
                    .open_or_create(&*name, create)
                else {
                    return 1;
                };
                drop::<Ring>(ring);
            }
        });
        for _ in 0..choices.below(8) {
            if let Ok(file) = File::open(&*name) {
                let mut magic = [0; 8];
                file.read_exact_at(&mut magic, 0).unwrap();
                assert_eq!(&magic, b"rawipcR\n");
                let size = file.metadata().unwrap();
                assert_eq!((size.len(), size.mode() & 0o7777), (2 * 4096, 0o600));
                looked += 1;
            }
        }
        child.kill();
        assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
        match open(&name) {
            Ok(_) | Err(Error::Kernel(Errno::NOENT)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    println!("{looked} looks");
}

#[test]
fn region_that_somebody_has_is_not_buried() {
    alone(test_name!(), || {
        let name = Name::new("used");
        let in_use = Err(Error::InUse);
        let none = Err(Error::Kernel(Errno::NOENT));
        assert_eq!(rendezvous::remove_stale(&*name), none);
        // Has its descriptor.
        let ring = open_or_create(&name).unwrap();
        assert_eq!(rendezvous::remove_stale(&*name), in_use);
        // Is attached, and nothing else.
        let end = ring.producer().unwrap();
        drop(ring);
        assert_eq!(rendezvous::remove_stale(&*name), in_use);
        drop(end);
        // Nobody has it.
        assert_eq!(rendezvous::remove_stale(&*name), Ok(()));
        assert_eq!(rendezvous::remove_stale(&*name), none);
        // Another process has it, until it is killed.
        let file = open_or_create(&name).unwrap();
        let mut child = Child::fork(|| crate::support::alone::sleep_for_ever());
        drop(file);
        assert_eq!(rendezvous::remove_stale(&*name), in_use, "a forked child");
        child.kill();
        child.wait();
        let begin = std::time::Instant::now();
        // Its descriptors are closed in a moment.
        while rendezvous::remove_stale(&*name) == in_use {
            assert!(begin.elapsed() < LIMIT, "the dead has it still");
        }
        assert!(!name.exists());
    });
}

#[test]
fn region_of_the_dead_is_replaced_where_that_is_asked_for() {
    alone(test_name!(), || {
        let name = Name::new("stale");
        let fresh = Options::new().replace_stale(true);
        let large = || Ring::create(1 << 16);
        let left = open_or_create(&name).unwrap();
        left.producer().unwrap().send(b"left").unwrap();
        // Of other parameters, and somebody has it.
        let other = fresh.open_or_create(&*name, large);
        assert_eq!(other.err(), Some(Error::Different));
        let same: Ring = fresh.open_or_create(&*name, create).unwrap();
        drop((left, same));
        // What the dead left is there for who does not ask.
        let heir = open_or_create(&name).unwrap();
        assert_eq!(heir.consumer().unwrap().recv(&mut [0; 8]), Ok(4));
        drop(heir);
        let new: Ring = fresh.open_or_create(&*name, large).unwrap();
        assert_eq!(new.capacity(), 1 << 16);
    });
}

#[test]
fn removed_region_is_kept_by_who_has_it() {
    let _check = LeakCheck::begin();
    let name = Name::new("removed");
    let ring = open_or_create(&name).unwrap();
    assert_eq!(rendezvous::remove(&*name), Ok(()));
    assert_eq!(rendezvous::remove(&*name), Err(Error::Kernel(Errno::NOENT)));
    let other = open_or_create(&name).unwrap();
    assert_ne!(inode(&ring), inode(&other));
    ring.producer().unwrap().send(b"on").unwrap();
    assert_eq!(ring.consumer().unwrap().recv(&mut [0; 8]), Ok(2));
}

#[test]
fn region_of_other_parameters_kind_or_waiting_is_refused() {
    let _check = LeakCheck::begin();
    let name = Name::new("other");
    let _ring = open_or_create(&name).unwrap();
    let larger = Ring::open_or_create(&*name, || Ring::create(1 << 20));
    assert_eq!(larger.err(), Some(Error::Different));
    let spin = spsc::Ring::<Spin>::open_named(&*name);
    assert!(matches!(spin.err(), Some(Error::Refused(_)) | None));
    let items = spsc::items::Ring::<u64>::open_named(&*name);
    assert_eq!(items.err(), Some(Error::Refused(AttachError::WrongKind)));
}

#[test]
fn region_of_every_structure_is_met_at_by_name() {
    let _check = LeakCheck::begin();
    let name = Name::new("mpsc");
    let create = || mpsc::Ring::<SpinThenFutex>::create(2, 1);
    let ring = mpsc::Ring::open_or_create(&*name, create).unwrap();
    let same = mpsc::Ring::<SpinThenFutex>::open_named(&*name).unwrap();
    assert_eq!(inode(&ring), inode(&same));
    ring.producer().unwrap().send(b"lane").unwrap();
    assert_eq!(
        Ring::open_named(&*name).err(),
        Some(Error::Refused(AttachError::WrongKind))
    );
    let name = Name::new("broadcast");
    let create = || broadcast::items::Ring::<u64>::create(4);
    let ring = broadcast::items::Ring::open_or_create(&*name, create).unwrap();
    let same = broadcast::items::Ring::<u64>::open_named(&*name).unwrap();
    let mut reader = same.reader().unwrap();
    ring.writer().unwrap().push(&7).unwrap();
    assert_eq!(reader.pop(), Ok(7));
    let records = broadcast::Ring::<SpinThenFutex>::open_named(&*name);
    assert_eq!(records.err(), Some(Error::Refused(AttachError::WrongKind)));
}

/// An unsealed file is taken by its name, and from nobody.
#[test]
fn region_with_a_name_is_not_accepted_as_a_descriptor() {
    let _check = LeakCheck::begin();
    let name = Name::new("unsealed");
    let ring = open_or_create(&name).unwrap();
    let refused = Ring::open(OwnedFd::from(ring));
    assert_eq!(refused.err(), Some(AttachError::NotSealed));
}

#[test]
fn what_is_no_region_is_neither_opened_nor_removed() {
    let _check = LeakCheck::begin();
    let name = Name::new("none");
    let _ring = open_or_create(&name).unwrap();
    let folder = Folder::new("rendezvous-none");
    symlink(&*name, folder.at("link")).unwrap();
    fs::create_dir(folder.at("folder")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.at("fifo"), Mode::RUSR | Mode::WUSR).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.at("socket")).unwrap();
    for what in ["link", "folder", "fifo", "socket"] {
        let what = folder.at(what);
        let no = Some(Error::NotRegion);
        assert_eq!(Ring::open_named(&what).err(), no, "{what:?}");
        assert_eq!(Ring::open_or_create(&what, create).err(), no, "{what:?}");
        assert_eq!(rendezvous::remove(&what).err(), no, "{what:?}");
        assert_eq!(rendezvous::remove_stale(&what).err(), no, "{what:?}");
        assert!(what.symlink_metadata().is_ok());
    }
    let file = folder.file(
        "file",
        "no region, but longer than the words of one's head are: sixty-four",
    );
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let magic = Some(Error::Refused(AttachError::WrongMagic));
    assert_eq!(Ring::open_named(&file).err(), magic);
    assert_eq!(rendezvous::remove(&file), Err(Error::NotRegion));
    assert_eq!(rendezvous::remove_stale(&file), Err(Error::NotRegion));
}

#[test]
fn region_that_lets_others_in_is_refused_unless_asked_for() {
    alone(test_name!(), || {
        let name = Name::new("mode");
        drop(open_or_create(&name).unwrap());
        fs::set_permissions(&*name, fs::Permissions::from_mode(0o640)).unwrap();
        let mode = Mode::from_raw_mode(0o640);
        assert_eq!(open(&name).err(), Some(Error::WrongMode { mode }));
        assert_eq!(open_or_create(&name).err(), Some(Error::WrongMode { mode }));
        let asked = Options::new().mode(Mode::from_raw_mode(0o660));
        assert!(asked.open::<Ring>(&*name).is_ok());
        rendezvous::remove_stale(&*name).unwrap();
        // Less the process's umask, which is 022 in tests.
        drop::<Ring>(asked.create(&*name, create).unwrap());
        assert_eq!(name.metadata().unwrap().mode() & 0o7777, 0o640);
    });
}

#[test]
fn region_of_another_user_is_refused_unless_asked_for() {
    if !crate::support::needs::root() {
        return;
    }
    let _check = LeakCheck::begin();
    let name = Name::new("foreign");
    drop(open_or_create(&name).unwrap());
    std::os::unix::fs::chown(&*name, Some(1234), Some(1234)).unwrap();
    let user = Uid::from_raw(1234);
    let foreign = Error::Foreign { user };
    assert_eq!(open(&name).err(), Some(foreign));
    assert_eq!(open_or_create(&name).err(), Some(foreign));
    assert_eq!(rendezvous::remove(&*name), Err(foreign));
    assert_eq!(rendezvous::remove_stale(&*name), Err(foreign));
    for users in [Users::And(user), Users::Any] {
        assert!(Options::new().users(users).open::<Ring>(&*name).is_ok());
    }
    let other = Users::And(Uid::from_raw(1235));
    let other = Options::new().users(other).open::<Ring>(&*name);
    assert_eq!(other.err(), Some(foreign));
    // Whose file it is is said where it cannot be opened, too; root's is opened by everybody who may.
    let mut child = Child::fork(|| {
        if !crate::support::child::become_nobody() {
            return 2;
        }
        i32::from(open(&name).err() != Some(foreign))
    });
    assert_eq!(child.wait(), End::Exited(0));
    std::os::unix::fs::chown(&*name, Some(0), Some(0)).unwrap();
    fs::set_permissions(&*name, fs::Permissions::from_mode(0o666)).unwrap();
    let mut child = Child::fork(|| {
        if !crate::support::child::become_nobody() {
            return 2;
        }
        let all = Options::new().mode(Mode::from_raw_mode(0o666));
        let Ok(ring) = all.open::<Ring>(&*name) else {
            return 3;
        };
        i32::from(ring.producer().is_err())
    });
    assert_eq!(child.wait(), End::Exited(0));
}

#[test]
fn list_names_regions_and_who_has_them() {
    alone(test_name!(), || {
        let folder = Name::new("list");
        fs::create_dir(&*folder).unwrap();
        let used = Ring::open_or_create(folder.join("used"), create).unwrap();
        drop(Ring::open_or_create(folder.join("stale"), || Ring::create(1 << 14)).unwrap());
        fs::write(folder.join("file"), "rawipc").unwrap();
        fs::create_dir(folder.join("folder")).unwrap();
        symlink(folder.join("used"), folder.join("link")).unwrap();
        let mut found: Vec<_> = rendezvous::list(&*folder)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                assert_eq!(entry.user(), rustix::process::geteuid());
                (entry.name().to_string(), entry.size(), entry.is_in_use())
            })
            .collect();
        found.sort();
        let expected = [
            ("/stale".to_owned(), (1 << 14) + 4096, false),
            ("/used".to_owned(), 2 * 4096, true),
        ];
        assert_eq!(found, expected);
        let none = rendezvous::list(folder.join("none"));
        assert_eq!(none.err(), Some(Error::Kernel(Errno::NOENT)));
        drop(used);
        fs::remove_dir_all(&*folder).unwrap();
    });
}

/// What a name is given to is a region of which nobody has changed anything: its head alone is
/// copied.
#[test]
fn new_region_is_zero_but_for_its_head() {
    fn holds(fd: impl Into<OwnedFd>) {
        let file = File::from(fd.into());
        let mut bytes = vec![1; file.metadata().unwrap().len() as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert!(bytes[64..].iter().all(|byte| *byte == 0));
    }
    let _check = LeakCheck::begin();
    holds(Ring::create(1 << 14).unwrap());
    holds(spsc::items::Ring::<u64>::create(100).unwrap());
    holds(mpsc::Ring::<Spin>::create(3, 1).unwrap());
    holds(mpmc::Ring::<Spin>::create(4, 10).unwrap());
    holds(mpmc::items::Ring::<u64>::create(100).unwrap());
    holds(
        pool::Pool::<Spin>::create(
            &[pool::Class {
                size: 100,
                count: 4,
            }],
            16,
        )
        .unwrap(),
    );
    holds(call::Service::create(3, 8, 8).unwrap());
    holds(latest::Value::<u64>::create(3).unwrap());
    holds(latest::bytes::Value::create(3, 100).unwrap());
    holds(members::Region::create(10_000).unwrap());
    holds(broadcast::Ring::<Spin>::create(4, 1).unwrap());
    holds(broadcast::items::Ring::<u64>::create(4).unwrap());
    let class = pool::Class {
        size: 5000,
        count: 5,
    };
    holds(broadcast::loans::Ring::<Spin>::create(&[class], 4).unwrap());
}

/// Memory that is there cannot be missing when it is touched.
#[test]
fn region_with_a_name_has_its_memory_at_once() {
    let _check = LeakCheck::begin();
    let name = Name::new("whole");
    let _ring = Ring::open_or_create(&*name, || Ring::create(1 << 20)).unwrap();
    let file = name.metadata().unwrap();
    assert!(file.blocks() * 512 >= file.len());
}
