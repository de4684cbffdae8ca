//! Thread-local variables, which compilers address by the thread pointer: the program's image of
//! them, and a block for each thread, laid out as the linker assumes.

use core::ptr::{self, NonNull};

use linux_raw_sys::auxvec as raw;
use rustix::mm::{MapFlags, ProtFlags};

use super::auxv::Auxv;
use crate::{Result, arch};

/// An entry of the program's table of segments, `Elf64_Phdr`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Segment {
    kind: u32,
    flags: u32,
    offset: u64,
    address: usize,
    physical: usize,
    file_len: usize,
    len: usize,
    align: usize,
}

const _: () = assert!(size_of::<Segment>() == 56);

const PT_TLS: u32 = 7;

/// What the variables of a new thread are: the bytes of the program's image, and zeros behind them.
#[derive(Clone, Copy)]
pub(crate) struct Image {
    address: usize,
    file_len: usize,
    len: usize,
    /// A power of two, as the linker has it: by it the variables' distance from the thread pointer is
    /// known.
    align: usize,
    secret: usize,
}

impl Image {
    /// The program's image. `None` if the program has no thread-local variables.
    #[inline(always)]
    pub(super) fn of(auxv: Auxv) -> Option<Self> {
        let mut at = auxv.get(raw::AT_PHDR)?;
        for _ in 0..auxv.get(raw::AT_PHNUM)? {
            let segment = ptr::with_exposed_provenance::<Segment>(at);
            // SAFETY: the kernel says that so many are there.
            let segment = unsafe { segment.read_unaligned() };
            if segment.kind == PT_TLS {
                return Some(Self {
                    // The program is where it was linked to be.
                    address: segment.address,
                    file_len: segment.file_len,
                    len: segment.len,
                    align: segment.align.max(1),
                    secret: 0,
                });
            }
            at += size_of::<Segment>();
        }
        None
    }

    /// The program's image, or that of no variables.
    pub(crate) fn or_none(auxv: Auxv) -> Self {
        let image = Self::of(auxv).unwrap_or(Self {
            address: 0,
            file_len: 0,
            len: 0,
            align: 1,
            secret: 0,
        });
        image.with_secret(auxv)
    }

    /// With the number of C's stack protector, whose lowest byte is zero so that no string reaches
    /// beyond it.
    fn with_secret(self, auxv: Auxv) -> Self {
        let random = auxv.random().map_or([0; 16], |random| *random);
        let [.., a, b, c, d, e, f, g, h] = random;
        Self {
            secret: usize::from_be_bytes([a, b, c, d, e, f, g, h]) & !0xff,
            ..self
        }
    }

    /// How many bytes a block takes, wherever it begins.
    pub(crate) fn room(&self) -> usize {
        self.len + 2 * self.pointer_align() + arch::thread::TLS_GAP + arch::thread::TLS_HEAD
    }

    /// What the thread pointer is a multiple of.
    const fn pointer_align(&self) -> usize {
        if self.align < MIN_ALIGN {
            MIN_ALIGN
        } else {
            self.align
        }
    }

    /// How far the block begins below the thread pointer: as far from a multiple of the alignment as in the
    /// image.
    const fn distance_below(&self) -> usize {
        self.len + (self.address.wrapping_add(self.len).wrapping_neg() & (self.align - 1))
    }

    /// The same, where it begins above the thread pointer, with a gap of so many bytes at least.
    const fn distance_above(&self, gap: usize) -> usize {
        gap + (self.address.wrapping_sub(gap) & (self.align - 1))
    }

    /// Makes a block in memory that is zero, and returns the thread pointer.
    ///
    /// # Safety
    ///
    /// [`room`](Self::room) bytes must be writable there, and zero.
    pub(crate) unsafe fn lay_out(&self, memory: NonNull<u8>) -> usize {
        let begin = memory.as_ptr().expose_provenance();
        let mask = self.pointer_align() - 1;
        let (pointer, block) = if arch::thread::TLS_BELOW {
            let pointer = (begin + self.room() - arch::thread::TLS_HEAD) & !mask;
            (pointer, pointer - self.distance_below())
        } else {
            let pointer = (begin + mask) & !mask;
            (
                pointer,
                pointer + self.distance_above(arch::thread::TLS_GAP),
            )
        };
        let image = ptr::with_exposed_provenance::<u8>(self.address);
        let block = ptr::with_exposed_provenance_mut::<u8>(block);
        if self.file_len > 0 {
            // SAFETY: the image is the program's; the block lies within the room, which is new.
            unsafe { block.copy_from_nonoverlapping(image, self.file_len) };
        }
        let head = ptr::with_exposed_provenance_mut::<usize>(pointer);
        // SAFETY: within the room.
        unsafe { arch::thread::write_head(head, self.secret) };
        pointer
    }
}

/// An image, as far as distances go.
const fn image(address: usize, len: usize, align: usize) -> Image {
    Image {
        address,
        file_len: 0,
        len,
        align,
        secret: 0,
    }
}

// As linkers count, by the program's own alignment, also if that is less than the thread pointer's.
const _: () = {
    assert!(image(0xe9f48, 0x80, 8).distance_below() == 0x80);
    assert!(image(0x1004, 4, 4).distance_below() == 4);
    assert!(image(0x1000, 0x48, 64).distance_below() == 0x80);
    assert!(image(0x1008, 24, 8).distance_above(16) == 16);
    assert!(image(0x1008, 24, 8).distance_above(0) == 0);
    assert!(image(0x1008, 24, 64).distance_above(16) == 72);
};

/// What every machine wants a thread pointer to be a multiple of.
const MIN_ALIGN: usize = 16;

/// Gives the first thread its block, where the program has thread-local variables.
///
/// # Errors
///
/// There is no memory for it.
///
/// # Safety
///
/// The calling thread must be the program's first one, and have none.
#[inline(always)]
pub(super) unsafe fn begin(auxv: Auxv) -> Result<()> {
    match Image::of(auxv) {
        // SAFETY: the caller's promise.
        Some(image) => unsafe { give(image.with_secret(auxv)) },
        None => Ok(()),
    }
}

/// # Safety
///
/// As [`begin`].
#[cold]
unsafe fn give(image: Image) -> Result<()> {
    let rights = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a fresh mapping at an address of the kernel's choice, which stays.
    let memory = unsafe {
        rustix::mm::mmap_anonymous(ptr::null_mut(), image.room(), rights, MapFlags::PRIVATE)
    }?;
    let memory = NonNull::new(memory.cast()).ok_or(crate::Errno::NOMEM)?;
    // SAFETY: just mapped, with so many bytes.
    let pointer = unsafe { image.lay_out(memory) };
    // SAFETY: the caller's promise; the block stays.
    unsafe { arch::thread::set_thread_pointer(pointer) };
    Ok(())
}
