//! `[mib]`: what is served, and where.

use super::error::{BaseOidProblem, ValueError};
use crate::mib::MIB_2;
use crate::mib::view::Served;
use crate::smi::oid::Oid;
use serde::Deserialize;

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

impl Mib {
    /// What is served where.
    #[must_use]
    pub fn served(&self) -> Served {
        Served { base: self.base_oid.0.clone(), mib_2: self.mib_2, private: self.private }
    }
}

impl Default for Mib {
    fn default() -> Self {
        // Net-SNMP's playpen (NET-SNMP-MIB netSnmpPlaypen), then the number of the AgentX RFC.
        let base = Oid::from_slice(&[1, 3, 6, 1, 4, 1, 8072, 9999, 9999, 2741]).unwrap_or_default();
        Self { base_oid: BaseOid(base), mib_2: true, private: true }
    }
}

/// The base of the private module: 2 to 14 sub-identifiers, and not where the standard modules are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseOid(Oid);

/// The longest instance name adds 114 sub-identifiers to the base, and a name has at most 128.
pub(super) const LONGEST_BASE: usize = 14;

impl TryFrom<String> for BaseOid {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl std::str::FromStr for BaseOid {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = |problem| ValueError::BaseOid { text: text.to_owned(), problem };
        let oid: Oid = text.parse().map_err(|error| wrong(BaseOidProblem::NoOid(error)))?;
        let subids = oid.as_slice();
        if !(2..=LONGEST_BASE).contains(&subids.len()) {
            return Err(wrong(BaseOidProblem::Length(subids.len())));
        }
        if !matches!(subids, [0 | 1, 0..=39, ..] | [2, ..]) {
            return Err(wrong(BaseOidProblem::NoArc));
        }
        if MIB_2.starts_with(subids) || subids.starts_with(&MIB_2) {
            return Err(wrong(BaseOidProblem::Standard));
        }
        Ok(Self(oid))
    }
}

impl From<BaseOid> for Oid {
    fn from(base: BaseOid) -> Self {
        base.0
    }
}
