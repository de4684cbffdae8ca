//! System V shared memory: every operation, flag and refusal, alone and with a second
//! process.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::num::NonZero;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use rawipc::memory::{AccessError, Advice, Lock, MapOptions, Mapping, Protection, SyncMode};
use rawipc::sysv::memory::{self, AttachFlags, Segment, SegmentFlags};
use rawipc::sysv::{Access, Create, Key};
use rawipc::{Errno, Mode};

use support::system_v::{Temporary, as_another_user, fresh_key, kernel_number};
use support::{Child, End, LeakCheck, Peer, PeerArgs, page, pattern};

/// One test at a time: what one forks, even to execute another program, has attached for
/// a moment what the others count.
fn begin() -> (LeakCheck, MutexGuard<'static, ()>) {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(|failed| failed.into_inner());
    (LeakCheck::begin(), turn)
}

const PLAIN: AttachFlags = AttachFlags::empty();
const READ_WRITE: Protection = Protection::READ.union(Protection::WRITE);

fn create(size: usize, flags: SegmentFlags) -> rawipc::Result<Segment> {
    memory::create(Key::PRIVATE, size, flags, Create::NEW)
}

fn segment(size: usize) -> Temporary<Segment> {
    Temporary(create(size, SegmentFlags::empty()).unwrap())
}

fn address(mapping: &Mapping) -> NonZero<usize> {
    NonZero::new(mapping.as_ptr().addr()).unwrap()
}

/// What `/proc` says of the mapping at an address: its first line, and the value of
/// `field`.
fn of_smaps(address: NonZero<usize>, field: &str) -> Option<(String, String)> {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let begin = format!("{address:x}-");
    let mut lines = smaps.lines().skip_while(|line| !line.starts_with(&begin));
    let first = lines.next()?;
    let value = lines.find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some((first.to_owned(), value.trim().to_owned()))
}

/// How it may be accessed, as `/proc` says: `rw-s` and the like.
fn permissions(mapping: &Mapping) -> String {
    let (line, _) = of_smaps(address(mapping), "Size").expect("mapped");
    line.split_whitespace().nth(1).unwrap().to_owned()
}

#[test]
fn attached_processes_see_the_same() {
    let _check = begin();
    for size in [1, page() - 1, page(), 3 * page() + 17] {
        let segment = segment(size);
        let (one, two) = (
            segment.attach(PLAIN).unwrap(),
            segment.attach(PLAIN).unwrap(),
        );
        for mapping in [&one, &two] {
            assert_eq!((mapping.len(), mapping.offset()), (size, 0));
            assert_eq!(mapping.protection(), READ_WRITE);
            assert_eq!(permissions(mapping), "rw-s");
        }
        assert_ne!(one.as_ptr(), two.as_ptr());
        let mut zeros = vec![1; size];
        one.read_at(0, &mut zeros).unwrap();
        assert!(zeros.iter().all(|&byte| byte == 0));

        let bytes = pattern(size, 1);
        one.write_at(0, &bytes).unwrap();
        let mut seen = vec![0; size];
        two.read_at(0, &mut seen).unwrap();
        assert!(seen == bytes);
        assert_eq!(two.read::<u8>(size), Err(AccessError::OutOfBounds));
        assert_eq!(two.write(size, &1_u8), Err(AccessError::OutOfBounds));
        assert!(two.objects::<AtomicU64>(0, size / 8 + 1).is_err());
        drop(one);
        assert_eq!(two.read::<u8>(size - 1), Ok(bytes[size - 1]));
        assert_eq!(segment.status().unwrap().attached, 1);
        drop(two);
        assert_eq!(segment.status().unwrap().attached, 0);
        // Detached, it stays.
        let again = segment.attach(PLAIN).unwrap();
        assert_eq!(again.read::<u8>(0), Ok(bytes[0]));
    }
}

#[test]
fn counter_is_shared_by_two_processes() {
    const ROUNDS: u64 = 20_000;
    let count = |mapping: &Mapping| {
        let counter = mapping.object::<AtomicU64>(64).unwrap();
        for _ in 0..ROUNDS {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    };
    if let Some(mut half) = PeerArgs::role("counts") {
        let key = Key::from_raw(half.channel.hear().parse().unwrap());
        let segment = memory::open(key).unwrap();
        let mapping = segment.attach(PLAIN).unwrap();
        half.channel.say("attached");
        half.channel.expect("go");
        count(&mapping);
        mapping.write_at(100, b"done").unwrap();
        half.channel.say("counted");
        half.channel.hear();
        return;
    }
    let _check = begin();
    let key = fresh_key();
    let flags = SegmentFlags::empty();
    let segment = Temporary(memory::create(key, 4096, flags, Create::NEW).unwrap());
    let mapping = segment.attach(PLAIN).unwrap();
    let mut peer = Peer::start(test_name!(), "counts", &[]);
    peer.say(&key.as_raw().to_string());
    peer.expect("attached");
    let status = segment.status().unwrap();
    assert_eq!(status.attached, 2);
    assert_eq!(status.creator, Some(rustix::process::getpid()));
    assert_eq!(status.last_process.unwrap().as_raw_pid(), peer.id() as i32);
    peer.say("go");
    count(&mapping);
    peer.expect("counted");
    // Killed, it is detached, and what it wrote stays.
    peer.kill();
    assert_eq!(segment.status().unwrap().attached, 1);
    assert_eq!(mapping.read::<u64>(64), Ok(2 * ROUNDS));
    assert_eq!(mapping.read::<[u8; 4]>(100), Ok(*b"done"));
}

#[test]
fn read_only_attachment_cannot_be_written() {
    let _check = begin();
    let segment = segment(page());
    let ours = segment.attach(PLAIN).unwrap();
    let mut theirs = segment.attach(AttachFlags::READ_ONLY).unwrap();
    assert_eq!(theirs.protection(), Protection::READ);
    assert_eq!(permissions(&theirs), "r--s");
    ours.write(8, &7_u64).unwrap();
    assert_eq!(theirs.read::<u64>(8), Ok(7));
    assert_eq!(theirs.write(8, &8_u64), Err(AccessError::Protected));
    assert_eq!(
        theirs.object::<AtomicU64>(8).map(drop),
        Err(AccessError::Protected)
    );
    assert_eq!(theirs.protect(READ_WRITE), Err(Errno::ACCESS));
    assert_eq!(theirs.protection(), Protection::READ);
    assert_eq!(ours.read::<u64>(8), Ok(7));
}

#[test]
fn segment_is_mapping_as_any_other() {
    let _check = begin();
    let segment = segment(3 * page());
    let mut mapping = segment.attach(PLAIN).unwrap();
    mapping.fill(.., 0x55).unwrap();
    mapping.sync(.., SyncMode::Wait).unwrap();
    mapping.lock(..page(), Lock::Now).unwrap();
    mapping.unlock(..).unwrap();
    mapping.advise(page()..2 * page(), Advice::Remove).unwrap();
    assert_eq!(mapping.read::<u8>(page()), Ok(0));
    assert_eq!(mapping.read::<u8>(2 * page()), Ok(0x55));
    mapping.protect(Protection::READ).unwrap();
    assert_eq!(permissions(&mapping), "r--s");
    mapping.protect(READ_WRITE).unwrap();
    mapping.write(0, &1_u8).unwrap();
}

#[test]
fn executable_segment_runs_instructions() {
    let _check = begin();
    let mode = Create::NEW.mode(Mode::from_bits_retain(0o700));
    let segment = memory::create(Key::PRIVATE, page(), SegmentFlags::empty(), mode);
    let segment = Temporary(segment.unwrap());
    let both = AttachFlags::READ_ONLY | AttachFlags::EXECUTE;
    let code = segment.attach(both).unwrap();
    assert_eq!(permissions(&code), "r-xs");
    assert_eq!(code.protection(), Protection::READ | Protection::EXECUTE);
    let all = segment.attach(AttachFlags::EXECUTE).unwrap();
    assert_eq!(permissions(&all), "rwxs");
    assert_eq!(all.protection(), READ_WRITE | Protection::EXECUTE);
    #[cfg(target_arch = "x86_64")]
    {
        // mov eax, 42; ret
        all.write_at(0, &[0xB8, 42, 0, 0, 0, 0xC3]).unwrap();
        // SAFETY: a function with these instructions is there.
        let function: extern "C" fn() -> u32 = unsafe { core::mem::transmute(code.as_ptr()) };
        assert_eq!(function(), 42);
    }
}

#[test]
fn attach_at_chosen_address_goes_there() {
    let _check = begin();
    let size = 4 * page();
    let segment = segment(size);
    // Where there was something a moment ago there is room; another thread may take it.
    let mut attempts = (0..100).filter_map(|_| {
        let place = address(&segment.attach(PLAIN).unwrap());
        Some((place, segment.attach_at(place, PLAIN).ok()?))
    });
    let (place, mapping) = attempts.next().expect("room");
    assert_eq!(address(&mapping), place);
    mapping.write(0, &17_u8).unwrap();

    // Not where something is, whatever flags say.
    let remap = AttachFlags::from_bits_retain(0o40000);
    let inside = place.checked_add(3 * page()).unwrap();
    for place in [place, inside] {
        for flags in [
            PLAIN,
            AttachFlags::READ_ONLY,
            remap,
            remap | AttachFlags::ROUND,
        ] {
            assert_eq!(segment.attach_at(place, flags).map(drop), Err(Errno::INVAL));
        }
    }
    // Nor within a page, nor where no process has memory.
    let within = inside.checked_add(5).unwrap();
    assert_eq!(
        segment.attach_at(within, PLAIN).map(drop),
        Err(Errno::INVAL)
    );
    for place in [usize::MAX, usize::MAX - page() + 1, 1 << 63] {
        let place = NonZero::new(place).unwrap();
        let result = segment.attach_at(place, PLAIN).map(drop);
        assert!(
            matches!(result, Err(Errno::INVAL | Errno::NOMEM)),
            "{place:x}: {result:?}"
        );
    }
    // Elsewhere the flag means nothing.
    assert_ne!(address(&segment.attach(remap).unwrap()), place);
    assert_eq!(mapping.read::<u8>(0), Ok(17));
    assert_eq!(segment.status().unwrap().attached, 1);
}

#[test]
fn attach_replaces_on_request() {
    let _check = begin();
    let segment = segment(2 * page());
    let other = MapOptions::shared(6 * page()).map_anonymous().unwrap();
    other.fill(.., 9).unwrap();
    let (begin, place) = (other.as_ptr(), address(&other));
    let middle = place.checked_add(2 * page()).unwrap();
    core::mem::forget(other);

    // SAFETY: the middle of a mapping that nobody has any more.
    let attached = unsafe { segment.attach_over(middle, PLAIN) }.unwrap();
    assert_eq!(address(&attached), middle);
    assert_eq!(attached.read::<u8>(0), Ok(0));
    attached.write(0, &5_u8).unwrap();
    // SAFETY: still mapped as it was.
    let before = unsafe { begin.wrapping_add(2 * page() - 1).read_volatile() };
    // SAFETY: still mapped as it was.
    let after = unsafe { begin.wrapping_add(4 * page()).read_volatile() };
    assert_eq!((before, after), (9, 9));

    // Over itself, rounded down: what was attached there is not any more.
    let within = middle.checked_add(page() / 2).unwrap();
    // SAFETY: the mapping is forgotten.
    let result = unsafe { segment.attach_over(within, PLAIN) };
    assert_eq!(result.map(drop), Err(Errno::INVAL));
    core::mem::forget(attached);
    // SAFETY: the mapping is forgotten.
    let again = unsafe { segment.attach_over(within, AttachFlags::ROUND) }.unwrap();
    assert_eq!(address(&again), middle);
    assert_eq!(again.read::<u8>(0), Ok(5));
    assert_eq!(segment.status().unwrap().attached, 1);
    drop(again);
    assert_eq!(segment.status().unwrap().attached, 0);
    assert_eq!(of_smaps(middle, "Size"), None);
    for (from, len) in [(0, 2), (4, 2)] {
        // SAFETY: what is left of the forgotten mapping.
        let result =
            unsafe { rustix::mm::munmap(begin.wrapping_add(from * page()).cast(), len * page()) };
        assert_eq!(result, Ok(()));
    }
}

#[test]
fn removed_segment_goes_with_last_attachment() {
    let _check = begin();
    let key = fresh_key();
    let new = || memory::create(key, 100, SegmentFlags::empty(), Create::NEW);
    let segment = Temporary(new().unwrap());
    let mapping = segment.attach(PLAIN).unwrap();
    assert!(!segment.status().unwrap().removed);
    segment.remove().unwrap();
    let status = segment.status().unwrap();
    assert!(status.removed);
    assert_eq!((status.attached, status.permissions.key), (1, Key::PRIVATE));
    // The key is free, the identifier still means it.
    assert_eq!(memory::open(key), Err(Errno::NOENT));
    let successor = Temporary(new().unwrap());
    assert_ne!(*successor, *segment);
    let late = segment.attach(PLAIN).unwrap();
    drop(mapping);
    // A child has it attached too, and outlives us.
    let id = *segment;
    let mut child = Child::fork(|| {
        let alone = |segment: Segment| segment.status().is_ok_and(|status| status.attached == 1);
        while !alone(id) {
            core::hint::spin_loop();
        }
        i32::from(late.write(0, &1_u8).is_err())
    });
    drop(late);
    assert_eq!(child.wait(), End::Exited(0));
    for result in [segment.status().map(drop), segment.attach(PLAIN).map(drop)] {
        assert!(
            matches!(result, Err(Errno::INVAL | Errno::IDRM)),
            "{result:?}"
        );
    }
}

#[test]
fn bad_sizes_are_refused() {
    let _check = begin();
    assert_eq!(create(0, SegmentFlags::empty()), Err(Errno::INVAL));
    assert_eq!(create(usize::MAX, SegmentFlags::empty()), Err(Errno::INVAL));
    let limits = memory::limits().unwrap();
    if let Some(above) = limits.size.checked_add(1) {
        assert_eq!(create(above, SegmentFlags::empty()), Err(Errno::INVAL));
    }
    // More than there can be memory, but perhaps not more than the limits.
    let result = create(limits.size, SegmentFlags::empty())
        .map(Temporary)
        .map(drop);
    assert!(
        matches!(result, Err(Errno::NOSPC | Errno::NOMEM | Errno::INVAL)),
        "{result:?}"
    );
    // What Create says, flags do not.
    let flags = SegmentFlags::from_bits_retain(0o3777);
    let plain = Temporary(create(1, flags).unwrap());
    assert_eq!(
        plain
            .status()
            .unwrap()
            .permissions
            .access
            .mode
            .as_raw_mode(),
        0o600
    );

    let key = fresh_key();
    let open = |size| memory::create(key, size, SegmentFlags::empty(), Create::NEW.or_open());
    let segment = Temporary(open(100).unwrap());
    assert_eq!(open(100), Ok(*segment));
    assert_eq!(open(1), Ok(*segment));
    assert_eq!(open(0), Ok(*segment));
    assert_eq!(open(101), Err(Errno::INVAL));
    assert_eq!(
        memory::create(key, 100, SegmentFlags::empty(), Create::NEW),
        Err(Errno::EXIST)
    );
    assert_eq!(memory::open(key), Ok(*segment));
    assert_eq!(memory::open(Key::PRIVATE), Err(Errno::NOENT));
    assert_eq!(Segment::from_id(segment.id()), *segment);
}

#[test]
fn operations_on_missing_object_are_refused() {
    let _check = begin();
    let removed = segment(1);
    removed.remove().unwrap();
    let access = Access {
        owner: 0,
        group: 0,
        mode: Mode::RUSR,
    };
    let place = NonZero::new(1 << 40).unwrap();
    for segment in [*removed, Segment::from_id(-1), Segment::from_id(i32::MAX)] {
        let results = [
            segment.attach(PLAIN).map(drop),
            segment.attach_at(place, PLAIN).map(drop),
            segment.lock(),
            segment.unlock(),
            segment.status().map(drop),
            segment.set(access),
            segment.remove(),
        ];
        for (index, result) in results.into_iter().enumerate() {
            assert!(
                matches!(result, Err(Errno::INVAL | Errno::IDRM)),
                "{segment:?}, {index}: {result:?}"
            );
        }
    }
}

#[test]
fn mode_decides_about_others() {
    let _check = begin();
    let key = fresh_key();
    let flags = SegmentFlags::empty();
    let segment = Temporary(memory::create(key, 10, flags, Create::NEW).unwrap());
    let permissions = segment.status().unwrap().permissions;
    let attach = |flags| segment.attach(flags).map(drop);
    let refused = || {
        assert_eq!(attach(PLAIN), Err(Errno::ACCESS));
        assert_eq!(segment.lock(), Err(Errno::PERM));
        assert_eq!(segment.unlock(), Err(Errno::PERM));
        assert_eq!(segment.set(permissions.access), Err(Errno::PERM));
        assert_eq!(segment.remove(), Err(Errno::PERM));
        let found = memory::list()
            .unwrap()
            .flatten()
            .find(|(it, _)| it == &*segment);
        assert_eq!(found.unwrap().1.size, 10);
    };
    as_another_user(|| {
        refused();
        assert_eq!(attach(AttachFlags::READ_ONLY), Err(Errno::ACCESS));
        assert_eq!(segment.status().map(drop), Err(Errno::ACCESS));
        let or_open = Create::NEW.or_open();
        assert_eq!(memory::create(key, 10, flags, or_open), Err(Errno::ACCESS));
    });
    let access = |mode| Access {
        mode: Mode::from_bits_retain(mode),
        ..permissions.access
    };
    segment.set(access(0o604)).unwrap();
    as_another_user(|| {
        refused();
        attach(AttachFlags::READ_ONLY).unwrap();
        attach(AttachFlags::READ_ONLY | AttachFlags::EXECUTE).unwrap_err();
    });
    segment.set(access(0o605)).unwrap();
    as_another_user(|| attach(AttachFlags::READ_ONLY | AttachFlags::EXECUTE).unwrap());
    segment.set(access(0o606)).unwrap();
    as_another_user(|| attach(PLAIN).unwrap());
    // To write alone is not enough.
    segment.set(access(0o602)).unwrap();
    as_another_user(|| assert_eq!(attach(PLAIN), Err(Errno::ACCESS)));
    assert_eq!(segment.status().unwrap().attached, 0);
}

#[test]
fn locked_segment_stays_resident() {
    // Without privilege and without a limit to stay below.
    if PeerArgs::role("unprivileged").is_some() {
        let all_may = Create::NEW.mode(Mode::from_bits_retain(0o666));
        for (limit, expected) in [(page() as u64, Errno::NOMEM), (0, Errno::PERM)] {
            let limit = rustix::process::Rlimit {
                current: Some(limit),
                maximum: Some(limit),
            };
            rustix::process::setrlimit(rustix::process::Resource::Memlock, limit).unwrap();
            as_another_user(|| {
                let flags = SegmentFlags::empty();
                let size = 64 * page();
                let segment = memory::create(Key::PRIVATE, size, flags, all_may).unwrap();
                let result = segment.lock();
                segment.remove().unwrap();
                assert_eq!(result, Err(expected));
            });
        }
        return;
    }
    let _check = begin();
    let segment = segment(page());
    assert!(!segment.status().unwrap().locked);
    match segment.lock() {
        Ok(()) => {
            let status = segment.status().unwrap();
            assert!(status.locked);
            assert_eq!(status.permissions.access.mode.as_raw_mode(), 0o600);
            segment.lock().unwrap();
            segment.unlock().unwrap();
            assert!(!segment.status().unwrap().locked);
        }
        Err(errno) => {
            assert!(matches!(errno, Errno::NOMEM | Errno::PERM), "{errno:?}");
            skipped!("this user may lock no memory");
        }
    }
    Peer::start(test_name!(), "unprivileged", &[]).finish();
}

#[test]
fn huge_pages_are_requested() {
    let _check = begin();
    const MIB: usize = 1 << 20;
    let sizes = [
        (2 * MIB, SegmentFlags::HUGE_2MIB),
        (1024 * MIB, SegmentFlags::HUGE_1GIB),
    ];
    for (size, huge) in sizes {
        if !std::fs::exists(format!(
            "/sys/kernel/mm/hugepages/hugepages-{}kB",
            size >> 10
        ))
        .unwrap()
        {
            skipped!("this machine has no huge pages of {} MiB", size / MIB);
            continue;
        }
        // Not a multiple: it is detached whole all the same.
        for bytes in [size, size + 1] {
            // None need be reserved; nor is one accessed.
            let segment = match create(bytes, huge | SegmentFlags::NORESERVE) {
                Err(Errno::PERM) => {
                    skipped!("this user may have no huge pages");
                    continue;
                }
                result => Temporary(result.unwrap()),
            };
            assert_eq!(segment.status().unwrap().size, bytes);
            let mapping = segment.attach(PLAIN).unwrap();
            assert_eq!(mapping.len(), bytes);
            let place = address(&mapping);
            let (_, kernel_page) = of_smaps(place, "KernelPageSize").unwrap();
            assert_eq!(kernel_page, format!("{} kB", size >> 10));
            drop(mapping);
            assert_eq!(segment.status().unwrap().attached, 0);
            assert_eq!(of_smaps(place, "Size"), None);
        }
    }
    // A size that no machine has.
    let none = SegmentFlags::HUGE | SegmentFlags::from_bits_retain(13 << 26);
    assert_eq!(create(1, none), Err(Errno::INVAL));
    // The default size, of which there are perhaps enough.
    let result = create(1, SegmentFlags::HUGE).map(Temporary).map(drop);
    assert!(
        matches!(result, Ok(()) | Err(Errno::NOMEM | Errno::PERM)),
        "{result:?}"
    );
}

#[test]
fn status_reports_what_kernel_knows() {
    let _check = begin();
    let mode = Mode::from_bits_retain(0o642);
    let (key, flags) = (fresh_key(), SegmentFlags::NORESERVE);
    let segment = Temporary(memory::create(key, 5000, flags, Create::NEW.mode(mode)).unwrap());
    let new = segment.status().unwrap();
    assert_eq!(
        (new.permissions.key, new.permissions.access.mode),
        (key, mode)
    );
    assert_eq!(new.permissions.creator, rustix::process::geteuid().as_raw());
    assert_eq!(new.permissions.sequence, (segment.id() >> 15) as u16);
    let me = Some(rustix::process::getpid());
    assert_eq!((new.size, new.attached), (5000, 0));
    assert_eq!((new.creator, new.last_process), (me, None));
    assert_eq!((new.last_attached, new.last_detached), (None, None));
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64;
    // The kernel's own seconds begin a tick later.
    assert!((now - 5..=now).contains(&new.changed));
    let mapping = segment.attach(PLAIN).unwrap();
    mapping.fill(.., 1).unwrap();
    let attached = segment.status().unwrap();
    assert_eq!((attached.attached, attached.last_process), (1, me));
    assert!(attached.last_attached >= Some(now - 1) && attached.last_detached.is_none());
    let usage = memory::usage().unwrap();
    assert!(usage.segments >= 1 && usage.pages >= 2);
    assert!(usage.resident + usage.swapped >= 2);
    drop(mapping);
    assert!(segment.status().unwrap().last_detached >= Some(now - 1));

    let limits = memory::limits().unwrap();
    assert_eq!(limits.size, kernel_number("shmmax", 0));
    assert_eq!(limits.pages, kernel_number("shmall", 0));
    assert_eq!(limits.segments, kernel_number("shmmni", 0));
    assert_eq!(limits.smallest, 1);

    let more: Vec<_> = (1..20).map(self::segment).collect();
    let listed: Vec<_> = memory::list().unwrap().map(Result::unwrap).collect();
    for segment in more.iter().chain([&segment]) {
        let found: Vec<_> = listed
            .iter()
            .filter(|(found, _)| found == &**segment)
            .collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1, segment.status().unwrap());
    }
}

#[test]
fn objects_are_shared_with_libc() {
    let _check = begin();
    let key = fresh_key();
    let flags = SegmentFlags::empty();
    let segment = Temporary(memory::create(key, 4096, flags, Create::NEW).unwrap());
    // SAFETY: no memory is involved.
    assert_eq!(unsafe { libc::shmget(key.as_raw(), 4096, 0) }, segment.id());
    let ours = segment.attach(PLAIN).unwrap();
    ours.write_at(10, b"from rawipc").unwrap();
    // SAFETY: attaches where there is room.
    let theirs = unsafe { libc::shmat(segment.id(), core::ptr::null(), 0) }.cast::<u8>();
    // SAFETY: there are 4096 bytes.
    let bytes = unsafe { theirs.wrapping_add(10).cast::<[u8; 11]>().read() };
    assert_eq!(&bytes, b"from rawipc");
    // SAFETY: there are 4096 bytes.
    unsafe {
        theirs
            .wrapping_add(100)
            .cast::<[u8; 9]>()
            .write_volatile(*b"from libc")
    };
    assert_eq!(ours.read::<[u8; 9]>(100), Ok(*b"from libc"));
    // SAFETY: all zero is a value of it.
    let mut status: libc::shmid_ds = unsafe { core::mem::zeroed() };
    // SAFETY: the structure is borrowed.
    let result = unsafe { libc::shmctl(segment.id(), libc::IPC_STAT, &raw mut status) };
    assert_eq!(result, 0);
    let known = segment.status().unwrap();
    assert_eq!(status.shm_segsz, known.size);
    assert_eq!(status.shm_nattch as usize, known.attached);
    assert_eq!(status.shm_cpid, std::process::id() as i32);
    assert_eq!(status.shm_ctime, known.changed);
    // SAFETY: nobody uses it any more.
    assert_eq!(unsafe { libc::shmdt(theirs.cast()) }, 0);
    assert_eq!(segment.status().unwrap().attached, 1);
}
