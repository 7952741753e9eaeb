//! The thread that empties the kernel's buffers and keeps the table of resets.
//!
//! It is the only one that touches the trace instance, and makes it when it is first asked: where tracing is not
//! possible, nothing happens but that whoever asks is told why, and it is tried again when somebody asks again.

use super::counting::Counting;
use crate::trace::error::TraceError;
use crate::trace::reset::{Direction, Side};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant, SystemTime};

/// How often it is told at most that rows made way.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// How soon it is tried again at the earliest to begin.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// How long the end of the process waits for the kernel to let go of the instance.
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

/// Why there is no reading of resets. Callers within a moment of each other share one error.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecorderError {
    /// Resets cannot be traced here.
    #[error("{0}")]
    Trace(Arc<TraceError>),
    /// The recorder has ended.
    #[error("the recorder of resets has ended")]
    Ended,
}

/// A reading of the source `resets`.
#[derive(Debug, Clone, Default)]
pub struct RecordedResets {
    /// The rows in the order of their index: by direction, side, port, length of the reason, reason.
    pub rows: Vec<ResetRow>,
    /// lnsResetLostEvents
    pub lost: u64,
    /// lnsResetSince: between two readings of the same, no count of a row falls.
    pub since: Option<SystemTime>,
    /// Why a buffer could not be read, if so; the others are counted.
    pub problem: Option<Arc<TraceError>>,
}

enum Order {
    /// With the ports that are ephemeral, which the thread does not find out itself: it touches nothing but tracefs,
    /// so that no /proc of somebody else's can hold it up.
    Read(RangeInclusive<u16>, SyncSender<Result<RecordedResets, RecorderError>>),
    Stop,
}

/// The recorder. Its trace instance goes with it.
#[derive(Debug)]
pub struct Recorder {
    handle: Handle,
    ending: Ending,
}

/// A recorder that ends as soon as the kernel lets go of its instance.
#[derive(Debug)]
pub struct Ending(Receiver<()>);

impl Ending {
    /// However long it takes.
    fn wait(&self) {
        // It is closed at the end, and nothing is ever sent.
        let _ = self.0.recv();
    }

    /// For the end of the process, by which the instance must be removed. If that takes longer, the next process removes
    /// what is left over.
    pub fn wait_for_a_while(&self) {
        let _ = self.0.recv_timeout(END_WITHIN);
    }
}

/// Asks a recorder, from any thread.
#[derive(Debug, Clone)]
pub struct Handle(Sender<Order>);

impl Handle {
    /// What was recorded up to now. Waits for the recorder, which takes a few milliseconds, and longer the first time.
    ///
    /// # Errors
    /// Says why resets cannot be traced here.
    pub fn read(&self, ephemeral: RangeInclusive<u16>) -> Result<RecordedResets, RecorderError> {
        let (answer, answered) = sync_channel(1);
        let asked = self.0.send(Order::Read(ephemeral, answer)).ok();
        let answer = asked.and_then(|()| answered.recv().ok());
        answer.unwrap_or(Err(RecorderError::Ended))
    }
}

impl Recorder {
    /// Starts the thread, with buffers of so many octets for each CPU. It begins when the one before has ended: both may
    /// use the same instance.
    ///
    /// # Errors
    /// If the system has no thread to give.
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

    /// Ends it without waiting for that.
    #[must_use]
    pub fn end(self) -> Ending {
        let Self { handle, ending } = self;
        // Handles of others live on.
        let _ = handle.0.send(Order::Stop);
        ending
    }

    /// To ask it.
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
    /// When counting began, or a reading found a row that had begun again.
    since: Option<SystemTime>,
    /// When it was tried in vain to begin, and why.
    failed: Option<(Instant, Arc<TraceError>)>,
    /// When it was told that rows made way, and how many they were.
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
                    // It is told when somebody asks.
                    let _ = self.empty();
                }
                Ok(Order::Read(ephemeral, answer)) => {
                    // Nobody waits for it any more, if that fails.
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

    /// Begins to count, unless it is done already, or was tried in vain a moment ago: each try has the kernel make
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
        // The kernel makes them whole pages.
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

/// Since when counts are to be taken for new: now, and never a time that was told before, whatever becomes of the clock.
fn anew(before: Option<SystemTime>, now: SystemTime) -> SystemTime {
    // DateAndTime has tenths of a second.
    before.map_or(now, |before| now.max(before + Duration::from_millis(100)))
}

/// Rows in the order of their index. Two reasons that the kernel calls the same are one row.
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

    /// A handle that is always given the same answer.
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
        // The clock was set back, or stands.
        assert_eq!(anew(Some(at(5_000)), at(2_000)), at(5_100));
        assert_eq!(anew(Some(at(5_000)), at(5_001)), at(5_100));
    }

    /// A manager that asks and asks must not have the kernel make buffers for every CPU each time.
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

    /// Both may use the instance that was prepared for the unit.
    #[test]
    fn one_recorder_begins_when_the_one_before_has_ended() {
        let (alive, ended) = sync_channel(0);
        let recorder = Recorder::start(1 << 20, Some(Ending(ended))).unwrap();
        let (handle, (answer, answered)) = (recorder.handle(), sync_channel(1));
        std::thread::spawn(move || answer.send(handle.read(EPHEMERAL)).unwrap());
        // Whoever asks waits, and whoever ends it does not.
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
