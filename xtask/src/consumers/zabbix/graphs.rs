//! Graphs, and the dashboard that shows them.

use super::export::{
    Dashboard, Field, FieldValue, Graph, GraphItem, Page, Reference, TEMPLATE, Widget, uuid,
};
use super::keys::{percent_key, rate_key, value_key};
use super::prototype::{
    DESTINATION_GRAPH, LISTENER_GRAPH, OWNER_GRAPH, PATH_GRAPH, PORT_GRAPH, SERVICE_GRAPH, UDP_GRAPH,
    UNIX_GRAPH,
};
use crate::consumers::graphs::GRAPHS;

/// In the order of the lines; the TCP states get the colours one expects: green is good, red is not.
const COLOURS: [&str; 11] = [
    "2E9E4F", "56B4E9", "E69F00", "9467BD", "C5A3E0", "7F8C9A", "5B3A29", "D62728", "F4A6A6", "1F5FA8",
    "D4C21A",
];

pub fn graph(name: &str, stacked: bool, graph_items: Vec<GraphItem>) -> Graph {
    Graph {
        uuid: uuid("graph", name),
        name: name.into(),
        kind: if stacked { "STACKED" } else { "" },
        ymin_type_1: "FIXED",
        graph_items,
    }
}

/// The key of a graph line.
fn key(name: &str, is_rate: bool) -> String {
    if is_rate { rate_key(name) } else { value_key(name) }
}

/// The graphs that all consumers draw, and those of percentages.
pub fn graphs() -> Vec<Graph> {
    let drawn = GRAPHS.iter().map(|drawn| {
        let keys = drawn.lines.iter().map(|(name, _)| key(name, drawn.is_rate()));
        graph(&title(drawn), drawn.stacked, lines(keys))
    });
    let mut graphs: Vec<_> = drawn.collect();
    let percent =
        ["lnsSockstatTcpTimeWait", "lnsSockstatTcpOrphan", "lnsSockstatTcpMem", "lnsSockstatUdpMem"];
    graphs.push(graph(PERCENT, false, lines(percent.into_iter().map(percent_key))));
    let retransmitted = [percent_key("tcpRetransSegs")];
    graphs.push(graph(RETRANSMITTED, false, lines(retransmitted.into_iter())));
    let udp = ["lnsUdpReceiveQueueOctets.all", "lnsUdpTransmitQueueOctets.all"];
    graphs.push(graph(UDP_QUEUES, true, lines(udp.into_iter().map(value_key))));
    let answered = ["lnsAgentRequests", "lnsAgentVarBinds", "lnsAgentLateAnswers"];
    graphs.push(graph(AGENT, false, lines(answered.into_iter().map(rate_key))));
    graphs.sort_by(|a, b| a.name.cmp(&b.name));
    graphs
}

const PERCENT: &str = "Sockets and memory in percent of their limits";
const RETRANSMITTED: &str = "TCP segments retransmitted, percent";
const UDP_QUEUES: &str = "UDP queues";
const AGENT: &str = "netstat-agentx: what it answers";

/// The title, with the unit if the title does not imply it.
fn title(graph: &crate::consumers::graphs::Graph) -> String {
    if graph.is_rate() { format!("{}, per second", graph.title) } else { graph.title.into() }
}

fn titled(name: &str) -> String {
    title(GRAPHS.iter().find(|graph| graph.name == name).unwrap_or_else(|| panic!("no graph {name}")))
}

/// Lines in the order of their keys.
pub fn lines(keys: impl Iterator<Item = String>) -> Vec<GraphItem> {
    keys.enumerate()
        .map(|(position, key)| GraphItem {
            sortorder: if position == 0 { String::new() } else { position.to_string() },
            color: COLOURS[position],
            item: Reference { host: TEMPLATE, key, name: String::new() },
        })
        .collect()
}

/// A dashboard of 24 columns: a page for the wall, then one page per subject.
pub fn dashboard() -> Dashboard {
    let graphs = |names: &[&str]| names.iter().map(|name| titled(name)).collect::<Vec<_>>();
    let mut errors = graphs(&["tcp_handshake", "tcp_errors", "tcp_aborts", "tcp_listen", "tcp_syn_queue"]);
    errors.push(RETRANSMITTED.into());
    errors.extend(graphs(&["tcp_out_of_order", "tcp_pressure", "tcp_memory", "tcp_ephemeral"]));
    let mut udp = graphs(&["udp_datagrams", "udp_errors"]);
    udp.push(UDP_QUEUES.into());
    udp.extend(graphs(&["icmp_in", "icmp_out", "softnet"]));
    udp.push(AGENT.into());
    Dashboard {
        uuid: uuid("dashboard", "sockets"),
        name: "Sockets and network counters",
        auto_start: "NO",
        pages: vec![
            Page { name: "Overview", widgets: overview() },
            Page { name: "TCP", widgets: tiles(&errors, 0, 6) },
            Page { name: "UDP and ICMP", widgets: tiles(&udp, 0, 6) },
            Page {
                name: "Listeners and ports",
                widgets: vec![
                    prototypes(LISTENER_GRAPH, 0, 8),
                    prototypes(PORT_GRAPH, 8, 14),
                    prototypes(SERVICE_GRAPH, 22, 8),
                    prototypes(PATH_GRAPH, 30, 8),
                ],
            },
            Page {
                name: "Owners and Unix listeners",
                widgets: vec![prototypes(OWNER_GRAPH, 0, 8), prototypes(UNIX_GRAPH, 8, 8)],
            },
            Page {
                name: "UDP endpoints and destinations",
                widgets: vec![prototypes(UDP_GRAPH, 0, 8), prototypes(DESTINATION_GRAPH, 8, 8)],
            },
        ],
    }
}

fn overview() -> Vec<Widget> {
    let figures = [
        ("ESTABLISHED", value_key("lnsTcpStateSockets.all.established"), 0),
        ("TIME_WAIT", value_key("lnsTcpStateSockets.all.timeWait"), 0),
        ("CLOSE_WAIT", value_key("lnsTcpStateSockets.all.closeWait"), 0),
        ("SYN_RECV", value_key("lnsTcpStateSockets.all.synReceived"), 0),
        ("Listen drops / s", rate_key("lnsTcpExtListenDrops"), 1),
        ("Retransmitted", percent_key("tcpRetransSegs"), 1),
    ];
    let figures = figures.into_iter().enumerate();
    let mut widgets: Vec<_> = figures
        .map(|(position, (label, key, decimals))| figure(label, key, decimals, position * 4))
        .collect();
    widgets.push(chart(titled("tcp_states"), 0, 3, 12, 8));
    widgets.push(chart(titled("sockets"), 12, 3, 12, 8));
    let rest = ["tcp_opens", "tcp_handshake", "tcp_listen", "tcp_errors", "udp_datagrams", "udp_errors"];
    let rest: Vec<_> = rest.iter().map(|name| titled(name)).collect();
    widgets.extend(tiles(&rest, 11, 6));
    widgets
}

/// Graphs, three in a row.
fn tiles(names: &[String], top: usize, height: usize) -> Vec<Widget> {
    let tile = |(position, name): (usize, &String)| {
        chart(name.clone(), position % 3 * 8, top + position / 3 * height, 8, height)
    };
    names.iter().enumerate().map(tile).collect()
}

fn widget(kind: &'static str, x: usize, y: usize, width: usize, height: usize, fields: Vec<Field>) -> Widget {
    Widget {
        kind,
        x: x.to_string(),
        y: y.to_string(),
        width: width.to_string(),
        height: height.to_string(),
        hide_header: "",
        fields,
    }
}

fn integer(name: &'static str, value: usize) -> Field {
    Field { kind: "INTEGER", name, value: FieldValue::Plain(value.to_string()) }
}

fn chart(name: String, x: usize, y: usize, width: usize, height: usize) -> Widget {
    let graph = Reference { host: TEMPLATE, key: String::new(), name };
    let fields = vec![
        integer("source_type", 0),
        Field { kind: "GRAPH", name: "graphid", value: FieldValue::Reference(graph) },
    ];
    widget("GRAPH_CLASSIC", x, y, width, height, fields)
}

/// The latest value of an item in large digits.
fn figure(label: &str, key: String, decimals: usize, x: usize) -> Widget {
    let item = Reference { host: TEMPLATE, key: key.clone(), name: String::new() };
    let fields = vec![
        integer("adv_conf", 1),
        integer("decimal_places", decimals),
        // Description and value; neither the time nor the arrow.
        integer("show", 1),
        integer("show", 2),
        // Only a percent sign is short enough to fit.
        integer("units_show", usize::from(key.starts_with("netstat.percent"))),
        Field { kind: "STRING", name: "description", value: FieldValue::Plain(label.into()) },
        Field { kind: "ITEM", name: "itemid", value: FieldValue::Reference(item) },
    ];
    Widget { hide_header: "YES", ..widget("ITEM", x, 0, 4, 3, fields) }
}

/// The graphs of all discovered objects, three in a row and two rows at a time.
fn prototypes(name: &str, y: usize, height: usize) -> Widget {
    let graph = Reference { host: TEMPLATE, key: String::new(), name: name.into() };
    let fields = vec![
        integer("columns", 3),
        integer("rows", 2),
        integer("source_type", 2),
        Field { kind: "GRAPH_PROTOTYPE", name: "graphid", value: FieldValue::Reference(graph) },
    ];
    widget("GRAPH_PROTOTYPE", 0, y, 24, height, fields)
}
