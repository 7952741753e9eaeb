//! One poll of everything, compared with the classic shell script that delivers ten figures.

use crate::counting::many;
use crate::measure::{Table, cpu, cpu_of_all, seconds};
use crate::walking::{Agents, BASE, PORT};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

const POLLS: usize = 40;
/// Longer than the subagent's max-ages here, so that every poll reads everything anew.
const PAUSE: Duration = Duration::from_millis(600);
/// The most variable bindings that Zabbix 6.0 puts into a request.
const TOGETHER: usize = 128;

/// What a template polls: all states, UDP, sockstat, and the counters of IP, ICMP, TCP and UDP.
const SUBTREES: [&str; 9] =
    [".1.1.1", ".1.1.2", ".1.2", ".1.3.1", ".1.3.2", ".1.3.3", ".1.3.4", ".1.3.6", ".1.3.7"];

/// What only sock_diag says: limits and drops of listeners, round-trip times, Unix listeners, sockets by unit.
const DIAGNOSED: [&str; 8] = [
    ".1.1.3.1.7",
    ".1.1.3.1.8",
    ".1.1.3.1.9",
    ".1.1.6.1.8",
    ".1.1.6.1.9",
    ".1.1.6.1.10",
    ".1.1.8",
    ".1.1.9.1.4.1",
];

/// Receives what zabbix_sender sends and reports success.
fn trapper() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut header = [0; 13];
            if stream.read_exact(&mut header).is_err() {
                continue;
            }
            let length = u32::from_le_bytes(header[5..9].try_into().unwrap());
            let _ = std::io::copy(&mut (&mut stream).take(length.into()), &mut std::io::sink());
            let answer =
                br#"{"response":"success","info":"processed: 10; failed: 0; total: 10; seconds spent: 0.0"}"#;
            let mut packet = b"ZBXD\x01".to_vec();
            packet.extend((answer.len() as u64).to_le_bytes());
            packet.extend(answer);
            let _ = stream.write_all(&packet);
        }
    });
    port
}

fn script(port: u16) -> Command {
    let states = "ESTAB SYN-SENT SYN-RECV FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSE-WAIT LAST-ACK LISTEN CLOSING";
    let script = format!(
        "ss -ant | grep -v State | awk -v states='{states}' '{{ n[$1]++ }} END {{ split(states, s, \" \"); \
         for (i in s) print \"host sock[\" s[i] \"] \" n[s[i]] + 0 }}' \
         | zabbix_sender -z 127.0.0.1 -p {port} -i - >/dev/null"
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]);
    command
}

/// The names of all polled instances.
fn items(agents: &Agents) -> Vec<String> {
    SUBTREES.iter().flat_map(|subtree| agents.names(&format!("{BASE}{subtree}"))).collect()
}

/// The names of what only sock_diag says.
fn diagnosed(agents: &Agents) -> Vec<String> {
    let names = DIAGNOSED.iter().flat_map(|subtree| agents.names(&format!("{BASE}{subtree}")));
    names.filter(|name| !name.contains(".1.1.9.1.4.2.")).collect()
}

fn snmp(tool: &str) -> Command {
    let mut command = Command::new(tool);
    command.args(["-v2c", "-c", "public", "-On", "-M", "/nonexistent", "-m", "", "-r", "0", "-t", "10"]);
    command.stdout(Stdio::null());
    command
}

fn gets(items: &[String]) {
    for some in items.chunks(TOGETHER) {
        assert!(snmp("snmpget").arg(PORT).args(some).status().unwrap().success());
    }
}

/// GETBULKs at several places at once, as many as snmpd answers together; snmpd turns each repetition into one AgentX
/// request for all of them.
fn bulks(items: &[String]) {
    const REPETITIONS: usize = 8;
    const PLACES: usize = 12;
    let first = [format!("{BASE}.1.1.1")];
    let before: Vec<_> = first.iter().chain(items).step_by(REPETITIONS).collect();
    for places in before.chunks(PLACES) {
        let mut command = snmp("snmpbulkget");
        command.args(["-Cn0", &format!("-Cr{REPETITIONS}"), PORT]).args(places);
        assert!(command.status().unwrap().success());
    }
}

/// GETBULK walks of one subtree after the other: one AgentX request for each instance.
fn walks() {
    for subtree in SUBTREES {
        let mut command = snmp("snmpbulkwalk");
        command.args(["-Cr100", PORT]).arg(format!("{BASE}{subtree}"));
        assert!(command.status().unwrap().success());
    }
}

/// CPU of snmpd and the subagent for one poll.
fn polled(agents: &Agents, poll: impl Fn()) -> f64 {
    poll();
    let before = agents.cpu();
    for _ in 0..POLLS {
        std::thread::sleep(PAUSE);
        poll();
    }
    (agents.cpu() - before) / POLLS as f64
}

pub fn everything(table: &mut Table) {
    let port = trapper();
    for sockets in [100, 10_000] {
        let held = many(sockets);
        let mut agents = Agents::snmpd();
        agents.add_ours_with("[refresh]\ncounters-max-age = \"500ms\"\nsockets-max-age = \"500ms\"\n");
        let items = items(&agents);
        let classic = {
            let mut script = script(port);
            (0..POLLS).map(|_| cpu_of_all(&mut script)).sum::<f64>() / POLLS as f64
        };
        let other = "`ss -ant | grep | awk | zabbix_sender` for ten figures, CPU";
        let what = format!("{} items at {sockets} sockets, CPU of snmpd and the subagent", items.len());
        table.add(
            &format!("{what}, GETs of {TOGETHER}"),
            polled(&agents, || gets(&items)),
            other,
            classic,
            POLLS,
        );
        table.add(
            &format!("{what}, GETBULKs of 12 by 8"),
            polled(&agents, || bulks(&items)),
            other,
            classic,
            POLLS,
        );
        let with: Vec<String> = items.iter().cloned().chain(diagnosed(&agents)).collect();
        table.add(
            &format!("{} items, what sock_diag says among them, GETs of {TOGETHER}", with.len()),
            polled(&agents, || gets(&with)),
            "the same without that",
            polled(&agents, || gets(&items)),
            POLLS,
        );
        table.add(&format!("{what}, GETBULK walks"), polled(&agents, walks), other, classic, POLLS);
        let files = ["tcp", "tcp6", "udp", "udp6", "snmp", "netstat", "snmp6", "sockstat", "sockstat6"];
        let read = cpu(|| files.map(|file| std::fs::read(format!("/proc/net/{file}")).unwrap()));
        table.note(&format!("of that the kernel's, to give the files, at {sockets} sockets"), &seconds(read));
        drop(held);
    }
}
