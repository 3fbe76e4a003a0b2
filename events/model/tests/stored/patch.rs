//! Merge patches of pairs: what they take, and what they leave.

use std::collections::BTreeMap;

use daybook_events::metadata::{Metadata, MetadataPatch};
use proptest::prelude::*;

fn pairs(count: usize) -> Metadata {
    let pairs = (0..count).map(|n| (format!("k{n}"), "v".to_owned()));
    Metadata::try_new(pairs.collect()).unwrap()
}

fn patch(text: &str) -> MetadataPatch {
    serde_json::from_str(text).unwrap()
}

fn shown(metadata: &Metadata) -> String {
    serde_json::to_string(metadata).unwrap()
}

#[test]
fn a_value_sets_null_deletes_and_the_rest_stays() {
    let before: Metadata = serde_json::from_str(r#"{"a":"1","b":"2","c":"3"}"#).unwrap();
    for (given, after) in [
        ("{}", r#"{"a":"1","b":"2","c":"3"}"#),
        (r#"{"b":"9"}"#, r#"{"a":"1","b":"9","c":"3"}"#),
        (r#"{"b":null}"#, r#"{"a":"1","c":"3"}"#),
        (
            r#"{"b":null,"x":"","a":"0"}"#,
            r#"{"a":"0","c":"3","x":""}"#,
        ),
        (r#"{"unknown":null}"#, r#"{"a":"1","b":"2","c":"3"}"#),
        (r#"{"a":null,"b":null,"c":null}"#, "{}"),
    ] {
        assert_eq!(
            shown(&patch(given).apply(&before).unwrap()),
            after,
            "{given}"
        );
    }
}

#[test]
fn the_outcome_has_at_most_fifty_pairs_whatever_the_way() {
    let full = pairs(50);
    let refused = patch(r#"{"one more":"v"}"#).apply(&full).unwrap_err();
    assert!(refused.to_string().contains("more than 50"), "{refused}");
    // The outcome counts, not the order of the members.
    let swapped = patch(r#"{"one more":"v","k0":null}"#).apply(&full).unwrap();
    assert_eq!(swapped.iter().count(), 50);
    assert!(patch(r#"{"k0":"w"}"#).apply(&full).is_ok());
    assert_eq!(
        patch(r#"{"x":"v"}"#)
            .apply(&pairs(49))
            .unwrap()
            .iter()
            .count(),
        50
    );
}

#[test]
fn a_patch_out_of_bounds_is_refused() {
    let many = |count: usize| {
        let members: Vec<_> = (0..count).map(|n| format!(r#""k{n}":null"#)).collect();
        format!("{{{}}}", members.join(","))
    };
    let read = |text: &str| serde_json::from_str::<MetadataPatch>(text);
    assert!(read(&many(50)).is_ok());
    for (text, reason) in [
        (many(51), "more than 50"),
        (r#"{"a":"1","a":null}"#.to_owned(), "stands twice"),
        (r#"{"a":null,"a":null}"#.to_owned(), "stands twice"),
        (r#"{"sealed":null}"#.to_owned(), "sealed"),
        (r#"{"":null}"#.to_owned(), "1 to 64 bytes"),
        (format!(r#"{{"{}":null}}"#, "k".repeat(65)), "1 to 64 bytes"),
        (format!(r#"{{"a":"{}"}}"#, "x".repeat(1025)), "1 KiB"),
        (r#"{"a\u0000":null}"#.to_owned(), "NUL"),
        (r#"{"a":"\u0000"}"#.to_owned(), "NUL"),
        (r#"{"a":1}"#.to_owned(), "invalid type"),
        (r#"{"a":["b"]}"#.to_owned(), "invalid type"),
        (r#"["a","b"]"#.to_owned(), "strings or null"),
        ("null".to_owned(), "strings or null"),
    ] {
        let refused = read(&text).unwrap_err().to_string();
        assert!(refused.contains(reason), "{text:.60}: {refused}");
    }
    let made = |pairs: &[(&str, Option<&str>)]| {
        let pairs = pairs.iter();
        let owned = pairs.map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned)));
        MetadataPatch::try_new(owned.collect::<BTreeMap<_, _>>())
    };
    assert!(made(&[("a", None), ("b", Some("1"))]).is_ok());
    assert!(made(&[("sealed", None)]).is_err());
    assert!(made(&[("a", Some(&"x".repeat(1025)))]).is_err());
}

proptest! {
    #[test]
    fn a_patch_does_what_its_members_say_one_by_one(
        before in prop::collection::btree_map("[a-e]", "[0-9]", 0..5),
        members in prop::collection::btree_map("[a-e]", prop::option::of("[0-9]"), 0..5),
    ) {
        let given = MetadataPatch::try_new(members.clone()).unwrap();
        let after = given.apply(&Metadata::try_new(before.clone()).unwrap()).unwrap();
        for key in ["a", "b", "c", "d", "e"] {
            let expected = match members.get(key) {
                Some(value) => value.as_deref(),
                None => before.get(key).map(String::as_str),
            };
            let found = after.iter().find(|(known, _)| *known == key).map(|(_, value)| value);
            prop_assert_eq!(found, expected);
        }
        // What was patched once is not changed by the same patch again.
        prop_assert_eq!(given.apply(&after).unwrap(), after);
        // A patch is written as it is read.
        let text = serde_json::to_string(&given).unwrap();
        prop_assert_eq!(serde_json::from_str::<MetadataPatch>(&text).unwrap(), given);
    }
}
