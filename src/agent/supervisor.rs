//! Notifies the service manager (sd_notify(3)) that the subagent is ready, reloads its configuration or stops, of its
//! status, and that its loop still runs. Without a service manager that listens, none of this does anything.

use sd_notify::NotifyState;
use std::time::{Duration, Instant};

/// The service manager, if it listens.
pub struct Supervisor {
    watchdog: Option<Watchdog>,
}

impl Supervisor {
    pub fn new() -> Self {
        let timeout = sd_notify::watchdog_enabled();
        Self { watchdog: timeout.map(|timeout| Watchdog { timeout, fed: Instant::now() }) }
    }

    /// The loop begins; a master agent need not be running.
    pub fn ready(&mut self) {
        notify(&[NotifyState::Ready]);
        self.feed(Instant::now());
    }

    /// The configuration is being read again, until [`Self::ready`].
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            // The time is for Type=notify-reload, which refuses a reload without it.
            Ok(now) => notify(&[NotifyState::Reloading, now]),
            Err(error) => tracing::warn!("the clock cannot be read: {error}"),
        }
    }

    /// One line for `systemctl status`.
    pub fn status(&self, line: &str) {
        notify(&[NotifyState::Status(line)]);
    }

    /// Notes that the loop still runs; called whenever it is awake anyway.
    pub fn turn(&mut self) {
        let now = Instant::now();
        if self.watchdog.as_ref().is_some_and(|watchdog| watchdog.is_hungry(now)) {
            self.feed(now);
        }
    }

    /// When the loop must wake up just for [`Self::turn`].
    pub fn deadline(&self) -> Option<Instant> {
        self.watchdog.as_ref().map(Watchdog::deadline)
    }

    fn feed(&mut self, now: Instant) {
        if let Some(watchdog) = &mut self.watchdog {
            notify(&[NotifyState::Watchdog]);
            watchdog.fed = now;
        }
    }
}

/// The subagent is stopping.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("the service manager cannot be told: {error}");
    }
}

/// The time-out after which the service manager considers us hung (WatchdogSec=).
struct Watchdog {
    timeout: Duration,
    fed: Instant,
}

impl Watchdog {
    /// Whether a wake-up is worth a message: a sixth of the time-out after the last one. With WatchdogSec=3min a busy
    /// loop sends one every half minute, and an idle one sends it with its Ping every minute, so that
    /// [`Self::deadline`] never comes.
    fn is_hungry(&self, now: Instant) -> bool {
        self.fed + self.timeout / 6 <= now
    }

    /// Half of the time-out after the last message, as sd_watchdog_enabled(3) recommends.
    fn deadline(&self) -> Instant {
        self.fed + self.timeout / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agentx::session::PING_AFTER;

    /// WatchdogSec= of the unit.
    fn unit() -> Duration {
        let unit = include_str!("../../config/netstat-agentx.service");
        let line = unit.lines().find_map(|line| line.strip_prefix("WatchdogSec=")).unwrap();
        humantime::parse_duration(line).unwrap()
    }

    #[test]
    fn an_idle_loop_feeds_the_watchdog_with_its_ping_and_wakes_for_nothing_else() {
        let start = Instant::now();
        let mut watchdog = Watchdog { timeout: unit(), fed: start };
        for ping in 1..5 {
            let now = start + PING_AFTER * ping;
            assert!(now < watchdog.deadline(), "woken for the watchdog alone");
            assert!(watchdog.is_hungry(now));
            watchdog.fed = now;
        }
    }

    #[test]
    fn a_busy_loop_does_not_feed_at_every_turn() {
        let start = Instant::now();
        let watchdog = Watchdog { timeout: unit(), fed: start };
        assert!(!watchdog.is_hungry(start + Duration::from_secs(29)));
        assert!(watchdog.is_hungry(start + Duration::from_secs(30)));
    }

    #[test]
    fn a_shorter_time_out_is_kept_too() {
        let start = Instant::now();
        let watchdog = Watchdog { timeout: Duration::from_secs(10), fed: start };
        assert_eq!(watchdog.deadline(), start + Duration::from_secs(5));
        assert!(watchdog.is_hungry(watchdog.deadline()));
    }

    #[test]
    fn without_a_watchdog_nothing_wakes_the_loop() {
        assert_eq!(Supervisor { watchdog: None }.deadline(), None);
    }
}
