//! iceoryx2: publish and subscribe, between processes, by loans.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU64, Ordering};

use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;

use crate::way::{Receiver, Sender, Way};

/// A service, by its name; each end has a node of its own.
pub struct Service {
    name: String,
    size: usize,
    room: usize,
    touched: bool,
    readers: usize,
}

static NAMES: AtomicU64 = AtomicU64::new(0);

/// For messages of so many bytes, all of which are written and read if `touched`; else none of them:
/// messages are then counted by who receives them.
pub fn service(size: usize, room: usize, touched: bool, readers: usize) -> Service {
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    Service {
        name: format!("rawipc/peers/{}/{number}", std::process::id()),
        size,
        room,
        touched,
        readers,
    }
}

type Factory =
    iceoryx2::service::port_factory::publish_subscribe::PortFactory<ipc::Service, [u8], ()>;

pub struct Tx {
    publisher: Publisher<ipc::Service, [u8], ()>,
    _service: Factory,
    _node: Node<ipc::Service>,
    bytes: Vec<u8>,
    touched: bool,
    readers: usize,
}

pub struct Rx {
    subscriber: Subscriber<ipc::Service, [u8], ()>,
    _service: Factory,
    _node: Node<ipc::Service>,
    bytes: Vec<u8>,
    touched: bool,
    received: u64,
}

impl Service {
    pub fn open(&self) -> (Node<ipc::Service>, Factory) {
        set_log_level(LogLevel::Fatal);
        let node = NodeBuilder::new().create::<ipc::Service>().expect("a node");
        let name = self.name.as_str().try_into().expect("a name");
        let service = node
            .service_builder(&name)
            .publish_subscribe::<[u8]>()
            .enable_safe_overflow(false)
            .subscriber_max_buffer_size(self.room)
            .subscriber_max_borrowed_samples(2)
            .history_size(0)
            .max_publishers(1)
            .max_subscribers(self.readers)
            .open_or_create()
            .expect("a service");
        (node, service)
    }
}

impl Way for Service {
    type Sender = Tx;
    type Receiver = Rx;

    fn sender(&self) -> Tx {
        let (node, service) = self.open();
        let publisher = service
            .publisher_builder()
            .initial_max_slice_len(self.size)
            .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
            .create()
            .expect("a publisher");
        Tx {
            publisher,
            _service: service,
            _node: node,
            bytes: vec![0; self.size],
            touched: self.touched,
            readers: self.readers,
        }
    }

    fn receiver(&self) -> Rx {
        let (node, service) = self.open();
        let subscriber = service.subscriber_builder().create().expect("a subscriber");
        Rx {
            subscriber,
            _service: service,
            _node: node,
            bytes: vec![0; self.size],
            touched: self.touched,
            received: 0,
        }
    }
}

impl Sender for Tx {
    fn send(&mut self, number: u64) {
        // Not all get it while one of them has not connected yet or its buffer is full.
        while self.deliver(number) < self.readers {
            spin_loop();
        }
    }
}

impl Tx {
    #[inline]
    fn deliver(&mut self, number: u64) -> usize {
        let mut sample = loop {
            match self.publisher.loan_slice_uninit(self.bytes.len()) {
                Ok(sample) => break sample,
                Err(_) => spin_loop(),
            }
        };
        let payload = sample.payload_mut();
        if self.touched {
            self.bytes[..8].copy_from_slice(&number.to_ne_bytes());
            payload.write_copy_of_slice(black_box(&self.bytes));
        } else {
            black_box(payload);
        }
        // SAFETY: bytes, which a receiver that does not look at them leaves alone.
        let sample = unsafe { sample.assume_init() };
        sample.send().expect("sent")
    }
}

impl Receiver for Rx {
    fn recv(&mut self) -> u64 {
        loop {
            if let Some(sample) = self.subscriber.receive().expect("a service") {
                let payload = black_box(sample.payload());
                let mut number = self.received;
                if self.touched {
                    self.bytes.copy_from_slice(payload);
                    let first = black_box(&self.bytes)[..8].try_into().expect("eight");
                    number = u64::from_ne_bytes(first);
                    // Sent again, as another reader had not got it.
                    if number < self.received {
                        continue;
                    }
                }
                self.received = number + 1;
                return number;
            }
            spin_loop();
        }
    }
}

/// Creates a service and both ports, and takes all of it down again.
pub fn set_up_and_tear_down() {
    let service = service(8, 8, true, 1);
    let sender = service.sender();
    let receiver = service.receiver();
    drop((sender, receiver));
}
