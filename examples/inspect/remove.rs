//! Removing what nobody uses, if the user says so.

use std::io::{self, BufRead, Write};

use rawipc::errno::Described;

use crate::list::Printer;
use crate::objects::Object;
use crate::processes::Machine;

/// Asks for each; returns whether each that was to be removed was.
pub(crate) fn ask<W: Write>(stale: &[Object], to: &mut Printer<W>) -> io::Result<bool> {
    let mut answers = io::stdin().lock().lines();
    let mut all_done = true;
    for object in stale {
        let listed = object.file();
        to.ask(&format!("remove {object}? [y/N]"))?;
        let Some(answer) = answers.next().transpose()? else {
            to.line(0, "\nnobody answers: nothing is removed")?;
            return Ok(false);
        };
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            continue;
        }
        // Perhaps it took long to answer.
        let machine = Machine::look();
        let result = match object.is_unchanged(listed) && object.state(&machine).is_stale {
            true => object
                .remove()
                .map_err(|errno| Described(errno).to_string()),
            false => Err("it has been used since".to_owned()),
        };
        match result {
            Ok(()) => to.line(0, "removed")?,
            Err(why) => {
                all_done = false;
                to.line(0, &format!("not removed: {why}"))?;
            }
        }
    }
    Ok(all_done)
}
