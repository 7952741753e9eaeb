//! MRTG draws two figures in a picture, so each graph becomes one target per pair.

use crate::consumers::graphs::{GRAPHS, Graph};
use crate::consumers::object::Object;
use netstat_agentx::registry::Concern;
use std::fmt::Write;

pub fn files() -> Vec<(String, String)> {
    let mut out = String::from(
        "# Written by 'make generate': do not edit. Host, port and community stand in the file that includes\n\
         # this one: see example.cfg beside it.\n",
    );
    for graph in GRAPHS {
        // A limit hardly ever changes: nothing to draw.
        let lines: Vec<_> =
            graph.objects().filter(|(object, _)| !object.name.starts_with("lnsLimit")).collect();
        for (part, pair) in lines.chunks(2).enumerate() {
            target(&mut out, graph, &format!("{}_{}", graph.name, part + 1), pair);
        }
    }
    vec![("netstat-agentx.cfg".into(), out)]
}

fn target(out: &mut String, graph: &Graph, name: &str, pair: &[(Object, &str)]) {
    let labels: Vec<_> = pair.iter().map(|(_, label)| *label).collect();
    let (mode, per, short) = scale(graph);
    let second = pair.get(1).map_or("PseudoZero", |(object, _)| &object.oid);
    let alone = if pair.len() == 1 { ", noo" } else { "" };
    let title = format!("{}: {}", graph.title, labels.join(", "));
    let _ = write!(
        out,
        "\n\
         Target[{name}]: {}&{second}\n\
         Options[{name}]: {mode}, growright, nopercent, integer, withzeroes{alone}\n\
         MaxBytes[{name}]: 4294967295\n\
         Title[{name}]: {title}\n\
         PageTop[{name}]: <h1>{title}</h1><p>{}</p>\n\
         YLegend[{name}]: {}{per}\n\
         ShortLegend[{name}]: {short}\n",
        pair[0].0.oid,
        html(graph.about),
        graph.unit,
    );
    for ((object, label), (letter, number)) in pair.iter().zip([('I', 1), ('O', 2)]) {
        let explanation = html(&object.explanation());
        let _ = writeln!(out, "Legend{letter}[{name}]: {label}:");
        let _ = writeln!(out, "Legend{number}[{name}]: <b>{label}</b>: {explanation}");
    }
}

/// The option, the axis title and the unit after figures. MRTG keeps whole numbers: troubles are rare, and one in five
/// minutes is 0 per second or minute, but 12 per hour.
fn scale(graph: &Graph) -> (&'static str, &'static str, &'static str) {
    let is_trouble =
        |(object, _): (Object, _)| object.counter.is_some_and(|counter| counter.concern > Concern::None);
    if !graph.is_rate() {
        ("gauge", "", "&nbsp;")
    } else if graph.objects().any(is_trouble) {
        ("perhour", " per hour", "/h")
    } else {
        ("perminute", " per minute", "/min")
    }
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
