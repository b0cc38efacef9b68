//! Resolves an image for display: the requested manifest, the manifest of its
//! platform, and that manifest's configuration.

use std::collections::HashMap;

use refity_store::{ImageFacts, ManifestFacts};
use refity_types::digest::Digest;
use refity_types::manifest::{Manifest, ManifestKind};
use refity_types::name::{Reference, RepositoryName};
use refity_types::platform::{Child, Platform, children};

use crate::api::ApiError;
use crate::api::content::image::no_image;
use crate::api::content::image_config::Config;
use crate::registry::content::read_config;
use crate::state::AppState;

/// The default platform, if an index has it and the query names none.
const USUAL: &str = "linux/amd64";

/// The requested manifest, and the image that its platform selects.
pub(super) struct ResolvedImage {
    pub(super) facts: ImageFacts,
    pub(super) manifest: Manifest,
    pub(super) children: Vec<Child>,
    pub(super) sizes: HashMap<Digest, ManifestFacts>,
    /// The manifest of the platform, if the requested manifest is an index.
    pub(super) inner: Option<(ImageFacts, Manifest, Option<Platform>)>,
    pub(super) config: Option<Config>,
    pub(super) config_unavailable: Option<String>,
}

fn parse(facts: &ImageFacts) -> Result<Manifest, ApiError> {
    let media_type = facts.media_type.parse().ok();
    Manifest::parse(&facts.bytes, media_type.as_ref()).map_err(|error| {
        tracing::error!(digest = %facts.digest, %error, "a stored manifest cannot be read");
        ApiError::Internal
    })
}

impl ResolvedImage {
    /// Resolves an image of a repository that the caller may read.
    ///
    /// # Errors
    /// [`ApiError::Missing`] if there is no such image or platform.
    pub(super) async fn resolve(
        state: &AppState,
        repository: &RepositoryName,
        reference: &str,
        platform: Option<&str>,
    ) -> Result<Self, ApiError> {
        let store = &state.node.store;
        let parsed: Reference = reference
            .parse()
            .map_err(|error| ApiError::Invalid(format!("ref: {error}")))?;
        let facts = store.image(repository, &parsed).await?;
        let facts = facts.ok_or_else(|| no_image(repository, reference))?;
        let manifest = parse(&facts)?;
        let mut resolved = Self {
            children: Vec::new(),
            sizes: HashMap::new(),
            inner: None,
            config: None,
            config_unavailable: None,
            manifest,
            facts,
        };
        if resolved.manifest.kind == ManifestKind::Index {
            resolved
                .resolve_platform(state, repository, platform)
                .await?;
        }
        resolved.read_config(state, repository).await?;
        if let Some(platform) = platform.filter(|_| resolved.inner.is_none()) {
            let own = resolved.config.as_ref().and_then(|it| it.platform.as_ref());
            if own.is_some_and(|own| !own.is_called(platform)) {
                return Err(ApiError::Missing(format!(
                    "{repository}:{reference} is not for {platform}"
                )));
            }
        }
        Ok(resolved)
    }

    async fn resolve_platform(
        &mut self,
        state: &AppState,
        repository: &RepositoryName,
        platform: Option<&str>,
    ) -> Result<(), ApiError> {
        let store = &state.node.store;
        self.children = children(&self.facts.bytes);
        let known = store.children(repository, &self.facts.digest).await?;
        self.sizes = known
            .into_iter()
            .map(|child| (child.digest.clone(), child))
            .collect();
        let called = |child: &&&Child, name: &str| {
            let platform = child.platform.as_ref();
            platform.is_some_and(|platform| platform.is_called(name))
        };
        let images = || self.children.iter().filter(|child| !child.is_attestation());
        let images: Vec<&Child> = images().collect();
        let chosen = match platform {
            Some(name) => {
                let found = images.iter().find(|child| called(child, name));
                Some(found.ok_or_else(|| {
                    let all = images.iter().filter_map(|it| it.platform.as_ref());
                    let all: Vec<String> = all.map(ToString::to_string).collect();
                    ApiError::Missing(format!("it is not for {name}, but for {}", all.join(", ")))
                })?)
            }
            None => {
                let usual = images.iter().find(|child| called(child, USUAL));
                usual.or(images.first())
            }
        };
        let Some(child) = chosen else { return Ok(()) };
        let reference = Reference::Digest(child.digest.clone());
        if let Some(facts) = store.image(repository, &reference).await? {
            let manifest = parse(&facts)?;
            self.inner = Some((facts, manifest, child.platform.clone()));
        }
        Ok(())
    }

    /// Returns the manifest of the platform.
    pub(super) fn image(&self) -> (&ImageFacts, &Manifest) {
        match &self.inner {
            Some((facts, manifest, _)) => (facts, manifest),
            None => (&self.facts, &self.manifest),
        }
    }

    pub(super) fn platform(&self) -> Option<&Platform> {
        let inner = self
            .inner
            .as_ref()
            .and_then(|(_, _, platform)| platform.as_ref());
        inner.or(self.config.as_ref().and_then(|it| it.platform.as_ref()))
    }

    async fn read_config(
        &mut self,
        state: &AppState,
        repository: &RepositoryName,
    ) -> Result<(), ApiError> {
        let (facts, manifest) = self.image();
        let Some(descriptor) = &manifest.config else {
            return Ok(());
        };
        let digest = facts.digest.clone();
        let bytes = match read_config(state, repository, &descriptor.digest).await {
            Ok(bytes) => bytes,
            // The rest can be shown without the configuration.
            Err(error) => {
                self.config_unavailable = Some(error.to_string());
                return Ok(());
            }
        };
        match Config::parse(&bytes) {
            Some(config) => {
                if let Some(platform) = config.platform.clone()
                    && facts.platforms.is_none()
                {
                    let store = &state.node.store;
                    store.note_platform(repository, &digest, platform).await?;
                }
                self.config = Some(config);
            }
            None => {
                self.config_unavailable = Some("the configuration is no JSON object".to_owned());
            }
        }
        Ok(())
    }

    /// Returns the command that created each layer; `None` for all of them if
    /// the history does not match the layers.
    pub(super) fn made_by(&self) -> Vec<Option<String>> {
        let layers = self.image().1.layers.len();
        let history = self.config.as_ref().map(|config| config.history.as_slice());
        let steps = history.unwrap_or_default().iter();
        let steps: Vec<Option<String>> = steps
            .filter(|step| !step.empty_layer)
            .map(|step| step.created_by.clone())
            .collect();
        if steps.len() == layers {
            steps
        } else {
            vec![None; layers]
        }
    }
}
