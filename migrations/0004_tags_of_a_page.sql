-- With all that a page of tags reads, so that it need not look up each row.
DROP INDEX tags_listed;
CREATE INDEX tags_listed ON tags (repository_id, name, manifest_id) WHERE manifest_id IS NOT NULL;
