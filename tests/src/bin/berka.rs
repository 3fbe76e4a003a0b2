//! Prints the real bank transactions as NDJSON for `daybook import`.

use std::io::Write;
use std::process::ExitCode;

use daybook_tests::berka::Berka;

fn main() -> std::io::Result<ExitCode> {
    let Some(berka) = Berka::find() else {
        return Ok(ExitCode::FAILURE);
    };
    std::io::stdout().write_all(berka.ndjson().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
