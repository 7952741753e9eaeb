//! All items: those that are polled, and those calculated from them.

use super::export::{Item, Named, tag};
use super::item::{gauge, heartbeat, rate, state_word};
use super::{agent, calculated, resets};
use crate::consumers::graphs::GRAPHS;
use crate::consumers::object::Object;
use netstat_agentx::mib::groups::lns_sockets::FAMILY;
use netstat_agentx::mib::groups::sockets::TCP_STATE;
use netstat_agentx::mib::object::Object as Declared;
use netstat_agentx::registry::{self, Concern, CounterKind, Registered};
use std::collections::BTreeMap;

/// Counter groups that nearly every Linux host has. The others (MPTcpExt, Sctp, Xfrm, UdpLite) are useful to few, who
/// will want all of them.
const COMMON: [&str; 12] = [
    "Ip",
    "Icmp",
    "Tcp",
    "Udp",
    "TcpExt",
    "IpExt",
    "Ip6",
    "Icmp6",
    "Udp6",
    "Conntrack",
    "ArpCache",
    "NdiscCache",
];

/// All items by key. Triggers and graphs look at the keys in `watched`; other items are stored only when they change.
pub fn items(watched: &dyn Fn(&str) -> bool) -> Vec<Item> {
    let mut all: Vec<Item> = states();
    all.extend(sockets());
    all.extend(sockstat());
    all.extend(counters(watched));
    all.extend(calculated::items());
    all.extend(agent::items());
    all.extend(resets::items());
    let by_key: BTreeMap<String, Item> = all.into_iter().map(|item| (item.key.clone(), item)).collect();
    by_key.into_values().collect()
}

fn states() -> Vec<Item> {
    let mut items = Vec::new();
    for (_, family) in FAMILY.labels {
        for (_, state) in TCP_STATE.labels {
            let name = format!("lnsTcpStateSockets.{family}.{state}").leak();
            let word = state_word(state);
            let shown = match *family {
                "all" => format!("TCP {word}"),
                family => format!("TCP {word}, {}", shown_family(family)),
            };
            // All 33 always exist, so a missing one deserves an error.
            items.push(Item { preprocessing: vec![], ..gauge(name, shown, "tcp states") });
        }
    }
    items.push(Item {
        valuemap: Some(Named { name: RTO_ALGORITHM }),
        ..gauge("tcpRtoAlgorithm", "TCP retransmission timeout algorithm".into(), "tcp")
    });
    items.push(gauge("tcpCurrEstab", "TCP connections established or half closed".into(), "tcp states"));
    items
}

fn shown_family(family: &str) -> &str {
    match family {
        "ipv4" => "IPv4",
        "ipv6" => "IPv6",
        other => other,
    }
}

fn sockets() -> Vec<Item> {
    let columns = [
        ("lnsUdpSockets", "UDP sockets"),
        ("lnsUdpConnectedSockets", "UDP sockets with a peer"),
        ("lnsUdpReceiveQueueOctets", "UDP receive queues"),
        ("lnsUdpTransmitQueueOctets", "UDP transmit queues"),
        ("lnsUdpDropsOfOpenSockets", "UDP datagrams dropped by the sockets open now"),
    ];
    let one = |(column, shown): (&str, &str), family: &str| {
        let name = format!("{column}.{family}").leak();
        let shown = match family {
            "all" => shown.to_owned(),
            family => format!("{shown}, {}", shown_family(family)),
        };
        gauge(name, shown, "udp")
    };
    columns
        .iter()
        .flat_map(|&column| FAMILY.labels.iter().map(move |(_, family)| one(column, family)))
        .collect()
}

/// Everything of lnsSockstat, the limits included.
fn sockstat() -> Vec<Item> {
    let group = netstat_agentx::mib::groups::GROUPS.iter().find(|group| group.name == "lnsSockstat").unwrap();
    let names = group.objects.iter().filter_map(|object| match object {
        Declared::Scalar(scalar) => Some(scalar.name),
        _ => None,
    });
    let item = |name: &'static str| {
        let bare = name.trim_start_matches("lnsSockstat").trim_start_matches("lns");
        match bare.strip_prefix("Limit") {
            Some(limit) => {
                let mut item = gauge(name, format!("Limit {limit}"), "sockstat");
                item.preprocessing.push(heartbeat());
                item
            }
            None => gauge(name, format!("Sockstat {bare}"), "sockstat"),
        }
    };
    names.map(item).collect()
}

/// Counters as rates: first those that are drawn, then all others of the registry that deserve a look.
fn counters(watched: &dyn Fn(&str) -> bool) -> Vec<Item> {
    let mut items = Vec::new();
    let mut drawn: Vec<&Registered> = Vec::new();
    for graph in GRAPHS.iter().filter(|graph| graph.is_rate()) {
        for (object, label) in graph.objects() {
            let shown = match object.counter {
                Some(entry) if object.name == entry.descriptor => {
                    format!("{}.{}: {label}", entry.group, entry.name)
                }
                _ => format!("{}: {label}", object.name),
            };
            drawn.extend(object.counter);
            let component = graph.name.split('_').next().unwrap();
            items.push(rate(&object, shown, component));
        }
    }
    let worth = |entry: &&Registered| {
        entry.kind == CounterKind::Counter
            && entry.concern != Concern::None
            && entry.retired.is_empty()
            && COMMON.contains(&entry.group)
    };
    for entry in registry::all().iter().filter(worth).filter(|entry| !drawn.contains(entry)) {
        let object = Object::named(entry.descriptor);
        let component = entry.group.to_lowercase();
        let mut item = rate(&object, format!("{}.{}", entry.group, entry.name), &component);
        item.tags.push(tag("concern", entry.concern.word()));
        item.tags.sort();
        if !watched(&item.key) {
            item.preprocessing.push(heartbeat());
        }
        items.push(item);
    }
    items
}

/// The value map of tcpRtoAlgorithm.
pub const RTO_ALGORITHM: &str = "tcpRtoAlgorithm";
