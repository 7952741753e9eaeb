//! Reads fields off the front of a payload (RFC 2741 section 5).

use super::malformed::WireError;
use crate::smi::oid::Oid;

/// Takes fields off the front of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) big_endian: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn take<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or(WireError::Truncated(field))?;
        self.bytes = rest;
        Ok(*taken)
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, WireError> {
        let bytes = self.take(field)?;
        Ok(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, WireError> {
        let bytes = self.take(field)?;
        Ok(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// Section 5.3: a length, the octets, padding to a multiple of four.
    pub(super) fn octets(&mut self, field: &'static str) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(self.u32(field)?).map_err(|_| WireError::Truncated(field))?;
        let (octets, rest) = self.bytes.split_at_checked(length).ok_or(WireError::Truncated(field))?;
        let padding = length.next_multiple_of(4) - length;
        self.bytes = rest.get(padding..).ok_or(WireError::Truncated(field))?;
        Ok(octets)
    }

    /// Section 5.1: the OID and its include byte.
    pub(super) fn oid(&mut self, field: &'static str) -> Result<(Oid, u8), WireError> {
        let [length, prefix, include, _reserved] = self.take(field)?;
        let mut oid = Oid::default();
        if prefix != 0 {
            oid.extend(&[1, 3, 6, 1, u32::from(prefix)]);
        }
        for _ in 0..length {
            if !oid.push(self.u32(field)?) {
                return Err(WireError::Invalid(field));
            }
        }
        Ok((oid, include))
    }

    /// Section 5.4: checks the value and drops it, since nothing that we serve can be set.
    pub(super) fn varbind(&mut self) -> Result<(), WireError> {
        let kind = self.u16("v.type")?;
        self.u16("v.type")?;
        self.oid("v.name")?;
        match kind {
            2 | 65 | 66 | 67 => drop(self.u32("v.data")?),
            70 => drop(self.take::<8>("v.data")?),
            4 | 64 | 68 => drop(self.octets("v.data")?),
            6 => drop(self.oid("v.data")?),
            5 | 128..=130 => {}
            _ => return Err(WireError::Invalid("v.type")),
        }
        Ok(())
    }
}
