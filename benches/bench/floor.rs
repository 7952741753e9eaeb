//! The floor: a subagent that computes nothing. It serves recorded instances as constants, with OIDs and types of the
//! same size as ours, through the same session and the same encoding. It either sleeps until the next request has come,
//! or first tries to receive it for a moment and gives the processor away in between.

use netstat_agentx::agentx::session::{Action, Event, Session};
use netstat_agentx::agentx::settings::Settings;
use netstat_agentx::agentx::wire::{HEADER, Header, Response};
use netstat_agentx::smi::oid::Oid;
use netstat_agentx::smi::value::Value;
use rustix::net::{RecvFlags, recv};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A subtree of ours, and the floor's counterpart of the same length.
pub const BESIDE: [(&str, &str); 2] = [
    (".1.3.6.1.4.1.8072.9999.9999.2741", ".1.3.6.1.4.1.8072.9999.9999.2742"),
    (".1.3.6.1.2.1.6", ".1.3.6.1.2.1.96"),
];

fn rows(recorded: &str) -> Vec<(Oid, Value)> {
    let text = std::fs::read_to_string(recorded).unwrap();
    let rows = text.lines().filter_map(|line| {
        let (name, value) = line.split_once(" = ")?;
        let (kind, value) = value.split_once(": ")?;
        let (from, to) = BESIDE.iter().find(|(from, _)| name.starts_with(from))?;
        let value = match kind {
            "Counter64" => Value::Counter64(value.parse().ok()?),
            "Counter32" => Value::Counter32(value.parse().ok()?),
            "Gauge32" => Value::Gauge32(value.parse().ok()?),
            "INTEGER" => Value::Integer(value.parse().ok()?),
            _ => return None,
        };
        Some((name.replacen(from, to, 1).parse().unwrap(), value))
    });
    rows.collect()
}

/// How long the floor that polls does so.
const PATIENCE: Duration = Duration::from_micros(60);

trait Stream: Read + Write + AsFd {}
impl Stream for UnixStream {}
impl Stream for TcpStream {}

fn connect(address: &str) -> Box<dyn Stream> {
    if let Some(address) = address.strip_prefix("tcp:") {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        return Box::new(stream);
    }
    Box::new(UnixStream::connect(address.strip_prefix("unix:").unwrap()).unwrap())
}

/// Receives what has come within the patience.
fn polled(stream: &dyn Stream, buffer: &mut [u8]) -> Option<usize> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Ok((read, _)) = recv(stream, &mut *buffer, RecvFlags::DONTWAIT) {
            return Some(read);
        }
        std::thread::yield_now();
    }
    None
}

pub fn serve(address: &str, recorded: &str, polls: bool) {
    let rows = rows(recorded);
    let subtrees = BESIDE.iter().map(|(_, to)| to.parse().unwrap()).collect();
    let settings = Settings {
        subtrees,
        priority: 100,
        context: String::new(),
        id: "1.3.6.1.4.1.8072.9999.9999.2742".parse().unwrap(),
        description: "constants".into(),
        capabilities: None,
    };
    let mut stream = connect(address);
    let (mut session, actions) = Session::open(settings, Instant::now());
    let mut out = Vec::new();
    let mut position = 0;
    act(actions, &rows, &mut position, &mut out);
    let (mut received, mut buffer) = (Vec::new(), vec![0; 65_536]);
    loop {
        stream.write_all(&out).unwrap();
        out.clear();
        let polled = if polls { polled(&*stream, &mut buffer) } else { None };
        match polled.unwrap_or_else(|| stream.read(&mut buffer).unwrap_or(0)) {
            0 => return,
            read => received.extend_from_slice(&buffer[..read]),
        }
        let mut taken = 0;
        while let Ok(Some(header)) = Header::decode(&received[taken..]) {
            let Some(payload) = received.get(taken + HEADER..taken + HEADER + header.payload_length) else {
                break;
            };
            taken += HEADER + header.payload_length;
            let actions = session.handle(Event::Received(header, payload), Instant::now());
            act(actions, &rows, &mut position, &mut out);
        }
        received.drain(..taken);
    }
}

/// The next row usually follows the one answered last; anything else is searched for.
pub fn act(actions: Vec<Action<'_>>, rows: &[(Oid, Value)], position: &mut usize, out: &mut Vec<u8>) {
    for action in actions {
        match action {
            Action::Send(bytes) | Action::Refuse(bytes) => out.extend(bytes),
            Action::Answer(header, query) => {
                let mut response = Response::to(&header, out);
                for range in query.ranges {
                    let follows = rows.get(*position).is_some_and(|(name, _)| *name == range.start);
                    *position = if follows {
                        *position + 1
                    } else {
                        rows.partition_point(|(name, _)| *name <= range.start)
                    };
                    match rows.get(*position) {
                        Some((name, value)) if range.end.as_ref().is_none_or(|end| name < end) => {
                            response.value(name, value);
                        }
                        _ => response.end_of_mib_view(&range.start),
                    }
                }
                response.finish();
            }
            Action::Tell(_) | Action::Notified(_) | Action::Disconnect(_) => {}
        }
    }
}
