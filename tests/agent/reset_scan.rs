//! A scan of more ports than lnsResetTable has rows. Alone in its file: the events are those of the whole machine, and
//! other tests' rows would make way too.
#![allow(clippy::print_stdout)]

use crate::common::{Agent, BASE, Snmpd, in_namespaces, this_test, until};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

/// Outside the ephemeral range, so that each is a port of its own, sent and received.
const PORTS: std::ops::Range<u16> = 1024..9024;

#[test]
fn a_scan_of_all_ports_stays_small_and_nothing_is_forgotten() {
    let test = this_test!();
    if !in_namespaces(test, &["--net", "--mount"]) {
        return;
    }
    // It may be there already, or not to be had.
    let _ = Command::new("mount").args(["-t", "tracefs", "tracefs", "/sys/kernel/tracing"]).output().unwrap();
    let snmpd = Snmpd::start("");
    let agent = Agent::at(&snmpd, "[resets]\nenabled = true\n[refresh]\ncounters-max-age = \"1s\"\n");
    let number = |name: &str| -> Option<u64> {
        snmpd.get(&[&format!("{BASE}.1.6.{name}")]).rsplit_once(": ")?.1.trim().parse().ok()
    };
    if number("2.0") != Some(1) {
        println!("note: {test}: resets cannot be traced on this machine, so that nothing was tested");
        return;
    }
    let counts = || -> Vec<u64> {
        let rows = snmpd.bulkwalk(&format!("{BASE}.1.6.1.1.5"));
        rows.iter().filter_map(|(_, value)| value.strip_prefix("Counter64: ")?.parse().ok()).collect()
    };
    let since = || snmpd.get(&[&format!("{BASE}.1.6.4.0")]);
    let before = since();
    let resident = agent.status("VmRSS");
    for port in PORTS {
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    }
    // In a row, or lost and counted: by the kernel, or with the row that made way.
    let all = u64::from(PORTS.end - PORTS.start) * 2;
    until(Duration::from_secs(20), "all resets are in the table or among the lost", || {
        counts().iter().sum::<u64>() + number("3.0").unwrap() >= all
    });
    // Rows come and go while they are walked if others reset meanwhile; a reading has no more.
    until(Duration::from_secs(10), "a walk of one reading", || counts().len() == 4096);
    assert!(number("3.0").unwrap() >= all - 4096);
    assert!(agent.log().contains("made way for others"), "{}", agent.log());
    // Rows that made way come again, and readers are told. Many, since any one of them may have been lost by the kernel and
    // have had no row: the first ones above all, before the buffers are emptied more often. Readers may have been told
    // already, where another network namespace of the host was scanned at the time.
    for port in (PORTS.start..PORTS.start + 5000).step_by(50) {
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    }
    until(Duration::from_secs(20), "another lnsResetSince", || since() != before);
    let now = agent.status("VmRSS");
    assert!(now < resident + 4096, "VmRSS {resident} kB, {now} kB after {all} resets");
}
