//! Which repositories a list shows to which account.

use refity_types::rights::Pattern;

use crate::UserId;
use crate::engine::value::Named;

/// Which repositories a list shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readable {
    /// All.
    All,
    /// Those of public groups, and those that an account was given, as far as
    /// they are within the patterns.
    Some {
        /// The user whose grants apply; `None` if the patterns alone decide.
        granted_to: Option<UserId>,
        /// The patterns; `None` for everything that was granted.
        within: Option<Vec<Pattern>>,
    },
}

impl Readable {
    /// What is public.
    #[must_use]
    pub fn public() -> Self {
        Self::Some {
            granted_to: None,
            within: Some(Vec::new()),
        }
    }

    /// Adds the values of [`READABLE`].
    pub(crate) fn bind(&self, values: &mut Named<'_>) {
        let (all, user, within) = self.values();
        values.push(":all", all);
        values.push(":user", user);
        values.push(":within", within);
    }

    /// The values of [`READABLE`]: `:all`, `:user` and `:within`.
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

/// Whether the repository `r` of the group `g` may be read; for a query with
/// the values of [`Readable::values`]. Every right brings pull along.
pub(crate) const READABLE: &str = "(:all OR g.public OR (
    (:user IS NULL OR EXISTS (SELECT 1 FROM grants x WHERE x.user_id = :user
        AND x.group_id = g.id AND x.repository IN ('', r.name) AND x.rights <> 0))
    AND (:within IS NULL OR EXISTS (SELECT 1 FROM json_each(:within) p
        WHERE p.value IN ('*', g.name || '/*', r.name)))))";
