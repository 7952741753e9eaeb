//! A master agent that does what it is told. The `agentx` crate writes what it sends and reads what we answer.

use super::{Agent, Turn, program, tree};
use agentx::encodings::{ID, Value, VarBind};
use agentx::pdu::{self, Header, Response, Type};
use std::fs::Permissions;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::Location;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

pub const SESSION: u32 = 4711;
pub const BIG: u8 = 1 << 4;

pub struct Master {
    pub folder: TempDir,
    pub listener: UnixListener,
    pub stream: Option<UnixStream>,
    pub agent: Agent,
    _turn: Turn,
    /// NETWORK_BYTE_ORDER or nothing: how the master agent writes.
    order: u8,
}

impl Master {
    /// A master agent with a subagent that has opened its session and registered all its subtrees.
    #[track_caller]
    pub fn start(order: u8, configuration: &str) -> Self {
        let mut master = Self::deaf(order, configuration);
        master.accept();
        master
    }

    /// The same with a context that the subagent registers in.
    #[track_caller]
    pub fn start_in(order: u8, context: &str) -> Self {
        let mut master = Self::launch_in(program(), order, context, &tree("6.18"), "");
        master.accept();
        master
    }

    /// A master agent that has not accepted the connection yet.
    #[track_caller]
    pub fn deaf(order: u8, configuration: &str) -> Self {
        Self::launch(program(), order, &tree("6.18"), configuration)
    }

    /// A master agent that has not accepted the connection of this command yet, which reads that `/proc`.
    #[track_caller]
    pub fn launch(command: Command, order: u8, root: &str, configuration: &str) -> Self {
        Self::launch_in(command, order, "", root, configuration)
    }

    #[track_caller]
    fn launch_in(command: Command, order: u8, context: &str, root: &str, configuration: &str) -> Self {
        let _turn = Turn::of(Location::caller());
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("master");
        let listener = UnixListener::bind(&socket).unwrap();
        // For tests with an unprivileged subagent.
        for (path, mode) in [(folder.path(), 0o755), (&socket, 0o777)] {
            std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
        let address = format!("[agentx]\naddress = \"unix:{}\"\ncontext = \"{context}\"\n", socket.display());
        let configuration = format!("{address}[proc]\nroot = \"{root}\"\n{configuration}");
        let agent = Agent::launch(command, folder.path(), &configuration);
        Self { folder, listener, stream: None, agent, _turn, order }
    }

    pub fn accept(&mut self) {
        let (stream, _) = self.listener.accept().unwrap();
        self.open(stream);
    }

    /// The Open and the registrations on a connection that was accepted.
    pub fn open(&mut self, stream: UnixStream) {
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        self.stream = Some(stream);
        let open = self.receive();
        let open_pdu = pdu::Open::from_bytes(&open).unwrap();
        assert!(open_pdu.descr.0.starts_with("netstat-agentx "));
        assert_eq!(open_pdu.id.to_string(), "1.3.6.1.4.1.8072.9999.9999.2741.4");
        self.respond(&open);
        let (mut subtrees, mut capabilities) = (Vec::new(), 0);
        while subtrees.len() < 11 {
            let request = self.receive();
            match request[1] {
                3 => {
                    let register = pdu::Register::from_bytes(&request).unwrap();
                    assert_eq!((register.header.session_id, register.priority), (SESSION, 100));
                    subtrees.push(register.subtree.to_string());
                }
                16 => {
                    let caps = pdu::AddAgentCaps::from_bytes(&request).unwrap();
                    assert_eq!(caps.id.to_string(), "1.3.6.1.4.1.8072.9999.9999.2741.3.1");
                    capabilities += 1;
                }
                other => panic!("PDU of type {other}"),
            }
            self.respond(&request);
        }
        assert_eq!(capabilities, 1);
        assert_eq!(subtrees[0], "1.3.6.1.2.1.5");
        assert_eq!(subtrees[10], "1.3.6.1.4.1.8072.9999.9999.2741");
    }

    pub fn stream(&mut self) -> &mut UnixStream {
        self.stream.as_mut().unwrap()
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream().write_all(bytes).unwrap();
    }

    /// One whole PDU.
    pub fn receive(&mut self) -> Vec<u8> {
        self.try_receive().unwrap()
    }

    /// One whole PDU, unless the connection ends.
    pub fn try_receive(&mut self) -> std::io::Result<Vec<u8>> {
        let mut pdu = vec![0; 20];
        self.stream().read_exact(&mut pdu)?;
        let length = [pdu[16], pdu[17], pdu[18], pdu[19]];
        let length = if pdu[2] & BIG != 0 { u32::from_be_bytes(length) } else { u32::from_le_bytes(length) };
        pdu.resize(20 + length as usize, 0);
        self.stream().read_exact(&mut pdu[20..])?;
        Ok(pdu)
    }

    /// Sends a request again and again, each time with another packetID, and reads nothing, until the connection ends: how
    /// many were sent, and how it ended.
    pub fn flood(&mut self, mut request: Vec<u8>) -> (u32, std::io::Error) {
        self.stream().set_nonblocking(true).unwrap();
        let (mut sent, begun) = (0_u32, std::time::Instant::now());
        loop {
            request[12..16].copy_from_slice(&sent.to_le_bytes());
            let mut rest = &request[..];
            while !rest.is_empty() {
                assert!(
                    begun.elapsed() < Duration::from_secs(30),
                    "it reads no more, or not given up: {sent}"
                );
                match self.stream().write(rest) {
                    Ok(written) => rest = &rest[written..],
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    Err(error) => return (sent, error),
                }
            }
            sent += 1;
        }
    }

    /// Waits for the connection to end, and says how many octets came before.
    pub fn until_closed(&mut self) -> usize {
        let mut rest = Vec::new();
        match self.stream().read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "not closed"),
        }
        rest.len()
    }

    /// noAgentXError to an administrative PDU.
    pub fn respond(&mut self, request: &[u8]) {
        self.respond_with(pdu::ResError::NoAgentXError, request);
    }

    /// Any answer to an administrative PDU.
    pub fn respond_with(&mut self, error: pdu::ResError, request: &[u8]) {
        let request = Header::from_bytes(request).unwrap();
        let mut response = Response::new();
        response.header.flags = self.order;
        response.header.session_id = SESSION;
        response.header.packet_id = request.packet_id;
        response.res_error = error;
        let bytes = response.to_bytes().unwrap();
        self.send(&bytes);
    }

    pub fn header(&self, ty: Type, packet_id: u32) -> Header {
        let mut header = Header::new(ty);
        header.flags = self.order;
        header.session_id = SESSION;
        header.transaction_id = 9;
        header.packet_id = packet_id;
        header
    }

    pub fn ask(&mut self, request: &[u8]) -> Response {
        self.send(request);
        self.answer()
    }

    pub fn answer(&mut self) -> Response {
        let bytes = self.receive();
        assert_eq!(bytes[2], self.order, "the answer is in the byte order of the request");
        let response = Response::from_bytes(&bytes).unwrap();
        assert_eq!((response.header.session_id, response.header.transaction_id), (SESSION, 9));
        response
    }

    pub fn get(&self, packet_id: u32, names: &[&str]) -> Vec<u8> {
        let ranges = names.iter().map(|name| range(name, "", false)).collect();
        let mut get = pdu::Get::new(agentx::encodings::SearchRangeList(ranges));
        get.header = self.header(Type::Get, packet_id);
        get.to_bytes().unwrap()
    }

    pub fn getnext(&self, packet_id: u32, ranges: &[(&str, &str, bool)]) -> Vec<u8> {
        let ranges = ranges.iter().map(|(start, end, include)| range(start, end, *include)).collect();
        let mut get = pdu::GetNext::new(agentx::encodings::SearchRangeList(ranges));
        get.header = self.header(Type::GetNext, packet_id);
        get.to_bytes().unwrap()
    }

    pub fn getbulk(&self, non_repeaters: u16, max_repetitions: u16, starts: &[&str]) -> Vec<u8> {
        let ranges = starts.iter().map(|start| range(start, "", false)).collect();
        let mut get = pdu::GetBulk::new(agentx::encodings::SearchRangeList(ranges));
        get.header = self.header(Type::GetBulk, 50);
        get.non_repeaters = non_repeaters;
        get.max_repetitions = max_repetitions;
        get.to_bytes().unwrap()
    }
}

pub fn id(name: &str) -> ID {
    name.parse().unwrap()
}

pub fn range(start: &str, end: &str, include: bool) -> agentx::encodings::SearchRange {
    let mut start = id(start);
    start.include = include.into();
    agentx::encodings::SearchRange { start, end: id(end) }
}

pub fn list(response: Response) -> Vec<(String, Value)> {
    assert_eq!(response.res_error, pdu::ResError::NoAgentXError);
    let binds = response.vb.map(|list| list.0).unwrap_or_default();
    binds.into_iter().map(|VarBind { name, data }| (name.to_string(), data)).collect()
}

pub const ACTIVE_OPENS: &str = "1.3.6.1.2.1.6.5.0";
