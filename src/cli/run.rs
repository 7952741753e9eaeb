//! `run`: the subagent.

use super::config_argument::ConfigArgument;
use super::failure::Failure;
use super::log::Log;
use crate::agent;
use crate::config::Config;
use crate::config::log::Level;
use std::io;
use std::path::PathBuf;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

/// Descriptors that the subagent may need: a dozen at rest, and some for each source while it is read. Tracing resets
/// takes one more for each CPU, and reports it if it cannot have them.
const DESCRIPTORS: u64 = 32;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Log level, whatever the configuration says
    #[arg(long, value_name = "LEVEL")]
    log: Option<Level>,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let path = arguments.config.config.clone();
    let config = Config::read(path.as_deref())?;
    let log = Log::start(io::stderr());
    let level = start_log(arguments.log.unwrap_or(config.log.level), log.clone());
    let outcome = serve(config, path, arguments.log, level);
    log.flush();
    outcome
}

fn serve(
    config: Config,
    path: Option<PathBuf>,
    fixed: Option<Level>,
    level: reload::Handle<LevelFilter, Registry>,
) -> Result<(), Failure> {
    let (version, kernel, address) = (env!("CARGO_PKG_VERSION"), kernel(), &config.agentx.address);
    tracing::info!(version, kernel, %address, "netstat-agentx starts");
    let reload = move || {
        read_again(&path).inspect(|config| {
            // The filter is ours and lives as long as the process.
            let _ = level.reload(LevelFilter::from(fixed.unwrap_or(config.log.level)));
        })
    };
    enough_descriptors()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(agent::run(config, reload))?;
    Ok(())
}

/// The version of Linux, `6.1.0`: it decides which figures exist, and how they are printed.
fn kernel() -> String {
    match procfs::KernelVersion::current() {
        Ok(version) => format!("{}.{}.{}", version.major, version.minor, version.patch),
        // Some versions have another form, and /proc/sys may be missing.
        Err(_) => "unknown".to_owned(),
    }
}

/// The runtime panics if it cannot have the few descriptors that it needs.
fn enough_descriptors() -> Result<(), Failure> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    match limit.filter(|limit| *limit < DESCRIPTORS) {
        None => Ok(()),
        Some(limit) => Err(Failure::of(
            1,
            format!(
                "{limit} descriptors are too few, {DESCRIPTORS} are enough: raise the limit \
                 (LimitNOFILE= in the unit, 'ulimit -n' in a shell)"
            ),
        )),
    }
}

/// Logs an invalid configuration and keeps the old one.
fn read_again(path: &Option<PathBuf>) -> Option<Config> {
    match Config::read(path.as_deref()) {
        Ok(config) => Some(config),
        Err(error) => {
            tracing::error!("SIGHUP: the configuration stays as it was: {error}");
            None
        }
    }
}

fn start_log(level: Level, log: Log) -> reload::Handle<LevelFilter, Registry> {
    let (filter, handle) = reload::Layer::new(LevelFilter::from(level));
    let lines = fmt::layer()
        .with_writer(log)
        .with_ansi(false)
        .with_target(false)
        // It would report a full disk on the same stderr, and panic when that fails.
        .log_internal_errors(false);
    // Only a second logger in one process could make this fail.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    handle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_the_one_that_runs() {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert!(release.starts_with(&kernel()), "{} is {release}", kernel());
    }
}
