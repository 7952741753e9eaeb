//! `resets`: which ports reset connections, which way and why, live.

use super::config_argument::ConfigArgument;
use super::failure::Failure;
use crate::config::Config;
use crate::config::duration::Bounded;
use crate::resets::counting::{Counting, ephemeral};
use crate::resets::processes::{Process, Processes};
use crate::resets::table::{Key, Tally};
use crate::trace::error::TraceError;
use crate::trace::reset::{Direction, Side};
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// How often to print.
type Interval = Bounded<100, 3_600_000>;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Print JSON, one document in a line each time
    #[arg(long)]
    json: bool,
    /// Watch for one interval, print once and end
    #[arg(long)]
    once: bool,
    /// How often to print, 100ms to 1h; rates are those of the last five intervals [default: 2s]
    #[arg(long, value_name = "TIME", default_value = "2s", hide_default_value = true, value_parser = str::parse::<Interval>)]
    interval: Interval,
}

impl From<TraceError> for Failure {
    fn from(error: TraceError) -> Self {
        Self::of(1, error)
    }
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = Config::read(arguments.config.config.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(watch(arguments, &config))
}

/// Prints until a signal ends it. The trace instance is removed at the end, whatever its cause.
async fn watch(arguments: &Arguments, config: &Config) -> Result<(), Failure> {
    // Before the trace instance is made, which a signal would leave behind.
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    let mut watch = Live::begin(config)?;
    let interval: Duration = arguments.interval.into();
    let mut report = Instant::now() + interval;
    let mut writing: Option<oneshot::Receiver<io::Result<()>>> = None;
    loop {
        let next = if writing.is_some() { watch.counting.due() } else { watch.counting.due().min(report) };
        tokio::select! {
            () = tokio::time::sleep_until(next.into()) => {}
            written = async { writing.as_mut()?.await.ok() }, if writing.is_some() => {
                writing = None;
                // A thread that died has written nothing.
                written.unwrap_or_else(|| Err(io::ErrorKind::BrokenPipe.into()))?;
                if arguments.once {
                    return Ok(());
                }
            }
            _ = interrupted.recv() => return Ok(()),
            _ = terminated.recv() => return Ok(()),
            _ = hung_up.recv() => return Ok(()),
        }
        watch.empty();
        if Instant::now() < report || writing.is_some() {
            continue;
        }
        // After a pause there is nothing to catch up with.
        report = Instant::now() + interval;
        let seen = watch.report();
        let text = if arguments.json {
            format!("{}\n", seen.json())
        } else {
            seen.text(!arguments.once && io::stdout().is_terminal())
        };
        writing = Some(write(text)?);
    }
}

/// Writes on another thread: the reader of the list may stop for a while, and signals are handled all the same.
fn write(text: String) -> io::Result<oneshot::Receiver<io::Result<()>>> {
    let mut out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let (done, written) = oneshot::channel();
    std::thread::Builder::new().name("report".into()).spawn(move || {
        // Nobody waits for the result any more at the end.
        let _ = done.send(out.write_all(text.as_bytes()));
    })?;
    Ok(written)
}

/// How many intervals the rates cover.
const INTERVALS: usize = 5;

/// The number and the count of each row.
type Counts = HashMap<Key, (u64, u64)>;

struct Live {
    counting: Counting,
    processes: Option<Processes>,
    /// The last problem, reported once.
    problem: Option<String>,
    /// The rows at the end of the last intervals, oldest first.
    before: VecDeque<(Instant, Counts)>,
}

impl Live {
    fn begin(config: &Config) -> Result<Self, Failure> {
        let mut counting = Counting::begin(config.resets.buffer.into())?;
        if !counting.events().has_those_without_socket() {
            // stderr may be gone; the list is what counts.
            let _ = writeln!(
                io::stderr(),
                "netstat-agentx: before Linux 6.10, resets of ports where nothing listens are not traced"
            );
        }
        counting.table.set_ephemeral(ephemeral(&config.proc_root()));
        Ok(Self {
            processes: Processes::new(config.proc_root(), &counting.tracefs),
            counting,
            problem: None,
            before: VecDeque::from([(Instant::now(), HashMap::new())]),
        })
    }

    fn empty(&mut self) {
        let problem = self.counting.empty().err().map(|error| error.to_string());
        if let Some(problem) = problem.as_ref().filter(|problem| self.problem.as_ref() != Some(*problem)) {
            let _ = writeln!(io::stderr(), "netstat-agentx: {problem}");
        }
        self.problem = problem;
    }

    fn report(&mut self) -> Report {
        let now = Instant::now();
        let (begun, counts) = self.before.front().cloned().unwrap_or((now, HashMap::new()));
        let seconds = now.saturating_duration_since(begun).as_secs_f64();
        let mut lines = Vec::new();
        // Most rows of a scan belong to one thread.
        let mut looked_up = HashMap::new();
        let processes = &mut self.processes;
        let mut process = |thread: Option<u32>| {
            let (processes, thread) = (processes.as_mut()?, thread?);
            looked_up.entry(thread).or_insert_with(|| processes.of(thread)).clone()
        };
        for (key, row) in self.counting.table.rows() {
            let resets = grown(row, counts.get(key).copied());
            if resets > 0 {
                let reason = self.counting.events().reason(key.reason);
                lines.push(Line::new(key, row, resets, reason, &mut process));
            }
        }
        lines.sort_by(|a, b| b.resets.cmp(&a.resets).then_with(|| a.key.cmp(&b.key)));
        if self.before.len() >= INTERVALS {
            self.before.pop_front();
        }
        let counts = self.counting.table.rows().map(|(key, row)| (*key, (row.number, row.count)));
        self.before.push_back((now, counts.collect()));
        Report {
            lines,
            seconds,
            lost: self.counting.lost(),
            without_socket: self.counting.events().has_those_without_socket(),
        }
    }
}

/// How many resets a row has counted since its key had this number and count. A row that made way has started again.
fn grown(row: &Tally, before: Option<(u64, u64)>) -> u64 {
    let counted = before.filter(|(number, _)| *number == row.number).map_or(0, |(_, count)| count);
    row.count.saturating_sub(counted)
}

/// One row, with what is known about both ends of the connection that was reset last.
struct Line {
    key: Key,
    reason: String,
    /// In the time of the report.
    resets: u64,
    /// Since the command began.
    count: u64,
    service: Party,
    client: Party,
}

struct Party {
    address: Option<IpAddr>,
    process: Option<Process>,
}

impl Line {
    fn new(
        key: &Key,
        row: &Tally,
        resets: u64,
        reason: String,
        process: &mut impl FnMut(Option<u32>) -> Option<Process>,
    ) -> Self {
        let local = Party { address: row.local, process: process(row.local_thread.thread()) };
        let remote = Party { address: row.remote, process: process(row.remote_thread.thread()) };
        let (service, client) = match key.side {
            Side::Local => (local, remote),
            Side::Remote => (remote, local),
        };
        Self { key: *key, reason, resets, count: row.count, service, client }
    }

    fn direction(&self) -> &'static str {
        match self.key.direction {
            Direction::Sent => "sent",
            Direction::Received => "received",
        }
    }

    /// `sent 127.0.0.1:7211 NO_SOCKET 2.0/s from 127.0.0.1 (python3, pid 1234)`
    fn text(&self, seconds: f64) -> String {
        let port = self.key.port;
        let service = self.service.address;
        let service = service.map_or_else(|| format!("*:{port}"), |ip| SocketAddr::new(ip, port).to_string());
        let mut text = format!(
            "{} {service}{} {} {:.1}/s",
            self.direction(),
            self.service.process(),
            self.reason,
            per_second(self.resets, seconds)
        );
        if let Some(address) = self.client.address {
            text += &format!(" from {address}{}", self.client.process());
        }
        text
    }

    fn json(&self, seconds: f64) -> Value {
        let party = |party: &Party| {
            let process = party.process.as_ref();
            json!({
                "address": party.address.map(|address| address.to_string()),
                "process": process.map(|process| json!({"name": process.name, "pid": process.pid})),
            })
        };
        json!({
            "direction": self.direction(),
            "side": match self.key.side { Side::Local => "local", Side::Remote => "remote" },
            "port": self.key.port,
            "reason": self.reason,
            "per_second": per_second(self.resets, seconds),
            "count": self.count,
            "service": party(&self.service),
            "client": party(&self.client),
        })
    }
}

impl Party {
    fn process(&self) -> String {
        let process = self.process.as_ref();
        process.map_or_else(String::new, |process| format!(" ({}, pid {})", process.name, process.pid))
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "nobody reads that many digits of a rate"
)]
fn per_second(resets: u64, seconds: f64) -> f64 {
    // To hundredths.
    (resets as f64 / seconds.max(0.001) * 100.0).round() / 100.0
}

struct Report {
    lines: Vec<Line>,
    seconds: f64,
    lost: u64,
    without_socket: bool,
}

/// How many lines are printed unless live; JSON has all.
const MOST: usize = 40;

/// Moves the cursor home, and clears what is below.
const CLEAR: &str = "\x1b[H\x1b[J";

impl Report {
    fn text(&self, live: bool) -> String {
        let (mut text, mut room) = (String::new(), MOST);
        if live {
            let rows = rustix::termios::tcgetwinsize(io::stdout()).map_or(24, |size| size.ws_row);
            room = usize::from(rows).saturating_sub(6).max(1);
            text += &format!(
                "{CLEAR}TCP resets of the last {:.0} s, most frequent first; Ctrl-C ends\n\n",
                self.seconds
            );
        }
        for line in self.lines.iter().take(room) {
            text += &line.text(self.seconds);
            text.push('\n');
        }
        if let Some(others @ [_, ..]) = self.lines.get(room..) {
            let resets: u64 = others.iter().map(|line| line.resets).sum();
            text += &format!("and {:.1}/s of {} others\n", per_second(resets, self.seconds), others.len());
        }
        if self.lines.is_empty() {
            text += &format!("no resets in {:.0} s\n", self.seconds);
        }
        if self.lost > 0 {
            text += &format!("{} more since the beginning, for which there was no room\n", self.lost);
        }
        text
    }

    fn json(&self) -> Value {
        let resets: Vec<_> = self.lines.iter().map(|line| line.json(self.seconds)).collect();
        json!({
            "seconds": (self.seconds * 100.0).round() / 100.0,
            "lost": self.lost,
            "traces_those_without_socket": self.without_socket,
            "resets": resets,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_has_begun_again_counts_whole() {
        let row = |number, count| Tally { number, count, ..Tally::default() };
        assert_eq!(grown(&row(1, 9), None), 9);
        assert_eq!(grown(&row(1, 9), Some((1, 4))), 5);
        assert_eq!(grown(&row(7, 9), Some((1, 4))), 9);
        assert_eq!(grown(&row(7, 2), Some((1, 4))), 2);
    }
}
