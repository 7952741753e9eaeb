//! The registry of kernel counters: group and number for good, the kernel's name, the descriptor in the MIB.
//!
//! The data stands in the TOML files beside this one, a file for each group and an entry for each counter;
//! `build.rs` makes [`all`] of them. A new counter is a new entry with the next number of its group.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows: Counter64.
    Counter,
    /// A level or a setting: Gauge32.
    Gauge,
    /// A setting that may be negative: Integer32.
    Integer,
}

/// One entry of the registry.
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
    /// `ListenDrops`, as in the kernel's files.
    pub name: &'static str,
    /// `lnsTcpExtListenDrops`
    pub descriptor: &'static str,
    /// What it is.
    pub kind: Kind,
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

    #[test]
    fn descriptors_do_not_repeat_their_group() {
        let descriptor = |group, name| all()[find(group, name).unwrap()].descriptor;
        assert_eq!(descriptor("TcpExt", "ListenDrops"), "lnsTcpExtListenDrops");
        assert_eq!(descriptor("Sctp", "SctpAborteds"), "lnsSctpAborteds");
        assert_eq!(descriptor("TcpExt", "TCPBacklogDrop"), "lnsTcpExtTCPBacklogDrop");
    }

    #[test]
    fn nine_figures_are_no_counters() {
        let others: Vec<_> = all().iter().filter(|entry| entry.kind != Kind::Counter).collect();
        assert_eq!(others.len(), 9);
        assert!(others.iter().any(|entry| entry.name == "MaxConn" && entry.kind == Kind::Integer));
    }
}
