//! The database of a running registry, for what no API shows or sets. The only
//! place in the tests that knows which database it is.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::{FromSql, Value};
use rusqlite::{Connection, Params, params};

/// How long to wait for other writers. Generous: the machine may be busy.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// An open database; several may be open at once, beside those of programs.
#[derive(Debug)]
pub struct Database(Connection);

/// An entry of the audit log.
#[derive(Debug)]
pub struct AuditEntry {
    /// Who did it.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// What it was done to.
    pub target: String,
    /// Whether it was refused.
    pub refused: bool,
    /// More about it.
    pub detail: String,
}

/// The write lock, which keeps readers out too. Released when dropped.
#[derive(Debug)]
pub struct Held(Database);

impl Held {
    /// Releases the lock.
    ///
    /// # Panics
    /// If the database fails, as all methods here do.
    pub fn release(self) {
        self.0.batch("ROLLBACK");
    }
}

#[expect(clippy::missing_panics_doc, reason = "a test may panic")]
impl Database {
    /// Opens the database in this `DATA_DIR`.
    #[must_use]
    pub fn open(data_dir: &Path) -> Self {
        let connection = Connection::open(data_dir.join("refity.db")).expect("a database");
        let option = connection.busy_timeout(BUSY_TIMEOUT);
        option.expect("to set an option");
        Self(connection)
    }

    /// Takes the lock that keeps everybody else out, readers too.
    #[must_use]
    pub fn hold(self) -> Held {
        self.batch("BEGIN EXCLUSIVE");
        Held(self)
    }

    /// Whether a write transaction can begin within `patience`.
    #[must_use]
    pub fn is_writable(&self, patience: Duration) -> bool {
        let set = |timeout| self.0.busy_timeout(timeout).expect("to set an option");
        set(patience);
        let began = self.0.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok();
        set(BUSY_TIMEOUT);
        began
    }

    /// Rows that refer to rows that do not exist.
    #[must_use]
    pub fn broken_references(&self) -> i64 {
        self.one("SELECT count(*) FROM pragma_foreign_key_check", [])
    }

    /// The number that each write draws.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.one("SELECT value FROM generation", [])
    }

    /// All rows about contents and about jobs, as text, to compare.
    #[must_use]
    pub fn index_rows(&self) -> Vec<String> {
        let tables = [
            "blobs",
            "manifests",
            "manifest_references",
            "repository_blobs",
            "repository_manifests",
            "(SELECT name, manifest_id, generation, published_manifest_id, pushed_at FROM tags)",
            "(SELECT id, name, created_at, last_push_at, unique_bytes FROM repositories)",
            "uploads",
            "jobs",
            "intents",
            "generation",
        ];
        let mut all = Vec::new();
        for table in tables {
            let query = format!("SELECT * FROM {table}");
            let mut query = self.0.prepare(&query).expect("a table");
            let columns = query.column_count();
            let rows = query.query_map([], |row| {
                let values = (0..columns).map(|n| row.get::<_, Value>(n));
                let values = values.collect::<Result<Vec<_>, _>>()?;
                Ok(format!("{table}: {values:?}"))
            });
            all.extend(rows.expect("rows").map(|row| row.expect("a row")));
        }
        all
    }

    /// How many blobs, manifests, tags and memberships there are, removed ones
    /// included.
    #[must_use]
    pub fn content_rows(&self) -> i64 {
        let tables = [
            "blobs",
            "manifests",
            "tags",
            "repository_blobs",
            "repository_manifests",
        ];
        let counts = tables.map(|table| format!("(SELECT count(*) FROM {table})"));
        self.one(&format!("SELECT {}", counts.join(" + ")), [])
    }

    /// Upload sessions that have not ended.
    #[must_use]
    pub fn open_uploads(&self) -> i64 {
        self.one("SELECT count(*) FROM uploads WHERE state = 'open'", [])
    }

    /// Makes all upload sessions those of an earlier boot.
    pub fn reboot_uploads(&self) {
        self.run("UPDATE uploads SET boot_id = 'another'", []);
    }

    /// The name of the blob's file in the spool, if it has one.
    #[must_use]
    pub fn spool_file(&self, digest: &str) -> Option<String> {
        self.one("SELECT file FROM blobs WHERE digest = ?1", [digest])
    }

    /// Whether a job of this kind runs; of any kind, if there is none.
    #[must_use]
    pub fn is_running(&self, kind: Option<&str>) -> bool {
        let sql = "SELECT EXISTS (SELECT 1 FROM jobs
                                  WHERE state = 'running' AND kind = coalesce(?1, kind))";
        self.one(sql, [kind])
    }

    /// Makes a job fail as if the storage had refused it, to be retried in an
    /// hour.
    pub fn fail_job(&self, id: i64) {
        let failed = self.run(
            "UPDATE jobs SET state = 'failed', run_after = run_after + 3600000, attempt = 3,
                    error_code = 'permission', error_message = 'refused', finished_at = NULL
             WHERE id = ?1",
            [id],
        );
        assert_eq!(failed, 1, "no job {id}");
    }

    /// The job that publishes a tag.
    #[must_use]
    pub fn tag_job(&self, repository: &str, tag: &str) -> i64 {
        self.one(
            "SELECT j.id FROM jobs j JOIN tags t ON t.id = j.target
             JOIN repositories r ON r.id = t.repository_id
             WHERE j.kind = 'publish_tag' AND r.name = ?1 AND t.name = ?2",
            [repository, tag],
        )
    }

    /// The process that tries the storage, if one does.
    #[must_use]
    pub fn prober(&self) -> Option<String> {
        self.one("SELECT prober FROM storage_health", [])
    }

    /// Says that a process that is dead collects garbage.
    pub fn set_collector(&self, owner: &str) {
        self.run("UPDATE collection SET collector = ?1", [owner]);
    }

    /// Forbids creating repositories by a push, in all groups.
    pub fn forbid_create_on_push(&self) {
        let groups = self.run("UPDATE groups SET create_on_push = 0", []);
        assert_ne!(groups, 0, "there are no groups");
    }

    /// Makes a group public.
    pub fn make_public(&self, group: &str) {
        let groups = self.run("UPDATE groups SET public = 1 WHERE name = ?1", [group]);
        assert_eq!(groups, 1, "no group {group}");
    }

    /// Adds an account with the administrator's password and these rights (1
    /// pull, 2 push, 4 delete, 8 manage) on groups, without running Argon2.
    pub fn add_user(&self, name: &str, grants: &[(&str, u8)]) {
        self.run(
            "INSERT INTO users (name, key, password_hash, role, must_change_password, created_at,
                                password_changed_at)
             SELECT ?1, ?1, password_hash, 'user', 0, 1, 1 FROM users WHERE name = 'admin'",
            [name],
        );
        for (group, rights) in grants {
            let granted = self.run(
                "INSERT INTO grants (user_id, group_id, rights, granted_at)
                 SELECT u.id, g.id, ?3, 1 FROM users u, groups g WHERE u.name = ?1 AND g.name = ?2",
                params![name, group, rights],
            );
            assert_eq!(granted, 1, "no group {group}");
        }
    }

    /// Takes all rights on groups from everybody.
    pub fn revoke_all_grants(&self) {
        self.run("DELETE FROM grants", []);
    }

    /// Ends all sessions.
    pub fn end_all_sessions(&self) {
        self.run("DELETE FROM sessions", []);
    }

    /// The whole audit log, oldest first.
    #[must_use]
    pub fn audit(&self) -> Vec<AuditEntry> {
        let sql =
            "SELECT actor, action, target, refused, coalesce(detail, '') FROM audit ORDER BY id";
        let mut query = self.0.prepare(sql).expect("the audit log");
        let entries = query.query_map([], |row| {
            Ok(AuditEntry {
                actor: row.get(0)?,
                action: row.get(1)?,
                target: row.get(2)?,
                refused: row.get(3)?,
                detail: row.get(4)?,
            })
        });
        let entries = entries.expect("entries");
        entries.map(|entry| entry.expect("an entry")).collect()
    }

    /// How often this was done, as far as the audit log says.
    #[must_use]
    pub fn audit_count(&self, action: &str) -> i64 {
        let sql = "SELECT coalesce(sum(count), 0) FROM audit WHERE action = ?1";
        self.one(sql, [action])
    }

    /// Adds pushes of tags `1`, `2`… of `team/app` to the audit log, with texts
    /// that a spreadsheet would misread.
    pub fn add_audited_pushes(&self, count: u32) {
        self.run(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
             INSERT INTO audit (at, actor, credential, action, target, address, detail)
             SELECT n, '=cmd()', 'password', 'push', 'team/app:' || n, '192.0.2.1', 'a,\"b\"'
             FROM n",
            [count],
        );
    }

    /// The days on which the storage's size was noted.
    #[must_use]
    pub fn storage_days(&self) -> i64 {
        self.one("SELECT count(*) FROM storage_days", [])
    }

    /// Adds 20 days before the first one, on which a storage of 10,000 bytes
    /// lost 100 a day until 5,000 were free.
    pub fn add_shrinking_days(&self) {
        self.batch(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20)
             INSERT INTO storage_days
             SELECT d.day - n, d.at, 0, 0, 0, 10000, 5000 + 100 * n
             FROM n, (SELECT min(day) AS day, at FROM storage_days) d;
             UPDATE storage_days SET capacity_total = 10000, capacity_free = 5000
             WHERE day = (SELECT max(day) FROM storage_days);",
        );
    }

    /// Adds the 90 days before today, in which the storage filled steadily.
    pub fn add_three_months(&self) {
        let days = self.run(
            "WITH RECURSIVE ago (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM ago WHERE n < 90)
             INSERT INTO storage_days
             SELECT unixepoch() / 86400 - n, 1000 * (unixepoch() - 86400 * n), 0, 0, 0,
                    capacity_total,
                    capacity_total - (capacity_total - capacity_free) * (250 - n) / 250
             FROM ago, storage_stats",
            [],
        );
        assert_eq!(days, 90, "the storage was not seen yet");
    }

    /// Makes every change of a tag run for ever.
    pub fn hang_tag_updates(&self) {
        self.batch(
            "CREATE TRIGGER endless BEFORE UPDATE ON tags BEGIN
                 SELECT count(*) FROM (
                     WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n
                                              WHERE n < 100000000000)
                     SELECT n FROM n);
             END",
        );
    }

    /// Makes every transaction fail that would mark the last contents of a
    /// removed repository.
    pub fn prevent_end_of_removals(&self) {
        self.batch(
            "CREATE TRIGGER no_end BEFORE UPDATE OF removal_intent ON repositories
             WHEN new.removal_intent IS NULL AND old.removal_intent IS NOT NULL
             BEGIN SELECT RAISE(ABORT, 'prevented by a test'); END",
        );
    }

    /// Ends [`Self::prevent_end_of_removals`].
    pub fn allow_end_of_removals(&self) {
        self.batch("DROP TRIGGER no_end");
    }

    /// Creates a database as the original Go system leaves it.
    pub fn create_original(data_dir: &Path) {
        Self::open(data_dir).batch(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT, password TEXT);
             CREATE TABLE images (id INTEGER PRIMARY KEY, name TEXT, tag TEXT, digest TEXT);
             INSERT INTO users (username, password) VALUES ('admin', 'x');
             INSERT INTO images (name, tag, digest) VALUES ('team/app', 'v1', 'sha256:0');",
        );
    }

    /// Runs statements in one transaction, each with a table `numbers` of the
    /// numbers `n` from 0 to `count` - 1, and `name` as `?2`.
    pub fn generate(&mut self, statements: &[&str], count: usize, name: &str) {
        let numbers = "WITH RECURSIVE numbers (n) AS
            (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?1)";
        let count = i64::try_from(count).expect("a small number");
        let transaction = self.0.transaction().expect("a transaction");
        for statement in statements {
            transaction
                .execute(&format!("{numbers} {statement}"), params![count, name])
                .expect("rows like those of a push");
        }
        transaction.commit().expect("to commit them");
    }

    fn one<T: FromSql>(&self, sql: &str, params: impl Params) -> T {
        let found = self.0.query_row(sql, params, |row| row.get(0));
        found.unwrap_or_else(|error| panic!("{error}: {sql}"))
    }

    fn run(&self, sql: &str, params: impl Params) -> usize {
        let changed = self.0.execute(sql, params);
        changed.unwrap_or_else(|error| panic!("{error}: {sql}"))
    }

    fn batch(&self, sql: &str) {
        let done = self.0.execute_batch(sql);
        done.unwrap_or_else(|error| panic!("{error}: {sql}"));
    }
}
