//! Indexes as people read them: `127.0.0.53:53`, `443 closeWait`, `TcpExt ListenDrops`.

use super::syntax::Syntax;
use super::table::Column;
use std::net::{IpAddr, SocketAddr};

/// The longest text, in octets. The index of no row is as long.
const LONGEST: usize = 255;

/// An index, component by component: numbers by their labels, an address and its port as one. What does not match the
/// declared types stays numbers, so that the text is ASCII whatever the numbers are.
#[must_use]
pub fn readable(index: &[Column], subids: &[u32]) -> String {
    let (mut index, mut subids, mut parts) = (index, subids, Vec::new());
    while !subids.is_empty() {
        let part = endpoint(index, subids).or_else(|| component(index, subids));
        let Some((part, components, behind)) = part else {
            parts.push(dotted(subids));
            break;
        };
        parts.push(part);
        index = index.get(components..).unwrap_or_default();
        subids = behind;
    }
    let mut text = parts.join(" ");
    text.truncate(LONGEST);
    text
}

/// Whether numbers are an index from its first component to its last.
#[must_use]
pub fn is_whole(index: &[Column], subids: &[u32]) -> bool {
    let behind = index.iter().try_fold(subids, |subids, column| Some(split(column.syntax, subids)?.1));
    behind.is_some()
}

/// The first component of an index, how many that is, and what is behind it.
type Part<'a> = (String, usize, &'a [u32]);

/// An address with its port, and before it the type that the address shows by itself.
fn endpoint<'a>(index: &[Column], subids: &'a [u32]) -> Option<Part<'a>> {
    let (components, behind) = match index.first()?.syntax {
        Syntax::InetAddressType => (3, split(Syntax::InetAddressType, subids)?.1),
        _ => (2, subids),
    };
    let [address, port] =
        [components - 2, components - 1].map(|at| index.get(at).map(|column| column.syntax));
    let address @ (Syntax::InetAddress | Syntax::IpAddress) = address? else { return None };
    let (address, behind) = split(address, behind)?;
    let (&[port], behind) = split(port?, behind)? else { return None };
    let address = match *octets(address)? {
        [a, b, c, d] => IpAddr::from([a, b, c, d]),
        ref octets => IpAddr::from(<[u8; 16]>::try_from(octets).ok()?),
    };
    Some((SocketAddr::new(address, u16::try_from(port).ok()?).to_string(), components, behind))
}

fn component<'a>(index: &[Column], subids: &'a [u32]) -> Option<Part<'a>> {
    let syntax = index.first()?.syntax;
    let (component, behind) = split(syntax, subids)?;
    let label = || {
        let &[number] = component else { return None };
        syntax.labels().iter().find(|(of, _)| *of == number).map(|(_, label)| (*label).to_owned())
    };
    let text = || {
        let octets = octets(component)?;
        let printable = |octet: &u8| octet.is_ascii_graphic();
        (!octets.is_empty() && octets.iter().all(printable)).then(|| String::from_utf8(octets).ok()).flatten()
    };
    let part = if matches!(syntax, Syntax::Text(..)) { text() } else { label() };
    Some((part.unwrap_or_else(|| dotted(component)), 1, behind))
}

/// The sub-identifiers of a component, without its length, and those behind it (RFC 2578 section 7.7).
fn split(syntax: Syntax, subids: &[u32]) -> Option<(&[u32], &[u32])> {
    let (length, subids) = match syntax {
        Syntax::Text(..) | Syntax::InetAddress => {
            let (length, subids) = subids.split_first()?;
            (usize::try_from(*length).ok()?, subids)
        }
        Syntax::IpAddress => (4, subids),
        _ => (1, subids),
    };
    subids.split_at_checked(length)
}

fn octets(subids: &[u32]) -> Option<Vec<u8>> {
    subids.iter().map(|&subid| u8::try_from(subid).ok()).collect()
}

fn dotted(subids: &[u32]) -> String {
    let numbers: Vec<_> = subids.iter().map(ToString::to_string).collect();
    numbers.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mib::groups::GROUPS;
    use crate::mib::object::Object;

    fn index_of(table: &str) -> &'static [Column] {
        let tables = GROUPS.iter().flat_map(|group| group.objects).filter_map(|object| match object {
            Object::Table(table) => Some(table),
            _ => None,
        });
        tables.into_iter().find(|other| other.name == table).unwrap().index
    }

    #[test]
    fn indexes_of_every_kind() {
        let text = |text: &str| -> Vec<u32> {
            let length = u32::try_from(text.len()).unwrap();
            std::iter::once(length).chain(text.bytes().map(u32::from)).collect()
        };
        let v6 = |last: u32| [&[2, 16][..], &[0; 15], &[last]].concat();
        for (table, subids, expected) in [
            ("lnsUdpEndpointTable", vec![1, 4, 127, 0, 0, 53, 53], "127.0.0.53:53"),
            ("lnsUdpEndpointTable", [v6(1), vec![123]].concat(), "[::1]:123"),
            ("lnsTcpPortTable", vec![443, 8], "443 closeWait"),
            ("lnsTcpStateTable", vec![0, 5], "all established"),
            ("tcpConnTable", vec![10, 0, 0, 1, 22, 10, 0, 0, 2, 40_000], "10.0.0.1:22 10.0.0.2:40000"),
            (
                "udpEndpointTable",
                [vec![1, 4, 0, 0, 0, 0, 53], v6(0), vec![0, 7]].concat(),
                "0.0.0.0:53 [::]:0 7",
            ),
            ("lnsCounterTable", [text("TcpExt"), text("ListenDrops")].concat(), "TcpExt ListenDrops"),
            ("lnsResetTable", [vec![1, 2, 443], text("NO_SOCKET")].concat(), "sent remote 443 NO_SOCKET"),
            ("lnsThresholdTable", text("close-wait"), "close-wait"),
            // Not as declared, or nothing to read.
            ("lnsTcpPortTable", vec![443, 99], "443 99"),
            ("lnsTcpPortTable", vec![443, 8, 1, 2], "443 closeWait 1.2"),
            ("lnsUdpEndpointTable", vec![1, 4, 127, 0], "ipv4 4.127.0"),
            ("lnsUdpEndpointTable", vec![1, 3, 127, 0, 0, 53], "ipv4 127.0.0 53"),
            ("lnsUdpEndpointTable", vec![9, 4, 127, 0, 0, 256, 53], "9 127.0.0.256 53"),
            ("lnsUdpEndpointTable", vec![1, 4, 127, 0, 0, 1, 70_000], "ipv4 127.0.0.1 70000"),
            ("lnsThresholdTable", text("\u{1b}[2J\n"), "27.91.50.74.10"),
            ("lnsThresholdTable", vec![3, 300, 1, 2], "300.1.2"),
            ("lnsThresholdTable", vec![4_294_967_295, 1], "4294967295.1"),
            ("lnsThresholdTable", vec![0], ""),
            ("lnsThresholdTable", vec![], ""),
        ] {
            assert_eq!(readable(index_of(table), &subids), expected, "{table} {subids:?}");
        }
    }

    #[test]
    fn no_text_is_longer_than_its_column() {
        assert_eq!(readable(&[], &[u32::MAX; 128]).len(), 255);
    }

    #[test]
    fn where_an_index_is_whole() {
        let endpoint = [1, 4, 127, 0, 0, 53, 53];
        for length in 0..endpoint.len() {
            assert!(!is_whole(index_of("lnsUdpEndpointTable"), &endpoint[..length]), "{length}");
        }
        assert!(is_whole(index_of("lnsUdpEndpointTable"), &endpoint));
        assert!(is_whole(index_of("lnsTcpPortTable"), &[443, 8, 1]), "and more");
        assert!(!is_whole(index_of("lnsTcpPortTable"), &[443]));
    }
}
