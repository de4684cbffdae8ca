//! Errors as `strace` writes them.

use rawipc::{Errno, errno as names};

/// As it stands for the result of a call: `-1 ENOENT (No such file or directory)`.
pub(crate) fn result(errno: Errno) -> String {
    let number = errno.raw_os_error();
    // Of these the tracee sees nothing: a signal has come.
    if let Some((_, text)) = RESTARTS.iter().find(|(restart, _)| *restart == number) {
        return format!("? {text}");
    }
    match names::name(errno) {
        Some(name) => format!("-1 {name} ({})", text(errno)),
        None => format!("-1 (errno {number})"),
    }
}

/// What `strerror(3)` says of it, which begins with a capital.
pub(crate) fn text(errno: Errno) -> String {
    let Some(text) = names::text(errno) else {
        return format!("errno {}", errno.raw_os_error());
    };
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

/// The kernel's own.
const RESTARTS: &[(i32, &str)] = &[
    (512, "ERESTARTSYS (To be restarted if SA_RESTART is set)"),
    (513, "ERESTARTNOINTR (To be restarted)"),
    (514, "ERESTARTNOHAND (To be restarted if no handler)"),
    (516, "ERESTART_RESTARTBLOCK (Interrupted by signal)"),
];
