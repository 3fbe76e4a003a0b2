//! What a client sends: a single command or many in one body.

use daybook_tests::model::request::{Asked, Command, Request};

/// One HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent {
    /// A command on its own route.
    Single(Box<Request>),
    /// Many on the bulk route.
    Bulk(Bulk),
}

/// A bulk request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bulk {
    /// All or nothing.
    pub(crate) atomic: bool,
    /// `Idempotency-Key` of the request.
    pub(crate) key: Option<String>,
    /// Whether counts and failures are enough.
    pub(crate) minimal: bool,
    /// One item per line instead of an array.
    pub(crate) lines: bool,
    /// The items.
    pub(crate) items: Vec<Item>,
}

/// An item. Its request's key is the one that counts, whoever named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// What it asks.
    pub(crate) request: Request,
    /// Whether the key stands on the item.
    pub(crate) own_key: bool,
}

/// A single command.
pub(crate) fn single(key: Option<String>, command: Command) -> Sent {
    Sent::Single(Box::new(request(key, command)))
}

/// A command with nothing special about it.
pub(crate) fn request(key: Option<String>, command: Command) -> Request {
    Request {
        key,
        if_match: None,
        dry_run: false,
        asked: Asked {
            command,
            record_rejection: false,
        },
    }
}

impl Sent {
    /// The commands in it.
    pub(crate) fn requests(&self) -> Vec<&Request> {
        match self {
            Self::Single(request) => vec![&**request],
            Self::Bulk(bulk) => bulk.items.iter().map(|item| &item.request).collect(),
        }
    }

    /// Asks for a revision.
    #[must_use]
    pub(crate) fn if_match(&self, revision: u64) -> Self {
        let mut sent = self.clone();
        match &mut sent {
            Self::Single(request) => request.if_match = Some(revision),
            Self::Bulk(bulk) => {
                for item in &mut bulk.items {
                    item.request.if_match = Some(revision);
                }
            }
        }
        sent
    }

    /// Whether it may be sent again without being done again.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.requests().iter().all(|request| {
            request.dry_run || request.key.is_some() || request.asked.command.id().is_some()
        })
    }
}
