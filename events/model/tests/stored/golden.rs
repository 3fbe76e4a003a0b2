//! Golden files: `golden/<EventType>.v<N>.json`, complete event lines as they are served. They are
//! never edited; a new version of a shape gets a file of its own.

use std::collections::BTreeSet;
use std::path::Path;

use daybook_events::envelope::RecordedEvent;
use daybook_events::event::EventType;
use daybook_events::ids::Position;
use daybook_events::meta::Meta;

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
    let expected: BTreeSet<String> = EventType::ALL
        .iter()
        .flat_map(|kind| (1..=kind.version()).map(move |version| format!("{kind}.v{version}.json")))
        .collect();
    assert_eq!(files(), expected);
    for name in files() {
        let about = parse_name(&name);
        let found = lines()
            .iter()
            .filter(|(event_type, version, _)| (*event_type, *version) == about)
            .count();
        assert!(found > 0, "{name} is empty");
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

#[test]
fn golden_values_mean_what_they_say() {
    use daybook_events::event::Event;
    use daybook_events::money::{AMOUNT_MAX, Side};
    let posted: Vec<_> = lines()
        .iter()
        .map(|(_, _, line)| RecordedEvent::read_line(Position::new(7), line.as_bytes()).unwrap())
        .filter_map(|recorded| match recorded.event().unwrap() {
            Event::TransactionPosted(posted) => Some((recorded.recorded_at, posted)),
            Event::LedgerOpened(_) | Event::AssetRegistered(_) | Event::AccountOpened(_) => None,
        })
        .collect();
    let [(recorded_at, plain), (_, full), (_, reversal)] = posted.as_slice() else {
        panic!("three golden transactions, not {}", posted.len());
    };
    assert_eq!(plain.effective(*recorded_at).instant, *recorded_at);
    assert_eq!(plain.effective(*recorded_at).date.to_string(), "2026-11-20");
    assert_eq!(plain.entries[0].direction, Side::Debit);
    assert_eq!(plain.entries[1].direction, Side::Credit);
    assert_eq!(plain.entries[1].balance.available.get(), 1050);
    assert_eq!(full.entries[0].amount.get(), AMOUNT_MAX);
    let balance = full.entries[1].balance;
    assert_eq!((balance.posted.get(), balance.pending.get()), (-7, -3));
    assert_eq!(balance.available.get(), -10);
    assert_eq!(full.entries[2].balance.available.get(), 1);
    assert_eq!(full.effective(*recorded_at).date.to_string(), "2026-11-20");
    assert!(reversal.reverses.is_some() && full.reverses.is_none());
}

#[test]
fn golden_files_show_every_field_of_their_type() {
    let shown = |kind: EventType| -> BTreeSet<String> {
        let mut fields = BTreeSet::new();
        for (event_type, _, line) in lines() {
            if event_type == kind {
                let line: serde_json::Value = serde_json::from_str(&line).unwrap();
                names(&line["data"], "", &mut fields);
            }
        }
        fields
    };
    let all = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        shown(EventType::LedgerOpened),
        all("name time_zone metadata")
    );
    assert_eq!(shown(EventType::AssetRegistered), all("asset scale name"));
    assert_eq!(
        shown(EventType::AccountOpened),
        all("account type normal_balance name assets limits limits.* \
             limits.*.min_available limits.*.max_balance metadata")
    );
    assert_eq!(
        shown(EventType::TransactionPosted),
        all(
            "reference code description effective_at effective_local effective_local.instant \
             effective_local.date related_to reverses reason entries entries.account \
             entries.direction entries.amount entries.asset entries.description \
             entries.metadata entries.balance entries.balance.posted entries.balance.pending \
             entries.balance.available metadata"
        )
    );
}

/// The paths of all fields; the keys of maps (`metadata`, `limits`) are not fields.
fn names(value: &serde_json::Value, path: &str, out: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(members) => {
            for (key, member) in members {
                let below = match path.rsplit('.').next() {
                    Some("metadata") => continue,
                    Some("limits") => format!("{path}.*"),
                    Some("") | None => key.clone(),
                    Some(_) => format!("{path}.{key}"),
                };
                out.insert(below.clone());
                names(member, &below, out);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| names(item, path, out)),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}
