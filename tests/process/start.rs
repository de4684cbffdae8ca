//! Processes made with more to say than fork, and programs started: each flag, each
//! step, and how each fails.
//!
//! The harness has threads, and so has the process that runs a test. What forks
//! runs in a process of its own, whose children only use the crate. `Command` is made
//! for processes with threads.

use crate::support;
use crate::{failed, field, script, state_of};

use core::cell::Cell;
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::ffi::CString;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::time::Instant;

use rawipc::memory::MapOptions;
use rawipc::process::exec::{List, Strings};
use rawipc::process::{
    self, Children, CloneFlags, CloneOptions, Cloned, CloseFlags, Command, FdMapping, Gid,
    Resource, Rlimit, SpawnError, Spawned, State, Step, Trap, Uid, WaitFlags, pidfd,
};
use rawipc::signal::{self, Set};
use rawipc::{Deadline, Errno, Mode, Pid, Signal};
use support::alone::{alone, child, die_with_parent, end_of, killed_by, sleep_for_ever};
use support::filter::{Refusal, refuse};
use support::system_v::as_another_user;
use support::{Choices, Folder, LIMIT, LeakCheck};

const NO_ENV: Strings<'_> = Strings::EMPTY;
const PATH: &CStr = c"PATH=/usr/bin:/bin";

/// Makes a child that runs `run`.
#[track_caller]
fn cloned(
    options: CloneOptions<'_>,
    run: impl FnOnce() -> i32,
) -> rawipc::Result<(Pid, Option<process::Pidfd>)> {
    // SAFETY: what the tests give only makes system calls, then exits.
    match unsafe { options.fork() }? {
        Cloned::Child => {
            die_with_parent();
            process::exit(run())
        }
        Cloned::Parent { pid, pidfd } => Ok((pid, pidfd)),
    }
}

fn with(flags: CloneFlags) -> CloneOptions<'static> {
    CloneOptions::new().flags(flags)
}

/// Whether a privilege or a kernel that lacks something is why this failed.
fn skips(errno: Errno) -> bool {
    let skips = matches!(
        errno,
        Errno::PERM | Errno::NOSYS | Errno::NOSPC | Errno::TOOBIG
    );
    if skips {
        skipped!("{errno:?}");
    }
    skips
}

fn signal(number: i32) -> Signal {
    signal::from_number(number).expect("a signal")
}

/// Counts the signals `signal` from now on, and sees whether a child in this memory does.
fn count_signals(signal: Signal) {
    extern "C" fn handler(_: i32) {
        HANDLED.fetch_add(1, Ordering::Relaxed);
        if rustix::process::getpid().as_raw_pid() != HANDLES.load(Ordering::Relaxed) {
            HANDLED_BY_CHILD.store(1, Ordering::Relaxed);
        }
    }
    let own = rustix::process::getpid().as_raw_pid();
    HANDLES.store(own, Ordering::Relaxed);
    // SAFETY: all zero is an empty action.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: both pointers are valid or null; the handler adds to a number.
    let result =
        unsafe { libc::sigaction(signal.as_raw(), &raw const action, core::ptr::null_mut()) };
    assert_eq!(result, 0);
}

static HANDLED: AtomicU32 = AtomicU32::new(0);
/// The process whose handler it is.
static HANDLES: AtomicI32 = AtomicI32::new(0);
static HANDLED_BY_CHILD: AtomicU32 = AtomicU32::new(0);

fn raise(signal: Signal) {
    let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
}

// --- clone3 ---

#[test]
fn clone_with_pidfd_returns_descriptor() {
    alone(test_name!(), || {
        let (pid, pidfd) = cloned(with(CloneFlags::PIDFD), || 17).unwrap();
        let pidfd = pidfd.unwrap();
        let flags = rustix::io::fcntl_getfd(&pidfd).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        let change = process::wait(&pidfd, WaitFlags::EXITED).unwrap();
        assert_eq!((change.pid, change.state), (pid, State::Exited(17)));

        let (pid, pidfd) = cloned(CloneOptions::new(), || 18).unwrap();
        assert!(pidfd.is_none());
        assert_eq!(end_of(pid), State::Exited(18));
    });
}

#[test]
fn clone_shares_descriptors_and_directory_if_asked() {
    alone(test_name!(), || {
        let was = rustix::process::getcwd(Vec::new()).unwrap();
        for (flags, shared) in [
            (CloneFlags::empty(), false),
            (CloneFlags::FILES | CloneFlags::FS, true),
        ] {
            let file = File::open("/dev/null").unwrap();
            let fd = file.as_raw_fd();
            let (pid, _) = cloned(with(flags), || {
                // SAFETY: whose it is, is what the test is about.
                unsafe { rustix::io::close(fd) };
                i32::from(rustix::process::chdir(c"/").is_err())
            })
            .unwrap();
            assert_eq!(end_of(pid), State::Exited(0));
            assert_eq!(rustix::io::fcntl_getfd(&file).is_err(), shared);
            let now = rustix::process::getcwd(Vec::new()).unwrap();
            assert_eq!(*now == *c"/", shared);
            if shared {
                // Closed by the child.
                core::mem::forget(file);
            }
        }
        rustix::process::chdir(was).unwrap();
    });
}

#[test]
fn flags_without_visible_effect_are_accepted() {
    alone(test_name!(), || {
        for flags in [
            CloneFlags::IO,
            CloneFlags::SYSVSEM,
            CloneFlags::PTRACE,
            CloneFlags::UNTRACED,
        ] {
            let (pid, _) = cloned(with(flags), || 0).unwrap();
            assert_eq!(end_of(pid), State::Exited(0));
        }
    });
}

#[test]
fn clone_with_parent_makes_a_sibling() {
    alone(test_name!(), || {
        let us = process::parent_id();
        let own = rustix::process::getpid();
        let first = child(|| {
            // The exit signal is not for it to say.
            let sibling = with(CloneFlags::PARENT).exit_signal(Some(Signal::USR1));
            let made = cloned(sibling, || i32::from(process::parent_id() != Some(own)));
            // SAFETY: no memory is involved.
            let gone = made.is_ok_and(|(pid, _)| {
                process::try_wait(pid, WaitFlags::EXITED) == Err(Errno::CHILD)
            });
            if gone { 1 } else { 2 }
        });
        assert_ne!(us, Some(own));
        assert_eq!(end_of(first), State::Exited(1));
        let sibling = process::wait(Children::Any, WaitFlags::EXITED).unwrap();
        assert_eq!(sibling.state, State::Exited(0));
    });
}

#[test]
fn clone_with_vfork_blocks_the_caller() {
    alone(test_name!(), || {
        let memory = MapOptions::shared(4096).map_anonymous().unwrap();
        let done = memory.object::<AtomicU32>(0).unwrap();
        let own = Cell::new(1);
        let (pid, _) = cloned(with(CloneFlags::VFORK), || {
            (0..1000).for_each(|_| std::thread::yield_now());
            own.set(2);
            done.store(1, Ordering::Relaxed);
            0
        })
        .unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 1);
        assert_eq!(own.get(), 1, "a copy");
        assert_eq!(end_of(pid), State::Exited(0));
    });
}

#[test]
fn clone_clears_handlers_if_asked() {
    alone(test_name!(), || {
        count_signals(Signal::USR1);
        let ignored = |signal| {
            // SAFETY: no handler.
            unsafe { libc::signal(signal, libc::SIG_IGN) };
        };
        ignored(libc::SIGUSR2);
        let run = || {
            raise(Signal::USR2);
            raise(Signal::USR1);
            HANDLED.load(Ordering::Relaxed) as i32
        };
        let (pid, _) = cloned(CloneOptions::new(), run).unwrap();
        assert_eq!(end_of(pid), State::Exited(1));
        let (pid, _) = cloned(with(CloneFlags::CLEAR_SIGHAND), run).unwrap();
        assert_eq!(
            end_of(pid),
            killed_by(Signal::USR1),
            "and not by the ignored one"
        );
    });
}

#[test]
fn clone_creates_each_namespace_if_asked() {
    alone(test_name!(), || {
        let spaces = [
            (CloneFlags::NEWCGROUP, "cgroup"),
            (CloneFlags::NEWIPC, "ipc"),
            (CloneFlags::NEWNET, "net"),
            (CloneFlags::NEWNS, "mnt"),
            (CloneFlags::NEWPID, "pid"),
            (CloneFlags::NEWTIME, "time"),
            (CloneFlags::NEWUSER, "user"),
            (CloneFlags::NEWUTS, "uts"),
        ];
        for (flag, name) in spaces {
            let (pid, pidfd) = match cloned(with(flag | CloneFlags::PIDFD), || sleep_for_ever()) {
                Ok((pid, pidfd)) => (pid, pidfd.unwrap()),
                Err(errno) => {
                    // Some kernels are built without some of them.
                    assert!(skips(errno) || errno == Errno::INVAL, "{name}: {errno:?}");
                    continue;
                }
            };
            let space = |of: &str, name: &str| {
                fs::read_link(format!("/proc/{of}/ns/{name}")).expect("a namespace")
            };
            for (_, other) in spaces {
                let theirs = space(&pid.as_raw_pid().to_string(), other);
                let ours = space("self", other);
                assert_eq!(theirs == ours, name != other, "{name}: {other}");
            }
            pidfd.send_signal(Signal::KILL).unwrap();
            assert_eq!(end_of(pid), killed_by(Signal::KILL));
        }
        // The first there, and without a parent.
        let run = || {
            let first = rustix::process::getpid() == Pid::INIT;
            if first && process::parent_id().is_none() {
                5
            } else {
                6
            }
        };
        match cloned(with(CloneFlags::NEWPID), run) {
            Ok((pid, _)) => assert_eq!(end_of(pid), State::Exited(5)),
            Err(errno) => assert!(skips(errno), "{errno:?}"),
        }
    });
}

#[test]
fn exit_signal_is_the_one_chosen() {
    alone(test_name!(), || {
        // For whichever thread, hence handled.
        count_signals(Signal::USR1);
        let (pid, _) = cloned(CloneOptions::new(), || 1).unwrap();
        assert_eq!(end_of(pid), State::Exited(1));
        assert_eq!(HANDLED.load(Ordering::Relaxed), 0);

        let options = CloneOptions::new().exit_signal(Some(Signal::USR1));
        let (pid, _) = cloned(options, || 2).unwrap();
        assert_eq!(process::try_wait(pid, WaitFlags::EXITED), Err(Errno::CHILD));
        let all = WaitFlags::EXITED | WaitFlags::ALL;
        assert_eq!(process::wait(pid, all).unwrap().state, State::Exited(2));
        let begin = Instant::now();
        while HANDLED.load(Ordering::Relaxed) == 0 {
            assert!(begin.elapsed() < LIMIT, "no signal");
            std::thread::yield_now();
        }

        let (pid, _) = cloned(CloneOptions::new().exit_signal(None), || 3).unwrap();
        let clone = WaitFlags::EXITED | WaitFlags::CLONE;
        assert_eq!(process::wait(pid, clone).unwrap().state, State::Exited(3));
        assert_eq!(HANDLED.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn numbers_of_the_child_are_the_ones_chosen() {
    alone(test_name!(), || {
        // One that was free a moment ago; somebody else may have it by now.
        for _ in 0..100 {
            let free = child(|| 0);
            end_of(free);
            match cloned(CloneOptions::new().numbers(&[free]), || 9) {
                Ok((pid, _)) => {
                    assert_eq!(pid, free);
                    assert_eq!(end_of(pid), State::Exited(9));
                    break;
                }
                Err(Errno::EXIST) => {}
                Err(errno) => {
                    assert!(skips(errno), "{errno:?}");
                    return;
                }
            }
        }
        let own = rustix::process::getpid();
        let taken = cloned(CloneOptions::new().numbers(&[own]), || 0);
        assert_eq!(taken.err(), Some(Errno::EXIST));
        let too_many = [own; 33];
        let refused = cloned(CloneOptions::new().numbers(&too_many), || 0);
        assert_eq!(refused.err(), Some(Errno::INVAL));
    });
}

/// A new control group of the second version, removed when dropped.
struct Group(PathBuf);

impl Group {
    fn new(name: &str) -> Option<Self> {
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
        let root = roots
            .iter()
            .find(|root| fs::exists(format!("{root}/cgroup.controllers")).is_ok_and(|is| is));
        let group = PathBuf::from(root?).join(format!("rawipc-test-{}-{name}", std::process::id()));
        fs::create_dir(&group).ok()?;
        Some(Self(group))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn child_begins_in_its_control_group() {
    alone(test_name!(), || {
        let null = File::open("/dev/null").unwrap();
        let refused = cloned(CloneOptions::new().cgroup(&null), || 0);
        assert!(matches!(
            refused.err(),
            Some(Errno::BADF | Errno::TOOBIG | Errno::NOSYS)
        ));

        let Some(group) = Group::new("start") else {
            skipped!("no control group can be made");
            return;
        };
        let directory = File::open(&group.0).unwrap();
        let options = CloneOptions::new()
            .flags(CloneFlags::PIDFD)
            .cgroup(&directory);
        let (pid, pidfd) = match cloned(options, || sleep_for_ever()) {
            Ok((pid, pidfd)) => (pid, pidfd.unwrap()),
            Err(errno) => {
                assert!(skips(errno) || errno == Errno::ACCESS, "{errno:?}");
                return;
            }
        };
        let members = fs::read_to_string(group.0.join("cgroup.procs")).unwrap();
        assert_eq!(members.trim(), pid.as_raw_pid().to_string());
        if let Ok(info) = pidfd.info() {
            let inode = rustix::fs::fstat(&directory).unwrap().st_ino;
            assert_eq!(info.cgroup, Some(inode));
        }
        pidfd.send_signal(Signal::KILL).unwrap();
        assert_eq!(end_of(pid), killed_by(Signal::KILL));

        // A program too.
        let args = List::of([c"cat", c"/proc/self/cgroup"]);
        let (told, state) = output(Command::path(c"/bin/cat", &args, NO_ENV).cgroup(&directory));
        assert!(state.is_success());
        let name = group.0.file_name().unwrap().to_str().unwrap();
        assert!(
            told.lines()
                .any(|line| line.starts_with("0::") && line.ends_with(name)),
            "{told}"
        );
    });
}

#[test]
fn contradictory_flags_are_refused() {
    alone(test_name!(), || {
        let bits = [
            libc::CLONE_VM,
            libc::CLONE_SIGHAND | libc::CLONE_VM,
            libc::CLONE_THREAD | libc::CLONE_SIGHAND | libc::CLONE_VM,
            libc::CLONE_SETTLS,
            libc::CLONE_PARENT_SETTID,
            libc::CLONE_CHILD_SETTID,
            libc::CLONE_CHILD_CLEARTID,
        ];
        let into_cgroup = 1_u64 << 33;
        for bits in bits
            .map(|bits| bits as u64)
            .into_iter()
            .chain([into_cgroup, 1 << 60])
        {
            let options = with(CloneFlags::from_bits_retain(bits));
            assert_eq!(cloned(options, || 0).err(), Some(Errno::INVAL), "{bits:#x}");
            // SAFETY: no child is made.
            let made = unsafe { options.vfork(&mut [MaybeUninit::uninit(); 16 << 10], || 0) };
            assert_eq!(made.err(), Some(Errno::INVAL), "{bits:#x}");
        }
        let both = with(CloneFlags::FS | CloneFlags::NEWNS);
        assert_eq!(cloned(both, || 0).err(), Some(Errno::INVAL));
    });
}

#[test]
fn namespaces_without_privileges_are_refused() {
    alone(test_name!(), || {
        as_another_user(|| {
            for flag in [CloneFlags::NEWNS, CloneFlags::NEWIPC, CloneFlags::NEWPID] {
                assert_eq!(cloned(with(flag), || 0).err(), Some(Errno::PERM));
                let spawned = Command::path(c"/bin/true", &TRUE, NO_ENV)
                    .namespaces(flag)
                    .spawn();
                assert_eq!(spawned.err(), Some(failed(Step::Create, Errno::PERM)));
            }
            let refused = cloned(CloneOptions::new().numbers(&[Pid::INIT]), || 0).err();
            assert!(
                matches!(refused, Some(Errno::PERM | Errno::EXIST)),
                "{refused:?}"
            );
        });
    });
}

#[test]
fn absent_clone3_falls_back_to_clone() {
    alone(test_name!(), || {
        std::thread::spawn(|| {
            if !refuse(&[always(libc::SYS_clone3, libc::ENOSYS)]) {
                skipped!("no filters of system calls");
                return;
            }
            let (pid, pidfd) = cloned(with(CloneFlags::PIDFD | CloneFlags::FS), || 3).unwrap();
            let change = process::wait(&pidfd.unwrap(), WaitFlags::EXITED).unwrap();
            assert_eq!((change.pid, change.state), (pid, State::Exited(3)));

            let mut stack = [MaybeUninit::uninit(); 16 << 10];
            let mut seen = 0;
            // SAFETY: the child writes a number.
            let made = unsafe {
                with(CloneFlags::PIDFD).vfork(&mut stack, || {
                    seen = 12;
                    13
                })
            };
            let (pid, pidfd) = made.unwrap();
            assert_eq!(seen, 12);
            let change = process::wait(&pidfd.unwrap(), WaitFlags::EXITED).unwrap();
            assert_eq!((change.pid, change.state), (pid, State::Exited(13)));

            for what in [
                with(CloneFlags::CLEAR_SIGHAND),
                with(CloneFlags::NEWTIME),
                CloneOptions::new().numbers(&[pid]),
            ] {
                assert_eq!(cloned(what, || 0).err(), Some(Errno::NOSYS));
            }
        })
        .join()
        .unwrap();
    });
}

// --- a function in the parent's memory ---

#[test]
fn vfork_runs_in_the_callers_memory() {
    alone(test_name!(), || {
        let own = rustix::process::getpid();
        let mut stack = vec![MaybeUninit::uninit(); 64 << 10];
        for status in [0, 7, 255] {
            let mut seen = None;
            // SAFETY: system calls and a write.
            let made = unsafe {
                with(CloneFlags::PIDFD).vfork(&mut stack, || {
                    seen = Some((rustix::process::getpid(), process::parent_id()));
                    status
                })
            };
            let (pid, pidfd) = made.unwrap();
            assert_eq!(seen, Some((pid, Some(own))));
            let change = process::wait(&pidfd.unwrap(), WaitFlags::EXITED).unwrap();
            assert_eq!(change.state, State::Exited(status as u8));
        }
    });
}

#[test]
fn vfork_uses_nothing_beside_its_stack() {
    alone(test_name!(), || {
        const GUARD: u8 = 0x5a;
        let mut memory = vec![MaybeUninit::new(GUARD); 48 << 10];
        // However it is aligned.
        for odd in 0..20 {
            memory.fill(MaybeUninit::new(GUARD));
            let range = 1000 + odd..40_000 + 3 * odd;
            let address = Cell::new(0);
            // SAFETY: system calls and a write.
            let made = unsafe {
                CloneOptions::new().vfork(&mut memory[range.clone()], || {
                    let here = 0_u8;
                    address.set((&raw const here).addr());
                    #[repr(align(16))]
                    struct Aligned(u8);
                    let aligned = Aligned(1);
                    i32::from(!(&raw const aligned).addr().is_multiple_of(16) || aligned.0 != 1)
                })
            };
            assert_eq!(end_of(made.unwrap().0), State::Exited(0));
            let begin = memory.as_ptr().addr();
            assert!((begin + range.start..begin + range.end).contains(&address.get()));
            for (at, byte) in memory.iter().enumerate() {
                // SAFETY: all of it was filled.
                let byte = unsafe { byte.assume_init() };
                assert!(range.contains(&at) || byte == GUARD, "at {at} of {range:?}");
            }
        }
    });
}

#[test]
fn vfork_with_too_small_a_stack_is_refused() {
    alone(test_name!(), || {
        struct Dropped<'a>(&'a Cell<u32>);
        impl Drop for Dropped<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        for size in [0, 1, 15, 16, 1023] {
            let drops = Cell::new(0);
            let owned = Dropped(&drops);
            let mut stack = vec![MaybeUninit::uninit(); size];
            // SAFETY: no child is made.
            let made = unsafe {
                CloneOptions::new().vfork(&mut stack, move || {
                    drop(owned);
                    0
                })
            };
            assert_eq!(made.err(), Some(Errno::INVAL));
            assert_eq!(drops.get(), 1);
            // SAFETY: no child is made.
            let spawned =
                unsafe { Command::path(c"/bin/true", &TRUE, NO_ENV).spawn_on(&mut stack) };
            assert_eq!(spawned.err(), Some(failed(Step::Create, Errno::INVAL)));
        }
        // What the child owns it drops, once.
        let drops = Cell::new(0);
        let owned = Dropped(&drops);
        let mut stack = vec![MaybeUninit::uninit(); 32 << 10];
        // SAFETY: the child writes to memory.
        let made = unsafe {
            CloneOptions::new().vfork(&mut stack, move || {
                drop(owned);
                0
            })
        };
        assert_eq!(end_of(made.unwrap().0), State::Exited(0));
        assert_eq!(drops.get(), 1);
    });
}

#[test]
fn vfork_child_killed_resumes_the_caller() {
    alone(test_name!(), || {
        let mut stack = vec![MaybeUninit::uninit(); 32 << 10];
        // SAFETY: the child kills itself.
        let made = unsafe {
            CloneOptions::new().vfork(&mut stack, || {
                raise(Signal::KILL);
                1
            })
        };
        assert_eq!(end_of(made.unwrap().0), killed_by(Signal::KILL));
    });
}

// --- programs ---

static TRUE: List<'_, 1> = List::of([c"true"]);

/// What the program writes to its standard output, and how it ends.
#[track_caller]
fn output(command: Command<'_>) -> (String, State) {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
    let inherited = [FdMapping::new(&write, 1)];
    let spawned = command.inherit(&inherited).spawn().expect("it is started");
    drop(write);
    let mut told = String::new();
    File::from(read).read_to_string(&mut told).expect("text");
    (told, state_of(&spawned))
}

fn shell<'a>(args: &'a List<'a, 3>) -> Command<'a> {
    static ENV: List<'_, 1> = List::of([PATH]);
    Command::path(c"/bin/sh", args, &ENV)
}

/// What it says.
#[track_caller]
fn said(command: Command<'_>) -> String {
    let (told, state) = output(command);
    assert!(state.is_success(), "{state:?}: {told}");
    told
}

const STATUS: &CStr = c"cat /proc/self/status";

#[test]
fn spawn_by_path_directory_and_descriptor_runs_program() {
    let _check = LeakCheck::begin();
    let args = List::of([c"sh", c"-c", c"exit $STATUS"]);
    let env = List::of([c"STATUS=21"]);
    let by_path = Command::path(c"/bin/sh", &args, &env).spawn().unwrap();
    assert_eq!(state_of(&by_path), State::Exited(21));

    let bin = File::open("/bin").unwrap();
    let at = Command::at(&bin, c"sh", &args, &env);
    assert_eq!(state_of(&at.spawn().unwrap()), State::Exited(21));
    assert_eq!(state_of(&at.spawn().unwrap()), State::Exited(21), "again");

    let program = File::open("/bin/sh").unwrap();
    let by_descriptor = Command::descriptor(&program, &args, &env).spawn().unwrap();
    assert_eq!(state_of(&by_descriptor), State::Exited(21));

    // Relative to where it is by then.
    let relative = Command::path(c"./sh", &args, &env)
        .directory(c"/bin")
        .spawn()
        .unwrap();
    assert_eq!(state_of(&relative), State::Exited(21));

    let flags = rustix::io::fcntl_getfd(&relative).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
}

#[test]
fn spawn_on_the_callers_stack_runs_program() {
    let _check = LeakCheck::begin();
    let mut stack = vec![MaybeUninit::uninit(); process::STACK_SIZE];
    // SAFETY: of the size it should be.
    let spawned = unsafe { Command::path(c"/bin/true", &TRUE, NO_ENV).spawn_on(&mut stack) };
    assert_eq!(state_of(&spawned.unwrap()), State::Exited(0));
}

#[test]
fn spawn_of_no_program_returns_the_error() {
    let _check = LeakCheck::begin();
    let folder = Folder::new("start");
    let private = folder.program("private", 0o600, &fs::read("/bin/true").unwrap());
    let nonsense = folder.program("nonsense", 0o700, b"neither a program nor a script");
    let long = CString::new(vec![b'x'; 4 << 20]).unwrap();
    let too_long = List::of([c"true", &long]);
    let why = |command: Command<'_>| command.spawn().err();
    let execute = |errno| Some(failed(Step::Execute, errno));

    for (path, errno) in [
        (c"/nonexistent/program", Errno::NOENT),
        (c"", Errno::NOENT),
        (c"/bin/sh/sh", Errno::NOTDIR),
        (c"/", Errno::ACCESS),
        (&private, Errno::ACCESS),
        (&nonsense, Errno::NOEXEC),
    ] {
        assert_eq!(
            why(Command::path(path, &TRUE, NO_ENV)),
            execute(errno),
            "{path:?}"
        );
    }
    let by_path = |args| Command::path(c"/bin/true", args, NO_ENV);
    assert_eq!(why(by_path(&too_long)), execute(Errno::TOOBIG));
    let bin = File::open("/bin").unwrap();
    assert_eq!(
        why(Command::at(&bin, c"nothing such", &TRUE, NO_ENV)),
        execute(Errno::NOENT)
    );
    assert_eq!(
        why(Command::descriptor(&bin, &TRUE, NO_ENV)),
        execute(Errno::ACCESS)
    );
    let null = File::open("/dev/null").unwrap();
    assert_eq!(
        why(Command::at(&null, c"true", &TRUE, NO_ENV)),
        execute(Errno::NOTDIR)
    );
    // Of a copy of the memory too.
    let in_copy = Command::path(c"/nonexistent", &TRUE, NO_ENV).group(rustix::process::getgid());
    assert_eq!(why(in_copy), execute(Errno::NOENT));
}

#[test]
fn failed_spawn_leaves_nothing() {
    alone(test_name!(), || {
        let all = WaitFlags::EXITED | WaitFlags::ALL;
        for _ in 0..50 {
            let command = Command::path(c"/nonexistent", &TRUE, NO_ENV);
            assert_eq!(
                command.spawn().err(),
                Some(failed(Step::Execute, Errno::NOENT))
            );
            assert_eq!(process::try_wait(Children::Any, all), Err(Errno::CHILD));
        }
        // Also when nobody is to wait for children.
        // SAFETY: no handler.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
        let command = Command::path(c"/nonexistent", &TRUE, NO_ENV);
        assert_eq!(
            command.spawn().err(),
            Some(failed(Step::Execute, Errno::NOENT))
        );
        let ended = Command::path(c"/bin/true", &TRUE, NO_ENV).spawn().unwrap();
        assert_eq!(process::wait(&ended, WaitFlags::EXITED), Err(Errno::CHILD));
        // SAFETY: no handler.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    });
}

#[test]
fn spawn_sets_directory() {
    let _check = LeakCheck::begin();
    assert_eq!(said(shell(&script(c"pwd")).directory(c"/usr")), "/usr\n");
    let usr = File::open("/usr").unwrap();
    assert_eq!(
        said(shell(&script(c"pwd")).directory_descriptor(&usr)),
        "/usr\n"
    );
    let command = Command::path(c"/bin/true", &TRUE, NO_ENV);
    for (path, errno) in [(c"/nowhere", Errno::NOENT), (c"/dev/null", Errno::NOTDIR)] {
        let error = command.directory(path).spawn().err();
        assert_eq!(error, Some(failed(Step::Directory, errno)));
    }
    let null = File::open("/dev/null").unwrap();
    let error = command.directory_descriptor(&null).spawn().err();
    assert_eq!(error, Some(failed(Step::Directory, Errno::NOTDIR)));
}

/// The number of the process, its process group, its session and its terminal.
fn belonging(told: &str) -> [i32; 4] {
    let (before, after) = told.rsplit_once(") ").expect("a line of stat");
    let pid = before.split_once(' ').expect("a number").0;
    let mut rest = after.split(' ').skip(2);
    [
        pid,
        rest.next().expect("a number"),
        rest.next().expect("a number"),
        rest.next().expect("a number"),
    ]
    .map(|number| number.parse().expect("a number"))
}

#[test]
fn spawn_sets_groups_and_sessions() {
    let _check = LeakCheck::begin();
    let args = List::of([c"cat", c"/proc/self/stat"]);
    let cat = || Command::path(c"/bin/cat", &args, NO_ENV);
    let told = |command| belonging(&output(command).0);
    // Zero, if begun by a process outside the namespace: rustix takes none.
    // SAFETY: no memory is involved.
    let group = unsafe { libc::getpgrp() };
    // SAFETY: as before.
    let session = unsafe { libc::getsid(0) };

    let [pid, its_group, its_session, _] = told(cat());
    assert_eq!((its_group, its_session), (group, session));
    assert_ne!(pid, group);

    let [pid, its_group, its_session, _] = told(cat().new_process_group());
    assert_eq!((its_group, its_session), (pid, session));

    let [pid, its_group, its_session, terminal] = told(cat().new_session());
    assert_eq!((its_group, its_session, terminal), (pid, pid, 0));

    // Beside another, whose group it is.
    let hold = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let sleeper = List::of([c"cat"]);
    let leader = Command::path(c"/bin/cat", &sleeper, NO_ENV)
        .new_process_group()
        .inherit(&[FdMapping::new(&hold.0, 0)])
        .spawn()
        .unwrap();
    let [_, its_group, _, _] = told(cat().process_group(leader.pid));
    assert_eq!(its_group, leader.pid.as_raw_pid());
    drop(hold);
    assert_eq!(state_of(&leader), State::Exited(0));

    let nobodys = cat().process_group(leader.pid).spawn().err();
    assert_eq!(nobodys, Some(failed(Step::ProcessGroup, Errno::PERM)));
}

/// A new pseudo-terminal.
fn terminal() -> Option<(OwnedFd, OwnedFd)> {
    let (mut main, mut other) = (-1, -1);
    let null = core::ptr::null_mut();
    // SAFETY: the numbers are written to, the rest may be null.
    let made = unsafe {
        libc::openpty(
            &raw mut main,
            &raw mut other,
            null,
            null.cast(),
            null.cast(),
        )
    };
    if made != 0 {
        skipped!("no pseudo-terminal can be made");
        return None;
    }
    let own = |fd| {
        // SAFETY: just opened for us.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC).expect("open");
        fd
    };
    Some((own(main), own(other)))
}

#[test]
fn spawn_gives_a_session_its_terminal() {
    let _check = LeakCheck::begin();
    let command = Command::path(c"/bin/true", &TRUE, NO_ENV).new_session();
    let null = File::open("/dev/null").unwrap();
    let error = command.controlling_terminal(&null).spawn().err();
    assert_eq!(error, Some(failed(Step::Terminal, Errno::NOTTY)));

    let Some((main, terminal)) = terminal() else {
        return;
    };
    let args = List::of([c"cat", c"/proc/self/stat"]);
    let cat = Command::path(c"/bin/cat", &args, NO_ENV);
    let with_it = cat.new_session().controlling_terminal(&terminal);
    let [pid, _, session, its_terminal] = belonging(&output(with_it).0);
    assert_eq!(session, pid);
    assert_ne!(its_terminal, 0);
    drop(main);
}

#[test]
fn spawn_sets_priority_mask_and_limits() {
    let _check = LeakCheck::begin();
    let priority = |told: &str| -> i32 {
        let fields = told.rsplit_once(") ").unwrap().1;
        fields.split(' ').nth(16).unwrap().parse().unwrap()
    };
    let stat = said(shell(&script(c"cat /proc/self/stat")).priority(7));
    assert_eq!(priority(&stat), 7);
    let stat = said(shell(&script(c"cat /proc/self/stat")).priority(1000));
    assert_eq!(priority(&stat), 19);

    let mask = Mode::WGRP | Mode::RWXO;
    let status = said(shell(&script(STATUS)).umask(mask));
    assert_eq!(field(&status, "Umask"), "0027");

    let limit = |current, maximum| Rlimit {
        current: Some(current),
        maximum: Some(maximum),
    };
    let limits = [
        (Resource::Core, limit(0, 0)),
        (Resource::Fsize, limit(12345, 54321)),
    ];
    let told = said(shell(&script(c"cat /proc/self/limits")).limits(&limits));
    let row = |name: &str| {
        let line = told
            .lines()
            .find(|line| line.starts_with(name))
            .expect("a row");
        let words = line[name.len()..].split_whitespace();
        words.take(2).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("Max core file size"), "0 0");
    assert_eq!(row("Max file size"), "12345 54321");

    let contradiction = [
        (Resource::Core, limit(0, 0)),
        (Resource::Fsize, limit(2, 1)),
    ];
    let command = Command::path(c"/bin/true", &TRUE, NO_ENV).limits(&contradiction);
    let error = command.spawn().unwrap_err();
    assert_eq!(error, failed(Step::Limit(Resource::Fsize), Errno::INVAL));
    assert!(
        error.to_string().starts_with("setting the limit Fsize: "),
        "{error}"
    );
}

#[test]
fn spawn_sets_user_and_groups() {
    alone(test_name!(), || {
        if !rustix::process::geteuid().is_root() {
            skipped!("only root can start as somebody else");
            return;
        }
        let (user, group) = (Uid::from_raw(4711), Gid::from_raw(4712));
        let groups = [Gid::from_raw(5), Gid::from_raw(4713)];
        let status = said(
            shell(&script(STATUS))
                .user(user)
                .group(group)
                .groups(&groups),
        );
        assert_eq!(field(&status, "Uid"), "4711\t4711\t4711\t4711");
        assert_eq!(field(&status, "Gid"), "4712\t4712\t4712\t4712");
        assert_eq!(field(&status, "Groups"), "5 4713");
        let status = said(shell(&script(STATUS)).groups(&[]));
        assert_eq!(field(&status, "Uid"), "0\t0\t0\t0");
        assert_eq!(field(&status, "Groups"), "");
        // SAFETY: no memory is involved.
        let dumpable = unsafe { libc::prctl(libc::PR_GET_DUMPABLE) };
        assert_eq!(dumpable, 1, "of this process nothing has changed");
        assert!(rustix::process::geteuid().is_root());

        as_another_user(|| {
            let command = Command::path(c"/bin/true", &TRUE, NO_ENV);
            let why = |command: Command<'_>| command.spawn().err();
            let denied = |step| Some(failed(step, Errno::PERM));
            assert_eq!(why(command.user(Uid::ROOT)), denied(Step::User));
            assert_eq!(why(command.group(Gid::ROOT)), denied(Step::Group));
            assert_eq!(why(command.groups(&[])), denied(Step::Groups));
            let higher = [(
                Resource::Core,
                Rlimit {
                    current: None,
                    maximum: None,
                },
            )];
            let none = Rlimit {
                current: Some(0),
                maximum: Some(0),
            };
            rustix::process::setrlimit(Resource::Core, none).unwrap();
            assert_eq!(
                why(command.limits(&higher)),
                denied(Step::Limit(Resource::Core))
            );
            assert_eq!(
                why(command.priority(-20)),
                Some(failed(Step::Priority, Errno::ACCESS))
            );
            // Who one is one may become.
            let same = command.user(rustix::process::getuid()).spawn().unwrap();
            assert_eq!(state_of(&same), State::Exited(0));
        });
    });
}

#[test]
fn spawn_sets_no_new_privs_and_signals() {
    let _check = LeakCheck::begin();
    let status = said(shell(&script(STATUS)).no_new_privs());
    assert_eq!(field(&status, "NoNewPrivs"), "1");
    let own = fs::read_to_string("/proc/thread-self/status").unwrap();
    assert_eq!(field(&own, "NoNewPrivs"), "0", "nobody else's");

    // Rust ignores SIGPIPE, and masks are the thread's.
    let bits = |status: &str, name| u64::from_str_radix(field(status, name), 16).unwrap();
    let args = List::of([c"cat", c"/proc/self/status"]);
    let cat = Command::path(c"/bin/cat", &args, NO_ENV);
    let own = Set::of([Signal::HUP, signal(40)]);
    let blocked = signal::block(own).unwrap();
    let before = signal::mask().unwrap();

    let (status, _) = output(cat);
    assert_eq!(Set::from_bits(bits(&status, "SigBlk")), before);
    assert!(Set::from_bits(bits(&status, "SigIgn")).contains(Signal::PIPE));

    let other = Set::of([Signal::TERM, signal(64)]);
    let (status, _) = output(cat.signal_mask(other));
    assert_eq!(Set::from_bits(bits(&status, "SigBlk")), other);

    let (status, _) = output(cat.default_signals(Signal::PIPE.into()));
    assert!(!Set::from_bits(bits(&status, "SigIgn")).contains(Signal::PIPE));

    let (status, _) = output(cat.reset_signals());
    assert_eq!(bits(&status, "SigBlk"), 0);
    assert_eq!(bits(&status, "SigIgn"), 0);
    assert_eq!(bits(&status, "SigCgt"), 0);

    let _ = Command::path(c"/nonexistent", &TRUE, NO_ENV).spawn();
    assert_eq!(
        signal::mask().unwrap(),
        before,
        "and this thread's is what it was"
    );
    signal::set_mask(blocked).unwrap();
}

#[test]
fn signal_during_spawn_runs_no_handler_in_the_child() {
    alone(test_name!(), || {
        // A storm of signals for everybody in this process's group.
        rustix::process::setpgid(None, None).unwrap();
        count_signals(Signal::USR1);
        let stop = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while stop.load(Ordering::Relaxed) == 0 {
                    rustix::process::kill_current_process_group(Signal::USR1).unwrap();
                }
            });
            let new = scope.spawn(start_in_a_storm).join();
            // Where the child has to reset them itself.
            let old = scope.spawn(|| {
                if refuse(&[always(libc::SYS_clone3, libc::ENOSYS)]) {
                    start_in_a_storm();
                }
            });
            let old = old.join();
            stop.store(1, Ordering::Relaxed);
            new.unwrap();
            old.unwrap();
        });
        assert!(HANDLED.load(Ordering::Relaxed) > 0);
    });
}

fn start_in_a_storm() {
    for n in 0..300 {
        let command = Command::path(c"/bin/true", &TRUE, NO_ENV);
        let protected = command.signal_mask(Signal::USR1.into());
        match n % 3 {
            0 => {
                let error = protected.directory(c"/nowhere").spawn().err();
                assert_eq!(error, Some(failed(Step::Directory, Errno::NOENT)));
            }
            1 => {
                let spawned = protected.spawn().expect("a process");
                assert_eq!(state_of_interrupted(&spawned), State::Exited(0));
            }
            // It has what came meanwhile, for which there is no handler: before it is the
            // program, or as that.
            _ => match command.spawn() {
                Ok(spawned) => {
                    let state = state_of_interrupted(&spawned);
                    let expected = [State::Exited(0), killed_by(Signal::USR1)];
                    assert!(expected.contains(&state), "{state:?}");
                }
                Err(error) => {
                    let killed = Step::Ended(killed_by(Signal::USR1));
                    assert_eq!(error, failed(killed, Errno::CANCELED));
                }
            },
        }
        let by_child = HANDLED_BY_CHILD.load(Ordering::Relaxed);
        assert_eq!(by_child, 0, "a child ran the handler");
    }
}

#[track_caller]
fn state_of_interrupted(spawned: &Spawned) -> State {
    loop {
        match process::wait_until(spawned, Deadline::after(LIMIT)) {
            Err(Errno::INTR) => {}
            change => return change.expect("the program ends").state,
        }
    }
}

#[test]
fn parent_death_signal_reaches_the_program() {
    alone(test_name!(), || {
        process::set_subreaper(true).unwrap();
        let hold = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let args = List::of([c"cat"]);
        let middle = child(|| {
            let inherited = [FdMapping::new(&hold.0, 0)];
            let command = Command::path(c"/bin/cat", &args, NO_ENV).inherit(&inherited);
            match command.parent_death_signal(Signal::USR2).spawn() {
                Ok(_) => 1,
                Err(_) => 2,
            }
        });
        assert_eq!(end_of(middle), State::Exited(1));
        let orphan = process::wait(Children::Any, WaitFlags::EXITED).unwrap();
        assert_eq!(orphan.state, killed_by(Signal::USR2));
    });
}

#[test]
fn traced_spawn_stops_before_the_first_instruction() {
    alone(test_name!(), || {
        let spawned = Command::path(c"/bin/true", &TRUE, NO_ENV)
            .traced()
            .spawn()
            .unwrap();
        let change = process::wait(&spawned, WaitFlags::STOPPED).unwrap();
        let trap = Trap {
            signal: Ok(Signal::TRAP),
            syscall: false,
            event: 0,
        };
        assert_eq!(change.state, State::Trapped(trap));
        spawned.pidfd.send_signal(Signal::KILL).unwrap();
        assert_eq!(state_of(&spawned), killed_by(Signal::KILL));
        let error = Command::path(c"/nonexistent", &TRUE, NO_ENV)
            .traced()
            .spawn()
            .err();
        assert_eq!(error, Some(failed(Step::Execute, Errno::NOENT)));
    });
}

#[test]
fn prepare_runs_last_and_its_error_is_returned() {
    let _check = LeakCheck::begin();
    let own = rustix::process::getpid();
    let seen = [const { AtomicI32::new(0) }; 2];
    let prepare = || {
        seen[0].store(rustix::process::getpid().as_raw_pid(), Ordering::Relaxed);
        seen[1].store(signal::mask()?.len() as i32, Ordering::Relaxed);
        Ok(())
    };
    // SAFETY: it makes system calls and writes to memory.
    let command = unsafe { Command::path(c"/bin/true", &TRUE, NO_ENV).prepare(&prepare) };
    let spawned = command.spawn().unwrap();
    assert_eq!(state_of(&spawned), State::Exited(0));
    let seen = [0, 1].map(|at: usize| seen[at].load(Ordering::Relaxed));
    let by = spawned.pid.as_raw_pid();
    assert_ne!(by, own.as_raw_pid());
    assert_eq!(seen, [by, 62], "all but KILL and STOP");

    let fail = || Err(Errno::XDEV);
    // SAFETY: it does nothing.
    let command = unsafe { command.prepare(&fail) };
    let error = command.spawn().unwrap_err();
    assert_eq!(error, failed(Step::Prepare, Errno::XDEV));
    assert_eq!(Errno::from(error), Errno::XDEV);
    let error = std::io::Error::from(error);
    assert_eq!(error.kind(), std::io::ErrorKind::CrossesDevices);
    assert_eq!(
        error.raw_os_error(),
        None,
        "the step, which says more, is kept"
    );
}

// --- descriptors ---

/// A file of its own, by whose inode it is known.
fn object() -> (OwnedFd, u64) {
    let fd = rustix::fs::memfd_create("object", rustix::fs::MemfdFlags::CLOEXEC).expect("a memfd");
    let inode = rustix::fs::fstat(&fd).expect("open").st_ino;
    (fd, inode)
}

/// In a child: whether `number` is open, stays so and is the object with this inode.
fn is_there(number: RawFd, inode: u64) -> bool {
    // SAFETY: asks the kernel what it is.
    let fd = unsafe { rustix::fd::BorrowedFd::borrow_raw(number) };
    let is_it = rustix::fs::fstat(fd).is_ok_and(|stat| stat.st_ino == inode);
    is_it && rustix::io::fcntl_getfd(fd).is_ok_and(|flags| flags.is_empty())
}

/// Starts a program that has these, and looks that it does.
#[track_caller]
fn arranged(command: Command<'_>, list: &[(RawFd, RawFd)], inodes: &[(RawFd, u64)]) {
    // SAFETY: open for as long as this runs, as the caller holds them.
    let fds: Vec<_> = list
        .iter()
        .map(|&(fd, _)| unsafe { rustix::fd::BorrowedFd::borrow_raw(fd) })
        .collect();
    let inherited: Vec<_> = list
        .iter()
        .zip(&fds)
        .map(|(&(_, number), fd)| FdMapping::new(fd, number))
        .collect();
    let wrong = AtomicI32::new(-1);
    let look = || {
        for &(source, number) in list {
            let inode = inodes.iter().find(|(fd, _)| *fd == source);
            if !inode.is_some_and(|&(_, inode)| is_there(number, inode)) {
                wrong.store(number, Ordering::Relaxed);
                return Err(Errno::BADF);
            }
        }
        Ok(())
    };
    // SAFETY: it makes system calls and writes to memory.
    let command = unsafe { command.inherit(&inherited).prepare(&look) };
    let spawned = command.spawn();
    assert_eq!(wrong.into_inner(), -1, "{list:?}");
    assert_eq!(
        state_of(&spawned.expect("it starts")),
        State::Exited(0),
        "{list:?}"
    );
}

#[test]
fn descriptors_can_trade_places() {
    alone(test_name!(), || {
        let objects: Vec<_> = (0..6).map(|_| object()).collect();
        let inodes: Vec<_> = objects
            .iter()
            .map(|(fd, inode)| (fd.as_raw_fd(), *inode))
            .collect();
        let [a, b, c, d, e, f] = core::array::from_fn(|at| inodes[at].0);
        let free = 100;
        let check = |list: &[(RawFd, RawFd)]| {
            let command = Command::path(c"/bin/true", &TRUE, NO_ENV);
            arranged(command, list, &inodes);
            arranged(command.close_others(), list, &inodes);
            // The program's own descriptor is in the way of some.
            let program = File::open("/bin/true").unwrap();
            arranged(Command::descriptor(&program, &TRUE, NO_ENV), list, &inodes);
            let onto = list.iter().map(|&(fd, number)| {
                (
                    fd,
                    if number == b {
                        program.as_raw_fd()
                    } else {
                        number
                    },
                )
            });
            let onto: Vec<_> = onto.collect();
            arranged(Command::descriptor(&program, &TRUE, NO_ENV), &onto, &inodes);
            let folder = File::open("/bin").unwrap();
            let onto: Vec<_> = list
                .iter()
                .map(|&(fd, number)| {
                    (
                        fd,
                        if number == a {
                            folder.as_raw_fd()
                        } else {
                            number
                        },
                    )
                })
                .collect();
            arranged(Command::at(&folder, c"true", &TRUE, NO_ENV), &onto, &inodes);
        };
        check(&[]);
        check(&[(a, a)]);
        check(&[(a, free)]);
        check(&[(a, b), (b, a)]);
        check(&[(a, b), (b, c), (c, a)]);
        check(&[(a, b), (b, c), (c, d)]);
        check(&[(c, d), (b, c), (a, b)]);
        check(&[(a, b), (a, c), (a, a), (b, d)]);
        check(&[(a, b), (b, a), (c, d), (d, c), (e, f), (f, e)]);
        check(&[(a, b), (b, c), (c, a), (d, e), (e, d), (f, f), (a, free)]);
        check(&[(a, 0), (b, 1), (c, 2)]);
    });
}

#[test]
fn any_list_of_descriptors_is_arranged() {
    alone(test_name!(), || {
        let mut choices = Choices::new(0x5eed);
        let objects: Vec<_> = (0..8).map(|_| object()).collect();
        let inodes: Vec<_> = objects
            .iter()
            .map(|(fd, inode)| (fd.as_raw_fd(), *inode))
            .collect();
        // Numbers that are sources, and some that are free.
        let mut numbers: Vec<RawFd> = inodes.iter().map(|&(fd, _)| fd).collect();
        numbers.extend([60, 61, 62, 63]);
        for round in 0..150 {
            for at in (1..numbers.len()).rev() {
                numbers.swap(at, choices.below(at as u64 + 1) as usize);
            }
            let len = choices.below(numbers.len() as u64 + 1) as usize;
            let list: Vec<_> = numbers[..len]
                .iter()
                .map(|&number| (inodes[choices.below(8) as usize].0, number))
                .collect();
            let program = File::open("/bin/true").unwrap();
            let command = match round % 3 {
                0 => Command::path(c"/bin/true", &TRUE, NO_ENV),
                1 => Command::descriptor(&program, &TRUE, NO_ENV),
                _ => Command::path(c"/bin/true", &TRUE, NO_ENV).close_others(),
            };
            arranged(command, &list, &inodes);
        }
    });
}

#[test]
fn permutation_needs_one_free_descriptor() {
    alone(test_name!(), || {
        let (a, b) = (object(), object());
        let inodes = [(a.0.as_raw_fd(), a.1), (b.0.as_raw_fd(), b.1)];
        let [x, y] = inodes.map(|(fd, _)| fd);
        let swap = [(x, y), (y, x)];
        const LIMIT: u64 = 64;
        let was = rustix::process::getrlimit(Resource::Nofile);
        let limit = |current| Rlimit {
            current: Some(current),
            maximum: was.maximum,
        };
        rustix::process::setrlimit(Resource::Nofile, limit(LIMIT)).unwrap();
        let mut full = Vec::new();
        while let Ok(fd) = rustix::io::fcntl_dupfd_cloexec(&a.0, 0) {
            full.push(fd);
        }
        let command = Command::path(c"/bin/true", &TRUE, NO_ENV);
        let (one, other) = (FdMapping::new(&a.0, y), FdMapping::new(&b.0, x));
        let list = [one, other];
        // None: not even the child's own descriptor can be made.
        let error = command.inherit(&list).spawn().err();
        assert_eq!(error, Some(failed(Step::Create, Errno::MFILE)));
        // One, the last: enough, unless the child may not use it.
        let last = full.pop().map(|fd| fd.as_raw_fd());
        assert_eq!(last, Some(LIMIT as RawFd - 1));
        arranged(command, &swap, &inodes);
        let lower = [(Resource::Nofile, limit(LIMIT - 1))];
        let error = command.inherit(&list).limits(&lower).spawn().err();
        assert_eq!(error, Some(failed(Step::Descriptor(y), Errno::MFILE)));
        drop(full);
        rustix::process::setrlimit(Resource::Nofile, was).unwrap();
    });
}

#[test]
fn invalid_descriptor_numbers_are_refused() {
    let _check = LeakCheck::begin();
    let null = File::open("/dev/null").unwrap();
    let command = Command::path(c"/bin/true", &TRUE, NO_ENV);
    let refused = |list: &[FdMapping<'_>]| command.inherit(list).spawn().err();
    let number = |number| FdMapping::new(&null, number);
    let wrong = |number| Some(failed(Step::Descriptor(number), Errno::INVAL));
    assert_eq!(refused(&[number(-1)]), wrong(-1));
    assert_eq!(refused(&[number(9), number(i32::MIN)]), wrong(i32::MIN));
    assert_eq!(refused(&[number(9), number(10), number(9)]), wrong(9));
    let beyond = Some(failed(Step::Descriptor(i32::MAX), Errno::BADF));
    assert_eq!(refused(&[number(9), number(i32::MAX)]), beyond);
    let most: Vec<_> = (200..328).map(number).collect();
    let spawned = command.inherit(&most).spawn().unwrap();
    assert_eq!(state_of(&spawned), State::Exited(0));
    let too_many: Vec<_> = (200..329).map(number).collect();
    assert_eq!(refused(&too_many), wrong(328));
    assert!(format!("{}", refused(&[number(-1)]).unwrap()).contains("-1"));
}

#[test]
fn close_others_closes_the_rest() {
    alone(test_name!(), || {
        // What a library without close-on-exec leaves open.
        let (leak, _) = object();
        rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
        let (given, _) = object();
        let (own, _) = object();
        let script = CString::new(format!(
            "for n in {} {} {}; do [ -e /proc/$$/fd/$n ] && echo open || echo closed; done; exit 0",
            leak.as_raw_fd(),
            given.as_raw_fd(),
            own.as_raw_fd()
        ))
        .unwrap();
        let args = List::of([c"sh", c"-c", &script]);
        let told = |others| {
            let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
            let list = [FdMapping::new(&write, 1), FdMapping::same(&given)];
            let command = Command::path(c"/bin/sh", &args, NO_ENV).inherit(&list);
            let command = if others {
                command.close_others()
            } else {
                command
            };
            let spawned = match command.spawn() {
                Err(SpawnError {
                    step: Step::CloseOthers,
                    errno,
                }) => {
                    assert!(matches!(errno, Errno::NOSYS | Errno::INVAL));
                    skipped!("close_range needs Linux 5.11");
                    return None;
                }
                spawned => spawned.unwrap(),
            };
            drop(write);
            let mut told = String::new();
            File::from(read).read_to_string(&mut told).unwrap();
            assert_eq!(state_of(&spawned), State::Exited(0));
            Some(told)
        };
        assert_eq!(told(false).as_deref(), Some("open\nopen\nclosed\n"));
        if let Some(told) = told(true) {
            assert_eq!(told, "closed\nopen\nclosed\n");
        }
    });
}

#[test]
fn close_range_closes_a_range() {
    alone(test_name!(), || {
        let fd = |number| {
            let (fd, _) = object();
            rustix::io::fcntl_dupfd_cloexec(&fd, number).unwrap()
        };
        let is_open = |number: RawFd| fs::exists(format!("/proc/self/fd/{number}")).unwrap();
        let fds: Vec<RawFd> = (500..510)
            .map(fd)
            .map(|fd| {
                let number = fd.as_raw_fd();
                core::mem::forget(fd);
                number
            })
            .collect();
        assert_eq!(fds, (500..510).collect::<Vec<_>>());
        let close = |range: (core::ops::Bound<RawFd>, core::ops::Bound<RawFd>)| {
            // SAFETY: these belong to nobody.
            unsafe { process::close_range(range, CloseFlags::empty()) }
        };
        use core::ops::Bound::{Excluded, Included, Unbounded};
        match close((Included(500), Included(501))) {
            Err(Errno::NOSYS) => skipped!("close_range needs Linux 5.9"),
            result => result.unwrap(),
        }
        assert!(!is_open(500) && !is_open(501) && is_open(502));
        close((Excluded(502), Excluded(504))).unwrap();
        assert!(is_open(502) && !is_open(503) && is_open(504));
        close((Excluded(507), Unbounded)).unwrap();
        assert!(is_open(507) && !is_open(508) && !is_open(509));
        close((Included(502), Included(507))).unwrap();
        assert!((500..510).all(|number| !is_open(number)));
        // Nothing there is nothing wrong, but nothing to close is.
        close((Included(500), Included(510))).unwrap();
        #[allow(clippy::reversed_empty_ranges, reason = "that is what it is about")]
        let empty = [
            (Included(5), Excluded(5)),
            (Included(10), Included(9)),
            (Included(-5), Included(9)),
        ];
        for range in empty {
            assert_eq!(close(range), Err(Errno::INVAL));
            assert_eq!(process::close_range_on_exec(range), Err(Errno::INVAL));
        }
        assert_eq!(close((Excluded(RawFd::MAX), Unbounded)), Err(Errno::INVAL));
        // SAFETY: refused.
        let unknown = unsafe { process::close_range(500.., CloseFlags::from_bits_retain(1 << 20)) };
        assert_eq!(unknown, Err(Errno::INVAL));

        let (kept, _) = object();
        rustix::io::fcntl_setfd(&kept, rustix::io::FdFlags::empty()).unwrap();
        process::close_range_on_exec(kept.as_raw_fd()..=kept.as_raw_fd()).unwrap();
        assert_eq!(
            rustix::io::fcntl_getfd(&kept),
            Ok(rustix::io::FdFlags::CLOEXEC)
        );

        // Another thread keeps its own.
        let number = kept.as_raw_fd();
        let closed = std::thread::spawn(move || {
            // SAFETY: in a table that is this thread's alone by then.
            unsafe { process::close_range(number..=number, CloseFlags::UNSHARE) }.unwrap();
            !fs::exists(format!("/proc/thread-self/fd/{number}")).unwrap()
        });
        assert!(closed.join().unwrap());
        assert!(rustix::io::fcntl_getfd(&kept).is_ok());
    });
}

// --- each step ---

/// A system call that is refused whatever its arguments.
const fn always(number: libc::c_long, errno: i32) -> Refusal {
    Refusal {
        number,
        argument: 0,
        mask: 0,
        value: 0,
        errno,
    }
}

#[test]
fn failing_step_is_named() {
    alone(test_name!(), || {
        let null = File::open("/dev/null").unwrap();
        let program = File::open("/bin/true").unwrap();
        let limits = [(
            Resource::Core,
            Rlimit {
                current: Some(0),
                maximum: Some(0),
            },
        )];
        let other = [FdMapping::new(&null, 77)];
        let same = [FdMapping::same(&null)];
        let (one, two) = (object(), object());
        let swap = [
            FdMapping::new(&one.0, two.0.as_raw_fd()),
            FdMapping::new(&two.0, one.0.as_raw_fd()),
        ];
        let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
        let command = Command::path(c"/bin/true", &TRUE, NO_ENV);
        let prctl = |option: i32| Refusal {
            mask: !0,
            value: option as u32,
            ..always(libc::SYS_prctl, libc::EXDEV)
        };
        let refused = |number| always(number, libc::EXDEV);
        let cases = [
            (refused(libc::SYS_clone3), command, Step::Create),
            (
                refused(libc::SYS_setsid),
                command.new_session(),
                Step::Session,
            ),
            (
                refused(libc::SYS_setpgid),
                command.new_process_group(),
                Step::ProcessGroup,
            ),
            (
                refused(libc::SYS_setpgid),
                command.process_group(Pid::INIT),
                Step::ProcessGroup,
            ),
            (
                refused(libc::SYS_ioctl),
                command.controlling_terminal(&null),
                Step::Terminal,
            ),
            (
                refused(libc::SYS_setpriority),
                command.priority(1),
                Step::Priority,
            ),
            (
                refused(libc::SYS_prlimit64),
                command.limits(&limits),
                Step::Limit(Resource::Core),
            ),
            (
                refused(libc::SYS_setgroups),
                command.groups(&[]),
                Step::Groups,
            ),
            (
                refused(libc::SYS_setresgid),
                command.group(gid),
                Step::Group,
            ),
            (refused(libc::SYS_setresuid), command.user(uid), Step::User),
            (
                refused(libc::SYS_chdir),
                command.directory(c"/"),
                Step::Directory,
            ),
            (
                refused(libc::SYS_fchdir),
                command.directory_descriptor(&null),
                Step::Directory,
            ),
            (
                prctl(libc::PR_SET_NO_NEW_PRIVS),
                command.no_new_privs(),
                Step::NoNewPrivs,
            ),
            (
                prctl(libc::PR_SET_PDEATHSIG),
                command.parent_death_signal(Signal::TERM),
                Step::ParentDeath,
            ),
            (
                refused(libc::SYS_close_range),
                command.close_others(),
                Step::CloseOthers,
            ),
            (
                refused(libc::SYS_dup3),
                command.inherit(&other),
                Step::Descriptor(77),
            ),
            (
                refused(libc::SYS_fcntl),
                command.inherit(&same),
                Step::Descriptor(null.as_raw_fd()),
            ),
            (
                refused(libc::SYS_fcntl),
                command.inherit(&swap),
                Step::Descriptor(two.0.as_raw_fd()),
            ),
            (refused(libc::SYS_ptrace), command.traced(), Step::Trace),
            (
                refused(libc::SYS_rt_sigaction),
                command.reset_signals(),
                Step::Signals,
            ),
            (refused(libc::SYS_execve), command, Step::Execute),
            (
                refused(libc::SYS_execveat),
                Command::descriptor(&program, &TRUE, NO_ENV),
                Step::Execute,
            ),
            (
                refused(libc::SYS_execveat),
                Command::at(&null, c"true", &TRUE, NO_ENV),
                Step::Execute,
            ),
        ];
        for (refusal, command, step) in cases {
            // A filter stays for as long as its thread.
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    if !refuse(&[refusal]) {
                        skipped!("no filters of system calls");
                        return;
                    }
                    let error = command.spawn().err();
                    assert_eq!(error, Some(failed(step, Errno::XDEV)));
                    let all = WaitFlags::EXITED | WaitFlags::ALL;
                    let left = process::try_wait(Children::Any, all);
                    assert_eq!(left, Err(Errno::CHILD), "{step:?}");
                    // And its words are its own.
                    let error = failed(step, Errno::XDEV).to_string();
                    assert!(error.len() > 10, "{error}");
                });
            });
        }
    });
}

#[test]
fn namespaces_with_other_flags_are_refused() {
    let _check = LeakCheck::begin();
    let command = Command::path(c"/bin/true", &TRUE, NO_ENV);
    for flags in [
        CloneFlags::FILES,
        CloneFlags::FS,
        CloneFlags::PARENT,
        CloneFlags::NEWUTS | CloneFlags::IO,
    ] {
        let error = command.namespaces(flags).spawn().err();
        assert_eq!(error, Some(failed(Step::Create, Errno::INVAL)));
    }
    let null = File::open("/dev/null").unwrap();
    let error = command.cgroup(&null).spawn().err();
    let refused = error.map(|error| (error.step, error.errno));
    assert!(
        matches!(
            refused,
            Some((Step::Create, Errno::BADF | Errno::NOSYS | Errno::TOOBIG))
        ),
        "{refused:?}"
    );
    // The first process of a namespace of its own.
    let all = CloneFlags::NEWPID | CloneFlags::NEWUTS | CloneFlags::NEWIPC | CloneFlags::NEWTIME;
    let args = List::of([c"sh", c"-c", c"exit $$"]);
    let new = Command::path(c"/bin/sh", &args, NO_ENV)
        .namespaces(all)
        .parent_death_signal(Signal::KILL);
    match new.spawn() {
        Ok(spawned) => assert_eq!(state_of(&spawned), State::Exited(1)),
        Err(error) => {
            assert_eq!(error.step, Step::Create);
            assert!(skips(error.errno) || error.errno == Errno::INVAL, "{error}");
        }
    }
}

#[test]
fn threads_spawn_concurrently() {
    let _check = LeakCheck::begin();
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            scope.spawn(move || {
                for n in 0..25 {
                    let status = CString::new(format!("exit {}", thread * 25 + n)).unwrap();
                    let args = List::of([c"sh", c"-c", &status]);
                    let command = Command::path(c"/bin/sh", &args, NO_ENV);
                    let spawned = command.spawn().unwrap();
                    assert_eq!(state_of(&spawned), State::Exited(thread * 25 + n));
                    let error = command.directory(c"/nowhere").spawn().err();
                    assert_eq!(error, Some(failed(Step::Directory, Errno::NOENT)));
                }
            });
        }
    });
}

#[test]
fn standard_descriptors_are_passed() {
    let _check = LeakCheck::begin();
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let mut input =
        File::from(rustix::fs::memfd_create("input", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
    input.write_all(b"three words here").unwrap();
    rustix::fs::seek(&input, rustix::fs::SeekFrom::Start(0)).unwrap();
    let args = List::of([c"cat"]);
    let list = [FdMapping::new(&input, 0), FdMapping::new(&write, 1)];
    let spawned = Command::path(c"/bin/cat", &args, NO_ENV)
        .inherit(&list)
        .spawn()
        .unwrap();
    drop(write);
    let mut told = String::new();
    File::from(read).read_to_string(&mut told).unwrap();
    assert_eq!(told, "three words here");
    assert_eq!(state_of(&spawned), State::Exited(0));
    assert_eq!(pidfd::open(spawned.pid).err(), Some(Errno::SRCH));
    assert!(spawned.as_fd().as_raw_fd() > 2);
}
