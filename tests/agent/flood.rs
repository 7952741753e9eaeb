//! Floods of requests through a real snmpd. Whatever a manager asks for, and however often, snmpd itself goes on answering, the
//! session is kept, and memory stays small.
#![allow(clippy::cast_possible_truncation)]

use crate::common::probe::{Answer, GETNEXT, Probe, outcome, request};
use crate::common::{Agent, BASE, Guard, Snmpd, copy, in_namespace, subids, this_test, tree, until};
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long snmpd may take for what it has of its own: a second, for which managers wait. A debug build takes ten times as
/// long and more for the same flood: 1.6 s at most, with the tests of `cargo test` beside each other on a busy machine. Three
/// times that is late, and still not the two minutes for which snmpd was frozen.
const FROZEN: Duration = Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 });

/// What the subagent may take, in kB.
const MEMORY: u64 = 16 * 1024;

/// Connections over loopback, which are two sockets each, held by processes of their own: one may have 20,000 descriptors.
fn connections(number: usize) -> Vec<Guard> {
    const EACH: usize = 9_000;
    let start = |at: usize| {
        let mut holder = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "flood::holder", "--nocapture", "--include-ignored"])
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

/// What came back of a flood; the rest snmpd had no room for.
#[derive(Debug, Clone, Copy, Default)]
struct Replies {
    values: u64,
    /// tooBig
    refused: u64,
    /// Nothing else should come.
    others: u64,
}

impl Flood {
    /// GetNext at rows of tcpConnectionState, until nothing has come back for a while.
    fn send(self, port: u16) -> Replies {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        let column = subids(".1.3.6.1.2.1.6.19.1.7.1.4.127.0.0.1");
        let row = |binding| [&column[..], &[30_000 + binding * 37, 1, 4, 127, 0, 0, 1, 0]].concat();
        let names: Vec<_> = (0..self.bindings).map(row).collect();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let replies = scope.spawn(|| count_replies(&socket, &over));
            for packet in 0..self.packets {
                socket.send(&request(GETNEXT, packet, &names)).unwrap();
                std::thread::sleep(self.pause);
            }
            over.store(true, Ordering::Relaxed);
            replies.join().unwrap()
        })
    }
}

/// What comes back, until nothing more was sent and nothing has come for longer than anything may wait.
fn count_replies(socket: &UdpSocket, over: &AtomicBool) -> Replies {
    let (mut replies, mut datagram, mut last) = (Replies::default(), vec![0; 65_536], Instant::now());
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    while !over.load(Ordering::Relaxed) || last.elapsed() < Duration::from_secs(3) {
        let Ok(length) = socket.recv(&mut datagram) else { continue };
        last = Instant::now();
        match outcome(&datagram[..length]) {
            Some((0, tag)) if !(0x80..=0x82).contains(&tag) => replies.values += 1,
            Some((1, _)) => replies.refused += 1,
            _ => replies.others += 1,
        }
    }
    replies
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

/// What the subagent has counted of itself.
#[derive(Debug, Clone, Copy)]
struct Statistics {
    sessions: u64,
    requests: u64,
    varbinds: u64,
    errors: u64,
}

impl Statistics {
    fn of(snmpd: &Snmpd) -> Self {
        let names = [3, 4, 5, 6].map(|object| format!("{BASE}.1.5.{object}.0"));
        let mut counts = Vec::new();
        until(Duration::from_secs(10), "lnsAgent", || {
            let text = snmpd.get(&names.each_ref().map(String::as_str));
            counts = text.lines().filter_map(|line| line.rsplit_once(": ")?.1.trim().parse().ok()).collect();
            counts.len() == 4
        });
        Self { sessions: counts[0], requests: counts[1], varbinds: counts[2], errors: counts[3] }
    }

    /// That since `before` as much was done as came back, and in the same session.
    fn agrees(self, before: Self, replies: Replies, bindings: u32) {
        let Replies { values, refused, others } = replies;
        assert!(values > 0, "nothing was answered: {replies:?}");
        assert_eq!(others, 0, "{replies:?}");
        let grown =
            [self.requests - before.requests, self.varbinds - before.varbinds, self.errors - before.errors];
        assert!(
            grown[0] >= values + refused && grown[1] >= values * u64::from(bindings),
            "{grown:?} {replies:?}"
        );
        assert!(grown[2] >= refused, "{grown:?} {replies:?}");
        assert_eq!(self.sessions, before.sessions, "the session was lost");
    }
}

/// One flood at one number of connections; what it took is printed. Gives how many were refused.
fn holds(snmpd: &Snmpd, agent: &Agent, connections: usize, flood: Flood) -> u64 {
    let before = Statistics::of(snmpd);
    let (worst, replies) = worst_meanwhile(snmpd, || {
        let replies = flood.send(snmpd.port);
        calm(snmpd);
        replies
    });
    let highest = agent.status("VmHWM");
    let Flood { packets, bindings, pause } = flood;
    println!(
        "{connections} connections, {packets} packets of {bindings} bindings, {pause:?} apart: {worst:?}, {highest} kB, {replies:?}"
    );
    let told = agent.log();
    assert!(worst < FROZEN, "{connections} connections, {flood:?}: sysUpTime.0 after {worst:?}\n{told}");
    assert!(highest < MEMORY, "{connections} connections, {flood:?}: {highest} kB");
    Statistics::of(snmpd).agrees(before, replies, bindings);
    replies.refused
}

/// Every combination of these. Gives how many requests were refused in all of them.
fn every(connections_there: &[usize], packets: &[u16], bindings: &[u32], pauses: &[u64]) -> u64 {
    let mut refused = 0;
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
                    refused += holds(&snmpd, &agent, number, Flood { packets, bindings, pause });
                }
            }
        }
    }
    refused
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

    /// Waits until each has been told, and for two looks of each more: none may come twice.
    fn all_come(&self) {
        let (mut told, mut datagram) = (HashMap::new(), [0; 2048]);
        let mut last = None;
        while last.is_none_or(|last: Instant| last.elapsed() < Duration::from_secs(2)) {
            let length = match self.sink.recv(&mut datagram) {
                Ok(length) => length,
                Err(_) if last.is_some() => continue,
                Err(error) => panic!("{} of {}: {error}", told.len(), self.number),
            };
            // The name stands in the instances: its length, then its octets.
            let name = datagram[..length].windows(6).find(|name| name.starts_with(&[5, b't']));
            // snmpd has news of its own: coldStart.
            let Some(name) = name else { continue };
            *told.entry(name.to_vec()).or_insert(0) += 1;
            if told.len() == self.number && last.is_none() {
                last = Some(Instant::now());
                self.sink.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            }
        }
        let twice = told.values().filter(|times| **times != 1).count();
        assert_eq!((told.len(), twice), (self.number, 0), "told, and more than once");
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
    let (before, with_thresholds) = (Statistics::of(&snmpd), agent.status("VmHWM"));
    let more = connections(300);
    let (worst, replies) = worst_meanwhile(&snmpd, || {
        std::thread::scope(|scope| {
            let flood = scope.spawn(|| flood.map(|flood| (flood.send(snmpd.port), flood.bindings)));
            alarms.all_come();
            flood.join().unwrap()
        })
    });
    calm(&snmpd);
    let highest = agent.status("VmHWM");
    println!(
        "2500 alarms over {transport}, {flood:?}: {worst:?}, {with_thresholds} to {highest} kB, {replies:?}"
    );
    assert!(worst < FROZEN, "sysUpTime.0 after {worst:?}");
    // The configuration of so many takes some too.
    assert!(highest < with_thresholds.max(MEMORY / 2) + MEMORY / 2, "{with_thresholds} to {highest} kB");
    let after = Statistics::of(&snmpd);
    assert_eq!(after.sessions, before.sessions, "{}", agent.log());
    if let Some((replies, bindings)) = replies {
        after.agrees(before, replies, bindings);
    }
    drop((held, more));
}

#[test]
fn alarms_by_the_thousand_freeze_nobody() {
    if in_namespace(this_test!()) {
        alarms_freeze_nobody("unix", None);
    }
}

#[test]
#[ignore = "takes a minute: make test-floods"]
fn alarms_in_a_flood_freeze_nobody_whatever_the_transport() {
    if in_namespace(this_test!()) {
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
    if in_namespace(this_test!()) {
        every(&[100, 5_000], &[60, 300], &[350], &[1]);
    }
}

/// More sockets than can be read while the flood comes: a few requests wait for them and are answered, and what finds no room
/// beside those is refused.
#[test]
fn what_cannot_wait_is_refused_and_freezes_nobody() {
    if !in_namespace(this_test!()) {
        return;
    }
    // A tenth of a second or so of CPU time.
    const SOCKETS: usize = if cfg!(debug_assertions) { 60_000 } else { 400_000 };
    let root = tempfile::tempdir().unwrap();
    copy(Path::new(&tree("6.18")), root.path());
    let row = |number| {
        let rest = "01 00000000:00000000 00:00000000 00000000 0 0 1 2 0 0";
        format!("{number}: 0100007F:8000 {number:06X}0A:0050 {rest}\n")
    };
    let rows: String = (0..SOCKETS).map(row).collect();
    std::fs::write(root.path().join("1/net/tcp"), format!("  sl  local_address rem_address   st\n{rows}"))
        .unwrap();
    let snmpd = Snmpd::start("");
    // Nobody has asked for the rows yet: the first of the flood begins their reading.
    let agent = Agent::at(&snmpd, &format!("[proc]\nroot = \"{}\"\n", root.path().display()));
    let before = Statistics::of(&snmpd);
    let flood = Flood { packets: 60, bindings: 350, pause: Duration::from_millis(1) };
    let (worst, replies) = worst_meanwhile(&snmpd, || flood.send(snmpd.port));
    println!("{flood:?} at {SOCKETS} sockets that are not read yet: {worst:?}, {replies:?}");
    assert!(worst < FROZEN, "sysUpTime.0 after {worst:?}");
    Statistics::of(&snmpd).agrees(before, replies, flood.bindings);
    assert!(replies.refused > 0, "{replies:?}");
    until(Duration::from_secs(2), "told", || agent.log().contains("some are refused"));
}

#[test]
#[ignore = "takes minutes: make test-floods"]
fn no_flood_of_any_size_freezes_anybody() {
    if in_namespace(this_test!()) {
        let refused = every(&[100, 5_000, 20_000], &[60, 300, 2_000], &[10, 350, 700], &[0, 1]);
        assert!(refused > 0, "no flood was too much");
    }
}
