//! How the cost grows with the number of sockets, for us and for the tools that count them today.

use crate::counting::many;
use crate::measure::{Guard, Table, cpu, cpu_of_all, median, seconds};
use crate::walking::Agents;
use netstat_agentx::proc::read::ProcRoot;
use netstat_agentx::snapshot::Detail;
use netstat_agentx::snapshot::sockets::Families;
use netstat_agentx::snapshot::tcp::Tcp;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 500_000];
const EXPORTER: &str = "127.0.0.1:19100";

/// Counts the states of all sockets with the `procfs` crate, as a process.
pub fn procfs_count() {
    let mut states = [0_usize; 16];
    for table in [procfs::net::tcp().unwrap(), procfs::net::tcp6().unwrap()] {
        table.iter().for_each(|row| states[row.state.to_u8() as usize] += 1);
    }
    println!("{states:?}");
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// The peers that are commands: their names in the table, and the commands.
fn commands() -> Vec<(&'static str, Command)> {
    let cat = "cat /proc/net/tcp /proc/net/tcp6";
    let ours = format!("{} get lnsTcpStateSockets.all.established", env!("CARGO_BIN_EXE_netstat-agentx"));
    let procfs = format!("{} procfs", std::env::current_exe().unwrap().display());
    let ss = "ss -ant | awk 'NR > 1 { n[$1]++ } END { for (s in n) print s, n[s] }'";
    let agent = "/usr/sbin/zabbix_agent2 -c /dev/null -t 'net.tcp.socket.count[,,,,established]'";
    let psutil = "/usr/bin/python3 -c 'import collections, psutil; \
        print(collections.Counter(c.status for c in psutil.net_connections(\"tcp\")))'";
    vec![
        ("`cat` of the tables", shell(cat)),
        ("`netstat-agentx get`", shell(&ours)),
        ("the procfs crate", shell(&procfs)),
        ("`ss -ant` and awk", shell(ss)),
        ("zabbix_agent2, one state", shell(agent)),
        ("psutil", shell(psutil)),
    ]
}

/// CPU of one scrape of a node_exporter with only the tcpstat collector, and its resident memory.
fn tcpstat() -> (f64, u64) {
    let exporter = Command::new("prometheus-node-exporter")
        .args(["--collector.disable-defaults", "--collector.tcpstat", "--web.disable-exporter-metrics"])
        .arg(format!("--web.listen-address={EXPORTER}"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let exporter = Guard(exporter);
    for _ in 0..100 {
        if TcpStream::connect(EXPORTER).is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let before = exporter.cpu();
    let mut stream = TcpStream::connect(EXPORTER).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.contains("node_tcp_connection_states{state=\"established\"}"), "{text}");
    (exporter.cpu() - before, exporter.resident())
}

/// Ours and the peers at each size. Every figure but the last ones is the CPU time of one count of all states; each
/// command runs in its own process.
pub fn growth(table: &mut Table) {
    let root = ProcRoot::new("/proc");
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    let mut add = |what: &str, figure: String| match lines.iter_mut().find(|(name, _)| name == what) {
        Some((_, figures)) => figures.push(figure),
        None => lines.push((what.into(), vec![figure])),
    };
    for sockets in SIZES {
        let held = many(sockets);
        let times = if sockets > 10_000 { 1 } else { 7 };
        for (name, mut command) in commands() {
            add(name, seconds(median((0..times).map(|_| cpu_of_all(&mut command)).collect())));
        }
        let (scrape, resident) = tcpstat();
        add("node_exporter tcpstat, a scrape", seconds(scrape));
        add("node_exporter's resident memory", format!("{} MB", resident / 1000));
        let counted =
            median((0..times).map(|_| cpu(|| Tcp::read(&root, Families::BOTH, Detail::Counts))).collect());
        add("a refresh of our counts", seconds(counted));
        let rows =
            median((0..times).map(|_| cpu(|| Tcp::read(&root, Families::BOTH, Detail::Rows))).collect());
        add("a refresh of our rows, in order", seconds(rows));
        let mut agents = Agents::snmpd();
        agents.add_ours();
        agents.walk("snmpget", &format!("{}.1.1.1.1.3.0.5", crate::walking::BASE));
        add("the subagent's resident memory, counts asked", format!("{:.1} MB", agents.resident()));
        let state = ".1.3.6.1.2.1.6.19.1.7";
        let walks = (0..times.min(3))
            .map(|_| crate::measure::wall(|| assert!(agents.walk("snmpbulkwalk", state) > 0)));
        let walk = median(walks.collect());
        add("walk of tcpConnectionState through snmpd", seconds(walk));
        add(
            "the same for each 1000 rows",
            seconds(walk / agents.walk("snmpbulkwalk", state) as f64 * 1000.0),
        );
        add("the subagent's resident memory after it", format!("{:.1} MB", agents.resident()));
        if sockets <= 10_000 {
            let own = Agents::snmpd_on("127.0.0.1:16172");
            let conn = ".1.3.6.1.2.1.6.13.1.1";
            add(
                "walk of snmpd's own tcpConnTable",
                seconds(crate::measure::wall(|| assert!(own.walk("snmpbulkwalk", conn) > 0))),
            );
        }
        drop(held);
    }
    table.growth(&SIZES, lines);
}
