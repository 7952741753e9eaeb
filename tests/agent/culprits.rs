//! The tables that name a culprit, through a real snmpd, compared with what `ss` shows of the same sockets.

use crate::common::sockets::full_udp_socket;
use crate::common::{Agent, BASE, Snmpd, in_namespace, this_test};
use crate::snmpd::gauge;
use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::process::Command;

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
