//! net/sockstat, the limits in sys, and the sizes of the neighbour tables.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_agentx::proc::figure::Figure;
use netstat_agentx::proc::sockstat::{figures, neighbors, numbers, numbers_of};

/// A negative level has no value, however it is printed; memory is a long.
fn level(key: &str, word: &str) -> Option<u64> {
    let number: i128 = word.parse().unwrap();
    let largest: i128 = if ["mem", "memory"].contains(&key) { 1 << 63 } else { 1 << 31 };
    let wrapped = number >= 1 << 63 || (number >= largest && number < 1 << 32);
    u64::try_from(number).ok().filter(|_| !wrapped)
}

fuzz_target!(|contents: &[u8]| {
    let (figures, problems) = figures(contents);
    // What a plain reading finds in the lines without a problem.
    let good = contents
        .split(|&byte| byte == b'\n')
        .enumerate()
        .filter(|(at, line)| !line.is_empty() && problems.iter().all(|problem| problem.line != at + 1));
    let mut expected = Vec::new();
    for (_, line) in good {
        let text = std::str::from_utf8(line).unwrap();
        let words: Vec<_> = text.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        let section = words[0].strip_suffix(':').unwrap().to_owned();
        expected.extend(words[1..].chunks(2).map(|pair| (section.clone(), pair[0], level(pair[0], pair[1]))));
    }
    assert_eq!(figures.len(), expected.len());
    for (figure, (section, key, value)) in figures.iter().zip(expected) {
        assert_eq!((&figure.section, &*figure.key, figure.value), (&section, key, value));
    }
    match numbers(contents) {
        Ok(numbers) => {
            let text = std::str::from_utf8(contents).unwrap();
            let plainly = text.split_ascii_whitespace().map(|word| word.parse::<i128>().unwrap());
            let read = numbers.iter().map(|number| match number {
                Figure::Count(count) => i128::from(*count),
                Figure::Negative(number) => i128::from(*number),
            });
            assert!(plainly.eq(read));
            assert_eq!(numbers_of(numbers.len(), contents).as_ref(), Ok(&numbers));
            assert!(numbers_of(numbers.len() + 1, contents).is_err());
        }
        Err(error) => assert!(!error.fault.to_string().is_empty()),
    }
    if let Ok(size) = neighbors(contents) {
        // The header, and the figure below its word in the last row.
        let text = std::str::from_utf8(contents).unwrap();
        let mut lines = text.split('\n').filter(|line| !line.is_empty());
        let words = |line: &'_ str| {
            line.split([' ', '\t']).filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        let column = words(lines.next().unwrap()).iter().position(|name| name == "entries").unwrap();
        let entries = u64::from_str_radix(&words(lines.last().unwrap())[column], 16).unwrap();
        assert_eq!(size.count(), (entries < 1 << 31).then_some(entries));
    }
});
