//! The registry at a glance: counts and last pushes, what it can, and names
//! that hold a text.

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

/// How many pushes are shown.
const RECENT: u32 = 10;

/// How many names of each kind are found.
const FOUND: u32 = 8;

/// How many transfers stand where, of what you may read.
#[derive(Serialize, ToSchema)]
struct Jobs {
    /// They wait, for others or for an uploader.
    queued: i64,
    running: i64,
    /// They need a person.
    failed: i64,
}

/// How the storage is.
#[derive(Serialize, ToSchema)]
struct Sftp {
    /// `up`, `down`, `needs_person` or `unknown`.
    #[schema(example = "up")]
    state: &'static str,
    /// Since when.
    #[schema(example = "2026-01-31T12:00:00Z")]
    since: String,
    /// What is wrong; administrators are told.
    message: Option<String>,
    /// What to do about it.
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

/// A group with its bytes.
#[derive(Serialize, ToSchema)]
struct LargeGroup {
    #[schema(value_type = String, example = "team")]
    name: GroupName,
    /// Bytes of its repositories, each counted by itself.
    logical_bytes: i64,
}

/// The registry at a glance, as far as you may read it.
#[derive(Serialize, ToSchema)]
#[schema(as = Overview)]
pub(super) struct Shown {
    groups: i64,
    repos: i64,
    tags: i64,
    /// Bytes of all repositories, each counted by itself.
    logical_bytes: i64,
    /// Bytes that the storage holds, each blob once.
    stored_bytes: i64,
    /// Bytes that only this host has.
    staged_bytes: i64,
    jobs: Jobs,
    sftp: Sftp,
    /// The last pushes, the newest first.
    recent: Vec<Recent>,
    /// The groups with the most bytes, the largest first: five at most.
    largest_groups: Vec<LargeGroup>,
}

/// The paths of what concerns everything.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new()
        .routes(routes!(overview))
        .routes(routes!(config))
        .routes(routes!(search))
}

/// `GET /api/overview`: the registry at a glance.
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

/// What the registry is set to do.
#[derive(Serialize, ToSchema)]
struct Features {
    /// A push is answered when it is on the storage.
    sync_upload: bool,
    /// Untagged images are collected too.
    collects_untagged: bool,
}

/// What programs need to know of the registry.
#[derive(Serialize, ToSchema)]
pub(super) struct Config {
    /// What stands before a repository's name in commands: `PUBLIC_URL`'s host, else the host that
    /// the request names.
    #[schema(example = "registry.example.org")]
    registry_host: String,
    /// Whether clients reach it by HTTPS.
    https: bool,
    #[schema(example = "0.1.0")]
    version: &'static str,
    features: Features,
}

/// `GET /api/config`: what programs need to know of the registry.
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

/// What to search for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "only its description is used")]
pub(super) struct Text {
    /// The text, anywhere in a name.
    #[param(example = "api")]
    q: String,
}

/// A tag that was found.
#[derive(Serialize, ToSchema)]
struct FoundTag {
    #[schema(value_type = String, example = "team/app")]
    repo: RepositoryName,
    #[schema(value_type = String, example = "1.2.3")]
    tag: Tag,
}

/// Names that hold the text, those that begin with it first: eight of each
/// kind at most.
#[derive(Serialize, ToSchema)]
pub(super) struct Found {
    #[schema(value_type = Vec<String>, example = json!(["team"]))]
    groups: Vec<GroupName>,
    #[schema(value_type = Vec<String>, example = json!(["team/app"]))]
    repos: Vec<RepositoryName>,
    tags: Vec<FoundTag>,
}

/// `GET /api/search?q=`: groups, repositories and tags by their names, as far
/// as you may read them.
#[utoipa::path(get, path = "/search", tag = "overview", params(Text),
    responses((status = 200, description = "What was found", body = Found), SignedIn))]
pub(super) async fn search(
    Caller { state, caller }: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Answer<Found>, ApiError> {
    let text = query.search()?.ok_or_else(|| {
        ApiError::Invalid("q is missing or empty: give a text to search for".to_owned())
    })?;
    let readable = rights::readable(&caller);
    let found = state.node.store.search(readable, text, FOUND).await?;
    let tag = |tag: refity_store::FoundTag| FoundTag {
        repo: tag.repository,
        tag: tag.tag,
    };
    Ok(Answer(Found {
        groups: found.groups,
        repos: found.repositories,
        tags: found.tags.into_iter().map(tag).collect(),
    }))
}
