//! Chooses the modelled side of the seam, for this package alone: other crates change when
//! they see a cfg of models. And finds the models and the mutations: each file beside
//! `main.rs` is a module of it.

use std::fs;
use std::path::Path;

fn main() {
    println!("cargo::rustc-cfg=rawipc_loom");
    println!("cargo::rerun-if-changed=build.rs");
    // All, or those that are to notice mutations: the rest need not be built for that.
    println!("cargo::rerun-if-env-changed=RAWIPC_MODEL");
    let wanted = std::env::var("RAWIPC_MODEL").unwrap_or_default();
    let models: String = modules("tests/models")
        .filter(|it| wanted.is_empty() || wanted.split(',').any(|name| it.name == name))
        .map(|it| it.declared())
        .collect();
    write("models.rs", &models);
    let mutations: Vec<Module> = modules("tests/mutations").collect();
    let declared: String = mutations.iter().map(Module::declared).collect();
    let names = mutations
        .iter()
        .map(|it| format!("{}::MUTATIONS, ", it.name));
    let all = format!(
        "/// Those of all files.\nconst ALL: &[&[list::Mutation]] = &[{}];\n",
        names.collect::<String>()
    );
    write("mutations.rs", &(declared + &all));
}

struct Module {
    name: String,
    path: String,
}

impl Module {
    fn declared(&self) -> String {
        format!("#[path = {:?}]\nmod {};\n", self.path, self.name)
    }
}

/// The modules of the program in `folder`, by their names.
fn modules(folder: &str) -> impl Iterator<Item = Module> {
    println!("cargo::rerun-if-changed={folder}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder).expect("a folder");
    let mut modules: Vec<Module> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            Module {
                name: path.file_stem().expect("a name").to_string_lossy().into(),
                path: path.to_string_lossy().into(),
            }
        })
        .filter(|module| module.path.ends_with(".rs") && module.name != "main")
        .collect();
    modules.sort_by(|a, b| a.name.cmp(&b.name));
    modules.into_iter()
}

fn write(name: &str, text: &str) {
    let folder = std::env::var("OUT_DIR").expect("set by Cargo");
    fs::write(Path::new(&folder).join(name), text).expect("a file");
}
