//! Dependencies between jobs.

use crate::engine::db::Db;
use crate::{JobId, StoreError};

/// Makes `job` depend on `needed`, so that `job` starts only after `needed` is
/// done.
pub(crate) fn add_dependency(db: &Db, job: JobId, needed: JobId) -> Result<(), StoreError> {
    db.run(
        "INSERT INTO job_dependencies (job_id, depends_on_id) VALUES (?1, ?2)
         ON CONFLICT (job_id, depends_on_id) DO NOTHING",
        [job.0, needed.0],
    )?;
    Ok(())
}

/// Sets a job to `waiting` if it has unfinished dependencies, else to
/// `pending`. Leaves a running job unchanged.
pub(crate) fn update_readiness(db: &Db, job: JobId) -> Result<(), StoreError> {
    db.run(
        "UPDATE jobs SET state = CASE WHEN EXISTS (
             SELECT 1 FROM job_dependencies n JOIN jobs j ON j.id = n.depends_on_id
             WHERE n.job_id = jobs.id AND j.state <> 'done') THEN 'waiting' ELSE 'pending' END
         WHERE id = ?1 AND state IN ('waiting', 'pending')",
        [job.0],
    )?;
    Ok(())
}
