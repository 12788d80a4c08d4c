-- What sync, scans and fleet keep. Portable: BIGINT (numbers, flags 0/1, milliseconds since 1970), TEXT, BYTEA.
-- Random 64-bit numbers (epochs, marks) are stored as the signed number with the same bits.

-- Sites, and how they work. `rules` is a published rule set's row; without one the built-in set holds.
CREATE TABLE site (
    site TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    green_deadline_ms BIGINT NOT NULL,
    journal_warn_percent BIGINT NOT NULL,
    rules BYTEA,
    created_at BIGINT NOT NULL
);

-- Stations. `secret_hash` opens the embedded broker, `mosquitto_hash` an outside one.
CREATE TABLE station (
    station TEXT PRIMARY KEY,
    site TEXT NOT NULL,
    status TEXT NOT NULL,
    public_key BYTEA,
    secret_hash TEXT,
    mosquitto_hash TEXT,
    created_at BIGINT NOT NULL,
    enrolled_at BIGINT,
    revoked_at BIGINT
);

-- One-time invitations. The token itself is never stored.
CREATE TABLE station_claim (
    token_hash TEXT PRIMARY KEY,
    station TEXT NOT NULL,
    site TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    public_key BYTEA,
    secret_hash TEXT
);

-- What was last known of a station, as JSON.
CREATE TABLE station_state (
    station TEXT PRIMARY KEY,
    seen_at BIGINT NOT NULL,
    state TEXT NOT NULL
);

-- Raised whenever stations or their credentials change, so that other processes look again.
CREATE TABLE fleet_version (
    only_row BIGINT PRIMARY KEY,
    version BIGINT NOT NULL
);
INSERT INTO fleet_version (only_row, version) VALUES (1, 1);

-- Each site's change log: where it stands, and which hub leads it.
CREATE TABLE replica_site (
    site TEXT PRIMARY KEY,
    epoch BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    floor_seq BIGINT NOT NULL,
    root BYTEA NOT NULL,
    live BIGINT NOT NULL,
    gone BIGINT NOT NULL,
    lease BIGINT NOT NULL,
    lease_owner TEXT NOT NULL,
    lease_until BIGINT NOT NULL
);

-- Each row of a site once, at its latest change; no body means that the row is gone.
CREATE TABLE replica_row (
    site TEXT NOT NULL,
    row_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    body BYTEA,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (site, row_id)
);
CREATE UNIQUE INDEX replica_row_by_seq ON replica_row (site, seq);
CREATE INDEX replica_row_gone ON replica_row (site, seq) WHERE body IS NULL;

CREATE TABLE replica_bucket (
    site TEXT NOT NULL,
    bucket BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (site, bucket)
);

-- Rows that may have changed and wait to be folded into the log. `mark` is random per transaction, so that writers
-- never wait for each other or for the fold.
CREATE TABLE replica_dirty (
    site TEXT NOT NULL,
    row_id BIGINT NOT NULL,
    mark BIGINT NOT NULL,
    PRIMARY KEY (site, row_id, mark)
);

-- Lives of a log that ended, and up to which change the next life kept them.
CREATE TABLE lineage (
    site TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (site, epoch)
);

-- How far the hub has each journal of each station. Without a link the next batch is believed.
CREATE TABLE ingest_position (
    station TEXT NOT NULL,
    station_epoch BIGINT NOT NULL,
    upto BIGINT NOT NULL,
    link BYTEA,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (station, station_epoch)
);

-- Records that a station no longer holds and the hub never kept, as after a restore from an old backup.
CREATE TABLE ingest_gap (
    station TEXT NOT NULL,
    station_epoch BIGINT NOT NULL,
    from_seq BIGINT NOT NULL,
    to_seq BIGINT NOT NULL,
    found_at BIGINT NOT NULL,
    PRIMARY KEY (station, station_epoch, from_seq)
);

-- What stations saw and said, once each. `body` is the record as the journal had it, `link` the chain after it; none
-- where a later life of the journal carried the record over. A withdrawn release was never shown at the station.
CREATE TABLE scan_record (
    id BIGINT PRIMARY KEY,
    station TEXT NOT NULL,
    station_epoch BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    site TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    wall BIGINT,
    wall_trusted BIGINT NOT NULL,
    kind TEXT NOT NULL,
    outcome TEXT,
    reason TEXT,
    code TEXT NOT NULL,
    scanner TEXT,
    parcel BIGINT,
    order_id BIGINT,
    is_repeat BIGINT NOT NULL,
    refused TEXT,
    -- How old the facts were that the answer rested on, in milliseconds.
    age_ms BIGINT,
    is_withdrawn BIGINT NOT NULL,
    link BYTEA,
    body BYTEA NOT NULL
);
CREATE UNIQUE INDEX scan_record_once ON scan_record (station, station_epoch, seq);
CREATE INDEX scan_record_of_parcel ON scan_record (parcel, id) WHERE parcel IS NOT NULL;
CREATE INDEX scan_record_of_station ON scan_record (station, id);
-- Most answers are releases, which need no index to be found; the few others do.
CREATE INDEX scan_record_held ON scan_record (outcome, id) WHERE outcome <> 'release';
CREATE INDEX scan_record_held_of_station ON scan_record (station, outcome, id) WHERE outcome <> 'release';

-- Withdrawals whose release did not come yet.
CREATE TABLE scan_withdrawal (
    station TEXT NOT NULL,
    station_epoch BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    boot BIGINT NOT NULL,
    found_at BIGINT NOT NULL,
    PRIMARY KEY (station, station_epoch, seq, boot)
);

-- Releases that do not fit together; one is resolved when a release that it rests on was withdrawn.
CREATE TABLE scan_conflict (
    id BIGINT PRIMARY KEY,
    kind TEXT NOT NULL,
    site TEXT NOT NULL,
    parcel BIGINT NOT NULL,
    order_id BIGINT,
    found_at BIGINT NOT NULL,
    station TEXT NOT NULL,
    station_epoch BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    released_at BIGINT NOT NULL,
    other_station TEXT,
    other_at BIGINT,
    reasons TEXT NOT NULL,
    fact_at BIGINT,
    age_ms BIGINT,
    replica_epoch BIGINT NOT NULL,
    replica_seq BIGINT NOT NULL,
    row_seq BIGINT,
    resolved_at BIGINT
);
CREATE INDEX scan_conflict_of_parcel ON scan_conflict (parcel, id);
