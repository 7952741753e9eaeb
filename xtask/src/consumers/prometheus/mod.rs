//! Prometheus: the input of snmp_exporter's generator for our module, alerting rules, a Grafana dashboard.

mod grafana;
mod metric;
mod rules;

use netstat_agentx::mib::groups::GROUPS;
use netstat_agentx::mib::object::Object;
use netstat_agentx::mib::syntax::Syntax;
use netstat_agentx::mib::table::Table;
use std::fmt::Write;

pub fn files() -> Vec<(String, String)> {
    vec![
        ("generator.yml".into(), generator(Form::Split)),
        ("generator-0.21.yml".into(), generator(Form::Old)),
        ("rules.yml".into(), rules::file()),
        ("grafana-dashboard.json".into(), grafana::file()),
    ]
}

/// A module of snmp_exporter: the content of one scrape.
struct Module {
    name: &'static str,
    about: &'static str,
    walk: &'static [&'static str],
    /// Variable bindings in an answer: as many as fit into one Ethernet frame, since firewalls drop fragments. What is longest
    /// decides, which in the first module are the texts of listeners.
    max_repetitions: u8,
}

const MODULES: [Module; 7] = [
    Module {
        name: "linux_netstat",
        about: "Sockets by state, listeners with their owners, accept queues and drops, UDP endpoints with their drops, what \
            the connections of every listening port wait for and how their paths are, sockets in use against limits, every \
            counter of the kernel by its descriptor, the subagent itself.",
        walk: &[
            "lnsTcpStateTable",
            "lnsUdpTable",
            "lnsListenerTable",
            "lnsUdpEndpointTable",
            "lnsTcpServiceTable",
            "lnsSockstat",
            "lnsCounters",
            "lnsAgent",
        ],
        max_repetitions: 25,
    },
    Module {
        name: "linux_netstat_ports",
        about: "The sockets of every listening port by state: eleven samples a port.",
        walk: &["lnsTcpPortTable"],
        max_repetitions: 40,
    },
    Module {
        name: "linux_netstat_owners",
        about: "The TCP sockets of every systemd unit and of every program by state: eleven samples a name, and on the host a \
            search through all processes.",
        walk: &["lnsOwnerTable"],
        max_repetitions: 20,
    },
    Module {
        name: "linux_netstat_unix",
        about: "Unix sockets that listen, with their queues: labels that come and go with containers and sessions.",
        walk: &["lnsUnixListenerTable"],
        max_repetitions: 12,
    },
    Module {
        name: "linux_netstat_destinations",
        about: "The 256 destinations with the most outgoing connections: labels that come and go with them.",
        walk: &["lnsDestinationTable"],
        max_repetitions: 25,
    },
    Module {
        name: "linux_netstat_counters",
        about: "Every counter of the kernel by the kernel's own name, those included that are newer than this module.",
        walk: &["lnsCounterTable"],
        max_repetitions: 25,
    },
    Module {
        name: "linux_netstat_resets",
        about: "TCP resets by direction, port and reason, where the subagent traces them.",
        walk: &["lnsResets"],
        max_repetitions: 40,
    },
];

/// Labels of a row: a text of the agent that says it better than the index, or more than it. A text that is empty or has no
/// instance becomes an empty label, which to Prometheus is none.
pub const LOOKUPS: [(&str, &str, &str); 4] = [
    ("lnsListenerTable", "[lnsListenerAddress, lnsListenerPort]", "lnsListenerEndpoint"),
    ("lnsListenerTable", "[lnsListenerAddress, lnsListenerPort]", "lnsListenerOwner"),
    ("lnsDestinationTable", "[lnsDestinationAddress, lnsDestinationPort]", "lnsDestinationText"),
    ("lnsUdpEndpointTable", "[lnsUdpEndpointAddress, lnsUdpEndpointPort]", "lnsUdpEndpointText"),
];

/// snmp_exporter 0.23 split the credentials from the modules.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Old,
    Split,
}

fn generator(form: Form) -> String {
    let mut out = String::from(match form {
        Form::Old => {
            "# Written by 'make generate'. For the generator of snmp_exporter up to 0.22; 0.23 and later: generator.yml.\n\
             modules:\n"
        }
        Form::Split => {
            "# Written by 'make generate'. For the generator of snmp_exporter 0.23 and later; before: generator-0.21.yml.\n\
             auths:\n  public_v2:\n    version: 2\n    community: public\n\
             modules:\n"
        }
    });
    for module in &MODULES {
        let tables: Vec<_> = module.walk.iter().flat_map(|name| tables(name)).collect();
        rules::fold(&mut out, "  # ", module.about);
        let _ = writeln!(out, "  {}:\n    walk: [{}]", module.name, module.walk.join(", "));
        // Three times three seconds is less than the 10 s that Prometheus waits for a scrape.
        let repetitions = module.max_repetitions;
        let _ = writeln!(out, "    max_repetitions: {repetitions}\n    timeout: 3s\n    retries: 2");
        if form == Form::Old {
            out.push_str("    version: 2\n    auth:\n      community: public\n");
        }
        let lookups: Vec<_> =
            LOOKUPS.iter().filter(|(of, ..)| tables.iter().any(|table| table.name == *of)).collect();
        if !lookups.is_empty() {
            out.push_str("    lookups:\n");
        }
        let mut dropped = "";
        for (_, indexes, text) in &lookups {
            let _ = writeln!(out, "      - source_indexes: {indexes}\n        lookup: {text}");
            // Once for two texts of the same row, which follow each other.
            if std::mem::replace(&mut dropped, indexes) != *indexes {
                out.push_str("        drop_source_indexes: true\n");
            }
        }
        // Index columns cannot be read; without the type, 0.21 writes numbers for the names of states.
        out.push_str("    overrides:\n");
        for column in tables.iter().flat_map(|table| table.index) {
            let named = matches!(column.syntax, Syntax::Enumeration(_) | Syntax::Labels(_));
            let kind = if named { "type: EnumAsInfo, " } else { "" };
            let _ = writeln!(out, "      {}: {{{kind}ignore: true}}", column.name);
        }
        for (.., text) in lookups {
            let _ = writeln!(out, "      {text}: {{ignore: true}}");
        }
    }
    out
}

/// The table with this name, or the tables of the group with this name.
fn tables(name: &str) -> impl Iterator<Item = &'static Table> {
    let objects =
        GROUPS.iter().flat_map(|group| group.objects.iter().map(move |object| (group.name, object)));
    objects.filter_map(move |(group, object)| match object {
        Object::Table(table) if group == name || table.name == name => Some(table),
        _ => None,
    })
}
