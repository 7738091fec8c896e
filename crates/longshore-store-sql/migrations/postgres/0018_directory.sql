-- The directory of an organization: its users as identity providers see them. Tokens of identity providers.

-- The organization that made the account, and may change it.
ALTER TABLE accounts ADD COLUMN managed_by BIGINT REFERENCES accounts (id);
-- Switched off by that organization, which may switch it on again, and by the operator; active when by neither.
ALTER TABLE accounts ADD COLUMN is_deprovisioned BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN is_disabled BIGINT NOT NULL DEFAULT 0;
UPDATE accounts SET is_disabled = 1 WHERE is_active = 0;
-- The operator lets the organization provision users; organizations that the operator made may.
ALTER TABLE accounts ADD COLUMN may_provision BIGINT NOT NULL DEFAULT 0;
UPDATE accounts SET may_provision = 1 WHERE kind = 'organization' AND id IN (
    SELECT e.account_id FROM events e WHERE e.action = 'org.create' AND e.actor_name = 'operator');
CREATE INDEX accounts_managed ON accounts (managed_by) WHERE managed_by IS NOT NULL;

CREATE TABLE directory_users (
    organization_id BIGINT NOT NULL REFERENCES accounts (id),
    user_id BIGINT NOT NULL REFERENCES accounts (id),
    uuid BYTEA NOT NULL,
    -- Ascends in the order in which they came.
    position BIGINT NOT NULL,
    user_name TEXT COLLATE "C" NOT NULL,
    user_name_lower TEXT COLLATE "C" NOT NULL,
    -- The identity provider gave the name; other names follow the account.
    is_named BIGINT NOT NULL DEFAULT 0,
    external_id TEXT COLLATE "C",
    given_name TEXT COLLATE "C" NOT NULL DEFAULT '',
    family_name TEXT COLLATE "C" NOT NULL DEFAULT '',
    -- A member whose membership rests, and is in the tables suspended_ below.
    is_suspended BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);
CREATE UNIQUE INDEX directory_users_position ON directory_users (organization_id, position);
CREATE UNIQUE INDEX directory_users_name ON directory_users (organization_id, user_name_lower);
CREATE UNIQUE INDEX directory_users_uuid ON directory_users (organization_id, uuid);
CREATE INDEX directory_users_external ON directory_users (organization_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX directory_users_user ON directory_users (user_id);

CREATE TABLE directory_emails (
    organization_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    address_lower TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C",
    display TEXT COLLATE "C",
    is_primary BIGINT NOT NULL,
    PRIMARY KEY (organization_id, user_id, number),
    FOREIGN KEY (organization_id, user_id) REFERENCES directory_users (organization_id, user_id) ON DELETE CASCADE
);
CREATE INDEX directory_emails_address ON directory_emails (organization_id, address_lower);

-- How many users of a directory have a position in each block of 256, so that any page of a list is found alike.
CREATE TABLE directory_blocks (
    organization_id BIGINT NOT NULL REFERENCES accounts (id),
    block BIGINT NOT NULL,
    users BIGINT NOT NULL,
    PRIMARY KEY (organization_id, block)
);

CREATE TABLE suspended_members (
    organization_id BIGINT NOT NULL REFERENCES accounts (id),
    user_id BIGINT NOT NULL REFERENCES accounts (id),
    role TEXT COLLATE "C" NOT NULL CHECK (role IN ('owner', 'editor', 'member')),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX suspended_members_user ON suspended_members (user_id);

CREATE TABLE suspended_team_members (
    team_id BIGINT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES accounts (id),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (team_id, user_id)
);
CREATE INDEX suspended_team_members_user ON suspended_team_members (user_id, team_id);

CREATE TABLE suspended_namespace_users (
    namespace_id BIGINT NOT NULL REFERENCES accounts (id),
    user_id BIGINT NOT NULL REFERENCES accounts (id),
    permission TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (namespace_id, user_id)
);
CREATE INDEX suspended_namespace_users_user ON suspended_namespace_users (user_id);

CREATE TABLE suspended_repository_users (
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES accounts (id),
    permission TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (repository_id, user_id)
);
CREATE INDEX suspended_repository_users_user ON suspended_repository_users (user_id, repository_id);

-- What an identity provider calls a team, if it does.
ALTER TABLE teams ADD COLUMN display_name TEXT COLLATE "C";
ALTER TABLE teams ADD COLUMN display_name_lower TEXT COLLATE "C";
ALTER TABLE teams ADD COLUMN external_id TEXT COLLATE "C";
ALTER TABLE teams ADD COLUMN updated_at BIGINT;
-- Counts changes of who is in it.
ALTER TABLE teams ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX teams_display_name ON teams (organization_id, display_name_lower) WHERE display_name_lower IS NOT NULL;
CREATE INDEX teams_external ON teams (organization_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX teams_order ON teams (organization_id, id);

CREATE TABLE scim_tokens (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    uuid BYTEA NOT NULL UNIQUE,
    organization_id BIGINT NOT NULL REFERENCES accounts (id),
    label TEXT COLLATE "C" NOT NULL,
    secret_hash BYTEA NOT NULL UNIQUE,
    created_by TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT
);
CREATE INDEX scim_tokens_organization ON scim_tokens (organization_id, id);

-- Those who are members already. Their ids are version-4 UUIDs.
INSERT INTO directory_users (organization_id, user_id, uuid, position, user_name, user_name_lower, created_at, updated_at)
    SELECT m.organization_id, m.user_id, uuid_send(gen_random_uuid()),
        row_number() OVER (PARTITION BY m.organization_id ORDER BY m.created_at, m.user_id),
        coalesce(a.email, a.name), coalesce(a.email_key, a.name), m.created_at, m.created_at
    FROM organization_members m JOIN accounts a ON a.id = m.user_id;
INSERT INTO directory_blocks (organization_id, block, users)
    SELECT organization_id, position / 256, count(*) FROM directory_users GROUP BY organization_id, position / 256;
