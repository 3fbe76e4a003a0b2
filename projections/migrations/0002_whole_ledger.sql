-- The whole ledger: holds, what accounts and transactions were before they changed, closed periods.
--
-- Everything is added, nothing is taken away: rows of before stay as they are and go on, and a
-- projector of the former build that still runs while this is applied fills what it knows.
-- The values of an account or transaction at an older revision are its last history row up to it;
-- without a history row it never changed. So what never changes costs nothing.

ALTER TABLE books_v1.accounts
    -- The revision that opened it; `revision` is that of its last account event. NULL: the same.
    ADD COLUMN opened_revision bigint;

-- What stood from a revision on. The first change of an account also writes the row of its opening.
CREATE TABLE books_v1.account_history (
    ledger   text COLLATE "C" NOT NULL,
    account  text COLLATE "C" NOT NULL,
    revision bigint           NOT NULL,
    name     text,
    status   text             NOT NULL,
    limits   jsonb            NOT NULL,
    metadata jsonb            NOT NULL,
    PRIMARY KEY (ledger, account, revision)
);

-- A hold is its own row; so is each capture of it. `status` is that of the recording, posted or
-- pending: what becomes of a hold is in its row of `holds`, so that its end leaves this one alone.
ALTER TABLE books_v1.transactions
    ADD COLUMN is_hold boolean NOT NULL DEFAULT false,
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN metadata_revision bigint; -- of the last change of the pairs; NULL: as recorded

-- What stood from a revision on. The first change also writes the row of the recording.
CREATE TABLE books_v1.transaction_history (
    ledger               text COLLATE "C" NOT NULL,
    transaction_revision bigint           NOT NULL, -- the revision that recorded the transaction
    revision             bigint           NOT NULL,
    metadata             jsonb            NOT NULL,
    PRIMARY KEY (ledger, transaction_revision, revision)
);

CREATE TABLE books_v1.holds (
    ledger         text COLLATE "C" NOT NULL,
    id             uuid             NOT NULL, -- the transaction's
    revision       bigint           NOT NULL, -- the revision that placed it
    status         text             NOT NULL, -- pending, posted (captured), voided or expired
    expires_at     timestamptz,
    -- [{account, direction, asset, amount}], once per account, direction and asset; what is gone
    -- is left out.
    remaining      jsonb            NOT NULL,
    ended_revision bigint,
    ended_at       timestamptz,
    ended_reason   text,
    outcome        text,                      -- captured, voided or expired; NULL: open
    released       json,                      -- the event's, byte for byte
    PRIMARY KEY (ledger, id)
) WITH (fillfactor = 80);
-- Lists by a status that only holds have read the holds alone: those that were open at a revision,
-- ended later or never; and those that ended in one way, newest first.
CREATE INDEX holds_open ON books_v1.holds
    (ledger, coalesce(ended_revision, 9223372036854775807));
CREATE INDEX holds_outcome ON books_v1.holds (ledger, outcome, revision);

-- Every change of a balance has a row here. 'posted': an entry of a posted transaction, captures
-- included, whose amounts leave the pending turnover at once; 'held': an entry of a hold;
-- 'released': what the end of a hold takes out of the pending turnover, `transaction_id` the hold's
-- and `entry` the index in what is released.
ALTER TABLE books_v1.entries
    ADD COLUMN kind text NOT NULL DEFAULT 'posted';

-- Columns may only be added at the end of a view, so that what reads it goes on.
CREATE OR REPLACE VIEW books.accounts AS
    SELECT ledger, account, type, normal_balance, name, status, assets, limits, metadata, opened_at,
           revision, coalesce(opened_revision, revision) AS opened_revision
    FROM books_v1.accounts;
CREATE OR REPLACE VIEW books.transactions AS
    SELECT t.ledger, t.revision, t.id,
           CASE WHEN t.status = 'pending' THEN coalesce(
                    (SELECT h.status FROM books_v1.holds h
                     WHERE h.ledger = t.ledger AND h.id = t.id), t.status)
                ELSE t.status END AS status,
           t.reference, t.code, t.description, t.effective_at, t.effective_date,
           t.effective_given, t.recorded_at, t.related_to, t.reverses, t.reversed_by, t.captures,
           t.reason, t.key, t.entries, t.metadata, t.is_hold, t.expires_at, t.metadata_revision
    FROM books_v1.transactions t;
-- As before, the entries of posted transactions; with `kind`, every change of a balance.
CREATE OR REPLACE VIEW books.entries AS
    SELECT ledger, account, revision, entry, transaction_id, asset, direction, amount,
           debits_after, credits_after, pending_debits_after, pending_credits_after, effective_at,
           effective_date, recorded_at, description, metadata
    FROM books_v1.entries WHERE kind = 'posted';
CREATE VIEW books.movements AS SELECT * FROM books_v1.entries;
CREATE VIEW books.account_history AS SELECT * FROM books_v1.account_history;
CREATE VIEW books.transaction_history AS SELECT * FROM books_v1.transaction_history;
CREATE VIEW books.holds AS SELECT * FROM books_v1.holds;
