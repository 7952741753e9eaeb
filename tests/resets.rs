//! Real resets on loopback: traced, counted by port and reason, and shown with the process behind them.
//!
//! The kernel's events are those of all network namespaces, so that everything is told by ports that nobody else uses.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stderr, clippy::print_stdout)]

mod common;

use common::{Agent, BASE, Guard, Snmpd, in_namespaces, proc_counters, program, text_of, until};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const TRACEFS: &str = "/sys/kernel/tracing";

const CONFIGURATION: &str = "[resets]\nenabled = true\n[refresh]\ncounters-max-age = \"100ms\"\n";

fn mount(arguments: &[&str]) -> Output {
    Command::new("mount").args(arguments).output().expect("mount (package mount)")
}

/// Mounts tracefs, in a mount namespace of our own. Where that is not possible the test says so, and looks only at what
/// the subagent says.
fn tracing_is_possible(test: &str) -> bool {
    let mounted = mount(&["-t", "tracefs", "tracefs", TRACEFS]);
    let event = Path::new(TRACEFS).join("events/tcp/tcp_send_reset/format");
    if fs::read(&event).is_ok() {
        return true;
    }
    println!(
        "note: {test}: resets cannot be traced on this machine ({}), which is all that was tested",
        text_of(&mounted).lines().next().unwrap_or_default()
    );
    let output = resets(&["--once"]);
    assert!(!output.status.success() && !output.stderr.is_empty(), "{}", text_of(&output));
    let snmpd = Snmpd::start("");
    let _agent = Agent::at(&snmpd, CONFIGURATION);
    assert_not_possible(&snmpd, "");
    false
}

/// What the subagent says where it cannot trace.
fn assert_not_possible(snmpd: &Snmpd, why: &str) {
    let (tracing, error) = (format!("{BASE}.1.6.2.0"), format!("{BASE}.1.5.8.1.6.6.114.101.115.101.116.115"));
    until(Duration::from_secs(5), why, || snmpd.get(&[&error]).contains(why));
    assert!(snmpd.get(&[&tracing]).contains("INTEGER: 3"), "{}", snmpd.get(&[&tracing]));
    assert!(!snmpd.get(&[&error]).contains("\"\""), "{}", snmpd.get(&[&error]));
    assert!(snmpd.walk(&format!("{BASE}.1.6.1")).iter().all(|(name, _)| !name.contains(".1.6.1.")));
    assert!(snmpd.get(&[&format!("{BASE}.1.6.3.0")]).contains("No Such Instance"));
    assert!(snmpd.get(&[&format!("{BASE}.1.1.1.1.3.0.5")]).contains("Gauge32"), "everything else is served");
}

fn resets(arguments: &[&str]) -> Output {
    program().arg("resets").args(arguments).output().unwrap()
}

/// Ports outside the ephemeral range that no other test uses at the same time.
fn ports() -> impl Iterator<Item = u16> {
    2000 + u16::try_from(std::process::id() % 180).unwrap() * 16..
}

/// Direction, side, port and reason to count and last peer.
type Table = BTreeMap<(u32, u32, u16, String), (u64, Option<IpAddr>)>;

fn table(snmpd: &Snmpd) -> Table {
    let prefix = format!("{BASE}.1.6.1.1.");
    let mut table = Table::new();
    for (name, value) in snmpd.bulkwalk(&format!("{BASE}.1.6.1")) {
        let index: Vec<u32> =
            name.strip_prefix(&prefix).unwrap().split('.').map(|subid| subid.parse().unwrap()).collect();
        let [column, direction, side, port, length, ref reason @ ..] = index[..] else { panic!("{name}") };
        assert_eq!(length as usize, reason.len());
        let reason = reason.iter().map(|&letter| char::from_u32(letter).unwrap()).collect();
        let row = table.entry((direction, side, u16::try_from(port).unwrap(), reason)).or_default();
        match column {
            5 => row.0 = value.strip_prefix("Counter64: ").unwrap().parse().unwrap(),
            7 => row.1 = Some(address(&value)),
            _ => {}
        }
    }
    table
}

/// From what snmpwalk makes of an InetAddress without knowing that it is one.
fn address(value: &str) -> IpAddr {
    let octets: Vec<u8> = match value.strip_prefix("Hex-STRING: ") {
        Some(hex) => hex.split_whitespace().map(|octet| u8::from_str_radix(octet, 16).unwrap()).collect(),
        None => panic!("{value}"),
    };
    match <[u8; 4]>::try_from(&octets[..]) {
        Ok(ipv4) => ipv4.into(),
        Err(_) => <[u8; 16]>::try_from(&octets[..]).unwrap().into(),
    }
}

fn pair(listener: &TcpListener, address: SocketAddr) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(address).unwrap();
    (client, listener.accept().unwrap().0)
}

fn await_reset(stream: &mut TcpStream) {
    let end = stream.read(&mut [0; 16]);
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

fn closed_port(address: SocketAddr) {
    TcpStream::connect(address).unwrap_err();
}

fn unread_data(bind: IpAddr, address: SocketAddr) {
    let listener = TcpListener::bind((bind, address.port())).unwrap();
    let (mut client, server) = pair(&listener, address);
    client.write_all(b"nobody reads this").unwrap();
    server.peek(&mut [0]).unwrap();
    drop(server);
    await_reset(&mut client);
}

fn no_lingering(bind: IpAddr, address: SocketAddr) {
    let listener = TcpListener::bind((bind, address.port())).unwrap();
    let (mut client, server) = pair(&listener, address);
    rustix::net::sockopt::set_socket_linger(&server, Some(Duration::ZERO)).unwrap();
    drop(server);
    await_reset(&mut client);
}

/// A full listener that refuses (net.ipv4.tcp_abort_on_overflow): the queue has room for one. The first client is not
/// queued before it sends data (TCP_DEFER_ACCEPT); the second, for which there is no room to wait, gets a SYN cookie and
/// is queued at once. The standard library can ask for neither option; Perl is part of every Debian.
fn refusing_listener(bind: IpAddr, address: SocketAddr) {
    let script = r#"
        use Socket qw(:all);
        my ($bind, $connect, $port) = @ARGV;
        sub name { my $a = inet_pton(AF_INET, $_[0]); $a ? pack_sockaddr_in($port, $a)
            : pack_sockaddr_in6($port, inet_pton(AF_INET6, $_[0])) }
        socket(my $listener, sockaddr_family(name($bind)), SOCK_STREAM, 0) or die $!;
        setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1) or die $!;
        setsockopt($listener, 6, 9, 60) or die $!;
        bind($listener, name($bind)) && listen($listener, 0) or die $!;
        my @clients;
        for (1, 2) {
            socket(my $client, sockaddr_family(name($connect)), SOCK_STREAM, 0) or die $!;
            connect($client, name($connect)) or die $!;
            push @clients, $client;
        }
        syswrite($_, "x") for @clients;
        select(undef, undef, undef, 0.2);
        my $refused = 0;
        for (@clients) { my $error = unpack "i", getsockopt($_, SOL_SOCKET, SO_ERROR); $refused += $error == 104 }
        print $refused;
        # The end of the one that was queued is no reset: it is read to its end.
        accept(my $server, $listener) or die $!;
        sysread($server, my $read, 1) or die $!;
        close $_ for @clients;
        sysread($server, $read, 1);
    "#;
    let arguments = [bind.to_string(), address.ip().to_string(), address.port().to_string()];
    let output = Command::new("perl").args(["-e", script]).args(arguments).output().unwrap();
    assert_eq!(text_of(&output), "1");
}

#[test]
fn resets_by_port_way_and_reason() {
    let test = "resets_by_port_way_and_reason";
    if !in_namespaces(test, &["--net", "--mount"]) || !tracing_is_possible(test) {
        return;
    }
    for setting in ["tcp_abort_on_overflow", "tcp_syncookies"] {
        fs::write(format!("/proc/sys/net/ipv4/{setting}"), "1").unwrap();
    }
    let snmpd = Snmpd::start("");
    let agent = Agent::at(&snmpd, CONFIGURATION);
    let before = proc_counters()[&("Tcp".to_owned(), "OutRsts".to_owned())];
    let mut ports = ports();
    let mut wanted = Table::new();
    let mut sent = Vec::new();
    // An IPv4 client of an IPv6 listener has IPv4-mapped addresses there, and IPv4 ones on the wire.
    for (bind, connect) in [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "127.0.0.1")] {
        let (bind, connect): (IpAddr, IpAddr) = (bind.parse().unwrap(), connect.parse().unwrap());
        let mut make = |reason: &str, times: u64, peer: Option<IpAddr>, reset: &dyn Fn(SocketAddr)| {
            let port = ports.next().unwrap();
            (0..times).for_each(|_| reset(SocketAddr::new(connect, port)));
            sent.push(port);
            wanted.insert((1, 1, port, reason.to_owned()), (times, peer));
            wanted.insert((2, 2, port, "NOT_SPECIFIED".to_owned()), (times, Some(connect)));
        };
        make("NO_SOCKET", 3, Some(connect), &closed_port);
        make("TCP_ABORT_ON_CLOSE", 2, Some(connect), &|address| unread_data(bind, address));
        make("*", 1, Some(connect), &|address| no_lingering(bind, address));
        make("*", 1, None, &|address| refusing_listener(bind, address));
    }
    let after = proc_counters()[&("Tcp".to_owned(), "OutRsts".to_owned())];
    let seen = || -> Table {
        // What some reasons are called changes from kernel to kernel.
        let any = |port: u16| wanted.contains_key(&(1, 1, port, "*".to_owned()));
        let of_ours = table(&snmpd).into_iter().filter(|((_, _, port, _), _)| sent.contains(port));
        of_ours
            .map(|((direction, side, port, reason), row)| {
                let reason = if direction == 1 && any(port) { "*".to_owned() } else { reason };
                ((direction, side, port, reason), row)
            })
            .collect()
    };
    let count = |table: &Table| table.values().map(|(count, _)| count).sum::<u64>();
    until(Duration::from_secs(5), "all resets are counted", || count(&seen()) >= count(&wanted));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(seen(), wanted);
    // Nothing else happened in this namespace: what the kernel counted is what is in the table.
    let sent: u64 = seen().iter().filter(|((direction, ..), _)| *direction == 1).map(|(_, row)| row.0).sum();
    assert_eq!(i128::from(sent), after - before, "tcpOutRsts");
    assert!(snmpd.get(&[&format!("{BASE}.1.6.2.0")]).contains("INTEGER: 1"));
    assert!(snmpd.get(&[&format!("{BASE}.1.6.3.0")]).contains("Counter64: "));
    let errors = snmpd.get(&[&format!("{BASE}.1.5.8.1.6.6.114.101.115.101.116.115")]);
    assert!(errors.contains("\"\""), "{errors}");
    assert!(agent.log().contains("tracing resets"), "{}", agent.log());
}

/// Knocks at a port until it is ended.
fn knock(port: u16) -> Guard {
    let script = "use IO::Socket::INET; while (1) { IO::Socket::INET->new(\"127.0.0.1:$ARGV[0]\"); \
        select(undef, undef, undef, 0.1) }";
    Guard(Command::new("perl").args(["-e", script, &port.to_string()]).spawn().unwrap())
}

/// The kernel traces the numbers that processes have in the first PID namespace, and in another nobody can be named by
/// them (PROC_PID_INIT_INO in the kernel's include/linux/proc_ns.h).
fn is_first_pid_namespace() -> bool {
    fs::read_link("/proc/self/ns/pid").unwrap() == Path::new("pid:[4026531836]")
}

#[test]
fn the_command_names_the_culprit() {
    let test = "the_command_names_the_culprit";
    if !in_namespaces(test, &["--net", "--mount"]) || !tracing_is_possible(test) {
        return;
    }
    let named = is_first_pid_namespace();
    if !named {
        println!("note: processes behind resets are not tested: this is not the first PID namespace");
    }
    let port = ports().next().unwrap();
    let culprit = knock(port);
    let pid = culprit.0.id();
    let output = resets(&["--once", "--interval", "1s"]);
    let text = text_of(&output);
    let line =
        text.lines().find(|line| line.starts_with(&format!("sent 127.0.0.1:{port} "))).unwrap_or_default();
    let process = if named { format!(" (perl, pid {pid})") } else { String::new() };
    let rate = line
        .strip_prefix(&format!("sent 127.0.0.1:{port} NO_SOCKET "))
        .and_then(|rest| rest.strip_suffix(&format!("/s from 127.0.0.1{process}"))?.parse::<f64>().ok());
    assert!(rate.is_some_and(|rate| (4.0..=11.0).contains(&rate)), "{line}\n{text}");
    let output = resets(&["--once", "--json", "--interval", "1s"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of_port: Vec<_> =
        report["resets"].as_array().unwrap().iter().filter(|row| row["port"] == port).collect();
    assert_eq!(of_port.len(), 2, "{of_port:#?}");
    for (row, direction, side) in [(of_port[0], "sent", "local"), (of_port[1], "received", "remote")] {
        assert_eq!((&row["direction"], &row["side"]), (&direction.into(), &side.into()));
        let process = named.then(|| serde_json::json!({"name": "perl", "pid": pid}));
        assert_eq!(row["client"]["process"], process.unwrap_or_default(), "{row:#}");
        assert_eq!(row["service"], serde_json::json!({"address": "127.0.0.1", "process": null}), "{row:#}");
    }
    assert!(report["seconds"].as_f64().unwrap() >= 1.0 && report["lost"].is_u64(), "{report:#}");
}

/// The trace instance of a process, if it has one.
fn instance(process: &Guard) -> Option<PathBuf> {
    let prefix = format!("netstat-agentx-{}-", process.0.id());
    let mut instances = fs::read_dir(Path::new(TRACEFS).join("instances")).unwrap().flatten();
    let found = instances.find(|instance| instance.file_name().to_str().unwrap().starts_with(&prefix));
    found.map(|instance| instance.path())
}

fn await_instance(process: &Guard) -> PathBuf {
    until(Duration::from_secs(5), "the instance is made", || instance(process).is_some());
    instance(process).unwrap()
}

#[test]
fn the_instance_goes_with_its_process() {
    let test = "the_instance_goes_with_its_process";
    if !in_namespaces(test, &["--net", "--mount"]) || !tracing_is_possible(test) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let command =
        || Guard(program().arg("resets").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    // No master agent is there: tracing needs none.
    let address = format!("[agentx]\naddress = \"unix:{}/none\"\n{CONFIGURATION}", folder.path().display());
    let subagent = || Agent::start(folder.path(), &address).process;
    // Nor does it matter whether anybody reads the list: this pipe is full.
    let unread = || {
        let script = "rm -f $1; mkfifo $1; exec 3<>$1; head -c 65536 /dev/zero >&3; exec $0 resets --interval 100ms >&3";
        let fifo = folder.path().join("fifo");
        Guard(
            Command::new("sh")
                .args(["-c", script, env!("CARGO_BIN_EXE_netstat-agentx")])
                .arg(fifo)
                .spawn()
                .unwrap(),
        )
    };
    for start in [&command as &dyn Fn() -> Guard, &subagent, &unread] {
        for signal in ["-INT", "-TERM"] {
            let mut process = start();
            let instance = await_instance(&process);
            std::thread::sleep(Duration::from_millis(200));
            process.signal(signal);
            assert_eq!(process.wait(Duration::from_secs(5)).code(), Some(0));
            assert!(!instance.exists(), "{}", instance.display());
        }
    }
    // One that was killed leaves it behind; the next one takes it away, but none that is in use.
    let (mut killed, running) = (command(), command());
    let (left, used) = (await_instance(&killed), await_instance(&running));
    std::thread::sleep(Duration::from_millis(200));
    killed.signal("-KILL");
    killed.wait(Duration::from_secs(5));
    let output = resets(&["--once", "--interval", "100ms"]);
    assert!(output.status.success(), "{}", text_of(&output));
    assert!(!left.exists() && used.exists());
    // A subagent that is not to trace takes it away, too.
    let left = Path::new(TRACEFS).join("instances/netstat-agentx-left-over");
    fs::create_dir(&left).unwrap();
    let _off = Agent::start(
        folder.path(),
        &format!("[agentx]\naddress = \"unix:{}/none\"\n", folder.path().display()),
    );
    until(Duration::from_secs(5), "the left-over is gone", || !left.exists());
}

#[test]
fn sighup_begins_and_ends_tracing() {
    let test = "sighup_begins_and_ends_tracing";
    if !in_namespaces(test, &["--net", "--mount"]) || !tracing_is_possible(test) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let configure = |resets: &str| {
        format!("[agentx]\naddress = \"unix:{}/none\"\n[resets]\n{resets}", folder.path().display())
    };
    let agent = Agent::start(folder.path(), &configure("enabled = false"));
    let instance = || instance(&agent.process);
    until(Duration::from_secs(5), "it runs", || agent.log().contains("cannot connect"));
    assert_eq!(instance(), None);
    let size = || fs::read_to_string(instance()?.join("buffer_size_kb")).ok()?.trim().parse::<u64>().ok();
    for (resets, sizes) in [
        ("enabled = true", Some(1024..1100)),
        ("enabled = true\nbuffer = \"256KiB\"", Some(256..300)),
        ("enabled = false", None),
    ] {
        fs::write(&agent.config, configure(resets)).unwrap();
        agent.process.signal("-HUP");
        until(Duration::from_secs(5), resets, || match &sizes {
            Some(sizes) => size().is_some_and(|size| sizes.contains(&size)),
            None => instance().is_none(),
        });
    }
}

#[test]
fn whoever_reads_the_list_may_have_enough_of_it() {
    let test = "whoever_reads_the_list_may_have_enough_of_it";
    if !in_namespaces(test, &["--net", "--mount"]) || !tracing_is_possible(test) {
        return;
    }
    let mut process = Guard(
        program()
            .args(["resets", "--interval", "100ms"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut out = process.0.stdout.take().unwrap();
    out.read_exact(&mut [0]).unwrap();
    let instance = await_instance(&process);
    drop(out);
    process.wait(Duration::from_secs(5));
    let mut told = String::new();
    process.0.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(told, "");
    assert!(!instance.exists());
}

#[test]
fn where_tracing_is_not_possible_it_is_told_why() {
    let test = "where_tracing_is_not_possible_it_is_told_why";
    if !in_namespaces(test, &["--net", "--mount"]) {
        return;
    }
    // The mounts are those of this test alone.
    for _ in 0..5 {
        for folder in [TRACEFS, "/sys/kernel/debug/tracing", "/sys/kernel/debug"] {
            let _ = Command::new("umount").arg(folder).stderr(Stdio::null()).status();
        }
    }
    // Without root, what the host has mounted stays.
    let mounted = fs::read_to_string("/proc/self/mountinfo").unwrap().contains(" - tracefs ");
    let why =
        if mounted { "needs root or CAP_DAC_OVERRIDE" } else { "tracefs is not mounted: mount -t tracefs" };
    let once = || resets(&["--once", "--interval", "100ms"]);
    let output = once();
    assert_eq!(output.status.code(), Some(1));
    assert!(text_of(&output).contains(why), "{}", text_of(&output));
    let snmpd = Snmpd::start("");
    let agent = Agent::at(&snmpd, CONFIGURATION);
    assert_not_possible(&snmpd, why);
    assert_eq!(agent.log().matches(why).count(), 1, "{}", agent.log());
    if !tracing_is_possible(test) {
        return;
    }
    // It is tried again whenever somebody asks.
    let tracing = format!("{BASE}.1.6.2.0");
    until(Duration::from_secs(5), "tracing begins", || snmpd.get(&[&tracing]).contains("INTEGER: 1"));
    assert!(agent.log().contains("read well again"), "{}", agent.log());
    // As ProtectKernelTunables has it.
    assert!(mount(&["--bind", TRACEFS, TRACEFS]).status.success());
    assert!(mount(&["-o", "remount,bind,ro", TRACEFS]).status.success());
    let told = text_of(&once());
    assert!(told.contains("ProtectKernelTunables"), "{told}");
    assert!(Command::new("umount").arg(TRACEFS).status().unwrap().success());
    // Nobody, who may read the program.
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("netstat-agentx");
    fs::copy(env!("CARGO_BIN_EXE_netstat-agentx"), &copy).unwrap();
    let nobody = |capabilities: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--clear-groups"]).args(capabilities).arg(&copy);
        text_of(
            &command
                .args(["resets", "--once", "--interval", "100ms"])
                .output()
                .expect("setpriv (util-linux)"),
        )
    };
    assert!(nobody(&[]).contains("needs root or CAP_DAC_OVERRIDE"), "{}", nobody(&[]));
    let with = nobody(&["--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"]);
    assert!(!with.contains("netstat-agentx: "), "{with}");
}
