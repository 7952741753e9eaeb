//! The tables that name a culprit, through a real snmpd, compared with what `ss` shows of the same sockets.

use crate::common::sockets::full_udp_socket;
use crate::common::{Agent, BASE, Snmpd, in_namespace, this_test, until};
use crate::snmpd::gauge;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

/// `ss -lunm` by local endpoint: what waits, and `d` of skmem, what was dropped.
fn ss() -> BTreeMap<String, (u64, u64)> {
    let output = Command::new("ss").args(["-lunmOH"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let row = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let skmem = line.split("skmem:(").nth(1).unwrap().split(')').next().unwrap();
        let drops = skmem.split(',').find_map(|figure| figure.strip_prefix('d')).unwrap();
        // ss writes any address as a star where a socket takes both families.
        (words[3].replace('*', "[::]"), (words[1].parse().unwrap(), drops.parse().unwrap()))
    };
    text.lines().map(row).collect()
}

#[test]
fn a_udp_endpoint_that_drops_is_named_with_what_ss_shows() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let _full = full_udp_socket("127.0.0.53:53");
    let hung = UdpSocket::bind("[::1]:5353").unwrap();
    // A client of its own is no endpoint.
    let client = UdpSocket::bind("[::1]:0").unwrap();
    client.connect(hung.local_addr().unwrap()).unwrap();
    for _ in 0..3 {
        client.send(&[0; 500]).unwrap();
    }
    let _agent = Agent::at(&snmpd, "");
    let rows: BTreeMap<_, _> = snmpd.walk(&format!("{BASE}.1.1.5")).into_iter().collect();
    let texts = rows.iter().filter(|(name, _)| name.starts_with(&format!("{BASE}.1.1.5.1.7.")));
    let mut named: BTreeMap<String, (u64, u64)> = texts
        .map(|(name, text)| {
            let of =
                |column: &str| gauge(&rows[&name.replacen(".1.1.5.1.7.", &format!(".1.1.5.1.{column}."), 1)]);
            assert_eq!(of("4"), 1, "{name}");
            (text.trim_start_matches("STRING: ").trim_matches('"').to_owned(), (of("5"), of("6")))
        })
        .collect();
    let (mut shown, drops) = (ss(), named["127.0.0.53:53"].1);
    assert!((90..100).contains(&drops), "{drops} of 100 datagrams");
    assert!(named["[::1]:5353"].0 >= 1500 && named["[::1]:5353"].1 == 0, "{named:?}");
    // Managers come and go, and snmpd's own queue with them.
    let lasting = |endpoint: &String| endpoint.ends_with(":53") || endpoint.ends_with(":5353");
    named.retain(|endpoint, _| lasting(endpoint));
    shown.retain(|endpoint, _| lasting(endpoint));
    assert_eq!((named.len(), &named), (2, &shown));
}

/// A row of a table: its figures by column.
type Row = BTreeMap<u32, u64>;

/// The rows of a table below B.1.1 by the text in a column, or by index if that is no column of it.
fn table(snmpd: &Snmpd, table: u32, text: u32) -> BTreeMap<String, Row> {
    let base = format!("{BASE}.1.1.{table}.1.");
    let mut by_index = BTreeMap::<String, (Option<String>, Row)>::new();
    for (name, value) in snmpd.walk(&format!("{BASE}.1.1.{table}")) {
        let (column, index) = name.strip_prefix(&base).unwrap().split_once('.').unwrap();
        let (named, row) = by_index.entry(index.to_owned()).or_default();
        match value.strip_prefix("STRING: ") {
            Some(value) => *named = Some(value.trim_matches('"').to_owned()),
            None => drop(row.insert(column.parse().unwrap(), gauge(&value))),
        }
        assert!(named.is_none() || column == text.to_string(), "{name}");
    }
    by_index.into_iter().map(|(index, (named, row))| (named.unwrap_or(index), row)).collect()
}

/// `ss -tanoH` of the connections that a filter selects: state, what waits to be read and to be sent, peer, timer.
fn connections(filter: &[&str]) -> Vec<(String, u64, u64, String, String)> {
    let output = Command::new("ss").args(["-tanoOH"]).args(filter).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let timer = line.split("timer:(").nth(1).unwrap_or_default().to_owned();
        (
            words[0].to_owned(),
            words[1].parse().unwrap(),
            words[2].parse().unwrap(),
            words[4].to_owned(),
            timer,
        )
    });
    rows.filter(|(state, ..)| !["LISTEN", "UNCONN"].contains(&state.as_str())).collect()
}

/// Writes until there is room neither here nor there.
fn fill(mut stream: &TcpStream) {
    stream.set_nonblocking(true).unwrap();
    while stream.write(&[0; 64 * 1024]).is_ok() {}
}

#[test]
fn a_service_is_named_whose_program_peer_or_path_hangs() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let listener = TcpListener::bind("127.0.0.1:4443").unwrap();
    let accepted = |from: &str| {
        let client = connect_from(from, "127.0.0.1:4443");
        (client, listener.accept().unwrap().0)
    };
    let _idle = accepted("127.0.0.1");
    // The program does not read this one, the peer does not read the next.
    let (mut client, _unread) = accepted("127.0.0.1");
    client.write_all(&[0; 5000]).unwrap();
    let (_peer, server) = accepted("127.0.0.1");
    fill(&server);
    // And nothing comes back from this one: the rule of the local table is to be behind one of ours.
    let (_lost, mut server) = accepted("127.0.0.2");
    for rule in ["add pref 10 lookup local", "del pref 0", "add pref 5 from 127.0.0.2 blackhole"] {
        assert!(Command::new("ip").arg("rule").args(rule.split(' ')).status().unwrap().success(), "{rule}");
    }
    server.write_all(&[0; 100]).unwrap();
    let _agent = Agent::at(&snmpd, "[refresh]\nsockets-max-age = \"100ms\"\n");
    let row = || table(&snmpd, 6, 0)["4443"].clone();
    until(Duration::from_secs(30), "the lost connection stalls", || row()[&6] == 1);
    let (row, shown) = (row(), connections(&["sport", "=", ":4443"]));
    assert_eq!(row.keys().copied().collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7, 8, 9, 10]);
    let timers = |name: &str| shown.iter().filter(|(.., timer)| timer.starts_with(name)).count() as u64;
    let (unread, unsent) = (shown.iter().map(|row| row.1).sum(), shown.iter().map(|row| row.2).sum());
    assert_eq!((row[&2], row[&3], row[&4]), (shown.len() as u64, unread, unsent), "{shown:?}");
    assert_eq!((row[&2], row[&3]), (4, 5000));
    assert_eq!((row[&5], row[&7]), (timers("on"), timers("persist")), "{shown:?}");
    assert_eq!((row[&5], row[&7]), (1, 1), "{shown:?}");
    // Its clients are on this host too, and went there.
    assert_eq!(table(&snmpd, 7, 10)["127.0.0.1:4443"][&4], 4);
}

/// A connection from an address of this host.
pub fn connect_from(local: &str, to: &str) -> TcpStream {
    let to: SocketAddr = to.parse().unwrap();
    let family = rustix::net::AddressFamily::INET;
    let socket = rustix::net::socket(family, rustix::net::SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddr::new(local.parse().unwrap(), 0)).unwrap();
    rustix::net::connect(&socket, &to).unwrap();
    socket.into()
}

#[test]
fn a_destination_is_named_with_its_share_of_the_ephemeral_ports() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let listener = TcpListener::bind("[::]:4444").unwrap();
    let sysctl =
        |name: &str, value: &str| std::fs::write(format!("/proc/sys/net/ipv4/{name}"), value).unwrap();
    sysctl("ip_local_port_range", "40000 40099");
    sysctl("tcp_tw_reuse", "0");
    sysctl("ip_local_reserved_ports", "40000-40049,50000");
    let mut open = Vec::new();
    let mut accepted = |client: TcpStream| {
        let server = listener.accept().unwrap().0;
        open.push(client);
        server
    };
    let mut servers: Vec<_> =
        (0..20).map(|_| accepted(TcpStream::connect("127.0.0.1:4444").unwrap())).collect();
    // Another local address has all ports for itself; IPv6 has its own, but this is IPv4 by another name.
    servers.extend((0..5).map(|_| accepted(connect_from("127.0.0.3", "127.0.0.1:4444"))));
    servers.push(accepted(TcpStream::connect("[::ffff:127.0.0.1]:4444").unwrap()));
    let ipv6 = accepted(TcpStream::connect("[::1]:4444").unwrap());
    // closeWait at the client; timeWait at the client, which closed first.
    drop(servers.remove(0));
    let first = open.remove(1);
    drop(first);
    drop(servers.remove(0));
    let _agent = Agent::at(&snmpd, "[refresh]\nsockets-max-age = \"100ms\"\n");
    let destinations = || table(&snmpd, 7, 10);
    until(Duration::from_secs(10), "all are closed that will be", || {
        destinations().get("127.0.0.1:4444").is_some_and(|row| row[&7] == 1 && row[&8] == 1)
    });
    let (rows, shown) = (destinations(), connections(&["dport", "=", ":4444"]));
    let of = |peer: &str| {
        shown.iter().filter(|row| row.3.replace("::ffff:", "").replace(['[', ']'], "") == peer).count()
    };
    let row = &rows["127.0.0.1:4444"];
    assert_eq!(row[&4], of("127.0.0.1:4444") as u64, "{shown:?}");
    // 26 sockets, of which 21 have one local address and one of 50 ports each.
    let expected: Row = [(4, 26), (5, 24), (6, 0), (7, 1), (8, 1), (9, 42)].into();
    assert_eq!(*row, expected, "{shown:?}");
    assert_eq!(rows["[::1]:4444"], [(4, 1), (5, 1), (6, 0), (7, 0), (8, 0), (9, 2)].into());
    assert_eq!(snmpd.get(&[&format!("{BASE}.1.2.36.0")]).trim(), format!("{BASE}.1.2.36.0 = Gauge32: 42"));
    drop(ipv6);
    // On loopback the kernel gives the port in timeWait out again.
    sysctl("tcp_tw_reuse", "2");
    until(Duration::from_secs(5), "it is read", || destinations()["127.0.0.1:4444"][&9] == 40);
    // A list that is longer than one read, of other ports: the share is of twice as many ports now.
    sysctl(
        "ip_local_reserved_ports",
        &(1..3000).step_by(2).map(|port| format!("{port},")).collect::<String>(),
    );
    until(Duration::from_secs(5), "the list is read", || destinations()["127.0.0.1:4444"][&9] == 20);
}
