//! The undo journal: what stood before each change, so that an atomic batch that fails half-way
//! leaves no trace. It records only while something could still be taken back.

use daybook_events::ids::{AccountId, Revision};

use super::accounts::{AccountIndex, Terms};
use super::assets::AssetIndex;
use super::balance::Balance;
use super::holds::HoldChange;
use super::{About, Head};

/// One change and what takes it back. Changes are taken back in reverse order, so that the last
/// account or asset of its table is always the one to forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Boxed, as the next one is: rare and large, beside balances that are frequent and small.
    About(Box<Option<About>>),
    Terms(Box<TermsBefore>),
    AccountOpened(AccountId),
    AssetInterned,
    AssetRegistered(AssetIndex),
    Balance(BalanceBefore),
    Hold(HoldChange),
}

/// What an account was before a change, beside its balances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TermsBefore {
    pub(super) account: AccountIndex,
    pub(super) terms: Terms,
    pub(super) revision: Revision,
}

/// An account's balance of one asset before a change; `None`: it had never had an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BalanceBefore {
    pub(super) account: AccountIndex,
    pub(super) asset: AssetIndex,
    pub(super) balance: Option<Balance>,
    pub(super) revision: Revision,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Journal {
    marks: Vec<Mark>,
    changes: Vec<Change>,
}

/// Where a stretch began.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    head: Head,
    changes: usize,
}

impl Journal {
    pub(super) fn begin(&mut self, head: Head) {
        self.marks.push(Mark {
            head,
            changes: self.changes.len(),
        });
    }

    pub(super) fn record(&mut self, change: impl FnOnce() -> Change) {
        if !self.marks.is_empty() {
            self.changes.push(change());
        }
    }

    /// Ends the innermost stretch. Its changes stay as long as an outer one may take them back.
    pub(super) fn commit(&mut self) {
        let ended = self.marks.pop();
        assert!(ended.is_some(), "commit follows a begin");
        if self.marks.is_empty() {
            self.changes.clear();
        }
    }

    /// Ends the innermost stretch and hands out what has to be taken back, oldest first.
    pub(super) fn take_back(&mut self) -> (Head, Vec<Change>) {
        let ended = self.marks.pop();
        assert!(ended.is_some(), "rollback follows a begin");
        ended.map_or_else(
            || (Head::default(), Vec::new()),
            |mark| (mark.head, self.changes.split_off(mark.changes)),
        )
    }
}
