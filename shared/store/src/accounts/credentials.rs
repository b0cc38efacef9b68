//! The current status of credentials. A credential that is revoked, changed or
//! disabled is refused from the next request on.

use refity_types::name::RepositoryName;
use refity_types::rights::Scope;

use crate::accounts::grants::{EffectiveGrant, permissions_for};
use crate::accounts::robots::robot_by_id;
use crate::accounts::tokens::valid_token;
use crate::accounts::users::user_by_id;
use crate::engine::db::Db;
use crate::engine::value::params;
use crate::{Robot, SecretHash, Store, StoreError, TokenId, TokenOwner, User, UserId};

/// The credential behind a request or an issued token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Credential {
    /// No credential.
    Anonymous,
    /// An account's password.
    Password {
        /// The account.
        user: UserId,
        /// Time when the password was set (milliseconds, UTC).
        set_at: i64,
    },
    /// An access token.
    Token {
        /// Id of the token.
        id: TokenId,
    },
    /// A session.
    Session {
        /// Id of the session.
        id: String,
    },
}

/// The owner of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// An anonymous client.
    Anonymous,
    /// A user.
    User(User),
    /// A robot.
    Robot(Robot),
}

/// A valid access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentedToken {
    /// Id of the token.
    pub id: TokenId,
    /// The owner of the token.
    pub principal: Principal,
    /// The scopes of the token; `None` for all rights of the principal.
    pub scopes: Option<Vec<Scope>>,
}

/// The current status of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialStatus {
    /// The owner of the credential.
    pub principal: Principal,
    /// The scopes of the credential; `None` for all rights of the principal.
    pub scopes: Option<Vec<Scope>>,
    /// The principal's grant that applies to the repository.
    pub grant: EffectiveGrant,
}

/// The owner of a credential, and its scopes.
type Narrowed = (Principal, Option<Vec<Scope>>);

fn user_of(db: &Db, id: UserId) -> Result<Option<User>, StoreError> {
    Ok(user_by_id(db, id)?.filter(|user| !user.disabled))
}

/// Returns the owner of a token, and the token's scopes.
fn owner_of(
    db: &Db,
    owner: TokenOwner,
    scopes: Option<Vec<Scope>>,
) -> Result<Option<Narrowed>, StoreError> {
    Ok(match owner {
        TokenOwner::User(user) => user_of(db, user)?.map(|user| (Principal::User(user), scopes)),
        TokenOwner::Robot(robot) => {
            robot_by_id(db, robot)?
                .filter(|robot| !robot.disabled)
                .map(|robot| {
                    let scopes = Some(robot.scopes.clone());
                    (Principal::Robot(robot), scopes)
                })
        }
    })
}

fn principal_of(
    db: &Db,
    credential: &Credential,
    now: i64,
) -> Result<Option<Narrowed>, StoreError> {
    match credential {
        Credential::Anonymous => Ok(Some((Principal::Anonymous, None))),
        Credential::Password { user, set_at } => {
            let user = user_of(db, *user)?.filter(|user| user.password_changed_at == *set_at);
            Ok(user.map(|user| (Principal::User(user), None)))
        }
        Credential::Token { id } => match valid_token(db, "id = ?1", id.0, now)? {
            Some(found) => owner_of(db, found.owner, found.scopes),
            None => Ok(None),
        },
        Credential::Session { id } => {
            let user = db.optional(
                "SELECT user_id FROM sessions WHERE id = ?1 AND expires_at > ?2",
                params![id, now],
                |row| row.get(0),
            )?;
            match user {
                Some(user) => Ok(user_of(db, user)?.map(|user| (Principal::User(user), None))),
                None => Ok(None),
            }
        }
    }
}

impl Store {
    /// Returns the current status of a credential, with the grant that applies
    /// to this repository. `None` if the credential expired, was revoked or
    /// changed, or if its account is disabled or deleted.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn credential_status(
        &self,
        credential: &Credential,
        repository: Option<&RepositoryName>,
    ) -> Result<Option<CredentialStatus>, StoreError> {
        let (credential, repository) = (credential.clone(), repository.cloned());
        let now = self.clock.wall_ms();
        self.read(move |db| {
            let Some((principal, scopes)) = principal_of(db, &credential, now)? else {
                return Ok(None);
            };
            let user = match &principal {
                Principal::User(user) => Some(user.id),
                Principal::Anonymous | Principal::Robot(_) => None,
            };
            let grant = match &repository {
                Some(repository) => permissions_for(db, user, repository)?,
                None => EffectiveGrant::default(),
            };
            Ok(Some(CredentialStatus {
                principal,
                scopes,
                grant,
            }))
        })
        .await
    }

    /// Returns the valid access token with this secret.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn token_of_secret(
        &self,
        hash: SecretHash,
    ) -> Result<Option<PresentedToken>, StoreError> {
        let now = self.clock.wall_ms();
        self.read(move |db| {
            let Some(found) = valid_token(db, "secret_hash = ?1", hash, now)? else {
                return Ok(None);
            };
            let owner = owner_of(db, found.owner, found.scopes)?;
            Ok(owner.map(|(principal, scopes)| PresentedToken {
                id: found.id,
                principal,
                scopes,
            }))
        })
        .await
    }
}
