//! tcpConnTable (RFC 2012), tcpConnectionTable and tcpListenerTable (RFC 4022).

use super::sockets::{Listeners, Socket, process, states, with_known_process};
use crate::mib::context::Context;
use crate::mib::index::{push_inet, push_ipv4};
use crate::mib::object::{Group, Object, Place};
use crate::mib::syntax::Syntax;
use crate::mib::table::{Cells, Column, Rows, Table, sparse};
use crate::proc::sockets::V4;
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::snapshot::instances;
use crate::snapshot::sockets::SocketRow;

/// The tables below tcp.
pub static GROUP: Group = Group {
    place: Place::Mib2(&[6]),
    name: "tcpTables",
    description: "",
    objects: &[
        Object::Table(Table {
            subid: 13,
            name: "tcpConnTable",
            entry: "tcpConnEntry",
            description: "",
            entry_description: "",
            index: &[CONN_LOCAL_ADDRESS, CONN_LOCAL_PORT, CONN_REMOTE_ADDRESS, CONN_REMOTE_PORT],
            columns: &Cells::<Conn>::of(&[
                Column::standard(1, "tcpConnState", STATE)
                    .cell(|row, _| Some(Value::Integer(row.state.into()))),
                CONN_LOCAL_ADDRESS.cell(|row, _| Some(Value::IpAddress(row.local().address))),
                CONN_LOCAL_PORT.cell(|row, _| Some(Value::Integer(row.local().port.into()))),
                CONN_REMOTE_ADDRESS.cell(|row, _| Some(Value::IpAddress(row.remote().address))),
                CONN_REMOTE_PORT.cell(|row, _| Some(Value::Integer(row.remote().port.into()))),
            ]),
        }),
        Object::Table(Table {
            subid: 19,
            name: "tcpConnectionTable",
            entry: "tcpConnectionEntry",
            description: "",
            entry_description: "",
            index: &[
                Column::standard(1, "tcpConnectionLocalAddressType", Syntax::InetAddressType),
                Column::standard(2, "tcpConnectionLocalAddress", Syntax::InetAddress),
                Column::standard(3, "tcpConnectionLocalPort", Syntax::InetPortNumber),
                Column::standard(4, "tcpConnectionRemAddressType", Syntax::InetAddressType),
                Column::standard(5, "tcpConnectionRemAddress", Syntax::InetAddress),
                Column::standard(6, "tcpConnectionRemPort", Syntax::InetPortNumber),
            ],
            columns: &Cells::<Connection>::of(&[
                Column::standard(7, "tcpConnectionState", STATE)
                    .cell(|socket, _| Some(Value::Integer(socket.state.into()))),
                sparse(
                    with_known_process,
                    Column::standard(8, "tcpConnectionProcess", Syntax::Unsigned32)
                        .cell(|socket, cx| process(socket.inode, cx)),
                ),
            ]),
        }),
        Object::Table(Table {
            subid: 20,
            name: "tcpListenerTable",
            entry: "tcpListenerEntry",
            description: "",
            entry_description: "",
            index: &[
                Column::standard(1, "tcpListenerLocalAddressType", Syntax::InetAddressType),
                Column::standard(2, "tcpListenerLocalAddress", Syntax::InetAddress),
                Column::standard(3, "tcpListenerLocalPort", Syntax::InetPortNumber),
            ],
            columns: &Cells::<Listeners>::of(&[sparse(
                with_known_process,
                Column::standard(4, "tcpListenerProcess", Syntax::Unsigned32)
                    .cell(|listener, cx| process(listener.inode, cx)),
            )]),
        }),
    ],
};

const STATE: Syntax = Syntax::Enumeration(&STATES);
const STATES: [(u32, &str); 12] = states();
const PORT: Syntax = Syntax::Range(0, 65_535);
const CONN_LOCAL_ADDRESS: Column = Column::standard(2, "tcpConnLocalAddress", Syntax::IpAddress);
const CONN_LOCAL_PORT: Column = Column::standard(3, "tcpConnLocalPort", PORT);
const CONN_REMOTE_ADDRESS: Column = Column::standard(4, "tcpConnRemAddress", Syntax::IpAddress);
const CONN_REMOTE_PORT: Column = Column::standard(5, "tcpConnRemPort", PORT);

/// All IPv4 sockets, listeners included.
struct Conn;

impl Rows for Conn {
    type Row<'a> = &'a SocketRow<V4>;

    fn len(cx: &Context<'_>) -> usize {
        cx.tcp_rows().map_or(0, |rows| rows.ipv4.len())
    }

    fn row<'a>(cx: &Context<'a>, position: usize) -> Option<&'a SocketRow<V4>> {
        cx.tcp_rows()?.ipv4.get(position)
    }

    fn index(row: &&SocketRow<V4>, name: &mut Oid) {
        push_ipv4(name, row.local());
        push_ipv4(name, row.remote());
    }
}

/// All connections, IPv4 before IPv6.
struct Connection;

impl Rows for Connection {
    type Row<'a> = Socket;

    fn len(cx: &Context<'_>) -> usize {
        cx.tcp_rows().map_or(0, |rows| rows.connections4().len() + rows.connections6().len())
    }

    fn row(cx: &Context<'_>, position: usize) -> Option<Socket> {
        let rows = cx.tcp_rows()?;
        let (connections4, connections6) = (rows.connections4(), rows.connections6());
        match position.checked_sub(connections4.len()) {
            None => instances::row(&rows.ipv4, connections4, position).map(Socket::from),
            Some(position) => instances::row(&rows.ipv6, connections6, position).map(Socket::from),
        }
    }

    fn index(socket: &Socket, name: &mut Oid) {
        push_inet(name, socket.local);
        push_inet(name, socket.remote);
    }
}
