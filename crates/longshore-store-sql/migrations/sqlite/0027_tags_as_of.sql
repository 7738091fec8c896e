-- What a tag pointed at at a time is found by the time; the order of the rows of one tag is that of their times.
CREATE INDEX tag_history_tag_from ON tag_history (repository_id, name, from_at, id);
DROP INDEX tag_history_tag;
-- When the last tag left an image, however often tags came and went.
CREATE INDEX tag_history_digest_until ON tag_history (repository_id, digest, until_at) WHERE until_at IS NOT NULL;
