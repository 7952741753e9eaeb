//! The configuration: any text can either be served or is reported as a mistake.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_agentx::config::Config;
use netstat_agentx::mib::view::View;
use std::collections::HashSet;

fuzz_target!(|text: &str| {
    let config = match Config::parse(text) {
        Ok(config) => config,
        Err(message) => {
            assert!(!message.to_string().trim().is_empty());
            return;
        }
    };
    let served = config.served();
    assert!((2..=40).contains(&served.base.as_slice().len()));
    let ages = config.max_ages();
    assert!(!ages.counters.is_zero() && !ages.sockets.is_zero() && ages.answer_within.as_millis() <= 900);
    if config.thresholds.is_empty() {
        return;
    }
    let view = View::new(served);
    let mut names = HashSet::new();
    for threshold in &config.thresholds {
        assert!((1..=32).contains(&threshold.name.len()) && names.insert(&threshold.name));
        assert!(threshold.warning.is_some() || threshold.critical.is_some());
        assert!(view.leaves().iter().any(|leaf| {
            threshold.oid.strip_prefix(&leaf.oid).is_some_and(|i| threshold.column || !i.is_empty())
        }));
    }
});
