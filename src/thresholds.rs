//! Thresholds watched on the host itself, and their status: lnsThresholdTable and its notifications.
//!
//! Nothing here reads or sends anything: the agent passes in the values of the instances when they are due, and takes out
//! what changed.

mod growth;
mod quantity;
mod scan;
mod threshold;

pub use scan::Scan;
pub use threshold::{Of, Status, Threshold};

use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::snapshot::Readings;
use growth::Counts;
use scan::Outcome;
use std::collections::HashMap;
use std::time::Instant;

/// One CPU in so many is what all looks at columns take together at most, however many rows those have: as much as the
/// readings of a source.
const SHARE: u32 = 10;

/// One threshold and its status.
#[derive(Debug)]
pub struct Watch {
    /// What is watched.
    pub threshold: Threshold,
    /// lnsThresholdStatus: unknown until the first value.
    pub status: Status,
    /// lnsThresholdValue: decimal text of the value compared last, empty if there was none.
    pub value: String,
    /// lnsThresholdChanges
    pub changes: u64,
    due: Instant,
    /// Whether it waits for a reading.
    waits: bool,
    /// The look that goes on in the next turn.
    scan: Option<Box<Scan>>,
    /// For a rate, what was counted in the last look.
    before: Option<Counts>,
    /// Of a column, the instance whose value was compared, and its index as people read it.
    worst: Option<(Oid, String)>,
    /// Whether it has ever had a status to change from.
    settled: bool,
    /// Its number for the life of the process.
    pub id: u64,
    /// The number of the first change since a notification was sent.
    unsent: Option<u64>,
    /// The number of the first change in the notification that was sent and is not yet answered. Its content counts as
    /// delivered with the answer.
    unanswered: Option<u64>,
}

impl Watch {
    fn new(threshold: Threshold, id: u64, now: Instant) -> Self {
        Self {
            threshold,
            id,
            status: Status::Unknown,
            value: String::new(),
            changes: 0,
            due: now,
            waits: false,
            scan: None,
            before: None,
            worst: None,
            settled: false,
            unsent: None,
            unanswered: None,
        }
    }

    /// lnsThresholdObject: the instance that was compared last; `None` if it is of a column and none was.
    #[must_use]
    pub fn object(&self) -> Option<&Oid> {
        if self.threshold.column {
            self.worst.as_ref().map(|(name, _)| name)
        } else {
            Some(&self.threshold.oid)
        }
    }

    /// lnsThresholdInstance
    #[must_use]
    pub fn instance(&self) -> &str {
        self.worst.as_ref().map_or(&self.threshold.instance, |(_, index)| index)
    }

    /// Begins a look at what was read at `read`.
    #[must_use]
    pub fn look(&self, read: Instant, readings: Readings) -> Box<Scan> {
        Box::new(Scan::new(read, readings, self.before.as_ref()))
    }

    /// Looks at an instance, in the order of their names; `of` is the value of which its own is a percentage.
    pub fn add(&self, scan: &mut Scan, name: Oid, value: &Value, of: Option<&Value>) {
        scan.add(&self.threshold, self.before.as_ref(), name, value, of);
    }

    /// Takes the outcome of a look, and returns whether the status changed. From the start to ok is not a change: a
    /// healthy host has no news.
    fn judge(&mut self, scan: Scan, readable: bool, index: impl FnOnce(&Oid) -> String) -> bool {
        let (outcome, counts) = scan.outcome(&self.threshold, readable);
        self.before = counts;
        let status = match outcome {
            Outcome::NotYet => return false,
            Outcome::Worst(name, quantity, status) => {
                self.value = self.threshold.text(quantity);
                self.worst = self.threshold.column.then(|| {
                    let index = index(&name);
                    (*name, index)
                });
                status
            }
            Outcome::Well | Outcome::Nothing => {
                self.value.clear();
                self.worst = None;
                if outcome == Outcome::Well { Status::Ok } else { Status::Unknown }
            }
        };
        let was = std::mem::replace(&mut self.status, status);
        let first = !std::mem::replace(&mut self.settled, true);
        let changed =
            if first { matches!(status, Status::Warning | Status::Critical) } else { was != status };
        self.changes += u64::from(changed);
        changed
    }
}

/// All thresholds.
#[derive(Debug, Default)]
pub struct Thresholds {
    /// In the order of their index: the shorter name first.
    watches: Vec<Watch>,
    /// How many of them are on a column.
    columns: u32,
    last_id: u64,
    /// How many changes there were, which is the number of the last.
    last_change: u64,
}

impl Thresholds {
    /// Applies a configuration. Thresholds that watch the same value as before keep their status, whatever their ranges
    /// are now: the new ranges are compared at once, and it is remembered which changes were notified. A threshold that
    /// has only its name in common starts anew and keeps its count of changes: lnsThresholdChanges never falls.
    pub fn configure(&mut self, thresholds: &[Threshold], now: Instant) {
        let before = self.watches.drain(..).map(|watch| (watch.threshold.name.clone(), watch));
        let mut before: HashMap<_, _> = before.collect();
        for threshold in thresholds {
            let watch = match before.remove(&threshold.name) {
                Some(watch) if watch.threshold == *threshold => watch,
                Some(watch) if watch.threshold.watches_the_same_as(threshold) => {
                    Watch { threshold: threshold.clone(), due: now, scan: None, ..watch }
                }
                other => {
                    self.last_id += 1;
                    let changes = other.map_or(0, |watch| watch.changes);
                    Watch { changes, ..Watch::new(threshold.clone(), self.last_id, now) }
                }
            };
            self.watches.push(watch);
        }
        let columns = self.watches.iter().filter(|watch| watch.threshold.column).count();
        self.columns = u32::try_from(columns).unwrap_or(u32::MAX);
        self.watches.sort_by(|a, b| {
            let key = |watch: &Watch| (watch.threshold.name.len(), watch.threshold.name.clone());
            key(a).cmp(&key(b))
        });
    }

    /// All thresholds, in the order of their index.
    #[must_use]
    pub fn all(&self) -> &[Watch] {
        &self.watches
    }

    /// When the next threshold is due, of those that are not waiting for a reading.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.watches.iter().filter(|watch| !watch.waits).map(|watch| watch.due).min()
    }

    /// The positions of thresholds that are due and not waiting for a reading.
    #[must_use]
    pub fn due(&self, now: Instant) -> Vec<usize> {
        let due = self.watches.iter().enumerate().filter(|(_, watch)| watch.due <= now && !watch.waits);
        due.map(|(position, _)| position).collect()
    }

    /// A reading has ended: thresholds that waited for one are checked again.
    pub fn read(&mut self) {
        self.watches.iter_mut().for_each(|watch| watch.waits = false);
    }

    /// Marks a threshold as waiting for a reading.
    pub fn wait(&mut self, position: usize) {
        if let Some(watch) = self.watches.get_mut(position) {
            watch.waits = true;
        }
    }

    /// Takes the look at a threshold that an earlier turn did not finish.
    pub fn resume(&mut self, position: usize) -> Option<Box<Scan>> {
        self.watches.get_mut(position)?.scan.take()
    }

    /// Leaves a look to the next turn.
    pub fn pause(&mut self, position: usize, scan: Box<Scan>) {
        if let Some(watch) = self.watches.get_mut(position) {
            watch.scan = Some(scan);
        }
    }

    /// Takes the outcome of a look at a threshold that is due. `readable` says whether instances that were not there do
    /// not exist, and `index` gives that of an instance as people read it. Returns the threshold if its status changed.
    pub fn judge(
        &mut self,
        position: usize,
        now: Instant,
        scan: Scan,
        readable: bool,
        index: impl FnOnce(&Oid) -> String,
    ) -> Option<&Watch> {
        let watch = self.watches.get_mut(position)?;
        watch.waits = false;
        // From now on, not from when it was due: after a pause there is nothing to catch up with.
        let rest = scan.spent.saturating_mul(SHARE.saturating_mul(self.columns).saturating_sub(1));
        watch.due = now + watch.threshold.interval.max(rest);
        if !watch.judge(scan, readable, index) {
            return None;
        }
        self.last_change += 1;
        watch.unsent.get_or_insert(self.last_change);
        Some(&*watch)
    }

    /// Takes the threshold with the oldest unsent change, of those without an unanswered notification; it has one from
    /// now on. The oldest, since others may change so often that they always have news.
    pub fn take_unsent(&mut self) -> Option<&Watch> {
        let unsent = self.watches.iter_mut().filter(|watch| watch.unanswered.is_none());
        let (_, watch) =
            unsent.filter_map(|watch| Some((watch.unsent?, watch))).min_by_key(|(change, _)| *change)?;
        watch.unanswered = watch.unsent.take();
        Some(&*watch)
    }

    /// The master agent has answered the notification of the threshold with this number.
    pub fn notified(&mut self, id: u64) {
        if let Some(watch) = self.watches.iter_mut().find(|watch| watch.id == id) {
            watch.unanswered = None;
        }
    }

    /// The session has ended: what is unanswered may not have arrived, so the next session gets the latest status.
    pub fn session_ended(&mut self) {
        for watch in &mut self.watches {
            watch.unsent = watch.unanswered.take().or(watch.unsent);
        }
    }

    /// Forgets earlier counters: they are read from elsewhere from now on.
    pub fn forget(&mut self) {
        for watch in &mut self.watches {
            (watch.before, watch.scan) = (None, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::time::Duration;

    fn thresholds(more: &str) -> Thresholds {
        let text = format!(
            "[[threshold]]\nname = \"a\"\nobject = \"tcpOutRsts.0\"\nwarning = \"10\"\ncritical = \"20\"\n{more}"
        );
        let mut thresholds = Thresholds::default();
        thresholds.configure(&Config::parse(&text).unwrap().thresholds, Instant::now());
        thresholds
    }

    /// Looks at one instance, read at `read`. Returns the status if it changed.
    fn look(
        watched: &mut Thresholds,
        position: usize,
        now: Instant,
        read: Instant,
        value: Option<&Value>,
    ) -> Option<Status> {
        let watch = &watched.watches[position];
        let mut scan = watch.look(read, Readings::default());
        if let Some(value) = value {
            watch.add(&mut scan, watch.threshold.oid.clone(), value, None);
        }
        watched.judge(position, now, *scan, true, |_| String::new()).map(|watch| watch.status)
    }

    /// Looks at these rows of a column.
    fn look_at_rows(watched: &mut Thresholds, now: Instant, rows: &[(u32, u32)]) -> Option<Status> {
        let watch = &watched.watches[0];
        let mut scan = watch.look(now, Readings::default());
        for (subid, value) in rows {
            let mut name = watch.threshold.oid.clone();
            name.push(*subid);
            watch.add(&mut scan, name, &Value::Gauge32(*value), None);
        }
        let index = |name: &Oid| format!("row {}", name.as_slice().last().unwrap());
        watched.judge(0, now, *scan, true, index).map(|watch| watch.status)
    }

    /// Status, value and changes after each of these values, a second apart.
    fn stand(thresholds: &mut Thresholds, values: &[Option<Value>]) -> Vec<(Status, String, u64)> {
        let start = Instant::now();
        let each = values.iter().enumerate().map(|(second, value)| {
            let now = start + Duration::from_secs(second as u64);
            look(thresholds, 0, now, now, value.as_ref());
            let watch = &thresholds.watches[0];
            (watch.status, watch.value.clone(), watch.changes)
        });
        each.collect()
    }

    #[test]
    fn a_value_is_compared_with_both_ranges() {
        let gauge = |number| Some(Value::Gauge32(number));
        assert_eq!(
            stand(&mut thresholds(""), &[gauge(10), gauge(11), gauge(21), None, gauge(0)]),
            [
                (Status::Ok, "10".into(), 0),
                (Status::Warning, "11".into(), 1),
                (Status::Critical, "21".into(), 2),
                (Status::Unknown, String::new(), 3),
                (Status::Ok, "0".into(), 4),
            ]
        );
    }

    #[test]
    fn what_alerts_from_the_start_is_a_change() {
        let mut thresholds = thresholds("");
        assert_eq!(stand(&mut thresholds, &[Some(Value::Integer(30))]), [(Status::Critical, "30".into(), 1)]);
        assert!(thresholds.take_unsent().is_some() && thresholds.take_unsent().is_none());
    }

    #[test]
    fn a_change_is_told_with_the_answer_to_its_notification() {
        let gauge = |number| Some(Value::Gauge32(number));
        let sent = |thresholds: &mut Thresholds| thresholds.take_unsent().map(|watch| watch.status);
        let mut thresholds = thresholds("");
        stand(&mut thresholds, &[gauge(30)]);
        assert_eq!(sent(&mut thresholds), Some(Status::Critical));
        // Changes meanwhile are notified after the answer, with the latest status.
        stand(&mut thresholds, &[gauge(11), gauge(0)]);
        assert_eq!(sent(&mut thresholds), None);
        thresholds.notified(thresholds.watches[0].id);
        assert_eq!((sent(&mut thresholds), sent(&mut thresholds)), (Some(Status::Ok), None));
        // The session ends before the answer: sent once more, whether it arrived or not, and then no more.
        thresholds.session_ended();
        assert_eq!((sent(&mut thresholds), sent(&mut thresholds)), (Some(Status::Ok), None));
        thresholds.notified(thresholds.watches[0].id);
        thresholds.session_ended();
        assert_eq!(sent(&mut thresholds), None);
        assert_eq!(thresholds.watches[0].changes, 3);
    }

    #[test]
    fn a_rate_needs_two_readings_and_survives_a_wrap() {
        let counter = |count| Some(Value::Counter32(count));
        assert_eq!(
            stand(&mut thresholds("per-second = true"), &[counter(u32::MAX), counter(14), counter(14)]),
            [
                (Status::Unknown, String::new(), 0),
                (Status::Warning, "15.00".into(), 1),
                (Status::Ok, "0.00".into(), 2),
            ]
        );
        let counter = |count| Some(Value::Counter64(count));
        let went_back =
            stand(&mut thresholds("per-second = true"), &[counter(9), counter(9), counter(3), counter(8)]);
        assert_eq!(went_back[2..], [(Status::Ok, "0.00".into(), 0), (Status::Ok, "5.00".into(), 0)]);
    }

    #[test]
    fn the_same_reading_says_nothing_new() {
        let mut thresholds = thresholds("per-second = true");
        let now = Instant::now();
        for _ in 0..2 {
            assert!(look(&mut thresholds, 0, now, now, Some(&Value::Counter64(5))).is_none());
        }
        assert_eq!(thresholds.watches[0].status, Status::Unknown);
    }

    #[test]
    fn those_that_stay_in_the_configuration_stand_as_they_stood() {
        let mut watched = thresholds("");
        stand(&mut watched, &[Some(Value::Gauge32(11))]);
        let kept = watched.watches[0].threshold.clone();
        let other = Threshold { name: "longer".into(), ..kept.clone() };
        watched.configure(&[other, kept], Instant::now());
        let stands: Vec<_> =
            watched.all().iter().map(|watch| (&*watch.threshold.name, watch.status)).collect();
        assert_eq!(stands, [("a", Status::Warning), ("longer", Status::Unknown)]);
    }

    #[test]
    fn one_that_watches_something_else_begins_anew_and_its_changes_go_on() {
        let mut watched = thresholds("");
        stand(&mut watched, &[Some(Value::Gauge32(11)), Some(Value::Gauge32(0))]);
        let kept = watched.all()[0].threshold.clone();
        let others = [
            Threshold { oid: "1.3.6".parse().unwrap(), object: "another".into(), ..kept.clone() },
            Threshold { per_second: true, ..kept },
        ];
        for (other, begun) in others.into_iter().zip(1..) {
            watched.configure(&[other], Instant::now());
            let watch = &watched.all()[0];
            assert_eq!((watch.status, watch.changes, watch.id), (Status::Unknown, 2, 1 + begun));
        }
    }

    /// A reload with other ranges, between a change and its notification, between that and its answer, and after it.
    #[test]
    fn with_other_ranges_no_notification_is_lost_or_doubled() {
        let critical_at = |watched: &mut Thresholds, critical: &str| {
            let threshold = watched.all()[0].threshold.clone();
            let critical = Some(critical.parse().unwrap());
            watched.configure(&[Threshold { critical, ..threshold }], Instant::now());
            assert_eq!(watched.due(Instant::now()), [0], "looked at, at once");
        };
        let sent = |watched: &mut Thresholds| watched.take_unsent().map(|watch| (watch.status, watch.id));
        let thirty = [Some(Value::Gauge32(30))];
        let mut watched = thresholds("");
        stand(&mut watched, &thirty);
        critical_at(&mut watched, "25");
        // The status stays, and the unsent change is sent.
        assert_eq!((watched.all()[0].status, watched.all()[0].changes), (Status::Critical, 1));
        assert_eq!(sent(&mut watched), Some((Status::Critical, 1)));
        critical_at(&mut watched, "26");
        // The answer is matched to its threshold, and that it is still critical is no news.
        watched.notified(1);
        stand(&mut watched, &thirty);
        assert_eq!((sent(&mut watched), watched.all()[0].changes), (None, 1));
        // The new range gives another status, which is a change.
        critical_at(&mut watched, "40");
        stand(&mut watched, &thirty);
        assert_eq!(sent(&mut watched), Some((Status::Warning, 1)));
        // What was sent before a reload and is unanswered at the end of the session is sent again.
        critical_at(&mut watched, "41");
        watched.session_ended();
        assert_eq!((sent(&mut watched), sent(&mut watched)), (Some((Status::Warning, 1)), None));
        assert_eq!(watched.all()[0].changes, 2);
    }

    #[test]
    fn a_rate_is_compared_with_other_ranges_though_nothing_was_read_since() {
        let mut watched = thresholds("per-second = true");
        let counter = |count| Some(Value::Counter64(count));
        stand(&mut watched, &[counter(0), counter(15)]);
        let before = watched.all()[0].before.as_ref().unwrap().read;
        let threshold = watched.all()[0].threshold.clone();
        watched.configure(&[Threshold { warning: None, ..threshold }], Instant::now());
        let changed = look(&mut watched, 0, Instant::now(), before, counter(15).as_ref());
        assert_eq!((changed, &*watched.all()[0].value), (Some(Status::Ok), "15.00"));
    }

    /// With another base OID, or the object written as a number, the same value is watched.
    #[test]
    fn another_name_for_the_same_object_changes_nothing() {
        let configured = |text: &str| Config::parse(text).unwrap().thresholds;
        let critical = "critical = \"5\"";
        let named = |base: &str| {
            let object = "lnsTcpStateSockets.all.listen";
            let threshold = format!("[[threshold]]\nname = \"a\"\nobject = \"{object}\"\n{critical}");
            configured(&format!("[mib]\nbase-oid = \"{base}\"\n{threshold}"))
        };
        let mut watched = Thresholds::default();
        watched.configure(&named("1.3.6.1.4.1.4711"), Instant::now());
        stand(&mut watched, &[Some(Value::Gauge32(30))]);
        watched.configure(&named("1.3.6.1.4.1.4712"), Instant::now());
        assert_eq!(watched.all()[0].status, Status::Critical);
        let number = "[mib]\nbase-oid = \"1.3.6.1.4.1.4712\"\n[[threshold]]\nname = \"a\"\n\
                      object = \"1.3.6.1.4.1.4712.1.1.1.1.3.0.2\"\n";
        watched.configure(&configured(&format!("{number}{critical}")), Instant::now());
        assert_eq!((watched.all()[0].status, watched.all()[0].id), (Status::Critical, 1));
    }

    /// All change all the time, and only four at a time may be notified.
    #[test]
    fn whoever_waits_longest_is_told_first() {
        let all: String = (0..10)
            .map(|number| {
                format!("[[threshold]]\nname = \"t{number}\"\nobject = \"tcpOutRsts.0\"\ncritical = \"10\"\n")
            })
            .collect();
        let mut watched = Thresholds::default();
        let now = Instant::now();
        watched.configure(&Config::parse(&all).unwrap().thresholds, now);
        let mut told = Vec::new();
        for round in 0..5 {
            let value = Value::Gauge32(if round % 2 == 0 { 30 } else { 0 });
            for position in 0..10 {
                look(&mut watched, position, now, now, Some(&value));
            }
            let sent: Vec<_> = (0..4).map(|_| watched.take_unsent().unwrap().id).collect();
            sent.iter().for_each(|id| watched.notified(*id));
            told.extend(sent);
        }
        // Of those that changed at the same time, the first.
        assert_eq!(told, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2]);
    }

    /// What lnsThresholdChange promises: one check in an interval, and one change for each at most.
    #[test]
    fn a_threshold_that_flaps_changes_once_in_an_interval() {
        let mut watched = thresholds("interval = \"5s\"");
        let start = Instant::now();
        let mut changed = Vec::new();
        // Sixty seconds, ten turns of the loop in each, with another status at every check.
        for turn in 0..600_u32 {
            let now = start + Duration::from_millis(100) * turn;
            for position in watched.due(now) {
                let value = Value::Gauge32(if changed.len() % 2 == 0 { 30 } else { 0 });
                if look(&mut watched, position, now, now, Some(&value)).is_some() {
                    changed.push(now);
                }
            }
        }
        assert_eq!(changed.len(), 12);
        assert!(changed.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_secs(5)));
        assert_eq!(watched.all()[0].changes, 12);
    }

    #[test]
    fn one_that_waits_for_a_reading_is_looked_at_after_it() {
        let mut watched = thresholds("");
        let now = Instant::now();
        watched.wait(0);
        assert_eq!((watched.deadline(), watched.due(now)), (None, vec![]));
        watched.read();
        assert_eq!(watched.due(now), [0]);
        look(&mut watched, 0, now, now, None);
        assert_eq!((watched.deadline(), watched.due(now)), (Some(now + Duration::from_secs(30)), vec![]));
    }

    fn of_a_column(more: &str) -> Thresholds {
        let text = format!(
            "[[threshold]]\nname = \"a\"\nobject = \"lnsUdpEndpointDropsOfOpenSockets.*\"\nwarning = \"10\"\n{more}"
        );
        let mut watched = Thresholds::default();
        watched.configure(&Config::parse(&text).unwrap().thresholds, Instant::now());
        watched
    }

    /// Neither which row is worst nor how many are is told again and again.
    #[test]
    fn another_worst_instance_is_no_change() {
        let mut watched = of_a_column("");
        let now = Instant::now();
        let object =
            |watched: &Thresholds| watched.watches[0].object().map(|name| *name.as_slice().last().unwrap());
        assert_eq!((object(&watched), watched.watches[0].instance()), (None, ""));
        for (rows, changed, worst, value) in [
            (&[(1, 3), (2, 9), (3, 9)][..], None, Some(2), "9"),
            (&[(1, 11), (2, 9)], Some(Status::Warning), Some(1), "11"),
            (&[(1, 11), (2, 12)], None, Some(2), "12"),
            (&[(1, 13), (2, 12)], None, Some(1), "13"),
            (&[(2, 12)], None, Some(2), "12"),
            (&[], Some(Status::Ok), None, ""),
            (&[(5, 0)], None, Some(5), "0"),
        ] {
            assert_eq!(look_at_rows(&mut watched, now, rows), changed, "{rows:?}");
            let watch = &watched.watches[0];
            assert_eq!((object(&watched), &*watch.value), (worst, value));
            assert_eq!(watch.instance(), worst.map_or(String::new(), |worst| format!("row {worst}")));
        }
        assert_eq!(watched.watches[0].changes, 2);
    }

    /// Its endpoints come and go, and each has its own rate.
    #[test]
    fn rates_of_a_column_are_those_of_its_instances() {
        let mut watched = of_a_column("per-second = true");
        let start = Instant::now();
        let mut stands = Vec::new();
        for (second, rows) in (0..).zip([
            &[(1, 1000), (2, 5)][..],
            // Both grew: the sum of all fell.
            &[(2, 25)],
            // The first is back and has dropped before.
            &[(1, 900), (2, 25)],
            &[(1, 911), (2, 30)],
            // A socket of it was closed.
            &[(1, 400), (2, 31)],
            &[(7, 8)],
        ]) {
            look_at_rows(&mut watched, start + Duration::from_secs(second), rows);
            let watch = &watched.watches[0];
            stands.push((watch.status, watch.value.clone(), watch.instance().to_owned()));
        }
        let stand = |status, value: &str, instance: &str| (status, value.to_owned(), instance.to_owned());
        assert_eq!(
            stands,
            [
                stand(Status::Unknown, "", ""),
                stand(Status::Warning, "20.00", "row 2"),
                stand(Status::Ok, "0.00", "row 2"),
                stand(Status::Warning, "11.00", "row 1"),
                stand(Status::Ok, "1.00", "row 2"),
                stand(Status::Ok, "", ""),
            ]
        );
    }

    /// A reload while a look is under way: what it found so far was compared with other ranges.
    #[test]
    fn a_look_begins_anew_with_other_ranges() {
        let mut watched = of_a_column("");
        let threshold = watched.all()[0].threshold.clone();
        let paused = |watched: &mut Thresholds| {
            let mut scan = watched
                .resume(0)
                .unwrap_or_else(|| watched.watches[0].look(Instant::now(), Readings::default()));
            watched.watches[0].add(&mut scan, "1.3.6.1".parse().unwrap(), &Value::Gauge32(5), None);
            watched.pause(0, scan);
        };
        paused(&mut watched);
        watched.configure(std::slice::from_ref(&threshold), Instant::now());
        assert!(watched.resume(0).is_some(), "it goes on with the same");
        paused(&mut watched);
        watched.configure(&[Threshold { warning: None, ..threshold }], Instant::now());
        assert!(watched.resume(0).is_none());
        paused(&mut watched);
        watched.forget();
        assert!(watched.resume(0).is_none());
    }

    #[test]
    fn a_look_that_takes_long_is_seldom() {
        let mut watched = of_a_column("interval = \"1s\"");
        let now = Instant::now();
        for (spent, pause) in [(1, 1000), (100, 1000), (400, 3600)] {
            let mut scan = watched.watches[0].look(now, Readings::default());
            scan.spent = Duration::from_millis(spent);
            watched.judge(0, now, *scan, true, |_| String::new());
            assert_eq!(watched.deadline(), Some(now + Duration::from_millis(pause)));
        }
        // Two share the tenth.
        let threshold = watched.all()[0].threshold.clone();
        watched.configure(&[threshold.clone(), Threshold { name: "b".into(), ..threshold }], now);
        for position in 0..2 {
            let mut scan = watched.watches[position].look(now, Readings::default());
            scan.spent = Duration::from_millis(400);
            watched.judge(position, now, *scan, true, |_| String::new());
        }
        assert_eq!(watched.deadline(), Some(now + Duration::from_millis(7600)));
    }
}
