//! Data that is almost right: holds, origins, pairs, lives of accounts, periods and kept refusals
//! that do not follow their shape, with what is said of them.

use daybook_events::event::{Event, EventType};

const ID: &str = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f";
const ENTRIES: &str = concat!(
    r#""entries":[{"account":"a","direction":"debit","amount":"5","asset":"USD","#,
    r#""balance":{"posted":"5"}},{"account":"b","direction":"credit","amount":"5","#,
    r#""asset":"USD","balance":{"posted":"5"}}]"#,
);

/// Checks that each is refused for its reason, and that what it was made from is not.
fn check(kind: EventType, good: &str, bad: &[(String, &str)]) {
    let read = |data: &str| Event::read(kind, kind.version(), data.as_bytes());
    assert!(read(good).is_ok(), "{good}: {:?}", read(good));
    for (data, reason) in bad {
        let refused = read(data).unwrap_err().to_string();
        assert!(refused.contains(reason), "{data:.200}: {refused}");
    }
}

#[test]
fn an_origin_that_does_not_follow_its_shape_is_refused() {
    let with = |origin: &str| format!(r#"{{"origin":{origin},{ENTRIES}}}"#);
    let capture = format!(r#"{{"kind":"capture","of":"{ID}"}}"#);
    let reversal = format!(r#"{{"kind":"reversal","of":"{ID}","reason":"x"}}"#);
    let kind = EventType::TransactionPosted;
    check(kind, &with(&capture), &[]);
    let changed = |from: &str, to: &str| with(&reversal.replace(from, to));
    check(
        kind,
        &with(&reversal),
        &[
            (changed("reversal", "correction"), "unknown variant"),
            (changed(r#""kind":"reversal","#, ""), "missing field `kind`"),
            (
                changed(r#""kind":"reversal""#, r#""kind":null"#),
                "invalid type",
            ),
            (changed(r#","reason":"x""#, ""), "missing field `reason`"),
            (
                changed(r#""reason":"x""#, r#""reason":"""#),
                "must not be empty",
            ),
            (
                changed(r#""reason":"x""#, r#""reason":"x","reason":"y""#),
                "duplicate field",
            ),
            (
                changed(r#""reason":"x""#, r#""reason":"x","kind":"capture""#),
                "duplicate field",
            ),
            (changed(ID, "a transaction"), "transaction id"),
            (
                changed(&format!(r#""of":"{ID}","#), ""),
                "missing field `of`",
            ),
            (
                with(&capture.replace('}', r#","reason":"x"}"#)),
                "unknown field `reason`",
            ),
            (
                with(&format!(r#"["reversal","{ID}","x"]"#)),
                "expected an object",
            ),
            (with(r#""capture""#), "expected an object"),
            (
                with(&reversal).replace("origin", "reverses"),
                "unknown field",
            ),
        ],
    );
}

#[test]
fn a_hold_that_does_not_follow_its_shape_is_refused() {
    let with = |more: &str| format!("{{{more}{ENTRIES}}}");
    let expires = |at: &str| with(&format!(r#""expires_at":{at},"#));
    check(
        EventType::HoldPlaced,
        &expires(r#""2026-11-20T14:58:49Z""#),
        &[
            (expires(r#""2026-11-20""#), "expected RFC 3339"),
            (expires(r#""10000-01-01T00:00:00Z""#), "expected RFC 3339"),
            (
                expires(r#""2026-11-20T14:58:49.1234567Z""#),
                "six fraction digits",
            ),
            (expires("1732114729"), "invalid type"),
            (
                with(&format!(r#""origin":{{"kind":"capture","of":"{ID}"}},"#)),
                "unknown field",
            ),
            (
                with(r#""effective_local":["2026-11-20T00:00:00Z","2026-11-20"],"#),
                "an object",
            ),
            (
                with(r#""effective_local":{"date":"2026-11-20"},"#),
                "missing field `instant`",
            ),
            (with(r#""status":"pending","#), "unknown field `status`"),
            ("{}".to_owned(), "missing field `entries`"),
            (r#"{"entries":{"0":{}}}"#.to_owned(), "an array of objects"),
            (
                r#"{"entries":[["a","debit","5","USD",{"posted":"5"}]]}"#.to_owned(),
                "an object",
            ),
            (
                with("").replace(r#"{"posted":"5"}"#, r#"["5"]"#),
                "expected an object",
            ),
        ],
    );
    let ended = |rest: &str| format!(r#"{{"hold":"{ID}",{rest}}}"#);
    check(
        EventType::HoldEnded,
        &ended(r#""outcome":"expired""#),
        &[
            (ended(r#""outcome":"posted""#), "unknown variant"),
            (ended(r#""outcome":"Captured""#), "unknown variant"),
            (ended(r#""reason":"x""#), "missing field `outcome`"),
            (r#"{"outcome":"voided"}"#.to_owned(), "missing field `hold`"),
            (
                ended(r#""outcome":"voided","released":{}"#),
                "an array of objects",
            ),
            (
                ended(r#""outcome":"voided","metadata":{"sealed":"x"}"#),
                "sealed",
            ),
            (
                ended(r#""outcome":"voided","metadata":[]"#),
                "values are strings",
            ),
            (
                ended(r#""outcome":"voided","entries":[]"#),
                "unknown field `entries`",
            ),
        ],
    );
}

#[test]
fn pairs_of_nobody_and_pairs_of_two_are_refused() {
    let account = r#""account":"a""#;
    let transaction = format!(r#""transaction":"{ID}""#);
    let of = "of one account or of one transaction";
    let kind = EventType::MetadataSet;
    check(kind, &format!(r#"{{{transaction},"metadata":{{}}}}"#), &[]);
    let many: Vec<String> = (0..51).map(|n| format!(r#""k{n}":"""#)).collect();
    check(
        kind,
        &format!(r#"{{{account},"metadata":{{}}}}"#),
        &[
            (r#"{"metadata":{}}"#.to_owned(), of),
            (
                format!(r#"{{{account},{transaction},"metadata":{{}}}}"#),
                of,
            ),
            (
                r#"{"account":null,"transaction":null,"metadata":{}}"#.to_owned(),
                of,
            ),
            (format!("{{{account}}}"), "missing field `metadata`"),
            (
                format!(r#"{{{account},{account},"metadata":{{}}}}"#),
                "duplicate field",
            ),
            (
                format!(r#"{{{account},"metadata":{{"a":null}}}}"#),
                "invalid type",
            ),
            (
                format!(r#"{{{account},"metadata":{{{}}}}}"#, many.join(",")),
                "more than 50",
            ),
            (
                format!(r#"{{{account},"ledger":"l","metadata":{{}}}}"#),
                "unknown field",
            ),
            (r#"{"account":"..","metadata":{}}"#.to_owned(), "account id"),
        ],
    );
}

/// An account event whose `after` ends with `rest`.
fn account(rest: &str) -> String {
    let after = r#""type":"asset","normal_balance":"debit","status":"open""#;
    let at = "2026-11-20T14:58:49Z";
    let head = r#""account":"a","reason":"x""#;
    format!(r#"{{{head},"after":{{{after},"opened_at":"{at}"{rest}}}}}"#)
}

const ABOUT_ACCOUNTS: [EventType; 4] = [
    EventType::AccountUpdated,
    EventType::AccountFrozen,
    EventType::AccountUnfrozen,
    EventType::AccountClosed,
];

#[test]
fn an_account_as_it_is_after_is_refused_when_it_does_not_follow_its_shape() {
    let good = account("");
    let without = |member: &str| good.replace(member, "");
    let after = |text: &str| format!(r#"{{"account":"a","reason":"x"{text}}}"#);
    let many: Vec<String> = (0..101).map(|n| format!(r#""A{n}""#)).collect();
    let many = format!(r#","assets":[{}]"#, many.join(","));
    let bad = [
        (good.replace("open\"", "shut\""), "unknown variant"),
        (good.replace(r#""asset""#, r#""cash""#), "unknown variant"),
        (without(r#","status":"open""#), "missing field `status`"),
        (without(r#""type":"asset","#), "missing field `type`"),
        (without(r#""account":"a","#), "missing field `account`"),
        (account(r#","account":"a""#), "unknown field"),
        (account(r#","assets":["USD","USD"]"#), "stands twice"),
        (account(&many), "more than 100"),
        (account(r#","limits":{"USD":{},"USD":{}}"#), "stands twice"),
        (after(r#","after":["asset","debit"]"#), "an object"),
        (after(r#","after":null"#), "invalid type"),
        (after(""), "missing field `after`"),
    ];
    for kind in ABOUT_ACCOUNTS {
        check(kind, &good, &bad);
        let without_reason = without(r#""reason":"x","#);
        let read = Event::read(kind, 1, without_reason.as_bytes());
        assert_eq!(read.is_ok(), kind == EventType::AccountUpdated, "{kind}");
    }
}

#[test]
fn turnovers_that_do_not_follow_their_shape_are_refused() {
    let balances = |balances: &str| account(&format!(r#","balances":{{{balances}}}"#));
    let most = format!("1{}", "0".repeat(36));
    let of = |sum: &str| balances(&format!(r#""USD":{{"credits":"{sum}"}}"#));
    let bad = [
        (of(&most.replacen("00", "01", 1)), "10^36"),
        (of("-1"), "must not be negative"),
        (of("-0"), "zero"),
        (of(""), "decimal digits"),
        (balances(r#""X":{"pending_debits":"-1"}"#), "negative"),
        (balances(r#""X":{"debits":5}"#), "invalid type"),
        (balances(r#""X":{"posted":"5"}"#), "unknown field"),
        (balances(r#""X":["5","5","0","0"]"#), "expected an object"),
        (balances(r#""x":{}"#), "invalid asset"),
        (balances(r#""*":{}"#), "invalid asset"),
        (balances(r#""X":{},"X":{"debits":"1"}"#), "stands twice"),
        (account(r#","balances":[]"#), "objects by asset"),
    ];
    for kind in ABOUT_ACCOUNTS {
        check(kind, &of(&most), &bad);
    }
}

#[test]
fn a_period_or_ledger_that_does_not_follow_its_shape_is_refused() {
    let after = concat!(
        r#""after":{"time_zone":"UTC","accounts":1,"transactions":2,"#,
        r#""opened_at":"2026-11-20T14:58:49Z"}"#,
    );
    let good = format!(r#"{{"through":"2026-10-31","reason":"x",{after}}}"#);
    let through = |day: &str| good.replace(r#""2026-10-31""#, day);
    let mut bad = vec![
        (through(r#""2026-02-29""#), "invalid date"),
        (through(r#""2026-10-31T00:00:00Z""#), "YYYY-MM-DD"),
        (through(r#""0000-01-01""#), "year"),
        (through(r#""""#), "YYYY-MM-DD"),
        (through("20261031"), "invalid type"),
        (
            good.replace(r#""through":"2026-10-31","#, ""),
            "missing field `through`",
        ),
        (
            good.replace(r#""reason":"x","#, ""),
            "missing field `reason`",
        ),
        (
            good.replace(r#""accounts":1"#, r#""accounts":-1"#),
            "invalid value",
        ),
        (
            good.replace(r#""accounts":1"#, r#""accounts":1.0"#),
            "invalid type",
        ),
        (
            good.replace(r#""accounts":1,"#, ""),
            "missing field `accounts`",
        ),
        (good.replace("UTC", "Utopia"), "time zone"),
        (
            good.replace(after, r#""after":["UTC",1,2]"#),
            "expected an object",
        ),
        (
            good.replace(r#""accounts":1"#, r#""accounts":1,"ledger":"l""#),
            "unknown field",
        ),
    ];
    check(EventType::PeriodReopened, &good, &bad);
    check(EventType::PeriodReopened, &through("null"), &[]);
    bad.push((through("null"), "invalid type"));
    check(EventType::PeriodClosed, &good, &bad);
    let updated = format!("{{{after}}}");
    let bad = [
        ("{}".to_owned(), "missing field `after`"),
        (good, "unknown field"),
        (updated.replace("after", "before"), "unknown field"),
    ];
    check(EventType::LedgerUpdated, &updated, &bad);
}

#[test]
fn a_kept_refusal_that_does_not_follow_its_shape_is_refused() {
    let good = r#"{"status":422,"code":"overflow","detail":"x","index":0}"#;
    let changed = |from: &str, to: &str| good.replace(from, to);
    check(
        EventType::CommandRejected,
        good,
        &[
            (changed("422", "\"422\""), "invalid type"),
            (changed("422", "65536"), "invalid value"),
            (changed("422", "-1"), "invalid value"),
            (changed(r#""status":422,"#, ""), "missing field `status`"),
            (changed(r#""code":"overflow","#, ""), "missing field `code`"),
            (changed(r#""detail":"x","#, ""), "missing field `detail`"),
            (changed(r#""index":0"#, r#""index":65536"#), "invalid value"),
            (changed(r#""index":0"#, r#""index":"0""#), "invalid type"),
            (changed(r#""index":0"#, r#""title":"x""#), "unknown field"),
            (
                changed(r#""detail":"x""#, r#""detail":["x"]"#),
                "invalid type",
            ),
        ],
    );
}
