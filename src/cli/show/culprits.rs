//! Which listeners, UDP endpoints, services and destinations there are, those in trouble first.

use crate::cli::columns::{self, Align, figure};
use crate::mib::context::Context;
use crate::mib::groups::sockets::{ListenerRow, UdpEndpointRow};
use crate::snapshot::destinations::{Destination, Share};
use crate::snapshot::services::Service;
use crate::snapshot::tcp::Tcp;
use crate::snapshot::udp::Udp;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::io::{self, Write};

/// How many rows of each table to print; `--json` has all.
const ROWS: usize = 20;

/// The rows of the MIB's tables, in the order to show them.
pub struct Culprits {
    listeners: Vec<ListenerRow>,
    udp_endpoints: Vec<UdpEndpointRow>,
    services: Vec<Service>,
    destinations: Vec<Destination>,
}

impl Culprits {
    pub fn of(cx: &Context<'_>) -> Self {
        Self {
            listeners: cx.tcp().map(listeners).unwrap_or_default(),
            udp_endpoints: cx.udp().map(udp_endpoints).unwrap_or_default(),
            services: cx.tcp().map(services).unwrap_or_default(),
            destinations: cx
                .destinations()
                .map(|all| all.rows.clone())
                .map(busiest_first)
                .unwrap_or_default(),
        }
    }

    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let waiting: Vec<_> = self.listeners.iter().filter(|row| row.accept_queue != Some(0)).collect();
        writeln!(
            out,
            "\n{} listeners, {} of them with connections waiting for accept(2)",
            self.listeners.len(),
            waiting.len()
        )?;
        list(out, &[], &waiting, |row| vec![row.endpoint.to_string(), figure(row.accept_queue)])?;

        let troubled: Vec<_> = self.udp_endpoints.iter().filter(|row| drops_or_waits(row)).collect();
        writeln!(
            out,
            "\n{} UDP endpoints, {} of them with datagrams dropped by their open sockets or waiting to be read",
            self.udp_endpoints.len(),
            troubled.len()
        )?;
        list(out, &["dropped", "octets waiting"], &troubled, |row| {
            vec![row.endpoint.to_string(), figure(row.drops), figure(row.receive_queue)]
        })?;

        let troubled: Vec<_> = self.services.iter().filter(|row| waits(row)).collect();
        writeln!(
            out,
            "\n{} TCP services, {} of them with connections that wait for the program, for their peer or for an \
             acknowledgement",
            self.services.len(),
            troubled.len()
        )?;
        let titles = ["connections", "unread octets", "retransmitting", "stalled", "zero window"];
        list(out, &titles, &troubled, |row| {
            let load = row.load;
            let counts = [row.connections(), load.retransmitting, load.stalled, load.zero_window];
            let [connections, retransmitting, stalled, zero_window] = counts.map(|count| count.to_string());
            vec![
                format!("port {}", row.port),
                connections,
                figure(load.unread),
                retransmitting,
                stalled,
                zero_window,
            ]
        })?;

        writeln!(out, "\n{} destinations of outgoing TCP connections", self.destinations.len())?;
        let titles = ["sockets", "established", "synSent", "closeWait", "timeWait", "ports in use"];
        let shown: Vec<_> = self.destinations.iter().collect();
        list(out, &titles, &shown, |row| {
            let counts = [row.sockets, row.established, row.syn_sent, row.close_wait, row.time_wait];
            let mut cells = vec![row.endpoint.to_string()];
            cells.extend(counts.map(|count| count.to_string()));
            cells.push(figure(row.ephemeral.and_then(Share::percent)) + " %");
            cells
        })
    }

    /// The fields to add to the report.
    pub fn json(&self) -> Value {
        let listeners = self.listeners.iter().map(|ListenerRow { endpoint, accept_queue, sockets, .. }| {
            json!({"endpoint": endpoint, "accept_queue": accept_queue, "sockets": sockets})
        });
        let udp_endpoints =
            self.udp_endpoints.iter().map(|UdpEndpointRow { endpoint, sockets, receive_queue, drops }| {
                json!({"endpoint": endpoint, "sockets": sockets, "receive_queue_octets": receive_queue,
                    "drops_of_open_sockets": drops})
            });
        let services = self.services.iter().map(|service @ Service { port, load, .. }| {
            json!({"port": port, "connections": service.connections(), "unread_octets": load.unread,
                "unsent_octets": load.unsent, "retransmitting_sockets": load.retransmitting,
                "stalled_sockets": load.stalled, "zero_window_sockets": load.zero_window})
        });
        let destinations = self.destinations.iter().map(|row| {
            json!({"endpoint": row.endpoint, "sockets": row.sockets, "established": row.established,
                "syn_sent": row.syn_sent, "close_wait": row.close_wait, "time_wait": row.time_wait,
                "ephemeral_percent": row.ephemeral.and_then(Share::percent)})
        });
        json!({"listeners": listeners.collect::<Vec<_>>(), "udp_endpoints": udp_endpoints.collect::<Vec<_>>(),
            "services": services.collect::<Vec<_>>(), "destinations": destinations.collect::<Vec<_>>()})
    }
}

/// Prints the first rows below their titles, and how many more there are.
fn list<T>(
    out: &mut impl Write,
    titles: &[&str],
    rows: &[&T],
    cells: impl Fn(&T) -> Vec<String>,
) -> io::Result<()> {
    let mut lines = Vec::new();
    if !(titles.is_empty() || rows.is_empty()) {
        lines.push(std::iter::once("").chain(titles.iter().copied()).map(str::to_owned).collect());
    }
    lines.extend(rows.iter().take(ROWS).map(|row| {
        let mut cells = cells(row);
        cells.iter_mut().take(1).for_each(|name| name.insert_str(0, "  "));
        cells
    }));
    let columns: Vec<_> = std::iter::once(Align::Left(46)).chain([Align::Right(10); 6]).collect();
    columns::print(out, &columns, &lines)?;
    match rows.len().saturating_sub(ROWS) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more: --json"),
    }
}

/// The listeners, the longest queue first.
fn listeners(tcp: &Tcp) -> Vec<ListenerRow> {
    let mut rows: Vec<_> = tcp.listeners4.iter().map(ListenerRow::from).collect();
    rows.extend(tcp.listeners6.iter().map(ListenerRow::from));
    rows.sort_by_key(|row| Reverse(row.accept_queue));
    rows
}

/// The UDP endpoints, those that dropped most first.
fn udp_endpoints(udp: &Udp) -> Vec<UdpEndpointRow> {
    let mut rows: Vec<_> = udp.endpoints4.iter().map(UdpEndpointRow::from).collect();
    rows.extend(udp.endpoints6.iter().map(UdpEndpointRow::from));
    rows.sort_by_key(|row| Reverse((row.drops, row.receive_queue)));
    rows
}

/// Whether datagrams were lost here, or wait, or may have been.
fn drops_or_waits(row: &UdpEndpointRow) -> bool {
    row.drops != Some(0) || row.receive_queue != Some(0)
}

/// The services, those with the most connections in trouble first, then those that read least.
fn services(tcp: &Tcp) -> Vec<Service> {
    let mut rows = tcp.services.clone();
    rows.sort_by_key(|row| {
        let Service { load, .. } = row;
        Reverse((load.stalled, load.retransmitting + load.zero_window, load.unread))
    });
    rows
}

/// Whether connections of a service wait for something. What is sent and not acknowledged yet is no trouble.
fn waits(row: &Service) -> bool {
    row.load.unread != Some(0) || row.load.retransmitting + row.load.zero_window > 0
}

/// The destinations, those with the most sockets first.
fn busiest_first(mut rows: Vec<Destination>) -> Vec<Destination> {
    rows.sort_by_key(|row| Reverse((row.sockets, row.ephemeral.map(|share| share.used))));
    rows
}
