//! The repositories that an account may see in lists.

use refity_types::rights::Pattern;

use crate::UserId;
use crate::engine::value::Named;

/// The repositories that a list contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readable {
    /// All repositories.
    All,
    /// Repositories of public groups and those granted to an account, as far as
    /// the patterns match them.
    Some {
        /// The user whose grants apply; `None` if the patterns alone decide.
        granted_to: Option<UserId>,
        /// The patterns; `None` for all granted repositories.
        within: Option<Vec<Pattern>>,
    },
}

impl Readable {
    /// Returns the public repositories.
    #[must_use]
    pub fn public() -> Self {
        Self::Some {
            granted_to: None,
            within: Some(Vec::new()),
        }
    }

    /// Binds the parameters of [`READABLE`].
    pub(crate) fn bind(&self, values: &mut Named<'_>) {
        let (all, user, within) = self.values();
        values.push(":all", all);
        values.push(":user", user);
        values.push(":within", within);
    }

    /// Returns the parameters of [`READABLE`]: `:all`, `:user` and `:within`.
    pub(crate) fn values(&self) -> (bool, Option<i64>, Option<String>) {
        match self {
            Self::All => (true, None, None),
            Self::Some { granted_to, within } => {
                let within = within.as_ref().map(|patterns| {
                    let patterns = patterns.iter().map(|pattern| pattern.to_string().into());
                    serde_json::Value::Array(patterns.collect()).to_string()
                });
                (false, granted_to.map(|user| user.0), within)
            }
        }
    }
}

/// Condition that the repository `r` of the group `g` is readable, for a query
/// with the parameters of [`Readable::values`]. Every right includes pull.
pub(crate) const READABLE: &str = "(:all OR g.public OR (
    (:user IS NULL OR EXISTS (SELECT 1 FROM grants x WHERE x.user_id = :user
        AND x.group_id = g.id AND x.repository IN ('', r.name) AND x.rights <> 0))
    AND (:within IS NULL OR EXISTS (SELECT 1 FROM json_each(:within) p
        WHERE p.value IN ('*', g.name || '/*', r.name)))))";
