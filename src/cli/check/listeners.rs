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
    /// Warn if the percentage of a queue is not in this range [default: 80]
    #[arg(
        short,
        long,
        value_name = "RANGE",
        allow_hyphen_values = true,
        hide_default_value = true,
        default_value = "80"
    )]
    warning: Range,
    /// Critical if the percentage of a queue is not in this range [default: 95]
    #[arg(
        short,
        long,
        value_name = "RANGE",
        allow_hyphen_values = true,
        hide_default_value = true,
        default_value = "95"
    )]
    critical: Range,
    /// Warn if the connections that a listener drops in a second are not in this range [default: 1]
    #[arg(
        long,
        value_name = "RANGE",
        allow_hyphen_values = true,
        hide_default_value = true,
        default_value = "1"
    )]
    drops_warning: Range,
    /// Critical if the connections that a listener drops in a second are not in this range [default: none]
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    drops_critical: Option<Range>,
    /// For how long to look at the drops; 0: not at all [default: 2]
    #[arg(long, value_name = "SECONDS", hide_default_value = true, default_value = "2", value_parser = clap::value_parser!(u8).range(..=50))]
    seconds: u8,
}

pub const USAGE: &str = "usage: netstat-agentx check listeners [--listener LISTENER]... [--warning RANGE] [--critical RANGE] \
    [--drops-warning RANGE] [--drops-critical RANGE] [--seconds SECONDS] [--config FILE]; see netstat-agentx check listeners --help";

const HELP: &str = "\
The queue of each socket that listens, connections that wait for the program to accept them, is compared with the \
socket's own limit, in percent: of several sockets with one address the fullest counts. A socket takes one connection more \
than its limit, so that a percentage can be above 100. One that waits alone is no alarm: some programs serve one client at \
a time. What was dropped while it looked is told for each second, which is a sample: --seconds is its length. The kernel \
does not count what Unix sockets refuse.

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
    /// What could not be looked at.
    unknown: Vec<String>,
}

impl Look {
    fn at(arguments: &Arguments) -> Result<Self, Failure> {
        let mut local = Local::new(&arguments.config)?;
        let (listeners, kinds) = local.compute(|_, cx| {
            let listeners: Vec<_> = listening::tcp(cx).into_iter().chain(listening::unix(cx)).collect();
            (listeners, [("TCP", cx.listeners().is_some()), ("Unix", cx.unix_listeners().is_some())])
        });
        let mut unknown: Vec<String> =
            local.outcome().err().and_then(|failure| failure.message).into_iter().collect();
        if unknown.is_empty() {
            let lacking = kinds.iter().filter(|(_, known)| !known);
            unknown.extend(
                lacking.map(|(kind, _)| format!("this host does not say how full {kind} listeners are")),
            );
        }
        Ok(Self { listeners, at: Instant::now(), unknown })
    }

    /// What a listener had dropped before; 0 if it was not there, `None` if that is not known.
    fn drops(&self, address: &Address) -> Option<u64> {
        match self.listeners.iter().find(|one| one.address == *address) {
            Some(before) => before.drops,
            None => self.unknown.is_empty().then_some(0),
        }
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
    let (mut judged, mut parts) = (Vec::new(), Vec::new());
    for one in &asked {
        match arguments.judge(one, before, now) {
            Some(one) => judged.push(one),
            None if named => {
                parts.push((PluginStatus::Unknown, format!("{}: not known how full it is", one.name())));
            }
            None => {}
        }
    }
    judged.sort_by_key(|one: &Judged<'_>| Reverse((one.status, one.listening.fullest)));
    let worth_telling = |one: &&Judged<'_>| named || one.status != PluginStatus::Ok;
    parts.extend(judged.iter().filter(worth_telling).map(|one| (one.status, one.text())));
    for name in &arguments.listeners {
        if !asked.iter().any(|one| is_called(one, name)) {
            // What could not be looked at may have been the one.
            let status = if now.unknown.is_empty() { PluginStatus::Critical } else { PluginStatus::Unknown };
            parts.push((status, format!("{name}: nothing listens there")));
        }
    }
    // All of it was asked for, or what was not found may be among it.
    if !named || parts.iter().any(|(status, _)| *status == PluginStatus::Unknown) {
        parts.extend(now.unknown.iter().map(|text| (PluginStatus::Unknown, text.clone())));
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
    Report { status, text: text.join(", "), performance: arguments.performance(&judged), remarks: Vec::new() }
}

/// Whether a listener is meant: by its address, its port or its unit.
fn is_called(one: &Listening, name: &str) -> bool {
    let port = match &one.address {
        Address::Tcp(endpoint) => name.parse().ok() == Some(endpoint.port()),
        Address::Unix(_) => false,
    };
    port || one.address.to_string() == name || one.owners.iter().any(|unit| unit == name)
}

impl Arguments {
    /// `None` if the kernel does not say how full it is.
    fn judge<'a>(&self, listening: &'a Listening, before: Option<&Look>, now: &Look) -> Option<Judged<'a>> {
        let fullest = f64::from(u32::try_from(listening.fullest?).unwrap_or(u32::MAX));
        let drops = before.and_then(|before| {
            // One of its sockets may have gone, and its drops with it.
            let dropped = listening.drops?.saturating_sub(before.drops(&listening.address)?);
            let seconds = now.at.saturating_duration_since(before.at).as_secs_f64();
            Some(f64::from(u32::try_from(dropped).unwrap_or(u32::MAX)) / seconds.max(0.001))
        });
        // A single connection may well wait for a program that serves one after the other.
        let of_queue = match listening.waiting {
            Some(0 | 1) => PluginStatus::Ok,
            _ => PluginStatus::of(fullest, Some(self.warning), Some(self.critical)),
        };
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
        let all = if *sockets > 1 { format!("the fullest of {sockets} sockets; ") } else { String::new() };
        let mut text = format!(
            "{}: {} % full ({all}{} wait, limit {})",
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
            owners: owner.split(' ').filter(|unit| !unit.is_empty()).map(str::to_owned).collect(),
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
        let look =
            |listeners, at| Look { listeners, at, unknown: problem.map(str::to_owned).into_iter().collect() };
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
            "127.0.0.1:80 (nginx.service): 92 % full (118 wait, limit 128), drops 3.5/s [WARNING] | \
             'fullest'=92%;80;95;0 'drops'=22;;;0\n"
        );
        assert_eq!(
            report(&["-c", "90"], some(10), some(10), None),
            "127.0.0.1:80 (nginx.service): 92 % full (118 wait, limit 128) [CRITICAL] | \
             'fullest'=92%;80;90;0 'drops'=15;;;0\n"
        );
        let text = report(&["-w", "95", "--drops-critical", "3"], some(10), some(17), None);
        assert!(text.contains("drops 3.5/s [CRITICAL]"), "{text}");
        assert_eq!(
            report(&["-w", "95"], some(10), some(10), None),
            "3 listeners, the fullest: 127.0.0.1:80 (nginx.service): 92 % full (118 wait, limit 128) | \
             'fullest'=92%;95;95;0 'drops'=15;;;0\n"
        );
    }

    #[test]
    fn one_that_waits_alone_is_no_alarm() {
        let one = |waiting| vec![listening("127.0.0.1:5900", "", waiting, 1, Some(0))];
        assert!(
            report(&[], one(1), one(1), None)
                .starts_with("1 listeners, the fullest: 127.0.0.1:5900: 100 % full")
        );
        let text = report(&[], one(2), one(2), None);
        assert!(text.starts_with("127.0.0.1:5900: 200 % full (2 wait, limit 1) [CRITICAL]"), "{text}");
    }

    #[test]
    fn named_listeners_are_told_well_or_not_and_missed_when_gone() {
        let text = report(&["--listener", "25", "--listener", "/run/app.sock"], some(0), some(0), None);
        assert_eq!(
            text,
            "/run/app.sock: 20 % full (2 wait, limit 10), [::1]:25 (postfix.service): 0 % full (0 wait, limit 100) | 'fullest'=20%;80;95;0 'drops'=5;;;0 '[::1]:25'=0%;80;95;0 '/run/app.sock'=20%;80;95;0\n"
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
        let told = "this host does not say how full TCP listeners are";
        assert_eq!(report(&[], unknown.clone(), unknown.clone(), Some(told)), format!("{told} [UNKNOWN]\n"));
        // One of two that were named, and one that may be what could not be looked at.
        let both =
            [some(0), vec![Listening { fullest: None, ..listening("[::1]:81", "", 0, 1, None) }]].concat();
        let text = report(&["--listener", "80", "--listener", "81", "-w", "95"], both.clone(), both, None);
        assert!(
            text.starts_with("[::1]:81: not known how full it is [UNKNOWN], 127.0.0.1:80 (nginx.service)"),
            "{text}"
        );
        let text = report(&["--listener", "/run/x.sock"], some(0), some(0), Some(told));
        assert!(
            text.starts_with(&format!("/run/x.sock: nothing listens there [UNKNOWN], {told} [UNKNOWN]")),
            "{text}"
        );
        // What was named is there: the rest does not matter.
        let text = report(&["--listener", "25"], some(0), some(0), Some(told));
        assert!(text.starts_with("[::1]:25 (postfix.service): 0 % full (0 wait, limit 100) |"), "{text}");
        assert_eq!(report(&[], Vec::new(), Vec::new(), None), "nothing listens\n");
    }

    #[test]
    fn drops_are_those_between_the_looks_or_not_known() {
        let drops = |before: Vec<Listening>, problem| {
            let text = report(&["-w", "95", "--listener", "80"], before, some(100), problem);
            text.split("drops ").nth(1).map(|rest| rest.split(' ').next().unwrap().to_owned())
        };
        assert_eq!(drops(some(90), None).as_deref(), Some("5.0/s"));
        // A socket that closed took its drops along; one that came has all of its own since then.
        assert_eq!(drops(some(110), None), None);
        assert_eq!(drops(Vec::new(), None).as_deref(), Some("50.0/s"));
        // The first look did not see them.
        let unseen = vec![Listening { drops: None, ..some(0)[0].clone() }];
        assert_eq!(drops(unseen, None), None);
        assert_eq!(drops(Vec::new(), Some("x")), None);
    }

    #[test]
    fn a_listener_has_several_names() {
        let one = listening("[::1]:80", "a.service b.service", 0, 1, None);
        for name in ["80", "[::1]:80", "a.service", "b.service"] {
            assert!(is_called(&one, name), "{name}");
        }
        for other in ["8", "::1", "a.service, b.service", ""] {
            assert!(!is_called(&one, other), "{other}");
        }
    }
}
