//! ICMP messages by type: the types that the kernel counts by name, and those it numbers once it has seen them.

use super::counters::Counters;
use crate::registry::find;
use std::collections::BTreeSet;

/// A type of ICMP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpType {
    /// InetVersion of INET-ADDRESS-MIB: ipv4(1), ipv6(2).
    pub version: u32,
    /// The type.
    pub number: u8,
    /// Messages received.
    pub received: Option<u64>,
    /// Messages sent.
    pub sent: Option<u64>,
}

type Named = (u8, &'static str, &'static str);

/// An IP version, the group of its named types, those types, and the group of the numbered ones.
const VERSIONS: [(u32, &str, &[Named], &str); 2] =
    [(1, "Icmp", &NAMED4, "IcmpMsg"), (2, "Icmp6", &NAMED6, "Icmp6")];

/// The types that the kernel always counts by name (net/ipv4/proc.c, icmpmibmap), with that name.
const NAMED4: [(u8, &str, &str); 11] = [
    (0, "InEchoReps", "OutEchoReps"),
    (3, "InDestUnreachs", "OutDestUnreachs"),
    (4, "InSrcQuenchs", "OutSrcQuenchs"),
    (5, "InRedirects", "OutRedirects"),
    (8, "InEchos", "OutEchos"),
    (11, "InTimeExcds", "OutTimeExcds"),
    (12, "InParmProbs", "OutParmProbs"),
    (13, "InTimestamps", "OutTimestamps"),
    (14, "InTimestampReps", "OutTimestampReps"),
    (17, "InAddrMasks", "OutAddrMasks"),
    (18, "InAddrMaskReps", "OutAddrMaskReps"),
];

/// The same for ICMPv6 (net/ipv6/proc.c, icmp6type2name).
const NAMED6: [(u8, &str, &str); 15] = [
    (1, "InDestUnreachs", "OutDestUnreachs"),
    (2, "InPktTooBigs", "OutPktTooBigs"),
    (3, "InTimeExcds", "OutTimeExcds"),
    (4, "InParmProblems", "OutParmProblems"),
    (128, "InEchos", "OutEchos"),
    (129, "InEchoReplies", "OutEchoReplies"),
    (130, "InGroupMembQueries", "OutGroupMembQueries"),
    (131, "InGroupMembResponses", "OutGroupMembResponses"),
    (132, "InGroupMembReductions", "OutGroupMembReductions"),
    (133, "InRouterSolicits", "OutRouterSolicits"),
    (134, "InRouterAdvertisements", "OutRouterAdvertisements"),
    (135, "InNeighborSolicits", "OutNeighborSolicits"),
    (136, "InNeighborAdvertisements", "OutNeighborAdvertisements"),
    (137, "InRedirects", "OutRedirects"),
    (143, "InMLDv2Reports", "OutMLDv2Reports"),
];

/// A counter that the kernel names by the number of an ICMP type alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    /// Received or sent.
    pub inbound: bool,
    /// The type.
    pub number: u8,
    /// Group and name under which the kernel counts the same messages, if it names their type.
    pub named: Option<(&'static str, &'static str)>,
}

/// What `InType3` of group IcmpMsg, or of Icmp6, counts; `None` for every other counter.
#[must_use]
pub fn numbered(group: &str, name: &str) -> Option<Numbered> {
    let (_, of_named, types, _) = VERSIONS.iter().find(|(.., numbered)| *numbered == group)?;
    let (inbound, digits) = match name.strip_prefix("InType") {
        Some(digits) => (true, digits),
        None => (false, name.strip_prefix("OutType")?),
    };
    let number: u8 = digits.parse().ok()?;
    let of_type = types.iter().find(|(known, ..)| *known == number);
    let named = of_type.map(|(_, received, sent)| (*of_named, if inbound { *received } else { *sent }));
    Some(Numbered { inbound, number, named })
}

/// All types of both versions, in the order of icmpMsgStatsTable.
pub(super) fn of(counters: &Counters) -> Vec<IcmpType> {
    VERSIONS.iter().flat_map(|&version| of_version(counters, version)).collect()
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
        // The kernel prints the numbered types once they are not zero.
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

    /// Another line of the file may have been theirs.
    #[test]
    fn what_may_stand_in_a_line_that_was_not_understood_is_not_zero() {
        let counters = reading("IcmpMsg: OutType69\nIcmpMsg: 5\nIcmpMsg: InType69 InType70\nIcmpMsg: 7\n");
        let [row] = counters.icmp_types() else { panic!("{:?}", counters.icmp_types()) };
        assert_eq!((row.received, row.sent), (None, Some(5)));
    }
}
