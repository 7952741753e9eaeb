//! `show`: what the state tables hold right now, for a person or a program.

use super::columns::{self, Align};
use super::config_argument::ConfigArgument;
use super::failure::Failure;
use super::local::Local;
use crate::mib::context::Context;
use crate::mib::groups::lns_sockets::{Family, tcp_of_family, udp_of_family};
use crate::mib::groups::sockets::{ListenerRow, UdpEndpointRow};
use crate::proc::sockets::TcpState;
use crate::snapshot::counts::{StateCounts, UdpCounts};
use crate::snapshot::sockstat::Sockstat;
use crate::snapshot::tcp::Tcp;
use crate::snapshot::udp::Udp;
use serde_json::{Map, Value, json};
use std::io::Write;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Print JSON: figures that are not known are null or left out
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let mut local = Local::new(&arguments.config)?;
    let report = local.compute(|_, cx| Report::of(cx));
    if arguments.json {
        writeln!(out, "{:#}", report.json())?;
    } else {
        report.print(out)?;
    }
    local.outcome()
}

/// A figure of net/sockstat and its limit.
struct Usage {
    name: &'static str,
    used: Option<u64>,
    limit: Option<u64>,
    unit: &'static str,
}

struct Report {
    tcp: [Option<StateCounts>; 3],
    udp: [Option<UdpCounts>; 3],
    usage: Vec<Usage>,
    listeners: Vec<ListenerRow>,
    udp_endpoints: Vec<UdpEndpointRow>,
}

impl Report {
    fn of(cx: &Context<'_>) -> Self {
        let (of_tcp, of_udp, sockstat) = (cx.tcp(), cx.udp(), cx.sockstat());
        Self {
            tcp: Family::ALL.map(|family| tcp_of_family(of_tcp?, family)),
            udp: Family::ALL.map(|family| udp_of_family(of_udp?, family)),
            usage: sockstat.map(usage).unwrap_or_default(),
            listeners: of_tcp.map(listeners).unwrap_or_default(),
            udp_endpoints: of_udp.map(udp_endpoints).unwrap_or_default(),
        }
    }

    fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        let by_family = |title: &str| vec![title.into(), "all".into(), "IPv4".into(), "IPv6".into()];
        let counts = [Align::Left(24), Align::Right(10), Align::Right(10), Align::Right(10)];
        let mut rows = vec![by_family("TCP sockets")];
        rows.extend(TcpState::ALL.iter().map(|(state, label)| {
            let figures = self.tcp.iter().map(|counts| figure(counts.map(|counts| counts.get(*state))));
            std::iter::once(format!("  {label}")).chain(figures).collect()
        }));
        columns::print(out, &counts, &rows)?;

        writeln!(out)?;
        let mut rows = vec![by_family("UDP")];
        rows.extend(UDP.iter().map(|(label, of)| {
            let figures = self.udp.iter().map(|counts| figure(counts.as_ref().and_then(of)));
            std::iter::once(format!("  {label}")).chain(figures).collect()
        }));
        columns::print(out, &counts, &rows)?;

        writeln!(out)?;
        let mut rows = vec![vec!["In use".into(), "now".into(), "limit".into()]];
        rows.extend(self.usage.iter().map(|Usage { name, used, limit, unit }| {
            let shown = limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
            vec![format!("  {name}"), figure(*used), shown, format!(" {unit}{}", percent(*used, *limit))]
        }));
        columns::print(out, &[Align::Left(24), Align::Right(10), Align::Right(10)], &rows)?;

        let waiting: Vec<_> =
            self.listeners.iter().filter(|listener| listener.accept_queue != Some(0)).collect();
        writeln!(
            out,
            "\n{} listeners, {} of them with connections waiting for accept(2)",
            self.listeners.len(),
            waiting.len()
        )?;
        let rows: Vec<_> = waiting
            .iter()
            .map(|listener| vec![format!("  {}", listener.endpoint), figure(listener.accept_queue)])
            .collect();
        columns::print(out, &[Align::Left(46), Align::Right(10)], &rows)?;

        let troubled: Vec<_> = self.udp_endpoints.iter().filter(|row| is_in_trouble(row)).collect();
        writeln!(
            out,
            "\n{} UDP endpoints, {} of them with datagrams dropped by their open sockets or waiting to be read",
            self.udp_endpoints.len(),
            troubled.len()
        )?;
        let rows = troubled.iter().take(TROUBLED).map(|line| {
            let (drops, queue) = (figure(line.drops), figure(line.receive_queue));
            vec![format!("  {}", line.endpoint), drops, " dropped,".into(), queue, " octets waiting".into()]
        });
        let widths = [Align::Left(46), Align::Right(10), Align::Left(9), Align::Right(10)];
        columns::print(out, &widths, &rows.collect::<Vec<_>>())?;
        match troubled.len().saturating_sub(TROUBLED) {
            0 => Ok(()),
            more => writeln!(out, "  and {more} more: --json"),
        }
    }

    fn json(&self) -> Value {
        let by_family = |of: &dyn Fn(usize) -> Value| -> Map<String, Value> {
            Family::LABELS
                .iter()
                .enumerate()
                .map(|(family, (_, name))| ((*name).to_owned(), of(family)))
                .collect()
        };
        let tcp = |family: usize| {
            let counts = self.tcp.get(family).copied().flatten();
            counts.map_or(Value::Null, |counts| {
                TcpState::ALL
                    .iter()
                    .map(|(state, label)| ((*label).to_owned(), json!(counts.get(*state))))
                    .collect()
            })
        };
        let udp = |family: usize| {
            let counts = self.udp.get(family).copied().flatten();
            counts.map_or(Value::Null, |counts| {
                UDP.iter().map(|(label, of)| (label.replace(' ', "_"), json!(of(&counts)))).collect()
            })
        };
        let usage: Map<String, Value> = self
            .usage
            .iter()
            .map(|usage| {
                let figures = json!({"used": usage.used, "limit": usage.limit, "unit": usage.unit});
                (usage.name.replace(' ', "_"), figures)
            })
            .collect();
        let listeners: Vec<_> = self
            .listeners
            .iter()
            .map(|line| json!({"endpoint": line.endpoint, "accept_queue": line.accept_queue, "sockets": line.sockets}))
            .collect();
        let udp_endpoints: Vec<_> = self
            .udp_endpoints
            .iter()
            .map(|UdpEndpointRow { endpoint, sockets, receive_queue, drops }| {
                json!({"endpoint": endpoint, "sockets": sockets, "receive_queue_octets": receive_queue,
                    "drops_of_open_sockets": drops})
            })
            .collect();
        json!({"tcp": by_family(&tcp), "udp": by_family(&udp), "usage": usage, "listeners": listeners,
            "udp_endpoints": udp_endpoints})
    }
}

/// How many UDP endpoints in trouble to print.
const TROUBLED: usize = 20;

/// Shows an unknown figure as a question mark.
fn figure(figure: Option<u64>) -> String {
    figure.map_or_else(|| "?".to_owned(), |figure| figure.to_string())
}

type UdpFigure = (&'static str, fn(&UdpCounts) -> Option<u64>);

const UDP: [UdpFigure; 5] = [
    ("sockets", |udp| Some(udp.sockets)),
    ("connected sockets", |udp| udp.connected),
    ("receive queue octets", |udp| udp.receive_queue),
    ("transmit queue octets", |udp| udp.transmit_queue),
    ("drops of open sockets", |udp| udp.drops),
];

fn usage(sockstat: &Sockstat) -> Vec<Usage> {
    let usage = |name, section, key, limit: Option<(&str, usize)>, unit| Usage {
        name,
        used: sockstat.figure(section, key),
        limit: limit.and_then(|(file, position)| sockstat.limit(file, position)),
        unit,
    };
    vec![
        usage("sockets", "sockets", "used", None, "sockets"),
        usage("TCP orphans", "TCP", "orphan", Some(("tcp_max_orphans", 0)), "sockets"),
        usage("TCP time wait", "TCP", "tw", Some(("tcp_max_tw_buckets", 0)), "sockets"),
        usage("TCP memory", "TCP", "mem", Some(("tcp_mem", 2)), "pages"),
        usage("UDP memory", "UDP", "mem", Some(("udp_mem", 2)), "pages"),
        usage("IPv4 fragments", "FRAG", "memory", None, "octets"),
        usage("IPv6 fragments", "FRAG6", "memory", None, "octets"),
    ]
}

/// The share of a limit in tenths of a percent, in whole numbers.
fn percent(used: Option<u64>, limit: Option<u64>) -> String {
    match (used, limit) {
        (Some(used), Some(limit @ 1..)) => {
            let tenths = u128::from(used) * 1000 / u128::from(limit);
            format!(", {}.{} %", tenths / 10, tenths % 10)
        }
        _ => String::new(),
    }
}

/// The listeners, the longest queue first.
fn listeners(tcp: &Tcp) -> Vec<ListenerRow> {
    let mut rows: Vec<_> = tcp.listeners4.iter().map(ListenerRow::from).collect();
    rows.extend(tcp.listeners6.iter().map(ListenerRow::from));
    rows.sort_by_key(|row| std::cmp::Reverse(row.accept_queue));
    rows
}

/// The UDP endpoints, those that dropped most first.
fn udp_endpoints(udp: &Udp) -> Vec<UdpEndpointRow> {
    let mut rows: Vec<_> = udp.endpoints4.iter().map(UdpEndpointRow::from).collect();
    rows.extend(udp.endpoints6.iter().map(UdpEndpointRow::from));
    rows.sort_by_key(|row| std::cmp::Reverse((row.drops, row.receive_queue)));
    rows
}

/// Whether datagrams were lost here, or wait, or may have been.
fn is_in_trouble(row: &UdpEndpointRow) -> bool {
    row.drops != Some(0) || row.receive_queue != Some(0)
}
