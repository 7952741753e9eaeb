//! A manager that occasionally asks for far more than anybody needs. snmpd must keep answering for its own objects, and
//! other managers get values, or at worst an error that says the request is too large.

use crate::Soak;
use crate::common::probe::{Answer, GETNEXT, Probe, request};
use crate::common::subids;
use std::net::UdpSocket;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Packets in one flood, and variable bindings in each.
const PACKETS: u16 = 500;
const BINDINGS: u32 = 350;

/// How long snmpd may take for its own objects.
const PROMPT: Duration = Duration::from_secs(2);

pub fn floods(soak: &Soak) {
    let column = subids(".1.3.6.1.2.1.6.19.1.7.1.4.127.0.0.1");
    let row = |binding: u32| [&column[..], &[10_000 + binding * 100, 1, 4, 127, 0, 0, 1, 0]].concat();
    let packet = |number| request(GETNEXT, number, &(0..BINDINGS).map(row).collect::<Vec<_>>());
    let packets: Vec<_> = (0..PACKETS).map(packet).collect();
    let own = Probe::new(soak.snmpd_port, ".1.3.6.1.2.1.1.3.0");
    while !soak.is_over() {
        soak.pause(Duration::from_secs(15));
        let begun = Instant::now();
        soak.flooded.store(true, Ordering::SeqCst);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", soak.snmpd_port)).unwrap();
        for some in packets.chunks(50) {
            for packet in some {
                // Fails while snmpd is away.
                let _ = socket.send(packet);
                std::thread::sleep(Duration::from_millis(1));
            }
            let asked = Instant::now();
            // A full queue of snmpd loses requests, so they are repeated as managers do.
            while own.ask(Duration::from_millis(100)) != Answer::Value && asked.elapsed() < PROMPT {}
            let outcome = if asked.elapsed() < PROMPT { Ok(()) } else { Err("sysUpTime.0 is late".into()) };
            soak.judge("sysUpTime.0 in a flood", begun, outcome);
        }
        soak.count("packets of floods", PACKETS.into());
        // Requests are refused for two seconds at most, and managers retry for five.
        soak.pause(Duration::from_secs(8));
        soak.flooded.store(false, Ordering::SeqCst);
    }
}

/// Whether an error only says that a request was refused or lost because of what others asked.
pub fn is_refusal(error: &str) -> bool {
    ["tooBig", "genErr", "Timeout", "is late"].iter().any(|refusal| error.contains(refusal))
        && !error.contains("sysUpTime.0")
}
