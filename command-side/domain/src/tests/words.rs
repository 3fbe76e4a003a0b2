//! Short words for values and commands.

use std::collections::BTreeMap;

use daybook_events::event::{Limit, LimitedAsset, Limits, MetadataOf};
use daybook_events::ids::{AccountId, AssetCode, Description, EventId, Revision, TransactionId};
use daybook_events::metadata::{Metadata, MetadataPatch};
use daybook_events::money::{AccountType, Amount, Minor, Side};
use daybook_events::time::{Day, TimeZone, Timestamp};

use crate::{
    AllowedAssets, CaptureHold, Captured, ChangeAccountStatus, ClosePeriod, Command, Entries,
    NewEntry, OpenAccount, OpenLedger, Patch, PlaceHold, PostTransaction, ReopenPeriod,
    ReverseTransaction, SetMetadata, StatusChange, UpdateAccount, VoidHold,
};

pub(super) fn account_id(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

pub(super) fn asset(code: &str) -> AssetCode {
    AssetCode::parse(code).unwrap()
}

pub(super) fn minor(number: i128) -> Minor {
    Minor::try_new(number).unwrap()
}

pub(super) fn time(micros: i64) -> Timestamp {
    Timestamp::try_from_micros(micros).unwrap()
}

pub(super) fn revision(number: u64) -> Revision {
    Revision::new(number)
}

pub(super) fn transaction_id(number: u64) -> TransactionId {
    let (high, low) = (number >> 48, number & 0xffff_ffff_ffff);
    let text = format!("00000000-0000-4000-{high:04x}-{low:012x}");
    TransactionId::parse(&text).unwrap()
}

pub(super) fn event_id(number: u64) -> EventId {
    transaction_id(number).into()
}

pub(super) fn entry(direction: Side, account: &str, amount: i128, code: &str) -> NewEntry {
    NewEntry {
        account: account_id(account),
        direction,
        amount: Amount::new(amount).unwrap(),
        asset: asset(code),
        description: None,
        metadata: Metadata::default(),
        condition: None,
    }
}

/// A debit in USD.
pub(super) fn debit(account: &str, amount: i128) -> NewEntry {
    entry(Side::Debit, account, amount, "USD")
}

/// A credit in USD.
pub(super) fn credit(account: &str, amount: i128) -> NewEntry {
    entry(Side::Credit, account, amount, "USD")
}

/// A debit and a credit in USD.
pub(super) fn transfer(debited: &str, credited: &str, amount: i128) -> Vec<NewEntry> {
    vec![debit(debited, amount), credit(credited, amount)]
}

pub(super) fn transaction(entries: Vec<NewEntry>) -> PostTransaction {
    PostTransaction {
        reference: None,
        code: None,
        description: None,
        effective_at: None,
        related_to: None,
        entries: Entries::try_new(entries).unwrap(),
        metadata: Metadata::default(),
    }
}

pub(super) fn post(entries: Vec<NewEntry>) -> Command {
    Command::PostTransaction(transaction(entries))
}

pub(super) fn place(entries: Vec<NewEntry>) -> Command {
    place_until(entries, None)
}

/// A hold that expires at a microsecond.
pub(super) fn place_until(entries: Vec<NewEntry>, expires_at: Option<i64>) -> Command {
    Command::PlaceHold(PlaceHold {
        transaction: transaction(entries),
        expires_at: expires_at.map(time),
    })
}

pub(super) fn captured(hold: TransactionId, what: Captured, last: bool) -> CaptureHold {
    CaptureHold {
        hold,
        what,
        last,
        effective_at: None,
        reference: None,
        metadata: Metadata::default(),
    }
}

/// Captures all that remains.
pub(super) fn capture(hold: TransactionId) -> Command {
    Command::Capture(captured(hold, Captured::Rest, true))
}

pub(super) fn capture_amount(hold: TransactionId, amount: i128, last: bool) -> Command {
    let what = Captured::Amount(Amount::new(amount).unwrap());
    Command::Capture(captured(hold, what, last))
}

pub(super) fn capture_entries(hold: TransactionId, of: Vec<NewEntry>, last: bool) -> Command {
    let what = Captured::Entries(Entries::try_new(of).unwrap());
    Command::Capture(captured(hold, what, last))
}

pub(super) fn void(hold: TransactionId) -> Command {
    Command::Void(VoidHold { hold, reason: None })
}

pub(super) fn change_status(id: &str, change: StatusChange) -> Command {
    Command::ChangeAccountStatus(ChangeAccountStatus {
        account: account_id(id),
        change,
        reason: Description::parse("a reason").unwrap(),
    })
}

/// Closes the days through one.
pub(super) fn close_through(day: &str) -> Command {
    Command::ClosePeriod(ClosePeriod {
        through: Day::parse(day).unwrap(),
        reason: Description::parse("audited").unwrap(),
    })
}

/// Opens all days again but those through one.
pub(super) fn reopen_through(day: Option<&str>) -> Command {
    Command::ReopenPeriod(ReopenPeriod {
        through: day.map(|day| Day::parse(day).unwrap()),
        reason: Description::parse("a late invoice").unwrap(),
    })
}

/// A change of an account that changes nothing yet.
pub(super) fn update_account(id: &str) -> UpdateAccount {
    UpdateAccount {
        account: account_id(id),
        name: Patch::Keep,
        limits: Patch::Keep,
        metadata: Patch::Keep,
        reason: None,
    }
}

pub(super) fn set_metadata(of: MetadataOf, metadata: Patch<MetadataPatch>) -> Command {
    Command::SetMetadata(SetMetadata { of, metadata })
}

pub(super) fn pairs(pairs: &[(&str, &str)]) -> Metadata {
    let pairs = pairs
        .iter()
        .map(|(key, value)| ((*key).into(), (*value).into()));
    Metadata::try_new(pairs.collect()).unwrap()
}

/// A merge patch of pairs; `None` deletes.
pub(super) fn patch(pairs: &[(&str, Option<&str>)]) -> Patch<MetadataPatch> {
    let pairs = pairs
        .iter()
        .map(|(key, value)| ((*key).into(), value.map(str::to_owned)));
    Patch::Set(MetadataPatch::try_new(pairs.collect()).unwrap())
}

/// A patch that sets as many pairs as there may be, under keys that begin with a letter.
pub(super) fn full_patch(letter: &str) -> Patch<MetadataPatch> {
    let pairs = (0..50).map(|number| (format!("{letter}{number}"), Some("v".to_owned())));
    Patch::Set(MetadataPatch::try_new(pairs.collect()).unwrap())
}

pub(super) fn reversal(target: u64) -> ReverseTransaction {
    ReverseTransaction {
        target: transaction_id(target),
        effective_at: None,
        reference: None,
        reason: Description::parse("a mistake").unwrap(),
        metadata: Metadata::default(),
    }
}

pub(super) fn open_ledger(zone: TimeZone) -> Command {
    Command::OpenLedger(OpenLedger {
        name: None,
        time_zone: zone,
        metadata: Metadata::default(),
    })
}

pub(super) fn account(id: &str, account_type: AccountType) -> OpenAccount {
    OpenAccount {
        account: account_id(id),
        account_type,
        normal_balance: None,
        name: None,
        assets: None,
        limits: Limits::default(),
        metadata: Metadata::default(),
    }
}

/// Limits of one asset or `*`.
pub(super) fn limits(of: &str, min_available: Option<i128>, max_balance: Option<i128>) -> Limits {
    let limit = Limit {
        min_available: min_available.map(minor),
        max_balance: max_balance.map(minor),
    };
    Limits::try_new(BTreeMap::from([(LimitedAsset::parse(of).unwrap(), limit)])).unwrap()
}

pub(super) fn restricted_to(codes: &[&str]) -> Option<AllowedAssets> {
    let codes = codes.iter().map(|code| asset(code)).collect();
    Some(AllowedAssets::try_new(codes).unwrap())
}
