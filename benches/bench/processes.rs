//! The map from sockets to processes, with many of both, and whether it delays anything else.

use crate::measure::{Guard, Table, cpu, median};
use crate::walking::{Agents, BASE};
use netstat_agentx::proc::processes::Owners;
use netstat_agentx::proc::read::ProcRoot;
use netstat_agentx::snapshot::Detail;
use netstat_agentx::snapshot::sockets::Families;
use netstat_agentx::snapshot::tcp::Tcp;
use netstat_agentx::snapshot::udp::{TooSlow, Udp};
use std::io::Read;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PROCESSES: usize = 5_000;
/// With the standard three, ten per process.
const DESCRIPTORS: usize = 7;
/// One in this many processes holds sockets; the others hold files.
const SOCKETS_IN: usize = 10;

/// Starts the processes, reports that it has, and waits to be killed; they end with it.
pub fn crowd() {
    let null = std::fs::File::open("/dev/null").unwrap();
    let mut children = Vec::with_capacity(PROCESSES);
    for number in 0..PROCESSES {
        let sockets: Vec<_> = (0..DESCRIPTORS)
            .filter(|_| number % SOCKETS_IN == 0)
            .map(|_| UdpSocket::bind("127.0.0.1:0").unwrap())
            .collect();
        let mut keep: Vec<_> =
            sockets.iter().map(|socket| socket.as_fd().try_clone_to_owned().unwrap()).collect();
        while keep.len() < DESCRIPTORS {
            keep.push(null.as_fd().try_clone_to_owned().unwrap());
        }
        for descriptor in &keep {
            rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::empty()).unwrap();
        }
        children.push(Guard(Command::new("sleep").arg("600").stdin(Stdio::piped()).spawn().unwrap()));
    }
    print!("r");
    std::io::Write::flush(&mut std::io::stdout()).unwrap();
    // Until its own standard input is closed.
    let _ = std::io::stdin().read(&mut [0]);
}

/// The number of descriptors of all processes.
fn procfs_descriptors() -> usize {
    let processes = procfs::process::all_processes().unwrap().flatten();
    processes.filter_map(|process| Some(process.fd().ok()?.flatten().count())).sum()
}

pub fn processes(table: &mut Table) {
    let mut crowd = Command::new(std::env::current_exe().unwrap())
        .arg("crowd")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    crowd.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let root = ProcRoot::new("/proc");
    let tcp = Tcp::read(&root, Families::BOTH, Detail::Rows);
    let udp = Udp::read(&root, Families::BOTH, Detail::Rows, TooSlow::default());
    let wanted: Vec<_> = tcp.inodes().chain(udp.inodes()).collect();
    let mut owners = Owners::default().search(&root, &wanted).unwrap();
    let first = median((0..7).map(|_| cpu(|| Owners::default().search(&root, &wanted))).collect());
    let all = median((0..7).map(|_| cpu(procfs_descriptors)).collect());
    let found = wanted.iter().filter(|inode| owners.of(**inode).is_some()).count();
    let mut search = || cpu(|| owners = owners.search(&root, &wanted).unwrap());
    let again = median((0..7).map(|_| search()).collect());
    let what =
        format!("processes of {found} sockets among {PROCESSES} processes with ten descriptors each, CPU");
    table.add(&what, again, "reading all of them through the procfs crate", all, 7);
    table.add("the same for the first time", first, "reading all of them through the procfs crate", all, 7);

    let mut agents = Agents::snmpd();
    agents.add_ours_with("[refresh]\nprocesses-max-age = \"100ms\"\n");
    let counter = || {
        let mut times: Vec<_> = (0..200)
            .map(|_| {
                let start = Instant::now();
                assert_eq!(agents.walk("snmpget", ".1.3.6.1.2.1.6.5.0"), 1);
                let took = start.elapsed().as_secs_f64() * 1e3;
                std::thread::sleep(Duration::from_millis(10));
                took
            })
            .collect();
        times.sort_by(f64::total_cmp);
        format!("median {:.1} ms, p99 {:.1} ms", times[100], times[198])
    };
    let alone = counter();
    let walking = std::thread::scope(|scope| {
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        let agents = &agents;
        scope.spawn(move || {
            while is_done.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                agents.walk("snmpbulkwalk", ".1.3.6.1.2.1.7.7.1.8");
            }
        });
        let walking = counter();
        done.send(()).unwrap();
        walking
    });
    table.note("tcpActiveOpens.0 at the manager, nothing else asked", &alone);
    table.note("the same while udpEndpointProcess is walked without a pause", &walking);
    let late = agents.value(&format!("{BASE}.1.5.7.0"));
    table.note("lnsAgentLateAnswers after it", &late);
    drop(crowd.stdin.take());
    let _ = crowd.wait();
}
