//! The command line: one file for each subcommand.

mod check;
mod check_config;
mod columns;
mod config_argument;
mod explain;
mod failure;
mod limits;
mod listening;
mod local;
mod log;
mod mib;
mod resets;
mod run;
mod show;
mod trace_instance;
mod walk;

use clap::{CommandFactory, Parser, Subcommand};
use std::io::{self, Write};
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "netstat-agentx",
    version,
    about = "SNMP AgentX subagent: TCP, UDP and ICMP objects and socket states of this Linux host, live from /proc",
    after_help = "The configuration is read from /etc/netstat-agentx.toml if it exists.\n\
                  Exit status: 0, or 1 for a failure, which may pass (such as a configuration that the system does not let \
                  it read), or 2 for bad arguments or a bad configuration; that of 'check' is 0 to 3, as Nagios has it."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
#[expect(clippy::large_enum_variant, reason = "made once for each run")]
enum Command {
    /// Run the subagent in the foreground, logging to stderr
    Run(run::Arguments),
    /// Show sockets by state, UDP, memory against limits, and listeners with a queue; needs no snmpd
    Show(show::Arguments),
    /// Print what a manager would get from a walk of a subtree, as 'snmpwalk -On' prints it; needs no snmpd
    Walk(walk::WalkArguments),
    /// Print what a manager would get for single instances; needs no snmpd
    Get(walk::GetArguments),
    /// Say what a kernel counter means, where it sits in the MIB, and what to do when it grows
    Explain(explain::Arguments),
    /// Show which ports reset connections, which way and why, live, most frequent first; needs root, but no snmpd
    Resets(resets::Arguments),
    /// Compare numbers of sockets with ranges, or what is in use with its limits, as a plugin of Nagios or Icinga; needs no snmpd
    #[command(version)]
    Check(check::Arguments),
    /// Print the MIB module LINUX-NETSTAT-MIB, or LINUX-NETSTAT-CAPS-MIB
    Mib(mib::Arguments),
    /// Say whether a configuration is good
    CheckConfig(check_config::Arguments),
    /// Make or remove the trace instance that the systemd unit records resets in; needs root
    TraceInstance(trace_instance::Arguments),
}

/// The commands and their arguments as clap has them, to generate man page and completions from.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if check::is_asked_for() => return check::refuse(&error, &mut out),
        Err(error) => error.exit(),
    };
    let outcome = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Show(arguments) => show::run(&arguments, &mut out),
        Command::Walk(arguments) => walk::walk(&arguments, &mut out),
        Command::Get(arguments) => walk::get(&arguments, &mut out),
        Command::Explain(arguments) => explain::run(&arguments, &mut out),
        Command::Resets(arguments) => resets::run(&arguments),
        Command::Check(arguments) => return check::run(&arguments, &mut out),
        Command::Mib(arguments) => mib::run(&arguments, &mut out),
        Command::CheckConfig(arguments) => check_config::run(&arguments, &mut out),
        Command::TraceInstance(arguments) => trace_instance::run(&arguments, &mut out),
    };
    match outcome.and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = failure.message {
                // stderr may be gone too.
                let _ = writeln!(io::stderr(), "netstat-agentx: {message}");
            }
            ExitCode::from(failure.status)
        }
    }
}
