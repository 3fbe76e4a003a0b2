//! Bulk bodies: a JSON array, or one item per line, parsed whole before anything is decided.

use daybook_events::access::Permission;
use daybook_events::ids::{IdempotencyKey, LedgerId};
use daybook_platform::problem::FieldError;
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::amount::WireId;
use super::json;
use super::request::{self, Request};

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
pub(crate) fn read(ledger: &LedgerId, form: Form, text: &str) -> Result<Vec<Item>, FieldError> {
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
            read_item(ledger, text).map_err(|error| FieldError {
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

/// The actions of this build.
const ACTIONS: &str = "transaction, reverse, account";

fn read_item(ledger: &LedgerId, text: &str) -> Result<Item, FieldError> {
    let HasAction(has_action) = json::read(text)?;
    if !has_action {
        return Ok(Item {
            request: request::post_transaction(ledger, text)?,
            key: None,
            permission: Permission::TransactionsWrite,
        });
    }
    let body: ItemBody<'_> = json::read_object(text)?;
    let action = body.action.as_str();
    if !matches!(action, "transaction" | "reverse" | "account") {
        return Err(FieldError {
            pointer: "/action".to_owned(),
            detail: format!("unknown action; this build knows {ACTIONS}"),
        });
    }
    let Some(data) = body.data else {
        return Err(FieldError {
            pointer: "/data".to_owned(),
            detail: format!("action {action} needs data, the body of its route"),
        });
    };
    let (request, permission) = match (action, body.transaction) {
        ("reverse", Some(target)) => (
            request::reverse(ledger, target.0, data.get()),
            Permission::TransactionsReverse,
        ),
        ("reverse", None) => {
            return Err(FieldError {
                pointer: "/transaction".to_owned(),
                detail: "action reverse names the transaction to reverse".to_owned(),
            });
        }
        (_, Some(_)) => {
            return Err(FieldError {
                pointer: "/transaction".to_owned(),
                detail: format!("action {action} names no transaction"),
            });
        }
        ("account", None) => (
            request::open_account(ledger, data.get()),
            Permission::AccountsManage,
        ),
        (_, None) => (
            request::post_transaction(ledger, data.get()),
            Permission::TransactionsWrite,
        ),
    };
    let request = request.map_err(|error| FieldError {
        pointer: format!("/data{}", error.pointer),
        detail: error.detail,
    })?;
    Ok(Item {
        request,
        key: body.idempotency_key,
        permission,
    })
}
