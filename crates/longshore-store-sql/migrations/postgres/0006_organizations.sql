-- What organizations decide about the images that their members use, and who is a verified publisher.

-- Set by the operator: the images of this account count as those of a verified publisher.
ALTER TABLE accounts ADD COLUMN is_verified_publisher BIGINT NOT NULL DEFAULT 0;

CREATE TABLE organization_settings (
    organization_id BIGINT PRIMARY KEY REFERENCES accounts (id),
    -- Whether members may pull only what these allow, and what is the organization's own.
    restricts_images BIGINT NOT NULL,
    allows_official_images BIGINT NOT NULL,
    allows_verified_publishers BIGINT NOT NULL
);
