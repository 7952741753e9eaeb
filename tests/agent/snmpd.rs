//! The whole against a real snmpd, with Net-SNMP's own tools as the manager.

use crate::common::{Agent, BASE, Snmpd, in_namespace, proc_counters, subids, this_test, until};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

use crate::common::sockets::ss;

const ROOTS: [&str; 3] = [".1.3.6.1.2.1.5", ".1.3.6.1.2.1.6", ".1.3.6.1.2.1.7"];

/// Objects that the polling itself moves: datagrams to and from snmpd.
const MOVING: [&str; 4] =
    [".1.3.6.1.2.1.7.1.0", ".1.3.6.1.2.1.7.4.0", ".1.3.6.1.2.1.7.8.0", ".1.3.6.1.2.1.7.9.0"];

/// Where we mean to differ: see "Where we differ from snmpd's own modules" in docs/objects.md.
const DIFFERENT: [&str; 1] = [".1.3.6.1.2.1.5.29.1.5.2"];

fn walk_all(snmpd: &Snmpd) -> Vec<(String, String)> {
    ROOTS.iter().flat_map(|root| snmpd.walk(root)).collect()
}

/// Sockets of all kinds that snmpd has tables for, held open by the value.
fn some_sockets() -> (Vec<TcpListener>, Vec<TcpStream>, Vec<UdpSocket>) {
    let listeners: Vec<_> =
        ["127.0.0.1:0", "[::1]:0", "[::]:0"].map(|address| TcpListener::bind(address).unwrap()).into();
    let mut streams = Vec::new();
    for (listener, host) in listeners.iter().zip(["127.0.0.1", "[::1]", "127.0.0.1"]) {
        let port = listener.local_addr().unwrap().port();
        for _ in 0..3 {
            streams.push(TcpStream::connect(format!("{host}:{port}")).unwrap());
        }
        let (accepted, _) = listener.accept().unwrap();
        let (closed, _) = listener.accept().unwrap();
        closed.shutdown(std::net::Shutdown::Write).unwrap();
        streams.extend([accepted, closed]);
    }
    let udp =
        ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"].map(|address| UdpSocket::bind(address).unwrap());
    // Nobody listens on port 9: an ICMP message of each family comes back.
    udp[0].connect("127.0.0.1:9").unwrap();
    udp[2].connect("[::1]:9").unwrap();
    udp[0].send(b"x").unwrap();
    udp[2].send(b"x").unwrap();
    (listeners, streams, udp.into())
}

/// Whether a row of the UDP tables belongs to a port that is open now: the manager's own socket is not, and each
/// walk has another one.
fn lasting(name: &str, ports: &BTreeSet<u32>) -> bool {
    let id = subids(name);
    match id.get(6..9) {
        Some([7, 5, 1]) => ports.contains(id.last().unwrap()),
        Some([7, 7, 1]) => ports.contains(&id[10 + 1 + id[11] as usize + 1]),
        _ => true,
    }
}

fn udp_ports() -> BTreeSet<u32> {
    let files = ["/proc/net/udp", "/proc/net/udp6"].map(|file| std::fs::read_to_string(file).unwrap());
    let rows = files.iter().flat_map(|file| file.lines().skip(1));
    let local = rows.map(|row| row.split_whitespace().nth(1).unwrap());
    local.map(|local| u32::from_str_radix(local.rsplit_once(':').unwrap().1, 16).unwrap()).collect()
}

#[test]
fn side_by_side_with_snmpds_own_modules() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let _sockets = some_sockets();
    // The acknowledgements of the FINs may be delayed (40 ms), and are segments received.
    std::thread::sleep(Duration::from_millis(300));
    // snmpd's tables of processes and its own caches are filled now, not before the sockets were there.
    let own = walk_all(&snmpd);
    assert!(own.len() > 150, "snmpd serves {} instances", own.len());
    let mut agent = Agent::at(&snmpd, "");
    let ours = walk_all(&snmpd);

    let ports = udp_ports();
    let served: BTreeMap<_, _> = ours.iter().cloned().collect();
    let mut compared = 0;
    for (name, value) in own.iter().filter(|(name, _)| lasting(name, &ports)) {
        let got = served.get(name).unwrap_or_else(|| panic!("{name} = {value} is not served"));
        if MOVING.contains(&name.as_str()) || DIFFERENT.contains(&name.as_str()) {
            let kind = |value: &str| value.split(':').next().unwrap().to_owned();
            assert_eq!(kind(got), kind(value), "{name}");
        } else {
            assert_eq!(got, value, "{name}");
            compared += 1;
        }
    }
    assert!(compared > 140, "{compared}");

    // No gap, no duplicate, strictly increasing, one name at a time and in bulk.
    for pair in ours.windows(2) {
        assert!(subids(&pair[0].0) < subids(&pair[1].0), "{} {}", pair[0].0, pair[1].0);
    }
    let names = |walk: Vec<(String, String)>| -> Vec<String> {
        walk.into_iter().map(|(name, _)| name).filter(|name| lasting(name, &ports)).collect()
    };
    let bulk: Vec<_> = ROOTS.iter().flat_map(|root| snmpd.bulkwalk(root)).collect();
    assert_eq!(names(ours), names(bulk));

    // snmpd's own modules are back when we are gone, whether we say so or not.
    agent.process.signal("-TERM");
    assert!(agent.process.wait(Duration::from_secs(2)).success());
    let before = names(own);
    assert_eq!(names(walk_all(&snmpd)), before);
    let agent = Agent::at(&snmpd, "");
    agent.process.signal("-KILL");
    snmpd.await_no_agent(Duration::from_secs(2));
    assert_eq!(names(walk_all(&snmpd)), before);
}

pub fn gauge(value: &str) -> u64 {
    value.strip_prefix("Gauge32: ").unwrap_or_else(|| panic!("{value}")).parse().unwrap()
}

#[test]
fn states_equal_ss_in_every_state() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let _zoo = crate::common::sockets::Zoo::open();
    let _agent = Agent::at(&snmpd, "");
    let rows = snmpd.walk(&format!("{BASE}.1.1.1"));
    assert_eq!(rows.len(), 33);
    let by_family = [
        ss("-4").into_iter().chain(ss("-6")).collect::<Vec<_>>(),
        ss("-4").into_iter().collect(),
        ss("-6").into_iter().collect(),
    ];
    for (row, (name, value)) in rows.iter().enumerate() {
        let (family, state) = (row / 11, u32::try_from(row % 11 + 1).unwrap());
        assert_eq!(*name, format!("{BASE}.1.1.1.1.3.{family}.{state}"));
        let expected: u64 =
            by_family[family].iter().filter(|(other, _)| *other == state).map(|(_, n)| n).sum();
        assert_eq!(gauge(value), expected, "family {family} state {state}");
        // A socket that is closed is in no table: every other state is here, in both families.
        assert!(state == 1 || expected > 0, "no socket of family {family} in state {state}");
    }
    let shown = crate::common::run(&["show", "--json"]).0;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    for (position, label) in ["closed", "listen", "synSent", "synReceived"].iter().enumerate() {
        assert_eq!(shown["tcp"]["all"][label], gauge(&rows[position].1));
    }

    // Listeners: one connection waits at each of the three, by endpoint and by port.
    let listeners = snmpd.walk(&format!("{BASE}.1.1.3"));
    let column = |number: u32| {
        let prefix = format!("{BASE}.1.1.3.1.{number}.");
        listeners.iter().filter(move |(name, _)| name.starts_with(&prefix)).map(|(_, value)| value.clone())
    };
    // And one at each of the two that are full.
    assert_eq!(column(4).filter(|queue| queue == "Gauge32: 1").count(), 5);
    assert_eq!(u64::try_from(column(6).count()).unwrap(), ss("-4")[&2] + ss("-6")[&2]);
    assert!(column(6).any(|text| text.starts_with("STRING: \"[::1]:")));
    let ports = snmpd.walk(&format!("{BASE}.1.1.4"));
    assert_eq!(ports.len() % 11, 0);
    let timewaits =
        ports.iter().filter(|(name, _)| name.ends_with(".8")).map(|(_, value)| gauge(value)).sum::<u64>();
    assert!(timewaits > 0, "closeWait sockets of listening ports");
}

#[test]
fn udp_sockstat_and_agent() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let (_tcp, _streams, udp) = some_sockets();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.send_to(&[0; 100], ("127.0.0.1", udp[1].local_addr().unwrap().port())).unwrap();
    let _agent = Agent::at(&snmpd, "");
    let rows: BTreeMap<_, _> = snmpd.walk(BASE).into_iter().collect();
    let value = |name: &str| {
        rows.get(&format!("{BASE}.{name}")).cloned().unwrap_or_else(|| panic!("{name}: {rows:#?}"))
    };
    // Two, the sender, snmpd's own, and the manager's if it was there when the table was read.
    assert!((4..=5).contains(&gauge(&value("1.1.2.1.2.1"))));
    assert_eq!(gauge(&value("1.1.2.1.2.2")), 2);
    assert_eq!(gauge(&value("1.1.2.1.3.0")), 2);
    assert!(gauge(&value("1.1.2.1.4.1")) > 100);
    assert_eq!(gauge(&value("1.1.2.1.6.0")), 0);
    let sockstat = std::fs::read_to_string("/proc/net/sockstat").unwrap();
    let tcp = sockstat.lines().find(|line| line.starts_with("TCP:")).unwrap();
    let in_use: u64 = tcp.split_whitespace().nth(2).unwrap().parse().unwrap();
    assert_eq!(gauge(&value("1.2.2.0")), in_use);
    assert!(gauge(&value("1.2.26.0")) > 0, "tcp_max_tw_buckets");
    // tcp_mem is not there in a namespace other than the first.
    assert!(!rows.contains_key(&format!("{BASE}.1.2.19.0")));
    assert_eq!(value("1.5.1.0"), format!("STRING: \"{}\"", env!("CARGO_PKG_VERSION")));
    assert_eq!(value("1.5.3.0"), "Counter32: 1");
    assert_eq!(value("1.5.6.0"), "Counter64: 0");
    for source in ["3.116.99.112", "3.117.100.112"] {
        assert_eq!(value(&format!("1.5.8.1.6.{source}")), "\"\"", "tcp and udp");
    }
}

#[test]
fn limits_are_those_of_sysctl() {
    if !in_namespace(this_test!()) {
        return;
    }
    let sysctl = |file: &str| std::fs::read_to_string(format!("/proc/sys/{file}")).ok();
    let number = |file: &str, position| -> Option<u64> {
        Some(sysctl(file)?.split_whitespace().nth(position).unwrap().parse().unwrap())
    };
    for (file, value) in [
        ("net/core/somaxconn", "4711"),
        ("net/ipv4/tcp_max_syn_backlog", "815"),
        ("net/ipv4/ip_local_port_range", "20000 30001"),
        ("net/ipv4/ipfrag_high_thresh", "8589934592"),
        ("net/ipv6/ip6frag_high_thresh", "5000000"),
    ] {
        std::fs::write(format!("/proc/sys/{file}"), value).unwrap();
    }
    let snmpd = Snmpd::start("");
    let _agent = Agent::at(&snmpd, "");
    let rows: BTreeMap<_, _> = snmpd.walk(&format!("{BASE}.1.2")).into_iter().collect();
    let value = |number: u32| rows.get(&format!("{BASE}.1.2.{number}.0")).map(|value| gauge(value));
    assert_eq!([27, 28, 29, 30].map(value), [Some(4711), Some(815), Some(20000), Some(30001)]);
    assert_eq!([32, 33].map(value), [Some(u32::MAX.into()), Some(5_000_000)], "a gauge stays at its maximum");
    // Of the whole host.
    assert_eq!(value(35), number("fs/file-max", 0).map(|most| most.min(u32::MAX.into())));
    assert!(value(34).is_some_and(|open| open > 0));
    // The module may not be loaded.
    assert_eq!(value(37).is_some(), sysctl("net/netfilter/nf_conntrack_count").is_some());
    assert_eq!(value(38), number("net/netfilter/nf_conntrack_max", 0));
    // Not there in a namespace other than the first.
    assert_eq!([31, 39, 40, 41, 42].map(value), [None; 5]);
}

#[test]
fn absences_errors_and_sets() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let _agent = Agent::at(&snmpd, "");
    let text = snmpd.get(&[".1.3.6.1.2.1.6.9.0", ".1.3.6.1.2.1.6.9.7", ".1.3.6.1.2.1.6.99.0"]);
    assert!(text.contains("6.9.0 = Gauge32"), "{text}");
    assert!(text.contains("6.9.7 = No Such Instance"), "{text}");
    assert!(text.contains("6.99.0 = No Such Object"), "{text}");
    let writable = format!("{BASE}.1.5.1.0");
    let text = snmpd.set(&[".1.3.6.1.2.1.6.4.0", "i", "5", &writable, "s", "x"]);
    assert!(text.contains("notWritable") && text.contains("1.3.6.1.2.1.6.4.0"), "{text}");
    // A refused SET leaves the agent free for everybody else.
    assert!(snmpd.get(&[&writable]).contains("STRING"));
    let errors = snmpd.get(&[&format!("{BASE}.1.5.6.0")]);
    assert!(errors.contains("Counter64: 1"), "{errors}");
    // The end of our subtrees goes over into snmpd's.
    assert!(
        snmpd.getnext(&[".1.3.6.1.2.1.7.9.0"]).contains(".1.3.6.1.2.1.11."),
        "the snmp group follows udp"
    );
    assert!(
        snmpd.getnext(&[".1.3.6.1.2.1.6.18.0"]).contains(".1.3.6.1.2.1.6.20"),
        "no connection: tcpListenerTable"
    );
}

#[test]
fn the_master_agent_goes_and_comes_back() {
    if !in_namespace(this_test!()) {
        return;
    }
    let mut snmpd = Snmpd::start("");
    let agent = Agent::at(&snmpd, "");
    for round in 0_usize..3 {
        snmpd.kill();
        std::thread::sleep(Duration::from_millis(700));
        snmpd.restart();
        snmpd.await_agent(Duration::from_secs(3));
        let log = agent.log();
        assert_eq!(log.matches("serving 11 of 11").count(), round + 2, "{log}");
        assert_eq!(log.matches("cannot connect").count(), round + 1, "once for each change:\n{log}");
    }
    assert!(snmpd.get(&[&format!("{BASE}.1.5.3.0")]).contains("Counter32: 4"));
    // SIGHUP makes snmpd read its configuration again and keeps the session.
    let location = ".1.3.6.1.2.1.1.6.0";
    assert!(!snmpd.get(&[location]).contains("another rack"));
    snmpd.configure("rocommunity public 127.0.0.1\nmaster agentx\nsysLocation another rack");
    snmpd.signal("-HUP");
    until(Duration::from_secs(5), "snmpd has read it again", || {
        snmpd.get(&[location]).contains("another rack")
    });
    std::thread::sleep(Duration::from_millis(500));
    assert!(snmpd.get(&[&format!("{BASE}.1.5.3.0")]).contains("Counter32: 4"));
}

#[test]
fn started_before_snmpd_it_waits_without_noise() {
    if !in_namespace(this_test!()) {
        return;
    }
    let mut snmpd = Snmpd::start("");
    snmpd.kill();
    std::fs::remove_file(snmpd.folder.path().join("agentx/master")).unwrap();
    let address = format!("[agentx]\naddress = \"{}\"\n", snmpd.socket());
    let mut agent = Agent::start(snmpd.folder.path(), &address);
    std::thread::sleep(Duration::from_secs(2));
    let log = agent.log();
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.contains("is snmpd running, with 'master agentx'"), "{log}");
    snmpd.restart();
    snmpd.await_agent(Duration::from_secs(3));
    agent.process.signal("-TERM");
    assert!(agent.process.wait(Duration::from_secs(2)).success());
}

/// Two instances at the same priority: the second stands behind the first, fills no log, and serves as soon as that goes,
/// however it goes.
#[test]
fn a_second_instance_stands_behind_the_first() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let first = Agent::at(&snmpd, "");
    let configuration = format!("[agentx]\naddress = \"{}\"", snmpd.socket());
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let second = Agent::start(folders[0].path(), &configuration);
    let behind = "serving 0 of 11 subtrees, and 11 when whoever has them goes";
    until(Duration::from_secs(3), "the second stands behind", || second.log().contains(behind));
    std::thread::sleep(Duration::from_secs(4));
    let refused = || {
        let log = std::fs::read_to_string(snmpd.folder.path().join("snmpd.log")).unwrap();
        log.matches("duplicate registration").count()
    };
    // It was eleven of them every half second.
    assert!((11..=16).contains(&refused()), "{}", refused());
    let log = second.log();
    assert_eq!(log.lines().filter(|line| line.contains("WARN")).count(), 1, "{log}");
    assert!(log.contains("choose another priority under [agentx]"), "{log}");
    let sockets = ".1.3.6.1.4.1.8072.9999.9999.2741.1.1.1";
    let walk = snmpd.walk(sockets);
    drop(first);
    // The master agent passes on what the second has registered: nobody had to notice and ask.
    let start = format!("{BASE}.1.5.1.0");
    until(Duration::from_secs(1), "the second serves", || snmpd.get(&[&start]).contains("STRING"));
    assert_eq!(snmpd.walk(sockets).len(), walk.len());
    assert!(snmpd.get(&[".1.3.6.1.2.1.6.17.0"]).contains("Counter64"));
    until(Duration::from_secs(20), "the priority too", || second.log().contains("serving 11 of 11"));
    assert!(snmpd.get(&[&format!("{BASE}.1.5.3.0")]).contains("Counter32: 1"));
    // And the other way round.
    let third = Agent::start(folders[1].path(), &configuration);
    until(Duration::from_secs(3), "the third stands behind", || third.log().contains(behind));
    second.process.signal("-TERM");
    until(Duration::from_secs(20), "the third has it", || third.log().contains("serving 11 of 11"));
    assert!(snmpd.get(&[".1.3.6.1.2.1.6.17.0"]).contains("Counter64"));
}

#[test]
fn tcp_and_a_context_and_a_base_of_ones_own() {
    if !in_namespace(this_test!()) {
        return;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // The last agentXSocket line holds; a community of its own reaches the context.
    let snmpd = Snmpd::start(&format!(
        "agentXSocket tcp:127.0.0.1:{port}\ncom2sec -Cn blue inblue 127.0.0.1 blue\ngroup blues v2c inblue\n\
         view all included .1\naccess blues blue any noauth exact all none none"
    ));
    let folder = tempfile::tempdir().unwrap();
    let configuration = format!(
        "[agentx]\naddress = \"tcp:127.0.0.1:{port}\"\ncontext = \"blue\"\n[mib]\nbase-oid = \"1.3.6.1.4.1.4711.1\"\n"
    );
    let agent = Agent::start(folder.path(), &configuration);
    until(Duration::from_secs(5), "registered over TCP", || agent.log().contains("serving 11 of 11"));
    let ask = |community: &str| {
        let output = Command::new("snmpget")
            .args([
                "-v2c",
                "-c",
                community,
                "-On",
                "-M",
                "/nonexistent",
                &format!("127.0.0.1:{}", snmpd.port),
            ])
            .args([".1.3.6.1.4.1.4711.1.1.5.1.0", ".1.3.6.1.2.1.6.18.0"])
            .output()
            .unwrap();
        crate::common::text_of(&output)
    };
    let (blue, public) = (ask("blue"), ask("public"));
    assert!(blue.contains("STRING") && blue.contains("Counter64"), "{blue}");
    assert!(!public.contains("STRING") && !public.contains("Counter64"), "{public}");
}

#[test]
fn sighup_reads_the_configuration_again() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let agent = Agent::at(&snmpd, "");
    let own = format!("[agentx]\naddress = \"{}\"\n", snmpd.socket());
    // A mistake changes nothing and is told.
    std::fs::write(&agent.config, format!("{own}priority = 1000")).unwrap();
    agent.process.signal("-HUP");
    until(Duration::from_secs(2), "the mistake is told", || agent.log().contains("1 to 255"));
    assert!(snmpd.get(&[&format!("{BASE}.1.5.3.0")]).contains("Counter32: 1"));
    // What concerns no session keeps it.
    std::fs::write(&agent.config, format!("{own}[log]\nlevel = \"debug\"")).unwrap();
    agent.process.signal("-HUP");
    until(Duration::from_secs(2), "read again", || agent.log().contains("configuration read again"));
    assert!(snmpd.get(&[&format!("{BASE}.1.5.3.0")]).contains("Counter32: 1"));
    // What does begins a new one.
    std::fs::write(&agent.config, format!("{own}[mib]\nbase-oid = \"1.3.6.1.4.1.4711.1\"\nmib-2 = false"))
        .unwrap();
    agent.process.signal("-HUP");
    let moved = ".1.3.6.1.4.1.4711.1.1.5.3.0";
    until(Duration::from_secs(2), "moved", || snmpd.get(&[moved]).contains("Counter32: 2"));
    assert!(
        snmpd.get(&[".1.3.6.1.2.1.6.18.0"]).contains("No Such"),
        "{}",
        snmpd.get(&[".1.3.6.1.2.1.6.18.0"])
    );
}

fn number(value: &str) -> i128 {
    value.rsplit_once(": ").unwrap_or_else(|| panic!("{value}")).1.parse().unwrap()
}

#[test]
fn every_counter_equals_proc() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let _sockets = some_sockets();
    // A listener whose accept queue is full.
    let _zoo = crate::common::sockets::Zoo::open();
    let _agent = Agent::at(&snmpd, "[refresh]\ncounters-max-age = \"100ms\"");
    std::thread::sleep(Duration::from_millis(200));

    // The polling itself moves some of them: what is served lies between what was there before and after.
    let before = proc_counters();
    let scalars: BTreeMap<_, _> = snmpd.bulkwalk(&format!("{BASE}.1.3")).into_iter().collect();
    let table: BTreeMap<_, _> = snmpd.bulkwalk(&format!("{BASE}.1.4")).into_iter().collect();
    let after = proc_counters();
    let check = |name: &str, value: &str, key: &(String, String)| {
        let (low, high) = (before[key], after[key]);
        let (low, high) = (low.min(high), low.max(high));
        // How long a queue was in between nobody knows afterwards.
        let passing = ["backlog_len", "input_qlen", "process_qlen"].contains(&&*key.1);
        assert!(
            passing || (low..=high).contains(&number(value)),
            "{name} {key:?} = {value}, not {low} to {high}"
        );
    };
    let registry = include_str!("../counter-numbers.tsv");
    let (mut present, mut gauges) = (0, 0);
    for line in registry.lines() {
        let fields: Vec<_> = line.split('\t').collect();
        let key = (fields[2].to_owned(), fields[3].to_owned());
        let name = format!("{BASE}.1.3.{}.{}.0", fields[0], fields[1]);
        match (before.get(&key), scalars.get(&name)) {
            (Some(_), Some(value)) => {
                check(&name, value, &key);
                present += 1;
                gauges += usize::from(!value.starts_with("Counter64"));
            }
            (None, None) => {}
            (there, served) => panic!("{key:?}: in /proc {there:?}, served {served:?}"),
        }
    }
    assert_eq!(present, scalars.len());
    let is_level = |(_, name): &&(String, String)| {
        name.ends_with("qlen") || name == "backlog_len" || name == "entries" || name.starts_with("TlsCurr")
    };
    let levels = before.keys().filter(is_level).count();
    assert!(present > 350 && gauges == 8 + levels, "{present} {gauges}");

    // The table has every counter of the files, those without a number too, and no gauge.
    let row = |group: &str, name: &str| {
        let text = |text: &str| {
            let octets: Vec<_> = text.bytes().map(|b| b.to_string()).collect();
            format!("{}.{}", octets.len(), octets.join("."))
        };
        format!("{BASE}.1.4.1.3.{}.{}", text(group), text(name))
    };
    let (mut rows, mut numbered) = (0, 0);
    for key in before.keys() {
        if let Some(value) = table.get(&row(&key.0, &key.1)) {
            check("row", value, key);
            rows += 1;
            numbered += usize::from(key.1.starts_with("InType"));
        }
    }
    assert_eq!(rows, before.len() - gauges, "all but the gauges");
    assert!(numbered >= 2, "ICMP types of both families");
    assert_eq!(rows, table.len());

    // Something has happened that a person would look for, and it can be had by name.
    let mibs = format!("{0}/target/mibs:{0}/mibs", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("snmpget")
        .args(["-v2c", "-c", "public", "-M", &mibs, "-m", "LINUX-NETSTAT-MIB", "-Oqv"])
        .arg(format!("127.0.0.1:{}", snmpd.port))
        .args(["LINUX-NETSTAT-MIB::lnsCounterValue.\"TcpExt\".\"ListenDrops\"", "lnsTcpExtListenDrops.0"])
        .output()
        .unwrap();
    let text = crate::common::text_of(&output);
    let values: Vec<u64> = text.split_whitespace().map(|value| value.parse().unwrap()).collect();
    assert!(values.len() == 2 && values[0] >= 2 && values[0] == values[1], "{text}");
}

/// How often the process has waited or was interrupted, over all its threads, and how much it has read.
fn activity(pid: u32) -> (u64, u64) {
    let number = |text: &str, field: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().parse().unwrap()
    };
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().map(Result::unwrap);
    // A thread that has just ended is none.
    let statuses = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("status")).ok());
    let switches = statuses.map(|status| number(&status, "voluntary_ctxt_switches:")).sum();
    let io = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    (switches, number(&io, "syscr:"))
}

/// Nobody asks: nothing is read, and the process does not even wake.
#[test]
fn idle_is_free() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let agent = Agent::at(&snmpd, "");
    assert!(snmpd.walk(BASE).len() > 800);
    // What the walk has begun comes to its end.
    let pid = agent.process.0.id();
    let still_for = |time: u64| {
        let before = activity(pid);
        std::thread::sleep(Duration::from_secs(time));
        (before, activity(pid))
    };
    until(Duration::from_secs(20), "it is still for a second", || {
        let (before, after) = still_for(1);
        before == after
    });
    let (before, after) = still_for(8);
    assert_eq!(after, before);
}
