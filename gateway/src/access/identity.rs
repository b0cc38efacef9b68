//! Who a request comes from.

use refity_store::{Credential, Principal, User, UserId};
use refity_types::account::UserName;
use refity_types::rights::Scope;

use crate::audit::AuditActor;

/// Who a request comes from, and by what it was told.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// By what it was told.
    pub(crate) credential: Credential,
    /// Who it is.
    pub(crate) principal: Principal,
    /// What the credential is restricted to; `None` for all rights of the account.
    pub(crate) scopes: Option<Vec<Scope>>,
}

impl Identity {
    /// Nobody in particular.
    pub(crate) fn anonymous() -> Self {
        Self {
            credential: Credential::Anonymous,
            principal: Principal::Anonymous,
            scopes: None,
        }
    }

    /// A person who gave a password.
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

    /// The person, if it is one.
    pub(crate) fn user(&self) -> Option<&User> {
        match &self.principal {
            Principal::User(user) => Some(user),
            Principal::Anonymous | Principal::Robot(_) => None,
        }
    }

    /// The person's key, if it is one.
    pub(crate) fn user_id(&self) -> Option<UserId> {
        self.user().map(|user| user.id)
    }

    /// Whether this is the name, however its case and accents are written.
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

    /// The name, as logs and messages show it.
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
