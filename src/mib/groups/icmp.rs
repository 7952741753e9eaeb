//! icmp, 1.3.6.1.2.1.5: the scalars of RFC 2011 and the tables of RFC 4293.

use crate::mib::context::Context;
use crate::mib::object::{Group, Object, Place, Read, standard};
use crate::mib::syntax::Syntax;
use crate::mib::table::{Cells, Column, Rows, Table};
use crate::registry::icmp::{IcmpType, VERSIONS};
use crate::smi::oid::Oid;
use crate::smi::value::Value;

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
            columns: &Cells::<Stats>::of(&[
                Column::standard(2, "icmpStatsInMsgs", Syntax::Counter32)
                    .cell(|(_, group), cx| cx.count(group, "InMsgs").map(Value::counter32)),
                Column::standard(3, "icmpStatsInErrors", Syntax::Counter32)
                    .cell(|(_, group), cx| cx.count(group, "InErrors").map(Value::counter32)),
                Column::standard(4, "icmpStatsOutMsgs", Syntax::Counter32)
                    .cell(|(_, group), cx| cx.count(group, "OutMsgs").map(Value::counter32)),
                Column::standard(5, "icmpStatsOutErrors", Syntax::Counter32)
                    .cell(|(_, group), cx| cx.count(group, "OutErrors").map(Value::counter32)),
            ]),
        }),
        Object::Table(Table {
            subid: 30,
            name: "icmpMsgStatsTable",
            entry: "icmpMsgStatsEntry",
            description: "",
            entry_description: "",
            index: &[VERSION, Column::standard(2, "icmpMsgStatsType", Syntax::Range(0, 255))],
            columns: &Cells::<MsgStats>::of(&[
                Column::standard(3, "icmpMsgStatsInPkts", Syntax::Counter32)
                    .cell(|row, _| row.received.map(Value::counter32)),
                Column::standard(4, "icmpMsgStatsOutPkts", Syntax::Counter32)
                    .cell(|row, _| row.sent.map(Value::counter32)),
            ]),
        }),
    ],
};

/// InetVersion of INET-ADDRESS-MIB.
const VERSION: Column =
    Column::standard(1, "icmpStatsIPVersion", Syntax::Enumeration(&[(1, "ipv4"), (2, "ipv6")]));

const fn icmp(subid: u32, name: &'static str, kernel: &'static str) -> Object {
    standard(subid, name, Syntax::Counter32, Read::Counter("Icmp", kernel))
}

/// The IP versions, with the kernel's group of each.
struct Stats;

impl Rows for Stats {
    type Row<'a> = (u32, &'static str);

    fn len(_: &Context<'_>) -> usize {
        VERSIONS.len()
    }

    fn row(_: &Context<'_>, position: usize) -> Option<(u32, &'static str)> {
        VERSIONS.get(position).map(|&(version, group, ..)| (version, group))
    }

    fn index(&(version, _): &(u32, &str), name: &mut Oid) {
        name.push(version);
    }
}

/// One row for each type that the kernel counts by name, and one for each other type it has seen.
struct MsgStats;

impl Rows for MsgStats {
    type Row<'a> = &'a IcmpType;

    fn len(cx: &Context<'_>) -> usize {
        cx.counters().map_or(0, |counters| counters.icmp_types().len())
    }

    fn row<'a>(cx: &Context<'a>, position: usize) -> Option<&'a IcmpType> {
        cx.counters()?.icmp_types().get(position)
    }

    fn index(row: &&IcmpType, name: &mut Oid) {
        name.push(row.version);
        name.push(u32::from(row.number));
    }
}
