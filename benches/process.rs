//! The memory of another process, read by this crate and by C: the same memory, into the
//! same buffer, in turn.

mod support;

use core::ffi::{c_char, c_int};
use core::hint::black_box;
use std::ffi::CString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rawipc::memory::MapOptions;
use rawipc::process::memory::{self, Access, Address, AddressRange};
use rawipc::process::{self, Fork, Pidfd, WaitFlags, pidfd};
use rawipc::sync::Semaphore;
use rawipc::{IoSliceMut, Pid, Signal};
use rustix::time::{ClockId, clock_gettime};
use support::{Demand, contest, contestant, pin};

const LEN: usize = 64 << 20;
const PAGE: usize = 4096;
const PIECES: usize = 512;

/// A process that has memory and does nothing.
struct Holder {
    pid: Pid,
    pidfd: Pidfd,
}

impl Holder {
    /// `len` bytes at `address`, which are in this process too, get their values there.
    fn start(bytes: &mut [u8]) -> Self {
        let shared = MapOptions::shared(4096).map_anonymous().expect("memory");
        let ready: &Semaphore = shared.object(0).expect("a semaphore");
        // SAFETY: this program has one thread, and the child only writes memory and
        // waits to be killed.
        match unsafe { process::fork() }.expect("a process") {
            Fork::Child => {
                for (index, byte) in bytes.iter_mut().enumerate() {
                    *byte = value(index);
                }
                let _ = ready.post();
                let never = MapOptions::shared(4096).map_anonymous();
                if let Some(never) = never
                    .ok()
                    .as_ref()
                    .and_then(|m| m.object::<Semaphore>(0).ok())
                {
                    let _ = never.wait();
                }
                process::exit(1)
            }
            Fork::Parent(pid) => {
                ready.wait().expect("it is ready");
                let pidfd = pidfd::open(pid).expect("a child");
                Self { pid, pidfd }
            }
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.pidfd.send_signal(Signal::KILL);
        let _ = process::wait(&self.pidfd, WaitFlags::EXITED);
    }
}

fn value(index: usize) -> u8 {
    (index * 7 + index / 4096) as u8
}

type Copy = unsafe extern "C" fn(c_int, *mut c_char, *mut c_char, usize) -> c_int;
type Gather = unsafe extern "C" fn(c_int, *mut c_char, *mut c_char, usize, usize, usize) -> c_int;

/// What the C compiler makes of copy.c.
struct InC {
    copy: Copy,
    gather: Gather,
}

impl InC {
    fn compile() -> Result<Self, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/process");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("bench-process-{}.so", std::process::id()));
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let mut words = compiler.split_whitespace();
        let output = Command::new(words.next().unwrap_or("cc"))
            .args(words)
            .args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC"])
            .arg(format!("-DIOV_COUNT={PIECES}"))
            .arg("-o")
            .arg(&library)
            .arg(folder.join("copy.c"))
            .output()
            .map_err(|error| format!("{compiler}: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "copy.c does not compile: {said}");
        let loaded = Self::load(library.clone());
        let _ = std::fs::remove_file(library);
        loaded
    }

    fn load(library: PathBuf) -> Result<Self, String> {
        let path = CString::new(library.into_os_string().into_vec()).expect("a path");
        // SAFETY: the library was just made of copy.c, which does nothing when loaded.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
        if handle.is_null() {
            return Err("what the compiler made cannot be loaded".to_owned());
        }
        let find = |name: &core::ffi::CStr| {
            // SAFETY: the handle is of a library that is never unloaded.
            let found = unsafe { libc::dlsym(handle, name.as_ptr()) };
            assert!(!found.is_null(), "{name:?}");
            found
        };
        Ok(Self {
            // SAFETY: as it is declared in copy.c.
            copy: unsafe { core::mem::transmute::<*mut libc::c_void, Copy>(find(c"copy")) },
            // SAFETY: as above.
            gather: unsafe { core::mem::transmute::<*mut libc::c_void, Gather>(find(c"gather")) },
        })
    }
}

/// Nanoseconds per operation, of `count` each.
///
/// Of the processor's time that this thread got: it never waits for anybody, and what
/// others take of the processor in between is not its own.
fn timed(times: usize, count: usize, mut run: impl FnMut()) -> f64 {
    let begin = clock_gettime(ClockId::ThreadCPUTime);
    for _ in 0..times {
        run();
    }
    let end = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = (end.tv_sec - begin.tv_sec) as f64;
    let nanoseconds = (end.tv_nsec - begin.tv_nsec) as f64;
    (seconds * 1e9 + nanoseconds) / (times * count) as f64
}

fn main() {
    pin(0);
    let mut there = vec![0; LEN];
    let mut here = vec![0_u8; LEN];
    let holder = Holder::start(&mut there);
    let (pid, at) = (holder.pid, Address::of(&there[..]));
    let remote = memory::of(pid);
    let file = memory::open(pid, Access::Read).expect("its memory");
    let in_c = match InC::compile() {
        Ok(in_c) => in_c,
        Err(why) => {
            println!("skipped: no C to compare with: {why}");
            return;
        }
    };
    let raw_pid = pid.as_raw_nonzero().get();
    let from = there.as_mut_ptr().cast::<c_char>();
    let into = core::cell::RefCell::new(&mut here[..]);

    let copy_in_c = |len: usize| {
        let mut into = into.borrow_mut();
        // SAFETY: the buffer has so many bytes; the other address is of the other
        // process.
        let why = unsafe { (in_c.copy)(raw_pid, from, into.as_mut_ptr().cast(), len) };
        assert_eq!(why, 0);
        black_box(&mut into[..len]);
    };
    let copy = |remote: &memory::Remote, len: usize| {
        let mut into = into.borrow_mut();
        let into = &mut into[..len];
        remote.read_exact(at, into).expect("read");
        black_box(into);
    };
    // Each reads what is there.
    for way in 0..3 {
        into.borrow_mut().fill(0);
        match way {
            0 => copy_in_c(LEN),
            1 => copy(&remote, LEN),
            _ => copy(&file, LEN),
        }
        let into = into.borrow();
        assert!(
            (0..LEN)
                .step_by(509)
                .all(|index| into[index] == value(index))
        );
    }

    let mut met = true;
    met &= contest(
        "64 MiB of another process's memory, by page",
        &Demand::AtLeast(0.97),
        vec![
            contestant("C, process_vm_readv", || {
                timed(1, LEN / PAGE, || copy_in_c(LEN))
            }),
            contestant("process::memory::of", || {
                timed(1, LEN / PAGE, || copy(&remote, LEN))
            }),
        ],
    );
    met &= contest(
        "8 bytes of another process's memory",
        &Demand::AtLeast(0.9),
        vec![
            contestant("C, process_vm_readv", || timed(20_000, 1, || copy_in_c(8))),
            contestant("process::memory::of", || {
                timed(20_000, 1, || {
                    black_box(remote.read_value::<u64>(at).expect("read"));
                })
            }),
            contestant("process::memory::open", || {
                timed(20_000, 1, || {
                    black_box(file.read_value::<u64>(at).expect("read"));
                })
            }),
        ],
    );
    met &= contest(
        "64 MiB by a file, by page",
        &Demand::None,
        vec![
            contestant("process::memory::of", || {
                timed(1, LEN / PAGE, || copy(&remote, LEN))
            }),
            contestant("process::memory::open", || {
                timed(1, LEN / PAGE, || copy(&file, LEN))
            }),
        ],
    );
    const PIECE: usize = 64;
    const STEP: usize = 1024;
    met &= contest(
        "512 pieces of 64 bytes gathered, each",
        &Demand::AtLeast(0.9),
        vec![
            contestant("C, process_vm_readv", || {
                timed(200, PIECES, || {
                    let into = into.borrow_mut().as_mut_ptr().cast();
                    // SAFETY: the buffer has more bytes; the other address is of the
                    // other process.
                    let why = unsafe { (in_c.gather)(raw_pid, from, into, PIECES, PIECE, STEP) };
                    assert_eq!(why, 0);
                })
            }),
            contestant("process::memory::of", || {
                timed(200, PIECES, || {
                    let mut into = into.borrow_mut();
                    let pieces: [AddressRange; PIECES] = core::array::from_fn(|index| {
                        AddressRange::new(at.wrapping_add(index * STEP), PIECE)
                    });
                    let mut buffers = [IoSliceMut::new(&mut into[..PIECES * PIECE])];
                    let moved = remote.readv_exact(&pieces, &mut buffers);
                    assert_eq!(moved, Ok(PIECES * PIECE));
                })
            }),
        ],
    );
    println!(
        "\n{}",
        if met {
            "all demands met"
        } else {
            "some demands MISSED"
        }
    );
}
