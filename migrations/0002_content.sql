-- The index over the SFTP tree: groups, repositories, blobs, manifests, tags.
--
-- The row of a target holds its desired state in `desired` (for a tag, in
-- `manifest_id`) and the generation in which it was set. Jobs reconcile SFTP
-- with the desired state.

-- The last generation issued. It is never behind the wall clock, so that
-- generations keep growing in a rebuilt database too.
CREATE TABLE generation (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    value INTEGER NOT NULL
) STRICT;
INSERT INTO generation (id, value) VALUES (1, 0);

-- Sums over all blobs and repositories, in one row, updated together with the
-- rows they sum up.
-- stored: bytes on SFTP, each blob once.
-- logical: each blob counted in every repository that has it.
-- pending: in the spool only.
-- cached: in the spool and on SFTP.
CREATE TABLE totals (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    stored_bytes  INTEGER NOT NULL DEFAULT 0,
    stored_blobs  INTEGER NOT NULL DEFAULT 0,
    logical_bytes INTEGER NOT NULL DEFAULT 0,
    pending_bytes INTEGER NOT NULL DEFAULT 0,
    cached_bytes  INTEGER NOT NULL DEFAULT 0,
    done_jobs     INTEGER NOT NULL DEFAULT 0  -- as far as the history goes back
) STRICT;
INSERT INTO totals (id) VALUES (1);

-- public: everyone may pull.
-- marked_at: when the marker was written to SFTP.
CREATE TABLE groups (
    id             INTEGER PRIMARY KEY,
    name           TEXT    NOT NULL UNIQUE,
    create_on_push INTEGER NOT NULL DEFAULT TRUE,
    public         INTEGER NOT NULL DEFAULT FALSE,
    desired        INTEGER NOT NULL,
    generation     INTEGER NOT NULL,
    marked_at      INTEGER,
    created_at     INTEGER NOT NULL
) STRICT;

-- removed_at: when the repository became invisible to clients. The row is
-- deleted when no other row refers to it.
-- folders_removed: no folder of the repository remains on SFTP.
-- tags: number of tags.
-- logical_bytes: all blobs and manifests of the repository, each once.
-- unique_bytes: those that no other repository has.
-- pulls: number of manifest pulls.
-- done_jobs: finished jobs that belong to this repository only.
CREATE TABLE repositories (
    id              INTEGER PRIMARY KEY,
    group_id        INTEGER NOT NULL REFERENCES groups (id),
    name            TEXT    NOT NULL UNIQUE,
    created_at      INTEGER NOT NULL,
    removed_at      INTEGER,
    folders_removed INTEGER NOT NULL DEFAULT FALSE,
    tags            INTEGER NOT NULL DEFAULT 0,
    logical_bytes   INTEGER NOT NULL DEFAULT 0,
    unique_bytes    INTEGER NOT NULL DEFAULT 0,
    last_push_at    INTEGER NOT NULL DEFAULT 0, -- 0: never
    pulls           INTEGER NOT NULL DEFAULT 0,
    done_jobs       INTEGER NOT NULL DEFAULT 0,
    removal_intent  TEXT,      -- not NULL: removed, contents not all marked yet
    removal_generation INTEGER
) STRICT;
CREATE UNIQUE INDEX repositories_being_removed ON repositories (removal_intent)
    WHERE removal_intent IS NOT NULL;
CREATE INDEX repositories_with_jobs ON repositories (group_id, name, done_jobs)
    WHERE done_jobs > 0;
-- A page can start anywhere in one of these indexes; rows with equal sort keys
-- are sorted by id. (removed_at makes some of the indexes covering.)
CREATE INDEX repositories_listed ON repositories (name, id, removed_at) WHERE removed_at IS NULL;
CREATE INDEX repositories_of_group ON repositories (group_id, name, id, removed_at)
    WHERE removed_at IS NULL;
CREATE INDEX repositories_in_group ON repositories (group_id);
CREATE INDEX repositories_by_push ON repositories (last_push_at) WHERE removed_at IS NULL;
CREATE INDEX repositories_by_size ON repositories (unique_bytes) WHERE removed_at IS NULL;
CREATE INDEX repositories_by_logical_size ON repositories (logical_bytes)
    WHERE removed_at IS NULL;
CREATE INDEX repositories_by_tags ON repositories (tags) WHERE removed_at IS NULL;
CREATE INDEX repositories_of_group_by_push ON repositories (group_id, last_push_at)
    WHERE removed_at IS NULL;
CREATE INDEX repositories_of_group_by_size ON repositories (group_id, unique_bytes)
    WHERE removed_at IS NULL;
CREATE INDEX repositories_of_group_by_tags ON repositories (group_id, tags)
    WHERE removed_at IS NULL;
CREATE INDEX repositories_removed ON repositories (id) WHERE removed_at IS NOT NULL;

-- One row per digest. The bytes of a manifest are a blob too.
CREATE TABLE blobs (
    id           INTEGER PRIMARY KEY,
    digest       TEXT    NOT NULL UNIQUE,
    size         INTEGER NOT NULL,
    desired      INTEGER NOT NULL,
    generation   INTEGER NOT NULL,
    file         TEXT,           -- the file in the spool, while there is one
    used_at      INTEGER NOT NULL,
    stored_at    INTEGER,        -- when we put it at its final path
    confirmed_at INTEGER,        -- when SFTP last reported its right size
    verified_at  INTEGER,        -- when its hash was last read back from SFTP
    damaged      TEXT            -- why its bytes can no longer be read
) STRICT;
-- Partial, since blobs without a file are never looked up by file.
CREATE UNIQUE INDEX blobs_by_file ON blobs (file) WHERE file IS NOT NULL;
CREATE INDEX blobs_in_spool ON blobs (used_at) WHERE file IS NOT NULL;
CREATE INDEX blobs_removed ON blobs (id) WHERE NOT desired;
-- Bytes on SFTP, and bytes only on this machine.
CREATE INDEX blobs_stored ON blobs (size, desired, stored_at)
    WHERE desired AND stored_at IS NOT NULL;
CREATE INDEX blobs_staged ON blobs (size, desired, stored_at)
    WHERE desired AND stored_at IS NULL;

-- size: the manifest and everything that it needs, each blob once.
-- platforms: JSON, `["linux/amd64"]`; NULL if not known yet.
CREATE TABLE manifests (
    blob_id    INTEGER PRIMARY KEY REFERENCES blobs (id),
    media_type TEXT    NOT NULL,
    bytes      BLOB    NOT NULL,
    size       INTEGER NOT NULL DEFAULT 0,
    platforms  TEXT
) STRICT;

-- What a manifest references and needs: blobs and, for an index, its manifests.
CREATE TABLE manifest_references (
    manifest_id INTEGER NOT NULL REFERENCES manifests (blob_id) ON DELETE CASCADE,
    blob_id     INTEGER NOT NULL REFERENCES blobs (id),
    is_manifest INTEGER NOT NULL,
    PRIMARY KEY (manifest_id, blob_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_references_by_blob ON manifest_references (blob_id);

-- Manifests with a subject. Stores the subject's digest, since the subject need
-- not exist here.
CREATE TABLE referrers (
    manifest_id   INTEGER PRIMARY KEY REFERENCES manifests (blob_id) ON DELETE CASCADE,
    subject       TEXT NOT NULL,
    artifact_type TEXT,
    annotations   TEXT NOT NULL -- the manifest's, as JSON
) STRICT;
CREATE INDEX referrers_of_subject ON referrers (subject, manifest_id);

-- touched_at: when a client last pushed the blob or was told that it exists.
-- The blob is not collected for a day after that.
CREATE TABLE repository_blobs (
    id            INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    blob_id       INTEGER NOT NULL REFERENCES blobs (id),
    desired       INTEGER NOT NULL,
    generation    INTEGER NOT NULL,
    linked_at     INTEGER,
    touched_at    INTEGER NOT NULL DEFAULT 0,
    UNIQUE (repository_id, blob_id)
) STRICT;
CREATE INDEX repositories_of_blob ON repository_blobs (blob_id);
CREATE INDEX repository_blobs_held ON repository_blobs (blob_id, repository_id) WHERE desired;
CREATE INDEX repository_blobs_removed ON repository_blobs (id) WHERE NOT desired;

-- released_at: when a delete removed the last tag, index or subject that kept
-- the manifest.
-- untagged_at: when a tag last moved away from the manifest.
CREATE TABLE repository_manifests (
    id            INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    manifest_id   INTEGER NOT NULL REFERENCES manifests (blob_id),
    desired       INTEGER NOT NULL,
    generation    INTEGER NOT NULL,
    published_at  INTEGER,
    pushed_at     INTEGER NOT NULL,
    pushed_by     INTEGER REFERENCES users (id) ON DELETE SET NULL,
    touched_at    INTEGER NOT NULL DEFAULT 0,
    released_at   INTEGER,
    untagged_at   INTEGER,
    UNIQUE (repository_id, manifest_id)
) STRICT;
CREATE INDEX repositories_of_manifest ON repository_manifests (manifest_id);
CREATE INDEX repository_manifests_held ON repository_manifests (manifest_id, repository_id)
    WHERE desired;
-- For deleting an account: `pushed_by` of all its rows becomes NULL.
CREATE INDEX repository_manifests_pushed_by ON repository_manifests (pushed_by)
    WHERE pushed_by IS NOT NULL;
CREATE INDEX repository_manifests_removed ON repository_manifests (id) WHERE NOT desired;
CREATE INDEX repository_manifests_released ON repository_manifests (repository_id)
    WHERE desired AND released_at IS NOT NULL;

-- manifest_id: the desired target of the tag; NULL if the tag should not exist.
-- version_key: sorts tags as versions (version.rs).
-- size: size of the manifest.
-- pulled_at: 0 if never pulled.
CREATE TABLE tags (
    id                    INTEGER PRIMARY KEY,
    repository_id         INTEGER NOT NULL REFERENCES repositories (id),
    name                  TEXT    NOT NULL,
    manifest_id           INTEGER REFERENCES manifests (blob_id),
    generation            INTEGER NOT NULL,
    published_manifest_id INTEGER REFERENCES manifests (blob_id),
    pushed_at             INTEGER NOT NULL,
    pushed_by             INTEGER REFERENCES users (id) ON DELETE SET NULL,
    version_key           TEXT    NOT NULL DEFAULT '',
    -- Sort key for descending order of versions. Names that are not versions
    -- (with keys that begin with 2) come last in this direction too.
    version_down          TEXT    NOT NULL GENERATED ALWAYS AS (
        CASE WHEN version_key < '2' THEN '3' || version_key ELSE version_key END) VIRTUAL,
    size                  INTEGER NOT NULL DEFAULT 0,
    pulls                 INTEGER NOT NULL DEFAULT 0,
    pulled_at             INTEGER NOT NULL DEFAULT 0,
    UNIQUE (repository_id, name)
) STRICT;
CREATE INDEX tags_listed ON tags (repository_id, name, manifest_id) WHERE manifest_id IS NOT NULL;
CREATE INDEX tags_of_manifest ON tags (manifest_id, repository_id, name);
CREATE INDEX tags_published ON tags (published_manifest_id)
    WHERE published_manifest_id IS NOT NULL;
CREATE INDEX tags_removed ON tags (id) WHERE manifest_id IS NULL;
CREATE INDEX tags_pushed ON tags (pushed_at) WHERE manifest_id IS NOT NULL;
CREATE INDEX tags_pushed_by ON tags (pushed_by) WHERE pushed_by IS NOT NULL;
CREATE INDEX tags_by_push ON tags (repository_id, pushed_at) WHERE manifest_id IS NOT NULL;
CREATE INDEX tags_by_size ON tags (repository_id, size) WHERE manifest_id IS NOT NULL;
CREATE INDEX tags_by_pull ON tags (repository_id, pulled_at) WHERE manifest_id IS NOT NULL;
CREATE INDEX tags_by_version ON tags (repository_id, version_key) WHERE manifest_id IS NOT NULL;
CREATE INDEX tags_by_version_down ON tags (repository_id, version_down)
    WHERE manifest_id IS NOT NULL;

-- Manifest pulls per tag (or digest) and day (UTC).
CREATE TABLE pulls (
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    reference     TEXT    NOT NULL,
    day           INTEGER NOT NULL, -- days since 1970
    count         INTEGER NOT NULL,
    last_at       INTEGER NOT NULL,
    last_by       TEXT    NOT NULL,
    PRIMARY KEY (repository_id, reference, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX pulls_by_day ON pulls (day);

-- Upload sessions. The session's id is also the name of its file in the spool.
CREATE TABLE uploads (
    id         TEXT    PRIMARY KEY,
    repository TEXT    NOT NULL, -- a name: the repository may not exist yet
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
CREATE INDEX uploads_of_user ON uploads (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX uploads_of_blob ON uploads (blob_id) WHERE blob_id IS NOT NULL;
