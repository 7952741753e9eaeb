//! The configuration file: TOML, every key optional, every mistake told with its line and what is allowed.

pub mod agentx;
pub mod file;
pub mod resets;
pub mod threshold;

use crate::agentx::address::{Address, is_loopback};
use crate::mib::MIB_2;
use crate::mib::view::Layout;
use crate::proc::read::ProcRoot;
use crate::smi::oid::Oid;
use crate::snapshot::MaxAges;
pub use agentx::AgentX;
use resets::Resets;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use threshold::Threshold;

/// Where the configuration is looked for unless told otherwise.
pub const DEFAULT_PATH: &str = "/etc/netstat-agentx.toml";

/// The shipped example, which equals the defaults.
pub const EXAMPLE: &str = include_str!("../config/netstat-agentx.toml");

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
    /// A key or a value is wrong, and the message shows line and column; or it is no file of text, or too large for one.
    #[error("{path}: {message}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong where, and what is allowed.
        message: String,
    },
}

/// All of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// `[agentx]`
    pub agentx: AgentX,
    /// `[mib]`
    pub mib: Mib,
    /// `[proc]`
    pub proc: Proc,
    /// `[log]`
    pub log: Log,
    /// `[refresh]`
    pub refresh: Refresh,
    /// `[resets]`
    pub resets: Resets,
    /// `[[threshold]]` as written; moved to [`Self::thresholds`] once checked.
    threshold: Vec<threshold::Entry>,
    /// `[[threshold]]`
    #[serde(skip)]
    pub thresholds: Vec<Threshold>,
}

/// What is served.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Mib {
    /// Base of the private module.
    pub base_oid: BaseOid,
    /// Whether to take over snmpd's icmp, tcp and udp.
    #[serde(rename = "mib-2")]
    pub mib_2: bool,
    /// Whether to serve the private module.
    pub private: bool,
}

/// Where `/proc` is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Proc {
    /// Its root.
    pub root: Root,
}

/// What is logged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Log {
    /// The least level.
    pub level: Level,
}

/// How old figures may be, and how long a request may wait for newer ones.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Refresh {
    /// For counters and sockstat.
    pub counters_max_age: Age,
    /// For sockets.
    pub sockets_max_age: Age,
    /// For processes.
    pub processes_max_age: Age,
    /// How long a request may wait.
    pub answer_within: Patience,
}

impl Default for Mib {
    fn default() -> Self {
        // Net-SNMP's playpen (NET-SNMP-MIB netSnmpPlaypen), then the number of the AgentX RFC.
        let base = Oid::from_slice(&[1, 3, 6, 1, 4, 1, 8072, 9999, 9999, 2741]).unwrap_or_default();
        Self { base_oid: BaseOid(base), mib_2: true, private: true }
    }
}

impl Default for Proc {
    fn default() -> Self {
        Self { root: Root("/proc".into()) }
    }
}

impl Default for Refresh {
    fn default() -> Self {
        Self {
            counters_max_age: Age(Duration::from_secs(1)),
            sockets_max_age: Age(Duration::from_secs(5)),
            processes_max_age: Age(Duration::from_secs(30)),
            answer_within: Patience(Duration::from_millis(800)),
        }
    }
}

/// The base of the private module: 2 to 40 sub-identifiers, and not where the standard modules are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseOid(Oid);

/// The longest instance name below the base has 87 sub-identifiers more, and a name has at most 128.
const LONGEST_BASE: usize = 40;

impl TryFrom<String> for BaseOid {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::str::FromStr for BaseOid {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let oid: Oid = text.parse().map_err(|error| format!("base-oid '{text}': {error}"))?;
        let subids = oid.as_slice();
        if !(2..=LONGEST_BASE).contains(&subids.len()) {
            return Err(format!(
                "base-oid '{text}' has {} sub-identifiers, not 2 to {LONGEST_BASE}",
                subids.len()
            ));
        }
        if !matches!(subids, [0 | 1, 0..=39, ..] | [2, ..]) {
            return Err(format!(
                "base-oid '{text}': no OID begins so; an organisation's is 1.3.6.1.4.1.NUMBER"
            ));
        }
        if MIB_2.starts_with(subids) || subids.starts_with(&MIB_2) {
            return Err(format!("base-oid '{text}' is where the standard modules are (1.3.6.1.2.1)"));
        }
        Ok(Self(oid))
    }
}

impl From<BaseOid> for Oid {
    fn from(base: BaseOid) -> Self {
        base.0
    }
}

/// An absolute path.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "PathBuf")]
pub struct Root(PathBuf);

/// PATH_MAX
const LONGEST_PATH: usize = 4096;

impl TryFrom<PathBuf> for Root {
    type Error = String;

    fn try_from(path: PathBuf) -> Result<Self, String> {
        match path.as_os_str().len() {
            LONGEST_PATH.. => {
                Err(format!("root is a path of {LONGEST_PATH} octets and more, which Linux has not"))
            }
            _ if path.is_absolute() => Ok(Self(path)),
            _ => Err(format!("root '{}' is no absolute path", path.display())),
        }
    }
}

/// How old a source may be: 100 ms to an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Age(Duration);

impl TryFrom<String> for Age {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        duration(&text, Duration::from_millis(100), Duration::from_secs(3600)).map(Self)
    }
}

/// How long a request may wait: less than the second after which snmpd asks again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Patience(Duration);

impl TryFrom<String> for Patience {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        duration(&text, Duration::from_millis(1), Duration::from_millis(900)).map(Self)
    }
}

impl From<Patience> for Duration {
    fn from(patience: Patience) -> Self {
        patience.0
    }
}

/// A time span within bounds.
///
/// # Errors
/// Says what is allowed.
pub(crate) fn duration(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let allowed = format!(
        "allowed: {} to {}, such as \"500ms\" or \"5s\"",
        humantime::format_duration(least),
        humantime::format_duration(most)
    );
    match humantime::parse_duration(text) {
        Ok(duration) if (least..=most).contains(&duration) => Ok(duration),
        Ok(_) => Err(format!("'{text}' is out of range; {allowed}")),
        Err(_) => Err(format!("'{text}' is no duration; {allowed}")),
    }
}

/// Log levels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What keeps the subagent from working.
    Error,
    /// What a person should look at.
    Warn,
    /// Every change of state.
    #[default]
    Info,
    /// More than that.
    Debug,
    /// All there is.
    Trace,
}

impl From<Level> for tracing::level_filters::LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

/// How much of a line of a message is shown, from its beginning and its end, in characters.
const SHOWN: (usize, usize) = (100, 200);

/// A message that shows the line with the mistake, which may be as long as the file.
fn readable(message: &str) -> String {
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

impl Config {
    /// Reads a file; without a path, the default one, and the defaults if that does not exist.
    ///
    /// # Errors
    /// Says what is wrong in which line and what is allowed.
    pub fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        let file = path.unwrap_or(Path::new(DEFAULT_PATH));
        match file::read(file) {
            Ok(text) => {
                Self::parse(&text).map_err(|message| ConfigError::Wrong { path: file.into(), message })
            }
            Err(ConfigError::Unreadable { cause, .. })
                if path.is_none() && cause.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(Self::default())
            }
            Err(error) => Err(error),
        }
    }

    /// Reads a text.
    ///
    /// # Errors
    /// Says what is wrong in which line and what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut config: Self = toml::from_str(text).map_err(|error| readable(&error.to_string()))?;
        let remote = matches!(config.agentx.address, Address::Tcp(address) if !is_loopback(address.ip()));
        if remote && !config.agentx.allow_remote {
            let line =
                text.lines().position(|line| line.trim_start().starts_with("address")).map_or(0, |at| at + 1);
            return Err(format!(
                "line {line}: address {} is not loopback, and AgentX has no authentication: whoever answers there is \
                 told what this host does; set allow-remote = true if that is meant",
                config.agentx.address
            ));
        }
        let entries = std::mem::take(&mut config.threshold);
        config.thresholds =
            threshold::checked(entries, &config, text).map_err(|message| readable(&message))?;
        Ok(config)
    }

    /// What is served where.
    #[must_use]
    pub fn layout(&self) -> Layout {
        Layout { base: self.mib.base_oid.0.clone(), mib_2: self.mib.mib_2, private: self.mib.private }
    }

    /// The `/proc` to read.
    #[must_use]
    pub fn proc_root(&self) -> ProcRoot {
        ProcRoot::new(&self.proc.root.0)
    }

    /// How old the sources may be.
    #[must_use]
    pub fn max_ages(&self) -> MaxAges {
        MaxAges {
            counters: self.refresh.counters_max_age.0,
            sockets: self.refresh.sockets_max_age.0,
            processes: self.refresh.processes_max_age.0,
            answer_within: self.refresh.answer_within.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_equals_the_defaults() {
        assert_eq!(Config::parse(EXAMPLE).unwrap(), Config::default());
        assert_eq!(Config::parse("").unwrap(), Config::default());
    }

    /// Every key of the example is one that the defaults have: none is commented out or missing.
    #[test]
    fn the_example_shows_every_key() {
        let example: toml::Table = EXAMPLE.parse().unwrap();
        let keys: usize = example.values().map(|section| section.as_table().unwrap().len()).sum();
        assert_eq!((example.len(), keys), (6, 4 + 3 + 1 + 1 + 2 + 4));
    }

    /// The threshold in the example is commented out, since there is none by default; it must be a good one with the
    /// defaults all the same.
    #[test]
    fn the_threshold_of_the_example_is_good() {
        let (_, commented) = EXAMPLE.split_once("# [[threshold]]\n").unwrap();
        let text: String =
            commented.lines().map(|line| line.trim_start_matches("# ").to_owned() + "\n").collect();
        let config = Config::parse(&format!("[[threshold]]\n{text}")).unwrap();
        let without =
            text.lines().filter(|line| !line.starts_with("per-second") && !line.starts_with("interval"));
        let shorter = without.map(|line| line.to_owned() + "\n").collect::<String>();
        assert_ne!(text, shorter);
        assert_eq!(
            Config::parse(&format!("[[threshold]]\n{shorter}")).unwrap().thresholds,
            config.thresholds
        );
    }

    #[test]
    fn mistakes_are_told_with_line_key_and_what_is_allowed() {
        for (text, told) in [
            ("[agentx]\nadress = \"x\"", &["line 2", "adress", "address"][..]),
            ("[agent]\n", &["line 1", "agent", "agentx"]),
            ("\n[agentx]\npriority = 0", &["line 3", "1 to 255"]),
            ("[agentx]\npriority = 256", &["line 2", "1 to 255"]),
            ("[agentx]\npriority = \"high\"", &["line 2", "priority"]),
            ("[agentx]\naddress = \"localhost\"", &["line 2", "unix:/path", "tcp:"]),
            ("[agentx]\naddress = \"tcp:192.0.2.1:705\"", &["line 2", "allow-remote"]),
            ("[mib]\nbase-oid = \"1.3.6.x\"", &["line 2", "base-oid", "'x'"]),
            ("[mib]\nbase-oid = \"1.3.6.1.2.1.6\"", &["line 2", "standard modules"]),
            ("[mib]\nbase-oid = \"1.3.6.1.2\"", &["line 2", "standard modules"]),
            ("[mib]\nbase-oid = \"1.77\"", &["line 2", "1.3.6.1.4.1"]),
            ("[mib]\nbase-oid = \"1\"", &["line 2", "2 to 40"]),
            ("[proc]\nroot = \"proc\"", &["line 2", "absolute"]),
            ("[log]\nlevel = \"loud\"", &["line 2", "loud", "`warn`"]),
            ("[refresh]\nsockets-max-age = \"5\"", &["line 2", "100ms to 1h"]),
            ("[refresh]\nsockets-max-age = 5", &["line 2"]),
            ("[refresh]\ncounters-max-age = \"1ms\"", &["line 2", "out of range", "100ms to 1h"]),
            ("[refresh]\nanswer-within = \"2s\"", &["line 2", "1ms to 900ms"]),
            ("[resets]\nenabled = 1", &["line 2", "enabled", "boolean"]),
            ("[resets]\nenable = true", &["line 2", "enable", "enabled", "buffer"]),
            ("[resets]\n\nbuffer = \"1MB\"", &["line 3", "buffer", "64KiB to 64MiB"]),
            ("[resets]\nbuffer = 1048576", &["line 2", "buffer"]),
            ("[resets]\nbuffer = \"63KiB\"", &["line 2", "out of range", "64KiB to 64MiB"]),
            ("[resets]\nbuffer = \"1024MiB\"", &["line 2", "out of range", "64KiB to 64MiB"]),
            ("[resets]\nbuffer = \"18446744073709551615MiB\"", &["line 2", "64KiB to 64MiB"]),
            ("[agentx]\npriority = 1\npriority = 2", &["line 3", "duplicate"]),
            ("[agentx", &["line 1"]),
            (
                &format!("\n[agentx]\ncontext = \"{}\"", "c".repeat(33)),
                &["line 3", "33 octets", "at most 32"],
            ),
            (&format!("[agentx]\ncontext = \"{}\"", "\u{e9}".repeat(17)), &["line 2", "34 octets"]),
            (&format!("[proc]\nroot = \"/{}\"", "p".repeat(4095)), &["line 2", "4096 octets"]),
            (
                &format!("[agentx]\naddress = \"unix:/{}\"", "s".repeat(107)),
                &["line 2", "108 octets", "at most 107"],
            ),
        ] {
            let error = Config::parse(text).unwrap_err();
            assert!(told.iter().all(|word| error.contains(word)), "{text}\n{error}");
        }
        let long = format!("[mib]\nbase-oid = \"1.3{}\"", ".1".repeat(39));
        assert!(Config::parse(&long).unwrap_err().contains("41 sub-identifiers"));
    }

    /// Whatever is as long as the file may be: the message is not, and says what is allowed all the same.
    #[test]
    fn texts_without_end_are_refused_in_a_few_words() {
        for (key, told) in [
            ("[agentx]\naddress", "unix:/path"),
            ("[agentx]\ncontext", "at most 32"),
            ("[mib]\nbase-oid", "base-oid"),
            ("[proc]\nroot", "4096 octets"),
            ("[log]\nlevel", "`warn`"),
            ("[resets]\nbuffer", "64KiB to 64MiB"),
            ("[refresh]\nsockets-max-age", "100ms to 1h"),
            ("[refresh]\nanswer-within", "1ms to 900ms"),
            ("[[threshold]]\nobject = \"lnsTcpMaxConn.0\"\nwarning = \"1\"\nname", "1 to 32 letters"),
            ("[[threshold]]\nname = \"a\"\nwarning = \"1\"\nobject", "threshold 'a'"),
            ("[[threshold]]\nname = \"a\"\nobject = \"lnsTcpMaxConn.0\"\nwarning", "4 | warning"),
            (
                "[[threshold]]\nname = \"a\"\nobject = \"lnsTcpMaxConn.0\"\nwarning = \"1\"\ninterval",
                "1s to 1h",
            ),
            ("unknown", "unknown"),
        ] {
            for filling in ["9", "a", "0", "1.", "\u{e9}"] {
                let text = format!("{key} = \"{}\"", filling.repeat(100_000));
                let error = match Config::parse(&text) {
                    Err(error) => error,
                    // A range becomes two numbers, of which any number of zeros is one.
                    Ok(_) if key.ends_with("\nwarning") && filling == "0" => continue,
                    Ok(_) => panic!("{key} takes so many of {filling}"),
                };
                assert!(error.len() < 2000 && error.contains(told), "{key} {filling}: {error:.3000}");
            }
        }
    }

    #[test]
    fn remote_addresses_can_be_meant() {
        let text = "[agentx]\naddress = \"tcp:192.0.2.1:705\"\nallow-remote = true";
        assert!(Config::parse(text).is_ok());
        for local in ["tcp:127.0.0.2:705", "tcp:[::1]:705", "tcp:localhost:705", "tcp:any.example:705"] {
            assert!(Config::parse(&format!("[agentx]\naddress = \"{local}\"")).is_ok(), "{local}");
        }
    }

    #[test]
    fn a_file_that_was_named_must_be_there() {
        assert!(matches!(
            Config::read(Some(Path::new("/nowhere.toml"))),
            Err(ConfigError::Unreadable { .. })
        ));
    }
}
