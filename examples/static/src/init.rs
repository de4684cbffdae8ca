//! `init CONTROL SCRIPT SCRIPT`: the first process of a PID namespace. It runs two services, each
//! a script of `/bin/sh`, starts again who ends, later each time, reaps what others leave, forwards
//! signals, and answers `status` and `stop` at the seqpacket socket CONTROL, to its own user and to root.
//!
//! No std, no libc, no allocator, no `unsafe`, and no `/proc`.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::ffi::CStr;
use core::fmt::{self, Write};
use core::time::Duration;

use rawipc::errno::Described;
use rawipc::event::Readiness;
use rawipc::event::poll::{self, PollFd};
use rawipc::event::timerfd::{self, Clock, Schedule, TimerFd, TimerFdFlags};
use rawipc::process::exec::{List, Strings};
use rawipc::process::{self, Children, Command, WaitFlags};
use rawipc::signal::fd::{self, SignalFd, SignalFdFlags};
use rawipc::signal::{self, Set, Target};
use rawipc::socket::BindOptions;
use rawipc::socket::address::UnixAddress;
use rawipc::socket::message::Credentials;
use rawipc::socket::option::peer_credentials;
use rawipc::socket::seqpacket::{Listener, Seqpacket};
use rawipc::start::Start;
use rawipc::{Errno, Pid, Result, Signal, println};
use rustix::process::Uid;

const SERVICES: usize = 2;
const CLIENTS: usize = 4;

/// How long a service that ends at once is not started again, the first time and at most.
const FIRST_DELAY: Duration = Duration::from_millis(20);
const LAST_DELAY: Duration = Duration::from_secs(5);
/// Who ran so long has not ended at once.
const STEADY: Duration = Duration::from_secs(10);
/// How long services may take to end before they are killed.
const PATIENCE: Duration = Duration::from_secs(5);

const STOPPING: [Signal; 2] = [Signal::TERM, Signal::INT];
const FORWARDED: [Signal; 3] = [Signal::HUP, Signal::USR1, Signal::USR2];

rawipc::entry!(main);
rawipc::panic_handler!();
rawipc::memory_functions!();

fn main(start: Start) -> i32 {
    let mut args = start.args().iter().skip(1);
    let four = [args.next(), args.next(), args.next(), args.next()];
    let [Some(control), Some(one), Some(other), None] = four else {
        rawipc::eprintln!("init: usage: init CONTROL SCRIPT SCRIPT");
        return 2;
    };
    let end = Init::new(control, [one, other], start.env().strings()).and_then(|mut init| {
        println!("init: process {}", process::id().as_raw_pid());
        init.run()
    });
    let _ = rustix::fs::unlink(control);
    if let Err(errno) = end {
        rawipc::eprintln!("init: {}", Described(errno));
        return 1;
    }
    println!("init: done");
    0
}

/// The time that a timer has.
fn now() -> Duration {
    let now = Clock::Monotonic.now();
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

struct Service<'a> {
    script: &'a CStr,
    /// Its process, which leads a group of its own.
    running: Option<Pid>,
    /// When it was started, or is to be started.
    at: Duration,
    delay: Duration,
    starts: u32,
}

impl Service<'_> {
    fn start(&mut self, env: Strings<'_>) {
        (self.at, self.starts) = (now(), self.starts + 1);
        let args = List::of([c"sh", c"-c", self.script]);
        let command = Command::path(c"/bin/sh", &args, env);
        match command.new_process_group().reset_signals().spawn() {
            Ok(spawned) => self.running = Some(spawned.pid),
            Err(error) => {
                println!("init: cannot start: {error}");
                self.ended();
            }
        }
    }

    /// Waits twice as long as last time, unless it ran for long.
    fn ended(&mut self) {
        self.running = None;
        let ran = now().saturating_sub(self.at);
        self.delay = match self.delay {
            delay if ran >= STEADY || delay.is_zero() => FIRST_DELAY,
            delay => (delay * 2).min(LAST_DELAY),
        };
        self.at = now() + self.delay;
    }

    fn send(&self, signal: Signal) {
        if let Some(pid) = self.running {
            // Who has just ended is reaped next.
            let _ = signal::send(Target::Group(pid), signal);
        }
    }
}

struct Init<'a> {
    services: [Service<'a>; SERVICES],
    env: Strings<'a>,
    signals: SignalFd,
    timer: TimerFd,
    listener: Listener,
    clients: [Option<Seqpacket>; CLIENTS],
    /// When services are killed that have been asked to end.
    killing: Option<Duration>,
}

impl<'a> Init<'a> {
    fn new(control: &CStr, scripts: [&'a CStr; SERVICES], env: Strings<'a>) -> Result<Self> {
        let mut set = Set::of([Signal::CHILD]);
        for signal in STOPPING.into_iter().chain(FORWARDED) {
            set.insert(signal);
        }
        // Blocked, they wait for the descriptor, to the first process of a namespace too.
        signal::block(set)?;
        let address = UnixAddress::pathname(control)?;
        Ok(Self {
            services: scripts.map(|script| Service {
                script,
                running: None,
                at: Duration::ZERO,
                delay: Duration::ZERO,
                starts: 0,
            }),
            env,
            signals: fd::create(set, SignalFdFlags::empty())?,
            timer: timerfd::create(Clock::Monotonic, TimerFdFlags::empty())?,
            listener: BindOptions::new()
                .replace_stale(true)
                .listen_seqpacket(&address)?,
            clients: [const { None }; CLIENTS],
            killing: None,
        })
    }

    /// Until it is told to stop and all have ended.
    fn run(&mut self) -> Result<()> {
        loop {
            let next = self.start_and_kill();
            if self.killing.is_some() && self.services.iter().all(|one| one.running.is_none()) {
                break;
            }
            self.sleep(next)?;
            while let Ok(record) = self.signals.try_wait() {
                match record.signal() {
                    Some(signal) if STOPPING.contains(&signal) => self.stop(),
                    Some(signal) if FORWARDED.contains(&signal) => {
                        self.services
                            .iter()
                            .for_each(|service| service.send(signal));
                    }
                    _ => {}
                }
            }
            self.reap();
            self.accept();
            self.answer();
        }
        // Those whom nobody has waited for.
        if process::id() == Pid::INIT {
            let _ = signal::send(Target::Everyone, Signal::KILL);
            while process::wait(Children::Any, WaitFlags::EXITED) != Err(Errno::CHILD) {}
        }
        Ok(())
    }

    /// Does what is due, and returns when more is.
    fn start_and_kill(&mut self) -> Option<Duration> {
        if let Some(killing) = self.killing {
            if now() >= killing {
                println!("init: kills");
                self.services
                    .iter()
                    .for_each(|service| service.send(Signal::KILL));
                self.killing = Some(now() + PATIENCE);
            }
            return self.killing;
        }
        for service in &mut self.services {
            if service.running.is_none() && now() >= service.at {
                service.start(self.env);
            }
        }
        let waiting = self
            .services
            .iter()
            .filter(|service| service.running.is_none());
        waiting.map(|service| service.at).min()
    }

    fn sleep(&self, until: Option<Duration>) -> Result<()> {
        match until {
            None => self.timer.disarm()?,
            Some(at) => {
                let after = timerfd::Start::After(at.saturating_sub(now()));
                self.timer.set(Schedule::once(after))?
            }
        };
        let mut all = [PollFd::VACANT; 3 + CLIENTS];
        all[0] = PollFd::new(&self.signals, Readiness::IN);
        all[1] = PollFd::new(&self.timer, Readiness::IN);
        all[2] = PollFd::new(&self.listener, Readiness::IN);
        for (entry, client) in all.iter_mut().skip(3).zip(self.clients.iter().flatten()) {
            *entry = PollFd::new(client, Readiness::IN);
        }
        match poll::wait(&mut all) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    fn stop(&mut self) {
        if self.killing.is_none() {
            println!("init: stops");
            self.killing = Some(now() + PATIENCE);
            self.services
                .iter()
                .for_each(|service| service.send(Signal::TERM));
        }
    }

    fn reap(&mut self) {
        while let Ok(change) = process::try_wait(Children::Any, WaitFlags::EXITED) {
            let mut services = self.services.iter_mut().enumerate();
            match services.find(|(_, service)| service.running == Some(change.pid)) {
                Some((number, service)) => {
                    service.ended();
                    let (state, delay) = (change.state, service.delay.as_millis());
                    println!("init: service {number}: {state:?}, delay {delay}");
                }
                None => println!("init: orphan {:?}", change.state),
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((client, _)) = self.listener.try_accept() {
            let allowed = [Uid::ROOT, Credentials::own().uid];
            match peer_credentials(&client) {
                Ok(peer) if allowed.contains(&peer.uid) => {
                    // Who comes when there is no place finds the end of the connection.
                    if let Some(place) = self.clients.iter_mut().find(|place| place.is_none()) {
                        *place = Some(client);
                    }
                }
                _ => println!("init: refuses a stranger"),
            }
        }
    }

    fn answer(&mut self) {
        for number in 0..CLIENTS {
            let Some(client) = self.clients.get_mut(number).and_then(Option::take) else {
                continue;
            };
            let mut request = [0; 16];
            let mut reply = Text::default();
            match client.try_recv(&mut request).map_err(Errno::from) {
                Err(Errno::AGAIN) => {}
                Ok(Some(len)) => {
                    match request.get(..len) {
                        Some(b"status") => self.status(&mut reply),
                        Some(b"stop") => {
                            self.stop();
                            let _ = reply.write_str("stopping");
                        }
                        _ => {
                            let _ = reply.write_str("unknown");
                        }
                    }
                    // Who does not read has no answer, and is not waited for.
                    if client.try_send(reply.as_bytes()).is_err() {
                        continue;
                    }
                }
                _ => continue,
            }
            if let Some(place) = self.clients.get_mut(number) {
                *place = Some(client);
            }
        }
    }

    fn status(&self, to: &mut Text) {
        for (number, service) in self.services.iter().enumerate() {
            let pid = service.running.map_or(0, Pid::as_raw_pid);
            let starts = service.starts;
            let _ = writeln!(to, "{number}: process {pid}, started {starts} times");
        }
    }
}

/// A short text; what is beyond its end is lost.
struct Text {
    bytes: [u8; 128],
    len: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            bytes: [0; 128],
            len: 0,
        }
    }
}

impl Text {
    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let place = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
