-- Who asked for a collection run, and what it found when it began.

-- Name of the account, as it was then.
ALTER TABLE collection_runs ADD COLUMN started_by TEXT;
-- Blobs to be deleted, and their size; nothing as long as it has not begun.
ALTER TABLE collection_runs ADD COLUMN found_blobs INTEGER;
ALTER TABLE collection_runs ADD COLUMN found_bytes INTEGER;

-- When somebody ended the time in which a deletion can be undone.
ALTER TABLE deletions ADD COLUMN ended_at INTEGER;

-- What an identity provider was refused last, for the owners of its organization.
CREATE TABLE provisioning_refusals (
    organization_id INTEGER PRIMARY KEY REFERENCES accounts (id),
    at INTEGER NOT NULL,
    -- Status of the answer.
    status INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;
-- When a directory changed last.
CREATE INDEX directory_users_updated ON directory_users (organization_id, updated_at);

-- The jobs that one account asked for.
CREATE INDEX jobs_account ON jobs (account_id, created_at, uuid) WHERE account_id IS NOT NULL;

-- Addresses that accounts want to have, until somebody who reads what is sent there says so.
CREATE TABLE email_changes (
    account_id INTEGER PRIMARY KEY REFERENCES accounts (id),
    email TEXT NOT NULL,
    -- Of what the message says; nothing until it is sent.
    secret_hash BLOB,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX email_changes_expired ON email_changes (expires_at);
