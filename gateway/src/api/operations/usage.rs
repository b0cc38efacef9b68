//! Usage of a Hetzner Storage Box.

use axum::Json as Answer;
use axum::response::{IntoResponse as _, Response};
use refity_store::Trouble;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::ApiError;
use crate::api::extract::{Caller, Guarded};
use crate::api::openapi::SignedIn;

/// The bytes of what Hetzner calls a TB: 1024^4.
const TB: f64 = 1_099_511_627_776.0;

/// A problem with the storage, or with the source of its numbers.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = StorageProblem)]
pub(super) struct Problem {
    /// The machine-readable error code.
    #[schema(example = "rate_limited")]
    code: String,
    /// What happened.
    message: String,
    /// What to do.
    hint: Option<String>,
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        Self {
            code: trouble.code,
            message: trouble.message,
            hint: trouble.hint,
        }
    }
}

/// Usage of the box. All numbers are `null` until Hetzner's API has responded.
#[derive(Serialize, ToSchema)]
struct Card {
    enabled: bool,
    /// The used bytes, including snapshots.
    #[schema(example = 412_316_860_416_u64)]
    used_size: Option<u64>,
    /// The size of the box in bytes.
    #[schema(example = 1_099_511_627_776_u64)]
    total_size: Option<u64>,
    /// In units of 1024^4 bytes, which Hetzner calls TB.
    #[schema(example = 0.38)]
    used_size_tb: Option<f64>,
    #[schema(example = 1.0)]
    total_size_tb: Option<f64>,
    #[schema(example = 37.5)]
    usage_percent: Option<f64>,
    /// The bytes of snapshots. Deleted data is only freed when the snapshots
    /// are deleted.
    #[schema(example = 0)]
    snapshots: Option<u64>,
    /// The age of the numbers, in seconds.
    #[schema(example = 42)]
    age_s: Option<u64>,
    /// Whether the numbers are older than ten minutes.
    stale: bool,
    /// Why there are no newer numbers.
    error: Option<Problem>,
}

/// No box is configured.
#[derive(Serialize, ToSchema)]
struct Off {
    #[schema(example = false)]
    enabled: bool,
}

/// The usage, or that no box is configured.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its description is used")]
enum CardOrOff {
    Card(Card),
    Off(Off),
}

/// The route for the usage.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new().routes(routes!(usage))
}

/// Returns the usage of the Hetzner Storage Box.
///
/// Hetzner's API is queried at most every ten minutes. While it fails, the last
/// numbers are returned with their age. The response is `{"enabled": false}` if
/// no box is configured.
#[utoipa::path(get, path = "/ftp/usage", tag = "storage",
    responses((status = 200, description = "The storage's space and its use", body = CardOrOff), SignedIn))]
pub(super) async fn usage(Caller { state, .. }: Caller) -> Result<Response, ApiError> {
    let Some(usage) = &state.usage else {
        return Ok(Answer(Off { enabled: false }).into_response());
    };
    let known = usage.known().await;
    let (numbers, age) = known.usage.unzip();
    let tb = |bytes: u64| rounded(as_float(bytes) / TB, 4);
    let percent = numbers.filter(|it| it.total > 0);
    let percent = percent.map(|it| rounded(as_float(it.used) / as_float(it.total) * 100.0, 2));
    Ok(Answer(Card {
        enabled: true,
        used_size: numbers.map(|it| it.used),
        total_size: numbers.map(|it| it.total),
        used_size_tb: numbers.map(|it| tb(it.used)),
        total_size_tb: numbers.map(|it| tb(it.total)),
        usage_percent: percent,
        snapshots: numbers.map(|it| it.snapshots),
        age_s: age.map(|age| age.as_secs()),
        stale: known.stale,
        error: known.trouble.map(Problem::from),
    })
    .into_response())
}

#[allow(clippy::cast_precision_loss, reason = "for people")]
fn as_float(bytes: u64) -> f64 {
    bytes as f64
}

fn rounded(number: f64, places: i32) -> f64 {
    let scale = 10_f64.powi(places);
    (number * scale).round() / scale
}
