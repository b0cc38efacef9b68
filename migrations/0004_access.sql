-- Rights, robots and access tokens.

-- Rights of an account on a whole group (repository is empty) or on one of its
-- repositories, by name, which need not exist yet.
-- rights: sum of 1 pull, 2 push, 4 delete, 8 manage.
CREATE TABLE grants (
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id   INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    repository TEXT    NOT NULL DEFAULT '',
    rights     INTEGER NOT NULL,
    granted_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, group_id, repository)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_of_group ON grants (group_id, repository, user_id);

-- Robots sign in as group+name. A robot belongs to the group, not to the
-- account that created it.
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
CREATE INDEX robots_created_by ON robots (created_by) WHERE created_by IS NOT NULL;

-- Random secrets of accounts (personal access tokens) and of robots. Only a
-- keyed hash of each is stored.
CREATE TABLE access_tokens (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id        INTEGER REFERENCES users (id) ON DELETE CASCADE,
    robot_id       INTEGER REFERENCES robots (id) ON DELETE CASCADE,
    name           TEXT    NOT NULL,
    secret_hash    BLOB    NOT NULL UNIQUE,
    scopes         TEXT,    -- JSON; NULL: everything that the account or robot may do
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER,
    last_used_at   INTEGER,
    last_used_from TEXT,
    CHECK ((user_id IS NULL) <> (robot_id IS NULL))
) STRICT;
CREATE INDEX access_tokens_of_user ON access_tokens (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX access_tokens_of_robot ON access_tokens (robot_id) WHERE robot_id IS NOT NULL;
CREATE INDEX access_tokens_by_expiry ON access_tokens (expires_at) WHERE expires_at IS NOT NULL;
