//! Names of addresses in another process: which file is mapped there, and what is said in it.

use core::fmt::Write as _;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use addr2line::Context;
use addr2line::gimli::{Dwarf, EndianSlice, Error, NativeEndian};
use object::{Object, ObjectSection, ObjectSegment};
use rawipc::Pid;
use rawipc::process::maps::{self, BUFFER, Maps, Name};
use rawipc::process::memory::Address;

/// As long as this program: each file is read once.
type Slice = EndianSlice<'static, NativeEndian>;

/// What is known of a file with code: nothing, where it cannot be read.
#[derive(Default)]
struct File {
    /// Of each segment: from where to where in the file, and the address that the file gives it.
    segments: Vec<(u64, u64, u64)>,
    /// Addresses and names of functions, by address.
    symbols: Vec<(u64, &'static str)>,
    lines: Option<Context<Slice>>,
}

/// The files that are mapped in a stopped process, each read once.
pub(crate) struct Names {
    maps: Maps,
    files: HashMap<PathBuf, File>,
}

impl Names {
    pub(crate) fn of(process: Pid) -> rawipc::Result<Self> {
        Ok(Self {
            maps: maps::open(process)?,
            files: HashMap::new(),
        })
    }

    /// The function and the line at an address, those inlined there included; or the file, or what is
    /// known of the memory.
    pub(crate) fn place(&mut self, address: usize) -> String {
        let mut buffer = [0; BUFFER];
        let region = match self.maps.find(Address::new(address), &mut buffer) {
            Ok(Some(region)) => region,
            Ok(None) => return "not mapped".into(),
            Err(errno) => return errno.to_string(),
        };
        let Name::File(path) = region.name else {
            return format!("in {region}");
        };
        let path: Vec<u8> = path.unescaped().collect();
        let path = PathBuf::from(OsStr::from_bytes(&path));
        let start = usize::from(region.start);
        let offset = (address - start) as u64 + region.offset;
        let file = self.files.entry(path.clone());
        let file = file.or_insert_with(|| File::open(&path));
        let known = file.place(offset);
        known.unwrap_or_else(|| format!("in {} at {offset:#x}", path.display()))
    }
}

impl File {
    fn open(path: &Path) -> Self {
        // Where it was replaced or is gone there are no names, and that is all.
        let bytes: &'static [u8] = fs::read(path).unwrap_or_default().leak();
        let Ok(file) = object::File::parse(bytes) else {
            return Self::default();
        };
        let segments = file.segments().map(|segment| {
            let (offset, len) = segment.file_range();
            (offset, offset.saturating_add(len), segment.address())
        });
        let symbols = file.symbol_map();
        let symbols = symbols.symbols().iter();
        let dwarf = Dwarf::load(|id| {
            let section = file.section_by_name(id.name());
            let data = section.and_then(|section| section.data().ok());
            Ok::<_, Error>(Slice::new(data.unwrap_or_default(), NativeEndian))
        });
        Self {
            segments: segments.collect(),
            symbols: symbols
                .map(|symbol| (symbol.address(), symbol.name()))
                .collect(),
            lines: dwarf.and_then(Context::from_dwarf).ok(),
        }
    }

    fn place(&self, offset: u64) -> Option<String> {
        let mut segments = self.segments.iter();
        let &(start, _, address) =
            segments.find(|(start, end, _)| (*start..*end).contains(&offset))?;
        let address = address + (offset - start);
        self.lines(address)
            .or_else(|| self.symbol(address).map(str::to_owned))
    }

    /// The functions with their lines, the innermost first, as inlined ones are.
    fn lines(&self, address: u64) -> Option<String> {
        let mut frames = self
            .lines
            .as_ref()?
            .find_frames(address)
            .skip_all_loads()
            .ok()?;
        let mut text = String::new();
        while let Ok(Some(frame)) = frames.next() {
            let separator = if text.is_empty() { "" } else { ", inlined in " };
            let function = frame.function?;
            // Writing to a String does not fail.
            let _ = write!(text, "{separator}{}", function.raw_name().ok()?);
            if let Some(location) = frame.location
                && let (Some(file), Some(line)) = (location.file, location.line)
            {
                let _ = write!(text, " at {file}:{line}");
            }
        }
        (!text.is_empty()).then_some(text)
    }

    /// The last function that begins at or before the address.
    fn symbol(&self, address: u64) -> Option<&'static str> {
        let after = self.symbols.partition_point(|(start, _)| *start <= address);
        let (_, name) = self.symbols.get(after.checked_sub(1)?)?;
        Some(name)
    }
}
