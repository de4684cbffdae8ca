//! Answering a call that waits: with a value, an error, or by letting it be made.
#![forbid(unsafe_code)]

use linux_raw_sys::ptrace as raw;

use super::error::Error;
use super::listener::{Cookie, Listener};
use crate::sys::seccomp::{NotifResp, notif_send};
use crate::{AsFd, Errno, Result};

impl Listener {
    /// Answers that the call, without being made, returns `value`: `SECCOMP_IOCTL_NOTIF_SEND`
    /// of `seccomp_unotify(2)`.
    ///
    /// Values from -4095 to -1 are errors to who called.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]: nobody waits for it any more. [`Errno::INPROGRESS`]: it has
    /// been answered.
    #[doc(alias = "SECCOMP_IOCTL_NOTIF_SEND")]
    pub fn respond(&self, cookie: Cookie, value: i64) -> Result<(), Error> {
        self.send(cookie, value, 0, 0)
    }

    /// Answers that the call, without being made, fails with `errno`:
    /// `SECCOMP_IOCTL_NOTIF_SEND` of `seccomp_unotify(2)`.
    ///
    /// # Errors
    ///
    /// Those of [`respond`](Self::respond).
    #[doc(alias = "SECCOMP_IOCTL_NOTIF_SEND")]
    pub fn refuse(&self, cookie: Cookie, errno: Errno) -> Result<(), Error> {
        self.send(cookie, 0, -errno.raw_os_error(), 0)
    }

    /// Lets the call be made as if there were no filter: `SECCOMP_USER_NOTIF_FLAG_CONTINUE` of
    /// `seccomp_unotify(2)`. Since Linux 5.5.
    ///
    /// **This guards nothing.** The kernel reads what the arguments point to, and looks
    /// descriptors up, only now; whatever the listener saw there the caller's other
    /// threads, and all who share its memory, may have replaced meanwhile. It is for
    /// calls that the kernel would refuse by itself if they should not be.
    ///
    /// # Errors
    ///
    /// Those of [`respond`](Self::respond).
    #[doc(alias = "SECCOMP_USER_NOTIF_FLAG_CONTINUE")]
    pub fn proceed(&self, cookie: Cookie) -> Result<(), Error> {
        self.send(cookie, 0, 0, raw::SECCOMP_USER_NOTIF_FLAG_CONTINUE)
    }

    fn send(&self, cookie: Cookie, val: i64, error: i32, flags: u32) -> Result<(), Error> {
        let response = NotifResp {
            id: cookie.0,
            val,
            error,
            flags,
            room: [0; 5],
        };
        Ok(notif_send(self.as_fd(), &response)?)
    }
}
