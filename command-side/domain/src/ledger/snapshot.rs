//! Snapshots: a ledger's whole state in plain values, to be written beside the log and read again
//! instead of replaying it. A snapshot is believed only as far as it keeps the laws that a state
//! can be seen to keep; what breaks one is refused, and the log is replayed.

use daybook_events::Invalid;
use daybook_events::ids::{LedgerId, Name, Revision};
use daybook_events::metadata::Metadata;
use daybook_events::money::{Minor, Side};
use daybook_events::time::{Day, TimeZone, Timestamp};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::accounts::{AccountIndex, Accounts, StoredAccount};
use super::assets::{AssetIndex, Assets, Row};
use super::holds::{Holds, StoredHold};
use super::journal::Journal;
use super::{About, Head, Ledger};

/// The shape of [`LedgerSnapshot`]. A snapshot of another shape is refused, never read in part.
const FORMAT: u16 = 1;

/// The state of one ledger in plain values, in orders that depend on nothing but the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerSnapshot {
    format: u16,
    ledger: LedgerId,
    /// None of a ledger that does not exist; then there is nothing else either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opened: Option<Opened>,
    assets: Vec<Row>,
    accounts: Vec<StoredAccount>,
    holds: Vec<StoredHold>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    revision: Revision,
    last_recorded_at: Timestamp,
    transactions: u64,
    opened_at: Timestamp,
    time_zone: TimeZone,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Name>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    metadata: Metadata,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed_through: Option<Day>,
}

impl LedgerSnapshot {
    /// The ledger that it says it is of.
    pub fn ledger(&self) -> &LedgerId {
        &self.ledger
    }

    /// The revision that it says it was taken at; `None` of a ledger that does not exist.
    pub fn revision(&self) -> Option<Revision> {
        self.opened.as_ref().map(|opened| opened.revision)
    }
}

impl Ledger {
    /// The whole state. Costs a copy of it, no more.
    ///
    /// # Panics
    /// Inside a stretch that could be taken back, or between the end of a hold and the capture
    /// that ends it: such a state is not one that the log can be continued from.
    pub fn snapshot(&self) -> LedgerSnapshot {
        assert!(
            self.journal == Journal::default(),
            "a snapshot is not taken inside a stretch that could be taken back"
        );
        assert!(
            self.being_ended().is_none(),
            "a snapshot is not taken between the end of a hold and its last capture"
        );
        LedgerSnapshot {
            format: FORMAT,
            ledger: self.id.clone(),
            opened: self.opened(),
            assets: self.assets.rows().to_vec(),
            accounts: self.accounts.stored(),
            holds: self.holds.stored(),
        }
    }

    fn opened(&self) -> Option<Opened> {
        let about = self.about.as_ref()?;
        Some(Opened {
            revision: self.head.revision?,
            last_recorded_at: self.head.last_recorded_at?,
            transactions: self.head.transactions,
            opened_at: about.opened_at,
            time_zone: about.time_zone,
            name: about.name.clone(),
            metadata: about.metadata.clone(),
            closed_through: about.closed_through,
        })
    }

    /// The state again, equal to the one that the snapshot was taken of.
    ///
    /// # Errors
    /// It is of another format, or no history leads to it.
    pub fn restore(snapshot: LedgerSnapshot) -> Result<Self, Invalid> {
        let LedgerSnapshot {
            format,
            ledger,
            opened,
            assets,
            accounts,
            holds,
        } = snapshot;
        if format != FORMAT {
            return Err(refused(format!("its format is {format}, not {FORMAT}")));
        }
        let Some(opened) = opened else {
            return if assets.is_empty() && accounts.is_empty() && holds.is_empty() {
                Ok(Self::new(ledger))
            } else {
                Err(refused("a ledger that does not exist has something"))
            };
        };
        counts_fit(&opened, accounts.len(), holds.len())?;
        let assets = Assets::from_rows(assets)?;
        let accounts = Accounts::from_stored(accounts, (opened.revision, opened.last_recorded_at))?;
        debits_equal_credits(&assets, &accounts)?;
        let holds = Holds::from_stored(holds)?;
        pending_is_what_holds_reserve(&accounts, &holds)?;
        Ok(Self {
            id: ledger,
            about: Some(About {
                opened_at: opened.opened_at,
                time_zone: opened.time_zone,
                name: opened.name,
                metadata: opened.metadata,
                closed_through: opened.closed_through,
            }),
            head: Head {
                revision: Some(opened.revision),
                last_recorded_at: Some(opened.last_recorded_at),
                transactions: opened.transactions,
            },
            accounts,
            assets,
            holds,
            journal: Journal::default(),
        })
    }
}

/// What a refused snapshot says.
pub(super) fn refused(why: impl Into<String>) -> Invalid {
    Invalid::new("snapshot", why)
}

/// Every account and every transaction is an event of its own, and so is the opening.
fn counts_fit(opened: &Opened, accounts: usize, holds: usize) -> Result<(), Invalid> {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let events = count(accounts).saturating_add(opened.transactions);
    if events > opened.revision.get() || count(holds) > opened.transactions {
        return Err(refused("it counts more than there were events"));
    }
    if opened.opened_at > opened.last_recorded_at {
        return Err(refused("the ledger was opened after its last event"));
    }
    Ok(())
}

/// The turnovers of one asset, over all accounts.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    debits: Total,
    credits: Total,
    pending_debits: Total,
    pending_credits: Total,
    used: bool,
}

/// A sum of any number of turnovers: 10^36 times a few hundred accounts is beyond 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Total {
    carried: u64,
    low: u128,
}

impl Total {
    fn add(&mut self, turnover: Minor) {
        let (low, carries) = self.low.overflowing_add(turnover.get().unsigned_abs());
        self.low = low;
        self.carried = self.carried.saturating_add(u64::from(carries));
    }
}

/// Debits equal credits per asset (INV-1), of what is posted and of what is pending. The table
/// holds the assets that have a balance or were registered, and no others.
fn debits_equal_credits(assets: &Assets, accounts: &Accounts) -> Result<(), Invalid> {
    let mut sums = vec![Sums::default(); assets.rows().len()];
    for (_, asset, balance) in accounts.balances() {
        let Some(sums) = sums.get_mut(asset.place()) else {
            return Err(refused("a balance is of an unknown asset"));
        };
        sums.debits.add(balance.debits());
        sums.credits.add(balance.credits());
        sums.pending_debits.add(balance.pending_debits());
        sums.pending_credits.add(balance.pending_credits());
        sums.used = true;
    }
    for (row, sums) in assets.rows().iter().zip(sums) {
        if sums.debits != sums.credits || sums.pending_debits != sums.pending_credits {
            return Err(refused("debits and credits of an asset differ (INV-1)"));
        }
        if !sums.used && !row.is_registered() {
            return Err(refused("an asset is known without reason"));
        }
    }
    Ok(())
}

/// What is pending on every account is what the open holds reserve there.
fn pending_is_what_holds_reserve(accounts: &Accounts, holds: &Holds) -> Result<(), Invalid> {
    let mut reserved: FxHashMap<(AccountIndex, AssetIndex), (Minor, Minor)> = FxHashMap::default();
    for (id, asset, direction, remaining) in holds.remaining() {
        let Some((account, _)) = accounts.look_up(id) else {
            return Err(refused(format!(
                "a hold names account {id}, which is unknown"
            )));
        };
        let (debits, credits) = reserved.entry((account, asset)).or_default();
        let sum = match direction {
            Side::Debit => debits,
            Side::Credit => credits,
        };
        *sum = sum
            .checked_add(remaining)
            .ok_or_else(|| refused("holds reserve more than 10^36"))?;
    }
    for (account, asset, balance) in accounts.balances() {
        let pending = (balance.pending_debits(), balance.pending_credits());
        if reserved.remove(&(account, asset)).unwrap_or_default() != pending {
            return Err(refused(
                "what is pending is not what the open holds reserve",
            ));
        }
    }
    if !reserved.is_empty() {
        return Err(refused("a hold reserves of a balance that there is not"));
    }
    Ok(())
}
