-- The order master and what hangs on it.
--
-- Times are milliseconds since 1970 UTC, flags are 0 or 1, words are those of the API. The `version` of a fact is the
-- time at which its source says it came to be; facts without one count from when they were received.

-- Numbers for new rows, taken in blocks.
CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    next_value BIGINT NOT NULL
);

CREATE TABLE orders (
    id BIGINT PRIMARY KEY,
    platform TEXT NOT NULL,
    origin_no TEXT NOT NULL,
    -- The order number as scanners and searches compare it, and its last four characters.
    order_code TEXT NOT NULL,
    code_tail TEXT NOT NULL,
    shop TEXT,
    -- Where it ships from: the site of its first parcel; and the site that its source gave.
    site TEXT NOT NULL,
    own_site TEXT,
    status TEXT NOT NULL,
    refund TEXT NOT NULL,
    amount_minor BIGINT,
    currency TEXT,
    created_at BIGINT NOT NULL,
    -- The time as the source wrote it.
    created_text TEXT,
    paid_at BIGINT,
    paid_text TEXT,
    must_not_ship BIGINT NOT NULL,
    approval TEXT NOT NULL,
    hold TEXT NOT NULL,
    address TEXT NOT NULL,
    -- The worst of its gift lines; `none` without gifts.
    gift_status TEXT NOT NULL,
    -- A JSON list of words.
    tags TEXT NOT NULL,
    -- Listed parcels, and pieces of goods, for lists.
    parcel_count BIGINT NOT NULL,
    piece_count BIGINT NOT NULL,
    -- JSON: which source version said what, so that the order of arrival does not matter.
    claims TEXT NOT NULL,
    -- Moves by one with each write: two writers never both win.
    revision BIGINT NOT NULL,
    -- When it was first received, and when it last changed here.
    received_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (platform, origin_no)
);

CREATE INDEX orders_by_time ON orders (created_at, id);
CREATE INDEX orders_by_status ON orders (status, created_at, id);
CREATE INDEX orders_by_platform ON orders (platform, created_at, id);
CREATE INDEX orders_by_platform_status ON orders (platform, status, created_at, id);
CREATE INDEX orders_by_site ON orders (site, created_at, id);
CREATE INDEX orders_by_site_status ON orders (site, status, created_at, id);
CREATE INDEX orders_by_code ON orders (order_code);
CREATE INDEX orders_by_tail ON orders (code_tail);

CREATE TABLE order_line (
    order_id BIGINT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    sku TEXT NOT NULL,
    title TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    refunded BIGINT NOT NULL,
    PRIMARY KEY (order_id, place)
);

CREATE TABLE gift_line (
    order_id BIGINT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    sku TEXT NOT NULL,
    title TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    cancelled BIGINT NOT NULL,
    -- The article that may be issued in its place, by decision.
    substitute_sku TEXT,
    -- A code of the parcel that carries it; NULL is the first one.
    parcel_ref TEXT,
    -- Derived from the stock-out record, never typed.
    issued BIGINT NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (order_id, place)
);

CREATE TABLE parcel (
    id BIGINT PRIMARY KEY,
    order_id BIGINT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    -- What tells it apart within its order: its number at the source, else its waybill, else `#1`, `#2` …
    parcel_key TEXT NOT NULL,
    place BIGINT NOT NULL,
    -- Whether the newest list of parcels has it; one that has fallen out is void.
    listed BIGINT NOT NULL,
    status TEXT NOT NULL,
    site TEXT NOT NULL,
    -- The site that the source gave for this parcel itself.
    own_site TEXT,
    courier TEXT,
    waiting BIGINT NOT NULL,
    -- JSON list of [sku, pieces]; NULL when the source does not say what is inside.
    contents TEXT,
    -- The newest version that described it.
    version BIGINT NOT NULL,
    -- When its label was printed by its source, and the first version that told it with a waybill.
    printed_at BIGINT,
    labelled_at BIGINT,
    released_station TEXT,
    released_at BIGINT,
    -- When there was nothing left to do with it.
    closed_at BIGINT,
    -- Whether stations are told of it: open, or closed not long ago.
    on_stations BIGINT NOT NULL,
    UNIQUE (order_id, parcel_key)
);

CREATE INDEX parcel_by_age ON parcel (on_stations, closed_at);
CREATE INDEX parcel_by_site ON parcel (site, on_stations, id);

CREATE TABLE parcel_code (
    parcel_id BIGINT NOT NULL REFERENCES parcel (id) ON DELETE CASCADE,
    code TEXT NOT NULL,
    code_tail TEXT NOT NULL,
    -- waybill, wms
    role TEXT NOT NULL,
    -- 0 when a newer parcel of the same order has the code.
    held BIGINT NOT NULL,
    PRIMARY KEY (parcel_id, code)
);

CREATE INDEX parcel_code_by_code ON parcel_code (code);
CREATE INDEX parcel_code_by_tail ON parcel_code (code_tail);

-- What the WMS says it picked.
CREATE TABLE stock_out (
    order_id BIGINT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    -- A code of the parcel; empty for the whole order.
    parcel_ref TEXT NOT NULL,
    sku TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    PRIMARY KEY (order_id, parcel_ref, sku)
);

-- Everything that happened to an order. Only appended to.
CREATE TABLE order_event (
    id BIGINT PRIMARY KEY,
    order_id BIGINT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    happened_at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    -- Where it came from, for example `import:17 row 4`.
    source TEXT NOT NULL,
    -- The version that the source gave.
    version BIGINT,
    -- JSON: what changed, without personal data.
    detail TEXT NOT NULL
);

CREATE INDEX order_event_by_order ON order_event (order_id, id);
