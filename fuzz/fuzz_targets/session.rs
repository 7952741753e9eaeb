//! A session and everything that can happen to it, in any order: every request is answered once and correctly, and the
//! session neither spins nor outlives its end.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use netstat_agentx::agentx::session::{Action, Event, Session};
use netstat_agentx::agentx::settings::Settings;
use netstat_agentx::agentx::wire::{HEADER, Header, NETWORK_BYTE_ORDER, WireError};
use netstat_agentx::smi::oid::Oid;
use netstat_agentx::smi::value::Value;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

#[path = "../../tests/model/wire.rs"]
mod model;

#[derive(Debug, Arbitrary)]
enum Step {
    /// A PDU from the master agent.
    Receive {
        kind: u8,
        flags: u8,
        ours: bool,
        ids: [u32; 3],
        payload: Vec<u8>,
    },
    /// A PDU from the master agent with a valid payload.
    Ask {
        kind: Kind,
        big: bool,
        ids: [u32; 2],
    },
    /// A reply to a PDU that waits, or has waited, for one.
    Reply {
        to: u8,
        big: bool,
        error: Option<Error>,
        echo: Vec<u8>,
    },
    Garbage,
    Timer,
    Notify(u8),
    Shutdown,
    Reload,
    Wait(u16),
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Kind {
    Get,
    GetNext,
    GetBulk,
    TestSet,
    EmptyTestSet,
    CommitSet,
    UndoSet,
    CleanupSet,
    Close,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Error {
    NotOpen,
    DuplicateRegistration,
    ParseError,
    Other(u16),
}

impl Error {
    fn number(self) -> u16 {
        match self {
            Self::NotOpen => 257,
            Self::DuplicateRegistration => 263,
            Self::ParseError => 266,
            Self::Other(number) => number,
        }
    }
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn settings() -> Settings {
    let oid = |text: &str| text.parse::<Oid>().unwrap();
    Settings {
        subtrees: vec![oid("1.3.6.1.2.1.5"), oid("1.3.6.1.2.1.6"), oid("1.3.6.1.4.1.8072.9999.9999.2741")],
        priority: 100,
        context: String::new(),
        id: oid("1.3.6.1.4.1.8072.9999.9999.2741"),
        description: "fuzz".into(),
        capabilities: Some((oid("1.3.6.1.4.1.8072.9999.9999.2741.3.1"), "fuzz".into())),
    }
}

/// What the model knows about a session.
struct Model {
    session: Session,
    session_id: Option<u32>,
    now: Instant,
    /// Type and packet of all PDUs that we have sent.
    sent: Vec<(u8, u32)>,
    ended: bool,
}

impl Model {
    /// Parses the PDUs that the session sends on its own.
    fn note(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let header = Header::decode(rest).unwrap().expect("a whole header");
            let kind = rest[1];
            // Open, Close, Register, Unregister, Notify, Ping, AddAgentCaps.
            assert!([1, 2, 3, 4, 12, 13, 16].contains(&kind), "we never send type {kind}");
            assert_eq!(
                header.session_id,
                if kind == 1 { 0 } else { self.session_id.expect("an open session") }
            );
            assert_eq!(header.packet_id, self.sent.last().map_or(1, |(_, last)| last + 1));
            self.sent.push((kind, header.packet_id));
            rest = &rest[HEADER + header.payload_length..];
        }
    }

    fn handle(&mut self, event: Event<'_>) {
        let received = match event {
            Event::Received(header, _) => Some(header),
            _ => None,
        };
        let is_timer = matches!(event, Event::Timer);
        let mut answers = 0;
        for action in self.session.handle(event, self.now) {
            assert!(!self.ended, "something after the end");
            match action {
                Action::Answer(header, query) => {
                    assert_eq!(Some(header), received);
                    assert_eq!(Some(header.session_id), self.session_id, "an answer needs an open session");
                    let _ = query.ranges.count();
                    answers += 1;
                }
                Action::Refuse(bytes) | Action::Send(bytes) if bytes[1] == 18 => {
                    let (header, response) = (received.unwrap(), model::response(&bytes));
                    assert_eq!(response.ids, [header.session_id, header.transaction_id, header.packet_id]);
                    assert_eq!(response.big, header.flags & NETWORK_BYTE_ORDER != 0);
                    assert!(response.varbinds.is_empty());
                    answers += 1;
                }
                Action::Send(bytes) => self.note(&bytes),
                Action::Refuse(bytes) => panic!("{bytes:?}"),
                Action::Tell(_) | Action::Notified(_) => {}
                Action::Disconnect(_) => self.ended = true,
            }
        }
        // RFC 2741 sections 7.2.2 and 7.2.4.4: everything but a Response and a CleanupSet is answered.
        if let Some(header) = received {
            use netstat_agentx::agentx::wire::PduType::{CleanupSet, Response};
            assert_eq!(
                answers,
                u32::from(!matches!(header.kind, CleanupSet | Response)),
                "{:?}",
                header.kind
            );
        }
        if is_timer && !self.ended {
            self.quiet();
        }
    }

    /// A handled timer does not become due again at once, forever.
    fn quiet(&mut self) {
        for _ in 0..3 {
            if self.session.deadline() > self.now {
                return;
            }
            for action in self.session.handle(Event::Timer, self.now) {
                match action {
                    Action::Send(bytes) => self.note(&bytes),
                    Action::Disconnect(_) => self.ended = true,
                    other => panic!("{other:?}"),
                }
            }
            if self.ended {
                return;
            }
        }
        panic!("the timer is due again and again");
    }

    /// Receives a PDU as bytes.
    fn receive(&mut self, bytes: &[u8]) {
        match Header::decode(bytes) {
            Ok(header) => {
                let header = header.expect("a whole header");
                self.handle(Event::Received(header, &bytes[HEADER..]));
            }
            Err(error) => self.handle(Event::Garbage(error)),
        }
    }

    fn step(&mut self, step: Step) {
        let own_id = self.session_id.unwrap_or(0);
        match step {
            Step::Receive { kind, flags, ours, mut ids, payload } => {
                if ours {
                    ids[0] = own_id;
                }
                if kind == 18 {
                    // Only Reply may open the session.
                    ids[2] |= 1 << 31;
                }
                self.receive(&model::pdu(kind, flags, ids, &payload));
            }
            Step::Ask { kind, big, ids } => {
                let range = model::search_ranges(big, true, &[]);
                // Null for a name without sub-identifiers.
                let varbind = if big { [0, 5, 0, 0, 0, 0, 0, 0] } else { [5, 0, 0, 0, 0, 0, 0, 0] };
                let (number, payload) = match kind {
                    Kind::Get => (5, range),
                    Kind::GetNext => (6, range),
                    Kind::GetBulk => (7, model::bulk(big, 0, 9)),
                    Kind::TestSet => (8, varbind.into()),
                    Kind::EmptyTestSet => (8, vec![]),
                    Kind::CommitSet => (9, vec![]),
                    Kind::UndoSet => (10, vec![]),
                    Kind::CleanupSet => (11, vec![]),
                    Kind::Close => (2, vec![1, 0, 0, 0]),
                };
                let flags = if big { NETWORK_BYTE_ORDER } else { 0 };
                self.receive(&model::pdu(number, flags, [own_id, ids[0], ids[1]], &payload));
            }
            Step::Reply { to, big, error, echo } => {
                let at = usize::from(to) % self.sent.len();
                let (kind, packet) = self.sent[self.sent.len() - 1 - at];
                let number = error.map_or(0, Error::number);
                let (high, low) = ((number >> 8) as u8, number as u8);
                let mut payload = vec![0; 4];
                payload.extend(if big { [high, low, 0, 0] } else { [low, high, 0, 0] });
                payload.extend(echo);
                let id = self.session_id.unwrap_or(0x2741);
                if kind == 1 && number == 0 {
                    self.session_id = Some(id);
                }
                let flags = if big { NETWORK_BYTE_ORDER } else { 0 };
                self.receive(&model::pdu(18, flags, [id, 0, packet], &payload));
            }
            Step::Garbage => self.handle(Event::Garbage(WireError::Version(9))),
            Step::Timer => {
                self.now = self.now.max(self.session.deadline());
                self.handle(Event::Timer);
            }
            Step::Notify(varbinds) => {
                let name: Oid = "1.3.6.1.6.3.1.1.4.1.0".parse().unwrap();
                // More of them take time and find nothing new.
                let list = vec![(name, Value::Integer(1)); usize::from(varbinds % 8)];
                if self.session.takes_notify() {
                    self.handle(Event::Notify(varbinds.into(), &list));
                }
            }
            Step::Shutdown => self.handle(Event::Shutdown),
            Step::Reload => self.handle(Event::Reload),
            Step::Wait(milliseconds) => self.now += Duration::from_millis(milliseconds.into()),
        }
    }
}

fuzz_target!(|steps: Vec<Step>| {
    let (session, actions) = Session::open(settings(), *START);
    let mut model = Model { session, session_id: None, now: *START, sent: Vec::new(), ended: false };
    for action in actions {
        let Action::Send(bytes) = action else { panic!("{action:?}") };
        model.note(&bytes);
    }
    for step in steps.into_iter().take(200) {
        model.step(step);
        if model.ended {
            break;
        }
        assert_eq!(model.session.is_open(), model.session_id.is_some());
    }
});
