//! icmp, 1.3.6.1.2.1.5: the scalars of RFC 2011 and the tables of RFC 4293.

use crate::mib::context::Context;
use crate::mib::object::{Column, Group, Object, Place, Read, Rows, Table, standard, standard_column};
use crate::mib::syntax::Syntax;
use crate::registry::icmp::IcmpType;
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::snapshot::counters::Counters;

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
        name.push(if row == 0 { 1 } else { 2 });
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

/// One row for each type that the kernel counts by name, and one for each other type it has seen.
struct MsgStats;

impl MsgStats {
    fn rows<'a>(cx: &Context<'a>) -> &'a [IcmpType] {
        cx.counters().map_or(&[], Counters::icmp_types)
    }
}

impl Rows for MsgStats {
    fn len(&self, cx: &Context<'_>) -> usize {
        Self::rows(cx).len()
    }

    fn index(&self, cx: &Context<'_>, row: usize, name: &mut Oid) {
        if let Some(row) = Self::rows(cx).get(row) {
            name.push(row.version);
            name.push(u32::from(row.number));
        }
    }

    fn cell(&self, cx: &Context<'_>, row: usize, column: u32) -> Option<Value> {
        let row = Self::rows(cx).get(row)?;
        let count = if column == 3 { row.received } else { row.sent };
        count.map(Value::counter32)
    }
}
