//! Per-CPU counts that wrap at 2^32, summed to one 64-bit count that never falls.
//!
//! A sum of printed figures would fall by 2^32 with every wrap, and by what a CPU has counted when it goes offline. So
//! we add each CPU's difference from the previous reading, modulo the width of the kernel's figure. If a CPU counts
//! half of that width between readings, the difference is lost: a million packets a second fill 2^31 in 36 minutes.
//!
//! The kernel keeps an offline CPU's counts: softnet_data is static for each possible CPU, and `dev_cpu_dead` in
//! net/core/dev.c takes its queues but no count. So a CPU that returns continues where it was. One first seen later
//! than the others may have counted before they were seen; nobody can tell how much of it is new, so it counts from
//! then on.

use super::figure::Width;
use super::per_cpu::{CpuRow, CpuTable};
use std::collections::BTreeMap;

/// The result of a reading.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// By name: a count since boot, or a level unchanged; what every row repeats is among them.
    pub figures: Vec<(String, u64)>,
    /// Counts that went back without a wrap, with the CPU. They keep their value and continue from there. In the
    /// kernel, flow_limit_count does this when a CPU is taken out of net.core.flow_limit_cpu_bitmap.
    pub fell: Vec<(String, u32)>,
}

/// The sums so far, by name.
#[derive(Debug, Default)]
pub struct Unwrapped {
    counts: BTreeMap<String, Count>,
}

#[derive(Debug, Default)]
struct Count {
    total: u64,
    /// The latest figure of each CPU ever seen: no more than a kernel can have.
    latest: BTreeMap<u32, u64>,
    /// Whether the keys are CPUs or positions of rows.
    indexed: bool,
}

impl Unwrapped {
    /// Adds up a reading. A figure absent from the previous reading counts in full.
    pub fn sums(&mut self, table: &CpuTable, is_level: impl Fn(&str) -> bool) -> Sums {
        let mut sums = Sums { figures: table.whole.clone().into_iter().collect(), fell: Vec::new() };
        let mut before = std::mem::take(&mut self.counts);
        for (at, name) in table.names.iter().enumerate() {
            let figure = |row: &CpuRow| Some((row.cpu, *row.figures.get(at)?));
            let figures: BTreeMap<u32, u64> = table.rows.iter().filter_map(figure).collect();
            let sum = if is_level(name) {
                sum(&figures)
            } else {
                let count = match before.remove(name) {
                    None => Count { total: sum(&figures), latest: figures, indexed: table.indexed },
                    Some(mut count) => {
                        let fell = count.add(figures, table);
                        sums.fell.extend(fell.into_iter().map(|cpu| (name.clone(), cpu)));
                        count
                    }
                };
                let total = count.total;
                self.counts.insert(name.clone(), count);
                total
            };
            sums.figures.push((name.clone(), sum));
        }
        sums
    }
}

fn sum(figures: &BTreeMap<u32, u64>) -> u64 {
    figures.values().fold(0, |sum, figure| sum.saturating_add(*figure))
}

impl Count {
    /// Adds what each CPU has counted since; returns the CPUs whose count went back.
    fn add(&mut self, figures: BTreeMap<u32, u64>, table: &CpuTable) -> Vec<u32> {
        let mut fell = Vec::new();
        let rows_are_the_same =
            self.indexed == table.indexed && (table.indexed || self.latest.len() == figures.len());
        if !rows_are_the_same {
            // Nobody knows which CPU a row belongs to.
            self.latest.clear();
        }
        for (cpu, figure) in figures {
            let Some(before) = self.latest.insert(cpu, figure) else {
                continue;
            };
            match since(before, figure, table.width) {
                Some(difference) => self.total = self.total.saturating_add(difference),
                None => fell.push(cpu),
            }
        }
        self.indexed = table.indexed;
        fell
    }
}

/// How much a figure has grown; `None` if it went back, that is, moved by more than half of the range.
fn since(before: u64, now: u64, width: Width) -> Option<u64> {
    let largest = match width {
        // As in `figure`: a 64-bit program runs on no 32-bit kernel.
        Width::Long if usize::BITS > 32 => u64::MAX,
        Width::Int | Width::Long => u64::from(u32::MAX),
    };
    let difference = now.wrapping_sub(before) & largest;
    (difference <= largest / 2).then_some(difference)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::per_cpu::softnet;
    use proptest::array::uniform4;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const RANGE: u64 = 1 << 32;

    /// A table as Linux 5.10 and later print it, with each CPU's index, or as 4.18 does: dropped and, from 5.10 on,
    /// backlog_len.
    fn printed(rows: &[(u32, u32)], indexed: bool) -> CpuTable {
        let row = |(cpu, dropped): &(u32, u32)| match indexed {
            true => format!("0 {dropped:08x} 0 0 0 0 0 0 0 0 0 {:08x} {cpu:08x}\n", cpu + 1),
            false => format!("0 {dropped:08x} 0 0 0 0 0 0 0 0 0\n"),
        };
        softnet(rows.iter().map(row).collect::<String>().as_bytes()).unwrap()
    }

    struct Reader(Unwrapped, bool);

    impl Reader {
        fn figures(&mut self, rows: &[(u32, u32)]) -> Sums {
            self.0.sums(&printed(rows, self.1), |name| name == "backlog_len")
        }

        fn dropped(&mut self, rows: &[(u32, u32)]) -> u64 {
            figure(&self.figures(rows), "dropped")
        }
    }

    fn figure(sums: &Sums, wanted: &str) -> u64 {
        sums.figures.iter().find(|(name, _)| name == wanted).unwrap().1
    }

    fn with_index() -> Reader {
        Reader(Unwrapped::default(), true)
    }

    fn without_index() -> Reader {
        Reader(Unwrapped::default(), false)
    }

    #[test]
    fn wraps_are_added() {
        for mut reader in [with_index(), without_index()] {
            let near = u32::MAX - 4;
            assert_eq!(reader.dropped(&[(0, near), (1, 7)]), RANGE - 5 + 7);
            assert_eq!(reader.dropped(&[(0, 3), (1, 7)]), RANGE + 3 + 7);
            assert_eq!(reader.dropped(&[(0, 3), (1, 7)]), RANGE + 3 + 7);
            assert_eq!(reader.dropped(&[(0, 3 + (1 << 31) - 1), (1, 8)]), RANGE + RANGE / 2 + 2 + 8);
            assert_eq!(reader.dropped(&[(0, 0), (1, 8)]), 2 * RANGE + 8);
        }
    }

    #[test]
    fn a_cpu_that_goes_keeps_its_part_and_goes_on_when_it_comes_back() {
        let mut reader = with_index();
        assert_eq!(reader.dropped(&[(0, 10), (1, 20), (2, 30)]), 60);
        assert_eq!(reader.dropped(&[(0, 11), (2, 30)]), 61);
        assert_eq!(reader.dropped(&[(0, 11), (2, 31)]), 62);
        assert_eq!(reader.dropped(&[(0, 11), (1, 25), (2, 31)]), 67);
    }

    /// What it counted before it was seen may predate the first reading.
    #[test]
    fn a_cpu_that_is_new_counts_from_then_on() {
        let mut reader = with_index();
        assert_eq!(reader.dropped(&[(0, 10)]), 10);
        assert_eq!(reader.dropped(&[(0, 10), (1, 1_000_000)]), 10);
        assert_eq!(reader.dropped(&[(0, 10), (1, 1_000_003)]), 13);
    }

    #[test]
    fn rows_that_cannot_be_told_apart_count_from_the_next_reading_on() {
        let mut reader = without_index();
        assert_eq!(reader.dropped(&[(0, 10), (1, 20), (2, 30)]), 60);
        // CPU 1 is gone: row 2 becomes row 1.
        assert_eq!(reader.dropped(&[(0, 11), (2, 35)]), 60);
        assert_eq!(reader.dropped(&[(0, 12), (2, 35)]), 61);
        assert_eq!(reader.dropped(&[(0, 12), (1, 21), (2, 35)]), 61);
        assert_eq!(reader.dropped(&[(0, 12), (1, 22), (2, 36)]), 63);
        // Another kernel under the same root.
        reader.1 = true;
        assert_eq!(reader.dropped(&[(0, 5), (1, 5), (2, 5)]), 63);
        assert_eq!(reader.dropped(&[(0, 5), (1, 5), (2, 6)]), 64);
    }

    #[test]
    fn what_goes_back_keeps_what_it_was_and_is_told() {
        let mut reader = with_index();
        assert_eq!(reader.dropped(&[(0, 1000), (1, 5)]), 1005);
        let sums = reader.figures(&[(0, 0), (1, 6)]);
        assert_eq!(figure(&sums, "dropped"), 1006);
        assert_eq!(sums.fell, [("dropped".to_owned(), 0)]);
        let sums = reader.figures(&[(0, 3), (1, 6)]);
        assert_eq!((figure(&sums, "dropped"), sums.fell), (1009, vec![]));
    }

    #[test]
    fn levels_are_sums_of_what_is_there() {
        let mut reader = with_index();
        let level = |sums: &Sums| figure(sums, "backlog_len");
        assert_eq!(level(&reader.figures(&[(0, 0), (3, 0)])), 1 + 4);
        assert_eq!(level(&reader.figures(&[(3, 0)])), 4);
        assert_eq!(level(&reader.figures(&[(0, 0)])), 1);
    }

    #[test]
    fn a_column_that_comes_later_counts_as_it_is() {
        let mut unwrapped = Unwrapped::default();
        let mut sums = |contents: &str| unwrapped.sums(&softnet(contents.as_bytes()).unwrap(), |_| false);
        assert_eq!(figure(&sums("1 0 0 0 0 0 0 0 0\n"), "processed"), 1);
        let later = sums("2 0 0 0 0 0 0 0 0 9\n");
        assert_eq!((figure(&later, "processed"), figure(&later, "received_rps")), (2, 9));
        assert_eq!(sums("2 0 0 0 0 0 0 0 0\n").figures.len(), 4);
    }

    #[test]
    fn counts_of_a_long_go_on_above_32_bits() {
        let step = |before, now| since(before, now, Width::Long);
        if usize::BITS > 32 {
            assert_eq!(step(RANGE - 1, RANGE + 4), Some(5));
            assert_eq!(step(5, 4), None);
            assert_eq!(step(u64::MAX, 1), Some(2));
            assert_eq!(step(1, RANGE + 1), Some(RANGE));
        }
        assert_eq!(since(RANGE - 1, 4, Width::Int), Some(5));
        assert_eq!(since(4, RANGE - 1, Width::Int), None);
    }

    /// Compared with a host that counts in 64 bits: whichever CPUs come and go, the sum is all that they counted, minus
    /// what each had when first seen.
    #[test]
    fn the_sum_is_what_was_counted() {
        let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
        let step = || (uniform4(0..1_u64 << 31), uniform4(any::<bool>()));
        proptest!(config, |(start in uniform4(any::<u32>()), steps in vec(step(), 1..40))| {
            let mut reader = with_index();
            let mut counted = start.map(u64::from);
            let mut expected = reader.dropped(&[(0, start[0])]);
            let mut seen = [Some(counted[0]), None, None, None];
            for (step, online) in steps {
                let mut rows = Vec::new();
                // An offline CPU counts nothing; the first is always online.
                for cpu in (0..4_usize).filter(|cpu| *cpu == 0 || online[*cpu]) {
                    counted[cpu] += step[cpu];
                    expected += seen[cpu].replace(counted[cpu]).map_or(0, |before| counted[cpu] - before);
                    let printed = u32::try_from(counted[cpu] % RANGE).unwrap();
                    rows.push((u32::try_from(cpu).unwrap(), printed));
                }
                prop_assert_eq!(reader.dropped(&rows), expected);
            }
        });
    }
}
