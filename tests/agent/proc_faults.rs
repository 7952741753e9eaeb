//! `/proc` that misbehaves below a running subagent: each file in turn is missing, empty, cut, nonsense, endless or slow.
//! Its own instances go, the rest stays, and it comes back by itself.

use crate::common::master::{Master, list};
use crate::common::{copy, program, tree, unprivileged, until};
use agentx::encodings::Value;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const BASE: &str = "1.3.6.1.4.1.8072.9999.9999.2741";

/// Each file with an instance that is made from it alone.
const FILES: [(&str, &str); 33] = [
    ("1/net/snmp", "1.3.6.1.2.1.6.5.0"),
    ("1/net/netstat", "1.3.6.1.4.1.8072.9999.9999.2741.1.3.6.24.0"),
    ("1/net/snmp6", "1.3.6.1.4.1.8072.9999.9999.2741.1.3.9.1.0"),
    ("1/net/xfrm_stat", "1.3.6.1.4.1.8072.9999.9999.2741.1.3.14.1.0"),
    ("1/net/softnet_stat", "1.3.6.1.4.1.8072.9999.9999.2741.1.3.16.1.0"),
    ("1/net/stat/nf_conntrack", "1.3.6.1.4.1.8072.9999.9999.2741.1.3.15.9.0"),
    ("1/net/stat/arp_cache", "1.3.6.1.4.1.8072.9999.9999.2741.1.3.17.2.0"),
    ("1/net/stat/ndisc_cache", "1.3.6.1.4.1.8072.9999.9999.2741.1.3.18.2.0"),
    ("1/net/stat/synproxy", "1.3.6.1.4.1.8072.9999.9999.2741.1.3.20.2.0"),
    ("1/net/sockstat", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.2.0"),
    ("1/net/sockstat6", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.13.0"),
    ("1/net/tcp", "1.3.6.1.4.1.8072.9999.9999.2741.1.1.1.1.3.1.5"),
    ("1/net/tcp6", "1.3.6.1.4.1.8072.9999.9999.2741.1.1.1.1.3.2.5"),
    ("1/net/udp", "1.3.6.1.4.1.8072.9999.9999.2741.1.1.2.1.2.1"),
    ("1/net/udp6", "1.3.6.1.4.1.8072.9999.9999.2741.1.1.2.1.2.2"),
    ("1/net/sctp/snmp", "1.3.6.1.4.1.8072.9999.9999.2741.1.3.13.1.0"),
    ("1/net/tls_stat", "1.3.6.1.4.1.8072.9999.9999.2741.1.3.19.1.0"),
    ("sys/net/ipv4/tcp_mem", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.19.0"),
    ("sys/net/ipv4/udp_mem", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.22.0"),
    ("sys/net/ipv4/tcp_max_orphans", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.25.0"),
    ("sys/net/ipv4/tcp_max_tw_buckets", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.26.0"),
    ("sys/net/core/somaxconn", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.27.0"),
    ("sys/net/ipv4/tcp_max_syn_backlog", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.28.0"),
    ("sys/net/ipv4/ip_local_port_range", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.29.0"),
    ("sys/net/core/netdev_max_backlog", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.31.0"),
    ("sys/net/ipv4/ipfrag_high_thresh", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.32.0"),
    ("sys/net/ipv6/ip6frag_high_thresh", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.33.0"),
    ("sys/fs/file-nr", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.34.0"),
    ("sys/fs/file-max", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.35.0"),
    ("sys/net/netfilter/nf_conntrack_count", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.37.0"),
    ("sys/net/netfilter/nf_conntrack_max", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.38.0"),
    ("sys/net/ipv4/neigh/default/gc_thresh3", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.41.0"),
    ("sys/net/ipv6/neigh/default/gc_thresh3", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.42.0"),
];

/// Those of them that the captured tree does not have: no SCTP and no TLS there.
const ADDED: [(&str, &str); 2] = [
    ("1/net/sctp/snmp", "SctpCurrEstab                   \t7\nSctpActiveEstabs                \t12\n"),
    ("1/net/tls_stat", "TlsCurrTxSw                     \t7\nTlsTxSw                         \t12\n"),
];

/// Whether its counts are added up from its readings, each on top of the one before.
fn is_summed(file: &str) -> bool {
    file.ends_with("/softnet_stat") || file.contains("/net/stat/")
}

fn own_count(value: &Value) -> u64 {
    let Value::Counter64(count) = value else { panic!("{value:?}") };
    *count
}

fn instance_of(file: &str) -> &'static str {
    FILES.iter().find(|(name, _)| *name == file).unwrap().1
}

/// What may become of the file's own instance.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Own {
    /// There is none, and lnsAgentSourceError names the file.
    GoneAndTold,
    /// There is none, as on a host whose kernel has no such file.
    Gone,
    /// It is zero, as on a host without such sockets, and that is no error.
    Zero,
    /// It is so much more than it was, at last.
    More(u32),
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
        Self::launch(program(), "900ms")
    }

    fn launch(command: Command, answer_within: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(Path::new(&tree("6.18")), folder.path());
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        for (file, contents) in ADDED {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, contents).unwrap();
        }
        // Limits are those of the reader's namespace: they count only where process 1 of the tree is in it too.
        std::fs::create_dir_all(folder.path().join("1/ns")).unwrap();
        let namespace = std::fs::read_link("/proc/self/ns/net").unwrap();
        symlink(namespace, folder.path().join("1/ns/net")).unwrap();
        let configuration = format!(
            "[refresh]\ncounters-max-age = \"100ms\"\nsockets-max-age = \"100ms\"\nanswer-within = \"{answer_within}\""
        );
        let mut master = Master::launch(command, 0, folder.path().to_str().unwrap(), &configuration);
        master.accept();
        let mut host = Self { tree: folder, master, good: Vec::new(), packet: 0 };
        host.good = host.values();
        for (value, (file, _)) in host.good.iter().zip(FILES) {
            assert!(is_there(value), "{file}: {value:?}");
        }
        host
    }

    fn file(&self, name: &str) -> PathBuf {
        self.tree.path().join(name)
    }

    /// The instance of each file, read now. Never later than a master agent waits.
    fn values(&mut self) -> Vec<Value> {
        std::thread::sleep(Duration::from_millis(120) + self.rest());
        self.packet += 1;
        let names: Vec<_> = FILES.iter().map(|(_, name)| *name).collect();
        let request = self.master.get(self.packet, &names);
        let asked = Instant::now();
        let response = self.master.ask(&request);
        assert!(asked.elapsed() < Duration::from_millis(1500), "{:?}", asked.elapsed());
        assert_eq!(response.header.packet_id, self.packet);
        list(response).into_iter().map(|(_, value)| value).collect()
    }

    /// lnsAgentSourceError of counters, sockstat, tcp and udp, one text.
    fn errors(&mut self) -> String {
        self.of_sources(6).into_iter().map(|value| format!("{value:?} ")).collect()
    }

    /// A column of lnsAgentSourceTable.
    fn of_sources(&mut self, column: u32) -> Vec<Value> {
        let names = ["counters", "sockstat", "tcp", "udp"].map(|source| {
            let octets: String = source.bytes().map(|octet| format!(".{octet}")).collect();
            format!("{BASE}.1.5.8.1.{column}.{}{octets}", source.len())
        });
        let request = self.master.get(0, &names.each_ref().map(String::as_str));
        list(self.master.ask(&request)).into_iter().map(|(_, value)| value).collect()
    }

    /// How long a source may rest: nine times the CPU time of its last reading, which is no more than that took.
    fn rest(&mut self) -> Duration {
        let micros = |value| if let Value::Gauge32(micros) = value { micros } else { 0 };
        let longest = self.of_sources(3).into_iter().map(micros).max();
        (9 * Duration::from_micros(longest.unwrap().into())).min(Duration::from_secs(3))
    }

    /// Waits for one instance to be so much more, if reading takes longer than an answer may: until then it is what it
    /// was, and never in between.
    fn grown(&mut self, position: usize, more: u32) -> Vec<Value> {
        let Value::Gauge32(before) = self.good[position] else { panic!("no gauge") };
        let mut values = Vec::new();
        until(Duration::from_secs(20), "all lines are counted", || {
            values = self.values();
            let grown = values[position] == Value::Gauge32(before + more);
            assert!(grown || values[position] == self.good[position], "{before}, {more}: {values:?}");
            grown
        });
        values
    }

    /// Damages one file after the other; `own` says what may become of its instance.
    fn inflict(&mut self, damage: &str, inflict: impl Fn(&Path, Vec<u8>), own: impl Fn(&str) -> Own) {
        for (position, (file, _)) in FILES.into_iter().enumerate() {
            let path = self.file(file);
            let contents = std::fs::read(&path).unwrap();
            inflict(&path, contents.clone());
            let own = own(file);
            let values = match own {
                Own::More(more) => self.grown(position, more),
                _ => self.values(),
            };
            let errors = self.errors();
            let what = format!("{file}, {damage}: {:?}, {errors}", values[position]);
            let told = |file: &str| [":", ","].iter().any(|end| errors.contains(&format!("/{file}{end}")));
            match own {
                Own::GoneAndTold => {
                    assert!(values[position] == Value::NoSuchInstance && told(file), "{what}");
                }
                Own::Gone => assert!(values[position] == Value::NoSuchInstance && !told(file), "{what}"),
                Own::Zero => assert!(values[position] == Value::Gauge32(0) && !told(file), "{what}"),
                Own::More(_) => assert!(!told(file), "{what}"),
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
        let errors = self.errors();
        assert!(!errors.contains("/net"), "{damage}: well again, {errors}");
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

/// Where the number stands in a file that its instance is made from; of socket tables, the port of the first socket.
fn own_number(file: &Path, contents: &[u8]) -> usize {
    let text = std::str::from_utf8(contents).unwrap();
    let file = file.to_str().unwrap();
    let (name, _) = FILES.iter().find(|(name, _)| file.ends_with(name)).unwrap();
    let (line_begins, which, word) = match name.rsplit('/').next().unwrap() {
        "snmp" if name.contains("sctp") => ("SctpCurrEstab", 0, 1),
        "snmp" => ("Tcp: ", 1, 5),
        "netstat" => ("TcpExt: ", 1, 24),
        "snmp6" => ("Ip6InReceives", 0, 1),
        "xfrm_stat" => ("XfrmInError", 0, 1),
        "tls_stat" => ("TlsCurrTxSw", 0, 1),
        // The first row, behind the header.
        "nf_conntrack" => ("0", 0, 8),
        "arp_cache" | "ndisc_cache" | "synproxy" => ("0", 0, 1),
        "sockstat" => ("TCP: ", 0, 2),
        "sockstat6" => ("TCP6: ", 0, 2),
        "tcp" | "tcp6" | "udp" | "udp6" => (" ", 1, 1),
        _ => ("", 0, 0),
    };
    let line = text.lines().filter(|line| line.starts_with(line_begins)).nth(which).unwrap();
    let word = line.split_whitespace().nth(word).unwrap();
    // Both are slices of the text.
    let number = word.as_ptr() as usize - text.as_ptr() as usize;
    number + word.find(':').map_or(0, |colon| colon + 1)
}

/// One row of a socket table that its instance counts.
fn counted_row(contents: &[u8]) -> String {
    let text = std::str::from_utf8(contents).unwrap();
    let row = text.lines().rfind(|line| line.contains(" 01 ")).or_else(|| text.lines().last());
    row.unwrap().to_owned() + "\n"
}

fn is_of_sockets(file: &str) -> bool {
    ["1/net/tcp", "1/net/tcp6", "1/net/udp", "1/net/udp6"].iter().any(|name| file.ends_with(name))
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
            "1/net/tcp6" | "1/net/udp6" => Own::Zero,
            "1/net/snmp6" | "1/net/xfrm_stat" | "1/net/sockstat6" | "1/net/sctp/snmp" | "1/net/tls_stat" => {
                Own::Gone
            }
            summed if is_summed(summed) => Own::Gone,
            // A network namespace other than the first has not all of them.
            limit if limit.starts_with("sys/") => Own::Gone,
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
            std::fs::write(path, &contents[..contents.len().saturating_sub(lost)]).unwrap();
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
    let inflict = |path: &Path, mut contents: Vec<u8>| {
        let number = own_number(path, &contents);
        contents[number] = 0;
        std::fs::write(path, contents).unwrap();
    };
    Host::start().inflict("a NUL in one number", inflict, gone_and_told);
}

#[test]
fn numbers_of_thirty_digits() {
    let inflict = |path: &Path, contents: Vec<u8>| {
        let text = String::from_utf8(contents).unwrap();
        // Numbers only: those in names such as Ip6InReceives or TCP6 stay.
        let long = text.lines().map(|line| {
            let words = line.split_inclusive([' ', '\t']).map(|word| {
                let number = word.trim_matches([' ', '\t', ':']);
                let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
                if is_number { word.replace(number, &"9".repeat(30)) } else { word.to_owned() }
            });
            words.collect::<String>() + "\n"
        });
        std::fs::write(path, long.collect::<String>()).unwrap();
    };
    Host::start().inflict("thirty digits", inflict, gone_and_told);
}

#[test]
fn a_million_lines() {
    // Sockets may well be a million: they are counted. Counters are not, and none is believed.
    const SOCKETS: u32 = 40_000;
    let inflict = |path: &Path, contents: Vec<u8>| {
        let (row, times) = if is_of_sockets(path.to_str().unwrap()) {
            (counted_row(&contents), SOCKETS)
        } else {
            let text = std::str::from_utf8(&contents).unwrap();
            (text.lines().last().unwrap().to_owned() + "\n", 1_000_000)
        };
        std::fs::write(path, [contents, row.repeat(times as usize).into_bytes()].concat()).unwrap();
    };
    let own = |file: &str| if is_of_sockets(file) { Own::More(SOCKETS) } else { Own::GoneAndTold };
    let mut host = Host::start();
    host.inflict("a million lines", inflict, own);
    let highest = host.master.agent.status("VmHWM");
    assert!(highest < 60_000, "{highest} kB");
}

/// A million sockets are counted in constant memory, and nobody waits for them. No machine reads them within a tenth of a
/// second.
#[test]
fn a_million_sockets() {
    let mut host = Host::launch(program(), "100ms");
    let file = host.file("1/net/tcp");
    let text = std::fs::read_to_string(&file).unwrap();
    let row = text.lines().find(|line| line.contains(" 01 ")).unwrap().to_owned() + "\n";
    std::fs::write(&file, text + &row.repeat(1_000_000)).unwrap();
    // The pages of its executable that are there depend on the machine, and are no memory of its own.
    let of_file = |host: &Host| host.master.agent.status("RssFile");
    let before = host.master.agent.status("VmHWM") - of_file(&host);
    let request = host.master.get(0, &[instance_of("1/net/tcp")]);
    // Without a pause, so that no other reading is under way when they are counted: that one would bring rows, since this
    // one took long.
    until(Duration::from_secs(60), "they are counted", || {
        let asked = Instant::now();
        let count = list(host.master.ask(&request)).remove(0).1;
        assert!(asked.elapsed() < Duration::from_millis(1500), "{:?}", asked.elapsed());
        matches!(count, Value::Gauge32(count) if count > 1_000_000)
    });
    // Four octets for each of them would be too many, and a row has 24.
    let highest = host.master.agent.status("VmHWM") - of_file(&host);
    assert!(highest < before + 4_000, "{before} kB before, {highest} kB at most");
    // Told once; on a busy machine the reading of the small file may have been late too, which then had its end.
    let log = host.master.agent.log();
    let told = |what| log.lines().filter(|line| line.contains(what) && line.contains("\"tcp\"")).count();
    let ended = told("is read within answer-within again");
    assert_eq!(told("reading takes longer than answer-within"), ended + 1, "{log}");
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
    let files = FILES.map(|(file, _)| host.file(file));
    let contents = files.each_ref().map(|file| {
        let good = std::fs::read(file).unwrap();
        let mut other = good.clone();
        if is_of_sockets(file.to_str().unwrap()) {
            other.extend(counted_row(&good).repeat(5).bytes());
        } else if is_summed(file.to_str().unwrap()) {
            // More, and as many digits.
            other[own_number(file, &good)] += 1;
        } else {
            other.insert(own_number(file, &good), b'9');
        }
        [good, other]
    });
    let replace = |which: usize| {
        for (file, contents) in files.iter().zip(&contents) {
            let new = file.with_extension("new");
            std::fs::write(&new, &contents[which]).unwrap();
            std::fs::rename(&new, file).unwrap();
        }
    };
    replace(1);
    let other = host.values();
    for ((good, other), (file, _)) in host.good.iter().zip(&other).zip(FILES) {
        assert!(is_there(other) && good != other, "{file}: {good:?}, {other:?}");
    }
    let over = AtomicBool::new(false);
    let mut seen = FILES.map(|_| [false; 2]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for which in (0..2).cycle().take_while(|_| !over.load(Ordering::Relaxed)) {
                replace(which);
            }
        });
        for _ in 0..40 {
            for ((position, value), (file, _)) in host.values().into_iter().enumerate().zip(FILES) {
                if is_summed(file) {
                    // Whichever of the two it was before, what comes between counts on.
                    assert!(
                        matches!(value, Value::Counter64(count) if count >= own_count(&host.good[position]))
                    );
                    continue;
                }
                let one_of_them = [&host.good[position], &other[position]].map(|known| *known == value);
                // A counter that is less than it was is not served, whoever replaced its file.
                let counts = matches!(other[position], Value::Counter32(_) | Value::Counter64(_));
                let fewer = if counts { value == Value::NoSuchInstance } else { one_of_them[0] };
                assert!(fewer || one_of_them[1], "{file}: {value:?}");
                seen[position][0] |= fewer;
                seen[position][1] |= one_of_them[1];
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    for (seen, (file, _)) in seen.iter().zip(FILES).filter(|(_, (file, _))| !is_summed(file)) {
        assert_eq!(*seen, [true; 2], "{file}");
    }
    // No file is told of: only figures that fell.
    let log = host.master.agent.log();
    assert!(!log.contains("/net/") && !log.contains("panicked"), "{log}");
}

/// Root may read whatever it likes, so this takes somebody else.
#[test]
fn not_to_be_read_by_this_user() {
    let folder = tempfile::tempdir().unwrap();
    let inflict = |path: &Path, _| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).unwrap();
    };
    Host::launch(unprivileged(folder.path()), "900ms").inflict("unreadable", inflict, gone_and_told);
}

/// All of it at once: nothing but the subagent itself is left, and that is well.
#[test]
fn the_whole_of_it_goes_and_comes_back() {
    let mut host = Host::start();
    let (net, away) = (host.tree.path().join("1/net"), host.tree.path().join("away"));
    std::fs::rename(&net, &away).unwrap();
    let gone = host.values();
    for (value, (file, _)) in gone.iter().zip(FILES) {
        assert_eq!(is_there(value), file.starts_with("sys/"), "{file}: {gone:?}");
    }
    let request = host.master.get(1, &[&format!("{BASE}.1.5.1.0")]);
    assert!(is_there(&list(host.master.ask(&request))[0].1));
    std::fs::rename(&away, &net).unwrap();
    assert_eq!(host.values(), host.good);
}
