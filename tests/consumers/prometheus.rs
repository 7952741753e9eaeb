//! Prometheus for real: scrapes through snmp_exporter, the rules, an alert that fires. The programs are those that 'make
//! test-consumers' installs.

mod named;

use crate::common::{
    Agent, Guard, Snmpd, in_namespace, in_namespaces, proc_counters, text_of, this_test, until,
};
use netstat_agentx::registry;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn shipped(file: &str) -> PathBuf {
    Path::new(ROOT).join("config/prometheus").join(file)
}

/// One of the two forms of snmp_exporter's configuration, and the exporter that has it.
struct Form {
    version: &'static str,
    program: String,
    modules: &'static str,
    port: u16,
}

fn forms() -> [Form; 2] {
    let old = Form {
        version: "0.21.",
        program: "/usr/bin/prometheus-snmp-exporter".into(),
        modules: "snmp-0.21.yml",
        port: 9116,
    };
    let split = Form {
        version: "0.28.",
        program: format!("{ROOT}/target/snmp-exporter/prometheus-snmp-exporter"),
        modules: "snmp.yml",
        port: 9117,
    };
    [old, split]
}

impl Form {
    /// Starts the exporter with the shipped modules.
    fn exporter(&self) -> Guard {
        let said =
            text_of(&Command::new(&self.program).arg("--version").output().expect("make test-consumers"));
        assert!(said.contains(&format!("version {}", self.version)), "{} is meant, not {said}", self.version);
        let exporter = Command::new(&self.program)
            .arg(format!("--config.file={}", shipped(self.modules).display()))
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until(Duration::from_secs(10), "snmp_exporter answers", || {
            http(self.port, "/metrics", || ()).is_some_and(|(status, _)| status == 200)
        });
        Guard(exporter)
    }

    /// The samples of one scrape.
    fn scrape(&self, module: &str, snmpd: &Snmpd, before: impl FnOnce()) -> BTreeMap<String, f64> {
        let path = format!("/snmp?module={module}&auth=public_v2&target=127.0.0.1:{}", snmpd.port);
        let (status, text) = http(self.port, &path, before).unwrap();
        assert_eq!(status, 200, "{text}");
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples
            .map(|line| {
                let (name, value) = line.rsplit_once(' ').unwrap();
                (name.to_owned(), value.parse().unwrap())
            })
            .collect()
    }
}

/// A GET of a program on this host: status and body; nothing if nobody listens. `before` happens when the connection
/// is open and nothing has been asked yet.
fn http(port: u16, path: &str, before: impl FnOnce()) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    before();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

#[test]
#[ignore = "needs promtool: make test-consumers"]
fn every_alert_fires_and_rests() {
    let promtool = |arguments: &[&str]| {
        let output = Command::new("promtool")
            .args(arguments)
            .current_dir(shipped(""))
            .output()
            .expect("make test-consumers");
        assert!(output.status.success(), "{}", text_of(&output));
    };
    promtool(&["check", "config", "prometheus.yml"]);
    promtool(&["test", "rules", "rules_test.yml"]);
    let tests = fs::read_to_string(shipped("rules_test.yml")).unwrap();
    let rules = fs::read_to_string(shipped("rules.yml")).unwrap();
    let alerts: BTreeSet<_> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() >= 15, "{alerts:?}");
    for alert in alerts {
        assert!(tests.contains(&format!("alertname=\"{alert}\"")), "{alert} has no test");
    }
}

/// The zoo has about as many of each state; these make a difference.
fn unequal() -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut streams = Vec::new();
    for closed in [true, true, true, false, false] {
        let (near, far) = (TcpStream::connect(address).unwrap(), listener.accept().unwrap().0);
        if closed {
            near.shutdown(Shutdown::Write).unwrap();
        }
        streams.extend([near, far]);
    }
    (listener, streams)
}

#[test]
#[ignore = "needs snmp_exporter: make test-consumers"]
fn scraped_figures_equal_ss_and_proc() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let _zoo = crate::common::sockets::Zoo::open();
    let _more = unequal();
    let full = "127.0.0.53:53";
    let _full = crate::common::sockets::full_udp_socket(full);
    // A service that does not read.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let deaf_at = deaf.local_addr().unwrap();
    let mut heard = TcpStream::connect(deaf_at).unwrap();
    let _accepted = deaf.accept().unwrap();
    heard.write_all(&[0; 5000]).unwrap();
    let agent = Agent::at(&snmpd, "[refresh]\nsockets-max-age = \"100ms\"\ncounters-max-age = \"100ms\"");
    let forms = forms();
    let _exporters = forms.each_ref().map(Form::exporter);
    let mut names = Vec::new();
    for form in &forms {
        // A source rests after what the scrapes before have cost, and the figures of this one are to be new.
        std::thread::sleep(Duration::from_secs(1));
        // What the scrape itself opens is open when both look.
        let (mut ss, mut before) = (Vec::new(), BTreeMap::new());
        let samples = form.scrape("linux_netstat", &snmpd, || {
            std::thread::sleep(Duration::from_millis(100));
            ss = ["-4", "-6"].map(crate::common::sockets::ss).to_vec();
            before = proc_counters();
        });
        let after = proc_counters();
        for (number, state) in (1..).zip(crate::TCP_STATES) {
            let [ipv4, ipv6] = [0, 1].map(|family| ss[family].get(&number).copied().unwrap_or(0));
            for (family, expected) in [("all", ipv4 + ipv6), ("ipv4", ipv4), ("ipv6", ipv6)] {
                let name =
                    format!("lnsTcpStateSockets{{lnsTcpState=\"{state}\",lnsTcpStateFamily=\"{family}\"}}");
                assert_eq!(format!("{}", samples[&name]), expected.to_string(), "{name}");
                assert!(state == "closed" || expected > 0, "{name}");
            }
        }
        // Loss of precision begins at 2^53; snmp_exporter wraps there.
        let mut counters = 0;
        for entry in registry::all() {
            let key = (entry.group.to_owned(), entry.name.to_owned());
            let Some(&low) = before.get(&key) else {
                assert!(!samples.contains_key(entry.descriptor), "{}", entry.descriptor);
                continue;
            };
            let value = samples[entry.descriptor];
            let (low, high) = (low.min(after[&key]), low.max(after[&key]));
            assert!((low..=high).any(|count| count.to_string() == format!("{value:.0}")), "{key:?}: {value}");
            counters += 1;
        }
        assert!(counters > 350, "{counters}");
        let listener = format!("lnsListenerSockets{{lnsListenerEndpoint=\"127.0.0.1:{}\",", form.port);
        let found: Vec<_> = samples.iter().filter(|(name, _)| name.starts_with(&listener)).collect();
        assert!(matches!(found[..], [(_, 1.0)]), "{found:?}");
        let waiting = samples.iter().filter(|(name, _)| name.starts_with("lnsListenerAcceptQueue{"));
        assert!(waiting.filter(|(_, value)| **value == 1.0).count() >= 5, "of the zoo's listeners");
        let drops = format!("lnsUdpEndpointDropsOfOpenSockets{{lnsUdpEndpointText=\"{full}\"}}");
        assert!((90.0..100.0).contains(&samples[&drops]), "{}", samples[&drops]);
        assert!(samples["lnsAgentStartTime"] > 1.7e9);

        let about = |metric: &str| {
            let found = samples.iter().find(|(name, _)| name.starts_with(metric));
            *found.unwrap_or_else(|| panic!("{metric}")).1
        };
        println!(
            "snmp_exporter {}x: {} samples in {} requests and {:.3} s",
            form.version,
            samples.len(),
            about("snmp_scrape_packets_sent"),
            about("snmp_scrape_duration_seconds")
        );
        assert!(about("snmp_scrape_packets_sent") <= 40.0 && about("snmp_scrape_duration_seconds") < 2.0);
        // Only the exporter that is asked has a connection at its port, and thus a round-trip time. Processes have no age
        // until a bulk request behind the end of another table reaches their owners.
        let own = [9116, 9117].map(|port| format!("lnsTcpServicePort=\"{port}\""));
        let own = [&own[..], &["lnsAgentSourceName=\"processes\"".into()]].concat();
        let ours = samples.keys().filter(|name| name.starts_with("lns"));
        let ours = ours.filter(|name| !own.iter().any(|label| name.contains(label)));
        names.push(ours.cloned().collect::<BTreeSet<_>>());

        let ports = form.scrape("linux_netstat_ports", &snmpd, || ());
        let listening =
            format!("lnsTcpPortSockets{{lnsTcpPort=\"{}\",lnsTcpPortState=\"listen\"}}", form.port);
        assert_eq!(ports[&listening], 1.0);
        let unread = format!("lnsTcpServiceUnreadOctets{{lnsTcpServicePort=\"{}\"}}", deaf_at.port());
        assert_eq!(samples[&unread], 5000.0);
        let destinations = form.scrape("linux_netstat_destinations", &snmpd, || ());
        let to_deaf = |metric: &str| destinations[&format!("{metric}{{lnsDestinationText=\"{deaf_at}\"}}")];
        assert_eq!(["lnsDestinationSockets", "lnsDestinationEstablished"].map(to_deaf), [1.0, 1.0]);
        assert_eq!(to_deaf("lnsDestinationEphemeralPercent"), 0.0);
        assert_eq!(to_deaf("lnsDestinationCloseWait"), 0.0);
        let by_name = form.scrape("linux_netstat_counters", &snmpd, || ());
        let drops = "lnsCounterValue{lnsCounterGroup=\"TcpExt\",lnsCounterName=\"ListenDrops\"}";
        assert!(by_name[drops] >= samples["lnsTcpExtListenDrops"] && by_name.len() > 350);
    }
    // Rules and dashboard hold for both.
    assert_eq!(names[0].symmetric_difference(&names[1]).collect::<Vec<_>>(), [""; 0]);

    // A host where snmpd runs alone is no failed scrape: NetstatSubagentMissing tells.
    drop(agent);
    snmpd.await_no_agent(Duration::from_secs(5));
    for form in &forms {
        let samples = form.scrape("linux_netstat", &snmpd, || ());
        assert!(samples.keys().all(|name| name.starts_with("snmp_")), "{samples:?}");
    }
}

#[test]
#[ignore = "needs snmp_exporter: make test-consumers"]
fn resets_are_scraped_by_port_and_reason() {
    if !in_namespaces(this_test!(), &["--net", "--mount"]) {
        return;
    }
    // It may be there already, or not to be had.
    let _ = Command::new("mount").args(["-t", "tracefs", "tracefs", "/sys/kernel/tracing"]).output().unwrap();
    let snmpd = Snmpd::start("");
    let _agent = Agent::at(&snmpd, "[resets]\nenabled = true\n[refresh]\ncounters-max-age = \"100ms\"\n");
    // The events are those of the whole machine: a port that nobody else uses.
    const PORT: u16 = 7996;
    for form in forms() {
        let _exporter = form.exporter();
        let before = form.scrape("linux_netstat_resets", &snmpd, || ());
        if before["lnsResetTracing"] != 1.0 {
            println!("note: resets cannot be traced on this machine, so that scraping them was not tested");
            return;
        }
        // Labels come in alphabetical order.
        let row = |metric: &str, peer: &str| {
            format!(
                "{metric}{{lnsResetDirection=\"sent\",{peer}lnsResetPort=\"{PORT}\",lnsResetReason=\"NO_SOCKET\",\
                 lnsResetSide=\"local\"}}"
            )
        };
        let count = row("lnsResetCount", "");
        for _ in 0..3 {
            assert!(TcpStream::connect(("127.0.0.1", PORT)).is_err());
        }
        std::thread::sleep(Duration::from_millis(300));
        let after = form.scrape("linux_netstat_resets", &snmpd, || ());
        assert_eq!(after.get(&count).unwrap_or(&0.0) - before.get(&count).unwrap_or(&0.0), 3.0, "{after:?}");
        let peer = row("lnsResetLastPeer", "lnsResetLastPeer=\"127.0.0.1\",");
        assert!(after.contains_key(&peer), "{after:?}");
        assert_eq!(after["lnsResetLostEvents"], 0.0);
    }
}

/// An answer of Prometheus's API.
fn api(path: &str) -> Value {
    let (status, text) = http(9090, &format!("/api/v1/{path}"), || ()).unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert!(status == 200 && answer["status"] == "success", "{path}: {text}");
    answer["data"].clone()
}

/// The series that an expression has now.
fn query(expr: &str) -> Vec<Value> {
    let octets = expr.bytes().map(|octet| format!("%{octet:02x}"));
    api(&format!("query?query={}", octets.collect::<String>()))["result"].as_array().unwrap().clone()
}

fn names_in(expr: &str) -> BTreeSet<String> {
    // Labels are followed by an operator, or stand in a grouping.
    let is_grouped = |before: &str| {
        before
            .rsplit_once('(')
            .is_some_and(|(outside, inside)| outside.ends_with("by ") && !inside.contains(')'))
    };
    let mut names = BTreeSet::new();
    for (at, _) in expr.match_indices("lns") {
        let rest = &expr[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        if !rest[end..].starts_with(['=', '!']) && !is_grouped(&expr[..at]) {
            names.insert(rest[..end].to_owned());
        }
    }
    names
}

/// Whether an alert of this name and severity is firing, with its annotations if so.
fn firing(name: &str, severity: &str) -> Option<Value> {
    firing_for(name, severity, &[])
}

/// The same for those labels.
fn firing_for(name: &str, severity: &str, wanted: &[(&str, &str)]) -> Option<Value> {
    let alerts = api("alerts")["alerts"].as_array().unwrap().clone();
    alerts.into_iter().find(|alert| {
        let labels = &alert["labels"];
        let is_wanted = wanted.iter().all(|(label, value)| labels[label] == *value);
        is_wanted
            && alert["state"] == "firing"
            && labels["alertname"] == name
            && labels["severity"] == severity
    })
}

/// Prometheus with the shipped configuration, a snmpd on another port, and a clock that runs fifteen times as fast.
fn prometheus(folder: &Path, port: u16) -> Guard {
    let configuration = fs::read_to_string(shipped("prometheus.yml")).unwrap();
    let faster = configuration
        .replace("          - 127.0.0.1 ", &format!("          - 127.0.0.1:{port} "))
        .replace("          - 127.0.0.1\n", &format!("          - 127.0.0.1:{port}\n"))
        .replace("interval: 15s", "interval: 1s")
        .replace("interval: 60s", "interval: 1s");
    assert_eq!(faster.matches(&format!("127.0.0.1:{port}")).count(), 5, "{faster}");
    assert_eq!(faster.matches("interval: 1s").count(), 5, "{faster}");
    fs::write(folder.join("prometheus.yml"), faster).unwrap();
    let rules = fs::read_to_string(shipped("rules.yml")).unwrap();
    let faster = ["1m", "2m", "3m"].iter().fold(rules.replace("[1m]", "[4s]"), |rules, lasts| {
        rules.replace(&format!("for: {lasts}"), "for: 2s")
    });
    assert_ne!(rules, faster);
    fs::write(folder.join("rules.yml"), faster).unwrap();
    let log = fs::File::create(folder.join("prometheus.log")).unwrap();
    let process = Command::new("prometheus")
        .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg("--web.listen-address=127.0.0.1:9090")
        .stderr(log)
        .spawn()
        .expect("make test-consumers");
    let process = Guard(process);
    until(Duration::from_secs(30), "Prometheus is ready", || {
        http(9090, "/-/ready", || ()).is_some_and(|(status, _)| status == 200)
    });
    process
}

/// A listener on port 7997 that never accepts, and thirty new clients a second.
fn overflows() -> Guard {
    let script = r"
        use Socket qw(:all);
        my (@keep, $listener);
        socket($listener, AF_INET, SOCK_STREAM, 0) or die $!;
        bind($listener, pack_sockaddr_in(7997, INADDR_LOOPBACK)) && listen($listener, 1) or die $!;
        for (1 .. 2000) {
            socket(my $client, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0) or die $!;
            connect($client, getsockname($listener));
            push @keep, $client;
            shift @keep if @keep > 100;
            select(undef, undef, undef, 0.033);
        }
    ";
    Guard(Command::new("perl").args(["-e", script]).spawn().unwrap())
}

#[test]
#[ignore = "needs Prometheus and snmp_exporter: make test-consumers"]
fn the_dashboard_has_data_and_an_alert_fires() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let _zoo = crate::common::sockets::Zoo::open();
    let agent = Agent::at(&snmpd, "[refresh]\nsockets-max-age = \"500ms\"\ncounters-max-age = \"500ms\"");
    let _exporter = forms()[0].exporter();
    let _prometheus = prometheus(snmpd.folder.path(), snmpd.port);
    let instance = format!("127.0.0.1:{}", snmpd.port);
    until(Duration::from_secs(30), "a rate over some scrapes", || {
        !query(
            "rate(lnsTcpOutSegs[4s]) + on () group(lnsTcpPortSockets) + on () group(lnsDestinationSockets) \
             + on () group(lnsOwnerSockets) + on () group(lnsUnixListenerQueue)",
        )
        .is_empty()
    });

    let scraped: BTreeSet<_> = api("label/__name__/values")
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    // These limits are the host's: a network namespace of its own has none.
    let absent = [
        "lnsLimitTcpMaxOrphans",
        "lnsLimitTcpMemHigh",
        "lnsLimitTcpMemPressure",
        "lnsSockstatNeighborsIpv4",
        "lnsSockstatNeighborsIpv6",
        "lnsLimitNeighborsIpv4",
        "lnsLimitNeighborsIpv6",
        // Only where the module nf_conntrack is loaded.
        "lnsSockstatConntrackEntries",
        "lnsLimitConntrackEntries",
    ];
    let dashboard: Value =
        serde_json::from_str(&fs::read_to_string(shipped("grafana-dashboard.json")).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let (mut drawn, mut empty) = (0, BTreeSet::new());
    for target in targets {
        let expr = target["expr"].as_str().unwrap();
        let filled =
            expr.replace("$__rate_interval", "4s").replace("$instance", &instance).replace("$family", "all");
        assert!(!filled.contains('$'), "{filled}");
        let missing: BTreeSet<_> =
            names_in(expr).into_iter().filter(|name| !scraped.contains(name)).collect();
        let series = query(&filled).len();
        assert_eq!(series > 0, missing.is_empty(), "{series} series of {filled}, without {missing:?}");
        drawn += series;
        empty.extend(missing);
    }
    assert!(drawn > 80, "{drawn}");
    assert!(empty.iter().all(|name| absent.contains(&name.as_str())), "{empty:?}");
    // A name that no host has would make an alert that never fires. These are of the first network namespace, or of a module
    // that may not be loaded.
    let of_few = ["Conntrack", "ArpCache", "NdiscCache"];
    let counters = registry::all().iter().filter(|entry| of_few.contains(&entry.group));
    let elsewhere: Vec<_> = counters.map(|entry| entry.descriptor).collect();
    let groups = api("rules")["groups"].as_array().unwrap().clone();
    for rule in groups.iter().flat_map(|group| group["rules"].as_array().unwrap()) {
        let strangers = names_in(rule["query"].as_str().unwrap())
            .into_iter()
            .filter(|name| !scraped.contains(name))
            .filter(|name| !absent.contains(&name.as_str()) && !elsewhere.contains(&name.as_str()));
        assert_eq!(strangers.collect::<Vec<_>>(), Vec::<String>::new(), "{rule}");
    }

    assert!(firing("NetstatListenOverflows", "warning").is_none());
    let trouble = overflows();
    until(Duration::from_secs(30), "the alert fires", || {
        firing("NetstatListenOverflows", "critical").is_some()
    });
    let alert = firing("NetstatListenOverflows", "warning").unwrap();
    assert_eq!(alert["labels"]["instance"], *instance);
    let said = |annotation: &str| alert["annotations"][annotation].as_str().unwrap().to_owned();
    assert!(said("summary").starts_with(&format!("{instance}: an accept queue is full ")), "{alert}");
    assert!(said("description").contains("net.core.somaxconn"), "{alert}");
    assert!(firing("NetstatListenDrops", "critical").is_some());
    // Which listener it is.
    let endpoint = [("lnsListenerEndpoint", "127.0.0.1:7997")];
    until(Duration::from_secs(30), "the listener is named", || {
        firing_for("NetstatTcpListenerDrops", "warning", &endpoint).is_some()
            && firing_for("NetstatTcpListenerFull", "critical", &endpoint).is_some()
    });
    let alert = firing_for("NetstatTcpListenerFull", "critical", &endpoint).unwrap();
    let of = alert["labels"]["lnsListenerOwner"].as_str().map(|owner| format!(" of {owner}"));
    let summary = format!("{instance}: listener 127.0.0.1:7997{} is 200 % full", of.unwrap_or_default());
    assert_eq!(alert["annotations"]["summary"], *summary);
    drop(trouble);
    until(Duration::from_secs(30), "the alert rests", || {
        firing("NetstatListenOverflows", "warning").is_none()
    });

    assert!(firing("NetstatSubagentMissing", "warning").is_none());
    drop(agent);
    until(Duration::from_secs(30), "the subagent is missed", || {
        firing("NetstatSubagentMissing", "warning").is_some()
    });
    assert!(firing("NetstatHostDown", "warning").is_none());
    drop(snmpd);
    until(Duration::from_secs(30), "the host is missed", || firing("NetstatHostDown", "warning").is_some());
}
