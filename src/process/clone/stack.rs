//! A child's stack, in the form that the kernel takes.
#![forbid(unsafe_code)]

use core::marker::PhantomData;
use core::mem::MaybeUninit;

/// Where a child's stack begins and how long it is, its end aligned as machines want
/// it.
pub(super) struct Stack<'s> {
    pub(super) bottom: usize,
    pub(super) size: usize,
    borrowed: PhantomData<&'s mut [MaybeUninit<u8>]>,
}

impl<'s> Stack<'s> {
    const MINIMUM: usize = 1024;
    const ALIGNMENT: usize = 16;

    pub(super) fn of(memory: &'s mut [MaybeUninit<u8>]) -> Option<Self> {
        let len = memory.len();
        let bottom = memory.as_mut_ptr().expose_provenance();
        let size = len.checked_sub((bottom + len) % Self::ALIGNMENT)?;
        (size >= Self::MINIMUM).then_some(Self {
            bottom,
            size,
            borrowed: PhantomData,
        })
    }
}
