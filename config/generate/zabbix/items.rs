//! Items: what is asked for, and what is worked out from it.

use super::export::{Item, Named, Step, TEMPLATE, tag, uuid};
use super::macros::m;
use super::{agent, calculated, resets};
use crate::graphs::GRAPHS;
use crate::object::{Object, base};
use netstat_agentx::mib::groups::lns_sockets::{FAMILY, TCP_STATE};
use netstat_agentx::mib::object::Object as Declared;
use netstat_agentx::registry::{self, Concern, Kind, Registered};
use std::collections::BTreeMap;

/// Groups of counters that nearly every Linux host has. What the others (MPTcpExt, Sctp, Xfrm, UdpLite) count is of
/// use to few, who will want all of it.
const COMMON: [&str; 9] = ["Ip", "Icmp", "Tcp", "Udp", "TcpExt", "IpExt", "Ip6", "Icmp6", "Udp6"];

pub const INTERVAL: &str = "{$NETSTAT.INTERVAL}";

/// The key of an object's value.
pub fn value_key(name: &str) -> String {
    format!("netstat[{}]", name.replace('"', ""))
}

/// The key of a counter's rate.
pub fn rate_key(name: &str) -> String {
    format!("netstat.rate[{name}]")
}

/// The key of a percentage, by what it is a part of.
pub fn percent_key(name: &str) -> String {
    format!("netstat.percent[{name}]")
}

/// An item as it stands in an expression.
pub fn at(key: &str) -> String {
    format!("/{TEMPLATE}/{key}")
}

/// All items by key. `watched` are the keys that triggers and graphs look at; others are stored only when they change.
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

/// The item of an object that a host may lack.
pub fn asked(object: &Object, key: String, name: String, component: &str) -> Item {
    Item {
        uuid: uuid("item", &key),
        name,
        kind: "SNMP_AGENT",
        snmp_oid: object.oid.clone(),
        key,
        delay: INTERVAL,
        history: "7d",
        description: format!("{}\n\nObject: {}", explanation(object), object.name),
        preprocessing: vec![discard_not_supported()],
        tags: vec![tag("component", component)],
        ..Item::default()
    }
}

/// A gauge. An exclamation mark keeps Zabbix from writing 1200 sockets as 1.2 Ksockets.
pub fn gauge(name: &'static str, shown: String, component: &str) -> Item {
    let object = Object::named(name);
    let units = match object.units {
        "" => String::new(),
        "octets" => "B".into(),
        units => format!("!{units}"),
    };
    Item { units, ..asked(&object, value_key(name), shown, component) }
}

fn explanation(object: &Object) -> String {
    match object.counter {
        Some(entry) => format!("{}\n\n{}", entry.counts, entry.means),
        None => object.description.to_owned(),
    }
}

/// What a kernel, a namespace or a container lacks has no instance; it is no error. To discard is the default.
pub fn discard_not_supported() -> Step {
    step("CHECK_NOT_SUPPORTED", "")
}

pub fn step(kind: &'static str, parameter: &str) -> Step {
    Step { kind, parameters: [parameter.to_owned()], error_handler: "", error_handler_params: "" }
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
            // All 33 are always there: one that is missing is worth an error.
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

pub fn shown_family(family: &str) -> &str {
    match family {
        "ipv4" => "IPv4",
        "ipv6" => "IPv6",
        other => other,
    }
}

/// ESTABLISHED for established, as the graphs write it.
pub fn state_word(state: &str) -> &'static str {
    let lines = GRAPHS.iter().flat_map(|graph| graph.lines);
    let wanted = format!("lnsTcpStateSockets.all.{state}");
    lines.into_iter().find(|(name, _)| *name == wanted).map(|(_, label)| *label).unwrap()
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

pub fn heartbeat() -> Step {
    step("DISCARD_UNCHANGED_HEARTBEAT", &m("HEARTBEAT"))
}

/// Counters as rates: those that are drawn, then all of the registry that are worth a look.
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
        entry.kind == Kind::Counter
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

/// The unit is short, since Zabbix leaves little room beside the axis of a graph: what is counted, the name says.
pub fn rate(object: &Object, shown: String, component: &str) -> Item {
    assert!(object.is_counter(), "{} is no counter", object.name);
    let mut item = asked(object, rate_key(object.name), shown, component);
    item.value_type = "FLOAT";
    item.units = "/s".into();
    item.preprocessing.push(step("CHANGE_PER_SECOND", ""));
    item
}

/// The value map of tcpRtoAlgorithm.
pub const RTO_ALGORITHM: &str = "tcpRtoAlgorithm";

/// The OID of a column below the private base, for discovery.
pub fn column(name: &str) -> String {
    netstat_agentx::mib::names::resolve(name, &base()).unwrap().to_string()
}
