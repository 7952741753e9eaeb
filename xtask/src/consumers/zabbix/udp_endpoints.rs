//! UDP endpoints: which service drops datagrams.

use super::alarm::{Alarm, at_once, or_gone};
use super::export::{Item, Rule, tag, uuid};
use super::graphs::{graph, lines};
use super::item::{column, step};
use super::keys;
use super::macros::m_of;
use super::prototype::{DISCOVERY_INTERVAL, PEER_LIFETIME, UDP_GRAPH, filter, prototype};

/// Discovers the endpoints.
pub fn rule() -> Rule {
    let item = |of: &str, shown: &str, column: &str, about: &str| {
        let key = format!("netstat.udp[\"{{#ENDPOINT}}\",{of}]");
        Item {
            tags: vec![tag("component", "udp")],
            ..prototype(key, format!("UDP {{#ENDPOINT}}: {shown}"), column, "{#SNMPINDEX}", about)
        }
    };
    let mut drops = item(
        "drops",
        "datagrams dropped",
        "lnsUdpEndpointDropsOfOpenSockets",
        "Datagrams per second that the sockets here dropped, mostly because their receive buffer was full. Where one of \
         them was closed in between there is no value.",
    );
    drops.value_type = "FLOAT";
    drops.units = "/s".into();
    // The figure falls when a socket closes; this step discards what would be below zero.
    drops.preprocessing.push(step("CHANGE_PER_SECOND", ""));
    let (fires, recovers) = or_gone(at_once(&drops.key, &m_of("UDP_DROPS.MAX", "{#ENDPOINT}")), &drops.key);
    let mut alarm =
        Alarm::new("udp-drops", "UDP {#ENDPOINT} drops datagrams", "WARNING", fires, recovers).about(
            "The program there does not read its socket fast enough or hangs. Make it faster, or raise its buffer \
             (SO_RCVBUF, net.core.rmem_max, net.core.rmem_default). 'ss -uanmp' shows the program, and the drops of each \
             socket (d...).",
        );
    alarm.trigger.event_name =
        format!("UDP {{#ENDPOINT}} drops {} datagrams/s", keys::latest(&drops.key, "fmtnum(0)"));
    drops.trigger_prototypes.push(alarm.trigger);
    let mut queue = item(
        "queue",
        "receive queue",
        "lnsUdpEndpointReceiveQueueOctets",
        "What waits to be read by the program, with the kernel's own share of every buffer.",
    );
    queue.units = "B".into();
    let columns = [("{#ENDPOINT}", "lnsUdpEndpointText"), ("{#DROPS}", "lnsUdpEndpointDropsOfOpenSockets")];
    let columns = columns.map(|(name, of)| format!("{name},{}", column(of)));
    Rule {
        uuid: uuid("rule", "udp-endpoints"),
        name: "UDP endpoints",
        kind: "SNMP_AGENT",
        snmp_oid: format!("discovery[{}]", columns.join(",")),
        key: "netstat.udp.endpoints",
        delay: DISCOVERY_INTERVAL,
        filter: filter("{#ENDPOINT}", "UDP_ENDPOINT"),
        lifetime: PEER_LIFETIME,
        description: "Local UDP endpoints with sockets that have no peer: those that have dropped most, then those of the \
            lowest ports.",
        graph_prototypes: vec![graph(UDP_GRAPH, false, lines([drops.key.clone()].into_iter()))],
        item_prototypes: vec![drops, queue],
        trigger_prototypes: Vec::new(),
        preprocessing: vec![step("JAVASCRIPT", include_str!("udp-endpoints.js"))],
    }
}
