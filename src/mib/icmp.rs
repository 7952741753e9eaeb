//! icmp, 1.3.6.1.2.1.5: the scalars of RFC 2011 and the tables of RFC 4293.

use super::context::Context;
use super::object::{Column, Group, Object, Place, Read, Rows, Syntax, Table, standard, standard_column};
use super::oid::Oid;
use super::value::Value;
use std::collections::BTreeSet;

/// icmp
pub static GROUP: Group = Group {
    place: Place::Mib2(&[5]),
    name: "icmp",
    description: "",
    objects: &[
        icmp(1, "icmpInMsgs", "InMsgs"),
        icmp(2, "icmpInErrors", "InErrors"),
        icmp(3, "icmpInDestUnreachs", "InDestUnreachs"),
        icmp(4, "icmpInTimeExcds", "InTimeExcds"),
        icmp(5, "icmpInParmProbs", "InParmProbs"),
        icmp(6, "icmpInSrcQuenchs", "InSrcQuenchs"),
        icmp(7, "icmpInRedirects", "InRedirects"),
        icmp(8, "icmpInEchos", "InEchos"),
        icmp(9, "icmpInEchoReps", "InEchoReps"),
        icmp(10, "icmpInTimestamps", "InTimestamps"),
        icmp(11, "icmpInTimestampReps", "InTimestampReps"),
        icmp(12, "icmpInAddrMasks", "InAddrMasks"),
        icmp(13, "icmpInAddrMaskReps", "InAddrMaskReps"),
        icmp(14, "icmpOutMsgs", "OutMsgs"),
        icmp(15, "icmpOutErrors", "OutErrors"),
        icmp(16, "icmpOutDestUnreachs", "OutDestUnreachs"),
        icmp(17, "icmpOutTimeExcds", "OutTimeExcds"),
        icmp(18, "icmpOutParmProbs", "OutParmProbs"),
        icmp(19, "icmpOutSrcQuenchs", "OutSrcQuenchs"),
        icmp(20, "icmpOutRedirects", "OutRedirects"),
        icmp(21, "icmpOutEchos", "OutEchos"),
        icmp(22, "icmpOutEchoReps", "OutEchoReps"),
        icmp(23, "icmpOutTimestamps", "OutTimestamps"),
        icmp(24, "icmpOutTimestampReps", "OutTimestampReps"),
        icmp(25, "icmpOutAddrMasks", "OutAddrMasks"),
        icmp(26, "icmpOutAddrMaskReps", "OutAddrMaskReps"),
        Object::Table(Table {
            subid: 29,
            name: "icmpStatsTable",
            entry: "icmpStatsEntry",
            description: "",
            entry_description: "",
            index: &[VERSION],
            columns: &[
                standard_column(2, "icmpStatsInMsgs", Syntax::Counter32),
                standard_column(3, "icmpStatsInErrors", Syntax::Counter32),
                standard_column(4, "icmpStatsOutMsgs", Syntax::Counter32),
                standard_column(5, "icmpStatsOutErrors", Syntax::Counter32),
            ],
            rows: &Stats,
        }),
        Object::Table(Table {
            subid: 30,
            name: "icmpMsgStatsTable",
            entry: "icmpMsgStatsEntry",
            description: "",
            entry_description: "",
            index: &[VERSION, standard_column(2, "icmpMsgStatsType", Syntax::Range(0, 255))],
            columns: &[
                standard_column(3, "icmpMsgStatsInPkts", Syntax::Counter32),
                standard_column(4, "icmpMsgStatsOutPkts", Syntax::Counter32),
            ],
            rows: &MsgStats,
        }),
    ],
};

/// InetVersion of INET-ADDRESS-MIB.
const VERSION: Column =
    standard_column(1, "icmpStatsIPVersion", Syntax::Enumeration(&[(1, "ipv4"), (2, "ipv6")]));

const fn icmp(subid: u32, name: &'static str, kernel: &'static str) -> Object {
    standard(subid, name, Syntax::Counter32, Read::Counter("Icmp", kernel))
}

/// The kernel's groups by IP version.
const GROUPS: [&str; 2] = ["Icmp", "Icmp6"];

struct Stats;

impl Rows for Stats {
    fn len(&self, _: &Context<'_>) -> usize {
        GROUPS.len()
    }

    fn index(&self, _: &Context<'_>, row: usize, name: &mut Oid) {
        name.push(version(row));
    }

    fn cell(&self, cx: &Context<'_>, row: usize, column: u32) -> Option<Value> {
        let kernel = match column {
            2 => "InMsgs",
            3 => "InErrors",
            4 => "OutMsgs",
            _ => "OutErrors",
        };
        cx.count(GROUPS.get(row)?, kernel).map(Value::counter32)
    }
}

fn version(row: usize) -> u32 {
    if row == 0 { 1 } else { 2 }
}

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

/// One row for each type that the kernel counts by name, and one for each other type it has seen.
struct MsgStats;

impl MsgStats {
    /// Version (0 for IPv4, 1 for IPv6) and type of each row.
    fn types(cx: &Context<'_>) -> Option<BTreeSet<(usize, u8)>> {
        let counters = cx.counters()?;
        let mut types = BTreeSet::new();
        for (version, named) in [(0, &NAMED4[..]), (1, &NAMED6[..])] {
            let group = GROUPS.get(version)?;
            let known = named.iter().filter(|(_, inbound, _)| cx.count(group, inbound).is_some());
            types.extend(known.map(|&(number, ..)| (version, number)));
        }
        types.extend(counters.icmp_types("IcmpMsg").map(|(_, number, _)| (0, number)));
        types.extend(counters.icmp_types("Icmp6").map(|(_, number, _)| (1, number)));
        Some(types)
    }

    fn row(cx: &Context<'_>, row: usize) -> Option<(usize, u8)> {
        Self::types(cx)?.into_iter().nth(row)
    }

    fn count(cx: &Context<'_>, (version, number): (usize, u8), inbound: bool) -> Option<u64> {
        let (named, numbered) = if version == 0 { (&NAMED4[..], "IcmpMsg") } else { (&NAMED6[..], "Icmp6") };
        let by_name = named.iter().find(|(known, ..)| *known == number);
        let by_name = by_name.and_then(|(_, in_name, out_name)| {
            cx.count(GROUPS.get(version)?, if inbound { in_name } else { out_name })
        });
        // The kernel prints the numbered types once they are not zero.
        by_name.or_else(|| {
            let mut seen = cx.counters()?.icmp_types(numbered);
            let same = seen.find(|(direction, seen, _)| (*direction, *seen) == (inbound, number));
            Some(same.map_or(0, |(.., count)| count))
        })
    }
}

impl Rows for MsgStats {
    fn len(&self, cx: &Context<'_>) -> usize {
        Self::types(cx).map_or(0, |types| types.len())
    }

    fn index(&self, cx: &Context<'_>, row: usize, name: &mut Oid) {
        if let Some((row, number)) = Self::row(cx, row) {
            name.push(version(row));
            name.push(u32::from(number));
        }
    }

    fn cell(&self, cx: &Context<'_>, row: usize, column: u32) -> Option<Value> {
        Self::count(cx, Self::row(cx, row)?, column == 3).map(Value::counter32)
    }
}
