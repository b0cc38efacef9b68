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
