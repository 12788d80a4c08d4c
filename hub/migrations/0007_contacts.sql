-- Who gets an order. Name, phone and address are sealed with a key that is not in the database.

-- For each of the three: the sealed text; its weight (the version that told it, far below zero when it came masked, so
-- that a masked text never takes the place of a clear one); and a keyed number that settles which of two texts of the
-- same version stays. The keys are keyed numbers too, for exact search; masked texts have none.
CREATE TABLE order_contact (
    order_id BIGINT PRIMARY KEY REFERENCES orders (id) ON DELETE CASCADE,
    name BYTEA,
    name_weight BIGINT NOT NULL,
    name_tie BIGINT NOT NULL,
    name_key BIGINT,
    phone BYTEA,
    phone_weight BIGINT NOT NULL,
    phone_tie BIGINT NOT NULL,
    phone_key BIGINT,
    -- Of the last four digits.
    tail_key BIGINT,
    address BYTEA,
    address_weight BIGINT NOT NULL,
    address_tie BIGINT NOT NULL,
    -- When a message last told any of it.
    told_at BIGINT NOT NULL,
    -- When it was erased; then it stays empty.
    erased_at BIGINT
);

CREATE INDEX order_contact_by_name ON order_contact (name_key) WHERE name_key IS NOT NULL;
CREATE INDEX order_contact_by_phone ON order_contact (phone_key) WHERE phone_key IS NOT NULL;
CREATE INDEX order_contact_by_tail ON order_contact (tail_key) WHERE tail_key IS NOT NULL;
CREATE INDEX order_contact_by_age ON order_contact (told_at, order_id) WHERE erased_at IS NULL;

-- Who sees an order's contact in clear, and until when. Each has an entry in the audit log.
CREATE TABLE contact_reveal (
    order_id BIGINT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    actor TEXT NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (order_id, actor)
);

CREATE INDEX contact_reveal_by_end ON contact_reveal (until);

-- The data keys that anything here was ever sealed with: a hub that lacks one of them must not start.
CREATE TABLE data_key (
    key_id TEXT PRIMARY KEY,
    first_seen BIGINT NOT NULL
);
