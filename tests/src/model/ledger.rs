//! What the model remembers of a ledger: everything, in plain maps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::calendar::Zone;
use super::request::{Asked, Entry, Limit, Pairs, Side};

/// A ledger at one revision.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// Its id.
    pub id: String,
    /// The zone of its days.
    pub zone: Zone,
    /// When it was opened.
    pub opened_at: i64,
    /// The revision of its last event.
    pub revision: u64,
    /// When its last event was recorded.
    pub recorded_at: i64,
    /// What may change of the ledger itself.
    pub face: Face,
    /// Assets beyond ISO 4217.
    pub assets: BTreeSet<String>,
    /// Accounts by id.
    pub accounts: BTreeMap<String, Arc<Account>>,
    /// Transactions and holds by id.
    pub transactions: BTreeMap<String, Arc<Transaction>>,
    /// Holds that have not ended, with the time at which they do.
    pub open_holds: BTreeMap<String, Option<i64>>,
    /// Every reference that was ever taken.
    pub references: BTreeSet<String>,
    /// What was done, or refused for good, under a key.
    pub by_key: BTreeMap<String, Arc<Done>>,
    /// The same under an id.
    pub by_id: BTreeMap<String, Arc<Done>>,
}

/// What may change of the ledger itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Face {
    /// A name for people.
    pub name: Option<String>,
    /// Pairs.
    pub metadata: Pairs,
    /// The last closed day.
    pub closed_through: Option<String>,
}

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// `asset`, `liability` and so on.
    pub kind: &'static str,
    /// The side that increases it.
    pub normal: Side,
    /// A name for people.
    pub name: Option<String>,
    /// `open`, `frozen` or `closed`.
    pub status: &'static str,
    /// The only assets it may hold.
    pub assets: Option<BTreeSet<String>>,
    /// Its limits by asset or `*`.
    pub limits: BTreeMap<String, Limit>,
    /// Pairs.
    pub metadata: Pairs,
    /// When it was opened.
    pub opened_at: i64,
    /// Its turnovers by asset.
    pub turnovers: BTreeMap<String, Turnover>,
}

/// What went through one account in one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Turnover {
    /// Posted.
    pub debits: i128,
    /// Posted.
    pub credits: i128,
    /// Of open holds.
    pub pending_debits: i128,
    /// Of open holds.
    pub pending_credits: i128,
}

/// The three numbers of a balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// Increases less decreases.
    pub posted: i128,
    /// The same of what is held.
    pub pending: i128,
    /// What holds leave to spend.
    pub available: i128,
}

impl Turnover {
    /// The balance of an account with this normal side.
    pub fn balance(self, normal: Side) -> Balance {
        let posted = self.debits - self.credits;
        let pending = self.pending_debits - self.pending_credits;
        match normal {
            Side::Debit => Balance {
                posted,
                pending,
                available: posted - self.pending_credits,
            },
            Side::Credit => Balance {
                posted: -posted,
                pending: -pending,
                available: -posted - self.pending_debits,
            },
        }
    }

    /// What `max_balance` bounds: posted and all increases that are held.
    pub fn at_most(self, normal: Side) -> i128 {
        let increases = match normal {
            Side::Debit => self.pending_debits,
            Side::Credit => self.pending_credits,
        };
        self.balance(normal).posted + increases
    }

    /// Posts one amount.
    pub fn post(&mut self, side: Side, amount: i128) {
        match side {
            Side::Debit => self.debits += amount,
            Side::Credit => self.credits += amount,
        }
    }

    /// Holds one amount, or lets go of it if it is negative.
    pub fn hold(&mut self, side: Side, amount: i128) {
        match side {
            Side::Debit => self.pending_debits += amount,
            Side::Credit => self.pending_credits += amount,
        }
    }
}

/// A transaction or a hold.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// The body that it was first answered with.
    pub body: Value,
    /// Its entries.
    pub entries: Vec<Entry>,
    /// Its pairs now.
    pub metadata: Pairs,
    /// Whether they are others than at first.
    pub metadata_changed: bool,
    /// What reversed it.
    pub reversed_by: Option<String>,
    /// What it is beyond that, if it is a hold.
    pub hold: Option<Hold>,
}

/// A hold.
#[derive(Debug, Clone)]
pub struct Hold {
    /// When its time is over.
    pub expires_at: Option<i64>,
    /// What was not captured yet, in the order of its entries.
    pub rest: Vec<Share>,
    /// Where it stands.
    pub status: &'static str,
    /// How it ended, as answers show it.
    pub ended: Value,
}

/// An amount of one account, side and asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The account.
    pub account: String,
    /// The side.
    pub side: Side,
    /// The asset.
    pub asset: String,
    /// Minor units.
    pub amount: i128,
}

impl Share {
    /// Whether it is about the same as an entry.
    pub fn is_of(&self, entry: &Entry) -> bool {
        self.account == entry.account && self.side == entry.side && self.asset == entry.asset
    }
}

/// What was done once, and is said again to whoever asks the same.
#[derive(Debug, Clone)]
pub struct Done {
    /// What was asked.
    pub asked: Asked,
    /// The revision of the answer.
    pub revision: u64,
    /// The first answer.
    pub answer: Answer,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Success.
    Yes(Yes),
    /// A rule's no.
    No(Refusal),
}

/// A success.
#[derive(Debug, Clone, PartialEq)]
pub struct Yes {
    /// The status.
    pub status: u16,
    /// The whole body.
    pub body: Value,
    /// `Location`.
    pub location: Option<String>,
    /// The transaction, as a bulk result names it.
    pub id: Option<String>,
}

/// A rule's no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The code.
    pub code: &'static str,
    /// The entry that is meant.
    pub index: Option<usize>,
}

impl Refusal {
    /// A refusal that is about no single entry.
    pub const fn new(status: u16, code: &'static str) -> Self {
        Self {
            status,
            code,
            index: None,
        }
    }

    /// A refusal for one entry.
    pub const fn at(index: usize, code: &'static str) -> Self {
        Self {
            status: 422,
            code,
            index: Some(index),
        }
    }
}

impl Ledger {
    /// A ledger that was just opened.
    pub fn opened(id: &str, zone: Zone, face: Face, at: i64) -> Self {
        Self {
            id: id.to_owned(),
            zone,
            opened_at: at,
            revision: 0,
            recorded_at: at,
            face,
            assets: BTreeSet::new(),
            accounts: BTreeMap::new(),
            transactions: BTreeMap::new(),
            open_holds: BTreeMap::new(),
            references: BTreeSet::new(),
            by_key: BTreeMap::new(),
            by_id: BTreeMap::new(),
        }
    }

    /// Whether the ledger knows an asset.
    pub fn knows(&self, asset: &str) -> bool {
        super::ISO.contains(&asset) || self.assets.contains(asset)
    }

    /// The open holds whose time is over at `now`.
    pub fn due(&self, now: i64) -> Vec<&str> {
        let open = self.open_holds.iter();
        open.filter(|(_, expires_at)| expires_at.is_some_and(|expires_at| expires_at <= now))
            .map(|(id, _)| id.as_str())
            .collect()
    }

    /// What went through an account in an asset.
    pub fn turnover(&self, account: &str, asset: &str) -> Turnover {
        let account = self.accounts.get(account);
        account
            .and_then(|account| account.turnovers.get(asset).copied())
            .unwrap_or_default()
    }
}
