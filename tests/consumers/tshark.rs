//! Wireshark's AgentX dissector reads what passes between a real snmpd and us, and finds nothing malformed. Heavy: run by
//! `make test-consumers`, which installs tshark.

use crate::common::{Agent, BASE, Guard, Snmpd, in_namespace, this_test, until};
use crate::model::wire;
use netstat_agentx::agentx::session::{Action, Event, Session};
use netstat_agentx::agentx::settings::Settings;
use netstat_agentx::agentx::wire::{HEADER, Header};
use netstat_agentx::smi::value::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const THRESHOLD: &str = r#"
[refresh]
sockets-max-age = "100ms"
[[threshold]]
name = "established"
object = "lnsTcpStateSockets.ipv4.established"
warning = "0:5"
interval = "1s"
"#;

/// What tshark prints of a capture.
fn tshark(capture: &Path, port: u16, arguments: &[&str]) -> String {
    let output = Command::new("tshark")
        .arg("-r")
        .arg(capture)
        .args(["-d", &format!("tcp.port=={port},agentx")])
        .args(arguments)
        .output()
        .expect("tshark (package tshark)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What the dissector makes of PDUs, each in a packet of its own.
#[derive(Debug)]
struct Dissected {
    /// h.type of every PDU, in order.
    types: Vec<u8>,
    /// v.type of every variable binding, in order.
    tags: Vec<u16>,
    /// Malformed packets, bugs of the dissector, and what the experts call an error or a warning.
    wrong: Vec<String>,
}

impl Dissected {
    fn of(folder: &Path, pdus: &[Vec<u8>]) -> Self {
        let capture = capture_of(folder, pdus);
        let numbers = |name: &str| -> Vec<u16> {
            let text = tshark(&capture, 705, &["-Y", "agentx", "-T", "fields", "-e", name]);
            let numbers = text.split([',', '\n']).filter(|number| !number.is_empty());
            numbers.map(|number| number.parse().unwrap()).collect()
        };
        let types = numbers("agentx.type").into_iter().map(|number| number.try_into().unwrap()).collect();
        // Severities, from epan/proto.h: warning and error.
        let wrong = "_ws.malformed || _ws.short || _ws.expert.severity >= 0x600000";
        let mut wrong: Vec<String> =
            tshark(&capture, 705, &["-Y", wrong]).lines().map(str::to_owned).collect();
        let details = tshark(&capture, 705, &["-V"]);
        let bugs =
            details.lines().filter(|line| line.contains("Dissector bug") || line.contains("Malformed"));
        wrong.extend(bugs.map(str::to_owned));
        Self { types, tags: numbers("agentx.v.tag"), wrong }
    }
}

/// A capture with these PDUs in it, each in a packet of its own.
fn capture_of(folder: &Path, pdus: &[Vec<u8>]) -> PathBuf {
    let mut dump = String::new();
    for pdu in pdus {
        for (at, bytes) in pdu.chunks(16).enumerate() {
            let hex: String = bytes.iter().map(|byte| format!(" {byte:02x}")).collect();
            writeln!(dump, "{:06x}{hex}", at * 16).unwrap();
        }
    }
    let (hex, capture) = (folder.join("pdus.txt"), folder.join("pdus.pcap"));
    fs::write(&hex, dump).unwrap();
    let made = Command::new("text2pcap").args(["-q", "-T", "40000,705"]).arg(&hex).arg(&capture).output();
    assert!(made.expect("text2pcap (package wireshark-common)").status.success());
    capture
}

/// The PDUs of a stream.
fn split(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut pdus = Vec::new();
    while !stream.is_empty() {
        let header = Header::decode(stream).unwrap().expect("a whole header");
        let (pdu, after) = stream.split_at(HEADER + header.payload_length);
        pdus.push(pdu.to_vec());
        stream = after;
    }
    pdus
}

/// The PDUs as the dissector can read them. Up to Wireshark 4.0 at least it says of every variable binding but the first
/// of a Notify or TestSet that it is malformed, snmpd's own among them: it takes the length of the whole PDU for that
/// of the binding (dissect_varbind in packet-agentx.c). So each binding is shown to it in a Notify of its own, and the
/// PDUs without their bindings. Also gives how many bindings it will look at.
fn dissectable(pdus: &[Vec<u8>]) -> (Vec<Vec<u8>>, usize) {
    let (mut shown, mut count) = (Vec::new(), 0);
    for pdu in pdus {
        let (kind, big) = (pdu[1], pdu[2] & 0x10 != 0);
        let fixed = match kind {
            8 | 12 => 0,
            18 => 8,
            _ => {
                shown.push(pdu.clone());
                continue;
            }
        };
        let ids = [4, 8, 12].map(|at| {
            let bytes = pdu[at..at + 4].try_into().unwrap();
            if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        });
        let (head, list) = pdu[HEADER..].split_at(fixed);
        shown.push(wire::pdu(kind, pdu[2], ids, head));
        let bindings = wire::varbinds(big, list);
        // It also steps over what ends within the first 20 octets: a name alone.
        count += bindings.iter().filter(|binding| binding.len() > 20).count();
        shown.extend(bindings.iter().map(|binding| wire::pdu(12, pdu[2], ids, binding)));
    }
    (shown, count)
}

/// Captures a port on loopback until it is stopped.
struct Capture(Guard);

impl Capture {
    fn start(file: &Path, port: u16) -> Self {
        let log = file.with_extension("log");
        let process = Command::new("tshark")
            .args(["-i", "lo", "-q", "-f", &format!("tcp port {port}"), "-w"])
            .arg(file)
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .expect("tshark (package tshark)");
        until(Duration::from_secs(20), "tshark captures", || {
            fs::read_to_string(&log).unwrap().contains("Capturing on") && file.exists()
        });
        Self(Guard(process))
    }

    fn stop(mut self) {
        self.0.signal("-INT");
        self.0.wait(Duration::from_secs(10));
    }
}

#[test]
#[ignore = "needs tshark: make test-consumers"]
fn a_session_with_snmpd_has_nothing_malformed() {
    if !in_namespace(this_test!()) {
        return;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("tcp:127.0.0.1:{port}");
    let snmpd = Snmpd::start(&format!("agentXSocket {address}"));
    let file = snmpd.folder.path().join("session.pcapng");
    let capture = Capture::start(&file, port);
    let configuration = format!("[agentx]\naddress = \"{address}\"\n{THRESHOLD}");
    let mut agent = Agent::start(snmpd.folder.path(), &configuration);
    snmpd.await_agent(Duration::from_secs(5));

    // Rows of every kind, of both families, each with its values and types.
    let listeners = ["127.0.0.1:0", "[::1]:0"].map(|address| TcpListener::bind(address).unwrap());
    let _udp = ["127.0.0.1:0", "[::1]:0"].map(|address| std::net::UdpSocket::bind(address).unwrap());
    let instances =
        [".1.3.6.1.2.1.5", ".1.3.6.1.2.1.6", ".1.3.6.1.2.1.7", BASE].map(|root| snmpd.walk(root).len());
    assert!(instances.iter().sum::<usize>() > 900, "{instances:?}");
    assert!(
        snmpd
            .get(&[".1.3.6.1.2.1.6.5.0", ".1.3.6.1.2.1.6.5.1", ".1.3.6.1.2.1.6.16.99.0"])
            .contains("Counter32")
    );
    assert!(snmpd.set(&[".1.3.6.1.2.1.6.4.0", "i", "1"]).contains("notWritable"));
    let text = format!("{BASE}.1.5.1.0");
    assert!(snmpd.set(&[&text, "s", "text", ".1.3.6.1.2.1.6.5.0", "i", "1"]).contains("notWritable"));
    let at = listeners[0].local_addr().unwrap();
    until(Duration::from_secs(5), "the threshold was well once", || {
        snmpd.walk(&format!("{BASE}.1.7.1.1.4")).iter().any(|(_, value)| value == "INTEGER: 1")
    });
    let _streams: Vec<_> =
        (0..5).map(|_| (TcpStream::connect(at).unwrap(), listeners[0].accept().unwrap())).collect();
    until(Duration::from_secs(10), "the threshold is notified", || agent.log().contains("threshold changed"));
    std::thread::sleep(Duration::from_millis(200));
    agent.process.signal("-TERM");
    assert!(agent.process.wait(Duration::from_secs(3)).success());
    // The capture hands on what it has with a delay.
    std::thread::sleep(Duration::from_secs(2));
    capture.stop();

    // Both directions, each in its order.
    let packets =
        tshark(&file, port, &["-Y", "tcp.len > 0", "-T", "fields", "-e", "tcp.dstport", "-e", "tcp.payload"]);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for (to, payload) in packets.lines().map(|line| line.split_once('\t').unwrap()) {
        let octets = payload.as_bytes().chunks(2).map(|hex| std::str::from_utf8(hex).unwrap());
        let stream = if to == port.to_string() { &mut ours } else { &mut theirs };
        stream.extend(octets.map(|hex| u8::from_str_radix(hex, 16).unwrap()));
    }
    let (ours, theirs) = (split(&ours), split(&theirs));
    let kinds = |pdus: &[Vec<u8>]| pdus.iter().map(|pdu| pdu[1]).collect::<BTreeSet<_>>();
    // Open, Close, Register, Notify, AddAgentCaps, Response; Get, GetNext, TestSet, CleanupSet, Response.
    assert_eq!(kinds(&ours), BTreeSet::from([1, 2, 3, 12, 16, 18]));
    assert_eq!(kinds(&theirs), BTreeSet::from([5, 6, 8, 11, 18]));
    // notWritable is the only error there was.
    let responses: Vec<_> = ours.iter().filter(|pdu| pdu[1] == 18).map(|pdu| wire::response(pdu)).collect();
    assert!(responses.len() > 900, "{} responses", responses.len());
    let errors: Vec<_> = responses.iter().filter(|response| response.error != 0).collect();
    assert_eq!(
        errors.iter().map(|response| (response.error, response.index)).collect::<Vec<_>>(),
        [(17, 1); 2]
    );

    let (shown, bindings) = dissectable(&[ours, theirs].concat());
    let dissected = Dissected::of(snmpd.folder.path(), &shown);
    assert!(dissected.wrong.is_empty(), "{:#?}", dissected.wrong);
    assert_eq!((dissected.types.len(), dissected.tags.len()), (shown.len(), bindings));
    // Null is in what snmpd answers.
    let tags: BTreeSet<u16> = dissected.tags.into_iter().collect();
    assert_eq!(tags, BTreeSet::from([2, 4, 5, 6, 64, 65, 66, 67, 70, 128, 129, 130]));
}

/// The PDUs that a session of a minute does not show: a Ping, and everything that carries a context.
fn quiet_session(context: &str) -> Vec<Vec<u8>> {
    let base = BASE[1..].parse::<netstat_agentx::smi::oid::Oid>().unwrap();
    let settings = Settings {
        subtrees: vec!["1.3.6.1.2.1.6".parse().unwrap(), base.clone()],
        priority: 100,
        context: context.into(),
        id: base.clone(),
        description: "netstat-agentx".into(),
        capabilities: Some((base, "netstat-agentx".into())),
    };
    let now = Instant::now();
    let (mut session, mut actions) = Session::open(settings, now);
    let mut sent = Vec::new();
    let trap = [("1.3.6.1.6.3.1.1.4.1.0".parse().unwrap(), Value::text("odd"))];
    // To Open, AddAgentCaps, two Registers and the Notify.
    for packet_id in 1..=5_u8 {
        if packet_id == 5 {
            actions.extend(session.handle(Event::Notify(0, &trap), now));
        }
        let response = [1, 18, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, packet_id, 0, 0, 0, 8, 0, 0, 0];
        let header = Header::decode(&response).unwrap().unwrap();
        actions.extend(session.handle(Event::Received(header, &[0; 8]), now));
    }
    actions.extend(session.handle(Event::Timer, session.deadline()));
    actions.extend(session.handle(Event::Shutdown, now));
    for action in actions {
        if let Action::Send(bytes) = action {
            sent.extend(split(&bytes));
        }
    }
    sent
}

#[test]
#[ignore = "needs tshark: make test-consumers"]
fn pings_and_contexts_are_not_malformed_and_what_is_would_be_found() {
    let folder = tempfile::tempdir().unwrap();
    for context in ["", "blue", "green1"] {
        let pdus = quiet_session(context);
        // The Notify aside, whose bindings are in the other test.
        let kinds: Vec<u8> = pdus.iter().map(|pdu| pdu[1]).collect();
        assert_eq!(kinds, [1, 16, 3, 3, 12, 13, 2]);
        let rest: Vec<_> = pdus.into_iter().filter(|pdu| pdu[1] != 12).collect();
        let dissected = Dissected::of(folder.path(), &rest);
        assert!(dissected.wrong.is_empty(), "{context}: {:#?}", dissected.wrong);
        assert_eq!(dissected.types, [1, 16, 3, 3, 13, 2]);
    }
    // A subtree that says it has more sub-identifiers than there are, and a variable binding that ends too soon.
    let mut register = quiet_session("").swap_remove(2);
    register[24] += 9;
    // Counter64, 1.3.6.1.2.1.6.17.0.
    let mut binding = vec![0, 70, 0, 0, 4, 2, 0, 0];
    binding.extend([1_u32, 6, 17, 0].iter().flat_map(|subid| subid.to_be_bytes()));
    binding.extend(5_u64.to_be_bytes());
    let mut notify = wire::pdu(12, 0x10, [1, 2, 3], &binding);
    assert!(Dissected::of(folder.path(), &[notify.clone()]).wrong.is_empty());
    notify.truncate(notify.len() - 4);
    notify[19] -= 4;
    for malformed in [register, notify] {
        assert!(!Dissected::of(folder.path(), &[malformed]).wrong.is_empty());
    }
}
