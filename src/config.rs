//! The configuration file: TOML, every key optional, every mistake reported with its line and what is allowed.

pub mod agentx;
pub mod duration;
pub mod error;
pub mod file;
pub mod log;
pub mod mib;
pub mod proc;
pub mod refresh;
pub mod resets;
pub mod threshold;

use crate::agentx::address::{MasterAddress, is_loopback};
use crate::mib::view::Served;
use crate::proc::read::ProcRoot;
use crate::snapshot::MaxAges;
use crate::thresholds::Threshold;
use agentx::AgentX;
use error::{ConfigError, Mistake, readable};
use log::Log;
use mib::Mib;
use proc::Proc;
use refresh::Refresh;
use resets::Resets;
use serde::Deserialize;
use std::path::Path;

/// The path of the configuration unless another is given.
pub const DEFAULT_PATH: &str = "/etc/netstat-agentx.toml";

/// The shipped example, which equals the defaults.
pub const EXAMPLE: &str = include_str!("../config/netstat-agentx.toml");

/// The whole configuration.
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
    threshold: Vec<threshold::Written>,
    /// `[[threshold]]`
    #[serde(skip)]
    pub thresholds: Vec<Threshold>,
}

impl Config {
    /// Reads a file; without a path, reads the default one, or returns the defaults if that does not exist.
    ///
    /// # Errors
    /// What is wrong, in which line, and what is allowed.
    pub fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        let file = path.unwrap_or(Path::new(DEFAULT_PATH));
        match file::read(file) {
            Ok(text) => {
                Self::parse(&text).map_err(|mistake| ConfigError::Wrong { path: file.into(), mistake })
            }
            Err(ConfigError::Unreadable { cause, .. })
                if path.is_none() && cause.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(Self::default())
            }
            Err(error) => Err(error),
        }
    }

    /// Parses a text.
    ///
    /// # Errors
    /// What is wrong, in which line, and what is allowed.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let mut config: Self =
            toml::from_str(text).map_err(|error| Mistake::Toml(readable(&error.to_string())))?;
        let remote =
            matches!(config.agentx.address, MasterAddress::Tcp(address) if !is_loopback(address.ip()));
        if remote && !config.agentx.allow_remote {
            let line =
                text.lines().position(|line| line.trim_start().starts_with("address")).map_or(0, |at| at + 1);
            return Err(Mistake::Remote { line, address: config.agentx.address });
        }
        let entries = std::mem::take(&mut config.threshold);
        config.thresholds = threshold::checked(entries, &config.served(), text)?;
        Ok(config)
    }

    /// What is served where.
    #[must_use]
    pub fn served(&self) -> Served {
        self.mib.served()
    }

    /// The `/proc` to read.
    #[must_use]
    pub fn proc_root(&self) -> ProcRoot {
        ProcRoot::new(self.proc.root.as_ref())
    }

    /// How old the sources may be.
    #[must_use]
    pub fn max_ages(&self) -> MaxAges {
        self.refresh.max_ages()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_example_equals_the_defaults() {
        assert_eq!(Config::parse(EXAMPLE).unwrap(), Config::default());
        assert_eq!(Config::parse("").unwrap(), Config::default());
    }

    /// The names that serde accepts in a place, from its error for an unknown one.
    fn known(text: &str) -> BTreeSet<String> {
        let error = Config::parse(text).unwrap_err().to_string();
        let (_, expected) = error.split_once("unknown field `nonsense`, expected").unwrap();
        expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    /// No key is missing or commented out except thresholds, of which there are none by default.
    #[test]
    fn the_example_shows_every_key() {
        let example: toml::Table = EXAMPLE.parse().unwrap();
        let mut shown: BTreeSet<String> = example.keys().cloned().collect();
        shown.insert("threshold".into());
        assert_eq!(shown, known("nonsense = 1"));
        for (section, keys) in &example {
            let shown: BTreeSet<String> = keys.as_table().unwrap().keys().cloned().collect();
            assert_eq!(shown, known(&format!("[{section}]\nnonsense = 1")), "{section}");
        }
    }

    /// The threshold in the example is commented out, since there is none by default; it must still be valid with the
    /// defaults.
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
            let error = Config::parse(text).unwrap_err().to_string();
            assert!(told.iter().all(|word| error.contains(word)), "{text}\n{error}");
        }
        let long = format!("[mib]\nbase-oid = \"1.3{}\"", ".1".repeat(39));
        assert!(Config::parse(&long).unwrap_err().to_string().contains("41 sub-identifiers"));
    }

    /// A value may be as long as the file; the message stays short and still says what is allowed.
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
                    Err(error) => error.to_string(),
                    // A range becomes two numbers, and any number of zeros is a number.
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
