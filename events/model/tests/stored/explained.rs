//! `docs/events.md` explains every shape: its sections, their tables of members and their examples
//! are held against the schemas and the golden files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::golden::{lines, shapes};

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/events.md");
    std::fs::read_to_string(path).unwrap()
}

fn schema(name: &str) -> Value {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schemas"));
    serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

/// The sections of a page by their headings, of either of the two levels.
fn sections(page: &str) -> BTreeMap<String, String> {
    let mut sections = BTreeMap::new();
    let mut heading = String::new();
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("## ").or(line.strip_prefix("### ")) {
            heading = title.to_owned();
            let twice = sections.insert(heading.clone(), String::new());
            assert_eq!(twice, None, "{heading} stands twice");
        } else if let Some(text) = sections.get_mut(&heading) {
            text.push_str(line);
            text.push('\n');
        }
    }
    sections
}

/// The members that a section's table explains, with whether they are required.
fn explained(section: &str) -> BTreeSet<(String, bool)> {
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|row| {
            let (member, rest) = row.split_once("` | ").unwrap();
            (member.to_owned(), rest.starts_with("required |"))
        })
        .collect()
}

/// The members that a schema of an object names, with whether they are required.
fn named(schema: &Value) -> BTreeSet<(String, bool)> {
    let required = schema["required"].as_array();
    let is_required = |name: &String| required.is_some_and(|all| all.contains(&name[..].into()));
    let members = schema["properties"].as_object().unwrap().keys();
    members
        .map(|name| (name.clone(), is_required(name)))
        .collect()
}

#[test]
fn every_shape_has_a_section_and_no_section_is_left_over() {
    let headings: BTreeSet<String> = sections(&page())
        .into_keys()
        .filter(|heading| heading.contains(", version "))
        .collect();
    let expected: BTreeSet<String> = shapes()
        .map(|(kind, version)| format!("{kind}, version {version}"))
        .collect();
    assert_eq!(headings, expected);
}

#[test]
fn a_section_explains_the_members_of_its_schema_and_links_it() {
    let sections = sections(&page());
    for (kind, version) in shapes() {
        let section = &sections[&format!("{kind}, version {version}")];
        let file = format!("{kind}.v{version}.json");
        assert!(section.contains(&format!("(schemas/{file})")), "{file}");
        assert_eq!(explained(section), named(&schema(&file)), "{file}");
    }
    let envelope = schema("event.json");
    assert_eq!(explained(&sections["The envelope"]), named(&envelope));
    assert_eq!(
        explained(&sections["meta"]),
        named(&envelope["properties"]["meta"])
    );
    let common = schema("common.json");
    for (section, definition) in [
        ("entry", "entry"),
        ("balance", "balance"),
        ("limits", "limit"),
        ("account_after", "account_after"),
        ("turnover", "turnover"),
        ("ledger_after", "ledger_after"),
    ] {
        let members = named(&common["$defs"][definition]);
        assert_eq!(explained(&sections[section]), members, "{section}");
    }
}

#[test]
fn a_section_shows_golden_lines_of_its_shape() {
    let golden = lines();
    let sections = sections(&page());
    for (kind, version) in shapes() {
        let section = &sections[&format!("{kind}, version {version}")];
        let shown: Vec<&str> = section
            .lines()
            .filter(|line| line.starts_with('{'))
            .collect();
        assert!(!shown.is_empty(), "{kind} version {version} has an example");
        for line in shown {
            let known = (kind, version, line.to_owned());
            assert!(golden.contains(&known), "not a golden line: {line}");
        }
    }
}

#[test]
fn every_link_within_the_page_leads_somewhere() {
    let page = page();
    let sections = sections(&page);
    for (place, _) in page.match_indices("](#") {
        let (target, _) = page[place + 3..].split_once(')').unwrap();
        assert!(sections.contains_key(target), "#{target}");
    }
}
