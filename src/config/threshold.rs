//! `[[threshold]]`: what is watched on the host itself.

use super::duration::Bounded;
use super::error::{Mistake, ThresholdProblem, readable};
use crate::mib::names::resolve;
use crate::mib::syntax::Syntax;
use crate::mib::view::{LeafKind, Served, View};
use crate::range::Range;
use crate::smi::oid::Oid;
use crate::thresholds::Threshold;
use serde::Deserialize;
use std::collections::HashSet;
use toml::Spanned;

/// One `[[threshold]]` as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Written {
    name: Spanned<String>,
    object: Spanned<String>,
    warning: Option<Range>,
    critical: Option<Range>,
    #[serde(default)]
    per_second: bool,
    #[serde(default = "interval")]
    interval: Interval,
}

/// How often to look: 1 s to an hour, 30 s by default.
type Interval = Bounded<1000, 3_600_000>;

fn interval() -> Interval {
    Interval::from_millis(30_000)
}

/// The longest name, in octets.
const LONGEST_NAME: usize = 32;

/// The longest object, in octets: 128 sub-identifiers of ten digits with a dot before each.
const LONGEST_OBJECT: usize = 128 * 11;

/// Checks the entries against what the configuration serves.
///
/// # Errors
/// What is wrong with which threshold, in which line.
pub(super) fn checked(entries: Vec<Written>, served: &Served, text: &str) -> Result<Vec<Threshold>, Mistake> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let (view, mut names) = (View::new(served.clone()), HashSet::new());
    let check = |entry: Written| {
        let in_line = |at: usize, problem: ThresholdProblem| {
            let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
            Mistake::Threshold { line, name: readable(entry.name.as_ref()), problem }
        };
        let name = entry.name.as_ref().clone();
        let in_name = |problem| in_line(entry.name.span().start, problem);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(plain) {
            return Err(in_name(ThresholdProblem::Name));
        }
        if !names.insert(name.clone()) {
            return Err(in_name(ThresholdProblem::SameName));
        }
        if entry.warning.is_none() && entry.critical.is_none() {
            return Err(in_name(ThresholdProblem::NoRange));
        }
        let object = entry.object.as_ref().clone();
        let oid = instance(&object, served, &view, entry.per_second)
            .map_err(|problem| in_line(entry.object.span().start, problem))?;
        Ok(Threshold {
            name,
            object,
            oid,
            warning: entry.warning,
            critical: entry.critical,
            per_second: entry.per_second,
            interval: entry.interval.into(),
        })
    };
    entries.into_iter().map(check).collect()
}

/// Resolves the instance. It need not exist yet: a port has rows once somebody listens on it.
fn instance(object: &str, served: &Served, view: &View, per_second: bool) -> Result<Oid, ThresholdProblem> {
    if object.len() > LONGEST_OBJECT {
        return Err(ThresholdProblem::LongObject(object.len(), LONGEST_OBJECT));
    }
    let oid = resolve(object, &served.base)?;
    let leaf = view.leaves().iter().find(|leaf| oid.as_slice().starts_with(&leaf.oid));
    let Some(leaf) = leaf else {
        return Err(ThresholdProblem::NotServed(object.to_owned()));
    };
    if oid.as_slice().len() == leaf.oid.len() {
        return Err(ThresholdProblem::NoInstance(object.to_owned(), example(leaf.kind)));
    }
    let counts = match leaf.kind.syntax() {
        Syntax::Counter32 | Syntax::Counter64 => true,
        Syntax::Gauge32
        | Syntax::Unsigned32
        | Syntax::Integer32
        | Syntax::Range(..)
        | Syntax::Enumeration(_)
        | Syntax::TimeTicks => false,
        _ => return Err(ThresholdProblem::NoNumbers(object.to_owned())),
    };
    if per_second && !counts {
        return Err(ThresholdProblem::NoRate(object.to_owned()));
    }
    Ok(oid)
}

/// How an instance of an object is written.
fn example(kind: LeafKind) -> String {
    let LeafKind::Column(table, _) = kind else {
        return format!("{}.0", kind.name());
    };
    let index =
        table.index.iter().map(|part| part.syntax.labels().first().map_or(part.name, |(_, label)| label));
    index.fold(kind.name().to_owned(), |name, part| name + "." + part)
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use std::time::Duration;

    #[test]
    fn a_threshold_has_defaults_and_an_instance() {
        let config = Config::parse(
            "[[threshold]]\nname = \"close-wait\"\nobject = \"lnsTcpStateSockets.all.closeWait\"\nwarning = \"0:500\"",
        )
        .unwrap();
        let [threshold] = &config.thresholds[..] else { panic!() };
        assert_eq!(threshold.oid.to_string(), "1.3.6.1.4.1.8072.9999.9999.2741.1.1.1.1.3.0.8");
        assert_eq!((threshold.interval, threshold.per_second), (Duration::from_secs(30), false));
        assert!(threshold.warning.unwrap().alerts(501.0) && threshold.critical.is_none());
    }

    #[test]
    fn settings_can_be_watched_whatever_their_type() {
        for object in ["lnsIpForwarding.0", "lnsIpDefaultTTL.0", "lnsTcpMaxConn.0", "lnsLimitTcpMemHigh.0"] {
            let text = format!("[[threshold]]\nname = \"a\"\nobject = \"{object}\"\ncritical = \"1:1\"");
            assert!(Config::parse(&text).is_ok(), "{object}");
        }
    }

    #[test]
    fn mistakes_are_told_with_line_and_threshold() {
        let good = "\nobject = \"tcpOutRsts.0\"\ncritical = \"10\"";
        for (text, told) in [
            (
                "name = \"a\"\nobject = \"tcpOutRst.0\"\ncritical = \"1\"",
                &["line 3", "'a'", "mean tcpOutRsts?"][..],
            ),
            ("name = \"a\"\nobject = \"tcpOutRsts\"\ncritical = \"1\"", &["line 3", "tcpOutRsts.0"]),
            (
                "name = \"a\"\nobject = \"lnsTcpStateSockets\"\ncritical = \"1\"",
                &["line 3", "lnsTcpStateSockets.all."],
            ),
            ("name = \"a\"\nobject = \"1.3.6.1.2.1.1.3.0\"\ncritical = \"1\"", &["line 3", "served here"]),
            ("name = \"a\"\nobject = \"lnsAgentVersion.0\"\ncritical = \"1\"", &["line 3", "no numbers"]),
            (
                "name = \"a\"\nobject = \"tcpCurrEstab.0\"\ncritical = \"1\"\nper-second = true",
                &["line 3", "no counter"],
            ),
            ("name = \"a\"\nobject = \"tcpOutRsts.0\"\ncritical = \"20:10\"", &["line 4", "above the end"]),
            ("name = \"a\"\nobject = \"tcpOutRsts.0\"\ncritical = 10", &["line 4"]),
            ("name = \"a\"\nobject = \"tcpOutRsts.0\"", &["line 2", "neither warning nor critical"]),
            (
                "name = \"a\"\nobject = \"tcpOutRsts.0\"\ncritical = \"1\"\ninterval = \"1ms\"",
                &["line 5", "1s to 1h"],
            ),
            ("name = \"a\"\nobject = \"tcpOutRsts.0\"\ncritcal = \"1\"", &["line 4", "critcal", "critical"]),
            (&format!("name = \"\"{good}"), &["line 2", "1 to 32"]),
            (&format!("name = \"a b\"{good}"), &["line 2", "letters"]),
            (&format!("name = \"{}\"{good}", "x".repeat(33)), &["line 2", "1 to 32"]),
            (&format!("name = \"a\"{good}\n[[threshold]]\nname = \"a\"{good}"), &["line 6", "another"]),
            ("object = \"tcpOutRsts.0\"\ncritical = \"1\"", &["line 1", "name"]),
        ] {
            let error = Config::parse(&format!("[[threshold]]\n{text}")).unwrap_err().to_string();
            assert!(told.iter().all(|word| error.contains(word)), "{text}\n{error}");
        }
        let unserved = format!("[mib]\nmib-2 = false\n[[threshold]]\nname = \"a\"{good}");
        assert!(Config::parse(&unserved).unwrap_err().to_string().contains("served here"));
    }
}
