//! `cargo xtask generate`: writes every file of this repository that follows from its source, so that none can drift.
//! Each kind has a module here and a line in [`made`].
//!
//! It is not part of the program and meets only our own input: a contradiction there may stop it.
#![allow(missing_docs, reason = "nobody uses it from elsewhere")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "declarations that contradict each other stop it, with the place where they do"
)]

mod completions;
mod consumers;
mod counters;
mod drops;
mod file;
mod man;
mod modules;
mod snmp_exporter;
mod tree;

use clap::Parser;
use file::{Error, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Arguments {
    /// Write every file that follows from the source
    Generate {
        /// Write nothing; fail if a file is out of date
        #[arg(long)]
        check: bool,
        /// Also the modules of snmp_exporter, which its generators make
        #[arg(long)]
        snmp_exporter: bool,
    },
}

fn main() -> ExitCode {
    let Arguments::Generate { check, snmp_exporter } = Arguments::parse();
    match generate(&root(), check, snmp_exporter) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the repository").to_owned()
}

fn generate(root: &Path, check: bool, snmp_exporter: bool) -> Result<(), Error> {
    let mut files = made(root)?;
    if snmp_exporter {
        files.extend(snmp_exporter::files(root, &files)?);
    }
    if check {
        let command = if snmp_exporter { "make snmp-exporter-modules" } else { "make generate" };
        return match tree::drifted(root, &files)? {
            files if files.is_empty() => Ok(()),
            files => Err(Error::Drifted { files, command }),
        };
    }
    for path in tree::write(root, &files)? {
        println!("{path}");
    }
    Ok(())
}

/// Every file that needs no other program.
fn made(root: &Path) -> Result<Vec<File>, Error> {
    let mut files = modules::files();
    files.extend(counters::files());
    files.push(drops::file());
    files.extend(man::files(root)?);
    files.extend(completions::files());
    files.extend(consumers::files());
    Ok(files)
}

#[test]
fn no_file_has_drifted() {
    generate(&root(), true, false).unwrap_or_else(|error| panic!("{error}"));
}

/// Which files these are depends on the source, so a stale one must be recognizable by its text.
#[test]
fn pages_and_plugins_say_what_they_are() {
    let files = made(&root()).unwrap();
    let several =
        |file: &&File| file.path.starts_with("docs/counters/") || file.path.starts_with("config/munin/");
    let several: Vec<_> = files.iter().filter(several).collect();
    assert!(several.len() > 20);
    for file in several {
        assert!(file.text.contains(file::MARK), "{}", file.path);
    }
}
