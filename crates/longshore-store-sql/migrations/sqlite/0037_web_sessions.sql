-- Who is signed in to the pages, by the hash of what the browser keeps.

CREATE TABLE web_sessions (
    id BLOB NOT NULL PRIMARY KEY,
    secret_hash BLOB NOT NULL UNIQUE,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- The account's count of credential changes then; the session ends with the next.
    credential_epoch INTEGER NOT NULL,
    -- How the account proved who it is: password, or second_factor.
    proof TEXT NOT NULL,
    address TEXT NOT NULL,
    program TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- To the minute.
    seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX web_sessions_account ON web_sessions (account_id, seen_at);
CREATE INDEX web_sessions_expiry ON web_sessions (expires_at);
