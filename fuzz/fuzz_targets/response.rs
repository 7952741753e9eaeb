//! Encodes values: our own reader finds in a response what was put into it, in both byte orders.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use netstat_agentx::agentx::wire::{HEADER, Header, NETWORK_BYTE_ORDER, PduType, Response};
use netstat_agentx::smi::Missing;
use netstat_agentx::smi::oid::{MAX_SUBIDS, Oid};
use netstat_agentx::smi::value::Value;

#[path = "../../tests/model/wire.rs"]
mod model;

use model::Data;

#[derive(Debug, Arbitrary)]
struct Name {
    internet: Option<u8>,
    subids: Vec<u32>,
}

impl Name {
    fn oid(&self) -> Oid {
        let prefix = self.internet.map(|x| [1, 3, 6, 1, u32::from(x)]);
        let mut subids: Vec<u32> = prefix.into_iter().flatten().chain(self.subids.iter().copied()).collect();
        subids.truncate(MAX_SUBIDS);
        Oid::from_slice(&subids).unwrap()
    }
}

#[derive(Debug, Arbitrary)]
enum Bind {
    Integer(i32),
    Counter32(u32),
    Gauge32(u32),
    TimeTicks(u32),
    Counter64(u64),
    OctetString(Vec<u8>),
    IpAddress([u8; 4]),
    ObjectIdentifier(Name),
    NoSuchObject,
    NoSuchInstance,
    EndOfMibView,
}

#[derive(Debug, Arbitrary)]
struct Input {
    big: bool,
    ids: [u32; 3],
    /// Bytes that wait to be sent before the response.
    waiting: u8,
    binds: Vec<(Name, Bind)>,
    /// After this many variable bindings one is cut off again, as from an answer that became too large.
    cut: Option<u8>,
    fail: Option<(u16, u16)>,
}

fuzz_target!(|input: Input| {
    let flags = if input.big { NETWORK_BYTE_ORDER } else { 0 };
    let [session_id, transaction_id, packet_id] = input.ids;
    let header = Header {
        kind: PduType::Get,
        flags: flags | 8,
        session_id,
        transaction_id,
        packet_id,
        payload_length: 0,
    };
    let mut out = vec![0xaa; usize::from(input.waiting)];
    let (mut response, mut expected) = (Response::to(&header, &mut out), Vec::new());
    assert_eq!(response.octets(), HEADER + 8);
    for (at, (name, bind)) in input.binds.iter().enumerate() {
        let (name, before) = (name.oid(), response.octets());
        let value = match bind {
            Bind::Integer(number) => Value::Integer(*number),
            Bind::Counter32(number) => Value::Counter32(*number),
            Bind::Gauge32(number) => Value::Gauge32(*number),
            Bind::TimeTicks(number) => Value::TimeTicks(*number),
            Bind::Counter64(number) => Value::Counter64(*number),
            Bind::OctetString(octets) => Value::OctetString(octets.clone()),
            Bind::IpAddress(octets) => Value::IpAddress(*octets),
            Bind::ObjectIdentifier(oid) => Value::ObjectIdentifier(Box::new(oid.oid())),
            exception => {
                let number = match exception {
                    Bind::NoSuchObject => 128,
                    Bind::NoSuchInstance => 129,
                    _ => 130,
                };
                match number {
                    128 => response.missing(&name, Missing::Object),
                    129 => response.missing(&name, Missing::Instance),
                    _ => response.end_of_mib_view(&name),
                }
                expected.push((name, Data::Exception(number)));
                continue;
            }
        };
        response.value(&name, &value);
        assert!(response.octets() >= before + 8);
        match input.cut {
            Some(cut) if usize::from(cut) == at => response.truncate(before),
            _ => expected.push((name, Data::Value(value))),
        }
    }
    let (error, index) = input.fail.unwrap_or_default();
    match input.fail {
        Some(_) => {
            response.fail(error, index);
            expected.clear();
        }
        None => response.finish(),
    }
    let (waiting, written) = out.split_at(usize::from(input.waiting));
    assert!(waiting.iter().all(|&byte| byte == 0xaa));
    let decoded = Header::decode(written).unwrap().map(|header| header.payload_length);
    assert!(decoded.is_none_or(|length| length == written.len() - HEADER));
    let read = model::response(written);
    let same = model::Response { big: input.big, ids: input.ids, error, index, varbinds: expected };
    assert_eq!(read, same);
});
