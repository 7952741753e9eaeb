//! `/proc` that misbehaves below a running subagent: each file in turn is missing, empty, cut, nonsense, endless or slow.
//! Its own instances go, the rest stays, and it comes back by itself.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

#[path = "common/master.rs"]
mod master;

use agentx::encodings::Value;
use common::{copy, program, tree, unprivileged, until};
use master::{Master, list};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const BASE: &str = "1.3.6.1.4.1.8072.9999.9999.2741";

/// Each file with an instance that is made from it alone.
const FILES: [(&str, &str); 10] = [
    ("snmp", "1.3.6.1.2.1.6.5.0"),
    ("netstat", "1.3.6.1.4.1.8072.9999.9999.2741.1.3.6.24.0"),
    ("snmp6", "1.3.6.1.4.1.8072.9999.9999.2741.1.3.9.1.0"),
    ("xfrm_stat", "1.3.6.1.4.1.8072.9999.9999.2741.1.3.14.1.0"),
    ("sockstat", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.2.0"),
    ("sockstat6", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.13.0"),
    ("tcp", "1.3.6.1.4.1.8072.9999.9999.2741.1.1.1.1.3.1.5"),
    ("tcp6", "1.3.6.1.4.1.8072.9999.9999.2741.1.1.1.1.3.2.5"),
    ("udp", "1.3.6.1.4.1.8072.9999.9999.2741.1.1.2.1.2.1"),
    ("udp6", "1.3.6.1.4.1.8072.9999.9999.2741.1.1.2.1.2.2"),
];

/// What may become of the file's own instance.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Own {
    /// There is none, and lnsAgentSourceError names the file.
    GoneAndTold,
    /// There is none, as on a host whose kernel has no such file.
    Gone,
    /// Whatever the file says now.
    Whatever,
}

/// A subagent on a tree of its own that reads it anew for every answer.
struct Host {
    tree: TempDir,
    master: Master,
    good: Vec<Value>,
    packet: u32,
}

impl Host {
    fn start() -> Self {
        Self::launch(program())
    }

    fn launch(command: Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(Path::new(&tree("6.18")), folder.path());
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let configuration =
            "[refresh]\ncounters-max-age = \"100ms\"\nsockets-max-age = \"100ms\"\nanswer-within = \"900ms\"";
        let mut master = Master::launch(command, 0, folder.path().to_str().unwrap(), configuration);
        master.accept();
        let mut host = Self { tree: folder, master, good: Vec::new(), packet: 0 };
        host.good = host.values();
        for (value, (file, _)) in host.good.iter().zip(FILES) {
            assert!(is_there(value), "{file}: {value:?}");
        }
        host
    }

    fn file(&self, name: &str) -> PathBuf {
        self.tree.path().join("1/net").join(name)
    }

    /// The instance of each file, read now. Never later than a master agent waits.
    fn values(&mut self) -> Vec<Value> {
        std::thread::sleep(Duration::from_millis(120));
        self.packet += 1;
        let names: Vec<_> = FILES.iter().map(|(_, name)| *name).collect();
        let request = self.master.get(self.packet, &names);
        let asked = Instant::now();
        let response = self.master.ask(&request);
        assert!(asked.elapsed() < Duration::from_millis(1500), "{:?}", asked.elapsed());
        assert_eq!(response.header.packet_id, self.packet);
        list(response).into_iter().map(|(_, value)| value).collect()
    }

    /// lnsAgentSourceError of counters, sockstat and sockets, one text.
    fn errors(&mut self) -> String {
        let names = ["counters", "sockstat", "sockets"].map(|source| {
            let octets: String = source.bytes().map(|octet| format!(".{octet}")).collect();
            format!("{BASE}.1.5.8.1.6.{}{octets}", source.len())
        });
        let request = self.master.get(0, &names.each_ref().map(String::as_str));
        list(self.master.ask(&request)).into_iter().map(|(_, value)| format!("{value:?} ")).collect()
    }

    /// Damages one file after the other; `own` says what may become of its instance.
    fn inflict(&mut self, damage: &str, inflict: impl Fn(&Path, Vec<u8>), own: impl Fn(&str) -> Own) {
        for (position, (file, _)) in FILES.into_iter().enumerate() {
            let path = self.file(file);
            let contents = std::fs::read(&path).unwrap();
            inflict(&path, contents.clone());
            let values = self.values();
            let errors = self.errors();
            let what = format!("{file}, {damage}: {:?}, {errors}", values[position]);
            let told =
                |file: &str| [":", ","].iter().any(|end| errors.contains(&format!("1/net/{file}{end}")));
            match own(file) {
                Own::GoneAndTold => {
                    assert!(values[position] == Value::NoSuchInstance && told(file), "{what}");
                }
                Own::Gone => assert!(values[position] == Value::NoSuchInstance && !told(file), "{what}"),
                Own::Whatever => {}
            }
            // The one before is back as if nothing had been.
            for (other, (name, _)) in FILES.into_iter().enumerate().filter(|(other, _)| *other != position) {
                assert_eq!(values[other], self.good[other], "{file}, {damage}: {name} is another file");
                assert!(!told(name), "{file}, {damage}: {name} is well, {errors}");
            }
            let _ = std::fs::remove_dir(&path);
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, contents).unwrap();
        }
        assert_eq!(self.values(), self.good, "{damage}: back");
        assert!(!self.errors().contains("1/net"), "{damage}: well again");
        let log = self.master.agent.log();
        assert!(!log.contains("panicked"), "{log}");
        // One line for what is wrong with a source and one for its end, however often it was read meanwhile.
        let lines = log.lines().count();
        assert!(lines <= 2 + 2 * FILES.len(), "{damage}: {lines} lines\n{log}");
    }
}

fn is_there(value: &Value) -> bool {
    !matches!(value, Value::NoSuchInstance | Value::NoSuchObject)
}

fn gone_and_told(_: &str) -> Own {
    Own::GoneAndTold
}

fn mkfifo(path: &Path) {
    std::fs::remove_file(path).unwrap();
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn missing() {
    Host::start().inflict(
        "missing",
        |path, _| std::fs::remove_file(path).unwrap(),
        |file| match file {
            // A kernel without IPv6 has no such sockets, and one without xfrm no such counters.
            "tcp6" | "udp6" => Own::Whatever,
            "snmp6" | "xfrm_stat" | "sockstat6" => Own::Gone,
            _ => Own::GoneAndTold,
        },
    );
}

#[test]
fn a_directory_in_its_place() {
    let inflict = |path: &Path, _| {
        std::fs::remove_file(path).unwrap();
        std::fs::create_dir(path).unwrap();
    };
    Host::start().inflict("a directory", inflict, gone_and_told);
}

#[test]
fn a_link_to_itself() {
    let inflict = |path: &Path, _| {
        std::fs::remove_file(path).unwrap();
        symlink(path, path).unwrap();
    };
    Host::start().inflict("a link to itself", inflict, gone_and_told);
}

#[test]
fn empty() {
    Host::start().inflict("empty", |path, _| std::fs::write(path, "").unwrap(), gone_and_told);
}

#[test]
fn cut_in_mid_line() {
    for lost in [2, 30] {
        // With less than the newline, the last number would be read as another one.
        let inflict = |path: &Path, contents: Vec<u8>| {
            std::fs::write(path, &contents[..contents.len() - lost]).unwrap();
        };
        Host::start().inflict("cut", inflict, gone_and_told);
    }
}

#[test]
fn nuls() {
    let inflict = |path: &Path, mut contents: Vec<u8>| {
        contents.iter_mut().filter(|byte| byte.is_ascii_digit()).for_each(|byte| *byte = 0);
        std::fs::write(path, contents).unwrap();
    };
    Host::start().inflict("NULs for digits", inflict, gone_and_told);
}

#[test]
fn numbers_of_thirty_digits() {
    let inflict = |path: &Path, contents: Vec<u8>| {
        let text = String::from_utf8(contents).unwrap();
        // Numbers only: those in names such as Ip6InReceives or TCP6 stay.
        let long = text.lines().map(|line| {
            let words = line.split(' ').map(|word| match word.trim_end_matches(':') {
                number if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
                    word.replace(number, &"9".repeat(30))
                }
                _ => match word.split_once('\t') {
                    Some((name, number)) if number.trim().bytes().all(|byte| byte.is_ascii_digit()) => {
                        format!("{name}\t{}", "9".repeat(30))
                    }
                    _ => word.to_owned(),
                },
            });
            words.collect::<Vec<_>>().join(" ") + "\n"
        });
        std::fs::write(path, long.collect::<String>()).unwrap();
    };
    Host::start().inflict("thirty digits", inflict, gone_and_told);
}

#[test]
fn a_million_lines() {
    // Sockets may well be a million: they are counted. Counters are not, and none is believed.
    let inflict = |path: &Path, contents: Vec<u8>| {
        let last = contents.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap().to_owned();
        let sockets = path.file_name().unwrap().to_str().unwrap();
        let times = if sockets.starts_with("tcp") || sockets.starts_with("udp") { 40_000 } else { 1_000_000 };
        let mut all = contents;
        for _ in 0..times {
            all.extend(&last);
            all.push(b'\n');
        }
        std::fs::write(path, all).unwrap();
    };
    let own = |file: &str| match file {
        "tcp" | "tcp6" | "udp" | "udp6" => Own::Whatever,
        _ => Own::GoneAndTold,
    };
    let mut host = Host::start();
    host.inflict("a million lines", inflict, own);
    let highest = host.master.agent.status("VmHWM");
    assert!(highest < 60_000, "{highest} kB");
}

/// A million sockets are counted in constant memory, and nobody waits for them.
#[test]
fn a_million_sockets() {
    let mut host = Host::start();
    let file = host.file("tcp");
    let text = std::fs::read_to_string(&file).unwrap();
    let row = text.lines().find(|line| line.contains(" 01 ")).unwrap().to_owned() + "\n";
    std::fs::write(&file, text + &row.repeat(1_000_000)).unwrap();
    let before = host.master.agent.status("VmHWM");
    until(
        Duration::from_secs(30),
        "they are counted",
        || matches!(host.values()[6], Value::Gauge32(count) if count > 1_000_000),
    );
    let highest = host.master.agent.status("VmHWM");
    assert!(highest < before + 4096, "{before} kB before, {highest} kB at most");
    let log = host.master.agent.log();
    assert_eq!(log.matches("reading takes longer than answer-within").count(), 1, "{log}");
}

#[test]
fn endless() {
    let inflict = |path: &Path, _| {
        std::fs::remove_file(path).unwrap();
        symlink("/dev/zero", path).unwrap();
    };
    Host::start().inflict("endless", inflict, gone_and_told);
}

#[test]
fn a_fifo_that_nobody_writes_to() {
    Host::start().inflict("a FIFO", |path, _| mkfifo(path), gone_and_told);
}

/// Somebody holds it open for writing and says nothing, or writes a little now and then.
#[test]
fn a_fifo_that_is_slow() {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let inflict = |path: &Path, contents: Vec<u8>| {
            mkfifo(path);
            // Open for both, so that it does not wait for a reader.
            let mut fifo = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
            let over = &over;
            scope.spawn(move || {
                for octet in contents {
                    if over.load(Ordering::Relaxed) || std::io::Write::write_all(&mut fifo, &[octet]).is_err()
                    {
                        return;
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
        };
        let mut host = Host::start();
        host.inflict("slow", inflict, gone_and_told);
        over.store(true, Ordering::Relaxed);
    });
}

/// A new file in its place while the old one is read: what was open is read to its end, the next reading has the new one.
#[test]
fn replaced_while_it_is_open() {
    let mut host = Host::start();
    let over = AtomicBool::new(false);
    let files: Vec<_> = FILES.iter().map(|(file, _)| host.file(file)).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for file in &files {
                    let new = file.with_extension("new");
                    std::fs::copy(file, &new).unwrap();
                    std::fs::rename(&new, file).unwrap();
                }
            }
        });
        for _ in 0..20 {
            assert_eq!(host.values(), host.good);
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(host.master.agent.log().lines().count(), 2, "{}", host.master.agent.log());
}

/// Root may read whatever it likes, so this takes somebody else.
#[test]
fn not_to_be_read_by_this_user() {
    let folder = tempfile::tempdir().unwrap();
    let inflict = |path: &Path, _| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).unwrap();
    };
    Host::launch(unprivileged(folder.path())).inflict("unreadable", inflict, gone_and_told);
}

/// All of it at once: nothing but the subagent itself is left, and that is well.
#[test]
fn the_whole_of_it_goes_and_comes_back() {
    let mut host = Host::start();
    let (net, away) = (host.tree.path().join("1/net"), host.tree.path().join("away"));
    std::fs::rename(&net, &away).unwrap();
    let gone = host.values();
    assert!(gone.iter().all(|value| *value == Value::NoSuchInstance), "{gone:?}");
    let request = host.master.get(1, &[&format!("{BASE}.1.5.1.0")]);
    assert!(is_there(&list(host.master.ask(&request))[0].1));
    std::fs::rename(&away, &net).unwrap();
    assert_eq!(host.values(), host.good);
}
