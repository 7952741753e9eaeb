//! Why a configuration cannot be used: the file, the line, the key, and what is allowed.

use crate::agentx::address::MasterAddress;
use crate::mib::names::NameError;
use crate::smi::oid::OidError;
use std::path::PathBuf;
use std::time::Duration;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The system could not read the file, which may pass.
    #[error("{path}: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// A key or a value is wrong, or the file is not text or too large.
    #[error("{path}: {mistake}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong, where, and what is allowed.
        mistake: Mistake,
    },
}

/// What is wrong in the text of a configuration.
#[derive(Debug, thiserror::Error)]
pub enum Mistake {
    /// The text is not TOML, or has an unknown key or a value that is not allowed ([`ValueError`]): a message of
    /// several lines, which shows the line in question.
    #[error("{0}")]
    Toml(String),
    /// The address is not loopback, and nothing says that this is intended.
    #[error(
        "line {line}: address {address} is not loopback, and AgentX has no authentication: whoever answers there is told \
         what this host does; set allow-remote = true if that is meant"
    )]
    Remote {
        /// The line of `address`.
        line: usize,
        /// The address.
        address: MasterAddress,
    },
    /// A threshold that cannot be watched.
    #[error("line {line}: threshold '{name}': {problem}")]
    Threshold {
        /// The line of the key that is wrong.
        line: usize,
        /// The threshold's name, shortened.
        name: String,
        /// Why.
        problem: ThresholdProblem,
    },
    /// Not an ordinary file; how large one may be.
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

/// Why a value is not allowed. The message about the key's line contains this one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// `priority`
    #[error("priority {0} is not from 1 to 255 (below 127 to come before snmpd's own modules)")]
    Priority(i64),
    /// `context`, with its length and the longest allowed, in octets.
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
    /// `root`, not absolute.
    #[error("root '{0}' is no absolute path")]
    RelativeRoot(PathBuf),
    /// Not a duration.
    #[error("'{text}' is no duration; {}", allowed(*.least, *.most))]
    NoDuration {
        /// As it was written.
        text: String,
        /// The shortest allowed.
        least: Duration,
        /// The longest.
        most: Duration,
    },
    /// A duration out of bounds.
    #[error("'{text}' is out of range; {}", allowed(*.least, *.most))]
    DurationRange {
        /// As it was written.
        text: String,
        /// The shortest allowed.
        least: Duration,
        /// The longest.
        most: Duration,
    },
    /// `buffer`, not a size.
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
    /// Not an OID.
    #[error(": {0}")]
    NoOid(OidError),
    /// The number of sub-identifiers, which is not allowed.
    #[error(" has {0} sub-identifiers, not 2 to 40")]
    Length(usize),
    /// No OID begins with these numbers.
    #[error(": no OID begins so; an organisation's is 1.3.6.1.4.1.NUMBER")]
    NoArc,
    /// It covers mib-2, or lies in it.
    #[error(" is where the standard modules are (1.3.6.1.2.1)")]
    Standard,
}

/// Why a threshold cannot be watched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdProblem {
    /// Its name is not allowed.
    #[error("a name has 1 to 32 letters, digits, '-', '_' and '.'")]
    Name,
    /// Another threshold has its name.
    #[error("another threshold has this name")]
    SameName,
    /// It has nothing to compare with.
    #[error("neither warning nor critical is set, such as critical = \"0:2000\"")]
    NoRange,
    /// The object is too long: its length and the longest allowed, in octets.
    #[error("an object of {0} octets is none: at most {1}")]
    LongObject(usize, usize),
    /// The object has no OID.
    #[error("{0}")]
    Unknown(#[from] NameError),
    /// The configuration does not serve it.
    #[error("'{0}' is no instance that is served here; 'netstat-agentx walk' shows them")]
    NotServed(String),
    /// An object without an instance, and how an instance is written.
    #[error("'{0}' is an object; name the instance too, as in {1}")]
    NoInstance(String, String),
    /// `.*` behind an object that is no column, and how its instance is written.
    #[error("'{0}' is no column; its instance is {1}")]
    NoColumn(String, String),
    /// `.*` behind a whole instance, and the instance.
    #[error("'{0}' has nothing left that .* could stand for: write {1}")]
    WholeIndex(String, String),
    /// A column of a table whose rows are made from every socket.
    #[error(
        "'{0}' has very many rows, and those are read for walks alone; lnsTcpStateSockets.*, lnsTcpPortSockets.* \
         and lnsUdpEndpointSockets.* count sockets"
    )]
    RowPerSocket(String),
    /// Its type is not numeric.
    #[error("'{0}' has no numbers to compare")]
    NoNumbers(String),
    /// A rate of something that is not a counter.
    #[error("'{0}' is no counter, so it has no rate: leave per-second out")]
    NoRate(String),
    /// Both a rate and a percentage.
    #[error("per-second and of exclude each other: leave one of them out")]
    RateOf,
    /// One instance cannot be a percentage of several.
    #[error("'{0}' stands for several instances and object for one: name one of them")]
    OfSeveral(String),
    /// The rows of one column do not belong to those of the other.
    #[error(
        "the rows of '{0}' are not those of '{1}': name one instance, or another column of the same table with .* in \
             the same place"
    )]
    OtherRows(String, String),
}

/// How much of a line of a message is shown, from its beginning and its end, in characters.
const SHOWN: (usize, usize) = (100, 200);

/// Shortens a message that shows the line with the mistake, which may be as long as the file.
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
