-- The audit log, filtered and sorted by time.

-- What an event is filtered by: the name without the account's, which is the first part of a repository's.
ALTER TABLE events ADD COLUMN short_subject TEXT COLLATE "C" NOT NULL GENERATED ALWAYS AS (
    CASE WHEN position('/' IN subject) > 0 THEN substr(subject, position('/' IN subject) + 1) ELSE subject END) STORED;
UPDATE events SET action = 'org.member.role.change' WHERE action = 'org.member.change_role';
UPDATE events SET action = 'repo.change_privacy' WHERE action = 'repo.change_visibility';
CREATE INDEX events_account_at ON events (account_id, at, id);
CREATE INDEX events_account_action ON events (account_id, action, at, id);
CREATE INDEX events_account_subject ON events (account_id, short_subject, at, id);
CREATE INDEX events_account_actor ON events (account_id, actor_name, at, id);
-- Old events are forgotten.
CREATE INDEX events_at ON events (at, id);
