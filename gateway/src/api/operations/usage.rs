//! The usage card: how full a Hetzner Storage Box is.

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

/// Bytes of what Hetzner calls a TB: 1024^4.
const TB: f64 = 1_099_511_627_776.0;

/// What is wrong with the storage, or with what tells of it.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = StorageProblem)]
pub(super) struct Problem {
    /// The word for programs.
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

/// How full the box is. All numbers are nothing as long as Hetzner's API has
/// not answered.
#[derive(Serialize, ToSchema)]
struct Card {
    enabled: bool,
    /// Bytes, snapshots among them.
    #[schema(example = 412_316_860_416_u64)]
    used_size: Option<u64>,
    /// Bytes.
    #[schema(example = 1_099_511_627_776_u64)]
    total_size: Option<u64>,
    /// In units of 1024^4 bytes, which Hetzner calls TB.
    #[schema(example = 0.38)]
    used_size_tb: Option<f64>,
    #[schema(example = 1.0)]
    total_size_tb: Option<f64>,
    #[schema(example = 37.5)]
    usage_percent: Option<f64>,
    /// Bytes of snapshots. What is deleted is free when they have gone.
    #[schema(example = 0)]
    snapshots: Option<u64>,
    /// How old the numbers are, in seconds.
    #[schema(example = 42)]
    age_s: Option<u64>,
    /// They are older than ten minutes.
    stale: bool,
    /// Why there are no newer ones.
    error: Option<Problem>,
}

/// There is no card.
#[derive(Serialize, ToSchema)]
struct Off {
    #[schema(example = false)]
    enabled: bool,
}

/// Either.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its description is used")]
enum CardOrOff {
    Card(Card),
    Off(Off),
}

/// The path of the card.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new().routes(routes!(usage))
}

/// How full the Hetzner Storage Box is.
///
/// Asked of Hetzner every ten minutes at most; while Hetzner's API fails, the
/// last answer with its age. `{"enabled": false}` where no card is configured.
#[utoipa::path(get, path = "/ftp/usage", tag = "storage",
    responses((status = 200, description = "How full it is", body = CardOrOff), SignedIn))]
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
