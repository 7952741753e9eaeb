//! `make bench`: everything is compared with something that runs beside it, in its own network namespace, and the
//! figures are printed as a table. `cargo bench -- SECTION…` runs only some of the sections.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::cast_precision_loss, clippy::print_stderr)]

mod calls;
mod counting;
mod diagnosis;
mod floor;
mod late;
mod measure;
mod peers;
mod poll;
mod processes;
mod resets;
mod socket_walks;
mod walking;
mod worst;

use measure::Table;
use std::process::Command;

type Section = (&'static str, fn(&mut Table));

const SECTIONS: [Section; 19] = [
    ("counters", walking::counter_files),
    ("counter-walks", walking::counter_walks),
    ("counting", counting::counting),
    ("destinations", counting::destinations),
    ("diagnosis", diagnosis::beside_ss),
    ("diagnosis-counts", diagnosis::instead_of_files),
    ("growth", peers::growth),
    ("late", late::never_late),
    ("poll", poll::everything),
    ("processes", processes::processes),
    ("resets", resets::under_attack),
    ("walking", socket_walks::beside_the_floors),
    ("walking-busy", socket_walks::beside_busy_processes),
    ("walking-calls", calls::of_a_walk),
    ("walking-gets", socket_walks::gets_meanwhile),
    ("walking-own-module", socket_walks::beside_the_own_module),
    ("walking-share", socket_walks::own_share),
    ("walking-tcp", socket_walks::over_tcp),
    ("worst", worst::pdus),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        // The sections start these as separate processes.
        ["floor", address, recorded, polls] => return floor::serve(address, recorded, polls == "polls"),
        ["hold", pairs, port, destinations] => {
            return counting::hold(pairs.parse().unwrap(), port.parse().unwrap(), destinations == "own");
        }
        ["listen", first] => return diagnosis::listen(first.parse().unwrap()),
        ["procfs"] => return peers::procfs_count(),
        ["flood", rate, seconds, ports] => {
            return resets::flood(rate.parse().unwrap(), seconds.parse().unwrap(), ports.parse().unwrap());
        }
        ["crowd"] => return processes::crowd(),
        _ => {}
    }
    if std::env::var_os("NETSTAT_AGENTX_NAMESPACE").is_none() {
        let status = Command::new("unshare")
            // A mount namespace too: one section mounts tracefs.
            .args(["-n", "-m"])
            .arg(std::env::current_exe().unwrap())
            .args(&arguments)
            .env("NETSTAT_AGENTX_NAMESPACE", "1")
            .status()
            .expect("unshare (util-linux)");
        std::process::exit(status.code().unwrap_or(1));
    }
    assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
    for (name, section) in SECTIONS {
        if words.is_empty() || words.contains(&name) {
            eprintln!("{name} …");
            // Each section prints its table at once: a run takes half an hour and may be interrupted.
            let mut table = Table::default();
            section(&mut table);
            println!("\n{name}\n");
            table.print();
        }
    }
}
