//! Whose trouble it is: what listeners, Unix listeners and owners are called in a scrape.

use super::{Form, forms};
use crate::common::{Agent, Snmpd, in_namespace, this_test};
use std::collections::BTreeMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

/// A listener whose queue takes two, and is full.
fn full(address: SocketAddr) -> (OwnedFd, Vec<TcpStream>) {
    let socket =
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &address).unwrap();
    rustix::net::listen(&socket, 1).unwrap();
    let waiting = (0..2).map(|_| TcpStream::connect(address).unwrap()).collect();
    for _ in 0..3 {
        assert!(TcpStream::connect_timeout(&address, Duration::from_millis(50)).is_err());
    }
    (socket, waiting)
}

/// The labels and values of a metric.
fn rows<'a>(samples: &'a BTreeMap<String, f64>, metric: &str) -> Vec<(&'a str, f64)> {
    let of = |(name, value): (&'a String, &f64)| {
        let labels = name.strip_prefix(metric)?.strip_prefix('{')?.strip_suffix('}')?;
        Some((labels, *value))
    };
    samples.iter().filter_map(of).collect()
}

/// The value of a label in the only row that has another one, and the value of that row.
fn the_row<'a>(rows: &[(&'a str, f64)], label: &str, wanted: &str) -> (&'a str, f64) {
    let found: Vec<_> = rows.iter().filter(|(labels, _)| labels.contains(wanted)).collect();
    let [(labels, value)] = found[..] else { panic!("{wanted} in {rows:?}") };
    let text = labels.split(&format!("{label}=\"")).nth(1).unwrap_or_else(|| panic!("{label} in {labels}"));
    (text.split('"').next().unwrap(), *value)
}

fn scrape(form: &Form, module: &str, snmpd: &Snmpd) -> BTreeMap<String, f64> {
    form.scrape(module, snmpd, || ())
}

#[test]
#[ignore = "needs snmp_exporter: make test-consumers"]
fn listeners_and_owners_have_names() {
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("");
    let full_at: SocketAddr = "127.0.0.1:7997".parse().unwrap();
    let _full = full(full_at);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("full.sock");
    let unix = UnixListener::bind(&path).unwrap();
    rustix::net::listen(&unix, 3).unwrap();
    let _waiting: Vec<_> = (0..3).map(|_| UnixStream::connect(&path).unwrap()).collect();
    // Four connections that this program does not close, which the other end has.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let connect = || (TcpStream::connect(("127.0.0.1", port)).unwrap(), server.accept().unwrap().0);
    let pairs: Vec<_> = (0..4).map(|_| connect()).collect();
    pairs.iter().for_each(|(near, _)| near.shutdown(Shutdown::Write).unwrap());
    let program = std::fs::read_to_string("/proc/self/comm").unwrap();
    let agent = Agent::at(&snmpd, "[refresh]\nsockets-max-age = \"100ms\"\nprocesses-max-age = \"100ms\"");

    let forms = forms();
    let _exporters = forms.each_ref().map(Form::exporter);
    for form in &forms {
        std::thread::sleep(Duration::from_millis(200));
        let samples = scrape(form, "linux_netstat", &snmpd);
        let endpoint = format!("lnsListenerEndpoint=\"{full_at}\"");
        let listener = |metric: &str| the_row(&rows(&samples, metric), "lnsListenerOwner", &endpoint);
        let (owner, fullest) = listener("lnsListenerFullestPercent");
        assert_eq!((listener("lnsListenerQueueLimit").1, fullest), (1.0, 200.0));
        assert!(listener("lnsListenerDropsOfOpenSockets").1 >= 3.0);
        let service = |metric: &str| {
            let row = format!("{metric}{{lnsTcpServicePort=\"{port}\"}}");
            *samples.get(&row).unwrap_or_else(|| panic!("{row}"))
        };
        let [median, p95] = ["lnsTcpServiceRttMedian", "lnsTcpServiceRttP95"].map(service);
        assert!(0.0 < median && median <= p95 && p95 < 1e6, "{median} {p95}");

        let unix = scrape(form, "linux_netstat_unix", &snmpd);
        let of = |metric: &str| unix[&format!("{metric}{{lnsUnixListenerPath=\"{}\"}}", path.display())];
        let columns = ["lnsUnixListenerQueue", "lnsUnixListenerQueueLimit", "lnsUnixListenerSockets"];
        assert_eq!(columns.map(of), [3.0, 3.0, 1.0]);

        let owners = scrape(form, "linux_netstat_owners", &snmpd);
        let sockets = |kind: &str, name: &str, state: &str| {
            let row = format!(
                "lnsOwnerSockets{{lnsOwnerKind=\"{kind}\",lnsOwnerName=\"{name}\",lnsOwnerState=\"{state}\"}}"
            );
            *owners.get(&row).unwrap_or_else(|| panic!("{row} in {owners:?}"))
        };
        assert_eq!(sockets("program", program.trim_end(), "closeWait"), 4.0);
        if owner.is_empty() {
            println!(
                "note: units cannot be had on this machine, so that owners of listeners were not tested"
            );
        } else {
            assert!(sockets("unit", owner, "closeWait") >= 4.0);
            assert!(sockets("unit", owner, "listen") >= 2.0);
        }
    }
    drop(agent);

    // Where sock_diag cannot be had, a listener has no owner, and its other figures all the same.
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proc/6.18");
    let _agent = Agent::at(&snmpd, &format!("[proc]\nroot = \"{root}\""));
    for form in &forms {
        let samples = scrape(form, "linux_netstat", &snmpd);
        let queues = rows(&samples, "lnsListenerAcceptQueue");
        assert_eq!(the_row(&queues, "lnsListenerOwner", "lnsListenerEndpoint=\"127.0.0.1:8001\""), ("", 1.0));
        assert_eq!(rows(&samples, "lnsListenerFullestPercent"), []);
        assert_eq!(rows(&scrape(form, "linux_netstat_owners", &snmpd), "lnsOwnerSockets"), []);
    }
}
