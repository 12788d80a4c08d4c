-- Who may do what: roles are sets of rights, and every account has one role.

CREATE TABLE role (
    name TEXT PRIMARY KEY,
    title_zh TEXT NOT NULL,
    title_en TEXT NOT NULL,
    -- 1: one of the roles that the program brings. Its rights can be changed, but it cannot be removed.
    built_in BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);

CREATE TABLE role_right (
    role TEXT NOT NULL REFERENCES role (name) ON DELETE CASCADE,
    right_name TEXT NOT NULL,
    PRIMARY KEY (role, right_name)
);

-- Rights that the program has already dealt out to its own roles: what somebody took away stays away.
CREATE TABLE right_dealt (
    right_name TEXT PRIMARY KEY
);

-- One row. Whoever changes people or roles moves it first, so that such changes come one after the other, and every hub
-- sees at the next request that what it remembers is old.
CREATE TABLE people_revision (
    id BIGINT PRIMARY KEY,
    revision BIGINT NOT NULL
);

INSERT INTO people_revision (id, revision) VALUES (1, 1);

ALTER TABLE account ADD COLUMN role TEXT NOT NULL DEFAULT 'boss';
-- The last log-in.
ALTER TABLE account ADD COLUMN seen_at BIGINT;
-- Set: the account is shut.
ALTER TABLE account ADD COLUMN disabled_at BIGINT;

CREATE INDEX account_by_role ON account (role);
-- 1: whoever logs in has to choose a name and a password of their own first. A hash that no password fits (`!`): the
-- account waits for its invitation to be taken up, or logs in elsewhere.
ALTER TABLE account ADD COLUMN must_set_up BIGINT NOT NULL DEFAULT 0;

-- 1: whoever has the role needs a second step to log in.
ALTER TABLE role ADD COLUMN needs_second BIGINT NOT NULL DEFAULT 0;

-- What the session was begun with: browser and system, in fixed words.
ALTER TABLE session ADD COLUMN device TEXT NOT NULL DEFAULT '';
-- 1: begun on a page; 0: over the API.
ALTER TABLE session ADD COLUMN by_page BIGINT NOT NULL DEFAULT 0;
-- 1: the second step was done.
ALTER TABLE session ADD COLUMN second_done BIGINT NOT NULL DEFAULT 0;

-- A one-time link with which somebody chooses the password of their account: when it is new, or was reset.
CREATE TABLE invitation (
    token_hash BYTEA PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    made_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX invitation_of_account ON invitation (account);

-- Tokens of programs, by hash. What one may do is what it was given, as far as its owner may do it.
CREATE TABLE api_token (
    token_hash BYTEA PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    rights TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE INDEX api_token_of_account ON api_token (account);

-- The secret of the second step, sealed. Codes up to `last_step` were used.
CREATE TABLE second_step (
    account TEXT PRIMARY KEY REFERENCES account (name) ON DELETE CASCADE,
    secret BYTEA NOT NULL,
    made_at BIGINT NOT NULL,
    confirmed_at BIGINT,
    last_step BIGINT NOT NULL
);

-- Codes for whoever lost the device of the second step, each good once.
CREATE TABLE recovery_code (
    account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    code_hash BYTEA NOT NULL,
    PRIMARY KEY (account, code_hash)
);
