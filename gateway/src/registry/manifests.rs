//! Manifests (OCI distribution specification, "Pushing Manifests" and
//! "Pulling manifests").

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use refity_spool::{Intent, IntentAction};
use refity_store::{AuditAction, NewManifest, PutManifest, Referral};
use refity_types::digest::{Algorithm, Digest};
use refity_types::manifest::{Descriptor, MANIFEST_MAX_BYTES, Manifest, ManifestKind};
use refity_types::media_type::MediaType;
use refity_types::name::{IntentId, NameError, Reference, RepositoryName, Tag};

use super::body::{ReadError, RequestBody};
use super::error::RegistryError;
use super::headers::{CONTENT_DIGEST, OCI_SUBJECT, OCI_TAG, content_length, entity_tag, is_known};
use crate::access::Actor;
use crate::client::ClientAddress;
use crate::registry::lists::page;
use crate::registry::{Written, content, disk_space, empty, push_target};
use crate::state::AppState;

/// How often to retry when another process has used the same generation.
const TRIES: usize = 5;

/// The maximum number of tags that a request can set in addition to the one in
/// its path. The specification requires at least 10.
const TAGS_MAX: usize = 100;

/// The number of those tags in one line of the response header.
const TAGS_PER_LINE: usize = 10;

/// `GET` and `HEAD` of a manifest: returns the bytes as they were pushed.
pub(super) async fn get(
    state: &AppState,
    repository: &RepositoryName,
    reference: &Result<Reference, NameError>,
    actor: &Actor,
    parts: &Parts,
) -> Result<Response, RegistryError> {
    let reference = reference
        .as_ref()
        .map_err(|error| RegistryError::ManifestWithoutReference(*error))?;
    let store = &state.node.store;
    let unknown = || RegistryError::ManifestUnknown(reference.to_string());
    let (head, bytes) = if parts.method == Method::HEAD {
        let head = store.manifest_head(repository, reference).await?;
        let head = head.ok_or_else(unknown)?;
        // A client that sees the manifest may rely on it in a push.
        if !store.renew_manifest(&head).await? {
            return Err(unknown());
        }
        (head, Bytes::new())
    } else {
        let manifest = store.manifest(repository, reference).await?;
        let manifest = manifest.ok_or_else(unknown)?;
        (manifest.head, manifest.bytes)
    };
    let headers = [
        (CONTENT_DIGEST, head.digest.to_string()),
        (header::ETAG, entity_tag(&head.digest)),
    ];
    if is_known(&parts.headers, &head.digest) {
        return Ok(empty(StatusCode::NOT_MODIFIED, headers));
    }
    if parts.method == Method::GET {
        let client = ClientAddress::of(&parts.extensions);
        let (identity, reference) = (&actor.identity, reference.to_string());
        let audit = &state.audit;
        audit.count_pull(repository, reference, identity, client);
    }
    let content = [
        (header::CONTENT_TYPE, head.media_type),
        (header::CONTENT_LENGTH, head.size.to_string()),
    ];
    Ok((headers, content, Body::from(bytes)).into_response())
}

/// `PUT` of a manifest, by tag or by digest.
pub(super) async fn put(
    state: &AppState,
    repository: RepositoryName,
    reference: Result<Reference, NameError>,
    actor: &Actor,
    parts: &Parts,
    body: &mut RequestBody,
) -> Result<Written, RegistryError> {
    let reference = reference.map_err(RegistryError::ReferenceInvalid)?;
    let further_tags = tag_parameters(parts)?;
    push_target::require(state, &repository, parts).await?;
    disk_space::require(state, 0)?;
    let content_type = content_type(parts)?;
    let bytes = read(parts, body).await?;
    let manifest = Manifest::parse(&bytes, content_type.as_ref())?;
    let (digest, mut tags) = match reference {
        Reference::Tag(tag) => (Digest::of(Algorithm::Sha256, &bytes), vec![tag]),
        Reference::Digest(named) => {
            let actual = Digest::of(named.algorithm(), &bytes);
            if actual != named {
                return Err(RegistryError::DigestMismatch { named, actual });
            }
            (named, Vec::new())
        }
    };
    for tag in &further_tags {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    let pushed = pushed(&repository, &digest, &tags);
    let mut new = NewManifest {
        repository: repository.clone(),
        digest: digest.clone(),
        media_type: manifest.media_type.clone(),
        bytes,
        platform: None,
        blobs: digests(&manifest.required_blobs()),
        optional_blobs: digests(&manifest.optional_blobs()),
        manifests: digests(&manifest.required_manifests()),
        referral: Referral::of(&manifest),
        tags,
        generation: 0,
        intent: IntentId::random(),
        user: actor.identity.user_id(),
    };
    let config = match (&manifest.config, manifest.kind) {
        (Some(config), ManifestKind::Image) => Some(config.digest.clone()),
        _ => None,
    };
    let check = state.node.store.check_manifest(&new, config).await?;
    if !check.missing.is_empty() {
        return Err(RegistryError::ReferencesUnknown(check.missing));
    }
    new.generation = check.generation;
    if let Some(config) = &check.config {
        new.platform = content::platform_of(state, config).await;
    }
    let jobs = put_with_intent(state, new, parts).await?;
    state.node.wake_uploaders();
    let (target, detail) = pushed;
    let on = (&repository, target);
    let client = ClientAddress::of(&parts.extensions);
    let entry = actor.audit_entry(client, AuditAction::Push, on, Some(detail));
    state.audit.enqueue(entry).await;
    let mut response = empty(
        StatusCode::CREATED,
        [
            (
                header::LOCATION,
                format!("/v2/{repository}/manifests/{digest}"),
            ),
            (CONTENT_DIGEST, digest.to_string()),
        ],
    );
    // Several per line: clients refuse responses with a hundred header lines.
    for tags in further_tags.chunks(TAGS_PER_LINE) {
        let tags: Vec<&str> = tags.iter().map(Tag::as_str).collect();
        if let Ok(tags) = tags.join(", ").parse() {
            response.headers_mut().append(OCI_TAG, tags);
        }
    }
    if let Some(subject) = manifest.subject
        && let Ok(subject) = subject.digest.as_str().parse()
    {
        response.headers_mut().insert(OCI_SUBJECT, subject);
    }
    Ok(Written { response, jobs })
}

/// Returns the target and the details of a push for the audit log.
fn pushed(repository: &RepositoryName, digest: &Digest, tags: &[Tag]) -> (String, String) {
    match tags.split_first() {
        None => (format!("{repository}@{digest}"), digest.to_string()),
        Some((tag, [])) => (format!("{repository}:{tag}"), digest.to_string()),
        Some((tag, others)) => {
            let others: Vec<&str> = others.iter().map(Tag::as_str).collect();
            let detail = format!("{digest}, also {}", others.join(", "));
            (format!("{repository}:{tag}"), detail)
        }
    }
}

/// Returns the tags in `?tag=a&tag=b` (OCI distribution specification, "Pushing
/// Manifests": "Pushing Tags" by digest), with duplicates.
fn tag_parameters(parts: &Parts) -> Result<Vec<Tag>, RegistryError> {
    let query: Vec<(String, String)> = page::query(parts)?;
    let tags = query.into_iter().filter(|(name, _)| name == "tag");
    let tags: Vec<Tag> = tags
        .map(|(_, tag)| tag.parse().map_err(RegistryError::ReferenceInvalid))
        .collect::<Result<_, _>>()?;
    if tags.len() > TAGS_MAX {
        return Err(RegistryError::TooManyTags { most: TAGS_MAX });
    }
    Ok(tags)
}

/// Pushes the manifest with an intent file, which survives the loss of the
/// database.
async fn put_with_intent(
    state: &AppState,
    mut new: NewManifest,
    parts: &Parts,
) -> Result<Vec<refity_store::JobId>, RegistryError> {
    let node = &state.node;
    for _ in 0..TRIES {
        let intent = Intent {
            generation: new.generation,
            repository: new.repository.clone(),
            action: IntentAction::Put {
                media_type: new.media_type.clone(),
                digest: new.digest.clone(),
                tags: new.tags.clone(),
                manifest: new.bytes.clone(),
            },
        };
        node.spool.write_intent(new.intent, intent).await?;
        let refused = match node.store.put_manifest(new.clone()).await {
            Ok(PutManifest::Put { jobs }) => return Ok(jobs),
            Ok(PutManifest::Missing(missing)) => Some(RegistryError::ReferencesUnknown(missing)),
            Ok(PutManifest::Refused(target)) => {
                Some(push_target::refusal(target, &new.repository, parts))
            }
            Ok(PutManifest::GenerationTaken) => None,
            Err(error) => Some(error.into()),
        };
        if let Err(error) = node.spool.remove_intent(new.intent).await {
            tracing::warn!(id = %new.intent, %error, "the intent of a refused push stays until the sweep");
        }
        if let Some(refused) = refused {
            return Err(refused);
        }
        new.intent = IntentId::random();
        new.generation = node.store.next_generation().await?;
    }
    Err(RegistryError::busy("others push the same; try again"))
}

fn digests(descriptors: &[&Descriptor]) -> Vec<Digest> {
    descriptors
        .iter()
        .map(|descriptor| descriptor.digest.clone())
        .collect()
}

fn content_type(parts: &Parts) -> Result<Option<MediaType>, RegistryError> {
    let Some(value) = parts.headers.get(header::CONTENT_TYPE) else {
        return Ok(None);
    };
    let value = String::from_utf8_lossy(value.as_bytes());
    MediaType::from_content_type(&value)
        .map(Some)
        .map_err(|error| RegistryError::ManifestInvalid(format!("the Content-Type: {error}")))
}

async fn read(parts: &Parts, body: &mut RequestBody) -> Result<Bytes, RegistryError> {
    if content_length(&parts.headers).is_some_and(|length| length > MANIFEST_MAX_BYTES as u64) {
        return Err(RegistryError::ManifestTooLarge);
    }
    body.read_to_end(MANIFEST_MAX_BYTES)
        .await
        .map_err(|error| match error {
            ReadError::TooLong => RegistryError::ManifestTooLarge,
            ReadError::Broken => {
                RegistryError::ManifestInvalid("the request broke off; send it again".to_owned())
            }
        })
}
