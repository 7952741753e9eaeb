//! B.1.1.7: where outgoing connections go, and which destination uses the ephemeral ports up.

use crate::mib::context::Context;
use crate::mib::index::push_inet;
use crate::mib::object::Object;
use crate::mib::syntax::Syntax;
use crate::mib::table::{Cells, Rows, Table, column, component, gauge};
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::snapshot::destinations::Destination;

/// lnsDestinationTable
pub const TABLE: Object = Object::Table(Table {
    subid: 7,
    name: "lnsDestinationTable",
    entry: "lnsDestinationEntry",
    description: "Where this host connects to: the 256 destinations with the most sockets. A connection counts as outgoing if \
        no socket of its address family listens on its local port, so those of a listener that has been closed since are \
        among them, and the clients of a transparent proxy, which listens on another port. All figures are exact while \
        there are no more than 28,672 destinations; with more, figures may lack one in a hundred sockets, and destinations \
        of which more may be missing have no row. Empty unless both net/tcp and net/tcp6 were read.",
    entry_description: "The outgoing connections to one remote address and port, in whatever state. Those of an IPv6 socket to \
        an IPv4 address are among those of that IPv4 address, since they use the same ports.",
    index: &[
        component(
            1,
            "lnsDestinationAddressType",
            Syntax::InetAddressType,
            "The type of lnsDestinationAddress: ipv4(1) or ipv6(2). A link-local address is ipv6(2), not ipv6z(4), since \
             net/tcp6 does not tell its zone; equal addresses in several zones share a row.",
        ),
        component(2, "lnsDestinationAddress", Syntax::InetAddress, "The remote address."),
        component(3, "lnsDestinationPort", Syntax::InetPortNumber, "The remote port."),
    ],
    columns: &Cells::<Destinations>::of(&[
        gauge(
            4,
            "lnsDestinationSockets",
            "sockets",
            "How many outgoing connections there are, in whatever state.",
            |row, _| Some(Value::gauge32(row.sockets)),
        ),
        gauge(5, "lnsDestinationEstablished", "sockets", "How many of them are established.", |row, _| {
            Some(Value::gauge32(row.established))
        }),
        gauge(
            6,
            "lnsDestinationSynSent",
            "sockets",
            "How many of them wait for the first answer. Some that stay mean that the destination is down or that a firewall \
             drops what is sent there.",
            |row, _| Some(Value::gauge32(row.syn_sent)),
        ),
        gauge(
            7,
            "lnsDestinationCloseWait",
            "sockets",
            "How many of them the destination has closed and the program on this host has not. A number that grows is a leak \
             in that program.",
            |row, _| Some(Value::gauge32(row.close_wait)),
        ),
        gauge(
            8,
            "lnsDestinationTimeWait",
            "sockets",
            "How many of them are in timeWait, each of which keeps its local port for a minute: many mean that connections \
             to this destination are opened anew where they could be kept.",
            |row, _| Some(Value::gauge32(row.time_wait)),
        ),
        gauge(
            9,
            "lnsDestinationEphemeralPercent",
            "percent",
            "How much of the ephemeral ports, net.ipv4.ip_local_port_range without net.ipv4.ip_local_reserved_ports, is in \
             use towards this destination, in whole percent, rounded down: by the local address that uses most of them, \
             since a range is used up for each local address and destination. Ports in timeWait that net.ipv4.tcp_tw_reuse \
             lets connect(2) use again are left out. At 100 further connections fail with EADDRNOTAVAIL; earlier where \
             programs have chosen ports by bind(2), which are used up for all destinations and cannot be told apart.",
            |row, _| row.ephemeral?.percent().map(Value::gauge32),
        ),
        column(
            10,
            "lnsDestinationText",
            Syntax::Text(1, 64),
            "",
            "The destination as text, such as 192.0.2.7:5432 or [2001:db8::1]:443, for people and for the names of discovered \
             items.",
            |row, _| Some(Value::text(&row.endpoint.to_string())),
        ),
    ]),
});

struct Destinations;

impl Rows for Destinations {
    type Row<'a> = &'a Destination;

    fn len(cx: &Context<'_>) -> usize {
        cx.destinations().map_or(0, |destinations| destinations.rows.len())
    }

    fn row<'a>(cx: &Context<'a>, position: usize) -> Option<&'a Destination> {
        cx.destinations()?.rows.get(position)
    }

    fn index(row: &&Destination, name: &mut Oid) {
        push_inet(name, row.endpoint);
    }
}
