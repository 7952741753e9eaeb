//! What a source is.

use super::detail::Detail;
use super::notes::Note;
use super::problem::Problem;
use super::touched::{SourceId, Touched};
use crate::proc::read::ProcRoot;
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

/// How old a source may be when it answers, from `[refresh]` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxAges {
    /// Counters, sockstat and resets.
    pub counters: Duration,
    /// TCP and UDP sockets.
    pub sockets: Duration,
    /// Processes.
    pub processes: Duration,
    /// How long an answer may wait for a reading.
    pub answer_within: Duration,
}

/// When a reading began and ended, and what it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Nothing in the reading is older than this.
    pub begun: Instant,
    /// Max-age counts from here, so that a reading that takes longer than its max-age is not stale at birth.
    pub ended: Instant,
    /// CPU time of the thread that read.
    pub cost: Duration,
}

impl Timing {
    /// How old the oldest figure in the reading may be.
    #[must_use]
    pub fn age(self, now: Instant) -> Duration {
        now.saturating_duration_since(self.begun)
    }

    /// How long ago the reading ended.
    #[must_use]
    pub fn since_read(self, now: Instant) -> Duration {
        now.saturating_duration_since(self.ended)
    }

    /// How long the reading took.
    #[must_use]
    pub fn refresh_time(self) -> Duration {
        self.ended.saturating_duration_since(self.begun)
    }
}

/// What one reading brought.
#[derive(Debug)]
pub struct Reading<S: Source> {
    /// The figures; `None` if there are none at all.
    pub data: Option<S>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Single figures that have no instance for what they were.
    pub notes: Vec<Note>,
    /// What is to be remembered from now on, where the reading itself says so.
    pub memory: Option<S::Memory>,
}

/// What a source is told of the others when a reading of it begins.
pub struct Others<'a> {
    /// The sources that have rows now.
    pub with_rows: Touched,
    /// The inodes of the sockets whose processes may be asked for, of all sources.
    pub inodes: &'a dyn Fn() -> Vec<u64>,
}

/// A source: what is read at once, has one age, and fails by itself. The type is what a reading brings.
///
/// A new one is a file with this trait for its type, and a line in [`super::touched`]'s list.
pub trait Source: fmt::Debug + Send + Sized + 'static {
    /// lnsAgentSourceName, at most 32 octets.
    const NAME: &'static str;
    /// Where it is read from, for lnsAgentSourceName's DESCRIPTION.
    const READ_FROM: &'static str;
    /// Sources that are read first where both are due, since this one builds on them.
    const AFTER: &'static [SourceId] = &[];
    /// Whether it is read before anybody asks, so that there is always something to answer from.
    const AT_START: bool = true;
    /// Whether it is of the root that is read, and void with another one.
    const OF_ROOT: bool = true;
    /// Whether it can bring rows besides its figures, which cost more and are read where a table is walked.
    const HAS_ROWS: bool = false;

    /// What stays from one reading to the next.
    type Memory: fmt::Debug + Default + Send;
    /// What a reading builds on, which goes to the thread that reads.
    type Known: Send + 'static;

    /// How old it may be.
    fn max_age(ages: &MaxAges) -> Duration;

    /// Whether it is to be read at all; one that is not has no row in lnsAgentSourceTable.
    fn is_wanted(_memory: &Self::Memory) -> bool {
        true
    }

    /// Whether nothing is left to be read: one that is not complete is due again at once.
    fn is_complete(&self) -> bool {
        true
    }

    /// Whether it lacks something that was touched, rows of others that are there, and so is due whatever its age.
    fn lacks(_memory: &Self::Memory, _touched: Touched, _with_rows: Touched) -> bool {
        false
    }

    /// What a reading can build on.
    fn known(latest: Option<&Self>, memory: &Self::Memory, others: &Others<'_>) -> Self::Known;

    /// Reads it, on a thread that may block. Never fails as a whole: what could not be read is told in the reading.
    fn read(root: &ProcRoot, detail: Detail, known: Self::Known) -> Reading<Self>;

    /// What follows for a reading from those before it. Returns what there is to tell besides what is wrong.
    fn follow(
        _reading: &mut Reading<Self>,
        _memory: &mut Self::Memory,
        _timing: Timing,
        _now: SystemTime,
    ) -> Option<String> {
        None
    }

    /// What stays when all is read from elsewhere.
    fn forget(memory: &mut Self::Memory) {
        *memory = Self::Memory::default();
    }

    /// Whether it has rows now.
    fn has_rows(&self) -> bool {
        false
    }

    /// Drops its rows.
    fn drop_rows(&mut self) {}

    /// The inodes of the sockets in it whose processes may be asked for, 0 for those that no process holds.
    fn inodes(&self) -> Vec<u64> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_counts_from_the_beginning_and_freshness_from_the_end() {
        let begun = Instant::now();
        let timing = Timing { begun, ended: begun + Duration::from_secs(2), cost: Duration::ZERO };
        let now = begun + Duration::from_secs(5);
        assert_eq!(timing.age(now), Duration::from_secs(5));
        assert_eq!(timing.since_read(now), Duration::from_secs(3));
        assert_eq!(timing.refresh_time(), Duration::from_secs(2));
    }
}
