//! `[proc]`: where `/proc` is.

use super::error::ValueError;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Where `/proc` is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Proc {
    /// Its root.
    pub root: Root,
}

impl Default for Proc {
    fn default() -> Self {
        Self { root: Root("/proc".into()) }
    }
}

/// An absolute path.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "PathBuf")]
pub struct Root(PathBuf);

/// PATH_MAX
pub(super) const LONGEST_PATH: usize = 4096;

impl TryFrom<PathBuf> for Root {
    type Error = ValueError;

    fn try_from(path: PathBuf) -> Result<Self, ValueError> {
        match path.as_os_str().len() {
            LONGEST_PATH.. => Err(ValueError::LongRoot),
            _ if path.is_absolute() => Ok(Self(path)),
            _ => Err(ValueError::RelativeRoot(path)),
        }
    }
}

impl AsRef<Path> for Root {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}
