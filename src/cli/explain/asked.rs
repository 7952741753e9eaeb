//! What to explain: the arguments, standard input, or everything.

use crate::cli::failure::Failure;
use crate::cli::local::Local;
use crate::proc::counters::Figure;
use crate::proc::error::Excerpt;
use crate::registry::find::{Finder, Found, Meant};
use crate::registry::icmp::numbered;
use crate::registry::lines::{self, Mention};
use crate::registry::{self, Registered};
use std::io::{self, Read};

/// In octets; more than any program prints about counters.
const LONGEST_INPUT: u64 = 1 << 20;

/// Where a value comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// This host, now.
    Host,
    /// A line.
    Line,
    /// A line that may mean another counter: '5 packets received', with no heading above it.
    Perhaps,
}

/// What to explain.
pub(super) struct Question {
    /// Counters, each with the value that a line shows for it.
    pub(super) meant: Vec<(Meant, Option<(Figure, Whose)>)>,
    /// Whether a text of several lines was given.
    pub(super) pasted: bool,
    /// Whether every line of such a text mentions a counter.
    pub(super) outcome: Result<(), Failure>,
}

/// Every counter, but none twice.
pub(super) fn everything(others: &[(String, String)]) -> Question {
    let is_counter = |entry: &&Registered| entry.kind == registry::CounterKind::Counter;
    let known = registry::all().iter().filter(is_counter).map(Meant::Known);
    // IcmpMsg.InType3 is Icmp.InDestUnreachs, which is listed already.
    let is_there = |group: &str, name: &str| numbered(group, name).is_some_and(|other| other.named.is_some());
    let others = others.iter().filter(|(group, name)| !is_there(group, name));
    let others = others.map(|(group, name)| Meant::Other(group.clone(), name.clone()));
    let meant = known.chain(others).map(|meant| (meant, None)).collect();
    Question { meant, pasted: false, outcome: Ok(()) }
}

/// Finds what the arguments mention.
pub(super) fn ask(
    arguments: &[String],
    local: &Local,
    others: &[(String, String)],
) -> Result<Question, Failure> {
    let finder = Finder { base: local.base(), others };
    let mut asked = Question { meant: Vec::new(), pasted: false, outcome: Ok(()) };
    let mut strange = Vec::new();
    for argument in arguments {
        let text = if argument == "-" { standard_input()? } else { argument.clone() };
        let mentions = lines::read(&text);
        let mut take = |meant: Vec<Meant>, mention: &Mention| {
            let whose = if meant.len() == 1 { Whose::Line } else { Whose::Perhaps };
            let shown = mention.figure.map(|figure| (figure, whose));
            asked.meant.extend(meant.into_iter().map(|meant| (meant, shown)));
        };
        match &mentions[..] {
            [] => {
                let text = Excerpt::of(text.trim().as_bytes());
                return Err(Failure::usage(format!("{text} names no counter")));
            }
            [mention] => take(resolve(mention, &finder)?, mention),
            mentions => {
                for mention in mentions {
                    let meant = finder.pasted(mention);
                    if meant.is_empty() {
                        strange.push(Excerpt::of(mention.line.as_bytes()).to_string());
                    }
                    take(meant, mention);
                }
                asked.pasted = true;
            }
        }
    }
    if !strange.is_empty() {
        let more = if strange.len() > 5 { ", ..." } else { "" };
        let shown: Vec<_> = strange.iter().take(5).map(String::as_str).collect();
        let message = format!("{} lines name no counter: {}{more}", strange.len(), shown.join(", "));
        asked.outcome = Err(Failure::of(1, message));
    }
    Ok(asked)
}

fn standard_input() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(LONGEST_INPUT + 1).read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read <= LONGEST_INPUT) {
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    Err(Failure::usage("there is more than 1 MiB on standard input"))
}

fn resolve(mention: &Mention, finder: &Finder<'_>) -> Result<Vec<Meant>, Failure> {
    let written = Excerpt::of(mention.text.as_bytes());
    match finder.written(mention) {
        Found::Counters(meant) => Ok(meant),
        Found::Parts(meant) => {
            let names: Vec<_> = meant.iter().map(Meant::to_string).collect();
            let (count, names) = (names.len(), names.join(", "));
            Err(Failure::usage(format!("{count} counters have {written} in their name: {names}")))
        }
        Found::Nothing(suggested) if suggested.is_empty() => Err(Failure::usage(format!(
            "no counter named {written}; 'netstat-agentx explain' lists those that are not zero"
        ))),
        Found::Nothing(suggested) => Err(Failure::usage(format!(
            "no counter named {written}; did you mean {}?",
            suggested.join(" or ")
        ))),
    }
}
