//! The administrative PDUs that a subagent sends (RFC 2741 section 6.2), built with the `agentx` crate.

use super::settings::Settings;
use super::wire::{NETWORK_BYTE_ORDER, NON_DEFAULT_CONTEXT};
use crate::smi::oid::Oid;
use agentx::encodings::{Context, ID, OctetString};
use agentx::pdu;

/// c.reason of a Close (section 6.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// reasonOther
    Other,
    /// reasonParseError
    ParseError,
    /// reasonShutdown
    Shutdown,
}

/// Builds PDUs for a session. Returns `None` for what cannot be encoded: an OID or a text that is too long.
pub struct Encoder<'a> {
    /// What to register, and how.
    pub settings: &'a Settings,
    /// h.sessionID
    pub session_id: u32,
    /// h.packetID
    pub packet_id: u32,
}

impl Encoder<'_> {
    /// Open. A timeout of 0 leaves it to the master agent; snmpd ignores any other.
    #[must_use]
    pub fn open(&self) -> Option<Vec<u8>> {
        let mut open = pdu::Open::new(id(&self.settings.id)?, &self.settings.description);
        self.head(&mut open.header);
        open.to_bytes().ok()
    }

    /// Close
    #[must_use]
    pub fn close(&self, reason: CloseReason) -> Option<Vec<u8>> {
        let mut close = pdu::Close::new(match reason {
            CloseReason::Other => pdu::CloseReason::Other,
            CloseReason::ParseError => pdu::CloseReason::ParseError,
            CloseReason::Shutdown => pdu::CloseReason::Shutdown,
        });
        self.head(&mut close.header);
        close.to_bytes().ok()
    }

    /// Register
    #[must_use]
    pub fn register(&self, subtree: &Oid, priority: u8) -> Option<Vec<u8>> {
        let mut register = pdu::Register::new(id(subtree)?);
        register.priority = priority;
        register.context = self.context(&mut register.header);
        register.to_bytes().ok()
    }

    /// Unregister, for a subtree registered with this priority.
    #[must_use]
    pub fn unregister(&self, subtree: &Oid, priority: u8) -> Option<Vec<u8>> {
        let mut unregister = pdu::Unregister::new(id(subtree)?, priority);
        unregister.context = self.context(&mut unregister.header);
        unregister.to_bytes().ok()
    }

    /// AddAgentCaps, if there are capabilities.
    #[must_use]
    pub fn add_agent_caps(&self) -> Option<Vec<u8>> {
        let (oid, description) = self.settings.capabilities.as_ref()?;
        let mut caps = pdu::AddAgentCaps::new(id(oid)?, description);
        caps.context = self.context(&mut caps.header);
        caps.to_bytes().ok()
    }

    /// Ping
    #[must_use]
    pub fn ping(&self) -> Option<Vec<u8>> {
        let mut ping = pdu::Ping::new();
        ping.context = self.context(&mut ping.header);
        ping.to_bytes().ok()
    }

    fn head(&self, header: &mut pdu::Header) {
        header.flags = NETWORK_BYTE_ORDER;
        header.session_id = self.session_id;
        header.packet_id = self.packet_id;
    }

    /// Section 6.1.1: the default context means no context field, not an empty one.
    fn context(&self, header: &mut pdu::Header) -> Option<Context> {
        self.head(header);
        if self.settings.context.is_empty() {
            return None;
        }
        header.flags |= NON_DEFAULT_CONTEXT;
        Some(Context(OctetString(self.settings.context.clone())))
    }
}

fn id(oid: &Oid) -> Option<ID> {
    ID::try_from(oid.as_slice().to_vec()).ok()
}
