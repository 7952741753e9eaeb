//! What the connections of a listening port wait for: items of the rule that discovers the ports.

use super::alarm::{Alarm, lasting, or_gone};
use super::export::{Graph, Item, tag};
use super::macros::m_of;
use super::prototype::{SERVICE_GRAPH, prototype};
use super::{graphs, keys};

const COMPONENT: &str = "services";

fn key(of: &str) -> String {
    format!("netstat.port[{{#PORT}},{of}]")
}

/// The items of a port, with their triggers.
pub fn items() -> Vec<Item> {
    let item = |of: &str, shown: &str, units: &str, column: &str, about: &str| Item {
        units: units.into(),
        tags: vec![tag("component", COMPONENT)],
        ..prototype(key(of), format!("Port {{#PORT}}: {shown}"), column, "{#PORT}", about)
    };
    let mut unread = item(
        "unread",
        "data unread",
        "B",
        "lnsTcpServiceUnreadOctets",
        "What the connections of this port have received and its program has not read. The end of a connection that was \
         not read yet counts as one octet.",
    );
    let (fires, recovers) = or_gone(lasting(&unread.key, &m_of("UNREAD.MAX", "{#PORT}")), &unread.key);
    let mut alarm = Alarm::new("port-unread", "Port {#PORT}: data unread", "WARNING", fires, recovers).about(
        "The program on this port hangs or is too slow: it does not read what its clients have sent. 'ss -tn' shows the \
         connections, in the column Recv-Q.",
    );
    alarm.trigger.event_name = "Port {#PORT}: {ITEM.LASTVALUE1} unread".into();
    unread.trigger_prototypes.push(alarm.trigger);
    let unsent = item(
        "unsent",
        "data not acknowledged",
        "B",
        "lnsTcpServiceUnsentOctets",
        "What the program has written and its peers have not acknowledged, sent or not.",
    );
    let mut stalled = item(
        "stalled",
        "stalled connections",
        "!connections",
        "lnsTcpServiceStalledSockets",
        "Connections that have sent the same five times or more without an answer: their peer is gone, or the way to it.",
    );
    let (fires, recovers) = or_gone(lasting(&stalled.key, &m_of("STALLED.MAX", "{#PORT}")), &stalled.key);
    let mut alarm =
        Alarm::new("port-stalled", "Port {#PORT}: stalled connections", "WARNING", fires, recovers).about(
            "Many peers of this port do not answer any more: a path that is dead, or a firewall that has forgotten its \
             connections. 'ss -tno' shows them, with 'on' and the number of attempts. On the Internet some are normal.",
        );
    alarm.trigger.event_name =
        format!("Port {{#PORT}}: {} stalled connections", keys::latest(&stalled.key, ""));
    stalled.trigger_prototypes.push(alarm.trigger);
    let zero_window = item(
        "zeroWindow",
        "connections whose peer has no room",
        "!connections",
        "lnsTcpServiceZeroWindowSockets",
        "Connections with something to send whose peer does not read.",
    );
    vec![unread, unsent, stalled, zero_window]
}

/// What waits on either side.
pub fn graph() -> Graph {
    graphs::graph(SERVICE_GRAPH, false, graphs::lines(["unread", "unsent"].map(key).into_iter()))
}
