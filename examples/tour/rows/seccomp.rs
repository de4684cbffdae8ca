//! System calls that another process answers.

use rawipc::process::{self, Fork, State, WaitFlags};
use rawipc::seccomp::notify::Listener;
use rawipc::seccomp::{self, Action, Filter, InstallFlags};
use rawipc::socket::message::{Incoming, Outgoing};
use rawipc::socket::{Seqpacket, seqpacket};
use rawipc::{AsFd, IoSlice, IoSliceMut};

use crate::half::{Failure, Half, Outcome};

const CALLS: u64 = 5_000;

/// What every call returns that is answered: no process has this priority.
const ANSWER: i64 = 1_000;

/// A child asks for its priority, and this process says it.
pub(crate) fn notification(half: &mut Half) -> Outcome {
    let Half::Sender(sender) = half else {
        return Ok(());
    };
    let (ours, theirs) = seqpacket::pair()?;
    // SAFETY: the child only uses the crate and exits.
    let child = match unsafe { process::fork()? } {
        Fork::Child => process::exit(i32::from(ask(&theirs) != Ok(()))),
        Fork::Parent(child) => child,
    };
    drop(theirs);
    // Who answers is told when the child has died, and the child's calls fail when this
    // process has.
    let answered = answer(&ours, || sender.events(1));
    let state = process::wait(child, WaitFlags::EXITED)?.state;
    answered?;
    if state != State::Exited(0) {
        return Err(Failure::of(&format!("{state:?} of who asked")));
    }
    Ok(())
}

fn ask(to: &Seqpacket) -> rawipc::Result<()> {
    let mut filter = Filter::<16>::new(Action::Allow);
    let _there_is_room = filter.call(libc::SYS_getpriority as u32, Action::Notify);
    seccomp::set_no_new_privs()?;
    // SAFETY: nothing depends on the priority.
    let listener = unsafe { seccomp::install_with_listener(&filter, InstallFlags::empty())? };
    let descriptors = [listener.as_fd()];
    let outgoing = Outgoing::new().descriptors(&descriptors);
    to.send_message(&[IoSlice::new(b"listener")], &outgoing)?;
    drop(listener);
    for _ in 0..CALLS {
        // The kernel says 20 less the priority.
        if i64::from(20 - rustix::process::getpriority_process(None)?) != ANSWER {
            return Err(rawipc::Errno::PROTO);
        }
    }
    Ok(())
}

fn answer(from: &Seqpacket, mut answered: impl FnMut() -> Outcome) -> Outcome {
    let mut incoming = Incoming::<1>::new();
    let mut buffer = [0; 16];
    from.recv_message(&mut [IoSliceMut::new(&mut buffer)], &mut incoming)?;
    let Some(listener) = incoming.descriptors().next() else {
        return Err(Failure::of("no listener came"));
    };
    let listener = Listener::from(listener);
    for _ in 0..CALLS {
        let notification = listener.receive()?;
        listener.respond(notification.cookie, ANSWER)?;
        answered()?;
    }
    Ok(())
}
