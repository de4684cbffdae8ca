//! The loop: what each stop of a tracee means, and what is written of it.

use std::collections::HashMap;

use rawipc::process::State;
use rawipc::signal::action::{self, Action};
use rawipc::signal::{self, Cause, Info, Set};
use rawipc::trace::{Event, Phase, Report, Running, Slot, Stop, Stopped, Syscall, Tracer};
use rawipc::{Errno, Pid, Result, Signal};

use crate::decode::{Decoder, Written};
use crate::lines::Lines;
use crate::options::Options;
use crate::signals;
use crate::summary::Summary;

/// So many tracees the tracer remembers. It follows more, but tells their beginnings from
/// other stops less well.
const TRACEES: usize = 4096;

/// Signals for this process are looked for after so many reports when these do not cease.
const BUSY: u32 = 64;

/// Signals that ask this process to end.
const REQUESTS: [Signal; 4] = [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT];

pub(crate) struct Follower {
    lines: Lines,
    /// The child that became the program.
    main: Pid,
    /// Whether it is about to: what it does before is not the program's.
    begun: bool,
    /// Whether it has.
    outcome: Option<Result<()>>,
    tracees: HashMap<Pid, Tracee>,
    /// Strings are cut after so many bytes.
    length: usize,
    summary: Option<Summary>,
    /// How many requests to end have come.
    requests: u32,
    end: Option<State>,
}

#[derive(Default)]
struct Tracee {
    /// The call that it is in.
    call: Option<Written>,
}

impl Follower {
    pub(crate) fn new(lines: Lines, options: &Options, main: Pid) -> Self {
        Self {
            lines,
            main,
            begun: false,
            outcome: None,
            tracees: HashMap::from([(main, Tracee::default())]),
            length: options.length,
            summary: options.count.then(Summary::default),
            requests: 0,
            end: None,
        }
    }

    /// Follows the program and all that it starts, until the last has ended; how the
    /// program ended, or why there is none.
    pub(crate) fn follow(&mut self, running: Running) -> Result<State> {
        let mut awaited = Set::of(REQUESTS);
        awaited.insert(Signal::CHILD);
        // Who has it ignored is told of no end; the program, started before, may.
        action::set(Signal::CHILD, Action::DEFAULT)?;
        // From here on they are taken where the loop does so.
        signal::block(awaited)?;
        let mut slots = vec![Slot::EMPTY; TRACEES];
        let mut tracer = Tracer::new(&mut slots);
        tracer.add(running)?;
        let outcome = self.run(&mut tracer, awaited);
        if outcome.is_err() {
            let _ = tracer.kill_all();
        }
        self.finish();
        outcome?;
        if let Some(Err(errno)) = self.outcome {
            return Err(errno);
        }
        self.end.ok_or(Errno::CHILD)
    }

    fn run(&mut self, tracer: &mut Tracer<'_>, awaited: Set) -> Result<()> {
        let mut reports = 0;
        loop {
            let report = match tracer.try_wait() {
                Ok(Some(report)) => Some(report),
                Ok(None) => return Ok(()),
                Err(Errno::AGAIN | Errno::INTR) => None,
                Err(errno) => return Err(errno),
            };
            reports += 1;
            let info = match report {
                None => {
                    // Who reads along shall not wait for more.
                    let _ = self.lines.finish();
                    // That a tracee has stopped is a signal too: none is missed between
                    // the look and the wait.
                    Some(signal::wait(awaited))
                }
                Some(report) => {
                    self.report(report)?;
                    (reports % BUSY == 0).then(|| signal::try_wait(awaited))
                }
            };
            match info {
                Some(Ok(info)) => self.request(&info, tracer)?,
                None | Some(Err(Errno::AGAIN | Errno::INTR)) => {}
                Some(Err(errno)) => return Err(errno),
            }
        }
    }

    /// A signal for this process.
    fn request(&mut self, info: &Info, tracer: &mut Tracer<'_>) -> Result<()> {
        let Some(request) = info.signal().filter(|signal| REQUESTS.contains(signal)) else {
            return Ok(());
        };
        if self.end.is_some() {
            // What the program has started goes on without it, and without this process.
            return tracer.detach_all();
        }
        // The terminal's goes to the program as well, which it is for.
        if matches!(info.cause(), Cause::Kernel) {
            return Ok(());
        }
        self.requests += 1;
        if self.requests > 1 {
            self.end = Some(State::Signalled {
                signal: request,
                core: false,
            });
            return tracer.kill_all();
        }
        // Its end was not waited for: the number is its own. It may be stopped.
        let _ = signal::send(self.main, request);
        let _ = signal::send(self.main, Signal::CONT);
        Ok(())
    }

    fn finish(&mut self) {
        self.lines.interrupt();
        if let Some(summary) = &self.summary {
            for line in summary.lines() {
                self.lines.write(&line);
                self.lines.end();
            }
        }
        if let Err(error) = self.lines.finish() {
            crate::complain(&error.to_string(), crate::FAILED);
        }
    }

    fn report(&mut self, report: Report) -> Result<()> {
        let tid = report.tid();
        match report {
            Report::Stopped(stopped) => {
                self.tracees.entry(tid).or_default();
                let signal = self.stop(&stopped);
                self.lines.pass_on();
                match stopped.stop() {
                    Stop::Group(_) => stopped.listen()?,
                    _ => stopped.syscall(signal)?,
                };
            }
            Report::Ended(ended) => {
                self.end_of(tid, ended.state);
                self.lines.pass_on();
            }
        }
        Ok(())
    }

    /// Writes why a tracee stands still, and says by which signal it goes on.
    fn stop(&mut self, stopped: &Stopped) -> Option<Signal> {
        let tid = stopped.tid();
        match stopped.stop() {
            Stop::Syscall(syscall) => self.syscall(stopped, syscall),
            Stop::Signal(signal) => {
                self.signal(stopped, signal);
                return Some(signal);
            }
            Stop::Reserved(reserved) => {
                let name = signals::name(reserved.as_raw());
                self.line(tid, &format!("--- {name} ---"));
            }
            Stop::Trap => {
                self.signal(stopped, Signal::TRAP);
                return Some(Signal::TRAP);
            }
            Stop::Group(signal) => {
                let name = signals::name(signal.as_raw());
                self.line(tid, &format!("--- stopped by {name} ---"));
            }
            Stop::Event(Event::Exec { former }) if former != tid => self.superseded(tid, former),
            Stop::Event(Event::Exit(_)) => self.abandon(tid),
            _ => {}
        }
        None
    }

    fn is_quiet(&self) -> bool {
        !self.begun || self.summary.is_some()
    }

    fn line(&mut self, tid: Pid, text: &str) {
        if !self.is_quiet() {
            self.lines.line(tid, self.tracees.len(), text);
        }
    }

    fn signal(&mut self, stopped: &Stopped, signal: Signal) {
        let text = match stopped.info() {
            Ok(info) => signals::describe(&info),
            Err(_) => signals::name(signal.as_raw()),
        };
        self.line(stopped.tid(), &format!("--- {text} ---"));
    }

    fn syscall(&mut self, stopped: &Stopped, syscall: Syscall) {
        let tid = stopped.tid();
        let decoder = Decoder::new(stopped, self.length);
        match syscall.phase {
            Phase::Entry(call) => {
                // What it does when it could not become the program is not that's.
                if matches!(self.outcome, Some(Err(_))) {
                    return;
                }
                let (text, written) = decoder.entry(&syscall, call);
                self.begun |= tid == self.main && written.name() == "execve";
                if !self.is_quiet() {
                    self.lines.begin(tid, self.tracees.len());
                    self.lines.write(&text);
                }
                if self.begun {
                    self.tracees.entry(tid).or_default().call = Some(written);
                }
            }
            Phase::Exit(result) => {
                // Of a call before it was traced there is no beginning.
                let tracee = self.tracees.get_mut(&tid);
                let Some(written) = tracee.and_then(|tracee| tracee.call.take()) else {
                    return;
                };
                // The first is the one that makes it the program.
                self.outcome.get_or_insert(result.map(drop));
                if let Some(summary) = &mut self.summary {
                    summary.note(written.name(), result.is_err());
                    return;
                }
                self.resume_line(tid, &written);
                let (text, shown) = decoder.exit(&written, result);
                self.lines.write(&text);
                self.result(&shown);
            }
            _ => {}
        }
    }

    /// Goes back to the line of a call, or to a new one of its tracee.
    fn resume_line(&mut self, tid: Pid, written: &Written) {
        if !self.lines.is_open(tid) {
            self.lines.begin(tid, self.tracees.len());
            self.lines
                .write(&format!("<... {} resumed>", written.name()));
        }
    }

    fn result(&mut self, text: &str) {
        self.lines.write(") ");
        self.lines.align();
        self.lines.write("= ");
        self.lines.write(text);
        self.lines.end();
    }

    /// The call that a tracee is in does not end, because that does.
    fn abandon(&mut self, tid: Pid) {
        let tracee = self.tracees.get_mut(&tid);
        let Some(written) = tracee.and_then(|tracee| tracee.call.take()) else {
            return;
        };
        if let Some(summary) = &mut self.summary {
            summary.note(written.name(), false);
            return;
        }
        self.resume_line(tid, &written);
        if !written.is_whole() {
            self.lines.write(" <unfinished ...>");
        }
        self.result("?");
    }

    /// A thread that was not its process's first executes a program: it has now the
    /// process's number.
    fn superseded(&mut self, tid: Pid, former: Pid) {
        self.tracees.insert(tid, Tracee::default());
        if self.lines.is_open(former) {
            self.lines
                .write(&format!(" <pid changed to {} ...>", tid.as_raw_pid()));
            self.lines.end();
        }
        let text = format!(
            "+++ superseded by execve in pid {} +++",
            former.as_raw_pid()
        );
        self.line(tid, &text);
        if let Some(tracee) = self.tracees.remove(&former) {
            self.tracees.insert(tid, tracee);
        }
    }

    fn end_of(&mut self, tid: Pid, state: State) {
        self.abandon(tid);
        let text = match state {
            State::Exited(status) => format!("+++ exited with {status} +++"),
            State::Signalled { signal, core } => {
                let name = signals::name(signal.as_raw());
                let core = if core { " (core dumped)" } else { "" };
                format!("+++ killed by {name}{core} +++")
            }
            State::SignalledReserved(reserved) => {
                format!("+++ killed by {} +++", signals::name(reserved.as_raw()))
            }
            _ => return,
        };
        self.line(tid, &text);
        self.tracees.remove(&tid);
        if tid == self.main {
            self.end = Some(state);
        }
    }
}
