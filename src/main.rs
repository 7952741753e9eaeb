//! The program: passes the arguments to the library, and its outcome to the exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    netstat_agentx::cli::main()
}
