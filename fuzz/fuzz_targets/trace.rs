//! The kernel's description of its trace events and buffers: formats, the page header, a page, losses; also mounts and
//! threads, which tell where tracefs is and who reset. The first octet selects the one under test; the others come from
//! a running kernel.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_agentx::proc::mounts::Mount;
use netstat_agentx::resets::processes::{Thread, saved};
use netstat_agentx::resets::table::{LARGEST, ResetTable};
use netstat_agentx::trace::format::Format;
use netstat_agentx::trace::page::{PageLayout, lost};
use netstat_agentx::trace::reset::Events;
use std::sync::LazyLock;

const SENT: &[u8] = include_bytes!("../../tests/trace/6.18/tcp_send_reset");
const RECEIVED: &[u8] = include_bytes!("../../tests/trace/6.18/tcp_receive_reset");
const HEADER: &[u8] = include_bytes!("../../tests/trace/6.18/header_page");
const PAGE: &[u8] = include_bytes!("../../tests/trace/6.18/trace_pipe_raw");

struct Kernel {
    sent: Format,
    received: Format,
    events: Events,
    layout: PageLayout,
}

static KERNEL: LazyLock<Kernel> = LazyLock::new(|| {
    let (sent, received) = (Format::parse(SENT).unwrap(), Format::parse(RECEIVED).unwrap());
    let events = Events::new(&sent, &received).unwrap();
    Kernel { sent, received, events, layout: PageLayout::parse(HEADER).unwrap() }
});

/// Counts what a page holds, which is no more than fits.
fn count(layout: &PageLayout, events: &Events, page: &[u8]) {
    let (mut table, mut resets, mut octets) = (ResetTable::default(), 0, 0);
    let records: Vec<_> = layout.records(page).collect();
    for (position, record) in records.iter().enumerate() {
        let Ok(record) = record else {
            assert_eq!(position + 1, records.len(), "something behind what is broken");
            break;
        };
        octets += 4 + record.len();
        if let Some(reset) = events.decode(record) {
            assert!((1..=64).contains(&events.reason(reset.reason).len()));
            table.count(&reset);
            resets += 1;
        }
    }
    assert!(octets <= page.len());
    assert!(table.rows().count() <= LARGEST.get());
    assert_eq!(table.rows().map(|(_, row)| row.count).sum::<u64>() + table.displaced_resets, resets);
}

/// A format as it is parsed, if it makes sense.
fn format(text: &[u8]) -> Option<Format> {
    let format = Format::parse(text).ok()?;
    let said = String::from_utf8_lossy(text);
    assert!(format.fields.iter().all(|field| said.contains(&field.name)));
    for (_, name) in format.symbols("reason") {
        assert!(!name.contains('"') && said.contains(&name));
    }
    Some(format)
}

/// The three kinds of events that stats counts as lost, found only by splitting.
fn lost_by_splitting(stats: &[u8]) -> u64 {
    let labels: [&[u8]; 3] = [b"overrun", b"commit overrun", b"dropped events"];
    let mut sum = 0_u64;
    for line in stats.split(|&octet| octet == b'\n') {
        let Some(colon) = line.iter().position(|&octet| octet == b':') else { continue };
        let (label, number) = (&line[..colon], &line[colon + 1..]);
        let digits = number.strip_prefix(b" ").filter(|digits| digits.iter().all(u8::is_ascii_digit));
        let number = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        sum = sum.saturating_add(number.filter(|_| labels.contains(&label)).unwrap_or(0));
    }
    sum
}

/// Whether it can be printed on a terminal.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|octet| matches!(octet, b' '..=b'~'))
}

/// PID/status, compared with a plain search for its lines.
fn thread(contents: &[u8]) {
    let status = Thread::parse(contents);
    let line = |label: &str| {
        let mut lines = contents.split(|&octet| octet == b'\n');
        let value = lines.find_map(|line| line.strip_prefix(label.as_bytes()))?;
        Some(value.trim_ascii())
    };
    let number = |label: &str| {
        let digits = line(label).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
        std::str::from_utf8(digits).ok()?.parse::<u32>().ok()
    };
    let numbers = number("Tgid:").zip(number("PPid:")).filter(|_| line("Name:").is_some());
    assert_eq!(status.as_ref().map(|status| (status.process, status.parent)), numbers);
    assert!(status.is_none_or(|status| is_plain(&status.name)));
}

fuzz_target!(|input: &[u8]| {
    let Some((which, contents)) = input.split_first() else { return };
    let kernel = &*KERNEL;
    match which % 8 {
        0 => {
            let events = format(contents).and_then(|sent| Events::new(&sent, &kernel.received).ok());
            events.iter().for_each(|events| count(&kernel.layout, events, PAGE));
        }
        1 => {
            let events = format(contents).and_then(|received| Events::new(&kernel.sent, &received).ok());
            events.iter().for_each(|events| count(&kernel.layout, events, PAGE));
        }
        2 => {
            if let Ok(layout) = PageLayout::parse(contents) {
                // A page is read into memory.
                assert!(layout.size() <= 16 << 20);
                count(&layout, &kernel.events, PAGE);
            }
        }
        3 => count(&kernel.layout, &kernel.events, contents),
        4 => assert_eq!(lost(contents), lost_by_splitting(contents)),
        5 => thread(contents),
        6 => {
            if let Some(name) = saved(contents, 47) {
                assert!(!name.is_empty() && is_plain(&name));
                let mut lines = contents.split(|&octet| octet == b'\n');
                assert!(lines.by_ref().any(|line| line.starts_with(b"47 ")));
                assert!(!lines.any(|line| line.starts_with(b"47 ")), "one of two may be forged");
            }
        }
        _ => {
            if let Some(Mount { kind, root, point }) = Mount::parse(contents) {
                let text = String::from_utf8_lossy(contents);
                assert!(text.contains(point.to_str().unwrap()));
                for part in [kind, root] {
                    assert!(contents.split(|&octet| octet == b' ').any(|word| word == part));
                }
            }
        }
    }
});
