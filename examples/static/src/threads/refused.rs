//! Threads where the kernel refuses `clone3`, so that `clone` starts them, or refuses both.

use rawipc::seccomp::{self, Action, Filter, InstallFlags, Syscall};
use rawipc::start::Start;
use rawipc::thread::Builder;
use rawipc::{Errno, println};

use crate::points::mappings;

pub(crate) fn all(start: Start) {
    let before = mappings();
    // As old kernels and sandboxes say it.
    for errno in [Errno::PERM, Errno::NOSYS] {
        refuse(Syscall::CLONE3, errno);
        let thread = Builder::new(start).name("old").spawn(|| 7);
        assert_eq!(thread.and_then(|thread| thread.join()), Ok(7));
        println!("clone3 {} ok", errno.raw_os_error());
    }
    for errno in [Errno::PERM, Errno::NOSYS, Errno::AGAIN] {
        refuse(Syscall::CLONE, errno);
        let thread = Builder::new(start).spawn(|| 7);
        assert_eq!(thread.err(), Some(errno));
        println!("clone {} ok", errno.raw_os_error());
    }
    assert_eq!(mappings(), before, "mappings are left over");
}

fn refuse(call: Syscall, errno: Errno) {
    let mut filter = Filter::<16>::new(Action::Allow);
    filter.call(call, Action::Errno(errno)).expect("room");
    seccomp::set_no_new_privs().expect("no new privileges");
    // SAFETY: of a call whose errors are expected.
    unsafe { seccomp::install(&filter, InstallFlags::empty()) }.expect("a filter");
}
