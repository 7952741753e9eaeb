//! The managers.

use crate::Soak;
use crate::common::{BASE, lines, subids};
use std::time::{Duration, Instant};

const TABLES: [&str; 10] = [
    ".1.3.6.1.2.1.5",
    ".1.3.6.1.2.1.6.13.1.1",
    ".1.3.6.1.2.1.6.19.1.7",
    ".1.3.6.1.2.1.6.20",
    ".1.3.6.1.2.1.7.7",
    ".1.3.6.1.4.1.8072.9999.9999.2741.1.1",
    ".1.3.6.1.4.1.8072.9999.9999.2741.1.2",
    ".1.3.6.1.4.1.8072.9999.9999.2741.1.3",
    ".1.3.6.1.4.1.8072.9999.9999.2741.1.4",
    ".1.3.6.1.4.1.8072.9999.9999.2741.1.5",
];

/// Checks that every line is a value and that the names rise.
fn well_formed(text: &str, least: usize) -> Result<usize, String> {
    let first = |text: &str| text.lines().take(3).collect::<Vec<_>>().join(" / ");
    for trouble in ["Timeout", "Error", "genErr", "No Such", "not increasing"] {
        if let Some(line) = text.lines().find(|line| line.contains(trouble)) {
            return Err(line.to_owned());
        }
    }
    let walk = lines(text);
    if walk.len() < least {
        return Err(format!("{} instances, not {least}: {}", walk.len(), first(text)));
    }
    for pair in walk.windows(2) {
        if subids(&pair[0].0) >= subids(&pair[1].0) {
            return Err(format!("{} before {}", pair[0].0, pair[1].0));
        }
    }
    Ok(walk.len())
}

fn walk(soak: &Soak, tool: &str, table: &str, what: &str) {
    let begun = Instant::now();
    let text = soak.ask(tool, "public", "3", &[table]);
    // Listeners and UDP sockets are few, but snmpd's own are always among them.
    let outcome = well_formed(&text, 1);
    if let Ok(instances) = outcome {
        soak.count("instances walked", instances as u64);
    }
    soak.judge(what, begun, outcome.map(drop).map_err(|error| format!("{table}: {error}")));
}

pub fn walks(soak: &Soak) {
    // Walking a table of 20,000 rows one by one takes long, so only the short tables are walked.
    let short = [TABLES[0], TABLES[3], TABLES[5], TABLES[6], TABLES[9]];
    for table in short.iter().cycle() {
        if soak.is_over() {
            return;
        }
        walk(soak, "snmpwalk", table, "walks");
        soak.pause(Duration::from_millis(500));
    }
}

pub fn bulk_walks(soak: &Soak) {
    for table in TABLES.iter().cycle() {
        if soak.is_over() {
            return;
        }
        walk(soak, "snmpbulkwalk", table, "bulk walks");
        soak.pause(Duration::from_secs(1));
    }
}

/// Scalars, a missing instance and a missing object, in one request.
pub fn gets(soak: &Soak) {
    let version = format!("{BASE}.1.5.1.0");
    let drops = format!("{BASE}.1.3.6.24.0");
    let names = [
        ".1.3.6.1.2.1.6.5.0",
        ".1.3.6.1.2.1.6.17.0",
        ".1.3.6.1.2.1.6.5.7",
        ".1.3.6.1.2.1.6.99.0",
        &version,
        &drops,
    ];
    let expected =
        ["Counter32: ", "Counter64: ", "No Such Instance", "No Such Object", "STRING: ", "Counter64: "];
    let mut opens = 0;
    while !soak.is_over() {
        let begun = Instant::now();
        let text = soak.ask("snmpget", "public", "3", &names);
        let got = lines(&text);
        let as_expected = got.len() == names.len()
            && got
                .iter()
                .zip(names.iter().zip(expected))
                .all(|((name, value), (asked, kind))| name == asked && value.starts_with(kind));
        let now: u64 =
            got.first().and_then(|(_, value)| value.strip_prefix("Counter32: ")?.parse().ok()).unwrap_or(0);
        let outcome = if !as_expected {
            Err(text)
        } else if now < opens {
            Err(format!("tcpActiveOpens fell from {opens} to {now}"))
        } else {
            opens = now;
            Ok(())
        };
        soak.judge("gets", begun, outcome);
        soak.pause(Duration::from_millis(100));
    }
}

pub fn sets_and_guesses(soak: &Soak) {
    while !soak.is_over() {
        let begun = Instant::now();
        let text = soak.ask("snmpset", "private", "3", &[".1.3.6.1.2.1.6.4.0", "i", "5"]);
        let outcome = if text.contains("notWritable") { Ok(()) } else { Err(text) };
        soak.judge("sets, refused", begun, outcome);
        let begun = Instant::now();
        let text = soak.ask("snmpget", "wrong", "0.2", &[".1.3.6.1.2.1.6.5.0"]);
        let outcome = if text.contains("Timeout") { Ok(()) } else { Err(text) };
        soak.judge("wrong communities, not answered", begun, outcome);
        soak.pause(Duration::from_secs(1));
    }
}
