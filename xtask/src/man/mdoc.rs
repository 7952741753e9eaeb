//! Text for mdoc(7), the language of the man pages.

use std::fmt::Write;

/// A line of text for mdoc(7), in which nothing is an escape or a macro.
pub fn text(out: &mut String, line: &str) {
    let line = line.replace('\\', "\\e");
    let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
    writeln!(out, "{guard}{line}").unwrap();
}

/// Paragraphs, one sentence per line as mdoc(7) wants it.
pub fn paragraphs(out: &mut String, all: &str) {
    for (position, paragraph) in all.split("\n\n").enumerate() {
        if position > 0 {
            out.push_str(".Pp\n");
        }
        let folded = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        for sentence in folded.replace(". ", ".\n").lines() {
            text(out, sentence);
        }
    }
}

/// A help text, which has no full stop, as a sentence.
pub fn sentence(out: &mut String, help: &str) {
    if help.is_empty() {
        return;
    }
    let (help, default) = match help.split_once(" [default: ") {
        Some((help, default)) => (help, Some(default.trim_end_matches(']'))),
        None => (help, None),
    };
    let stop = if help.ends_with(['.', ':']) { "" } else { "." };
    paragraphs(out, &format!("{help}{stop}"));
    if let Some(default) = default {
        paragraphs(out, &format!("Default: {default}."));
    }
}

/// Paragraphs in which indented lines stay as they are.
pub fn prose(out: &mut String, all: &str) {
    let lines: Vec<_> = all.lines().collect();
    for block in lines.chunk_by(|a, b| a.starts_with("  ") == b.starts_with("  ")) {
        if block[0].starts_with("  ") {
            out.push_str(".Bd -literal -offset indent\n");
            block.iter().for_each(|line| text(out, line.trim()));
            out.push_str(".Ed\n");
        } else if !block.concat().is_empty() {
            out.push_str(".Pp\n");
            paragraphs(out, block.join("\n").trim());
        }
    }
}
