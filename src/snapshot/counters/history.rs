//! Previous values of counters, so that nobody ever sees one fall without a gap.
//!
//! The kernel's counters do not fall, but what we read does: a module is reloaded and its counters start at 0, a
//! counter shows 0 for one reading and goes on, a file is gone for a while. A manager takes the difference for an
//! overflow, and each polls at an interval of its own. So a counter below its previous value has no value for any of
//! them until it is back where it was, or for ten minutes; after that it counts anew, and [`History::since`] says so.

use super::read::{Counters, Held, is_per_cpu};
use crate::proc::figure::Figure;
use crate::registry::{self, CounterKind};
use crate::snapshot::notes::Note;
use crate::snapshot::source::Timing;
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

/// How long a counter that fell has no value. Managers that poll more often find it missing in between.
pub const GAP: Duration = Duration::from_secs(600);

/// How many counters unknown to the registry are remembered; a kernel has a few dozen.
const MOST: usize = 10_000;

/// Groups that a 32-bit kernel counts in 64 bits too (`snmp_get_cpu_field64_batch`); the others are an unsigned long.
const WIDE: [&str; 3] = ["Ip", "IpExt", "Ip6"];

/// What is known of one counter.
#[derive(Debug, Default)]
struct Past {
    /// The largest value served.
    highest: u64,
    /// Since when it has been below that, or missing.
    fell: Option<Instant>,
    /// As first reported.
    note: Option<Note>,
}

/// The outcome for a counter.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// The kernel does not have it.
    Absent,
    Serve(u64),
    Withhold,
}

/// What every counter was at earlier readings.
#[derive(Debug)]
pub struct History {
    registered: Vec<Option<Past>>,
    unregistered: BTreeMap<(String, String), Past>,
    since: SystemTime,
    /// Bits of the kernel's unsigned long.
    long: u32,
}

impl Default for History {
    fn default() -> Self {
        Self::new(SystemTime::now())
    }
}

impl History {
    /// Nothing is known; counters count from now on.
    #[must_use]
    pub fn new(now: SystemTime) -> Self {
        // A 64-bit program runs on no 32-bit kernel. A 32-bit one cannot know, and takes its kernel for 32-bit.
        Self::of_kernel(usize::BITS, now)
    }

    fn of_kernel(long: u32, now: SystemTime) -> Self {
        let registered = registry::all().iter().map(|_| None).collect();
        Self { registered, unregistered: BTreeMap::new(), since: now, long }
    }

    /// Since when no counter has restarted: lnsAgentCountersSince.
    #[must_use]
    pub fn since(&self) -> SystemTime {
        self.since
    }

    /// Withholds counters that are missing or below their previous value; remembers the others. Returns which of them
    /// went back.
    pub fn judge(&mut self, reading: &mut Counters, at: Timing, now: SystemTime) -> Vec<Note> {
        let (mut notes, mut anew) = (Vec::new(), false);
        let narrow = |group: &str| self.long == 32 && !WIDE.contains(&group) && !is_per_cpu(group);
        let entries = registry::all().iter().zip(&mut self.registered).zip(&mut reading.registered);
        for ((entry, past), held) in entries.filter(|((entry, _), _)| entry.kind == CounterKind::Counter) {
            let judged = Judged { group: entry.group, name: entry.name, narrow: narrow(entry.group), at };
            match judged.verdict(past, held.count(), &mut notes, &mut anew) {
                Verdict::Serve(count) => *held = Held::Is(Figure::Count(count)),
                Verdict::Withhold => *held = Held::Withheld,
                Verdict::Absent => {}
            }
        }
        let mut before = std::mem::take(&mut self.unregistered);
        for counter in &mut reading.unregistered {
            let key = (counter.group.clone(), counter.name.clone());
            let mut past = before.remove(&key);
            let judged =
                Judged { group: &counter.group, name: &counter.name, narrow: narrow(&counter.group), at };
            counter.count = match judged.verdict(&mut past, counter.count, &mut notes, &mut anew) {
                Verdict::Serve(count) if self.unregistered.len() < MOST => Some(count),
                _ => None,
            };
            if let Some(past) = past.filter(|_| self.unregistered.len() < MOST) {
                self.unregistered.insert(key, past);
            }
        }
        for ((group, name), past) in before {
            let mut past = Some(past);
            let judged = Judged { group: &group, name: &name, narrow: narrow(&group), at };
            let withheld = judged.verdict(&mut past, None, &mut notes, &mut anew) == Verdict::Withhold;
            if let Some(past) = past.filter(|_| withheld && self.unregistered.len() < MOST) {
                reading.withhold(&group, &name);
                self.unregistered.insert((group, name), past);
            }
        }
        if anew {
            self.since = now;
        }
        notes
    }
}

/// One counter at a reading.
struct Judged<'a> {
    group: &'a str,
    name: &'a str,
    /// Whether it wraps to 0 after 2^32 - 1.
    narrow: bool,
    at: Timing,
}

impl Judged<'_> {
    fn verdict(
        &self,
        past: &mut Option<Past>,
        printed: Option<u64>,
        notes: &mut Vec<Note>,
        anew: &mut bool,
    ) -> Verdict {
        let Some(known) = past else {
            *past = printed.map(|highest| Past { highest, ..Past::default() });
            return printed.map_or(Verdict::Absent, Verdict::Serve);
        };
        let count =
            printed.map(|printed| if self.narrow { extended(known.highest, printed) } else { printed });
        if let Some(count) = count.filter(|count| *count >= known.highest) {
            *known = Past { highest: count, ..Past::default() };
            return Verdict::Serve(count);
        }
        // Whoever was served the previous value got it before this reading ended.
        let fell = *known.fell.get_or_insert(self.at.ended);
        if self.at.begun.saturating_duration_since(fell) >= GAP {
            *anew = true;
            *past = printed.map(|highest| Past { highest, ..Past::default() });
            return printed.map_or(Verdict::Absent, Verdict::Serve);
        }
        if let Some(count) = count {
            let figure = format!("{} {}", self.group, self.name);
            let note = known.note.get_or_insert_with(|| Note::went_back(&figure, known.highest, count));
            notes.push(note.clone());
        }
        Verdict::Withhold
    }
}

/// Extends a 32-bit count to 64 bits by adding the wraps seen. A drop by more than half of the range is a wrap, a
/// smaller one a fall.
fn extended(highest: u64, printed: u64) -> u64 {
    const RANGE: u64 = 1 << 32;
    if printed >= RANGE {
        return printed;
    }
    let count = highest - highest % RANGE + printed;
    let wrapped = highest.saturating_sub(count) > RANGE / 2;
    if wrapped { count.saturating_add(RANGE) } else { count }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mib::context::Context;
    use crate::mib::view::{Served, View};
    use crate::smi::oid::Oid;
    use crate::smi::value::Value;
    use crate::snapshot::problem::Problem;
    use crate::snapshot::source::Reading;
    use crate::snapshot::{Done, MaxAges, Snapshot, SourceId};
    use proptest::collection::vec;
    use proptest::prelude::*;

    const BASE: [u32; 3] = [1, 3, 99];

    /// What a manager can ask for: sums, both widths, a counter the registry knows and by its name, one it does not
    /// know, ICMP types with and without a name.
    const OBJECTS: [&str; 8] = [
        "1.3.6.1.2.1.7.1.0",                                  // udpInDatagrams
        "1.3.6.1.2.1.7.8.0",                                  // udpHCInDatagrams
        "1.3.6.1.2.1.6.10.0",                                 // tcpInSegs
        "1.3.6.1.2.1.6.17.0",                                 // tcpHCInSegs
        "1.3.6.1.2.1.5.30.1.3.1.69",                          // icmpMsgStatsInPkts.ipv4.69
        "1.3.6.1.2.1.5.30.1.4.1.69",                          // icmpMsgStatsOutPkts.ipv4.69
        "1.3.99.1.4.1.3.3.84.99.112.6.73.110.83.101.103.115", // lnsCounterValue."Tcp"."InSegs"
        "1.3.99.1.4.1.3.3.84.99.112.3.78.101.119",            // lnsCounterValue."Tcp"."New"
    ];

    /// The kernel's counters: Udp.InDatagrams, Udp6.InDatagrams, Tcp.InSegs, Tcp.New, IcmpMsg.InType69, .OutType69.
    type Kernel = [Option<u64>; 6];

    fn reading(kernel: &Kernel) -> Counters {
        let [udp, udp6, segments, new, received, sent] = *kernel;
        let pair = |group: &str, counters: &[(&str, Option<u64>)]| {
            let there = counters.iter().filter_map(|(name, count)| Some((name, (*count)?)));
            let (names, counts): (Vec<_>, Vec<_>) =
                there.map(|(name, count)| (format!(" {name}"), format!(" {count}"))).unzip();
            format!("{group}:{}\n{group}:{}\n", names.concat(), counts.concat())
        };
        let snmp = pair("Tcp", &[("InSegs", segments), ("New", new)])
            + &pair("Udp", &[("InDatagrams", udp)])
            + &pair("IcmpMsg", &[("InType69", received), ("OutType69", sent)]);
        let snmp6 = udp6.map_or_else(String::new, |count| format!("Udp6InDatagrams {count}\n"));
        Counters::of(&[("snmp", snmp.as_bytes()), ("snmp6", snmp6.as_bytes())])
    }

    struct Host {
        snapshot: Snapshot,
        view: View,
        start: Instant,
    }

    impl Host {
        fn new() -> Self {
            let age = Duration::from_secs(1);
            let ages = MaxAges { counters: age, sockets: age, processes: age, answer_within: age };
            let served = Served { base: Oid::from_slice(&BASE).unwrap(), mib_2: true, private: true };
            Self { snapshot: Snapshot::new(ages), view: View::new(served), start: Instant::now() }
        }

        /// Reads at a given second of the clock.
        fn read(&mut self, second: u64, kernel: &Kernel) {
            let ended = self.start + Duration::from_secs(second);
            let timing = Timing { begun: ended, ended, cost: Duration::ZERO };
            let data = Some(reading(kernel));
            let reading = Reading { data, problems: Vec::new(), notes: Vec::new(), memory: None };
            self.snapshot.accept(Done::of(SourceId::Counters, timing, reading));
        }

        fn get(&self, object: &str) -> Option<u64> {
            let cx = Context::new(&self.snapshot, self.start);
            match self.view.get(&cx, &object.parse().unwrap()).ok()? {
                Value::Counter32(count) => Some(count.into()),
                Value::Counter64(count) => Some(count),
                other => panic!("{object} is {other}"),
            }
        }

        fn all(&self) -> [Option<u64>; 8] {
            OBJECTS.map(|object| self.get(object))
        }
    }

    /// Seen in the wild: one reading shows 0.
    #[test]
    fn a_dip_is_a_gap_for_every_reader() {
        let mut host = Host::new();
        host.read(0, &[Some(1000); 6]);
        let before = [2000, 2000, 1000, 1000, 1000, 1000, 1000, 1000].map(Some);
        assert_eq!(host.all(), before);
        let since = host.snapshot.counters_since();
        host.read(1, &[Some(0); 6]);
        assert_eq!((host.all(), host.all()), ([None; 8], [None; 8]));
        assert!(
            host.snapshot.problems().any(|problem| problem.contains("Tcp InSegs went back from 1000 to 0"))
        );
        host.read(2, &[Some(1001); 6]);
        assert_eq!(host.all(), before.map(|count| count.map(|count| count + 1 + u64::from(count == 2000))));
        assert_eq!(host.snapshot.counters_since(), since);
        // One part of a sum is enough, and one ICMP type.
        host.read(3, &[Some(1002), Some(0), Some(1002), Some(1002), Some(1), Some(1002)]);
        assert_eq!(
            host.all(),
            [None, None, Some(1002), Some(1002), None, Some(1002), Some(1002), Some(1002)]
        );
    }

    /// A module is reloaded, or its counters are gone.
    #[test]
    fn a_counter_that_stays_below_counts_anew_after_ten_minutes() {
        let mut host = Host::new();
        host.read(0, &[Some(1000); 6]);
        let since = host.snapshot.counters_since();
        for second in [100, 101, 400, 699] {
            // One of them is missing, which is not 0 either.
            host.read(second, &[Some(5), None, Some(second), Some(7), Some(8), None]);
            assert_eq!(host.all(), [None; 8], "{second}");
            assert_eq!(host.snapshot.counters_since(), since);
        }
        host.read(700, &[Some(6), None, Some(700), Some(7), Some(8), None]);
        assert_eq!(host.all(), [6, 6, 700, 700, 8, 0, 700, 7].map(Some));
        assert!(host.snapshot.counters_since() > since);
        let since = host.snapshot.counters_since();
        host.read(701, &[Some(6), Some(0), Some(701), Some(8), Some(9), Some(1)]);
        assert_eq!(host.all(), [6, 6, 701, 701, 9, 1, 701, 8].map(Some));
        assert_eq!(host.snapshot.counters_since(), since);
    }

    #[test]
    fn another_root_is_another_history() {
        let mut host = Host::new();
        host.read(0, &[Some(1000); 6]);
        let since = host.snapshot.counters_since();
        host.snapshot.forget();
        assert!(host.snapshot.counters_since() > since);
        host.read(1, &[Some(5); 6]);
        assert_eq!(host.get(OBJECTS[2]), Some(5));
    }

    /// A 32-bit kernel prints most counters modulo 2^32, and those of Ip, IpExt and Ip6 in full.
    #[test]
    fn a_wrap_on_32_bits_is_no_fall() {
        let slot = |group, name| registry::find(group, name).unwrap();
        let counts = |long: u32, readings: &[u64]| {
            let mut history = History::of_kernel(long, SystemTime::now());
            let now = Instant::now();
            let each = readings.iter().map(|count| {
                let text = format!("Ip: InReceives\nIp: {count}\nTcp: InSegs New\nTcp: {count} {count}\n");
                let mut reading = Counters::of(&[("snmp", text.as_bytes())]);
                history.judge(
                    &mut reading,
                    Timing { begun: now, ended: now, cost: Duration::ZERO },
                    SystemTime::now(),
                );
                let new = reading.unregistered[0].count;
                assert_eq!(new, reading.count(slot("Tcp", "InSegs")));
                (reading.count(slot("Ip", "InReceives")), new)
            });
            each.collect::<Vec<_>>()
        };
        const RANGE: u64 = 1 << 32;
        let wrapping = [RANGE - 6, 5, 4, 6, RANGE - 1, 0];
        let on_32 =
            [Some(RANGE - 6), Some(RANGE + 5), None, Some(RANGE + 6), Some(2 * RANGE - 1), Some(2 * RANGE)];
        let ip = [Some(RANGE - 6), None, None, None, Some(RANGE - 1), None];
        let (of_ip, of_tcp): (Vec<_>, Vec<_>) = counts(32, &wrapping).into_iter().unzip();
        assert_eq!((of_ip, of_tcp), (ip.to_vec(), on_32.to_vec()));
        let (of_ip, of_tcp): (Vec<_>, Vec<_>) = counts(64, &wrapping).into_iter().unzip();
        assert_eq!((of_ip, of_tcp), (ip.to_vec(), ip.to_vec()));
        // A drop by less than half of the range.
        assert_eq!(counts(32, &[1000, 0])[1], (None, None));
        // Counters printed in full are taken as they are.
        assert_eq!(counts(32, &[RANGE + 7, RANGE + 8])[1], (Some(RANGE + 8), Some(RANGE + 8)));
    }

    /// Made-up names cannot make the process grow.
    #[test]
    fn so_many_unknown_counters_and_no_more_are_remembered() {
        let mut history = History::new(SystemTime::now());
        let now = Instant::now();
        for round in 0..3 {
            let text = |of: fn(usize) -> String| (0..MOST - 1).map(of).collect::<String>();
            let names = text(|n| format!(" N{n}")).replace('N', &format!("N{round}x"));
            let contents = format!("Tcp:{names}\nTcp:{}\n", text(|n| format!(" {n}")));
            let mut reading = Counters::of(&[("snmp", contents.as_bytes())]);
            history.judge(
                &mut reading,
                Timing { begun: now, ended: now, cost: Duration::ZERO },
                SystemTime::now(),
            );
            assert!(history.unregistered.len() <= MOST);
        }
    }

    /// What happens to a kernel counter.
    #[derive(Debug, Clone, Copy)]
    enum Event {
        Grows(u16),
        /// For one reading.
        Dips(u16),
        /// For good.
        Restarts(u16),
        /// Missing from one reading.
        Missing,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            8 => any::<u16>().prop_map(Event::Grows),
            2 => any::<u16>().prop_map(Event::Dips),
            1 => any::<u16>().prop_map(Event::Restarts),
            1 => Just(Event::Missing),
        ]
    }

    /// Three managers, each with its own interval; the kernel's counters change in any way between two readings, and
    /// now and then the source cannot be read at all.
    #[test]
    fn nobody_sees_a_counter_fall_without_a_gap() {
        let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
        let events = || vec((prop::array::uniform6(event()), 0..20_u8), 1..60);
        proptest!(config, |(intervals in prop::array::uniform3(1..=600_u64), events in events())| {
            let mut host = Host::new();
            let mut kernel: [u64; 6] = [100_000; 6];
            let mut due = intervals;
            // What each manager last saw of each object, when, and the discontinuity time then.
            let mut seen = [[None::<(u64, u64, SystemTime)>; OBJECTS.len()]; 3];
            for (events, fate) in events {
                let now = due.into_iter().min().unwrap();
                let mut shown: Kernel = [None; 6];
                for ((count, event), shown) in kernel.iter_mut().zip(events).zip(&mut shown) {
                    match event {
                        Event::Grows(by) => *count += u64::from(by),
                        Event::Restarts(at) => *count = (*count).min(at.into()),
                        Event::Dips(_) | Event::Missing => {}
                    }
                    *shown = match event {
                        Event::Dips(to) => Some((*count).min(to.into())),
                        Event::Missing => None,
                        _ => Some(*count),
                    };
                }
                match fate {
                    0 => drop(host.snapshot.fail(SourceId::Counters, &Problem::BrokenOff)),
                    1 => host.read(now, &[None; 6]),
                    _ => host.read(now, &shown),
                }
                let since = host.snapshot.counters_since();
                for (manager, due) in due.iter_mut().enumerate().filter(|(_, due)| **due == now) {
                    *due += intervals[manager];
                    for (object, value) in host.all().into_iter().enumerate() {
                        let last = std::mem::replace(
                            &mut seen[manager][object],
                            value.map(|value| (value, now, since)),
                        );
                        if let (Some((before, then, known)), Some(value)) = (last, value) {
                            prop_assert!(
                                value >= before || (now - then >= 600 && since != known),
                                "manager {} saw {} at {} s and {} at {} s of {}",
                                manager, before, then, value, now, OBJECTS[object]
                            );
                        }
                    }
                }
            }
        });
    }
}
