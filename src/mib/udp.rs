//! udp, 1.3.6.1.2.1.7: the scalars and udpEndpointTable of RFC 4113, udpTable of RFC 2013.

use super::context::Context;
use super::object::{Column, Group, Object, Place, Read, Rows, Syntax, Table, standard, standard_column};
use super::oid::Oid;
use super::tcp_tables::{push_inet, push_ipv4};
use super::value::Value;
use crate::proc::sockets::Address;
use crate::snapshot::sockets::{Row, UDP_UNCONNECTED};

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

/// The sockets without a peer, which is what snmpd takes RFC 2013's listeners to be. Sockets that share their
/// endpoint by SO_REUSEPORT are rows with equal indexes here, of which the walk sees the first; connected ones
/// come after it, since no peer is the lowest, and have no cells.
struct Listening;

impl Rows for Listening {
    fn len(&self, cx: &Context<'_>) -> usize {
        cx.rows().map_or(0, |rows| rows.udp4.len())
    }

    fn index(&self, cx: &Context<'_>, row: usize, name: &mut Oid) {
        if let Some(row) = cx.rows().and_then(|rows| rows.udp4.get(row)) {
            push_ipv4(name, row.local());
        }
    }

    fn cell(&self, cx: &Context<'_>, row: usize, column: u32) -> Option<Value> {
        let row = cx.rows()?.udp4.get(row)?;
        let value = match column {
            1 => Value::IpAddress(row.local().address),
            _ => Value::Integer(i32::from(row.local().port)),
        };
        (row.state == UDP_UNCONNECTED).then_some(value)
    }
}

struct Endpoints;

impl Rows for Endpoints {
    fn len(&self, cx: &Context<'_>) -> usize {
        cx.rows().map_or(0, |rows| rows.udp4.len() + rows.udp6.len())
    }

    fn index(&self, cx: &Context<'_>, row: usize, name: &mut Oid) {
        fn push<A: Address>(name: &mut Oid, row: &Row<A>) {
            push_inet(name, row.local());
            push_inet(name, row.remote());
            name.push(row.instance());
        }
        let Some(rows) = cx.rows() else { return };
        match rows.udp4.get(row) {
            Some(row) => push(name, row),
            None => rows.udp6.get(row - rows.udp4.len()).into_iter().for_each(|row| push(name, row)),
        }
    }

    fn cell(&self, cx: &Context<'_>, row: usize, _: u32) -> Option<Value> {
        let rows = cx.rows()?;
        let inode = match rows.udp4.get(row) {
            Some(row) => row.inode,
            None => rows.udp6.get(row - rows.udp4.len())?.inode,
        };
        cx.process(inode).map(Value::Gauge32)
    }
}
