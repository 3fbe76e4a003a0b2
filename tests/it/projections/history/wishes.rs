//! What a client may wish for: commands of every kind.

use std::collections::BTreeMap;

use daybook_domain::{
    CaptureHold, Captured, ChangeAccountStatus, ClosePeriod, Command, Entries, LimitPatch,
    LimitsPatch, NewEntry, OpenAccount, OpenLedger, Patch, PlaceHold, PostTransaction,
    RegisterAsset, ReopenPeriod, ReverseTransaction, SetMetadata, StatusChange, UpdateAccount,
    UpdateLedger, VoidHold,
};
use daybook_events::event::{CommandRejected, Event, LimitedAsset, Limits, MetadataOf};
use daybook_events::ids::{AccountId, AssetCode, Description, Name, TransactionId};
use daybook_events::metadata::{Metadata, MetadataPatch};
use daybook_events::money::{AccountType, Amount, Minor, Side};
use daybook_events::time::{Day, TimeZone, Timestamp};

use super::{ACCOUNTS, ASSETS, Draft, History, Leg, STEP_MICROS};

/// Accounts that are opened on the way, frozen and closed again; the first ones always stay open.
const GUESTS: usize = 6;

/// The first commands of a ledger. Every second account grows by credits.
pub(super) fn openings() -> Vec<Command> {
    let open = Command::OpenLedger(OpenLedger {
        name: None,
        time_zone: TimeZone::parse("Europe/Prague").unwrap(),
        metadata: Metadata::default(),
    });
    let accounts = (0..ACCOUNTS.len()).map(open_account);
    std::iter::once(open).chain(accounts).collect()
}

/// The first accounts, then the guests.
fn account(number: usize) -> AccountId {
    match ACCOUNTS.get(number) {
        Some(name) => AccountId::parse(name).unwrap(),
        None => AccountId::parse(&format!("guests:{number}")).unwrap(),
    }
}

fn open_account(number: usize) -> Command {
    let types = [AccountType::Asset, AccountType::Liability];
    Command::OpenAccount(OpenAccount {
        account: account(number),
        account_type: types[number % types.len()],
        normal_balance: None,
        name: None,
        assets: None,
        limits: Limits::default(),
        metadata: Metadata::default(),
    })
}

/// A transaction of nothing but its entries.
pub(super) fn plain(legs: &[Leg], description: Option<&Description>) -> PostTransaction {
    let entry = |(number, direction, amount, asset): &Leg| NewEntry {
        account: account(*number),
        direction: *direction,
        amount: Amount::new(*amount).unwrap(),
        asset: AssetCode::parse(ASSETS[*asset]).unwrap(),
        description: description.cloned(),
        metadata: Metadata::default(),
        condition: None,
    };
    PostTransaction {
        reference: None,
        code: None,
        description: None,
        effective_at: None,
        related_to: None,
        entries: Entries::try_new(legs.iter().map(entry).collect()).unwrap(),
        metadata: Metadata::default(),
    }
}

pub(super) fn reversal(target: TransactionId) -> Command {
    Command::Reverse(ReverseTransaction {
        target,
        effective_at: None,
        reference: None,
        reason: Description::parse("a mistake \\ \"quoted\"").unwrap(),
        metadata: Metadata::default(),
    })
}

/// A refusal that a client asked to be kept.
pub(super) fn refusal() -> Event {
    Event::CommandRejected(CommandRejected {
        status: 422,
        code: "insufficient_funds".to_owned(),
        detail: "there is not enough".to_owned(),
        index: Some(1),
    })
}

impl History {
    /// A command of any kind. What it names is there, mostly; whether it is lawful is another
    /// matter.
    pub(super) fn wish(&mut self, draft: &Draft) -> Command {
        match self.below(17) {
            0 | 1 => self.transaction(),
            2..=4 => self.hold(draft.now),
            5..=8 => self.capture(draft),
            9 => self.settle(draft),
            10 => open_account(ACCOUNTS.len() + self.below(GUESTS)),
            11 => self.update_account(),
            12 | 13 => self.change_status(),
            14 => self.set_metadata(draft),
            15 => self.move_period(),
            _ => self.change_ledger(),
        }
    }

    /// One of the guests, mostly, and sometimes one that is not opened yet.
    fn any_account(&mut self) -> AccountId {
        account(self.below(ACCOUNTS.len() + GUESTS))
    }

    /// For half a unit to a few units, or for ever.
    fn hold(&mut self, now: Timestamp) -> Command {
        let legs = self.legs(ACCOUNTS.len() + GUESTS / 2);
        let waits = i64::try_from(self.below(12)).unwrap();
        let expires = now.micros() + waits * STEP_MICROS * 4 + STEP_MICROS / 2;
        let mut transaction = plain(&legs, None);
        transaction.metadata = pairs(self.below(3));
        Command::PlaceHold(PlaceHold {
            transaction,
            expires_at: (waits > 0).then(|| Timestamp::try_from_micros(expires).unwrap()),
        })
    }

    fn open_hold(&mut self, draft: &Draft) -> Option<TransactionId> {
        let ledger = &self.books[&draft.ledger].ledger;
        let open: Vec<TransactionId> = ledger.holds().map(|hold| hold.id).collect();
        (!open.is_empty()).then(|| open[self.below(open.len())])
    }

    fn capture(&mut self, draft: &Draft) -> Command {
        let Some(hold) = self.open_hold(draft) else {
            return self.hold(draft.now);
        };
        let what = match self.below(4) {
            0 => Captured::Rest,
            1 => Captured::Amount(Amount::new(7).unwrap()),
            _ => Captured::Entries(self.part_of(draft, hold)),
        };
        Command::Capture(CaptureHold {
            hold,
            what,
            last: self.below(3) == 0,
            effective_at: None,
            reference: None,
            metadata: Metadata::default(),
        })
    }

    /// A part of a hold's first debit and of a credit of the same asset.
    fn part_of(&mut self, draft: &Draft, hold: TransactionId) -> Entries {
        let denominator = i128::try_from(self.below(4)).unwrap() + 1;
        let ledger = &self.books[&draft.ledger].ledger;
        let open = ledger.hold(hold).unwrap();
        let rest: Vec<_> = open.remaining().collect();
        let debit = rest.iter().find(|part| part.direction == Side::Debit);
        let debit = debit.unwrap();
        let is_other = |side, asset| (side, asset) == (Side::Credit, debit.asset);
        let credit = rest
            .iter()
            .find(|part| is_other(part.direction, part.asset))
            .unwrap();
        let whole = debit.amount.get().min(credit.amount.get());
        let amount = Amount::new((whole / denominator).max(1)).unwrap();
        let entry = |account: &AccountId, direction| NewEntry {
            account: account.clone(),
            direction,
            amount,
            asset: debit.asset.clone(),
            description: None,
            metadata: Metadata::default(),
            condition: None,
        };
        let entries = vec![
            entry(debit.account, Side::Debit),
            entry(credit.account, Side::Credit),
        ];
        Entries::try_new(entries).unwrap()
    }

    /// The other ends: a hold is voided, a transaction reversed.
    fn settle(&mut self, draft: &Draft) -> Command {
        let hold = self.open_hold(draft);
        match (hold, self.below(2)) {
            (Some(hold), 0) => Command::Void(VoidHold {
                hold,
                reason: Description::parse("no longer wanted").ok(),
            }),
            _ => match self.any_transaction(draft) {
                Some(target) => reversal(target),
                None => self.transaction(),
            },
        }
    }

    fn any_transaction(&mut self, draft: &Draft) -> Option<TransactionId> {
        // Among the first and the last ones, so that some are changed again and again.
        let count = self.books[&draft.ledger].transactions.len();
        let near = self.below(count.clamp(1, 10));
        let at = match self.below(2) {
            0 => near,
            _ => count.checked_sub(near + 1)?,
        };
        self.books[&draft.ledger].transactions.get(at).copied()
    }

    fn update_account(&mut self) -> Command {
        let account = self.any_account();
        let limit = LimitPatch {
            min_available: Minor::try_new(-10_i128.pow(31)).map_or(Patch::Keep, Patch::Set),
            max_balance: Patch::Keep,
        };
        let asset = LimitedAsset::parse(["*", "USD"][self.below(2)]).unwrap();
        let limits = LimitsPatch(BTreeMap::from([(asset, Patch::Set(limit))]));
        let name = Name::parse(&format!("name\t{}", self.minted).replace('\t', " ")).unwrap();
        Command::UpdateAccount(UpdateAccount {
            account,
            name: [Patch::Keep, Patch::Remove, Patch::Set(name)][self.below(3)].clone(),
            limits: [Patch::Keep, Patch::Remove, Patch::Set(limits)][self.below(3)].clone(),
            metadata: self.patch(),
            reason: None,
        })
    }

    fn change_status(&mut self) -> Command {
        // Closed is for ever: seldom, so that the others happen too.
        let change = match self.below(10) {
            0..=3 => StatusChange::Freeze,
            4..=7 => StatusChange::Unfreeze,
            _ => StatusChange::Close,
        };
        Command::ChangeAccountStatus(ChangeAccountStatus {
            account: account(ACCOUNTS.len() + self.below(GUESTS)),
            change,
            reason: Description::parse("the court said so").unwrap(),
        })
    }

    fn set_metadata(&mut self, draft: &Draft) -> Command {
        let of = match (self.any_transaction(draft), self.below(4)) {
            (Some(id), 1..) => MetadataOf::Transaction(id),
            _ => MetadataOf::Account(self.any_account()),
        };
        let metadata = self.patch();
        Command::SetMetadata(SetMetadata { of, metadata })
    }

    /// Days before the first event, so that what is posted is never too early.
    fn move_period(&mut self) -> Command {
        let through = Day::parse(&format!("2025-{:02}-28", self.below(12) + 1)).unwrap();
        let reason = Description::parse("the books are done").unwrap();
        match self.below(4) {
            0 => Command::ReopenPeriod(ReopenPeriod {
                through: None,
                reason,
            }),
            1 => Command::ReopenPeriod(ReopenPeriod {
                through: Some(through),
                reason,
            }),
            _ => Command::ClosePeriod(ClosePeriod { through, reason }),
        }
    }

    fn change_ledger(&mut self) -> Command {
        if self.below(3) == 0 {
            return Command::RegisterAsset(RegisterAsset {
                asset: AssetCode::parse(&format!("POINTS{}", self.below(100))).unwrap(),
                scale: serde_json::from_str("3").unwrap(),
                name: Name::parse("Points").ok(),
            });
        }
        let name = Name::parse(&format!("Books {}", self.minted)).unwrap();
        Command::UpdateLedger(UpdateLedger {
            name: [Patch::Keep, Patch::Remove, Patch::Set(name)][self.below(3)].clone(),
            metadata: self.patch(),
        })
    }

    fn patch(&mut self) -> Patch<MetadataPatch> {
        let key = format!("key {}", self.below(3));
        let value = (self.below(3) > 0).then(|| format!("\\ \"{}\"", self.minted));
        let patch = MetadataPatch::try_new([(key, value)].into()).unwrap();
        [Patch::Set(patch.clone()), Patch::Set(patch), Patch::Remove][self.below(3)].clone()
    }
}

fn pairs(count: usize) -> Metadata {
    let pair = |number| (format!("key {number}"), "as placed".to_owned());
    Metadata::try_new((0..count).map(pair).collect()).unwrap()
}
