//! PDUs to and from bytes (RFC 2741 sections 5 and 6).
//!
//! Only what a subagent receives is decoded and only what it sends on the data path is encoded; the
//! administrative PDUs that it sends are built with the `agentx` crate (see [`super::session`]). Decoding
//! borrows from the bytes received and allocates nothing.

mod decode;
mod encode;
pub mod error;
mod header;
mod malformed;
mod reader;

pub use decode::{Body, Query, QueryKind, Ranges, SearchRange, decode};
pub use encode::{Response, notify};
pub use header::{
    HEADER, Header, LARGEST_PAYLOAD, LARGEST_RESPONSE, NETWORK_BYTE_ORDER, NON_DEFAULT_CONTEXT, PduType,
};
pub use malformed::WireError;

#[cfg(test)]
mod tests {
    use super::reader::Reader;
    use super::*;
    use crate::smi::Missing;
    use crate::smi::oid::Oid;
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

    /// All PDUs of a session with a real snmpd: whether the master agent sent each, and its bytes.
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
        // 256 KiB and no more.
        for (length, taken) in [(262_144_u32, true), (262_145, false)] {
            let mut long = [1, 6, NETWORK_BYTE_ORDER, 0].to_vec();
            long.extend([0; 12]);
            long.extend(length.to_be_bytes());
            let decoded = Header::decode(&long).map(|header| header.unwrap().payload_length);
            let expected = if taken { Ok(262_144) } else { Err(WireError::Length(length)) };
            assert_eq!(decoded, expected);
        }
    }

    // 6.2.16: what the master agent may answer to an Open, a Register, an AddAgentCaps, a Ping, a Notify.
    #[test]
    fn errors_have_the_names_of_the_rfc() {
        let names = [
            (0, "noAgentXError"),
            (256, "openFailed"),
            (257, "notOpen"),
            (262, "unsupportedContext"),
            (263, "duplicateRegistration"),
            (264, "unknownRegistration"),
            (265, "unknownAgentCaps"),
            (266, "parseError"),
            (267, "requestDenied"),
            (268, "processingError"),
            (999, "an error without a name"),
        ];
        for (number, name) in names {
            assert_eq!(error::name(number), name);
        }
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
        // PDUs without a context field have none with the flag either.
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

    /// A second opinion: what the `agentx` crate makes of our response, in both byte orders.
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

    // 5.1: the fifth sub-identifier of what begins with 1.3.6.1 is in the prefix if it fits into an octet and is not 0,
    // which stands for no prefix. 6.2.16: res.error and res.index are 0.
    #[test]
    fn names_are_as_short_as_the_rfc_has_them() {
        let encoded = |name: &str| {
            let mut out = Vec::new();
            let mut response = Response::to(&header(PduType::Get, NETWORK_BYTE_ORDER), &mut out);
            assert_eq!(response.octets(), HEADER + 8);
            response.end_of_mib_view(&oid(name));
            assert_eq!(response.octets() % 4, 0);
            response.finish();
            assert_eq!(out[16..20], u32::try_from(out.len() - HEADER).unwrap().to_be_bytes());
            assert_eq!(out[HEADER..HEADER + 12], [0, 0, 0, 0, 0, 0, 0, 0, 0, 130, 0, 0]);
            (out[HEADER + 12..HEADER + 16].to_vec(), out[HEADER + 16..].to_vec())
        };
        let words =
            |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>();
        assert_eq!(encoded("1.3.6.1.4.1"), (vec![1, 4, 0, 0], words(&[1])));
        assert_eq!(encoded("1.3.6.1.255"), (vec![0, 255, 0, 0], vec![]));
        assert_eq!(encoded("1.3.6.1.0.7"), (vec![6, 0, 0, 0], words(&[1, 3, 6, 1, 0, 7])));
        assert_eq!(encoded("1.3.6.1.256"), (vec![5, 0, 0, 0], words(&[1, 3, 6, 1, 256])));
        assert_eq!(encoded("1.3.6.1"), (vec![4, 0, 0, 0], words(&[1, 3, 6, 1])));
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
