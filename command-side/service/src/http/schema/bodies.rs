//! Request bodies as clients write them, and problems. These types are documentation only; what is
//! read is in `wire`.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{Object, ObjectBuilder, OneOfBuilder, Ref, Schema, Type};

use crate::http::results::{BulkCounts, BulkResult};

macro_rules! documented {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $type:ty,)+ })+) => {
        $(
            #[derive(Serialize, ToSchema)]
            $(#[$doc])*
            pub(in crate::http) struct $name { $($(#[$field_doc])* pub(in crate::http) $field: $type,)+ }
        )+
    };
}

documented! {
    /// A ledger to open.
    #[schema(example = json!({"ledger": "acme", "name": "Acme", "time_zone": "Europe/Prague"}))]
    NewLedger {
        /// `[a-z0-9][a-z0-9_-]{0,62}`.
        ledger: String,
        /// A name for people.
        name: Option<String>,
        /// The zone whose days the ledger's dates are (IANA name), for ever; UTC by default.
        time_zone: Option<String>,
        /// At most 50 string pairs.
        metadata: Option<BTreeMap<String, String>>,
    }

    /// What of a ledger is to be changed: what is absent stays, null deletes.
    #[schema(example = json!({"name": "Acme Ltd", "metadata": {"team": "payments", "old": null}}))]
    LedgerPatch {
        /// A name for people.
        name: Option<String>,
        /// Pairs to set, or null to delete one; null instead of an object deletes all.
        metadata: Option<BTreeMap<String, Option<String>>>,
    }

    /// An asset to register; ISO 4217 needs none.
    #[schema(example = json!({"asset": "POINTS", "scale": 0}))]
    NewAsset {
        /// `[A-Z][A-Z0-9]{0,15}`.
        asset: String,
        /// Decimal digits of its minor unit, 0 to 30.
        scale: u8,
        /// A name for people.
        name: Option<String>,
    }

    /// An account to open.
    #[schema(example = json!({"account": "users:123:wallet", "type": "liability",
        "limits": {"*": {"min_available": "0"}}}))]
    NewAccount {
        /// Segments joined by `:`, such as `users:123:wallet`.
        account: String,
        /// `asset`, `liability`, `equity`, `income` or `expense`.
        r#type: String,
        /// `debit` or `credit`; the type's own by default.
        normal_balance: Option<String>,
        /// A name for people.
        name: Option<String>,
        /// The only assets that it may hold; any by default.
        assets: Option<Vec<String>>,
        /// Limits by asset, `*` for assets not named.
        limits: Option<BTreeMap<String, NewLimit>>,
        /// At most 50 string pairs.
        metadata: Option<BTreeMap<String, String>>,
    }

    /// The bounds of one balance, in minor units.
    #[schema(example = json!({"min_available": "0"}))]
    NewLimit {
        /// `available` must not fall below it.
        min_available: Option<MinorUnits>,
        /// `posted` plus pending increases must not exceed it.
        max_balance: Option<MinorUnits>,
    }

    /// What of an account is to be changed: what is absent stays, null deletes.
    #[schema(example = json!({"limits": {"USD": {"min_available": "-50000", "max_balance": null}},
        "reason": "credit line"}))]
    AccountPatch {
        /// A name for people.
        name: Option<String>,
        /// As the schema says.
        #[schema(schema_with = limits_patch)]
        limits: Option<BTreeMap<String, Option<NewLimit>>>,
        /// Pairs to set, or null to delete one; null instead of an object deletes all.
        metadata: Option<BTreeMap<String, Option<String>>>,
        /// Why; kept with the event.
        reason: Option<String>,
    }

    /// Why an account is frozen, unfrozen or closed.
    #[schema(example = json!({"reason": "card reported stolen"}))]
    StatusReason {
        /// Kept with the event. No personal data.
        reason: String,
    }

    /// A transaction to post or to hold: either `entries` or `postings`.
    #[serde(deny_unknown_fields)]
    NewTransaction {
        /// A client-made UUID; replaces an idempotency key.
        id: Option<String>,
        /// Unique per ledger for ever.
        reference: Option<String>,
        /// A short machine-readable label.
        code: Option<String>,
        /// For people. No personal data.
        description: Option<String>,
        /// A date or an RFC 3339 time; when it is recorded by default.
        effective_at: Option<String>,
        /// `posted` (default), or `pending`: a hold.
        status: Option<String>,
        /// Of a hold alone: from this RFC 3339 time on it is expired; it waits for ever by default.
        #[schema(format = DateTime)]
        expires_at: Option<String>,
        /// Another transaction of the ledger.
        related_to: Option<String>,
        /// 2 to 1,000 entries, balanced per asset.
        entries: Option<Vec<NewEntry>>,
        /// One debit and one credit entry each; more where a side is split.
        postings: Option<Vec<NewPosting>>,
        /// At most 50 string pairs. No personal data.
        metadata: Option<BTreeMap<String, String>>,
    }

    /// One debit or credit.
    #[schema(example = json!({"account": "users:123", "direction": "credit", "amount": "1050",
        "asset": "USD"}))]
    NewEntry {
        /// The account.
        account: String,
        /// `debit` or `credit`.
        direction: String,
        /// 1 to 10^30.
        amount: MinorUnits,
        /// The asset.
        asset: String,
        /// What must hold of the account's balance after the whole transaction.
        condition: Option<NewCondition>,
        /// For people. No personal data.
        description: Option<String>,
        /// At most 50 string pairs. No personal data.
        metadata: Option<BTreeMap<String, String>>,
    }

    /// What must hold of a balance, else `condition_failed`. At least one of the two.
    #[schema(example = json!({"available": {"gte": "0"}}))]
    NewCondition {
        /// Of what holds leave to spend.
        available: Option<NewComparison>,
        /// Of what was posted.
        posted: Option<NewComparison>,
    }

    /// Bounds in minor units; each that is given must hold. At least one of the three.
    NewComparison {
        /// At least.
        gte: Option<MinorUnits>,
        /// At most.
        lte: Option<MinorUnits>,
        /// Exactly.
        eq: Option<MinorUnits>,
    }

    /// A simple move. One of its sides may be split.
    #[schema(example = json!({"debit": "assets:bank", "credit": "users:123", "amount": "1050",
        "asset": "USD"}))]
    NewPosting {
        /// The account to debit, or a split.
        debit: NewSide,
        /// The account to credit, or a split.
        credit: NewSide,
        /// 1 to 10^30; given once, however many share it.
        amount: MinorUnits,
        /// The asset.
        asset: String,
    }

    /// A split: parts of the amount by largest remainder, so that they always add up.
    NewSplit {
        /// 2 to 999 shares; an account may stand twice.
        split: Vec<NewShare>,
    }

    /// One part of a split.
    #[schema(example = json!({"account": "income:fees", "ratio": "2.5"}))]
    NewShare {
        /// Who gets it.
        account: String,
        /// Its weight among the ratios.
        ratio: Weight,
    }

    /// What of a hold to capture; all that remains if neither `amount` nor `entries` is given.
    Capture {
        /// A client-made UUID for the capture; replaces an idempotency key.
        id: Option<String>,
        /// So much of both entries; only of a hold of two entries.
        amount: Option<MinorUnits>,
        /// Entries, each within what remains of its account, direction and asset.
        entries: Option<Vec<NewEntry>>,
        /// Whether the rest is released; true by default.
        r#final: Option<bool>,
        /// A date or an RFC 3339 time; when it is recorded by default.
        effective_at: Option<String>,
        /// Unique per ledger for ever.
        reference: Option<String>,
        /// At most 50 string pairs. No personal data.
        metadata: Option<BTreeMap<String, String>>,
    }

    /// Why a hold is given up.
    #[schema(example = json!({"reason": "order cancelled"}))]
    Voiding {
        /// Kept with the event. No personal data.
        reason: Option<String>,
    }

    /// What of a transaction's pairs is to be changed.
    #[schema(example = json!({"metadata": {"channel": "web", "draft": null}}))]
    MetadataPatch {
        /// Pairs to set, or null to delete one; null instead of an object deletes all.
        #[schema(required = true)]
        metadata: Option<BTreeMap<String, Option<String>>>,
    }

    /// Days to close.
    #[schema(example = json!({"through": "2026-11-30", "reason": "month end"}))]
    PeriodToClose {
        /// The last day to close, in the ledger's zone.
        #[schema(format = Date)]
        through: String,
        /// Kept with the event.
        reason: String,
    }

    /// Closed days to open again.
    #[schema(example = json!({"through": "2026-10-31", "reason": "a late invoice"}))]
    PeriodToReopen {
        /// The last day that stays closed; null if none does. It must be there.
        #[schema(required = true, format = Date)]
        through: Option<String>,
        /// Kept with the event.
        reason: String,
    }

    /// A reversal: mirrors every entry of the transaction that the path names.
    #[schema(example = json!({"reason": "posted twice"}))]
    NewReversal {
        /// A client-made UUID; replaces an idempotency key.
        id: Option<String>,
        /// A date or an RFC 3339 time; when it is recorded by default.
        effective_at: Option<String>,
        /// Unique per ledger for ever.
        reference: Option<String>,
        /// Why.
        reason: String,
        /// At most 50 string pairs. No personal data.
        metadata: Option<BTreeMap<String, String>>,
    }

    /// An item that says what it does.
    #[schema(example = json!({"action": "post", "idempotency_key": "shipment-1",
        "transaction": "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f", "data": {"amount": "400"}}))]
    #[serde(deny_unknown_fields)]
    BulkAction {
        /// `transaction`, `post`, `void`, `reverse`, `account` or `metadata`.
        action: String,
        /// Its key; without a key and an id it gets `<header key>#<index>`.
        idempotency_key: Option<String>,
        /// The target of `post`, `void` and `reverse`.
        transaction: Option<String>,
        /// The body of the route that the action names; `post` and `void` do without. For
        /// `metadata`: `{account, metadata}` or `{transaction, metadata}`.
        #[schema(value_type = Option<Object>)]
        data: Option<String>,
    }

    /// RFC 9457.
    #[schema(example = json!({"type": "/docs/errors.md#insufficient_funds",
        "title": "The available balance does not suffice", "status": 422,
        "code": "insufficient_funds",
        "detail": "users:1 would have -5 USD available, its minimum is 0",
        "request_id": "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f", "index": 0}))]
    ProblemBody {
        /// The URI of its page in the documentation.
        r#type: String,
        /// A short sentence, the same for every occurrence.
        title: String,
        /// The HTTP status.
        status: u16,
        /// The stable code.
        code: String,
        /// What happened this time.
        detail: String,
        /// The request's id.
        request_id: String,
        /// What is wrong with the request, with pointers.
        errors: Option<Vec<ProblemError>>,
        /// The entry or bulk item that is meant.
        index: Option<usize>,
    }

    /// One thing that is wrong with a request.
    ProblemError {
        /// A JSON pointer, or the name of a parameter or header.
        pointer: String,
        /// What is wrong there.
        detail: String,
    }
}

/// A map to what may be null, which cannot be derived where that has a schema of its own.
fn limits_patch() -> Object {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    let limit = Ref::from_schema_name("NewLimit");
    let limit = OneOfBuilder::new().item(null).item(limit).build();
    let what = "Limits by asset, `*` for assets not named; null deletes a bound, a limit, or all.";
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .additional_properties(Some(Schema::OneOf(limit)))
        .description(Some(what))
        .build()
}

macro_rules! one_of {
    ($($(#[$doc:meta])* $name:ident {
        $($(#[$variant_doc:meta])* $variant:ident($type:ty),)+
    })+) => {
        $(
            #[derive(Serialize, ToSchema)]
            #[serde(untagged)]
            #[expect(
                dead_code,
                reason = "describes what is read or written elsewhere; nothing is ever made of it"
            )]
            $(#[$doc])*
            pub(in crate::http) enum $name { $($(#[$variant_doc])* $variant($type),)+ }
        )+
    };
}

one_of! {
    /// An account, or a split.
    NewSide {
        /// The whole amount.
        Account(String),
        /// Parts of it.
        Split(NewSplit),
    }

    /// Minor units: a string of digits, or a whole number up to 2^53−1.
    #[schema(example = "1050")]
    MinorUnits {
        /// Of any size.
        Text(String),
        /// At most 2^53−1.
        Number(i64),
    }

    /// A decimal such as `97.5` as a string, or a whole number.
    #[schema(example = "97.5")]
    Weight {
        /// At most nine digits before the point and six after it.
        Text(String),
        /// A whole one.
        Number(u64),
    }

    /// An item of a bulk request: an action, or by itself a transaction.
    BulkItem {
        /// It has an `action`.
        Action(BulkAction),
        /// It has none.
        Transaction(NewTransaction),
    }

    /// One result per item; with `Prefer: return=minimal` counts and failures.
    BulkAnswer {
        /// Without the preference.
        Results(BulkResult),
        /// With it.
        Counts(BulkCounts),
    }
}
