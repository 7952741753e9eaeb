//! Thresholds: their values are read like those of a request, and what changed becomes a notification.

use super::Agent;
use super::requests::TURN;
use crate::mib::context::Context;
use crate::mib::lns_thresholds;
use crate::mib::oid::Oid;
use crate::mib::value::Value;
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
