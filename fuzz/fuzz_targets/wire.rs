//! Decodes a master agent's bytes: what our own writer encodes again decodes to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_agentx::agentx::wire::{
    Body, HEADER, Header, NETWORK_BYTE_ORDER, NON_DEFAULT_CONTEXT, QueryKind, decode,
};
use netstat_agentx::smi::oid::MAX_SUBIDS;

#[path = "../../tests/model/wire.rs"]
mod model;

fuzz_target!(|bytes: &[u8]| {
    let Ok(Some(mut header)) = Header::decode(bytes) else { return };
    // What follows the header is its payload, whatever it says: no input is wasted on a wrong length.
    let payload = &bytes[HEADER..];
    let query = match decode(&header, payload) {
        Ok(Body::Query(query)) => query,
        Ok(Body::TestSet(varbinds)) => return assert!(varbinds * 8 <= payload.len()),
        Ok(_) => return,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert!(query.context.len() <= payload.len());
    let ranges: Vec<_> = query.ranges.collect();
    assert!(ranges.len() * 8 <= payload.len());
    for range in &ranges {
        assert!(range.start.as_slice().len() <= MAX_SUBIDS);
        assert!(range.end.as_ref().is_none_or(|end| !end.as_slice().is_empty()));
    }
    for big in [false, true] {
        header.flags = if big { NETWORK_BYTE_ORDER } else { 0 };
        let mut again = Vec::new();
        if !query.context.is_empty() {
            header.flags |= NON_DEFAULT_CONTEXT;
            again.extend(model::octets(big, query.context));
        }
        if let QueryKind::GetBulk { non_repeaters, max_repetitions } = query.kind {
            again.extend(model::bulk(big, non_repeaters, max_repetitions));
        }
        for short in [false, true] {
            let mut payload = again.clone();
            payload.extend(model::search_ranges(big, short, &ranges));
            let Ok(Body::Query(same)) = decode(&header, &payload) else { panic!("no query any more") };
            assert_eq!((same.kind, same.context), (query.kind, query.context));
            assert!(same.ranges.eq(ranges.iter().cloned()));
        }
    }
});
