//! From what a person writes to the counter that is meant: a kernel name, a descriptor, an OID, a phrase of
//! `netstat -s`, a part of any of them.

use super::{Registered, all};
use crate::mib::names::nearest;
use crate::mib::oid::Oid;

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// The counters that are meant: one, or several that share a name or a phrase.
    Counters(Vec<&'static Registered>),
    /// Counters whose name or phrase holds what was written; too many to be meant all.
    Parts(Vec<&'static Registered>),
    /// Nothing; the names nearest to it.
    Nothing(Vec<&'static str>),
}

/// More than so many counters with a part in common are a list to choose from.
const FEW: usize = 3;

/// Finds what `text` means; OIDs count from `base`.
#[must_use]
pub fn counters(text: &str, base: &Oid) -> Found {
    let wanted = text.trim().to_lowercase();
    let exact: [&dyn Fn(&Registered) -> bool; 4] = [
        &|entry| is_oid(entry, &wanted, base),
        &|entry| names(entry).contains(&wanted),
        &|entry| entry.name.to_lowercase() == wanted,
        &|entry| phrase(entry.netstat) == phrase(&wanted) && !wanted.is_empty(),
    ];
    for matches in exact {
        let found: Vec<_> = all().iter().filter(|entry| matches(entry)).collect();
        if !found.is_empty() {
            return Found::Counters(found);
        }
    }
    let part = phrase(&wanted);
    let holds = |entry: &&Registered| {
        names(entry).iter().any(|name| name.contains(&wanted)) || phrase(entry.netstat).contains(&part)
    };
    let found: Vec<_> = all().iter().filter(holds).collect();
    match found.len() {
        0 => Found::Nothing(suggestions(&wanted)),
        _ if wanted.is_empty() || found.len() > FEW => Found::Parts(found),
        _ => Found::Counters(found),
    }
}

/// The ways to name a counter with its group, in lower case: `tcpext.listendrops`, `tcpextlistendrops` (as nstat and
/// the standard MIBs do), the descriptor.
fn names(entry: &Registered) -> [String; 4] {
    let (group, name) = (entry.group.to_lowercase(), entry.name.to_lowercase());
    let descriptor = entry.descriptor.to_lowercase();
    [format!("{group}.{name}"), format!("{group}{name}"), format!("{descriptor}.0"), descriptor]
}

/// A phrase without the figures and signs that netstat puts around it.
fn phrase(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words = words.filter(|word| !word.bytes().all(|b| b.is_ascii_digit()));
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}

fn is_oid(entry: &Registered, text: &str, base: &Oid) -> bool {
    let Ok(oid) = text.parse::<Oid>() else {
        return false;
    };
    let Some(below) = oid.strip_prefix(base.as_slice()) else {
        return false;
    };
    match below {
        [1, 3, group, number] | [1, 3, group, number, 0] => {
            (*group, *number) == (entry.group_number, entry.number)
        }
        // A row of lnsCounterTable: two texts with their lengths.
        [1, 4, 1, 3, index @ ..] => {
            let texts = [entry.group, entry.name];
            let wanted = texts.iter().flat_map(|text| {
                let length = u32::try_from(text.len()).unwrap_or(0);
                std::iter::once(length).chain(text.bytes().map(u32::from))
            });
            index.iter().copied().eq(wanted)
        }
        _ => false,
    }
}

fn suggestions(wanted: &str) -> Vec<&'static str> {
    let mut suggested = Vec::new();
    while suggested.len() < 3 {
        let left = all().iter().map(|entry| entry.name).filter(|name| !suggested.contains(name));
        let Some(name) = nearest(wanted, left) else {
            break;
        };
        suggested.push(name);
    }
    suggested
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let base = "1.3.6.1.4.1.8072.9999.9999.2741".parse().unwrap();
        match counters(text, &base) {
            Found::Counters(found) => found.iter().map(|entry| entry.descriptor.to_owned()).collect(),
            Found::Parts(found) => vec![format!("{} parts", found.len())],
            Found::Nothing(names) => names.iter().map(|name| format!("{name}?")).collect(),
        }
    }

    #[test]
    fn every_way_to_name_a_counter() {
        for text in [
            "TCPBacklogDrop",
            "tcpbacklogdrop",
            "lnsTcpExtTCPBacklogDrop",
            "lnsTcpExtTCPBacklogDrop.0",
            "TcpExt.TCPBacklogDrop",
            "TcpExtTCPBacklogDrop",
            "1.3.6.1.4.1.8072.9999.9999.2741.1.3.6.73",
            ".1.3.6.1.4.1.8072.9999.9999.2741.1.3.6.73.0",
            "1.3.6.1.4.1.8072.9999.9999.2741.1.4.1.3.6.84.99.112.69.120.116.14.84.67.80.66.97.99.107.108.111.103.68.114.111.112",
            "BacklogDrop",
        ] {
            assert_eq!(found(text), ["lnsTcpExtTCPBacklogDrop"], "{text}");
        }
        assert_eq!(found("tcpRetransSegs"), ["lnsTcpRetransSegs"], "as TCP-MIB has it");
        assert_eq!(found("XfrmInError"), ["lnsXfrmInError"]);
    }

    #[test]
    fn phrases_of_netstat() {
        assert_eq!(found("packets pruned from receive queue"), ["lnsTcpExtRcvPruned"]);
        assert_eq!(found("12 packets pruned from receive queue"), ["lnsTcpExtRcvPruned"]);
        assert_eq!(found("timeout in transit: 7"), ["lnsIcmpInTimeExcds"]);
        assert_eq!(found("TCP ran low on memory 5 times"), ["lnsTcpExtTCPMemoryPressures"]);
    }

    #[test]
    fn names_that_several_groups_have() {
        assert_eq!(
            found("NoPorts"),
            ["lnsUdpNoPorts", "lnsUdpLiteNoPorts", "lnsUdp6NoPorts", "lnsUdpLite6NoPorts"]
        );
    }

    #[test]
    fn parts_and_misspellings() {
        assert!(found("Abort")[0].ends_with(" parts"));
        assert_eq!(found("ListenDrobs")[0], "ListenDrops?");
        assert_eq!(found("qqqqqqqqqqqqqqqqqqqqqqqq"), [""; 0]);
        assert!(found("")[0].ends_with(" parts"));
    }
}
