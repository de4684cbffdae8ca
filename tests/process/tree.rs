//! Trees of processes that are killed as a whole, however they tried to get away.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use crate::support;

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rawipc::event::Readiness;
use rawipc::event::poll::{self, PollFd};
use rawipc::process::{self, Children, CloneFlags, CloneOptions, Cloned, Fork, Tree, WaitFlags};
use rawipc::{Errno, Pid, Signal};
use support::alone::{alone, end_of, killed_by, sleep_for_ever};
use support::program::descendants;
use support::{LeakCheck, limit};

/// How the grandchildren try to get away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    /// By a fork and the death of their parent.
    Orphan,
    /// And by a session of their own.
    Daemon,
}

/// Starts a process that waits, with a child that waits and a grandchild whose parent has ended.
/// All have the end of a pipe, which is closed when the last of them has terminated.
fn start(
    options: CloneOptions<'_>,
    flags: CloneFlags,
    escape: Escape,
) -> Result<(Pid, process::Pidfd, File), Errno> {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let options = options.flags(CloneFlags::PIDFD | flags);
    // SAFETY: the child only makes system calls.
    match unsafe { options.fork() }? {
        Cloned::Child => tree(&write, escape),
        Cloned::Parent { pid, pidfd } => {
            drop(write);
            let mut read = File::from(read);
            // Both descendants are there.
            let mut said = [0; 2];
            read.read_exact(&mut said).unwrap();
            Ok((pid, pidfd.unwrap(), read))
        }
    }
}

fn tree(write: &OwnedFd, escape: Escape) -> ! {
    let say = || rustix::io::write(write, b"x").is_ok();
    // A group of its own, as who wants to kill it must have asked for.
    let grouped = rustix::process::setpgid(None, None);
    // SAFETY: system calls only, and no return.
    match unsafe { process::fork() } {
        Ok(Fork::Child) => {
            // SAFETY: as above.
            if let Ok(Fork::Child) = unsafe { process::fork() } {
                if escape == Escape::Daemon {
                    let _ = rustix::process::setsid();
                }
                say();
                sleep_for_ever()
            }
            process::exit(0)
        }
        Ok(Fork::Parent(_)) if grouped.is_ok() && say() => sleep_for_ever(),
        _ => process::exit(1),
    }
}

/// Whether a process of the tree is there still.
fn lives(read: &File) -> bool {
    let mut fds = [PollFd::new(read, Readiness::IN)];
    poll::try_wait(&mut fds).is_err()
}

/// Waits until all have terminated.
fn await_end(mut read: File) {
    let mut fds = [PollFd::new(&read, Readiness::IN)];
    poll::wait_until(&mut fds, limit()).expect("all of them end");
    assert_eq!(read.read(&mut [0; 1]).unwrap(), 0, "nobody writes any more");
}

/// Reaps whatever became ours.
fn reap() {
    let all = WaitFlags::EXITED | WaitFlags::ALL;
    while process::wait(Children::Any, WaitFlags::EXITED).is_ok() {}
    assert_eq!(process::try_wait(Children::Any, all), Err(Errno::CHILD));
}

#[test]
fn group_is_killed_with_orphans() {
    alone(test_name!(), || {
        process::set_subreaper(true).unwrap();
        let (pid, _, read) =
            start(CloneOptions::new(), CloneFlags::empty(), Escape::Orphan).unwrap();
        assert!(lives(&read));
        process::kill_tree(Tree::Group(pid)).unwrap();
        await_end(read);
        assert_eq!(end_of(pid), killed_by(Signal::KILL));
        reap();
        assert_eq!(process::kill_tree(Tree::Group(pid)), Err(Errno::SRCH));
    });
}

/// What the documentation says of groups, and why there are other trees.
#[test]
fn daemon_escapes_its_group() {
    alone(test_name!(), || {
        process::set_subreaper(true).unwrap();
        let (pid, _, read) =
            start(CloneOptions::new(), CloneFlags::empty(), Escape::Daemon).unwrap();
        process::kill_tree(Tree::Group(pid)).unwrap();
        assert_eq!(end_of(pid), killed_by(Signal::KILL));
        assert!(lives(&read));
        // Whoever is left has become our child, or will when its parent has ended.
        loop {
            for child in descendants(std::process::id()) {
                rawipc::signal::send(child, Signal::KILL).unwrap();
            }
            if process::wait(Children::Any, WaitFlags::EXITED) == Err(Errno::CHILD) {
                break;
            }
        }
        await_end(read);
        reap();
    });
}

#[test]
fn namespace_is_killed_with_daemons() {
    alone(test_name!(), || {
        // Without privileges in a user namespace, where that is allowed.
        let flags = [CloneFlags::NEWPID, CloneFlags::NEWPID | CloneFlags::NEWUSER];
        let mut tries = flags
            .map(|flags| start(CloneOptions::new(), flags, Escape::Daemon))
            .into_iter();
        let mut some = false;
        for (pid, pidfd, read) in tries.by_ref().flatten() {
            some = true;
            assert!(lives(&read));
            process::kill_tree(Tree::Namespace(&pidfd)).unwrap();
            pidfd.wait_exit_until(limit()).unwrap();
            // As documented: with the end of the first, all have terminated.
            assert!(!lives(&read));
            await_end(read);
            assert_eq!(end_of(pid), killed_by(Signal::KILL));
            assert_eq!(
                process::kill_tree(Tree::Namespace(&pidfd)),
                Err(Errno::SRCH)
            );
        }
        if !some {
            skipped!("no PID namespace can be made");
        }
    });
}

/// A new control group of the second version, removed when dropped.
struct Group(PathBuf);

impl Group {
    fn new() -> Option<Self> {
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
        let mut roots = roots.iter();
        let root =
            roots.find(|root| fs::exists(format!("{root}/cgroup.controllers")).is_ok_and(|is| is));
        let group = PathBuf::from(root?).join(format!("rawipc-test-{}-tree", std::process::id()));
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
fn control_group_is_killed_with_daemons() {
    alone(test_name!(), || {
        let Some(group) = Group::new() else {
            skipped!("no control group can be made");
            return;
        };
        if !group.0.join("cgroup.kill").exists() {
            skipped!("a kernel without cgroup.kill");
            return;
        }
        process::set_subreaper(true).unwrap();
        let folder = File::open(&group.0).unwrap();
        let options = CloneOptions::new().cgroup(&folder);
        let (pid, _, read) = match start(options, CloneFlags::empty(), Escape::Daemon) {
            Ok(started) => started,
            Err(errno) => {
                skipped!("no process can be made in a control group: {errno}");
                return;
            }
        };
        assert!(lives(&read));
        process::kill_tree(Tree::ControlGroup(folder.as_fd())).unwrap();
        await_end(read);
        assert_eq!(end_of(pid), killed_by(Signal::KILL));
        reap();
        let events = fs::read_to_string(group.0.join("cgroup.events")).unwrap();
        assert!(events.contains("populated 0"), "{events}");
    });
}

/// A folder that is no control group, in which something has the file's name.
#[test]
fn folder_with_another_file_of_that_name_is_refused() {
    let _check = LeakCheck::begin();
    let folder = support::Folder::new("no-group");
    let target = folder.at("target");
    fs::write(&target, "as it was").unwrap();
    std::os::unix::fs::symlink(&target, folder.at("cgroup.kill")).unwrap();
    let group = fs::File::open(folder.at(".")).unwrap();
    let kill = || process::kill_tree(Tree::ControlGroup(group.as_fd()));
    assert_eq!(kill(), Err(Errno::LOOP));
    assert_eq!(fs::read_to_string(&target).unwrap(), "as it was");
    fs::remove_file(folder.at("cgroup.kill")).unwrap();
    let path = rustix::path::Arg::into_c_str(folder.at("cgroup.kill")).unwrap();
    // SAFETY: the path is a C string.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    assert_eq!(kill(), Err(Errno::NXIO), "it waits for a reader");
}
