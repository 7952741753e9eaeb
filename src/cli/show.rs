//! `show`: what the state tables hold right now, for a person or a program.

mod culprits;

use super::columns::{self, Align, figure};
use super::config_argument::ConfigArgument;
use super::failure::Failure;
use super::local::Local;
use crate::mib::context::Context;
use crate::mib::groups::lns_sockets::{Family, tcp_of_family, udp_of_family};
use crate::proc::sockets::TcpState;
use crate::snapshot::counts::{StateCounts, UdpCounts};
use crate::snapshot::sockstat::Sockstat;
use culprits::Culprits;
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
    culprits: Culprits,
}

impl Report {
    fn of(cx: &Context<'_>) -> Self {
        let (of_tcp, of_udp, sockstat) = (cx.tcp(), cx.udp(), cx.sockstat());
        Self {
            tcp: Family::ALL.map(|family| tcp_of_family(of_tcp?, family)),
            udp: Family::ALL.map(|family| udp_of_family(of_udp?, family)),
            usage: sockstat.map(usage).unwrap_or_default(),
            culprits: Culprits::of(cx),
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
        self.culprits.print(out)
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
        let mut all = json!({"tcp": by_family(&tcp), "udp": by_family(&udp), "usage": usage});
        if let (Some(all), Value::Object(culprits)) = (all.as_object_mut(), self.culprits.json()) {
            all.extend(culprits);
        }
        all
    }
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
