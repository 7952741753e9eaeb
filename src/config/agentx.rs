//! `[agentx]`: how to reach the master agent, and how to register.

use super::error::ValueError;
use crate::agentx::address::MasterAddress;
use serde::Deserialize;
use std::fmt;

/// How to reach the master agent, and how to register.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct AgentX {
    /// Where it listens.
    #[serde(deserialize_with = "parsed")]
    pub address: MasterAddress,
    /// Whether an address other than loopback is allowed. A name is only checked when we connect to it: it may have an
    /// address by then, or another one.
    pub allow_remote: bool,
    /// The priority of the registrations.
    pub priority: Priority,
    /// The context of the registrations; empty for the default one.
    pub context: ContextName,
}

impl Default for AgentX {
    fn default() -> Self {
        Self {
            address: MasterAddress::Unix("/var/agentx/master".into()),
            allow_remote: false,
            priority: Priority(100),
            context: ContextName::default(),
        }
    }
}

/// A registration priority, 1 to 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct Priority(u8);

impl TryFrom<i64> for Priority {
    type Error = ValueError;

    fn try_from(number: i64) -> Result<Self, ValueError> {
        match u8::try_from(number) {
            Ok(priority @ 1..) => Ok(Self(priority)),
            _ => Err(ValueError::Priority(number)),
        }
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

/// The name of an SNMP context.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ContextName(String);

/// The longest, in octets: vacmContextName is an SnmpAdminString (SIZE(0..32)), RFC 3415.
const LONGEST_CONTEXT: usize = 32;

impl TryFrom<String> for ContextName {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        match text.len() {
            0..=LONGEST_CONTEXT => Ok(Self(text)),
            length => Err(ValueError::Context(length, LONGEST_CONTEXT)),
        }
    }
}

impl AsRef<str> for ContextName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: std::str::FromStr,
    T::Err: fmt::Display,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}
