//! Low-level discovery: its rules, and the one of listening ports with their sockets by state.

use super::alarm::{Alarm, lasting, or_gone};
use super::export::{Rule, uuid};
use super::graphs::{graph, lines};
use super::item::{column, state_word, step};
use super::macros::m_of;
use super::prototype::{DISCOVERY_INTERVAL, LIFETIME, PORT_GRAPH, filter, prototype};
use super::{destinations, listeners, owners, resets, services, udp_endpoints, unix_listeners};
use crate::consumers::graphs::GRAPHS;
use netstat_agentx::mib::groups::sockets::TCP_STATE;

pub fn rules() -> Vec<Rule> {
    vec![
        destinations::rule(),
        listeners::rule(),
        owners::rule(),
        ports(),
        resets::rule(),
        udp_endpoints::rule(),
        unix_listeners::rule(),
    ]
}

fn ports() -> Rule {
    let key = |state: &str| format!("netstat.port[{{#PORT}},{state}]");
    let item = |&(number, state): &(u32, &str)| {
        let word = state_word(state);
        let mut item = prototype(
            key(state),
            format!("Port {{#PORT}}: {word}"),
            "lnsTcpPortSockets",
            &format!("{{#PORT}}.{number}"),
            &format!("TCP sockets in {word} whose local port is {{#PORT}}, IPv4 and IPv6 together."),
        );
        item.units = "!sockets".into();
        if state == "closeWait" {
            let (fires, recovers) =
                or_gone(lasting(&item.key, &m_of("PORT.CLOSE_WAIT.MAX", "{#PORT}")), &item.key);
            let name = "Port {#PORT}: many sockets in CLOSE_WAIT";
            let alarm = Alarm::new("port-close-wait", name, "WARNING", fires, recovers)
                .about("The service on this port does not close connections that its clients have closed.");
            item.trigger_prototypes.push(alarm.trigger);
        }
        item
    };
    let mut item_prototypes: Vec<_> = TCP_STATE.labels.iter().map(item).chain(services::items()).collect();
    item_prototypes.sort_by(|a, b| a.key.cmp(&b.key));
    // In the order and colours of the graph of all sockets.
    let states = GRAPHS.iter().find(|graph| graph.name == "tcp_states").unwrap().lines;
    let keys = states.iter().map(|(name, _)| key(name.rsplit('.').next().unwrap()));
    Rule {
        uuid: uuid("rule", "ports"),
        name: "Listening TCP ports",
        kind: "SNMP_AGENT",
        snmp_oid: format!("discovery[{{#SOCKETS}},{}]", column("lnsListenerSockets")),
        key: "netstat.ports",
        delay: DISCOVERY_INTERVAL,
        filter: filter("{#PORT}", "PORT"),
        lifetime: LIFETIME,
        description: "Every local port that has a listener, with its sockets by state (lnsTcpPortTable) and what its \
            connections wait for (lnsTcpServiceTable). The ports are taken from the index of lnsListenerTable.",
        item_prototypes,
        trigger_prototypes: vec![services::retransmitted()],
        graph_prototypes: [graph(PORT_GRAPH, true, lines(keys))]
            .into_iter()
            .chain(services::graphs())
            .collect(),
        preprocessing: vec![step("JAVASCRIPT", include_str!("ports.js"))],
    }
}
