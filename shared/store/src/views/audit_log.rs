//! Reads of the audit log, in pages and for export, and deletion of old
//! entries.

use crate::content::sums::add_pulls;
use crate::engine::db::{Db, Row};
use crate::engine::page::List;
use crate::engine::value::{Named, params};
use crate::{AuditAction, Page, PageRequest, Store, StoreError};

/// Maximum number of rows deleted per transaction, which blocks all other
/// writes.
const PURGED_AT_ONCE: u32 = 200;

/// A day in milliseconds.
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    /// Id, increasing over time.
    pub id: i64,
    /// Time of the (last) event (milliseconds, UTC).
    pub at: i64,
    /// Name of the account.
    pub actor: String,
    /// Kind of credential.
    pub credential: String,
    /// The action.
    pub action: String,
    /// The target of the action.
    pub target: String,
    /// The repository, if the action concerns one.
    pub repository: Option<String>,
    /// Client address.
    pub address: String,
    /// Whether the action was refused.
    pub refused: bool,
    /// Number of events in the entry.
    pub count: i64,
    /// Details.
    pub detail: Option<String>,
}

/// A filter for entries.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only entries of this account.
    pub actor: Option<String>,
    /// Only entries with this action.
    pub action: Option<AuditAction>,
    /// Only entries of this repository.
    pub repository: Option<String>,
    /// Only entries at or after this time (milliseconds, UTC).
    pub since: Option<i64>,
    /// Only entries before this time (milliseconds, UTC).
    pub until: Option<i64>,
    /// Only entries with this text in their target.
    pub text: Option<String>,
}

const COLUMNS: &str = "id, at, actor, credential, action, target, repository, address, refused,
    count, detail";

impl AuditFilter {
    /// Returns the condition, which includes only the fields that are set, so
    /// that an index applies.
    fn condition(&self) -> (String, Named<'static>) {
        let mut sql = "audit WHERE true".to_owned();
        let mut values = Named::default();
        if let Some(actor) = &self.actor {
            sql += " AND actor = :actor";
            values.push(":actor", actor);
        }
        if let Some(action) = self.action {
            sql += " AND action = :action";
            values.push(":action", action.name());
        }
        if let Some(repository) = &self.repository {
            // The index contains only entries with a repository.
            sql += " AND repository = :repository AND repository <> ''";
            values.push(":repository", repository);
        }
        if let Some(since) = self.since {
            sql += " AND at >= :since";
            values.push(":since", since);
        }
        if let Some(until) = self.until {
            sql += " AND at < :until";
            values.push(":until", until);
        }
        if let Some(text) = &self.text {
            sql += " AND instr(lower(target), lower(:text)) > 0";
            values.push(":text", text);
        }
        (sql, values)
    }
}

fn line(row: &Row<'_>) -> Result<AuditLine, StoreError> {
    let repository: String = row.get(6)?;
    Ok(AuditLine {
        id: row.get(0)?,
        at: row.get(1)?,
        actor: row.get(2)?,
        credential: row.get(3)?,
        action: row.get(4)?,
        target: row.get(5)?,
        repository: Some(repository).filter(|name| !name.is_empty()),
        address: row.get(7)?,
        refused: row.get(8)?,
        count: row.get(9)?,
        detail: row.get(10)?,
    })
}

impl Store {
    /// Returns a page of the log, sorted by time.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn audit(
        &self,
        filter: AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditLine>, StoreError> {
        self.read_for_people(move |db| {
            let (from, values) = filter.condition();
            let list = List {
                columns: COLUMNS,
                from: &from,
                key: "at",
                id: "id",
            };
            list.page(db, &page, &values, line)
        })
        .await
    }

    /// Returns entries before this position, latest first, and the position
    /// after them if there may be more. Does not count the entries.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn audit_before(
        &self,
        filter: AuditFilter,
        place: Option<(i64, i64)>,
        limit: u32,
    ) -> Result<(Vec<AuditLine>, Option<(i64, i64)>), StoreError> {
        self.read_for_people(move |db| {
            let (from, mut values) = filter.condition();
            let (at, id) = place.unwrap_or((i64::MAX, i64::MAX));
            values.push(":before", at);
            values.push(":id", id);
            values.push(":limit", limit);
            let lines = db.all(
                &format!(
                    "SELECT {COLUMNS} FROM {from} AND (at, id) < (:before, :id)
                 ORDER BY at DESC, id DESC LIMIT :limit"
                ),
                &values,
                line,
            )?;
            let full = u32::try_from(lines.len()).is_ok_and(|count| count == limit);
            let next = lines.last().filter(|_| full);
            let next = next.map(|line| (line.at, line.id));
            Ok((lines, next))
        })
        .await
    }

    /// Deletes entries from before this time (milliseconds, UTC), and pulls of
    /// days that had ended by then: at most `limit` of each.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn purge_audit(&self, before: i64, limit: u32) -> Result<usize, StoreError> {
        let (mut left, mut all) = (limit, 0);
        while left > 0 {
            let some = left.min(PURGED_AT_ONCE);
            let (entries, days) = self
                .write_relaxed(move |db| purge(db, before, some))
                .await?;
            all += entries;
            left -= some;
            if entries.max(days) < some as usize {
                break;
            }
        }
        Ok(all)
    }
}

/// Deletes entries and days of pulls. Returns the number of each.
fn purge(db: &Db, before: i64, limit: u32) -> Result<(usize, usize), StoreError> {
    let entries = db.run(
        "DELETE FROM audit WHERE id IN
                 (SELECT id FROM audit WHERE at < ?1 ORDER BY at, id LIMIT ?2)",
        params![before, limit],
    )?;
    let old = db.all(
        "DELETE FROM pulls WHERE (repository_id, reference, day) IN
             (SELECT repository_id, reference, day FROM pulls WHERE day < ?1 LIMIT ?2)
         RETURNING repository_id, reference, count",
        params![before / DAY_MS, limit],
        |row| {
            Ok((
                row.get::<i64>(0)?,
                row.get::<String>(1)?,
                row.get::<i64>(2)?,
            ))
        },
    )?;
    for (repository, reference, count) in &old {
        add_pulls(db, *repository, reference, -count, 0)?;
    }
    Ok((entries, old.len()))
}
