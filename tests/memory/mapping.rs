//! Mappings: every kind, flag, protection, advice and error; what the kernel does
//! with them, and a second process.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;
use crate::{memfd_of, private, shared};

use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;

use rawipc::Errno;
use rawipc::memory::memfd::{self, Memfd, MemfdFlags};
use rawipc::memory::{
    AccessError, Advice, Lock, MapFlags, MapOptions, Mapping, Protection, SyncMode,
};
use rustix::process::{Resource, Rlimit, setrlimit};

use support::{LeakCheck, Peer, PeerArgs, page, pattern};

const READ_WRITE: Protection = Protection::READ.union(Protection::WRITE);

/// A file of a file system, without a name from now on.
fn file_of(size: usize, test: &str) -> File {
    let name = format!("rawipc-test-{}-{test}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .unwrap();
    std::fs::remove_file(path).unwrap();
    file.set_len(size as u64).unwrap();
    file
}

/// What `/proc` says of the mapping: the value of `field`.
///
/// Neighbouring private anonymous mappings become one there, if their flags are the
/// same: of such only the flags mean anything.
fn of_smaps(mapping: &Mapping, field: &str) -> Option<String> {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let address = mapping.as_ptr().addr();
    let is_it = |line: &str| {
        let range = line.split(' ').next().and_then(|word| word.split_once('-'));
        range.is_some_and(|(begin, end)| {
            let number = |text| usize::from_str_radix(text, 16);
            matches!((number(begin), number(end)), (Ok(b), Ok(e)) if (b..e).contains(&address))
        })
    };
    let mut lines = smaps.lines().skip_while(|line| !is_it(line));
    lines.next()?;
    let field = format!("{field}:");
    let line = lines.find(|line| line.starts_with(&field))?;
    Some(line[field.len()..].trim().to_owned())
}

fn has_flag(mapping: &Mapping, flag: &str) -> bool {
    let flags = of_smaps(mapping, "VmFlags").expect("the kernel lists flags");
    flags.split_whitespace().any(|word| word == flag)
}

/// How much of it is in memory, in bytes.
fn resident(mapping: &Mapping) -> usize {
    let text = of_smaps(mapping, "Rss").unwrap();
    text.trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[test]
fn shared_mappings_see_each_other_and_the_file() {
    let _check = LeakCheck::begin();
    let memfd = memfd_of(3 * page());
    let file = Memfd::from(file_of(3 * page(), "shared"));
    for memory in [memfd, file] {
        let whole = MapOptions::shared(3 * page()).map(&memory).unwrap();
        let last = MapOptions::shared(100)
            .offset(2 * page() as u64)
            .map(&memory)
            .unwrap();
        assert_eq!((whole.len(), whole.offset()), (3 * page(), 0));
        assert_eq!((last.len(), last.offset()), (100, 2 * page() as u64));
        assert_eq!(last.protection(), READ_WRITE);

        whole.write_at(2 * page() + 50, b"one").unwrap();
        assert_eq!(last.read::<[u8; 3]>(50), Ok(*b"one"));
        last.write_at(60, b"two").unwrap();
        assert_eq!(whole.read::<[u8; 3]>(2 * page() + 60), Ok(*b"two"));
        let mut bytes = [0; 13];
        memory.read_at(2 * page() as u64 + 50, &mut bytes).unwrap();
        assert_eq!(&bytes, b"one\0\0\0\0\0\0\0two");
        memory.write_at(0, b"three").unwrap();
        // The descriptor is not needed any more.
        drop(memory);
        assert_eq!(whole.read::<[u8; 5]>(0), Ok(*b"three"));
    }
}

#[test]
fn private_mapping_keeps_its_writes() {
    let _check = LeakCheck::begin();
    let memfd = memfd_of(page());
    memfd.write_at(0, b"theirs").unwrap();
    let ours = MapOptions::private(page()).map(&memfd).unwrap();
    let shared = MapOptions::shared(page()).map(&memfd).unwrap();
    assert_eq!(ours.read::<[u8; 6]>(0), Ok(*b"theirs"));
    ours.write_at(0, b"mine!!").unwrap();
    assert_eq!(ours.read::<[u8; 6]>(0), Ok(*b"mine!!"));
    assert_eq!(shared.read::<[u8; 6]>(0), Ok(*b"theirs"));
    shared.write_at(0, b"newer!").unwrap();
    assert_eq!(ours.read::<[u8; 6]>(0), Ok(*b"mine!!"));
    assert!(has_flag(&shared, "sh") && !has_flag(&ours, "sh"));
}

#[test]
fn impossible_mapping_is_refused() {
    let _check = LeakCheck::begin();
    let memfd = memfd_of(page());
    let one = MapOptions::shared(page());
    let refused = |options: MapOptions| options.map(&memfd).unwrap_err();
    assert_eq!(refused(MapOptions::shared(0)), Errno::INVAL);
    assert_eq!(refused(MapOptions::private(0)), Errno::INVAL);
    for offset in [1, 100, page() as u64 - 1, page() as u64 + 8] {
        assert_eq!(refused(one.offset(offset)), Errno::INVAL, "{offset}");
    }
    let last = u64::MAX - page() as u64 + 1;
    assert_eq!(refused(one.offset(last)), Errno::OVERFLOW);
    assert_eq!(refused(MapOptions::shared(usize::MAX)), Errno::NOMEM);
    assert_eq!(refused(MapOptions::shared(1 << 62)), Errno::NOMEM);
    assert_eq!(refused(one.flags(MapFlags::HUGE)), Errno::INVAL);
    assert_eq!(refused(one.flags(MapFlags::SYNC)), Errno::OPNOTSUPP);

    let nothing = MapOptions::shared(0).map_anonymous();
    assert_eq!(nothing.unwrap_err(), Errno::INVAL);
    let too_much = MapOptions::private(usize::MAX).map_anonymous();
    assert_eq!(too_much.unwrap_err(), Errno::NOMEM);
    for log2 in [1, 62, 63] {
        let odd = MapFlags::HUGE | MapFlags::from_bits_retain(log2 << 26);
        assert!(one.flags(odd).map_anonymous().is_err());
    }

    let (pipe, _other) = rustix::pipe::pipe().unwrap();
    let readable = one.protection(Protection::READ);
    assert_eq!(readable.map(&pipe).unwrap_err(), Errno::NODEV);

    let path = format!("/proc/self/fd/{}", memfd.as_raw_fd());
    let readable = File::open(&path).unwrap();
    assert_eq!(one.map(&readable).unwrap_err(), Errno::ACCESS);
    MapOptions::private(page()).map(&readable).unwrap();
    let mut ours = one.protection(Protection::READ).map(&readable).unwrap();
    assert_eq!(ours.protect(READ_WRITE), Err(Errno::ACCESS));
    assert_eq!(ours.write(0, &0_u8), Err(AccessError::Protected));
    let writable = OpenOptions::new().write(true).open(&path).unwrap();
    assert_eq!(one.map(&writable).unwrap_err(), Errno::ACCESS);
}

#[test]
fn mapping_flags_do_not_choose_address() {
    let _check = LeakCheck::begin();
    const MAP_PRIVATE: u32 = 2;
    const MAP_FIXED: u32 = 0x10;
    const MAP_ANONYMOUS: u32 = 0x20;
    let flags = MapFlags::from_bits_retain(MAP_FIXED | MAP_ANONYMOUS | MAP_PRIVATE);
    let memfd = memfd_of(page());
    let options = MapOptions::shared(page()).flags(flags);
    // At the address 0 it would be taken for refused.
    let mapping = options.map(&memfd).unwrap();
    mapping.write_at(0, b"file").unwrap();
    let mut bytes = [0; 4];
    memfd.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"file");
    assert!(has_flag(&options.map_anonymous().unwrap(), "sh"));
}

#[test]
fn flags_have_their_effects() {
    let _check = LeakCheck::begin();
    let len = 16 * page();
    let with = |flags| {
        MapOptions::shared(len)
            .flags(flags)
            .map_anonymous()
            .unwrap()
    };
    let plain = with(MapFlags::empty());
    assert_eq!(resident(&plain), 0);
    assert!(!has_flag(&plain, "nr") && !has_flag(&plain, "lo"));
    assert_eq!(resident(&with(MapFlags::POPULATE)), len);
    assert!(has_flag(&with(MapFlags::NORESERVE), "nr"));
    let locked = MapOptions::shared(page()).flags(MapFlags::LOCKED);
    let locked = locked.map_anonymous().unwrap();
    assert!(has_flag(&locked, "lo"));
    assert_eq!(resident(&locked), page());
}

#[test]
fn dropped_mapping_is_unmapped() {
    let _check = LeakCheck::begin();
    let name = format!("dropped-{}", std::process::id());
    let memfd = memfd::create(&*name, MemfdFlags::empty()).unwrap();
    memfd.set_size(10).unwrap();
    let is_mapped = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        maps.contains(&name)
    };
    let mapping = MapOptions::shared(10).map(&memfd).unwrap();
    assert!(is_mapped());
    drop(mapping);
    assert!(!is_mapped());
}

#[test]
fn instructions_run_in_executable_mapping_alone() {
    let _check = LeakCheck::begin();
    let code: &[u8] = if cfg!(target_arch = "x86_64") {
        // mov eax, 42; ret
        &[0xb8, 42, 0, 0, 0, 0xc3]
    } else {
        skipped!("no instructions of this machine are at hand");
        return;
    };
    let mut mapping = private(page());
    mapping.write_at(0, code).unwrap();
    mapping
        .protect(Protection::READ | Protection::EXECUTE)
        .unwrap();
    // SAFETY: a function of this machine, mapped executable.
    let answer =
        unsafe { core::mem::transmute::<*mut u8, extern "C" fn() -> u32>(mapping.as_ptr()) };
    assert_eq!(answer(), 42);
}

#[test]
fn advice_as_hint_changes_nothing() {
    let _check = LeakCheck::begin();
    let len = 8 * page();
    let bytes = pattern(len, 5);
    let memfd = memfd_of(len);
    let shared = MapOptions::shared(len).map(&memfd).unwrap();
    let anonymous = private(len);
    for (mapping, advice) in [
        (&shared, Advice::Normal),
        (&shared, Advice::Random),
        (&shared, Advice::Sequential),
        (&shared, Advice::WillNeed),
        (&shared, Advice::Cold),
        (&shared, Advice::PageOut),
        (&shared, Advice::PopulateRead),
        (&shared, Advice::PopulateWrite),
        (&shared, Advice::DontNeed),
        (&shared, Advice::DontNeedLocked),
        (&shared, Advice::DontDump),
        (&shared, Advice::DoDump),
        (&shared, Advice::DontFork),
        (&shared, Advice::DoFork),
        (&anonymous, Advice::HugePage),
        (&anonymous, Advice::NoHugePage),
        (&anonymous, Advice::Mergeable),
        (&anonymous, Advice::Unmergeable),
        (&anonymous, Advice::WipeOnFork),
        (&anonymous, Advice::KeepOnFork),
        (&anonymous, Advice::Collapse),
    ] {
        mapping.write_at(0, &bytes).unwrap();
        match mapping.advise(.., advice) {
            Ok(()) => {}
            Err(Errno::INVAL) => skipped!("no {advice:?} in this kernel, or not here"),
            Err(errno) => panic!("{advice:?}: {errno}"),
        }
        let mut after = vec![0; len];
        mapping.read_at(0, &mut after).unwrap();
        assert!(after == bytes, "{advice:?}");
    }
}

#[test]
fn advice_reaches_the_kernel() {
    let _check = LeakCheck::begin();
    let mapping = private(4 * page());
    for (on, off, flag) in [
        (Advice::Random, Advice::Normal, "rr"),
        (Advice::Sequential, Advice::Normal, "sr"),
        (Advice::DontDump, Advice::DoDump, "dd"),
        (Advice::DontFork, Advice::DoFork, "dc"),
        (Advice::WipeOnFork, Advice::KeepOnFork, "wf"),
        (Advice::Mergeable, Advice::Unmergeable, "mg"),
        (Advice::HugePage, Advice::NoHugePage, "hg"),
        (Advice::NoHugePage, Advice::HugePage, "nh"),
    ] {
        assert!(!has_flag(&mapping, flag), "{on:?}");
        match mapping.advise(.., on) {
            Ok(()) => assert!(has_flag(&mapping, flag), "{on:?}"),
            Err(Errno::INVAL) => skipped!("no {on:?} in this kernel"),
            Err(errno) => panic!("{on:?}: {errno}"),
        }
        let _ = mapping.advise(.., off);
        assert!(!has_flag(&mapping, flag), "{off:?}");
        let _ = mapping.advise(.., Advice::NoHugePage);
        // Both flags of huge pages stay until the other is set.
        if flag == "hg" {
            mapping.advise(.., Advice::HugePage).unwrap_or(());
        }
    }
    let memory = shared(4 * page());
    memory
        .advise(page()..3 * page(), Advice::PopulateWrite)
        .unwrap();
    assert_eq!(resident(&memory), 2 * page());
    memory.advise(..2 * page(), Advice::DontNeed).unwrap();
    assert_eq!(resident(&memory), page());
}

#[test]
fn advice_changes_contents_in_its_range_alone() {
    let _check = LeakCheck::begin();
    let memfd = memfd_of(2 * page());
    memfd.write_at(0, b"file").unwrap();
    let shared = MapOptions::shared(2 * page()).map(&memfd).unwrap();
    let copy = MapOptions::private(2 * page()).map(&memfd).unwrap();
    let memory = private(2 * page());

    copy.write_at(0, b"mine").unwrap();
    copy.advise(.., Advice::DontNeed).unwrap();
    assert_eq!(copy.read::<[u8; 4]>(0), Ok(*b"file"));

    memory.fill(.., 1).unwrap();
    memory.advise(page().., Advice::DontNeed).unwrap();
    assert_eq!(memory.read::<u8>(0), Ok(1));
    assert_eq!(memory.read::<u8>(page()), Ok(0));

    memory.fill(.., 1).unwrap();
    memory.advise(.., Advice::Free).unwrap();
    assert!(memory.read::<u8>(0).unwrap() <= 1);
    memory.fill(.., 2).unwrap();
    assert_eq!(memory.read::<u8>(0), Ok(2));

    shared.write(page(), &5_u8).unwrap();
    shared.advise(..page(), Advice::Remove).unwrap();
    let mut bytes = [9; 4];
    memfd.read_at(0, &mut bytes).unwrap();
    assert_eq!(bytes, [0; 4]);
    assert_eq!(shared.read::<u8>(page()), Ok(5));

    for lock in [Lock::Now, Lock::OnFault] {
        memory.fill(.., 3).unwrap();
        memory.lock(.., lock).unwrap();
        assert_eq!(memory.advise(.., Advice::DontNeed), Err(Errno::INVAL));
        match memory.advise(.., Advice::DontNeedLocked) {
            Ok(()) => assert_eq!(memory.read::<u8>(0), Ok(0)),
            Err(errno) => skipped!("no DontNeedLocked: {errno}"),
        }
        memory.unlock(..).unwrap();
    }
}

#[test]
fn impossible_advice_is_refused() {
    let _check = LeakCheck::begin();
    let memfd = memfd_of(page());
    let shared = MapOptions::shared(4 * page()).map(&memfd).unwrap();
    let readable = MapOptions::shared(page()).protection(Protection::READ);
    let readable = readable.map(&memfd).unwrap();
    for mapping in [&shared, &readable] {
        let outside = mapping.advise(..=mapping.len(), Advice::Normal);
        assert_eq!(outside, Err(Errno::RANGE));
        assert_eq!(mapping.advise(1.., Advice::Normal), Err(Errno::INVAL));
        assert_eq!(mapping.advise(.., Advice::Free), Err(Errno::INVAL));
        assert_eq!(mapping.advise(.., Advice::WipeOnFork), Err(Errno::INVAL));
    }
    let copy = MapOptions::private(page()).map(&memfd).unwrap();
    assert_eq!(copy.advise(.., Advice::Remove), Err(Errno::ACCESS));
    assert_eq!(
        readable.advise(.., Advice::PopulateWrite),
        Err(Errno::INVAL)
    );
    // Beyond the end of the file an access would be a SIGBUS.
    assert_eq!(shared.advise(.., Advice::PopulateRead), Err(Errno::FAULT));
    assert_eq!(
        shared.advise(page().., Advice::PopulateWrite),
        Err(Errno::FAULT)
    );
    shared.advise(..page(), Advice::PopulateRead).unwrap();
    // Those of broken memory are not tried on memory that works.
    assert_eq!(shared.advise(1.., Advice::HwPoison), Err(Errno::INVAL));
    assert_eq!(shared.advise(1.., Advice::SoftOffline), Err(Errno::INVAL));
}

#[test]
fn guard_page_kills_who_touches_it() {
    const SIGSEGV: i32 = 11;
    if let Some(mut half) = PeerArgs::role("touches") {
        no_core();
        let mapping = private(2 * page());
        mapping.fill(.., 1).unwrap();
        match mapping.advise(page().., Advice::GuardInstall) {
            Err(Errno::INVAL) => return half.channel.say("skip"),
            result => result.unwrap(),
        }
        assert_eq!(mapping.read::<u8>(0), Ok(1));
        mapping.advise(page().., Advice::GuardRemove).unwrap();
        assert_eq!(mapping.read::<u8>(page()), Ok(0));
        mapping.advise(page().., Advice::GuardInstall).unwrap();
        half.channel.say("guarded");
        let _ = mapping.read::<u8>(page());
        unreachable!("the documented SIGSEGV");
    }
    let _check = LeakCheck::begin();
    let mut peer = Peer::start(test_name!(), "touches", &[]);
    match &*peer.channel().hear() {
        "guarded" => assert_eq!(peer.wait().signal(), Some(SIGSEGV)),
        _ => skipped!("no guard pages in this kernel"),
    }
}

fn no_core() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).unwrap();
}

/// What `act` does in a child made by fork is done when this returns.
fn in_forked_child(act: impl FnMut() -> std::io::Result<()> + Send + Sync + 'static) {
    let mut command = Command::new("/bin/true");
    // SAFETY: the closures of these tests only copy bytes of mappings.
    unsafe { command.pre_exec(act) };
    assert!(command.status().unwrap().success());
}

/// A mapping as a child made by fork has it too.
fn leaked(mapping: Mapping) -> &'static Mapping {
    Box::leak(Box::new(mapping))
}

#[test]
fn forked_child_shares_shared_mapping() {
    let _check = LeakCheck::begin();
    let (shared, own) = (leaked(shared(page())), leaked(private(page())));
    in_forked_child(|| {
        shared.write(0, &5_u8).unwrap();
        own.write(0, &5_u8).unwrap();
        Ok(())
    });
    assert_eq!(shared.read::<u8>(0), Ok(5));
    assert_eq!(own.read::<u8>(0), Ok(0));

    own.write(0, &7_u8).unwrap();
    let seen = || {
        in_forked_child(|| {
            shared.write(0, &own.read::<u8>(0).unwrap()).unwrap();
            Ok(())
        });
        shared.read::<u8>(0).unwrap()
    };
    assert_eq!(seen(), 7);
    own.advise(.., Advice::WipeOnFork).unwrap();
    assert_eq!(seen(), 0);
    own.advise(.., Advice::KeepOnFork).unwrap();
    assert_eq!(seen(), 7);

    own.advise(.., Advice::DontFork).unwrap();
    in_forked_child(|| {
        let maps = std::fs::read("/proc/self/maps").unwrap();
        let begin = format!("{:x}-", own.as_ptr().addr());
        let is_there = maps
            .windows(begin.len())
            .any(|bytes| bytes == begin.as_bytes());
        shared.write(0, &u8::from(is_there)).unwrap();
        Ok(())
    });
    assert_eq!(shared.read::<u8>(0), Ok(0));
    assert_eq!(own.read::<u8>(0), Ok(7));
}

#[test]
fn sync_writes_file_back() {
    let _check = LeakCheck::begin();
    let file = file_of(2 * page(), "sync");
    let mapping = MapOptions::shared(2 * page()).map(&file).unwrap();
    mapping.write_at(0, b"written").unwrap();
    for mode in [SyncMode::Wait, SyncMode::Schedule, SyncMode::Invalidate] {
        mapping.sync(.., mode).unwrap();
        mapping.sync(page().., mode).unwrap();
        mapping.sync(0..100, mode).unwrap();
        assert_eq!(mapping.sync(1.., mode), Err(Errno::INVAL));
        assert_eq!(mapping.sync(..=2 * page(), mode), Err(Errno::RANGE));
    }
    let mut bytes = [0; 7];
    std::os::unix::fs::FileExt::read_at(&file, &mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"written");
    mapping.lock(.., Lock::Now).unwrap();
    let refused = mapping.sync(.., SyncMode::Invalidate);
    assert_eq!(refused, Err(Errno::BUSY));
    mapping.sync(.., SyncMode::Wait).unwrap();
}

#[test]
fn locked_memory_is_resident() {
    let _check = LeakCheck::begin();
    let mapping = shared(4 * page());
    mapping.lock(.., Lock::OnFault).unwrap();
    assert!(has_flag(&mapping, "lf"));
    assert_eq!(resident(&mapping), 0);
    mapping.lock(.., Lock::Now).unwrap();
    assert!(has_flag(&mapping, "lo"));
    assert_eq!(resident(&mapping), 4 * page());
    mapping.unlock(..).unwrap();
    assert!(!has_flag(&mapping, "lo"));
    assert_eq!(mapping.lock(5 * page().., Lock::Now), Err(Errno::RANGE));
}

#[test]
fn lock_beyond_limit_is_refused() {
    if let Some(_half) = PeerArgs::role("limited") {
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        setrlimit(Resource::Memlock, none).unwrap();
        let lock = private(page()).lock(.., Lock::Now);
        let options = MapOptions::private(page()).flags(MapFlags::LOCKED);
        let map = options.map_anonymous();
        if lock.is_ok() {
            skipped!("a process with this privilege has no limit");
            map.unwrap();
        } else {
            assert_eq!(lock, Err(Errno::PERM));
            assert!(matches!(map, Err(Errno::PERM | Errno::AGAIN)));
        }
        return;
    }
    let _check = LeakCheck::begin();
    Peer::start(test_name!(), "limited", &[]).finish();
}

/// Huge pages of one size, reserved while this lives: as many more as before.
struct Reserved {
    /// Locked, so that two runs of this test do not restore each other's number.
    _lock: File,
    path: String,
    before: usize,
}

impl Reserved {
    fn number(path: &str) -> Option<usize> {
        std::fs::read_to_string(path).ok()?.trim().parse().ok()
    }

    fn new(kib: usize, pages: usize) -> Option<Self> {
        let folder = format!("/sys/kernel/mm/hugepages/hugepages-{kib}kB");
        let path = format!("{folder}/nr_hugepages");
        let lock = File::open(&path).ok()?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).ok()?;
        let before = Self::number(&path)?;
        let free = || Self::number(&format!("{folder}/free_hugepages")).unwrap_or(0);
        let reserved = Self {
            _lock: lock,
            path,
            before,
        };
        if free() < pages {
            // Only root may; restored when dropped.
            let wanted = before + pages - free();
            std::fs::write(&reserved.path, wanted.to_string()).ok()?;
        }
        (free() >= pages).then_some(reserved)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if Self::number(&self.path) != Some(self.before) {
            std::fs::write(&self.path, self.before.to_string()).unwrap();
        }
    }
}

#[test]
fn huge_pages_are_huge_and_returned() {
    let _check = LeakCheck::begin();
    let default = std::fs::read_to_string("/proc/meminfo").unwrap();
    let default = default
        .lines()
        .find_map(|line| line.strip_prefix("Hugepagesize:")?.strip_suffix("kB"))
        .map_or(0, |kib| kib.trim().parse().unwrap());
    // Of the largest only one, as it takes its time.
    for (kib, pages, memfd_flags, map_flags) in [
        (2048, 2, MemfdFlags::HUGE_2MIB, MapFlags::HUGE_2MIB),
        (default, 2, MemfdFlags::HUGE, MapFlags::HUGE),
        (1 << 20, 1, MemfdFlags::HUGE_1GIB, MapFlags::HUGE_1GIB),
    ] {
        let Some(_reserved) = Reserved::new(kib, pages) else {
            skipped!("no {pages} huge pages of {kib} KiB are reserved, nor can be");
            continue;
        };
        let huge = kib * 1024;
        let free = || {
            let path = format!("/sys/kernel/mm/hugepages/hugepages-{kib}kB/free_hugepages");
            Reserved::number(&path).unwrap()
        };
        let is_huge = |mapping: &Mapping| {
            let size = of_smaps(mapping, "KernelPageSize").unwrap();
            assert_eq!(size, format!("{kib} kB"));
        };
        let before = free();
        // The kernel may take its time, and another program may borrow one.
        let all_are_given_back = || {
            let begin = std::time::Instant::now();
            while free() != before {
                assert!(begin.elapsed() < support::LIMIT, "{} of {before}", free());
                std::thread::yield_now();
            }
        };

        let memfd = memfd::create("rawipc-test", memfd_flags).unwrap();
        assert_eq!(memfd.set_size(1000), Err(Errno::INVAL));
        memfd.set_size((pages * huge) as u64).unwrap();
        assert_eq!(memfd.write_at(0, &[1]), Err(Errno::INVAL));
        // A length within a page.
        for len in [pages * huge, pages * huge - 1000, 1000] {
            let mut mapping = MapOptions::shared(len).map(&memfd).unwrap();
            is_huge(&mapping);
            assert_eq!(mapping.len(), len);
            mapping.write(len - 1, &1_u8).unwrap();
            assert_eq!(mapping.read::<u8>(len), Err(AccessError::OutOfBounds));
            assert_eq!(memfd.read_at(len as u64 - 1, &mut [0]), Ok(1));
            mapping.protect(Protection::READ).unwrap();
            mapping.advise(.., Advice::DontNeed).unwrap();
            mapping.sync(.., SyncMode::Wait).unwrap();
            // Shorter by whole pages, and no longer.
            mapping.resize(1).unwrap();
            assert_eq!(mapping.resize(2 * huge), Err(Errno::INVAL));
            mapping.resize(huge).unwrap();
            is_huge(&mapping);
            assert_eq!(mapping.len(), huge);
        }
        let misaligned = MapOptions::shared(1000).offset(page() as u64).map(&memfd);
        assert_eq!(misaligned.unwrap_err(), Errno::INVAL);
        // More than there is: a promise is refused at once, not by a SIGBUS.
        let much = memfd::create("rawipc-test", memfd_flags).unwrap();
        let refused = MapOptions::shared(before * huge + huge).map(&much);
        assert_eq!(refused.unwrap_err(), Errno::NOMEM);
        drop((memfd, much));
        all_are_given_back();

        let some = pages * huge - 1000;
        for options in [MapOptions::shared(some), MapOptions::private(1000)] {
            let mapping = options.flags(map_flags).map_anonymous().unwrap();
            is_huge(&mapping);
            mapping.write(mapping.len() - 1, &1_u8).unwrap();
            assert!(free() < before);
            drop(mapping);
            all_are_given_back();
        }
    }
}

#[test]
fn any_descriptor_can_be_mapped() {
    let _check = LeakCheck::begin();
    let zero = File::options().read(true).write(true).open("/dev/zero");
    let mapping = MapOptions::private(page()).map(zero.unwrap()).unwrap();
    mapping.write(0, &1_u8).unwrap();
    let owned: OwnedFd = memfd_of(page()).into();
    MapOptions::shared(page()).map(&owned).unwrap();
}
