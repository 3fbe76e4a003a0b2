//! A request as a command with its hash.
//!
//! The hash is the first 16 bytes of SHA-256 over `<method> <path>?<query>\n<body>`, where the body
//! is the parsed body before defaults as JSON with its keys in order, absent and null fields left
//! out (but for the `null` of a patch, which deletes), and every value in its canonical form
//! (`1050` is `"1050"`, a time is in UTC, an id is in lower case). The query is what of it changes
//! a command that writes: `record_rejection=true`, or nothing. `dry_run` writes nothing and ignores
//! keys, and `mode` belongs to the bulk route, whose items are hashed as the single route that each
//! stands for. So the same request equals itself on either route.

use daybook_domain::{Command, SetMetadata, StatusChange};
use daybook_events::event::MetadataOf;
use daybook_events::ids::{AccountId, LedgerId, TransactionId};
use daybook_events::meta::RequestHash;
use daybook_platform::problem::FieldError;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::books::{
    AccountBody, AccountPatchBody, AssetBody, CloseBody, LedgerBody, LedgerPatchBody, ReopenBody,
    StatusBody,
};
use super::json;
use super::transactions::{
    CaptureBody, MetadataBody, MetadataOfBody, ReverseBody, TransactionBody, VoidBody,
};

/// A command with what its answer depends on.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) command: Command,
    /// The client-made id of the transaction to be.
    pub(crate) id: Option<TransactionId>,
    pub(crate) hash: RequestHash,
}

impl Request {
    fn new(command: Command, hash: RequestHash) -> Self {
        let id = None;
        Self { command, id, hash }
    }

    /// Whether a repetition that is not recognised would move money once more.
    pub(crate) fn moves_money(&self) -> bool {
        match &self.command {
            Command::PostTransaction(_)
            | Command::PlaceHold(_)
            | Command::Capture(_)
            | Command::Void(_)
            | Command::Reverse(_) => true,
            Command::OpenLedger(_)
            | Command::UpdateLedger(_)
            | Command::RegisterAsset(_)
            | Command::OpenAccount(_)
            | Command::UpdateAccount(_)
            | Command::ChangeAccountStatus(_)
            | Command::SetMetadata(_)
            | Command::ClosePeriod(_)
            | Command::ReopenPeriod(_) => false,
        }
    }
}

/// What all requests to a ledger have in common, beside the body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) ledger: &'a LedgerId,
    pub(crate) record_rejection: bool,
}

pub(crate) fn open_ledger(
    record_rejection: bool,
    text: &str,
) -> Result<(LedgerId, Request), FieldError> {
    let body: LedgerBody = json::read_object(text)?;
    let hash = hash("POST", "/v1/ledgers", record_rejection, &body);
    let (ledger, command) = body.into_command();
    Ok((ledger, Request::new(Command::OpenLedger(command), hash)))
}

impl Scope<'_> {
    pub(crate) fn update_ledger(self, text: &str) -> Result<Request, FieldError> {
        let body: LedgerPatchBody = json::read_object(text)?;
        let hash = self.hash("PATCH", "", &body);
        let command = Command::UpdateLedger(body.into_command());
        Ok(Request::new(command, hash))
    }

    pub(crate) fn register_asset(self, text: &str) -> Result<Request, FieldError> {
        let body: AssetBody = json::read_object(text)?;
        let hash = self.hash("POST", "/assets", &body);
        let command = Command::RegisterAsset(body.into_command());
        Ok(Request::new(command, hash))
    }

    pub(crate) fn open_account(self, text: &str) -> Result<Request, FieldError> {
        let body: AccountBody = json::read_object(text)?;
        let hash = self.hash("POST", "/accounts", &body);
        let command = Command::OpenAccount(body.into_command()?);
        Ok(Request::new(command, hash))
    }

    pub(crate) fn update_account(
        self,
        account: AccountId,
        text: &str,
    ) -> Result<Request, FieldError> {
        let body: AccountPatchBody = json::read_object(text)?;
        let hash = self.hash("PATCH", &format!("/accounts/{account}"), &body);
        let command = Command::UpdateAccount(body.into_command(account));
        Ok(Request::new(command, hash))
    }

    pub(crate) fn change_status(
        self,
        account: AccountId,
        change: StatusChange,
        text: &str,
    ) -> Result<Request, FieldError> {
        let body: StatusBody = json::read_object(text)?;
        let action = match change {
            StatusChange::Freeze => "freeze",
            StatusChange::Unfreeze => "unfreeze",
            StatusChange::Close => "close",
        };
        let hash = self.hash("POST", &format!("/accounts/{account}/{action}"), &body);
        let command = Command::ChangeAccountStatus(body.into_command(account, change));
        Ok(Request::new(command, hash))
    }

    pub(crate) fn post_transaction(self, text: &str) -> Result<Request, FieldError> {
        let body: TransactionBody = json::read_object(text)?;
        let hash = self.hash("POST", "/transactions", &body);
        let id = body.id.map(|id| id.0);
        let command = body.into_command()?;
        Ok(Request { command, id, hash })
    }

    pub(crate) fn capture(self, hold: TransactionId, text: &str) -> Result<Request, FieldError> {
        let body: CaptureBody = json::read_object(text)?;
        let hash = self.hash("POST", &format!("/transactions/{hold}/post"), &body);
        let id = body.id.map(|id| id.0);
        let command = Command::Capture(body.into_command(hold)?);
        Ok(Request { command, id, hash })
    }

    pub(crate) fn void(self, hold: TransactionId, text: &str) -> Result<Request, FieldError> {
        let body: VoidBody = json::read_object(text)?;
        let hash = self.hash("POST", &format!("/transactions/{hold}/void"), &body);
        let command = Command::Void(body.into_command(hold));
        Ok(Request::new(command, hash))
    }

    pub(crate) fn reverse(self, target: TransactionId, text: &str) -> Result<Request, FieldError> {
        let body: ReverseBody = json::read_object(text)?;
        let hash = self.hash("POST", &format!("/transactions/{target}/reverse"), &body);
        let id = body.id.map(|id| id.0);
        let command = Command::Reverse(body.into_command(target));
        Ok(Request { command, id, hash })
    }

    /// `PATCH` of a transaction: of its pairs, since nothing else of it ever changes.
    pub(crate) fn update_transaction(
        self,
        id: TransactionId,
        text: &str,
    ) -> Result<Request, FieldError> {
        let body: MetadataBody = json::read_object(text)?;
        Ok(self.set_metadata(MetadataOf::Transaction(id), body))
    }

    /// The bulk action `metadata`.
    pub(crate) fn metadata_of(self, text: &str) -> Result<Request, FieldError> {
        let body: MetadataOfBody = json::read_object(text)?;
        let of = match (&body.account, body.transaction) {
            (Some(account), None) => MetadataOf::Account(account.clone()),
            (None, Some(transaction)) => MetadataOf::Transaction(transaction.0),
            (Some(_), Some(_)) | (None, None) => {
                return Err(FieldError {
                    pointer: String::new(),
                    detail: "name either an account or a transaction".to_owned(),
                });
            }
        };
        Ok(self.set_metadata(of, body.body()))
    }

    fn set_metadata(self, of: MetadataOf, body: MetadataBody) -> Request {
        let path = match &of {
            MetadataOf::Transaction(id) => format!("/transactions/{id}"),
            // No route stands for it: `PATCH` of an account is another command with another answer.
            MetadataOf::Account(account) => format!("/accounts/{account}/metadata"),
        };
        let hash = self.hash("PATCH", &path, &body);
        let metadata = body.into_patch();
        Request::new(Command::SetMetadata(SetMetadata { of, metadata }), hash)
    }

    pub(crate) fn close_period(self, text: &str) -> Result<Request, FieldError> {
        let body: CloseBody = json::read_object(text)?;
        let hash = self.hash("POST", "/periods/close", &body);
        let command = Command::ClosePeriod(body.into_command());
        Ok(Request::new(command, hash))
    }

    pub(crate) fn reopen_period(self, text: &str) -> Result<Request, FieldError> {
        let body: ReopenBody = json::read_object(text)?;
        let hash = self.hash("POST", "/periods/reopen", &body);
        let command = Command::ReopenPeriod(body.into_command());
        Ok(Request::new(command, hash))
    }

    fn hash(self, method: &str, path: &str, body: &impl Serialize) -> RequestHash {
        let path = format!("/v1/ledgers/{}{path}", self.ledger);
        hash(method, &path, self.record_rejection, body)
    }
}

fn hash(method: &str, path: &str, record_rejection: bool, body: &impl Serialize) -> RequestHash {
    let mut canonical = Vec::with_capacity(512);
    let query = if record_rejection {
        "record_rejection=true"
    } else {
        ""
    };
    for part in [method, " ", path, "?", query, "\n"] {
        canonical.extend_from_slice(part.as_bytes());
    }
    let written = serde_json::to_writer(&mut canonical, body);
    assert!(written.is_ok(), "a parsed body is always JSON: {written:?}");
    let digest = Sha256::digest(&canonical);
    let mut first = [0; 16];
    first.copy_from_slice(&digest[..16]);
    RequestHash::new(first)
}

#[cfg(test)]
mod tests;
