//! What happens to snmpd and to the subagent now and then.

use crate::Soak;
use crate::common::{Agent, BASE, Snmpd};
use std::time::{Duration, Instant};

/// How long the tables took to be back, from the moment snmpd could answer.
pub struct Return {
    pub what: &'static str,
    pub took: Duration,
}

pub fn disturb(soak: &Soak, snmpd: &mut Snmpd, agent: &Agent, time: Duration) -> Vec<Return> {
    let mut returns = Vec::new();
    // Two minutes apart in an hour, sooner in a short run.
    let pause = (time / 30).max(Duration::from_secs(15));
    let long_stop = (time / 20).min(Duration::from_secs(180));
    for turn in 0_u32.. {
        soak.pause(pause + Duration::from_millis(u64::from(turn * 377 % 1000)));
        if soak.is_over() {
            break;
        }
        soak.disturb();
        let what = match turn % 5 {
            0 => {
                snmpd.signal("-TERM");
                std::thread::sleep(Duration::from_millis(u64::from(turn * 131 % 900)));
                snmpd.restart();
                "snmpd ended and started"
            }
            1 => {
                snmpd.signal("-STOP");
                soak.pause(Duration::from_secs(10));
                snmpd.signal("-CONT");
                await_snmpd(soak);
                "snmpd stopped for 10 s"
            }
            2 => {
                snmpd.kill();
                std::thread::sleep(Duration::from_millis(u64::from(turn * 53 % 3000)));
                snmpd.restart();
                "snmpd killed and started"
            }
            3 => {
                agent.process.signal("-STOP");
                soak.pause(Duration::from_secs(20));
                agent.process.signal("-CONT");
                "subagent stopped for 20 s"
            }
            _ => {
                agent.process.signal("-STOP");
                soak.pause(long_stop);
                agent.process.signal("-CONT");
                "subagent stopped for minutes"
            }
        };
        let begun = Instant::now();
        let name = format!("{BASE}.1.5.1.0");
        while !soak.ask("snmpget", "public", "0.2", &[&name]).contains("STRING") {
            if begun.elapsed() > Duration::from_secs(30) {
                soak.fail(&format!("{what}: not back after 30 s"));
                break;
            }
        }
        returns.push(Return { what, took: begun.elapsed() });
        soak.calm();
    }
    returns
}

fn await_snmpd(soak: &Soak) {
    while !soak.ask("snmpget", "public", "0.2", &[".1.3.6.1.2.1.1.3.0"]).contains("Timeticks") {}
}
