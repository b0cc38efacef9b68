//! Creates the first user.

use refity_config::Secret;
use refity_store::{Store, StoreError};

use super::{Access, PasswordError};

/// The password if none was configured. With it, the account can do nothing but
/// change it.
const FIRST_PASSWORD: &str = "admin";

/// Why the first user cannot be created.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FirstAdminError {
    /// The database failed.
    #[error("the database does not work: {0}")]
    Store(#[from] StoreError),
    /// The password could not be hashed.
    #[error("cannot create the first user: {0}")]
    Password(#[from] PasswordError),
}

/// Creates the account `admin` if there is no account at all.
///
/// # Errors
/// If the database fails or the password cannot be hashed.
pub(crate) async fn create(
    store: &Store,
    access: &Access,
    password: Option<&Secret>,
) -> Result<(), FirstAdminError> {
    if store.has_users().await? {
        return Ok(());
    }
    let password = password.map_or(FIRST_PASSWORD, Secret::expose);
    let must_change = password == FIRST_PASSWORD;
    let hash = access.hash(password).await?;
    // Another gateway may have created it first.
    if store.create_first_admin(hash, must_change).await? {
        if must_change {
            tracing::warn!(
                "made the first user: admin, with the password admin, which can do nothing but \
                 change that password"
            );
        } else {
            tracing::info!("made the first user: admin, with the password of ADMIN_PASSWORD");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::AuthError;
    use crate::client::ClientAddress;
    use crate::state::AppState;
    use refity_store::User;

    async fn sign_in(state: &AppState, password: &str) -> Result<User, AuthError> {
        let client = ClientAddress::new([192, 0, 2, 1].into());
        let user = state.access.sign_in(client, "admin", password);
        user.await
    }

    #[tokio::test]
    async fn the_first_password_must_be_changed() {
        let folder = tempfile::tempdir().unwrap();
        let state = AppState::for_test(folder.path()).await;
        create(&state.node.store, &state.access, None)
            .await
            .unwrap();
        let admin = sign_in(&state, "admin").await.unwrap();
        assert!(admin.must_change_password);
        // The account exists now: a later ADMIN_PASSWORD has no effect.
        create(
            &state.node.store,
            &state.access,
            Some(&Secret::new("something else")),
        )
        .await
        .unwrap();
        assert!(sign_in(&state, "something else").await.is_err());
    }

    #[tokio::test]
    async fn a_configured_password_need_not_be_changed() {
        let folder = tempfile::tempdir().unwrap();
        let state = AppState::for_test(folder.path()).await;
        create(
            &state.node.store,
            &state.access,
            Some(&Secret::new("correct horse")),
        )
        .await
        .unwrap();
        let admin = sign_in(&state, "correct horse").await;
        assert!(!admin.unwrap().must_change_password);
    }
}
