//! Robots: accounts for programs, which belong to a group.

use refity_types::account::RobotName;
use refity_types::name::GroupName;
use refity_types::rights::Scope;

use crate::accounts::tokens::{create_token, forget_ended, scopes_from, scopes_to_sql};
use crate::engine::db::{Db, Row};
use crate::engine::page::List;
use crate::engine::value::{named_params, params};
use crate::{
    AccessToken, NewToken, Page, PageRequest, RobotId, SecretHash, Store, StoreError, TokenOwner,
    UserId,
};

/// A robot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Robot {
    /// Id of the row.
    pub id: RobotId,
    /// Sign-in name.
    pub name: RobotName,
    /// Description of the robot's purpose.
    pub description: String,
    /// The robot's scopes, within its group.
    pub scopes: Vec<Scope>,
    /// Whether the robot is disabled.
    pub disabled: bool,
    /// Time of creation (milliseconds, UTC).
    pub created_at: i64,
    /// Account that created the robot, if it still exists.
    pub created_by: Option<String>,
}

/// A robot to create, with its first secret.
#[derive(Clone, Debug)]
pub struct NewRobot {
    /// Sign-in name.
    pub name: RobotName,
    /// Description of the robot's purpose.
    pub description: String,
    /// The robot's scopes, within its group.
    pub scopes: Vec<Scope>,
    /// Account that creates the robot.
    pub created_by: Option<UserId>,
    /// Hash of the secret.
    pub secret_hash: SecretHash,
    /// Expiry of the secret (milliseconds, UTC).
    pub expires_at: Option<i64>,
}

/// The result of creating a robot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RobotCreated {
    /// The robot was created.
    Yes(Box<Robot>),
    /// The group already has a robot of that name.
    Exists,
    /// There is no such group.
    NoGroup,
}

/// Changes to a robot.
#[derive(Clone, Debug, Default)]
pub struct RobotChange {
    /// New description.
    pub description: Option<String>,
    /// New scopes.
    pub scopes: Option<Vec<Scope>>,
    /// Whether to disable the robot.
    pub disabled: Option<bool>,
}

const COLUMNS: &str = "r.id, g.name, r.name, r.description, r.scopes,
                       r.disabled_at IS NOT NULL, r.created_at, u.name";

const FROM: &str = "robots r JOIN groups g ON g.id = r.group_id
                    LEFT JOIN users u ON u.id = r.created_by";

fn robot_from(row: &Row<'_>) -> Result<Robot, StoreError> {
    let group: GroupName = row.get(1)?;
    let name: String = row.get(2)?;
    let ill_formed = |_| StoreError::Corrupt(format!("not well-formed: {name}"));
    Ok(Robot {
        id: row.get(0)?,
        name: RobotName::new(group, &name).map_err(ill_formed)?,
        description: row.get(3)?,
        scopes: scopes_from(row.get(4)?)?.unwrap_or_default(),
        disabled: row.get(5)?,
        created_at: row.get(6)?,
        created_by: row.get(7)?,
    })
}

pub(crate) fn robot_by_id(db: &Db, id: RobotId) -> Result<Option<Robot>, StoreError> {
    db.optional(
        &format!("SELECT {COLUMNS} FROM {FROM} WHERE r.id = ?1"),
        [id.0],
        robot_from,
    )
}

fn robot_id(db: &Db, name: &RobotName) -> Result<Option<RobotId>, StoreError> {
    db.optional(
        "SELECT r.id FROM robots r JOIN groups g ON g.id = r.group_id
             WHERE g.name = ?1 AND r.name = ?2",
        [name.group.as_str(), name.own()],
        |row| row.get(0),
    )
}

impl Store {
    /// Creates a robot with its first secret, in one transaction.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn create_robot(&self, new: NewRobot) -> Result<RobotCreated, StoreError> {
        let now = self.clock.wall_ms();
        self.write(move |db| {
            let group: Option<i64> = db.optional(
                "SELECT id FROM groups WHERE name = ?1 AND desired",
                [new.name.group.as_str()],
                |row| row.get(0),
            )?;
            let Some(group) = group else {
                return Ok(RobotCreated::NoGroup);
            };
            let made = db.optional(
                "INSERT INTO robots
                         (group_id, name, description, scopes, created_at, created_by)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT (group_id, name) DO NOTHING RETURNING id",
                params![
                    group,
                    new.name.own(),
                    new.description,
                    scopes_to_sql(&new.scopes)?,
                    now,
                    new.created_by
                ],
                |row| row.get(0),
            )?;
            let Some(id) = made else {
                return Ok(RobotCreated::Exists);
            };
            let secret = NewToken {
                owner: TokenOwner::Robot(id),
                name: new.name.to_string(),
                secret_hash: new.secret_hash,
                scopes: None,
                expires_at: new.expires_at,
            };
            create_token(db, &secret, now)?;
            match robot_by_id(db, id)? {
                Some(robot) => Ok(RobotCreated::Yes(Box::new(robot))),
                None => Err(StoreError::Other("no robot was made".to_owned())),
            }
        })
        .await
    }

    /// Returns a page of a group's robots, sorted by name.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn robots(
        &self,
        group: &GroupName,
        search: Option<String>,
        page: PageRequest,
    ) -> Result<Page<Robot>, StoreError> {
        let (group, search) = (group.to_string(), search.map(|text| text.to_lowercase()));
        self.read_for_people(move |db| {
            let list = List {
                columns: COLUMNS,
                from: &format!(
                    "{FROM} WHERE r.group_id = (
                         SELECT id FROM groups WHERE name = :group AND desired)
                     AND (:search IS NULL OR instr(r.name, :search)
                          OR instr(lower(r.description), :search))"
                ),
                key: "r.name",
                id: "r.id",
            };
            let values = named_params! { ":group": group, ":search": search };
            list.page(db, &page, &values, robot_from)
        })
        .await
    }

    /// Returns the robot with this name.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn robot(&self, name: &RobotName) -> Result<Option<Robot>, StoreError> {
        let name = name.clone();
        self.read(move |db| match robot_id(db, &name)? {
            Some(id) => robot_by_id(db, id),
            None => Ok(None),
        })
        .await
    }

    /// Changes a robot. Returns `false` if there is none.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn change_robot(&self, id: RobotId, change: RobotChange) -> Result<bool, StoreError> {
        let now = self.clock.wall_ms();
        self.write(move |db| {
            let scopes = change.scopes.as_deref().map(scopes_to_sql).transpose()?;
            let changed = db.run(
                "UPDATE robots SET description = coalesce(?2, description),
                            scopes = coalesce(?3, scopes),
                            disabled_at = CASE ?4 WHEN 1 THEN coalesce(disabled_at, ?5)
                                                  WHEN 0 THEN NULL ELSE disabled_at END
                     WHERE id = ?1",
                params![id.0, change.description, scopes, change.disabled, now],
            )?;
            Ok(changed == 1)
        })
        .await
    }

    /// Deletes a robot and its secrets. Returns `false` if there is none.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn remove_robot(&self, id: RobotId) -> Result<bool, StoreError> {
        self.write(move |db| {
            let removed = db.run("DELETE FROM robots WHERE id = ?1", [id.0])?;
            Ok(removed == 1)
        })
        .await
    }

    /// Creates a new secret for a robot. Its existing secrets stay valid until
    /// `old_until` (milliseconds, UTC), or until they expire by themselves.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn rotate_robot(
        &self,
        robot: &Robot,
        secret_hash: SecretHash,
        expires_at: Option<i64>,
        old_until: i64,
    ) -> Result<AccessToken, StoreError> {
        let (now, id) = (self.clock.wall_ms(), robot.id);
        let name = robot.name.to_string();
        self.write(move |db| {
            forget_ended(db, now)?;
            db.run(
                "UPDATE access_tokens SET expires_at = min(coalesce(expires_at, ?2), ?2)
                 WHERE robot_id = ?1",
                [id.0, old_until],
            )?;
            let secret = NewToken {
                owner: TokenOwner::Robot(id),
                name,
                secret_hash,
                scopes: None,
                expires_at,
            };
            create_token(db, &secret, now)
        })
        .await
    }
}
