//! Every problem code is explained.

use std::collections::BTreeSet;

use daybook_events::problems;

#[test]
fn every_problem_code_has_a_section_and_every_section_a_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
    let page = std::fs::read_to_string(path).unwrap();
    let sections: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    let explained: BTreeSet<&str> = sections.iter().copied().collect();
    let codes: BTreeSet<&str> = problems::ALL.iter().map(|problem| problem.code).collect();
    assert_eq!(sections.len(), explained.len(), "a section stands twice");
    assert_eq!(explained, codes);
}

#[test]
fn a_code_means_one_thing_per_status() {
    let kinds: BTreeSet<_> = problems::ALL
        .iter()
        .map(|problem| (problem.status, problem.code))
        .collect();
    assert_eq!(kinds.len(), problems::ALL.len());
}
