//! AgentX as the other side has it (RFC 2741 sections 5 and 6): requests to bytes, responses from bytes. Written from
//! the RFC and shares nothing with `src/agentx/wire.rs` but its types, so that each is a check of the other.
#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]

use netstat_agentx::agentx::wire::SearchRange;
use netstat_agentx::smi::oid::Oid;
use netstat_agentx::smi::value::Value;

fn half(big: bool, number: u16) -> [u8; 2] {
    if big { number.to_be_bytes() } else { number.to_le_bytes() }
}

fn word(big: bool, number: u32) -> [u8; 4] {
    if big { number.to_be_bytes() } else { number.to_le_bytes() }
}

/// Section 5.1; `short` uses the prefix for what begins with 1.3.6.1 and a number from 1 to 255.
fn oid(big: bool, short: bool, subids: &[u32], include: bool) -> Vec<u8> {
    let (prefix, rest) = match subids {
        [1, 3, 6, 1, x @ 1..=255, rest @ ..] if short => (*x as u8, rest),
        all => (0, all),
    };
    let mut bytes = vec![u8::try_from(rest.len()).unwrap(), prefix, include.into(), 0];
    bytes.extend(rest.iter().flat_map(|&subid| word(big, subid)));
    bytes
}

/// A SearchRangeList (section 5.2).
pub fn search_ranges(big: bool, short: bool, ranges: &[SearchRange]) -> Vec<u8> {
    let one = |range: &SearchRange| {
        let end = range.end.as_ref().map_or(&[][..], Oid::as_slice);
        [oid(big, short, range.start.as_slice(), range.include), oid(big, short, end, false)].concat()
    };
    ranges.iter().flat_map(one).collect()
}

/// An Octet String (section 5.3).
pub fn octets(big: bool, octets: &[u8]) -> Vec<u8> {
    let mut bytes = word(big, u32::try_from(octets.len()).unwrap()).to_vec();
    bytes.extend(octets);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A whole PDU (section 6.1): session, transaction and packet are the ids.
pub fn pdu(kind: u8, flags: u8, ids: [u32; 3], payload: &[u8]) -> Vec<u8> {
    let big = flags & 0x10 != 0;
    let mut bytes = vec![1, kind, flags, 0];
    let length = u32::try_from(payload.len()).unwrap();
    bytes.extend(ids.into_iter().chain([length]).flat_map(|number| word(big, number)));
    bytes.extend(payload);
    bytes
}

/// The two 16-bit fields in front of the ranges of a GetBulk (section 6.2.7).
pub fn bulk(big: bool, non_repeaters: u16, max_repetitions: u16) -> Vec<u8> {
    [half(big, non_repeaters), half(big, max_repetitions)].concat()
}

/// What a variable binding holds: a value, or the number of Null, noSuchObject, noSuchInstance or endOfMibView.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    Value(Value),
    Exception(u16),
}

/// A Response, as a master agent reads it (section 6.2.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub big: bool,
    /// Session, transaction and packet.
    pub ids: [u32; 3],
    pub error: u16,
    pub index: u16,
    pub varbinds: Vec<(Oid, Data)>,
}

struct Reader<'a> {
    bytes: &'a [u8],
    big: bool,
    /// Whether fields that must be zero are looked at. snmpd sets the include field of names in its own PDUs.
    strict: bool,
}

impl Reader<'_> {
    fn take(&mut self, octets: usize) -> Vec<u8> {
        let (taken, rest) = self.bytes.split_at(octets);
        self.bytes = rest;
        taken.to_vec()
    }

    fn number(&mut self, octets: usize) -> u64 {
        let mut taken = self.take(octets);
        if !self.big {
            taken.reverse();
        }
        taken.into_iter().fold(0, |number, octet| number << 8 | u64::from(octet))
    }

    fn word(&mut self) -> u32 {
        self.number(4) as u32
    }

    fn oid(&mut self) -> Oid {
        let head = self.take(4);
        assert!(!self.strict || (head[2], head[3]) == (0, 0), "include and reserved");
        let prefix = if head[1] == 0 { vec![] } else { vec![1, 3, 6, 1, u32::from(head[1])] };
        let subids: Vec<u32> = prefix.into_iter().chain((0..head[0]).map(|_| self.word())).collect();
        Oid::from_slice(&subids).expect("at most 128 sub-identifiers")
    }

    fn octets(&mut self) -> Vec<u8> {
        let length = self.word() as usize;
        let mut padded = self.take(length.next_multiple_of(4));
        assert!(padded[length..].iter().all(|&octet| octet == 0), "padding");
        padded.truncate(length);
        padded
    }

    fn varbind(&mut self) -> (Oid, Data) {
        let kind = self.number(2) as u16;
        assert_eq!(self.number(2), 0, "reserved");
        let name = self.oid();
        let value = match kind {
            2 => Value::Integer(self.word() as i32),
            4 => Value::OctetString(self.octets()),
            6 => Value::ObjectIdentifier(Box::new(self.oid())),
            64 => Value::IpAddress(self.octets().try_into().expect("four octets")),
            65 => Value::Counter32(self.word()),
            66 => Value::Gauge32(self.word()),
            67 => Value::TimeTicks(self.word()),
            70 => Value::Counter64(self.number(8)),
            5 | 128..=130 => return (name, Data::Exception(kind)),
            other => panic!("v.type {other}"),
        };
        (name, Data::Value(value))
    }
}

/// Reads a whole Response and panics at anything that RFC 2741 does not allow in it.
pub fn response(bytes: &[u8]) -> Response {
    assert_eq!((bytes[0], bytes[1], bytes[3]), (1, 18, 0), "version, type and reserved");
    assert_eq!(bytes[2] & !0x10, 0, "no flag but the byte order");
    assert_eq!(bytes.len() % 4, 0);
    let big = bytes[2] != 0;
    let mut reader = Reader { bytes: &bytes[4..], big, strict: true };
    let ids = [(); 3].map(|()| reader.word());
    assert_eq!(reader.word() as usize, bytes.len() - 20, "h.payload_length");
    reader.word();
    let (error, index) = (reader.number(2) as u16, reader.number(2) as u16);
    let mut varbinds = Vec::new();
    while !reader.bytes.is_empty() {
        varbinds.push(reader.varbind());
    }
    Response { big, ids, error, index, varbinds }
}

/// The bytes of each variable binding of a VarBindList (section 5.4).
pub fn varbinds(big: bool, list: &[u8]) -> Vec<Vec<u8>> {
    let (mut reader, mut all) = (Reader { bytes: list, big, strict: false }, Vec::new());
    while !reader.bytes.is_empty() {
        let before = reader.bytes;
        reader.varbind();
        all.push(before[..before.len() - reader.bytes.len()].to_vec());
    }
    all
}
