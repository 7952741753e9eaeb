//! `explain` on what people paste, and on what the registry does not know.

use crate::common::{BASE, configured, copy, on_tree, program, text_of, tree};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

const TREES: [&str; 2] = ["7.3", "2.6.32"];
const PROGRAMS: [&str; 4] = ["netstat-s.txt", "netstat-s-6.txt", "nstat-asz.txt", "nstat-asz-j.txt"];

fn pasted(version: &str) -> String {
    format!("{}/tests/pasted/{version}", env!("CARGO_MANIFEST_DIR"))
}

/// What the program prints on a tree with a text on standard input, and its exit status.
fn explain(root: &str, options: &[&str], text: &str) -> (String, i32) {
    let file = configured(root);
    let mut child = program()
        .arg("explain")
        .args(options)
        .args(["--config", file.path().to_str().unwrap(), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have enough before all is written.
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    let output = child.wait_with_output().unwrap();
    (text_of(&output), output.status.code().unwrap())
}

fn entries(root: &str, text: &str) -> Vec<Value> {
    let (json, status) = explain(root, &["--json"], text);
    assert_eq!(status, 0, "{json}");
    serde_json::from_str::<Value>(&json).unwrap().as_array().unwrap().clone()
}

/// Every figure of a tree, which has each once, with its group and name as the kernel's files have them, joined.
fn figures(root: &str) -> BTreeMap<u64, String> {
    let mut figures = BTreeMap::new();
    let mut put = |name: String, value: &str| {
        assert_eq!(figures.insert(value.parse().unwrap(), name), None, "{value} stands twice");
    };
    for file in ["snmp", "netstat"] {
        let text = fs::read_to_string(format!("{root}/1/net/{file}")).unwrap();
        let lines: Vec<_> = text.lines().collect();
        for pair in lines.chunks(2) {
            let group = pair[0].split_once(':').unwrap().0;
            for (name, value) in pair[0].split(' ').zip(pair[1].split(' ')).skip(1) {
                put(format!("{group}{name}"), value);
            }
        }
    }
    for file in ["snmp6", "sctp/snmp", "xfrm_stat"] {
        let text = fs::read_to_string(format!("{root}/1/net/{file}")).unwrap_or_default();
        for line in text.lines() {
            let (name, value) = line.split_once(char::is_whitespace).unwrap();
            put(name.to_owned(), value.trim());
        }
    }
    figures
}

/// The figures in what netstat or nstat printed of a tree.
fn shown(text: &str) -> Vec<u64> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter_map(|word| word.parse().ok()).filter(|figure| *figure > 1000).collect()
}

/// Every line of what people paste finds its counter: the one that has its figure.
#[test]
fn every_line_of_netstat_and_nstat_finds_its_counter() {
    for version in TREES {
        let root = pasted(version);
        let figures = figures(&root);
        for program in PROGRAMS {
            let text = fs::read_to_string(format!("{root}/{program}")).unwrap();
            let entries = entries(&root, &text);
            let mut found = Vec::new();
            for entry in &entries {
                let (group, name) = (entry["group"].as_str().unwrap(), entry["name"].as_str().unwrap());
                let value = entry["value"].as_u64().unwrap();
                // Sctp's and Xfrm's names have their group in them already.
                let names = [format!("{group}{name}"), name.to_owned()];
                assert!(
                    names.contains(&figures[&value]),
                    "{version} {program}: {value} is {}",
                    figures[&value]
                );
                let is_numbered = name.contains("Type");
                assert_eq!(entry["descriptor"].is_null(), is_numbered, "{version} {program}: {group} {name}");
                found.push(value);
            }
            let mut shown = shown(&text);
            assert!(shown.len() > 80, "{version} {program}");
            found.sort_unstable();
            shown.sort_unstable();
            assert_eq!(found, shown, "{version} {program}");
        }
    }
}

/// The kernel's own files, as they are.
#[test]
fn the_files_of_proc_may_be_pasted_too() {
    for version in TREES {
        let root = pasted(version);
        let mut found = 0;
        for file in ["snmp", "netstat", "snmp6", "xfrm_stat"] {
            let text = fs::read_to_string(format!("{root}/1/net/{file}")).unwrap();
            found += entries(&root, &text).len();
        }
        let sctp = fs::read_to_string(format!("{root}/1/net/sctp/snmp")).unwrap_or_default().lines().count();
        assert_eq!(found + sctp, figures(&root).len(), "{version}");
    }
}

#[test]
fn a_line_keeps_its_value_and_many_lines_become_a_list() {
    let root = tree("5.15");
    for line in
        ["TcpExtListenDrops               77                 0.0", "77 SYNs to LISTEN sockets dropped"]
    {
        for (text, status) in [on_tree(&root, &["explain", line]), explain(&root, &[], line)] {
            assert_eq!(status, 0, "{text}");
            assert!(text.starts_with("TcpExt.ListenDrops: 77, as the line shows\n"), "{text}");
        }
    }
    let (text, _) = on_tree(&root, &["explain", "LINUX_MIB_LISTENDROPS"]);
    assert!(text.starts_with("TcpExt.ListenDrops: 12\n"), "this host's own: {text}");
    assert!(text.contains("Symbol: LINUX_MIB_LISTENDROPS"), "{text}");

    let netstat = fs::read_to_string(pasted("7.3") + "/netstat-s.txt").unwrap();
    let (text, status) = explain(&root, &[], &(netstat + "TcpExt:\n    0 SYN cookies sent\n"));
    assert_eq!(status, 0, "{text}");
    let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words}: {text}"));
    assert!(at("lost, refused") < at("TcpExt.ListenDrops") && at("Tcp.OutRsts") < at("Normal activity"));
    assert!(!text.contains(" 0  TcpExt.SyncookiesSent"), "{text}");
    let three = "Tcp:\n    5 resets sent\n    6 bad segments received\nUdp:\n    7 packets received\n";
    let (text, status) = explain(&root, &[], three);
    assert_eq!(status, 0);
    for heading in ["Tcp.OutRsts: 5, ", "Tcp.InErrs: 6, ", "Udp.InDatagrams: 7, "] {
        assert!(text.contains(heading), "{heading}: {text}");
    }
}

/// Without the headings of netstat a phrase may mean several counters, and the value belongs to one of them.
#[test]
fn a_value_is_given_to_no_counter_for_certain_that_it_may_not_belong_to() {
    let root = tree("5.15");
    let (text, status) = on_tree(&root, &["explain", "77 packets received"]);
    assert_eq!(status, 0, "{text}");
    for name in ["Udp", "Udp6"] {
        assert!(text.contains(&format!("{name}.InDatagrams: 77, if the line means this one\n")), "{text}");
    }
    let found = entries(&root, "77 packets received");
    assert!(found.len() == 2 && found.iter().all(|entry| entry["value"].is_null()), "{found:?}");
    let (text, _) = explain(&root, &[], &"77 packets received\n".repeat(10));
    assert!(text.contains(" 77?  Udp6.InDatagrams "), "{text}");
}

#[test]
fn lines_that_name_no_counter_are_told_and_take_away_no_other() {
    let root = tree("5.15");
    let (text, status) = explain(&root, &[], "Tcp:\n    5 resets sent\n    7 fish caught\n\u{1b}[31mred\n");
    assert_eq!(status, 1);
    assert!(
        text.contains("Tcp.OutRsts: 5") && text.contains("2 lines name no counter: '7 fish caught'"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "{text}");
    for nothing in ["", "\n\n", "Tcp:\n", "{}", "{\"kernel\":{}}"] {
        let (text, status) = explain(&root, &[], nothing);
        assert!(status == 2 && text.contains("names no counter"), "{nothing}: {text}");
    }
    let (text, status) = explain(&root, &[], &"a\n".repeat(1 << 20));
    assert!(status == 2 && text.contains("1 MiB"), "{text}");
    let (text, status) = explain(&root, &[], &"a 1\n".repeat(100_000));
    assert!(status == 1 && text.contains("100000 lines name no counter") && text.len() < 500, "{status}");
}

/// A counter of next year's kernel is shown by its own name, and is not taken for another.
#[test]
fn what_the_registry_does_not_know_is_shown_and_said_to_be_unexplained() {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(&tree("6.18")), folder.path());
    let netstat = folder.path().join("1/net/netstat");
    let text = fs::read_to_string(&netstat).unwrap();
    fs::write(&netstat, text + "QuicExt: Lost Nothing\nQuicExt: 7 0\n").unwrap();
    let root = folder.path().to_str().unwrap();

    let row = format!("{BASE}.1.4.1.3.7.81.117.105.99.69.120.116.4.76.111.115.116");
    for name in ["QuicExt.Lost", "Lost", "QuicExtLost", &row] {
        let (text, status) = on_tree(root, &["explain", name]);
        assert_eq!(status, 0, "{name}: {text}");
        assert!(text.starts_with("QuicExt.Lost: 7\n") && text.contains(&row), "{name}: {text}");
        assert!(text.contains("Not explained") && !text.contains("TcpExt"), "{name}: {text}");
    }
    // As 'get' has it.
    let (text, _) = on_tree(root, &["get", "lnsCounterValue.\"QuicExt\".\"Lost\""]);
    assert!(text.starts_with(&row) && text.contains("Counter64: 7"), "{text}");

    let (text, _) = on_tree(root, &["explain"]);
    let line = text.lines().find(|line| line.contains("QuicExt.Lost")).expect("it is not zero");
    assert_eq!(line.split_whitespace().next(), Some("7"));
    assert!(text.contains("Not explained") && !text.contains("QuicExt.Nothing"), "{text}");
    let (json, _) = on_tree(root, &["explain", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    let entry = json.as_array().unwrap().iter().find(|entry| entry["group"] == "QuicExt").unwrap();
    assert_eq!(
        (&entry["name"], &entry["value"], &entry["counts"]),
        (&"Lost".into(), &7.into(), &Value::Null)
    );
    // Those of the registry have the same keys.
    let keys = |entry: &Value| entry.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&json[0]), keys(entry));

    // That of another host, which this one does not have.
    let (text, status) = on_tree(root, &["explain", "MPTcpExtUnheard 5 0.0"]);
    assert!(status == 0 && text.starts_with("MPTcpExt.Unheard: 5, as the line shows\n"), "{text}");
}

#[test]
fn icmp_types_are_known_by_their_number() {
    let root = pasted("7.3");
    let (text, status) = on_tree(&root, &["explain", "IcmpMsgInType3 4"]);
    assert_eq!(status, 0, "{text}");
    assert!(text.starts_with("IcmpMsg.InType3: 4, as the line shows\n"), "{text}");
    assert!(
        text.contains("ICMP messages of type 3 received") && text.contains("Icmp.InDestUnreachs"),
        "{text}"
    );
    let (text, _) = on_tree(&root, &["explain"]);
    assert!(
        text.contains("IcmpMsg.InType69") && !text.contains("IcmpMsg.InType3 "),
        "its twin is there: {text}"
    );
}
