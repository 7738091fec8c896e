-- The directory of an organization: its users as identity providers see them. Tokens of identity providers.

-- The organization that made the account, and may change it.
ALTER TABLE accounts ADD COLUMN managed_by INTEGER REFERENCES accounts (id);
-- Switched off by that organization, which may switch it on again, and by the operator; active when by neither.
ALTER TABLE accounts ADD COLUMN is_deprovisioned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN is_disabled INTEGER NOT NULL DEFAULT 0;
UPDATE accounts SET is_disabled = 1 WHERE is_active = 0;
-- The operator lets the organization provision users; organizations that the operator made may.
ALTER TABLE accounts ADD COLUMN may_provision INTEGER NOT NULL DEFAULT 0;
UPDATE accounts SET may_provision = 1 WHERE kind = 'organization' AND id IN (
    SELECT e.account_id FROM events e WHERE e.action = 'org.create' AND e.actor_name = 'operator');
CREATE INDEX accounts_managed ON accounts (managed_by) WHERE managed_by IS NOT NULL;

CREATE TABLE directory_users (
    organization_id INTEGER NOT NULL REFERENCES accounts (id),
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    uuid BLOB NOT NULL,
    -- Ascends in the order in which they came.
    position INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    user_name_lower TEXT NOT NULL,
    -- The identity provider gave the name; other names follow the account.
    is_named INTEGER NOT NULL DEFAULT 0,
    external_id TEXT,
    given_name TEXT NOT NULL DEFAULT '',
    family_name TEXT NOT NULL DEFAULT '',
    -- A member whose membership rests, and is in the tables suspended_ below.
    is_suspended INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (organization_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX directory_users_position ON directory_users (organization_id, position);
CREATE UNIQUE INDEX directory_users_name ON directory_users (organization_id, user_name_lower);
CREATE UNIQUE INDEX directory_users_uuid ON directory_users (organization_id, uuid);
CREATE INDEX directory_users_external ON directory_users (organization_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX directory_users_user ON directory_users (user_id);

CREATE TABLE directory_emails (
    organization_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    address TEXT NOT NULL,
    address_lower TEXT NOT NULL,
    kind TEXT,
    display TEXT,
    is_primary INTEGER NOT NULL,
    PRIMARY KEY (organization_id, user_id, number),
    FOREIGN KEY (organization_id, user_id) REFERENCES directory_users (organization_id, user_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX directory_emails_address ON directory_emails (organization_id, address_lower);

-- How many users of a directory have a position in each block of 256, so that any page of a list is found alike.
CREATE TABLE directory_blocks (
    organization_id INTEGER NOT NULL REFERENCES accounts (id),
    block INTEGER NOT NULL,
    users INTEGER NOT NULL,
    PRIMARY KEY (organization_id, block)
) STRICT, WITHOUT ROWID;

CREATE TABLE suspended_members (
    organization_id INTEGER NOT NULL REFERENCES accounts (id),
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    role TEXT NOT NULL CHECK (role IN ('owner', 'editor', 'member')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (organization_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX suspended_members_user ON suspended_members (user_id);

CREATE TABLE suspended_team_members (
    team_id INTEGER NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (team_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX suspended_team_members_user ON suspended_team_members (user_id, team_id);

CREATE TABLE suspended_namespace_users (
    namespace_id INTEGER NOT NULL REFERENCES accounts (id),
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    permission TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (namespace_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX suspended_namespace_users_user ON suspended_namespace_users (user_id);

CREATE TABLE suspended_repository_users (
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    permission TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (repository_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX suspended_repository_users_user ON suspended_repository_users (user_id, repository_id);

-- What an identity provider calls a team, if it does.
ALTER TABLE teams ADD COLUMN display_name TEXT;
ALTER TABLE teams ADD COLUMN display_name_lower TEXT;
ALTER TABLE teams ADD COLUMN external_id TEXT;
ALTER TABLE teams ADD COLUMN updated_at INTEGER;
-- Counts changes of who is in it.
ALTER TABLE teams ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX teams_display_name ON teams (organization_id, display_name_lower) WHERE display_name_lower IS NOT NULL;
CREATE INDEX teams_external ON teams (organization_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX teams_order ON teams (organization_id, id);

CREATE TABLE scim_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid BLOB NOT NULL UNIQUE,
    organization_id INTEGER NOT NULL REFERENCES accounts (id),
    label TEXT NOT NULL,
    secret_hash BLOB NOT NULL UNIQUE,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER
) STRICT;
CREATE INDEX scim_tokens_organization ON scim_tokens (organization_id, id);

-- Those who are members already. Their ids are version-4 UUIDs.
INSERT INTO directory_users (organization_id, user_id, uuid, position, user_name, user_name_lower, created_at, updated_at)
    WITH drawn AS MATERIALIZED (SELECT organization_id, user_id, created_at, hex(randomblob(16)) AS digits FROM organization_members)
    SELECT d.organization_id, d.user_id,
        unhex(substr(d.digits, 1, 12) || '4' || substr(d.digits, 14, 3) || '8' || substr(d.digits, 18)),
        row_number() OVER (PARTITION BY d.organization_id ORDER BY d.created_at, d.user_id),
        coalesce(a.email, a.name), coalesce(a.email_key, a.name), d.created_at, d.created_at
    FROM drawn d JOIN accounts a ON a.id = d.user_id;
INSERT INTO directory_blocks (organization_id, block, users)
    SELECT organization_id, position / 256, count(*) FROM directory_users GROUP BY organization_id, position / 256;
