//! What a test program begins with, whoever starts it: signals with their default actions
//! and none blocked or pending, the usual umask, limits that suffice, nothing to read, a
//! folder for temporary files that serves. Before `main`, so that no test has to remember.

use core::ffi::{c_int, c_uint};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::deadline;

/// In the environment of whatever a test program starts. What that starts again is a test's
/// half, and begins with what the test gave it.
const BEGUN: &str = "RAWIPC_TEST_BEGUN";

/// The longest name of a folder for temporary files beneath which the tests' names still fit
/// into the address of a socket, which has 108 bytes.
const LONGEST: usize = 40;

// SAFETY: the section holds pointers to functions of this type, which the start of a program
// calls one after the other.
#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;

extern "C" fn begin() {
    if std::env::var_os(BEGUN).is_some() {
        return;
    }
    // SAFETY: before `main` there is one thread.
    unsafe { std::env::set_var(BEGUN, "1") };
    signals();
    limits();
    descriptors();
    temporary_files();
    // SAFETY: no memory is involved.
    unsafe { libc::umask(0o022) };
    // SAFETY: no memory is involved. An alarm outlives what `exec` replaces.
    unsafe { libc::alarm(0) };
    deadline::watch();
}

/// A shell's job in the background, `nohup`, and what runs programs for others leave signals
/// ignored or blocked.
fn signals() {
    // Bare, as the C library refuses two of them, which are its own and somebody may yet
    // have left ignored. The action comes first, and no flag or mask with it.
    for signal in 1..=64_usize {
        // Those that are pending are gone with the first.
        for action in [libc::SIG_IGN, libc::SIG_DFL] {
            let action = [action, 0, 0, 0];
            let none = core::ptr::null_mut::<()>();
            // SAFETY: the action is borrowed for the call; it is no handler.
            unsafe {
                libc::syscall(
                    libc::SYS_rt_sigaction,
                    signal,
                    &raw const action,
                    none,
                    8_usize,
                )
            };
        }
    }
    // SAFETY: all zeros are a set.
    let mut none: libc::sigset_t = unsafe { core::mem::zeroed() };
    // SAFETY: the set is borrowed for the call.
    unsafe { libc::sigemptyset(&raw mut none) };
    // SAFETY: the set is borrowed for the call.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, core::ptr::null_mut()) };
}

/// What a limit is to be.
enum Wanted {
    /// This, whether it was less or more.
    Exactly(libc::rlim_t),
    /// As much as may be.
    Most,
}

/// The limits that a shell or a service may have set, what they are to be, and without how
/// much the tests cannot run.
const LIMITS: [(c_uint, &str, Wanted, libc::rlim_t); 12] = [
    (libc::RLIMIT_NOFILE, "NOFILE", Wanted::Exactly(1024), 256),
    // No core of a process that a test kills, wherever cores go: a program that takes them
    // gets none where the limit is 1.
    (libc::RLIMIT_CORE, "CORE", Wanted::Exactly(1), 0),
    (
        libc::RLIMIT_STACK,
        "STACK",
        Wanted::Exactly(8 << 20),
        1 << 20,
    ),
    (libc::RLIMIT_FSIZE, "FSIZE", Wanted::Most, 1 << 40),
    (libc::RLIMIT_AS, "AS", Wanted::Most, 1 << 34),
    (libc::RLIMIT_DATA, "DATA", Wanted::Most, 1 << 32),
    (libc::RLIMIT_CPU, "CPU", Wanted::Most, 600),
    (libc::RLIMIT_NPROC, "NPROC", Wanted::Most, 1 << 10),
    // These the tests ask for where they need much.
    (libc::RLIMIT_MEMLOCK, "MEMLOCK", Wanted::Most, 0),
    (libc::RLIMIT_MSGQUEUE, "MSGQUEUE", Wanted::Most, 0),
    (libc::RLIMIT_SIGPENDING, "SIGPENDING", Wanted::Most, 0),
    (libc::RLIMIT_RTPRIO, "RTPRIO", Wanted::Most, 0),
];

fn limits() {
    for (resource, name, wanted, least) in LIMITS {
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: the limit is borrowed for the call.
        unsafe { libc::getrlimit(resource, &raw mut limit) };
        let set = |most: libc::rlim_t| {
            let now = match wanted {
                Wanted::Exactly(number) => number.min(most),
                Wanted::Most => most,
            };
            let limit = libc::rlimit {
                rlim_cur: now,
                rlim_max: most,
            };
            // SAFETY: the limit is borrowed for the call.
            unsafe { libc::setrlimit(resource, &raw const limit) == 0 }
        };
        // The privileged may have more than they were given.
        if limit.rlim_max < least && set(least) {
            continue;
        }
        set(limit.rlim_max);
        if limit.rlim_max < least {
            give_up(&format!("RLIMIT_{name} of {} is too small", limit.rlim_max));
        }
    }
}

/// Where no test could run, none does, and the reason is said once.
fn give_up(why: &str) -> ! {
    deadline::say(&format!("skipped: all tests of this program: {why}"));
    std::process::exit(0);
}

/// Nothing to read; and no descriptor that somebody forgot goes on to the tests' children.
fn descriptors() {
    // SAFETY: the path ends with a zero byte.
    let null = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
    if null > 0 {
        // SAFETY: whoever started this reads for itself; nothing here knows of it yet.
        unsafe { libc::dup2(null, 0) };
    }
    // Standard output and error too where they were closed: not a test's file.
    for closed in 1..=2 {
        // SAFETY: no memory is involved.
        if null >= 0 && unsafe { libc::fcntl(closed, libc::F_GETFD) } == -1 {
            // SAFETY: the number is free.
            unsafe { libc::dup2(null, closed) };
        }
    }
    if null > 2 {
        // SAFETY: made above, and known to nobody.
        unsafe { libc::close(null) };
    }
    let flag = libc::CLOSE_RANGE_CLOEXEC as c_int;
    // SAFETY: the descriptors stay what they are; without the call they are handed on.
    unsafe { libc::close_range(3, c_uint::MAX, flag) };
}

/// That of the environment, if the tests' sockets and programs can be in it, or another.
fn temporary_files() {
    let given = std::env::temp_dir();
    let others = ["/tmp", "/var/tmp", "/dev/shm"].map(PathBuf::from);
    if let Some(folder) = [given].into_iter().chain(others).find(|path| serves(path)) {
        // SAFETY: before `main` there is one thread.
        unsafe { std::env::set_var("TMPDIR", folder) };
    }
}

fn serves(folder: &Path) -> bool {
    let name = folder.as_os_str().as_bytes();
    let Ok(path) = CString::new(name) else {
        return false;
    };
    // SAFETY: all zeros are such a structure.
    let mut stat: libc::statvfs = unsafe { core::mem::zeroed() };
    // SAFETY: the path ends with a zero byte, and the structure is borrowed for the call.
    let known = unsafe { libc::statvfs(path.as_ptr(), &raw mut stat) } == 0;
    let wanted = libc::R_OK | libc::W_OK | libc::X_OK;
    folder.is_absolute()
        && name.len() <= LONGEST
        && folder.is_dir()
        // SAFETY: the path ends with a zero byte.
        && unsafe { libc::access(path.as_ptr(), wanted) } == 0
        && known
        && stat.f_flag & libc::ST_NOEXEC == 0
}

/// Makes a program begin as if nobody had prepared anything: for the test of this.
pub(crate) fn as_from_outside(command: &mut std::process::Command) -> &mut std::process::Command {
    command.env_remove(BEGUN)
}
