//! Health checks: whether the process serves, and whether it takes pushes.
//!
//! Anybody may ask, so the answer says no more than a monitor needs;
//! administrators see everything.

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

/// `GET /healthz`: 200 as long as the process serves.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// The body of [`ready`].
#[derive(Serialize)]
pub(crate) struct Readiness {
    /// Pushes are taken.
    ready: bool,
    /// Why not, in words.
    reasons: Vec<String>,
    /// SFTP. It does not count: pushes wait in the spool.
    storage: Storage,
    /// Bytes of the spool's disk that pushes may still fill.
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<u64>,
}

#[derive(Serialize)]
struct Storage {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<Trouble>,
}

/// `GET /readyz`: 200 if a push would be taken, else 503 with the reasons.
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
    // Wrong credentials get the same answer as none.
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
