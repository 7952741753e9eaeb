//! Nagios plugin ranges: any text is a range or a mistake; a range survives printing and parsing, and alerts where a
//! plain reading of its printed form says so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_agentx::range::Range;

/// Start, end and whether to alert inside, from the shortest form.
fn plainly(printed: &str) -> (f64, f64, bool) {
    let (inside, bounds) = printed.strip_prefix('@').map_or((false, printed), |bounds| (true, bounds));
    let (start, end) = bounds.split_once(':').unwrap_or(("0", bounds));
    let start = if start == "~" { f64::NEG_INFINITY } else { start.parse().unwrap() };
    let end = if end.is_empty() { f64::INFINITY } else { end.parse().unwrap() };
    (start, end, inside)
}

fuzz_target!(|text: &str| {
    let range: Range = match text.parse() {
        Ok(range) => range,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let printed = range.to_string();
    assert_eq!(printed.parse(), Ok(range), "{printed}");
    let (start, end, inside) = plainly(&printed);
    assert!(start <= end, "{printed}");
    let edges = [start, end].into_iter().flat_map(|edge| [edge.next_down(), edge, edge.next_up()]);
    for value in edges.chain([0.0, -0.0, f64::MIN, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::NAN]) {
        assert_eq!(range.alerts(value), (value >= start && value <= end) == inside, "{printed} at {value}");
    }
});
