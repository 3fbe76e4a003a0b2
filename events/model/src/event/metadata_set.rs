//! The event about pairs that have no other event of their own.

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, TransactionId};
use crate::invalid::Invalid;
use crate::metadata::Metadata;

/// The client's own pairs of an account or a transaction were changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredMetadataSet", into = "StoredMetadataSet")]
pub struct MetadataSet {
    /// Whose.
    pub of: MetadataOf,
    /// All of them, as they are from now on.
    pub metadata: Metadata,
}

/// What carries pairs of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataOf {
    /// An account.
    Account(AccountId),
    /// A transaction, hold or not.
    Transaction(TransactionId),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredMetadataSet {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<AccountId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transaction: Option<TransactionId>,
    metadata: Metadata,
}

impl From<MetadataSet> for StoredMetadataSet {
    fn from(event: MetadataSet) -> Self {
        let (account, transaction) = match event.of {
            MetadataOf::Account(account) => (Some(account), None),
            MetadataOf::Transaction(transaction) => (None, Some(transaction)),
        };
        Self {
            account,
            transaction,
            metadata: event.metadata,
        }
    }
}

impl TryFrom<StoredMetadataSet> for MetadataSet {
    type Error = Invalid;

    fn try_from(stored: StoredMetadataSet) -> Result<Self, Invalid> {
        let of = match (stored.account, stored.transaction) {
            (Some(account), None) => MetadataOf::Account(account),
            (None, Some(transaction)) => MetadataOf::Transaction(transaction),
            (Some(_), Some(_)) | (None, None) => {
                let text = "pairs are of one account or of one transaction";
                return Err(Invalid::new("metadata", text));
            }
        };
        Ok(Self {
            of,
            metadata: stored.metadata,
        })
    }
}
