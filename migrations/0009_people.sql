-- Guesses at passwords, and what lists of people are sorted by.

-- Wrong credentials, counted so that all gateways know of them. Each moves
-- `until` (milliseconds, UTC) on by a fixed time; at `until` all are forgotten.
-- kind: account and address; pair, an address from which the account signed in
-- before; secret, random secrets from one address.
CREATE TABLE guesses (
    kind  TEXT    NOT NULL CHECK (kind IN ('account', 'address', 'pair', 'secret')),
    key   TEXT    NOT NULL, -- an account's is a hash: people type passwords as names
    until INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX guesses_by_end ON guesses (until);

-- From where an account signed in: an IPv4 address or an IPv6 network.
CREATE TABLE known_addresses (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    address TEXT    NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, address)
) STRICT, WITHOUT ROWID;

CREATE INDEX users_by_creation ON users (created_at, id);
-- A column, since SQLite looks up a place in a list by columns only.
ALTER TABLE users ADD COLUMN login_order INTEGER NOT NULL
    GENERATED ALWAYS AS (coalesce(last_login_at, 0)) VIRTUAL;
CREATE INDEX users_by_login ON users (login_order, id);
CREATE INDEX access_tokens_by_end ON access_tokens (expires_at) WHERE expires_at IS NOT NULL;
