//! Sockets in every TCP state that can be had, over IPv4, IPv6 and IPv4-mapped addresses.

use super::Guard;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Keeps the sockets open.
pub struct Zoo {
    streams: Vec<TcpStream>,
    listeners: Vec<TcpListener>,
    helpers: Vec<Guard>,
}

impl Zoo {
    pub fn open() -> Self {
        let mut zoo = Self { streams: Vec::new(), listeners: Vec::new(), helpers: Vec::new() };
        // An IPv6 listener with an IPv4 client makes IPv4-mapped sockets.
        for (bind, connect) in [("127.0.0.1", "127.0.0.1"), ("[::1]", "[::1]"), ("[::]", "127.0.0.1")] {
            zoo.states(bind, connect);
        }
        zoo.half_open();
        std::thread::sleep(Duration::from_millis(300));
        zoo
    }

    fn states(&mut self, bind: &str, connect: &str) {
        let listener = TcpListener::bind(format!("{bind}:0")).unwrap();
        let address = format!("{connect}:{}", listener.local_addr().unwrap().port());
        let pair = || {
            let near = TcpStream::connect(&address).unwrap();
            (near, listener.accept().unwrap().0)
        };
        // established, twice
        let (a, b) = pair();
        self.streams.extend([a, b]);
        // finWait2 and closeWait
        let (a, b) = pair();
        a.shutdown(Shutdown::Write).unwrap();
        self.streams.extend([a, b]);
        // finWait1: the FIN waits behind data that the other end does not read
        let (a, b) = pair();
        fill(&a);
        a.shutdown(Shutdown::Write).unwrap();
        self.streams.extend([a, b]);
        // closing: the other end's FIN comes while our own still waits
        let (a, b) = pair();
        fill(&a);
        a.shutdown(Shutdown::Write).unwrap();
        b.shutdown(Shutdown::Write).unwrap();
        self.streams.extend([a, b]);
        // lastAck: after the other end's FIN, our own waits behind data
        let (a, b) = pair();
        a.shutdown(Shutdown::Write).unwrap();
        (&b).read_exact(&mut [0]).unwrap_err();
        fill(&b);
        b.shutdown(Shutdown::Write).unwrap();
        self.streams.extend([a, b]);
        // timeWait, at the end that closes first
        let (a, b) = pair();
        drop(a);
        (&b).read_exact(&mut [0]).unwrap_err();
        drop(b);
        // A connection that waits for accept(2).
        self.streams.push(TcpStream::connect(&address).unwrap());
        self.listeners.push(listener);
    }

    /// synReceived: a listener with TCP_DEFER_ACCEPT leaves a connection without data half open. synSent: a listener
    /// with a full accept queue drops further SYNs. The standard library can ask for neither; Perl is part of every
    /// Debian.
    fn half_open(&mut self) {
        let script = r#"
            use Socket qw(:all);
            my @keep;
            sub endpoint { socket($_[0], $_[1], SOCK_STREAM | $_[2], 0) or die $!; push @keep, $_[0]; $_[0] }
            for (pack_sockaddr_in(0, INADDR_LOOPBACK), pack_sockaddr_in6(0, inet_pton(AF_INET6, "::1"))) {
                my $family = sockaddr_family($_);
                my $deferring = endpoint(my $a, $family, 0);
                setsockopt($deferring, 6, 9, 60) or die $!;
                bind($deferring, $_) && listen($deferring, 5) or die $!;
                connect(endpoint(my $b, $family, 0), getsockname($deferring)) or die $!;
                my $full = endpoint(my $c, $family, 0);
                bind($full, $_) && listen($full, 0) or die $!;
                connect(endpoint(my $d, $family, 0), getsockname($full)) or die $!;
                connect(endpoint(my $e, $family, SOCK_NONBLOCK), getsockname($full)) and die "the queue is not full";
            }
            print "ready\n";
            close STDOUT;
            sleep 100;
        "#;
        let mut helper = Command::new("perl").args(["-e", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        helper.stdout.take().unwrap().read_to_string(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        self.helpers.push(Guard(helper));
    }
}

/// Writes until neither the near end's buffer nor the far end's takes any more.
fn fill(stream: &TcpStream) {
    stream.set_nonblocking(true).unwrap();
    let mut stream = stream;
    for _ in 0..3 {
        while stream.write(&[0; 64 * 1024]).is_ok() {}
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `ss -tan` by state, as the numbers of TCP-MIB.
pub fn ss(family: &str) -> BTreeMap<u32, u64> {
    let output = Command::new("ss").args([family, "-tanH"]).output().unwrap();
    let mut counts = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let state = match line.split_whitespace().next().unwrap() {
            "UNCONN" => 1,
            "LISTEN" => 2,
            "SYN-SENT" => 3,
            "SYN-RECV" => 4,
            "ESTAB" => 5,
            "FIN-WAIT-1" => 6,
            "FIN-WAIT-2" => 7,
            "CLOSE-WAIT" => 8,
            "LAST-ACK" => 9,
            "CLOSING" => 10,
            "TIME-WAIT" => 11,
            other => panic!("{other}"),
        };
        *counts.entry(state).or_insert(0) += 1;
    }
    counts
}

/// A UDP socket whose program does not read: most of a hundred datagrams are dropped.
pub fn full_udp_socket(address: &str) -> UdpSocket {
    let full = UdpSocket::bind(address).unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size(&full, 2048).unwrap();
    let from = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..100 {
        from.send_to(&[0; 500], address).unwrap();
    }
    full
}
