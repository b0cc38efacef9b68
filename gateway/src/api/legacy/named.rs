//! The legacy paths that contain a repository's name. A name has any number of
//! components, which a router's pattern cannot express, so the path is parsed
//! from its end.

use axum::Json as Answer;
use axum::http::Uri;
use axum::routing::{delete, get};
use percent_encoding::percent_decode_str;
use refity_types::name::{GroupName, RepositoryName, Tag};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use crate::api::ApiError;
use crate::api::content::repository_access::{Deleter, Reader};
use crate::api::content::{repos, tags};
use crate::api::extract::{Caller, Guarded};
use crate::api::legacy::{OldTag, parse, tags_of};
use crate::api::openapi::{ErrorBody, SignedIn};
use crate::client::ClientAddress;

/// The tags of a repository.
#[derive(Serialize, ToSchema)]
#[schema(as = TagsOfRepository)]
struct OfRepository {
    #[schema(value_type = String, example = "team")]
    group: GroupName,
    /// The name relative to the group.
    #[schema(example = "app")]
    repository: String,
    tags: Vec<OldTag>,
    total: i64,
}

/// A success response.
#[derive(Serialize, ToSchema)]
#[schema(as = Removed)]
struct Done {
    success: bool,
    #[schema(example = "Repository team/app deleted")]
    message: String,
}

/// The paths for the API description, as clients write them.
#[derive(OpenApi)]
#[openapi(paths(of_repository, remove_repository, remove_tag))]
struct Description;

/// The paths as the router matches them.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::with_openapi(Description::openapi())
        .route("/groups/{group}/repositories/{*rest}", get(below_a_group))
        .route("/repositories/{*rest}", delete(remove))
}

/// Handles paths below a group's repositories: the tags of one repository.
async fn below_a_group(caller: Caller, uri: Uri) -> Result<Answer<OfRepository>, ApiError> {
    let parts = segments(&uri);
    let ["groups", group, "repositories", name @ .., "tags"] =
        &*parts.iter().map(String::as_str).collect::<Vec<_>>()
    else {
        return Err(ApiError::NotFound);
    };
    if name.is_empty() {
        return Err(ApiError::NotFound);
    }
    of_repository(caller, parse(group)?, name.join("/")).await
}

/// `GET /api/groups/{group}/repositories/{repository}/tags`: lists a
/// repository's tags.
///
/// The repository's name is relative to the group.
#[utoipa::path(get, path = "/groups/{group}/repositories/{repository}/tags", tag = "older paths",
    params(
        ("group" = String, Path, description = "The group's name", example = "team"),
        ("repository" = String, Path,
         description = "The repository's name without the group; `/` may be escaped as `%2F`",
         example = "app"),
    ),
    responses(
        (status = 200, description = "The tags", body = OfRepository),
        (status = 404, description = "The repository does not exist", body = ErrorBody),
        SignedIn,
    ))]
async fn of_repository(
    caller: Caller,
    group: GroupName,
    name: String,
) -> Result<Answer<OfRepository>, ApiError> {
    let repository = parse::<RepositoryName>(&format!("{group}/{name}"))?;
    let mut reader = Reader::check(caller.clone(), repository).await;
    if reader.is_err() && name == group.as_str() {
        reader = Reader::check(caller, parse(&name)?).await;
    }
    let reader = reader?;
    let (tags, total) = tags_of(&reader.state, &reader.repository).await?;
    Ok(Answer(OfRepository {
        group,
        repository: name,
        tags,
        total,
    }))
}

/// Deletes the resource of the path: a repository, or one of its tags.
async fn remove(caller: Caller, client: ClientAddress, uri: Uri) -> Result<Answer<Done>, ApiError> {
    let parts = segments(&uri);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match &*parts {
        ["repositories", name @ .., "tags", tag] if !name.is_empty() => {
            let name = parse(&name.join("/"))?;
            remove_tag(caller, client, name, parse(tag)?).await
        }
        ["repositories", name @ ..] => {
            let name = parse(&name.join("/"))?;
            remove_repository(caller, client, name).await
        }
        _ => Err(ApiError::NotFound),
    }
}

/// `DELETE /api/repositories/{repository}`: deletes a repository with
/// everything in it.
#[utoipa::path(delete, path = "/repositories/{repository}", tag = "older paths",
    params(("repository" = String, Path,
            description = "The repository's name; `/` may be escaped as `%2F`",
            example = "team/app")),
    responses(
        (status = 200, description = "Deleted", body = Done),
        (status = 404, description = "The repository does not exist", body = ErrorBody),
        (status = 409, description = "The repository is being pushed to, or the index is incomplete",
         body = ErrorBody),
        SignedIn,
    ))]
async fn remove_repository(
    caller: Caller,
    client: ClientAddress,
    name: RepositoryName,
) -> Result<Answer<Done>, ApiError> {
    let deleter = Deleter::check(caller, name).await?;
    repos::take_away(&deleter, client, false).await?;
    let name = deleter.repository;
    Ok(done(format!("Repository {name} deleted")))
}

/// `DELETE /api/repositories/{repository}/tags/{tag}`: deletes a tag.
#[utoipa::path(delete, path = "/repositories/{repository}/tags/{tag}", tag = "older paths",
    params(
        ("repository" = String, Path,
         description = "The repository's name; `/` may be escaped as `%2F`",
         example = "team/app"),
        ("tag" = String, Path, description = "The tag's name", example = "1.2.3"),
    ),
    responses(
        (status = 200, description = "Deleted", body = Done),
        (status = 404, description = "The repository or tag does not exist", body = ErrorBody),
        (status = 409, description = "The account is your own, or the last administrator", body = ErrorBody),
        SignedIn,
    ))]
async fn remove_tag(
    caller: Caller,
    client: ClientAddress,
    name: RepositoryName,
    tag: Tag,
) -> Result<Answer<Done>, ApiError> {
    let message = format!("Tag {tag} deleted from repository {name}");
    let deleter = Deleter::check(caller, name).await?;
    tags::take_away(&deleter, client, vec![tag], false).await?;
    Ok(done(message))
}

fn done(message: String) -> Answer<Done> {
    Answer(Done {
        success: true,
        message,
    })
}

/// Returns the segments of the path below `/api`. A slash written as `%2F` does not separate
/// segments, so that a repository named `team/tags/x` can be told from a tag.
fn segments(uri: &Uri) -> Vec<String> {
    let path = uri.path().trim_matches('/').split('/');
    path.map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_in_a_name_may_be_written_both_ways() {
        for (path, expected) in [
            ("/repositories/team/app", "team|app"),
            ("/repositories/team%2Fapp", "team/app"),
            (
                "/repositories/team%2Ftags%2Fx/tags/v1",
                "team/tags/x|tags|v1",
            ),
        ] {
            let parts = segments(&path.parse().unwrap());
            assert_eq!(parts[1..].join("|"), expected, "{path}");
        }
    }
}
