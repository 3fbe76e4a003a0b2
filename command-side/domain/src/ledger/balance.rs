//! A balance: the four turnovers of one account and asset, and what they add up to.

use daybook_events::event::{BalanceAfter, Turnover};
use daybook_events::money::{BALANCE_MAX, Minor, Side};

/// The turnovers of one account and asset, each 0 … 10^36 and only ever growing, except that
/// pending turnover falls when a hold ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    debits: Minor,
    credits: Minor,
    pending_debits: Minor,
    pending_credits: Minor,
}

impl Balance {
    /// Posted debits.
    pub const fn debits(self) -> Minor {
        self.debits
    }

    /// Posted credits.
    pub const fn credits(self) -> Minor {
        self.credits
    }

    /// Pending debits.
    pub const fn pending_debits(self) -> Minor {
        self.pending_debits
    }

    /// Pending credits.
    pub const fn pending_credits(self) -> Minor {
        self.pending_credits
    }

    /// Debits − credits if debit-normal, else credits − debits.
    pub fn posted(self, normal: Side) -> Minor {
        within_bounds(difference(normal, self.debits, self.credits))
    }

    /// The same of the pending turnover; not included in `posted`.
    pub fn pending(self, normal: Side) -> Minor {
        within_bounds(difference(
            normal,
            self.pending_debits,
            self.pending_credits,
        ))
    }

    /// What holds leave to spend: `posted` − the pending turnover against the normal side.
    pub fn available(self, normal: Side) -> Minor {
        let reserved = self.pending_of(normal.opposite());
        within_bounds(self.posted(normal).get().saturating_sub(reserved.get()))
    }

    /// What `max_balance` bounds: `posted` + the pending turnover on the normal side.
    pub fn with_pending_increases(self, normal: Side) -> Minor {
        let increases = self.pending_of(normal);
        within_bounds(self.posted(normal).get().saturating_add(increases.get()))
    }

    /// The four turnovers as an event stores them.
    pub(crate) const fn turnover(self) -> Turnover {
        Turnover {
            debits: self.debits,
            credits: self.credits,
            pending_debits: self.pending_debits,
            pending_credits: self.pending_credits,
        }
    }

    /// The balance of four turnovers, or `None` where [`Self::posting`] could not lead to them.
    pub fn try_new(turnover: Turnover) -> Option<Self> {
        let Turnover {
            debits,
            credits,
            pending_debits,
            pending_credits,
        } = turnover;
        let all = [debits, credits, pending_debits, pending_credits];
        if all.iter().any(|turnover| *turnover < Minor::ZERO) {
            return None;
        }
        debits.checked_add(pending_debits)?;
        credits.checked_add(pending_credits)?;
        Some(Self {
            debits,
            credits,
            pending_debits,
            pending_credits,
        })
    }

    /// Whether nothing is posted, on balance, and nothing is pending.
    pub(crate) fn is_empty(self) -> bool {
        self.debits == self.credits
            && self.pending_debits.is_zero()
            && self.pending_credits.is_zero()
    }

    /// The three sums as an event stores them.
    pub fn after(self, normal: Side) -> BalanceAfter {
        BalanceAfter {
            posted: self.posted(normal),
            pending: self.pending(normal),
            available: self.available(normal),
        }
    }

    /// The balance after posting more on one side, or `None` if a turnover, with what is pending
    /// on its side, would be beyond 10^36.
    pub(crate) fn posting(self, side: Side, amount: Minor) -> Option<Self> {
        self.shifted(Shift::default().posting(side, amount)?)
    }

    /// The balance after a hold of more on one side; `None` as in [`Self::posting`].
    pub(crate) fn pending_on(self, side: Side, amount: Minor) -> Option<Self> {
        self.shifted(Shift::default().pending_on(side, amount)?)
    }

    /// The balance after less is held on one side; `None` if so much was not held.
    pub(crate) fn releasing(self, side: Side, amount: Minor) -> Option<Self> {
        self.shifted(Shift::default().releasing(side, amount)?)
    }

    /// The balance after all of a shift at once.
    pub(crate) fn shifted(self, by: Shift) -> Option<Self> {
        let after = Self {
            debits: turnover(self.debits, by.debits)?,
            credits: turnover(self.credits, by.credits)?,
            pending_debits: turnover(self.pending_debits, by.pending_debits)?,
            pending_credits: turnover(self.pending_credits, by.pending_credits)?,
        };
        // Sums of two turnovers, either way round, are what every balance is made of.
        after.debits.checked_add(after.pending_debits)?;
        after.credits.checked_add(after.pending_credits)?;
        Some(after)
    }

    const fn pending_of(self, side: Side) -> Minor {
        match side {
            Side::Debit => self.pending_debits,
            Side::Credit => self.pending_credits,
        }
    }
}

/// What is added to the turnovers of one account and asset; taken from, where it is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shift {
    debits: Minor,
    credits: Minor,
    pending_debits: Minor,
    pending_credits: Minor,
}

/// Each gives `None` beyond ±10^36.
impl Shift {
    /// More is posted.
    pub(crate) fn posting(mut self, side: Side, amount: Minor) -> Option<Self> {
        let turnover = match side {
            Side::Debit => &mut self.debits,
            Side::Credit => &mut self.credits,
        };
        *turnover = turnover.checked_add(amount)?;
        Some(self)
    }

    /// More is held.
    pub(crate) fn pending_on(mut self, side: Side, amount: Minor) -> Option<Self> {
        let turnover = self.pending_mut(side);
        *turnover = turnover.checked_add(amount)?;
        Some(self)
    }

    /// Less is held.
    pub(crate) fn releasing(mut self, side: Side, amount: Minor) -> Option<Self> {
        let turnover = self.pending_mut(side);
        *turnover = turnover.checked_sub(amount)?;
        Some(self)
    }

    fn pending_mut(&mut self, side: Side) -> &mut Minor {
        match side {
            Side::Debit => &mut self.pending_debits,
            Side::Credit => &mut self.pending_credits,
        }
    }
}

/// A turnover is never negative.
fn turnover(before: Minor, by: Minor) -> Option<Minor> {
    before.checked_add(by).filter(|after| *after >= Minor::ZERO)
}

fn difference(normal: Side, debits: Minor, credits: Minor) -> i128 {
    let (increases, decreases) = match normal {
        Side::Debit => (debits, credits),
        Side::Credit => (credits, debits),
    };
    increases.get().saturating_sub(decreases.get())
}

/// [`Balance::shifted`] lets no turnover, with what is pending on its side, beyond 10^36; a
/// difference of two such numbers cannot be beyond it either, so nothing is ever held back here.
fn within_bounds(minor_units: i128) -> Minor {
    debug_assert!(
        minor_units.unsigned_abs() <= BALANCE_MAX.unsigned_abs(),
        "a balance is within ±10^36"
    );
    Minor::try_new(minor_units.clamp(BALANCE_MAX.saturating_neg(), BALANCE_MAX))
        .unwrap_or(Minor::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minor(number: i128) -> Minor {
        Minor::try_new(number).unwrap()
    }

    #[test]
    fn the_normal_side_decides_every_sum() {
        let balance = Balance {
            debits: minor(100),
            credits: minor(30),
            pending_debits: minor(7),
            pending_credits: minor(5),
        };
        let sums = |normal| {
            (
                balance.posted(normal).get(),
                balance.pending(normal).get(),
                balance.available(normal).get(),
                balance.with_pending_increases(normal).get(),
            )
        };
        assert_eq!(sums(Side::Debit), (70, 2, 65, 77));
        assert_eq!(sums(Side::Credit), (-70, -2, -77, -65));
    }

    #[test]
    fn a_turnover_ends_at_ten_to_the_thirty_six() {
        let full = Balance::default()
            .posting(Side::Debit, minor(BALANCE_MAX))
            .unwrap();
        assert_eq!(full.posted(Side::Credit).get(), -BALANCE_MAX);
        assert_eq!(full.posting(Side::Debit, minor(1)), None);
        assert!(full.posting(Side::Credit, minor(BALANCE_MAX)).is_some());
    }

    #[test]
    fn what_is_pending_counts_towards_the_bound() {
        let held = Balance {
            pending_credits: minor(1),
            ..Balance::default()
        };
        assert_eq!(held.posting(Side::Credit, minor(BALANCE_MAX)), None);
        assert!(held.posting(Side::Credit, minor(BALANCE_MAX - 1)).is_some());
    }
}
