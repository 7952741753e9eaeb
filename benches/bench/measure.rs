//! Times, medians, ratios, and the table that shows them.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// One line for each comparison.
#[derive(Default)]
pub struct Table(Vec<[String; 6]>, String);

impl Table {
    /// Adds a comparison: what was done, ours and theirs (medians in seconds), the ratio, the number of runs.
    pub fn add(&mut self, what: &str, ours: f64, other: &str, theirs: f64, times: usize) {
        let ratio = format!("{:.2}", ours / theirs);
        self.0.push([what.into(), seconds(ours), other.into(), seconds(theirs), ratio, times.to_string()]);
    }

    /// Adds a figure that stands alone.
    pub fn note(&mut self, what: &str, figure: &str) {
        self.0.push([what.into(), figure.into(), String::new(), String::new(), String::new(), String::new()]);
    }

    /// A separate table: figures by subject, one column for each number of sockets.
    pub fn growth(&mut self, sizes: &[usize], lines: Vec<(String, Vec<String>)>) {
        let head: Vec<_> = sizes.iter().map(|size| format!(" {size} ")).collect();
        let rule = "--- |".repeat(sizes.len() + 1);
        self.1 = format!("\n| sockets |{}|\n| {rule}\n", head.join("|"));
        for (what, mut figures) in lines {
            figures.resize(sizes.len(), String::new());
            self.1 += &format!("| {what} | {} |\n", figures.join(" | "));
        }
    }

    pub fn print(&self) {
        if self.0.is_empty() {
            return print!("{}", self.1.trim_start());
        }
        println!("| what | ours | compared with | theirs | ratio | times |");
        println!("| --- | --- | --- | --- | --- | --- |");
        for line in &self.0 {
            println!("| {} |", line.join(" | "));
        }
        print!("{}", self.1);
    }
}

pub fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.001 => format!("{:.1} µs", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Measures pairs one after the other. The median of their ratios is steadier than the ratio of medians, since
/// disturbances of the machine affect both. Also returns the medians of both sides.
pub fn pairs(times: usize, ours: impl FnMut() -> f64, theirs: impl FnMut() -> f64) -> (f64, f64, f64) {
    medians(&by_turns(times, ours, theirs), |figure| *figure)
}

/// Pairs of measurements, of which each side is the first by turns: that one may find colder caches.
pub fn by_turns<T>(times: usize, mut ours: impl FnMut() -> T, mut theirs: impl FnMut() -> T) -> Vec<(T, T)> {
    let pair = |round: usize| {
        if round % 2 == 0 {
            let ours = ours();
            (ours, theirs())
        } else {
            let theirs = theirs();
            (ours(), theirs)
        }
    };
    (0..times).map(pair).collect()
}

/// The medians of both sides, and that of the ratios of the pairs.
pub fn medians<T>(pairs: &[(T, T)], figure: impl Fn(&T) -> f64) -> (f64, f64, f64) {
    (
        median(pairs.iter().map(|(ours, _)| figure(ours)).collect()),
        median(pairs.iter().map(|(_, theirs)| figure(theirs)).collect()),
        median(pairs.iter().map(|(ours, theirs)| figure(ours) / figure(theirs)).collect()),
    )
}

/// CPU time of this thread while something runs.
pub fn cpu<T>(work: impl FnOnce() -> T) -> f64 {
    let before = own_cpu();
    let result = work();
    let used = own_cpu() - before;
    drop(result);
    used
}

fn own_cpu() -> f64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// The first figure is the time on a CPU in nanoseconds.
fn schedstat(path: impl AsRef<Path>) -> f64 {
    let text = fs::read_to_string(path).unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// CPU time of a command, its threads and the children that it waited for.
pub fn cpu_of_all(command: &mut Command) -> f64 {
    let children = || {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
        let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        seconds(usage.user_time()) + seconds(usage.system_time())
    };
    let before = children();
    assert!(command.stdout(Stdio::null()).status().unwrap().success(), "{command:?}");
    children() - before
}

/// CPU time of a whole single-threaded command, from start to end.
pub fn cpu_of(command: &mut Command) -> f64 {
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let process = format!("/proc/{}", child.id());
    // Its usage can be read until it is waited for.
    loop {
        let stat = fs::read_to_string(format!("{process}/stat")).unwrap();
        if stat.rsplit_once(") ").unwrap().1.starts_with('Z') {
            break;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    let used = schedstat(format!("{process}/schedstat"));
    assert!(child.wait().unwrap().success());
    used
}

/// Wall-clock time.
pub fn wall(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// A process that is killed when its owner is dropped.
pub struct Guard(pub Child);

impl Guard {
    /// CPU time of the existing threads.
    pub fn cpu(&self) -> f64 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.0.id())).unwrap();
        threads.map(|thread| schedstat(thread.unwrap().path().join("schedstat"))).sum()
    }

    /// Resident memory in kB.
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
