//! `check` on captured and rebuilt `/proc` trees: its exact text, performance data and exit status.

use crate::common::{configured, copy, program, text_of, tree};
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;

/// What a check on a tree prints on standard output, and its exit status; it prints nothing else.
fn check_on(root: &Path, arguments: &str) -> (String, i32) {
    let file = configured(root.to_str().unwrap());
    let output = program()
        .args(["check", "--config"])
        .arg(file.path())
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
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

#[track_caller]
fn assert_check(arguments: &str, text: &str, status: i32) {
    assert_eq!(check(arguments), (format!("{text}\n"), status), "{arguments}");
}

#[test]
fn everything_there_is_without_arguments() {
    let (text, status) = check("");
    let (text, performance) = text.split_once(" | ").unwrap();
    assert_eq!(
        (text, status),
        (
            "udp NONE: 5, tcp LISTEN: 3, tcp FIN WAIT2: 2, tcp CLOSE WAIT: 2, tcp ESTABLISHED: 1, \
             tcp6 ESTABLISHED: 1, tcp6 FIN WAIT2: 1, tcp6 CLOSE WAIT: 1, tcp6 LISTEN: 1, udp6 NONE: 1",
            0
        )
    );
    // Zeros too, so that graphs have no holes.
    let labels: Vec<_> = performance.split_whitespace().map(|part| part.split_once('=').unwrap().0).collect();
    let of_tcp = "ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK LISTEN CLOSING";
    let expected: Vec<_> = ["tcp", "tcp6"]
        .iter()
        .flat_map(|kind| of_tcp.split(' ').map(move |state| format!("'{kind}_{state}'")))
        .chain(["'udp_NONE'".to_owned(), "'udp6_NONE'".to_owned()])
        .collect();
    assert_eq!(labels, expected);
    assert!(performance.contains("'tcp_FIN_WAIT2'=2;;;0 'tcp_TIME_WAIT'=0;;;0 "), "{performance}");
    assert_eq!(check("--type all --state all"), check(""));
    assert_eq!(check("--conn-type all --conn-status all"), check(""));
}

#[test]
fn each_number_is_compared_with_the_ranges() {
    for (arguments, text, status) in [
        ("--type tcp --state listen", "tcp LISTEN: 3 | 'tcp_LISTEN'=3;;;0", 0),
        ("--type tcp --state listen -w 3", "tcp LISTEN: 3 | 'tcp_LISTEN'=3;3;;0", 0),
        ("--type tcp --state listen -w 2", "tcp LISTEN: 3 [WARNING] | 'tcp_LISTEN'=3;2;;0", 1),
        ("--type tcp --state listen -w 4:", "tcp LISTEN: 3 [WARNING] | 'tcp_LISTEN'=3;4:;;0", 1),
        ("--type tcp --state listen -w @3 -c @4:5", "tcp LISTEN: 3 [WARNING] | 'tcp_LISTEN'=3;@3;@4:5;0", 1),
        ("--type tcp --state listen -w 2 -c 2.5", "tcp LISTEN: 3 [CRITICAL] | 'tcp_LISTEN'=3;2;2.5;0", 2),
        ("--type tcp --state listen -w 9 -c ~:-1", "tcp LISTEN: 3 [CRITICAL] | 'tcp_LISTEN'=3;9;~:-1;0", 2),
        ("--type tcp --state listen --critical=-5:5", "tcp LISTEN: 3 | 'tcp_LISTEN'=3;;-5:5;0", 0),
        (
            "--state close_wait --warning 1",
            "tcp CLOSE WAIT: 2 [WARNING], tcp6 CLOSE WAIT: 1 | 'tcp_CLOSE_WAIT'=2;1;;0 'tcp6_CLOSE_WAIT'=1;1;;0",
            1,
        ),
        (
            "--state close_wait --warning 1 --critical 2:",
            "tcp CLOSE WAIT: 2 [WARNING], tcp6 CLOSE WAIT: 1 [CRITICAL] \
             | 'tcp_CLOSE_WAIT'=2;1;2:;0 'tcp6_CLOSE_WAIT'=1;1;2:;0",
            2,
        ),
    ] {
        assert_check(arguments, text, status);
    }
}

/// 'all' leaves out what there is none of, a name does not; but a minimum is never passed over in silence.
#[test]
fn zeros() {
    assert_check(
        "--type tcp --state listen --state closing --critical 1:",
        "tcp LISTEN: 3, tcp CLOSING: 0 [CRITICAL] | 'tcp_LISTEN'=3;;1:;0 'tcp_CLOSING'=0;;1:;0",
        2,
    );
    assert_check(
        "--state time_wait --critical 1:",
        "No connections of type \"all\" in status \"time_wait\" found. [CRITICAL] | 'tcp_TIME_WAIT'=0;;1:;0 'tcp6_TIME_WAIT'=0;;1:;0",
        2,
    );
    assert_check(
        "--state time_wait --critical 1000",
        "No connections of type \"all\" in status \"time_wait\" found. | 'tcp_TIME_WAIT'=0;;1000;0 'tcp6_TIME_WAIT'=0;;1000;0",
        0,
    );
    let (text, status) = check("--type tcp6 --critical 1:");
    assert_eq!(status, 0, "{text}");
    assert!(
        text.starts_with("tcp6 ESTABLISHED: 1, tcp6 FIN WAIT2: 1, tcp6 CLOSE WAIT: 1, tcp6 LISTEN: 1 |"),
        "{text}"
    );
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
fn udp_has_the_states_none_and_where_named_established() {
    assert_check("--type udp", "udp NONE: 5 | 'udp_NONE'=5;;;0", 0);
    assert_check("--state none", "udp NONE: 5, udp6 NONE: 1 | 'udp_NONE'=5;;;0 'udp6_NONE'=1;;;0", 0);
    assert_check("--type udp --state established", "udp ESTABLISHED: 2 | 'udp_ESTABLISHED'=2;;;0", 0);
    // As of the psutil-based plugin, whose UDP sockets are never established.
    assert_check(
        "--state established",
        "tcp ESTABLISHED: 1, tcp6 ESTABLISHED: 1 | 'tcp_ESTABLISHED'=1;;;0 'tcp6_ESTABLISHED'=1;;;0",
        0,
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
    for (arguments, told) in [
        ("--warning ten", "'ten' is no number"),
        ("--warning 20:10", "the start, 20, is above the end, 10"),
        ("--critical=", "an empty range"),
        ("--critical 1|2", "'1/2' is no number"),
        ("--critical", "a value is required"),
        ("--type sctp", "[possible values: all, tcp, tcp6, udp, udp6]"),
        ("--state open", "possible values: all, established, syn_sent"),
        ("--type udp --state listen", "there are no such sockets: UDP has the states none and established"),
        ("--type tcp --state none", "there are no such sockets"),
        ("--frobnicate", "unexpected argument '--frobnicate'"),
        ("everything", "unexpected argument 'everything'"),
        ("--config /nowhere.toml", "cannot be used multiple times"),
    ] {
        let (text, status) = check(arguments);
        assert_eq!((status, text.lines().count()), (3, 1), "{text}");
        assert!(text.contains(told) && !text.contains('|'), "{text}");
        assert!(text.ends_with(" [UNKNOWN]\n"), "{text}");
        let of_clap = !told.starts_with("there are");
        assert!(!of_clap || text.contains("usage: netstat-agentx check [--type TYPE]..."), "{text}");
    }
    let output = program().args(["check", "--config", "/nowhere.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(text_of(&output).starts_with("/nowhere.toml: No such file"), "{}", text_of(&output));
}

/// The guidelines want UNKNOWN here too, so that a check that was made so by mistake does not pass for well.
#[test]
fn help_and_version_help_and_are_unknown() {
    let (help, status) = check("--help");
    assert_eq!(status, 3);
    for words in [
        "--conn-type",
        "--conn-status",
        "~:10",
        "@10:20",
        "Exit status",
        "close_wait",
        "net/tcp,",
        "Examples",
        "'--type tcp6 --state closing --warning 30:40' warns of 'tcp6 CLOSING: 0'",
        "UNKNOWN where nothing else was asked for",
    ] {
        // Lines are broken where the terminal has them broken.
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains(words), "{words}: {help}");
    }
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
