//! Alerting rules: what to alert on, what it means and what to do about it.

mod alert;
mod named;

use crate::consumers::object::Object;
use alert::{Alert, OVERFLOWS};
use netstat_agentx::text::folded;
use std::fmt::Write;

/// Those about a host as a whole. Rates are over one minute: four samples at a scrape every 15 seconds.
const ALERTS: &[Alert] = &[
    Alert {
        name: "NetstatHostDown",
        expr: "up{job=\"linux_netstat\"} == LIMIT",
        levels: &[("warning", "0")],
        lasts: "2m",
        summary: "does not answer SNMP",
        about: "snmp_exporter cannot be reached, or has no answer from snmpd: the host or snmpd is down, the \
            community is wrong, a firewall is between, or the answer came too late.",
        object: "",
    },
    Alert {
        name: "NetstatSubagentMissing",
        expr: "up{job=\"linux_netstat\"} == LIMIT unless on (job, instance) lnsAgentStartTime",
        levels: &[("warning", "1")],
        lasts: "2m",
        summary: "answers SNMP, but netstat-agentx does not",
        about: "The subagent does not run, has no connection to snmpd's AgentX socket ('journalctl -u \
            netstat-agentx' says why), or a view in snmpd.conf hides its objects.",
        object: "",
    },
    Alert {
        name: "NetstatSourceFails",
        expr: "increase(lnsAgentSourceFailures[5m]) > LIMIT",
        levels: &[("warning", "0")],
        lasts: "0s",
        summary: "the subagent cannot read its source '{{ $labels.lnsAgentSourceName }}'",
        about: "What could not be read is missing, and alerts on it cannot fire. The label lnsAgentSourceError of the \
            metric of that name has file, line and field; so has the log of netstat-agentx.",
        object: "",
    },
    Alert {
        name: "NetstatListenOverflows",
        expr: "rate(lnsTcpExtListenOverflows[1m]) > LIMIT",
        levels: OVERFLOWS,
        lasts: "1m",
        summary: "an accept queue is full {{ $value | humanize }} times a second",
        about: "",
        object: "lnsTcpExtListenOverflows",
    },
    Alert {
        name: "NetstatListenDrops",
        expr: "rate(lnsTcpExtListenDrops[1m]) > LIMIT",
        levels: OVERFLOWS,
        lasts: "1m",
        summary: "listeners drop {{ $value | humanize }} connections a second",
        about: "NetstatTcpListenerDrops names the listener if it is one above all.",
        object: "lnsTcpExtListenDrops",
    },
    Alert {
        name: "NetstatSynQueueDrops",
        expr: "rate(lnsTcpExtTCPReqQFullDrop[1m]) > LIMIT",
        levels: OVERFLOWS,
        lasts: "1m",
        summary: "a SYN queue is full and drops {{ $value | humanize }} SYNs a second",
        about: "",
        object: "lnsTcpExtTCPReqQFullDrop",
    },
    Alert {
        name: "NetstatSynQueueCookies",
        expr: "rate(lnsTcpExtTCPReqQFullDoCookies[1m]) > LIMIT",
        levels: OVERFLOWS,
        lasts: "1m",
        summary: "a SYN queue is full and answers {{ $value | humanize }} SYNs a second with cookies",
        about: "",
        object: "lnsTcpExtTCPReqQFullDoCookies",
    },
    Alert {
        name: "NetstatResetsSent",
        expr: "rate(lnsTcpOutRsts[1m]) > LIMIT * clamp_min(rate(lnsTcpOutRsts[30m] offset 5m), 5)",
        levels: &[("warning", "10")],
        lasts: "0s",
        summary: "sends {{ $value | humanize }} resets a second, over ten times as many as before",
        about: "Compared with the half hour that ended five minutes ago; below 50 a second it never fires.",
        object: "lnsTcpOutRsts",
    },
    Alert {
        name: "NetstatAttemptsFail",
        expr: "rate(lnsTcpAttemptFails[1m]) > LIMIT * clamp_min(rate(lnsTcpAttemptFails[30m] offset 5m), 5)",
        levels: &[("warning", "10")],
        lasts: "0s",
        summary: "{{ $value | humanize }} connection attempts fail a second, over ten times as many as before",
        about: "Compared with the half hour that ended five minutes ago; below 50 a second it never fires.",
        object: "lnsTcpAttemptFails",
    },
    Alert {
        name: "NetstatAttemptsFailSteadily",
        expr: "rate(lnsTcpAttemptFails[5m]) > LIMIT",
        levels: &[("info", "2")],
        lasts: "15m",
        summary: "{{ $value | humanize }} connection attempts fail a second",
        about: "Much on a quiet host; on a busy one, or where scans are daily weather, raise the threshold.",
        object: "lnsTcpAttemptFails",
    },
    Alert {
        name: "NetstatCloseWaitGrows",
        // The minimum of the last quarter of an hour against the maximum of the one that began an hour ago: what comes
        // and goes does not count.
        expr: "min_over_time(lnsTcpStateSockets{lnsTcpStateFamily=\"all\",lnsTcpState=\"closeWait\"}[15m]) \
            > max_over_time(lnsTcpStateSockets{lnsTcpStateFamily=\"all\",lnsTcpState=\"closeWait\"}[15m] offset 45m) \
            > LIMIT",
        levels: &[("warning", "100"), ("critical", "1000")],
        lasts: "5m",
        summary: "{{ $value }} sockets in CLOSE_WAIT and growing",
        about: "NetstatOwnerCloseWaitGrows names the unit and the program where the module linux_netstat_owners is scraped.",
        object: "lnsTcpStateSockets.all.closeWait",
    },
    Alert {
        name: "NetstatTimeWaitNearLimit",
        expr: "lnsSockstatTcpTimeWait / lnsLimitTcpMaxTwBuckets > LIMIT",
        levels: &[("warning", "0.8")],
        lasts: "5m",
        summary: "{{ $value | humanizePercentage }} of tcp_max_tw_buckets are in use",
        about: "Let the program with most of them keep its connections open longer, or raise \
            net.ipv4.tcp_max_tw_buckets.",
        object: "lnsSockstatTcpTimeWait",
    },
    Alert {
        name: "NetstatOrphans",
        expr: "lnsSockstatTcpOrphan / lnsLimitTcpMaxOrphans > LIMIT",
        levels: &[("warning", "0.25"), ("critical", "0.5")],
        lasts: "1m",
        summary: "orphaned TCP sockets are at {{ $value | humanizePercentage }} of tcp_max_orphans",
        about: "For sockets that have waited long or got errors a half or a quarter of the limit holds. Each orphan has \
            memory that cannot be swapped; lnsTcpExtTCPAbortOnMemory counts those that were reset.",
        object: "lnsSockstatTcpOrphan",
    },
    Alert {
        name: "NetstatTcpMemory",
        expr: "lnsSockstatTcpMem > LIMIT",
        levels: &[("warning", "lnsLimitTcpMemPressure"), ("critical", "0.9 * lnsLimitTcpMemHigh")],
        lasts: "1m",
        summary: "TCP holds {{ $value | humanize }} pages of memory",
        about: "Connections slow down, then segments are dropped. Look for the sockets with the longest queues \
            ('ss -tanm'), or raise net.ipv4.tcp_mem.",
        object: "lnsSockstatTcpMem",
    },
    Alert {
        name: "NetstatBacklogDrops",
        expr: "rate(lnsSoftnetDropped[1m]) > LIMIT",
        levels: OVERFLOWS,
        lasts: "1m",
        summary: "the backlog queue of a CPU is full and drops {{ $value | humanize }} packets a second",
        about: "",
        object: "lnsSoftnetDropped",
    },
    Alert {
        name: "NetstatConntrackDrops",
        expr: "rate(lnsConntrackDrop[1m]) > LIMIT",
        levels: OVERFLOWS,
        lasts: "1m",
        summary: "connection tracking drops {{ $value | humanize }} packets a second",
        about: "",
        object: "lnsConntrackDrop",
    },
    Alert {
        name: "NetstatConntrackNearLimit",
        expr: "lnsSockstatConntrackEntries / (lnsLimitConntrackEntries > 0) > LIMIT",
        levels: &[("warning", "0.8"), ("critical", "0.95")],
        lasts: "1m",
        summary: "{{ $value | humanizePercentage }} of nf_conntrack_max connections are tracked",
        about: "'conntrack -L' on the host shows whose they are. Raise net.netfilter.nf_conntrack_max, shorten its timeouts, or \
            exempt busy services from tracking.",
        object: "lnsSockstatConntrackEntries",
    },
    Alert {
        name: "NetstatConntrackEarlyDrops",
        expr: "rate(lnsConntrackEarlyDrop[1m]) > LIMIT",
        levels: OVERFLOWS,
        lasts: "1m",
        summary: "the connection tracking table is full and loses {{ $value | humanize }} connections a second",
        about: "",
        object: "lnsConntrackEarlyDrop",
    },
    Alert {
        name: "NetstatConntrackInsertFails",
        expr: "rate(lnsConntrackInsertFailed[1m]) > LIMIT",
        levels: &[("warning", "1")],
        lasts: "1m",
        summary: "{{ $value | humanize }} new connections a second clash or cannot be tracked",
        about: "",
        object: "lnsConntrackInsertFailed",
    },
    Alert {
        name: "NetstatArpTableFull",
        expr: "increase(lnsArpCacheTableFulls[5m]) > LIMIT",
        levels: &[("critical", "0")],
        lasts: "0s",
        summary: "the ARP table was full: {{ $value | humanize }} attempts in five minutes got no entry",
        about: "",
        object: "lnsArpCacheTableFulls",
    },
    Alert {
        name: "NetstatNeighbourTableFull",
        expr: "increase(lnsNdiscCacheTableFulls[5m]) > LIMIT",
        levels: &[("critical", "0")],
        lasts: "0s",
        summary: "the neighbour table of IPv6 was full: {{ $value | humanize }} attempts in five minutes got no entry",
        about: "",
        object: "lnsNdiscCacheTableFulls",
    },
    Alert {
        name: "NetstatUdpReceiveBufferErrors",
        expr: "rate(lnsUdpRcvbufErrors[1m]) + (rate(lnsUdp6RcvbufErrors[1m]) or 0 * rate(lnsUdpRcvbufErrors[1m])) \
            > LIMIT",
        levels: &[("warning", "10")],
        lasts: "0s",
        summary: "{{ $value | humanize }} UDP datagrams a second find their receive buffer full",
        about: "The alert is on IPv4 and IPv6 together.",
        object: "lnsUdpRcvbufErrors",
    },
    Alert {
        name: "NetstatUdpSendBufferErrors",
        expr: "rate(lnsUdpSndbufErrors[1m]) + (rate(lnsUdp6SndbufErrors[1m]) or 0 * rate(lnsUdpSndbufErrors[1m])) \
            > LIMIT",
        levels: &[("warning", "10")],
        lasts: "0s",
        summary: "{{ $value | humanize }} UDP datagrams a second have no room to be sent",
        about: "The alert is on IPv4 and IPv6 together.",
        object: "lnsUdpSndbufErrors",
    },
];

fn alerts() -> impl Iterator<Item = &'static Alert> {
    ALERTS.iter().chain(named::ALERTS)
}

pub fn file() -> String {
    let mut out = String::from(
        "# Written by 'make generate'. Keep your own thresholds in a copy; README.md says more.\n\
         groups:\n  - name: netstat-agentx\n    rules:\n",
    );
    for alert in alerts() {
        for (severity, limit) in alert.levels {
            let _ = writeln!(out, "      - alert: {}\n        expr: >-", alert.name);
            fold(&mut out, "          ", &alert.expr.replace("LIMIT", limit));
            let _ = writeln!(
                out,
                "        for: {}\n        labels:\n          severity: {severity}",
                alert.lasts
            );
            out.push_str("        annotations:\n          summary: >-\n");
            fold(&mut out, "            ", &format!("{{{{ $labels.instance }}}}: {}", alert.summary));
            out.push_str("          description: >-\n");
            fold(&mut out, "            ", &description(alert));
        }
    }
    out
}

/// The explanation of the object, followed by our own words.
fn description(alert: &Alert) -> String {
    if alert.object.is_empty() {
        return alert.about.to_owned();
    }
    let object = Object::named(alert.object);
    match object.counter {
        Some(counter) => format!(
            "{} {} {} More: 'netstat-agentx explain {}.{}'.",
            counter.counts, counter.means, alert.about, counter.group, counter.name
        ),
        None => format!("{} {}", object.description, alert.about).trim_end().to_owned(),
    }
}

/// The body of a folded block scalar, or of a comment.
pub fn fold(out: &mut String, indent: &str, text: &str) {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let _ = writeln!(out, "{}", folded(&text, 100 + indent.len(), indent, indent));
}

#[test]
fn alerts_name_objects_that_are_there_and_explain_themselves() {
    for alert in alerts() {
        for (_, limit) in alert.levels {
            let expr = alert.expr.replace("LIMIT", limit);
            let words = expr.split(|c: char| !c.is_alphanumeric()).filter(|word| word.starts_with("lns"));
            let index = ["lnsTcpState", "lnsTcpStateFamily", "lnsOwnerName", "lnsOwnerState"];
            for word in words.filter(|word| !index.contains(word)) {
                netstat_agentx::mib::names::resolve(word, &crate::consumers::object::base()).unwrap();
            }
        }
        let description = description(alert);
        // Prometheus would take braces for a template.
        assert!(description.ends_with('.') && !description.contains("{{"), "{}: {description}", alert.name);
    }
}
