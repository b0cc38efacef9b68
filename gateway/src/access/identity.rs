//! The identity behind a request.

use refity_store::{Credential, Principal, User, UserId};
use refity_types::account::UserName;
use refity_types::rights::Scope;

use crate::audit::AuditActor;

/// The identity behind a request, and the credential that proves it.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The credential that proves the identity.
    pub(crate) credential: Credential,
    /// The account, the robot, or an anonymous client.
    pub(crate) principal: Principal,
    /// The scopes of the credential; `None` for all permissions of the account.
    pub(crate) scopes: Option<Vec<Scope>>,
}

impl Identity {
    /// Returns the identity of an anonymous client.
    pub(crate) fn anonymous() -> Self {
        Self {
            credential: Credential::Anonymous,
            principal: Principal::Anonymous,
            scopes: None,
        }
    }

    /// Returns the identity of a person who sent a password.
    pub(crate) fn by_password(user: User) -> Self {
        Self {
            credential: Credential::Password {
                user: user.id,
                set_at: user.password_changed_at,
            },
            principal: Principal::User(user),
            scopes: None,
        }
    }

    /// Returns the account, if the identity is a person.
    pub(crate) fn user(&self) -> Option<&User> {
        match &self.principal {
            Principal::User(user) => Some(user),
            Principal::Anonymous | Principal::Robot(_) => None,
        }
    }

    /// Returns the account's id, if the identity is a person.
    pub(crate) fn user_id(&self) -> Option<UserId> {
        self.user().map(|user| user.id)
    }

    /// Whether this is the account's name, ignoring case and the form of
    /// accents.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        match &self.principal {
            Principal::Anonymous => false,
            Principal::User(user) => {
                let key = |name: &str| name.parse().map(|name: UserName| name.key()).ok();
                key(name).is_some_and(|name| key(&user.name) == Some(name))
            }
            Principal::Robot(robot) => robot.name.to_string() == name,
        }
    }

    /// Returns the name for logs and messages.
    pub(crate) fn name(&self) -> String {
        match &self.principal {
            Principal::Anonymous => "anonymous".to_owned(),
            Principal::User(user) => user.name.clone(),
            Principal::Robot(robot) => robot.name.to_string(),
        }
    }
}

impl From<&Identity> for AuditActor {
    fn from(identity: &Identity) -> Self {
        Self {
            name: identity.name(),
            credential: identity.credential.clone(),
        }
    }
}
