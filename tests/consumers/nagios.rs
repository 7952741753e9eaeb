//! config/nagios: its OIDs and ranges against our declarations, and its checks in a real Nagios 4 and a real Icinga 2.

use crate::common::{Agent, Guard, Snmpd, configured, in_namespace, on_tree, text_of, this_test, tree};
use netstat_agentx::mib::names;
use netstat_agentx::mib::view::{LeafKind, Served, View};
use netstat_agentx::range::Range;
use netstat_agentx::smi::oid::Oid;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/nagios");
const BASE: &str = "1.3.6.1.4.1.8072.9999.9999.2741";
const INSTALLED: &str = "/usr/bin/netstat-agentx";

fn shipped(file: &str) -> String {
    fs::read_to_string(Path::new(FOLDER).join(file)).unwrap()
}

/// The Nagios objects with their continued lines joined and the macros of the host filled in.
fn nagios_expanded() -> String {
    let mut text = shipped("netstat-agentx.cfg").replace("\\\n        ", "");
    let custom: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix('_')?.split_once(' '))
        .map(|(name, value)| (format!("$_HOST{name}$"), value.trim().to_owned()))
        .collect();
    for (name, value) in custom {
        text = text.replace(&name, &value);
    }
    text
}

/// The Icinga objects with their two constants filled in.
fn icinga_expanded() -> String {
    let text = shipped("icinga2.conf");
    assert!(text.contains(&format!("const NetstatBase = \"{BASE}\"")));
    assert!(text.contains("const NetstatMib2 = \"1.3.6.1.2.1\""));
    text.replace("NetstatBase + \"", &format!("\"{BASE}")).replace("NetstatMib2 + \"", "\"1.3.6.1.2.1")
}

/// Every OID in a text but the two bases, and every name of an instance, both in order.
fn oids_and_names(text: &str) -> (Vec<Oid>, Vec<String>) {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'));
    let (mut oids, mut names) = (Vec::new(), Vec::new());
    for word in words {
        let bare = word.trim_matches('.');
        if bare.starts_with("1.3.") && bare != BASE && bare != "1.3.6.1.2.1" {
            oids.push(bare.parse().unwrap());
        } else if bare.contains('.') && ["lns", "tcp", "udp"].iter().any(|prefix| bare.starts_with(prefix)) {
            names.push(bare.to_owned());
        }
    }
    (oids, names)
}

#[test]
fn every_oid_is_an_instance_of_ours_and_has_its_name_beside_it() {
    let base: Oid = BASE.parse().unwrap();
    let view = View::new(Served { base: base.clone(), mib_2: true, private: true });
    let files = [nagios_expanded(), icinga_expanded()].map(|text| oids_and_names(&text));
    let [nagios, icinga] = files.clone().map(|(oids, _)| oids.into_iter().collect::<BTreeSet<_>>());
    assert_eq!(nagios, icinga, "one file checks more than the other");
    for (oids, names) in files {
        assert!(oids.len() >= 20 && oids.len() == names.len(), "{oids:?} {names:?}");
        for (oid, name) in oids.iter().zip(&names) {
            assert_eq!(names::resolve(name, &base).unwrap(), *oid, "{name}");
            let leaf = view.leaves().iter().find(|leaf| oid.as_slice().starts_with(&leaf.oid)).expect(name);
            match leaf.kind {
                LeafKind::Scalar(_) | LeafKind::Registered(..) => {
                    assert_eq!(oid.as_slice()[leaf.oid.len()..], [0], "{name}");
                }
                LeafKind::Column(..) => {
                    let (value, _) = on_tree(&tree("6.18"), &["get", name]);
                    assert!(value.contains("Gauge32"), "{name}: {value}");
                }
            }
        }
    }
}

/// check_snmp calls an object that is not there well if it has no range.
#[test]
fn every_object_has_a_label_and_two_ranges() {
    let count = |list: &str| list.split(',').count();
    let assert_ranges = |list: &str| {
        for range in list.split(',') {
            range.parse::<Range>().unwrap_or_else(|error| panic!("{list}: {error}"));
        }
    };
    let nagios = nagios_expanded();
    let checks: Vec<Vec<&str>> = nagios
        .lines()
        .filter_map(|line| line.trim().strip_prefix("check_command"))
        .filter(|command| command.contains("check_netstat_snmp"))
        .map(|command| command.trim().split('!').collect())
        .collect();
    assert_eq!(checks.len(), 10);
    for check in checks {
        let [_, oids, labels, warning, critical] = check[..] else { panic!("{check:?}") };
        assert!([labels, warning, critical].iter().all(|list| count(list) == count(oids)), "{check:?}");
        assert_ranges(warning);
        assert_ranges(critical);
    }
    let icinga = icinga_expanded();
    let objects: Vec<Vec<&str>> = icinga
        .lines()
        .filter(|line| line.trim_start().starts_with("[ \""))
        .map(|line| line.split('"').skip(1).step_by(2).collect())
        .collect();
    let (oids, _) = oids_and_names(&icinga);
    // All but the subagent's version.
    assert_eq!(objects.len(), oids.len() - 1);
    for object in objects {
        let [_, _, warning, critical] = object[..] else { panic!("{object:?}") };
        assert_ranges(warning);
        assert_ranges(critical);
    }
}

#[test]
fn the_commands_of_nrpe_are_good_checks() {
    let file = configured(&tree("6.18"));
    let commands = shipped("nrpe.cfg");
    let commands: Vec<_> = commands.lines().filter_map(|line| line.split_once("]=")).collect();
    assert_eq!(commands.len(), 6);
    for (name, command) in commands {
        let ours = command.strip_prefix(INSTALLED).unwrap_or_else(|| panic!("{command}"));
        let output = crate::common::program()
            .args(ours.split_whitespace())
            .arg("--config")
            .arg(file.path())
            .output()
            .unwrap();
        // Nobody's listeners can be seen in a tree.
        let expected = if name.contains("listeners") { 3 } else { 0 };
        assert_eq!(output.status.code(), Some(expected), "{name}: {}", text_of(&output));
    }
}

/// A program with everything it starts, which ends when this is dropped.
fn contained(command: &str) -> Command {
    let mut contained = Command::new("unshare");
    contained.args(["--pid", "--fork", "--kill-child", command]);
    contained.env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap()));
    contained
}

/// Nagios or Icinga, with its own folder and the file that tells of the state of every service.
struct Monitor {
    folder: TempDir,
    process: Option<Guard>,
}

impl Monitor {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for below in ["state", "results", "archives"] {
            fs::create_dir(folder.path().join(below)).unwrap();
        }
        Self { folder, process: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The shipped file, with the binary under test in place of the installed one.
    fn add_shipped(&self, file: &str) -> PathBuf {
        let path = self.path(file);
        let text = shipped(file);
        assert!(text.contains(INSTALLED));
        fs::write(&path, text.replace(INSTALLED, env!("CARGO_BIN_EXE_netstat-agentx"))).unwrap();
        path
    }

    fn start(&mut self, mut command: Command) {
        let log = fs::File::create(self.path("log")).unwrap();
        // check_snmp keeps the previous values of counters there.
        command.env("MP_STATE_PATH", self.path("state")).stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(Guard(command.stdin(Stdio::null()).process_group(0).spawn().unwrap()));
    }

    /// State and text of every service that was checked so far.
    fn services(&self) -> BTreeMap<String, (u8, String)> {
        let text = fs::read_to_string(self.path("status.dat")).unwrap_or_default();
        let blocks = text.split("servicestatus {").skip(1);
        let of = |block: &str, key: &str| {
            let line = block.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
            line.map(str::to_owned)
        };
        blocks
            .filter_map(|block| {
                let text = of(block, "plugin_output").filter(|text| !text.is_empty())?;
                Some((of(block, "service_description")?, (of(block, "current_state")?.parse().ok()?, text)))
            })
            .collect()
    }

    #[track_caller]
    fn await_service(&self, service: &str, state: u8, words: &str) {
        let mut seen = None;
        let end = std::time::Instant::now() + Duration::from_secs(60);
        while std::time::Instant::now() < end {
            seen = self.services().remove(service);
            if seen.as_ref().is_some_and(|(is, text)| *is == state && text.contains(words)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!(
            "{service} is not {state} with '{words}' but {seen:?}; all: {:#?}\n{}",
            self.services(),
            fs::read_to_string(self.path("log")).unwrap()
        );
    }
}

/// Established and half-closed sockets: seven in CLOSE_WAIT and seven in FIN_WAIT2.
fn some_sockets() -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut streams = Vec::new();
    for number in 0..10 {
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        if number < 7 {
            near.shutdown(Shutdown::Write).unwrap();
        }
        streams.extend([near, listener.accept().unwrap().0]);
    }
    (listener, streams)
}

/// What every monitor must show: true figures, an alarm that comes when connections are lost, and that the subagent
/// is gone.
fn watch(
    monitor: &mut Monitor,
    mut agent: Agent,
    start: impl FnOnce(&mut Monitor),
    while_well: impl FnOnce(&Monitor),
) {
    // Before the listener that is to lose connections, which then queues two.
    fs::write("/proc/sys/net/core/somaxconn", "1").unwrap();
    let crowded = TcpListener::bind("127.0.0.1:0").unwrap();
    let _queued: Vec<_> =
        (0..2).map(|_| TcpStream::connect(crowded.local_addr().unwrap()).unwrap()).collect();
    let _sockets = some_sockets();
    start(monitor);
    monitor.await_service(
        "TCP sockets by state",
        0,
        // Both ends of three pairs and of the two that wait for accept(2); snmpd listens too.
        "established 10 synSent 0 synReceived 0 finWait1 0 finWait2 7 timeWait 0 closed 0 closeWait 7 lastAck 0 listen 3",
    );
    monitor.await_service("TCP CLOSE_WAIT", 0, "SNMP OK - closeWait 7");
    monitor.await_service("netstat-agentx", 0, env!("CARGO_PKG_VERSION"));
    monitor.await_service("sockets", 0, "tcp CLOSE WAIT: 7");
    monitor.await_service("limits", 0, "limits within their ranges, the highest: ");
    monitor.await_service("listeners", 2, "200 % full (2 wait, limit 1)");
    monitor.await_service("TCP TIME_WAIT", 0, "SNMP OK - timeWait 0 limit ");
    monitor.await_service("TCP ephemeral ports", 0, "SNMP OK - percent 0");
    // Not in a network namespace of its own: UNKNOWN, which check_snmp says only where there is a range.
    monitor.await_service("TCP orphans", 3, "No Such Instance");
    monitor.await_service("TCP memory", 3, "No Such Instance");
    monitor.await_service("UDP buffer errors", 0, "SNMP RATE OK - Rcvbuf 0 Sndbuf 0 Rcvbuf6 0 Sndbuf6 0");
    monitor.await_service("TCP SYN queue", 0, "SNMP RATE OK - ReqQFullDrop 0 ReqQFullDoCookies 0");
    monitor.await_service("TCP failed connections", 0, "SNMP RATE OK - AttemptFails ");
    monitor.await_service("TCP accept queue", 0, "SNMP RATE OK - ListenOverflows 0 ListenDrops 0");

    while_well(monitor);

    let address = crowded.local_addr().unwrap();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let attempts = std::thread::spawn(move || {
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let _ = TcpStream::connect_timeout(&address, Duration::from_millis(20));
        }
    });
    monitor.await_service("TCP accept queue", 2, "SNMP RATE CRITICAL - ListenOverflows *");
    drop(stop);
    attempts.join().unwrap();

    agent.process.signal("-TERM");
    agent.process.wait(Duration::from_secs(5));
    monitor.await_service("netstat-agentx", 2, "No Such Object");
    // The others depend on it. Those that were checked before it was known to be gone know nothing, and say so.
    for (service, (state, text)) in monitor.services() {
        let gone = text.contains("No Such Object");
        assert!(
            !gone || (state == if service == "netstat-agentx" { 2 } else { 3 }),
            "{service}: {state} {text}"
        );
    }
}

#[test]
#[ignore = "needs nagios4 and check_snmp: make test-consumers"]
fn nagios_checks_and_alerts() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let agent = Agent::at(&snmpd, "");
    let mut monitor = Monitor::new();
    let objects = monitor.add_shipped("netstat-agentx.cfg");
    fs::write(
        monitor.path("hosts.cfg"),
        format!(
            "define host {{\n use linux-server,netstat-agentx\n host_name web1\n address 127.0.0.1\n\
             hostgroups netstat-agentx\n _SNMP_PORT {}\n}}\n\
             define service {{\n use netstat-local\n host_name web1\n}}\n\
             define service {{\n use netstat-local-limits\n host_name web1\n}}\n\
             define service {{\n use netstat-local-listeners\n host_name web1\n}}\n\
             define service {{\n use netstat-nrpe\n host_name web1\n service_description by NRPE\n\
             active_checks_enabled 0\n}}\n",
            snmpd.port
        ),
    )
    .unwrap();
    fs::write(monitor.path("resource.cfg"), "$USER1$=/usr/lib/nagios/plugins\n").unwrap();
    // With the templates and contacts that Debian ships; a unit of time is a second here and not a minute.
    let debian = ["templates", "commands", "contacts", "timeperiods"]
        .map(|name| format!("cfg_file=/etc/nagios4/objects/{name}.cfg\n"))
        .concat();
    let own = monitor.folder.path().display();
    let configuration = format!(
        "log_file={own}/nagios.log\ncfg_file={own}/hosts.cfg\ncfg_file={}\n{debian}cfg_dir=/etc/nagios-plugins/config\n\
         resource_file={own}/resource.cfg\nobject_cache_file={own}/objects\nprecached_object_file={own}/precached\n\
         status_file={own}/status.dat\nstatus_update_interval=1\nnagios_user=root\nnagios_group=root\n\
         check_external_commands=0\ncommand_file={own}/command\nquery_socket={own}/query\nlock_file={own}/pid\n\
         temp_file={own}/temporary\ntemp_path={own}\ncheck_result_path={own}/results\n\
         log_archive_path={own}/archives\nretain_state_information=0\nuse_syslog=0\ninterval_length=1\n\
         service_inter_check_delay_method=n\nenable_notifications=0\ncheck_for_updates=0\n\
         illegal_macro_output_chars=`~$&|'\"<>\n",
        objects.display()
    );
    let main = monitor.path("nagios.cfg");
    fs::write(&main, configuration).unwrap();
    let said = text_of(&contained("nagios4").arg("-v").arg(&main).output().unwrap());
    assert!(said.contains("Total Warnings: 0") && said.contains("Total Errors:   0"), "{said}");
    watch(
        &mut monitor,
        agent,
        |monitor| {
            let mut nagios = contained("nagios4");
            nagios.arg(&main);
            monitor.start(nagios);
        },
        |_| {},
    );
}

#[test]
#[ignore = "needs icinga2 and check_snmp: make test-consumers"]
fn icinga_checks_and_alerts() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let agent = Agent::at(&snmpd, "");
    let mut monitor = Monitor::new();
    let objects = monitor.add_shipped("icinga2.conf");
    let own = monitor.folder.path().to_path_buf();
    let configuration = |templates: &str| {
        format!(
            "include <itl>\ninclude <plugins>\nconst PluginDir = \"/usr/lib/nagios/plugins\"\n{templates}\n\
             object CheckerComponent \"checker\" {{}}\n\
             object StatusDataWriter \"status\" {{\n status_path = \"{0}/status.dat\"\n objects_path = \"{0}/objects\"\n\
             update_interval = 1s\n}}\n\
             include \"{1}\"\n\
             object Host \"web1\" {{\n import \"generic-host\"\n check_command = \"dummy\"\n address = \"127.0.0.1\"\n\
             vars.dummy_state = 0\n vars.netstat_snmp = true\n vars.snmp_port = {2}\n vars.netstat_agent = true\n\
             vars.netstat[\"TCP TIME_WAIT\"] = {{ snmp_warn = \"4711,~:\" }}\n}}\n",
            own.display(),
            objects.display(),
            snmpd.port
        )
    };
    let icinga = |main: &Path| {
        let mut icinga = contained("icinga2");
        icinga.arg("daemon").arg("-c").arg(main);
        for (constant, below) in [
            ("DataDir", "results"),
            ("CacheDir", "state"),
            ("LogDir", "archives"),
            ("InitRunDir", "results"),
            ("SpoolDir", "results"),
        ] {
            icinga.arg("-D").arg(format!("{constant}={}/{below}", own.display()));
        }
        icinga.args(["-D", "RunAsUser=root", "-D", "RunAsGroup=root", "-D", "NodeName=here"]);
        icinga
    };
    // With Debian's templates as they are, and with short intervals to run.
    let (debian, quick) = (monitor.path("debian.conf"), monitor.path("quick.conf"));
    fs::write(&debian, configuration("include \"/etc/icinga2/conf.d/templates.conf\"")).unwrap();
    let intervals = "max_check_attempts = 1\n check_interval = 2s\n retry_interval = 2s";
    let templates = ["Host", "Service"]
        .map(|kind| format!("template {kind} \"generic-{}\" {{\n {intervals}\n}}\n", kind.to_lowercase()));
    fs::write(&quick, configuration(&templates.concat())).unwrap();
    for main in [&debian, &quick] {
        let output = icinga(main).arg("-C").output().unwrap();
        let said = text_of(&output);
        assert!(output.status.success() && said.contains("Instantiated 14 Services"), "{said}");
        assert!(said.contains("Instantiated 10 Dependencies") && !said.contains("warning/"), "{said}");
    }
    watch(
        &mut monitor,
        agent,
        |monitor| {
            let run = icinga(&quick);
            monitor.start(run);
        },
        |monitor| {
            // A host's own ranges go before the shipped ones.
            let status = fs::read_to_string(monitor.path("status.dat")).unwrap();
            assert!(status.contains("performance_data=timeWait=0;4711;117964 limit="), "{status}");
        },
    );
}
