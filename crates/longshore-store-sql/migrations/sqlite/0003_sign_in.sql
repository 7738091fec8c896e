-- Signing in with a second factor, and what is known of access tokens.

-- Without a time of confirmation it is being set up and not asked for.
CREATE TABLE second_factors (
    user_id INTEGER PRIMARY KEY REFERENCES accounts (id),
    secret BLOB NOT NULL,
    -- The newest time step whose code was used; a code works once.
    used_step INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    confirmed_at INTEGER
) STRICT;

-- A code works once: then its row goes.
CREATE TABLE recovery_codes (
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    code_hash BLOB NOT NULL,
    PRIMARY KEY (user_id, code_hash)
) STRICT, WITHOUT ROWID;

-- Sign-ins whose password was right and whose second factor is awaited.
CREATE TABLE sign_in_challenges (
    secret_hash BLOB PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    credential_epoch INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_challenges_expiry ON sign_in_challenges (expires_at);
CREATE INDEX sign_in_challenges_user ON sign_in_challenges (user_id);

ALTER TABLE access_tokens ADD COLUMN creator_address TEXT NOT NULL DEFAULT '';
ALTER TABLE access_tokens ADD COLUMN creator_agent TEXT NOT NULL DEFAULT '';

-- Old refresh tokens are forgotten.
CREATE INDEX refresh_tokens_created ON refresh_tokens (created_at);
