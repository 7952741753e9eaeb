//! Sources that somebody else makes slow: very many UDP sockets, and very many descriptors of processes.
#![allow(clippy::print_stdout, reason = "in_namespace passes notes on")]

use crate::common::master::{Master, list};
use crate::common::{Guard, in_namespace, program, this_test, until};
use agentx::encodings::Value;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

const BASE: &str = "1.3.6.1.4.1.8072.9999.9999.2741";
const FRESH: &str = "[refresh]\ncounters-max-age = \"100ms\"\nsockets-max-age = \"100ms\"\n\
    processes-max-age = \"100ms\"\nanswer-within = \"900ms\"\n";
/// So many that reading net/udp costs seconds of CPU time.
const MANY: usize = 100_000;

/// UDP sockets of processes that hold as many as one may.
struct Many {
    _holders: Vec<Guard>,
}

impl Many {
    /// `None` where so many cannot be had.
    fn open(sockets: usize) -> Option<Self> {
        // The limit of a process may not be raised where that right is missing too.
        let each = 15_000;
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
        if limit.is_some_and(|limit| limit < each as u64 + 100) {
            println!("note: not tried: a process may have {limit:?} descriptors only");
            return None;
        }
        let program = r#"
            use Socket qw(:all);
            my ($first, $number) = @ARGV;
            my @keep;
            for my $n ($first .. $first + $number - 1) {
                socket(my $s, AF_INET, SOCK_DGRAM, 0) or die "socket: $!";
                my $address = pack("C4", 127, 1, 0, 1 + int($n / 40000));
                bind($s, pack_sockaddr_in(20000 + $n % 40000, $address)) or die "bind: $!";
                push @keep, $s;
            }
            print "ready\n";
            close STDOUT;
            sleep 1000;
        "#;
        let mut holders = Vec::new();
        for first in (0..sockets).step_by(each) {
            let number = each.min(sockets - first);
            let mut holder = Command::new("prlimit")
                .args([&format!("--nofile={}", each + 100), "perl", "-e", program])
                .args([first.to_string(), number.to_string()])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut ready = String::new();
            holder.stdout.take().unwrap().read_to_string(&mut ready).unwrap();
            assert_eq!(ready, "ready\n");
            holders.push(Guard(holder));
        }
        Some(Self { _holders: holders })
    }
}

fn value(master: &mut Master, below: &str) -> Value {
    let request = master.get(5, &[&format!("{BASE}.{below}")]);
    list(master.ask(&request)).remove(0).1
}

fn number(value: &Value) -> u32 {
    let Value::Gauge32(number) = value else { panic!("{value:?}") };
    *number
}

/// lnsAgentSourceError
fn error(master: &mut Master, source: &str) -> String {
    let octets: String = source.bytes().map(|octet| format!(".{octet}")).collect();
    match value(master, &format!("1.5.8.1.6.{}{octets}", source.len())) {
        Value::OctetString(error) => error.0,
        other => panic!("{other:?}"),
    }
}

/// Opens one listener after the other; each is counted when the next request comes.
fn tcp_is_prompt(master: &mut Master) {
    let listening = "1.1.1.1.3.0.2";
    let before = number(&value(master, listening));
    let mut listeners = Vec::new();
    for more in 1..=20 {
        listeners.push(TcpListener::bind("127.0.0.1:0").unwrap());
        // Its rest, which is nine times the CPU time of its own last reading at most.
        let micros = number(&value(master, "1.5.8.1.3.3.116.99.112"));
        std::thread::sleep(Duration::from_millis(120) + 9 * Duration::from_micros(micros.into()));
        // A reading of the others is under way, or begins with this one.
        let request = master.get(7, &[&format!("{BASE}.1.1.2.1.2.0")]);
        master.send(&request);
        let tcp = master.get(8, &[&format!("{BASE}.{listening}")]);
        master.send(&tcp);
        let answers: Vec<_> = (0..2).map(|_| list(master.answer()).remove(0)).collect();
        let of_tcp = answers.iter().find(|(name, _)| name.ends_with(listening)).unwrap();
        assert_eq!(number(&of_tcp.1), before + more);
    }
}

/// UDP sockets as `ss` counts them.
fn ss() -> usize {
    let output = Command::new("ss").args(["-uanH"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().count()
}

#[test]
fn very_many_udp_sockets_take_nothing_from_tcp() {
    if !in_namespace(this_test!()) {
        return;
    }
    let Some(many) = Many::open(MANY) else { return };
    let six = UdpSocket::bind("[::1]:0").unwrap();
    six.connect("[::1]:9").unwrap();
    let full = UdpSocket::bind("127.0.0.1:0").unwrap();
    six.send(b"x").ok();
    for _ in 0..3 {
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[0; 100], full.local_addr().unwrap()).unwrap();
    }
    let mut master = Master::launch(program(), 0, "/proc", FRESH);
    master.accept();
    // All of it is there, by another way than the files.
    let [all, four, with_six] = [0, 1, 2].map(|family| value(&mut master, &format!("1.1.2.1.2.{family}")));
    assert_eq!((number(&four) as usize, number(&with_six)), (MANY + 1, 1));
    assert_eq!(number(&all) as usize, ss());
    assert_eq!(number(&value(&mut master, "1.1.2.1.3.0")), 1, "connected");
    assert!(number(&value(&mut master, "1.1.2.1.4.1")) > 300, "waiting to be read");
    assert_eq!(number(&value(&mut master, "1.1.2.1.6.0")), 0, "drops");
    assert_eq!((error(&mut master, "udp"), error(&mut master, "tcp")), (String::new(), String::new()));
    let told = |master: &Master| {
        let log = master.agent.log();
        log.matches(&format!("net/udp is too slow with {} sockets: counted by sock_diag", MANY + 2)).count()
    };
    assert_eq!(told(&master), 1, "{}", master.agent.log());
    tcp_is_prompt(&mut master);
    assert_eq!(told(&master), 1, "once");

    // Rows too, with their processes.
    let name = format!("1.3.6.1.2.1.7.7.1.8.1.4.127.0.0.1.{}", full.local_addr().unwrap().port());
    let request = master.getnext(9, &[(&name, "", false)]);
    let mut row = list(master.ask(&request)).remove(0);
    until(Duration::from_secs(60), "its process is found", || {
        std::thread::sleep(Duration::from_millis(300));
        row = list(master.ask(&request)).remove(0);
        row.1 == Value::Gauge32(std::process::id())
    });
    assert!(row.0.starts_with(&name), "{row:?}");

    // Far fewer: the files are quick enough.
    drop(many);
    until(Duration::from_secs(60), "the files are read again", || {
        std::thread::sleep(Duration::from_millis(200));
        value(&mut master, "1.1.2.1.2.0");
        master.agent.log().contains("net/udp is quick enough again")
    });
    assert_eq!(number(&value(&mut master, "1.1.2.1.2.0")), 2);
}

/// From another network namespace than the one that is watched, netlink would show the wrong sockets.
#[test]
fn where_there_is_no_netlink_the_number_of_udp_sockets_is_left() {
    if !in_namespace(this_test!()) {
        return;
    }
    let Some(_many) = Many::open(MANY) else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("proc");
    std::os::unix::fs::symlink("/proc", &root).unwrap();
    let mut elsewhere = Command::new("unshare");
    elsewhere.args(["--net", env!("CARGO_BIN_EXE_netstat-agentx")]);
    let mut master = Master::launch(elsewhere, 0, root.to_str().unwrap(), FRESH);
    master.accept();
    for (below, expected) in [
        ("1.1.2.1.2.0", Value::Gauge32(u32::try_from(MANY).unwrap())),
        ("1.1.2.1.2.2", Value::Gauge32(0)),
        ("1.1.2.1.3.0", Value::NoSuchInstance),
        ("1.1.2.1.4.1", Value::NoSuchInstance),
        ("1.1.2.1.6.0", Value::NoSuchInstance),
    ] {
        assert_eq!(value(&mut master, below), expected, "{below}");
    }
    let error = error(&mut master, "udp");
    assert!(
        error.starts_with(&format!(
            "net/udp is too slow with {MANY} sockets, and sock_diag: it would show another"
        )),
        "{error}"
    );
    tcp_is_prompt(&mut master);
}
