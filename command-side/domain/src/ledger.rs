//! A ledger's state: itself, its accounts with their balances, its assets and open holds; no past
//! transactions.

mod accounts;
mod assets;
mod balance;
mod holds;
mod journal;
mod snapshot;

use daybook_events::assets::Scale;
use daybook_events::event::{AccountOpened, LedgerAfter, LedgerOpened};
use daybook_events::ids::{AccountId, AssetCode, LedgerId, Name, Revision};
use daybook_events::metadata::Metadata;
use daybook_events::time::{Day, TimeZone, Timestamp};

pub use accounts::AccountView;
use accounts::Accounts;
pub(crate) use accounts::{Account, AccountIndex, Terms};
use assets::{AssetIndex, Assets};
pub use balance::Balance;
pub(crate) use balance::Shift;
use holds::Holds;
pub use holds::{HoldView, Reserved};
use journal::{Change, Journal};
pub use snapshot::LedgerSnapshot;

/// The state of one ledger, changed by [`crate::evolve`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    id: LedgerId,
    about: Option<About>,
    head: Head,
    accounts: Accounts,
    assets: Assets,
    holds: Holds,
    journal: Journal,
}

/// What events say of the ledger itself; none before it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
struct About {
    opened_at: Timestamp,
    time_zone: TimeZone,
    name: Option<Name>,
    metadata: Metadata,
    closed_through: Option<Day>,
}

/// What every event changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Head {
    revision: Option<Revision>,
    last_recorded_at: Option<Timestamp>,
    transactions: u64,
}

impl Ledger {
    /// A ledger that does not exist yet.
    pub fn new(id: LedgerId) -> Self {
        Self {
            id,
            about: None,
            head: Head::default(),
            accounts: Accounts::default(),
            assets: Assets::default(),
            holds: Holds::default(),
            journal: Journal::default(),
        }
    }

    /// Its id.
    pub fn id(&self) -> &LedgerId {
        &self.id
    }

    /// The revision of its last event; `None` if it does not exist.
    pub fn revision(&self) -> Option<Revision> {
        self.head.revision
    }

    /// When its last event was recorded.
    pub fn last_recorded_at(&self) -> Option<Timestamp> {
        self.head.last_recorded_at
    }

    /// When it was opened; `None` if it does not exist.
    pub fn opened_at(&self) -> Option<Timestamp> {
        self.about.as_ref().map(|about| about.opened_at)
    }

    /// Its name for people.
    pub fn name(&self) -> Option<&Name> {
        self.about.as_ref()?.name.as_ref()
    }

    /// The client's own pairs; `None` if it does not exist.
    pub fn metadata(&self) -> Option<&Metadata> {
        self.about.as_ref().map(|about| &about.metadata)
    }

    /// The zone whose days its dates are; UTC as long as it does not exist.
    pub fn time_zone(&self) -> TimeZone {
        self.about
            .as_ref()
            .map_or(TimeZone::UTC, |about| about.time_zone)
    }

    /// The accounts, sorted by id.
    pub fn accounts(&self) -> impl Iterator<Item = AccountView<'_>> {
        self.accounts
            .sorted()
            .into_iter()
            .map(|(id, account)| AccountView::new(id, account, &self.assets))
    }

    /// An account.
    pub fn account(&self, id: &AccountId) -> Option<AccountView<'_>> {
        let (id, account) = self.accounts.named(id)?;
        Some(AccountView::new(id, account, &self.assets))
    }

    /// How many accounts there are.
    pub fn accounts_count(&self) -> usize {
        self.accounts.len()
    }

    /// How many transactions there are: posted, captures and reversals included, and holds.
    pub fn transactions_count(&self) -> u64 {
        self.head.transactions
    }

    /// The scale of an asset, registered here or of ISO 4217; `None` if it is unknown.
    pub fn scale_of(&self, asset: &AssetCode) -> Option<Scale> {
        self.assets.scale_of(asset)
    }

    /// The registered assets with their scales, sorted by code.
    pub fn registered_assets(&self) -> impl Iterator<Item = (&AssetCode, Scale)> {
        self.assets.registered_sorted().into_iter()
    }

    /// The last day of the closed period.
    pub fn closed_through(&self) -> Option<Day> {
        self.about.as_ref()?.closed_through
    }

    /// The ledger as an event about it stores it; `None` if it does not exist.
    pub(crate) fn after(&self) -> Option<LedgerAfter> {
        let about = self.about.as_ref()?;
        Some(LedgerAfter {
            name: about.name.clone(),
            time_zone: about.time_zone,
            // No ledger comes near 2^64 accounts.
            accounts: u64::try_from(self.accounts.len()).unwrap_or(u64::MAX),
            transactions: self.head.transactions,
            closed_through: about.closed_through,
            opened_at: about.opened_at,
            metadata: about.metadata.clone(),
        })
    }

    /// Begins a stretch that can be taken back as a whole. Stretches nest.
    pub fn begin(&mut self) {
        self.journal.begin(self.head);
    }

    /// Takes back everything since the last [`Self::begin`] that was not yet ended.
    ///
    /// # Panics
    /// Without such a `begin`.
    pub fn rollback(&mut self) {
        let (head, changes) = self.journal.take_back();
        self.head = head;
        for change in changes.into_iter().rev() {
            self.undo(change);
        }
    }

    /// Ends the last [`Self::begin`] and keeps what happened since.
    ///
    /// # Panics
    /// Without such a `begin`.
    pub fn commit(&mut self) {
        self.journal.commit();
    }

    fn undo(&mut self, change: Change) {
        match change {
            Change::About(before) => self.about = *before,
            Change::AccountOpened(id) => self.accounts.forget(&id),
            Change::AssetInterned => self.assets.forget_last(),
            Change::AssetRegistered(asset) => self.assets.unregister(asset),
            Change::Balance(before) => self.accounts.restore_balance(before),
            Change::Terms(before) => self.accounts.restore_terms(*before),
            Change::Hold(change) => self.holds.undo(change),
        }
    }
}

/// How [`crate::decide`] reads and [`crate::evolve`] changes the state.
impl Ledger {
    pub(crate) fn look_up(&self, id: &AccountId) -> Option<(AccountIndex, &Account)> {
        self.accounts.look_up(id)
    }

    /// The account's balance of the asset; zero if it never had an entry.
    pub(crate) fn balance(&self, account: &Account, asset: &AssetCode) -> Balance {
        self.assets
            .index_of(asset)
            .and_then(|index| account.balance(index))
            .unwrap_or_default()
    }

    pub(crate) fn is_registered(&self, asset: &AssetCode) -> bool {
        self.assets.is_registered(asset)
    }

    pub(crate) fn advance(&mut self, revision: Revision, recorded_at: Timestamp) {
        self.head.revision = Some(revision);
        self.head.last_recorded_at = Some(recorded_at);
    }

    pub(crate) fn set_opened(&mut self, at: Timestamp, event: &LedgerOpened) {
        self.set_about(About {
            opened_at: at,
            time_zone: event.time_zone,
            name: event.name.clone(),
            metadata: event.metadata.clone(),
            closed_through: None,
        });
    }

    pub(crate) fn rename(&mut self, name: Option<Name>, metadata: Metadata) {
        if let Some(about) = self.about.clone() {
            self.set_about(About {
                name,
                metadata,
                ..about
            });
        }
    }

    pub(crate) fn set_closed_through(&mut self, closed_through: Option<Day>) {
        if let Some(about) = self.about.clone() {
            self.set_about(About {
                closed_through,
                ..about
            });
        }
    }

    fn set_about(&mut self, about: About) {
        let before = self.about.replace(about);
        self.journal.record(|| Change::About(Box::new(before)));
    }

    /// Adds an account that is not there yet; `false` if no more fit.
    pub(crate) fn open_account(
        &mut self,
        event: &AccountOpened,
        at: Timestamp,
        revision: Revision,
    ) -> bool {
        let opened = self.accounts.open(event, at, revision);
        if opened {
            self.journal
                .record(|| Change::AccountOpened(event.account.clone()));
        }
        opened
    }

    /// Registers an asset that is not registered yet; `false` if no more fit.
    pub(crate) fn register_asset(&mut self, asset: &AssetCode, scale: Scale) -> bool {
        let Some(index) = self.intern(asset) else {
            return false;
        };
        self.assets.register(index, scale);
        self.journal.record(|| Change::AssetRegistered(index));
        true
    }

    /// Sets the balance of an account's asset; `false` if no more assets fit.
    pub(crate) fn set_balance(
        &mut self,
        account: AccountIndex,
        asset: &AssetCode,
        balance: Balance,
        revision: Revision,
    ) -> bool {
        let Some(index) = self.intern(asset) else {
            return false;
        };
        let before = self.accounts.set_balance(account, index, balance, revision);
        if let Some(before) = before {
            self.journal.record(|| Change::Balance(before));
        }
        true
    }

    /// Sets what may change of an account beside its balances.
    pub(crate) fn set_terms(&mut self, account: AccountIndex, terms: Terms, revision: Revision) {
        if let Some(before) = self.accounts.set_terms(account, terms, revision) {
            self.journal.record(|| Change::Terms(Box::new(before)));
        }
    }

    pub(crate) fn count_transaction(&mut self) {
        self.head.transactions = self.head.transactions.saturating_add(1);
    }

    fn intern(&mut self, asset: &AssetCode) -> Option<AssetIndex> {
        if let Some(known) = self.assets.index_of(asset) {
            return Some(known);
        }
        let index = self.assets.intern(asset)?;
        self.journal.record(|| Change::AssetInterned);
        Some(index)
    }
}
