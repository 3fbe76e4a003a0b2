//! `daybook token`: a token signed with the development key.

use daybook_events::access;
use daybook_events::ids::LedgerId;
use daybook_platform::auth::{DevClaims, DevGrant, DevKey};
use daybook_platform::clock::Clock;

use super::{DataDirArg, say};
use crate::data_dir::DataDir;
use crate::failure::Failure;

/// The longest time to live that may be asked for: ten years.
const TTL_S_MAX: u64 = 10 * 365 * 24 * 3600;

/// The options of `token`.
#[derive(Debug, clap::Args)]
pub(super) struct TokenArgs {
    #[command(flatten)]
    data_dir: DataDirArg,
    /// A role to grant; may be repeated
    #[arg(long = "role", required = true, value_parser = parse_role)]
    roles: Vec<String>,
    /// A ledger to grant it on, or a prefix and `*`; may be repeated [default: *]
    #[arg(long = "ledger", value_name = "LEDGER", value_parser = parse_pattern)]
    ledgers: Vec<String>,
    /// Whom the token speaks for
    #[arg(long, default_value = "developer")]
    subject: String,
    /// How long it is valid: a number followed by s, m, h or d
    #[arg(long, default_value = "1h", value_parser = parse_duration_s)]
    ttl: u64,
}

/// Prints a token.
pub(super) fn run(args: &TokenArgs) -> Result<(), Failure> {
    let data_dir = DataDir::open(&args.data_dir.data_dir)?;
    let key = DevKey::load_or_create(&data_dir.development_key())?;
    let scopes = if args.ledgers.is_empty() {
        vec!["*".to_owned()]
    } else {
        args.ledgers.clone()
    };
    let claims = DevClaims {
        sub: args.subject.clone(),
        grants: vec![DevGrant {
            scopes,
            roles: args.roles.clone(),
        }],
        ttl_s: args.ttl,
    };
    say(&key.mint(&claims, Clock::system().now_s())?)
}

fn parse_role(text: &str) -> Result<String, String> {
    if access::role(text).is_some() {
        return Ok(text.to_owned());
    }
    let known: Vec<&str> = access::ROLES.iter().map(|(name, _)| *name).collect();
    Err(format!(
        "there is no such role; there are {}",
        known.join(", ")
    ))
}

/// A pattern that covers some ledger: a ledger id, or the beginning of one and `*`.
fn parse_pattern(text: &str) -> Result<String, String> {
    let prefix = text.strip_suffix('*').unwrap_or(text);
    match LedgerId::parse(prefix) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) if text == "*" => Ok(text.to_owned()),
        Err(error) => Err(format!(
            "it would cover no ledger: expected a ledger id, the beginning of one followed by `*`, \
             or `*` ({error})"
        )),
    }
}

fn parse_duration_s(text: &str) -> Result<u64, String> {
    let seconds = || {
        let (number, unit) = text.split_at(text.len().checked_sub(1)?);
        let unit_s = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 24 * 3600,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(unit_s)
    };
    match text.is_ascii().then(seconds).flatten() {
        Some(seconds @ 1..=TTL_S_MAX) => Ok(seconds),
        _ => Err("expected 1s to 3650d, for example 90s, 15m, 8h or 30d".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        assert_eq!(parse_duration_s("90s"), Ok(90));
        assert_eq!(parse_duration_s("1h"), Ok(3600));
        assert_eq!(parse_duration_s("3650d"), Ok(TTL_S_MAX));
        for wrong in [
            "",
            "h",
            "1",
            "1w",
            "-1h",
            "0s",
            "3651d",
            "99999999999999999999d",
            "1µ",
        ] {
            assert!(parse_duration_s(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pattern_that_covers_nothing_is_refused() {
        for good in ["*", "acme", "acme*", "t6", "a-*", "0_x"] {
            assert_eq!(parse_pattern(good).as_deref(), Ok(good));
        }
        let long = format!("{}*", "x".repeat(64));
        for wrong in ["", "*x", "T6", "t*6", "**", "t**", "-*", "a b", " *", &long] {
            assert!(parse_pattern(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn only_roles_of_the_table_are_taken() {
        assert!(parse_role("operator").is_ok());
        assert!(parse_role("root").unwrap_err().contains("auditor"));
    }
}
