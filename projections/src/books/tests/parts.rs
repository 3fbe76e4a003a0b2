//! The parts that the writer's events are made of.

use daybook_events::event::{
    AccountOpened, BalanceAfter, Entry, Limits, Origin, TransactionPosted, Turnover,
};
use daybook_events::ids::AccountId;
use daybook_events::metadata::Metadata;
use daybook_events::money::{AccountType, Minor, Side};

use super::writer::{ACCOUNTS, Leg, pairs};

pub(super) fn account_id(account: usize) -> AccountId {
    AccountId::parse(ACCOUNTS[account]).unwrap()
}

pub(super) fn normal(account: usize) -> Side {
    if account.is_multiple_of(2) {
        Side::Debit
    } else {
        Side::Credit
    }
}

pub(super) fn opened(account: usize) -> AccountOpened {
    AccountOpened {
        account: account_id(account),
        account_type: AccountType::Asset,
        normal_balance: normal(account),
        name: None,
        assets: None,
        limits: Limits::default(),
        metadata: Metadata::default(),
    }
}

pub(super) fn posted(entries: Vec<Entry>, origin: Option<Origin>) -> TransactionPosted {
    TransactionPosted {
        reference: None,
        code: None,
        description: None,
        effective_at: None,
        effective_local: None,
        related_to: None,
        origin,
        entries,
        metadata: pairs(0),
    }
}

pub(super) fn balance(normal: Side, turnover: Turnover) -> BalanceAfter {
    let [debits, credits, held_debits, held_credits] = [
        turnover.debits,
        turnover.credits,
        turnover.pending_debits,
        turnover.pending_credits,
    ]
    .map(Minor::get);
    let (posted, pending, reserved) = match normal {
        Side::Debit => (debits - credits, held_debits - held_credits, held_credits),
        Side::Credit => (credits - debits, held_credits - held_debits, held_debits),
    };
    BalanceAfter {
        posted: Minor::try_new(posted).unwrap(),
        pending: Minor::try_new(pending).unwrap(),
        available: Minor::try_new(posted - reserved).unwrap(),
    }
}

/// Legs added up per account, side and asset, in the order of the first of each.
pub(super) fn sums(legs: &[Leg]) -> Vec<Leg> {
    let mut sums: Vec<Leg> = Vec::new();
    for leg in legs {
        let same = |sum: &&mut Leg| (sum.0, sum.1, sum.3) == (leg.0, leg.1, leg.3);
        match sums.iter_mut().find(same) {
            Some(sum) => sum.2 += leg.2,
            None => sums.push(*leg),
        }
    }
    sums
}
