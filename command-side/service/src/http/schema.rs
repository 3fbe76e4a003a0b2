//! The OpenAPI description of the command side: request shapes as clients write them. These types
//! are documentation only; what is read is in `wire`.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::{IntoParams, OpenApi, ToSchema};

/// The OpenAPI document of the command side's routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(
    paths(
        super::handlers::open_ledger,
        super::handlers::register_asset,
        super::handlers::open_account,
        super::handlers::post_transaction,
        super::handlers::reverse,
        super::bulk::bulk,
    ),
    components(schemas(super::bulk::BulkCounts)),
    tags((name = "commands", description = "What changes a ledger. 2xx means durable; 4xx means \
        nothing was written; after 5xx repeat with the same key and be told."))
)]
struct Document;

macro_rules! documented {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $type:ty,)+ })+) => {
        $(
            $(#[$doc])*
            #[derive(Serialize, ToSchema)]
            pub(super) struct $name { $($(#[$field_doc])* pub(super) $field: $type,)+ }
        )+
    };
}

documented! {
    /// A ledger to open.
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

    /// An asset to register; ISO 4217 needs none.
    NewAsset {
        /// `[A-Z][A-Z0-9]{0,15}`.
        asset: String,
        /// Decimal digits of its minor unit, 0 to 30.
        scale: u8,
        /// A name for people.
        name: Option<String>,
    }

    /// An account to open.
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
    NewLimit {
        /// `available` must not fall below it.
        min_available: Option<String>,
        /// `posted` plus pending increases must not exceed it.
        max_balance: Option<String>,
    }

    /// A transaction to post: either `entries` or `postings`.
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
        /// `posted`.
        status: Option<String>,
        /// Another transaction of the ledger.
        related_to: Option<String>,
        /// 2 to 1,000 entries, balanced per asset.
        entries: Option<Vec<NewEntry>>,
        /// One debit and one credit entry each.
        postings: Option<Vec<NewPosting>>,
        /// At most 50 string pairs. No personal data.
        metadata: Option<BTreeMap<String, String>>,
    }

    /// One debit or credit.
    NewEntry {
        /// The account.
        account: String,
        /// `debit` or `credit`.
        direction: String,
        /// Minor units, a string of digits or a whole number up to 2^53−1; 1 to 10^30.
        amount: String,
        /// The asset.
        asset: String,
        /// For people. No personal data.
        description: Option<String>,
        /// At most 50 string pairs. No personal data.
        metadata: Option<BTreeMap<String, String>>,
    }

    /// A simple move.
    NewPosting {
        /// The account to debit.
        debit: String,
        /// The account to credit.
        credit: String,
        /// Minor units.
        amount: String,
        /// The asset.
        asset: String,
    }

    /// A reversal: mirrors every entry of the transaction that the path names.
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

    /// An item of a bulk request. One without `action` is itself a transaction.
    BulkItem {
        /// `transaction`, `reverse` or `account`.
        action: String,
        /// Its key; without a key and an id it gets `<header key>#<index>`.
        idempotency_key: Option<String>,
        /// The transaction to reverse.
        transaction: Option<String>,
        /// The body of the route that the action names.
        #[schema(value_type = Object)]
        data: NewTransaction,
    }

    /// RFC 9457.
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

/// The key header.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header; nothing is ever made of it")]
pub(super) struct IdempotencyKeyHeader {
    /// At most 255 printable ASCII characters. Every command that moves money needs it, or a
    /// client-made id.
    #[param(rename = "Idempotency-Key")]
    idempotency_key: Option<String>,
}

/// The precondition header.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header; nothing is ever made of it")]
pub(super) struct IfMatchHeader {
    /// The ledger revision, or an `ETag`, that must still hold.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}
