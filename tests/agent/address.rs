//! A host name in the address of the master agent: looked up for each connection, and never followed off this host
//! unless that is meant.

use crate::common::{Agent, Snmpd, in_namespace, this_test, until};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn succeeds(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().expect(program);
    assert!(output.status.success(), "{program} {arguments:?}: {}", crate::common::text_of(&output));
}

#[test]
fn a_name_is_followed_as_long_as_it_is_this_host() {
    if !Path::new("/etc/hosts").exists() {
        // Not println!, which cargo hides of a test that passes.
        let note = b"note: host names are not tested: there is no /etc/hosts here\n";
        std::io::Write::write_all(&mut std::io::stderr(), note).unwrap();
        return;
    }
    if !in_namespace(this_test!()) {
        return;
    }
    // A table of hosts of our own, and an address that is there, but not loopback.
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts");
    let stands_for = |address: &str| std::fs::write(&hosts, format!("{address} master.test\n")).unwrap();
    stands_for("192.0.2.1");
    succeeds("mount", &["--bind", hosts.to_str().unwrap(), "/etc/hosts"]);
    succeeds("ip", &["address", "add", "192.0.2.1/32", "dev", "lo"]);
    let port = TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
    let mut snmpd = Snmpd::start(&format!("agentXSocket tcp:0.0.0.0:{port}"));
    let configuration = format!("[agentx]\naddress = \"tcp:master.test:{port}\"\n");
    let agent = Agent::start(folder.path(), &configuration);
    let count = |wanted: &str| agent.log().matches(wanted).count();
    let refused = format!("tcp:master.test:{port} is 192.0.2.1, which is not loopback");
    let told = |what: &str, times: usize| {
        until(Duration::from_secs(10), &format!("{what}, {times} times"), || count(what) == times);
    };
    told(&refused, 1);
    assert_eq!(count("serving"), 0, "{}", agent.log());

    stands_for("127.0.0.1");
    told("serving 11 of 11", 1);
    // It changes its mind while the session goes on, and is asked again for the next one.
    stands_for("192.0.2.1");
    snmpd.restart();
    told(&refused, 2);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(count("serving 11 of 11"), 1, "{}", agent.log());

    std::fs::write(&agent.config, configuration + "allow-remote = true\n").unwrap();
    agent.process.signal("-HUP");
    told("serving 11 of 11", 2);
    // Nothing of the name of a host that is not there.
    std::fs::write(&agent.config, "[agentx]\naddress = \"tcp:gone.test:705\"\n").unwrap();
    agent.process.signal("-HUP");
    told("'gone.test' cannot be looked up: ", 1);
}
