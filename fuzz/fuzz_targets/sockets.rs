//! The rows of net/tcp, net/tcp6, net/udp and net/udp6, compared with a plain reading of the same words.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_agentx::proc::sockets::{Address, V4, V6, head, header, identity};

fn row<A: Address>(line: &[u8]) {
    let Ok(head) = head::<A>(line) else { return };
    // The slot number may be anything, spaces included; the columns begin after its colon.
    let colon = line.iter().position(|&byte| byte == b':').unwrap();
    let words: Vec<&[u8]> =
        line[colon + 1..].split(|byte| b" \t".contains(byte)).filter(|w| !w.is_empty()).collect();
    let text = |at: usize| std::str::from_utf8(words.get(at).copied().unwrap_or_default()).ok();
    let number = |digits: &str| u64::from_str_radix(digits, 16).unwrap();
    // A malformed address may contain spaces, so that the words are not the columns.
    let Ok(local) = head.local::<A>() else { return };
    let (address, port) = text(0).unwrap().split_once(':').unwrap();
    assert_eq!(
        (u64::from(local.port), Some(local.address)),
        (number(port), A::from_octets(&octets(address)))
    );
    let Ok(remote) = head.remote::<A>() else { return };
    let (address, port) = text(1).unwrap().split_once(':').unwrap();
    assert_eq!(
        (u64::from(remote.port), Some(remote.address)),
        (number(port), A::from_octets(&octets(address)))
    );
    assert_eq!(u64::from(head.state), number(text(2).unwrap()));
    let ends = line[colon + 2..].split_at(2 * (A::DIGITS + 6) + 2);
    // The columns before the inode are found by their width if it is the usual one.
    if ends.1.get(..40).is_none_or(|columns| {
        columns.iter().enumerate().all(|(at, byte)| b" \t".contains(byte) == matches!(at, 0 | 18 | 30 | 39))
    }) {
        assert_eq!(identity::<A>(line), words.get(8).map(|inode| (ends.0, *inode)));
    }
    if let Ok((transmit, receive)) = head.queues() {
        let queues = std::str::from_utf8(&words[3][..17]).unwrap();
        // A negative int is no level.
        let level = |digits| Some(number(digits)).filter(|number| *number < 1 << 31);
        let read = (transmit.map(u64::from), receive.map(u64::from));
        assert_eq!(read, (level(&queues[..8]), level(&queues[9..])));
    }
    for (read, at) in [(head.inode(), 8), (head.drops(), 11)] {
        let digits =
            |word: &&str| word.strip_prefix('-').unwrap_or(word).bytes().all(|byte| byte.is_ascii_digit());
        // A 32-bit count may be printed with a sign.
        let plainly = text(at).filter(digits).and_then(|word| word.parse::<i128>().ok());
        let plainly = plainly.map(|number| if number < 0 { number + (1 << 32) } else { number });
        let of_32 = text(at).is_some_and(|word| word.starts_with('-'));
        let plainly = plainly.filter(|number| !of_32 || *number == 0 || *number >= 1 << 31);
        assert_eq!(read.ok(), plainly.and_then(|number| u64::try_from(number).ok()));
    }
}

/// 32-bit words as this host stores them, eight hex digits each.
fn octets(digits: &str) -> Vec<u8> {
    let words = digits.as_bytes().chunks(8);
    words
        .flat_map(|word| u32::from_str_radix(std::str::from_utf8(word).unwrap(), 16).unwrap().to_ne_bytes())
        .collect()
}

fuzz_target!(|contents: &[u8]| {
    for line in contents.split(|&byte| byte == b'\n') {
        let _ = header(line);
        row::<V4>(line);
        row::<V6>(line);
    }
});
