//! Never late: counters, a state count and a walk at the same time on a host with very many sockets.

use crate::counting::many;
use crate::measure::Table;
use crate::walking::{Agents, BASE};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const SOCKETS: usize = 600_000;
const MINUTE: Duration = Duration::from_secs(60);

/// Requests one instance repeatedly; returns the times, sorted, in milliseconds.
fn poll(agents: &Agents, name: &str, pause: Duration, unanswered: &AtomicUsize) -> Vec<f64> {
    let (end, mut times) = (Instant::now() + MINUTE, Vec::new());
    while Instant::now() < end {
        let start = Instant::now();
        if agents.walk("snmpget", name) != 1 {
            unanswered.fetch_add(1, Ordering::Relaxed);
        }
        times.push(start.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(pause);
    }
    times.sort_by(f64::total_cmp);
    times
}

fn percentiles(times: &[f64]) -> String {
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    format!("{} asked: median {:.1} ms, p99 {:.1} ms, at most {:.1} ms", times.len(), at(50), at(99), at(100))
}

pub fn never_late(table: &mut Table) {
    let sockets = many(SOCKETS);
    let mut agents = Agents::snmpd();
    agents.add_ours();
    let unanswered = AtomicUsize::new(0);
    let (mut counter, mut state, mut floor, mut rows) = (Vec::new(), Vec::new(), Vec::new(), 0);
    std::thread::scope(|scope| {
        let poll = |name: String, pause| {
            let (agents, unanswered) = (&agents, &unanswered);
            scope.spawn(move || poll(agents, &name, Duration::from_millis(pause), unanswered))
        };
        let counters = poll(".1.3.6.1.2.1.6.5.0".into(), 50);
        let states = poll(format!("{BASE}.1.1.1.1.3.0.5"), 100);
        let own = poll(".1.3.6.1.2.1.1.3.0".into(), 100);
        let walk = scope.spawn(|| agents.walk("snmpbulkwalk", ".1.3.6.1.2.1.6.13.1.1"));
        rows = walk.join().unwrap();
        (counter, state, floor) = (counters.join().unwrap(), states.join().unwrap(), own.join().unwrap());
    });
    let label = format!("{SOCKETS} sockets, a minute of");
    table.note(
        &format!("{label} tcpActiveOpens.0 at the manager, snmpget itself included"),
        &percentiles(&counter),
    );
    table.note(&format!("{label} lnsTcpStateSockets.all.established"), &percentiles(&state));
    table.note(&format!("{label} sysUpTime.0, which snmpd answers itself"), &percentiles(&floor));
    table.note(&format!("{label} the same: walk of tcpConnState meanwhile"), &format!("{rows} rows"));
    table
        .note(&format!("{label} the same: requests without an answer"), &unanswered.into_inner().to_string());
    let sessions = agents.value(&format!("{BASE}.1.5.3.0"));
    table.note(&format!("{label} the same: AgentX sessions opened"), &sessions);
    drop(sockets);
}
