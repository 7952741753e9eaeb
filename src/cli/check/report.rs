//! What a plugin answers: status, text and performance data.

use crate::range::Range;
use std::io::{self, Write};
use std::process::ExitCode;

/// From best to worst: what is unknown may be critical, so it is worse than a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PluginStatus {
    Ok,
    Warning,
    Unknown,
    Critical,
}

impl PluginStatus {
    /// The status of a value that is compared with two ranges.
    pub(super) fn of(value: f64, warning: Option<Range>, critical: Option<Range>) -> Self {
        let alerts = |range: Option<Range>| range.is_some_and(|range| range.alerts(value));
        if alerts(critical) {
            Self::Critical
        } else if alerts(warning) {
            Self::Warning
        } else {
            Self::Ok
        }
    }

    /// What follows a number in the text.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Ok => "",
            Self::Warning => " [WARNING]",
            Self::Critical => " [CRITICAL]",
            Self::Unknown => " [UNKNOWN]",
        }
    }

    pub(super) fn exit(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        })
    }
}

/// What to print, and the exit status.
pub(super) struct Report {
    pub(super) status: PluginStatus,
    pub(super) text: String,
    /// A figure for each graph, in the syntax of the guidelines.
    pub(super) performance: Vec<String>,
    /// Problems that do not affect the requested numbers.
    pub(super) remarks: Vec<String>,
}

impl Report {
    pub(super) fn unknown(text: String) -> Self {
        Self {
            status: PluginStatus::Unknown,
            text: text + PluginStatus::Unknown.mark(),
            performance: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Prints one line, since Nagios shows no other, and remarks below it.
    pub(super) fn print(&self, out: &mut impl Write) -> io::Result<ExitCode> {
        write!(out, "{}", one_line(&self.text))?;
        if !self.performance.is_empty() {
            write!(out, " | {}", self.performance.join(" "))?;
        }
        writeln!(out)?;
        for remark in &self.remarks {
            writeln!(out, "{}", one_line(remark))?;
        }
        out.flush()?;
        Ok(self.status.exit())
    }
}

/// A range as in performance data, which has nothing where there is none.
pub(super) fn shown(range: Option<Range>) -> String {
    range.map(|range| range.to_string()).unwrap_or_default()
}

/// A text without line ends, and without the bar that would begin performance data.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "/")
}

/// An answer that nobody could read counts as UNKNOWN.
pub(super) fn finish(printed: io::Result<ExitCode>) -> ExitCode {
    printed.unwrap_or_else(|_| PluginStatus::Unknown.exit())
}
