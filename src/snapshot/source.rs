//! One source: its latest reading, its age, and how its readings went.

use super::notes::{Note, Notes};
use std::time::{Duration, Instant};

/// How much longer than it took a reading's source rests before it is read again: at most a tenth of one CPU goes to a
/// source in the long run, whoever makes it slow and however often it is asked for.
const RESTS: u32 = 9;

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

/// The latest reading of a source, and its statistics.
#[derive(Debug)]
pub struct Source<T> {
    data: Option<T>,
    timing: Option<Timing>,
    /// Until when it rests. Readings that come sooner make it later.
    rests: Option<Instant>,
    /// How many readings there have been.
    pub refreshes: u64,
    /// How many of them failed, wholly or in part.
    pub failures: u64,
    /// What is wrong with the latest one; empty if nothing is.
    pub error: String,
    notes: Notes,
}

impl<T> Default for Source<T> {
    fn default() -> Self {
        Self {
            data: None,
            timing: None,
            rests: None,
            refreshes: 0,
            failures: 0,
            error: String::new(),
            notes: Notes::default(),
        }
    }
}

impl<T> Source<T> {
    /// The data, if there ever was any and it did not fail wholly since.
    #[must_use]
    pub fn data(&self) -> Option<&T> {
        self.data.as_ref()
    }

    /// The data, to drop parts of it.
    pub fn data_mut(&mut self) -> Option<&mut T> {
        self.data.as_mut()
    }

    /// When the reading began and ended; `None` before the first one.
    #[must_use]
    pub fn timing(&self) -> Option<Timing> {
        self.timing
    }

    /// Drops what was read, since it was read elsewhere; how its readings went goes on being counted.
    pub fn forget(&mut self) {
        *self = Self { refreshes: self.refreshes, failures: self.failures, ..Self::default() };
    }

    /// How long the source has still to rest after what its readings cost.
    #[must_use]
    pub fn rest(&self, now: Instant) -> Duration {
        self.rests.map_or(Duration::ZERO, |rests| rests.saturating_duration_since(now))
    }

    /// Puts a reading in place; returns what is wrong with it if that is not what was wrong before.
    pub fn accept(&mut self, timing: Timing, data: Option<T>, error: String) -> Option<String> {
        let from = self.rests.map_or(timing.ended, |rests| rests.max(timing.ended));
        self.rests = Some(from + timing.cost * RESTS);
        self.timing = Some(timing);
        self.data = data;
        self.refreshes += 1;
        self.told(error)
    }

    /// Puts a reading in place in which single figures had no instance. Those are told for a while longer; a reading in
    /// which nothing was wrong is no failure all the same.
    pub fn accept_noting(
        &mut self,
        timing: Timing,
        data: T,
        mut problems: Vec<String>,
        notes: Vec<Note>,
    ) -> Option<String> {
        let failures = self.failures + u64::from(!(problems.is_empty() && notes.is_empty()));
        problems.extend(self.notes.keep(timing.ended, notes));
        let changed = self.accept(timing, Some(data), super::told(&problems));
        self.failures = failures;
        changed
    }

    /// Gives up on a reading that does not end: what the source had is gone.
    pub fn fail(&mut self, error: String) -> Option<String> {
        self.data = None;
        self.told(error)
    }

    fn told(&mut self, error: String) -> Option<String> {
        if !error.is_empty() {
            self.failures += 1;
        }
        let changed = self.error != error;
        self.error = error;
        changed.then(|| self.error.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_once_and_its_end_too() {
        let mut source = Source::default();
        let now = Instant::now();
        let timing = Timing { begun: now, ended: now, cost: Duration::ZERO };
        assert_eq!(source.accept(timing, Some(1), String::new()), None);
        assert_eq!(source.accept(timing, Some(2), "bad".into()), Some("bad".into()));
        assert_eq!(source.accept(timing, Some(3), "bad".into()), None);
        assert_eq!(source.fail("worse".into()), Some("worse".into()));
        assert_eq!(source.data(), None);
        assert_eq!(source.accept(timing, Some(4), String::new()), Some(String::new()));
        assert_eq!((source.refreshes, source.failures, source.data()), (4, 3, Some(&4)));
        // Counters never fall, whatever is read from now on.
        source.forget();
        assert_eq!((source.refreshes, source.failures, source.data()), (4, 3, None));
        assert!(source.timing().is_none());
    }

    #[test]
    fn a_figure_that_was_wrong_is_told_longer_than_the_readings_fail() {
        let mut source = Source::default();
        let now = Instant::now();
        let mut accept = |seconds, notes: &[&str]| {
            let ended = now + Duration::from_secs(seconds);
            let notes = notes.iter().map(|figure| Note::below_zero(figure)).collect();
            let told =
                source.accept_noting(Timing { begun: now, ended, cost: Duration::ZERO }, 1, vec![], notes);
            (told, source.failures)
        };
        assert_eq!(accept(0, &["TCP mem"]), (Some("TCP mem was below zero".into()), 1));
        assert_eq!(accept(1, &[]), (None, 1));
        assert_eq!(accept(2, &["TCP mem"]), (None, 2));
        assert_eq!(accept(601, &[]), (None, 2));
        assert_eq!(accept(602, &[]), (Some(String::new()), 2));
    }

    #[test]
    fn age_counts_from_the_beginning_and_freshness_from_the_end() {
        let begun = Instant::now();
        let timing = Timing { begun, ended: begun + Duration::from_secs(2), cost: Duration::ZERO };
        let now = begun + Duration::from_secs(5);
        assert_eq!(timing.age(now), Duration::from_secs(5));
        assert_eq!(timing.since_read(now), Duration::from_secs(3));
        assert_eq!(timing.refresh_time(), Duration::from_secs(2));
    }

    #[test]
    fn what_a_reading_cost_is_made_up_for() {
        let mut source = Source::default();
        let seconds = Duration::from_secs;
        let begun = Instant::now();
        assert_eq!(source.rest(begun), Duration::ZERO);
        let ended = begun + seconds(4);
        source.accept(Timing { begun, ended, cost: seconds(1) }, Some(1), String::new());
        assert_eq!(source.rest(ended), seconds(9));
        assert_eq!(source.rest(ended + seconds(9)), Duration::ZERO);
        // One that came sooner, and one that cost nothing.
        let (begun, ended) = (ended + seconds(1), ended + seconds(3));
        source.accept(Timing { begun, ended, cost: seconds(2) }, Some(2), String::new());
        assert_eq!(source.rest(ended), seconds(6 + 18));
        source.accept(Timing { begun, ended, cost: Duration::ZERO }, None, String::new());
        assert_eq!(source.rest(ended), seconds(6 + 18));
    }
}
