//! The command line: one small file per subcommand.

mod audit;
mod database;
mod import;
mod role;
mod token;
mod up;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::failure::Failure;

/// Daybook: an event-sourced, double-entry ledger service.
#[derive(Debug, Parser)]
#[command(name = "daybook", version, about)]
struct Cli {
    #[command(subcommand)]
    subcommand: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Run everything on this machine, with a private PostgreSQL and NATS server where none is given
    Up(up::UpArgs),
    /// Run the command side alone
    Command(role::RoleArgs),
    /// Run the relay from the event store to NATS alone
    Relay(role::RoleArgs),
    /// Run the projector alone
    Project(role::RoleArgs),
    /// Run the query side alone
    Query(role::RoleArgs),
    /// Serve the event store to other processes
    Store(role::RoleArgs),
    /// Print a token signed with the development key of a data directory
    Token(token::TokenArgs),
    /// Send a file of transactions through the bulk endpoint of a running service, in file order
    ///
    /// A line that breaks a rule of the ledger (an unknown account, a limit) is reported with its
    /// number, and the import goes on; the exit code tells at the end. A line of the wrong shape
    /// stops the import: neither it nor the other lines of its request are applied, what was sent
    /// before stays. Mend the line and import the same file again: what is there already is
    /// reported as replayed and has no second effect.
    Import(import::ImportArgs),
    /// Replay ledgers from the event store and compare
    Audit(audit::AuditArgs),
}

/// Where a command finds the data directory.
#[derive(Debug, clap::Args)]
struct DataDirArg {
    /// The folder that holds everything
    #[arg(
        long,
        env = "DAYBOOK_DATA_DIR",
        default_value = ".daybook",
        value_name = "DIR"
    )]
    data_dir: PathBuf,
}

/// Parses, runs, and answers for the whole process.
pub fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let given = matches.subcommand().map(|(_, given)| given);
    let ended = match cli.subcommand {
        Subcommands::Up(args) => up::run(&args, given),
        Subcommands::Command(_) => Err(role::refuse("command")),
        Subcommands::Relay(_) => Err(role::refuse("relay")),
        Subcommands::Project(_) => Err(role::refuse("project")),
        Subcommands::Query(_) => Err(role::refuse("query")),
        Subcommands::Store(_) => Err(role::refuse("store")),
        Subcommands::Token(args) => token::run(&args),
        Subcommands::Import(args) => import::run(&args),
        Subcommands::Audit(args) => audit::run(&args),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say_error(&failure);
            ExitCode::FAILURE
        }
    }
}

fn say_error(failure: &Failure) {
    // Standard error may be closed; the exit code says it all the same.
    let _closed = writeln!(std::io::stderr(), "daybook: {failure}");
}

/// Prints lines for whoever started the command.
fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// An environment variable or flag that is set to nothing counts as not set.
fn given(value: Option<&String>) -> Option<&str> {
    value
        .map(String::as_str)
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// The runtime of a command that talks to a service or a store.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_subcommand_has_a_help_text() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
        }
    }

    #[test]
    fn an_empty_value_counts_as_not_given() {
        assert_eq!(given(Some(&"  ".to_owned())), None);
        assert_eq!(given(Some(&"x".to_owned())), Some("x"));
        assert_eq!(given(None), None);
    }
}
