//! B.1.3: a scalar for every counter of the registry. B.1.4: every counter by its own name.

use crate::mib::context::Context;
use crate::mib::index::push_text;
use crate::mib::object::{Group, Object, Place};
use crate::mib::syntax::Syntax;
use crate::mib::table::{Cells, Rows, Table, column, column_oid, component};
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

const TABLE_NUMBER: u32 = 4;

/// lnsCounterTable sits beside the groups and has no node of its own above it.
pub static TABLE: Group = Group {
    place: Place::Private(&[1]),
    name: "",
    description: "Every counter by its own name.",
    objects: &[Object::Table(Table {
        subid: TABLE_NUMBER,
        name: "lnsCounterTable",
        entry: "lnsCounterEntry",
        description: "Every counter in the kernel's files by its own name, those that this module does not know yet \
            included: a counter of a newer kernel can be polled on the day it appears. Gauges and settings have no row; \
            they are scalars.",
        entry_description: "One counter.",
        index: &[
            component(
                1,
                "lnsCounterGroup",
                Syntax::Text(1, 16),
                "The kernel's group, such as Ip, TcpExt or Softnet: those of lnsCounters, IcmpMsg, and whatever \
                    came later. The ICMP types without a name are InType3 and the like of IcmpMsg and Icmp6.",
            ),
            component(
                2,
                "lnsCounterName",
                Syntax::Text(1, 64),
                "The kernel's name of the counter, without the group in front of it: ListenDrops. Those of \
                    Sctp, Xfrm and Tls keep theirs: XfrmInError.",
            ),
        ],
        columns: &Cells::<Counters>::of(&[VALUE]),
    })],
};

const VALUE: Cells<Counters> = column(
    3,
    "lnsCounterValue",
    Syntax::Counter64,
    "",
    "The value of the counter. The scalar of the same counter below lnsCounters says what it means. The \
        discontinuity time of all rows is lnsAgentCountersSince: until then no counter was seen to fall. One that \
        is below what it was has no instance until it is back, or for ten minutes, after which it counts anew. \
        Where the kernel counts in 32 bits, a counter that wraps goes on above 2^32 as long as the subagent runs, \
        and a fall by more than half of that range is taken for a wrap.",
    |(.., count), _| Some(Value::Counter64(count)),
);

/// The instance of lnsCounterValue for a counter, whether or not the running kernel has it; its OID starts at `base`.
#[must_use]
pub fn row(base: &Oid, group: &str, name: &str) -> Oid {
    let column = column_oid(&TABLE.place.oid(base), TABLE_NUMBER, &VALUE.column);
    let mut row = Oid::from_slice(&column).unwrap_or_default();
    Counters::index(&(group, name, 0), &mut row);
    row
}

/// All counters that only grow, by their own names.
struct Counters;

impl Rows for Counters {
    /// Group, name and value.
    type Row<'a> = (&'a str, &'a str, u64);

    fn len(cx: &Context<'_>) -> usize {
        cx.counters().map_or(0, crate::snapshot::counters::Counters::rows)
    }

    fn row<'a>(cx: &Context<'a>, position: usize) -> Option<Self::Row<'a>> {
        cx.counters()?.named(position)
    }

    fn index(&(group, counter, _): &Self::Row<'_>, name: &mut Oid) {
        push_text(name, group);
        push_text(name, counter);
    }
}
