//! The order in which every command about the book is judged, and which refusals are recorded.

use daybook_events::event::{LimitedAsset, MetadataOf};

use super::given::{
    Book, account_id, change_status, close_through, event_id, full_patch, minor, patch, refusal,
    reopen_through, revision, set_metadata, transaction_id, update_account,
};
use crate::{
    Command, Context, Decision, Earlier, Ledger, LimitPatch, LimitsPatch, Patch, StatusChange,
    UpdateAccount, UpdateLedger, decide,
};

/// Every command that makes no new name, each broken by a rule of its own.
fn broken_commands() -> Vec<(Command, &'static str)> {
    let too_many = || full_patch("b");
    vec![
        (
            Command::UpdateLedger(UpdateLedger {
                name: Patch::Keep,
                metadata: too_many(),
            }),
            "validation",
        ),
        (
            Command::UpdateAccount(UpdateAccount {
                metadata: too_many(),
                ..update_account("cash")
            }),
            "validation",
        ),
        (change_status("cash", StatusChange::Unfreeze), "validation"),
        (
            set_metadata(MetadataOf::Account(account_id("cash")), too_many()),
            "validation",
        ),
        (
            set_metadata(MetadataOf::Transaction(transaction_id(99)), Patch::Keep),
            "transaction_not_found",
        ),
        (close_through("2026-01-31"), "validation"),
        (reopen_through(Some("2026-01-31")), "validation"),
    ]
}

/// A ledger with all the pairs that it may have, closed through 2026-01-31.
fn full_book() -> Book {
    let mut book = Book::ready();
    book.accept(&Command::UpdateLedger(UpdateLedger {
        name: Patch::Keep,
        metadata: full_patch("a"),
    }));
    book.accept(&set_metadata(
        MetadataOf::Account(account_id("cash")),
        full_patch("a"),
    ));
    book.accept(&close_through("2026-01-31"));
    book
}

type Break = fn(&mut Ledger, &mut Context);

const OTHER_REQUEST: Option<Earlier> = Some(Earlier {
    revision: daybook_events::ids::Revision::new(1),
    same_request: false,
});

const FIRST: [(&str, Break); 4] = [
    ("ledger_not_found", |ledger, _| {
        *ledger = Book::missing().ledger;
    }),
    ("idempotency_conflict", |_, context| {
        context.named.key = OTHER_REQUEST;
    }),
    ("already_exists", |_, context| {
        context.named.id = OTHER_REQUEST
    }),
    ("revision_conflict", |_, context| {
        context.if_match = Some(revision(99));
    }),
];

#[test]
fn the_earlier_of_two_broken_rules_speaks_whatever_is_changed() {
    let book = full_book();
    for (command, own) in broken_commands() {
        for first in 0..=FIRST.len() {
            let (mut ledger, mut context) = (book.ledger.clone(), book.next());
            for (_, break_rule) in FIRST.iter().skip(first) {
                break_rule(&mut ledger, &mut context);
            }
            let expected = FIRST.get(first).map_or(own, |(code, _)| *code);
            let decided = decide(&ledger, &command, &context);
            assert_eq!(refusal(&decided), Some((expected, None)), "{command:?}");
            let recorded = first >= FIRST.len();
            assert_eq!(decided.unwrap_err().is_recorded(), recorded, "{expected}");
        }
    }
}

#[test]
fn an_equal_request_is_answered_again_even_when_everything_else_is_wrong() {
    let book = full_book();
    let mut context = book.next();
    context.named.key = Some(Earlier {
        revision: revision(2),
        same_request: true,
    });
    context.named.id = OTHER_REQUEST;
    context.if_match = Some(revision(99));
    for (command, _) in broken_commands() {
        let decided = decide(&book.ledger, &command, &context);
        assert_eq!(decided, Ok(Decision::Replay(revision(2))), "{command:?}");
    }
}

#[test]
fn the_revision_insisted_on_is_judged_before_the_account_is_looked_for() {
    let book = Book::ready();
    let mut context = book.next();
    context.id = event_id(77);
    for command in [
        Command::UpdateAccount(update_account("nobody")),
        change_status("nobody", StatusChange::Freeze),
        set_metadata(MetadataOf::Account(account_id("nobody")), Patch::Keep),
        set_metadata(MetadataOf::Transaction(transaction_id(99)), Patch::Keep),
    ] {
        context.if_match = Some(revision(99));
        let decided = decide(&book.ledger, &command, &context);
        assert_eq!(refusal(&decided), Some(("revision_conflict", None)));
        context.if_match = book.ledger.revision();
        let decided = decide(&book.ledger, &command, &context);
        let problem = decided.unwrap_err().problem();
        assert!(problem.code.ends_with("_not_found"), "{problem:?}");
    }
}

#[test]
fn a_patch_of_an_account_is_judged_limits_first() {
    let limits = |codes: &[&str]| {
        let limit = LimitPatch {
            min_available: Patch::Set(minor(0)),
            max_balance: Patch::Keep,
        };
        let of = codes
            .iter()
            .map(|code| (LimitedAsset::parse(code).unwrap(), Patch::Set(limit)));
        Patch::Set(LimitsPatch(of.collect()))
    };
    let every: Vec<&str> = daybook_events::assets::ISO_4217
        .iter()
        .map(|(code, _)| *code)
        .collect();
    let mut unknown_too = every.clone();
    unknown_too.push("NOPE");
    let book = full_book();
    let broken = |account: &str, codes: &[&str]| {
        let command = Command::UpdateAccount(UpdateAccount {
            limits: limits(codes),
            metadata: patch(&[("b", Some("1"))]),
            ..update_account(account)
        });
        book.decide(&command).unwrap_err().to_string()
    };
    let nobody = "account nobody does not exist in this ledger";
    assert_eq!(broken("nobody", &unknown_too), nobody);
    let unknown = "asset NOPE is neither of ISO 4217 nor registered in this ledger";
    assert_eq!(broken("cash", &unknown_too), unknown);
    let limits = "invalid limits: more than 100 assets";
    assert_eq!(broken("cash", &every), limits);
    assert_eq!(
        broken("cash", &["USD"]),
        "invalid metadata: more than 50 pairs"
    );
}

#[test]
fn a_closed_account_is_told_to_be_closed_before_it_is_told_to_be_frozen() {
    let mut book = Book::ready();
    book.accept(&change_status("cash", StatusChange::Freeze));
    book.accept(&change_status("cash", StatusChange::Close));
    let again = change_status("cash", StatusChange::Freeze);
    assert_eq!(book.refused(&again), Some(("account_closed", None)));
}
