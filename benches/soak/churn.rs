//! Sockets that come and go.

use crate::Soak;
use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Connections per worker in 10 ms: 1,500 connections a second, 3,000 sockets.
const BATCH: usize = 15;

/// Opens and closes connections of both families. Some hold unread data, so that they end with a reset.
pub fn tcp(soak: &Soak, worker: u16) {
    let listeners =
        ["127.0.0.1", "[::1]"].map(|host| TcpListener::bind(format!("{host}:{}", 5000 + worker)).unwrap());
    let mut next = Instant::now();
    let mut turn = 0_usize;
    while !soak.is_over() {
        for _ in 0..BATCH {
            turn += 1;
            let listener = &listeners[turn % 2];
            let Ok(near) = TcpStream::connect(listener.local_addr().unwrap()) else {
                soak.count("connections that the system had no port for", 1);
                continue;
            };
            let (far, _) = listener.accept().unwrap();
            match turn % 3 {
                0 => {
                    (&near).write_all(b"unread").unwrap();
                    drop((far, near));
                }
                1 => drop((near, far)),
                _ => drop((far, near)),
            }
            soak.churned.fetch_add(2, Ordering::Relaxed);
        }
        next += Duration::from_millis(10);
        match next.checked_duration_since(Instant::now()) {
            Some(rest) => std::thread::sleep(rest),
            // Missed turns are not made up for.
            None => next = Instant::now(),
        }
    }
}

pub fn udp(soak: &Soak) {
    while !soak.is_over() {
        for host in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"] {
            let socket = UdpSocket::bind(host).unwrap();
            if host.starts_with("127") {
                socket.connect("127.0.0.1:9").unwrap();
                let _ = socket.send(b"to nobody");
            }
            soak.churned.fetch_add(1, Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
