-- The names of a list, many to a row: to read a page name by name costs more
-- than all else that a request does. Triggers keep the runs, so that they are
-- as true as the rows that they are of, whoever writes those.
--
-- A list is a repository's tags (its key), or all repositories (0). A run has
-- its names from `first` up to the next run's `first`; the first run of a list
-- begins at ''.
CREATE TABLE name_runs (
    list  INTEGER NOT NULL,
    first TEXT    NOT NULL,
    count INTEGER NOT NULL, -- -1: to be made anew
    names TEXT    NOT NULL, -- in order, with "," between them
    PRIMARY KEY (list, first)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER tag_listed AFTER INSERT ON tags WHEN NEW.manifest_id IS NOT NULL BEGIN
    INSERT INTO name_runs SELECT NEW.repository_id, '', 0, '' WHERE NOT EXISTS (
        SELECT 1 FROM name_runs WHERE list = NEW.repository_id AND first = '');
    UPDATE name_runs SET count = -1 WHERE list = NEW.repository_id AND first = (
        SELECT max(first) FROM name_runs WHERE list = NEW.repository_id AND first <= NEW.name);
END;

CREATE TRIGGER tag_came_or_went AFTER UPDATE OF manifest_id ON tags
WHEN (OLD.manifest_id IS NULL) <> (NEW.manifest_id IS NULL) BEGIN
    INSERT INTO name_runs SELECT NEW.repository_id, '', 0, '' WHERE NOT EXISTS (
        SELECT 1 FROM name_runs WHERE list = NEW.repository_id AND first = '');
    UPDATE name_runs SET count = -1 WHERE list = NEW.repository_id AND first = (
        SELECT max(first) FROM name_runs WHERE list = NEW.repository_id AND first <= NEW.name);
END;

CREATE TRIGGER tag_forgotten AFTER DELETE ON tags WHEN OLD.manifest_id IS NOT NULL BEGIN
    UPDATE name_runs SET count = -1 WHERE list = OLD.repository_id AND first = (
        SELECT max(first) FROM name_runs WHERE list = OLD.repository_id AND first <= OLD.name);
END;

CREATE TRIGGER repository_listed AFTER INSERT ON repositories BEGIN
    UPDATE name_runs SET count = -1 WHERE list = 0 AND first = (
        SELECT max(first) FROM name_runs WHERE list = 0 AND first <= NEW.name);
END;

CREATE TRIGGER repository_forgotten AFTER DELETE ON repositories BEGIN
    DELETE FROM name_runs WHERE list = OLD.id;
    UPDATE name_runs SET count = -1 WHERE list = 0 AND first = (
        SELECT max(first) FROM name_runs WHERE list = 0 AND first <= OLD.name);
END;

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
            WHERE NEW.list = 0
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
        SELECT name FROM repositories WHERE NEW.list = 0 AND name >= NEW.first
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
            WHERE name_runs.list = 0
              AND name >= name_runs.first AND name < coalesce((
                  SELECT min(next.first) FROM name_runs next
                  WHERE next.list = name_runs.list AND next.first > name_runs.first), x'')
            ORDER BY name))
    WHERE list = NEW.list AND first IN (NEW.first, (
        SELECT min(first) FROM name_runs WHERE list = NEW.list AND first > NEW.first));
END;

-- What is there already.
INSERT INTO name_runs VALUES (0, '', 0, '');
INSERT INTO name_runs
    SELECT list, iif(place = 1, '', name), 0, '' FROM (
        SELECT repository_id AS list, name,
               row_number() OVER (PARTITION BY repository_id ORDER BY name) AS place
        FROM tags WHERE manifest_id IS NOT NULL
        UNION ALL
        SELECT 0, name, 1 + row_number() OVER (ORDER BY name) FROM repositories)
    WHERE place % 100 = 1;
UPDATE name_runs SET count = -1;
