//! The names of errors.

use linux_raw_sys::errno as raw;
use rawipc::Errno;

/// As it stands for the result of a call: `-1 ENOENT (No such file or directory)`.
pub(crate) fn result(errno: Errno) -> String {
    let number = errno.raw_os_error();
    // Of these the tracee sees nothing: a signal has come.
    if let Some((_, text)) = RESTARTS.iter().find(|(restart, _)| *restart == number) {
        return format!("? {text}");
    }
    match name(number) {
        Some(name) => format!("-1 {name} ({})", text(errno)),
        None => format!("-1 (errno {number})"),
    }
}

fn name(number: i32) -> Option<&'static str> {
    let number = u32::try_from(number).ok()?;
    let found = NAMES.iter().find(|(errno, _)| *errno == number);
    found.map(|(_, name)| *name)
}

/// What std says of it, without the number.
pub(crate) fn text(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    match text.split_once(" (os error") {
        Some((text, _)) => text.to_owned(),
        None => text,
    }
}

/// The kernel's own.
const RESTARTS: &[(i32, &str)] = &[
    (512, "ERESTARTSYS (To be restarted if SA_RESTART is set)"),
    (513, "ERESTARTNOINTR (To be restarted)"),
    (514, "ERESTARTNOHAND (To be restarted if no handler)"),
    (516, "ERESTART_RESTARTBLOCK (Interrupted by signal)"),
];

macro_rules! names {
    ($($name:ident)*) => { &[$((raw::$name, stringify!($name))),*] };
}

#[rustfmt::skip]
const NAMES: &[(u32, &str)] = names! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES
    EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY
    ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK
    ENOSYS ENOTEMPTY ELOOP ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH
    ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT EBFONT ENOSTR ENODATA ETIME
    ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG
    EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ
    ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT
    EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE
    EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN
    ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY
    EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM
    EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD
    ENOTRECOVERABLE ERFKILL EHWPOISON
};
