use super::*;

fn acme() -> LedgerId {
    LedgerId::parse("acme").unwrap()
}

/// What `read` makes of a request to the ledger `acme`.
fn hash_by(read: impl FnOnce(Scope<'_>) -> Result<Request, FieldError>) -> String {
    let ledger = acme();
    let scope = Scope {
        ledger: &ledger,
        record_rejection: false,
    };
    read(scope).unwrap().hash.to_string()
}

fn hash_of(text: &str) -> String {
    hash_by(|scope| scope.post_transaction(text))
}

fn id(text: &str) -> TransactionId {
    TransactionId::parse(text).unwrap()
}

const ID: &str = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f";

/// Stored with events for ever: this number never changes (INV-7).
const KEPT: &str = "0441f20b170211b7b445e8f6d4197d01";

#[test]
fn equal_requests_have_one_hash_whatever_their_spelling() {
    let first = hash_of(
        r#"{"code":"sale","effective_at":"2026-11-20","metadata":{"b":"2","a":"1"},
            "postings":[{"debit":"a","credit":"b","amount":1050,"asset":"USD"}]}"#,
    );
    let second = hash_of(
        r#"{"postings":[{"asset":"USD","amount":"1050","credit":"b","debit":"a"}],
            "metadata":{"a":"1","b":"2"},"effective_at":"2026-11-20","code":"s\u0061le"}"#,
    );
    assert_eq!(first, second);
    assert_eq!(first, KEPT);
}

#[test]
fn other_requests_have_other_hashes() {
    let posting = |extra: &str, amount: &str| {
        format!(
            r#"{{{extra}"postings":[{{"debit":"a","credit":"b","amount":{amount},"asset":"USD"}}]}}"#
        )
    };
    let base = hash_of(&posting("", "1"));
    for other in [
        posting("", "2"),
        posting(r#""status":"posted","#, "1"),
        posting(r#""status":"pending","#, "1"),
        posting(r#""metadata":{},"#, "1"),
        r#"{"entries":[{"account":"a","direction":"debit","amount":1,"asset":"USD"},
            {"account":"b","direction":"credit","amount":1,"asset":"USD"}]}"#
            .to_owned(),
    ] {
        assert_ne!(base, hash_of(&other), "{other}");
    }
}

/// One request of every kind with its hash: stored with events for ever, like [`KEPT`].
#[test]
fn the_hash_of_every_kind_of_request_is_kept() {
    let account = || AccountId::parse("users:1").unwrap();
    let pairs = r#"{"metadata":{"a":"1","b":null}}"#;
    let split = r#"{"status":"pending","expires_at":"2026-11-20T01:00:00+01:00","postings":[
        {"debit":"a","credit":{"split":[{"account":"b","ratio":"90.0"},{"account":"c","ratio":10}]},
         "amount":5,"asset":"USD"}]}"#;
    let condition = r#"{"entries":[{"account":"a","direction":"debit","amount":1,"asset":"USD",
        "condition":{"posted":{"lte":5,"gte":"-5"},"available":{"eq":0}}},
        {"account":"b","direction":"credit","amount":1,"asset":"USD"}]}"#;
    let limits = r#"{"name":null,"limits":{"USD":{"min_available":null},"*":null},"reason":"r"}"#;
    let capture = r#"{"final":false,"amount":"5","reference":"r","effective_at":"2026-11-20"}"#;
    let reopen = r#"{"through":null,"reason":"r"}"#;
    let close = r#"{"through":"2026-11-20","reason":"r"}"#;
    let why = r#"{"reason":"r"}"#;
    let of_account = r#"{"account":"users:1","metadata":null}"#;
    let change = |change| hash_by(|scope| scope.change_status(account(), change, why));
    let hashes = [
        hash_of(split),
        hash_of(condition),
        hash_by(|scope| scope.update_ledger(r#"{"name":"n","metadata":null}"#)),
        hash_by(|scope| scope.update_account(account(), limits)),
        change(StatusChange::Freeze),
        change(StatusChange::Unfreeze),
        change(StatusChange::Close),
        hash_by(|scope| scope.capture(id(ID), capture)),
        hash_by(|scope| scope.void(id(ID), "{}")),
        hash_by(|scope| scope.reverse(id(ID), why)),
        hash_by(|scope| scope.update_transaction(id(ID), pairs)),
        hash_by(|scope| scope.metadata_of(of_account)),
        hash_by(|scope| scope.close_period(close)),
        hash_by(|scope| scope.reopen_period(reopen)),
    ];
    let kept = [
        "09f7fd195523e484a999add66f8bd6db",
        "bcced7d8962f6d8754cb758be8b55909",
        "7153b961a449852df0b9635b71277fbc",
        "02ddaabff25be1093a084aabbdf3f946",
        "d8579d3ca58c1636a0a706d21a48128e",
        "24c19ee65656b7f6493203a98ef5a42b",
        "bf9b49eebdbb6d36d65aa1b2db40fdc2",
        "11b6c4e2c3b5e46b383d94378fb18798",
        "f67ace9028246c9661b6f42b0e987f16",
        "59693efa076f97ee71d1eee897d6c9de",
        "914f28f230052ee4a61b7813cef535e6",
        "93c657aa134808afc62526663ac6b2bb",
        "256cd13fcdd1c83ce230472f9ad9c20c",
        "2b1985ca591b592c6fb75144c49d246c",
    ];
    assert_eq!(hashes, kept);
}

#[test]
fn a_patch_that_deletes_is_another_than_one_that_says_nothing() {
    let patch = |text: &str| hash_by(|scope| scope.update_ledger(text));
    assert_ne!(patch("{}"), patch(r#"{"name":null}"#));
    assert_ne!(patch("{}"), patch(r#"{"metadata":{}}"#));
    assert_ne!(patch(r#"{"metadata":{}}"#), patch(r#"{"metadata":null}"#));
    assert_ne!(
        patch(r#"{"metadata":{"a":null}}"#),
        patch(r#"{"metadata":{}}"#)
    );
}

#[test]
fn a_request_whose_refusal_is_to_be_recorded_is_another() {
    let ledger = acme();
    let hash = |record_rejection| {
        let ledger = &ledger;
        let scope = Scope {
            ledger,
            record_rejection,
        };
        scope.void(id(ID), "{}").unwrap().hash
    };
    assert_ne!(hash(true), hash(false));
}

#[test]
fn an_items_pairs_of_a_transaction_are_those_of_its_route() {
    let pairs = r#"{"metadata":{"a":"1","b":null}}"#;
    let with_id = format!(r#"{{"transaction":"{ID}","metadata":{{"a":"1","b":null}}}}"#);
    let with_account = r#"{"account":"users:1","metadata":{"a":"1","b":null}}"#;
    let route = hash_by(|scope| scope.update_transaction(id(ID), pairs));
    assert_eq!(route, hash_by(|scope| scope.metadata_of(&with_id)));
    let of_account = hash_by(|scope| scope.metadata_of(with_account));
    let account = AccountId::parse("users:1").unwrap();
    let patch = hash_by(|scope| scope.update_account(account, pairs));
    assert!(of_account != patch && of_account != route);
}
