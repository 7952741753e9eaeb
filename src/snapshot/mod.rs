//! What was read from `/proc`, how old it is, and when it must be read again.
//!
//! A [`Snapshot`] holds the latest reading of each source. Nothing is read until an answer asks for it: the
//! answer is computed from what is there and the sources it touched are noted ([`Touched`]); those that are
//! older than their max-age are then read by a [`Job`] on another thread, once, however many requests wait.

pub mod counters;
pub mod counts;
pub mod history;
pub mod icmp_types;
pub mod instances;
pub mod notes;
pub mod ports;
pub mod sockets;
pub mod sockstat;
pub mod source;
mod touched;

use crate::proc::processes::Owners;
use crate::proc::read::ProcRoot;
use crate::resets::counting::ephemeral;
use crate::resets::recorder::{Handle, Resets};
use crate::thresholds::Thresholds;
use counters::Counters;
use history::History;
use sockets::{Detail, Sockets};
use sockstat::Sockstat;
use source::{Source, Timing};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
pub use touched::{SourceId, Touched};

/// How old a source may be when it answers, from `[refresh]` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxAges {
    /// Counters, sockstat and resets.
    pub counters: Duration,
    /// Sockets.
    pub sockets: Duration,
    /// Processes.
    pub processes: Duration,
    /// How long an answer may wait for a reading.
    pub answer_within: Duration,
}

/// The subagent about itself, as lnsAgent serves it.
#[derive(Debug, Clone)]
pub struct AgentStatistics {
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

/// The latest reading of every source.
#[derive(Debug)]
pub struct Snapshot {
    /// Every named counter.
    pub counters: Source<Counters>,
    /// Sockets in use, memory and limits.
    pub sockstat: Source<Sockstat>,
    /// Sockets by state, listeners, and rows where a table was asked for.
    pub sockets: Source<Sockets>,
    /// The process of every socket.
    pub processes: Source<Arc<Owners>>,
    /// Resets by port and reason.
    pub resets: Source<Resets>,
    resets_wanted: bool,
    /// Who records resets; nobody before the first reading.
    recorder: Option<Handle>,
    /// The subagent itself.
    pub agent: AgentStatistics,
    /// What is watched, and how it stands.
    pub thresholds: Thresholds,
    /// What counters were.
    history: History,
    ages: MaxAges,
    rows_wanted: Option<Instant>,
}

/// How long rows are kept after they were last asked for. A manager that walks the tables every five minutes
/// reads them anew anyway; this is for the pauses within one walk.
const ROWS_KEPT: Duration = Duration::from_secs(60);

impl Snapshot {
    /// A snapshot that has read nothing yet.
    #[must_use]
    pub fn new(ages: MaxAges) -> Self {
        let start = SystemTime::now();
        Self {
            counters: Source::default(),
            sockstat: Source::default(),
            sockets: Source::default(),
            processes: Source::default(),
            resets: Source::default(),
            resets_wanted: false,
            recorder: None,
            agent: AgentStatistics { start, sessions: 0, requests: 0, varbinds: 0, errors: 0, late: 0 },
            thresholds: Thresholds::default(),
            history: History::new(start),
            ages,
            rows_wanted: None,
        }
    }

    /// Begins anew with resets, or ends with them; [`Self::recorded_by`] says who has them.
    pub fn want_resets(&mut self, wanted: bool) {
        self.resets.forget();
        self.recorder = None;
        self.resets_wanted = wanted;
        // The counts of before are another's.
        self.thresholds.forget();
    }

    /// Has resets read from a recorder from now on.
    pub fn recorded_by(&mut self, recorder: Handle) {
        self.recorder = Some(recorder);
    }

    /// Whether resets are wanted, possible or not.
    #[must_use]
    pub fn wants_resets(&self) -> bool {
        self.resets_wanted
    }

    /// Drops all that was read below a root, which resets are not.
    pub fn forget(&mut self) {
        self.counters.forget();
        self.sockstat.forget();
        self.sockets.forget();
        self.processes.forget();
        self.thresholds.forget();
        self.history = History::new(SystemTime::now());
    }

    /// Since when no counter has counted anew: lnsAgentCountersSince.
    #[must_use]
    pub fn counters_since(&self) -> SystemTime {
        self.history.since()
    }

    /// Changes how old the sources may be, from now on.
    pub fn set_max_ages(&mut self, ages: MaxAges) {
        self.ages = ages;
    }

    /// What has to be read before `touched` is fresh. Sources that are being read already are among them.
    #[must_use]
    pub fn stale(&self, touched: Touched, now: Instant) -> Vec<Job> {
        let rows_missing = touched.rows && self.sockets.data().is_some_and(|sockets| sockets.rows.is_none());
        let is_stale = |id: SourceId| {
            touched.has(id) && (id != SourceId::Resets || self.resets_wanted) && {
                let max = match id {
                    SourceId::Counters | SourceId::Sockstat | SourceId::Resets => self.ages.counters,
                    SourceId::Sockets => self.ages.sockets,
                    SourceId::Processes => self.ages.processes,
                };
                let is_fresh = self.timing(id).is_some_and(|timing| timing.since_read(now) < max);
                !is_fresh || (id == SourceId::Sockets && rows_missing)
            }
        };
        // Which processes to read depends on the sockets there are: those come first.
        let sockets_first = is_stale(SourceId::Sockets);
        SourceId::ALL
            .into_iter()
            .map(|(id, _)| id)
            .filter(|&id| is_stale(id) && !(sockets_first && id == SourceId::Processes))
            .map(|id| Job { id, detail: self.detail(touched, now) })
            .collect()
    }

    /// Rows are read with every reading of the sockets while somebody walks their tables; and always where they could
    /// not be read while an answer waits, for a walk without them would find the tables empty.
    fn detail(&self, touched: Touched, now: Instant) -> Detail {
        let walked = self.rows_wanted.is_some_and(|wanted| now.saturating_duration_since(wanted) < ROWS_KEPT);
        if touched.rows || walked || self.is_slow() { Detail::Rows } else { Detail::Counts }
    }

    /// Whether reading the rows may take longer than an answer can wait: twice the time of counting, to be safe.
    fn is_slow(&self) -> bool {
        let took = self.sockets.timing().map(Timing::refresh_time);
        took.is_some_and(|took| took * 2 > self.ages.answer_within)
    }

    /// The first readings, before anybody asked: of every source but the processes, which take seconds where there are
    /// very many descriptors, and whose columns few ask for.
    #[must_use]
    pub fn first(&self) -> Vec<Job> {
        let always = [SourceId::Counters, SourceId::Sockstat, SourceId::Sockets];
        let resets = self.resets_wanted.then_some(SourceId::Resets);
        always.into_iter().chain(resets).map(|id| Job { id, detail: Detail::Counts }).collect()
    }

    /// Whether the latest reading of a source took less than an answer waits.
    #[must_use]
    pub fn is_in_time(&self, id: SourceId) -> bool {
        self.timing(id).is_some_and(|timing| timing.refresh_time() < self.ages.answer_within)
    }

    fn timing(&self, id: SourceId) -> Option<Timing> {
        match id {
            SourceId::Counters => self.counters.timing(),
            SourceId::Sockstat => self.sockstat.timing(),
            SourceId::Sockets => self.sockets.timing(),
            SourceId::Processes => self.processes.timing(),
            SourceId::Resets => self.resets.timing(),
        }
    }

    /// What to read after the first readings, before anybody may ask.
    #[must_use]
    pub fn second(&self) -> Option<Job> {
        self.is_slow().then_some(Job { id: SourceId::Sockets, detail: Detail::Rows })
    }

    /// Notes that an answer used the rows, and drops rows that nobody has used for a while.
    pub fn used(&mut self, touched: Touched, now: Instant) {
        if touched.rows {
            self.rows_wanted = Some(now);
        } else if self.detail(touched, now) == Detail::Counts {
            self.rows_wanted = None;
            if let Some(sockets) = self.sockets.data_mut() {
                sockets.rows = None;
            }
        }
    }

    /// When the oldest of the readings that were touched began; `None` before the first.
    #[must_use]
    pub fn read_at(&self, touched: Touched) -> Option<Instant> {
        let touched = SourceId::ALL.into_iter().filter(|(id, _)| touched.has(*id));
        touched.filter_map(|(id, _)| Some(self.timing(id)?.begun)).min()
    }

    /// What is known already that makes a reading cheaper.
    #[must_use]
    pub fn known(&self, job: Job) -> Known {
        let owners = (job.id == SourceId::Processes).then(|| self.processes.data()).flatten();
        let sockets = self.sockets.data().filter(|sockets| sockets.rows.is_some());
        let wanted = (job.id == SourceId::Processes).then_some(sockets).flatten().map(Sockets::inodes);
        Known { owners: owners.cloned(), wanted, recorder: self.recorder.clone() }
    }

    /// Puts a reading in place and says whether what is wrong with the source has changed.
    pub fn accept(&mut self, done: Done) -> Option<Change> {
        let id = done.id;
        let timing = done.timing;
        let error = match done.reading {
            Reading::Counters(mut data) => {
                let mut notes = std::mem::take(&mut data.notes);
                notes.extend(self.history.judge(&mut data, timing, SystemTime::now()));
                let problems = std::mem::take(&mut data.problems);
                self.counters.accept_noting(timing, data, problems, notes)
            }
            Reading::Sockstat(mut data) => {
                let (problems, notes) = (std::mem::take(&mut data.problems), std::mem::take(&mut data.notes));
                self.sockstat.accept_noting(timing, data, problems, notes)
            }
            Reading::Sockets(mut data) => {
                let (problems, notes) = (std::mem::take(&mut data.problems), std::mem::take(&mut data.notes));
                self.sockets.accept_noting(timing, *data, problems, notes)
            }
            Reading::Processes(Ok(data)) => {
                self.processes.accept(timing, Some(Arc::new(data)), String::new())
            }
            Reading::Processes(Err(error)) => self.processes.accept(timing, None, error),
            Reading::Resets(Ok(mut data)) => {
                let error = std::mem::take(&mut data.problem);
                self.resets.accept(timing, Some(data), error)
            }
            Reading::Resets(Err(error)) => self.resets.accept(timing, None, error),
        };
        error.map(|error| Change { id, error })
    }

    /// Marks a source as failed whose reading did not end in time.
    pub fn fail(&mut self, id: SourceId, error: &str) -> Option<Change> {
        let error = error.to_owned();
        match id {
            SourceId::Counters => self.counters.fail(error),
            SourceId::Sockstat => self.sockstat.fail(error),
            SourceId::Sockets => self.sockets.fail(error),
            SourceId::Processes => self.processes.fail(error),
            SourceId::Resets => self.resets.fail(error),
        }
        .map(|error| Change { id, error })
    }

    /// Reads whatever is stale among `touched` on this thread: for commands that have nobody waiting.
    pub fn refresh_now(&mut self, touched: Touched, root: &ProcRoot) -> Vec<Change> {
        let mut changes = Vec::new();
        // What comes first may make something else due.
        for _ in SourceId::ALL {
            let jobs = self.stale(touched, Instant::now());
            for job in jobs {
                let done = job.run(root, self.known(job));
                changes.extend(self.accept(done));
            }
        }
        changes
    }
}

/// What is wrong with a reading, for a line of the log: a file may be wrong in every one of its lines.
fn told(problems: &[String]) -> String {
    const TOLD: usize = 5;
    let mut text = problems.get(..TOLD).unwrap_or(problems).join("; ");
    if problems.len() > TOLD {
        text += &format!("; and {} more", problems.len() - TOLD);
    }
    text
}

/// A change in what is wrong with a source, to be told once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The source.
    pub id: SourceId,
    /// What is wrong now; empty if all is well again.
    pub error: String,
}

/// One reading of one source, to be run on a thread that may block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// The source.
    pub id: SourceId,
    detail: Detail,
}

/// What a [`Job`] may build on.
#[derive(Debug, Default)]
pub struct Known {
    /// The process of each socket as of the reading before.
    owners: Option<Arc<Owners>>,
    /// The inodes of the sockets there are now, where their rows were read.
    wanted: Option<Vec<u64>>,
    recorder: Option<Handle>,
}

/// What a [`Job`] has read.
#[derive(Debug)]
pub struct Done {
    /// The source.
    pub id: SourceId,
    timing: Timing,
    reading: Reading,
}

#[derive(Debug)]
enum Reading {
    Counters(Counters),
    Sockstat(Sockstat),
    Sockets(Box<Sockets>),
    Processes(Result<Owners, String>),
    Resets(Result<Resets, String>),
}

impl Job {
    /// Whether this reading will bring the rows of the socket tables.
    #[must_use]
    pub fn brings_rows(self) -> bool {
        self.detail == Detail::Rows
    }

    /// Reads the source. Never fails as a whole: what could not be read is told in the reading.
    #[must_use]
    pub fn run(self, root: &ProcRoot, known: Known) -> Done {
        let begun = Instant::now();
        let reading = match self.id {
            SourceId::Counters => Reading::Counters(Counters::read(root)),
            SourceId::Sockstat => Reading::Sockstat(Sockstat::read(root)),
            SourceId::Sockets => Reading::Sockets(Box::new(Sockets::read(root, self.detail))),
            SourceId::Resets => {
                let recorded = known.recorder.map(|recorder| recorder.read(ephemeral(root)));
                Reading::Resets(recorded.unwrap_or_else(|| Err("nobody records resets".into())))
            }
            SourceId::Processes => Reading::Processes(match (known.owners, known.wanted) {
                (Some(owners), Some(wanted)) => owners.search(root, &wanted),
                (None, Some(wanted)) => Owners::read_wanted(root, &wanted),
                (_, None) => Owners::read(root),
            }),
        };
        Done { id: self.id, timing: Timing { begun, ended: Instant::now() }, reading }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGES: MaxAges = MaxAges {
        counters: Duration::from_secs(1),
        sockets: Duration::from_secs(5),
        processes: Duration::from_secs(30),
        answer_within: Duration::from_millis(800),
    };

    fn ids(jobs: &[Job]) -> Vec<SourceId> {
        jobs.iter().map(|job| job.id).collect()
    }

    #[test]
    fn nothing_is_stale_that_nobody_touched() {
        let snapshot = Snapshot::new(AGES);
        assert!(snapshot.stale(Touched::default(), Instant::now()).is_empty());
    }

    #[test]
    fn a_source_is_read_again_after_its_max_age_only() {
        let root = ProcRoot::new("/proc");
        let mut snapshot = Snapshot::new(AGES);
        let touched = Touched::default().with(SourceId::Counters).with(SourceId::Sockets);
        assert_eq!(ids(&snapshot.stale(touched, Instant::now())), [SourceId::Counters, SourceId::Sockets]);
        snapshot.refresh_now(touched, &root);
        let now = Instant::now();
        assert_eq!(ids(&snapshot.stale(touched, now)), []);
        let later = now + Duration::from_secs(2);
        assert_eq!(ids(&snapshot.stale(touched, later)), [SourceId::Counters]);
    }

    /// They take seconds on a host with very many descriptors: nothing may wait for them that did not ask.
    #[test]
    fn processes_are_read_when_asked_for_and_after_the_sockets() {
        let root = ProcRoot::new("/proc");
        let mut snapshot = Snapshot::new(AGES);
        assert_eq!(ids(&snapshot.first()), [SourceId::Counters, SourceId::Sockstat, SourceId::Sockets]);
        let touched = Touched::default().with_rows().with(SourceId::Processes);
        assert_eq!(ids(&snapshot.stale(touched, Instant::now())), [SourceId::Sockets]);
        snapshot.accept(Job { id: SourceId::Sockets, detail: Detail::Rows }.run(&root, Known::default()));
        let jobs = snapshot.stale(touched, Instant::now());
        assert_eq!(ids(&jobs), [SourceId::Processes]);
        snapshot.refresh_now(touched, &root);
        let known = snapshot.known(jobs[0]);
        assert!(known.owners.is_some() && known.wanted.is_some(), "the next reading builds on this one");
    }

    #[test]
    fn rows_are_read_when_touched_and_dropped_when_not_used() {
        let root = ProcRoot::new("/proc");
        let mut snapshot = Snapshot::new(AGES);
        let counts = Touched::default().with(SourceId::Sockets);
        snapshot.refresh_now(counts, &root);
        let rows = Touched::default().with_rows();
        let now = Instant::now();
        let jobs = snapshot.stale(rows, now);
        assert!(ids(&jobs) == [SourceId::Sockets] && jobs[0].brings_rows());
        snapshot.refresh_now(rows, &root);
        snapshot.used(rows, now);
        assert!(snapshot.sockets.data().unwrap().rows.is_some());
        // While the walk goes on, a reading for the counts brings the rows too.
        assert!(snapshot.stale(counts, now + Duration::from_secs(6))[0].brings_rows());
        snapshot.used(counts, now + ROWS_KEPT);
        assert!(snapshot.sockets.data().unwrap().rows.is_none());
    }

    #[test]
    fn rows_that_take_too_long_to_read_are_kept_ready() {
        let root = ProcRoot::new("/proc");
        let mut snapshot = Snapshot::new(AGES);
        assert_eq!(snapshot.second(), None);
        let mut done = Job { id: SourceId::Sockets, detail: Detail::Counts }.run(&root, Known::default());
        done.timing.ended = done.timing.begun + Duration::from_millis(500);
        let now = done.timing.ended;
        snapshot.accept(done);
        assert!(snapshot.second().unwrap().brings_rows());
        let counts = Touched::default().with(SourceId::Sockets);
        assert!(snapshot.stale(counts, now + Duration::from_secs(6))[0].brings_rows());
        snapshot.refresh_now(Touched::default().with_rows(), &root);
        // Quick again: rows that nobody walks may go.
        snapshot.used(counts, Instant::now());
        assert!(snapshot.second().is_none() && snapshot.sockets.data().unwrap().rows.is_none());
    }

    #[test]
    fn many_problems_are_told_in_one_short_line() {
        let problems: Vec<_> = (1..=1000).map(|n| format!("line {n}")).collect();
        assert_eq!(told(&problems[..2]), "line 1; line 2");
        assert_eq!(told(&problems), "line 1; line 2; line 3; line 4; line 5; and 995 more");
    }
}
