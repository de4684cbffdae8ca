//! What the project says of itself, held to the source: layers, documents, dependencies, errors.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod circles;
mod conversions;
mod dependencies;
mod errors;
mod examples;
mod guarantees;
mod guide;
mod layering;
mod lexis;
mod programs;
mod readme;
mod steps;
mod structures;
mod support_itself;
mod words;
