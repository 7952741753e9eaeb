//! Object identifiers, held inline so that the path from a request to its answer allocates nothing.

use arrayvec::ArrayVec;
use std::fmt;
use std::str::FromStr;

/// RFC 2741 section 5.1 (and RFC 2578 section 3.5): at most 128 sub-identifiers.
pub const MAX_SUBIDS: usize = 128;

/// An object identifier of 0 to 128 sub-identifiers; ordered lexicographically, as SNMP orders names.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(ArrayVec<u32, MAX_SUBIDS>);

/// Why a text is not an object identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OidError {
    /// An empty text, or two dots in a row.
    #[error("an object identifier is numbers with dots between them, such as 1.3.6.1.4.1.8072")]
    Empty,
    /// A part that is not a number from 0 to 4294967295.
    #[error("'{0}' is no sub-identifier: a number from 0 to 4294967295")]
    NotANumber(String),
    /// More than [`MAX_SUBIDS`].
    #[error("an object identifier has at most 128 sub-identifiers")]
    TooLong,
}

impl Oid {
    /// The object identifier with these sub-identifiers, or `None` if there are more than 128.
    #[must_use]
    pub fn from_slice(subids: &[u32]) -> Option<Self> {
        ArrayVec::try_from(subids).ok().map(Self)
    }

    /// Appends one sub-identifier and returns whether there was room for it.
    ///
    /// Names that this crate makes always have room: a base OID has at most 14 sub-identifiers and
    /// the longest object below it, lnsUnixListenerQueue, adds 114 (see `mib::view`).
    pub fn push(&mut self, subid: u32) -> bool {
        self.0.try_push(subid).is_ok()
    }

    /// Appends several sub-identifiers, all of them or none, and returns whether it did.
    pub fn extend(&mut self, subids: &[u32]) -> bool {
        self.0.try_extend_from_slice(subids).is_ok()
    }

    /// Drops all sub-identifiers after the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// The first name behind all that begin with this one; `None` if nothing is.
    #[must_use]
    pub fn behind(&self) -> Option<Self> {
        let mut name = self.clone();
        while let Some(last) = name.0.pop() {
            if let Some(next) = last.checked_add(1) {
                name.push(next);
                return Some(name);
            }
        }
        None
    }

    /// The sub-identifiers.
    #[must_use]
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }

    /// What follows `prefix`, if this name lies at or below it.
    #[must_use]
    pub fn strip_prefix(&self, prefix: &[u32]) -> Option<&[u32]> {
        self.as_slice().strip_prefix(prefix)
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, subid) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(".")?;
            }
            write!(f, "{subid}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Oid {
    type Err = OidError;

    /// Reads dotted numbers; one leading dot is allowed, as Net-SNMP prints it.
    fn from_str(text: &str) -> Result<Self, OidError> {
        let text = text.strip_prefix('.').unwrap_or(text);
        let mut oid = Self::default();
        for part in text.split('.') {
            if part.is_empty() {
                return Err(OidError::Empty);
            }
            // u32's own parser would take a leading '+'.
            if !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(OidError::NotANumber(part.to_owned()));
            }
            let subid = part.parse().map_err(|_| OidError::NotANumber(part.to_owned()))?;
            if !oid.push(subid) {
                return Err(OidError::TooLong);
            }
        }
        Ok(oid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_dotted_numbers() {
        for text in ["1.3.6.1.2.1.6", "0", "1.4294967295"] {
            assert_eq!(text.parse::<Oid>().unwrap().to_string(), text);
        }
        assert_eq!(".1.3".parse::<Oid>().unwrap().as_slice(), [1, 3]);
    }

    #[test]
    fn refuses_what_is_no_oid() {
        assert_eq!("".parse::<Oid>(), Err(OidError::Empty));
        assert_eq!("1..3".parse::<Oid>(), Err(OidError::Empty));
        assert_eq!("1.3.".parse::<Oid>(), Err(OidError::Empty));
        for bad in ["1.+3", "1.-3", "1.x", "1.4294967296", "1. 3"] {
            assert!(matches!(bad.parse::<Oid>(), Err(OidError::NotANumber(_))), "{bad}");
        }
        let long = vec!["1"; 129].join(".");
        assert_eq!(long.parse::<Oid>(), Err(OidError::TooLong));
        assert!(vec!["1"; 128].join(".").parse::<Oid>().is_ok());
    }

    #[test]
    fn orders_as_snmp_does() {
        let oid = |text: &str| text.parse::<Oid>().unwrap();
        assert!(oid("1.3") < oid("1.3.0"));
        assert!(oid("1.3.9") < oid("1.3.10"));
        assert!(oid("1.3.6.1") < oid("1.4"));
    }

    #[test]
    fn what_is_behind_a_name_and_all_below_it() {
        let oid = |text: &str| text.parse::<Oid>().unwrap();
        assert_eq!(oid("1.3.6").behind(), Some(oid("1.3.7")));
        assert_eq!(oid("1.3.4294967295").behind(), Some(oid("1.4")));
        assert_eq!(oid("4294967295").behind(), None);
        assert_eq!(Oid::default().behind(), None);
    }

    #[test]
    fn extend_takes_all_or_nothing() {
        let mut oid = Oid::from_slice(&[1; 127]).unwrap();
        assert!(!oid.extend(&[2, 3]));
        assert_eq!(oid.as_slice().len(), 127);
        assert!(oid.push(2));
        assert!(!oid.push(3));
        assert!(Oid::from_slice(&[1; 129]).is_none());
    }
}
