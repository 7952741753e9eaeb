//! Why a command ended without success.

use crate::config::error::ConfigError;
use std::io;

/// Exit status for bad arguments or a bad configuration; clap uses the same.
const USAGE: u8 = 2;

/// Why a command ended without success, to be printed unless empty, with its exit status.
pub(super) struct Failure {
    pub(super) status: u8,
    pub(super) message: String,
}

impl Failure {
    /// Bad arguments.
    pub(super) fn usage(error: impl ToString) -> Self {
        Self { status: USAGE, message: error.to_string() }
    }
}

/// What the service manager does not start again for: the unit's RestartPreventExitStatus= is [`USAGE`].
impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let status = match &error {
            // It was named, and is not there.
            ConfigError::Unreadable { cause, .. } if cause.kind() == io::ErrorKind::NotFound => USAGE,
            ConfigError::Unreadable { .. } => 1,
            ConfigError::Wrong { .. } => USAGE,
        };
        Self { status, message: error.to_string() }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // Whoever reads our output may have enough of it ('… | head'): nothing to complain about.
        let enough = error.kind() == io::ErrorKind::BrokenPipe;
        Self { status: 1, message: if enough { String::new() } else { error.to_string() } }
    }
}
