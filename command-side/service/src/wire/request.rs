//! A request as a command with its hash.
//!
//! The hash is the first 16 bytes of SHA-256 over `<method> <path>?<query>\n<body>`, where the body
//! is the parsed body before defaults as JSON with its keys in order, absent and null fields left
//! out, and every value in its canonical form (`1050` is `"1050"`, a time is in UTC, an id is in
//! lower case). The query is empty in every command that writes: `dry_run` writes nothing and
//! ignores keys, and `mode` belongs to the bulk route, whose items are hashed as the single route
//! that each stands for. So the same request equals itself on either route.

use daybook_domain::Command;
use daybook_events::ids::{LedgerId, TransactionId};
use daybook_events::meta::RequestHash;
use daybook_platform::problem::FieldError;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::body::{AccountBody, AssetBody, LedgerBody, ReverseBody, TransactionBody};
use super::json;

/// A command with what its answer depends on.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) command: Command,
    /// The client-made id of the transaction to be.
    pub(crate) id: Option<TransactionId>,
    pub(crate) hash: RequestHash,
}

pub(crate) fn open_ledger(text: &str) -> Result<(LedgerId, Request), FieldError> {
    let body: LedgerBody = json::read_object(text)?;
    let hash = hash("/v1/ledgers", &body);
    let (ledger, command) = body.into_command();
    let command = Command::OpenLedger(command);
    Ok((
        ledger,
        Request {
            command,
            id: None,
            hash,
        },
    ))
}

pub(crate) fn register_asset(ledger: &LedgerId, text: &str) -> Result<Request, FieldError> {
    let body: AssetBody = json::read_object(text)?;
    let hash = hash(&format!("/v1/ledgers/{ledger}/assets"), &body);
    let command = Command::RegisterAsset(body.into_command());
    Ok(Request {
        command,
        id: None,
        hash,
    })
}

pub(crate) fn open_account(ledger: &LedgerId, text: &str) -> Result<Request, FieldError> {
    let body: AccountBody = json::read_object(text)?;
    let hash = hash(&format!("/v1/ledgers/{ledger}/accounts"), &body);
    let command = Command::OpenAccount(body.into_command()?);
    Ok(Request {
        command,
        id: None,
        hash,
    })
}

pub(crate) fn post_transaction(ledger: &LedgerId, text: &str) -> Result<Request, FieldError> {
    let body: TransactionBody = json::read_object(text)?;
    let hash = hash(&format!("/v1/ledgers/{ledger}/transactions"), &body);
    let id = body.id.map(|id| id.0);
    let command = Command::PostTransaction(body.into_command()?);
    Ok(Request { command, id, hash })
}

pub(crate) fn reverse(
    ledger: &LedgerId,
    target: TransactionId,
    text: &str,
) -> Result<Request, FieldError> {
    let body: ReverseBody = json::read_object(text)?;
    let path = format!("/v1/ledgers/{ledger}/transactions/{target}/reverse");
    let hash = hash(&path, &body);
    let id = body.id.map(|id| id.0);
    let command = Command::Reverse(body.into_command(target));
    Ok(Request { command, id, hash })
}

fn hash(path: &str, body: &impl Serialize) -> RequestHash {
    let mut canonical = Vec::with_capacity(512);
    canonical.extend_from_slice(b"POST ");
    canonical.extend_from_slice(path.as_bytes());
    canonical.extend_from_slice(b"?\n");
    let written = serde_json::to_writer(&mut canonical, body);
    assert!(written.is_ok(), "a parsed body is always JSON: {written:?}");
    let digest = Sha256::digest(&canonical);
    let mut first = [0; 16];
    first.copy_from_slice(&digest[..16]);
    RequestHash::new(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(text: &str) -> String {
        let acme = LedgerId::parse("acme").unwrap();
        post_transaction(&acme, text).unwrap().hash.to_string()
    }

    /// Stored with events for ever: this number never changes (INV-7).
    const KEPT: &str = "0441f20b170211b7b445e8f6d4197d01";

    #[test]
    fn equal_requests_have_one_hash_whatever_their_spelling() {
        let first = hash_of(
            r#"{"code":"sale","effective_at":"2026-11-20","metadata":{"b":"2","a":"1"},
                "postings":[{"debit":"a","credit":"b","amount":1050,"asset":"USD"}]}"#,
        );
        let second = hash_of(
            r#"{"postings":[{"asset":"USD","amount":"1050","credit":"b","debit":"a"}],
                "metadata":{"a":"1","b":"2"},"effective_at":"2026-11-20","code":"s\u0061le"}"#,
        );
        assert_eq!(first, second);
        assert_eq!(first, KEPT);
    }

    #[test]
    fn other_requests_have_other_hashes() {
        let posting = |extra: &str, amount: &str| {
            format!(
                r#"{{{extra}"postings":[{{"debit":"a","credit":"b","amount":{amount},"asset":"USD"}}]}}"#
            )
        };
        let base = hash_of(&posting("", "1"));
        for other in [
            posting("", "2"),
            posting(r#""status":"posted","#, "1"),
            posting(r#""metadata":{},"#, "1"),
            r#"{"entries":[{"account":"a","direction":"debit","amount":1,"asset":"USD"},
                {"account":"b","direction":"credit","amount":1,"asset":"USD"}]}"#
                .to_owned(),
        ] {
            assert_ne!(base, hash_of(&other), "{other}");
        }
    }
}
