//! One AgentX session, without I/O: events in, actions out.
//!
//! A session belongs to one connection and ends with it. It sends its Open, registers its subtrees, answers what
//! concerns the protocol alone and hands every request for values to its driver.

mod news;
mod registrations;

use super::admin::{CloseReason, Encoder};
use super::settings::Settings;
use super::wire::{self, Body, Header, PduType, Query, Response, WireError, error};
use crate::smi::oid::Oid;
use crate::smi::value::Value;
pub use news::{Ended, Notice, REPLY_WITHIN};
pub use registrations::Standing;
use registrations::{Ask, Registrations};
use std::time::{Duration, Instant};

/// How long the session may be silent before we ping the master agent (section 7.1.11). It never pings us.
pub const PING_AFTER: Duration = Duration::from_secs(60);

/// How many Notify PDUs may be unanswered. snmpd forwards each before it reads the next, and its backlog must not grow
/// with the number of thresholds that change at once.
const NOTIFY_WINDOW: usize = 4;

/// What happens to a session.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A whole PDU has arrived.
    Received(Header, &'a [u8]),
    /// The stream contains something that is not a PDU.
    Garbage(WireError),
    /// [`Session::deadline`] has passed.
    Timer,
    /// A Notify is to be sent: the driver's number for it, and its variable bindings, snmpTrapOID.0 first (section
    /// 6.2.10). Only while [`Session::takes_notify`].
    Notify(u64, &'a [(Oid, Value)]),
    /// We want to shut down.
    Shutdown,
    /// We want a session with other settings.
    Reload,
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
    /// The master agent has answered the Notify with this number, and so has received it.
    Notified(u64),
    /// Report this to people.
    Tell(Notice),
    /// Close the connection once everything is sent.
    Disconnect(Ended),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Open,
    Capabilities,
    Subtree(Ask),
    Ping,
    Notify(u64),
    Close(CloseReason),
}

#[derive(Debug)]
struct Pending {
    packet_id: u32,
    asked: Asked,
    until: Instant,
}

/// A session, from its Open to its end.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    session_id: Option<u32>,
    last_packet_id: u32,
    pending: Vec<Pending>,
    registrations: Registrations,
    last_heard: Instant,
    /// The transaction of an empty TestSet, the only kind that succeeds; a CommitSet may follow it.
    tested: Option<u32>,
}

type Actions<'a> = Vec<Action<'a>>;

impl Session {
    /// Begins a session on a new connection: the actions send the Open.
    #[must_use]
    pub fn open(settings: Settings, now: Instant) -> (Self, Actions<'static>) {
        let mut session = Self {
            registrations: Registrations::new(settings.subtrees.len(), settings.priority),
            settings,
            session_id: None,
            last_packet_id: 0,
            pending: Vec::new(),
            last_heard: now,
            tested: None,
        };
        let actions = session.ask(&[Asked::Open], now);
        (session, actions)
    }

    /// Whether the Open was answered.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.session_id.is_some()
    }

    /// Whether a Notify may be sent now: the master agent has answered nearly all earlier ones.
    #[must_use]
    pub fn takes_notify(&self) -> bool {
        let unanswered = |pending: &&Pending| matches!(pending.asked, Asked::Notify(_));
        self.is_open() && self.pending.iter().filter(unanswered).count() < NOTIFY_WINDOW
    }

    /// When [`Event::Timer`] is due.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let pending = self.pending.iter().map(|pending| pending.until);
        let ping = self.last_heard + PING_AFTER;
        pending.chain(self.registrations.due()).fold(ping, Instant::min)
    }

    /// Returns what to do about an event.
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
            Event::Notify(number, varbinds) => self.notify(number, varbinds, now),
            Event::Shutdown => self.leave(CloseReason::Shutdown, now),
            Event::Reload => self.leave(CloseReason::Other, now),
        }
    }

    fn leave(&mut self, reason: CloseReason, now: Instant) -> Actions<'static> {
        match self.session_id {
            Some(_) => self.ask(&[Asked::Close(reason)], now),
            None => vec![Action::Disconnect(Ended::ByUs)],
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
                self.tested = (varbinds == 0).then_some(header.transaction_id);
                let (error, index) =
                    if varbinds == 0 { (error::NO_ERROR, 0) } else { (error::NOT_WRITABLE, 1) };
                vec![reply(&header, error, index)]
            }
            // Section 7.2.4.2: without a successful TestSet there is nothing to commit.
            Body::CommitSet => {
                let (error, index) = if self.tested == Some(header.transaction_id) {
                    (error::NO_ERROR, 0)
                } else {
                    (error::COMMIT_FAILED, 1)
                };
                vec![reply(&header, error, index)]
            }
            // Section 7.2.4.3: and nothing to undo, which always succeeds.
            Body::UndoSet => {
                self.tested = None;
                vec![reply(&header, error::NO_ERROR, 0)]
            }
            // Section 7.2.4.4: no response is sent.
            Body::CleanupSet => {
                self.tested = None;
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

    /// Section 7.2.2: matches a response by h.packetID. Drops one that matches nothing or belongs to another session.
    /// The response to the Open brings the session's number.
    fn response(&mut self, header: &Header, error: u16, now: Instant) -> Actions<'static> {
        let answered = |pending: &Pending| {
            pending.packet_id == header.packet_id
                && (pending.asked == Asked::Open || self.session_id == Some(header.session_id))
        };
        let Some(position) = self.pending.iter().position(answered) else {
            return Vec::new();
        };
        let asked = self.pending.swap_remove(position).asked;
        if error == error::NOT_OPEN && !matches!(asked, Asked::Open | Asked::Close(_)) {
            return vec![Action::Disconnect(Ended::Unknown)];
        }
        match asked {
            Asked::Open if error != error::NO_ERROR => vec![Action::Disconnect(Ended::OpenRefused(error))],
            Asked::Open => {
                self.session_id = Some(header.session_id);
                let subtrees = self.registrations.ask_for_all().into_iter().map(Asked::Subtree);
                let capabilities = self.settings.capabilities.iter().map(|_| Asked::Capabilities);
                let all: Vec<_> = capabilities.chain(subtrees).collect();
                let mut actions = vec![Action::Tell(Notice::Opened)];
                actions.extend(self.ask(&all, now));
                actions
            }
            Asked::Capabilities if error != error::NO_ERROR => {
                vec![Action::Tell(Notice::CapabilitiesRefused(error))]
            }
            Asked::Subtree(Ask::Register(subtree, priority)) => {
                self.registered(subtree, priority, error, now)
            }
            Asked::Close(_) => vec![Action::Disconnect(Ended::ByUs)],
            Asked::Notify(number) => {
                let refused = (error != error::NO_ERROR).then_some(Notice::NotificationRefused(error));
                refused.map(Action::Tell).into_iter().chain([Action::Notified(number)]).collect()
            }
            Asked::Capabilities | Asked::Ping | Asked::Subtree(Ask::Unregister(..)) => Vec::new(),
        }
    }

    fn registered(&mut self, subtree: usize, priority: u8, error: u16, now: Instant) -> Actions<'static> {
        let (asks, refusal, standing) = self.registrations.answered(subtree, priority, error, now);
        let refused = refusal.map(|error| Notice::Refused {
            subtree: Box::new(self.settings.subtrees.get(subtree).cloned().unwrap_or_default()),
            error,
        });
        let standing = standing.map(Notice::Registered);
        let mut actions: Vec<_> = refused.into_iter().chain(standing).map(Action::Tell).collect();
        actions.extend(self.ask_for_subtrees(asks, now));
        actions
    }

    fn ask_for_subtrees(&mut self, asks: Vec<Ask>, now: Instant) -> Actions<'static> {
        if asks.is_empty() {
            return Vec::new();
        }
        let asks: Vec<_> = asks.into_iter().map(Asked::Subtree).collect();
        self.ask(&asks, now)
    }

    fn timer(&mut self, now: Instant) -> Actions<'static> {
        if self.pending.iter().any(|pending| pending.until <= now) {
            return vec![Action::Disconnect(Ended::NoAnswer)];
        }
        if self.registrations.due().is_some_and(|due| due <= now) {
            let asks = self.registrations.ask_again();
            return self.ask_for_subtrees(asks, now);
        }
        if self.last_heard + PING_AFTER <= now && self.is_open() {
            // No other Ping before the answer or the end of the session.
            self.last_heard = now;
            return self.ask(&[Asked::Ping], now);
        }
        Vec::new()
    }

    /// Sends our PDUs in one write, and records that they expect answers.
    fn ask(&mut self, all: &[Asked], now: Instant) -> Actions<'static> {
        let mut bytes = Vec::new();
        for &asked in all {
            self.pend(asked, now);
            match self.encode(asked) {
                Some(pdu) => bytes.extend(pdu),
                None => return vec![Action::Disconnect(Ended::Unencodable)],
            }
        }
        vec![Action::Send(bytes)]
    }

    /// Section 7.1.8: a Notify is answered like any other PDU of ours.
    fn notify(&mut self, number: u64, varbinds: &[(Oid, Value)], now: Instant) -> Actions<'static> {
        let Some(session_id) = self.session_id else {
            return Vec::new();
        };
        let packet_id = self.pend(Asked::Notify(number), now);
        vec![Action::Send(wire::notify(session_id, packet_id, &self.settings.context, varbinds))]
    }

    /// Records that our next PDU expects an answer, and returns its h.packetID.
    fn pend(&mut self, asked: Asked, now: Instant) -> u32 {
        self.last_packet_id = self.last_packet_id.wrapping_add(1);
        self.pending.push(Pending { packet_id: self.last_packet_id, asked, until: now + REPLY_WITHIN });
        self.last_packet_id
    }

    fn close(&mut self, reason: CloseReason) -> Option<Vec<u8>> {
        self.session_id?;
        self.last_packet_id = self.last_packet_id.wrapping_add(1);
        self.encoder().close(reason)
    }

    fn encode(&self, asked: Asked) -> Option<Vec<u8>> {
        let encoder = self.encoder();
        match asked {
            Asked::Open => encoder.open(),
            Asked::Capabilities => encoder.add_agent_caps(),
            Asked::Subtree(Ask::Register(subtree, priority)) => {
                encoder.register(self.settings.subtrees.get(subtree)?, priority)
            }
            Asked::Subtree(Ask::Unregister(subtree, priority)) => {
                encoder.unregister(self.settings.subtrees.get(subtree)?, priority)
            }
            Asked::Ping => encoder.ping(),
            Asked::Close(reason) => encoder.close(reason),
            // `notify` builds it, with its variable bindings.
            Asked::Notify(_) => None,
        }
    }

    fn encoder(&self) -> Encoder<'_> {
        Encoder {
            settings: &self.settings,
            session_id: self.session_id.unwrap_or(0),
            packet_id: self.last_packet_id,
        }
    }
}

fn reply(header: &Header, error: u16, index: u16) -> Action<'static> {
    let mut out = Vec::new();
    Response::to(header, &mut out).fail(error, index);
    if error == error::NO_ERROR { Action::Send(out) } else { Action::Refuse(out) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agentx::wire::{HEADER, NETWORK_BYTE_ORDER, NON_DEFAULT_CONTEXT};

    fn settings(context: &str) -> Settings {
        let subtrees = ["1.3.6.1.2.1.6", "1.3.6.1.2.1.7"].map(|oid| oid.parse().unwrap());
        Settings {
            subtrees: subtrees.into(),
            priority: 100,
            context: context.into(),
            id: "1.3.6.1.4.1.8072.9999".parse().unwrap(),
            description: "test".into(),
            capabilities: Some(("1.3.6.1.4.1.8072.9999.3.1".parse().unwrap(), "what is served".into())),
        }
    }

    fn header(kind: PduType, session_id: u32, packet_id: u32) -> Header {
        Header { kind, flags: 0, session_id, transaction_id: 3, packet_id, payload_length: 0 }
    }

    /// The (type, flags, session, packet) of each PDU in the bytes of a Send.
    fn sent(action: &Action<'_>) -> Vec<(u8, u8, u32, u32)> {
        let (Action::Send(bytes) | Action::Refuse(bytes)) = action else { panic!("{action:?}") };
        let (mut rest, mut pdus) = (&bytes[..], Vec::new());
        while !rest.is_empty() {
            let head = Header::decode(rest).unwrap().unwrap();
            pdus.push((rest[1], rest[2], head.session_id, head.packet_id));
            rest = &rest[HEADER + head.payload_length..];
        }
        pdus
    }

    /// res.error and res.index of a reply.
    fn replied(actions: &[Action<'_>]) -> (u16, u16) {
        let (Action::Send(bytes) | Action::Refuse(bytes)) = &actions[0] else { panic!("{actions:?}") };
        assert_eq!(bytes[1], 18);
        assert_eq!(Header::decode(bytes).unwrap().unwrap().packet_id, 77);
        (u16::from_le_bytes([bytes[24], bytes[25]]), u16::from_le_bytes([bytes[26], bytes[27]]))
    }

    fn response(session: &mut Session, packet_id: u32, error: u16, now: Instant) -> Actions<'static> {
        let [low, high] = error.to_le_bytes();
        let payload = [0, 0, 0, 0, low, high, 0, 0];
        let header = header(PduType::Response, 42, packet_id);
        let actions = session.handle(Event::Received(header, &payload), now);
        // No action that a response causes borrows from it.
        actions
            .into_iter()
            .map(|action| match action {
                Action::Send(bytes) => Action::Send(bytes),
                Action::Refuse(bytes) => Action::Refuse(bytes),
                Action::Notified(number) => Action::Notified(number),
                Action::Tell(notice) => Action::Tell(notice),
                Action::Disconnect(ended) => Action::Disconnect(ended),
                Action::Answer(..) => panic!("an answer to a response"),
            })
            .collect()
    }

    fn opened(now: Instant) -> Session {
        let (mut session, _) = Session::open(settings(""), now);
        let _ = response(&mut session, 1, 0, now);
        for packet_id in 2..=4 {
            let _ = response(&mut session, packet_id, 0, now);
        }
        session
    }

    fn handle<'a>(session: &mut Session, kind: PduType, payload: &'a [u8]) -> Actions<'a> {
        session.handle(Event::Received(header(kind, 42, 77), payload), Instant::now())
    }

    // 7.1.8: a Notify belongs to an open session, and is answered; a refusal concerns that notification alone.
    #[test]
    fn a_notification_is_sent_in_an_open_session_and_may_be_refused() {
        let now = Instant::now();
        let trap_oid = "1.3.6.1.6.3.1.1.4.1.0".parse().unwrap();
        let varbinds =
            [(trap_oid, Value::ObjectIdentifier(Box::new("1.3.6.1.4.1.8072.0.1".parse().unwrap())))];
        let (mut unopened, _) = Session::open(settings(""), now);
        assert_eq!(unopened.handle(Event::Notify(7, &varbinds), now), []);
        let mut session = opened(now);
        for (packet_id, error) in [(5, 0), (6, error::PARSE_ERROR)] {
            let actions = session.handle(Event::Notify(7, &varbinds), now);
            assert_eq!(sent(&actions[0]), [(12, NETWORK_BYTE_ORDER, 42, packet_id)]);
            let told = response(&mut session, packet_id, error, now);
            let refused = Action::Tell(Notice::NotificationRefused(error));
            let answered = Action::Notified(7);
            assert_eq!(told, if error == 0 { vec![answered] } else { vec![refused, answered] });
        }
        let _ = session.handle(Event::Notify(7, &varbinds), now);
        let unanswered = session.handle(Event::Timer, now + REPLY_WITHIN);
        assert_eq!(unanswered, [Action::Disconnect(Ended::NoAnswer)]);
    }

    #[test]
    fn few_notifications_wait_for_their_answers_at_a_time() {
        let now = Instant::now();
        let (unopened, _) = Session::open(settings(""), now);
        assert!(!unopened.takes_notify());
        let mut session = opened(now);
        let mut sent = 0;
        while session.takes_notify() {
            let _ = session.handle(Event::Notify(sent, &[]), now);
            sent += 1;
        }
        assert_eq!(sent, 4);
        // Answers come in any order, and each makes room for one.
        assert_eq!(response(&mut session, 7, 0, now), [Action::Notified(2)]);
        assert!(session.takes_notify());
        let _ = session.handle(Event::Notify(4, &[]), now);
        assert!(!session.takes_notify());
    }

    // 7.1.8: our Close may cross the master agent's, which then no longer knows the session. It is closed either way.
    #[test]
    fn a_close_of_ours_that_is_answered_with_not_open_is_a_close() {
        let now = Instant::now();
        for event in [Event::Shutdown, Event::Reload] {
            let mut session = opened(now);
            let _ = session.handle(event, now);
            assert_eq!(response(&mut session, 5, error::NOT_OPEN, now), [Action::Disconnect(Ended::ByUs)]);
        }
    }

    // 7.1.1: every later PDU has the session ID of the response to the Open.
    #[test]
    fn open_then_capabilities_and_registrations_in_one_write() {
        let now = Instant::now();
        let (mut session, actions) = Session::open(settings(""), now);
        assert_eq!(sent(&actions[0]), [(1, NETWORK_BYTE_ORDER, 0, 1)]);
        assert!(!session.is_open());
        let actions = response(&mut session, 1, 0, now);
        assert_eq!(actions[0], Action::Tell(Notice::Opened));
        let kinds: Vec<_> = sent(&actions[1]).iter().map(|pdu| (pdu.0, pdu.2, pdu.3)).collect();
        assert_eq!(kinds, [(16, 42, 2), (3, 42, 3), (3, 42, 4)]);
        assert!(response(&mut session, 2, 0, now).is_empty());
        assert!(response(&mut session, 3, 0, now).is_empty());
        let registered = Notice::Registered(Standing { ours: 2, behind: 0, of: 2 });
        assert_eq!(response(&mut session, 4, 0, now), [Action::Tell(registered)]);
    }

    // 6.1.1: a context field goes with Register, AddAgentCaps and Ping, never with Open and Close.
    #[test]
    fn a_context_goes_where_the_rfc_has_it() {
        let now = Instant::now();
        let (mut session, actions) = Session::open(settings("blue"), now);
        assert_eq!(sent(&actions[0])[0].1 & NON_DEFAULT_CONTEXT, 0);
        let actions = response(&mut session, 1, 0, now);
        assert!(sent(&actions[1]).iter().all(|pdu| pdu.1 & NON_DEFAULT_CONTEXT != 0));
        let Action::Send(bytes) = &actions[1] else { panic!() };
        assert_eq!(&bytes[HEADER..HEADER + 8], b"\0\0\0\x04blue");
        for packet_id in 2..=4 {
            let _ = response(&mut session, packet_id, 0, now);
        }
        let ping = session.handle(Event::Timer, now + PING_AFTER);
        let Action::Send(bytes) = &ping[0] else { panic!() };
        assert_eq!((bytes[1], bytes[2] & NON_DEFAULT_CONTEXT), (13, NON_DEFAULT_CONTEXT));
        assert_eq!(&bytes[HEADER..], b"\0\0\0\x04blue");
        let close = session.handle(Event::Shutdown, now + PING_AFTER);
        let Action::Send(bytes) = &close[0] else { panic!() };
        assert_eq!((bytes[1], bytes[2] & NON_DEFAULT_CONTEXT), (2, 0));
        assert_eq!(bytes[HEADER..], [5, 0, 0, 0], "c.reason and what is reserved");
    }

    // 5, 6.1: reserved fields are zero, payloads are multiples of four. 6.2.1: no timeout of our own, an id, a
    // description. 6.2.3: a subtree and no range of them, no single instance, the priority of the settings.
    fn words(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    #[test]
    fn administrative_pdus_have_the_fields_of_the_rfc() {
        let now = Instant::now();
        let (mut session, opening) = Session::open(settings(""), now);
        let registering = response(&mut session, 1, 0, now);
        let mut pdus = Vec::new();
        for action in opening.iter().chain(&registering) {
            let Action::Send(bytes) = action else { continue };
            let mut rest = &bytes[..];
            while let Ok(Some(header)) = Header::decode(rest) {
                pdus.push((header.kind, &rest[..HEADER + header.payload_length]));
                rest = &rest[HEADER + header.payload_length..];
            }
        }
        for (_, pdu) in &pdus {
            assert_eq!((pdu[0], pdu[2], pdu[3], pdu.len() % 4), (1, NETWORK_BYTE_ORDER, 0, 0));
        }
        let payload = |kind: u8| -> Vec<&[u8]> {
            let of_kind = pdus.iter().filter(|(found, _)| *found == PduType::Other(kind));
            of_kind.map(|(_, pdu)| &pdu[HEADER..]).collect()
        };
        assert_eq!(payload(1)[0][..4], [0; 4], "o.timeout");
        assert!(payload(1)[0].ends_with(b"\0\0\0\x04test"), "o.descr");
        for (register, last) in payload(3).into_iter().zip([6, 7]) {
            assert_eq!(register[..4], [0, 100, 0, 0], "r.timeout, r.priority, r.range_subid");
            assert_eq!(register.last(), Some(&last), "no r.upper_bound behind r.subtree");
        }
        // The Open says which program this is, AddAgentCaps what it serves: sub-identifiers, text.
        let open =
            [&[8, 0, 0, 0], &words(&[1, 3, 6, 1, 4, 1, 8072, 9999])[..], &words(&[4]), b"test"].concat();
        assert_eq!(payload(1)[0][4..], open, "o.id, o.descr");
        let caps = [
            &[10, 0, 0, 0],
            &words(&[1, 3, 6, 1, 4, 1, 8072, 9999, 3, 1])[..],
            &words(&[14]),
            b"what is served\0\0",
        ];
        assert_eq!(payload(16)[0], caps.concat(), "a.id, a.descr");
        // With nothing to claim, no AddAgentCaps is sent.
        let (mut session, _) = Session::open(Settings { capabilities: None, ..settings("") }, now);
        let registering = response(&mut session, 1, 0, now);
        let kinds: Vec<_> = registering.iter().skip(1).flat_map(sent).map(|(kind, ..)| kind).collect();
        assert_eq!(kinds, [3, 3]);
    }

    #[test]
    fn a_refused_open_ends_the_connection() {
        let (mut session, _) = Session::open(settings(""), Instant::now());
        let actions = response(&mut session, 1, 256, Instant::now());
        assert_eq!(actions, [Action::Disconnect(Ended::OpenRefused(256))]);
    }

    // 7.1.4: a dead session of ours also causes error 263 until the master agent notices. 7.1.5: the registration
    // behind it is given back.
    #[test]
    fn a_subtree_that_is_taken_is_registered_behind_and_tried_until_it_is_ours() {
        let now = Instant::now();
        let (mut session, _) = Session::open(settings(""), now);
        for packet_id in 1..4 {
            let _ = response(&mut session, packet_id, 0, now);
        }
        let behind = response(&mut session, 4, error::DUPLICATE_REGISTRATION, now);
        let register = |action: &Action<'_>| {
            let Action::Send(bytes) = action else { panic!("{action:?}") };
            (sent(action), bytes[HEADER + 1])
        };
        assert_eq!(register(&behind[0]), (vec![(3, NETWORK_BYTE_ORDER, 42, 5)], 101));
        let stands = |ours, behind| Action::Tell(Notice::Registered(Standing { ours, behind, of: 2 }));
        assert_eq!(response(&mut session, 5, 0, now), [stands(1, 1)]);
        let again = session.deadline();
        assert!(again < now + PING_AFTER);
        let asked = session.handle(Event::Timer, again);
        assert_eq!(register(&asked[0]), (vec![(3, NETWORK_BYTE_ORDER, 42, 6)], 100));
        let won = response(&mut session, 6, 0, again);
        assert_eq!(won[0], stands(2, 0));
        let (unregister, priority) = register(&won[1]);
        assert_eq!((unregister, priority), (vec![(4, NETWORK_BYTE_ORDER, 42, 7)], 101));
        assert_eq!(response(&mut session, 7, 0, again), []);
        assert_eq!(session.deadline(), again + PING_AFTER);
    }

    // 7.2.2: responses are matched by packet ID; the master agent's requests with the same number are not.
    #[test]
    fn packet_ids_of_both_sides_do_not_meet() {
        let now = Instant::now();
        let (mut session, _) = Session::open(settings(""), now);
        let _ = response(&mut session, 1, 0, now);
        let get = session.handle(Event::Received(header(PduType::Get, 42, 2), &[]), now);
        assert!(matches!(get[..], [Action::Answer(..)]));
        assert!(response(&mut session, 99, 0, now).is_empty(), "a reply to nothing");
        assert!(response(&mut session, 2, 263, now) == [Action::Tell(Notice::CapabilitiesRefused(263))]);
    }

    // 7.2.2: notOpen for a session that is not ours, and for any before the Open is answered. That ends nothing.
    #[test]
    fn other_sessions_are_not_open() {
        let now = Instant::now();
        let (unopened, _) = Session::open(settings(""), now);
        for (mut session, number) in [(opened(now), 43), (unopened, 0)] {
            let mut handle =
                |kind, payload| session.handle(Event::Received(header(kind, number, 77), payload), now);
            let requests: [(_, &'static [u8]); 7] = [
                (PduType::Get, &[]),
                (PduType::GetNext, &[]),
                (PduType::GetBulk, &[0; 4]),
                (PduType::TestSet, &[]),
                (PduType::CommitSet, &[]),
                (PduType::UndoSet, &[]),
                (PduType::Close, &[5, 0, 0, 0]),
            ];
            for (kind, payload) in requests {
                let actions = handle(kind, payload);
                assert_eq!((actions.len(), replied(&actions)), (1, (257, 0)), "{kind:?} of {number}");
            }
            assert_eq!(handle(PduType::CleanupSet, &[]), []);
            // The session goes on: with its own number, or with the answer to its Open.
            if number == 0 {
                assert_eq!(response(&mut session, 1, 0, now)[0], Action::Tell(Notice::Opened));
            }
            let get = session.handle(Event::Received(header(PduType::Get, 42, 77), &[]), now);
            assert!(matches!(get[..], [Action::Answer(..)]));
        }
    }

    // 7.2.2: parseError when the header can be read; a response is dropped; nothing answers a CleanupSet.
    #[test]
    fn what_cannot_be_parsed_is_answered_so() {
        let mut session = opened(Instant::now());
        for kind in [PduType::Get, PduType::GetBulk, PduType::TestSet, PduType::CommitSet, PduType::Other(99)]
        {
            let actions = handle(&mut session, kind, &[1, 2, 3]);
            assert_eq!(replied(&actions), (error::PARSE_ERROR, 0), "{kind:?}");
        }
        for kind in [PduType::Response, PduType::CleanupSet] {
            let actions = handle(&mut session, kind, &[1, 2, 3]);
            assert!(matches!(actions[..], [Action::Tell(Notice::Malformed(_))]), "{kind:?}");
        }
    }

    // 7.2.4.1: notWritable with the index of the first, in any context; 7.2.4.2: nothing to commit; 7.2.4.3: nothing to undo.
    #[test]
    fn sets_are_refused_in_every_step() {
        let mut session = opened(Instant::now());
        let varbind = [2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0];
        let actions = handle(&mut session, PduType::TestSet, &varbind);
        assert!(matches!(actions[..], [Action::Refuse(_)]));
        assert_eq!(replied(&actions), (error::NOT_WRITABLE, 1));
        let mut elsewhere = header(PduType::TestSet, 42, 77);
        elsewhere.flags = NON_DEFAULT_CONTEXT;
        let payload = [&[4, 0, 0, 0][..], b"blue", &varbind].concat();
        let actions = session.handle(Event::Received(elsewhere, &payload), Instant::now());
        assert_eq!(replied(&actions), (error::NOT_WRITABLE, 1));
        assert_eq!(replied(&handle(&mut session, PduType::CommitSet, &[])), (error::COMMIT_FAILED, 1));
        assert_eq!(replied(&handle(&mut session, PduType::UndoSet, &[])), (0, 0));
        assert!(handle(&mut session, PduType::CleanupSet, &[]).is_empty());
    }

    // 7.2.4: several variables in one TestSet; 7.2.4.1: the index is that of the first that fails.
    #[test]
    fn a_set_of_several_variables_is_refused_at_the_first() {
        let mut session = opened(Instant::now());
        let varbinds = [[2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0]; 3].concat();
        let actions = handle(&mut session, PduType::TestSet, &varbinds);
        assert_eq!(replied(&actions), (error::NOT_WRITABLE, 1));
    }

    // 7.2.4: the steps of a set have one transaction.
    #[test]
    fn what_one_transaction_tested_another_does_not_commit() {
        let mut session = opened(Instant::now());
        assert_eq!(replied(&handle(&mut session, PduType::TestSet, &[])), (0, 0));
        let other = Header { transaction_id: 1234, ..header(PduType::CommitSet, 42, 77) };
        let actions = session.handle(Event::Received(other, &[]), Instant::now());
        assert_eq!(replied(&actions), (error::COMMIT_FAILED, 1));
        assert_eq!(replied(&handle(&mut session, PduType::CommitSet, &[])), (0, 0));
    }

    // 6.2.2: c.reason says why.
    #[test]
    fn a_close_says_why() {
        for (event, reason) in [(Event::Shutdown, 5), (Event::Reload, 1)] {
            let actions = opened(Instant::now()).handle(event, Instant::now());
            let Action::Send(bytes) = &actions[0] else { panic!("{actions:?}") };
            assert_eq!((bytes[1], &bytes[HEADER..]), (2, &[reason, 0, 0, 0][..]));
        }
    }

    // 7.2.4.3, 7.3.1: UndoSet ends the transaction as CleanupSet does.
    #[test]
    fn a_set_that_was_undone_is_over() {
        let mut session = opened(Instant::now());
        for kind in [PduType::TestSet, PduType::CommitSet, PduType::UndoSet] {
            assert_eq!(replied(&handle(&mut session, kind, &[])), (0, 0), "{kind:?}");
        }
        assert_eq!(replied(&handle(&mut session, PduType::CommitSet, &[])), (error::COMMIT_FAILED, 1));
    }

    // 7.3.1: TestSet, CommitSet, CleanupSet of no variable bindings at all.
    #[test]
    fn an_empty_set_succeeds() {
        let mut session = opened(Instant::now());
        assert_eq!(replied(&handle(&mut session, PduType::TestSet, &[])), (0, 0));
        assert_eq!(replied(&handle(&mut session, PduType::CommitSet, &[])), (0, 0));
        assert!(handle(&mut session, PduType::CleanupSet, &[]).is_empty());
        assert_eq!(replied(&handle(&mut session, PduType::CommitSet, &[])), (error::COMMIT_FAILED, 1));
    }

    // 7.3.1: what was tested in a session cannot be committed once it is lost, nor in the next one.
    #[test]
    fn a_set_ends_with_its_session() {
        let mut session = opened(Instant::now());
        assert_eq!(replied(&handle(&mut session, PduType::TestSet, &[])), (0, 0));
        let _ = handle(&mut session, PduType::Close, &[5, 0, 0, 0]);
        assert_eq!(replied(&handle(&mut session, PduType::CommitSet, &[])), (error::NOT_OPEN, 0));
        let mut next = opened(Instant::now());
        assert_eq!(replied(&handle(&mut next, PduType::CommitSet, &[])), (error::COMMIT_FAILED, 1));
    }

    // 7.1.8, 7.2.2: a Close is answered, and the session is over.
    #[test]
    fn a_close_is_answered() {
        let mut session = opened(Instant::now());
        let actions = handle(&mut session, PduType::Close, &[5, 0, 0, 0]);
        assert_eq!(replied(&actions), (0, 0));
        assert_eq!(actions[1], Action::Disconnect(Ended::ByMaster(5)));
        assert!(!session.is_open());
    }

    // 7.1.11: a Ping after silence; no answer to it ends the session.
    #[test]
    fn pings_when_idle_and_gives_up_without_an_answer() {
        let mut now = Instant::now();
        let mut session = opened(now);
        assert_eq!(session.deadline(), now + PING_AFTER);
        now += PING_AFTER;
        let actions = session.handle(Event::Timer, now);
        assert_eq!(sent(&actions[0]), [(13, NETWORK_BYTE_ORDER, 42, 5)]);
        assert!(response(&mut session, 5, 0, now).is_empty());
        now += PING_AFTER;
        assert_eq!(sent(&session.handle(Event::Timer, now)[0])[0].3, 6);
        now += REPLY_WITHIN;
        assert_eq!(session.handle(Event::Timer, now), [Action::Disconnect(Ended::NoAnswer)]);
    }

    // 6.2.10, 7.1.8: the context and the variable bindings; the master agent's answer says that it has them. A few at a
    // time.
    #[test]
    fn a_notify_is_answered() {
        let now = Instant::now();
        let mut session = opened(now);
        let varbinds = [("1.3.6.1.6.3.1.1.4.1.0".parse().unwrap(), Value::Integer(7))];
        for number in 0..4 {
            assert!(session.takes_notify());
            let actions = session.handle(Event::Notify(number, &varbinds), now);
            let Action::Send(bytes) = &actions[0] else { panic!("{actions:?}") };
            let packet_id = 5 + u32::try_from(number).unwrap();
            assert_eq!(sent(&actions[0]), [(12, NETWORK_BYTE_ORDER, 42, packet_id)]);
            assert!(bytes.ends_with(&7_u32.to_be_bytes()) && actions.len() == 1);
        }
        assert!(!session.takes_notify(), "four are not answered");
        assert_eq!(response(&mut session, 6, 0, now), [Action::Notified(1)]);
        assert!(session.takes_notify());
        let refused = response(&mut session, 5, error::PARSE_ERROR, now);
        assert_eq!(
            refused,
            [Action::Tell(Notice::NotificationRefused(error::PARSE_ERROR)), Action::Notified(0)]
        );
    }

    /// A timer that is early does nothing, and a session that is not open yet does not ping.
    #[test]
    fn nothing_is_due_before_its_time() {
        let now = Instant::now();
        let early = Duration::from_millis(1);
        assert_eq!(opened(now).handle(Event::Timer, now + PING_AFTER - early), []);
        let (mut unopened, _) = Session::open(settings(""), now);
        for waited in [early, PING_AFTER.min(REPLY_WITHIN - early), REPLY_WITHIN - early] {
            assert_eq!(unopened.handle(Event::Timer, now + waited), [], "{waited:?}");
        }
        assert_eq!(unopened.handle(Event::Timer, now + REPLY_WITHIN), [Action::Disconnect(Ended::NoAnswer)]);
    }

    #[test]
    fn a_master_agent_that_forgot_us_ends_the_session() {
        let now = Instant::now();
        let mut session = opened(now);
        let _ = session.handle(Event::Timer, now + PING_AFTER);
        let actions = response(&mut session, 5, error::NOT_OPEN, now + PING_AFTER);
        assert_eq!(actions, [Action::Disconnect(Ended::Unknown)]);
    }

    #[test]
    fn shutting_down_closes_the_session_first() {
        let now = Instant::now();
        let mut session = opened(now);
        let actions = session.handle(Event::Shutdown, now);
        let Action::Send(bytes) = &actions[0] else { panic!() };
        assert_eq!((bytes[1], bytes[HEADER]), (2, 5), "Close, reasonShutdown");
        assert_eq!(response(&mut session, 5, 0, now), [Action::Disconnect(Ended::ByUs)]);
        let (mut unopened, _) = Session::open(settings(""), now);
        assert_eq!(unopened.handle(Event::Shutdown, now), [Action::Disconnect(Ended::ByUs)]);
    }

    #[test]
    fn garbage_ends_the_session_with_a_reason() {
        let mut session = opened(Instant::now());
        let error = WireError::Version(9);
        let actions = session.handle(Event::Garbage(error), Instant::now());
        let Action::Send(bytes) = &actions[0] else { panic!() };
        assert_eq!(sent(&actions[0]), [(2, NETWORK_BYTE_ORDER, 42, 5)], "a Close of our session");
        assert_eq!(bytes[HEADER..], [2, 0, 0, 0], "reasonParseError, and what is reserved");
        assert_eq!(actions[1], Action::Disconnect(Ended::Garbage(error)));
    }
}
