//! The ledgers of a batch: each event is the next of its stream.

use std::collections::BTreeMap;

use daybook_events::event::{Event, LedgerAfter, LedgerOpened, PeriodClosed, PeriodReopened};
use daybook_events::ids::{LedgerId, Revision};
use daybook_events::time::{Day, Timestamp};

use crate::books::decode::{Decoded, corrupt};
use crate::books::rows::{LedgerRow, LedgerState, LedgerValues, Prior};
use crate::books::{Corrupt, Rule};

pub(super) struct Ledgers<'a> {
    prior: &'a Prior<'a>,
    rows: BTreeMap<&'a LedgerId, LedgerRow<'a>>,
}

impl<'a> Ledgers<'a> {
    pub(super) fn new(prior: &'a Prior<'a>) -> Self {
        Self {
            prior,
            rows: BTreeMap::new(),
        }
    }

    /// The ledger's row at this event, which must be the next of its stream: a ledger begins with
    /// its opening at revision 0, and revisions have no holes.
    pub(super) fn next(
        &mut self,
        decoded: &'a Decoded<'a>,
    ) -> Result<&mut LedgerRow<'a>, Box<Corrupt>> {
        let recorded = decoded.recorded;
        let so_far = self.rows.get(&recorded.ledger).map(|row| row.state);
        let before = so_far.or_else(|| self.prior.ledgers.get(&recorded.ledger).copied());
        let expected = before.map_or(Revision::new(0), |state| state.revision.plus(1));
        let opens = matches!(decoded.event, Event::LedgerOpened(_));
        if recorded.revision != expected || opens == before.is_some() {
            let at = before.map(|state| state.revision);
            return Err(corrupt(recorded, Rule::Revision { at }));
        }
        let state = before.unwrap_or(LedgerState {
            revision: recorded.revision,
            accounts: 0,
            transactions: 0,
            closed_through: None,
        });
        let row = self
            .rows
            .entry(&recorded.ledger)
            .or_insert_with(|| LedgerRow {
                ledger: &recorded.ledger,
                state,
                last_recorded_at: recorded.recorded_at,
                opened: None,
                values: None,
            });
        row.state.revision = recorded.revision;
        row.last_recorded_at = recorded.recorded_at;
        Ok(row)
    }

    pub(super) fn finish(self) -> Vec<LedgerRow<'a>> {
        self.rows.into_values().collect()
    }
}

impl<'a> LedgerRow<'a> {
    pub(super) fn open(&mut self, opened: &'a LedgerOpened, at: Timestamp) {
        self.opened = Some((opened.time_zone, at));
        self.values = Some(LedgerValues {
            name: opened.name.as_ref(),
            metadata: &opened.metadata,
        });
    }

    pub(super) fn update(
        &mut self,
        decoded: &Decoded<'_>,
        after: &'a LedgerAfter,
    ) -> Result<(), Box<Corrupt>> {
        self.values = Some(LedgerValues {
            name: after.name.as_ref(),
            metadata: &after.metadata,
        });
        self.check(decoded, after)
    }

    /// A period is closed through a later day than before.
    pub(super) fn close_period(
        &mut self,
        decoded: &Decoded<'_>,
        closed: &'a PeriodClosed,
    ) -> Result<(), Box<Corrupt>> {
        let is_later = self.state.closed_through < Some(closed.through);
        self.move_period(decoded, is_later, Some(closed.through), &closed.after)
    }

    /// It is reopened from an earlier day on, or altogether.
    pub(super) fn reopen_period(
        &mut self,
        decoded: &Decoded<'_>,
        reopened: &'a PeriodReopened,
    ) -> Result<(), Box<Corrupt>> {
        let is_earlier = reopened.through < self.state.closed_through;
        self.move_period(decoded, is_earlier, reopened.through, &reopened.after)
    }

    fn move_period(
        &mut self,
        decoded: &Decoded<'_>,
        is_lawful: bool,
        through: Option<Day>,
        after: &LedgerAfter,
    ) -> Result<(), Box<Corrupt>> {
        if !is_lawful {
            return Err(corrupt(decoded.recorded, Rule::Period));
        }
        self.state.closed_through = through;
        self.check(decoded, after)
    }

    /// What the event says of the whole ledger is what its events add up to.
    fn check(&self, decoded: &Decoded<'_>, after: &LedgerAfter) -> Result<(), Box<Corrupt>> {
        let state = self.state;
        let said = (after.accounts, after.transactions, after.closed_through);
        if said != (state.accounts, state.transactions, state.closed_through) {
            return Err(corrupt(decoded.recorded, Rule::Ledger));
        }
        Ok(())
    }
}
