-- A call of a process that is dead or silent may reach SFTP late, and undo
-- there what was made true since: so the target is looked at once more, by a
-- run that begins after `suspect_until` (of the boot beside it), whatever is
-- wished by then.
--
-- overwrites: the run under way overwrites or removes, though the job may have
-- turned round since.
ALTER TABLE jobs ADD COLUMN overwrites INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN suspect_until INTEGER;
ALTER TABLE jobs ADD COLUMN suspect_boot TEXT;
UPDATE jobs SET overwrites = (kind = 'publish_tag' OR removes) WHERE state = 'running';
UPDATE jobs SET suspect_until = 0, suspect_boot = '' WHERE look_again AND state <> 'done';
ALTER TABLE jobs DROP COLUMN look_again;

-- Files of intents go in the order of their generations: the replay of an
-- older one alone would undo a newer one. Their generations stand in the files
-- only; a later one's last job is never older than an earlier one's.
CREATE TABLE intents_in_order (
    id         TEXT    NOT NULL,
    job_id     INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    kind       TEXT    NOT NULL, -- with target: the job's
    target     INTEGER NOT NULL,
    PRIMARY KEY (id, job_id)
) STRICT, WITHOUT ROWID;
INSERT INTO intents_in_order
    SELECT i.id, i.job_id, max(i.job_id) OVER (PARTITION BY i.id), j.kind, j.target
    FROM intents i JOIN jobs j ON j.id = i.job_id;
DROP TABLE intents;
ALTER TABLE intents_in_order RENAME TO intents;
CREATE INDEX intents_of_job ON intents (job_id);
CREATE INDEX intents_of_target ON intents (kind, target, generation);
