//! B.1.1.6: what the connections of each service wait for.

use crate::mib::context::Context;
use crate::mib::object::Object;
use crate::mib::syntax::Syntax;
use crate::mib::table::{Cells, Rows, Table, component, gauge, sparse};
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::snapshot::paths::{self, PortPaths};
use crate::snapshot::services::Service;

/// lnsTcpServiceTable
pub const TABLE: Object = Object::Table(Table {
    subid: 6,
    name: "lnsTcpServiceTable",
    entry: "lnsTcpServiceEntry",
    description: "For every local port that has a listener, what its connections wait for: a program that does not read, a \
        peer that does not, or a path that is slow or loses what is sent.",
    entry_description: "The connections of one local port, IPv4 and IPv6 together: all its sockets but those in listen and \
        closed. Those that this host opened from that port are among them.",
    index: &[component(1, "lnsTcpServicePort", Syntax::InetPortNumber, "A local port with a listener.")],
    columns: &Cells::<Services>::of(&[
        gauge(
            2,
            "lnsTcpServiceConnections",
            "connections",
            "How many connections this port has, in whatever state; lnsTcpPortTable has them by state.",
            |service, _| Some(Value::gauge32(service.connections())),
        ),
        gauge(
            3,
            "lnsTcpServiceUnreadOctets",
            "octets",
            "What the connections have received and the program has not read, over all of them. A figure that stays high \
             means a program that hangs or is too slow. The end of a connection that the program has not read yet counts \
             as one octet.",
            |service, _| service.load.unread.map(Value::gauge32),
        ),
        gauge(
            4,
            "lnsTcpServiceUnsentOctets",
            "octets",
            "What the program has written and the peers have not acknowledged, sent or not, over all connections. A SYN and a \
             FIN that were not acknowledged count as one octet each.",
            |service, _| service.load.unsent.map(Value::gauge32),
        ),
        gauge(
            5,
            "lnsTcpServiceRetransmittingSockets",
            "connections",
            "Connections that have sent something again, because nobody acknowledged it in time, and still wait. Requests \
             in synReceived are not among them. A few are normal on the Internet; many at once mean that the way to their \
             peers loses packets.",
            |service, _| Some(Value::gauge32(service.load.retransmitting)),
        ),
        gauge(
            6,
            "lnsTcpServiceStalledSockets",
            "connections",
            "Those among lnsTcpServiceRetransmittingSockets that have done so five times or more, which takes six seconds \
             and more with the kernel's defaults: their peer is gone, or the way to it is.",
            |service, _| Some(Value::gauge32(service.load.stalled)),
        ),
        gauge(
            7,
            "lnsTcpServiceZeroWindowSockets",
            "connections",
            "Connections with something to send whose peer has said that it has no room: a program on the other side that \
             does not read. One whose own program holds back what is too little to send (TCP_CORK) looks the same for a \
             fifth of a second, so only a figure that stays says something.",
            |service, _| Some(Value::gauge32(service.load.zero_window)),
        ),
        sparse(
            |cx, position| next(cx, position, |paths| paths.median.is_some()),
            gauge(
                8,
                "lnsTcpServiceRttMedian",
                "microseconds",
                "The round-trip time that half of the connections do not exceed: the kernel's smoothed estimate for each. From \
                 the kernel's sock_diag, like the columns after it; they are read only when asked for, and have no instance \
                 where that cannot be had or no connection has a figure yet.",
                |service, cx| of(cx, service)?.median.map(Value::Gauge32),
            ),
        ),
        sparse(
            |cx, position| next(cx, position, |paths| paths.p95.is_some()),
            gauge(
                9,
                "lnsTcpServiceRttP95",
                "microseconds",
                "The round-trip time that 95 of 100 connections do not exceed. If it grows while lnsTcpServiceRttMedian does \
                 not, some of the peers have a slow or lossy way to this host.",
                |service, cx| of(cx, service)?.p95.map(Value::Gauge32),
            ),
        ),
        sparse(
            |cx, position| next(cx, position, |paths| paths.retransmitted.is_some()),
            gauge(
                10,
                "lnsTcpServiceRetransmittedPermille",
                "permille",
                "Of a thousand octets of data that the present connections have sent since each was opened, how many were sent \
                 again, rounded down. Above ten, users notice. Needs Linux 4.19.",
                |service, cx| of(cx, service)?.retransmitted.map(Value::gauge32),
            ),
        ),
    ]),
});

/// How the connections of a service are on their paths.
fn of<'a>(cx: &Context<'a>, service: &Service) -> Option<&'a PortPaths> {
    let ports = cx.paths()?;
    ports.get(paths::find(ports, service.port)?)
}

/// The next service at or after a position of which something is known.
fn next(cx: &Context<'_>, position: usize, is_known: impl Fn(&PortPaths) -> bool) -> Option<usize> {
    let ports = cx.paths()?;
    let services = &cx.tcp()?.services;
    let first = services.get(position)?.port;
    let rest = ports.get(ports.partition_point(|paths| paths.port < first)..)?;
    let port = rest.iter().find(|paths| is_known(paths))?.port;
    Some(services.partition_point(|service| service.port < port))
}

struct Services;

impl Rows for Services {
    type Row<'a> = &'a Service;

    fn len(cx: &Context<'_>) -> usize {
        cx.tcp().map_or(0, |tcp| tcp.services.len())
    }

    fn row<'a>(cx: &Context<'a>, position: usize) -> Option<&'a Service> {
        cx.tcp()?.services.get(position)
    }

    fn index(service: &&Service, name: &mut Oid) {
        name.push(service.port.into());
    }
}
