//! Every problem code is explained.

use std::collections::BTreeSet;

use daybook_events::problems;

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_problem_code_has_a_section_and_every_section_a_code() {
    let page = page();
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
fn a_section_begins_with_every_status_of_its_code() {
    let page = page();
    for section in page.split("\n## ").skip(1) {
        let (code, text) = section.split_once("\n\n").unwrap();
        let (_, statuses) = text.split_once("**").unwrap();
        let (statuses, _) = statuses.split_once("**").unwrap();
        let said: BTreeSet<String> = statuses.split(" and ").map(str::to_owned).collect();
        let expected: BTreeSet<String> = problems::ALL
            .iter()
            .filter(|problem| problem.code == code)
            .map(|problem| problem.status.to_string())
            .collect();
        assert_eq!(said, expected, "{code}");
    }
}

#[test]
fn a_problem_is_found_by_its_status_and_code() {
    for problem in problems::ALL {
        assert_eq!(problems::find(problem.status, problem.code), Some(*problem));
    }
    assert_eq!(problems::find(422, "validation"), Some(problems::UNFIT));
    assert_eq!(problems::find(404, "validation"), None);
    assert_eq!(problems::find(422, "no_such_code"), None);
}

#[test]
fn a_code_means_one_thing_per_status() {
    let kinds: BTreeSet<_> = problems::ALL
        .iter()
        .map(|problem| (problem.status, problem.code))
        .collect();
    assert_eq!(kinds.len(), problems::ALL.len());
}
