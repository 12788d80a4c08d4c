-- What people work with: filters that are each served by an index, a text index, saved views, exports.

-- Whether a station ever stopped a parcel of the order: 0 or 1, noted when its record comes in.
ALTER TABLE orders ADD COLUMN stopped BIGINT NOT NULL DEFAULT 0;

-- A list follows one of these from its place on. Indexes over states that nearly no order is in leave out the usual one.
DROP INDEX orders_by_platform_status;
DROP INDEX orders_by_site_status;
CREATE INDEX orders_by_shop ON orders (shop, created_at, id);
CREATE INDEX orders_by_gifts ON orders (gift_status, created_at, id);
CREATE INDEX orders_by_hold ON orders (hold, created_at, id);
CREATE INDEX orders_by_refund ON orders (refund, created_at, id) WHERE refund <> 'none';
CREATE INDEX orders_by_address ON orders (address, created_at, id) WHERE address <> 'fine';
CREATE INDEX orders_by_approval ON orders (approval, created_at, id) WHERE approval <> 'not_needed';
CREATE INDEX orders_must_not_ship ON orders (created_at, id) WHERE must_not_ship = 1;
CREATE INDEX orders_stopped ON orders (created_at, id) WHERE stopped = 1;
CREATE INDEX orders_by_paid ON orders (paid_at, id);
CREATE INDEX orders_by_updated ON orders (updated_at, id);
CREATE INDEX orders_by_amount ON orders (amount_minor, id);

-- Each distinct text that orders have: shops, articles, labels. The id is a hash of kind and body.
CREATE TABLE search_text (
    id BIGINT PRIMARY KEY,
    -- shop, item (article number, a line break, title), tag, note
    kind TEXT NOT NULL,
    body TEXT NOT NULL
);

-- Which texts have these one or two characters in them, in the form in which searches compare.
CREATE TABLE search_gram (
    gram TEXT NOT NULL,
    text_id BIGINT NOT NULL,
    PRIMARY KEY (gram, text_id)
);

-- Which orders have which texts. `created_at` is that of the order, so that a list can follow one text in time.
CREATE TABLE order_text (
    order_id BIGINT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    text_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (order_id, text_id)
);
CREATE INDEX order_text_by_text ON order_text (text_id, created_at, order_id);

-- Lists that people keep: what is asked for, as the address of the page has it.
CREATE TABLE saved_view (
    id BIGINT PRIMARY KEY,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    -- 1 when everybody sees it.
    shared BIGINT NOT NULL,
    query TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (owner, name)
);
CREATE INDEX saved_view_shared ON saved_view (shared, id);

-- Lists that are written into files.
CREATE TABLE export_job (
    id BIGINT PRIMARY KEY,
    actor TEXT NOT NULL,
    -- csv, xlsx
    format TEXT NOT NULL,
    -- zh, en: the language of the headings.
    language TEXT NOT NULL,
    query TEXT NOT NULL,
    -- 1 when its asker may see money.
    with_money BIGINT NOT NULL,
    -- queued, running, done, failed, cancelled
    status TEXT NOT NULL,
    failure TEXT,
    rows_written BIGINT NOT NULL,
    -- How many there were at the begin; an estimate when there were many.
    rows_expected BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    touched_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX export_job_by_status ON export_job (status, id);
CREATE INDEX export_job_by_actor ON export_job (actor, id);
