//! docs/conformance.md against the source, and what it says of agent capabilities against a real snmpd.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Agent, BASE, Snmpd, in_namespace, until};
use std::fs;
use std::time::Duration;

/// The tests that a row of a table names: a file and a test, each in backquotes.
fn named(row: &str) -> Vec<(String, String)> {
    let quoted: Vec<_> = row.split('`').skip(1).step_by(2).collect();
    assert!(quoted.len() % 2 == 0, "a file without a test: {row}");
    quoted.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect()
}

/// Whether a file has a test of this name.
fn has_test(source: &str, test: &str) -> bool {
    let Some((before, _)) = source.split_once(&format!("fn {test}(")) else { return false };
    // The attribute stands between the end of what is before and the name.
    before.rsplit_once("#[test]").is_some_and(|(_, between)| !between.contains('}'))
}

#[test]
fn every_test_in_the_document_exists_and_every_rule_has_one() {
    let root = env!("CARGO_MANIFEST_DIR");
    let document = fs::read_to_string(format!("{root}/docs/conformance.md")).unwrap();
    let (rules, _) = document.split_once("## Where we differ").unwrap();
    let rows =
        rules.lines().filter(|line| line.starts_with("| ") && line.contains(|c: char| c.is_ascii_digit()));
    let mut count = 0;
    for row in rows {
        let tests = named(row);
        assert!(!tests.is_empty(), "no test for: {row}");
        for (file, test) in tests {
            let source = fs::read_to_string(format!("{root}/{file}")).expect(&file);
            assert!(has_test(&source, &test), "{file} has no test {test}");
        }
        count += 1;
    }
    assert!(count > 45, "{count} rules");
    assert!(has_test("mod tests {\n#[test]\nfn a() {}", "a"));
    assert!(!has_test("#[test]\nfn a() {}\nfn b() {}", "b") && !has_test("#[test]\nfn ab() {}", "b"));
}

/// RFC 2741 section 7.1.6, and RFC 3418: of what is served, not of what could be.
#[test]
fn the_agent_capabilities_stand_in_sysortable_while_the_session_lives() {
    if !in_namespace("the_agent_capabilities_stand_in_sysortable_while_the_session_lives") {
        return;
    }
    let snmpd = Snmpd::start("");
    // Those of our rows, sysORID and sysORDescr.
    let rows = || {
        let walk = snmpd.walk(".1.3.6.1.2.1.1.9.1");
        let column = |number: u32, ours: &str| -> Vec<String> {
            let column = format!(".1.3.6.1.2.1.1.9.1.{number}.");
            let all =
                walk.iter().filter(|(name, value)| name.starts_with(&column) && value.starts_with(ours));
            all.map(|(_, value)| value.replace(ours, "")).collect()
        };
        (column(2, &format!("OID: {BASE}.")), column(3, "STRING: \"netstat-agentx "))
    };
    let version = env!("CARGO_PKG_VERSION");
    let standard = "icmp, tcp and udp of IP-MIB, TCP-MIB and UDP-MIB";
    for (configuration, id, claimed) in [
        ("", "3.1", format!("{standard}; LINUX-NETSTAT-MIB")),
        ("[mib]\nprivate = false", "3.2", format!("{standard}; not LINUX-NETSTAT-MIB")),
        ("[mib]\nmib-2 = false", "3.3", format!("LINUX-NETSTAT-MIB; not {standard}")),
    ] {
        assert_eq!(rows(), (vec![], vec![]), "{configuration}");
        let configuration = format!("[agentx]\naddress = \"{}\"\n{configuration}", snmpd.socket());
        let agent = Agent::start(snmpd.folder.path(), &configuration);
        until(Duration::from_secs(5), "it serves", || agent.log().contains(" subtrees"));
        assert_eq!(rows(), (vec![id.to_owned()], vec![format!("{version}: {claimed}\"")]), "{configuration}");
        agent.process.signal("-TERM");
        until(Duration::from_secs(3), "they are gone", || rows() == (vec![], vec![]));
    }
}
