//! Reads every named kernel counter, from a few files.

use crate::proc::counters::{Item, lines, pairs};
use crate::proc::error::ParseError;
use crate::proc::figure::{Figure, Width};
use crate::proc::per_cpu::{self, CpuTable};
use crate::proc::read::{self, ProcRoot, ReadError};
use crate::proc::unwrapped::{Sums, Unwrapped};
use crate::registry::icmp::IcmpType;
use crate::registry::{self, CounterKind, Registered, Slot};
use crate::snapshot::notes::Note;
use crate::snapshot::problem::Problem;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{LazyLock, OnceLock};

/// How a file names its counters.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// Pairs of lines, with the group before the colon.
    Pairs,
    /// A name and a value on each line, with the group as prefix of the name: `Udp6NoPorts`.
    Prefixed,
    /// A name and a value on each line, all of one group.
    Single(&'static str),
    /// A row for each CPU, all of one group. Its counts depend on earlier readings.
    PerCpu(&'static str, Parse),
}

impl Form {
    /// The group, if it is counted per CPU.
    fn per_cpu(self) -> Option<&'static str> {
        match self {
            Self::PerCpu(group, _) => Some(group),
            Self::Pairs | Self::Prefixed | Self::Single(_) => None,
        }
    }
}

/// Parses the CPUs' rows.
type Parse = fn(&[u8]) -> Result<CpuTable, ParseError>;

/// A file of the source, whether kernels may lack it, and its form.
const FILES: [(&str, bool, Form); 11] = [
    ("snmp", false, Form::Pairs),
    ("netstat", false, Form::Pairs),
    // No IPv6, no module sctp, tls, nf_conntrack or nf_synproxy_core, no CONFIG_XFRM_STATISTICS or
    // CONFIG_NF_CONNTRACK_PROCFS; the neighbour caches' files are in the first network namespace only.
    ("snmp6", true, Form::Prefixed),
    ("sctp/snmp", true, Form::Single("Sctp")),
    ("xfrm_stat", true, Form::Single("Xfrm")),
    ("softnet_stat", true, Form::PerCpu("Softnet", per_cpu::softnet)),
    ("tls_stat", true, Form::Single("Tls")),
    ("stat/nf_conntrack", true, Form::PerCpu("Conntrack", per_cpu::conntrack)),
    ("stat/arp_cache", true, Form::PerCpu("ArpCache", per_cpu::neighbours)),
    ("stat/ndisc_cache", true, Form::PerCpu("NdiscCache", per_cpu::neighbours)),
    ("stat/synproxy", true, Form::PerCpu("Synproxy", per_cpu::synproxy)),
];

/// The groups of net/snmp6; where one begins with another, the longer comes first.
const PREFIXES: [&str; 4] = ["UdpLite6", "Udp6", "Icmp6", "Ip6"];

/// A counter no registry knows yet, or a numbered ICMP type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unregistered {
    /// `TcpExt`
    pub group: String,
    /// The kernel's name.
    pub name: String,
    /// The value; `None` if it is below zero, and so no counter, or withheld.
    pub count: Option<u64>,
}

/// A registered counter in a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::snapshot) enum Held {
    /// The running kernel does not have it, or reading it failed.
    Absent,
    /// It is below its previous value, or was present before: no figure is better than a wrong one.
    Withheld,
    Is(Figure),
}

impl Held {
    pub(in crate::snapshot) fn count(self) -> Option<u64> {
        match self {
            Self::Is(figure) => figure.count(),
            Self::Absent | Self::Withheld => None,
        }
    }
}

/// Per-CPU counts so far, by group.
#[derive(Debug, Default)]
pub struct PerCpu(BTreeMap<&'static str, Unwrapped>);

/// Whether we add up a group's counts, in 64 bits, whatever width the kernel uses.
pub(super) fn is_per_cpu(group: &str) -> bool {
    FILES.iter().any(|(_, _, form)| form.per_cpu() == Some(group))
}

/// One reading of the source `counters`.
#[derive(Debug)]
pub struct Counters {
    pub(in crate::snapshot) registered: Vec<Held>,
    by_name: OnceLock<Vec<Named>>,
    pub(in crate::snapshot) icmp_types: OnceLock<Vec<IcmpType>>,
    /// Per-CPU counts, by group: kept apart from the others until added up.
    per_cpu: Vec<(&'static str, CpuTable)>,
    /// The groups of per-CPU counts whose file is not there.
    gone: Vec<&'static str>,
    /// All counters the registry does not know.
    pub unregistered: Vec<Unregistered>,
    /// Whether net/snmp was read without a problem: then a counter it lacks does not exist.
    pub ipv4_known: bool,
    /// The same for net/snmp6, which may rightly be absent.
    pub ipv6_known: bool,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Registered figures that were below zero.
    pub notes: Vec<Note>,
}

/// A row of lnsCounterTable.
#[derive(Debug, Clone, Copy)]
enum Named {
    Registered(Slot),
    /// The position in [`Counters::unregistered`].
    Unregistered(usize),
}

/// The sort key of an index of lnsCounterTable: texts preceded by their length.
fn order<'a>(group: &'a str, name: &'a str) -> (usize, &'a str, usize, &'a str) {
    (group.len(), group, name.len(), name)
}

/// The registered counters, in the order of lnsCounterTable.
static REGISTERED_BY_NAME: LazyLock<Vec<Slot>> = LazyLock::new(|| {
    let counters = registry::all().iter().enumerate().filter(|(_, entry)| entry.kind == CounterKind::Counter);
    let mut slots: Vec<_> = counters.map(|(slot, entry)| (order(entry.group, entry.name), slot)).collect();
    slots.sort_unstable();
    slots.into_iter().map(|(_, slot)| slot).collect()
});

impl Counters {
    fn empty() -> Self {
        Self {
            registered: vec![Held::Absent; registry::all().len()],
            by_name: OnceLock::new(),
            icmp_types: OnceLock::new(),
            per_cpu: Vec::new(),
            gone: Vec::new(),
            unregistered: Vec::new(),
            ipv4_known: true,
            ipv6_known: true,
            problems: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The source as read from files with these contents, each with its name in ROOT/net; other files are absent.
    #[must_use]
    pub fn of(files: &[(&str, &[u8])]) -> Self {
        let mut this = Self::empty();
        for (file, _, form) in FILES {
            let contents = files.iter().filter(|(name, _)| *name == file);
            contents.for_each(|(_, contents)| this.parse(Path::new(file), file, form, contents));
        }
        this.drop_repeated();
        this.add_up(&mut PerCpu::default());
        this
    }

    /// Adds up per-CPU counts, on top of the counts of earlier readings.
    pub(super) fn add_up(&mut self, before: &mut PerCpu) {
        // Its module may have been unloaded: if it comes back it counts from 0.
        for group in std::mem::take(&mut self.gone) {
            before.0.remove(group);
        }
        for (group, table) in std::mem::take(&mut self.per_cpu) {
            let is_level = |name: &str| {
                registered(group, name).is_some_and(|(_, entry)| entry.kind == CounterKind::Gauge)
            };
            let Sums { figures, fell } = before.0.entry(group).or_default().sums(&table, is_level);
            for (name, figure) in figures {
                self.hold(None, group, &name, Figure::Count(figure));
            }
            self.notes.extend(
                fell.iter().map(|(name, cpu)| Note::of_cpu_went_back(&format!("{group} {name}"), *cpu)),
            );
        }
    }

    /// Reads all files of the source.
    #[must_use]
    pub fn read(root: &ProcRoot) -> Self {
        let mut this = Self::empty();
        let mut buffer = Vec::new();
        for (file, may_lack, form) in FILES {
            let path = root.net(file);
            match read::whole(&path, &mut buffer) {
                Ok(()) => this.parse(&path, file, form, &buffer),
                Err(error) if may_lack && error.is_absent() => this.gone.extend(form.per_cpu()),
                Err(error) => {
                    this.has_problem(file);
                    this.problems.push(error.into());
                }
            }
        }
        this.drop_repeated();
        this
    }

    /// Drops repeated counters among those no registry knows.
    fn drop_repeated(&mut self) {
        let mut seen = HashSet::new();
        let problems = &mut self.problems;
        self.unregistered.retain(|counter| {
            let first = seen.insert((counter.group.clone(), counter.name.clone()));
            if !first {
                let (group, name) = (counter.group.clone(), counter.name.clone());
                problems.push(Problem::Repeated { path: None, group, name });
            }
            first
        });
    }

    /// Notes that a file may hold something we did not understand.
    fn has_problem(&mut self, file: &str) {
        self.ipv4_known &= file != "snmp";
        self.ipv6_known &= file != "snmp6";
    }

    /// Notes a counter that was present before.
    pub(in crate::snapshot) fn withhold(&mut self, group: &str, name: &str) {
        let (group, name) = (group.to_owned(), name.to_owned());
        self.unregistered.push(Unregistered { group, name, count: None });
    }

    /// How many rows lnsCounterTable has: counters only, no gauges and nothing negative.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.named_rows().len()
    }

    fn named_rows(&self) -> &[Named] {
        self.by_name.get_or_init(|| {
            let registered = REGISTERED_BY_NAME.iter().filter(|&&slot| self.count(slot).is_some());
            let mut rows: Vec<_> = registered.map(|&slot| Named::Registered(slot)).collect();
            let counts = self.unregistered.iter().enumerate();
            let counts = counts.filter(|(_, counter)| counter.count.is_some());
            rows.extend(counts.map(|(position, _)| Named::Unregistered(position)));
            // Nearly all of them are already in order.
            rows.sort_by_key(|&row| self.name(row).map(|(group, name, _)| order(group, name)));
            rows
        })
    }

    /// Group, name and value for a row of lnsCounterTable.
    #[must_use]
    pub fn named(&self, row: usize) -> Option<(&str, &str, u64)> {
        self.name(*self.named_rows().get(row)?)
    }

    fn name(&self, row: Named) -> Option<(&str, &str, u64)> {
        match row {
            Named::Registered(slot) => {
                let entry = registry::all().get(slot)?;
                Some((entry.group, entry.name, self.count(slot)?))
            }
            Named::Unregistered(position) => {
                let counter = self.unregistered.get(position)?;
                Some((&counter.group, &counter.name, counter.count?))
            }
        }
    }

    fn parse(&mut self, path: &Path, file: &str, form: Form, contents: &[u8]) {
        let known = self.problems.len();
        match form {
            Form::Pairs => pairs(contents, |item| self.meet(path, item)),
            Form::Prefixed => lines(contents, |item| self.meet(path, by_prefix(item))),
            Form::Single(group) => lines(contents, |item| self.meet(path, within(item, group))),
            Form::PerCpu(group, parse) => match parse(contents) {
                Ok(table) => self.per_cpu.push((group, table)),
                Err(cause) => self.problems.push(malformed(path, cause)),
            },
        }
        if self.problems.len() > known {
            self.has_problem(file);
        }
    }

    fn meet(&mut self, path: &Path, item: Item<'_>) {
        match item {
            Item::Problem(cause) => self.problems.push(malformed(path, cause)),
            Item::Counter { group, name, figure } => self.hold(Some(path), group, name, figure),
        }
    }

    /// Stores a counter, read from a file or added up over the CPUs.
    fn hold(&mut self, path: Option<&Path>, group: &str, name: &str, figure: Figure) {
        let Some((slot, entry)) = registered(group, name) else {
            // Its type is unknown. A counter never reaches 2^63.
            let count = figure.as_level(Width::Long).count();
            self.unregistered.push(Unregistered { group: group.into(), name: name.into(), count });
            return;
        };
        let Some(free @ Held::Absent) = self.registered.get_mut(slot) else {
            self.problems.push(Problem::Repeated {
                path: path.map(Path::to_owned),
                group: group.into(),
                name: name.into(),
            });
            return;
        };
        let figure = match entry.kind {
            CounterKind::Counter => figure.as_count(),
            _ => figure.as_level(Width::Int),
        };
        *free = Held::Is(figure);
        if entry.kind != CounterKind::Integer && figure.count().is_none() {
            self.notes.push(Note::below_zero(&format!("{group} {name}")));
        }
    }

    /// A registered counter; `None` if the running kernel does not have it, reading it failed, or it is withheld.
    #[must_use]
    pub fn figure(&self, slot: Slot) -> Option<Figure> {
        match self.registered.get(slot)? {
            Held::Is(figure) => Some(*figure),
            Held::Absent | Held::Withheld => None,
        }
    }

    /// A registered counter, if it is not negative.
    #[must_use]
    pub fn count(&self, slot: Slot) -> Option<u64> {
        self.figure(slot)?.count()
    }

    /// Whether the running kernel has a registered counter, withheld or not.
    pub(in crate::snapshot) fn has(&self, slot: Slot) -> bool {
        self.registered.get(slot).is_some_and(|held| *held != Held::Absent)
    }

    /// Whether we know that the running kernel does not have a counter of net/snmp6 and did not have it before.
    #[must_use]
    pub fn lacks_ipv6(&self, slot: Slot) -> bool {
        self.ipv6_known && !self.has(slot)
    }

    /// How many messages of each ICMP type the kernel lists, in and out: `InType3` of group IcmpMsg, or of Icmp6.
    pub(in crate::snapshot) fn numbered_icmp<'a>(
        &'a self,
        group: &'a str,
    ) -> impl Iterator<Item = (bool, u8, Option<u64>)> + 'a {
        self.unregistered.iter().filter(move |counter| counter.group == group).filter_map(|counter| {
            let (inbound, number) = match counter.name.strip_prefix("InType") {
                Some(number) => (true, number),
                None => (false, counter.name.strip_prefix("OutType")?),
            };
            Some((inbound, number.parse().ok()?, counter.count))
        })
    }
}

fn malformed(path: &Path, cause: ParseError) -> Problem {
    ReadError::Malformed { path: path.to_owned(), cause }.into()
}

fn registered(group: &str, name: &str) -> Option<(Slot, &'static Registered)> {
    let slot = registry::find(group, name)?;
    Some((slot, registry::all().get(slot)?))
}

fn by_prefix(item: Item<'_>) -> Item<'_> {
    let Item::Counter { name: full, figure, .. } = item else {
        return item;
    };
    let split = PREFIXES.iter().find_map(|prefix| Some((*prefix, full.strip_prefix(prefix)?)));
    match split {
        Some((group, name)) if !name.is_empty() => Item::Counter { group, name, figure },
        // A group of a future kernel: it keeps its full name, so that it can still be polled.
        _ => Item::Counter { group: "Snmp6", name: full, figure },
    }
}

fn within<'a>(item: Item<'a>, group: &'a str) -> Item<'a> {
    match item {
        Item::Counter { name, figure, .. } => Item::Counter { group, name, figure },
        problem @ Item::Problem(_) => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(form: Form, contents: &str) -> Counters {
        let mut counters = Counters::empty();
        counters.parse(Path::new("/net/file"), "", form, contents.as_bytes());
        counters.drop_repeated();
        counters
    }

    fn told(counters: &Counters) -> Vec<String> {
        counters.problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn registered_and_other_names() {
        let counters = parse(
            Form::Pairs,
            "Tcp: MaxConn ActiveOpens Tomorrow\nTcp: -1 5 6\nIcmpMsg: InType3 OutType8\nIcmpMsg: 4 9\n",
        );
        let slot = |group, name| registry::find(group, name).unwrap();
        assert_eq!(counters.figure(slot("Tcp", "MaxConn")), Some(Figure::Negative(-1)));
        assert_eq!(counters.count(slot("Tcp", "ActiveOpens")), Some(5));
        assert_eq!(counters.count(slot("Tcp", "PassiveOpens")), None);
        assert_eq!(counters.unregistered.len(), 3);
        assert_eq!(
            counters.numbered_icmp("IcmpMsg").collect::<Vec<_>>(),
            [(true, 3, Some(4)), (false, 8, Some(9))]
        );
    }

    #[test]
    fn names_of_snmp6_are_split_at_their_group() {
        let counters =
            parse(Form::Prefixed, "Udp6NoPorts 1\nUdpLite6NoPorts 2\nIcmp6InType128 3\nIp7Future 4\n");
        let count = |group, name| counters.count(registry::find(group, name).unwrap());
        assert_eq!((count("Udp6", "NoPorts"), count("UdpLite6", "NoPorts")), (Some(1), Some(2)));
        assert_eq!(counters.numbered_icmp("Icmp6").collect::<Vec<_>>(), [(true, 128, Some(3))]);
        assert_eq!(counters.unregistered.last().unwrap().group, "Snmp6");
    }

    #[test]
    fn a_section_that_stands_twice_is_told_and_the_first_counts() {
        let counters = parse(Form::Pairs, "Udp: NoPorts\nUdp: 7\nUdp: NoPorts\nUdp: 8\n");
        assert_eq!(counters.count(registry::find("Udp", "NoPorts").unwrap()), Some(7));
        assert_eq!(told(&counters), ["/net/file, Udp NoPorts stands twice, the first is taken"]);
    }

    /// CurrEstab as 64-bit and 32-bit kernels print it; MPCurrEstab and SctpCurrEstab with their own formats.
    #[test]
    fn a_gauge_below_zero_goes_alone_and_a_count_never_is() {
        let slot = |group, name| registry::find(group, name).unwrap();
        for printed in ["-3", "4294967293", "18446744073709551613"] {
            let counters =
                parse(Form::Pairs, &format!("Tcp: CurrEstab InSegs MaxConn\nTcp: {printed} 4294967295 -1\n"));
            assert_eq!(counters.count(slot("Tcp", "CurrEstab")), None, "{printed}");
            assert_eq!(counters.count(slot("Tcp", "InSegs")), Some(4_294_967_295));
            assert_eq!(counters.figure(slot("Tcp", "MaxConn")), Some(Figure::Negative(-1)));
            assert_eq!(told(&counters), [""; 0]);
            assert_eq!(counters.notes, [Note::below_zero("Tcp CurrEstab")]);
            let counters =
                parse(Form::Single("Sctp"), &format!("SctpCurrEstab {printed}\nSctpAborteds -2147483000\n"));
            assert_eq!(counters.count(slot("Sctp", "SctpCurrEstab")), None);
            assert_eq!(counters.count(slot("Sctp", "SctpAborteds")), Some(2_147_484_296));
        }
        // MaxConn is signed: some kernels print it without its sign.
        let counters = parse(Form::Pairs, "Tcp: MaxConn\nTcp: 18446744073709551615\n");
        assert_eq!(counters.figure(slot("Tcp", "MaxConn")), Some(Figure::Negative(-1)));
        // An unknown figure below zero is not a counter.
        let counters = parse(Form::Pairs, "Tcp: New Newer\nTcp: 18446744073709551613 -3\n");
        assert_eq!((counters.rows(), counters.problems.len(), counters.notes.len()), (0, 0, 0));
    }

    #[test]
    fn counters_by_name_are_in_the_order_of_their_index() {
        let counters = parse(
            Form::Pairs,
            "TcpExt: TW ZZ A\nTcpExt: 1 2 3\nIcmpMsg: InType3\nIcmpMsg: 4\nTcp: MaxConn CurrEstab InSegs Below\nTcp: -1 5 6 -7\n",
        );
        let names: Vec<_> = (0..counters.rows()).filter_map(|row| counters.named(row)).collect();
        assert_eq!(
            names,
            [
                ("Tcp", "InSegs", 6),
                ("TcpExt", "A", 3),
                ("TcpExt", "TW", 1),
                ("TcpExt", "ZZ", 2),
                ("IcmpMsg", "InType3", 4)
            ]
        );
    }

    const CONNTRACK: &str = "entries  clashres found insert drop new_one\n\
        00000007  00000001 00000002 fffffffe 00000000 0000000a\n\
        00000007  00000002 00000003 00000003 00000000 0000000b\n";

    /// What is in the file at one reading after the other; `None` where it is not there.
    fn readings(files: &[Option<&str>]) -> Vec<Counters> {
        let mut before = PerCpu::default();
        let each = files.iter().map(|contents| {
            let mut counters = Counters::empty();
            let (file, _, form) = FILES[7];
            match contents {
                Some(contents) => {
                    counters.parse(Path::new("/net/stat/nf_conntrack"), file, form, contents.as_bytes());
                }
                None => counters.gone.extend(form.per_cpu()),
            }
            counters.add_up(&mut before);
            counters
        });
        each.collect()
    }

    fn conntrack(counters: &Counters, name: &str) -> Option<u64> {
        counters.count(registry::find("Conntrack", name).unwrap())
    }

    /// `entries` is the whole table's in every row; a column that no registry knows can be had by name, one that the
    /// kernel does not have has no instance.
    #[test]
    fn per_cpu_counts_are_summed_and_the_entries_are_not() {
        let counters = &readings(&[Some(CONNTRACK)])[0];
        let of = |name| conntrack(counters, name);
        assert_eq!((of("entries"), of("clashres"), of("found")), (Some(7), Some(3), Some(5)));
        assert_eq!((of("insert"), of("drop")), (Some(0x1_0000_0001), Some(0)));
        assert_eq!((of("search_restart"), of("searched"), of("chainlength")), (None, None, None));
        assert_eq!((told(counters), counters.notes.len()), (vec![], 0));
        let rows: Vec<_> = (0..counters.rows()).filter_map(|row| counters.named(row)).collect();
        let names: Vec<_> = rows.iter().map(|(_, name, count)| (*name, *count)).collect();
        let expected =
            [("drop", 0), ("found", 5), ("insert", 0x1_0000_0001), ("new_one", 21), ("clashres", 3)];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_table_that_is_wrong_goes_as_a_whole_and_is_told_once() {
        for (bad, told_of) in [
            (CONNTRACK.replace("0000000b\n", "\n"), "line 3: 5 columns, where the header has 6 names"),
            (
                CONNTRACK.replace("0000000a", "0000000a 00000001"),
                "line 2: 7 columns, where the header has 6 names",
            ),
            (CONNTRACK.replace("found ", ""), "line 2: 6 columns, where the header has 5 names"),
            (CONNTRACK.replace("found", "insert"), "line 1: insert stands twice"),
            (
                CONNTRACK.replace("fffffffe", "1fffffffe"),
                "line 2: insert is '1fffffffe', which is no hexadecimal number",
            ),
            (
                CONNTRACK.replace("00000002 fff", "-0000002 fff"),
                "line 2: found is '-0000002', which is no hexadecimal",
            ),
            (CONNTRACK.lines().take(1).collect::<String>() + "\n", "line 0: no row"),
            (CONNTRACK.split_once('\n').unwrap().1.to_owned(), "line 1: '00000007' is no name"),
            (String::new(), "line 0: no header"),
        ] {
            let counters = readings(&[Some(CONNTRACK), Some(&bad), Some(CONNTRACK)]);
            assert_eq!(told(&counters[1]).len(), 1, "{bad}");
            assert!(told(&counters[1])[0].contains(told_of), "{bad}: {:?}", told(&counters[1]));
            assert!(
                registry::of_group(15).all(|entry| conntrack(&counters[1], entry.name).is_none()),
                "{bad}"
            );
            assert_eq!(counters[1].rows(), 0, "{bad}");
            assert_eq!((conntrack(&counters[2], "found"), told(&counters[2])), (Some(5), vec![]), "{bad}");
        }
    }

    /// Wraps of 32 bits are added; a CPU's row that is missing leaves the sums, since nobody knows whose it was.
    #[test]
    fn conntrack_counts_on_over_a_wrap_and_a_missing_row() {
        let wrapped = CONNTRACK.replace("fffffffe", "00000001");
        let short = CONNTRACK.replace("\n00000007  00000002", "\n\n00000007  00000002");
        let short = short.split_once("\n\n").unwrap().0.to_owned() + "\n";
        let counters = readings(&[Some(CONNTRACK), Some(&wrapped), Some(&short), Some(&wrapped)]);
        let inserted: Vec<_> = counters.iter().map(|counters| conntrack(counters, "insert")).collect();
        assert_eq!(inserted, [0x1_0000_0001, 0x1_0000_0004, 0x1_0000_0004, 0x1_0000_0004].map(Some));
        assert!(counters.iter().all(|counters| told(counters).is_empty()));
    }

    /// A module that was unloaded counts from 0 when it is back, however much it had counted.
    #[test]
    fn a_file_that_was_gone_counts_anew() {
        let anew =
            CONNTRACK.replace("fffffffe", "00000001").replace("00000003 00000003", "00000001 00000000");
        let counters = readings(&[Some(CONNTRACK), None, Some(&anew)]);
        let of = |name| counters.iter().map(|counters| conntrack(counters, name)).collect::<Vec<_>>();
        assert_eq!(of("insert"), [Some(0x1_0000_0001), None, Some(1)]);
        assert_eq!(of("entries"), [Some(7), None, Some(7)]);
        assert!(counters.iter().all(|counters| told(counters).is_empty() && counters.notes.is_empty()));
    }

    /// The kernel has added these up, and prints them in decimal.
    #[test]
    fn tls_is_decimal() {
        let file = "TlsCurrTxSw     \t18446744073709551615\nTlsTxSw         \t10\nTlsNew          \t3\n";
        let counters = Counters::of(&[("tls_stat", file.as_bytes())]);
        let count = |name| counters.count(registry::find("Tls", name).unwrap());
        assert_eq!((count("TlsCurrTxSw"), count("TlsTxSw"), count("TlsRxSw")), (None, Some(10), None));
        assert_eq!((told(&counters), counters.rows()), (vec![], 2));
        assert_eq!(counters.notes, [Note::below_zero("Tls TlsCurrTxSw")]);
        let hexadecimal = Counters::of(&[
            ("tls_stat", b"TlsTxSw\t0000000a\nTlsRxSw\t11\n"),
            ("stat/synproxy", b"entries\ta\n0\t5\n"),
        ]);
        assert_eq!(
            (told(&hexadecimal).len(), hexadecimal.count(registry::find("Tls", "TlsRxSw").unwrap())),
            (1, Some(11))
        );
        assert!(
            told(&hexadecimal)[0].contains("TlsTxSw is '0000000a', which is no number"),
            "{:?}",
            told(&hexadecimal)
        );
        assert_eq!(hexadecimal.count(registry::find("Tls", "TlsTxSw").unwrap()), None);
    }

    #[test]
    fn what_no_registry_knows_stands_once_too() {
        let counters = parse(Form::Pairs, "Udp: New New\nUdp: 7 8\n");
        assert_eq!((counters.rows(), counters.problems.len()), (1, 1));
    }
}
