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
-- Set: the account is shut.
ALTER TABLE account ADD COLUMN disabled_at BIGINT;

CREATE INDEX account_by_role ON account (role);
