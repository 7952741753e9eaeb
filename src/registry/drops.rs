//! The kernel's reasons to drop packets (enum skb_drop_reason, since Linux 5.17), as the trace event skb:kfree_skb prints
//! them, and what they mean.
//!
//! The data is in the TOML files of the folder `drops`, one entry for each reason; `build.rs` makes [`all`] of them.

use super::Concern;
use std::collections::HashMap;
use std::sync::LazyLock;

/// One entry; src/registry/README.md says more about its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropReason {
    /// `NETFILTER_DROP`, as the trace event prints it.
    pub name: &'static str,
    /// How much it should worry.
    pub concern: Concern,
    /// What was dropped.
    pub dropped: &'static str,
    /// When the kernel gives this reason.
    pub when: &'static str,
    /// What it means, and what to check or tune.
    pub means: &'static str,
    /// `file:function` in the kernel's source.
    pub source: &'static str,
    /// The kernel version whose source was read.
    pub checked: &'static str,
    /// Counters that the same place increments, `Group.Name`.
    pub related: &'static [&'static str],
    /// The kernel version that introduced it; empty if that was not checked.
    pub since: &'static str,
    /// When it was removed and what replaced it; empty while it exists.
    pub retired: &'static str,
}

/// What the kernel's source puts before a name.
pub const PREFIX: &str = "SKB_DROP_REASON_";

static REASONS: &[DropReason] = include!(concat!(env!("OUT_DIR"), "/drops.rs"));

static BY_NAME: LazyLock<HashMap<&str, &DropReason>> =
    LazyLock::new(|| REASONS.iter().map(|reason| (reason.name, reason)).collect());

/// All reasons, by name.
#[must_use]
pub fn all() -> &'static [DropReason] {
    REASONS
}

/// The reason with this name, in whatever case and with or without the prefix of the kernel's source.
#[must_use]
pub fn find(name: &str) -> Option<&'static DropReason> {
    let name = name.to_uppercase();
    BY_NAME.get(name.strip_prefix(PREFIX).unwrap_or(&name)).copied()
}

/// The reason that a text names: alone, by its symbol anywhere in it, or as the trace event prints it,
/// `… protocol=2048 reason: NETFILTER_DROP`.
#[must_use]
pub fn mentioned(text: &str) -> Option<&'static DropReason> {
    let words = || text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let symbol = words().find(|word| word.starts_with(PREFIX));
    let printed = || text.rsplit_once("reason: ").map(|(_, name)| name.trim());
    find(symbol.or_else(printed).unwrap_or_else(|| text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_kernels_and_texts_are_whole() {
        assert!(all().windows(2).all(|pair| pair[0].name < pair[1].name), "in order, and none twice");
        for reason in all() {
            let name = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
            assert!(reason.name.bytes().all(name), "{}", reason.name);
            for text in [reason.dropped, reason.when, reason.means] {
                assert!(
                    text.ends_with('.') && text.is_ascii() && !text.contains('"'),
                    "{}: {text}",
                    reason.name
                );
            }
            assert!(reason.source.contains(".c:") || reason.source.contains(".h:"), "{}", reason.name);
            assert!(!reason.checked.is_empty(), "{}", reason.name);
            for counter in reason.related {
                let (group, name) = counter.split_once('.').unwrap();
                assert!(super::super::find(group, name).is_some(), "{}: {counter}", reason.name);
            }
        }
    }

    #[test]
    fn a_reason_is_found_however_it_is_written() {
        for text in [
            "NETFILTER_DROP",
            " netfilter_drop ",
            "SKB_DROP_REASON_NETFILTER_DROP",
            "\tkfree_skb_reason(skb, SKB_DROP_REASON_NETFILTER_DROP);",
            "ping-77 [001] b.s.. 12.5: kfree_skb: skbaddr=0000 rx_sk=0000 protocol=2048 location=nft_do_chain+0x1 \
             reason: NETFILTER_DROP",
        ] {
            assert_eq!(mentioned(text).map(|reason| reason.name), Some("NETFILTER_DROP"), "{text}");
        }
        for other in ["", "NETFILTER", "NETFILTER_DROPS", "reason: TOMORROW", "ListenDrops"] {
            assert_eq!(mentioned(other), None, "{other}");
        }
    }
}
