//! The rules of entries: what a transaction must keep, whatever kind it is.

use std::collections::BTreeMap;

use super::BALANCE_MAX;
use super::ledger::{Account, Balance, Ledger, Refusal, Share, Turnover};
use super::request::{Bounds, Entry, Lines, Party, Posting, Side};

/// What a transaction does to balances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moves {
    /// Its entries are posted.
    Posts,
    /// Its entries are held.
    Holds,
    /// Its entries are posted, and were held.
    Captures,
}

/// Turnovers by account and asset.
pub(super) type Turnovers = BTreeMap<(String, String), Turnover>;

impl Ledger {
    /// Accounts exist → assets known and allowed → account status → balanced per asset.
    pub(super) fn entries_fit(&self, entries: &[Entry], moves: Moves) -> Result<(), Refusal> {
        for (index, entry) in entries.iter().enumerate() {
            if !self.accounts.contains_key(&entry.account) {
                return Err(Refusal::at(index, "account_not_found"));
            }
        }
        for (index, entry) in entries.iter().enumerate() {
            if !self.knows(&entry.asset) {
                return Err(Refusal::at(index, "asset_unknown"));
            }
            let allowed = self.accounts[&entry.account].assets.as_ref();
            if allowed.is_some_and(|allowed| !allowed.contains(&entry.asset)) {
                return Err(Refusal::at(index, "asset_not_allowed"));
            }
        }
        for (index, entry) in entries.iter().enumerate() {
            match self.accounts[&entry.account].status {
                "closed" => return Err(Refusal::at(index, "account_closed")),
                "frozen" if moves != Moves::Captures => {
                    return Err(Refusal::at(index, "account_frozen"));
                }
                _ => {}
            }
        }
        let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
        for entry in entries {
            let sum = sums.entry(&entry.asset).or_default();
            *sum += match entry.side {
                Side::Debit => entry.amount,
                Side::Credit => -entry.amount,
            };
        }
        let wrong = entries
            .iter()
            .position(|entry| sums[entry.asset.as_str()] != 0);
        wrong.map_or(Ok(()), |index| Err(Refusal::at(index, "unbalanced")))
    }

    /// The day must be open.
    pub(super) fn day_is_open(&self, day: &str) -> Result<(), Refusal> {
        match &self.face.closed_through {
            Some(closed) if day <= closed.as_str() => Err(Refusal::new(422, "period_closed")),
            Some(_) | None => Ok(()),
        }
    }

    /// Overflow → limits → conditions, on the balances after all of it.
    pub(super) fn balances_fit(&self, entries: &[Entry], after: &Turnovers) -> Result<(), Refusal> {
        for (index, entry) in entries.iter().enumerate() {
            let one = after[&(entry.account.clone(), entry.asset.clone())];
            let all = [
                one.debits,
                one.credits,
                one.pending_debits,
                one.pending_credits,
            ];
            if all.iter().any(|sum| *sum > BALANCE_MAX) {
                return Err(Refusal::at(index, "overflow"));
            }
        }
        for (index, entry) in entries.iter().enumerate() {
            let account = &self.accounts[&entry.account];
            let before = self.turnover(&entry.account, &entry.asset);
            let after = after[&(entry.account.clone(), entry.asset.clone())];
            within_limits(account, &entry.asset, before, after)
                .map_err(|code| Refusal::at(index, code))?;
        }
        for (index, entry) in entries.iter().enumerate() {
            let Some(condition) = &entry.condition else {
                continue;
            };
            let balance = self.balance_in(after, entry);
            let available = condition.available.as_ref();
            let posted = condition.posted.as_ref();
            if !available.is_none_or(|bounds| holds(bounds, balance.available))
                || !posted.is_none_or(|bounds| holds(bounds, balance.posted))
            {
                return Err(Refusal::at(index, "condition_failed"));
            }
        }
        Ok(())
    }

    /// The balance of an entry's account and asset.
    pub(super) fn balance_in(&self, after: &Turnovers, entry: &Entry) -> Balance {
        let turnover = after[&(entry.account.clone(), entry.asset.clone())];
        turnover.balance(self.accounts[&entry.account].normal)
    }

    /// Turnovers after these entries, on top of what was changed already.
    pub(super) fn moved(&self, mut after: Turnovers, entries: &[Entry], moves: Moves) -> Turnovers {
        for entry in entries {
            let turnover = self.entry_of(&mut after, &entry.account, &entry.asset);
            match moves {
                Moves::Posts => turnover.post(entry.side, entry.amount),
                Moves::Holds => turnover.hold(entry.side, entry.amount),
                Moves::Captures => {
                    turnover.post(entry.side, entry.amount);
                    turnover.hold(entry.side, -entry.amount);
                }
            }
        }
        after
    }

    /// Turnovers after these shares are no longer held.
    pub(super) fn released(&self, shares: &[Share]) -> Turnovers {
        let mut after = Turnovers::new();
        for share in shares {
            let turnover = self.entry_of(&mut after, &share.account, &share.asset);
            turnover.hold(share.side, -share.amount);
        }
        after
    }

    fn entry_of<'a>(
        &self,
        after: &'a mut Turnovers,
        account: &str,
        asset: &str,
    ) -> &'a mut Turnover {
        let now = self.turnover(account, asset);
        let place = (account.to_owned(), asset.to_owned());
        after.entry(place).or_insert(now)
    }
}

/// Not beyond the limit, or at least not worse than before.
fn within_limits(
    account: &Account,
    asset: &str,
    before: Turnover,
    after: Turnover,
) -> Result<(), &'static str> {
    let limit = account.limits.get(asset).or(account.limits.get("*"));
    let limit = limit.copied().unwrap_or_default();
    let (old, new) = (
        before.balance(account.normal).available,
        after.balance(account.normal).available,
    );
    if limit
        .min_available
        .is_some_and(|min| new < min && new < old)
    {
        return Err("insufficient_funds");
    }
    let (old, new) = (
        before.at_most(account.normal),
        after.at_most(account.normal),
    );
    if limit.max_balance.is_some_and(|max| new > max && new > old) {
        return Err("limit_exceeded");
    }
    Ok(())
}

fn holds(bounds: &Bounds, balance: i128) -> bool {
    bounds.gte.is_none_or(|bound| balance >= bound)
        && bounds.lte.is_none_or(|bound| balance <= bound)
        && bounds.eq.is_none_or(|bound| balance == bound)
}

/// The entries that a client means.
pub fn entries_of(lines: &Lines) -> Vec<Entry> {
    match lines {
        Lines::Entries(entries) => entries.clone(),
        Lines::Postings(postings) => postings.iter().flat_map(entries_of_posting).collect(),
    }
}

fn entries_of_posting(posting: &Posting) -> Vec<Entry> {
    let debits = parts(&posting.debit, posting.amount);
    let credits = parts(&posting.credit, posting.amount);
    let debits = debits.into_iter().map(|part| (Side::Debit, part));
    let credits = credits.into_iter().map(|part| (Side::Credit, part));
    let all = debits.chain(credits);
    all.filter(|(_, (_, amount))| *amount > 0)
        .map(|(side, (account, amount))| Entry {
            account,
            side,
            amount,
            asset: posting.asset.clone(),
            description: None,
            metadata: None,
            condition: None,
        })
        .collect()
}

/// Largest remainder: everybody the whole part of the share, what is left to those who lost most.
fn parts(party: &Party, amount: i128) -> Vec<(String, i128)> {
    let shares = match party {
        Party::One(account) => return vec![(account.clone(), amount)],
        Party::Split(shares) => shares,
    };
    let whole: i128 = shares.iter().map(|(_, weight)| weight).sum();
    // The model's amounts are small: the product is far from overflow.
    let mut parts: Vec<(String, i128)> = shares
        .iter()
        .map(|(account, weight)| (account.clone(), amount * weight / whole))
        .collect();
    let left = amount - parts.iter().map(|(_, part)| part).sum::<i128>();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(amount * shares[index].1 % whole));
    for index in order.into_iter().take(usize::try_from(left).unwrap_or(0)) {
        parts[index].1 += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_and_the_largest_remainder_comes_first() {
        let split = |weights: &[i128], amount| {
            let shares = weights.iter().map(|&weight| (String::new(), weight));
            let parts = parts(&Party::Split(shares.collect()), amount);
            parts.into_iter().map(|(_, part)| part).collect::<Vec<_>>()
        };
        assert_eq!(split(&[1, 1, 1], 100), [34, 33, 33]);
        assert_eq!(split(&[90, 10], 15), [14, 1]);
        assert_eq!(split(&[1, 2, 4], 10), [1, 3, 6]);
        assert_eq!(split(&[1, 1_000_000], 3), [0, 3]);
    }
}
