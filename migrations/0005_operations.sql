-- Data for operators: the audit log and the storage.

-- Entries are only added, and kept for AUDIT_DAYS.
-- count: number of events in the entry.
-- tally: key for counting similar events in one entry (pulls of a day,
-- failures of a minute).
CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    actor      TEXT    NOT NULL, -- a name, which outlives the account
    credential TEXT    NOT NULL, -- password, session, token, none
    action     TEXT    NOT NULL,
    target     TEXT    NOT NULL, -- a repository with tag or digest, an account, …
    repository TEXT    NOT NULL DEFAULT '', -- the repository's name, if it concerns one
    address    TEXT    NOT NULL,
    refused    INTEGER NOT NULL DEFAULT FALSE,
    detail     TEXT,
    count      INTEGER NOT NULL DEFAULT 1,
    tally      TEXT
) STRICT;
CREATE INDEX audit_by_time ON audit (at, id);
CREATE INDEX audit_by_actor ON audit (actor, at, id);
CREATE INDEX audit_by_action ON audit (action, at, id);
CREATE INDEX audit_by_repository ON audit (repository, at, id) WHERE repository <> '';
CREATE UNIQUE INDEX audit_tallies ON audit (tally) WHERE tally IS NOT NULL;

-- The last state of the storage reported by an uploader, in one row.
-- capacity_…: NULL if the server does not report it.
CREATE TABLE storage_stats (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    at             INTEGER NOT NULL,
    latency_us     INTEGER NOT NULL, -- of one small request
    host_key       TEXT,             -- its fingerprint
    extensions     TEXT    NOT NULL, -- JSON: their names
    capacity_total INTEGER,
    capacity_free  INTEGER
) STRICT;

-- One row per day (UTC), updated until the day is over.
CREATE TABLE storage_days (
    day            INTEGER PRIMARY KEY, -- days since 1970
    at             INTEGER NOT NULL,
    stored_bytes   INTEGER NOT NULL,    -- each blob once
    logical_bytes  INTEGER NOT NULL,    -- counted in each repository
    blobs          INTEGER NOT NULL,
    capacity_total INTEGER,
    capacity_free  INTEGER
) STRICT;
