//! Values of every event type, made up: whatever the types allow.

use daybook_events::assets::Scale;
use daybook_events::event::transaction::EffectiveLocal;
use daybook_events::event::{
    AccountAfter, AccountOpened, AccountStatus, AccountStatusChanged, AccountUpdated,
    AssetRegistered, BalanceAfter, CommandRejected, Entry, Event, HoldEnded, HoldOutcome,
    HoldPlaced, LedgerAfter, LedgerOpened, LedgerUpdated, Limit, LimitedAsset, Limits, MetadataOf,
    MetadataSet, Origin, PeriodClosed, PeriodReopened, TransactionPosted, Turnover,
};
use daybook_events::ids::{
    AccountId, AssetCode, Code, Description, Name, Reference, TransactionId,
};
use daybook_events::metadata::Metadata;
use daybook_events::money::{AMOUNT_MAX, AccountType, Amount, BALANCE_MAX, Minor, Side};
use daybook_events::time::{Day, Effective, TimeZone, Timestamp};
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

/// What a posted transaction and a hold have in common, as a posted transaction.
fn transaction() -> impl Strategy<Value = TransactionPosted> {
    let names = (
        maybe(text(30).prop_map(|text| Reference::parse(&text).unwrap())),
        maybe(text(15).prop_map(|text| Code::parse(&text).unwrap())),
        maybe(description()),
    );
    let entries = prop::collection::vec(entry(), 2..6);
    let times = (maybe(effective()), maybe(zone()));
    let links = (maybe(transaction_id()), maybe(origin()));
    (names, links, times, entries, metadata()).prop_map(
        |(names, links, (effective_at, zone), entries, metadata)| {
            let resolve = |zone| Some(EffectiveLocal::resolve(effective_at?, zone));
            TransactionPosted {
                reference: names.0,
                code: names.1,
                description: names.2,
                effective_at,
                effective_local: zone.and_then(resolve),
                related_to: links.0,
                origin: links.1,
                entries,
                metadata,
            }
        },
    )
}

fn origin() -> impl Strategy<Value = Origin> {
    prop_oneof![
        (transaction_id(), description()).prop_map(|(of, reason)| Origin::Reversal { of, reason }),
        transaction_id().prop_map(|of| Origin::Capture { of }),
    ]
}

fn hold_placed() -> impl Strategy<Value = HoldPlaced> {
    (transaction(), maybe(instant())).prop_map(|(posted, expires_at)| HoldPlaced {
        reference: posted.reference,
        code: posted.code,
        description: posted.description,
        effective_at: posted.effective_at,
        effective_local: posted.effective_local,
        related_to: posted.related_to,
        expires_at,
        entries: posted.entries,
        metadata: posted.metadata,
    })
}

fn hold_ended() -> impl Strategy<Value = HoldEnded> {
    let outcomes = vec![
        HoldOutcome::Captured,
        HoldOutcome::Voided,
        HoldOutcome::Expired,
    ];
    let outcome = prop::sample::select(outcomes);
    // What is released is a sum over entries: it has no text of its own.
    let released = entry().prop_map(|entry| Entry {
        description: None,
        metadata: Metadata::default(),
        ..entry
    });
    let released = prop::collection::vec(released, 0..4);
    let rest = (maybe(description()), released, maybe(metadata()));
    (transaction_id(), outcome, rest).prop_map(|(hold, outcome, (reason, released, metadata))| {
        HoldEnded {
            hold,
            outcome,
            reason,
            released,
            metadata,
        }
    })
}

fn account_type() -> impl Strategy<Value = AccountType> {
    prop::sample::select(vec![
        AccountType::Asset,
        AccountType::Liability,
        AccountType::Equity,
        AccountType::Income,
        AccountType::Expense,
    ])
}

fn account_opened() -> impl Strategy<Value = AccountOpened> {
    let what = (account(), account_type(), side(), maybe(name()));
    let allowed = maybe(prop::collection::btree_set(asset(), 1..5));
    (what, allowed, limits(), metadata()).prop_map(
        |((account, account_type, normal_balance, name), assets, limits, metadata)| AccountOpened {
            account,
            account_type,
            normal_balance,
            name,
            assets,
            limits,
            metadata,
        },
    )
}

fn turnover() -> impl Strategy<Value = Turnover> {
    let sum =
        || prop_oneof![0..99_i128, 0..=BALANCE_MAX].prop_map(|sum| Minor::try_new(sum).unwrap());
    (sum(), sum(), sum(), sum()).prop_map(|(debits, credits, pending_debits, pending_credits)| {
        Turnover {
            debits,
            credits,
            pending_debits,
            pending_credits,
        }
    })
}

fn account_after() -> impl Strategy<Value = AccountAfter> {
    let status = prop::sample::select(vec![
        AccountStatus::Open,
        AccountStatus::Frozen,
        AccountStatus::Closed,
    ]);
    let balances = prop::collection::btree_map(asset(), turnover(), 0..4);
    (account_opened(), status, instant(), balances).prop_map(
        |(opened, status, opened_at, balances)| AccountAfter {
            account_type: opened.account_type,
            normal_balance: opened.normal_balance,
            name: opened.name,
            status,
            assets: opened.assets,
            limits: opened.limits,
            metadata: opened.metadata,
            opened_at,
            balances,
        },
    )
}

fn status_changed() -> impl Strategy<Value = AccountStatusChanged> {
    (account(), description(), account_after()).prop_map(|(account, reason, after)| {
        AccountStatusChanged {
            account,
            reason,
            after,
        }
    })
}

fn day() -> impl Strategy<Value = Day> {
    instant().prop_map(|instant| TimeZone::UTC.day_of(instant))
}

fn ledger_after() -> impl Strategy<Value = LedgerAfter> {
    let counts = (any::<u64>(), any::<u64>());
    let what = (maybe(name()), zone(), counts, metadata());
    (what, maybe(day()), instant()).prop_map(
        |((name, time_zone, counts, metadata), closed_through, opened_at)| LedgerAfter {
            name,
            time_zone,
            accounts: counts.0,
            transactions: counts.1,
            closed_through,
            opened_at,
            metadata,
        },
    )
}

fn metadata_set() -> impl Strategy<Value = MetadataSet> {
    let of = prop_oneof![
        account().prop_map(MetadataOf::Account),
        transaction_id().prop_map(MetadataOf::Transaction),
    ];
    (of, metadata()).prop_map(|(of, metadata)| MetadataSet { of, metadata })
}

fn command_rejected() -> impl Strategy<Value = CommandRejected> {
    let problem = prop::sample::select(daybook_events::problems::ALL)
        .prop_filter("a rule's refusal", |problem| {
            (400..500).contains(&problem.status)
        });
    (problem, text(80), maybe(any::<u16>())).prop_map(|(problem, detail, index)| CommandRejected {
        status: problem.status,
        code: problem.code.to_owned(),
        detail,
        index,
    })
}

/// An event about an account or a ledger.
fn of_the_book() -> impl Strategy<Value = Event> {
    let reasoned = || (description(), ledger_after());
    prop_oneof![
        (maybe(name()), zone(), metadata()).prop_map(|(name, time_zone, metadata)| {
            Event::LedgerOpened(LedgerOpened {
                name,
                time_zone,
                metadata,
            })
        }),
        ledger_after().prop_map(|after| Event::LedgerUpdated(LedgerUpdated { after })),
        (asset(), 0..=30_u8, maybe(name())).prop_map(|(asset, digits, name)| {
            let scale = Scale::try_new(digits).unwrap();
            Event::AssetRegistered(AssetRegistered { asset, scale, name })
        }),
        (day(), reasoned()).prop_map(|(through, (reason, after))| {
            Event::PeriodClosed(PeriodClosed {
                through,
                reason,
                after,
            })
        }),
        (maybe(day()), reasoned()).prop_map(|(through, (reason, after))| {
            Event::PeriodReopened(PeriodReopened {
                through,
                reason,
                after,
            })
        }),
        account_opened().prop_map(Event::AccountOpened),
        (account(), maybe(description()), account_after()).prop_map(|(account, reason, after)| {
            Event::AccountUpdated(AccountUpdated {
                account,
                reason,
                after,
            })
        }),
        status_changed().prop_map(Event::AccountFrozen),
        status_changed().prop_map(Event::AccountUnfrozen),
        status_changed().prop_map(Event::AccountClosed),
    ]
}

/// An event of any type.
pub(crate) fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        10 => of_the_book(),
        1 => transaction().prop_map(Event::TransactionPosted),
        1 => hold_placed().prop_map(Event::HoldPlaced),
        1 => hold_ended().prop_map(Event::HoldEnded),
        1 => metadata_set().prop_map(Event::MetadataSet),
        1 => command_rejected().prop_map(Event::CommandRejected),
    ]
}
