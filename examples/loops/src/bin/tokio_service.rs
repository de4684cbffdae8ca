//! A service in tokio: a ring each way for each client, of whom one is killed.

use std::error::Error;
use std::io::{self, BufRead, BufReader};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rawipc::rendezvous::{Connection, Listener, Options};
use rawipc::ring::Error::WouldBlock;
use rawipc::ring::doorbell::{Bells, Consumer, Duplex, Ends, Producer};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::select;

/// Has the runtime watch a descriptor: a duplicate, which stays open as long as it is watched.
fn watch(fd: &impl AsFd) -> io::Result<AsyncFd<OwnedFd>> {
    let fd = fd.as_fd().try_clone_to_owned()?;
    // SAFETY: what is owned stays open.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?)
}

async fn send(to: &mut Producer, bell: &AsyncFd<OwnedFd>, record: &[u8]) -> io::Result<()> {
    loop {
        match to.try_send(record) {
            // Only a bell that is armed rings; `false`: there is room meanwhile.
            Err(WouldBlock) => {
                if to.arm()? {
                    bell.readable().await?.clear_ready();
                }
            }
            result => return Ok(result?),
        }
    }
}

async fn recv(from: &mut Consumer, bell: &AsyncFd<OwnedFd>, to: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.try_recv(to) {
            Err(WouldBlock) => {
                if from.arm()? {
                    bell.readable().await?.clear_ready();
                }
            }
            result => return Ok(result?),
        }
    }
}

/// Answers each request until the client has gone, however it ended.
async fn serve(client: Connection, mut ends: Ends) -> io::Result<()> {
    let (data, room) = (watch(&ends.consumer)?, watch(&ends.producer)?);
    // A death rings no bell. What the rings came by is readable then.
    let gone = watch(&client)?;
    let answers = async {
        let mut buffer = [0; 4096];
        loop {
            let len = recv(&mut ends.consumer, &data, &mut buffer).await?;
            buffer[..len].make_ascii_uppercase();
            send(&mut ends.producer, &room, &buffer[..len]).await?;
        }
    };
    select! {
        result = answers => result,
        _ = gone.readable() => Ok(()),
    }
}

/// Serves so many clients, all at a time.
async fn listen(path: &Path, clients: usize) -> Result<(), Box<dyn Error>> {
    // The path of a service that was killed is used again; of one that lives it is ADDRINUSE.
    let listener = Listener::bind(path)?;
    let calls = watch(&listener)?;
    let mut served = Vec::new();
    while served.len() < clients {
        let mut duplex = Duplex::create(1 << 16, Bells::Timer)?;
        let accept = |_: &OwnedFd| Ok(listener.try_accept(&duplex)?);
        match calls.async_io(Interest::READABLE, accept).await {
            Ok(client) => served.push(tokio::spawn(serve(client, duplex.attach()?))),
            // Another user's, or gone already.
            Err(error) => eprintln!("turned away: {error}"),
        }
    }
    for client in served {
        if let Err(error) = client.await? {
            println!("a client ended: {error}");
        }
    }
    Ok(())
}

/// A client, which has no need of a runtime: it says when it is served, and goes on for ever if it
/// is to.
fn ask(path: &Path, for_ever: bool) -> Result<(), Box<dyn Error>> {
    // Waits for the service as well.
    let deadline = Duration::from_secs(60).into();
    let mut service = Options::new().connect_until::<Duplex>(path, deadline)?;
    let mut ends = service.region.attach()?;
    for number in 0_u64.. {
        ends.producer.send(b"hello")?;
        let mut buffer = [0; 8];
        let len = ends.consumer.recv(&mut buffer)?;
        assert_eq!(&buffer[..len], b"HELLO");
        if number == 0 {
            println!("served");
        }
        if number == 1000 && !for_ever {
            break;
        }
    }
    Ok(())
}

/// Starts this program again, as a client or as a service that dies.
fn start(what: &str, path: &Path) -> io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(what).arg(path).stdout(Stdio::piped()).spawn()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    if let (Some(what), Some(path)) = (args.next(), args.next()) {
        match what.as_str() {
            "leave" => {
                std::mem::forget(Listener::bind(path.as_str())?);
                return Ok(()); // and leaves the path, as if it had been killed
            }
            _ => return ask(path.as_ref(), what == "for-ever"),
        }
    }
    let path = std::env::temp_dir().join(format!("recipe-{}", std::process::id()));
    start("leave", &path)?.wait()?;
    assert!(path.exists());
    let clients = async {
        let mut honest = start("client", &path)?;
        let mut killed = start("for-ever", &path)?;
        let other = tokio::task::spawn_blocking(move || {
            let said = killed
                .stdout
                .take()
                .ok_or_else(|| io::Error::other("a pipe"))?;
            BufReader::new(said).read_line(&mut String::new())?;
            killed.kill()?;
            killed.wait()?;
            honest.wait()
        });
        assert!(other.await??.success());
        Ok::<_, Box<dyn Error>>(())
    };
    let (listened, asked) = tokio::join!(listen(&path, 2), clients);
    listened?;
    asked?;
    assert!(!path.exists());
    Ok(())
}
