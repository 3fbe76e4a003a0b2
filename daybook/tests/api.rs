//! The route table, the OpenAPI document and the page agree.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::collections::BTreeSet;
use std::fs;

use daybook::wiring::{openapi, ops_routes, routes};
use daybook_events::access::Permission;
use daybook_platform::http::Access;
use serde_json::Value;

const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

fn document() -> Value {
    serde_json::to_value(openapi()).unwrap()
}

fn described() -> BTreeSet<String> {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    operations.collect()
}

#[test]
fn every_route_is_described_and_every_description_is_a_route() {
    let served: BTreeSet<String> = routes()
        .iter()
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    let described = described();
    let missing: Vec<_> = served.difference(&described).collect();
    let invented: Vec<_> = described.difference(&served).collect();
    assert!(
        missing.is_empty(),
        "not in the OpenAPI document: {missing:?}"
    );
    assert!(
        invented.is_empty(),
        "described, but not served: {invented:?}"
    );
}

#[test]
fn every_permission_of_a_route_is_one_of_the_table() {
    for route in routes() {
        if let Access::Permission(permission) = route.access {
            assert!(
                Permission::ALL
                    .iter()
                    .any(|known| known.as_str() == permission),
                "{} {} asks for the unknown permission {permission}",
                route.method,
                route.path
            );
        }
    }
}

#[test]
fn only_operations_and_documents_are_public() {
    let public: BTreeSet<&str> = routes()
        .into_iter()
        .filter(|route| route.access == Access::Public)
        .map(|route| route.path)
        .collect();
    assert_eq!(
        public,
        [
            "/docs",
            "/docs/errors.md",
            "/livez",
            "/openapi.json",
            "/readyz"
        ]
        .into()
    );
    assert!(
        ops_routes()
            .iter()
            .all(|route| !route.path.starts_with("/v1"))
    );
}

#[test]
fn every_reference_in_the_document_has_a_target() {
    let document = document();
    let mut wanted = BTreeSet::new();
    references(&document, &mut wanted);
    for reference in wanted {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(
            document.pointer(pointer).is_some(),
            "{reference} has no target"
        );
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_and_only_public_ones_need_no_token() {
    let document = document();
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if let Some(name) = operation["operationId"].as_str() {
                assert!(names.insert(name), "{name} is the name of two operations");
            }
            let route = routes()
                .into_iter()
                .find(|it| it.path == path && it.method.as_str().eq_ignore_ascii_case(method));
            let public = route.unwrap().access == Access::Public;
            // Without requirements of its own, an operation has those of the document.
            let open = operation["security"] == serde_json::json!([{}]);
            assert_eq!(open, public, "{method} {path}");
        }
    }
    assert_eq!(document["security"], serde_json::json!([{"bearer": []}]));
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.insert(reference.clone());
            }
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A change of the contract is seen in review. `UPDATE_SNAPSHOTS=1 cargo test -p daybook` renews.
#[test]
fn the_document_is_the_one_that_was_reviewed() {
    let mut now = serde_json::to_string_pretty(&document()).unwrap();
    now.push('\n');
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(SNAPSHOT, &now).unwrap();
    }
    let reviewed = fs::read_to_string(SNAPSHOT).unwrap_or_default();
    let different = now
        .lines()
        .zip(reviewed.lines())
        .position(|(now, then)| now != then);
    assert!(
        now == reviewed,
        "the OpenAPI document is not daybook/openapi.json (first difference in line {:?}); if the \
         change is meant: UPDATE_SNAPSHOTS=1 cargo test -p daybook --test api",
        different.map(|line| line + 1)
    );
}
