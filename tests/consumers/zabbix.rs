//! The Zabbix template in a real Zabbix: tests/zabbix/check.py does it, in a network namespace beside that of the
//! sockets that it counts.
#![allow(clippy::print_stdout)]

use crate::common::{in_namespace, this_test};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
#[ignore = "needs Zabbix and PostgreSQL, takes minutes: make test-consumers"]
fn the_template_in_a_real_zabbix() {
    if !in_namespace(this_test!()) {
        return;
    }
    // In a PID namespace, so that nothing of it is left however it ends.
    let mut check = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "unshare", "--net", "--pid", "--fork", "--kill-child"])
        .args(["python3", "-B", &format!("{ROOT}/tests/zabbix/check.py")])
        .args(["--namespace", &std::process::id().to_string()])
        .args(["--program", env!("CARGO_BIN_EXE_netstat-agentx")])
        .args(["--template", &format!("{ROOT}/config/zabbix/template_netstat_agentx.yaml")])
        .args(["--trees", &format!("{ROOT}/tests/proc")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("setpriv (util-linux)");
    let mut sockets = None;
    for line in BufReader::new(check.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        println!("{line}");
        // Now and no earlier: some states last a minute only.
        if line == "ready" {
            sockets = Some(crate::common::sockets::Zoo::open());
            check.stdin.take().unwrap().write_all(b"open\n").unwrap();
        }
    }
    assert!(check.wait().unwrap().success(), "see above");
    assert!(sockets.is_some(), "it never asked for sockets");
}
