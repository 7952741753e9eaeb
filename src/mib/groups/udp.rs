//! udp, 1.3.6.1.2.1.7: the scalars and udpEndpointTable of RFC 4113, udpTable of RFC 2013.

use super::sockets::{Socket, either, process, with_known_process};
use crate::mib::context::Context;
use crate::mib::index::{push_inet, push_ipv4};
use crate::mib::object::{Group, Object, Place, Read, standard};
use crate::mib::syntax::Syntax;
use crate::mib::table::{Cells, Column, Rows, Table, sparse};
use crate::proc::sockets::V4;
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::snapshot::instances;
use crate::snapshot::sockets::SocketRow;

/// udp
pub static GROUP: Group = Group {
    place: Place::Mib2(&[7]),
    name: "udp",
    description: "",
    objects: &[
        udp(1, "udpInDatagrams", Syntax::Counter32, "InDatagrams"),
        udp(2, "udpNoPorts", Syntax::Counter32, "NoPorts"),
        udp(3, "udpInErrors", Syntax::Counter32, "InErrors"),
        udp(4, "udpOutDatagrams", Syntax::Counter32, "OutDatagrams"),
        Object::Table(Table {
            subid: 5,
            name: "udpTable",
            entry: "udpEntry",
            description: "",
            entry_description: "",
            index: &[LOCAL_ADDRESS, LOCAL_PORT],
            columns: &Cells::<Listening>::of(&[
                LOCAL_ADDRESS.cell(|row, _| Some(Value::IpAddress(row.local().address))),
                LOCAL_PORT.cell(|row, _| Some(Value::Integer(row.local().port.into()))),
            ]),
        }),
        Object::Table(Table {
            subid: 7,
            name: "udpEndpointTable",
            entry: "udpEndpointEntry",
            description: "",
            entry_description: "",
            index: &[
                Column::standard(1, "udpEndpointLocalAddressType", Syntax::InetAddressType),
                Column::standard(2, "udpEndpointLocalAddress", Syntax::InetAddress),
                Column::standard(3, "udpEndpointLocalPort", Syntax::InetPortNumber),
                Column::standard(4, "udpEndpointRemoteAddressType", Syntax::InetAddressType),
                Column::standard(5, "udpEndpointRemoteAddress", Syntax::InetAddress),
                Column::standard(6, "udpEndpointRemotePort", Syntax::InetPortNumber),
                Column::standard(7, "udpEndpointInstance", Syntax::Unsigned32),
            ],
            columns: &Cells::<Endpoints>::of(&[sparse(
                with_known_process,
                Column::standard(8, "udpEndpointProcess", Syntax::Unsigned32)
                    .cell(|socket, cx| process(socket.inode, cx)),
            )]),
        }),
        udp(8, "udpHCInDatagrams", Syntax::Counter64, "InDatagrams"),
        udp(9, "udpHCOutDatagrams", Syntax::Counter64, "OutDatagrams"),
    ],
};

const LOCAL_ADDRESS: Column = Column::standard(1, "udpLocalAddress", Syntax::IpAddress);
const LOCAL_PORT: Column = Column::standard(2, "udpLocalPort", Syntax::Range(0, 65_535));

const fn udp(subid: u32, name: &'static str, syntax: Syntax, kernel: &'static str) -> Object {
    standard(subid, name, syntax, Read::Sum("Udp", "Udp6", kernel))
}

/// The local endpoints of sockets without a peer.
struct Listening;

impl Rows for Listening {
    type Row<'a> = &'a SocketRow<V4>;

    fn len(cx: &Context<'_>) -> usize {
        cx.udp_rows().map_or(0, |rows| rows.unconnected4().len())
    }

    fn row<'a>(cx: &Context<'a>, position: usize) -> Option<&'a SocketRow<V4>> {
        let rows = cx.udp_rows()?;
        instances::row(&rows.ipv4, rows.unconnected4(), position)
    }

    fn index(row: &&SocketRow<V4>, name: &mut Oid) {
        push_ipv4(name, row.local());
    }
}

/// All sockets, IPv4 before IPv6.
struct Endpoints;

impl Rows for Endpoints {
    type Row<'a> = Socket;

    fn len(cx: &Context<'_>) -> usize {
        cx.udp_rows().map_or(0, |rows| rows.ipv4.len() + rows.ipv6.len())
    }

    fn row(cx: &Context<'_>, position: usize) -> Option<Socket> {
        let rows = cx.udp_rows()?;
        either(&rows.ipv4, &rows.ipv6, position)
    }

    fn index(socket: &Socket, name: &mut Oid) {
        push_inet(name, socket.local);
        push_inet(name, socket.remote);
        name.push(socket.instance);
    }
}
