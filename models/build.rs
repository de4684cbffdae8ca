//! Chooses the modelled side of the seam, for this package alone: other crates change when
//! they see a cfg of models.

fn main() {
    println!("cargo::rustc-cfg=rawipc_loom");
    println!("cargo::rerun-if-changed=build.rs");
}
