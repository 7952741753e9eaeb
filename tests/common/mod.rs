//! What the end-to-end tests share: a network namespace, a private snmpd, the subagent, Net-SNMP's tools.
#![allow(dead_code, unused_imports, unused_macros, reason = "not every one of them needs all of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs, clippy::print_stderr, clippy::print_stdout)]

pub mod master;
pub mod probe;
pub mod sockets;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::UdpSocket;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::{NamedTempFile, TempDir};

pub const BASE: &str = ".1.3.6.1.4.1.8072.9999.9999.2741";

/// The name of the test that this stands in, as `--exact` takes it: `snmpd::idle_is_free`.
macro_rules! this_test {
    () => {{
        fn here() {}
        let path = std::any::type_name_of_val(&here).trim_end_matches("::here");
        path.split_once("::").unwrap().1
    }};
}
pub(crate) use this_test;

/// The tests of one file run beside each other, those of another file after them: floods of requests and 100,000 sockets
/// would take from others the time that they hold a subagent to.
pub struct Turn(());

/// The file that has its turn, and how many turns of its tests go on.
static RUNNING: Mutex<(&str, usize)> = Mutex::new(("", 0));
static ENDED: Condvar = Condvar::new();

impl Turn {
    /// Waits for the turn of the caller's file. A test may take several.
    pub fn of(caller: &Location<'static>) -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let others = |running: &mut (&str, usize)| running.1 > 0 && running.0 != caller.file();
        let mut running = ENDED.wait_while(running, others).unwrap_or_else(PoisonError::into_inner);
        *running = (caller.file(), running.1 + 1);
        Self(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).1 -= 1;
        ENDED.notify_all();
    }
}

/// Runs the rest of the test in a network namespace of its own, as a child process of this very binary, so that
/// its sockets and counters are exact and disturb nobody. True in the child, false in the parent once the child has
/// passed: `if !in_namespace(this_test!()) { return }`.
#[track_caller]
pub fn in_namespace(test: &str) -> bool {
    // The processes of others are out of sight too: among many, snmpd finds no owner for some sockets.
    in_namespaces(test, &["--net", "--pid", "--fork", "--kill-child", "--mount-proc"])
}

/// The same in other namespaces than those, one of the network among them.
#[track_caller]
pub fn in_namespaces(test: &str, namespaces: &[&str]) -> bool {
    let _turn = Turn::of(Location::caller());
    if std::env::var_os("NETSTAT_AGENTX_NAMESPACE").is_some() {
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap();
        assert!(up.success(), "ip link set lo up");
        return true;
    }
    // Without root a user namespace around it gives the right to make one.
    let user = if is_root() { &[][..] } else { &["--map-root-user"] };
    let output = Command::new("unshare")
        .args(user)
        .args(namespaces)
        .args(if is_chrooted() { &IN_CHROOT[..] } else { &[] })
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--include-ignored"])
        .env("NETSTAT_AGENTX_NAMESPACE", "1")
        .output()
        .expect("unshare (util-linux)");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "in the namespace:\n{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // For those who want to see it: --nocapture.
    print!("{text}");
    // And what must be known of a test that passed, which cargo would not show.
    for note in text.lines().filter(|line| line.starts_with("note: ")) {
        std::io::stderr().write_all(format!("{note}\n").as_bytes()).unwrap();
    }
    false
}

/// Below chroot(8), / is no mount point as a rule. unshare cannot begin there to make all mounts of a new namespace
/// private then, so that each is made so by itself; and / becomes the mount point that tests expect of it: a copy of
/// everything, on a folder that every /proc has.
const IN_CHROOT: [&str; 6] = [
    "--propagation",
    "unchanged",
    "sh",
    "-ec",
    "while read -r _ _ _ _ at _; do mount --make-private \"$(printf %b \"$at\")\"; done </proc/self/mountinfo
     mount --rbind / /proc/driver; exec chroot /proc/driver \"$@\"",
    "sh",
];

fn is_chrooted() -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    !mounts.lines().any(|mount| mount.split(' ').nth(4) == Some("/"))
}

pub fn is_root() -> bool {
    fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own)).unwrap() == 0
}

/// A process that does not outlive its test.
pub struct Guard(pub Child);

impl Guard {
    pub fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits for the process to end by itself.
    pub fn wait(&mut self, within: Duration) -> std::process::ExitStatus {
        let mut status = None;
        until(within, "the process ends", || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where programs are looked for, those of the system too.
pub fn path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap())
}

/// Asks again and again until something is so.
pub fn until(within: Duration, what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + within;
    while !so() {
        assert!(Instant::now() < end, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A private snmpd: own configuration, own persistent folder, a loopback port, an AgentX socket in a folder of the
/// test.
pub struct Snmpd {
    pub folder: TempDir,
    pub port: u16,
    options: &'static [&'static str],
    process: Option<Guard>,
}

impl Snmpd {
    /// Lines are added to its snmpd.conf.
    pub fn start(lines: &str) -> Self {
        let mut snmpd = Self::stopped(&[]);
        snmpd.configure(&format!(
            "rocommunity public 127.0.0.1\nrwcommunity private 127.0.0.1\nmaster agentx\n{lines}"
        ));
        snmpd.restart();
        snmpd
    }

    /// Not started yet, with command-line options of its own.
    pub fn stopped(options: &'static [&'static str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { folder, port, options, process: None }
    }

    /// Writes its snmpd.conf: where it listens, then these lines.
    pub fn configure(&self, lines: &str) {
        let configuration =
            format!("agentaddress udp:127.0.0.1:{}\nagentXSocket {}\n{lines}\n", self.port, self.socket());
        fs::write(self.folder.path().join("snmpd.conf"), configuration).unwrap();
    }

    /// Where its master agent listens.
    pub fn socket(&self) -> String {
        format!("unix:{}/agentx/master", self.folder.path().display())
    }

    pub fn kill(&mut self) {
        self.process = None;
    }

    pub fn signal(&self, signal: &str) {
        self.process.as_ref().unwrap().signal(signal);
    }

    /// Starts it (again) and waits until it answers.
    pub fn restart(&mut self) {
        self.spawn();
        until(Duration::from_secs(10), "snmpd answers", || {
            self.get(&[".1.3.6.1.2.1.1.3.0"]).contains("Timeticks")
        });
    }

    /// Starts it (again).
    pub fn spawn(&mut self) {
        self.process = None;
        let process = Command::new("snmpd")
            .args(self.options)
            .args(["-f", "-Lf"])
            .arg(self.folder.path().join("snmpd.log"))
            // Not -C and -c, which leave out the persistent file and with it the users of SNMPv3.
            .env("SNMPCONFPATH", format!("{0}:{0}/persistent", self.folder.path().display()))
            .env("SNMP_PERSISTENT_DIR", self.folder.path().join("persistent"))
            .env("PATH", path())
            .env("MIBS", "")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("snmpd");
        self.process = Some(Guard(process));
    }

    fn tool(&self, tool: &str, community: &str, arguments: &[&str]) -> String {
        let output = Command::new(tool)
            .args(["-v2c", "-c", community, "-On", "-t", "2", "-r", "1", "-M", "/nonexistent", "-m", ""])
            .arg(format!("127.0.0.1:{}", self.port))
            .args(arguments)
            .output()
            .unwrap_or_else(|error| panic!("{tool}: {error}"));
        text_of(&output)
    }

    pub fn get(&self, names: &[&str]) -> String {
        self.tool("snmpget", "public", names)
    }

    pub fn getnext(&self, names: &[&str]) -> String {
        self.tool("snmpgetnext", "public", names)
    }

    pub fn set(&self, arguments: &[&str]) -> String {
        self.tool("snmpset", "private", arguments)
    }

    pub fn walk(&self, name: &str) -> Vec<(String, String)> {
        lines(&self.tool("snmpwalk", "public", &[name]))
    }

    pub fn bulkwalk(&self, name: &str) -> Vec<(String, String)> {
        lines(&self.tool("snmpbulkwalk", "public", &[name]))
    }

    /// Waits until the subagent's own objects can be had.
    pub fn await_agent(&self, within: Duration) {
        until(within, "the subagent is registered", || {
            self.get(&[&format!("{BASE}.1.5.1.0")]).contains("STRING")
        });
    }

    pub fn await_no_agent(&self, within: Duration) {
        until(within, "the subagent is gone", || self.get(&[&format!("{BASE}.1.5.1.0")]).contains("No Such"));
    }
}

pub fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The lines `NAME = VALUE` of a walk.
pub fn lines(text: &str) -> Vec<(String, String)> {
    let parts = text.lines().filter_map(|line| line.split_once(" = "));
    parts.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The sub-identifiers of a name, to compare names as SNMP does.
pub fn subids(name: &str) -> Vec<u32> {
    name.trim_start_matches('.').split('.').map(|subid| subid.parse().unwrap()).collect()
}

/// The subagent under test, with its log in a file.
pub struct Agent {
    pub process: Guard,
    pub log: PathBuf,
    pub config: PathBuf,
}

impl Agent {
    /// Starts it with a configuration in `folder`.
    pub fn start(folder: &Path, configuration: &str) -> Self {
        Self::launch(program(), folder, configuration)
    }

    /// The same with a command of ones own, which ends with the program.
    pub fn launch(mut command: Command, folder: &Path, configuration: &str) -> Self {
        let config = folder.join("netstat-agentx.toml");
        fs::write(&config, configuration).unwrap();
        let log = folder.join("netstat-agentx.log");
        let file = fs::File::create(&log).unwrap();
        let process = command.args(["run", "--config"]).arg(&config).stderr(file).spawn().unwrap();
        Self { process: Guard(process), log, config }
    }

    /// Starts it at a snmpd and waits until it is registered.
    pub fn at(snmpd: &Snmpd, configuration: &str) -> Self {
        let address = format!("[agentx]\naddress = \"{}\"\n{configuration}", snmpd.socket());
        let agent = Self::start(snmpd.folder.path(), &address);
        snmpd.await_agent(Duration::from_secs(5));
        agent
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// A field of /proc/PID/status, such as VmHWM in kB.
    pub fn status(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
        value.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// How many descriptors are open.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }

    /// Changes a limit while it runs: `prlimit --RESOURCE=LIMITS`.
    pub fn limit(&self, resource: &str, limits: &str) {
        let pid = self.pid().to_string();
        let limit = format!("--{resource}={limits}");
        let owner = fs::metadata(format!("/proc/{pid}")).map(|own| std::os::unix::fs::MetadataExt::uid(&own));
        let owner = owner.unwrap().to_string();
        // Root may have been robbed of the right to do this to others.
        let become_owner = ["--reuid", &owner, "--regid", &owner, "--clear-groups", "prlimit"];
        let become_owner = if is_root() && owner != "0" { &become_owner[..] } else { &["prlimit"][..] };
        let mut command = Command::new(if become_owner.len() > 1 { "setpriv" } else { "env" });
        assert!(command.args(become_owner).args(["--pid", &pid, &limit]).status().unwrap().success());
    }
}

/// The program as nobody, if we are root; a copy of it in `folder`, since whoever built it may have done so where nobody
/// else may enter.
pub fn unprivileged(folder: &Path) -> Command {
    if !is_root() {
        return program();
    }
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let binary = folder.join("netstat-agentx");
    fs::copy(env!("CARGO_BIN_EXE_netstat-agentx"), &binary).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]).arg(&binary);
    command
}

/// The program with a clock of its own, as libfaketime has it; nothing else sees that clock.
pub fn with_clock(clock: &[(&str, &str)]) -> Command {
    let multiarch = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let library = multiarch.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|file| file.exists());
    let mut command = program();
    command.env("LD_PRELOAD", library.expect("libfaketime (Debian: faketime)")).envs(clock.iter().copied());
    command
}

/// Group and name to value, as /proc has it now: a second opinion that shares nothing with the parsers.
pub fn proc_counters() -> BTreeMap<(String, String), i128> {
    let mut counters = BTreeMap::new();
    for file in ["snmp", "netstat"] {
        let text = fs::read_to_string(format!("/proc/net/{file}")).unwrap();
        let lines: Vec<_> = text.lines().collect();
        for pair in lines.chunks(2) {
            let (group, names) = pair[0].split_once(": ").unwrap();
            let values = pair[1].split_once(": ").unwrap().1.split(' ');
            for (name, value) in names.split(' ').zip(values) {
                counters.insert((group.to_owned(), name.to_owned()), value.parse().unwrap());
            }
        }
    }
    for (file, groups) in [("snmp6", &["UdpLite6", "Udp6", "Icmp6", "Ip6"][..]), ("xfrm_stat", &["Xfrm"])] {
        for line in fs::read_to_string(format!("/proc/net/{file}")).unwrap_or_default().lines() {
            let (name, value) = line.split_once(char::is_whitespace).unwrap();
            let group = groups.iter().find(|group| name.starts_with(**group)).unwrap();
            let name = if *group == "Xfrm" { name } else { name.strip_prefix(group).unwrap() };
            counters.insert(((*group).to_owned(), name.to_owned()), value.trim().parse().unwrap());
        }
    }
    // A row for each CPU, in hexadecimal: the columns that Linux has had since 6.4, by position.
    let softnet = fs::read_to_string("/proc/net/softnet_stat").unwrap_or_default();
    for (name, column) in [
        ("processed", 0),
        ("dropped", 1),
        ("time_squeeze", 2),
        ("received_rps", 9),
        ("flow_limit_count", 10),
        ("backlog_len", 11),
        ("input_qlen", 13),
        ("process_qlen", 14),
    ] {
        let figures = softnet.lines().filter_map(|line| line.split_whitespace().nth(column));
        let figures: Vec<_> = figures.map(|figure| i128::from_str_radix(figure, 16).unwrap()).collect();
        if !figures.is_empty() {
            counters.insert(("Softnet".to_owned(), name.to_owned()), figures.iter().sum());
        }
    }
    for (file, group) in [
        ("nf_conntrack", "Conntrack"),
        ("arp_cache", "ArpCache"),
        ("ndisc_cache", "NdiscCache"),
        ("synproxy", "Synproxy"),
    ] {
        let text = fs::read_to_string(format!("/proc/net/stat/{file}")).unwrap_or_default();
        let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let names = lines.next().unwrap_or_default();
        let rows: Vec<_> = lines.collect();
        // Since Linux 5.10 these are a 0 that counts nothing.
        let retired =
            if names.contains(&"clashres") { &["new", "ignore", "delete", "delete_list"][..] } else { &[] };
        for (column, name) in names.iter().enumerate().filter(|(_, name)| !retired.contains(name)) {
            let mut figures = rows.iter().map(|row| i128::from_str_radix(row[column], 16).unwrap());
            // How many there are of all, in every row.
            let figure = if *name == "entries" { figures.next_back().unwrap() } else { figures.sum() };
            counters.insert((group.to_owned(), (*name).to_owned()), figure);
        }
    }
    for line in fs::read_to_string("/proc/net/tls_stat").unwrap_or_default().lines() {
        let (name, value) = line.split_once(char::is_whitespace).unwrap();
        counters.insert(("Tls".to_owned(), name.to_owned()), value.trim().parse().unwrap());
    }
    counters
}

/// The binary under test.
pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_netstat-agentx"))
}

/// What the program prints, and its exit status.
pub fn run(arguments: &[&str]) -> (String, i32) {
    let output = program().args(arguments).output().unwrap();
    (text_of(&output), output.status.code().unwrap())
}

/// What `get` gives for OIDs, without snmpd; nothing for an instance that is not there or no number.
pub fn figures(oids: &[&str]) -> Vec<Option<u64>> {
    let (text, status) = run(&[&["get"], oids].concat());
    assert_eq!(status, 0, "{text}");
    let lines = lines(&text);
    assert_eq!(lines.len(), oids.len(), "{text}");
    lines.iter().map(|(_, value)| value.rsplit_once(": ")?.1.parse().ok()).collect()
}

pub fn tree(version: &str) -> String {
    format!("{}/tests/proc/{version}", env!("CARGO_MANIFEST_DIR"))
}

/// A configuration that reads a tree.
pub fn configured(root: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    write!(file, "[proc]\nroot = \"{root}\"\n").unwrap();
    file
}

/// What the program prints on a tree, and its exit status.
pub fn on_tree(root: &str, arguments: &[&str]) -> (String, i32) {
    let file = configured(root);
    run(&[arguments, &["--config", file.path().to_str().unwrap()]].concat())
}

/// Copies a tree, to change it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
