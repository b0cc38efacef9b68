-- What a person looks at who runs a registry: the audit log's tallies, who
-- works, and how the storage is and was.

-- count: of how many events an entry tells. tally: what they have in common,
-- where it goes on being counted up (pulls of a day, failures of a minute).
ALTER TABLE audit ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
ALTER TABLE audit ADD COLUMN tally TEXT;
CREATE UNIQUE INDEX audit_tallies ON audit (tally) WHERE tally IS NOT NULL;
CREATE INDEX pulls_by_day ON pulls (day);

-- The uploaders that run. beat_at: when each last said so.
CREATE TABLE uploaders (
    owner      TEXT    PRIMARY KEY,
    started_at INTEGER NOT NULL,
    beat_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What an uploader last saw of the storage: one row. capacity_… are NULL where
-- the server does not tell.
CREATE TABLE storage_seen (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    at             INTEGER NOT NULL,
    latency_us     INTEGER NOT NULL, -- of one small request
    host_key       TEXT,             -- its fingerprint
    extensions     TEXT    NOT NULL, -- JSON: their names
    capacity_total INTEGER,
    capacity_free  INTEGER
) STRICT;

-- One row a day (of UTC), written again until the day is over.
CREATE TABLE storage_days (
    day            INTEGER PRIMARY KEY, -- days since 1970
    at             INTEGER NOT NULL,
    stored_bytes   INTEGER NOT NULL,    -- each blob once
    logical_bytes  INTEGER NOT NULL,    -- counted in each repository
    blobs          INTEGER NOT NULL,
    capacity_total INTEGER,
    capacity_free  INTEGER
) STRICT;
