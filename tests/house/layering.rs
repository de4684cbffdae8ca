//! The layers hold: what each file of src/ may say and whom it may use.

use crate::support;

use std::fs;
use std::path::Path;

use crate::lexis::{Said, own_module, paths, strings, tokens};
use support::source;

/// What a rule looks for in the code of a file (comments and strings left out).
enum Sought {
    /// An identifier, or a part of one between underscores.
    Word(&'static str),
    /// A path that begins so, also inside `use a::{b, c}`; a single name counts
    /// where something is taken from it or it is linked by `extern crate`.
    Path(&'static str),
    /// A part of a string.
    Text(&'static str),
}
use Sought::{Path as From, Text, Word};

/// (what is sought, the beginnings of the paths of files that may say it, why)
#[rustfmt::skip]
const WORDS: &[(Sought, &[&str], &str)] = &[
    (Word("asm"),             &["src/arch/"],               "only arch contains instructions"),
    (From("core::arch"),      &["src/arch/"],               "only arch contains instructions"),
    (Word("target_arch"),     &["src/arch/"],               "only arch differs between machines"),
    (Word("volatile"),        &["src/primitive/real/map.rs"], "but for a mark that only the kernel changes: what races is made of instructions that the compiler does not look into: arch::copy_in"),
    (Word("loom"),            &["src/primitive/"],          "algorithms do not know whether they are modelled"),
    (From("rawipc_model"),    &["src/primitive/model/"],    "only the seam knows what models run on"),
    (From("std"),             &["src/adapters/", "src/lib.rs"],  "the crate is for programs without std"),
    (From("alloc"),           &[],                          "the crate is for programs without an allocator"),
    (From("libc"),            &[],                          "the crate is for programs without libc"),
    (Word("as_raw_pid"),      &["src/sys/pid.rs"],          "a number of a process can mean a group: sys::pid says it"),
    (From("rustix::process::kill_process"), &[],            "sys::signal has it, and looks at the number"),
    (From("rustix::runtime"), &[],                          "not a stable interface of rustix; sys has these calls"),
    (Text("/proc/self"),      &[],                          "the view of the first thread, which can have ended; procfs has the caller's own"),
    (Text("/proc/thread-self"), &["src/procfs/"],           "one place knows how a thread finds its own files"),
    (Word("ftruncate"),       &["src/guard/filesize.rs", "src/arch/calls.rs"],   "a file is made longer without SIGXFSZ"),
    (Word("fallocate"),       &["src/guard/filesize.rs", "src/arch/calls.rs"],   "a file is made longer without SIGXFSZ"),
    (From("rustix::fs::memfd_create"), &["src/memory/memfd.rs"], "a memfd is private and no program"),
];

/// The modules of the crate, each of which uses only those before it; rustix counts as
/// `sys`.
#[rustfmt::skip]
const ORDER: &[&str] = &[
    // What the mechanisms stand on.
    "arch", "sys", "wait", "errno", "procfs", "guard",
    // Algorithms on words of memory.
    "primitive", "sync",
    // The mechanisms of the kernel.
    "memory", "signal", "event", "pipe", "socket", "lock", "posix", "sysv", "process",
    "limits", "seccomp", "trace", "start", "thread",
    // Algorithms on regions of memory.
    "region", "ring", "members", "inspect", "rendezvous",
    "adapters",
    // Pages without code.
    "guide",
];

/// Names at the crate's root that are another name for something of a module.
const ALIASES: &[(&str, &str)] = &[
    ("Deadline", "wait"),
    ("ErrorContext", "adapters"),
    ("Short", "wait"),
];

/// What the file `path` with the contents `text` does that it may not.
fn violations(path: &str, text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    for (line, said) in strings(text, &tokens) {
        for (sought, allowed, why) in WORDS {
            let hit = matches!(sought, Text(part) if said.contains(part));
            if hit && !allowed.iter().any(|start| path.starts_with(start)) {
                found.push(format!("{path}:{line}: `{said}`: {why}"));
            }
        }
    }
    for said in paths(&tokens) {
        let line = said.line;
        for (sought, allowed, why) in WORDS {
            let hit = match sought {
                Word(word) => said.parts.iter().any(|part| contains_word(part, word)),
                From(start) => said.starts_with(start),
                Text(_) => false,
            };
            if hit && !allowed.iter().any(|start| path.starts_with(start)) {
                found.push(format!("{path}:{line}: `{}`: {why}", said.parts.join("::")));
            }
        }
        if let Some(wrong) = wrong_use(path, &said) {
            found.push(format!("{path}:{line}: {wrong}"));
        }
    }
    if path != "src/lib.rs" && place(&own_module(path)[0]).is_none() {
        found.push(format!("{path}: has no place; give it one in ORDER"));
    }
    found
}

fn contains_word(identifier: &str, word: &str) -> bool {
    format!("_{identifier}_").contains(&format!("_{word}_"))
}

/// How the path `said` in the file `path` breaks [`ORDER`].
fn wrong_use(path: &str, said: &Said<'_>) -> Option<String> {
    if path == "src/lib.rs" {
        // A second name would let others use the module unseen.
        let [module, .., name] = said.parts[..] else {
            return None;
        };
        let ours = module != "rustix" && place(module).is_some();
        return (ours && !ALIASES.contains(&(name, module)))
            .then(|| format!("`{module}::{name}` gets a second name; list it in ALIASES"));
    }
    let own = own_module(path);
    let module: Vec<&str> = own
        .iter()
        .map(String::as_str)
        .chain(said.inside.iter().copied())
        .collect();
    let supers = said
        .parts
        .iter()
        .take_while(|&&part| part == "super")
        .count();
    let target = match said.parts[0] {
        "crate" | "rawipc" => said.parts.get(1)?,
        "super" if supers == module.len() => said.parts.get(supers)?,
        "rustix" => &"rustix",
        _ => return None,
    };
    if *target == "*" {
        return Some("`crate::*` hides what is used".to_owned());
    }
    let target = ALIASES
        .iter()
        .find_map(|(alias, module)| (alias == target).then_some(module))
        .unwrap_or(target);
    // What is no module here is a re-export of rustix, or `Result`, and free to all.
    let (ours, theirs) = (place(&own[0])?, place(target)?);
    (ours < theirs).then(|| {
        let own = &own[0];
        format!("`{own}` uses `{target}`, which comes after it")
    })
}

/// Where a module stands in [`ORDER`].
fn place(module: &str) -> Option<usize> {
    let module = if module == "rustix" { "sys" } else { module };
    ORDER.iter().position(|&other| other == module)
}

#[test]
fn source_keeps_to_its_layers() {
    let files = source::files().into_iter();
    let found: Vec<_> = files
        .flat_map(|(file, text)| violations(&format!("src/{file}"), &text))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// The registers that a machine's kernels leave in any state at a system call, beyond
/// the result's.
struct Clobbered {
    folder: &'static str,
    instruction: &'static str,
    /// Their letters, and how many there are.
    registers: &'static [(&'static str, usize)],
    flags_stay: bool,
}

const CLOBBERED: &[Clobbered] = &[
    Clobbered {
        folder: "src/arch/aarch64",
        instruction: "\"svc 0\"",
        registers: &[("v", 32), ("p", 16)],
        flags_stay: true,
    },
    Clobbered {
        folder: "src/arch/riscv64",
        instruction: "\"ecall\"",
        registers: &[("v", 32)],
        flags_stay: false,
    },
];

#[test]
fn system_call_instructions_name_what_kernels_clobber() {
    for machine in CLOBBERED {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(machine.folder);
        let text: String = fs::read_dir(folder)
            .expect("a machine's folder")
            .map(|file| fs::read_to_string(file.expect("a file").path()).expect("its text"))
            .collect();
        // One macro names them, and nothing else has the instruction.
        let (_, block) = text.split_once("macro_rules! kernel {").expect("it");
        let (block, _) = block.split_once("\n}\n").expect("its end");
        for &(letter, count) in machine.registers {
            for number in 0..count {
                let named = format!("out(\"{letter}{number}\") _");
                assert!(block.contains(&named), "no {named} in {block}");
            }
        }
        let flags_stay = block.contains("preserves_flags");
        assert_eq!(flags_stay, machine.flags_stay, "{block}");
        let mut found = 0;
        for (at, _) in text.match_indices(machine.instruction) {
            let (before, _) = text.split_at(at);
            let by = before.rsplit("!(").nth(1).expect("a macro before it");
            assert!(by.ends_with("kernel"), "not by `kernel!`, byte {at}");
            found += 1;
        }
        assert!(found > 0, "no {}", machine.instruction);
    }
}

/// Violations to be found: (file, code, a part of the complaint).
#[rustfmt::skip]
const PLANTED: &[(&str, &str, &str)] = &[
    ("src/arch/copy.rs",    "unsafe { from.read_volatile() }",        "arch::copy_in"),
    ("src/sync/futex/mod.rs", "unsafe { asm!(\"nop\") }",               "only arch contains instructions"),
    ("src/process/exec.rs", "core::arch::global_asm!(\"\");",         "only arch contains instructions"),
    ("src/sys/process.rs",  "use core::arch::{self, naked_asm};",     "only arch contains instructions"),
    ("src/ring/spsc.rs",    "core::arch::x86_64::_mm_pause();",       "only arch contains instructions"),
    ("src/memory/mod.rs",   "#[cfg(target_arch = \"riscv64\")]",      "only arch differs between machines"),
    ("src/ring/spsc.rs",    "#[cfg(not(rawipc_loom))]",               "algorithms do not know"),
    ("src/sync/mutex.rs",   "use loom::sync::atomic::AtomicU32;",     "algorithms do not know"),
    ("src/sync/mutex.rs",   "use rawipc_model::AtomicU32;",           "what models run on"),
    ("src/pipe/mod.rs",     "use std::io;",                           "without std"),
    ("src/wait/deadline.rs", "extern crate std;",                      "without std"),
    ("src/primitive/real/word.rs", "use std::sync::Mutex;",                "without std"),
    ("src/ring/mod.rs",     "fn f() -> ::std::vec::Vec<u8> {}",       "without std"),
    ("src/adapters/std/pipe.rs", "extern crate alloc;",                    "without an allocator"),
    ("src/sys/signal.rs",   "let n = libc::SIGINT;",                  "without libc"),
    ("src/process/mod.rs",  "use rustix::{fd::AsFd, runtime as r};",  "not a stable interface"),
    ("src/trace/tracer.rs", "let number = self.tid.as_raw_pid();",    "can mean a group"),
    ("src/trace/tracer.rs", "rustix::process::kill_process(tid, s);", "looks at the number"),
    ("src/limits/table.rs", "const A: &CStr = c\"/proc/self/status\";", "the view of the first thread"),
    ("src/procfs/mod.rs",   "let own = b\"/proc/self/fd/\";",         "the view of the first thread"),
    ("src/event/eventfd.rs", "open(r#\"/proc/thread-self/fdinfo\"#)",  "one place knows"),
    ("src/posix/memory.rs", "rustix::fs::ftruncate(&self.0, size)",   "without SIGXFSZ"),
    ("src/memory/memfd.rs", "use rustix::fs::{fallocate, fstat};",    "without SIGXFSZ"),
    ("src/ring/header.rs",  "rustix::fs::memfd_create(c\"ring\", f)?", "private and no program"),
    ("src/arch/x86_64/mod.rs",  "use rustix::io::Errno;",                 "`arch` uses `rustix`, which comes after it"),
    ("src/arch/copy.rs",    "use crate::sys::check;",                 "`arch` uses `sys`, which"),
    ("src/sys/mod.rs",      "use crate::{Errno, Deadline};",          "`sys` uses `wait`, which"),
    ("src/wait/ready.rs",   "fn f(p: &crate::pipe::Reader) {}",       "`wait` uses `pipe`, which"),
    ("src/pipe/mod.rs",     "use crate::{Errno, socket::Pair};",      "`pipe` uses `socket`, which"),
    ("src/memory.rs",       "use super::lock::Range;",                "`memory` uses `lock`, which"),
    ("src/posix/memory.rs", "use super::super::process::Pidfd;",      "`posix` uses `process`, which"),
    ("src/event/mod.rs",    "mod a { use super::super::pipe; }",      "`event` uses `pipe`, which"),
    ("src/sync/semaphore.rs", "crate::memory::map(word);",            "`sync` uses `memory`, which"),
    ("src/sync/barrier.rs", "use crate::ring::spsc::{self, Ring};",   "`sync` uses `ring`, which"),
    ("src/ring/spsc.rs",    "use crate::adapters::std::bytes;",       "`ring` uses `adapters`, which"),
    ("src/lock/mod.rs",     "use crate::*;",                          "hides what is used"),
    ("src/event/poller.rs", "use super::super::{*, Errno};",          "hides what is used"),
    ("src/lib.rs",          "pub use pipe::{Reader, Writer};",        "`pipe::Reader` gets a second name"),
    ("src/pipe/mod.rs",     "#[cfg(not(test))] mod a { use std::io; }", "without std"),
    ("src/pipe/mod.rs",     "#[cfg(test)] mod a { fn f() {} } use std::io;", "without std"),
    ("src/pipe/mod.rs",     "#[cfg(test)] mod a; use std::io;",       "without std"),
    ("src/carrier.rs",      "fn f() {}",                              "has no place"),
];

/// Code that looks like a violation and is none.
#[rustfmt::skip]
const ALLOWED: &[(&str, &str)] = &[
    ("src/arch/x86_64/mod.rs",     "use core::arch::{asm, naked_asm}; #[cfg(target_arch = \"x86_64\")] mod m;"),
    ("src/primitive/mod.rs",   "#[cfg(rawipc_loom)] use loom::sync::atomic::AtomicU32;"),
    ("src/primitive/model/mod.rs", "pub(crate) use rawipc_model::{AtomicU32, fence};"),
    ("src/adapters/std/pipe.rs", "use std::io; use crate::{pipe, ring, sync};"),
    ("src/lib.rs",             "extern crate std; pub use rustix::process::Pid; mod arch; pub mod ring; pub use wait::deadline::Deadline;"),
    ("src/sync/futex/mod.rs",  "fn bloom(libc: u8, alloc: &'static str) { self.std.runtime(plasma) }"),
    ("src/pipe/mod.rs",        "use crate::{event, signal}; use core::fmt; use crate::{sys as socket, Errno, Result, Deadline, wait::ready, sys, arch};"),
    ("src/pipe/fifo.rs",       "use super::Reader; mod tests { use super::super::Writer; use crate::pipe; }"),
    ("src/pipe/mod.rs",        "#[cfg(test)] mod tests { use std::io; fn f() { crate::socket::pair() } }"),
    ("src/event/mod.rs",       "mod a { use super::pipe; } mod b { fn pipe() {} }"),
    ("src/procfs/mod.rs",      "const A: &CStr = c\"/proc/thread-self/fd\";"),
    ("src/limits/table.rs",    "const A: &CStr = c\"/proc/sys/fs/file-max\";"),
    ("src/arch/mod.rs",        "#[cfg(test)] mod tests { const A: &str = \"/proc/self/exe\"; }"),
    ("src/guard/filesize.rs",  "rustix::fs::ftruncate(fd, size)?; rustix::fs::fallocate(fd, f, o, l)"),
    ("src/wait/ready.rs",      "use crate::Deadline; use rustix::event::poll; use crate::sys;"),
    ("src/ring/spsc.rs",       "use crate::{memory, primitive, sync::{Semaphore, futex}}; let c = '\"'; let d = b'\\''; let s = '\\u{7}';"),
];

#[test]
fn planted_violation_is_found() {
    for (path, code, complaint) in PLANTED {
        let text = format!("//! A file.\n\n{code}\n");
        let found = violations(path, &text);
        assert!(
            found.iter().any(|found| found.contains(complaint)),
            "{path}: {code}: {found:?}"
        );
    }
    for (_, _, why) in WORDS {
        assert!(
            PLANTED
                .iter()
                .any(|(_, _, complaint)| why.contains(complaint)),
            "nothing planted for: {why}"
        );
    }
}

#[test]
fn violation_is_reported_with_its_line() {
    let text = "/* two\nlines */ const A: &str = \"two \\\"\nlines\";\nuse libc::c_int;\n";
    let found = violations("src/pipe/mod.rs", text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("src/pipe/mod.rs:4: `libc::c_int`"),
        "{found:?}"
    );
}

#[test]
fn code_that_resembles_violation_is_allowed() {
    for (path, code) in ALLOWED {
        let found = violations(path, code);
        assert!(found.is_empty(), "{code}: {found:?}");
    }
    for (path, code, complaint) in PLANTED {
        if *complaint == "has no place" {
            continue;
        }
        for disguised in [
            format!("// {code}\nfn f() {{}}"),
            format!("/// {code}\nfn f() {{}}"),
            format!("//! {code}\n"),
            format!("/* /* inner */ {code} */ fn f() {{}}"),
        ] {
            let found = violations(path, &disguised);
            assert!(found.is_empty(), "{disguised}: {found:?}");
        }
        if code.contains("/proc/") {
            continue;
        }
        for disguised in [
            format!("const A: &str = {code:?};"),
            format!("const A: &[u8] = br##\"{code}\"##;"),
        ] {
            let found = violations(path, &disguised);
            assert!(found.is_empty(), "{disguised}: {found:?}");
        }
    }
}
