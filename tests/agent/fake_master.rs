//! A master agent of our own, for what snmpd never sends: GetBulk, PDUs split and merged, both byte orders, SETs in
//! all their steps.

use crate::common::master::{ACTIVE_OPENS, BIG, Master, id, list};
use crate::common::until;
use agentx::encodings::{Value, VarBind};
use agentx::pdu::{self, Response, Type};
use std::io::{ErrorKind, Read};
use std::time::Duration;

/// How much more than before is still "no memory", in kB.
const FEW_MB: u64 = 4096;

#[test]
fn gets_in_both_byte_orders() {
    for order in [0, BIG] {
        let mut master = Master::start(order, "");
        let request = master.get(7, &[ACTIVE_OPENS, "1.3.6.1.2.1.6.5.1", "1.3.6.1.2.1.99.0", "1.3", ""]);
        let response = master.ask(&request);
        assert_eq!(response.header.packet_id, 7);
        let values: Vec<_> = list(response);
        // As many as were asked for, whatever became of them; and a null OID is a name like any other.
        assert_eq!(values.len(), 5);
        assert_eq!(values[0], (ACTIVE_OPENS.into(), Value::Counter32(4)));
        assert_eq!(values[1].1, Value::NoSuchInstance);
        assert_eq!(values[2].1, Value::NoSuchObject);
        assert_eq!(values[3].1, Value::NoSuchObject);
        assert_eq!(values[4], (String::new(), Value::NoSuchObject));
        let request = master.get(8, &[]);
        assert_eq!(list(master.ask(&request)), []);
    }
}

#[test]
fn getnext_minds_include_and_the_end_of_its_range() {
    let mut master = Master::start(BIG, "");
    let object = "1.3.6.1.2.1.6.5";
    let request = master.getnext(
        8,
        &[
            (object, "", false),
            (ACTIVE_OPENS, "", true),
            (ACTIVE_OPENS, "", false),
            (ACTIVE_OPENS, "1.3.6.1.2.1.6.6", false),
            (ACTIVE_OPENS, ACTIVE_OPENS, true),
            ("1.3.6.1.2.1.7", "1.3.6.1.2.1.6", false),
            ("2", "", false),
            ("", "", false),
        ],
    );
    let response = list(master.ask(&request));
    let names: Vec<_> = response.iter().map(|(name, _)| name.as_str()).collect();
    let next = "1.3.6.1.2.1.6.6.0";
    let first = "1.3.6.1.2.1.5.1.0";
    assert_eq!(
        names,
        [ACTIVE_OPENS, ACTIVE_OPENS, next, ACTIVE_OPENS, ACTIVE_OPENS, "1.3.6.1.2.1.7", "2", first]
    );
    let ended: Vec<_> = response.iter().map(|(_, value)| *value == Value::EndOfMibView).collect();
    assert_eq!(ended, [false, false, false, true, true, true, true, false]);
}

// RFC 2741 sections 6.1.1 and 7.2.3.1: what is not in the context that was registered does not exist there.
#[test]
fn requests_are_answered_in_the_context_that_was_registered() {
    for (registered, asked, served) in [
        ("", "", true),
        ("blue", "blue", true),
        ("", "blue", false),
        ("blue", "", false),
        ("blue", "green", false),
    ] {
        let mut master = Master::start_in(BIG, registered);
        let in_context = |mut request: Vec<u8>| {
            if !asked.is_empty() {
                let mut field = u32::try_from(asked.len()).unwrap().to_be_bytes().to_vec();
                field.extend(asked.as_bytes());
                field.resize(field.len().next_multiple_of(4), 0);
                request[2] |= 1 << 3;
                request[19] += u8::try_from(field.len()).unwrap();
                request.splice(20..20, field);
            }
            request
        };
        let request = in_context(master.get(7, &[ACTIVE_OPENS]));
        let value = list(master.ask(&request)).swap_remove(0).1;
        let expected = if served { Value::Counter32(4) } else { Value::NoSuchObject };
        assert_eq!(value, expected, "{asked:?} in {registered:?}");
        let request = in_context(master.getnext(8, &[("1.3.6.1.2.1.6.5", "", false)]));
        let value = list(master.ask(&request)).swap_remove(0).1;
        let expected = if served { Value::Counter32(4) } else { Value::EndOfMibView };
        assert_eq!(value, expected, "{asked:?} in {registered:?}");
    }
}

// RFC 2741 sections 6.2.16 and 7.2.3: tooBig, to which managers ask for less at a time, with the index of what found no
// room, and no variable bindings.
#[test]
fn an_answer_that_would_be_too_large_is_an_error_with_its_index() {
    let mut master = Master::start(0, "");
    let request = master.get(9, &["1.3.6.1.4.1.8072.9999.9999.2741.1.5.1.0"; 2000]);
    master.send(&request);
    let answer = master.receive();
    assert_eq!((answer.len(), u16::from_le_bytes([answer[24], answer[25]])), (28, 1));
    let index = usize::from(u16::from_le_bytes([answer[26], answer[27]]));
    // As many as that fit into 65,536 octets: 4 of the type, 40 of the name, 12 of the text.
    assert!((1000..2000).contains(&index), "{index}");
    let request = master.get(10, &[ACTIVE_OPENS]);
    assert_eq!(master.ask(&request).header.packet_id, 10);
}

// RFC 2741 section 7.2.3.3.
#[test]
fn getbulk_repeats_what_repeats() {
    let mut master = Master::start(0, "");
    let request = master.getbulk(
        1,
        3,
        &["1.3.6.1.2.1.6.1", "1.3.6.1.2.1.7.1", "1.3.6.1.4.1.8072.9999.9999.2741.1.5.8.1.6"],
    );
    let values = list(master.ask(&request));
    assert_eq!(values.len(), 1 + 3 * 2);
    assert_eq!(values[0].0, "1.3.6.1.2.1.6.1.0");
    let repeated: Vec<_> = values[1..].iter().step_by(2).map(|(name, _)| name.as_str()).collect();
    assert_eq!(repeated, ["1.3.6.1.2.1.7.1.0", "1.3.6.1.2.1.7.2.0", "1.3.6.1.2.1.7.3.0"]);
    // At the end, the last name comes back with endOfMibView, until all have ended.
    let request = master.getbulk(0, 10, &["1.3.6.1.4.1.8072.9999.9999.2741.1.6.1.1.9"]);
    let values = list(master.ask(&request));
    assert_eq!(values.len(), 2);
    assert_eq!(values[0].0, values[1].0);
    assert_eq!(values[1].1, Value::EndOfMibView);
    // More than fits into a response is cut at a whole repetition. The crate cannot read the DateAndTime in it.
    let request = master.getbulk(0, 65_535, &["1.3.6.1.2.1.5"; 40]);
    master.send(&request);
    let answer = master.receive();
    assert_eq!(answer[24..28], [0; 4]);
    assert!((60_000..=65_536).contains(&answer.len()), "{}", answer.len());
    let answer = crate::model::wire::response(&answer);
    let repetitions = answer.varbinds.chunks(40);
    assert!(repetitions.len() > 10 && answer.varbinds.len().is_multiple_of(40), "{}", answer.varbinds.len());
    // Each is one name forty times, as it was asked for.
    for repetition in repetitions {
        assert!(repetition.iter().all(|(name, _)| *name == repetition[0].0), "{repetition:?}");
    }
    let request = master.getbulk(5, 0, &["1.3.6.1.2.1.6.1"]);
    assert_eq!(list(master.ask(&request)).len(), 1, "more non-repeaters than ranges");
}

#[test]
fn pdus_come_split_and_merged() {
    let mut master = Master::start(BIG, "");
    for byte in master.get(20, &[ACTIVE_OPENS]) {
        master.send(&[byte]);
        // Long enough to be read before the next one comes.
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(master.answer().header.packet_id, 20);
    let many: Vec<u8> = (100..1100).flat_map(|packet_id| master.get(packet_id, &[ACTIVE_OPENS])).collect();
    master.send(&many);
    for packet_id in 100..1100 {
        let response = master.answer();
        assert_eq!(response.header.packet_id, packet_id);
        assert_eq!(list(response)[0].1, Value::Counter32(4));
    }
}

#[test]
fn sets_in_all_their_steps() {
    let mut master = Master::start(0, "");
    let name = id("1.3.6.1.2.1.6.4.0");
    let mut test =
        pdu::TestSet::new(agentx::encodings::VarBindList(vec![VarBind { name, data: Value::Integer(1) }]));
    test.header = master.header(Type::TestSet, 30);
    let mut request = test.to_bytes().unwrap();
    master.send(&request);
    // The crate does not know the errors of SNMP itself, so these are read by hand.
    assert_eq!(master.receive()[24..28], [17, 0, 1, 0], "notWritable, the first");
    for (kind, expected) in [(9, [14, 0, 1, 0]), (10, [0; 4])] {
        request = master.header(Type::CommitSet, 31).to_bytes();
        request[1] = kind;
        master.send(&request);
        assert_eq!(master.receive()[24..28], expected, "type {kind}");
    }
    // A CleanupSet is not answered: the next answer is the one to the Get.
    request[1] = 11;
    master.send(&request);
    let get = master.get(32, &[ACTIVE_OPENS]);
    assert_eq!(master.ask(&get).header.packet_id, 32);
}

#[test]
fn other_sessions_bad_payloads_and_unknown_types_are_answered_so() {
    let mut master = Master::start(0, "");
    let mut other = master.get(40, &[ACTIVE_OPENS]);
    other[4] ^= 1;
    master.send(&other);
    let answer = Response::from_bytes(&master.receive()).unwrap();
    assert_eq!(answer.res_error, pdu::ResError::NotOpen);
    let mut cut = master.get(41, &[ACTIVE_OPENS]);
    cut.truncate(cut.len() - 4);
    cut[16] -= 4;
    assert_eq!(master.ask(&cut).res_error, pdu::ResError::ParseError);
    let mut unknown = master.get(42, &[]);
    unknown[1] = 99;
    master.send(&unknown);
    assert_eq!(master.receive()[24..26], 266_u16.to_le_bytes());
    // Replies to nothing are nobody's business.
    let request = master.get(4000, &[]);
    master.respond(&request);
    let get = master.get(43, &[ACTIVE_OPENS]);
    assert_eq!(master.ask(&get).header.packet_id, 43);
}

#[test]
fn what_is_no_agentx_ends_the_connection_and_a_new_one_comes() {
    let mut endless = vec![1, 5, 0, 0];
    endless.resize(16, 0);
    endless.extend([0xff; 4]);
    for garbage in [b"GET / HTTP/1.1\r\nHost: master\r\n\r\n".to_vec(), endless] {
        let mut master = Master::start(0, "");
        master.send(&garbage);
        let close = master.receive();
        assert_eq!((close[1], close[20]), (2, 2), "Close, reasonParseError");
        let end = master.stream().read(&mut [0; 1]);
        assert!(matches!(end, Ok(0)) || end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
        master.accept();
        let get = master.get(60, &[ACTIVE_OPENS]);
        assert_eq!(list(master.ask(&get))[0].1, Value::Counter32(4));
        until(Duration::from_secs(1), "told", || master.agent.log().contains("what is no AgentX"));
    }
}

#[test]
fn a_close_of_the_master_agent_is_answered_and_a_new_session_opened() {
    let mut master = Master::start(BIG, "");
    let mut close = pdu::Close::new(pdu::CloseReason::ByManager);
    close.header = master.header(Type::Close, 70);
    let bytes = close.to_bytes().unwrap();
    let answer = master.ask(&bytes);
    assert_eq!((answer.header.packet_id, answer.res_error), (70, pdu::ResError::NoAgentXError));
    master.listener.set_nonblocking(true).unwrap();
    let mut connection = None;
    until(Duration::from_secs(3), "a new connection", || {
        connection = master.listener.accept().ok();
        connection.is_some()
    });
    let (stream, _) = connection.unwrap();
    stream.set_nonblocking(false).unwrap();
    master.open(stream);
    until(Duration::from_secs(1), "served again", || master.agent.log().matches("serving").count() == 2);
    let log = master.agent.log();
    assert_eq!(log.lines().filter(|line| line.contains("WARN")).count(), 1, "{log}");
}

#[test]
fn sigterm_closes_the_session_properly() {
    let mut master = Master::start(BIG, "");
    master.agent.process.signal("-TERM");
    let close = master.receive();
    assert_eq!((close[1], close[20]), (2, 5), "Close, reasonShutdown");
    master.respond(&close);
    assert!(master.agent.process.wait(Duration::from_secs(2)).success());
    // And without an answer it does not wait for ever.
    let mut silent = Master::start(BIG, "");
    silent.agent.process.signal("-TERM");
    assert!(silent.agent.process.wait(Duration::from_secs(3)).success());
}

#[test]
fn a_master_agent_that_never_reads_costs_no_memory() {
    let mut master = Master::start(0, "");
    let request = master.getbulk(0, 200, &["1.3.6.1.2.1.5", "1.3.6.1.2.1.6"]);
    // One such answer, so that its making counts for nothing.
    master.send(&request);
    master.receive();
    let before = master.agent.status("VmHWM");
    // What it sends is always read, so that it never hangs in sending, and when too much waits for it the connection ends.
    // Tens of MB of answers if they were all made.
    let (sent, ended) = master.flood(request);
    assert!(matches!(ended.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{ended}");
    assert!(sent > 10_000, "{sent}");
    let highest = master.agent.status("VmHWM");
    println!("{before} kB before, {highest} kB at most");
    assert!(highest < before + FEW_MB, "{before} kB before, {highest} kB at most");
    // And a new session comes, in which everything is as ever.
    master.accept();
    let get = master.get(60, &[ACTIVE_OPENS]);
    assert_eq!(list(master.ask(&get))[0].1, Value::Counter32(4));
    assert_eq!(master.agent.log().matches("does not read the answers").count(), 1);
    master.agent.process.signal("-TERM");
    assert!(master.agent.process.wait(Duration::from_secs(3)).success());
}

#[test]
fn a_request_that_is_sent_again_is_answered() {
    let mut master = Master::start(0, "");
    let request = master.get(80, &[ACTIVE_OPENS]);
    for _ in 0..2 {
        assert_eq!(master.ask(&request).header.packet_id, 80);
    }
}

#[test]
fn a_slow_master_agent_is_waited_for() {
    let mut master = Master::deaf(0, "");
    std::thread::sleep(Duration::from_secs(2));
    master.accept();
    assert_eq!(master.agent.log().lines().filter(|line| line.contains("WARN")).count(), 0);
}
