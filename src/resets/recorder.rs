//! The thread that empties the kernel's buffers and keeps the table of resets.
//!
//! It is the only one that touches the trace instance, and makes it when it is first asked: where tracing is not
//! possible, nothing happens but that whoever asks is told why, and it is tried again when somebody asks again.

use super::pace::Pace;
use super::table::{EPHEMERAL, Table};
use crate::proc::read::{self, ProcRoot};
use crate::proc::sockstat::numbers;
use crate::trace::instance::{Instance, TraceError, tracefs};
use crate::trace::reset::{Direction, Side};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// How often it is told at most that rows made way.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// A row of lnsResetTable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
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

/// A reading of the source `resets`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resets {
    /// The rows in the order of their index: by direction, side, port, length of the reason, reason.
    pub rows: Vec<Row>,
    /// lnsResetLostEvents
    pub lost: u64,
    /// What is wrong; empty if nothing is.
    pub problem: String,
}

enum Order {
    Read(SyncSender<Result<Resets, String>>),
    Stop,
}

/// The recorder. Its trace instance goes with it.
#[derive(Debug)]
pub struct Recorder {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// Asks a recorder, from any thread.
#[derive(Debug, Clone)]
pub struct Handle(Sender<Order>);

impl Handle {
    /// What was recorded up to now. Waits for the recorder, which takes a few milliseconds, and longer the first time.
    ///
    /// # Errors
    /// Says why resets cannot be traced here.
    pub fn read(&self) -> Result<Resets, String> {
        let (answer, answered) = sync_channel(1);
        let asked = self.0.send(Order::Read(answer)).ok();
        let answer = asked.and_then(|()| answered.recv().ok());
        answer.unwrap_or_else(|| Err("the recorder of resets has ended".into()))
    }
}

impl Recorder {
    /// Starts the thread, with buffers of so many octets for each CPU.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub fn start(buffer: u64, root: ProcRoot) -> std::io::Result<Self> {
        let (sender, orders) = channel();
        let recording = Recording { buffer, root, table: Table::default(), traced: None, told: None };
        let thread = Builder::new().name("resets".into()).spawn(move || recording.run(&orders))?;
        Ok(Self { handle: Handle(sender), thread: Some(thread) })
    }

    /// To ask it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Whether it ended before or ends now: its instance must be removed before the process ends.
        let _ = self.handle.0.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Traced {
    instance: Instance,
    pace: Pace,
}

struct Recording {
    buffer: u64,
    root: ProcRoot,
    table: Table,
    traced: Option<Traced>,
    /// When it was told that rows made way, and how many they were.
    told: Option<(Instant, u64)>,
}

impl Recording {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let order = match &self.traced {
                Some(traced) => {
                    orders.recv_timeout(traced.pace.due().saturating_duration_since(Instant::now()))
                }
                None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match order {
                Err(RecvTimeoutError::Timeout) => {
                    // It is told when somebody asks.
                    let _ = self.empty();
                }
                Ok(Order::Read(answer)) => {
                    let reading = self.read();
                    // Nobody waits for it any more, if that fails.
                    let _ = answer.send(reading);
                }
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn read(&mut self) -> Result<Resets, String> {
        self.table.set_ephemeral(ephemeral(&self.root));
        let problem = self.empty().map_or_else(|error| error.to_string(), |()| String::new());
        let Some(Traced { instance, .. }) = &self.traced else {
            return Err(problem);
        };
        let rows = self.table.rows().map(|(key, row)| Row {
            direction: key.direction,
            side: key.side,
            port: key.port,
            reason: instance.events.reason(key.reason),
            count: row.count,
            peer: row.remote,
        });
        Ok(Resets { rows: ordered(rows.collect()), lost: self.lost(instance), problem })
    }

    fn lost(&self, instance: &Instance) -> u64 {
        instance.lost() + self.table.displaced_resets
    }

    /// Makes the instance if there is none, and counts what its buffers hold.
    fn empty(&mut self) -> Result<(), TraceError> {
        let traced = match &mut self.traced {
            Some(traced) => traced,
            none => {
                let instance = Instance::make(&tracefs()?, self.buffer)?;
                tracing::info!("tracing resets");
                if !instance.events.has_those_without_socket() {
                    tracing::warn!(
                        "this kernel does not trace resets that no socket sends, such as for a port where nothing \
                         listens; Linux does since 6.10"
                    );
                }
                none.insert(Traced { instance, pace: Pace::new(self.buffer, Instant::now()) })
            }
        };
        let now = Instant::now();
        let drained = traced.instance.drain(Pace::budget(now), |_, reset| self.table.count(&reset));
        let (fullest, cut_short) =
            drained.as_ref().map_or((0, false), |drained| (drained.fullest, drained.cut_short));
        traced.pace.emptied(fullest, cut_short, now);
        self.tell_displaced(now);
        drained.map(|_| ())
    }

    fn tell_displaced(&mut self, now: Instant) {
        let rows = self.table.displaced;
        let (last, told) = self.told.map_or((None, 0), |(when, told)| (Some(when), told));
        if rows > told && last.is_none_or(|last| now.saturating_duration_since(last) >= TELL_AGAIN) {
            tracing::warn!(
                rows,
                "the table of resets is full: rows not seen for long have made way for others"
            );
            self.told = Some((now, rows));
        }
    }
}

/// Rows in the order of their index. Two reasons that the kernel calls the same are one row.
fn ordered(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by(|a, b| index(a).cmp(&index(b)));
    rows.dedup_by(|row, first| {
        let same = index(row) == index(first);
        if same {
            first.count += row.count;
        }
        same
    });
    rows
}

fn index(row: &Row) -> (Direction, Side, u16, usize, &str) {
    (row.direction, row.side, row.port, row.reason.len(), &row.reason)
}

/// net.ipv4.ip_local_port_range, for IPv6 too; that of this network namespace, though the resets are of all.
#[must_use]
pub fn ephemeral(root: &ProcRoot) -> RangeInclusive<u16> {
    let path = root.sysctl_ipv4("ip_local_port_range");
    let read = path.and_then(|path| read::parsed(&path, &mut Vec::new(), numbers).ok());
    let port = |number: u64| u16::try_from(number).ok();
    match read.as_deref() {
        Some(&[low, high]) => port(low).zip(port(high)).map_or(EPHEMERAL, |(low, high)| low..=high),
        _ => EPHEMERAL,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A handle that is always given the same answer.
    pub(crate) fn answering(answer: Result<Resets, String>) -> Handle {
        let (sender, orders) = channel();
        std::thread::spawn(move || {
            while let Ok(Order::Read(asked)) = orders.recv() {
                asked.send(answer.clone()).unwrap();
            }
        });
        Handle(sender)
    }

    pub(crate) fn row(direction: Direction, port: u16, reason: &str, count: u64, peer: Option<&str>) -> Row {
        let peer = peer.map(|peer| peer.parse().unwrap());
        Row { direction, side: Side::Local, port, reason: reason.into(), count, peer }
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
    fn ephemeral_ports_are_the_kernels_or_the_default() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(ephemeral(&ProcRoot::new(folder.path())), EPHEMERAL);
        let told = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
        let ports: Vec<u16> = told.split_whitespace().map(|port| port.parse().unwrap()).collect();
        assert_eq!(ephemeral(&ProcRoot::new("/proc")), ports[0]..=ports[1]);
    }

    #[test]
    fn a_recorder_that_has_ended_says_so() {
        let recorder = Recorder::start(1 << 20, ProcRoot::new("/proc")).unwrap();
        let handle = recorder.handle();
        drop(recorder);
        assert_eq!(handle.read(), Err("the recorder of resets has ended".into()));
    }
}
