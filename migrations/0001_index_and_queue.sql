-- The index over the SFTP tree and the queue of what is to be done to it.
--
-- Times are milliseconds since 1970 (UTC), except run_after, lease_until,
-- next_probe_at, probe_until and full_until: those count since the boot whose
-- id stands beside them. Digests and names stand once; elsewhere are keys.
--
-- A wish is what a target's row wants: `wanted` (or tags.manifest_id) and the
-- generation at which it was wished. A job makes one wish true.

PRAGMA application_id = 0x52465459; -- "RFTY"

-- The last generation that was given out. It never falls behind the wall
-- clock, so that generations go on growing in a rebuilt database too.
CREATE TABLE generation (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    value INTEGER NOT NULL
) STRICT;
INSERT INTO generation VALUES (1, 0);

CREATE TABLE users (
    id                   INTEGER PRIMARY KEY,
    name                 TEXT    NOT NULL UNIQUE,
    password_hash        TEXT    NOT NULL,
    role                 TEXT    NOT NULL CHECK (role IN ('admin', 'user')),
    must_change_password INTEGER NOT NULL DEFAULT 0,
    created_at           INTEGER NOT NULL,
    password_changed_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    id         TEXT    PRIMARY KEY,
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_of_user ON sessions (user_id);

CREATE TABLE groups (
    id             INTEGER PRIMARY KEY,
    name           TEXT    NOT NULL UNIQUE,
    create_on_push INTEGER NOT NULL DEFAULT 1,
    wanted         INTEGER NOT NULL,
    generation     INTEGER NOT NULL,
    marked_at      INTEGER,
    created_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE repositories (
    id         INTEGER PRIMARY KEY,
    group_id   INTEGER NOT NULL REFERENCES groups (id),
    name       TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX repositories_of_group ON repositories (group_id);

-- One row for each digest; a manifest's bytes are a blob too.
CREATE TABLE blobs (
    id           INTEGER PRIMARY KEY,
    digest       TEXT    NOT NULL UNIQUE,
    size         INTEGER NOT NULL,
    wanted       INTEGER NOT NULL,
    generation   INTEGER NOT NULL,
    file         TEXT    UNIQUE, -- the spool's file, while it is there
    used_at      INTEGER NOT NULL,
    stored_at    INTEGER,        -- put at its final path by us
    confirmed_at INTEGER,        -- its size was last seen right on SFTP
    verified_at  INTEGER,        -- its hash was last read back from SFTP
    damaged      TEXT            -- why its bytes cannot be had any more
) STRICT;
CREATE INDEX blobs_in_spool ON blobs (used_at) WHERE file IS NOT NULL;

CREATE TABLE manifests (
    blob_id    INTEGER PRIMARY KEY REFERENCES blobs (id),
    media_type TEXT    NOT NULL,
    bytes      BLOB    NOT NULL
) STRICT;

-- What a manifest names and needs: blobs, and an index's manifests.
CREATE TABLE manifest_references (
    manifest_id INTEGER NOT NULL REFERENCES manifests (blob_id) ON DELETE CASCADE,
    blob_id     INTEGER NOT NULL REFERENCES blobs (id),
    is_manifest INTEGER NOT NULL,
    PRIMARY KEY (manifest_id, blob_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifests_that_name ON manifest_references (blob_id);

CREATE TABLE repository_blobs (
    id            INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    blob_id       INTEGER NOT NULL REFERENCES blobs (id),
    wanted        INTEGER NOT NULL,
    generation    INTEGER NOT NULL,
    linked_at     INTEGER,
    UNIQUE (repository_id, blob_id)
) STRICT;
CREATE INDEX repositories_of_blob ON repository_blobs (blob_id);

CREATE TABLE repository_manifests (
    id            INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    manifest_id   INTEGER NOT NULL REFERENCES manifests (blob_id),
    wanted        INTEGER NOT NULL,
    generation    INTEGER NOT NULL,
    published_at  INTEGER,
    pushed_at     INTEGER NOT NULL,
    pushed_by     INTEGER REFERENCES users (id) ON DELETE SET NULL,
    UNIQUE (repository_id, manifest_id)
) STRICT;
CREATE INDEX repositories_of_manifest ON repository_manifests (manifest_id);

-- manifest_id is where the tag should point; NULL: it should be gone.
CREATE TABLE tags (
    id                    INTEGER PRIMARY KEY,
    repository_id         INTEGER NOT NULL REFERENCES repositories (id),
    name                  TEXT    NOT NULL,
    manifest_id           INTEGER REFERENCES manifests (blob_id),
    generation            INTEGER NOT NULL,
    published_manifest_id INTEGER REFERENCES manifests (blob_id),
    pushed_at             INTEGER NOT NULL,
    pushed_by             INTEGER REFERENCES users (id) ON DELETE SET NULL,
    UNIQUE (repository_id, name)
) STRICT;
CREATE INDEX tags_listed ON tags (repository_id, name) WHERE manifest_id IS NOT NULL;
CREATE INDEX tags_of_manifest ON tags (manifest_id);

-- An upload session. The spool's file has the session's id as its name.
CREATE TABLE uploads (
    id         TEXT    PRIMARY KEY,
    repository TEXT    NOT NULL, -- a name: its repository may not exist yet
    offset     INTEGER NOT NULL,
    hash_state BLOB    NOT NULL,
    boot_id    TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('open', 'committed')),
    blob_id    INTEGER REFERENCES blobs (id), -- once committed
    user_id    INTEGER REFERENCES users (id) ON DELETE SET NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX uploads_by_age ON uploads (updated_at);

-- target is the key of the kind's own table: blobs, repository_blobs,
-- repository_manifests, tags, groups. A store_blob may start before its
-- digest is known: it has no target then, and the upload session instead.
CREATE TABLE jobs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    kind          TEXT    NOT NULL CHECK (kind IN
        ('store_blob', 'link_blob', 'publish_manifest', 'publish_tag', 'mark_group')),
    target        INTEGER,
    upload_id     TEXT    REFERENCES uploads (id) ON DELETE SET NULL,
    state         TEXT    NOT NULL CHECK (state IN
        ('waiting', 'pending', 'running', 'done', 'failed')),
    removes       INTEGER NOT NULL DEFAULT 0, -- it frees space on SFTP
    priority      INTEGER NOT NULL,           -- lower goes first
    run_after     INTEGER NOT NULL,
    lease         INTEGER NOT NULL DEFAULT 0, -- counts claims; fences writes
    owner         TEXT,
    lease_until   INTEGER,
    boot_id       TEXT    NOT NULL,           -- of run_after and lease_until
    look_again    INTEGER NOT NULL DEFAULT 0, -- its target, 5 minutes after
    attempt       INTEGER NOT NULL DEFAULT 0, -- failures since the wish
    bytes_done    INTEGER NOT NULL DEFAULT 0,
    bytes_total   INTEGER NOT NULL DEFAULT 0,
    error_code    TEXT,
    error_message TEXT,
    error_hint    TEXT,
    created_at    INTEGER NOT NULL,
    started_at    INTEGER,
    finished_at   INTEGER,
    CHECK (target IS NOT NULL OR (kind = 'store_blob' AND (upload_id IS NOT NULL OR state = 'done')))
) STRICT;
CREATE UNIQUE INDEX one_unfinished_job_each ON jobs (kind, target) WHERE state <> 'done';
CREATE INDEX jobs_to_claim ON jobs (priority, run_after, id) WHERE state IN ('pending', 'failed');
CREATE INDEX jobs_by_state ON jobs (state, id);
CREATE INDEX jobs_of_target ON jobs (kind, target);
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE state = 'done';
CREATE INDEX jobs_of_upload ON jobs (upload_id) WHERE upload_id IS NOT NULL;

-- job_id may not start before needs_id is done. Kept until the jobs go, since
-- what a person sees as one push is derived from it.
CREATE TABLE job_needs (
    job_id   INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    needs_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    PRIMARY KEY (job_id, needs_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_that_need ON job_needs (needs_id);

-- An intent (a file of the spool) is carried out when all its jobs are done.
CREATE TABLE intents (
    id     TEXT    NOT NULL,
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    PRIMARY KEY (id, job_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX intents_of_job ON intents (job_id);

CREATE TABLE storage_health (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    state         TEXT    NOT NULL CHECK (state IN ('unknown', 'up', 'down', 'needs_person')),
    code          TEXT,
    message       TEXT,
    hint          TEXT,
    since         INTEGER NOT NULL,
    checked_at    INTEGER,
    failures      INTEGER NOT NULL DEFAULT 0,
    next_probe_at INTEGER NOT NULL DEFAULT 0,
    prober        TEXT,
    probe_until   INTEGER NOT NULL DEFAULT 0,
    full_until    INTEGER NOT NULL DEFAULT 0, -- no space: nothing is stored before
    boot_id       TEXT    NOT NULL
) STRICT;
INSERT INTO storage_health (id, state, since, boot_id) VALUES (1, 'unknown', 0, '');
