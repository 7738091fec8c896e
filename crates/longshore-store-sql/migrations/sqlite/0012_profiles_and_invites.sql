-- Profiles of accounts, and invites to organizations.

ALTER TABLE accounts ADD COLUMN full_name TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN company TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN location TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN profile_url TEXT NOT NULL DEFAULT '';
-- As it was written, and in lower case: one account has an address.
ALTER TABLE accounts ADD COLUMN email TEXT;
ALTER TABLE accounts ADD COLUMN email_key TEXT;
CREATE UNIQUE INDEX accounts_email ON accounts (email_key);

CREATE TABLE invites (
    uuid BLOB PRIMARY KEY,
    organization_id INTEGER NOT NULL REFERENCES accounts (id),
    inviter_name TEXT NOT NULL,
    -- Who must still be allowed to invite when it is accepted: an account, NULL for the operator, and its access token.
    inviter_id INTEGER REFERENCES accounts (id),
    inviter_token_id INTEGER REFERENCES access_tokens (id) ON DELETE CASCADE,
    -- A user's name or an e-mail address, as it was written and in lower case.
    invitee TEXT NOT NULL,
    invitee_key TEXT NOT NULL,
    -- Who alone may accept it; NULL for an address that no account had.
    user_id INTEGER REFERENCES accounts (id),
    role TEXT NOT NULL,
    team_id INTEGER REFERENCES teams (id) ON DELETE SET NULL,
    secret_hash BLOB NOT NULL UNIQUE,
    -- Whether the link went to the address and nowhere else.
    is_mailed INTEGER NOT NULL,
    -- When the last message went; NULL when none did, or it could not be sent.
    sent_at INTEGER,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    UNIQUE (organization_id, invitee_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX invites_expiry ON invites (expires_at);
CREATE INDEX invites_user ON invites (user_id);
CREATE INDEX invites_team ON invites (team_id);
CREATE INDEX invites_inviter ON invites (inviter_id);
CREATE INDEX invites_inviter_token ON invites (inviter_token_id);
