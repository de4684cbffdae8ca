//! Names and texts of the kernel's errors, and what else errors say.

use core::error::Error;
use core::time::Duration;
use std::io;
use std::time::Instant;

use rawipc::errno::{self, Described};
use rawipc::{Deadline, Errno, ErrorContext};

/// Numbers below the last that the kernel never gave.
const UNUSED: [i32; 2] = [41, 58];

#[test]
fn errno_text_is_that_of_libc() {
    for number in 1..=133 {
        let errno = Errno::from_raw_os_error(number);
        let Some(text) = errno::text(errno) else {
            assert!(UNUSED.contains(&number), "{number}");
            continue;
        };
        let libc = io::Error::from_raw_os_error(number).to_string();
        let libc = libc.trim_end_matches(&format!(" (os error {number})"));
        assert!(libc.eq_ignore_ascii_case(text), "{libc}: {text}");
        assert_eq!(
            Described(errno).to_string(),
            format!("{}: {text}", errno::name(errno).expect("a name"))
        );
    }
}

macro_rules! constants {
    ($($name:ident)*) => { &[$((linux_raw_sys::errno::$name, stringify!($name))),*] };
}

/// Those of the kernel's headers.
#[rustfmt::skip]
const CONSTANTS: &[(u32, &str)] = constants! {
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

#[test]
fn errno_names_are_those_of_the_constants() {
    let name = |number| errno::name(Errno::from_raw_os_error(number));
    let named = (1..4096).filter(|&number| name(number).is_some());
    assert_eq!(named.count(), CONSTANTS.len());
    for &(number, constant) in CONSTANTS {
        assert_eq!(name(number as i32), Some(constant));
    }
}

#[test]
fn errno_without_name_is_described_by_its_number() {
    for number in [41, 134, 512, 4095] {
        let errno = Errno::from_raw_os_error(number);
        assert_eq!(errno::name(errno), None);
        assert_eq!(Described(errno).to_string(), format!("os error {number}"));
    }
}

#[test]
fn error_with_context_keeps_kind_and_source() {
    let refused: rawipc::Result<()> = Err(Errno::ACCESS);
    let error = refused.for_name("opening", "/dev/shm/jobs").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    assert!(error.to_string().starts_with("opening /dev/shm/jobs: "));
    let source = error.get_ref().and_then(Error::source).expect("a source");
    let source: &io::Error = source.downcast_ref().expect("of std");
    assert_eq!(source.raw_os_error(), Some(libc::EACCES));
}

#[test]
fn deadline_of_instant_is_that_moment() {
    let moment = Instant::now() + Duration::from_secs(3600);
    let left = Deadline::from(moment).remaining().expect("a moment");
    // Of the same clock: what is left of it was read later.
    assert!(left <= Duration::from_secs(3600));
    assert!(left >= moment.saturating_duration_since(Instant::now()));
    assert!(Deadline::from(Instant::now()).has_passed());
}
