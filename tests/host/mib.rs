//! The MIB modules: equal to what the source declares, good in the eyes of the validators, complete, and still what they
//! were when they were released.

mod released;

use crate::common::{BASE, lines, run, text_of, tree};
use netstat_agentx::config::Config;
use netstat_agentx::mib::view::{Leaf, View};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/mibs/LINUX-NETSTAT-MIB.txt");
const CAPABILITIES: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/mibs/capabilities/LINUX-NETSTAT-CAPS-MIB.txt");

/// The IETF's modules that we serve parts of: their groups of those parts, with their members (RFC 4293, 4022, 4113). The
/// modules themselves are not ours to ship.
const STANDARD: [(&str, &[(&str, &str)]); 3] = [
    (
        "IP-MIB",
        &[
            (
                "icmpStatsGroup",
                "icmpStatsInMsgs icmpStatsInErrors icmpStatsOutMsgs icmpStatsOutErrors icmpMsgStatsInPkts \
                 icmpMsgStatsOutPkts",
            ),
            (
                "icmpGroup",
                "icmpInMsgs icmpInErrors icmpInDestUnreachs icmpInTimeExcds icmpInParmProbs icmpInSrcQuenchs \
                 icmpInRedirects icmpInEchos icmpInEchoReps icmpInTimestamps icmpInTimestampReps icmpInAddrMasks \
                 icmpInAddrMaskReps icmpOutMsgs icmpOutErrors icmpOutDestUnreachs icmpOutTimeExcds icmpOutParmProbs \
                 icmpOutSrcQuenchs icmpOutRedirects icmpOutEchos icmpOutEchoReps icmpOutTimestamps \
                 icmpOutTimestampReps icmpOutAddrMasks icmpOutAddrMaskReps",
            ),
        ],
    ),
    (
        "TCP-MIB",
        &[
            (
                "tcpBaseGroup",
                "tcpRtoAlgorithm tcpRtoMin tcpRtoMax tcpMaxConn tcpActiveOpens tcpPassiveOpens tcpAttemptFails \
                 tcpEstabResets tcpCurrEstab tcpInSegs tcpOutSegs tcpRetransSegs tcpInErrs tcpOutRsts",
            ),
            ("tcpConnectionGroup", "tcpConnectionState tcpConnectionProcess"),
            ("tcpListenerGroup", "tcpListenerProcess"),
            ("tcpHCGroup", "tcpHCInSegs tcpHCOutSegs"),
            (
                "tcpGroup",
                "tcpRtoAlgorithm tcpRtoMin tcpRtoMax tcpMaxConn tcpActiveOpens tcpPassiveOpens tcpAttemptFails \
                 tcpEstabResets tcpCurrEstab tcpInSegs tcpOutSegs tcpRetransSegs tcpConnState tcpConnLocalAddress \
                 tcpConnLocalPort tcpConnRemAddress tcpConnRemPort tcpInErrs tcpOutRsts",
            ),
        ],
    ),
    (
        "UDP-MIB",
        &[
            ("udpBaseGroup", "udpInDatagrams udpNoPorts udpInErrors udpOutDatagrams"),
            ("udpHCGroup", "udpHCInDatagrams udpHCOutDatagrams"),
            ("udpEndpointGroup", "udpEndpointProcess"),
            (
                "udpGroup",
                "udpInDatagrams udpNoPorts udpInErrors udpOutDatagrams udpLocalAddress udpLocalPort",
            ),
        ],
    ),
];

/// Those of them that can be written where an agent lets them be.
const WRITABLE: [&str; 2] = ["tcpConnState", "tcpConnectionState"];

/// The base modules, unpacked by the Makefile.
fn base_modules() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/target/mibs");
    assert!(
        fs::exists(format!("{folder}/SNMPv2-SMI.mib")).unwrap(),
        "run 'make mibs' first, it fills {folder}"
    );
    folder.into()
}

#[test]
fn the_shipped_modules_are_the_generated_ones() {
    for (arguments, shipped) in [(&["mib"][..], MODULE), (&["mib", "--capabilities"], CAPABILITIES)] {
        let (text, status) = run(arguments);
        assert_eq!(status, 0);
        assert!(
            text == fs::read_to_string(shipped).unwrap(),
            "run 'make generate' and look at the difference"
        );
    }
    // It is for every base; another one would mean that somebody expects otherwise.
    assert_eq!(run(&["mib", "--capabilities", "--base-oid", "1.3.6.1.4.1.4711.1"]).1, 2);
}

/// The names of all object types that are served with a configuration, by their OID.
fn served(configuration: &str) -> Vec<(String, &'static str)> {
    let view = View::new(Config::parse(configuration).unwrap().served());
    let name = |leaf: &Leaf| {
        let subids: Vec<_> = leaf.oid.iter().map(ToString::to_string).collect();
        (subids.join("."), leaf.kind.name())
    };
    view.leaves().iter().map(name).collect()
}

/// What stands between the braces of each INCLUDES behind a SUPPORTS.
fn included(text: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let supports = text.split("SUPPORTS ").skip(1).map(|rest| {
        let (module, rest) = rest.split_once('\n').unwrap();
        let groups = rest.split_once("INCLUDES {").unwrap().1.split_once('}').unwrap().0;
        (module, groups.split(',').map(str::trim).collect())
    });
    supports.collect()
}

/// A group is included if all of its objects are served, and everything that is served is in one.
#[test]
fn the_capabilities_are_what_is_served() {
    let text = fs::read_to_string(CAPABILITIES).unwrap();
    let statements: Vec<_> = text.split(" AGENT-CAPABILITIES\n").skip(2).collect();
    for (statement, configuration) in
        statements.iter().zip(["", "[mib]\nprivate = false", "[mib]\nmib-2 = false"])
    {
        let served: BTreeSet<_> = served(configuration).into_iter().map(|(_, name)| name).collect();
        let included = included(statement);
        let mut members = BTreeSet::new();
        for (module, groups) in STANDARD {
            for (group, objects) in groups {
                let whole = objects.split(' ').all(|object| served.contains(object));
                let claimed = included.get(module).is_some_and(|included| included.contains(group));
                assert_eq!(claimed, whole, "{configuration}: {group}");
                members.extend(objects.split(' ').filter(|_| claimed));
            }
        }
        let module = fs::read_to_string(MODULE).unwrap();
        for group in included.get("LINUX-NETSTAT-MIB").into_iter().flatten() {
            let (_, rest) = module.split_once(&format!("\n{group} ")).expect(group);
            let objects = rest.split_once('{').unwrap().1.split_once('}').unwrap().0;
            let objects: BTreeSet<_> = objects.split(',').map(str::trim).collect();
            for object in objects {
                assert!(
                    served.contains(object) || object == "lnsThresholdChange",
                    "{configuration}: {object}"
                );
            }
        }
        let standard = served.iter().copied().filter(|name| !name.starts_with("lns"));
        assert_eq!(standard.collect::<BTreeSet<_>>(), members, "{configuration}");
        let is_group = |line: &&str| line.ends_with("-GROUP") && !line.starts_with(' ');
        let private = module.lines().filter(is_group).count();
        let ours = included.get("LINUX-NETSTAT-MIB").map_or(0, BTreeSet::len);
        assert_eq!(ours, if configuration.contains("private = false") { 0 } else { private });
    }
    assert_eq!(statements.len(), 3);
}

/// Modules with the names of the IETF's that hold no more than our statements refer to, so that smilint can check all of
/// those: the real ones are nowhere to be had.
fn stand_ins(folder: &Path) {
    let oids: BTreeMap<_, _> = served("").into_iter().map(|(oid, name)| (name, oid)).collect();
    for (number, (module, groups)) in STANDARD.iter().enumerate() {
        let mut text = format!(
            "{module} DEFINITIONS ::= BEGIN\nIMPORTS MODULE-IDENTITY, OBJECT-TYPE, experimental FROM SNMPv2-SMI\n\
             OBJECT-GROUP FROM SNMPv2-CONF;\nstandIn{number} MODULE-IDENTITY LAST-UPDATED \"202611250000Z\"\n\
             ORGANIZATION \"none\" CONTACT-INFO \"none\" DESCRIPTION \"Stands in for {module}.\"\n\
             REVISION \"202611250000Z\" DESCRIPTION \"The first.\"\n ::= {{ experimental 99{number} }}\n"
        );
        let objects: BTreeSet<_> = groups.iter().flat_map(|(_, objects)| objects.split(' ')).collect();
        for object in &objects {
            let access = if WRITABLE.contains(object) { "read-write" } else { "read-only" };
            let oid = oids[object].replace('.', " ");
            let oid = oid.strip_prefix("1 ").unwrap();
            text += &format!(
                "{object} OBJECT-TYPE SYNTAX INTEGER {{ any(1) }} MAX-ACCESS {access} STATUS current\n\
                 DESCRIPTION \"Stands in.\" ::= {{ iso {oid} }}\n"
            );
        }
        for (at, (group, objects)) in groups.iter().enumerate() {
            text += &format!(
                "{group} OBJECT-GROUP OBJECTS {{ {} }} STATUS current\n\
                 DESCRIPTION \"Stands in.\" ::= {{ standIn{number} {} }}\n",
                objects.replace(' ', ", "),
                at + 1
            );
        }
        fs::write(folder.join(format!("{module}.mib")), text + "END\n").unwrap();
    }
}

#[test]
fn smilint_finds_nothing_in_the_capabilities() {
    let folder = tempfile::tempdir().unwrap();
    stand_ins(folder.path());
    fs::copy(MODULE, folder.path().join("LINUX-NETSTAT-MIB.mib")).unwrap();
    let lint = |module: &Path| {
        let configuration = folder.path().join("smi.conf");
        fs::write(&configuration, format!("path {}:{}\n", folder.path().display(), base_modules())).unwrap();
        let output = Command::new("smilint")
            .arg("-c")
            .arg(&configuration)
            .args(["-l", "9", "-s"])
            .arg(module)
            .output()
            .expect("smilint (package smitools)");
        text_of(&output)
    };
    assert_eq!(lint(Path::new(CAPABILITIES)), "");
    // And it would find what is wrong: a group or an object that is not there.
    let text = fs::read_to_string(CAPABILITIES).unwrap();
    for (right, wrong) in [("tcpHCGroup", "tcpHDGroup"), ("VARIATION tcpConnState", "VARIATION tcpConnStat")]
    {
        let module = folder.path().join("WRONG.txt");
        fs::write(&module, text.replace(right, wrong)).unwrap();
        assert_ne!(lint(&module), "", "{wrong}");
    }
}

#[test]
fn smilint_finds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for base in ["1.3.6.1.4.1.8072.9999.9999.2741", "1.3.6.1.4.1.4711.1", "1.3.6.1.3.99"] {
        let module = folder.path().join("LINUX-NETSTAT-MIB.txt");
        fs::write(&module, run(&["mib", "--base-oid", base]).0).unwrap();
        let configuration = folder.path().join("smi.conf");
        fs::write(&configuration, format!("path {}\n", base_modules())).unwrap();
        let output = Command::new("smilint")
            .arg("-c")
            .arg(&configuration)
            .args(["-l", "9", "-s"])
            .arg(&module)
            .output()
            .expect("smilint (package smitools)");
        // It always exits 0: what it finds stands in its output, of whatever severity. The base has numbers without
        // names of their own, since it is whose it is.
        let text = text_of(&output);
        let found: Vec<_> =
            text.lines().filter(|line| !line.ends_with(" implicit node definition")).collect();
        assert!(found.is_empty(), "{base}: {found:#?}");
    }
}

fn translate(arguments: &[&str]) -> String {
    let folders = format!("{0}:{1}/mibs:{1}/mibs/capabilities", base_modules(), env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("snmptranslate")
        .args(["-M", &folders, "-m", "LINUX-NETSTAT-MIB"])
        .args(arguments)
        .output()
        .expect("snmptranslate (package snmp)");
    assert!(output.status.success(), "{}", text_of(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// snmptranslate resolves every name that the module has, and every instance that is served.
#[test]
fn snmptranslate_resolves_every_name() {
    let module = fs::read_to_string(MODULE).unwrap();
    let types = module.lines().filter_map(|line| line.strip_suffix(" OBJECT-TYPE"));
    let names: Vec<_> = types.map(|name| format!("LINUX-NETSTAT-MIB::{name}")).collect();
    assert!(names.len() > 60, "{}", names.len());
    let arguments: Vec<_> = ["-On"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let oids = translate(&arguments);
    assert_eq!(oids.split_whitespace().filter(|oid| oid.starts_with(BASE)).count(), names.len());

    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("c.toml");
    fs::write(&configuration, format!("[proc]\nroot = \"{}\"\n", tree("6.18"))).unwrap();
    let walk = run(&["walk", "--config", configuration.to_str().unwrap(), &BASE[1..]]).0;
    let instances: Vec<_> = lines(&walk).into_iter().map(|(name, _)| name).collect();
    let arguments: Vec<_> = instances.iter().map(String::as_str).collect();
    let resolved = translate(&arguments);
    let resolved: Vec<_> = resolved.split_whitespace().collect();
    assert_eq!(resolved.len(), instances.len());
    for name in &resolved {
        assert!(name.starts_with("LINUX-NETSTAT-MIB::lns"), "{name}");
    }
    assert!(resolved.contains(&"LINUX-NETSTAT-MIB::lnsTcpStateSockets.all.closeWait"));
    assert!(resolved.iter().any(|name| name.starts_with("LINUX-NETSTAT-MIB::lnsListenerAcceptQueue.ipv4.")));
    assert!(resolved.contains(&"LINUX-NETSTAT-MIB::lnsAgentSourceAge.\"tcp\""), "{resolved:?}");
    // The other module too, though those of the IETF are not there.
    let number =
        translate(&["-m", "LINUX-NETSTAT-CAPS-MIB", "-On", "LINUX-NETSTAT-CAPS-MIB::lnsCapabilities"]);
    assert_eq!(number.trim(), format!("{BASE}.3.1"));
}
