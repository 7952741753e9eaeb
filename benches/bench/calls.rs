//! The system calls of the connection for each request of a walk, as strace counts them.

use crate::counting::many;
use crate::measure::{Guard, Table};
use crate::walking::{Agents, BASE};
use std::process::{Command, Stdio};
use std::time::Duration;

const SOCKETS: usize = 2_000;
const STATE: &str = ".1.3.6.1.2.1.6.19.1.7";

/// Traces a walk. strace makes each call slower, so that more attempts find nothing than without it; what was received
/// and sent is the same.
pub fn of_a_walk(table: &mut Table) {
    let sockets = many(SOCKETS);
    let mut agents = Agents::snmpd();
    agents.add_ours();
    agents.walk("snmpbulkwalk", STATE);
    let requests =
        || agents.value(&format!("{BASE}.1.5.4.0")).split(": ").nth(1).unwrap().parse::<u64>().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let summary = folder.path().join("summary");
    let strace = Command::new("strace")
        .args(["-f", "-c", "-U", "name,calls,errors", "-o"])
        .arg(&summary)
        .args(["-p", &agents.pid().to_string()])
        .stderr(Stdio::null())
        .spawn()
        .expect("strace");
    let mut strace = Guard(strace);
    std::thread::sleep(Duration::from_millis(500));
    let before = requests();
    let rows = agents.walk("snmpbulkwalk", STATE);
    let asked = requests() - before;
    Command::new("kill").args(["-INT", &strace.0.id().to_string()]).status().unwrap();
    strace.0.wait().unwrap();
    let text = std::fs::read_to_string(&summary).unwrap();
    let calls = |name: &str| {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(name));
        let figure = |position| line.and_then(|line| line.split_whitespace().nth(position));
        let figures =
            [figure(1), figure(2)].map(|figure| figure.map_or(0, |figure| figure.parse::<u64>().unwrap()));
        (figures[0] - figures[1], figures[1])
    };
    table.note("a walk under strace", &format!("{rows} instances, {asked} requests"));
    // Two more requests ask how many there were.
    for name in ["recvfrom", "read", "sendto", "write", "epoll_wait"] {
        let (done, nothing) = calls(name);
        table.note(name, &format!("{done} calls, and {nothing} that found nothing"));
    }
    drop(sockets);
}
