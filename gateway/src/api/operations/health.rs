//! Health checks: whether the process is running, and whether it accepts
//! pushes.
//!
//! No authentication is needed, so the response contains only what a monitor
//! needs. Administrators see everything.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use refity_store::{HealthState, Trouble};
use serde::Serialize;

use crate::access::rights;
use crate::api::extract;
use crate::readiness::{Obstacle, Report};
use crate::state::AppState;

/// `GET /healthz`: returns 200 while the process is running.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// The body of [`ready`].
#[derive(Serialize)]
pub(crate) struct Readiness {
    /// Whether pushes are accepted.
    ready: bool,
    /// Why pushes are not accepted.
    reasons: Vec<String>,
    /// The state of SFTP. It does not affect `ready`, because pushes wait in
    /// the spool.
    storage: Storage,
    /// The free bytes on the spool's disk that pushes can still use.
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<u64>,
}

#[derive(Serialize)]
struct Storage {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<Trouble>,
}

/// `GET /readyz`: returns 200 if pushes are accepted, otherwise 503 with the
/// reasons.
pub(crate) async fn ready(
    State(state): State<AppState>,
    parts: Parts,
) -> (StatusCode, Answer<Readiness>) {
    let report = state.readiness.report().await;
    let status = if report.obstacles.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    // Invalid credentials get the same response as no credentials.
    let caller = extract::authenticate(&state, &parts).await;
    let admin = caller.is_ok_and(|it| rights::may_administer(&it));
    (status, Answer(shown(report, admin)))
}

fn shown(report: Report, admin: bool) -> Readiness {
    let (state, trouble) = match report.health {
        HealthState::Unknown => ("unknown", None),
        HealthState::Up => ("up", None),
        HealthState::Down(trouble) => ("down", Some(trouble)),
        HealthState::NeedsPerson(trouble) => ("needs_person", Some(trouble)),
    };
    let reason = |it: Obstacle| {
        if admin {
            it.detail
        } else {
            it.summary.to_owned()
        }
    };
    Readiness {
        ready: report.obstacles.is_empty(),
        reasons: report.obstacles.into_iter().map(reason).collect(),
        storage: Storage {
            state,
            trouble: trouble.filter(|_| admin),
        },
        room: report.free.filter(|_| admin),
    }
}
