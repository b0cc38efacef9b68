-- What lists of repositories and tags are sorted by and show, kept in the
-- transactions that change it: by triggers, so that no writer can forget it.

-- removed_at: the repository is gone for clients. Its row stays until no row
-- names it. cleared: its folders are gone from SFTP too.
ALTER TABLE repositories ADD COLUMN removed_at INTEGER;
ALTER TABLE repositories ADD COLUMN cleared INTEGER NOT NULL DEFAULT 0;
-- tags: how many. logical_bytes: of all that it has, each blob once.
-- unique_bytes: of what no other repository has. pulls: of manifests.
ALTER TABLE repositories ADD COLUMN tags INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repositories ADD COLUMN logical_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repositories ADD COLUMN unique_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repositories ADD COLUMN last_push_at INTEGER NOT NULL DEFAULT 0; -- 0: never
ALTER TABLE repositories ADD COLUMN pulls INTEGER NOT NULL DEFAULT 0;

-- size: of the manifest and all that it needs, each once; 0: not added up
-- yet. platforms: JSON, `linux/amd64`; NULL: not known (yet).
ALTER TABLE manifests ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE manifests ADD COLUMN platforms TEXT;

-- version_key: see version.rs; '': not made yet. size: its manifest's.
-- pulled_at 0: never.
ALTER TABLE tags ADD COLUMN version_key TEXT NOT NULL DEFAULT '';
-- For the greatest first: what is no version (its key begins with 2) comes last
-- that way round too.
ALTER TABLE tags ADD COLUMN version_down TEXT NOT NULL
    AS (iif(version_key < '2', '3' || version_key, version_key)) VIRTUAL;
ALTER TABLE tags ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tags ADD COLUMN pulls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tags ADD COLUMN pulled_at INTEGER NOT NULL DEFAULT 0;

CREATE INDEX repository_blobs_held ON repository_blobs (blob_id, repository_id) WHERE wanted;
CREATE INDEX repository_manifests_held ON repository_manifests (manifest_id, repository_id)
    WHERE wanted;
CREATE INDEX repository_manifests_released ON repository_manifests (repository_id)
    WHERE wanted AND released_at IS NOT NULL;

-- What was there before.
UPDATE repositories SET
    tags = (SELECT count(*) FROM tags t
            WHERE t.repository_id = repositories.id AND t.manifest_id IS NOT NULL),
    last_push_at = coalesce((SELECT max(pushed_at) FROM repository_manifests m
                             WHERE m.repository_id = repositories.id), 0),
    pulls = coalesce((SELECT sum(count) FROM pulls p
                      WHERE p.repository_id = repositories.id), 0);
WITH held AS (
    SELECT repository_id, blob_id FROM repository_blobs WHERE wanted
    UNION SELECT repository_id, manifest_id FROM repository_manifests WHERE wanted
), holders AS (SELECT blob_id, count(*) AS count FROM held GROUP BY blob_id),
sums AS (
    SELECT d.repository_id, sum(b.size) AS logical, sum(iif(h.count = 1, b.size, 0)) AS own
    FROM held d JOIN holders h ON h.blob_id = d.blob_id JOIN blobs b ON b.id = d.blob_id
    GROUP BY d.repository_id
)
UPDATE repositories SET logical_bytes = sums.logical, unique_bytes = sums.own
FROM sums WHERE sums.repository_id = repositories.id;
UPDATE tags SET
    pulls = coalesce((SELECT sum(count) FROM pulls p
                      WHERE p.repository_id = tags.repository_id AND p.reference = tags.name), 0),
    pulled_at = coalesce((SELECT max(last_at) FROM pulls p
                          WHERE p.repository_id = tags.repository_id AND p.reference = tags.name), 0)
WHERE EXISTS (SELECT 1 FROM pulls);

-- A page begins anywhere in one of these; rows of one sort key stand there in
-- the order of their ids.
-- (removed_at stands in some so that they answer alone.)
DROP INDEX repositories_of_group;
CREATE INDEX repositories_listed ON repositories (name, id, removed_at) WHERE removed_at IS NULL;
CREATE INDEX repositories_of_group ON repositories (group_id, name, id, removed_at)
    WHERE removed_at IS NULL;
CREATE INDEX repositories_in_group ON repositories (group_id);
CREATE INDEX repositories_by_push ON repositories (last_push_at) WHERE removed_at IS NULL;
CREATE INDEX repositories_by_size ON repositories (unique_bytes) WHERE removed_at IS NULL;
CREATE INDEX repositories_by_tags ON repositories (tags) WHERE removed_at IS NULL;
CREATE INDEX repositories_of_group_by_push ON repositories (group_id, last_push_at)
    WHERE removed_at IS NULL;
CREATE INDEX repositories_of_group_by_size ON repositories (group_id, unique_bytes)
    WHERE removed_at IS NULL;
CREATE INDEX repositories_of_group_by_tags ON repositories (group_id, tags)
    WHERE removed_at IS NULL;
CREATE INDEX repositories_removed ON repositories (id) WHERE removed_at IS NOT NULL;

CREATE INDEX tags_by_push ON tags (repository_id, pushed_at) WHERE manifest_id IS NOT NULL;
CREATE INDEX tags_by_size ON tags (repository_id, size) WHERE manifest_id IS NOT NULL;
CREATE INDEX tags_by_pull ON tags (repository_id, pulled_at) WHERE manifest_id IS NOT NULL;
CREATE INDEX tags_by_version ON tags (repository_id, version_key)
    WHERE manifest_id IS NOT NULL;
CREATE INDEX tags_by_version_down ON tags (repository_id, version_down)
    WHERE manifest_id IS NOT NULL;
CREATE INDEX tags_pushed ON tags (pushed_at) WHERE manifest_id IS NOT NULL;
CREATE INDEX tags_without_key ON tags (id) WHERE version_key = '';
CREATE INDEX manifests_without_size ON manifests (blob_id) WHERE size = 0;

-- Bytes that SFTP holds, and bytes that only this host has.
CREATE INDEX blobs_stored ON blobs (size, wanted, stored_at) WHERE wanted AND stored_at IS NOT NULL;
CREATE INDEX blobs_staged ON blobs (size, wanted, stored_at) WHERE wanted AND stored_at IS NULL;

CREATE TRIGGER tags_made AFTER INSERT ON tags BEGIN
    UPDATE repositories SET tags = tags + 1
    WHERE id = new.repository_id AND new.manifest_id IS NOT NULL;
    UPDATE tags SET
        size = coalesce((SELECT size FROM manifests WHERE blob_id = new.manifest_id), 0),
        pulls = coalesce((SELECT sum(count) FROM pulls p
            WHERE p.repository_id = new.repository_id AND p.reference = new.name), 0),
        pulled_at = coalesce((SELECT max(last_at) FROM pulls p
            WHERE p.repository_id = new.repository_id AND p.reference = new.name), 0)
    WHERE id = new.id;
END;
CREATE TRIGGER tags_moved AFTER UPDATE OF manifest_id ON tags
WHEN old.manifest_id IS NOT new.manifest_id BEGIN
    UPDATE repositories
    SET tags = tags + (new.manifest_id IS NOT NULL) - (old.manifest_id IS NOT NULL)
    WHERE id = new.repository_id
      AND (new.manifest_id IS NULL) <> (old.manifest_id IS NULL);
    UPDATE tags SET size = coalesce((SELECT size FROM manifests WHERE blob_id = new.manifest_id), 0)
    WHERE id = new.id;
END;
CREATE TRIGGER tags_forgotten AFTER DELETE ON tags WHEN old.manifest_id IS NOT NULL BEGIN
    UPDATE repositories SET tags = tags - 1 WHERE id = old.repository_id;
END;
CREATE TRIGGER manifests_sized AFTER UPDATE OF size ON manifests WHEN old.size <> new.size BEGIN
    UPDATE tags SET size = new.size WHERE manifest_id = new.blob_id;
END;

-- A row here says that a repository has a blob (or a manifest's bytes) from
-- now on (gained 1), or has it no more (-1).
CREATE VIEW holdings AS SELECT 0 AS repository_id, 0 AS blob_id, 0 AS gained;
CREATE TRIGGER holdings_changed INSTEAD OF INSERT ON holdings BEGIN
    UPDATE repositories SET logical_bytes = logical_bytes
        + new.gained * (SELECT size FROM blobs WHERE id = new.blob_id)
    WHERE id = new.repository_id;
    -- It is the own of whoever alone has it. A repository has at most two rows
    -- for one blob, so three rows are of two at least.
    UPDATE repositories SET unique_bytes = unique_bytes
        + iif(id = new.repository_id, new.gained, -new.gained)
        * (SELECT size FROM blobs WHERE id = new.blob_id)
    WHERE id = (
        SELECT CASE count(DISTINCT repository_id)
            WHEN 0 THEN new.repository_id WHEN 1 THEN min(repository_id) END
        FROM (
            SELECT repository_id FROM repository_blobs
            WHERE blob_id = new.blob_id AND wanted AND repository_id <> new.repository_id
            UNION ALL
            SELECT repository_id FROM repository_manifests
            WHERE manifest_id = new.blob_id AND wanted AND repository_id <> new.repository_id
            LIMIT 3));
END;

CREATE TRIGGER links_made AFTER INSERT ON repository_blobs WHEN new.wanted BEGIN
    INSERT INTO holdings SELECT new.repository_id, new.blob_id, 1
    WHERE NOT EXISTS (SELECT 1 FROM repository_manifests
        WHERE repository_id = new.repository_id AND manifest_id = new.blob_id AND wanted);
END;
CREATE TRIGGER links_changed AFTER UPDATE OF wanted ON repository_blobs
WHEN old.wanted <> new.wanted BEGIN
    INSERT INTO holdings SELECT new.repository_id, new.blob_id, iif(new.wanted, 1, -1)
    WHERE NOT EXISTS (SELECT 1 FROM repository_manifests
        WHERE repository_id = new.repository_id AND manifest_id = new.blob_id AND wanted);
END;
CREATE TRIGGER links_forgotten AFTER DELETE ON repository_blobs WHEN old.wanted BEGIN
    INSERT INTO holdings SELECT old.repository_id, old.blob_id, -1
    WHERE NOT EXISTS (SELECT 1 FROM repository_manifests
        WHERE repository_id = old.repository_id AND manifest_id = old.blob_id AND wanted);
END;
CREATE TRIGGER revisions_made AFTER INSERT ON repository_manifests WHEN new.wanted BEGIN
    INSERT INTO holdings SELECT new.repository_id, new.manifest_id, 1
    WHERE NOT EXISTS (SELECT 1 FROM repository_blobs
        WHERE repository_id = new.repository_id AND blob_id = new.manifest_id AND wanted);
END;
CREATE TRIGGER revisions_changed AFTER UPDATE OF wanted ON repository_manifests
WHEN old.wanted <> new.wanted BEGIN
    INSERT INTO holdings SELECT new.repository_id, new.manifest_id, iif(new.wanted, 1, -1)
    WHERE NOT EXISTS (SELECT 1 FROM repository_blobs
        WHERE repository_id = new.repository_id AND blob_id = new.manifest_id AND wanted);
END;
CREATE TRIGGER revisions_forgotten AFTER DELETE ON repository_manifests WHEN old.wanted BEGIN
    INSERT INTO holdings SELECT old.repository_id, old.manifest_id, -1
    WHERE NOT EXISTS (SELECT 1 FROM repository_blobs
        WHERE repository_id = old.repository_id AND blob_id = old.manifest_id AND wanted);
END;
CREATE TRIGGER revisions_pushed AFTER INSERT ON repository_manifests BEGIN
    UPDATE repositories SET last_push_at = max(last_push_at, new.pushed_at)
    WHERE id = new.repository_id;
END;
CREATE TRIGGER revisions_pushed_again AFTER UPDATE OF pushed_at ON repository_manifests BEGIN
    UPDATE repositories SET last_push_at = max(last_push_at, new.pushed_at)
    WHERE id = new.repository_id;
END;

CREATE TRIGGER pulls_made AFTER INSERT ON pulls BEGIN
    UPDATE repositories SET pulls = pulls + new.count WHERE id = new.repository_id;
    UPDATE tags SET pulls = pulls + new.count, pulled_at = max(pulled_at, new.last_at)
    WHERE repository_id = new.repository_id AND name = new.reference;
END;
CREATE TRIGGER pulls_added AFTER UPDATE OF count, last_at ON pulls BEGIN
    UPDATE repositories SET pulls = pulls + new.count - old.count WHERE id = new.repository_id;
    UPDATE tags SET pulls = pulls + new.count - old.count, pulled_at = max(pulled_at, new.last_at)
    WHERE repository_id = new.repository_id AND name = new.reference;
END;
CREATE TRIGGER pulls_forgotten AFTER DELETE ON pulls BEGIN
    UPDATE repositories SET pulls = pulls - old.count WHERE id = old.repository_id;
    UPDATE tags SET pulls = pulls - old.count
    WHERE repository_id = old.repository_id AND name = old.reference;
END;

-- The runs of names (0006) leave removed repositories out.
CREATE TRIGGER repository_came_or_went AFTER UPDATE OF removed_at ON repositories
WHEN (OLD.removed_at IS NULL) <> (NEW.removed_at IS NULL) BEGIN
    UPDATE name_runs SET count = -1 WHERE list = 0 AND first = (
        SELECT max(first) FROM name_runs WHERE list = 0 AND first <= NEW.name);
END;
DROP TRIGGER run_made;
DROP TRIGGER run_cut;
-- x'' is more than every text.
CREATE TRIGGER run_made AFTER UPDATE OF count ON name_runs WHEN NEW.count = -1 BEGIN
    UPDATE name_runs SET (count, names) = (
        SELECT count(*), coalesce(group_concat(name, '","'), '') FROM (
            SELECT name FROM tags
            WHERE repository_id = NEW.list AND manifest_id IS NOT NULL
              AND name >= NEW.first AND name < coalesce((
                  SELECT min(first) FROM name_runs WHERE list = NEW.list AND first > NEW.first), x'')
            UNION ALL
            SELECT name FROM repositories
            WHERE NEW.list = 0 AND removed_at IS NULL
              AND name >= NEW.first AND name < coalesce((
                  SELECT min(first) FROM name_runs WHERE list = NEW.list AND first > NEW.first), x'')
            ORDER BY name))
    WHERE list = NEW.list AND first = NEW.first;
    DELETE FROM name_runs
    WHERE list = NEW.list AND first = NEW.first AND first <> '' AND count = 0;
END;

-- A run that has become long is cut in two: each write makes one anew.
CREATE TRIGGER run_cut AFTER UPDATE OF count ON name_runs WHEN NEW.count > 128 BEGIN
    INSERT INTO name_runs SELECT NEW.list, name, 0, '' FROM (
        SELECT name FROM tags
        WHERE repository_id = NEW.list AND manifest_id IS NOT NULL AND name >= NEW.first
        UNION ALL
        SELECT name FROM repositories WHERE NEW.list = 0 AND removed_at IS NULL AND name >= NEW.first
        ORDER BY name LIMIT 1 OFFSET 64);
    UPDATE name_runs SET (count, names) = (
        SELECT count(*), group_concat(name, '","') FROM (
            SELECT name FROM tags
            WHERE repository_id = name_runs.list AND manifest_id IS NOT NULL
              AND name >= name_runs.first AND name < coalesce((
                  SELECT min(next.first) FROM name_runs next
                  WHERE next.list = name_runs.list AND next.first > name_runs.first), x'')
            UNION ALL
            SELECT name FROM repositories
            WHERE name_runs.list = 0 AND removed_at IS NULL
              AND name >= name_runs.first AND name < coalesce((
                  SELECT min(next.first) FROM name_runs next
                  WHERE next.list = name_runs.list AND next.first > name_runs.first), x'')
            ORDER BY name))
    WHERE list = NEW.list AND first IN (NEW.first, (
        SELECT min(first) FROM name_runs WHERE list = NEW.list AND first > NEW.first));
END;
