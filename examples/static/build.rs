//! The linker's arguments: no libc, nothing dynamic, nothing that is not needed.

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
    // With its whole path, as the linker runs in another folder.
    let script = concat!("-Wl,-T,", env!("CARGO_MANIFEST_DIR"), "/link.ld");
    for argument in ARGUMENTS.iter().chain([&script]) {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=link.ld");
}
