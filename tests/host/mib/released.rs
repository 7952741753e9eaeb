//! What was released of the MIB modules stays: mibs/released/README.md says what may change.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The modules as they are now.
const MODULES: [(&str, &str); 2] =
    [("LINUX-NETSTAT-MIB", super::MODULE), ("LINUX-NETSTAT-CAPS-MIB", super::CAPABILITIES)];

/// Clauses whose text is for people, with the text behind them; and the LAST-UPDATED, which has a check of its own.
const EDITORIAL: [&str; 6] =
    ["DESCRIPTION", "REFERENCE", "ORGANIZATION", "CONTACT-INFO", "PRODUCT-RELEASE", "LAST-UPDATED"];

/// The words of a definition without its texts. What is between braces comes item by item, `closeWait(8)` or
/// `lnsTcpStateEntry 3`, with the braces around them.
fn words(definition: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for (at, part) in definition.split('"').enumerate() {
        if at % 2 == 1 {
            if words.last().is_some_and(|word| EDITORIAL.contains(&word.as_str())) {
                words.pop();
            } else {
                words.push(format!("\"{part}\""));
            }
            continue;
        }
        for (at, part) in part.split('{').enumerate() {
            let (list, rest) = if at == 0 { ("", part) } else { part.split_once('}').expect(definition) };
            if at > 0 {
                let items = list.split(',').map(|item| item.split_whitespace().collect::<Vec<_>>().join(" "));
                words.push("{".into());
                words.extend(items.filter(|item| !item.is_empty()));
                words.push("}".into());
            }
            words.extend(rest.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// The definitions of a module by name. Each begins at the left margin, and nothing else of it stands there but a brace.
fn definitions(module: &str) -> BTreeMap<&str, Vec<String>> {
    let (_, body) = module.split_once("IMPORTS").unwrap().1.split_once(';').unwrap();
    let lines = body.split_inclusive('\n');
    let mut starts = Vec::new();
    let mut at = 0;
    for line in lines {
        if line.starts_with(|c: char| c.is_ascii_alphabetic()) || line.starts_with("--") {
            starts.push(at);
        }
        at += line.len();
    }
    starts.push(at);
    let texts = starts.windows(2).map(|ends| &body[ends[0]..ends[1]]).filter(|text| !text.starts_with("--"));
    let definitions: BTreeMap<_, _> =
        texts.map(|text| (text.split_whitespace().next().unwrap(), words(text))).collect();
    assert!(definitions.contains_key("END"), "no module to its end");
    definitions
}

/// Whether a list may have more items than it had, by the words before it.
fn may_grow(before: &[String]) -> bool {
    let is_group = before.iter().any(|word| matches!(word.as_str(), "OBJECT-GROUP" | "NOTIFICATION-GROUP"));
    match before.last().map_or("", String::as_str) {
        "INTEGER" | "BITS" | "SEQUENCE" | "MANDATORY-GROUPS" | "INCLUDES" => true,
        "OBJECTS" | "NOTIFICATIONS" => is_group,
        _ => false,
    }
}

/// What a definition has lost of what it was.
fn lost(old: &[String], new: &[String]) -> Option<String> {
    let kinds = ["MODULE-IDENTITY", "MODULE-COMPLIANCE", "AGENT-CAPABILITIES"];
    // These have more clauses with more objects and revisions.
    let grows = old.iter().any(|word| kinds.contains(&word.as_str()));
    let list =
        |words: &[String]| words.iter().take_while(|word| *word != "}").cloned().collect::<BTreeSet<_>>();
    let (mut was, mut is, mut braces) = (0, 0, false);
    while let Some(word) = old.get(was) {
        let before = if was == 0 { "" } else { old[was - 1].as_str() };
        let Some(now) = new.get(is) else { return Some(format!("'{before} {word}' is gone")) };
        let ages = before == "STATUS"
            && matches!(
                (word.as_str(), now.as_str()),
                ("current" | "deprecated", "obsolete") | ("current", "deprecated")
            );
        if word == "{" && now == "{" && may_grow(&old[..was]) {
            let (items, others) = (list(&old[was + 1..]), list(&new[is + 1..]));
            if let Some(item) = items.difference(&others).next() {
                return Some(format!("'{item}' is gone"));
            }
            (was, is) = (was + items.len() + 1, is + others.len() + 1);
        } else if word == now || ages {
            braces = (braces || word == "{") && word != "}";
            (was, is) = (was + 1, is + 1);
        } else if grows && !braces {
            is += 1;
        } else {
            return Some(format!("'{before} {word}' became '{now}'"));
        }
    }
    (is < new.len() && !grows).then(|| format!("'{}' is new in it", new[is]))
}

/// What a manager that has loaded the old module could not follow in the new one.
fn incompatible(old: &str, new: &str) -> Vec<String> {
    let new = definitions(new);
    let objection = |(name, old): (&str, Vec<String>)| match new.get(name) {
        Some(new) => lost(&old, new).map(|lost| format!("{name}: {lost}")),
        None => Some(format!("{name} is gone")),
    };
    definitions(old).into_iter().filter_map(objection).collect()
}

/// The value of the first clause of this name.
fn first<'a>(module: &'a str, clause: &str) -> &'a str {
    let (_, rest) = module.split_once(&format!("\n    {clause} \"")).expect(clause);
    rest.split_once('"').unwrap().0
}

/// Whether a module has changed and does not say when.
fn lacks_a_revision(old: &str, new: &str) -> bool {
    let updated = first(new, "LAST-UPDATED");
    old != new && (updated <= first(old, "LAST-UPDATED") || first(new, "REVISION") != updated)
}

/// What the newest heading of CHANGELOG.md says.
#[derive(Debug, PartialEq)]
enum Stage {
    /// Nothing was ever released.
    Candidate,
    /// Something was, and this comes after it.
    Next,
    /// This is what is released.
    Release,
}

fn stage(changelog: &str) -> Stage {
    let mut headings = changelog.lines().filter_map(|line| line.strip_prefix("## "));
    let is_released = |heading: &str| !heading.ends_with("not released yet");
    if is_released(headings.next().expect("a heading")) {
        Stage::Release
    } else if headings.any(is_released) {
        Stage::Next
    } else {
        Stage::Candidate
    }
}

/// The released texts of a module, oldest first.
fn released(name: &str) -> Vec<String> {
    let files = fs::read_dir(format!("{ROOT}/mibs/released")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut dated: Vec<_> = names
        .filter_map(|file| {
            let date = file.strip_prefix(name)?.strip_prefix('-')?.strip_suffix(".txt")?;
            Some((date.to_owned(), fs::read_to_string(format!("{ROOT}/mibs/released/{file}")).unwrap()))
        })
        .filter(|(date, _)| !date.contains('-'))
        .collect();
    dated.sort();
    for (date, text) in &dated {
        assert!(text.starts_with(&format!("{name} DEFINITIONS")), "{name}-{date}.txt holds another module");
        assert_eq!(first(text, "LAST-UPDATED"), date, "{name} has the wrong date in its name");
    }
    dated.into_iter().map(|(_, text)| text).collect()
}

#[test]
fn what_was_released_stays() {
    let stage = stage(&fs::read_to_string(format!("{ROOT}/CHANGELOG.md")).unwrap());
    let mut files = 1;
    for (name, path) in MODULES {
        let released = released(name);
        files += released.len();
        let now = fs::read_to_string(path).unwrap();
        let newest = released.last().unwrap_or_else(|| panic!("mibs/released has no {name} to compare with"));
        for versions in released.windows(2) {
            assert_eq!(incompatible(&versions[0], &versions[1]), [""; 0], "{name} in mibs/released");
        }
        assert_eq!(incompatible(newest, &now), [""; 0], "{name}");
        match stage {
            Stage::Candidate => (),
            Stage::Next => assert!(
                !lacks_a_revision(newest, &now),
                "{name} has changed since its release: give it a line in REVISIONS"
            ),
            Stage::Release => {
                assert!(*newest == now, "copy {name} to mibs/released, as the README there says");
            }
        }
    }
    let there = fs::read_dir(format!("{ROOT}/mibs/released")).unwrap().count();
    assert_eq!(there, files, "mibs/released has README.md and the modules, nothing else");
}

/// The module that changes are tried on.
fn module() -> String {
    released("LINUX-NETSTAT-MIB").remove(0)
}

fn changed(module: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(module.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the module has no {from:?}");
        text.replace(from, to)
    })
}

#[test]
fn every_incompatible_change_is_found() {
    let old = module();
    let objects = "        lnsThresholdObject,\n        lnsThresholdValue,\n        lnsThresholdStatus\n    }\n    STATUS";
    let other_objects = |objects: &str| format!("        {objects}\n    }}\n    STATUS");
    let state = "lnsTcpStateSockets OBJECT-TYPE\n    SYNTAX Gauge32";
    // What is changed, and what is said of it.
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[("{ lnsTcpStateEntry 3 }", "{ lnsTcpStateEntry 4 }")],
            "lnsTcpStateSockets: '{ lnsTcpStateEntry 3' became",
        ),
        (&[("{ lnsSockstat 1 }", "{ lnsSockstat 99 }")], "lnsSockstatSocketsUsed: "),
        (&[("{ lnsSockets 4 }", "{ lnsSockets 44 }")], "lnsTcpPortTable: "),
        (&[("{ lnsObjects 2 }", "{ lnsObjects 22 }")], "lnsSockstat: "),
        (&[("{ lnsCounters 1 }", "{ lnsCounters 21 }")], "lnsIpCounters: "),
        (&[("{ lnsNotifications 1 }", "{ lnsNotifications 2 }")], "lnsThresholdChange: "),
        (&[("{ lnsGroups 1 }", "{ lnsGroups 999 }")], "lnsSocketsGroup: "),
        (&[("{ lnsCompliances 1 }", "{ lnsCompliances 2 }")], "lnsCompliance: "),
        (&[("{ enterprises 8072", "{ enterprises 4711")], "linuxNetstatMIB: "),
        (
            &[(state, "lnsTcpStateSockets OBJECT-TYPE\n    SYNTAX Counter32")],
            "'SYNTAX Gauge32' became 'Counter32'",
        ),
        (&[(state, "lnsTcpStateSockets OBJECT-TYPE\n    SYNTAX Counter64")], "lnsTcpStateSockets: "),
        (&[(state, "lnsTcpStateSockets OBJECT-TYPE\n    SYNTAX Gauge32 (0..9)")], "lnsTcpStateSockets: "),
        (&[("lnsTcpStateSockets Gauge32", "lnsTcpStateSockets Unsigned32")], "LnsTcpStateEntry: "),
        (&[("SYNTAX SnmpAdminString (SIZE (1..64))", "SYNTAX SnmpAdminString (SIZE (1..32))")], "(1..32))"),
        (&[("SYNTAX InetAddress (SIZE (4|16))", "SYNTAX InetAddress")], "lnsListenerAddress: "),
        (&[("            closeWait(8),\n", "")], "LnsSocketState: 'closeWait(8)' is gone"),
        (&[("closeWait(8)", "waitsForClose(8)")], "LnsSocketState: "),
        (
            &[("closeWait(8),\n            lastAck(9)", "lastAck(8),\n            closeWait(9)")],
            "LnsSocketState: ",
        ),
        (&[("            vanj(4),\n", "")], "lnsTcpRtoAlgorithm: 'vanj(4)' is gone"),
        (&[("vanj(4)", "vanJacobson(4)")], "lnsTcpRtoAlgorithm: "),
        (
            &[(
                "INTEGER {\n            forwarding(1),\n            notForwarding(2)\n        }",
                "Unsigned32",
            )],
            "lnsIpForwarding: ",
        ),
        (&[("LnsSocketState", "LnsTcpSocketState")], "LnsSocketState is gone"),
        (&[("lnsTcpPortSockets", "lnsTcpPortSocketCount")], "lnsTcpPortSockets is gone"),
        (&[("{ lnsTcpPort, lnsTcpPortState }", "{ lnsTcpPortState, lnsTcpPort }")], "lnsTcpPortEntry: "),
        (&[("{ lnsTcpPort, lnsTcpPortState }", "{ lnsTcpPort }")], "lnsTcpPortEntry: "),
        (
            &[("{ lnsTcpPort, lnsTcpPortState }", "{ lnsTcpPort, lnsTcpPortState, lnsTcpState }")],
            "lnsTcpPortEntry: ",
        ),
        (&[("UNITS \"sockets\"", "UNITS \"connections\"")], "lnsTcpStateSockets: 'UNITS \"sockets\"'"),
        (&[("    UNITS \"sockets\"\n", "")], "lnsTcpStateSockets: "),
        (&[("MAX-ACCESS read-only", "MAX-ACCESS accessible-for-notify")], "lnsTcpStateSockets: "),
        (&[("STATUS current", "STATUS mandatory")], "lnsTcpStateSockets: "),
        (
            &[(objects, &other_objects("lnsThresholdValue, lnsThresholdObject, lnsThresholdStatus"))],
            "lnsThresholdChange: ",
        ),
        (&[(objects, &other_objects("lnsThresholdObject, lnsThresholdStatus"))], "lnsThresholdChange: "),
        (
            &[(
                objects,
                &other_objects(
                    "lnsThresholdObject, lnsThresholdValue, lnsThresholdStatus, lnsThresholdChanges",
                ),
            )],
            "lnsThresholdChange: ",
        ),
        (
            &[("        lnsTcpExtSyncookiesSent,\n", "")],
            "lnsTcpExtCountersGroup: 'lnsTcpExtSyncookiesSent' is gone",
        ),
        (&[("            lnsResetsGroup,\n", "")], "lnsCompliance: 'lnsResetsGroup' is gone"),
        (&[("        GROUP lnsXfrmCountersGroup\n", "")], "lnsCompliance: "),
        (&[("REVISION \"202611250000Z\"", "REVISION \"202612250000Z\"")], "linuxNetstatMIB: "),
    ];
    for (changes, said) in cases {
        let objections = incompatible(&old, &changed(&old, changes));
        assert!(objections.iter().any(|objection| objection.contains(said)), "{changes:?}: {objections:#?}");
    }
    // A status does not go back.
    let deprecated = changed(&old, &[("STATUS current", "STATUS deprecated")]);
    assert!(!incompatible(&deprecated, &old).is_empty());
    // The other module, whose statements name what is served.
    let old = released("LINUX-NETSTAT-CAPS-MIB").remove(0);
    for (change, said) in [
        (("            udpHCGroup,\n", ""), "lnsCapabilities: 'udpHCGroup' is gone"),
        (("{ linuxNetstatCapsMIB 2 }", "{ linuxNetstatCapsMIB 9 }"), "lnsMib2Capabilities: "),
    ] {
        let objections = incompatible(&old, &changed(&old, &[change]));
        assert!(objections.iter().any(|objection| objection.contains(said)), "{change:?}: {objections:#?}");
    }
}

#[test]
fn what_a_manager_can_follow_is_no_matter() {
    let old = module();
    let object = "lnsNewObject OBJECT-TYPE\n    SYNTAX Gauge32\n    MAX-ACCESS read-only\n    STATUS current\n    \
                  DESCRIPTION\n        \"New.\"\n    ::= { lnsSockstat 99 }\n\n-- Conformance";
    let cases: &[&[(&str, &str)]] = &[
        &[
            ("-- Conformance", object),
            ("        lnsSockstatSocketsUsed,\n", "        lnsSockstatSocketsUsed, lnsNewObject,\n"),
        ],
        &[("timeWait(11)", "timeWait(11),\n            newSynReceived(12)")],
        &[("rfc2988(5)", "rfc2988(5), other(6)")],
        &[("lnsTcpPortSockets Gauge32\n", "lnsTcpPortSockets Gauge32,\n    lnsTcpPortNew Gauge32\n")],
        &[("            lnsAgentGroup,\n", "            lnsAgentGroup,\n            lnsNewGroup,\n")],
        &[(
            "        GROUP lnsXfrmCountersGroup\n",
            "        GROUP lnsNewGroup\n        GROUP lnsXfrmCountersGroup\n",
        )],
        &[("STATUS current", "STATUS deprecated")],
        &[("How many sockets of this family", "The sockets of this family, which")],
        &[(
            "    REVISION \"202611250000Z\"",
            "    REVISION \"202612250000Z\"\n    DESCRIPTION\n        \"More.\"\n    REVISION \"202611250000Z\"",
        )],
        &[("    TimeTicks,\n", "")],
    ];
    for changes in cases {
        assert_eq!(incompatible(&old, &changed(&old, changes)), [""; 0], "{changes:?}");
    }
}

#[test]
fn a_change_needs_a_revision() {
    let old = module();
    let described = [("How many sockets of this family", "The sockets of this family, which")];
    let updated = ("LAST-UPDATED \"202611250000Z\"", "LAST-UPDATED \"202612250000Z\"");
    let revision = (
        "    REVISION \"202611250000Z\"",
        "    REVISION \"202612250000Z\"\n    DESCRIPTION\n        \"More.\"\n    REVISION \"202611250000Z\"",
    );
    assert!(!lacks_a_revision(&old, &old));
    assert!(lacks_a_revision(&old, &changed(&old, &described)));
    assert!(lacks_a_revision(&old, &changed(&old, &[described[0], updated])));
    assert!(lacks_a_revision(&old, &changed(&old, &[described[0], revision])));
    assert!(!lacks_a_revision(&old, &changed(&old, &[described[0], updated, revision])));
    let newer = changed(&old, &[updated, revision]);
    assert!(lacks_a_revision(&newer, &old), "not back to an older one either");
}

#[test]
fn the_changelog_says_what_is_released() {
    assert_eq!(stage("# Changes\n\n## 0.1.0, not released yet\n\n- A.\n"), Stage::Candidate);
    assert_eq!(stage("# Changes\n\n## 0.1.0, 2026-12-01\n\n- A.\n"), Stage::Release);
    assert_eq!(stage("## 0.2.0, not released yet\n\n## 0.1.0, 2026-12-01\n"), Stage::Next);
    assert_eq!(stage("## 0.2.0, 2027-02-01\n\n## 0.1.0, 2026-12-01\n"), Stage::Release);
}

/// A comparison that overlooks definitions would find nothing in them.
#[test]
fn every_definition_is_compared() {
    let module = module();
    let definitions = definitions(&module);
    let named =
        |word: &str| module.lines().filter(|line| line.ends_with(word) && !line.starts_with(' ')).count();
    for kind in ["OBJECT-TYPE", "OBJECT-GROUP", "NOTIFICATION-TYPE", "TEXTUAL-CONVENTION", "MODULE-IDENTITY"]
    {
        let of_kind = definitions.values().filter(|words| words.iter().any(|word| word == kind)).count();
        assert!(of_kind == named(kind) && of_kind > 0, "{kind}: {of_kind}");
    }
    for (name, words) in definitions.iter().filter(|(name, _)| **name != "END") {
        assert!(words.iter().any(|word| word == "::="), "{name}: {words:?}");
        assert!(
            words
                .iter()
                .all(|word| !word.contains(['"', '{', '}']) || word.len() == 1 || word.starts_with('"'))
        );
    }
    assert_eq!(
        definitions["lnsTcpStateSockets"].join(" "),
        "lnsTcpStateSockets OBJECT-TYPE SYNTAX Gauge32 UNITS \
         \"sockets\" MAX-ACCESS read-only STATUS current ::= { lnsTcpStateEntry 3 }"
    );
}
