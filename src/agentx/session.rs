//! One AgentX session, without I/O: events in, actions out.
//!
//! A session belongs to one connection and ends with it. It opens itself, registers its subtrees, answers what
//! concerns the protocol alone and hands every request for values to its driver.

use super::wire::{
    self, Body, Header, NETWORK_BYTE_ORDER, NON_DEFAULT_CONTEXT, PduType, Query, Response, WireError, error,
};
use crate::mib::oid::Oid;
use agentx::encodings::{Context, ID, OctetString};
use agentx::pdu;
use std::time::{Duration, Instant};

/// How long the master agent may take to answer a PDU of ours. snmpd answers nothing while one of its own
/// modules is busy, which takes half a minute for tcpConnTable on a host with 15,000 sockets; and when it can
/// answer again, a request that waits is answered sooner than one that would have to be sent anew.
pub const REPLY_WITHIN: Duration = Duration::from_secs(60);

/// How long the session may be silent before we ask whether the master agent is still there (section 7.1.11).
/// It never asks us.
pub const PING_AFTER: Duration = Duration::from_secs(60);

/// How soon a refused registration is tried again. One that the master agent still holds for a dead session of
/// ours is refused until it notices.
pub const REGISTER_AGAIN: Duration = Duration::from_millis(500);

/// c.reason of a Close (section 6.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// reasonParseError
    ParseError,
    /// reasonShutdown
    Shutdown,
}

/// What a session needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The subtrees to register.
    pub subtrees: Vec<Oid>,
    /// r.priority: the lower, the stronger; snmpd's own modules have 127.
    pub priority: u8,
    /// The context to register in; empty for the default one.
    pub context: String,
    /// o.id and the OID of the agent capabilities.
    pub id: Oid,
    /// o.descr and the description of the agent capabilities.
    pub description: String,
}

/// What happens to a session.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A whole PDU came.
    Received(Header, &'a [u8]),
    /// The stream holds something that is no PDU.
    Garbage(WireError),
    /// [`Session::deadline`] has come.
    Timer,
    /// We want to end.
    Shutdown,
}

/// What the driver has to do, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Send these bytes, which answer a PDU with an error.
    Refuse(Vec<u8>),
    /// Find the values and send them as the response to this header.
    Answer(Header, Query<'a>),
    /// Tell people.
    Tell(Notice),
    /// Close the connection once everything is sent.
    Disconnect(Ended),
}

/// News of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The session is open.
    Opened,
    /// All subtrees have been asked for; those that were not refused are ours.
    Registered {
        /// How many are ours.
        registered: usize,
        /// How many there are.
        of: usize,
    },
    /// A subtree was refused. It is tried again until it is ours.
    Refused {
        /// The subtree.
        subtree: Box<Oid>,
        /// res.error
        error: u16,
    },
    /// The master agent did not take our agent capabilities, which changes nothing for us.
    CapabilitiesRefused(u16),
    /// A PDU could not be decoded and was answered with parseError, or dropped if it was a response.
    Malformed(WireError),
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// The master agent refused the Open.
    #[error("the master agent refused the session: {name} ({0})", name = error::name(*.0))]
    OpenRefused(u16),
    /// The master agent sent a Close.
    #[error("the master agent closed the session, reason {0}")]
    ByMaster(u8),
    /// The master agent does not know the session any more.
    #[error("the master agent does not know the session any more")]
    Unknown,
    /// A PDU of ours was not answered.
    #[error("the master agent did not answer for {} s", REPLY_WITHIN.as_secs())]
    NoAnswer,
    /// The stream cannot be followed any more.
    #[error("the master agent sent what is no AgentX: {0}")]
    Garbage(WireError),
    /// A PDU of ours could not be made.
    #[error("an AgentX PDU could not be made; is the base OID or the context too long?")]
    Unencodable,
    /// We closed it and the master agent knows.
    #[error("closed")]
    ByUs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Open,
    Capabilities,
    /// The position of the subtree.
    Register(usize),
    Ping,
    Close,
}

#[derive(Debug)]
struct Pending {
    packet_id: u32,
    asked: Asked,
    until: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Registration {
    Asked,
    Ours,
    Refused(u16),
}

/// A session, from its Open to its end.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    session_id: Option<u32>,
    last_packet_id: u32,
    pending: Vec<Pending>,
    registrations: Vec<Registration>,
    told_registered: bool,
    register_again: Option<Instant>,
    last_heard: Instant,
    /// An empty TestSet is the only one that succeeds; a CommitSet may follow it.
    test_ok: bool,
}

type Actions<'a> = Vec<Action<'a>>;

impl Session {
    /// Begins a session on a new connection: the actions send the Open.
    #[must_use]
    pub fn open(settings: Settings, now: Instant) -> (Self, Actions<'static>) {
        let mut session = Self {
            registrations: vec![Registration::Asked; settings.subtrees.len()],
            settings,
            session_id: None,
            last_packet_id: 0,
            pending: Vec::new(),
            told_registered: false,
            register_again: None,
            last_heard: now,
            test_ok: false,
        };
        let actions = session.ask(&[Asked::Open], now);
        (session, actions)
    }

    /// Whether the Open was answered.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.session_id.is_some()
    }

    /// When [`Event::Timer`] is due.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let pending = self.pending.iter().map(|pending| pending.until);
        let ping = self.last_heard + PING_AFTER;
        pending.chain(self.register_again).fold(ping, Instant::min)
    }

    /// What to do about an event.
    #[must_use]
    pub fn handle<'a>(&mut self, event: Event<'a>, now: Instant) -> Actions<'a> {
        match event {
            Event::Received(header, payload) => {
                self.last_heard = now;
                self.received(header, payload, now)
            }
            Event::Garbage(error) => {
                let mut actions =
                    self.close(CloseReason::ParseError).map(Action::Send).into_iter().collect::<Vec<_>>();
                actions.push(Action::Disconnect(Ended::Garbage(error)));
                actions
            }
            Event::Timer => self.timer(now),
            Event::Shutdown => match self.session_id {
                Some(_) => self.ask(&[Asked::Close], now),
                None => vec![Action::Disconnect(Ended::ByUs)],
            },
        }
    }

    /// Section 7.2.2: what a subagent does with every PDU.
    fn received<'a>(&mut self, header: Header, payload: &'a [u8], now: Instant) -> Actions<'a> {
        let body = match wire::decode(&header, payload) {
            Ok(body) => body,
            Err(error) if header.kind == PduType::Response => {
                return vec![Action::Tell(Notice::Malformed(error))];
            }
            // CleanupSet is never answered, not even a bad one: nothing waits for it.
            Err(error) if header.kind == PduType::CleanupSet => {
                return vec![Action::Tell(Notice::Malformed(error))];
            }
            Err(error) => {
                let reply = reply(&header, error::PARSE_ERROR, 0);
                return vec![reply, Action::Tell(Notice::Malformed(error))];
            }
        };
        if let Body::Response(error) = body {
            return self.response(&header, error, now);
        }
        if self.session_id != Some(header.session_id) {
            return match body {
                Body::CleanupSet => Vec::new(),
                _ => vec![reply(&header, error::NOT_OPEN, 0)],
            };
        }
        match body {
            Body::Query(query) => vec![Action::Answer(header, query)],
            // Section 7.2.4.1: nothing can be written, so the first variable binding fails. snmpd waits for this
            // answer before it answers anybody else.
            Body::TestSet(varbinds) => {
                self.test_ok = varbinds == 0;
                let (error, index) =
                    if self.test_ok { (error::NO_ERROR, 0) } else { (error::NOT_WRITABLE, 1) };
                vec![reply(&header, error, index)]
            }
            // Section 7.2.4.2: without a TestSet that succeeded there is nothing to commit.
            Body::CommitSet => {
                let (error, index) =
                    if self.test_ok { (error::NO_ERROR, 0) } else { (error::COMMIT_FAILED, 1) };
                vec![reply(&header, error, index)]
            }
            // Section 7.2.4.3: and nothing to undo, which always succeeds.
            Body::UndoSet => {
                self.test_ok = false;
                vec![reply(&header, error::NO_ERROR, 0)]
            }
            // Section 7.2.4.4: no response is sent.
            Body::CleanupSet => {
                self.test_ok = false;
                Vec::new()
            }
            Body::Close(reason) => {
                self.session_id = None;
                let reply = reply(&header, error::NO_ERROR, 0);
                vec![reply, Action::Disconnect(Ended::ByMaster(reason))]
            }
            Body::Response(_) => Vec::new(),
        }
    }

    /// Section 7.2.2: a response is matched by h.packetID; one that matches nothing is dropped.
    fn response(&mut self, header: &Header, error: u16, now: Instant) -> Actions<'static> {
        let Some(position) = self.pending.iter().position(|pending| pending.packet_id == header.packet_id)
        else {
            return Vec::new();
        };
        let asked = self.pending.swap_remove(position).asked;
        if error == error::NOT_OPEN && !matches!(asked, Asked::Open | Asked::Close) {
            return vec![Action::Disconnect(Ended::Unknown)];
        }
        match asked {
            Asked::Open if error != error::NO_ERROR => vec![Action::Disconnect(Ended::OpenRefused(error))],
            Asked::Open => {
                self.session_id = Some(header.session_id);
                let subtrees = (0..self.settings.subtrees.len()).map(Asked::Register);
                let all: Vec<_> = [Asked::Capabilities].into_iter().chain(subtrees).collect();
                let mut actions = vec![Action::Tell(Notice::Opened)];
                actions.extend(self.ask(&all, now));
                actions
            }
            Asked::Capabilities if error != error::NO_ERROR => {
                vec![Action::Tell(Notice::CapabilitiesRefused(error))]
            }
            Asked::Register(subtree) => self.registered(subtree, error, now),
            Asked::Close => vec![Action::Disconnect(Ended::ByUs)],
            Asked::Capabilities | Asked::Ping => Vec::new(),
        }
    }

    fn registered(&mut self, subtree: usize, error: u16, now: Instant) -> Actions<'static> {
        let mut actions = Vec::new();
        let outcome =
            if error == error::NO_ERROR { Registration::Ours } else { Registration::Refused(error) };
        let Some(registration) = self.registrations.get_mut(subtree) else {
            return actions;
        };
        let before = std::mem::replace(registration, outcome);
        if let Registration::Refused(error) = outcome {
            self.register_again.get_or_insert(now + REGISTER_AGAIN);
            if before != outcome {
                let subtree = Box::new(self.settings.subtrees.get(subtree).cloned().unwrap_or_default());
                actions.push(Action::Tell(Notice::Refused { subtree, error }));
            }
        }
        let count =
            |wanted: fn(&Registration) -> bool| self.registrations.iter().filter(|r| wanted(r)).count();
        let (waiting, ours) = (count(|r| *r == Registration::Asked), count(|r| *r == Registration::Ours));
        let first_round_over = waiting == 0 && !self.told_registered;
        let won_later = self.told_registered && outcome == Registration::Ours;
        if first_round_over || won_later {
            self.told_registered = true;
            actions.push(Action::Tell(Notice::Registered { registered: ours, of: self.registrations.len() }));
        }
        actions
    }

    fn timer(&mut self, now: Instant) -> Actions<'static> {
        if self.pending.iter().any(|pending| pending.until <= now) {
            return vec![Action::Disconnect(Ended::NoAnswer)];
        }
        if self.register_again.is_some_and(|again| again <= now) {
            self.register_again = None;
            let all = self.registrations.iter().enumerate();
            let refused: Vec<_> = all
                .filter(|(_, registration)| matches!(registration, Registration::Refused(_)))
                .map(|(subtree, _)| Asked::Register(subtree))
                .collect();
            return self.ask(&refused, now);
        }
        if self.last_heard + PING_AFTER <= now && self.is_open() {
            // Not again before the answer or the end of the session.
            self.last_heard = now;
            return self.ask(&[Asked::Ping], now);
        }
        Vec::new()
    }

    /// Sends PDUs of ours, all in one write, and notes that they want answers.
    fn ask(&mut self, all: &[Asked], now: Instant) -> Actions<'static> {
        let mut bytes = Vec::new();
        for &asked in all {
            self.last_packet_id = self.last_packet_id.wrapping_add(1);
            match self.encode(asked) {
                Some(pdu) => bytes.extend(pdu),
                None => return vec![Action::Disconnect(Ended::Unencodable)],
            }
            self.pending.push(Pending { packet_id: self.last_packet_id, asked, until: now + REPLY_WITHIN });
        }
        vec![Action::Send(bytes)]
    }

    fn close(&mut self, reason: CloseReason) -> Option<Vec<u8>> {
        self.session_id?;
        self.last_packet_id = self.last_packet_id.wrapping_add(1);
        let reason = match reason {
            CloseReason::ParseError => pdu::CloseReason::ParseError,
            CloseReason::Shutdown => pdu::CloseReason::Shutdown,
        };
        let mut close = pdu::Close::new(reason);
        self.head(&mut close.header, false);
        close.to_bytes().ok()
    }

    fn encode(&mut self, asked: Asked) -> Option<Vec<u8>> {
        let settings = &self.settings;
        let context = (!settings.context.is_empty()).then(|| Context(OctetString(settings.context.clone())));
        match asked {
            Asked::Open => {
                let mut open = pdu::Open::new(id(&settings.id)?, &settings.description);
                self.head(&mut open.header, false);
                open.to_bytes().ok()
            }
            Asked::Capabilities => {
                let mut capabilities = pdu::AddAgentCaps::new(id(&settings.id)?, &settings.description);
                capabilities.context = context;
                self.head(&mut capabilities.header, true);
                capabilities.to_bytes().ok()
            }
            Asked::Register(subtree) => {
                let mut register = pdu::Register::new(id(settings.subtrees.get(subtree)?)?);
                register.priority = settings.priority;
                register.context = context;
                self.head(&mut register.header, true);
                register.to_bytes().ok()
            }
            Asked::Ping => {
                let mut ping = pdu::Ping::new();
                ping.context = context;
                self.head(&mut ping.header, true);
                ping.to_bytes().ok()
            }
            Asked::Close => {
                self.last_packet_id = self.last_packet_id.wrapping_sub(1);
                self.close(CloseReason::Shutdown)
            }
        }
    }

    fn head(&self, header: &mut pdu::Header, with_context: bool) {
        header.flags = NETWORK_BYTE_ORDER;
        if with_context && !self.settings.context.is_empty() {
            header.flags |= NON_DEFAULT_CONTEXT;
        }
        header.session_id = self.session_id.unwrap_or(0);
        header.packet_id = self.last_packet_id;
    }
}

fn id(oid: &Oid) -> Option<ID> {
    ID::try_from(oid.as_slice().to_vec()).ok()
}

fn reply(header: &Header, error: u16, index: u16) -> Action<'static> {
    let mut out = Vec::new();
    Response::to(header, &mut out).fail(error, index);
    if error == error::NO_ERROR { Action::Send(out) } else { Action::Refuse(out) }
}
