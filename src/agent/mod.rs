//! The loop that joins session, snapshot and view: requests come in, answers go out, and other threads read sources
//! meanwhile.
//!
//! One task does all of it, so that an answer is made from one snapshot without locks. It never waits for `/proc`: a
//! request that needs a fresh source waits aside until the reading is done or `answer-within` has passed. The task
//! never stops reading what the master agent sends, and nothing blocks it for more than a few milliseconds.

pub mod answer;
mod outage;
mod refresh;
mod requests;
mod seldom;
mod serving;
mod signals;
mod state;
mod supervisor;
mod waiting;
mod watch;

use crate::agentx::session::Event;
use crate::agentx::transport::{Connection, Exchanged};
use crate::config::Config;
use crate::config::agentx::AgentX;
use crate::snapshot::SourceId;
use serving::Serving;
use signals::{Signals, Wanted};
use state::{Agent, Stopped};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the master agent may take to read our last PDU.
const LAST_WORD: Duration = Duration::from_secs(1);

/// The pauses between connection attempts: none at first, then rising to half a second, which repeats for ever.
const BACK_OFF: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
];

/// Runs the subagent until SIGTERM or SIGINT. `reload` reads the configuration again, on SIGHUP.
///
/// # Errors
/// If the process cannot handle signals.
pub async fn run(
    config: Config,
    reload: impl Fn() -> Option<Config> + Send + Sync + 'static,
) -> io::Result<()> {
    let mut signals = Signals::new(Arc::new(reload))?;
    let mut agent = Agent::new(config);
    tokio::select! {
        () = agent.refresher.first() => {}
        () = signals.until_end() => return Ok(()),
    }
    agent.supervisor.ready();
    let mut tries = 0_usize;
    loop {
        match agent.serve(&mut signals).await {
            Stopped::Shutdown => return Ok(()),
            Stopped::Reload => {
                tries = 0;
                agent.take_over();
            }
            Stopped::Lost { lasted, why } => {
                tries = if lasted { 0 } else { tries + 1 };
                if agent.outage.log(&agent.config.agentx.address, &why) {
                    agent.supervisor.status(&why);
                }
                let pause = BACK_OFF.get(tries).or(BACK_OFF.last()).copied().unwrap_or_default();
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    never = agent.without_session() => match never {},
                    wanted = signals.next() => match wanted {
                        Wanted::End => return Ok(()),
                        Wanted::Reload(config) => agent.reload(config),
                    }
                }
                agent.take_over();
            }
        }
    }
}

/// Why the loop runs another turn.
enum Turn {
    Exchanged(io::Result<Exchanged>),
    /// More work is ready.
    Again,
    /// The reading of a source has ended.
    Read(SourceId),
    /// A deadline has passed.
    Due,
    Signal(Wanted),
}

impl Agent {
    /// Runs one connection with one session, from beginning to end.
    async fn serve(&mut self, signals: &mut Signals) -> Stopped {
        self.waiting.clear();
        self.subagent.thresholds.session_ended();
        self.supervisor.turn();
        let AgentX { address, allow_remote, .. } = self.config.agentx.clone();
        let mut resolver = std::mem::take(&mut self.resolver);
        let connected = tokio::select! {
            connected = Connection::open(&address, allow_remote, &mut resolver) => Ok(connected),
            // An attempt over TCP may take a second, which is long for a watchdog of one second.
            never = self.without_session() => match never {},
            wanted = signals.next() => Err(wanted),
        };
        self.resolver = resolver;
        let mut connection = match connected {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Stopped::Lost { lasted: false, why: explained(&error) },
            Err(Wanted::End) => return Stopped::Shutdown,
            Err(Wanted::Reload(config)) => {
                self.reload(config);
                return Stopped::Reload;
            }
        };
        let mut serving = Serving::begin(self, &mut connection);
        loop {
            self.supervisor.turn();
            self.log_refusals();
            let leave_by = serving.leaving.as_ref().map(|(_, by)| *by);
            if connection.is_stuck() {
                return serving.outcome("the master agent sends requests and does not read the answers");
            }
            if let Some(ended) = serving.ended {
                // What is still buffered is our last word, if the master agent still reads.
                let _ = tokio::time::timeout(LAST_WORD, connection.flush()).await;
                return serving.outcome(&ended.to_string());
            }
            let turned = Instant::now();
            let busy = connection.has_more()
                || self.work(&mut connection)
                || self.keep_pace(&mut serving, &mut connection);
            let deadline = self.deadline(serving.session.deadline(), leave_by, connection.is_congested());
            let turn = tokio::select! {
                exchanged = connection.exchange() => Turn::Exchanged(exchanged),
                // Look at the connection first, and let the runtime do so too.
                () = tokio::task::yield_now(), if busy => Turn::Again,
                source = self.refresher.done() => Turn::Read(source),
                () = tokio::time::sleep_until(deadline.into()) => Turn::Due,
                wanted = signals.next(), if leave_by.is_none() => Turn::Signal(wanted),
            };
            let now = Instant::now();
            // From the beginning of this turn at the earliest: before it, there may have been no session to look after.
            self.woke(deadline.max(turned), now);
            match turn {
                Turn::Exchanged(Ok(Exchanged::Closed)) => {
                    return serving.outcome("the master agent closed the connection");
                }
                Turn::Exchanged(Ok(Exchanged::Received)) => serving.receive(self, &mut connection),
                Turn::Exchanged(Ok(Exchanged::Sent)) | Turn::Again => {}
                Turn::Exchanged(Err(error)) => {
                    return serving.outcome(&format!("the connection failed: {error}"));
                }
                Turn::Read(source) => {
                    self.was_read(source);
                    serving.watch(self, &mut connection.out);
                }
                Turn::Due => {
                    if leave_by.is_some_and(|by| by <= now) {
                        return serving.outcome("the master agent did not answer our Close");
                    }
                    for source in self.refresher.give_up_late(now) {
                        self.was_read(source);
                    }
                    if serving.session.deadline() <= now {
                        // If this process was stopped for a while, the missing answer may have arrived.
                        serving.catch_up(self, &mut connection);
                    }
                    serving.watch(self, &mut connection.out);
                    if serving.session.deadline() <= now {
                        serving.event(self, Event::Timer, &mut connection.out);
                    }
                }
                Turn::Signal(Wanted::End) => serving.leave(self, Stopped::Shutdown, &mut connection.out),
                Turn::Signal(Wanted::Reload(config)) => {
                    self.reload(config);
                    if self.next.is_some() {
                        serving.leave(self, Stopped::Reload, &mut connection.out);
                    }
                }
            }
        }
    }
}

/// The system's error for a failed connection attempt, and what to do about it.
fn explained(error: &io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "; is snmpd running, with 'master agentx' in its snmpd.conf?",
        io::ErrorKind::ConnectionRefused => "; snmpd does not listen there (any more)",
        io::ErrorKind::PermissionDenied => {
            "; let the subagent's group in, as by 'agentXPerms 0660 0755 Debian-snmp netstat-agentx' in snmpd.conf, \
             and 'chmod 755' the socket's folder, which snmpd leaves as it is"
        }
        io::ErrorKind::TimedOut => "; nobody takes the connection within a second",
        _ => "",
    };
    format!("cannot connect to the master agent: {error}{hint}")
}
