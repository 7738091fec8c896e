-- Who is signed in to the pages, by the hash of what the browser keeps.

CREATE TABLE web_sessions (
    id BYTEA NOT NULL PRIMARY KEY,
    secret_hash BYTEA NOT NULL UNIQUE,
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- The account's count of credential changes then; the session ends with the next.
    credential_epoch BIGINT NOT NULL,
    -- How the account proved who it is: password, or second_factor.
    proof TEXT NOT NULL,
    address TEXT NOT NULL,
    program TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- To the minute.
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX web_sessions_account ON web_sessions (account_id, seen_at);
CREATE INDEX web_sessions_expiry ON web_sessions (expires_at);
