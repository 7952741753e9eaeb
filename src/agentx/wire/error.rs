//! res.error values (RFC 2741 section 6.2.16, RFC 3416 for those below 256).

/// No error.
pub const NO_ERROR: u16 = 0;
/// tooBig
pub const TOO_BIG: u16 = 1;
/// genErr
pub const GEN_ERR: u16 = 5;
/// commitFailed
pub const COMMIT_FAILED: u16 = 14;
/// notWritable
pub const NOT_WRITABLE: u16 = 17;
/// notOpen
pub const NOT_OPEN: u16 = 257;
/// duplicateRegistration
pub const DUPLICATE_REGISTRATION: u16 = 263;
/// parseError
pub const PARSE_ERROR: u16 = 266;

/// The RFC's name of an error, for messages.
#[must_use]
pub fn name(error: u16) -> &'static str {
    match error {
        0 => "noAgentXError",
        256 => "openFailed",
        257 => "notOpen",
        262 => "unsupportedContext",
        263 => "duplicateRegistration",
        264 => "unknownRegistration",
        265 => "unknownAgentCaps",
        266 => "parseError",
        267 => "requestDenied",
        268 => "processingError",
        _ => "an error without a name",
    }
}
