//! The linker's arguments: no libc, nothing dynamic, nothing that is not needed.

use std::path::{Path, PathBuf};
use std::{env, fs};

const ARGUMENTS: &[&str] = &[
    // `_start` is ours, and what is missing is missing.
    "-nostartfiles",
    "-nostdlib",
    "-static",
    "-no-pie",
    "-Wl,--gc-sections",
    "-Wl,--build-id=none",
    "-Wl,--no-eh-frame-hdr",
    "-Wl,-z,norelro",
    "-Wl,-z,noexecstack",
];

fn main() {
    for argument in ARGUMENTS {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    // The address of the clock's function is a variable, of who waits with deadlines.
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("link.ld");
    let variables = variables();
    for (program, script) in [
        ("relay", &script()),
        ("share", &script()),
        ("heir", &script()),
        ("trace", &script()),
        ("init", &all),
        ("threads", &variables),
        ("runtime", &all),
        ("heap", &all),
    ] {
        println!(
            "cargo:rustc-link-arg-bin={program}=-Wl,-T,{}",
            script.display()
        );
    }
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=link.ld");
}

/// A script with a place for thread-local variables.
fn variables() -> PathBuf {
    let text = fs::read_to_string("link.ld").expect("the linker's script");
    let text = text
        .replace(
            "  stack PT_GNU_STACK",
            "  tls PT_TLS;\n  stack PT_GNU_STACK",
        )
        .replace(
            "  .data :",
            "  .tdata : { *(.tdata .tdata.*) } :data :tls\n  \
             .tbss : { *(.tbss .tbss.*) } :data :tls\n  \
             .data :",
        );
    write("variables.ld", &text)
}

fn write(name: &str, text: &str) -> PathBuf {
    let script = Path::new(&env::var_os("OUT_DIR").expect("cargo's folder")).join(name);
    fs::write(&script, text).expect("a script");
    script
}

/// The linker's script, with its whole path, as the linker runs in another folder. Where
/// compilers have no variables of their own, without the segment for them: its entry in the
/// file's head would take room, used or not.
fn script() -> PathBuf {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("link.ld");
    if env::var("CARGO_CFG_TARGET_ARCH").as_deref() != Ok("x86_64") {
        return all;
    }
    let text = fs::read_to_string(all).expect("the linker's script");
    let mut text = text
        .replace("  data PT_LOAD FLAGS(6);\n", "")
        .replace("} :data", "} :text");
    text += "ASSERT(SIZEOF(.data) + SIZEOF(.bss) == 0, \"a variable, and no segment for it\")\n";
    write("link.ld", &text)
}
