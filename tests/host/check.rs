//! `check` and `check limits` on damaged `/proc` trees, and by all the names that arguments have. Their texts are in
//! `tests/commands/`.

use crate::common::{configured, copy, program, tree};
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;

/// What a check on a tree prints on standard output, and its exit status; it prints nothing else.
fn check_on(root: &Path, arguments: &str) -> (String, i32) {
    let file = configured(root.to_str().unwrap());
    let mut program = program();
    program.arg("check").args(arguments.split_whitespace());
    let output = program.arg("--config").arg(file.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments}");
    (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
}

fn check(arguments: &str) -> (String, i32) {
    check_on(Path::new(&tree("6.18")), arguments)
}

/// A tree to damage.
fn copied() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(&tree("6.18")), folder.path());
    folder
}

/// A tree with limits, which are shown where process 1 is in our network namespace.
fn limited() -> TempDir {
    let folder = copied();
    let namespace = std::fs::read_link("/proc/self/ns/net").unwrap();
    std::fs::create_dir_all(folder.path().join("1/ns")).unwrap();
    std::os::unix::fs::symlink(namespace, folder.path().join("1/ns/net")).unwrap();
    let neighbors = |table: &str, entries: &str| write(&folder, &format!("1/net/stat/{table}"), entries);
    neighbors("arp_cache", "entries allocs\n00000100 0\n");
    neighbors("ndisc_cache", "entries allocs\n00000005 0\n");
    folder
}

fn write(folder: &TempDir, file: &str, contents: &str) {
    let path = folder.path().join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, contents).unwrap();
}

/// What `check limits` prints on a tree, and its exit status.
fn limits_on(folder: &TempDir, arguments: &str) -> (String, i32) {
    check_on(folder.path(), &format!("limits {arguments}"))
}

/// Zeros too, so that graphs have no holes.
#[test]
fn performance_data_has_every_state_of_every_type() {
    let (text, _) = check("");
    let (_, performance) = text.split_once(" | ").unwrap();
    let labels: Vec<_> = performance.split_whitespace().map(|part| part.split_once('=').unwrap().0).collect();
    let of_tcp = "ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK LISTEN CLOSING";
    let expected: Vec<_> = ["tcp", "tcp6"]
        .iter()
        .flat_map(|kind| of_tcp.split(' ').map(move |state| format!("'{kind}_{state}'")))
        .chain(["'udp_NONE'".to_owned(), "'udp6_NONE'".to_owned()])
        .collect();
    assert_eq!(labels, expected);
    assert_eq!(check("--type all --state all"), check(""));
    assert_eq!(check("--conn-type all --conn-status all"), check(""));
}

/// What the psutil-based plugin says of what there is none of: OK, whatever the range. Its words are ours, but for a range
/// that wants some, none is no good, and what can never be is a mistake.
#[test]
fn none_is_compared_where_the_psutil_based_plugin_passes_over_it() {
    let folder = copied();
    let file = folder.path().join("1/net/tcp6");
    let header = std::fs::read_to_string(&file).unwrap().lines().next().unwrap().to_owned() + "\n";
    std::fs::write(&file, header).unwrap();
    let on_tree = |arguments: &str| check_on(folder.path(), arguments);
    let named = "--conn-type=tcp6 --conn-status=established --conn-status=closing";
    let performance = |range: &str| format!("'tcp6_ESTABLISHED'=0;{range};;0 'tcp6_CLOSING'=0;{range};;0\n");
    assert_eq!(
        on_tree(&format!("{named} --warning=30:40")),
        ("tcp6 ESTABLISHED: 0 [WARNING], tcp6 CLOSING: 0 [WARNING] | ".to_owned() + &performance("30:40"), 1)
    );
    assert_eq!(
        on_tree(&format!("{named} --warning=40")),
        ("tcp6 ESTABLISHED: 0, tcp6 CLOSING: 0 | ".to_owned() + &performance("40"), 0)
    );
    let (text, status) = on_tree("--conn-type tcp6 --conn-type udp --conn-status closing -w 40");
    assert_eq!((text.as_str(), status), ("tcp6 CLOSING: 0 | 'tcp6_CLOSING'=0;40;;0\n", 0));
    for (range, mark, expected) in [("", "", 0), ("--warning=30:40", " [WARNING]", 1)] {
        let (text, status) = on_tree(&format!("--conn-type=tcp6 {range}"));
        let words = format!("No connections of type \"tcp6\" in status \"all\" found.{mark} | ");
        assert!(text.starts_with(&words) && status == expected, "{text}");
    }
    // What no socket can be, however many names it has.
    for arguments in [
        "--conn-type=tcp --conn-status=none",
        "--conn-type=tcp --conn-type=tcp6 --conn-status=none --warning=30:40",
        "--conn-type=udp --conn-status=listen",
        "--conn-type=udp6 --conn-status=close --conn-status=time_wait",
    ] {
        let (text, status) = on_tree(arguments);
        assert!(text.starts_with("there are no such sockets: ") && status == 3, "{arguments}: {text}");
    }
    // With something else that can be, that is what counts.
    assert_eq!(
        on_tree("--conn-type=udp --conn-status=listen --conn-status=none"),
        on_tree("--conn-type=udp")
    );
}

#[test]
fn types_and_states_by_every_name_that_people_know() {
    for names in [
        "established ESTABLISHED estab Estab",
        "syn_sent SYN_SENT syn-sent SYN-SENT synSent",
        "syn_recv SYN_RECV syn-recv SYN_RECEIVED synReceived",
        "fin_wait1 FIN_WAIT1 fin-wait-1 FIN_WAIT_1 finWait1",
        "fin_wait2 FIN_WAIT2 fin-wait-2 FIN_WAIT_2 finWait2",
        "time_wait TIME_WAIT time-wait timeWait",
        "close CLOSE CLOSED closed unconn",
        "close_wait CLOSE_WAIT close-wait closeWait",
        "last_ack LAST_ACK last-ack lastAck",
        "listen LISTEN listening",
        "closing CLOSING",
    ] {
        let all: Vec<_> = names.split(' ').map(|name| check(&format!("--type tcp --state {name}"))).collect();
        let upper = names.split(' ').next().unwrap().to_uppercase();
        assert!(all[0].0.contains(&format!("'tcp_{upper}'=")), "{all:?}");
        assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
    }
    for (alias, name) in [("tcp4", "tcp"), ("TCP6", "tcp6"), ("udp4", "udp"), ("UDP6", "udp6")] {
        assert_eq!(check(&format!("--type {alias}")), check(&format!("--type {name}")));
    }
    // Twice the same is once.
    assert_eq!(check("--type tcp --conn-type tcp --type tcp4"), check("--type tcp"));
}

#[test]
fn what_cannot_be_read_is_unknown_and_no_zero() {
    let folder = copied();
    let (net, root) = (folder.path().join("1/net"), folder.path());
    std::fs::write(net.join("tcp"), "nonsense\n").unwrap();
    let problem = format!("{}, line 1: 'nonsense' is no header of a socket table", net.join("tcp").display());
    let (text, status) = check_on(root, "--state listen --critical 5");
    assert_eq!(status, 3);
    assert!(text.starts_with(&problem) && !text.contains("tcp_LISTEN"), "{text}");
    assert!(text.ends_with(" [UNKNOWN], tcp6 LISTEN: 1 | 'tcp6_LISTEN'=1;;5;0\n"), "{text}");
    // Worse than a warning, better than what is known to be critical.
    assert_eq!(check_on(root, "--state listen --warning 0").1, 3);
    assert_eq!(check_on(root, "--state listen --critical 0").1, 2);

    std::fs::remove_file(net.join("tcp")).unwrap();
    let (text, status) = check_on(root, "--type tcp --type udp");
    assert_eq!(status, 3);
    assert!(
        text.starts_with(&format!("{}: not there [UNKNOWN], udp NONE", net.join("tcp").display())),
        "{text}"
    );
}

#[test]
fn a_file_that_is_not_needed_is_not_read() {
    let folder = copied();
    for (needed, arguments) in [
        ("tcp", "--type tcp"),
        ("tcp6", "--type tcp6 --state listen"),
        ("udp", "--type udp"),
        ("udp6", "--type udp6 --state established"),
    ] {
        let before = check(arguments);
        for file in ["tcp", "tcp6", "udp", "udp6"].iter().filter(|file| **file != needed) {
            std::fs::write(folder.path().join("1/net").join(file), "nonsense\n").unwrap();
        }
        assert_eq!(check_on(folder.path(), arguments), before);
        copy(Path::new(&tree("6.18")), folder.path());
    }
    for file in ["udp", "udp6"] {
        std::fs::write(folder.path().join("1/net").join(file), "nonsense\n").unwrap();
    }
    assert_eq!(
        check_on(folder.path(), "--state established").1,
        0,
        "UDP has no such state unless it is named"
    );
}

/// A kernel without IPv6 has no IPv6 sockets; of a folder that is no `/proc` nothing is known.
#[test]
fn without_ipv6_and_without_proc() {
    let folder = copied();
    for file in ["tcp6", "udp6"] {
        std::fs::remove_file(folder.path().join("1/net").join(file)).unwrap();
    }
    let arguments = "--type tcp6 --state listen";
    assert_eq!(check_on(folder.path(), arguments), ("tcp6 LISTEN: 0 | 'tcp6_LISTEN'=0;;;0\n".into(), 0));
    let (text, status) = check_on(Path::new("/nonexistent"), arguments);
    assert_eq!((text.as_str(), status), ("/nonexistent/1/net/tcp6: not there [UNKNOWN]\n", 3));
}

/// A state that no MIB knows makes no number wrong that was asked for.
#[test]
fn a_state_of_tomorrow_is_a_remark_below() {
    let folder = copied();
    let path = folder.path().join("1/net/tcp");
    let table = std::fs::read_to_string(&path).unwrap().replacen(" 0A ", " 1F ", 1);
    std::fs::write(&path, table).unwrap();
    let (text, status) = check_on(folder.path(), "--type tcp --state listen");
    assert_eq!(status, 0);
    assert_eq!(
        text,
        format!(
            "tcp LISTEN: 2 | 'tcp_LISTEN'=2;;;0\n{}: sockets in state 1F, which no MIB knows, are not counted\n",
            path.display()
        )
    );
}

/// One line on standard output, where Nagios looks, without the bar that would begin performance data, and status 3.
#[test]
fn mistakes_are_unknown() {
    for arguments in
        ["--warning ten", "--critical 1|2", "--critical", "--type sctp", "--state none --type tcp", "x"]
    {
        let (text, status) = check(arguments);
        assert_eq!((status, text.lines().count()), (3, 1), "{text}");
        assert!(!text.contains('|') && text.ends_with(" [UNKNOWN]\n"), "{text}");
    }
    // The guidelines want that of these too, so that a check that was made so by mistake does not pass for well.
    assert_eq!(check("--help").1, 3);
    assert_eq!(check("--version"), (format!("netstat-agentx-check {}\n", env!("CARGO_PKG_VERSION")), 3));
}

/// An answer that nobody could read must not look like one of the other three.
#[test]
fn a_closed_output_is_unknown() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let file = configured(&tree("6.18"));
    let status =
        program().args(["check", "--config"]).arg(file.path()).stdout(Stdio::from(full)).status().unwrap();
    assert_eq!(status.code(), Some(3));
}

#[test]
fn limits_that_are_far_are_one_line_with_the_highest() {
    let folder = limited();
    let (text, status) = limits_on(&folder, "");
    let (text, performance) = text.split_once(" | ").unwrap();
    assert_eq!(
        (text, status),
        ("11 limits within their ranges, the highest: IPv4 neighbours: 25.0 % (256 of 1024 entries)", 0)
    );
    assert_eq!(
        performance,
        "'orphans'=0.0%;25;50;0;100 'orphans_used'=0;;;0;131072 \
         'time_wait'=0.0%;90;;0;100 'time_wait_used'=3;;;0;131072 \
         'tcp_memory'=0.0%;66;90;0;100 'tcp_memory_used'=125;;;0;575802 \
         'udp_memory'=0.0%;80;90;0;100 'udp_memory_used'=0;;;0;1151604 \
         'ipv4_fragments'=0.0%;80;90;0;100 'ipv4_fragments_used'=0B;;;0;4194304 \
         'ipv6_fragments'=0.0%;80;90;0;100 'ipv6_fragments_used'=0B;;;0;4194304 \
         'conntrack'=0.0%;80;95;0;100 'conntrack_used'=0;;;0;262144 \
         'files'=0.0%;80;90;0;100 'files_used'=1110;;;0;2466177 \
         'ipv4_neighbors'=25.0%;80;;0;100 'ipv4_neighbors_used'=256;;;0;1024 \
         'ipv6_neighbors'=0.4%;80;;0;100 'ipv6_neighbors_used'=5;;;0;1024 \
         'ephemeral_ports'=0.0%;80;95;0;100 'ephemeral_ports_used'=2;;;0;28232\n"
    );
}

#[test]
fn limits_that_are_near_come_with_the_worst_first() {
    let folder = limited();
    let text_of = |arguments: &str| {
        let (text, status) = limits_on(&folder, arguments);
        (text.split(" | ").next().unwrap().to_owned(), status)
    };
    // Exactly at the end of the range, above it by less than is shown, and by a tenth.
    for (count, expected) in [(8000, 0), (8009, 0), (8010, 1), (9500, 1), (9510, 2)] {
        write(&folder, "sys/net/netfilter/nf_conntrack_max", "10000\n");
        write(&folder, "sys/net/netfilter/nf_conntrack_count", &format!("{count}\n"));
        assert_eq!(text_of("").1, expected, "{count}");
    }
    write(&folder, "sys/fs/file-nr", "859\t0\t1000\n");
    write(&folder, "sys/fs/file-max", "1000\n");
    let critical = "tracked connections: 95.1 % (9510 of 10000 connections) [CRITICAL]";
    let warning = "open files: 85.9 % (859 of 1000 files) [WARNING]";
    assert_eq!(text_of(""), (format!("{critical}, {warning}"), 2));
    // What was named is told, whether well or not, and nothing else; how it is written does not matter.
    assert_eq!(
        text_of("--limit Files --limit IPV4_NEIGHBORS --limit files"),
        (format!("{warning}, IPv4 neighbours: 25.0 % (256 of 1024 entries)"), 1)
    );
    let (text, _) = limits_on(&folder, "--limit files -c 85");
    let performance = "'files'=85.9%;80;85;0;100 'files_used'=859;;;0;1000\n";
    assert_eq!(text, format!("{} | {performance}", warning.replace("WARNING", "CRITICAL")));
    // TIME_WAIT at its limit is a warning; more than the limit is as it is.
    write(&folder, "sys/net/ipv4/tcp_max_tw_buckets", "2\n");
    assert_eq!(
        text_of("--limit time_wait"),
        ("TCP time wait: 150.0 % (3 of 2 sockets) [WARNING]".to_owned(), 1)
    );
    assert_eq!(text_of("--limit time_wait --critical 99").1, 2);
    // systemd's limit of files is none.
    write(&folder, "sys/fs/file-max", "9223372036854775807\n");
    let none = "open files: 0.0 % (859 of 9223372036854775807 files)";
    assert_eq!(text_of("--limit files"), (none.to_owned(), 0));
}

#[test]
fn a_limit_that_the_host_does_not_have_is_missed_only_by_its_name() {
    let folder = limited();
    for file in ["nf_conntrack_count", "nf_conntrack_max"] {
        std::fs::remove_file(folder.path().join("sys/net/netfilter").join(file)).unwrap();
    }
    let (text, status) = limits_on(&folder, "");
    assert!(text.starts_with("10 limits within") && !text.contains("conntrack") && status == 0, "{text}");
    let (text, status) = limits_on(&folder, "--limit conntrack --limit ipv6_neighbors");
    let missing = "tracked connections: no net.netfilter.nf_conntrack_max can be read here [UNKNOWN]";
    let rest = "IPv6 neighbours: 0.4 % (5 of 1024 entries)";
    assert!(text.starts_with(&format!("{missing}, {rest} | 'ipv6_")) && status == 3, "{text}");
    // A critical one is worse than one that is unknown.
    assert_eq!(limits_on(&folder, "--limit conntrack --limit ipv6_neighbors -c 0").1, 2);
    write(&folder, "sys/net/netfilter/nf_conntrack_max", "0\n");
    let (text, status) = limits_on(&folder, "--limit conntrack");
    let zero =
        "tracked connections: net.netfilter.nf_conntrack_max is 0, of which there is no percentage [UNKNOWN]";
    assert_eq!((text, status), (zero.to_owned() + "\n", 3));
    write(&folder, "sys/net/netfilter/nf_conntrack_max", "9\n");
    let (text, status) = limits_on(&folder, "--limit conntrack");
    let unknown = "tracked connections: this host does not say how many are in use [UNKNOWN]\n";
    assert_eq!((text.as_str(), status), (unknown, 3));
    let (text, status) = check_on(Path::new("/nonexistent"), "limits");
    assert!(text.starts_with("/nonexistent/1/net/sockstat: not there; ") && status == 3, "{text}");
}

/// A figure that is gone because of a damaged file is missed; one that nobody asked for is a remark.
#[test]
fn a_damaged_limit_is_unknown_and_no_zero() {
    let folder = limited();
    write(&folder, "sys/fs/file-max", "many\n");
    let problem = format!("{}, line 1: 'many' is no number", folder.path().join("sys/fs/file-max").display());
    for arguments in ["", "--limit files"] {
        let (text, status) = limits_on(&folder, arguments);
        assert!(text.starts_with(&format!("{problem} [UNKNOWN]")) && status == 3, "{text}");
    }
    let (text, status) = limits_on(&folder, "--limit orphans");
    let orphans = "TCP orphans: 0.0 % (0 of 131072 sockets)";
    let performance = "'orphans'=0.0%;25;50;0;100 'orphans_used'=0;;;0;131072";
    assert_eq!((text, status), (format!("{orphans} | {performance}\n{problem}\n"), 0));
}

#[test]
fn mistakes_in_a_check_of_limits_are_unknown() {
    for arguments in
        ["limits --limit disk", "limits --warning ten", "limits --type tcp", "limits x", "--type tcp limits"]
    {
        let (text, status) = check(arguments);
        assert_eq!((status, text.lines().count()), (3, 1), "{text}");
        assert!(text.contains("usage: netstat-agentx check ") && text.ends_with(" [UNKNOWN]\n"), "{text}");
    }
    let (text, status) = check("limits --help");
    assert!(text.contains("  conntrack ") && text.contains("tcp_max_orphans") && status == 3, "{text}");
    let version = format!("netstat-agentx-check-limits {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(check("limits --version"), (version, 3));
}
