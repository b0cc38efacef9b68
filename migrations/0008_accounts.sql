-- Who may do what: rights, credentials, keys.

-- key: the name without case, by which an account is found.
ALTER TABLE users ADD COLUMN key TEXT NOT NULL DEFAULT '';
UPDATE users SET key = lower(name);
CREATE UNIQUE INDEX users_by_key ON users (key);
ALTER TABLE users ADD COLUMN disabled_at INTEGER;
ALTER TABLE users ADD COLUMN last_login_at INTEGER;

-- Anybody may pull from a public group.
ALTER TABLE groups ADD COLUMN public INTEGER NOT NULL DEFAULT 0;

-- What was given to an account: on a whole group (repository is empty), or on
-- one repository of it, by its name: it need not exist yet.
-- rights: 1 pull, 2 push, 4 delete, 8 manage.
CREATE TABLE grants (
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id   INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    repository TEXT    NOT NULL DEFAULT '',
    rights     INTEGER NOT NULL,
    granted_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, group_id, repository)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_of_group ON grants (group_id, repository, user_id);

-- Robots sign in as group+name. They belong to the group, not to who made them.
CREATE TABLE robots (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id    INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL DEFAULT '',
    scopes      TEXT    NOT NULL, -- JSON
    disabled_at INTEGER,
    created_at  INTEGER NOT NULL,
    created_by  INTEGER REFERENCES users (id) ON DELETE SET NULL,
    UNIQUE (group_id, name)
) STRICT;

-- Random secrets that stand for an account (personal ones) or a robot. Only a
-- keyed hash of each is kept.
CREATE TABLE access_tokens (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id        INTEGER REFERENCES users (id) ON DELETE CASCADE,
    robot_id       INTEGER REFERENCES robots (id) ON DELETE CASCADE,
    name           TEXT    NOT NULL,
    secret_hash    BLOB    NOT NULL UNIQUE,
    scopes         TEXT,    -- JSON; NULL: all that the account or robot may
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER,
    last_used_at   INTEGER,
    last_used_from TEXT,
    CHECK ((user_id IS NULL) <> (robot_id IS NULL))
) STRICT;
CREATE INDEX access_tokens_of_user ON access_tokens (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX access_tokens_of_robot ON access_tokens (robot_id) WHERE robot_id IS NOT NULL;

-- kind: how the session came about. refresh: by a client of the token service,
-- which shows the secret itself; only its hash is kept.
ALTER TABLE sessions ADD COLUMN kind TEXT NOT NULL DEFAULT 'api'
    CHECK (kind IN ('api', 'browser', 'refresh'));
ALTER TABLE sessions ADD COLUMN secret_hash BLOB;
ALTER TABLE sessions ADD COLUMN last_used_at INTEGER;
ALTER TABLE sessions ADD COLUMN address TEXT;
ALTER TABLE sessions ADD COLUMN client TEXT;
CREATE UNIQUE INDEX sessions_by_secret ON sessions (secret_hash) WHERE secret_hash IS NOT NULL;

-- Keys that sign the token service's tokens (Ed25519, PKCS #8). A retired one
-- signs no more, and goes when no token of it can be good.
CREATE TABLE signing_keys (
    kid        TEXT    PRIMARY KEY,
    private    BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys that all gateways share.
CREATE TABLE server_keys (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Who did what: only ever added to, and kept for AUDIT_DAYS.
CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    actor      TEXT    NOT NULL, -- a name, which outlives the account
    credential TEXT    NOT NULL, -- password, session, token, none
    action     TEXT    NOT NULL,
    target     TEXT    NOT NULL, -- a repository with tag or digest, an account, …
    repository TEXT    NOT NULL DEFAULT '', -- the repository's name, where it is about one
    address    TEXT    NOT NULL,
    refused    INTEGER NOT NULL DEFAULT 0,
    detail     TEXT
) STRICT;
CREATE INDEX audit_by_time ON audit (at, id);
CREATE INDEX audit_by_actor ON audit (actor, at, id);
CREATE INDEX audit_by_action ON audit (action, at, id);
CREATE INDEX audit_by_repository ON audit (repository, at, id) WHERE repository <> '';

-- Pulls of manifests, added up for each tag (or digest) and day (of UTC).
CREATE TABLE pulls (
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    reference     TEXT    NOT NULL,
    day           INTEGER NOT NULL, -- days since 1970
    count         INTEGER NOT NULL,
    last_at       INTEGER NOT NULL,
    last_by       TEXT    NOT NULL,
    PRIMARY KEY (repository_id, reference, day)
) STRICT, WITHOUT ROWID;
