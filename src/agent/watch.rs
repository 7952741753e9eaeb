//! Thresholds: their values are read like those of a request, and what changed becomes a notification.

use super::Agent;
use super::requests::TURN;
use crate::mib::context::Context;
use crate::mib::groups::lns_thresholds;
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::thresholds::Status;
use std::time::Instant;

impl Agent {
    /// Takes over the thresholds of the configuration.
    pub(super) fn configure_thresholds(&mut self) {
        self.refresher.snapshot_mut().thresholds.configure(&self.config.thresholds, Instant::now());
    }

    /// Looks at the thresholds that are due, or begins the readings that they need; for a moment, and at the others when
    /// the loop comes round again.
    pub(super) fn watch(&mut self, now: Instant) {
        for position in self.refresher.snapshot().thresholds.due(now) {
            if now.elapsed() >= TURN {
                return;
            }
            let snapshot = self.refresher.snapshot();
            let Some(watch) = snapshot.thresholds.all().get(position) else {
                continue;
            };
            let cx = Context::new(snapshot, now);
            let value = self.view.get(&cx, &watch.threshold.oid).ok();
            let touched = cx.touched();
            // What needs no reading, such as lnsAgentRequests, is as of now.
            let read = snapshot.read_at(touched).unwrap_or(now);
            let late = self.refresher.refresh(touched, now);
            let snapshot = self.refresher.snapshot_mut();
            if late.waiting {
                snapshot.thresholds.wait(position);
                continue;
            }
            snapshot.used(touched, now);
            if let Some(watch) = snapshot.thresholds.judge(position, now, read, value.as_ref()) {
                let (name, status) = (&watch.threshold.name, watch.status.label());
                let (object, value) = (&watch.threshold.object, &watch.value);
                match watch.status {
                    Status::Ok => {
                        tracing::info!(threshold = %name, %object, %value, status, "threshold changed");
                    }
                    _ => {
                        tracing::warn!(threshold = %name, %object, %value, status, "threshold changed");
                    }
                }
            }
        }
    }

    /// The variable bindings of a change that the master agent has not been told of yet, and whose it is.
    pub(super) fn next_notification(&mut self) -> Option<(u64, Vec<(Oid, Value)>)> {
        let base = self.config.mib.base_oid.clone().into();
        let watch = self.refresher.snapshot_mut().thresholds.take_unsent()?;
        Some((watch.id, lns_thresholds::change(&base, watch)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::time::Duration;

    /// A rate is of the time between the readings, however long after them somebody looks.
    #[tokio::test]
    async fn a_rate_is_that_of_the_readings() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("1/net")).unwrap();
        let opens = |number: u32| {
            let text = format!("Tcp: ActiveOpens\nTcp: {number}\n");
            std::fs::write(root.path().join("1/net/snmp"), text).unwrap();
        };
        opens(1000);
        let configuration = format!(
            "[proc]\nroot = \"{}\"\n[refresh]\ncounters-max-age = \"100ms\"\n[[threshold]]\nname = \"opens\"\n\
             object = \"tcpActiveOpens.0\"\nper-second = true\ncritical = \"0\"\ninterval = \"1s\"\n",
            root.path().display()
        );
        let mut agent = Agent::new(Config::parse(&configuration).unwrap());
        agent.refresher.first().await;
        let begun = Instant::now();
        agent.watch(begun);
        opens(2000);
        // Looked at a minute later by our clock; the file is read now.
        let later = begun + Duration::from_secs(60);
        agent.watch(later);
        let source = agent.refresher.done().await;
        agent.was_read(source);
        // Not old by that clock either.
        let mut ages = agent.config.max_ages();
        ages.counters = Duration::from_secs(3600);
        agent.refresher.snapshot_mut().set_max_ages(ages);
        agent.watch(later);
        let watch = &agent.refresher.snapshot().thresholds.all()[0];
        let rate: f64 = watch.value.parse().unwrap();
        let seconds = begun.elapsed().as_secs_f64();
        assert!(rate > 1000.0 / (seconds + 1.0), "{rate} a second, {seconds} s between the readings at most");
        assert_eq!(watch.status, Status::Critical);
    }
}
