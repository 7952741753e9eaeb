//! That it is late, cut off, or blind on one source can be seen from the log and from lnsAgent, without a debugger.

use crate::common::master::{Master, list};
use crate::common::{copy, program, tree, until};
use agentx::encodings::Value;
use std::path::Path;
use std::time::Duration;

const BASE: &str = "1.3.6.1.4.1.8072.9999.9999.2741";
const TCP: &str = "3.116.99.112";

fn value(master: &mut Master, below: &str) -> Value {
    let request = master.get(5, &[&format!("{BASE}.{below}")]);
    list(master.ask(&request)).remove(0).1
}

/// The values of a source's row: refresh time, failures, error.
fn row(master: &mut Master) -> (u32, u64, String) {
    let columns = [3, 5, 6].map(|column| value(master, &format!("1.5.8.1.{column}.{TCP}")));
    match columns {
        [Value::Gauge32(took), Value::Counter64(failures), Value::OctetString(error)] => {
            (took, failures, error.0)
        }
        other => panic!("{other:?}"),
    }
}

/// In one step: no reading may see half of it.
fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, file).unwrap();
}

fn lines_with(master: &Master, words: &[&str]) -> usize {
    master.agent.log().lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
}

/// A thread of its own writes the log, a moment later: so many lines have these words, and no more.
fn logged(master: &Master, words: &[&str], lines: usize) {
    until(Duration::from_secs(5), "it is in the log", || lines_with(master, words) >= lines);
    assert_eq!(lines_with(master, words), lines, "{words:?}");
}

#[test]
fn late_blind_and_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(&tree("6.18")), folder.path());
    let file = folder.path().join("1/net/tcp");
    let good = std::fs::read_to_string(&file).unwrap();
    let configuration =
        "[refresh]\nsockets-max-age = \"100ms\"\nanswer-within = \"100ms\"\n[log]\nlevel = \"debug\"";
    let mut master = Master::launch(program(), 0, folder.path().to_str().unwrap(), configuration);
    master.accept();
    let sockets = "1.1.1.1.3.1.5";
    let pause = || std::thread::sleep(Duration::from_millis(150));

    // Late: the number of late answers, how long the reading takes, one line when it begins and one when it ends.
    assert_eq!(value(&mut master, "1.5.7.0"), Value::Counter64(0));
    let row_of_the_table = good.lines().last().unwrap().to_owned() + "\n";
    replace(&file, &(good.clone() + &row_of_the_table.repeat(400_000)));
    for _ in 0..5 {
        pause();
        value(&mut master, sockets);
    }
    until(Duration::from_secs(10), "it was read", || row(&mut master).0 > 100_000);
    let Value::Counter64(late) = value(&mut master, "1.5.7.0") else { panic!() };
    assert!(late >= 1);
    logged(&master, &[" WARN reading takes longer than answer-within", "source=\"tcp\""], 1);
    replace(&file, &good);
    until(Duration::from_secs(10), "in time again", || {
        pause();
        value(&mut master, sockets);
        lines_with(&master, &[" INFO is read within answer-within again", "source=\"tcp\""]) == 1
    });

    // Blind: the number of readings that failed, file and line, one line when it begins and one when it ends.
    let (_, failures, error) = row(&mut master);
    assert_eq!((failures, error.as_str()), (0, ""));
    replace(&file, &good.replacen(" 0A ", " ZZ ", 1));
    for _ in 0..3 {
        pause();
        assert_eq!(value(&mut master, sockets), Value::NoSuchInstance);
    }
    let (_, failures, error) = row(&mut master);
    assert!(failures >= 3 && error.contains("1/net/tcp, line "), "{failures} {error}");
    logged(&master, &[" WARN cannot be read", "source=\"tcp\"", "1/net/tcp, line "], 1);
    replace(&file, &good);
    pause();
    assert!(matches!(value(&mut master, sockets), Value::Gauge32(_)));
    assert_eq!(row(&mut master).2, "");
    logged(&master, &[" INFO is read well again", "source=\"tcp\""], 1);

    // Cut off: the number of sessions, why, and how long it took.
    assert_eq!(value(&mut master, "1.5.3.0"), Value::Counter32(1));
    std::thread::sleep(Duration::from_secs(1));
    master.stream = None;
    std::thread::sleep(Duration::from_millis(300));
    master.accept();
    assert_eq!(value(&mut master, "1.5.3.0"), Value::Counter32(2));
    let address = format!("address=unix:{}", master.folder.path().join("master").display());
    until(Duration::from_secs(1), "served again", || {
        lines_with(&master, &[" INFO serving 11 of 11 subtrees", &address, "sessions=2", "away_ms="]) == 1
    });
    logged(&master, &[" WARN ", "trying again until it works", &address], 1);
    // More at level debug: each reading, each session.
    assert!(lines_with(&master, &["DEBUG was read", "source=\"tcp\"", "took_ms="]) >= 5);
    logged(&master, &["DEBUG the session is open", &address], 2);
}
