//! Thresholds: their values are read like those of a request, and changes become notifications.

use super::requests::TURN;
use super::state::Agent;
use crate::mib::context::Context;
use crate::mib::groups::lns_thresholds;
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::thresholds::Status;
use std::convert::Infallible;
use std::time::Instant;

impl Agent {
    /// Checks the thresholds that are due, or begins the readings that they need. Stops after a moment; the others
    /// follow when the loop comes round again.
    pub(super) fn watch(&mut self, now: Instant) {
        for position in self.subagent.thresholds.due(now) {
            if now.elapsed() >= TURN {
                return;
            }
            let snapshot = self.refresher.snapshot();
            let Some(watch) = self.subagent.thresholds.all().get(position) else {
                continue;
            };
            let cx = Context::of(snapshot, &self.subagent, now);
            let value = self.view.get(&cx, &watch.threshold.oid).ok();
            let touched = cx.touched();
            // A value that needs no reading, such as lnsAgentRequests, is as of now.
            let read = snapshot.read_at(touched).unwrap_or(now);
            let late = self.refresher.refresh(touched, now);
            if !late.awaited.is_empty() {
                self.subagent.thresholds.wait(position);
                continue;
            }
            self.refresher.snapshot_mut().drop_unused(now);
            if let Some(watch) = self.subagent.thresholds.judge(position, now, read, value.as_ref()) {
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

    /// What goes on while the loop waits for nothing but a session: thresholds are watched, and the service manager is
    /// notified. Changes are sent in the next session.
    pub(super) async fn without_session(&mut self) -> Infallible {
        loop {
            let turned = Instant::now();
            // This begins anew with each attempt and each pause between them; the service manager need not hear of all.
            if self.supervisor.deadline().is_some_and(|deadline| deadline <= turned) {
                self.supervisor.turn();
            }
            self.watch(turned);
            let thresholds = self.subagent.thresholds.deadline();
            let others = [self.refresher.deadline(), self.supervisor.deadline()];
            let deadline = others.into_iter().flatten().chain(thresholds).min();
            // Something due at once must not keep the caller from everything else.
            tokio::task::yield_now().await;
            tokio::select! {
                source = self.refresher.done() => self.was_read(source),
                () = sleep_until(deadline) => {}
            }
            let now = Instant::now();
            self.woke(deadline.map_or(now, |deadline| deadline.max(turned)), now);
            for source in self.refresher.give_up_late(now) {
                self.was_read(source);
            }
        }
    }

    /// A threshold whose change the master agent has not been notified of yet, by its id, and the variable bindings.
    pub(super) fn next_notification(&mut self) -> Option<(u64, Vec<(Oid, Value)>)> {
        let base = self.config.mib.base_oid.clone().into();
        let id = self.subagent.thresholds.take_unsent()?.id;
        let cx = Context::of(self.refresher.snapshot(), &self.subagent, Instant::now());
        let watch = self.subagent.thresholds.all().iter().find(|watch| watch.id == id)?;
        Some((id, lns_thresholds::change(&base, &cx, watch)))
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::time::Duration;

    /// No master agent and no requests; what the thresholds watch is read all the same.
    #[tokio::test]
    async fn thresholds_are_watched_without_a_session() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("1/net")).unwrap();
        let established = |number: u32| {
            let text = format!("Tcp: CurrEstab\nTcp: {number}\n");
            std::fs::write(root.path().join("1/net/snmp"), text).unwrap();
        };
        established(1);
        let configuration = format!(
            "[proc]\nroot = \"{}\"\n[refresh]\ncounters-max-age = \"100ms\"\n[[threshold]]\nname = \"many\"\n\
             object = \"tcpCurrEstab.0\"\ncritical = \"10\"\ninterval = \"1s\"\n",
            root.path().display()
        );
        let mut agent = Agent::new(Config::parse(&configuration).unwrap());
        agent.refresher.first().await;
        for (number, status, changes) in [(1, Status::Ok, 0), (20, Status::Critical, 1), (2, Status::Ok, 2)] {
            established(number);
            let mut stands = (Status::Unknown, 0);
            // In pieces, as between connection attempts; for half a minute at most.
            for _ in 0..60 {
                let _ = tokio::time::timeout(Duration::from_millis(500), agent.without_session()).await;
                let watch = &agent.subagent.thresholds.all()[0];
                stands = (watch.status, watch.changes);
                if stands == (status, changes) {
                    break;
                }
            }
            assert_eq!(stands, (status, changes));
        }
        // One notification, with the latest status.
        let told = agent.next_notification().map(|(_, varbinds)| varbinds[3].1.clone());
        assert_eq!((told, agent.next_notification()), (Some(Value::Integer(1)), None));
    }

    /// A rate is over the time between the readings, however much later it is computed.
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
        // Checked a minute later by our clock; the file is read now.
        let later = begun + Duration::from_secs(60);
        agent.watch(later);
        let source = agent.refresher.done().await;
        agent.was_read(source);
        // Not stale by that clock either.
        let mut ages = agent.config.max_ages();
        ages.counters = Duration::from_secs(3600);
        agent.refresher.snapshot_mut().set_max_ages(ages);
        agent.watch(later);
        let watch = &agent.subagent.thresholds.all()[0];
        let rate: f64 = watch.value.parse().unwrap();
        let seconds = begun.elapsed().as_secs_f64();
        assert!(rate > 1000.0 / (seconds + 1.0), "{rate} a second, {seconds} s between the readings at most");
        assert_eq!(watch.status, Status::Critical);
    }
}
