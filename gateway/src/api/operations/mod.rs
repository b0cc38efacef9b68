//! Operations: transfers, the storage, garbage collection, the audit log, health.

pub(crate) mod audit;
pub(crate) mod csv;
pub(crate) mod events;
pub(crate) mod forecast;
pub(crate) mod gc;
pub(crate) mod health;
pub(crate) mod jobs;
pub(crate) mod overview;
pub(crate) mod sftp;
pub(crate) mod storage;
pub(crate) mod transfer;
pub(crate) mod usage;

use utoipa_axum::router::OpenApiRouter;

use crate::api::extract::Guarded;

/// Returns their routes.
pub(super) fn families() -> [OpenApiRouter<Guarded>; 8] {
    [
        audit::routes(),
        events::routes(),
        gc::routes(),
        jobs::routes(),
        overview::routes(),
        sftp::routes(),
        storage::routes(),
        usage::routes(),
    ]
}
