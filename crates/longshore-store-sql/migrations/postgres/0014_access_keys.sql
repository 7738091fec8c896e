-- Pairs of keys that requests are signed with, credentials for signing Docker in, and sign-ins that were ended early.

-- The secret key is encrypted with the server's sealing key.
ALTER TABLE access_tokens ADD COLUMN access_key TEXT COLLATE "C";
ALTER TABLE access_tokens ADD COLUMN sealed_secret BYTEA;
CREATE UNIQUE INDEX access_tokens_pair ON access_tokens (access_key) WHERE access_key IS NOT NULL;

-- For the registry protocol only, perhaps in one namespace only.
ALTER TABLE access_tokens ADD COLUMN is_login BIGINT NOT NULL DEFAULT 0;
ALTER TABLE access_tokens ADD COLUMN login_namespace_id BIGINT REFERENCES accounts (id) ON DELETE CASCADE;
CREATE INDEX access_tokens_login_expiry ON access_tokens (expires_at) WHERE is_login = 1;
CREATE INDEX access_tokens_login_namespace ON access_tokens (login_namespace_id) WHERE login_namespace_id IS NOT NULL;

-- Signatures of requests that changed something, until they are too old to be accepted.
CREATE TABLE used_signatures (
    signature BYTEA PRIMARY KEY,
    -- When it was taken first.
    taken_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX used_signatures_expiry ON used_signatures (expires_at);

-- Session tokens that were ended before they expire.
CREATE TABLE revoked_sessions (
    id BYTEA PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX revoked_sessions_expiry ON revoked_sessions (expires_at);
