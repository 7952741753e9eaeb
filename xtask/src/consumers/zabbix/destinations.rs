//! Destinations: where outgoing connections go, and which of them uses the ephemeral ports up.

use super::alarm::{Alarm, lasting, or_gone, resolved};
use super::export::{Item, Rule, tag, uuid};
use super::graphs::{graph, lines};
use super::item::{column, step};
use super::keys;
use super::macros::m_of;
use super::prototype::{DESTINATION_GRAPH, DISCOVERY_INTERVAL, PEER_LIFETIME, filter, prototype};

/// Discovers the destinations with many sockets.
pub fn rule() -> Rule {
    let key = |of: &str| format!("netstat.destination[\"{{#DESTINATION}}\",{of}]");
    let item = |of: &str, shown: &str, units: &str, column: &str, about: &str| Item {
        units: units.into(),
        tags: vec![tag("component", "destinations")],
        ..prototype(key(of), format!("{{#DESTINATION}}: {shown}"), column, "{#SNMPINDEX}", about)
    };
    let sockets = item(
        "sockets",
        "outgoing connections",
        "!sockets",
        "lnsDestinationSockets",
        "Connections of this host to there, in whatever state.",
    );
    let syn_sent = item(
        "synSent",
        "outgoing connections in SYN_SENT",
        "!sockets",
        "lnsDestinationSynSent",
        "Those that wait for the first answer. Some that stay mean that the destination is down or behind a firewall that \
         drops.",
    );
    let close_wait = item(
        "closeWait",
        "outgoing connections in CLOSE_WAIT",
        "!sockets",
        "lnsDestinationCloseWait",
        "Those that the destination has closed and the program here has not. A number that grows is a leak in that program.",
    );
    let mut percent = item(
        "percent",
        "ephemeral ports in use",
        "%",
        "lnsDestinationEphemeralPercent",
        "How much of the range of ephemeral ports is in use towards it, by the local address that uses most.",
    );
    let alarm = |id: &str, name: &str, priority: &'static str, most: &str| {
        let (fires, recovers) = or_gone(lasting(&percent.key, &m_of(most, "{#DESTINATION}")), &percent.key);
        let mut alarm = Alarm::new(id, name, priority, fires, recovers)
            .about(
                "At 100 % connections to it fail with EADDRNOTAVAIL. Keep connections open and reuse them, above all if \
                 most are in TIME_WAIT, or widen net.ipv4.ip_local_port_range.",
            )
            .scope("capacity");
        let share = keys::latest(&percent.key, "");
        alarm.trigger.event_name = format!("{{#DESTINATION}} uses {share} % of the ephemeral ports");
        alarm
    };
    let nearly = "{#DESTINATION} has nearly used up the ephemeral ports";
    let alarms = vec![
        alarm("destination-ephemeral-crit", nearly, "HIGH", "EPHEMERAL.CRIT"),
        alarm(
            "destination-ephemeral",
            "{#DESTINATION} uses up the ephemeral ports",
            "WARNING",
            "EPHEMERAL.MAX",
        )
        .behind("destination-ephemeral-crit"),
    ];
    percent.trigger_prototypes.extend(resolved(alarms));
    let columns = [("{#DESTINATION}", "lnsDestinationText"), ("{#SOCKETS}", "lnsDestinationSockets")];
    let columns = columns.map(|(name, of)| format!("{name},{}", column(of)));
    let drawn = ["sockets", "synSent", "closeWait"].map(key);
    Rule {
        uuid: uuid("rule", "destinations"),
        name: "Destinations of outgoing connections",
        kind: "SNMP_AGENT",
        snmp_oid: format!("discovery[{}]", columns.join(",")),
        key: "netstat.destinations",
        delay: DISCOVERY_INTERVAL,
        filter: filter("{#DESTINATION}", "DESTINATION"),
        lifetime: PEER_LIFETIME,
        description: "Remote addresses and ports to which this host has many connections. One that has none any more has no \
            values until its items are removed.",
        item_prototypes: vec![close_wait, percent, sockets, syn_sent],
        trigger_prototypes: Vec::new(),
        graph_prototypes: vec![graph(DESTINATION_GRAPH, false, lines(drawn.into_iter()))],
        preprocessing: vec![step("JAVASCRIPT", include_str!("destinations.js"))],
    }
}
