//! PDUs to and from bytes (RFC 2741 sections 5 and 6).
//!
//! Only what a subagent receives is decoded and only what it sends on the data path is encoded; the
//! administrative PDUs that it sends are built with the `agentx` crate (see [`super::session`]). Decoding
//! borrows from the bytes received and allocates nothing.

mod encode;

use crate::smi::oid::Oid;

pub use encode::{Response, notify};

/// Size of the header (section 6.1).
pub const HEADER: usize = 20;

/// Largest payload that is read. snmpd's requests come from UDP datagrams, whose 64 KiB AgentX at most doubles.
pub const LARGEST_PAYLOAD: usize = 256 * 1024;

/// Largest PDU that is sent: Net-SNMP's master agent drops longer ones without a word.
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
    /// One that no master agent sends to a subagent.
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

/// res.error values that we send (section 6.2.16, RFC 3416 for those below 256).
pub mod error {
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
}

/// Why bytes are no PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// h.version is not 1: nothing behind it can be trusted, not even the length.
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
    /// Decodes the first [`HEADER`] bytes of a PDU; `None` until there are so many.
    ///
    /// # Errors
    /// [`WireError::Version`] and [`WireError::Length`], after which the stream cannot be followed any more.
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

    fn big_endian(&self) -> bool {
        self.flags & NETWORK_BYTE_ORDER != 0
    }
}

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
    /// Response to a PDU of ours: res.error. Its variable bindings, which can be echoes of our own, are not
    /// looked at.
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

/// A SearchRangeList that was checked when its PDU was decoded, and is decoded again as it is walked, so that
/// no list has to be held.
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
/// What is wrong with it; the header can still be answered.
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

/// Takes fields off the front of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reader<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or(WireError::Truncated(field))?;
        self.bytes = rest;
        Ok(*taken)
    }

    fn u16(&mut self, field: &'static str) -> Result<u16, WireError> {
        let bytes = self.take(field)?;
        Ok(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&mut self, field: &'static str) -> Result<u32, WireError> {
        let bytes = self.take(field)?;
        Ok(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// Section 5.3: a length, the octets, padding to a multiple of four.
    fn octets(&mut self, field: &'static str) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(self.u32(field)?).map_err(|_| WireError::Truncated(field))?;
        let (octets, rest) = self.bytes.split_at_checked(length).ok_or(WireError::Truncated(field))?;
        let padding = length.next_multiple_of(4) - length;
        self.bytes = rest.get(padding..).ok_or(WireError::Truncated(field))?;
        Ok(octets)
    }

    /// Section 5.1: the OID and its include byte.
    fn oid(&mut self, field: &'static str) -> Result<(Oid, u8), WireError> {
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

    fn search_range(&mut self) -> Result<SearchRange, WireError> {
        let (start, include) = self.oid("the start of a range")?;
        if include > 1 {
            return Err(WireError::Invalid("the include field of a range"));
        }
        let (end, _) = self.oid("the end of a range")?;
        let end = (!end.as_slice().is_empty()).then_some(end);
        Ok(SearchRange { start, include: include == 1, end })
    }

    fn ranges(&mut self) -> Result<Ranges<'a>, WireError> {
        let ranges = Ranges { reader: *self };
        while !self.bytes.is_empty() {
            self.search_range()?;
        }
        Ok(ranges)
    }

    /// Section 5.4; the value is checked and dropped, for nothing that we serve can be set.
    fn varbind(&mut self) -> Result<(), WireError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smi::Missing;
    use crate::smi::value::Value;

    fn oid(text: &str) -> Oid {
        text.parse().unwrap()
    }

    fn header(kind: PduType, flags: u8) -> Header {
        Header { kind, flags, session_id: 7, transaction_id: 8, packet_id: 9, payload_length: 0 }
    }

    fn payload_of(pdu: &[u8]) -> (Header, &[u8]) {
        let header = Header::decode(pdu).unwrap().unwrap();
        assert_eq!(pdu.len(), HEADER + header.payload_length);
        (header, &pdu[HEADER..])
    }

    /// All PDUs of a session with a real snmpd: whether the master agent sent it, and its bytes.
    fn captured() -> Vec<(bool, Vec<u8>)> {
        let lines = include_str!("../../tests/captured/snmpd-5.9.3.txt").lines();
        let lines = lines.filter(|line| !line.starts_with('#'));
        lines
            .map(|line| {
                let (mark, hex) = line.split_once(' ').unwrap();
                let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
                (mark == "<", (0..hex.len()).step_by(2).map(byte).collect())
            })
            .collect()
    }

    /// The GetNext for the second step of `snmpwalk 1.3.6.1.2.1.6.14`.
    fn getnext() -> Vec<u8> {
        let from_master = captured().into_iter().filter(|(master, _)| *master);
        from_master.map(|(_, pdu)| pdu).filter(|pdu| pdu[1] == 6).nth(1).unwrap()
    }

    #[test]
    fn all_that_snmpd_sends_is_read() {
        let mut kinds = Vec::new();
        for (_, pdu) in captured().into_iter().filter(|(master, _)| *master) {
            let (header, payload) = payload_of(&pdu);
            decode(&header, payload).unwrap();
            kinds.push(pdu[1]);
        }
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds, [5, 6, 8, 11, 18], "Get, GetNext, TestSet, CleanupSet, Response");
    }

    #[test]
    fn a_refused_set_of_snmpd() {
        let all = captured();
        let (_, pdu) = all.iter().find(|(master, pdu)| *master && pdu[1] == 8).unwrap();
        let (header, payload) = payload_of(pdu);
        assert_eq!(decode(&header, payload), Ok(Body::TestSet(2)));
    }

    #[test]
    fn a_getnext_of_snmpd() {
        let pdu = getnext();
        let (header, payload) = payload_of(&pdu);
        assert_eq!((header.session_id, header.transaction_id, header.packet_id), (5, 5, 6));
        let Body::Query(query) = decode(&header, payload).unwrap() else { panic!() };
        assert_eq!(query.kind, QueryKind::GetNext);
        let ranges: Vec<_> = query.ranges.collect();
        let [range] = &ranges[..] else { panic!() };
        assert_eq!((range.start.to_string(), range.include), ("1.3.6.1.2.1.6.14.0".into(), false));
        assert_eq!(range.end.as_ref().unwrap().to_string(), "1.3.6.1.2.1.6.16.1.6");
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_an_error_or_a_pdu_and_no_panic() {
        let pdu = getnext();
        for end in 0..pdu.len() {
            let cut = &pdu[..end];
            if let Ok(Some(header)) = Header::decode(cut) {
                let decoded = decode(&header, &cut[HEADER..]);
                // An empty list of ranges is a request for nothing; anything between is cut.
                assert_eq!(decoded.is_ok(), end == HEADER);
            }
        }
        for at in 0..pdu.len() {
            for byte in 0..=255 {
                let mut changed = pdu.clone();
                changed[at] = byte;
                if let Ok(Some(header)) = Header::decode(&changed) {
                    let _ = decode(&header, &changed[HEADER..]);
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_followed_is_an_error_of_the_header() {
        assert_eq!(Header::decode(&getnext()[..19]), Ok(None));
        assert_eq!(Header::decode(&[2; 20]), Err(WireError::Version(2)));
        let mut endless = getnext();
        endless[16..20].fill(0xff);
        assert_eq!(Header::decode(&endless), Err(WireError::Length(u32::MAX)));
    }

    #[test]
    fn oids_of_any_length_the_rfc_allows() {
        let ranges = |first: &[u8]| {
            let mut bytes = first.to_vec();
            bytes.extend([0, 0, 0, 0]);
            Reader { bytes: &bytes, big_endian: false }.ranges().map(Iterator::count)
        };
        assert_eq!(ranges(&[0, 0, 0, 0]), Ok(1));
        let long = |length: u8, prefix: u8| {
            let mut bytes = vec![length, prefix, 0, 0];
            bytes.resize(4 + 4 * usize::from(length), 0);
            bytes
        };
        assert_eq!(ranges(&long(128, 0)), Ok(1));
        assert_eq!(ranges(&long(123, 2)), Ok(1));
        for (length, prefix) in [(129, 0), (255, 0), (124, 2)] {
            assert!(ranges(&long(length, prefix)).is_err(), "{length} {prefix}");
        }
        assert!(ranges(&[0, 0, 2, 0]).is_err(), "include is 0 or 1");
    }

    #[test]
    fn contexts_are_read_where_the_rfc_has_them() {
        let mut payload = vec![0, 0, 0, 3, b'a', b'b', b'c', 0];
        payload.extend([2, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0]);
        let flags = NETWORK_BYTE_ORDER | NON_DEFAULT_CONTEXT;
        let Body::Query(query) = decode(&header(PduType::Get, flags), &payload).unwrap() else { panic!() };
        assert_eq!(query.context, b"abc");
        assert_eq!(query.ranges.count(), 1);
        let varbind = [0, 5, 0, 0, 0, 0, 0, 0];
        let testset = [&payload[..8], &varbind].concat();
        assert_eq!(decode(&header(PduType::TestSet, flags), &testset), Ok(Body::TestSet(1)));
        assert!(decode(&header(PduType::TestSet, flags), &varbind).is_err(), "no context where one belongs");
        // PDUs that have none have none with the flag either.
        for (kind, body) in [
            (PduType::CommitSet, Body::CommitSet),
            (PduType::UndoSet, Body::UndoSet),
            (PduType::CleanupSet, Body::CleanupSet),
        ] {
            assert_eq!(decode(&header(kind, flags), &[]), Ok(body));
            assert_eq!(decode(&header(kind, flags), &payload[..8]), Err(WireError::Trailing(8)));
        }
        assert_eq!(decode(&header(PduType::Close, flags), &[5, 0, 0, 0]), Ok(Body::Close(5)));
    }

    #[test]
    fn testsets_are_checked_to_their_last_varbind() {
        let mut payload = Vec::new();
        payload.extend([2, 0, 0, 0, 2, 2, 0, 0, 1, 0, 0, 0, 6, 0, 0, 0, 5, 0, 0, 0]);
        payload.extend([4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, b'h', b'e', b'l', b'l', b'o', 0, 0, 0]);
        payload.extend([5, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(decode(&header(PduType::TestSet, 0), &payload), Ok(Body::TestSet(3)));
        payload.extend([9, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(decode(&header(PduType::TestSet, 0), &payload), Err(WireError::Invalid("v.type")));
    }

    /// Section 5.4.
    #[test]
    fn every_type_of_value_is_read_and_no_other() {
        let octets = [3, 0, 0, 0, b'a', b'b', b'c', 0];
        let values: [(u8, &[u8]); 13] = [
            (2, &[0xff; 4]),
            (4, &octets),
            (5, &[]),
            (6, &[1, 2, 0, 0, 1, 0, 0, 0]),
            (64, &[4, 0, 0, 0, 192, 168, 0, 1]),
            (65, &[0xff; 4]),
            (66, &[0xff; 4]),
            (67, &[0xff; 4]),
            (68, &octets),
            (70, &[0xff; 8]),
            (128, &[]),
            (129, &[]),
            (130, &[]),
        ];
        let head = header(PduType::TestSet, 0);
        let varbind = |kind: u8, data: &[u8]| [&[kind, 0, 0, 0, 0, 0, 0, 0], data].concat();
        let all: Vec<u8> = values.iter().flat_map(|(kind, data)| varbind(*kind, data)).collect();
        assert_eq!(decode(&head, &all), Ok(Body::TestSet(13)));
        for (kind, data) in values {
            let whole = varbind(kind, data);
            assert_eq!(decode(&head, &whole), Ok(Body::TestSet(1)), "{kind}");
            assert!(decode(&head, &whole[..whole.len() - 1]).is_err(), "{kind} that is cut");
        }
        for kind in (0..=255).filter(|kind| values.iter().all(|(listed, _)| listed != kind)) {
            assert_eq!(decode(&head, &varbind(kind, &[])), Err(WireError::Invalid("v.type")), "{kind}");
        }
    }

    #[test]
    fn responses_with_echoed_varbinds_are_read() {
        let mut payload = vec![0; 4];
        payload.extend([7, 1, 1, 0]);
        payload.extend(b"whatever follows");
        assert_eq!(decode(&header(PduType::Response, 0), &payload), Ok(Body::Response(263)));
        assert!(decode(&header(PduType::Response, 0), &payload[..7]).is_err());
    }

    /// What the `agentx` crate makes of a response of ours, in both byte orders: the second opinion.
    #[test]
    fn the_agentx_crate_reads_what_we_write() {
        use agentx::encodings::Value as Theirs;
        let big = Value::Counter64(1 << 40);
        let values = [
            (Value::Integer(-5), Theirs::Integer(-5)),
            (Value::Counter32(u32::MAX), Theirs::Counter32(u32::MAX)),
            (Value::Gauge32(3), Theirs::Gauge32(3)),
            (big, Theirs::Counter64(1 << 40)),
            (Value::text("hello"), Theirs::OctetString(agentx::encodings::OctetString("hello".into()))),
        ];
        for flags in [0, NETWORK_BYTE_ORDER] {
            let request = header(PduType::Get, flags);
            let mut out = Vec::new();
            let mut response = Response::to(&request, &mut out);
            for (value, _) in &values {
                response.value(&oid("1.3.6.1.2.1.6.5.0"), value);
            }
            response.missing(&oid("1.3.6.1.4.1.8072.1"), Missing::Object);
            response.missing(&oid("1.3"), Missing::Instance);
            response.end_of_mib_view(&oid("1.3.6.1.300.1"));
            response.finish();
            let theirs = agentx::pdu::Response::from_bytes(&out).unwrap();
            assert_eq!((theirs.header.session_id, theirs.header.packet_id, theirs.res_index), (7, 9, 0));
            let list = theirs.vb.unwrap().0;
            for ((_, expected), got) in values.iter().zip(&list) {
                assert_eq!((&got.data, got.name.to_string()), (expected, "1.3.6.1.2.1.6.5.0".to_owned()));
            }
            assert_eq!(list.len(), values.len() + 3);
            assert_eq!(list[5].data, Theirs::NoSuchObject);
            assert_eq!(list[6].data, Theirs::NoSuchInstance);
            assert_eq!(
                (&list[7].data, list[7].name.to_string()),
                (&Theirs::EndOfMibView, "1.3.6.1.300.1".into())
            );
        }
    }

    /// Section 6.2.10.
    #[test]
    fn the_agentx_crate_reads_our_notify() {
        use agentx::encodings::{Context, ID, OctetString, Value as Theirs, VarBind, VarBindList};
        let id = |text: &str| ID::try_from(oid(text).as_slice().to_vec()).unwrap();
        let (trap_oid, what, object) =
            ("1.3.6.1.6.3.1.1.4.1.0", "1.3.6.1.4.1.8072.0.1", "1.3.6.1.4.1.8072.1");
        for context in ["", "other"] {
            let mut theirs = agentx::pdu::Notify::new(VarBindList(vec![
                VarBind { name: id(trap_oid), data: Theirs::ObjectIdentifier(id(what)) },
                VarBind { name: id(object), data: Theirs::OctetString(OctetString("close-wait".into())) },
            ]));
            theirs.header.session_id = 42;
            theirs.header.packet_id = 7;
            theirs.header.flags = NETWORK_BYTE_ORDER;
            if !context.is_empty() {
                theirs.header.flags |= NON_DEFAULT_CONTEXT;
                theirs.context = Some(Context(OctetString(context.into())));
            }
            let varbinds = [
                (oid(trap_oid), Value::ObjectIdentifier(Box::new(oid(what)))),
                (oid(object), Value::text("close-wait")),
            ];
            // The crate reads the short form of an OID and writes the long one.
            let ours = agentx::pdu::Notify::from_bytes(&notify(42, 7, context, &varbinds)).unwrap();
            let ids = |header: &agentx::pdu::Header| (header.session_id, header.packet_id, header.flags);
            assert_eq!(ids(&ours.header), ids(&theirs.header));
            assert_eq!((ours.context, ours.vb), (theirs.context, theirs.vb));
        }
    }

    #[test]
    fn errors_carry_an_index_and_no_varbinds() {
        let mut out = vec![0xaa; 3];
        let mut response = Response::to(&header(PduType::Get, 0), &mut out);
        response.value(&oid("1.3"), &Value::Integer(1));
        response.fail(error::NOT_WRITABLE, 2);
        assert_eq!(out.len(), 3 + HEADER + 8);
        assert_eq!(&out[3..7], [1, 18, 0, 0]);
        assert_eq!(&out[19..23], [8, 0, 0, 0]);
        assert_eq!(&out[27..], [17, 0, 2, 0]);
    }

    #[test]
    fn ip_addresses_are_octets_in_network_order() {
        let mut out = Vec::new();
        let mut response = Response::to(&header(PduType::Get, 0), &mut out);
        response.value(&oid("1.3"), &Value::IpAddress([192, 168, 0, 1]));
        response.finish();
        assert_eq!(&out[out.len() - 8..], [4, 0, 0, 0, 192, 168, 0, 1]);
    }
}
