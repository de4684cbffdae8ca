//! The regions of a process's memory: of every kind, through buffers of every size, of the
//! dead and of the forbidden, and text that the kernel would not write.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::pid;
use crate::support;

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use proptest::prelude::*;
use rawipc::memory::memfd::{self, MemfdFlags};
use rawipc::memory::{MapOptions, Protection};
use rawipc::process::maps::{
    self, BUFFER, Device, MIN_BUFFER, Malformed, Maps, Name, Permissions, Region,
};
use rawipc::process::memory::Address;
use rawipc::{Errno, Pid};
use support::child::become_nobody;
use support::filter::{Refusal, refuse};
use support::{Child, End, LIMIT, LeakCheck, Peer, PeerArgs};

/// A region, kept.
#[derive(Clone, Debug, PartialEq)]
struct Kept {
    text: String,
    start: Address,
    end: Address,
    cut: bool,
    file: Option<(Vec<u8>, bool)>,
}

impl From<Region<'_>> for Kept {
    fn from(region: Region<'_>) -> Self {
        Self {
            text: region.to_string(),
            start: region.start,
            end: region.end,
            cut: region.cut,
            file: match region.name {
                Name::File(path) => Some((path.unescaped().collect(), path.is_deleted())),
                _ => None,
            },
        }
    }
}

/// All regions, through a buffer of so many bytes.
fn all(maps: &mut Maps, buffer: usize) -> Vec<Kept> {
    let mut buffer = vec![0; buffer];
    let mut regions = maps.regions(&mut buffer);
    let mut all = Vec::new();
    while let Some(region) = regions.next() {
        all.push(region.unwrap().into());
    }
    assert!(regions.next().is_none());
    all
}

/// A peer that has the kinds of memory there are, and does nothing.
struct Various {
    peer: Peer,
    folder: PathBuf,
}

impl Drop for Various {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

const ODD_NAME: &[u8] = b"new\nline and \\012 (deleted)";

fn various(test: &str) -> Various {
    let name = format!("rawipc-test-{}-{test}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    // Paths longer than small buffers.
    let inner = ["x", "y", "z"]
        .iter()
        .fold(folder.clone(), |path, part| path.join(part.repeat(200)));
    std::fs::create_dir_all(&inner).unwrap();
    let mut peer = Peer::start(test, "various", &[]);
    peer.say(inner.to_str().unwrap());
    peer.expect("ready");
    Various { peer, folder }
}

fn finish(mut various: Various) {
    various.peer.say("end");
    assert!(various.peer.wait().success());
}

fn be_various() -> bool {
    let Some(mut args) = PeerArgs::role("various") else {
        return false;
    };
    let folder = PathBuf::from(args.channel.hear());
    let file = |name: &[u8]| {
        let path = folder.join(std::ffi::OsString::from_vec(name.to_vec()));
        let mut file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .unwrap();
        file.write_all(&[1; 3 * 4096]).unwrap();
        (file, path)
    };
    let (kept, _) = file(b"kept");
    let (odd, _) = file(ODD_NAME);
    let (gone, path) = file(b"gone");
    std::fs::remove_file(path).unwrap();
    let memfd = memfd::create("a memfd", MemfdFlags::empty()).unwrap();
    memfd.set_size(4096).unwrap();
    let shared = MapOptions::shared(4096);
    let mappings = [
        MapOptions::shared(4096).offset(4096).map(&kept).unwrap(),
        MapOptions::private(4096)
            .protection(Protection::READ)
            .map(&kept)
            .unwrap(),
        shared.map(&odd).unwrap(),
        shared.map(&gone).unwrap(),
        shared.map(&memfd).unwrap(),
        shared.map_anonymous().unwrap(),
        MapOptions::private(5 * 4096).map_anonymous().unwrap(),
    ];
    let named = mappings.last().unwrap();
    // SAFETY: nobody else has it, and only the address is taken.
    let address = unsafe { named.as_slice() }.unwrap().as_ptr();
    // SAFETY: a region of this process, which gets a name.
    unsafe {
        libc::prctl(
            libc::PR_SET_VMA,
            libc::PR_SET_VMA_ANON_NAME,
            address,
            named.len(),
            c"five pages".as_ptr(),
        )
    };
    args.channel.say("ready");
    args.channel.expect("end");
    true
}

#[test]
fn regions_match_the_kernels_lines() {
    if be_various() {
        return;
    }
    let _check = LeakCheck::begin();
    let various = various(test_name!());
    let pid = pid(&various.peer);
    let text = std::fs::read_to_string(format!("/proc/{}/maps", pid.as_raw_nonzero())).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut maps = maps::open(pid).unwrap();
    for buffer in [1 << 20, 10_000, BUFFER, 4096, 1000] {
        let all = all(&mut maps, buffer);
        let texts: Vec<&str> = all.iter().map(|region| region.text.as_str()).collect();
        assert_eq!(texts, lines, "{buffer}");
        assert!(all.iter().all(|region| !region.cut));
    }
    // Small buffers: all the same but the ends of long names.
    for buffer in [MIN_BUFFER, MIN_BUFFER + 1, 200, 255, 400, 777] {
        let all = all(&mut maps, buffer);
        assert_eq!(all.len(), lines.len(), "{buffer}");
        for (region, line) in all.iter().zip(&lines) {
            assert_eq!(region.cut, line.len() >= buffer, "{buffer}, {line}");
            let shown = region.text.as_bytes();
            let read = &line.as_bytes()[..line.len().min(buffer)];
            assert!(shown == read, "{buffer}: {region:?}, {line}");
        }
    }
    assert!(lines.iter().any(|line| line.len() > 600));
    finish(various);
}

#[test]
fn region_names_are_distinguished() {
    if be_various() {
        return;
    }
    let _check = LeakCheck::begin();
    let various = various(test_name!());
    let mut maps = maps::open(pid(&various.peer)).unwrap();
    let mut buffer = [0; BUFFER];
    let (mut stack, mut vdso, mut anonymous, mut named) = (0, 0, 0, 0);
    let mut regions = maps.regions(&mut buffer);
    while let Some(region) = regions.next() {
        let region = region.unwrap();
        assert!(region.start < region.end);
        assert_eq!(region.len() % 4096, 0);
        assert_eq!(region.address_range().len, region.len());
        match region.name {
            Name::Stack => stack += 1,
            Name::Vdso => vdso += 1,
            Name::Anonymous => {
                anonymous += 1;
                assert_eq!(region.inode, 0);
                assert_eq!(region.device, Device::default());
            }
            Name::Named(name) => named += i32::from(name == b"five pages"),
            Name::Other(name) => panic!("{}", name.escape_ascii()),
            _ => {}
        }
    }
    assert_eq!((stack, vdso), (1, 1));
    assert!(anonymous > 0);
    if named == 0 {
        skipped!("this kernel gives no names to memory");
    }

    let files: Vec<_> = all(&mut maps, BUFFER)
        .into_iter()
        .filter_map(|region| Some((region.file.clone()?, region)))
        .collect();
    let of = |path: &[u8]| -> Vec<_> {
        files
            .iter()
            .filter(|((bytes, _), _)| bytes.ends_with(path))
            .collect()
    };
    assert_eq!(of(b"/kept").len(), 2);
    assert!(of(b"/kept").iter().all(|((_, deleted), _)| !deleted));
    let [((_, deleted), region)] = of(b"/gone")[..] else {
        panic!()
    };
    assert!(deleted);
    let inode = region.text.split_whitespace().nth(4).unwrap();
    assert_ne!(inode, "0");
    assert!(matches!(of(b"/memfd:a memfd")[..], [((_, true), _)]));
    assert!(matches!(of(b"/dev/zero")[..], [((_, true), _)]));
    // What the kernel's text cannot tell is read as its documentation says.
    let [((path, deleted), _)] = of(b"new\nline and \n")[..] else {
        panic!("{files:?}")
    };
    assert!(deleted);
    let folder = various.folder.as_os_str().as_bytes();
    assert!(path.starts_with(folder));
    finish(various);
}

#[test]
fn permissions_and_offsets_are_read() {
    if be_various() {
        return;
    }
    let _check = LeakCheck::begin();
    let various = various(test_name!());
    let mut maps = maps::open(pid(&various.peer)).unwrap();
    let mut buffer = [0; BUFFER];
    let mut seen = Vec::new();
    let mut regions = maps.regions(&mut buffer);
    while let Some(region) = regions.next() {
        let region = region.unwrap();
        if let Name::File(path) = region.name
            && path.bytes().ends_with(b"/kept")
        {
            seen.push((region.permissions, region.offset, region.len()));
        }
        if region.name == Name::Stack {
            assert!(
                region
                    .permissions
                    .contains(Permissions::READ | Permissions::WRITE)
            );
        }
        if region.name == Name::Vdso {
            assert_eq!(region.permissions, Permissions::READ | Permissions::EXECUTE);
        }
    }
    seen.sort_by_key(|(_, offset, _)| *offset);
    let both = Permissions::READ | Permissions::WRITE;
    assert_eq!(
        seen,
        [
            (Permissions::READ, 0, 4096),
            (both | Permissions::SHARED, 4096, 4096)
        ]
    );
    finish(various);
}

/// One address at a time, by the kernel's own search and by ours.
fn assert_found(maps: &mut Maps) {
    let all = all(maps, BUFFER);
    let mut buffer = [0; BUFFER];
    let same = |found: Option<Region<'_>>, region: &Kept, at: Address| {
        let Some(found) = found.map(Kept::from) else {
            panic!("nothing at {at}");
        };
        assert_eq!((found.start, found.end), (region.start, region.end));
        // Of the ambiguous names one of the two ways is right.
        if !region.text.contains("\\012") {
            assert_eq!(found, *region);
        }
    };
    let mut last = Address::new(0);
    for region in &all {
        for at in [region.start, region.end.wrapping_add(usize::MAX)] {
            same(maps.find(at, &mut buffer).unwrap(), region, at);
            same(maps.find_from(at, &mut buffer).unwrap(), region, at);
        }
        if last < region.start {
            assert_eq!(maps.find(last, &mut buffer), Ok(None));
            same(maps.find_from(last, &mut buffer).unwrap(), region, last);
        }
        last = region.end;
    }
    assert_eq!(maps.find(last, &mut buffer), Ok(None));
    let top = Address::new(usize::MAX);
    assert_eq!(maps.find_from(top, &mut buffer), Ok(None));
    // A buffer for the name, and how it can be too small.
    let long = all.iter().find(|region| region.text.len() > 500).unwrap();
    for len in [MIN_BUFFER, 300] {
        let found = maps.find(long.start, &mut buffer[..len]);
        assert_eq!(found, Err(Errno::NAMETOOLONG));
    }
    for len in [0, 1, MIN_BUFFER - 1] {
        let found = maps.find(long.start, &mut buffer[..len]);
        assert_eq!(found, Err(Errno::INVAL));
        let mut regions = maps.regions(&mut buffer[..len]);
        assert_eq!(regions.next(), Some(Err(Errno::INVAL)));
        assert_eq!(regions.next(), None);
    }
}

/// A thread of this process whose `PROCMAP_QUERY` is refused, as by an older kernel.
const NO_QUERY: &[Refusal] = &[Refusal {
    number: libc::SYS_ioctl,
    argument: 1,
    mask: u32::MAX,
    value: 0xc068_6611,
    errno: libc::ENOTTY,
}];

#[test]
fn find_returns_the_region_of_an_address() {
    if be_various() {
        return;
    }
    let _check = LeakCheck::begin();
    let various = various(test_name!());
    let mut maps = maps::open(pid(&various.peer)).unwrap();
    assert_found(&mut maps);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            if refuse(NO_QUERY) {
                assert_found(&mut maps);
            } else {
                skipped!("this system has no filters");
            }
        });
    });
    finish(various);
}

/// The kernel's own search knows the name as it is.
#[test]
fn find_on_new_kernels_returns_exact_names() {
    if be_various() {
        return;
    }
    let _check = LeakCheck::begin();
    let various = various(test_name!());
    let mut maps = maps::open(pid(&various.peer)).unwrap();
    let regions = all(&mut maps, BUFFER);
    let odd = regions
        .iter()
        .find(|region| region.text.contains("\\012"))
        .unwrap();
    let mut buffer = [0; BUFFER];
    let found = Kept::from(maps.find(odd.start, &mut buffer).unwrap().unwrap());
    let (path, deleted) = found.file.unwrap();
    if path.ends_with(b"new\nline and \\012") {
        // Its own end is taken for the kernel's.
        assert!(deleted);
    } else {
        skipped!("this kernel does not search");
        assert!(path.ends_with(b"new\nline and \n"));
    }
    finish(various);
}

/// Waits until a process has ended, and does not reap it.
fn await_zombie(pid: Pid) {
    let pidfd = rawipc::process::pidfd::open(pid).unwrap();
    pidfd
        .wait_exit_until(rawipc::Deadline::after(LIMIT))
        .unwrap();
}

fn assert_gone(maps: &mut Maps) {
    let mut buffer = [0; BUFFER];
    let mut regions = maps.regions(&mut buffer);
    assert_eq!(regions.next(), Some(Err(Errno::SRCH)));
    assert_eq!(regions.next(), None);
    let anywhere = Address::new(4096);
    assert_eq!(maps.find(anywhere, &mut buffer), Err(Errno::SRCH));
    assert_eq!(maps.find_from(anywhere, &mut buffer), Err(Errno::SRCH));
}

#[test]
fn ended_processes_have_no_regions() {
    if be_various() {
        return;
    }
    let _check = LeakCheck::begin();
    let mut various = various(test_name!());
    let pid = pid(&various.peer);
    let mut maps = maps::open(&rawipc::process::pidfd::open(pid).unwrap()).unwrap();
    let mut buffer = [0; 300];
    let mut regions = maps.regions(&mut buffer);
    assert!(matches!(regions.next(), Some(Ok(_))));
    various.peer.kill_only();
    await_zombie(pid);
    // In between: what was read already, then the end in one way or the other.
    while let Some(region) = regions.next() {
        if let Err(errno) = region {
            assert_eq!(errno, Errno::SRCH);
        }
    }
    assert_gone(&mut maps);
    // A file that was never opened: at once or with the first call, by kernel.
    match maps::open(pid) {
        Ok(mut maps) => assert_gone(&mut maps),
        Err(errno) => assert_eq!(errno, Errno::SRCH),
    }
    various.peer.wait();
    assert_gone(&mut maps);
    assert_eq!(maps::open(pid).map(drop), Err(Errno::SRCH));
}

/// Killed at any moment while its regions are read: never anything else than regions and
/// an end.
#[test]
fn death_during_iteration_ends_it() {
    let _check = LeakCheck::begin();
    for round in 0..100_u32 {
        let mut child = Child::fork(|| {
            loop {
                std::thread::yield_now();
            }
        });
        let mut maps = maps::open(Pid::from_raw(child.id()).unwrap()).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                sender.send(()).unwrap();
                let mut buffer = [0; 600];
                loop {
                    let mut regions = maps.regions(&mut buffer);
                    let mut last = Address::new(0);
                    while let Some(region) = regions.next() {
                        match region {
                            Ok(region) => {
                                assert!(region.start >= last);
                                last = region.end;
                            }
                            Err(errno) => {
                                assert_eq!(errno, Errno::SRCH);
                                return;
                            }
                        }
                    }
                }
            });
            receiver.recv().unwrap();
            for _ in 0..round * 20 {
                core::hint::spin_loop();
            }
            child.kill();
        });
        assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    }
}

#[test]
fn another_user_is_refused() {
    let _check = LeakCheck::begin();
    if !support::needs::root() {
        return;
    }
    let us = rustix::process::getpid();
    let mut child = Child::fork(|| {
        if !become_nobody() {
            return 99;
        }
        i32::from(!matches!(maps::open(us), Err(Errno::PERM)))
    });
    assert_eq!(child.wait(), End::Exited(0));
}

// --- Text that the kernel did not write ---

/// Maps of any text.
fn maps_of(text: &[u8]) -> Maps {
    let memfd = memfd::create("rawipc-test", MemfdFlags::empty()).unwrap();
    memfd.set_size(text.len() as u64).unwrap();
    memfd.write_at(0, text).unwrap();
    Maps::from(OwnedFd::from(memfd))
}

const GOOD: &str =
    "00400000-00452000 r-xp 0000f000 08:02 173521                             /bin/x";

#[test]
fn malformed_lines_are_refused() {
    assert!(maps::parse(GOOD.as_bytes()).is_ok());
    for bad in [
        "",
        "\n",
        " ",
        "-",
        "00400000",
        "00400000-00452000",
        "00400000-00452000 ",
        "00400000-00452000 r-x",
        "00400000-00452000 r-xp",
        "00400000-00452000 r-xp 0000f000",
        "00400000-00452000 r-xp 0000f000 08:02",
        "00400000-00452000 r-xp 0000f000 08:02 ",
        "00400000-00452000 r-xp 0000f000 0802 1",
        "00400000-00452000 r-xp 0000f000 08:02 1x",
        "00400000-00452000 r-xp 0000f000 08:02 -1",
        "00400000-00452000 xr-p 0000f000 08:02 1",
        "00400000-00452000 r-x- 0000f000 08:02 1",
        "00400000-00452000 r-xpp 0000f000 08:02 1",
        "00400000-00452000  r-xp 0000f000 08:02 1",
        "00400000 00452000 r-xp 0000f000 08:02 1",
        "00452000-00400000 r-xp 0000f000 08:02 1",
        "0x400000-00452000 r-xp 0000f000 08:02 1",
        "10000000000000000-10000000000000001 r-xp 0 08:02 1",
        "00400000-00452000 r-xp 0000f000 100000000:02 1",
        "00400000-00452000 r-xp 0000f000 08:02 18446744073709551616",
        "-00452000 r-xp 0000f000 08:02 1",
        " 00400000-00452000 r-xp 0000f000 08:02 1",
    ] {
        assert_eq!(maps::parse(bad.as_bytes()), Err(Malformed), "{bad:?}");
    }
    assert_eq!(Errno::from(Malformed), Errno::BADMSG);
    // Not by the walk either: what comes before is good, and then it ends.
    let mut maps = maps_of(format!("{GOOD}\nwrong\n{GOOD}\n").as_bytes());
    let mut buffer = [0; 200];
    let mut regions = maps.regions(&mut buffer);
    assert!(matches!(regions.next(), Some(Ok(_))));
    assert_eq!(regions.next(), Some(Err(Errno::BADMSG)));
}

#[test]
fn pseudo_names_are_distinguished() {
    for (text, name) in [
        ("", Name::Anonymous),
        ("[heap]", Name::Heap),
        ("[stack]", Name::Stack),
        ("[stack:4711]", Name::StackOf(4711)),
        ("[stack:]", Name::Other(b"[stack:]")),
        ("[stack:47x]", Name::Other(b"[stack:47x]")),
        ("[stack:99999999999]", Name::Other(b"[stack:99999999999]")),
        ("[vdso]", Name::Vdso),
        ("[vvar]", Name::Vvar),
        ("[vvar_vclock]", Name::VvarClock),
        ("[vsyscall]", Name::Vsyscall),
        ("[anon:a b]", Name::Named(b"a b")),
        ("[anon:]", Name::Named(b"")),
        ("[anon_shmem:c]", Name::NamedShared(b"c")),
        ("[uprobes]", Name::Other(b"[uprobes]")),
        ("[", Name::Other(b"[")),
        (
            "anon_inode:[perf_event]",
            Name::Other(b"anon_inode:[perf_event]"),
        ),
        ("socket:[1] (deleted)", Name::Other(b"socket:[1] (deleted)")),
    ] {
        let line = format!("00400000-00452000 r-xp 0000f000 08:02 1 {text}\n");
        let region = maps::parse(line.as_bytes()).unwrap();
        assert_eq!(region.name, name, "{text}");
        assert_eq!(region.name.to_string(), text);
    }
}

/// Lines longer than the buffer, everywhere in the text, and a text without its last
/// newline.
#[test]
fn lines_longer_than_the_buffer_are_cut() {
    let _check = LeakCheck::begin();
    for last in ["", "\n"] {
        for lens in [
            vec![0, 900, 0],
            vec![900, 900, 900],
            vec![5000, 0, 0, 5000],
            vec![127, 128, 129, 126, 255, 256, 257],
        ] {
            let lines: Vec<String> = lens
                .iter()
                .map(|len| format!("{GOOD}{}", "n".repeat(*len)))
                .collect();
            let mut maps = maps_of((lines.join("\n") + last).as_bytes());
            for buffer in [MIN_BUFFER, 200, 256, 1000, 10_000] {
                let all = all(&mut maps, buffer);
                assert_eq!(all.len(), lines.len(), "{lens:?}, {buffer}");
                for (region, line) in all.iter().zip(&lines) {
                    assert!(line.starts_with(&region.text));
                    assert_eq!(region.cut, region.text.len() < line.len());
                    // Cut only as far as is necessary.
                    assert!(!region.cut || region.text.len() == buffer);
                    assert!(region.cut || region.text == *line);
                }
            }
        }
    }
}

#[test]
fn foreign_descriptor_as_maps_is_refused() {
    let _check = LeakCheck::begin();
    let mut buffer = [0; BUFFER];
    let (reader, _writer) = rustix::pipe::pipe().unwrap();
    assert!(reader.as_raw_fd() >= 0);
    let mut maps = Maps::from(reader);
    assert_eq!(maps.regions(&mut buffer).next(), Some(Err(Errno::SPIPE)));
    assert_eq!(
        maps_of(b"").regions(&mut buffer).next(),
        Some(Err(Errno::SRCH))
    );
    // A copy of a map is searched like one.
    let mut maps = maps_of(format!("{GOOD}\n").as_bytes());
    let found = maps.find(Address::new(0x451fff), &mut buffer).unwrap();
    assert_eq!(found.unwrap().to_string(), GOOD);
    assert_eq!(maps.find(Address::new(0x452000), &mut buffer), Ok(None));
}

/// Characters of which lines are made.
fn likely() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(
        proptest::sample::select(b"0123456789abcdef-rwxps: /[]\n\\(".to_vec()),
        0..120,
    )
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = maps::parse(&bytes).map(|region| region.to_string());
    }

    #[test]
    fn plausible_bytes_never_panic(bytes in likely()) {
        let _ = maps::parse(&bytes).map(|region| region.to_string());
    }

    #[test]
    fn mutated_lines_never_panic(at in 0..GOOD.len(), with in any::<u8>(), cut in 0..GOOD.len()) {
        let mut line = GOOD.as_bytes().to_vec();
        line[at] = with;
        let _ = maps::parse(&line).map(|region| region.to_string());
        let _ = maps::parse(&line[..cut]).map(|region| region.to_string());
    }

    /// What is written is read again as it was.
    #[test]
    fn line_written_and_parsed_is_equal(
        start in any::<usize>(),
        len in any::<usize>(),
        permissions in 0_u32..16,
        offset in any::<u64>(),
        major in any::<u32>(),
        minor in any::<u32>(),
        inode in any::<u64>(),
        name in "|/[ -~]{0,40}|\\[[a-z:_]{0,12}\\]|[a-z]+:\\[[0-9]+\\]",
    ) {
        let end = start.saturating_add(len);
        let letters: String = [(1, 'r', '-'), (2, 'w', '-'), (4, 'x', '-'), (8, 's', 'p')]
            .iter()
            .map(|&(bit, yes, no)| if permissions & bit != 0 { yes } else { no })
            .collect();
        let line = format!(
            "{start:08x}-{end:08x} {letters} {offset:08x} {major:02x}:{minor:02x} {inode} "
        );
        let line = if name.is_empty() { line } else { format!("{line:73}{name}") };
        let region = maps::parse(line.as_bytes()).unwrap();
        prop_assert_eq!(region.start.get(), start);
        prop_assert_eq!(region.end.get(), end);
        prop_assert_eq!(region.permissions.bits(), permissions);
        prop_assert_eq!(region.offset, offset);
        prop_assert_eq!(region.device, Device { major, minor });
        prop_assert_eq!(region.inode, inode);
        prop_assert_eq!(region.to_string(), line);
    }

    /// Any text through any buffer: an end, and the same lines as split by hand.
    #[test]
    fn any_text_is_iterated(texts in proptest::collection::vec(likely(), 0..8), size in 128_usize..700) {
        let text = texts.join(&b"\n00400000-00452000 r-xp 0000f000 08:02 1 name\n"[..]);
        let mut maps = maps_of(&text);
        let mut expected = text
            .split(|&byte| byte == b'\n')
            .map(|line| maps::parse(line).map(|region| region.to_string()));
        let mut buffer = vec![0; size];
        let mut regions = maps.regions(&mut buffer);
        while let Some(region) = regions.next() {
            let region = region.map(|region| region.to_string());
            if text.is_empty() {
                prop_assert_eq!(region, Err(Errno::SRCH));
            } else {
                let expected = expected.next().unwrap();
                prop_assert_eq!(region, expected.map_err(Errno::from));
            }
        }
    }
}
