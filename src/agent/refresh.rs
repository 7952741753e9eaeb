//! Readings on other threads: one at a time for each source, however many requests wait for it.

use crate::proc::read::ProcRoot;
use crate::resets::recorder::{Ending, Recorder};
use crate::snapshot::problem::Problem;
use crate::snapshot::{Change, Done, Job, MaxAges, News, Snapshot, SourceId, Touched};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::{Id, JoinSet};

/// A reading that takes longer fails. Its thread is left to the kernel, and the source gets no other thread before that
/// one returns, so that threads cannot pile up.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// The snapshot and the readings that are under way.
pub struct Refresher {
    snapshot: Snapshot,
    root: Arc<ProcRoot>,
    /// One task for each reading, which waits for its thread; `None` if that ended without a result.
    tasks: JoinSet<Option<Done>>,
    under_way: HashMap<Id, UnderWay>,
    /// The size of the buffers for recording resets, if resets are wanted.
    buffer: Option<u64>,
    /// Exists from the first reading on.
    recorder: Option<Recorder>,
    /// The previous recorder; the loop does not wait for its end.
    ending: Option<Ending>,
    /// Sources that answers did not wait for, until a reading is in time again.
    late: BTreeSet<SourceId>,
}

struct UnderWay {
    job: Job,
    begun: Instant,
    given_up: bool,
    /// Belongs to another root, or to a recorder that has ended.
    outdated: bool,
}

impl UnderWay {
    fn is_waited_for(&self) -> bool {
        !self.given_up && !self.outdated
    }
}

/// The stale sources among those that an answer touched.
#[derive(Debug, PartialEq, Eq)]
pub struct Late {
    /// Sources older than their max-age.
    pub stale: Vec<SourceId>,
    /// Those worth waiting for: not those whose reading was given up, nor those that no thread reads.
    pub awaited: Vec<SourceId>,
}

impl Refresher {
    pub fn new(root: ProcRoot, ages: MaxAges) -> Self {
        Self {
            snapshot: Snapshot::new(ages),
            root: Arc::new(root),
            tasks: JoinSet::new(),
            under_way: HashMap::new(),
            buffer: None,
            recorder: None,
            ending: None,
            late: BTreeSet::new(),
        }
    }

    /// Starts or stops recording resets; `buffer` is `None` if they are not wanted.
    pub fn record_resets(&mut self, buffer: Option<u64>) {
        self.end_recorder();
        self.buffer = buffer;
        self.outdate(|id| id == SourceId::Resets);
        self.snapshot.want_resets(buffer.is_some());
    }

    fn end_recorder(&mut self) {
        // A recorder begins when the previous one has ended, so that keeping the last is enough.
        self.ending = self.recorder.take().map(Recorder::end).or(self.ending.take());
    }

    /// Marks these sources' readings that are under way as outdated: their results are dropped.
    fn outdate(&mut self, are: impl Fn(SourceId) -> bool) {
        for reading in self.under_way.values_mut().filter(|reading| are(reading.job.id)) {
            reading.outdated = true;
        }
    }

    /// Returns whether everything is read from another root from now on.
    pub fn reconfigure(&mut self, root: ProcRoot, ages: MaxAges) -> bool {
        self.snapshot.set_max_ages(ages);
        let is_another = *self.root != root;
        if is_another {
            self.root = Arc::new(root);
            // A reading of the old root must not be served as one of the new root.
            self.outdate(|id| id != SourceId::Resets);
            self.snapshot.forget();
        }
        is_another
    }

    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    pub fn snapshot_mut(&mut self) -> &mut Snapshot {
        &mut self.snapshot
    }

    /// Reads every source except the processes once, so that there is always a previous reading or a known failure.
    pub async fn first(&mut self) {
        for job in self.snapshot.first() {
            self.start(job, Instant::now());
        }
        self.all_done().await;
        for job in self.snapshot.second() {
            self.start(job, Instant::now());
        }
        self.all_done().await;
    }

    async fn all_done(&mut self) {
        while let Some(deadline) = self.deadline() {
            tokio::select! {
                _ = self.done() => {}
                () = tokio::time::sleep_until(deadline.into()) => {
                    self.give_up_late(Instant::now());
                }
            }
        }
    }

    /// Starts a reading of each touched source that is stale, unless one is under way.
    pub fn refresh(&mut self, touched: Touched, now: Instant) -> Late {
        self.snapshot.want(touched, now);
        let stale = self.snapshot.stale(touched, now);
        let mut late = Late { stale: Vec::new(), awaited: Vec::new() };
        for job in stale {
            let is_it = |reading: &&UnderWay| reading.job.id == job.id && !reading.outdated;
            let running = self.under_way.values().find(is_it);
            let is_awaited = match running {
                Some(reading) => !reading.given_up,
                None => self.start(job, now),
            };
            late.stale.push(job.id);
            late.awaited.extend(is_awaited.then_some(job.id));
        }
        late
    }

    /// Starts a reading on a thread of its own: the runtime's pool panics if the system has no thread left.
    fn start(&mut self, job: Job, now: Instant) -> bool {
        if let Err(error) = self.try_start(job, now) {
            self.snapshot.fail(job.id, &Problem::NoThread(error)).iter().for_each(log);
            return false;
        }
        true
    }

    fn try_start(&mut self, job: Job, now: Instant) -> std::io::Result<()> {
        if let (SourceId::Resets, None, Some(buffer)) = (job.id, &self.recorder, self.buffer) {
            let recorder = Recorder::start(buffer, self.ending.take())?;
            self.snapshot.recorded_by(recorder.handle());
            self.recorder = Some(recorder);
        }
        let root = Arc::clone(&self.root);
        let begun = self.snapshot.begin(job);
        let (done, reading) = oneshot::channel();
        let read = move || {
            // Nobody waits for the result any more when the process ends.
            let _ = done.send(begun(&root));
        };
        std::thread::Builder::new().name(job.id.name().into()).spawn(read)?;
        let task = self.tasks.spawn(async { reading.await.ok() });
        self.under_way.insert(task.id(), UnderWay { job, begun: now, given_up: false, outdated: false });
        Ok(())
    }

    /// Records that an answer stopped waiting for these sources. Logs one line when that begins, and one when a reading
    /// is fast enough again.
    pub fn answered_late(&mut self, stale: &[SourceId], answer_within: Duration, now: Instant) {
        for &id in stale {
            // A reading that has only just begun, because the answer waited for another source, is not late.
            let slow = |reading: &UnderWay| reading.is_waited_for() && reading.begun + answer_within <= now;
            let is_late = self.under_way.values().any(|reading| reading.job.id == id && slow(reading));
            if is_late && self.late.insert(id) {
                tracing::warn!(
                    source = id.name(),
                    "reading takes longer than answer-within: answers are from older figures meanwhile"
                );
            }
        }
    }

    fn log_in_time(&mut self, id: SourceId) {
        if self.snapshot.is_in_time(id) && self.late.remove(&id) {
            tracing::info!(source = id.name(), "is read within answer-within again");
        }
    }

    /// Waits for a reading to end, stores it and returns its source; waits for ever if none is under way.
    pub async fn done(&mut self) -> SourceId {
        loop {
            let (task, done) = match self.tasks.join_next_with_id().await {
                None => std::future::pending().await,
                Some(Ok((task, done))) => (task, done),
                Some(Err(error)) => (error.id(), None),
            };
            // Every task has an entry.
            let Some(reading) = self.under_way.remove(&task) else { continue };
            let (source, took_ms) = (reading.job.id, reading.begun.elapsed().as_millis());
            let changes = match done {
                Some(_) | None if reading.outdated => Vec::new(),
                Some(done) => {
                    tracing::debug!(source = source.name(), took_ms, "was read");
                    let changes = self.snapshot.accept(done);
                    self.log_in_time(source);
                    changes
                }
                None => Vec::from_iter(self.snapshot.fail(source, &Problem::BrokenOff)),
            };
            changes.iter().for_each(log);
            return source;
        }
    }

    /// When the next reading times out.
    pub fn deadline(&self) -> Option<Instant> {
        let waited_for = self.under_way.values().filter(|reading| reading.is_waited_for());
        waited_for.map(|reading| reading.begun + READ_WITHIN).min()
    }

    /// This process was stopped for `lost`, and its readings with it: that time does not count.
    pub fn was_stopped(&mut self, lost: Duration) {
        self.under_way.values_mut().for_each(|reading| reading.begun += lost);
    }

    /// Fails the sources whose readings take too long, and returns them.
    pub fn give_up_late(&mut self, now: Instant) -> Vec<SourceId> {
        let late = |reading: &&mut UnderWay| reading.is_waited_for() && reading.begun + READ_WITHIN <= now;
        let mut failed: Vec<SourceId> = Vec::new();
        for reading in self.under_way.values_mut().filter(late) {
            reading.given_up = true;
            failed.push(reading.job.id);
        }
        for &id in &failed {
            let problem = Problem::NoEnd { seconds: READ_WITHIN.as_secs() };
            self.snapshot.fail(id, &problem).iter().for_each(log);
        }
        failed
    }
}

impl Drop for Refresher {
    fn drop(&mut self) {
        self.end_recorder();
        if let Some(ending) = &self.ending {
            ending.wait_for_a_while();
        }
    }
}

fn log(change: &Change) {
    let source = change.id.name();
    match &change.news {
        News::Well => tracing::info!(source, "is read well again"),
        News::Problem(error) => {
            tracing::warn!(source, %error, "cannot be read; what comes from it has no instances");
        }
        News::Note(note) => tracing::info!(source, "{note}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn another_root_is_read_though_the_reading_of_the_one_before_hangs() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("1/net")).unwrap();
        let ages = crate::config::Config::default().max_ages();
        let mut refresher = Refresher::new(ProcRoot::new(folder.path()), ages);
        let touched = Touched::default().with(SourceId::Counters);
        let now = Instant::now();
        assert_eq!(refresher.refresh(touched, now).awaited, [SourceId::Counters]);
        refresher.give_up_late(now + READ_WITHIN);
        refresher.reconfigure(ProcRoot::new("/proc"), ages);
        assert_eq!(
            refresher.refresh(touched, now).awaited,
            [SourceId::Counters],
            "a reading of the new root"
        );
        assert_eq!(refresher.under_way.len(), 2);
        refresher.done().await;
        refresher.done().await;
        assert!(
            refresher.snapshot.counters.problem().is_none() && refresher.snapshot.counters.data().is_some()
        );
    }

    /// Otherwise every request for this and another source would wait as long as a request may.
    #[tokio::test]
    async fn a_source_that_was_given_up_is_stale_and_not_waited_for() {
        let ages = crate::config::Config::default().max_ages();
        let mut refresher = Refresher::new(ProcRoot::new("/proc"), ages);
        let (now, counters) = (Instant::now(), Touched::default().with(SourceId::Counters));
        assert_eq!(refresher.refresh(counters, now).awaited, [SourceId::Counters]);
        refresher.give_up_late(now + READ_WITHIN);
        let none = Late { stale: vec![SourceId::Counters], awaited: vec![] };
        assert_eq!(refresher.refresh(counters, now), none);
        let late = refresher.refresh(counters.with(SourceId::Sockstat), now);
        assert_eq!((late.stale.len(), late.awaited), (2, vec![SourceId::Sockstat]));
    }

    #[tokio::test]
    async fn a_reading_that_was_stopped_with_the_process_goes_on() {
        let ages = crate::config::Config::default().max_ages();
        let mut refresher = Refresher::new(ProcRoot::new("/proc"), ages);
        let begun = Instant::now();
        let job = refresher.snapshot.first()[0];
        refresher.start(job, begun);
        let stopped = READ_WITHIN * 2;
        refresher.was_stopped(stopped);
        let late = begun + stopped;
        // The source is not reported late for that time either.
        refresher.answered_late(&[job.id], Duration::from_millis(800), late);
        assert!(refresher.late.is_empty() && refresher.give_up_late(late).is_empty());
        assert_eq!(refresher.deadline(), Some(late + READ_WITHIN));
        refresher.answered_late(&[job.id], Duration::from_millis(800), late + READ_WITHIN);
        assert!(refresher.late.contains(&job.id));
        assert_eq!(refresher.give_up_late(late + READ_WITHIN), [job.id]);
        assert_eq!(refresher.deadline(), None);
        assert!(refresher.snapshot.counters.problem().unwrap().contains("longer than 30 s"));
        // When the reading ends after all, its result counts.
        refresher.done().await;
        assert!(
            refresher.snapshot.counters.problem().is_none() && refresher.snapshot.counters.data().is_some()
        );
    }
}
