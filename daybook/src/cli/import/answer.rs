//! What the bulk endpoint says, in terms of the lines of the file.

use reqwest::Response;
use serde::Deserialize;

use crate::failure::Failure;
use crate::import::Line;

/// How many items had which outcome.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    /// Applied now.
    pub(super) applied: u64,
    /// Applied before.
    pub(super) replayed: u64,
    /// Refused by a rule.
    pub(super) rejected: u64,
}

impl Tally {
    fn count(&mut self, status: &str) {
        match status {
            "applied" => self.applied += 1,
            "replayed" => self.replayed += 1,
            _ => self.rejected += 1,
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.applied += other.applied;
        self.replayed += other.replayed;
        self.rejected += other.rejected;
    }

    pub(super) fn all(self) -> u64 {
        self.applied + self.replayed + self.rejected
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            applied,
            replayed,
            rejected,
        } = self;
        write!(
            f,
            "applied {applied}, replayed {replayed}, rejected {rejected}"
        )
    }
}

/// What became of a request's items.
pub(super) struct Outcome {
    /// All items.
    pub(super) items: Tally,
    /// The transactions among them.
    pub(super) transactions: Tally,
    /// The ledger's revision afterwards.
    pub(super) revision: Option<u64>,
    /// What was rejected.
    pub(super) rejections: Vec<Rejection>,
}

/// An item that a rule refused.
pub(super) struct Rejection {
    /// Its line in the file.
    pub(super) line: u64,
    /// The stable code.
    pub(super) code: String,
    /// In words.
    pub(super) detail: String,
}

/// The answer to a bulk request.
#[derive(Deserialize)]
pub(super) struct Answer {
    revision: Option<u64>,
    results: Vec<ItemResult>,
}

#[derive(Deserialize)]
struct ItemResult {
    index: usize,
    status: String,
    code: Option<String>,
    detail: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<FieldError>,
    index: Option<usize>,
}

#[derive(Deserialize)]
struct FieldError {
    pointer: String,
    detail: String,
}

/// Sorts the results by what became of each line.
pub(super) fn outcome(answer: Answer, lines: &[Line]) -> Result<Outcome, Failure> {
    if answer.results.len() != lines.len() {
        let (results, items) = (answer.results.len(), lines.len());
        let text = format!("the service answered {results} results for {items} items");
        return Err(Failure::new(text));
    }
    let mut outcome = Outcome {
        items: Tally::default(),
        transactions: Tally::default(),
        revision: answer.revision,
        rejections: Vec::new(),
    };
    for result in answer.results {
        let line = lines.get(result.index);
        outcome.items.count(&result.status);
        if line.is_some_and(|line| line.is_transaction) {
            outcome.transactions.count(&result.status);
        }
        if !matches!(&*result.status, "applied" | "replayed") {
            outcome.rejections.push(Rejection {
                line: line.map(|line| line.number).unwrap_or_default(),
                code: result.code.unwrap_or(result.status),
                detail: result.detail.unwrap_or_default(),
            });
        }
    }
    Ok(outcome)
}

/// A definite no to the whole request, in one line that names the line of the file it is about.
pub(super) async fn refused(what: &str, response: Response, lines: &[Line]) -> Failure {
    let status = response.status();
    match response.json::<Problem>().await {
        Ok(problem) => Failure::new(format!("{what} was refused: {}", words(problem, lines))),
        Err(_not_a_problem) => Failure::new(format!("{what} was refused: {status}")),
    }
}

fn words(problem: Problem, lines: &[Line]) -> String {
    let line = |index: usize| {
        lines
            .get(index)
            .map(|line| format!("line {}: ", line.number))
    };
    let mut text = problem.index.and_then(line).unwrap_or_default();
    text.push_str(&problem.code);
    match (problem.errors.first(), problem.detail) {
        (Some(error), _) => {
            // A pointer into the request: the item's index, then the place in the item.
            let (index, place) = split_pointer(&error.pointer);
            let line = index.and_then(line).unwrap_or_default();
            text.push_str(&format!(", {line}{place}: {}", error.detail));
        }
        (None, Some(detail)) => text.push_str(&format!(": {detail}")),
        (None, None) => {}
    }
    text
}

fn split_pointer(pointer: &str) -> (Option<usize>, &str) {
    let rest = pointer.strip_prefix('/').unwrap_or(pointer);
    let (first, place) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match first.parse() {
        Ok(index) => (Some(index), place),
        Err(_not_an_index) => (None, pointer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64, is_transaction: bool) -> Line {
        Line {
            number,
            is_transaction,
        }
    }

    #[test]
    fn results_are_counted_and_rejections_kept() {
        let answer = r#"{"revision": 7, "results": [
            {"index": 0, "status": "applied", "id": "x", "revision": 6},
            {"index": 1, "status": "rejected", "code": "unbalanced", "detail": "no"},
            {"index": 2, "status": "replayed", "id": "y", "revision": 3}]}"#;
        let answer: Answer = serde_json::from_str(answer).unwrap();
        let lines = [line(5, false), line(6, true), line(9, true)];
        let outcome = outcome(answer, &lines).unwrap();
        let items = "applied 1, replayed 1, rejected 1";
        let transactions = "applied 0, replayed 1, rejected 1";
        assert_eq!(outcome.items.to_string(), items);
        assert_eq!(outcome.transactions.to_string(), transactions);
        assert_eq!(outcome.revision, Some(7));
        assert_eq!(outcome.rejections.len(), 1);
        assert_eq!(
            (outcome.rejections[0].line, &*outcome.rejections[0].code),
            (6, "unbalanced")
        );
    }

    #[test]
    fn an_answer_for_another_number_of_items_is_refused() {
        let answer = Answer {
            revision: None,
            results: Vec::new(),
        };
        assert!(outcome(answer, &[line(1, true)]).is_err());
    }

    #[test]
    fn a_refused_request_names_the_line_of_the_file() {
        let problem = r#"{"code": "validation", "detail": "many", "errors": [
            {"pointer": "/1/data/entries", "detail": "too few"}]}"#;
        let problem: Problem = serde_json::from_str(problem).unwrap();
        assert_eq!(
            words(problem, &[line(7, true), line(8, true)]),
            "validation, line 8: /data/entries: too few"
        );
        let problem: Problem =
            serde_json::from_str(r#"{"code": "forbidden", "detail": "no"}"#).unwrap();
        assert_eq!(
            words(problem, &[line(7, true), line(8, true)]),
            "forbidden: no"
        );
    }
}
