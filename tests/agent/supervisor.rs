//! What the service manager hears (sd_notify(3)), with a socket of our own in its place.

use crate::common::{Guard, Snmpd, in_namespace, program, this_test, until};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// WatchdogSec= as the tests have it.
const WATCHDOG: Duration = Duration::from_millis(1500);

/// A service manager with the subagent as its service.
struct Manager {
    folder: TempDir,
    socket: UnixDatagram,
    service: Guard,
    heard: Vec<String>,
}

impl Manager {
    fn start(address: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        fs::write(config(&folder), format!("[agentx]\naddress = \"{address}\"\n")).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let service = program()
            .args(["run", "--config"])
            .arg(config(&folder))
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { folder, socket, service: Guard(service), heard: Vec::new() }
    }

    fn listen(&mut self) {
        let mut datagram = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut datagram) {
            let text = String::from_utf8(datagram[..length].to_vec()).unwrap();
            self.heard.extend(text.lines().map(str::to_owned));
        }
    }

    fn count(&mut self, line: &str) -> usize {
        self.listen();
        self.heard.iter().filter(|heard| *heard == line).count()
    }

    /// Waits for a line that begins so.
    fn await_line(&mut self, begin: &str) {
        until(Duration::from_secs(5), begin, || {
            self.listen();
            self.heard.iter().any(|heard| heard.starts_with(begin))
        });
    }

    /// The watchdog is fed for three of its time-outs, at least every two thirds of one, and not much more often than
    /// every half of one by a loop that has nothing else to do.
    fn assert_fed(&mut self, seldom: bool) {
        self.await_line("WATCHDOG=1");
        let (begin, before) = (Instant::now(), self.count("WATCHDOG=1"));
        let (mut fed, mut last) = (before, begin);
        while begin.elapsed() < WATCHDOG * 3 {
            let now = self.count("WATCHDOG=1");
            if now > fed {
                (fed, last) = (now, Instant::now());
            }
            assert!(last.elapsed() < WATCHDOG * 2 / 3, "not fed: {:?}", self.heard);
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(!seldom || fed - before <= 7, "fed {} times", fed - before);
    }
}

fn config(folder: &TempDir) -> PathBuf {
    folder.path().join("netstat-agentx.toml")
}

#[test]
fn a_service_with_no_master_agent_is_ready_and_lives() {
    let mut manager = Manager::start("unix:/nonexistent/master");
    manager.await_line("READY=1");
    manager.await_line("STATUS=cannot connect to the master agent");
    manager.assert_fed(false);
    assert_eq!(manager.count("READY=1"), 1);
    assert_eq!(
        manager.heard.iter().filter(|line| line.starts_with("STATUS=")).count(),
        1,
        "once for each change"
    );
}

#[test]
fn from_ready_over_reload_to_the_end() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let mut manager = Manager::start(&snmpd.socket());
    manager.await_line("READY=1");
    manager.await_line("STATUS=serving 11 of 11 subtrees at unix:");
    manager.assert_fed(true);
    for (round, text) in ["", "no TOML at all", "priority = 7\n"].iter().enumerate() {
        let own = fs::read_to_string(config(&manager.folder)).unwrap();
        fs::write(config(&manager.folder), own.clone() + text).unwrap();
        manager.service.signal("-HUP");
        until(Duration::from_secs(5), "the reload ends, good or not", || {
            manager.count("READY=1") == round + 2 && manager.count("RELOADING=1") == round + 1
        });
        fs::write(config(&manager.folder), own).unwrap();
    }
    assert!(manager.heard.iter().any(|line| line.starts_with("MONOTONIC_USEC=")));
    assert_eq!(manager.count("STOPPING=1"), 0);
    manager.service.signal("-TERM");
    assert!(manager.service.wait(Duration::from_secs(3)).success());
    assert_eq!(manager.count("STOPPING=1"), 1);
}

/// A SYN that gets no answer: every try takes a second, which may be longer than WatchdogSec= is.
#[test]
fn a_connection_that_takes_long_is_no_hang() {
    if !in_namespace(this_test!()) {
        return;
    }
    fs::write("/proc/sys/net/core/somaxconn", "1").unwrap();
    let full = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = full.local_addr().unwrap();
    let _waiting = [TcpStream::connect(address).unwrap(), TcpStream::connect(address).unwrap()];
    let mut manager = Manager::start(&format!("tcp:{address}"));
    manager.await_line("READY=1");
    manager.assert_fed(true);
    assert!(
        manager.heard.iter().all(|line| !line.starts_with("STATUS=serving")),
        "it did not connect: {:?}",
        manager.heard
    );
    manager.service.signal("-TERM");
    assert!(manager.service.wait(Duration::from_secs(1)).success());
}
