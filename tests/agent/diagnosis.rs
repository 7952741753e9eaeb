//! What sock_diag says, through a real snmpd and asked as nobody, compared with what `ss` shows of the same sockets.

use crate::common::sockets::{Zoo, ss};
use crate::common::{
    Agent, BASE, Snmpd, in_namespace, in_namespaces, is_root, this_test, unprivileged, until,
};
use crate::culprits::connect_from;
use crate::snmpd::gauge;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const QUICK: &str = "[refresh]\nsockets-max-age = \"100ms\"\nprocesses-max-age = \"1s\"\n";

/// Lets the subagent of nobody in.
const OPEN: &str = "agentXPerms 0666 0755";

/// The subagent as nobody.
fn agent_of_nobody(snmpd: &Snmpd) -> Agent {
    let configuration = format!("[agentx]\naddress = \"{}\"\n{QUICK}", snmpd.socket());
    let agent = Agent::launch(unprivileged(snmpd.folder.path()), snmpd.folder.path(), &configuration);
    snmpd.await_agent(Duration::from_secs(5));
    agent
}

fn ss_lines(arguments: &[&str]) -> Vec<String> {
    let output = Command::new("ss").args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// A socket that listens where another one does already.
fn listener_at(address: &str, backlog: i32) -> OwnedFd {
    let address: SocketAddr = address.parse().unwrap();
    let family = match address {
        SocketAddr::V4(_) => rustix::net::AddressFamily::INET,
        SocketAddr::V6(_) => rustix::net::AddressFamily::INET6,
    };
    let socket = rustix::net::socket(family, rustix::net::SocketType::STREAM, None).unwrap();
    rustix::net::sockopt::set_socket_reuseport(&socket, true).unwrap();
    rustix::net::bind(&socket, &address).unwrap();
    rustix::net::listen(&socket, backlog).unwrap();
    socket
}

/// The cells of a column below B.1.1, by the rest of their names.
fn column(snmpd: &Snmpd, table: u32, column: u32) -> BTreeMap<String, String> {
    let below = format!("{BASE}.1.1.{table}.1.{column}");
    let cells = snmpd.walk(&below).into_iter().filter(|(_, value)| !value.starts_with("No Such"));
    cells.filter_map(|(name, value)| Some((name.strip_prefix(&below)?.to_owned(), value))).collect()
}

/// Queue, limit, drops and the fullest in percent of each endpoint.
type Queues = BTreeMap<String, (u64, u64, u64, u64)>;

fn listeners_of_ss() -> Queues {
    let mut endpoints = Queues::new();
    for line in ss_lines(&["-ltnmOH"]) {
        let words: Vec<_> = line.split_whitespace().collect();
        let (queue, limit): (u64, u64) = (words[1].parse().unwrap(), words[2].parse().unwrap());
        let skmem = line.split("skmem:(").nth(1).unwrap().split(')').next().unwrap();
        let drops: u64 = skmem.rsplit(",d").next().unwrap().parse().unwrap();
        let sum = endpoints.entry(words[3].replace('*', "[::]")).or_default();
        *sum = (sum.0 + queue, sum.1 + limit, sum.2 + drops, sum.3.max(queue * 100 / limit));
    }
    endpoints
}

fn listeners_of(snmpd: &Snmpd) -> Queues {
    let text = column(snmpd, 3, 6);
    let columns = [4, 7, 8, 9].map(|number| column(snmpd, 3, number));
    let row = |(index, text): (&String, &String)| {
        let [queue, limit, drops, fullest] = columns.each_ref().map(|column| gauge(&column[index]));
        (text.trim_start_matches("STRING: ").trim_matches('"').to_owned(), (queue, limit, drops, fullest))
    };
    text.iter().map(row).collect()
}

#[test]
fn a_listener_has_the_limit_and_the_drops_that_ss_shows() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start(OPEN);
    let _agent = agent_of_nobody(&snmpd);
    // One that is full and drops, two that share an endpoint, one for both families, one that takes a single connection.
    let _full = listener_at("127.0.0.1:7001", 1);
    let _shared = [listener_at("127.0.0.1:7002", 10), listener_at("127.0.0.1:7002", 100)];
    let _both = listener_at("[::]:7003", 4096);
    let mut open: Vec<_> = (0..2).map(|_| TcpStream::connect("127.0.0.1:7001").unwrap()).collect();
    for address in ["127.0.0.1:7002"; 7].iter().chain(&["[::1]:7003"; 3]) {
        open.push(TcpStream::connect(address).unwrap());
    }
    let to: SocketAddr = "127.0.0.1:7001".parse().unwrap();
    for _ in 0..5 {
        assert!(TcpStream::connect_timeout(&to, Duration::from_millis(50)).is_err());
    }
    std::thread::sleep(Duration::from_millis(200));
    let mut last = (Queues::new(), Queues::new());
    until(Duration::from_secs(10), "the table equals ss", || {
        last = (listeners_of(&snmpd), listeners_of_ss());
        last.0 == last.1
    });
    let (rows, _) = last;
    let (queue, limit, drops, fullest) = rows["127.0.0.1:7001"];
    assert_eq!((queue, limit, fullest), (2, 1, 200));
    assert!(drops >= 5, "{drops}");
    assert_eq!((rows["127.0.0.1:7002"].0, rows["127.0.0.1:7002"].1), (7, 110));
    assert_eq!((rows["[::]:7003"].0, rows["[::]:7003"].2), (3, 0));
}

#[test]
fn unix_listeners_are_those_of_ss() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start(OPEN);
    let _agent = agent_of_nobody(&snmpd);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let full = UnixListener::bind(path("full.sock")).unwrap();
    rustix::net::listen(&full, 3).unwrap();
    let _waiting: Vec<_> = (0..3).map(|_| UnixStream::connect(path("full.sock")).unwrap()).collect();
    // The file was removed under the first, and a second socket has its name.
    let _first = UnixListener::bind(path("twice")).unwrap();
    fs::remove_file(path("twice")).unwrap();
    let _second = UnixListener::bind(path("twice")).unwrap();
    let hidden = UnixAddress::from_abstract_name("netstat-agentx test").unwrap();
    let _hidden = UnixListener::bind_addr(&hidden).unwrap();
    // No listener. What came later than the first reading is there with the next.
    let _datagrams = std::os::unix::net::UnixDatagram::bind(path("datagrams")).unwrap();
    let mut shown = BTreeMap::<String, (u64, u64, u64)>::new();
    for line in ss_lines(&["-lxnOH"]).iter().filter(|line| line.starts_with("u_str")) {
        let words: Vec<_> = line.split_whitespace().collect();
        // The name may have blanks; the inode follows it.
        let end = words.iter().rposition(|word| *word == "*").unwrap() - 1;
        let sum = shown.entry(words[4..end].join(" ")).or_default();
        *sum =
            (sum.0 + words[2].parse::<u64>().unwrap(), sum.1 + words[3].parse::<u64>().unwrap(), sum.2 + 1);
    }
    let index = |name: &str| {
        let octets: String = name.bytes().map(|octet| format!(".{octet}")).collect();
        format!(".{}{octets}", name.len())
    };
    std::thread::sleep(Duration::from_millis(200));
    let columns = [2, 3, 4].map(|number| column(&snmpd, 8, number));
    let named = |name: &str| columns.each_ref().map(|column| gauge(&column[&index(name)]));
    assert_eq!(columns[0].len(), shown.len(), "{shown:?}");
    for (name, (queue, limit, sockets)) in &shown {
        assert_eq!(named(name), [*queue, *limit, *sockets], "{name}");
    }
    assert_eq!(named(path("full.sock").to_str().unwrap()), [3, 3, 1]);
    assert_eq!(named(path("twice").to_str().unwrap())[2], 2);
    assert_eq!(named("@netstat-agentx test")[2], 1);
}

/// A cgroup, in which this process is until the end.
struct Cgroup {
    root: PathBuf,
    path: PathBuf,
}

impl Cgroup {
    /// `None` if there is no cgroup2 file system that lets us make one.
    fn enter(path: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mount = mounts.lines().find(|mount| mount.contains(" - cgroup2 "))?;
        let root = PathBuf::from(mount.split(' ').nth(4)?);
        let path = root.join(path);
        fs::create_dir_all(&path).ok()?;
        let this = Self { root, path };
        fs::write(this.path.join("cgroup.procs"), "0").ok()?;
        Some(this)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::write(self.root.join("cgroup.procs"), "0");
        let mut path = self.path.clone();
        while path != self.root && fs::remove_dir(&path).is_ok() {
            path.pop();
        }
    }
}

/// lnsOwnerSockets: kind, name and state to sockets, without zeros.
fn owners(snmpd: &Snmpd) -> BTreeMap<(u32, String, u32), u64> {
    let row = |(index, value): (String, String)| {
        let subids: Vec<u32> = index.split('.').skip(1).map(|subid| subid.parse().unwrap()).collect();
        let octets: Vec<u8> =
            subids[2..subids.len() - 1].iter().map(|octet| u8::try_from(*octet).unwrap()).collect();
        let name = String::from_utf8(octets).unwrap();
        ((subids[0], name, subids[subids.len() - 1]), gauge(&value))
    };
    column(snmpd, 9, 4).into_iter().map(row).filter(|(_, sockets)| *sockets > 0).collect()
}

/// The sum over the names of a kind by state.
fn by_state(owners: &BTreeMap<(u32, String, u32), u64>, kind: u32) -> BTreeMap<u32, u64> {
    let mut sums = BTreeMap::new();
    for ((_, _, state), sockets) in owners.iter().filter(|((of, ..), _)| *of == kind) {
        *sums.entry(*state).or_default() += sockets;
    }
    sums
}

/// All TCP sockets by state.
fn all_of_ss() -> BTreeMap<u32, u64> {
    let mut sums = ss("-4");
    ss("-6").into_iter().for_each(|(state, sockets)| *sums.entry(state).or_default() += sockets);
    sums
}

const UNIT: u32 = 1;
const PROGRAM: u32 = 2;
const CLOSE_WAIT: u32 = 8;

#[test]
fn a_leak_has_the_name_of_its_unit_and_its_program() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    // All states that there are, from outside of the unit.
    let _zoo = Zoo::open();
    // Started before, or it would be in the cgroup too, and keep it.
    let _agent = Agent::at(&snmpd, QUICK);
    let of_test = fs::read_link("/proc/self/ns/net").unwrap().display().to_string();
    let slice = format!("netstat-agentx-{}.slice", of_test.trim_matches(|c: char| !c.is_ascii_digit()));
    let unit = Cgroup::enter(&format!("{slice}/leaky.service/worker"));
    let server = TcpListener::bind("127.0.0.1:7201").unwrap();
    let leaked: Vec<_> = (0..5)
        .map(|_| {
            let client = TcpStream::connect("127.0.0.1:7201").unwrap();
            drop(server.accept().unwrap());
            client
        })
        .collect();
    let mut last = BTreeMap::new();
    until(Duration::from_secs(20), "the sums over all names equal ss", || {
        last = owners(&snmpd);
        let shown = all_of_ss();
        let whole = |kind: u32| by_state(&last, kind) == shown;
        whole(PROGRAM) && (whole(UNIT) || unit.is_none())
    });
    let own = fs::read_to_string("/proc/self/comm").unwrap();
    let row = |kind: u32, name: &str| last.get(&(kind, name.to_owned(), CLOSE_WAIT)).copied().unwrap_or(0);
    assert!(row(PROGRAM, own.trim_end()) >= 5, "{last:?}");
    // Those in timeWait are nobody's, and all of them.
    let time_wait = last.iter().filter(|((kind, _, state), _)| (*kind, *state) == (PROGRAM, 11));
    assert!(time_wait.clone().count() == 1 && time_wait.clone().all(|((_, name, _), _)| name == "(none)"));
    match unit {
        Some(unit) => {
            assert_eq!(row(UNIT, "leaky.service"), 5, "{last:?}");
            // A search of cgroups may have cost so much that the source rests.
            until(Duration::from_secs(20), "the listener has the name of its unit", || {
                let owner = column(&snmpd, 3, 10).remove(".1.4.127.0.0.1.7201");
                owner.as_deref() == Some("STRING: \"leaky.service\"")
            });
            // Its name stays when the cgroup is gone, and its sockets stay its own.
            let path = unit.path.clone();
            drop(unit);
            assert!(!path.exists(), "{}", path.display());
            std::thread::sleep(Duration::from_millis(200));
            let after = owners(&snmpd);
            assert_eq!(after.get(&(UNIT, "leaky.service".into(), CLOSE_WAIT)), Some(&5), "{after:?}");
        }
        None => println!("note: no cgroup can be made here: units of sockets were not tried"),
    }
    drop(leaked);
}

/// Without the right to see the descriptors of others a program is unknown, not another, and not nobody.
#[test]
fn a_program_that_cannot_be_seen_is_unknown() {
    if !in_namespace(this_test!()) || !is_root() {
        return;
    }
    let snmpd = Snmpd::start(OPEN);
    let _listener = TcpListener::bind("127.0.0.1:7301").unwrap();
    let _agent = agent_of_nobody(&snmpd);
    let rows = owners(&snmpd);
    assert_eq!(rows.get(&(PROGRAM, "(unknown)".into(), 2)), Some(&all_of_ss()[&2]), "{rows:?}");
    assert_eq!(by_state(&rows, PROGRAM).values().sum::<u64>(), all_of_ss().values().sum::<u64>());
}

/// A Get of a unit's sockets does not have processes searched for, which is expensive.
#[test]
fn units_are_had_without_a_search_for_programs() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start(OPEN);
    let _listener = TcpListener::bind("127.0.0.1:7302").unwrap();
    let _agent = agent_of_nobody(&snmpd);
    // lnsOwnerSockets.unit."/".listen, which may or may not be there.
    let unit = format!("{BASE}.1.1.9.1.4.1.1.47.2");
    let has_units = snmpd.get(&[&unit]).contains("Gauge32");
    // lnsAgentSourceRefreshes of processes
    let searches: String = "processes".bytes().map(|octet| format!(".{octet}")).collect();
    let searches = || snmpd.get(&[&format!("{BASE}.1.5.8.1.4.9{searches}")]);
    assert!(searches().ends_with("Counter64: 0\n"), "{}", searches());
    if !has_units {
        return println!("note: this process is not in the root of the cgroups: GetNext was not tried");
    }
    // Nor does whatever ends at the table, or a GetNext from one unit to the next.
    snmpd.getnext(&[&format!("{BASE}.1.1.8.1.4.200")]);
    snmpd.getnext(&[&format!("{BASE}.1.1.9.1.4.1.1.47.2")]);
    assert!(searches().ends_with("Counter64: 0\n"), "{}", searches());
    owners(&snmpd);
    assert!(searches().ends_with("Counter64: 1\n"), "{}", searches());
    std::thread::sleep(Duration::from_millis(1200));
    snmpd.getnext(&[&format!("{BASE}.1.1.9.1.4.1.1.47.2")]);
    assert!(searches().ends_with("Counter64: 1\n"), "{}", searches());
}

#[test]
fn round_trip_times_and_retransmissions_are_those_of_ss() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start(OPEN);
    let listener = TcpListener::bind("127.0.0.1:7401").unwrap();
    let _silent = TcpListener::bind("127.0.0.1:7402").unwrap();
    let _open: Vec<_> = (0..5)
        .map(|number| {
            let mut client = TcpStream::connect("127.0.0.1:7401").unwrap();
            let mut server = listener.accept().unwrap().0;
            for _ in 0..number {
                server.write_all(&[0; 3000]).unwrap();
                client.read_exact(&mut [0; 3000]).unwrap();
            }
            (client, server)
        })
        .collect();
    // And one whose acknowledgements are dropped.
    let lossy = connect_from("127.0.0.2", "127.0.0.1:7401");
    let mut server = listener.accept().unwrap().0;
    for rule in ["add pref 10 lookup local", "del pref 0", "add pref 5 from 127.0.0.2 blackhole"] {
        assert!(Command::new("ip").arg("rule").args(rule.split(' ')).status().unwrap().success(), "{rule}");
    }
    server.write_all(&[0; 1000]).unwrap();
    let _agent = agent_of_nobody(&snmpd);
    let figure = |number: u32| column(&snmpd, 6, number).remove(".7401").map(|value| gauge(&value));
    let of_ss = || {
        let (mut times, mut sent, mut again) = (Vec::new(), 0, 0);
        for line in ss_lines(&["-tinOH", "state", "established", "sport", "=", ":7401"]) {
            let word = |name: &str| line.split_whitespace().find_map(|word| word.strip_prefix(name));
            let (whole, part) =
                word("rtt:").unwrap().split('/').next().unwrap().split_once('.').unwrap_or(("0", "0"));
            times.push(whole.parse::<u64>().unwrap() * 1000 + format!("{part:0<3}").parse::<u64>().unwrap());
            sent += word("bytes_sent:").map_or(0, |octets| octets.parse::<u64>().unwrap());
            again += word("bytes_retrans:").map_or(0, |octets| octets.parse::<u64>().unwrap());
        }
        times.sort_unstable();
        assert_eq!(times.len(), 6);
        (Some(times[2]), Some(times[5]), Some(again * 1000 / sent))
    };
    let mut last = ((None, None, None), (None, None, None));
    until(Duration::from_secs(20), "the figures equal those of ss", || {
        last = ((figure(8), figure(9), figure(10)), of_ss());
        last.0 == last.1 && last.0.2 > Some(30)
    });
    // A service without connections has none of them.
    for number in [8, 9, 10] {
        assert!(!column(&snmpd, 6, number).contains_key(".7402"));
    }
    drop(lossy);
}

/// Seen from another network namespace than the one that is watched.
#[test]
fn where_sock_diag_would_show_another_namespace_nothing_of_it_is_there() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let _listener = TcpListener::bind("127.0.0.1:7501").unwrap();
    let root = snmpd.folder.path().join("proc");
    std::os::unix::fs::symlink("/proc", &root).unwrap();
    let mut elsewhere = Command::new("unshare");
    elsewhere.args(["--net", env!("CARGO_BIN_EXE_netstat-agentx")]);
    let configuration =
        format!("[agentx]\naddress = \"{}\"\n[proc]\nroot = \"{}\"\n{QUICK}", snmpd.socket(), root.display());
    let agent = Agent::launch(elsewhere, snmpd.folder.path(), &configuration);
    snmpd.await_agent(Duration::from_secs(5));
    for _ in 0..3 {
        let rows = snmpd.walk(&format!("{BASE}.1.1.3"));
        let mut columns: Vec<_> =
            rows.iter().map(|(name, _)| name[BASE.len() + 9..].split('.').next().unwrap()).collect();
        columns.dedup();
        assert_eq!(columns, ["4", "5", "6"], "{rows:?}");
        for table in [8, 9] {
            assert_eq!(column(&snmpd, table, 4), BTreeMap::new());
        }
        std::thread::sleep(Duration::from_millis(150));
    }
    // Once for each of the three sources, which go on looking: the root may be another one by then.
    let told = "sock_diag may show another network namespace than the root of /proc";
    assert_eq!(agent.log().matches(told).count(), 3, "{}", agent.log());
    assert!(!agent.log().contains("WARN"), "{}", agent.log());
}

/// As where there is only the first hierarchy: everything else stays, and it is told once.
#[test]
fn without_the_second_hierarchy_there_are_no_units() {
    let namespaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    if !in_namespaces(this_test!(), &namespaces) {
        return;
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    for mount in mounts.lines().filter(|mount| mount.contains(" - cgroup2 ")) {
        let at = mount.split(' ').nth(4).unwrap();
        assert!(Command::new("umount").args(["--lazy", at]).status().unwrap().success(), "{at}");
    }
    let snmpd = Snmpd::start("");
    let _listener = TcpListener::bind("127.0.0.1:7601").unwrap();
    let agent = Agent::at(&snmpd, QUICK);
    for _ in 0..3 {
        let rows = owners(&snmpd);
        assert!(by_state(&rows, UNIT).is_empty() && !by_state(&rows, PROGRAM).is_empty(), "{rows:?}");
        assert_eq!(column(&snmpd, 3, 10)[".1.4.127.0.0.1.7601"], "\"\"");
        assert!(gauge(&column(&snmpd, 3, 7)[".1.4.127.0.0.1.7601"]) > 0);
        std::thread::sleep(Duration::from_millis(150));
    }
    let log = agent.log();
    assert_eq!(log.matches("no cgroup2 file system is mounted: no owners by unit").count(), 1, "{log}");
    assert!(!log.contains("WARN"), "{log}");
}
