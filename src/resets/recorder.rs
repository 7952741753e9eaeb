//! The thread that empties the kernel's buffers and keeps the table of resets.
//!
//! Only this thread touches the trace instance. It makes the instance when first asked: if tracing is impossible, it
//! only reports why, and tries again when next asked.

use super::counting::Counting;
use crate::trace::error::TraceError;
use crate::trace::reset::{Direction, Side};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant, SystemTime};

/// How often at most to log that rows were displaced.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// How soon at the earliest to retry after a failed start.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// How long the process waits at its end for the kernel to release the instance.
const END_WITHIN: Duration = Duration::from_secs(2);

/// A row of lnsResetTable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResetRow {
    /// lnsResetDirection
    pub direction: Direction,
    /// lnsResetSide
    pub side: Side,
    /// lnsResetPort
    pub port: u16,
    /// lnsResetReason
    pub reason: String,
    /// lnsResetCount
    pub count: u64,
    /// lnsResetLastPeer
    pub peer: Option<IpAddr>,
}

/// Why there is no reading of resets. Requests within a moment of each other share one error.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecorderError {
    /// Tracing resets is impossible here.
    #[error("{0}")]
    Trace(Arc<TraceError>),
    /// The recorder has ended.
    #[error("the recorder of resets has ended")]
    Ended,
}

/// A reading of the source `resets`.
#[derive(Debug, Clone, Default)]
pub struct RecordedResets {
    /// The rows in index order: by direction, side, port, length of the reason, reason.
    pub rows: Vec<ResetRow>,
    /// lnsResetLostEvents
    pub lost: u64,
    /// lnsResetSince: between two readings with the same value, no row's count falls.
    pub since: Option<SystemTime>,
    /// Why a buffer could not be read, if one failed; the others are counted.
    pub problem: Option<Arc<TraceError>>,
}

enum Order {
    /// With the ephemeral ports, which the thread does not look up itself: it touches nothing but tracefs, so that no
    /// foreign /proc can hold it up.
    Read(RangeInclusive<u16>, SyncSender<Result<RecordedResets, RecorderError>>),
    Stop,
}

/// The recorder. Dropping it removes its trace instance.
#[derive(Debug)]
pub struct Recorder {
    handle: Handle,
    ending: Ending,
}

/// A recorder that ends once the kernel releases its instance.
#[derive(Debug)]
pub struct Ending(Receiver<()>);

impl Ending {
    /// Waits however long it takes.
    fn wait(&self) {
        // It closes at the end, and nothing is ever sent.
        let _ = self.0.recv();
    }

    /// For the end of the process, which should remove the instance first. If that takes longer, the next process
    /// removes the left-over.
    pub fn wait_for_a_while(&self) {
        let _ = self.0.recv_timeout(END_WITHIN);
    }
}

/// Queries a recorder, from any thread.
#[derive(Debug, Clone)]
pub struct Handle(Sender<Order>);

impl Handle {
    /// Returns what was recorded so far. Waits for the recorder: a few milliseconds, and longer the first time.
    ///
    /// # Errors
    /// If resets cannot be traced here, and why.
    pub fn read(&self, ephemeral: RangeInclusive<u16>) -> Result<RecordedResets, RecorderError> {
        let (answer, answered) = sync_channel(1);
        let asked = self.0.send(Order::Read(ephemeral, answer)).ok();
        let answer = asked.and_then(|()| answered.recv().ok());
        answer.unwrap_or(Err(RecorderError::Ended))
    }
}

impl Recorder {
    /// Starts the thread, with buffers of `buffer` octets per CPU. It begins when the previous recorder has ended: both
    /// may use the same instance.
    ///
    /// # Errors
    /// If the system cannot start a thread.
    pub fn start(buffer: u64, before: Option<Ending>) -> std::io::Result<Self> {
        let (sender, orders) = channel();
        let (alive, ended) = sync_channel(0);
        let recording = Recording::new(buffer);
        Builder::new().name("resets-trace".into()).spawn(move || {
            if let Some(before) = before {
                before.wait();
            }
            recording.run(&orders);
            drop(alive);
        })?;
        Ok(Self { handle: Handle(sender), ending: Ending(ended) })
    }

    /// Ends it without waiting.
    #[must_use]
    pub fn end(self) -> Ending {
        let Self { handle, ending } = self;
        // Handles held by others live on.
        let _ = handle.0.send(Order::Stop);
        ending
    }

    /// For queries.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

struct Recording {
    buffer: u64,
    /// [`Counting::begin`]
    try_to_begin: Box<dyn FnMut(u64) -> Result<Counting, TraceError> + Send>,
    counting: Option<Counting>,
    /// When counting began, or a reading found a restarted row.
    since: Option<SystemTime>,
    /// When starting last failed, and why.
    failed: Option<(Instant, Arc<TraceError>)>,
    /// When displaced rows were last logged, and how many.
    logged: Option<(Instant, u64)>,
}

impl Recording {
    fn new(buffer: u64) -> Self {
        let try_to_begin = Box::new(Counting::begin);
        Self { buffer, try_to_begin, counting: None, since: None, failed: None, logged: None }
    }

    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let order = match &self.counting {
                Some(counting) => {
                    orders.recv_timeout(counting.due().saturating_duration_since(Instant::now()))
                }
                None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match order {
                Err(RecvTimeoutError::Timeout) => {
                    // Reported when somebody asks.
                    let _ = self.empty();
                }
                Ok(Order::Read(ephemeral, answer)) => {
                    // A failure means nobody waits any more.
                    let _ = answer.send(self.read(ephemeral));
                }
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn read(&mut self, ephemeral: RangeInclusive<u16>) -> Result<RecordedResets, RecorderError> {
        self.begin()?.table.set_ephemeral(ephemeral);
        let problem = self.empty().err().map(Arc::new);
        if self.begin()?.table.take_fall() {
            self.since = Some(anew(self.since, SystemTime::now()));
        }
        let since = self.since;
        let counting = self.begin()?;
        let rows = counting.table.rows().map(|(key, row)| ResetRow {
            direction: key.direction,
            side: key.side,
            port: key.port,
            reason: counting.events().reason(key.reason),
            count: row.count,
            peer: row.remote,
        });
        Ok(RecordedResets { rows: ordered(rows.collect()), lost: counting.lost(), since, problem })
    }

    /// Starts counting, unless it is already running or has just failed to start: each try has the kernel allocate
    /// buffers for every CPU.
    fn begin(&mut self) -> Result<&mut Counting, RecorderError> {
        let none = match &mut self.counting {
            Some(counting) => return Ok(counting),
            none => none,
        };
        if let Some((_, why)) = self.failed.as_ref().filter(|(when, _)| when.elapsed() < TRY_AGAIN) {
            return Err(RecorderError::Trace(Arc::clone(why)));
        }
        let counting = (self.try_to_begin)(self.buffer).map_err(|error| {
            let why = Arc::new(error);
            self.failed = Some((Instant::now(), Arc::clone(&why)));
            RecorderError::Trace(why)
        })?;
        self.since = Some(SystemTime::now());
        tracing::info!("tracing resets");
        // The kernel rounds them to whole pages.
        if !(self.buffer..self.buffer * 2).contains(&counting.buffer()) {
            tracing::warn!(
                octets = counting.buffer(),
                "the buffers are as large as they were made for the unit: [resets] buffer holds from its next start on"
            );
        }
        if !counting.events().has_those_without_socket() {
            tracing::warn!(
                "this kernel does not trace resets that no socket sends, such as for a port where nothing listens; \
                 Linux does since 6.10"
            );
        }
        Ok(none.insert(counting))
    }

    fn empty(&mut self) -> Result<(), TraceError> {
        let Some(counting) = &mut self.counting else { return Ok(()) };
        let emptied = counting.empty();
        let rows = counting.table.displaced;
        self.log_displaced(rows);
        emptied
    }

    fn log_displaced(&mut self, rows: u64) {
        let now = Instant::now();
        let (last, told) = self.logged.map_or((None, 0), |(when, told)| (Some(when), told));
        if rows > told && last.is_none_or(|last| now.saturating_duration_since(last) >= TELL_AGAIN) {
            tracing::warn!(
                rows,
                "the table of resets is full: rows not seen for long have made way for others"
            );
            self.logged = Some((now, rows));
        }
    }
}

/// When counts are taken to restart: now, but never a time reported before, whatever happens to the clock.
fn anew(before: Option<SystemTime>, now: SystemTime) -> SystemTime {
    // DateAndTime counts tenths of a second.
    before.map_or(now, |before| now.max(before + Duration::from_millis(100)))
}

/// Rows in index order. Merges reasons to which the kernel gives the same name.
fn ordered(mut rows: Vec<ResetRow>) -> Vec<ResetRow> {
    rows.sort_by(|a, b| index(a).cmp(&index(b)));
    rows.dedup_by(|row, first| {
        let same = index(row) == index(first);
        if same {
            first.count += row.count;
            first.peer = first.peer.or(row.peer);
        }
        same
    });
    rows
}

fn index(row: &ResetRow) -> (Direction, Side, u16, usize, &str) {
    (row.direction, row.side, row.port, row.reason.len(), &row.reason)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::resets::table::EPHEMERAL;

    /// A handle that always gets the same answer.
    pub(crate) fn answering(answer: Result<RecordedResets, RecorderError>) -> Handle {
        let (sender, orders) = channel();
        std::thread::spawn(move || {
            while let Ok(Order::Read(_, asked)) = orders.recv() {
                asked.send(answer.clone()).unwrap();
            }
        });
        Handle(sender)
    }

    pub(crate) fn row(
        direction: Direction,
        port: u16,
        reason: &str,
        count: u64,
        peer: Option<&str>,
    ) -> ResetRow {
        let peer = peer.map(|peer| peer.parse().unwrap());
        ResetRow { direction, side: Side::Local, port, reason: reason.into(), count, peer }
    }

    #[test]
    fn rows_are_in_the_order_of_their_index_and_never_twice() {
        use Direction::{Received, Sent};
        let rows = vec![
            row(Received, 1, "A", 1, None),
            row(Sent, 80, "NO_SOCKET", 2, None),
            row(Sent, 80, "ERROR", 3, None),
            row(Sent, 7, "TCP_FLAGS", 4, None),
            row(Sent, 80, "ERROR", 5, None),
        ];
        let ordered: Vec<_> =
            ordered(rows).into_iter().map(|row| (row.direction, row.port, row.reason, row.count)).collect();
        let wanted = [
            (Sent, 7, "TCP_FLAGS".to_owned(), 4),
            (Sent, 80, "ERROR".to_owned(), 8),
            (Sent, 80, "NO_SOCKET".to_owned(), 2),
            (Received, 1, "A".to_owned(), 1),
        ];
        assert_eq!(ordered, wanted);
    }

    #[test]
    fn counts_that_begin_anew_have_a_time_that_was_never_told() {
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        assert_eq!(anew(None, at(1_000)), at(1_000));
        assert_eq!(anew(Some(at(1_000)), at(2_000)), at(2_000));
        // The clock was set back, or stands still.
        assert_eq!(anew(Some(at(5_000)), at(2_000)), at(5_100));
        assert_eq!(anew(Some(at(5_000)), at(5_001)), at(5_100));
    }

    /// A manager that keeps asking must not have the kernel allocate buffers for every CPU each time.
    #[test]
    fn it_is_tried_in_vain_once_in_a_while_only() {
        let (tried, tries) = channel();
        let mut recording = Recording::new(1 << 20);
        recording.try_to_begin = Box::new(move |_| {
            tried.send(()).unwrap();
            Err(TraceError::NotMounted)
        });
        let is_told = |answer: &Result<RecordedResets, RecorderError>| matches!(answer, Err(RecorderError::Trace(why)) if matches!(**why, TraceError::NotMounted));
        for _ in 0..100 {
            assert!(is_told(&recording.read(EPHEMERAL)));
        }
        assert_eq!(tries.try_iter().count(), 1);
        let (when, _) = recording.failed.as_mut().unwrap();
        *when = when.checked_sub(TRY_AGAIN).unwrap();
        for _ in 0..100 {
            assert!(is_told(&recording.read(EPHEMERAL)));
        }
        assert_eq!(tries.try_iter().count(), 1, "once more");
    }

    /// Both may use the instance prepared for the unit.
    #[test]
    fn one_recorder_begins_when_the_one_before_has_ended() {
        let (alive, ended) = sync_channel(0);
        let recorder = Recorder::start(1 << 20, Some(Ending(ended))).unwrap();
        let (handle, (answer, answered)) = (recorder.handle(), sync_channel(1));
        std::thread::spawn(move || answer.send(handle.read(EPHEMERAL)).unwrap());
        // The caller that asks waits, and the one that ends it does not.
        assert!(answered.recv_timeout(Duration::from_millis(200)).is_err());
        let ending = recorder.end();
        assert!(ending.0.recv_timeout(Duration::from_millis(200)) == Err(RecvTimeoutError::Timeout));
        drop(alive);
        ending.wait();
        assert!(answered.recv().is_ok());
    }

    #[test]
    fn a_recorder_that_has_ended_says_so() {
        let recorder = Recorder::start(1 << 20, None).unwrap();
        let handle = recorder.handle();
        recorder.end().wait();
        let ended = handle.read(EPHEMERAL).unwrap_err();
        assert_eq!(ended.to_string(), "the recorder of resets has ended");
    }
}
