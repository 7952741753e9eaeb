//! Counts many sockets, compared with `cat` of the same tables.

use crate::measure::{Guard, Table, cpu, cpu_of, median, pairs};
use netstat_agentx::proc::read::ProcRoot;
use netstat_agentx::snapshot::Detail;
use netstat_agentx::snapshot::sockets::Families;
use netstat_agentx::snapshot::tcp::Tcp;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};

/// Processes that hold sockets open, each at most 20,000 descriptors.
pub struct Sockets(#[expect(dead_code, reason = "held until dropped")] Vec<Guard>);

const PAIRS_EACH: usize = 9_500;

/// Waits until earlier sockets are gone: a socket may stay in TIME_WAIT for a minute.
fn quiet(sockets: usize) {
    let waiting = || {
        let text = std::fs::read_to_string("/proc/net/sockstat").unwrap();
        let words: Vec<_> = text.lines().find(|line| line.starts_with("TCP:")).unwrap().split(' ').collect();
        let figure =
            |key| words[words.iter().position(|word| *word == key).unwrap() + 1].parse::<usize>().unwrap();
        figure("inuse") + figure("tw")
    };
    let end = std::time::Instant::now() + std::time::Duration::from_secs(90);
    while waiting() > sockets / 100 + 20 && std::time::Instant::now() < end {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

/// Opens about this many established sockets, to a dozen destinations.
pub fn many(sockets: usize) -> Sockets {
    held(sockets, "one")
}

fn held(sockets: usize, destinations: &str) -> Sockets {
    quiet(sockets);
    let mut left = sockets / 2;
    let mut holders = Vec::new();
    while left > 0 {
        let pairs = left.min(PAIRS_EACH);
        let port = 20_000 + holders.len();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["hold", &pairs.to_string(), &port.to_string(), destinations])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 1];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        holders.push(Guard(child));
        left -= pairs;
    }
    Sockets(holders)
}

/// Opens pairs of sockets over loopback, reports that it has, and keeps them until it is killed.
pub fn hold(pairs: u32, port: u16, each_to_its_own: bool) {
    let listener = TcpListener::bind(("0.0.0.0", port)).unwrap();
    let mut keep = Vec::new();
    for pair in 0..pairs {
        let address = u32::from(Ipv4Addr::LOCALHOST) + if each_to_its_own { pair } else { 0 };
        keep.push(TcpStream::connect((Ipv4Addr::from(address), port)).unwrap());
        keep.push(listener.accept().unwrap().0);
    }
    print!("r");
    std::io::Write::flush(&mut std::io::stdout()).unwrap();
    loop {
        std::thread::park();
    }
}

/// Reads and counts all sockets in a process that starts, reads, answers and ends, compared with `cat` of the same
/// tables, at 200,000 sockets and fewer.
pub fn counting(table: &mut Table) {
    let root = ProcRoot::new("/proc");
    let ours = || {
        cpu_of(
            Command::new(env!("CARGO_BIN_EXE_netstat-agentx"))
                .args(["get", "lnsTcpStateSockets.all.established"]),
        )
    };
    let cat = || cpu_of(Command::new("cat").args(["/proc/net/tcp", "/proc/net/tcp6"]));
    for (sockets, times) in [(1_000, 101), (10_000, 101), (100_000, 31), (200_000, 31)] {
        let held = many(sockets);
        let (mine, theirs, ratio) = pairs(times, ours, cat);
        let what = format!("counting {sockets} sockets, CPU of `netstat-agentx get`");
        table.add(&what, mine, "`cat /proc/net/tcp /proc/net/tcp6`", theirs, times);
        table.note(&format!("counting {sockets}: median of the ratios of the pairs"), &format!("{ratio:.3}"));
        let (refresh, theirs, ratio) =
            pairs(times, || cpu(|| Tcp::read(&root, Families::BOTH, Detail::Counts)), cat);
        table.add(
            &format!("a refresh of the counts of {sockets} sockets, CPU"),
            refresh,
            "the same `cat`",
            theirs,
            times,
        );
        table.note("the same: median of the ratios of the pairs", &format!("{ratio:.3}"));
        let rows = median((0..5).map(|_| cpu(|| Tcp::read(&root, Families::BOTH, Detail::Rows))).collect());
        table.add(
            &format!("{sockets} sockets with their rows in order, CPU"),
            rows,
            "the same `cat`",
            theirs,
            5,
        );
        let ss = median((0..3).map(|_| cpu_of(Command::new("ss").arg("-ant"))).collect());
        table.add(&what, mine, "`ss -ant`, without the awk behind it", ss, 3);
        if sockets == 200_000 {
            table.note(
                "resident memory of a process that has counted 200000 sockets",
                &format!("{} kB at most", peak("show")),
            );
        }
        drop(held);
    }
}

/// The same with lnsDestinationTable: to a dozen destinations, and to as many as there are connections.
pub fn destinations(table: &mut Table) {
    const SOCKETS: usize = 200_000;
    let get = |object| cpu_of(Command::new(env!("CARGO_BIN_EXE_netstat-agentx")).args(["get", object]));
    let cat = || cpu_of(Command::new("cat").args(["/proc/net/tcp", "/proc/net/tcp6"]));
    for (destinations, how) in [("11", "one"), ("100000", "own")] {
        let held = held(SOCKETS, how);
        for (what, object) in [
            ("states", "lnsTcpStateSockets.all.established"),
            ("destinations", "lnsSockstatEphemeralWorstPercent.0"),
        ] {
            let (mine, theirs, ratio) = pairs(31, || get(object), cat);
            let what = format!("{what} of {SOCKETS} sockets to {destinations} destinations, CPU of `get`");
            table.add(&what, mine, "`cat /proc/net/tcp /proc/net/tcp6`", theirs, 31);
            table.note("the same: median of the ratios of the pairs", &format!("{ratio:.3}"));
            table
                .note("the same: resident memory", &format!("{} kB at most", peak(&format!("get {object}"))));
        }
        drop(held);
    }
}

/// The peak memory of a command. A parent that reads it from a zombie child would get 0, so it is sampled while the
/// child runs.
pub fn peak(command: &str) -> u64 {
    let script = format!(
        "{} {command} >/dev/null & while :; do r=$(sed -n 's/VmHWM:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$!/status 2>/dev/null); \
         [ -n \"$r\" ] || break; p=$r; done; echo ${{p:-0}}",
        env!("CARGO_BIN_EXE_netstat-agentx")
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(0)
}
