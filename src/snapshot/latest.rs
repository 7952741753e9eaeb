//! The latest reading of a source, its age, and the source's statistics.

use super::detail::Detail;
use super::notes::{Notes, joined};
use super::owner_counts::OwnedSocket;
use super::problem::Problem;
use super::source::{MaxAges, Others, Reading, Source, Timing};
use super::touched::{SourceId, Touched};
use crate::proc::cpu::Stopwatch;
use crate::proc::read::ProcRoot;
use std::any::Any;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How many times as long as a reading cost its source rests before the next: in the long run a source takes at most a
/// tenth of one CPU, whoever makes it slow and however often it is asked for.
const RESTS: u32 = 9;

/// The latest reading of a source, and its statistics.
#[derive(Debug)]
pub struct Latest<S: Source> {
    data: Option<S>,
    /// What the source remembers between readings.
    pub(super) memory: S::Memory,
    timing: Option<Timing>,
    /// Until when it rests. A reading before then extends it.
    rests: Option<Instant>,
    refreshes: u64,
    failures: u64,
    /// What is wrong, as text: several problems joined.
    problem: Option<String>,
    notes: Notes,
    /// When each level of detail was last asked for.
    wanted: [Option<Instant>; 3],
}

impl<S: Source> Default for Latest<S> {
    fn default() -> Self {
        Self {
            data: None,
            memory: S::Memory::default(),
            timing: None,
            rests: None,
            refreshes: 0,
            failures: 0,
            problem: None,
            notes: Notes::default(),
            wanted: [None; 3],
        }
    }
}

/// What lnsAgentSourceTable shows for a source, whatever its data.
#[derive(Debug, Clone, Copy)]
pub struct Health<'a> {
    /// When the latest reading began and ended; `None` before the first one.
    pub timing: Option<Timing>,
    /// How many readings there have been.
    pub refreshes: u64,
    /// How many of them failed, wholly or in part.
    pub failures: u64,
    /// What is wrong with the latest reading.
    pub problem: Option<&'a str>,
}

/// A change in a source, reported once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The source.
    pub id: SourceId,
    /// The new state.
    pub news: News,
}

/// What to report about a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// What is wrong now.
    Problem(String),
    /// All is well again.
    Well,
    /// It is read another way, or a host cannot say something, and nothing is wrong.
    Note(String),
}

/// What a reading returned, whatever its source.
#[derive(Debug)]
pub struct Done {
    /// The source.
    pub id: SourceId,
    pub(super) timing: Timing,
    /// A [`Reading`] of it.
    pub(super) reading: Box<dyn Any + Send>,
}

#[cfg(test)]
impl Done {
    /// A made-up reading.
    pub(super) fn of<S: Source>(id: SourceId, timing: Timing, reading: Reading<S>) -> Self {
        Self { id, timing, reading: Box::new(reading) }
    }
}

/// A reading to run on a thread that may block.
pub type Begun = Box<dyn FnOnce(&ProcRoot) -> Done + Send>;

impl<S: Source> Latest<S> {
    /// The data, if there has been any and no reading has failed completely since.
    #[must_use]
    pub fn data(&self) -> Option<&S> {
        self.data.as_ref()
    }

    /// What is wrong with the latest reading.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Stores a reading. Keeps reporting what was wrong with single figures for a while; even so, a reading in which
    /// nothing was wrong is no failure.
    fn put(&mut self, timing: Timing, mut reading: Reading<S>, now: SystemTime) -> Vec<News> {
        let note = S::follow(&mut reading, &mut self.memory, timing, now);
        let Reading { data, problems, notes, memory } = reading;
        if let Some(memory) = memory {
            self.memory = memory;
        }
        self.failures += u64::from(!(problems.is_empty() && notes.is_empty()));
        let notes = self.notes.keep(timing.ended, notes);
        let mut wrong: Vec<&dyn Display> = problems.iter().map(|problem| problem as _).collect();
        wrong.extend(notes.iter().map(|note| note as &dyn Display));
        let problem = (!wrong.is_empty()).then(|| joined(&wrong));
        let from = self.rests.map_or(timing.ended, |rests| rests.max(timing.ended));
        self.rests = Some(from + timing.cost * RESTS);
        self.timing = Some(timing);
        self.data = data;
        self.refreshes += 1;
        let changed = self.stands(problem);
        note.map(News::Note).into_iter().chain(changed).collect()
    }

    /// Sets the text of what is wrong; returns it if it changed.
    fn stands(&mut self, problem: Option<String>) -> Option<News> {
        let changed = self.problem != problem;
        self.problem = problem;
        changed.then(|| self.problem.clone().map_or(News::Well, News::Problem))
    }
}

/// A source, whatever its data.
pub trait AnySource {
    /// lnsAgentSourceName
    fn name(&self) -> &'static str;
    /// See [`Source::is_wanted`].
    fn is_wanted(&self) -> bool;
    /// Its statistics.
    fn health(&self) -> Health<'_>;
    /// How old it may be; zero if more is left to read.
    fn max_age(&self, ages: &MaxAges) -> Duration;
    /// How long it must still rest after the cost of its readings.
    fn rest(&self, now: Instant) -> Duration;
    /// See [`Source::AFTER`].
    fn after(&self) -> &'static [SourceId];
    /// See [`Source::AT_START`].
    fn is_read_at_start(&self) -> bool;
    /// Whether it has less than what was touched, or see [`Source::lacks`].
    fn lacks(&self, id: SourceId, touched: Touched, detailed: Touched) -> bool;
    /// See [`Source::detail`].
    fn detail(&self) -> Detail;
    /// See [`Source::MOST`].
    fn most(&self) -> Detail;
    /// When a level of detail was last asked for.
    fn wanted(&self, detail: Detail) -> Option<Instant>;
    /// Notes that so much is asked for.
    fn want(&mut self, detail: Detail, now: Instant);
    /// Drops what is more than this.
    fn drop_to(&mut self, detail: Detail);
    /// See [`Source::inodes`].
    fn inodes(&self, into: &mut Vec<u64>);
    /// See [`Source::owned`].
    fn owned(&self) -> Option<Arc<Vec<OwnedSocket>>>;
    /// Prepares a reading.
    fn begin(&self, id: SourceId, detail: Detail, others: &Others<'_>) -> Begun;
    /// Stores a reading, and returns what is new to report.
    fn accept(&mut self, done: Done) -> Vec<News>;
    /// Gives up on a reading that does not end: drops the source's data.
    fn fail(&mut self, problem: &Problem) -> Option<News>;
    /// Drops what was read below a root because the root has changed; keeps the statistics.
    fn forget_root(&mut self);
    /// Drops all data.
    fn forget(&mut self);
}

impl<S: Source> AnySource for Latest<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn is_wanted(&self) -> bool {
        S::is_wanted(&self.memory)
    }

    fn health(&self) -> Health<'_> {
        Health {
            timing: self.timing,
            refreshes: self.refreshes,
            failures: self.failures,
            problem: self.problem(),
        }
    }

    fn max_age(&self, ages: &MaxAges) -> Duration {
        let complete = self.data.as_ref().is_none_or(S::is_complete);
        if complete { S::max_age(ages) } else { Duration::ZERO }
    }

    fn rest(&self, now: Instant) -> Duration {
        self.rests.map_or(Duration::ZERO, |rests| rests.saturating_duration_since(now))
    }

    fn after(&self) -> &'static [SourceId] {
        S::AFTER
    }

    fn is_read_at_start(&self) -> bool {
        S::AT_START
    }

    fn lacks(&self, id: SourceId, touched: Touched, detailed: Touched) -> bool {
        let asked = touched.detail(id).min(S::MOST);
        self.data.as_ref().is_some_and(|data| data.detail() < asked)
            || S::lacks(&self.memory, touched, detailed)
    }

    fn detail(&self) -> Detail {
        self.data.as_ref().map_or(Detail::Counts, S::detail)
    }

    fn most(&self) -> Detail {
        S::MOST
    }

    fn wanted(&self, detail: Detail) -> Option<Instant> {
        self.wanted.get(detail as usize).copied().flatten()
    }

    fn want(&mut self, detail: Detail, now: Instant) {
        if let Some(wanted) = self.wanted.get_mut(detail as usize) {
            *wanted = Some(now);
        }
    }

    fn drop_to(&mut self, detail: Detail) {
        self.wanted.iter_mut().skip(detail as usize + 1).for_each(|wanted| *wanted = None);
        self.data.iter_mut().for_each(|data| data.drop_to(detail));
    }

    fn inodes(&self, into: &mut Vec<u64>) {
        if let Some(data) = &self.data {
            data.inodes(into);
        }
    }

    fn owned(&self) -> Option<Arc<Vec<OwnedSocket>>> {
        self.data.as_ref().and_then(S::owned)
    }

    fn begin(&self, id: SourceId, detail: Detail, others: &Others<'_>) -> Begun {
        let known = S::known(self.data.as_ref(), &self.memory, others);
        Box::new(move |root| {
            let (begun, stopwatch) = (Instant::now(), Stopwatch::start());
            let reading = Box::new(S::read(root, detail, known));
            Done { id, timing: Timing { begun, ended: Instant::now(), cost: stopwatch.spent() }, reading }
        })
    }

    fn accept(&mut self, done: Done) -> Vec<News> {
        match done.reading.downcast::<Reading<S>>() {
            Ok(reading) => self.put(done.timing, *reading, SystemTime::now()),
            // It belongs to another source.
            Err(_) => Vec::new(),
        }
    }

    fn fail(&mut self, problem: &Problem) -> Option<News> {
        self.data = None;
        self.failures += 1;
        self.stands(Some(problem.to_string()))
    }

    fn forget_root(&mut self) {
        if S::OF_ROOT {
            self.forget();
        }
    }

    fn forget(&mut self) {
        let mut memory = std::mem::take(&mut self.memory);
        S::forget(&mut memory);
        *self = Self { memory, refreshes: self.refreshes, failures: self.failures, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::super::notes::Note;
    use super::*;

    /// A source that returns a number.
    #[derive(Debug)]
    struct Number(u32);

    impl Source for Number {
        const NAME: &'static str = "number";
        const READ_FROM: &'static str = "nowhere";
        type Memory = ();
        type Known = ();

        fn max_age(ages: &MaxAges) -> Duration {
            ages.counters
        }

        fn known(_: Option<&Self>, (): &(), _: &Others<'_>) {}

        fn read(_: &ProcRoot, _: Detail, (): ()) -> Reading<Self> {
            Reading { data: Some(Self(0)), problems: Vec::new(), notes: Vec::new(), memory: None }
        }
    }

    fn put(
        source: &mut Latest<Number>,
        timing: Timing,
        number: Option<u32>,
        problem: Option<Problem>,
        notes: Vec<Note>,
    ) -> Vec<News> {
        let problems = Vec::from_iter(problem);
        let reading = Reading { data: number.map(Number), problems, notes, memory: None };
        source.put(timing, reading, SystemTime::UNIX_EPOCH)
    }

    fn number(source: &Latest<Number>) -> Option<u32> {
        source.data().map(|number| number.0)
    }

    #[test]
    fn a_problem_is_told_once_and_its_end_too() {
        let mut source = Latest::default();
        let now = Instant::now();
        let timing = Timing { begun: now, ended: now, cost: Duration::ZERO };
        let is = |problem: Problem| vec![News::Problem(problem.to_string())];
        let bad = || Problem::NoEnd { seconds: 1 };
        assert_eq!(put(&mut source, timing, Some(1), None, vec![]), []);
        assert_eq!(put(&mut source, timing, Some(2), Some(bad()), vec![]), is(bad()));
        assert_eq!(put(&mut source, timing, Some(3), Some(bad()), vec![]), []);
        assert_eq!(Vec::from_iter(source.fail(&Problem::BrokenOff)), is(Problem::BrokenOff));
        assert_eq!(number(&source), None);
        assert_eq!(put(&mut source, timing, Some(4), None, vec![]), [News::Well]);
        assert_eq!((source.refreshes, source.failures, number(&source)), (4, 3, Some(4)));
        // Counters never fall, whatever is read next.
        source.forget();
        assert_eq!((source.refreshes, source.failures, number(&source)), (4, 3, None));
        assert!(source.health().timing.is_none());
    }

    #[test]
    fn a_figure_that_was_wrong_is_told_longer_than_the_readings_fail() {
        let mut source = Latest::default();
        let now = Instant::now();
        let mut accept = |seconds, notes: &[&str]| {
            let ended = now + Duration::from_secs(seconds);
            let notes = notes.iter().map(|figure| Note::below_zero(figure)).collect();
            let timing = Timing { begun: now, ended, cost: Duration::ZERO };
            (put(&mut source, timing, Some(1), None, notes), source.failures)
        };
        assert_eq!(accept(0, &["TCP mem"]), (vec![News::Problem("TCP mem was below zero".into())], 1));
        assert_eq!(accept(1, &[]), (vec![], 1));
        assert_eq!(accept(2, &["TCP mem"]), (vec![], 2));
        assert_eq!(accept(601, &[]), (vec![], 2));
        assert_eq!(accept(602, &[]), (vec![News::Well], 2));
    }

    #[test]
    fn what_a_reading_cost_is_made_up_for() {
        let mut source = Latest::default();
        let seconds = Duration::from_secs;
        let begun = Instant::now();
        assert_eq!(source.rest(begun), Duration::ZERO);
        let ended = begun + seconds(4);
        put(&mut source, Timing { begun, ended, cost: seconds(1) }, Some(1), None, vec![]);
        assert_eq!(source.rest(ended), seconds(9));
        assert_eq!(source.rest(ended + seconds(9)), Duration::ZERO);
        // One during the rest, and one that cost nothing.
        let (begun, ended) = (ended + seconds(1), ended + seconds(3));
        put(&mut source, Timing { begun, ended, cost: seconds(2) }, Some(2), None, vec![]);
        assert_eq!(source.rest(ended), seconds(6 + 18));
        put(&mut source, Timing { begun, ended, cost: Duration::ZERO }, None, None, vec![]);
        assert_eq!(source.rest(ended), seconds(6 + 18));
    }

    /// A reading begun for one source is ignored by another.
    #[test]
    fn the_reading_of_another_source_changes_nothing() {
        let mut source = Latest::<Number>::default();
        let now = Instant::now();
        let timing = Timing { begun: now, ended: now, cost: Duration::ZERO };
        let others = Others { detailed: Touched::default(), inodes: &Vec::new, owned: &|| None };
        let begun = Latest::<super::super::sockstat::Sockstat>::default();
        let done = begun.begin(SourceId::Sockstat, Detail::Counts, &others)(&ProcRoot::new("/nowhere"));
        put(&mut source, timing, Some(1), None, vec![]);
        assert_eq!((source.accept(done), number(&source)), (vec![], Some(1)));
    }
}
