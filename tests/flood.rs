//! Floods of requests through a real snmpd. Whatever a manager asks for, and however often, snmpd itself goes on answering, the
//! session is kept, and memory stays small.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::cast_possible_truncation)]

mod common;

#[path = "common/probe.rs"]
mod probe;

use common::{Agent, BASE, Guard, Snmpd, in_namespace, subids, until};
use probe::{Answer, GETNEXT, Probe, request};
use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long snmpd may take for what it has of its own. It takes less than a second; on a machine that is busy with other
/// things it may be late by itself, but not for as long as the 25 s and more for which it was frozen.
const FROZEN: Duration = Duration::from_secs(5);

/// What the subagent may take, in kB.
const MEMORY: u64 = 16 * 1024;

/// Connections over loopback, which are two sockets each, held by processes of their own: one may have 20,000 descriptors.
fn connections(number: usize) -> Vec<Guard> {
    const EACH: usize = 9_000;
    let start = |at: usize| {
        let mut holder = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "holder", "--nocapture", "--include-ignored"])
            .env("HOLD", EACH.min(number - at).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("held")), "the holder has ended");
        // What it prints later must find a reader.
        std::mem::forget(lines);
        Guard(holder)
    };
    (0..number).step_by(EACH).map(start).collect()
}

#[test]
#[ignore = "is a process that the other tests start"]
fn holder() {
    let Ok(number) = std::env::var("HOLD") else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = || TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let pairs = (0..number.parse().unwrap()).map(|_| (near(), listener.accept().unwrap().0));
    let _held: Vec<_> = pairs.collect();
    println!("held");
    std::thread::sleep(Duration::from_secs(600));
}

/// A flood: so many packets with so many variable bindings each.
#[derive(Debug, Clone, Copy)]
struct Flood {
    packets: u16,
    bindings: u32,
    pause: Duration,
}

impl Flood {
    /// GetNext at rows of tcpConnectionState.
    fn send(self, port: u16) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        let column = subids(".1.3.6.1.2.1.6.19.1.7.1.4.127.0.0.1");
        let row = |binding| [&column[..], &[30_000 + binding * 37, 1, 4, 127, 0, 0, 1, 0]].concat();
        let names: Vec<_> = (0..self.bindings).map(row).collect();
        for packet in 0..self.packets {
            socket.send(&request(GETNEXT, packet, &names)).unwrap();
            std::thread::sleep(self.pause);
        }
    }
}

/// Asks snmpd for what it has of its own while something goes on, and how long that took at most.
fn worst_meanwhile<T>(snmpd: &Snmpd, what: impl FnOnce() -> T) -> (Duration, T) {
    let probe = Probe::new(snmpd.port, ".1.3.6.1.2.1.1.3.0");
    /// Also where `what` fails.
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let worst = scope.spawn(|| {
            let mut worst = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                // A full queue of snmpd's loses a question: it is asked again, as managers do.
                while probe.ask(Duration::from_millis(100)) != Answer::Value {
                    assert!(asked.elapsed() < Duration::from_secs(150), "snmpd answers no more");
                }
                worst = worst.max(asked.elapsed());
                std::thread::sleep(Duration::from_millis(10));
            }
            worst
        });
        let result = {
            let _over = Over(&over);
            what()
        };
        (worst.join().unwrap(), result)
    })
}

/// Until snmpd has answered what it was sent, as far as it will.
fn calm(snmpd: &Snmpd) {
    let counter = Probe::new(snmpd.port, ".1.3.6.1.2.1.6.5.0");
    until(Duration::from_secs(150), "calm", || counter.ask(Duration::from_millis(500)) == Answer::Value);
}

fn sessions(snmpd: &Snmpd) -> u64 {
    let mut sessions = None;
    until(Duration::from_secs(10), "lnsAgentSessions", || {
        let text = snmpd.get(&[&format!("{BASE}.1.5.3.0")]);
        sessions = text.trim().rsplit_once(": ").and_then(|(_, number)| number.parse().ok());
        sessions.is_some()
    });
    sessions.unwrap()
}

/// One flood at one number of connections; what it took is printed.
fn holds(snmpd: &Snmpd, agent: &Agent, connections: usize, flood: Flood) {
    let before = sessions(snmpd);
    let (worst, ()) = worst_meanwhile(snmpd, || {
        flood.send(snmpd.port);
        calm(snmpd);
    });
    let highest = agent.status("VmHWM");
    let Flood { packets, bindings, pause } = flood;
    println!(
        "{connections} connections, {packets} packets of {bindings} bindings, {pause:?} apart: {worst:?}, {highest} kB"
    );
    let told = agent.log();
    assert!(worst < FROZEN, "{connections} connections, {flood:?}: sysUpTime.0 after {worst:?}\n{told}");
    assert!(highest < MEMORY, "{connections} connections, {flood:?}: {highest} kB");
    assert_eq!(sessions(snmpd), before, "{connections} connections, {flood:?}: the session was lost\n{told}");
}

fn every(connections_there: &[usize], packets: &[u16], bindings: &[u32], pauses: &[u64]) {
    // As on a wire: what is larger comes in fragments.
    assert!(Command::new("ip").args(["link", "set", "lo", "mtu", "1500"]).status().unwrap().success());
    for &number in connections_there {
        let _held = connections(number);
        let snmpd = Snmpd::start("");
        let agent = Agent::at(&snmpd, "");
        for &packets in packets {
            for &bindings in bindings {
                for &pause in pauses {
                    let pause = Duration::from_millis(pause);
                    holds(&snmpd, &agent, number, Flood { packets, bindings, pause });
                }
            }
        }
    }
}

/// So many thresholds that all alert above a number of connections, told to a sink that counts them.
struct Alarms {
    number: usize,
    sink: UdpSocket,
}

impl Alarms {
    fn new(number: usize) -> Self {
        let sink = UdpSocket::bind("127.0.0.1:0").unwrap();
        sink.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { number, sink }
    }

    fn snmpd(&self) -> String {
        format!("trap2sink {} public", self.sink.local_addr().unwrap())
    }

    fn thresholds(&self, most: usize) -> String {
        let threshold = |number| {
            format!(
                "[[threshold]]\nname = \"t{number:04}\"\nobject = \"lnsTcpStateSockets.ipv4.established\"\n\
                 critical = \"0:{most}\"\ninterval = \"1s\"\n"
            )
        };
        let all: String = (0..self.number).map(threshold).collect();
        format!("[refresh]\nsockets-max-age = \"500ms\"\n{all}")
    }

    /// Waits until each has been told, and says how many came twice.
    fn all_come(&self) -> usize {
        let (mut told, mut twice, mut datagram) = (HashSet::new(), 0, [0; 2048]);
        while told.len() < self.number {
            let came = self.sink.recv(&mut datagram);
            let length = came.unwrap_or_else(|error| panic!("{} of {}: {error}", told.len(), self.number));
            // The name stands in the instances: its length, then its octets.
            let name = datagram[..length].windows(6).find(|name| name.starts_with(&[5, b't']));
            // snmpd has news of its own: coldStart.
            let Some(name) = name else { continue };
            twice += usize::from(!told.insert(name.to_vec()));
        }
        twice
    }
}

/// 2,500 alarms at once froze snmpd for two minutes, with nobody asking for anything.
fn alarms_freeze_nobody(transport: &str, flood: Option<Flood>) {
    let alarms = Alarms::new(2_500);
    let mut snmpd = Snmpd::stopped(&[]);
    let address = match transport {
        "tcp" => format!(
            "tcp:127.0.0.1:{}",
            TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
        ),
        _ => snmpd.socket(),
    };
    // The last one counts.
    snmpd.configure(&format!(
        "rocommunity public 127.0.0.1\nmaster agentx\n{}\nagentXSocket {address}",
        alarms.snmpd()
    ));
    snmpd.restart();
    let held = connections(50);
    let configuration = format!("[agentx]\naddress = \"{address}\"\n{}", alarms.thresholds(500));
    let agent = Agent::start(snmpd.folder.path(), &configuration);
    snmpd.await_agent(Duration::from_secs(10));
    // All of them were well once: what follows is a change.
    std::thread::sleep(Duration::from_secs(2));
    let (before, with_thresholds) = (sessions(&snmpd), agent.status("VmHWM"));
    let more = connections(300);
    let (worst, twice) = worst_meanwhile(&snmpd, || {
        std::thread::scope(|scope| {
            scope.spawn(|| flood.into_iter().for_each(|flood| flood.send(snmpd.port)));
            alarms.all_come()
        })
    });
    calm(&snmpd);
    let highest = agent.status("VmHWM");
    println!(
        "2500 alarms over {transport}, {flood:?}: {worst:?}, {with_thresholds} to {highest} kB, {twice} twice"
    );
    assert!(worst < FROZEN, "sysUpTime.0 after {worst:?}");
    // The configuration of so many takes some too.
    assert!(highest < with_thresholds.max(MEMORY / 2) + MEMORY / 2, "{with_thresholds} to {highest} kB");
    assert_eq!((sessions(&snmpd), twice), (before, 0), "{}", agent.log());
    drop((held, more));
}

#[test]
fn alarms_by_the_thousand_freeze_nobody() {
    if in_namespace("alarms_by_the_thousand_freeze_nobody") {
        alarms_freeze_nobody("unix", None);
    }
}

#[test]
#[ignore = "takes a minute: make test-floods"]
fn alarms_in_a_flood_freeze_nobody_whatever_the_transport() {
    if in_namespace("alarms_in_a_flood_freeze_nobody_whatever_the_transport") {
        for transport in ["unix", "tcp"] {
            for pause in [0, 1] {
                let pause = Duration::from_millis(pause);
                alarms_freeze_nobody(transport, Some(Flood { packets: 2_000, bindings: 350, pause }));
            }
        }
    }
}

#[test]
fn a_manager_that_asks_for_much_freezes_nobody() {
    if in_namespace("a_manager_that_asks_for_much_freezes_nobody") {
        every(&[100, 5_000], &[60, 300], &[350], &[1]);
    }
}

#[test]
#[ignore = "takes minutes: make test-floods"]
fn no_flood_of_any_size_freezes_anybody() {
    if in_namespace("no_flood_of_any_size_freezes_anybody") {
        every(&[100, 5_000, 20_000], &[60, 300, 2_000], &[10, 350, 700], &[0, 1]);
    }
}
