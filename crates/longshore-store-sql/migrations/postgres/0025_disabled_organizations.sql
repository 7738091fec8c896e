-- What is in a disabled organization is in no list: lists look for the few that are.
CREATE INDEX accounts_disabled ON accounts (kind, is_active) WHERE is_active = 0 AND deleted_at IS NULL;
