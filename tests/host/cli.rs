//! The commands that need no snmpd, on captured and rebuilt `/proc` trees.

use crate::common::{BASE, Guard, configured, copy, lines, on_tree, program, run, subids, tree, until};
use std::path::Path;
use std::time::Duration;

const KERNELS: [&str; 5] = ["2.6.32", "3.10", "4.18", "5.15", "6.18"];

#[test]
fn every_kernels_columns_are_read() {
    for kernel in KERNELS {
        let (text, status) = on_tree(&tree(kernel), &["walk"]);
        assert_eq!(status, 0, "{kernel}: {text}");
        let walk = lines(&text);
        for pair in walk.windows(2) {
            assert!(subids(&pair[0].0) < subids(&pair[1].0), "{kernel}: {} {}", pair[0].0, pair[1].0);
        }
        let count = |prefix: &str| walk.iter().filter(|(name, _)| name.starts_with(prefix)).count();
        assert_eq!(
            count(".1.3.6.1.2.1.6.")
                - count(".1.3.6.1.2.1.6.13.")
                - count(".1.3.6.1.2.1.6.19.")
                - count(".1.3.6.1.2.1.6.20."),
            16
        );
        assert_eq!(count(&format!("{BASE}.1.1.1.")), 33, "{kernel}");
        assert_eq!(count(&format!("{BASE}.1.1.2.")), 15, "{kernel}");
        assert!(count(".1.3.6.1.2.1.6.13.") >= 5 * 5, "{kernel}");
    }
}

#[test]
fn figures_of_the_rebuilt_trees() {
    for kernel in &KERNELS[..4] {
        let names = [
            "tcpActiveOpens.0",
            "tcpMaxConn.0",
            "lnsListenerAcceptQueue.ipv4.4.127.0.0.1.80",
            "lnsTcpStateSockets.all.closeWait",
        ];
        let (text, status) = on_tree(&tree(kernel), &[&["get"], &names[..]].concat());
        let values: Vec<_> = lines(&text).into_iter().map(|(_, value)| value).collect();
        assert_eq!(
            (status, &values[..2]),
            (0, &["Counter32: 5".to_owned(), "INTEGER: -1".to_owned()][..]),
            "{kernel}"
        );
        assert_eq!(values[2..], ["Gauge32: 3", "Gauge32: 1"], "{kernel}");
    }
}

/// Numbers of twenty digits stand apart, and a figure below zero is a question mark beside figures that stay.
#[test]
fn show_takes_figures_of_any_length() {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(&tree("6.18")), folder.path());
    let net = folder.path().join("1/net");
    for (file, digits) in [("udp", 8), ("udp6", 32)] {
        let header =
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode\n";
        let nobody = format!("{}:0000", "0".repeat(digits));
        let columns = "07 00000000:FFFFFFFD 00:00000000 00000000     0        0 5 2 0";
        let row = format!("    1: {nobody} {nobody} {columns} {}\n", u64::MAX);
        std::fs::write(net.join(file), format!("{header}{row}")).unwrap();
    }
    std::fs::write(
        net.join("sockstat"),
        "TCP: inuse 6 orphan -2 tw 5 alloc 7 mem 10737417601073741760\nUDP: inuse 1 mem 1073741760107374176\n",
    )
    .unwrap();
    let (text, status) = on_tree(folder.path().to_str().unwrap(), &["show"]);
    assert_eq!(status, 1, "not all is known: {text}");
    let words = |label: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(label)).unwrap();
        line.trim_start()
            .strip_prefix(label)
            .unwrap()
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let most = u64::MAX.to_string();
    assert_eq!(words("drops of open sockets"), [&*most, &most, &most]);
    assert_eq!(words("receive queue octets"), ["?", "?", "?"]);
    assert_eq!(words("UDP memory"), ["1073741760107374176", "-", "pages"]);
    // As a long it is below zero.
    assert_eq!(words("TCP memory"), ["?", "-", "pages"]);
    assert_eq!(words("TCP orphans"), ["?", "-", "sockets"]);
    assert_eq!(words("TCP time wait")[0], "5");
}

type Inflict = fn(Vec<u8>) -> Vec<u8>;

/// Each file in turn is missing, empty, cut or nonsense: its own instances go, everything else stays.
#[test]
fn a_bad_file_takes_away_its_own_instances_only() {
    let good = lines(&on_tree(&tree("6.18"), &["walk"]).0);
    let count = |walk: &[(String, String)], prefix: &str| {
        walk.iter().filter(|(name, _)| name.starts_with(prefix)).count()
    };
    let private = |below: &str| format!("{BASE}.{below}.");
    for (file, gone) in [
        ("tcp", vec![private("1.1.1.1.3.1"), ".1.3.6.1.2.1.6.13.".to_owned(), private("1.1.4")]),
        ("tcp6", vec![private("1.1.1.1.3.2"), private("1.1.4")]),
        ("udp", vec![private("1.1.2.1.2.1"), ".1.3.6.1.2.1.7.5.".to_owned()]),
        ("udp6", vec![private("1.1.2.1.2.2")]),
        (
            "snmp",
            vec![
                ".1.3.6.1.2.1.5.1.".to_owned(),
                ".1.3.6.1.2.1.6.1.".to_owned(),
                ".1.3.6.1.2.1.7.1.".to_owned(),
            ],
        ),
        ("sockstat", vec![private("1.2.2")]),
    ] {
        let damages: [(&str, Inflict); 4] = [
            ("empty", |_| Vec::new()),
            ("a NUL in every line", |bytes| bytes.iter().map(|&b| if b == b' ' { 0 } else { b }).collect()),
            ("no numbers", |bytes| {
                bytes.iter().map(|&b| if b.is_ascii_digit() { b'?' } else { b }).collect()
            }),
            ("thirty digits", |bytes| {
                String::from_utf8(bytes).unwrap().replace('0', "000000000000000000000000000000").into_bytes()
            }),
        ];
        for (damage, inflict) in damages {
            let folder = tempfile::tempdir().unwrap();
            copy(Path::new(&tree("6.18")), folder.path());
            let path = folder.path().join("1/net").join(file);
            std::fs::write(&path, inflict(std::fs::read(&path).unwrap())).unwrap();
            let (text, status) = on_tree(folder.path().to_str().unwrap(), &["walk"]);
            // 'thirty digits' leaves some files whole: 000…0 is 0 in a counter.
            let walk = lines(&text);
            if damage != "thirty digits" {
                assert_eq!(status, 1, "{file} {damage}");
                assert!(text.contains(&format!("1/net/{file}")), "{file} {damage}: {text}");
                for prefix in &gone {
                    assert_eq!(count(&walk, prefix), 0, "{file} {damage}: {prefix}");
                }
            }
            // What does not come from the file is as it was.
            let own: &[&str] = match file {
                "tcp" | "tcp6" => &["1.1.2", "1.2"],
                "udp" | "udp6" => &["1.1.1", "1.1.3", "1.1.4", "1.2"],
                _ => &["1.1.1", "1.1.2", "1.1.3", "1.1.4"],
            };
            for below in own {
                assert_eq!(
                    count(&walk, &private(below)),
                    count(&good, &private(below)),
                    "{file} {damage}: {below}"
                );
            }
        }
    }
}

/// Nothing is served as 0 that is not known to be 0.
#[test]
fn a_host_without_ipv6_has_zeros_and_one_with_a_broken_table_has_none() {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(&tree("6.18")), folder.path());
    let net = folder.path().join("1/net");
    for file in ["tcp6", "udp6", "snmp6", "sockstat6"] {
        std::fs::remove_file(net.join(file)).unwrap();
    }
    let root = folder.path().to_str().unwrap();
    let names = [
        "get",
        "lnsTcpStateSockets.ipv6.established",
        "lnsUdpSockets.ipv6",
        "udpNoPorts.0",
        "lnsSockstatTcp6InUse.0",
    ];
    let (text, status) = on_tree(root, &names);
    let values: Vec<_> = lines(&text).into_iter().map(|(_, value)| value).collect();
    assert_eq!(values[..3], ["Gauge32: 0", "Gauge32: 0", "Counter32: 1"]);
    assert!(values[3].starts_with("No Such Instance"));
    assert_eq!(status, 0, "a host without IPv6 is well: {text}");
    // snmpd has rows of zeros there: docs/objects.md.
    for table in ["icmpStatsTable", "icmpMsgStatsTable"] {
        let rows = lines(&on_tree(root, &["walk", table]).0);
        let of_version = |version: &str| {
            let names = rows.iter().map(|(name, _)| name.split('.').nth(11).unwrap());
            names.filter(|index| *index == version).count()
        };
        assert!(of_version("1") > 0 && of_version("2") == 0, "{table}: {rows:?}");
    }
    std::fs::write(net.join("snmp6"), "").unwrap();
    std::fs::write(net.join("tcp6"), "").unwrap();
    let values: Vec<_> = lines(&on_tree(root, &names).0).into_iter().map(|(_, value)| value).collect();
    assert!(
        values[0].starts_with("No Such Instance") && values[2].starts_with("No Such Instance"),
        "{values:?}"
    );
}

/// `--log` holds whatever the configuration says, at the start and after SIGHUP; a line for each change has its fields.
#[test]
fn the_log_has_the_level_it_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let configuration = |level: &str| {
        let text =
            format!("[agentx]\naddress = \"unix:{}\"\n[log]\nlevel = \"{level}\"", path("none").display());
        std::fs::write(path("config"), text).unwrap();
    };
    for (option, level, starts, warns) in [
        (None, "info", true, true),
        (None, "warn", false, true),
        (None, "error", false, false),
        (Some("error"), "trace", false, false),
        (Some("warn"), "error", false, true),
        (Some("info"), "error", true, true),
    ] {
        configuration(level);
        let mut command = program();
        command.args(["run", "--config"]).arg(path("config"));
        command.args(option.iter().flat_map(|level| ["--log", level]));
        command.stderr(std::fs::File::create(path("log")).unwrap());
        let process = Guard(command.spawn().unwrap());
        let log = || std::fs::read_to_string(path("log")).unwrap();
        // SIGHUP is heard once the signals are; ERROR is the level of a configuration that is wrong.
        until(Duration::from_secs(5), "it hears signals", || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", process.0.id())).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t")).unwrap();
            u64::from_str_radix(caught, 16).unwrap() & 1 == 1
        });
        std::thread::sleep(Duration::from_millis(200));
        std::fs::write(path("config"), "[agentx]\npriority = 0").unwrap();
        process.signal("-HUP");
        until(Duration::from_secs(5), "the mistake", || {
            log().contains("ERROR SIGHUP: the configuration stays")
        });
        let what = format!("{option:?} {level}: {}", log());
        assert_eq!(log().contains("INFO netstat-agentx starts version="), starts, "{what}");
        assert_eq!(log().contains("WARN cannot connect to the master agent"), warns, "{what}");
        assert_eq!(log().contains(&format!("address=unix:{}", path("none").display())), warns, "{what}");
        // The level of a configuration that is read again holds only if none was told.
        configuration("debug");
        process.signal("-HUP");
        if option.is_none() || starts {
            until(Duration::from_secs(5), "read again", || log().contains("configuration read again"));
        } else {
            std::thread::sleep(Duration::from_millis(300));
            assert!(!log().contains("configuration read again"), "{what}");
        }
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(run(&["--version"]), (format!("netstat-agentx {}\n", env!("CARGO_PKG_VERSION")), 0));
}

#[test]
fn counters_of_every_kernel() {
    for kernel in &KERNELS[..4] {
        let names = [
            "lnsTcpExtListenOverflows.0",
            "lnsTcpExtListenDrops.0",
            "lnsCounterValue.\"TcpExt\".\"ListenDrops\"",
        ];
        let (text, status) = on_tree(&tree(kernel), &[&["get"], &names[..]].concat());
        let values: Vec<_> = lines(&text).into_iter().map(|(_, value)| value).collect();
        assert_eq!(
            (values, status),
            (vec!["Counter64: 11".into(), "Counter64: 12".into(), "Counter64: 12".into()], 0)
        );
    }
    let has = |kernel: &str, name: &str| on_tree(&tree(kernel), &["get", name]).0.contains("Counter64");
    assert!(has("2.6.32", "lnsTcpExtTCPLoss.0") && !has("3.10", "lnsTcpExtTCPLoss.0"));
    assert!(has("5.15", "lnsMPTcpExtMPCapableSYNRX.0") && !has("4.18", "lnsMPTcpExtMPCapableSYNRX.0"));
    assert!(!has("2.6.32", "lnsUdpInCsumErrors.0") && has("3.10", "lnsUdpInCsumErrors.0"));
}

/// A counter of next year's kernel can be polled by name, and bad ones take away only themselves.
#[test]
fn counters_that_no_registry_knows() {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(&tree("6.18")), folder.path());
    let net = folder.path().join("1/net");
    let root = folder.path().to_str().unwrap();
    let netstat = std::fs::read_to_string(net.join("netstat")).unwrap();
    let longest = "x".repeat(64);
    let grown = netstat + &format!("QuicExt: Tomorrow {longest}\nQuicExt: 42 43\n");
    std::fs::write(net.join("netstat"), &grown).unwrap();
    let ask = |name: &str| {
        let (text, status) = on_tree(root, &["get", &format!("lnsCounterValue.{name}")]);
        (lines(&text)[0].1.clone(), status)
    };
    assert_eq!(ask("\"QuicExt\".\"Tomorrow\""), ("Counter64: 42".into(), 0));
    assert_eq!(ask(&format!("\"QuicExt\".\"{longest}\"")), ("Counter64: 43".into(), 0));
    for bad in [
        "QuicExt: Tomorrow\nQuicExt: 1 2\n".to_owned(),
        "QuicExt: Tomorrow\nQuicExt: many\n".to_owned(),
        format!("QuicExt: {longest}x\nQuicExt: 1\n"),
        "QuicExt: Tomorrow\n".to_owned(),
        "Udp: NoPorts\nUdp: 9\n".to_owned(),
    ] {
        std::fs::write(net.join("netstat"), grown.replace("QuicExt", "Other") + &bad).unwrap();
        assert_eq!(ask("\"Other\".\"Tomorrow\""), ("Counter64: 42".into(), 1), "{bad}");
        assert_eq!(
            ask("\"QuicExt\".\"Tomorrow\"").0,
            "No Such Instance currently exists at this OID",
            "{bad}"
        );
        assert_eq!(ask("\"Udp\".\"NoPorts\"").0, "Counter64: 1", "{bad}");
    }
}

#[test]
fn a_reader_that_has_enough_is_no_trouble() {
    let program = env!("CARGO_BIN_EXE_netstat-agentx");
    let file = configured(&tree("6.18"));
    let script = format!("{program} walk --config {} | head -n 1", file.path().display());
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(crate::common::text_of(&output).lines().count(), 1, "{}", crate::common::text_of(&output));
}
