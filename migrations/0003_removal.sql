-- What garbage collection decides by.
--
-- touched_at: when a client was last told that it is there, or pushed it. It
-- is not collected for a day after.
-- released_at: when a delete took away the last that held the manifest.
-- untagged_at: when a tag of the manifest last moved to another.
ALTER TABLE repository_blobs ADD COLUMN touched_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repository_manifests ADD COLUMN touched_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repository_manifests ADD COLUMN released_at INTEGER;
ALTER TABLE repository_manifests ADD COLUMN untagged_at INTEGER;
UPDATE repository_blobs SET touched_at = unixepoch() * 1000;
UPDATE repository_manifests SET touched_at = unixepoch() * 1000;

-- Rows of what is to be gone, or is gone, until nothing remembers them.
CREATE INDEX tags_removed ON tags (id) WHERE manifest_id IS NULL;
CREATE INDEX repository_blobs_removed ON repository_blobs (id) WHERE NOT wanted;
CREATE INDEX repository_manifests_removed ON repository_manifests (id) WHERE NOT wanted;
CREATE INDEX blobs_removed ON blobs (id) WHERE NOT wanted;

-- Up to which time of its schedule the collection has been run, and whether it
-- can be run at all.
CREATE TABLE collection (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    scheduled_at  INTEGER NOT NULL,
    partial_index INTEGER NOT NULL -- SFTP holds what the index does not know
) STRICT;
INSERT INTO collection VALUES (1, unixepoch() * 1000, 0);
CREATE INDEX uploads_of_blob ON uploads (blob_id) WHERE blob_id IS NOT NULL;
CREATE INDEX tags_published ON tags (published_manifest_id);
