//! `[log]`: what is logged.

use serde::Deserialize;

/// What is logged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Log {
    /// The least severe level that is logged.
    pub level: Level,
}

/// Log levels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What keeps the subagent from working.
    Error,
    /// What a person should look at.
    Warn,
    /// Every change of state.
    #[default]
    Info,
    /// More than that.
    Debug,
    /// All there is.
    Trace,
}

impl From<Level> for tracing::level_filters::LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}
