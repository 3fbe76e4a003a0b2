//! Hostile bytes: what does not follow the stored shapes is refused with a reason, never a panic.

use daybook_events::envelope::RecordedEvent;
use daybook_events::event::{Event, EventType};
use daybook_events::ids::Position;
use daybook_events::meta::Meta;
use proptest::prelude::*;

use crate::golden::{lines, shapes};

/// A transaction with one entry's members replaced or added.
fn transaction(entry: &str) -> String {
    let other = r#"{"account":"b","direction":"credit","amount":"5","asset":"USD","balance":{"posted":"5"}}"#;
    format!(r#"{{"entries":[{{{entry}}},{other}]}}"#)
}

const GOOD: &str =
    r#""account":"a","direction":"debit","amount":"5","asset":"USD","balance":{"posted":"5"}"#;

fn read(kind: EventType, data: &[u8]) -> Result<Event, String> {
    Event::read(kind, kind.version(), data).map_err(|invalid| invalid.to_string())
}

/// Reads an entry wherever entries stand: every reader must say the same of it.
fn read_entry(entry: &str) -> Result<(), String> {
    let transaction = transaction(entry);
    let ended = format!(
        r#"{{"hold":"0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f","outcome":"voided",{}"#,
        transaction
            .replacen("entries", "released", 1)
            .trim_start_matches('{')
    );
    let mut said: Vec<Result<(), String>> = [
        (EventType::TransactionPosted, 1, &transaction),
        (EventType::TransactionPosted, 2, &transaction),
        (EventType::HoldPlaced, 1, &transaction),
        (EventType::HoldEnded, 1, &ended),
    ]
    .into_iter()
    .map(|(kind, version, data)| {
        let read = Event::read(kind, version, data.as_bytes());
        // The place differs, the reason must not.
        read.map(|_| ()).map_err(|invalid| {
            let text = invalid.to_string();
            text.split(" at line").next().unwrap().to_owned()
        })
    })
    .collect();
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
    said.remove(0)
}

#[test]
fn an_entry_that_does_not_follow_its_shape_is_refused() {
    assert_eq!(read_entry(GOOD), Ok(()));
    let amount = |text: &str| GOOD.replace(r#""amount":"5""#, &format!(r#""amount":{text}"#));
    let too_large = format!("\"1{}\"", "0".repeat(29) + "01");
    for (what, entry, reason) in [
        (
            "an unknown field",
            format!(r#"{GOOD},"note":"x""#),
            "unknown field",
        ),
        (
            "a duplicate field",
            format!(r#"{GOOD},"amount":"5""#),
            "duplicate field",
        ),
        (
            "a missing field",
            GOOD.replace(r#""asset":"USD","#, ""),
            "missing field",
        ),
        ("a float", amount("5.0"), "invalid type"),
        ("a float in a string", amount(r#""5.0""#), "decimal digits"),
        ("a number", amount("5"), "invalid type"),
        ("an exponent", amount(r#""5e3""#), "decimal digits"),
        ("zero", amount(r#""0""#), "must not be zero"),
        ("a sign", amount(r#""-5""#), "without a sign"),
        ("a plus", amount(r#""+5""#), "decimal digits"),
        ("a leading zero", amount(r#""05""#), "zero"),
        ("a space", amount(r#"" 5""#), "decimal digits"),
        ("other digits", amount(r#""٥""#), "decimal digits"),
        ("empty", amount(r#""""#), "decimal digits"),
        ("more than 10^30", amount(&too_large), "10^30"),
        (
            "far more",
            amount(&format!("\"{}\"", "9".repeat(4000))),
            "too large",
        ),
        ("null", amount("null"), "invalid type"),
        ("an array", amount(r#"["5"]"#), "invalid type"),
        (
            "a third side",
            GOOD.replace("debit", "both"),
            "unknown variant",
        ),
        (
            "a bad account",
            GOOD.replace(r#""a""#, r#""a::b""#),
            "account id",
        ),
        ("a bad asset", GOOD.replace("USD", "usd"), "asset"),
        (
            "a balance with more",
            GOOD.replace(r#"{"posted":"5"}"#, r#"{"posted":"5","x":"1"}"#),
            "unknown field",
        ),
        (
            "a balance without posted",
            GOOD.replace(r#"{"posted":"5"}"#, "{}"),
            "missing field",
        ),
        (
            "a balance of minus zero",
            GOOD.replace(r#""posted":"5""#, r#""posted":"-0""#),
            "zero",
        ),
    ] {
        let refused = read_entry(&entry).unwrap_err();
        assert!(refused.contains(reason), "{what}: {refused}");
    }
}

#[test]
fn an_account_that_does_not_follow_its_shape_is_refused() {
    let account = |rest: &str| {
        let data = r#"{"account":"a","type":"asset","normal_balance":"debit""#;
        format!("{data}{rest}}}")
    };
    let pairs: Vec<String> = (0..51).map(|n| format!(r#""k{n}":"v""#)).collect();
    let limits = |limits: &str| account(&format!(r#","limits":{{{limits}}}"#));
    let metadata = |pairs: &str| account(&format!(r#","metadata":{{{pairs}}}"#));
    let kind = EventType::AccountOpened;
    assert!(read(kind, account("").as_bytes()).is_ok());
    for (data, reason) in [
        (limits(r#""USD":{},"USD":{}"#), "stands twice"),
        (limits(r#""usd":{}"#), "asset"),
        (limits(r#""USD":{"min":"0"}"#), "unknown field"),
        (limits(r#""USD":{"max_balance":1}"#), "invalid type"),
        (limits(r#""USD":["0","5"]"#), "invalid type"),
        (metadata(r#""a":"1","a":"2""#), "stands twice"),
        (metadata(r#""sealed":"1""#), "sealed"),
        (metadata(r#""a":1"#), "invalid type"),
        (metadata(&pairs.join(",")), "more than 50"),
        (metadata(&format!(r#""a":"{}""#, "x".repeat(1025))), "1 KiB"),
    ] {
        let refused = read(kind, data.as_bytes()).unwrap_err();
        assert!(refused.contains(reason), "{data:.80}: {refused}");
    }
}

#[test]
fn other_events_that_do_not_follow_their_shape_are_refused() {
    let brackets = "[".repeat(100_000);
    for (kind, data, reason) in [
        (
            EventType::LedgerOpened,
            r#"{"time_zone":"Mars/Olympus"}"#,
            "time zone",
        ),
        (EventType::LedgerOpened, "{}", "missing field"),
        (
            EventType::LedgerOpened,
            r#"[null,"UTC",{}]"#,
            "a JSON object",
        ),
        (
            EventType::AssetRegistered,
            r#"{"asset":"PTS","scale":31}"#,
            "scale",
        ),
        (
            EventType::AssetRegistered,
            r#"{"asset":"PTS","scale":-1}"#,
            "must be 0 to 30",
        ),
        (
            EventType::AssetRegistered,
            r#"{"asset":"PTS","scale":2.0}"#,
            "invalid type",
        ),
        (
            EventType::AssetRegistered,
            r#"{"asset":"PTS","scale":2}{}"#,
            "trailing",
        ),
        (
            EventType::AssetRegistered,
            r#"{"asset":"PTS","scale":2"#,
            "EOF",
        ),
        (EventType::AssetRegistered, "", "a JSON object"),
        (EventType::AssetRegistered, &brackets, "a JSON object"),
    ] {
        let refused = read(kind, data.as_bytes()).unwrap_err();
        assert!(refused.contains(reason), "{data:.80}: {refused}");
    }
}

#[test]
fn text_that_is_not_utf_8_is_refused_everywhere() {
    for (_, _, line) in lines() {
        let mut bytes = line.clone().into_bytes();
        let place = line.find(r#""data":{""#).unwrap() + r#""data":{""#.len();
        bytes[place] = 0xff;
        assert!(RecordedEvent::read_line(Position::new(1), &bytes).is_err());
        let data = bytes.split_off(line.find(r#""data":"#).unwrap() + r#""data":"#.len());
        for (kind, version) in shapes() {
            assert!(Event::read(kind, version, &data).is_err());
        }
    }
    assert!(Meta::parse(b"{\"request_id\":\"\xff\"}").is_err());
}

#[test]
fn types_and_versions_of_a_newer_build_are_named_as_such() {
    for kind in EventType::ALL {
        for version in [0, kind.version() + 1, u16::MAX] {
            let refused = Event::read(*kind, version, b"{}").unwrap_err().to_string();
            let expected = format!("{kind} version {version} is unknown to this build");
            assert!(refused.contains(&expected), "{refused}");
        }
    }
    for text in [
        "TransactionUndone",
        "transactionposted",
        "",
        "TransactionPosted ",
    ] {
        assert!(EventType::parse(text).is_err());
    }
}

#[test]
fn a_line_that_does_not_follow_its_shape_is_refused() {
    let all = lines();
    let good = all
        .iter()
        .find(|(kind, ..)| *kind == EventType::LedgerOpened);
    let (_, _, good) = good.unwrap();
    let line = |text: &str| {
        RecordedEvent::read_line(Position::new(1), text.as_bytes())
            .map(|_| ())
            .map_err(|invalid| invalid.to_string())
    };
    assert_eq!(line(good), Ok(()));
    for (text, reason) in [
        (good.replacen('{', r#"{"position":1,"#, 1), "unknown field"),
        (
            good.replacen('{', r#"{"ledger":"acme","#, 1),
            "duplicate field",
        ),
        (good.replace(r#","meta":{}"#, ""), "missing field"),
        (
            good.replace(r#""revision":0"#, r#""revision":-1"#),
            "invalid value",
        ),
        (
            good.replace(r#""revision":0"#, r#""revision":0.0"#),
            "invalid type",
        ),
        (
            good.replace(r#""revision":0"#, r#""revision":18446744073709551616"#),
            "invalid type",
        ),
        (
            good.replace(r#""version":1"#, r#""version":65536"#),
            "invalid value",
        ),
        (good.replace("LedgerOpened", "LedgerClosed"), "newer"),
        (good.replace(r#""acme""#, r#""Acme""#), "ledger id"),
        (good.replace("-3f4b-", "3f4b"), "event id"),
        (good.replace("0198c5e2-", "{0198c5e2-"), "event id"),
        (good.replace("123456Z", "1234567Z"), "six fraction digits"),
        (format!("{good}x"), "trailing"),
    ] {
        let refused = line(&text).unwrap_err();
        assert!(refused.contains(reason), "{text}: {refused}");
    }
}

#[test]
fn metadata_that_does_not_follow_its_shape_is_refused() {
    let hash = "00112233445566778899aabbccddeeff";
    assert!(Meta::parse(format!(r#"{{"request":"{hash}"}}"#).as_bytes()).is_ok());
    for text in [
        r#"{"who":"x"}"#.to_owned(),
        r#"{"key":"a","key":"b"}"#.to_owned(),
        r#"{"key":""}"#.to_owned(),
        r#"{"key":"ž"}"#.to_owned(),
        r#"{"more":-1}"#.to_owned(),
        r#"{"more":true}"#.to_owned(),
        r#"{"by":{"iss":"a"}}"#.to_owned(),
        r#"{"by":{"iss":"a","sub":"b","x":1}}"#.to_owned(),
        format!(r#"{{"request":"{}"}}"#, &hash[1..]),
        format!(r#"{{"request":"+{}"}}"#, &hash[1..]),
        format!(r#"{{"request":"{}"}}"#, hash.to_uppercase()),
    ] {
        assert!(Meta::parse(text.as_bytes()).is_err(), "{text}");
    }
}

/// Reads bytes in every way there is. Whatever is accepted must read back as it is written.
fn survives(bytes: &[u8]) {
    if let Ok(recorded) = RecordedEvent::read_line(Position::new(1), bytes) {
        if let Ok(event) = recorded.event() {
            let mut data = Vec::new();
            event.write(&mut data);
            let version = recorded.event_type.version();
            assert_eq!(Event::read(recorded.event_type, version, &data), Ok(event));
        }
        // Either answer will do, as long as there is one.
        drop(recorded.parsed_meta());
    }
    for (kind, version) in shapes() {
        if let Ok(event) = Event::read(kind, version, bytes) {
            assert_eq!(event.event_type(), kind);
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&bytes);
        prop_assert!(RecordedEvent::read_feed_line(&bytes).is_err());
    }

    #[test]
    fn damaged_golden_lines_never_panic(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let lines = lines();
        let (_, _, line) = which.get(&lines);
        let mut bytes = line.clone().into_bytes();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        survives(&bytes);
    }
}
