//! System calls refused to this thread and its children, as on a machine or in a
//! sandbox that does not have them.

/// A system call with one argument that is refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub number: libc::c_long,
    /// Which argument is looked at; its low half.
    pub argument: u32,
    /// It is refused where the argument has all of these bits …
    pub mask: u32,
    /// … with this value.
    pub value: u32,
    pub errno: libc::c_int,
}

/// Files are not created without a name: as on file systems that have no such files.
pub(crate) const NO_UNNAMED_FILES: &[Refusal] = &[
    no_unnamed_files(libc::SYS_openat, 2),
    #[cfg(target_arch = "x86_64")]
    no_unnamed_files(libc::SYS_open, 1),
];

const fn no_unnamed_files(number: libc::c_long, argument: u32) -> Refusal {
    const UNNAMED: u32 = (libc::O_TMPFILE & !libc::O_DIRECTORY) as u32;
    Refusal {
        number,
        argument,
        mask: UNNAMED,
        value: UNNAMED,
        errno: libc::EOPNOTSUPP,
    }
}

/// Refuses the system calls from now on: for this thread for ever, so in a process
/// or thread of its own. `false`: this machine has no such filters.
pub(crate) fn refuse(refusals: &[Refusal]) -> bool {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };

    let mut program = Vec::new();
    for refusal in refusals {
        program.extend([
            // struct seccomp_data: the number at 0, the arguments from 16.
            step(LOAD, 0, 0, 0),
            step(EQUAL, 0, 4, refusal.number as u32),
            step(LOAD, 0, 0, 16 + 8 * refusal.argument),
            step(AND, 0, 0, refusal.mask),
            step(EQUAL, 0, 1, refusal.value),
            step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | refusal.errno as u32),
        ]);
    }
    program.push(step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: no memory is involved.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return false;
    }
    // SAFETY: the program is borrowed for the call.
    let set = unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
        )
    };
    set == 0
}
