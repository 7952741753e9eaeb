//! The state of the loop, and what a configuration changes in it.

use super::outage::Outage;
use super::refresh::Refresher;
use super::seldom::Seldom;
use super::supervisor::Supervisor;
use super::waiting::Waiting;
use crate::agentx::address::Resolver;
use crate::agentx::settings::Settings;
use crate::agentx::wire;
use crate::config::Config;
use crate::mib::view::View;
use crate::mib::{capabilities, module};
use crate::snapshot::{SourceId, Touched};
use crate::subagent::Subagent;
use crate::trace::{folder, mounts};
use std::time::{Duration, Instant};

/// The loop wakes this late only if the whole process was stopped, along with what it waited for.
const STOPPED: Duration = Duration::from_millis(500);

/// Why the agent stopped serving.
pub(super) enum Stopped {
    Shutdown,
    Reload,
    Lost { lasted: bool, why: String },
}

/// Everything that the subagent has one of.
pub(super) struct Agent {
    pub(super) config: Config,
    pub(super) view: View,
    pub(super) refresher: Refresher,
    pub(super) subagent: Subagent,
    pub(super) supervisor: Supervisor,
    pub(super) waiting: Waiting,
    /// Requests that were refused.
    pub(super) refused: Seldom,
    /// Notifications that were refused, and res.error of the last.
    pub(super) untold: Seldom,
    pub(super) untold_error: u16,
    pub(super) outage: Outage,
    pub(super) resolver: Resolver,
    /// The configuration for the next session.
    pub(super) next: Option<Config>,
}

impl Agent {
    pub(super) fn new(config: Config) -> Self {
        let mut agent = Self {
            view: View::new(config.served()),
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
        agent.subagent.thresholds.configure(&agent.config.thresholds, Instant::now());
        agent.record_resets();
        if agent.wanted_resets().is_none() {
            // A run that recorded them and was killed leaves buffers, which take memory until somebody removes them.
            let _ = mounts::tracefs().map(|tracefs| folder::remove_left_overs(&tracefs));
        }
        agent
    }

    /// Starts recording resets if they are wanted and could be seen.
    fn record_resets(&mut self) {
        self.refresher.record_resets(self.wanted_resets());
        // Counts from before belong to another recording.
        self.subagent.thresholds.forget();
    }

    /// The size of the buffers, if resets are wanted.
    fn wanted_resets(&self) -> Option<u64> {
        let Config { resets, mib, .. } = &self.config;
        (resets.enabled && mib.private).then(|| resets.buffer.into())
    }

    /// Puts a configuration in place.
    pub(super) fn configure(&mut self, config: Config) {
        let before = self.wanted_resets();
        self.config = config;
        self.subagent.thresholds.configure(&self.config.thresholds, Instant::now());
        if self.wanted_resets() != before {
            self.record_resets();
            // Recording begins with the first reading; if it cannot, the log says why.
            self.refresher.refresh(Touched::default().with(SourceId::Resets), Instant::now());
        }
    }

    /// Applies the configuration that was read again, if it is valid. What concerns the session applies from the next
    /// session on, which [`Self::take_over`] begins; everything else applies at once.
    pub(super) fn reload(&mut self, config: Option<Box<Config>>) {
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

    pub(super) fn take_over(&mut self) {
        if let Some(config) = self.next.take() {
            self.view = View::new(config.served());
            self.configure(config);
        }
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            subtrees: self.view.subtrees(),
            priority: self.config.agentx.priority.into(),
            context: self.config.agentx.context.as_ref().to_owned(),
            id: module::subagent_id(&self.config.mib.base_oid.clone().into()),
            description: concat!("netstat-agentx ", env!("CARGO_PKG_VERSION")).into(),
            capabilities: capabilities::of(&self.config.served()),
        }
    }

    /// With a session, the loop calls this at least once a minute, so that the rest of a flood is logged too.
    pub(super) fn log_refusals(&mut self) {
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

    /// Finds out whether the process was stopped meanwhile: the loop should have woken at `due` at the latest.
    pub(super) fn woke(&mut self, due: Instant, now: Instant) {
        let lost = now.saturating_duration_since(due);
        if lost >= STOPPED {
            self.refresher.was_stopped(lost);
            self.waiting.was_stopped(lost);
        }
    }

    /// The reading of a source has ended, whatever its result: what waited for it goes on.
    pub(super) fn was_read(&mut self, source: SourceId) {
        self.waiting.read(source);
        self.subagent.thresholds.read();
    }

    /// When there is something to do even if nothing happens.
    pub(super) fn deadline(&self, session: Instant, leave_by: Option<Instant>, congested: bool) -> Instant {
        let waiting = self.waiting.deadline(congested, Instant::now());
        let thresholds = self.subagent.thresholds.deadline();
        let others = leave_by.into_iter().chain(self.refresher.deadline()).chain(thresholds);
        waiting.into_iter().chain(others).chain(self.supervisor.deadline()).fold(session, Instant::min)
    }
}
