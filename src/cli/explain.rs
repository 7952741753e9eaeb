//! `explain`: what a counter means, where it sits in the MIB, what its value is now.

use super::local::Local;
use super::{ConfigArgument, Failure};
use crate::counters::find::{self, Found};
use crate::counters::pages::first_sentence;
use crate::counters::{self, Concern, Registered};
use crate::mib::context::Context;
use crate::proc::counters::Figure;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::io::{self, Write};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// A counter: TCPBacklogDrop, TcpExtListenDrops, lnsUdpNoPorts, an OID, a phrase of 'netstat -s', or a part of one
    /// [default: those that are not zero, the worrying ones first]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// Width of the folded texts.
const WIDTH: usize = 100;

type Known = (&'static Registered, Option<Figure>);

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let mut local = Local::new(&arguments.config)?;
    let mut meant = Vec::new();
    for name in &arguments.names {
        meant.extend(resolve(name, &local)?);
    }
    let all = arguments.names.is_empty();
    let entries: Vec<&'static Registered> = if all { counters::all().iter().collect() } else { meant };
    let mut known =
        local.compute(|_, cx| entries.iter().map(|entry| (*entry, figure(cx, entry))).collect::<Vec<_>>());
    if all {
        known.retain(|(entry, figure)| !matches!(figure, None | Some(Figure::Count(0))) && is_counter(entry));
        known.sort_by_key(|(entry, figure)| {
            (Reverse(entry.concern), Reverse(count(*figure)), entry.descriptor)
        });
    }
    let base = local.base().to_string();
    if arguments.json {
        let entries: Vec<_> = known.iter().map(|known| as_json(known, &base)).collect();
        writeln!(out, "{:#}", Value::Array(entries))?;
    } else if all {
        list(&known, out)?;
    } else {
        for (position, known) in known.iter().enumerate() {
            if position > 0 {
                writeln!(out)?;
            }
            print(known, &base, out)?;
        }
    }
    local.outcome()
}

fn is_counter(entry: &Registered) -> bool {
    entry.kind == counters::Kind::Counter
}

fn figure(cx: &Context<'_>, entry: &Registered) -> Option<Figure> {
    cx.figure(entry.group, entry.name)
}

fn count(figure: Option<Figure>) -> u64 {
    match figure {
        Some(Figure::Count(count)) => count,
        _ => 0,
    }
}

fn resolve(name: &str, local: &Local) -> Result<Vec<&'static Registered>, Failure> {
    match find::counters(name, local.base()) {
        Found::Counters(entries) => Ok(entries),
        Found::Parts(entries) => {
            let names: Vec<_> =
                entries.iter().map(|entry| format!("{}.{}", entry.group, entry.name)).collect();
            Err(Failure::usage(format!(
                "{} counters have '{name}' in their name: {}",
                names.len(),
                names.join(", ")
            )))
        }
        Found::Nothing(suggested) if suggested.is_empty() => Err(Failure::usage(format!(
            "no counter named '{name}'; 'netstat-agentx explain' lists those that are not zero"
        ))),
        Found::Nothing(suggested) => Err(Failure::usage(format!(
            "no counter named '{name}'; did you mean {}?",
            suggested.join(" or ")
        ))),
    }
}

/// One line each, by concern.
fn list(known: &[Known], out: &mut impl Write) -> io::Result<()> {
    for (concern, title) in [
        (Concern::Trouble, "Something was lost, refused, broken or attacked:"),
        (Concern::Watch, "Worth a look when it grows fast or steadily:"),
        (Concern::None, "Normal activity:"),
    ] {
        let of_concern: Vec<_> = known.iter().filter(|(entry, _)| entry.concern == concern).collect();
        if of_concern.is_empty() {
            continue;
        }
        writeln!(out, "{title}")?;
        for (entry, figure) in of_concern {
            let name = format!("{}.{}", entry.group, entry.name);
            writeln!(out, "{:>15}  {name:<32} {}", count(*figure), shortened(first_sentence(entry.counts)))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "'netstat-agentx explain NAME' says what one of them means and what to do about it.")
}

/// What fits behind value and name on a line.
fn shortened(sentence: &str) -> String {
    const ROOM: usize = 90;
    match sentence.get(..ROOM).filter(|_| sentence.len() > ROOM + 3) {
        Some(cut) => format!("{}...", cut.rsplit_once(' ').map_or(cut, |(words, _)| words)),
        None => sentence.to_owned(),
    }
}

fn print((entry, figure): &Known, base: &str, out: &mut impl Write) -> io::Result<()> {
    let value = match figure {
        Some(Figure::Count(count)) => count.to_string(),
        Some(Figure::Negative(number)) => number.to_string(),
        None => "not on this kernel".to_owned(),
    };
    writeln!(out, "{}.{}: {value}", entry.group, entry.name)?;
    writeln!(out, "{}.0  .{base}.1.3.{}.{}.0", entry.descriptor, entry.group_number, entry.number)?;
    fold(out, "", entry.counts)?;
    if !entry.retired.is_empty() {
        fold(out, "Retired: ", entry.retired)?;
    }
    let concern = match entry.concern {
        Concern::Trouble => "When it grows (trouble): ",
        Concern::Watch => "When it grows (worth a look): ",
        Concern::None => "What it means: ",
    };
    fold(out, concern, entry.means)?;
    fold(out, "Incremented: ", entry.when)?;
    fold(out, "Source: ", &format!("Linux {}: {}", entry.checked, entry.source.join(", ")))?;
    for (label, text) in
        [("Since: Linux ", entry.since), ("netstat -s: ", entry.netstat), ("Reference: ", entry.reference)]
    {
        if !text.is_empty() {
            fold(out, label, text)?;
        }
    }
    if !entry.related.is_empty() {
        fold(out, "See also: ", &entry.related.join(", "))?;
    }
    Ok(())
}

/// Prints a text folded to lines, indented.
fn fold(out: &mut impl Write, label: &str, text: &str) -> io::Result<()> {
    let mut line = String::from("  ");
    line += label;
    for word in text.split(' ') {
        if line.len() + word.len() > WIDTH && line.trim().len() > label.trim().len() {
            writeln!(out, "{}", line.trim_end())?;
            line = String::from(if label.is_empty() { "  " } else { "    " });
        }
        line += word;
        line.push(' ');
    }
    writeln!(out, "{}", line.trim_end())
}

fn as_json((entry, figure): &Known, base: &str) -> Value {
    let value = match figure {
        Some(Figure::Count(count)) => json!(count),
        Some(Figure::Negative(number)) => json!(number),
        None => Value::Null,
    };
    json!({
        "group": entry.group,
        "name": entry.name,
        "descriptor": entry.descriptor,
        "oid": format!("{base}.1.3.{}.{}.0", entry.group_number, entry.number),
        "value": value,
        "concern": entry.concern.word(),
        "counts": entry.counts,
        "when": entry.when,
        "means": entry.means,
        "source": entry.source,
        "checked": entry.checked,
        "related": entry.related,
        "netstat": text_or_null(entry.netstat),
        "reference": text_or_null(entry.reference),
        "since": text_or_null(entry.since),
        "retired": text_or_null(entry.retired),
    })
}

fn text_or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}
