//! The MIB module: equal to what the source declares, good in the eyes of the validators, complete.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{BASE, lines, run, text_of, tree};
use std::fs;
use std::process::Command;

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/mibs/LINUX-NETSTAT-MIB.txt");

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
fn the_shipped_module_is_the_generated_one() {
    let (text, status) = run(&["mib"]);
    assert_eq!(status, 0);
    assert!(text == fs::read_to_string(MODULE).unwrap(), "run 'make module' and look at the difference");
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
    let folders = format!("{}:{}/mibs", base_modules(), env!("CARGO_MANIFEST_DIR"));
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
    assert!(resolved.contains(&"LINUX-NETSTAT-MIB::lnsAgentSourceAge.\"sockets\""), "{resolved:?}");
}
