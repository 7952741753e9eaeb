//! What needs nothing but the program: the commands, the documents and the structure of the source.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../model/mod.rs"]
mod model;

mod check;
mod cli;
mod commands;
mod documents;
mod explain;
mod manual;
mod mib;
mod properties;
mod structure;
