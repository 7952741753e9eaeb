//! LINUX-NETSTAT-CAPS-MIB: which groups of which modules are served, how they deviate from their modules, and what
//! sysORTable shows of that (RFC 2741 section 6.2.14).
//!
//! This module stands apart so that a tool that loads LINUX-NETSTAT-MIB needs none of the IETF's modules. sysORID must
//! describe the agent as it runs (RFC 3418), so there is one statement for each set of modules that the configuration
//! can enable.

use super::groups::sockets::TCP_STATE;
use super::module::clauses::{about, clause};
use super::module::conformance;
use super::syntax::Syntax;
use super::view::Served;
use crate::smi::oid::Oid;
use std::fmt::Write;

/// Revisions of the module, newest first. A release that serves more, or something else, adds one.
const REVISIONS: [(&str, &str); 1] = [("202611250000Z", "The first version.")];

/// Where the module sits below the base.
const NUMBER: u32 = 3;

/// The product that the statements describe.
const PRODUCT: &str = concat!("netstat-agentx ", env!("CARGO_PKG_VERSION"));

/// One AGENT-CAPABILITIES value.
struct Statement {
    /// The last sub-identifier, below B.3.
    number: u32,
    /// Descriptor.
    name: &'static str,
    mib_2: bool,
    private: bool,
    /// What is served and what is not, in one line, for sysORDescr.
    summary: &'static str,
    /// The configuration for which it is true.
    when: &'static str,
}

static STATEMENTS: [Statement; 3] = [
    Statement {
        number: 1,
        name: "lnsCapabilities",
        mib_2: true,
        private: true,
        summary: "icmp, tcp and udp of IP-MIB, TCP-MIB and UDP-MIB; LINUX-NETSTAT-MIB",
        when: "with 'mib-2 = true' and 'private = true', which are the defaults",
    },
    Statement {
        number: 2,
        name: "lnsMib2Capabilities",
        mib_2: true,
        private: false,
        summary: "icmp, tcp and udp of IP-MIB, TCP-MIB and UDP-MIB; not LINUX-NETSTAT-MIB",
        when: "with 'private = false'",
    },
    Statement {
        number: 3,
        name: "lnsPrivateCapabilities",
        mib_2: false,
        private: true,
        summary: "LINUX-NETSTAT-MIB; not icmp, tcp and udp of IP-MIB, TCP-MIB and UDP-MIB",
        when: "with 'mib-2 = false'",
    },
];

/// A module that is supported in part or in full.
struct Supported {
    module: &'static str,
    groups: &'static [&'static str],
    variations: &'static [Variation],
}

/// An object that deviates from its declaration.
struct Variation {
    object: &'static str,
    /// The values it can have.
    values: Values,
    /// Whether an object that its module declares as writable is read-only here.
    read_only: bool,
    description: &'static str,
}

/// A subset of the declared values.
enum Values {
    All,
    /// The states that a socket can be in.
    TcpStates,
    /// The address types that the kernel reports.
    AddressTypes,
}

/// The supported parts of the IETF's modules.
static STANDARD: [Supported; 3] = [
    Supported { module: "IP-MIB", groups: &["icmpStatsGroup", "icmpGroup"], variations: &[] },
    Supported {
        module: "TCP-MIB",
        groups: &["tcpBaseGroup", "tcpConnectionGroup", "tcpListenerGroup", "tcpHCGroup", "tcpGroup"],
        variations: &[
            state("tcpConnectionState"),
            process("tcpConnectionProcess"),
            process("tcpListenerProcess"),
            state("tcpConnState"),
        ],
    },
    Supported {
        module: "UDP-MIB",
        groups: &["udpBaseGroup", "udpHCGroup", "udpEndpointGroup", "udpGroup"],
        variations: &[process("udpEndpointProcess")],
    },
];

const fn state(object: &'static str) -> Variation {
    Variation {
        object,
        values: Values::TcpStates,
        read_only: true,
        description: "Connections cannot be ended by it.",
    }
}

const fn process(object: &'static str) -> Variation {
    Variation {
        object,
        values: Values::All,
        read_only: false,
        description: "0 also where the subagent may not see the process: those of other users need CAP_SYS_PTRACE and \
            CAP_DAC_READ_SEARCH. Of several processes that share a socket it is the last in the order of /proc.",
    }
}

/// Variations in our own module that depend on the configuration.
static OWN: [Variation; 2] = [
    Variation {
        object: "lnsResetCount",
        values: Values::All,
        read_only: false,
        description: "There are rows only where the configuration has resets traced and the kernel lets them be, as \
            lnsResetTracing says.",
    },
    Variation {
        object: "lnsThresholdStatus",
        values: Values::All,
        read_only: false,
        description: "There is a row for each threshold of the configuration, which has none unless somebody sets one.",
    },
];

/// The OID and the text for sysORTable; `None` if nothing is served.
#[must_use]
pub fn of(served: &Served) -> Option<(Oid, String)> {
    let fits =
        |statement: &&Statement| (statement.mib_2, statement.private) == (served.mib_2, served.private);
    let statement = STATEMENTS.iter().find(fits)?;
    let id = Oid::from_slice(&[served.base.as_slice(), &[NUMBER, statement.number]].concat())?;
    Some((id, format!("{PRODUCT}: {}", statement.summary)))
}

/// The text of the module. It refers to LINUX-NETSTAT-MIB by name, so it holds for every base.
#[must_use]
pub fn text() -> String {
    let mut out = String::new();
    write_module(&mut out);
    out
}

/// Writing to a `String` cannot fail, so the results of `write!` are dropped.
fn write_module(out: &mut String) {
    let _ = writeln!(out, "LINUX-NETSTAT-CAPS-MIB DEFINITIONS ::= BEGIN\n");
    let _ = writeln!(out, "IMPORTS\n    MODULE-IDENTITY\n        FROM SNMPv2-SMI");
    let _ = writeln!(out, "    AGENT-CAPABILITIES\n        FROM SNMPv2-CONF");
    let _ = writeln!(out, "    InetAddressType\n        FROM INET-ADDRESS-MIB");
    let _ = writeln!(out, "    linuxNetstatMIB\n        FROM LINUX-NETSTAT-MIB;\n");
    let _ = writeln!(out, "linuxNetstatCapsMIB MODULE-IDENTITY");
    about(
        out,
        "What the SNMP subagent netstat-agentx serves of which MIB modules. The value that is true of one that runs, by \
         its configuration, stands in sysORID of its master agent.",
        &REVISIONS,
    );
    let _ = writeln!(out, "    ::= {{ linuxNetstatMIB {NUMBER} }}\n");
    for statement in &STATEMENTS {
        write_statement(out, statement);
    }
    let _ = writeln!(out, "END");
}

fn write_statement(out: &mut String, statement: &Statement) {
    let _ = writeln!(out, "{} AGENT-CAPABILITIES", statement.name);
    let _ = writeln!(out, "    PRODUCT-RELEASE \"{PRODUCT}\"\n    STATUS current");
    let description = format!(
        "{}: what is served {}. Nothing can be written. What the running kernel does not have, or the subagent cannot \
         read, has no instance. The figures are those of one network namespace.",
        statement.summary, statement.when
    );
    clause(out, "DESCRIPTION", &description);
    for supported in STANDARD.iter().filter(|_| statement.mib_2) {
        supports(out, supported.module, supported.groups.iter().copied());
        supported.variations.iter().for_each(|variation| varies(out, variation));
    }
    if statement.private {
        let groups = conformance::names();
        supports(out, "LINUX-NETSTAT-MIB", groups.iter().map(String::as_str));
        for column in conformance::columns() {
            if column.syntax == Syntax::InetAddressType {
                let description =
                    "The kernel tells no zone and no host name, so that there are no other types.";
                let (object, values) = (column.name, Values::AddressTypes);
                varies(out, &Variation { object, values, read_only: false, description });
            }
        }
        OWN.iter().for_each(|variation| varies(out, variation));
    }
    let _ = writeln!(out, "    ::= {{ linuxNetstatCapsMIB {} }}\n", statement.number);
}

fn supports<'a>(out: &mut String, module: &str, groups: impl Iterator<Item = &'a str>) {
    let groups: Vec<_> = groups.collect();
    let _ = writeln!(out, "    SUPPORTS {module}");
    let _ = writeln!(out, "        INCLUDES {{\n            {}\n        }}", groups.join(",\n            "));
}

fn varies(out: &mut String, variation: &Variation) {
    let _ = writeln!(out, "        VARIATION {}", variation.object);
    let values = match variation.values {
        Values::All => None,
        Values::TcpStates => Some(("INTEGER", TCP_STATE.labels)),
        Values::AddressTypes => Some(("InetAddressType", Syntax::InetAddressType.labels())),
    };
    if let Some((of, labels)) = values {
        let labels: Vec<_> = labels.iter().map(|(number, label)| format!("{label}({number})")).collect();
        let labels = labels.join(",\n                ");
        let _ = writeln!(out, "            SYNTAX {of} {{\n                {labels}\n            }}");
    }
    if variation.read_only {
        let _ = writeln!(out, "            ACCESS read-only");
    }
    let mut description = String::new();
    clause(&mut description, "DESCRIPTION", variation.description);
    for line in description.lines() {
        let _ = writeln!(out, "        {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_configuration(text: &str) -> Option<(String, String)> {
        let served = crate::config::Config::parse(text).unwrap().served();
        of(&served).map(|(id, description)| (id.to_string(), description))
    }

    /// RFC 3418: the statement describes what is served, not what could be.
    #[test]
    fn what_is_not_served_is_not_claimed() {
        let base = "1.3.6.1.4.1.8072.9999.9999.2741";
        let product = PRODUCT;
        let standard = "icmp, tcp and udp of IP-MIB, TCP-MIB and UDP-MIB";
        for (text, expected) in [
            ("", Some((1, format!("{standard}; LINUX-NETSTAT-MIB")))),
            ("[mib]\nprivate = false", Some((2, format!("{standard}; not LINUX-NETSTAT-MIB")))),
            ("[mib]\nmib-2 = false", Some((3, format!("LINUX-NETSTAT-MIB; not {standard}")))),
            ("[mib]\nmib-2 = false\nprivate = false", None),
        ] {
            let expected =
                expected.map(|(number, text)| (format!("{base}.3.{number}"), format!("{product}: {text}")));
            assert_eq!(of_configuration(text), expected, "{text}");
        }
        let (id, _) = of_configuration("[mib]\nbase-oid = \"1.3.6.1.4.1.4711.1\"").unwrap();
        assert_eq!(id, "1.3.6.1.4.1.4711.1.3.1");
    }

    #[test]
    fn a_statement_names_the_modules_it_is_about() {
        let text = text();
        let statements: Vec<_> = text.split(" AGENT-CAPABILITIES\n").skip(2).collect();
        assert_eq!(statements.len(), 3);
        for (statement, text) in STATEMENTS.iter().zip(statements) {
            let has = |module: &str| text.contains(&format!("SUPPORTS {module}\n"));
            assert_eq!((has("TCP-MIB"), has("LINUX-NETSTAT-MIB")), (statement.mib_2, statement.private));
            assert_eq!((has("IP-MIB"), has("UDP-MIB")), (statement.mib_2, statement.mib_2));
        }
        assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 90 && line == line.trim_end()));
    }

    /// sysORDescr is a DisplayString.
    #[test]
    fn descriptions_fit() {
        for statement in &STATEMENTS {
            let text = format!("{PRODUCT}: {}", statement.summary);
            assert!(text.is_ascii() && text.len() <= 255, "{text}");
        }
    }
}
