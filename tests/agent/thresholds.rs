//! Thresholds on the host: how they stand in the table, and a notification that arrives in a real snmptrapd.

use crate::common::{Agent, BASE, Guard, Snmpd, in_namespace, this_test, until};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

const CONFIGURATION: &str = r#"
[refresh]
sockets-max-age = "100ms"
counters-max-age = "100ms"
[[threshold]]
name = "established"
object = "lnsTcpStateSockets.ipv4.established"
warning = "0:5"
critical = "0:20"
interval = "1s"
[[threshold]]
name = "opens"
object = "tcpActiveOpens.0"
critical = "~:0"
per-second = true
interval = "1s"
[[threshold]]
name = "nobody-listens"
object = "lnsTcpPortSockets.1.listen"
critical = "1:"
interval = "1s"
"#;

/// A real snmptrapd that prints what it receives.
struct Traps {
    _process: Guard,
    printed: PathBuf,
    port: u16,
}

impl Traps {
    fn start(folder: &std::path::Path) -> Self {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (config, printed) = (folder.join("snmptrapd.conf"), folder.join("traps"));
        std::fs::write(&config, "authCommunity log public\n").unwrap();
        let process = Command::new("snmptrapd")
            .args(["-f", "-C", "-On", "-Lf"])
            .arg(&printed)
            .arg("-c")
            .arg(&config)
            .arg(format!("udp:127.0.0.1:{port}"))
            .env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap()))
            .env("SNMP_PERSISTENT_DIR", folder.join("snmptrapd"))
            .env("MIBS", "")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("snmptrapd");
        let traps = Self { _process: Guard(process), printed, port };
        until(Duration::from_secs(5), "snmptrapd is up", || traps.text().contains("NET-SNMP version"));
        traps
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.printed).unwrap_or_default()
    }

    /// Waits for a notification about a threshold, and gives it.
    fn await_status(&self, threshold: &str, status: u32) -> String {
        let [_, _, _, state] = columns(threshold);
        let stands = format!("{state} = INTEGER: {status}");
        let mut found = String::new();
        until(Duration::from_secs(10), &format!("{threshold} is notified with {status}"), || {
            let text = self.text();
            found = text.lines().find(|line| line.contains(&stands)).unwrap_or("").into();
            !found.is_empty()
        });
        found
    }
}

/// Connections over loopback, with both ends of each.
fn connections(number: usize) -> Vec<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connect = || TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (0..number).map(|_| (connect(), listener.accept().unwrap().0)).collect()
}

/// The name of lnsThresholdInstance of one threshold.
fn instance(threshold: &str) -> String {
    columns(threshold)[3].replace(".1.7.1.1.4.", ".1.7.1.1.6.")
}

/// The names of lnsThresholdName, Object, Value and Status of one threshold.
fn columns(threshold: &str) -> [String; 4] {
    let index: String = threshold.bytes().map(|byte| format!(".{byte}")).collect();
    [1, 2, 3, 4].map(|column| format!("{BASE}.1.7.1.1.{column}.{}{index}", threshold.len()))
}

#[test]
fn a_change_is_notified_and_stands_in_the_table() {
    if !in_namespace(this_test!()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let traps = Traps::start(folder.path());
    let snmpd = Snmpd::start(&format!("trap2sink 127.0.0.1:{} public", traps.port));
    let agent = Agent::at(&snmpd, CONFIGURATION);
    let status = |threshold: &str| {
        let text = snmpd.get(&[&columns(threshold)[3]]);
        text.rsplit_once("INTEGER: ").map(|(_, number)| number.trim().to_owned())
    };
    let stands = |threshold: &str, number: &str| {
        until(Duration::from_secs(5), &format!("{threshold} stands at {number}"), || {
            status(threshold).as_deref() == Some(number)
        });
    };
    stands("established", "1");
    stands("opens", "1");
    stands("nobody-listens", "4");
    // Being well from the start, and never having been there, are no changes.
    assert!(!traps.text().contains(&format!("{BASE}.0.1")), "{}", traps.text());

    let few = connections(3);
    let told = traps.await_status("established", 2);
    let [name, object, value, _] = columns("established");
    // The name is held by the instances alone (RFC 2578 section 7.7): it is not accessible.
    assert!(!told.contains(&name), "{told}");
    assert!(told.contains(".1.3.6.1.2.1.1.3.0 = Timeticks:"), "{told}");
    assert!(told.contains(&format!(".1.3.6.1.6.3.1.1.4.1.0 = OID: {BASE}.0.1")), "{told}");
    assert!(told.contains(&format!("{object} = OID: {BASE}.1.1.1.1.3.1.5")), "{told}");
    assert!(told.contains(&format!("{value} = STRING: \"6\"")), "{told}");
    // Three connections in a second or two is a rate above 0.
    traps.await_status("opens", 3);
    traps.await_status("opens", 1);
    let many = connections(20);
    traps.await_status("established", 3);
    // It may have been looked at while they were opened; the next look has all of them.
    let changes = format!("{BASE}.1.7.1.1.5.{}", name.split_once(".1.7.1.1.1.").unwrap().1);
    until(Duration::from_secs(5), "all connections are seen", || {
        let text = snmpd.get(&[&value, &changes]);
        text.contains("STRING: \"46\"") && text.contains("Counter64: 2")
    });
    drop((few, many));
    traps.await_status("established", 1);
    assert!(agent.log().contains("threshold changed threshold=established"), "{}", agent.log());
}

const COLUMNS: &str = r#"
[refresh]
sockets-max-age = "100ms"
[[threshold]]
name = "queue"
object = "lnsListenerAcceptQueue.ipv4.4.127.*"
critical = "2"
interval = "1s"
[[threshold]]
name = "drops"
object = "lnsUdpEndpointDropsOfOpenSockets.*"
critical = "0"
per-second = true
interval = "1s"
[[threshold]]
name = "share"
object = "lnsTcpStateSockets.all.established"
of = "lnsTcpStateSockets.ipv4.established"
critical = "99.5"
interval = "1s"
"#;

/// The worst instance is named in the notification and in the table, and there alone if another becomes worst.
#[test]
fn of_a_column_the_worst_instance_counts_and_is_named() {
    if !in_namespace(this_test!()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let traps = Traps::start(folder.path());
    let snmpd = Snmpd::start(&format!("trap2sink 127.0.0.1:{} public", traps.port));
    let agent = Agent::at(&snmpd, COLUMNS);
    // Status, instance and value, and the line of the object.
    let stands = |threshold: &str, expected: [&str; 3]| {
        let [_, object, value, status] = columns(threshold);
        let names = [status, instance(threshold), value, object];
        let mut last = String::new();
        until(Duration::from_secs(5), &format!("{threshold} stands at {expected:?}"), || {
            let text = snmpd.get(&names.each_ref().map(String::as_str));
            let lines: Vec<_> = text.lines().filter_map(|line| line.split_once(" = ")).collect();
            last = lines.last().map(|(_, value)| (*value).to_owned()).unwrap_or_default();
            lines.len() == 4 && lines.iter().zip(expected).all(|((_, value), expected)| *value == expected)
        });
        last
    };
    let changes = |threshold: &str| traps.text().matches(&columns(threshold)[3]).count();
    let waiting = |number: usize| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let streams: Vec<_> = (0..number).map(|_| TcpStream::connect(at).unwrap()).collect();
        (format!("\"{at}\""), (listener, streams))
    };
    // Nobody listens on loopback, which is nothing wrong; but of 0 nothing is a percentage.
    assert_eq!(stands("queue", ["INTEGER: 1", "\"\"", "\"\""]), "OID: .0.0");
    stands("share", ["INTEGER: 4", "STRING: \"all established\"", "\"\""]);
    assert!(!traps.text().contains(&format!("{BASE}.0.1")), "{}", traps.text());

    let (first, held) = waiting(3);
    let told = traps.await_status("queue", 3);
    assert!(told.contains(&format!("{} = STRING: {first}", instance("queue"))), "{told}");
    assert!(told.contains(&format!("{} = STRING: \"3\"", columns("queue")[2])), "{told}");
    assert!(
        told.contains(&format!("{} = OID: {BASE}.1.1.3.1.4.1.4.127.0.0.1.", columns("queue")[1])),
        "{told}"
    );
    let told = traps.await_status("share", 3);
    assert!(told.contains(&format!("{} = STRING: \"100.00\"", columns("share")[2])), "{told}");

    let (second, more) = waiting(5);
    stands("queue", ["INTEGER: 3", &format!("STRING: {second}"), "STRING: \"5\""]);
    drop(more);
    stands("queue", ["INTEGER: 3", &format!("STRING: {first}"), "STRING: \"3\""]);
    assert_eq!(changes("queue"), 1, "{}", traps.text());
    drop(held);
    let told = traps.await_status("queue", 1);
    assert!(told.contains(&format!("{} = \"\"", instance("queue"))), "{told}");
    assert_eq!(changes("queue"), 2, "{}", traps.text());

    // Which of all endpoints drops now.
    let [quiet, full] = [(), ()].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let at = full.local_addr().unwrap();
    until(Duration::from_secs(20), "the endpoint that drops is notified", || {
        for _ in 0..300 {
            quiet.send_to(&[0; 1000], at).unwrap();
        }
        traps.text().contains(&format!("{} = INTEGER: 3", columns("drops")[3]))
    });
    let told = traps.await_status("drops", 3);
    assert!(told.contains(&format!("{} = STRING: \"{at}\"", instance("drops"))), "{told}");
    assert!(agent.log().contains(&format!("instance={at}")), "{}", agent.log());
    traps.await_status("drops", 1);
}

#[test]
fn a_change_while_snmpd_is_away_is_notified_when_it_is_back() {
    if !in_namespace(this_test!()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let traps = Traps::start(folder.path());
    let mut snmpd = Snmpd::start(&format!("trap2sink 127.0.0.1:{} public", traps.port));
    let agent = Agent::at(&snmpd, CONFIGURATION);
    until(Duration::from_secs(5), "it was well once", || {
        snmpd.get(&[&columns("established")[3]]).contains("INTEGER: 1")
    });
    snmpd.kill();
    // It is looked at though nobody can be told of it.
    let changed = |status: &str, times: usize| {
        until(Duration::from_secs(5), &format!("it is {status}"), || {
            let change = format!("status=\"{status}\"");
            let log = agent.log();
            let told =
                log.lines().filter(|line| line.contains("threshold=established") && line.contains(&change));
            told.count() == times
        });
    };
    let held = connections(20);
    changed("critical", 1);
    drop(held);
    changed("ok", 1);
    let _held = connections(20);
    changed("critical", 2);
    assert!(!agent.log().contains("away_ms"), "the session is back already: {}", agent.log());
    snmpd.restart();
    traps.await_status("established", 3);
    // Once, however often it changed: as it stands.
    std::thread::sleep(Duration::from_secs(2));
    let text = traps.text();
    assert_eq!(text.matches(&columns("established")[3]).count(), 1, "{text}");
    let changes = columns("established")[3].replace(".1.7.1.1.4.", ".1.7.1.1.5.");
    let text = snmpd.get(&[&changes]);
    assert!(text.contains("Counter64: 3"), "{text}");
}

/// snmpd is busy with a program of its own when the notification is sent, and is killed before it has read it.
#[test]
fn a_notification_that_snmpd_never_read_is_sent_again() {
    if !in_namespace(this_test!()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let traps = Traps::start(folder.path());
    let trap2sink = format!("trap2sink 127.0.0.1:{} public\nextend slow /bin/sleep 20", traps.port);
    let mut snmpd = Snmpd::start(&trap2sink);
    let agent = Agent::at(&snmpd, CONFIGURATION);
    until(Duration::from_secs(5), "it was well once", || {
        snmpd.get(&[&columns("established")[3]]).contains("INTEGER: 1")
    });
    let port = snmpd.port;
    let busy = std::thread::spawn(move || {
        let mut asks = Command::new("snmpget");
        asks.args(["-v2c", "-c", "public", "-t", "1", "-r", "0", &format!("127.0.0.1:{port}")]);
        // nsExtendOutput1Line."slow"
        asks.arg(".1.3.6.1.4.1.8072.1.3.2.3.1.1.4.115.108.111.119").output().unwrap();
    });
    std::thread::sleep(Duration::from_millis(300));
    let _streams = connections(20);
    until(Duration::from_secs(5), "it is critical", || agent.log().contains("status=\"critical\""));
    busy.join().unwrap();
    // The PDU is in the buffer of a snmpd that does not read it any more.
    std::thread::sleep(Duration::from_millis(200));
    snmpd.kill();
    assert!(!traps.text().contains(&format!("{BASE}.0.1")), "{}", traps.text());
    snmpd.restart();
    traps.await_status("established", 3);
    // Once: what was answered is not sent again by another end of the session.
    let sent = || traps.text().matches(&columns("established")[3]).count();
    assert_eq!(sent(), 1, "{}", traps.text());
    snmpd.kill();
    snmpd.restart();
    snmpd.await_agent(Duration::from_secs(5));
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(sent(), 1, "{}", traps.text());
}
