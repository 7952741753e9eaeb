//! Why bytes are not a PDU.

/// Why bytes are not a PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// h.version is not 1: nothing after it can be trusted, not even the length.
    #[error("h.version is {0}, not 1")]
    Version(u8),
    /// h.payload_length is more than any request takes.
    #[error("h.payload_length is {0}, more than any request takes")]
    Length(u32),
    /// The payload ends within a field.
    #[error("the payload ends within {0}")]
    Truncated(&'static str),
    /// A field has a value that the RFC does not allow.
    #[error("{0} has a value that RFC 2741 does not allow")]
    Invalid(&'static str),
    /// There is more payload than the PDU has fields.
    #[error("{0} octets follow the last field")]
    Trailing(usize),
}
