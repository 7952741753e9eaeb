//! The real mrtg with config/mrtg. 'make test-consumers' installs it.

use crate::common::sockets::ss;
use crate::common::{Agent, BASE, Snmpd, figures, in_namespace, text_of, this_test};
use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/mrtg");

fn mrtg(program: &str, folder: &Path) -> (String, bool) {
    let output = Command::new(program)
        .arg(folder.join("host.cfg"))
        .env("LANG", "C")
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|error| panic!("{program} (mrtg): {error}"));
    (text_of(&output), output.status.success())
}

/// lnsSockstatTcpOrphan and lnsSockstatTcpMem, which other tests move too: the kernel counts them for the whole host.
fn of_the_whole_host(oid: &str) -> bool {
    [3, 6].iter().any(|scalar| format!(".{oid}") == format!("{BASE}.1.2.{scalar}.0"))
}

/// example.cfg as a user edits it, beside what it includes.
fn configure(folder: &Path, port: u16) {
    let mut text = fs::read_to_string(format!("{CONFIG}/example.cfg")).unwrap();
    let pages = folder.join("pages");
    let edits = [
        ("/var/www/html/mrtg", pages.display().to_string()),
        ("127.0.0.1:161:", format!("127.0.0.1:{port}:")),
    ];
    for (from, to) in edits {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text = text.replace(from, &to);
    }
    fs::create_dir(pages).unwrap();
    fs::write(folder.join("host.cfg"), text).unwrap();
    fs::copy(format!("{CONFIG}/netstat-agentx.cfg"), folder.join("netstat-agentx.cfg")).unwrap();
}

/// The values of a keyword, by target.
fn keyword(keyword: &str) -> BTreeMap<String, String> {
    let text = fs::read_to_string(format!("{CONFIG}/netstat-agentx.cfg")).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix(keyword)?.strip_prefix('['));
    let pairs = lines.map(|rest| rest.split_once("]: ").unwrap());
    pairs.map(|(target, value)| (target.to_owned(), value.to_owned())).collect()
}

/// The numbers on the first lines of a target's log: the latest reading, then rates.
fn log(folder: &Path, target: &str) -> Vec<Vec<i64>> {
    let text = fs::read_to_string(folder.join(format!("pages/{target}.log"))).unwrap();
    let lines = text.lines().take(3);
    lines.map(|line| line.split_whitespace().map(|number| number.parse().unwrap()).collect()).collect()
}

/// Moves the log of a target back, so that there is something to draw.
fn an_hour_ago(folder: &Path, target: &str) {
    let path = folder.join(format!("pages/{target}.log"));
    let text = fs::read_to_string(&path).unwrap();
    let moved = text.lines().map(|line| {
        let (time, rest) = line.split_once(' ').unwrap();
        format!("{} {rest}\n", time.parse::<u64>().unwrap() - 3600)
    });
    fs::write(path, moved.collect::<String>()).unwrap();
}

#[test]
#[ignore = "needs mrtg: make test-consumers"]
fn mrtg_reads_and_draws() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let _zoo = crate::common::sockets::Zoo::open();
    let _agent = Agent::at(&snmpd, "[refresh]\ncounters-max-age = \"100ms\"\nsockets-max-age = \"100ms\"");
    let work = tempfile::tempdir().unwrap();
    configure(work.path(), snmpd.port);
    let targets = keyword("Target");
    assert!(targets.len() > 35, "{}", targets.len());

    // The first run has no logs yet and says so; that is no error.
    let (said, good) = mrtg("mrtg", work.path());
    assert!(good && said.lines().all(|line| line.contains("Rateup WARNING")), "{said}");
    let refused = 5;
    for _ in 0..refused {
        TcpStream::connect("127.0.0.1:1").unwrap_err();
    }
    std::thread::sleep(Duration::from_secs(2));
    an_hour_ago(work.path(), "tcp_states_1");

    let oids: Vec<_> = targets.values().flat_map(|pair| pair.split('&')).collect();
    let known = |oids: &[&str]| {
        let served: Vec<_> = oids.iter().copied().filter(|oid| *oid != "PseudoZero").collect();
        let figures = figures(&served);
        served.into_iter().map(str::to_owned).zip(figures).collect::<BTreeMap<_, _>>()
    };
    let before = known(&oids);
    assert_eq!(mrtg("mrtg", work.path()), (String::new(), true), "the second run is silent");
    let after = known(&oids);

    let options = keyword("Options");
    let mut compared = 0;
    for (target, pair) in &targets {
        let rate = !options[target].contains("gauge");
        let reading = log(work.path(), target)[0][1..3].to_vec();
        for (oid, reading) in pair.split('&').zip(reading) {
            if oid == "PseudoZero" {
                assert!(reading == 0 && options[target].contains("noo"), "{target}");
                continue;
            }
            let [low, high] =
                [&before, &after].map(|figures| i64::try_from(figures[oid].expect(target)).unwrap());
            // mrtg has sockets of its own.
            let own = if rate { 0 } else { 8 };
            let range = low.min(high)..=low.max(high) + own;
            assert!(
                range.contains(&reading) || of_the_whole_host(oid),
                "{target} {oid}: {reading}, not {range:?}"
            );
            compared += 1;
        }
    }
    assert!(compared > 70, "{compared}");

    // ESTABLISHED and TIME_WAIT are what ss says, of both families.
    let of_ss = |state: u32| ["-4", "-6"].iter().filter_map(|family| ss(family).remove(&state)).sum::<u64>();
    let reading = log(work.path(), "tcp_states_1")[0][1..].to_vec();
    assert_eq!(reading, [of_ss(5), of_ss(11)].map(|count| i64::try_from(count).unwrap()));
    // The failed attempts of a few seconds, in an hour; per second they would be rounded to 1 or 2.
    let rates = log(work.path(), "tcp_handshake_1");
    assert!(rates[1][1] > 300 * refused && rates[1][1] < 3600 * refused, "{rates:?}");

    for target in targets.keys() {
        for period in ["day", "week", "month", "year"] {
            let png = fs::read(work.path().join(format!("pages/{target}-{period}.png"))).unwrap();
            assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n", "{target}");
            assert_eq!(png[16..24], [0, 0, 1, 244, 0, 0, 0, 135], "{target}: 500 by 135");
        }
        let page = fs::read_to_string(work.path().join(format!("pages/{target}.html"))).unwrap();
        assert!(
            page.contains(&keyword("Title")[target]) && page.contains(&keyword("Legend1")[target]),
            "{target}"
        );
    }
    let day = |target: &str| fs::read(work.path().join(format!("pages/{target}-day.png"))).unwrap();
    assert!(day("tcp_states_1") != day("tcp_states_2"), "an hour is drawn");

    // The page of all of them.
    let (index, good) = mrtg("indexmaker", work.path());
    assert!(good && index.matches("-day.png").count() == targets.len(), "{index}");
}
