-- What running the hub leaves behind: backups and restores, settings of the whole hub, answers that programs may ask
-- for again.

CREATE TABLE backup_run (
    id BIGINT PRIMARY KEY,
    -- The day for which it was due; NULL when somebody asked for it. Two hubs never both make one.
    due TEXT UNIQUE,
    actor TEXT NOT NULL,
    -- running, done, failed
    status TEXT NOT NULL,
    target TEXT NOT NULL,
    -- Whether the file is on another machine than the database, or is copied there: then stations may forget what is
    -- in it.
    off_machine BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT,
    bytes BIGINT,
    content_hash TEXT,
    failure TEXT
);
CREATE INDEX backup_run_by_time ON backup_run (started_at, id);
CREATE INDEX backup_run_by_status ON backup_run (status, started_at, id);

-- How far a journal's records are in a verified backup that survives this machine: stations may forget those.
ALTER TABLE ingest_position ADD COLUMN safe_upto BIGINT NOT NULL DEFAULT 0;

-- The restore that this database came from. While `pending` is 1 it is not finished, and no hub works on it before.
CREATE TABLE restored (
    only_row BIGINT PRIMARY KEY,
    restored_at BIGINT NOT NULL,
    backup_at BIGINT NOT NULL,
    content_hash TEXT NOT NULL,
    pending BIGINT NOT NULL
);

-- Settings of the whole hub that are not as they come. `content` is JSON.
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    content TEXT NOT NULL,
    changed_at BIGINT NOT NULL
);

-- Every change of a setting, also of a site's. Only appended to.
CREATE TABLE setting_change (
    id BIGINT PRIMARY KEY,
    -- hub, or site:NAME
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    before_content TEXT NOT NULL,
    after_content TEXT NOT NULL
);
CREATE INDEX setting_change_of_scope ON setting_change (scope, id);

-- Answers to requests that came with an idempotency key, so that a repeat gets the same. The key is kept as a hash
-- together with who sent it and where.
CREATE TABLE idempotent_answer (
    key_hash TEXT PRIMARY KEY,
    request_hash TEXT NOT NULL,
    -- NULL while the first request is being worked on.
    status BIGINT,
    content_type TEXT,
    location TEXT,
    body BYTEA,
    created_at BIGINT NOT NULL
);
CREATE INDEX idempotent_answer_by_time ON idempotent_answer (created_at);
