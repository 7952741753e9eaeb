//! The page beside the template: prose, and tables of its contents.

use super::export::{Export, Trigger};
use super::macros::MACROS;
use std::fmt::Write;

const HEAD: &str = "<!-- Written by 'make generate'. Edit xtask/src/consumers/zabbix. -->
# Zabbix

`template_netstat_agentx.yaml` is one template, \"Linux netstat by SNMP\", in the format of Zabbix 6.0, which 6.0 and later
import. The host needs snmpd and netstat-agentx and nothing else: no agent of Zabbix, no script, no UserParameter.

";

const USE: &str = "
## How to use it

1. Data collection (6.0: Configuration), Templates, Import: choose the file. Importing it again, or a newer one over it,
   updates what there is; items keep their history, since their UUIDs stay the same.
2. Give the host an SNMP interface: SNMPv2c or SNMPv3, \"Use bulk requests\" on. SNMPv1 has no 64-bit counters: the items
   that need them are not supported there.
3. Link the template. Values come after a minute, listeners, ports, units, UDP endpoints and destinations with the
   first discovery.

snmpd must let the community or user see what is asked: [../snmpd](../snmpd/README.md) has a view to begin with. If you
moved the private module to a number of your own (`base-oid`), move the template too:

    sed -i 's/1\\.3\\.6\\.1\\.4\\.1\\.8072\\.9999\\.9999\\.2741/1.3.6.1.4.1.YOURS.1/g' template_netstat_agentx.yaml

Everything is plain OIDs in GETs of many variable bindings, which `walk[]` items of later versions would not make cheaper.
What a kernel does not have (SCTP, IPv6, a counter of a newer version; limits in a container) is discarded, not an
error. To poll more slowly, or to watch some ports only, set a macro on the host.

Problems of what is discovered name the culprit and the figure: \"Listener 127.0.0.1:80 (nginx.service) is 92 % full\",
\"Listener 127.0.0.1:80 (nginx.service) drops 3 connections/s\", \"Unix listener /run/php-fpm.sock is 100 % full\",
\"kafka.service has 1204 sockets in CLOSE_WAIT\", \"UDP 127.0.0.53:53 drops 12 datagrams/s\", \"Port 5432: 8 MB unread\",
\"Port 443: 7.5 % of its data is retransmitted\", \"192.0.2.7:5432 uses 85 % of the ephemeral ports\". They are also over
when the listener, port, unit, endpoint or destination is gone.

Of destinations the 50 with the most connections are watched (`DESTINATION.ROWS`), and none with fewer than 50
(`DESTINATION.MIN`), so that a proxy does not fill the server with items. That the ports towards any destination are nearly
used up is a trigger of its own, which needs no discovery. Of UDP endpoints those that have dropped datagrams come first,
then the lowest ports (`UDP_ENDPOINT.ROWS`), of Unix listeners the fullest (`UNIX.ROWS`), of units those with the most
sockets (`OWNER.ROWS`).

Limits, drops and owners of listeners, Unix listeners, sockets by unit, round-trip times and retransmitted shares come from
the kernel's sock_diag. Where it cannot be had (another network namespace is watched, or the kernel or a seccomp profile
refuses it), and for a port without connections, nothing is discovered or the items have no value. Units need Linux 5.8 and
the cgroup2 file system, retransmitted shares Linux 4.19; the problem of a listener whose unit is not known has its endpoint
alone. For sockets by unit and for round-trip times the subagent has the kernel list all TCP sockets; with
`OWNER.MATCHES` and `PORT.MATCHES` at `^$` only the discovery asks for it. A queue in which a single connection waits is no
problem: some programs serve one client at a time.

Sockets are counted by systemd unit, or by cgroup where there is no unit. Set `OWNER.KIND` to 2 on a host that has none of
them, and they are counted by program: this needs the privilege to see the descriptors of others, and has the subagent
search all processes every time (it limits itself to a tenth of one CPU). Counting units does not, except that the
discovery reads on until it is behind the last unit, which is the first program: one search in DISCOVERY.INTERVAL. A name
that any user may choose, of a cgroup, a program or a Unix socket, is left out if it contains quotes or braces or ends in a
backslash; braces in the unit of a listener become `_`.

Ports with TCP resets are discovered where the subagent traces resets, which is off by default (`[resets]`, drop-in
`resets.conf` of the systemd unit). The problem then names the culprit: \"TCP resets sent, local port 7211, NO_SOCKET,
last peer 127.0.0.1\". On the host, `netstat-agentx resets` shows the process too.
";

pub fn page(export: &Export) -> String {
    let template = &export.templates[0];
    let mut out = String::from(HEAD);
    let _ = writeln!(
        out,
        "It has {} items, {} discovery rules (listeners with their accept queues, drops and owners, Unix listeners, listening ports\n\
         by state and with what their connections wait for, TCP sockets by unit, UDP endpoints with their drops, destinations of\n\
         outgoing connections, ports with TCP resets), {} triggers and {} trigger prototypes, {} graphs and a dashboard. Items are\n\
         described by the same texts as `netstat-agentx explain`.",
        template.items.len(),
        template.discovery_rules.len(),
        triggers(export).len(),
        prototypes(export).len(),
        export.graphs.len()
    );
    out += "\n![The dashboard of a host under load](../../docs/images/zabbix.png)\n";
    out += USE;
    out += "\n## Triggers\n\nEach has a recovery expression of its own and shows the figure that it is about.\n\n\
        | trigger | severity |\n| --- | --- |\n";
    for trigger in triggers(export).into_iter().chain(prototypes(export)) {
        let _ = writeln!(out, "| {} | {} |", trigger.name, trigger.priority.to_lowercase());
    }
    out += "\n## Macros\n\n| macro | default | |\n| --- | --- | --- |\n";
    for (name, default, about) in MACROS {
        let _ = writeln!(out, "| `{{$NETSTAT.{name}}}` | `{default}` | {about} |");
    }
    out
}

/// All triggers except those of discovered items, by name.
fn triggers(export: &Export) -> Vec<&Trigger> {
    let items = export.templates[0].items.iter().flat_map(|item| &item.triggers);
    let mut all: Vec<_> = items.chain(&export.triggers).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn prototypes(export: &Export) -> Vec<&Trigger> {
    let rules = export.templates[0].discovery_rules.iter();
    rules
        .flat_map(|rule| {
            let of_items = rule.item_prototypes.iter().flat_map(|item| &item.trigger_prototypes);
            of_items.chain(&rule.trigger_prototypes)
        })
        .collect()
}
