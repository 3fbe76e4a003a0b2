//! The order in which a command about money is judged: whenever two rules are broken, the earlier
//! speaks, whichever entries break them.

use daybook_events::event::HoldOutcome;
use daybook_events::ids::{Reference, Revision, TransactionId};
use daybook_events::money::{AccountType, Side};
use daybook_events::time::Effective;

use super::given::{
    Book, account, captured, change_status, close_through, debit, entry, minor, place, refusal,
    reversal, revision, time, transaction, transfer,
};
use super::transaction::book_for_refusals;
use crate::{
    Captured, Command, Comparison, Condition, Context, Decision, Earlier, Entries, NewEntry,
    PlaceHold, PostTransaction, Rejection, StatusChange, Target, TargetKind, VoidHold, decide,
};

/// A command that is fine until rules are broken.
struct Attempt {
    book: Book,
    context: Context,
    reference: Option<Reference>,
    effective_at: Option<Effective>,
    expires_at: Option<i64>,
    entries: Vec<NewEntry>,
    /// The transaction to reverse.
    posted: Option<Target>,
    /// The hold to capture or void, and what is said of it.
    hold: TransactionId,
    held: Option<Target>,
}

type Break = fn(&mut Attempt);
type Fault = (&'static str, Break);

impl Attempt {
    fn new() -> Self {
        let mut book = book_for_refusals()
            .with(account("frozen", AccountType::Asset))
            .with(account("closed", AccountType::Asset))
            .posted(transfer("cash", "users:1", 100));
        let posted = book.ledger.revision().unwrap().get();
        let hold = book.hold(&place(transfer("cash", "users:1", 100)));
        book.accept(&change_status("frozen", StatusChange::Freeze));
        book.accept(&change_status("closed", StatusChange::Close));
        book.accept(&close_through("1969-12-31"));
        Self {
            context: book.next(),
            reference: None,
            effective_at: None,
            expires_at: None,
            entries: transfer("cash", "users:1", 60),
            posted: Some(book.target(posted)),
            hold,
            held: Some(book.target(posted + 1)),
            book,
        }
    }

    fn transaction(&self) -> PostTransaction {
        PostTransaction {
            reference: self.reference.clone(),
            effective_at: self.effective_at,
            ..transaction(self.entries.clone())
        }
    }

    fn decide(&self, command: &Command, target: Option<Target>) -> Result<Decision, Rejection> {
        let mut context = self.context.clone();
        context.named.target = target;
        decide(&self.book.ledger, command, &context)
    }

    fn post(&self) -> Result<Decision, Rejection> {
        self.decide(&Command::PostTransaction(self.transaction()), None)
    }

    fn place(&self) -> Result<Decision, Rejection> {
        let command = Command::PlaceHold(PlaceHold {
            transaction: self.transaction(),
            expires_at: self.expires_at.map(time),
        });
        self.decide(&command, None)
    }

    /// Reverses a transaction that holds the mirror image of the entries.
    fn reverse(&self) -> Result<Decision, Rejection> {
        let mut command = reversal(1);
        command.reference.clone_from(&self.reference);
        command.effective_at = self.effective_at;
        let mut target = self.posted.clone();
        if let Some(TargetKind::Posted { posted, .. }) =
            target.as_mut().map(|target| &mut target.kind)
        {
            let sample = posted.entries[0].clone();
            let mirror = self.entries.iter().map(|entry| {
                let mut stored = sample.clone();
                stored.account = entry.account.clone();
                stored.direction = entry.direction.opposite();
                stored.amount = entry.amount;
                stored.asset = entry.asset.clone();
                stored
            });
            posted.entries = mirror.collect();
        }
        self.decide(&Command::Reverse(command), target)
    }

    fn capture(&self) -> Result<Decision, Rejection> {
        let what = Captured::Entries(Entries::try_new(self.entries.clone()).unwrap());
        let mut command = captured(self.hold, what, false);
        command.reference.clone_from(&self.reference);
        command.effective_at = self.effective_at;
        self.decide(&Command::Capture(command), self.held.clone())
    }

    /// Captures one amount, of a hold that has more than two entries as soon as a rule about
    /// entries is broken.
    fn capture_amount(&self) -> Result<Decision, Rejection> {
        let what = Captured::Amount(self.entries[0].amount);
        let mut command = captured(self.hold, what, true);
        command.effective_at = self.effective_at;
        let mut held = self.held.clone();
        if let Some(TargetKind::Hold { placed, .. }) = held.as_mut().map(|held| &mut held.kind) {
            let sample = placed.entries[0].clone();
            placed.entries.resize(self.entries.len(), sample);
        }
        self.decide(&Command::Capture(command), held)
    }

    fn void(&self) -> Result<Decision, Rejection> {
        let (hold, reason) = (self.hold, None);
        self.decide(&Command::Void(VoidHold { hold, reason }), self.held.clone())
    }

    fn adds(&mut self, entries: &[NewEntry]) {
        self.entries.extend_from_slice(entries);
    }

    fn hold_ended(&mut self, how: HoldOutcome) {
        if let Some(TargetKind::Hold { placed, ended }) =
            self.held.as_mut().map(|target| &mut target.kind)
        {
            *ended = Some((revision(1), how));
            placed.expires_at = (how == HoldOutcome::Expired).then(|| time(1));
        }
    }
}

const OTHER_REQUEST: Option<Earlier> = Some(Earlier {
    revision: Revision::new(1),
    same_request: false,
});

const FIRST: &[Fault] = &[
    ("ledger_not_found", |attempt| attempt.book = Book::missing()),
    ("idempotency_conflict", |attempt| {
        attempt.context.named.key = OTHER_REQUEST
    }),
    ("already_exists", |attempt| {
        attempt.context.named.id = OTHER_REQUEST
    }),
    ("revision_conflict", |attempt| {
        attempt.context.if_match = Some(revision(99))
    }),
];

const REFERENCE: &[Fault] = &[("reference_conflict", |attempt| {
    attempt.reference = Some(Reference::parse("order-1").unwrap());
    attempt.context.named.reference = Some(revision(1));
})];

const POSTED: &[Fault] = &[
    ("transaction_not_found", |attempt| attempt.posted = None),
    ("not_posted", |attempt| {
        attempt.posted = attempt.held.clone()
    }),
    ("already_reversed", |attempt| {
        if let Some(TargetKind::Posted { reversed_by, .. }) =
            attempt.posted.as_mut().map(|target| &mut target.kind)
        {
            *reversed_by = Some(revision(1));
        }
    }),
];

const HELD: &[Fault] = &[
    ("transaction_not_found", |attempt| attempt.held = None),
    ("not_a_hold", |attempt| {
        attempt.held = attempt.posted.clone()
    }),
    ("already_settled", |attempt| {
        attempt.hold_ended(HoldOutcome::Voided)
    }),
    ("hold_expired", |attempt| {
        attempt.hold_ended(HoldOutcome::Expired)
    }),
];

const EXPIRY: &[Fault] = &[("hold_expired", |attempt| attempt.expires_at = Some(1))];

const WITHIN: &[Fault] = &[("capture_exceeds_hold", |attempt| {
    attempt.adds(&transfer("cash", "users:1", 41))
})];

const ACCOUNTS: &[Fault] = &[
    ("account_not_found", |attempt| {
        attempt.adds(&transfer("nobody", "cash", 1))
    }),
    ("asset_unknown", |attempt| {
        attempt.adds(&[
            entry(Side::Debit, "cash", 1, "NOPE"),
            entry(Side::Credit, "users:1", 1, "NOPE"),
        ]);
    }),
    ("asset_not_allowed", |attempt| {
        attempt.adds(&transfer("euros", "cash", 1))
    }),
    ("account_frozen", |attempt| {
        attempt.adds(&transfer("cash", "frozen", 1))
    }),
    ("account_closed", |attempt| {
        attempt.adds(&transfer("closed", "cash", 1))
    }),
];

const BALANCED: &[Fault] = &[("unbalanced", |attempt| attempt.adds(&[debit("cash", 1)]))];

const PERIOD: &[Fault] = &[("period_closed", |attempt| {
    attempt.effective_at = Some(Effective::parse("1969-12-31").unwrap());
})];

const BALANCES: &[Fault] = &[
    ("overflow", |attempt| {
        attempt.adds(&transfer("full", "cash", 1))
    }),
    ("insufficient_funds", |attempt| {
        attempt.adds(&transfer("users:poor", "cash", 1))
    }),
    ("limit_exceeded", |attempt| {
        attempt.adds(&transfer("cash", "users:capped", 1))
    }),
];

const CONDITIONS: &[Fault] = &[("condition_failed", |attempt| {
    attempt.entries[0].condition = Some(Condition {
        available: Comparison::default(),
        posted: Comparison {
            eq: Some(minor(-7)),
            ..Comparison::default()
        },
    });
})];

/// Two rules of one step, where the first entry decides and not the rule.
const SAME_STEP: &[(&str, &str)] = &[
    ("asset_unknown", "asset_not_allowed"),
    ("account_frozen", "account_closed"),
    ("insufficient_funds", "limit_exceeded"),
];

/// What a target cannot be at once.
const ONE_OF: &[&str] = &[
    "transaction_not_found",
    "not_posted",
    "already_reversed",
    "not_a_hold",
    "already_settled",
    "hold_expired",
];

fn check(faults: &[&[Fault]], decide: fn(&Attempt) -> Result<Decision, Rejection>) {
    let faults = faults.concat();
    assert!(decide(&Attempt::new()).is_ok());
    let refused = |breaks: [Break; 2]| {
        let mut attempt = Attempt::new();
        for break_rule in breaks {
            break_rule(&mut attempt);
        }
        refusal(&decide(&attempt)).map(|(code, _)| code)
    };
    for (place, (earlier, break_earlier)) in faults.iter().enumerate() {
        assert_eq!(refused([*break_earlier, |_| {}]), Some(*earlier));
        for (later, break_later) in faults.iter().skip(place + 1) {
            if ONE_OF.contains(earlier) && ONE_OF.contains(later) {
                continue;
            }
            let code = refused([*break_earlier, *break_later]);
            assert_eq!(code, Some(*earlier), "{earlier} and {later}");
            let expected = if SAME_STEP.contains(&(earlier, later)) {
                later
            } else {
                earlier
            };
            let code = refused([*break_later, *break_earlier]);
            assert_eq!(code, Some(*expected), "{later}, then {earlier}");
        }
    }
}

#[test]
fn the_earlier_of_two_broken_rules_speaks_when_posting() {
    let faults = [
        FIRST, REFERENCE, ACCOUNTS, BALANCED, PERIOD, BALANCES, CONDITIONS,
    ];
    check(&faults, Attempt::post);
}

#[test]
fn the_earlier_of_two_broken_rules_speaks_when_placing_a_hold() {
    let faults = [
        FIRST, REFERENCE, EXPIRY, ACCOUNTS, BALANCED, PERIOD, BALANCES, CONDITIONS,
    ];
    check(&faults, Attempt::place);
}

#[test]
fn the_earlier_of_two_broken_rules_speaks_when_reversing() {
    let faults = [
        FIRST, REFERENCE, POSTED, ACCOUNTS, BALANCED, PERIOD, BALANCES,
    ];
    check(&faults, Attempt::reverse);
}

#[test]
fn the_earlier_of_two_broken_rules_speaks_when_capturing() {
    // What an account or a limit could say against a capture, it said against the hold.
    let faults = [FIRST, REFERENCE, HELD, WITHIN, BALANCED, PERIOD, CONDITIONS];
    check(&faults, Attempt::capture);
}

#[test]
fn the_earlier_of_two_broken_rules_speaks_when_capturing_an_amount() {
    const UNFIT: &[Fault] = &[("validation", |attempt| {
        attempt.adds(&[debit("cash", 1)]);
    })];
    const TOO_MUCH: &[Fault] = &[("capture_exceeds_hold", |attempt| {
        attempt.entries[0] = debit("cash", 101);
    })];
    check(
        &[FIRST, HELD, UNFIT, TOO_MUCH, PERIOD],
        Attempt::capture_amount,
    );
}

#[test]
fn the_earlier_of_two_broken_rules_speaks_when_voiding() {
    check(&[FIRST, HELD], Attempt::void);
}

#[test]
fn an_equal_request_is_answered_again_even_when_everything_else_is_wrong() {
    let everything = [
        &FIRST[1..],
        REFERENCE,
        POSTED,
        HELD,
        EXPIRY,
        ACCOUNTS,
        BALANCED,
        PERIOD,
        BALANCES,
        CONDITIONS,
    ];
    let mut attempt = Attempt::new();
    for (_, break_rule) in everything.concat() {
        break_rule(&mut attempt);
    }
    attempt.context.named.key = Some(Earlier {
        revision: revision(2),
        same_request: true,
    });
    for decided in [
        attempt.post(),
        attempt.place(),
        attempt.reverse(),
        attempt.capture(),
        attempt.void(),
    ] {
        assert_eq!(decided, Ok(Decision::Replay(revision(2))));
    }
}
