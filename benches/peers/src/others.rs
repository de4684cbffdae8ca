//! Other crates between processes: ipc-channel and shmem-ipc.

use std::hint::black_box;
use std::os::fd::AsFd;
use std::sync::Mutex;

use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender};
use shmem_ipc::sharedring;

use crate::way::{Ends, Receiver, Sender, Way};

pub struct IpcTx(IpcBytesSender, Vec<u8>);
pub struct IpcRx(IpcBytesReceiver);

impl Sender for IpcTx {
    fn send(&mut self, number: u64) {
        self.1[..8].copy_from_slice(&number.to_ne_bytes());
        self.0.send(black_box(&self.1)).expect("a receiver");
    }
}

impl Receiver for IpcRx {
    fn recv(&mut self) -> u64 {
        let bytes = black_box(self.0.recv().expect("a sender"));
        u64::from_ne_bytes(bytes[..8].try_into().expect("eight"))
    }
}

/// Bytes, as `ipc-channel` carries them fastest.
pub fn ipc_channel(size: usize) -> Ends<IpcTx, IpcRx> {
    let (sender, receiver) = ipc::bytes_channel().expect("a channel");
    Ends::new((IpcTx(sender, vec![0; size]), IpcRx(receiver)))
}

/// Items of `N` words through the ring of `shmem-ipc`, which sleeps at eventfds.
pub struct Shared<const N: usize> {
    sender: Mutex<Option<sharedring::Sender<[u64; N]>>>,
    receiver: Mutex<Option<sharedring::Receiver<[u64; N]>>>,
}

pub struct SharedTx<const N: usize>(sharedring::Sender<[u64; N]>, [u64; N]);
pub struct SharedRx<const N: usize>(sharedring::Receiver<[u64; N]>);

pub fn shmem_ipc<const N: usize>(room: usize) -> Shared<N> {
    let sender = sharedring::Sender::new(room).expect("a ring");
    let again = |fd: std::os::fd::BorrowedFd<'_>| {
        std::fs::File::from(fd.try_clone_to_owned().expect("a descriptor"))
    };
    let receiver = sharedring::Receiver::open(
        room,
        again(sender.memfd().as_file().as_fd()),
        again(sender.empty_signal().as_fd()),
        again(sender.full_signal().as_fd()),
    );
    Shared {
        sender: Mutex::new(Some(sender)),
        receiver: Mutex::new(Some(receiver.expect("a ring"))),
    }
}

impl<const N: usize> Way for Shared<N> {
    type Sender = SharedTx<N>;
    type Receiver = SharedRx<N>;

    fn sender(&self) -> SharedTx<N> {
        let sender = self.sender.lock().expect("no panic").take();
        SharedTx(sender.expect("once"), [0; N])
    }

    fn receiver(&self) -> SharedRx<N> {
        SharedRx(
            self.receiver
                .lock()
                .expect("no panic")
                .take()
                .expect("once"),
        )
    }
}

impl<const N: usize> Sender for SharedTx<N> {
    fn send(&mut self, number: u64) {
        self.1[0] = number;
        let item = *black_box(&self.1);
        loop {
            let mut sent = false;
            let result = self.0.send_raw(|to, room| {
                if room > 0 {
                    // SAFETY: room for one at least.
                    unsafe { to.write(item) };
                    sent = true;
                }
                usize::from(sent)
            });
            result.expect("a ring");
            if sent {
                return;
            }
            self.0.block_until_writable().expect("a ring");
        }
    }
}

impl<const N: usize> Receiver for SharedRx<N> {
    fn recv(&mut self) -> u64 {
        loop {
            let mut item = None;
            let result = self.0.receive_raw(|from, count| {
                if count > 0 {
                    // SAFETY: there is one at least.
                    item = Some(unsafe { from.read() });
                }
                usize::from(count > 0)
            });
            result.expect("a ring");
            if let Some(item) = item {
                return black_box(item)[0];
            }
            self.0.block_until_readable().expect("a ring");
        }
    }
}
