//! `explain`: what a counter means, where it sits in the MIB, what its value is now; and what a reason to drop packets means.

mod asked;

use super::columns::{self, Align};
use super::config_argument::ConfigArgument;
use super::failure::Failure;
use super::local::Local;
use crate::mib::context::Context;
use crate::mib::groups::lns_counters;
use crate::proc::counters::Figure;
use crate::registry::drops::{self, DropReason};
use crate::registry::find::Meant;
use crate::registry::icmp::numbered;
use crate::registry::{self, Concern, Registered};
use crate::smi::oid::Oid;
use crate::text::first_sentence;
use crate::text::folded;
use asked::{Whose, ask, everything};
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
    /// A counter: TCPBacklogDrop, TcpExtListenDrops, LINUX_MIB_LISTENDROPS, lnsUdpNoPorts, an OID, a phrase of
    /// 'netstat -s', a part of one, or a line as netstat and nstat print it; or a reason to drop packets, NETFILTER_DROP,
    /// or a line of the trace event skb:kfree_skb; '-' reads such lines from standard input,
    /// where more than ten counters get a line each and those that are zero none
    /// [default: those that are not zero, the worrying ones first]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// Width of the folded texts.
const WIDTH: usize = 100;
/// A pasted text with more counters than this gets a list, as the whole host does.
const EXPLAINED: usize = 10;

/// A counter with its value.
struct Explained {
    meant: Meant,
    figure: Option<Figure>,
    whose: Whose,
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let mut local = Local::new(&arguments.config)?;
    let others = local.compute(|_, cx| others(cx));
    let all = arguments.names.is_empty();
    let asked = if all { everything(&others) } else { ask(&arguments.names, &local, &others)? };
    let figures: Vec<_> =
        local.compute(|_, cx| asked.meant.iter().map(|(meant, _)| figure(cx, meant)).collect());
    let entries = asked.meant.into_iter().zip(figures);
    let entries = entries.map(|((meant, shown), figure)| match shown {
        Some((shown, whose)) => Explained { meant, figure: Some(shown), whose },
        None => Explained { meant, figure, whose: Whose::Host },
    });
    let mut entries: Vec<_> = entries.collect();
    let is_list = all || (asked.pasted && !arguments.json && entries.len() > EXPLAINED);
    if is_list {
        entries.retain(|entry| count(entry.figure) > 0 || matches!(entry.meant, Meant::Drop(_)));
        entries.sort_by_key(|entry| {
            (Reverse(concern(&entry.meant)), Reverse(count(entry.figure)), entry.meant.to_string())
        });
    }
    if arguments.json {
        let entries: Vec<_> = entries.iter().map(|entry| as_json(entry, local.base())).collect();
        writeln!(out, "{:#}", Value::Array(entries))?;
    } else if is_list {
        list(&entries, out)?;
    } else {
        for (position, entry) in entries.iter().enumerate() {
            if position > 0 {
                writeln!(out)?;
            }
            print(entry, local.base(), out)?;
        }
    }
    asked.outcome.and_then(|()| local.outcome())
}

/// Group and name of the counters that the kernel has and the registry lacks.
fn others(cx: &Context<'_>) -> Vec<(String, String)> {
    let Some(counters) = cx.counters() else {
        return Vec::new();
    };
    let named = (0..counters.rows()).filter_map(|row| counters.named(row));
    let others = named.filter(|(group, name, _)| registry::find(group, name).is_none());
    others.map(|(group, name, _)| (group.to_owned(), name.to_owned())).collect()
}

fn figure(cx: &Context<'_>, meant: &Meant) -> Option<Figure> {
    match meant {
        Meant::Known(entry) => cx.figure(entry.group, entry.name),
        Meant::Other(group, name) => {
            let counters = cx.counters()?;
            let mut named = (0..counters.rows()).filter_map(|row| counters.named(row));
            let found = named.find(|(of, other, _)| of == group && other == name);
            found.map(|(.., count)| Figure::Count(count))
        }
        Meant::Drop(_) => None,
    }
}

fn count(figure: Option<Figure>) -> u64 {
    match figure {
        Some(Figure::Count(count)) => count,
        _ => 0,
    }
}

/// `None` for a counter that nothing is known about.
fn concern(meant: &Meant) -> Option<Concern> {
    match meant {
        Meant::Known(entry) => Some(entry.concern),
        Meant::Other(group, name) => numbered(group, name).map(|_| Concern::None),
        Meant::Drop(reason) => Some(reason.concern),
    }
}

/// Prints one line for each counter, by concern.
fn list(entries: &[Explained], out: &mut impl Write) -> io::Result<()> {
    for (of, title) in [
        (Some(Concern::Trouble), "Something was lost, refused, broken or attacked:"),
        (Some(Concern::Watch), "Worth a look when it grows fast or steadily:"),
        (Some(Concern::None), "Normal activity:"),
        (None, "Not explained, since this version does not know them:"),
    ] {
        let of_concern: Vec<_> = entries.iter().filter(|entry| concern(&entry.meant) == of).collect();
        if of_concern.is_empty() {
            continue;
        }
        writeln!(out, "{title}")?;
        let row = |entry: &&Explained| {
            let counts = match &entry.meant {
                Meant::Known(entry) => shortened(first_sentence(entry.counts)),
                Meant::Other(group, name) => described(group, name).unwrap_or_default(),
                Meant::Drop(reason) => shortened(first_sentence(reason.dropped)),
            };
            let doubt = if entry.whose == Whose::Perhaps { "?" } else { "" };
            let figure = match entry.meant {
                Meant::Drop(_) => "dropped".to_owned(),
                _ => count(entry.figure).to_string(),
            };
            vec![format!("{figure}{doubt}"), format!("  {}", entry.meant), counts]
        };
        let rows: Vec<_> = of_concern.iter().map(row).collect();
        columns::print(out, &[Align::Right(15), Align::Left(35)], &rows)?;
        writeln!(out)?;
    }
    writeln!(out, "'netstat-agentx explain NAME' says what one of them means and what to do about it.")
}

/// Describes a counter that the registry lacks: an ICMP type by its number.
fn described(group: &str, name: &str) -> Option<String> {
    let numbered = numbered(group, name)?;
    let protocol = if group == "Icmp6" { "ICMPv6" } else { "ICMP" };
    let way = if numbered.inbound { "received" } else { "sent" };
    let named = match numbered.named {
        Some((group, name)) => format!(", which are counted as {group}.{name} too"),
        None => String::new(),
    };
    Some(format!("{protocol} messages of type {} {way}{named}.", numbered.number))
}

/// As much of a sentence as fits after value and name on a line.
fn shortened(sentence: &str) -> String {
    const ROOM: usize = 90;
    match sentence.get(..ROOM).filter(|_| sentence.len() > ROOM + 3) {
        Some(cut) => format!("{}...", cut.rsplit_once(' ').map_or(cut, |(words, _)| words)),
        None => sentence.to_owned(),
    }
}

fn print(entry: &Explained, base: &Oid, out: &mut impl Write) -> io::Result<()> {
    if let Meant::Drop(reason) = entry.meant {
        return print_drop(reason, out);
    }
    let value = match entry.figure {
        Some(Figure::Count(count)) => count.to_string(),
        Some(Figure::Negative(number)) => number.to_string(),
        None => "not on this kernel".to_owned(),
    };
    let whose = match entry.whose {
        Whose::Host => "",
        Whose::Line => ", as the line shows",
        Whose::Perhaps => ", if the line means this one",
    };
    writeln!(out, "{}: {value}{whose}", entry.meant)?;
    match &entry.meant {
        Meant::Known(entry) => print_known(entry, base, out),
        Meant::Other(group, name) => {
            writeln!(
                out,
                "lnsCounterValue.\"{group}\".\"{name}\"  .{}",
                lns_counters::row(base, group, name)
            )?;
            let unexplained = "Not explained: this version knows its name and no more.";
            fold(out, "", &described(group, name).unwrap_or_else(|| unexplained.to_owned()))
        }
        Meant::Drop(reason) => print_drop(reason, out),
    }
}

fn print_drop(reason: &DropReason, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{}: a reason for which the kernel drops packets (trace event skb:kfree_skb)",
        reason.name
    )?;
    fold(out, "", reason.dropped)?;
    if !reason.retired.is_empty() {
        fold(out, "Retired: ", reason.retired)?;
    }
    fold(out, when_it_grows(reason.concern), reason.means)?;
    fold(out, "Given: ", reason.when)?;
    fold(out, "Source: ", &format!("Linux {}: {}", reason.checked, reason.source))?;
    fold(out, "Symbol: ", &format!("{}{}", drops::PREFIX, reason.name))?;
    if !reason.since.is_empty() {
        fold(out, "Since: Linux ", reason.since)?;
    }
    if !reason.related.is_empty() {
        fold(out, "Counted too: ", &reason.related.join(", "))?;
    }
    Ok(())
}

fn when_it_grows(concern: Concern) -> &'static str {
    match concern {
        Concern::Trouble => "When it grows (trouble): ",
        Concern::Watch => "When it grows (worth a look): ",
        Concern::None => "What it means: ",
    }
}

fn print_known(entry: &Registered, base: &Oid, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}.0  .{base}.1.3.{}.{}.0", entry.descriptor, entry.group_number, entry.number)?;
    fold(out, "", entry.counts)?;
    if !entry.retired.is_empty() {
        fold(out, "Retired: ", entry.retired)?;
    }
    fold(out, when_it_grows(entry.concern), entry.means)?;
    fold(out, "Incremented: ", entry.when)?;
    fold(out, "Source: ", &format!("Linux {}: {}", entry.checked, entry.source.join(", ")))?;
    for (label, text) in [
        ("Symbol: ", entry.symbol),
        ("Since: Linux ", entry.since),
        ("netstat -s: ", entry.netstat),
        ("Reference: ", entry.reference),
    ] {
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
    let others = if label.is_empty() { "  " } else { "    " };
    writeln!(out, "{}", folded(text, WIDTH, &format!("  {label}"), others))
}

fn as_json(entry: &Explained, base: &Oid) -> Value {
    let value = match entry.figure.filter(|_| entry.whose != Whose::Perhaps) {
        Some(Figure::Count(count)) => json!(count),
        Some(Figure::Negative(number)) => json!(number),
        None => Value::Null,
    };
    let entry = match &entry.meant {
        Meant::Known(entry) => entry,
        Meant::Other(group, name) => {
            return json!({
                "group": group,
                "name": name,
                "symbol": Value::Null,
                "descriptor": Value::Null,
                "oid": lns_counters::row(base, group, name).to_string(),
                "value": value,
                "concern": concern(&entry.meant).map(Concern::word),
                "counts": described(group, name),
                "when": Value::Null,
                "means": Value::Null,
                "source": [],
                "checked": Value::Null,
                "related": [],
                "netstat": Value::Null,
                "reference": Value::Null,
                "since": Value::Null,
                "retired": Value::Null,
            });
        }
        Meant::Drop(reason) => {
            return json!({
                "group": "skb_drop_reason",
                "name": reason.name,
                "symbol": format!("{}{}", drops::PREFIX, reason.name),
                "descriptor": Value::Null,
                "oid": Value::Null,
                "value": Value::Null,
                "concern": reason.concern.word(),
                "counts": reason.dropped,
                "when": reason.when,
                "means": reason.means,
                "source": [reason.source],
                "checked": reason.checked,
                "related": reason.related,
                "netstat": Value::Null,
                "reference": Value::Null,
                "since": text_or_null(reason.since),
                "retired": text_or_null(reason.retired),
            });
        }
    };
    json!({
        "group": entry.group,
        "name": entry.name,
        "symbol": text_or_null(entry.symbol),
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
