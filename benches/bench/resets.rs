//! Resets under attack: what tracing costs the subagent, what it counts, and how promptly it still answers.

use crate::measure::{Table, cpu, pairs};
use crate::walking::{Agents, BASE};
use netstat_agentx::trace::instance::Instance;
use netstat_agentx::trace::mounts::tracefs;
use rustix::net::{AddressFamily, SendFlags, SocketAddrV4, SocketType, ipproto, send, socket};
use std::fs::{self, OpenOptions};
use std::io::Read;
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The target of the flood: one port, or a range that starts here.
const PORT: u16 = 1000;
const SECONDS: u64 = 10;

/// `flood RATE SECONDS PORTS`: sends stray acknowledgements over loopback to ports without a listener; the kernel
/// answers each with a reset. A rate of 0 is as fast as possible. Prints how many it sent.
pub fn flood(rate: u64, seconds: u64, ports: u16) {
    let raw = socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::TCP)).unwrap();
    rustix::net::connect(&raw, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let packets: Vec<_> = (0..ports).map(|port| acknowledgement(40_000, PORT + port)).collect();
    let (start, end, mut sent) = (Instant::now(), Duration::from_secs(seconds), 0_u64);
    let mut next = packets.iter().cycle();
    while start.elapsed() < end {
        let due = match rate {
            0 => sent + 1000,
            rate => u64::try_from(u128::from(rate) * start.elapsed().as_millis() / 1000).unwrap(),
        };
        while sent < due {
            send(&raw, next.next().unwrap(), SendFlags::empty()).unwrap();
            sent += 1;
        }
        if rate > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    println!("{sent}");
}

/// A TCP header from one port to another over loopback, with its checksum (RFC 9293 section 3.1).
fn acknowledgement(from: u16, to: u16) -> [u8; 20] {
    let mut header = [0; 20];
    header[..2].copy_from_slice(&from.to_be_bytes());
    header[2..4].copy_from_slice(&to.to_be_bytes());
    // Five words of header, ACK, a window.
    header[12..15].copy_from_slice(&[5 << 4, 0x10, 4]);
    let pseudo = [127, 0, 0, 1, 127, 0, 0, 1, 0, 6, 0, 20];
    let words = pseudo.chunks(2).chain(header.chunks(2));
    let sum: u32 = words.map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
    let folded = (0..2).fold(sum, |sum, _| (sum & 0xffff) + (sum >> 16));
    header[16..18].copy_from_slice(&(!u16::try_from(folded).unwrap()).to_be_bytes());
    header
}

fn start_flood(rate: u64, seconds: u64, ports: u16) -> Child {
    let arguments = [rate.to_string(), seconds.to_string(), ports.to_string()];
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("flood").args(arguments).stdout(Stdio::piped()).spawn().unwrap()
}

fn sent(flood: Child) -> u64 {
    let output = flood.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

pub fn under_attack(table: &mut Table) {
    // In a mount namespace of our own.
    let tracefs_folder = "/sys/kernel/tracing";
    let _ = Command::new("mount")
        .args(["-t", "tracefs", "tracefs", tracefs_folder])
        .stderr(Stdio::null())
        .status();
    match tracefs().and_then(|tracefs| Instance::make(&tracefs, 1 << 20)) {
        Ok(_) => {}
        Err(error) => return table.note("resets cannot be traced here", &error.to_string()),
    }
    reading(table);
    for (what, rate, ports) in [
        ("100,000 resets a second, one port", 100_000, 1),
        ("100,000 resets a second, 60,000 ports", 100_000, 60_000),
        ("as many resets as one process can cause, one port", 0, 1),
    ] {
        attack(table, what, rate, ports);
    }
}

/// The cost of taking one reset out of the kernel's buffer: binary and decoded, compared with its text, not even
/// parsed.
fn reading(table: &mut Table) {
    const RATE: u64 = 100_000;
    let tracefs = tracefs().unwrap();
    let ours = || {
        let mut instance = Instance::make(&tracefs, 64 << 20).unwrap();
        let (before, _) = (out_resets(), sent(start_flood(RATE, 1, 1)));
        let sent = out_resets() - before;
        let (mut taken, forever) = (0, Instant::now() + Duration::from_secs(3600));
        let used = cpu(|| assert!(instance.drain(forever, |_| taken += 1).1.is_none()));
        assert!(taken >= sent, "{taken} of {sent}");
        used / taken as f64
    };
    let text = || {
        let instance = tracefs.join("instances/netstat-agentx-bench");
        fs::create_dir(&instance).unwrap();
        fs::write(instance.join("buffer_size_kb"), "65536").unwrap();
        let nonblock = i32::from_ne_bytes(rustix::fs::OFlags::NONBLOCK.bits().to_ne_bytes());
        let mut pipe =
            OpenOptions::new().read(true).custom_flags(nonblock).open(instance.join("trace_pipe")).unwrap();
        fs::write(instance.join("events/tcp/tcp_send_reset/enable"), "1").unwrap();
        let (before, _) = (out_resets(), sent(start_flood(RATE, 1, 1)));
        let sent = out_resets() - before;
        let (mut lines, mut buffer) = (0, vec![0; 1 << 16]);
        let used = cpu(|| {
            while let Ok(read @ 1..) = pipe.read(&mut buffer) {
                lines += memchr::memchr_iter(b'\n', &buffer[..read]).count() as u64;
            }
        });
        drop(pipe);
        fs::remove_dir(&instance).unwrap();
        assert!(lines >= sent, "{lines} of {sent}");
        used / lines as f64
    };
    let (ours, theirs, _) = pairs(5, ours, text);
    table.add(
        "1,000 traced resets read and decoded, CPU",
        ours * 1e3,
        "reading their text from trace_pipe, and no more",
        theirs * 1e3,
        5,
    );
}

fn attack(table: &mut Table, what: &str, rate: u64, ports: u16) {
    eprintln!("{what} …");
    let mut agents = Agents::snmpd();
    agents.add_ours_with("[resets]\nenabled = true\n");
    let memory = agents.resident();
    let before = out_resets();
    let flood = start_flood(rate, SECONDS, ports);
    let (start, used) = (Instant::now(), agents.own_cpu());
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    while start.elapsed() < Duration::from_secs(SECONDS) {
        for (times, name) in
            [(&mut ours, format!("{BASE}.1.6.2.0")), (&mut floor, ".1.3.6.1.2.1.1.3.0".into())]
        {
            let asked = Instant::now();
            assert_eq!(agents.walk("snmpget", &name), 1, "{name} has no answer");
            times.push(asked.elapsed().as_secs_f64() * 1e3);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let (used, took) = (agents.own_cpu() - used, start.elapsed().as_secs_f64());
    // If it was too fast, the kernel dropped some of its packets before they reached TCP.
    sent(flood);
    let sent = out_resets() - before;
    // Until the table is up to date.
    std::thread::sleep(Duration::from_millis(2500));
    let counted = counts(&agents, ports);
    let lost = number(&agents.value(&format!("{BASE}.1.6.3.0")));
    assert!(counted + lost >= sent, "{counted} counted, {lost} lost, {sent} sent");
    let percent = |part: u64| part as f64 / sent as f64 * 100.0;
    table.note(&format!("{what}: sent in {SECONDS} s"), &sent.to_string());
    table.note(&format!("{what}: CPU of the subagent"), &format!("{:.1} % of one", used / took * 100.0));
    table.note(
        &format!("{what}: resident memory before and after"),
        &format!("{memory:.1} MB, {:.1} MB", agents.resident()),
    );
    table.note(
        &format!("{what}: in lnsResetTable, in lnsResetLostEvents"),
        &format!("{:.1} %, {:.1} %", percent(counted), percent(lost)),
    );
    for (times, name) in [(&mut ours, "lnsResetTracing.0"), (&mut floor, "sysUpTime.0, of snmpd itself")] {
        times.sort_by(f64::total_cmp);
        let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
        table.note(
            &format!("{what}: {name} at the manager"),
            &format!("median {:.1} ms, p99 {:.1} ms, at most {:.1} ms", at(50), at(99), at(100)),
        );
    }
}

/// TcpOutRsts of this network namespace.
fn out_resets() -> u64 {
    let text = fs::read_to_string("/proc/net/snmp").unwrap();
    let tcp: Vec<Vec<_>> =
        text.lines().filter(|line| line.starts_with("Tcp:")).map(|line| line.split(' ').collect()).collect();
    let at = tcp[0].iter().position(|name| *name == "OutRsts").unwrap();
    tcp[1][at].parse().unwrap()
}

/// The table's counts for the flood's ports, whatever else on the machine resets.
fn counts(agents: &Agents, ports: u16) -> u64 {
    let column = format!("{BASE}.1.6.1.1.5.1.1");
    let of_flood = |name: &str| {
        let port = name.strip_prefix(&format!("{column}.")).and_then(|index| index.split('.').next());
        port.is_some_and(|port| (PORT..PORT + ports).contains(&port.parse().unwrap()))
    };
    let rows = agents.rows(&column);
    rows.iter().filter(|(name, _)| of_flood(name)).map(|(_, value)| number(value)).sum()
}

fn number(value: &str) -> u64 {
    value.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
