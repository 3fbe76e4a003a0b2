//! Opening ledgers and accounts, registering assets.

use daybook_events::assets::Scale;
use daybook_events::event::Event;
use daybook_events::money::{AccountType, Side};
use daybook_events::time::TimeZone;

use super::given::{Book, account, account_id, asset, limits, open_ledger, refusal, restricted_to};
use super::given::{event_id, post, revision, transfer};
use crate::{AllowedAssets, Command, Context, Decision, Earlier, Named, RegisterAsset, decide};

fn register(code: &str, scale: u8) -> Command {
    Command::RegisterAsset(RegisterAsset {
        asset: asset(code),
        scale: Scale::try_new(scale).unwrap(),
        name: None,
    })
}

fn open(id: &str) -> Command {
    Command::OpenAccount(account(id, AccountType::Asset))
}

#[test]
fn opening_a_ledger_is_its_first_event() {
    let mut book = Book::missing();
    let zone = TimeZone::parse("Europe/Prague").unwrap();
    let event = book.accept(&open_ledger(zone));
    assert!(matches!(&event, Event::LedgerOpened(opened) if opened.time_zone == zone));
    assert_eq!(book.ledger.revision(), Some(revision(0)));
    assert_eq!(book.ledger.time_zone(), zone);
    assert_eq!(book.ledger.opened_at(), book.ledger.last_recorded_at());
}

#[test]
fn nothing_but_opening_is_decided_on_a_ledger_that_does_not_exist() {
    let book = Book::missing();
    for command in [
        open("cash"),
        register("PTS", 0),
        post(transfer("cash", "users:1", 1)),
        Command::Reverse(super::given::reversal(1)),
    ] {
        assert_eq!(book.refused(&command), Some(("ledger_not_found", None)));
    }
}

#[test]
fn each_refusal_of_the_book_names_its_rule() {
    let mut book = Book::ready();
    book.accept(&register("PTS", 3));
    let mut restricted = account("x", AccountType::Asset);
    restricted.assets = restricted_to(&["USD", "NOPE"]);
    let mut limited = account("x", AccountType::Asset);
    limited.limits = limits("NOPE", Some(0), None);
    for (what, command, code) in [
        ("ledger again", open_ledger(TimeZone::UTC), "already_exists"),
        ("built-in asset", register("USD", 2), "already_exists"),
        ("asset again", register("PTS", 3), "already_exists"),
        ("account again", open("cash"), "already_exists"),
        (
            "restricted to an unknown asset",
            Command::OpenAccount(restricted),
            "asset_unknown",
        ),
        (
            "limit of an unknown asset",
            Command::OpenAccount(limited),
            "asset_unknown",
        ),
    ] {
        assert_eq!(book.refused(&command), Some((code, None)), "{what}");
    }
}

#[test]
fn rules_of_the_book_are_judged_in_order() {
    type Break = fn(&mut Context);
    let faults: [(&str, Break); 3] = [
        ("idempotency_conflict", |context| {
            context.named.key = Some(Earlier {
                revision: revision(0),
                same_request: false,
            });
        }),
        // The commands below all make what exists already, so that nothing later ever speaks.
        ("already_exists", |_| {}),
        ("revision_conflict", |context| {
            context.if_match = Some(revision(99))
        }),
    ];
    let mut book = Book::ready();
    book.accept(&register("PTS", 3));
    for command in [open_ledger(TimeZone::UTC), register("PTS", 3), open("cash")] {
        for (place, (code, _)) in faults.iter().enumerate().take(2) {
            let mut context = book.next();
            for (_, break_rule) in &faults[place..] {
                break_rule(&mut context);
            }
            let decided = decide(&book.ledger, &command, &context);
            assert_eq!(refusal(&decided), Some((*code, None)), "{command:?}");
        }
    }
    // Insisting on a revision is judged before the assets that an account names.
    let mut unknown = account("x", AccountType::Asset);
    unknown.assets = restricted_to(&["NOPE"]);
    let mut context = book.next();
    context.if_match = Some(revision(99));
    let decided = decide(&book.ledger, &Command::OpenAccount(unknown), &context);
    assert_eq!(refusal(&decided), Some(("revision_conflict", None)));
}

#[test]
fn the_revision_insisted_on_is_that_of_the_ledger() {
    let book = Book::ready();
    let mut context = book.next();
    context.if_match = book.ledger.revision();
    assert!(decide(&book.ledger, &open("new"), &context).is_ok());
    context.if_match = Some(revision(1));
    let decided = decide(&book.ledger, &open("new"), &context);
    assert_eq!(
        decided.unwrap_err().to_string(),
        "the ledger is at revision 2, not at revision 1"
    );
    let missing = Book::missing();
    let decided = decide(&missing.ledger, &open_ledger(TimeZone::UTC), &context);
    assert_eq!(refusal(&decided), Some(("revision_conflict", None)));
}

#[test]
fn an_equal_request_under_the_same_key_is_answered_again_whatever_it_makes() {
    let mut book = Book::ready();
    book.accept(&register("PTS", 3));
    let named = Named {
        key: Some(Earlier {
            revision: revision(1),
            same_request: true,
        }),
        ..Named::default()
    };
    let context = Context {
        id: event_id(7),
        if_match: Some(revision(99)),
        named,
        ..book.next()
    };
    for command in [open_ledger(TimeZone::UTC), register("PTS", 3), open("cash")] {
        let decided = decide(&book.ledger, &command, &context);
        assert_eq!(decided, Ok(Decision::Replay(revision(1))));
    }
}

#[test]
fn the_type_gives_the_normal_balance_unless_it_is_given() {
    let mut book = Book::opened();
    for (account_type, normal) in [
        (AccountType::Asset, Side::Debit),
        (AccountType::Expense, Side::Debit),
        (AccountType::Liability, Side::Credit),
        (AccountType::Equity, Side::Credit),
        (AccountType::Income, Side::Credit),
    ] {
        let id = account_type.as_str();
        book.accept(&Command::OpenAccount(account(id, account_type)));
        let mut contra = account(&format!("contra:{id}"), account_type);
        contra.normal_balance = Some(normal.opposite());
        book.accept(&Command::OpenAccount(contra));
        let normal_of = |id: &str| {
            let view = book.ledger.account(&account_id(id)).unwrap();
            (view.account_type, view.normal_balance)
        };
        assert_eq!(normal_of(id), (account_type, normal));
        let contra = normal_of(&format!("contra:{id}"));
        assert_eq!(contra, (account_type, normal.opposite()));
    }
    let ids: Vec<_> = book
        .ledger
        .accounts()
        .map(|view| view.account.clone())
        .collect();
    assert!(ids.is_sorted() && ids.len() == 10 && book.ledger.accounts_count() == 10);
}

#[test]
fn a_registered_asset_is_known_with_its_scale() {
    let mut book = Book::ready();
    let scale = |book: &Book, code| book.ledger.scale_of(&asset(code)).map(Scale::get);
    assert_eq!(scale(&book, "PTS"), None);
    book.accept(&register("PTS", 3));
    assert_eq!(scale(&book, "PTS"), Some(3));
    assert_eq!(scale(&book, "USD"), Some(2));
    let registered: Vec<_> = book.ledger.registered_assets().collect();
    assert_eq!(registered, [(&asset("PTS"), Scale::try_new(3).unwrap())]);
}

#[test]
fn a_restriction_names_one_to_a_hundred_assets_once() {
    let codes = |count: usize| {
        (0..count)
            .map(|n| asset(&format!("A{n}")))
            .collect::<Vec<_>>()
    };
    assert!(AllowedAssets::try_new(codes(0)).is_err());
    assert!(AllowedAssets::try_new(codes(1)).is_ok());
    assert!(AllowedAssets::try_new(codes(100)).is_ok());
    assert!(AllowedAssets::try_new(codes(101)).is_err());
    assert!(AllowedAssets::try_new(vec![asset("USD"), asset("USD")]).is_err());
}
