//! The registry of kernel counters: permanent group and number, the kernel's name, and what it means.
//!
//! The data is in the TOML files beside this one, one file for each group and one entry for each counter; `build.rs`
//! makes [`all`] of them. A new counter is a new entry with the next number of its group.

pub mod drops;
pub mod find;
pub mod icmp;
pub mod lines;

use std::collections::HashMap;
use std::sync::LazyLock;

/// The kind of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterKind {
    /// Only ever grows: Counter64.
    Counter,
    /// A level, which rises and falls with activity: Gauge32.
    Gauge,
    /// A setting or a constant: Unsigned32.
    Setting,
    /// A setting that may be negative: Integer32.
    Integer,
    /// A setting whose numbers have names: INTEGER with these labels.
    Enumeration(&'static [(u32, &'static str)]),
}

/// How much a growing value should worry an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// Normal activity.
    None,
    /// Worth a look when it grows fast or steadily.
    Watch,
    /// Something was lost, refused, broken or attacked.
    Trouble,
}

impl Concern {
    /// The word for it in the registry.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Watch => "watch",
            Self::Trouble => "trouble",
        }
    }
}

/// One entry of the registry; src/registry/README.md says more about its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// `TcpExt`, as in the kernel's files.
    pub group: &'static str,
    /// G of B.1.3.G.N
    pub group_number: u32,
    /// `net/netstat`
    pub file: &'static str,
    /// N of B.1.3.G.N: given out once, never moved or reused.
    pub number: u32,
    /// `ListenDrops`, as in the kernel's files; `time_squeeze`, as in its source, if a file has no names.
    pub name: &'static str,
    /// `LINUX_MIB_LISTENDROPS`, as in the kernel's source; empty if it has none (the ICMPv6 types, two settings,
    /// Softnet, the files of net/stat).
    pub symbol: &'static str,
    /// `lnsTcpExtListenDrops`
    pub descriptor: &'static str,
    /// What kind of figure it is.
    pub kind: CounterKind,
    /// How much a growing value should worry.
    pub concern: Concern,
    /// What it counts.
    pub counts: &'static str,
    /// When the kernel increments it.
    pub when: &'static str,
    /// `file:function` in the kernel's source.
    pub source: &'static [&'static str],
    /// The kernel version whose source was read.
    pub checked: &'static str,
    /// What a growing value means, and what to check or tune.
    pub means: &'static str,
    /// Counters that belong with it, `Group.Name`.
    pub related: &'static [&'static str],
    /// The phrase of `netstat -s`; empty if it has none.
    pub netstat: &'static str,
    /// The phrases of older versions.
    pub netstat_older: &'static [&'static str],
    /// The standard object or kernel document that defines it; may be empty.
    pub reference: &'static str,
    /// The kernel version that introduced it; empty if that was not checked.
    pub since: &'static str,
    /// When it was removed and what replaced it; empty while it exists.
    pub retired: &'static str,
}

/// The position of a counter in [`all`].
pub type Slot = usize;

static REGISTRY: &[Registered] = include!(concat!(env!("OUT_DIR"), "/registry.rs"));

static BY_NAME: LazyLock<HashMap<(&str, &str), Slot>> = LazyLock::new(|| {
    let entries = REGISTRY.iter().enumerate();
    entries.map(|(slot, entry)| ((entry.group, entry.name), slot)).collect()
});

/// All counters, by group and number.
#[must_use]
pub fn all() -> &'static [Registered] {
    REGISTRY
}

/// The slot of a counter by the kernel's group and name.
#[must_use]
pub fn find(group: &str, name: &str) -> Option<Slot> {
    BY_NAME.get(&(group, name)).copied()
}

/// The groups by number, each with its name and its file.
pub fn groups() -> impl Iterator<Item = (&'static str, u32, &'static str)> {
    let groups = REGISTRY.chunk_by(|a, b| a.group_number == b.group_number);
    groups.filter_map(|group| group.first()).map(|entry| (entry.group, entry.group_number, entry.file))
}

/// The counters of a group, by number.
pub fn of_group(number: u32) -> impl Iterator<Item = &'static Registered> {
    REGISTRY.iter().filter(move |entry| entry.group_number == number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_names_and_descriptors_are_unique() {
        let numbers: HashSet<_> = all().iter().map(|entry| (entry.group_number, entry.number)).collect();
        let names: HashSet<_> = all().iter().map(|entry| (entry.group, entry.name)).collect();
        let descriptors: HashSet<_> = all().iter().map(|entry| entry.descriptor).collect();
        assert_eq!((numbers.len(), names.len(), descriptors.len()), (all().len(), all().len(), all().len()));
    }

    /// Numbers are permanent: changing counter-numbers.tsv moves OIDs that people poll.
    #[test]
    fn numbers_never_move() {
        let pinned = include_str!("../../tests/counter-numbers.tsv");
        let given: Vec<_> = pinned
            .lines()
            .map(|line| {
                let mut fields = line.split('\t');
                let mut next = || fields.next().unwrap();
                let (group, number): (u32, u32) = (next().parse().unwrap(), next().parse().unwrap());
                (group, number, next(), next())
            })
            .collect();
        assert!(given.len() >= 473);
        let ours: Vec<_> =
            all().iter().map(|entry| (entry.group_number, entry.number, entry.group, entry.name)).collect();
        for line in &given {
            assert!(ours.contains(line), "{line:?} has moved");
        }
        assert_eq!(ours.len(), given.len(), "append the new ones to tests/counter-numbers.tsv");
    }

    /// The kernels that have a counter, or no longer have it, are those that the registry names.
    #[test]
    fn kernels_have_what_the_registry_says() {
        let seen = include_str!("../../tests/counter-kernels.tsv");
        let kernels = seen.lines().find_map(|line| line.strip_prefix("# Kernels: ")).unwrap();
        let kernels: Vec<_> = kernels.split(' ').collect();
        assert!(kernels.len() > 10);
        let with: HashMap<_, _> = seen
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let fields: Vec<_> = line.split('\t').collect();
                let kernels: Vec<_> = fields[2].split(' ').filter(|kernel| !kernel.is_empty()).collect();
                ((fields[0], fields[1]), kernels)
            })
            .collect();
        let number =
            |kernel: &str| -> Vec<u32> { kernel.split('.').map(|part| part.parse().unwrap()).collect() };
        for entry in all() {
            let with = with.get(&(entry.group, entry.name)).unwrap_or(&kernels);
            let newest = with.last() == kernels.last();
            assert_eq!(newest, entry.retired.is_empty(), "{} {}", entry.descriptor, entry.retired);
            if !entry.since.is_empty() {
                let since = kernels.iter().filter(|kernel| number(kernel) >= number(entry.since));
                assert_eq!(*with, since.copied().collect::<Vec<_>>(), "{}", entry.descriptor);
            }
        }
    }

    #[test]
    fn descriptors_are_letters_and_digits_and_do_not_repeat_their_group() {
        let descriptor = |group, name| all()[find(group, name).unwrap()].descriptor;
        assert_eq!(descriptor("TcpExt", "ListenDrops"), "lnsTcpExtListenDrops");
        assert_eq!(descriptor("Sctp", "SctpAborteds"), "lnsSctpAborteds");
        assert_eq!(descriptor("TcpExt", "TCPBacklogDrop"), "lnsTcpExtTCPBacklogDrop");
        assert_eq!(descriptor("Softnet", "time_squeeze"), "lnsSoftnetTimeSqueeze");
        assert_eq!(descriptor("Softnet", "dropped"), "lnsSoftnetDropped");
        assert_eq!(descriptor("Tls", "TlsCurrTxSw"), "lnsTlsCurrTxSw");
        assert!(all().iter().all(|entry| entry.descriptor.bytes().all(|b| b.is_ascii_alphanumeric())));
    }

    #[test]
    fn twenty_figures_are_no_counters() {
        let others: Vec<_> = all().iter().filter(|entry| entry.kind != CounterKind::Counter).collect();
        assert_eq!(others.len(), 20);
        let of_kind = |wanted: fn(CounterKind) -> bool| -> Vec<_> {
            others.iter().filter(|entry| wanted(entry.kind)).map(|entry| entry.descriptor).collect()
        };
        // Activity on the host moves these; the others change only when somebody sets them, or never.
        assert_eq!(
            of_kind(|kind| kind == CounterKind::Gauge),
            [
                "lnsTcpCurrEstab",
                "lnsMPTcpExtMPCurrEstab",
                "lnsSctpCurrEstab",
                "lnsConntrackEntries",
                "lnsSoftnetBacklogLen",
                "lnsSoftnetInputQlen",
                "lnsSoftnetProcessQlen",
                "lnsArpCacheEntries",
                "lnsNdiscCacheEntries",
                "lnsTlsCurrTxSw",
                "lnsTlsCurrRxSw",
                "lnsTlsCurrTxDevice",
                "lnsTlsCurrRxDevice",
                "lnsSynproxyEntries"
            ]
        );
        assert_eq!(
            of_kind(|kind| kind == CounterKind::Setting),
            ["lnsIpDefaultTTL", "lnsTcpRtoMin", "lnsTcpRtoMax"]
        );
        assert_eq!(of_kind(|kind| kind == CounterKind::Integer), ["lnsTcpMaxConn"]);
        assert_eq!(
            of_kind(|kind| matches!(kind, CounterKind::Enumeration(_))),
            ["lnsIpForwarding", "lnsTcpRtoAlgorithm"]
        );
    }

    /// SMI limits: ASCII without double quotes, and no more than Net-SNMP's parser accepts in one text.
    #[test]
    fn explanations_are_whole() {
        for entry in all() {
            let texts =
                [entry.counts, entry.when, entry.means, entry.retired, entry.netstat, entry.reference];
            for text in texts {
                assert!(text.is_ascii() && !text.contains(['"', '\\', '\t']), "{}: {text}", entry.descriptor);
            }
            assert!(
                entry.counts.len() > 15 && entry.when.len() > 15 && entry.means.len() > 15,
                "{}",
                entry.descriptor
            );
            assert!(texts.iter().map(|text| text.len()).sum::<usize>() < 3800, "{}", entry.descriptor);
            assert!(!entry.source.is_empty() && !entry.checked.is_empty(), "{}", entry.descriptor);
            for related in entry.related {
                let (group, name) = related.split_once('.').unwrap();
                assert!(find(group, name).is_some(), "{}: {related}", entry.descriptor);
                assert!((group, name) != (entry.group, entry.name), "{}", entry.descriptor);
            }
        }
    }
}
