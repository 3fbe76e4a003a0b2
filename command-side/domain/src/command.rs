//! Commands: what a client wants to happen. Their types say as much of the shape as a type can;
//! the rest of the shape is checked by the constructors here, before anything is decided.

use std::collections::BTreeSet;

use daybook_events::Invalid;
use daybook_events::assets::Scale;
use daybook_events::event::Limits;
use daybook_events::event::account::ASSETS_MAX;
use daybook_events::event::transaction::{ENTRIES_MAX, ENTRIES_MIN};
use daybook_events::ids::{
    AccountId, AssetCode, Code, Description, Name, Reference, TransactionId,
};
use daybook_events::metadata::Metadata;
use daybook_events::money::{AccountType, Amount, Side};
use daybook_events::time::{Effective, TimeZone};

/// What a client wants to happen to one ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Make the ledger.
    OpenLedger(OpenLedger),
    /// Make an asset beyond ISO 4217 known.
    RegisterAsset(RegisterAsset),
    /// Make an account.
    OpenAccount(OpenAccount),
    /// Move money.
    PostTransaction(PostTransaction),
    /// Mirror an earlier transaction.
    Reverse(ReverseTransaction),
}

/// Makes the ledger; its id is the state's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenLedger {
    /// A name for people.
    pub name: Option<Name>,
    /// The zone whose days the ledger's dates are, for ever.
    pub time_zone: TimeZone,
    /// The client's own pairs.
    pub metadata: Metadata,
}

/// Makes an asset beyond ISO 4217 known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterAsset {
    /// Its code.
    pub asset: AssetCode,
    /// Decimal digits of its minor unit.
    pub scale: Scale,
    /// A name for people.
    pub name: Option<Name>,
}

/// Makes an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAccount {
    /// Its id.
    pub account: AccountId,
    /// What it is in the books.
    pub account_type: AccountType,
    /// The side that increases it; the type's own unless given (contra accounts).
    pub normal_balance: Option<Side>,
    /// A name for people.
    pub name: Option<Name>,
    /// The only assets it may hold; any if absent.
    pub assets: Option<AllowedAssets>,
    /// Its limits.
    pub limits: Limits,
    /// The client's own pairs.
    pub metadata: Metadata,
}

/// Moves money between accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostTransaction {
    /// The client's own reference, unique per ledger for ever.
    pub reference: Option<Reference>,
    /// A short machine-readable label.
    pub code: Option<Code>,
    /// For people.
    pub description: Option<Description>,
    /// When it counts; when it is recorded if absent.
    pub effective_at: Option<Effective>,
    /// Another transaction that the client relates this one to. Not looked up.
    pub related_to: Option<TransactionId>,
    /// The entries, in the client's order.
    pub entries: Entries,
    /// The client's own pairs.
    pub metadata: Metadata,
}

/// Mirrors every entry of an earlier transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReverseTransaction {
    /// The transaction to reverse.
    pub target: TransactionId,
    /// When the reversal counts; when it is recorded if absent.
    pub effective_at: Option<Effective>,
    /// The client's own reference for the reversal.
    pub reference: Option<Reference>,
    /// Why.
    pub reason: Description,
    /// The client's own pairs.
    pub metadata: Metadata,
}

/// One debit or credit that a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// The account.
    pub account: AccountId,
    /// The side.
    pub direction: Side,
    /// Minor units.
    pub amount: Amount,
    /// The asset.
    pub asset: AssetCode,
    /// For people.
    pub description: Option<Description>,
    /// The client's own pairs.
    pub metadata: Metadata,
}

/// The short form of a simple move: one debit and one credit of the same amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPosting {
    /// The account to debit.
    pub debit: AccountId,
    /// The account to credit.
    pub credit: AccountId,
    /// Minor units.
    pub amount: Amount,
    /// The asset.
    pub asset: AssetCode,
}

/// The entries of a transaction: 2 … 1,000, in the client's order. Whether they balance is a rule
/// of the ledger, judged by [`crate::decide`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entries(Vec<NewEntry>);

impl Entries {
    /// Checks the count.
    pub fn try_new(entries: Vec<NewEntry>) -> Result<Self, Invalid> {
        if !(ENTRIES_MIN..=ENTRIES_MAX).contains(&entries.len()) {
            return Err(Invalid::new(
                "entries",
                format!(
                    "a transaction has 2 to 1,000 entries, not {}",
                    entries.len()
                ),
            ));
        }
        Ok(Self(entries))
    }

    /// Expands postings and checks the count of the entries that they stand for.
    pub fn from_postings(postings: Vec<NewPosting>) -> Result<Self, Invalid> {
        if postings.len() > ENTRIES_MAX / 2 || postings.is_empty() {
            return Err(Invalid::new(
                "postings",
                format!(
                    "a transaction has 1 to 500 postings (two entries each), not {}",
                    postings.len()
                ),
            ));
        }
        Self::try_new(expand_postings(postings))
    }

    /// A request holds either entries or postings, never both.
    pub fn from_request(
        entries: Option<Vec<NewEntry>>,
        postings: Option<Vec<NewPosting>>,
    ) -> Result<Self, Invalid> {
        match (entries, postings) {
            (Some(entries), None) => Self::try_new(entries),
            (None, Some(postings)) => Self::from_postings(postings),
            (Some(_), Some(_)) => Err(Invalid::new(
                "entries",
                "give either entries or postings, not both",
            )),
            (None, None) => Err(Invalid::new("entries", "give either entries or postings")),
        }
    }

    /// The entries in the client's order.
    pub fn as_slice(&self) -> &[NewEntry] {
        &self.0
    }
}

/// Expands postings, one debit and one credit entry each, in that order.
pub fn expand_postings(postings: Vec<NewPosting>) -> Vec<NewEntry> {
    postings.into_iter().flat_map(expand_posting).collect()
}

fn expand_posting(posting: NewPosting) -> [NewEntry; 2] {
    let NewPosting {
        debit,
        credit,
        amount,
        asset,
    } = posting;
    let entry = |account, direction, asset| NewEntry {
        account,
        direction,
        amount,
        asset,
        description: None,
        metadata: Metadata::default(),
    };
    [
        entry(debit, Side::Debit, asset.clone()),
        entry(credit, Side::Credit, asset),
    ]
}

/// The only assets that an account may hold: 1 … 100, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedAssets(BTreeSet<AssetCode>);

impl AllowedAssets {
    /// Checks the count and that no asset stands twice.
    pub fn try_new(assets: Vec<AssetCode>) -> Result<Self, Invalid> {
        if assets.is_empty() || assets.len() > ASSETS_MAX {
            return Err(Invalid::new(
                "assets",
                "an account that is restricted holds 1 to 100 assets; leave the field out for any",
            ));
        }
        let count = assets.len();
        let distinct: BTreeSet<AssetCode> = assets.into_iter().collect();
        if distinct.len() != count {
            return Err(Invalid::new("assets", "an asset stands twice"));
        }
        Ok(Self(distinct))
    }

    /// The assets in code order.
    pub fn as_set(&self) -> &BTreeSet<AssetCode> {
        &self.0
    }
}
