//! The program: arguments to the library, its outcome to the exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    netstat_agentx::cli::main()
}
