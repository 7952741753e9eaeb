//! `check`: a Nagios plugin for the sockets of this host. It needs neither snmpd nor a running subagent.
//!
//! Types, states, texts and names of performance data are those of the psutil-based plugin "network-connections" of
//! Linuxfabrik's Monitoring Plugins, so that checks and graphs made for it keep working. Where that plugin would miss a
//! possible alarm, this one differs; HELP says where. The rest follows the Monitoring Plugins Development Guidelines.

mod limits;
mod listeners;
mod pair;
mod report;

use super::config_argument::ConfigArgument;
use crate::config::Config;
use crate::range::Range;
use crate::snapshot::Detail;
use crate::snapshot::problem::Problem;
use crate::snapshot::sockets::Families;
use crate::snapshot::tcp::Tcp;
use crate::snapshot::udp::{TooSlow, Udp};
use clap::ValueEnum;
use clap::error::ErrorKind;
use pair::{Pair, Sockets, State, Type, name};
use report::{PluginStatus, Report, finish, shown};
use std::cmp::Reverse;
use std::io::Write;
use std::process::ExitCode;

#[derive(clap::Args)]
#[command(after_long_help = HELP, args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub struct Arguments {
    #[command(subcommand)]
    other: Option<Other>,
    #[command(flatten)]
    config: ConfigArgument,
    /// Type of the sockets, more than once if need be [default: all]
    #[arg(long = "type", visible_alias = "conn-type", value_name = "TYPE", ignore_case = true)]
    types: Vec<Type>,
    /// State of the sockets, more than once if need be [default: all]
    #[arg(long = "state", visible_alias = "conn-status", value_name = "STATE", ignore_case = true)]
    states: Vec<State>,
    /// Warn if a number of sockets is not in this range
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    warning: Option<Range>,
    /// Critical if a number of sockets is not in this range
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    critical: Option<Range>,
}

/// What else can be checked.
#[derive(clap::Subcommand)]
enum Other {
    /// Compare what is in use with its limit, in percent: orphans, memory, tracked connections, open files and others
    #[command(version)]
    Limits(limits::Arguments),
    /// Compare the queues of sockets that listen with their limits, and tell which of them drop connections
    #[command(version)]
    Listeners(listeners::Arguments),
}

const HELP: &str = "\
Each type and state is a number of its own, and each number is compared with the ranges. What 'all' stands for counts \
where there are such sockets, or as one 0 if there are none at all; a type and a state that were both named count at 0 \
too, so that '--type tcp --state listen --critical 1:' tells of the last listener's end.

Types are address families by the file that a socket stands in: tcp and udp are IPv4 (net/tcp, net/udp), tcp6 and udp6 \
are IPv6, with IPv4 clients of an IPv6 socket among them. A file that is not needed is not read. UDP sockets have the \
state none; those with a peer are counted once more as established where a UDP type and that state were both named.

Ranges are those of Nagios plugins, both ends well:
  10      alert below 0 or above 10      10:20   alert below 10 or above 20
  10:     alert below 10                 @10:20  alert from 10 to 20
  ~:10    alert above 10

Options, values, texts and names of performance data are those of the psutil-based plugin network-connections, with \
--conn-type and --conn-status as other names of --type and --state. What it is silent about differs. There, what there \
are no sockets of is OK whatever the range; here it is 0 and compared, as said above: '--type tcp6 --state closing \
--warning 30:40' warns of 'tcp6 CLOSING: 0'. There, a type that cannot have the state (TCP none, UDP listen) is OK; here \
it is UNKNOWN where nothing else was asked for. There, no UDP socket is ever established; and what has no sockets has no \
performance data, here it has a 0.

Exit status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN: bad arguments, a bad configuration, this help, or a file that \
could not be read, unless another number is critical.

Examples:
  netstat-agentx check
  netstat-agentx check --type tcp --state established --warning 200
  netstat-agentx check --state close_wait --state time_wait -w 500 -c 2000
  netstat-agentx check limits
  netstat-agentx check listeners";

const USAGE: &str = "usage: netstat-agentx check [--type TYPE]... [--state STATE]... [--warning RANGE] \
    [--critical RANGE] [--config FILE]; see netstat-agentx check --help";

impl Arguments {
    fn report(&self) -> Report {
        let pairs = Pair::of(&self.types, &self.states);
        if pairs.is_empty() {
            return Report::unknown(
                "there are no such sockets: UDP has the states none and established, TCP all but none".into(),
            );
        }
        let root = match Config::read(self.config.config.as_deref()) {
            Ok(config) => config.proc_root(),
            Err(error) => return Report::unknown(error.to_string()),
        };
        let needed = |kind: Type| pairs.iter().any(|pair| pair.kind == kind);
        let tcp = Families { ipv4: needed(Type::Tcp), ipv6: needed(Type::Tcp6) };
        let udp = Families { ipv4: needed(Type::Udp), ipv6: needed(Type::Udp6) };
        let sockets = Sockets {
            tcp: Tcp::read(&root, tcp, Detail::Counts),
            udp: Udp::read(&root, udp, Detail::Counts, TooSlow::default()),
        };
        self.judge(&pairs, sockets)
    }

    fn judge(&self, pairs: &[Pair], sockets: Sockets) -> Report {
        let mut counted: Vec<(&Pair, u64)> =
            pairs.iter().filter_map(|pair| Some((pair, pair.count(&sockets)?))).collect();
        let whole = counted.len() == pairs.len();
        let problems = sockets.tcp.problems.iter().chain(&sockets.udp.problems);
        let problems: Vec<String> = problems.map(Problem::to_string).collect();
        let (warning, critical) = (shown(self.warning), shown(self.critical));
        let figure =
            |(pair, count): &(&Pair, u64)| format!("'{}'={count};{warning};{critical};0", pair.label());
        let performance = counted.iter().map(figure).collect();
        counted.retain(|(pair, count)| pair.named || *count > 0);
        counted.sort_by_key(|(_, count)| Reverse(*count));

        let mut status = PluginStatus::Ok;
        let mut parts = Vec::new();
        let mut part = |text: String, of: PluginStatus| {
            status = status.max(of);
            parts.push(text + of.mark());
        };
        if !whole {
            part(problems.join("; "), PluginStatus::Unknown);
        }
        for (pair, count) in &counted {
            part(format!("{}: {count}", pair.label().replace('_', " ")), self.status(*count));
        }
        if whole && counted.is_empty() {
            part(self.none_found(), self.status(0));
        }
        let text = parts.join(", ");
        Report { status, text, performance, remarks: if whole { problems } else { Vec::new() } }
    }

    fn status(&self, count: u64) -> PluginStatus {
        // As a Gauge32: more sockets than that do not fit into any memory.
        let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        PluginStatus::of(count, self.warning, self.critical)
    }

    /// Says that none of the requested sockets exist, in the words of the psutil-based plugin.
    fn none_found(&self) -> String {
        fn list<T: ValueEnum>(values: &[T]) -> String {
            let names: Vec<_> = values.iter().map(|value| name(value.clone())).collect();
            if names.is_empty() { "all".into() } else { names.join(",") }
        }
        format!(
            "No connections of type \"{}\" in status \"{}\" found.",
            list(&self.types),
            list(&self.states)
        )
    }
}

/// Whether this run of the program is a check, even if its arguments are wrong.
pub fn is_asked_for() -> bool {
    argument(1, "check")
}

fn argument(position: usize, is: &str) -> bool {
    std::env::args_os().nth(position).is_some_and(|argument| argument == is)
}

/// Answers arguments that clap refused: on standard output, where Nagios looks, and always with UNKNOWN, help and
/// version too (Monitoring Plugins Development Guidelines, "Plugin Return Codes").
pub fn refuse(error: &clap::Error, out: &mut impl Write) -> ExitCode {
    let text = error.to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return finish(
            write!(out, "{text}").and_then(|()| out.flush()).map(|()| PluginStatus::Unknown.exit()),
        );
    }
    // clap reports the error first, then, in paragraphs of their own, tips and a usage that ours replaces.
    let of_clap = |line: &&str| {
        // The last is the usage's second line.
        ["Usage:", "For more information", "netstat-agentx check "]
            .iter()
            .any(|begin| line.starts_with(begin))
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !of_clap(line));
    let problem = lines.map(|line| line.trim_start_matches("error: ")).collect::<Vec<_>>().join("; ");
    let usage = match () {
        () if argument(2, "limits") => limits::USAGE,
        () if argument(2, "listeners") => listeners::USAGE,
        () => USAGE,
    };
    finish(Report::unknown(format!("{problem}; {usage}")).print(out))
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> ExitCode {
    let report = match &arguments.other {
        Some(Other::Limits(limits)) => limits::report(limits),
        Some(Other::Listeners(listeners)) => listeners::report(listeners),
        None => arguments.report(),
    };
    finish(report.print(out))
}
