//! Transactions: what they do to the rows, and the laws that they keep.

use bytes::Bytes;
use daybook_events::envelope::RecordedEvent;
use daybook_events::event::{BalanceAfter, Event, MetadataOf, Origin, TransactionPosted, Turnover};
use daybook_events::ids::{AccountId, AssetCode, TransactionId};
use daybook_events::money::{BALANCE_MAX, Minor, Side};

use super::rows::fold_in_parts;
use super::writer::{Writer, credit, debit, pairs, text};
use super::{refused, rule};
use crate::books::fold::fold;
use crate::books::rows::{BalanceKey, Prior};
use crate::books::{Rule, decode};

/// A history that ends with this transaction.
fn ending_with(change: impl FnOnce(&mut TransactionPosted)) -> Vec<RecordedEvent> {
    let mut writer = Writer::new();
    let mut posted = writer.posted(0, &[debit(0, 5), credit(1, 5)], None);
    change(&mut posted);
    writer.record(0, &Event::TransactionPosted(posted));
    writer.events
}

#[test]
fn an_unbalanced_transaction_is_refused_by_name() {
    let mut writer = Writer::new();
    writer.post(0, &[debit(0, 5), credit(1, 6)]);
    let refused = refused(&writer.events);
    let asset = "USD".to_owned();
    assert_eq!(refused.rule, Rule::Unbalanced { asset });
    let id = TransactionId::from(writer.events.last().unwrap().id);
    assert!(refused.to_string().contains(&id.to_string()), "{refused}");
}

#[test]
fn an_entry_that_carries_another_balance_is_refused() {
    let of: [fn(&mut BalanceAfter) -> &mut Minor; 3] = [
        |balance| &mut balance.posted,
        |balance| &mut balance.pending,
        |balance| &mut balance.available,
    ];
    for of in of {
        let events = ending_with(|posted| {
            let carried = of(&mut posted.entries[1].balance);
            *carried = Minor::try_new(carried.get() + 1).unwrap();
        });
        assert_eq!(rule(&events), Rule::Balance { index: 1 });
    }
}

#[test]
fn an_entry_of_an_account_that_was_never_opened_is_refused() {
    let account = "nobody".to_owned();
    let events = ending_with(|posted| {
        posted.entries[0].account = AccountId::parse(&account).unwrap();
    });
    assert_eq!(rule(&events), Rule::Account { account });
}

#[test]
fn a_turnover_beyond_every_bound_is_refused() {
    let events = ending_with(|_| ());
    let (opened, posted) = events.split_at(events.len() - 1);
    let rows = fold_in_parts(opened, &[]);
    let decoded = decode::all(posted).unwrap();
    let mut prior = rows.prior();
    let Event::TransactionPosted(event) = &decoded[0].event else {
        panic!("a transaction was made");
    };
    let key = BalanceKey {
        ledger: &posted[0].ledger,
        account: &event.entries[0].account,
        asset: &event.entries[0].asset,
    };
    let full = Turnover {
        debits: Minor::try_new(BALANCE_MAX - 4).unwrap(),
        ..Turnover::default()
    };
    prior.balances.get_mut(&key).unwrap().turnover = Some(full);
    let refused = fold(&prior, &decoded).unwrap_err();
    let account = "bank".to_owned();
    assert_eq!(refused.rule, Rule::Bounds { account });
}

#[test]
fn running_balances_stand_entry_by_entry() {
    let mut writer = Writer::new();
    writer.post(0, &[debit(0, 5), debit(0, 7), credit(0, 12)]);
    let decoded = decode::all(&writer.events).unwrap();
    let prior = Prior::default();
    let delta = fold(&prior, &decoded).unwrap();
    let after: Vec<(i128, i128)> = delta
        .entries
        .iter()
        .map(|row| (row.after.debits.get(), row.after.credits.get()))
        .collect();
    assert_eq!(after, [(5, 0), (12, 0), (12, 12)]);
    assert_eq!(
        delta.balances.len(),
        1,
        "one row a key, however many entries"
    );
}

#[test]
fn stored_entries_are_kept_byte_for_byte() {
    let mut writer = Writer::new();
    writer.place(0, &[debit(0, 5), credit(1, 5)], None);
    writer.capture(0, 0, &[debit(0, 3), credit(1, 3)], true);
    let members = ["\"entries\":[", "\"released\":[", "\"entries\":["];
    let first = writer.events.len() - members.len();
    for (event, member) in writer.events[first..].iter_mut().zip(members) {
        let stored = String::from_utf8(event.data.to_vec()).unwrap();
        event.data = Bytes::from(stored.replace(member, &member.replace('[', " [ ")));
    }
    let decoded = decode::all(&writer.events).unwrap();
    let prior = Prior::default();
    let delta = fold(&prior, &decoded).unwrap();
    let rows = delta.transactions.iter().map(|row| row.entries_json);
    let released = delta.holds[0].ended.unwrap().released_json;
    for json in rows.chain([released]) {
        assert!(json.starts_with("[ {\"account\":\"bank\""), "{json}");
    }
}

#[test]
fn a_transaction_that_is_reversed_twice_in_a_batch_is_refused() {
    let mut writer = Writer::new();
    let target = writer.post(0, &[debit(0, 5), credit(1, 5)]);
    for _ in 0..2 {
        writer.reverse(0, target, &[credit(0, 5), debit(1, 5)]);
    }
    assert_eq!(rule(&writer.events), Rule::Reversal);
}

#[test]
fn the_first_change_of_pairs_also_keeps_those_it_was_recorded_with() {
    for (cut_before_first, cut_between) in [(false, false), (true, false), (false, true)] {
        let mut writer = Writer::new();
        let plain = writer.post(0, &[debit(0, 5), credit(1, 5)]);
        let hold = writer.place(0, &[debit(0, 5), credit(1, 5)], None);
        let recorded = writer.events.len();
        writer.set_metadata(0, MetadataOf::Transaction(hold), pairs(1));
        writer.set_metadata(0, MetadataOf::Transaction(plain), pairs(2));
        let first = writer.events.len();
        writer.set_metadata(0, MetadataOf::Transaction(hold), pairs(3));
        let cuts = [(cut_before_first, recorded), (cut_between, first)];
        let cuts: Vec<usize> = cuts
            .into_iter()
            .filter_map(|(cut, at)| cut.then_some(at))
            .collect();
        let rows = fold_in_parts(&writer.events, &cuts);
        let row = |id| &rows.transactions[&(writer.events[0].ledger.clone(), id)].prior;
        assert_eq!(row(hold).metadata, pairs(3));
        assert_eq!(row(plain).metadata, pairs(2));
        // Revisions: the ledger, four accounts, then these.
        let mut expected: Vec<String> = [(6, 6, 0), (6, 7, 1), (6, 9, 3), (5, 5, 0), (5, 8, 2)]
            .iter()
            .map(|(of, at, value)| {
                format!(
                    "TransactionHistoryRow {{ ledger: \"a\", transaction_revision: \
                     Revision({of}), revision: Revision({at}), metadata: {:?} }}",
                    pairs(*value)
                )
            })
            .collect();
        expected.sort();
        let history = rows.added.iter();
        let history = history.filter(|row| row.starts_with("TransactionHistoryRow"));
        assert_eq!(history.cloned().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn pairs_of_a_transaction_that_is_not_there_are_refused() {
    let mut writer = Writer::new();
    let id = TransactionId::new(uuid::Uuid::nil());
    writer.set_metadata(0, MetadataOf::Transaction(id), pairs(1));
    assert_eq!(rule(&writer.events), Rule::Transaction { id });
}

#[test]
fn a_transaction_of_another_ledger_is_another_one() {
    let mut writer = Writer::new();
    let id = writer.post(1, &[debit(0, 5), credit(1, 5)]);
    writer.set_metadata(0, MetadataOf::Transaction(id), pairs(1));
    assert_eq!(rule(&writer.events), Rule::Transaction { id });
}

#[test]
fn a_transaction_of_the_first_version_is_taken_as_it_was_stored() {
    let mut writer = Writer::new();
    let target = writer.post(0, &[debit(0, 5), credit(1, 5)]);
    let reason = text("a mistake");
    let origin = Origin::Reversal { of: target, reason };
    let reversal = writer.posted(0, &[credit(0, 5), debit(1, 5)], Some(origin));
    writer.record(0, &Event::TransactionPosted(reversal));
    let event = writer.events.last_mut().unwrap();
    let stored = String::from_utf8(event.data.to_vec()).unwrap();
    let now = format!(r#""origin":{{"kind":"reversal","of":"{target}","reason":"a mistake"}}"#);
    let then = format!(r#""reverses":"{target}","reason":"a mistake""#);
    assert!(stored.contains(&now), "{stored}");
    event.data = Bytes::from(stored.replace(&now, &then));
    event.version = 1;
    let rows = fold_in_parts(&writer.events, &[]);
    let key = (writer.events[0].ledger.clone(), target);
    let by = writer.events.last().unwrap().id;
    assert_eq!(rows.transactions[&key].reversed_by, Some(by));
}

#[test]
fn balances_are_shown_on_the_side_that_the_account_grows() {
    let mut writer = Writer::new();
    writer.post(0, &[debit(0, 9), credit(1, 9)]);
    writer.place(0, &[debit(1, 4), credit(0, 4)], None);
    let rows = fold_in_parts(&writer.events, &[]);
    let usd = AssetCode::parse("USD").unwrap();
    let ledger = writer.events[0].ledger.clone();
    let turnover = |account: &str| {
        let account = AccountId::parse(account).unwrap();
        let key = (ledger.clone(), account, usd.clone());
        let turnover = rows.balances[&key].0;
        [
            turnover.debits,
            turnover.credits,
            turnover.pending_debits,
            turnover.pending_credits,
        ]
        .map(Minor::get)
    };
    // `users:1` grows by credits; that its event shows 5 available was checked by the fold.
    assert_eq!(turnover("bank"), [9, 0, 0, 4]);
    assert_eq!(turnover("users:1"), [0, 9, 4, 0]);
    let placed = writer.events.last().unwrap().event().unwrap();
    let shown = placed.transaction().unwrap().entries[0].balance;
    assert_eq!(
        placed.transaction().unwrap().entries[0].direction,
        Side::Debit
    );
    let shown = [shown.posted, shown.pending, shown.available].map(Minor::get);
    assert_eq!(shown, [9, -4, 5]);
}
