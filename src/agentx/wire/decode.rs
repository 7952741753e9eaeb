//! Decodes what a subagent receives (RFC 2741 section 6.2).

use super::header::{Header, NON_DEFAULT_CONTEXT, PduType};
use super::malformed::WireError;
use super::reader::Reader;
use crate::smi::oid::Oid;

/// The payload of a PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// Get, GetNext or GetBulk.
    Query(Query<'a>),
    /// TestSet, with the number of its variable bindings.
    TestSet(usize),
    /// CommitSet
    CommitSet,
    /// UndoSet
    UndoSet,
    /// CleanupSet
    CleanupSet,
    /// Close, with c.reason.
    Close(u8),
    /// Response to our PDU: res.error. Its variable bindings, which can be echoes of our own, are ignored.
    Response(u16),
}

/// A request for values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    /// What is asked for each range.
    pub kind: QueryKind,
    /// The context, empty for the default one.
    pub context: &'a [u8],
    /// The ranges, checked.
    pub ranges: Ranges<'a>,
}

/// The kinds of [`Query`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryKind {
    /// The instance itself.
    Get,
    /// The next instance.
    GetNext,
    /// The next instances (section 6.2.7).
    GetBulk {
        /// g.non_repeaters
        non_repeaters: u16,
        /// g.max_repetitions
        max_repetitions: u16,
    },
}

/// A SearchRange (section 5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchRange {
    /// Where to begin.
    pub start: Oid,
    /// Whether `start` itself is in the range.
    pub include: bool,
    /// Where to end, exclusively; `None` for a range without end.
    pub end: Option<Oid>,
}

/// A SearchRangeList, checked when its PDU was decoded and decoded again as it is walked, so that no list has to be
/// held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranges<'a> {
    reader: Reader<'a>,
}

impl Iterator for Ranges<'_> {
    type Item = SearchRange;

    fn next(&mut self) -> Option<SearchRange> {
        if self.reader.bytes.is_empty() {
            return None;
        }
        self.reader.search_range().ok()
    }
}

/// Decodes the payload that belongs to a header.
///
/// # Errors
/// What is wrong with the payload; the header can still be answered.
pub fn decode<'a>(header: &Header, payload: &'a [u8]) -> Result<Body<'a>, WireError> {
    let mut reader = Reader { bytes: payload, big_endian: header.big_endian() };
    // Section 6.1.1: only these PDUs carry a context.
    let with_context =
        matches!(header.kind, PduType::Get | PduType::GetNext | PduType::GetBulk | PduType::TestSet);
    let context = match with_context && header.flags & NON_DEFAULT_CONTEXT != 0 {
        true => reader.octets("the context")?,
        false => &[],
    };
    let body = match header.kind {
        PduType::Get | PduType::GetNext => {
            let kind = if header.kind == PduType::Get { QueryKind::Get } else { QueryKind::GetNext };
            Body::Query(Query { kind, context, ranges: reader.ranges()? })
        }
        PduType::GetBulk => {
            let kind = QueryKind::GetBulk {
                non_repeaters: reader.u16("g.non_repeaters")?,
                max_repetitions: reader.u16("g.max_repetitions")?,
            };
            Body::Query(Query { kind, context, ranges: reader.ranges()? })
        }
        PduType::TestSet => {
            let mut varbinds = 0;
            while !reader.bytes.is_empty() {
                reader.varbind()?;
                varbinds += 1;
            }
            Body::TestSet(varbinds)
        }
        PduType::CommitSet => Body::CommitSet,
        PduType::UndoSet => Body::UndoSet,
        PduType::CleanupSet => Body::CleanupSet,
        PduType::Close => {
            let [reason, ..] = reader.take::<4>("c.reason")?;
            Body::Close(reason)
        }
        PduType::Response => {
            reader.u32("res.sysUpTime")?;
            let error = reader.u16("res.error")?;
            reader.u16("res.index")?;
            reader.bytes = &[];
            Body::Response(error)
        }
        PduType::Other(_) => return Err(WireError::Invalid("h.type")),
    };
    match reader.bytes.len() {
        0 => Ok(body),
        trailing => Err(WireError::Trailing(trailing)),
    }
}

impl<'a> Reader<'a> {
    pub(super) fn search_range(&mut self) -> Result<SearchRange, WireError> {
        let (start, include) = self.oid("the start of a range")?;
        if include > 1 {
            return Err(WireError::Invalid("the include field of a range"));
        }
        let (end, _) = self.oid("the end of a range")?;
        let end = (!end.as_slice().is_empty()).then_some(end);
        Ok(SearchRange { start, include: include == 1, end })
    }

    pub(super) fn ranges(&mut self) -> Result<Ranges<'a>, WireError> {
        let ranges = Ranges { reader: *self };
        while !self.bytes.is_empty() {
            self.search_range()?;
        }
        Ok(ranges)
    }
}
