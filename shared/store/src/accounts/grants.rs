//! Rights granted to accounts, and the grant that applies to a repository.

use refity_types::name::{GroupName, RepositoryName};
use refity_types::rights::Rights;

use crate::engine::db::{Db, Row};
use crate::engine::page::List;
use crate::engine::sql::parsed;
use crate::engine::value::{named_params, params};
use crate::{Page, PageRequest, Store, StoreError, UserId};

/// Rights on a group or on one of its repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The account.
    pub user: UserId,
    /// The account's name.
    pub user_name: String,
    /// The group.
    pub group: GroupName,
    /// One repository of the group; `None` for all.
    pub repository: Option<RepositoryName>,
    /// The rights, as granted.
    pub rights: Rights,
}

/// The grant that applies to a repository, before applying the account's role
/// and the credential's scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EffectiveGrant {
    /// Whether the repository's group is public.
    pub public: bool,
    /// Rights granted to the account on the group or on the repository itself.
    pub rights: Rights,
}

/// Returns the grant of an account that applies to a repository, which need not
/// exist. If the account is `None`, the client is anonymous and has public
/// access only.
pub(crate) fn permissions_for(
    db: &Db,
    user: Option<UserId>,
    repository: &RepositoryName,
) -> Result<EffectiveGrant, StoreError> {
    let group = db.optional(
        "SELECT id, public FROM groups WHERE name = ?1 AND desired",
        [repository.group().as_str()],
        |row| Ok((row.get::<i64>(0)?, row.get(1)?)),
    )?;
    let Some((group, public)) = group else {
        return Ok(EffectiveGrant::default());
    };
    let Some(user) = user else {
        return Ok(EffectiveGrant {
            public,
            rights: Rights::NONE,
        });
    };
    let mut all = Rights::NONE;
    for rights in db.all(
        "SELECT rights FROM grants
         WHERE user_id = ?1 AND group_id = ?2 AND repository IN ('', ?3)",
        params![user.0, group, repository.as_str()],
        |row| row.get(0),
    )? {
        all = all.or(rights);
    }
    Ok(EffectiveGrant {
        public,
        rights: all,
    })
}

impl Store {
    /// Returns the grant of an account that applies to a repository.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn permissions_for(
        &self,
        user: Option<UserId>,
        repository: &RepositoryName,
    ) -> Result<EffectiveGrant, StoreError> {
        let repository = repository.clone();
        self.read(move |db| permissions_for(db, user, &repository))
            .await
    }

    /// Returns the grant of an account on a whole group, or `None` if there is
    /// no such group.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn permissions_for_group(
        &self,
        user: Option<UserId>,
        group: &GroupName,
    ) -> Result<Option<EffectiveGrant>, StoreError> {
        let group = group.clone();
        self.read_for_people(move |db| {
            db.optional(
                "SELECT g.public, coalesce(x.rights, 0) FROM groups g
                     LEFT JOIN grants x
                       ON x.group_id = g.id AND x.user_id = ?2 AND x.repository = ''
                     WHERE g.name = ?1 AND g.desired",
                params![group.as_str(), user.map(|user| user.0)],
                |row| {
                    Ok(EffectiveGrant {
                        public: row.get(0)?,
                        rights: row.get(1)?,
                    })
                },
            )
        })
        .await
    }

    /// Sets the rights of an account on a group or on one of its repositories.
    /// Empty rights delete the grant. Returns `false` if there is no such
    /// account or group.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn grant(
        &self,
        user: UserId,
        group: &GroupName,
        repository: Option<&RepositoryName>,
        rights: Rights,
    ) -> Result<bool, StoreError> {
        let (group, now) = (group.clone(), self.clock.wall_ms());
        let repository = repository.map_or(String::new(), ToString::to_string);
        self.write(move |db| {
            if rights.is_empty() {
                let removed = db.run(
                    "DELETE FROM grants WHERE user_id = ?1 AND repository = ?3
                         AND group_id = (SELECT id FROM groups WHERE name = ?2)",
                    params![user.0, group.as_str(), repository],
                )?;
                return Ok(removed == 1);
            }
            let changed = db.run(
                "INSERT INTO grants (user_id, group_id, repository, rights, granted_at)
                     SELECT u.id, g.id, ?3, ?4, ?5 FROM users u, groups g
                     WHERE u.id = ?1 AND g.name = ?2 AND g.desired
                     ON CONFLICT DO UPDATE SET rights = excluded.rights,
                                               granted_at = excluded.granted_at",
                params![user.0, group.as_str(), repository, rights, now],
            )?;
            Ok(changed == 1)
        })
        .await
    }

    /// Returns the grants on one group, or of one account, or both.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn grants(
        &self,
        group: Option<&GroupName>,
        user: Option<UserId>,
    ) -> Result<Vec<Grant>, StoreError> {
        let group = group.map(ToString::to_string);
        self.read_for_people(move |db| {
            db.all(
                &format!(
                    "SELECT {COLUMNS} FROM {FROM}
                 WHERE (?1 IS NULL OR g.name = ?1) AND (?2 IS NULL OR u.id = ?2)
                 ORDER BY g.name, x.repository, u.key"
                ),
                params![group, user.map(|user| user.0)],
                grant_from,
            )
        })
        .await
    }

    /// Returns the grants of these accounts.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn grants_of(&self, users: &[UserId]) -> Result<Vec<Grant>, StoreError> {
        let users: Vec<i64> = users.iter().map(|user| user.0).collect();
        let users = serde_json::Value::from(users).to_string();
        self.read_for_people(move |db| {
            db.all(
                &format!(
                    "SELECT {COLUMNS} FROM {FROM}
                 WHERE x.user_id IN (SELECT value FROM json_each(?1))
                 ORDER BY g.name, x.repository, u.key"
                ),
                [users],
                grant_from,
            )
        })
        .await
    }

    /// Returns a page of the grants on one group, or of one account, or both,
    /// sorted by the name of the group or repository and then of the account.
    /// `search` keeps grants with this text in either name.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn grants_page(
        &self,
        group: Option<&GroupName>,
        user: Option<UserId>,
        search: Option<String>,
        page: PageRequest,
    ) -> Result<Page<Grant>, StoreError> {
        let (group, user) = (group.map(ToString::to_string), user.map(|user| user.0));
        let search = search.map(|text| text.to_lowercase());
        self.read_for_people(move |db| {
            let list = List {
                columns: COLUMNS,
                from: &format!(
                    "{FROM} WHERE (:group IS NULL OR g.name = :group)
                     AND (:user IS NULL OR x.user_id = :user)
                     AND (:search IS NULL OR instr(u.key, :search) OR instr(g.name, :search)
                          OR instr(x.repository, :search))"
                ),
                // Names contain no spaces.
                key: "CASE WHEN x.repository = '' THEN g.name ELSE x.repository END || ' ' || u.key",
                // Distinguishes a group from its repository of the same name.
                id: "(x.repository <> '')",
            };
            let values = named_params! { ":group": group, ":user": user, ":search": search };
            list.page(db, &page, &values, grant_from)
        })
        .await
    }
}

const COLUMNS: &str = "u.id, u.name, g.name, x.repository, x.rights";

const FROM: &str =
    "grants x JOIN users u ON u.id = x.user_id JOIN groups g ON g.id = x.group_id AND g.desired";

fn grant_from(row: &Row<'_>) -> Result<Grant, StoreError> {
    let repository: String = row.get(3)?;
    Ok(Grant {
        user: row.get(0)?,
        user_name: row.get(1)?,
        group: row.get(2)?,
        repository: match repository.as_str() {
            "" => None,
            name => Some(parsed(name)?),
        },
        rights: row.get(4)?,
    })
}
