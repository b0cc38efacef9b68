-- Accounts, their credentials, and sign-in protection.
--
-- In the whole schema, times are milliseconds since 1970 (UTC) unless a comment
-- says otherwise. Times in milliseconds since boot are stored together with the
-- id of that boot (`boot_id`, `suspect_boot`).

PRAGMA application_id = 0x52465459; -- "RFTY"

-- key: the name in lower case, for lookups.
CREATE TABLE users (
    id                   INTEGER PRIMARY KEY,
    name                 TEXT    NOT NULL UNIQUE,
    key                  TEXT    NOT NULL UNIQUE,
    password_hash        TEXT    NOT NULL,
    role                 TEXT    NOT NULL CHECK (role IN ('admin', 'user')),
    must_change_password INTEGER NOT NULL DEFAULT FALSE,
    created_at           INTEGER NOT NULL,
    password_changed_at  INTEGER NOT NULL,
    disabled_at          INTEGER,
    last_login_at        INTEGER,
    -- For sorting: SQLite can seek within a list only by a column.
    login_order          INTEGER NOT NULL
        GENERATED ALWAYS AS (coalesce(last_login_at, 0)) VIRTUAL
) STRICT;
CREATE INDEX users_by_creation ON users (created_at, id);
CREATE INDEX users_by_login ON users (login_order, id);

-- kind: how the session was opened. A `refresh` session belongs to a client of
-- the token service, which presents a secret; only the secret's hash is stored.
CREATE TABLE sessions (
    id           TEXT    PRIMARY KEY,
    user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    kind         TEXT    NOT NULL DEFAULT 'api' CHECK (kind IN ('api', 'browser', 'refresh')),
    secret_hash  BLOB,
    last_used_at INTEGER,
    address      TEXT,
    client       TEXT
) STRICT;
CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE UNIQUE INDEX sessions_by_secret ON sessions (secret_hash) WHERE secret_hash IS NOT NULL;

-- Failed sign-ins, shared by all gateways. Each failure moves `expires_at`
-- forward by a fixed step; an expired counter counts no failures.
-- kind: `account` and `address` each count all failures of one account or
-- address; `account_and_address` counts those of an address from which the
-- account signed in before; `secret` counts unknown tokens from one address.
CREATE TABLE login_failures (
    kind       TEXT    NOT NULL
        CHECK (kind IN ('account', 'address', 'account_and_address', 'secret')),
    key        TEXT    NOT NULL, -- of an account a hash: people type passwords as names
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX login_failures_by_expiry ON login_failures (expires_at);

-- Addresses from which an account signed in: IPv4 addresses and IPv6 networks.
CREATE TABLE known_addresses (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    address TEXT    NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, address)
) STRICT, WITHOUT ROWID;

-- Keys that sign the token service's tokens (Ed25519, PKCS #8). A retired key
-- signs no new tokens and is deleted when its last token has expired.
CREATE TABLE signing_keys (
    kid        TEXT    PRIMARY KEY,
    private    BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys shared by all gateways.
CREATE TABLE server_keys (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
