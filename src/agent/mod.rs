//! The loop that joins session, snapshot and view: requests come in, answers go out, sources are read on other
//! threads meanwhile.
//!
//! One task does all of it, so that an answer is made from one snapshot without locks. It never waits for
//! `/proc`: a request that needs a fresh source waits aside until the reading is done or `answer-within` is over. Nor does
//! it ever stop reading what the master agent sends, and nothing holds it for more than a few milliseconds.

pub mod answer;
mod outage;
mod refresh;
mod requests;
mod seldom;
mod serving;
mod signals;
mod supervisor;
mod waiting;
mod watch;

use crate::agentx::address::Resolver;
use crate::agentx::session::{Event, Settings};
use crate::agentx::transport::{Connection, Exchanged};
use crate::agentx::wire;
use crate::config::Config;
use crate::config::agentx::AgentX;
use crate::mib::view::View;
use crate::mib::{capabilities, module};
use crate::snapshot::{SourceId, Touched};
use crate::subagent::Subagent;
use crate::trace::{instance, mounts};
use outage::Outage;
use refresh::Refresher;
use seldom::Seldom;
use serving::Serving;
use signals::{Signals, Wanted};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use supervisor::Supervisor;
use waiting::Waiting;

/// How long the master agent may take to read our last PDU.
const LAST_WORD: Duration = Duration::from_secs(1);

/// By how much the loop is too late only if the whole process was stopped, and what it waited for with it.
const STOPPED: Duration = Duration::from_millis(500);

/// The pauses between tries to connect: none, then longer ones up to half a second, for ever.
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
            Outcome::Shutdown => return Ok(()),
            Outcome::Reload => {
                tries = 0;
                agent.take_over();
            }
            Outcome::Lost { lasted, why } => {
                tries = if lasted { 0 } else { tries + 1 };
                if agent.outage.tell(&agent.config.agentx.address, &why) {
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

/// Why the loop goes round.
enum Turn {
    Exchanged(io::Result<Exchanged>),
    /// There is more to do at once.
    Again,
    /// The reading of a source has ended.
    Read(SourceId),
    /// A time has come.
    Due,
    Signal(Wanted),
}

/// Why the agent stopped serving.
enum Outcome {
    Shutdown,
    Reload,
    Lost { lasted: bool, why: String },
}

struct Agent {
    config: Config,
    view: View,
    refresher: Refresher,
    subagent: Subagent,
    supervisor: Supervisor,
    waiting: Waiting,
    /// Requests that were refused.
    refused: Seldom,
    /// Notifications that were refused, and res.error of the last.
    untold: Seldom,
    untold_error: u16,
    outage: Outage,
    resolver: Resolver,
    /// A configuration that the next session is to have.
    next: Option<Config>,
}

impl Agent {
    fn new(config: Config) -> Self {
        let mut agent = Self {
            view: View::new(config.layout()),
            refresher: Refresher::new(config.proc_root(), config.max_ages()),
            subagent: Subagent::default(),
            supervisor: Supervisor::new(),
            waiting: Waiting::default(),
            refused: Seldom::default(),
            untold: Seldom::default(),
            untold_error: 0,
            outage: Outage::default(),
            resolver: Resolver::default(),
            next: None,
            config,
        };
        agent.configure_thresholds();
        agent.record_resets();
        if agent.wanted_resets().is_none() {
            // Of a run that was killed when they were: its buffers take memory until somebody removes them.
            let _ = mounts::tracefs().map(|tracefs| instance::remove_left_overs(&tracefs));
        }
        agent
    }

    /// Begins to record resets if they are wanted, and somebody could see them.
    fn record_resets(&mut self) {
        self.refresher.record_resets(self.wanted_resets());
        // The counts of before are another's.
        self.subagent.thresholds.forget();
    }

    /// The size of the buffers.
    fn wanted_resets(&self) -> Option<u64> {
        let Config { resets, mib, .. } = &self.config;
        (resets.enabled && mib.private).then(|| resets.buffer.into())
    }

    /// Puts a configuration in place.
    fn configure(&mut self, config: Config) {
        let before = self.wanted_resets();
        self.config = config;
        self.configure_thresholds();
        if self.wanted_resets() != before {
            self.record_resets();
            // Recording begins with the first reading, and it is told why if it cannot.
            self.refresher.refresh(Touched::default().with(SourceId::Resets), Instant::now());
        }
    }

    /// Puts the configuration in place that was read again, if it is good. What concerns the session holds from the
    /// next one on, which [`Self::take_over`] begins; everything else holds at once.
    fn reload(&mut self, config: Option<Box<Config>>) {
        self.supervisor.reloading();
        if let Some(config) = config {
            self.reconfigure(*config);
        }
        self.supervisor.ready();
    }

    fn reconfigure(&mut self, config: Config) {
        tracing::info!("SIGHUP: configuration read again");
        if self.refresher.reconfigure(config.proc_root(), config.max_ages()) {
            self.subagent.thresholds.forget();
        }
        self.waiting.wait_no_more();
        self.subagent.thresholds.read();
        if config.agentx == self.config.agentx && config.mib == self.config.mib {
            self.configure(config);
        } else {
            self.next = Some(config);
        }
    }

    fn take_over(&mut self) {
        if let Some(config) = self.next.take() {
            self.view = View::new(config.layout());
            self.configure(config);
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            subtrees: self.view.subtrees(),
            priority: self.config.agentx.priority.into(),
            context: self.config.agentx.context.as_ref().to_owned(),
            id: module::subagent_id(&self.config.mib.base_oid.clone().into()),
            description: concat!("netstat-agentx ", env!("CARGO_PKG_VERSION")).into(),
            capabilities: capabilities::of(&self.config.layout()),
        }
    }

    /// One connection with one session, from its beginning to its end.
    async fn serve(&mut self, signals: &mut Signals) -> Outcome {
        self.waiting.clear();
        self.subagent.thresholds.session_ended();
        self.supervisor.turn();
        let AgentX { address, allow_remote, .. } = self.config.agentx.clone();
        let mut resolver = std::mem::take(&mut self.resolver);
        let connected = tokio::select! {
            connected = Connection::open(&address, allow_remote, &mut resolver) => Ok(connected),
            // A try over TCP may take a second, which is long for a watchdog of a second.
            never = self.without_session() => match never {},
            wanted = signals.next() => Err(wanted),
        };
        self.resolver = resolver;
        let mut connection = match connected {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Outcome::Lost { lasted: false, why: explained(&error) },
            Err(Wanted::End) => return Outcome::Shutdown,
            Err(Wanted::Reload(config)) => {
                self.reload(config);
                return Outcome::Reload;
            }
        };
        let mut serving = Serving::begin(self, &mut connection);
        loop {
            self.supervisor.turn();
            self.tell_refusals();
            let leave_by = serving.leaving.as_ref().map(|(_, by)| *by);
            if connection.is_stuck() {
                return serving.outcome("the master agent sends requests and does not read the answers");
            }
            if let Some(ended) = serving.ended {
                // What still waits to be sent is our last word, for a master agent that listens.
                let _ = tokio::time::timeout(LAST_WORD, connection.flush()).await;
                return serving.outcome(&ended.to_string());
            }
            let turned = Instant::now();
            let busy = connection.has_more() || self.work(&mut connection);
            let deadline = self.deadline(serving.session.deadline(), leave_by, connection.is_congested());
            let turn = tokio::select! {
                exchanged = connection.exchange() => Turn::Exchanged(exchanged),
                // The connection is looked at first, by the runtime too.
                () = tokio::task::yield_now(), if busy => Turn::Again,
                source = self.refresher.done() => Turn::Read(source),
                () = tokio::time::sleep_until(deadline.into()) => Turn::Due,
                wanted = signals.next(), if leave_by.is_none() => Turn::Signal(wanted),
            };
            let now = Instant::now();
            // Since this turn began at the earliest: before it, there may have been no session to look after.
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
                        // After a time in which this process was stopped, the answer that is missing may have come.
                        serving.catch_up(self, &mut connection);
                    }
                    serving.watch(self, &mut connection.out);
                    if serving.session.deadline() <= now {
                        serving.event(self, Event::Timer, &mut connection.out);
                    }
                }
                Turn::Signal(Wanted::End) => serving.leave(self, Outcome::Shutdown, &mut connection.out),
                Turn::Signal(Wanted::Reload(config)) => {
                    self.reload(config);
                    if self.next.is_some() {
                        serving.leave(self, Outcome::Reload, &mut connection.out);
                    }
                }
            }
        }
    }

    /// With a session, the loop comes here once a minute at least: the rest of a flood is told too.
    fn tell_refusals(&mut self) {
        let now = Instant::now();
        if let Some(refused) = self.refused.due(now) {
            tracing::warn!(refused, "more requests come than can be answered in time: some are refused");
        }
        if let Some(refused) = self.untold.due(now) {
            let (name, error) = (wire::error::name(self.untold_error), self.untold_error);
            tracing::warn!(
                refused,
                "the master agent refuses notifications, which are not sent again: {name} ({error})"
            );
        }
    }

    /// The loop should have woken at `due` at the latest: whether the process was stopped meanwhile.
    fn woke(&mut self, due: Instant, now: Instant) {
        let lost = now.saturating_duration_since(due);
        if lost >= STOPPED {
            self.refresher.was_stopped(lost);
            self.waiting.was_stopped(lost);
        }
    }

    /// The reading of a source has ended, whatever it brought: what waited for it goes on.
    fn was_read(&mut self, source: SourceId) {
        self.waiting.read(source);
        self.subagent.thresholds.read();
    }

    /// When there is something to do though nothing has happened.
    fn deadline(&self, session: Instant, leave_by: Option<Instant>, congested: bool) -> Instant {
        let waiting = self.waiting.deadline(congested, Instant::now());
        let thresholds = self.subagent.thresholds.deadline();
        let others = leave_by.into_iter().chain(self.refresher.deadline()).chain(thresholds);
        waiting.into_iter().chain(others).chain(self.supervisor.deadline()).fold(session, Instant::min)
    }
}

/// What the system says about a connection that cannot be made, and what to do about it.
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
