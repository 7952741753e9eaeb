//! The pages of docs/counters, one per group, written from the registry.

use crate::file::File;
use netstat_agentx::registry::{Concern, Registered, all, groups, of_group};
use netstat_agentx::text::first_sentence;
use std::fmt::Write;

/// An index and one page per group.
pub fn files() -> Vec<File> {
    let mut pages = vec![("README.md".to_owned(), index())];
    pages.extend(groups().map(|(group, number, file)| (page_name(group), page(group, number, file))));
    pages.into_iter().map(|(name, text)| File::new(format!("docs/counters/{name}"), text)).collect()
}

fn page_name(group: &str) -> String {
    format!("{}.md", group.to_lowercase())
}

const WRITTEN: &str = "<!-- Written from src/registry/*.toml by 'make generate'. Edit those. -->\n";

fn index() -> String {
    let mut out = String::from(WRITTEN);
    let _ = writeln!(
        out,
        "# Every counter of the Linux network stack\n\n{} figures that the kernel keeps in /proc/net, each with an OID, a \
         name and an explanation. The\nfacts come from the kernel's source, whose version stands with each. On the command \
         line:\n`netstat-agentx explain NAME`; `netstat-agentx explain` alone lists those that are not zero, the worrying \
         ones first.\n\n| group | counters | file | OID |\n| --- | --- | --- | --- |",
        all().len()
    );
    for (group, number, file) in groups() {
        let count = of_group(number).count();
        let _ =
            writeln!(out, "| [{group}]({}) | {count} | /proc/{file} | B.1.3.{number} |", page_name(group));
    }
    let _ = writeln!(
        out,
        "\nB is the base of LINUX-NETSTAT-MIB, 1.3.6.1.4.1.8072.9999.9999.2741 unless it was moved. A counter that the \
         running\nkernel does not have has no instance. Counters that no page knows can be polled by name:\n\
         `lnsCounterValue.\"TcpExt\".\"SomethingNew\"`, B.1.4.\n\nWhy packets are dropped: [the kernel's reasons](drops.md).\n\n## Those that mean trouble\n\n| counter | what it counts \
         |\n| --- | --- |"
    );
    for entry in all().iter().filter(|entry| entry.concern == Concern::Trouble && entry.retired.is_empty()) {
        let _ = writeln!(out, "| {} | {} |", link(entry, true), first_sentence(entry.counts));
    }
    out
}

fn page(group: &str, number: u32, file: &str) -> String {
    let mut out = String::from(WRITTEN);
    let _ = writeln!(out, "# {group}\n\nFrom /proc/{file}, at B.1.3.{number}. [All groups](README.md)\n");
    let _ = writeln!(out, "| N | counter | concern | what it counts |\n| --- | --- | --- | --- |");
    for entry in of_group(number) {
        let concern = if entry.retired.is_empty() { entry.concern.word() } else { "retired" };
        let counts = first_sentence(entry.counts);
        let _ = writeln!(out, "| {} | {} | {concern} | {counts} |", entry.number, link(entry, false));
    }
    for entry in of_group(number) {
        explanation(&mut out, entry);
    }
    out
}

/// A link to a counter, from its own page or from another.
fn link(entry: &Registered, elsewhere: bool) -> String {
    let page = if elsewhere { page_name(entry.group) } else { String::new() };
    let text = if elsewhere { format!("{}.{}", entry.group, entry.name) } else { entry.name.to_owned() };
    format!("[{text}]({page}#{})", entry.name.to_lowercase())
}

fn explanation(out: &mut String, entry: &Registered) {
    let _ = writeln!(out, "\n## {}\n\n{}\n", entry.name, entry.counts);
    if !entry.retired.is_empty() {
        let _ = writeln!(out, "**Retired:** {}\n", entry.retired);
    }
    let _ = writeln!(out, "**What it means:** {}\n\n**When:** {}\n", entry.means, entry.when);
    let mut facts = vec![format!("`{}`, B.1.3.{}.{}", entry.descriptor, entry.group_number, entry.number)];
    if !entry.symbol.is_empty() {
        facts.push(format!("symbol `{}`", entry.symbol));
    }
    if !entry.netstat.is_empty() {
        facts.push(format!("`netstat -s`: {}", entry.netstat));
    }
    if !entry.reference.is_empty() {
        facts.push(entry.reference.to_owned());
    }
    if !entry.since.is_empty() {
        facts.push(format!("since Linux {}", entry.since));
    }
    let sources: Vec<_> = entry.source.iter().map(|source| format!("`{source}`")).collect();
    facts.push(format!("Linux {}: {}", entry.checked, sources.join(", ")));
    if !entry.related.is_empty() {
        let related = all().iter().filter(|other| entry.related.iter().any(|name| is(other, name)));
        let related: Vec<_> = related.map(|other| link(other, other.group != entry.group)).collect();
        facts.push(format!("see also {}", related.join(", ")));
    }
    for fact in facts {
        let _ = writeln!(out, "- {fact}");
    }
}

fn is(entry: &Registered, name: &str) -> bool {
    name.split_once('.') == Some((entry.group, entry.name))
}
