//! snmpd with subagents; walks of the counters through it, compared with the floor; and the reading of the counter files.

use crate::floor::BESIDE;
use crate::measure::{Guard, Table, cpu, cpu_of, pairs, wall};
use netstat_agentx::proc::read::ProcRoot;
use netstat_agentx::snapshot::counters::Counters;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

pub const BASE: &str = BESIDE[0].0;
pub const PORT: &str = "127.0.0.1:16171";

/// One reading of all counter files, compared with only reading them and with `cat`.
pub fn counter_files(table: &mut Table) {
    let root = ProcRoot::new("/proc");
    let files = ["snmp", "netstat", "snmp6", "xfrm_stat"].map(|file| format!("/proc/net/{file}"));
    let read = || files.iter().for_each(|file| drop(std::fs::read(file).unwrap()));
    let times = 1001;
    let (ours, theirs, _) = pairs(times, || cpu(|| Counters::read(&root)), || cpu(read));
    table.add(
        "one reading of all counter files, CPU",
        ours,
        "reading them and no more, in the same process",
        theirs,
        times,
    );
    let (ours, theirs, _) =
        pairs(101, || cpu(|| Counters::read(&root)), || cpu_of(Command::new("cat").args(&files)));
    table.add("the same", ours, "`cat` of the same files, as a process", theirs, 101);
}

/// snmpd with our subagent and the floor registered, or with its own modules alone.
pub struct Agents {
    folder: TempDir,
    port: &'static str,
    /// snmpd's address for subagents.
    address: String,
    processes: Vec<Guard>,
}

impl Agents {
    pub fn snmpd() -> Self {
        Self::snmpd_on(PORT)
    }

    pub fn snmpd_on(port: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("unix:{}", folder.path().join("master").display());
        Self::snmpd_at(port, folder, address)
    }

    /// Subagents connect over TCP.
    pub fn snmpd_over_tcp() -> Self {
        Self::snmpd_at(PORT, tempfile::tempdir().unwrap(), "tcp:127.0.0.1:16705".into())
    }

    fn snmpd_at(port: &'static str, folder: TempDir, address: String) -> Self {
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(
            path("snmpd.conf"),
            format!("agentaddress udp:{port}\nrocommunity public 127.0.0.1\nmaster agentx\nagentXSocket {address}\n"),
        )
        .unwrap();
        let snmpd = Command::new("/usr/sbin/snmpd")
            .args(["-f", "-C", "-Lf", "/dev/null", "-c", &path("snmpd.conf")])
            .env("SNMP_PERSISTENT_DIR", path("persistent"))
            .env("MIBS", "")
            .stderr(Stdio::null())
            .spawn()
            .expect("snmpd");
        let agents = Self { folder, port, address, processes: vec![Guard(snmpd)] };
        await_so("snmpd", || agents.answers(".1.3.6.1.2.1.1.3.0"));
        agents
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub fn add_ours(&mut self) {
        self.add_ours_with("");
    }

    /// Adds our subagent as it is on a machine with one processor: it does not poll for the next request.
    pub fn add_ours_that_sleeps(&mut self) {
        self.add("taskset -c 0", "");
        let pid = self.processes[1].0.id().to_string();
        let all = format!("0-{}", std::thread::available_parallelism().unwrap().get() - 1);
        let freed =
            Command::new("taskset").args(["-a", "-c", "-p", &all, &pid]).stdout(Stdio::null()).status();
        assert!(freed.unwrap().success());
    }

    /// Adds our subagent with additional configuration lines.
    pub fn add_ours_with(&mut self, more: &str) {
        self.add("", more);
    }

    fn add(&mut self, through: &str, more: &str) {
        std::fs::write(
            self.path("agent.toml"),
            format!("[agentx]\naddress = \"{}\"\n[log]\nlevel = \"error\"\n{more}", self.address),
        )
        .unwrap();
        let program = env!("CARGO_BIN_EXE_netstat-agentx");
        let words: Vec<_> = through.split_whitespace().chain([program]).collect();
        let mut command = Command::new(words[0]);
        let agent =
            command.args(&words[1..]).args(["run", "--config", &self.path("agent.toml")]).spawn().unwrap();
        self.processes.push(Guard(agent));
        await_so("the subagent", || self.answers(&format!("{BASE}.1.5.1.0")));
    }

    /// CPU time of snmpd and the subagents so far.
    pub fn cpu(&self) -> f64 {
        self.processes.iter().map(Guard::cpu).sum()
    }

    /// CPU time of the subagent alone.
    pub fn own_cpu(&self) -> f64 {
        self.processes[1].cpu()
    }

    /// The subagent's process.
    pub fn pid(&self) -> u32 {
        self.processes[1].0.id()
    }

    /// Resident memory of the subagent in MB.
    pub fn resident(&self) -> f64 {
        self.processes[1].resident() as f64 / 1000.0
    }

    /// Records what we serve below a subtree, and lets the floor, which `sleeps` or `polls`, serve the same beside it.
    pub fn add_floor(&mut self, subtree: &str, how: &str) -> String {
        let output = self.command("snmpbulkwalk", subtree).output().unwrap();
        std::fs::write(self.path("recorded"), output.stdout).unwrap();
        let floor = Command::new(std::env::current_exe().unwrap())
            .args(["floor", &self.address, &self.path("recorded"), how])
            .spawn()
            .unwrap();
        self.processes.push(Guard(floor));
        let (from, to) = BESIDE.iter().find(|(from, _)| subtree.starts_with(from)).unwrap();
        let beside = subtree.replacen(from, to, 1);
        let rows = self.walk("snmpbulkwalk", subtree);
        await_so("the floor", || self.walk("snmpbulkwalk", &beside).abs_diff(rows) <= 4);
        beside
    }

    /// Ends the floor, so that the next one can register its subtrees.
    pub fn remove_floor(&mut self) {
        self.processes.pop();
        std::thread::sleep(Duration::from_millis(300));
    }

    /// Whether an instance can be read. An absent subagent is not waited for as long as a slow answer.
    fn answers(&self, name: &str) -> bool {
        let output = self.within("0.5", "snmpget", name).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.contains(" = ") && !text.contains("No Such")
    }

    fn command(&self, tool: &str, subtree: &str) -> Command {
        self.within("120", tool, subtree)
    }

    fn within(&self, seconds: &str, tool: &str, subtree: &str) -> Command {
        let mut command = Command::new(tool);
        let mibs = ["-On", "-M", "/nonexistent", "-m", "", "-r", "0", "-t", seconds];
        command.args(["-v2c", "-c", "public"]).args(mibs).args([self.port, subtree]);
        command
    }

    /// The number of instances in a walk.
    pub fn walk(&self, tool: &str, subtree: &str) -> usize {
        let output = self.command(tool, subtree).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines()
            .filter(|line| line.contains(" = ") && !line.contains("No Such") && !line.contains("No more"))
            .count()
    }

    /// The names of all instances below a subtree.
    pub fn names(&self, subtree: &str) -> Vec<String> {
        self.rows(subtree).into_iter().map(|(name, _)| name).collect()
    }

    /// All instances below a subtree with their values, as snmpbulkwalk prints them.
    pub fn rows(&self, subtree: &str) -> Vec<(String, String)> {
        let output = self.command("snmpbulkwalk", subtree).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let rows = text.lines().filter_map(|line| line.split_once(" = "));
        rows.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The value of an instance, as snmpget prints it.
    pub fn value(&self, name: &str) -> String {
        let output = self.command("snmpget", name).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.split_once(" = ").map_or(String::new(), |(_, value)| value.trim().to_owned())
    }

    pub fn timed(&self, tool: &str, subtree: &str, rows: usize) -> f64 {
        let mut seen = 0;
        let time = wall(|| seen = self.walk(tool, subtree));
        // A connection of a subagent over TCP has sockets of its own.
        assert!(seen.abs_diff(rows) <= 4, "{seen} of {rows}: {subtree}");
        time
    }
}

fn await_so(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..100 {
        if so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{what} does not answer");
}

fn beside_floor(table: &mut Table, agents: &mut Agents, tool: &str, what: &str, subtree: &str, times: usize) {
    let beside = agents.add_floor(subtree, "sleeps");
    let rows = agents.walk(tool, subtree);
    let (ours, floor, ratio) =
        pairs(times, || agents.timed(tool, subtree, rows), || agents.timed(tool, &beside, rows));
    table.add(
        &format!("{what}, {rows} instances, {tool}"),
        ours,
        "the floor: constants of the same size",
        floor,
        times,
    );
    table.note(&format!("{what}: median of the ratios of the pairs"), &format!("{ratio:.2}"));
    agents.remove_floor();
}

pub fn counter_walks(table: &mut Table) {
    let mut agents = Agents::snmpd();
    agents.add_ours();
    for tool in ["snmpbulkwalk", "snmpwalk"] {
        beside_floor(table, &mut agents, tool, "lnsCounters", &format!("{BASE}.1.3"), 31);
        beside_floor(table, &mut agents, tool, "lnsCounterTable", &format!("{BASE}.1.4"), 31);
    }
}
