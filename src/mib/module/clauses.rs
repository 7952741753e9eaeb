//! SMIv2 clauses as text, from which the modules and their parts are written.

use crate::mib::syntax::Syntax;
use crate::text::folded;
use std::fmt::Write;

const TEXT_WIDTH: usize = 76;

const CONTACT: &str = "Questions, faults and wishes about this module go to the issue tracker of the netstat-agentx \
    project, where its source is; SECURITY.md there says how to report a weakness in private. Who has it from a \
    distribution finds a maintainer in the description of the package netstat-agentx.";

/// The clauses of a MODULE-IDENTITY, with its revisions, newest first.
pub(in crate::mib) fn about(out: &mut String, description: &str, revisions: &[(&str, &str)]) {
    let updated = revisions.first().map_or("", |(date, _)| date);
    let _ = writeln!(out, "    LAST-UPDATED \"{updated}\"\n    ORGANIZATION \"The netstat-agentx project\"");
    clause(out, "CONTACT-INFO", CONTACT);
    clause(out, "DESCRIPTION", description);
    for (date, change) in revisions {
        let _ = writeln!(out, "    REVISION \"{date}\"");
        clause(out, "DESCRIPTION", change);
    }
}

/// A clause whose text is folded into lines.
pub(in crate::mib) fn clause(out: &mut String, name: &str, text: &str) {
    let _ = writeln!(out, "    {name}");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // The last line is longer by a quotation mark.
    let folded = folded(&text, TEXT_WIDTH - 1, "        \"", "        ");
    let _ = writeln!(out, "{folded}\"");
}

pub(super) fn labels(labels: &[(u32, &str)]) -> String {
    let labels: Vec<_> = labels.iter().map(|(number, label)| format!("{label}({number})")).collect();
    format!("INTEGER {{\n            {}\n        }}", labels.join(",\n            "))
}

/// A type as it appears in a SYNTAX clause.
pub(super) fn syntax(syntax: Syntax) -> String {
    match syntax {
        Syntax::Integer32 => "Integer32".into(),
        Syntax::Range(low, high) => format!("Integer32 ({low}..{high})"),
        Syntax::Enumeration(numbers) => labels(numbers),
        Syntax::Labels(convention) => convention.name.into(),
        Syntax::Counter32 => "Counter32".into(),
        Syntax::Counter64 => "Counter64".into(),
        Syntax::Gauge32 => "Gauge32".into(),
        Syntax::Unsigned32 => "Unsigned32".into(),
        Syntax::TimeTicks => "TimeTicks".into(),
        Syntax::IpAddress => "IpAddress".into(),
        Syntax::VariablePointer => "VariablePointer".into(),
        Syntax::Text(low, high) => format!("SnmpAdminString (SIZE ({low}..{high}))"),
        Syntax::DateAndTime => "DateAndTime".into(),
        Syntax::InetAddressType => "InetAddressType".into(),
        // Everything the index may hold: RFC 4001 asks for a limit that keeps names within 128 sub-identifiers.
        Syntax::InetAddress => "InetAddress (SIZE (4|16))".into(),
        Syntax::InetPortNumber => "InetPortNumber".into(),
    }
}

/// A type as it appears in a SEQUENCE: without ranges, sizes and labels.
pub(super) fn bare(of: Syntax) -> String {
    match of {
        Syntax::Enumeration(_) => "INTEGER".into(),
        _ => {
            let full = syntax(of);
            full.split(" (").next().unwrap_or_default().to_owned()
        }
    }
}
