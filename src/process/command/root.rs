//! The root directory of a child that becomes its program.
#![forbid(unsafe_code)]

use rustix::process;

use super::builder::Root;
use crate::Result;
use crate::sys::namespace::{mount_on_itself, mount_private, umount_detached};

/// Makes this process's root directory, and its working directory, what is asked for.
pub(super) fn change(root: Option<Root<'_>>) -> Result<()> {
    match root {
        Some(Root::Changed(path)) => {
            process::chroot(path)?;
            process::chdir(c"/")
        }
        Some(Root::Pivoted(path)) => {
            // Nothing of this shall be so outside.
            mount_private(c"/")?;
            // What is to be a root must be mounted.
            mount_on_itself(path)?;
            process::chdir(path)?;
            // The old root is mounted on the new one, and then on nothing.
            process::pivot_root(c".", c".")?;
            umount_detached(c".")?;
            process::chdir(c"/")
        }
        None => Ok(()),
    }
}
