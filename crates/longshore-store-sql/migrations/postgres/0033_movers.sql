-- With which credential tags were moved and deleted: how somebody had signed in, and the access token, if any.

ALTER TABLE tag_history ADD COLUMN moved_how TEXT COLLATE "C";
ALTER TABLE tag_history ADD COLUMN moved_token BIGINT;
ALTER TABLE tag_history ADD COLUMN ended_how TEXT COLLATE "C";
ALTER TABLE tag_history ADD COLUMN ended_token BIGINT;
