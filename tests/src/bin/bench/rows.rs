//! Rows that a registry has after years of pushes, put into its database at
//! once: to push as much would take hours, and what is measured only reads.
//!
//! Each takes after a row that a real push made.

use refity_tests::lab::Lab;

/// The tags of a repository, as [`add_tags`] names them.
pub(crate) fn tag(n: usize) -> String {
    format!("v{n:06}")
}

/// The repositories, as [`add_repositories`] names them.
pub(crate) fn repository(n: usize) -> String {
    format!("team/r{n:06}")
}

fn run(lab: &Lab, statements: &[&str], count: usize, name: &str) {
    lab.database().generate(statements, count, name);
}

/// Counts anew what the store keeps of sums.
const SUMS: [&str; 3] = [
    "UPDATE repositories SET
         tags = (SELECT count(*) FROM tags t
                 WHERE t.repository_id = repositories.id AND t.manifest_id IS NOT NULL),
         done_jobs = (SELECT count(*) FROM job_repositories p JOIN jobs j ON j.id = p.job_id
                      WHERE p.repository_id = repositories.id AND j.state = 'done'
                        AND NOT p.shared)
     WHERE ?2 <> ''",
    "UPDATE repositories SET (logical_bytes, unique_bytes) = (
         SELECT coalesce(sum(b.size), 0), coalesce(sum(b.size), 0)
         FROM repository_blobs l JOIN blobs b ON b.id = l.blob_id
         WHERE l.repository_id = repositories.id AND l.desired)
     WHERE name = ?2",
    "UPDATE totals SET
         done_jobs = (SELECT count(*) FROM jobs WHERE state = 'done'),
         logical_bytes = (SELECT sum(logical_bytes) FROM repositories),
         stored_bytes = (SELECT sum(size) FROM blobs WHERE stored_at IS NOT NULL),
         stored_blobs = (SELECT count(*) FROM blobs WHERE stored_at IS NOT NULL)
     WHERE ?2 <> ''",
];

/// Gives a repository so many finished jobs, as old as its first blob.
pub(crate) fn add_history(lab: &Lab, repository: &str, count: usize) {
    let jobs = "INSERT INTO jobs (kind, target, state, priority, run_after, boot_id, created_at,
                                  started_at, finished_at)
        SELECT 'link_blob', l.id, 'done', 3, 0, '', l.touched_at, l.touched_at, l.touched_at
        FROM numbers, (SELECT l.id, l.touched_at FROM repository_blobs l
                       JOIN repositories r ON r.id = l.repository_id
                       WHERE r.name = ?2 LIMIT 1) l";
    let places = "INSERT INTO job_repositories (job_id, repository_id)
        SELECT j.id, r.id FROM jobs j, repositories r
        WHERE r.name = ?2 AND j.boot_id = '' AND ?1 > 0 AND NOT EXISTS (
            SELECT 1 FROM job_repositories p WHERE p.job_id = j.id)";
    run(lab, &[jobs, places, SUMS[0], SUMS[2]], count, repository);
}

/// Gives a repository so many tags, all of them on the manifest that one of
/// its tags points at.
pub(crate) fn add_tags(lab: &Lab, repository: &str, count: usize) {
    let tags = "INSERT INTO tags (repository_id, name, manifest_id, generation,
                                  published_manifest_id, pushed_at)
        SELECT t.repository_id, printf('v%06d', n), t.manifest_id, t.generation,
               t.manifest_id, t.pushed_at
        FROM numbers, (SELECT * FROM tags WHERE manifest_id IS NOT NULL AND repository_id =
            (SELECT id FROM repositories WHERE name = ?2) LIMIT 1) t
        WHERE true ON CONFLICT DO NOTHING";
    run(lab, &[tags, SUMS[0]], count, repository);
}

/// Adds so many repositories beside one that exists.
pub(crate) fn add_repositories(lab: &Lab, beside: &str, count: usize) {
    let repositories = "INSERT INTO repositories (group_id, name, created_at)
        SELECT group_id, printf('team/r%06d', n), created_at
        FROM numbers, (SELECT * FROM repositories WHERE name = ?2)";
    run(lab, &[repositories], count, beside);
}

/// Removes what [`add_repositories`] added.
pub(crate) fn remove_repositories(lab: &Lab, beside: &str, count: usize) {
    let repositories = "DELETE FROM repositories
        WHERE name <> ?2 AND name IN (SELECT printf('team/r%06d', n) FROM numbers)";
    run(lab, &[repositories], count, beside);
}

/// Gives the subject of a repository's one referrer so many more like it.
pub(crate) fn add_referrers(lab: &Lab, repository: &str, count: usize) {
    let one = "(SELECT r.id AS repository_id, f.manifest_id
                FROM repositories r
                JOIN repository_manifests rm ON rm.repository_id = r.id
                JOIN referrers f ON f.manifest_id = rm.manifest_id
                WHERE r.name = ?2 ORDER BY f.manifest_id LIMIT 1) one";
    // The digests are of nothing: only their form is read. Each repository
    // has its own.
    let digest = "printf('sha256:%032x%032x', one.repository_id, n)";
    let blobs = format!(
        "INSERT INTO blobs (digest, size, desired, generation, used_at, stored_at, confirmed_at)
         SELECT {digest}, b.size, 1, b.generation, b.used_at, b.stored_at, b.confirmed_at
         FROM numbers, {one} JOIN blobs b ON b.id = one.manifest_id"
    );
    let added = format!("numbers, {one} JOIN blobs b ON b.digest = {digest}");
    let manifests = format!(
        "INSERT INTO manifests (blob_id, media_type, bytes)
         SELECT b.id, m.media_type, m.bytes
         FROM {added} JOIN manifests m ON m.blob_id = one.manifest_id"
    );
    let memberships = format!(
        "INSERT INTO repository_manifests
             (repository_id, manifest_id, desired, generation, published_at, pushed_at)
         SELECT one.repository_id, b.id, 1, rm.generation, rm.published_at, rm.pushed_at
         FROM {added} JOIN repository_manifests rm
             ON rm.repository_id = one.repository_id AND rm.manifest_id = one.manifest_id"
    );
    let referrers = format!(
        "INSERT INTO referrers (manifest_id, subject, artifact_type, annotations)
         SELECT b.id, f.subject, f.artifact_type, f.annotations
         FROM {added} JOIN referrers f ON f.manifest_id = one.manifest_id"
    );
    let statements = [&*blobs, &manifests, &memberships, &referrers];
    run(lab, &statements, count, repository);
}

/// Gives a repository so many blobs that no manifest names, pushed long ago.
pub(crate) fn add_garbage(lab: &Lab, repository: &str, count: usize) {
    let blobs = "INSERT INTO blobs (digest, size, desired, generation, used_at, stored_at,
                                    confirmed_at)
        SELECT printf('sha256:%064x', n), 1000, 1, b.generation, b.used_at, b.stored_at,
               b.confirmed_at
        FROM numbers, (SELECT b.* FROM blobs b JOIN manifests m ON m.blob_id = b.id
                       WHERE ?2 <> '' LIMIT 1) b";
    let links = "INSERT INTO repository_blobs
            (repository_id, blob_id, desired, generation, linked_at, touched_at)
        SELECT r.id, b.id, 1, b.generation, b.stored_at, 0
        FROM numbers, repositories r, blobs b
        WHERE r.name = ?2 AND b.digest = printf('sha256:%064x', n)";
    run(lab, &[blobs, links, SUMS[1], SUMS[2]], count, repository);
}

/// Fills the audit log with so many pushes, a second apart, by an account
/// `bench`.
pub(crate) fn add_audit(lab: &Lab, count: usize) {
    let entries = "INSERT INTO audit (at, actor, credential, action, target, repository, address)
        SELECT n * 1000, 'bench', 'password', 'push', printf('team/r%06d:v1', n),
               printf('team/r%06d', n), '192.0.2.1'
        FROM numbers WHERE ?2 = ''";
    run(lab, &[entries], count, "");
}

/// An account with the admin's password that may pull from the group `team`,
/// and a group `open` from which everybody may.
pub(crate) fn add_reader(lab: &Lab, name: &str) {
    let database = lab.database();
    database.add_user(name, &[("team", 1)]);
    database.make_public("open");
}
