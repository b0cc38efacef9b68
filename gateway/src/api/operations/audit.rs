//! The audit log: who did what.

use axum::Json as Answer;
use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use refity_store::{AuditAction, AuditFilter, AuditLine, Order, Store, StoreError};
use refity_types::name::RepositoryName;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::ApiError;
use crate::api::extract::{Admin, Guarded, Query};
use crate::api::list::{List, ListQuery};
use crate::api::openapi::SignedIn;
use crate::api::operations::csv;
use crate::timestamp::{parse, rfc3339};

/// The number of entries that an export reads at once.
const PIECE: u32 = 1000;

/// The columns of an export.
const COLUMNS: [&str; 11] = [
    "id",
    "at",
    "actor",
    "credential",
    "action",
    "target",
    "repo",
    "address",
    "refused",
    "count",
    "detail",
];

/// The format of the response.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Json,
    Csv,
}

/// The entries to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only return actions of this account or robot.
    #[param(example = "alice")]
    actor: Option<String>,
    /// Only return actions of this kind: `login`, `push`, `pull`, `delete`,
    /// `grant`, …
    #[param(value_type = Option<String>, example = "push")]
    action: Option<AuditAction>,
    /// Only return actions on this repository.
    #[param(value_type = Option<String>, example = "team/app")]
    repo: Option<RepositoryName>,
    /// Only return actions at or after this time or day.
    #[param(example = "2026-01-31")]
    since: Option<String>,
    /// Only return actions before this time or day.
    #[param(example = "2026-01-31T12:00:00Z")]
    until: Option<String>,
    /// `json` or `csv`. `Accept: text/csv` also selects CSV.
    #[param(value_type = Option<String>, example = "csv")]
    format: Option<Format>,
}

/// An action.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(super) struct Item {
    #[schema(example = 4711)]
    id: i64,
    /// The time of the action; the last time if `count` is more than 1.
    at: String,
    /// The actor: an account, a robot, `anonymous`, or `system`.
    #[schema(example = "alice")]
    actor: String,
    /// The kind of credential: `password`, `session`, `token` or `none`.
    #[schema(example = "token")]
    credential: String,
    /// The kind of action.
    #[schema(example = "push")]
    action: String,
    /// The object of the action.
    #[schema(example = "team/app:1.2")]
    target: String,
    /// The repository, if the action concerns one.
    #[schema(example = "team/app")]
    repo: Option<String>,
    /// The client's address.
    #[schema(example = "192.0.2.7")]
    address: String,
    /// Whether the action was refused.
    refused: bool,
    /// The number of times. Pulls of a tag are counted per day and account, and
    /// failed sign-ins per minute. A client that sends a password or a token
    /// with every request is recorded once an hour.
    #[schema(example = 1)]
    count: i64,
    /// Further details.
    detail: Option<String>,
}

impl From<AuditLine> for Item {
    fn from(line: AuditLine) -> Self {
        Self {
            id: line.id,
            at: rfc3339(line.at),
            actor: line.actor,
            credential: line.credential,
            action: line.action,
            target: line.target,
            repo: line.repository,
            address: line.address,
            refused: line.refused,
            count: line.count,
            detail: line.detail,
        }
    }
}

impl Item {
    fn row(&self) -> String {
        let (id, count) = (self.id.to_string(), self.count.to_string());
        csv::row([
            id.as_str(),
            &self.at,
            &self.actor,
            &self.credential,
            &self.action,
            &self.target,
            self.repo.as_deref().unwrap_or_default(),
            &self.address,
            if self.refused { "true" } else { "false" },
            &count,
            self.detail.as_deref().unwrap_or_default(),
        ])
    }
}

/// The route for the audit log.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new().routes(routes!(audit))
}

/// Lists the audit log, latest first.
///
/// Requires an administrator. The CSV format (RFC 4180) contains all entries
/// that match the filter, latest first. A `'` is put before cells that a
/// spreadsheet would interpret as formulas.
#[utoipa::path(get, path = "/audit", tag = "audit", params(Filter, ListQuery),
    responses(
        (status = 200, description = "A page of the log, or all of it", content(
            (List<Item> = "application/json"),
            (String = "text/csv", example = "id,at,actor,credential,action,target,repo,address,\
                refused,count,detail\r\n"),
        )),
        SignedIn,
    ))]
pub(super) async fn audit(
    Admin { state, .. }: Admin,
    headers: HeaderMap,
    Query(filter): Query<Filter>,
    Query(query): Query<ListQuery>,
) -> Result<Response, ApiError> {
    let wanted = AuditFilter {
        actor: filter.actor.filter(|actor| !actor.is_empty()),
        action: filter.action,
        repository: filter.repo.map(|name| name.to_string()),
        since: time("since", filter.since.as_deref())?,
        until: time("until", filter.until.as_deref())?,
        text: query.search()?,
    };
    let page = query.page(Order::Desc)?;
    // Include the recent actions of this gateway.
    state.audit.flush().await?;
    let store = &state.node.store;
    if filter.format.unwrap_or_else(|| accepted(&headers)) == Format::Csv {
        return Ok(export(store.clone(), wanted));
    }
    let page = store.audit(wanted, page).await?;
    Ok(Answer(List::of(page, Item::from)).into_response())
}

fn accepted(headers: &HeaderMap) -> Format {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let csv = accept.is_some_and(|accept| {
        let mut types = accept.split(',').map(str::trim);
        types.any(|it| it.split(';').next().map(str::trim_end) == Some("text/csv"))
    });
    if csv { Format::Csv } else { Format::Json }
}

fn time(name: &str, text: Option<&str>) -> Result<Option<i64>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match parse(text) {
        Some(ms) => Ok(Some(ms)),
        None => Err(ApiError::Invalid(format!(
            "{name} is no time: give one such as 2026-01-31T12:00:00Z, or a day such as 2026-01-31"
        ))),
    }
}

/// The position of an export.
enum Progress {
    Head,
    /// The rows after this entry; `None` to start at the latest.
    Rows(Option<(i64, i64)>),
    End,
}

/// Streams all entries, and reads them in batches as the client consumes them.
/// If reading fails midway, the response is cut off.
fn export(store: Store, filter: AuditFilter) -> Response {
    let pieces = stream::try_unfold(Progress::Head, move |progress| {
        let (store, filter) = (store.clone(), filter.clone());
        async move {
            let place = match progress {
                Progress::Head => {
                    let head = Bytes::from(csv::row(COLUMNS));
                    return Ok(Some((head, Progress::Rows(None))));
                }
                Progress::Rows(place) => place,
                Progress::End => return Ok(None),
            };
            let (lines, next) = store.audit_before(filter, place, PIECE).await?;
            let rows: String = lines
                .into_iter()
                .map(|line| Item::from(line).row())
                .collect();
            let progress = next.map_or(Progress::End, |next| Progress::Rows(Some(next)));
            Ok::<_, StoreError>(Some((Bytes::from(rows), progress)))
        }
    });
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""),
        (CACHE_CONTROL, "no-store"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    (headers, Body::from_stream(pieces)).into_response()
}
