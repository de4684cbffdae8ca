//! Setting the groups, user and capabilities of a child before its exec.
#![forbid(unsafe_code)]

use rustix::thread::{self, CapabilitySet, CapabilitySets};

use super::builder::Command;
use super::step::{SpawnError, Step};
use crate::{Errno, Result};

/// Makes this thread who the command says. The user last, as whom nothing of this may be
/// allowed any more.
///
/// # Errors
///
/// Also [`Errno::INVAL`]: an id of -1, which the calls take for "as it is".
pub(super) fn change(command: &Command<'_>) -> Result<(), SpawnError> {
    if let Some(bounds) = command.capability_bounds {
        limit_capabilities(bounds).map_err(Step::CapabilityBounds.because())?;
    }
    if command.capabilities.is_some() {
        // Permitted beyond the change of the user.
        thread::set_keep_capabilities(true).map_err(Step::Capabilities.because())?;
    }
    if let Some(groups) = command.groups {
        thread::set_thread_groups(groups).map_err(Step::Groups.because())?;
    }
    if let Some(gid) = command.gid {
        is_id(gid.as_raw()).map_err(Step::Group.because())?;
        thread::set_thread_res_gid(gid, gid, gid).map_err(Step::Group.because())?;
    }
    if let Some(uid) = command.uid {
        is_id(uid.as_raw()).map_err(Step::User.because())?;
        thread::set_thread_res_uid(uid, uid, uid).map_err(Step::User.because())?;
    }
    if let Some(capabilities) = command.capabilities {
        keep_capabilities(capabilities).map_err(Step::Capabilities.because())?;
    }
    Ok(())
}

/// Takes from this thread's bounding set what is not in `bounds`.
fn limit_capabilities(bounds: CapabilitySet) -> Result<()> {
    for number in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1_u64.wrapping_shl(number));
        match thread::capability_is_in_bounding_set(one) {
            // There are no more.
            Err(Errno::INVAL) => break,
            Ok(true) if !bounds.contains(one) => {
                thread::remove_capability_from_bounding_set(one)?;
            }
            Ok(_) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Makes these all that this thread has, and has the program have them.
fn keep_capabilities(capabilities: CapabilitySet) -> Result<()> {
    thread::set_capabilities(
        None,
        CapabilitySets {
            effective: capabilities,
            permitted: capabilities,
            inheritable: capabilities,
        },
    )?;
    thread::clear_ambient_capability_set()?;
    for one in capabilities.iter() {
        thread::configure_capability_in_ambient_set(one, true)?;
    }
    Ok(())
}

fn is_id(number: u32) -> Result<()> {
    if number == u32::MAX {
        return Err(Errno::INVAL);
    }
    Ok(())
}
