-- What is wanted outside, and how those outside do.

-- Effects: each wanted once by its key. `id` follows from the key and is what a receiver tells repeats by. `place` is
-- the order within a subject. `due_at` is the next try; while one runs, the end of its lease; `claim` is who has it.
CREATE TABLE effect (
    id TEXT PRIMARY KEY,
    effect_key TEXT NOT NULL,
    target TEXT NOT NULL,
    subject TEXT NOT NULL,
    place BIGINT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    claim BIGINT NOT NULL,
    wanted_at BIGINT NOT NULL,
    ended_at BIGINT,
    problem TEXT,
    UNIQUE (subject, place)
);
CREATE INDEX effect_due ON effect (target, state, due_at);
CREATE INDEX effect_by_state ON effect (state, wanted_at, id);
CREATE INDEX effect_of_target ON effect (target, wanted_at, id);
CREATE INDEX effect_failing ON effect (wanted_at, id) WHERE state = 'waiting' AND tries > 0;

-- Those outside: failures in a row, and until when nothing is sent. `revision` moves with each write.
CREATE TABLE effect_target (
    target TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    held_until BIGINT NOT NULL,
    paced_until BIGINT NOT NULL,
    revision BIGINT NOT NULL
);

-- Notices: what people are told. `window_key` counts the same thing within a while as one; a notice's number begins
-- with its time, so that later ones are higher.
CREATE TABLE notice (
    id BIGINT PRIMARY KEY,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    notice_key TEXT NOT NULL,
    site TEXT,
    about TEXT NOT NULL,
    detail TEXT NOT NULL,
    link TEXT,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    times BIGINT NOT NULL,
    state TEXT NOT NULL,
    noted_by TEXT,
    noted_at BIGINT
);
CREATE INDEX notice_by_kind ON notice (kind, state, notice_key);

CREATE TABLE notice_window (
    window_key TEXT PRIMARY KEY,
    notice BIGINT NOT NULL,
    until_at BIGINT NOT NULL
);
CREATE INDEX notice_window_by_end ON notice_window (until_at);

-- Whose bell has it, and who has read what. Everything up to `upto` counts as read.
CREATE TABLE notice_for (
    who TEXT NOT NULL,
    notice BIGINT NOT NULL,
    PRIMARY KEY (who, notice)
);
CREATE INDEX notice_for_notice ON notice_for (notice);
CREATE TABLE notice_read (
    reader TEXT NOT NULL,
    notice BIGINT NOT NULL,
    read_at BIGINT NOT NULL,
    PRIMARY KEY (reader, notice)
);
CREATE INDEX notice_read_notice ON notice_read (notice);
CREATE TABLE notice_reader (
    reader TEXT PRIMARY KEY,
    upto BIGINT NOT NULL
);

-- What is to be said later, to whom. `escalates`: only when nobody has taken note until then.
CREATE TABLE notice_send (
    notice BIGINT NOT NULL,
    goal TEXT NOT NULL,
    escalates BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (notice, goal, escalates)
);
CREATE INDEX notice_send_due ON notice_send (state, due_at);

-- Rules as JSON, and those who are told: `sealed` has URLs, secrets and passwords.
CREATE TABLE notice_rule (
    id BIGINT PRIMARY KEY,
    body TEXT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE TABLE notice_target (
    id BIGINT PRIMARY KEY,
    title TEXT NOT NULL,
    language TEXT NOT NULL,
    is_on BIGINT NOT NULL,
    kind TEXT NOT NULL,
    shown TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    revision BIGINT NOT NULL
);

-- What a new hub begins with: IT and the boss hear of what breaks, the warehouse and operations of what concerns
-- them. Numbers of further rules begin after these.
INSERT INTO counter (name, next_value) VALUES ('notice_rule', 10);
INSERT INTO notice_rule (id, body, revision) VALUES (1, '{"title":"IT","on":true,"kinds":[],"from":"warning","site":null,"goals":["role:it","role:boss"],"quiet":null,"awake_from":"critical","gather_minutes":0,"escalate_minutes":0,"escalate_to":[]}', 1);
INSERT INTO notice_rule (id, body, revision) VALUES (2, '{"title":"仓库 Warehouse","on":true,"kinds":["scan.conflict","station.lost","station.restored","station.clock","station.storage","station.fork"],"from":"info","site":null,"goals":["role:warehouse"],"quiet":null,"awake_from":"critical","gather_minutes":0,"escalate_minutes":0,"escalate_to":[]}', 1);
INSERT INTO notice_rule (id, body, revision) VALUES (3, '{"title":"运营 Operations","on":true,"kinds":["scan.conflict","import.failed"],"from":"info","site":null,"goals":["role:operations"],"quiet":null,"awake_from":"critical","gather_minutes":0,"escalate_minutes":0,"escalate_to":[]}', 1);

-- Webhooks: `sealed` has the URL and the secrets. Events as they are sent, and what came of each try.
CREATE TABLE webhook (
    id BIGINT PRIMARY KEY,
    title TEXT NOT NULL,
    host TEXT NOT NULL,
    kinds TEXT NOT NULL,
    state TEXT NOT NULL,
    failing_since BIGINT,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE webhook_event (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX webhook_event_by_time ON webhook_event (happened_at, id);
CREATE TABLE webhook_try (
    webhook BIGINT NOT NULL,
    tried_at BIGINT NOT NULL,
    event TEXT NOT NULL,
    tries BIGINT NOT NULL,
    kind TEXT NOT NULL,
    duration_ms BIGINT NOT NULL,
    status BIGINT,
    note TEXT NOT NULL,
    PRIMARY KEY (webhook, tried_at, event, tries)
);
