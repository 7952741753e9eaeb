//! What docs/conformance.md says of agent capabilities, against a real snmpd.

use crate::common::{Agent, BASE, Snmpd, in_namespace, this_test, until};
use std::time::Duration;

/// RFC 2741 section 7.1.6, and RFC 3418: of what is served, not of what could be.
#[test]
fn the_agent_capabilities_stand_in_sysortable_while_the_session_lives() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    // Those of our rows, sysORID and sysORDescr.
    let rows = || {
        let walk = snmpd.walk(".1.3.6.1.2.1.1.9.1");
        let column = |number: u32, ours: &str| -> Vec<String> {
            let column = format!(".1.3.6.1.2.1.1.9.1.{number}.");
            let all =
                walk.iter().filter(|(name, value)| name.starts_with(&column) && value.starts_with(ours));
            all.map(|(_, value)| value.replace(ours, "")).collect()
        };
        (column(2, &format!("OID: {BASE}.")), column(3, "STRING: \"netstat-agentx "))
    };
    let version = env!("CARGO_PKG_VERSION");
    let standard = "icmp, tcp and udp of IP-MIB, TCP-MIB and UDP-MIB";
    for (configuration, id, claimed) in [
        ("", "3.1", format!("{standard}; LINUX-NETSTAT-MIB")),
        ("[mib]\nprivate = false", "3.2", format!("{standard}; not LINUX-NETSTAT-MIB")),
        ("[mib]\nmib-2 = false", "3.3", format!("LINUX-NETSTAT-MIB; not {standard}")),
    ] {
        assert_eq!(rows(), (vec![], vec![]), "{configuration}");
        let configuration = format!("[agentx]\naddress = \"{}\"\n{configuration}", snmpd.socket());
        let agent = Agent::start(snmpd.folder.path(), &configuration);
        until(Duration::from_secs(5), "it serves", || agent.log().contains(" subtrees"));
        assert_eq!(rows(), (vec![id.to_owned()], vec![format!("{version}: {claimed}\"")]), "{configuration}");
        agent.process.signal("-TERM");
        until(Duration::from_secs(3), "they are gone", || rows() == (vec![], vec![]));
    }
}
