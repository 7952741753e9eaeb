//! Why a configuration cannot be used: the file, the line, the key, and what is allowed.

use crate::agentx::address::Address;
use crate::mib::names::NameError;
use crate::smi::oid::OidError;
use std::path::PathBuf;
use std::time::Duration;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The system did not let it be read, which may be otherwise in a moment.
    #[error("{path}: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// A key or a value is wrong; or it is no file of text, or too large for one.
    #[error("{path}: {mistake}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong where, and what is allowed.
        mistake: Mistake,
    },
}

/// What is wrong in the text of a configuration.
#[derive(Debug, thiserror::Error)]
pub enum Mistake {
    /// It is no TOML, has an unknown key, or a value that is not allowed ([`ValueError`]): a message of several lines,
    /// which shows the line in question.
    #[error("{0}")]
    Toml(String),
    /// The address leaves the host, and nothing says that it is meant.
    #[error(
        "line {line}: address {address} is not loopback, and AgentX has no authentication: whoever answers there is told \
         what this host does; set allow-remote = true if that is meant"
    )]
    Remote {
        /// The line of `address`.
        line: usize,
        /// The address.
        address: Address,
    },
    /// A threshold that cannot be watched.
    #[error("line {line}: threshold '{name}': {problem}")]
    Threshold {
        /// The line of the key that is wrong.
        line: usize,
        /// Its name, shortened.
        name: String,
        /// Why.
        problem: ThresholdProblem,
    },
    /// It is no ordinary file; how large one may be.
    #[error("no ordinary file, which is what is allowed, of up to {0} octets")]
    NoFile(u64),
    /// The file is larger than this.
    #[error("larger than the {0} octets that are allowed")]
    TooLarge(u64),
    /// The file is not UTF-8.
    #[error("line {line}: no UTF-8")]
    NotUtf8 {
        /// The first line that is not.
        line: usize,
    },
}

/// Why a value is not allowed. The message of the key's line is put around it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// `priority`
    #[error("priority {0} is not from 1 to 255 (below 127 to come before snmpd's own modules)")]
    Priority(i64),
    /// `context`, with its octets and how many are allowed.
    #[error("context has {0} octets, and a context of SNMP at most {1}")]
    Context(usize, usize),
    /// `base-oid`
    #[error("base-oid '{text}'{problem}")]
    BaseOid {
        /// As it was written.
        text: String,
        /// Why.
        problem: BaseOidProblem,
    },
    /// `root`, too long for Linux.
    #[error("root is a path of 4096 octets and more, which Linux has not")]
    LongRoot,
    /// `root`, not from the top.
    #[error("root '{0}' is no absolute path")]
    RelativeRoot(PathBuf),
    /// A time span that is none.
    #[error("'{text}' is no duration; {}", allowed(*.least, *.most))]
    NoDuration {
        /// As it was written.
        text: String,
        /// The shortest that is allowed.
        least: Duration,
        /// The longest.
        most: Duration,
    },
    /// A time span out of bounds.
    #[error("'{text}' is out of range; {}", allowed(*.least, *.most))]
    DurationRange {
        /// As it was written.
        text: String,
        /// The shortest that is allowed.
        least: Duration,
        /// The longest.
        most: Duration,
    },
    /// `buffer`, no size.
    #[error("buffer '{0}' is no size; {BUFFERS}")]
    NoSize(String),
    /// `buffer`, out of bounds.
    #[error("buffer '{0}' is out of range; {BUFFERS}")]
    SizeRange(String),
}

const BUFFERS: &str = "allowed: 64KiB to 64MiB, such as \"512KiB\" or \"1MiB\"";

fn allowed(least: Duration, most: Duration) -> String {
    let [least, most] = [least, most].map(humantime::format_duration);
    format!("allowed: {least} to {most}, such as \"500ms\" or \"5s\"")
}

/// What is wrong with a base OID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaseOidProblem {
    /// It is no OID.
    #[error(": {0}")]
    NoOid(OidError),
    /// It has so many sub-identifiers.
    #[error(" has {0} sub-identifiers, not 2 to 40")]
    Length(usize),
    /// Nothing begins with these numbers.
    #[error(": no OID begins so; an organisation's is 1.3.6.1.4.1.NUMBER")]
    NoArc,
    /// It would cover mib-2, or lies in it.
    #[error(" is where the standard modules are (1.3.6.1.2.1)")]
    Standard,
}

/// Why a threshold cannot be watched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdProblem {
    /// Its name.
    #[error("a name has 1 to 32 letters, digits, '-', '_' and '.'")]
    Name,
    /// Its name is another's.
    #[error("another threshold has this name")]
    SameName,
    /// There is nothing to compare with.
    #[error("neither warning nor critical is set, such as critical = \"0:2000\"")]
    NoRange,
    /// The object has so many octets.
    #[error("an object of {0} octets is none: at most {1}")]
    LongObject(usize, usize),
    /// The object has no OID.
    #[error("{0}")]
    Unknown(#[from] NameError),
    /// It is not among what the configuration serves.
    #[error("'{0}' is no instance that is served here; 'netstat-agentx walk' shows them")]
    NotServed(String),
    /// An object without an instance, and how one is written.
    #[error("'{0}' is an object; name the instance too, as in {1}")]
    NoInstance(String, String),
    /// Its type has no numbers.
    #[error("'{0}' has no numbers to compare")]
    NoNumbers(String),
    /// A rate of what is no counter.
    #[error("'{0}' is no counter, so it has no rate: leave per-second out")]
    NoRate(String),
}

/// How much of a line of a message is shown, from its beginning and its end, in characters.
const SHOWN: (usize, usize) = (100, 200);

/// A message that shows the line with the mistake, which may be as long as the file.
pub(super) fn readable(message: &str) -> String {
    let mut lines = message.trim_end().lines().map(|line| {
        let mut characters = line.char_indices();
        let (head, tail) = (characters.nth(SHOWN.0), characters.nth_back(SHOWN.1));
        match (head, tail) {
            (Some((head, _)), Some((tail, _))) => {
                format!("{}...{}", line.get(..head).unwrap_or_default(), line.get(tail..).unwrap_or_default())
            }
            _ => line.to_owned(),
        }
    });
    let first = lines.next().unwrap_or_default();
    lines.fold(first, |text, line| text + "\n" + &line)
}
