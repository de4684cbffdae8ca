//! The example `service`, run as its user runs it, with clients that are killed and clients that lie.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child as Program, Stdio};
use std::time::Instant;

use rawipc::Deadline;
use rawipc::memory::MapOptions;
use rawipc::rendezvous::{Connection, Options};
use rawipc::ring;
use rawipc::ring::doorbell::{Duplex, Ends};

use crate::support::program::started;
use crate::support::{Child, Choices, End, Folder, LIMIT, LeakCheck, let_go_on, limit, source};
use crate::text;

/// Where `cargo test` puts the example.
fn executable() -> PathBuf {
    let test = std::env::current_exe().expect("this executable");
    let built = test.parent().and_then(Path::parent);
    let example = built.expect("target folder").join("examples/service");
    assert!(
        example.exists(),
        "run `cargo test` as a whole, or first `cargo build --example service`"
    );
    example
}

/// A running service, killed when dropped.
struct Service(Program);

impl Service {
    /// One that listens at `path`.
    fn start(path: &Path) -> Self {
        let mut command = started(&executable());
        // It says something of each client, which nobody reads.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.arg(path).spawn().unwrap())
    }

    /// How many descriptors it has, and how many threads.
    fn has(&self) -> [usize; 2] {
        ["fd", "task"].map(|what| {
            let folder = format!("/proc/{}/{what}", self.0.id());
            fs::read_dir(folder).unwrap().count()
        })
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn connect(path: &Path) -> Option<(Ends, Connection)> {
    let received = Options::new().connect_until::<Duplex>(path, limit());
    let mut received = received.ok()?;
    Some((received.region.attach().ok()?, received.connection))
}

/// Has a text of this length said in capitals; `None` if that goes wrong.
fn ask(ends: &mut Ends, len: usize, number: u64) -> Option<()> {
    let letter = b'a' + (number % 26) as u8;
    let mut buffer = [letter; 1024];
    ends.producer.send_until(&buffer[..len], limit()).ok()?;
    let got = ends.consumer.recv_until(&mut buffer, limit()).ok()?;
    let capital = letter.to_ascii_uppercase();
    (got == len && buffer[..got].iter().all(|&byte| byte == capital)).then_some(())
}

/// Says a word by the program itself, when the service listens.
fn said(path: &Path, word: &str) -> String {
    assert!(connect(path).is_some(), "nobody listens");
    let output = started(&executable()).arg(path).arg(word).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).trim().to_owned()
}

/// Waits until it has no more than before.
fn come_back(service: &Service, to: [usize; 2]) {
    let begin = Instant::now();
    while service.has() != to {
        let has = service.has();
        assert!(begin.elapsed() < LIMIT, "{has:?} where there were {to:?}");
        std::thread::yield_now();
    }
}

/// A client that goes on until it is killed, and counts.
fn going_on(path: &Path, seed: u64, answers: &AtomicU64) -> Child {
    Child::fork(|| {
        let mut choices = Choices::new(seed);
        loop {
            let Some((mut ends, _connection)) = connect(path) else {
                return 2;
            };
            for _ in 0..choices.below(20) {
                let number = choices.below(1 << 20);
                if ask(&mut ends, choices.below(1024) as usize, number).is_none() {
                    return 3;
                }
                answers.fetch_add(1, Relaxed);
            }
        }
    })
}

#[test]
fn service_outlives_clients_that_are_killed_and_gives_back_what_they_had() {
    const KILLS: u64 = 60;
    let _check = LeakCheck::begin();
    let folder = Folder::new("service-kills");
    let path = folder.at("socket");
    let service = Service::start(&path);
    assert_eq!(said(&path, "listening"), "LISTENING");
    let before = at_rest(&service);
    let memory = MapOptions::shared(64).map_anonymous().unwrap();
    let answers = memory.object::<AtomicU64>(0).unwrap();
    let of_the_steady = memory.object::<AtomicU64>(8).unwrap();
    let steady = going_on(&path, 1, of_the_steady);
    let mut choices = Choices::new(0x5e41);
    for kill in 0..KILLS {
        let mut child = going_on(&path, kill + 2, answers);
        let_go_on(|| answers.load(Relaxed), choices.below(30));
        child.kill();
        assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    }
    let (others, begin) = (of_the_steady.load(Relaxed), Instant::now());
    while of_the_steady.load(Relaxed) < others + 100 {
        assert!(begin.elapsed() < LIMIT, "who was not killed is not served");
        std::thread::yield_now();
    }
    drop(steady);
    come_back(&service, before);
    println!("{KILLS} kills, {} answers", answers.load(Relaxed) + others);
}

/// What the service has when nobody is served.
fn at_rest(service: &Service) -> [usize; 2] {
    let begin = Instant::now();
    loop {
        let has = service.has();
        if has[1] == 1 {
            return has;
        }
        assert!(begin.elapsed() < LIMIT, "it serves somebody");
        std::thread::yield_now();
    }
}

/// Those who only connect, attach one end, do not fetch what they get, send nonsense, or write what
/// cannot be into the memory.
#[test]
fn service_outlives_clients_that_lie_and_serves_the_others() {
    let _check = LeakCheck::begin();
    let folder = Folder::new("service-lies");
    let path = folder.at("socket");
    let service = Service::start(&path);
    assert_eq!(said(&path, "listening"), "LISTENING");
    let before = at_rest(&service);
    let (mut honest, connection) = connect(&path).unwrap();
    let duplex = || {
        let received = Options::new().connect::<Duplex>(&path).unwrap();
        (received.region, received.connection)
    };
    let mut asks = || ask(&mut honest, 100, 7).expect("an answer");

    let silent = duplex();
    asks();
    drop(silent);
    // Full of responses that nobody fetches, also when it is gone.
    let (mut idle, idle_connection) = duplex();
    let mut ends = idle.attach().unwrap();
    while ends.producer.try_send(&[b'x'; 1024]).is_ok() {}
    let begin = Instant::now();
    while ends
        .producer
        .send_until(&[b'x'; 1024], Deadline::after(LIMIT / 200))
        .is_ok()
    {
        assert!(begin.elapsed() < LIMIT);
    }
    asks();
    let Ends { producer, consumer } = ends;
    consumer.detach();
    producer.detach();
    drop(idle_connection);
    asks();
    // Too long to be a request.
    let (mut ends, _kept) = connect(&path).unwrap();
    ends.producer.send(&[b'x'; 5000]).unwrap();
    let told = ends.consumer.recv_until(&mut [0; 8], limit());
    assert_eq!(told, Err(ring::Error::Closed));
    // What cannot be, in the memory of both rings.
    let (mut hostile, hostile_connection) = duplex();
    let ends = hostile.attach().unwrap();
    for at in [0, 3] {
        let memory = MapOptions::shared(4096)
            .map(hostile.descriptors()[at])
            .unwrap();
        for word in 64..512 {
            let _ = memory.write(word * 8, &0x1234_5678_9abc_def0_u64);
        }
    }
    drop(ends);
    asks();
    drop((honest, connection, hostile, hostile_connection));
    come_back(&service, before);
}

#[test]
fn path_of_a_killed_service_is_used_again() {
    let _check = LeakCheck::begin();
    let folder = Folder::new("service-stale");
    let path = folder.at("socket");
    for _ in 0..3 {
        let mut service = Service::start(&path);
        assert_eq!(said(&path, "once more"), "ONCE MORE");
        service.kill();
        assert!(path.exists());
    }
}

#[test]
fn client_of_another_user_gets_nothing_of_the_service() {
    if !crate::support::needs::root() {
        return;
    }
    let _check = LeakCheck::begin();
    let folder = Folder::new("service-foreign");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&*folder, open).unwrap();
    let path = folder.at("socket");
    let _service = Service::start(&path);
    assert_eq!(said(&path, "listening"), "LISTENING");
    // Also if the socket's file lets everybody connect.
    for mode in [0o600, 0o666] {
        let open = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(&path, open).unwrap();
        let mut child = Child::fork(|| {
            let is_another = crate::support::child::become_nobody();
            i32::from(!is_another || connect(&path).is_some())
        });
        assert_eq!(child.wait(), End::Exited(0));
        assert_eq!(said(&path, "own"), "OWN");
    }
}

/// Its lines, comments and empty ones left out.
#[test]
fn service_is_short_and_has_nothing_unsafe() {
    let _check = LeakCheck::begin();
    let files = source::files_below("examples/service");
    let lines = files
        .iter()
        .flat_map(|(_, text)| text.lines().map(str::trim));
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    let lines: Vec<_> = lines.collect();
    let is_unsafe = |line: &&&str| line.contains("unsafe") && **line != "#![forbid(unsafe_code)]";
    let count = lines.iter().filter(is_unsafe).count();
    println!("service: {} lines, {count} of them unsafe", lines.len());
    assert!(lines.len() <= 60 && count == 0, "{} lines", lines.len());
}
