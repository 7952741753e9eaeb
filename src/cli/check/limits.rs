//! `check limits`: a Nagios plugin for what runs against a limit of this host.

use super::report::{PluginStatus, Report, shown};
use crate::cli::config_argument::ConfigArgument;
use crate::cli::limits::{LIMITS, Limit, Usage, percent};
use crate::cli::local::Local;
use crate::range::Range;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use std::cmp::Reverse;

#[derive(clap::Args)]
#[command(after_long_help = help())]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Limit to compare with, more than once if need be [default: all that this host has]
    #[arg(long = "limit", value_name = "LIMIT", ignore_case = true, value_parser = named(), hide_possible_values = true)]
    limits: Vec<&'static Limit>,
    /// Warn if a percentage is not in this range [default: by limit]
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    warning: Option<Range>,
    /// Critical if a percentage is not in this range [default: by limit]
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    critical: Option<Range>,
}

pub const USAGE: &str = "usage: netstat-agentx check limits [--limit LIMIT]... [--warning RANGE] [--critical RANGE] \
    [--config FILE]; see netstat-agentx check limits --help";

fn help() -> String {
    let mut rows = String::new();
    for limit in LIMITS {
        let critical = limit.critical.map_or_else(|| "-".to_owned(), |critical| critical.to_string());
        rows += &format!(
            "  {:<16} {:>7} {critical:>8}  {}: {}\n",
            limit.name, limit.warning, limit.label, limit.from
        );
    }
    format!(
        "Limits, with the percentages above which it warns and is critical, and the setting to raise:\n{HEADER}\n{rows}\n{HELP}"
    )
}

const HEADER: &str = "  limit            warning critical  what is in use: its limit";

const HELP: &str = "\
What is in use is compared in percent of its limit. A range that is given holds for every limit of this check, in place \
of its own. The text has those limits that are not well, the worst first; what was named, whether well or not; and the \
highest of all where everything is well. Performance data are each limit's percentage, and what is in use beside the \
limit.

Sockets in TIME_WAIT are never critical by themselves: at their limit the kernel destroys them early, and their \
connections have done their work. Orphans that wait long are reset from a quarter of the limit on. TCP holds its \
buffers small from the second figure of tcp_mem on, which is two thirds of the third unless somebody has changed it. \
Permanent entries and those learned by other programs count among the neighbours, but since Linux 5.0 not against their \
limit: neighbours are never critical by themselves either.

What this host does not have is left out: conntrack without its module, a limit of 0, most of them in a network \
namespace other than the first. If it was named, it is UNKNOWN.

Ranges are those of Nagios plugins, in percent, both ends well; see check --help.

Exit status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN: bad arguments, a bad configuration, this help, no limit at all, or \
a figure that could not be read, unless another one is critical.

Examples:
  netstat-agentx check limits
  netstat-agentx check limits --limit conntrack --limit files -w 70 -c 85
  netstat-agentx check limits --limit time_wait --critical 95";

fn named() -> impl TypedValueParser<Value = &'static Limit> {
    let names = LIMITS.iter().map(|limit| PossibleValue::new(limit.name).help(limit.label));
    let of_name = |name: String| LIMITS.iter().find(|limit| limit.name.eq_ignore_ascii_case(&name));
    PossibleValuesParser::new(names).try_map(move |name| of_name(name).ok_or("no such limit"))
}

/// A limit that can be compared.
struct Compared {
    limit: &'static Limit,
    used: u64,
    most: u64,
    direction: String,
    tenths: u128,
    status: PluginStatus,
    warning: Option<Range>,
    critical: Option<Range>,
}

pub(super) fn report(arguments: &Arguments) -> Report {
    let asked: Vec<&'static Limit> = LIMITS
        .iter()
        .filter(|limit| {
            arguments.limits.is_empty() || arguments.limits.iter().any(|one| one.name == limit.name)
        })
        .collect();
    let mut local = match Local::new(&arguments.config) {
        Ok(local) => local,
        Err(failure) => return Report::unknown(failure.message.unwrap_or_default()),
    };
    let usages: Vec<Usage> = local.compute(|_, cx| asked.iter().map(|limit| (limit.usage)(cx)).collect());
    let problem = local.outcome().err().and_then(|failure| failure.message);
    judge(arguments, &asked.into_iter().zip(usages).collect::<Vec<_>>(), problem)
}

fn judge(arguments: &Arguments, usages: &[(&'static Limit, Usage)], problem: Option<String>) -> Report {
    let named = !arguments.limits.is_empty();
    let (mut compared, mut missing) = (Vec::new(), Vec::new());
    for &(limit, usage) in usages {
        match arguments.compare(limit, usage) {
            Some(one) => compared.push(one),
            None => missing.push((limit, usage)),
        }
    }
    let performance = compared.iter().flat_map(Compared::performance).collect();
    // Whatever is wrong with a source may have taken a figure away.
    let problem_counts = problem.is_some() && !missing.is_empty();
    let unknown = match &problem {
        Some(problem) if problem_counts => vec![problem.clone()],
        _ if named => missing.iter().map(|(limit, usage)| lacking(limit, *usage)).collect(),
        _ if compared.is_empty() => vec!["no limit of this host can be read".to_owned()],
        _ => Vec::new(),
    };
    compared.sort_by_key(|one| Reverse((one.status, one.tenths)));
    let worth_telling = |one: &&Compared| named || one.status != PluginStatus::Ok;
    let mut parts: Vec<_> =
        compared.iter().filter(worth_telling).map(|one| (one.status, one.text())).collect();
    parts.extend(unknown.into_iter().map(|text| (PluginStatus::Unknown, text)));
    if let (true, Some(highest)) = (parts.is_empty(), compared.first()) {
        let text = match compared.len() {
            1 => highest.text(),
            number => format!("{number} limits within their ranges, the highest: {}", highest.text()),
        };
        parts.push((PluginStatus::Ok, text));
    }
    // Stable: those of one status stay in the order of their percentages.
    parts.sort_by_key(|(status, _)| Reverse(*status));
    let status = parts.first().map_or(PluginStatus::Unknown, |(status, _)| *status);
    let parts: Vec<_> = parts.iter().map(|(status, text)| format!("{text}{}", status.mark())).collect();
    let remarks = problem.filter(|_| !problem_counts).into_iter().collect();
    Report { status, text: parts.join(", "), performance, remarks }
}

/// Why a limit that was named cannot be compared.
fn lacking(limit: &Limit, usage: Usage) -> String {
    let Limit { label, from, .. } = limit;
    match usage.limit {
        Some(0) => format!("{label}: {from} is 0, of which there is no percentage"),
        Some(_) => format!("{label}: this host does not say how many are in use"),
        None => format!("{label}: no {from} can be read here"),
    }
}

impl Arguments {
    fn compare(&self, limit: &'static Limit, usage: Usage) -> Option<Compared> {
        let (used, most, tenths) = (usage.used?, usage.limit?, usage.tenths()?);
        let warning = self.warning.or_else(|| Some(Range::up_to(limit.warning)));
        let critical = self.critical.or_else(|| limit.critical.map(Range::up_to));
        // More than that is as bad.
        let share = f64::from(u32::try_from(tenths).unwrap_or(u32::MAX)) / 10.0;
        let status = PluginStatus::of(share, warning, critical);
        Some(Compared { limit, used, most, direction: usage.direction(), tenths, status, warning, critical })
    }
}

impl Compared {
    fn text(&self) -> String {
        let Self { limit: Limit { label, unit, .. }, used, most, direction, tenths, .. } = self;
        format!("{label}: {} % ({used} of {most} {unit}{direction})", percent(*tenths))
    }

    fn performance(&self) -> [String; 2] {
        let Self { limit: Limit { name, unit, .. }, used, most, tenths, warning, critical, .. } = self;
        let octets = if *unit == "octets" { "B" } else { "" };
        [
            format!("'{name}'={}%;{};{};0;100", percent(*tenths), shown(*warning), shown(*critical)),
            format!("'{name}_used'={used}{octets};;;0;{most}"),
        ]
    }
}
