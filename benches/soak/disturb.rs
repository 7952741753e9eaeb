//! Occasional disturbances of snmpd and the subagent.

use crate::Soak;
use crate::common::probe::Probe;
use crate::common::{Agent, BASE, Snmpd};
use std::time::Duration;

/// How long the tables took to return after snmpd could answer.
pub struct Return {
    pub what: &'static str,
    pub took: Duration,
}

pub fn disturb(soak: &Soak, snmpd: &mut Snmpd, agent: &Agent, time: Duration) -> Vec<Return> {
    let mut returns = Vec::new();
    let probe = Probe::new(soak.snmpd_port, &format!("{BASE}.1.5.1.0"));
    // Two minutes apart in an hour, sooner in a shorter run.
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
                snmpd.spawn();
                "snmpd ended and started"
            }
            1 => {
                snmpd.signal("-STOP");
                soak.pause(Duration::from_secs(10));
                snmpd.signal("-CONT");
                "snmpd stopped for 10 s"
            }
            2 => {
                snmpd.kill();
                std::thread::sleep(Duration::from_millis(u64::from(turn * 53 % 3000)));
                snmpd.spawn();
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
        returns.push(Return { what, took: probe.back_after(Duration::from_secs(30)) });
        soak.calm();
    }
    returns
}
