-- What organizations decide about the images that their members use, and who is a verified publisher.

-- Set by the operator: the images of this account count as those of a verified publisher.
ALTER TABLE accounts ADD COLUMN is_verified_publisher INTEGER NOT NULL DEFAULT 0;

CREATE TABLE organization_settings (
    organization_id INTEGER PRIMARY KEY REFERENCES accounts (id),
    -- Whether members may pull only what these allow, and what is the organization's own.
    restricts_images INTEGER NOT NULL,
    allows_official_images INTEGER NOT NULL,
    allows_verified_publishers INTEGER NOT NULL
) STRICT;
