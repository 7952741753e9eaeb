//! Real resets on loopback: traced, counted by port and reason, and shown with the process behind them.
//!
//! The kernel's events are those of all network namespaces, so that everything is told by ports that nobody else uses.
#![allow(clippy::print_stderr, clippy::print_stdout)]

use crate::common::{
    Agent, BASE, Guard, Snmpd, in_namespaces, proc_counters, program, text_of, this_test, unprivileged, until,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
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
    let test = this_test!();
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

/// Whether the numbers of processes are those that the kernel traces: the inode of the first process namespace is fixed
/// (PROC_PID_INIT_INO).
fn numbers_are_ours(test: &str) -> bool {
    let own = fs::read_link("/proc/self/ns/pid").unwrap();
    let ours = own == Path::new("pid:[4026531836]");
    if !ours {
        println!("note: {test}: in a process namespace of its own ({}), nobody can be named", own.display());
    }
    ours
}

#[test]
fn the_command_names_the_culprit() {
    let test = this_test!();
    if !in_namespaces(test, &["--net", "--mount"]) || !tracing_is_possible(test) {
        return;
    }
    let port = ports().next().unwrap();
    let culprit = knock(port);
    let pid = culprit.0.id();
    let output = resets(&["--once", "--interval", "1s"]);
    let text = text_of(&output);
    let line =
        text.lines().find(|line| line.starts_with(&format!("sent 127.0.0.1:{port} "))).unwrap_or_default();
    // Where this test itself runs in a process namespace of its own, nobody is named.
    let is_named = numbers_are_ours(test);
    let name = if is_named { format!(" (perl, pid {pid})") } else { String::new() };
    let rate = line
        .strip_prefix(&format!("sent 127.0.0.1:{port} NO_SOCKET "))
        .and_then(|rest| rest.strip_suffix(&format!("/s from 127.0.0.1{name}"))?.parse::<f64>().ok());
    assert!(rate.is_some_and(|rate| (4.0..=11.0).contains(&rate)), "{line}\n{text}");
    let output = resets(&["--once", "--json", "--interval", "1s"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of_port: Vec<_> =
        report["resets"].as_array().unwrap().iter().filter(|row| row["port"] == port).collect();
    assert_eq!(of_port.len(), 2, "{of_port:#?}");
    for (row, direction, side) in [(of_port[0], "sent", "local"), (of_port[1], "received", "remote")] {
        assert_eq!((&row["direction"], &row["side"]), (&direction.into(), &side.into()));
        let process = if is_named { serde_json::json!({"name": "perl", "pid": pid}) } else { Value::Null };
        assert_eq!(row["client"]["process"], process, "{row:#}");
        assert_eq!(row["service"], serde_json::json!({"address": "127.0.0.1", "process": null}), "{row:#}");
    }
    assert!(report["seconds"].as_f64().unwrap() >= 1.0 && report["lost"].is_u64(), "{report:#}");
}

/// A container with a process namespace of its own, and the host's tracefs. Its process 2 looks like the parent of the
/// kernel's threads, and its numbers are those of others on the host.
#[test]
fn nobody_is_named_in_a_process_namespace_of_its_own() {
    let test = this_test!();
    if !in_namespaces(test, &["--net", "--mount"]) || !tracing_is_possible(test) {
        return;
    }
    let container = ["--pid", "--fork", "--kill-child", "--mount-proc", "sleep", "60"];
    let container = Guard(Command::new("unshare").args(container).spawn().unwrap());
    let child = || {
        let children = format!("/proc/{0}/task/{0}/children", container.0.id());
        Some(fs::read_to_string(children).ok()?.split_whitespace().next()?.to_owned())
    };
    until(Duration::from_secs(5), "it is there", || child().is_some());
    let first = child().unwrap();
    let entered = || {
        let mut command = Command::new("nsenter");
        // Its root too: below chroot, that of the mount namespace is another one.
        command.args(["--target", &first, "--pid", "--mount", "--root"]);
        command
    };
    let posing = "$0 = 'kthreadd'; $| = 1; open F, '<', '/proc/self/status'; print <F>; sleep 60";
    let mut posing = Guard(entered().args(["perl", "-e", posing]).stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(posing.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let status: String = lines.take_while(|line| !line.starts_with("Uid:")).map(|line| line + "\n").collect();
    for line in ["Name:\tkthreadd\n", "Pid:\t2\n", "PPid:\t0\n"] {
        assert!(status.contains(line), "{status}");
    }
    let port = ports().nth(1).unwrap();
    let _culprit = knock(port);
    let output = entered()
        .arg(env!("CARGO_BIN_EXE_netstat-agentx"))
        .args(["resets", "--once", "--json", "--interval", "1s"])
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of_port: Vec<_> =
        report["resets"].as_array().unwrap().iter().filter(|row| row["port"] == port).collect();
    assert_eq!(of_port.len(), 2, "{report:#}");
    for row in of_port {
        assert_eq!((&row["client"]["process"], &row["service"]["process"]), (&Value::Null, &Value::Null));
    }
}

/// What the drop-in resets.conf does: root makes an instance, and a user without any right records in it.
#[test]
fn an_instance_that_root_prepared_needs_no_right() {
    let test = this_test!();
    if !in_namespaces(test, &["--net", "--mount"]) || !tracing_is_possible(test) {
        return;
    }
    // One for the host, which a package under test may have as well.
    let instance = Path::new(TRACEFS).join("instances/netstat-agentx-unit");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prepare.toml");
    fs::write(&config, "[resets]\nbuffer = \"128KiB\"\n").unwrap();
    let trace_instance = |arguments: &[&str]| {
        let mut command = program();
        command.arg("trace-instance").args(arguments);
        command
    };
    let prepare = |user: &str| {
        let output = trace_instance(&["prepare", "--user", user, "--config"]).arg(&config).output().unwrap();
        (text_of(&output), output.status.code())
    };
    let (told, status) = prepare("nobody-of-that-name");
    assert!(told.contains("no user 'nobody-of-that-name' in /etc/passwd") && status == Some(2), "{told}");
    // One that is left over, switched on, goes.
    fs::create_dir_all(&instance).unwrap();
    assert_eq!(prepare("nobody"), (format!("{}\n", instance.display()), Some(0)));
    // As BindPaths= has it: of tracefs, nothing else is to be seen.
    let seen = folder.path().join("seen");
    fs::create_dir(&seen).unwrap();
    let (tracefs, seen) = (Path::new(TRACEFS), seen.to_str().unwrap());
    assert!(mount(&["--bind", instance.to_str().unwrap(), seen]).status.success());
    let port = ports().nth(2).unwrap();
    let _culprit = knock(port);
    let nobody = || {
        let mut command = unprivileged(folder.path());
        command.env_remove("NETSTAT_AGENTX_NAMESPACE");
        command
    };
    let output = nobody().args(["resets", "--once", "--json", "--interval", "1s"]).output().unwrap();
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text_of(&output)));
    let count = |report: &Value| -> u64 {
        let rows = report["resets"].as_array().unwrap().iter().filter(|row| row["port"] == port);
        rows.map(|row| row["count"].as_u64().unwrap()).sum()
    };
    assert!((8..=24).contains(&count(&report)), "{report:#}");
    // What is recorded no more is not counted by the next one.
    let enabled = || fs::read_to_string(instance.join("events/tcp/tcp_send_reset/enable")).unwrap();
    assert_eq!(enabled(), "0\n");
    fs::write(instance.join("events/tcp/tcp_send_reset/enable"), "1").unwrap();
    std::thread::sleep(Duration::from_millis(800));
    let output = nobody().args(["resets", "--once", "--json", "--interval", "100ms"]).output().unwrap();
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text_of(&output)));
    assert!(count(&report) <= 6, "{report:#}");
    // The subagent, which begins and ends with SIGHUP, and says that the size of the buffers is not its own affair.
    let configure = |resets: &str| {
        format!("[agentx]\naddress = \"unix:{}/none\"\n[resets]\n{resets}", folder.path().display())
    };
    let mut agent = Agent::launch(nobody(), folder.path(), &configure("enabled = false"));
    until(Duration::from_secs(5), "it runs", || agent.log().contains("cannot connect"));
    for (resets, wanted) in [("enabled = true", "1\n"), ("enabled = false", "0\n"), ("enabled = true", "1\n")]
    {
        fs::write(&agent.config, configure(resets)).unwrap();
        agent.process.signal("-HUP");
        until(Duration::from_secs(5), resets, || enabled() == wanted);
    }
    assert!(agent.log().contains("the buffers are as large as they were made"), "{}", agent.log());
    // Toggled with another size: the one before ends first, or it would switch off what the next one switched on.
    fs::write(&agent.config, configure("enabled = true\nbuffer = \"128KiB\"")).unwrap();
    agent.process.signal("-HUP");
    until(Duration::from_secs(5), "it has begun again", || {
        agent.log().matches("tracing resets").count() == 3
    });
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(enabled(), "1\n");
    // Nobody may do more than that.
    for (file, text) in [
        ("buffer_size_kb", "4096"),
        ("events/enable", "1"),
        ("events/tcp/enable", "1"),
        ("events/tcp/tcp_probe/enable", "1"),
        ("events/tcp/tcp_send_reset/trigger", "stacktrace"),
        ("events/tcp/tcp_send_reset/filter", "0"),
        ("current_tracer", "function"),
        ("trace_marker", "x"),
        ("tracing_on", "0"),
    ] {
        let output = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", "echo \"$1\" > \"$0\""])
            .args([&format!("{seen}/{file}"), text])
            .output()
            .unwrap();
        assert!(text_of(&output).contains("Permission denied"), "{file}: {}", text_of(&output));
    }
    // Nobody takes it away while it is used; root's own command does not take it for a left-over.
    let told = text_of(&trace_instance(&["remove"]).output().unwrap());
    assert!(told.contains("busy"), "{told}");
    agent.process.signal("-TERM");
    agent.process.wait(Duration::from_secs(5));
    assert_eq!(enabled(), "0\n");
    assert!(Command::new("umount").arg(seen).status().unwrap().success());
    assert!(resets(&["--once", "--interval", "100ms"]).status.success() && instance.exists());
    assert!(
        tracefs.exists() && trace_instance(&["remove"]).status().unwrap().success() && !instance.exists()
    );
    assert!(trace_instance(&["remove"]).status().unwrap().success(), "nothing is there");
    // Nobody may prepare or remove one.
    for arguments in [&["prepare", "--user", "nobody"][..], &["remove"]] {
        let output = nobody().arg("trace-instance").args(arguments).output().unwrap();
        let refused = output.status.code() == Some(1) && text_of(&output).contains("Permission denied");
        assert!(refused, "{arguments:?}: {}", text_of(&output));
    }
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
    let test = this_test!();
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
    let test = this_test!();
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
    let test = this_test!();
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
    let test = this_test!();
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
