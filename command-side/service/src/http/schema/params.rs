//! Parameters: what paths, queries and headers take.

use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

macro_rules! parameters {
    ($($(#[$doc:meta])* $name:ident in $place:ident {
        $($(#[$field_doc:meta])* $field:ident : $type:ty,)+
    })+) => {
        $(
            #[derive(IntoParams)]
            #[into_params(parameter_in = $place)]
            #[expect(dead_code, reason = "describes parameters; nothing is ever made of it")]
            $(#[$doc])*
            pub(in crate::http) struct $name { $($(#[$field_doc])* $field: $type,)+ }
        )+
    };
}

parameters! {
    /// A ledger.
    LedgerPath in Path {
        /// The ledger.
        #[param(example = "acme")]
        ledger: String,
    }

    /// An account of a ledger.
    AccountPath in Path {
        /// The ledger.
        #[param(example = "acme")]
        ledger: String,
        /// The account.
        #[param(example = "users:123:wallet")]
        account: String,
    }

    /// A transaction of a ledger.
    TransactionPath in Path {
        /// The ledger.
        #[param(example = "acme")]
        ledger: String,
        /// The transaction, posted or hold.
        #[param(example = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f")]
        id: String,
    }

    /// A dry run.
    DryRun in Query {
        /// `true`: judge it, answer in full, and write nothing. Keys are ignored.
        dry_run: Option<bool>,
    }

    /// A refusal to keep.
    Recording in Query {
        /// `true`: a rule's refusal is recorded, and the same key is refused for ever, so that a
        /// late duplicate cannot succeed after a decline was shown. Needs a key or an id.
        record_rejection: Option<bool>,
    }

    /// The key.
    Key in Header {
        /// At most 255 printable ASCII characters. Every command that moves money needs it, or a
        /// client-made id; every other command may have it. A repetition gets the first answer.
        #[param(rename = "Idempotency-Key", example = "order-1001")]
        idempotency_key: Option<String>,
    }

    /// The precondition.
    Precondition in Header {
        /// The ledger revision, or an `ETag`, that must still hold; else `revision_conflict`.
        #[param(rename = "If-Match", example = "\"42\"")]
        if_match: Option<String>,
    }
}

/// What every command to a ledger takes.
pub(in crate::http) struct Write;

impl IntoParams for Write {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut params = Recording::into_params(&place);
        params.extend(Key::into_params(&place));
        params.extend(Precondition::into_params(&place));
        params
    }
}
