//! A generated file, and the errors it may cause.

use std::io;
use std::path::Path;

/// The text in a generated file by which a file that is no longer generated is recognized.
pub const MARK: &str = "by 'make generate'";

/// A generated file.
pub struct File {
    /// Relative to the root of the repository, with slashes.
    pub path: String,
    pub text: String,
}

impl File {
    pub fn new(path: impl Into<String>, text: String) -> Self {
        Self { path: path.into(), text }
    }

    pub fn mode(&self) -> u32 {
        if self.text.starts_with("#!") { 0o755 } else { 0o644 }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}: {1}")]
    File(String, io::Error),
    #[error("{0}: a program that cannot be run ({1}): 'make snmp-exporter-modules' installs what it needs")]
    Program(String, io::Error),
    #[error("{0} has failed:\n{1}")]
    Refused(String, String),
    #[error("{0} has lost its marks ': begin' and 'end', between which it is written")]
    Marks(String),
    #[error("{}\nrun '{}' and look at the difference", .files.join("\n"), .command)]
    Drifted { files: Vec<String>, command: &'static str },
}

pub fn read(root: &Path, path: &str) -> Result<String, Error> {
    std::fs::read_to_string(root.join(path)).map_err(|error| Error::File(path.to_owned(), error))
}
