//! Checks whether a repository can be pushed to, and explains why not.

use axum::http::request::Parts;
use refity_store::PushTarget;
use refity_types::name::RepositoryName;

use super::error::RegistryError;
use crate::middleware::forwarded;
use crate::state::AppState;

/// Returns an error that says what is missing if the repository cannot be
/// pushed to.
///
/// # Errors
/// [`RegistryError::Denied`] if the group or the repository is missing.
pub(super) async fn require(
    state: &AppState,
    repository: &RepositoryName,
    parts: &Parts,
) -> Result<(), RegistryError> {
    let target = state.node.store.push_target(repository).await?;
    match target {
        PushTarget::Open => Ok(()),
        missing => Err(refusal(missing, repository, parts)),
    }
}

/// Explains why this repository cannot be pushed to, and what to do.
pub(super) fn refusal(
    target: PushTarget,
    repository: &RepositoryName,
    parts: &Parts,
) -> RegistryError {
    if target == PushTarget::BeingRemoved {
        return RegistryError::busy(format!(
            "the repository {repository} is being removed; try again in a moment"
        ));
    }
    if target == PushTarget::NoRepository {
        return RegistryError::Denied(format!(
            "the repository {repository} does not exist, and the group {} does not make \
             repositories on push; push to one that exists",
            repository.group()
        ));
    }
    let base_url = forwarded::base_url(parts);
    let group = repository.group();
    let elsewhere = if repository.is_single() {
        format!(" Or push to <group>/{repository}, with a group that exists.")
    } else {
        String::new()
    };
    RegistryError::Denied(format!(
        "the group {group} does not exist; an administrator makes it with: curl -u admin -X POST \
         {}/api/groups -H 'Content-Type: application/json' -d '{{\"name\":\"{group}\"}}'.\
         {elsewhere}",
        base_url.as_deref().unwrap_or("http://<this registry>"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(target: PushTarget, repository: &str) -> String {
        let request = axum::http::Request::builder()
            .header(axum::http::header::HOST, "127.0.0.1:5000")
            .body(())
            .unwrap();
        let (parts, ()) = request.into_parts();
        refusal(target, &repository.parse().unwrap(), &parts).to_string()
    }

    #[test]
    fn a_missing_group_error_explains_how_to_create_it() {
        let words = message(PushTarget::NoGroup, "team/app");
        assert!(words.contains("the group team does not exist"), "{words}");
        assert!(
            words.contains(
                "curl -u admin -X POST http://127.0.0.1:5000/api/groups \
                 -H 'Content-Type: application/json' -d '{\"name\":\"team\"}'"
            ),
            "{words}"
        );
        assert!(!words.contains("<group>"), "{words}");
    }

    #[test]
    fn a_name_of_one_component_error_explains_groups() {
        let words = message(PushTarget::NoGroup, "nginx");
        assert!(words.contains("Or push to <group>/nginx"), "{words}");
    }

    #[test]
    fn a_closed_group_error_says_so() {
        let words = message(PushTarget::NoRepository, "team/app");
        assert!(
            words.contains("the group team does not make repositories on push"),
            "{words}"
        );
    }
}
