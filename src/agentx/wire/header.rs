//! The header of a PDU (RFC 2741 section 6.1).

use super::malformed::WireError;
use super::reader::Reader;

/// Size of the header (section 6.1).
pub const HEADER: usize = 20;

/// Largest payload accepted. snmpd's requests come from UDP datagrams of up to 64 KiB, which AgentX at most doubles.
pub const LARGEST_PAYLOAD: usize = 256 * 1024;

/// Largest PDU sent: Net-SNMP's master agent silently drops longer ones.
pub const LARGEST_RESPONSE: usize = 65_536;

/// `NON_DEFAULT_CONTEXT` of h.flags (section 6.1).
pub const NON_DEFAULT_CONTEXT: u8 = 1 << 3;
/// `NETWORK_BYTE_ORDER` of h.flags (section 6.1).
pub const NETWORK_BYTE_ORDER: u8 = 1 << 4;

/// h.type of the PDUs that a subagent may receive, and of the Response it sends (section 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the RFC")]
pub enum PduType {
    Close,
    Get,
    GetNext,
    GetBulk,
    TestSet,
    CommitSet,
    UndoSet,
    CleanupSet,
    Response,
    /// A type that no master agent sends to a subagent.
    Other(u8),
}

impl PduType {
    fn from_number(number: u8) -> Self {
        match number {
            2 => Self::Close,
            5 => Self::Get,
            6 => Self::GetNext,
            7 => Self::GetBulk,
            8 => Self::TestSet,
            9 => Self::CommitSet,
            10 => Self::UndoSet,
            11 => Self::CleanupSet,
            18 => Self::Response,
            other => Self::Other(other),
        }
    }
}

/// The header of a PDU (section 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// h.type
    pub kind: PduType,
    /// h.flags
    pub flags: u8,
    /// h.sessionID
    pub session_id: u32,
    /// h.transactionID
    pub transaction_id: u32,
    /// h.packetID
    pub packet_id: u32,
    /// h.payload_length
    pub payload_length: usize,
}

impl Header {
    /// Decodes the first [`HEADER`] bytes of a PDU; `None` if there are fewer.
    ///
    /// # Errors
    /// [`WireError::Version`] and [`WireError::Length`], after which the stream can no longer be decoded.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, WireError> {
        let Some((&[version, kind, flags, _reserved], rest)) = bytes.split_first_chunk::<4>() else {
            return Ok(None);
        };
        if version != 1 {
            return Err(WireError::Version(version));
        }
        let mut fields = Reader { bytes: rest, big_endian: flags & NETWORK_BYTE_ORDER != 0 };
        let mut field = || fields.u32("the header").ok();
        let (Some(session_id), Some(transaction_id), Some(packet_id), Some(length)) =
            (field(), field(), field(), field())
        else {
            return Ok(None);
        };
        let payload_length = usize::try_from(length).map_err(|_| WireError::Length(length))?;
        if payload_length > LARGEST_PAYLOAD {
            return Err(WireError::Length(length));
        }
        let kind = PduType::from_number(kind);
        Ok(Some(Self { kind, flags, session_id, transaction_id, packet_id, payload_length }))
    }

    pub(super) fn big_endian(&self) -> bool {
        self.flags & NETWORK_BYTE_ORDER != 0
    }
}
