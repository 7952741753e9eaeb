//! What the low-level discovery rules share.

use super::export::{Condition, Filter, Item, tag, uuid};
use super::item::{INTERVAL, column, discard_not_supported};
use super::macros::m;

pub const DISCOVERY_INTERVAL: &str = "{$NETSTAT.DISCOVERY.INTERVAL}";
pub const LIFETIME: &str = "{$NETSTAT.LIFETIME}";
/// Of what comes and goes with what others do.
pub const PEER_LIFETIME: &str = "{$NETSTAT.PEER.LIFETIME}";

pub const LISTENER_GRAPH: &str = "Listener {#ENDPOINT}: accept queue";
pub const PORT_GRAPH: &str = "Port {#PORT}: TCP sockets by state";
pub const SERVICE_GRAPH: &str = "Port {#PORT}: data that waits";
pub const PATH_GRAPH: &str = "Port {#PORT}: round-trip time";
pub const OWNER_GRAPH: &str = "{#OWNER}: TCP sockets";
pub const UNIX_GRAPH: &str = "Unix listener {#PATH}: connections waiting";
pub const UDP_GRAPH: &str = "UDP {#ENDPOINT}: datagrams dropped";
pub const DESTINATION_GRAPH: &str = "{#DESTINATION}: outgoing connections";

pub fn filter(name: &'static str, macros: &str) -> Filter {
    let condition = |operator, formulaid, suffix: &str| Condition {
        name,
        value: m(&format!("{macros}.{suffix}")),
        operator,
        formulaid,
    };
    let conditions = vec![condition("", "A", "MATCHES"), condition("NOT_MATCHES_REGEX", "B", "NOT_MATCHES")];
    Filter { evaltype: "AND", conditions }
}

pub fn prototype(key: String, name: String, of: &str, instance: &str, about: &str) -> Item {
    Item {
        uuid: uuid("item-prototype", &key),
        name,
        kind: "SNMP_AGENT",
        snmp_oid: format!("{}.{instance}", column(of)),
        key,
        delay: INTERVAL,
        history: "7d",
        description: format!("{about}\n\nObject: {of}"),
        // A port that stopped listening or resetting has no instance until discovery removes its items.
        preprocessing: vec![discard_not_supported()],
        tags: vec![tag("component", "listeners")],
        ..Item::default()
    }
}
