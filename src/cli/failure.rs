//! Why a command failed.

use crate::config::error::ConfigError;
use std::io;

/// Exit status for bad arguments or a bad configuration; clap uses the same.
const USAGE: u8 = 2;

/// Why a command failed, and the exit status.
pub(super) struct Failure {
    pub(super) status: u8,
    /// The message to print, if any.
    pub(super) message: Option<String>,
}

impl Failure {
    /// With something to say.
    pub(super) fn of(status: u8, error: impl ToString) -> Self {
        Self { status, message: Some(error.to_string()) }
    }

    /// Bad arguments.
    pub(super) fn usage(error: impl ToString) -> Self {
        Self::of(USAGE, error)
    }
}

/// The service manager does not restart us after [`USAGE`], the unit's RestartPreventExitStatus=.
impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let status = match &error {
            // The file was named and does not exist.
            ConfigError::Unreadable { cause, .. } if cause.kind() == io::ErrorKind::NotFound => USAGE,
            ConfigError::Unreadable { .. } => 1,
            ConfigError::Wrong { .. } => USAGE,
        };
        Self::of(status, error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // The reader of our output may have had enough ('… | head'): that is not worth a message.
        let enough = error.kind() == io::ErrorKind::BrokenPipe;
        Self { status: 1, message: (!enough).then(|| error.to_string()) }
    }
}
