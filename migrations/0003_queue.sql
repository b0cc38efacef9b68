-- The queue: jobs that reconcile SFTP with the desired state, and their order.

-- target: key in the table of the kind: blobs, repository_blobs,
-- repository_manifests, tags, groups.
-- overwrites: the current run overwrites or removes, even if the job has
-- changed direction since.
-- suspect_until: until this time (since the boot in the column next to it), a
-- call of a dead or silent process may still reach SFTP and undo later
-- changes. A run that begins after that time checks the target again.
CREATE TABLE jobs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    kind          TEXT    NOT NULL CHECK (kind IN
        ('store_blob', 'link_blob', 'publish_manifest', 'publish_tag', 'mark_group')),
    target        INTEGER NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN
        ('waiting', 'pending', 'running', 'done', 'failed')),
    removes       INTEGER NOT NULL DEFAULT FALSE, -- it frees space on SFTP
    overwrites    INTEGER NOT NULL DEFAULT FALSE,
    priority      INTEGER NOT NULL,               -- lower runs first
    run_after     INTEGER NOT NULL,               -- milliseconds since boot
    lease         INTEGER NOT NULL DEFAULT 0,     -- counts claims; fences writes
    owner         TEXT,
    lease_until   INTEGER,                        -- milliseconds since boot
    boot_id       TEXT    NOT NULL,               -- of run_after and lease_until
    suspect_until INTEGER,                        -- milliseconds since boot
    suspect_boot  TEXT,
    attempt       INTEGER NOT NULL DEFAULT 0,     -- failures since the desired state changed
    bytes_done    INTEGER NOT NULL DEFAULT 0,
    bytes_total   INTEGER NOT NULL DEFAULT 0,
    error_code    TEXT,
    error_message TEXT,
    error_hint    TEXT,
    created_at    INTEGER NOT NULL,
    started_at    INTEGER,
    finished_at   INTEGER
) STRICT;
CREATE UNIQUE INDEX one_unfinished_job_each ON jobs (kind, target) WHERE state <> 'done';
CREATE INDEX jobs_to_claim ON jobs (priority, run_after, id) WHERE state IN ('pending', 'failed');
CREATE INDEX jobs_of_begun_tags ON jobs (id)
    WHERE kind = 'publish_tag' AND state <> 'done' AND (lease > 0 OR suspect_until IS NOT NULL);
CREATE INDEX jobs_by_state ON jobs (state, id);
CREATE INDEX jobs_of_target ON jobs (target, kind);
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;

-- The repositories for which a job was enqueued while it was unfinished:
-- accounts that may read one of them see the job. The job of a blob can have
-- several.
-- shared: the job has more than one.
CREATE TABLE job_repositories (
    job_id        INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    shared        INTEGER NOT NULL DEFAULT FALSE,
    PRIMARY KEY (job_id, repository_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX jobs_of_repository ON job_repositories (repository_id, job_id);
CREATE INDEX shared_jobs_of_repository ON job_repositories (repository_id, job_id) WHERE shared;

-- job_id may not start before depends_on_id is done. Rows are kept until the
-- jobs are deleted, since the pushes shown to users are derived from them.
CREATE TABLE job_dependencies (
    job_id        INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    depends_on_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    PRIMARY KEY (job_id, depends_on_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_dependents ON job_dependencies (depends_on_id);

-- An intent (a file in the spool) is complete when all its jobs are done. Files
-- are removed in the order of their generations: replaying only an older one
-- would undo a newer one.
CREATE TABLE intents (
    id         TEXT    NOT NULL,
    job_id     INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    kind       TEXT    NOT NULL, -- with target: the job's
    target     INTEGER NOT NULL,
    PRIMARY KEY (id, job_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX intents_of_job ON intents (job_id);
CREATE INDEX intents_of_target ON intents (kind, target, generation);

-- Availability of SFTP. next_probe_at, probe_until and full_until are
-- milliseconds since boot.
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

-- Running uploaders, with the time of their last heartbeat.
CREATE TABLE uploaders (
    owner        TEXT    PRIMARY KEY,
    started_at   INTEGER NOT NULL,
    heartbeat_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Garbage collection.
-- scheduled_at: the last scheduled time whose collection is completed.
-- partial_index: SFTP holds images that the index does not know, so nothing
-- may be collected.
-- collector: the process that is collecting, by its name in `owners/`.
-- next_try_at: milliseconds since the boot in the column next to it.
CREATE TABLE collection (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    scheduled_at  INTEGER NOT NULL,
    partial_index INTEGER NOT NULL,
    collector     TEXT,
    next_try_at   INTEGER NOT NULL DEFAULT 0,
    boot_id       TEXT    NOT NULL DEFAULT ''
) STRICT;
INSERT INTO collection (id, scheduled_at, partial_index) VALUES (1, unixepoch() * 1000, FALSE);
