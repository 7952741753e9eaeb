//! The Grafana dashboard: key figures on top, then a panel for each graph, services, and the monitoring itself.
//!
//! The schema is that of Grafana 9; later versions upgrade it on import.

mod panels;

use super::metric::{expression, selector, sister};
use crate::consumers::graphs::{GRAPHS, Graph};
use crate::consumers::object::Object;
use netstat_agentx::text::first_sentence;
use panels::{FIGURES, Figure, ITSELF, SERVICES};
use serde_json::{Value, json};
use std::fmt::Write;

const INSTANCE: &str = "instance=\"$instance\"";
/// Grafana's own window: at least four scrapes, whatever the interval.
const WINDOW: &str = "$__rate_interval";
/// Columns of Grafana's grid.
const WIDTH: u32 = 24;

/// Panels in the grid, placed from left to right and from top to bottom.
#[derive(Default)]
struct Grid {
    panels: Vec<Value>,
    x: u32,
    y: u32,
    /// The height of the row being filled.
    height: u32,
}

impl Grid {
    fn put(&mut self, width: u32, height: u32, mut panel: Value) {
        if self.x + width > WIDTH {
            self.feed();
        }
        panel["id"] = json!(self.panels.len() + 1);
        panel["gridPos"] = json!({"x": self.x, "y": self.y, "w": width, "h": height});
        self.panels.push(panel);
        self.x += width;
        self.height = self.height.max(height);
    }

    /// Starts a new row.
    fn feed(&mut self) {
        self.y += std::mem::take(&mut self.height);
        self.x = 0;
    }

    fn title(&mut self, title: &str) {
        self.feed();
        self.put(WIDTH, 1, json!({"type": "row", "title": title, "collapsed": false, "panels": []}));
        self.feed();
    }
}

pub fn file() -> String {
    let mut grid = Grid::default();
    for figure in &FIGURES {
        grid.put(WIDTH / 8, 4, stat(figure));
    }
    let sections = [("TCP and sockets", ""), ("UDP", "udp_"), ("ICMP", "icmp_")];
    for (title, prefix) in sections {
        grid.title(title);
        let other = |graph: &Graph| !sections[1..].iter().any(|(_, prefix)| graph.name.starts_with(prefix));
        for graph in GRAPHS {
            if if prefix.is_empty() { other(graph) } else { graph.name.starts_with(prefix) } {
                grid.put(if graph.stacked { WIDTH } else { WIDTH / 2 }, 8, panel(graph));
            }
        }
    }
    for (title, panels) in [("Services", &SERVICES[..]), ("Monitoring itself", &ITSELF[..])] {
        grid.title(title);
        for (title, axis, about, lines) in panels {
            let lines: Vec<_> =
                lines.iter().map(|(expr, legend)| (filled(expr), (*legend).to_owned())).collect();
            grid.put(WIDTH / 3, 8, time_series(title, axis, about, false, &lines));
        }
    }
    let families = ["all", "ipv4", "ipv6"];
    let families =
        families.map(|family| json!({"text": family, "value": family, "selected": family == families[0]}));
    let dashboard = json!({
        "uid": "netstat-agentx",
        "title": "Linux network sockets and counters (netstat-agentx)",
        "description": "Written by 'make generate'. TCP, UDP and ICMP of Linux hosts by SNMP.",
        "tags": ["linux", "network", "snmp"],
        "schemaVersion": 36,
        "editable": true,
        "graphTooltip": 1,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "1m",
        "annotations": {"list": [{
            "name": "Alerts",
            "datasource": datasource(),
            "enable": true,
            "iconColor": "red",
            "expr": filled("ALERTS{alertname=~\"Netstat.+\",alertstate=\"firing\",INSTANCE}"),
            "titleFormat": "{{alertname}}",
            "tagKeys": "severity",
        }]},
        "templating": {"list": [
            {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
            {
                "name": "instance",
                "label": "Host",
                "type": "query",
                "datasource": datasource(),
                "query": {"query": "label_values(lnsAgentStartTime, instance)", "refId": "instance"},
                "refresh": 2,
                "sort": 1,
            },
            {
                "name": "family",
                "label": "Family of the states",
                "type": "custom",
                "query": "all,ipv4,ipv6",
                "current": {"text": "all", "value": "all"},
                "options": families,
            },
        ]},
        "panels": grid.panels,
    });
    format!("{dashboard:#}\n")
}

fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn filled(expr: &str) -> String {
    expr.replace("INSTANCE", INSTANCE)
}

/// The panel of a graph.
fn panel(graph: &Graph) -> Value {
    let mut about = graph.about.to_owned();
    let mut lines = Vec::new();
    about.push('\n');
    for (object, label) in graph.objects() {
        let expr = match object.name.strip_prefix("lnsTcpStateSockets.all.") {
            // The only graph that uses the variable 'family'.
            Some(state) => selector(&format!("lnsTcpStateSockets.$family.{state}"), INSTANCE),
            None => expression(&object, INSTANCE, WINDOW),
        };
        if let Some(said) = said_of(&object) {
            let _ = write!(about, "\n* **{label}**: {said}");
        }
        lines.push((expr, label.to_owned()));
    }
    let axis = if graph.is_rate() { format!("{} per second", graph.unit) } else { graph.unit.to_owned() };
    time_series(graph.title, &axis, about.trim_end(), graph.stacked, &lines)
}

/// What a line shows, in a sentence; `None` for a table row, since the text describes the whole table.
fn said_of(object: &Object) -> Option<String> {
    let text = object.counter.map_or(object.description, |counter| counter.counts);
    if object.name.contains('.') || text.is_empty() {
        return None;
    }
    // The registry explains the counter of each family separately.
    let both = if sister(object.name).is_some() { " Here IPv4 and IPv6 together." } else { "" };
    Some(format!("{}{both}", first_sentence(text)))
}

fn time_series(title: &str, axis: &str, about: &str, stacked: bool, lines: &[(String, String)]) -> Value {
    let targets: Vec<_> = lines
        .iter()
        .zip('A'..)
        .map(|((expr, legend), reference)| {
            json!({
                "refId": reference.to_string(),
                "datasource": datasource(),
                "editorMode": "code",
                "expr": expr,
                "legendFormat": legend,
                "range": true,
            })
        })
        .collect();
    let unit = match axis {
        "seconds" => "s",
        "microseconds" => "µs",
        _ => "short",
    };
    // The stacked panel has the whole width.
    let legend = if stacked {
        json!({"calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "right", "showLegend": true})
    } else {
        json!({"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true})
    };
    json!({
        "type": "timeseries",
        "title": title,
        "description": about,
        "datasource": datasource(),
        "targets": targets,
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "min": 0,
                "custom": {
                    "axisLabel": if unit == "short" { axis } else { "" },
                    "drawStyle": "line",
                    "lineWidth": 1,
                    "fillOpacity": if stacked { 40 } else { 5 },
                    "showPoints": "never",
                    "spanNulls": false,
                    "stacking": {"group": "A", "mode": if stacked { "normal" } else { "none" }},
                },
            },
            "overrides": [],
        },
        "options": {
            "legend": legend,
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    })
}

fn stat((title, expr, unit, thresholds, about): &Figure) -> Value {
    let colours = if thresholds.len() == 1 { &["red"][..] } else { &["orange", "red"] };
    let mut steps = vec![json!({"color": "green", "value": null})];
    steps
        .extend(thresholds.iter().zip(colours).map(|(value, color)| json!({"color": color, "value": value})));
    json!({
        "type": "stat",
        "title": title,
        "description": about,
        "datasource": datasource(),
        "targets": [{
            "refId": "A",
            "datasource": datasource(),
            "editorMode": "code",
            "expr": filled(expr),
            "range": true,
        }],
        "fieldConfig": {
            "defaults": {"unit": unit, "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": [],
        },
        "options": {
            "colorMode": "value",
            "graphMode": "area",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
        },
    })
}

#[test]
fn panels_have_their_own_places_and_ids() {
    let dashboard: Value = serde_json::from_str(&file()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let rows = 5;
    assert_eq!(panels.len(), GRAPHS.len() + FIGURES.len() + SERVICES.len() + ITSELF.len() + rows);
    let mut taken = std::collections::HashSet::new();
    let mut ids = std::collections::HashSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}", panel["title"]);
        let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        for x in place("x")..place("x") + place("w") {
            assert!(x < WIDTH.into());
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{} lies on another panel", panel["title"]);
            }
        }
        let targets = panel["targets"].as_array().map_or(&[][..], Vec::as_slice);
        assert_eq!(targets.is_empty(), panel["type"] == "row");
        assert!(targets.iter().all(|target| target["expr"].as_str().unwrap().contains(INSTANCE)));
        assert!(panel["type"] == "row" || !panel["description"].as_str().unwrap().is_empty());
    }
    for graph in GRAPHS {
        for (object, _) in graph.objects().filter(|(object, _)| !object.units.is_empty()) {
            assert_eq!(
                object.units, graph.unit,
                "{}: the axis says something else than {}",
                graph.name, object.name
            );
        }
    }
}
