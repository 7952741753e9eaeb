//! docs/counters/drops.md: the kernel's reasons to drop packets, written from the registry.

use crate::file::File;
use netstat_agentx::registry::drops::{DropReason, all};
use netstat_agentx::text::first_sentence;
use std::fmt::Write;

/// The page.
pub fn file() -> File {
    let mut out =
        String::from("<!-- Written from src/registry/drops/*.toml by 'make generate'. Edit those. -->\n");
    let _ = writeln!(
        out,
        "# Every reason for which the kernel drops packets\n\n{} reasons of Linux 5.17 to 7.2, as the trace event skb:kfree_skb \
         prints them: `perf trace -e skb:kfree_skb`,\ndropwatch, and bpftrace show them with the function that dropped. On the \
         command line: `netstat-agentx explain NAME`,\nor a line of the trace. [All counters](README.md)\n\n| reason | concern | \
         what was dropped |\n| --- | --- | --- |",
        all().len()
    );
    for reason in all() {
        let concern = if reason.retired.is_empty() { reason.concern.word() } else { "retired" };
        let anchor = reason.name.to_lowercase();
        let _ = writeln!(
            out,
            "| [{}](#{anchor}) | {concern} | {} |",
            reason.name,
            first_sentence(reason.dropped)
        );
    }
    all().iter().for_each(|reason| explanation(&mut out, reason));
    File::new("docs/counters/drops.md".to_owned(), out)
}

fn explanation(out: &mut String, reason: &DropReason) {
    let _ = writeln!(out, "\n## {}\n\n{}\n", reason.name, reason.dropped);
    if !reason.retired.is_empty() {
        let _ = writeln!(out, "**Retired:** {}\n", reason.retired);
    }
    let _ = writeln!(out, "**What it means:** {}\n\n**When:** {}\n", reason.means, reason.when);
    let _ = writeln!(out, "- Linux {}: `{}`", reason.checked, reason.source);
    if !reason.since.is_empty() {
        let _ = writeln!(out, "- since Linux {}", reason.since);
    }
    if !reason.related.is_empty() {
        let _ = writeln!(out, "- counted too: {}", reason.related.join(", "));
    }
}
