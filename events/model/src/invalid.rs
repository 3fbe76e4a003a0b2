//! What a value says when it refuses to be made from the given text.

/// A value that does not follow its grammar or its bounds. `what` names the kind of value, `why`
/// says in words for the person who sent it what is wrong and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what}: {why}")]
pub struct Invalid {
    /// The kind of value, for example `account id`.
    pub what: &'static str,
    /// What is wrong and what would be right.
    pub why: String,
}

impl Invalid {
    /// Makes the error.
    pub fn new(what: &'static str, why: impl Into<String>) -> Self {
        Self {
            what,
            why: why.into(),
        }
    }
}
