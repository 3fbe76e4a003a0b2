//! The request bodies about transactions, as sent: before any default. What [`super::books`] says
//! of the order and the names of fields holds here as well.

use daybook_domain::{
    CaptureHold, Captured, Command, Entries, NewEntry, NewPosting, Patch, PlaceHold,
    PostTransaction, ReverseTransaction, VoidHold,
};
use daybook_events::ids::{AccountId, Code, Description, Reference, TransactionId};
use daybook_events::metadata::{Metadata, MetadataPatch};
use daybook_events::time::{Effective, Timestamp};
use daybook_platform::problem::FieldError;
use serde::{Deserialize, Serialize};

use super::amount::{NewStatus, WireAmount, WireId, optional_word};
use super::entries::{EntryBody, PostingBody};
use super::json::{Object, at};

/// `POST /v1/ledgers/{ledger}/transactions`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransactionBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Description>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_at: Option<Effective>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<Vec<Object<EntryBody>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<WireId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    postings: Option<Vec<Object<PostingBody>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    related_to: Option<WireId>,
    #[serde(
        default,
        deserialize_with = "optional_word",
        skip_serializing_if = "Option::is_none"
    )]
    status: Option<NewStatus>,
}

/// `POST /v1/ledgers/{ledger}/transactions/{id}/reverse`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReverseBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_at: Option<Effective>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<WireId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
    reason: Description,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<Reference>,
}

/// `POST /v1/ledgers/{ledger}/transactions/{id}/post`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaptureBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<WireAmount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_at: Option<Effective>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<Vec<Object<EntryBody>>>,
    #[serde(rename = "final", skip_serializing_if = "Option::is_none")]
    last: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<WireId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<Reference>,
}

/// `POST /v1/ledgers/{ledger}/transactions/{id}/void`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VoidBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Description>,
}

/// `PATCH /v1/ledgers/{ledger}/transactions/{id}`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetadataBody {
    /// Must be there: `null` deletes all pairs.
    #[serde(deserialize_with = "Option::deserialize")]
    metadata: Option<MetadataPatch>,
}

/// The data of the bulk action `metadata`: a [`MetadataBody`] with whose pairs they are.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetadataOfBody {
    pub(crate) account: Option<AccountId>,
    pub(crate) transaction: Option<WireId>,
    #[serde(deserialize_with = "Option::deserialize")]
    metadata: Option<MetadataPatch>,
}

impl TransactionBody {
    pub(crate) fn into_command(self) -> Result<Command, FieldError> {
        let pointer = if self.postings.is_some() {
            "/postings"
        } else {
            "/entries"
        };
        let entries = self.entries.map(new_entries);
        let postings = self.postings.map(new_postings).transpose()?;
        let entries =
            Entries::from_request(entries, postings).map_err(|invalid| at(pointer, &invalid))?;
        let transaction = PostTransaction {
            reference: self.reference,
            code: self.code,
            description: self.description,
            effective_at: self.effective_at,
            related_to: self.related_to.map(|id| id.0),
            entries,
            metadata: self.metadata.unwrap_or_default(),
        };
        match (self.status, self.expires_at) {
            (Some(NewStatus::Pending), expires_at) => Ok(Command::PlaceHold(PlaceHold {
                transaction,
                expires_at,
            })),
            (Some(NewStatus::Posted) | None, None) => Ok(Command::PostTransaction(transaction)),
            (Some(NewStatus::Posted) | None, Some(_)) => Err(FieldError {
                pointer: "/expires_at".to_owned(),
                detail: "only a transaction with the status pending expires".to_owned(),
            }),
        }
    }
}

fn new_postings(postings: Vec<Object<PostingBody>>) -> Result<Vec<NewPosting>, FieldError> {
    let postings = postings.into_iter().enumerate();
    let checked = postings.map(|(index, Object(posting))| {
        let posting = posting.into_posting();
        let checked = posting.check();
        checked.map_err(|invalid| at(&format!("/postings/{index}"), &invalid))?;
        Ok(posting)
    });
    checked.collect()
}

fn new_entries(entries: Vec<Object<EntryBody>>) -> Vec<NewEntry> {
    let entries = entries.into_iter();
    entries.map(|entry| entry.0.into_entry()).collect()
}

impl ReverseBody {
    pub(crate) fn into_command(self, target: TransactionId) -> ReverseTransaction {
        ReverseTransaction {
            target,
            effective_at: self.effective_at,
            reference: self.reference,
            reason: self.reason,
            metadata: self.metadata.unwrap_or_default(),
        }
    }
}

impl CaptureBody {
    pub(crate) fn into_command(self, hold: TransactionId) -> Result<CaptureHold, FieldError> {
        let what = match (self.amount, self.entries) {
            (None, None) => Captured::Rest,
            (Some(amount), None) => Captured::Amount(amount.0),
            (None, Some(entries)) => {
                let entries = Entries::try_new(new_entries(entries));
                Captured::Entries(entries.map_err(|invalid| at("/entries", &invalid))?)
            }
            (Some(_), Some(_)) => {
                return Err(FieldError {
                    pointer: "/amount".to_owned(),
                    detail: "give either amount or entries, not both".to_owned(),
                });
            }
        };
        Ok(CaptureHold {
            hold,
            what,
            last: self.last.unwrap_or(true),
            effective_at: self.effective_at,
            reference: self.reference,
            metadata: self.metadata.unwrap_or_default(),
        })
    }
}

impl VoidBody {
    pub(crate) fn into_command(self, hold: TransactionId) -> VoidHold {
        VoidHold {
            hold,
            reason: self.reason,
        }
    }
}

impl MetadataBody {
    pub(crate) fn into_patch(self) -> Patch<MetadataPatch> {
        self.metadata.map_or(Patch::Remove, Patch::Set)
    }
}

impl MetadataOfBody {
    /// What the route of a transaction's pairs takes.
    pub(crate) fn body(self) -> MetadataBody {
        MetadataBody {
            metadata: self.metadata,
        }
    }
}
