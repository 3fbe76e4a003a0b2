//! Bulk bodies: a JSON array, or one item per line, parsed whole before anything is decided.

use daybook_domain::Command;
use daybook_events::access::Permission;
use daybook_events::event::MetadataOf;
use daybook_events::ids::IdempotencyKey;
use daybook_platform::problem::FieldError;
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::amount::WireId;
use super::json;
use super::request::{Request, Scope};

/// The most items of one body.
pub(crate) const ITEMS_MAX: usize = 10_000;

/// How the items stand in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One JSON array.
    Array,
    /// One JSON object per line; empty lines are skipped and not counted.
    Lines,
}

/// One item.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) request: Request,
    /// Its own key.
    pub(crate) key: Option<IdempotencyKey>,
    /// What its caller must be allowed to do.
    pub(crate) permission: Permission,
}

/// Reads the whole body.
pub(crate) fn read(scope: Scope<'_>, form: Form, text: &str) -> Result<Vec<Item>, FieldError> {
    let raw = match form {
        Form::Array => json::read::<Raws<'_>>(text)?.0,
        Form::Lines => lines(text)?,
    };
    if raw.is_empty() {
        return Err(FieldError {
            pointer: String::new(),
            detail: "the body has no items".to_owned(),
        });
    }
    raw.into_iter()
        .enumerate()
        .map(|(index, text)| {
            read_item(scope, text).map_err(|error| FieldError {
                pointer: format!("/{index}{}", error.pointer),
                detail: error.detail,
            })
        })
        .collect()
}

fn lines(text: &str) -> Result<Vec<&str>, FieldError> {
    let mut items = Vec::new();
    for line in text.split('\n') {
        let line = line.trim_matches([' ', '\t', '\r']);
        if line.is_empty() {
            continue;
        }
        if items.len() >= ITEMS_MAX {
            return Err(FieldError {
                pointer: format!("/{ITEMS_MAX}"),
                detail: TOO_MANY.to_owned(),
            });
        }
        items.push(line);
    }
    Ok(items)
}

const TOO_MANY: &str = "a bulk request has at most 10,000 items";

struct Raws<'a>(Vec<&'a str>);

impl<'de: 'a, 'a> Deserialize<'de> for Raws<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Items;
        impl<'de> Visitor<'de> for Items {
            type Value = Vec<&'de str>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an array of items")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                use serde::de::Error as _;
                let mut items = Vec::new();
                while let Some(item) = seq.next_element::<&'de RawValue>()? {
                    if items.len() >= ITEMS_MAX {
                        return Err(A::Error::custom(TOO_MANY));
                    }
                    items.push(item.get());
                }
                Ok(items)
            }
        }
        d.deserialize_seq(Items).map(Raws)
    }
}

/// Whether an object has a field `action`; without one it is itself a transaction body.
struct HasAction(bool);

impl<'de> Deserialize<'de> for HasAction {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = HasAction;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HasAction, A::Error> {
                #[derive(Deserialize)]
                struct Key<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);
                let mut found = false;
                while let Some((key, IgnoredAny)) = map.next_entry::<Key<'de>, IgnoredAny>()? {
                    found |= key.0 == "action";
                }
                Ok(HasAction(found))
            }
        }
        d.deserialize_map(Keys)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemBody<'a> {
    action: String,
    idempotency_key: Option<IdempotencyKey>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    transaction: Option<WireId>,
}

/// What an item asks for: each stands for a route, whose body its data is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Transaction,
    Post,
    Void,
    Reverse,
    Account,
    Metadata,
}

const ACTIONS: &[(&str, Action)] = &[
    ("transaction", Action::Transaction),
    ("post", Action::Post),
    ("void", Action::Void),
    ("reverse", Action::Reverse),
    ("account", Action::Account),
    ("metadata", Action::Metadata),
];

impl Action {
    fn parse(text: &str) -> Result<Self, FieldError> {
        let known = ACTIONS.iter().find(|(name, _)| *name == text);
        known.map(|(_, action)| *action).ok_or_else(|| {
            let names: Vec<&str> = ACTIONS.iter().map(|(name, _)| *name).collect();
            wrong("/action", format!("expected one of {}", names.join(", ")))
        })
    }

    /// Whether every member of its data may be left out, and so the data itself.
    const fn takes_no_data(self) -> bool {
        match self {
            Self::Post | Self::Void => true,
            Self::Transaction | Self::Reverse | Self::Account | Self::Metadata => false,
        }
    }
}

fn read_item(scope: Scope<'_>, text: &str) -> Result<Item, FieldError> {
    let HasAction(has_action) = json::read(text)?;
    if !has_action {
        let request = scope.post_transaction(text)?;
        return Ok(Item {
            permission: permission(&request.command),
            request,
            key: None,
        });
    }
    let body: ItemBody<'_> = json::read_object(text)?;
    let name = body.action.as_str();
    let action = Action::parse(name)?;
    let data = match body.data {
        Some(data) => data.get(),
        None if action.takes_no_data() => "{}",
        None => {
            let detail = format!("action {name} needs data, the body of its route");
            return Err(wrong("/data", detail));
        }
    };
    let request = read_data(scope, action, name, body.transaction, data)?;
    Ok(Item {
        permission: permission(&request.command),
        request,
        key: body.idempotency_key,
    })
}

fn read_data(
    scope: Scope<'_>,
    action: Action,
    name: &str,
    target: Option<WireId>,
    data: &str,
) -> Result<Request, FieldError> {
    let request = match (action, target) {
        (Action::Post, Some(hold)) => scope.capture(hold.0, data),
        (Action::Void, Some(hold)) => scope.void(hold.0, data),
        (Action::Reverse, Some(target)) => scope.reverse(target.0, data),
        (Action::Post | Action::Void | Action::Reverse, None) => {
            let detail = format!("action {name} names the transaction that it is about");
            return Err(wrong("/transaction", detail));
        }
        (Action::Transaction, None) => scope.post_transaction(data),
        (Action::Account, None) => scope.open_account(data),
        (Action::Metadata, None) => scope.metadata_of(data),
        (Action::Transaction | Action::Account | Action::Metadata, Some(_)) => {
            let detail = format!("action {name} names no transaction beside its data");
            return Err(wrong("/transaction", detail));
        }
    };
    request.map_err(|error| FieldError {
        pointer: format!("/data{}", error.pointer),
        detail: error.detail,
    })
}

/// What the caller of an item must be allowed to do: what the routes of the same commands ask for.
fn permission(command: &Command) -> Permission {
    match command {
        Command::OpenLedger(_) | Command::UpdateLedger(_) | Command::RegisterAsset(_) => {
            Permission::LedgersManage
        }
        Command::OpenAccount(_) | Command::UpdateAccount(_) | Command::ChangeAccountStatus(_) => {
            Permission::AccountsManage
        }
        Command::PostTransaction(_)
        | Command::PlaceHold(_)
        | Command::Capture(_)
        | Command::Void(_) => Permission::TransactionsWrite,
        Command::Reverse(_) => Permission::TransactionsReverse,
        Command::SetMetadata(set) => match set.of {
            MetadataOf::Account(_) => Permission::AccountsManage,
            MetadataOf::Transaction(_) => Permission::TransactionsWrite,
        },
        Command::ClosePeriod(_) | Command::ReopenPeriod(_) => Permission::PeriodsManage,
    }
}

fn wrong(pointer: &str, detail: String) -> FieldError {
    FieldError {
        pointer: pointer.to_owned(),
        detail,
    }
}
