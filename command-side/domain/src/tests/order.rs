//! The order in which a transaction is judged: whenever two rules are broken, the earlier speaks,
//! whichever entries break them.

use daybook_events::ids::Reference;
use daybook_events::money::Side;

use super::given::{Book, entry, refusal, reversal, revision, transaction, transfer};
use super::transaction::book_for_refusals;
use crate::{Command, Context, Decision, Earlier, Entries, NewEntry, Rejection, Target, decide};

/// A command that is fine until rules are broken.
struct Attempt {
    book: Book,
    context: Context,
    reference: Option<Reference>,
    entries: Vec<NewEntry>,
    target: Option<Target>,
}

type Break = fn(&mut Attempt);

impl Attempt {
    fn new() -> Self {
        let book = book_for_refusals().posted(transfer("cash", "users:1", 100));
        let at = book.ledger.revision().unwrap().get();
        Self {
            context: book.next(),
            reference: None,
            entries: transfer("cash", "users:1", 100),
            target: Some(book.target(at)),
            book,
        }
    }

    fn post(&self) -> Result<Decision, Rejection> {
        let mut command = transaction(self.entries.clone());
        command.entries = Entries::try_new(self.entries.clone()).unwrap();
        command.reference = self.reference.clone();
        decide(
            &self.book.ledger,
            &Command::PostTransaction(command),
            &self.context,
        )
    }

    /// Reverses a transaction that holds the mirror image of the entries.
    fn reverse(&self) -> Result<Decision, Rejection> {
        let mut command = reversal(1);
        command.reference = self.reference.clone();
        let mut context = self.context.clone();
        context.named.target = self.target.clone().map(|mut target| {
            let sample = target.posted.entries[0].clone();
            let mirror = self.entries.iter().map(|entry| {
                let mut stored = sample.clone();
                stored.account = entry.account.clone();
                stored.direction = entry.direction.opposite();
                stored.amount = entry.amount;
                stored.asset = entry.asset.clone();
                stored
            });
            target.posted.entries = mirror.collect();
            target
        });
        decide(&self.book.ledger, &Command::Reverse(command), &context)
    }

    fn adds(&mut self, entries: &[NewEntry]) {
        self.entries.extend_from_slice(entries);
    }
}

const OTHER_REQUEST: Option<Earlier> = Some(Earlier {
    revision: revision_one(),
    same_request: false,
});

const fn revision_one() -> daybook_events::ids::Revision {
    daybook_events::ids::Revision::new(1)
}

const BEFORE_TARGET: &[(&str, Break)] = &[
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
    ("reference_conflict", |attempt| {
        attempt.reference = Some(Reference::parse("order-1").unwrap());
        attempt.context.named.reference = Some(revision(1));
    }),
];

const TARGET: &[(&str, Break)] = &[
    ("transaction_not_found", |attempt| attempt.target = None),
    ("already_reversed", |attempt| {
        if let Some(target) = &mut attempt.target {
            target.reversed_by = Some(revision(1));
        }
    }),
];

const ENTRIES: &[(&str, Break)] = &[
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
    ("unbalanced", |attempt| {
        attempt.adds(&[entry(Side::Debit, "cash", 1, "JPY")])
    }),
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

/// Two rules of one step, where the first entry decides and not the rule.
const SAME_STEP: &[(&str, &str)] = &[
    ("asset_unknown", "asset_not_allowed"),
    ("insufficient_funds", "limit_exceeded"),
];

fn check(faults: &[(&str, Break)], decide: fn(&Attempt) -> Result<Decision, Rejection>) {
    assert!(decide(&Attempt::new()).is_ok());
    for (place, (earlier, break_earlier)) in faults.iter().enumerate() {
        let mut alone = Attempt::new();
        break_earlier(&mut alone);
        let code = |attempt: &Attempt| refusal(&decide(attempt)).map(|(code, _)| code);
        assert_eq!(code(&alone), Some(*earlier));
        for (later, break_later) in faults.iter().skip(place + 1) {
            let mut both = Attempt::new();
            break_earlier(&mut both);
            break_later(&mut both);
            assert_eq!(code(&both), Some(*earlier), "{earlier} and {later}");
            let mut both = Attempt::new();
            break_later(&mut both);
            break_earlier(&mut both);
            let expected = if SAME_STEP.contains(&(earlier, later)) {
                later
            } else {
                earlier
            };
            assert_eq!(code(&both), Some(*expected), "{later}, then {earlier}");
        }
    }
}

#[test]
fn the_earlier_of_two_broken_rules_speaks_when_posting() {
    check(&[BEFORE_TARGET, ENTRIES].concat(), Attempt::post);
}

#[test]
fn the_earlier_of_two_broken_rules_speaks_when_reversing() {
    check(&[BEFORE_TARGET, TARGET, ENTRIES].concat(), Attempt::reverse);
}

#[test]
fn an_equal_request_is_answered_again_even_when_everything_else_is_wrong() {
    let everything = [BEFORE_TARGET, TARGET, ENTRIES].concat();
    let mut attempt = Attempt::new();
    for (code, break_rule) in everything {
        if code != "ledger_not_found" {
            break_rule(&mut attempt);
        }
    }
    attempt.context.named.key = Some(Earlier {
        revision: revision(2),
        same_request: true,
    });
    assert_eq!(attempt.post(), Ok(Decision::Replay(revision(2))));
    assert_eq!(attempt.reverse(), Ok(Decision::Replay(revision(2))));
}
