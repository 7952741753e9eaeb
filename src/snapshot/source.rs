//! Defines what a source is.

use super::detail::Detail;
use super::notes::Note;
use super::owner_counts::OwnedSocket;
use super::problem::Problem;
use super::touched::{SourceId, Touched};
use crate::proc::read::ProcRoot;
use std::fmt;
use std::sync::Arc;
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
    /// Max-age counts from here, so that a reading that takes longer than its max-age is not stale at once.
    pub ended: Instant,
    /// CPU time of the reading thread.
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

/// What one reading returned.
#[derive(Debug)]
pub struct Reading<S: Source> {
    /// The figures; `None` if there are none.
    pub data: Option<S>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Single figures that have no instance because of their value.
    pub notes: Vec<Note>,
    /// What to remember from now on, if the reading itself says so.
    pub memory: Option<S::Memory>,
}

/// What a source learns about the others when its reading starts.
pub struct Others<'a> {
    /// How much each of them has now.
    pub detailed: Touched,
    /// The inodes of all sources' sockets whose processes may be asked for.
    pub inodes: &'a dyn Fn() -> Vec<u64>,
    /// The sockets whose programs are to be counted.
    pub owned: &'a dyn Fn() -> Option<Arc<Vec<OwnedSocket>>>,
}

/// A source: what is read at once, has one age, and fails by itself. The type is what a reading returns.
///
/// To add one, implement this trait in a file of its own, and add a line to the list in touched.rs.
pub trait Source: fmt::Debug + Send + Sized + 'static {
    /// lnsAgentSourceName, at most 32 octets.
    const NAME: &'static str;
    /// Where it is read from, for the DESCRIPTION of lnsAgentSourceName.
    const READ_FROM: &'static str;
    /// Sources to read first if both are due, since this one builds on them.
    const AFTER: &'static [SourceId] = &[];
    /// Whether to read it before anybody asks, so that there is always something to answer from.
    const AT_START: bool = true;
    /// Whether it is read below the root, and void once the root changes.
    const OF_ROOT: bool = true;
    /// The most that a reading can return: what is more than counts costs more, and is read when somebody asks for it.
    const MOST: Detail = Detail::Counts;

    /// What stays from one reading to the next.
    type Memory: fmt::Debug + Default + Send;
    /// What a reading builds on; sent to the reading thread.
    type Known: Send + 'static;

    /// How old it may be.
    fn max_age(ages: &MaxAges) -> Duration;

    /// Whether to read it at all; if not, it has no row in lnsAgentSourceTable.
    fn is_wanted(_memory: &Self::Memory) -> bool {
        true
    }

    /// Whether nothing is left to read: an incomplete source is due again at once.
    fn is_complete(&self) -> bool {
        true
    }

    /// Whether it lacks something touched (what other sources have now), and so is due whatever its age.
    fn lacks(_memory: &Self::Memory, _touched: Touched, _detailed: Touched) -> bool {
        false
    }

    /// What a reading may build on.
    fn known(latest: Option<&Self>, memory: &Self::Memory, others: &Others<'_>) -> Self::Known;

    /// Reads it, on a thread that may block. Never fails as a whole: the reading reports what could not be read.
    fn read(root: &ProcRoot, detail: Detail, known: Self::Known) -> Reading<Self>;

    /// Combines a reading with earlier ones. Returns what to report besides problems.
    fn follow(
        _reading: &mut Reading<Self>,
        _memory: &mut Self::Memory,
        _timing: Timing,
        _now: SystemTime,
    ) -> Option<String> {
        None
    }

    /// What remains when the root changes.
    fn forget(memory: &mut Self::Memory) {
        *memory = Self::Memory::default();
    }

    /// How much it has now.
    fn detail(&self) -> Detail {
        Detail::Counts
    }

    /// Drops what is more than this.
    fn drop_to(&mut self, _detail: Detail) {}

    /// Appends the inodes of its sockets whose processes may be asked for, 0 for sockets that no process holds.
    fn inodes(&self, _into: &mut Vec<u64>) {}

    /// Its sockets, to be counted by program.
    fn owned(&self) -> Option<Arc<Vec<OwnedSocket>>> {
        None
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
