//! `docs/schemas` and `docs/events.md` say what is stored: every shape has a schema and a section,
//! and the schemas take what the code takes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use daybook_events::event::{Event, EventType};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::golden::{data, lines, shapes};
use crate::values::event;

/// Schemas that are not those of one event's `data`.
const SHARED: [&str; 2] = ["common.json", "event.json"];

fn docs() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs")).to_owned()
}

fn name_of(kind: EventType, version: u16) -> String {
    format!("{kind}.v{version}.json")
}

fn file(name: &str) -> Value {
    let text = std::fs::read_to_string(docs().join("schemas").join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The compiled schemas of every shape, and that of the envelope.
struct Compiled {
    schemas: Schemas,
    of: BTreeMap<(EventType, u16), SchemaIndex>,
    envelope: SchemaIndex,
}

impl Compiled {
    fn new() -> Self {
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        let mut schemas = Schemas::new();
        let mut compile = |name: &str| {
            let path = docs().join("schemas").join(name);
            let compiled = compiler.compile(path.to_str().unwrap(), &mut schemas);
            compiled.unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        let envelope = compile("event.json");
        let of = shapes()
            .map(|(kind, version)| ((kind, version), compile(&name_of(kind, version))))
            .collect();
        Self {
            schemas,
            of,
            envelope,
        }
    }

    fn takes(&self, kind: EventType, version: u16, data: &Value) -> bool {
        self.refusal(kind, version, data).is_none()
    }

    fn refusal(&self, kind: EventType, version: u16, data: &Value) -> Option<String> {
        let schema = self.of[&(kind, version)];
        let refused = self.schemas.validate(data, schema).err()?;
        Some(refused.to_string())
    }
}

#[test]
fn every_shape_has_a_schema_and_no_schema_is_left_over() {
    let files: BTreeSet<String> = std::fs::read_dir(docs().join("schemas"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected: BTreeSet<String> = shapes()
        .map(|(kind, version)| name_of(kind, version))
        .chain(SHARED.map(str::to_owned))
        .collect();
    assert_eq!(files, expected);
}

#[test]
fn golden_lines_are_valid_by_their_schema() {
    let compiled = Compiled::new();
    for (kind, version, line) in lines() {
        assert_eq!(
            compiled.refusal(kind, version, &data(&line)),
            None,
            "{line}"
        );
        let whole: Value = serde_json::from_str(&line).unwrap();
        let envelope = compiled.schemas.validate(&whole, compiled.envelope);
        assert!(envelope.is_ok(), "{line}: {}", envelope.unwrap_err());
    }
}

#[test]
fn made_up_events_are_valid_by_their_schema() {
    let compiled = Compiled::new();
    proptest!(|(event in event())| {
        let mut written = Vec::new();
        event.write(&mut written);
        let data = serde_json::from_slice(&written).unwrap();
        let kind = event.event_type();
        prop_assert_eq!(compiled.refusal(kind, kind.version(), &data), None);
    });
}

/// Pointers to every object within, the outermost first.
fn objects(value: &Value, pointer: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            out.push(pointer.to_owned());
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                objects(member, &format!("{pointer}/{key}"), out);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                objects(item, &format!("{pointer}/{index}"), out);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The same data with one thing wrong, or at least different, and whether both must refuse it.
fn damaged(good: &Value) -> Vec<(String, bool, Value)> {
    let mut found = Vec::new();
    objects(good, "", &mut found);
    let mut all = Vec::new();
    for pointer in found {
        let object = good.pointer(&pointer).unwrap().as_object().unwrap().clone();
        let mut put = |what: String, must: bool, value: Value| {
            let mut damaged = good.clone();
            *damaged.pointer_mut(&pointer).unwrap() = value;
            all.push((format!("{pointer}: {what}"), must, damaged));
        };
        let values: Vec<Value> = object.values().cloned().collect();
        put("an array of its members".to_owned(), true, values.into());
        let is_pairs = pointer.ends_with("metadata");
        let mut more = object.clone();
        // Not a member of any shape, not an asset, and not a pair of strings.
        more.insert("unknown member".to_owned(), json!({}));
        put("an unknown member".to_owned(), true, more.into());
        for key in object.keys() {
            let mut less = object.clone();
            less.remove(key);
            put(format!("without {key}"), false, less.into());
            for other in [
                json!(404),
                json!(""),
                json!(true),
                json!([[]]),
                json!({"x": 1}),
            ] {
                let mut changed = object.clone();
                let what = format!("{key} is {other}");
                // A pair of metadata may have no text.
                let must = !(is_pairs || other.is_string() || other.is_number());
                changed.insert(key.clone(), other);
                put(what, must, changed.into());
            }
        }
    }
    all
}

#[test]
fn the_schemas_refuse_what_the_code_refuses() {
    let compiled = Compiled::new();
    let mut refused = 0;
    for (kind, version, line) in lines() {
        for (what, must_refuse, data) in damaged(&data(&line)) {
            let bytes = data.to_string();
            let read = Event::read(kind, version, bytes.as_bytes());
            let by_schema = compiled.takes(kind, version, &data);
            assert_eq!(
                by_schema,
                read.is_ok(),
                "{kind}.v{version}{what}: {read:?}\n{line}"
            );
            assert!(
                !(must_refuse && by_schema),
                "{kind}.v{version}{what}\n{line}"
            );
            refused += usize::from(!by_schema);
        }
    }
    assert!(refused > 1_000, "{refused} damaged events are refused");
}

#[test]
fn each_required_member_is_refused_when_it_is_missing() {
    let compiled = Compiled::new();
    for (kind, version, line) in lines() {
        let data = data(&line);
        let schema = file(&name_of(kind, version));
        let required = schema["required"].as_array().unwrap();
        assert!(!required.is_empty(), "{kind}.v{version}");
        for member in required {
            let member = member.as_str().unwrap();
            let mut less = data.clone();
            less.as_object_mut().unwrap().remove(member).unwrap();
            assert!(
                !compiled.takes(kind, version, &less),
                "without {member}: {line}"
            );
            let read = Event::read(kind, version, less.to_string().as_bytes());
            assert!(read.is_err(), "without {member}: {line}");
        }
    }
}
