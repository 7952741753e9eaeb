//! Zabbix: one template for 6.0 and later, and the page that explains it.

mod agent;
mod alarm;
mod calculated;
mod destinations;
mod discovery;
mod export;
mod graphs;
mod item;
mod items;
mod keys;
mod listeners;
mod macros;
mod owners;
mod prototype;
mod readme;
mod resets;
mod services;
mod triggers;
mod udp_endpoints;
mod unix_listeners;

use calculated::MEMORY_STATE;
use export::{Export, File, Group, Item, Mapping, TEMPLATE, Template, Trigger, VERSION, ValueMap, tag, uuid};
use items::RTO_ALGORITHM;
use keys::at;
use netstat_agentx::mib::object::Object as Declared;
use resets::TRACING;
use std::collections::BTreeSet;

/// Zabbix's own group for such templates, with its universal UUID.
const GROUP: (&str, &str) = ("846977d1dfed4968bc5f8bdb363285bc", "Templates/Operating systems");

pub fn files() -> Vec<(String, String)> {
    let file = made();
    // A text without line breaks of its own stays on one line, however long: folding would split names.
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    let text = serde_saphyr::to_string_with_options(&file, options).unwrap();
    let readme = readme::page(&file.zabbix_export);
    vec![("template_netstat_agentx.yaml".into(), text), ("README.md".into(), readme)]
}

fn made() -> File {
    let (mut triggers, graphs) = (triggers::triggers(), graphs::graphs());
    let drawn: BTreeSet<_> =
        graphs.iter().flat_map(|graph| &graph.graph_items).map(|line| line.item.key.clone()).collect();
    let expressions: String = triggers.iter().map(|trigger| trigger.expression.as_str()).collect();
    let watched = |key: &str| drawn.contains(key) || expressions.contains(&at(key));
    let mut items = items::items(&watched);
    triggers.retain(|trigger| !placed(trigger, &mut items));
    let template = Template {
        uuid: uuid("template", "netstat-agentx"),
        template: TEMPLATE,
        name: TEMPLATE,
        description: "Sockets by state and owner, listeners, services, destinations, limits and kernel counters of a Linux host, served by the SNMP \
            AgentX subagent netstat-agentx. Needs an SNMP interface (SNMPv2c or SNMPv3, bulk requests on) and nothing \
            else on the host. Thresholds are user macros.\n\nMIB: LINUX-NETSTAT-MIB, TCP-MIB, UDP-MIB, IP-MIB"
            .into(),
        groups: vec![Group { uuid: String::new(), name: GROUP.1 }],
        items,
        discovery_rules: discovery::rules(),
        tags: vec![tag("class", "os"), tag("target", "linux")],
        macros: macros::macros(),
        dashboards: vec![graphs::dashboard()],
        valuemaps: value_maps(),
    };
    File {
        zabbix_export: Export {
            version: VERSION,
            groups: vec![Group { uuid: GROUP.0.into(), name: GROUP.1 }],
            templates: vec![template],
            triggers,
            graphs,
        },
    }
}

/// Puts a trigger where the format wants it: with its item if it looks at only one. Also checks that the items in its
/// expressions exist.
fn placed(trigger: &Trigger, items: &mut [Item]) -> bool {
    let keys = keys(&trigger.expression).into_iter().chain(keys(&trigger.recovery_expression));
    let keys: BTreeSet<_> = keys.collect();
    for key in &keys {
        assert!(items.iter().any(|item| item.key == *key), "{}: no item {key}", trigger.name);
    }
    let mut own = items.iter_mut().filter(|item| keys.len() == 1 && keys.contains(&item.key));
    own.next().is_some_and(|item| {
        item.triggers.push(trigger.clone());
        true
    })
}

/// The keys in an expression; each ends with a bracket.
fn keys(expression: &str) -> Vec<String> {
    let host = format!("/{TEMPLATE}/");
    let items = expression.split(&host).skip(1);
    items.map(|rest| format!("{}]", rest.split(']').next().unwrap())).collect()
}

fn value_maps() -> Vec<ValueMap> {
    let declared = |name: &str| {
        let objects = netstat_agentx::mib::groups::GROUPS.iter().flat_map(|group| group.objects);
        let labels = objects.into_iter().find_map(|object| match object {
            Declared::Scalar(scalar) if scalar.name == name => Some(scalar.syntax.labels()),
            _ => None,
        });
        labels.unwrap()
    };
    let map = |name: &'static str, labels: &[(u32, &str)]| ValueMap {
        uuid: uuid("valuemap", name),
        name,
        mappings: labels
            .iter()
            .map(|(value, label)| Mapping { value: value.to_string(), newvalue: (*label).to_owned() })
            .collect(),
    };
    vec![
        map(MEMORY_STATE, &[(0, "within its limits"), (1, "under pressure"), (2, "at its limit")]),
        map(TRACING, declared(TRACING)),
        map(RTO_ALGORITHM, declared(RTO_ALGORITHM)),
    ]
}
