//! What a session reports.

use super::registrations::Standing;
use crate::agentx::wire::{WireError, error};
use crate::smi::oid::Oid;
use std::time::Duration;

/// How long the master agent may take to answer our PDU. snmpd answers nothing while one of its own modules is busy,
/// which lasts half a minute for tcpConnTable on a host with 15,000 sockets; and once it can answer again, a waiting
/// request is answered sooner than one that would have to be resent.
pub const REPLY_WITHIN: Duration = Duration::from_secs(60);

/// A report from a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The session is open.
    Opened,
    /// All subtrees have been asked for. Reports the standing, and again when it changes.
    Registered(Standing),
    /// A subtree was refused, whatever the priority. It is retried until it is ours.
    Refused {
        /// The subtree.
        subtree: Box<Oid>,
        /// res.error
        error: u16,
    },
    /// The master agent did not accept our agent capabilities, which changes nothing for us.
    CapabilitiesRefused(u16),
    /// The master agent did not accept a notification, and would not the next time either.
    NotificationRefused(u16),
    /// A PDU could not be decoded and was answered with parseError, or dropped if it was a response.
    Malformed(WireError),
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// The master agent refused the Open.
    #[error("the master agent refused the session: {name} ({0})", name = error::name(*.0))]
    OpenRefused(u16),
    /// The master agent sent a Close.
    #[error("the master agent closed the session, reason {0}")]
    ByMaster(u8),
    /// The master agent no longer knows the session.
    #[error("the master agent does not know the session any more")]
    Unknown,
    /// A PDU of ours was not answered.
    #[error("the master agent did not answer for {} s", REPLY_WITHIN.as_secs())]
    NoAnswer,
    /// The stream can no longer be decoded.
    #[error("the master agent sent what is no AgentX: {0}")]
    Garbage(WireError),
    /// A PDU of ours could not be encoded.
    #[error("an AgentX PDU could not be made; is the base OID or the context too long?")]
    Unencodable,
    /// We closed the session and the master agent knows.
    #[error("closed")]
    ByUs,
}
