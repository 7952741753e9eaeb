//! Turns the registry of kernel counters, `src/registry/*.toml`, and that of drop reasons, `src/registry/drops/*.toml`,
//! into tables that the crate includes.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    group: String,
    number: u32,
    file: String,
    counter: Vec<Counter>,
}

/// An entry; src/registry/README.md says what the keys are for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Counter {
    number: u32,
    name: String,
    #[serde(default)]
    symbol: String,
    kind: Kind,
    concern: Concern,
    counts: String,
    when: String,
    source: Vec<String>,
    checked: String,
    means: String,
    #[serde(default)]
    related: Vec<String>,
    #[serde(default)]
    netstat: String,
    #[serde(default)]
    netstat_older: Vec<String>,
    #[serde(default)]
    reference: String,
    #[serde(default)]
    since: String,
    #[serde(default)]
    retired: String,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Counter,
    Gauge,
    Setting,
    Integer,
    /// Number by label.
    Enumeration(BTreeMap<String, u32>),
}

impl Kind {
    /// The variant as the table writes it.
    fn code(&self) -> String {
        match self {
            Self::Enumeration(labels) => {
                let mut labels: Vec<_> = labels.iter().map(|(label, number)| (number, label)).collect();
                labels.sort();
                format!("Enumeration(&{labels:?})")
            }
            simple => format!("{simple:?}"),
        }
    }
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "lowercase")]
enum Concern {
    None,
    Watch,
    Trouble,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Drops {
    reason: Vec<DropReason>,
}

/// An entry; src/registry/README.md says what the keys are for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DropReason {
    name: String,
    concern: Concern,
    dropped: String,
    when: String,
    means: String,
    source: String,
    checked: String,
    #[serde(default)]
    related: Vec<String>,
    #[serde(default)]
    since: String,
    #[serde(default)]
    retired: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from("src/registry");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut groups: Vec<Group> = files(&folder)?;
    groups.sort_by_key(|group| group.number);
    let mut out = String::from("&[\n");
    for group in &mut groups {
        group.counter.sort_by_key(|counter| counter.number);
        for counter in &group.counter {
            entry(&mut out, group, counter)?;
        }
    }
    out.push_str("]\n");
    let target = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(target.join("registry.rs"), out)?;

    let drops: Vec<Drops> = files(&folder.join("drops"))?;
    let mut reasons: Vec<DropReason> = drops.into_iter().flat_map(|file| file.reason).collect();
    reasons.sort_by(|a, b| a.name.cmp(&b.name));
    let mut out = String::from("&[\n");
    for reason in &reasons {
        drop_reason(&mut out, reason)?;
    }
    out.push_str("]\n");
    std::fs::write(target.join("drops.rs"), out)?;
    Ok(())
}

/// The TOML files of a folder.
fn files<T: DeserializeOwned>(folder: &Path) -> Result<Vec<T>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let file = toml::from_str(&std::fs::read_to_string(&path)?)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            files.push(file);
        }
    }
    Ok(files)
}

fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn drop_reason(out: &mut String, reason: &DropReason) -> std::fmt::Result {
    writeln!(out, "DropReason {{ name: {:?}, concern: Concern::{:?},", reason.name, reason.concern)?;
    writeln!(out, "dropped: {:?}, when: {:?},", folded(&reason.dropped), folded(&reason.when))?;
    writeln!(out, "means: {:?}, source: {:?},", folded(&reason.means), reason.source)?;
    writeln!(out, "checked: {:?}, related: &{:?},", reason.checked, reason.related)?;
    writeln!(out, "since: {:?}, retired: {:?} }},", reason.since, folded(&reason.retired))
}

fn entry(out: &mut String, group: &Group, counter: &Counter) -> std::fmt::Result {
    // SctpAborteds of group Sctp is lnsSctpAborteds: the kernel's name already repeats the group.
    let descriptor = match counter.name.strip_prefix(&group.group) {
        Some(_) => format!("lns{}", counter.name),
        None => format!("lns{}{}", group.group, joined(&counter.name)),
    };
    writeln!(out, "Registered {{ group: {:?}, group_number: {},", group.group, group.number)?;
    writeln!(out, "file: {:?}, number: {}, name: {:?},", group.file, counter.number, counter.name)?;
    writeln!(out, "symbol: {:?}, descriptor: {descriptor:?},", counter.symbol)?;
    writeln!(out, "kind: CounterKind::{},", counter.kind.code())?;
    writeln!(out, "concern: Concern::{:?}, counts: {:?},", counter.concern, folded(&counter.counts))?;
    writeln!(out, "when: {:?}, source: &{:?},", folded(&counter.when), counter.source)?;
    writeln!(out, "checked: {:?}, means: {:?},", counter.checked, folded(&counter.means))?;
    writeln!(out, "related: &{:?}, netstat: {:?},", counter.related, counter.netstat)?;
    writeln!(out, "netstat_older: &{:?},", counter.netstat_older)?;
    writeln!(out, "reference: {:?}, since: {:?},", counter.reference, counter.since)?;
    writeln!(out, "retired: {:?} }},", folded(&counter.retired))
}

/// `time_squeeze` as TimeSqueeze: a descriptor has only letters and digits (RFC 2578 section 3.1).
fn joined(name: &str) -> String {
    let capitalised = |part: &str| {
        let mut letters = part.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    name.split('_').map(capitalised).collect()
}
