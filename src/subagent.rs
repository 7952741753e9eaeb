//! What the subagent serves besides what it reads: how its own requests went, and the status of its thresholds.

use crate::thresholds::Thresholds;
use std::time::SystemTime;

/// The subagent about itself, as lnsAgent serves it.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// When this process started to count.
    pub start: SystemTime,
    /// AgentX sessions opened.
    pub sessions: u64,
    /// Requests answered.
    pub requests: u64,
    /// Variable bindings in them.
    pub varbinds: u64,
    /// Requests answered with an error.
    pub errors: u64,
    /// Answers given from a source older than its max-age.
    pub late: u64,
}

impl Default for Statistics {
    fn default() -> Self {
        Self { start: SystemTime::now(), sessions: 0, requests: 0, varbinds: 0, errors: 0, late: 0 }
    }
}

/// What the subagent knows about itself.
#[derive(Debug, Default)]
pub struct Subagent {
    /// How its requests went.
    pub statistics: Statistics,
    /// What it watches, with the status of each.
    pub thresholds: Thresholds,
}
