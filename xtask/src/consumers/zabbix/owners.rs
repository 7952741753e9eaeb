//! Whose the TCP sockets are: which unit, or which program, does not close its connections.

use super::alarm::{Alarm, lasting, or_gone};
use super::export::{Item, Rule, tag, uuid};
use super::graphs::{graph, lines};
use super::item::{column, state_word, step};
use super::keys;
use super::macros::{m, m_of};
use super::prototype::{DISCOVERY_INTERVAL, OWNER_GRAPH, PEER_LIFETIME, filter, prototype};
use netstat_agentx::mib::groups::sockets::TCP_STATE;

/// Those that say something of a program; in the order of the keys.
const STATES: [(&str, &str); 3] = [
    (
        "closeWait",
        "Those that the other end has closed and the program has not. A number that grows is a leak in that program.",
    ),
    ("established", "Its open connections."),
    (
        "synSent",
        "Its attempts to connect that wait for the first answer. Some that stay mean that what it wants is down or behind a \
         firewall that drops.",
    ),
];

fn key(of: &str) -> String {
    format!("netstat.owner[\"{{#OWNER}}\",{of}]")
}

/// Discovers the units, or the programs.
pub fn rule() -> Rule {
    // One kind only: programs are the same sockets again, and to ask for them has all processes searched.
    let kind = m("OWNER.KIND");
    let item = |(state, about): (&str, &str)| {
        let number = TCP_STATE.labels.iter().find(|(_, name)| *name == state).unwrap().0;
        let name = format!("{{#OWNER}}: sockets in {}", state_word(state));
        let mut item = Item {
            units: "!sockets".into(),
            tags: vec![tag("component", "owners")],
            ..prototype(
                key(state),
                name,
                "lnsOwnerSockets",
                &format!("{kind}.{{#SNMPINDEX}}.{number}"),
                about,
            )
        };
        if state == "closeWait" {
            let (fires, recovers) =
                or_gone(lasting(&item.key, &m_of("OWNER.CLOSE_WAIT.MAX", "{#OWNER}")), &item.key);
            let name = "{#OWNER}: many sockets in CLOSE_WAIT";
            let mut alarm = Alarm::new("owner-close-wait", name, "WARNING", fires, recovers).about(
                "It does not close connections that its peers have closed, and will run out of descriptors. 'ss -tanp state \
                 close-wait' shows them. If it is a .socket or init.scope, it is the service that that starts.",
            );
            alarm.trigger.event_name =
                format!("{{#OWNER}} has {} sockets in CLOSE_WAIT", keys::latest(&item.key, ""));
            item.trigger_prototypes.push(alarm.trigger);
        }
        item
    };
    Rule {
        uuid: uuid("rule", "owners"),
        name: "Owners of TCP sockets",
        kind: "SNMP_AGENT",
        snmp_oid: format!("discovery[{{#SOCKETS}},{}.{kind}]", column("lnsOwnerSockets")),
        key: "netstat.owners",
        delay: DISCOVERY_INTERVAL,
        filter: filter("{#OWNER}", "OWNER"),
        lifetime: PEER_LIFETIME,
        description: "The systemd units or cgroups with most TCP sockets, or the programs: {$NETSTAT.OWNER.KIND}. One without \
            sockets has no values until its items are removed.",
        item_prototypes: STATES.into_iter().map(item).collect(),
        trigger_prototypes: Vec::new(),
        graph_prototypes: vec![graph(
            OWNER_GRAPH,
            false,
            lines(STATES.into_iter().map(|(state, _)| key(state))),
        )],
        preprocessing: vec![step("JAVASCRIPT", include_str!("owners.js"))],
    }
}
