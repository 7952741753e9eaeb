//! udp, 1.3.6.1.2.1.7: the scalars and udpEndpointTable of RFC 4113, udpTable of RFC 2013.

use super::tcp_tables::skip_unknown_processes;
use crate::mib::context::Context;
use crate::mib::index::{push_inet, push_ipv4};
use crate::mib::object::{Column, Group, Object, Place, Read, Rows, Table, standard, standard_column};
use crate::mib::syntax::Syntax;
use crate::proc::sockets::{Address, V4};
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::snapshot::instances;
use crate::snapshot::sockets::Row;

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
            columns: &[LOCAL_ADDRESS, LOCAL_PORT],
            rows: &Listening,
        }),
        Object::Table(Table {
            subid: 7,
            name: "udpEndpointTable",
            entry: "udpEndpointEntry",
            description: "",
            entry_description: "",
            index: &[
                standard_column(1, "udpEndpointLocalAddressType", Syntax::InetAddressType),
                standard_column(2, "udpEndpointLocalAddress", Syntax::InetAddress),
                standard_column(3, "udpEndpointLocalPort", Syntax::InetPortNumber),
                standard_column(4, "udpEndpointRemoteAddressType", Syntax::InetAddressType),
                standard_column(5, "udpEndpointRemoteAddress", Syntax::InetAddress),
                standard_column(6, "udpEndpointRemotePort", Syntax::InetPortNumber),
                standard_column(7, "udpEndpointInstance", Syntax::Unsigned32),
            ],
            columns: &[standard_column(8, "udpEndpointProcess", Syntax::Unsigned32)],
            rows: &Endpoints,
        }),
        udp(8, "udpHCInDatagrams", Syntax::Counter64, "InDatagrams"),
        udp(9, "udpHCOutDatagrams", Syntax::Counter64, "OutDatagrams"),
    ],
};

const LOCAL_ADDRESS: Column = standard_column(1, "udpLocalAddress", Syntax::IpAddress);
const LOCAL_PORT: Column = standard_column(2, "udpLocalPort", Syntax::Range(0, 65_535));

const fn udp(subid: u32, name: &'static str, syntax: Syntax, kernel: &'static str) -> Object {
    standard(subid, name, syntax, Read::Sum("Udp", "Udp6", kernel))
}

/// The local endpoints of sockets without a peer.
struct Listening;

impl Listening {
    fn row<'a>(cx: &Context<'a>, row: usize) -> Option<&'a Row<V4>> {
        let rows = cx.udp_rows()?;
        instances::row(&rows.ipv4, rows.unconnected4(), row)
    }
}

impl Rows for Listening {
    fn len(&self, cx: &Context<'_>) -> usize {
        cx.udp_rows().map_or(0, |rows| rows.unconnected4().len())
    }

    fn index(&self, cx: &Context<'_>, row: usize, name: &mut Oid) {
        if let Some(row) = Self::row(cx, row) {
            push_ipv4(name, row.local());
        }
    }

    fn cell(&self, cx: &Context<'_>, row: usize, column: u32) -> Option<Value> {
        let local = Self::row(cx, row)?.local();
        Some(match column {
            1 => Value::IpAddress(local.address),
            _ => Value::Integer(i32::from(local.port)),
        })
    }
}

struct Endpoints;

impl Rows for Endpoints {
    fn len(&self, cx: &Context<'_>) -> usize {
        cx.udp_rows().map_or(0, |rows| rows.ipv4.len() + rows.ipv6.len())
    }

    fn index(&self, cx: &Context<'_>, row: usize, name: &mut Oid) {
        fn push<A: Address>(name: &mut Oid, row: &Row<A>) {
            push_inet(name, row.local());
            push_inet(name, row.remote());
            name.push(row.instance());
        }
        let Some(rows) = cx.udp_rows() else { return };
        match rows.ipv4.get(row) {
            Some(row) => push(name, row),
            None => rows.ipv6.get(row - rows.ipv4.len()).into_iter().for_each(|row| push(name, row)),
        }
    }

    fn skip(&self, cx: &Context<'_>, row: usize, _: u32) -> usize {
        skip_unknown_processes(self, cx, row)
    }

    fn cell(&self, cx: &Context<'_>, row: usize, _: u32) -> Option<Value> {
        let rows = cx.udp_rows()?;
        let inode = match rows.ipv4.get(row) {
            Some(row) => row.inode,
            None => rows.ipv6.get(row - rows.ipv4.len())?.inode,
        };
        cx.process(inode).map(Value::Gauge32)
    }
}
