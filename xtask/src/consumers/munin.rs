//! Munin: one wildcard SNMP plugin per graph, which says what to draw; LinuxNetstat.pm beside them draws it.

use crate::consumers::graphs::{GRAPHS, Graph};
use crate::consumers::object::Object;
use std::fmt::Write;

/// The level from which Munin warns, by object.
const THRESHOLDS: &[(&str, Threshold)] = &[
    ("lnsSockstatTcpTimeWait", Threshold::Percent("lnsLimitTcpMaxTwBuckets", 80, 95)),
    ("lnsSockstatTcpOrphan", Threshold::Percent("lnsLimitTcpMaxOrphans", 25, 50)),
    ("lnsSockstatTcpMem", Threshold::Percent("lnsLimitTcpMemHigh", 70, 90)),
    ("lnsSockstatEphemeralWorstPercent", Threshold::Figure(80, Some(95))),
    ("lnsTcpExtListenOverflows", Threshold::Figure(1, Some(5))),
    ("lnsTcpExtListenDrops", Threshold::Figure(1, Some(5))),
    ("lnsTcpExtTCPReqQFullDrop", Threshold::Figure(1, Some(5))),
    ("lnsTcpExtTCPReqQFullDoCookies", Threshold::Figure(1, Some(5))),
    ("lnsSoftnetDropped", Threshold::Figure(1, Some(5))),
    ("lnsUdpRcvbufErrors", Threshold::Figure(10, None)),
    ("lnsUdpSndbufErrors", Threshold::Figure(10, None)),
    ("lnsUdp6RcvbufErrors", Threshold::Figure(10, None)),
    ("lnsUdp6SndbufErrors", Threshold::Figure(10, None)),
];

/// Warning and critical.
enum Threshold {
    /// Of a counter, per second.
    Figure(u32, Option<u32>),
    /// Of a limit that the host itself reports.
    Percent(&'static str, u32, u32),
}

pub fn files() -> Vec<(String, String)> {
    for (name, _) in THRESHOLDS {
        assert!(GRAPHS.iter().any(|graph| graph.lines.iter().any(|line| line.0 == *name)), "{name}");
    }
    GRAPHS.iter().map(|graph| (format!("snmp__lns_{}", graph.name), plugin(graph))).collect()
}

fn plugin(graph: &Graph) -> String {
    let mut out = format!(
        "#!/usr/bin/perl\n\
         # Written by 'make generate': do not edit.\n\n\
         =head1 NAME\n\n\
         snmp__lns_{} - {}\n\n\
         =head1 APPLICABLE SYSTEMS\n\n\
         Linux hosts whose snmpd serves the objects of netstat-agentx.\n\n\
         =head1 CONFIGURATION\n\n\
         As for all of Munin's SNMP plugins: perldoc Munin::Plugin::SNMP. README.md beside this file has an example,\n\
         and says how to set other thresholds.\n\n\
         =head1 INTERPRETATION\n\n\
         {}\n\n\
         =head1 MAGIC MARKERS\n\n  \
         #%# family=snmpauto\n  \
         #%# capabilities=snmpconf\n\n\
         =cut\n\n\
         use strict;\n\
         use warnings;\n\
         use FindBin;\n\
         use lib $FindBin::RealBin;\n\
         use LinuxNetstat;\n\n\
         LinuxNetstat::run(\n    \
         needs   => '{}',\n    \
         title   => {},\n    \
         unit    => {},\n    \
         about   => {},\n    \
         rate    => {},\n    \
         stacked => {},\n    \
         lines   => [\n",
        graph.name,
        graph.title,
        graph.about,
        Object::named("lnsAgentVersion").oid,
        quoted(graph.title),
        quoted(graph.unit),
        quoted(graph.about),
        u8::from(graph.is_rate()),
        u8::from(graph.stacked),
    );
    for (object, label) in graph.objects() {
        line(&mut out, &object, label);
    }
    out.push_str("    ],\n);\n");
    out
}

fn line(out: &mut String, object: &Object, label: &str) {
    let field = object.name.rsplit('.').next().unwrap();
    let _ = write!(
        out,
        "        {{\n            \
         name  => '{field}',\n            \
         oid   => '{}',\n            \
         label => {},\n            \
         info  => {},\n",
        object.oid,
        quoted(label),
        quoted(&object.explanation()),
    );
    match THRESHOLDS.iter().find(|(name, _)| *name == object.name).map(|(_, threshold)| threshold) {
        None => {}
        Some(Threshold::Figure(warning, critical)) => {
            let _ = writeln!(out, "            warning  => {warning},");
            if let Some(critical) = critical {
                let _ = writeln!(out, "            critical => {critical},");
            }
        }
        Some(Threshold::Percent(limit, warning, critical)) => {
            let limit = Object::named(limit).oid;
            let _ = writeln!(out, "            limit    => '{limit}',");
            let _ = writeln!(out, "            warning  => {warning},");
            let _ = writeln!(out, "            critical => {critical},");
        }
    }
    out.push_str("        },\n");
}

/// A Perl string.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
