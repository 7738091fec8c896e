-- Who was behind an event, and events that are counted in one row.

ALTER TABLE events ADD COLUMN address TEXT;
ALTER TABLE events ADD COLUMN program TEXT;
ALTER TABLE events ADD COLUMN times INTEGER NOT NULL DEFAULT 1;
ALTER TABLE events ADD COLUMN counted_as TEXT;
CREATE UNIQUE INDEX events_counted ON events (counted_as) WHERE counted_as IS NOT NULL;

-- The refresh tokens of one credential, oldest first: each has a bounded number of them.
CREATE INDEX refresh_tokens_credential ON refresh_tokens (account_id, (coalesce(access_token_id, 0)), created_at);
