//! B.1.3: a scalar for every counter of the registry. B.1.4: every counter by its own name.

use crate::mib::context::Context;
use crate::mib::index::push_text;
use crate::mib::object::{Column, Group, Object, Place, Rows, Table};
use crate::mib::syntax::Syntax;
use crate::smi::oid::Oid;
use crate::smi::value::Value;

/// lnsCounters
pub static GROUP: Group = Group {
    place: Place::Private(&[1, 3]),
    name: "lnsCounters",
    description: "Every counter that the kernel names in /proc/net, each with a number for good. Their discontinuity time is \
        lnsAgentCountersSince.",
    objects: &[Object::Registry],
};

/// lnsCounterTable sits beside the groups, with no node of its own above it.
pub static TABLE: Group = Group {
    place: Place::Private(&[1]),
    name: "",
    description: "Every counter by its own name.",
    objects: &[Object::Table(Table {
        subid: 4,
        name: "lnsCounterTable",
        entry: "lnsCounterEntry",
        description: "Every counter in the kernel's files by its own name, those that this module does not know yet \
            included: a counter of a newer kernel can be polled on the day it appears. Gauges and settings have no row; \
            they are scalars.",
        entry_description: "One counter.",
        index: &[
            Column {
                subid: 1,
                name: "lnsCounterGroup",
                syntax: Syntax::Text(1, 16),
                units: "",
                description: "The kernel's group: Ip, Icmp, IcmpMsg, Tcp, Udp, UdpLite, TcpExt, IpExt, MPTcpExt, Ip6, \
                    Icmp6, Udp6, UdpLite6, Sctp or Xfrm, or one that came later. The ICMP types without a name are \
                    InType3 and the like of IcmpMsg and Icmp6.",
            },
            Column {
                subid: 2,
                name: "lnsCounterName",
                syntax: Syntax::Text(1, 64),
                units: "",
                description: "The kernel's name of the counter, without the group in front of it: ListenDrops. Those of \
                    Sctp and Xfrm keep theirs: XfrmInError.",
            },
        ],
        columns: &[Column {
            subid: 3,
            name: "lnsCounterValue",
            syntax: Syntax::Counter64,
            units: "",
            description: "The value of the counter. The scalar of the same counter below lnsCounters says what it means. The \
                discontinuity time of all rows is lnsAgentCountersSince: until then no counter was seen to fall. One that \
                is below what it was has no instance until it is back, or for ten minutes, after which it counts anew. \
                Where the kernel counts in 32 bits, a counter that wraps goes on above 2^32 as long as the subagent runs, \
                and a fall by more than half of that range is taken for a wrap.",
        }],
        rows: &Counters,
    })],
};

/// The instance of lnsCounterValue for a counter, whether or not the running kernel has it; OIDs count from `base`.
#[must_use]
pub fn row(base: &Oid, group: &str, name: &str) -> Oid {
    let mut row = base.clone();
    row.extend(&[1, 4, 1, 3]);
    push_text(&mut row, group);
    push_text(&mut row, name);
    row
}

struct Counters;

impl Rows for Counters {
    fn len(&self, cx: &Context<'_>) -> usize {
        cx.counters().map_or(0, crate::snapshot::counters::Counters::rows)
    }

    fn index(&self, cx: &Context<'_>, row: usize, name: &mut Oid) {
        if let Some((group, counter, _)) = cx.counters().and_then(|counters| counters.named(row)) {
            push_text(name, group);
            push_text(name, counter);
        }
    }

    fn cell(&self, cx: &Context<'_>, row: usize, _: u32) -> Option<Value> {
        let (.., count) = cx.counters()?.named(row)?;
        Some(Value::Counter64(count))
    }
}
