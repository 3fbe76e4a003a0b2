//! Why a subcommand could not do its work, as one line for people.

use std::error::Error;
use std::fmt;

use daybook_platform::BoxError;

/// What a subcommand ends with when it cannot do its work.
#[derive(Debug)]
pub struct Failure(BoxError);

impl Failure {
    /// A failure that needs no more words than these.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }
}

impl<E> From<E> for Failure
where
    E: Into<BoxError>,
{
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&chain(&*self.0))
    }
}

/// An error with everything beneath it, on one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    for cause in std::iter::successors(error.source(), |&cause| cause.source()) {
        let text = cause.to_string();
        // Some libraries repeat their cause in their own text.
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
    }
    line.replace('\n', " | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_failure_is_one_line_with_its_causes() {
        let failure = Failure::from(Outer(std::io::Error::other("inner\nsecond")));
        assert_eq!(failure.to_string(), "outer: inner | second");
    }
}
