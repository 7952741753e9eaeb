//! B.1.1.5: which UDP service drops datagrams.

use super::sockets::UdpEndpoints;
use crate::mib::object::Object;
use crate::mib::syntax::Syntax;
use crate::mib::table::{Cells, Table, column, component, gauge};
use crate::smi::value::Value;

/// lnsUdpEndpointTable
pub const TABLE: Object = Object::Table(Table {
    subid: 5,
    name: "lnsUdpEndpointTable",
    entry: "lnsUdpEndpointEntry",
    description: "Every local UDP endpoint at which sockets without a peer receive, with what waits in them and what \
        they have dropped: which service loses datagrams. A socket that has a peer, by connect(2), has no row, as \
        most of those are clients; lnsUdpTable counts all. Empty where the sockets can only be counted, as \
        lnsAgentSourceError then says.",
    entry_description: "The sockets without a peer on one local endpoint. Several share it where SO_REUSEPORT or \
        SO_REUSEADDR is used.",
    index: &[
        component(
            1,
            "lnsUdpEndpointAddressType",
            Syntax::InetAddressType,
            "The type of lnsUdpEndpointAddress: ipv4(1) or ipv6(2). A link-local address is ipv6(2), not \
                ipv6z(4), since net/udp6 does not tell its zone; sockets on the same link-local address and port \
                in several zones share a row.",
        ),
        component(
            2,
            "lnsUdpEndpointAddress",
            Syntax::InetAddress,
            "The address that the sockets receive on; all zeros for any address of the host.",
        ),
        component(3, "lnsUdpEndpointPort", Syntax::InetPortNumber, "The port that the sockets receive on."),
    ],
    columns: &Cells::<UdpEndpoints>::of(&[
        gauge(
            4,
            "lnsUdpEndpointSockets",
            "sockets",
            "How many sockets without a peer there are on this endpoint.",
            |row, _| Some(Value::gauge32(row.sockets)),
        ),
        gauge(
            5,
            "lnsUdpEndpointReceiveQueueOctets",
            "octets",
            "What waits in them to be read by their program, with the kernel's own share of every buffer. A figure \
             that stays high means a program that reads too slowly or hangs.",
            |row, _| row.receive_queue.map(Value::gauge32),
        ),
        gauge(
            6,
            "lnsUdpEndpointDropsOfOpenSockets",
            "datagrams",
            "Datagrams that these sockets have dropped since they were opened, mostly because their receive buffer \
             was full. It falls when one of them closes, so it is no counter; while it grows, this is the service \
             behind lnsUdpRcvbufErrors.",
            |row, _| row.drops.map(Value::gauge32),
        ),
        column(
            7,
            "lnsUdpEndpointText",
            Syntax::Text(1, 64),
            "",
            "The endpoint as text, such as 127.0.0.53:53 or [::]:123, for people and for the names of discovered \
                items.",
            |row, _| Some(Value::text(&row.endpoint.to_string())),
        ),
    ]),
});
