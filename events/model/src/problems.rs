//! Problem codes (section 1 of the API): status, stable code and title, each explained in
//! `docs/errors.md`. Codes are never renamed.

/// One kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: &'static str,
    /// A short sentence for people, the same for every occurrence.
    pub title: &'static str,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = ($status:literal, $code:literal, $title:literal)),+ $(,)?) => {
        $($(#[$doc])* pub const $name: Problem = Problem { status: $status, code: $code, title: $title };)+
        /// Every problem this build can answer.
        pub const ALL: &[Problem] = &[$($name),+];
    };
}

problems! {
    /// The request is not valid.
    VALIDATION = (400, "validation", "The request is not valid"),
    /// An idempotency key is required.
    IDEMPOTENCY_REQUIRED = (400, "idempotency_required", "An idempotency key is required"),
    /// Authentication is required.
    UNAUTHENTICATED = (401, "unauthenticated", "Authentication is required"),
    /// Permission is lacking.
    FORBIDDEN = (403, "forbidden", "Permission is lacking"),
    /// There is nothing at this address.
    NOT_FOUND = (404, "not_found", "There is nothing at this address"),
    /// The ledger was not found.
    LEDGER_NOT_FOUND = (404, "ledger_not_found", "The ledger was not found"),
    /// The account was not found.
    ACCOUNT_NOT_FOUND = (404, "account_not_found", "The account was not found"),
    /// The transaction was not found.
    TRANSACTION_NOT_FOUND = (404, "transaction_not_found", "The transaction was not found"),
    /// The method is not allowed here.
    METHOD_NOT_ALLOWED = (405, "method_not_allowed", "The method is not allowed here"),
    /// The body came too slowly.
    REQUEST_TIMEOUT = (408, "request_timeout", "The body came too slowly"),
    /// It exists already.
    ALREADY_EXISTS = (409, "already_exists", "It exists already"),
    /// The reference is taken.
    REFERENCE_CONFLICT = (409, "reference_conflict", "The reference is taken"),
    /// The transaction was reversed already.
    ALREADY_REVERSED = (409, "already_reversed", "The transaction was reversed already"),
    /// The hold has ended already.
    ALREADY_SETTLED = (409, "already_settled", "The hold has ended already"),
    /// The transaction is not a hold.
    NOT_A_HOLD = (409, "not_a_hold", "The transaction is not a hold"),
    /// The transaction is not posted.
    NOT_POSTED = (409, "not_posted", "The transaction is not posted"),
    /// The ledger has moved on.
    REVISION_CONFLICT = (412, "revision_conflict", "The ledger has moved on"),
    /// The body is too large.
    TOO_LARGE = (413, "too_large", "The body is too large"),
    /// The batch is more than the store takes in one append.
    BATCH_TOO_LARGE = (413, "batch_too_large", "The batch is more than the store takes in one append"),
    /// The media type is not supported.
    MEDIA_TYPE = (415, "media_type", "The media type is not supported"),
    /// Debits and credits differ.
    UNBALANCED = (422, "unbalanced", "Debits and credits differ"),
    /// The request names an unknown account.
    UNKNOWN_ACCOUNT = (422, "account_not_found", "The request names an unknown account"),
    /// The asset is unknown.
    ASSET_UNKNOWN = (422, "asset_unknown", "The asset is unknown"),
    /// The account does not hold this asset.
    ASSET_NOT_ALLOWED = (422, "asset_not_allowed", "The account does not hold this asset"),
    /// The account is frozen.
    ACCOUNT_FROZEN = (422, "account_frozen", "The account is frozen"),
    /// The account is closed.
    ACCOUNT_CLOSED = (422, "account_closed", "The account is closed"),
    /// The account is not empty.
    ACCOUNT_NOT_EMPTY = (422, "account_not_empty", "The account is not empty"),
    /// The period is closed.
    PERIOD_CLOSED = (422, "period_closed", "The period is closed"),
    /// The available balance does not suffice.
    INSUFFICIENT_FUNDS = (422, "insufficient_funds", "The available balance does not suffice"),
    /// The balance would exceed its limit.
    LIMIT_EXCEEDED = (422, "limit_exceeded", "The balance would exceed its limit"),
    /// A condition does not hold.
    CONDITION_FAILED = (422, "condition_failed", "A condition does not hold"),
    /// The hold has expired.
    HOLD_EXPIRED = (422, "hold_expired", "The hold has expired"),
    /// The capture exceeds its hold.
    CAPTURE_EXCEEDS_HOLD = (422, "capture_exceeds_hold", "The capture exceeds its hold"),
    /// The request does not fit the ledger's state.
    UNFIT = (422, "validation", "The request does not fit the ledger's state"),
    /// The balance would be beyond 10^36.
    OVERFLOW = (422, "overflow", "The balance would be beyond 10^36"),
    /// The key was used for another request.
    IDEMPOTENCY_CONFLICT = (422, "idempotency_conflict", "The key was used for another request"),
    /// Too many requests.
    RATE_LIMITED = (429, "rate_limited", "Too many requests"),
    /// Something went wrong on our side.
    INTERNAL = (500, "internal", "Something went wrong on our side"),
    /// The service is overloaded.
    OVERLOADED = (503, "overloaded", "The service is overloaded"),
    /// The view has not reached the revision yet.
    VIEW_BEHIND = (503, "view_behind", "The view has not reached the revision yet"),
    /// The event store is unavailable.
    STORE_UNAVAILABLE = (503, "store_unavailable", "The event store is unavailable"),
}

/// The problem of a status and code, as a recorded refusal names it.
pub fn find(status: u16, code: &str) -> Option<Problem> {
    ALL.iter()
        .copied()
        .find(|known| known.status == status && known.code == code)
}
