//! A manager that asks for one instance every few milliseconds, to tell to the millisecond when an answer is there again.
//! Net-SNMP's tools wait for a second before they ask anew.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing in time: snmpd is not there, or waits itself.
    None,
    /// There is no such object or instance, or an error.
    Missing,
    Value,
}

pub struct Probe {
    port: u16,
    request: Vec<u8>,
}

impl Probe {
    /// Asks for one instance with the community "public".
    pub fn new(port: u16, name: &str) -> Self {
        Self { port, request: request(GET, 0, &[super::subids(name)]) }
    }

    /// Asks once, from a socket of its own: an answer to an earlier question does not count.
    pub fn ask(&self, patience: Duration) -> Answer {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", self.port)).unwrap();
        socket.set_read_timeout(Some(patience)).unwrap();
        let mut answer = [0; 2048];
        match socket.send(&self.request).and_then(|_| socket.recv(&mut answer)) {
            Err(_) => Answer::None,
            Ok(length) => kind(&answer[..length]),
        }
    }

    /// Asks until there is a value: how long after the first answer of snmpd itself, whatever the subagent does by then.
    pub fn back_after(&self, within: Duration) -> Duration {
        let (begun, mut able) = (Instant::now(), None);
        // sysUpTime, which snmpd has of its own: while the subagent is silent, so is every question about its objects.
        let own = Self::new(self.port, ".1.3.6.1.2.1.1.3.0");
        loop {
            let asked = Instant::now();
            if able.is_none() && own.ask(Duration::from_millis(50)) == Answer::Value {
                able = Some(asked);
            }
            let answer = self.ask(Duration::from_millis(50));
            if answer == Answer::Value {
                return able.unwrap_or(asked).elapsed();
            }
            assert!(
                begun.elapsed() < within,
                "not back within {within:?}, able since {:?}",
                able.map(|at| at.elapsed())
            );
            std::thread::sleep(Duration::from_millis(3));
        }
    }
}

/// Tags of requests.
pub const GET: u8 = 0xa0;
pub const GETNEXT: u8 = 0xa1;

/// An SNMPv2c request with the community "public".
pub fn request(tag: u8, request_id: u16, names: &[Vec<u32>]) -> Vec<u8> {
    let varbinds = names.iter().map(|name| tlv(0x30, &[tlv(6, &oid(name)), tlv(5, &[])].concat()));
    let varbinds = tlv(0x30, &varbinds.collect::<Vec<_>>().concat());
    let [high, low] = request_id.to_be_bytes();
    let pdu = tlv(tag, &[tlv(2, &[0, high, low]), tlv(2, &[0]), tlv(2, &[0]), varbinds].concat());
    tlv(0x30, &[tlv(2, &[1]), tlv(4, b"public"), pdu].concat())
}

fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let [.., high, low] = contents.len().to_be_bytes();
    let length = match contents.len() {
        0..128 => vec![low],
        _ => vec![0x82, high, low],
    };
    [&[tag][..], &length, contents].concat()
}

fn oid(subids: &[u32]) -> Vec<u8> {
    let mut octets = vec![u8::try_from(subids[0] * 40 + subids[1]).unwrap()];
    for &subid in &subids[2..] {
        let sevens = (0..5).rev().map(|place| (subid >> (7 * place)) & 0x7f).skip_while(|seven| *seven == 0);
        let mut sevens: Vec<_> = sevens.map(|seven| u8::try_from(seven).unwrap() | 0x80).collect();
        if sevens.is_empty() {
            sevens.push(0x80);
        }
        *sevens.last_mut().unwrap() &= 0x7f;
        octets.extend(sevens);
    }
    octets
}

/// What a response with one variable binding has, or one of several in the first.
fn kind(answer: &[u8]) -> Answer {
    match outcome(answer) {
        // noSuchObject, noSuchInstance, endOfMibView
        Some((0, tag)) if !(0x80..=0x82).contains(&tag) => Answer::Value,
        _ => Answer::Missing,
    }
}

/// error-status of a response and the tag of the value in its first variable binding; lengths may be of the long form.
pub fn outcome(answer: &[u8]) -> Option<(u8, u8)> {
    fn open(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
        let (&tag, rest) = bytes.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let octets;
            (octets, rest) = rest.split_at_checked((first & 0x7f).into())?;
            length = octets.iter().fold(0, |length, &octet| length << 8 | usize::from(octet));
        }
        let (contents, after) = rest.split_at_checked(length)?;
        Some((tag, contents, after))
    }
    let message = open(answer)?.1;
    let pdu = open(open(open(message)?.2)?.2)?.1;
    let (_, error, rest) = open(open(pdu)?.2)?;
    let varbind = open(open(open(rest)?.2)?.1)?.1;
    Some((*error.first()?, open(open(varbind)?.2)?.0))
}
