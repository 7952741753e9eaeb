//! net/snmp and net/netstat, net/snmp6, net/xfrm_stat, and what is derived from them: the rows of lnsCounterTable and
//! the ICMP types.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_agentx::proc::counters::{Figure, Item, lines, pairs};
use netstat_agentx::snapshot::counters::Counters;

/// Checks the invariants of every item and counts the problems.
fn check(contents: &[u8], parse: impl FnOnce(&mut dyn FnMut(Item<'_>))) {
    let lines = contents.split(|&byte| byte == b'\n').count();
    let (mut last, mut problems) = (0, 0);
    parse(&mut |item| match item {
        Item::Counter { group, name, figure } => {
            assert!((1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(group.len() <= 16 && group.bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(!matches!(figure, Figure::Negative(number) if number >= 0));
        }
        Item::Problem(problem) => {
            assert!(
                (1..=lines).contains(&problem.line)
                    && problem.line > last
                    && !problem.fault.to_string().is_empty()
            );
            (last, problems) = (problem.line, problems + 1);
        }
    });
    assert!(problems <= lines);
}

/// A complete pair is read, whatever precedes it.
fn behind(contents: &[u8]) {
    let contents = [contents, b"\nFuzz: A B\nFuzz: 1 2\n"].concat();
    let mut last = Vec::new();
    pairs(&contents, |item| {
        if let Item::Counter { group: "Fuzz", name, figure } = item {
            last.push((name.to_owned(), figure));
        }
    });
    assert!(last.ends_with(&[("A".into(), Figure::Count(1)), ("B".into(), Figure::Count(2))]));
}

fuzz_target!(|contents: &[u8]| {
    // One file format at a time, since no file mixes them.
    let file = if contents.contains(&b':') { "snmp" } else { "snmp6" };
    match file {
        "snmp" => {
            check(contents, |meet| pairs(contents, meet));
            behind(contents);
        }
        _ => check(contents, |meet| lines(contents, meet)),
    }
    let counters = Counters::of(&[(file, contents)]);
    let mut before = None;
    for row in 0..counters.rows() {
        let (group, name, _) = counters.named(row).unwrap();
        let index = (group.len(), group, name.len(), name);
        assert!(before.is_none_or(|before| before < index), "{before:?} {index:?}");
        before = Some(index);
    }
    assert!(counters.named(counters.rows()).is_none());
    let types = counters.icmp_types();
    assert!(
        types.windows(2).all(|pair| (pair[0].version, pair[0].number) < (pair[1].version, pair[1].number))
    );
});
