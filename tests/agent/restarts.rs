//! A real snmpd that is killed, stopped, restarted and moved: the tables are back within a second of the moment at which
//! it can answer, and nothing piles up.

use crate::common::probe::{Answer, Probe};
use crate::common::{Agent, BASE, Snmpd, in_namespace, this_test, until};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// How soon the tables must be back: most of the times, since a machine that is busy with other tests may be late once.
const BACK_WITHIN: Duration = Duration::from_secs(1);

/// And any time: less than a try that was forgotten would take.
const BACK_AT_LATEST: Duration = Duration::from_secs(3);

fn version(snmpd: &Snmpd) -> Probe {
    Probe::new(snmpd.port, &format!("{BASE}.1.5.1.0"))
}

/// How long after snmpd could answer its tables were ours again.
fn back(snmpd: &Snmpd) -> Duration {
    let took = version(snmpd).back_after(Duration::from_secs(10));
    assert!(took < BACK_AT_LATEST, "{took:?}");
    took
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Kills and restarts snmpd: long after it was there, while the subagent registers, and anything in between.
fn restarts(rounds: u64) {
    let mut snmpd = Snmpd::start("");
    let agent = Agent::at(&snmpd, "");
    let (mut times, mut early) = (Vec::new(), None);
    for round in 0..rounds {
        // The pauses are different in each round and the same in every run.
        let pause = |most: u64| std::thread::sleep(Duration::from_micros(round * 7919 % 97 * most * 10));
        // Not always right after a walk: in every fourth round well after it, when what was read is old.
        if round % 4 == 3 {
            std::thread::sleep(Duration::from_millis(1050 + round * 7919 % 97 * 5));
        } else {
            pause(300);
        }
        match round % 3 {
            0 => snmpd.signal("-KILL"),
            1 => snmpd.signal("-TERM"),
            // While it starts or registers us.
            _ => {
                snmpd.spawn();
                pause(60);
                snmpd.signal("-KILL");
            }
        }
        pause(700);
        snmpd.spawn();
        times.push(back(&snmpd));
        assert!(snmpd.walk(&format!("{BASE}.1.1.1")).len() == 33);
        if round == rounds / 4 {
            early = Some((agent.status("VmRSS"), agent.descriptors()));
        }
    }
    let (resident, descriptors) = early.unwrap();
    let now = agent.status("VmRSS");
    assert!(now < resident + 1024, "VmRSS {resident} kB after a quarter of the rounds, {now} kB after all");
    assert_eq!(agent.descriptors(), descriptors);
    // Of each outage the loss, why there is no connection (refused; absent for a moment; closed while we registered) and
    // the end: whatever the number of tries.
    let log = agent.log();
    let (lines, rounds) = (log.lines().count(), usize::try_from(rounds).unwrap());
    assert!(lines <= 2 + 5 * rounds, "{lines} lines in {rounds} rounds:\n{log}");
    assert!(log.matches("serving 11 of 11").count() > rounds, "{log}");
    assert!(!log.contains("ERROR"), "{log}");
    let (most, median) = (*times.iter().max().unwrap(), median(&mut times));
    println!(
        "{rounds} restarts: back after {median:.0?} (median), {most:.0?} at most; VmRSS {resident} kB then {now} kB, {lines} lines"
    );
    assert!(median < BACK_WITHIN, "{median:?}");
}

#[test]
fn ten_restarts_at_any_moment() {
    if in_namespace(this_test!()) {
        restarts(12);
    }
}

#[test]
#[ignore = "takes minutes; make soak"]
fn a_hundred_restarts_at_any_moment() {
    if in_namespace(this_test!()) {
        restarts(100);
    }
}

/// One line for the loss, one for each reason why there is no connection, one for the end: six tries would be more.
#[test]
fn an_outage_of_seconds_is_told_in_a_few_lines() {
    if !in_namespace(this_test!()) {
        return;
    }
    let mut snmpd = Snmpd::start("");
    let agent = Agent::at(&snmpd, "");
    let before = agent.log().lines().count();
    snmpd.kill();
    std::thread::sleep(Duration::from_secs(3));
    snmpd.spawn();
    back(&snmpd);
    until(Duration::from_secs(1), "told", || agent.log().matches("serving 11 of 11").count() == 2);
    let log = agent.log();
    let told = log.lines().count() - before;
    assert!((2..=4).contains(&told), "{told} lines:\n{log}");
}

/// Asks for something of ours again and again, as managers do that do not know that nobody answers. Not all the time:
/// snmpd looks at its time-outs when nothing comes in.
fn managers_ask(snmpd: &Snmpd, time: Duration) {
    let probe = Probe::new(snmpd.port, ".1.3.6.1.2.1.6.5.0");
    let end = Instant::now() + time;
    while Instant::now() < end {
        probe.ask(Duration::from_millis(20));
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// Longer than the time-outs on both sides of a request: snmpd's, after which it drops us, is six seconds.
fn snmpd_stopped(stopped: Duration) {
    let snmpd = Snmpd::start("");
    let agent = Agent::at(&snmpd, "");
    snmpd.signal("-STOP");
    managers_ask(&snmpd, stopped);
    snmpd.signal("-CONT");
    back(&snmpd);
    // The session is the one it was: nothing has happened that we would know of.
    assert!(snmpd.get(&[&format!("{BASE}.1.5.3.0")]).contains("Counter32: 1"));
    assert_eq!(agent.log().lines().count(), 2, "{}", agent.log());
}

#[test]
fn snmpd_stopped_for_longer_than_its_time_out() {
    if in_namespace(this_test!()) {
        snmpd_stopped(Duration::from_secs(7));
    }
}

/// snmpd drops a subagent that is stopped while managers ask; when it goes on, it comes back.
fn subagent_stopped(stopped: Duration) {
    let snmpd = Snmpd::start("");
    let agent = Agent::at(&snmpd, "");
    let before = agent.descriptors();
    agent.process.signal("-STOP");
    managers_ask(&snmpd, stopped);
    snmpd.await_no_agent(Duration::from_secs(10));
    agent.process.signal("-CONT");
    back(&snmpd);
    // Nobody asked while it was stopped: snmpd has not noticed, and the session goes on.
    agent.process.signal("-STOP");
    std::thread::sleep(stopped.min(Duration::from_secs(3)));
    agent.process.signal("-CONT");
    back(&snmpd);
    assert!(snmpd.get(&[&format!("{BASE}.1.5.3.0")]).contains("Counter32: 2"));
    assert_eq!(agent.descriptors(), before);
    let log = agent.log();
    assert_eq!(log.lines().count(), 4, "started, served, lost, served:\n{log}");
}

#[test]
fn subagent_stopped_until_snmpd_drops_it() {
    if in_namespace(this_test!()) {
        subagent_stopped(Duration::from_secs(7));
    }
}

#[test]
#[ignore = "takes minutes; make soak"]
fn both_stopped_for_minutes() {
    if in_namespace(this_test!()) {
        subagent_stopped(Duration::from_secs(150));
        snmpd_stopped(Duration::from_secs(50));
    }
}

#[test]
fn the_socket_file_is_removed_and_made_again() {
    if !in_namespace(this_test!()) {
        return;
    }
    let mut snmpd = Snmpd::start("");
    let agent = Agent::at(&snmpd, "");
    let folder = snmpd.folder.path().join("agentx");
    // A connection does not need the file it came about by.
    std::fs::remove_file(folder.join("master")).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(version(&snmpd).ask(Duration::from_secs(1)), Answer::Value);
    snmpd.kill();
    until(Duration::from_secs(2), "told", || agent.log().contains("No such file"));
    std::fs::remove_dir_all(&folder).unwrap();
    std::thread::sleep(Duration::from_millis(700));
    snmpd.spawn();
    back(&snmpd);
    // A file that is no socket, in its place.
    snmpd.kill();
    std::fs::remove_file(folder.join("master")).unwrap();
    std::fs::write(folder.join("master"), "no socket").unwrap();
    std::thread::sleep(Duration::from_millis(700));
    snmpd.spawn();
    back(&snmpd);
    assert!(agent.log().lines().count() <= 9, "{}", agent.log());
}

#[test]
fn snmpd_that_moves_to_tcp_is_followed_after_sighup() {
    if !in_namespace(this_test!()) {
        return;
    }
    let mut snmpd = Snmpd::start("");
    let agent = Agent::at(&snmpd, "");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    snmpd.kill();
    std::thread::sleep(Duration::from_millis(700));
    let tcp = format!("tcp:127.0.0.1:{port}");
    snmpd.configure(&format!("rocommunity public 127.0.0.1\nmaster agentx\nagentXSocket {tcp}"));
    snmpd.spawn();
    std::thread::sleep(Duration::from_millis(500));
    std::fs::write(&agent.config, format!("[agentx]\naddress = \"{tcp}\"\n")).unwrap();
    let begun = Instant::now();
    agent.process.signal("-HUP");
    version(&snmpd).back_after(Duration::from_secs(5));
    assert!(begun.elapsed() < BACK_AT_LATEST, "{:?}", begun.elapsed());
    // And over TCP it comes back like over a Unix socket.
    for _ in 0..3 {
        snmpd.kill();
        std::thread::sleep(Duration::from_millis(200));
        snmpd.spawn();
        back(&snmpd);
    }
    assert!(agent.log().contains(&format!("address={tcp}")), "{}", agent.log());
}

/// A queue of connections that is full lets the system try again after 1, 3, 7 … seconds: too seldom.
#[test]
fn a_listener_that_took_nobody_for_a_while() {
    if !in_namespace(this_test!()) {
        return;
    }
    std::fs::write("/proc/sys/net/core/somaxconn", "1").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let _full: Vec<_> = (0..2).map(|_| TcpStream::connect(address).unwrap()).collect();
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path(), &format!("[agentx]\naddress = \"tcp:{address}\"\n"));
    // The system's own third try would come after seven seconds.
    std::thread::sleep(Duration::from_millis(4000));
    assert_eq!(
        agent.log().matches("nobody takes the connection within a second").count(),
        1,
        "{}",
        agent.log()
    );
    listener.set_nonblocking(true).unwrap();
    let begun = Instant::now();
    let mut first = [0; 4];
    until(Duration::from_secs(4), "an Open", || {
        listener.accept().is_ok_and(|(stream, _)| {
            stream.set_nonblocking(false).unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            std::io::Read::read_exact(&mut &stream, &mut first).is_ok()
        })
    });
    assert_eq!(first[..2], [1, 1], "an Open");
    // A pause of half a second, and the try that comes first after it.
    assert!(begun.elapsed() < BACK_AT_LATEST, "{:?}", begun.elapsed());
}
