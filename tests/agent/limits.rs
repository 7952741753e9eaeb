//! Out of something: descriptors, memory, threads, room for the log, time. What cannot be had takes away what needs it,
//! and is back when it can be had.

use crate::common::master::{ACTIVE_OPENS, Master, list};
use crate::common::{copy, program, tree, unprivileged, until, with_clock};
use agentx::encodings::Value;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const BASE: &str = "1.3.6.1.4.1.8072.9999.9999.2741";
const FRESH: &str = "[refresh]\ncounters-max-age = \"100ms\"\nsockets-max-age = \"100ms\"\n";

fn value(master: &mut Master, name: &str) -> Value {
    std::thread::sleep(Duration::from_millis(120));
    let request = master.get(5, &[name]);
    list(master.ask(&request)).remove(0).1
}

/// lnsAgentSourceError of a source.
fn error(master: &mut Master, source: &str) -> String {
    let octets: String = source.bytes().map(|octet| format!(".{octet}")).collect();
    let request = master.get(6, &[&format!("{BASE}.1.5.8.1.6.{}{octets}", source.len())]);
    format!("{:?}", list(master.ask(&request)).remove(0).1)
}

fn sessions(master: &mut Master) -> Value {
    value(master, &format!("{BASE}.1.5.3.0"))
}

#[test]
fn descriptors() {
    let mut master = Master::start(0, FRESH);
    assert_eq!(value(&mut master, ACTIVE_OPENS), Value::Counter32(4));
    // What is open stays open.
    let (descriptors, none, usual) = (master.agent.descriptors(), "3:4096", "1024:4096");
    master.agent.limit("nofile", none);
    assert_eq!(value(&mut master, ACTIVE_OPENS), Value::NoSuchInstance);
    assert!(error(&mut master, "counters").contains("Too many open files"));
    // What needs no file is there, and the session is the one it was.
    assert_eq!(sessions(&mut master), Value::Counter32(1));
    master.agent.limit("nofile", usual);
    assert_eq!(value(&mut master, ACTIVE_OPENS), Value::Counter32(4));
    // None left for a connection either.
    master.agent.limit("nofile", none);
    master.stream = None;
    until(Duration::from_secs(2), "told", || {
        master.agent.log().contains("Too many open files (os error 24); trying again")
    });
    std::thread::sleep(Duration::from_secs(1));
    master.agent.limit("nofile", usual);
    master.accept();
    assert_eq!(value(&mut master, ACTIVE_OPENS), Value::Counter32(4));
    assert_eq!(master.agent.descriptors(), descriptors);
    let log = master.agent.log();
    assert_eq!(log.matches("cannot connect").count(), 1, "{log}");
    // Two of them say that sock_diag shows nothing of a tree.
    assert!(log.lines().count() <= 10, "{log}");
}

/// Too few to begin with is told, whatever is missing.
#[test]
fn hardly_any_descriptors_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    for limit in [4, 6, 8, 12, 31, 32] {
        let script = format!(
            "ulimit -n {limit}; exec timeout 1 {} run --config {}/none.toml",
            env!("CARGO_BIN_EXE_netstat-agentx"),
            folder.path().display()
        );
        std::fs::write(folder.path().join("none.toml"), "[agentx]\naddress = \"unix:/nowhere\"").unwrap();
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        let text = crate::common::text_of(&output);
        assert!(!text.contains("panicked"), "{limit}: {text}");
        // It says so and ends, or it runs until it is ended.
        let (status, too_few) = (output.status.code().unwrap(), text.contains("32 are enough"));
        assert_eq!((status, too_few), if limit < 32 { (1, true) } else { (124, false) }, "{limit}: {text}");
        assert_eq!(text.contains("trying again"), limit == 32, "{limit}: {text}");
    }
}

/// A soft limit of the subagent by its name in /proc/PID/limits, as prlimit takes it.
fn soft_limit(master: &Master, name: &str) -> String {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", master.agent.pid())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn threads() {
    let folder = tempfile::tempdir().unwrap();
    // The limit is that of a user, and root has none.
    let mut master = Master::launch(unprivileged(folder.path()), 0, &tree("6.18"), FRESH);
    master.accept();
    assert_eq!(value(&mut master, ACTIVE_OPENS), Value::Counter32(4));
    // Others may run as the same user, here or in another PID namespace, and all of them count: one is never enough, and
    // what is must be what it was.
    let usual = format!("{}:", soft_limit(&master, "Max processes"));
    master.agent.limit("nproc", "1:");
    // The request that finds out is still answered from what there was.
    let _ = value(&mut master, ACTIVE_OPENS);
    assert_eq!(value(&mut master, ACTIVE_OPENS), Value::NoSuchInstance);
    assert!(error(&mut master, "counters").contains("no thread can be started"), "{}", master.agent.log());
    assert_eq!(sessions(&mut master), Value::Counter32(1));
    master.agent.limit("nproc", &usual);
    assert_eq!(value(&mut master, ACTIVE_OPENS), Value::Counter32(4));
    assert!(!error(&mut master, "counters").contains("thread"));
    assert!(!master.agent.log().contains("panicked"), "{}", master.agent.log());
}

/// No memory for the rows of a table: that table fails, and not the process. Reading so many costs so much that the source
/// rests for seconds after it.
fn memory_for_less_than(rows: usize) {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(&tree("6.18")), folder.path());
    let mut master = Master::launch(program(), 0, folder.path().to_str().unwrap(), FRESH);
    master.accept();
    let file = folder.path().join("1/net/tcp");
    let good = std::fs::read_to_string(&file).unwrap();
    let row = good.lines().last().unwrap().to_owned() + "\n";
    std::fs::write(&file, good.clone() + &row.repeat(rows)).unwrap();
    // The row is in closeWait. Counting takes no memory.
    let count = format!("{BASE}.1.1.1.1.3.1.8");
    until(
        Duration::from_secs(20),
        "counted",
        || matches!(value(&mut master, &count), Value::Gauge32(counted) if counted as usize > rows),
    );
    let now = master.agent.status("VmData") * 1024;
    master.agent.limit("data", &format!("{}:", now + (11 << 20)));
    let request = master.getnext(7, &[("1.3.6.1.2.1.6.13.1.1", "", false)]);
    until(Duration::from_secs(60), "the rows cannot be had", || {
        master.ask(&request);
        error(&mut master, "tcp").contains("no memory for the rows")
    });
    // The walk goes on behind the table.
    let next = list(master.ask(&request)).remove(0).0;
    assert!(!next.starts_with("1.3.6.1.2.1.6.13."), "{next}");
    assert_eq!(sessions(&mut master), Value::Counter32(1));
    assert_eq!(value(&mut master, ACTIVE_OPENS), Value::Counter32(4));
    master.agent.limit("data", "unlimited:");
    std::fs::write(&file, good).unwrap();
    until(Duration::from_secs(60), "back", || {
        let answer = list(master.ask(&request)).remove(0);
        answer.0.starts_with("1.3.6.1.2.1.6.13.1.1.127.0.0.1.") && error(&mut master, "tcp").contains("\"\"")
    });
    assert!(!master.agent.log().contains("panicked"), "{}", master.agent.log());
}

/// 300,000 rows of 24 octets in a vector that doubles are more than there is.
#[test]
fn memory() {
    memory_for_less_than(300_000);
}

/// 250,000 are not, but as much again to sort them is.
#[test]
fn memory_to_sort() {
    memory_for_less_than(250_000);
}

/// A disk without room for the log, a log that nobody reads any more.
#[test]
fn room_for_the_log() {
    // The arguments behind the script are those of the program, the third is its configuration.
    for redirected in [
        "exec $0 \"$@\" 2>/dev/full",
        "exec $0 \"$@\" 2>&-",
        "mkfifo $3.log; true <$3.log & exec $0 \"$@\" 2>$3.log",
        // A pipe that is full, and held open by somebody who does not read.
        "mkfifo $3.log; exec 3<>$3.log; head -c 65536 /dev/zero >&3; exec $0 \"$@\" 2>&3",
    ] {
        let script = redirected.replace("$0", env!("CARGO_BIN_EXE_netstat-agentx"));
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, "sh"]);
        let mut master = Master::launch(shell, 0, &tree("6.18"), &format!("{FRESH}[log]\nlevel = \"trace\""));
        master.accept();
        for _ in 0..3 {
            // Each of these is something to tell.
            master.send(&[9; 20]);
            master.until_closed();
            master.accept();
            master.agent.process.signal("-HUP");
        }
        assert_eq!(value(&mut master, ACTIVE_OPENS), Value::Counter32(4), "{redirected}");
        assert_eq!(sessions(&mut master), Value::Counter32(4), "{redirected}");
        assert_eq!(master.agent.log(), "", "{redirected}");
        master.agent.process.signal("-TERM");
        let close = master.receive();
        master.respond(&close);
        assert!(master.agent.process.wait(Duration::from_secs(2)).success(), "{redirected}");
    }
}

/// What somebody may put in the place of the configuration is refused in a line, and the subagent goes on: no waiting,
/// no memory.
#[test]
fn a_configuration_that_is_no_file_or_has_no_end() {
    let mut master = Master::start(0, FRESH);
    let (config, folder) = (master.agent.config.clone(), master.folder.path().to_owned());
    let good = std::fs::read_to_string(&config).unwrap();
    let other = folder.join("other");
    let made = Command::new("mkfifo").arg(&other).status().unwrap();
    assert!(made.success());
    std::fs::create_dir(folder.join("directory")).unwrap();
    std::fs::write(folder.join("large"), "# 100 MB of a comment\n".repeat(100_000_000 / 22)).unwrap();
    std::fs::write(folder.join("text"), good.clone() + &"# more\n".repeat(300_000)).unwrap();
    let memory = master.agent.status("VmRSS");
    for (number, (target, told)) in [
        (other.to_str().unwrap(), "no ordinary file, which is what is allowed, of up to 1048576 octets"),
        ("/dev/zero", "no ordinary file"),
        ("directory", "no ordinary file"),
        ("large", "larger than the 1048576 octets that are allowed"),
        ("text", "larger than the 1048576 octets that are allowed"),
        ("nowhere", "No such file"),
        (config.to_str().unwrap(), "symbolic links"),
    ]
    .into_iter()
    .enumerate()
    {
        std::fs::remove_file(&config).unwrap();
        std::os::unix::fs::symlink(target, &config).unwrap();
        // All commands read it so.
        for command in
            [&["check-config"][..], &["show"], &["mib"], &["walk"], &["check"], &["run"], &["resets"]]
        {
            let output = Command::new("timeout")
                .args(["10", env!("CARGO_BIN_EXE_netstat-agentx")])
                .args(command)
                .arg("--config")
                .arg(&config)
                .output()
                .unwrap();
            let text = crate::common::text_of(&output);
            assert!(text.contains(told), "{command:?} {target}: {text}");
            // What the system does not let us read it may let us the next time; the others are what they are.
            let failure = if told == "symbolic links" { 1 } else { 2 };
            let status = if command == ["check"] { 3 } else { failure };
            assert_eq!(output.status.code(), Some(status), "{command:?} {target}");
        }
        master.agent.process.signal("-HUP");
        until(Duration::from_secs(5), "refused", || {
            master.agent.log().matches("the configuration stays as it was").count() == number + 1
        });
        assert!(master.agent.log().lines().last().unwrap().contains(told), "{}", master.agent.log());
        assert_eq!(value(&mut master, ACTIVE_OPENS), Value::Counter32(4), "{target}");
    }
    let after = master.agent.status("VmRSS");
    assert!(after < memory + 4096, "{memory} kB before, {after} kB after");
    // One that is good again is taken.
    std::fs::remove_file(&config).unwrap();
    std::fs::write(&config, good).unwrap();
    master.agent.process.signal("-HUP");
    until(Duration::from_secs(5), "taken", || master.agent.log().contains("configuration read again"));
    assert_eq!(sessions(&mut master), Value::Counter32(1));
    // The end is heard, too, while a FIFO is there.
    std::fs::remove_file(&config).unwrap();
    std::os::unix::fs::symlink(&other, &config).unwrap();
    master.agent.process.signal("-HUP");
    master.agent.process.signal("-TERM");
    let close = master.receive();
    master.respond(&close);
    assert!(master.agent.process.wait(Duration::from_secs(2)).success());
}

/// Somebody sets the clock a day back, then two days forward. Nothing here goes by it but the time in the log.
#[test]
fn a_clock_that_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clock");
    let set = |offset: &str| std::fs::write(&file, offset).unwrap();
    set("+0");
    let clock = [
        ("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let mut master = Master::launch(with_clock(&clock), 0, &tree("6.18"), FRESH);
    master.accept();
    until(Duration::from_secs(2), "served", || master.agent.log().contains("serving"));
    let age = format!("{BASE}.1.5.8.1.2.8.99.111.117.110.116.101.114.115");
    let reloads = |log: &str| log.matches("SIGHUP").count();
    for (offset, times) in [("-1d", 1), ("+1d", 2)] {
        set(offset);
        assert_eq!(value(&mut master, ACTIVE_OPENS), Value::Counter32(4), "{offset}");
        // It was read anew, and just now.
        let Value::TimeTicks(hundredths) = value(&mut master, &age) else { panic!("no age") };
        assert!(hundredths < 100, "{offset}: {hundredths}");
        master.agent.process.signal("-HUP");
        until(Duration::from_secs(2), "told", || reloads(&master.agent.log()) >= times);
    }
    assert_eq!(sessions(&mut master), Value::Counter32(1));
    // The clock was set indeed.
    let log = master.agent.log();
    let told = log.lines().filter(|line| line.contains("serving") || line.contains("SIGHUP"));
    let days: Vec<_> = told.map(|line| line[8..10].to_owned()).collect();
    assert!(days[0] != days[1] && days[1] != days[2] && days[0] != days[2], "{log}");
}

/// What came while the process was stopped counts before its time-outs do. Sixty times as fast, a second is a minute.
#[test]
fn stopped_for_longer_than_an_answer_may_take() {
    let fast = with_clock(&[("FAKETIME", "+0 x60")]);
    let mut master = Master::launch(fast, 0, &tree("6.18"), "");
    let (stream, _) = master.listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    master.stream = Some(stream);
    let open = master.receive();
    master.agent.process.signal("-STOP");
    master.respond(&open);
    std::thread::sleep(Duration::from_millis(1500));
    master.agent.process.signal("-CONT");
    // The registrations follow, on the same connection.
    for _ in 0..12 {
        let request = master.receive();
        assert!([3, 16].contains(&request[1]), "type {}", request[1]);
        master.respond(&request);
    }
    until(Duration::from_secs(1), "registered", || master.agent.log().contains("serving 11 of 11"));
    assert!(!master.agent.log().contains("did not answer"), "{}", master.agent.log());
}

/// A request that waits for a process that is stopped is answered when it goes on, in the session it came in.
#[test]
fn stopped_for_a_while() {
    let mut master = Master::start(0, FRESH);
    master.agent.process.signal("-STOP");
    let request = master.get(9, &[ACTIVE_OPENS]);
    master.send(&request);
    std::thread::sleep(Duration::from_secs(3));
    let begun = Instant::now();
    master.agent.process.signal("-CONT");
    let answer = master.answer();
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    assert_eq!(list(answer)[0].1, Value::Counter32(4));
    assert_eq!(sessions(&mut master), Value::Counter32(1));
}
