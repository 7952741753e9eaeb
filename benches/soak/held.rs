//! Sockets that the soak holds and changes now and then, compared with `ss` again and again.

use crate::Soak;
use crate::common::BASE;
use std::collections::BTreeMap;
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

/// Below the system's ephemeral port range.
const PORT: u16 = 4000;

/// After a change, the figures may be as old as sockets-max-age.
const SETTLED: Duration = Duration::from_secs(7);

#[derive(Default)]
struct Held {
    _listeners: Vec<TcpListener>,
    _streams: Vec<TcpStream>,
    _udp: Vec<UdpSocket>,
}

impl Held {
    /// Sockets in stable states: listen, established, closeWait, finWait2, and a queue.
    fn open(round: usize) -> Self {
        let mut held = Self::default();
        for host in ["127.0.0.1", "[::1]"] {
            let listener = TcpListener::bind(format!("{host}:{PORT}")).unwrap();
            let address = listener.local_addr().unwrap();
            for pair in 0..10 + round * 7 % 40 {
                let near = TcpStream::connect(address).unwrap();
                let far = listener.accept().unwrap().0;
                match pair % 4 {
                    0 => near.shutdown(Shutdown::Write).unwrap(),
                    1 => far.shutdown(Shutdown::Write).unwrap(),
                    _ => {}
                }
                held._streams.extend([near, far]);
            }
            for _ in 0..1 + round % 5 {
                held._streams.push(TcpStream::connect(address).unwrap());
            }
            held._listeners.push(listener);
            held._udp.push(UdpSocket::bind(format!("{host}:{}", PORT + usize_to_port(round % 3))).unwrap());
        }
        held
    }
}

fn usize_to_port(number: usize) -> u16 {
    u16::try_from(number).unwrap()
}

/// The sockets at the held port: the number in each of the MIB's states, the accept queue, UDP sockets.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    states: BTreeMap<u32, u64>,
    /// Remote port and state of each IPv4 connection.
    connections: BTreeMap<u16, u32>,
    accept_queues: [u64; 2],
    udp: usize,
}

fn ss(arguments: &[&str]) -> Vec<Vec<String>> {
    let port = format!(":{PORT}");
    let output = Command::new("ss").args(arguments).args(["sport", "=", &port]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

fn port_of(endpoint: &str) -> Option<u16> {
    endpoint.rsplit_once(':')?.1.parse().ok()
}

impl Seen {
    fn by_ss() -> Self {
        let mut states: BTreeMap<u32, u64> = (1..=11).map(|state| (state, 0)).collect();
        let mut connections = BTreeMap::new();
        let mut accept_queues = [0; 2];
        for line in ss(&["-Htan"]) {
            let state = match line[0].as_str() {
                "LISTEN" => 2,
                "SYN-RECV" => 4,
                "ESTAB" => 5,
                "FIN-WAIT-1" => 6,
                "FIN-WAIT-2" => 7,
                "CLOSE-WAIT" => 8,
                "LAST-ACK" => 9,
                "CLOSING" => 10,
                "TIME-WAIT" => 11,
                other => panic!("{other}"),
            };
            *states.get_mut(&state).unwrap() += 1;
            if state == 2 {
                accept_queues[usize::from(line[3].starts_with('['))] = line[1].parse().unwrap();
            } else if !line[3].starts_with('[') {
                connections.insert(port_of(&line[4]).unwrap(), state);
            }
        }
        Self { states, connections, accept_queues, udp: ss(&["-Huan4"]).len() }
    }

    fn by_snmp(soak: &Soak) -> Result<Self, String> {
        let state_names: Vec<_> = (1..=11).map(|state| format!("{BASE}.1.1.4.1.3.{PORT}.{state}")).collect();
        let queue_names = [
            format!("{BASE}.1.1.3.1.4.1.4.127.0.0.1.{PORT}"),
            format!("{BASE}.1.1.3.1.4.2.16.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.{PORT}"),
        ];
        let names: Vec<_> = state_names.iter().chain(&queue_names).map(String::as_str).collect();
        let text = soak.ask("snmpget", "public", "2", &names);
        let values: Vec<u64> =
            text.lines().filter_map(|line| line.rsplit_once("Gauge32: ")?.1.parse().ok()).collect();
        let [states @ .., four, six] = &values[..] else { return Err(text) };
        if states.len() != 11 {
            return Err(text);
        }
        let column = format!(".1.3.6.1.2.1.6.19.1.7.1.4.127.0.0.1.{PORT}");
        let walked = soak.ask("snmpbulkwalk", "public", "2", &[&column]);
        let mut connections = BTreeMap::new();
        for line in walked.lines().filter(|line| !line.contains("No Such")) {
            let (name, state) = line.rsplit_once(" = INTEGER: ").ok_or_else(|| walked.clone())?;
            let remote = name.rsplit_once('.').and_then(|(_, port)| port.parse().ok());
            connections.insert(remote.ok_or_else(|| walked.clone())?, state.parse().unwrap());
        }
        let column = format!(".1.3.6.1.2.1.7.7.1.8.1.4.127.0.0.1.{PORT}");
        let walked = soak.ask("snmpbulkwalk", "public", "2", &[&column]);
        let udp = walked.lines().filter(|line| line.contains("Gauge32")).count();
        Ok(Self {
            states: (1..=11).zip(states.iter().copied()).collect(),
            connections,
            accept_queues: [*four, *six],
            udp,
        })
    }
}

pub fn compare(soak: &Soak) {
    let mut round = 0;
    while !soak.is_over() {
        // The port is free again at once: connections that the listener's side closed first are in TIME_WAIT.
        let held = Held::open(round);
        soak.pause(SETTLED);
        let until = Instant::now() + Duration::from_secs(40);
        while !soak.is_over() && Instant::now() < until {
            let begun = Instant::now();
            let (before, seen, after) = (Seen::by_ss(), Seen::by_snmp(soak), Seen::by_ss());
            // TIME_WAIT of the previous round ends by itself.
            if before == after {
                let states = before.states.values().sum::<u64>();
                let outcome = match seen {
                    Ok(seen) if seen == before => Ok(()),
                    Ok(seen) => Err(format!("ss has {before:?}, we have {seen:?}")),
                    Err(text) => Err(text),
                };
                if outcome.is_ok() {
                    soak.count("sockets compared with ss one by one", states);
                }
                soak.judge("comparisons with ss", begun, outcome);
            } else {
                soak.count("comparisons put off, sockets moved", 1);
            }
            soak.pause(Duration::from_secs(2));
        }
        drop(held);
        round += 1;
        // finWait2 without its process, and TIME_WAIT, are gone after a minute.
        soak.pause(Duration::from_secs(62));
    }
}
