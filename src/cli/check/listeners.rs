//! `check listeners`: a Nagios plugin for the queues of the sockets that listen, TCP and Unix.

use super::report::{PluginStatus, Report, shown};
use crate::cli::config_argument::ConfigArgument;
use crate::cli::failure::Failure;
use crate::cli::listening::{self, Address, Listening};
use crate::cli::local::Local;
use crate::range::Range;
use std::cmp::Reverse;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
#[command(after_long_help = HELP)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Listener to check, more than once if need be: a port, an endpoint, the path of a Unix socket, a unit [default: all]
    #[arg(long = "listener", value_name = "LISTENER")]
    listeners: Vec<String>,
    /// Warn if the percentage of a queue is not in this range
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true, default_value = "80")]
    warning: Range,
    /// Critical if the percentage of a queue is not in this range
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true, default_value = "95")]
    critical: Range,
    /// Warn if the connections that a listener drops in a second are not in this range
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true, default_value = "0")]
    drops_warning: Range,
    /// Critical if the connections that a listener drops in a second are not in this range
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    drops_critical: Option<Range>,
    /// For how long to look at the drops; 0: not at all
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = clap::value_parser!(u8).range(..=50))]
    seconds: u8,
}

pub const USAGE: &str = "usage: netstat-agentx check listeners [--listener LISTENER]... [--warning RANGE] [--critical RANGE] \
    [--drops-warning RANGE] [--drops-critical RANGE] [--seconds SECONDS] [--config FILE]; see netstat-agentx check listeners --help";

const HELP: &str = "\
The queue of each socket that listens, connections that wait for the program to accept them, is compared with the \
socket's own limit, in percent: of several sockets that share an endpoint the fullest counts. At 100 percent one more \
may wait, and those after it are dropped; what was dropped while it looked is told for each second. The kernel does not count \
what Unix sockets refuse.

The text has those listeners that are not well, the worst first, with their systemd unit; those that were named, whether \
well or not; and the fullest of all where everything is well. Performance data are the highest percentage, the drops of \
all open sockets, which fall when one closes, and the percentage of each listener that was named. A listener that was \
named and is not there is critical.

Ranges are those of Nagios plugins, both ends well; see check --help.

Exit status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN: bad arguments, a bad configuration, this help, or a host whose \
kernel does not say, unless a listener is critical.

Examples:
  netstat-agentx check listeners
  netstat-agentx check listeners --listener 443 --listener nginx.service --drops-critical 5
  netstat-agentx check listeners --listener /run/php/php-fpm.sock -w 50 -c 90 --seconds 0";

/// One look at all listeners.
struct Look {
    listeners: Vec<Listening>,
    at: Instant,
    problem: Option<String>,
}

impl Look {
    fn at(arguments: &Arguments) -> Result<Self, Failure> {
        let mut local = Local::new(&arguments.config)?;
        let (listeners, told) = local.compute(|_, cx| {
            let listeners: Vec<_> = listening::tcp(cx).into_iter().chain(listening::unix(cx)).collect();
            (listeners, cx.listeners().is_some())
        });
        let elsewhere = || "sock_diag would show another network namespace than this root".to_owned();
        let problem = local.outcome().err().and_then(|failure| failure.message);
        Ok(Self { listeners, at: Instant::now(), problem: problem.or_else(|| (!told).then(elsewhere)) })
    }

    /// What a listener has dropped before.
    fn drops(&self, address: &Address) -> Option<u64> {
        self.listeners.iter().find(|one| one.address == *address)?.drops
    }
}

/// A listener that was judged.
struct Judged<'a> {
    listening: &'a Listening,
    /// Connections dropped in a second, if that was looked at.
    drops: Option<f64>,
    status: PluginStatus,
}

pub(super) fn report(arguments: &Arguments) -> Report {
    let first = match Look::at(arguments) {
        Ok(look) => look,
        Err(failure) => return Report::unknown(failure.message.unwrap_or_default()),
    };
    if arguments.seconds == 0 {
        return judge(arguments, None, &first);
    }
    std::thread::sleep(Duration::from_secs(arguments.seconds.into()));
    match Look::at(arguments) {
        Ok(second) => judge(arguments, Some(&first), &second),
        Err(failure) => Report::unknown(failure.message.unwrap_or_default()),
    }
}

fn judge(arguments: &Arguments, before: Option<&Look>, now: &Look) -> Report {
    let named = !arguments.listeners.is_empty();
    let is_asked = |one: &&Listening| !named || arguments.listeners.iter().any(|name| is_called(one, name));
    let asked: Vec<&Listening> = now.listeners.iter().filter(is_asked).collect();
    let mut judged: Vec<Judged<'_>> =
        asked.iter().filter_map(|one| arguments.judge(one, before, now)).collect();
    judged.sort_by_key(|one| Reverse((one.status, one.listening.fullest)));

    let mut parts: Vec<(PluginStatus, String)> = judged
        .iter()
        .filter(|one| named || one.status != PluginStatus::Ok)
        .map(|one| (one.status, one.text()))
        .collect();
    for name in &arguments.listeners {
        if !asked.iter().any(|one| is_called(one, name)) {
            parts.push((PluginStatus::Critical, format!("{name}: nothing listens there")));
        }
    }
    // Whatever is wrong may have taken a figure away.
    let problem_counts = now.problem.is_some() && (judged.len() < asked.len() || asked.is_empty());
    if let Some(problem) = now.problem.as_ref().filter(|_| problem_counts) {
        parts.push((PluginStatus::Unknown, problem.clone()));
    } else if judged.len() < asked.len() && judged.is_empty() {
        parts.push((PluginStatus::Unknown, "no limit of a listener can be read".to_owned()));
    }
    if parts.is_empty() {
        let text = match judged.first() {
            Some(fullest) => format!("{} listeners, the fullest: {}", judged.len(), fullest.text()),
            None => "nothing listens".to_owned(),
        };
        parts.push((PluginStatus::Ok, text));
    }
    // Stable: those of one status stay in the order of their percentages.
    parts.sort_by_key(|(status, _)| Reverse(*status));
    let status = parts.first().map_or(PluginStatus::Unknown, |(status, _)| *status);
    let text: Vec<_> = parts.iter().map(|(status, text)| format!("{text}{}", status.mark())).collect();
    let remarks = now.problem.clone().filter(|_| !problem_counts).into_iter().collect();
    Report { status, text: text.join(", "), performance: arguments.performance(&judged), remarks }
}

/// Whether a listener is meant: by its address, its port or its unit.
fn is_called(one: &Listening, name: &str) -> bool {
    let port = match &one.address {
        Address::Tcp(endpoint) => name.parse().ok() == Some(endpoint.port()),
        Address::Unix(_) => false,
    };
    port || one.address.to_string() == name || one.owner.split(", ").any(|unit| unit == name)
}

impl Arguments {
    /// `None` if the kernel does not say how full it is.
    fn judge<'a>(&self, listening: &'a Listening, before: Option<&Look>, now: &Look) -> Option<Judged<'a>> {
        let fullest = f64::from(u32::try_from(listening.fullest?).unwrap_or(u32::MAX));
        let drops = before.and_then(|before| {
            // One that came meanwhile has dropped what it has since then; one of its sockets may have gone.
            let dropped = listening.drops?.saturating_sub(before.drops(&listening.address).unwrap_or(0));
            let seconds = now.at.saturating_duration_since(before.at).as_secs_f64();
            Some(f64::from(u32::try_from(dropped).unwrap_or(u32::MAX)) / seconds.max(0.001))
        });
        let of_queue = PluginStatus::of(fullest, Some(self.warning), Some(self.critical));
        let of_drops =
            drops.map(|drops| PluginStatus::of(drops, Some(self.drops_warning), self.drops_critical));
        let status = of_queue.max(of_drops.unwrap_or(PluginStatus::Ok));
        Some(Judged { listening, drops, status })
    }

    fn performance(&self, judged: &[Judged<'_>]) -> Vec<String> {
        let ranges = format!("{};{};0", shown(Some(self.warning)), shown(Some(self.critical)));
        let all = judged.iter().map(|one| one.listening);
        let fullest = all.clone().filter_map(|one| one.fullest).max();
        let mut figures: Vec<_> =
            fullest.map(|percent| format!("'fullest'={percent}%;{ranges}")).into_iter().collect();
        let drops: Vec<u64> = all.clone().filter_map(|one| one.drops).collect();
        if !drops.is_empty() {
            figures.push(format!("'drops'={};;;0", drops.iter().sum::<u64>()));
        }
        if !self.listeners.is_empty() {
            // A label has neither quotes nor equals signs.
            let label = |one: &Listening| one.address.to_string().replace(['\'', '='], "_");
            figures
                .extend(all.filter_map(|one| Some(format!("'{}'={}%;{ranges}", label(one), one.fullest?))));
        }
        figures
    }
}

impl Judged<'_> {
    fn text(&self) -> String {
        let Listening { waiting, limit, fullest, sockets, .. } = self.listening;
        let known = |figure: &Option<u64>| figure.unwrap_or(0);
        let of_fullest =
            if *sockets > 1 { format!("the fullest of {sockets} sockets ") } else { String::new() };
        let mut text = format!(
            "{}: {of_fullest}{} % full ({} of {} connections wait)",
            self.listening.name(),
            known(fullest),
            known(waiting),
            known(limit)
        );
        if let Some(drops) = self.drops.filter(|drops| *drops > 0.0) {
            text += &format!(", drops {drops:.1}/s");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn listening(address: &str, owner: &str, waiting: u64, limit: u64, drops: Option<u64>) -> Listening {
        let tcp = address.parse().map(Address::Tcp);
        Listening {
            address: tcp.unwrap_or_else(|_| Address::Unix(address.to_owned())),
            owner: owner.to_owned(),
            waiting: Some(waiting),
            limit: Some(limit),
            drops,
            fullest: Some(waiting * 100 / limit),
            sockets: 1,
        }
    }

    /// The report of two looks, two seconds apart.
    fn report(
        arguments: &[&str],
        before: Vec<Listening>,
        now: Vec<Listening>,
        problem: Option<&str>,
    ) -> String {
        let command = Command::parse_from([&["check"], arguments].concat());
        let at = Instant::now();
        let look = |listeners, at| Look { listeners, at, problem: problem.map(str::to_owned) };
        let (before, now) = (look(before, at), look(now, at + Duration::from_secs(2)));
        let mut out = Vec::new();
        judge(&command.arguments, Some(&before), &now).print(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn some(drops: u64) -> Vec<Listening> {
        vec![
            listening("127.0.0.1:80", "nginx.service", 118, 128, Some(drops)),
            listening("[::1]:25", "postfix.service", 0, 100, Some(5)),
            listening("/run/app.sock", "", 2, 10, None),
        ]
    }

    #[test]
    fn the_worst_is_named_with_its_unit() {
        assert_eq!(
            report(&[], some(10), some(17), None),
            "127.0.0.1:80 (nginx.service): 92 % full (118 of 128 connections wait), drops 3.5/s [WARNING] | \
             'fullest'=92%;80;95;0 'drops'=22;;;0\n"
        );
        assert_eq!(
            report(&["-c", "90"], some(10), some(10), None),
            "127.0.0.1:80 (nginx.service): 92 % full (118 of 128 connections wait) [CRITICAL] | \
             'fullest'=92%;80;90;0 'drops'=15;;;0\n"
        );
        let text = report(&["-w", "95", "--drops-critical", "3"], some(10), some(17), None);
        assert!(text.contains("drops 3.5/s [CRITICAL]"), "{text}");
        assert_eq!(
            report(&["-w", "95"], some(10), some(10), None),
            "3 listeners, the fullest: 127.0.0.1:80 (nginx.service): 92 % full (118 of 128 connections wait) | \
             'fullest'=92%;95;95;0 'drops'=15;;;0\n"
        );
    }

    #[test]
    fn named_listeners_are_told_well_or_not_and_missed_when_gone() {
        let text = report(&["--listener", "25", "--listener", "/run/app.sock"], some(0), some(0), None);
        assert_eq!(
            text,
            "/run/app.sock: 20 % full (2 of 10 connections wait), [::1]:25 (postfix.service): 0 % full (0 of 100 \
             connections wait) | 'fullest'=20%;80;95;0 'drops'=5;;;0 '[::1]:25'=0%;80;95;0 '/run/app.sock'=20%;80;95;0\n"
                .replace("'[::1]:25'=0%;80;95;0 '/run/app.sock'=20%;80;95;0", "'/run/app.sock'=20%;80;95;0 '[::1]:25'=0%;80;95;0")
        );
        let text = report(&["--listener", "postfix.service", "--listener", "443"], some(0), some(0), None);
        assert!(
            text.starts_with("443: nothing listens there [CRITICAL], [::1]:25 (postfix.service): 0 % full"),
            "{text}"
        );
    }

    #[test]
    fn what_the_kernel_does_not_say_is_unknown() {
        let unknown = vec![Listening { fullest: None, limit: None, drops: None, ..some(0)[0].clone() }];
        let told = "sock_diag would show another network namespace than this root";
        assert_eq!(report(&[], unknown.clone(), unknown.clone(), Some(told)), format!("{told} [UNKNOWN]\n"));
        let text = report(&[], unknown.clone(), unknown, None);
        assert_eq!(text, "no limit of a listener can be read [UNKNOWN]\n");
        // A socket that closed took its drops along.
        assert!(!report(&["-w", "95"], some(10), some(3), None).contains("/s"));
        assert_eq!(report(&[], Vec::new(), Vec::new(), None), "nothing listens\n");
        // A fault of something else is a remark.
        let text = report(&["-w", "95"], some(0), some(0), Some("x: no file"));
        assert!(text.ends_with("\nx: no file\n") && text.starts_with("3 listeners"), "{text}");
    }
}
