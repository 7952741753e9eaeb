//! Thresholds: their values are read like those of a request, and changes become notifications. A column may have so many
//! instances that a look at them takes several turns of the loop.

use super::requests::TURN;
use super::state::Agent;
use crate::mib::context::Context;
use crate::mib::groups::lns_thresholds;
use crate::mib::view::View;
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::thresholds::{Scan, Status, Threshold};
use std::convert::Infallible;
use std::time::Instant;

/// The clock is looked at after so many instances of a column.
const INSTANCES: usize = 32;

/// How far a look came in a turn.
enum Looked {
    /// At everything. Says whether instances that were not there do not exist.
    AtAll(bool),
    /// The rest follows in the next turn.
    InPart,
    /// What was looked at has been read again meanwhile, so the look begins anew. This ends: of however many rows, a
    /// reading takes several times as long as a look, and the next comes ten times as long after it.
    Outdated,
}

impl Agent {
    /// Checks the thresholds that are due, or begins the readings that they need. Stops after a moment; the others, and
    /// the rest of a long column, follow when the loop comes round again.
    pub(super) fn watch(&mut self, now: Instant) {
        for position in self.subagent.thresholds.due(now) {
            if now.elapsed() >= TURN {
                return;
            }
            let resumed = self.subagent.thresholds.resume(position);
            let Some(mut scan) = resumed.or_else(|| self.begin_look(position, now)) else { continue };
            let begun = Instant::now();
            let looked = self.look(position, &mut scan, now);
            scan.spent += begun.elapsed();
            match looked {
                Looked::AtAll(readable) => self.judge(position, *scan, readable, now),
                Looked::InPart => self.subagent.thresholds.pause(position, scan),
                Looked::Outdated => {}
            }
        }
    }

    /// Begins a look, unless what it needs must be read first.
    fn begin_look(&mut self, position: usize, now: Instant) -> Option<Box<Scan>> {
        let snapshot = self.refresher.snapshot();
        let cx = Context::of(snapshot, &self.subagent, now);
        let watch = self.subagent.thresholds.all().get(position)?;
        let end = watch.threshold.oid.behind();
        let _ = next_instance(&self.view, &cx, &watch.threshold, None, end.as_ref());
        let touched = cx.touched();
        // A value that needs no reading, such as lnsAgentRequests, is as of now.
        let read = snapshot.read_at(touched).unwrap_or(now);
        let scan = watch.look(read, snapshot.readings(touched));
        let late = self.refresher.refresh(touched, now);
        if !late.awaited.is_empty() {
            self.subagent.thresholds.wait(position);
            return None;
        }
        self.refresher.snapshot_mut().drop_unused(now);
        Some(scan)
    }

    /// Looks at the instances that follow, as many as there is time for.
    fn look(&self, position: usize, scan: &mut Scan, now: Instant) -> Looked {
        let snapshot = self.refresher.snapshot();
        let touched = scan.readings.touched;
        if snapshot.readings(touched) != scan.readings {
            return Looked::Outdated;
        }
        let cx = Context::of(snapshot, &self.subagent, now);
        let Some(watch) = self.subagent.thresholds.all().get(position) else { return Looked::Outdated };
        let end = watch.threshold.oid.behind();
        let mut count = 0_usize;
        while let Some((name, value, of)) =
            next_instance(&self.view, &cx, &watch.threshold, scan.last(), end.as_ref())
        {
            watch.add(scan, name, &value, of.as_ref());
            count += 1;
            if scan.is_over() {
                break;
            }
            if count % INSTANCES == 0 && now.elapsed() >= TURN {
                return Looked::InPart;
            }
        }
        // A cell that is not known is no row that is not there.
        let is_known = scan.last().is_some() || !self.view.has_rows(&cx, &watch.threshold.oid);
        Looked::AtAll(is_known && snapshot.could_read(touched))
    }

    /// Takes the outcome of a look, and logs a change.
    fn judge(&mut self, position: usize, scan: Scan, readable: bool, now: Instant) {
        let view = &self.view;
        let changed =
            self.subagent.thresholds.judge(position, now, scan, readable, |instance| view.index(instance));
        let Some(watch) = changed else { return };
        let (name, status) = (&watch.threshold.name, watch.status.label());
        let (object, value) = (&watch.threshold.object, &watch.value);
        // Of a column, the worst.
        let instance = watch.threshold.column.then(|| watch.instance()).filter(|index| !index.is_empty());
        let instance = instance.map(tracing::field::display);
        match watch.status {
            Status::Ok => {
                tracing::info!(threshold = %name, %object, instance, %value, status, "threshold changed");
            }
            _ => {
                tracing::warn!(threshold = %name, %object, instance, %value, status, "threshold changed");
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

/// The next instance after a name of what a threshold watches, its value, and that of which it is a percentage.
fn next_instance(
    view: &View,
    cx: &Context<'_>,
    threshold: &Threshold,
    last: Option<&Oid>,
    end: Option<&Oid>,
) -> Option<(Oid, Value, Option<Value>)> {
    let own = &threshold.oid;
    let (name, value) = match last {
        _ if threshold.column => view.next(cx, last.unwrap_or(own), false, end)?,
        None => (own.clone(), view.get(cx, own).ok()?),
        Some(_) => return None,
    };
    let of = threshold.of.as_ref().and_then(|of| {
        let index = name.strip_prefix(own.as_slice())?;
        view.get(cx, &of.beside(index)).ok()
    });
    Some((name, value, of))
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
    use crate::snapshot::{Detail, SourceId, Touched};
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

    /// A root with this many listeners, one of which has connections waiting for it.
    fn listen(root: &std::path::Path, listeners: u32, (port, waiting): (u32, u32)) {
        let mut text = "  sl  local_address rem_address   st\n".to_owned();
        for of in 1..=listeners {
            let queue = if of == port { waiting } else { 0 };
            text += &format!(
                "{of}: 0100007F:{of:04X} 00000000:0000 0A 00000000:{queue:08X} 00:00000000 00000000 0 0 {of} 1 0 0\n"
            );
        }
        std::fs::create_dir_all(root.join("1/net")).unwrap();
        std::fs::write(root.join("1/net/tcp"), text).unwrap();
    }

    /// Watches until the status is that, and gives the number of turns and the longest of them.
    async fn watched_until(agent: &mut Agent, status: Status) -> (u32, Duration) {
        let (mut turns, mut longest) = (0, Duration::ZERO);
        while agent.subagent.thresholds.all()[0].status != status {
            assert!(turns < 100_000);
            let turned = Instant::now();
            agent.watch(turned);
            (turns, longest) = (turns + 1, longest.max(turned.elapsed()));
            if agent.subagent.thresholds.deadline().is_none() {
                let source = agent.refresher.done().await;
                agent.was_read(source);
            }
        }
        (turns, longest)
    }

    /// However many rows it has, a look holds up nothing else, and is of one reading.
    #[tokio::test]
    async fn a_long_column_is_looked_at_in_several_turns() {
        let root = tempfile::tempdir().unwrap();
        listen(root.path(), 60_000, (55_555, 9));
        let configuration = format!(
            "[proc]\nroot = \"{}\"\n[refresh]\nsockets-max-age = \"1h\"\n\
             [[threshold]]\nname = \"queue\"\nobject = \"lnsListenerAcceptQueue.*\"\n\
             warning = \"5\"\ncritical = \"10\"\ninterval = \"1s\"\n",
            root.path().display()
        );
        let mut agent = Agent::new(Config::parse(&configuration).unwrap());
        agent.refresher.first().await;
        let (turns, longest) = watched_until(&mut agent, Status::Warning).await;
        let watch = &agent.subagent.thresholds.all()[0];
        assert_eq!((&*watch.value, watch.instance()), ("9", "127.0.0.1:55555"));
        assert!(turns > 1, "{turns} turns, {longest:?} the longest");
        // It is read again while a look is under way: the rows seen before do not count any more.
        listen(root.path(), 60_000, (7, 11));
        let later = Instant::now() + Duration::from_secs(60);
        let position = agent.subagent.thresholds.due(later)[0];
        let mut scan = agent.begin_look(position, Instant::now()).unwrap();
        assert!(matches!(agent.look(position, &mut scan, Instant::now()), Looked::InPart));
        agent.subagent.thresholds.pause(position, scan);
        agent.refresher.refresh(Touched::default().with_detail(SourceId::Tcp, Detail::Rows), Instant::now());
        let source = agent.refresher.done().await;
        agent.was_read(source);
        let scan = agent.subagent.thresholds.resume(position).unwrap();
        agent.subagent.thresholds.pause(position, scan);
        agent.watch(later);
        assert!(agent.subagent.thresholds.resume(position).is_none(), "it began anew");
        while agent.subagent.thresholds.all()[0].status != Status::Critical {
            agent.watch(later);
        }
        let watch = &agent.subagent.thresholds.all()[0];
        assert_eq!((&*watch.value, watch.instance(), watch.changes), ("11", "127.0.0.1:7", 2));
        let told = agent.next_notification().unwrap().1;
        assert_eq!(told.len(), 5);
        assert_eq!(told[4].1, Value::text("127.0.0.1:7"));
    }

    /// A table that is empty has nothing wrong; one that cannot be read is not empty.
    #[tokio::test]
    async fn cells_that_are_not_known_are_no_rows_that_are_not_there() {
        let root = tempfile::tempdir().unwrap();
        listen(root.path(), 0, (0, 0));
        // Another namespace's ephemeral ports are not known.
        let configuration = format!(
            "[proc]\nroot = \"{}\"\n[refresh]\nsockets-max-age = \"100ms\"\n[[threshold]]\nname = \"ports\"\n\
             object = \"lnsDestinationEphemeralPercent.*\"\ncritical = \"90\"\ninterval = \"1s\"\n",
            root.path().display()
        );
        let mut agent = Agent::new(Config::parse(&configuration).unwrap());
        agent.refresher.first().await;
        for status in [Status::Ok, Status::Unknown] {
            for _ in 0..60 {
                let _ = tokio::time::timeout(Duration::from_millis(500), agent.without_session()).await;
                if agent.subagent.thresholds.all()[0].status == status {
                    break;
                }
            }
            assert_eq!(agent.subagent.thresholds.all()[0].status, status);
            let path = root.path().join("1/net/tcp");
            let outgoing = "9: 0100007F:A000 0100007F:0050 01 00000000:00000000 00:00000000 00000000     0        0 9 1 0\n";
            std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + outgoing).unwrap();
        }
    }

    #[tokio::test]
    async fn an_empty_table_is_ok_and_an_unreadable_one_unknown() {
        let root = tempfile::tempdir().unwrap();
        listen(root.path(), 0, (0, 0));
        let configuration = format!(
            "[proc]\nroot = \"{}\"\n[refresh]\nsockets-max-age = \"100ms\"\n\
             [[threshold]]\nname = \"queue\"\nobject = \"lnsListenerAcceptQueue.*\"\nof = \"lnsListenerSockets.*\"\n\
             critical = \"10\"\ninterval = \"1s\"\n\
             [[threshold]]\nname = \"resets\"\nobject = \"lnsResetCount.*\"\ncritical = \"10\"\ninterval = \"1s\"\n",
            root.path().display()
        );
        let mut agent = Agent::new(Config::parse(&configuration).unwrap());
        agent.refresher.first().await;
        let nonsense = "  sl  local_address rem_address   st\n0: nonsense\n";
        for (status, prepare) in
            [(Status::Ok, None), (Status::Unknown, Some(None)), (Status::Critical, Some(Some((2, 11))))]
        {
            match prepare {
                None => {}
                Some(None) => std::fs::write(root.path().join("1/net/tcp"), nonsense).unwrap(),
                Some(Some(waiting)) => listen(root.path(), 3, waiting),
            }
            // For half a minute at most.
            for _ in 0..60 {
                let _ = tokio::time::timeout(Duration::from_millis(500), agent.without_session()).await;
                if agent.subagent.thresholds.all()[0].status == status {
                    break;
                }
            }
            // Resets are not recorded, so that nothing is known of them.
            let stands: Vec<_> = agent.subagent.thresholds.all().iter().map(|watch| watch.status).collect();
            assert_eq!(stands, [status, Status::Unknown]);
        }
        let watch = &agent.subagent.thresholds.all()[0];
        assert_eq!((&*watch.value, watch.instance()), ("1100.00", "127.0.0.1:2"));
    }
}
