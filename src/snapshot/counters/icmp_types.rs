//! ICMP messages by type: the types the kernel counts by name, and those it lists by number once seen.

use super::read::Counters;
use crate::registry::find;
use crate::registry::icmp::{IcmpType, Named, VERSIONS};
use std::collections::BTreeSet;

/// All types of both versions, in the order of icmpMsgStatsTable.
fn of(counters: &Counters) -> Vec<IcmpType> {
    VERSIONS.iter().flat_map(|&version| of_version(counters, version)).collect()
}

impl Counters {
    /// ICMP messages by version and type.
    #[must_use]
    pub fn icmp_types(&self) -> &[IcmpType] {
        self.icmp_types.get_or_init(|| of(self))
    }
}

fn of_version(
    counters: &Counters,
    (version, group, named, numbered): (u32, &str, &[Named], &str),
) -> impl Iterator<Item = IcmpType> {
    let by_name = |name: &str| find(group, name).filter(|&slot| counters.has(slot));
    let mut types: BTreeSet<u8> = named
        .iter()
        .filter(|(_, received, _)| by_name(received).is_some())
        .map(|(number, ..)| *number)
        .collect();
    types.extend(counters.numbered_icmp(numbered).map(|(_, number, _)| number));
    let count = |number: u8, inbound: bool| {
        let name = named.iter().find(|(known, ..)| *known == number);
        let name = name.map(|(_, received, sent)| if inbound { received } else { sent });
        if let Some(slot) = name.and_then(|name| by_name(name)) {
            return counters.count(slot);
        }
        // The kernel prints the numbered types once they are nonzero.
        let mut seen = counters.numbered_icmp(numbered);
        let same = seen.find(|(direction, seen, _)| (*direction, *seen) == (inbound, number));
        let all_known = if version == 1 { counters.ipv4_known } else { counters.ipv6_known };
        same.map_or(all_known.then_some(0), |(.., count)| count)
    };
    let row =
        |number| IcmpType { version, number, received: count(number, true), sent: count(number, false) };
    types.into_iter().map(row).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(snmp: &str) -> Counters {
        Counters::of(&[("snmp", snmp.as_bytes())])
    }

    #[test]
    fn named_types_are_always_there_and_others_once_they_are_seen() {
        let counters =
            reading("Icmp: InEchos OutEchos\nIcmp: 0 5\nIcmpMsg: OutType8 InType69\nIcmpMsg: 5 7\n");
        let row = |number, received, sent| IcmpType {
            version: 1,
            number,
            received: Some(received),
            sent: Some(sent),
        };
        assert_eq!(counters.icmp_types(), [row(8, 0, 5), row(69, 7, 0)]);
    }

    /// Another line of the file may have held them.
    #[test]
    fn what_may_stand_in_a_line_that_was_not_understood_is_not_zero() {
        let counters = reading("IcmpMsg: OutType69\nIcmpMsg: 5\nIcmpMsg: InType69 InType70\nIcmpMsg: 7\n");
        let [row] = counters.icmp_types() else { panic!("{:?}", counters.icmp_types()) };
        assert_eq!((row.received, row.sent), (None, Some(5)));
    }
}
