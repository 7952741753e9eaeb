//! `show`: what the state tables hold right now, for a person or a program.

mod culprits;
mod owners;

use super::columns::{self, Align, figure};
use super::config_argument::ConfigArgument;
use super::failure::Failure;
use super::limits::{LIMITS, Usage, percent};
use super::local::Local;
use crate::mib::context::Context;
use crate::mib::groups::lns_sockets::{Family, tcp_of_family, udp_of_family};
use crate::proc::sockets::TcpState;
use crate::snapshot::counts::{StateCounts, UdpCounts};
use culprits::Culprits;
use owners::Owners;
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

/// What is in use of something, and its limit.
struct InUse {
    label: &'static str,
    unit: &'static str,
    usage: Usage,
}

struct Report {
    tcp: [Option<StateCounts>; 3],
    udp: [Option<UdpCounts>; 3],
    in_use: Vec<InUse>,
    culprits: Culprits,
    owners: Owners,
}

impl Report {
    fn of(cx: &Context<'_>) -> Self {
        let (of_tcp, of_udp) = (cx.tcp(), cx.udp());
        Self {
            tcp: Family::ALL.map(|family| tcp_of_family(of_tcp?, family)),
            udp: Family::ALL.map(|family| udp_of_family(of_udp?, family)),
            in_use: in_use(cx),
            culprits: Culprits::of(cx),
            owners: Owners::of(cx),
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
        rows.extend(self.in_use.iter().map(|InUse { label, unit, usage }| {
            let limit = usage.limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
            let share = usage.tenths().map(|tenths| format!(", {} %", percent(tenths))).unwrap_or_default();
            vec![
                format!("  {label}"),
                figure(usage.used),
                limit,
                format!(" {unit}{}{share}", usage.direction()),
            ]
        }));
        columns::print(out, &[Align::Left(24), Align::Right(10), Align::Right(10)], &rows)?;
        self.culprits.print(out)?;
        self.owners.print(out)
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
            .in_use
            .iter()
            .map(|InUse { label, unit, usage }| {
                let figures = json!({"used": usage.used, "limit": usage.limit, "unit": unit});
                (label.replace(' ', "_"), figures)
            })
            .collect();
        let mut all = json!({"tcp": by_family(&tcp), "udp": by_family(&udp), "usage": usage, "owners": self.owners.json()});
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

/// What this host lacks is left out; what every host has is not, even if it is not known.
fn in_use(cx: &Context<'_>) -> Vec<InUse> {
    let Some(sockstat) = cx.sockstat() else {
        return Vec::new();
    };
    let all = Usage::new(sockstat.figure("sockets", "used"), None);
    let mut rows = vec![InUse { label: "sockets", unit: "sockets", usage: all }];
    for limit in LIMITS {
        let usage = (limit.usage)(cx);
        if limit.everywhere || usage != Usage::default() {
            rows.push(InUse { label: limit.label, unit: limit.unit, usage });
        }
    }
    rows
}
