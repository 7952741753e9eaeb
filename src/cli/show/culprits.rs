//! Which listeners, UDP endpoints, services and destinations there are, those in trouble first.

use crate::cli::columns::{self, Align, figure};
use crate::cli::listening::{self, Listening};
use crate::mib::context::Context;
use crate::mib::groups::sockets::UdpEndpointRow;
use crate::snapshot::destinations::{Destination, Share};
use crate::snapshot::paths::{self, PortPaths};
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
    listeners: Vec<Listening>,
    unix_listeners: Vec<Listening>,
    udp_endpoints: Vec<UdpEndpointRow>,
    services: Vec<(Service, Option<PortPaths>)>,
    destinations: Vec<Destination>,
}

impl Culprits {
    pub fn of(cx: &Context<'_>) -> Self {
        Self {
            listeners: fullest_first(listening::tcp(cx)),
            unix_listeners: fullest_first(listening::unix(cx)),
            udp_endpoints: cx.udp().map(udp_endpoints).unwrap_or_default(),
            services: cx.tcp().map(|tcp| services(tcp, cx.paths())).unwrap_or_default(),
            destinations: cx
                .destinations()
                .map(|all| all.rows.clone())
                .map(busiest_first)
                .unwrap_or_default(),
        }
    }

    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let troubled: Vec<_> = self.listeners.iter().filter(|row| waits_or_dropped(row)).collect();
        writeln!(
            out,
            "\n{} listeners, {} of them with connections waiting for accept(2) or dropped by their open sockets",
            self.listeners.len(),
            troubled.len()
        )?;
        list(out, &["waiting", "limit", "fullest", "dropped", "unit"], &troubled, |row| {
            let mut cells = vec![row.address.to_string()];
            cells.extend([row.waiting, row.limit].map(figure));
            cells.extend([percent(row.fullest), figure(row.drops), row.owners.join(", ")]);
            cells
        })?;

        let troubled: Vec<_> = self.unix_listeners.iter().filter(|row| row.waiting != Some(0)).collect();
        if !self.unix_listeners.is_empty() {
            writeln!(
                out,
                "\n{} Unix listeners, {} of them with connections waiting for accept(2)",
                self.unix_listeners.len(),
                troubled.len()
            )?;
        }
        list(out, &["waiting", "limit", "full"], &troubled, |row| {
            let [waiting, limit] = [row.waiting, row.limit].map(figure);
            vec![row.address.to_string(), waiting, limit, percent(row.fullest)]
        })?;

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

        let troubled: Vec<_> =
            self.services.iter().filter(|(service, paths)| waits(service, *paths)).collect();
        writeln!(
            out,
            "\n{} TCP services, {} of them with connections that wait for the program, for their peer or for an \
             acknowledgement, or that sent much again",
            self.services.len(),
            troubled.len()
        )?;
        let titles = [
            "connections",
            "unread octets",
            "retransmitting",
            "stalled",
            "zero window",
            "median RTT",
            "sent again",
        ];
        list(out, &titles, &troubled, |(row, paths)| {
            let load = row.load;
            let rtt = paths.and_then(|paths| paths.median);
            let again = paths.and_then(|paths| paths.retransmitted);
            let counts = [row.connections(), load.retransmitting, load.stalled, load.zero_window];
            let [connections, retransmitting, stalled, zero_window] = counts.map(|count| count.to_string());
            vec![
                format!("port {}", row.port),
                connections,
                figure(load.unread),
                retransmitting,
                stalled,
                zero_window,
                rtt.map_or_else(|| "?".to_owned(), milliseconds),
                again.map_or_else(|| "?".to_owned(), tenths),
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
        let listeners = self.listeners.iter().map(|row| {
            json!({"endpoint": row.address.to_string(), "accept_queue": row.waiting, "sockets": row.sockets,
                "queue_limit": row.limit, "drops_of_open_sockets": row.drops, "fullest_percent": row.fullest,
                "owners": row.limit.map(|_| &row.owners)})
        });
        let unix_listeners = self.unix_listeners.iter().map(|row| {
            json!({"path": row.address.to_string(), "queue": row.waiting, "queue_limit": row.limit,
                "sockets": row.sockets, "fullest_percent": row.fullest})
        });
        let udp_endpoints =
            self.udp_endpoints.iter().map(|UdpEndpointRow { endpoint, sockets, receive_queue, drops }| {
                json!({"endpoint": endpoint, "sockets": sockets, "receive_queue_octets": receive_queue,
                    "drops_of_open_sockets": drops})
            });
        let services = self.services.iter().map(|(service @ Service { port, load, .. }, paths)| {
            json!({"port": port, "connections": service.connections(), "unread_octets": load.unread,
                "unsent_octets": load.unsent, "retransmitting_sockets": load.retransmitting,
                "stalled_sockets": load.stalled, "zero_window_sockets": load.zero_window,
                "rtt_median_us": paths.and_then(|paths| paths.median), "rtt_p95_us": paths.and_then(|paths| paths.p95),
                "retransmitted_permille": paths.and_then(|paths| paths.retransmitted)})
        });
        let destinations = self.destinations.iter().map(|row| {
            json!({"endpoint": row.endpoint, "sockets": row.sockets, "established": row.established,
                "syn_sent": row.syn_sent, "close_wait": row.close_wait, "time_wait": row.time_wait,
                "ephemeral_percent": row.ephemeral.and_then(Share::percent)})
        });
        json!({"listeners": listeners.collect::<Vec<_>>(),
            "unix_listeners": unix_listeners.collect::<Vec<_>>(), "udp_endpoints": udp_endpoints.collect::<Vec<_>>(),
            "services": services.collect::<Vec<_>>(), "destinations": destinations.collect::<Vec<_>>()})
    }
}

/// Prints the first rows below their titles, and how many more there are.
pub fn list<T>(
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
    let columns: Vec<_> = std::iter::once(Align::Left(46)).chain([Align::Right(10); 7]).collect();
    columns::print(out, &columns, &lines)?;
    match rows.len().saturating_sub(ROWS) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more: --json"),
    }
}

/// Listeners, the fullest first, then those that dropped most.
fn fullest_first(mut rows: Vec<Listening>) -> Vec<Listening> {
    rows.sort_by_key(|row| Reverse((row.fullest, row.waiting, row.drops)));
    rows
}

/// Whether connections wait here, or were lost, or may have been.
fn waits_or_dropped(row: &Listening) -> bool {
    row.waiting != Some(0) || row.drops.is_some_and(|drops| drops > 0)
}

fn percent(figure: Option<u64>) -> String {
    figure.map_or_else(|| "?".to_owned(), |percent| format!("{percent} %"))
}

fn milliseconds(microseconds: u32) -> String {
    format!("{}.{:01} ms", microseconds / 1000, microseconds % 1000 / 100)
}

fn tenths(permille: u64) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
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
fn services(tcp: &Tcp, ports: Option<&[PortPaths]>) -> Vec<(Service, Option<PortPaths>)> {
    let path = |port| ports.and_then(|ports| ports.get(paths::find(ports, port)?)).copied();
    let mut rows: Vec<_> = tcp.services.iter().map(|service| (*service, path(service.port))).collect();
    rows.sort_by_key(|(Service { load, .. }, paths)| {
        let again = paths.and_then(|paths| paths.retransmitted);
        Reverse((load.stalled, load.retransmitting + load.zero_window, load.unread, again))
    });
    rows
}

/// Of a thousand octets, how many sent again are worth a line: users notice one in a hundred.
const MUCH: u64 = 10;

/// Whether connections of a service wait for something, or send much again. What is sent and not acknowledged yet is no
/// trouble.
fn waits(row: &Service, paths: Option<PortPaths>) -> bool {
    let again = paths.and_then(|paths| paths.retransmitted).unwrap_or(0);
    row.load.unread != Some(0) || row.load.retransmitting + row.load.zero_window > 0 || again >= MUCH
}

/// The destinations, those with the most sockets first.
fn busiest_first(mut rows: Vec<Destination>) -> Vec<Destination> {
    rows.sort_by_key(|row| Reverse((row.sockets, row.ephemeral.map(|share| share.used))));
    rows
}
