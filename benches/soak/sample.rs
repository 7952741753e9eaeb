//! Memory, descriptors and CPU time of the subagent, and the final report.

use crate::Soak;
use crate::common::{BASE, lines};
use crate::disturb::Return;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy)]
pub struct Sample {
    seconds: u64,
    resident: u64,
    highest: u64,
    descriptors: usize,
    threads: u64,
    cpu: f64,
    sockets: u64,
    churned: u64,
}

impl Sample {
    fn take(soak: &Soak, begin: Instant) -> Self {
        let proc = format!("/proc/{}", soak.agent);
        let status = std::fs::read_to_string(format!("{proc}/status")).unwrap();
        let field = |name: &str| -> u64 {
            let value = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            value.split_whitespace().next().unwrap().parse().unwrap()
        };
        let stat = std::fs::read_to_string(format!("{proc}/stat")).unwrap();
        let times: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: f64 = times[11].parse::<f64>().unwrap() + times[12].parse::<f64>().unwrap();
        let output = Command::new("ss").args(["-Htan"]).output().unwrap();
        Self {
            seconds: begin.elapsed().as_secs(),
            resident: field("VmRSS:"),
            highest: field("VmHWM:"),
            descriptors: std::fs::read_dir(format!("{proc}/fd")).unwrap().count(),
            threads: field("Threads:"),
            cpu: ticks / 100.0,
            sockets: output.stdout.iter().filter(|byte| **byte == b'\n').count() as u64,
            churned: soak.churned.load(Ordering::Relaxed),
        }
    }

    fn line(&self) -> String {
        format!(
            "{:6} s  VmRSS {} kB, VmHWM {} kB, {} descriptors, {} threads, {:.1} s of CPU, {} TCP sockets, {} churned",
            self.seconds,
            self.resident,
            self.highest,
            self.descriptors,
            self.threads,
            self.cpu,
            self.sockets,
            self.churned
        )
    }
}

pub fn each_minute(soak: &Soak, time: Duration) -> Vec<Sample> {
    let begin = Instant::now();
    let mut samples = Vec::new();
    // The first sample is taken when everything has been polled once.
    soak.pause((time / 20).min(Duration::from_secs(60)));
    loop {
        let sample = Sample::take(soak, begin);
        eprintln!("{}", sample.line());
        samples.push(sample);
        let left = time.saturating_sub(begin.elapsed());
        if left.is_zero() {
            return samples;
        }
        soak.pause(left.min(Duration::from_secs(60)));
    }
}

fn median(samples: &[Sample]) -> u64 {
    let mut resident: Vec<_> = samples.iter().map(|sample| sample.resident).collect();
    resident.sort_unstable();
    resident[resident.len() / 2]
}

/// Prints the results; returns whether all of them are good.
pub fn report(soak: &Soak, samples: &[Sample], returns: &[Return], log: &str) -> bool {
    let (first, last) = (samples[0], samples[samples.len() - 1]);
    eprintln!("\n{} s", last.seconds);
    eprintln!("first {}\nlast  {}", first.line(), last.line());
    let third = samples.len().div_ceil(3);
    let (early, late) = (median(&samples[..third]), median(&samples[samples.len() - third..]));
    eprintln!("VmRSS, median of the first third {early} kB, of the last {late} kB");
    eprintln!("{} sockets opened a second", last.churned / last.seconds.max(1));
    for (what, times) in soak.counts.lock().unwrap().iter() {
        eprintln!("{what}: {times}");
    }
    for what in [
        "snmpd ended",
        "snmpd killed",
        "snmpd stopped",
        "subagent stopped for 20",
        "subagent stopped for min",
    ] {
        let mut took: Vec<_> = returns.iter().filter(|r| r.what.starts_with(what)).map(|r| r.took).collect();
        took.sort_unstable();
        if let (Some(median), Some(most)) = (took.get(took.len() / 2), took.last()) {
            eprintln!("{what}: {} times, back after {median:.0?}, at most {most:.0?}", took.len());
        }
    }
    let own = soak.ask("snmpwalk", "public", "3", &[&format!("{BASE}.1.5")]);
    for (name, value) in lines(&own) {
        eprintln!("{} = {value}", name.replace(BASE, "B"));
    }
    let warnings =
        log.lines().filter(|line| line.contains("WARN") && !line.contains("threshold changed")).count();
    let changes = log.lines().filter(|line| line.contains("threshold changed")).count();
    eprintln!(
        "log: {} lines, {warnings} warnings but for {changes} changes of thresholds",
        log.lines().count()
    );
    for line in log.lines().filter(|line| !line.contains("threshold changed")).take(200) {
        eprintln!("  {line}");
    }
    let errors = soak.errors.lock().unwrap();
    eprintln!("errors: {}", errors.len());
    for error in errors.iter().take(50) {
        eprintln!("  {error}");
    }
    // The rows of 20,000 sockets come and go; a leak does not stop at 4 MB. A short run proves nothing about it.
    let flat = samples.len() < 10 || late < early + 4096 && last.descriptors <= first.descriptors + 4;
    if !flat {
        eprintln!("memory or descriptors grow");
    }
    errors.is_empty() && flat
}
