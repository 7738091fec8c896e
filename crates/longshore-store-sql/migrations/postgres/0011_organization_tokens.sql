-- Access tokens of organizations: what they are for, who made them, and what they may use (JSON; NULL: what `scope` says).
-- A program before it takes those with resources for the scope that they are stored with, the lowest.

ALTER TABLE access_tokens ADD COLUMN description TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE access_tokens ADD COLUMN created_by TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE access_tokens ADD COLUMN resources TEXT COLLATE "C";
