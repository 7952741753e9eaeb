//! What was read from `/proc`, how old it is, and when it must be read again.
//!
//! A [`Snapshot`] holds the latest reading of each source. Nothing is read until an answer asks for it: the
//! answer is computed from what is there and the sources it touched are noted ([`Touched`]); those that are
//! older than their max-age are then read by a [`Job`] on another thread, once, however many requests wait.

pub mod counters;
pub mod counts;
mod due;
pub mod history;
pub mod icmp_types;
pub mod instances;
mod job;
pub mod notes;
pub mod ports;
pub mod sockets;
pub mod sockstat;
pub mod source;
pub mod tcp;
mod touched;
pub mod udp;

use crate::proc::processes::Owners;
use crate::proc::read::ProcRoot;
use crate::resets::recorder::{Handle, Resets};
use counters::Counters;
use history::History;
use job::Reading;
pub use job::{Change, Done, Job, Known, News};
use sockstat::Sockstat;
use source::Source;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tcp::Tcp;
pub use touched::{SourceId, Touched};
use udp::{TooSlow, Udp, Way};

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

/// The latest reading of every source.
#[derive(Debug)]
pub struct Snapshot {
    /// Every named counter.
    pub counters: Source<Counters>,
    /// Sockets in use, memory and limits.
    pub sockstat: Source<Sockstat>,
    /// TCP sockets by state, listeners, and rows where a table was asked for.
    pub tcp: Source<Tcp>,
    /// UDP sockets, and rows where a table was asked for.
    pub udp: Source<Udp>,
    /// The process of every socket.
    pub processes: Source<Arc<Owners>>,
    /// Resets by port and reason.
    pub resets: Source<Resets>,
    resets_wanted: bool,
    /// Who records resets; nobody before the first reading.
    recorder: Option<Handle>,
    /// What counters were.
    history: History,
    ages: MaxAges,
    tcp_rows_wanted: Option<Instant>,
    udp_rows_wanted: Option<Instant>,
    /// Whose rows were among the sockets that processes were last looked for.
    searched: Touched,
    /// How UDP sockets were counted last.
    udp_way: Way,
    udp_too_slow: TooSlow,
    /// Whether sources rest after what their readings cost.
    rests: bool,
}

impl Snapshot {
    /// A snapshot that has read nothing yet.
    #[must_use]
    pub fn new(ages: MaxAges) -> Self {
        Self {
            counters: Source::default(),
            sockstat: Source::default(),
            tcp: Source::default(),
            udp: Source::default(),
            processes: Source::default(),
            resets: Source::default(),
            resets_wanted: false,
            recorder: None,
            history: History::new(SystemTime::now()),
            ages,
            tcp_rows_wanted: None,
            udp_rows_wanted: None,
            searched: Touched::default(),
            udp_way: Way::default(),
            udp_too_slow: TooSlow::default(),
            rests: true,
        }
    }

    /// One for a command that reads each source once: no source rests.
    #[must_use]
    pub fn for_once(ages: MaxAges) -> Self {
        Self { rests: false, ..Self::new(ages) }
    }

    /// Begins anew with resets, or ends with them; [`Self::recorded_by`] says who has them.
    pub fn want_resets(&mut self, wanted: bool) {
        self.resets.forget();
        self.recorder = None;
        self.resets_wanted = wanted;
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
        self.tcp.forget();
        self.udp.forget();
        self.processes.forget();
        (self.udp_way, self.udp_too_slow) = (Way::default(), TooSlow::default());
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

    /// When the oldest of the readings that were touched began; `None` before the first.
    #[must_use]
    pub fn read_at(&self, touched: Touched) -> Option<Instant> {
        let touched = SourceId::ALL.into_iter().filter(|(id, _)| touched.has(*id));
        touched.filter_map(|(id, _)| Some(self.timing(id)?.begun)).min()
    }

    /// What is known already that makes a reading cheaper.
    #[must_use]
    pub fn known(&self, job: Job) -> Known {
        let is = |id| job.id == id;
        let tcp = self.tcp.data().filter(|_| is(SourceId::Processes)).map(Tcp::inodes);
        let udp = self.udp.data().filter(|_| is(SourceId::Processes)).map(Udp::inodes);
        Known {
            owners: self.processes.data().filter(|_| is(SourceId::Processes)).cloned(),
            wanted: tcp.into_iter().flatten().chain(udp.into_iter().flatten()).collect(),
            rows: self.with_rows(),
            recorder: self.recorder.clone(),
            too_slow: self.udp_too_slow,
        }
    }

    /// Puts a reading in place and says what there is to tell of it that was not so before.
    pub fn accept(&mut self, done: Done) -> Vec<Change> {
        let id = done.id;
        let timing = done.timing;
        let mut news = None;
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
            Reading::Tcp(mut data) => {
                let (problems, notes) = (std::mem::take(&mut data.problems), std::mem::take(&mut data.notes));
                self.tcp.accept_noting(timing, *data, problems, notes)
            }
            Reading::Udp(mut data) => {
                news = data.news(self.udp_way).map(News::Note);
                (self.udp_way, self.udp_too_slow) = (data.way, data.too_slow);
                let (problems, notes) = (std::mem::take(&mut data.problems), std::mem::take(&mut data.notes));
                self.udp.accept_noting(timing, *data, problems, notes)
            }
            Reading::Processes(rows, Ok(data)) => {
                self.searched = rows;
                self.processes.accept(timing, Some(Arc::new(data)), String::new())
            }
            // What there was no list of has no processes, whatever is asked for.
            Reading::Processes(rows, Err(error)) => {
                self.searched = rows;
                self.processes.accept(timing, None, error)
            }
            Reading::Resets(Ok(mut data)) => {
                let error = std::mem::take(&mut data.problem);
                self.resets.accept(timing, Some(data), error)
            }
            Reading::Resets(Err(error)) => self.resets.accept(timing, None, error),
        };
        news.into_iter().chain(error.map(News::Error)).map(|news| Change { id, news }).collect()
    }

    /// Marks a source as failed whose reading did not end in time.
    pub fn fail(&mut self, id: SourceId, error: &str) -> Option<Change> {
        let error = error.to_owned();
        match id {
            SourceId::Counters => self.counters.fail(error),
            SourceId::Sockstat => self.sockstat.fail(error),
            SourceId::Tcp => self.tcp.fail(error),
            SourceId::Udp => self.udp.fail(error),
            SourceId::Processes => self.processes.fail(error),
            SourceId::Resets => self.resets.fail(error),
        }
        .map(|error| Change { id, news: News::Error(error) })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_problems_are_told_in_one_short_line() {
        let problems: Vec<_> = (1..=1000).map(|n| format!("line {n}")).collect();
        assert_eq!(told(&problems[..2]), "line 1; line 2");
        assert_eq!(told(&problems), "line 1; line 2; line 3; line 4; line 5; and 995 more");
    }
}
