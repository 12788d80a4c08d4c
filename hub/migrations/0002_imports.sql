-- Files that were taken in, how far each got, and what was wrong in it. The files themselves are not kept.

CREATE TABLE import_job (
    id BIGINT PRIMARY KEY,
    file_name TEXT NOT NULL,
    -- BLAKE3 of the whole content, in hexadecimal digits.
    content_hash TEXT NOT NULL,
    -- csv or json; NULL until it was looked into.
    format TEXT,
    -- JSON: what was asked for with the file.
    options TEXT NOT NULL,
    -- JSON: which column says what, and which were ignored.
    columns_found TEXT,
    actor TEXT NOT NULL,
    -- queued, running, done, failed
    status TEXT NOT NULL,
    -- Why it failed as a whole.
    failure TEXT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    -- When it last made progress.
    touched_at BIGINT NOT NULL,
    finished_at BIGINT,
    bytes_total BIGINT NOT NULL,
    bytes_read BIGINT NOT NULL,
    rows_read BIGINT NOT NULL,
    orders_read BIGINT NOT NULL,
    orders_created BIGINT NOT NULL,
    orders_changed BIGINT NOT NULL,
    orders_unchanged BIGINT NOT NULL,
    -- Orders that were not taken.
    orders_refused BIGINT NOT NULL,
    -- Entries of import_error, also of those that were not kept.
    problems BIGINT NOT NULL
);

CREATE INDEX import_job_by_time ON import_job (created_at, id);
CREATE INDEX import_job_by_content ON import_job (content_hash);
CREATE INDEX import_job_by_status ON import_job (status, id);

CREATE TABLE import_error (
    job_id BIGINT NOT NULL REFERENCES import_job (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    -- The line of a CSV row or the number of a JSON order, from 1; 0 for the file as a whole.
    row_number BIGINT NOT NULL,
    order_no TEXT,
    column_name TEXT,
    given TEXT,
    message TEXT NOT NULL,
    -- 1 when the order was taken all the same.
    is_note BIGINT NOT NULL,
    PRIMARY KEY (job_id, place)
);
