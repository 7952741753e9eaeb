//! `make soak`: hours of what a busy host does to us. Managers walk, get, set and guess communities; sockets come and
//! go by the thousand; a hostile manager floods snmpd; snmpd and the subagent are killed and stopped now and then.
//! Every answer is checked, those about our own sockets against `ss`; memory and descriptors are recorded each minute.
//!
//! `cargo bench --bench soak -- TIME` with a time such as `30m`; an hour by default. Runs as root in a network
//! namespace.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stderr, clippy::cast_precision_loss, clippy::cast_possible_truncation)]
#![allow(clippy::cast_sign_loss)]

#[path = "../../tests/common/mod.rs"]
mod common;

mod churn;
mod disturb;
mod held;
mod hostile;
mod poll;
mod sample;

use common::{Agent, Snmpd};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const CONFIGURATION: &str = r#"
[[threshold]]
name = "established"
object = "lnsTcpStateSockets.all.established"
warning = "0:150"
interval = "1s"
[[threshold]]
name = "opens"
object = "tcpActiveOpens.0"
warning = "0:1000"
per-second = true
interval = "1s"
[[threshold]]
name = "drops"
object = "lnsUdpEndpointDropsOfOpenSockets.*"
warning = "10"
per-second = true
interval = "1s"
[[threshold]]
name = "queues"
object = "lnsListenerAcceptQueue.*"
of = "lnsListenerSockets.*"
warning = "10000"
interval = "1s"
"#;

/// State that all parts of the soak share.
pub struct Soak {
    pub snmpd_port: u16,
    pub agent: u32,
    over: AtomicBool,
    /// Whether we have taken snmpd or the subagent away, and since when neither is.
    disturbed: AtomicBool,
    calm_since: Mutex<Instant>,
    /// Whether a hostile manager floods snmpd.
    flooded: AtomicBool,
    pub counts: Mutex<BTreeMap<String, u64>>,
    errors: Mutex<Vec<String>>,
    begin: Instant,
    pub churned: AtomicU64,
}

impl Soak {
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Sleeps; returns early if the soak ends meanwhile.
    pub fn pause(&self, pause: Duration) {
        let end = Instant::now() + pause;
        while !self.is_over() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(100).min(pause));
        }
    }

    pub fn count(&self, what: &str, by: u64) {
        *self.counts.lock().unwrap().entry(what.to_owned()).or_default() += by;
    }

    pub fn disturb(&self) {
        self.disturbed.store(true, Ordering::SeqCst);
    }

    pub fn calm(&self) {
        *self.calm_since.lock().unwrap() = Instant::now();
        self.disturbed.store(false, Ordering::SeqCst);
    }

    /// Records the outcome of something that began at `begun`. A failure while snmpd or the subagent is away, or of
    /// something that began before it was back, does not count as an error.
    pub fn judge(&self, what: &str, begun: Instant, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.count(what, 1),
            Err(error) => {
                let calm = *self.calm_since.lock().unwrap();
                if self.disturbed.load(Ordering::SeqCst) || begun < calm {
                    self.count("cut off by a disturbance", 1);
                } else if self.flooded.load(Ordering::SeqCst) && hostile::is_refusal(&error) {
                    self.count("refused in a flood", 1);
                } else {
                    self.fail(&format!("{what}: {error}"));
                }
            }
        }
    }

    pub fn fail(&self, error: &str) {
        let at = self.begin.elapsed().as_secs();
        eprintln!("{at:6} s  ERROR {error}");
        self.errors.lock().unwrap().push(format!("{at} s: {error}"));
    }

    /// The output of one of Net-SNMP's tools.
    pub fn ask(&self, tool: &str, community: &str, patience: &str, arguments: &[&str]) -> String {
        let output = Command::new(tool)
            .args(["-v2c", "-c", community, "-On", "-t", patience, "-r", "1", "-M", "/nonexistent", "-m", ""])
            .arg(format!("127.0.0.1:{}", self.snmpd_port))
            .args(arguments)
            .output()
            .unwrap();
        common::text_of(&output)
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if std::env::var_os("NETSTAT_AGENTX_NAMESPACE").is_none() {
        let status = Command::new("unshare")
            // Only with its own processes: those of others may hold any number of sockets.
            .args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .arg(std::env::current_exe().unwrap())
            .args(&arguments)
            .env("NETSTAT_AGENTX_NAMESPACE", "1")
            .status()
            .expect("unshare (util-linux)");
        std::process::exit(status.code().unwrap_or(1));
    }
    let time = match arguments.first() {
        None => Duration::from_secs(3600),
        Some(text) => humantime::parse_duration(text).expect("a time such as 30m"),
    };
    assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
    // The ports below are those of the held sockets; and TIME_WAIT must not fill the tables without bound.
    for (file, value) in [("ip_local_port_range", "10000 60999"), ("tcp_max_tw_buckets", "20000")] {
        std::fs::write(format!("/proc/sys/net/ipv4/{file}"), value).unwrap();
    }

    let mut snmpd = Snmpd::start("");
    let agent = Agent::at(&snmpd, CONFIGURATION);
    let soak = Soak {
        snmpd_port: snmpd.port,
        agent: agent.process.0.id(),
        over: AtomicBool::new(false),
        disturbed: AtomicBool::new(false),
        flooded: AtomicBool::new(false),
        calm_since: Mutex::new(Instant::now()),
        counts: Mutex::default(),
        errors: Mutex::default(),
        begin: Instant::now(),
        churned: AtomicU64::new(0),
    };
    let (mut samples, mut returns) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let soak = &soak;
            scope.spawn(move || churn::tcp(soak, worker));
        }
        scope.spawn(|| churn::udp(&soak));
        scope.spawn(|| poll::walks(&soak));
        scope.spawn(|| poll::bulk_walks(&soak));
        scope.spawn(|| poll::gets(&soak));
        scope.spawn(|| poll::sets_and_guesses(&soak));
        scope.spawn(|| hostile::floods(&soak));
        scope.spawn(|| held::compare(&soak));
        let disturbing = scope.spawn(|| disturb::disturb(&soak, &mut snmpd, &agent, time));
        samples = sample::each_minute(&soak, time);
        soak.over.store(true, Ordering::Relaxed);
        returns = disturbing.join().unwrap();
    });
    let good = sample::report(&soak, &samples, &returns, &agent.log());
    drop(agent);
    drop(snmpd);
    std::process::exit(i32::from(!good));
}
