//! What sock_diag says, compared with `ss`, which asks the same, and with a count of the states from /proc.

use crate::counting::{many, peak};
use crate::measure::{Guard, Table, cpu, cpu_of, pairs};
use netstat_agentx::proc::diag::inet::{self, TcpQuery};
use netstat_agentx::proc::netlink;
use netstat_agentx::proc::read::ProcRoot;
use netstat_agentx::snapshot::Detail;
use netstat_agentx::snapshot::listeners::Listeners;
use netstat_agentx::snapshot::owners::TcpOwners;
use netstat_agentx::snapshot::sockets::Families;
use netstat_agentx::snapshot::source::Source;
use netstat_agentx::snapshot::tcp::Tcp;
use std::io::Read;
use std::net::TcpListener;
use std::process::{Command, Stdio};

const TIMES: usize = 31;

fn limits(root: &ProcRoot) -> f64 {
    cpu(|| Listeners::read(root, Detail::Counts, Default::default()).data.unwrap())
}

fn owners(root: &ProcRoot) -> f64 {
    cpu(|| TcpOwners::read(root, Detail::Peers, Default::default()).data.unwrap())
}

fn ss(options: &'static str) -> f64 {
    cpu_of(Command::new("ss").arg(options))
}

/// Listeners, owners and round-trip times, at 200,000 sockets and at 20,000 listeners.
pub fn beside_ss(table: &mut Table) {
    const SOCKETS: usize = 200_000;
    let root = ProcRoot::new("/proc");
    let counted = || cpu(|| Tcp::read(&root, Families::BOTH, Detail::Counts));
    let held = many(SOCKETS);
    let mut add = |what: &str, other: &str, mine: &dyn Fn() -> f64, theirs: &dyn Fn() -> f64| {
        let (mine, theirs, ratio) = pairs(TIMES, mine, theirs);
        table.add(what, mine, other, theirs, TIMES);
        table.note("the same: median of the ratios of the pairs", &format!("{ratio:.3}"));
    };
    let listeners = || limits(&root);
    let owners = || owners(&root);
    add(&format!("limits of listeners among {SOCKETS} sockets, CPU"), "`ss -lntm`", &listeners, &|| {
        ss("-lntm")
    });
    let what = format!("owners by unit and round-trip times of {SOCKETS} sockets, CPU");
    add(&what, "a refresh of the counts from net/tcp and net/tcp6", &owners, &counted);
    add(&what, "`ss -tinm`", &owners, &|| ss("-tinm"));
    for walk in ["walk lnsListenerTable", "walk lnsTcpServiceTable", "walk lnsOwnerTable"] {
        table.note(&format!("resident memory of `{walk}`"), &format!("{} kB at most", peak(walk)));
    }
    drop(held);
    let _many: Vec<_> = [20_000, 30_000].map(listeners_from).into();
    let mut add = |what: &str, mine: &dyn Fn() -> f64, other: &str, theirs: &dyn Fn() -> f64| {
        let (mine, theirs, ratio) = pairs(11, mine, theirs);
        table.add(what, mine, other, theirs, 11);
        table.note("the same: median of the ratios of the pairs", &format!("{ratio:.3}"));
    };
    add("limits of 20000 listeners, CPU", &listeners, "`ss -lntm`", &|| ss("-lntm"));
}

/// A process that listens at 10,000 ports from the given one.
fn listeners_from(first: u16) -> Guard {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["listen", &first.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 1]).unwrap();
    Guard(child)
}

/// Listens until it is killed.
pub fn listen(first: u16) {
    let _listeners: Vec<_> =
        (first..first + 10_000).map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap()).collect();
    print!("r");
    std::io::Write::flush(&mut std::io::stdout()).unwrap();
    loop {
        std::thread::park();
    }
}

/// What counting by a dump would bring instead of reading the files.
pub fn instead_of_files(table: &mut Table) {
    let root = ProcRoot::new("/proc");
    let by_files = || cpu(|| Tcp::read(&root, Families::BOTH, Detail::Counts));
    let by_dump = || {
        cpu(|| {
            let mut states = [0_u64; 16];
            let dumped = netlink::dump(
                &inet::tcp(TcpQuery::All),
                || true,
                |payload| {
                    let socket = inet::socket_of_either(payload)?;
                    states[usize::from(socket.state % 16)] += 1;
                    Ok(())
                },
            );
            dumped.unwrap();
            states
        })
    };
    for sockets in [100, 1_000, 18_000, 200_000] {
        let held = many(sockets);
        let (mine, theirs, ratio) = pairs(TIMES, by_dump, by_files);
        table.add(
            &format!("a dump of {sockets} sockets by sock_diag, CPU"),
            mine,
            "a refresh of the counts from net/tcp and net/tcp6",
            theirs,
            TIMES,
        );
        table.note("the same: median of the ratios of the pairs", &format!("{ratio:.3}"));
        drop(held);
    }
}
