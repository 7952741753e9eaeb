//! Munin's own programs with the plugins of config/munin. 'make test-consumers' installs them.

use crate::common::sockets::ss;
use crate::common::{Agent, Snmpd, figures, in_namespace, path, this_test};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Limits that only the first network namespace of a host has.
const NOT_HERE: [&str; 2] = ["lnsLimitTcpMemPressure", "lnsLimitTcpMemHigh"];

/// Counted for the whole host, so that other tests move them too.
const OF_THE_WHOLE_HOST: [&str; 2] = ["lnsSockstatTcpOrphan", "lnsSockstatTcpMem"];

/// Folders as those in /usr/share/munin and /etc/munin, which the user 'munin' can read.
struct Node {
    folder: tempfile::TempDir,
    port: u16,
}

impl Node {
    fn new(port: u16) -> Self {
        let node = Self { folder: tempfile::tempdir().unwrap(), port };
        for folder in ["library", "services", "settings"].map(|name| node.path(name)) {
            fs::create_dir(folder).unwrap();
        }
        fs::set_permissions(node.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/config/munin")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), node.path("library").join(entry.file_name())).unwrap();
        }
        node.set("");
        node
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the configuration of the plugins.
    fn set(&self, lines: &str) {
        let text = format!("[snmp_*]\nenv.port {}\nenv.community public\n{lines}\n", self.port);
        fs::write(self.path("settings/snmp"), text).unwrap();
    }

    fn plugins(&self) -> BTreeSet<String> {
        let names = fs::read_dir(self.path("library")).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).filter(|name| name.starts_with("snmp__")).collect()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("PATH", path());
        command.arg("--servicedir").arg(self.path("services")).arg("--sconfdir").arg(self.path("settings"));
        command
    }

    /// The links that munin-node-configure would make, as name and target.
    fn offered(&self, library: &Path) -> BTreeMap<String, String> {
        let output = self
            .command("munin-node-configure")
            .arg("--libdir")
            .arg(library)
            .args(["--snmp", "127.0.0.1", "--snmpport", &self.port.to_string(), "--shell"])
            .output()
            .expect("munin-node-configure (munin-node)");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let commands = String::from_utf8(output.stdout).unwrap();
        let links = commands.lines().map(|line| {
            let parts: Vec<_> = line.split('\'').collect();
            assert_eq!(parts[0], "ln -s ", "{line}");
            (parts[3].rsplit_once('/').unwrap().1.to_owned(), parts[1].to_owned())
        });
        links.collect()
    }

    fn run(&self, service: &str, mode: &[&str]) -> Output {
        self.command("munin-run").arg(service).args(mode).output().expect("munin-run (munin-node)")
    }

    /// What a plugin prints, by what comes first on its lines.
    fn told(&self, service: &str, mode: &[&str]) -> BTreeMap<String, String> {
        let output = self.run(service, mode);
        assert!(output.status.success() && output.stderr.is_empty(), "{service}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let pairs =
            text.lines().map(|line| line.split_once(' ').unwrap_or_else(|| panic!("{service}: {line}")));
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// The values of a plugin's fields.
    fn values(&self, service: &str) -> BTreeMap<String, Option<u64>> {
        let told = self.told(service, &[]);
        let values = told.iter().map(|(key, value)| {
            let field = key.strip_suffix(".value").unwrap_or_else(|| panic!("{service}: {key}"));
            (field.to_owned(), (value != "U").then(|| value.parse().unwrap()))
        });
        values.collect()
    }
}

/// Field and OID of each line that a plugin declares.
fn declared(plugin: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(plugin).unwrap();
    let of = |key: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix(key));
        lines.map(|rest| rest.split('\'').nth(1).unwrap().to_owned()).collect()
    };
    let (names, oids) = (of("name  => "), of("oid   => "));
    assert_eq!(names.len(), oids.len());
    names.into_iter().zip(oids).collect()
}

/// That a plugin's states are what ss says.
fn are_states(
    values: &BTreeMap<String, Option<u64>>,
    before: &BTreeMap<u32, u64>,
    after: &BTreeMap<u32, u64>,
) {
    for (state, field) in (1..).zip(crate::TCP_STATES) {
        let [low, high] = [before, after].map(|counts| counts.get(&state).copied().unwrap_or(0));
        let value = values[field].unwrap();
        assert!((low.min(high)..=low.max(high)).contains(&value), "{field} {value}, not {low} to {high}");
    }
}

fn both_families() -> BTreeMap<u32, u64> {
    let mut counts = ss("-4");
    for (state, count) in ss("-6") {
        *counts.entry(state).or_insert(0) += count;
    }
    counts
}

#[test]
#[ignore = "needs munin-node and libnet-snmp-perl: make test-consumers"]
fn munin_offers_configures_and_fetches() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let node = Node::new(snmpd.port);
    let plugins = node.plugins();
    assert!(plugins.len() >= 16, "{plugins:?}");

    // Not without the subagent, although snmpd by itself has some of the objects.
    assert_eq!(node.offered(&node.path("library")), BTreeMap::new());
    let _zoo = crate::common::sockets::Zoo::open();
    let agent = Agent::at(&snmpd, "[refresh]\ncounters-max-age = \"100ms\"\nsockets-max-age = \"100ms\"");
    let offered = node.offered(&node.path("library"));
    let expected = plugins.iter().map(|plugin| plugin.replacen("snmp__", "snmp_127.0.0.1_", 1));
    assert_eq!(offered.keys().cloned().collect::<BTreeSet<_>>(), expected.collect());
    for (link, target) in &offered {
        symlink(target, node.path("services").join(link)).unwrap();
    }

    let before = both_families();
    assert!(before.len() >= 10, "{before:?}");
    let values = node.values("snmp_127.0.0.1_lns_tcp_states");
    are_states(&values, &before, &both_families());
    assert_eq!(values.len(), 11);

    // Munin's own plugin, which counts the rows of tcpConnTable, thus IPv4.
    let own = node.offered(Path::new("/usr/share/munin/plugins"));
    symlink(&own["snmp_127.0.0.1_netstat"], node.path("services/snmp_127.0.0.1_netstat")).unwrap();
    let before = ss("-4");
    are_states(&node.values("snmp_127.0.0.1_netstat"), &before, &ss("-4"));

    let mut absent = BTreeSet::new();
    for (service, plugin) in &offered {
        let (fields, oids): (Vec<_>, Vec<_>) = declared(Path::new(plugin)).into_iter().unzip();
        let oids: Vec<_> = oids.iter().map(String::as_str).collect();
        let config = node.told(service, &["config"]);
        assert_eq!(config["graph_category"], "network");
        assert!(!config["graph_title"].is_empty() && config["graph_info"].ends_with('.'), "{service}");
        let rate = config["graph_vlabel"].ends_with(" per ${graph_period}");
        for field in &fields {
            assert!(config[&format!("{field}.info")].ends_with('.'), "{field}");
            assert!(!config[&format!("{field}.label")].is_empty(), "{field}");
            assert_eq!(config[&format!("{field}.type")], if rate { "DERIVE" } else { "GAUGE" }, "{field}");
            assert_eq!(config[&format!("{field}.min")], "0", "{field}");
        }
        assert_eq!(config.keys().filter(|key| key.ends_with(".label")).count(), fields.len());

        let before = figures(&oids);
        let values = node.values(service);
        let after = figures(&oids);
        assert!(values.keys().eq(&fields.iter().cloned().collect::<BTreeSet<_>>()), "{service}: {values:?}");
        for (field, (low, high)) in fields.iter().zip(before.into_iter().zip(after)) {
            let Some(value) = values[field] else {
                assert_eq!((low, high), (None, None), "{field}");
                absent.insert(field.clone());
                continue;
            };
            let (low, high) = (low.unwrap(), high.unwrap());
            // munin-run has sockets of its own.
            let own = if rate { 0 } else { 8 };
            let range = low.min(high)..=low.max(high) + own;
            assert!(
                range.contains(&value) || OF_THE_WHOLE_HOST.contains(&field.as_str()),
                "{field} {value}, not {range:?}"
            );
        }
    }
    assert!(absent.iter().eq(NOT_HERE.iter().collect::<BTreeSet<_>>()), "{absent:?}");
    let value = |service: &str, field: &str| node.values(&format!("snmp_127.0.0.1_lns_{service}"))[field];
    assert!(value("tcp_listen", "lnsTcpExtListenDrops").unwrap() >= 2, "listeners that are full");

    // Thresholds: of a limit that the host tells, of one that it does not tell, ours, and the user's own.
    node.set("env.lnsTcpExtListenDrops_warning 7");
    let sockets = node.told("snmp_127.0.0.1_lns_sockets", &["config"]);
    let buckets: u64 =
        fs::read_to_string("/proc/sys/net/ipv4/tcp_max_tw_buckets").unwrap().trim().parse().unwrap();
    assert_eq!(sockets["lnsSockstatTcpTimeWait.warning"], (buckets * 80 / 100).to_string());
    assert!(!sockets.contains_key("lnsSockstatTcpOrphan.warning"));
    let listen = node.told("snmp_127.0.0.1_lns_tcp_listen", &["config"]);
    assert_eq!(listen["lnsTcpExtListenOverflows.warning"], "1");
    assert_eq!(listen["lnsTcpExtListenDrops.warning"], "7");
    assert_eq!(listen["lnsTcpExtListenDrops.critical"], "5");

    // SNMPv1 has no 64-bit counters; what it has is not lost with them.
    node.set("env.version 1");
    let handshake = node.values("snmp_127.0.0.1_lns_tcp_handshake");
    assert_eq!(handshake["lnsTcpExtTCPSynRetrans"], None);
    assert_eq!(handshake.values().flatten().count(), 3, "{handshake:?}");
    assert_eq!(node.values("snmp_127.0.0.1_lns_tcp_listen").values().flatten().count(), 0);

    // Nobody answers: configured all the same, no value, and a word about it.
    drop((agent, snmpd));
    node.set("env.timeout 1");
    let output = node.run("snmp_127.0.0.1_lns_tcp_memory", &[]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).matches(".value U\n").count(), 3, "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("No response"), "{output:?}");
    let output = node.run("snmp_127.0.0.1_lns_tcp_memory", &["config"]);
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("Mem.label in use"));
}
