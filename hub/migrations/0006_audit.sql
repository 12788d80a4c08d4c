-- Who did what, when, and how it was before and after. Only appended to.

-- One row per change, numbered without gaps. Each carries the hash of the one before, so that none can be changed,
-- removed or moved without all later ones showing it. Never personal data in clear.
CREATE TABLE audit_entry (
    seq BIGINT PRIMARY KEY,
    happened_at BIGINT NOT NULL,
    -- `user:anna`, `token:erp`, `cli:root` …
    actor TEXT NOT NULL,
    -- What was done, dotted: `stations.revoke`.
    action TEXT NOT NULL,
    -- To what: `station`, `pack-07`.
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    -- JSON texts; NULL where there is nothing to say.
    before_state TEXT,
    after_state TEXT,
    -- What the person gave as the reason.
    reason TEXT,
    prev_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    -- Over the hash, with a key that is not in the database; `key_id` names the hub key it comes from.
    mac BYTEA NOT NULL,
    key_id TEXT NOT NULL
);

CREATE INDEX audit_entry_by_time ON audit_entry (happened_at, seq);
CREATE INDEX audit_entry_by_actor ON audit_entry (actor, happened_at, seq);
CREATE INDEX audit_entry_by_action ON audit_entry (action, happened_at, seq);
CREATE INDEX audit_entry_by_subject ON audit_entry (subject_kind, subject_id, happened_at, seq);

-- The end of the chain. Whoever adds to it holds this row until the commit, so that several hubs write one chain.
CREATE TABLE audit_head (
    only_row BIGINT PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL
);

-- Ends of the chain that the hub has signed. The newest one also stands in a file beside the hub's key.
CREATE TABLE audit_seal (
    seq BIGINT PRIMARY KEY,
    hash BYTEA NOT NULL,
    sealed_at BIGINT NOT NULL,
    key_id TEXT NOT NULL,
    signature BYTEA NOT NULL
);
