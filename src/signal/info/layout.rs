//! [`Layout`]: where the two forms that the kernel has of a signal's information, `siginfo_t`
//! and `signalfd_siginfo`, say what.
#![forbid(unsafe_code)]

use super::payload::{Payload, Sender, sender, split};
use crate::RawFd;
use crate::sys::signal::{Siginfo, SignalfdSiginfo};

/// Where the two forms that the kernel has of it say what.
pub(crate) trait Layout {
    /// Signal and code.
    fn head(&self) -> (i32, i32);
    fn sender(&self) -> Sender;
    fn payload(&self) -> Payload;
    /// Number and overrun of a timer.
    fn timer(&self) -> (i32, u32);
    fn status(&self) -> i32;
    /// Clock ticks: user, system.
    fn times(&self) -> (u64, u64);
    fn address(&self) -> usize;
    fn address_bits(&self) -> u16;
    /// Descriptor and band.
    fn io(&self) -> (RawFd, u32);
    /// Address, number and machine.
    fn syscall(&self) -> (usize, i32, u32);
    fn bounds(&self) -> (usize, usize);
    fn key(&self) -> u32;
    /// Data, type and flags.
    fn counter(&self) -> (u64, u32, u32);
}

impl Layout for Siginfo {
    fn head(&self) -> (i32, i32) {
        (self.si_signo, self.si_code)
    }
    fn sender(&self) -> Sender {
        let [pid, uid] = split(self.fields[0]);
        sender(pid, uid)
    }
    fn payload(&self) -> Payload {
        Payload::from_word(self.fields[1])
    }
    fn timer(&self) -> (i32, u32) {
        let [id, overrun] = split(self.fields[0]);
        (id as i32, overrun)
    }
    fn status(&self) -> i32 {
        split(self.fields[1])[0] as i32
    }
    fn times(&self) -> (u64, u64) {
        (self.fields[2], self.fields[3])
    }
    fn address(&self) -> usize {
        self.fields[0] as usize
    }
    fn address_bits(&self) -> u16 {
        let [a, b, ..] = self.fields[1].to_ne_bytes();
        u16::from_ne_bytes([a, b])
    }
    fn io(&self) -> (RawFd, u32) {
        (split(self.fields[1])[0] as RawFd, self.fields[0] as u32)
    }
    fn syscall(&self) -> (usize, i32, u32) {
        let [number, machine] = split(self.fields[1]);
        (self.fields[0] as usize, number as i32, machine)
    }
    fn bounds(&self) -> (usize, usize) {
        (self.fields[2] as usize, self.fields[3] as usize)
    }
    fn key(&self) -> u32 {
        split(self.fields[2])[0]
    }
    fn counter(&self) -> (u64, u32, u32) {
        let [kind, flags] = split(self.fields[2]);
        (self.fields[1], kind, flags)
    }
}

impl Layout for SignalfdSiginfo {
    fn head(&self) -> (i32, i32) {
        (self.ssi_signo as i32, self.ssi_code)
    }
    fn sender(&self) -> Sender {
        sender(self.ssi_pid, self.ssi_uid)
    }
    fn payload(&self) -> Payload {
        Payload::from_word(self.ssi_ptr)
    }
    fn timer(&self) -> (i32, u32) {
        (self.ssi_tid as i32, self.ssi_overrun)
    }
    fn status(&self) -> i32 {
        self.ssi_status
    }
    fn times(&self) -> (u64, u64) {
        (self.ssi_utime, self.ssi_stime)
    }
    fn address(&self) -> usize {
        self.ssi_addr as usize
    }
    fn address_bits(&self) -> u16 {
        self.ssi_addr_lsb
    }
    fn io(&self) -> (RawFd, u32) {
        (self.ssi_fd, self.ssi_band)
    }
    fn syscall(&self) -> (usize, i32, u32) {
        (self.ssi_call_addr as usize, self.ssi_syscall, self.ssi_arch)
    }
    // These three the kernel does not say to a signalfd.
    fn bounds(&self) -> (usize, usize) {
        (0, 0)
    }
    fn key(&self) -> u32 {
        0
    }
    fn counter(&self) -> (u64, u32, u32) {
        (0, 0, 0)
    }
}
