//! Every event reads back as it was written, and is written again to the same bytes.

use daybook_events::assets::Scale;
use daybook_events::event::transaction::EffectiveLocal;
use daybook_events::event::{
    AccountOpened, AssetRegistered, BalanceAfter, Entry, Event, LedgerOpened, Limit, LimitedAsset,
    Limits, TransactionPosted,
};
use daybook_events::ids::{
    AccountId, AssetCode, Code, Description, Name, Reference, TransactionId,
};
use daybook_events::metadata::Metadata;
use daybook_events::money::{AMOUNT_MAX, AccountType, Amount, BALANCE_MAX, Minor, Side};
use daybook_events::time::{Effective, TimeZone, Timestamp};
use proptest::option::of as maybe;
use proptest::prelude::*;

/// Text with quotes, backslashes and letters of many scripts, without control characters.
fn text(chars_max: usize) -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec!['"', '\\', '/', '{', 'ž', '漢', '🜚', '\u{feff}', ' ']);
    let letter = prop_oneof![prop::char::range('!', '~'), odd];
    prop::collection::vec(letter, 1..chars_max).prop_map(|letters| letters.into_iter().collect())
}

fn name() -> impl Strategy<Value = Name> {
    text(30).prop_map(|text| Name::parse(&text).unwrap())
}

fn description() -> impl Strategy<Value = Description> {
    text(60).prop_map(|text| Description::parse(&text).unwrap())
}

fn asset() -> impl Strategy<Value = AssetCode> {
    "[A-Z][A-Z0-9]{0,15}".prop_map(|text| AssetCode::parse(&text).unwrap())
}

fn account() -> impl Strategy<Value = AccountId> {
    "[A-Za-z0-9_-]{1,9}(:[A-Za-z0-9_-]{1,9}){0,3}".prop_map(|id| AccountId::parse(&id).unwrap())
}

fn metadata() -> impl Strategy<Value = Metadata> {
    prop::collection::btree_map("[a-z]{1,5}", "[^\0]{0,20}", 0..4)
        .prop_map(|pairs| Metadata::try_new(pairs).unwrap())
}

fn minor() -> impl Strategy<Value = Minor> {
    prop_oneof![-99..99_i128, -BALANCE_MAX..=BALANCE_MAX]
        .prop_map(|number| Minor::try_new(number).unwrap())
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![1..99_i128, 1..=AMOUNT_MAX].prop_map(|number| Amount::new(number).unwrap())
}

fn side() -> impl Strategy<Value = Side> {
    prop::sample::select(vec![Side::Debit, Side::Credit])
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (-62_135_596_800_000_000..=253_402_300_799_999_999_i64)
        .prop_map(|micros| Timestamp::try_from_micros(micros).unwrap())
}

fn zone() -> impl Strategy<Value = TimeZone> {
    prop::sample::select(vec![
        "UTC",
        "Europe/Prague",
        "Asia/Kathmandu",
        "America/St_Johns",
    ])
    .prop_map(|name| TimeZone::parse(name).unwrap())
}

fn effective() -> impl Strategy<Value = Effective> {
    (instant(), any::<bool>()).prop_map(|(instant, day)| {
        if day {
            Effective::Day(TimeZone::UTC.day_of(instant))
        } else {
            Effective::Instant(instant)
        }
    })
}

fn transaction_id() -> impl Strategy<Value = TransactionId> {
    "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
        .prop_map(|text| TransactionId::parse(&text).unwrap())
}

fn limits() -> impl Strategy<Value = Limits> {
    let key = prop_oneof![
        Just(LimitedAsset::Other),
        asset().prop_map(LimitedAsset::Asset)
    ];
    let limit = (maybe(minor()), maybe(minor())).prop_map(|(min_available, max_balance)| Limit {
        min_available,
        max_balance,
    });
    prop::collection::btree_map(key, limit, 0..4).prop_map(|all| Limits::try_new(all).unwrap())
}

fn entry() -> impl Strategy<Value = Entry> {
    let balance = (minor(), minor(), minor(), any::<bool>()).prop_map(
        |(posted, pending, available, short)| BalanceAfter {
            posted,
            pending,
            available: if short { posted } else { available },
        },
    );
    let what = (account(), side(), amount(), asset());
    (what, maybe(description()), metadata(), balance).prop_map(
        |((account, direction, amount, asset), description, metadata, balance)| Entry {
            account,
            direction,
            amount,
            asset,
            description,
            metadata,
            balance,
        },
    )
}

fn transaction() -> impl Strategy<Value = Event> {
    let names = (
        maybe(text(30).prop_map(|text| Reference::parse(&text).unwrap())),
        maybe(text(15).prop_map(|text| Code::parse(&text).unwrap())),
        maybe(description()),
    );
    let links = (
        maybe(transaction_id()),
        maybe(transaction_id()),
        maybe(description()),
    );
    let entries = prop::collection::vec(entry(), 2..6);
    (
        names,
        links,
        maybe(effective()),
        maybe(zone()),
        entries,
        metadata(),
    )
        .prop_map(|(names, links, effective_at, zone, entries, metadata)| {
            let resolve = |zone| Some(EffectiveLocal::resolve(effective_at?, zone));
            Event::TransactionPosted(TransactionPosted {
                reference: names.0,
                code: names.1,
                description: names.2,
                effective_at,
                effective_local: zone.and_then(resolve),
                related_to: links.0,
                reverses: links.1,
                reason: links.2,
                entries,
                metadata,
            })
        })
}

fn event() -> impl Strategy<Value = Event> {
    let types = prop::sample::select(vec![
        AccountType::Asset,
        AccountType::Liability,
        AccountType::Equity,
        AccountType::Income,
        AccountType::Expense,
    ]);
    let allowed = maybe(prop::collection::btree_set(asset(), 1..5));
    prop_oneof![
        (maybe(name()), zone(), metadata()).prop_map(|(name, time_zone, metadata)| {
            Event::LedgerOpened(LedgerOpened {
                name,
                time_zone,
                metadata,
            })
        }),
        (asset(), 0..=30_u8, maybe(name())).prop_map(|(asset, digits, name)| {
            let scale = Scale::try_new(digits).unwrap();
            Event::AssetRegistered(AssetRegistered { asset, scale, name })
        }),
        (
            account(),
            types,
            side(),
            maybe(name()),
            allowed,
            limits(),
            metadata()
        )
            .prop_map(
                |(account, account_type, normal_balance, name, assets, limits, metadata)| {
                    Event::AccountOpened(AccountOpened {
                        account,
                        account_type,
                        normal_balance,
                        name,
                        assets,
                        limits,
                        metadata,
                    })
                }
            ),
        transaction(),
    ]
}

proptest! {
    #[test]
    fn an_event_reads_back_as_it_was_written(event in event()) {
        let mut written = Vec::new();
        event.write(&mut written);
        let kind = event.event_type();
        let read = Event::read(kind, kind.version(), &written).unwrap();
        prop_assert_eq!(&read, &event);
        let mut again = Vec::new();
        read.write(&mut again);
        prop_assert_eq!(again, written);
    }
}
