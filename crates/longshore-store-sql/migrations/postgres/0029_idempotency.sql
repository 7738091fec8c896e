-- Answers to requests that may be sent again.

CREATE TABLE idempotency_keys (
    -- Digest of the credential and of the key that the client chose.
    key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- Digest of what was asked for.
    request TEXT COLLATE "C" NOT NULL,
    -- Who handles it.
    holder BYTEA NOT NULL,
    -- When that was last seen to be alive, or has answered.
    seen_at BIGINT NOT NULL,
    -- Nothing while the request is being handled.
    status BIGINT,
    headers TEXT COLLATE "C",
    body BYTEA
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (seen_at);
