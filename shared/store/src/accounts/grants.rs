//! Rights that accounts were given, and what decides what a credential may do
//! with a repository.

use refity_types::name::{GroupName, RepositoryName};
use refity_types::rights::Rights;
use rusqlite::{Connection, OptionalExtension as _, Row, Rows, params};

use crate::engine::page::List;
use crate::{Page, PageRequest, Store, StoreError, UserId};

/// Rights on a group or on one of its repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whose.
    pub user: UserId,
    /// The account's name.
    pub user_name: String,
    /// The group.
    pub group: GroupName,
    /// One repository of it; nothing: all.
    pub repository: Option<RepositoryName>,
    /// The rights, as they were given.
    pub rights: Rights,
}

/// What was given that concerns a repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Its group is public.
    pub public: bool,
    /// To the account, on the group or on the repository itself.
    pub rights: Rights,
}

/// What was given to an account (to nobody: only what is public) that concerns
/// a repository, which need not exist.
pub(crate) fn given(
    db: &Connection,
    user: Option<UserId>,
    repository: &RepositoryName,
) -> Result<Given, StoreError> {
    let group = db
        .prepare_cached("SELECT id, public FROM groups WHERE name = ?1 AND wanted")?
        .query_row([repository.group().as_str()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((group, public)) = group else {
        return Ok(Given::default());
    };
    let Some(user) = user else {
        return Ok(Given {
            public,
            rights: Rights::NONE,
        });
    };
    let mut query = db.prepare_cached(
        "SELECT rights FROM grants
         WHERE user_id = ?1 AND group_id = ?2 AND repository IN ('', ?3)",
    )?;
    let rights = query.query_map(params![user.0, group, repository.as_str()], |row| {
        Ok(Rights::from_bits(row.get(0)?))
    })?;
    let mut all = Rights::NONE;
    for rights in rights {
        all = all.or(rights?);
    }
    Ok(Given {
        public,
        rights: all,
    })
}

impl Store {
    /// What was given to an account that concerns a repository.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn given(
        &self,
        user: Option<UserId>,
        repository: &RepositoryName,
    ) -> Result<Given, StoreError> {
        let repository = repository.clone();
        self.read(move |db| given(db, user, &repository)).await
    }

    /// What was given to an account on a whole group. Nothing where there is no
    /// such group.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn given_on_group(
        &self,
        user: Option<UserId>,
        group: &GroupName,
    ) -> Result<Option<Given>, StoreError> {
        let group = group.clone();
        self.read(move |db| {
            Ok(db
                .prepare_cached(
                    "SELECT g.public, coalesce(x.rights, 0) FROM groups g
                     LEFT JOIN grants x
                       ON x.group_id = g.id AND x.user_id = ?2 AND x.repository = ''
                     WHERE g.name = ?1 AND g.wanted",
                )?
                .query_row(params![group.as_str(), user.map(|user| user.0)], |row| {
                    Ok(Given {
                        public: row.get(0)?,
                        rights: Rights::from_bits(row.get(1)?),
                    })
                })
                .optional()?)
        })
        .await
    }

    /// Gives an account these rights on a group, or on one repository of it,
    /// instead of those it had there; none takes them away. Answers false
    /// where there is no such account or group.
    ///
    /// # Errors
    /// When the database cannot be written.
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
                let removed = db
                    .prepare_cached(
                        "DELETE FROM grants WHERE user_id = ?1 AND repository = ?3
                         AND group_id = (SELECT id FROM groups WHERE name = ?2)",
                    )?
                    .execute(params![user.0, group.as_str(), repository])?;
                return Ok(removed == 1);
            }
            let given = db
                .prepare_cached(
                    "INSERT INTO grants (user_id, group_id, repository, rights, granted_at)
                     SELECT u.id, g.id, ?3, ?4, ?5 FROM users u, groups g
                     WHERE u.id = ?1 AND g.name = ?2 AND g.wanted
                     ON CONFLICT DO UPDATE SET rights = excluded.rights,
                                               granted_at = excluded.granted_at",
                )?
                .execute(params![
                    user.0,
                    group.as_str(),
                    repository,
                    rights.bits(),
                    now
                ])?;
            Ok(given == 1)
        })
        .await
    }

    /// All that was given, on one group or to one account or both.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn grants(
        &self,
        group: Option<&GroupName>,
        user: Option<UserId>,
    ) -> Result<Vec<Grant>, StoreError> {
        let group = group.map(ToString::to_string);
        self.read(move |db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM {FROM}
                 WHERE (?1 IS NULL OR g.name = ?1) AND (?2 IS NULL OR u.id = ?2)
                 ORDER BY g.name, x.repository, u.key"
            ))?;
            collect(query.query(params![group, user.map(|user| user.0)])?)
        })
        .await
    }

    /// All that was given to these accounts.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn grants_of(&self, users: &[UserId]) -> Result<Vec<Grant>, StoreError> {
        let users: Vec<i64> = users.iter().map(|user| user.0).collect();
        let users = serde_json::Value::from(users).to_string();
        self.read(move |db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM {FROM}
                 WHERE x.user_id IN (SELECT value FROM json_each(?1))
                 ORDER BY g.name, x.repository, u.key"
            ))?;
            collect(query.query([users])?)
        })
        .await
    }

    /// A page of what was given on one group or to one account or both, by the
    /// name of the group or repository and then of the account. `search`: only
    /// what has this text in either.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn grants_page(
        &self,
        group: Option<&GroupName>,
        user: Option<UserId>,
        search: Option<String>,
        page: PageRequest,
    ) -> Result<Page<Grant>, StoreError> {
        let (group, user) = (group.map(ToString::to_string), user.map(|user| user.0));
        let search = search.map(|text| text.to_lowercase());
        self.read(move |db| {
            let list = List {
                columns: COLUMNS,
                from: &format!(
                    "{FROM} WHERE (:group IS NULL OR g.name = :group)
                     AND (:user IS NULL OR x.user_id = :user)
                     AND (:search IS NULL OR instr(u.key, :search) OR instr(g.name, :search)
                          OR instr(x.repository, :search))"
                ),
                // Names hold no spaces.
                key: "iif(x.repository = '', g.name, x.repository) || ' ' || u.key",
                // Of a group and its repository of the same name.
                id: "(x.repository <> '')",
            };
            let values: &[(&str, &dyn rusqlite::ToSql)] =
                &[(":group", &group), (":user", &user), (":search", &search)];
            list.page(db, &page, values, grant_from)
        })
        .await
    }
}

const COLUMNS: &str = "u.id, u.name, g.name, x.repository, x.rights";

const FROM: &str =
    "grants x JOIN users u ON u.id = x.user_id JOIN groups g ON g.id = x.group_id AND g.wanted";

fn grant_from(row: &Row<'_>) -> Result<Grant, StoreError> {
    let repository: String = row.get(3)?;
    Ok(Grant {
        user: UserId(row.get(0)?),
        user_name: row.get(1)?,
        group: crate::engine::sql::parsed(&row.get::<_, String>(2)?)?,
        repository: match repository.as_str() {
            "" => None,
            name => Some(crate::engine::sql::parsed(name)?),
        },
        rights: Rights::from_bits(row.get(4)?),
    })
}

fn collect(mut rows: Rows<'_>) -> Result<Vec<Grant>, StoreError> {
    let mut grants = Vec::new();
    while let Some(row) = rows.next()? {
        grants.push(grant_from(row)?);
    }
    Ok(grants)
}
