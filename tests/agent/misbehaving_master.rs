//! A master agent that breaks the rules: garbage, floods, silence, wrong numbers. Whatever it does, the subagent lives on
//! in a few MB, and serves as soon as it is asked properly.
#![allow(clippy::cast_possible_truncation)]

use crate::common::master::{ACTIVE_OPENS, BIG, Master, SESSION, list};
use crate::common::{copy, program, tree, until, with_clock};
use agentx::encodings::Value;
use agentx::pdu::{self, Response};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const SOCKETS_OF_ALL: &str = "1.3.6.1.4.1.8072.9999.9999.2741.1.1.1.1.3.0";

/// How much more than with its first answer is still little, in kB.
const FEW_MB: u64 = 4096;

/// The same where as many requests wait as may, and as many answers: 256 KiB each, and the rows of a table that is read
/// meanwhile. It was 2.3 to 6.4 MB in six runs of both tests.
const WAITING: u64 = 10_240;

/// What the process has taken at most, in kB: in memory, and of addresses, so that room which is asked for and not
/// written to counts too.
#[derive(Debug, Clone, Copy)]
struct Memory([u64; 2]);

impl Memory {
    fn of(master: &Master) -> Self {
        Self(["VmHWM", "VmPeak"].map(|field| master.agent.status(field)))
    }

    fn is_little_more(self, master: &Master) {
        let now = Self::of(master);
        assert!(now.0[0] < self.0[0] + FEW_MB, "{self:?} before, {now:?} at most");
    }
}

/// The fields of a header that a test may want to be wrong.
struct Raw {
    version: u8,
    kind: u8,
    session: u32,
    packet: u32,
}

impl Raw {
    fn of(kind: u8) -> Self {
        Self { version: 1, kind, session: SESSION, packet: 1 }
    }

    fn with(&self, payload: &[u8]) -> Vec<u8> {
        self.announcing(payload.len() as u32, payload)
    }

    fn announcing(&self, length: u32, payload: &[u8]) -> Vec<u8> {
        let mut pdu = vec![self.version, self.kind, 0, 0];
        for number in [self.session, 9, self.packet, length] {
            pdu.extend(number.to_le_bytes());
        }
        pdu.extend(payload);
        pdu
    }
}

impl Master {
    /// Asks for one value properly, in a new session if the old one is gone, and stops at its answer.
    fn works(&mut self) {
        let request = self.get(0xabcd, &[ACTIVE_OPENS]);
        let mut accepted = false;
        loop {
            if self.stream().write_all(&request).is_ok() {
                while let Ok(pdu) = self.try_receive() {
                    if pdu[1] == 18 && pdu[8..16] == request[8..16] {
                        let answer = Response::from_bytes(&pdu).unwrap();
                        assert_eq!(list(answer)[0].1, Value::Counter32(4));
                        return;
                    }
                }
            }
            assert!(!accepted, "no answer in a new session either:\n{}", self.agent.log());
            self.accept();
            accepted = true;
        }
    }

    /// Having answered once, with what it has read for that.
    fn memory(&mut self) -> Memory {
        self.works();
        Memory::of(self)
    }

    fn is_well(&mut self, before: Memory) {
        self.works();
        before.is_little_more(self);
        assert!(!self.agent.log().contains("panicked"), "{}", self.agent.log());
    }
}

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

#[test]
fn payloads_of_nonsense_in_every_type_of_pdu() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut master = Master::start(0, "");
    let before = master.memory();
    for _ in 0..40 {
        // A Close ends the session, well-formed or not.
        for kind in (0..=255).filter(|kind| *kind != 2) {
            let length = (random.next() % 200) as usize & !3;
            let mut payload = random.bytes(length);
            // Half of them small numbers, as lengths and types are.
            if random.next().is_multiple_of(2) {
                payload.iter_mut().for_each(|byte| *byte %= 8);
            }
            let mut pdu = Raw::of(kind).with(&payload);
            pdu[2] = random.next() as u8;
            if pdu[2] & BIG != 0 {
                pdu[4..20].chunks_mut(4).for_each(<[u8]>::reverse);
            }
            master.send(&pdu);
        }
        master.is_well(before);
    }
    // The session was never given up, and the log is no longer for 10,000 of them.
    assert_eq!(master.agent.log().matches("serving 11 of 11").count(), 1);
    let told = master.agent.log().matches("could not be read").count();
    assert_eq!(told, 1, "{}", master.agent.log());
}

#[test]
fn streams_of_nonsense_end_the_session_only() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut master = Master::start(0, "");
    let before = master.memory();
    for length in [1, 19, 20, 21, 400, 70_000] {
        let mut garbage = random.bytes(length);
        garbage[0] = 0;
        // It may hang up before it has read all of it.
        let _ = master.stream().write_all(&garbage);
        // It hangs up as soon as it has the first field of a header, of four octets, and its version in it.
        if length < 4 {
            master.send(&[0; 20]);
        }
        master.until_closed();
        master.accept();
        master.is_well(before);
    }
}

#[test]
fn versions_and_lengths_that_are_none() {
    let mut master = Master::start(0, "");
    let before = master.memory();
    for version in [0, 2, 255] {
        master.send(&Raw { version, ..Raw::of(5) }.with(&[]));
        master.until_closed();
        master.accept();
    }
    let announced = master.memory();
    for length in [256 * 1024 + 4, 1 << 31, u32::MAX - 3, u32::MAX] {
        master.send(&Raw::of(5).announcing(length, &[0; 64]));
        master.until_closed();
        master.accept();
    }
    let now = Memory::of(&master);
    // The largest is 4 GiB. An arena for one more thread would take 64 MiB of addresses.
    assert!(now.0[1] < announced.0[1] + 1024 * 1024, "{announced:?} before, {now:?} at most");
    // The largest that is read, which is nonsense and answered so.
    master.send(&Raw::of(5).with(&vec![0xff; 256 * 1024]));
    assert_eq!(master.receive()[24..26], 266_u16.to_le_bytes());
    master.is_well(before);
}

/// Half a PDU keeps its memory at half a PDU, and signals are heard.
#[test]
fn half_a_pdu_and_silence() {
    let mut master = Master::start(0, "");
    let before = master.memory();
    master.send(&Raw::of(5).announcing(256 * 1024, &[0; 1000]));
    std::thread::sleep(Duration::from_millis(300));
    before.is_little_more(&master);
    master.agent.process.signal("-TERM");
    assert!(master.agent.process.wait(Duration::from_secs(3)).success());
}

/// A clock that runs sixty times as fast shows what takes minutes: a ping after one, and the end after another.
#[test]
fn silence_is_asked_about_after_a_minute_and_ended_after_two() {
    for half in [&[][..], &Raw::of(5).announcing(1000, &[0; 100])] {
        let fast = with_clock(&[("FAKETIME", "+0 x60")]);
        let mut master = Master::launch(fast, 0, &tree("6.18"), "");
        master.accept();
        let before = master.memory();
        master.send(half);
        let begun = Instant::now();
        let ping = master.receive();
        assert_eq!(ping[1], 13, "Ping");
        assert!(begun.elapsed() > Duration::from_millis(800), "{:?}", begun.elapsed());
        if half.is_empty() {
            // An answer keeps the session: the next ping comes on the same connection.
            master.respond(&ping);
            assert_eq!(master.receive()[1], 13, "Ping");
        }
        assert_eq!(master.until_closed(), 0);
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
        master.accept();
        master.is_well(before);
        // Lines wait in a thread, which on a busy machine is later than the answer.
        until(Duration::from_secs(2), "told", || master.agent.log().matches("serving").count() == 2);
        let log = master.agent.log();
        assert_eq!(log.matches("did not answer for 60 s").count(), 1, "{log}");
    }
}

/// The answers to our own PDUs count if session and packetID are right, once.
/// What it refuses it would refuse again: it is told of nothing twice, and people once.
#[test]
fn notifications_that_are_all_refused_are_told_in_one_line_and_not_sent_again() {
    const THRESHOLDS: usize = 40;
    let threshold = |number| {
        format!(
            "[[threshold]]\nname = \"t{number}\"\nobject = \"tcpActiveOpens.0\"\ncritical = \"0\"\n\
             interval = \"1s\"\n"
        )
    };
    let configuration: String = (0..THRESHOLDS).map(threshold).collect();
    let mut master = Master::start(0, &configuration);
    let mut refused = 0;
    while refused < THRESHOLDS {
        let notify = master.receive();
        assert_eq!(notify[1], 12, "a Notify");
        master.respond_with(pdu::ResError::ParseError, &notify);
        refused += 1;
    }
    // They are looked at twice more.
    master.stream().set_read_timeout(Some(Duration::from_millis(2500))).unwrap();
    assert!(master.try_receive().is_err(), "one is sent again");
    let log = master.agent.log();
    let told: Vec<_> = log.lines().filter(|line| line.contains("notification")).collect();
    assert!(matches!(told[..], [line] if line.contains("not sent again: parseError (266)")), "{log}");
}

#[test]
fn answers_for_another_session_or_to_nothing_count_for_nothing() {
    let mut master = Master::deaf(0, "");
    let (stream, _) = master.listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    master.stream = Some(stream);
    let open = master.receive();
    // Not what was asked for: no session comes of it.
    let packet = u32::from_be_bytes(open[12..16].try_into().unwrap());
    master.send(&Raw { session: SESSION + 1, packet: packet + 1, ..Raw::of(18) }.with(&[0; 8]));
    master.respond(&open);
    let requests: Vec<_> = (0..12).map(|_| master.receive()).collect();
    for request in &requests {
        assert_eq!(request[4..8], SESSION.to_be_bytes(), "the session of the right answer");
    }
    let answer = |session: u32, request: &[u8]| {
        let packet = u32::from_be_bytes(request[12..16].try_into().unwrap());
        Raw { session, packet, ..Raw::of(18) }.with(&[0; 8])
    };
    for request in &requests {
        master.send(&answer(SESSION + 1, request));
    }
    // A reply to the Open again, with another session: ours stays what it was.
    master.send(&answer(SESSION + 1, &open));
    std::thread::sleep(Duration::from_millis(200));
    assert!(!master.agent.log().contains("serving"), "{}", master.agent.log());
    for request in &requests {
        master.send(&answer(SESSION, request));
        master.send(&answer(SESSION, request));
    }
    until(Duration::from_secs(1), "registered", || master.agent.log().contains("serving 11 of 11"));
    let before = master.memory();
    master.is_well(before);
    assert_eq!(master.agent.log().matches("serving").count(), 1);
}

#[test]
fn transactions_and_packets_are_the_masters_own_affair() {
    let mut master = Master::start(0, "");
    let before = master.memory();
    for (transaction, packet) in [(0_u32, 0_u32), (u32::MAX, u32::MAX), (7, 0), (7, 0)] {
        let mut request = master.get(packet, &[ACTIVE_OPENS]);
        request[8..12].copy_from_slice(&transaction.to_le_bytes());
        master.send(&request);
        let answer = master.receive();
        assert_eq!(answer[8..16], request[8..16], "the same transaction and packet");
        assert_eq!(answer[24..28], [0; 4]);
    }
    // Steps of a SET that nobody began, and of one that another transaction began.
    for (kind, error) in [(9, 14), (10, 0), (9, 14)] {
        master.send(&Raw::of(kind).with(&[]));
        assert_eq!(master.receive()[24], error, "type {kind}");
    }
    master.is_well(before);
}

/// A Get of one OID as it stands in the payload: n_subid, prefix, include, reserved, the sub-identifiers.
fn get_of(subids: u8, prefix: u8, there: usize) -> Vec<u8> {
    let mut payload = vec![subids, prefix, 0, 0];
    payload.extend((0..there).flat_map(|subid| (subid as u32 + 1).to_le_bytes()));
    // The end of the range: null.
    payload.extend([0; 4]);
    Raw::of(5).with(&payload)
}

#[test]
fn oids_of_every_length() {
    let mut master = Master::start(0, "");
    let before = master.memory();
    for (subids, prefix) in [(0, 0), (1, 0), (128, 0), (123, 2), (0, 4)] {
        master.send(&get_of(subids, prefix, subids.into()));
        let answer = master.receive();
        assert_eq!(answer[24..26], [0; 2], "{subids} sub-identifiers, prefix {prefix}");
        // noSuchObject for the name that was asked for.
        assert_eq!(answer[28..30], 128_u16.to_le_bytes());
    }
    // Longer than an OID may be, with the prefix or without; and longer than the payload.
    for (subids, prefix, there) in
        [(129, 0, 129), (255, 0, 255), (124, 2, 124), (128, 1, 128), (128, 0, 60), (255, 255, 0)]
    {
        master.send(&get_of(subids, prefix, there));
        assert_eq!(
            master.receive()[24..26],
            266_u16.to_le_bytes(),
            "{subids} sub-identifiers, prefix {prefix}"
        );
    }
    master.is_well(before);
}

#[test]
fn ranges_that_end_before_they_start_are_empty() {
    let mut master = Master::start(0, "");
    let before = master.memory();
    let ranges = [
        ("1.3.6.1.2.1.6.5", "1.3.6.1.2.1.6", true),
        ("2", "1", false),
        ("1.3.6.1.2.1.6.5", "1.3.6.1.2.1.6.5", false),
    ];
    let request = master.getnext(3, &ranges);
    let values = list(master.ask(&request));
    assert_eq!(values.len(), ranges.len());
    for (_, value) in values {
        assert_eq!(value, Value::EndOfMibView);
    }
    master.is_well(before);
}

/// A tree in which the sockets take a moment to read.
fn slow_tree(sockets: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(&tree("6.18")), folder.path());
    let file = folder.path().join("1/net/tcp");
    let text = std::fs::read_to_string(&file).unwrap();
    let last = text.lines().last().unwrap().to_owned() + "\n";
    std::fs::write(&file, text + &last.repeat(sockets)).unwrap();
    folder
}

/// Until the next request for them has to wait: a source rests for nine times the CPU time of its readings, of which there
/// were two if the first was slow.
fn until_they_are_read_again(master: &mut Master) {
    let request = master.get(1, &["1.3.6.1.4.1.8072.9999.9999.2741.1.5.8.1.3.3.116.99.112"]);
    let Value::Gauge32(micros) = list(master.ask(&request)).remove(0).1 else { panic!() };
    // On a busy machine a reading takes longer than it costs.
    let rest = 20 * Duration::from_micros(micros.into());
    std::thread::sleep(Duration::from_millis(200) + rest.min(Duration::from_secs(20)));
}

/// A session in which the next request for sockets has to wait, and the memory used so far, in kB.
fn about_to_wait() -> (TempDir, Master, u64) {
    let folder = slow_tree(60_000);
    let configuration = "[refresh]\nsockets-max-age = \"100ms\"";
    let mut master = Master::launch(program(), 0, folder.path().to_str().unwrap(), configuration);
    master.accept();
    master.works();
    let before = master.agent.status("VmHWM");
    until_they_are_read_again(&mut master);
    (folder, master, before)
}

/// While a reading goes on, requests wait; so many, and no more of them than fit. Each is answered once: with values, or
/// with a short error.
#[test]
fn a_flood_of_requests_that_must_wait_is_answered_in_a_few_mb() {
    let (_folder, mut master, before) = about_to_wait();
    // Answers of more than 60 kB each: 240 MB if all of them waited at once.
    let mut bulk = master.getbulk(0, 10_000, &[SOCKETS_OF_ALL, "1.3.6.1.2.1.5", "1.3.6.1.2.1.6"]);
    let mut reader = master.stream().try_clone().unwrap();
    let mut stream = master.stream().try_clone().unwrap();
    reader.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    const FLOOD: u32 = 4000;
    let flood = std::thread::spawn(move || {
        for packet in 0..FLOOD {
            bulk[12..16].copy_from_slice(&packet.to_le_bytes());
            stream.write_all(&bulk).unwrap();
        }
    });
    let (mut answered, mut refused) = (vec![false; FLOOD as usize], 0);
    for _ in 0..FLOOD {
        let mut header = [0; 20];
        std::io::Read::read_exact(&mut reader, &mut header).unwrap();
        let length = u32::from_le_bytes(header[16..20].try_into().unwrap()) as usize;
        let mut payload = vec![0; length];
        std::io::Read::read_exact(&mut reader, &mut payload).unwrap();
        match length {
            8 => {
                assert_eq!(payload[4..], [1, 0, 1, 0], "tooBig, the first");
                refused += 1;
            }
            _ => assert!((40_000..=65_536).contains(&length), "{length}"),
        }
        let packet = u32::from_le_bytes(header[12..16].try_into().unwrap()) as usize;
        assert!(!std::mem::replace(&mut answered[packet], true), "{packet} twice");
    }
    flood.join().unwrap();
    let highest = master.agent.status("VmHWM");
    println!("{before} kB before, {highest} kB at most; {refused} of {FLOOD} refused");
    assert!(refused > 0 && refused < FLOOD, "{refused}");
    assert!(highest < before + WAITING, "{before} kB before, {highest} kB at most");
    until(Duration::from_secs(2), "told", || master.agent.log().contains("some are refused"));
    assert_eq!(master.agent.log().matches("some are refused").count(), 1, "{}", master.agent.log());
    master.works();
}

/// Nor does one that never reads the answers to them make us grow, spin or hang: what it sends is read until so many short
/// errors wait that the connection is given up.
#[test]
fn a_master_that_asks_for_what_must_wait_and_never_reads() {
    let (_folder, mut master, before) = about_to_wait();
    let bulk = master.getbulk(0, 10_000, &[SOCKETS_OF_ALL, "1.3.6.1.2.1.5", "1.3.6.1.2.1.6"]);
    let (sent, _) = master.flood(bulk);
    assert!(sent > 10_000, "{sent}");
    until(Duration::from_secs(2), "told", || master.agent.log().contains("does not read the answers"));
    assert_eq!(master.agent.log().matches("does not read the answers").count(), 1, "{}", master.agent.log());
    let highest = master.agent.status("VmHWM");
    println!("{before} kB before, {highest} kB at most");
    assert!(highest < before + WAITING, "{before} kB before, {highest} kB at most");
    // It waits for a new session, and does nothing else.
    let switches =
        || master.agent.status("voluntary_ctxt_switches") + master.agent.status("nonvoluntary_ctxt_switches");
    // On a busy machine a reading may still be under way, and is interrupted.
    until(Duration::from_secs(10), "a second in which it does nothing", || {
        let waited = switches();
        std::thread::sleep(Duration::from_secs(1));
        switches() < waited + 20
    });
    master.agent.process.signal("-TERM");
    assert!(master.agent.process.wait(Duration::from_secs(3)).success());
}

/// snmpd sends a request again each second; one answer is enough, and two would be answers to nothing.
#[test]
fn a_request_sent_again_while_it_waits_is_answered_once() {
    let folder = slow_tree(200_000);
    let configuration = "[refresh]\nsockets-max-age = \"100ms\"";
    let mut master = Master::launch(program(), 0, folder.path().to_str().unwrap(), configuration);
    master.accept();
    until_they_are_read_again(&mut master);
    let request = master.get(81, &[&format!("{SOCKETS_OF_ALL}.5")]);
    let different = master.get(81, &[&format!("{SOCKETS_OF_ALL}.8")]);
    for _ in 0..5 {
        master.send(&request);
    }
    master.send(&different);
    let answers: Vec<_> = (0..2).map(|_| list(master.answer())[0].0.clone()).collect();
    assert_eq!(answers, [format!("{SOCKETS_OF_ALL}.5"), format!("{SOCKETS_OF_ALL}.8")]);
    let request = master.get(82, &[ACTIVE_OPENS]);
    let answer = master.ask(&request);
    assert_eq!((answer.header.packet_id, answer.res_error), (82, pdu::ResError::NoAgentXError));
}

/// One that takes us in and drops us at once is tried again with growing pauses, not at once for ever.
#[test]
fn a_master_that_drops_each_session_at_once_is_not_hammered() {
    let mut master = Master::start(0, "");
    let end = Instant::now() + Duration::from_secs(3);
    let mut sessions = 0;
    while Instant::now() < end {
        let stream = master.stream.take();
        drop(stream);
        master.accept();
        until(Duration::from_secs(2), "registered", || {
            master.agent.log().matches("serving 11 of 11").count() > sessions
        });
        sessions += 1;
    }
    // Without a pause it is hundreds; with the longest one of half a second about ten.
    assert!((3..30).contains(&sessions), "{sessions}");
}
