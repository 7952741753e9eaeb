//! tcpConnTable (RFC 2012), tcpConnectionTable and tcpListenerTable (RFC 4022).

use crate::mib::context::Context;
use crate::mib::index::{push_inet, push_ipv4};
use crate::mib::object::{Column, Group, Object, Place, Rows, Table, standard_column};
use crate::mib::syntax::Syntax;
use crate::proc::sockets::{Address, V4, V6};
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::snapshot::instances;
use crate::snapshot::sockets::Row;
use crate::snapshot::tcp::Listener;

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
            columns: &[
                standard_column(1, "tcpConnState", STATE),
                CONN_LOCAL_ADDRESS,
                CONN_LOCAL_PORT,
                CONN_REMOTE_ADDRESS,
                CONN_REMOTE_PORT,
            ],
            rows: &Conn,
        }),
        Object::Table(Table {
            subid: 19,
            name: "tcpConnectionTable",
            entry: "tcpConnectionEntry",
            description: "",
            entry_description: "",
            index: &[
                standard_column(1, "tcpConnectionLocalAddressType", Syntax::InetAddressType),
                standard_column(2, "tcpConnectionLocalAddress", Syntax::InetAddress),
                standard_column(3, "tcpConnectionLocalPort", Syntax::InetPortNumber),
                standard_column(4, "tcpConnectionRemAddressType", Syntax::InetAddressType),
                standard_column(5, "tcpConnectionRemAddress", Syntax::InetAddress),
                standard_column(6, "tcpConnectionRemPort", Syntax::InetPortNumber),
            ],
            columns: &[
                standard_column(7, "tcpConnectionState", STATE),
                standard_column(8, "tcpConnectionProcess", Syntax::Unsigned32),
            ],
            rows: &Connection,
        }),
        Object::Table(Table {
            subid: 20,
            name: "tcpListenerTable",
            entry: "tcpListenerEntry",
            description: "",
            entry_description: "",
            index: &[
                standard_column(1, "tcpListenerLocalAddressType", Syntax::InetAddressType),
                standard_column(2, "tcpListenerLocalAddress", Syntax::InetAddress),
                standard_column(3, "tcpListenerLocalPort", Syntax::InetPortNumber),
            ],
            columns: &[standard_column(4, "tcpListenerProcess", Syntax::Unsigned32)],
            rows: &Listeners,
        }),
    ],
};

const STATE: Syntax = Syntax::Enumeration(&STATES);
const STATES: [(u32, &str); 12] = [
    (1, "closed"),
    (2, "listen"),
    (3, "synSent"),
    (4, "synReceived"),
    (5, "established"),
    (6, "finWait1"),
    (7, "finWait2"),
    (8, "closeWait"),
    (9, "lastAck"),
    (10, "closing"),
    (11, "timeWait"),
    (12, "deleteTCB"),
];
const PORT: Syntax = Syntax::Range(0, 65_535);
const CONN_LOCAL_ADDRESS: Column = standard_column(2, "tcpConnLocalAddress", Syntax::IpAddress);
const CONN_LOCAL_PORT: Column = standard_column(3, "tcpConnLocalPort", PORT);
const CONN_REMOTE_ADDRESS: Column = standard_column(4, "tcpConnRemAddress", Syntax::IpAddress);
const CONN_REMOTE_PORT: Column = standard_column(5, "tcpConnRemPort", PORT);

struct Conn;

impl Rows for Conn {
    fn len(&self, cx: &Context<'_>) -> usize {
        cx.tcp_rows().map_or(0, |rows| rows.ipv4.len())
    }

    fn index(&self, cx: &Context<'_>, row: usize, name: &mut Oid) {
        if let Some(row) = cx.tcp_rows().and_then(|rows| rows.ipv4.get(row)) {
            push_ipv4(name, row.local());
            push_ipv4(name, row.remote());
        }
    }

    fn cell(&self, cx: &Context<'_>, row: usize, column: u32) -> Option<Value> {
        let row = cx.tcp_rows()?.ipv4.get(row)?;
        Some(match column {
            1 => Value::Integer(i32::from(row.state)),
            2 => Value::IpAddress(row.local().address),
            3 => Value::Integer(i32::from(row.local().port)),
            4 => Value::IpAddress(row.remote().address),
            _ => Value::Integer(i32::from(row.remote().port)),
        })
    }
}

/// All connections, IPv4 before IPv6.
struct Connection;

enum Either<'a> {
    V4(&'a Row<V4>),
    V6(&'a Row<V6>),
}

impl Connection {
    fn row<'a>(cx: &Context<'a>, row: usize) -> Option<Either<'a>> {
        let rows = cx.tcp_rows()?;
        let (connections4, connections6) = (rows.connections4(), rows.connections6());
        match row.checked_sub(connections4.len()) {
            None => instances::row(&rows.ipv4, connections4, row).map(Either::V4),
            Some(row) => instances::row(&rows.ipv6, connections6, row).map(Either::V6),
        }
    }
}

impl Rows for Connection {
    fn len(&self, cx: &Context<'_>) -> usize {
        cx.tcp_rows().map_or(0, |rows| rows.connections4().len() + rows.connections6().len())
    }

    fn index(&self, cx: &Context<'_>, row: usize, name: &mut Oid) {
        fn push<A: Address>(name: &mut Oid, row: &Row<A>) {
            push_inet(name, row.local());
            push_inet(name, row.remote());
        }
        match Self::row(cx, row) {
            Some(Either::V4(row)) => push(name, row),
            Some(Either::V6(row)) => push(name, row),
            None => {}
        }
    }

    fn skip(&self, cx: &Context<'_>, row: usize, column: u32) -> usize {
        if column == 8 { skip_unknown_processes(self, cx, row) } else { row }
    }

    fn cell(&self, cx: &Context<'_>, row: usize, column: u32) -> Option<Value> {
        let (state, inode) = match Self::row(cx, row)? {
            Either::V4(row) => (row.state, row.inode),
            Either::V6(row) => (row.state, row.inode),
        };
        match column {
            7 => Some(Value::Integer(i32::from(state))),
            _ => cx.process(inode).map(Value::Gauge32),
        }
    }
}

/// Where processes cannot be read no row of a table has a cell in its column of processes.
pub(super) fn skip_unknown_processes(rows: &dyn Rows, cx: &Context<'_>, row: usize) -> usize {
    if cx.process(0).is_some() { row } else { rows.len(cx) }
}

/// Calls something with the listener of a row, IPv4 before IPv6: what tcpListenerTable and lnsListenerTable share.
pub(super) fn with_listener<T>(
    cx: &Context<'_>,
    row: usize,
    ipv4: impl FnOnce(&Listener<V4>) -> T,
    ipv6: impl FnOnce(&Listener<V6>) -> T,
) -> Option<T> {
    let tcp = cx.tcp()?;
    match tcp.listeners4.get(row) {
        Some(listener) => Some(ipv4(listener)),
        None => tcp.listeners6.get(row - tcp.listeners4.len()).map(ipv6),
    }
}

/// How many listeners there are.
pub(super) fn listeners(cx: &Context<'_>) -> usize {
    cx.tcp().map_or(0, |tcp| tcp.listeners4.len() + tcp.listeners6.len())
}

/// Appends the index of a listener.
pub(super) fn push_listener(cx: &Context<'_>, row: usize, name: &mut Oid) {
    let endpoint =
        with_listener(cx, row, |listener| Ok(listener.endpoint), |listener| Err(listener.endpoint));
    match endpoint {
        Some(Ok(ipv4)) => push_inet(name, ipv4),
        Some(Err(ipv6)) => push_inet(name, ipv6),
        None => {}
    }
}

struct Listeners;

impl Rows for Listeners {
    fn len(&self, cx: &Context<'_>) -> usize {
        listeners(cx)
    }

    fn index(&self, cx: &Context<'_>, row: usize, name: &mut Oid) {
        push_listener(cx, row, name);
    }

    fn skip(&self, cx: &Context<'_>, row: usize, _: u32) -> usize {
        skip_unknown_processes(self, cx, row)
    }

    fn cell(&self, cx: &Context<'_>, row: usize, _: u32) -> Option<Value> {
        let inode = with_listener(cx, row, |listener| listener.inode, |listener| listener.inode)?;
        cx.process(inode).map(Value::Gauge32)
    }
}
