//! Golden files: `golden/<EventType>.v<N>.json`, complete event lines as they are served. They are
//! never edited; a new version of a shape gets a file of its own.

use std::collections::BTreeSet;
use std::path::Path;

use daybook_events::envelope::RecordedEvent;
use daybook_events::event::{Event, EventType};
use daybook_events::ids::Position;
use daybook_events::meta::Meta;
use serde_json::Value;

/// Every golden line with the type and version that its file is about.
pub(crate) fn lines() -> Vec<(EventType, u16, String)> {
    let mut lines = Vec::new();
    for name in files() {
        let (event_type, version) = parse_name(&name);
        let path = folder().join(&name);
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.ends_with('\n'), "{name} ends with a line end");
        for line in text.lines() {
            lines.push((event_type, version, line.to_owned()));
        }
    }
    lines
}

/// The golden events of one type and version, in the order of their file.
pub(crate) fn events(kind: EventType, version: u16) -> Vec<(RecordedEvent, Event)> {
    let all: Vec<_> = lines()
        .iter()
        .filter(|(about, of, _)| (*about, *of) == (kind, version))
        .map(|(_, _, line)| {
            let recorded = RecordedEvent::read_line(Position::new(7), line.as_bytes()).unwrap();
            let event = recorded.event().unwrap();
            (recorded, event)
        })
        .collect();
    assert!(!all.is_empty(), "{kind}.v{version}.json has lines");
    all
}

/// The golden events of one type and version as values of that type.
macro_rules! golden {
    ($kind:ident, $version:literal) => {
        $crate::golden::events(EventType::$kind, $version)
            .into_iter()
            .map(|(recorded, event)| {
                let Event::$kind(event) = event else {
                    panic!("{event:?}");
                };
                (recorded, event)
            })
            .collect::<Vec<_>>()
    };
}
pub(crate) use golden;

/// The `data` of one golden line as a value.
pub(crate) fn data(line: &str) -> Value {
    let mut line: Value = serde_json::from_str(line).unwrap();
    line["data"].take()
}

/// Every type with every version that was ever written.
pub(crate) fn shapes() -> impl Iterator<Item = (EventType, u16)> {
    EventType::ALL
        .iter()
        .flat_map(|kind| (1..=kind.version()).map(|version| (*kind, version)))
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"))
}

fn files() -> BTreeSet<String> {
    std::fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn parse_name(name: &str) -> (EventType, u16) {
    let (event_type, version) = name
        .strip_suffix(".json")
        .and_then(|stem| stem.split_once(".v"))
        .unwrap_or_else(|| panic!("{name} is not named <EventType>.v<N>.json"));
    (
        EventType::parse(event_type).unwrap(),
        version.parse().unwrap(),
    )
}

#[test]
fn every_version_of_every_event_type_has_a_golden_file_and_no_file_is_left_over() {
    let expected: BTreeSet<String> = shapes()
        .map(|(kind, version)| format!("{kind}.v{version}.json"))
        .collect();
    assert_eq!(files(), expected);
    for (kind, version) in shapes() {
        assert!(events(kind, version).len() >= 2, "{kind} version {version}");
    }
}

#[test]
fn a_golden_line_is_read_and_written_back_byte_for_byte() {
    for (event_type, version, line) in lines() {
        let position = Position::new(7);
        let recorded = RecordedEvent::read_line(position, line.as_bytes()).unwrap();
        assert_eq!(
            (recorded.event_type, recorded.version),
            (event_type, version)
        );
        let mut written = Vec::new();
        recorded.write_line(&mut written);
        assert_eq!(String::from_utf8(written).unwrap(), line);

        let mut feed = Vec::new();
        recorded.write_feed_line(&mut feed);
        assert_eq!(RecordedEvent::read_feed_line(&feed).unwrap(), recorded);
    }
}

#[test]
fn golden_data_is_decoded_and_encoded_to_the_same_bytes() {
    for (event_type, version, line) in lines() {
        let recorded = RecordedEvent::read_line(Position::new(7), line.as_bytes()).unwrap();
        let event = recorded.event().unwrap();
        assert_eq!(event.event_type(), event_type);
        // Older versions are read as today's type; only today's version is ever written.
        if version == event_type.version() {
            let mut data = Vec::new();
            event.write(&mut data);
            assert_eq!(data, recorded.data, "{line}");
        }
    }
}

#[test]
fn golden_metadata_is_joined_from_its_fragments_to_the_same_bytes() {
    use daybook_events::meta::{OwnMeta, SharedMeta, splice};
    for (_, _, line) in lines() {
        let recorded = RecordedEvent::read_line(Position::new(7), line.as_bytes()).unwrap();
        let meta = Meta::parse(&recorded.meta).unwrap();
        let mut own = Vec::new();
        OwnMeta {
            key: meta.key.clone(),
            request: meta.request,
            more: meta.more(),
        }
        .write(&mut own);
        let shared = SharedMeta {
            by: meta.by,
            request_id: meta.request_id,
            trace: meta.trace,
        };
        let mut joined = Vec::new();
        splice(&own, &shared.fragment(), &mut joined);
        assert_eq!(joined, recorded.meta, "{line}");
    }
}

const TRANSACTION: &str = "reference code description effective_at effective_local \
    effective_local.instant effective_local.date related_to metadata";
const ENTRIES: &str = "entries entries.account entries.direction entries.amount entries.asset \
    entries.description entries.metadata entries.balance entries.balance.posted \
    entries.balance.pending entries.balance.available";
const ACCOUNT_AFTER: &str = "account reason after after.type after.normal_balance after.name \
    after.status after.assets after.limits after.limits.* after.limits.*.min_available \
    after.limits.*.max_balance after.metadata after.opened_at after.balances after.balances.* \
    after.balances.*.debits after.balances.*.credits after.balances.*.pending_debits \
    after.balances.*.pending_credits";
const LEDGER_AFTER: &str = "after after.name after.time_zone after.accounts after.transactions \
    after.closed_through after.opened_at after.metadata";

/// Every member that the shape has.
fn fields(kind: EventType, version: u16) -> String {
    match (kind, version) {
        (EventType::LedgerOpened, _) => "name time_zone metadata".to_owned(),
        (EventType::LedgerUpdated, _) => LEDGER_AFTER.to_owned(),
        (EventType::PeriodClosed | EventType::PeriodReopened, _) => {
            format!("through reason {LEDGER_AFTER}")
        }
        (EventType::AssetRegistered, _) => "asset scale name".to_owned(),
        (EventType::AccountOpened, _) => "account type normal_balance name assets limits limits.* \
             limits.*.min_available limits.*.max_balance metadata"
            .to_owned(),
        (EventType::AccountUpdated | EventType::AccountFrozen | EventType::AccountUnfrozen, _) => {
            ACCOUNT_AFTER.to_owned()
        }
        // Nothing is pending on an account that may be closed.
        (EventType::AccountClosed, _) => without(ACCOUNT_AFTER, |path| path.contains("pending")),
        (EventType::TransactionPosted, 1) => format!("{TRANSACTION} {ENTRIES} reverses reason"),
        (EventType::TransactionPosted, _) => {
            format!("{TRANSACTION} {ENTRIES} origin origin.kind origin.of origin.reason")
        }
        (EventType::HoldPlaced, _) => format!("{TRANSACTION} {ENTRIES} expires_at"),
        (EventType::HoldEnded, _) => {
            let released = ENTRIES.replace("entries", "released");
            let own = |path: &str| path.ends_with("description") || path.ends_with("metadata");
            format!("hold outcome reason metadata {}", without(&released, own))
        }
        (EventType::MetadataSet, _) => "account transaction metadata".to_owned(),
        (EventType::CommandRejected, _) => "status code detail index".to_owned(),
    }
}

fn without(fields: &str, unwanted: impl Fn(&str) -> bool) -> String {
    let left = fields.split_whitespace().filter(|path| !unwanted(path));
    left.collect::<Vec<_>>().join(" ")
}

#[test]
fn golden_files_show_every_field_of_their_shape() {
    for (kind, version) in shapes() {
        let mut shown = BTreeSet::new();
        for (about, of, line) in lines() {
            if (about, of) == (kind, version) {
                names(&data(&line), "", &mut shown);
            }
        }
        let expected: BTreeSet<String> = fields(kind, version)
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        assert_eq!(shown, expected, "{kind} version {version}");
    }
}

/// The paths of all fields; the keys of maps (`metadata`, `limits`, `balances`) are not fields.
fn names(value: &Value, path: &str, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let below = match path.rsplit('.').next() {
                    Some("metadata") => continue,
                    Some("limits" | "balances") => format!("{path}.*"),
                    Some("") | None => key.clone(),
                    Some(_) => format!("{path}.{key}"),
                };
                out.insert(below.clone());
                names(member, &below, out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, path, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
