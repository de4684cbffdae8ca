//! Arbitrary files in the place of a region's: found by their names, listed, used and removed, they
//! cause errors and nothing else. All of their memory is there, as that of every region with a name.
#![no_main]

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::rendezvous::{self, Error, Options};
use rawipc::ring::{Spin, SpinThenFutex, Waiting, spsc};
use rawipc::{AsFd, Deadline};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// Whether the words that say what it is are those of a ring.
    genuine: bool,
    spin: bool,
    items: bool,
    replace: bool,
    /// How many bytes the file has more or less than the ring would.
    longer: i16,
    words: [u8; 256],
    data: &'a [u8],
    head: [u8; 64],
}

const PAGE: u64 = 4096;

fuzz_target!(|input: Input<'_>| {
    if input.spin {
        run::<Spin>(&input);
    } else {
        run::<SpinThenFutex>(&input);
    }
});

fn head(region: &impl AsFd) -> [u8; 64] {
    let file = File::from(region.as_fd().try_clone_to_owned().expect("a copy"));
    let mut head = [0; 64];
    file.read_exact_at(&mut head, 0).expect("the head");
    head
}

fn run<W: Waiting>(input: &Input<'_>) {
    let folder = format!("/dev/shm/rawipc-fuzz-{}", std::process::id());
    let _ = fs::create_dir(&folder);
    let path = Path::new(&folder).join("region");
    let create = || spsc::Ring::<W>::create(PAGE as usize);
    let create_items = || spsc::items::Ring::<u64, W>::create(100);
    let genuine = match input.items {
        false => head(&create().expect("a ring")),
        true => head(&create_items().expect("a ring")),
    };
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .expect("a file");
    let len = (2 * PAGE).saturating_add_signed(input.longer.into());
    file.write_all_at(&vec![0; len as usize], 0)
        .expect("written");
    let write = |at: u64, bytes: &[u8]| {
        let room = len.saturating_sub(at) as usize;
        file.write_all_at(&bytes[..bytes.len().min(room)], at)
            .expect("written");
    };
    write(64, &input.words);
    write(PAGE, input.data);
    write(0, if input.genuine { &genuine } else { &input.head });
    drop(file);

    let listed = rendezvous::list(&folder).expect("a folder").count();
    assert!(listed <= 1);
    let options = Options::new().replace_stale(input.replace);
    let now = Deadline::NOW;
    if input.items {
        if let Ok(ring) = options.open_or_create_until(&path, create_items, now) {
            let _ = ring.consumer().map(|mut end| end.try_pop());
            let _ = ring.producer().map(|mut end| end.try_push(&7));
        }
    } else if let Ok(ring) = options.open_or_create_until(&path, create, now) {
        let _ = ring.consumer().map(|mut end| end.try_recv(&mut [0; 64]));
        let _ = ring.producer().map(|mut end| end.try_send(b"x"));
    }
    match rendezvous::remove_stale(&path) {
        Ok(()) => {}
        Err(Error::NotRegion) => fs::remove_file(&path).expect("it stays"),
        Err(error) => panic!("{error:?}"),
    }
    fs::remove_dir(&folder).expect("nothing else");
}
