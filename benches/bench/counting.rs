//! Counting many sockets, beside `cat` of the same tables.

use crate::measure::{Guard, Table, cpu, cpu_of, pairs, resident};
use netstat_agentx::proc::read::ProcRoot;
use netstat_agentx::snapshot::sockets::{Detail, Sockets as Reading};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

/// Processes that hold sockets open, each at most 20,000 descriptors.
pub struct Sockets(#[expect(dead_code, reason = "held until dropped")] Vec<Guard>);

const PAIRS_EACH: usize = 9_500;

/// About so many established sockets.
pub fn many(sockets: usize) -> Sockets {
    let mut left = sockets / 2;
    let mut holders = Vec::new();
    while left > 0 {
        let pairs = left.min(PAIRS_EACH);
        let port = 20_000 + holders.len();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["hold", &pairs.to_string(), &port.to_string()])
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

/// Opens pairs of sockets over loopback, says so, and keeps them until it is killed.
pub fn hold(pairs: usize, port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let mut keep = Vec::with_capacity(2 * pairs);
    for _ in 0..pairs {
        keep.push(TcpStream::connect(("127.0.0.1", port)).unwrap());
        keep.push(listener.accept().unwrap().0);
    }
    print!("r");
    std::io::Write::flush(&mut std::io::stdout()).unwrap();
    loop {
        std::thread::park();
    }
}

/// A refresh of the counts beside `cat`, at 200,000 sockets and fewer.
pub fn counting(table: &mut Table) {
    let root = ProcRoot::new("/proc");
    for (sockets, times) in [(1_000, 101), (10_000, 101), (200_000, 31)] {
        let held = many(sockets);
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
        let cat = || cpu_of(Command::new("cat").args(tables));
        let (ours, theirs, ratio) = pairs(times, || cpu(|| Reading::read(&root, Detail::Counts)), cat);
        table.add(
            &format!("counting {sockets} sockets, CPU"),
            ours,
            "`cat /proc/net/tcp /proc/net/tcp6`",
            theirs,
            times,
        );
        table.note(&format!("counting {sockets}: median of the ratios of the pairs"), &format!("{ratio:.3}"));
        let rows =
            crate::measure::median((0..5).map(|_| cpu(|| Reading::read(&root, Detail::Rows))).collect());
        table.add(&format!("{sockets} sockets with sorted rows, CPU"), rows, "the same `cat`", theirs, 5);
        if sockets == 200_000 {
            let show = cpu_of(Command::new(env!("CARGO_BIN_EXE_netstat-agentx")).args(["show"]));
            table.add("`netstat-agentx show`, the whole process", show, "the same `cat`", theirs, 1);
            let ss = cpu_of(Command::new("sh").args(["-c", "exec ss -ant"]));
            table.add(
                &format!("counting {sockets} sockets, CPU"),
                ours,
                "`ss -ant`, without the awk behind it",
                ss,
                1,
            );
            let (now, most) = resident(std::process::id());
            table.note(
                "resident memory of the benchmark itself, rows included",
                &format!("{now} kB now, {most} kB at most"),
            );
        }
        drop(held);
    }
}
