//! Encodes responses and notifications (RFC 2741 sections 5.4, 6.2.10 and 6.2.16).

use super::error;
use super::header::{HEADER, Header, NETWORK_BYTE_ORDER, NON_DEFAULT_CONTEXT};
use crate::smi::Missing;
use crate::smi::oid::Oid;
use crate::smi::value::Value;

const NOTIFY: u8 = 12;
const RESPONSE: u8 = 18;

/// A Notify in network byte order (section 6.2.10). The context is left out if it is the default one, as everywhere.
#[must_use]
pub fn notify(session_id: u32, packet_id: u32, context: &str, varbinds: &[(Oid, Value)]) -> Vec<u8> {
    let mut out = Vec::new();
    let context_flag = if context.is_empty() { 0 } else { NON_DEFAULT_CONTEXT };
    let mut writer =
        Writer::begin(&mut out, NOTIFY, NETWORK_BYTE_ORDER | context_flag, [session_id, 0, packet_id]);
    if !context.is_empty() {
        writer.octets(context.as_bytes());
    }
    for (name, value) in varbinds {
        writer.varbind(name, value);
    }
    writer.end();
    out
}

/// A Response under construction (section 6.2.16), written straight into the bytes that will be sent.
#[derive(Debug)]
pub struct Response<'a>(Writer<'a>);

impl<'a> Response<'a> {
    /// Begins the response to the PDU with this header (section 7.2.2): the same header, another type. The
    /// context flag is dropped, since a Response carries no context.
    pub fn to(header: &Header, out: &'a mut Vec<u8>) -> Self {
        let ids = [header.session_id, header.transaction_id, header.packet_id];
        let mut writer = Writer::begin(out, RESPONSE, header.flags & NETWORK_BYTE_ORDER, ids);
        // res.sysUpTime is the master agent's to set; res.error and res.index are filled in at the end.
        writer.u32(0);
        writer.u32(0);
        Self(writer)
    }

    /// How many octets the response has so far.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.0.len()
    }

    /// Drops what was added after the response had so many octets.
    pub fn truncate(&mut self, octets: usize) {
        self.0.out.truncate(self.0.start + octets);
    }

    /// Adds a variable binding with a value.
    pub fn value(&mut self, name: &Oid, value: &Value) {
        self.0.varbind(name, value);
    }

    /// Adds noSuchObject or noSuchInstance.
    pub fn missing(&mut self, name: &Oid, missing: Missing) {
        self.0.name(if missing == Missing::Object { 128 } else { 129 }, name);
    }

    /// Adds endOfMibView.
    pub fn end_of_mib_view(&mut self, name: &Oid) {
        self.0.name(130, name);
    }

    /// Ends the response without an error.
    pub fn finish(self) {
        self.end(error::NO_ERROR, 0);
    }

    /// Ends the response with an error and no variable bindings (section 7.2.3).
    pub fn fail(mut self, error: u16, index: u16) {
        self.truncate(HEADER + 8);
        self.end(error, index);
    }

    fn end(mut self, error: u16, index: u16) {
        let half = |[a, b]: [u8; 2]| if self.0.big_endian { [a, b] } else { [b, a] };
        let ([a, b], [c, d]) = (half(error.to_be_bytes()), half(index.to_be_bytes()));
        self.0.overwrite(HEADER + 4, [a, b, c, d]);
        self.0.end();
    }
}

/// A PDU under construction.
#[derive(Debug)]
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    big_endian: bool,
}

impl<'a> Writer<'a> {
    /// Begins with the header (section 6.1): session, transaction and packet are the three ids.
    fn begin(out: &'a mut Vec<u8>, kind: u8, flags: u8, ids: [u32; 3]) -> Self {
        let start = out.len();
        let mut writer = Self { out, start, big_endian: flags & NETWORK_BYTE_ORDER != 0 };
        writer.out.extend([1, kind, flags, 0]);
        ids.into_iter().for_each(|id| writer.u32(id));
        // h.payload_length is filled in at the end.
        writer.u32(0);
        writer
    }

    fn len(&self) -> usize {
        self.out.len() - self.start
    }

    fn u16(&mut self, value: u16) {
        self.out.extend(if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    fn u32(&mut self, value: u32) {
        self.out.extend(if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    /// Adds a variable binding with a value (section 5.4).
    fn varbind(&mut self, name: &Oid, value: &Value) {
        let kind = match value {
            Value::Integer(_) => 2,
            Value::OctetString(_) => 4,
            Value::ObjectIdentifier(_) => 6,
            Value::IpAddress(_) => 64,
            Value::Counter32(_) => 65,
            Value::Gauge32(_) => 66,
            Value::TimeTicks(_) => 67,
            Value::Counter64(_) => 70,
        };
        self.name(kind, name);
        match value {
            Value::Integer(number) => self.u32(u32::from_ne_bytes(number.to_ne_bytes())),
            Value::Counter32(number) | Value::Gauge32(number) | Value::TimeTicks(number) => self.u32(*number),
            Value::Counter64(number) => {
                self.out.extend(if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() });
            }
            Value::OctetString(octets) => self.octets(octets),
            Value::IpAddress(octets) => self.octets(octets),
            Value::ObjectIdentifier(oid) => self.oid(oid),
        }
    }

    fn name(&mut self, kind: u16, name: &Oid) {
        self.u16(kind);
        self.u16(0);
        self.oid(name);
    }

    fn oid(&mut self, oid: &Oid) {
        // Section 5.1: 1.3.6.1.x is a prefix of one byte.
        let (prefix, subids) = match oid.as_slice() {
            [1, 3, 6, 1, x, rest @ ..] => match u8::try_from(*x) {
                Ok(prefix) if prefix != 0 => (prefix, rest),
                _ => (0, oid.as_slice()),
            },
            all => (0, all),
        };
        // At most 128: an Oid holds no more.
        let length = u8::try_from(subids.len()).unwrap_or(0);
        self.out.extend([length, prefix, 0, 0]);
        for &subid in subids {
            self.u32(subid);
        }
    }

    fn octets(&mut self, octets: &[u8]) {
        self.u32(u32::try_from(octets.len()).unwrap_or(0));
        self.out.extend(octets);
        let padded = self.out.len() + octets.len().next_multiple_of(4) - octets.len();
        self.out.resize(padded, 0);
    }

    fn overwrite(&mut self, at: usize, bytes: [u8; 4]) {
        if let Some(slot) = self.out.get_mut(self.start + at..self.start + at + 4) {
            slot.copy_from_slice(&bytes);
        }
    }

    /// Fills in the length of what was written.
    fn end(mut self) {
        let payload = u32::try_from(self.len() - HEADER).unwrap_or(0);
        let bytes = if self.big_endian { payload.to_be_bytes() } else { payload.to_le_bytes() };
        self.overwrite(16, bytes);
    }
}
