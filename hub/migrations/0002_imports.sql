-- Files that were taken in, how far each got, and what was wrong in it.

CREATE TABLE import_job (
    id BIGINT PRIMARY KEY,
    file_name TEXT NOT NULL,
    -- BLAKE3 of the whole content, in hexadecimal digits: the same file again is recognised.
    content_hash TEXT NOT NULL,
    format TEXT NOT NULL,
    platform TEXT,
    site TEXT,
    actor TEXT NOT NULL,
    -- queued, running, done, failed
    status TEXT NOT NULL,
    -- Why it failed as a whole.
    failure TEXT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    bytes_total BIGINT NOT NULL,
    bytes_read BIGINT NOT NULL,
    rows_read BIGINT NOT NULL,
    orders_read BIGINT NOT NULL,
    orders_created BIGINT NOT NULL,
    orders_changed BIGINT NOT NULL,
    orders_unchanged BIGINT NOT NULL,
    errors BIGINT NOT NULL
);

CREATE INDEX import_job_by_time ON import_job (created_at, id);

CREATE TABLE import_error (
    job_id BIGINT NOT NULL REFERENCES import_job (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    -- The line of a CSV row or the number of a JSON order, from 1; 0 for the file as a whole.
    row_number BIGINT NOT NULL,
    column_name TEXT,
    given TEXT,
    message TEXT NOT NULL,
    PRIMARY KEY (job_id, place)
);
