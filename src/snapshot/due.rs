//! What must be read again, and when.

use super::detail::Detail;
use super::latest::{Begun, Change};
use super::store::Snapshot;
use super::touched::{SourceId, Touched};
use crate::proc::read::ProcRoot;
use std::time::{Duration, Instant};

/// How long rows are kept after they were last asked for. A manager that walks the tables every five minutes reads them
/// again anyway; this covers the pauses within one walk.
const ROWS_KEPT: Duration = Duration::from_secs(60);

/// A walk that finds no rows has them read even while the source rests, and lengthens the rest: empty tables would be
/// wrong while there are sockets. Rows that cost more than this to read are kept ready from then on, and others are
/// read for this reason once in [`ROWS_KEPT`], so walks cannot make a source cost more.
const DEAR: Duration = Duration::from_millis(400);

/// One due reading of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// The source.
    pub id: SourceId,
    pub(super) detail: Detail,
}

impl Job {
    /// Whether this reading returns the rows of the socket tables.
    #[must_use]
    pub fn brings_rows(self) -> bool {
        self.detail == Detail::Rows
    }
}

impl Snapshot {
    /// What must be read before `touched` is fresh. Includes sources being read already; excludes those still resting,
    /// which count as fresh unless what was asked for is missing as a whole.
    #[must_use]
    pub fn stale(&self, touched: Touched, now: Instant) -> Vec<Job> {
        let mut detailed = None;
        let mut stale = Touched::default();
        for &id in SourceId::ALL.iter().filter(|id| touched.has(**id)) {
            let detailed = *detailed.get_or_insert_with(|| self.detailed());
            if self.is_stale(id, touched, detailed, now) {
                stale = stale.with(id);
            }
        }
        // Which processes to read depends on the sockets, so those come first.
        let first = |id: &SourceId| !self.entry(*id).after().iter().any(|other| stale.has(*other));
        let ids = SourceId::ALL.iter().copied().filter(|id| stale.has(*id));
        ids.filter(first).map(|id| Job { id, detail: self.detail(id, touched, now) }).collect()
    }

    fn is_stale(&self, id: SourceId, touched: Touched, detailed: Touched, now: Instant) -> bool {
        let entry = self.entry(id);
        entry.is_wanted() && {
            let timing = entry.health().timing;
            let is_old = timing.is_none_or(|timing| timing.since_read(now) >= entry.max_age(&self.ages));
            let rest = if self.rests { entry.rest(now) } else { Duration::ZERO };
            (is_old && rest.is_zero()) || entry.lacks(id, touched, detailed)
        }
    }

    /// Reads rows with every reading of a source while somebody walks its tables; and always if they could not be read
    /// while an answer waits, since a walk without them would find the tables empty. The same for peers.
    fn detail(&self, id: SourceId, touched: Touched, now: Instant) -> Detail {
        let entry = self.entry(id);
        let asked = |detail: Detail| {
            let walked = |wanted: Instant| now.saturating_duration_since(wanted) < ROWS_KEPT;
            touched.detail(id) >= detail || entry.wanted(detail).is_some_and(walked) || self.is_slow(id)
        };
        let more = [Detail::Rows, Detail::Peers].into_iter().filter(|detail| *detail <= entry.most());
        more.into_iter().find(|detail| asked(*detail)).unwrap_or_default()
    }

    /// Whether reading the rows may take longer than an answer can wait (twice the time of counting, to be safe), or
    /// costs too much to be done for a walk alone.
    fn is_slow(&self, id: SourceId) -> bool {
        let timing = self.entry(id).health().timing;
        timing.is_some_and(|timing| timing.refresh_time() * 2 > self.ages.answer_within || timing.cost > DEAR)
    }

    /// The first readings, before anybody asks.
    #[must_use]
    pub fn first(&self) -> Vec<Job> {
        let ids = SourceId::ALL.iter().copied();
        let first = ids.filter(|id| self.entry(*id).is_read_at_start() && self.entry(*id).is_wanted());
        first.map(|id| Job { id, detail: Detail::Counts }).collect()
    }

    /// What to read after the first readings, before anybody can ask.
    #[must_use]
    pub fn second(&self) -> Vec<Job> {
        let ids = SourceId::ALL.iter().copied();
        let slow = ids.filter(|id| self.entry(*id).most() > Detail::Counts && self.is_slow(*id));
        slow.map(|id| Job { id, detail: self.entry(id).most() }).collect()
    }

    /// Whether the latest reading of a source took less time than an answer waits.
    #[must_use]
    pub fn is_in_time(&self, id: SourceId) -> bool {
        let timing = self.entry(id).health().timing;
        timing.is_some_and(|timing| timing.refresh_time() < self.ages.answer_within)
    }

    /// Notes what is asked for besides counts. It then stays for a while, also if another answer, which does without it,
    /// comes before the one that waits for it.
    pub fn want(&mut self, touched: Touched, now: Instant) {
        for &id in SourceId::ALL {
            match touched.detail(id) {
                Detail::Counts => {}
                detail => self.entry_mut(id).want(detail, now),
            }
        }
    }

    /// Drops what nobody has asked for in a while.
    pub fn drop_unused(&mut self, now: Instant) {
        for &id in SourceId::ALL {
            let detail = self.detail(id, Touched::default(), now);
            if self.entry(id).detail() > detail {
                self.entry_mut(id).drop_to(detail);
            }
        }
    }

    /// Prepares a reading, to run on a thread that may block.
    #[must_use]
    pub fn begin(&self, job: Job) -> Begun {
        self.others(|others| self.entry(job.id).begin(job.id, job.detail, others))
    }

    /// Reads whatever is stale in `touched` on this thread: for commands, which keep nobody waiting.
    pub fn refresh_now(&mut self, touched: Touched, root: &ProcRoot) -> Vec<Change> {
        let mut changes = Vec::new();
        // An earlier reading may make another one due.
        for _ in SourceId::ALL {
            for job in self.stale(touched, Instant::now()) {
                let done = self.begin(job)(root);
                changes.extend(self.accept(done));
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::super::latest::Done;
    use super::super::source::{MaxAges, Timing};
    use super::*;

    const AGES: MaxAges = MaxAges {
        counters: Duration::from_secs(1),
        sockets: Duration::from_secs(5),
        processes: Duration::from_secs(30),
        answer_within: Duration::from_millis(800),
    };

    fn ids(jobs: &[Job]) -> Vec<SourceId> {
        jobs.iter().map(|job| job.id).collect()
    }

    #[test]
    fn nothing_is_stale_that_nobody_touched() {
        let snapshot = Snapshot::new(AGES);
        assert!(snapshot.stale(Touched::default(), Instant::now()).is_empty());
    }

    #[test]
    fn a_source_is_read_again_after_its_max_age_only() {
        let root = ProcRoot::new("/proc");
        let mut snapshot = Snapshot::new(AGES);
        let touched = Touched::default().with(SourceId::Counters).with(SourceId::Tcp);
        assert_eq!(ids(&snapshot.stale(touched, Instant::now())), [SourceId::Counters, SourceId::Tcp]);
        snapshot.refresh_now(touched, &root);
        let now = Instant::now();
        assert_eq!(ids(&snapshot.stale(touched, now)), []);
        let later = now + Duration::from_secs(2);
        assert_eq!(ids(&snapshot.stale(touched, later)), [SourceId::Counters]);
    }

    /// What a reading of a source would return if it had this cost.
    fn done(id: SourceId, detail: Detail, ended: Instant, cost: Duration) -> Done {
        let done = Snapshot::new(AGES).begin(Job { id, detail })(&ProcRoot::new("/nowhere"));
        Done { timing: Timing { begun: ended.checked_sub(cost).unwrap(), ended, cost }, ..done }
    }

    /// How often a source is read within 100 s for a manager that asks every tenth of a second.
    fn readings(snapshot: &mut Snapshot, touched: Touched, id: SourceId, cost: Duration) -> usize {
        let begun = Instant::now();
        let moments = (0..1000).map(|tenth| begun + Duration::from_millis(100 * tenth));
        let mut readings = 0;
        for now in moments {
            snapshot.want(touched, now);
            if let [job] = snapshot.stale(touched, now)[..] {
                snapshot.accept(done(id, job.detail, now + cost, cost));
                readings += 1;
            }
            snapshot.drop_unused(now);
        }
        readings
    }

    #[test]
    fn a_source_takes_a_tenth_of_a_cpu_at_most() {
        let second = Duration::from_secs(1);
        for id in [SourceId::Counters, SourceId::Tcp, SourceId::Udp, SourceId::Processes] {
            let mut snapshot = Snapshot::new(MaxAges { processes: second, ..AGES });
            let counts = Touched::default().with(id);
            // Of 100 s: the first at once, then one in ten.
            assert_eq!(readings(&mut snapshot, counts, id, second), 10, "{id:?}");
            let mut snapshot = Snapshot::for_once(MaxAges { processes: second, ..AGES });
            assert!(readings(&mut snapshot, counts, id, second) > 15, "{id:?}");
        }
    }

    #[test]
    fn rows_that_are_missing_are_read_at_once_whatever_the_source_has_cost() {
        for id in [SourceId::Tcp, SourceId::Udp] {
            let (now, rows) = (Instant::now(), Touched::default().with_detail(id, Detail::Rows));
            let mut snapshot = Snapshot::new(AGES);
            snapshot.accept(done(id, Detail::Counts, now, Duration::from_millis(300)));
            assert!(snapshot.stale(rows, now)[0].brings_rows());
            // The source then rests for that cost too.
            snapshot.accept(done(id, Detail::Rows, now, Duration::from_millis(400)));
            assert!(snapshot.stale(rows, now + Duration::from_millis(6_200)).is_empty());
            assert_eq!(snapshot.stale(rows, now + Duration::from_millis(6_400)).len(), 1);

            let mut snapshot = Snapshot::new(AGES);
            snapshot.accept(done(id, Detail::Counts, now, Duration::from_secs(2)));
            snapshot.want(rows, now);
            assert!(snapshot.stale(rows, now)[0].brings_rows(), "a table without rows would be served");
            snapshot.accept(done(id, Detail::Rows, now, Duration::from_secs(2)));
            // They stay, so that the next walk, however late, has no reason to read them again before the rest ends.
            let counts = Touched::default().with(id);
            snapshot.drop_unused(now + Duration::from_secs(35));
            assert!(snapshot.stale(rows, now + Duration::from_secs(35)).is_empty());
            assert!(snapshot.stale(counts, now + Duration::from_secs(36))[0].brings_rows());
        }
    }

    /// Cheap and costly readings alternate, and a manager starts a walk whenever the rows have just gone.
    #[test]
    fn walks_do_not_make_a_source_take_more_than_its_share() {
        let (counts, rows) = (
            Touched::default().with(SourceId::Tcp),
            Touched::default().with_detail(SourceId::Tcp, Detail::Rows),
        );
        for (dear, cheap) in [(3_000, 100), (400, 400), (390, 10)] {
            let [dear, cheap] = [dear, cheap].map(Duration::from_millis);
            let (mut snapshot, begun) = (Snapshot::new(AGES), Instant::now());
            let (mut spent, mut walks, mut empty) = (Duration::ZERO, 0, 0);
            for now in (0..36_000).map(|tenth| begun + Duration::from_millis(100 * tenth)) {
                let has_rows = snapshot.entry(SourceId::Tcp).detail() == Detail::Rows;
                let touched = if has_rows { counts } else { rows };
                snapshot.want(touched, now);
                if let [job] = snapshot.stale(touched, now)[..] {
                    let cost = if job.brings_rows() { cheap } else { dear };
                    snapshot.accept(done(SourceId::Tcp, job.detail, now, cost));
                    spent += cost;
                }
                walks += usize::from(!has_rows);
                empty += usize::from(!has_rows && snapshot.entry(SourceId::Tcp).detail() != Detail::Rows);
                snapshot.drop_unused(now);
            }
            assert_eq!(empty, 0, "of {walks} walks");
            // A tenth of an hour, plus what the source has yet to rest for.
            assert!(walks > 10 && spent < Duration::from_secs(360) + dear, "{walks} walks, {spent:?}");
        }
    }

    /// 0 in a process column means that none is known.
    #[test]
    fn processes_of_other_rows_are_looked_for_at_once() {
        let now = Instant::now();
        let mut snapshot = Snapshot::new(AGES);
        snapshot.accept(done(SourceId::Processes, Detail::Counts, now, Duration::from_secs(2)));
        snapshot.accept(done(SourceId::Udp, Detail::Rows, now, Duration::ZERO));
        let listeners = Touched::default().with(SourceId::Processes).with(SourceId::Tcp);
        snapshot.accept(done(SourceId::Tcp, Detail::Counts, now, Duration::ZERO));
        assert_eq!(ids(&snapshot.stale(listeners, now)), [], "they rest");
        let udp = Touched::default().with(SourceId::Processes).with_detail(SourceId::Udp, Detail::Rows);
        assert_eq!(ids(&snapshot.stale(udp, now)), [SourceId::Processes]);
        let job = Job { id: SourceId::Processes, detail: Detail::Counts };
        let searched = snapshot.begin(job)(&ProcRoot::new("/nowhere"));
        snapshot.accept(searched);
        assert_eq!(ids(&snapshot.stale(udp, now)), [], "once");
    }

    #[test]
    fn tcp_and_udp_are_read_apart() {
        let snapshot = Snapshot::new(AGES);
        for id in [SourceId::Tcp, SourceId::Udp] {
            assert_eq!(
                ids(&snapshot.stale(Touched::default().with_detail(id, Detail::Rows), Instant::now())),
                [id]
            );
        }
    }

    /// They take seconds on a host with very many descriptors: only requests that ask for them may wait.
    #[test]
    fn processes_are_read_when_asked_for_and_after_the_sockets() {
        let root = ProcRoot::new("/proc");
        let mut snapshot = Snapshot::new(AGES);
        let first = [
            SourceId::Counters,
            SourceId::Sockstat,
            SourceId::Tcp,
            SourceId::Udp,
            SourceId::Listeners,
            SourceId::Unix,
        ];
        assert_eq!(ids(&snapshot.first()), first);
        for id in [SourceId::Tcp, SourceId::Udp] {
            let touched = Touched::default().with_detail(id, Detail::Rows).with(SourceId::Processes);
            assert_eq!(ids(&snapshot.stale(touched, Instant::now())), [id]);
            snapshot.accept(Snapshot::new(AGES).begin(Job { id, detail: Detail::Rows })(&root));
            assert_eq!(ids(&snapshot.stale(touched, Instant::now())), [SourceId::Processes]);
        }
    }

    /// A manager that polls only tcpListenerProcess has nothing else read.
    #[test]
    fn the_processes_of_listeners_are_found_without_rows() {
        let (listener, datagrams) = (
            std::net::TcpListener::bind("127.0.0.1:0").unwrap(),
            std::net::UdpSocket::bind("127.0.0.1:0").unwrap(),
        );
        let mut snapshot = Snapshot::new(AGES);
        let touched = Touched::default().with(SourceId::Tcp).with(SourceId::Processes);
        snapshot.refresh_now(touched, &ProcRoot::new("/proc"));
        let port = listener.local_addr().unwrap().port();
        let tcp = snapshot.tcp.data().unwrap();
        let inode = tcp.listeners4.iter().find(|listener| listener.endpoint.port == port).unwrap().inode;
        assert_eq!(snapshot.processes.data().unwrap().of(inode), Some(std::process::id()));
        let wanted = snapshot.others(|others| (others.inodes)());
        assert!(wanted.contains(&inode) && wanted.len() == tcp.listeners4.len() + tcp.listeners6.len());
        drop(datagrams);
    }

    /// A walk through all tables reaches those of UDP just after the processes of TCP sockets were read.
    #[test]
    fn processes_are_looked_for_again_for_other_rows() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let root = ProcRoot::new("/proc");
        let mut snapshot = Snapshot::new(AGES);
        let listeners = Touched::default().with(SourceId::Tcp).with(SourceId::Processes);
        let tcp = listeners.with_detail(SourceId::Tcp, Detail::Rows);
        let udp = Touched::default().with_detail(SourceId::Udp, Detail::Rows).with(SourceId::Processes);
        for touched in [listeners, tcp, udp] {
            assert!(!snapshot.stale(touched, Instant::now()).is_empty());
            snapshot.refresh_now(touched, &root);
            assert_eq!(ids(&snapshot.stale(touched, Instant::now())), []);
        }
        let rows = snapshot.udp.data().unwrap().rows.as_ref().unwrap();
        let port = socket.local_addr().unwrap().port();
        let row = rows.ipv4.iter().find(|row| row.local().port == port).unwrap();
        assert_eq!(snapshot.processes.data().unwrap().of(row.inode), Some(std::process::id()));
        assert_eq!(ids(&snapshot.stale(tcp, Instant::now())), [], "those of both were wanted");
    }

    #[test]
    fn rows_are_read_when_touched_and_dropped_when_not_used() {
        let root = ProcRoot::new("/proc");
        let mut snapshot = Snapshot::new(AGES);
        let counts = Touched::default().with(SourceId::Tcp).with(SourceId::Udp);
        snapshot.refresh_now(counts, &root);
        let rows = Touched::default().with_detail(SourceId::Tcp, Detail::Rows);
        let now = Instant::now();
        let jobs = snapshot.stale(rows, now);
        assert!(ids(&jobs) == [SourceId::Tcp] && jobs[0].brings_rows());
        snapshot.refresh_now(rows, &root);
        snapshot.want(rows, now);
        snapshot.drop_unused(now);
        let has_rows = |snapshot: &Snapshot| {
            (snapshot.tcp.data().unwrap().rows.is_some(), snapshot.udp.data().unwrap().rows.is_some())
        };
        assert_eq!(has_rows(&snapshot), (true, false));
        // While the walk goes on, a reading for the counts reads the rows too, but none of any other source.
        let jobs = snapshot.stale(counts, now + Duration::from_secs(6));
        assert_eq!(jobs.iter().map(|job| job.brings_rows()).collect::<Vec<_>>(), [true, false]);
        snapshot.drop_unused(now + ROWS_KEPT);
        assert_eq!(has_rows(&snapshot), (false, false));
    }

    /// Peers cost less than rows and more than counts, and stay as long as rows do.
    #[test]
    fn peers_are_read_for_whoever_asks_for_them() {
        let (id, now) = (SourceId::Tcp, Instant::now());
        let mut snapshot = Snapshot::new(AGES);
        let touched = |detail| Touched::default().with_detail(id, detail);
        snapshot.accept(done(id, Detail::Counts, now, Duration::ZERO));
        assert_eq!(snapshot.stale(touched(Detail::Counts), now), []);
        assert_eq!(snapshot.stale(touched(Detail::Peers), now), [Job { id, detail: Detail::Peers }]);
        snapshot.want(touched(Detail::Peers), now);
        snapshot.accept(done(id, Detail::Rows, now, Duration::ZERO));
        assert_eq!(snapshot.stale(touched(Detail::Peers), now), []);
        snapshot.drop_unused(now);
        assert_eq!(snapshot.entry(id).detail(), Detail::Peers, "nobody asked for rows");
        let later = now + Duration::from_secs(6);
        assert_eq!(snapshot.stale(touched(Detail::Counts), later), [Job { id, detail: Detail::Peers }]);
        snapshot.drop_unused(now + ROWS_KEPT);
        assert_eq!(snapshot.entry(id).detail(), Detail::Counts);
    }

    /// A request for counts waits for the same reading and is answered first.
    #[test]
    fn rows_that_a_request_waits_for_stay_whoever_is_answered_before_it() {
        let mut snapshot = Snapshot::new(AGES);
        let (counts, rows) = (
            Touched::default().with(SourceId::Tcp),
            Touched::default().with_detail(SourceId::Tcp, Detail::Rows),
        );
        let now = Instant::now();
        snapshot.want(rows, now);
        assert!(snapshot.stale(counts, now)[0].brings_rows(), "whoever of them begins the reading");
        snapshot.accept(done(SourceId::Tcp, Detail::Rows, now, Duration::ZERO));
        snapshot.drop_unused(now);
        assert_eq!(snapshot.entry(SourceId::Tcp).detail(), Detail::Rows);
    }

    #[test]
    fn rows_that_take_too_long_to_read_are_kept_ready() {
        let root = ProcRoot::new("/proc");
        let mut snapshot = Snapshot::new(AGES);
        assert_eq!(snapshot.second(), []);
        let mut done = Snapshot::new(AGES).begin(Job { id: SourceId::Tcp, detail: Detail::Counts })(&root);
        done.timing.ended = done.timing.begun + Duration::from_millis(500);
        let now = done.timing.ended;
        snapshot.accept(done);
        let [second] = snapshot.second()[..] else { panic!("{:?}", snapshot.second()) };
        assert!(second.id == SourceId::Tcp && second.brings_rows());
        let counts = Touched::default().with(SourceId::Tcp);
        assert!(snapshot.stale(counts, now + Duration::from_secs(6))[0].brings_rows());
        snapshot.refresh_now(Touched::default().with_detail(SourceId::Tcp, Detail::Rows), &root);
        // Fast again: rows that nobody walks may be dropped.
        snapshot.drop_unused(Instant::now());
        assert!(snapshot.second().is_empty() && snapshot.tcp.data().unwrap().rows.is_none());
    }
}
