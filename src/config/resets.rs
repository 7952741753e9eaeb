//! `[resets]`: whether and how resets are traced.

use super::error::ValueError;
use serde::Deserialize;

/// Whether and how resets are traced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Resets {
    /// Whether resets are traced.
    pub enabled: bool,
    /// The size of the kernel's buffer for them, for each CPU.
    pub buffer: Buffer,
}

/// The size of a buffer in octets: 64 KiB to 64 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Buffer(u64);

impl Default for Buffer {
    fn default() -> Self {
        Self(1 << 20)
    }
}

impl TryFrom<String> for Buffer {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        let units = [("KiB", 10), ("MiB", 20)];
        let sized = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?.trim_end(), shift)));
        let octets = sized.and_then(|(number, shift)| number.parse::<u64>().ok()?.checked_mul(1 << shift));
        match octets {
            Some(octets) if (64 << 10..=64 << 20).contains(&octets) => Ok(Self(octets)),
            Some(_) => Err(ValueError::SizeRange(text)),
            None => Err(ValueError::NoSize(text)),
        }
    }
}

impl From<Buffer> for u64 {
    fn from(buffer: Buffer) -> Self {
        buffer.0
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn sizes_of_buffers() {
        let buffer = |text: &str| {
            u64::from(Config::parse(&format!("[resets]\nbuffer = \"{text}\"")).unwrap().resets.buffer)
        };
        assert_eq!(["64KiB", "1 MiB", "1024KiB", "64MiB"].map(buffer), [1 << 16, 1 << 20, 1 << 20, 1 << 26]);
    }
}
