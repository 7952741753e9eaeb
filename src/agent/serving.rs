//! One session being served: what the agent does for each of its actions.

use super::state::{Agent, Stopped};
use crate::agentx::session::{Action, Ended, Event, Notice, Session, Standing};
use crate::agentx::transport::{Connection, Incoming};
use crate::agentx::wire;
use std::time::{Duration, Instant};

/// How long the master agent may take to answer our Close before we leave anyway.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// A session that ends sooner counts as a failed attempt: a master agent that accepts us and drops us at once must not
/// make us spin.
const LASTING: Duration = Duration::from_secs(1);

/// How many reads it may take to catch up with what has arrived meanwhile: at least 6 MiB, which a TCP socket has room
/// for by default (net.ipv4.tcp_rmem). A Unix socket has room for a few reads.
const CATCH_UP: usize = 192;

/// The session being served, and its state.
pub struct Serving {
    pub session: Session,
    began: Instant,
    registered: bool,
    malformed: bool,
    pub ended: Option<Ended>,
    /// What to do after our own Close, and when to stop waiting for its answer.
    pub leaving: Option<(Stopped, Instant)>,
}

impl Serving {
    /// Opens a session on a new connection.
    pub fn begin(agent: &mut Agent, connection: &mut Connection) -> Self {
        let (session, actions) = Session::open(agent.settings(), Instant::now());
        let mut serving = Self {
            session,
            began: Instant::now(),
            registered: false,
            malformed: false,
            ended: None,
            leaving: None,
        };
        for action in actions {
            serving.act(agent, action, &mut connection.out);
        }
        serving
    }

    /// Whether the session goes on.
    pub fn is_served(&self) -> bool {
        self.ended.is_none() && self.leaving.is_none()
    }

    pub fn event(&mut self, agent: &mut Agent, event: Event<'_>, out: &mut Vec<u8>) {
        for action in self.session.handle(event, Instant::now()) {
            self.act(agent, action, out);
        }
    }

    /// Handles all PDUs that have arrived.
    pub fn receive(&mut self, agent: &mut Agent, connection: &mut Connection) {
        while self.ended.is_none() && !connection.is_stuck() {
            let congested = connection.is_congested();
            match connection.next_pdu() {
                Ok(None) => return,
                Ok(Some(Incoming { header, payload, is_last, out })) => {
                    let now = Instant::now();
                    for action in self.session.handle(Event::Received(header, payload), now) {
                        match action {
                            Action::Answer(header, query) => {
                                agent.query(&header, &query, payload, is_last && !congested, now, out);
                            }
                            action => self.act(agent, action, out),
                        }
                    }
                }
                Err(error) => self.event(agent, Event::Garbage(error), &mut connection.out),
            }
        }
    }

    /// Handles all that has arrived, known to the runtime or not: the awaited answer may be behind much else.
    pub fn catch_up(&mut self, agent: &mut Agent, connection: &mut Connection) {
        for _ in 0..CATCH_UP {
            let more = connection.catch_up();
            self.receive(agent, connection);
            if !more {
                break;
            }
        }
    }

    fn act(&mut self, agent: &mut Agent, action: Action<'_>, out: &mut Vec<u8>) {
        match action {
            Action::Send(bytes) => out.extend(bytes),
            Action::Refuse(bytes) => {
                out.extend(bytes);
                let statistics = &mut agent.subagent.statistics;
                statistics.requests += 1;
                statistics.errors += 1;
            }
            // Only received PDUs are answered, in `receive`.
            Action::Answer(..) => {}
            Action::Notified(threshold) => {
                agent.subagent.thresholds.notified(threshold);
                self.notify(agent, out);
            }
            Action::Tell(notice) => {
                self.log(agent, &notice);
                // Send what changed while the master agent was away.
                if matches!(notice, Notice::Registered(_)) {
                    self.watch(agent, out);
                }
            }
            Action::Disconnect(ended) => self.ended = Some(ended),
        }
    }

    fn log(&mut self, agent: &mut Agent, notice: &Notice) {
        let priority = u8::from(agent.config.agentx.priority);
        match notice {
            Notice::Opened => {
                agent.subagent.statistics.sessions += 1;
                tracing::debug!(address = %agent.config.agentx.address, "the session is open");
            }
            Notice::Registered(Standing { ours, behind, of }) => {
                self.registered = true;
                let address = &agent.config.agentx.address;
                let sessions = agent.subagent.statistics.sessions;
                let line = match behind {
                    0 => format!("serving {ours} of {of} subtrees"),
                    _ => format!("serving {ours} of {of} subtrees, and {behind} when whoever has them goes"),
                };
                match agent.outage.end() {
                    Some(away) => {
                        tracing::info!(%address, priority, sessions, away_ms = away.as_millis(), "{line}");
                    }
                    None => tracing::info!(%address, priority, sessions, "{line}"),
                }
                if *behind > 0 {
                    tracing::warn!(
                        priority,
                        "another subagent has {behind} subtrees at this priority: registered behind it; if it is not \
                         another instance of this one, choose another priority under [agentx]"
                    );
                }
                agent.supervisor.status(&format!("{line} at {address}"));
            }
            Notice::Refused { subtree, error } => tracing::warn!(
                %subtree,
                priority,
                "the master agent refused a subtree: {} ({error}); trying again until it is free",
                wire::error::name(*error),
            ),
            Notice::CapabilitiesRefused(error) => {
                tracing::info!(
                    "the master agent keeps no agent capabilities: {} ({error})",
                    wire::error::name(*error)
                );
            }
            Notice::NotificationRefused(error) => {
                agent.untold.count();
                agent.untold_error = *error;
            }
            // A master agent that sends one malformed PDU sends thousands.
            Notice::Malformed(error) if self.malformed => {
                tracing::debug!(%error, "a PDU of the master agent could not be read");
            }
            Notice::Malformed(error) => {
                self.malformed = true;
                tracing::warn!(
                    %error,
                    "a PDU of the master agent could not be read; further ones in this session are told at level debug"
                );
            }
        }
    }

    /// Checks the thresholds that are due, and notifies the master agent of changes.
    pub fn watch(&mut self, agent: &mut Agent, out: &mut Vec<u8>) {
        agent.watch(Instant::now());
        if self.registered {
            self.notify(agent, out);
        }
    }

    /// Notifies the master agent of changes, a few at a time: it answers each, and no more than the unanswered ones may
    /// wait for it to read them.
    fn notify(&mut self, agent: &mut Agent, out: &mut Vec<u8>) {
        while self.leaving.is_none() && self.session.takes_notify() {
            let Some((threshold, varbinds)) = agent.next_notification() else { break };
            self.event(agent, Event::Notify(threshold, &varbinds), out);
        }
    }

    /// Closes the session; `then` follows when the master agent has answered.
    pub fn leave(&mut self, agent: &mut Agent, then: Stopped, out: &mut Vec<u8>) {
        let event = if matches!(then, Stopped::Reload) { Event::Reload } else { Event::Shutdown };
        self.leaving = Some((then, Instant::now() + CLOSE_WITHIN));
        self.event(agent, event, out);
    }

    pub fn outcome(self, why: &str) -> Stopped {
        match self.leaving {
            Some((then, _)) => then,
            None => Stopped::Lost {
                lasted: self.registered && self.began.elapsed() >= LASTING,
                why: why.to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agentx::address::{MasterAddress, Resolver};
    use crate::config::Config;
    use std::io::Write;

    /// The answer comes after more data than one read returns.
    #[tokio::test]
    async fn an_answer_that_has_come_is_found_behind_whatever_came_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let address = MasterAddress::Unix(path);
        let mut connection = Connection::open(&address, false, &mut Resolver::default()).await.unwrap();
        let (mut master, _) = listener.accept().unwrap();
        let mut agent = Agent::new(Config::default());
        let mut serving = Serving::begin(&mut agent, &mut connection);
        let pdu = |kind: u8, packet_id: u8, payload: &[u8]| {
            let length = u8::try_from(payload.len()).unwrap();
            let header = [1, kind, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, packet_id, 0, 0, 0, length, 0, 0, 0];
            [&header[..], payload].concat()
        };
        // CleanupSet PDUs, which nobody answers, and the Response to our Open.
        let all = [pdu(17, 9, &[]).repeat(7_500), pdu(18, 1, &[0; 8])].concat();
        master.write_all(&all).unwrap();
        serving.catch_up(&mut agent, &mut connection);
        assert!(all.len() > 128 << 10 && serving.session.is_open());
    }
}
