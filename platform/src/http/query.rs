//! The query string, strictly: every parameter is asked for by its handler, or refused.

use actix_web::HttpRequest;

use crate::problem::{FieldError, Problem};

/// Most parameters of one request.
const PARAMETERS_MAX: usize = 100;

/// The parameters that nobody has asked for yet, decoded, in order.
#[derive(Debug, Clone, Default)]
pub struct Query {
    left: Vec<(String, String)>,
}

impl Query {
    /// What is left.
    #[cfg(test)]
    pub(super) fn left(self) -> Vec<(String, String)> {
        self.left
    }

    /// Decodes the query string; what is not UTF-8 or not percent-encoded rightly is refused.
    pub fn parse(req: &HttpRequest) -> Result<Self, Problem> {
        Self::parse_text(req.query_string())
    }

    fn parse_text(text: &str) -> Result<Self, Problem> {
        let mut left = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if left.len() == PARAMETERS_MAX {
                let detail = format!("at most {PARAMETERS_MAX} query parameters are taken");
                return Err(Problem::validation(detail));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let broken = || refuse(name, "not percent-encoded UTF-8");
            left.push((
                decode(name).ok_or_else(broken)?,
                decode(value).ok_or_else(broken)?,
            ));
        }
        Ok(Self { left })
    }

    /// The value of a parameter that may be given once.
    pub fn one(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut values = self.many(name);
        let value = values.pop();
        if values.is_empty() {
            Ok(value)
        } else {
            Err(refuse(name, "given more than once"))
        }
    }

    /// The values of a parameter that may be repeated, in order.
    pub fn many(&mut self, name: &str) -> Vec<String> {
        let taken = self.left.extract_if(.., |(given, _)| given == name);
        taken.map(|(_, value)| value).collect()
    }

    /// The keys and values of `name[key]=value`, in order.
    pub fn keyed(&mut self, name: &str) -> Vec<(String, String)> {
        let key = |given: &str| -> Option<String> {
            let rest = given.strip_prefix(name)?.strip_prefix('[')?;
            Some(rest.strip_suffix(']')?.to_owned())
        };
        let taken = self.left.extract_if(.., |(given, _)| key(given).is_some());
        taken
            .filter_map(|(given, value)| Some((key(&given)?, value)))
            .collect()
    }

    /// Refuses whatever was not asked for.
    pub fn finish(self) -> Result<(), Problem> {
        if self.left.is_empty() {
            return Ok(());
        }
        let unknown = |(name, _)| FieldError {
            pointer: name,
            detail: "this query parameter is not known here".to_owned(),
        };
        let errors: Vec<FieldError> = self.left.into_iter().map(unknown).collect();
        Err(Problem::validation("unknown query parameters").with_errors(errors))
    }
}

fn refuse(name: &str, detail: &str) -> Problem {
    let error = FieldError {
        pointer: name.to_owned(),
        detail: detail.to_owned(),
    };
    let detail = format!("a query parameter is not valid: {detail}");
    Problem::validation(detail).with_errors(vec![error])
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => nibble(rest.next()?)? << 4 | nibble(rest.next()?)?,
            plain => plain,
        });
    }
    String::from_utf8(bytes).ok()
}

fn nibble(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
