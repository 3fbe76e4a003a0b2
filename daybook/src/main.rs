//! The `daybook` program: parse the command line, run the subcommand, say in one line what failed.

use std::process::ExitCode;

fn main() -> ExitCode {
    daybook::cli::main()
}
