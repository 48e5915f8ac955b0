-- API keys. Only a hash of the key's text is kept; rows are never deleted, so that a name in an audit stays known.
CREATE TABLE identity_keys (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),    -- big-endian: sorts by time
    tenant     TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    scopes     TEXT    NOT NULL,                                        -- separated by single spaces
    hash       BLOB    NOT NULL CHECK (length(hash) = 32),
    last_four  TEXT    NOT NULL,
    created_at INTEGER NOT NULL,                                        -- microseconds since 1970, like all times
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX identity_keys_hash ON identity_keys (hash);
CREATE UNIQUE INDEX identity_keys_tenant ON identity_keys (tenant, id);
-- What a server loads: the keys that may still open.
CREATE INDEX identity_keys_live ON identity_keys (id) WHERE revoked_at IS NULL;
