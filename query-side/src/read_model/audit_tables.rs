//! The tables as the audit walks them: one cursor each, every value as text, in key order. Each
//! `FETCH` takes [`super::audit::FETCH`] rows.

/// A table as the audit walks it.
#[derive(Debug)]
pub(crate) struct Table {
    pub(super) declare: &'static str,
    pub(super) fetch: &'static str,
    /// The cells' names.
    pub(crate) columns: &'static [&'static str],
    pub(super) json: &'static [&'static str],
}

/// The ledgers of a view, one step of its index per ledger.
macro_rules! ledgers_of {
    ($view:literal) => {
        (
            $view,
            concat!(
                "WITH RECURSIVE l AS (SELECT min(ledger) AS ledger FROM books.",
                $view,
                " UNION ALL SELECT (SELECT min(ledger) FROM books.",
                $view,
                " WHERE ledger > l.ledger) FROM l WHERE l.ledger IS NOT NULL) \
                 SELECT ledger FROM l WHERE ledger IS NOT NULL"
            ),
        )
    };
}

/// For every view, the statement that gives its ledgers.
pub(super) const LEDGERS_BY_VIEW: &[(&str, &str)] = &[
    ledgers_of!("ledgers"),
    ledgers_of!("assets"),
    ledgers_of!("accounts"),
    ledgers_of!("account_history"),
    ledgers_of!("balances"),
    ledgers_of!("transactions"),
    ledgers_of!("transaction_history"),
    ledgers_of!("movements"),
    ledgers_of!("holds"),
];

/// Registered assets by code.
pub(crate) static ASSETS: Table = Table {
    declare: "DECLARE audit_assets NO SCROLL CURSOR FOR \
              SELECT 0::bigint AS key_revision, 0::bigint AS key_entry, asset AS key_first, \
                     '' AS key_second, scale::text, name, revision::text \
              FROM books.assets WHERE ledger = $1 ORDER BY asset",
    fetch: "FETCH FORWARD 1000 FROM audit_assets",
    columns: &["scale", "name", "revision"],
    json: &[],
};

/// Accounts by id.
pub(crate) static ACCOUNTS: Table = Table {
    declare: "DECLARE audit_accounts NO SCROLL CURSOR FOR \
              SELECT 0::bigint AS key_revision, 0::bigint AS key_entry, account AS key_first, \
                     '' AS key_second, type, normal_balance, name, status, \
                     to_json(assets)::text AS assets, limits::text, metadata::text, \
                     to_char(opened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') \
                         AS opened_at, \
                     revision::text, opened_revision::text \
              FROM books.accounts WHERE ledger = $1 ORDER BY account",
    fetch: "FETCH FORWARD 1000 FROM audit_accounts",
    columns: &[
        "type",
        "normal_balance",
        "name",
        "status",
        "assets",
        "limits",
        "metadata",
        "opened_at",
        "revision",
        "opened_revision",
    ],
    json: &["assets", "limits", "metadata"],
};

/// What stood of accounts, by the revision from which on it did.
pub(crate) static ACCOUNT_HISTORY: Table = Table {
    declare: "DECLARE audit_account_history NO SCROLL CURSOR FOR \
              SELECT revision AS key_revision, 0::bigint AS key_entry, account AS key_first, \
                     '' AS key_second, name, status, limits::text, metadata::text \
              FROM books.account_history WHERE ledger = $1 ORDER BY revision, account",
    fetch: "FETCH FORWARD 1000 FROM audit_account_history",
    columns: &["name", "status", "limits", "metadata"],
    json: &["limits", "metadata"],
};

/// Balances by account and asset.
pub(crate) static BALANCES: Table = Table {
    declare: "DECLARE audit_balances NO SCROLL CURSOR FOR \
              SELECT 0::bigint AS key_revision, 0::bigint AS key_entry, account AS key_first, \
                     asset AS key_second, debits::text, credits::text, \
                     pending_debits::text, pending_credits::text, revision::text \
              FROM books.balances WHERE ledger = $1 ORDER BY account, asset",
    fetch: "FETCH FORWARD 1000 FROM audit_balances",
    columns: &[
        "debits",
        "credits",
        "pending_debits",
        "pending_credits",
        "revision",
    ],
    json: &[],
};

/// Transactions by revision.
pub(crate) static TRANSACTIONS: Table = Table {
    declare: "DECLARE audit_transactions NO SCROLL CURSOR FOR \
              SELECT revision AS key_revision, 0::bigint AS key_entry, '' AS key_first, \
                     '' AS key_second, id::text, status, reference, code, description, \
                     to_char(effective_at AT TIME ZONE 'UTC', \
                             'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS effective_at, \
                     to_char(effective_date, 'YYYY-MM-DD') AS effective_date, effective_given, \
                     to_char(recorded_at AT TIME ZONE 'UTC', \
                             'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS recorded_at, \
                     related_to::text, reverses::text, reversed_by::text, captures::text, \
                     reason, key, is_hold::text, \
                     to_char(expires_at AT TIME ZONE 'UTC', \
                             'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS expires_at, \
                     entries::text, metadata::text, metadata_revision::text \
              FROM books.transactions WHERE ledger = $1 ORDER BY revision",
    fetch: "FETCH FORWARD 1000 FROM audit_transactions",
    columns: &[
        "id",
        "status",
        "reference",
        "code",
        "description",
        "effective_at",
        "effective_date",
        "effective_given",
        "recorded_at",
        "related_to",
        "reverses",
        "reversed_by",
        "captures",
        "reason",
        "key",
        "is_hold",
        "expires_at",
        "entries",
        "metadata",
        "metadata_revision",
    ],
    json: &["entries", "metadata"],
};

/// What stood of transactions' pairs, by transaction and the revision from which on it did.
pub(crate) static TRANSACTION_HISTORY: Table = Table {
    declare: "DECLARE audit_transaction_history NO SCROLL CURSOR FOR \
              SELECT transaction_revision AS key_revision, revision AS key_entry, \
                     '' AS key_first, '' AS key_second, metadata::text \
              FROM books.transaction_history WHERE ledger = $1 \
              ORDER BY transaction_revision, revision",
    fetch: "FETCH FORWARD 1000 FROM audit_transaction_history",
    columns: &["metadata"],
    json: &["metadata"],
};

/// Holds by the revision that placed them.
pub(crate) static HOLDS: Table = Table {
    declare: "DECLARE audit_holds NO SCROLL CURSOR FOR \
              SELECT revision AS key_revision, 0::bigint AS key_entry, '' AS key_first, \
                     '' AS key_second, id::text, \
                     to_char(expires_at AT TIME ZONE 'UTC', \
                             'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS expires_at, \
                     status, remaining::text, ended_revision::text, \
                     to_char(ended_at AT TIME ZONE 'UTC', \
                             'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS ended_at, \
                     ended_reason, outcome, released::text \
              FROM books.holds WHERE ledger = $1 ORDER BY revision, id",
    fetch: "FETCH FORWARD 1000 FROM audit_holds",
    columns: &[
        "id",
        "expires_at",
        "status",
        "remaining",
        "ended_revision",
        "ended_at",
        "ended_reason",
        "outcome",
        "released",
    ],
    json: &["remaining", "released"],
};

/// Entries of every kind in recorded order. The primary key begins with the account: Postgres sorts them once.
pub(crate) static ENTRIES: Table = Table {
    declare: "DECLARE audit_entries NO SCROLL CURSOR FOR \
              SELECT revision AS key_revision, entry::bigint AS key_entry, account AS key_first, \
                     '' AS key_second, kind, transaction_id::text, asset, \
                     direction, amount::text, debits_after::text, credits_after::text, \
                     pending_debits_after::text, pending_credits_after::text, \
                     to_char(effective_at AT TIME ZONE 'UTC', \
                             'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS effective_at, \
                     to_char(effective_date, 'YYYY-MM-DD') AS effective_date, \
                     to_char(recorded_at AT TIME ZONE 'UTC', \
                             'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS recorded_at, \
                     description, metadata::text \
              FROM books.movements WHERE ledger = $1 ORDER BY revision, entry, account",
    fetch: "FETCH FORWARD 1000 FROM audit_entries",
    columns: &[
        "kind",
        "transaction_id",
        "asset",
        "direction",
        "amount",
        "debits_after",
        "credits_after",
        "pending_debits_after",
        "pending_credits_after",
        "effective_at",
        "effective_date",
        "recorded_at",
        "description",
        "metadata",
    ],
    json: &["metadata"],
};
