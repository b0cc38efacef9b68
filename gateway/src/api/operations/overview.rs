//! An overview of the registry: counts and recent pushes, its settings, and a
//! search for names.

use axum::Json as Answer;
use axum::http::request::Parts;
use refity_store::{HealthState, RecentPush};
use refity_types::digest::Digest;
use refity_types::name::{GroupName, RepositoryName, Tag};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::rights;
use crate::api::ApiError;
use crate::api::content::ShownDurability;
use crate::api::extract::{Caller, Guarded, Query};
use crate::api::list::ListQuery;
use crate::api::openapi::SignedIn;
use crate::middleware::forwarded;
use crate::timestamp::rfc3339;

/// The number of recent pushes.
const RECENT: u32 = 10;

/// The maximum number of search results of each kind.
const FOUND: u32 = 8;

/// The number of transfers by state, for repositories that you may read.
#[derive(Serialize, ToSchema)]
struct Jobs {
    /// Transfers that wait for other transfers or for an uploader.
    queued: i64,
    running: i64,
    /// Transfers that failed and need attention.
    failed: i64,
}

/// The state of the storage.
#[derive(Serialize, ToSchema)]
struct Sftp {
    /// `up`, `down`, `needs_person` or `unknown`.
    #[schema(example = "up")]
    state: &'static str,
    /// When this state began.
    #[schema(example = "2026-01-31T12:00:00Z")]
    since: String,
    /// What is wrong; `null` unless you are an administrator.
    message: Option<String>,
    /// What to do; `null` unless you are an administrator.
    hint: Option<String>,
}

/// A push.
#[derive(Serialize, ToSchema)]
struct Recent {
    #[schema(value_type = String, example = "team/app")]
    repo: RepositoryName,
    #[schema(value_type = String, example = "1.2.3")]
    tag: Tag,
    #[schema(value_type = String)]
    digest: Digest,
    size: i64,
    #[schema(example = "2026-01-31T12:00:00Z")]
    pushed_at: String,
    pushed_by: Option<String>,
    durability: ShownDurability,
}

impl From<RecentPush> for Recent {
    fn from(push: RecentPush) -> Self {
        Self {
            repo: push.repository,
            tag: push.tag,
            digest: push.digest,
            size: push.size,
            pushed_at: rfc3339(push.pushed_at),
            pushed_by: push.pushed_by,
            durability: push.durability.into(),
        }
    }
}

/// A group with its size.
#[derive(Serialize, ToSchema)]
struct LargeGroup {
    #[schema(value_type = String, example = "team")]
    name: GroupName,
    /// The total size of its repositories in bytes. Shared blobs are counted
    /// once per repository.
    logical_bytes: i64,
}

/// An overview of the parts of the registry that you may read.
#[derive(Serialize, ToSchema)]
#[schema(as = Overview)]
pub(super) struct Shown {
    groups: i64,
    repos: i64,
    tags: i64,
    /// The total size of all repositories in bytes. Shared blobs are counted
    /// once per repository.
    logical_bytes: i64,
    /// The bytes on the storage; each blob is counted once.
    stored_bytes: i64,
    /// The bytes that are only on this host.
    staged_bytes: i64,
    jobs: Jobs,
    sftp: Sftp,
    /// The most recent pushes, newest first.
    recent: Vec<Recent>,
    /// The largest groups, in descending order: at most five.
    largest_groups: Vec<LargeGroup>,
}

/// The routes for the overview, settings and search.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new()
        .routes(routes!(overview))
        .routes(routes!(config))
        .routes(routes!(search))
}

/// `GET /api/overview`: returns an overview of the registry.
#[utoipa::path(get, path = "/overview", tag = "overview",
    responses((status = 200, description = "The registry at a glance", body = Shown), SignedIn))]
pub(super) async fn overview(Caller { state, caller }: Caller) -> Result<Answer<Shown>, ApiError> {
    let store = &state.node.store;
    let found = store.overview(rights::readable(&caller), RECENT).await?;
    let health = store.health().await?;
    let (word, trouble) = match health.state {
        HealthState::Up => ("up", None),
        HealthState::Down(trouble) => ("down", Some(trouble)),
        HealthState::NeedsPerson(trouble) => ("needs_person", Some(trouble)),
        HealthState::Unknown => ("unknown", None),
    };
    let trouble = trouble.filter(|_| rights::may_administer(&caller));
    let large = |it: refity_store::LargeGroup| LargeGroup {
        name: it.name,
        logical_bytes: it.logical_bytes,
    };
    Ok(Answer(Shown {
        groups: found.groups,
        repos: found.repositories,
        tags: found.tags,
        logical_bytes: found.logical_bytes,
        stored_bytes: found.stored_bytes,
        staged_bytes: found.staged_bytes,
        jobs: Jobs {
            queued: found.queued,
            running: found.running,
            failed: found.failed,
        },
        sftp: Sftp {
            state: word,
            since: rfc3339(health.since),
            hint: trouble.as_ref().and_then(|trouble| trouble.hint.clone()),
            message: trouble.map(|trouble| trouble.message),
        },
        recent: found.recent.into_iter().map(Recent::from).collect(),
        largest_groups: found.largest_groups.into_iter().map(large).collect(),
    }))
}

/// The registry's features.
#[derive(Serialize, ToSchema)]
struct Features {
    /// Whether a push is acknowledged only when it is stored on SFTP.
    sync_upload: bool,
    /// Whether garbage collection also deletes untagged images.
    collects_untagged: bool,
}

/// The registry's settings for other programs.
#[derive(Serialize, ToSchema)]
pub(super) struct Config {
    /// The prefix of repository names in commands: the host of `PUBLIC_URL`, or the host of the
    /// request.
    #[schema(example = "registry.example.org")]
    registry_host: String,
    /// Whether clients connect by HTTPS.
    https: bool,
    #[schema(example = "0.1.0")]
    version: &'static str,
    features: Features,
}

/// `GET /api/config`: returns the registry's settings for other programs.
#[utoipa::path(get, path = "/config", tag = "overview",
    responses((status = 200, description = "The registry's settings", body = Config), SignedIn))]
pub(super) async fn config(Caller { state, .. }: Caller, parts: Parts) -> Answer<Config> {
    let settings = &state.settings;
    let url = settings.public_url.clone();
    let url = url
        .or_else(|| forwarded::base_url(&parts))
        .unwrap_or_default();
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", &url));
    let host = rest.split('/').next().unwrap_or(rest);
    Answer(Config {
        registry_host: host.to_owned(),
        https: scheme == "https",
        version: env!("CARGO_PKG_VERSION"),
        features: Features {
            sync_upload: settings.sync.is_some(),
            collects_untagged: settings.collection.untagged_after.is_some(),
        },
    })
}

/// The search query.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "only its description is used")]
pub(super) struct Text {
    /// The text to search for, anywhere in a name.
    #[param(example = "api")]
    q: String,
}

/// A tag in the search results.
#[derive(Serialize, ToSchema)]
struct TagMatch {
    #[schema(value_type = String, example = "team/app")]
    repo: RepositoryName,
    #[schema(value_type = String, example = "1.2.3")]
    tag: Tag,
}

/// The names that contain the text. Names that start with it come first. There
/// are at most eight of each kind.
#[derive(Serialize, ToSchema)]
pub(super) struct SearchResults {
    #[schema(value_type = Vec<String>, example = json!(["team"]))]
    groups: Vec<GroupName>,
    #[schema(value_type = Vec<String>, example = json!(["team/app"]))]
    repos: Vec<RepositoryName>,
    tags: Vec<TagMatch>,
}

/// `GET /api/search?q=`: searches groups, repositories and tags by name.
///
/// Returns only names that you may read.
#[utoipa::path(get, path = "/search", tag = "overview", params(Text),
    responses((status = 200, description = "The matches", body = SearchResults), SignedIn))]
pub(super) async fn search(
    Caller { state, caller }: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Answer<SearchResults>, ApiError> {
    let text = query.search()?.ok_or_else(|| {
        ApiError::Invalid("q is missing or empty: give a text to search for".to_owned())
    })?;
    let readable = rights::readable(&caller);
    let found = state.node.store.search(readable, text, FOUND).await?;
    let tag = |tag: refity_store::TagMatch| TagMatch {
        repo: tag.repository,
        tag: tag.tag,
    };
    Ok(Answer(SearchResults {
        groups: found.groups,
        repos: found.repositories,
        tags: found.tags.into_iter().map(tag).collect(),
    }))
}
