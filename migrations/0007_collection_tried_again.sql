-- A collection by the schedule that did not get to its end is tried again.
--
-- scheduled_at: up to which time of its schedule it has been done.
-- collector: the process that collects now, by its name in `owners/`.
-- next_try_at: when the next may begin, since the boot whose id stands beside.
ALTER TABLE collection ADD COLUMN collector TEXT;
ALTER TABLE collection ADD COLUMN next_try_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE collection ADD COLUMN boot_id TEXT NOT NULL DEFAULT '';
