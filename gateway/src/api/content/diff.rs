//! Compares two images of a repository.

use std::collections::{BTreeMap, HashSet};

use axum::Json as Answer;
use refity_types::digest::Digest;
use refity_types::manifest::Descriptor;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::ApiError;
use crate::api::content::image_config::ShownConfig;
use crate::api::content::repository_access::{Reader, RepositoryQuery};
use crate::api::content::resolved_image::ResolvedImage;
use crate::api::extract::{Guarded, Query};
use crate::api::openapi::{ErrorBody, SignedIn};

/// The images to compare.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DiffQuery {
    /// A tag or a digest.
    #[param(example = "1.2.3")]
    from: String,
    /// A tag or a digest.
    #[param(example = "1.2.4")]
    to: String,
    /// The platform to compare, for multi-platform images.
    #[param(example = "linux/arm64")]
    platform: Option<String>,
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DiffLayer)]
struct Layer {
    #[schema(value_type = String)]
    digest: Digest,
    size: u64,
    created_by: Option<String>,
}

/// The layers in both images and in only one of them, each in the order of its
/// image.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
struct Layers {
    same: Vec<Layer>,
    added: Vec<Layer>,
    removed: Vec<Layer>,
}

/// A value that differs: `null` if the image does not have it.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
struct Changed {
    from: Option<String>,
    to: Option<String>,
}

/// A list of strings, in both images.
#[derive(Serialize, ToSchema)]
struct ArgumentsDiff {
    from: Vec<String>,
    to: Vec<String>,
    changed: bool,
}

/// One of the two images.
#[derive(Serialize, ToSchema)]
struct Side {
    #[schema(value_type = String)]
    digest: Digest,
    #[schema(example = "linux/amd64")]
    platform: Option<String>,
    /// The size of the image in bytes; each blob is counted once.
    size: i64,
    /// Why the configuration cannot be compared.
    config_unavailable: Option<String>,
}

/// The differences between two images.
#[derive(Serialize, ToSchema)]
pub(super) struct Diff {
    from: Side,
    to: Side,
    layers: Layers,
    /// The bytes to download for the second image if the first is already
    /// present.
    download_bytes: u64,
    /// Environment variables that differ.
    env: BTreeMap<String, Changed>,
    /// Labels that differ.
    labels: BTreeMap<String, Changed>,
    entrypoint: ArgumentsDiff,
    cmd: ArgumentsDiff,
    user: Changed,
    working_dir: Changed,
}

/// The route for comparing images.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new().routes(routes!(show))
}

/// `GET /api/diff?repo=&from=&to=&platform=`: compares two images.
#[utoipa::path(get, path = "/diff", tag = "images", params(RepositoryQuery, DiffQuery),
    responses(
        (status = 200, description = "The differences", body = Diff),
        (status = 404, description = "The repository, image or platform does not exist",
         body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn show(
    Reader {
        state, repository, ..
    }: Reader,
    Query(query): Query<DiffQuery>,
) -> Result<Answer<Diff>, ApiError> {
    let platform = query.platform.as_deref().filter(|it| !it.is_empty());
    let from = ResolvedImage::resolve(&state, &repository, &query.from, platform).await?;
    let to = ResolvedImage::resolve(&state, &repository, &query.to, platform).await?;
    let layers = compare(&listed(&from), &listed(&to));
    let nothing = ShownConfig::default();
    let config =
        |resolved: &ResolvedImage| resolved.config.as_ref().map(|config| config.shown.clone());
    let (before, after) = (config(&from), config(&to));
    let (before, after) = (
        before.as_ref().unwrap_or(&nothing),
        after.as_ref().unwrap_or(&nothing),
    );
    Ok(Answer(Diff {
        download_bytes: layers.added.iter().map(|layer| layer.size).sum(),
        layers,
        env: differing(&variables(&before.env), &variables(&after.env)),
        labels: differing(&before.labels, &after.labels),
        entrypoint: arguments(&before.entrypoint, &after.entrypoint),
        cmd: arguments(&before.cmd, &after.cmd),
        user: both(before.user.as_ref(), after.user.as_ref()),
        working_dir: both(before.working_dir.as_ref(), after.working_dir.as_ref()),
        from: side(from),
        to: side(to),
    }))
}

fn side(resolved: ResolvedImage) -> Side {
    let (facts, _) = resolved.image();
    Side {
        digest: facts.digest.clone(),
        size: facts.size,
        platform: resolved.platform().map(ToString::to_string),
        config_unavailable: resolved.config_unavailable,
    }
}

fn listed(resolved: &ResolvedImage) -> Vec<Layer> {
    let layers = resolved.image().1.layers.iter().zip(resolved.made_by());
    let layer = |(layer, created_by): (&Descriptor, Option<String>)| Layer {
        digest: layer.digest.clone(),
        size: layer.size,
        created_by,
    };
    layers.map(layer).collect()
}

fn compare(from: &[Layer], to: &[Layer]) -> Layers {
    let digests = |layers: &[Layer]| -> HashSet<Digest> {
        layers.iter().map(|layer| layer.digest.clone()).collect()
    };
    let (before, after) = (digests(from), digests(to));
    let some = |layers: &[Layer], wanted: &dyn Fn(&Layer) -> bool| -> Vec<Layer> {
        layers
            .iter()
            .filter(|layer| wanted(layer))
            .cloned()
            .collect()
    };
    Layers {
        same: some(to, &|layer| before.contains(&layer.digest)),
        added: some(to, &|layer| !before.contains(&layer.digest)),
        removed: some(from, &|layer| !after.contains(&layer.digest)),
    }
}

fn variables(env: &[String]) -> BTreeMap<String, String> {
    let pairs = env
        .iter()
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Returns the entries that differ.
fn differing(
    from: &BTreeMap<String, String>,
    to: &BTreeMap<String, String>,
) -> BTreeMap<String, Changed> {
    let names = from.keys().chain(to.keys());
    names
        .filter(|name| from.get(*name) != to.get(*name))
        .map(|name| (name.clone(), both(from.get(name), to.get(name))))
        .collect()
}

fn both(from: Option<&String>, to: Option<&String>) -> Changed {
    Changed {
        from: from.cloned(),
        to: to.cloned(),
    }
}

fn arguments(from: &[String], to: &[String]) -> ArgumentsDiff {
    ArgumentsDiff {
        changed: from != to,
        from: from.to_vec(),
        to: to.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_compared_regardless_of_position() {
        let layer = |name: &str| Layer {
            digest: Digest::sha256(name.as_bytes()),
            size: 1,
            created_by: None,
        };
        let compared = compare(
            &[layer("base"), layer("old"), layer("end")],
            &[layer("base"), layer("new"), layer("end"), layer("more")],
        );
        assert_eq!(compared.same, [layer("base"), layer("end")]);
        assert_eq!(compared.added, [layer("new"), layer("more")]);
        assert_eq!(compared.removed, [layer("old")]);
    }

    #[test]
    fn only_differing_variables_are_returned() {
        let env = |pairs: &[&str]| {
            let pairs: Vec<String> = pairs.iter().map(|it| (*it).to_owned()).collect();
            variables(&pairs)
        };
        let compared = differing(
            &env(&["A=1", "B=2", "C=x=y", "D"]),
            &env(&["A=1", "B=3", "E=5", "D"]),
        );
        let names: Vec<&str> = compared.keys().map(String::as_str).collect();
        assert_eq!(names, ["B", "C", "E"]);
        assert_eq!(compared["C"].from.as_deref(), Some("x=y"));
        assert_eq!(
            (&compared["E"].from, compared["E"].to.as_deref()),
            (&None, Some("5"))
        );
    }
}
